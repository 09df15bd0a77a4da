import type { Cell } from './case-space.ts'
import { cellsOfFact, type ValueCell } from './cases.ts'
import type { Compiled, CompiledPrescription, Expression, Test, When } from './compile.ts'
import { constant, type Diagram, Diagrams, no, yes } from './diagrams.ts'
import { truthOfDays, truthOfPhase, truthOfValue } from './situation.ts'
import { both, either, isFalse, isTrue, isUnknown, opposite } from './truth.ts'
import type { FactDeclaration, FactTest, FactValue, MilestoneDeclaration, ProtocolDocument } from './types.ts'

// The cases of two versions together. What is recorded is the same for both; each reads it by its own declarations.

/** For how long a milestone has been reached as each of the two versions counts it; null: it is not. */
export interface Reached {
  before: Cell | null
  after: Cell | null
}

/** Option 0 of a milestone: not reached; of a fact: nobody has observed it. */
export type DiffVariable =
  | { kind: 'day'; cells: readonly Cell[] }
  | {
      kind: 'milestone'
      code: string
      isPreOperative: boolean
      options: readonly Reached[]
      /** Who can grant it so that only one of the versions, or both, count it; null: nobody can. */
      roles: { before: readonly string[] | null; after: readonly string[] | null; both: readonly string[] | null }
    }
  | {
      kind: 'fact'
      code: string
      values: readonly ValueCell[]
      options: readonly { value: ValueCell; age: Cell }[]
      /** For every version that asks for it the operation tells whether it is so: unobserved it is false. */
      isAlwaysKnown: boolean
      /** For some version the operation tells it as a side. */
      isSide: boolean
    }

/** One version, with what its conditions come to in all cases. */
export interface DiffSide {
  document: ProtocolDocument
  compiled: Compiled
  /** The index of the current phase plus one; 0: there is none. */
  phase: Diagram
  /** An answer lists what is in force: there is a phase, or the surgery has been. */
  isHeard: Diagram
  isInPhase: Diagram
  /** Of a condition its truth in each case; as yes where it is true, and as yes where it is true or unknown. */
  isTrue: (when: When | null) => Diagram
  isNotFalse: (when: When | null) => Diagram
  /** The truth itself, as a value. */
  truth: (when: When | null) => Diagram
  isInSpan: (prescription: Pick<CompiledPrescription, 'from' | 'through'>) => Diagram
}

export interface DiffSpace {
  diagrams: Diagrams
  variables: readonly DiffVariable[]
  /** The cells of the first variable. */
  days: readonly Cell[]
  before: DiffSide
  after: DiffSide
  and: (a: Diagram, b: Diagram) => Diagram
  or: (a: Diagram, b: Diagram) => Diagram
  /** The first, but not the second. */
  without: (a: Diagram, b: Diagram) => Diagram
  /** Which of the choices of these variables can be together: nothing is reached before the surgery that cannot be. */
  possible: (variables: Iterable<number>) => Diagram
}

const { POSITIVE_INFINITY: forever, NEGATIVE_INFINITY: everBefore } = Number

function cut(bounds: Iterable<number>, from: number): Cell[] {
  const inside = [...new Set(bounds)].filter((bound) => bound > from).sort((a, b) => a - b)
  return [from, ...inside].map((start, index) => ({ from: start, until: inside[index] ?? forever }))
}

function boundsOf(both: readonly Compiled[], code: string | null): number[] {
  return both.flatMap(({ tests, milestones }) =>
    tests.flatMap((test) => {
      if (test.op !== 'days') return []
      const since = test.milestone === null ? null : (milestones[test.milestone]?.named.code ?? '')
      if (since !== code) return []
      return [test.atLeast, test.before].flatMap((bound) => (bound === null ? [] : [bound.possible, bound.sure]))
    }),
  )
}

function declarationsOf(both: readonly Compiled[], code: string): MilestoneDeclaration[] {
  return both.flatMap(({ document }) => document.milestones.filter((milestone) => milestone.code === code))
}

