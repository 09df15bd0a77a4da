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

/**
 * The body of a JSON Merge Patch (RFC 7396) on what has this shape. Whether the result is right shows after the merge;
 * what the patch puts in the place of a whole member is judged here.
 */
export function mergePatchOf(shape: z.ZodRawShape) {
  const members = Object.entries(shape).map(([name, member]) => {
    const { description } = z.globalRegistry.get(member) ?? {}
    const patch = mergeable(bare(member)).nullable().optional()
    return [name, description === undefined ? patch : patch.describe(description)] as const
  })
  return z
    .strictObject(Object.fromEntries(members))
    .refine((patch) => Object.keys(patch).length > 0, {
      error: `must change something: give ${listWords(Object.keys(shape))}`,
      when: ({ issues }) => issues.length === 0,
    })
    .meta({
      minProperties: 1,
      description:
        'A JSON Merge Patch (RFC 7396): what is left out stays as it is, `null` removes, objects are merged, lists are replaced as a whole.',
    })
}

/** Without what says that it may be left out, or what it is then. */
function bare(schema: z.core.$ZodType): z.ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault
    ? bare(schema.unwrap())
    : (schema as z.ZodType)
}

/** An object in a patch is merged into the one that is there, so that it may be any part of it. */
function mergeable(schema: z.ZodType): z.ZodType {
  return isObjectIn(schema)
    ? z.union([schema, z.record(z.string(), z.unknown())], { error: 'must be an object, or `null` to remove it' })
    : schema
}

function isObjectIn(schema: z.core.$ZodType): boolean {
  if (schema instanceof z.ZodLazy) return isObjectIn(schema.unwrap())
  if (schema instanceof z.core.$ZodUnion) return schema._zod.def.options.some(isObjectIn)
  return schema instanceof z.ZodObject
}
