import {
  type Budget,
  boundsOfDays,
  cellsOfFact,
  fillPhases,
  open,
  possiblePhases,
  search,
  type ValueCell,
} from './cases.ts'
import type { Compiled, When } from './compile.ts'
import { truthOfDays, truthOfValue } from './situation.ts'
import { isFalse, isTrue, isUnknown, type Truths } from './truth.ts'
import type { DaySpan, FactTest, Witness } from './types.ts'

/** Whole numbers from `from` up to the one before `until`. */
export interface Cell {
  from: number
  until: number
}

/** What a case of a version consists of: the day, and what is recorded by then. */
type Variable =
  | { kind: 'day'; cells: readonly Cell[] }
  /** Option 0: not reached; the others: so many days before. */
  | { kind: 'milestone'; index: number; cells: readonly Cell[]; isPreOperative: boolean }
  /** Option 0: nobody has observed it; the others: a value, observed so many days before. */
  | {
      kind: 'fact'
      index: number
      values: readonly ValueCell[]
      options: readonly { value: ValueCell; age: Cell }[]
      /** The operation tells it: unobserved it is false. */
      isAlwaysKnown: boolean
    }

/** All cases of one version. The bounds of its conditions cut each variable, so that they are finitely many. */
export interface CaseSpace {
  compiled: Compiled
  days: readonly Cell[]
  variables: readonly Variable[]
  /** Number of options of each variable. */
  counts: readonly number[]
  /** Of each test the variable that it depends on (−1: phases), and what it is with each option and, last, with any. */
  variableOf: Int16Array
  truths: readonly Uint8Array[]
  budget: Budget
}

const { POSITIVE_INFINITY: forever, NEGATIVE_INFINITY: everBefore } = Number

function cut(bounds: Iterable<number>, from: number): Cell[] {
  const inside = [...new Set(bounds)].filter((bound) => bound > from).sort((a, b) => a - b)
  return [from, ...inside].map((start, index) => ({ from: start, until: inside[index] ?? forever }))
}

/** Lays out the cases of a version; `most` tests are looked at for all questions together. */
export function layOut(compiled: Compiled, most: number): CaseSpace {
  const { tests, milestones, facts, document } = compiled
  const boundsOf = (milestone: number | null): number[] => boundsOfDays(tests, milestone)
  const isPreOperative = (index: number): boolean =>
    document.milestones.find(({ code }) => code === milestones[index]?.named.code)?.preOperative ?? false
  const elapsedBounds = (index: number): number[] =>
    isPreOperative(index) ? [] : boundsOf(index).filter((bound) => bound > 0)
  // The day of the surgery is a bound of its own: before it a version need not have anything to say.
  // So are those of milestones: what is reached after the surgery cannot be longer ago than the surgery itself.
  const days = cut([0, ...boundsOf(null), ...milestones.flatMap((_, index) => elapsedBounds(index))], everBefore)
  const variables: Variable[] = [
    { kind: 'day', cells: days },
    ...milestones.map((_, index): Variable => {
      return { kind: 'milestone', index, cells: cut(boundsOf(index), 0), isPreOperative: isPreOperative(index) }
    }),
    ...facts.map(({ declared }, index): Variable => {
      const written = tests.flatMap((test): FactTest[] =>
        test.op === 'fact' && test.fact === index ? [test.written] : [],
      )
      const values = cellsOfFact(declared === null ? [] : [declared], written)
      const ages = cut(
        written.flatMap(({ withinDays }) => (withinDays === undefined ? [] : [withinDays + 1])),
        0,
      )
      const isAlwaysKnown = typeof declared?.operation === 'object'
      const options = ages.flatMap((age) => values.map((value) => ({ value, age })))
      return { kind: 'fact', index, values, options, isAlwaysKnown }
    }),
  ]
  const firstMilestone = 1
  const firstFact = firstMilestone + milestones.length
  const variableOf = Int16Array.from(tests, (test) => {
    if (test.op === 'days') return test.milestone === null ? 0 : firstMilestone + test.milestone
    if (test.op === 'milestone') return firstMilestone + test.milestone
    return test.op === 'fact' ? firstFact + test.fact : -1
  })
  const truths = tests.map((test, index) => {
    const variable = variables[variableOf[index] ?? -1]
    const each: Truths[] = []
    if (variable?.kind === 'day' && test.op === 'days') {
      for (const { from } of variable.cells) each.push(truthOfDays(test, from))
    } else if (variable?.kind === 'milestone') {
      for (const elapsed of [null, ...variable.cells.map(({ from }) => from)]) {
        each.push(test.op === 'days' ? truthOfDays(test, elapsed) : elapsed === null ? isFalse : isTrue)
      }
    } else if (variable?.kind === 'fact' && test.op === 'fact') {
      each.push(variable.isAlwaysKnown ? truthOfValue(test.written, false) : isUnknown)
      for (const { value, age } of variable.options) {
        const isOld = test.written.withinDays !== undefined && age.from > test.written.withinDays
        each.push(isOld ? isUnknown : truthOfValue(test.written, value.value))
      }
    } else {
      // Of phases: the entry of a phase cannot know, and those of rules are filled in.
      each.push(isUnknown)
    }
    return Uint8Array.of(
      ...each,
      each.reduce((any, truth) => any | truth, 0),
    )
  })
  const counts = variables.map((variable) => {
    if (variable.kind === 'day') return variable.cells.length
    return 1 + (variable.kind === 'milestone' ? variable.cells.length : variable.options.length)
  })
  return { compiled, days, variables, counts, variableOf, truths, budget: { left: most } }
}

