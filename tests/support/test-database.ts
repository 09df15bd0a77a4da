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
  await query('SELECT pg_advisory_lock(1)', `CREATE DATABASE ${name} TEMPLATE rehab`)
  return {
    url: addressOf(name),
    close: () => query(`DROP DATABASE ${name} WITH (FORCE)`),
  }
}

/** A database without a table, for what comes before the migrations. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await query(`CREATE DATABASE ${name} TEMPLATE template0`)
  return {
    url: addressOf(name),
    close: () => query(`DROP DATABASE ${name} WITH (FORCE)`),
  }
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
