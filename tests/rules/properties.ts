/** What must always hold, as checks of whichever copy of the rules is asked: the real one, or one with a planted fault. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {
  CalendarDate,
  Derivation,
  ExplainedCondition,
  Grant,
  LimitInForce,
  ProtocolDocument,
  ProtocolVersion,
  Reason,
  RecordEntry,
  Timeline,
  TimelineStep,
} from '../../src/rules/types.ts'
import { type Derive, findDifference } from './agreement.ts'
import { follow } from './follow.ts'
import { type Asked, dateOf, dayNumber, knownEntries, look } from './oracle.ts'
import {
  aContraindication,
  anExercise,
  ask,
  dateOn,
  factValues,
  momentOf,
  number,
  type Situation,
  situations,
  sketches,
  smallSituations,
} from './situations.ts'

export interface Rules {
  derive: Derive
  timeline: (question: Parameters<Derive>[0]) => Timeline | null
}

export interface Property {
  /** `P1` to `P8`, or what else it is about. */
  of: string
  name: string
  check: (rules: Rules, runs: number) => void
}

const few = situations(3)
const fewOrSmall = fc.oneof(few, smallSituations(3))

/** A whole situation shrinks for minutes: the seed and the path of a failure are enough to look at it. */
function forAll<T extends [unknown, ...unknown[]]>(
  runs: number,
  drawn: { [index in keyof T]: fc.Arbitrary<T[index]> },
  check: (...values: T) => void,
): void {
  fc.assert(fc.property<T>(...drawn, check), { numRuns: Math.ceil(runs), endOnFailure: true })
}

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('there is an answer in every generated situation')
  return value
}

/** The answer for the date alone. */
function onTheDate({ derive }: Rules, asked: Asked): Derivation | null {
  return derive({ ...asked, ahead: false })
}

function later(date: CalendarDate, days: number): CalendarDate {
  return dateOf(dayNumber(date) + days)
}

function daysBetween(from: CalendarDate, to: CalendarDate): number {
  return dayNumber(to) - dayNumber(from)
}

/** Runs `check` on each of the days of many situations. */
function always(
  rules: Rules,
  runs: number,
  check: (situation: Situation, day: number, answer: Derivation) => void,
): void {
  forAll(runs, [few], (situation) => {
    for (const day of situation.days) {
      const derived = onTheDate(rules, ask(situation, day))
      // No surgery on record at `knownAt`, because it is void.
      if (derived !== null) check(situation, day, derived)
    }
  })
}

function permittedCodes(derivation: Derivation | null): string[] {
  return (derivation?.permitted ?? []).map((entry) => entry.exercise.code)
}

function bytes({ derive }: Rules, asked: Asked): string {
  return JSON.stringify(derive(asked))
}

function assertIncludes(all: readonly string[] | undefined, some: readonly string[]): void {
  assert.deepEqual(
    some.filter((one) => !all?.includes(one)),
    [],
  )
}

/** Recorded last, and known. */
function record(situation: Situation, entry: Record<string, unknown>): Situation {
  const recorded = { id: 'more', revision: situation.entries.length + 1, recordedAt: situation.knownAt }
  return { ...situation, entries: [...situation.entries, { ...recorded, ...entry } as unknown as RecordEntry] }
}

// ---- P1 ----

function grantsAreInForce(rules: Rules, runs: number): void {
  always(rules, runs, (situation, day, { permitted, status, protocols }) => {
    if (status !== 'active') assert.deepEqual(permitted, [])
    const on = dateOn(situation, day)
    for (const { exercise, grantedBy } of permitted) {
      assert.notEqual(grantedBy.length, 0)
      for (const grant of grantedBy) {
        if (grant.kind === 'override') {
          const entry = must(knownEntries(situation).find(({ id }) => id === grant.entry))
          assert.partialDeepStrictEqual(entry, { kind: 'override', effect: 'permit', exercise: exercise.code })
          assert(grant.from <= on && (grant.until === null || on < grant.until))
        } else {
          const { document } = must(situation.versions.find((version) => version.document.code === grant.protocol))
          const rule = must(document.prescriptions.find(({ code }) => code === grant.rule))
          const order = document.phases.map(({ code }) => code)
          const current = must(protocols.find(({ code }) => code === grant.protocol)?.phase).code
          assert(order.indexOf(rule.from) <= order.indexOf(current))
          assert(order.indexOf(current) <= order.indexOf(rule.through ?? rule.from))
        }
      }
    }
  })
}

