import { describe, expect, test } from '@jest/globals'
import { derive, type ProtocolDocument } from '../../src/rules/index.ts'
import { isAlike } from '../../src/rules/next-change.ts'
import { askAbout, dateOn } from './check-cases.ts'

describe('two answers', () => {
  test.each<[string, unknown, unknown]>([
    ['dates', { on: '2026-03-02', from: '2026-03-03' }, { on: '2026-03-04', from: '2026-03-05' }],
    ['an end that is not known yet', { until: null }, { until: '2026-03-02' }],
    ['an end that is no longer known', { until: '2026-03-02' }, { until: null }],
    [
      'the first day of a phase',
      { phase: { code: 'early', since: '2026-03-02' } },
      { phase: { code: 'early', since: '2026-03-03' } },
    ],
    ['counts of days', { daysSinceSurgery: 1 }, { daysSinceSurgery: 2 }],
    ['dates in a list', [{ rule: 'a', until: '2026-03-02' }], [{ rule: 'a', until: '2026-03-03' }]],
    ['nothing', { of: [1, 'a', null, true] }, { of: [1, 'a', null, true] }],
  ])('that differ in %s say the same', (_what, a, b) => {
    expect(isAlike(a, b)).toBe(true)
  })

  test.each<[string, unknown, unknown]>([
    ['a text', { status: 'active' }, { status: 'closed' }],
    ['a number', { max: 1 }, { max: 2 }],
    ['a text in a list', ['a', 'b'], ['a', 'c']],
    ['one thing more in a list', ['a'], ['a', 'b']],
    ['one thing less in a list', ['a', 'b'], ['a']],
    ['one member more', { reps: 5 }, { reps: 5, sets: 3 }],
    ['what is none', { phase: null }, { phase: { code: 'early' } }],
    ['what was none', { phase: { code: 'early' } }, { phase: null }],
    ['the milestone from which days count', { since: { code: 'visit' } }, { since: { code: 'discharge' } }],
    ['whether days count from a milestone', { since: null }, { since: { code: 'visit' } }],
    ['whether days counted from a milestone', { since: { code: 'visit' } }, { since: null }],
    ['a date and a count', { from: '2026-03-02' }, { from: 5 }],
    ['a count and a date', { from: 5 }, { from: '2026-03-02' }],
    ['a text and its letters', { value: 'ab' }, { value: { 0: 'a', 1: 'b' } }],
    ['letters and their text', { value: { 0: 'a', 1: 'b' } }, { value: 'ab' }],
    ['a list and a record', [], { length: 0 }],
    ['a record and a list', { length: 0 }, []],
  ])('that differ in %s do not', (_what, a, b) => {
    expect(isAlike(a, b)).toBe(false)
  })
})

test('of too many days of change the first that is left is the next one', () => {
  const days = Array.from({ length: 1_000 }, (_, day) => ({ days: { atLeast: day, before: day + 1 } }))
  const document: ProtocolDocument = {
    format: 1,
    code: 'long',
    title: 'Long',
    procedures: ['repair'],
    exercises: [{ code: 'walking', title: 'Walking', kind: 'exercise', attributes: {} }],
    sources: [],
    milestones: [],
    facts: [],
    phases: [{ code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } }],
    prescriptions: [
      {
        code: 'walking',
        exercise: 'walking',
        from: 'early',
        when: { any: days },
        supervision: 'supervised',
        side: 'both',
      },
    ],
    contraindications: [],
    instructions: [],
    limits: [],
    redFlags: [],
  }
  const changeAfter = (day: number) =>
    derive(askAbout(document, { daysSinceSurgery: day, milestones: [], facts: [] }))?.nextChange
  // It is the end of all of them, if one day after the other is looked at.
  expect(changeAfter(900)).toBe(dateOn(1_000))
  const given = String(changeAfter(0))
  expect([dateOn(100) < given, given < dateOn(1_000)]).toEqual([true, true])
})
