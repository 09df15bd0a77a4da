import { z } from 'zod'
import { listWords } from '../../http/nearest.ts'
import { mostLocations } from '../../http/problems.ts'
import { line, slug, text } from '../../http/schemas.ts'
import { keysOf } from '../../http/source-places.ts'
import { alsoFind } from '../../http/validation.ts'
import {
  type CaseEntry,
  type Catalogue,
  type Condition,
  type FactTest,
  type FactValue,
  leavesOf,
  type ProtocolDocument,
  type Side,
  type TestCase,
} from '../../rules/index.ts'
import { exerciseBody } from '../exercises/schemas.ts'
import { describeFlaw, toLocations } from './describe-flaws.ts'
import { findFlawsOfFragments, findUnknownOfFragments } from './fragments.ts'

/** What JSON Schema can say of the members together. In the OpenAPI document it would be in a reader's way. */
function forEditors(rules: object): Record<string, unknown> {
  return { forEditors: rules }
}

/** Days are counted over at most a century, before or after. */
const days = z.int().min(-36_500).max(36_500)

const dayOrRange = 'must be a whole number, or a range of two, like `[28, 42]`'

const dayBound = z
  .union(
    [
      days,
      z.tuple([days, days], { error: dayOrRange }).refine(([earliest, latest]) => earliest < latest, {
        error: 'must name the earlier day first, like `[28, 42]`; where both are the same, write the one number',
      }),
    ],
    { error: dayOrRange },
  )
  .meta({
    description:
      'A number of days; or `[earliest, latest]` where the source gives a range. Between the two it is not known: a grant waits for the later day, and a contraindication stays until it.',
  })

export const factValue = z
  .union([z.number(), z.boolean(), line(200)], { error: 'must be a number, `true`, `false` or a text' })
  .meta({ description: 'A number, `true`/`false`, or a text.' }) satisfies z.ZodType<FactValue>

const comparisons = {
  is: factValue.optional().describe('Exactly this value.'),
  in: z.array(factValue).min(1).max(100).optional().describe('One of these values.'),
  atLeast: z.number().optional().describe('This number or more.'),
  atMost: z.number().optional().describe('This number or less.'),
  above: z.number().optional().describe('More than this number.'),
  below: z.number().optional().describe('Less than this number.'),
  withinDays: z.int().min(0).max(36_500).optional().describe('An observation older than this many days is unknown.'),
}

function saysSomething({ is, in: oneOf, atLeast, atMost, above, below }: FactTest): boolean {
  return [is, oneOf, atLeast, atMost, above, below].some((bound) => bound !== undefined)
}

const forms = {
  all: z.strictObject({
    get all() {
      return z.array(condition).min(1).max(50).describe('True when every one of these is; false when one is false.')
    },
  }),
  any: z.strictObject({
    get any() {
      return z.array(condition).min(1).max(50).describe('True when one of these is; false when every one is false.')
    },
  }),
  not: z.strictObject({
    get not() {
      return condition
    },
  }),
  days: z.strictObject({
    days: z
      .strictObject({
        since: slug.optional().describe('A milestone; left out: the surgery.'),
        atLeast: dayBound.optional(),
        before: dayBound.optional(),
      })
      .refine((test) => test.atLeast !== undefined || test.before !== undefined, {
        error: 'must have `atLeast`, `before` or both',
      })
      .meta(forEditors({ anyOf: [{ required: ['atLeast'] }, { required: ['before'] }] }))
      .describe('Whole calendar days in `[atLeast, before)`; the surgery day is day 0. At least one of the two.'),
  }),
  milestone: z.strictObject({
    milestone: slug.describe('Code of a milestone: true once it is reached, and until it is revoked.'),
  }),
  fact: z
    .strictObject({
      fact: slug.describe('Code of a fact: its latest observation is compared. Without one it is unknown.'),
      ...comparisons,
    })
    .refine(saysSomething, { error: 'must compare the fact: `is`, `in`, `atLeast`, `atMost`, `above` or `below`' })
    .meta(
      forEditors({ anyOf: ['is', 'in', 'atLeast', 'atMost', 'above', 'below'].map((test) => ({ required: [test] })) }),
    ),
  phase: z.strictObject({
    phase: z
      .strictObject({
        from: slug.optional().describe('Left out: the first phase.'),
        through: slug.optional().describe('Left out: the last phase.'),
      })
      .refine((span) => span.from !== undefined || span.through !== undefined, {
        error: 'must have `from`, `through` or both',
      })
      .meta({ minProperties: 1 })
      .describe('True while the current phase lies in this span, both ends included. Not in the entry of a phase.'),
  }),
}