function isPreOperative(both: readonly Compiled[], code: string): boolean {
  return declarationsOf(both, code).some(({ preOperative }) => preOperative)
}

/** By whom an entry must be granted to count for one of the two versions alone, or for both; null: by nobody. */
function shareRoles(before: readonly string[], after: readonly string[]) {
  const orNobody = (roles: readonly string[]): readonly string[] | null => (roles.length === 0 ? null : roles)
  if (before.length === 0 && after.length === 0) return { before: null, after: null, both: [] }
  // Where anybody may, it counts also without a role.
  if (before.length === 0) return { before: [], after: null, both: after }
  if (after.length === 0) return { before: null, after: [], both: before }
  return {
    before: orNobody(before.filter((role) => !after.includes(role))),
    after: orNobody(after.filter((role) => !before.includes(role))),
    both: orNobody(before.filter((role) => after.includes(role))),
  }
}

function milestoneVariable(both: readonly [Compiled, Compiled], code: string): DiffVariable {
  const cells = cut(boundsOf(both, code), 0)
  const rolesOf = ({ milestones }: Compiled): readonly string[] | null =>
    milestones.find(({ named }) => named.code === code)?.roles ?? null
  const [before, after] = [rolesOf(both[0]), rolesOf(both[1])]
  const common = { kind: 'milestone', code, isPreOperative: isPreOperative(both, code) } as const
  const roles = shareRoles(before ?? after ?? [], after ?? before ?? [])
  const each = [null, ...cells]
  const options = each.flatMap((counted, row) =>
    each.flatMap((other, column): Reached[] => {
      // Later places have been reached for longer: that takes an entry that the other version does not count.
      if (row > column && roles.before === null) return []
      if (row < column && roles.after === null) return []
      return [{ before: counted, after: other }]
    }),
  )
  return { ...common, roles, options }
}

function isSameCell(a: ValueCell, b: ValueCell): boolean {
  const isSameEnd = (one: ValueCell['low'], other: ValueCell['low']): boolean =>
    one?.bound === other?.bound && one?.included === other?.included
  if (typeof a.value !== 'number' || typeof b.value !== 'number') return a.value === b.value
  return isSameEnd(a.low, b.low) && isSameEnd(a.high, b.high)
}

function factVariable(both: readonly Compiled[], code: string): DiffVariable {
  const asking = both.filter(({ facts }) => facts.some((fact) => fact.code === code))
  const declared = asking.flatMap(({ facts }): FactDeclaration[] => {
    const own = facts.find((fact) => fact.code === code)?.declared ?? null
    return own === null ? [] : [own]
  })
  const tests = asking.flatMap(({ tests, facts }) =>
    tests.flatMap((test): FactTest[] => (test.op === 'fact' && facts[test.fact]?.code === code ? [test.written] : [])),
  )
  // What either version takes can be on record.
  const each = declared.length === 0 ? [[]] : declared.map((one) => [one])
  const values: ValueCell[] = []
  for (const declarations of each) {
    for (const cell of cellsOfFact(declarations, tests)) {
      if (!values.some((other) => isSameCell(cell, other))) values.push(cell)
    }
  }
  const low = ({ value }: ValueCell): number => (typeof value === 'number' ? value : forever)
  values.sort((a, b) => (low(a) === low(b) ? 0 : low(a) - low(b)))
  const ages = cut(
    tests.flatMap(({ withinDays }) => (withinDays === undefined ? [] : [withinDays + 1])),
    0,
  )
  return {
    kind: 'fact',
    code,
    values,
    options: ages.flatMap((age) => values.map((value) => ({ value, age }))),
    isAlwaysKnown: asking.every(({ facts }) => isTold(facts.find((fact) => fact.code === code)?.declared ?? null)),
    isSide: declared.some(({ operation }) => operation === 'side'),
  }
}

function isTold(declared: FactDeclaration | null): boolean {
  return typeof declared?.operation === 'object'
}

