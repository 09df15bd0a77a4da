import type { Cell } from './case-space.ts'
import { testForCells, type ValueCell } from './cases.ts'
import { type Diagram, isConstant, no, yes } from './diagrams.ts'
import type { DiffSpace, DiffVariable, OperationVariable, Reached, Told } from './diff-space.ts'
import type { DiffOccasion, DiffWitness } from './diff-types.ts'
import { describeFact } from './situation.ts'
import type { DaySpan, FactTest, FactValue, Named, Side } from './types.ts'

/** So many occasions of one difference are told. */
const mostOccasions = 8

/** Where something is so: on which days, what it takes, and one case. */
export interface Found {
  days: DaySpan[]
  occasions: DiffOccasion[]
  isComplete: boolean
  witness: DiffWitness
}

type Box = Map<number, readonly number[]>

/** Of each variable the options any of which will do, and the cells of days, which follow each other. */
interface Row {
  box: Box
  cells: number[]
}

/** The days and cases in which a function of yes and no is yes; null: there is no such case. */
export function findOccasions(space: DiffSpace, region: Diagram, operated: Side | null = null): Found | null {
  const { diagrams, and, or, without } = space
  const possible = space.possible(diagrams.variablesIn(region))
  const real = and(region, possible)
  if (real === no || diagrams.isSpent()) return null
  const cells = space.days
  const orImpossible = or(region, without(yes, possible))
  const isOn = (diagram: Diagram, cell: number): boolean => onDay(space, diagram, cell) !== no
  const rows: Row[] = []
  let rest = real
  let isComplete = true
  // What it takes is worth no more than knowing that it is so.
  while (isComplete && rest !== no && rows.length < mostOccasions) {
    isComplete = diagrams.isEnoughFor(() => {
      const first = cells.findIndex((_, cell) => isOn(rest, cell))
      const row = findRow(space, rest, first, orImpossible, real)
      rest = without(rest, toDiagram(space, row))
      rows.push(row)
    })
  }
  if (!isComplete) rows.pop()
  return {
    days: toSpans(cells.filter((_, cell) => isOn(real, cell))),
    occasions: rows.map((row) => describeRow(space, row)),
    isComplete: isComplete && rest === no,
    witness: findWitness(space, real, operated),
  }
}

/** What is left of the function on the days of that cell. */
export function onDay({ diagrams }: DiffSpace, diagram: Diagram, cell: number): Diagram {
  if (isConstant(diagram) || diagrams.variableOf(diagram) !== 0) return diagram
  return diagrams.optionsOf(diagram)[cell] ?? no
}

/** Neighbouring cells as spans. */
export function toSpans(cells: readonly Cell[]): DaySpan[] {
  const spans: Cell[] = []
  for (const cell of cells) {
    const last = spans.at(-1)
    if (last !== undefined && last.until === cell.from) last.until = cell.until
    else spans.push({ ...cell })
  }
  return spans.map(({ from, until }) => ({
    from: from === Number.NEGATIVE_INFINITY ? null : from,
    before: until === Number.POSITIVE_INFINITY ? null : until,
  }))
}

function countOf(variable: DiffVariable | undefined): number {
  if (variable === undefined) return 0
  if (variable.kind === 'day') return variable.cells.length
  if (variable.kind === 'operation') return variable.values.length + 1
  return variable.options.length + (variable.kind === 'fact' ? 1 : 0)
}

function toDiagram({ diagrams, variables }: DiffSpace, { box, cells }: Row): Diagram {
  let diagram = yes
  for (const [variable, options] of [...box, [0, cells] as const].sort(([a], [b]) => b - a)) {
    const among = new Set(options)
    const each = Array.from({ length: countOf(variables[variable]) }, (_, option) => (among.has(option) ? diagram : no))
    diagram = diagrams.choose(variable, each)
  }
  return diagram
}

/** What it takes at least on the days of the cell, and whatever else will do as well, there and on the days that follow. */
function findRow(space: DiffSpace, rest: Diagram, cell: number, orImpossible: Diagram, real: Diagram): Row {
  const { diagrams, variables } = space
  const least = diagrams.leastIn(onDay(space, rest, cell))
  const box: Box = new Map()
  let cells = [cell]
  // What can be on one day can be on those that follow.
  const does = (changed: Box, days: readonly number[]): boolean =>
    diagrams.isYesIn(orImpossible, new Map([...changed, [0, days]]))
  const support = [...diagrams.variablesIn(real)].filter((variable) => variable > 0).sort((a, b) => a - b)
  for (const variable of support) box.set(variable, [least?.options.get(variable) ?? 0])
  for (const variable of support) {
    if (box.get(variable)?.[0] !== 0) continue
    const all = new Map(box)
    all.delete(variable)
    if (does(all, cells)) box.delete(variable)
  }
  for (let next = cell + 1; next < space.days.length && does(box, [next]); next += 1) cells = [...cells, next]
  for (const [variable, options] of [...box]) {
    for (const wider of widerThan(variables[variable], options)) {
      let chosen = box.get(variable) ?? options
      for (const more of wider(chosen)) {
        if (!does(new Map(box).set(variable, more), cells)) break
        chosen = more
      }
      box.set(variable, chosen)
    }
  }
  return { box, cells }
}

