import { createHmac } from 'node:crypto'
import { afterAll, describe, expect, test } from '@jest/globals'
import { type JWTPayload, SignJWT } from 'jose'
import { readConfig } from '../../src/config.ts'
import { makeSigningKey, startIssuer } from '../support/issuer.ts'
import { type Problem, startClinic } from './support.ts'

const issuer = await startIssuer()
const partner = await startIssuer()
const strict = await startIssuer()
const audience = 'https://rehab.clinic.example'
const now = '2026-11-20T15:00:00Z'
const seconds = Date.parse(now) / 1000
const toText = (moment: string): string => new Date(moment).toISOString()

/** What the partner may speak for is not known before there is a clinic. */
const clinics = { partner: '01a1f000-0000-7000-8000-00000000aaaa' }
const { tokenIssuers } = readConfig({
  OIDC_ISSUERS: JSON.stringify([
    {
      issuer: issuer.issuer,
      audience,
      jwksUrl: issuer.jwksUrl,
      clinics: 'any',
      clinicClaim: 'https://clinic.example/clinic',
      roleClaim: ['realm_access', 'roles'],
      roles: { physio: 'therapist', doctor: 'clinician', boss: 'administrator', viewer: 'reader' },
      scopeClaim: 'scope',
      keyCooldownSeconds: 0,
    },
    { issuer: partner.issuer, audience, jwksUrl: partner.jwksUrl, clinics: [clinics.partner], clinicClaim: 'clinic' },
    {
      issuer: strict.issuer,
      audience,
      jwksUrl: strict.jwksUrl,
      clinics: 'any',
      clinicClaim: 'https://clinic.example/clinic',
      requiredClaims: ['scp'],
      tokenType: 'at+jwt',
    },
    { issuer: 'https://away.example', audience, jwksUrl: 'http://127.0.0.1:1/jwks', clinics: 'any', clinicClaim: 'c' },
  ]),
})
const clinic = await startClinic({ now, config: { tokenIssuers } })
afterAll(async () => {
  await issuer.close()
  await partner.close()
  await strict.close()
})

const allScopes = 'openid patients:read patients:write clinic:read catalogue:read catalogue:write keys:manage'

function claims(change: JWTPayload = {}): JWTPayload {
  return {
    iss: issuer.issuer,
    aud: [audience, 'account'],
    sub: 'person-1',
    name: 'Kim Berg',
    iat: seconds,
    exp: seconds + 300,
    scope: allScopes,
    'https://clinic.example/clinic': clinic.clinicId,
    realm_access: { roles: ['offline_access', 'physio'] },
    ...change,
  }
}

