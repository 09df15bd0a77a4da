import { randomUUIDv7 } from 'node:crypto'
import http from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { setSuspended } from '../../src/features/clinics/suspend-clinic.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { accepted, openEpisode, startClinicWithLibrary } from './library-clinic.ts'
import { type Client, type Problem, startReplica } from './support.ts'

const now = '2026-11-20T15:00:00Z'
const clinic = await startClinicWithLibrary({ now })
const replica = await startReplica(clinic.db, () => moment)
let moment = Temporal.Instant.from(now)

function setNow(text: string): void {
  moment = Temporal.Instant.from(text)
  clinic.setNow(text)
}

interface NewKey extends Record<string, unknown> {
  id: string
  actor: string
  key: string
}

async function make(body: object, maker: Client = clinic): Promise<NewKey> {
  return accepted(await maker.post<NewKey>('/api-keys', body))
}

const statusOf = async (key: string, path = '/clinic'): Promise<number> => (await clinic.withKey(key).get(path)).status

describe('an API key', () => {
  test('is shown once, has the scopes that it was made with, and says who made it', async () => {
    const made = await make({ name: 'Tablet', role: 'therapist', scopes: ['episodes:read', 'clinic:read'] })
    expect(made.key).toMatch(/^rp_/)
    expect(made.key.startsWith(String(made.prefix))).toBe(true)
    const listed = await clinic.get<{ items: object[] }>('/api-keys')
    expect(listed.body.items[0]).toMatchObject({
      id: made.id,
      name: 'Tablet',
      scopes: ['episodes:read', 'clinic:read'],
    })
    expect(listed.text).not.toContain(made.key)
    expect(listed.text).not.toMatch(/hash/i)
    const tablet = clinic.withKey(made.key)
    expect((await tablet.get('/episodes')).status).toBe(200)
    expect(await tablet.get('/patients')).toMatchObject({ status: 403, body: { requiredScope: 'patients:read' } })
    const [event] = (await clinic.get<{ items: object[] }>('/clinic/history')).body.items
    expect(event).toMatchObject({
      kind: 'key-created',
      by: { kind: 'api-key', name: 'administrator' },
      about: { id: made.id, name: 'Tablet', role: 'therapist' },
    })
  })

  test('gives no more than its role has, nor than its maker has', async () => {
    const wrong = await clinic.post<Problem>('/api-keys', { name: 'x', role: 'reader', scopes: ['record:write'] })
    expect(wrong).toMatchObject({ status: 422, body: { errors: [{ pointer: '/scopes/0' }] } })
    const { key } = await make({ name: 'Keys only', role: 'administrator', scopes: ['keys:manage', 'clinic:read'] })
    const keysOnly = clinic.withKey(key)
    for (const body of [
      { name: 'x', role: 'administrator' },
      { name: 'x', role: 'reader' },
      { name: 'x', role: 'administrator', scopes: ['keys:manage', 'audit:read'] },
    ]) {
      expect(await keysOnly.post('/api-keys', body)).toMatchObject({
        status: 403,
        body: { code: 'INSUFFICIENT_SCOPE' },
      })
    }
    expect((await keysOnly.post('/api-keys', { name: 'x', role: 'reader', scopes: ['clinic:read'] })).status).toBe(201)
    // A successor is as good as the key itself.
    const strong = await make({ name: 'Strong', role: 'administrator' })
    expect((await keysOnly.post(`/api-keys/${strong.id}/rotate`, {})).status).toBe(403)
    const { jwks } = await clientKeys()
    expect((await keysOnly.post('/clients', { name: 'x', role: 'clinician', jwks })).status).toBe(403)
  })

  test('is refused from the moment on which it expires', async () => {
    const { key } = await make({ name: 'Short', role: 'reader', expiresAt: '2026-11-20T16:00:00Z' })
    expect(await statusOf(key)).toBe(200)
    setNow('2026-11-20T15:59:59.999Z')
    expect(await statusOf(key)).toBe(200)
    setNow('2026-11-20T16:00:00Z')
    expect(await statusOf(key)).toBe(401)
    const past = await clinic.post('/api-keys', { name: 'x', role: 'reader', expiresAt: '2026-11-20T16:00:00Z' })
    expect(past).toMatchObject({ status: 422, body: { errors: [{ pointer: '/expiresAt' }] } })
  })

  test('goes on beside its successor until the stated moment, and both are one actor', async () => {
    setNow('2026-11-20T15:00:00Z')
    const old = await make({ name: 'Old', role: 'clinician' })
    const address = `/api-keys/${old.id}/rotate`
    const late = await clinic.post(address, { oldKeyUntil: '2027-03-01T00:00:00Z' })
    expect(late).toMatchObject({ status: 422, body: { errors: [{ pointer: '/oldKeyUntil' }] } })
    const next = accepted(await clinic.post<NewKey>(address, { oldKeyUntil: '2026-11-21T15:00:00Z' }))
    expect(next).toMatchObject({ actor: old.actor, name: 'Old', role: 'clinician' })
    expect([await statusOf(old.key), await statusOf(next.key)]).toEqual([200, 200])
    expect(await clinic.post(address, {})).toMatchObject({ status: 409, body: { code: 'NOT_IN_FORCE' } })
    setNow('2026-11-21T15:00:00Z')
    expect([await statusOf(old.key), await statusOf(next.key)]).toEqual([401, 200])
    expect((await clinic.get(`/api-keys/${old.id}`)).body).toMatchObject({ replacedBy: next.id })
    setNow(now)
  })

  test('that was made for a week is followed by one for a week', async () => {
    const { id } = await make({ name: 'Weekly', role: 'reader', expiresAt: '2026-11-27T15:00:00Z' })
    setNow('2026-11-27T14:00:00Z')
    const next = accepted(await clinic.post<NewKey>(`/api-keys/${id}/rotate`, {}))
    expect(next.expiresAt).toBe('2026-12-04T14:00:00.000Z')
    expect((await clinic.get(`/api-keys/${id}`)).body.expiresAt).toBe('2026-11-27T15:00:00.000Z')
    setNow(now)
  })

  test('rotated twice at once has one successor', async () => {
    const { id } = await make({ name: 'Raced', role: 'reader' })
    const answers = await Promise.all([1, 2, 3, 4].map(() => clinic.post(`/api-keys/${id}/rotate`, {})))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
  })

  test('does not become a second person by being rotated', async () => {
    const document = (await clinic.get<object>('/protocols/acdf-standard/versions/1/document')).body
    const author = await make({ name: 'Author', role: 'clinician' })
    const before = clinic.withKey(author.key)
    accepted(await before.post('/protocols', { ...document, code: 'rotated' }))
    const draft = '/protocols/rotated/draft'
    const act = (client: Client, verb: string, body: object) =>
      client.send<Problem>('POST', `${draft}/${verb}`, body, { 'if-match': '*' })
    accepted(await act(before, 'submit', { changeNote: 'New' }))
    accepted(await clinic.send('PATCH', '/clinic', { approval: 'second-person' }, { 'if-match': '*' }))
    const next = accepted(await clinic.post<NewKey>(`/api-keys/${author.id}/rotate`, {}))
    expect(await act(clinic.withKey(next.key), 'approve', {})).toMatchObject({
      status: 409,
      body: { code: 'SECOND_PERSON_REQUIRED' },
    })
    const events = (await clinic.pages('/clinic/history?limit=3')).flat()
    expect(events.find(({ kind }) => kind === 'settings-changed')).toMatchObject({
      kind: 'settings-changed',
      changes: [{ field: 'approval', before: 'none', after: 'second-person' }],
    })
  })

  test('that is revoked is refused at once, on every replica, and for good', async () => {
    const { id, key } = await make({ name: 'Lost', role: 'reader' })
    expect([await statusOf(key), await replica.statusOf(key)]).toEqual([200, 200])
    expect((await clinic.post(`/api-keys/${id}/revoke`, { reason: 'Lost' })).body).toMatchObject({
      revokedAt: expect.any(String),
    })
    expect([await statusOf(key), await replica.statusOf(key)]).toEqual([401, 401])
    const again = await clinic.post<{ revokedAt: string }>(`/api-keys/${id}/revoke`, {})
    expect(again.status).toBe(200)
    expect((await clinic.post(`/api-keys/${id}/rotate`, {})).status).toBe(409)
    const update = (change: string): Promise<number> =>
      clinic.db.asClinic(clinic.clinicId, (tx) =>
        tx.$executeRawUnsafe(`UPDATE api_key SET ${change} WHERE id = '${id}'`),
      )
    await expect(update('revoked_at = NULL')).rejects.toThrow(/revoked for good/)
    expect(await update("expires_at = '2026-11-20T20:00:00Z'")).toBe(1)
    await expect(update("expires_at = '2026-11-20T20:00:01Z'")).rejects.toThrow(/cannot be made to live longer/)
    await expect(update("role = 'administrator'")).rejects.toThrow(/permission denied/)
  })

  test('says to the minute when it was used last, without a write for each request', async () => {
    const { id, key } = await make({ name: 'Busy', role: 'reader' })
    const lastUse = async () => (await clinic.get<{ lastUsedAt: string | null }>(`/api-keys/${id}`)).body.lastUsedAt
    const rowVersion = async (): Promise<unknown> =>
      clinic.db.asClinic(clinic.clinicId, (tx) => tx.$queryRaw`SELECT xmin::text FROM api_key WHERE id = ${id}::uuid`)
    expect(await lastUse()).toBeNull()
    await statusOf(key)
    expect(await lastUse()).toBe('2026-11-20T15:00:00.000Z')
    const version = await rowVersion()
    setNow('2026-11-20T15:00:59Z')
    await Promise.all([1, 2, 3, 4, 5].map(() => statusOf(key)))
    expect(await rowVersion()).toEqual(version)
    setNow('2026-11-20T15:01:01Z')
    await Promise.all([1, 2, 3, 4, 5].map(() => statusOf(key)))
    expect(await lastUse()).toBe('2026-11-20T15:01:01.000Z')
    setNow(now)
  })

  test('whose actor is shut out is refused with all that follow it, on every replica, until it is let in again', async () => {
    const { id, actor, key } = await make({ name: 'Suspect', role: 'reader' })
    const successor = accepted(await clinic.post<NewKey>(`/api-keys/${id}/rotate`, {})).key
    expect((await clinic.post(`/actors/${actor}/block`, {})).status).toBe(200)
    expect(await Promise.all([key, successor].map((one) => replica.statusOf(one)))).toEqual([401, 401])
    expect((await clinic.post(`/actors/${actor}/unblock`, {})).status).toBe(200)
    expect(await Promise.all([key, successor].map((one) => statusOf(one)))).toEqual([200, 200])
    const itself = await make({ name: 'Itself', role: 'administrator' })
    expect(await clinic.withKey(itself.key).post<Problem>(`/actors/${itself.actor}/block`, {})).toMatchObject({
      status: 422,
      body: { errors: [{ in: 'path', pointer: 'id' }] },
    })
    const nobody = '01a1f000-0000-7000-8000-00000000dead'
    expect((await clinic.post(`/actors/${nobody}/block`, {})).body).toMatchObject({ code: 'ACTOR_NOT_FOUND' })
  })

  test('of a suspended clinic is refused until it is open again', async () => {
    const other = await clinic.addClinic()
    const operator = {
      clinicId: other.clinicId,
      actor: null,
      now: toInstantText(moment),
      nextId: () => '01a1f000-0000-7000-8000-0000000000ee',
    }
    await clinic.db.asClinic(other.clinicId, (tx) => setSuspended(tx, operator, true))
    expect(await other.get('/clinic')).toMatchObject({ status: 401, body: { code: 'INVALID_API_KEY' } })
    expect((await clinic.get('/clinic')).status).toBe(200)
    await clinic.db.asClinic(other.clinicId, (tx) =>
      setSuspended(tx, { ...operator, nextId: () => '01a1f000-0000-7000-8000-0000000000ef' }, false),
    )
    expect((await other.get<{ items: object[] }>('/clinic/history')).body.items).toMatchObject([
      { kind: 'resumed', by: null },
      { kind: 'suspended', by: null },
    ])
  })
})

