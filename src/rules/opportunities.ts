import {
  type CaseSpace,
  type Cell,
  canHappen,
  daysOfCell,
  findCase,
  type Inquiry,
  isSo,
  isSpent,
  type Outcome,
  untilSpent,
} from './case-space.ts'
import {
  asForbid,
  canBeFree,
  canGrant,
  combinations,
  contraindicationsOf,
  type Layout,
  type Plan,
  testForCells,
  truthsOf,
  widen,
} from './cases.ts'
import { type Compiled, type CompiledPrescription, matchesOf } from './compile.ts'
import { describeFact } from './situation.ts'
import { both, either, isFalse, type Truths } from './truth.ts'
import type { Contraindication, Exercise, Named, Opportunity } from './types.ts'

type Occasion = Opportunity['when'][number]

type Entries = readonly [Exercise, ...Exercise[]]

/** What can permit an exercise by one of these prescriptions, or keep it from being permitted. */
export function inquireAfter(
  compiled: Compiled,
  entries: readonly Exercise[],
  prescriptions: readonly CompiledPrescription[],
  isSetAside: (rule: Contraindication) => boolean,
): Inquiry {
  const matches = matchesOf(compiled, entries)
  return {
    whens: [...prescriptions, ...contraindicationsOf(compiled, matches)].map(({ when }) => when),
    asks: ({ truths, possible }) => {
      let granted: Truths = isFalse
      for (const prescription of prescriptions) granted = either(granted, canGrant(prescription, truths, possible))
      return granted === isFalse ? isFalse : both(granted, canBeFree(compiled, truths, matches, isSetAside))
    },
  }
}

/** The prescriptions of an exercise of the version. */
export function prescriptionsFor(compiled: Compiled, [{ code }]: Entries): CompiledPrescription[] {
  return (compiled.prescriptionsOf.get(code) ?? []).flatMap((index) => compiled.prescriptions[index] ?? [])
}

/** What is asked for: without an override, or with one that lifts what it may. */
interface Way {
  inquiry: Inquiry
  isSetAside: (rule: Contraindication) => boolean
}

/** A row, with what it was made from. */
interface Row {
  occasion: Occasion
  cells: number[]
  plan: Plan
  way: Way
}

function isRelative({ strength }: Contraindication): boolean {
  return strength === 'relative'
}

export function isNone(): boolean {
  return false
}

/** When the version permits an exercise, if ever, and the least that it takes; overrides only where nothing else will do. */
export function findOpportunity(space: CaseSpace, entries: Entries): Opportunity {
  const { compiled } = space
  const prescriptions = prescriptionsFor(compiled, entries)
  const rows: Row[] = []
  const ways = [isNone, isRelative].map((isSetAside): Way => {
    return { isSetAside, inquiry: inquireAfter(compiled, entries, prescriptions, isSetAside) }
  })
  untilSpent(() => {
    for (const cell of space.days.keys()) {
      let row: Row | null = null
      for (const way of ways) row ??= findRow(space, entries, cell, way)
      if (row === null) continue
      const joined = join(space, rows.at(-1), row)
      if (joined === null) rows.push(row)
      else rows.splice(-1, 1, joined)
    }
  })
  const { code, title } = entries[0]
  return { exercise: { code, title }, when: rows.map(({ occasion }) => occasion), decided: !isSpent(space) }
}

/** One row of two that follow each other, if what one of them asks for will do on the days of both. */
function join(space: CaseSpace, before: Row | undefined, row: Row): Row | null {
  if (before === undefined || before.occasion.days.before !== row.occasion.days.from) return null
  const asksFor = ({ occasion: { milestones, facts, lifts } }: Row): string =>
    JSON.stringify([
      milestones.map(({ milestone }) => milestone.code),
      facts.map(({ fact, test }) => [fact.code, test]),
      lifts,
    ])
  if (asksFor(before) !== asksFor(row)) return null
  const willDo = ({ plan, way }: Row, { cells }: Row): boolean =>
    cells.every((cell) => {
      let isPossible = false
      const isEnough = combinations(plan).every((choices) => {
        const inCase = choices.with(0, cell)
        if (!canHappen(space, inCase)) return true
        isPossible = true
        return isSo(space, way.inquiry, inCase)
      })
      return isPossible && isEnough
    })
  const which = willDo(before, row) ? before : willDo(row, before) ? row : null
  if (which === null) return null
  const days = { from: before.occasion.days.from, before: row.occasion.days.before }
  return { ...which, cells: [...before.cells, ...row.cells], occasion: { ...which.occasion, days } }
}