function noForbidStands(rules: Rules, runs: number): void {
  always(rules, runs, (situation, day, { permitted, avoid }) => {
    const on = dateOn(situation, day)
    for (const { exercise } of permitted) {
      for (const { protocol, rule, strength } of avoid) {
        const { document } = must(situation.versions.find((version) => version.document.code === protocol))
        const { target, except = [] } = must(document.contraindications.find(({ code }) => code === rule))
        const isNamed = target.some((one) => one.exercise === exercise.code)
        if (strength === 'absolute' && except.length === 0) assert(!isNamed)
      }
      const withheld = knownEntries(situation).filter(
        (entry) =>
          entry.kind === 'override' &&
          entry.effect === 'withhold' &&
          entry.exercise === exercise.code &&
          entry.from <= on &&
          (entry.until === null || on < entry.until),
      )
      assert.deepEqual(withheld, [])
    }
  })
}

// ---- P2 ----

/** `forbid` gives the situation with one thing more that withholds. */
function neverAdds<T>(
  more: fc.Arbitrary<T>,
  forbid: (situation: Situation, more: T) => Situation,
): (rules: Rules, runs: number) => void {
  return (rules, runs) =>
    forAll(runs, [few, more], (situation, addition) => {
      const stricter = forbid(situation, addition)
      for (const day of situation.days) {
        const before = permittedCodes(onTheDate(rules, ask(situation, day)))
        const after = permittedCodes(onTheDate(rules, ask(stricter, day)))
        assertIncludes(before, after)
      }
    })
}

const someDay = fc.integer({ min: -5, max: 30 })
const span = fc
  .record({ from: someDay, days: fc.option(fc.integer({ min: 1, max: 40 })) })
  .map(({ from, days }) => (situation: Situation) => ({
    from: dateOn(situation, from),
    until: days === null ? null : dateOn(situation, from + days),
  }))

const contraindicationAdds = neverAdds(
  fc.tuple(fc.nat(1), aContraindication('z')),
  (situation, [which, rule]): Situation => ({
    ...situation,
    versions: situation.versions.map((version, index) => {
      const { document } = version
      const contraindications = [...document.contraindications, rule]
      return index === which ? { ...version, document: { ...document, contraindications } } : version
    }),
  }),
)

const holdAdds = neverAdds(span, (situation, dates) =>
  record(situation, { kind: 'hold', reason: '', ...dates(situation) }),
)

const redFlagAdds = neverAdds(someDay, (situation, day) =>
  record(situation, {
    kind: 'symptom',
    redFlag: 'fever',
    title: 'fever',
    response: 'emergency',
    on: dateOn(situation, day),
  }),
)

const withholdingAdds = neverAdds(
  fc.tuple(fc.constantFrom('walk', 'lift', 'swim', 'dive').chain(anExercise), span),
  (situation, [entry, dates]) => {
    const what = { exercise: entry.code, entry, effect: 'withhold', reason: '', lifts: [], versions: [] }
    return record(situation, { kind: 'override', ...what, ...dates(situation) })
  },
)

// ---- P3 ----

/** Runs `check` with the answer, and with the answer once a fact that is not known so far is observed. */
function alwaysInformed(
  rules: Rules,
  runs: number,
  check: (situation: Situation, before: Derivation, informed: Derivation) => void,
): void {
  always(rules, runs, (situation, day, before) => {
    const observed = new Set(knownEntries(situation).map((entry) => (entry.kind === 'fact' ? entry.code : '')))
    const now = must(look(ask(situation, day)))
    for (const [code, values] of Object.entries(factValues)) {
      if (observed.has(code) || now.assigned.some((version) => now.knows(code, version))) continue
      for (const value of values) {
        const informed = record(situation, { kind: 'fact', code, value, on: dateOn(situation, day) })
        check(situation, before, must(onTheDate(rules, ask(informed, day))))
      }
    }
  })
}

