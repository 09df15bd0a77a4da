import { type DayNumber, dateOf } from './calendar-date.ts'
import {
  type Budget,
  canBeFree,
  canGrant,
  cellsOfFact,
  combinations,
  fillPhases,
  type Layout,
  open,
  type Plan,
  possiblePhases,
  search,
  testForCells,
  truthOfSpan,
  truthsOf,
  type ValueCell,
  widen,
} from './cases.ts'
import { changesOfTests } from './change.ts'
import { type Compiled, type Match, matchesOf, type Test, type When } from './compile.ts'
import { type Assigned, type Case, entriesOf, lifts, overridesOn } from './decide.ts'
import { covers } from './record.ts'
import { commonSide } from './side.ts'
import {
  describeFact,
  isGranted,
  observationOf,
  reachedOn,
  truthOfDays,
  truthOfTest,
  truthOfValue,
  type View,
  viewOn,
} from './situation.ts'
import { both, either, isFalse, isTrue, isUnknown, type Truths } from './truth.ts'
import type {
  Contraindication,
  Exercise,
  FactTest,
  FactValue,
  Named,
  Need,
  PrescribedSide,
  WayForward,
} from './types.ts'

/** So many tests are looked at for one exercise, and for all of one answer; then it is given up. */
const mostTests = 200_000
const mostTestsOfAll = 2_000_000

const never: WayForward = { outcome: 'never', earliest: null, needs: [] }
const undecided: WayForward = { outcome: 'undecided', earliest: null, needs: [] }

/** Something that can be recorded from the day asked about on. */
type Act =
  | {
      kind: 'milestone'
      code: string
      /** Who grants it: a role that is accepted wherever it has to be; null: anybody. */
      role: string | null
      /** The title of the first version that tests it, and all roles that would do. */
      milestone: Named
      grantedBy: readonly string[]
      /** The first day on which it can be recorded. */
      from: DayNumber
    }
  | {
      kind: 'fact'
      code: string
      tests: readonly FactTest[]
      cells: readonly ValueCell[]
      fact: ReturnType<typeof describeFact>
    }

/** One day. */
interface Outlook {
  day: DayNumber
  /** Of each act its options; the first is to do nothing. */
  options: readonly (readonly Option[])[]
}

/** One assigned version, and what the acts make of its tests. */
interface Owner {
  assigned: Assigned
  /** Of each test the act that it depends on; −1: none. */
  actOf: Int16Array
  /** By day, of each test, as far as somebody asked: what it is with each option of its act and, last, with any. */
  truths: Map<DayNumber, (Uint8Array | undefined)[]>
}

/** Nothing; a milestone so many days before the day; or an observation of a value in the cell. */
type Option =
  | { kind: 'nothing' }
  | { kind: 'reached'; least: number; most: number }
  | { kind: 'observed'; cell: number; value: FactValue; least: number; most: number }

/** What lies ahead of one case from one day on. */
export interface Ahead {
  asked: Case
  from: DayNumber
  acts: readonly Act[]
  owners: readonly Owner[]
  outlooks: Map<DayNumber, Outlook>
  /** How many tests may still be looked at. */
  left: number
}

/** The tests of all versions with what they test. */
function* testsOf({ assigned }: Case): Generator<{ version: Assigned; test: Test }> {
  for (const version of assigned) for (const test of version.compiled.tests) yield { version, test }
}

function listMilestones(asked: Case, from: DayNumber): Act[] {
  const tested = new Map<string, { named: Named; roles: (readonly string[])[] }>()
  for (const situation of asked.assigned) {
    situation.compiled.milestones.forEach(({ named, roles }, index) => {
      // What is reached for good stays as it is: only the earliest entry counts.
      const since = reachedOn(viewOn(situation, from), index)
      const lasts = asked.record.milestones.get(named.code)?.some(({ entry, from: begins, until }) => {
        return begins === since && until === null && isGranted(roles, entry.grantedBy)
      })
      if (lasts) return
      const known = tested.get(named.code)
      if (known === undefined) tested.set(named.code, { named, roles: [roles] })
      else known.roles.push(roles)
    })
  }
  return [...tested].flatMap(([code, { named, roles }]): Act[] => {
    const restricted = roles.filter((list) => list.length > 0)
    const [first] = restricted
    const what = { kind: 'milestone', code, milestone: named, from: earliestDay({ asked, from }, code) } as const
    if (first === undefined) return [{ ...what, role: null, grantedBy: [] }]
    const accepted = first.filter((role) => restricted.every((list) => list.includes(role)))
    const [role] = accepted
    if (role !== undefined) return [{ ...what, role, grantedBy: accepted }]
    // No role will do for all: each version needs an entry of its own.
    return restricted.map((list) => ({ ...what, role: list[0] ?? null, grantedBy: list }))
  })
}

