import type { DayNumber } from './calendar-date.ts'
import { changesOfTests } from './change.ts'
import { type Case, decide } from './decide.ts'
import type { Lasting } from './record.ts'
import type { Derivation } from './types.ts'

/** Members that hold a date or a count of days when they hold a text or a number. */
const dated: ReadonlySet<string> = new Set(['on', 'from', 'until', 'since', 'daysSinceSurgery'])

/** Whether two answers, or parts of them, say the same, their dates aside. */
export function isAlike(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isAlike(item, b[index]))
  }
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>]
  return keys.every((key) => isAlike(one[key], other[key]) || (dated.has(key) && areDates(one[key], other[key])))
}

/** Two dates, one of which may not be known yet, or two counts. */
function areDates(a: unknown, b: unknown): boolean {
  const isDate = (value: unknown): boolean => value === null || typeof value === 'string'
  return (isDate(a) && isDate(b)) || (typeof a === 'number' && typeof b === 'number')
}

/** The days on which the answer can change, in order: what conditions test, and when entries begin and end to count. */
export function daysOfChange({ record, assigned }: Case): DayNumber[] {
  const days = new Set<DayNumber>([record.surgeryDay])
  const spans: Lasting<unknown>[] = [...record.closures, ...record.symptoms, ...record.overrides, ...record.holds]
  for (const { from, until } of spans) {
    days.add(from)
    if (until !== null) days.add(until)
  }
  for (const situation of assigned) {
    for (const day of changesOfTests(situation, situation.compiled.tests.keys())) days.add(day)
  }
  return [...days].sort((a, b) => a - b)
}

/** So many rules, matches and tests are looked at; the first day that is left then is one on which the answer may change. */
const mostRules = 300_000

/** The first day after `day` on which the answer is another one, if nothing more is recorded; null: none. */
export function findNextChange(asked: Case, day: DayNumber, answer: Derivation): DayNumber | null {
  const rules = asked.assigned.reduce((sum, { compiled }) => sum + compiled.size, 1)
  let left = mostRules
  for (const later of daysOfChange(asked)) {
    if (later <= day) continue
    if (left < 0 || !isAlike(answer, decide(asked, later))) return later
    left -= rules
  }
  return null
}
