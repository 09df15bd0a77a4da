import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { episode } from '../../src/features/episodes/schemas.ts'
import {
  accepted,
  changeConfirmed,
  everyFeature,
  openEpisode,
  publishProtocol,
  startClinicWithLibrary,
} from './library-clinic.ts'
import type { Page, Problem } from './support.ts'

type Episode = z.output<typeof episode>
type Entry = { id: string; kind: string; revision: number; recordedAt: string; versions: string[] }

const now = '2026-11-20T12:00:00Z'
const clinic = await startClinicWithLibrary({ now })

async function addPatient(): Promise<string> {
  return accepted(await clinic.post<{ id: string }>('/patients', { externalId: randomUUID() })).id
}

/** What opening an episode with this answers. */
async function open<Body = Problem>(body: object) {
  return clinic.post<Body>(`/patients/${await addPatient()}/episodes`, body)
}

function read(id: string) {
  return clinic.get<Episode>(`/episodes/${id}`)
}

function change<Body = Problem>(id: string, body: object, etag: string) {
  return clinic.patch<Body>(`/episodes/${id}`, body, etag)
}

async function recordOf(id: string): Promise<Entry[]> {
  return (await clinic.pages<Entry>(`/episodes/${id}/record?limit=100`)).flat()
}

const acdf = { procedures: ['acdf'], surgeryDate: '2026-10-01' }

beforeAll(async () => {
  await publishProtocol(clinic, everyFeature())
  await publishProtocol(clinic, everyFeature('every-feature', { title: 'The second version' }))
  await clinic.send('POST', '/protocols/every-feature/versions/1/retire', {}, { 'if-match': '*' })
})

