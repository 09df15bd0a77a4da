import { createHmac } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test } from '@jest/globals'
import { type JWTPayload, SignJWT } from 'jose'
import { openDatabase } from '../../src/db/client.ts'
import { setSuspended } from '../../src/features/clinics/suspend-clinic.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { standBetween } from '../support/between-statements.ts'
import { makeSigningKey } from '../support/issuer.ts'
import { accepted } from './library-clinic.ts'
import { type Page, type Problem, startClinic, startReplica } from './support.ts'

const now = '2026-11-20T15:00:00Z'
const seconds = Date.parse(now) / 1000
const publicUrl = 'https://rehab.clinic.example'
const clinic = await startClinic({ now, config: { publicUrl } })
const replica = await startReplica(clinic.db, () => Temporal.Instant.from(now), { publicUrl })
const db = openDatabase(clinic.databaseUrl)
afterAll(() => db.close())
const between = standBetween(db.pool)
const slow = await startReplica(db, () => Temporal.Instant.from(now), { publicUrl })
const key = await makeSigningKey('main', 'ES384')
const rsa = await makeSigningKey('second', 'RS384')
const weak = await makeSigningKey('third', 'RS256')

interface Registered extends Record<string, unknown> {
  id: string
  clientId: string
}

const registered = accepted(
  await clinic.post<Registered>('/clients', {
    name: 'Hospital records',
    jwks: { keys: [key.publicJwk, { ...rsa.publicJwk, x5c: ['ignored'] }, { ...weak.publicJwk, alg: undefined }] },
  }),
)

let made = 0

function claims(change: JWTPayload = {}): JWTPayload {
  made += 1
  const { clientId } = registered
  return {
    iss: clientId,
    sub: clientId,
    aud: `${publicUrl}/oauth/token`,
    exp: seconds + 240,
    jti: `${made}`,
    ...change,
  }
}

function assert(change: JWTPayload = {}, { privateKey, alg, kid } = key): Promise<string> {
  return new SignJWT(claims(change)).setProtectedHeader({ alg, kid }).sign(privateKey)
}

interface Issued extends Problem {
  access_token: string
  error?: string
}

