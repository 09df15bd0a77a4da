import type { Compiled, CompiledPrescription, CompiledRule, Match, Test, When } from './compile.ts'
import { evaluate, truthOfPhase } from './situation.ts'
import { both, isFalse, isTrue, isUnknown, opposite, type Truths } from './truth.ts'
import type { Contraindication, FactDeclaration, FactTest, FactValue } from './types.ts'

// Questions about many cases at once: what a version says whichever day it is and whatever is recorded. The bounds that
// its conditions name cut every number into cells within which nothing changes, so that finitely many cases are all.

/** Values between which no condition of the versions can tell. */
export interface ValueCell {
  /** One of them. */
  value: FactValue
  /** Of numbers: what they are at least or above, and at most or below; null: no bound. */
  low: { bound: number; included: boolean } | null
  high: { bound: number; included: boolean } | null
}

/** A number between the bounds of an open interval, a whole one if there is one; not a finite one if there is none. */
function between(low: number, high: number): number {
  if (low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY) return 0
  const candidates =
    low === Number.NEGATIVE_INFINITY
      ? [Math.ceil(high) - 1, high / 2, high * 2]
      : high === Number.POSITIVE_INFINITY
        ? [Math.floor(low) + 1, low / 2, low * 2]
        : [Math.floor(low) + 1, low / 2 + high / 2]
  return candidates.find((value) => low < value && value < high && Number.isFinite(value)) ?? Number.NaN
}

function cellsOfNumbers(cuts: readonly number[], min: number, max: number): ValueCell[] {
  const cells: ValueCell[] = []
  const addOpen = (low: number, high: number): void => {
    // Of an interval beyond the declared range nothing can be observed.
    const from = Math.max(low, min)
    const to = Math.min(high, max)
    if (from > to || (from === to && (from === low || to === high))) return
    const value = from !== low ? from : to !== high ? to : between(low, high)
    if (Number.isNaN(value)) return
    cells.push({
      value,
      low: low === Number.NEGATIVE_INFINITY ? null : { bound: low, included: false },
      high: high === Number.POSITIVE_INFINITY ? null : { bound: high, included: false },
    })
  }
  let low = Number.NEGATIVE_INFINITY
  for (const cut of cuts) {
    addOpen(low, cut)
    if (min <= cut && cut <= max) {
      cells.push({ value: cut, low: { bound: cut, included: true }, high: { bound: cut, included: true } })
    }
    low = cut
  }
  addOpen(low, Number.POSITIVE_INFINITY)
  return cells
}

/** The days since the milestone (null: the surgery) at which a test of them changes. */
export function boundsOfDays(tests: Iterable<Test>, milestone: number | null): number[] {
  const bounds: number[] = []
  for (const test of tests) {
    if (test.op !== 'days' || test.milestone !== milestone) continue
    for (const bound of [test.atLeast, test.before]) if (bound !== null) bounds.push(bound.possible, bound.sure)
  }
  return bounds
}

/** The cells of a fact's values, as its declarations and the tests of it cut them. */
export function cellsOfFact(declarations: readonly FactDeclaration[], tests: readonly FactTest[]): ValueCell[] {
  const named = tests.flatMap(({ is, in: oneOf }) => [...(is === undefined ? [] : [is]), ...(oneOf ?? [])])
  const single = (value: FactValue): ValueCell => ({ value, low: null, high: null })
  const types = new Set(declarations.map(({ type }) => type))
  const compared = tests.flatMap(({ atLeast, atMost, above, below }) => [atLeast, atMost, above, below])
  const bounds = [...compared, ...named].filter((bound) => typeof bound === 'number')
  if (types.size === 0) {
    if (bounds.length > 0) types.add('number')
    if (named.some((value) => typeof value === 'boolean')) types.add('boolean')
    if (named.some((value) => typeof value === 'string')) types.add('text')
  }
  const cells: ValueCell[] = []
  if (types.has('number')) {
    const mins = declarations.flatMap(({ min }) => min ?? [])
    const maxs = declarations.flatMap(({ max }) => max ?? [])
    const cuts = [...new Set(bounds)].sort((a, b) => a - b)
    cells.push(...cellsOfNumbers(cuts, Math.max(...mins), Math.min(...maxs)))
  }
  if (types.has('boolean')) cells.push(single(true), single(false))
  if (types.has('choice')) {
    const values = new Set(declarations.flatMap(({ values }) => values ?? []))
    cells.push(...[...values].sort().map(single))
  }
  if (types.has('text')) {
    const texts = [...new Set(named.filter((value) => typeof value === 'string'))].sort()
    cells.push(...texts.map(single), single(`${texts.at(-1) ?? ''}…`))
  }
  return cells
}

