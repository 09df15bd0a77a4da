import type { z } from 'zod'
import {
  type Diff,
  type Difference,
  type DiffOccasion,
  type DiffWitness,
  diff,
  type PhaseMove,
  type ProtocolDocument,
  type Undecided,
} from '../../rules/index.ts'
import { toTest } from '../permitted-exercises/answer.ts'
import type * as schemas from './schemas.ts'
import {
  speakDiff,
  speakDifference,
  speakMove,
  speakOccasion,
  speakUndecided,
  speakWitness,
  type Titles,
} from './sentences.ts'

type Answer = z.output<typeof schemas.diff>

/** One of two versions that are compared. */
export interface Compared {
  number: number | null
  status: string
  title: string
  /** Null: of what is not stored as a version. */
  revision: number | null
  document: ProtocolDocument
}

function titlesOf(documents: readonly ProtocolDocument[]): Titles {
  return new Map(
    documents.flatMap(({ milestones, facts }) => [
      ...milestones.map(({ code, title }) => [code, { title, unit: null }] as const),
      ...facts.map(({ code, title, unit = null }) => [code, { title, unit }] as const),
    ]),
  )
}

function toOccasion(occasion: DiffOccasion): Answer['differences'][number]['occasions'][number] {
  const { days, milestones, facts, operation, without, reading } = occasion
  return {
    days,
    milestones: milestones.map(({ milestone, grantedBy, least, most }) => ({
      milestone: milestone.code,
      title: milestone.title,
      grantedBy: [...grantedBy],
      leastDays: least,
      mostDays: most,
    })),
    facts: facts.map(({ fact, test, least, most }) => ({
      fact: fact.code,
      title: fact.title,
      unit: fact.unit,
      test: toTest(test),
      leastDays: least,
      mostDays: most,
    })),
    operation: operation.map(({ told, test }) => ({ told, test: test === null ? null : toTest(test) })),
    without: { milestones: [...without.milestones], facts: [...without.facts] },
    reading,
    text: speakOccasion(occasion),
  }
}

function toWitness(witness: DiffWitness, titles: Titles): NonNullable<Answer['differences'][number]['witness']> {
  const { milestones, facts, procedures } = witness
  return {
    ...witness,
    procedures: [...procedures],
    milestones: [...milestones],
    facts: [...facts],
    text: speakWitness(witness, titles),
  }
}

/** What every difference has, on the wire. */
function toDecided(
  { direction, days, occasions, isComplete, witness }: Difference | PhaseMove,
  text: string,
  titles: Titles,
) {
  return {
    direction,
    text,
    days: [...days],
    occasions: occasions.map(toOccasion),
    isComplete,
    witness: witness === null ? null : toWitness(witness, titles),
  }
}

function toDifference(difference: Difference, titles: Titles): Answer['differences'][number] {
  const decided = toDecided(difference, speakDifference(difference), titles)
  switch (difference.kind) {
    // What they say in words is called `words`, because `text` is the sentence.
    case 'instruction':
    case 'instructed-limit':
    case 'goal': {
      const { text: words, ...rest } = difference
      return { ...rest, words, ...decided } as Answer['differences'][number]
    }
    default:
      // Lists that nobody changes are lists on the wire.
      return { ...difference, ...decided } as Answer['differences'][number]
  }
}

function subjectOf(undecided: Undecided): string | null {
  return 'of' in undecided ? undecided.of.code : 'quantity' in undecided ? undecided.quantity : null
}

/** Compares two versions of a protocol and puts what differs on the wire. */
export function toDiff(code: string, from: Compared, to: Compared, found = compare(from, to)): Answer {
  const titles = titlesOf([from.document, to.document])
  const endOf = ({ number, status, title, revision }: Compared): Answer['from'] => {
    return { version: number, status, title, revision }
  }
  const { differences, phases, undecided, text, isTextCut, looks } = found
  return {
    protocol: code,
    from: endOf(from),
    to: endOf(to),
    text: speakDiff(found),
    isSame: differences.length === 0 && undecided.length === 0,
    differences: differences.map((difference) => toDifference(difference, titles)),
    phases: phases.map((move): Answer['phases'][number] => {
      const { kind, phase, change, isOnly } = move
      return { kind, phase, change, isOnly, ...toDecided(move, speakMove(move), titles) }
    }),
    undecided: undecided.map((one) => ({ kind: one.kind, subject: subjectOf(one), text: speakUndecided(one) })),
    textChanges: text.map(({ change, name, before, after }) => ({ change, name, before, after })),
    isTextCut,
    looks,
  }
}

export function compare(from: Compared, to: Compared): Diff {
  return diff(from.document, to.document)
}
