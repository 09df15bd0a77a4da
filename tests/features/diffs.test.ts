import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import { toPage } from '../../src/features/diffs/page.ts'
import type { diff } from '../../src/features/diffs/schemas.ts'
import { speakDiff, speakDifference, speakUndecided, speakWitness } from '../../src/features/diffs/sentences.ts'
import type { simulation } from '../../src/features/permitted-exercises/schemas.ts'
import type {
  Difference,
  DifferenceKind,
  DiffOccasion,
  Exercise,
  Limit,
  Phase,
  ProtocolDocument,
  RedFlag,
} from '../../src/rules/index.ts'
import * as rules from '../../src/rules/index.ts'
import { base, twisting, walk } from '../rules/diff-pairs.ts'
import { accepted, addDays, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'
import type { Problem } from './support.ts'

type Diff = z.output<typeof diff>
type Simulation = z.output<typeof simulation>

const clinic = await startClinicWithLibrary()

const sources = ['ward']
const walks = {
  code: 'walks',
  exercise: 'ward-walk',
  from: 'early',
  through: 'late',
  supervision: 'independent',
  sources,
}
const hops = { code: 'hops', exercise: 'ward-hop', from: 'late', supervision: 'supervised', sources }
const skips = { ...hops, code: 'skips', exercise: 'ward-skip' }
const lifting = { code: 'lifting', quantity: 'lifted-load', max: 10, unit: '[lb_av]', sources }
const late = (atLeast: number) => ({
  code: 'late',
  title: 'Later',
  entry: { all: [{ days: { atLeast } }, { milestone: 'visit' }] },
})

const first = {
  format: 1,
  code: 'ward',
  title: 'On the ward',
  procedures: ['acdf'],
  exercises: ['walk', 'hop', 'skip'].map((code) => ({
    code: `ward-${code}`,
    title: `A ${code} on the *ward*`,
    kind: 'exercise',
    attributes: { impact: 1 },
  })),
  sources: [{ id: 'ward', title: 'The ward’s own experience' }],
  milestones: [{ code: 'visit', title: 'Six-week visit', grantedBy: ['surgeon'] }],
  phases: [{ code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } }, late(42)],
  prescriptions: [walks, hops, skips],
  limits: [lifting],
}

/** Later, with less to lift and another dose. */
const second = {
  ...first,
  phases: [first.phases[0], late(56)],
  prescriptions: [{ ...walks, dosage: [{ durationMinutes: 10 }] }, hops, skips],
  limits: [lifting, { ...lifting, code: 'less', max: 5, when: { days: { before: 14 } } }],
}

await publishProtocol(clinic, first as never)
await publishProtocol(clinic, second as never)

async function compare(from: string | number, to: string | number): Promise<Diff> {
  return accepted(await clinic.get<Diff>(`/protocols/ward/versions/${from}/diff/${to}`))
}

