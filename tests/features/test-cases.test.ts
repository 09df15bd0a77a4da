import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { check } from '../../src/features/checks/schemas.ts'
import type { publishedVersion, version } from '../../src/features/protocols/schemas.ts'
import { accepted } from './library-clinic.ts'
import { type Problem, startClinic } from './support.ts'

// What an author keeps in the document as test cases: stored with it, run by every check, and in the way of publishing.

const clinic = await startClinic()
accepted(await clinic.post('/procedures', { code: 'repair', name: 'Repair', bodyRegion: 'knee' }))
accepted(await clinic.post('/attributes', { code: 'impact', title: 'Impact' }))

const exercises = [
  { code: 'walking', title: 'Walking', kind: 'exercise', attributes: { impact: 0 } },
  { code: 'jogging', title: 'Jogging', kind: 'exercise', attributes: { impact: 2 } },
  { code: 'boxing', title: 'Boxing', kind: 'activity', attributes: { impact: 1 } },
]

const passing = {
  code: 'after-six-weeks',
  title: 'The visit opens the second phase',
  levels: ['L4-L5'],
  side: 'left',
  record: [
    { milestone: 'visit', on: 42, by: 'surgeon', revoked: 90 },
    { fact: 'pain', is: 2, on: 42 },
    { symptom: 'fever', on: 10, resolved: 12 },
    { permit: 'walking', from: 20, until: 21 },
    { withhold: 'walking', from: 21, until: 22 },
    { hold: 'A cold', from: 30, until: 35 },
  ],
  on: 42,
  expect: {
    status: 'active',
    phase: 'late',
    permitted: ['walking', 'jogging'],
    withheld: ['boxing'],
    dose: { walking: { durationMinutes: 20 }, jogging: null },
    limits: [{ quantity: 'load', unit: 'kg', max: 5, min: null, asInstructed: false }],
  },
}

function documentOf(code: string, cases: readonly object[]): object {
  return {
    format: 1,
    code,
    title: 'Knee',
    procedures: ['repair'],
    exercises,
    milestones: [{ code: 'visit', title: 'Six-week visit', grantedBy: ['surgeon'] }],
    facts: [{ code: 'pain', title: 'Pain now', type: 'number', min: 0, max: 10, ask: 'How bad is it?' }],
    phases: [
      { code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } },
      { code: 'late', title: 'Late', entry: { milestone: 'visit' } },
    ],
    prescriptions: [
      { exercise: 'walking', from: 'early', through: 'late', dosage: [{ durationMinutes: 20, timesPerDay: 2 }] },
      { exercise: 'jogging', from: 'late', when: { fact: 'pain', atMost: 3 } },
    ],
    limits: [{ code: 'load', quantity: 'load', max: 5, unit: 'kg' }],
    redFlags: [{ code: 'fever', title: 'Fever', response: 'contact-surgeon' }],
    cases,
  }
}

