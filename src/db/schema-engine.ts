import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PrismaPg } from '@prisma/adapter-pg'
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type Transaction,
} from '@prisma/driver-adapter-utils'
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import { StartupError } from '../startup-error.ts'
import { describeDatabase } from './connection-problem.ts'

// Prisma's own schema engine, as WebAssembly because the native one would have to be downloaded. It keeps Prisma's own
// table, so that `prisma migrate` stays usable on the database.

/**
 * Applies those of the named migrations that the database lacks, in one transaction: all of them, or none and no trace.
 * So a migration cannot contain what PostgreSQL refuses in a transaction, such as CREATE INDEX CONCURRENTLY.
 * Returns the names of those it applied. Throws StartupError when one fails.
 */
export async function applyMigrations(url: string, folder: string, names: readonly string[]): Promise<string[]> {
  const migrationDirectories = await Promise.all(
    names.map(async (name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok' as const, value: await readFile(`${folder}/${name}/migration.sql`, 'utf8') },
      },
    })),
  )
  instantiated ??= instantiate()
  await instantiated
  const pool = new pg.Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 10_000 })
  pool.on('error', () => {})
  try {
    const tx = await (await new PrismaPg(pool).connect()).startTransaction()
    try {
      const applied = await run(tx, folder, migrationDirectories, url)
      await tx.executeRaw({ sql: 'COMMIT', args: [], argTypes: [] })
      return applied
    } finally {
      // The adapter leaves it to its caller to say COMMIT, and this to give the connection back. The pool's end ends the
      // connection, and with it a transaction that was not committed.
      await tx.rollback()
    }
  } finally {
    await pool.end()
  }
}

interface MigrationDirectory {
  path: string
  migrationFile: { path: string; content: { tag: 'ok'; value: string } }
}

async function run(
  tx: Transaction,
  folder: string,
  migrationDirectories: MigrationDirectory[],
  url: string,
): Promise<string[]> {
  let fault: unknown
  const connection: SqlDriverAdapter = {
    provider: tx.provider,
    adapterName: tx.adapterName,
    queryRaw: (query) => tx.queryRaw(query),
    executeRaw: (query) => tx.executeRaw(query),
    // The adapter's own would cut the script at every semicolon, those of comments and function bodies too.
    executeScript: async (script) => {
      try {
        await tx.executeRaw({ sql: script, args: [], argTypes: [] })
      } catch (error) {
        fault ??= error
        throw error
      }
    },
    startTransaction: () => Promise.reject(new Error('the migrations run in one transaction already')),
    dispose: () => Promise.resolve(),
  }
  const engine = await engineModule.SchemaEngine.new(
    { datamodels: undefined },
    () => {},
    bindMigrationAwareSqlAdapterFactory({
      provider: tx.provider,
      adapterName: tx.adapterName,
      connect: () => Promise.resolve(connection),
      connectToShadowDb: () => Promise.reject(new Error('applying migrations needs no shadow database')),
    }),
  )
  try {
    const { appliedMigrationNames } = await engine.applyMigrations({
      migrationsList: {
        baseDir: folder,
        lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
        shadowDbInitScript: '',
        migrationDirectories,
      },
      filters: { externalTables: [], externalEnums: [] },
    })
    return appliedMigrationNames
  } catch (error) {
    throw new StartupError(
      `the database ${describeDatabase(url)} could not be migrated, and nothing in it was changed ` +
        `(${explain(fault ?? error)}): mend that, or set MIGRATION_DATABASE_URL to the user who owns the database and ` +
        'may create roles',
      { cause: error },
    )
  } finally {
    engine.free()
  }
}

/** PostgreSQL's own words, which the adapter keeps in the cause of its error; the engine's words are two lines. */
function explain(error: unknown): string {
  const { message, cause } = error as { message?: unknown; cause?: { originalMessage?: unknown } }
  return String(cause?.originalMessage ?? message)
    .split('\n')
    .slice(0, 2)
    .join(' ')
}

// TypeScript keeps WebAssembly's types with the browser's, which this service does without.
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: Record<string, object>): Promise<{ instance: { exports: EngineExports } }>
}
interface EngineExports {
  __wbindgen_start(): void
}

/** Once per process, for the module keeps its instance in a variable of its own. */
let instantiated: Promise<void> | undefined

/** By hand, because the package's own entry imports the .wasm file, for which Node prints a warning. */
async function instantiate(): Promise<void> {
  const file = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm')
    .replace(/schema_engine\.js$/, 'schema_engine_bg.wasm')
  const imports = Object.entries(engineModule).map(([name, value]) => [
    name,
    name.startsWith('__wbg_setTimeout_') ? setTimeoutInBackground : value,
  ])
  const { instance } = await WebAssembly.instantiate(await readFile(file), {
    './schema_engine_bg.js': Object.fromEntries(imports),
  })
  engineModule.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
}

/** The engine leaves a timer of 10 s behind, for which a command that is done would have to wait. */
function setTimeoutInBackground(callback: () => void, milliseconds: number): NodeJS.Timeout {
  return setTimeout(callback, milliseconds >>> 0).unref()
}
