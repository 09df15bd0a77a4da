import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { StartupError } from '../../startup-error.ts'
import { describeDatabase, explainConnectionProblem } from '../connection-problem.ts'
import { migrationsFolder, readMigrationNames, readRows, turnLock } from '../migrations.ts'
import { connectAsOwner } from '../owner-connection.ts'
import { type BackupHeader, type BackupManifest, damaged, digestTable, readBackup, type TableDigest } from './format.ts'
import { copyOut, prepareSession, qualified, readTables, type Table } from './tables.ts'

export interface RestoreOptions {
  /** The address of whoever is to own the tables. */
  url: string
  /** Opens the backup; called twice if it can be, to check it whole before anything is done. */
  open: () => Readable
  isReadableTwice: boolean
  /**
   * Says what is wrong with the rows as they were in the backup. They are restored all the same: what is left is needed,
   * and is the evidence.
   */
  verify?: (client: pg.Client, manifest: BackupManifest) => Promise<string[]>
  /** Puts the restore on record behind the rows of the backup; false if its version had no record yet. */
  record?: (client: pg.Client, header: BackupHeader) => Promise<boolean>
}

export interface Restored {
  header: BackupHeader
  manifest: BackupManifest
  /** The migrations that this version has and the backup had not. */
  migrated: string[]
  complaints: string[]
}

/**
 * Puts a backup into an empty database and migrates it to this version: all of it, or no row. Throws StartupError.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { url, open, isReadableTwice, record } = options
  if (isReadableTwice) await checkBackup(open())
  const client = await connectAsOwner(url)
  try {
    await prepareSession(client)
    // A service that starts meanwhile waits to migrate.
    await client.query('SELECT pg_advisory_lock($1)', [turnLock])
    const names = await readMigrationNames()
    const { isRecorded, ...loaded } = await load(client, options)
    await client.query('ANALYZE')
    const migrated = await applyMigrations(url, names)
    if (!isRecorded) await record?.(client, loaded.header)
    return { ...loaded, migrated }
  } catch (error) {
    throw error instanceof StartupError ? error : explainConnectionProblem(url, error)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Reads a backup to its end, without a database. Throws StartupError unless it is whole and of a version we know. */
export async function checkBackup(source: Readable): Promise<BackupManifest> {
  return readBackup(source, {
    header: refuseUnknownMigrations,
    async table(_, rows) {
      for await (const _ of rows);
    },
  })
}

