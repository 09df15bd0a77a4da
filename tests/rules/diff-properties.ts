/** What must always hold of the differences between versions, as checks of whichever copy of the rules is asked. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { CalendarDate, Condition, Diff, ProtocolDocument, RecordEntry } from '../../src/rules/index.ts'
import type { Derive } from './agreement.ts'
import { chooseCase, conditionsIn, dateOn, leavesIn, surgeryDate, toWitness } from './check-cases.ts'
import {
  compareAnswers,
  compareDeclared,
  confirmDifference,
  foretold,
  namesOf,
  say,
  toEntries,
} from './diff-meaning.ts'
import { type Situation, situations, smallSituations } from './situations.ts'

export interface DiffRules {
  derive: Derive
  diff: (before: ProtocolDocument, after: ProtocolDocument, most?: number) => Diff
}

export interface DiffProperty {
  name: string
  /** Notes what it has met. */
  check: (rules: DiffRules, runs: number, note: (what: string) => void) => void
}

type Told = NonNullable<ProtocolDocument['facts'][number]['operation']>

type Pair = readonly [ProtocolDocument, ProtocolDocument]

/** One change of a document, with parts of another one. */
type Edit = (document: ProtocolDocument, donor: ProtocolDocument, place: number) => ProtocolDocument

function at<T>(items: readonly T[], place: number): number {
  return items.length === 0 ? 0 : place % items.length
}

/** A list with one item replaced, left out or put in. */
function exchange<K extends 'prescriptions' | 'contraindications' | 'instructions' | 'limits' | 'redFlags'>(
  list: K,
): Edit {
  return (document, donor, place) => {
    type Rule = ProtocolDocument[K][number]
    const own = document[list] as readonly Rule[]
    const others = donor[list] as readonly Rule[]
    const other = others[at(others, place >> 2)]
    const index = at(own, place >> 4)
    if (other === undefined || place % 4 === 0) return { ...document, [list]: own.toSpliced(index, 1) }
    const renamed = { ...other, code: place % 4 === 1 ? `new-${place}` : (own[index]?.code ?? other.code) }
    return { ...document, [list]: place % 4 === 1 ? [...own, renamed] : own.toSpliced(index, 1, renamed) }
  }
}

function mapConditions(document: ProtocolDocument, map: (condition: Condition) => Condition): ProtocolDocument {
  const mapped = <T extends { when?: Condition }>(rules: readonly T[]): T[] =>
    rules.map((rule) => (rule.when === undefined ? rule : { ...rule, when: map(rule.when) }))
  return {
    ...document,
    phases: document.phases.map((phase) => ({ ...phase, entry: map(phase.entry) })),
    prescriptions: mapped(document.prescriptions).map(({ dosage, ...rule }) =>
      dosage === undefined ? rule : { ...rule, dosage: mapped(dosage) },
    ),
    contraindications: mapped(document.contraindications),
    instructions: mapped(document.instructions),
    limits: mapped(document.limits),
  }
}

type Fact = ProtocolDocument['facts'][number]

function askedOf(document: ProtocolDocument): Fact[] {
  const asked = new Set(
    conditionsIn(document)
      .flatMap(leavesIn)
      .flatMap((leaf) => ('fact' in leaf ? [leaf.fact] : [])),
  )
  return document.facts.filter(({ code }) => asked.has(code))
}

/** What is undefined is left out. */
function changeFact(
  document: ProtocolDocument,
  code: string | undefined,
  changed: Partial<Record<keyof Fact, unknown>>,
) {
  const facts = document.facts.map((fact) => (fact.code === code ? JSON.parse(say({ ...fact, ...changed })) : fact))
  return { ...document, facts }
}

