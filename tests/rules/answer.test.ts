import { expect, test } from '@jest/globals'
import {
  type CalendarDate,
  type Derivation,
  derive,
  type Exercise,
  type Grade,
  type Instant,
  type ProtocolDocument,
  type RecordEntry,
} from '../../src/rules/index.ts'

const now = '2026-05-01T08:00:00.000Z' as Instant

const walk: Exercise = { code: 'walk', title: 'Walk', kind: 'exercise', groups: [], attributes: {} }
const lift: Exercise = { ...walk, code: 'lift', title: 'Lift' }
const swim: Exercise = { ...walk, code: 'swim', title: 'Swim' }

function protocol(code: string, parts: Partial<ProtocolDocument>): ProtocolDocument {
  return {
    format: 1,
    code,
    title: code,
    procedures: ['repair'],
    exercises: [walk, lift],
    sources: [],
    milestones: [],
    facts: [],
    phases: [{ code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } }],
    prescriptions: [],
    contraindications: [],
    instructions: [],
    limits: [],
    redFlags: [],
    ...parts,
  }
}

/** The answer on the tenth day; the entries are recorded in the order in which they are written. */
function answer(
  documents: readonly ProtocolDocument[],
  written: readonly Record<string, unknown>[] = [],
  { alsoJudge = [], lacking = [] }: { alsoJudge?: readonly Exercise[]; lacking?: readonly number[] } = {},
): Derivation {
  const first = [
    { kind: 'surgery', surgeryDate: '2026-03-02', procedures: ['repair'], levels: [], side: 'left' },
    { kind: 'assignment', versions: [...documents.keys(), ...lacking].map((index) => `version-${9 - index}`) },
  ]
  const entries = [...first, ...written].map((entry, index) => {
    return { id: `entry-${index}`, revision: index + 1, recordedAt: now, until: null, reason: 'so', ...entry }
  }) as unknown as RecordEntry[]
  const versions = documents.map((document, index) => ({ id: `version-${9 - index}`, version: 1, document }))
  const given = derive({ versions, entries, on: '2026-03-12' as CalendarDate, knownAt: now, alsoJudge, ahead: false })
  if (given === null) throw new Error('a surgery is on record')
  return given
}

function kindsAgainst(given: Derivation, code: string): string[] {
  const reasons = given.withheld.find(({ exercise }) => exercise.code === code)?.reasons ?? []
  return reasons.map((reason) =>
    [
      reason.kind,
      ...('protocol' in reason ? [reason.protocol] : []),
      ...('rule' in reason ? [reason.rule] : []),
      ...('entry' in reason && typeof reason.entry === 'string' ? [reason.entry] : []),
    ].join(' '),
  )
}

const prescription = { exercise: 'walk', from: 'early', supervision: 'independent', side: 'both' } as const
const ban = { title: 'No', strength: 'absolute', target: [{ exercise: 'walk' }] } as const

test('reasons: what withholds everything, what forbids, and what is missing; of one kind by protocol and rule', () => {
  const phases = ['early', 'late', 'last'].map((code, index) => ({
    code,
    title: code,
    entry: { days: { atLeast: [0, 20, 30][index] ?? 0 } },
  }))
  const documents = [
    protocol('b', {
      phases,
      contraindications: [
        { ...ban, code: 'second' },
        { ...ban, code: 'first' },
      ],
      prescriptions: [{ ...prescription, code: 'walk', when: { not: { days: { atLeast: 0 } } } }],
    }),
    protocol('a', {
      phases,
      contraindications: [{ ...ban, code: 'third' }],
      prescriptions: [{ ...prescription, code: 'walk', from: 'late' }],
    }),
    protocol('c', {
      phases: [{ code: 'before', title: 'Before', entry: { days: { atLeast: 0 } } }, ...phases.slice(0, 1)],
      prescriptions: [{ ...prescription, code: 'walk', from: 'before' }],
    }),
  ]
  const given = answer(
    documents,
    [
      { id: 'hold-2', kind: 'hold', from: '2026-03-06' },
      { id: 'hold-1', kind: 'hold', from: '2026-03-06' },
      { id: 'later', kind: 'symptom', redFlag: 'ache', title: 'Ache', response: 'contact-surgeon', on: '2026-03-05' },
      { id: 'earlier', kind: 'symptom', redFlag: 'ache', title: 'Ache', response: 'contact-surgeon', on: '2026-03-05' },
      { id: 'numb', kind: 'symptom', redFlag: 'zero-feeling', title: 'Numb', response: 'emergency', on: '2026-03-05' },
      { id: 'fever', kind: 'symptom', redFlag: 'fever', title: 'Fever', response: 'contact-surgeon', on: '2026-03-05' },
      {
        id: 'no',
        kind: 'override',
        effect: 'withhold',
        exercise: 'walk',
        entry: walk,
        from: '2026-03-05',
        lifts: [],
        versions: [],
      },
      { id: 'closed', kind: 'closure', on: '2026-03-05' },
    ],
    { lacking: [3] },
  )
  const open = ['numb', 'earlier', 'later', 'fever']
  expect(kindsAgainst(given, 'walk')).toEqual([
    'episode-closed',
    ...open.map((entry) => `red-flag ${entry}`),
    'hold hold-1',
    'hold hold-2',
    'no-protocol',
    'contraindication a third',
    'contraindication b first',
    'contraindication b second',
    'override no',
    'phase-not-reached a walk',
    'phase-passed c walk',
    'condition-not-met b walk',
  ])
  expect(given.openRedFlags.map(({ entry }) => entry)).toEqual(open)
  expect(given.protocols.map(({ code }) => code)).toEqual(['a', 'b', 'c'])
})