function listFacts(asked: Case, from: DayNumber): Act[] {
  const tested = new Map<string, { named: ReturnType<typeof describeFact>; tests: FactTest[] }>()
  const isKnownForGood = new Set<string>()
  for (const { version, test } of testsOf(asked)) {
    if (test.op !== 'fact') continue
    const fact = version.compiled.facts[test.fact]
    if (fact === undefined) continue
    const declared = fact.declared
    if (
      (declared?.fixed || declared?.operation !== undefined) &&
      observationOf(viewOn(version, from), test.fact) !== null
    ) {
      isKnownForGood.add(fact.code)
    }
    const known = tested.get(fact.code)
    if (known === undefined) tested.set(fact.code, { named: describeFact(fact), tests: [test.written] })
    else known.tests.push(test.written)
  }
  return [...tested].flatMap(([code, { named, tests }]): Act[] => {
    if (isKnownForGood.has(code)) return []
    const declarations = asked.assigned.flatMap((version) =>
      version.compiled.document.facts.filter((fact) => fact.code === code),
    )
    return [{ kind: 'fact', code, tests, cells: cellsOfFact(declarations, tests), fact: named }]
  })
}

/** Prepares the question what can still be recorded from a day on. */
export function lookAhead(asked: Case, from: DayNumber): Ahead {
  // In the order in which the phases ask for them: where one of several will do, it is the first.
  const acts = [...listMilestones(asked, from), ...listFacts(asked, from)]
  const owners = asked.assigned.map((assigned): Owner => {
    const { compiled } = assigned
    const actOf = Int16Array.from(compiled.tests, (test) => acts.findIndex((act) => bearsOn(act, test, compiled)))
    return { assigned, actOf, truths: new Map() }
  })
  return { asked, from, acts, owners, outlooks: new Map(), left: mostTestsOfAll }
}

/** The first day on which the milestone can be recorded: not before the surgery, unless every version allows that. */
function earliestDay({ asked, from }: Pick<Ahead, 'asked' | 'from'>, code: string): DayNumber {
  const declared = asked.assigned.flatMap(({ compiled }) =>
    compiled.document.milestones.filter((milestone) => milestone.code === code),
  )
  const isPreOperative = declared.length > 0 && declared.every((milestone) => milestone.preOperative)
  return isPreOperative ? from : Math.max(from, asked.record.surgeryDay)
}

/** The days since a milestone at which a test of it changes. */
function cutsOf(asked: Case, code: string): ReadonlySet<number> {
  const cuts = new Set<number>([0])
  for (const { version, test } of testsOf(asked)) {
    if (test.op !== 'days' || test.milestone === null) continue
    if (version.compiled.milestones[test.milestone]?.named.code !== code) continue
    for (const bound of [test.atLeast, test.before]) {
      if (bound !== null) cuts.add(bound.possible).add(bound.sure)
    }
  }
  return cuts
}

function optionsOf(act: Act, ahead: Ahead, day: DayNumber): Option[] {
  const { asked } = ahead
  if (act.kind === 'fact') {
    return [
      { kind: 'nothing' },
      ...agesOf(act, ahead, day).flatMap((age) =>
        act.cells.map(({ value }, cell): Option => ({ kind: 'observed', cell, value, ...age })),
      ),
    ]
  }
  return [
    { kind: 'nothing' },
    ...spansBetween(cutsOf(asked, act.code), day - act.from).map((span): Option => ({ kind: 'reached', ...span })),
  ]
}