const edits: Record<string, Edit> = {
  prescription: exchange('prescriptions'),
  contraindication: exchange('contraindications'),
  instruction: exchange('instructions'),
  limit: exchange('limits'),
  'red flag': (document, _donor, place) => ({
    ...document,
    redFlags: place % 2 === 0 ? [] : document.redFlags.map((flag) => ({ ...flag, response: 'emergency' })),
  }),
  entry: (document, donor, place) => {
    const index = at(document.phases, place)
    const entry = donor.phases[index]?.entry
    return {
      ...document,
      phases: document.phases.map((phase, own) => (own === index && entry !== undefined ? { ...phase, entry } : phase)),
    }
  },
  'phase left out': (document, _donor, place) => ({
    ...document,
    phases: document.phases.map((phase, index) => (index === place % 3 ? { ...phase, goals: ['walk'] } : phase)),
  }),
  detail: (document, _donor, place) => {
    const index = at(document.prescriptions, place >> 3)
    const changes = [
      { side: 'operative' },
      { side: 'left' },
      { side: 'non-operative' },
      { supervision: 'independent' },
      { supervision: 'supervised' },
      { provided: 'with a helper' },
      { dosage: [{ reps: 3 }] },
      {
        dosage: [
          { reps: 7, note: 'gently' },
          { reps: 5, when: { milestone: 'visit' } },
        ],
      },
    ] as const
    return {
      ...document,
      prescriptions: document.prescriptions.map((rule, own) =>
        own === index ? ({ ...rule, ...changes[place % changes.length] } as typeof rule) : rule,
      ),
    }
  },
  strength: (document, _donor, place) => ({
    ...document,
    contraindications: document.contraindications.map((rule, index) =>
      index === at(document.contraindications, place)
        ? { ...rule, strength: (['absolute', 'relative', 'caution'] as const)[place % 3] ?? 'absolute' }
        : rule,
    ),
  }),
  exercise: (document, donor, place) => {
    const index = at(document.exercises, place)
    const code = document.exercises[index]?.code
    const other = donor.exercises.find((exercise) => exercise.code === code)
    return other === undefined ? document : { ...document, exercises: document.exercises.toSpliced(index, 1, other) }
  },
  roles: (document, _donor, place) => {
    const roles = [['surgeon'], ['doctor'], ['nurse'], ['surgeon', 'nurse'], undefined][place % 5]
    return {
      ...document,
      milestones: document.milestones.map(({ grantedBy, ...one }) => {
        const own = one.code === 'clearance' ? roles : grantedBy
        return own === undefined ? one : { ...one, grantedBy: own }
      }),
    }
  },
  'before the surgery': (document) => ({
    ...document,
    milestones: document.milestones.map((one) => (one.code === 'visit' ? { ...one, preOperative: true } : one)),
  }),
  'told by the operation': (document, _donor, place) => {
    const asked = askedOf(document)
    const { type, operation } = asked[at(asked, place >> 2)] ?? {}
    const others: Record<string, readonly Told[]> = {
      number: ['levels'],
      choice: ['side'],
      boolean: [{ procedure: 'revision' }, { procedure: 'repair' }],
    }
    const [next] = [undefined, ...(others[type ?? ''] ?? [])]
      .filter((told) => say(told) !== say(operation))
      .slice(place % 2)
    return changeFact(document, asked[at(asked, place >> 2)]?.code, { operation: next })
  },
  'read as': (document, _donor, place) => {
    const asked = askedOf(document)
    const fact = asked[at(asked, place >> 1)]
    // Of other types the tests would not fit any more, and a document that has such is refused.
    const isText = fact?.type === 'choice' && place % 2 === 1
    return changeFact(document, fact?.code, isText ? { type: 'text', values: undefined } : { unit: 'kg' })
  },
  range: (document, _donor, place) => ({
    ...document,
    facts: document.facts.map((fact) => (fact.code === 'pain' ? { ...fact, max: 3 + (place % 3) } : fact)),
  }),
  threshold: (document, _donor, place) =>
    mapConditions(document, function shift(condition): Condition {
      if ('all' in condition) return { all: condition.all.map(shift) }
      if ('any' in condition) return { any: condition.any.map(shift) }
      if ('not' in condition) return { not: shift(condition.not) }
      if (!('days' in condition) || typeof condition.days.atLeast !== 'number') return condition
      if (condition.days.before !== undefined || condition.days.atLeast % 3 !== place % 3) return condition
      return { days: { ...condition.days, atLeast: condition.days.atLeast + 1 } }
    }),
}