describe('an episode', () => {
  test('follows the clinic’s default protocol, and begins its record with the surgery and the assignment', async () => {
    const patientId = await addPatient()
    const surgery = { ...acdf, levels: ['C5-C6', 'C6-C7'], side: 'left' }
    const opened = await clinic.post<Episode>(`/patients/${patientId}/episodes`, surgery)
    expect(opened.status).toBe(201)
    expect(opened.location).toBe(`/v1/episodes/${opened.body.id}`)
    expect(opened.etag).toBe('"2"')
    expect(opened.body).toEqual({
      id: expect.any(String),
      patientId,
      status: 'open',
      ...surgery,
      protocols: [{ code: 'acdf-standard', version: 1, title: 'ACDF, standard recovery' }],
      revision: 2,
      createdAt: '2026-11-20T12:00:00.000Z',
      changedAt: expect.any(String),
    })
    expect((await read(opened.body.id)).body).toEqual(opened.body)
    expect((await recordOf(opened.body.id)).map(({ kind, revision }) => [kind, revision])).toEqual([
      ['surgery', 1],
      ['assignment', 2],
    ])
  })

  test('follows the version that is named, the newest, or none yet', async () => {
    const lumbar = { procedures: ['plif'], surgeryDate: '2026-10-01' }
    const newest = await open<Episode>({ ...lumbar, protocols: [{ code: 'every-feature' }] })
    expect(newest.body.protocols).toEqual([{ code: 'every-feature', version: 2, title: 'The second version' }])
    const named = await open<Episode>({ ...lumbar, protocols: [{ code: 'every-feature', version: 2 }] })
    expect(named.body.protocols).toEqual(newest.body.protocols)
    const none = await open<Episode>({ ...lumbar, protocols: [] })
    expect(none.body.protocols).toEqual([])
    const { body } = await clinic.get(`/episodes/${none.body.id}/permitted-exercises`)
    expect(body).toMatchObject({
      status: 'no-phase',
      permitted: [],
      statusReasons: [{ kind: 'no-protocol', text: 'No protocol is assigned, so nothing is permitted.' }],
    })
  })

  test('after combined procedures follows a protocol for each', async () => {
    const { body } = await open<Episode>({ procedures: ['alif', 'plif'], surgeryDate: '2026-10-01' })
    expect(body.protocols.map(({ code }) => code)).toEqual(['alif-standard', 'plif-standard'])
    const answer = await clinic.get<{ permitted: { exercise: string; grantedBy: { protocol: string }[] }[] }>(
      `/episodes/${body.id}/permitted-exercises?on=2026-10-04`,
    )
    const walking = answer.body.permitted.find(({ exercise }) => exercise === 'walking')
    expect(walking?.grantedBy.map(({ protocol }) => protocol)).toEqual(['alif-standard', 'plif-standard'])
    const one = { procedures: ['alif', 'plif'], surgeryDate: '2026-10-01', protocols: [{ code: 'every-feature' }] }
    expect((await open<Episode>(one)).body.protocols.map(({ code }) => code)).toEqual(['every-feature'])
  })

  const refused: [what: string, body: object, status: number, code: string, pointer: string, says: string][] = [
    [
      'a date that does not exist',
      { ...acdf, surgeryDate: '2026-02-30' },
      400,
      'VALIDATION_FAILED',
      '/surgeryDate',
      'is not a date: February 2026 has 28 days',
    ],
    [
      '29 February of a common year',
      { ...acdf, surgeryDate: '2025-02-29' },
      400,
      'VALIDATION_FAILED',
      '/surgeryDate',
      'February 2025 has 28 days',
    ],
    [
      'month 13',
      { ...acdf, surgeryDate: '2026-13-01' },
      400,
      'VALIDATION_FAILED',
      '/surgeryDate',
      'there is no month 13',
    ],
    [
      'a moment',
      { ...acdf, surgeryDate: '2026-10-01T00:00:00Z' },
      400,
      'VALIDATION_FAILED',
      '/surgeryDate',
      'without time',
    ],
    [
      '1850',
      { ...acdf, surgeryDate: '1850-01-01' },
      400,
      'VALIDATION_FAILED',
      '/surgeryDate',
      'must lie in the years 1900 to 2200',
    ],
    [
      '2201',
      { ...acdf, surgeryDate: '2201-01-01' },
      400,
      'VALIDATION_FAILED',
      '/surgeryDate',
      'must lie in the years 1900 to 2200',
    ],
    [
      '2200',
      { ...acdf, surgeryDate: '2200-01-01' },
      422,
      'NOT_PLAUSIBLE',
      '/surgeryDate',
      'must not be later than 2027-11-21',
    ],
    [
      'before the patient could live',
      { ...acdf, surgeryDate: '1906-11-19' },
      422,
      'NOT_PLAUSIBLE',
      '/surgeryDate',
      'must not be earlier than 1906-11-20',
    ],
    [
      'an unknown procedure',
      { ...acdf, procedures: ['acdff'] },
      422,
      'UNKNOWN_REFERENCE',
      '/procedures/0',
      'did you mean `acdf`',
    ],
    [
      'two of them',
      { ...acdf, procedures: ['acdf', 'lifp', 'xyz'] },
      422,
      'UNKNOWN_REFERENCE',
      '/procedures/2',
      '`GET /v1/procedures` lists what there is',
    ],
    ['no procedure', { ...acdf, procedures: [] }, 400, 'VALIDATION_FAILED', '/procedures', 'must not be empty'],
    [
      'a procedure twice',
      { ...acdf, procedures: ['acdf', 'acdf'] },
      400,
      'VALIDATION_FAILED',
      '/procedures',
      'must not have an item twice',
    ],
    [
      'an unknown protocol',
      { ...acdf, protocols: [{ code: 'acdf-standart' }] },
      422,
      'UNKNOWN_REFERENCE',
      '/protocols/0',
      'did you mean `acdf-standard`',
    ],
    [
      'an unknown version',
      { ...acdf, protocols: [{ code: 'acdf-standard', version: 4 }] },
      422,
      'UNKNOWN_REFERENCE',
      '/protocols/0',
      'has no version 4: the newest is 1',
    ],
    [
      'a retired version',
      { procedures: ['plif'], surgeryDate: '2026-10-01', protocols: [{ code: 'every-feature', version: 1 }] },
      409,
      'VERSION_NOT_PUBLISHED',
      '/protocols/0',
      'version 1 of `every-feature` is retired: assign another',
    ],
    [
      'a protocol for another procedure',
      { ...acdf, protocols: [{ code: 'plif-standard' }] },
      422,
      'NOT_PLAUSIBLE',
      '/protocols',
      'names `plif-standard`, which is for `plif` and not for `acdf`',
    ],
    [
      'a protocol for one of two',
      { procedures: ['acdf', 'plif'], surgeryDate: '2026-10-01', protocols: [{ code: 'acdf-standard' }] },
      422,
      'NOT_PLAUSIBLE',
      '/protocols',
      'leaves `plif` without a protocol',
    ],
    [
      'a protocol twice',
      { ...acdf, protocols: [{ code: 'acdf-standard' }, { code: 'acdf-standard', version: 1 }] },
      422,
      'NOT_PLAUSIBLE',
      '/protocols',
      'names `acdf-standard` twice',
    ],
    [
      'an unknown field',
      { ...acdf, surgerydate: '2026-10-01' },
      400,
      'VALIDATION_FAILED',
      '/surgerydate',
      'did you mean `surgeryDate`',
    ],
    ['no surgery date', { procedures: ['acdf'] }, 400, 'VALIDATION_FAILED', '/surgeryDate', 'is required'],
    [
      'a side that is none',
      { ...acdf, side: 'both' },
      400,
      'VALIDATION_FAILED',
      '/side',
      'must be one of `left`, `right` or `bilateral`',
    ],
    ['a NUL byte', { ...acdf, levels: ['C5\0C6'] }, 400, 'VALIDATION_FAILED', '/levels/0', 'contains a NUL character'],
  ]

  test.each(refused)('is not opened with %s', async (_what, body, status, code, pointer, says) => {
    const answer = await open(body)
    expect(answer.body).toMatchObject({ status, code })
    expect(answer.body.errors?.find((error) => error.pointer === pointer)?.detail).toContain(says)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  })

  test('is opened on the last and the first plausible day', async () => {
    expect((await open({ ...acdf, surgeryDate: '2027-11-21' })).status).toBe(201)
    expect((await open({ ...acdf, surgeryDate: '2027-11-22' })).status).toBe(422)
    expect((await open({ ...acdf, surgeryDate: '1906-11-20' })).status).toBe(201)
  })

  test('without a default protocol says which procedure needs one, or what is to be published', async () => {
    accepted(await clinic.post('/procedures', { code: 'new-operation', name: 'New', bodyRegion: 'lumbar' }))
    const without = await open({ procedures: ['new-operation'], surgeryDate: '2026-10-01' })
    expect(without.body).toMatchObject({
      status: 422,
      code: 'NO_DEFAULT_PROTOCOL',
      errors: [{ pointer: '/procedures/0' }],
    })
    const draft = everyFeature('unpublished', { procedures: ['new-operation'] })
    accepted(await clinic.post('/protocols', draft))
    const { etag } = await clinic.get('/procedures/new-operation')
    accepted(await clinic.patch('/procedures/new-operation', { defaultProtocol: 'unpublished' }, etag))
    const unpublished = await open({ procedures: ['new-operation'], surgeryDate: '2026-10-01' })
    expect(unpublished.body).toMatchObject({
      status: 422,
      code: 'NO_DEFAULT_PROTOCOL',
      detail:
        '`unpublished`, the default protocol of `new-operation`, has no published version: publish one, or name `protocols`',
    })
    // Nobody can delete what a procedure names.
    expect((await clinic.delete('/protocols/unpublished', '*')).body).toMatchObject({
      status: 409,
      code: 'IN_USE',
      defaultOf: ['new-operation'],
      detail:
        '`unpublished` is the default protocol of `new-operation`: name another default first, or none (PATCH /v1/procedures/{code} with `defaultProtocol`)',
    })
  })

  test('of nobody is not opened', async () => {
    const { body } = await clinic.post(`/patients/${randomUUID()}/episodes`, acdf)
    expect(body).toMatchObject({ status: 404, code: 'PATIENT_NOT_FOUND' })
    expect((await clinic.get(`/episodes/${randomUUID()}`)).body).toMatchObject({
      status: 404,
      code: 'EPISODE_NOT_FOUND',
    })
    expect((await clinic.get('/episodes/17')).body).toMatchObject({ status: 400, code: 'VALIDATION_FAILED' })
  })

  test('is refused with a body that is none, too large, or from nobody', async () => {
    const address = `/patients/${await addPatient()}/episodes`
    const post = (body: string | undefined, headers = {}) => clinic.send('POST', address, body, headers)
    expect((await post('{"procedures": [')).body).toMatchObject({
      status: 400,
      code: 'MALFORMED_JSON',
      line: 1,
      column: 17,
    })
    expect((await post('')).body).toMatchObject({
      status: 400,
      code: 'VALIDATION_FAILED',
      detail: 'the body is required',
    })
    expect((await post('"text"')).body).toMatchObject({ status: 400, code: 'VALIDATION_FAILED' })
    expect((await post(JSON.stringify({ ...acdf, levels: ['x'.repeat(2 * 1024 * 1024)] }))).body).toMatchObject({
      status: 413,
      code: 'BODY_TOO_LARGE',
    })
    expect((await post('procedures: [acdf]', { 'content-type': 'application/yaml' })).body).toMatchObject({
      status: 415,
    })
    const anonymous = await fetch(`${clinic.address}/v1${address}`, { method: 'POST' })
    expect(await anonymous.json()).toMatchObject({ status: 401, code: 'AUTHENTICATION_REQUIRED' })
    const forged = { authorization: `Bearer ${clinic.key.slice(0, -1)}${clinic.key.endsWith('A') ? 'B' : 'A'}` }
    expect((await post(JSON.stringify(acdf), forged)).body).toMatchObject({ status: 401, code: 'INVALID_API_KEY' })
    expect((await clinic.get<Page<Episode>>(address)).body.items).toEqual([])
  })
})

