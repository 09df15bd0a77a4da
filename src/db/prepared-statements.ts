import type pg from 'pg'
import { StartupError } from '../startup-error.ts'
import { describeDatabase } from './connection-problem.ts'

/** It is not there, or it is, from somebody else. */
const notCarried = ['26000', '42P05']

/**
 * Refuses to start behind a pooler that gives a transaction another connection of the server and does not carry prepared
 * statements there: requests would fail. Throws StartupError.
 */
export async function assertPreparedStatements(pool: pg.Pool): Promise<void> {
  const [one, other] = await Promise.all([pool.connect(), pool.connect()])
  const ask = () => one.query({ name: 'is-carried', text: 'SELECT 1' })
  let waiting: NodeJS.Timeout | undefined
  try {
    await ask()
    // Whoever shares connections gives this one's away meanwhile, and the next question gets another, if there is one.
    await other.query('BEGIN')
    waiting = setTimeout(() => other.query('ROLLBACK').catch(() => {}), 2000)
    await ask()
  } catch (error) {
    if (!notCarried.includes(String((error as { code?: unknown }).code))) throw error
    throw new StartupError(
      `the pooler at ${describeDatabase(String(pool.options.connectionString))} does not carry prepared statements from one ` +
        'connection to another: set PREPARED_STATEMENTS=off, or let it (PgBouncer does from 1.21 on, with max_prepared_statements)',
      { cause: error },
    )
  } finally {
    clearTimeout(waiting)
    await other.query('ROLLBACK').catch(() => {})
    // Not to be used again: it believes that the server knows the statement.
    one.release(true)
    other.release()
  }
}
