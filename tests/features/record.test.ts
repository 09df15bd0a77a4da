import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { permittedExercises } from '../../src/features/permitted-exercises/schemas.ts'
import {
  accepted,
  changeConfirmed,
  everyFeature,
  openEpisode,
  publishProtocol,
  startClinicWithLibrary,
} from './library-clinic.ts'
import type { Answer, Page, Problem } from './support.ts'

type PermittedExercises = z.output<typeof permittedExercises>
interface Entry extends Record<string, unknown> {
  id: string
  kind: string
  revision: number
  recordedAt: string
  voided: { by: string; reason: string; recordedAt: string } | null
}

// Noon in London, seven in the morning in New York.
const today = '2026-11-20'
const clinic = await startClinicWithLibrary({ now: `${today}T12:00:00Z` })

/** An episode after PLIF on 1 October that follows the protocol with everything. */
function open(): Promise<string> {
  return openEpisode(clinic, {
    procedures: ['plif'],
    surgeryDate: '2026-10-01',
    side: 'left',
    protocols: [{ code: 'every-feature' }],
  })
}

/** The same with the brace fitted and the hospital left. */
async function openAtHome(): Promise<string> {
  const id = await open()
  await record(id, 'milestones', { code: 'brace-fitted', on: '2026-09-20' })
  await record(id, 'milestones', discharged)
  return id
}

function post<Body = Problem>(episode: string, path: string, body: unknown): Promise<Answer<Body>> {
  return clinic.post<Body>(`/episodes/${episode}/${path}`, body)
}

async function record(episode: string, path: string, body: object): Promise<Entry> {
  return accepted(await post<Entry>(episode, path, body))
}

async function recordOf(episode: string): Promise<Entry[]> {
  return (await clinic.pages<Entry>(`/episodes/${episode}/record?limit=100`)).flat()
}

async function ask(episode: string, on = today): Promise<PermittedExercises> {
  return accepted(await clinic.get<PermittedExercises>(`/episodes/${episode}/permitted-exercises?on=${on}`))
}

/** The exercises that are permitted. */
async function permittedOf(episode: string, on = today): Promise<string[]> {
  return (await ask(episode, on)).permitted.map(({ exercise }) => exercise)
}

/** Why an exercise is withheld, in words. */
async function whyNot(episode: string, exercise: string, on = today): Promise<string[]> {
  const { withheld } = await ask(episode, on)
  return withheld.find((item) => item.exercise === exercise)?.reasons.map(({ text }) => text) ?? []
}

beforeAll(() => publishProtocol(clinic, everyFeature()))

const discharged = { code: 'hospital-discharge', on: '2026-10-05' }
const cleared = { code: 'training-clearance', on: '2026-11-12', grantedBy: 'surgeon' }