describe('lists of episodes', () => {
  test('go through those of a patient, and of the clinic by status and procedure', async () => {
    const client = await clinic.addClinic()
    for (const code of ['acdf', 'plif', 'alif']) {
      accepted(await client.post('/procedures', { code, name: code, bodyRegion: 'any' }))
    }
    const patient = accepted(await client.post<{ id: string }>('/patients', { externalId: 'listed' })).id
    const ids: string[] = []
    for (const procedure of ['acdf', 'plif', 'acdf', 'alif', 'acdf']) {
      const body = { procedures: [procedure], surgeryDate: '2026-10-01', protocols: [] }
      ids.push(accepted(await client.post<Episode>(`/patients/${patient}/episodes`, body)).id)
    }
    accepted(await client.post(`/episodes/${ids[2]}/close`, { on: '2026-11-01', reason: 'moved away' }))
    const listed = async (path: string) => (await client.pages<Episode>(path)).map((page) => page.map(({ id }) => id))
    expect(await listed(`/patients/${patient}/episodes?limit=2`)).toEqual([
      ids.slice(0, 2),
      ids.slice(2, 4),
      ids.slice(4),
    ])
    expect((await listed('/episodes?limit=3')).flat()).toEqual(ids)
    expect(await listed('/episodes?procedure=acdf&limit=2')).toEqual([[ids[0], ids[2]], [ids[4]]])
    expect((await listed('/episodes?status=closed')).flat()).toEqual([ids[2]])
    expect((await listed('/episodes?status=open&procedure=acdf')).flat()).toEqual([ids[0], ids[4]])
    expect((await client.get('/episodes?status=done')).status).toBe(400)
  })
})