function haveSamePhases(a: Derivation, b: Derivation): boolean {
  return a.protocols.every(
    ({ code, phase }) => b.protocols.find((other) => other.code === code)?.phase?.code === phase?.code,
  )
}

function grantsAreKnown(rules: Rules, runs: number): void {
  alwaysInformed(rules, runs, (situation, before, informed) => {
    for (const { code, phase } of before.protocols) {
      const { document } = must(situation.versions.find((version) => version.document.code === code))
      const indexOf = (found: typeof phase) => document.phases.findIndex((one) => one.code === found?.code)
      const now = informed.protocols.find((protocol) => protocol.code === code)
      assert(indexOf(now?.phase ?? null) >= indexOf(phase))
    }
    if (!haveSamePhases(before, informed)) return
    const nameOf = (grant: Grant): string => (grant.kind === 'override' ? grant.entry : grant.rule)
    for (const { exercise, grantedBy } of before.permitted) {
      const now = informed.permitted.find((entry) => entry.exercise.code === exercise.code)
      assertIncludes(now?.grantedBy.map(nameOf), grantedBy.map(nameOf))
    }
  })
}

function whatMayForbidForbids(rules: Rules, runs: number): void {
  alwaysInformed(rules, runs, (_situation, before, informed) => {
    if (!haveSamePhases(before, informed)) return
    assertIncludes(permittedCodes(informed), permittedCodes(before))
    const nameOf = (limit: LimitInForce): string => `${limit.protocol}/${limit.rule}`
    assertIncludes(before.limits.map(nameOf), informed.limits.map(nameOf))
    // A goal is a sort of permission: it needs to be known.
    const goals = ({ goals, status }: Derivation) =>
      status === 'active' ? goals.map((goal) => `${goal.protocol}/${goal.rule}`) : []
    assertIncludes(goals(informed), goals(before))
  })
}

// ---- P4 ----

function orderIsNoMatter(rules: Rules, runs: number): void {
  forAll(runs, [few, fc.integer()], (situation, seed) => {
    const shuffled = {
      ...situation,
      versions: shuffle(situation.versions, seed).map((version) => shuffleVersion(version, seed)),
      entries: shuffle(situation.entries, seed),
      alsoJudge: shuffle(situation.alsoJudge, seed),
    }
    for (const day of situation.days) {
      assert.equal(bytes(rules, ask(shuffled, day)), bytes(rules, ask(situation, day)))
    }
  })
}

function shuffleVersion(version: ProtocolVersion, seed: number): ProtocolVersion {
  const { document } = version
  const shuffled: ProtocolDocument = {
    ...document,
    exercises: shuffle(document.exercises, seed),
    milestones: shuffle(document.milestones, seed),
    facts: shuffle(document.facts, seed),
    prescriptions: shuffle(document.prescriptions, seed),
    contraindications: shuffle(document.contraindications, seed).map((rule) => ({
      ...rule,
      target: shuffle(rule.target, seed),
      ...(rule.except === undefined ? {} : { except: shuffle(rule.except, seed) }),
    })),
    instructions: shuffle(document.instructions, seed),
    limits: shuffle(document.limits, seed),
    redFlags: shuffle(document.redFlags, seed),
  }
  return { ...version, document: shuffled }
}

/** A permutation that the seed decides. */
function shuffle<T>(items: readonly T[], seed: number): T[] {
  const rest = [...items]
  const shuffled: T[] = []
  let state = Math.abs(seed) % 2_147_483_647
  while (rest.length > 0) {
    state = (state * 48_271 + 11) % 2_147_483_647
    shuffled.push(...rest.splice(state % rest.length, 1))
  }
  return shuffled
}

