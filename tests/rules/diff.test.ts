import { describe, expect, test } from '@jest/globals'
import { type Condition, type Diff, derive, diff, type ProtocolDocument } from '../../src/rules/index.ts'
import { documents } from './check-bounds.ts'
import { confirmDifference, foretold } from './diff-meaning.ts'
import { diffProperties } from './diff-properties.ts'

const runs = Math.ceil(Number(process.env.RULES_RANDOM_CASES ?? 20_000) / 400)

/** What the random pairs must have shown, of what they show often. */
const reached: Record<string, readonly string[]> = {
  'what differs in any case is told, with its day': ['case that differs', 'case that does not'],
  'what is told is so: each witness, and whoever has what an occasion takes': [
    'exercise',
    'dose',
    'limit',
    'contraindication',
    'red-flag',
    'goal',
    'phase',
    'instruction',
    'asks',
    'occasion without something',
    'occasion after two milestones',
    'occasion after an observation',
  ],
  'every change of text leads to what it says': ['added', 'changed', 'removed', 'reordered'],
  'however the same is written, nothing differs': ['said twice', 'other phases'],
}

describe('of random pairs of documents', () => {
  test.each(diffProperties.map(({ name, check }) => [name, check] as const))('%s', (name, check) => {
    const counts = new Map<string, number>()
    check({ derive, diff }, runs, (what) => counts.set(what, (counts.get(what) ?? 0) + 1))
    expect((reached[name] ?? []).filter((what) => !counts.has(what))).toEqual([])
  })
})

const walking = { code: 'walking', title: 'Walking', kind: 'exercise', attributes: { impact: 1 } } as const
const golf = { code: 'golf', title: 'Golf', kind: 'activity', attributes: { impact: 2 } } as const
const sit = { code: 'sit', about: 'posture', text: 'Sit up.' }
const walk = {
  code: 'walks',
  exercise: 'walking',
  from: 'first',
  through: 'second',
  supervision: 'supervised',
  side: 'both',
} as const
const twisting = { code: 'twisting', title: 'Twisting', strength: 'absolute', target: [{ exercise: 'golf' }] } as const
const lifting = { code: 'lifting', quantity: 'load', max: 10, unit: 'kg' }

const base: ProtocolDocument = {
  format: 1,
  code: 'example',
  title: 'Example',
  procedures: ['repair'],
  exercises: [walking, golf],
  sources: [],
  milestones: [
    { code: 'visit', title: 'Visit' },
    { code: 'clearance', title: 'Clearance', grantedBy: ['surgeon'] },
  ],
  facts: [{ code: 'pain', title: 'Pain', type: 'number', min: 0, max: 10, ask: 'How bad?' }],
  phases: [
    { code: 'first', title: 'First', entry: { days: { atLeast: 0 } } },
    { code: 'second', title: 'Second', entry: { milestone: 'visit' } },
  ],
  prescriptions: [walk],
  contraindications: [twisting],
  instructions: [sit],
  limits: [lifting],
  redFlags: [{ code: 'fever', title: 'Fever', response: 'contact-surgeon' }],
}

/** Everything that one member changes: each difference without its cases, and confirmed. */
function change(before: Partial<ProtocolDocument>, after: Partial<ProtocolDocument>): Diff {
  const pair = [
    { ...base, ...before },
    { ...base, ...after },
  ] as const
  const found = diff(...pair)
  expect(found.undecided).toEqual([])
  for (const one of found.differences) expect(confirmDifference(derive, pair, one)).toBeNull()
  return found
}

const walksWhen = (when: Condition) => ({ prescriptions: [{ ...walk, when }] })
const fromDay = (atLeast: number) => walksWhen({ days: { atLeast } })

