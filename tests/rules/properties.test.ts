import { describe, test } from '@jest/globals'
import { derive, timeline } from '../../src/rules/index.ts'
import { properties } from './properties.ts'

const runs = Math.ceil(Number(process.env.RULES_RANDOM_CASES ?? 20_000) / 80)
// The oracle, P8, has a test of its own, which counts what it reaches.
const groups = Map.groupBy(
  properties.filter(({ of }) => of !== 'P8'),
  ({ of }) => of,
)

describe.each([...groups])('%s', (_of, own) => {
  test.each(own.map(({ name, check }) => [name, check] as const))('%s', (_name, check) => {
    check({ derive, timeline }, runs)
  })
})
