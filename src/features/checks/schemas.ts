import { z } from 'zod'
import { factTest } from '../permitted-exercises/schemas.ts'
import { factValue } from '../protocols/document-schema.ts'

const text = z.string().describe('One sentence for the author: what is so, and what to do about it.')
const day = z.int().describe('Whole calendar days since the surgery, which is day 0.')

const span = z
  .object({ from: day.nullable(), before: day.nullable() })
  .meta({ id: 'DaySpan', description: 'Days in `[from, before)` since the surgery; null: open.' })

const witness = z
  .object({
    daysSinceSurgery: day,
    milestones: z.array(z.object({ code: z.string(), day })).describe('What has been reached, and on which day.'),
    facts: z
      .array(z.object({ code: z.string(), value: factValue, day }))
      .describe('What is observed, and on which day.'),
  })
  .meta({ id: 'Witness', description: 'A case that shows it. A simulation of it gives the answer that is meant.' })

export const difference = z
  .object({
    kind: z
      .enum(['status', 'phase', 'permitted', 'withheld', 'dose', 'limit'])
      .describe('What is otherwise than expected; `permitted` and `withheld` are what the exercise is.'),
    path: z.string().describe('A JSON pointer into the document, to what the test case expects.'),
    expected: z.string().describe('In words.'),
    actual: z.string().describe('In words.'),
    text: z.string().describe('One sentence, with the reason that the answer gives.'),
  })
  .meta({ id: 'CaseDifference', description: 'Where the answer is not what a test case expects.' })

export const finding = z
  .object({
    code: z
      .enum([
        'unknown-reference',
        'duplicate-code',
        'phase-in-entry',
        'unreachable-phase',
        'grant-never-effective',
        'granted-but-contraindicated',
        'ungraded-attribute',
        'empty-phase',
        'rule-never-applies',
        'shadowed-rule',
        'limit-relaxes-backwards',
        'gap',
        'no-source',
        'unused-declaration',
        'contradictory-bounds',
        'check-incomplete',
        'case-failed',
      ])
      .describe('The kind of finding, for software.'),
    severity: z.enum(['error', 'warning']).describe('An error blocks publishing; a warning can be accepted.'),
    name: z.string().describe('Names it, the same in every check: what `accepted` of the document calls it.'),
    path: z.string().describe('A JSON pointer into the document, to what it is about.'),
    text,
    days: z.array(span).describe('The days on which it is so, where it has days.'),
    witness: witness.nullable().describe('A case that shows it; null where no case can.'),
    counterpart: witness.nullable().describe('A second case, where it is about two.'),
    accepted: z.string().nullable().describe('Why the author lets it stand; null: nobody has accepted it.'),
    line: z.int().min(1).nullable().describe('Where it is in the text that was sent; null for what is stored.'),
    column: z.int().min(1).nullable().describe('In that line; the first is 1.'),
    differences: z.array(difference).describe('Of a test case that failed; otherwise empty.'),
  })
  .meta({ id: 'Finding', description: 'What the check has found in a protocol.' })

const opportunity = z
  .object({
    exercise: z.string().describe('Its code.'),
    title: z.string(),
    text,
    decided: z.boolean().describe('False: there are too many cases to say.'),
    when: z
      .array(
        z.object({
          days: span,
          milestones: z.array(
            z.object({
              milestone: z.string().describe('Its code.'),
              title: z.string(),
              grantedBy: z.array(z.string()).describe('The roles that may grant it; empty: anybody may record it.'),
              leastDays: z.int().min(0).describe('For at least how many days it must have been reached.'),
              mostDays: z.int().min(0).nullable().describe('For at most how many; null: for as long as one likes.'),
            }),
          ),
          facts: z.array(
            z.object({
              fact: z.string().describe('Its code.'),
              title: z.string(),
              ask: z.string(),
              unit: z.string().nullable().describe('A UCUM code.'),
              test: factTest.describe('What the observation must be: all that is given; empty: any value will do.'),
              leastDays: z.int().min(0).describe('For at least how many days it must have been observed.'),
              mostDays: z.int().min(0).nullable().describe('How old the observation may be; null: as old as it is.'),
            }),
          ),
          lifts: z
            .array(z.object({ code: z.string(), title: z.string() }))
            .describe('Relative contraindications that a clinician has to lift.'),
          text,
        }),
      )
      .describe('In order of the days; empty: no case permits it.'),
  })
  .meta({ id: 'Opportunity', description: 'When, if ever, a protocol permits an exercise, and what that takes.' })

export const check = z
  .object({
    protocol: z.string(),
    title: z.string(),
    version: z.int().nullable().describe('Null for a draft, and for a document that is not stored.'),
    publishable: z.boolean().describe('False: there are errors.'),
    text: z.string().describe('One sentence that says what was found.'),
    findings: z.array(finding).describe('Errors first.'),
    opportunities: z.array(opportunity).describe('Of every exercise that the protocol is about.'),
    looks: z.int().min(0).describe('How many tests of conditions were looked at, in all cases together.'),
  })
  .meta({ id: 'Check', description: 'What is wrong with a protocol, and what it permits when.' })
