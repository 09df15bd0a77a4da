import { z } from 'zod'
import { slug } from '../../http/schemas.ts'
import { factTest } from '../permitted-exercises/schemas.ts'
import { dose, factValue } from '../protocols/document-schema.ts'

const which = z
  .string()
  .regex(/^([1-9]\d{0,8}|draft|library|adopted)$/, {
    error: 'must be a version number, `draft`, `library` or `adopted`',
  })
  .describe(
    'A version number, or `draft`; `library`: what the built-in library has now; `adopted`: what it had when the other one was last merged with it, or adopted.',
  )

export const diffParams = z.object({ code: slug, number: which, other: which })

export const diffQuery = z.strictObject({
  format: z
    .enum(['json', 'markdown'])
    .optional()
    .describe('`markdown`: a page of prose for a reviewer. Left out: what `Accept` prefers.'),
})

const day = z.int().describe('Whole calendar days since the surgery, which is day 0.')
const text = z.string().describe('In words, for a reviewer.')
const named = z.object({ code: z.string(), title: z.string() })
const roles = z.array(z.string()).describe('The roles that may grant it; empty: anybody may record it.')
const span = z.object({ from: day.nullable(), before: day.nullable() })
const leastDays = z.int().min(0).describe('At least so many days before.')
const mostDays = z.int().min(0).nullable().describe('At most so many days before; null: as many as one likes.')

const occasion = z
  .object({
    days: span,
    milestones: z.array(
      z.object({
        milestone: z.string().describe('Its code.'),
        title: z.string(),
        grantedBy: roles,
        leastDays,
        mostDays,
      }),
    ),
    facts: z.array(
      z.object({
        fact: z.string().describe('Its code.'),
        title: z.string(),
        unit: z.string().nullable().describe('A UCUM code.'),
        test: factTest.describe('What the observation must be: all that is given; empty: any value will do.'),
        leastDays,
        mostDays,
      }),
    ),
    operation: z
      .array(
        z.object({
          told: z
            .union([z.enum(['levels', 'side']), z.object({ procedure: z.string() })])
            .describe('The number of levels, the side, or whether a procedure was part of the operation.'),
          test: factTest.nullable().describe('What it must be; null: it must not be on record.'),
        }),
      )
      .describe('What the operation must have been.'),
    without: z.object({ milestones: z.array(named), facts: z.array(named) }).describe('What must not be on record.'),
    reading: z
      .enum(['newly', 'no-longer', 'earlier', 'later', 'longer', 'shorter', 'more', 'fewer'])
      .nullable()
      .describe('Of what is gained or lost: how the days lie to those on which the other version permits it.'),
    text,
  })
  .meta({
    id: 'DiffOccasion',
    description:
      'Days, and the least that must be on record on them. Whoever has that on record, and nothing of `without`, is in a case of the difference.',
  })

const witness = z
  .object({
    daysSinceSurgery: day,
    side: z
      .enum(['left', 'right', 'bilateral'])
      .nullable()
      .describe('What was operated on; null: it is not on record.'),
    levels: z.int().min(1).nullable().describe('How many levels were operated on; null: they are not on record.'),
    procedures: z
      .array(z.string())
      .describe('Of the procedures by which the operation tells a fact those that were part of it.'),
    milestones: z.array(
      z.object({
        code: z.string(),
        day,
        grantedBy: z.string().nullable().describe('By whom; null: by anybody.'),
      }),
    ),
    facts: z.array(z.object({ code: z.string(), value: factValue, day })),
    text,
  })
  .meta({
    id: 'DiffWitness',
    description: 'A case that shows it: a simulation of it with each of the two versions gives different answers.',
  })

const decided = {
  direction: z
    .enum(['stricter', 'laxer', 'other'])
    .describe('`stricter`: something less is permitted, or more has to be kept; `laxer`: the other way round.'),
  text,
  days: z.array(span).describe('All days on which some case differs so; empty where it does not depend on cases.'),
  occasions: z.array(occasion),
  isComplete: z.boolean().describe('False: there are more occasions than these.'),
  witness: witness.nullable().describe('Null where it does not depend on cases.'),
}

const change = z.enum(['added', 'removed'])
const strength = z.enum(['absolute', 'relative', 'caution'])
const measure = { quantity: z.string(), unit: z.string().nullable().describe('A UCUM code.') }
const side = z.enum(['both', 'operative', 'non-operative', 'left', 'right']).nullable()
const supervision = z.enum(['independent', 'supervised'])
const phaseSays = z
  .object({ setting: z.string().nullable(), goals: z.array(z.string()) })
  .nullable()
  .describe('Null: there is no current phase.')
const target = z.object({
  exercise: z.string().optional(),
  group: z.string().optional(),
  kind: z.enum(['exercise', 'activity']).optional(),
  attributes: z.record(z.string(), z.int()).optional(),
})

