import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'

// What Citus asks of a schema that is distributed by `clinic_id`, by the titles of its documentation (docs.citusdata.com).
// docs/distribution.md says which of it cannot be tried here.

/** Of no clinic: what Citus calls reference and local tables. */
const ofNoClinic = ['_prisma_migrations', 'request_count']

/** Functions that a statement of the service calls and that are about no one clinic. */
const ofAllClinics = ['sweep_idempotency_keys']

/** They take the clinic from the setting, refuse another in what they are given, and are called inside others. */
const clinicInSetting = ['append_audit', 'append_audits']

let database: TestDatabase
let owner: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  owner = new pg.Client({ connectionString: database.url })
  await owner.connect()
})

afterAll(async () => {
  await owner.end()
  await database.close()
})

async function find(query: string, values: unknown[] = []): Promise<string[]> {
  const { rows } = await owner.query<string[]>({ text: query, values, rowMode: 'array' })
  return rows.map((row) => row.map(String).join(' '))
}

/** Tables of clinics: `c.oid`, `c.relname`, and `a` for the column. */
const tables = `pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'clinic_id'
  AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`

describe('Identify Distribution Strategy', () => {
  test('“Identify types of tables”: every table has the key, but for two that are of no clinic', async () => {
    const without = await find(
      `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
         AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'clinic_id') ORDER BY 1`,
    )
    expect(without).toEqual(ofNoClinic)
    expect((await find(`SELECT c.relname FROM ${tables}`)).length).toBeGreaterThan(30)
  })

  test('“Add distribution keys”: it has one type in all tables, and is never null', async () => {
    expect(await find(`SELECT DISTINCT format_type(a.atttypid, a.atttypmod), a.attnotnull FROM ${tables}`)).toEqual([
      'uuid true',
    ])
  })
})

describe('Creating and Modifying Distributed Tables (DDL)', () => {
  test('“Adding/Removing Constraints”: primary keys and everything unique has the key, as the first column', async () => {
    const wrong = await find(
      `SELECT c.relname, i.indexrelid::regclass FROM ${tables} JOIN pg_index i ON i.indrelid = c.oid
       WHERE (i.indisunique OR i.indisexclusion) AND i.indkey[0] <> a.attnum`,
    )
    expect(wrong).toEqual([])
    const keyless = await find(
      `SELECT c.relname FROM ${tables}
       WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)`,
    )
    expect(keyless).toEqual([])
  })

  test('“Adding/Removing Constraints”: foreign keys are between tables of clinics, with the key on both sides at one place', async () => {
    const wrong = await find(
      `SELECT k.conrelid::regclass, k.conname FROM pg_constraint k
       WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND NOT EXISTS (
         SELECT FROM generate_subscripts(k.conkey, 1) at
           JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attnum = k.conkey[at] AND own.attname = 'clinic_id'
           JOIN pg_attribute other ON other.attrelid = k.confrelid AND other.attnum = k.confkey[at] AND other.attname = 'clinic_id')`,
    )
    expect(wrong).toEqual([])
    expect((await find(`SELECT conname FROM pg_constraint WHERE contype = 'f'`)).length).toBeGreaterThan(20)
  })

  test('“Adding/Removing Constraints”: no foreign key sets or changes the distribution key', async () => {
    const wrong = await find(
      `SELECT k.conrelid::regclass, k.conname, k.confdeltype, k.confupdtype FROM pg_constraint k
       WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
         AND (k.confdeltype NOT IN ('a', 'r', 'c') OR k.confupdtype NOT IN ('a', 'r'))`,
    )
    expect(wrong).toEqual([])
  })

  test('“Modifying Tables”: no statement can change the distribution key of a row', async () => {
    const columns = await find(
      `SELECT c.relname FROM ${tables}
       WHERE has_column_privilege('rehab_service', c.oid, a.attnum, 'UPDATE') ORDER BY 1`,
    )
    // Where the service may write the column, row-level security lets it write only what is there already.
    const unguarded = await find(
      `SELECT name FROM unnest($1::text[]) name WHERE NOT EXISTS (
         SELECT FROM pg_policies p WHERE p.tablename = name AND p.policyname = 'clinic_isolation'
           AND p.with_check = p.qual)`,
      [columns],
    )
    expect(unguarded).toEqual([])
  })

  test('no sequence, identity or default makes a value that another node could make as well', async () => {
    expect(
      await find(`SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace`),
    ).toEqual([])
    const made = await find(
      `SELECT c.relname, d.attname, pg_get_expr(e.adbin, e.adrelid) FROM ${tables}
         JOIN pg_attribute d ON d.attrelid = c.oid AND d.attnum > 0 JOIN pg_attrdef e ON e.adrelid = c.oid AND e.adnum = d.attnum
       WHERE pg_get_expr(e.adbin, e.adrelid) ~ '\\(' OR d.attidentity <> '' OR d.attgenerated <> ''`,
    )
    expect(made).toEqual([])
  })

  test('no table inherits, is partitioned, is temporary or has a rule, and no view reads one', async () => {
    expect(
      await find(
        `SELECT inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'`,
      ),
    ).toEqual([])
    expect(await find(`SELECT c.relname FROM ${tables} WHERE c.relpersistence <> 'p'`)).toEqual([])
    expect(
      await find(
        `SELECT relname FROM pg_class WHERE relkind IN ('v', 'm', 'f') AND relnamespace = 'public'::regnamespace`,
      ),
    ).toEqual([])
    expect(await find(`SELECT rulename FROM pg_rules WHERE schemaname = 'public'`)).toEqual([])
  })
})

