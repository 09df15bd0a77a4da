import pg from 'pg'
import { explainConnectionProblem } from './connection-problem.ts'
import { connectAsOwner } from './owner-connection.ts'

/** Any number will do that no other lock of this service has. */
const bootstrapLock = 7_342_412

/**
 * Runs `work` as the operator, who owns the tables, while no other service does; `work` is told whether the database
 * has a clinic yet. Row-level security binds the owner too, but a policy shows it which clinics there are.
 */
export async function asOperator<Result>(url: string, work: (hasClinic: boolean) => Promise<Result>): Promise<Result> {
  const client = await connectAsOwner(url)
  try {
    await client.query('SELECT pg_advisory_lock($1)', [bootstrapLock])
    const { rows } = await client.query<{ exists: boolean }>('SELECT EXISTS (SELECT FROM clinic) AS exists')
    return await work(rows[0]?.exists === true)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Every clinic there is, as the owner of the tables may see them. */
export async function listClinics(url: string): Promise<{ id: string; name: string; suspended: boolean }[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ id: string; name: string; suspended: boolean }>(
      'SELECT clinic_id AS id, name, suspended_at IS NOT NULL AS suspended FROM clinic ORDER BY created_at, clinic_id',
    )
    return rows
  } catch (error) {
    throw explainConnectionProblem(url, error)
  } finally {
    await client.end().catch(() => {})
  }
}
