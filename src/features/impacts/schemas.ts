import { z } from 'zod'
import { calendarDate, instant, intQuery, slug } from '../../http/schemas.ts'
import { calendarDate as dateOut } from '../permitted-exercises/schemas.ts'
import { consequenceKinds, hiddenBy } from './consequences.ts'

const version = intQuery(1, 999_999_999)

export const impactQuery = z.strictObject({
  on: calendarDate.optional().describe('The date of the answers; left out: today in the clinic’s time zone.'),
  from: version.optional().describe('Only episodes that follow this version of the protocol.'),
  limit: intQuery(0, 1000).default(100).describe('How many of the changed episodes are listed at most; as lines: all.'),
  format: z
    .enum(['json', 'ndjson'])
    .optional()
    .describe(
      '`ndjson`: a line for each changed episode as it is found, then one with the summary. Left out: what `Accept` prefers.',
    ),
})

export const draftParams = z.object({ code: slug })

const named = z.object({ code: z.string(), title: z.string() })
const text = z.string().describe('In words.')

const consequenceFields = {
  name: z
    .string()
    .describe(
      'What it comes to and, after `=`, the value, to confirm it by: `loss:golf`, `limit-tightened:lifted-load/[lb_av]/max=5`. Another value has another name.',
    ),
  kind: z.enum(consequenceKinds),
  change: z
    .enum(['added', 'removed', 'tightened', 'relaxed', 'smaller', 'greater', 'other'])
    .nullable()
    .describe('Which way, where the kind does not say it.'),
  hidden: z
    .enum(hiddenBy)
    .nullable()
    .describe(
      'Null: it shows on the date. `hold`: only once the hold or the red flag is over; `override`: only without the override; `surgery`: only from the surgery on, which lies ahead; `correction`: only with the surgery as it was before a correction that is sent along.',
    ),
  about: named.describe('The exercise, protocol, quantity, symptom, fact or rule that it is about.'),
}

export const consequence = z
  .object({
    ...consequenceFields,
    before: z.string().nullable().describe('What it is today, in words or as a code.'),
    after: z.string().nullable().describe('What it becomes, in words or as a code.'),
    text,
  })
  .meta({ id: 'Consequence', description: 'What another version makes of one patient’s answer.' })

export const tally = z
  .object({ ...consequenceFields, episodes: z.int().min(1).describe('How many have it.'), text })
  .meta({ id: 'ConsequenceTally', description: 'A consequence, and how many episodes have it.' })

const episodes = z.int().min(0)

/** A number for each of the names. */
export function countsOf<Name extends string>(names: readonly Name[]) {
  return z.object(Object.fromEntries(names.map((name) => [name, episodes])) as Record<Name, typeof episodes>)
}

export const summaryFields = {
  text,
  episodes: episodes.describe('Open episodes that were looked at.'),
  changed: episodes.describe('Something that the patient does, keeps to or is asked would be another.'),
  explainedOtherwise: episodes.describe('Only reasons, sources or the wording of explanations would be others.'),
  unchanged: episodes.describe('The answer would be the same, the version’s number aside.'),
  cannotFollow: episodes.describe(
    'It does not fit the surgery and what else is followed, so that a move leaves them where they are.',
  ),
  later: episodes.describe('Of the changed: those with a consequence that does not show on the date (see `hidden`).'),
  kinds: countsOf(consequenceKinds).describe(
    'By kind of consequence: how many episodes have one of it that shows on the date.',
  ),
  consequences: z.array(tally).describe('Each with the episodes that have it; what takes something away first.'),
}

export const weighedEpisode = z
  .object({
    episode: z.string(),
    patient: z.string(),
    follows: z.int().min(1).describe('The version that it follows now.'),
    cannotFollow: z.string().nullable().describe('Why it cannot follow the version; null: it can.'),
    consequences: z.array(consequence),
  })
  .meta({
    id: 'ImpactedEpisode',
    description: 'An open episode whose answer would be another one, or which cannot follow the version.',
  })

export const impact = z
  .object({
    protocol: z.string(),
    to: z.object({
      version: z.int().min(1).nullable().describe('Null: the draft.'),
      status: z.string(),
      title: z.string(),
      revision: z.int().min(1),
    }),
    on: dateOut,
    knownAt: instant.describe('The moment of all the answers: what was recorded later is not in them.'),
    ...summaryFields,
    items: z
      .array(weighedEpisode)
      .describe('The changed episodes and those that cannot follow, in the order in which they were opened.'),
    isCut: z.boolean().describe('There are more than are listed.'),
  })
  .meta({ id: 'Impact', description: 'What a version would change for the open episodes that follow another one.' })

const kindOf = (kind: 'episode' | 'summary') => ({ kind: z.literal(kind) })
export const impactLine = z
  .union([
    weighedEpisode.extend(kindOf('episode')),
    impact.omit({ items: true, isCut: true }).extend(kindOf('summary')),
    z.looseObject({ kind: z.literal('error') }),
  ])
  .meta({
    id: 'ImpactLine',
    description:
      'One line. The last one is of kind `summary`, or of kind `error` with the `problem` that ended it; without one of them the answer is not complete.',
  })
