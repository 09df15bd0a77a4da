import { type DayNumber, dateOf, dayNumber } from './calendar-date.ts'
import { type Case, decide, decideInShort, type Evidence, entriesOf, openCase } from './decide.ts'
import { findNextChange } from './next-change.ts'
import type { CalendarDate, Derivation, Verdicts, WayForward } from './types.ts'
import { findWayForward, lookAhead } from './way-forward.ts'

export interface Question extends Evidence {
  on: CalendarDate
  /** False: only the date itself, without the ways forward and the next change, which take the most time. */
  ahead?: boolean
}

/**
 * Derives what a patient may do on a date, as it was known at a moment, with the reason for every exercise.
 * Total and pure: the same question gives the same bytes. What is not known never permits.
 * Null only when the surgery itself was not on record at `knownAt`.
 */
export function derive({ on, ahead = true, ...evidence }: Question): Derivation | null {
  const asked = openCase(evidence)
  if (asked === null) return null
  return ahead ? deriveFrom(asked, dayNumber(on)) : decide(asked, dayNumber(on))
}

/** The same verdicts about the date alone and without explanations, for many at a time: it takes half the time. */
export function deriveInShort({ on, ...evidence }: Omit<Question, 'ahead'>): Verdicts | null {
  const asked = openCase(evidence, false)
  return asked === null ? null : decideInShort(asked, dayNumber(on))
}

/** The answer about a day with what lies ahead of it. */
export function deriveFrom(asked: Case, day: DayNumber): Derivation {
  const answer = decide(asked, day)
  const prospects = lookAhead(asked, day)
  const known = entriesOf(asked, day)
  // What is only asked about comes last, so that it takes nothing from the search for the others.
  const isOnlyAsked = new Set(asked.alsoJudge.map(({ code }) => code))
  const ways = new Map<string, WayForward>()
  for (const onlyAsked of [false, true]) {
    for (const { exercise } of answer.withheld) {
      if (isOnlyAsked.has(exercise.code) !== onlyAsked) continue
      ways.set(exercise.code, findWayForward(prospects, known.get(exercise.code) ?? [exercise]))
    }
  }
  const next = findNextChange(asked, day, answer)
  return {
    ...answer,
    withheld: answer.withheld.map((withheld) => ({
      ...withheld,
      wayForward: ways.get(withheld.exercise.code) ?? null,
    })),
    nextChange: next === null ? null : dateOf(next),
  }
}