describe('an exercise', () => {
  test('that is permitted later is lost on the days between', () => {
    const { differences, text } = change(fromDay(28), fromDay(42))
    expect(differences).toEqual([
      {
        kind: 'exercise',
        exercise: { code: 'walking', title: 'Walking' },
        change: 'lost',
        direction: 'stricter',
        days: [{ from: 28, before: 42 }],
        occasions: [
          {
            days: { from: 28, before: 42 },
            milestones: [],
            facts: [],
            without: { milestones: [], facts: [] },
            reading: 'later',
          },
        ],
        isComplete: true,
        witness: { daysSinceSurgery: 28, side: null, milestones: [], facts: [] },
      },
    ])
    expect(text).toEqual([
      {
        change: 'changed',
        name: 'prescriptions/walks/when',
        before: { path: '/prescriptions/0/when', value: { days: { atLeast: 28 } } },
        after: { path: '/prescriptions/0/when', value: { days: { atLeast: 42 } } },
      },
    ])
  })

  const readings: [string, Partial<ProtocolDocument>, Partial<ProtocolDocument>, string][] = [
    ['earlier', fromDay(42), fromDay(28), 'gained 28–41 earlier'],
    ['newly', { prescriptions: [] }, fromDay(28), 'gained 28– newly'],
    ['no longer', fromDay(28), { prescriptions: [] }, 'lost 28– no-longer'],
    ['longer', walksWhen({ days: { before: 28 } }), walksWhen({ days: { before: 42 } }), 'gained 28–41 longer'],
    ['shorter', walksWhen({ days: { before: 42 } }), walksWhen({ days: { before: 28 } }), 'lost 28–41 shorter'],
    ['in more cases', walksWhen({ milestone: 'visit' }), {}, 'gained 0– without visit more'],
    ['in fewer cases', {}, walksWhen({ fact: 'pain', atMost: 3 }), 'lost 0– without pain fewer; 0– pain above 3 fewer'],
    [
      'later after a milestone',
      walksWhen({ milestone: 'visit' }),
      walksWhen({ days: { since: 'visit', atLeast: 14 } }),
      'lost 0– visit 0–13 later',
    ],
    [
      'by fewer roles',
      { ...walksWhen({ milestone: 'clearance' }) },
      {
        ...walksWhen({ milestone: 'clearance' }),
        milestones: [base.milestones[0] as never, { code: 'clearance', title: 'Clearance', grantedBy: ['nurse'] }],
      },
      'lost 0– clearance by surgeon fewer; gained 0– clearance by nurse more',
    ],
  ]

  test.each(readings)('is permitted %s', (_name, before, after, expected) => {
    const { differences } = change(before, after)
    const said = differences.flatMap((one) => {
      if (one.kind !== 'exercise') return []
      return one.occasions.map(({ days, milestones, facts, without, reading }, row) =>
        [
          ...(row === 0 ? [one.change] : []),
          `${days.from}–${days.before === null ? '' : days.before - 1}`,
          ...milestones.map(({ milestone, grantedBy, least, most }) =>
            [
              milestone.code,
              ...(most === null ? [] : [`${least}–${most}`]),
              ...(grantedBy.length === 0 ? [] : [`by ${grantedBy.join()}`]),
            ].join(' '),
          ),
          ...facts.map(({ fact, test }) => [fact.code, ...Object.entries(test).flat()].join(' ')),
          ...[...without.milestones, ...without.facts].map(({ code }) => `without ${code}`),
          reading,
        ].join(' '),
      )
    })
    expect(said.join('; ')).toBe(expected)
  })
})

