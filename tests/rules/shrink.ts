import type { Situation } from './situations.ts'

/** Members of which any part can be left out. */
const lists = new Set([
  'days',
  'entries',
  'alsoJudge',
  'versions',
  'exercises',
  'groups',
  'milestones',
  'facts',
  'prescriptions',
  'contraindications',
  'instructions',
  'limits',
  'redFlags',
  'target',
  'except',
  'dosage',
  'amounts',
  'all',
  'any',
  'in',
  'lifts',
  'levels',
  'procedures',
])

/** Members that can be left out themselves. */
const optional = new Set([
  'when',
  'dosage',
  'except',
  'provided',
  'through',
  'withinDays',
  'since',
  'note',
  'reps',
  'kind',
])

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** What is left of the value if one thing less is in it, each way. */
function* smaller(value: Json, key: string): Generator<Json> {
  if (Array.isArray(value)) {
    if (lists.has(key)) {
      for (const index of value.keys()) if (value.length > 1 || !needsOne.has(key)) yield value.toSpliced(index, 1)
    }
    for (const [index, part] of value.entries()) {
      for (const less of smaller(part, '')) yield value.with(index, less)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, part] of Object.entries(value)) {
      const { [name]: _, ...rest } = value
      if (optional.has(name) && !(name === 'kind' && !('quantity' in value))) yield rest
      if (isCondition(name) && typeof part === 'object' && part !== null && !Array.isArray(part)) {
        const inner = part.all ?? part.any ?? part.not
        for (const condition of Array.isArray(inner) ? inner : inner === undefined ? [] : [inner]) {
          yield { ...value, [name]: condition }
        }
      }
      for (const less of smaller(part, name)) yield { ...value, [name]: less }
    }
  }
}

const needsOne = new Set(['days', 'target', 'except', 'in', 'all', 'any', 'dosage', 'amounts', 'procedures'])

function isCondition(name: string): boolean {
  return name === 'when' || name === 'entry' || name === 'not'
}

/** A situation that still fails, of which nothing more can be left out; or what was reached by `deadline`. */
export function shrink(situation: Situation, fails: (situation: Situation) => boolean, deadline: number): Situation {
  let smallest = situation
  for (;;) {
    let found = false
    for (const less of smaller(smallest as unknown as Json, '')) {
      if (Date.now() > deadline) return smallest
      if (!failsStill(less as unknown as Situation, fails)) continue
      smallest = less as unknown as Situation
      found = true
      break
    }
    if (!found) return smallest
  }
}

/** What is left may be no question at all; then it is no smaller case either. */
function failsStill(situation: Situation, fails: (situation: Situation) => boolean): boolean {
  try {
    return fails(situation)
  } catch {
    return false
  }
}
