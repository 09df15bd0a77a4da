import type { Config } from './config.ts'
import { assertServiceRole, type Database, openDatabase } from './db/client.ts'
import { type StartupLog, startEmbeddedPostgres } from './db/embedded-postgres.ts'
import { migrate } from './db/migrations.ts'

export interface ServiceDatabase {
  db: Database
  /** The address with which the owner of the tables connects. */
  ownerUrl: string
  /** Resolves, with its last words, when the embedded server ends by itself; null with a server of its own. */
  crashed: Promise<string> | null
  close: () => Promise<void>
}

/** The migrated database that the configuration names: the embedded server or another. Throws StartupError. */
export async function openServiceDatabase(config: Config, log: StartupLog): Promise<ServiceDatabase> {
  const embedded = config.databaseUrl === null ? await startEmbeddedPostgres({ dataDir: config.dataDir, log }) : null
  const url = config.databaseUrl ?? embedded?.url ?? ''
  const ownerUrl = config.migrationDatabaseUrl ?? url
  let db: Database | null = null
  const close = async (): Promise<void> => {
    await db?.close()
    await embedded?.stop()
  }
  try {
    await migrate({ url: ownerUrl, log })
    db = openDatabase(url, { onIdleError: (error) => log.warn(`database connection lost: ${error.message}`) })
    await assertServiceRole(db)
    return { db, ownerUrl, crashed: embedded?.crashed ?? null, close }
  } catch (error) {
    await close()
    throw error
  }
}
