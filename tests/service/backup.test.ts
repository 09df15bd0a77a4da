import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { extract, pack } from 'tar-stream'
import { restoreBackup } from '../../src/db/backup/restore.ts'
import { writeBackup } from '../../src/db/backup/write.ts'
import { migrate, migrationsFolder, readMigrationNames } from '../../src/db/migrations.ts'
import { applyMigrations } from '../../src/db/schema-engine.ts'
import { accepted, openEpisode, publishProtocol, startClinicWithLibrary } from '../features/library-clinic.ts'
import { wardProtocol } from '../features/ward.ts'
import { createEmptyDatabase, type TestDatabase } from '../support/test-database.ts'
import { createTestFolder } from '../support/test-folder.ts'
import { runCommand } from './running-service.ts'

const log = { debug() {}, info() {}, warn() {} }
const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })
const url = String(clinic.db.pool.options.connectionString).replace(/\?.*$/, '')
const folder = await createTestFolder()
const opened: TestDatabase[] = []

afterAll(async () => {
  for (const database of opened) await database.close()
})

async function emptyDatabase(): Promise<string> {
  const database = await createEmptyDatabase()
  opened.push(database)
  return database.url
}

async function query(address: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: address })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Everything a database holds and is: each table's rows, and what protects them. */
async function contents(address: string): Promise<Record<string, unknown>> {
  const tables = await query(
    address,
    `SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
     AND c.relname <> '_prisma_migrations' ORDER BY 1`,
  )
  const found: Record<string, unknown> = {}
  for (const { name } of tables) {
    const rows = await query(address, `SELECT t::text AS row FROM public."${name}" t ORDER BY t::text COLLATE "C"`)
    const hash = createHash('sha256')
    for (const { row } of rows) hash.update(`${row}\n`)
    found[String(name)] = [rows.length, hash.digest('hex')]
  }
  const [protection] = await query(
    address,
    `SELECT (SELECT json_agg(x ORDER BY x::text) FROM (SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
         WHERE NOT tgisinternal) x) AS triggers,
       (SELECT json_agg(x ORDER BY x::text) FROM (SELECT conrelid::regclass, conname, pg_get_constraintdef(oid)
         FROM pg_constraint WHERE connamespace = 'public'::regnamespace) x) AS constraints,
       (SELECT json_agg(x ORDER BY x::text) FROM (SELECT relname, relrowsecurity, relforcerowsecurity, relacl FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r') x) AS rights`,
  )
  return { ...found, ...protection }
}

async function backUp(address = url): Promise<Buffer> {
  const chunks: Buffer[] = []
  const out = new Writable({
    write(chunk, _, done) {
      chunks.push(chunk)
      done()
    },
  })
  await writeBackup(address, '0.1.0', out)
  return Buffer.concat(chunks)
}

function restore(address: string, backup: Buffer, options: { isReadableTwice?: boolean } = {}) {
  const open = (): Readable => Readable.from(cut(backup))
  return restoreBackup({ url: address, open, isReadableTwice: true, ...options })
}

function* cut(buffer: Buffer): Generator<Buffer> {
  for (let at = 0; at < buffer.length; at += 7001) yield buffer.subarray(at, at + 7001)
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({ name: 'StartupError' })
  return (error as Error).message
}

/** The same backup with its files changed, and the checksums that only a careful forger would correct left as they are. */
async function altered(backup: Buffer, change: (name: string, data: Buffer) => Buffer | null): Promise<Buffer> {
  const tar = extract()
  const out = pack()
  tar.end(gunzipSync(backup))
  for await (const entry of tar) {
    const data = change(entry.header.name, Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>)))
    if (data !== null) out.entry({ name: entry.header.name }, data)
  }
  out.finalize()
  return gzipSync(Buffer.concat(await Array.fromAsync(out as AsyncIterable<Buffer>)))
}

const odd = [
  'two\nlines',
  'cr\r\nlf\ttab\\backslash\\n\\.',
  '\\.',
  '\\N',
  '',
  ' trailing ',
  'ﬁn “quotes” ’ 漢字 🦴 \u202e\u0301',
  '"\',;{}',
]

