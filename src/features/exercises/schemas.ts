import { z } from 'zod'
import { changeOf, listOf } from '../../http/bodies.ts'
import { instant, line, slug, text, uuid } from '../../http/schemas.ts'
import type { Exercise } from '../../rules/index.ts'

export const kind = z
  .enum(['exercise', 'activity'])
  .describe('`exercise`: done for recovery. `activity`: something of daily life or sport, like driving or golf.')

const grade = z
  .literal([0, 1, 2, 3], { error: 'must be 0 (none), 1 (low), 2 (moderate) or 3 (high)' })
  .describe('0 none, 1 low, 2 moderate, 3 high.')

const attributes = z
  .record(slug, grade)
  .refine((grades) => Object.keys(grades).length <= 100, { error: 'must have at most 100 fields' })
  .meta({
    maxProperties: 100,
    description:
      'Attribute to grade: 0 none, 1 low, 2 moderate, 3 high. An attribute that is left out is unknown, not none: a contraindication that names it withholds the exercise. Grade it 0 to say that the exercise has none of it.',
  })

const title = line(200)
const position = line(200).describe('In which position it is done, for instance `supine`.')
const instructions = text(5000).describe('How it is done, in words for a patient.')
const target = line(200).describe('What it works on.')
const equipment = listOf(line(100), 50).describe('What is needed for it.')
const groups = listOf(slug, 50).describe('Groups that prescriptions and contraindications can name.')

/** A catalogue entry as it is written, here and in protocol documents. */
export const exerciseBody = z.strictObject({
  code: slug.describe('What rules and records call it: `heel-slide`.'),
  title: title.describe('What it is called, in words.'),
  kind,
  position: position.optional(),
  instructions: instructions.optional(),
  target: target.optional(),
  equipment: equipment.optional(),
  groups: groups.optional(),
  attributes,
}) satisfies z.ZodType<Exercise>

export const exerciseChange = changeOf({
  title,
  kind,
  position: position.nullable(),
  instructions: instructions.nullable(),
  target: target.nullable(),
  equipment: equipment.nullable(),
  groups: groups.nullable(),
  attributes,
})

export const exercise = z
  .object({
    id: uuid,
    code: slug,
    title: z.string(),
    kind,
    position: z.string().nullable(),
    instructions: z.string().nullable(),
    target: z.string().nullable(),
    equipment: z.array(z.string()),
    groups: z.array(slug),
    attributes,
    revision: z.int().min(1),
    createdAt: instant,
  })
  .meta({ id: 'Exercise', description: 'A movement or activity of the clinic’s catalogue.' })
