import { z } from 'zod'
import { changeOf, listOf } from '../../http/bodies.ts'
import { instant, line, slug, text, uuid } from '../../http/schemas.ts'
import { hasVerhoeffDigit } from './verhoeff.ts'

const snomedForm = '6 to 18 digits, the last of which is the check digit'

const snomed = z
  .string()
  .regex(/^[1-9]\d{5,17}$/, { error: `must be a SNOMED CT identifier: ${snomedForm}`, abort: true })
  .refine(hasVerhoeffDigit, {
    error: 'is not a SNOMED CT identifier: its check digit does not fit, so a digit is wrong',
  })
  .meta({ description: `A SNOMED CT identifier: ${snomedForm} (Verhoeff).` })

const cpt = z
  .string()
  .regex(/^\d{4}[0-9A-Z]$/, { error: 'must be a CPT code: four digits, then a digit or an upper-case letter' })
  .meta({ description: 'A CPT code: four digits, then a digit or an upper-case letter.' })

const name = line(200)
const bodyRegion = line(100).describe('For instance `cervical` or `lumbar`.')
const approach = line(100).describe('How the surgeon gets there, for instance `anterior`.')
const indications = listOf(text(500), 50).describe('What it is done for.')
const defaultProtocol = slug
  .nullable()
  .describe('Code of the protocol that an episode gets when it names none; null: it must name one.')

export const procedure = z
  .object({
    id: uuid,
    code: slug,
    name: z.string(),
    bodyRegion: z.string(),
    approach: z.string().nullable(),
    indications: z.array(z.string()),
    snomed: z.string().nullable(),
    cpt: z.string().nullable(),
    defaultProtocol,
    revision: z.int().min(1),
    createdAt: instant,
  })
  .meta({ id: 'Procedure', description: 'An operation that patients recover from.' })

export type Procedure = z.output<typeof procedure>

export const procedureBody = z.strictObject({
  code: slug,
  name,
  bodyRegion,
  approach: approach.optional(),
  indications: indications.optional(),
  snomed: snomed.optional(),
  cpt: cpt.optional(),
  defaultProtocol: defaultProtocol.optional(),
})

export const procedureChange = changeOf({
  name,
  bodyRegion,
  approach: approach.nullable(),
  indications: indications.nullable(),
  snomed: snomed.nullable(),
  cpt: cpt.nullable(),
  defaultProtocol,
})
