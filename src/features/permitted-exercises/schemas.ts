import { z } from 'zod'
import { instant } from '../../http/schemas.ts'
import type { CalendarDate } from '../../rules/index.ts'
import { dose, factValue } from '../protocols/document-schema.ts'

/** A derived date can lie outside the years that a request may name. */
export const calendarDate = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/)
  .meta({ format: 'date' }) as unknown as z.ZodType<CalendarDate, string>

export const source = z
  .object({ id: z.string(), title: z.string(), locator: z.string().nullable(), url: z.string().nullable() })
  .meta({ id: 'Source', description: 'Where a rule comes from.' })

/** Which rule of which version says so; null where no rule does (a hold, an override). */
export const ruleReference = {
  protocol: z.string().nullable(),
  version: z.int().nullable().describe('Null for a document of a simulation.'),
  rule: z.string().nullable(),
  rationale: z.string().nullable(),
  sources: z.array(source),
}

const text = z.string().describe('One sentence for people.')
const until = calendarDate
  .nullable()
  .describe('First date on which it no longer holds if nothing more is recorded; null: time alone does not end it.')
const certain = z.boolean().describe('False: it counts because something is not known.')
const entry = z.string().nullable().describe('The entry of the record that it rests on.')

export const reason = z
  .object({
    kind: z
      .enum([
        'episode-closed',
        'red-flag',
        'hold',
        'no-protocol',
        'no-phase',
        'contraindication',
        'override',
        'sides-disagree',
        'phase-not-reached',
        'phase-passed',
        'condition-not-met',
        'not-prescribed',
      ])
      .describe('The reason, for software.'),
    text,
    title: z.string().nullable().describe('The rule’s title.'),
    strength: z.enum(['absolute', 'relative']).nullable().describe('Of a contraindication.'),
    certain,
    until,
    entry,
    ...ruleReference,
  })
  .meta({ id: 'Reason', description: 'Why an exercise, or everything, is withheld.' })

export const caution = z
  .object({ kind: z.enum(['caution', 'lifted']), text, title: z.string(), certain, until, entry, ...ruleReference })
  .meta({ id: 'Caution', description: 'What another rule has to say about a permitted exercise.' })

export const grant = z
  .object({
    kind: z.enum(['prescription', 'override']),
    text,
    dosage: dose.nullable(),
    side: z.string().nullable(),
    supervision: z.string().nullable(),
    modality: z.string().nullable().describe('How firmly the source puts it.'),
    provided: z.string().nullable().describe('What must be so while it is done.'),
    entry,
    ...ruleReference,
  })
  .meta({ id: 'Grant', description: 'What permits an exercise.' })

const exerciseFields = {
  exercise: z.string().describe('Its code.'),
  title: z.string(),
  kind: z.enum(['exercise', 'activity']),
  instructions: z.string().nullable(),
  position: z.string().nullable(),
  equipment: z.array(z.string()),
}

export const permitted = z
  .object({
    ...exerciseFields,
    dosage: dose.nullable().describe('Null: as the clinician instructs, which is not "as much as you like".'),
    side: z.enum(['both', 'operative', 'non-operative', 'left', 'right']),
    supervision: z.enum(['independent', 'supervised']),
    provided: z.array(z.string()).describe('What must be so while it is done, in words. It is shown and not judged.'),
    text: z.string().describe('One sentence for people: how it is done.'),
    grantedBy: z.array(grant),
    cautions: z.array(caution),
  })
  .meta({ id: 'PermittedExercise', description: 'An exercise that the patient may do on this date.' })

const from = calendarDate.describe('The first date on which it may happen.')
const by = calendarDate.describe('The last date on which it may happen.')

export const factTest = z
  .object({
    is: factValue.optional(),
    in: z.array(factValue).optional(),
    atLeast: z.number().optional(),
    atMost: z.number().optional(),
    above: z.number().optional(),
    below: z.number().optional(),
    withinDays: z.int().optional().describe('How many days the observation counts.'),
  })
  .describe('What the observation must be: all that is given.')

export const need = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('date'), date: calendarDate, text }).describe('Time has to pass.'),
    z
      .object({
        kind: z.literal('milestone'),
        milestone: z.string().describe('Its code.'),
        title: z.string(),
        grantedBy: z.array(z.string()).describe('The roles that may grant it; empty: anybody may record it.'),
        from,
        by,
        text,
      })
      .describe('A milestone or a clearance goes on record.'),
    z
      .object({
        kind: z.literal('fact'),
        fact: z.string().describe('Its code.'),
        title: z.string(),
        ask: z.string().describe('The question that fills it.'),
        unit: z.string().nullable().describe('A UCUM code.'),
        test: factTest,
        from,
        by,
        text,
      })
      .describe('An observation is made, of a value that meets the test.'),
    z
      .object({
        kind: z.literal('resolution'),
        redFlag: z.string().describe('Its code.'),
        title: z.string(),
        entry: z.string().describe('The symptom’s entry of the record.'),
        text,
      })
      .describe('A red flag is resolved.'),
    z
      .object({
        kind: z.literal('end'),
        of: z.enum(['hold', 'override']),
        reason: z.string(),
        entry: z.string().describe('Its entry of the record.'),
        text,
      })
      .describe('A hold, or an override that withholds, is ended by whoever set it.'),
    z
      .object({
        kind: z.literal('override'),
        lifts: z.array(z.object({ protocol: z.string(), code: z.string(), title: z.string() })),
        text,
      })
      .describe('A clinician permits it with an override that lifts these relative contraindications.'),
  ])
  .meta({ id: 'Need', description: 'One thing that has to happen before a withheld exercise can be permitted.' })

