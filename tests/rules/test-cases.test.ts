import { describe, expect, test } from '@jest/globals'
import {
  type CalendarDate,
  type CaseDifference,
  type ProtocolDocument,
  type ProtocolVersion,
  recordOfCase,
  runCases,
  type TestCase,
} from '../../src/rules/index.ts'
import { base, golf, lifting, sit, walk, walking } from './diff-pairs.ts'

const surgery = '2026-03-01' as CalendarDate
const versions: ProtocolVersion[] = [
  { id: 'one', version: 1, document: base },
  {
    id: 'two',
    version: 2,
    document: {
      ...base,
      procedures: ['repair', 'revision'],
      redFlags: [{ ...base.redFlags[0], code: 'leak' } as never],
    },
  },
]

describe('the record of a test case', () => {
  test('is the surgery, the assignment and every line of it that a version knows', () => {
    const entries = recordOfCase(
      {
        procedures: ['repair'],
        levels: ['L4-L5'],
        side: 'left',
        record: [
          { milestone: 'visit', on: 1 },
          { milestone: 'clearance', on: 2, revoked: 3 },
          { milestone: 'clearance', on: 2, by: 'nurse' },
          { milestone: 'unknown', on: 2 },
          { fact: 'pain', is: 4, on: -1 },
          { symptom: 'leak', on: 5 },
          { symptom: 'fever', on: 5, resolved: 6 },
          { symptom: 'unknown', on: 5 },
          { permit: 'golf', from: 0, until: 7, lifts: ['twisting'] },
          { permit: 'golf', from: 0 },
          { withhold: 'walking', from: 1 },
          { withhold: 'unknown', from: 1 },
          { hold: 'Travels', from: 8, until: 9 },
        ],
      },
      versions,
      surgery,
    )
    const override = { kind: 'override', reason: 'Test case', lifts: [], versions: ['one', 'two'] }
    const written = [
      { kind: 'surgery', surgeryDate: surgery, procedures: ['repair'], levels: ['L4-L5'], side: 'left' },
      { kind: 'assignment', versions: ['one', 'two'] },
      { kind: 'milestone', code: 'visit', on: '2026-03-02', grantedBy: null },
      { kind: 'milestone', code: 'clearance', on: '2026-03-03', grantedBy: 'surgeon' },
      { kind: 'revocation', milestone: 'entry-4', on: '2026-03-04', reason: 'Test case' },
      { kind: 'milestone', code: 'clearance', on: '2026-03-03', grantedBy: 'nurse' },
      { kind: 'milestone', code: 'unknown', on: '2026-03-03', grantedBy: null },
      { kind: 'fact', code: 'pain', value: 4, on: '2026-02-28' },
      { kind: 'symptom', redFlag: 'leak', title: 'Fever', response: 'contact-surgeon', on: '2026-03-06' },
      { kind: 'symptom', redFlag: 'fever', title: 'Fever', response: 'contact-surgeon', on: '2026-03-06' },
      { kind: 'resolution', symptom: 'entry-10', on: '2026-03-07' },
      {
        ...override,
        exercise: 'golf',
        entry: golf,
        effect: 'permit',
        from: '2026-03-01',
        until: '2026-03-08',
        lifts: ['twisting'],
      },
      { ...override, exercise: 'golf', entry: golf, effect: 'permit', from: '2026-03-01', until: null },
      { ...override, exercise: 'walking', entry: walking, effect: 'withhold', from: '2026-03-02', until: null },
      { kind: 'hold', from: '2026-03-09', until: '2026-03-10', reason: 'Travels' },
    ]
    const recordedAt = '2026-01-01T00:00:00.000Z'
    expect(entries).toEqual(
      written.map((entry, index) => ({ id: `entry-${index + 1}`, revision: index + 1, recordedAt, ...entry })),
    )
  })

  test('has the procedures of all versions, no level and no side where the case says nothing of them', () => {
    const [first, assignment, ...others] = recordOfCase({}, versions, surgery)
    expect(first).toMatchObject({ procedures: ['repair', 'revision'], levels: [], side: null })
    expect([assignment?.kind, others]).toEqual(['assignment', []])
  })
})

