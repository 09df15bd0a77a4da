import { describe, expect, test } from '@jest/globals'
import {
  type Catalogue,
  type Condition,
  type DocumentFlaw,
  findFlaws,
  type ProtocolDocument,
} from '../../src/rules/index.ts'

const catalogue: Catalogue = {
  procedures: new Set(['knee-repair']),
  exercises: new Set(['walk', 'swim']),
  groups: new Set(['water']),
  attributes: new Set(['impact', 'immersion']),
}

const sound: ProtocolDocument = {
  format: 1,
  code: 'knee',
  title: 'Knee',
  procedures: ['knee-repair'],
  exercises: [{ code: 'bend', title: 'Bend', kind: 'exercise', groups: ['own-group'], attributes: { impact: 0 } }],
  sources: [{ id: 's1', title: 'A source' }],
  milestones: [{ code: 'visit', title: 'Visit', sources: ['s1'] }],
  facts: [
    { code: 'pain', title: 'Pain', type: 'number', ask: 'How bad?' },
    { code: 'steady', title: 'Steady', type: 'boolean', ask: 'Steady?' },
    { code: 'approach', title: 'Approach', type: 'choice', values: ['front', 'back'], ask: 'From where?' },
    { code: 'implant', title: 'Implant', type: 'text', ask: 'Which implant?' },
  ],
  phases: [
    { code: 'early', title: 'Early', entry: { days: { atLeast: 0 } }, sources: ['s1'] },
    { code: 'late', title: 'Late', entry: { milestone: 'visit' } },
  ],
  prescriptions: [
    {
      code: 'walk',
      exercise: 'walk',
      from: 'early',
      through: 'late',
      when: { fact: 'pain', atMost: 3, withinDays: 7 },
      supervision: 'supervised',
      side: 'both',
      dosage: [{ reps: 5 }, { when: { phase: { from: 'late' } }, reps: 10 }],
      sources: ['s1'],
    },
    { code: 'bend', exercise: 'bend', from: 'early', supervision: 'supervised', side: 'both' },
    { code: 'water', group: 'water', from: 'late', supervision: 'supervised', side: 'both' },
  ],
  contraindications: [
    {
      code: 'no-impact',
      title: 'No impact',
      strength: 'absolute',
      target: [{ attributes: { impact: 2 } }, { exercise: 'swim' }, { group: 'own-group' }, { kind: 'activity' }],
      when: {
        any: [{ not: { fact: 'steady', is: true } }, { fact: 'approach', in: ['front'] }, { fact: 'implant', is: 'x' }],
      },
      sources: ['s1'],
    },
  ],
  // A code is a name within its list: this one has nothing to do with the exercise.
  instructions: [
    {
      code: 'walk',
      about: 'walking',
      text: 'Use crutches',
      when: { days: { since: 'visit', before: 7 } },
      sources: ['s1'],
    },
  ],
  limits: [
    { code: 'load', quantity: 'load', max: 5, when: { phase: { from: 'early', through: 'late' } }, sources: ['s1'] },
  ],
  redFlags: [{ code: 'fever', title: 'Fever', response: 'contact-surgeon', sources: ['s1'] }],
}

