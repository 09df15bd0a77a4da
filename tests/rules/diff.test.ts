import { describe, expect, test } from '@jest/globals'
import { type Diff, derive, diff, type ProtocolDocument } from '../../src/rules/index.ts'
import { confirmDifference, foretold } from './diff-meaning.ts'
import {
  base,
  fromDay,
  golf,
  inShort,
  lifting,
  readPairs,
  sit,
  twisting,
  walk,
  walking,
  walksWhen,
} from './diff-pairs.ts'

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

describe('of small pairs', () => {
  const pairs = readPairs().map(({ name, told, before, after }) => {
    return {
      name,
      told,
      pair: [
        { ...base, ...before },
        { ...base, ...after },
      ] as const,
    }
  })

  test.each(pairs)('$name', ({ pair, told }) => {
    const { differences, phases, undecided } = diff(...pair)
    expect([...differences, ...phases].map(inShort)).toEqual(told)
    expect(undecided).toEqual([])
  })
})

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
            operation: [],
            without: { milestones: [], facts: [] },
            reading: 'later',
          },
        ],
        isComplete: true,
        witness: { daysSinceSurgery: 28, side: null, levels: null, procedures: [], milestones: [], facts: [] },
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

test('an occasion names its milestones and facts as the newer version does, if that has them', () => {
  const asked = { ...base, ...walksWhen({ all: [{ milestone: 'clearance' }, { fact: 'pain', atMost: 3 }] }) }
  const milestones = base.milestones.map((one) => ({ ...one, title: `New: ${one.title}` }))
  const renamed = { ...base, milestones, prescriptions: [] }
  const occasions = [diff(asked, renamed), diff(asked, { ...renamed, milestones: [] })].map(
    ({ differences }) => differences.find(({ kind }) => kind === 'exercise')?.occasions[0],
  )
  const ever = { least: 0, most: null }
  const fact = { code: 'pain', title: 'Pain', ask: 'How bad?', unit: null }
  expect(occasions).toMatchObject(
    ['New: Clearance', 'Clearance'].map((title) => ({
      milestones: [{ milestone: { code: 'clearance', title }, grantedBy: ['surgeon'], ...ever }],
      facts: [{ fact, test: { atMost: 3 }, ...ever }],
    })),
  )
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
        { kind: 'exercise', change: 'gained', direction: 'laxer', witness: { levels: 1, facts: [] } },
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

describe('each change of text', () => {
  const flag = base.redFlags[0] as ProtocolDocument['redFlags'][number]
  const source = { id: 'a', title: 'A' }
  const stepped = (...dosage: object[]) => ({ prescriptions: [{ ...walk, dosage }] }) as Partial<ProtocolDocument>
  const told = (operation: unknown) =>
    ({ facts: base.facts.map((fact) => ({ ...fact, operation })) }) as Partial<ProtocolDocument>
  const graded = (attributes: object) =>
    ({ exercises: [{ ...walking, attributes }, golf] }) as unknown as Partial<ProtocolDocument>

  test.each<[string, Partial<ProtocolDocument>, Partial<ProtocolDocument>, string[]]>([
    ['nothing', {}, structuredClone(base), []],
    ['a member that is new', {}, { description: 'New' }, ['added description:  → /description "New"']],
    ['a member that is gone', { description: 'Old' }, {}, ['removed description: /description "Old" → ']],
    [
      'a list of words',
      {},
      { procedures: ['repair', 'revision'] },
      ['changed procedures: /procedures ["repair"] → /procedures ["repair","revision"]'],
    ],
    [
      'items without codes',
      stepped({ reps: 5 }),
      stepped({ reps: 6 }),
      [
        'changed prescriptions/walks/dosage: /prescriptions/0/dosage [{"reps":5}] → /prescriptions/0/dosage [{"reps":6}]',
      ],
    ],
    [
      'the first items',
      { sources: [] },
      { sources: [source] },
      ['added sources/a:  → /sources/0 {"id":"a","title":"A"}'],
    ],
    [
      'the last items',
      { sources: [source] },
      { sources: [] },
      ['removed sources/a: /sources/0 {"id":"a","title":"A"} → '],
    ],
    [
      'an item that is known by its id',
      { sources: [source, { id: 'b', title: 'A' }] },
      { sources: [{ id: 'b', title: 'B' }, source] },
      [
        'changed sources/b/title: /sources/1/title "A" → /sources/0/title "B"',
        'reordered sources: /sources ["a","b"] → /sources ["b","a"]',
      ],
    ],
    [
      'items with one id, which are known by their titles',
      { sources: [source, { ...source, title: 'B' }] },
      { sources: [source, { ...source, title: 'B', locator: 'p. 1' }] },
      ['added sources/B/locator:  → /sources/1/locator "p. 1"'],
    ],
    [
      'items that are known by nothing',
      { sources: [source, source] },
      { sources: [source] },
      ['changed sources: /sources [{"id":"a","title":"A"},{"id":"a","title":"A"}] → /sources [{"id":"a","title":"A"}]'],
    ],
    [
      'items that are known by nothing any more',
      { sources: [source] },
      { sources: [source, source] },
      ['changed sources: /sources [{"id":"a","title":"A"}] → /sources [{"id":"a","title":"A"},{"id":"a","title":"A"}]'],
    ],
    [
      'a rule that is called like an exercise of the catalogue',
      {},
      { exercises: [walking, golf, { ...golf, code: 'rowing' }], instructions: [sit, { ...sit, code: 'rowing' }] },
      ['added instructions/rowing:  → /instructions/1 {"code":"rowing","about":"posture","text":"Sit up."}'],
    ],
    [
      'a word instead of an object',
      told({ procedure: 'repair' }),
      told('levels'),
      ['changed facts/pain/operation: /facts/0/operation {"procedure":"repair"} → /facts/0/operation "levels"'],
    ],
    [
      'an object instead of a word',
      told('levels'),
      told({ procedure: 'repair' }),
      ['changed facts/pain/operation: /facts/0/operation "levels" → /facts/0/operation {"procedure":"repair"}'],
    ],
    [
      'an accepted finding',
      { accepted: [{ finding: 'x', reason: 'Old' }] },
      { accepted: [{ finding: 'x', reason: 'New' }] },
      ['changed accepted/x/reason: /accepted/0/reason "Old" → /accepted/0/reason "New"'],
    ],
    [
      'a name with signs of a pointer',
      { redFlags: [{ ...flag, code: 'a/b~c' }] },
      { redFlags: [{ ...flag, code: 'a/b~c', text: 'Call.' }] },
      ['added redFlags/a~1b~0c/text:  → /redFlags/0/text "Call."'],
    ],
    [
      'a member with signs of a pointer',
      graded({ impact: 1 }),
      graded({ impact: 1, 'a/b~c': 1 }),
      ['added exercises/walking/attributes/a~1b~0c:  → /exercises/0/attributes/a~1b~0c 1'],
    ],
    [
      'a member that every object has',
      graded({ impact: 1 }),
      graded({ impact: 1, constructor: 1 }),
      ['added exercises/walking/attributes/constructor:  → /exercises/0/attributes/constructor 1'],
    ],
    [
      'a condition as a whole',
      walksWhen({ all: [{ milestone: 'visit' }, { milestone: 'clearance' }] }),
      walksWhen({ all: [{ milestone: 'clearance' }, { milestone: 'visit' }] }),
      [
        'changed prescriptions/walks/when: /prescriptions/0/when {"all":[{"milestone":"visit"},{"milestone":"clearance"}]} → /prescriptions/0/when {"all":[{"milestone":"clearance"},{"milestone":"visit"}]}',
      ],
    ],
    [
      'a rule whose code begins like a condition',
      { prescriptions: [{ ...walk, code: 'when-ready' }] },
      { prescriptions: [{ ...walk, code: 'when-ready', provided: 'a stick' }] },
      ['added prescriptions/when-ready/provided:  → /prescriptions/0/provided "a stick"'],
    ],
    [
      'an order that is the same but for what is put in between',
      { sources: [source, { id: 'b', title: 'B' }] },
      { sources: [{ id: 'c', title: 'C' }, source, { id: 'd', title: 'D' }, { id: 'b', title: 'B' }] },
      [
        'added sources/c:  → /sources/0 {"id":"c","title":"C"}',
        'added sources/d:  → /sources/2 {"id":"d","title":"D"}',
      ],
    ],
    ['the order of members', graded({ impact: 1, load: 2 }), graded({ load: 2, impact: 1 }), []],
  ])('%s', (_name, before, after, expected) => {
    const { text, isTextCut } = diff({ ...base, ...before }, { ...base, ...after })
    const end = (one: { path: string; value: unknown } | null): string =>
      one === null ? '' : `${one.path} ${JSON.stringify(one.value)}`
    expect(text.map(({ change, name, before, after }) => `${change} ${name}: ${end(before)} → ${end(after)}`)).toEqual(
      expected,
    )
    expect(isTextCut).toBe(false)
  })
})

describe('bounds', () => {
  test('what was not decided of one question makes no other one wrong', () => {
    const when = { any: [{ milestone: 'visit' }, { milestone: 'clearance' }, { fact: 'pain', atMost: 3 }] } as const
    const after = {
      ...base,
      ...walksWhen({ all: [when, { days: { atLeast: 3 } }] }),
      limits: [{ ...lifting, max: 5, when }],
      contraindications: [{ ...twisting, when }],
      instructions: [{ ...sit, text: 'Sit.', when }],
    }
    const inDays = ({ differences }: Diff): string[] =>
      differences.map(({ occasions, isComplete, ...one }) => JSON.stringify(one))
    const whole = inDays(diff(base, after))
    const counts = new Set<number>()
    for (let most = 100; most < 6_000; most += 100) {
      const part = diff(base, after, most)
      const told = inDays(part)
      expect(whole).toEqual(expect.arrayContaining(told))
      expect(told.length === whole.length || part.undecided.length > 0).toBe(true)
      counts.add(told.length)
    }
    expect(counts.size).toBeGreaterThan(2)
  })

  test('what was read of a condition in part is read again for the next question', () => {
    const clauses = [{ milestone: 'visit' }, { milestone: 'clearance' }, { fact: 'pain', atMost: 3 }] as const
    const when = { any: [...clauses, { phase: { from: 'second' } }] } as const
    const after = {
      ...base,
      ...walksWhen(when),
      limits: [{ ...lifting, max: 5, when }],
      contraindications: [{ ...twisting, when }],
      instructions: [{ ...sit, text: 'Sit.', when }],
    }
    const inDays = ({ differences }: Diff): string[] =>
      differences.map(({ occasions, isComplete, ...one }) => JSON.stringify(one))
    const whole = inDays(diff(base, after))
    for (let most = 220; most < 380; most += 1) {
      expect(whole).toEqual(expect.arrayContaining(inDays(diff(base, after, most))))
    }
  })

  test('occasions that are cut short are the first of all', () => {
    const asked = [{ milestone: 'visit' }, { milestone: 'clearance' }, { fact: 'pain', atMost: 3 }] as const
    const after = { ...base, ...walksWhen({ any: asked }) }
    const before = { ...base, prescriptions: [] }
    const [whole] = diff(before, after).differences
    const counts = new Set<number>()
    for (let most = 100; most < 4_000; most += 150) {
      const [part] = diff(before, after, most).differences
      if (part?.kind !== 'exercise') continue
      expect(part.occasions).toEqual(whole?.occasions.slice(0, part.occasions.length))
      expect(part.isComplete).toBe(part.occasions.length === whole?.occasions.length)
      counts.add(part.occasions.length)
    }
    expect(counts.size).toBeGreaterThan(2)
  })

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

  const flags = (count: number): Partial<ProtocolDocument> => ({
    redFlags: Array.from({ length: count }, (_, index) => ({
      code: `flag-${index}`,
      title: 'Flag',
      response: 'emergency',
    })),
  })

  test.each([
    [1_000, 1_000, []],
    [1_001, 1_000, [{ kind: 'differences' }]],
  ])('of %d differences %d are told', (count, told, undecided) => {
    const found = diff({ ...base, redFlags: [] }, { ...base, ...flags(count) })
    expect(found.differences).toHaveLength(told)
    expect(found.undecided).toEqual(undecided)
  })

  test.each([
    [2_000, 2_000, false],
    [2_001, 2_000, true],
  ])('of %d changes of text %d are told', (count, told, isTextCut) => {
    const found = diff({ ...base, redFlags: [] }, { ...base, ...flags(count) })
    expect(found.text).toHaveLength(told)
    expect(found.isTextCut).toBe(isTextCut)
  })

  const spans = { phases: [{ ...base.phases[0], entry: { days: { atLeast: 1 } } }, base.phases[1]] as never }

  test('everything that may differ is named if nothing can be looked at', () => {
    const goal = { code: 'goal', kind: 'goal', quantity: 'arc', min: 90 } as const
    const bend = { code: 'bend', quantity: 'arc', max: 90 }
    const { undecided, phases, looks } = diff(
      { ...base, redFlags: [] },
      { ...base, ...spans, limits: [lifting, bend, goal] },
      1,
    )
    expect(undecided).toEqual([
      { kind: 'exercise', of: { code: 'walking', title: 'Walking' } },
      { kind: 'limit', quantity: 'load', unit: 'kg' },
      { kind: 'limit', quantity: 'arc', unit: null },
      { kind: 'contraindications' },
      { kind: 'instructions' },
      { kind: 'goals' },
      { kind: 'phases' },
      { kind: 'phase', of: { code: 'first', title: 'First' } },
      { kind: 'phase', of: { code: 'second', title: 'Second' } },
    ])
    expect([phases, looks]).toEqual([[], 1])
  })

  test('what is looked at does not depend on how much may be', () => {
    const looks = [20_000, 40_000].map((most) => diff(base, { ...base, ...spans }, most).looks)
    expect(looks[0]).toBe(looks[1])
    expect(looks[0]).toBeGreaterThan(0)
  })

  test('what is written alike is not looked at, whatever it is called and in whichever order', () => {
    const again = { ...walk, code: 'again', exercise: 'golf', through: 'first' } as const
    const goal = { code: 'goal', kind: 'goal', quantity: 'arc', min: 90 } as const
    const asked = base.facts[0] as ProtocolDocument['facts'][number]
    const told = { ...asked, code: 'told', type: 'boolean', operation: { procedure: 'repair' } } as const
    const cleared = { code: 'clearance', title: 'Clearance', grantedBy: ['surgeon', 'nurse'] }
    const other = { ...twisting, code: 'other', strength: 'caution', target: [{ attributes: { impact: 1 } }] } as const
    const before: ProtocolDocument = {
      ...base,
      exercises: [{ ...walking, groups: ['a'] }, golf],
      milestones: [base.milestones[0] as never, cleared],
      facts: [asked, told],
      prescriptions: [walk, { ...walk, code: 'more', side: 'left' }, again],
      contraindications: [twisting, other],
      instructions: [sit, { ...sit, code: 'stand', text: 'Stand.' }],
      limits: [lifting, { ...lifting, code: 'less', max: 5 }, goal],
    }
    const renamed = (rules: readonly object[], text: object): never =>
      rules.toReversed().map((rule, index) => ({ ...rule, code: `renamed-${index}`, ...text })) as never
    const sources = { sources: ['a'] }
    const after: ProtocolDocument = {
      ...base,
      exercises: [
        { ...golf, title: 'Golfing' },
        { ...walking, groups: ['a'], instructions: 'Slowly.' },
      ],
      milestones: [
        { ...cleared, title: 'Cleared', grantedBy: ['nurse', 'surgeon'] },
        { ...(base.milestones[0] as never as object), preOperative: false } as never,
      ],
      facts: [told, { ...asked, title: 'Ache', ask: 'How?', max: 20 }],
      phases: base.phases.map((phase) => ({ ...phase, title: 'Renamed', ...sources })),
      prescriptions: renamed(before.prescriptions, { rationale: 'a', modality: 'a', ...sources }),
      contraindications: renamed(before.contraindications, { title: 'Renamed', rationale: 'a', ...sources }),
      instructions: renamed(before.instructions, sources),
      limits: renamed(before.limits, sources),
    }
    for (const pair of [[before, after] as const, [after, before] as const]) {
      const { differences, undecided, phases } = diff(...pair, 1)
      expect({ differences, undecided, phases }).toEqual({ differences: [], undecided: [], phases: [] })
    }
  })
})