/** The form that a condition is meant to have: the one whose name it has. */
function formOf(value: object): z.ZodType<Condition> | string | null {
  const named = Object.keys(forms).filter((name) => Object.hasOwn(value, name)) as (keyof typeof forms)[]
  const [name, ...others] = named
  if (name === undefined) return Object.keys(comparisons).some((key) => Object.hasOwn(value, key)) ? forms.fact : null
  if (others.length === 0) return forms[name]
  return `must be one condition and is ${listWords(named, 'and')}: write \`all: […]\` or \`any: […]\` round them; in a merge patch, set what is to go to \`null\``
}

/**
 * A union that reads a value in one form only. Read in each, a wrong condition would be wrong in seven ways, and so would
 * be every condition inside of it.
 */
const Forms = z.core.$constructor('Forms', (form: z.ZodUnion, def: z.core.$ZodUnionDef) => {
  z.ZodUnion.init(form, def)
  const inAnyForm = form._zod.parse
  form._zod.parse = (payload, context) => {
    const { value } = payload
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return inAnyForm(payload, context)
    const meant = formOf(value)
    if (meant === null && Object.keys(value).length > 0) {
      payload.issues.push({
        code: 'unrecognized_keys',
        keys: Object.keys(value),
        input: value as Record<string, unknown>,
        inst: form,
      })
      return payload
    }
    if (typeof meant === 'string') {
      payload.issues.push({ code: 'custom', message: meant, input: value, inst: form })
      return payload
    }
    return meant === null ? inAnyForm(payload, context) : meant._zod.run(payload, context)
  }
})

/** More tests than any clinician could follow in one rule. */
const mostTests = 50

export const condition: z.ZodType<Condition> = z
  .lazy(() => new Forms({ type: 'union', options: Object.values(forms) }) as unknown as z.ZodType<Condition>)
  .refine((whole) => [...leavesOf(whole)].length <= mostTests, {
    error: `must not have more than ${mostTests} tests in all`,
  })
  .meta({
    id: 'Condition',
    description:
      'When a rule applies: `all`, `any`, `not`, `days`, `milestone`, `fact` or `phase`, in three-valued logic. What is unknown never grants, and never ends a contraindication.',
  })

const sources = z.array(slug).max(20).optional().describe('Ids of the document’s `sources`.')
const when = condition.optional().describe('Left out: always.')

/** Whatever is measured in a clinic, and what the database can keep. */
const measure = z.number().min(-1e15).max(1e15)

const amount = z.strictObject({
  quantity: slug.describe('What is measured, for instance `load` or `knee-flexion`.'),
  value: z.number().min(0).max(1_000_000).describe('At most this much.'),
  unit: line(50).describe('A UCUM code, for instance `kg`.'),
})

function isDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length
}