/** One line a flaw: where, what, and the name. */
function sayFlaw(flaw: DocumentFlaw): string {
  switch (flaw.code) {
    case 'unknown-reference':
      return `${flaw.path}: unknown ${flaw.kind} ${flaw.name}, known are ${flaw.known.join(' ')}`
    case 'duplicate-code':
      return `${flaw.path}: duplicate ${flaw.name}`
    case 'phase-in-entry':
      return `${flaw.path}: phase in entry`
    case 'phases-reversed':
      return `${flaw.path}: ${flaw.through} comes before ${flaw.from}`
    case 'empty-span':
      return `${flaw.path}: from ${flaw.atLeast} before ${flaw.before}`
    case 'test-does-not-fit':
      return `${flaw.path}: ${flaw.test} does not fit ${flaw.fact}, a ${flaw.type}`
    case 'value-does-not-fit':
      return `${flaw.path}: no value of ${flaw.fact}, a ${flaw.type}`
    case 'role-may-not-grant':
      return `${flaw.path}: ${flaw.role} may not grant ${flaw.milestone}, but ${flaw.roles.join(' ')}`
    case 'before-the-surgery':
      return `${flaw.path}: ${flaw.milestone} before the surgery`
    case 'after-the-day':
      return `${flaw.path}: ${flaw.on} after ${flaw.day}`
    case 'cannot-be-lifted':
      return `${flaw.path}: ${flaw.contraindication} is ${flaw.strength}`
    case 'unit-of-no-limit':
      return `${flaw.path}: no ${flaw.unit} of ${flaw.quantity}, but ${flaw.units.join(' ')}`
    case 'procedures-not-said':
      return `${flaw.path}: ${flaw.fact} asks for ${flaw.procedure}`
    case 'too-many-tests':
      return `${flaw.path}: ${flaw.tests} tests, at most ${flaw.most}`
  }
}

function flawsOf(change: Partial<ProtocolDocument>): string[] {
  return findFlaws({ ...sound, ...change }, catalogue).map(sayFlaw)
}

function withWhen(when: Condition): Partial<ProtocolDocument> {
  return { limits: [{ code: 'load', quantity: 'load', max: 5, when }] }
}

const at = '/limits/0/when'
const prescription = { code: 'x', exercise: 'walk', from: 'early', supervision: 'supervised', side: 'both' } as const
const rule = { code: 'x', title: 'x', strength: 'absolute', target: [{ kind: 'activity' }] } as const

test('a sound document has no flaw', () => {
  expect(flawsOf({})).toEqual([])
})

