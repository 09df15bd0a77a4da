import { isDeepStrictEqual } from 'node:util'
import type {
  CalendarDate,
  Derivation,
  Exercise,
  Instant,
  ProtocolVersion,
  RecordEntry,
} from '../../src/rules/types.ts'
import { follow } from './follow.ts'
import { kindsOf, sayAhead, sayInShort } from './in-short.ts'
import { dateOf, dayNumber, look } from './oracle.ts'
import { createOracle, findWays } from './oracle-ahead.ts'
import { ask, dateOn, type Situation } from './situations.ts'

/** The function under test: the one of `src/rules`, or of a copy of it with a planted fault. */
export type Derive = (question: {
  versions: readonly ProtocolVersion[]
  entries: readonly RecordEntry[]
  on: CalendarDate
  knownAt: Instant
  alsoJudge?: readonly Exercise[]
  ahead?: boolean
}) => Derivation | null

export interface Difference {
  what: string
  day: number
  derived: unknown
  consulted: unknown
}

export interface Effort {
  /** How many records may be tried to find the ways forward by trying; 0: they are only followed. */
  tries: number
  note: (kind: string) => void
}

/** The first date on which the derivation and the oracle disagree; null: none. */
export function findDifference(situation: Situation, derive: Derive, { tries, note }: Effort): Difference | null {
  const { versions, entries, alsoJudge, knownAt } = situation
  const oracle = createOracle({ versions, entries, alsoJudge, knownAt })
  for (const day of situation.days) {
    const differ = (what: string, derived: unknown, consulted: unknown): Difference | null =>
      isDeepStrictEqual(derived, consulted) ? null : { what, day, derived, consulted }
    const derived = derive(ask(situation, day))
    const on = dateOn(situation, day)
    const consulted = oracle.consult(on)
    note('case')
    if (derived === null || consulted === null) {
      if (derived !== consulted) return { what: 'whether there is an answer', day, derived, consulted }
      continue
    }
    for (const kind of kindsOf(derived)) note(kind)
    const foretold = oracle.foretell(on)
    const ahead = sayAhead(derived)
    const difference =
      differ('answer', sayInShort(derived), consulted) ??
      differ('next change', ahead.nextChange, foretold.nextChange) ??
      findWrongEnd(ahead.ends, foretold.ends, day) ??
      findWrongSince(ahead.since, foretold.since, day) ??
      findWrongWay(situation, day, derived) ??
      (tries > 0 ? findBetterWay(situation, day, derived, { tries, note }) : null)
    if (difference !== null) return difference
  }
  return null
}

/** Ends are foretold of every rule; the answer has those of the rules in its lists. */
function findWrongEnd(
  derived: Record<string, string | null>,
  consulted: Record<string, string | null>,
  day: number,
): Difference | null {
  for (const [rule, until] of Object.entries(derived)) {
    if (consulted[rule] !== until) return { what: `end of ${rule}`, day, derived: until, consulted: consulted[rule] }
  }
  return null
}

function findWrongSince(
  derived: Record<string, string | null>,
  consulted: Record<string, string | null>,
  day: number,
): Difference | null {
  for (const [protocol, since] of Object.entries(derived)) {
    // What has been so for ever has no first day.
    if (consulted[protocol] === 'always') continue
    if (consulted[protocol] !== since) {
      return { what: `phase of ${protocol} since`, day, derived: since, consulted: consulted[protocol] }
    }
  }
  return null
}

/** Whoever follows the way forward has the exercise permitted on its date, and not the day before. */
function findWrongWay(situation: Situation, day: number, { withheld, on }: Derivation): Difference | null {
  for (const { exercise, wayForward } of withheld) {
    if (wayForward === null) return { what: `way forward of ${exercise.code}`, day, derived: null, consulted: 'one' }
    if (wayForward.outcome !== 'permitted') continue
    const { earliest, needs } = wayForward
    const wrong = (what: string, consulted: unknown): Difference => ({
      what: `way forward of ${exercise.code}: ${what}`,
      day,
      derived: wayForward,
      consulted,
    })
    if (needs.some((need) => need.kind === 'date') !== earliest > on) return wrong('whether time has to pass', null)
    for (const need of needs) {
      if ('from' in need && !(on <= need.from && need.from <= need.by && need.by <= earliest)) {
        return wrong('the dates of a need', need)
      }
    }
    for (const place of [0, 1]) {
      const followed = follow(situation, exercise, wayForward, place, day + 4)
      const verdictOn = (date: CalendarDate) => look({ ...followed, on: date })?.judge(exercise.code)
      if (verdictOn(earliest)?.permitted !== true) return wrong(`followed at ${place}`, verdictOn(earliest))
      const before = dateOf(dayNumber(earliest) - 1)
      if (before >= on && verdictOn(before)?.permitted === true) return wrong('already the day before', before)
    }
  }
  return null
}

/** Nothing that could be recorded permits it earlier or with less. */
function findBetterWay(situation: Situation, day: number, { withheld }: Derivation, effort: Effort): Difference | null {
  const search = findWays(ask(situation, day), effort.tries)
  if (search === null) {
    effort.note('ways not searched')
    return null
  }
  effort.note('ways searched')
  for (const { exercise, wayForward } of withheld) {
    const found = search.ways.get(exercise.code)
    if (wayForward?.outcome === 'undecided') {
      effort.note('way undecided')
      continue
    }
    const derived =
      wayForward?.outcome === 'permitted'
        ? {
            earliest: wayForward.earliest,
            fewest: wayForward.needs.filter(({ kind }) => kind === 'milestone' || kind === 'fact').length,
            lifting: wayForward.needs.some(({ kind }) => kind === 'override'),
          }
        : 'never'
    effort.note(`way searched ${found === 'never' ? found : found?.lifting ? 'with an override' : 'permitted'}`)
    if (!isDeepStrictEqual(derived, found)) {
      return { what: `best way forward of ${exercise.code}`, day, derived: wayForward, consulted: found }
    }
  }
  return null
}
