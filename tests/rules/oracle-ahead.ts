/**
 * What comes, as the semantics (`src/rules/README.md`) define it, found by asking the oracle on one date after another
 * and, for the way forward, by trying whatever could be recorded. Without a line of `src/rules`.
 */
import type { CalendarDate, Condition, FactValue, MilestoneDeclaration, RecordEntry } from '../../src/rules/types.ts'
import {
  type Asked,
  type DaysAnswer,
  dateOf,
  dayNumber,
  knownEntries,
  look,
  type OracleAnswer,
  rangeOf,
  undated,
} from './oracle.ts'

export interface Ahead {
  nextChange: CalendarDate | null
  /** Per rule in one of the lists the first later date on which its condition is false; null: none. */
  ends: Record<string, CalendarDate | null>
  /** Per protocol the first day of its phase; `always` if it has been the current one for as long as anything was. */
  since: Record<string, string | null>
}

/** Every condition of the documents. */
function conditionsOf(asked: Asked): Condition[] {
  return asked.versions.flatMap(({ document }) => [
    ...document.phases.map((phase) => phase.entry),
    ...[...document.prescriptions, ...document.contraindications, ...document.instructions, ...document.limits].flatMap(
      (rule) => rule.when ?? [],
    ),
    ...document.prescriptions.flatMap((rule) => (rule.dosage ?? []).flatMap((step) => step.when ?? [])),
  ])
}

function leavesOf(condition: Condition): Condition[] {
  if ('all' in condition) return condition.all.flatMap(leavesOf)
  if ('any' in condition) return condition.any.flatMap(leavesOf)
  if ('not' in condition) return leavesOf(condition.not)
  return [condition]
}

/** After so many days from anything that happens nothing changes by time alone. */
function longestWait(asked: Asked): number {
  const waits = conditionsOf(asked)
    .flatMap(leavesOf)
    .flatMap((leaf) => {
      if ('fact' in leaf) return [(leaf.withinDays ?? 0) + 1]
      if (!('days' in leaf)) return []
      return [leaf.days.atLeast ?? 0, leaf.days.before ?? 0].map((bound) => rangeOf(bound)[1])
    })
  return Math.max(0, ...waits)
}

/** Before and after these days, those of `on` aside, nothing changes. */
function span(asked: Asked): { first: number; last: number } {
  const happens = asked.entries.flatMap((entry) => {
    const dates: (string | null)[] = []
    if (entry.kind === 'surgery') dates.push(entry.surgeryDate)
    if ('on' in entry) dates.push(entry.on)
    if ('from' in entry) dates.push(entry.from, entry.until)
    return dates.filter((date) => date !== null).map(dayNumber)
  })
  const least = conditionsOf(asked)
    .flatMap(leavesOf)
    .flatMap((leaf) =>
      'days' in leaf ? [leaf.days.atLeast ?? 0, leaf.days.before ?? 0].map((bound) => rangeOf(bound)[0]) : [],
    )
  return {
    first: Math.min(...happens) + Math.min(0, ...least) - 1,
    last: Math.max(...happens) + longestWait(asked) + 1,
  }
}

