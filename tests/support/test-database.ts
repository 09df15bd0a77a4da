import { randomUUID } from 'node:crypto'
import pg from 'pg'

/** How the tests' processes learn of the server. */
export const serverVariable = 'REHAB_TEST_SERVER'

export interface TestDatabase {
  /** The superuser's address: the service itself acts as its own role on it. */
  url: string
  close(): Promise<void>
}

/** A database of its own for a test file, without a row: a copy of the one that globalSetup has migrated. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  // One copy at a time: PostgreSQL does not copy a database while another session is in it.
  // Its files are copied, so that they are not written a second time to the log.
  await query('SELECT pg_advisory_lock(1)', `CREATE DATABASE ${name} TEMPLATE rehab STRATEGY FILE_COPY`)
  return { url: addressOf(name), close: () => endSessions(name) }
}

/** A database without a table, for what comes before the migrations. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await query(`CREATE DATABASE ${name} TEMPLATE template0 STRATEGY FILE_COPY`)
  return { url: addressOf(name), close: () => endSessions(name) }
}

/**
 * The database itself goes with the run's folder: where hundreds of files have just been deleted, some file systems take
 * long to make as many again.
 */
function endSessions(name: string): Promise<void> {
  return query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
}

function addressOf(name: string): string {
  const server = process.env[serverVariable]
  if (server === undefined) throw new Error('no test server: is globalSetup in the jest configuration?')
  return server.replace(/[^/]*$/, name)
}

async function query(...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: addressOf('postgres') })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
