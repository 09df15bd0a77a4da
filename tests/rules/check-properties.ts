/** What must always hold of the checker, as checks of whichever copy of the rules is asked. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {
  Check,
  Condition,
  Contraindication,
  DaySpan,
  Finding,
  Limit,
  ProtocolDocument,
  Target,
} from '../../src/rules/types.ts'
import type { Derive } from './agreement.ts'
import {
  askAbout,
  type Case,
  chooseCase,
  followLimits,
  isMatched,
  judge,
  listCases,
  toWitness,
  tryAll,
} from './check-cases.ts'
import { confirm, confirmOpportunity } from './check-witness.ts'
import { situations, smallSituations } from './situations.ts'

export interface CheckRules {
  derive: Derive
  check: (document: ProtocolDocument) => Check
}

export interface CheckProperty {
  name: string
  /** Notes what it has met. */
  check: (rules: CheckRules, runs: number, note: (what: string) => void) => void
}

// ---- Documents ----

const ofSituation = ({ versions }: { versions: readonly { document: ProtocolDocument }[] }) => {
  const [version] = versions
  if (version === undefined) throw new Error('every situation has a version')
  return version.document
}

const large = situations(1).map(ofSituation)

/** A milestone that may precede the surgery, and a fact that the operation tells, now and then. */
const small = fc
  .record({ situation: smallSituations(1), isBefore: fc.boolean(), isTold: fc.boolean() })
  .map(({ situation, isBefore, isTold }): ProtocolDocument => {
    const document = ofSituation(situation)
    return {
      ...document,
      milestones: document.milestones.map((one) =>
        isBefore && one.code === 'visit' ? { ...one, preOperative: true } : one,
      ),
      facts: document.facts.map((fact) =>
        isTold && fact.code === 'smoker' ? { ...fact, operation: { procedure: 'revision' } } : fact,
      ),
    }
  })

const bound = fc.constantFrom(0, 1, 2, 3, 5)
const daysTest: fc.Arbitrary<Condition> = fc
  .record({ one: bound, other: bound, shape: fc.nat(3), since: fc.constantFrom(undefined, 'visit', 'check-up') })
  .map(({ one, other, shape, since }) => {
    const atLeast = Math.min(one, other)
    const before = Math.max(one, other, atLeast + 1)
    const bounds = shape === 1 ? { before } : shape === 2 ? { atLeast } : { atLeast, before }
    return { days: { ...(since === undefined ? {} : { since }), ...bounds } }
  })
const window: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 6, arbitrary: daysTest },
  { weight: 1, arbitrary: fc.tuple(daysTest, daysTest).map((all) => ({ all })) },
  { weight: 1, arbitrary: fc.tuple(daysTest, daysTest).map((any) => ({ any })) },
  {
    weight: 2,
    arbitrary: fc.tuple(daysTest, fc.boolean()).map(([days, is]) => ({ all: [days, { fact: 'revision', is }] })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Condition>(
      { milestone: 'visit' },
      { not: { milestone: 'check-up' } },
      { phase: { from: 'second' } },
      { fact: 'pain', atLeast: 3 },
    ),
  },
)
const aLimit: fc.Arbitrary<Omit<Limit, 'code'>> = fc
  .record({ end: fc.constantFrom('max', 'min'), value: fc.constantFrom(1, 2, 3), when: window })
  .map(({ end, value, when }) => ({ quantity: 'load', [end]: value, when }))

const aContraindication: fc.Arbitrary<Omit<Contraindication, 'code' | 'title'>> = fc.record({
  strength: fc.constantFrom('caution', 'relative', 'absolute'),
  target: fc.array(
    fc.constantFrom<Target>(
      { exercise: 'walking' },
      { attributes: { impact: 1 } },
      { attributes: { impact: 2 } },
      { attributes: { impact: 1, lifting: 1 } },
    ),
    { minLength: 1, maxLength: 2 },
  ),
  when: window,
})

function documentWith(parts: Partial<ProtocolDocument>): ProtocolDocument {
  return {
    format: 1,
    code: 'windows',
    title: 'windows',
    procedures: ['repair'],
    exercises: [],
    sources: [],
    milestones: ['visit', 'check-up'].map((code) => ({ code, title: code })),
    facts: [
      { code: 'pain', title: 'pain', type: 'number', min: 0, max: 10, ask: '?' },
      { code: 'revision', title: 'revision', type: 'boolean', ask: '?', operation: { procedure: 'revision' } },
    ],
    phases: [
      { code: 'first', title: 'first', entry: { days: { atLeast: 0 } } },
      { code: 'second', title: 'second', entry: { days: { since: 'visit', atLeast: 2 } } },
    ],
    prescriptions: [],
    contraindications: [],
    instructions: [],
    limits: [],
    redFlags: [],
    ...parts,
  }
}

