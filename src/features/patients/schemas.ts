import { z } from 'zod'
import { changeOf } from '../../http/bodies.ts'
import { instant, line, uuid } from '../../http/schemas.ts'

export const externalId = line(200).describe('What the clinic’s own software calls the patient; once in the clinic.')
const displayName = line(200).describe('For people to recognise the patient by; nothing is derived from it.')

export const patient = z
  .object({
    id: uuid,
    externalId: z.string(),
    displayName: z.string().nullable(),
    revision: z.int().min(1),
    createdAt: instant,
  })
  .meta({ id: 'Patient', description: 'A person who recovers from one operation or several.' })

export type Patient = z.output<typeof patient>

export const patientBody = z.strictObject({ externalId, displayName: displayName.optional() })

export const patientChange = changeOf({ externalId, displayName: displayName.nullable() })