describe('an entry', () => {
  test('is answered with its place in the record, listed, and read again', async () => {
    const id = await open()
    const answer = await post<Entry>(id, 'milestones', { ...discharged, note: ' Went home\r\nby car ' })
    expect(answer.status).toBe(201)
    expect(answer.location).toBe(`/v1/episodes/${id}/milestones/${answer.body.id}`)
    expect(answer.body).toEqual({
      kind: 'milestone',
      id: expect.any(String),
      revision: 3,
      recordedAt: expect.stringMatching(/^2026-11-20T12:00:00\.\d{3}Z$/),
      recordedBy: expect.any(String),
      voided: null,
      ...discharged,
      grantedBy: null,
      note: 'Went home\nby car',
    })
    expect((await clinic.get(answer.location.replace('/v1', ''))).body).toEqual(answer.body)
    expect((await clinic.get(`/episodes/${id}/record/${answer.body.id}`)).body).toEqual(answer.body)
    expect((await clinic.get<Page<Entry>>(`/episodes/${id}/milestones`)).body.items).toEqual([answer.body])
    expect((await clinic.get<Page<Entry>>(`/episodes/${id}/facts`)).body.items).toEqual([])
    expect((await clinic.get(`/episodes/${id}/facts/${answer.body.id}`)).body).toMatchObject({ status: 404 })
    expect((await clinic.get(`/episodes/${id}/record/${randomUUID()}`)).body).toMatchObject({
      status: 404,
      code: 'ENTRY_NOT_FOUND',
    })
  })

  test('of another episode is not there', async () => {
    const [id, other] = [await open(), await open()]
    const { id: entry } = await record(other, 'milestones', discharged)
    for (const path of [`record/${entry}`, `milestones/${entry}`]) {
      expect((await clinic.get(`/episodes/${id}/${path}`)).status).toBe(404)
      expect((await post(id, `${path}/void`, { reason: 'x' })).body).toMatchObject({
        status: 404,
        code: 'ENTRY_NOT_FOUND',
      })
    }
    expect((await post(id, `milestones/${entry}/revoke`, { on: today, reason: 'x' })).status).toBe(404)
  })

  test('is listed page by page, in the order of recording', async () => {
    const id = await open()
    for (let value = 0; value < 5; value += 1)
      await record(id, 'facts', { code: 'pain', value, on: `2026-11-1${value}` })
    await record(id, 'holds', { from: today, reason: 'Fever' })
    const pages = await clinic.pages<Entry>(`/episodes/${id}/facts?limit=2`)
    expect(pages.map((page) => page.map(({ value }) => value))).toEqual([[0, 1], [2, 3], [4]])
    expect((await recordOf(id)).map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect((await clinic.get(`/episodes/${id}/facts?limit=0`)).status).toBe(400)
    expect((await clinic.get(`/episodes/${id}/facts?cursor=WzFd.x`)).status).toBe(400)
  })

  test('and thirty others at once follow one another, without gaps and each later than the one before', async () => {
    const id = await open()
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        index % 3 === 0
          ? post<Entry>(id, 'facts', { code: 'pain', value: index % 11, on: today })
          : index % 3 === 1
            ? post<Entry>(id, 'milestones', discharged)
            : post<Entry>(id, 'holds', { from: today, reason: `Reason ${index}` }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(201))
    const entries = await recordOf(id)
    expect(entries.map(({ revision }) => revision)).toEqual(Array.from({ length: 32 }, (_, index) => index + 1))
    const moments = entries.map(({ recordedAt }) => recordedAt)
    expect(moments.every((moment, index) => index === 0 || moment > (moments[index - 1] ?? ''))).toBe(true)
    expect(answers.map(({ body }) => body.revision).sort((a, b) => a - b)).toEqual(
      entries.slice(2).map(({ revision }) => revision),
    )
    const { body } = await clinic.get(`/episodes/${id}`)
    expect(body).toMatchObject({ revision: 32, changedAt: moments.at(-1) })
  })
})

describe('a clock that goes back', () => {
  test('does not put an entry before an earlier one', async () => {
    const id = await open()
    await record(id, 'milestones', discharged)
    clinic.setNow('2026-11-20T11:00:00Z')
    await record(id, 'facts', { code: 'pain', value: 1, on: today })
    await record(id, 'facts', { code: 'pain', value: 2, on: today })
    clinic.setNow(`${today}T12:00:00Z`)
    const moments = (await recordOf(id)).map(({ recordedAt }) => recordedAt)
    expect(moments).toEqual([...new Set(moments)].sort())
    expect((await ask(id)).basis).toMatchObject({ revision: 5, knownAt: moments.at(-1) })
  })
})

type Refusal = [what: string, path: string, body: object, status: number, code: string, pointer: string, says: string]

const override = { exercise: 'rowing', effect: 'permit', from: today, reason: 'Strong enough' }

const refused: Refusal[] = [
  [
    'a milestone before the surgery',
    'milestones',
    { code: 'hospital-discharge', on: '2026-09-30' },
    422,
    'NOT_PLAUSIBLE',
    '/on',
    'lies before the surgery on 2026-10-01, which “Left the hospital” cannot',
  ],
  [
    'a milestone tomorrow',
    'milestones',
    { code: 'hospital-discharge', on: '2026-11-21' },
    422,
    'NOT_PLAUSIBLE',
    '/on',
    'lies in the future: what is recorded has happened, so at the latest on 2026-11-20',
  ],
  [
    'an unknown milestone',
    'milestones',
    { code: 'hospital-dischrage', on: today },
    422,
    'UNKNOWN_REFERENCE',
    '/code',
    'did you mean `hospital-discharge`?',
  ],
  [
    'another protocol’s milestone',
    'milestones',
    { code: 'six-week-visit', on: today },
    422,
    'UNKNOWN_REFERENCE',
    '/code',
    'they declare `brace-fitted`, `hospital-discharge` and `training-clearance`',
  ],
  [
    'a clearance by nobody',
    'milestones',
    { code: 'training-clearance', on: today },
    422,
    'NOT_PLAUSIBLE',
    '/grantedBy',
    'is required: “Cleared for training” may be granted by `doctor` or `surgeon` only',
  ],
  [
    'a clearance by somebody else',
    'milestones',
    { ...cleared, grantedBy: 'nurse' },
    422,
    'NOT_PLAUSIBLE',
    '/grantedBy',
    'must not be `nurse`: “Cleared for training” may be granted by `doctor` or `surgeon` only',
  ],
  [
    'a milestone on no date',
    'milestones',
    { code: 'hospital-discharge', on: '2026-11-31' },
    400,
    'VALIDATION_FAILED',
    '/on',
    'November 2026 has 30 days',
  ],
  [
    'an unknown fact',
    'facts',
    { code: 'pains', value: 1, on: today },
    422,
    'UNKNOWN_REFERENCE',
    '/code',
    'did you mean `pain`?',
  ],
  [
    'a fact of the future',
    'facts',
    { code: 'pain', value: 1, on: '2026-11-21' },
    422,
    'NOT_PLAUSIBLE',
    '/on',
    'lies in the future',
  ],
  [
    'a number as a text',
    'facts',
    { code: 'pain', value: '3', on: today },
    422,
    'NOT_PLAUSIBLE',
    '/value',
    'of “Pain now” must be a number in {score}',
  ],
  [
    'a number out of range',
    'facts',
    { code: 'pain', value: 11, on: today },
    422,
    'NOT_PLAUSIBLE',
    '/value',
    'of “Pain now” must be at most 10',
  ],
  [
    'a number below the range',
    'facts',
    { code: 'pain', value: -0.5, on: today },
    422,
    'NOT_PLAUSIBLE',
    '/value',
    'of “Pain now” must be at least 0',
  ],
  [
    'a yes as a text',
    'facts',
    { code: 'smoker', value: 'yes', on: today },
    422,
    'NOT_PLAUSIBLE',
    '/value',
    'of “Smoking” must be `true` or `false`',
  ],
  [
    'a choice that is not offered',
    'facts',
    { code: 'approach', value: 'posterior', on: today },
    422,
    'NOT_PLAUSIBLE',
    '/value',
    'of “Approach” must be one of `anterior` or `lateral`',
  ],
  [
    'a number for a text',
    'facts',
    { code: 'brace-brand', value: 7, on: today },
    422,
    'NOT_PLAUSIBLE',
    '/value',
    'must be a text',
  ],
  ['no value', 'facts', { code: 'pain', on: today }, 400, 'VALIDATION_FAILED', '/value', 'is required'],
  [
    'a value that is a list',
    'facts',
    { code: 'pain', value: [3], on: today },
    400,
    'VALIDATION_FAILED',
    '/value',
    'must be a number, `true`, `false` or a text',
  ],
  [
    'an unknown red flag',
    'symptoms',
    { redFlag: 'fevre', on: today },
    422,
    'UNKNOWN_REFERENCE',
    '/redFlag',
    'did you mean `fever`?',
  ],
  [
    'a symptom of the future',
    'symptoms',
    { redFlag: 'fever', on: '2026-11-21' },
    422,
    'NOT_PLAUSIBLE',
    '/on',
    'lies in the future',
  ],
  [
    'an override of an unknown exercise',
    'overrides',
    { ...override, exercise: 'rowin' },
    422,
    'UNKNOWN_REFERENCE',
    '/exercise',
    'did you mean `rowing`',
  ],
  [
    'an override that lifts what is absolute',
    'overrides',
    { ...override, lifts: ['twisting', 'no-rowing-in-pain'] },
    422,
    'NOT_PLAUSIBLE',
    '/lifts/1',
    'names `no-rowing-in-pain`, which is absolute: no override lifts it',
  ],
  [
    'an override that lifts a caution',
    'overrides',
    { ...override, lifts: ['long-sitting'] },
    422,
    'NOT_PLAUSIBLE',
    '/lifts/0',
    'which is no relative contraindication of the episode’s protocols: they are `outdoors-too-early` and `twisting`',
  ],
  [
    'an override that lifts nothing known',
    'overrides',
    { ...override, lifts: ['twistin'] },
    422,
    'NOT_PLAUSIBLE',
    '/lifts/0',
    'they are `outdoors-too-early` and `twisting`',
  ],
  [
    'a withholding that lifts',
    'overrides',
    { ...override, effect: 'withhold', lifts: ['twisting'] },
    422,
    'NOT_PLAUSIBLE',
    '/lifts',
    'goes with `permit` only',
  ],
  [
    'an override that ends when it begins',
    'overrides',
    { ...override, until: today },
    422,
    'NOT_PLAUSIBLE',
    '/until',
    'it must be later than 2026-11-20',
  ],
  [
    'an override without a reason',
    'overrides',
    { ...override, reason: ' ' },
    400,
    'VALIDATION_FAILED',
    '/reason',
    'must not be empty',
  ],
  [
    'an override of another kind',
    'overrides',
    { ...override, effect: 'forbid' },
    400,
    'VALIDATION_FAILED',
    '/effect',
    'must be one of `permit` or `withhold`',
  ],
  [
    'a hold that ends before it begins',
    'holds',
    { from: today, until: '2026-11-19', reason: 'Fever' },
    422,
    'NOT_PLAUSIBLE',
    '/until',
    'it must be later than 2026-11-20',
  ],
  ['a hold without a beginning', 'holds', { reason: 'Fever' }, 400, 'VALIDATION_FAILED', '/from', 'is required'],
  [
    'a NUL byte',
    'milestones',
    { ...discharged, note: 'a\0b' },
    400,
    'VALIDATION_FAILED',
    '/note',
    'contains a NUL character',
  ],
  [
    'half a surrogate pair',
    'holds',
    { from: today, reason: 'a\ud800' },
    400,
    'VALIDATION_FAILED',
    '/reason',
    'half a surrogate pair',
  ],
  [
    'a field of another entry',
    'milestones',
    { ...discharged, value: 3 },
    400,
    'VALIDATION_FAILED',
    '/value',
    'is not a field here',
  ],
  [
    'a moment for the date',
    'facts',
    { code: 'pain', value: 1, on: `${today}T10:00:00Z` },
    400,
    'VALIDATION_FAILED',
    '/on',
    'without time',
  ],
]

describe('refused', () => {
  let id = ''
  beforeAll(async () => {
    id = await open()
  })

  test.each(refused)('%s', async (_what, path, body, status, code, pointer, says) => {
    const answer = await post(id, path, body)
    expect(answer.body).toMatchObject({ status, code })
    expect(answer.body.errors?.find((error) => error.pointer === pointer)?.detail).toContain(says)
    expect(answer.status).toBe(status)
  })

  test.each(['milestones', 'facts', 'symptoms', 'overrides', 'holds', 'close'])(
    'a body of %s that is none, too large, or not JSON',
    async (path) => {
      const send = (body: string, headers = {}) => clinic.send('POST', `/episodes/${id}/${path}`, body, headers)
      expect((await send('')).body).toMatchObject({ status: 400, detail: 'the body is required' })
      expect((await send('{"on": }')).body).toMatchObject({ status: 400, code: 'MALFORMED_JSON' })
      expect((await send('[]')).body).toMatchObject({ status: 400, code: 'VALIDATION_FAILED' })
      expect((await send(`{"reason": "${'x'.repeat(2 * 1024 * 1024)}"}`)).body).toMatchObject({ status: 413 })
      expect((await send('on=2026-11-20', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415)
    },
  )

  test('an entry for an episode that is not there', async () => {
    expect((await post(randomUUID(), 'milestones', discharged)).body).toMatchObject({
      status: 404,
      code: 'EPISODE_NOT_FOUND',
    })
  })

  test('and so nothing of all this is on record', async () => {
    expect((await recordOf(id)).map(({ kind }) => kind)).toEqual(['surgery', 'assignment'])
  })
})

describe('a milestone', () => {
  test('may be of today, of the day of surgery, or before it if the protocol says so', async () => {
    const id = await open()
    for (const on of [today, '2026-10-01']) await record(id, 'milestones', { code: 'hospital-discharge', on })
    await record(id, 'milestones', { code: 'brace-fitted', on: '2026-09-20', grantedBy: 'orthotist' })
  })

  test('opens a phase from its date on, until it is revoked', async () => {
    const id = await open()
    await record(id, 'milestones', { code: 'brace-fitted', on: '2026-09-20' })
    expect(await whyNot(id, 'sofa-sitting', '2026-10-06')).toEqual([
      'It begins with the phase “At home”, which needs “Left the hospital” on record.',
    ])
    const { id: entry } = await record(id, 'milestones', discharged)
    expect(await permittedOf(id, '2026-10-04')).toEqual(['garden-walking'])
    expect(await permittedOf(id, '2026-10-05')).toEqual(['garden-walking', 'sofa-sitting'])

    const revoke = (on: string) => post(id, `milestones/${entry}/revoke`, { on, reason: 'Back on the ward' })
    expect((await revoke('2026-10-04')).body).toMatchObject({
      status: 422,
      detail: '`on` lies before the milestone itself, which is of 2026-10-05',
    })
    expect((await revoke('2026-11-21')).body).toMatchObject({ status: 422 })
    const revocation = await revoke('2026-10-10')
    expect(revocation.status).toBe(201)
    expect(revocation.location).toBe(`/v1/episodes/${id}/record/${Reflect.get(revocation.body, 'id')}`)
    expect(await permittedOf(id, '2026-10-09')).toEqual(['garden-walking', 'sofa-sitting'])
    expect(await permittedOf(id, '2026-10-10')).toEqual(['garden-walking'])

    const undo = await post(id, `record/${Reflect.get(revocation.body, 'id')}/void`, {
      reason: 'It was another patient',
    })
    expect(undo.status).toBe(201)
    expect(await permittedOf(id, '2026-10-10')).toEqual(['garden-walking', 'sofa-sitting'])
  })

  test('changes the dose from the day that it is counted to', async () => {
    const id = await open()
    await record(id, 'milestones', discharged)
    const doseOn = async (on: string) =>
      (await ask(id, on)).permitted.find(({ exercise }) => exercise === 'garden-walking')?.dosage
    expect(await doseOn('2026-10-11')).toEqual({ durationMinutes: 10, timesPerDay: 3, intensity: 'easy' })
    expect(await doseOn('2026-10-12')).toEqual({
      durationMinutes: 20.5,
      timesPerDay: 2,
      timesPerWeek: 10,
      amounts: [
        { quantity: 'slope', value: 5, unit: '%' },
        { quantity: 'distance', value: 1.5, unit: 'km' },
      ],
      note: 'Twice round the garden,\nthen rest',
    })
  })
})

describe('a fact', () => {
  test('that is not known does not permit, and says which question is open', async () => {
    const id = await open()
    await record(id, 'milestones', discharged)
    await record(id, 'milestones', cleared)
    expect(await whyNot(id, 'rowing')).toEqual([
      'It falls under a contraindication: “Rowing in pain”, while it is not known whether “Pain now” is above 5 (nothing is recorded); what is not known counts against it.',
      'It falls under a contraindication: “Twisting”, at least until day 84 after surgery (24 December 2026), unless a clinician lifts this for the patient; the catalogue does not grade the exercise for rotation, so the rule applies to it.',
      'It needs “Pain now” to be at most 3 (nothing is recorded) and “Smoking” not to be yes (nothing is recorded); what is not known does not permit it.',
    ])
    await record(id, 'facts', { code: 'smoker', value: false, on: '2026-10-01' })
    await record(id, 'facts', { code: 'pain', value: 6, on: '2026-11-14' })
    expect(await whyNot(id, 'rowing')).toEqual([
      'It falls under a contraindication: “Rowing in pain”, while “Pain now” is above 5 (last recorded: 6 on 14 November 2026).',
      expect.stringContaining('“Twisting”'),
      'It needs “Pain now” to be at most 3 (last recorded: 6 on 14 November 2026).',
    ])
    // Of two on one date the one recorded last counts, and it counts for seven days.
    await record(id, 'facts', { code: 'pain', value: 3, on: '2026-11-14' })
    const permit = { ...override, from: '2026-11-01', lifts: ['twisting'] }
    await record(id, 'overrides', { ...permit, exercise: 'rowing' })
    const { permitted } = await ask(id)
    const rowing = permitted.find(({ exercise }) => exercise === 'rowing')
    expect(rowing).toMatchObject({
      side: 'right',
      supervision: 'supervised',
      dosage: { sets: 2, reps: 8, holdSeconds: 1.5 },
    })
    expect(rowing?.grantedBy.map(({ kind, text }) => [kind, text])).toEqual([
      ['prescription', 'Prescribed by “Every feature: a protocol for tests” in the present phase.'],
      ['override', 'A clinician permits it from 1 November 2026 on: Strong enough.'],
    ])
    expect(rowing?.cautions.map(({ text }) => text)).toEqual([
      '“Twisting” would contraindicate it; a clinician has lifted that: Strong enough.',
    ])
    const after = await ask(id, '2026-11-22')
    expect(after.permitted.find(({ exercise }) => exercise === 'rowing')?.grantedBy.map(({ kind }) => kind)).toEqual([
      'override',
    ])
  })

  test('that is too old is as good as none', async () => {
    const id = await open()
    await record(id, 'milestones', discharged)
    await record(id, 'milestones', cleared)
    await record(id, 'facts', { code: 'smoker', value: true, on: '2026-10-01' })
    await record(id, 'facts', { code: 'pain', value: 2, on: '2026-11-12' })
    expect((await whyNot(id, 'rowing')).at(-1)).toBe(
      'It needs “Pain now” to be at most 3 (the last observation is too old: 2 on 12 November 2026) and “Smoking” not to be yes (last recorded: yes on 1 October 2026).',
    )
  })
})

describe('a symptom', () => {
  test('stops everything until it is resolved', async () => {
    const id = await openAtHome()
    const { id: entry } = await record(id, 'symptoms', { redFlag: 'fever', on: '2026-10-20', note: '39.2' })
    const answer = await ask(id)
    expect(answer).toMatchObject({ status: 'on-hold', permitted: [] })
    expect(answer.statusReasons.map(({ text }) => text)).toEqual([
      '“Fever” was reported on 20 October 2026: contact the surgeon’s team at once; nothing is permitted until they have answered and a clinician has resolved it.',
    ])
    expect(answer.redFlags[0]).toMatchObject({ code: 'fever', open: true, since: '2026-10-20', entry })
    expect(await permittedOf(id, '2026-10-19')).not.toEqual([])

    const resolve = (body: object) => post(id, `symptoms/${entry}/resolve`, body)
    expect((await resolve({ on: '2026-10-19', note: 'x' })).body).toMatchObject({ status: 422, code: 'NOT_PLAUSIBLE' })
    expect((await resolve({ on: '2026-11-21', note: 'x' })).status).toBe(422)
    expect((await resolve({ on: '2026-10-25' })).body).toMatchObject({ status: 400, errors: [{ pointer: '/note' }] })
    expect((await post(id, `symptoms/${randomUUID()}/resolve`, { on: today, note: 'x' })).status).toBe(404)
    const resolution = accepted(
      await post<Entry>(id, `symptoms/${entry}/resolve`, { on: '2026-10-25', note: 'No infection' }),
    )
    expect(await permittedOf(id, '2026-10-24')).toEqual([])
    expect(await permittedOf(id, '2026-10-25')).not.toEqual([])

    accepted(await post(id, `record/${resolution.id}/void`, { reason: 'It came back' }))
    expect(await permittedOf(id)).toEqual([])
    accepted(await post(id, `symptoms/${entry}/void`, { reason: 'The thermometer was broken' }))
    expect(await permittedOf(id)).not.toEqual([])
    expect((await resolve({ on: today, note: 'x' })).body).toMatchObject({ status: 409, code: 'ENTRY_ALREADY_VOID' })
  })

  test('keeps its words when the protocol changes, and stays open', async () => {
    const id = await open()
    await record(id, 'symptoms', { redFlag: 'numb-saddle', on: '2026-10-20' })
    accepted(await changeConfirmed(clinic, id, { protocols: [{ code: 'plif-standard' }] }))
    const answer = await ask(id)
    expect(answer).toMatchObject({ status: 'on-hold', permitted: [] })
    expect(answer.redFlags[0]).toMatchObject({
      title: 'Numb between the legs',
      response: 'emergency',
      text: '“Numb between the legs” was reported on 20 October 2026 and is not resolved. This is an emergency: call the emergency services or go to an emergency department now.',
    })
  })
})

describe('an override', () => {
  test('permits within its dates, the last day not included, and says so', async () => {
    const id = await openAtHome()
    await record(id, 'overrides', { ...override, exercise: 'walking', from: '2026-11-10', until: '2026-11-12' })
    expect(await permittedOf(id, '2026-11-09')).not.toContain('walking')
    expect(await permittedOf(id, '2026-11-10')).toContain('walking')
    expect(await permittedOf(id, '2026-11-11')).toContain('walking')
    expect(await permittedOf(id, '2026-11-12')).not.toContain('walking')
    const { permitted } = await ask(id, '2026-11-11')
    const walking = permitted.find(({ exercise }) => exercise === 'walking')
    expect(walking).toMatchObject({ supervision: 'supervised', dosage: null })
    expect(walking?.grantedBy.map(({ text }) => text)).toEqual([
      'A clinician permits it from 10 November 2026 through 11 November 2026: Strong enough.',
    ])
  })

  test('withholds what the protocol grants, whatever another one permits', async () => {
    const id = await openAtHome()
    await record(id, 'overrides', { ...override, exercise: 'garden-walking', from: '2026-10-02' })
    await record(id, 'overrides', {
      exercise: 'garden-walking',
      effect: 'withhold',
      from: '2026-11-11',
      until: '2026-11-12',
      reason: 'Icy paths',
    })
    expect(await permittedOf(id, '2026-11-10')).toContain('garden-walking')
    expect(await whyNot(id, 'garden-walking', '2026-11-11')).toEqual([
      'A clinician withholds it on 11 November 2026: Icy paths.',
    ])
    expect(await permittedOf(id, '2026-11-12')).toContain('garden-walking')
  })

  test('is of the exercise as it was in the catalogue', async () => {
    const id = await open()
    accepted(
      await clinic.post('/exercises', {
        code: 'skipping',
        title: 'Skipping',
        kind: 'exercise',
        attributes: { rotation: 1 },
      }),
    )
    await record(id, 'overrides', { ...override, exercise: 'skipping' })
    const before = await clinic.get(`/episodes/${id}/permitted-exercises`)
    accepted(await clinic.patch('/exercises/skipping', { title: 'Jumping', attributes: { rotation: 3 } }, '*'))
    expect((await clinic.get(`/episodes/${id}/permitted-exercises`)).text).toBe(before.text)
    expect((await clinic.delete('/exercises/skipping', '*')).body).toMatchObject({ status: 409, code: 'IN_USE' })
  })
})

describe('a hold', () => {
  test('stops everything while it lasts', async () => {
    const id = await openAtHome()
    const hold = await record(id, 'holds', { from: '2026-11-10', until: '2026-11-13', reason: 'Wound check' })
    await record(id, 'holds', { from: '2026-12-01', reason: 'Second operation planned' })
    expect(await permittedOf(id, '2026-11-09')).not.toEqual([])
    const answer = await ask(id, '2026-11-12')
    expect(answer).toMatchObject({ status: 'on-hold', permitted: [] })
    expect(answer.statusReasons).toMatchObject([
      {
        kind: 'hold',
        entry: hold.id,
        until: '2026-11-13',
        text: 'All exercise is on hold from 10 November 2026 through 12 November 2026: Wound check.',
      },
    ])
    expect(await permittedOf(id, '2026-11-13')).not.toEqual([])
    expect((await ask(id, '2027-06-01')).statusReasons.map(({ text }) => text)).toEqual([
      'All exercise is on hold from 1 December 2026 on: Second operation planned.',
    ])
    accepted(await post(id, `holds/${hold.id}/void`, { reason: 'Wrong patient' }))
    expect(await permittedOf(id, '2026-11-12')).not.toEqual([])
  })
})

describe('voiding', () => {
  test('takes an entry of each kind back, once, and says by what', async () => {
    const id = await open()
    const bodies: Record<string, object> = {
      milestones: discharged,
      facts: { code: 'pain', value: 1, on: today },
      symptoms: { redFlag: 'fever', on: today },
      overrides: override,
      holds: { from: today, reason: 'Fever' },
    }
    const before = (await ask(id)).permitted
    for (const [path, body] of Object.entries(bodies)) {
      const entry = await record(id, path, body)
      const voiding = await post<Entry>(id, `${path}/${entry.id}/void`, { reason: 'Mistyped' })
      expect(voiding.status).toBe(201)
      expect(voiding.body).toMatchObject({
        kind: 'void',
        entry: entry.id,
        reason: 'Mistyped',
        revision: entry.revision + 1,
      })
      expect(voiding.location).toBe(`/v1/episodes/${id}/record/${voiding.body.id}`)
      expect((await clinic.get(`/episodes/${id}/${path}/${entry.id}`)).body).toEqual({
        ...entry,
        voided: { by: voiding.body.id, reason: 'Mistyped', recordedAt: voiding.body.recordedAt },
      })
      const again = await post(id, `${path}/${entry.id}/void`, { reason: 'Again' })
      expect(again.body).toMatchObject({ status: 409, code: 'ENTRY_ALREADY_VOID' })
      expect((await post(id, `record/${entry.id}/void`, { reason: 'Again' })).status).toBe(409)
      expect((await post(id, `record/${voiding.body.id}/void`, { reason: 'Undo' })).body).toMatchObject({
        status: 404,
        code: 'ENTRY_NOT_FOUND',
      })
    }
    expect((await ask(id)).permitted).toEqual(before)
  })

  test('needs a reason and an entry of that kind; the surgery is corrected, not voided', async () => {
    const id = await open()
    const { id: fact } = await record(id, 'facts', { code: 'pain', value: 1, on: today })
    expect((await post(id, `facts/${fact}/void`, {})).body).toMatchObject({
      status: 400,
      errors: [{ pointer: '/reason' }],
    })
    expect((await post(id, `holds/${fact}/void`, { reason: 'x' })).status).toBe(404)
    for (const entry of (await recordOf(id)).slice(0, 2)) {
      const { body } = await post(id, `record/${entry.id}/void`, { reason: 'x' })
      expect(body).toMatchObject({ status: 404, code: 'ENTRY_NOT_FOUND' })
    }
  })

  test('of one entry by ten at once happens once', async () => {
    const id = await open()
    const { id: fact } = await record(id, 'facts', { code: 'pain', value: 1, on: today })
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(id, `facts/${fact}/void`, { reason: 'x' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)])
  })

  test('a revoked milestone that is void cannot be revoked, nor a void symptom resolved', async () => {
    const id = await open()
    const { id: milestone } = await record(id, 'milestones', discharged)
    accepted(await post(id, `milestones/${milestone}/void`, { reason: 'x' }))
    const revocation = await post(id, `milestones/${milestone}/revoke`, { on: today, reason: 'x' })
    expect(revocation.body).toMatchObject({ status: 409, code: 'ENTRY_ALREADY_VOID' })
  })
})