describe('a correction', () => {
  test('of the surgery is recorded, with the ETag of what was read', async () => {
    const id = await openEpisode(clinic, { ...acdf, levels: ['C5-C6'], side: 'left' })
    expect((await clinic.patch(`/episodes/${id}`, { side: null })).status).toBe(428)
    expect((await change(id, { side: null }, '"1"')).body).toMatchObject({ status: 412, currentRevision: 2 })
    const corrected = await change<Episode>(id, { surgeryDate: '2026-10-02', side: null }, '"2"')
    expect(corrected.body).toMatchObject({ surgeryDate: '2026-10-02', side: null, levels: ['C5-C6'], revision: 3 })
    expect(corrected.etag).toBe('"3"')
    expect((await recordOf(id)).at(-1)).toMatchObject({
      kind: 'surgery',
      revision: 3,
      surgeryDate: '2026-10-02',
      procedures: ['acdf'],
      levels: ['C5-C6'],
      side: null,
    })
    expect((await change(id, {}, '"3"')).body).toMatchObject({ status: 400 })
    expect((await change(id, { surgeryDate: '2026-02-30' }, '"3"')).status).toBe(400)
    expect((await change(id, { surgeryDate: '2199-12-31' }, '"3"')).status).toBe(422)
    expect((await change(id, { patientId: randomUUID() }, '"3"')).status).toBe(400)
    expect((await read(id)).body.revision).toBe(3)
  })

  test('of the surgery date cannot put a milestone before the surgery, unless it is void', async () => {
    const id = await openEpisode(clinic, acdf)
    const milestone = accepted(
      await clinic.post<Entry>(`/episodes/${id}/milestones`, { code: 'hospital-discharge', on: '2026-10-03' }),
    )
    expect((await change(id, { surgeryDate: '2026-10-03' }, '"3"')).status).toBe(200)
    const { body } = await change(id, { surgeryDate: '2026-10-04' }, '"4"')
    expect(body).toMatchObject({
      status: 422,
      code: 'NOT_PLAUSIBLE',
      detail: `\`surgeryDate\` lies after the milestone \`hospital-discharge\` of 2026-10-03 (entry ${milestone.id}): void that entry first, or correct the date`,
    })
    accepted(await clinic.post(`/episodes/${id}/milestones/${milestone.id}/void`, { reason: 'wrong day' }))
    expect((await change(id, { surgeryDate: '2026-10-04' }, '"5"')).status).toBe(200)
  })

  test('cannot put a milestone before the surgery in one of the protocols that it is in', async () => {
    const { milestones } = everyFeature()
    const [{ preOperative, ...first } = { code: '' }, ...others] = milestones
    expect(preOperative).toBe(true)
    const late = 'every-feature-late'
    await publishProtocol(clinic, everyFeature(late, { milestones: [first, ...others] }))
    const early = { procedures: ['plif'], surgeryDate: '2026-10-03', protocols: [{ code: 'every-feature' }] }
    const id = await openEpisode(clinic, early)
    const milestone = accepted(
      await clinic.post<Entry>(`/episodes/${id}/milestones`, { code: first.code, on: '2026-10-02' }),
    )
    const both = { protocols: [{ code: 'every-feature' }, { code: late }] }
    const found = `the milestone \`${first.code}\` of 2026-10-02 (entry ${milestone.id})`
    expect((await change(id, both, '"3"')).body).toMatchObject({
      status: 422,
      detail: `\`protocols\` names a protocol in which ${found} cannot lie before the surgery on 2026-10-03: void that entry first`,
    })
    expect((await changeConfirmed(clinic, id, { ...both, surgeryDate: '2026-10-02' }, '"3"')).status).toBe(200)
    const { body } = await change(id, { surgeryDate: '2026-10-03' }, '"5"')
    expect(body).toMatchObject({ status: 422, detail: expect.stringContaining(`\`surgeryDate\` lies after ${found}`) })
    expect((await changeConfirmed(clinic, id, { protocols: early.protocols }, '"5"')).status).toBe(200)
    expect((await change(id, { surgeryDate: '2026-10-03' }, '"6"')).status).toBe(200)
  })

  test('of the procedures needs protocols that fit them', async () => {
    const id = await openEpisode(clinic, acdf)
    const { body } = await change(id, { procedures: ['plif'] }, '"2"')
    expect(body).toMatchObject({
      status: 422,
      code: 'NOT_PLAUSIBLE',
      detail: '`protocols` is left out and stays at `acdf-standard`, which is for `acdf` and not for `plif`',
    })
    expect((await change(id, { procedures: ['plif'], protocols: [{ code: 'acdf-standard' }] }, '"2"')).status).toBe(422)
    const both = { procedures: ['acdf', 'plif'], protocols: [{ code: 'plif-standard' }, { code: 'acdf-standard' }] }
    const changed = await changeConfirmed<Episode>(clinic, id, both, '"2"')
    expect(changed.body).toMatchObject({ procedures: ['acdf', 'plif'], revision: 4 })
    expect(changed.body.protocols.map(({ code }) => code)).toEqual(['acdf-standard', 'plif-standard'])
    expect((await recordOf(id)).map(({ kind }) => kind)).toEqual(['surgery', 'assignment', 'surgery', 'assignment'])
  })

  test('of one that follows a retired version lets it keep that version, and nobody else take it', async () => {
    await publishProtocol(clinic, everyFeature('retiring-soon'))
    const lumbar = { procedures: ['plif'], surgeryDate: '2026-10-01', protocols: [{ code: 'retiring-soon' }] }
    const id = await openEpisode(clinic, lumbar)
    const before = await clinic.get(`/episodes/${id}/permitted-exercises`)
    accepted(
      await clinic.send(
        'POST',
        '/protocols/retiring-soon/versions/1/retire',
        { episodes: 'keep' },
        { 'if-match': '*' },
      ),
    )
    expect((await clinic.get(`/episodes/${id}/permitted-exercises`)).text).toBe(before.text)
    expect((await open(lumbar)).body).toMatchObject({ status: 422, code: 'UNKNOWN_REFERENCE' })
    const wider = await change<Episode>(id, { procedures: ['plif', 'alif'] }, '"2"')
    expect(wider.body).toMatchObject({ procedures: ['plif', 'alif'], revision: 3 })
    const protocols = [{ code: 'retiring-soon', version: 1 }, { code: 'alif-standard' }]
    const more = await changeConfirmed<Episode>(clinic, id, { protocols }, '"3"')
    expect(more.body.protocols.map(({ code }) => code)).toEqual(['alif-standard', 'retiring-soon'])
    accepted(await changeConfirmed(clinic, id, { protocols: [{ code: 'every-feature' }] }, '"4"'))
    expect((await change(id, { protocols }, '"5"')).body).toMatchObject({ status: 409, code: 'VERSION_NOT_PUBLISHED' })
  })

  test('of two at once: one wins', async () => {
    const id = await openEpisode(clinic, acdf)
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) => change(id, { levels: [`C${index}`] }, '"2"')),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412, 412])
    expect((await read(id)).body.revision).toBe(3)
  })
})

