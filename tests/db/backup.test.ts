import { createHash, randomUUID } from 'node:crypto'
import { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import pg from 'pg'
import { extract, pack } from 'tar-stream'
import { putOnRecord } from '../../src/commands/on-record.ts'
import { type RestoreOptions, restoreBackup } from '../../src/db/backup/restore.ts'
import { writeBackup } from '../../src/db/backup/write.ts'
import { migrationsFolder, readMigrationNames } from '../../src/db/migrations.ts'
import { applyMigrations } from '../../src/db/schema-engine.ts'
import { verifyRestoredChains } from '../../src/features/audit/restored.ts'
import { accepted, openEpisode, publishProtocol } from '../features/library-clinic.ts'
import { startClinic } from '../features/support.ts'
import { wardProtocol } from '../features/ward.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/test-database.ts'

const clinic = await startClinic({ now: '2026-11-20T15:00:00Z' })
const url = String(clinic.db.pool.options.connectionString).replace(/\?.*$/, '')
const opened: TestDatabase[] = []

afterAll(async () => {
  for (const database of opened) await database.close()
})

async function opens(creating: Promise<TestDatabase>): Promise<string> {
  const database = await creating
  opened.push(database)
  return database.url
}

/** Without a table. */
const emptyDatabase = (): Promise<string> => opens(createEmptyDatabase())

/** With this version's tables, without a row. */
const migratedDatabase = (): Promise<string> => opens(createTestDatabase())

async function connected<Result>(address: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: address })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function query(address: string, sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  return connected(address, async (client) => (await client.query(sql, values)).rows)
}