describe('within a route', () => {
  const surgery = { procedures: ['acdf'], surgeryDate: '2026-10-01' }

  test('a clearance, an exception and a choice of protocols need a scope of their own', async () => {
    const episode = await openEpisode(clinic, surgery)
    const record = `/episodes/${episode}`
    const [therapist, integration] = await Promise.all(
      ['therapist', 'integration'].map((role) => clinic.addClient(clinic.clinicId, role)),
    )
    const discharge = { code: 'hospital-discharge', on: '2026-10-03' }
    const visit = { code: 'six-week-visit', on: '2026-11-19', grantedBy: 'surgeon' }
    expect((await integration?.post(`${record}/milestones`, discharge))?.status).toBe(201)
    expect(await integration?.post(`${record}/milestones`, visit)).toMatchObject({
      status: 403,
      body: { requiredScope: 'clearances:write' },
    })
    const cleared = accepted((await therapist?.post<NewKey>(`${record}/milestones`, visit)) ?? assertNever())
    accepted(
      (await integration?.post(`${record}/milestones/${cleared.id}/revoke`, { on: '2026-11-20', reason: 'Wrong' })) ??
        assertNever(),
    )
    const entries = (await clinic.pages<{ id: string; kind: string }>(`${record}/record`)).flat()
    const revocation = entries.find(({ kind }) => kind === 'revocation')?.id
    // Without the revocation the clearance counts again: that is as good as giving it.
    expect(await integration?.post(`${record}/record/${revocation}/void`, { reason: 'x' })).toMatchObject({
      status: 403,
      body: { requiredScope: 'clearances:write' },
    })

    const override = { exercise: 'walking', effect: 'withhold', from: '2026-11-01', reason: 'Dizzy' }
    const { id } = accepted(await clinic.post<NewKey>(`${record}/overrides`, override))
    for (const path of [`${record}/overrides/${id}/void`, `${record}/record/${id}/void`]) {
      expect(await therapist?.post(path, { reason: 'x' })).toMatchObject({
        status: 403,
        body: { requiredScope: 'overrides:write' },
      })
    }
    const protocols = [{ code: 'acdf-standard' }]
    const { patientId: patient } = (await clinic.get<{ patientId: string }>(record)).body
    for (const answer of [
      await therapist?.send('PATCH', record, { protocols }, { 'if-match': '*' }),
      await therapist?.post(`/patients/${patient}/episodes`, { ...surgery, protocols }),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: { requiredScope: 'protocols:assign' } })
    }
    expect((await therapist?.post(`/patients/${patient}/episodes`, surgery))?.status).toBe(201)
  })
})