// ---- P5 ----

const isDate = /^\d{4}-\d{2}-\d{2}$/

/** What is left of an answer without its dates, its counts of days and the ways forward. */
function undated({ daysSinceSurgery: _, nextChange: __, ...rest }: Derivation): string {
  return JSON.stringify(rest, (key, value) => {
    if (key === 'wayForward') return null
    return typeof value === 'string' && isDate.test(value) ? null : value
  })
}

function nextChangeIsNext(rules: Rules, runs: number): void {
  forAll(runs / 4, [few], (situation) => {
    for (const day of situation.days) {
      const derived = rules.derive(ask(situation, day))
      if (derived === null) continue
      const { nextChange } = derived
      if (nextChange !== null) assert(nextChange > derived.on)
      const now = undated(derived)
      const on = (date: CalendarDate) => undated(must(onTheDate(rules, { ...ask(situation, day), on: date })))
      // Whatever happens is over, with everything that is counted from it, after this many days.
      const days = nextChange === null ? 80 : daysBetween(derived.on, nextChange) - 1
      for (let ahead = 1; ahead <= days; ahead += 1) assert.equal(on(later(derived.on, ahead)), now)
      if (nextChange !== null) assert.notEqual(on(nextChange), now)
    }
  })
}

// ---- P6 ----

function wayForwardIsTrue(rules: Rules, runs: number): void {
  let followed = 0
  forAll(runs, [fewOrSmall, fc.constantFrom(0, 0.5, 1), fc.nat(5)], (situation, place, nth) => {
    for (const day of situation.days) {
      const on = dateOn(situation, day)
      for (const { exercise, wayForward } of rules.derive(ask(situation, day))?.withheld ?? []) {
        const { earliest } = must(wayForward)
        if (wayForward === null || earliest === null) continue
        followed += 1
        const plan = follow(situation, exercise, wayForward, place, nth)
        const isPermitted = (date: CalendarDate) =>
          permittedCodes(onTheDate(rules, { ...ask(plan, day), on: date })).includes(exercise.code)
        assert(isPermitted(earliest), `${exercise.code} is not permitted on ${earliest}`)
        for (let date = on; date < earliest; date = later(date, 1)) {
          assert(!isPermitted(date), `${exercise.code} is permitted on ${date}, before ${earliest}`)
        }
      }
    }
  })
  assert(followed > runs / 4)
}

function everyNeedIsOne(rules: Rules, runs: number): void {
  forAll(runs, [fewOrSmall, fc.nat(5)], (situation, nth) => {
    for (const day of situation.days) {
      for (const { exercise, wayForward } of rules.derive(ask(situation, day))?.withheld ?? []) {
        if (wayForward?.outcome !== 'permitted') continue
        // A permit grants by itself; what the prescriptions need besides is there so that it need only lift.
        const override = wayForward.needs.find((need) => need.kind === 'override')
        for (const need of override === undefined ? wayForward.needs : [override]) {
          if (need.kind === 'date') continue
          const without = { ...wayForward, needs: wayForward.needs.filter((other) => other !== need) }
          const plan = follow(situation, exercise, without, 0, nth)
          const permitted = permittedCodes(onTheDate(rules, { ...ask(plan, day), on: wayForward.earliest }))
          assert(!permitted.includes(exercise.code), `${exercise.code} does not need ${JSON.stringify(need)}`)
        }
      }
    }
  })
}

const happening = fc.record({
  after: fc.nat(30),
  what: fc.oneof(
    fc.constantFrom('discharge', 'visit', 'clearance').map((code) => ({ kind: 'milestone', code })),
    fc
      .constantFrom(...Object.entries(factValues))
      .chain(([code, values]) => fc.constantFrom(...values).map((value) => ({ kind: 'fact', code, value }))),
  ),
})

