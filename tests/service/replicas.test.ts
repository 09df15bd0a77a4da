import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createEmptyDatabase, type TestDatabase } from '../support/test-database.ts'
import { checkHolds, checkKeys, checkRetries, checkVersions, clientOf, liveThroughDay } from './replicas.ts'
import { startService } from './running-service.ts'

jest.setTimeout(60_000)

const key = 'Yw7e1u/4Rb0tXnPz2+KgQ8dVaD5fZoCsU9hL3jMiHk6='
const perActor = 400

let database: TestDatabase
let processes: Awaited<ReturnType<typeof startService>>[] = []
let pair: readonly [string, string]

beforeAll(async () => {
  database = await createEmptyDatabase()
  const env = { DATABASE_URL: database.url, BOOTSTRAP_API_KEY: key }
  const first = await startService(env)
  processes = [first, await startService(env)]
  pair = [first.address, processes[1]?.address ?? '']
})

afterAll(async () => {
  await Promise.all(processes.map((process) => process.end('SIGTERM')))
  await database.close()
})

const turned = (): readonly [string, string] => [pair[1], pair[0]]

test('a key made by one process is good on the other at once, and refused by both once it is revoked', async () => {
  for (const two of [pair, turned()]) await checkKeys(two, key)
})

test('a retry on the other process gets the first answer, and nothing is done twice', async () => {
  for (const two of [pair, turned()]) await checkRetries(two, key)
})

test('a hold that one process has answered for is in the other’s next answer', () => checkHolds(pair, key, 10))

test('a version that one process has published is the one that the other gives', async () => {
  for (const two of [pair, turned()]) await checkVersions(two, key)
})

test('a day on both processes by turns loses nothing', async () => {
  const { answers } = await liveThroughDay(pair, key, 40, 8)
  expect(answers.size).toBe(40)
})

test('the limit of an actor is that of both processes together', async () => {
  const env = { DATABASE_URL: database.url, RATE_LIMIT_PER_ACTOR: String(perActor) }
  const limited = await Promise.all([startService(env), startService(env)])
  try {
    const made = await clientOf(pair[0], key)('POST', '/api-keys', { name: 'Busy', role: 'reader' })
    // Within one minute of the clock, by which both count.
    const second = Temporal.Now.instant().epochMilliseconds % 60_000
    if (second > 45_000) await new Promise((resolve) => setTimeout(resolve, 60_100 - second))
    let passed = 0
    let refused = 0
    for (let sent = 0; refused < 20 && sent < 3 * perActor; sent += 1) {
      const [to] = sent % 2 === 0 ? limited : limited.slice(1)
      const { status } = await clientOf(to?.address ?? '', made.body.key)('GET', '/clinic')
      if (status === 200) passed += 1
      else refused += 1
      // A process tells the others every second.
      if (sent % (perActor / 4) === 0) await new Promise((resolve) => setTimeout(resolve, 1100))
    }
    expect(passed).toBeGreaterThanOrEqual(perActor)
    // By itself each would let through the whole of it.
    expect(passed).toBeLessThan(perActor * 1.5)
    expect(refused).toBe(20)
  } finally {
    await Promise.all(limited.map((process) => process.end('SIGTERM')))
  }
})