const doseShape = {
  sets: z.int().min(1).max(100).optional().describe('How many sets each time.'),
  reps: z.int().min(1).max(1000).optional().describe('How many repetitions in a set.'),
  holdSeconds: z.number().min(1).max(3600).optional().describe('How long each repetition is held.'),
  durationMinutes: z.number().min(0.5).max(1440).optional().describe('How long it is done each time.'),
  timesPerDay: z.int().min(1).max(48).optional().describe('On how many occasions a day.'),
  timesPerWeek: z.int().min(1).max(100).optional().describe('On how many occasions a week.'),
  amounts: z
    .array(amount)
    .min(1)
    .max(20)
    .refine((amounts) => isDistinct(amounts.map(({ quantity, unit }) => `${quantity} ${unit}`)), {
      error: 'must name each `quantity` in one `unit` once',
    })
    .optional()
    .describe('Load, distance, arc of motion and the like, each at most this much.'),
  intensity: line(200).optional().describe('How hard, in the words of the source: “light”, “pain-free”.'),
  note: text(1000).optional().describe('What else to tell the patient about it.'),
}

export const dose = z
  .object(doseShape)
  .meta({ id: 'Dose', description: 'How much, how often; what is left out is not said.' })

const inAddress = "[\\w.~!$&'()*+,;=:@-]|%[0-9a-f]{2}"

/** With nothing in it that RFC 3986 does not allow there. */
const webAddress = new RegExp(
  `^https?://(?:${inAddress}|\\[[0-9a-f:.]+\\])+(?:/(?:${inAddress}|/)*)?(?:\\?(?:${inAddress}|[/?])*)?(?:#(?:${inAddress}|[/?])*)?$`,
  'i',
)

export const sourceBody = z.strictObject({
  id: slug.describe('By which `sources` of a rule cite it.'),
  title: line(300).describe('Title of the book, article or guideline.'),
  locator: line(300).optional().describe('Where in it: a heading, a page.'),
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address' })
    .refine((url) => webAddress.test(url), {
      error: 'must be an http or https address, with every other character percent-encoded',
    })
    .max(2000)
    .optional()
    .meta({ pattern: '^[Hh][Tt][Tt][Pp][Ss]?://', description: 'Where to read it.' }),
})

export const milestoneBody = z.strictObject({
  code: slug
    .refine((code) => code !== 'surgery', { error: 'must not be `surgery`: leave `since` out to count from it' })
    .meta({ not: { const: 'surgery' }, description: 'What conditions and records call it: `six-week-visit`.' }),
  title: line(200).describe('What has been reached, in words: “Six-week visit”.'),
  grantedBy: z.array(slug).min(1).max(20).optional().describe('Makes it a clearance: only these roles may grant it.'),
  preOperative: z.boolean().optional().describe('It may be dated before the surgery.'),
  sources,
})

const sides = ['left', 'right', 'bilateral'] as const satisfies readonly Side[]

