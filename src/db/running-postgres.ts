import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'

/**
 * The superuser's address of the embedded server that another process runs in `dataDir`; null when none answers there.
 */
export async function findRunningPostgres(dataDir: string): Promise<string | null> {
  const folder = resolve(dataDir)
  try {
    // Its fourth line is the port (PostgreSQL: "postmaster.pid").
    const port = (await readFile(join(folder, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[3]
    const password = (await readFile(join(folder, 'postgres-password'), 'utf8')).trim()
    const url = `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${Number(port)}/rehab`
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
    client.on('error', () => {})
    await client.connect()
    await client.end()
    return url
  } catch {
    return null
  }
}
