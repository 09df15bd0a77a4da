import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { type Pack, pack } from 'tar-stream'
import { StartupError } from '../../startup-error.ts'
import { describeDatabase, explainConnectionProblem } from '../connection-problem.ts'
import { turnLock } from '../migrations.ts'
import { connectAsOwner } from '../owner-connection.ts'
import {
  type BackupHeader,
  type BackupManifest,
  backupFormat,
  digestTable,
  entryNames,
  hashText,
  partBytes,
  type TableDigest,
} from './format.ts'
import { copyOut, migrationsTable, prepareSession, readTables, type Table } from './tables.ts'

export interface Backup {
  header: BackupHeader
  manifest: BackupManifest
}

/**
 * Writes every row of the database to `out`, all of one moment, while the service goes on. `url` is the address of the
 * tables' owner. What `before` writes is in the backup. Throws StartupError.
 */
export async function writeBackup(
  url: string,
  serviceVersion: string,
  out: Writable,
  before?: (client: pg.Client) => Promise<void>,
): Promise<Backup> {
  const client = await connectAsOwner(url)
  try {
    await prepareSession(client)
    // No migration meanwhile: the snapshot keeps rows as they were, but not the shape of a table.
    await client.query('SELECT pg_advisory_lock_shared($1)', [turnLock])
    await before?.(client)
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    const tar = pack()
    const [backup] = await Promise.all([
      writeEntries(client, url, serviceVersion, tar).catch((error: Error) => {
        tar.destroy(error)
        throw error
      }),
      pipeline(tar as AsyncIterable<Uint8Array>, createGzip(), out),
    ])
    return backup
  } catch (error) {
    const isOurs = error instanceof StartupError || (error as { syscall?: unknown }).syscall === 'write'
    throw isOurs ? error : explainConnectionProblem(url, error)
  } finally {
    await client.end().catch(() => {})
  }
}

async function writeEntries(client: pg.Client, url: string, serviceVersion: string, tar: Pack): Promise<Backup> {
  const tables = await readTables(client)
  refuseForeignTables(tables, url)
  const header = await readHeader(client, url, serviceVersion, tables)
  const headerText = toText(header)
  const at = new Date(header.at)
  const add = async (name: string, data: Uint8Array): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const sink = tar.entry({ name, size: data.length, mtime: at, mode: 0o600 }, (error) =>
      error ? reject(error) : resolve(),
    )
    sink.on('error', reject)
    sink.end(data)
    await promise
  }
  await add(entryNames.header, Buffer.from(headerText))

  const clinics = tables.some(({ isBound }) => isBound) ? await readClinics(client) : []
  const digests: TableDigest[] = []
  for (const table of tables) digests.push(await addTable(client, table, table.isBound ? clinics : [null], add))

  const manifest: BackupManifest = {
    header: hashText(headerText),
    tables: digests,
    // Last, because a sequence is of no moment: it may be ahead of the rows, never behind.
    sequences: await readSequences(client),
    auditHeads: await readAuditHeads(client, tables, clinics),
  }
  const manifestText = toText(manifest)
  await add(entryNames.manifest, Buffer.from(manifestText))
  await add(entryNames.seal, Buffer.from(`${hashText(manifestText)}  ${entryNames.manifest}\n`))
  tar.finalize()
  await client.query('COMMIT')
  return { header, manifest }
}

/** Whoever does not own a table may not see all its rows, and would not be told. */
function refuseForeignTables(tables: readonly Table[], url: string): void {
  const foreign = tables.find(({ isOwned }) => !isOwned)
  if (foreign) {
    throw new StartupError(
      `the table ${foreign.name} in the database ${describeDatabase(url)} belongs to another user: set ` +
        'MIGRATION_DATABASE_URL to the owner of the tables',
    )
  }
  const hidden = tables.find(({ isBound, columns }) => isBound && !columns.includes('clinic_id'))
  if (hidden) {
    throw new StartupError(
      `row-level security hides rows of the table ${hidden.name} in the database ${describeDatabase(url)}: set ` +
        'MIGRATION_DATABASE_URL to a user whom it does not bind',
    )
  }
}

async function readHeader(
  client: pg.Client,
  url: string,
  serviceVersion: string,
  tables: readonly Table[],
): Promise<BackupHeader> {
  const { rows: present } = await client.query(
    `SELECT to_regclass('public.${migrationsTable}') IS NOT NULL AS is_there`,
  )
  if (present[0]?.is_there !== true) {
    throw new StartupError(`the database ${describeDatabase(url)} has no tables of this service: correct DATABASE_URL`)
  }
  const { rows: migrations } = await client.query<BackupHeader['migrations'][number]>(
    `SELECT migration_name AS name, checksum FROM ${migrationsTable}
     WHERE rolled_back_at IS NULL AND finished_at IS NOT NULL ORDER BY started_at, migration_name`,
  )
  const { rows } = await client.query<{ at: Date; version: string }>(
    "SELECT transaction_timestamp() AS at, current_setting('server_version') AS version",
  )
  return {
    format: backupFormat,
    service: serviceVersion,
    postgres: rows[0]?.version ?? '',
    at: (rows[0]?.at ?? new Date()).toISOString(),
    migrations,
    tables: tables.map(({ name, columns }) => ({ name, columns })),
  }
}

async function readClinics(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>('SELECT clinic_id AS id FROM clinic ORDER BY clinic_id')
  return rows.map(({ id }) => id)
}

/** Clinic by clinic where row-level security binds the owner too; `clinic_id` begins every key, so the order is the same. */
async function addTable(
  client: pg.Client,
  table: Table,
  clinics: readonly (string | null)[],
  add: (name: string, data: Uint8Array) => Promise<void>,
): Promise<TableDigest> {
  const digest = digestTable(table.name)
  let number = 0
  let waiting: Uint8Array[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    if (bytes === 0) return
    number++
    await add(entryNames.part(table.name, number), Buffer.concat(waiting))
    waiting = []
    bytes = 0
  }
  for (const clinicId of clinics) {
    if (clinicId !== null) await client.query("SELECT set_config('app.clinic_id', $1, true)", [clinicId])
    for await (const chunk of client.query(copyTo(copyOut(table, clinicId)))) {
      digest.add(chunk)
      waiting.push(chunk)
      bytes += chunk.length
      if (bytes >= partBytes) await flush()
    }
  }
  await flush()
  return digest.end()
}

async function readSequences(client: pg.Client): Promise<BackupManifest['sequences']> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class
     WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace ORDER BY relname COLLATE "C"`,
  )
  const sequences: BackupManifest['sequences'] = []
  for (const { name } of rows) {
    const { rows: values } = await client.query<{ value: string; isCalled: boolean }>(
      `SELECT last_value::text AS value, is_called AS "isCalled" FROM public.${pg.escapeIdentifier(name)}`,
    )
    for (const value of values) sequences.push({ name, ...value })
  }
  return sequences
}

async function readAuditHeads(
  client: pg.Client,
  tables: readonly Table[],
  clinics: readonly string[],
): Promise<BackupManifest['auditHeads']> {
  const heads = tables.find(({ name }) => name === 'audit_head')
  if (heads === undefined) return null
  const found: Record<string, unknown>[] = []
  for (const clinicId of heads.isBound ? clinics : [null]) {
    if (clinicId !== null) await client.query("SELECT set_config('app.clinic_id', $1, true)", [clinicId])
    const { rows } = await client.query(`SELECT to_jsonb(h) AS head FROM audit_head h ORDER BY ${heads.order}`)
    found.push(...rows.map(({ head }) => head))
  }
  return found
}

function toText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
