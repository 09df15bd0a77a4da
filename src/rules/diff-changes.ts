import { type Diagram, no } from './diagrams.ts'
import { type Found, onDay, toSpans } from './diff-occasions.ts'
import type { DiffSpace } from './diff-space.ts'
import { canonical } from './diff-text.ts'
import type { Difference, DifferenceKind, Direction, Reading } from './diff-types.ts'
import type { Contraindication, DaySpan, Target } from './types.ts'

// What is found out about two functions of the same cases, and how it is told.

/** Values that diagrams know by their numbers; the same content is the same number. */
export class Interned<T> {
  readonly values: T[] = []
  readonly #numbers = new Map<string, number>()

  number(value: T): number {
    const key = canonical(value)
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.values.push(value)
    this.#numbers.set(key, this.values.length - 1)
    return this.values.length - 1
  }

  at(number: number): T {
    return this.values[number] as T
  }
}

/** A pair of values that the versions have in the same cases, and where. */
export interface Change {
  before: number
  after: number
  region: Diagram
}

/** Where two functions have different values, by the values that they have; not all of it need be possible. */
export function changesBetween({ diagrams }: DiffSpace, before: Diagram, after: Diagram): Change[] {
  if (before === after) return []
  const pairs = new Interned<[number, number]>()
  pairs.number([0, 0])
  const paired = diagrams.joining((a, b) => (a === b ? 0 : pairs.number([a, b])))(before, after)
  if (diagrams.isSpent()) return []
  return [...diagrams.valuesIn(paired)]
    .filter((value) => value !== 0)
    .sort((a, b) => a - b)
    .map((value) => {
      const [was, is] = pairs.at(value)
      return { before: was, after: is, region: diagrams.map(paired, (own) => (own === value ? 1 : 0)) }
    })
}

export function withCases(kind: DifferenceKind, direction: Direction, found: Found | null): Difference[] {
  return found === null ? [] : [{ ...kind, direction, ...found }]
}

export function withoutCases(kind: DifferenceKind, direction: Direction): Difference {
  return { ...kind, direction, days: [], occasions: [], isComplete: true, witness: null }
}

/** What a contraindication says against what, whatever it is called. */
export function keyOfTarget({ strength, except = [] }: Contraindication, target: Target): string {
  return canonical([strength, target, except.map(canonical).sort()])
}

/** The first day and the last on which it is so in some case; null: it never is. */
export function extentOf(space: DiffSpace, region: Diagram): DaySpan | null {
  const { diagrams, and, possible } = space
  const real = and(region, possible(diagrams.variablesIn(region)))
  const spans = toSpans(space.days.filter((_, cell) => onDay(space, real, cell) !== no))
  return spans.reduce<DaySpan | null>(
    (all, { from, before }) => ({ from: all === null ? from : all.from, before }),
    null,
  )
}

function readGained({ from, before }: DaySpan, other: DaySpan | null): keyof typeof readLost {
  if (other === null) return 'newly'
  if (other.from !== null && (from === null || from < other.from)) return 'earlier'
  return other.before !== null && (before === null || before > other.before) ? 'longer' : 'more'
}

const readLost = {
  newly: 'no-longer',
  earlier: 'later',
  longer: 'shorter',
  more: 'fewer',
} as const satisfies Record<string, Reading>

export function withReadings(found: Found | null, change: 'gained' | 'lost', other: DaySpan | null): Found | null {
  if (found === null) return null
  const occasions = found.occasions.map((occasion) => {
    const reading = readGained(occasion.days, other)
    return { ...occasion, reading: change === 'gained' ? reading : readLost[reading] }
  })
  return { ...found, occasions }
}