/** A record that is asked about many dates, each of which is looked at once. */
export function createOracle(asked: Omit<Asked, 'on'>): {
  consult: (on: CalendarDate) => OracleAnswer | null
  foretell: (on: CalendarDate) => Ahead
} {
  const days = new Map<number, DaysAnswer | null>()
  const answers = new Map<number, OracleAnswer | null>()
  const texts = new Map<number, string | null>()
  const at = (number: number) => {
    const known = days.get(number)
    if (known !== undefined) return known
    const day = look({ ...asked, on: dateOf(number) })
    days.set(number, day)
    return day
  }
  const answerAt = (number: number): OracleAnswer | null => {
    const known = answers.get(number)
    if (known !== undefined) return known
    const answer = at(number)?.answer() ?? null
    answers.set(number, answer)
    return answer
  }
  const textAt = (number: number): string | null => {
    const known = texts.get(number)
    if (known !== undefined) return known
    const answer = answerAt(number)
    const text = answer === null ? null : undated(answer)
    texts.set(number, text)
    return text
  }
  const { first, last } = span({ ...asked, on: dateOf(0) })

  /** The first day after `today` that is as sought. */
  const findDay = (today: number, isSought: (number: number) => boolean): CalendarDate | null => {
    for (let number = today + 1; number <= last; number += 1) if (isSought(number)) return dateOf(number)
    return null
  }

  const foretell = (on: CalendarDate): Ahead => {
    const today = dayNumber(on)
    const now = at(today)
    if (now === null) return { nextChange: null, ends: {}, since: {} }
    const ends: Ahead['ends'] = {}
    const since: Ahead['since'] = {}
    for (const version of now.assigned) {
      const { document } = version
      for (const rule of [...document.contraindications, ...document.instructions, ...document.limits]) {
        if (now.truthOf(rule.when, version) === false) continue
        const list = 'target' in rule ? 'avoid' : 'about' in rule ? 'instructions' : 'limits'
        ends[`${list} ${document.code}/${rule.code}`] = findDay(
          today,
          (number) => at(number)?.truthOf(rule.when, version) === false,
        )
      }
      const phase = now.phases.get(version) ?? null
      if (phase === null) since[document.code] = null
      else {
        let number = today
        while (number >= first && at(number - 1)?.phases.get(version) === phase) number -= 1
        since[document.code] = number < first ? 'always' : dateOf(number)
      }
    }
    return { nextChange: findDay(today, (number) => textAt(number) !== textAt(today)), ends, since }
  }

  return { consult: (on) => answerAt(dayNumber(on)), foretell }
}

// ---- The way forward, by trying everything ----

/** What the search found for one exercise. */
export interface FoundWay {
  earliest: CalendarDate
  /** How many milestones and observations at least. */
  fewest: number
  /** An override has to lift relative contraindications. */
  lifting: boolean
}

export interface Search {
  ways: ReadonlyMap<string, FoundWay | 'never'>
  /** How many records were tried. */
  tried: number
}

type Addition =
  | { kind: 'milestone'; code: string; on: number; grantedBy: string | null }
  | {
      kind: 'fact'
      code: string
      on: number
      value: FactValue
    }

