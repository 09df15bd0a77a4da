import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { writeBackup } from '../../src/db/backup/write.ts'
import { assertServiceRole, bindLogin, openDatabase } from '../../src/db/client.ts'
import { migrate } from '../../src/db/migrations.ts'
import { asOperator } from '../../src/db/operator.ts'
import { assertPreparedStatements } from '../../src/db/prepared-statements.ts'
import { StartupError } from '../../src/startup-error.ts'
import { startDroppingPooler } from '../support/dropping-pooler.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'

const user = `pooled_${process.pid}`
const quiet = { debug() {}, info() {}, warn() {} }

let database: TestDatabase
let pooler: { url: string; close: () => void }
let owner: pg.Client
let login: string

beforeAll(async () => {
  database = await createTestDatabase()
  pooler = await startDroppingPooler(database.url)
  owner = new pg.Client({ connectionString: database.url })
  await owner.connect()
  await owner.query(`CREATE ROLE ${user} LOGIN PASSWORD 'hunter2hunter2' NOINHERIT IN ROLE rehab_service`)
  const address = new URL(pooler.url)
  address.username = user
  address.password = 'hunter2hunter2'
  login = address.href
})

afterAll(async () => {
  pooler.close()
  await owner.query(`DROP ROLE ${user}`)
  await owner.end()
  await database.close()
})

/** What the service says at its start; null if it starts. */
async function refusal(url: string): Promise<string | null> {
  const db = openDatabase(url)
  try {
    await assertServiceRole(db)
    return null
  } catch (error) {
    expect(error).toBeInstanceOf(StartupError)
    return (error as StartupError).message
  } finally {
    await db.close()
  }
}

describe('behind a pooler, which drops the options of a connection', () => {
  test('the service starts once its login has them of its own, and not before', async () => {
    for (const statement of bindLogin(user)) {
      expect(await refusal(login)).toContain(statement)
      await owner.query(statement)
    }
    expect(await refusal(login)).toBeNull()
    // Without a pooler the same login is as good.
    const direct = new URL(login)
    direct.port = new URL(database.url).port
    expect(await refusal(direct.href)).toBeNull()
  })

  test('it is bound there by row-level security, and reaches nothing if it loses the role', async () => {
    const client = new pg.Client({ connectionString: login })
    await client.connect()
    expect((await client.query('SELECT count(*)::int AS count FROM clinic')).rows).toEqual([{ count: 0 }])
    await client.query('SET ROLE NONE')
    await expect(client.query('SELECT FROM clinic')).rejects.toThrow(/permission denied/)
    await client.end()
  })

  test('the README shows what binds the login', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const [, block = ''] = /^```sql\n(CREATE ROLE rehab_pooled[\s\S]*?)^```$/m.exec(readme) ?? []
    const [make, ...settings] = block.trim().split(/;\s*/).filter(Boolean)
    expect(make).toBe("CREATE ROLE rehab_pooled LOGIN PASSWORD '…' NOINHERIT IN ROLE rehab_service")
    expect(settings).toEqual(bindLogin('rehab_pooled').map((statement) => statement.replaceAll('"', '')))
  })

  test('named statements may be used where a connection stays one of the server’s', async () => {
    const db = openDatabase(login)
    await assertPreparedStatements(db.pool)
    expect(db.pool.waitingCount).toBe(0)
    await db.close()
  })

  test('migrations, commands and backups refuse to run', async () => {
    const attempts = [
      () => migrate({ url: pooler.url, log: quiet }),
      () => asOperator(pooler.url, async () => null),
      () => writeBackup(pooler.url, '0.1.0', process.stderr),
    ]
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toThrow(/behind a pooler.*MIGRATION_DATABASE_URL/)
    }
  })
})
