import type pg from 'pg'
import { escapeIdentifier } from 'pg'

export interface Table {
  name: string
  columns: string[]
  /** What its rows are sorted by: alike on every server, whatever its language. */
  order: string
  /** Does row-level security hide rows from whoever asks? */
  isBound: boolean
  isOwned: boolean
}

/** Prisma's own, which the migrations fill. */
export const migrationsTable = '_prisma_migrations'

/** Every table of the service, from the catalogue. */
export async function readTables(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Omit<Table, 'order'> & { key: string[] | null }>(
    `SELECT c.relname::text AS name, row_security_active(c.oid) AS "isBound",
       pg_has_role(c.relowner, 'USAGE') AS "isOwned",
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       (SELECT array_agg(quote_ident(a.attname) || CASE a.attcollation WHEN 0 THEN '' ELSE ' COLLATE "C"' END
           ORDER BY part.number)
         FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY part (attnum, number)
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.attnum
         WHERE i.indrelid = c.oid AND i.indisprimary) AS key
     FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> '${migrationsTable}'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
         AND d.deptype = 'e')
     ORDER BY c.relname COLLATE "C"`,
  )
  return rows.map(({ key, ...table }) => ({
    ...table,
    order: key?.join(', ') ?? `${escapeIdentifier(table.name)}::text COLLATE "C"`,
  }))
}

/** The statement that writes a table's rows out, those of one clinic if that is given. */
export function copyOut({ name, columns, order }: Table, clinicId: string | null): string {
  const only = clinicId === null ? '' : ` WHERE clinic_id = '${clinicId}'`
  const list = columns.map(escapeIdentifier).join(', ')
  return `COPY (SELECT ${list} FROM ${qualified(name)}${only} ORDER BY ${order}) TO STDOUT`
}

export function qualified(name: string): string {
  return `public.${escapeIdentifier(name)}`
}

/** So that the same value is always the same text, and no limit meant for short questions ends a long one. */
export async function prepareSession(client: pg.Client): Promise<void> {
  await client.query(
    `SELECT set_config('datestyle', 'ISO, YMD', false), set_config('intervalstyle', 'postgres', false),
       set_config('timezone', 'UTC', false), set_config('extra_float_digits', '1', false),
       set_config('bytea_output', 'hex', false), set_config('client_encoding', 'UTF8', false),
       set_config('search_path', 'public', false)`,
  )
  await client.query(
    `SELECT set_config(name, '0', false) FROM pg_settings
     WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`,
  )
}
