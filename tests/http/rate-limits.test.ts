import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { registerClinic } from '../../src/features/clinics/routes.ts'
import { Counts, mostKeys, SharedCounts } from '../../src/http/shared-counts.ts'
import { startClinic, startReplica } from '../features/support.ts'
import { apiKey, authorization, startApp } from './test-app.ts'

const limits = { perActor: 10, perAddress: 20 }

/** Two replicas that tell each other what they have counted. */
const shared = { rateLimits: { perActor: 40, perAddress: 1_000, tellEvery: 50 } }
const clinic = await startClinic({ config: shared })
const other = await startReplica(clinic.db, () => Temporal.Now.instant(), shared)
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** What the headers of an answer say. */
function saidBy({ status, headers }: { status: number; headers: object }): Record<string, unknown> {
  const said = headers instanceof Headers ? Object.fromEntries(headers) : { ...headers }
  const names = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after'] as const
  return { status, ...Object.fromEntries(names.map((name) => [name, (said as Record<string, unknown>)[name]])) }
}

/** Waits, if it must, until there are enough seconds of this minute left for a test. */
async function inOneMinute(): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000)
  if (left < 3000) await pause(left + 10)
}

describe('the limit of an address', () => {
  test('bounds guesses of keys, requests for tokens and searches for addresses, and no probe', async () => {
    await inOneMinute()
    const app = await startApp([registerClinic], { config: { rateLimits: limits } })
    const kinds = [
      () =>
        request(app.url)
          .get('/v1/clinic')
          .set({ authorization: `Bearer ${apiKey}x` }),
      () => request(app.url).post('/oauth/token').type('form').send({ grant_type: 'client_credentials' }),
      () => request(app.url).get('/nowhere'),
      () => request(app.url).get('/problems'),
      () => request(app.url).get('/v1/%zz'),
      () => request(app.url).get(`/problems/${'a'.repeat(300)}`),
    ]
    const first = await kinds[0]?.()
    expect(saidBy(first as never)).toEqual({
      status: 401,
      'ratelimit-limit': '20',
      'ratelimit-remaining': '19',
      'ratelimit-reset': expect.stringMatching(/^\d+$/),
      'retry-after': undefined,
    })
    const statuses: number[] = []
    for (let sent = 1; sent < 20; sent += 1) statuses.push((await kinds[sent % 6]?.())?.status ?? 0)
    expect(new Set(statuses)).toEqual(new Set([400, 401, 404, 200, 414]))
    for (const kind of kinds) {
      const answer = await kind()
      expect(saidBy(answer)).toMatchObject({ status: 429, 'ratelimit-remaining': '0' })
      expect(answer.headers['retry-after']).toBe(answer.headers['ratelimit-reset'])
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60)
      expect(answer.body).toMatchObject({ code: 'TOO_MANY_REQUESTS', type: '/problems/too-many-requests' })
    }
    // There is no database behind this app, which one of them says.
    for (const [probe, expected] of [
      ['/livez', 200],
      ['/readyz', 503],
    ] as const) {
      const { status, headers } = await request(app.url).get(probe)
      expect([status, headers['ratelimit-limit']]).toEqual([expected, undefined])
    }
    await app.close()
  })

  test('takes the word of a trusted proxy, of no other, and an IPv6 network of 64 bits for one', async () => {
    await inOneMinute()
    const left = async (url: string, from: string): Promise<string | undefined> =>
      (await request(url).get('/problems').set('x-forwarded-for', from)).headers['ratelimit-remaining']
    const trusting = await startApp([], { config: { rateLimits: limits, trustedProxies: ['127.0.0.0/8'] } })
    const seen: (string | undefined)[] = []
    for (const from of [
      '198.51.100.1',
      '198.51.100.2',
      '203.0.113.9, 198.51.100.1',
      '2001:db8::1',
      '2001:db8::ffff:1',
      '2001:db8:0:1::1',
      'nonsense',
      'other nonsense',
    ]) {
      seen.push(await left(trusting.url, from))
    }
    expect(seen).toEqual(['19', '19', '18', '19', '18', '19', '19', '18'])
    await trusting.close()

    const wary = await startApp([], { config: { rateLimits: limits } })
    expect([await left(wary.url, '198.51.100.1'), await left(wary.url, '198.51.100.2')]).toEqual(['19', '18'])
    await wary.close()
  })
})

