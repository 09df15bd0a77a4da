import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { assertServiceRole, type Database, openDatabase } from '../../src/db/client.ts'
import { fromTimestamp, toTimestamp } from '../../src/db/dates.ts'
import { toDatabaseProblem } from '../../src/http/database-errors.ts'
import type { Instant } from '../../src/rules/types.ts'
import { StartupError } from '../../src/startup-error.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/test-database.ts'

const createdAt = '2026-11-20T08:30:00.123Z' as Instant
const north = '019aa000-0000-7000-8000-000000000001'
const south = '019aa000-0000-7000-8000-000000000002'

let database: TestDatabase
let db: Database
const idleErrors: Error[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  db = openDatabase(database.url, { maxConnections: 3, onIdleError: (error) => idleErrors.push(error) })
  for (const clinicId of [north, south]) {
    await db.asClinic(clinicId, (tx) =>
      tx.clinic.create({
        data: { clinicId, name: clinicId, timeZone: 'UTC', revision: 1, createdAt: toTimestamp(createdAt) },
      }),
    )
  }
})

afterAll(async () => {
  await db.close()
  await database.close()
})

async function asOwner(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

async function refusal(url: string): Promise<string> {
  const other = openDatabase(url)
  try {
    await assertServiceRole(other)
    throw new Error('it was let pass')
  } catch (error) {
    expect(error).toBeInstanceOf(StartupError)
    const { message } = error as StartupError
    expect(message).not.toContain('\n')
    return message
  } finally {
    await other.close()
  }
}

test('nobody waits for long for what somebody else has locked', async () => {
  const { rows } = await db.pool.query('SHOW lock_timeout')
  expect(rows).toEqual([{ lock_timeout: '5s' }])
})

describe('asClinic', () => {
  test("sees the clinic's own rows and no others", async () => {
    const seen = await db.asClinic(north, (tx) => tx.clinic.findMany())
    expect(seen.map((clinic) => clinic.clinicId)).toEqual([north])
    expect(await db.asClinic(north, (tx) => tx.clinic.findMany({ where: { clinicId: south } }))).toEqual([])
  })

  test('writes no other row', async () => {
    const data = {
      clinicId: '019aa000-0000-7000-8000-000000000003',
      name: 'x',
      timeZone: 'UTC',
      revision: 1,
      createdAt: new Date(),
    }
    await expect(db.asClinic(north, (tx) => tx.clinic.create({ data }))).rejects.toThrow(/row-level security/)
  })

  test('leaves nothing set on the connection: without a clinic there is no row', async () => {
    await Promise.all([1, 2, 3].map(() => db.asClinic(north, (tx) => tx.clinic.count())))
    for (const _ of [1, 2, 3]) expect((await db.pool.query('SELECT * FROM clinic')).rows).toEqual([])
    expect(await db.prisma.clinic.findMany()).toEqual([])
  })

  test('undoes all of the work that fails', async () => {
    const work = db.asClinic(north, async (tx) => {
      await tx.clinic.update({ where: { clinicId: north }, data: { name: 'changed' } })
      throw new Error('stop')
    })
    await expect(work).rejects.toThrow('stop')
    expect((await db.asClinic(north, (tx) => tx.clinic.findMany()))[0]?.name).toBe(north)
  })
})

describe('asWhole', () => {
  const rename = (name: string, clinicId = north) =>
    db.asClinic(clinicId, (tx) => tx.clinic.update({ where: { clinicId }, data: { name } }))
  const nameOf = async (clinicId = north) => (await db.asClinic(clinicId, (tx) => tx.clinic.findMany()))[0]?.name

  test('undoes every step when a later one fails', async () => {
    const work = db.asWhole(north, async () => {
      await rename('changed')
      expect(await nameOf()).toBe('changed')
      throw new Error('stop')
    })
    await expect(work).rejects.toThrow('stop')
    expect(await nameOf()).toBe(north)
  })

  test('undoes a step that fails, and what was done before it stays, if the work goes on', async () => {
    await db.asWhole(north, async () => {
      await rename('first')
      const step = db.asClinic(north, async (tx) => {
        await tx.clinic.update({ where: { clinicId: north }, data: { name: 'second' } })
        // A statement that fails would otherwise be the end of the transaction.
        await tx.$executeRaw`SELECT 1 / 0`
      })
      await expect(step).rejects.toThrow()
      expect(await nameOf()).toBe('first')
    })
    expect(await nameOf()).toBe('first')
    await rename(north)
  })

  test('is of one clinic: what is done for another is done apart', async () => {
    const work = db.asWhole(north, async () => {
      await rename('south', south)
      throw new Error('stop')
    })
    await expect(work).rejects.toThrow('stop')
    expect(await nameOf(south)).toBe('south')
  })

  test('may take as long as it says', async () => {
    await expect(
      db.asWhole(north, (tx) => tx.$executeRaw`SELECT pg_sleep(0.2)`.then(() => rename('late')), 100),
    ).rejects.toThrow()
    expect(await nameOf()).toBe(north)
  })
})

describe('openDatabase', () => {
  test("acts as the service's role in UTC, with the address's own options beside", async () => {
    const url = new URL(database.url)
    url.searchParams.set('options', '-c role=postgres -c timezone=America/New_York -c statement_timeout=5s')
    const other = openDatabase(url.href)
    try {
      const { rows } = await other.pool.query(
        `SELECT current_user AS role, current_setting('timezone') AS zone, current_setting('statement_timeout') AS timeout`,
      )
      expect(rows).toEqual([{ role: 'rehab_service', zone: 'UTC', timeout: '5s' }])
    } finally {
      await other.close()
    }
    expect((await db.pool.query("SELECT current_setting('statement_timeout') AS timeout")).rows[0].timeout).toBe('30s')
  })

  test('keeps a moment in a database of another time zone', async () => {
    await asOwner(
      database.url,
      `ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET timezone TO 'Asia/Tokyo'`,
    )
    const other = openDatabase(database.url)
    try {
      const read = await other.asClinic(north, (tx) => tx.clinic.findUniqueOrThrow({ where: { clinicId: north } }))
      expect(fromTimestamp(read.createdAt)).toBe(createdAt)
      const [row] = await other.asClinic(
        north,
        (tx) => tx.$queryRaw<{ text: string }[]>`SELECT (created_at AT TIME ZONE 'UTC')::text AS text FROM clinic`,
      )
      expect(row?.text).toBe('2026-11-20 08:30:00.123')
    } finally {
      await other.close()
    }
  })

  test('outlives the end of a connection that somebody has just got', async () => {
    const db = openDatabase(database.url)
    for (const pool of [db.pool, db.probes]) {
      const client = await pool.connect()
      // As when the server's last words come together with those that it is ready.
      client.emit('error', new Error('terminating connection due to unexpected postmaster exit'))
      client.release()
    }
    await db.close()
  })

  test('outlives the end of its connections', async () => {
    await db.pool.query('SELECT 1')
    const name = new URL(database.url).pathname.slice(1)
    await asOwner(
      database.url,
      `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid()`,
    )
    expect(await db.asClinic(north, (tx) => tx.clinic.count())).toBe(1)
    expect(idleErrors.length).toBeGreaterThan(0)
  })
})

describe('assertServiceRole', () => {
  test('lets the migrated database pass', async () => {
    await assertServiceRole(db)
  })

  test('refuses a database without the tables', async () => {
    const empty = await createEmptyDatabase()
    expect(await refusal(empty.url)).toContain('migrate')
    await empty.close()
  })

  test('refuses a role that owns the tables', async () => {
    const empty = await createEmptyDatabase()
    await asOwner(empty.url, 'CREATE TABLE episode ()', 'ALTER TABLE episode OWNER TO rehab_service')
    expect(await refusal(empty.url)).toContain('own nothing')
    await empty.close()
  })

  test('refuses a user who may not become the role, and says what to grant', async () => {
    const user = `outsider_${process.pid}`
    await asOwner(database.url, `CREATE ROLE ${user} LOGIN PASSWORD 'hunter2hunter2'`)
    const url = new URL(database.url)
    url.username = user
    url.password = 'hunter2hunter2'
    const message = await refusal(url.href)
    expect(message).toContain(`GRANT rehab_service TO "${user}"`)
    expect(message).not.toContain('hunter2')
    await asOwner(database.url, `DROP ROLE ${user}`)
  })

  test('says where no server answers', async () => {
    expect(await refusal('postgresql://service@127.0.0.1:1/clinic')).toContain('answers at 127.0.0.1:1/clinic')
  })
})

test('a connection that is dead without having ended is given up, and the next question gets another', async () => {
  const behind = new URL(database.url)
  const dead = new Set<Socket>()
  const server = createServer((client) => {
    const there = connect(Number(behind.port), behind.hostname)
    client.on('error', () => there.destroy()).on('close', () => there.destroy())
    client.on('data', (chunk) => dead.has(client) || there.write(chunk))
    there.on('error', () => {}).on('data', (chunk) => client.write(chunk))
    clients.push(client)
  }).listen(0, '127.0.0.1')
  const clients: Socket[] = []
  await once(server, 'listening')
  const url = new URL(database.url)
  url.port = String((server.address() as AddressInfo).port)
  const other = openDatabase(url.href, { longestSilence: 300 })
  const ask = () => other.ask<{ one: number }>('one', 'SELECT 1 AS one', [])
  expect(await ask()).toEqual([{ one: 1 }])
  for (const client of clients) dead.add(client)
  const error: unknown = await ask().catch((reason) => reason)
  expect(toDatabaseProblem(error)?.code).toBe('SERVICE_UNAVAILABLE')
  expect(await ask()).toEqual([{ one: 1 }])
  expect(clients).toHaveLength(2)
  await other.close()
  server.close()
}, 10_000)