const wayForward = z
  .object({
    outcome: z
      .enum(['permitted', 'never', 'undecided'])
      .describe(
        '`permitted`: with the needs met it is permitted on `earliest`, and on no date before. `never`: no milestone and no observation makes it permitted. `undecided`: there are too many possibilities to tell.',
      ),
    earliest: calendarDate.nullable(),
    needs: z.array(need).describe('The fewest things that it takes.'),
    text,
  })
  .meta({ id: 'WayForward', description: 'When it can be permitted at the earliest, and what is still needed.' })

export const withheld = z
  .object({
    ...exerciseFields,
    reasons: z.array(reason).min(1),
    wayForward,
  })
  .meta({
    id: 'WithheldExercise',
    description: 'An exercise that the patient may not do on this date, with every reason.',
  })

export const status = z
  .enum(['active', 'no-phase', 'on-hold', 'closed'])
  .describe('`no-phase`, `on-hold` and `closed`: nothing is permitted.')

export const surgery = z.object({
  surgeryDate: calendarDate,
  procedures: z.array(z.string()),
  levels: z.array(z.string()),
  side: z.enum(['left', 'right', 'bilateral']).nullable(),
})

const answerFields = {
  on: calendarDate,
  daysSinceSurgery: z.int().describe('Whole calendar days; the surgery day is 0, the day before it −1.'),
  status,
  statusReasons: z.array(reason).describe('What withholds everything, if anything does.'),
  surgery,
  protocols: z.array(
    z.object({
      code: z.string(),
      title: z.string(),
      version: z.int().nullable(),
      phase: z
        .object({
          code: z.string(),
          title: z.string(),
          setting: z.string().nullable(),
          goals: z.array(z.string()),
          since: calendarDate,
        })
        .nullable(),
    }),
  ),
}

export const basis = z
  .object({
    revision: z.int().min(0).describe('The episode’s revision that the answer rests on.'),
    knownAt: instant.describe('What was recorded by then counts. Asking again with it gives this answer again.'),
    semantics: z.int().min(1).describe('Version of the meaning of protocols.'),
    notice: z.string(),
  })
  .meta({ id: 'Basis', description: 'What the answer rests on.' })

const measure = {
  quantity: z.string(),
  max: z.number().nullable(),
  min: z.number().nullable(),
  unit: z.string().nullable().describe('A UCUM code.'),
  text: z.string().nullable(),
  certain,
  until,
}

const missingFact = z
  .object({
    fact: z.string().describe('Its code.'),
    title: z.string(),
    ask: z.string().describe('The question that fills it.'),
    type: z.enum(['number', 'boolean', 'choice', 'text']),
    unit: z.string().nullable().describe('A UCUM code.'),
    min: z.number().nullable(),
    max: z.number().nullable(),
    values: z.array(z.string()).describe('What a choice can be.'),
    stale: z
      .object({ value: factValue, on: calendarDate })
      .nullable()
      .describe('The last observation, too old to count; null: there is none.'),
    rules: z.array(z.string()).describe('The rules and phases that wait for it, by code.'),
    protocol: z.string(),
    version: z.int().nullable().describe('Null for a document of a simulation.'),
    text,
  })
  .meta({ id: 'MissingFact', description: 'An observation that is not known and that the answer waits for.' })

const derived = {
  ...answerFields,
  permitted: z.array(permitted),
  withheld: z.array(withheld),
  avoid: z
    .array(
      z.object({
        title: z.string(),
        strength: z.enum(['absolute', 'relative', 'caution']),
        certain,
        until,
        text,
        ...ruleReference,
      }),
    )
    .describe('The contraindications in force, in words that a patient can follow.'),
  instructions: z.array(z.object({ about: z.string(), text, certain, until, ...ruleReference })),
  limits: z
    .array(
      z.object({
        ...measure,
        asInstructed: z.boolean().describe('True: as the clinician instructs, which is not "unlimited".'),
        supersededBy: z.object({ protocol: z.string(), rule: z.string() }).nullable(),
        ...ruleReference,
      }),
    )
    .describe('Every limit that applies; the one that is not superseded is in force.'),
  goals: z
    .array(z.object({ ...measure, ...ruleReference }))
    .describe('Numbers to work towards. They restrict nothing.'),
  redFlags: z
    .array(
      z.object({
        code: z.string(),
        title: z.string(),
        response: z.enum(['emergency', 'contact-surgeon']),
        open: z.boolean(),
        since: calendarDate.nullable(),
        text,
        entry,
        protocol: z.string().nullable(),
        version: z.int().nullable(),
        sources: z.array(source),
      }),
    )
    .describe('Symptoms to watch for; open ones first. While one is open, nothing is permitted.'),
  missingFacts: z.array(missingFact).describe('What to ask: with it on record the answer may be another.'),
  nextChange: calendarDate
    .nullable()
    .describe('The first later date on which this answer changes if nothing more is recorded; null: it never does.'),
  basis,
}

export const permittedExercises = z.object({ episode: z.string(), ...derived }).meta({
  id: 'PermittedExercises',
  description: 'What a patient may do on a date, and why everything else is withheld.',
})

export const simulation = z
  .object(derived)
  .meta({ id: 'Simulation', description: 'The same answer for a hypothetical patient; nothing is stored.' })

export const verdict = z
  .object({
    episode: z.string(),
    ...answerFields,
    verdict: z.enum(['permitted', 'withheld']),
    permitted: permitted.nullable(),
    withheld: withheld.nullable(),
    basis,
  })
  .meta({ id: 'ExerciseVerdict', description: 'The verdict on one exercise of the catalogue.' })