test('reasons that are missing are in one order, whichever protocol they come from', () => {
  const waiting = { phases: [{ code: 'early', title: 'Early', entry: { days: { atLeast: 20 } } }] }
  const never = { when: { not: { days: { atLeast: 0 } } } }
  const given = answer([
    protocol('a', { prescriptions: [{ ...prescription, code: 'walk', ...never }] }),
    protocol('b', { ...waiting, prescriptions: [{ ...prescription, code: 'walk' }] }),
  ])
  expect(kindsAgainst(given, 'walk')).toEqual(['no-phase b', 'condition-not-met a walk'])
})

test('sides that protocols do not share are the last to be said, with each protocol once', () => {
  const one = (side: 'left' | 'right', code: string) => ({ ...prescription, code, side })
  const given = answer([
    protocol('b', { prescriptions: [one('left', 'walk-1'), one('left', 'walk-2')] }),
    protocol('a', { prescriptions: [one('right', 'walk')], contraindications: [{ ...ban, code: 'no-walk' }] }),
  ])
  expect(given.withheld[0]?.reasons).toMatchObject([
    { kind: 'contraindication' },
    { kind: 'sides-disagree', protocols: ['a', 'b'] },
  ])
})

test('of a protocol that prescribes nothing near, only the nearest is told; a permit leaves nothing missing', () => {
  const given = answer(
    [
      protocol('a', {
        phases: ['early', 'late'].map((code, index) => ({
          code,
          title: code,
          entry: { days: { atLeast: index * 20 } },
        })),
        prescriptions: [
          { ...prescription, code: 'walk-late', from: 'late' },
          { ...prescription, code: 'walk-later', from: 'unknown' },
          { ...prescription, exercise: 'lift', code: 'lift', from: 'unknown' },
          { ...prescription, exercise: 'carry', code: 'carry', through: 'unknown' },
        ],
        exercises: [walk, lift, { ...walk, code: 'carry' }],
      }),
    ],
    [
      {
        id: 'yes',
        kind: 'override',
        effect: 'permit',
        exercise: 'swim',
        entry: swim,
        from: '2026-03-05',
        lifts: [],
        versions: [],
      },
      {
        id: 'no',
        kind: 'override',
        effect: 'withhold',
        exercise: 'swim',
        entry: swim,
        from: '2026-03-06',
        lifts: [],
        versions: [],
      },
    ],
  )
  expect(given.withheld).toMatchObject([
    { reasons: [{ kind: 'phase-not-reached', phase: { code: 'early', title: 'early' } }] },
    { reasons: [{ phase: { code: 'unknown', title: 'unknown' }, entries: [{ atLeast: 20 }] }] },
    { reasons: [{ kind: 'override' }] },
    { reasons: [{ kind: 'phase-not-reached', rule: 'walk-later' }] },
  ])
})

