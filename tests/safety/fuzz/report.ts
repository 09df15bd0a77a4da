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

/** What may be looked for: a 5xx is a fault, and a URL that is too long is told before the operation is known. */
const expected = [304, 400, 401, 403, 404, 409, 412, 413, 415, 422, 428]

/** Operations that never succeeded: nothing is known of their answers. */
export function findGaps(document: Document, coverage: Coverage): string[] {
  return document.operations
    .filter(({ id }) => ![...(coverage.get(id) ?? new Map<number, number>()).keys()].some((status) => status < 300))
    .map(({ id }) => `${id} never succeeded`)
}

/** Statuses of the document that were not seen: chance has not brought them about, or the service never answers so. */
export function findUnseen(document: Document, coverage: Coverage): string[] {
  return document.operations.flatMap(({ id, statuses }) => {
    const seen = coverage.get(id) ?? new Map<number, number>()
    const missing = statuses.filter((status) => expected.includes(status) && !seen.has(status))
    return missing.length === 0 ? [] : [`${id} never answered ${missing.join(', ')}`]
  })
}
