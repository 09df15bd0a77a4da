import { z } from 'zod'
import { basis, calendarDate, need, permitted, status, surgery } from '../permitted-exercises/schemas.ts'

const text = z.string().describe('One sentence for people.')
const exercise = { exercise: z.string().describe('Its code.'), title: z.string() }
const phase = z.object({ code: z.string(), title: z.string() })
const rule = {
  list: z.enum(['avoid', 'instructions', 'limits', 'goals']).describe('The list of the answer that it is in.'),
  protocol: z.string(),
  rule: z.string(),
  title: z.string().describe('A title, an instruction, or the text or the quantity of a limit.'),
  limit: z
    .object({
      quantity: z.string(),
      max: z.number().nullable(),
      min: z.number().nullable(),
      unit: z.string().nullable().describe('A UCUM code.'),
    })
    .nullable()
    .describe('Of a limit or a goal; no number: as the clinician instructs.'),
}

const change = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('status'), status, text }),
    z.object({
      kind: z.literal('phase'),
      protocol: z.string(),
      phase: phase.nullable().describe('Null: the protocol has no current phase.'),
      text,
    }),
    z.object({ kind: z.literal('permitted'), ...exercise, text }),
    z.object({ kind: z.literal('withheld'), ...exercise, text }),
    z
      .object({
        kind: z.literal('changed'),
        ...exercise,
        dosage: permitted.shape.dosage,
        side: permitted.shape.side,
        supervision: permitted.shape.supervision,
        provided: permitted.shape.provided,
        text,
      })
      .describe('It stays permitted, and is done in another way.'),
    z.object({ kind: z.literal('begins'), ...rule, text }),
    z.object({ kind: z.literal('ends'), ...rule, text }),
  ])
  .meta({ id: 'Change', description: 'One thing that is different from the day before.' })

const step = z
  .object({
    date: calendarDate,
    daysSinceSurgery: z.int().describe('Whole calendar days; the surgery day is 0, the day before it −1.'),
    status,
    past: z
      .boolean()
      .describe('False: later than the date asked about, so that it comes only if nothing more is recorded.'),
    permitted: z.array(z.string()).describe('Codes of the exercises that are permitted from this date on.'),
    changes: z.array(change),
  })
  .meta({ id: 'TimelineStep', description: 'A date on which something changes.' })

const waiting = z
  .object({
    earliest: calendarDate.describe('The first date on which they can be permitted.'),
    exercises: z.array(z.object(exercise)),
    needs: z.array(need),
    text,
  })
  .meta({ id: 'Waiting', description: 'Exercises that time alone does not bring, with what they need besides.' })

const content = {
  on: calendarDate,
  surgery,
  protocols: z.array(z.object({ code: z.string(), title: z.string(), version: z.int().nullable() })),
  isComplete: z
    .boolean()
    .describe('False: dates far from the one asked about are left out, because there are too many.'),
  steps: z
    .array(step)
    .describe('Every date on which the answer changes, from the surgery, or what comes before it, onwards.'),
  nextPhases: z
    .array(z.object({ protocol: z.string(), phase, text }))
    .describe('What the next phase of each protocol waits for.'),
  waiting: z.array(waiting).describe('What does not come by time alone, by what it needs.'),
  never: z.array(z.object({ ...exercise, text })).describe('What no milestone and no observation permits.'),
  undecided: z.array(z.object({ ...exercise, text })).describe('What there are too many possibilities to tell of.'),
  basis,
}

export const timeline = z
  .object({ episode: z.string(), ...content })
  .meta({ id: 'Timeline', description: 'Every change of a patient’s answer, and what later ones wait for.' })

export const simulatedTimeline = z
  .object(content)
  .meta({ id: 'SimulatedTimeline', description: 'The same timeline for a hypothetical patient; nothing is stored.' })
