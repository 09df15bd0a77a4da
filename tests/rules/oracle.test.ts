import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { derive } from '../../src/rules/index.ts'
import { findDifference } from './agreement.ts'
import { expectedKinds } from './coverage.ts'
import { coverageOf, situations, smallSituations } from './situations.ts'

/** More for a longer run, which `npm run test:oracle` does better. */
const wanted = Number(process.env.RULES_RANDOM_CASES ?? 20_000)

fc.configureGlobal({ endOnFailure: true })

const reached = new Map<string, number>()
const note = (kind: string): void => {
  reached.set(kind, (reached.get(kind) ?? 0) + 1)
}

test('agrees with the oracle on random documents, records and dates', () => {
  fc.assert(
    fc.property(situations(22, 10), (situation) => {
      for (const kind of new Set(coverageOf(situation))) note(kind)
      expect(findDifference(situation, derive, { tries: 0, note })).toBeNull()
    }),
    // On average sixteen dates are drawn.
    { numRuns: Math.ceil(wanted / 14) },
  )
})

test('nothing that could be recorded permits an exercise earlier or with less than the way forward', () => {
  fc.assert(
    fc.property(smallSituations(1), (situation) => {
      expect(findDifference(situation, derive, { tries: 2000, note })).toBeNull()
    }),
    { numRuns: Math.ceil(wanted / 400) },
  )
})

test('the random cases reach every kind of rule, entry and answer', () => {
  const counts = [...reached].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${kind} ${count}`)
  process.stdout.write(`oracle: ${counts.join(', ')}\n`)
  // A short run need not meet everything.
  if (wanted < 20_000) return
  expect(expectedKinds.filter((kind) => !reached.has(kind))).toEqual([])
})
