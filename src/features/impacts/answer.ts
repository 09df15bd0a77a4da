import type { z } from 'zod'
import type { CalendarDate } from '../../rules/index.ts'
import { speakBounds, speakCode, speakDose } from '../phrases.ts'
import type { Consequence } from './consequences.ts'
import type * as schemas from './schemas.ts'
import { speakConsequence, speakInGeneral, speakMisfit, speakReading, speakSummary } from './sentences.ts'
import { orderTallies, type Summary } from './summary.ts'
import type { Weighed } from './weigh.ts'

type Wire = z.output<typeof schemas.consequence>

/** The exercise, or whatever else it is about. */
function aboutOf(consequence: Consequence): Wire['about'] {
  switch (consequence.kind) {
    case 'status':
      return { code: consequence.after, title: consequence.after }
    case 'phase':
      return consequence.protocol
    case 'limit':
    case 'instructed-limit':
    case 'limit-text':
    case 'goal':
      return { code: consequence.quantity, title: speakCode(consequence.quantity) }
    case 'avoid':
      return { code: consequence.rule, title: consequence.title }
    case 'instruction':
      return { code: consequence.rule, title: consequence.about }
    case 'until':
      return consequence.about
    case 'red-flag':
      return consequence.redFlag
    case 'question':
    case 'reading':
      return consequence.fact
    default:
      return consequence.exercise
  }
}

function endsOf(consequence: Consequence): Pick<Wire, 'before' | 'after'> {
  switch (consequence.kind) {
    case 'status':
    case 'side':
    case 'supervision':
      return { before: consequence.before, after: consequence.after }
    case 'phase':
      return { before: consequence.before?.code ?? null, after: consequence.after?.code ?? null }
    case 'dose':
      return { before: speakDose(consequence.before), after: speakDose(consequence.after) }
    case 'reading':
      return { before: speakReading(consequence.before), after: speakReading(consequence.after) }
    case 'until':
      return { before: consequence.before?.date ?? null, after: consequence.after?.date ?? null }
    case 'limit-text':
    case 'provided':
      return { before: consequence.before.join('; ') || null, after: consequence.after.join('; ') || null }
    case 'limit': {
      const { end, unit, before, after } = consequence
      const say = (value: number | null): string | null =>
        value === null
          ? null
          : speakBounds({ min: end === 'min' ? value : null, max: end === 'max' ? value : null, unit })
      return { before: say(before), after: say(after) }
    }
    default:
      return { before: null, after: null }
  }
}

function describe(consequence: Consequence): Pick<Wire, 'name' | 'kind' | 'change' | 'hidden' | 'about'> {
  const { name, kind, hidden = null } = consequence
  const change = 'change' in consequence ? consequence.change : null
  return { name, kind, change, hidden, about: aboutOf(consequence) }
}

export function toConsequence(consequence: Consequence, on: CalendarDate): Wire {
  return { ...describe(consequence), ...endsOf(consequence), text: speakConsequence(consequence, on) }
}

export function toTallies(summary: Summary): z.output<typeof schemas.tally>[] {
  return orderTallies(summary).map(({ consequence, episodes }) => {
    return { ...describe(consequence), episodes, text: speakInGeneral(consequence) }
  })
}

export function toSummary(summary: Summary) {
  const { episodes, cannotFollow, outcomes, later, kinds } = summary
  return {
    text: speakSummary(summary),
    episodes,
    changed: outcomes.changed,
    explainedOtherwise: outcomes['explained-otherwise'],
    unchanged: outcomes.unchanged,
    cannotFollow,
    later,
    kinds,
    consequences: toTallies(summary),
  }
}

export function toWeighed(
  { episode, follows, misfit, consequences }: Weighed,
  on: CalendarDate,
): z.output<typeof schemas.weighedEpisode> {
  return {
    episode: episode.id,
    patient: episode.patientId,
    follows,
    cannotFollow: misfit === null ? null : `It cannot follow this version: ${speakMisfit(misfit)}`,
    consequences: consequences.map((consequence) => toConsequence(consequence, on)),
  }
}