describe('the difference between two versions', () => {
  test('names each exercise and limit with its days, what it takes, a case and a sentence', async () => {
    const found = await compare(1, 2)
    expect(found).toMatchObject({
      protocol: 'ward',
      from: { version: 1, status: 'published', title: 'On the ward' },
      to: { version: 2, status: 'published' },
      text: 'There are 3 stricter differences and one other difference.',
      isSame: false,
      undecided: [],
    })
    expect(found.differences.map(({ kind, direction, days }) => [kind, direction, days])).toEqual([
      ['exercise', 'stricter', [{ from: 42, before: 56 }]],
      ['exercise', 'stricter', [{ from: 42, before: 56 }]],
      ['limit', 'stricter', [{ from: 0, before: 14 }]],
      ['dose', 'other', [{ from: 0, before: null }]],
    ])
    expect(found.differences[0]).toEqual({
      kind: 'exercise',
      exercise: { code: 'ward-hop', title: 'A hop on the *ward*' },
      change: 'lost',
      direction: 'stricter',
      text: '“A hop on the *ward*” is permitted later: no longer from day 42 through day 55, once “Six-week visit” (granted by surgeon) is on record.',
      days: [{ from: 42, before: 56 }],
      occasions: [
        {
          days: { from: 42, before: 56 },
          milestones: [
            { milestone: 'visit', title: 'Six-week visit', grantedBy: ['surgeon'], leastDays: 0, mostDays: null },
          ],
          facts: [],
          operation: [],
          without: { milestones: [], facts: [] },
          reading: 'later',
          text: 'from day 42 through day 55, once “Six-week visit” (granted by surgeon) is on record',
        },
      ],
      isComplete: true,
      witness: {
        daysSinceSurgery: 42,
        side: null,
        levels: null,
        procedures: [],
        milestones: [{ code: 'visit', day: 42, grantedBy: 'surgeon' }],
        facts: [],
        text: 'For example on day 42, with “Six-week visit” reached on day 42 (granted by surgeon).',
      },
    })
    expect(found.phases.map(({ text }) => text)).toEqual([
      '“Early” is the current phase also from day 42 through day 55, once “Six-week visit” (granted by surgeon) is on record.',
      '“Later” is entered later: it is no longer the current phase from day 42 through day 55, once “Six-week visit” (granted by surgeon) is on record.',
    ])
    expect(found.textChanges.map(({ name, change, after }) => [name, change, after?.path])).toEqual([
      ['phases/late/entry', 'changed', '/phases/1/entry'],
      ['prescriptions/walks/dosage', 'added', '/prescriptions/0/dosage'],
      ['limits/less', 'added', '/limits/1'],
    ])
  })

  test('is what a simulation of its case says of the two versions', async () => {
    const { differences } = await compare(1, 2)
    const surgeryDate = '2026-10-01'
    for (const difference of differences) {
      if (difference.witness === null) throw new Error('every one of them has a case')
      const { daysSinceSurgery, milestones } = difference.witness
      const derive = async (version: number): Promise<Simulation> =>
        accepted(
          await clinic.post<Simulation>('/simulations', {
            protocols: [{ code: 'ward', version }],
            surgeryDate,
            on: addDays(surgeryDate, daysSinceSurgery),
            milestones: milestones.map(({ code, day, grantedBy }) => ({
              code,
              on: addDays(surgeryDate, day),
              ...(grantedBy === null ? {} : { grantedBy }),
            })),
          }),
        )
      const [before, after] = [await derive(1), await derive(2)]
      const permitted = ({ permitted }: Simulation, code: string) => permitted.find(({ exercise }) => exercise === code)
      const strictest = ({ limits }: Simulation) => limits.find(({ supersededBy }) => supersededBy === null)?.max
      if (difference.kind === 'exercise') {
        expect(permitted(before, difference.exercise.code)).toBeDefined()
        expect(permitted(after, difference.exercise.code)).toBeUndefined()
      } else if (difference.kind === 'dose') {
        expect(permitted(before, difference.exercise.code)?.dosage).toEqual(difference.before)
        expect(permitted(after, difference.exercise.code)?.dosage).toEqual(difference.after)
      } else expect([strictest(before), strictest(after)]).toEqual([10, 5])
    }
  })

  test('is a page for whoever prefers one, and says where it is from what it is not', async () => {
    const address = '/protocols/ward/versions/1/diff/2'
    const page = await clinic.send('GET', address, undefined, { accept: 'text/markdown, application/json;q=0.9' })
    expect(page.headers.get('content-type')).toBe('text/markdown; charset=utf-8')
    expect(page.headers.get('vary')).toContain('Accept')
    expect(page.text).toBe(
      [
        '# On the ward: from version 1 to version 2',
        '',
        'There are 2 stricter differences and one other difference.',
        'Days are counted from the surgery, which is day 0.',
        '',
        '## Stricter',
        '',
        '- “A hop on the \\*ward\\*” and “A skip on the \\*ward\\*” are permitted later: no longer from day 42 through day 55, once “Six-week visit” is on record.',
        '- The limit on lifted load is tighter: at most 5 lb, instead of at most 10 lb, from day 0 through day 13.',
        '',
        '## Otherwise',
        '',
        '- The dose of “A walk on the \\*ward\\*” is for 10 minutes, instead of as the clinician instructs, from day 0 on.',
        '',
        '## Why: phases',
        '',
        '- “Early” is the current phase also from day 42 through day 55, once “Six-week visit” is on record.',
        '- “Later” is entered later: it is no longer the current phase from day 42 through day 55, once “Six-week visit” is on record.',
        '',
        '## Where the document was changed',
        '',
        '- phases/late/entry: changed',
        '- prescriptions/walks/dosage: added',
        '- limits/less: added',
        '',
      ].join('\n'),
    )
    expect((await clinic.get(`${address}?format=markdown`)).text).toBe(page.text)
    const asked = (accept: string) => clinic.send('GET', address, undefined, { accept })
    for (const accept of [
      '*/*',
      'application/json, text/markdown',
      'text/markdown;q=0.1, application/*',
      'text/html',
    ]) {
      expect((await asked(accept)).headers.get('content-type')).toContain('application/json')
    }
    const json = await clinic.send('GET', `${address}?format=json`, undefined, { accept: 'text/markdown' })
    expect(json.body).toMatchObject({ protocol: 'ward' })
  })

  test('is none of a version with itself, and none but text where only text was changed', async () => {
    expect(await compare(2, 2)).toMatchObject({ isSame: true, text: 'The versions are the same.', textChanges: [] })
    accepted(await clinic.put('/protocols/ward/draft', { ...second, title: 'On the ward, reworded' }))
    const found = await compare(2, 'draft')
    expect(found).toMatchObject({
      from: { version: 2, status: 'published' },
      to: { version: null, status: 'draft', title: 'On the ward, reworded' },
      isSame: true,
      text: 'Both versions give the same answers in every case, overrides aside; only text differs.',
      differences: [],
      phases: [],
      textChanges: [{ name: 'title', change: 'changed' }],
    })
    const back = await compare('draft', 1)
    expect(back.differences.map(({ direction }) => direction)).toEqual(['laxer', 'laxer', 'laxer', 'other'])
    accepted(
      await clinic.send('POST', '/protocols/ward/draft/submit', { changeNote: 'Reworded.' }, { 'if-match': '*' }),
    )
    expect(await compare(2, 'draft')).toMatchObject({ to: { version: null, status: 'in-review' }, isSame: true })
    accepted(await clinic.send('POST', '/protocols/ward/draft/withdraw', {}, { 'if-match': '*' }))
    accepted(await clinic.send('DELETE', '/protocols/ward/draft', undefined, { 'if-match': '*' }))
  })

  test.each([
    ['/protocols/wards/versions/1/diff/2', 404, 'PROTOCOL_NOT_FOUND', 'did you mean'],
    ['/protocols/ward/versions/1/diff/7', 404, 'VERSION_NOT_FOUND', 'has no version 7: the newest is 2'],
    ['/protocols/ward/versions/999999999/diff/1', 404, 'VERSION_NOT_FOUND', 'the newest is 2'],
    ['/protocols/ward/versions/draft/diff/1', 404, 'DRAFT_NOT_FOUND', 'has no draft'],
    [
      '/protocols/ward/versions/0/diff/drafts',
      400,
      'VALIDATION_FAILED',
      'must be a version number, `draft`, `library` or `adopted`',
    ],
    ['/protocols/ward/versions/1/diff/2?format=html', 400, 'VALIDATION_FAILED', 'format'],
  ])('%s is refused', async (address, status, code, detail) => {
    const answer = await clinic.get<Problem>(address)
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(JSON.stringify(answer.body)).toContain(detail)
  })

  test('of another clinic is nobody’s business', async () => {
    const other = await clinic.addClinic()
    const answer = await other.get<Problem>('/protocols/ward/versions/1/diff/2')
    expect([answer.status, answer.body.code]).toEqual([404, 'PROTOCOL_NOT_FOUND'])
  })
})