test('the lists are in order: limits and goals by quantity, protocol and rule, red flags by urgency, protocol and code', () => {
  const limit = (code: string, quantity: string, kind: 'cap' | 'goal') => ({ code, quantity, max: 5, unit: 'kg', kind })
  const kinds = ['cap', 'goal'] as const
  const limits = (codes: readonly string[]) =>
    kinds.flatMap((kind) =>
      codes.flatMap((code) => ['push', 'lift'].map((what) => limit(`${what}-${code}`, what, kind))),
    )
  const flags = [
    { code: 'numb', title: 'Numb', response: 'contact-surgeon' },
    { code: 'fever', title: 'Fever', response: 'contact-surgeon' },
    { code: 'palsy', title: 'Palsy', response: 'emergency' },
  ] as const
  const given = answer([
    protocol('b', { limits: limits(['two', 'one']), redFlags: flags }),
    protocol('a', {
      limits: limits(['three']),
      redFlags: flags,
      phases: [
        { code: 'early', title: 'Early', entry: { days: { atLeast: 0 } }, setting: 'home', goals: ['rest', 'eat'] },
      ],
    }),
  ])
  const ordered = [...['a lift-three', 'b lift-one', 'b lift-two'], ...['a push-three', 'b push-one', 'b push-two']]
  expect(given.limits.map(({ protocol, rule }) => `${protocol} ${rule}`)).toEqual(ordered)
  expect(given.limits.map(({ supersededBy }) => supersededBy?.rule ?? null)).toEqual([
    ...[null, 'lift-three', 'lift-three'],
    ...[null, 'push-three', 'push-three'],
  ])
  expect(given.goals.map(({ protocol, rule }) => `${protocol} ${rule}`)).toEqual(ordered)
  expect(given.redFlags.map(({ protocol, code }) => `${protocol} ${code}`)).toEqual([
    ...['a palsy', 'b palsy', 'a fever', 'a numb', 'b fever', 'b numb'],
  ])
  expect(given.protocols.map(({ phase }) => phase)).toMatchObject([
    { setting: 'home', goals: ['rest', 'eat'] },
    { setting: null, goals: [] },
  ])
})

test('of several grants provisos and texts are in one order', () => {
  const grant = (text: string) => ({ provided: text, dosage: [{ note: text }] })
  const [permitted] = answer([
    protocol('a', { prescriptions: [{ ...prescription, code: 'walk', ...grant('with a stick') }] }),
    protocol('b', { prescriptions: [{ ...prescription, code: 'walk', ...grant('on the flat') }] }),
  ]).permitted
  expect(permitted).toMatchObject({
    provided: ['on the flat', 'with a stick'],
    dose: { note: 'on the flat; with a stick' },
  })
  expect(permitted?.dose).not.toHaveProperty('amounts')
})

test('whatever any version knows of an exercise counts, and of the question only what none does', () => {
  const effort = {
    code: 'no-effort',
    title: 'No effort',
    strength: 'absolute',
    target: [{ attributes: { effort: 2 } }],
  } as const
  const knowing = (code: string, grade: Grade) =>
    protocol(code, {
      exercises: [{ ...walk, attributes: { effort: grade } }],
      prescriptions: [{ ...prescription, code: 'walk' }],
      contraindications: [effort],
    })
  const isWithheld = (documents: readonly ProtocolDocument[], asked: Grade) =>
    answer(documents, [], { alsoJudge: [{ ...walk, attributes: { effort: asked } }] }).withheld.length === 1
  expect(isWithheld([knowing('a', 3), knowing('b', 0)], 0)).toBe(true)
  expect(isWithheld([knowing('a', 0), knowing('b', 3)], 0)).toBe(true)
  expect(isWithheld([knowing('a', 0), knowing('b', 0)], 3)).toBe(false)
})

test('what one version knows for certain is certain, and what none knows is named, each once', () => {
  const ban = (code: string, attributes: Record<string, Grade>) =>
    ({ code, title: code, strength: 'absolute', target: [{ attributes }] }) as const
  const knowing = (code: string, attributes: Record<string, Grade>) =>
    protocol(code, {
      exercises: [{ ...walk, attributes }],
      prescriptions: [{ ...prescription, code: 'walk' }],
      contraindications:
        code === 'a' ? [ban('one', { jump: 1, effort: 2 }), ban('three', { effort: 1 }), ban('two', { jump: 2 })] : [],
    })
  const against = (documents: readonly ProtocolDocument[]) =>
    answer(documents).withheld[0]?.reasons.map((reason) =>
      reason.kind === 'contraindication' ? [reason.rule, reason.certain, reason.ungraded] : reason.kind,
    )
  const open = knowing('a', { jump: 2 })
  expect(against([open, knowing('b', { jump: 2, effort: 2 })])).toEqual([
    ['one', true, []],
    ['three', true, []],
    ['two', true, []],
  ])
  expect(against([knowing('a', { jump: 2, effort: 2 }), knowing('b', { jump: 2 })])).toEqual([
    ['one', true, []],
    ['three', true, []],
    ['two', true, []],
  ])
  expect(against([open, knowing('b', { effort: 2 })])).toEqual([
    ['one', false, ['effort', 'jump']],
    ['three', true, []],
    ['two', true, []],
  ])
  expect(against([knowing('a', { effort: 2 }), knowing('b', { jump: 2 })])?.[0]).toEqual([
    'one',
    false,
    ['effort', 'jump'],
  ])
  expect(against([knowing('a', { jump: 0, effort: 1 }), knowing('b', { jump: 2, effort: 2 })])).toEqual([
    ['one', true, []],
    ['three', true, []],
    ['two', true, []],
  ])
})

