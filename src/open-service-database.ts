import type { Config } from './config.ts'
import { assertServiceRole, type Database, openDatabase } from './db/client.ts'
import { type StartupLog, startEmbeddedPostgres } from './db/embedded-postgres.ts'
import { migrate } from './db/migrations.ts'
import { assertPreparedStatements } from './db/prepared-statements.ts'
import { ensureServiceLogin } from './db/service-login.ts'

export interface ServiceDatabase {
  db: Database
  /** The address with which the owner of the tables connects. */
  ownerUrl: string
  /** Resolves, with the reason, when the embedded server has ended and does not start again; null with another server. */
  crashed: Promise<string> | null
  close: () => Promise<void>
}

/**
 * The migrated database that the configuration names: the embedded server or another. `running` is the superuser's
 * address of an embedded server that another process has started. Throws StartupError.
 */
export async function openServiceDatabase(
  config: Config,
  log: StartupLog,
  running: string | null = null,
): Promise<ServiceDatabase> {
  const isOwn = config.databaseUrl === null && running === null
  const embedded = isOwn ? await startEmbeddedPostgres({ dataDir: config.dataDir, log }) : null
  const superuserUrl = embedded?.url ?? running
  const ownerUrl = config.migrationDatabaseUrl ?? config.databaseUrl ?? superuserUrl ?? ''
  let db: Database | null = null
  const close = async (): Promise<void> => {
    await db?.close()
    await embedded?.stop()
  }
  try {
    await migrate({ url: ownerUrl, log })
    const url = config.databaseUrl ?? (await ensureServiceLogin(ownerUrl))
    db = openDatabase(url, {
      preparedStatements: config.preparedStatements,
      onIdleError: (error) => log.warn(`database connection lost: ${error.message}`),
    })
    await assertServiceRole(db)
    if (config.databaseUrl !== null && config.preparedStatements) await assertPreparedStatements(db.pool)
    return { db, ownerUrl, crashed: embedded?.crashed ?? null, close }
  } catch (error) {
    await close()
    throw error
  }
}
