import type { Cell } from './case-space.ts'
import { cellsOfFact, type ValueCell } from './cases.ts'
import {
  type Compiled,
  type CompiledPrescription,
  compareText,
  type Expression,
  type Test,
  type When,
} from './compile.ts'
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
      /** For every version that asks for it the operation tells that it is not so: unobserved it is false. */
      isAlwaysKnown: boolean
      /** For some version the operation tells it as a side, which no variable has. */
      isSide: boolean
    }
  | OperationVariable

/** What of the operation facts are told by. */
export type Told = NonNullable<FactDeclaration['operation']>

/**
 * Something that the operation tells. What it tells in the same way for both versions needs none: it is as if it had been
 * observed. Option 0: it is not on record; of a procedure: it was not done.
 */
export interface OperationVariable {
  kind: 'operation'
  told: Told
  values: readonly ValueCell[]
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

/** What the versions that ask for a fact say of it. */
interface AskedFact {
  code: string
  /** As each of these versions declares it. */
  declarations: readonly (FactDeclaration | null)[]
  tests: readonly FactTest[]
}

function askedFact(both: readonly Compiled[], code: string): AskedFact {
  const asking = both.flatMap(({ facts, tests }) =>
    facts.flatMap((fact, index) => (fact.code === code ? [{ declared: fact.declared, index, tests }] : [])),
  )
  return {
    code,
    declarations: asking.map(({ declared }) => declared),
    tests: asking.flatMap(({ tests, index }) =>
      tests.flatMap((test): FactTest[] => (test.op === 'fact' && test.fact === index ? [test.written] : [])),
    ),
  }
}

/** What either version takes, as the tests of both cut it. */
function valuesOf({ declarations, tests }: AskedFact): ValueCell[] {
  const declared = declarations.filter((one) => one !== null)
  // What either version takes can be on record.
  const each = declared.length === 0 ? [[]] : declared.map((one) => [one])
  const values: ValueCell[] = []
  for (const declarations of each) {
    for (const cell of cellsOfFact(declarations, tests)) {
      if (!values.some(({ value }) => value === cell.value)) values.push(cell)
    }
  }
  const low = ({ value }: ValueCell): number => (typeof value === 'number' ? value : Number.MAX_VALUE)
  return values.sort((a, b) => low(a) - low(b))
}

function factVariable(fact: AskedFact, isVariable: (told: Told) => boolean): DiffVariable {
  const { code, declarations } = fact
  const values = valuesOf(fact)
  const ages = cut(
    fact.tests.flatMap(({ withinDays }) => (withinDays === undefined ? [] : [withinDays + 1])),
    0,
  )
  return {
    kind: 'fact',
    code,
    values,
    options: ages.flatMap((age) => values.map((value) => ({ value, age }))),
    isAlwaysKnown: declarations.every((one) => typeof one?.operation === 'object' && !isVariable(one.operation)),
    isSide: declarations.some((one) => one?.operation === 'side') && !isVariable('side'),
  }
}

function nameOfTold(told: Told): string {
  return typeof told === 'string' ? told : `procedure ${told.procedure}`
}

/** All that the operation can tell of it, as the tests of the facts cut it: of a number of levels there is one at least. */
function valuesOfTold(told: Told, facts: readonly AskedFact[]): ValueCell[] {
  const single = (value: FactValue): ValueCell => ({ value, low: null, high: null })
  if (told === 'side') return ['left', 'right', 'bilateral'].map(single)
  if (told !== 'levels') return [single(true)]
  const compared = facts.flatMap(({ tests }) =>
    tests.flatMap(({ is, in: oneOf = [], atLeast, atMost, above, below }) => [
      is,
      ...oneOf,
      atLeast,
      atMost,
      above,
      below,
    ]),
  )
  const bounds = compared.flatMap((bound) =>
    typeof bound === 'number' ? [Math.floor(bound), Math.floor(bound) + 1] : [],
  )
  return cut(bounds, 1).map(({ from, until }) => ({
    value: from,
    low: { bound: from, included: true },
    high: until === forever ? null : { bound: until - 1, included: true },
  }))
}

/** What of the operation tells the fact, by name; null: nothing does. */
export function toldBy(declared: FactDeclaration | null): string | null {
  return declared?.operation === undefined ? null : nameOfTold(declared.operation)
}

/** What of the operation tells a fact in one version only, or tells what no observation could, by name. */
function operationVariables(facts: readonly AskedFact[]): OperationVariable[] {
  const all = facts.flatMap(({ declarations }) =>
    declarations.flatMap((one) =>
      one?.operation === undefined ? [] : [[nameOfTold(one.operation), one.operation] as const],
    ),
  )
  const byName = [...new Map(all)].sort(([a], [b]) => compareText(a, b))
  return byName.flatMap(([name, told]): OperationVariable[] => {
    const asked = facts.filter(({ declarations }) => declarations.some((one) => toldBy(one) === name))
    const values = valuesOfTold(told, asked)
    const isNeeded = asked.some((fact) => {
      const truths = (value: FactValue): string => fact.tests.map((test) => truthOfValue(test, value)).join()
      const observed = new Set(valuesOf(fact).map(({ value }) => truths(value)))
      return (
        fact.declarations.some((one) => toldBy(one) !== name) ||
        values.some(({ value }) => !observed.has(truths(value)))
      )
    })
    return isNeeded ? [{ kind: 'operation', told, values }] : []
  })
}

/** Lays out the cases of two versions; no more than `most` is looked at for all questions together. */
export function layOutBoth(before: Compiled, after: Compiled, most: number): DiffSpace {
  const two = [before, after] as const
  const milestones = [...new Set(two.flatMap(({ milestones }) => milestones.map(({ named }) => named.code)))].sort()
  const codes = [...new Set(two.flatMap(({ facts }) => facts.map(({ code }) => code)))].sort()
  const facts = codes.map((code) => askedFact(two, code))
  const operation = operationVariables(facts)
  const isVariable = (told: Told): boolean => operation.some((one) => nameOfTold(one.told) === nameOfTold(told))
  const elapsed = milestones.flatMap((code) => (isPreOperative(two, code) ? [] : boundsOf(two, code)))
  // As in the case space of one version: what is reached after the surgery is no longer ago than the surgery itself.
  const days = cut([0, ...boundsOf(two, null), ...elapsed.filter((bound) => bound > 0)], everBefore)
  const variables: DiffVariable[] = [
    { kind: 'day', cells: days },
    ...milestones.map((code) => milestoneVariable(two, code)),
    ...facts.map((fact) => factVariable(fact, isVariable)),
    ...operation,
  ]
  const places = new Map(variables.map((variable, index) => [nameOf(variable), index]))
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

function nameOf(variable: DiffVariable): string {
  if (variable.kind === 'day') return ''
  return `${variable.kind} ${variable.kind === 'operation' ? nameOfTold(variable.told) : variable.code}`
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
  const readOperation = (told: Told | undefined, ofValue: (value: FactValue) => Diagram): Diagram => {
    const plain = typeof told === 'object' ? ofValue(false) : constant(isUnknown)
    if (told === undefined) return plain
    const place = tools.place(`operation ${nameOfTold(told)}`)
    const variable = variables[place]
    if (variable?.kind !== 'operation') return plain
    return diagrams.choose(place, [plain, ...variable.values.map(({ value }) => ofValue(value))])
  }
  const readFact = ({ fact, written }: Extract<Test, { op: 'fact' }>): Diagram => {
    const place = tools.place(`fact ${facts[fact]?.code}`)
    const variable = variables[place]
    if (variable?.kind !== 'fact') return constant(isUnknown)
    const ofValue = (value: FactValue): Diagram => constant(truthOfValue(written, value))
    return diagrams.choose(place, [
      readOperation(facts[fact]?.declared?.operation, ofValue),
      ...variable.options.map(({ value, age }) => {
        const isOld = written.withinDays !== undefined && age.from > written.withinDays
        return isOld ? constant(isUnknown) : ofValue(value.value)
      }),
    ])
  }
  const known = new Map<number, Diagram>()
  const phaseOf: { current: Diagram } = { current: no }
  const readTest = (test: Test | undefined): Diagram => {
    if (test?.op === 'days' || test?.op === 'milestone') return readDays(test)
    if (test?.op === 'fact') return readFact(test)
    if (test === undefined || test.fromIndex < 0) return constant(isUnknown)
    // The entry of a phase cannot ask for the phase that it decides.
    return diagrams.map(phaseOf.current, (phase) => truthOfPhase(test, phase === 0 ? null : phase - 1))
  }
  const read = (index: number): Diagram => diagrams.once(known, index, () => readTest(tests[index]))
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
    return diagrams.once(truths, when.index, () => express(when.expression))
  }
  const asking = (among: number): ((when: When | null) => Diagram) => {
    const answers = new Map<Diagram, Diagram>()
    return (when) => {
      const of = truth(when)
      return diagrams.once(answers, of, () => diagrams.map(of, (value) => (value & among ? 1 : 0)))
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
      const found = diagrams.once(spans, `${from} ${through}`, () =>
        diagrams.map(phase, (index) => (from >= 0 && from < index && index <= through + 1 ? 1 : 0)),
      )
      return and(found, isInPhase)
    },
  }
}
