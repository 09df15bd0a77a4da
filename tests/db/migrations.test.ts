import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { openDatabase } from '../../src/db/client.ts'
import { migrate, pendingMigrations, turnLock } from '../../src/db/migrations.ts'
import { applyMigrations } from '../../src/db/schema-engine.ts'
import { hashDocument } from '../../src/features/protocols/canonical.ts'
import { readVersion } from '../../src/features/protocols/repository.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { StartupError } from '../../src/startup-error.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/test-database.ts'
import { createTestFolder } from '../support/test-folder.ts'

const log = { debug() {}, info() {}, warn() {} }
const opened: TestDatabase[] = []

async function open(make: () => Promise<TestDatabase>): Promise<string> {
  const database = await make()
  opened.push(database)
  return database.url
}

afterAll(async () => {
  for (const database of opened) await database.close()
})

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function refusal(url: string): Promise<string> {
  const error = await migrate({ url, log }).then(
    () => new Error('it migrated'),
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(StartupError)
  const { message } = error as StartupError
  expect(message).not.toContain('\n')
  return message
}

describe('migrate', () => {
  test('brings a new database up to date, and a second time does nothing', async () => {
    const url = await open(createEmptyDatabase)
    const applied = await migrate({ url, log })
    expect(applied.length).toBeGreaterThan(0)
    const rows = await query(url, 'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL')
    expect(rows.map((row) => row.migration_name)).toEqual(applied)
    expect(await migrate({ url, log })).toEqual([])
  })

  test('replicas that start together take turns', async () => {
    const url = await open(createEmptyDatabase)
    const results = await Promise.all([1, 2, 3].map(() => migrate({ url, log })))
    expect(results.map((names) => names.length > 0).sort()).toEqual([false, false, true])
    expect(await query(url, 'SELECT migration_name FROM _prisma_migrations')).toHaveLength(results.flat().length)
  })

  test('waits for the turn of another, however long that lasts', async () => {
    const url = await open(createEmptyDatabase)
    const other = new pg.Client({ connectionString: url })
    await other.connect()
    await other.query(`SELECT pg_advisory_lock(${turnLock})`)
    let isDone = false
    const migration = migrate({ url, log }).finally(() => {
      isDone = true
    })
    await delay(300)
    expect(isDone).toBe(false)
    await other.end()
    expect((await migration).length).toBeGreaterThan(0)
  })

  test('says where no server answers, and never the password', async () => {
    const message = await refusal('postgresql://service:hunter2hunter2@127.0.0.1:1/clinic')
    expect(message).toMatch(/no database server answers at 127\.0\.0\.1:1\/clinic .*DATABASE_URL/)
    expect(message).not.toContain('hunter2')
  })

  test('says which user is not let in, and never the password', async () => {
    const url = new URL(await open(createEmptyDatabase))
    url.password = 'hunter2hunter2'
    const message = await refusal(url.href)
    expect(message).toContain(`${url.host}${url.pathname} does not let the user "postgres" in`)
    expect(message).not.toContain('hunter2')
  })

  test('says which database does not exist', async () => {
    const url = new URL(await open(createEmptyDatabase))
    url.pathname = '/nowhere'
    expect(await refusal(url.href)).toContain(`${url.host}/nowhere does not exist`)
  })

  test('refuses the database of a newer version and one whose migration broke off', async () => {
    const url = await open(createTestDatabase)
    await query(
      url,
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at)
       VALUES ('n', '', '29991231000000_from_the_future', now(), now())`,
    )
    expect(await refusal(url)).toContain(
      'has the migration 29991231000000_from_the_future, which this version does not',
    )
    await query(url, "UPDATE _prisma_migrations SET finished_at = NULL WHERE id = 'n'")
    expect(await refusal(url)).toContain('the migration 29991231000000_from_the_future failed half way')
  })

  test('pendingMigrations, asked as the service, names what the database lacks', async () => {
    const url = await open(createTestDatabase)
    const db = openDatabase(url)
    try {
      expect(await pendingMigrations(db.pool)).toEqual([])
      const rows = await query(
        url,
        `DELETE FROM _prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)
         RETURNING migration_name`,
      )
      expect(await pendingMigrations(db.pool)).toEqual(rows.map((row) => row.migration_name))
    } finally {
      await db.close()
    }
  })
})

describe('a database of the first version', () => {
  const released = ['20261120000000_foundation', '20261120000100_isolation_and_protection']
  const folder = resolve(import.meta.dirname, '../../prisma/migrations')
  const clinicId = '01a1f000-0000-7000-8000-00000000c11c'
  const [protocolId, versionId] = ['01a1f000-0000-7000-8000-000000000001', '01a1f000-0000-7000-8000-000000000002']
  const part = `'${clinicId}', '${versionId}'`
  const document = {
    format: 1,
    code: 'knee',
    title: 'Knee',
    procedures: ['knee-replacement'],
    exercises: [{ code: 'walking', title: 'Walking', kind: 'exercise', attributes: { impact: 1 } }],
    sources: [],
    milestones: [],
    facts: [{ code: 'pain', title: 'Pain', type: 'number', min: 0, max: 10, ask: 'How bad is it?' }],
    phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: 0 } } }],
    prescriptions: [{ code: 'walks', exercise: 'walking', from: 'all', supervision: 'independent', side: 'both' }],
    contraindications: [
      { code: 'jumping', title: 'Jumping', strength: 'absolute', target: [{ attributes: { impact: 2 } }] },
    ],
    instructions: [],
    limits: [
      { code: 'load', quantity: 'load', max: 5, unit: 'kg' },
      { code: 'driving', quantity: 'driving', value: null },
    ],
    redFlags: [],
  }

  async function openFirstVersion(): Promise<string> {
    const url = await open(createEmptyDatabase)
    await applyMigrations(url, folder, released)
    await query(
      url,
      `INSERT INTO clinic (clinic_id, name, time_zone, revision, created_at) VALUES ('${clinicId}', 'C', 'UTC', 1, now());
       INSERT INTO protocol (clinic_id, id, code, title, created_at) VALUES ('${clinicId}', '${protocolId}', 'knee', 'Knee', now());
       INSERT INTO protocol_version (clinic_id, id, protocol_id, status, title, procedures, revision, created_at)
         VALUES ('${clinicId}', '${versionId}', '${protocolId}', 'draft', 'Knee', '{knee-replacement}', 1, now());
       INSERT INTO version_exercise (clinic_id, version_id, code, position, title, kind, equipment, groups, attributes)
         VALUES (${part}, 'walking', 0, 'Walking', 'exercise', '{}', '{}', '{"impact": 1}');
       INSERT INTO fact (clinic_id, version_id, code, position, title, type, min, max, values, ask)
         VALUES (${part}, 'pain', 0, 'Pain', 'number', 0, 10, '{}', 'How bad is it?');
       INSERT INTO phase (clinic_id, version_id, code, position, title, entry, goals, sources)
         VALUES (${part}, 'all', 0, 'All along', '{"days": {"atLeast": 0}}', '{}', '{}');
       INSERT INTO prescription (clinic_id, version_id, code, position, exercise_code, from_phase, supervision, side, sources)
         VALUES (${part}, 'walks', 0, 'walking', 'all', 'independent', 'both', '{}');
       INSERT INTO contraindication (clinic_id, version_id, code, position, title, strength, target, sources)
         VALUES (${part}, 'jumping', 0, 'Jumping', 'absolute', '[{"attributes": {"impact": 2}}]', '{}');
       INSERT INTO protocol_limit (clinic_id, version_id, code, position, quantity, max, as_instructed, unit, sources)
         VALUES (${part}, 'load', 0, 'load', 5, false, 'kg', '{}'), (${part}, 'driving', 1, 'driving', null, true, null, '{}');
       UPDATE protocol_version SET status = 'published', number = 1, published_at = now(),
         content_hash = '${hashDocument(document as ProtocolDocument)}'`,
    )
    return url
  }

  test('keeps its published protocols as they were, to the byte', async () => {
    const url = await openFirstVersion()
    expect(await migrate({ url, log })).toEqual(expect.not.arrayContaining(released))
    const db = openDatabase(url)
    try {
      const version = await db.asClinic(clinicId, (tx) => readVersion(tx, clinicId, protocolId, 1))
      expect(version?.document).toEqual(document)
      expect(version?.contentHash).toBe(hashDocument(version?.document as ProtocolDocument))
    } finally {
      await db.close()
    }
  })

  test('keeps its keys, each an administrator and an actor of its own, also when its owner is bound by the policies', async () => {
    const address = new URL(await openFirstVersion())
    const url = address.href
    const hash = `\\x${'ab'.repeat(32)}`
    const keyId = '01a1f000-0000-7000-8000-0000000000f1'
    await query(
      url,
      `INSERT INTO api_key (clinic_id, id, name, prefix, key_hash, role, created_at)
       VALUES ('${clinicId}', '${keyId}', 'Old key', 'rp_', '${hash}', 'reader', now())`,
    )
    // An owner who is no superuser, as on a server of the clinic's own.
    const owner = `owner_${keyId.slice(-4)}_${Date.now()}`
    await query(
      url,
      `CREATE ROLE ${owner} LOGIN CREATEROLE PASSWORD 'hunter2hunter2';
       GRANT rehab_service TO ${owner};
       ALTER DATABASE ${address.pathname.slice(1)} OWNER TO ${owner};
       ALTER SCHEMA public OWNER TO ${owner};
       DO $$ DECLARE o record; BEGIN
         FOR o IN SELECT format('ALTER TABLE %I OWNER TO ${owner}', relname) AS sql FROM pg_class
           WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
           UNION ALL SELECT format('ALTER FUNCTION %s OWNER TO ${owner}', oid::regprocedure) FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace
         LOOP EXECUTE o.sql; END LOOP; END $$`,
    )
    try {
      address.username = owner
      address.password = 'hunter2hunter2'
      await migrate({ url: address.href, log })
      const keys = await query(url, 'SELECT id, actor_id, role, scopes FROM api_key')
      expect(keys).toEqual([{ id: keyId, actor_id: keyId, role: 'administrator', scopes: [] }])
      expect(await query(url, 'SELECT id, kind, name FROM actor')).toEqual([
        { id: keyId, kind: 'api-key', name: 'Old key' },
      ])
      const forced = await query(url, `SELECT relforcerowsecurity AS forced FROM pg_class WHERE relname = 'api_key'`)
      expect(forced).toEqual([{ forced: true }])
    } finally {
      await query(url, `REASSIGN OWNED BY ${owner} TO postgres; DROP OWNED BY ${owner}; DROP ROLE ${owner}`)
    }
  })

  test('has rows from then on that can say no more than a document can', async () => {
    const url = await openFirstVersion()
    await migrate({ url, log })
    // The triggers that keep what is published are not what is tried here.
    const attempt = (change: string) =>
      query(url, `SET session_replication_role = replica; ${change}`).then(
        () => 'stored',
        (error: { code: string }) => error.code,
      )
    const refused = '23514'
    for (const [change, outcome] of [
      [`UPDATE fact SET operation = '"levels"'`, 'stored'],
      [`UPDATE fact SET operation = '{"procedure": "alif"}'`, 'stored'],
      [`UPDATE fact SET operation = '"surgeon"'`, refused],
      [`UPDATE fact SET operation = '{"surgeon": "x"}'`, refused],
      [`UPDATE fact SET operation = '{"procedure": 7}'`, refused],
      [`UPDATE fact SET operation = 'null'`, refused],
      [`UPDATE fact SET fixed = NULL`, '23502'],
      [`UPDATE protocol_limit SET kind = 'goal' WHERE code = 'load'`, 'stored'],
      [`UPDATE protocol_limit SET kind = 'goal' WHERE code = 'driving'`, refused],
      [`UPDATE protocol_limit SET kind = 'wish'`, refused],
      [`UPDATE contraindication SET except_target = '[{"exercise": "stairs"}]'`, 'stored'],
      [`UPDATE contraindication SET except_target = '{}'`, refused],
      [`UPDATE protocol_version SET accepted = '[]'`, 'stored'],
      [`UPDATE protocol_version SET accepted = '"gap"'`, refused],
      [`UPDATE protocol_version SET status = 'in-review'`, refused],
      [`UPDATE protocol_version SET status = 'rejected'`, refused],
      [`UPDATE protocol_version SET library_hash = 'newest'`, refused],
      [`UPDATE protocol_version SET number = NULL`, refused],
      [`UPDATE protocol_version SET decision = 'approved'`, refused],
      [`UPDATE protocol_version SET submitted_by = gen_random_uuid()`, refused],
      [`UPDATE clinic SET approval = 'second-person'`, 'stored'],
      [`UPDATE clinic SET approval = 'two'`, refused],
    ] as const) {
      expect([change, await attempt(change)]).toEqual([change, outcome])
    }
  })
})

describe('applyMigrations', () => {
  test('runs each script whole, and all of them or none', async () => {
    const folder = await createTestFolder()
    const write = async (name: string, sql: string) => {
      await mkdir(join(folder, name), { recursive: true })
      await writeFile(join(folder, name, 'migration.sql'), sql)
    }
    const url = await open(createEmptyDatabase)
    const tables = () => query(url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    const names = ['1_first', '2_second']
    await write('1_first', "-- a comment; with a semicolon\nCREATE TABLE a (); DO $$ BEGIN PERFORM 'x;y'; END $$;")
    await write('2_second', 'CREATE TABLE b (); SELECT 1 / 0;')
    const error = await applyMigrations(url, folder, names).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(StartupError)
    expect((error as Error).message).toMatch(/nothing in it was changed \(division by zero\)/)
    expect(await tables()).toEqual([])

    await write('2_second', 'CREATE TABLE b ();')
    expect(await applyMigrations(url, folder, names)).toEqual(names)
    expect((await tables()).map((row) => row.relname)).toEqual(expect.arrayContaining(['a', 'b']))
  })
})