test('a condition names what it counts from, and the phases that it means', () => {
  const when = {
    any: [
      { days: { before: 20 } },
      { days: { since: 'visit', before: 20 } },
      { phase: { from: 'early' } },
      { phase: { through: 'early' } },
    ],
  }
  const given = answer([
    protocol('a', {
      milestones: [{ code: 'visit', title: 'Visit', grantedBy: ['surgeon'] }],
      contraindications: [{ ...ban, code: 'no-walk', when, rationale: 'It is too early.' }],
      redFlags: [{ code: 'fever', title: 'Fever', response: 'emergency', text: 'Call.' }],
    }),
  ])
  const early = { code: 'early', title: 'Early' }
  expect(given.avoid).toMatchObject([
    {
      rationale: 'It is too early.',
      when: {
        of: [
          { since: null, until: '2026-03-22' },
          { since: { code: 'visit', title: 'Visit' }, until: null },
          { from: early, through: null },
          { from: null, through: early },
        ],
      },
    },
  ])
  expect(given.redFlags).toMatchObject([{ text: 'Call.' }])
})

test('a condition says what was observed, when, whether that is too old, and what to ask', () => {
  const fact = (code: string, withinDays: number) => ({ fact: code, atMost: 3, withinDays })
  const given = answer(
    [
      protocol('a', {
        facts: [{ code: 'pain', title: 'Pain', type: 'number', unit: 'NRS', ask: 'How bad is it?' }],
        contraindications: [
          { ...ban, code: 'no-walk', when: { any: [fact('pain', 4), fact('pain', 5), fact('ache', 9)] } },
        ],
      }),
    ],
    [{ kind: 'fact', code: 'pain', value: 5, on: '2026-03-07' }],
  )
  const pain = {
    fact: { code: 'pain', title: 'Pain', ask: 'How bad is it?', unit: 'NRS' },
    latest: { value: 5, on: '2026-03-07' },
  }
  const ache = { fact: { code: 'ache', title: 'ache', ask: 'ache', unit: null }, latest: null }
  expect(given.avoid[0]?.when).toMatchObject({
    of: [
      { ...pain, stale: true, truth: 'unknown' },
      { ...pain, stale: false, truth: 'false' },
      { ...ache, stale: false, truth: 'unknown' },
    ],
  })
})

test('a limit says what it is in its own words, and one is made needless by a narrower one that shares an end', () => {
  const turn = { quantity: 'turning', unit: 'deg', min: 10 }
  const given = answer([
    protocol('a', {
      limits: [
        { ...turn, code: 'narrow', max: 60, text: 'Slowly.' },
        { ...turn, code: 'wide', max: 80 },
      ],
    }),
  ])
  expect(given.limits).toMatchObject([
    { rule: 'narrow', text: 'Slowly.', supersededBy: null },
    { rule: 'wide', text: null, supersededBy: { protocol: 'a', rule: 'narrow' } },
  ])
})

test('a rule names the sources that it cites, by id, and no others', () => {
  const sources = ['c', 'a', 'b'].map((id) => ({ id, title: `Article ${id}` }))
  const given = answer([
    protocol('a', {
      sources,
      instructions: [
        { code: 'cites', about: 'sleep', text: 'On the side.', sources: ['b', 'c'] },
        { code: 'cites-nothing', about: 'sleep', text: 'On the back.', sources: [] },
        { code: 'has-none', about: 'sleep', text: 'At night.' },
      ],
    }),
  ])
  expect(given.instructions.map((instruction) => instruction.sources.map(({ id }) => id))).toEqual([['b', 'c'], [], []])
})

test('a phase that asks about phases is never reached; the same question of a rule has an answer if there is the phase', () => {
  const asked = { phase: { from: 'early' } }
  const given = answer([
    protocol('a', {
      phases: [
        { code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } },
        { code: 'late', title: 'Late', entry: asked },
      ],
      instructions: [
        { code: 'sleep', about: 'sleep', text: 'On the side.', when: asked },
        { code: 'sleep-1', about: 'sleep', text: 'On the side.', when: { phase: { from: 'nowhere' } } },
        { code: 'sleep-2', about: 'sleep', text: 'On the side.', when: { phase: { through: 'nowhere' } } },
      ],
    }),
  ])
  expect(given.protocols).toMatchObject([{ phase: { code: 'early' } }])
  expect(given.instructions.map(({ certain }) => certain)).toEqual([true, false, false])
})