export const factBody = z
  .strictObject({
    code: slug.describe('What conditions and records call it: `pain`.'),
    title: line(200).describe('What is observed, in words: “Pain now”.'),
    type: z.enum(['number', 'boolean', 'choice', 'text']).describe('What an observation is; a choice lists `values`.'),
    unit: line(50).optional().describe('A UCUM code, for a number.'),
    min: measure.optional().describe('The least that can be observed, for a number.'),
    max: measure.optional().describe('The most that can be observed, for a number.'),
    values: z.array(line(200)).min(1).max(100).optional().describe('What a choice can be.'),
    ask: text(500).describe('The question that fills it.'),
    fixed: z
      .boolean()
      .optional()
      .describe('It stays what it is once it is known, like the kind of graft; another observation corrects it.'),
    operation: z
      .union(
        [
          z.literal('levels'),
          z.literal('side'),
          z.strictObject({ procedure: slug.describe('Code of one of the clinic’s procedures.') }),
        ],
        {
          error: 'must be `levels`, `side` or `{ procedure: … }`',
        },
      )
      .optional()
      .describe(
        'The episode’s operation tells it as long as nobody has observed it, so that it need not be asked: `levels`, how many (a number); `side`, which (a choice of `left`, `right` and `bilateral`); `{ procedure }`, whether that procedure is one of the operation’s (a boolean).',
      ),
  })
  .refine((fact) => (fact.type === 'choice') === (fact.values !== undefined), {
    error: 'must list what a choice can be, and only a choice has them',
    path: ['values'],
  })
  .refine((fact) => fact.type === 'number' || (fact.min === undefined && fact.max === undefined), {
    error: 'must be left out: only a number has a range',
    path: ['min'],
  })
  .refine((fact) => fact.min === undefined || fact.max === undefined || fact.min <= fact.max, {
    error: 'must not be below `min`',
    path: ['max'],
  })
  .superRefine(({ type, values = [], operation }, context) => {
    if (operation === undefined) return
    const wanted = operation === 'levels' ? 'number' : operation === 'side' ? 'choice' : 'boolean'
    const told = typeof operation === 'string' ? `operation: ${operation}` : 'operation: { procedure: … }'
    if (type !== wanted) {
      context.addIssue({ code: 'custom', path: ['type'], message: `must be \`${wanted}\` for \`${told}\`` })
    } else if (operation === 'side' && !sides.every((side) => values.includes(side))) {
      const message = 'must have `left`, `right` and `bilateral` for `operation: side`'
      context.addIssue({ code: 'custom', path: ['values'], message })
    }
  })
  .meta(
    forEditors({
      allOf: [
        {
          if: { properties: { type: { const: 'choice' } } },
          // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
          then: { required: ['values'] },
          else: { not: { required: ['values'] } },
        },
        {
          if: { not: { properties: { type: { const: 'number' } } } },
          // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
          then: { not: { anyOf: [{ required: ['min'] }, { required: ['max'] }] } },
        },
      ],
    }),
  )

export const phaseBody = z.strictObject({
  code: slug.describe('What prescriptions and conditions call it: `early`.'),
  title: line(200).describe('What it is called, in words: “First weeks at home”.'),
  setting: slug.optional().describe('Where the patient is: `inpatient-supervised`, `home`.'),
  entry: condition.describe('True: the patient has reached it, if all phases before it are reached too.'),
  goals: z.array(text(500)).max(30).optional().describe('What the patient works towards in it, in words.'),
  sources,
})

const prescriptionShape = {
  exercise: slug.optional().describe('Exactly one of `exercise` and `group`.'),
  group: slug.optional().describe('All exercises of this group. Exactly one of `exercise` and `group`.'),
  from: slug.describe('First phase.'),
  through: slug.optional().describe('Last phase; left out: `from` alone.'),
  when,
  dosage: z
    .array(z.strictObject({ when, ...doseShape }))
    .min(1)
    .max(50)
    .optional()
    .describe('The last entry whose `when` is true is the dose; left out: as the clinician instructs.'),
  provided: line(300)
    .optional()
    .describe('What must be so while it is done, in words: "with the brace on". It is shown, not judged.'),
  modality: line(200).optional().describe('How firmly the source puts it.'),
  rationale: text(2000).optional().describe('Why, in words for a clinician.'),
  sources,
}

export const prescriptionBody = z
  .strictObject({
    code: slug.optional().describe('Left out: made from the exercise or group.'),
    ...prescriptionShape,
    supervision: z
      .enum(['independent', 'supervised'])
      .default('supervised')
      .describe('`independent` only if the patient may do it alone.'),
    side: z
      .enum(['both', 'operative', 'non-operative', 'left', 'right'])
      .default('both')
      .describe('For which side of the body.'),
  })
  .refine((prescription) => (prescription.exercise === undefined) !== (prescription.group === undefined), {
    error: 'must name either an `exercise` or a `group`',
    path: ['exercise'],
  })
  .meta(forEditors({ oneOf: [{ required: ['exercise'] }, { required: ['group'] }] }))

const grades = z.record(slug, z.literal([1, 2, 3]))