/** Everything a database holds and is: each table's rows, and what protects them. */
function contents(address: string): Promise<Record<string, unknown>> {
  return connected(address, async (client) => {
    const { rows: tables } = await client.query(
      `SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
       AND c.relname <> '_prisma_migrations' ORDER BY 1`,
    )
    const found: Record<string, unknown> = {}
    for (const { name } of tables) {
      const { rows } = await client.query(`SELECT t::text AS row FROM public."${name}" t ORDER BY t::text COLLATE "C"`)
      const hash = createHash('sha256')
      for (const { row } of rows) hash.update(`${row}\n`)
      found[String(name)] = [rows.length, hash.digest('hex')]
    }
    const { rows: protection } = await client.query(
      `SELECT (SELECT json_agg(x ORDER BY x::text) FROM (SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
           WHERE NOT tgisinternal) x) AS triggers,
         (SELECT json_agg(x ORDER BY x::text) FROM (SELECT conrelid::regclass, conname, pg_get_constraintdef(oid)
           FROM pg_constraint WHERE connamespace = 'public'::regnamespace) x) AS constraints,
         (SELECT json_agg(x ORDER BY x::text) FROM (SELECT relname, relrowsecurity, relforcerowsecurity, relacl
           FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r') x) AS rights`,
    )
    return { ...found, ...protection[0] }
  })
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

/** Of all that the clinics have, once the first test has let one write. */
let shared: Promise<Buffer> | undefined

function wholeBackup(): Promise<Buffer> {
  shared ??= backUp()
  return shared
}

function restore(address: string, backup: Buffer, options: Partial<RestoreOptions> = {}) {
  const open = (): Readable => Readable.from(cut(backup))
  return restoreBackup({ url: address, open, isReadableTwice: true, verify: verifyRestoredChains, ...options })
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

/** A table that no list could know of, with what is easily lost on the way. */
const oddTable = `CREATE TABLE odd_value (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, serial serial, text text, bytes bytea, json json, jsonb jsonb,
  moment timestamptz, day date, spell interval, exact numeric, real float8, words text[], nested int[][],
  twice bigint GENERATED ALWAYS AS (id * 2) STORED, next bigint REFERENCES odd_value)`

/** A database with the schema and the odd table, without a row. */
async function schemaOnly(): Promise<string> {
  const target = await migratedDatabase()
  await query(target, oddTable)
  return target
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
  const procedures = ['ankle-fixation']
  for (const client of [clinic, await clinic.addClinic()]) {
    accepted(await client.post('/attributes', { code: 'impact', title: 'Impact' }))
    accepted(await client.post('/procedures', { code: procedures[0], name: 'Fixation', bodyRegion: 'ankle' }))
    await publishProtocol(client, wardProtocol('ward', { procedures }))
    await publishProtocol(client, wardProtocol('ward', { procedures, minutes: 20 }))
    const [id] = [
      await openEpisode(client, { procedures, protocols: [{ code: 'ward', version: 2 }], surgeryDate: '2026-10-01' }),
      await openEpisode(client, { procedures, protocols: [{ code: 'ward', version: 2 }], surgeryDate: '2026-10-02' }),
    ]
    for (const [index, text] of odd.entries()) {
      accepted(
        await client.post(`/episodes/${id}/holds`, {
          from: '2026-10-05',
          until: '2026-10-06',
          reason: `${index}${text}.`,
        }),
      )
    }
    accepted(await client.post('/protocols', wardProtocol('in-work', { procedures })))
    accepted(await client.post('/api-keys', { name: 'Reader', role: 'reader' }))
  }
  await query(
    url,
    `${oddTable};
     INSERT INTO odd_value (text, bytes, json, jsonb, moment, day, spell, exact, real, words, nested, next) VALUES
       (E'a\\nb\\\\', '\\x00ff0a5c', '{"b": 1,  "a": [null]}', '{"b": 1, "a": "\\\\n"}', '2026-10-25 01:30:00.123456+01',
         '0044-03-15 BC', '1 mon -3 days 04:05:06.7', 1e40, 0.1::float8 + 0.2, ARRAY[NULL, '', 'NULL', 'a,b"{}'], '{{1,2},{3,NULL}}', 3),
       (NULL, NULL, 'null', 'null', 'infinity', '-infinity', NULL, 'NaN', '-Infinity', '{}', NULL, 1),
       ('', '', '""', '""', NULL, NULL, '0', 0.10, 5e-324, NULL, '{}', NULL)`,
  )
  const character = fc.integer({ min: 1, max: 0x10ffff }).map((point) => String.fromCodePoint(point))
  const texts = fc.sample(fc.string({ unit: character, maxLength: 40 }), { numRuns: 300, seed: 5 })
  const storable = texts.map((text) => text.toWellFormed())
  await query(
    url,
    `INSERT INTO odd_value (text, bytes, jsonb, words)
     SELECT t, convert_to(t, 'UTF8'), jsonb_build_object(t, t, 'b', ARRAY[t]), ARRAY[t, NULL, t] FROM unnest($1::text[]) t`,
    [storable],
  )
})

describe('a backup', () => {
  test('is of one moment, while the service writes, and restored as it was', async () => {
    const before = await contents(url)
    const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>()
    const chunks: Buffer[] = []
    const slow = new Writable({
      async write(chunk, _, done) {
        if (chunks.push(chunk) === 1) await mayGoOn
        done()
      },
    })
    const writing = writeBackup(url, '0.1.0', slow)
    while (chunks.length === 0) await delay(5)
    accepted(await clinic.post('/patients', { externalId: 'too-late' }))
    goOn()
    await writing

    const target = await schemaOnly()
    const { migrated, manifest, complaints } = await restore(target, Buffer.concat(chunks))
    expect({ migrated, complaints }).toEqual({ migrated: [], complaints: [] })
    expect(manifest.auditHeads).toHaveLength(2)
    expect(manifest.sequences.map(({ name }) => name)).toEqual(['odd_value_id_seq', 'odd_value_serial_seq'])
    expect(await contents(target)).toEqual(before)
    const [next] = await query(target, 'INSERT INTO odd_value DEFAULT VALUES RETURNING id::int, serial')
    expect(next).toEqual({ id: 304, serial: 304 })
  })

  test('is the same from and for an owner whom row-level security binds', async () => {
    const role = `owner_${randomUUID().replaceAll('-', '')}`
    const address = await emptyDatabase()
    const target = new URL(address)
    await query(
      url,
      `CREATE ROLE ${role} LOGIN CREATEROLE PASSWORD 'owner'; GRANT rehab_service TO ${role} WITH ADMIN OPTION`,
    )
    try {
      await query(url, `ALTER DATABASE ${target.pathname.slice(1)} OWNER TO ${role}`)
      target.username = role
      target.password = 'owner'
      await applyMigrations(target.href, migrationsFolder, await readMigrationNames())
      await query(target.href, oddTable)
      const { manifest } = await restore(target.href, await wholeBackup())
      const chunks = await backUp(target.href)
      const again = await schemaOnly()
      expect((await restore(again, chunks)).manifest.tables).toEqual(manifest.tables)
      expect(await contents(again)).toEqual(await contents(url))
    } finally {
      await query(address, `REASSIGN OWNED BY ${role} TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })

  test('is followed by a row that tells of the restore; a record that was altered is told of, and restored', async () => {
    const forged = await schemaOnly()
    const { header, manifest } = await restore(forged, await wholeBackup(), {
      record: (client, { at }) => putOnRecord(client, 'restore', [`backup=${at}`]),
    })
    const rows = await query(
      forged,
      `SELECT e.seq::int, operation, actor_kind, target FROM audit_event e JOIN audit_head h USING (clinic_id, seq)
       ORDER BY clinic_id`,
    )
    expect(rows).toEqual(
      manifest.auditHeads?.map(({ seq }) => ({
        seq: Number(seq) + 1,
        operation: 'restore',
        actor_kind: 'operator',
        target: [`backup=${header.at}`],
      })),
    )
    expect(await connected(forged, (client) => verifyRestoredChains(client, manifest))).toEqual([])
    await query(
      forged,
      `ALTER TABLE audit_event DISABLE TRIGGER USER;
       UPDATE audit_event SET operation = 'getHealth' WHERE (clinic_id, seq) = (SELECT min(clinic_id::text)::uuid, 2
         FROM audit_head WHERE seq > 2);
       ALTER TABLE audit_event ENABLE TRIGGER USER`,
    )
    const target = await schemaOnly()
    const { complaints } = await restore(target, await backUp(forged))
    expect(complaints).toEqual([expect.stringContaining('row 2 is not as it was written')])
    expect(await contents(target)).toEqual(await contents(forged))
  })

  test('of an older version is migrated', async () => {
    const names = await readMigrationNames()
    const older = await emptyDatabase()
    await applyMigrations(older, migrationsFolder, names.slice(0, 2))
    await query(
      older,
      `INSERT INTO clinic (clinic_id, name, time_zone, revision, created_at)
         VALUES ('01a1f000-0000-7000-8000-00000000c11c', 'Old clinic', 'UTC', 1, '2026-01-01');
       INSERT INTO patient (clinic_id, id, external_id, revision, created_at)
         SELECT clinic_id, clinic_id, 'old patient', 1, created_at FROM clinic`,
    )
    const target = await emptyDatabase()
    const { migrated, header } = await restore(target, await backUp(older), {
      record: (client) => putOnRecord(client, 'restore'),
    })
    expect(header.migrations).toHaveLength(2)
    expect(migrated).toEqual(names.slice(2))
    expect(await query(target, 'SELECT external_id FROM patient')).toEqual([{ external_id: 'old patient' }])
    expect(await query(target, 'SELECT operation FROM audit_event')).toEqual([{ operation: 'restore' }])
    const { rights, triggers, constraints } = await contents(await migratedDatabase())
    expect(await contents(target)).toMatchObject({ rights, triggers, constraints })
  })
})

describe('a restore refuses', () => {
  test('what is cut off or altered, and leaves no row; then it takes the whole', async () => {
    const target = await schemaOnly()
    const backup = await wholeBackup()
    const broken: Record<string, Buffer> = {
      empty: Buffer.alloc(0),
      another: Buffer.from('no backup at all, but text'),
    }
    for (const part of [0.001, 0.5, 0.999]) {
      broken[`cut at ${part}`] = backup.subarray(0, backup.length * part)
    }
    broken['cut where a file ends'] = gzipSync(gunzipSync(backup).subarray(0, 512 * 40))
    broken['one bit'] = Buffer.from(backup)
    broken['one bit'][backup.length >> 1] = (backup[backup.length >> 1] ?? 0) ^ 4
    const forgeries: [string, (name: string, data: Buffer) => Buffer | null][] = [
      ['a patient', (name, data) => (name.includes('/patient/') ? swap(data, 'mrn-1', 'mrn-9') : data)],
      ['a row less', (name, data) => (name.includes('/clinic/') ? data.subarray(data.indexOf('\n') + 1) : data)],
      ['a table less', (name, data) => (name.includes('/record_entry/') ? null : data)],
      ['the count', (name, data) => (name === 'manifest.json' ? swap(data, '"rows": 3', '"rows": 4') : data)],
      ['the end', (name, data) => (name === 'manifest.sha256' ? null : data)],
      ['the beginning', (name, data) => (name === 'backup.json' ? swap(data, '0.1.0', '0.1.1') : data)],
    ]
    for (const [what, change] of forgeries) broken[what] = await altered(backup, change)
    broken['a value that is none'] = await altered(backup, (name, data) =>
      name.includes('/patient/') ? Buffer.concat([Buffer.from('x'), data]) : data,
    )
    for (const [what, bytes] of Object.entries(broken)) {
      for (const isReadableTwice of [true, false]) {
        const message = await refusal(restore(target, bytes, { isReadableTwice }))
        expect([what, message]).toEqual([what, expect.stringContaining('the backup is cut off or was altered')])
      }
    }
    expect(await query(target, 'SELECT 1 FROM clinic UNION ALL SELECT 1 FROM patient')).toEqual([])
    await restore(target, backup, { isReadableTwice: false })
    expect(await contents(target)).toEqual(await contents(url))
  })

  test('a backup of a newer version, of another make and of another format', async () => {
    const target = await emptyDatabase()
    const backup = await wholeBackup()
    const head = (change: (header: { format: number; migrations: object[] }) => void) =>
      altered(backup, (name, data) => {
        if (name !== 'backup.json') return data
        const header = JSON.parse(data.toString())
        change(header)
        return Buffer.from(JSON.stringify(header))
      })
    const newer = await head(({ migrations }) => migrations.push({ name: '29991231000000_later', checksum: '' }))
    expect(await refusal(restore(target, newer))).toMatch(
      /made by version 0\.1\.0 .* has the migration 29991231000000_later, .*: restore it with that version or a newer one/,
    )
    const other = await head(({ migrations }) => Object.assign(migrations[0] ?? {}, { checksum: 'another' }))
    expect(await refusal(restore(target, other))).toContain('was made with another 20261120000000_foundation')
    const format = await head((header) => Object.assign(header, { format: 2 }))
    expect(await refusal(restore(target, format))).toContain('has the format 2')
    expect(await contents(target)).toMatchObject({ triggers: null })
  })

  test('a database that is not empty', async () => {
    const before = await contents(url)
    for (const isReadableTwice of [true, false]) {
      expect(await refusal(restore(url, await wholeBackup(), { isReadableTwice }))).toMatch(
        /has rows already .*, and nothing in it was changed: restore into an empty database/,
      )
    }
    expect(await contents(url)).toEqual(before)
    const older = await emptyDatabase()
    await applyMigrations(older, migrationsFolder, (await readMigrationNames()).slice(0, 3))
    expect(await refusal(restore(older, await wholeBackup()))).toContain(
      'has tables of another version than the backup',
    )
    expect(await refusal(restore(await migratedDatabase(), await wholeBackup()))).toContain(
      'the backup has a table odd_value',
    )
  })
})

describe('a backup is refused', () => {
  test('to a user who does not own the tables, and where there is nothing of the service', async () => {
    const role = `guest_${randomUUID().replaceAll('-', '')}`
    await query(url, `CREATE ROLE ${role} LOGIN PASSWORD 'guest' IN ROLE rehab_service`)
    try {
      const guest = new URL(url)
      guest.username = role
      guest.password = 'guest'
      expect(await refusal(backUp(guest.href))).toContain('belongs to another user: set MIGRATION_DATABASE_URL')
    } finally {
      await query(url, `DROP ROLE ${role}`)
    }
    expect(await refusal(backUp(await emptyDatabase()))).toContain('has no tables of this service')
  })
})

function swap(data: Buffer, from: string, to: string): Buffer {
  expect(data.toString('latin1')).toContain(from)
  return Buffer.from(data.toString('latin1').replace(from, to), 'latin1')
}