/** How old an observation can be on the day, and still be the latest; the youngest first. */
function agesOf(
  { code, tests }: Extract<Act, { kind: 'fact' }>,
  { asked, from }: Ahead,
  day: DayNumber,
): { least: number; most: number }[] {
  const last = asked.record.facts.get(code)?.findLast((observed) => observed.day <= day)?.day ?? from
  const cuts = tests.flatMap(({ withinDays }) => (withinDays === undefined ? [] : [withinDays + 1]))
  return spansBetween(new Set([0, ...cuts]), day - Math.max(from, last))
}

/** The spans of whole numbers, up to `most`, that begin at the cuts. */
function spansBetween(cuts: ReadonlySet<number>, most: number): { least: number; most: number }[] {
  const begins = [...cuts].filter((cut) => 0 <= cut && cut <= most).sort((a, b) => a - b)
  return begins.map((least, index) => ({ least, most: (begins[index + 1] ?? most + 1) - 1 }))
}

function outlookOn(ahead: Ahead, day: DayNumber): Outlook {
  const known = ahead.outlooks.get(day)
  if (known !== undefined) return known
  const options = ahead.acts.map((act) => optionsOf(act, ahead, day))
  const outlook = { day, options }
  ahead.outlooks.set(day, outlook)
  return outlook
}

const nothingToDo: readonly Option[] = [{ kind: 'nothing' }]

/** What the test is with each option of the act that it depends on and, last, what it can be with any. */
function truthsOfTest({ assigned, actOf }: Owner, { day, options }: Outlook, index: number): Uint8Array {
  const test = assigned.compiled.tests[index]
  if (test === undefined) return new Uint8Array(1)
  const view = viewOn(assigned, day)
  const asItIs = truthOfTest(view, index)
  const each = (options[actOf[index] ?? -1] ?? nothingToDo).map((option) => truthWith(option, test, view) ?? asItIs)
  return Uint8Array.of(
    ...each,
    each.reduce((all, truth) => all | truth),
  )
}

/** What the option makes of the test; null: what it is anyway. */
function truthWith(option: Option, test: Test, view: View): Truths | null {
  switch (test.op) {
    case 'fact': {
      if (option.kind !== 'observed') return null
      const { withinDays } = test.written
      return withinDays !== undefined && option.least > withinDays
        ? isUnknown
        : truthOfValue(test.written, option.value)
    }
    case 'milestone':
      return option.kind === 'reached' ? isTrue : null
    case 'days': {
      if (option.kind !== 'reached' || test.milestone === null) return null
      const reached = reachedOn(view, test.milestone)
      // Of several entries the earliest counts.
      return truthOfDays(test, Math.max(option.least, reached === null ? 0 : view.day - reached))
    }
    case 'phase':
      return null
  }
}

function bearsOn(act: Act, test: Test, compiled: Compiled): boolean {
  if (act.kind === 'fact') return test.op === 'fact' && compiled.facts[test.fact]?.code === act.code
  if (test.op !== 'milestone' && test.op !== 'days') return false
  const milestone = compiled.milestones[test.milestone ?? -1]
  return milestone?.named.code === act.code && isGranted(milestone.roles, act.role)
}

/** What of one version bears on an exercise: its tests, and the contraindications that match. */
interface Part {
  owner: Owner
  tests: readonly number[]
  matches: readonly Match[]
}

/** What is looked at for one exercise. */
interface Sought {
  entries: readonly [Exercise, ...Exercise[]]
  parts: readonly Part[]
  /** How many tests one look at a case takes. */
  cost: number
  /** Relative contraindications count as lifted. */
  isLifted: boolean
}

function seek({ owners }: Ahead, entries: readonly [Exercise, ...Exercise[]], isLifted: boolean): Sought {
  const whens = new Set<When>()
  let cost = 1
  const parts = owners.map((owner): Part => {
    const { compiled } = owner.assigned
    const matches = matchesOf(compiled, entries)
    const tests = new Set(compiled.testsOfPhases)
    const add = (when: When | null | undefined): void => {
      if (when === null || when === undefined) return
      whens.add(when)
      for (const test of when.tests) tests.add(test)
    }
    for (const index of compiled.prescriptionsOf.get(entries[0].code) ?? []) add(compiled.prescriptions[index]?.when)
    for (const { rule } of matches) add(compiled.contraindications[rule]?.when)
    cost += compiled.costOfPhases + tests.size
    return { owner, tests: [...tests], matches }
  })
  for (const when of whens) cost += when.cost
  return { entries, parts, cost, isLifted }
}

