import type pg from 'pg'

/** A column `clinic_id` that is compared with a parameter, as Prisma and our own statements write it. */
const comparison = /(?:"?\w+"?\.)*"?clinic_id"? = (\$\d+)(?:::\w+)?/g
const list = /(?:"?\w+"?\.)*"?clinic_id"? IN \(((?:\$\d+,?)+)\)/g
const pair = /\((?:"?\w+"?\.)*"?clinic_id"?,((?:"?\w+"?\.)*"?\w+"?)\) IN \(((?:\(\$\d+,\$\d+\),?)+)\)/g
const anyFilter = /clinic_id"?[^()]{0,80}(?:=|<>|\bIN\b|\bANY\b)[ (]*\$/

/** How many statements have lost a filter, which have kept one that is not known here, and which never had one. */
export interface Removed {
  statements: number
  kept: Set<string>
  without: Set<string>
}

/**
 * Makes every statement that this pool sends lose what it says of the clinic: the parameter stays, and decides nothing.
 * What is left is row-level security.
 */
export function removeFilters(pool: pg.Pool): Removed {
  const removed: Removed = { statements: 0, kept: new Set(), without: new Set() }
  const rewrite = (text: string): string => {
    const without = text
      .replace(comparison, '($1::uuid IS NOT NULL)')
      .replace(list, (_all, values: string) => `(${values.replaceAll(/\$\d+/g, '$&::uuid')}) IS NOT NULL`)
      .replace(
        pair,
        (_all, column: string, pairs: string) =>
          `${column} IN (${pairs.replaceAll(/\((\$\d+),(\$\d+)\)/g, 'CASE WHEN $1::uuid IS NOT NULL THEN $2::uuid END')})`,
      )
    if (without !== text) removed.statements += 1
    // Where Prisma has nothing to look for, it asks for nothing: `IN (NULL)`.
    else if (!/^INSERT|\bIN \(NULL\)/.test(text)) removed.without.add(text)
    if (anyFilter.test(without) && !/^INSERT/.test(without)) removed.kept.add(without)
    return without
  }
  pool.on('connect', (client) => {
    const send = client.query.bind(client) as (query: unknown, ...rest: unknown[]) => unknown
    const query = (statement: unknown, ...rest: unknown[]): unknown => {
      if (typeof statement === 'string') return send(rewrite(statement), ...rest)
      const { text } = statement as { text?: unknown }
      return send(typeof text === 'string' ? { ...(statement as object), text: rewrite(text) } : statement, ...rest)
    }
    client.query = query as typeof client.query
  })
  return removed
}

/**
 * The same in the database's own functions; gives back what undoes it. As the superuser. Not in append_audit, which runs
 * as the owner of the tables: where that is a superuser, its own conditions are its floor, and it takes the clinic from
 * the setting alone.
 */
export async function removeFiltersOfFunctions(owner: pg.Client): Promise<{ names: string[]; restore: string[] }> {
  const { rows } = await owner.query<{ name: string; definition: string }>(
    `SELECT p.proname AS name, pg_get_functiondef(p.oid) AS definition FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace AND p.prosrc ~ 'clinic_id = clinic\\M' AND NOT p.prosecdef ORDER BY 1`,
  )
  for (const { definition } of rows) await owner.query(definition.replaceAll(/(?:\w+\.)?clinic_id = clinic\b/g, 'true'))
  return { names: rows.map(({ name }) => name), restore: rows.map(({ definition }) => definition) }
}
