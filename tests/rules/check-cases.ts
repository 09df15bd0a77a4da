/**
 * What the checker has to find, found by trying: every day, every milestone on every day that makes a difference, every
 * value of every fact, fresh and stale. Without a line of `src/rules`.
 */
import type {
  CalendarDate,
  Condition,
  DayBound,
  DaySpan,
  Exercise,
  FactDeclaration,
  FactTest,
  FactValue,
  Instant,
  Limit,
  ProtocolDocument,
  ProtocolVersion,
  RecordEntry,
  Target,
  Witness,
} from '../../src/rules/types.ts'
import { and, type Known, or } from './oracle.ts'

// ---- A case as a record ----

export const surgeryDate = '2028-02-20' as CalendarDate
export const knownAt = '2040-01-01T00:00:00.000Z' as Instant

export function dateOn(day: number): CalendarDate {
  return Temporal.PlainDate.from(surgeryDate).add({ days: day }).toString() as CalendarDate
}

/** The case as a question: everything of the witness on record, each milestone granted by a role that may. */
export function askAbout(
  document: ProtocolDocument,
  { daysSinceSurgery, milestones, facts }: Witness,
  more: readonly Record<string, unknown>[] = [],
) {
  const version: ProtocolVersion = { id: 'v', version: 1, document }
  const written: Record<string, unknown>[] = [
    { kind: 'surgery', surgeryDate, procedures: document.procedures, levels: [], side: null },
    { kind: 'assignment', versions: [version.id] },
    ...milestones.map(({ code, day }) => {
      const roles = document.milestones.find((declared) => declared.code === code)?.grantedBy ?? []
      return { kind: 'milestone', code, on: dateOn(day), grantedBy: roles[0] ?? null }
    }),
    ...facts.map(({ code, value, day }) => ({ kind: 'fact', code, value, on: dateOn(day) })),
    ...more,
  ]
  const entries = written.map((entry, index) => {
    const revision = index + 1
    return { id: `e${revision}`, revision, recordedAt: '2026-01-01T08:00:00.000Z', ...entry }
  }) as unknown as RecordEntry[]
  return { versions: [version], entries, on: dateOn(daysSinceSurgery), knownAt, alsoJudge: document.exercises }
}

// ---- Conditions ----

export function leavesIn(condition: Condition): Condition[] {
  if ('all' in condition) return condition.all.flatMap(leavesIn)
  if ('any' in condition) return condition.any.flatMap(leavesIn)
  return 'not' in condition ? leavesIn(condition.not) : [condition]
}

export function conditionsIn(document: ProtocolDocument): Condition[] {
  const rules = [...document.prescriptions, ...document.contraindications, ...document.instructions, ...document.limits]
  return [
    ...document.phases.map(({ entry }) => entry),
    ...rules.flatMap(({ when }) => when ?? []),
    ...document.prescriptions.flatMap(({ dosage = [] }) => dosage.flatMap(({ when }) => when ?? [])),
  ]
}

function ends(bound: DayBound | undefined): number[] {
  return bound === undefined ? [] : [bound].flat()
}

/** What is asked about: days since the surgery, days since milestones, and tests of facts. */
interface Asked {
  days: number[]
  milestones: Map<string, number[]>
  facts: Map<string, FactTest[]>
}

function whatIsAsked(conditions: readonly Condition[]): Asked {
  const asked: Asked = { days: [], milestones: new Map(), facts: new Map() }
  for (const leaf of conditions.flatMap(leavesIn)) {
    if ('days' in leaf) {
      const bounds = [...ends(leaf.days.atLeast), ...ends(leaf.days.before)]
      const { since } = leaf.days
      if (since === undefined) asked.days.push(...bounds)
      else asked.milestones.set(since, [...(asked.milestones.get(since) ?? []), ...bounds])
    } else if ('milestone' in leaf) asked.milestones.set(leaf.milestone, asked.milestones.get(leaf.milestone) ?? [])
    else if ('fact' in leaf) asked.facts.set(leaf.fact, [...(asked.facts.get(leaf.fact) ?? []), leaf])
  }
  return asked
}

