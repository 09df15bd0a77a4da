import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readLibrary } from '../../src/features/clinics/library.ts'
import { addDays, derive, deriveInShort } from '../../src/rules/index.ts'
import type {
  CalendarDate,
  Derivation,
  Instant,
  ProtocolDocument,
  RecordEntry,
  Verdicts,
} from '../../src/rules/types.ts'
import { ask, type Situation, situations } from './situations.ts'

const wanted = Number(process.env.RULES_RANDOM_CASES ?? 20_000)

const begin = '2026-03-02' as CalendarDate
const now = '2026-03-01T08:00:00.000Z' as Instant

/** What is not told in short: on what a condition rests, and what only an entry says. */
const leftOut: ReadonlySet<string> = new Set(['when', 'entries', 'entry'])

/** What both answers have to say, as text. */
function sayVerdicts(answer: Verdicts | Derivation | null): string {
  if (answer === null) return 'none'
  const { on, daysSinceSurgery, status, statusReasons, permitted, withheld, limits, missingFacts, basis } = answer
  const protocols = answer.protocols.map(({ code, version, phase }) => [code, version, phase?.code, phase?.title])
  const [reasons, exercises] = [statusReasons, { permitted, withheld }].map((said) =>
    JSON.stringify(said, (key, value) => (leftOut.has(key) ? undefined : value)),
  )
  const others = { on, daysSinceSurgery, status, protocols, limits, missingFacts, basis }
  return [JSON.stringify(others), reasons, exercises].join('\n')
}

const plain: ReadonlySet<string> = new Set(['surgery', 'assignment', 'milestone', 'fact', 'revocation'])

/**
 * The same patient with some of the record missing, with all of it, and with one protocol and nothing on record that
 * withholds everything or makes exceptions: what was found out in short is kept for the version.
 */
function variantsOf(situation: Situation, missing: number): Situation[] {
  const { entries, versions } = situation
  const some = entries.filter((_, index) => ((missing >> (index % 30)) & 1) === 0)
  const alone = versions.slice(0, 1)
  const asAlone = (recorded: readonly RecordEntry[]): Situation => ({
    ...situation,
    versions: alone,
    entries: recorded
      .filter(({ kind }) => plain.has(kind))
      .map((entry) => (entry.kind === 'assignment' ? { ...entry, versions: alone.map(({ id }) => id) } : entry)),
  })
  return [situation, { ...situation, entries: some }, asAlone(some), asAlone(entries), asAlone(entries.slice(0, 4))]
}

test('in short the verdicts are those of the whole answer, whatever was asked before', () => {
  const told = { permitted: 0, withheld: 0 }
  fc.assert(
    fc.property(situations(12), fc.nat(), (situation, missing) => {
      for (const one of variantsOf(situation, missing)) {
        for (const day of situation.days) {
          const { alsoJudge, ...alone } = ask(one, day)
          for (const asked of [alone, { ...alone, alsoJudge }]) {
            const answer = derive({ ...asked, ahead: false })
            expect(sayVerdicts(deriveInShort(asked))).toBe(sayVerdicts(answer))
            told.permitted += answer?.permitted.length ?? 0
            told.withheld += answer?.status === 'active' ? answer.withheld.length : 0
          }
        }
      }
    }),
    { numRuns: Math.ceil(wanted / 60), endOnFailure: true },
  )
  expect(told.permitted).toBeGreaterThan(wanted / 10)
  expect(told.withheld).toBeGreaterThan(wanted / 10)
})

test.each(readLibrary().protocols.map(({ document }) => [document.code, document] as const))(
  'so they are for many patients of %s',
  (_code, document) => {
    const prescriptions = document.prescriptions.map((rule) => ({ ...rule, side: 'operative' as const }))
    const version = { id: 'version', version: 1, document }
    const sided = { ...version, document: { ...document, prescriptions } }
    const values = { number: [0, 2, 4, 7, 10], boolean: [true, false], choice: ['?'], text: ['noted'] }
    const day = fc.integer({ min: 0, max: 200 })
    const surgery = { kind: 'surgery', surgeryDate: begin, procedures: [], levels: [] }
    const oneOf = (written: readonly object[]) =>
      fc.record({ entry: fc.constantFrom(...written), on: day.map((days) => addDays(begin, days)) })
    const milestones = document.milestones.map(({ code, grantedBy }) => {
      return { kind: 'milestone', code, grantedBy: grantedBy?.[0] ?? null }
    })
    const facts = document.facts.flatMap(({ code, type, values: choices }) =>
      (choices ?? values[type]).map((value) => ({ kind: 'fact', code, value })),
    )
    const recorded = fc.array(oneOf([...milestones, ...facts]), { maxLength: 12 })
    const operated = fc.constantFrom('left', 'right', null)
    fc.assert(
      fc.property(recorded, fc.array(day, { minLength: 5, maxLength: 5 }), operated, (written, days, side) => {
        const said = [{ ...surgery, side }, { kind: 'assignment', versions: ['version'] }, ...written.map(join)]
        const entries = said.map((entry, index) => ({ id: `${index}`, revision: index + 1, recordedAt: now, ...entry }))
        for (const [elapsed, one] of days.flatMap((elapsed) =>
          [version, sided].map((one) => [elapsed, one] as const),
        )) {
          const asked = {
            versions: [one],
            entries: entries as RecordEntry[],
            on: addDays(begin, elapsed),
            knownAt: now,
          }
          expect(sayVerdicts(deriveInShort(asked))).toBe(sayVerdicts(derive({ ...asked, ahead: false })))
        }
      }),
      { numRuns: Math.ceil(wanted / 200), endOnFailure: true },
    )
  },
)

function join({ entry, on }: { entry: object; on: CalendarDate }): object {
  return { ...entry, on, note: null }
}

