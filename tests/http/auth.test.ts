import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import request from 'supertest'
import { z } from 'zod'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { toTimestamp } from '../../src/db/dates.ts'
import { insertApiKey } from '../../src/features/api-keys/repository.ts'
import { clinicIdOfKey, hashKey, isHardToGuess, makeApiKey, prefixOf } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'
import { startApp, type TestApp } from './test-app.ts'

const riverside = '01a1f000-0000-7000-8000-0000000000aa'
const hillside = '01a1f000-0000-7000-8000-0000000000bb'
const now = Temporal.Instant.from('2026-11-20T14:30:00Z')

const keys = {
  valid: makeApiKey(riverside, new Uint8Array(32).fill(1)),
  expired: makeApiKey(riverside, new Uint8Array(32).fill(3)),
  expiresLater: makeApiKey(riverside, new Uint8Array(32).fill(4)),
  revoked: makeApiKey(riverside, new Uint8Array(32).fill(5)),
  hillside: makeApiKey(hillside, new Uint8Array(32).fill(6)),
  unknown: makeApiKey(riverside, new Uint8Array(32).fill(7)),
  chosen: 'the-operator-chose-this-one!',
}

let files: TestDatabase
let database: Database
let app: TestApp

beforeAll(async () => {
  files = await createTestDatabase()
  database = openDatabase(files.url)
  const createdAt = toInstantText(now)
  let made = 0
  const store = async (key: string, more: { role?: string; expiresAt?: Temporal.Instant } = {}) => {
    made += 1
    const id = `01a1f000-0000-7000-8000-00000000000${made}`
    const { role = 'administrator', expiresAt } = more
    const clinicId = clinicIdOfKey(key)
    await database.asClinic(clinicId, async (tx) => {
      const clinic = {
        clinicId,
        name: 'A clinic',
        timeZone: 'Pacific/Auckland',
        revision: 1,
        createdAt: toTimestamp(createdAt),
      }
      await tx.clinic.upsert({ where: { clinicId }, create: clinic, update: {} })
      await insertApiKey(tx, {
        clinicId,
        id,
        name: `key ${made}`,
        key,
        role,
        createdAt,
        expiresAt: expiresAt ? toInstantText(expiresAt) : null,
      })
    })
    return id
  }
  await store(keys.valid)
  await store(keys.expired, { expiresAt: now })
  await store(keys.expiresLater, { expiresAt: now.add({ milliseconds: 1 }) })
  const revoked = await store(keys.revoked)
  await database.asClinic(riverside, (tx) =>
    tx.apiKey.update({
      where: { clinicId_id: { clinicId: riverside, id: revoked } },
      data: { revokedAt: toTimestamp(createdAt) },
    }),
  )
  await store(keys.hillside)
  await store(keys.chosen)
  app = await startApp([registerWhoami], { database })
})
afterAll(async () => {
  await app.close()
  await database.close()
  await files.close()
})

const whoami = z.object({ clinicId: z.string(), name: z.string(), role: z.string(), timeZone: z.string() })

function registerWhoami(app: FastifyInstance): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const about = { tags: ['service'], summary: 'For the test' }
  routes.get(
    '/whoami',
    { schema: { ...about, operationId: 'whoami', response: { 200: whoami } } },
    async ({ actor }) => actor,
  )
}

function ask(authorization: string | null, path = '/v1/whoami') {
  const call = request(app.url).get(path)
  return authorization === null ? call : call.set({ authorization })
}

describe('a request with a key', () => {
  test('acts for the clinic of the key', async () => {
    const { body } = await ask(`Bearer ${keys.valid}`)
    expect(body).toEqual({ clinicId: riverside, name: 'key 1', role: 'administrator', timeZone: 'Pacific/Auckland' })
    expect((await ask(`bearer   ${keys.hillside}`)).body.clinicId).toBe(hillside)
  })

  test('may use a key that the operator chose', async () => {
    expect((await ask(`Bearer ${keys.chosen}`)).body.clinicId).toBe(clinicIdOfKey(keys.chosen))
  })

  test('is valid up to the moment before the key expires', async () => {
    expect((await ask(`Bearer ${keys.expiresLater}`)).status).toBe(200)
    expect((await ask(`Bearer ${keys.expired}`)).status).toBe(401)
  })

  test('is not answered from a cache', async () => {
    expect((await ask(`Bearer ${keys.valid}`)).headers['cache-control']).toBe('no-store')
  })
})