describe('row-level security', () => {
  test('is forced on every table of clinics, and depends on the key alone', async () => {
    expect(
      await find(`SELECT c.relname FROM ${tables} WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity)`),
    ).toEqual([])
    const conditions = await find(
      `SELECT DISTINCT qual FROM pg_policies WHERE schemaname = 'public' AND policyname = 'clinic_isolation'`,
    )
    expect(conditions).toEqual(["(clinic_id = (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::uuid)"])
    // The others are the owner's, who lists the clinics and sweeps answers that are old.
    const others = await find(
      `SELECT policyname, roles::text[] @> ARRAY['rehab_service'] OR roles::text[] @> ARRAY['public'] FROM pg_policies
       WHERE schemaname = 'public' AND policyname <> 'clinic_isolation' ORDER BY 1`,
    )
    expect(others).toEqual(['expired false', 'operator_lists_clinics false'])
  })
})

describe('Triggers on Distributed Tables', () => {
  test('every trigger stays with its row’s clinic: what it reads and writes has the row’s key', async () => {
    const { rows } = await owner.query<{ name: string; body: string }>(
      `SELECT DISTINCT p.proname AS name, p.prosrc AS body FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
       WHERE NOT t.tgisinternal ORDER BY 1`,
    )
    expect(rows.length).toBeGreaterThan(8)
    const names = (await find(`SELECT c.relname FROM ${tables}`)).join('|')
    const touches = new RegExp(`\\b(?:FROM|JOIN|UPDATE|INTO)\\s+(?:${names})\\b`)
    const statements = rows.flatMap(({ name, body }) => body.split(';').map((text) => ({ name, text: text.trim() })))
    const ofTables = statements.filter(({ text }) => touches.test(text))
    expect(ofTables.length).toBeGreaterThan(4)
    const wandering = ofTables.filter(({ text }) => !/\bclinic_id = (?:NEW|OLD|part)\.clinic_id\b/.test(text))
    expect(wandering).toEqual([])
  })
})

describe('Citus Utility Functions', () => {
  test('“create_distributed_function”: what the service calls takes the clinic first, so that it can go to the clinic’s node', async () => {
    const functions = await find(
      `SELECT p.proname, pg_get_function_identity_arguments(p.oid) FROM pg_proc p
       WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype AND p.provolatile <> 'i'
         AND p.prosrc ~* '\\m(SELECT|INSERT|UPDATE|DELETE|PERFORM)\\M.*\\m(FROM|INTO|UPDATE)\\M' ORDER BY 1`,
    )
    const other = functions.filter((one) => !/^\w+ clinic uuid\b/.test(one)).map((one) => one.split(' ')[0] ?? '')
    expect(other.filter((name) => !ofAllClinics.includes(name) && !clinicInSetting.includes(name))).toEqual([])
    expect([...ofAllClinics, ...clinicInSetting].filter((name) => !other.includes(name))).toEqual([])
  })

  test('none of them reads a table without the clinic in the condition', async () => {
    const { rows } = await owner.query<{ name: string; body: string }>(
      `SELECT p.proname AS name, p.prosrc AS body FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
         AND p.prorettype <> 'trigger'::regtype AND p.proname <> ALL($1)`,
      [ofAllClinics],
    )
    const names = (await find(`SELECT c.relname FROM ${tables}`)).join('|')
    const reads = new RegExp(`\\b(?:FROM|JOIN)\\s+(?:${names})\\s+(\\w+)`, 'g')
    const wandering = rows.flatMap(({ name, body }) =>
      [...body.matchAll(reads)]
        .filter(([, alias]) => !new RegExp(`\\b${alias}\\.clinic_id = (?:clinic\\b|\\w+\\.clinic_id)`).test(body))
        .map(([text]) => `${name}: ${text}`),
    )
    expect(wandering).toEqual([])
  })
})
