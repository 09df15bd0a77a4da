import type { Leaf } from './condition.ts'
import { matchRule } from './match.ts'
import {
  type InForce,
  type PrescriptionGrant,
  type RefusalOf,
  stateCap,
  stateContraindication,
  stateGoal,
  stateGrant,
  stateInstruction,
  stateNotMet,
  stateNotReached,
  statePassed,
} from './statements.ts'
import type {
  Condition,
  Contraindication,
  DayBound,
  DaysTest,
  Dose,
  Exercise,
  FactDeclaration,
  FactTest,
  FlagResponse,
  GoalInForce,
  Instruction,
  InstructionInForce,
  Limit,
  LimitInForce,
  Named,
  Permitted,
  Phase,
  Prescription,
  ProtocolDocument,
  Reason,
  RedFlag,
  RedFlagWatched,
  RuleReference,
  Source,
  Withheld,
} from './types.ts'

/** A condition whose tests are numbers into `Compiled.tests`. */
export type Expression =
  | { op: 'all' | 'any'; of: readonly Expression[] }
  | { op: 'not'; of: Expression }
  | { op: 'test'; test: number }

/** The bound is certainly reached from `sure` days on, and certainly not before `possible` days. */
export interface Bound {
  possible: number
  sure: number
}

/** One atomic test; the same test of several rules is there once. */
export type Test =
  | {
      op: 'days'
      /** Index of the milestone; null: the surgery. */
      milestone: number | null
      since: Named | null
      atLeast: Bound | null
      before: Bound | null
      written: DaysTest
    }
  | { op: 'milestone'; milestone: number }
  | { op: 'fact'; fact: number; written: FactTest }
  | { op: 'phase'; fromIndex: number; throughIndex: number; from: Named | null; through: Named | null }

export interface When {
  /** Rules that ask the same share one. */
  index: number
  expression: Expression
  /** Every test of it, each once. */
  tests: readonly number[]
  /** How much it takes to evaluate: its parts, those that are said twice too. */
  cost: number
  /** The tests that decide it: its own and, if it asks for the phase, those of the phases' entries. */
  decisive: readonly number[]
  asksPhase: boolean
  asksFact: boolean
}

/** A rule with its condition (null: always) and what it says of itself wherever it is named. */
export interface CompiledRule<Rule> {
  rule: Rule
  when: When | null
  reference: RuleReference
}

/** A rule with what an answer says while it certainly applies and has no end. */
export interface StatedRule<Rule, Stated> extends CompiledRule<Rule> {
  stated: Stated
}

export interface CompiledPrescription extends StatedRule<Prescription, PrescriptionGrant> {
  /** Indexes of its phases; −1: there is no such phase. */
  from: number
  through: number
  /** Each with what the prescription grants when it is chosen; without any, as it is stated. */
  steps: readonly { when: When | null; dose: Dose; stated: PrescriptionGrant }[]
  /** Why it does not grant before its first phase, and behind its last. */
  notReached: RefusalOf<'phase-not-reached'>
  passed: Reason
  /** Why it does not grant while its condition is false, and while it is unknown. */
  notMet: RefusalOf<'condition-not-met'>
  notKnown: RefusalOf<'condition-not-met'>
  /** Codes of the exercises that it names, or that are in its group. */
  covered: readonly string[]
}

export interface CompiledPhase {
  phase: Phase
  named: Named
  entry: When
}

/** A contraindication that matches an exercise, by its index. */
export interface Match {
  rule: number
  ungraded: readonly string[]
}

/** What of one version bears on an exercise: contraindications that match it, and indexes of prescriptions. */
export interface Bearing {
  matches: readonly Match[]
  prescriptions: readonly number[]
}

/** An exercise to judge, and what bears on it in each of the versions. */
export interface Subject {
  exercise: Exercise
  bearings: readonly Bearing[]
  /** Of one version alone: the phase decides about it, and the contraindications that match it; nothing else. */
  isSettled: boolean
}

