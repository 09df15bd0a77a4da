import pg from 'pg'
import { StartupError } from '../startup-error.ts'
import { describeDatabase, explainConnectionProblem } from './connection-problem.ts'

/** A setting that only a connection of this one's own can have: a pooler hands on what it knows. */
const mark = 'rehab.session'

/**
 * A connection as the owner of the tables, to the server itself. What the owner does takes locks and settings that are
 * its session's: through a pooler they would stay behind for whoever comes next. Throws StartupError.
 */
export async function connectAsOwner(url: string): Promise<pg.Client> {
  const address = new URL(url)
  const given = address.searchParams.get('options') ?? ''
  address.searchParams.set('options', `${given} -c ${mark}=own`.trim())
  const client = new pg.Client({ connectionString: address.href, connectionTimeoutMillis: 10_000 })
  // An error between two queries would otherwise end the process; the next query reports it.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ own: boolean }>(`SELECT current_setting('${mark}', true) IS NOT NULL AS own`)
    if (rows[0]?.own === true) return client
  } catch (error) {
    await client.end().catch(() => {})
    throw explainConnectionProblem(url, error)
  }
  await client.end().catch(() => {})
  throw new StartupError(
    `the database ${describeDatabase(url)} is behind a pooler, past which migrations, backups and commands must go: ` +
      'set MIGRATION_DATABASE_URL to the address of the server itself, with the user who owns the tables',
  )
}