/** What each withheld exercise needs; null if that would take more than `budget` tries. */
export function findWays(asked: Asked, budget: number): Search | null {
  const today = dayNumber(asked.on)
  const now = look(asked)
  if (now === null) return null
  const sought = new Set([...now.codes].filter((code) => !now.judge(code).permitted))
  const known = knownEntries(asked)
  const surgeries = known.filter((entry) => entry.kind === 'surgery').sort((a, b) => b.revision - a.revision)
  const surgeryDay = dayNumber(surgeries[0]?.surgeryDate ?? asked.on)
  // Only what bears on a verdict is worth recording.
  const leaves = now.assigned
    .flatMap(({ document }) => [
      ...document.phases.map((phase) => phase.entry),
      ...[...document.prescriptions, ...document.contraindications].flatMap((rule) => rule.when ?? []),
    ])
    .flatMap(leavesOf)

  // Whatever has no end of its own is ended, and every red flag is resolved: that never withholds more.
  const ended = known.filter(
    (entry) =>
      (entry.kind === 'hold' || (entry.kind === 'override' && entry.effect === 'withhold')) && entry.until === null,
  )
  // An override that lifts brings along what the catalogue says of its exercise: also what one said that is ended, and what
  // the question brought because nothing else knew of the exercise.
  const named = new Set(look({ ...asked, alsoJudge: [] })?.codes)
  const brought = (asked.alsoJudge ?? []).filter(({ code }) => !named.has(code))
  const said = [
    ...ended
      .filter((entry) => entry.kind === 'override')
      .filter(({ from }) => dayNumber(from) <= today)
      .map((entry) => ({ ...entry, id: `said by ${entry.id}`, until: entry.from })),
    ...known.slice(0, 1).flatMap(({ revision, recordedAt }) =>
      brought.map((entry) => ({
        id: `said of ${entry.code}`,
        revision,
        recordedAt,
        kind: 'override' as const,
        exercise: entry.code,
        entry,
        effect: 'withhold' as const,
        from: asked.on,
        until: asked.on,
        reason: '',
        lifts: [],
        versions: [],
      })),
    ),
  ]
  const symptoms = known.filter((entry) => entry.kind === 'symptom')

  const milestoneOptions = (day: number): Addition[][] =>
    [...new Set(leaves.flatMap((leaf) => milestoneOf(leaf) ?? []))].flatMap((code) => {
      const roles = rolesFor(
        now.assigned.flatMap(({ document }) => document.milestones),
        code,
      )
      const bounds = leaves
        .flatMap((leaf) => ('days' in leaf && leaf.days.since === code ? [leaf.days.atLeast, leaf.days.before] : []))
        .flatMap((bound) => (bound === undefined ? [] : rangeOf(bound)))
      // What does not belong before the surgery is not recorded there.
      const declared = now.assigned.flatMap(({ document }) => document.milestones.filter((one) => one.code === code))
      const isPreOperative = declared.length > 0 && declared.every((one) => one.preOperative === true)
      const first = isPreOperative ? today : Math.max(today, surgeryDay)
      const dates = [first, day, ...bounds.flatMap((bound) => [day - bound, day - bound + 1])]
      const possible = [...new Set(dates)].filter((date) => first <= date && date <= day)
      return roles.map((grantedBy) => possible.map((on) => ({ kind: 'milestone' as const, code, on, grantedBy })))
    })

  const factOptions = (day: number): Addition[][] =>
    [...new Set(leaves.flatMap((leaf) => ('fact' in leaf ? [leaf.fact] : [])))].flatMap((code) => {
      const declarations = now.assigned.flatMap((version) =>
        version.document.facts.filter((fact) => fact.code === code).map((fact) => ({ fact, version })),
      )
      const isSettled = declarations.some(
        ({ fact, version }) => (fact.fixed === true || fact.operation !== undefined) && now.knows(code, version),
      )
      if (isSettled) return []
      const tests = leaves.flatMap((leaf) => ('fact' in leaf && leaf.fact === code ? [leaf] : []))
      const ages = tests.flatMap((test) => (test.withinDays === undefined ? [] : [test.withinDays + 1]))
      const dates = [day, ...ages.map((age) => day - age)].filter((date) => today <= date)
      const values = valuesFor(
        tests,
        declarations.map(({ fact }) => fact),
      )
      return [[...new Set(dates)].flatMap((on) => values.map((value) => ({ kind: 'fact' as const, code, on, value })))]
    })

  const { last } = span(asked)
  const ways = new Map<string, FoundWay>()
  const lifted = new Map<string, FoundWay>()
  let tried = 0
  // What is recorded on `today` or later has its last effect so long after it.
  for (let day = today; day <= Math.max(last, today + longestWait(asked) + 1); day += 1) {
    const open = [...sought].filter((code) => !ways.has(code))
    if (open.length === 0) break
    const options = [...milestoneOptions(day), ...factOptions(day)]
    const combinations = options.reduce((product, choices) => product * (choices.length + 1), 1)
    tried += combinations
    if (tried > budget) return null
    for (const additions of combine(options)) {
      const entries = record(asked, additions, ended, symptoms, day)
      const attempt = look({ ...asked, on: dateOf(day), entries })
      const lifting = said.length === 0 ? attempt : look({ ...asked, on: dateOf(day), entries: [...entries, ...said] })
      if (attempt === null || lifting === null) continue
      for (const code of open) {
        const verdict = attempt.judge(code)
        const { granted, otherwise, relative } = lifting.judge(code)
        const isLiftable = granted && !otherwise && relative.length > 0
        const found = verdict.permitted ? ways : isLiftable ? lifted : null
        // An exercise that an ended override alone had named is no longer one that is judged.
        if (found === null) continue
        const before = found.get(code)
        const way = { earliest: dateOf(day), fewest: additions.length, lifting: !verdict.permitted }
        if (before === undefined || (before.earliest === way.earliest && way.fewest < before.fewest))
          found.set(code, way)
      }
    }
  }
  return {
    ways: new Map([...sought].map((code) => [code, ways.get(code) ?? lifted.get(code) ?? 'never'])),
    tried,
  }
}

