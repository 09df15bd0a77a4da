import type { Document } from './document.ts'
import type { Memory } from './run.ts'

type Coverage = ReadonlyMap<string, ReadonlyMap<number, number>>

/** How much the heap may have grown between a third of the way and the end. */
const mostGrowth = 40 * 2 ** 20

/** Whether the memory stays flat once everything has been used: what is kept on purpose is bounded. */
export function judgeMemory(points: readonly (Memory & { after: number })[]): { flat: boolean; line: string } {
  const settled = points.slice(Math.floor(points.length / 3))
  const [first, last] = [settled[0], settled.at(-1)]
  if (first === undefined || last === undefined) return { flat: true, line: 'memory not measured' }
  const growth = last.heapUsed - first.heapUsed
  const inMiB = (bytes: number): number => Math.round(bytes / 2 ** 20)
  const heaps = points.map(({ heapUsed }) => inMiB(heapUsed)).join(' ')
  const resident = points.map(({ rss }) => inMiB(rss)).join(' ')
  return {
    flat: growth <= mostGrowth,
    line: `heap after collection ${heaps} MiB (may grow by ${inMiB(mostGrowth)}), resident ${resident} MiB`,
  }
}

export function describeCoverage(coverage: Coverage): string {
  return [...coverage]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, statuses]) => {
      const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, times]) => `${status}×${times}`)
      return `${id.padEnd(28)} ${counts.join(' ')}`
    })
    .join('\n')
}

/** What every operation must have answered at least once in a long run, where the document says that it can. */
const expected = [304, 400, 401, 403, 404, 409, 412, 413, 415, 422, 428]

/** What cannot come, or hardly ever: a 5xx, and a URL that is too long is told before the operation is known. */
const longRun = 50_000

/** Operations that never succeeded, and statuses of the document that a long run has not seen. */
export function findGaps(document: Document, coverage: Coverage, sent: number): string[] {
  return document.operations.flatMap((operation) => {
    const seen = coverage.get(operation.id) ?? new Map<number, number>()
    const gaps = [...seen.keys()].some((status) => status < 300) ? [] : [`${operation.id} never succeeded`]
    if (sent < longRun) return gaps
    const missing = operation.statuses.filter((status) => expected.includes(status) && !seen.has(status))
    return missing.length === 0 ? gaps : [...gaps, `${operation.id} never answered ${missing.join(', ')}`]
  })
}