async function load(
  client: pg.Client,
  { url, open, isReadableTwice, verify, record }: RestoreOptions,
): Promise<Omit<Restored, 'migrated'> & { isRecorded: boolean }> {
  const read: { header?: BackupHeader; tables: Map<string, Table>; constraints: string[]; triggers: string[] } = {
    tables: new Map(),
    constraints: [],
    triggers: [],
  }
  try {
    const manifest = await readBackup(open(), {
      async header(header) {
        await refuseUnknownMigrations(header)
        await prepareSchema(client, url, header)
        await client.query('BEGIN')
        const tables = await readTables(client)
        refuseOtherTables(tables, header, url)
        read.header = header
        read.tables = new Map(tables.map((table) => [table.name, table]))
        Object.assign(read, await liftProtection(client, tables))
        await refuseRows(client, tables, url)
      },
      async table({ name, columns }, rows) {
        const list = columns.map(pg.escapeIdentifier).join(', ')
        const copy = client.query(copyFrom(`COPY ${qualified(name)} (${list}) FROM STDIN`))
        await pipeline(rows, copy).catch((error) => {
          throw explainRefusedRows(error, name, isReadableTwice)
        })
      },
    })
    const { header } = read
    if (header === undefined) throw damaged('it has no beginning')
    for (const { name, value, isCalled } of manifest.sequences) {
      await client.query('SELECT setval($1::regclass, $2::bigint, $3)', [qualified(name), value, isCalled])
    }
    await compare(client, header, manifest, read.tables)
    // As long as row-level security does not hide the rows from their owner.
    const complaints = (await verify?.(client, manifest)) ?? []
    await runAll(client, [...read.constraints, ...read.triggers])
    const isRecorded = (await record?.(client, header)) ?? false
    await client.query('COMMIT')
    return { header, manifest, complaints, isRecorded }
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/** Values and rows that a table does not take: of a whole backup they are another PostgreSQL's. */
function explainRefusedRows(error: unknown, table: string, isWhole: boolean): unknown {
  const { code } = error as { code?: unknown }
  if (typeof code !== 'string' || !/^2[23]...$/.test(code)) return error
  return isWhole ? storesOtherwise(table) : damaged(`the table ${table} does not take its rows`)
}

function storesOtherwise(table: string): StartupError {
  return new StartupError(
    `the table ${table} reads otherwise than in the backup, so that nothing was restored: this PostgreSQL stores ` +
      'something in another way; restore into the version that the backup names',
  )
}

/** A backup of a newer version has migrations that this one lacks. */
async function refuseUnknownMigrations({ migrations, service }: BackupHeader): Promise<void> {
  const names = await readMigrationNames()
  const unknown = migrations.find(({ name }) => !names.includes(name))
  if (unknown) {
    throw new StartupError(
      `the backup was made by version ${service} of the service and has the migration ${unknown.name}, which this ` +
        'version does not know: restore it with that version or a newer one',
    )
  }
  for (const [index, { name, checksum }] of migrations.entries()) {
    const text = await readFile(join(migrationsFolder, name, 'migration.sql'))
    if (name === names[index] && checksum === createHash('sha256').update(text).digest('hex')) continue
    throw new StartupError(
      `the backup was made with another ${names[index]} than this version has: restore it with version ${service}`,
    )
  }
}

/** The schema that the backup's rows had, in an empty database; one that a broken-off restore has left is taken. */
async function prepareSchema(client: pg.Client, url: string, { migrations }: BackupHeader): Promise<void> {
  const names = migrations.map(({ name }) => name)
  const present = (await readRows(client)).map((row) => row.migration_name)
  if (present.length === 0) {
    await applyMigrations(url, names)
    return
  }
  if (present.length !== names.length || present.some((name) => !names.includes(name))) {
    throw new StartupError(
      `the database ${describeDatabase(url)} has tables of another version than the backup: ${emptyOne}`,
    )
  }
}

const emptyOne =
  'restore into an empty database (another DATA_DIR, or a new database in DATABASE_URL), and point the service at it'

async function applyMigrations(url: string, names: readonly string[]): Promise<string[]> {
  const engine = await import('../schema-engine.ts')
  return engine.applyMigrations(url, migrationsFolder, names)
}

function refuseOtherTables(tables: readonly Table[], header: BackupHeader, url: string): void {
  const signature = ({ name, columns }: BackupHeader['tables'][number]): string =>
    JSON.stringify([name, [...columns].sort()])
  const present = new Set(tables.map(signature))
  const missing = header.tables.find((table) => !present.has(signature(table)))
  if (missing) {
    throw new StartupError(
      `the backup has a table ${missing.name} (${missing.columns.join(', ')}) that the service’s migrations do not ` +
        `make: make it in the database ${describeDatabase(url)}, without rows, and restore again`,
    )
  }
  const foreign = tables.find(({ isOwned }) => !isOwned)
  if (foreign) {
    throw new StartupError(
      `the table ${foreign.name} in the database ${describeDatabase(url)} belongs to another user: set ` +
        'MIGRATION_DATABASE_URL to the owner of the tables',
    )
  }
}

/**
 * Takes off what refuses rows in the wrong order or from the wrong hands, as an owner may, and returns the statements
 * that put it back. It is all in the transaction of the restore: nobody else ever sees the tables without protection.
 */
async function liftProtection(
  client: pg.Client,
  tables: readonly Table[],
): Promise<{ constraints: string[]; triggers: string[] }> {
  const { rows: keys } = await client.query<{ table: string; name: string; definition: string }>(
    `SELECT t.relname::text AS table, k.conname::text AS name, pg_get_constraintdef(k.oid) AS definition
     FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
     WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND k.conparentid = 0
     ORDER BY t.relname, k.conname`,
  )
  const { rows: triggers } = await client.query<{ table: string; name: string; state: keyof typeof enabling }>(
    `SELECT t.relname::text AS table, g.tgname::text AS name, g.tgenabled AS state
     FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
     WHERE NOT g.tgisinternal AND t.relnamespace = 'public'::regnamespace AND g.tgenabled <> 'D'
     ORDER BY t.relname, g.tgname`,
  )
  const { rows: forced } = await client.query<{ table: string }>(
    `SELECT relname::text AS table FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relforcerowsecurity`,
  )
  const known = new Set(tables.map(({ name }) => name))
  const ours = <Row extends { table: string }>(rows: readonly Row[]): Row[] =>
    rows.filter(({ table }) => known.has(table))
  const alter = (table: string, what: string): string => `ALTER TABLE ${qualified(table)} ${what}`

  await runAll(client, [
    ...ours(forced).map(({ table }) => alter(table, 'NO FORCE ROW LEVEL SECURITY')),
    ...ours(triggers).map(({ table }) => alter(table, 'DISABLE TRIGGER USER')),
    ...ours(keys).map(({ table, name }) => alter(table, `DROP CONSTRAINT ${pg.escapeIdentifier(name)}`)),
  ])
  return {
    constraints: ours(keys).map(({ table, name, definition }) =>
      alter(table, `ADD CONSTRAINT ${pg.escapeIdentifier(name)} ${definition}`),
    ),
    triggers: [
      ...ours(triggers).map(({ table, name, state }) =>
        alter(table, `${enabling[state]} TRIGGER ${pg.escapeIdentifier(name)}`),
      ),
      ...ours(forced).map(({ table }) => alter(table, 'FORCE ROW LEVEL SECURITY')),
    ],
  }
}

/** In one round trip. */
async function runAll(client: pg.Client, statements: readonly string[]): Promise<void> {
  await client.query(statements.join(';\n'))
}

/** By pg_trigger.tgenabled. */
const enabling = { O: 'ENABLE', R: 'ENABLE REPLICA', A: 'ENABLE ALWAYS' } as const

/** Only where row-level security is off and nobody else can write. */
async function refuseRows(client: pg.Client, tables: readonly Table[], url: string): Promise<void> {
  for (const { name } of tables) {
    const { rows } = await client.query<{ full: boolean }>(`SELECT EXISTS (SELECT FROM ${qualified(name)}) AS full`)
    if (rows[0]?.full !== true) continue
    throw new StartupError(
      `the database ${describeDatabase(url)} has rows already (in the table ${name}), and nothing in it was changed: ` +
        emptyOne,
    )
  }
}

/** What the database has now is what the backup says, byte for byte. */
async function compare(
  client: pg.Client,
  header: BackupHeader,
  manifest: BackupManifest,
  tables: ReadonlyMap<string, Table>,
): Promise<void> {
  for (const [index, { name, columns }] of header.tables.entries()) {
    const table = tables.get(name)
    const told = manifest.tables[index]
    if (table === undefined || told === undefined) throw damaged(`its manifest lacks the table ${name}`)
    const found = await digestOf(client, { ...table, columns })
    if (found.rows === told.rows && found.sha256 === told.sha256) continue
    throw storesOtherwise(name)
  }
}

async function digestOf(client: pg.Client, table: Table): Promise<TableDigest> {
  const digest = digestTable(table.name)
  for await (const chunk of client.query(copyTo(copyOut(table, null)))) digest.add(chunk)
  return digest.end()
}