describe('the limit of an actor', () => {
  test('is its own, with whichever of its keys, and whatever the answer', async () => {
    await inOneMinute()
    const administrator = await clinic.addClient(clinic.clinicId)
    const reader = await clinic.addClient(clinic.clinicId, 'reader')
    const made = await administrator.post<{ id: string; key: string }>('/api-keys', { name: 'old', role: 'reader' })
    const rotated = await administrator.post<{ key: string }>(`/api-keys/${made.body.id}/rotate`, {})
    const keys = [clinic.withKey(made.body.key), clinic.withKey(rotated.body.key)] as const
    for (let sent = 0; sent < 40; sent += 1) {
      const { status, headers } = await keys[sent % 2 === 0 ? 0 : 1].get(sent % 3 === 0 ? '/clinic' : '/patients/x')
      expect([status, headers.get('ratelimit-remaining')]).toEqual([sent % 3 === 0 ? 200 : 400, String(39 - sent)])
    }
    for (const client of keys) {
      const answer = await client.get('/clinic')
      expect(saidBy(answer)).toMatchObject({ status: 429, 'ratelimit-limit': '40', 'ratelimit-remaining': '0' })
      expect(answer.body.code).toBe('TOO_MANY_REQUESTS')
    }
    expect(saidBy(await reader.get('/clinic'))).toMatchObject({ status: 200, 'ratelimit-remaining': '39' })
  })

  test('is shared by two replicas: what both let through together is bounded', async () => {
    await inOneMinute()
    const here = await clinic.addClient(clinic.clinicId)
    const there = other.withKey(clinic.clinicId, here.key)
    let passed = 0
    for (let round = 0; round < 12; round += 1) {
      const answers = await Promise.all([here, here, here, there, there, there].map((client) => client.get('/clinic')))
      passed += answers.filter(({ status }) => status === 200).length
      await pause(120)
    }
    expect(passed).toBeGreaterThanOrEqual(40)
    // In one interval each replica has let through three more than it knew to be too many.
    expect(passed).toBeLessThanOrEqual(46)
    const { rows } = await clinic.db.pool.query('SELECT DISTINCT octet_length(key) AS size FROM request_count')
    expect(rows).toEqual([{ size: 32 }])
  })
})

describe('the counts', () => {
  const ask = (counts: Counts, key: string): number => {
    let current = 0
    counts.incr(key, (_error, result) => {
      current = result?.current ?? 0
    })
    return current
  }

  test('keep to a bound of memory, and forget first who came least lately', () => {
    const counts = new Counts(100)
    ask(counts, 'steady')
    for (let index = 0; index < mostKeys * 3; index += 1) {
      ask(counts, `address ${index}`)
      if (index % 1000 === 0) ask(counts, 'steady')
    }
    expect(counts.size).toBe(mostKeys)
    expect(ask(counts, 'steady')).toBeGreaterThan(60)
    expect(ask(counts, 'address 0')).toBe(1)
    // A flood of addresses that come once each is nothing to tell of.
    expect(counts.waiting(Math.floor(Date.now() / 60_000)).map(({ key }) => key)).toEqual(['steady'])
  })

  test('go on in each process while the database fails, say so once, and are told later', async () => {
    await inOneMinute()
    let down = true
    const problems: unknown[] = []
    const pool = { query: (query: never) => (down ? Promise.reject(new Error('down')) : clinic.db.pool.query(query)) }
    const counts = new SharedCounts(pool as never, (error) => problems.push(error), 20)
    const one = counts.child({ max: 20 })
    for (let sent = 1; sent <= 7; sent += 1) {
      expect(ask(one, 'one')).toBe(sent)
      await pause(25)
    }
    expect(problems).toHaveLength(1)
    down = false
    const find = () => clinic.db.pool.query('SELECT requests FROM request_count WHERE key = sha256($1)', ['one'])
    expect((await find()).rows).toEqual([])
    ask(one, 'one')
    for (let tries = 0; tries < 100 && (await find()).rowCount === 0; tries += 1) await pause(20)
    expect((await find()).rows).toEqual([{ requests: 8 }])
    await counts.close()
  })
})

test('a request that is let in says how many are left', async () => {
  const app = await startApp([], { config: { rateLimits: { perActor: 3, perAddress: 2 } } })
  await inOneMinute()
  const answer = await request(app.url).get('/v1/nowhere').set({ authorization })
  expect(saidBy(answer)).toMatchObject({ status: 404, 'ratelimit-limit': '2', 'ratelimit-remaining': '1' })
  await app.close()
})