const targetBody = z
  .strictObject({
    exercise: slug.optional().describe('The exercise of this code.'),
    group: slug.optional().describe('Every exercise of this group.'),
    kind: z.enum(['exercise', 'activity']).optional().describe('Every exercise, or every activity of daily life.'),
    attributes: grades.optional().describe('Attribute to grade; a grade means "at least".'),
  })
  .refine((target) => Object.values(target).some((part) => part !== undefined && Object.keys(part).length > 0), {
    error: 'must name an `exercise`, a `group`, a `kind` or `attributes`',
  })
  .meta(
    forEditors({
      anyOf: [
        ...['exercise', 'group', 'kind'].map((part) => ({ required: [part] })),
        { required: ['attributes'], properties: { attributes: { minProperties: 1 } } },
      ],
    }),
  )

export const contraindicationBody = z.strictObject({
  code: slug.describe('What overrides and accepted findings call it.'),
  title: line(200).describe('What to avoid, in words for a patient.'),
  strength: z
    .enum(['absolute', 'relative', 'caution'])
    .describe('`absolute` withholds; `relative` too, unless an override lifts it; `caution` only warns.'),
  target: z.array(targetBody).min(1).max(100).describe('Any of these; within one, everything that it names.'),
  except: z
    .array(targetBody)
    .min(1)
    .max(100)
    .optional()
    .describe(
      'But none of these: what certainly matches one of them is not meant. An attribute without a grade does not.',
    ),
  when,
  rationale: text(2000).optional().describe('Why, in words for a clinician.'),
  sources,
})

export const instructionBody = z.strictObject({
  code: slug.describe('What the answer calls it.'),
  about: slug.describe('What it is about: `posture`, `brace`, `driving`.'),
  text: text(2000).describe('What to do, in words for a patient. It is shown, not judged.'),
  when,
  sources,
})

export const limitBody = z
  .strictObject({
    code: slug.describe('What the answer calls it.'),
    kind: z
      .enum(['cap', 'goal'])
      .optional()
      .describe('A `cap` restricts (left out: that); a `goal` is a number to work towards and restricts nothing.'),
    quantity: slug.describe('What is limited, for instance `lifted-load`.'),
    max: measure.optional().describe('At most this much.'),
    min: measure.optional().describe('At least this much.'),
    value: z.null().optional().describe('`null` instead of a number: as the clinician instructs.'),
    unit: line(50).optional().describe('A UCUM code, for instance `[lb_av]`.'),
    text: text(1000).optional().describe('The limit in words for a patient.'),
    when,
    sources,
  })
  .refine((limit) => (limit.value === null) === (limit.max === undefined && limit.min === undefined), {
    error: 'must be `null` when there is neither `max` nor `min`, and left out otherwise',
    path: ['value'],
  })
  .refine((limit) => limit.max === undefined || limit.min === undefined || limit.min <= limit.max, {
    error: 'must not be below `min`',
    path: ['max'],
  })
  .refine((limit) => limit.kind !== 'goal' || limit.value !== null, {
    error: 'must be left out: a goal is a number to work towards, so give it `min`, `max` or both',
    path: ['value'],
  })
  .meta(
    forEditors({
      oneOf: [
        { anyOf: [{ required: ['max'] }, { required: ['min'] }], not: { required: ['value'] } },
        {
          required: ['value'],
          not: {
            anyOf: [
              { required: ['max'] },
              { required: ['min'] },
              { required: ['kind'], properties: { kind: { const: 'goal' } } },
            ],
          },
        },
      ],
    }),
  )

export const redFlagBody = z.strictObject({
  code: slug.describe('What records call it: `bladder-or-bowel-loss`.'),
  title: line(200).describe('The symptom, in words for a patient.'),
  response: z
    .enum(['emergency', 'contact-surgeon'])
    .describe('What it calls for. While one is open, nothing is permitted.'),
  text: text(1000).optional().describe('What to do, in words for a patient.'),
  sources,
})

const acceptedBody = z
  .array(
    z.strictObject({
      finding: line(400).describe('The finding’s name, as the check gives it.'),
      reason: text(2000).describe('Why it is right as it is.'),
    }),
  )
  .max(200)
  .refine((accepted) => isDistinct(accepted.map(({ finding }) => finding)), {
    error: 'must name each finding once',
  })

