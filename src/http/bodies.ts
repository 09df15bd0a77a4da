import { z } from 'zod'
import { listWords } from './nearest.ts'

/** The body of a PATCH: what is left out stays as it is, and something must be given. */
export function changeOf<Shape extends z.ZodRawShape>(shape: Shape) {
  return z
    .strictObject(shape)
    .partial()
    .refine((change) => Object.keys(change).length > 0, {
      error: `must change something: give ${listWords(Object.keys(shape))}`,
      when: ({ issues }) => issues.length === 0,
    })
    .meta({ minProperties: 1, description: 'What is left out stays as it is; at least one field.' })
}

/** A list of at most `most` items, each of them once. */
export function listOf<Item extends z.ZodType<string>>(item: Item, most: number) {
  return z
    .array(item)
    .max(most)
    .refine((items) => new Set(items).size === items.length, { error: 'must not have an item twice' })
    .meta({ uniqueItems: true })
}