function neverIsNever(rules: Rules, runs: number): void {
  let tried = 0
  forAll(runs, [fewOrSmall, fc.array(happening, { minLength: 1, maxLength: 4 })], (situation, happened) => {
    const [day] = situation.days
    if (day === undefined) return
    const derived = rules.derive(ask(situation, day))
    const never = (derived?.withheld ?? []).filter(({ wayForward }) => wayForward?.outcome === 'never')
    if (derived === null || never.length === 0) return
    tried += 1
    const now = must(look(ask(situation, day)))
    const isSettled = (code: string) =>
      now.assigned.some(
        (version) =>
          now.knows(code, version) &&
          version.document.facts.some((fact) => fact.code === code && (fact.fixed || fact.operation)),
      )
    const additions = [
      ...happened
        .filter(({ what }) => what.kind === 'milestone' || !isSettled(what.code))
        .map(({ what, after }) => {
          const grantedBy = what.kind === 'milestone' ? { grantedBy: 'surgeon' } : {}
          const on = dateOn(situation, day + after)
          // A milestone that is not pre-operative is not recorded before the surgery.
          const isEarly = what.kind === 'milestone' && on < derived.surgery.surgeryDate
          return { ...what, ...grantedBy, on: isEarly ? derived.surgery.surgeryDate : on }
        }),
      ...knownEntries(situation)
        .filter((entry) => entry.kind === 'symptom')
        .map(({ id }) => ({ kind: 'resolution', symptom: id, on: dateOn(situation, day) })),
    ]
    const after = additions.reduce<Situation>(
      (grown, addition, index) => record(grown, { id: `more ${index}`, ...addition }),
      situation,
    )
    for (const ahead of [0, 1, 3, 7, 8, 14, 21, 28, 30, 31, 37, 44, 58]) {
      const permitted = permittedCodes(onTheDate(rules, ask(after, day + ahead)))
      for (const { exercise } of never) {
        assert(!permitted.includes(exercise.code), `${exercise.code} is permitted ${ahead} days later`)
      }
    }
  })
  assert(tried > runs / 8)
}

// ---- P7 ----

function sameBytes(rules: Rules, runs: number): void {
  always(rules, runs, (situation, day) => {
    const asked = ask(situation, day)
    const before = JSON.stringify(asked)
    const first = bytes(rules, asked)
    assert.equal(bytes(rules, asked), first)
    assert.equal(bytes(rules, JSON.parse(before)), first)
    assert.equal(JSON.stringify(asked), before)
  })
}

function pastStays(rules: Rules, runs: number): void {
  forAll(runs, [few, sketches], (situation, drawn) => {
    const more = { ...situation, entries: number(drawn, situation.surgeryDate, situation.entries) }
    const last = momentOf(situation.entries.length)
    for (const day of situation.days) {
      for (const knownAt of [situation.knownAt, last]) {
        assert.equal(bytes(rules, { ...ask(more, day), knownAt }), bytes(rules, { ...ask(situation, day), knownAt }))
      }
    }
  })
}

// ---- P8 ----

function agreesWithOracle({ derive }: Rules, runs: number): void {
  forAll(runs / 4, [situations(12)], (situation) => {
    assert.equal(findDifference(situation, derive, { tries: 0, note: () => {} }), null)
  })
}

function agreesWithSearch({ derive }: Rules, runs: number): void {
  forAll(runs / 8, [smallSituations(1)], (situation) => {
    assert.equal(findDifference(situation, derive, { tries: 2000, note: () => {} }), null)
  })
}

// ---- Answers ----

function hasAnswer(rules: Rules, runs: number): void {
  forAll(runs, [few, fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 5 })], (situation, days) => {
    for (const day of days) rules.derive(ask(situation, day))
  })
}

