import type { z } from 'zod'
import type { Change, ProtocolVersion, Timeline } from '../../rules/index.ts'
import { notice, toDosage, toNeed } from '../permitted-exercises/answer.ts'
import type * as schemas from './schemas.ts'
import { speakChange, speakNeverPermitted, speakNextPhase, speakUndecided, speakWaiting } from './sentences.ts'

type Answer = z.output<typeof schemas.simulatedTimeline>
type ChangeAnswer = Answer['steps'][number]['changes'][number]

/** The timeline on the wire, with its sentences. `versions` are those that it was derived from. */
export function toTimeline(timeline: Timeline, versions: readonly ProtocolVersion[]): Answer {
  const { on, surgery, steps, isComplete, nextPhases, waiting, never, undecided, basis } = timeline
  const protocols = new Map(versions.map(({ document }) => [document.code, document.title]))
  const strengths = new Map(
    versions.flatMap(({ document }) =>
      document.contraindications.map((rule) => [`${document.code}/${rule.code}`, rule.strength] as const),
    ),
  )
  const inForce = new Map<string, number>()
  const speak = (change: Change): string => {
    if (change.kind !== 'begins' && change.kind !== 'ends') {
      return speakChange(change, { protocols, strengths, another: false })
    }
    const name = JSON.stringify([change.list, change.title])
    const before = inForce.get(name) ?? 0
    inForce.set(name, change.kind === 'begins' ? before + 1 : before - 1)
    return speakChange(change, { protocols, strengths, another: before > (change.kind === 'begins' ? 0 : 1) })
  }
  return {
    on,
    surgery: { ...surgery, procedures: [...surgery.procedures], levels: [...surgery.levels] },
    protocols: versions
      .map(({ version, document: { code, title } }) => ({ code, title, version }))
      .sort((a, b) => (a.code < b.code ? -1 : 1)),
    isComplete,
    steps: steps.map((step) => ({
      date: step.date,
      daysSinceSurgery: step.daysSinceSurgery,
      status: step.status,
      past: step.past,
      permitted: [...step.permitted],
      changes: step.changes.map((change) => toChange(change, speak(change))),
    })),
    nextPhases: nextPhases.map((next) => ({
      protocol: next.protocol,
      phase: next.phase,
      text: speakNextPhase(next, protocols, on),
    })),
    waiting: waiting.map((group) => ({
      earliest: group.earliest,
      exercises: group.exercises.map(({ code, title }) => ({ exercise: code, title })),
      needs: group.needs.map((need) => toNeed(need, on)),
      text: speakWaiting(group, on),
    })),
    never: never.map((named) => ({ exercise: named.code, title: named.title, text: speakNeverPermitted(named) })),
    undecided: undecided.map((named) => ({ exercise: named.code, title: named.title, text: speakUndecided(named) })),
    basis: { ...basis, notice },
  }
}

function toChange(change: Change, text: string): ChangeAnswer {
  switch (change.kind) {
    case 'status':
      return { kind: change.kind, status: change.to, text }
    case 'phase':
      return { kind: change.kind, protocol: change.protocol, phase: change.to, text }
    case 'permitted':
    case 'withheld':
      return { kind: change.kind, exercise: change.exercise.code, title: change.exercise.title, text }
    case 'changed': {
      const { kind, exercise, dose, side, supervision, provided } = change
      const how = { dosage: toDosage(dose), side, supervision, provided: [...provided] }
      return { kind, exercise: exercise.code, title: exercise.title, ...how, text }
    }
    case 'begins':
    case 'ends': {
      const { kind, list, protocol, rule, title, limit } = change
      return { kind, list, protocol, rule, title, limit, text }
    }
  }
}