/** A document in the shape in which it is walked: every name resolved, every list in the order of the answer. */
export interface Compiled {
  document: ProtocolDocument
  /** How many different conditions there are. */
  whens: number
  /** How much one look at all of it takes: rules, matches of exercises, and tests. */
  size: number
  tests: readonly Test[]
  milestones: readonly { named: Named; roles: readonly string[] }[]
  facts: readonly { code: string; declared: FactDeclaration | null }[]
  phases: readonly CompiledPhase[]
  /** Every test of the phases' entries, and what it takes to evaluate them. */
  testsOfPhases: readonly number[]
  costOfPhases: number
  prescriptions: readonly CompiledPrescription[]
  contraindications: readonly StatedRule<Contraindication, InForce>[]
  instructions: readonly StatedRule<Instruction, InstructionInForce>[]
  caps: readonly StatedRule<Limit, LimitInForce>[]
  goals: readonly StatedRule<Limit, GoalInForce>[]
  redFlags: readonly RedFlagWatched[]
  /** What asks for facts: rules that are in force by their condition, and indexes of prescriptions. */
  asking: { rules: readonly { code: string; when: When }[]; prescriptions: readonly number[] }
  /** The version's own entries by code. */
  exercises: ReadonlyMap<string, readonly Exercise[]>
  /** Indexes of the prescriptions of each exercise that is prescribed by name or group. */
  prescriptionsOf: ReadonlyMap<string, readonly number[]>
  /** The own entries that are prescribed, by code and in its order. */
  prescribed: ReadonlyMap<string, readonly [Exercise, ...Exercise[]]>
  /** The same exercises, each with what bears on it in this version alone. */
  subjects: readonly Subject[]
  /** Indexes of the contraindications that can match an exercise of that name, of that group, and any exercise. */
  candidates: { byExercise: ReadonlyMap<string, number[]>; byGroup: ReadonlyMap<string, number[]>; others: number[] }
  /** Matches of single catalogue entries, found once. */
  matches: WeakMap<Exercise, readonly Match[]>
  /** By phase, and by place in `subjects`, what was found out about those that are settled, in short. */
  settled: (Permitted | Withheld | undefined)[][]
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function byCode<Rule extends { code: string }>(rules: readonly Rule[]): Rule[] {
  return [...rules].sort((a, b) => compareText(a.code, b.code))
}

/** Emergencies come first. */
export function compareUrgency(a: { response: FlagResponse }, b: { response: FlagResponse }): number {
  return a.response === b.response ? 0 : a.response === 'emergency' ? -1 : 1
}

function byUrgency(flags: readonly RedFlag[]): RedFlag[] {
  return byCode(flags).sort(compareUrgency)
}

function sourcesOf(document: ProtocolDocument, ids: readonly string[] | undefined): Source[] {
  if (ids === undefined || ids.length === 0) return []
  return document.sources.filter((source) => ids.includes(source.id)).sort((a, b) => compareText(a.id, b.id))
}

function costOf(expression: Expression): number {
  if (expression.op === 'test') return 1
  if (expression.op === 'not') return 1 + costOf(expression.of)
  return expression.of.reduce((sum, part) => sum + costOf(part), 1)
}

function toBound(bound: DayBound | undefined): Bound | null {
  if (bound === undefined) return null
  return typeof bound === 'number' ? { possible: bound, sure: bound } : { possible: bound[0], sure: bound[1] }
}

/** Numbers the tests, milestones and facts of a document as its conditions name them. */
class Vocabulary {
  readonly tests: Test[] = []
  readonly milestones: { named: Named; roles: readonly string[] }[] = []
  readonly facts: { code: string; declared: FactDeclaration | null }[] = []
  /** Those of the entries that were compiled so far. */
  readonly testsOfPhases = new Set<number>()
  readonly whens = new Map<string, When>()
  readonly #testIndex = new Map<string, number>()
  readonly #milestoneIndex = new Map<string, number>()
  readonly #factIndex = new Map<string, number>()
  readonly #document: ProtocolDocument

  constructor(document: ProtocolDocument) {
    this.#document = document
  }

  /** The entry of a phase; it cannot ask about phases, so that such a test is never true in it. */
  entry(condition: Condition): When {
    const entry = this.#compile(condition, true)
    for (const test of entry.tests) this.testsOfPhases.add(test)
    return entry
  }

  when(condition: Condition | undefined): When | null {
    return condition === undefined ? null : this.#compile(condition, false)
  }