async function ask(token: string, path = '/patients', method = 'GET', body?: object) {
  const response = await fetch(`${clinic.address}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Problem }
}

async function actors(): Promise<Record<string, unknown>[]> {
  return (await clinic.pages('/actors?kind=person')).flat()
}

/** A token that nobody would issue. */
function forge(header: object, payload: object, sign: (text: string) => string): string {
  const text = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${sign(text)}`
}

describe('a person whom the identity provider vouches for', () => {
  test('acts in their clinic, in their role, and is on record by their name', async () => {
    const token = await issuer.sign(claims())
    expect((await ask(token)).status).toBe(200)
    expect((await ask(token, '/patients', 'POST', { externalId: 'mrn-1' })).status).toBe(201)
    expect(await actors()).toMatchObject([
      { kind: 'person', name: 'Kim Berg', issuer: issuer.issuer, subject: 'person-1' },
    ])
    const refused = await ask(token, '/exercises', 'POST', {})
    expect(refused).toMatchObject({ status: 403, body: { requiredScope: 'catalogue:write' } })
    expect(refused.body.detail).toContain('this account (therapist)')
  })

  test('stays the same actor under another name, and when they come from two places at once', async () => {
    const renamed = await issuer.sign(claims({ name: ' Kim\nBerg-Ola ' }))
    await ask(renamed)
    const other = await issuer.sign(claims({ sub: 'person-2', name: undefined, preferred_username: 'ola' }))
    await Promise.all([1, 2, 3, 4].map(() => ask(other)))
    const [first, second, ...rest] = await actors()
    expect([first?.name, second?.name, rest]).toEqual(['Kim Berg-Ola', 'ola', []])
  })

  test('has the scopes of their roles together, but none that the token leaves out', async () => {
    const both = await issuer.sign(claims({ realm_access: { roles: ['viewer', 'boss'] } }))
    expect((await ask(both, '/api-keys')).status).toBe(200)
    expect(await ask(both, '/clinic/history')).toMatchObject({ status: 403, body: { requiredScope: 'audit:read' } })
    const nothing = await issuer.sign(claims({ scope: 'openid' }))
    expect((await ask(nothing)).status).toBe(403)
  })

  test.each([undefined, 'JWT', 'application/at+jwt'])('is believed with a token of the type %s', async (typ) => {
    const token = await issuer.sign(claims({ typ: 'Bearer' }), typ === undefined ? {} : { typ })
    expect((await ask(token)).status).toBe(200)
  })

  test('is believed within the allowed difference of the clocks, and not beyond', async () => {
    expect((await ask(await issuer.sign(claims({ exp: seconds - 25 })))).status).toBe(200)
    expect((await ask(await issuer.sign(claims({ exp: seconds - 35 })))).status).toBe(401)
    expect((await ask(await issuer.sign(claims({ nbf: seconds + 25 })))).status).toBe(200)
  })

  test('is refused from the moment that the clinic shuts them out until it lets them in again', async () => {
    const token = await issuer.sign(claims({ sub: 'person-3', name: 'Left' }))
    expect((await ask(token)).status).toBe(200)
    const [{ id } = {}] = (await actors()).filter(({ subject }) => subject === 'person-3')
    const reason = 'Has left the clinic'
    expect((await clinic.post(`/actors/${id}/block`, { reason })).body).toMatchObject({ id, blockedAt: toText(now) })
    expect(await ask(token)).toMatchObject({ status: 401, body: { code: 'INVALID_ACCESS_TOKEN' } })
    expect((await ask(await issuer.sign(claims({ sub: 'person-3', name: 'Renamed' })))).status).toBe(401)
    expect((await ask(await issuer.sign(claims()))).status).toBe(200)
    expect((await clinic.post(`/actors/${id}/block`, {})).status).toBe(200)
    expect((await clinic.post(`/actors/${id}/unblock`, {})).body).toMatchObject({ id, blockedAt: null })
    expect((await ask(token)).status).toBe(200)
    const about = { actor: { id, kind: 'person', name: 'Left' } }
    expect((await clinic.get<{ items: object[] }>('/clinic/history')).body.items.slice(0, 2)).toMatchObject([
      { kind: 'actor-unblocked', ...about },
      { kind: 'actor-blocked', ...about, reason },
    ])
  })

  test('is believed after the keys have changed, and what a withdrawn key signed is not', async () => {
    const before = await issuer.sign(claims())
    await issuer.rotate()
    expect((await ask(await issuer.sign(claims()))).status).toBe(200)
    expect((await ask(before)).status).toBe(200)
    await issuer.rotate({ withdraw: true })
    expect((await ask(await issuer.sign(claims()))).status).toBe(200)
    expect((await ask(before)).status).toBe(401)
    const fetches = issuer.fetches()
    for (const _ of [1, 2, 3]) await ask(await issuer.sign(claims()))
    expect(issuer.fetches()).toBe(fetches)
  })
})

describe('a token that is not to be believed', () => {
  test('what its issuer is to put into each token', async () => {
    const token = await strict.sign(claims({ iss: strict.issuer, role: 'reader', scp: 'api' }), { typ: 'at+jwt' })
    expect((await ask(token)).status).toBe(200)
  })

  const signed = 'is not signed by its issuer, with a key and an algorithm that this service accepts'
  const noClinic = 'names no clinic of this service for which its issuer may speak'
  const cases: [string, () => string | Promise<string>, string][] = [
    ['with alg none', () => forge({ alg: 'none' }, claims(), () => ''), signed],
    ['with alg None', () => forge({ alg: 'None', kid: issuer.key().kid }, claims(), () => ''), signed],
    [
      'signed with the public key as a shared secret',
      () => {
        const secret = JSON.stringify(issuer.key().publicJwk)
        return forge({ alg: 'HS256', kid: issuer.key().kid }, claims(), (text) =>
          createHmac('sha256', secret).update(text).digest('base64url'),
        )
      },
      signed,
    ],
    [
      'signed by somebody else',
      async () => issuer.sign({ ...claims(), key: await stranger(issuer.key().kid) }),
      signed,
    ],
    [
      'with a key that the issuer does not have',
      async () => issuer.sign({ ...claims(), key: await stranger('x') }),
      signed,
    ],
    [
      'signed with an algorithm that is not allowed, by a key that the issuer has',
      async () => {
        const key = await makeSigningKey('weak', 'RS512')
        issuer.publish(key)
        return issuer.sign({ ...claims(), key })
      },
      signed,
    ],
    ['signed by another trusted issuer', async () => partner.sign(claims()), signed],
    ['changed on its way', async () => changed(await issuer.sign(claims())), signed],
    ['expired', () => issuer.sign(claims({ exp: seconds - 3600 })), 'has expired'],
    ['not valid yet', () => issuer.sign(claims({ nbf: seconds + 3600 })), 'is not valid yet'],
    ['for another audience', () => issuer.sign(claims({ aud: 'account' })), 'is for another audience'],
    ['for no audience', () => issuer.sign(claims({ aud: undefined })), 'is for another audience'],
    ['of another issuer', () => issuer.sign(claims({ iss: 'https://evil.example' })), 'is from an issuer'],
    ['of an issuer with a slash more', () => issuer.sign(claims({ iss: `${issuer.issuer}/` })), 'is from an issuer'],
    ['without an end', () => issuer.sign(claims({ exp: undefined })), 'does not say when it expires'],
    ['about nobody', () => issuer.sign(claims({ sub: undefined })), 'does not say whom it is about'],
    ['about nobody in particular', () => issuer.sign(claims({ sub: '' })), 'does not say whom it is about'],
    ['for no clinic', () => issuer.sign(claims({ 'https://clinic.example/clinic': undefined })), noClinic],
    [
      'for a clinic that is not there',
      () => issuer.sign(claims({ 'https://clinic.example/clinic': clinics.partner })),
      noClinic,
    ],
    ['without a role', () => issuer.sign(claims({ realm_access: { roles: [] } })), 'names no role'],
    [
      'with a role of the service that the issuer does not call so',
      () => issuer.sign(claims({ realm_access: { roles: ['administrator', 'constructor'] } })),
      'names no role',
    ],
    ['for a sign-in, by its header', () => issuer.sign(claims(), { typ: 'id_token+jwt' }), 'is not one for access'],
    ['for a sign-out, by its header', () => issuer.sign(claims(), { typ: 'logout+jwt' }), 'is not one for access'],
    [
      'for a sign-in, by its claims',
      () => issuer.sign(claims({ nonce: 'n' }), { typ: 'JWT' }),
      'is not one for access',
    ],
    ['for a sign-in, as Keycloak says it', () => issuer.sign(claims({ typ: 'ID' })), 'is not one for access'],
    [
      'without a claim that its issuer always has',
      () => strict.sign(claims({ iss: strict.issuer, role: 'reader' }), { typ: 'at+jwt' }),
      'does not have the claim `scp`',
    ],
    [
      'without the type that its issuer always gives',
      () => strict.sign(claims({ iss: strict.issuer, role: 'reader', scp: 'api' }), { typ: 'JWT' }),
      'is not one for access',
    ],
    ['that is no JSON', () => 'eyJhbGciOiJSUzI1NiJ9.bm8.c2ln', 'cannot be read'],
  ]

  test.each(cases)('%s', async (_name, make, fault) => {
    const token = await make()
    const { status, headers, body } = await ask(token)
    expect({ status, code: body.code }).toEqual({ status: 401, code: 'INVALID_ACCESS_TOKEN' })
    expect(body.detail).toContain(`the access token ${fault}`)
    expect(headers.get('www-authenticate')).toBe('Bearer realm="rehab-protocols", error="invalid_token"')
    const said = JSON.stringify(body)
    for (const secret of ['person-1', 'Kim Berg', issuer.issuer, audience, ...token.split('.').filter(Boolean)]) {
      expect(said).not.toContain(secret)
    }
  })

  test('says in vain where its key is, or which: nothing is fetched for it', async () => {
    const own = await stranger('own')
    const fetches = partner.fetches()
    const header = { alg: own.alg, kid: own.kid, jku: partner.jwksUrl, jwk: own.publicJwk }
    const token = await new SignJWT(claims()).setProtectedHeader(header).sign(own.privateKey)
    expect((await ask(token)).body.detail).toContain(signed)
    expect(partner.fetches()).toBe(fetches)
  })

  test('an issuer speaks for its own clinics only', async () => {
    const about = { iss: partner.issuer, aud: audience, sub: 'p', exp: seconds + 60, role: 'reader' }
    const token = await partner.sign({ ...about, clinic: clinic.clinicId })
    expect((await ask(token)).body.detail).toContain(noClinic)
  })

  test('keys that cannot be had are the service’s trouble, and not the caller’s', async () => {
    const token = await issuer.sign(claims({ iss: 'https://away.example' }))
    const { status, headers, body } = await ask(token)
    expect({ status, code: body.code }).toEqual({ status: 503, code: 'SERVICE_UNAVAILABLE' })
    expect(headers.get('retry-after')).toBe('5')
  })

  test('no token is trusted where no issuer is configured', async () => {
    const other = await startClinicWithoutIssuers()
    expect(other.status).toBe(401)
  })

  test('never reaches the log', async () => {
    const token = await issuer.sign(claims())
    await ask(token)
    const text = clinic.log.join('')
    expect(text).toContain('request refused')
    for (const secret of [...token.split('.'), 'Kim Berg', 'person-1']) expect(text).not.toContain(secret)
  })
})

async function stranger(kid: string) {
  return makeSigningKey(kid, issuer.key().alg)
}

function changed(token: string): string {
  const [header, , signature] = token.split('.')
  const payload = Buffer.from(JSON.stringify(claims({ sub: 'person-9' }))).toString('base64url')
  return [header, payload, signature].join('.')
}

async function startClinicWithoutIssuers(): Promise<{ status: number }> {
  const { buildApp } = await import('../../src/app.ts')
  const app = await buildApp({
    config: { logLevel: 'silent' },
    db: clinic.db,
    clock: () => Temporal.Instant.from(now),
  })
  const headers = { authorization: `Bearer ${await issuer.sign(claims())}` }
  const { statusCode } = await app.inject({ url: '/v1/patients', headers })
  await app.close()
  return { status: statusCode }
}