const caseDay = days.describe('Whole calendar days since the surgery, which is day 0; negative before it.')
const untilDay = days.optional().describe('The first day on which it no longer holds; left out: it goes on.')
const endsLater = ({ from, until }: { from: number; until?: number | undefined }): boolean =>
  until === undefined || from < until
const spanError = {
  path: ['until'],
  error: 'is the first day on which it no longer holds, so it must be later than `from`',
}

const caseEntryForms = {
  milestone: z
    .strictObject({
      milestone: slug.describe('Code of the milestone that was reached.'),
      on: caseDay,
      by: slug.optional().describe('The role that granted it; left out: the first that may.'),
      revoked: days.optional().describe('The day on which it was taken back.'),
    })
    .refine(({ on, revoked }) => revoked === undefined || on <= revoked, {
      path: ['revoked'],
      error: 'must not lie before `on`',
    }),
  fact: z.strictObject({ fact: slug.describe('Code of the fact that was observed.'), is: factValue, on: caseDay }),
  symptom: z
    .strictObject({
      symptom: slug.describe('Code of the red flag that was reported.'),
      on: caseDay,
      resolved: days.optional().describe('The day on which a clinician resolved it; left out: it is open.'),
    })
    .refine(({ on, resolved }) => resolved === undefined || on <= resolved, {
      path: ['resolved'],
      error: 'must not lie before `on`',
    }),
  permit: z
    .strictObject({
      permit: slug.describe('Code of the exercise that a clinician permits for this patient.'),
      from: caseDay,
      until: untilDay,
      lifts: z.array(slug).min(1).max(50).optional().describe('Codes of the relative contraindications that it lifts.'),
    })
    .refine(endsLater, spanError),
  withhold: z
    .strictObject({
      withhold: slug.describe('Code of the exercise that a clinician withholds from this patient.'),
      from: caseDay,
      until: untilDay,
    })
    .refine(endsLater, spanError),
  hold: z
    .strictObject({
      hold: line(1000).describe('Why all exercise is on hold.'),
      from: caseDay,
      until: untilDay,
    })
    .refine(endsLater, spanError),
}

/** One line of what has happened, as test cases and the command line write it. */
export const caseEntry = z.union(Object.values(caseEntryForms) as unknown as [z.ZodType<CaseEntry>])

export const levels = z.array(line(20)).max(30)
export const operatedSide = z.enum(sides)

const atMost = z.number().nullable().optional()

const caseExpectation = z
  .strictObject({
    status: z.enum(['active', 'no-phase', 'on-hold', 'closed']).optional().describe('Of the patient as a whole.'),
    phase: slug.nullable().optional().describe('The current phase; `null`: none.'),
    permitted: z.array(slug).min(1).max(500).optional().describe('Exercises that must be permitted.'),
    withheld: z.array(slug).min(1).max(500).optional().describe('Exercises that must not be permitted.'),
    dose: z
      .record(
        slug,
        z
          .strictObject(doseShape)
          .refine((dose) => Object.values(dose).some((part) => part !== undefined), {
            error: 'must compare something: `reps`, `timesPerDay` or another part of a dose; `null`: as instructed',
            when: ({ issues }) => issues.length === 0,
          })
          .meta({ minProperties: 1 })
          .nullable(),
      )
      .optional()
      .describe('By exercise: what its dose must say, of which only what is named is compared; `null`: as instructed.'),
    limits: z
      .array(
        z
          .strictObject({
            quantity: slug.describe('As in `limits` of the document.'),
            unit: line(50).optional().describe('A UCUM code; left out: any.'),
            max: atMost.describe('The strictest `max` in force; `null`: none is.'),
            min: atMost.describe('The strictest `min` in force; `null`: none is.'),
            asInstructed: z.boolean().optional().describe('Whether a limit in force leaves it to the clinician.'),
          })
          .refine(({ max, min, asInstructed }) => [max, min, asInstructed].some((part) => part !== undefined), {
            error: 'must compare something: `max`, `min` or `asInstructed`',
          })
          .meta(forEditors({ anyOf: ['max', 'min', 'asInstructed'].map((part) => ({ required: [part] })) })),
      )
      .min(1)
      .max(100)
      .optional()
      .describe('Limits in force, by quantity.'),
  })
  .refine((expect) => Object.values(expect).some((part) => part !== undefined), {
    error: 'must expect something: `permitted`, `withheld`, `phase`, `status`, `dose` or `limits`',
    when: ({ issues }) => issues.length === 0,
  })
  .meta({ minProperties: 1 })

