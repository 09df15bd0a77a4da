import type {
  Condition,
  DayBound,
  Exercise,
  FactTest,
  FactValue,
  Prescription,
  ProtocolDocument,
  Target,
} from '../src/rules/index.ts'
import type { Variables } from './snapshot.ts'

/** A test that is true or false, in the few forms that every rule engine has. */
export type Test =
  | { op: 'all'; of: readonly Test[] }
  | { op: 'any'; of: readonly Test[] }
  | { op: 'not'; of: Test }
  | { op: 'is' | 'atLeast' | 'below' | 'atMost' | 'above'; variable: string; value: FactValue }
  | { op: 'in'; variable: string; values: readonly FactValue[] }

export type LineKind =
  | 'grant'
  | 'contraindication'
  | 'caution'
  | 'no-phase'
  | 'phase-not-reached'
  | 'phase-passed'
  | 'condition-not-met'
  | 'instruction'
  | 'limit'

/** One thing that a document can say today. */
export interface Line {
  kind: LineKind
  /** Code of the protocol's rule. */
  rule: string
  /** Codes of the exercises of which it says so. */
  about: readonly string[]
  /** Indexes of the phases in which it can be so, −1 for none; null: all. */
  phases: readonly number[] | null
  /** When it is so, in those phases. */
  test: Test
  /** The same as `about`, as a test of one exercise. */
  meets: Test
}

/** A document in the terms of a rule engine: unknown is worked out of it, and what only the document decides is decided. */
export interface Plan {
  document: ProtocolDocument
  /** The exercises that are judged. */
  judged: readonly Exercise[]
  /** The entry of each phase. */
  entries: readonly Test[]
  lines: readonly Line[]
}

export const always: Test = { op: 'all', of: [] }
const never: Test = { op: 'any', of: [] }

export function isAlways(test: Test): boolean {
  return test.op === 'all' && test.of.length === 0
}

export function all(...of: readonly Test[]): Test {
  const parts = of.filter((test) => !isAlways(test))
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { op: 'all', of: parts }
}

function any(...of: readonly Test[]): Test {
  return of.length === 1 && of[0] !== undefined ? of[0] : { op: 'any', of }
}

/** Which of the two questions about a three-valued condition: is it true, or can it be (true or unknown)? */
type Reading = 'is' | 'can'

function daysTest(variable: string, test: { atLeast?: DayBound; before?: DayBound }, reading: Reading): Test[] {
  const bound = (value: DayBound, latest: boolean) => (typeof value === 'number' ? value : value[latest ? 1 : 0])
  const tests: Test[] = []
  // Within a range nothing is known: what must be so waits for its end or begins with it.
  if (test.atLeast !== undefined) {
    tests.push({ op: 'atLeast', variable, value: bound(test.atLeast, reading === 'is') })
  }
  if (test.before !== undefined) tests.push({ op: 'below', variable, value: bound(test.before, reading === 'can') })
  return tests
}

function factTests(variable: string, test: FactTest): Test[] {
  const tests: Test[] = []
  if (test.is !== undefined) tests.push({ op: 'is', variable, value: test.is })
  if (test.in !== undefined) tests.push({ op: 'in', variable, values: test.in })
  for (const op of ['atLeast', 'atMost', 'above', 'below'] as const) {
    const value = test[op]
    if (value !== undefined) tests.push({ op, variable, value })
  }
  return tests
}

/** The condition in two values. */
export function read(condition: Condition, document: ProtocolDocument, reading: Reading): Test {
  if ('all' in condition) return all(...condition.all.map((part) => read(part, document, reading)))
  if ('any' in condition) return any(...condition.any.map((part) => read(part, document, reading)))
  if ('not' in condition) return { op: 'not', of: read(condition.not, document, reading === 'is' ? 'can' : 'is') }
  if ('phase' in condition) {
    const { from, through } = condition.phase
    const indexes = span(document, from, through)
    return reading === 'is' ? phaseIn(indexes) : phaseIn([-1, ...indexes])
  }
  if ('fact' in condition) {
    const { fact, ...test } = condition
    const index = document.facts.findIndex(({ code }) => code === fact)
    const age = `age${index}`
    const known: Test[] = [{ op: 'atLeast', variable: age, value: 0 }]
    if (test.withinDays !== undefined) known.push({ op: 'atMost', variable: age, value: test.withinDays })
    const holds = all(...factTests(`value${index}`, test))
    return reading === 'is' ? all(...known, holds) : any({ op: 'not', of: all(...known) }, holds)
  }
  const since = 'days' in condition ? condition.days.since : condition.milestone
  const variable = since === undefined ? 'days' : `since${document.milestones.findIndex(({ code }) => code === since)}`
  const reached: Test = { op: 'atLeast', variable, value: 0 }
  if ('milestone' in condition) return reached
  const tests = daysTest(variable, condition.days, reading)
  if (since === undefined) return all(...tests)
  // Until it is reached, `atLeast` is false and `before` alone is unknown.
  if (condition.days.atLeast !== undefined || reading === 'is') return all(reached, ...tests)
  return any({ op: 'not', of: reached }, all(...tests))
}