/** The days ago that the cells span. */
function hull(cells: readonly Cell[]): { least: number; most: number | null } {
  const until = Math.max(...cells.map((cell) => cell.until))
  return {
    least: Math.min(...cells.map(({ from }) => from)),
    most: until === Number.POSITIVE_INFINITY ? null : until - 1,
  }
}

function findRow(space: CaseSpace, entries: readonly Exercise[], cell: number, way: Way): Row | null {
  const { variables } = space
  const { inquiry, isSetAside } = way
  const choices = findCase(space, inquiry, cell, true)
  if (choices === null) return null
  const layouts = variables.map((variable): Layout => {
    if (variable.kind !== 'fact') return { width: 1, isOrdered: true }
    return { width: variable.values.length, isOrdered: variable.values.some(({ value }) => typeof value === 'number') }
  })
  // The day is no matter of choice: what is widened is what is recorded.
  const plan = widen(choices.with(0, 0), layouts, space.counts, (others) => {
    const inCase = others.with(0, cell)
    // What cannot be by that day is no exception to what will do.
    return isSo(space, inquiry, inCase) || !canHappen(space, inCase)
  })
  const milestones: Occasion['milestones'][number][] = []
  const facts: Occasion['facts'][number][] = []
  variables.forEach((variable, index) => {
    const isTaken = (_: unknown, option: number): boolean | undefined => plan[index]?.includes(option + 1)
    if (variable.kind === 'milestone') {
      const { named, roles } = variable.milestone
      const cells = variable.cells.filter(isTaken)
      if (cells.length > 0) milestones.push({ milestone: named, grantedBy: roles, ...hull(cells) })
    } else if (variable.kind === 'fact') {
      const taken = variable.options.filter(isTaken)
      if (taken.length === 0) return
      const values = new Set(taken.map(({ value }) => value))
      const test = testForCells(
        variable.values.filter((value) => values.has(value)),
        variable.values,
      )
      facts.push({ fact: describeFact(variable.fact), test, ...hull(taken.map(({ age }) => age)) })
    }
  })
  variables.forEach((variable, index) => {
    // The operation tells that it is not one of these procedures: it is said where it matters.
    if (variable.kind !== 'fact' || !variable.isAlwaysKnown || choices[index] !== 0) return
    // The first option is that it is.
    if (isSo(space, inquiry, choices.with(0, cell).with(index, 1))) return
    const recent = variable.options.slice(0, 1).map(({ age }) => age)
    facts.push({ fact: describeFact(variable.fact), test: { is: false }, ...hull(recent) })
  })
  const { from, until } = daysOfCell(space, cell)
  const occasion = {
    days: {
      from: from === Number.NEGATIVE_INFINITY ? null : from,
      before: until === Number.POSITIVE_INFINITY ? null : until,
    },
    milestones,
    facts,
    lifts: liftsIn(space, entries, cell, plan, isSetAside),
  }
  return { occasion, cells: [cell], plan, way }
}

/** The relative contraindications that may stand, whatever of the plan is on record, and that an override has to lift. */
function liftsIn(
  space: CaseSpace,
  entries: readonly Exercise[],
  cell: number,
  plan: Plan,
  isSetAside: (rule: Contraindication) => boolean,
): Named[] {
  const { compiled } = space
  return contraindicationsOf(compiled, matchesOf(compiled, entries)).flatMap(({ rule, when }) => {
    if (!isSetAside(rule)) return []
    const stands = { whens: [when], asks: ({ truths }: Outcome) => asForbid(truthsOf(when, truths)) }
    const isStanding = combinations(plan).some((choices) => isSo(space, stands, choices.with(0, cell)))
    return isStanding ? [{ code: rule.code, title: rule.title }] : []
  })
}
