import { randomUUIDv7 } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { JWTPayload } from 'jose'
import { readConfig } from '../../src/config.ts'
import type { AuditEvent } from '../../src/http/audit.ts'
import { makeApiKey } from '../../src/http/auth.ts'
import { createTally } from '../../src/http/refused-attempts.ts'
import { makeSigningKey, startIssuer } from '../support/issuer.ts'
import { accepted } from './library-clinic.ts'
import { startClinic, startReplica, storeDraft } from './support.ts'

const now = '2026-11-20T15:00:00Z'
const seconds = Date.parse(now) / 1000
const audience = 'https://rehab.clinic.example'
const [everywhere, oneClinic] = await Promise.all([startIssuer(), startIssuer()])
const clinic = await startClinic({ now })
let moment = Temporal.Instant.from(now)
const { tokenIssuers } = readConfig({
  OIDC_ISSUERS: JSON.stringify([
    { issuer: everywhere.issuer, jwksUrl: everywhere.jwksUrl, audience, clinics: 'any', clinicClaim: 'clinic' },
    { issuer: oneClinic.issuer, jwksUrl: oneClinic.jwksUrl, audience, clinics: [clinic.clinicId] },
  ]),
})
const replica = await startReplica(clinic.db, () => moment, {
  tokenIssuers,
  trustedProxies: ['127.0.0.1'],
  rateLimits: { perActor: 3, perAddress: 100_000 },
})
afterAll(() => Promise.all([everywhere.close(), oneClinic.close()]))

const rows = () => clinic.db.asClinic(clinic.clinicId, (tx) => tx.auditEvent.findMany({ orderBy: { seq: 'asc' } }))

/** The rows that the request has left. */
async function rowsOf({ headers }: { headers: Headers }) {
  return (await rows()).filter(({ requestId }) => requestId === headers.get('x-request-id'))
}

describe('a change that was not made', () => {
  const grade = { code: 'balance', title: 'Balance' }
  const twice: [string, object][] = [
    ['/attributes', grade],
    ['/procedures', { code: 'first', name: 'First', bodyRegion: 'lumbar', defaultProtocol: 'guide' }],
    ['/exercises', { code: 'stand', title: 'Stand', kind: 'exercise', attributes: { balance: 1 } }],
  ]
  beforeAll(() => storeDraft(clinic, { code: 'guide' }))

  test.each(twice)('of %s is on record as refused, and not as done too', async (path, body) => {
    expect((await clinic.post(path, body)).status).toBe(201)
    const headers: Record<string, string>[] = [{}, { 'idempotency-key': `again${path}` }]
    for (const key of headers) {
      const refused = await clinic.send('POST', path, body, key)
      expect(refused.status).toBe(409)
      const outcomes = (await rowsOf(refused)).map(({ outcome, target }) => [outcome, target])
      expect(outcomes).toEqual([['ALREADY_EXISTS', []]])
    }
  })
})

describe('what is made', () => {
  test('is named by its row, and a repetition is known as one', async () => {
    const send = () =>
      clinic.send<{ id: string }>(
        'POST',
        '/api-keys',
        { name: 'Tablet', role: 'reader' },
        { 'idempotency-key': 'tablet' },
      )
    const [first, again] = [await send(), await send()]
    expect([first, again].map(({ status, body }) => [status, body.id])).toEqual([1, 2].map(() => [201, first.body.id]))
    expect((await rowsOf(first)).map(({ target }) => target)).toEqual([[`made=${first.body.id}`]])
    expect((await rowsOf(again)).map(({ target }) => target)).toEqual([[`made=${first.body.id}`, 'replayed=true']])
  })
})

describe('a refusal that tells of a patient', () => {
  test('names them: who has the external id already, and whose episode uses a procedure', async () => {
    const { id } = accepted(await clinic.post<{ id: string }>('/patients', { externalId: 'mrn-1' }))
    const other = accepted(await clinic.post<{ id: string }>('/patients', { externalId: 'mrn-2' }))
    const taken = await clinic.post('/patients', { externalId: 'mrn-1' })
    const renamed = await clinic.patch(`/patients/${other.id}`, { externalId: 'mrn-1' }, '*')
    expect([taken.status, renamed.status]).toEqual([409, 409])
    expect((await rowsOf(taken)).map(({ patients }) => patients)).toEqual([[id]])
    expect((await rowsOf(renamed)).map(({ patients }) => [...patients].sort())).toEqual([[id, other.id].sort()])

    const episode = randomUUIDv7()
    await clinic.db.asClinic(clinic.clinicId, (tx) =>
      tx.episode.create({
        data: {
          clinicId: clinic.clinicId,
          id: episode,
          patientId: id,
          surgeryDate: new Date('2026-10-01T00:00:00Z'),
          procedures: ['first'],
          levels: [],
          status: 'open',
          revision: 1,
          changedAt: new Date(now),
          createdAt: new Date(now),
        },
      }),
    )
    const used = await clinic.delete('/procedures/first', '*')
    expect(used.body).toMatchObject({ code: 'IN_USE', uses: [{ kind: 'episode', episode }] })
    expect((await rowsOf(used)).map(({ episodes, outcome }) => [outcome, episodes])).toEqual([['IN_USE', [episode]]])
  })
})

