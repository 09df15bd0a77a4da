import pg from 'pg'

/** A node of a plan, as PostgreSQL's auto_explain writes it. */
interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  'Recheck Cond'?: string
  Filter?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: PlanNode[]
}

export interface RanStatement {
  text: string
  plan: PlanNode
}

/**
 * From now on every connection to the database is told the plan of each statement that it runs, those inside functions and
 * triggers and those of foreign keys too. As a superuser.
 */
export async function explainEverything(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_format': 'json',
    'auto_explain.log_level': 'notice',
    'auto_explain.log_parameter_max_length': '0',
  }
  const database = pg.escapeIdentifier(new URL(url).pathname.slice(1))
  try {
    for (const [name, value] of Object.entries(settings)) {
      await client.query(`ALTER DATABASE ${database} SET ${name} = '${value}'`)
    }
  } finally {
    await client.end()
  }
}

/** Calls `onStatement` with each that the pool's connections run, if the database explains everything. */
export function watchStatements(pool: pg.Pool, onStatement: (statement: RanStatement) => void): void {
  pool.on('connect', (client) => {
    client.on('notice', ({ message }) => {
      const [, json] = /^duration: .*?plan:\s*(\{[\s\S]*)$/.exec(message ?? '') ?? []
      if (json === undefined) return
      const { 'Query Text': text = '', Plan: plan } = JSON.parse(json)
      onStatement({ text: text.trim(), plan })
    })
  })
}

export interface Scan {
  table: string
  /** `Seq Scan`, `Index Scan`, … */
  node: string
  index: string | null
  /** What it is asked for, all of it. */
  condition: string
  /** Rows that it gave on, and those that it read for nothing. */
  given: number
  dropped: number
}

/** Every place where the plan reads a table. */
export function scansOf(plan: PlanNode): Scan[] {
  const below = (plan.Plans ?? []).flatMap(scansOf)
  const table = plan['Relation Name']
  if (table === undefined || plan['Node Type'] === 'ModifyTable') return below
  const loops = plan['Actual Loops'] ?? 1
  const conditions = [plan['Index Cond'], plan['Recheck Cond'], plan.Filter, ...indexConditions(plan)]
  return [
    {
      table,
      node: plan['Node Type'],
      index: plan['Index Name'] ?? null,
      condition: conditions.filter((condition) => condition !== undefined).join(' AND '),
      given: (plan['Actual Rows'] ?? 0) * loops,
      dropped: ((plan['Rows Removed by Filter'] ?? 0) + (plan['Rows Removed by Index Recheck'] ?? 0)) * loops,
    },
    ...below,
  ]
}

/** Of the bitmaps that a scan reads by. */
function indexConditions(plan: PlanNode): (string | undefined)[] {
  if (plan['Node Type'] !== 'Bitmap Heap Scan' && !plan['Node Type'].startsWith('Bitmap')) return []
  return (plan.Plans ?? []).flatMap((part) => [part['Index Cond'], ...indexConditions(part)])
}

/** The plan as a tree of lines, for people. */
export function drawPlan(plan: PlanNode, depth = 0): string {
  const {
    'Node Type': node,
    'Relation Name': table,
    'Index Name': index,
    'Actual Rows': rows,
    'Actual Loops': loops,
  } = plan
  const parts = [
    node,
    table && `on ${table}`,
    index && `by ${index}`,
    rows !== undefined && `${rows} rows × ${loops}`,
    plan['Index Cond'] && `index ${plan['Index Cond']}`,
    plan.Filter && `filter ${plan.Filter} drops ${plan['Rows Removed by Filter'] ?? 0}`,
  ].filter(Boolean)
  return [
    `${'  '.repeat(depth)}${parts.join(', ')}`,
    ...(plan.Plans ?? []).map((part) => drawPlan(part, depth + 1)),
  ].join('\n')
}