describe('the test cases of a document', () => {
  test('are stored, answered, exported, and kept when a part is edited', async () => {
    const created = accepted(await clinic.post<z.output<typeof version>>('/protocols', documentOf('stored', [passing])))
    expect(created.document.cases).toEqual([passing])
    const limit = { code: 'load', quantity: 'load', max: 5, unit: 'kg', text: 'With both hands' }
    accepted(await clinic.put('/protocols/stored/draft/limits/load', limit, '"1"'))
    const published = accepted(
      await clinic.send<z.output<typeof publishedVersion>>(
        'POST',
        '/protocols/stored/draft/publish',
        {},
        { 'if-match': '"2"' },
      ),
    )
    expect(published.document.cases).toEqual([passing])
    const exported = await clinic.get('/protocols/stored/versions/1/document?format=yaml')
    expect(exported.text).toContain('cases:\n  - code: after-six-weeks\n')

    accepted(await clinic.post('/protocols/stored/draft', {}))
    const draft = await clinic.get<z.output<typeof version>>('/protocols/stored/draft')
    expect(draft.body.document.cases).toEqual([passing])
    accepted(await clinic.put('/protocols/stored/draft', documentOf('stored', []), draft.etag))
    const emptied = await clinic.get<z.output<typeof version>>('/protocols/stored/draft')
    expect(Object.hasOwn(emptied.body.document, 'cases')).toBe(false)
  })

  test('keep a draft from being published if one fails, and the difference is told with its reason', async () => {
    const failing = {
      ...passing,
      code: 'jogs-too-early',
      title: undefined,
      record: [{ fact: 'pain', is: 2, on: 41 }],
      on: 41,
      expect: {
        phase: 'late',
        permitted: ['jogging'],
        withheld: ['walking'],
        dose: { walking: { timesPerDay: 3 } },
        limits: [{ quantity: 'load', max: 10 }],
      },
    }
    accepted(await clinic.post('/protocols', documentOf('failing', [passing, failing])))
    const differences = [
      {
        kind: 'phase',
        path: '/cases/1/expect/phase',
        expected: '“Late”',
        actual: '“Early”',
        text: 'The phase should be “Late” and is “Early”.',
      },
      {
        kind: 'withheld',
        path: '/cases/1/expect/permitted/0',
        expected: 'permitted',
        actual: 'withheld',
        text: '“Jogging” should be permitted and is withheld: It begins with the phase “Late”, which needs “Six-week visit” (granted by surgeon) on record.',
      },
      {
        kind: 'permitted',
        path: '/cases/1/expect/withheld/0',
        expected: 'withheld',
        actual: 'permitted',
        text: '“Walking” should be withheld and is permitted, by the prescription `walking`.',
      },
      {
        kind: 'dose',
        path: '/cases/1/expect/dose/walking',
        expected: '3 times a day',
        actual: 'for 20 minutes, twice a day',
        text: 'The dose of “Walking” should be “3 times a day” and is “for 20 minutes, twice a day”.',
      },
      {
        kind: 'limit',
        path: '/cases/1/expect/limits/0',
        expected: 'at most 10 kg',
        actual: 'at most 5 kg',
        text: 'The limit on load should be at most 10 kg and is at most 5 kg (in force: `load`).',
      },
    ]
    const finding = {
      code: 'case-failed',
      severity: 'error',
      name: 'case-failed:jogs-too-early',
      path: '/cases/1',
      witness: { daysSinceSurgery: 41, milestones: [], facts: [{ code: 'pain', value: 2, day: 41 }] },
      differences,
    }
    const text = `The test case \`jogs-too-early\` fails on day 41 (11 February 2026, for a surgery on 1 January 2026). ${differences.map((difference) => difference.text).join(' ')} Correct the rule, or the case if it expects the wrong thing.`

    const checked = accepted(await clinic.send<z.output<typeof check>>('POST', '/protocols/failing/draft/check'))
    expect(checked.publishable).toBe(false)
    expect(checked.findings[0]).toMatchObject({ ...finding, text })

    const refused = await clinic.send<Problem>('POST', '/protocols/failing/draft/publish', {}, { 'if-match': '*' })
    expect(refused.body).toMatchObject({
      status: 422,
      code: 'CHECK_FAILED',
      errors: [{ in: 'body', pointer: '/cases/1', detail: text }],
      findings: [finding],
    })
    expect((await clinic.get('/protocols/failing')).body).toMatchObject({ latestVersion: null, hasDraft: true })
  })

  test('are run on a document that is not stored, too', async () => {
    const wrong = { ...passing, expect: { status: 'on-hold' } }
    const answer = accepted(await clinic.post<z.output<typeof check>>('/checks', documentOf('unstored', [wrong])))
    expect(answer.findings[0]).toMatchObject({
      name: 'case-failed:after-six-weeks',
      // A symptom, an override, a hold: no witness can say these.
      witness: null,
      differences: [{ text: 'The status should be `on-hold` and is `active`.' }],
    })
  })

  test('are refused where they are not well formed, or name what there is not, each place at once', async () => {
    const shape = await clinic.post<Problem>(
      '/protocols',
      documentOf('shape', [
        { code: 'a', on: 1, expect: {} },
        { code: 'b', on: 1.5, record: [{ milestone: 'visit' }], expect: { permited: ['walking'] } },
        { code: 'c', on: 1, record: [{ hold: 'x', from: 3, until: 3 }], expect: { limits: [{ quantity: 'load' }] } },
        { code: 'd', on: 1, record: [{ milestone: 'visit', on: 3, revoked: 2 }], expect: { phase: null } },
      ]),
    )
    expect(shape.body.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`)).toEqual([
      '/cases/0/expect must expect something: `permitted`, `withheld`, `phase`, `status`, `dose` or `limits`',
      '/cases/1/record/0/on is required',
      '/cases/1/on must be a whole number and is a number with a fraction',
      '/cases/1/expect/permited is not a field here: did you mean `permitted`?',
      '/cases/2/record/0/until is the first day on which it no longer holds, so it must be later than `from`',
      '/cases/2/expect/limits/0 must compare something: `max`, `min` or `asInstructed`',
      '/cases/3/record/0/revoked must not lie before `on`',
    ])
    const names = await clinic.post<Problem>(
      '/protocols',
      documentOf('names', [
        { code: 'a', on: 1, record: [{ fact: 'pain', is: 11, on: 1 }], expect: { permitted: ['jooging'] } },
        { code: 'a', on: 1, expect: { phase: 'later' } },
      ]),
    )
    expect(names.body.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`)).toEqual([
      '/cases/1 has the name `a`, which an earlier one has already: give it another',
      '/cases/0/record/0/is is no value that `pain` can have: write one of its type, number, as `facts` declares it',
      '/cases/0/expect/permitted/0 names the exercise `jooging`, which does not exist: did you mean `jogging` or `boxing`? Otherwise bring it along in `exercises`, or create it under `/v1/exercises`',
      '/cases/1/expect/phase names the phase `later`, which does not exist: did you mean `late`? Otherwise add it to `phases`',
    ])
  })
})