/** Whether it can be permitted on the day of the outlook, and whether it can fail to be, given choices of the acts. */
function canBePermitted(ahead: Ahead, outlook: Outlook, sought: Sought, choices: readonly number[]): Truths {
  const { record } = ahead.asked
  const { code } = sought.entries[0]
  const permits = overridesOn(record, code, outlook.day).filter(({ effect }) => effect === 'permit')
  let verdict: Truths = isTrue
  let anyPhase: Truths = isFalse
  let prescribed = false
  const certain: { protocol: string; version: number | null; side: PrescribedSide }[] = []
  let isOpen = false
  for (const part of sought.parts) {
    const { assigned } = part.owner
    const { compiled, version } = assigned
    const { truths, possible } = outcomeOf(part, outlook, choices)
    anyPhase = either(anyPhase, truthOfSpan(0, compiled.phases.length - 1, possible))
    const isSetAside = (rule: Contraindication): boolean =>
      rule.strength === 'relative' && (sought.isLifted || permits.some((entry) => lifts(entry, rule, assigned)))
    verdict = both(verdict, canBeFree(compiled, truths, part.matches, isSetAside))
    if (verdict === isFalse) return isFalse

    const prescriptions = compiled.prescriptionsOf.get(code) ?? []
    if (prescriptions.length === 0 || permits.length > 0) continue
    prescribed = true
    let granted: Truths = isFalse
    for (const prescription of prescriptions) {
      const rule = compiled.prescriptions[prescription]
      if (rule === undefined) continue
      const grants = canGrant(rule, truths, possible)
      granted = either(granted, grants)
      if (grants === isTrue) {
        certain.push({ protocol: compiled.document.code, version: version.version, side: rule.rule.side })
      } else isOpen ||= grants !== isFalse
    }
    verdict = both(verdict, granted)
    if (verdict === isFalse) return isFalse
  }
  verdict = both(verdict, anyPhase)
  if (permits.length > 0) return verdict
  if (!prescribed) return isFalse
  const needsSide = verdict === isTrue && certain.some(({ side }) => side !== 'both')
  if (!needsSide || commonSide(certain, record.surgery.side) !== null) return verdict
  // Another prescription, if it grants, can add a side.
  return isOpen ? isTrue | isFalse : isFalse
}

/** What the tests that bear on the exercise can be, and which phases, given the choices made so far. */
function outcomeOf(
  { owner, tests }: Part,
  outlook: Outlook,
  choices: readonly number[],
): { truths: Uint8Array; possible: readonly boolean[] } {
  const { compiled } = owner.assigned
  const truths = new Uint8Array(compiled.tests.length)
  const known = owner.truths.get(outlook.day) ?? []
  owner.truths.set(outlook.day, known)
  for (const test of tests) {
    const each = known[test] ?? truthsOfTest(owner, outlook, test)
    known[test] = each
    truths[test] = each.at(choices[owner.actOf[test] ?? -1] ?? open) ?? 0
  }
  const possible = possiblePhases(compiled, truths)
  fillPhases(compiled, truths, possible, tests)
  return { truths, possible }
}

/** The days on which it could become permitted, in order: where something changes by itself, or a wait can be over. */
function daysToTry(ahead: Ahead, sought: Sought): DayNumber[] {
  const { asked, from } = ahead
  const { record } = asked
  const days = new Set<DayNumber>([from, record.surgeryDay])
  for (const { from: begins, until } of [...record.symptoms, ...record.overrides, ...record.holds]) {
    days.add(begins)
    if (until !== null) days.add(until)
  }
  for (const { owner, tests } of sought.parts) {
    for (const day of changesOfTests(owner.assigned, tests)) days.add(day)
    for (const index of tests) {
      const test = owner.assigned.compiled.tests[index]
      if (test?.op === 'fact' && test.written.withinDays !== undefined) days.add(from + test.written.withinDays + 1)
      if (test?.op !== 'days' || test.milestone === null) continue
      for (const bound of [test.atLeast, test.before]) {
        if (bound === null) continue
        for (const earliest of [from, Math.max(from, record.surgeryDay)]) {
          days.add(earliest + bound.possible).add(earliest + bound.sure)
        }
      }
    }
  }
  return [...days].filter((day) => day >= from).sort((a, b) => a - b)
}

