import { z } from 'zod'
import { calendarDate, instant, instantInput, slug } from '../../http/schemas.ts'
import { calendarDate as dateOut, reason, status } from '../permitted-exercises/schemas.ts'

/** What an open episode can be: what is closed is not in a caseload. */
export const openStatuses = ['active', 'no-phase', 'on-hold'] as const

export const caseloadQuery = z.strictObject({
  protocol: slug.optional().describe('Only episodes that follow this protocol, in whatever version.'),
  phase: slug.optional().describe('Only episodes that are in this phase of the `protocol`.'),
  status: z.enum(openStatuses).optional().describe('Only episodes with this status.'),
  changedSince: instantInput
    .optional()
    .describe(
      'Only episodes whose record was changed after this moment: `nextChangedSince` of the last summary. Those that were closed since, or do not fit the other filters, come as short lines.',
    ),
  on: calendarDate.optional().describe('The date asked about; left out: today in the clinic’s time zone.'),
  cursor: z
    .string()
    .max(1000)
    .optional()
    .describe(
      'Go on behind a line of kind `cursor`, as of the same moment and date. The other parameters are those of the answer that was broken off.',
    ),
})

const code = z.string().nullable()
const until = dateOut.nullable()

const withReasons = z
  .array(z.object({ kind: reason.shape.kind, protocol: code, rule: code, until }))
  .describe('Every reason, by its codes: the sentences are in `GET /v1/episodes/{id}/permitted-exercises`.')

const ids = {
  episode: z.string(),
  patient: z.string(),
  revision: z.int().min(0).describe('The episode’s revision that the line rests on.'),
}

export const episodeLine = z
  .object({
    kind: z.literal('episode'),
    ...ids,
    on: dateOut,
    daysSinceSurgery: z.int().describe('Whole calendar days; the surgery day is 0, the day before it −1.'),
    status,
    statusReasons: withReasons.describe('What withholds everything, if anything does.'),
    protocols: z.array(
      z.object({ code: z.string(), version: z.int().nullable(), phase: code.describe('Null: no phase is reached.') }),
    ),
    permitted: z
      .array(
        z.object({
          exercise: z.string().describe('Its code.'),
          text: z
            .string()
            .describe('One sentence for people: how it is done, with dose, side, supervision and provisos.'),
          cautions: z.array(
            z.object({ kind: z.enum(['caution', 'lifted']), protocol: z.string(), rule: z.string(), until }),
          ),
        }),
      )
      .describe('Only as the text says, with its cautions, and within `limits`.'),
    withheld: z.array(z.object({ exercise: z.string(), reasons: withReasons.min(1) })),
    limits: z
      .array(
        z.object({
          protocol: z.string(),
          rule: z.string(),
          quantity: z.string(),
          max: z.number().nullable(),
          min: z.number().nullable(),
          unit: z.string().nullable().describe('A UCUM code.'),
          asInstructed: z.boolean().describe('True: as the clinician instructs, which is not "unlimited".'),
          until,
        }),
      )
      .describe('Those in force: the strictest of each quantity.'),
    missingFacts: z
      .array(z.object({ protocol: z.string(), fact: z.string() }))
      .describe('What to ask: with it on record the answer may be another.'),
  })
  .meta({
    id: 'CaseloadEpisode',
    description: 'What one patient may do on the date, by codes: the same verdicts as the single answer gives.',
  })

export const closedLine = z
  .object({ kind: z.literal('closed'), ...ids })
  .meta({ id: 'CaseloadClosed', description: 'With `changedSince`: an episode that is closed.' })

export const otherLine = z.object({ kind: z.literal('other'), ...ids }).meta({
  id: 'CaseloadOther',
  description: 'With `changedSince`: an open episode that does not fit the other filters, and may have done so before.',
})

export const cursorLine = z
  .object({
    kind: z.literal('cursor'),
    lines: z.int().min(0).describe('How many episodes the lines so far have told of, before this answer too.'),
    cursor: z.string().describe('Goes on behind what has come so far.'),
  })
  .meta({ id: 'CaseloadCursor', description: 'What has come so far is whole. After each batch.' })

const episodes = z.int().min(0)

export const caseloadSummary = z
  .object({
    kind: z.literal('summary'),
    on: dateOut,
    knownAt: instant.describe('The moment of all lines: what was recorded later is not in them.'),
    before: episodes.describe('Lines about episodes that came before the `cursor` of the request; 0 without one.'),
    episodes: episodes.describe('Lines of kind `episode` in this answer; what follows counts these.'),
    statuses: z.object({ active: episodes, 'no-phase': episodes, 'on-hold': episodes }),
    protocols: z
      .array(z.object({ protocol: z.string(), phase: code, episodes }))
      .describe('By protocol and phase; an episode that follows several counts in each.'),
    closed: episodes,
    other: episodes,
    seconds: z.number(),
    nextChangedSince: instant.describe(
      '`changedSince` of the next answer. It lies a minute before this one was first asked for, as the clocks of several servers differ: a few lines may come again.',
    ),
    dateChanged: z
      .boolean()
      .describe(
        'True: `changedSince` lies on another date than `on`. Answers change with the date by themselves, so ask once without it.',
      ),
  })
  .meta({ id: 'CaseloadSummary', description: 'The last line of an answer that is complete.' })

export const caseloadLine = z
  .discriminatedUnion('kind', [
    episodeLine,
    closedLine,
    otherLine,
    cursorLine,
    caseloadSummary,
    z.looseObject({ kind: z.literal('error') }),
  ])
  .meta({
    id: 'CaseloadLine',
    description:
      'One line. The last one is of kind `summary`, or of kind `error` with the `problem` that ended it; without a summary the answer is not complete.',
  })