/** Lays out the cases of two versions; no more than `most` is looked at for all questions together. */
export function layOutBoth(before: Compiled, after: Compiled, most: number): DiffSpace {
  const two = [before, after] as const
  const milestones = [...new Set(two.flatMap(({ milestones }) => milestones.map(({ named }) => named.code)))].sort()
  const facts = [...new Set(two.flatMap(({ facts }) => facts.map(({ code }) => code)))].sort()
  const elapsed = milestones.flatMap((code) => (isPreOperative(two, code) ? [] : boundsOf(two, code)))
  // As in the case space of one version: what is reached after the surgery is no longer ago than the surgery itself.
  const days = cut([0, ...boundsOf(two, null), ...elapsed.filter((bound) => bound > 0)], everBefore)
  const variables: DiffVariable[] = [
    { kind: 'day', cells: days },
    ...milestones.map((code) => milestoneVariable(two, code)),
    ...facts.map((code) => factVariable(two, code)),
  ]
  const places = new Map(
    variables.map((variable, index) => [variable.kind === 'day' ? '' : `${variable.kind} ${variable.code}`, index]),
  )
  const diagrams = new Diagrams(most)
  const and = diagrams.joining((a, b) => a & b)
  const or = diagrams.joining((a, b) => a | b)
  const tools: Tools = {
    diagrams,
    variables,
    days,
    place: (name) => places.get(name) ?? 0,
    both: diagrams.joining(both),
    either: diagrams.joining(either),
    or,
    and,
  }
  return {
    diagrams,
    variables,
    days,
    before: readVersion(before, 'before', tools),
    after: readVersion(after, 'after', tools),
    and,
    or,
    without: diagrams.joining((a, b) => a & (1 - b)),
    possible: findPossible(tools),
  }
}

interface Tools {
  diagrams: Diagrams
  variables: readonly DiffVariable[]
  days: readonly Cell[]
  place: (name: string) => number
  both: (a: Diagram, b: Diagram) => Diagram
  either: (a: Diagram, b: Diagram) => Diagram
  and: (a: Diagram, b: Diagram) => Diagram
  or: (a: Diagram, b: Diagram) => Diagram
}

function findPossible({ diagrams, variables, days, and }: Tools): DiffSpace['possible'] {
  const known = new Map<number, Diagram>()
  const possibleOf = (index: number): Diagram => {
    const variable = variables[index]
    if (variable?.kind !== 'milestone' || variable.isPreOperative) return yes
    const found = known.get(index)
    if (found !== undefined) return found
    const can = diagrams.choose(
      0,
      days.map(({ until }) =>
        diagrams.choose(
          index,
          variable.options.map(({ before, after }) =>
            (before?.from ?? everBefore) < until && (after?.from ?? everBefore) < until ? yes : no,
          ),
        ),
      ),
    )
    known.set(index, can)
    return can
  }
  return (indexes) => {
    let all: Diagram = yes
    for (const index of [...indexes].sort((a, b) => b - a)) all = and(all, possibleOf(index))
    return all
  }
}