function judgesEach(rules: Rules, runs: number): void {
  always(rules, runs, (situation, day, { permitted, withheld, protocols }) => {
    const expected = new Set(situation.alsoJudge.map((exercise) => exercise.code))
    for (const entry of knownEntries(situation)) {
      if (entry.kind === 'override' && entry.from <= dateOn(situation, day)) expected.add(entry.exercise)
    }
    for (const { document } of situation.versions) {
      if (!protocols.some((protocol) => protocol.code === document.code)) continue
      for (const { code, groups } of document.exercises) {
        const prescribed = document.prescriptions.some(
          (rule) => rule.exercise === code || (rule.group !== undefined && groups?.includes(rule.group)),
        )
        if (prescribed) expected.add(code)
      }
    }
    const judged = [...permitted, ...withheld].map((entry) => entry.exercise.code)
    assert.deepEqual(judged.toSorted(), [...expected].sort())
    for (const { reasons } of withheld) assert.notEqual(reasons.length, 0)
  })
}

/** Of each rule in a list its end. */
function endsOf({ avoid, instructions, limits }: Derivation): Map<string, string | null> {
  return new Map(
    Object.entries({ avoid, instructions, limits }).flatMap(([list, rules]) =>
      rules.map((rule) => [`${list} ${rule.protocol}/${rule.rule}`, rule.until] as const),
    ),
  )
}

function endsAreTrue(rules: Rules, runs: number): void {
  forAll(runs / 4, [few], (situation) => {
    const [day] = situation.days
    if (day === undefined) return
    const first = onTheDate(rules, ask(situation, day))
    if (first === null) return
    const ends = endsOf(first)
    for (let next = day + 1; next < day + 46; next += 1) {
      const derived = must(onTheDate(rules, ask(situation, next)))
      // Before the surgery a version without a phase is silent; that is another reason to be in no list.
      if (!derived.protocols.every(({ phase }) => phase !== null || derived.daysSinceSurgery >= 0)) continue
      const date = dateOn(situation, next)
      const lists = endsOf(derived)
      for (const [rule, until] of ends) {
        // While nothing is permitted there are no instructions; that is another reason to be in no list.
        if (rule.startsWith('instructions ') && derived.status !== 'active') continue
        if (until === null || date < until) assert(lists.has(rule), `${rule} is over on ${date}, before ${until}`)
        if (date === until) assert(!lists.has(rule), `${rule} is not over on ${date}`)
      }
    }
  })
}

function phasesAreSince(rules: Rules, runs: number): void {
  forAll(runs / 4, [few], (situation) => {
    const [day] = situation.days
    if (day === undefined) return
    for (const { code, phase } of onTheDate(rules, ask(situation, day))?.protocols ?? []) {
      if (phase === null) continue
      const phaseOn = (on: CalendarDate): string | undefined =>
        onTheDate(rules, { ...ask(situation, day), on })?.protocols.find((protocol) => protocol.code === code)?.phase
          ?.code
      const length = daysBetween(phase.since, dateOn(situation, day))
      assert(length >= 0)
      // Every day of a short span, and some of a long one.
      const step = Math.max(1, Math.floor(length / 30))
      for (let back = 0; back <= length; back += step) assert.equal(phaseOn(later(phase.since, back)), phase.code)
      // A phase that needs nothing to have happened has no first day; the surgery or the day asked about stands in.
      if (phaseOn(later(phase.since, -1)) === phase.code) assert.equal(phaseOn(later(phase.since, -400)), phase.code)
    }
  })
}

function supersedingIsStricter(rules: Rules, runs: number): void {
  always(rules, runs, (_situation, _day, { limits }) => {
    for (const { supersededBy, quantity, unit, max, min } of limits) {
      if (supersededBy === null) continue
      const { protocol, rule } = supersededBy
      const stricter = must(limits.find((limit) => limit.protocol === protocol && limit.rule === rule))
      assert.partialDeepStrictEqual(stricter, { quantity, unit, supersededBy: null, asInstructed: false })
      if (max !== null) assert(must(stricter.max) <= max)
      if (min !== null) assert(must(stricter.min) >= min)
    }
  })
}