/** Values on both sides of, and at, whatever the tests compare with, as far as the declaration allows them. */
export function valuesToTry(declared: FactDeclaration | undefined, tests: readonly FactTest[]): FactValue[] {
  const compared = tests.flatMap(({ is, in: list = [], atLeast, atMost, above, below }) =>
    [is, ...list, atLeast, atMost, above, below].filter((value) => value !== undefined),
  )
  if (declared?.type === 'boolean') return [true, false]
  if (declared?.type === 'choice') return [...(declared.values ?? [])]
  if (declared?.type === 'text')
    return [...new Set([...compared.filter((value) => typeof value === 'string'), 'other'])]
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = declared ?? {}
  const numbers = [...new Set(compared.filter((value) => typeof value === 'number'))].sort((a, b) => a - b)
  const between = numbers.slice(1).map((value, index) => value / 2 + (numbers[index] ?? value) / 2)
  const beyond = [Math.max((numbers[0] ?? 1) - 1, min), Math.min((numbers.at(-1) ?? 0) + 1, max)]
  return [...new Set([...numbers, ...between, ...beyond])].filter((value) => min <= value && value <= max)
}

/** The first and the last day on which anything can be different from the day before, and one more on each side. */
export function daysToTry({ days, milestones }: Pick<Asked, 'days' | 'milestones'>): number[] {
  const bounds = [0, ...days]
  const first = Math.min(...bounds) - 1
  const last = Math.max(...bounds, ...[...milestones.values()].flat()) + 1
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** A case; what the conditions need of it, by code. */
export interface Case {
  day: number
  elapsed: ReadonlyMap<string, number>
  observed: ReadonlyMap<string, { value: FactValue; age: number }>
}

export function toWitness({ day, elapsed, observed }: Case): Witness {
  return {
    daysSinceSurgery: day,
    milestones: [...elapsed].map(([code, days]) => ({ code, day: day - days })),
    facts: [...observed].map(([code, { value, age }]) => ({ code, value, day: day - age })),
  }
}

type Option<T> = readonly (T | null)[]

function* combinations<T>(options: readonly (readonly [string, Option<T>])[]): Generator<Map<string, T>> {
  const [first, ...rest] = options
  if (first === undefined) {
    yield new Map()
    return
  }
  const [code, values] = first
  for (const others of combinations(rest)) {
    for (const value of values) yield value === null ? others : new Map(others).set(code, value)
  }
}

/** What a case of the document is made of. */
function optionsOf(document: ProtocolDocument) {
  const asked = whatIsAsked(conditionsIn(document))
  const milestones = [...asked.milestones].map(([code, bounds]): [string, Option<number>] => [
    code,
    [null, ...new Set([0, ...bounds.filter((bound) => bound > 0)])],
  ])
  const facts = [...asked.facts].map(([code, tests]): [string, Option<{ value: FactValue; age: number }>] => {
    const declared = document.facts.find((fact) => fact.code === code)
    const ages = [0, ...tests.flatMap(({ withinDays }) => (withinDays === undefined ? [] : [withinDays + 1]))]
    const values = valuesToTry(declared, tests)
    const seen = [...new Set(ages)].flatMap((age) => values.map((value) => ({ value, age })))
    // Whether a procedure is one of the operation's is always known.
    return [code, typeof declared?.operation === 'object' ? seen : [null, ...seen]]
  })
  return { days: daysToTry(asked), milestones, facts }
}

/** Only what may be recorded before the surgery can have been reached then. */
function isPossible(document: ProtocolDocument, day: number, elapsed: ReadonlyMap<string, number>): boolean {
  return [...elapsed].every(
    ([code, since]) => since <= day || document.milestones.find((one) => one.code === code)?.preOperative,
  )
}

/** Every case of the document that its conditions can tell apart; null: more than `most`. */
export function listCases(document: ProtocolDocument, most: number): Case[] | null {
  const { days, milestones, facts } = optionsOf(document)
  const size = [...milestones, ...facts].reduce((product, [, options]) => product * options.length, days.length)
  if (size > most) return null
  const cases: Case[] = []
  for (const observed of combinations(facts)) {
    for (const elapsed of combinations(milestones)) {
      for (const day of days) if (isPossible(document, day, elapsed)) cases.push({ day, elapsed, observed })
    }
  }
  return cases
}

/** One of the cases, by numbers that choose; null: what they choose cannot be. */
export function chooseCase(document: ProtocolDocument, choices: readonly number[]): Case | null {
  const { days, milestones, facts } = optionsOf(document)
  let used = 0
  const choose = <T>(options: readonly T[]): T | undefined => {
    used += 1
    return options[(choices[used % choices.length] ?? 0) % options.length]
  }
  const chooseEach = <T>(options: readonly (readonly [string, Option<T>])[]): Map<string, T> =>
    new Map(
      options.flatMap(([code, values]): [string, T][] => {
        const value = choose(values)
        return value === undefined || value === null ? [] : [[code, value]]
      }),
    )
  const day = choose(days) ?? 0
  const elapsed = chooseEach(milestones)
  return isPossible(document, day, elapsed) ? { day, elapsed, observed: chooseEach(facts) } : null
}

// ---- What the document says of a case ----

export interface Verdict {
  /** Index; −1: none. */
  phase: number
  truthOf: (when: Condition | undefined) => Known
}

function passes(bound: DayBound, elapsed: number): Known {
  const [first, last = first] = ends(bound)
  return elapsed >= (last ?? 0) ? true : elapsed < (first ?? 0) ? false : 'unknown'
}

function negate(known: Known): Known {
  return known === 'unknown' ? known : !known
}

export function meets(test: FactTest, value: FactValue): Known {
  const { is, in: list, atLeast, atMost, above, below } = test
  const equal = (wanted: FactValue): Known => (typeof wanted === typeof value ? wanted === value : 'unknown')
  const compare = (bound: number | undefined, holds: (number: number, bound: number) => boolean): Known =>
    bound === undefined || (typeof value === 'number' ? holds(value, bound) : 'unknown')
  return and([
    is === undefined || equal(is),
    list === undefined || or(list.map(equal)),
    compare(atLeast, (number, bound) => number >= bound),
    compare(atMost, (number, bound) => number <= bound),
    compare(above, (number, bound) => number > bound),
    compare(below, (number, bound) => number < bound),
  ])
}

export function judge(document: ProtocolDocument, { day, elapsed, observed }: Case): Verdict {
  const order = document.phases.map(({ code }) => code)
  const find = (condition: Condition, phase: number | null): Known => {
    if ('all' in condition) return and(condition.all.map((part) => find(part, phase)))
    if ('any' in condition) return or(condition.any.map((part) => find(part, phase)))
    if ('not' in condition) return negate(find(condition.not, phase))
    if ('milestone' in condition) return elapsed.has(condition.milestone)
    if ('days' in condition) {
      const { since, atLeast, before } = condition.days
      const passed = since === undefined ? day : elapsed.get(since)
      return and([
        atLeast === undefined || (passed === undefined ? false : passes(atLeast, passed)),
        before === undefined || (passed === undefined ? 'unknown' : negate(passes(before, passed))),
      ])
    }
    if ('fact' in condition) {
      const seen = observed.get(condition.fact)
      if (seen === undefined || seen.age > (condition.withinDays ?? Number.POSITIVE_INFINITY)) return 'unknown'
      return meets(condition, seen.value)
    }
    if (phase === null || phase === -1) return 'unknown'
    const { from, through } = condition.phase
    const [first, last] = [from ?? order[0] ?? '', through ?? order.at(-1) ?? ''].map((code) => order.indexOf(code))
    return (first ?? 0) <= phase && phase <= (last ?? 0)
  }
  const closed = document.phases.findIndex(({ entry }) => find(entry, null) !== true)
  const phase = (closed === -1 ? order.length : closed) - 1
  return { phase, truthOf: (when) => when === undefined || find(when, phase) }
}

// ---- What there is to find ----

function matches(target: Target, { code, groups = [], kind, attributes }: Exercise): 'surely' | 'perhaps' | 'no' {
  if (target.exercise !== undefined && target.exercise !== code) return 'no'
  if (target.group !== undefined && !groups.includes(target.group)) return 'no'
  if (target.kind !== undefined && target.kind !== kind) return 'no'
  const tests = Object.entries(target.attributes ?? {})
  if (
    tests.some(([attribute, grade]) => Object.hasOwn(attributes, attribute) && (attributes[attribute] ?? 0) < grade)
  ) {
    return 'no'
  }
  return tests.every(([attribute]) => Object.hasOwn(attributes, attribute)) ? 'surely' : 'perhaps'
}

/** Codes of the contraindications that match the exercise. */
export function isMatched(
  { target, except = [] }: ProtocolDocument['contraindications'][number],
  exercise: Exercise,
): boolean {
  return (
    target.some((one) => matches(one, exercise) !== 'no') && !except.some((one) => matches(one, exercise) === 'surely')
  )
}

/** The days as spans; an end of what was tried is open. */
export function spansOf(days: readonly number[], tried: readonly number[]): DaySpan[] {
  const spans: { from: number; before: number }[] = []
  for (const day of [...new Set(days)].sort((a, b) => a - b)) {
    const last = spans.at(-1)
    if (last?.before === day) last.before += 1
    else spans.push({ from: day, before: day + 1 })
  }
  const [first, end] = [tried[0], tried.at(-1)]
  return spans.map(({ from, before }) => ({
    from: from === first ? null : from,
    before: before - 1 === end ? null : before,
  }))
}

/** Findings by name, those that have days with their days. */
export interface Found {
  findings: Map<string, readonly DaySpan[]>
  /** Of each prescribed exercise of the document the days on which it can be permitted, without overrides and with. */
  opportunities: Map<string, { free: readonly DaySpan[]; lifted: readonly DaySpan[] }>
  /** Of each of them by day how many records it takes at least, without overrides. */
  records: Map<string, ReadonlyMap<number, number>>
}

function isCap({ kind, max, min }: Limit): boolean {
  return kind !== 'goal' && (max !== undefined || min !== undefined)
}

export function tryAll(document: ProtocolDocument, cases: readonly Case[]): Found {
  const { phases, prescriptions, contraindications, instructions, limits, exercises } = document
  const asked = whatIsAsked(conditionsIn(document))
  const tried = daysToTry(asked)
  const findings: Found['findings'] = new Map()
  const verdicts = cases.map((one) => ({ ...one, ...judge(document, one) }))
  const order = phases.map(({ code }) => code)
  type One = (typeof verdicts)[number]

  const grants = ({ from, through = from, when }: (typeof prescriptions)[number], { phase, truthOf }: One): boolean =>
    order.indexOf(from) <= phase && phase <= order.indexOf(through) && phase !== -1 && truthOf(when) === true
  const forbids = (rule: (typeof contraindications)[number], { truthOf }: One): boolean =>
    rule.strength !== 'caution' && truthOf(rule.when) !== false
  const coveredBy = ({ exercise, group }: (typeof prescriptions)[number]): Exercise[] =>
    exercises.filter(({ code, groups = [] }) => code === exercise || (group !== undefined && groups.includes(group)))
  const isFree = (exercise: Exercise, one: One, strengths: readonly string[]): boolean =>
    !contraindications.some(
      (rule) => strengths.includes(rule.strength) && isMatched(rule, exercise) && forbids(rule, one),
    )
  const every = ['absolute', 'relative']
  const isObserved = ({ observed }: One): boolean =>
    observed.size === asked.facts.size && [...observed.values()].every(({ age }) => age === 0)
  const speaks = ({ day, phase }: One): boolean => day >= 0 || phase !== -1

  phases.forEach(({ code }, index) => {
    const within = verdicts.filter(({ phase }) => phase === index)
    if (within.length === 0) findings.set(`unreachable-phase:${code}`, [])
    else if (!within.some((one) => prescriptions.some((rule) => grants(rule, one)))) {
      findings.set(`empty-phase:${code}`, [])
    }
  })
  const somewhere = new Set(verdicts.filter(({ phase }) => phase !== -1).map(({ day }) => day))
  const nowhere = tried.filter((day) => day >= 0 && !somewhere.has(day))
  if (nowhere.length > 0) findings.set('gap:phases', spansOf(nowhere, tried))

  for (const rule of prescriptions) {
    const granting = verdicts.filter((one) => grants(rule, one))
    const covered = coveredBy(rule)
    if (!granting.some((one) => covered.some((exercise) => isFree(exercise, one, ['absolute'])))) {
      findings.set(`grant-never-effective:${rule.code}`, [])
    } else {
      for (const other of contraindications.filter((one) => covered.some((exercise) => isMatched(one, exercise)))) {
        const together = granting.filter((one) => forbids(other, one) && isObserved(one))
        const apart = new Set(granting.filter((one) => !forbids(other, one)).map(({ day }) => day))
        const days = together.map(({ day }) => day).filter((day) => !apart.has(day))
        if (days.length === 0) continue
        findings.set(`granted-but-contraindicated:${rule.code}/${other.code}`, spansOf(days, tried))
      }
    }
    const steps = rule.dosage ?? []
    steps.forEach(({ when }, index) => {
      const taken = granting.filter(({ truthOf }) => truthOf(when) === true)
      const name = `${rule.code}/dosage-${index + 1}`
      if (granting.length > 0 && taken.length === 0) findings.set(`rule-never-applies:${name}`, [])
      const later = steps.slice(index + 1)
      const isLast = ({ truthOf }: One): boolean => later.every((step) => truthOf(step.when) !== true)
      const bears = granting.filter(({ truthOf }) => truthOf(when) !== false)
      if (taken.length > 0 && !bears.some(isLast)) findings.set(`shadowed-rule:${name}`, [])
    })
  }

  const never = (list: string, code: string, isSo: (one: One) => boolean): void => {
    if (!verdicts.some(isSo)) findings.set(`rule-never-applies:${list}/${code}`, [])
  }
  for (const rule of contraindications) {
    const isAimless = !exercises.some((exercise) => isMatched(rule, exercise))
    never('contraindications', rule.code, (one) => !isAimless && speaks(one) && one.truthOf(rule.when) !== false)
  }
  for (const { code, when } of instructions) {
    never('instructions', code, (one) => one.phase !== -1 && one.truthOf(when) !== false)
  }
  for (const { code, when, kind } of limits) {
    never('limits', code, (one) =>
      kind === 'goal' ? one.phase !== -1 && one.truthOf(when) === true : speaks(one) && one.truthOf(when) !== false,
    )
  }

  for (const limit of limits.filter(isCap)) {
    for (const other of limits.filter(isCap)) {
      if (limit.quantity !== other.quantity || limit.unit !== other.unit) continue
      if (limit.min === undefined || other.max === undefined || limit.min <= other.max) continue
      const together = (one: One): boolean =>
        speaks(one) && isObserved(one) && one.truthOf(limit.when) !== false && one.truthOf(other.when) !== false
      if (verdicts.some(together)) findings.set(`contradictory-bounds:limits/${limit.code}/${other.code}`, [])
    }
  }

  const opportunities: Found['opportunities'] = new Map()
  const records: Found['records'] = new Map()
  for (const exercise of exercises) {
    const own = prescriptions.filter((rule) => coveredBy(rule).includes(exercise))
    if (own.length === 0) continue
    const granted = verdicts.filter((one) => own.some((rule) => grants(rule, one)))
    const daysOf = (strengths: readonly string[]): number[] =>
      granted.filter((one) => isFree(exercise, one, strengths)).map(({ day }) => day)
    const fewest = new Map<number, number>()
    for (const one of granted.filter((each) => isFree(exercise, each, every))) {
      const { day, elapsed, observed } = one
      fewest.set(day, Math.min(fewest.get(day) ?? Number.POSITIVE_INFINITY, elapsed.size + observed.size))
    }
    records.set(exercise.code, fewest)
    const [free, lifted] = [daysOf(every), daysOf(['absolute'])]
    opportunities.set(exercise.code, { free: spansOf(free, tried), lifted: spansOf(lifted, tried) })
    const missing = tried.filter((day) => day > Math.min(...free) && day < Math.max(...free) && !free.includes(day))
    if (missing.length > 0) findings.set(`gap:exercises/${exercise.code}`, spansOf(missing, tried))
  }
  return { findings, opportunities, records }
}

/** Names of the limits that become stricter by time alone, found by following every course of events day by day. */
export function followLimits(document: ProtocolDocument, most: number): string[] | null {
  const found = new Set<string>()
  const alike = Map.groupBy(document.limits.filter(isCap), ({ quantity, unit }) => JSON.stringify([quantity, unit]))
  for (const limits of alike.values()) {
    if (limits.length < 2) continue
    limits.sort((a, b) => (a.code < b.code ? -1 : 1))
    const conditions = limits.flatMap(({ when }) => when ?? [])
    const asksPhase = conditions.flatMap(leavesIn).some((leaf) => 'phase' in leaf)
    const asked = whatIsAsked([...conditions, ...(asksPhase ? document.phases.map(({ entry }) => entry) : [])])
    const bounds = (numbers: readonly number[]): number => Math.max(0, ...numbers)
    const last = bounds(asked.days) + bounds([...asked.milestones.values()].flat()) + 1
    const days = Array.from({ length: last + 1 }, (_, day) => day)
    const milestones = [...asked.milestones.keys()].map((code): [string, Option<number>] => [code, [null, ...days]])
    const facts = [...asked.facts].map(([code, tests]): [string, Option<FactValue>] => {
      const declared = document.facts.find((fact) => fact.code === code)
      return [code, [...(typeof declared?.operation === 'object' ? [] : [null]), ...valuesToTry(declared, tests)]]
    })
    const size = [...milestones, ...facts].reduce((product, [, options]) => product * options.length, days.length)
    if (size > most) return null
    for (const reached of combinations(milestones)) {
      for (const values of combinations(facts)) {
        const observed = new Map([...values].map(([code, value]) => [code, { value, age: 0 }]))
        const strictestOn = (day: number, end: 'max' | 'min'): Limit | null => {
          const elapsed = new Map([...reached].flatMap(([code, on]) => (on <= day ? [[code, day - on]] : [])))
          const { truthOf } = judge(document, { day, elapsed, observed })
          const inForce = limits.filter((limit) => limit[end] !== undefined && truthOf(limit.when) !== false)
          const strictness = (limit: Limit): number => (end === 'max' ? (limit.max ?? 0) : -(limit.min ?? 0))
          return inForce.reduce<Limit | null>(
            (strictest, limit) => (strictest === null || strictness(limit) < strictness(strictest) ? limit : strictest),
            null,
          )
        }
        for (const end of ['max', 'min'] as const) {
          const strictest = days.map((day) => strictestOn(day, end))
          for (const day of days.slice(1)) {
            const [was, is] = [strictest[day - 1] ?? null, strictest[day] ?? null]
            if (was === null || is === null || [...reached.values()].includes(day)) continue
            const [before, after] = [was[end] ?? 0, is[end] ?? 0]
            if (end === 'max' ? after < before : after > before) {
              found.add(`limit-relaxes-backwards:limits/${is.code}/${was.code}`)
            }
          }
        }
      }
    }
  }
  return [...found].sort()
}