/** Ways of widening a choice, one after the other, each step by step as far as it will do. */
type Widening = (chosen: readonly number[]) => Iterable<readonly number[]>

function widerThan(variable: DiffVariable | undefined, [option = 0]: readonly number[]): Widening[] {
  if (variable?.kind === 'milestone') {
    const reached = variable.options[option]
    if (reached === undefined) return []
    const kinds = entriesOf(variable, reached).map(({ by }) => by)
    // Of what takes no entry or two no more than one case is told.
    if (kinds.length !== 1) return []
    const alike = variable.options.flatMap((other, index) => {
      const entries = entriesOf(variable, other)
      return entries.length === 1 && entries[0]?.by === kinds[0] ? [index] : []
    })
    return ways(alike, option)
  }
  if (variable?.kind === 'operation') {
    const all = variable.values.map((_, index) => index + 1)
    if (option === 0) return []
    if (variable.told === 'levels') return ways(all, option)
    return all.map((other) => (chosen: readonly number[]) => [[...chosen, other]])
  }
  if (variable?.kind !== 'fact') return []
  const width = variable.values.length
  if (option === 0) {
    if (!variable.isAlwaysKnown) return []
    // Observed, it is false as well.
    const isNot = variable.values.findIndex(({ value }) => value === false)
    const rows = Array.from({ length: variable.options.length / width }, (_, row) => 1 + row * width + isNot)
    return [(chosen) => rows.map((_, last) => [...chosen, ...rows.slice(0, last + 1)])]
  }
  const isOrdered = variable.values.some(({ value }) => typeof value === 'number')
  const row = Math.floor((option - 1) / width)
  const inRow = Array.from({ length: width }, (_, at) => 1 + row * width + at)
  const rows = Array.from({ length: variable.options.length / width }, (_, at) => at)
  const columnsOf = (chosen: readonly number[]): number[] => [...new Set(chosen.map((one) => (one - 1) % width))]
  return [
    ...(isOrdered ? ways(inRow, option) : inRow.map((other) => (chosen: readonly number[]) => [[...chosen, other]])),
    ...[1, -1].map((step): Widening => {
      return function* (chosen) {
        const columns = columnsOf(chosen)
        let all = [...chosen]
        for (let next = row + step; rows.includes(next); next += step) {
          all = [...all, ...columns.map((at) => 1 + next * width + at)]
          yield all
        }
      }
    }),
  ]
}

/** Options with an order, on each side of the one that was found. */
function ways(among: readonly number[], found: number): Widening[] {
  return [1, -1].map((step) => (chosen) => neighbours(among, found, step, chosen))
}

/** The options on one side of the one that was found, added one by one to those that are chosen. */
function* neighbours(
  among: readonly number[],
  found: number,
  step: number,
  chosen: readonly number[],
): Generator<readonly number[]> {
  let all = chosen
  for (let at = among.indexOf(found) + step; at >= 0 && at < among.length; at += step) {
    all = [...all, among[at] ?? found]
    yield all
  }
}

/** An entry of a milestone: who has to grant it, and for how long it must have been reached. */
interface EntryOfMilestone {
  by: 'both' | 'before' | 'after'
  cell: Cell
}

/** The fewest entries with which the two versions count the milestone so. */
function entriesOf(
  { roles }: Extract<DiffVariable, { kind: 'milestone' }>,
  { before, after }: Reached,
): EntryOfMilestone[] {
  if (before !== null && after !== null && before.from === after.from) {
    if (roles.both !== null) return [{ by: 'both', cell: before }]
    return [
      { by: 'before', cell: before },
      { by: 'after', cell: after },
    ]
  }
  const isBeforeFirst = (before?.from ?? -1) > (after?.from ?? -1)
  const [first, second] = isBeforeFirst ? [before, after] : [after, before]
  const [own, other] = isBeforeFirst ? (['before', 'after'] as const) : (['after', 'before'] as const)
  // The later entry may count for both: for the one it comes second.
  const entries: EntryOfMilestone[] = first === null ? [] : [{ by: own, cell: first }]
  if (second !== null) entries.push({ by: roles.both === null ? other : 'both', cell: second })
  return entries
}

function nameOf(space: DiffSpace, list: 'milestones' | 'facts', code: string): Named {
  for (const { document } of [space.after, space.before]) {
    const declared = document[list].find((item) => item.code === code)
    if (declared !== undefined) return { code, title: declared.title }
  }
  return { code, title: code }
}