describe('in words', () => {
  const walking = { code: 'walking', title: 'Walking' }
  const rule = { code: 'twisting', title: 'Twisting' }
  const day = {
    days: { from: 7, before: 8 },
    milestones: [],
    facts: [],
    operation: [],
    without: { milestones: [], facts: [] },
  }
  const pain = { code: 'pain', title: 'Pain now', ask: '?', unit: null }
  const speak = (kind: DifferenceKind, changed: Partial<Difference> = {}): string =>
    speakDifference({
      direction: 'other',
      days: [day.days],
      occasions: [{ ...day, reading: null }],
      isComplete: true,
      witness: null,
      ...kind,
      ...changed,
    } as Difference)
  const exercise = (change: 'gained' | 'lost') => ({ kind: 'exercise', exercise: walking, change }) as const
  const read = (reading: string) => ({ occasions: [{ ...day, reading }] }) as Partial<Difference>

  const sentences: [DifferenceKind, string, Partial<Difference>?][] = [
    [exercise('gained'), '“Walking” is newly permitted on day 7.', read('newly')],
    [exercise('gained'), '“Walking” is permitted earlier: also on day 7.', read('earlier')],
    [exercise('gained'), '“Walking” is permitted for longer: also on day 7.', read('longer')],
    [exercise('gained'), '“Walking” is permitted in more cases: also on day 7.', read('more')],
    [exercise('lost'), '“Walking” is no longer permitted; it was on day 7.', read('no-longer')],
    [exercise('lost'), '“Walking” is permitted for a shorter time: no longer on day 7.', read('shorter')],
    [
      exercise('lost'),
      '“Walking” is permitted in fewer cases: no longer on day 7, once “Pain now” is above 3, as long as none of “Left” and “Twisting” is reached and “Smoking” is not known; on day 7; and in one more case.',
      {
        occasions: [
          {
            ...day,
            facts: [{ fact: pain, test: { above: 3 }, least: 0, most: null }],
            without: { milestones: [{ code: 'left', title: 'Left' }, rule], facts: [{ code: 's', title: 'Smoking' }] },
            reading: 'fewer',
          },
          { ...day, reading: 'fewer' },
          { ...day, reading: 'fewer' },
        ],
      },
    ],
    [
      { kind: 'prescribed', exercise: walking, change: 'lost' },
      '“Walking” is no longer prescribed where an override could permit it in spite of relative contraindications: on day 7.',
    ],
    [
      { kind: 'dose', exercise: walking, before: { reps: 10, note: 'slowly' }, after: null },
      'The dose of “Walking” is as the clinician instructs, instead of 10 repetitions (“slowly”), on day 7; and in other cases.',
      { isComplete: false },
    ],
    [
      { kind: 'side', exercise: walking, operated: 'right', before: 'left', after: 'both' },
      '“Walking” is for both sides, instead of for the left side, where the right side was operated on, on day 7.',
    ],
    [
      { kind: 'supervision', exercise: walking, before: 'independent', after: 'supervised' },
      '“Walking” is to be done under supervision, no longer on one’s own, on day 7.',
    ],
    [
      { kind: 'supervision', exercise: walking, before: 'supervised', after: 'independent' },
      '“Walking” may be done on one’s own, no longer only under supervision, on day 7.',
    ],
    [
      { kind: 'provided', exercise: walking, before: [], after: ['with a stick'] },
      '“Walking” is permitted provided: “with a stick”, instead of without a proviso, on day 7.',
    ],
    [
      { kind: 'cautions', exercise: walking, added: [rule], removed: [{ code: 'x', title: 'Bending' }] },
      '“Walking” has the caution “Twisting” now and no longer has the caution “Bending” on day 7.',
    ],
    [
      { kind: 'limit', quantity: 'flexion', unit: 'deg', end: 'min', change: 'relaxed', before: 30, after: 20 },
      'The limit on flexion is more relaxed: at least 20°, instead of at least 30°, on day 7.',
    ],
    [
      { kind: 'limit', quantity: 'flexion', unit: 'deg', end: 'max', change: 'added', before: null, after: 90 },
      'Flexion is limited to at most 90°, which it was not, on day 7.',
    ],
    [
      { kind: 'limit', quantity: 'flexion', unit: 'deg', end: 'max', change: 'removed', before: 90, after: null },
      'Flexion is no longer limited to at most 90° on day 7.',
    ],
    [
      { kind: 'instructed-limit', quantity: 'lifted-load', unit: null, text: 'Ask.', change: 'removed' },
      'Lifted load is no longer limited to what the clinician instructs (“Ask.”) on day 7.',
    ],
    [
      { kind: 'goal', quantity: 'flexion', unit: 'deg', min: 90, max: null, text: null, change: 'added' },
      'A goal for flexion is at least 90° on day 7.',
    ],
    [
      {
        kind: 'contraindication',
        rule,
        strength: 'relative',
        change: 'added',
        isOnly: true,
        isPart: true,
        targets: [],
        except: [],
        exercises: [walking],
      },
      'A part of the relative contraindication “Twisting” (about “Walking”) applies on day 7.',
    ],
    [
      { kind: 'instruction', rule: 'sit', about: 'posture', text: 'Sit up.', change: 'removed', isOnly: true },
      'The instruction on posture, “Sit up.”, is no longer given on day 7.',
    ],
    [
      { kind: 'phase', before: null, after: { setting: 'at-home', goals: ['Walk'] } },
      'Of the current phase the answer says at home, goals “Walk”, instead of no phase, on day 7.',
    ],
    [
      { kind: 'match', rule, strength: 'absolute', exercise: walking, change: 'removed' },
      'The absolute contraindication “Twisting” is no longer about “Walking”.',
    ],
    [
      { kind: 'red-flag', redFlag: { code: 'f', title: 'Fever' }, change: 'added', before: null, after: 'emergency' },
      '“Fever” is a new symptom to watch for: an emergency.',
    ],
    [
      {
        kind: 'red-flag',
        redFlag: { code: 'f', title: 'Fever' },
        change: 'response',
        before: 'emergency',
        after: 'contact-surgeon',
      },
      '“Fever” is a reason to contact the surgeon, no longer an emergency.',
    ],
    [
      { kind: 'asks', what: 'fact', named: pain, ask: 'How bad?', change: 'added' },
      'The fact “Pain now” (“How bad?”) is now asked for.',
    ],
    [
      { kind: 'told', fact: pain, before: null, after: 'levels' },
      '“Pain now” is told by the operation (levels), no longer asked.',
    ],
    [
      { kind: 'read', fact: pain, what: 'unit', before: '[lb_av]', after: 'kg', exercises: [walking] },
      'Numbers of “Pain now” that are recorded in lb are read in kg; they are not converted. What is said of “Walking” depends on it.',
    ],
    [
      { kind: 'read', fact: pain, what: 'unit', before: null, after: 'deg', exercises: [] },
      'Numbers of “Pain now” that are recorded without a unit are read in °; they are not converted.',
    ],
    [
      { kind: 'read', fact: pain, what: 'type', before: 'text', after: 'boolean', exercises: [] },
      '“Pain now” is a yes or no, no longer a text: what is recorded as the one is not read as the other.',
    ],
    [{ kind: 'procedure', procedure: 'acdf', change: 'added' }, 'The protocol is now for the procedure acdf.'],
  ]

  test.each(sentences.map(([kind, expected, changed]) => [expected, kind, changed ?? {}] as const))(
    '%s',
    (expected, kind, changed) => {
      expect(speak(kind, changed)).toBe(expected)
    },
  )

  test.each<[DiffOccasion['operation'], string]>([
    [[{ told: 'levels', test: { atMost: 2 } }], 'the operation was on at most 2 levels'],
    [[{ told: 'levels', test: { is: 1 } }], 'the operation was on one level'],
    [
      [{ told: 'levels', test: { atLeast: 2, atMost: 3 } }],
      'the operation was on at least 2 levels and at most 3 levels',
    ],
    [[{ told: 'levels', test: {} }], 'the operation was on any number of levels'],
    [[{ told: 'levels', test: null }], 'no levels are on record'],
    [[{ told: 'side', test: null }], 'the operated side is not on record'],
    [[{ told: 'side', test: { is: 'left' } }], 'the left side was operated on'],
    [[{ told: 'side', test: { in: ['left', 'bilateral'] } }], 'the left side or both sides were operated on'],
    [[{ told: 'side', test: {} }], 'the left side, the right side or both sides were operated on'],
    [
      [
        { told: { procedure: 'knee-repair' }, test: { is: true } },
        { told: { procedure: 'revision' }, test: { is: false } },
      ],
      'the procedure knee repair was part of the operation and the procedure revision was not part of the operation',
    ],
  ])('where the operation tells it: %j', (operation, expected) => {
    const without = { milestones: [], facts: [{ code: 'levels', title: 'Levels' }] }
    const occasions = [{ ...day, operation, without, reading: 'more' as const }]
    expect(speak(exercise('gained'), { occasions })).toBe(
      `“Walking” is permitted in more cases: also on day 7, where ${expected}, as long as “Levels” is not observed.`,
    )
  })

  test('of one side of the operation it is said once', () => {
    const occasions = [{ ...day, operation: [{ told: 'side' as const, test: { is: 'left' } }], reading: null }]
    const kind = { kind: 'side', exercise: walking, operated: 'left', before: 'left', after: 'both' } as const
    expect(speak(kind, { occasions })).toBe(
      '“Walking” is for both sides, instead of for the left side, on day 7, where the left side was operated on.',
    )
  })

  const pageOf = (before: Partial<ProtocolDocument>, after: Partial<ProtocolDocument>): string[] => {
    const [from, to] = [
      { ...base, ...before },
      { ...base, ...after },
    ]
    return toPage(
      { name: 'version 1', document: from },
      { name: 'the draft', document: to },
      rules.diff(from, to),
    ).split('\n')
  }

  test('the page says what a phase says now, also where another phase is entered later', () => {
    const [first, second] = base.phases as [Phase, Phase]
    const later = { ...second, entry: { days: { atLeast: 7 } } }
    const strict = { ...first, setting: 'in-hospital', goals: ['Rest'] }
    const page = pageOf(
      { phases: [first, { ...second, entry: { days: { atLeast: 5 } } }] },
      { phases: [strict, later] },
    )
    expect(page).toContain(
      '- Of the current phase the answer says in hospital, goals “Rest”, instead of a phase without setting and goals, from day 0 through day 6.',
    )
    // That another phase is the current one is told once.
    const goals = { ...first, goals: ['Rest'] }
    const moved = pageOf(
      { phases: [goals, { ...second, entry: { days: { atLeast: 5 } } }], instructions: [] },
      { phases: [goals, later] },
    )
    expect(moved.filter((line) => line.includes('current phase'))).toEqual([
      '- “First” lasts longer: it is the current phase also from day 5 through day 6.',
      '- “Second” is entered later: it is no longer the current phase from day 5 through day 6.',
    ])
  })

  test('the page quotes what patients read, and says so where nothing else differs', () => {
    const flag = base.redFlags[0] as RedFlag
    const cap = base.limits[0] as Limit
    const page = pageOf(
      { redFlags: [{ ...flag, text: 'Call us.' }], limits: [{ ...cap, text: 'A bag.' }] },
      {
        redFlags: [{ ...flag, text: 'Call an *ambulance*.' }],
        limits: [cap],
        contraindications: [{ ...twisting, title: 'Turning' }],
        exercises: [{ ...base.exercises[0], instructions: 'Slowly.' } as Exercise, base.exercises[1] as Exercise],
      },
    )
    expect(page[2]).toBe(
      'Both versions give the same answers in every case, overrides aside; only text differs. Patients read other words in 4 places.',
    )
    const heading = page.indexOf('## What patients read')
    expect(page.slice(heading + 2, heading + 6).toSorted()).toEqual([
      '- The instructions of the exercise “Walking”: now “Slowly.”, instead of nothing',
      '- The name of the contraindication “Twisting”: now “Turning”, instead of “Twisting”',
      '- The text of the limit on load: now nothing, instead of “A bag.”',
      '- The text of the symptom “Fever”: now “Call an \\*ambulance\\*.”, instead of “Call us.”',
    ])
  })

  test('the page counts what it tells together as one', () => {
    const phases = base.phases.map((phase) => ({ ...phase, entry: { days: { atLeast: 0 } } }))
    const page = pageOf(
      { phases, prescriptions: [], contraindications: [] },
      { phases, prescriptions: [walk, { ...walk, code: 'golfs', exercise: 'golf' }], contraindications: [] },
    )
    expect(page[2]).toBe('There is one laxer difference.')
    expect(page).toContain('- “Golf” and “Walking” are newly permitted from day 0 on.')
  })

  test('a case has its units, and days before the surgery', () => {
    const titles = new Map([
      ['brace', { title: 'Brace fitted', unit: null }],
      ['weight', { title: 'Weight', unit: 'kg' }],
    ])
    const milestones = [{ code: 'brace', day: -3, grantedBy: null }]
    const facts = [{ code: 'weight', value: 80, day: 2 }]
    expect(
      speakWitness({ daysSinceSurgery: 2, side: 'left', levels: null, procedures: [], milestones, facts }, titles),
    ).toBe(
      'For example on day 2, with the left side operated on, “Brace fitted” reached on day −3 and “Weight” observed as 80 kg on day 2.',
    )
    const operation = { levels: 3, procedures: ['knee-repair'] }
    expect(speakWitness({ daysSinceSurgery: 0, side: null, ...operation, milestones: [], facts: [] }, titles)).toBe(
      'For example on day 0, with 3 levels operated on and the procedure knee repair.',
    )
    expect(
      speakWitness(
        { daysSinceSurgery: -1, side: null, levels: null, procedures: [], milestones: [], facts: [] },
        titles,
      ),
    ).toBe('For example on day −1, with nothing on record.')
  })

  test('what came of it is said in one sentence', () => {
    const differences = (['stricter', 'other', 'other'] as const).map((direction) => ({ direction }) as Difference)
    const none = { differences: [], phases: [], undecided: [], text: [], isTextCut: false, looks: 0 }
    expect(speakDiff({ ...none, differences })).toBe('There is one stricter difference and 2 other differences.')
    const undecided = [{ kind: 'goals' as const }]
    expect(speakDiff({ ...none, undecided })).toBe(
      'No difference was found, but not everything was decided: what is named may differ.',
    )
    expect(speakDiff({ ...none, differences, undecided })).toMatch(/Not everything was decided/)
  })

  test('what is not decided is said', () => {
    expect(speakUndecided({ kind: 'exercise', of: walking })).toBe(
      'There are too many cases to say whether “Walking” is permitted otherwise.',
    )
    expect(speakUndecided({ kind: 'contraindications' })).toBe(
      'There are too many cases to say whether the contraindications differ.',
    )
  })
})
