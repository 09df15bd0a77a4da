import pg from 'pg'
import type { Database } from '../../src/db/client.ts'

/** A connection to the same database as the owner of its tables, whom row-level security and triggers need not stop. */
export async function connectAsOwner({ pool }: Pick<Database, 'pool'>): Promise<pg.Client> {
  const address = new URL(String(pool.options.connectionString))
  address.searchParams.delete('options')
  const client = new pg.Client({ connectionString: address.href })
  // It ends with its database.
  client.on('error', () => {})
  await client.connect()
  return client
}