describe('a request without a valid key', () => {
  test.each([
    ['none', null],
    ['an empty header', ''],
  ])('%s', async (_name, authorization) => {
    const response = await ask(authorization)
    expect(response.status).toBe(401)
    expect(response.headers['www-authenticate']).toBe('Bearer realm="rehab-protocols"')
    expect(response.body).toMatchObject({
      code: 'AUTHENTICATION_REQUIRED',
      detail: 'send the clinic’s API key or an access token in the header `Authorization: Bearer <key>`',
    })
  })

  test.each([
    ['another scheme', `Basic ${keys.valid}`],
    ['no scheme', keys.valid],
  ])('%s', async (_name, authorization) => {
    const response = await ask(authorization)
    expect(response.status).toBe(401)
    expect(response.headers['www-authenticate']).toBe('Bearer realm="rehab-protocols"')
    expect(response.body.detail).toMatch(/must have the scheme `Bearer`/)
    expect(response.text).not.toContain(keys.valid)
  })

  test.each([
    ['two keys', `Bearer ${keys.valid} ${keys.valid}`],
    ['no key after the scheme', 'Bearer'],
    ['a key of 301 characters', `Bearer ${'x'.repeat(301)}`],
  ])('%s', async (_name, authorization) => {
    const response = await ask(authorization)
    expect(response.status).toBe(401)
    expect(response.headers['www-authenticate']).toBe('Bearer realm="rehab-protocols", error="invalid_token"')
    expect(response.body).toMatchObject({ code: 'INVALID_API_KEY' })
  })

  test('unknown, revoked and expired look the same', async () => {
    const otherClinic = keys.valid.replace(makeApiKey(riverside).slice(3, 25), makeApiKey(hillside).slice(3, 25))
    const answers = await Promise.all(
      [keys.unknown, keys.revoked, keys.expired, otherClinic, 'rp_x_y', `${keys.valid}x`, keys.valid.slice(0, -1)].map(
        async (key) => {
          const { status, headers, body } = await ask(`Bearer ${key}`).set('x-request-id', 'same')
          return { status, challenge: headers['www-authenticate'], body }
        },
      ),
    )
    expect(answers[0]).toMatchObject({
      status: 401,
      body: { code: 'INVALID_API_KEY', detail: 'the API key is unknown, revoked or expired' },
    })
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })
})

describe('a key', () => {
  test('carries its clinic', () => {
    const key = makeApiKey(riverside)
    expect(key).toMatch(/^rp_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{43}$/)
    expect(clinicIdOfKey(key)).toBe(riverside)
    expect(makeApiKey(riverside)).not.toBe(key)
  })

  test('that is any other text belongs to the clinic of its hash, a UUIDv8', () => {
    const hash = createHash('sha256').update('a secret').digest('hex')
    const id = clinicIdOfKey('a secret')
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(id.replaceAll('-', '').slice(0, 12)).toBe(hash.slice(0, 12))
    expect(clinicIdOfKey('a secret ')).not.toBe(id)
  })

  test('is stored as its hash and its start', async () => {
    const { rows } = await database.asClinic(riverside, async (tx) => ({
      rows: await tx.apiKey.findMany({ orderBy: { id: 'asc' } }),
    }))
    expect(rows[0]).toMatchObject({ prefix: keys.valid.slice(0, 32), name: 'key 1' })
    expect(Buffer.from(rows[0]?.keyHash ?? [])).toEqual(hashKey(keys.valid))
    expect(JSON.stringify(rows)).not.toContain(keys.valid)
    expect(prefixOf('short-secret')).toBe('sho')
  })

  test('never reaches the log', () => {
    expect(app.log.length).toBeGreaterThan(10)
    const text = JSON.stringify(app.log)
    for (const key of Object.values(keys)) expect(text).not.toContain(key.slice(-20))
  })
})

describe('a key that the operator chooses', () => {
  test.each([
    ['Zt4f0v/7Qm1sXkq2+LhR9cWbE8uYpNaT5dGJ6iKoVx0=', true],
    ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', true],
    [keys.chosen, false],
    ['Zt4f0v/7Qm1sXkq2+LhR9cWbE8uYpNa', false],
    ['correct-horse-battery-staple-Plus-2026-Clinic', false],
    ['SecretSecretSecretSecretSecretSecret1', false],
    ['a1'.repeat(30), false],
  ])('%s is hard to guess: %s', (key, expected) => {
    expect(isHardToGuess(key)).toBe(expected)
  })

  test('is so if it is random', () => {
    for (let count = 0; count < 1000; count += 1) {
      expect(isHardToGuess(randomBytes(32).toString('base64'))).toBe(true)
      expect(isHardToGuess(makeApiKey(riverside))).toBe(true)
    }
  })
})