function milestoneOf(leaf: Condition): string | null {
  if ('milestone' in leaf) return leaf.milestone
  return 'days' in leaf ? (leaf.days.since ?? null) : null
}

/** A role that every declaration accepts, or null if none needs one; if there is none, one for each declaration. */
function rolesFor(declarations: readonly MilestoneDeclaration[], code: string): (string | null)[] {
  const lists = declarations
    .filter((declaration) => declaration.code === code)
    .map((declaration) => declaration.grantedBy ?? [])
    .filter((roles) => roles.length > 0)
  const [first] = lists
  if (first === undefined) return [null]
  const common = first.find((role) => lists.every((roles) => roles.includes(role)))
  return common === undefined ? lists.flatMap((roles) => roles[0] ?? []) : [common]
}

/** Each choice of at most one of each of the options. */
function* combine(options: readonly (readonly Addition[])[]): Generator<Addition[]> {
  const [choices, ...rest] = options
  if (choices === undefined) {
    yield []
    return
  }
  for (const more of combine(rest)) {
    yield more
    for (const choice of choices) yield [choice, ...more]
  }
}

type FactTest = Extract<Condition, { fact: string }>
type FactDeclaration = Asked['versions'][number]['document']['facts'][number]

/** Values on both sides of whatever the tests compare with, as far as the declarations allow them. */
export function valuesFor(tests: readonly FactTest[], declarations: readonly FactDeclaration[]): FactValue[] {
  const bounds = tests.flatMap((test) => [
    test.is,
    test.atLeast,
    test.atMost,
    test.above,
    test.below,
    ...(test.in ?? []),
  ])
  const numbers = bounds.filter((bound) => typeof bound === 'number').sort((a, b) => a - b)
  const between = numbers.flatMap((number, index) => {
    const next = numbers[index + 1]
    return next === undefined ? [number, number + 1] : [number, (number + next) / 2]
  })
  const texts = [...bounds.filter((bound) => typeof bound === 'string'), 'something else']
  const lowest = numbers[0]
  const values: FactValue[] = [
    ...(lowest === undefined ? declarations.map((declaration) => declaration.min ?? 0) : [lowest - 1]),
    ...between,
    ...texts,
    ...declarations.flatMap((declaration) => declaration.values ?? []),
    true,
    false,
  ]
  const isAllowed = (value: FactValue, { type, min, max, values }: FactDeclaration): boolean => {
    if (type === 'boolean') return typeof value === 'boolean'
    if (type === 'number') return typeof value === 'number' && (min ?? value) <= value && value <= (max ?? value)
    return typeof value === 'string' && (type === 'text' || (values ?? []).includes(value))
  }
  return [...new Set(values)].filter((value) => declarations.every((declaration) => isAllowed(value, declaration)))
}

/** The record with the additions, without what is ended, and with every red flag resolved by the day. */
function record(
  { entries, knownAt }: Asked,
  additions: readonly Addition[],
  ended: readonly RecordEntry[],
  symptoms: readonly RecordEntry[],
  day: number,
): RecordEntry[] {
  const revision = entries.length + 1
  const recorded = { revision, recordedAt: knownAt }
  return [
    ...entries,
    ...additions.map((addition, index) => ({
      ...addition,
      ...recorded,
      id: `addition ${index}`,
      on: dateOf(addition.on),
    })),
    ...symptoms.map(({ id }) => ({
      ...recorded,
      id: `resolution of ${id}`,
      kind: 'resolution' as const,
      symptom: id,
      on: dateOf(day),
    })),
    ...ended.map(({ id }) => ({ ...recorded, id: `end of ${id}`, kind: 'void' as const, entry: id, reason: '' })),
  ]
}