type Ending = Extract<Need, { kind: 'resolution' | 'end' }>

/** What has to be ended by somebody on that day; null: something withholds everything then that will not be ended. */
function endsNeeded(ahead: Ahead, exercise: string, day: DayNumber): Ending[] | null {
  const { record } = ahead.asked
  if (record.closures.some((closure) => covers(closure, day))) return null
  const needs: Ending[] = []
  for (const symptom of record.symptoms) {
    if (!covers(symptom, day)) continue
    const { id, redFlag, title } = symptom.entry
    needs.push({ kind: 'resolution', redFlag: { code: redFlag, title }, entry: id })
  }
  for (const hold of record.holds) {
    if (!covers(hold, day)) continue
    if (hold.until !== null) return null
    needs.push({ kind: 'end', of: 'hold', reason: hold.entry.reason, entry: hold.entry.id })
  }
  for (const { id, effect, until, reason } of overridesOn(record, exercise, day)) {
    if (effect !== 'withhold') continue
    if (until !== null) return null
    needs.push({ kind: 'end', of: 'override', reason, entry: id })
  }
  return needs
}

/** When the exercise can be permitted, and what that takes; `entries` are what is known of it on the first day. */
export function findWayForward(ahead: Ahead, entries: readonly [Exercise, ...Exercise[]]): WayForward {
  if (ahead.asked.isLacking) return never
  const most = Math.min(mostTests, ahead.left)
  const budget = { left: most }
  const found = findPlan(ahead, entries, budget)
  ahead.left -= most - Math.max(budget.left, 0)
  if (budget.left <= 0) return undecided
  return found ?? never
}

function findPlan(ahead: Ahead, entries: Sought['entries'], budget: Budget): WayForward | null {
  const { code } = entries[0]
  const later = ahead.asked.record.overrides.flatMap(({ entry }) => (entry.exercise === code ? entry.entry : []))
  const days = daysToTry(ahead, seek(ahead, [...entries, ...later], false))
  for (const isLifted of [false, true]) {
    const sought = seek(ahead, entries, isLifted)
    for (const day of days) {
      const ends = endsNeeded(ahead, code, day)
      if (ends === null) continue
      const then = entriesThen(ahead, entries, day, ends)
      // An override that lifts brings along what is known of the exercise when it is recorded.
      const known = isLifted && then !== entries ? union(then, entries) : then
      const onDay = known === entries ? sought : seek(ahead, known, isLifted)
      const outlook = outlookOn(ahead, day)
      const plan = planFor(ahead, outlook, onDay, budget)
      if (budget.left <= 0) return null
      if (plan === null) continue
      return { outcome: 'permitted', earliest: dateOf(day), needs: tell(ahead, outlook, onDay, plan, ends, budget) }
    }
  }
  return null
}

function union(some: Sought['entries'], others: Sought['entries']): Sought['entries'] {
  const [first, ...rest] = some
  return [first, ...new Set([...rest, ...others])]
}

/**
 * What will be known of the exercise: an override that begins later brings along what the catalogue said of it, and one
 * that is ended takes that away.
 */
function entriesThen(
  { asked, from }: Ahead,
  entries: Sought['entries'],
  day: DayNumber,
  ends: readonly Ending[],
): Sought['entries'] {
  const { record } = asked
  const { code } = entries[0]
  const ended = new Set(ends.map(({ entry }) => entry))
  const isSame = record.overrides.every(
    ({ entry, from: begins }) => entry.exercise !== code || (!ended.has(entry.id) && (begins <= from || begins > day)),
  )
  if (isSame) return entries
  const overrides = record.overrides.filter(({ entry }) => !ended.has(entry.id))
  return entriesOf({ ...asked, record: { ...record, overrides } }, day).get(code) ?? entries
}

