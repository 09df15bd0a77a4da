import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { expect, test } from '@jest/globals'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import { createEmptyDatabase, createTestDatabase } from '../support/test-database.ts'

declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: Record<string, object>): Promise<{ instance: { exports: Exports } }>
}
interface Exports {
  __wbindgen_start(): void
}

/** What Prisma would make of schema.prisma in an empty database, as SQL. */
async function scriptOfSchema(url: string): Promise<string> {
  const wasm = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm')
    .replace(/schema_engine\.js$/, 'schema_engine_bg.wasm')
  const { instance } = await WebAssembly.instantiate(await readFile(wasm), { './schema_engine_bg.js': engineModule })
  engineModule.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  const path = 'schema.prisma'
  const content = await readFile(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8')
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: url }))
  const engine = await engineModule.SchemaEngine.new({ datamodels: [[path, content]] }, () => {}, adapter)
  try {
    const { stdout } = await engine.diff({
      from: { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files: [{ path, content }] },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    })
    return stdout ?? ''
  } finally {
    engine.free()
  }
}

/** What both can say of a database: columns, keys and indexes. Of a list Prisma cannot say that it is never null. */
async function describeSchema(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(
    `SELECT format('column %s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
         CASE WHEN a.attnotnull AND a.attndims = 0 THEN ' not null' END,
         CASE WHEN a.attndims = 0 THEN ' ' || pg_get_expr(d.adbin, d.adrelid) END) AS line
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> '_prisma_migrations'
     UNION ALL
     SELECT format('foreign key of %s: %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
       WHERE contype = 'f' AND connamespace = 'public'::regnamespace
     UNION ALL
     SELECT format('%s on %s (%s)', CASE WHEN i.indisunique THEN 'unique index' ELSE 'index' END, i.indrelid::regclass,
         (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n) FROM generate_series(1, i.indnkeyatts) n))
       FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
       WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> '_prisma_migrations'
         -- Prisma knows no condition of an index: what has one is SQL alone.
         AND (i.indpred IS NULL OR i.indrelid = 'idempotency_key'::regclass)`,
  )
  return rows.map(({ line }) => line).sort()
}

test('schema.prisma says what the migrations make', async () => {
  const [migrated, made] = await Promise.all([createTestDatabase(), createEmptyDatabase()])
  const clients = [migrated, made].map(({ url }) => new pg.Client({ connectionString: url }))
  const [one, other] = clients as [pg.Client, pg.Client]
  try {
    for (const client of clients) await client.connect()
    await other.query(await scriptOfSchema(made.url))
    const wanted = await describeSchema(one)
    expect(wanted.length).toBeGreaterThan(300)
    expect(await describeSchema(other)).toEqual(wanted)
  } finally {
    for (const client of clients) await client.end()
    await Promise.all([migrated.close(), made.close()])
  }
})