describe('a token of an identity provider that is refused', () => {
  const claims = (change: JWTPayload = {}): JWTPayload => ({
    iss: everywhere.issuer,
    aud: audience,
    sub: 'person-1',
    exp: seconds + 300,
    role: 'reader',
    clinic: clinic.clinicId,
    ...change,
  })
  const ask = async (token: string) => {
    const answer = await replica.withKey(clinic.clinicId, token).get('/patients')
    expect(answer.status).toBe(401)
    return (await rowsOf(answer)).map(({ operation, outcome, actorKind }) => ({ operation, outcome, actorKind }))
  }
  const onRecord = [{ operation: 'listPatients', outcome: 'INVALID_ACCESS_TOKEN', actorKind: 'unknown' }]
  const laterOn = (): void => {
    moment = moment.add({ minutes: 1 })
  }

  test.each([
    ['has expired', { exp: seconds - 3600 }],
    ['is for another audience', { aud: 'account' }],
    ['names no role', { role: 'nobody' }],
    ['is for a sign-in', { nonce: 'n' }],
  ])('is on record where its issuer has signed which clinic it is for: one that %s', async (_name, change) => {
    laterOn()
    const token = await everywhere.sign(claims(change))
    expect(await ask(token)).toEqual(onRecord)
    // The others of this minute are counted.
    expect(await ask(token)).toEqual([])
  })

  test('is on record where its issuer speaks for one clinic only, whatever is wrong with it', async () => {
    laterOn()
    const key = await makeSigningKey('first')
    expect(await ask(await oneClinic.sign({ ...claims({ iss: oneClinic.issuer }), key }))).toEqual(onRecord)
  })

  test('is not where nobody who may has signed it', async () => {
    laterOn()
    const key = await makeSigningKey('first')
    expect(await ask(await everywhere.sign({ ...claims(), key }))).toEqual([])
    expect(await ask(await everywhere.sign(claims({ iss: 'https://evil.example' })))).toEqual([])
    expect(await ask(await everywhere.sign(claims({ clinic: undefined })))).toEqual([])
  })
})

describe('attempts beyond a rate limit', () => {
  test('of somebody who is known are on record by who it was, however many strangers there are', async () => {
    moment = moment.add({ minutes: 1 })
    const stranger = replica.withKey(clinic.clinicId, makeApiKey(clinic.clinicId))
    const sources = Array.from({ length: 11 }, (_, index) => ({ 'x-forwarded-for': `10.0.0.${index}` }))
    for (const source of sources) expect((await stranger.send('GET', '/clinic', undefined, source)).status).toBe(401)
    const reader = await clinic.addClient(clinic.clinicId, 'reader', 'Screen')
    const hasty = replica.withKey(clinic.clinicId, reader.key)
    const answers = [1, 2, 3, 4, 5, 6, 7].map(async () => hasty.get('/clinic'))
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(statuses).toContain(429)
    const [row, ...others] = (await rows()).filter(({ outcome }) => outcome === 'TOO_MANY_REQUESTS')
    expect([row?.actorKind, row?.address, others]).toEqual(['api-key', '127.0.0.1', []])
    expect((await rows()).filter(({ outcome }) => outcome === 'INVALID_API_KEY')).toHaveLength(10)
  })
})

describe('the tally of refused attempts', () => {
  const example = { address: '10.0.0.1', credential: null, outcome: 'INVALID_API_KEY', status: 401 } as AuditEvent
  const start = (takes: (clinicId: string) => boolean) => {
    const written: [string, string, number][] = []
    const lost: number[] = []
    let at = Temporal.Instant.from(now)
    const tally = createTally({
      record: async (clinicId, { outcome, attempts = 1 }) => {
        const isThere = takes(clinicId)
        if (isThere) written.push([clinicId, outcome, attempts])
        return isThere
      },
      now: () => at,
      onError: (_error, attempts) => lost.push(attempts),
    })
    const pass = (): void => {
      at = at.add({ minutes: 1 })
    }
    return { tally, written, lost, pass }
  }

  test('has room for a clinic, however many that are not there are named', async () => {
    const asked: string[] = []
    const { tally, written } = start((clinicId) => {
      asked.push(clinicId)
      return clinicId === 'one'
    })
    for (let index = 0; index < 10_050; index += 1) await tally.add(`nobody ${index}`, example)
    await tally.add('nobody 10049', example)
    await tally.add('one', example)
    expect(written).toEqual([['one', 'INVALID_API_KEY', 1]])
    expect(asked).toHaveLength(10_051)
    await tally.close()
  })

  test('counts what it does not tell apart by its outcome', async () => {
    const { tally, written } = start(() => true)
    for (let index = 0; index < 10; index += 1) await tally.add('one', { ...example, address: `10.0.0.${index}` })
    const outcomes = ['INVALID_API_KEY', 'INVALID_CLIENT', 'INVALID_API_KEY']
    for (const outcome of outcomes) await tally.add('one', { ...example, address: '10.1.0.0', outcome })
    await tally.close()
    expect(written.slice(10)).toEqual([
      ['one', 'INVALID_API_KEY', 2],
      ['one', 'INVALID_CLIENT', 1],
    ])
  })

  test('keeps its counts while they cannot be written, and says how many attempts are lost if that stays so', async () => {
    let isDown = false
    const { tally, written, lost, pass } = start((clinicId) => {
      if (isDown && clinicId === 'one') throw new Error('no database')
      return true
    })
    const times = async (count: number, clinicId: string): Promise<void> => {
      for (let index = 0; index < count; index += 1) await tally.add(clinicId, example).catch(() => {})
    }
    await times(3, 'one')
    await times(2, 'two')
    isDown = true
    pass()
    await times(2, 'one')
    expect(written).toEqual([
      ['one', 'INVALID_API_KEY', 1],
      ['two', 'INVALID_API_KEY', 1],
      ['two', 'INVALID_API_KEY', 1],
    ])
    isDown = false
    pass()
    await times(2, 'one')
    expect(written.slice(3)).toEqual([2, 2, 1].map((count) => ['one', 'INVALID_API_KEY', count]))
    expect(lost.filter(Boolean)).toEqual([])
    isDown = true
    await tally.close()
    expect(lost.filter(Boolean)).toEqual([1])
  })
})
