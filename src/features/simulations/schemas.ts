import { z } from 'zod'
import { listOf } from '../../http/bodies.ts'
import { calendarDate, line, slug, text } from '../../http/schemas.ts'
import { factValue, protocolReference } from '../episodes/schemas.ts'
import { documentBody } from '../protocols/document-schema.ts'

const until = calendarDate.optional()

/** Whatever has a `format` is meant as a document, so that its mistakes are reported as a document's. */
const reference = protocolReference.extend({
  version: z
    .union([z.int().min(1).max(999_999_999), z.literal('draft')])
    .optional()
    .describe('Left out: the newest published one. `draft`: as it is now, with the catalogue’s exercises.'),
  format: z.never().optional(),
})
const reason = text(1000).optional().describe('Left out: "Simulated".')
/** More than happens to a patient; few enough to derive at once. */
const many = 100

export const simulationBody = z.strictObject({
  protocols: z
    .array(z.union([documentBody, reference]))
    .min(1)
    .max(10)
    .describe(
      'Documents, or versions of the clinic’s protocols by `code` and `version` (left out: the newest published; `draft`: the draft).',
    ),
  surgeryDate: calendarDate,
  on: calendarDate.describe('The date asked about.'),
  procedures: listOf(slug, 10)
    .optional()
    .describe('Left out: all that the documents are for; required if these are several and a fact asks for one.'),
  levels: listOf(line(20), 30).optional(),
  side: z.enum(['left', 'right', 'bilateral']).optional(),
  milestones: z
    .array(z.strictObject({ code: slug, on: calendarDate, grantedBy: slug.optional() }))
    .max(many)
    .optional(),
  facts: z
    .array(z.strictObject({ code: slug, value: factValue, on: calendarDate }))
    .max(many)
    .optional(),
  symptoms: z
    .array(z.strictObject({ redFlag: slug, on: calendarDate, resolvedOn: calendarDate.optional() }))
    .max(many)
    .optional(),
  overrides: z
    .array(
      z.strictObject({
        exercise: slug,
        effect: z.enum(['permit', 'withhold']),
        from: calendarDate,
        until,
        reason,
        lifts: listOf(slug, 50).optional(),
      }),
    )
    .max(many)
    .optional(),
  holds: z
    .array(z.strictObject({ from: calendarDate, until, reason }))
    .max(many)
    .optional(),
})
