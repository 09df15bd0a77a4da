import { describe, expect, test } from '@jest/globals'
import { compareAnswers } from '../../src/features/impacts/consequences.ts'
import { count, emptySummary, orderTallies } from '../../src/features/impacts/summary.ts'
import {
  type CalendarDate,
  type Derivation,
  derive,
  type Instant,
  type ProtocolDocument,
  type RecordEntry,
} from '../../src/rules/index.ts'
import { wardProtocol } from './ward.ts'

const at = (second: number): Instant => `2026-10-01T10:00:0${second}.000Z` as Instant
const entries: readonly RecordEntry[] = [
  {
    kind: 'surgery',
    id: 's',
    revision: 1,
    recordedAt: at(1),
    surgeryDate: '2026-10-01' as CalendarDate,
    procedures: ['acdf'],
    levels: [],
    side: null,
  },
  { kind: 'assignment', id: 'a', revision: 2, recordedAt: at(2), versions: ['v'] },
]

function answer(document: ProtocolDocument, version = 1): Derivation {
  const found = derive({
    versions: [{ id: 'v', version, document }],
    entries,
    on: '2026-10-11' as CalendarDate,
    knownAt: at(3),
    ahead: false,
  })
  if (found === null) throw new Error('the surgery is on record')
  return found
}

const sources = ['ward']
const ward = wardProtocol('ward')
const walks = ward.prescriptions[0]
if (walks === undefined) throw new Error('somebody walks')
const instruction = { code: 'brace', about: 'brace', text: 'Wear the brace.', sources }
const flag = { code: 'fever', title: 'Fever', response: 'contact-surgeon' as const, sources }
const heavy = {
  code: 'heavy',
  title: 'Heavy lifting',
  strength: 'absolute' as const,
  target: [{ exercise: 'ward-hop' }],
}
const pain = { code: 'pain', title: 'Pain', type: 'number' as const, ask: 'How bad is it?' }
const walking = (change: object): ProtocolDocument => ({
  ...ward,
  prescriptions: [{ ...walks, ...change }, ...ward.prescriptions.slice(1)],
})
const limited = (...limits: object[]): ProtocolDocument => ({
  ...ward,
  limits: limits.map((limit) => ({ code: 'lifting', quantity: 'lifted-load', unit: '[lb_av]', sources, ...limit })),
})