/** The test that the values of these cells meet, and no others. */
export function testForCells(cells: readonly ValueCell[], all: readonly ValueCell[]): FactTest {
  if (cells.length === all.length) return {}
  const [first, last] = [cells[0], cells.at(-1)]
  if (first === undefined || last === undefined) return {}
  if (typeof first.value !== 'number') {
    return cells.length === 1 ? { is: first.value } : { in: cells.map(({ value }) => value) }
  }
  if (cells.length === 1 && first.low?.included) return { is: first.value }
  const { low } = first
  const { high } = last
  return {
    ...(low !== null && (low.included ? { atLeast: low.bound } : { above: low.bound })),
    ...(high !== null && (high.included ? { atMost: high.bound } : { below: high.bound })),
  }
}

/**
 * The phases that can be the current one, by index plus one; 0: none. From what the tests of the entries can be; those
 * behind a phase that cannot be entered are left out.
 */
export function possiblePhases({ phases }: Compiled, truths: Uint8Array): boolean[] {
  const possible: boolean[] = []
  for (const { entry } of phases) {
    const entered = evaluate(entry.expression, truths, null)
    possible.push(entered !== isTrue)
    if ((entered & isTrue) === 0) return possible
  }
  return [...possible, true]
}

/** What a test for phases can be, in one of these phases. */
export function truthInPhases(test: Extract<Test, { op: 'phase' }>, possible: readonly boolean[]): Truths {
  let truths: Truths = 0
  possible.forEach((isPossible, index) => {
    if (isPossible) truths |= truthOfPhase(test, index === 0 ? null : index - 1)
  })
  return truths
}

/** True and false are what it can be that the phase lies in the span. */
export function truthOfSpan(from: number, through: number, possible: readonly boolean[]): Truths {
  let truths: Truths = 0
  possible.forEach((isPossible, index) => {
    if (isPossible) truths |= from !== -1 && from < index && index <= through + 1 ? isTrue : isFalse
  })
  return truths
}

export function truthsOf(when: When | null, truths: Uint8Array): Truths {
  return when === null ? isTrue : evaluate(when.expression, truths, null)
}

/** Whether a grant can rest on it (true), whether it can fail to (false or unknown). */
export function asGrant(truths: Truths): Truths {
  return (truths & isTrue) | ((truths & (isFalse | isUnknown)) === 0 ? 0 : isFalse)
}

/** Whether it can keep from applying (false), whether it can apply (true or unknown). */
export function asForbid(truths: Truths): Truths {
  return (truths & isFalse) | ((truths & (isTrue | isUnknown)) === 0 ? 0 : isTrue)
}

/** Tests for phases are filled in from the phases that can be the current one. */
export function fillPhases(
  { tests }: Compiled,
  truths: Uint8Array,
  possible: readonly boolean[],
  asked: Iterable<number>,
): void {
  for (const index of asked) {
    const test = tests[index]
    if (test?.op === 'phase') truths[index] = truthInPhases(test, possible)
  }
}

/** Whether the prescription can grant, and whether it can fail to. */
export function canGrant(
  { from, through, when }: CompiledPrescription,
  truths: Uint8Array,
  possible: readonly boolean[],
): Truths {
  return both(truthOfSpan(from, through, possible), asGrant(truthsOf(when, truths)))
}

