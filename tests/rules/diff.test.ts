import { describe, expect, test } from '@jest/globals'
import { derive, diff } from '../../src/rules/index.ts'
import { diffProperties } from './diff-properties.ts'

const runs = Math.ceil(Number(process.env.RULES_RANDOM_CASES ?? 20_000) / 100)

describe('of random documents', () => {
  test.each(diffProperties.map(({ name, check }) => [name, check] as const))('%s', (_name, check) => {
    const counts = new Map<string, number>()
    check({ derive, diff }, runs, (what) => counts.set(what, (counts.get(what) ?? 0) + 1))
    if (process.env.SHOW) console.log(counts)
    expect(counts).toBeDefined()
  })
})