describe('a name that does not exist', () => {
  test.each<[string, Partial<ProtocolDocument>, string[]]>([
    [
      'procedure',
      { procedures: ['knee-repair', 'hip'] },
      ['/procedures/1: unknown procedure hip, known are knee-repair'],
    ],
    [
      'exercise of a prescription',
      { prescriptions: [{ ...prescription, exercise: 'fly' }] },
      ['/prescriptions/0/exercise: unknown exercise fly, known are bend swim walk'],
    ],
    [
      'group of a prescription',
      { prescriptions: [{ code: 'x', group: 'air', from: 'early', supervision: 'supervised', side: 'both' }] },
      ['/prescriptions/0/group: unknown group air, known are own-group water'],
    ],
    [
      'first and last phase of a prescription',
      { prescriptions: [{ ...prescription, from: 'soon', through: 'never' }] },
      [
        '/prescriptions/0/from: unknown phase soon, known are early late',
        '/prescriptions/0/through: unknown phase never, known are early late',
      ],
    ],
    [
      'milestone in the condition of a prescription',
      { prescriptions: [{ ...prescription, when: { milestone: 'x' } }] },
      ['/prescriptions/0/when: unknown milestone x, known are visit'],
    ],
    [
      'milestone in the condition of a dose',
      { prescriptions: [{ ...prescription, dosage: [{ reps: 1 }, { when: { milestone: 'x' }, reps: 2 }] }] },
      ['/prescriptions/0/dosage/1/when: unknown milestone x, known are visit'],
    ],
    [
      'exercise, group and attribute of a contraindication',
      {
        contraindications: [
          { ...rule, target: [{ kind: 'exercise' }, { exercise: 'fly', group: 'air', attributes: { wind: 1 } }] },
        ],
      },
      [
        '/contraindications/0/target/1/exercise: unknown exercise fly, known are bend swim walk',
        '/contraindications/0/target/1/group: unknown group air, known are own-group water',
        '/contraindications/0/target/1/attributes/wind: unknown attribute wind, known are immersion impact',
      ],
    ],
    [
      'milestone in the condition of a contraindication',
      { contraindications: [{ ...rule, when: { not: { milestone: 'x' } } }] },
      ['/contraindications/0/when: unknown milestone x, known are visit'],
    ],
    [
      'milestone in the condition of an instruction',
      { instructions: [{ code: 'x', about: 'x', text: 'x', when: { milestone: 'x' } }] },
      ['/instructions/0/when: unknown milestone x, known are visit'],
    ],
    [
      'attribute of an exercise that the document brings along',
      {
        exercises: [{ code: 'bend', title: 'Bend', kind: 'exercise', groups: ['own-group'], attributes: { wind: 1 } }],
      },
      ['/exercises/0/attributes/wind: unknown attribute wind, known are immersion impact'],
    ],
    [
      'milestone in the entry of a phase',
      {
        phases: [
          { code: 'early', title: 'x', entry: { milestone: 'x' } },
          { code: 'late', title: 'x', entry: { days: { since: 'y' } } },
        ],
      },
      [
        '/phases/0/entry: unknown milestone x, known are visit',
        '/phases/1/entry: unknown milestone y, known are visit',
      ],
    ],
    [
      'milestone that days count from',
      withWhen({ days: { since: 'x', before: 7 } }),
      [`${at}: unknown milestone x, known are visit`],
    ],
    ['fact', withWhen({ fact: 'x', is: true }), [`${at}: unknown fact x, known are approach implant pain steady`]],
    [
      'phase of a condition',
      withWhen({ phase: { from: 'soon' } }),
      [`${at}/from: unknown phase soon, known are early late`],
    ],
    [
      'name deep in a condition',
      withWhen({ all: [{ milestone: 'visit' }, { any: [{ not: { milestone: 'x' } }, { days: { atLeast: 1 } }] }] }),
      [`${at}: unknown milestone x, known are visit`],
    ],
    [
      'name that every object has',
      withWhen({ milestone: 'constructor' }),
      [`${at}: unknown milestone constructor, known are visit`],
    ],
  ])('%s', (_what, change, flaws) => {
    expect(flawsOf(change)).toEqual(flaws)
  })

  test.each<[keyof ProtocolDocument, Partial<ProtocolDocument>]>([
    ['milestones', { milestones: [{ code: 'visit', title: 'x', sources: ['s1', 's2'] }] }],
    [
      'phases',
      { phases: sound.phases.map((phase) => ({ ...phase, sources: phase.code === 'early' ? ['s1', 's2'] : [] })) },
    ],
    ['prescriptions', { prescriptions: [{ ...prescription, sources: ['s1', 's2'] }] }],
    ['contraindications', { contraindications: [{ ...rule, sources: ['s1', 's2'] }] }],
    ['instructions', { instructions: [{ code: 'x', about: 'x', text: 'x', sources: ['s1', 's2'] }] }],
    ['limits', { limits: [{ code: 'x', quantity: 'x', max: 1, sources: ['s1', 's2'] }] }],
    ['redFlags', { redFlags: [{ code: 'x', title: 'x', response: 'emergency', sources: ['s1', 's2'] }] }],
  ])('source of %s', (list, change) => {
    expect(flawsOf(change)).toEqual([`/${list}/0/sources/1: unknown source s2, known are s1`])
  })
})

test('a procedure that the operation tells and that there is not', () => {
  const operation = { procedure: 'hip' }
  expect(
    flawsOf({ facts: [...sound.facts, { code: 'hip', title: 'Hip', type: 'boolean', ask: 'Hip?', operation }] }),
  ).toEqual(['/facts/4/operation/procedure: unknown procedure hip, known are knee-repair'])
})

test('the groups that are known are those of exercises that are in one', () => {
  const exercises = [...sound.exercises, { code: 'sit', title: 'Sit', kind: 'exercise', attributes: {} } as const]
  const prescriptions = [{ ...prescription, exercise: undefined, group: 'racket' }]
  expect(flawsOf({ exercises, prescriptions })).toEqual([
    '/prescriptions/0/group: unknown group racket, known are own-group water',
  ])
})

describe('a name that is used twice', () => {
  test.each([
    'exercises',
    'milestones',
    'facts',
    'phases',
    'prescriptions',
    'contraindications',
    'instructions',
    'limits',
    'redFlags',
  ] as const)('in %s', (list) => {
    const [first] = sound[list]
    const change = { [list]: [...sound[list], first] }
    expect(flawsOf(change)).toEqual([`/${list}/${sound[list].length}: duplicate ${first?.code}`])
  })

  test('in sources', () => {
    const [first] = sound.sources
    if (first === undefined) throw new Error('the document has a source')
    expect(flawsOf({ sources: [first, first] })).toEqual(['/sources/1: duplicate s1'])
  })
})