/** Several limits on one quantity, so that they often meet. */
const withLimits = fc
  .array(aLimit, { minLength: 2, maxLength: 3 })
  .map((limits) => documentWith({ limits: limits.map((limit, index) => ({ code: `limit-${index}`, ...limit })) }))

/** Several contraindications of the same exercises. */
const withContraindications = fc.array(aContraindication, { minLength: 2, maxLength: 3 }).map((rules) =>
  documentWith({
    exercises: [
      { code: 'walking', title: 'walking', kind: 'exercise', attributes: { impact: 2 } },
      { code: 'rowing', title: 'rowing', kind: 'exercise', attributes: { impact: 1, lifting: 1 } },
    ],
    prescriptions: ['walking', 'rowing'].map((exercise) => {
      return { code: exercise, exercise, from: 'first', through: 'second', supervision: 'supervised', side: 'both' }
    }),
    contraindications: rules.map((rule, index) => ({ code: `rule-${index}`, title: `rule-${index}`, ...rule })),
  }),
)

const mostCases = 3_000
const mostCourses = 20_000

function forAll<T extends [unknown, ...unknown[]]>(
  runs: number,
  drawn: { [index in keyof T]: fc.Arbitrary<T[index]> },
  check: (...values: T) => void,
): void {
  fc.assert(fc.property<T>(...drawn, check), { numRuns: Math.ceil(runs), endOnFailure: true })
}

/** Documents of which all cases can be tried. */
function forAllCases(runs: number, check: (document: ProtocolDocument, cases: readonly Case[]) => void): void {
  forAll(runs, [fc.oneof({ weight: 3, arbitrary: small }, withContraindications, withLimits)], (document) => {
    const cases = listCases(document, mostCases)
    fc.pre(cases !== null)
    if (cases !== null) check(document, cases)
  })
}

// ---- The properties ----

function witnessesShow({ check, derive }: CheckRules, runs: number, note: (what: string) => void): void {
  const drawn = fc.oneof(
    { weight: 3, arbitrary: small },
    { weight: 1, arbitrary: large },
    withLimits,
    withContraindications,
  )
  forAll(runs, [drawn], (document) => {
    for (const finding of check(document).findings) {
      note(finding.witness === null ? `${finding.code} without a witness` : finding.code)
      assert.equal(confirm(document, finding, derive), null, finding.name)
    }
  })
}

function opportunitiesPermit({ check, derive }: CheckRules, runs: number, note: (what: string) => void): void {
  forAll(runs, [fc.oneof(small, large)], (document) => {
    for (const opportunity of check(document).opportunities) {
      if (!opportunity.decided) {
        note('undecided')
        continue
      }
      for (const { milestones, facts, lifts } of opportunity.when) {
        note('opportunity')
        if (milestones.length > 1) note('opportunity after two milestones')
        if (facts.length > 0) note('opportunity after an observation')
        if (lifts.length > 0) note('opportunity with an override')
      }
      assert.equal(confirmOpportunity(document, opportunity, derive), null, opportunity.exercise.code)
    }
  })
}

/** What was looked for in every case. */
const tried: ReadonlySet<string> = new Set<Finding['code']>([
  'unreachable-phase',
  'empty-phase',
  'gap',
  'grant-never-effective',
  'granted-but-contraindicated',
  'rule-never-applies',
])

function isTried({ code, name }: Finding): boolean {
  return (
    tried.has(code) ||
    (code === 'shadowed-rule' && name.includes('/dosage-')) ||
    (code === 'contradictory-bounds' && name.startsWith('contradictory-bounds:limits/') && !name.includes('/when/'))
  )
}

function findsWhatTryingFinds({ check }: CheckRules, runs: number, note: (what: string) => void): void {
  forAllCases(runs, (document, cases) => {
    const { findings } = tryAll(document, cases)
    const found = new Map(
      check(document)
        .findings.filter(isTried)
        .map(({ name, days }) => [name, days] as const),
    )
    for (const name of findings.keys()) note(name.split(':')[0] ?? '')
    assert.deepEqual(inOrder(found), inOrder(findings))
  })
}