function describeRow(space: DiffSpace, { box, cells }: Row): DiffOccasion {
  const milestones: DiffOccasion['milestones'][number][] = []
  const facts: DiffOccasion['facts'][number][] = []
  const operation: DiffOccasion['operation'][number][] = []
  const without = { milestones: [] as Named[], facts: [] as Named[] }
  for (const [index, options] of box) {
    const variable = space.variables[index]
    if (variable?.kind === 'milestone') {
      const milestone = nameOf(space, 'milestones', variable.code)
      const each = options.map((option) => {
        const reached = variable.options[option]
        return reached === undefined ? [] : entriesOf(variable, reached)
      })
      if (each[0]?.length === 0) without.milestones.push(milestone)
      each[0]?.forEach(({ by }, place) => {
        const spans = each.flatMap((entries) => entries[place]?.cell ?? [])
        milestones.push({ milestone, grantedBy: variable.roles[by] ?? [], ...timesOf(spans) })
      })
    } else if (variable?.kind === 'fact') {
      const declared = [space.after, space.before].flatMap(
        ({ compiled }) => compiled.facts.find(({ code }) => code === variable.code) ?? [],
      )
      const fact = describeFact(declared[0])
      const chosen = options.flatMap((option) => variable.options[option - 1] ?? [])
      if (options[0] !== 0) {
        const values = new Set<ValueCell>(chosen.map(({ value }) => value))
        const test = testForCells(
          variable.values.filter((value) => values.has(value)),
          variable.values,
        )
        facts.push({ fact, test, ...timesOf(chosen.map(({ age }) => age)) })
      } else if (chosen.length > 0) {
        facts.push({ fact, test: { is: false }, ...timesOf(chosen.map(({ age }) => age)) })
      } else without.facts.push({ code: fact.code, title: fact.title })
    } else if (variable?.kind === 'operation') {
      operation.push({ told: variable.told, test: testOfOperation(variable, options) })
    }
  }
  const [days] = toSpans(space.days.filter((_, cell) => cells.includes(cell)))
  return { days: days ?? { from: null, before: null }, milestones, facts, operation, without, reading: null }
}

function testOfOperation({ told, values }: OperationVariable, options: readonly number[]): FactTest | null {
  const among = new Set(options)
  if (typeof told === 'object') return { is: among.has(1) }
  if (among.has(0)) return null
  const chosen = values.filter((_, index) => among.has(index + 1))
  if (told === 'side') return testForCells(chosen, values)
  const [least, most] = [chosen[0]?.low?.bound ?? 1, chosen.at(-1)?.high?.bound ?? null]
  if (least === most) return { is: least }
  return { ...(least > 1 && { atLeast: least }), ...(most !== null && { atMost: most }) }
}

function timesOf(spans: readonly Cell[]): { least: number; most: number | null } {
  const until = Math.max(...spans.map((span) => span.until))
  return {
    least: Math.min(...spans.map(({ from }) => from)),
    most: until === Number.POSITIVE_INFINITY ? null : until - 1,
  }
}

/** A case with the fewest records, of those the earliest from the surgery on; one before it only if there is no other. */
function findWitness(space: DiffSpace, real: Diagram, operated: Side | null): DiffWitness {
  const all = space.days.flatMap(({ from, until }, cell) => {
    const least = space.diagrams.leastIn(onDay(space, real, cell))
    return least === null ? [] : [{ ...least, from, until, isAfter: from >= 0 }]
  })
  // The days after the surgery come last.
  const { options, from, until } = all.reduce((best, next) =>
    next.isAfter !== best.isAfter || next.count < best.count ? next : best,
  )
  const entries = space.variables.flatMap((variable, index) => {
    if (variable.kind !== 'milestone') return []
    const reached = variable.options[options.get(index) ?? 0]
    if (reached === undefined) return []
    return entriesOf(variable, reached).map(({ by, cell }) => {
      return { code: variable.code, since: cell.from, grantedBy: variable.roles[by]?.[0] ?? null }
    })
  })
  const isOpen = from === Number.NEGATIVE_INFINITY
  const elapsed = entries.map(({ since }) => since).filter((since) => since < until)
  const day = isOpen ? Math.min(until - 1, 0) : Math.max(from, ...elapsed)
  const told = space.variables.flatMap((variable, index) => {
    if (variable.kind !== 'operation') return []
    const value = variable.values[(options.get(index) ?? 0) - 1]?.value
    return value === undefined ? [] : [{ told: variable.told, value }]
  })
  const toldOf = (what: Told): FactValue | null => told.find((one) => one.told === what)?.value ?? null
  return {
    daysSinceSurgery: day,
    side: operated ?? (toldOf('side') as Side | null),
    levels: toldOf('levels') as number | null,
    procedures: told.flatMap(({ told }) => (typeof told === 'object' ? [told.procedure] : [])),
    milestones: entries.map(({ code, since, grantedBy }) => ({ code, day: day - since, grantedBy })),
    facts: space.variables.flatMap((variable, index) => {
      if (variable.kind !== 'fact') return []
      const { code } = variable
      const option = variable.options[(options.get(index) ?? 0) - 1]
      if (option === undefined) return variable.isAlwaysKnown ? [{ code, value: false, day }] : []
      return [{ code, value: option.value.value, day: day - option.age.from }]
    }),
  }
}