/** The same meaning, written otherwise. */
const rewritings: Record<string, Edit> = {
  'rules in another order': (document) => ({
    ...document,
    exercises: document.exercises.toReversed(),
    milestones: document.milestones.toReversed(),
    facts: document.facts.toReversed(),
    prescriptions: document.prescriptions.toReversed(),
    contraindications: document.contraindications.toReversed(),
    limits: document.limits.toReversed(),
  }),
  'other codes and titles': (document, _donor, place) => {
    const rename = <T extends { code: string }>(rules: readonly T[]): T[] =>
      rules.map((rule, index) => ({ ...rule, code: `renamed-${(index + place) % rules.length}` }))
    return {
      ...document,
      title: 'renamed',
      prescriptions: rename(document.prescriptions).map((rule) => ({ ...rule, rationale: 'renamed' })),
      contraindications: rename(document.contraindications).map((rule) => ({ ...rule, title: 'renamed' })),
      instructions: rename(document.instructions),
      limits: rename(document.limits),
    }
  },
  'other phases': (document) => {
    const text = JSON.stringify(document).replaceAll(/"(first|second|third)"/g, '"$1-renamed"')
    return JSON.parse(text)
  },
  'double negation': (document, _donor, place) =>
    mapConditions(document, (condition) => (place % 2 === 0 ? { not: { not: condition } } : { all: [condition] })),
  'conditions in another order': (document) =>
    mapConditions(document, function turn(condition): Condition {
      if ('all' in condition) return { all: condition.all.map(turn).reverse() }
      if ('any' in condition) return { not: { all: condition.any.map((part) => ({ not: turn(part) })) } }
      return 'not' in condition ? { not: turn(condition.not) } : condition
    }),
  'a rule for each target': (document) => ({
    ...document,
    contraindications: document.contraindications
      // A caution is of a rule as a whole.
      .flatMap((rule) =>
        rule.strength === 'caution' ? [rule] : rule.target.map((one) => ({ ...rule, target: [one] })),
      )
      .map((rule, index) => ({ ...rule, code: `rule-${index}` })),
  }),
  'said twice': (document) => ({
    ...document,
    prescriptions: [
      ...document.prescriptions,
      ...document.prescriptions.map((rule) => ({ ...rule, code: `${rule.code}-again` })),
    ],
    limits: [...document.limits, ...document.limits.map((rule) => ({ ...rule, code: `${rule.code}-again` }))],
  }),
}

// ---- Pairs ----

function documentsOf({ versions }: Situation): Pair {
  const [one, other] = versions.map(({ document }) => ({ ...document, code: 'p', title: 'p' }))
  if (one === undefined || other === undefined) throw new Error('every situation has two versions')
  return [one, other]
}

interface Drawn {
  /** The changed document comes first. */
  isTurned: boolean
  situation: Situation
  changes: readonly (readonly [string, number])[]
}

function drawn(names: readonly string[], most: number): fc.Arbitrary<Drawn> {
  const change = fc.tuple(fc.constantFrom(...names), fc.nat(1_000))
  return fc.record({
    isTurned: fc.boolean(),
    situation: fc.oneof({ weight: 3, arbitrary: smallSituations(5, 3) }, situations(6, 3)),
    changes: fc.array(change, { minLength: 1, maxLength: most }),
  })
}

function change(
  among: Record<string, Edit>,
  { situation, changes, isTurned }: Drawn,
  note: (what: string) => void,
): Pair {
  const [document, donor] = documentsOf(situation)
  let changed = document
  for (const [name, place] of changes) {
    note(name)
    changed = among[name]?.(changed, donor, place) ?? changed
  }
  return isTurned ? [changed, document] : [document, changed]
}

/** A pair with something in common, and now and then one with little; or with the same rules, which are read otherwise. */
const edited = fc.oneof(
  { weight: 4, arbitrary: drawn(Object.keys(edits), 4) },
  { weight: 1, arbitrary: drawn(['told by the operation', 'read as'], 2) },
)

// ---- Records ----

/** What counts in a case, of the situation’s record; with values that a version takes. */
function recordOf({ entries, surgeryDate: opened }: Situation, documents: Pair): RecordEntry[] {
  const kinds = new Set<RecordEntry['kind']>(['milestone', 'fact', 'revocation', 'void'])
  const taken = new Set(entries.filter(({ kind }) => kinds.has(kind)).map(({ id }) => id))
  const shift = Temporal.PlainDate.from(opened).until(surgeryDate).days
  const move = (date: CalendarDate): CalendarDate =>
    Temporal.PlainDate.from(date).add({ days: shift }).toString() as CalendarDate
  const isPreOperative = (code: string): boolean =>
    documents.some(({ milestones }) => milestones.some((one) => one.code === code && one.preOperative))
  return entries.flatMap((entry): RecordEntry[] => {
    if (entry.kind === 'void') return taken.has(entry.entry) ? [entry] : []
    if (entry.kind === 'milestone') {
      if (entry.on < opened && !isPreOperative(entry.code)) {
        taken.delete(entry.id)
        return []
      }
      return [{ ...entry, on: move(entry.on) }]
    }
    if (entry.kind === 'revocation') return taken.has(entry.milestone) ? [{ ...entry, on: move(entry.on) }] : []
    if (entry.kind !== 'fact' || entry.value === 'bad') return []
    const { code, value } = entry
    const isAllowed = documents.some(({ facts }) =>
      facts.some((fact) => fact.code === code && (typeof value !== 'number' || value <= (fact.max ?? value))),
    )
    return isAllowed ? [{ ...entry, on: move(entry.on) }] : []
  })
}

