import { expect, test } from '@jest/globals'
import { type Diff, derive, diff, type ProtocolDocument } from '../../src/rules/index.ts'
import { documents } from './check-bounds.ts'
import { confirmDifference } from './diff-meaning.ts'

const mostSeconds = 10

function secondsOf(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000_000
}

// Of many exercises, of many facts, and of many phases.
test.each(Object.entries(documents).filter((_, index) => [0, 1, 4].includes(index)))(
  '%s: told, or named as undecided, in some seconds',
  (_name, document) => {
    const text = JSON.stringify(document).replaceAll(/"atLeast":(\d+)/g, (_, bound) => `"atLeast":${Number(bound) + 1}`)
    const shifted: ProtocolDocument = JSON.parse(text)
    let found: Diff | null = null
    const seconds = secondsOf(() => {
      found = diff(document, shifted)
    })
    expect(seconds).toBeLessThan(mostSeconds)
    const { differences, undecided } = found as unknown as Diff
    const exercises = undecided.flatMap((one) => (one.kind === 'exercise' ? one.of.code : []))
    expect(exercises.length === 0 ? differences.length : exercises.length).toBeGreaterThan(0)
    for (const one of differences.slice(0, 1)) expect(confirmDifference(derive, [document, shifted], one)).toBeNull()
  },
)
