import type { CaseSpace } from './case-space.ts'
import { boundsOfDays, fillPhases, possiblePhases, truthsOf, type ValueCell } from './cases.ts'
import type { Compiled, CompiledRule, Test } from './compile.ts'
import { truthOfDays, truthOfValue } from './situation.ts'
import { isFalse, isUnknown, ofBoolean, type Truths } from './truth.ts'
import type { Limit, ProtocolDocument, Witness } from './types.ts'

/** A day, for each milestone how long ago it was reached (null: it is not), and for each fact a value (null: not known). */
interface Moment {
  day: number
  elapsed: readonly (number | null)[]
  facts: readonly (ValueCell | null)[]
}

/** A limit that becomes stricter by time alone. */
interface Relaxing {
  code: 'limit-relaxes-backwards'
  about: string
  path: string
  subject: string
  other: string
  witness: Witness
  counterpart: Witness
}

function* choicesOf<T>(options: readonly (readonly T[])[]): Generator<T[]> {
  const [first, ...rest] = options
  if (first === undefined) {
    yield []
    return
  }
  for (const others of choicesOf(rest)) for (const option of first) yield [option, ...others]
}

function truthOfTest(test: Test, { day, elapsed, facts }: Moment): Truths {
  switch (test.op) {
    case 'days':
      return truthOfDays(test, test.milestone === null ? day : (elapsed[test.milestone] ?? null))
    case 'milestone':
      return ofBoolean((elapsed[test.milestone] ?? null) !== null)
    case 'fact': {
      const cell = facts[test.fact] ?? null
      return cell === null ? isUnknown : truthOfValue(test.written, cell.value)
    }
    case 'phase':
      return isUnknown
  }
}

function truthsAt(compiled: Compiled, tests: ReadonlyMap<number, Test>, moment: Moment): Uint8Array {
  const truths = new Uint8Array(compiled.tests.length)
  for (const [index, test] of tests) truths[index] = truthOfTest(test, moment)
  fillPhases(compiled, truths, possiblePhases(compiled, truths), tests.keys())
  return truths
}

function dayBefore({ day, elapsed, facts }: Moment): Moment {
  return { day: day - 1, elapsed: elapsed.map((days) => (days === null ? null : days - 1)), facts }
}

type End = 'max' | 'min'

function isStricter(end: End, one: number, other: number): boolean {
  return end === 'max' ? one < other : one > other
}

/** The strictest of the limits that apply; of equals the first. */
function strictest(
  limits: readonly CompiledRule<Limit>[],
  end: End,
  truths: Uint8Array,
): { code: string; value: number } | null {
  let found: { code: string; value: number } | null = null
  for (const { rule, when } of limits) {
    const value = rule[end]
    if (value === undefined || truthsOf(when, truths) === isFalse) continue
    if (found === null || isStricter(end, value, found.value)) found = { code: rule.code, value }
  }
  return found
}

function toWitness(compiled: Compiled, { day, elapsed, facts }: Moment): Witness {
  return {
    daysSinceSurgery: day,
    milestones: compiled.milestones.flatMap(({ named: { code } }, index) => {
      const days = elapsed[index] ?? null
      return days === null ? [] : [{ code, day: day - days }]
    }),
    facts: compiled.facts.flatMap(({ code }, index) => {
      const cell = facts[index] ?? null
      return cell === null ? [] : [{ code, value: cell.value, day }]
    }),
  }
}

/**
 * Limits on one quantity and unit of which a later one is stricter, although nothing but time has passed: on no day of the
 * two a milestone is reached, and what is observed stays as it is.
 */
export function findRelaxingLimits({
  document,
  compiled,
  space,
}: {
  document: ProtocolDocument
  compiled: Compiled
  space: CaseSpace
}): Relaxing[] {
  const found = new Map<string, Relaxing>()
  const alike = Map.groupBy(compiled.caps, ({ rule }) => JSON.stringify([rule.quantity, rule.unit]))
  for (const limits of alike.values()) {
    if (limits.length < 2) continue
    const asked = new Set(limits.flatMap(({ when }) => when?.tests ?? []))
    if (limits.some(({ when }) => when?.asksPhase)) for (const test of compiled.testsOfPhases) asked.add(test)
    const tests = new Map([...compiled.tests.entries()].filter(([index]) => asked.has(index)))
    for (const moment of momentsOf(space, tests)) {
      const before = dayBefore(moment)
      const earlier = truthsAt(compiled, tests, before)
      const later = truthsAt(compiled, tests, moment)
      for (const end of ['max', 'min'] as const) {
        const was = strictest(limits, end, earlier)
        const is = strictest(limits, end, later)
        if (was === null || is === null || !isStricter(end, is.value, was.value)) continue
        const about = `limits/${is.code}/${was.code}`
        if (found.has(about)) continue
        found.set(about, {
          code: 'limit-relaxes-backwards',
          about,
          path: `/limits/${document.limits.findIndex(({ code }) => code === is.code)}`,
          subject: is.code,
          other: was.code,
          witness: toWitness(compiled, before),
          counterpart: toWitness(compiled, moment),
        })
      }
    }
  }
  return [...found.values()]
}

/** Of a procedure that nobody has observed: it is none of the operation's. */
const notDone: ValueCell = { value: false, low: null, high: null }

/** Every moment that the tests can tell from others, together with the day before it; from the day after the surgery on. */
function* momentsOf({ variables, budget }: CaseSpace, tests: ReadonlyMap<number, Test>): Generator<Moment> {
  const asked = { milestones: new Set<number | null>(), facts: new Set<number>() }
  for (const test of tests.values()) {
    if (test.op === 'fact') asked.facts.add(test.fact)
    else if (test.op !== 'phase') asked.milestones.add(test.milestone)
  }
  // Where a test changes from one day to the next, and the day after.
  const boundsAfter = (milestone: number | null): number[] =>
    boundsOfDays(tests.values(), milestone).flatMap((bound) => [bound, bound + 1])
  const inOrder = (bounds: Iterable<number>): number[] =>
    [...new Set(bounds)].filter((bound) => bound >= 1).sort((a, b) => a - b)
  const elapsed: (number | null)[][] = []
  const isPreOperative: boolean[] = []
  const facts: (ValueCell | null)[][] = []
  for (const variable of variables) {
    if (variable.kind === 'milestone') {
      const isAsked = asked.milestones.has(variable.index)
      elapsed.push(isAsked ? [null, ...inOrder([1, ...boundsAfter(variable.index)])] : [null])
      isPreOperative.push(variable.isPreOperative)
    } else if (variable.kind === 'fact') {
      const unobserved = variable.isAlwaysKnown ? notDone : null
      facts.push(asked.facts.has(variable.index) ? [unobserved, ...variable.values] : [null])
    }
  }
  const days = inOrder([1, ...boundsAfter(null), ...elapsed.flat().map((each) => each ?? 1)])
  for (const since of choicesOf(elapsed)) {
    for (const values of choicesOf(facts)) {
      for (const day of days) {
        if (budget.left <= 0) return
        budget.left -= 2 * tests.size + 1
        // It cannot have been reached before the surgery.
        const canBe = since.every((each, index) => (each ?? 0) <= day || isPreOperative[index])
        if (canBe) yield { day, elapsed: since, facts: values }
      }
    }
  }
}