describe('what else differs', () => {
  const one = (changed: Partial<ProtocolDocument>) => ({ prescriptions: [{ ...walk, ...changed }] as never })
  const asksForSide = (prescriptions: ProtocolDocument['prescriptions']): Partial<ProtocolDocument> => ({
    facts: [
      {
        code: 'operated',
        title: 'Operated side',
        type: 'choice',
        values: ['left', 'right', 'bilateral'],
        ask: 'Where?',
        operation: 'side',
      },
    ],
    prescriptions: [
      ...prescriptions,
      { ...walk, code: 'right', side: 'right', when: { fact: 'operated', is: 'right' } },
    ],
  })
  const rule = { code: 'twisting', title: 'Twisting' }
  const exercise = { code: 'walking', title: 'Walking' }

  test.each<[string, Partial<ProtocolDocument>, Partial<ProtocolDocument>, object[]]>([
    [
      'a limit that gets stricter on some days',
      {},
      { limits: [lifting, { ...lifting, code: 'less', max: 5, when: { days: { before: 14 } } }] },
      [{ kind: 'limit', change: 'tightened', before: 10, after: 5, days: [{ from: 0, before: 14 }] }],
    ],
    [
      'a limit without a number instead of one with',
      {},
      { limits: [{ code: 'lifting', quantity: 'load', unit: 'kg', value: null, text: 'Ask.' }] },
      [
        { kind: 'instructed-limit', text: 'Ask.', change: 'added', direction: 'stricter' },
        { kind: 'limit', change: 'removed', before: 10, after: null, direction: 'laxer' },
      ],
    ],
    [
      'a contraindication that gets relative',
      {},
      { contraindications: [{ ...twisting, strength: 'relative' }] },
      [
        { kind: 'contraindication', rule, strength: 'relative', change: 'added', direction: 'stricter' },
        { kind: 'contraindication', rule, strength: 'absolute', change: 'removed', direction: 'laxer' },
      ],
    ],
    [
      'a target',
      {},
      { contraindications: [{ ...twisting, target: [...twisting.target, { attributes: { impact: 3 } }] }] },
      [{ kind: 'contraindication', change: 'added', isOnly: true, isPart: true, exercises: [] }],
    ],
    [
      'the grade of an exercise',
      { contraindications: [{ ...twisting, target: [{ attributes: { impact: 2 } }] }] },
      {
        contraindications: [{ ...twisting, target: [{ attributes: { impact: 2 } }] }],
        exercises: [walking, { ...golf, attributes: { impact: 1 } }],
      },
      [{ kind: 'match', rule, exercise: { code: 'golf', title: 'Golf' }, change: 'removed', direction: 'laxer' }],
    ],
    [
      'a dose, in each of its numbers',
      one({ dosage: [{ reps: 10, timesPerDay: 3 }] } as never),
      one({ dosage: [{ reps: 10, timesPerDay: 2 }] } as never),
      [{ kind: 'dose', exercise, before: { reps: 10, timesPerDay: 3 }, direction: 'stricter' }],
    ],
    [
      'a dose that is more of one and less of another',
      one({ dosage: [{ reps: 10, timesPerDay: 3 }] } as never),
      one({ dosage: [{ reps: 20, timesPerDay: 2 }] } as never),
      [{ kind: 'dose', direction: 'other' }],
    ],
    [
      'supervision, a side and a proviso',
      {},
      one({ supervision: 'independent', side: 'left', provided: 'with a stick' } as never),
      [
        { kind: 'side', operated: null, before: 'both', after: 'left', direction: 'stricter' },
        { kind: 'provided', before: [], after: ['with a stick'], direction: 'stricter' },
        { kind: 'supervision', before: 'supervised', after: 'independent', direction: 'laxer' },
      ],
    ],
    [
      'a side that is another only for one of the operated sides',
      one({ side: 'left' } as never),
      {
        prescriptions: [
          { ...walk, side: 'left' },
          { ...walk, code: 'more', side: 'operative' },
        ],
      },
      [{ kind: 'side', operated: 'right', before: 'left', after: 'both', direction: 'laxer' }],
    ],
    [
      'a side where the side that was operated on is asked for, too',
      asksForSide([{ ...walk, side: 'left' }]),
      asksForSide([
        { ...walk, side: 'left' },
        { ...walk, code: 'more', side: 'operative' },
      ]),
      [
        {
          kind: 'side',
          operated: 'right',
          witness: { side: 'right', facts: [{ code: 'operated', value: 'bilateral', day: 0 }] },
        },
      ],
    ],
    [
      'a caution',
      {},
      {
        contraindications: [
          twisting,
          { ...twisting, code: 'care', strength: 'caution', target: [{ exercise: 'walking' }] },
        ],
      },
      [{ kind: 'cautions', added: [{ code: 'care', title: 'Twisting' }] }, { kind: 'contraindication' }],
    ],
    [
      'an instruction with other words',
      {},
      { instructions: [{ ...sit, text: 'Sit.' }] },
      [
        { kind: 'instruction', text: 'Sit up.', change: 'removed', isOnly: true, days: [{ from: 0, before: null }] },
        { kind: 'instruction', text: 'Sit.', change: 'added' },
      ],
    ],
    [
      'red flags',
      { redFlags: [...base.redFlags, { code: 'leak', title: 'Leak', response: 'emergency' }] },
      { redFlags: [{ code: 'fever', title: 'Fever', response: 'emergency' }] },
      [
        { kind: 'red-flag', change: 'response', before: 'contact-surgeon', after: 'emergency', direction: 'stricter' },
        { kind: 'red-flag', change: 'removed', redFlag: { code: 'leak', title: 'Leak' }, direction: 'laxer' },
      ],
    ],
    [
      'what is asked for, though no answer depends on it',
      {},
      walksWhen({ any: [{ fact: 'pain', atLeast: 0 }, { not: { days: { atLeast: -1, before: -1 } } }] }),
      [{ kind: 'asks', what: 'fact', named: { code: 'pain', title: 'Pain' }, ask: 'How bad?', change: 'added' }],
    ],
    [
      'what the operation tells, and what it is for',
      walksWhen({ fact: 'pain', atMost: 3 }),
      {
        ...walksWhen({ fact: 'pain', atMost: 3 }),
        facts: [{ ...(base.facts[0] as never as object), operation: 'levels' }] as never,
        procedures: ['other'],
      },
      [
        { kind: 'told', fact: { code: 'pain', title: 'Pain' }, before: null, after: 'levels' },
        { kind: 'procedure', procedure: 'repair', change: 'removed' },
        { kind: 'procedure', procedure: 'other', change: 'added' },
      ],
    ],
  ])('%s', (_name, before, after, expected) => {
    const { differences } = change(before, after)
    expect(differences).toMatchObject(expected)
    expect(differences).toHaveLength(expected.length)
  })

  test('phases that are entered later are told as the reason, and not where nothing else differs', () => {
    const later = { phases: [base.phases[0], { ...base.phases[1], entry: { days: { atLeast: 7 } } }] as never }
    expect(change({}, later)).toMatchObject({ differences: [{ kind: 'asks', change: 'removed' }] })
    const atFirst = { prescriptions: [{ ...walk, through: 'first' }] }
    const { differences, phases } = change(atFirst, { ...atFirst, ...later })
    expect(differences.map(({ kind }) => kind)).toEqual(['exercise', 'exercise', 'asks'])
    expect(phases).toMatchObject([
      { phase: { code: 'first' }, change: 'lost', days: [{ from: 7, before: null }], isOnly: false },
      { phase: { code: 'first' }, change: 'gained', days: [{ from: 0, before: 7 }] },
      { phase: { code: 'second' }, change: 'lost', days: [{ from: 0, before: 7 }] },
      { phase: { code: 'second' }, change: 'gained', days: [{ from: 7, before: null }] },
    ])
  })
})