/** What the conditions asked about can be, given the choices made so far. */
export interface Outcome {
  days: Cell
  truths: Uint8Array
  /** The phases that can be the current one, by index plus one; 0: none. */
  possible: readonly boolean[]
}

/** A question about cases: the conditions that it asks about, and whether what it asks for can be so. */
export interface Inquiry {
  whens: readonly (When | null)[]
  asks: (outcome: Outcome) => Truths
  /** Every fact that the conditions ask about has been observed, and lately. */
  isObserved?: boolean
}

/** An inquiry, with what it depends on. */
interface Prepared extends Inquiry {
  tests: ReadonlySet<number>
  variables: ReadonlySet<number>
  /** What one look takes. */
  cost: number
}

function prepare({ compiled, variableOf }: CaseSpace, inquiry: Inquiry): Prepared {
  const tests = new Set<number>()
  for (const test of compiled.testsOfPhases) tests.add(test)
  for (const when of inquiry.whens) for (const test of when?.tests ?? []) tests.add(test)
  const variables = new Set([...tests].map((test) => variableOf[test] ?? -1))
  const whens = new Set(inquiry.whens)
  let cost = compiled.costOfPhases + tests.size + 1
  for (const when of whens) cost += when?.cost ?? 0
  return { ...inquiry, tests, variables, cost }
}

/** Whether the choice can be part of a case on a day of the cell. */
function isPossible(variable: Variable | undefined, choice: number, cell: Cell, isObserved: boolean): boolean {
  if (variable?.kind === 'milestone' && choice > 0 && !variable.isPreOperative) {
    // It cannot have been reached before the surgery.
    return (variable.cells[choice - 1]?.from ?? 0) < cell.until
  }
  if (variable?.kind === 'fact' && isObserved) {
    return choice > 0 ? variable.options[choice - 1]?.age.from === 0 : variable.isAlwaysKnown
  }
  return true
}

/** What it can be that it is so, given the choices made so far; of the day the choice is always made. */
function ask(space: CaseSpace, inquiry: Prepared, choices: readonly number[]): Truths {
  const { compiled, variables, variableOf, truths, budget } = space
  budget.left -= inquiry.cost
  const cell = daysOfCell(space, choices[0] ?? 0)
  for (const index of inquiry.variables) {
    const choice = choices[index] ?? open
    if (choice !== open && !isPossible(variables[index], choice, cell, inquiry.isObserved ?? false)) return isFalse
  }
  const under = new Uint8Array(compiled.tests.length)
  for (const test of inquiry.tests) {
    const variable = variableOf[test] ?? -1
    under[test] = truths[test]?.at(variable === -1 ? open : (choices[variable] ?? open)) ?? 0
  }
  const possible = possiblePhases(compiled, under)
  fillPhases(compiled, under, possible, inquiry.tests)
  return inquiry.asks({ days: cell, truths: under, possible })
}