export function contraindicationsOf(
  { contraindications }: Compiled,
  matches: readonly Match[],
): CompiledRule<Contraindication>[] {
  return matches.flatMap(({ rule }) => contraindications[rule] ?? [])
}

/** Whether no contraindication that matches, those set aside excepted, can withhold, and whether one can. */
export function canBeFree(
  { contraindications }: Compiled,
  truths: Uint8Array,
  matches: readonly Match[],
  isSetAside: (rule: Contraindication) => boolean,
): Truths {
  let free: Truths = isTrue
  for (const match of matches) {
    const active = contraindications[match.rule]
    if (active === undefined || active.rule.strength === 'caution' || isSetAside(active.rule)) continue
    free = both(free, opposite(asForbid(truthsOf(active.when, truths))))
    if (free === isFalse) break
  }
  return free
}

// ---- The search ----

/** How many tests may still be looked at. */
export interface Budget {
  left: number
}

/** A choice that is still open. */
export const open = -1

/**
 * Looks for choices, one of each variable's options, in which the goal is certainly true. `options` counts those of each
 * variable; option 0 is its plain one, and at most `limit` others are chosen, of the first variables rather than of the
 * last. `goal` says what the goal can be, given the choices made so far, and takes what that costs from the budget. Null:
 * there are none, or the budget is spent.
 */
export function search(
  options: readonly number[],
  limit: number,
  goal: (choices: readonly number[]) => Truths,
  budget: Budget,
): number[] | null {
  const choices = options.map(() => open)
  const descend = (variable: number, left: number): boolean => {
    if (budget.left <= 0) return false
    const can = goal(choices)
    if (can === isTrue) return true
    if ((can & isTrue) === 0 || variable < 0) return false
    const count = left > 0 ? (options[variable] ?? 1) : 1
    for (let option = 0; option < count; option += 1) {
      choices[variable] = option
      if (descend(variable - 1, option === 0 ? left : left - 1)) return true
    }
    choices[variable] = open
    return false
  }
  return descend(options.length - 1, limit) ? choices.map((choice) => (choice === open ? 0 : choice)) : null
}

// ---- How much freedom there is ----

/** Of each variable the options any of which will do, whichever of the others' are taken. */
export type Plan = readonly (readonly number[])[]

/** The options of a variable besides the plain one lie in rows of this width. Rows have an order; columns may have one. */
export interface Layout {
  width: number
  isOrdered: boolean
}

/** Every way of taking one option of each. */
export function* combinations(plan: Plan, from = 0): Generator<readonly number[]> {
  const options = plan[from]
  if (options === undefined) {
    yield []
    return
  }
  for (const others of combinations(plan, from + 1)) for (const option of options) yield [option, ...others]
}

/** Adds to the choices the options that will do as well. What has an order stays in one piece. */
export function widen(
  found: readonly number[],
  layouts: readonly Layout[],
  counts: readonly number[],
  willDo: (choices: readonly number[]) => boolean,
): Plan {
  const plan: (readonly number[])[] = found.map((choice) => [choice])
  found.forEach((choice, variable) => {
    const { width, isOrdered } = layouts[variable] ?? { width: 1, isOrdered: false }
    if (choice === 0) return
    const does = (options: readonly number[]): boolean =>
      combinations(plan.with(variable, options)).every((choices) => willDo(choices))
    const row = Math.floor((choice - 1) / width)
    const column = (choice - 1) % width
    const at = (row: number, column: number): number => 1 + row * width + column
    const columns = [column]
    for (const step of [1, -1]) {
      for (let next = column + step; next >= 0 && next < width; next += step) {
        if (does([at(row, next)])) columns.push(next)
        else if (isOrdered) break
      }
    }
    const rows = [row]
    const rowOf = (next: number): number[] => columns.map((each) => at(next, each))
    const last = Math.floor(((counts[variable] ?? 1) - 2) / width)
    for (const step of [1, -1]) {
      for (let next = row + step; next >= 0 && next <= last && does(rowOf(next)); next += step) rows.push(next)
    }
    plan[variable] = rows.flatMap(rowOf).sort((a, b) => a - b)
  })
  return plan
}