function phaseIn(indexes: readonly number[]): Test {
  return { op: 'in', variable: 'phase', values: indexes }
}

function span({ phases }: ProtocolDocument, from: string | undefined, through: string | undefined): number[] {
  const first = from === undefined ? 0 : phases.findIndex(({ code }) => code === from)
  const last = through === undefined ? phases.length - 1 : phases.findIndex(({ code }) => code === through)
  return phases.flatMap((_, index) => (first <= index && index <= last ? [index] : []))
}

/** A left-out grade matches, but not where the match must be certain. */
function matches(target: Target, exercise: Exercise, ungradedMatches: boolean): boolean {
  return (
    (target.exercise === undefined || target.exercise === exercise.code) &&
    (target.group === undefined || (exercise.groups ?? []).includes(target.group)) &&
    (target.kind === undefined || target.kind === exercise.kind) &&
    Object.entries(target.attributes ?? {}).every(([attribute, least]) => {
      const grade = exercise.attributes[attribute]
      return grade === undefined ? ungradedMatches : grade >= least
    })
  )
}

function targetTest(target: Target, ungradedMatches: boolean): Test {
  const tests: Test[] = []
  if (target.exercise !== undefined) tests.push({ op: 'is', variable: 'exercise', value: target.exercise })
  if (target.group !== undefined) tests.push({ op: 'is', variable: `in-${target.group}`, value: true })
  if (target.kind !== undefined) tests.push({ op: 'is', variable: 'kind', value: target.kind })
  for (const [attribute, value] of Object.entries(target.attributes ?? {})) {
    const graded: Test = { op: 'atLeast', variable: `grade-${attribute}`, value }
    tests.push(ungradedMatches ? any({ op: 'is', variable: `grade-${attribute}`, value: -1 }, graded) : graded)
  }
  return all(...tests)
}

/** What an engine must know of an exercise to match it itself. */
export function exerciseVariables(document: ProtocolDocument, exercise: Exercise): Variables {
  const targets = document.contraindications.flatMap((rule) => [...rule.target, ...(rule.except ?? [])])
  const variables: Variables = { exercise: exercise.code, kind: exercise.kind }
  for (const { group, attributes } of targets) {
    if (group !== undefined) variables[`in-${group}`] = (exercise.groups ?? []).includes(group)
    for (const name of Object.keys(attributes ?? {})) variables[`grade-${name}`] = exercise.attributes[name] ?? -1
  }
  return variables
}

function covers(rule: Prescription, exercise: Exercise): boolean {
  return rule.exercise === undefined
    ? (exercise.groups ?? []).includes(rule.group ?? '')
    : rule.exercise === exercise.code
}

