import { describe, expect, test } from '@jest/globals'
import type { Patient } from '../../src/features/patients/schemas.ts'
import { type Page, type Problem, startClinic, storeEpisode } from './support.ts'

const clinic = await startClinic()

function add(externalId: string, more: object = {}) {
  return clinic.post<Patient>('/patients', { externalId, ...more })
}

describe('a patient', () => {
  test('is added, read, changed and deleted', async () => {
    const added = await add(' MRN 1/a ', { displayName: 'Zoë Ōkawa 😀' })
    expect(added.status).toBe(201)
    expect(added.location).toBe(`/v1/patients/${added.body.id}`)
    expect(added.etag).toBe('"1"')
    expect(added.body).toEqual({
      id: expect.any(String),
      externalId: 'MRN 1/a',
      displayName: 'Zoë Ōkawa 😀',
      revision: 1,
      createdAt: expect.any(String),
    })
    const path = `/patients/${added.body.id}`
    expect((await clinic.get(path)).body).toEqual(added.body)
    expect((await clinic.get(path.toUpperCase().replace('/PATIENTS', '/patients'))).body).toEqual(added.body)

    const changed = await clinic.patch<Patient>(path, { externalId: 'mrn-1b', displayName: null }, '"1"')
    expect(changed.status).toBe(200)
    expect(changed.body).toEqual({ ...added.body, externalId: 'mrn-1b', displayName: null, revision: 2 })

    expect((await clinic.delete(path, '"2"')).status).toBe(204)
    expect((await clinic.get(path)).body).toMatchObject({
      code: 'PATIENT_NOT_FOUND',
      detail: `there is no patient ${added.body.id}: \`GET /v1/patients\` lists them`,
    })
  })

  test('has an external id of its own: a second one is refused, and the answer says who has it', async () => {
    const { body: first } = await add('mrn-twice')
    const { status, body } = await clinic.post<Problem>('/patients', { externalId: 'mrn-twice' })
    expect(status).toBe(409)
    expect(body).toMatchObject({
      code: 'ALREADY_EXISTS',
      detail: `\`externalId\` is taken: \`mrn-twice\` is the patient ${first.id}`,
      errors: [{ in: 'body', pointer: '/externalId' }],
      existing: { id: first.id },
    })
  })

  test('is added once when twenty add it at the same time, and the others learn the id', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => add('mrn-rush')))
    const [created, ...more] = answers.filter(({ status }) => status === 201)
    expect(more).toEqual([])
    const refused = answers.filter(({ status }) => status === 409)
    expect(refused).toHaveLength(19)
    for (const { body } of refused) expect(body).toMatchObject({ existing: { id: created?.body.id } })
  })

  test('cannot take another’s external id, but can keep its own', async () => {
    const { body: first } = await add('mrn-first')
    const { body: second } = await add('mrn-second')
    const refused = await clinic.patch(`/patients/${second.id}`, { externalId: 'mrn-first' }, '"1"')
    expect(refused.status).toBe(409)
    expect(refused.body).toMatchObject({ code: 'ALREADY_EXISTS', existing: { id: first.id } })
    expect((await clinic.patch(`/patients/${second.id}`, { externalId: 'mrn-second' }, '"1"')).status).toBe(200)
  })

  test('takes an external id once when several change to it at the same time', async () => {
    const patients = await Promise.all(Array.from({ length: 10 }, (_, n) => add(`mrn-merge-${n}`)))
    const answers = await Promise.all(
      patients.map(({ body }) => clinic.patch(`/patients/${body.id}`, { externalId: 'mrn-merged' }, '"1"')),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)])
    expect(new Set(answers.map(({ body }) => body.code))).toEqual(new Set([undefined, 'ALREADY_EXISTS']))
  })

  test('that has an episode stays, and the answer says which', async () => {
    const { body: patient } = await add('mrn-operated')
    const { episode } = await storeEpisode(clinic, { patientId: patient.id })
    const { status, body } = await clinic.delete(`/patients/${patient.id}`, '"1"')
    expect(status).toBe(409)
    expect(body).toMatchObject({
      code: 'IN_USE',
      detail: `the patient is in use by the episode ${episode}`,
      uses: [{ kind: 'episode', episode }],
    })
  })
})