export const difference = z
  .discriminatedUnion('kind', [
    z
      .object({ kind: z.literal('exercise'), exercise: named, change: z.enum(['gained', 'lost']), ...decided })
      .describe('An exercise is permitted where it was not, or no longer where it was.'),
    z
      .object({ kind: z.literal('prescribed'), exercise: named, change: z.enum(['gained', 'lost']), ...decided })
      .describe(
        'Withheld by both, but in one version only because of relative contraindications, which an override lifts.',
      ),
    z
      .object({ kind: z.literal('dose'), exercise: named, before: dose.nullable(), after: dose.nullable(), ...decided })
      .describe('Another dose where both permit it; null: as the clinician instructs.'),
    z
      .object({
        kind: z.literal('side'),
        exercise: named,
        operated: z
          .enum(['left', 'right', 'bilateral'])
          .nullable()
          .describe('Where it was operated on; null: anywhere.'),
        before: side,
        after: side,
        ...decided,
      })
      .describe('Another side; null: none.'),
    z.object({ kind: z.literal('supervision'), exercise: named, before: supervision, after: supervision, ...decided }),
    z
      .object({
        kind: z.literal('provided'),
        exercise: named,
        before: z.array(z.string()),
        after: z.array(z.string()),
        ...decided,
      })
      .describe('What must be so while it is done.'),
    z.object({
      kind: z.literal('cautions'),
      exercise: named,
      added: z.array(named),
      removed: z.array(named),
      ...decided,
    }),
    z
      .object({
        kind: z.literal('limit'),
        ...measure,
        end: z.enum(['max', 'min']),
        change: z.enum(['tightened', 'relaxed', 'added', 'removed']),
        before: z.number().nullable(),
        after: z.number().nullable(),
        ...decided,
      })
      .describe('The strictest limit on a quantity that is in force; null: none is.'),
    z
      .object({
        kind: z.literal('instructed-limit'),
        ...measure,
        words: z.string().nullable(),
        change,
        ...decided,
      })
      .describe('A limit without a number: as the clinician instructs.'),
    z.object({
      kind: z.literal('goal'),
      ...measure,
      min: z.number().nullable(),
      max: z.number().nullable(),
      words: z.string().nullable(),
      change,
      ...decided,
    }),
    z
      .object({
        kind: z.literal('contraindication'),
        rule: named,
        strength,
        change,
        isOnly: z.boolean().describe('The other version has no such contraindication at all.'),
        isPart: z.boolean().describe('Only a part of what the rule is about.'),
        targets: z.array(target),
        except: z.array(target),
        exercises: z.array(named).describe('What the version has that it is about.'),
        ...decided,
      })
      .describe('A contraindication that is in force in one version only.'),
    z.object({
      kind: z.literal('instruction'),
      rule: z.string().describe('Its code.'),
      about: z.string(),
      words: z.string(),
      change,
      isOnly: z.boolean().describe('The other version has no such instruction at all.'),
      ...decided,
    }),
    z
      .object({ kind: z.literal('phase'), before: phaseSays, after: phaseSays, ...decided })
      .describe('What the answer says of the current phase.'),
    z
      .object({ kind: z.literal('match'), rule: named, strength, exercise: named, change, ...decided })
      .describe('A contraindication of both versions is about an exercise in one of them only.'),
    z.object({
      kind: z.literal('red-flag'),
      redFlag: named,
      change: z.enum(['added', 'removed', 'response']),
      before: z.string().nullable(),
      after: z.string().nullable(),
      ...decided,
    }),
    z
      .object({
        kind: z.literal('asks'),
        what: z.enum(['milestone', 'fact']),
        named,
        ask: z.string().nullable(),
        change,
        ...decided,
      })
      .describe('A milestone or fact that only one version asks for.'),
    z
      .object({
        kind: z.literal('told'),
        fact: named,
        before: z.string().nullable(),
        after: z.string().nullable(),
        ...decided,
      })
      .describe('What the operation tells of a fact.'),
    z
      .object({
        kind: z.literal('read'),
        fact: named,
        what: z.enum(['unit', 'type']),
        before: z.string().nullable(),
        after: z.string().nullable(),
        exercises: z.array(named).describe('What either version says of these depends on the fact.'),
        ...decided,
      })
      .describe(
        'What is on record of a fact is read in another unit (a UCUM code; null: none) or as another type. Nothing is converted.',
      ),
    z.object({ kind: z.literal('procedure'), procedure: z.string(), change, ...decided }),
  ])
  .meta({ id: 'Difference', description: 'What one version says in some case and the other does not.' })

const move = z
  .object({
    kind: z.literal('move'),
    phase: named,
    change: z.enum(['gained', 'lost']),
    isOnly: z.boolean().describe('The other version has no phase of this code.'),
    ...decided,
  })
  .meta({ id: 'PhaseMove', description: 'When a phase is the current one in one version only.' })

const place = z
  .object({ path: z.string().describe('A JSON pointer into that version’s document.'), value: z.unknown() })
  .nullable()

const textChange = z
  .object({
    change: z.enum(['added', 'removed', 'changed', 'reordered']),
    name: z.string().describe('What it is of, by code: `prescriptions/walking/when`.'),
    before: place,
    after: place,
  })
  .meta({ id: 'TextChange', description: 'A member of the document that is another one.' })

const end = z.object({
  version: z.int().min(1).nullable().describe('Null: the draft, or a document of the library.'),
  status: z
    .string()
    .describe('Of the version; `library` and `adopted`: a document of the library, as it is and as it was.'),
  title: z.string(),
  revision: z.int().min(1).nullable().describe('Null: of what is not stored as a version.'),
})

export const diff = z
  .object({
    protocol: z.string(),
    from: end,
    to: end,
    text: z.string().describe('One sentence that says what came of it.'),
    isSame: z.boolean().describe('True: both say the same in every case, and nothing is undecided.'),
    differences: z.array(difference).describe('Of meaning. The stricter come first, then the laxer, then the others.'),
    phases: z.array(move).describe('Why: phases that are the current one in other cases.'),
    undecided: z
      .array(z.object({ kind: z.string(), subject: z.string().nullable(), text }))
      .describe('What would take too much to decide: it may differ.'),
    textChanges: z
      .array(textChange)
      .describe('Everything that is written otherwise, whether it changes an answer or not.'),
    isTextCut: z.boolean().describe('True: there are more changes of text than these.'),
    looks: z.int().min(0).describe('How much was looked at.'),
  })
  .meta({ id: 'Diff', description: 'What changes from one version to another: of meaning, and of text apart.' })
