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
import type { Compiled, Test, When } from './compile.ts'
import { truthOfDays, truthOfValue } from './situation.ts'
import { isFalse, isTrue, isUnknown, ofBoolean, type Truths } from './truth.ts'
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
  | {
      kind: 'milestone'
      index: number
      milestone: Compiled['milestones'][number]
      cells: readonly Cell[]
      isPreOperative: boolean
    }
  /** Option 0: nobody has observed it; the others: a value, observed so many days before. */
  | {
      kind: 'fact'
      index: number
      fact: Compiled['facts'][number]
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
  readings: readonly Reading[]
  budget: Budget
}

/** How a test reads the choices. */
interface Reading {
  test: number
  /** The variable that it depends on; −1: the phases. */
  variable: number
  /** What it is with each option and, last, with any. */
  truths: Uint8Array
}

const { POSITIVE_INFINITY: forever, NEGATIVE_INFINITY: everBefore } = Number

function cut(bounds: Iterable<number>, from: number): Cell[] {
  const starts = [...new Set([from, ...bounds])].filter((bound) => bound >= from).sort((a, b) => a - b)
  return starts.map((start, index) => ({ from: start, until: starts[index + 1] ?? forever }))
}

/** Lays out the cases of a version; `most` tests are looked at for all questions together. */
export function layOut(compiled: Compiled, most: number): CaseSpace {
  const { tests, milestones, facts, document } = compiled
  const preOperative = new Set(document.milestones.filter((one) => one.preOperative).map(({ code }) => code))
  const ofMilestones = milestones.map((milestone, index) => {
    const isPreOperative = preOperative.has(milestone.named.code)
    const cells = cut(boundsOfDays(tests, index), 0)
    return { kind: 'milestone', index, milestone, cells, isPreOperative } as const
  })
  // The day of the surgery is a bound of its own: before it a version need not have anything to say.
  // So are those of milestones: what is reached after the surgery cannot be longer ago than the surgery itself.
  const sinceSurgery = ofMilestones.filter(({ isPreOperative }) => !isPreOperative).flatMap(({ cells }) => cells)
  const days = cut([0, ...boundsOfDays(tests, null), ...sinceSurgery.map(({ from }) => from)], everBefore)
  const variables: Variable[] = [
    { kind: 'day', cells: days },
    ...ofMilestones,
    ...facts.map((fact, index): Variable => {
      const { declared } = fact
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
      return { kind: 'fact', index, fact, values, options, isAlwaysKnown }
    }),
  ]
  const readings = tests.map((test, index): Reading => {
    const variable = variableOf(test, milestones.length)
    const truths = truthsWith(test, variables[variable])
    const any = truths.reduce((all, truth) => all | truth)
    return { test: index, variable, truths: Uint8Array.of(...truths, any) }
  })
  const counts = variables.map((variable) => {
    if (variable.kind === 'day') return variable.cells.length
    return 1 + (variable.kind === 'milestone' ? variable.cells.length : variable.options.length)
  })
  return { compiled, days, variables, counts, readings, budget: { left: most } }
}

/** The index of the variable that a test depends on: first the day, then the milestones, then the facts. */
function variableOf(test: Test, milestones: number): number {
  switch (test.op) {
    case 'days':
      return test.milestone === null ? 0 : 1 + test.milestone
    case 'milestone':
      return 1 + test.milestone
    case 'fact':
      return 1 + milestones + test.fact
    case 'phase':
      return -1
  }
}

/** What a test is with each option of its variable. */
function truthsWith(test: Test, variable: Variable | undefined): Truths[] {
  if (variable?.kind === 'day' && test.op === 'days') return variable.cells.map(({ from }) => truthOfDays(test, from))
  if (variable?.kind === 'milestone') {
    return [null, ...variable.cells].map((cell) =>
      test.op === 'days' ? truthOfDays(test, cell?.from ?? null) : ofBoolean(cell !== null),
    )
  }
  if (variable?.kind === 'fact' && test.op === 'fact') {
    const { withinDays = forever } = test.written
    return [
      variable.isAlwaysKnown ? truthOfValue(test.written, false) : isUnknown,
      ...variable.options.map(({ value, age }) =>
        age.from > withinDays ? isUnknown : truthOfValue(test.written, value.value),
      ),
    ]
  }
  // Of phases: the entry of a phase cannot know, and those of rules are filled in.
  return [isUnknown]
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
  whens?: readonly (When | null)[]
  asks: (outcome: Outcome) => Truths
  /** Every fact that the conditions ask about has been observed, and lately. */
  isObserved?: boolean
}

/** An inquiry, with what it depends on. */
interface Prepared extends Inquiry {
  tests: ReadonlySet<number>
  readings: readonly Reading[]
  /** Indexes of the variables besides the day. */
  variables: ReadonlySet<number>
  /** What one look takes. */
  cost: number
}

function prepare({ compiled, readings }: CaseSpace, inquiry: Inquiry): Prepared {
  const tests = new Set(compiled.testsOfPhases)
  const whens = new Set(inquiry.whens)
  for (const when of whens) for (const test of when?.tests ?? []) tests.add(test)
  const asked = [...tests].flatMap((test) => readings[test] ?? [])
  const variables = new Set(asked.map(({ variable }) => variable).filter((variable) => variable > 0))
  let cost = compiled.costOfPhases + tests.size + 1
  for (const when of whens) cost += when?.cost ?? 0
  return { ...inquiry, tests, readings: asked, variables, cost }
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
  const { compiled, variables, budget } = space
  budget.left -= inquiry.cost
  const cell = daysOfCell(space, choices[0] ?? 0)
  for (const index of inquiry.variables) {
    const choice = choices[index] ?? open
    if (choice !== open && !isPossible(variables[index], choice, cell, inquiry.isObserved ?? false)) return isFalse
  }
  const under = new Uint8Array(compiled.tests.length)
  for (const { test, variable, truths } of inquiry.readings) under[test] = truths.at(choices[variable] ?? open) ?? 0
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
  const prepared = prepare(space, inquiry)
  const counts = space.counts.map((count, index) => (prepared.variables.has(index) ? count : 1))
  const cells = dayCell === null ? cellsOfDays(space) : [dayCell]
  const most = prepared.variables.size
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
  const isBefore = (cell: number): boolean => daysOfCell(space, cell).from < 0
  return cells.sort((a, b) => Number(isBefore(a)) - Number(isBefore(b)))
}

/** Whether the choices are a case at all: nothing is reached before the surgery that cannot be. */
export function canHappen(space: CaseSpace, choices: readonly number[]): boolean {
  const cell = daysOfCell(space, choices[0] ?? 0)
  return space.variables.every((variable, index) => isPossible(variable, choices[index] ?? 0, cell, false))
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
  const { from, until } = daysOfCell(space, choices[0] ?? 0)
  const day = from === everBefore ? until - 1 : from
  const milestones: Witness['milestones'][number][] = []
  const facts: Witness['facts'][number][] = []
  space.variables.forEach((variable, index) => {
    const choice = choices[index] ?? 0
    if (variable.kind === 'milestone') {
      const elapsed = variable.cells[choice - 1]?.from
      if (elapsed !== undefined) milestones.push({ code: variable.milestone.named.code, day: day - elapsed })
    } else if (variable.kind === 'fact') {
      const { code } = variable.fact
      const option = variable.options[choice - 1]
      if (option !== undefined) facts.push({ code, value: option.value.value, day: day - option.age.from })
      else if (variable.isAlwaysKnown) facts.push({ code, value: false, day })
    }
  })
  return { daysSinceSurgery: day, milestones, facts }
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