beforeAll(async () => {
  await publishProtocol(clinic, wardProtocol('ward'))
  await publishProtocol(clinic, wardProtocol('ward', { minutes: 20 }))
  const other = await clinic.addLibraryClinic('Pacific/Auckland')
  for (const client of [clinic, other]) {
    const episodes = await Promise.all(
      Array.from({ length: 4 }, () => openEpisode(client, { procedures: ['acdf'], surgeryDate: '2026-10-01' })),
    )
    for (const id of episodes) {
      accepted(await client.post(`/episodes/${id}/milestones`, { code: 'hospital-discharge', on: '2026-10-03' }))
    }
    for (const [index, text] of odd.entries()) {
      accepted(
        await client.post(`/episodes/${episodes[0]}/holds`, {
          from: '2026-10-05',
          until: '2026-10-06',
          reason: `${index}${text}.`,
        }),
      )
    }
    accepted(await client.post('/protocols', wardProtocol('in-work')))
    accepted(await client.post('/api-keys', { name: 'Reader', role: 'reader' }))
  }
  // A table that no list could know of, with what is easily lost on the way.
  await query(
    url,
    `CREATE TABLE odd_value (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, serial serial, text text, bytes bytea, json json, jsonb jsonb,
       moment timestamptz, day date, spell interval, exact numeric, real float8, words text[], nested int[][],
       twice bigint GENERATED ALWAYS AS (id * 2) STORED, next bigint REFERENCES odd_value);
     INSERT INTO odd_value (text, bytes, json, jsonb, moment, day, spell, exact, real, words, nested, next) VALUES
       (E'a\\nb\\\\', '\\x00ff0a5c', '{"b": 1,  "a": [null]}', '{"b": 1, "a": "\\\\n"}', '2026-10-25 01:30:00.123456+01',
         '0044-03-15 BC', '1 mon -3 days 04:05:06.7', 1e40, 0.1::float8 + 0.2, ARRAY[NULL, '', 'NULL', 'a,b"{}'], '{{1,2},{3,NULL}}', 3),
       (NULL, NULL, 'null', 'null', 'infinity', '-infinity', NULL, 'NaN', '-Infinity', '{}', NULL, 1),
       ('', '', '""', '""', NULL, NULL, '0', 0.10, 5e-324, NULL, '{}', NULL)`,
  )
})

describe('a backup', () => {
  test('is restored as it was, while the service writes', async () => {
    const before = await contents(url)
    const slow = Promise.withResolvers<void>()
    const chunks: Buffer[] = []
    const out = new Writable({
      async write(chunk, _, done) {
        if (chunks.push(chunk) === 1) await slow.promise
        done()
      },
    })
    const writing = writeBackup(url, '0.1.0', out)
    while (chunks.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    // After the snapshot: it is in the database and not in the backup.
    accepted(await clinic.post('/patients', { externalId: 'too-late' }))
    slow.resolve()
    const { manifest } = await writing
    expect(manifest.tables.map(({ name }) => name)).toContain('odd_value')

    const target = await emptyDatabase()
    await query(target, 'SELECT 1')
    await applyMigrations(target, migrationsFolder, await readMigrationNames())
    await query(
      target,
      `CREATE TABLE odd_value (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, serial serial, text text, bytes bytea, json json, jsonb jsonb,
       moment timestamptz, day date, spell interval, exact numeric, real float8, words text[], nested int[][],
       twice bigint GENERATED ALWAYS AS (id * 2) STORED, next bigint REFERENCES odd_value)`,
    )
    const restored = await restore(target, Buffer.concat(chunks))
    expect(restored.migrated).toEqual([])
    expect(await contents(target)).toEqual(before)
    expect((await query(target, 'INSERT INTO odd_value DEFAULT VALUES RETURNING id, serial'))[0]).toEqual({
      id: '4',
      serial: 4,
    })
  })
})