/** A document that asks what either asks, so that its cases are cases of both. */
function together([before, after]: Pair): ProtocolDocument {
  const asked = [before, after].flatMap((document) => [
    ...document.phases.map(({ entry }) => entry),
    ...[...document.prescriptions, ...document.contraindications, ...document.instructions, ...document.limits].flatMap(
      ({ when }) => when ?? [],
    ),
    ...document.prescriptions.flatMap(({ dosage = [] }) => dosage.flatMap(({ when }) => when ?? [])),
  ])
  return {
    ...before,
    milestones: before.milestones.map(
      (one) => after.milestones.find(({ code, preOperative }) => code === one.code && preOperative) ?? one,
    ),
    phases: [],
    prescriptions: [],
    contraindications: [],
    limits: [],
    instructions: [{ code: 'all', about: 'all', text: 'all', when: { all: asked } }],
  }
}

const choices = fc.array(fc.array(fc.nat(1_000), { minLength: 12, maxLength: 12 }), { minLength: 12, maxLength: 12 })

function forAll<T extends [unknown, ...unknown[]]>(
  runs: number,
  arbitraries: { [index in keyof T]: fc.Arbitrary<T[index]> },
  check: (...values: T) => void,
): void {
  fc.assert(fc.property<T>(...arbitraries, check), { numRuns: Math.ceil(runs), endOnFailure: true })
}

/** What the cases that are tried show: the day and the names of what differs. */
function* tryCases(
  derive: Derive,
  pair: Pair,
  situation: Situation,
  chosen: readonly (readonly number[])[],
): Generator<{ day: number; names: readonly string[]; entries: readonly RecordEntry[] }> {
  const [surgery, assignment] = toEntries([], { side: null, levels: null, procedures: [] })
  if (surgery === undefined || assignment === undefined) return
  const sides = ['left', 'right', 'bilateral', null] as const
  const number = (entries: readonly RecordEntry[]): RecordEntry[] =>
    entries.map((entry, index) => ({ ...entry, revision: index + 1 }))
  const record = recordOf(situation, pair)
  for (const [index, day] of situation.days.entries()) {
    const operated = {
      ...surgery,
      procedures: index % 3 === 0 ? ['repair', 'revision'] : ['repair'],
      side: sides[index % 4] ?? null,
      levels: ['L3-L4', 'L4-L5', 'L5-S1'].slice(0, [0, 1, 3, 2][index % 5] ?? 0),
    } as RecordEntry
    // What the operation tells counts where nobody has observed it.
    const known = index % 2 === 0 ? record : record.filter(({ kind }) => kind !== 'fact')
    const entries = number([operated, assignment, ...known])
    yield { day, entries, names: compareAnswers(derive, pair, entries, dateOn(day)) }
  }
  const both = together(pair)
  for (const numbers of chosen) {
    const found = chooseCase(both, numbers)
    if (found === null) continue
    const { daysSinceSurgery, milestones, facts } = toWitness(found)
    const roles = pair.flatMap(({ milestones }) => milestones.flatMap(({ grantedBy = [] }) => grantedBy))
    const written = [
      ...milestones.map(({ code, day }, index) => {
        const role = roles[(numbers[index] ?? 0) % Math.max(roles.length, 1)] ?? null
        return { kind: 'milestone', code, on: dateOn(day), grantedBy: role }
      }),
      ...facts.map(({ code, value, day }) => ({ kind: 'fact', code, value, on: dateOn(day) })),
    ]
    const [nth = 0, levels = 0, isRevision = 0] = numbers
    const entries = toEntries(written, {
      side: sides[nth % 4] ?? null,
      levels: [null, 1, 2, 3][levels % 4] ?? null,
      procedures: isRevision % 2 === 0 ? ['repair'] : ['repair', 'revision'],
    })
    yield { day: daysSinceSurgery, entries, names: compareAnswers(derive, pair, entries, dateOn(daysSinceSurgery)) }
  }
}

// ---- The properties ----

/** What differs in any case is told, on that day. */
function tellsAll({ derive, diff }: DiffRules, runs: number, note: (what: string) => void): void {
  forAll(runs, [edited, choices], (one, chosen) => {
    const pair = change(edits, one, note)
    const found = diff(...pair)
    assert.deepEqual(found.undecided, [])
    const declared = found.differences.filter(({ witness, kind }) => witness === null && kind !== 'match')
    assert.deepEqual(declared.flatMap(namesOf).sort(), compareDeclared(pair), JSON.stringify(pair))
    for (const { day, names, entries } of tryCases(derive, pair, one.situation, chosen)) {
      note(names.length > 0 ? 'case that differs' : 'case that does not')
      const told = foretold(found, day)
      const untold = names.filter((name) => !told.has(name))
      assert.deepEqual(untold, [], `day ${day}: ${JSON.stringify(entries)} of ${JSON.stringify(pair)}`)
    }
  })
}