/** What the prescriptions of one exercise say when none of them grants: only those nearest to granting count. */
function refusals(document: ProtocolDocument, exercise: string, own: readonly Prescription[]): Line[] {
  const about = { about: [exercise], meets: { op: 'is', variable: 'exercise', value: exercise } as const }
  const spanOf = (rule: Prescription) => span(document, rule.from, rule.through ?? rule.from)
  const indexes = document.phases.map((_, index) => index)
  return own.flatMap((rule) => {
    const inSpan = spanOf(rule)
    const first = inSpan[0] ?? 0
    const free = indexes.filter((index) => own.every((other) => !spanOf(other).includes(index)))
    const notReached = free.filter(
      (index) =>
        index < first &&
        own.every((other) => {
          const begins = spanOf(other)[0] ?? 0
          return begins >= first || begins < index
        }),
    )
    const passed = free.filter((index) => own.every((other) => spanOf(other).every((reached) => reached < index)))
    const lines: Line[] = []
    if (notReached.length > 0) {
      lines.push({ kind: 'phase-not-reached', rule: rule.code, ...about, phases: notReached, test: always })
    }
    if (passed.length > 0) {
      lines.push({ kind: 'phase-passed', rule: rule.code, ...about, phases: passed, test: always })
    }
    if (rule.when !== undefined) {
      // A prescription without a condition grants in its span, so that there the others refuse nothing.
      const others = own.filter((other) => other !== rule && spanOf(other).some((index) => inSpan.includes(index)))
      const granting = others.map((other) => {
        const shared = spanOf(other).filter((index) => inSpan.includes(index))
        const everywhere = shared.length === inSpan.length
        const when = other.when === undefined ? always : read(other.when, document, 'is')
        return all(everywhere ? always : phaseIn(shared), when)
      })
      const refused = [read(rule.when, document, 'is'), ...granting].map((of): Test => ({ op: 'not', of }))
      lines.push({ kind: 'condition-not-met', rule: rule.code, ...about, phases: inSpan, test: all(...refused) })
    }
    return lines
  })
}

/** Lines of one rule that differ only in the exercise are one line about several. */
function mergeExercises(lines: readonly Line[]): Line[] {
  const key = ({ kind, rule, phases, test }: Line) => JSON.stringify([kind, rule, phases, test])
  return [...Map.groupBy(lines, key).values()].flatMap((same) => {
    const [line] = same
    if (line === undefined) return []
    return {
      ...line,
      about: same.flatMap(({ about }) => about),
      meets: any(...same.map(({ meets }) => meets)),
    }
  })
}

export function planOf(document: ProtocolDocument): Plan {
  const judged = document.exercises.filter((exercise) => document.prescriptions.some((rule) => covers(rule, exercise)))
  const codes = judged.map(({ code }) => code)
  const can = (when: Condition | undefined) => (when === undefined ? always : read(when, document, 'can'))
  const reached = document.phases.map((_, index) => index)

  const grants = document.prescriptions.map((rule): Line => {
    const about = judged.filter((exercise) => covers(rule, exercise)).map(({ code }) => code)
    return {
      kind: 'grant',
      rule: rule.code,
      about,
      phases: span(document, rule.from, rule.through ?? rule.from),
      test: rule.when === undefined ? always : read(rule.when, document, 'is'),
      meets: { op: 'in', variable: 'exercise', values: about },
    }
  })
  const forbids = document.contraindications.map((rule): Line => {
    const except = rule.except ?? []
    const meant = judged.filter(
      (exercise) =>
        rule.target.some((target) => matches(target, exercise, true)) &&
        !except.some((target) => matches(target, exercise, false)),
    )
    const excepted = except.map((target): Test => ({ op: 'not', of: targetTest(target, false) }))
    return {
      kind: rule.strength === 'caution' ? 'caution' : 'contraindication',
      rule: rule.code,
      about: meant.map(({ code }) => code),
      phases: null,
      test: can(rule.when),
      meets: all(any(...rule.target.map((target) => targetTest(target, true))), ...excepted),
    }
  })
  const shown = [
    ...document.instructions.map((rule) => ({ kind: 'instruction' as const, rule })),
    ...document.limits.map((rule) => ({ kind: 'limit' as const, rule })),
  ].map(({ kind, rule }): Line => {
    const phases = kind === 'instruction' ? reached : null
    return { kind, rule: rule.code, about: [], phases, test: can(rule.when), meets: never }
  })
  const noPhase: Line = { kind: 'no-phase', rule: '', about: codes, phases: [-1], test: always, meets: always }

  return {
    document,
    judged,
    entries: document.phases.map((phase) => read(phase.entry, document, 'is')),
    lines: [
      ...grants,
      ...forbids,
      ...shown,
      noPhase,
      ...mergeExercises(
        judged.flatMap((exercise) =>
          refusals(
            document,
            exercise.code,
            document.prescriptions.filter((rule) => covers(rule, exercise)),
          ),
        ),
      ),
    ],
  }
}

/** The line's phases, as an engine is asked about them. */
export function phaseTest(phases: readonly number[] | null): Test {
  return phases === null ? always : phaseIn(phases)
}