export const caseBody = z
  .strictObject({
    code: slug.describe('What findings call it.'),
    title: line(200).optional().describe('What it shows, in words.'),
    procedures: z
      .array(slug)
      .min(1)
      .max(10)
      .optional()
      .describe('What was operated; left out: the document’s procedures.'),
    levels: levels.optional().describe('The levels that were operated on, for instance `C5-C6`.'),
    side: operatedSide.optional().describe('Which side was operated on.'),
    record: z.array(caseEntry).max(100).optional().describe('What has been recorded, in that order.'),
    on: caseDay.describe('The day asked about, counted from the surgery, which is day 0.'),
    expect: caseExpectation.describe('What the answer must be on that day. Only what is named is compared.'),
  })
  .meta({
    id: 'TestCase',
    description:
      'A patient whom the author has thought of, and what the protocol must answer. Checking and publishing run it; if the answer is another, the protocol is not published.',
  }) as unknown as z.ZodType<TestCase>

/** More than an author could read; few enough to run at every check. */
const mostCases = 200

/** A protocol document as it is written; optional parts may be left out. */
export const documentBody = z
  .strictObject({
    format: z.literal(1, { error: 'must be 1, the only format there is' }).describe('The format of the document: 1.'),
    code: slug.describe('Names the protocol in the clinic: `acdf-standard`.'),
    title: line(200).describe('What clinicians call it.'),
    description: text(5000)
      .optional()
      .describe('Whom it is for, what it rests on, and what was decided where sources differ.'),
    procedures: z.array(slug).min(1).max(50).describe('Codes of the clinic’s procedures that it is for.'),
    exercises: z
      .array(exerciseBody)
      .max(1000)
      .default([])
      .describe('Catalogue entries that the document brings along. One that the clinic has already must be the same.'),
    sources: z
      .array(sourceBody)
      .max(200)
      .default([])
      .describe('What the rules rest on; each rule cites them by their `id`.'),
    milestones: z
      .array(milestoneBody)
      .max(200)
      .default([])
      .describe('Dated events that conditions ask about. With `grantedBy` it is a clearance.'),
    facts: z
      .array(factBody)
      .max(200)
      .default([])
      .describe('Observations that conditions ask about, with the question that fills each.'),
    phases: z
      .array(phaseBody)
      .max(50)
      .default([])
      .describe(
        'Stages of recovery, in order. A patient is in the last of those that are reached one after the other.',
      ),
    prescriptions: z
      .array(prescriptionBody)
      .max(500)
      .default([])
      .describe('What is granted, in which phases, at what dose. What nothing grants is withheld.'),
    contraindications: z
      .array(contraindicationBody)
      .max(200)
      .default([])
      .describe('What is withheld, and while when. It applies unless its condition is certainly false.'),
    instructions: z
      .array(instructionBody)
      .max(200)
      .default([])
      .describe('Guidance that is shown and not judged: posture, brace, driving, care of the wound.'),
    limits: z
      .array(limitBody)
      .max(200)
      .default([])
      .describe('Numbers for daily life and exercise: a lifted load, a time of sitting, an angle.'),
    redFlags: z
      .array(redFlagBody)
      .max(200)
      .default([])
      .describe('Symptoms that stop everything until a clinician has resolved them.'),
    accepted: acceptedBody
      .optional()
      .describe('Warnings of the check that the author has seen and lets stand, by name. Errors cannot be accepted.'),
    cases: z
      .array(caseBody)
      .max(mostCases)
      .optional()
      .describe('Test cases: records, days, and what must be permitted or withheld. Publishing runs them.'),
  })
  .meta({
    id: 'ProtocolDocument',
    description:
      'A protocol version as one document: written, kept in git, exported and imported. Its JSON Schema, for editors, is at `/protocol-document.schema.json`.',
  })