async function clientKeys(): Promise<{ jwks: object }> {
  const { exampleKeySet } = await import('../../openapi/example-client.ts')
  return { jwks: exampleKeySet }
}

function assertNever(): never {
  throw new Error('no client')
}

describe('whoever is let in no more while they send', () => {
  const software = () => make({ name: 'Slow', role: 'administrator' })
  const suspend = (isSuspended: boolean): Promise<void> =>
    clinic.db.asClinic(clinic.clinicId, (tx) =>
      setSuspended(
        tx,
        { clinicId: clinic.clinicId, actor: null, now: toInstantText(moment), nextId: randomUUIDv7 },
        isSuspended,
      ),
    )

  /** Has the start of the body on its way, and lets the rest follow. */
  async function begin({ id, key }: NewKey, path: string, body: object) {
    const text = JSON.stringify(body)
    const headers = {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': text.length,
    }
    const request = http.request(`${clinic.address}/v1${path}`, { method: 'POST', headers })
    const answered = new Promise<number>((resolve, reject) => {
      request.on('error', reject)
      request.on('response', (response) => resolve(response.resume().statusCode ?? 0))
    })
    request.write(text.slice(0, 3))
    const wasUsed = async () => (await clinic.get<{ lastUsedAt: unknown }>(`/api-keys/${id}`)).body.lastUsedAt !== null
    while (!(await wasUsed()));
    return {
      end: (): Promise<number> => {
        request.end(text.slice(3))
        return answered
      },
    }
  }

  test.each([
    ['key is revoked', async ({ id }: NewKey) => accepted(await clinic.post(`/api-keys/${id}/revoke`, {}))],
    [
      'key ends now',
      async ({ id }: NewKey) =>
        accepted(await clinic.post(`/api-keys/${id}/rotate`, { oldKeyUntil: toInstantText(moment) })),
    ],
    ['actor is blocked', async ({ actor }: NewKey) => accepted(await clinic.post(`/actors/${actor}/block`, {}))],
    ['clinic is suspended', async () => suspend(true)],
  ])('writes nothing: the %s', async (what, end) => {
    const made = await software()
    const externalId = `slow ${what}`
    const sending = await begin(made, '/patients', { externalId })
    await end(made)
    const status = await sending.end()
    await suspend(false)
    expect(status).toBe(401)
    expect((await clinic.get(`/patients?externalId=${externalId.replaceAll(' ', '%20')}`)).body.items).toEqual([])
  })

  test('can still end their own key', async () => {
    const made = await software()
    const oldKeyUntil = toInstantText(moment)
    expect((await clinic.withKey(made.key).post(`/api-keys/${made.id}/rotate`, { oldKeyUntil })).status).toBe(201)
    const other = await software()
    expect((await clinic.withKey(other.key).post(`/api-keys/${other.id}/revoke`, {})).status).toBe(200)
    expect(await Promise.all([made, other].map(({ key }) => statusOf(key)))).toEqual([401, 401])
  })

  test('is ordered with what they write: two who revoke each other are never both revoked', async () => {
    const [one, two] = [await software(), await software()]
    const statuses = await Promise.all([
      clinic.withKey(one.key).post(`/api-keys/${two.id}/revoke`, {}),
      clinic.withKey(two.key).post(`/api-keys/${one.id}/revoke`, {}),
    ])
    expect(statuses.map(({ status }) => status).sort()).toEqual([200, 401])
  })
})