describe('a condition that cannot be meant', () => {
  test.each<[string, Partial<ProtocolDocument>, string[]]>([
    [
      'a phase that asks for a phase',
      {
        phases: [
          { code: 'early', title: 'x', entry: { days: { atLeast: 0 } } },
          { code: 'late', title: 'x', entry: { not: { phase: { from: 'late' } } } },
        ],
      },
      ['/phases/1/entry: phase in entry'],
    ],
    [
      'a span of phases the wrong way round',
      withWhen({ phase: { from: 'late', through: 'early' } }),
      [`${at}: early comes before late`],
    ],
    [
      'a prescription the wrong way round',
      { prescriptions: [{ ...prescription, from: 'late', through: 'early' }] },
      ['/prescriptions/0: early comes before late'],
    ],
    ['a span of no days', withWhen({ days: { atLeast: 7, before: 7 } }), [`${at}: from 7 before 7`]],
    ['a span of fewer than no days', withWhen({ days: { atLeast: 8, before: 7 } }), [`${at}: from 8 before 7`]],
    ['a span of one day, which is one', withWhen({ days: { atLeast: 6, before: 7 } }), []],
    [
      'a span that ends, at the latest, when it begins, at the soonest',
      withWhen({ days: { atLeast: [7, 14], before: [3, 7] } }),
      [`${at}: from 7 before 7`],
    ],
    ['a span that may have a day', withWhen({ days: { atLeast: [6, 14], before: [3, 7] } }), []],
    ['a span of one phase, which is one', withWhen({ phase: { from: 'late', through: 'late' } }), []],
    [
      'a span up to a phase that there is not',
      withWhen({ phase: { from: 'late', through: 'never' } }),
      [`${at}/through: unknown phase never, known are early late`],
    ],
    ['a number for a number', withWhen({ fact: 'pain', is: 3 }), []],
    [
      'bounds on a yes or no',
      withWhen({ fact: 'steady', atLeast: 1, atMost: 2, above: 3, below: 4 }),
      ['atLeast', 'atMost', 'above', 'below'].map((name) => `${at}: ${name} does not fit steady, a boolean`),
    ],
    ['a bound on a choice', withWhen({ fact: 'approach', below: 1 }), [`${at}: below does not fit approach, a choice`]],
    ['a bound on a text', withWhen({ fact: 'implant', above: 1 }), [`${at}: above does not fit implant, a text`]],
    ['a text for a number', withWhen({ fact: 'pain', is: '3' }), [`${at}: is does not fit pain, a number`]],
    ['a number for a yes or no', withWhen({ fact: 'steady', is: 1 }), [`${at}: is does not fit steady, a boolean`]],
    [
      'a choice that is not offered',
      withWhen({ fact: 'approach', is: 'side' }),
      [`${at}: is does not fit approach, a choice`],
    ],
    [
      'one of several that is not offered',
      withWhen({ fact: 'approach', in: ['front', 'side'] }),
      [`${at}: in does not fit approach, a choice`],
    ],
    ['a number among texts', withWhen({ fact: 'implant', in: ['x', 1] }), [`${at}: in does not fit implant, a text`]],
    ['a choice that is offered', withWhen({ fact: 'approach', in: ['front', 'back'] }), []],
    ['any text for a text', withWhen({ fact: 'implant', is: 'whatever' }), []],
  ])('%s', (_what, change, flaws) => {
    expect(flawsOf(change)).toEqual(flaws)
  })
})

test('all flaws are reported at once', () => {
  const flaws = flawsOf({
    procedures: ['hip'],
    sources: [],
    milestones: [],
    phases: [{ code: 'late', title: 'x', entry: { milestone: 'visit' } }],
  })
  expect(flaws.length).toBeGreaterThan(8)
})