describe('text', () => {
  test('is compared by code, so that an item that is put in and another order are no noise', () => {
    const { differences, text } = change(
      { contraindications: [twisting, { ...twisting, code: 'again' }] },
      {
        title: 'Another title',
        contraindications: [
          { ...twisting, code: 'again', rationale: 'It hurts.' },
          { ...twisting, code: 'new' },
          { ...twisting, title: 'Turning' },
        ],
      },
    )
    expect(differences).toEqual([])
    expect(text).toEqual([
      {
        change: 'changed',
        name: 'title',
        before: { path: '/title', value: 'Example' },
        after: { path: '/title', value: 'Another title' },
      },
      {
        change: 'changed',
        name: 'contraindications/twisting/title',
        before: { path: '/contraindications/0/title', value: 'Twisting' },
        after: { path: '/contraindications/2/title', value: 'Turning' },
      },
      {
        change: 'added',
        name: 'contraindications/again/rationale',
        before: null,
        after: { path: '/contraindications/0/rationale', value: 'It hurts.' },
      },
      {
        change: 'added',
        name: 'contraindications/new',
        before: null,
        after: { path: '/contraindications/1', value: { ...twisting, code: 'new' } },
      },
      {
        change: 'reordered',
        name: 'contraindications',
        before: { path: '/contraindications', value: ['twisting', 'again'] },
        after: { path: '/contraindications', value: ['again', 'new', 'twisting'] },
      },
    ])
  })

  test('tells of an exercise that only one of the two has if that one names it, and of what changed in both', () => {
    const jumping = { code: 'jumping', title: 'Jumping', kind: 'exercise', attributes: { impact: 3 } } as const
    const names = (before: Partial<ProtocolDocument>, after: Partial<ProtocolDocument>): string[] =>
      diff({ ...base, ...before }, { ...base, ...after }).text.map(({ name, change }) => `${name}: ${change}`)
    const withJumping = [walking, jumping, golf]
    expect(names({}, { exercises: withJumping })).toEqual([])
    expect(names({ exercises: withJumping }, {})).toEqual([])
    const jumps = { ...walk, code: 'jumps', exercise: 'jumping' }
    expect(names({}, { exercises: withJumping, prescriptions: [walk, jumps] })).toEqual([
      'exercises/jumping: added',
      'prescriptions/jumps: added',
    ])
    expect(names({ exercises: withJumping, prescriptions: [walk, jumps] }, {})).toEqual([
      'exercises/jumping: removed',
      'prescriptions/jumps: removed',
    ])
    const harder = { ...jumping, attributes: { impact: 2 } } as const
    expect(names({ exercises: withJumping }, { exercises: [harder, walking, golf] })).toEqual([
      'exercises/jumping/attributes/impact: changed',
      'exercises: reordered',
    ])
  })
})

