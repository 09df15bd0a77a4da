import { afterAll, expect, test } from '@jest/globals'
import { createTestDatabase } from '../support/test-database.ts'
import { loadPool, prepareLoad, watchPool } from './pool-load.ts'

const database = await createTestDatabase()
const prepared = await prepareLoad(database.url, { clinics: 3, maxConnections: 2 })
afterAll(async () => {
  await prepared.close()
  await database.close()
})

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('no clinic is left on a connection, whatever becomes of the request', async () => {
  const figures = await loadPool(prepared.service, prepared.clinics, {
    requests: 100,
    atOnce: 8,
    random: randomFrom(7),
  })
  expect(figures).toMatchObject({ foreign: 0, dirty: 0 })
  expect(figures.aborted).toBeGreaterThan(5)
  expect(figures.released).toBeGreaterThan(60)
  // Read, made, not there, taken already, broken, too slow.
  expect(Object.keys(figures.statuses)).toEqual(expect.arrayContaining(['200', '201', '404', '409', '500', '503']))
}, 20_000)

test('a clinic that stays on a connection is seen', async () => {
  const { pool } = prepared.service.db
  const watched = watchPool(prepared.service.db)
  await pool.query(`SELECT set_config('app.clinic_id', $1, false)`, [prepared.clinics[0]?.clinicId])
  await watched.settle()
  expect(watched.dirty).toBe(1)
  await pool.query(`SELECT set_config('app.clinic_id', '', false)`)
  await watched.settle()
  const client = await pool.connect()
  await client.query('BEGIN')
  await new Promise((resolve) => setTimeout(resolve, 5))
  client.release()
  await watched.settle()
  expect(watched.dirty).toBeGreaterThanOrEqual(2)
})

test('a pool that is taken is a 503 for requests, and the probes answer', async () => {
  const { address, db } = prepared.service
  const held = await Promise.all([db.pool.connect(), db.pool.connect()])
  const headers = { authorization: `Bearer ${prepared.clinics[0]?.key}` }
  const gone = new AbortController()
  const waiting = Array.from({ length: 60 }, () =>
    fetch(`${address}/v1/clinic`, { headers, signal: gone.signal }).then(
      async (answer) => ({
        status: answer.status,
        retry: answer.headers.get('retry-after'),
        body: await answer.json(),
      }),
      () => null,
    ),
  )
  const refused = await Promise.race(waiting)
  expect(refused).toMatchObject({ status: 503, retry: '2', body: { code: 'SERVICE_UNAVAILABLE' } })
  for (const probe of ['/livez', '/readyz']) expect((await fetch(`${address}${probe}`)).status).toBe(200)
  expect(db.longestWait()).toBeGreaterThan(10)
  for (const client of held) client.release()
  const statuses = (await Promise.all(waiting)).map((answer) => answer?.status)
  expect(new Set(statuses)).toEqual(new Set([200, 503]))
  expect(db.longestWait()).toBe(0)
})