function inOrder(map: ReadonlyMap<string, unknown>): [string, unknown][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

function joined(spans: readonly DaySpan[]): DaySpan[] {
  const all: DaySpan[] = []
  for (const span of spans) {
    const last = all.at(-1)
    if (last !== undefined && last.before === span.from) last.before = span.before
    else all.push({ ...span })
  }
  return all
}

function opportunitiesAreAll({ check }: CheckRules, runs: number, note: (what: string) => void): void {
  forAllCases(runs, (document, cases) => {
    const { opportunities, records } = tryAll(document, cases)
    // What the operation tells is no record.
    const isTold = document.facts.some(({ operation }) => typeof operation === 'object')
    const found = check(document).opportunities
    assert.deepEqual(
      found.map(({ exercise }) => exercise.code),
      [...opportunities.keys()].sort(),
    )
    for (const { exercise, when } of found) {
      const free = joined(when.filter(({ lifts }) => lifts.length === 0).map(({ days }) => days))
      note(when.length === 0 ? 'never' : free.length === 0 ? 'only with an override' : 'opportunity')
      const lifted = joined(when.map(({ days }) => days))
      assert.deepEqual({ free, lifted }, opportunities.get(exercise.code), exercise.code)
      for (const [day, fewest] of isTold ? [] : (records.get(exercise.code) ?? [])) {
        const row = when.find(({ days }) => (days.from ?? day) <= day && day < (days.before ?? day + 1))
        assert.equal((row?.milestones.length ?? 0) + (row?.facts.length ?? 0), fewest, `records on day ${day}`)
      }
    }
  })
}

function limitsRelaxBackwards({ check }: CheckRules, runs: number, note: (what: string) => void): void {
  forAll(runs, [withLimits], (document) => {
    const followed = followLimits(document, mostCourses)
    fc.pre(followed !== null)
    const found = check(document).findings.filter(({ code }) => code === 'limit-relaxes-backwards')
    for (const name of found) note(name.code)
    assert.deepEqual(found.map(({ name }) => name).sort(), followed)
  })
}

const rank = { caution: 0, relative: 1, absolute: 2 } as const

/** Without the rules that are found to make no difference, the same is withheld and the same limits are in force. */
function shadowedRulesAreNeedless({ check }: CheckRules, runs: number, note: (what: string) => void): void {
  forAllCases(runs, (document, cases) => {
    const names = new Set(check(document).findings.flatMap(({ code, name }) => (code === 'shadowed-rule' ? name : [])))
    const isShadowed = (list: string, code: string): boolean => names.has(`shadowed-rule:${list}/${code}`)
    const strongest = (one: Case, isLeftOut: (code: string) => boolean): number[] => {
      const { truthOf } = judge(document, one)
      return document.exercises.map((exercise) =>
        Math.max(
          -1,
          ...document.contraindications
            .filter((rule) => !isLeftOut(rule.code) && isMatched(rule, exercise) && truthOf(rule.when) !== false)
            .map(({ strength }) => rank[strength]),
        ),
      )
    }
    const strictest = (one: Case, isLeftOut: (code: string) => boolean): string[] => {
      const { truthOf } = judge(document, one)
      const caps = document.limits.filter(
        (limit) => limit.kind !== 'goal' && !isLeftOut(limit.code) && truthOf(limit.when) !== false,
      )
      return [...Map.groupBy(caps, ({ quantity, unit }) => `${quantity} ${unit}`)]
        .map(([key, alike]) => {
          const max = Math.min(...alike.map((limit) => limit.max ?? Number.POSITIVE_INFINITY))
          const min = Math.max(...alike.map((limit) => limit.min ?? Number.NEGATIVE_INFINITY))
          return `${key} ${max} ${min}`
        })
        .sort()
    }
    for (const name of names) note(`shadowed ${name.split(/[:/]/)[1]}`)
    if (names.size === 0) return
    for (const one of cases) {
      // Before the surgery a version without a phase says nothing.
      if (one.day < 0 && judge(document, one).phase === -1) continue
      const rules = [() => false, (code: string) => isShadowed('contraindications', code)] as const
      assert.deepEqual(strongest(one, rules[1]), strongest(one, rules[0]))
      const limits = [() => false, (code: string) => isShadowed('limits', code)] as const
      assert.deepEqual(strictest(one, limits[1]), strictest(one, limits[0]))
    }
  })
}

/** What is tried is what `derive` says. */
function tryingIsDeriving({ derive }: CheckRules, runs: number): void {
  forAll(runs, [small, fc.nat()], (document, seed) => {
    const cases = listCases(document, mostCases)
    fc.pre(cases !== null)
    for (const offset of [0, 1, 2]) {
      const one = cases?.[(seed + offset * 997) % cases.length]
      if (one === undefined) continue
      const { phase, truthOf } = judge(document, one)
      const answer = derive({ ...askAbout(document, toWitness(one)), ahead: false })
      assert.equal(answer?.protocols[0]?.phase?.code ?? null, document.phases[phase]?.code ?? null)
      const order = document.phases.map(({ code }) => code)
      const inForce = document.contraindications.filter(({ when }) => truthOf(when) !== false)
      const permitted = document.exercises.filter(
        (exercise) =>
          document.prescriptions.some(
            (rule) =>
              (rule.exercise === exercise.code || exercise.groups?.includes(rule.group ?? '')) &&
              order.indexOf(rule.from) <= phase &&
              phase <= order.indexOf(rule.through ?? rule.from) &&
              truthOf(rule.when) === true,
          ) && !inForce.some((rule) => rule.strength !== 'caution' && isMatched(rule, exercise)),
      )
      assert.deepEqual(
        answer?.permitted.map(({ exercise }) => exercise.code),
        permitted.map(({ code }) => code).sort(),
      )
      if (one.day >= 0 || phase !== -1) {
        assert.deepEqual(
          answer?.avoid.map(({ rule }) => rule),
          inForce.map(({ code }) => code).sort(),
        )
      }
    }
  })
}

function reversed(document: ProtocolDocument): ProtocolDocument {
  return {
    ...document,
    exercises: document.exercises.toReversed(),
    milestones: document.milestones.toReversed(),
    facts: document.facts.toReversed(),
    prescriptions: document.prescriptions.toReversed(),
    contraindications: document.contraindications.toReversed(),
    instructions: document.instructions.toReversed(),
    limits: document.limits.toReversed(),
  }
}

/** Conditions are called by their place. */
function isNamedByPlace({ name }: Finding): boolean {
  return name.includes('/when')
}

function orderIsNoMatter({ check }: CheckRules, runs: number): void {
  const said = (document: ProtocolDocument) => {
    const { findings, opportunities } = check(document)
    return {
      findings: findings.filter((finding) => !isNamedByPlace(finding)).map(({ name, days }) => ({ name, days })),
      opportunities: opportunities.map(({ exercise, when }) => ({
        exercise,
        when: joined(when.map(({ days }) => days)),
      })),
    }
  }
  forAll(runs, [small], (document) => {
    assert.deepEqual(said(reversed(document)), said(document))
  })
}

/** Whatever the record, the answer is one that the check has foreseen. */
function answersAreForeseen({ check, derive }: CheckRules, runs: number, note: (what: string) => void): void {
  const choices = fc.array(fc.nat(), { minLength: 5, maxLength: 9 })
  forAll(runs, [large, fc.array(choices, { minLength: 20, maxLength: 20 })], (document, draws) => {
    const { findings, opportunities } = check(document)
    fc.pre(opportunities.every(({ decided }) => decided))
    const named = (code: Finding['code'], list = ''): Set<string> =>
      new Set(findings.flatMap(({ code: one, name }) => (one === code ? name.slice(`${code}:${list}`.length) : [])))
    const unreachable = named('unreachable-phase')
    const idle = named('grant-never-effective')
    const never = new Set(
      ['contraindications', 'instructions', 'limits'].flatMap((list) =>
        [...named('rule-never-applies', `${list}/`)].map((rule) => `${list}/${rule}`),
      ),
    )
    for (const drawn of draws) {
      const one = chooseCase(document, drawn)
      const answer = one === null ? null : derive({ ...askAbout(document, toWitness(one)), ahead: false })
      if (one === null || answer === null) continue
      note('case')
      assert(!unreachable.has(answer.protocols[0]?.phase?.code ?? ''))
      for (const { exercise, grantedBy } of answer.permitted) {
        note('permitted')
        const foreseen = opportunities.find((found) => found.exercise.code === exercise.code)
        const spans = foreseen?.when.filter(({ lifts }) => lifts.length === 0) ?? []
        assert(
          spans.some(({ days: { from, before } }) => (from ?? one.day) <= one.day && one.day < (before ?? one.day + 1)),
          `${exercise.code} on day ${one.day}`,
        )
        assert(!grantedBy.some((grant) => grant.kind === 'prescription' && idle.has(grant.rule)))
      }
      const listed = [
        ...answer.instructions.map(({ rule }) => `instructions/${rule}`),
        ...[...answer.limits, ...answer.goals].map(({ rule }) => `limits/${rule}`),
      ]
      assert(!listed.some((rule) => never.has(rule)))
    }
  })
}

export const checkProperties: readonly CheckProperty[] = [
  { name: 'what is tried is what derive says', check: tryingIsDeriving },
  { name: 'derive says of every witness what its finding says', check: witnessesShow },
  {
    name: 'whoever does what an opportunity takes is permitted the exercise on its first and last day',
    check: opportunitiesPermit,
  },
  { name: 'the findings, and their days, are those that trying every case finds', check: findsWhatTryingFinds },
  {
    name: 'the days of the opportunities are those on which some case permits the exercise, and nothing less would do',
    check: opportunitiesAreAll,
  },
  { name: 'whatever the record, the answer is one that the check has foreseen', check: answersAreForeseen },
  {
    name: 'limits that become stricter by time alone are those that following every course of events finds',
    check: limitsRelaxBackwards,
  },
  { name: 'without the shadowed rules as much is withheld and limited', check: shadowedRulesAreNeedless },
  { name: 'the order of rules and declarations does not matter', check: orderIsNoMatter },
]
