import { expect, test } from '@jest/globals'
import { derive, diff } from '../../src/rules/index.ts'
import { diffProperties } from './diff-properties.ts'

const runs = Math.max(20, Math.ceil(Number(process.env.RULES_RANDOM_CASES ?? 20_000) / 400))

/** What the random pairs must have shown, of what they show often. */
const reached: Record<string, readonly string[]> = {
  'what differs in any case is told, with its day': ['case that differs', 'case that does not'],
  'what is told is so: each witness, and whoever has what an occasion takes': [
    'exercise',
    'limit',
    'contraindication',
    'red-flag',
    'phase',
    'instruction',
    'asks',
    'told',
    'read',
    'occasion by the operation',
    'occasion without something',
    'occasion after two milestones',
    'occasion after an observation',
  ],
  'every change of text leads to what it says': ['added', 'changed', 'removed', 'reordered'],
  'however the same is written, nothing differs': ['said twice', 'other phases'],
}

const met = new Map<string, Set<string>>()

test.each(diffProperties.map(({ name, check }) => [name, check] as const))('%s', (name, check) => {
  const seen = new Set<string>()
  met.set(name, seen)
  check({ derive, diff }, runs, (what) => seen.add(what))
})

test.each(Object.entries(reached))('%s: the pairs have shown enough', (name, wanted) => {
  expect(wanted.filter((what) => !met.get(name)?.has(what))).toEqual([])
})
