import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { StartupError } from '../startup-error.ts'
import { describeDatabase, explainConnectionProblem } from './connection-problem.ts'
import type { StartupLog } from './embedded-postgres.ts'
import { connectAsOwner } from './owner-connection.ts'

export const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/**
 * The advisory lock by which replicas take turns: any number that Prisma's engine does not take. The engine's own lock
 * (72707369) is not enough, for it gives up after 10 s.
 */
export const turnLock = 7_342_411

export interface MigrationRow {
  migration_name: string
  finished_at: Date | null
}

/**
 * Brings the database to this version's schema and returns the names of the migrations that it applied.
 * Replicas that start together take turns. Throws StartupError when the database cannot be reached or migrated.
 */
export async function migrate({ url, log }: { url: string; log: StartupLog }): Promise<string[]> {
  const names = await readMigrationNames()
  const client = await connectAsOwner(url)
  try {
    if (isCurrent(await readRows(client), names)) return []
    // The turn of another replica may last longer than the timeouts that the server sets for its users.
    await client.query('SET statement_timeout = 0')
    await client.query('SET lock_timeout = 0')
    await client.query('SELECT pg_advisory_lock($1)', [turnLock])
    const rows = await readRows(client)
    refuseForeignState(rows, names, url)
    if (isCurrent(rows, names)) return []
    // Loaded only here: it costs 0.1 s, and most starts have nothing to migrate.
    const { applyMigrations } = await import('./schema-engine.ts')
    const applied = await applyMigrations(url, migrationsFolder, names)
    for (const name of applied) log.info(`migrated the database: ${name}`)
    return applied
  } catch (error) {
    throw error instanceof StartupError ? error : explainConnectionProblem(url, error)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Names of the migrations of this version that the database lacks: until there are none it is not ready. */
export async function pendingMigrations(pool: pg.Pool): Promise<string[]> {
  const names = await readMigrationNames()
  const applied = appliedNames(await readRows(pool))
  return names.filter((name) => !applied.has(name))
}

/** The migrations of this version, in their order. */
export async function readMigrationNames(): Promise<string[]> {
  const entries = await readdir(migrationsFolder, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory() && /^\d/.test(entry.name))
    .map((entry) => entry.name)
    .sort()
}

/** The migrations that the database has or is in the middle of, in Prisma's own table. */
export async function readRows(connection: pg.Client | pg.Pool): Promise<MigrationRow[]> {
  try {
    const { rows } = await connection.query<MigrationRow>(
      'SELECT migration_name, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
    )
    return rows
  } catch (error) {
    // undefined_table: a new database.
    if ((error as { code?: unknown }).code === '42P01') return []
    throw error
  }
}

function appliedNames(rows: readonly MigrationRow[]): Set<string> {
  return new Set(rows.filter((row) => row.finished_at !== null).map((row) => row.migration_name))
}

function isCurrent(rows: readonly MigrationRow[], names: readonly string[]): boolean {
  const applied = appliedNames(rows)
  return rows.length === names.length && names.every((name) => applied.has(name))
}

/** Only under the advisory lock: without it an unfinished row may be another replica at work. */
function refuseForeignState(rows: readonly MigrationRow[], names: readonly string[], url: string): void {
  const where = describeDatabase(url)
  const failed = rows.find((row) => row.finished_at === null)
  if (failed) {
    throw new StartupError(
      `the migration ${failed.migration_name} failed half way in the database ${where}: restore the backup from before ` +
        'it; or, if it left nothing behind, delete its row from the table _prisma_migrations and start again',
    )
  }
  const newer = rows.find((row) => !names.includes(row.migration_name))
  if (newer) {
    throw new StartupError(
      `the database ${where} has the migration ${newer.migration_name}, which this version does not know: ` +
        'start the newer version of the service that made it, or restore a backup from before',
    )
  }
}