describe('bounds', () => {
  const mostSeconds = 10

  function secondsOf(work: () => unknown): number {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000_000
  }

  // Of many exercises, of many facts, and of many phases.
  test.each(Object.entries(documents).filter((_, index) => [0, 1, 4].includes(index)))(
    '%s: told, or named as undecided, in some seconds',
    (_name, document) => {
      const text = JSON.stringify(document).replaceAll(
        /"atLeast":(\d+)/g,
        (_, bound) => `"atLeast":${Number(bound) + 1}`,
      )
      const shifted: ProtocolDocument = JSON.parse(text)
      let found: Diff | null = null
      const seconds = secondsOf(() => {
        found = diff(document, shifted)
      })
      expect(seconds).toBeLessThan(mostSeconds)
      const { differences, undecided } = found as unknown as Diff
      const exercises = undecided.flatMap((one) => (one.kind === 'exercise' ? one.of.code : []))
      expect(exercises.length === 0 ? differences.length : exercises.length).toBeGreaterThan(0)
      for (const one of differences.slice(0, 1)) expect(confirmDifference(derive, [document, shifted], one)).toBeNull()
    },
  )

  test('what is not decided is named and never equal; what is cut short of its occasions stays true', () => {
    const after = { ...base, ...fromDay(42), limits: [{ ...lifting, max: 5 }] }
    const { differences, undecided, text } = diff(base, after, 1)
    expect(differences).toEqual([])
    expect(undecided).toEqual([
      { kind: 'exercise', of: { code: 'walking', title: 'Walking' } },
      { kind: 'limit', quantity: 'load', unit: 'kg' },
    ])
    expect(text).toHaveLength(2)
    const whole = foretold(diff(base, after), 0)
    for (let most = 1; most < 3_000; most += 37) {
      const part = diff(base, after, most)
      const told = foretold(part, 0)
      expect([...told].filter((name) => !whole.has(name))).toEqual([])
      expect(told.size === whole.size || part.undecided.length > 0).toBe(true)
    }
  })
})