/** The fewest acts with which it is permitted on the day, and what freedom they leave. */
function planFor(ahead: Ahead, outlook: Outlook, sought: Sought, budget: Budget): Plan | null {
  const counts = outlook.options.map((options, act) => (isAsked(sought, act) ? options.length : 1))
  const goal = (choices: readonly number[]): Truths => {
    budget.left -= sought.cost
    return canBePermitted(ahead, outlook, sought, choices)
  }
  const layouts = ahead.acts.map(
    (act): Layout =>
      act.kind === 'milestone'
        ? { width: 1, isOrdered: true }
        : { width: act.cells.length, isOrdered: act.cells.some(({ value }) => typeof value === 'number') },
  )
  const loosen = (choices: readonly number[]): Plan =>
    widen(choices, layouts, counts, (others) => budget.left > 0 && goal(others) === isTrue)
  const found = search(counts, counts.length, goal, budget)
  if (found === null) return null
  const most = found.filter((choice) => choice > 0).length
  for (let acts = 0; acts < most; acts += 1) {
    const fewer = search(counts, acts, goal, budget)
    if (fewer !== null) return loosen(fewer)
  }
  return loosen(found)
}

/** Whether a test that bears on the exercise depends on the act. */
function isAsked({ parts }: Sought, act: number): boolean {
  return parts.some(({ owner, tests }) => tests.some((test) => owner.actOf[test] === act))
}

/** What has to happen, with the dates between which it may. */
function tell(
  ahead: Ahead,
  outlook: Outlook,
  sought: Sought,
  plan: Plan,
  ends: readonly Ending[],
  budget: Budget,
): Need[] {
  const { day } = outlook
  const needs: Need[] = [...ends]
  plan.forEach((chosen, index) => {
    const act = ahead.acts[index]
    if (act === undefined || chosen[0] === 0) return
    const options = chosen
      .flatMap((option) => outlook.options[index]?.[option] ?? [])
      .filter((option) => option.kind !== 'nothing')
    const from = dateOf(day - Math.max(...options.map(({ most }) => most)))
    const by = dateOf(day - Math.min(...options.map(({ least }) => least)))
    if (act.kind === 'milestone') {
      needs.push({ kind: 'milestone', milestone: act.milestone, grantedBy: act.grantedBy, from, by })
    } else {
      const isObserved = (cell: number): boolean =>
        options.some((option) => option.kind === 'observed' && option.cell === cell)
      const observed = act.cells.filter((_, cell) => isObserved(cell))
      const test = testForCells(observed, act.cells)
      needs.push({ kind: 'fact', fact: act.fact, test, from, by })
    }
  })
  if (sought.isLifted) needs.push({ kind: 'override', lifts: liftsNeeded(ahead, outlook, sought, plan, budget) })
  if (day > ahead.from) needs.push({ kind: 'date', date: dateOf(day) })
  return needs
}

/** The relative contraindications that may stand on the day, whichever of the plan's options are taken. */
function liftsNeeded(
  ahead: Ahead,
  outlook: Outlook,
  sought: Sought,
  plan: Plan,
  budget: Budget,
): Extract<Need, { kind: 'override' }>['lifts'] {
  const permits = overridesOn(ahead.asked.record, sought.entries[0].code, outlook.day).filter(
    ({ effect }) => effect === 'permit',
  )
  return sought.parts.flatMap((part) => {
    const { assigned } = part.owner
    return part.matches.flatMap((match) => {
      const active = assigned.compiled.contraindications[match.rule]
      if (active?.rule.strength !== 'relative' || permits.some((entry) => lifts(entry, active.rule, assigned)))
        return []
      const stands = combinations(plan).some((choices) => {
        // Rather one too many than one too few.
        if (budget.left <= 0) return true
        budget.left -= sought.cost
        const { truths } = outcomeOf(part, outlook, choices)
        return truthsOf(active.when, truths) !== isFalse
      })
      const { code, title } = active.rule
      return stands ? [{ code, title, protocol: assigned.compiled.document.code }] : []
    })
  })
}
