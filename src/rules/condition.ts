import type { Condition } from './types.ts'

/** A part of a condition that has no parts. */
export type Leaf = Exclude<Condition, { all: unknown } | { any: unknown } | { not: unknown }>

/** Every leaf of a condition. */
export function* leavesOf(condition: Condition): Generator<Leaf> {
  if ('all' in condition) for (const part of condition.all) yield* leavesOf(part)
  else if ('any' in condition) for (const part of condition.any) yield* leavesOf(part)
  else if ('not' in condition) yield* leavesOf(condition.not)
  else yield condition
}