describe('what a test case is compared with', () => {
  const document: ProtocolDocument = {
    ...base,
    prescriptions: [
      {
        ...walk,
        dosage: [
          {
            reps: 10,
            amounts: [
              { quantity: 'load', value: 5, unit: 'kg' },
              { quantity: 'arc', value: 90, unit: 'deg' },
            ],
          },
        ],
      },
      { ...walk, code: 'golfs', exercise: 'golf', when: { days: { atLeast: 5 } } },
    ],
    contraindications: [{ ...(base.contraindications[0] as never as object), when: { days: { before: 5 } } } as never],
    instructions: [sit],
    limits: [
      { ...lifting, min: 2 },
      { ...lifting, code: 'less', max: 7, min: 3 },
      { ...lifting, code: 'pounds', max: 4, min: 1, unit: '[lb_av]' },
      { code: 'ask', quantity: 'load', value: null },
      { code: 'bend', quantity: 'arc', max: 90 },
      { code: 'goal', kind: 'goal', quantity: 'load', max: 1, unit: 'kg' },
    ],
  }
  const differ = (expected: TestCase['expect'], on = 0, more: Partial<TestCase> = {}): readonly CaseDifference[] => {
    const others: TestCase = { code: 'other', on: 0, expect: {} }
    const results = runCases({ ...document, cases: [others, { code: 'case', on, expect: expected, ...more }] })
    expect(results[0]?.differences).toEqual([])
    return results[1]?.differences ?? []
  }
  const walkingNamed = { code: 'walking', title: 'Walking' }
  const golfNamed = { code: 'golf', title: 'Golf' }
  const path = (rest: string) => `/cases/1/expect/${rest}`
  const limit = { kind: 'limit', path: path('limits/0'), quantity: 'load' }

  const kg = ['ask', 'less']

  test.each<[string, TestCase['expect'], object[]]>([
    [
      'the status',
      { status: 'on-hold' },
      [{ kind: 'status', path: path('status'), expected: 'on-hold', actual: 'active' }],
    ],
    [
      'the phase',
      { phase: 'second' },
      [
        {
          kind: 'phase',
          path: path('phase'),
          expected: { code: 'second', title: 'Second' },
          actual: { code: 'first', title: 'First' },
        },
      ],
    ],
    ['no phase', { phase: null }, [{ kind: 'phase', expected: null, actual: { code: 'first', title: 'First' } }]],
    ['exercises that are as expected', { permitted: ['walking'], withheld: ['golf', 'unknown'] }, []],
    [
      'exercises that are withheld',
      { permitted: ['walking', 'golf', 'unknown'] },
      [
        { kind: 'withheld', path: path('permitted/1'), exercise: golfNamed },
        {
          kind: 'withheld',
          path: path('permitted/2'),
          exercise: { code: 'unknown', title: 'unknown' },
          reasons: [{ kind: 'not-prescribed' }],
        },
      ],
    ],
    [
      'an exercise that is permitted',
      { withheld: ['golf', 'walking'] },
      [{ kind: 'permitted', path: path('withheld/1'), exercise: walkingNamed, grants: [{ rule: 'walks' }] }],
    ],
    ['a dose by one of its members', { dose: { walking: { reps: 10 } } }, []],
    [
      'amounts in another order',
      {
        dose: {
          walking: {
            amounts: [
              { unit: 'deg', quantity: 'arc', value: 90 },
              { quantity: 'load', value: 5, unit: 'kg' },
            ],
          },
        },
      },
      [],
    ],
    [
      'fewer amounts',
      { dose: { walking: { amounts: [{ quantity: 'load', value: 5, unit: 'kg' }] } } },
      [{ kind: 'dose', path: path('dose/walking'), exercise: walkingNamed }],
    ],
    [
      'an amount that is another',
      {
        dose: {
          walking: {
            amounts: [
              { quantity: 'load', value: 5, unit: 'kg' },
              { quantity: 'arc', value: 80, unit: 'deg' },
            ],
          },
        },
      },
      [{ kind: 'dose', path: path('dose/walking'), exercise: walkingNamed }],
    ],
    [
      'another number of a dose',
      { dose: { walking: { reps: 10, sets: 3 } } },
      [{ kind: 'dose', actual: { reps: 10 } }],
    ],
    ['no dose', { dose: { walking: null } }, [{ kind: 'dose', expected: null, actual: { reps: 10 } }]],
    ['the dose of what is withheld', { dose: { golf: null } }, [{ kind: 'withheld', path: path('dose/golf') }]],
    [
      'the strictest limits of a unit',
      { limits: [{ quantity: 'load', unit: 'kg', max: 7, min: 3, asInstructed: true }] },
      [],
    ],
    ['the strictest limit of any unit', { limits: [{ quantity: 'load', max: 4, min: 3 }] }, []],
    [
      'other limits',
      { limits: [{ quantity: 'load', unit: 'kg', max: 10, min: 2, asInstructed: false }] },
      [
        { ...limit, unit: 'kg', part: 'max', expected: 10, actual: 7, rules: kg },
        { ...limit, unit: 'kg', part: 'min', expected: 2, actual: 3, rules: kg },
        { ...limit, unit: 'kg', part: 'asInstructed', expected: false, actual: true, rules: kg },
      ],
    ],
    [
      'a limit of several units',
      { limits: [{ quantity: 'load', max: 5 }] },
      [{ ...limit, unit: null, part: 'max', actual: 4, rules: ['ask', 'less', 'pounds'] }],
    ],
    [
      'limits of another quantity',
      {
        limits: [
          { quantity: 'arc', max: 90, min: null, asInstructed: false },
          { quantity: 'arc', max: null },
        ],
      },
      [
        {
          kind: 'limit',
          path: path('limits/1'),
          quantity: 'arc',
          unit: null,
          expected: null,
          actual: 90,
          rules: ['bend'],
        },
      ],
    ],
    [
      'a limit that there is none of',
      { limits: [{ quantity: 'speed', max: 5 }] },
      [{ kind: 'limit', quantity: 'speed', unit: null, expected: 5, actual: null, rules: [] }],
    ],
  ])('%s', (_what, expected, differences) => {
    const found = differ(expected)
    expect(found).toMatchObject(differences)
    expect(found).toHaveLength(differences.length)
  })

  test('a unit is told where all limits have the same', () => {
    const [only] = limitsOf({ ...document, limits: [lifting] })
    expect(only).toMatchObject({ unit: 'kg', actual: 10 })
  })

  function limitsOf(changed: ProtocolDocument): readonly CaseDifference[] {
    const cases = [{ code: 'case', on: 0, expect: { limits: [{ quantity: 'load', max: 1 }] } }]
    return runCases({ ...changed, cases })[0]?.differences ?? []
  }

  test('amounts that the dose does not have are missed', () => {
    const prescriptions = [{ ...walk, dosage: [{ reps: 3 }] }]
    const expected = { dose: { walking: { amounts: [{ quantity: 'load', value: 4, unit: 'kg' }] } } }
    const [found] = runCases({ ...document, prescriptions, cases: [{ code: 'case', on: 0, expect: expected }] })
    expect(found?.differences).toMatchObject([{ kind: 'dose', actual: { reps: 3 } }])
  })

  test('where nothing is prescribed, an exercise without a dose and one that a case records are compared, too', () => {
    expect(differ({ dose: { golf: null } }, 5)).toEqual([])
    expect(differ({ dose: { golf: { reps: 3 } } }, 5)).toEqual([
      { kind: 'dose', path: path('dose/golf'), exercise: golfNamed, expected: { reps: 3 }, actual: null },
    ])
    const answer = runCases({ ...document, cases: [{ code: 'case', on: 5, expect: {} }] })[0]
    expect([answer?.surgeryDate, answer?.on]).toEqual(['2026-01-01', '2026-01-06'])
    expect(runCases({ ...base })).toEqual([])
  })
})