async function exchange(assertion: string, change: Record<string, string> = {}, address = clinic.address) {
  const response = await fetch(`${address}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      ...change,
    }),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Issued }
}

describe('a client that signs', () => {
  test('finds the token endpoint, and gets a token for a few minutes', async () => {
    const found = await fetch(`${clinic.address}/.well-known/smart-configuration`)
    expect(await found.json()).toMatchObject({
      token_endpoint: `${publicUrl}/oauth/token`,
      token_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(['RS384', 'ES384']),
    })
    const { status, headers, body } = await exchange(await assert(), {
      scope: 'patients:read patients:write keys:manage',
    })
    expect({ status, ...body }).toMatchObject({
      status: 200,
      token_type: 'bearer',
      expires_in: 300,
      scope: 'patients:read patients:write',
    })
    expect(headers.get('cache-control')).toBe('no-store')
    const client = clinic.withKey(body.access_token)
    expect((await client.post('/patients', { externalId: 'mrn-1' })).status).toBe(201)
    expect(await client.get('/episodes')).toMatchObject({ status: 403, body: { requiredScope: 'episodes:read' } })
    expect((await clinic.get(`/actors/${registered.id}`)).body).toMatchObject({
      kind: 'client',
      name: 'Hospital records',
    })
    clinic.setNow('2026-11-20T15:04:59.999Z')
    expect((await client.get('/patients')).status).toBe(200)
    clinic.setNow('2026-11-20T15:05:00Z')
    expect(await client.get('/patients')).toMatchObject({ status: 401, body: { code: 'INVALID_ACCESS_TOKEN' } })
    clinic.setNow(now)
  })

  test('may sign with any of its keys, and gets all that it has if it asks for nothing', async () => {
    const { status, body } = await exchange(await assert({}, rsa))
    expect({ status, scope: body.scope }).toMatchObject({ status: 200, scope: expect.stringContaining('record:write') })
    expect(body.scope).not.toMatch(/clearances|overrides|assign|manage/)
  })

  test('cannot use an assertion twice, on whichever replica, not even at the same time', async () => {
    const assertion = await assert()
    const answers = await Promise.all(
      [clinic, replica, clinic, replica].map(({ address }) => exchange(assertion, {}, address)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401])
    const refused = answers.find(({ status }) => status === 401)?.body
    expect(refused).toMatchObject({ code: 'INVALID_CLIENT', error: 'invalid_client' })
    expect(refused?.detail).toContain('was used before')
    expect((await exchange(assertion)).status).toBe(401)
    const { items } = accepted(await clinic.get<Page<Record<string, unknown>>>('/audit-events?operation=issueToken'))
    const byClient = { actor: { kind: 'client', name: 'Hospital records' } }
    // Issued three times so far; of the refusals the first in a minute has its row, and each replica counts for itself.
    expect(items.filter(({ outcome }) => outcome === 'success')).toMatchObject([byClient, byClient, byClient])
    expect(items).toContainEqual(expect.objectContaining({ outcome: 'INVALID_CLIENT', status: 401 }))
    expect(JSON.stringify(items)).not.toContain(assertion)
  })

  test('gets no token while it is shut out', async () => {
    const { body: own } = await clinic.post<Registered>('/clients', { name: 'Shut', jwks: { keys: [key.publicJwk] } })
    const names = { iss: own.clientId, sub: own.clientId }
    accepted(await clinic.post(`/actors/${own.id}/block`, {}))
    expect(await exchange(await assert(names))).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    accepted(await clinic.post(`/actors/${own.id}/unblock`, {}))
    expect((await exchange(await assert(names))).status).toBe(200)
  })

  test('is refused as a client also if it is shut out while it asks', async () => {
    const { body: own } = await clinic.post<Registered>('/clients', { name: 'Late', jwks: { keys: [key.publicJwk] } })
    const actor = `/actors/${own.id}`
    const seen = new Set<number>()
    for (let number = 0, isOpen = true; isOpen; number += 1) {
      const assertion = await assert({ iss: own.clientId, sub: own.clientId })
      let blocking: Promise<unknown> = Promise.resolve()
      isOpen = false
      const block = async (): Promise<void> => {
        isOpen = true
        blocking = clinic.post(`${actor}/block`, {})
        // Once the token is being stored, whoever shuts its client out waits for that.
        await Promise.race([blocking, delay(1000)])
      }
      const { status, body } = await between.before(number, block, () => exchange(assertion, {}, slow.address))
      await blocking
      accepted(await clinic.post(`${actor}/unblock`, {}))
      seen.add(status)
      if (status !== 200) expect([number, body]).toMatchObject([number, { status: 401, error: 'invalid_client' }])
    }
    expect([...seen].sort()).toEqual([200, 401])
  }, 60_000)

  test('loses its tokens at once when it is changed, revoked, or its clinic is suspended', async () => {
    const { body: own } = await clinic.post<Registered>('/clients', { name: 'Other', jwks: { keys: [key.publicJwk] } })
    const names = { iss: own.clientId, sub: own.clientId }
    const issue = async (): Promise<string> => (await exchange(await assert(names))).body.access_token
    const first = await issue()
    expect(await replica.statusOf(first)).toBe(200)
    const change = { scopes: ['clinic:read'], jwks: { keys: [rsa.publicJwk] } }
    accepted(await clinic.patch(`/clients/${own.id}`, change, '"1"'))
    expect(await replica.statusOf(first)).toBe(401)
    expect((await exchange(await assert(names))).status).toBe(401)
    const second = (await exchange(await assert(names, rsa))).body
    expect(second.scope).toBe('clinic:read')
    const operator = { clinicId: clinic.clinicId, actor: null, now: toInstantText(Temporal.Instant.from(now)) }
    for (const [index, isSuspended] of [true, false].entries()) {
      const nextId = () => `01a1f000-0000-7000-8000-00000000000${index}`
      await clinic.db.asClinic(clinic.clinicId, (tx) => setSuspended(tx, { ...operator, nextId }, isSuspended))
      expect(await replica.statusOf(second.access_token)).toBe(isSuspended ? 401 : 200)
      expect((await exchange(await assert(names, rsa))).status).toBe(isSuspended ? 401 : 200)
    }
    accepted(await clinic.post(`/clients/${own.id}/revoke`, {}))
    expect(await replica.statusOf(second.access_token)).toBe(401)
    expect((await exchange(await assert(names, rsa))).status).toBe(401)
    expect(await clinic.patch(`/clients/${own.id}`, { name: 'x' }, '*')).toMatchObject({ status: 409 })
  })
})

describe('an assertion that is not to be believed', () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const unsigned = 'is not signed with one of the client’s registered keys'
  const cases: [string, () => Promise<string> | string, string][] = [
    ['with alg none', () => `${part({ alg: 'none' })}.${part(claims())}.`, unsigned],
    [
      'signed with the public key as a shared secret',
      () => {
        const text = `${part({ alg: 'HS384', kid: 'main' })}.${part(claims())}`
        const secret = JSON.stringify(key.publicJwk)
        return `${text}.${createHmac('sha384', secret).update(text).digest('base64url')}`
      },
      unsigned,
    ],
    ['signed by somebody else', async () => assert({}, await makeSigningKey('main', 'ES384')), unsigned],
    ['signed with an algorithm that is not allowed, by a registered key', () => assert({}, weak), unsigned],
    ['with a key that is not registered', async () => assert({}, await makeSigningKey('x', 'ES384')), unsigned],
    ['expired', () => assert({ exp: seconds - 60 }), 'has expired'],
    ['not valid yet', () => assert({ nbf: seconds + 60 }), 'is not valid yet'],
    ['that lives for an hour', () => assert({ exp: seconds + 3600 }), 'lives too long'],
    ['that never ends', () => assert({ exp: undefined }), 'needs the claim `exp`'],
    ['for another service', () => assert({ aud: 'https://elsewhere.example/oauth/token' }), 'is for another audience'],
    ['without a jti', () => assert({ jti: undefined }), 'needs the claim `jti`'],
    ['with an empty jti', () => assert({ jti: '' }), 'needs a `jti`'],
    ['issued by another', () => assert({ iss: 'somebody' }), 'is not the client’s own'],
    [
      'about a client that is not there',
      () => assert({ sub: registered.clientId.replace(/.{4}$/, 'AAAA') }),
      'is not from a client',
    ],
    ['about anybody', () => assert({ sub: 'me' }), 'is not from a client'],
    ['that is no JWT', () => 'x', 'cannot be read'],
  ]

  test.each(cases)('%s', async (_name, make, fault) => {
    const { status, body } = await exchange(await make())
    expect({ status, code: body.code, error: body.error }).toEqual({
      status: 401,
      code: 'INVALID_CLIENT',
      error: 'invalid_client',
    })
    expect(body.detail).toContain(`the assertion ${fault}`)
  })

  test('a request that is not one is told what is wrong, as RFC 6749 wants it', async () => {
    const assertion = await assert()
    expect(await exchange(assertion, { grant_type: 'password' })).toMatchObject({
      status: 400,
      body: { code: 'INVALID_TOKEN_REQUEST', error: 'unsupported_grant_type' },
    })
    expect((await exchange(assertion, { scope: 'keys:manage' })).body.error).toBe('invalid_scope')
    expect((await exchange('')).body.error).toBe('invalid_request')
    const post = (body: string, type: string) =>
      fetch(`${clinic.address}/oauth/token`, { method: 'POST', body, headers: { 'content-type': type } })
    expect((await post('{}', 'application/json')).status).toBe(415)
    expect((await post('scope=a&scope=b', 'application/x-www-form-urlencoded')).status).toBe(400)
    expect((await post('%ff=%00&__proto__=1', 'application/x-www-form-urlencoded')).status).toBe(400)
  })

  test('neither it nor a token reaches the log', async () => {
    const assertion = await assert()
    const { access_token: token } = (await exchange(assertion)).body
    await clinic.withKey(token).get('/clinic')
    const text = clinic.log.join('')
    expect(text).toContain('/oauth/token')
    for (const secret of [token.slice(-40), assertion.split('.').at(-1) ?? '']) expect(text).not.toContain(secret)
  })
})

describe('a key set', () => {
  test('is public keys that fit, each with a name of its own, and nothing that is secret', async () => {
    const { d } = await (await import('jose')).exportJWK(key.privateKey)
    const register = (keys: object[]) => clinic.post<Problem>('/clients', { name: 'x', jwks: { keys } })
    const privately = await register([{ ...key.publicJwk, d }])
    expect(privately).toMatchObject({ status: 400, body: { errors: [{ pointer: '/jwks/keys/0' }] } })
    expect(privately.body.detail).toContain('private key')
    expect(privately.text).not.toContain(d)
    expect((await register([key.publicJwk, key.publicJwk])).status).toBe(400)
    expect((await register([])).status).toBe(400)
    expect((await register([{ kty: 'oct', kid: 'x', k: 'AAAA' }])).status).toBe(400)
    const crooked = { ...key.publicJwk, x: key.publicJwk.y }
    expect(await register([rsa.publicJwk, crooked])).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/jwks/keys/1' }] },
    })
    const short = { ...rsa.publicJwk, n: rsa.publicJwk.n?.slice(0, 171) }
    expect((await register([short])).status).toBe(400)
    const administrator = { name: 'x', role: 'administrator', jwks: { keys: [key.publicJwk] } }
    expect((await clinic.post('/clients', administrator)).status).toBe(400)
  })
})