function certaintyIsTrue(rules: Rules, runs: number): void {
  const truthOf = (when: ExplainedCondition | null) => when?.truth ?? 'true'
  always(rules, runs, (_situation, _day, { withheld }) => {
    for (const reason of withheld.flatMap((entry): readonly Reason[] => entry.reasons)) {
      if (reason.kind === 'contraindication') {
        assert.notEqual(truthOf(reason.when), 'false')
        assert.equal(reason.certain, truthOf(reason.when) === 'true' && reason.ungraded.length === 0)
      } else if (reason.kind === 'condition-not-met') {
        assert.notEqual(reason.when.truth, 'true')
        assert.equal(reason.certain, reason.when.truth === 'false')
      }
    }
  })
}

// ---- The timeline ----

/** What the timeline is about, of one answer. */
function stateOf({ status, protocols, permitted, avoid, instructions, limits, goals }: Derivation): string {
  const inForce = limits.filter((limit) => limit.supersededBy === null)
  const lists: (readonly { protocol: string; rule: string }[])[] = [avoid, instructions, inForce, goals]
  return JSON.stringify({
    status,
    phases: protocols.map(({ code, phase }) => [code, phase?.code]),
    permitted: permitted.map(({ exercise, dose, side, supervision, provided }) => {
      return [exercise.code, dose, side, supervision, provided]
    }),
    lists: lists.map((list) => list.map(({ protocol, rule }) => `${protocol}/${rule}`)),
  })
}

function timelineFollows(rules: Rules, runs: number): void {
  forAll(runs / 4, [few], (situation) => {
    const [day] = situation.days
    if (day === undefined) return
    const drawn = rules.timeline(ask(situation, day))
    const derivedOn = (date: CalendarDate) => onTheDate(rules, { ...ask(situation, day), on: date })
    if (derivedOn(dateOn(situation, day)) === null) {
      assert.equal(drawn, null)
      return
    }
    const { steps, on, surgery } = must(drawn)
    const dates = steps.map(({ date }) => date)
    assert.deepEqual(dates, dates.toSorted())
    const first = dates[0] ?? on
    for (let date = later(first, -10); date <= later(on, 80); date = later(date, 1)) {
      const step = steps.find((one) => one.date === date)
      const now = must(derivedOn(date))
      const isChanged = stateOf(now) !== stateOf(must(derivedOn(later(date, -1))))
      // The day of the surgery is a step of its own, whether or not it changes anything.
      if (date !== surgery.surgeryDate) assert.equal(step !== undefined, isChanged, `a step on ${date}`)
      if (step !== undefined) checkStep(step, now, on)
    }
  })
}

function checkStep(step: TimelineStep, derived: Derivation, on: string): void {
  assert.partialDeepStrictEqual(step, {
    status: derived.status,
    daysSinceSurgery: derived.daysSinceSurgery,
    permitted: permittedCodes(derived),
    past: step.date <= on,
  })
}

/** The changes of the steps, one after the other, lead from nothing to what is so on the last day. */
function changesAddUp(rules: Rules, runs: number): void {
  forAll(runs / 4, [few], (situation) => {
    const [day] = situation.days
    if (day === undefined) return
    const drawn = rules.timeline(ask(situation, day))
    const [first] = drawn?.steps ?? []
    if (drawn === null || first === undefined) return
    const derivedOn = (date: CalendarDate) => must(onTheDate(rules, { ...ask(situation, day), on: date }))
    const before = derivedOn(later(first.date, -1))
    let { status } = before
    const phases = new Map(before.protocols.map(({ code, phase }) => [code, phase?.code ?? null]))
    const permitted = new Set(permittedCodes(before))
    const rulesInForce = new Set(namesInForce(before))
    for (const { date, changes } of drawn.steps) {
      for (const change of changes) {
        switch (change.kind) {
          case 'status':
            status = change.to
            break
          case 'phase':
            phases.set(change.protocol, change.to?.code ?? null)
            break
          case 'permitted':
            permitted.add(change.exercise.code)
            break
          case 'withheld':
            permitted.delete(change.exercise.code)
            break
          case 'changed':
            assert(permitted.has(change.exercise.code))
            break
          case 'begins':
            rulesInForce.add(`${change.list} ${change.protocol}/${change.rule}`)
            break
          case 'ends':
            rulesInForce.delete(`${change.list} ${change.protocol}/${change.rule}`)
        }
      }
      const now = derivedOn(date)
      assert.equal(status, now.status)
      assert.deepEqual(
        [...phases],
        now.protocols.map(({ code, phase }) => [code, phase?.code ?? null]),
      )
      assert.deepEqual([...permitted].sort(), permittedCodes(now).sort())
      assert.deepEqual([...rulesInForce].sort(), namesInForce(now))
    }
  })
}

