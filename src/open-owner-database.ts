import type { Config } from './config.ts'
import { type StartupLog, startEmbeddedPostgres } from './db/embedded-postgres.ts'
import { findRunningPostgres } from './db/running-postgres.ts'

export interface OwnerDatabase {
  /** The address with which the owner of the tables connects. */
  url: string
  close: () => Promise<void>
}

/**
 * The database that the configuration names, as it is: nothing is migrated. An embedded server that no service runs is
 * started until `close`. Throws StartupError.
 */
export async function openOwnerDatabase(config: Config, log: StartupLog): Promise<OwnerDatabase> {
  const given = config.migrationDatabaseUrl ?? config.databaseUrl
  const url = given ?? (await findRunningPostgres(config.dataDir))
  if (url !== null) return { url, close: async () => {} }
  const { url: own, stop } = await startEmbeddedPostgres({ dataDir: config.dataDir, log })
  return { url: own, close: stop }
}