// Whatever part of a document is not well formed, its author is told of the names in the rest, too.
alsoFind(documentBody, (body, mistakes) =>
  // Each description compares with every known name.
  findFlawsOfFragments(body, mistakes)
    .slice(0, mostLocations)
    .map((flaw) => ({ path: keysOf(flaw.path), detail: describeFlaw(flaw) })),
)

/** What a document that is not well formed names of the clinic's and the clinic does not have. */
export function findUnknown(
  body: unknown,
  catalogueOf: (document: ProtocolDocument) => Catalogue,
): { pointer: string; detail: string }[] {
  const { error } = documentBody.safeParse(body)
  if (error === undefined) return []
  return toLocations(findUnknownOfFragments(body, error.issues, catalogueOf).slice(0, mostLocations))
}

/** A prescription as it is stored and answered: named, and with nothing left to a default. */
const prescription = z.object({
  code: slug,
  ...prescriptionShape,
  supervision: z.enum(['independent', 'supervised']),
  side: z.enum(['both', 'operative', 'non-operative', 'left', 'right']),
})

export const storedParts = {
  sources: sourceBody,
  milestones: milestoneBody,
  facts: factBody,
  phases: phaseBody,
  prescriptions: prescription,
  contraindications: contraindicationBody,
  instructions: instructionBody,
  limits: limitBody,
  redFlags: redFlagBody,
} as const

/** The document as it is answered: complete, every rule named. */
export const protocolDocument = z
  .object({
    format: z.literal(1),
    code: slug,
    title: z.string(),
    description: z.string().optional(),
    procedures: z.array(slug),
    exercises: z.array(exerciseBody),
    sources: z.array(sourceBody),
    milestones: z.array(milestoneBody),
    facts: z.array(factBody),
    phases: z.array(phaseBody),
    prescriptions: z.array(prescription),
    contraindications: z.array(contraindicationBody),
    instructions: z.array(instructionBody),
    limits: z.array(limitBody),
    redFlags: z.array(redFlagBody),
    accepted: acceptedBody.optional(),
    cases: z.array(caseBody).optional(),
  })
  .meta({
    id: 'StoredProtocolDocument',
    description: 'A stored version as one document. It can be imported again.',
  }) as unknown as z.ZodType<ProtocolDocument>

/** Names every prescription that the author left unnamed, after its exercise or group; stable when rules are reordered. */
export function completeDocument(body: z.output<typeof documentBody>): ProtocolDocument {
  const taken = new Set(body.prescriptions.flatMap((prescription) => prescription.code ?? []))
  return {
    ...body,
    prescriptions: body.prescriptions.map((prescription) => {
      const code = prescription.code ?? nameFor(prescription, taken)
      taken.add(code)
      return { ...prescription, code }
    }),
  }
}

function nameFor(
  prescription: {
    exercise?: string | undefined
    group?: string | undefined
    from: string
    through?: string | undefined
  },
  taken: ReadonlySet<string>,
): string {
  const what = prescription.exercise ?? prescription.group ?? 'prescription'
  const candidates = [what, `${what}-from-${prescription.from}`]
  const free = candidates.find((candidate) => candidate.length <= 80 && !taken.has(candidate))
  if (free !== undefined) return free
  for (let count = 2; ; count += 1) {
    const numbered = `${what.slice(0, 70)}-${count}`
    if (!taken.has(numbered)) return numbered
  }
}