/** Nothing more can be decided. */
export function isSpent({ budget }: CaseSpace): boolean {
  return budget.left <= 0
}

/** Thrown where a question cannot be decided any more. */
class Spent extends Error {}

/** Does what it can until nothing more can be decided. */
export function untilSpent(action: () => void): void {
  try {
    action()
  } catch (error) {
    if (!(error instanceof Spent)) throw error
  }
}

/** The first case, with the fewest records if `isLeast`, in which it is so; on a day of that cell, if one is given. */
export function findCase(space: CaseSpace, inquiry: Inquiry, dayCell: number | null, isLeast = false): number[] | null {
  if (isSpent(space)) throw new Spent()
  const prepared = prepare(space, inquiry)
  const counts = space.counts.map((count, index) => (index > 0 && prepared.variables.has(index) ? count : 1))
  const cells = dayCell === null ? cellsOfDays(space) : [dayCell]
  const most = counts.filter((count) => count > 1).length
  for (let limit = isLeast ? 0 : most; limit <= most; limit += 1) {
    for (const day of cells) {
      const found = search(counts, limit, (choices) => ask(space, prepared, choices.with(0, day)), space.budget)
      if (found !== null) return found.with(0, day)
      if (isSpent(space)) throw new Spent()
    }
  }
  return null
}

/** Days from the surgery on come first: they show more than those before it. */
function cellsOfDays(space: CaseSpace): number[] {
  const cells = [...space.days.keys()]
  const isAfter = (cell: number): boolean => daysOfCell(space, cell).from >= 0
  return [...cells.filter(isAfter), ...cells.filter((cell) => !isAfter(cell))]
}

/** Whether the choices are a case at all: nothing is reached before the surgery that cannot be. */
export function canHappen(space: CaseSpace, choices: readonly number[]): boolean {
  const cell = daysOfCell(space, choices[0] ?? 0)
  return choices.every((choice, index) => index === 0 || isPossible(space.variables[index], choice, cell, false))
}

/** Whether it is so in this one case. */
export function isSo(space: CaseSpace, inquiry: Inquiry, choices: readonly number[]): boolean {
  if (isSpent(space)) throw new Spent()
  return ask(space, prepare(space, inquiry), choices) === isTrue
}

/** The days of one cell. */
export function daysOfCell({ days }: CaseSpace, cell: number): Cell {
  return days[cell] ?? { from: everBefore, until: forever }
}

/** A case with a number for everything. */
export function toWitness(space: CaseSpace, choices: readonly number[]): Witness {
  const { compiled, variables } = space
  const cell = daysOfCell(space, choices[0] ?? 0)
  const elapsed = variables.flatMap((variable, index) => {
    const choice = choices[index] ?? 0
    return variable.kind === 'milestone' && choice > 0 ? (variable.cells[choice - 1]?.from ?? 0) : []
  })
  const day =
    cell.from === everBefore
      ? Math.min(cell.until - 1, 0)
      : Math.max(cell.from, ...elapsed.filter((days) => days < cell.until))
  return {
    daysSinceSurgery: day,
    milestones: variables.flatMap((variable, index) => {
      const choice = choices[index] ?? 0
      if (variable.kind !== 'milestone' || choice <= 0) return []
      const code = compiled.milestones[variable.index]?.named.code ?? ''
      return [{ code, day: day - (variable.cells[choice - 1]?.from ?? 0) }]
    }),
    facts: variables.flatMap((variable, index) => {
      if (variable.kind !== 'fact') return []
      const option = variable.options[(choices[index] ?? 0) - 1]
      const code = compiled.facts[variable.index]?.code ?? ''
      if (option === undefined) return variable.isAlwaysKnown ? [{ code, value: false, day }] : []
      return [{ code, value: option.value.value, day: day - option.age.from }]
    }),
  }
}

/** Neighbouring cells as spans. */
export function toSpans(space: CaseSpace, cells: readonly number[]): DaySpan[] {
  const spans: { from: number; until: number }[] = []
  for (const index of cells) {
    const cell = daysOfCell(space, index)
    const last = spans.at(-1)
    if (last !== undefined && last.until === cell.from) last.until = cell.until
    else spans.push({ ...cell })
  }
  return spans.map(({ from, until }) => ({
    from: from === everBefore ? null : from,
    before: until === forever ? null : until,
  }))
}