/** What is told is so. */
function tellsTrue({ derive, diff }: DiffRules, runs: number, note: (what: string) => void): void {
  forAll(runs, [edited], (one) => {
    const pair = change(edits, one, note)
    for (const found of diff(...pair).differences) {
      note(found.kind)
      for (const { operation, without, milestones, facts } of found.occasions) {
        if (operation.length > 0) note('occasion by the operation')
        if (without.milestones.length + without.facts.length > 0) note('occasion without something')
        if (milestones.length > 1) note('occasion after two milestones')
        if (facts.length > 0) note('occasion after an observation')
      }
      const wrong = confirmDifference(derive, pair, found)
      assert.equal(wrong, null, `${namesOf(found)} of ${JSON.stringify(pair)}`)
    }
  })
}

/** However the same is written, nothing differs but text. */
function ignoresWriting({ diff }: DiffRules, runs: number, note: (what: string) => void): void {
  forAll(runs, [drawn(Object.keys(rewritings), 3)], (one) => {
    const [before, after] = change(rewritings, one, note)
    for (const pair of [
      [before, after] as const,
      [after, before] as const,
      [before, structuredClone(before)] as const,
    ]) {
      const { differences, phases, undecided } = diff(...pair)
      assert.deepEqual({ differences, phases, undecided }, { differences: [], phases: [], undecided: [] })
    }
  })
}

const turned: Readonly<Record<string, string>> = {
  gained: 'lost',
  added: 'removed',
  tightened: 'relaxed',
  stricter: 'laxer',
}

/** The other way round it is the same, the other way round. */
function turns({ diff }: DiffRules, runs: number): void {
  const opposite = new Map(
    Object.entries(turned).flatMap(([one, other]) => [[one, other] as const, [other, one] as const]),
  )
  const turn = (word: string): string => opposite.get(word) ?? word
  forAll(runs, [edited], (one) => {
    const [before, after] = change(edits, one, () => {})
    const forth = diff(before, after)
    const back = diff(after, before)
    const inShort = ({ differences }: Diff, turn: (word: string) => string): string[] =>
      differences
        .map(({ kind, direction, days, ...rest }) => {
          const about = 'exercise' in rest ? rest.exercise.code : 'quantity' in rest ? rest.quantity : ''
          return say([kind, about, turn(direction), 'change' in rest ? turn(rest.change) : '', days])
        })
        .sort()
    assert.deepEqual(
      inShort(back, turn),
      inShort(forth, (word) => word),
    )
  })
}

/** Where a pointer leads; undefined: nowhere. */
function valueAt(document: ProtocolDocument, path: string): unknown {
  const names = path.split('/').slice(1)
  return names.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null
        ? Reflect.get(value, name.replaceAll('~1', '/').replaceAll('~0', '~'))
        : undefined,
    document,
  )
}

/** Every change of text leads to what it says, and there is none exactly if the documents are equal. */
function pointsToText({ diff }: DiffRules, runs: number, note: (what: string) => void): void {
  const either = drawn([...Object.keys(edits), ...Object.keys(rewritings)], 3)
  forAll(runs, [either], (one) => {
    const [before, after] = change({ ...edits, ...rewritings }, one, () => {})
    const { text } = diff(before, after, 1)
    assert.equal(text.length === 0, say(before) === say(after))
    for (const { change, before: was, after: is } of text) {
      note(change)
      const isOrder = change === 'reordered'
      if (was !== null && !isOrder) assert.equal(say(valueAt(before, was.path)), say(was.value))
      if (is !== null && !isOrder) assert.equal(say(valueAt(after, is.path)), say(is.value))
      assert.equal(change === 'added', was === null)
      assert.equal(change === 'removed', is === null)
    }
  })
}

export const diffProperties: readonly DiffProperty[] = [
  { name: 'what differs in any case is told, with its day', check: tellsAll },
  { name: 'what is told is so: each witness, and whoever has what an occasion takes', check: tellsTrue },
  { name: 'however the same is written, nothing differs', check: ignoresWriting },
  { name: 'the other way round it is the same, the other way round', check: turns },
  { name: 'every change of text leads to what it says', check: pointsToText },
]
