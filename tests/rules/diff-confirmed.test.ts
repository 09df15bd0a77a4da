import { expect, test } from '@jest/globals'
import { derive, diff } from '../../src/rules/index.ts'
import { confirmDifference } from './diff-meaning.ts'
import { base, readPairs } from './diff-pairs.ts'

test('derive confirms everything that is told of the small pairs', () => {
  const wrong = readPairs().flatMap(({ name, before, after }) => {
    const pair = [
      { ...base, ...before },
      { ...base, ...after },
    ] as const
    return diff(...pair).differences.flatMap((one) => {
      const said = confirmDifference(derive, pair, one)
      return said === null ? [] : [`${name}: ${said}`]
    })
  })
  expect(wrong).toEqual([])
})