test('a document has at most 3,000 tests in its conditions', () => {
  const fifty = { any: Array.from({ length: 50 }, (_, day) => ({ days: { atLeast: day } })) }
  const withTests = (tests: number): string[] =>
    flawsOf({
      phases: [{ code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } }],
      prescriptions: [],
      contraindications: [],
      instructions: [],
      limits: Array.from({ length: 60 }, (_, index) => ({
        code: `limit-${index}`,
        quantity: 'load',
        max: 5,
        // One test is the phase's.
        when: { any: index < 59 ? fifty.any : fifty.any.slice(0, tests - 1 - 59 * 50) },
      })),
    })
  expect(withTests(3000)).toEqual([])
  expect(withTests(3001)).toEqual([': 3001 tests, at most 3000'])
})

test('a test case names only what there is, and records only what can be', () => {
  const one = {
    code: 'one',
    procedures: ['transplant'],
    record: [
      { milestone: 'visitt', on: 1 },
      { fact: 'paint', is: 1, on: 1 },
      { fact: 'pain', is: true, on: 1 },
      { symptom: 'fevr', on: 1 },
      { permit: 'run', from: 1, lifts: ['no-such-rule'] },
      { withhold: 'fly', from: 1 },
      { hold: 'fever', from: 1 },
    ],
    on: 2,
    expect: {
      phase: 'earlier',
      permitted: ['walk', 'swim', 'crawl'],
      withheld: ['jog'],
      dose: { hop: null },
      limits: [{ quantity: 'lod', max: 1 }],
    },
  }
  const cases = [one, { code: 'one', on: 2, expect: { phase: null } }]
  expect(flawsOf({ cases }).map((flaw) => flaw.replace(/, known are.*/, ''))).toEqual([
    '/cases/1: duplicate one',
    '/cases/0/procedures/0: unknown procedure transplant',
    '/cases/0/record/0/milestone: unknown milestone visitt',
    '/cases/0/record/1/fact: unknown fact paint',
    '/cases/0/record/2/is: no value of pain, a number',
    '/cases/0/record/3/symptom: unknown red flag fevr',
    '/cases/0/record/4/permit: unknown exercise run',
    '/cases/0/record/4/lifts/0: unknown contraindication no-such-rule',
    '/cases/0/record/5/withhold: unknown exercise fly',
    '/cases/0/expect/permitted/2: unknown exercise crawl',
    '/cases/0/expect/withheld/0: unknown exercise jog',
    '/cases/0/expect/dose/hop: unknown exercise hop',
    '/cases/0/expect/limits/0/quantity: unknown quantity lod',
    '/cases/0/expect/phase: unknown phase earlier',
  ])
})