describe('a closed episode', () => {
  test('permits nothing from its closing on, takes no entry, and opens again when the closure is voided', async () => {
    const id = await openEpisode(clinic, acdf)
    accepted(await clinic.post(`/episodes/${id}/milestones`, { code: 'hospital-discharge', on: '2026-10-03' }))
    const closure = await clinic.post<Entry>(`/episodes/${id}/close`, {
      on: '2026-11-10',
      reason: 'Moved to another clinic',
    })
    expect(closure.status).toBe(201)
    expect(closure.location).toBe(`/v1/episodes/${id}/record/${closure.body.id}`)
    expect((await read(id)).body).toMatchObject({ status: 'closed', revision: 4 })

    const ask = (on: string) => clinic.get(`/episodes/${id}/permitted-exercises?on=${on}`)
    expect((await ask('2026-11-10')).body).toMatchObject({
      status: 'closed',
      permitted: [],
      statusReasons: [{ text: 'The episode was closed on 10 November 2026: Moved to another clinic.' }],
    })
    expect((await ask('2026-11-09')).body).toMatchObject({ status: 'active' })

    const closed = { status: 409, code: 'EPISODE_CLOSED' }
    expect((await clinic.post(`/episodes/${id}/close`, { on: '2026-11-11', reason: 'again' })).body).toMatchObject(
      closed,
    )
    expect((await clinic.post(`/episodes/${id}/holds`, { from: '2026-11-11', reason: 'x' })).body).toMatchObject(closed)
    expect((await change(id, { side: 'left' }, '"4"')).body).toMatchObject(closed)

    accepted(await clinic.post(`/episodes/${id}/record/${closure.body.id}/void`, { reason: 'Came back' }))
    expect((await read(id)).body).toMatchObject({ status: 'open', revision: 5 })
    expect((await ask('2026-11-10')).body).toMatchObject({ status: 'active' })
    expect((await clinic.post(`/episodes/${id}/holds`, { from: '2026-11-11', reason: 'x' })).status).toBe(201)
    expect((await clinic.post(`/episodes/${id}/close`, { on: '2026-11-21', reason: 'future' })).status).toBe(422)
    expect((await clinic.post(`/episodes/${id}/close`, { on: '2026-11-20', reason: 'closed for good' })).status).toBe(
      201,
    )
  })
})
