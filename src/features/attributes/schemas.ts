import { z } from 'zod'
import { changeOf } from '../../http/bodies.ts'
import { instant, line, slug, text, uuid } from '../../http/schemas.ts'

const title = line(200).describe('What a clinician calls it.')
const description = text(2000).describe('What the grades mean for this attribute.')

export const attribute = z
  .object({
    id: uuid,
    code: slug,
    title: z.string(),
    description: z.string().nullable(),
    revision: z.int().min(1),
    createdAt: instant,
  })
  .meta({
    id: 'Attribute',
    description:
      'A property by which exercises are graded: 0 none, 1 low, 2 moderate, 3 high. Contraindications name it to say what they withhold.',
  })

export type Attribute = z.output<typeof attribute>

export const attributeBody = z.strictObject({ code: slug, title, description: description.optional() })

export const attributeChange = changeOf({ title, description: description.nullable() })