  #compile(condition: Condition, isEntry: boolean): When {
    const key = `${isEntry} ${JSON.stringify(condition)}`
    const known = this.whens.get(key)
    if (known !== undefined) return known
    const tests = new Set<number>()
    const expression = this.#express(condition, tests, isEntry)
    const list = [...tests].sort((a, b) => a - b)
    const asks = (op: Test['op']): boolean => list.some((test) => this.tests[test]?.op === op)
    const asksPhase = asks('phase') && !isEntry
    const decisive = asksPhase ? [...new Set([...list, ...this.testsOfPhases])] : list
    const index = this.whens.size
    const when = {
      index,
      expression,
      tests: list,
      cost: costOf(expression),
      decisive,
      asksPhase,
      asksFact: asks('fact'),
    }
    this.whens.set(key, when)
    return when
  }

  #express(condition: Condition, tests: Set<number>, isEntry: boolean): Expression {
    if ('all' in condition) return { op: 'all', of: condition.all.map((part) => this.#express(part, tests, isEntry)) }
    if ('any' in condition) return { op: 'any', of: condition.any.map((part) => this.#express(part, tests, isEntry)) }
    if ('not' in condition) return { op: 'not', of: this.#express(condition.not, tests, isEntry) }
    const test = this.#test(condition, isEntry)
    tests.add(test)
    return { op: 'test', test }
  }

  #test(leaf: Leaf, isEntry: boolean): number {
    const key = `${isEntry && 'phase' in leaf} ${JSON.stringify(leaf)}`
    const known = this.#testIndex.get(key)
    if (known !== undefined) return known
    this.tests.push(this.#read(leaf, isEntry))
    this.#testIndex.set(key, this.tests.length - 1)
    return this.tests.length - 1
  }

  #read(leaf: Leaf, isEntry: boolean): Test {
    if ('days' in leaf) {
      const { since, atLeast, before } = leaf.days
      return {
        op: 'days',
        milestone: since === undefined ? null : this.#milestone(since),
        since: since === undefined ? null : nameOf(this.#document.milestones, since),
        atLeast: toBound(atLeast),
        before: toBound(before),
        written: leaf.days,
      }
    }
    if ('milestone' in leaf) return { op: 'milestone', milestone: this.#milestone(leaf.milestone) }
    if ('fact' in leaf) {
      const { fact, ...written } = leaf
      return { op: 'fact', fact: this.#fact(fact), written }
    }
    const { from, through } = leaf.phase
    const { phases } = this.#document
    const indexOf = (code: string): number => phases.findIndex((phase) => phase.code === code)
    return {
      op: 'phase',
      fromIndex: isEntry ? -1 : from === undefined ? 0 : indexOf(from),
      throughIndex: isEntry ? -1 : through === undefined ? phases.length - 1 : indexOf(through),
      from: from === undefined ? null : nameOf(phases, from),
      through: through === undefined ? null : nameOf(phases, through),
    }
  }

  #milestone(code: string): number {
    const known = this.#milestoneIndex.get(code)
    if (known !== undefined) return known
    const declared = this.#document.milestones.find((milestone) => milestone.code === code)
    this.milestones.push({ named: nameOf(this.#document.milestones, code), roles: declared?.grantedBy ?? [] })
    this.#milestoneIndex.set(code, this.milestones.length - 1)
    return this.milestones.length - 1
  }

  #fact(code: string): number {
    const known = this.#factIndex.get(code)
    if (known !== undefined) return known
    this.facts.push({ code, declared: this.#document.facts.find((fact) => fact.code === code) ?? null })
    this.#factIndex.set(code, this.facts.length - 1)
    return this.facts.length - 1
  }
}

function nameOf(items: readonly Named[], code: string): Named {
  return { code, title: items.find((item) => item.code === code)?.title ?? code }
}

const known = new WeakMap<ProtocolDocument, Map<number | null, Compiled>>()

/** Compiles a version; once for each document, which must not change afterwards. */
export function compile(document: ProtocolDocument, version: number | null): Compiled {
  const versions = known.get(document) ?? new Map<number | null, Compiled>()
  known.set(document, versions)
  const compiled = versions.get(version) ?? compileDocument(document, version)
  versions.set(version, compiled)
  return compiled
}

/** What every kind of rule has. */
interface Ruled {
  code: string
  when?: Condition
  rationale?: string
  sources?: readonly string[]
}

function compileDocument(document: ProtocolDocument, version: number | null): Compiled {
  const vocabulary = new Vocabulary(document)
  // First of all: so the tests of the phases come first, in the order in which patients meet them.
  const phases = document.phases.map((phase) => ({
    phase,
    named: { code: phase.code, title: phase.title },
    entry: vocabulary.entry(phase.entry),
  }))
  const compileRule = <Rule extends Ruled>(rule: Rule): CompiledRule<Rule> => ({
    rule,
    when: vocabulary.when(rule.when),
    reference: {
      protocol: document.code,
      version,
      rule: rule.code,
      rationale: rule.rationale ?? null,
      sources: sourcesOf(document, rule.sources),
    },
  })
  const indexOfPhase = new Map(
    document.phases.map((phase, index) => [phase.code, index]).reverse() as [string, number][],
  )
  const exercises = Map.groupBy(document.exercises, (exercise) => exercise.code)
  const inGroup = Map.groupBy(
    document.exercises.flatMap(({ code, groups }) => (groups ?? []).map((group) => ({ code, group }))),
    ({ group }) => group,
  )
  // The version's own entries alone: what joins a group in the catalogue later is not part of the version.
  const coveredBy = ({ exercise, group }: Prescription): string[] =>
    exercise === undefined ? [...new Set((inGroup.get(group ?? '') ?? []).map(({ code }) => code))] : [exercise]
  const prescriptions = byCode(document.prescriptions).map((rule): CompiledPrescription => {
    const compiled = compileRule(rule)
    const last = rule.through ?? rule.from
    return {
      ...compiled,
      stated: stateGrant(compiled, null),
      from: indexOfPhase.get(rule.from) ?? -1,
      through: indexOfPhase.get(last) ?? -1,
      steps: (rule.dosage ?? []).map(({ when, ...dose }) => ({
        when: vocabulary.when(when),
        dose,
        stated: stateGrant(compiled, dose),
      })),
      notReached: stateNotReached(compiled.reference, nameOf(document.phases, rule.from)),
      passed: statePassed(compiled.reference, nameOf(document.phases, last)),
      notMet: stateNotMet(compiled.reference, 'false'),
      notKnown: stateNotMet(compiled.reference, 'unknown'),
      covered: coveredBy(rule),
    }
  })
  const prescriptionsOf = new Map<string, number[]>()
  prescriptions.forEach(({ covered }, index) => {
    for (const code of covered) append(prescriptionsOf, code, index)
  })

  const compileAll = <Rule extends Ruled, Stated>(
    rules: readonly Rule[],
    state: (rule: CompiledRule<Rule>) => Stated,
  ): StatedRule<Rule, Stated>[] =>
    byCode(rules).map((rule) => {
      const compiled = compileRule(rule)
      return { ...compiled, stated: state(compiled) }
    })
  const isGoal = ({ kind }: Limit): boolean => kind === 'goal'
  const contraindications = compileAll(document.contraindications, stateContraindication)
  const instructions = compileAll(document.instructions, stateInstruction)
  const caps = compileAll(
    document.limits.filter((limit) => !isGoal(limit)),
    stateCap,
  )
  const goals = compileAll(document.limits.filter(isGoal), stateGoal)
  const compiled: Compiled = {
    document,
    whens: vocabulary.whens.size,
    size: 0,
    asking: {
      rules: [...contraindications, ...instructions, ...caps, ...goals].flatMap(({ rule: { code }, when }) =>
        when?.asksFact ? [{ code, when }] : [],
      ),
      prescriptions: prescriptions.flatMap(({ when, steps }, index) =>
        [{ when }, ...steps].some((asked) => asked.when?.asksFact) ? [index] : [],
      ),
    },
    prescriptions,
    phases,
    testsOfPhases: [...vocabulary.testsOfPhases],
    costOfPhases: phases.reduce((sum, { entry }) => sum + entry.cost, 0),
    contraindications,
    candidates: listCandidates(contraindications.map(({ rule }) => rule)),
    instructions,
    caps,
    goals,
    redFlags: byUrgency(document.redFlags).map(({ code, title, response, text, sources }) => {
      const what = { code, title, response, text: text ?? null, sources: sourcesOf(document, sources) }
      return { protocol: document.code, version, ...what }
    }),
    tests: vocabulary.tests,
    milestones: vocabulary.milestones,
    facts: vocabulary.facts,
    exercises,
    prescriptionsOf,
    prescribed: new Map(
      [...exercises].filter(([code]) => prescriptionsOf.has(code)).sort(([a], [b]) => compareText(a, b)) as [
        string,
        [Exercise, ...Exercise[]],
      ][],
    ),
    subjects: [],
    matches: new WeakMap(),
    settled: [],
  }
  const isUnconditional = (index: number): boolean => {
    const { rule, when, steps } = prescriptions[index] as CompiledPrescription
    return when === null && rule.side === 'both' && steps.every((step) => step.when === null)
  }
  const subjects = [...compiled.prescribed].map(([code, entries]) => {
    const own = prescriptionsOf.get(code) ?? []
    return {
      exercise: entries[0],
      bearings: [{ matches: matchesOf(compiled, entries), prescriptions: own }],
      isSettled: own.every(isUnconditional),
    }
  })
  const rules = [document.prescriptions, document.contraindications, document.instructions, document.limits]
  const size =
    rules.reduce((sum, list) => sum + list.length, 0) +
    subjects.reduce((sum, { bearings }) => bearings.reduce((own, { matches }) => own + 1 + matches.length, sum), 0) +
    vocabulary.whens.values().reduce((sum, { cost }) => sum + cost, 0)
  return { ...compiled, subjects, size }
}

function listCandidates(rules: readonly Contraindication[]): Compiled['candidates'] {
  const byExercise = new Map<string, number[]>()
  const byGroup = new Map<string, number[]>()
  const others: number[] = []
  rules.forEach((rule, index) => {
    for (const { exercise, group } of rule.target) {
      if (exercise !== undefined) append(byExercise, exercise, index)
      else if (group !== undefined) append(byGroup, group, index)
      else others.push(index)
    }
  })
  return { byExercise, byGroup, others }
}

function append(lists: Map<string, number[]>, key: string, item: number): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

function candidatesFor({ candidates }: Compiled, exercise: Exercise): number[] {
  const indexes = new Set([
    ...candidates.others,
    ...(candidates.byExercise.get(exercise.code) ?? []),
    ...(exercise.groups ?? []).flatMap((group) => candidates.byGroup.get(group) ?? []),
  ])
  return [...indexes].sort((a, b) => a - b)
}

/** The contraindications that match one entry, by index; found once for each entry. */
function matchesOfEntry(compiled: Compiled, exercise: Exercise): readonly Match[] {
  const found = compiled.matches.get(exercise)
  if (found !== undefined) return found
  const matches = candidatesFor(compiled, exercise).flatMap((index): Match[] => {
    const rule = compiled.contraindications[index]?.rule
    const match = rule === undefined ? null : matchRule(rule, [exercise])
    return match === null ? [] : [{ rule: index, ungraded: match.ungraded }]
  })
  compiled.matches.set(exercise, matches)
  return matches
}

/** The contraindications that match any of the entries known of one exercise, in order. */
export function matchesOf(compiled: Compiled, entries: readonly Exercise[]): readonly Match[] {
  const [first] = entries
  if (entries.length === 1 && first !== undefined) return matchesOfEntry(compiled, first)
  const ungraded = new Map<number, readonly string[]>()
  for (const entry of entries) {
    for (const match of matchesOfEntry(compiled, entry)) {
      const before = ungraded.get(match.rule)
      // A match on known grades alone is certain, whatever another entry leaves open.
      const certain = match.ungraded.length === 0 || before?.length === 0
      const either = [...new Set([...(before ?? []), ...match.ungraded])].sort()
      ungraded.set(match.rule, certain ? [] : either)
    }
  }
  return [...ungraded].sort(([a], [b]) => a - b).map(([rule, names]) => ({ rule, ungraded: names }))
}