function namesInForce({ avoid, instructions, limits, goals }: Derivation): string[] {
  const lists = { avoid, instructions, limits: limits.filter((limit) => limit.supersededBy === null), goals }
  return Object.entries(lists)
    .flatMap(([list, rules]) => rules.map(({ protocol, rule }) => `${list} ${protocol}/${rule}`))
    .sort()
}

export const properties: readonly Property[] = [
  { of: 'P1', name: 'every permitted exercise names its grants, and those are in force', check: grantsAreInForce },
  {
    of: 'P1',
    name: 'no permitted exercise is the target of an absolute contraindication in force or of a withholding',
    check: noForbidStands,
  },
  { of: 'P2', name: 'a contraindication more never permits more', check: contraindicationAdds },
  { of: 'P2', name: 'a hold never permits more', check: holdAdds },
  { of: 'P2', name: 'a red flag never permits more', check: redFlagAdds },
  {
    of: 'P2',
    name: 'a withholding never permits more, also after it is over and whatever it knows of the exercise',
    check: withholdingAdds,
  },
  {
    of: 'P3',
    name: 'no phase and no grant rests on an unknown: whatever becomes known of it, they stay',
    check: grantsAreKnown,
  },
  {
    of: 'P3',
    name: 'in the same phase, what some value of an unknown fact would forbid or limit is forbidden or limited',
    check: whatMayForbidForbids,
  },
  { of: 'P4', name: 'the order of rules, exercises and entries does not matter', check: orderIsNoMatter },
  {
    of: 'P5',
    name: 'the answer, its dates aside, is the same up to the next change, and another one on it',
    check: nextChangeIsNext,
  },
  {
    of: 'P6',
    name: 'whoever follows the way forward is permitted the exercise on its date, and on no day before it',
    check: wayForwardIsTrue,
  },
  { of: 'P6', name: 'every need is one: without it the exercise is not permitted on the date', check: everyNeedIsOne },
  { of: 'P6', name: 'what is never permitted is not, whatever is observed, reached and resolved', check: neverIsNever },
  { of: 'P7', name: 'the same question gives the same bytes and changes nothing of what it reads', check: sameBytes },
  { of: 'P7', name: 'what is recorded later never changes an answer at an earlier moment', check: pastStays },
  { of: 'P8', name: 'the oracle agrees', check: agreesWithOracle },
  { of: 'P8', name: 'a search of everything that could be recorded agrees', check: agreesWithSearch },
  { of: 'answers', name: 'every well-formed question has one, on any date', check: hasAnswer },
  {
    of: 'answers',
    name: 'what is prescribed, overridden or asked about is judged, each once, and with a reason',
    check: judgesEach,
  },
  { of: 'dates', name: 'a rule is in force on every day before its end and not on its end', check: endsAreTrue },
  {
    of: 'dates',
    name: 'a phase has been the current one on every day since its first, and not the day before',
    check: phasesAreSince,
  },
  {
    of: 'limits',
    name: 'a superseded limit names one that is in force and at least as strict',
    check: supersedingIsStricter,
  },
  { of: 'reasons', name: 'a reason that is given as certain is true or false, not unknown', check: certaintyIsTrue },
  {
    of: 'timeline',
    name: 'it has a step on each day on which the answer is another one than the day before, and on no other',
    check: timelineFollows,
  },
  { of: 'timeline', name: 'its changes lead from each step to the next', check: changesAddUp },
]