test('a test case records what a record could have, and compares what there can be', () => {
  const rules = (['absolute', 'relative', 'caution'] as const).map((strength) => ({
    ...rule,
    code: strength,
    strength,
  }))
  const limits = [
    { code: 'a', quantity: 'load', max: 5, unit: 'kg' },
    { code: 'b', quantity: 'load', max: 5, unit: '[lb_av]' },
    { code: 'c', quantity: 'load', value: null },
    { code: 'd', quantity: 'arc', value: null },
  ]
  const milestones = [
    { code: 'visit', title: 'Visit' },
    { code: 'clearance', title: 'Clearance', grantedBy: ['surgeon', 'nurse'] },
    { code: 'fitting', title: 'Fitting', preOperative: true },
  ]
  const cases = [
    {
      code: 'one',
      on: 7,
      record: [
        { milestone: 'visit', on: 0, by: 'anybody' },
        { milestone: 'visit', on: -1 },
        { milestone: 'visit', on: 7, revoked: 9 },
        { milestone: 'clearance', on: 8, by: 'nurse' },
        { milestone: 'clearance', on: 1 },
        { milestone: 'clearance', on: 1, by: 'surgon' },
        { milestone: 'fitting', on: -3 },
        { fact: 'pain', is: 3, on: 8 },
        { symptom: 'fever', on: 8 },
        { permit: 'walk', from: 7, lifts: ['relative', 'absolute', 'caution'] },
        { withhold: 'walk', from: 8 },
        { hold: 'Travels', from: 8 },
      ],
      expect: {
        limits: [
          { quantity: 'load', max: 5 },
          { quantity: 'load', unit: 'kg', max: 5 },
          { quantity: 'load', unit: 'g', max: null },
          { quantity: 'arc', unit: 'deg', asInstructed: true },
          { quantity: 'lod', unit: 'kg', max: 5 },
        ],
      },
    },
  ]
  const found = flawsOf({ contraindications: rules, instructions: [], limits, milestones, cases })
  expect(found.filter((flaw) => flaw.startsWith('/cases') && !flaw.includes('unknown'))).toEqual([
    '/cases/0/record/1/on: visit before the surgery',
    '/cases/0/record/3/on: 8 after 7',
    '/cases/0/record/5/by: surgon may not grant clearance, but surgeon nurse',
    '/cases/0/record/7/on: 8 after 7',
    '/cases/0/record/8/on: 8 after 7',
    '/cases/0/record/9/lifts/1: absolute is absolute',
    '/cases/0/record/9/lifts/2: caution is caution',
    '/cases/0/record/10/from: 8 after 7',
    '/cases/0/record/11/from: 8 after 7',
    '/cases/0/expect/limits/2/unit: no g of load, but [lb_av] kg',
    '/cases/0/expect/limits/3/unit: no deg of arc, but ',
  ])
})

test('a test case says which procedures were done where a fact asks for one of several', () => {
  const asking = {
    procedures: [...sound.procedures, ...sound.procedures],
    facts: [
      ...sound.facts,
      { code: 'again', title: 'x', type: 'boolean', ask: '?', operation: { procedure: 'repair' } },
    ],
  } as unknown as Partial<ProtocolDocument>
  const said = { code: 'said', procedures: sound.procedures, on: 0, expect: { phase: null } }
  const unsaid = { code: 'unsaid', on: 0, expect: { phase: null } }
  expect(flawsOf({ ...asking, cases: [said, unsaid] }).filter((flaw) => flaw.startsWith('/cases'))).toEqual([
    '/cases/1: again asks for repair',
  ])
})

describe('a test case', () => {
  const observed = (fact: string, is: number | string | boolean) => ({
    facts: sound.facts.map((one) => (one.code === 'pain' ? { ...one, min: 0, max: 10 } : one)),
    cases: [{ code: 'case', on: 0, record: [{ fact, is, on: 0 }], expect: {} }],
  })

  test.each([
    ['pain', 0],
    ['pain', 10],
    ['steady', false],
    ['approach', 'back'],
    ['implant', 'any'],
  ] as const)('can observe %s as %p', (fact, is) => {
    expect(flawsOf(observed(fact, is))).toEqual([])
  })

  test.each([
    ['pain', -1, 'number'],
    ['pain', 11, 'number'],
    ['pain', 'much', 'number'],
    ['steady', 'yes', 'boolean'],
    ['approach', 'top', 'choice'],
  ] as const)('cannot observe %s as %p', (fact, is, type) => {
    expect(flawsOf(observed(fact, is))).toEqual([`/cases/0/record/0/is: no value of ${fact}, a ${type}`])
  })

  test('has to say the procedures if there are several and a fact asks for one of them', () => {
    const done = {
      code: 'done',
      title: 'Done',
      type: 'boolean',
      ask: 'Done?',
      operation: { procedure: 'knee-repair' },
    } as const
    const cases = [{ code: 'case', on: 0, expect: {} }]
    const procedures = ['knee-repair', 'knee-repair']
    const facts = [...sound.facts, done]
    expect(flawsOf({ facts, procedures, cases })).toEqual(['/cases/0: done asks for knee-repair'])
    expect(flawsOf({ facts, cases })).toEqual([])
    expect(flawsOf({ procedures, cases })).toEqual([])
    expect(flawsOf({ facts, procedures, cases: [{ ...cases[0], procedures: ['knee-repair'] } as never] })).toEqual([])
  })
})
