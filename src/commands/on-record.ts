import type pg from 'pg'
import { describeCommand } from '../features/audit/operator.ts'

/**
 * Puts on the record of every clinic, as the owner of the tables, that the operator has done this with all that is
 * stored. Returns whether there is such a record: a version before it has none.
 */
export async function putOnRecord(
  client: Pick<pg.ClientBase, 'query'>,
  command: string,
  target: string[] = [],
): Promise<boolean> {
  const { rows: found } = await client.query<{ isThere: boolean }>(
    `SELECT to_regprocedure('public.record_audit(uuid, boolean, jsonb)') IS NOT NULL AS "isThere"`,
  )
  if (found[0]?.isThere !== true) return false
  const event = describeCommand(command, target)
  const { rows: clinics } = await client.query<{ id: string }>('SELECT clinic_id AS id FROM clinic ORDER BY clinic_id')
  for (const { id } of clinics) {
    await client.query('SELECT record_audit($1, false, $2)', [id, JSON.stringify({ ...event, clinic: id })])
  }
  return true
}

/** The same; what is in its way is returned and stops nothing: a database that takes no more rows needs a backup most. */
export async function tryToPutOnRecord(client: Pick<pg.ClientBase, 'query'>, command: string): Promise<string | null> {
  try {
    await client.query("SET lock_timeout = '5s'")
    await putOnRecord(client, command)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await client.query('SET lock_timeout = 0').catch(() => {})
  }
}