/** What the second document makes of an answer of the first. */
const changes: [what: string, before: ProtocolDocument, after: ProtocolDocument, names: string[]][] = [
  [
    'a dose that has less of everything',
    walking({ dosage: [{ sets: 3, reps: 10 }] }),
    walking({ dosage: [{ sets: 2, reps: 10 }] }),
    ['dose-smaller:ward-walk=2 sets of 10 repetitions'],
  ],
  [
    'a dose that has more',
    walking({ dosage: [{ sets: 2 }] }),
    walking({ dosage: [{ sets: 3 }] }),
    ['dose-greater:ward-walk=3 sets'],
  ],
  [
    'a dose that has more of one and less of another',
    walking({ dosage: [{ sets: 2, reps: 10 }] }),
    walking({ dosage: [{ sets: 3, reps: 8 }] }),
    ['dose-other:ward-walk=3 sets of 8 repetitions'],
  ],
  [
    'a dose with a number that there was none of',
    walking({ dosage: [{ sets: 2 }] }),
    walking({ dosage: [{ sets: 2, reps: 8 }] }),
    ['dose-other:ward-walk=2 sets of 8 repetitions'],
  ],
  [
    'a dose with other words',
    walking({ dosage: [{ sets: 2, note: 'slowly' }] }),
    walking({ dosage: [{ sets: 1, note: 'fast' }] }),
    ['dose-other:ward-walk=1 set; fast'],
  ],
  ['no dose any more', ward, walking({ dosage: undefined }), ['dose-other:ward-walk=as the clinician instructs']],
  [
    'an amount that is less',
    walking({ dosage: [{ amounts: [{ quantity: 'load', value: 2, unit: 'kg' }] }] }),
    walking({ dosage: [{ amounts: [{ quantity: 'load', value: 1, unit: 'kg' }] }] }),
    ['dose-smaller:ward-walk=load at most 1 kg'],
  ],
  ['supervision', ward, walking({ supervision: 'supervised' }), ['supervision:ward-walk/supervised']],
  ['a side', ward, walking({ side: 'left' }), ['side:ward-walk/left']],
  ['a proviso', ward, walking({ provided: 'with the brace on' }), ['provided:ward-walk=with the brace on']],
  [
    'other instructions of an exercise',
    ward,
    { ...ward, exercises: ward.exercises.map((one) => ({ ...one, instructions: 'Slowly.' })) },
    ['description:ward-walk=Walk; Slowly.'],
  ],
  [
    'a caution',
    ward,
    { ...ward, contraindications: [{ ...heavy, strength: 'caution', target: [{ exercise: 'ward-walk' }] }] },
    ['caution-added:ward-walk/ward/heavy=Heavy lifting', 'avoid-added:ward/heavy=caution; Heavy lifting'],
  ],
  [
    'a contraindication that takes an exercise away',
    ward,
    { ...ward, contraindications: [{ ...heavy, target: [{ exercise: 'ward-walk' }] }] },
    ['loss:ward-walk', 'avoid-added:ward/heavy=absolute; Heavy lifting'],
  ],
  [
    'a contraindication of another title',
    { ...ward, contraindications: [heavy] },
    { ...ward, contraindications: [{ ...heavy, title: 'Hopping' }] },
    ['avoid-removed:ward/heavy=absolute; Heavy lifting', 'avoid-added:ward/heavy=absolute; Hopping'],
  ],
  [
    'a phase of the same name with other goals',
    ward,
    { ...ward, phases: ward.phases.map((phase) => ({ ...phase, goals: ['Walk'] })) },
    ['phase:ward/early=Early; Walk'],
  ],
  [
    'no phase',
    ward,
    { ...ward, phases: [{ code: 'late', title: 'Later', entry: { days: { atLeast: 90 } } }] },
    ['loss:ward-walk', 'status:no-phase', 'phase:ward/none'],
  ],
  ['a limit that is tighter', limited({ max: 10 }), limited({ max: 5 }), ['limit-tightened:lifted-load/[lb_av]/max=5']],
  ['a limit that is looser', limited({ max: 5 }), limited({ max: 10 }), ['limit-relaxed:lifted-load/[lb_av]/max=10']],
  ['a least that is higher', limited({ min: 5 }), limited({ min: 8 }), ['limit-tightened:lifted-load/[lb_av]/min=8']],
  ['a limit besides', limited(), limited({ max: 5 }), ['limit-added:lifted-load/[lb_av]/max=5']],
  ['no limit any more', limited({ max: 5 }), limited(), ['limit-removed:lifted-load/[lb_av]/max']],
  [
    'a limit of another unit',
    limited({ max: 5 }),
    limited({ max: 5, unit: 'kg' }),
    ['limit-removed:lifted-load/[lb_av]/max', 'limit-added:lifted-load/kg/max=5'],
  ],
  [
    'a clinician instead of a number',
    limited({ max: 5 }),
    limited({ value: null }),
    ['limit-removed:lifted-load/[lb_av]/max', 'instructed-limit-added:ward/lifting=lifted-load'],
  ],
  [
    'a goal',
    limited({ kind: 'goal', min: 5 }),
    limited({ kind: 'goal', min: 6 }),
    ['goal-removed:ward/lifting=lifted-load; at least 5 lb', 'goal-added:ward/lifting=lifted-load; at least 6 lb'],
  ],
  [
    'an instruction',
    ward,
    { ...ward, instructions: [instruction] },
    ['instruction-added:ward/brace=brace; Wear the brace.'],
  ],
  [
    'other words of an instruction',
    { ...ward, instructions: [instruction] },
    { ...ward, instructions: [{ ...instruction, text: 'No brace.' }] },
    ['instruction-removed:ward/brace=brace; Wear the brace.', 'instruction-added:ward/brace=brace; No brace.'],
  ],
  ['a red flag', ward, { ...ward, redFlags: [flag] }, ['red-flag-added:ward/fever=contact-surgeon; Fever']],
  [
    'a red flag that is more urgent',
    { ...ward, redFlags: [flag] },
    { ...ward, redFlags: [{ ...flag, response: 'emergency' }] },
    ['red-flag-other:ward/fever=emergency; Fever'],
  ],
  ['no red flag any more', { ...ward, redFlags: [flag] }, ward, ['red-flag-removed:ward/fever=contact-surgeon; Fever']],
  [
    'a question',
    ward,
    { ...ward, facts: [pain], instructions: [{ ...instruction, when: { not: { fact: 'pain', atMost: 3 } } }] },
    ['instruction-added:ward/brace=brace; Wear the brace.', 'question-added:ward/pain=Pain; How bad is it?'],
  ],
]

describe('two answers about one patient', () => {
  test.each(changes)('differ by %s', (_what, before, after, names) => {
    const { outcome, consequences } = compareAnswers(answer(before), answer(after, 2))
    expect(consequences.map(({ name }) => name)).toEqual(names)
    expect(outcome).toBe('changed')
  })

  test('are the same whatever number the version has', () => {
    expect(compareAnswers(answer(ward), answer(structuredClone(ward), 2))).toEqual({
      outcome: 'unchanged',
      consequences: [],
    })
  })

  test('are explained otherwise where only reasons and sources differ', () => {
    const reworded: ProtocolDocument[] = [
      walking({ rationale: 'Walking helps.' }),
      { ...ward, sources: [{ id: 'ward', title: 'A study' }] },
      // The hop is withheld before and after.
      {
        ...ward,
        phases: [...ward.phases.slice(0, 1), { code: 'late', title: 'Later', entry: { days: { atLeast: 60 } } }],
      },
      walking({ code: 'walks-anew' }),
    ]
    for (const after of reworded) {
      expect(compareAnswers(answer(ward), answer(after, 2))).toEqual({
        outcome: 'explained-otherwise',
        consequences: [],
      })
    }
  })
})

test('a summary counts each episode once for each consequence, what takes away first', () => {
  const summary = emptySummary()
  const less = compareAnswers(answer(limited({ max: 10 })), answer(limited({ max: 5 })))
  const lost = compareAnswers(answer(ward), answer({ ...ward, prescriptions: ward.prescriptions.slice(1) }))
  for (const effect of [less, less, lost, compareAnswers(answer(ward), answer(ward))]) count(summary, effect)
  expect(summary).toMatchObject({
    episodes: 4,
    outcomes: { changed: 3, unchanged: 1 },
    kinds: { limit: 2, loss: 1, gain: 0 },
  })
  expect(orderTallies(summary).map(({ consequence, episodes }) => [consequence.name, episodes])).toEqual([
    ['loss:ward-walk', 1],
    ['limit-tightened:lifted-load/[lb_av]/max=5', 2],
  ])
})