// ---- What was found out about one patient must not be told of another ----

const mild = { fact: 'pain', atMost: 3 } as const
const cleared = { milestone: 'clearance' } as const
const named = (code: string) => ({ code, title: code })
const common = { supervision: 'supervised', side: 'both' } as const

/** Of each exercise something else decides: nothing, a condition, a step of its dosage, the side, what forbids it. */
const ward: ProtocolDocument = {
  ...{ format: 1, ...named('ward'), procedures: ['repair'], sources: [], instructions: [], limits: [] },
  exercises: ['walk', 'squat', 'swim', 'row', 'reach', 'push', 'lift', 'jump'].map((code) => ({
    ...{ ...named(code), kind: 'exercise', attributes: {} },
  })),
  milestones: [named('visit'), named('clearance')],
  facts: [{ ...named('pain'), type: 'number', min: 0, max: 10, ask: '?' }],
  phases: [
    { ...named('early'), entry: { days: { atLeast: 0 } } },
    { ...named('late'), entry: { milestone: 'visit' } },
  ],
  prescriptions: [
    { ...common, code: 'walk', exercise: 'walk', from: 'early', dosage: [{ timesPerDay: 3 }] },
    { ...common, code: 'squat', exercise: 'squat', from: 'early', when: mild },
    {
      ...{ ...common, code: 'swim', exercise: 'swim', from: 'early' },
      dosage: [{ timesPerDay: 1 }, { when: cleared, timesPerDay: 2 }],
    },
    { ...common, code: 'row', exercise: 'row', from: 'early', dosage: [{ when: mild, timesPerDay: 4 }] },
    { ...common, code: 'reach', exercise: 'reach', from: 'early', side: 'operative' },
    { ...common, code: 'push-later', exercise: 'push', from: 'late' },
    { ...common, code: 'push-fit', exercise: 'push', from: 'early', when: mild },
    { ...common, code: 'lift', exercise: 'lift', from: 'early' },
    { ...common, code: 'jump', exercise: 'jump', from: 'late' },
  ],
  contraindications: [
    { ...named('sore'), strength: 'absolute', target: [{ exercise: 'lift' }], when: { fact: 'pain', atLeast: 7 } },
    { ...named('cleared'), strength: 'absolute', target: [{ exercise: 'lift' }], when: cleared },
    { ...named('take-care'), strength: 'caution', target: [{ exercise: 'walk' }], when: { fact: 'pain', atLeast: 5 } },
  ],
  redFlags: [{ ...named('fever'), response: 'contact-surgeon' }],
}

const on = (day: number) => addDays(begin, day)
const pain = (value: number) => ({ kind: 'fact', code: 'pain', value, on: on(1) })
const reached = (code: string) => ({ kind: 'milestone', code, on: on(1), grantedBy: null })
const override = {
  exercise: 'jump',
  entry: ward.exercises[7],
  from: on(1),
  until: null,
  reason: '',
  versions: ['ward'],
}

const patients: Record<string, { side?: 'left' | 'right'; follows?: false; written: readonly object[] }> = {
  'nothing is known of': { written: [] },
  'was seen': { written: [reached('visit')] },
  'has no pain': { written: [pain(0)] },
  'has some pain': { written: [pain(5)] },
  'has bad pain': { written: [pain(8)] },
  'was cleared': { written: [reached('clearance'), pain(0)] },
  'was cleared and has bad pain': { written: [reached('clearance'), pain(8)] },
  'had the left operated': { side: 'left', written: [] },
  'had the right operated': { side: 'right', written: [] },
  'is on hold': { written: [{ kind: 'hold', from: on(1), until: null, reason: '' }] },
  'has a fever': {
    written: [{ kind: 'symptom', redFlag: 'fever', title: 'fever', response: 'contact-surgeon', on: on(1) }],
  },
  'is discharged': { written: [{ kind: 'closure', on: on(1), reason: '' }] },
  'follows nothing': { follows: false, written: [] },
  'may do one more': { written: [{ ...override, kind: 'override', effect: 'permit', lifts: [] }] },
  'may not do one': { written: [{ ...override, kind: 'override', effect: 'withhold', lifts: [] }] },
}

function questionAbout(name: string, document: ProtocolDocument, day: number) {
  const { side = null, follows = true, written } = patients[name] ?? { written: [] }
  const said = [
    { kind: 'surgery', surgeryDate: begin, procedures: ['repair'], levels: [], side },
    ...(follows ? [{ kind: 'assignment', versions: ['ward'] }] : []),
    ...written,
  ]
  const entries = said.map((entry, index) => ({ id: `${index}`, revision: index + 1, recordedAt: now, ...entry }))
  const versions = follows ? [{ id: 'ward', version: 1, document }] : []
  return { versions, entries: entries as RecordEntry[], on: on(day), knownAt: now }
}

test.each(Object.keys(patients))('whoever is asked about after a patient who %s has their own verdicts', (before) => {
  for (const isExplained of [false, true]) {
    const document = structuredClone(ward)
    const ask = (name: string, day: number): void => {
      const question = questionAbout(name, document, day)
      if (isExplained) derive({ ...question, ahead: false })
      else deriveInShort(question)
    }
    for (const day of [-2, 10]) ask(before, day)
    for (const name of Object.keys(patients)) {
      for (const day of [10, -2]) {
        const whole = derive({ ...questionAbout(name, structuredClone(ward), day), ahead: false })
        const question = questionAbout(name, document, day)
        expect([name, day, sayVerdicts(deriveInShort(question))]).toEqual([name, day, sayVerdicts(whole)])
        expect([name, day, derive({ ...question, ahead: false })]).toEqual([name, day, whole])
      }
    }
  }
})