describe('what a patient must not be', () => {
  const cases: [string, unknown, string, string | RegExp][] = [
    ['without an external id', { displayName: 'A' }, '/externalId', 'is required'],
    [
      'an unknown field',
      { externalId: 'x', externalID: 'x' },
      '/externalID',
      'is not a field here: did you mean `externalId`?',
    ],
    ['an external id that is a number', { externalId: 17 }, '/externalId', 'must be a text and is a number'],
    ['an empty external id', { externalId: '' }, '/externalId', 'must not be empty'],
    [
      'an external id that is too long',
      { externalId: 'x'.repeat(201) },
      '/externalId',
      'must have at most 200 characters',
    ],
    ['a NUL', { externalId: 'x\0' }, '/externalId', /NUL/],
    ['half a surrogate pair', { externalId: 'x', displayName: '\ud83d' }, '/displayName', /half a surrogate pair/],
    ['a name of two lines', { externalId: 'x', displayName: 'a\nb' }, '/displayName', /must be one line/],
    ['nothing', undefined, '', /is required/],
  ]
  test.each(cases)('%s', async (_name, sent, pointer, detail) => {
    const { status, body } = await clinic.post<Problem>('/patients', sent)
    expect(status).toBe(400)
    const place = body.errors?.find((error) => error.pointer === pointer)
    expect(place?.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail))
  })

  test('named by something else than an id', async () => {
    const { status, body } = await clinic.get<Problem>('/patients/mrn-1')
    expect(status).toBe(400)
    expect(body.errors).toEqual([{ in: 'path', pointer: 'id', detail: 'must be a UUID' }])
  })
})

describe('a change of a patient', () => {
  test('needs the revision that was read, and changes something', async () => {
    const { body: patient } = await add('mrn-guarded')
    const path = `/patients/${patient.id}`
    expect((await clinic.patch(path, { displayName: 'New' })).status).toBe(428)
    expect((await clinic.patch(path, { displayName: 'New' }, '"9"')).status).toBe(412)
    expect((await clinic.delete(path)).status).toBe(428)
    const empty = await clinic.patch<Problem>(path, {}, '"1"')
    expect(empty.status).toBe(400)
    expect(empty.body.detail).toBe('the body must change something: give `externalId` or `displayName`')
  })

  test('of twenty at the same time with one ETag exactly one wins', async () => {
    const { body: patient } = await add('mrn-contested')
    const path = `/patients/${patient.id}`
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => clinic.patch(path, { displayName: `Writer ${n}` }, '"1"')),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)])
    expect((await clinic.get(path)).body.revision).toBe(2)
  })
})

describe('the list of patients', () => {
  test('goes through every page in the order of their creation', async () => {
    const other = await clinic.addClinic()
    const externalIds = ['mrn-9', 'mrn-2', 'mrn-7', 'mrn-1', 'mrn-5']
    for (const externalId of externalIds) await other.post('/patients', { externalId })
    const pages = await other.pages<Patient>('/patients?limit=2')
    expect(pages.map((page) => page.map(({ externalId }) => externalId))).toEqual([
      ['mrn-9', 'mrn-2'],
      ['mrn-7', 'mrn-1'],
      ['mrn-5'],
    ])
  })

  test('finds the one with an external id, and no other', async () => {
    const { body: patient } = await add('a b&c=d+e%')
    await add('a b&c=d+e% 2')
    const query = new URLSearchParams({ externalId: 'a b&c=d+e%' })
    const { body } = await clinic.get<Page<Patient>>(`/patients?${query}`)
    expect(body).toEqual({ items: [patient], next: null })
    expect((await clinic.get<Page<Patient>>('/patients?externalId=A%20b')).body.items).toEqual([])
  })
})

test('another clinic sees and changes nothing of it, and may use the same external id', async () => {
  const { body: patient } = await add('mrn-private', { displayName: 'Private' })
  const other = await clinic.addClinic()
  expect((await other.get('/patients')).body).toEqual({ items: [], next: null })
  expect((await other.get('/patients?externalId=mrn-private')).body).toEqual({ items: [], next: null })
  expect((await other.get(`/patients/${patient.id}`)).status).toBe(404)
  expect((await other.patch(`/patients/${patient.id}`, { displayName: 'Mine' }, '"1"')).status).toBe(404)
  expect((await other.delete(`/patients/${patient.id}`, '"1"')).status).toBe(404)
  expect((await other.post('/patients', { externalId: 'mrn-private' })).status).toBe(201)
})

test('nothing of a patient is in the log', async () => {
  const secret = 'mrn-secret-4711'
  const { body: patient } = await add(secret, { displayName: 'Secret Person' })
  await add(secret, { displayName: 'Secret Person' })
  await clinic.get(`/patients?externalId=${secret}`)
  await clinic.patch(`/patients/${patient.id}`, { displayName: 'Secret Person', unknown: secret }, '"1"')
  await clinic.delete(`/patients/${patient.id}`, '"1"')
  expect(clinic.log.join('')).toContain(patient.id)
  expect(clinic.log.join('')).not.toMatch(/secret/i)
})