function readVersion(compiled: Compiled, which: 'before' | 'after', tools: Tools): DiffSide {
  const { diagrams, variables, days, and, or } = tools
  const { tests, milestones, facts, phases, document } = compiled
  const readDays = (test: Extract<Test, { op: 'days' | 'milestone' }>): Diagram => {
    if (test.op === 'days' && test.milestone === null) {
      return diagrams.choose(
        0,
        days.map(({ from }) => constant(truthOfDays(test, from))),
      )
    }
    const place = tools.place(`milestone ${milestones[test.milestone ?? -1]?.named.code}`)
    const variable = variables[place]
    if (variable?.kind !== 'milestone') return constant(isUnknown)
    return diagrams.choose(
      place,
      variable.options.map((reached) => {
        const since = reached[which]?.from ?? null
        if (test.op === 'days') return constant(truthOfDays(test, since))
        return constant(since === null ? isFalse : isTrue)
      }),
    )
  }
  const readFact = ({ fact, written }: Extract<Test, { op: 'fact' }>): Diagram => {
    const place = tools.place(`fact ${facts[fact]?.code}`)
    const variable = variables[place]
    if (variable?.kind !== 'fact') return constant(isUnknown)
    const ofValue = (value: FactValue): Diagram => constant(truthOfValue(written, value))
    return diagrams.choose(place, [
      isTold(facts[fact]?.declared ?? null) ? ofValue(false) : constant(isUnknown),
      ...variable.options.map(({ value, age }) => {
        const isOld = written.withinDays !== undefined && age.from > written.withinDays
        return isOld ? constant(isUnknown) : ofValue(value.value)
      }),
    ])
  }
  const known = new Map<number, Diagram>()
  const phaseOf: { current: Diagram } = { current: no }
  const read = (index: number): Diagram => {
    const found = known.get(index)
    if (found !== undefined) return found
    const test = tests[index]
    let truth: Diagram = constant(isUnknown)
    if (test?.op === 'days' || test?.op === 'milestone') truth = readDays(test)
    else if (test?.op === 'fact') truth = readFact(test)
    // The entry of a phase cannot ask for the phase that it decides.
    else if (test !== undefined && test.fromIndex >= 0) {
      truth = diagrams.map(phaseOf.current, (phase) => truthOfPhase(test, phase === 0 ? null : phase - 1))
    }
    if (!diagrams.isSpent()) known.set(index, truth)
    return truth
  }
  const express = (expression: Expression): Diagram => {
    if (expression.op === 'test') return read(expression.test)
    if (expression.op === 'not') return diagrams.map(express(expression.of), opposite)
    const join = expression.op === 'all' ? tools.both : tools.either
    return expression.of.reduce(
      (whole: Diagram, part) => (diagrams.isSpent() ? whole : join(whole, express(part))),
      constant(expression.op === 'all' ? isTrue : isFalse),
    )
  }
  const truths = new Map<number, Diagram>()
  const truth = (when: When | null): Diagram => {
    if (when === null) return constant(isTrue)
    const found = truths.get(when.index) ?? express(when.expression)
    if (!diagrams.isSpent()) truths.set(when.index, found)
    return found
  }
  const asking = (among: number): ((when: When | null) => Diagram) => {
    const answers = new Map<Diagram, Diagram>()
    return (when) => {
      const of = truth(when)
      const found = answers.get(of) ?? diagrams.map(of, (value) => (value & among ? 1 : 0))
      if (!diagrams.isSpent()) answers.set(of, found)
      return found
    }
  }
  const isCertain = asking(isTrue)
  // The longest prefix of phases whose entries are all true.
  let phase: Diagram = constant(phases.length)
  for (let index = phases.length - 1; index >= 0 && !diagrams.isSpent(); index -= 1) {
    const entered = isCertain(phases[index]?.entry ?? null)
    phase = diagrams.joining((isEntered, behind) => (isEntered === 1 ? behind : index))(entered, phase)
  }
  phaseOf.current = phase
  const isInPhase = diagrams.map(phase, (index) => (index > 0 ? 1 : 0))
  const isAfterSurgery = diagrams.choose(
    0,
    days.map(({ from }) => (from >= 0 ? yes : no)),
  )
  const spans = new Map<string, Diagram>()
  return {
    document,
    compiled,
    phase,
    isInPhase,
    isHeard: or(isInPhase, isAfterSurgery),
    truth,
    isTrue: isCertain,
    isNotFalse: asking(isTrue | isUnknown),
    isInSpan: ({ from, through }) => {
      const key = `${from} ${through}`
      const found =
        spans.get(key) ?? diagrams.map(phase, (index) => (from >= 0 && from < index && index <= through + 1 ? 1 : 0))
      if (!diagrams.isSpent()) spans.set(key, found)
      return and(found, isInPhase)
    },
  }
}
