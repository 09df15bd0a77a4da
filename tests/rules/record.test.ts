import { expect, test } from '@jest/globals'
import type { Instant, RecordEntry } from '../../src/rules/index.ts'
import { readRecord } from '../../src/rules/record.ts'

const now = '2026-05-01T08:00:00.000Z' as Instant

/** Recorded one after the other, called `a`, `b` and so on unless they have an id. */
function read(written: readonly Record<string, unknown>[]) {
  const first = { kind: 'surgery', surgeryDate: '2026-03-02', procedures: [], levels: [], side: null }
  const entries = [first, ...written].map((entry, index) => {
    return { id: String.fromCodePoint(96 + index), revision: index + 1, recordedAt: now, until: null, ...entry }
  })
  const known = readRecord(entries as unknown as RecordEntry[], now)
  if (known === null) throw new Error('a surgery is on record')
  return known
}

test('before anything was recorded nothing is known', () => {
  const surgery = { kind: 'surgery', surgeryDate: '2026-03-02', procedures: [], levels: [], side: null }
  const entries = [{ id: 'a', revision: 1, recordedAt: now, ...surgery }] as unknown as RecordEntry[]
  expect(readRecord(entries, '2026-05-01T07:59:59.999Z' as Instant)).toBeNull()
  expect(readRecord(entries, now)).not.toBeNull()
})

test('holds and overrides are in the order of their dates, on one date of their ids', () => {
  const spans = [
    { id: 'x', from: '2026-03-09' },
    { id: 'z', from: '2026-03-05' },
    { id: 'y', from: '2026-03-05' },
    { id: 'w', from: '2026-03-07' },
  ]
  const { holds, overrides } = read([
    ...spans.map((span) => ({ kind: 'hold', ...span })),
    ...spans.map((span) => ({ kind: 'override', ...span })),
  ])
  for (const list of [holds, overrides]) expect(list.map(({ entry }) => entry.id)).toEqual(['y', 'z', 'w', 'x'])
})

test('a milestone ends with the earliest revocation, a symptom with the earliest resolution, those that count', () => {
  const { milestones, symptoms, surgeryDay } = read([
    { id: 'visit', kind: 'milestone', code: 'visit', on: '2026-03-04' },
    { id: 'fever', kind: 'symptom', redFlag: 'fever', on: '2026-03-04' },
    ...['2026-03-09', '2026-03-07', '2026-03-08', '2026-03-05'].flatMap((on) => [
      { id: `revoked ${on}`, kind: 'revocation', milestone: 'visit', on },
      { id: `resolved ${on}`, kind: 'resolution', symptom: 'fever', on },
    ]),
    { kind: 'void', entry: 'revoked 2026-03-05' },
    { kind: 'void', entry: 'resolved 2026-03-05' },
  ])
  const ends = { from: surgeryDay + 2, until: surgeryDay + 5 }
  expect(milestones.get('visit')).toMatchObject([ends])
  expect(symptoms).toMatchObject([ends])
})

test('milestones and observations of one code are in the order of their dates, observations of one date in that of recording', () => {
  const { milestones, facts } = read([
    { kind: 'milestone', code: 'visit', on: '2026-03-09' },
    { kind: 'milestone', code: 'visit', on: '2026-03-05' },
    { kind: 'fact', code: 'pain', value: 3, on: '2026-03-09' },
    { kind: 'fact', code: 'pain', value: 2, on: '2026-03-05' },
    { kind: 'fact', code: 'pain', value: 1, on: '2026-03-05' },
  ])
  expect(milestones.get('visit')?.map(({ entry }) => entry.on)).toEqual(['2026-03-05', '2026-03-09'])
  expect(facts.get('pain')?.map(({ entry }) => entry.value)).toEqual([2, 1, 3])
})
