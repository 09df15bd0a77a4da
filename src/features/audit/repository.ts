import type pg from 'pg'
import type { Database, Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import { type AuditEvent as AuditEventRow, Prisma } from '../../db/generated/client.ts'
import type { AuditEvent, AuditStore } from '../../http/audit.ts'
import { refuseEnded } from '../../http/auth.ts'
import { isLockTimeout } from '../../http/database-errors.ts'
import { ProblemError } from '../../http/problems.ts'
import type { Instant } from '../../rules/index.ts'
import type { Anchor, ChainRow, Mislisted } from './chain.ts'

/** An event with its place in its clinic's chain. */
export interface RecordedEvent extends AuditEvent {
  seq: number
  previousHash: string
  hash: string
}

/** So many rows of one clinic are on their way at once: they wait for the same head, and each has a connection. */
const mostAtOnce = 3
/** So many more wait for that. */
const mostWaiting = 200
/** For so many milliseconds after somebody else has held a head for too long nobody waits for it. */
const heldFor = 1000

/** How the service writes: through a function of the database, because it may not write to the tables itself. */
export function createAuditStore(db: Database): AuditStore {
  const turns = createTurns()
  return {
    append: (tx, clinicId, event) => turns.watch(clinicId, () => appendEvent(tx, clinicId, event)),
    record: (clinicId, event, { lazily }) =>
      turns.take(clinicId, async () => {
        const { rows } = await db.pool.query<{ seq: string | null }>({
          text: 'select record_audit($1::uuid, $2, $3::jsonb) as seq',
          values: [clinicId, lazily, toJson(clinicId, event)],
        })
        return rows[0]?.seq != null
      }),
  }
}

type Write = () => Promise<boolean>

/** Sees to it that a clinic whose head somebody holds does not take all connections. */
function createTurns() {
  /** Until when nobody waits, by clinic. */
  const held = new Map<string, number>()
  const inHand = new Map<string, { writing: number; waiting: (() => void)[] }>()

  const watch = async (clinicId: string, write: Write): Promise<boolean> => {
    if ((held.get(clinicId) ?? 0) > performance.now()) throw isHeld()
    try {
      const isWritten = await write()
      held.delete(clinicId)
      return isWritten
    } catch (error) {
      if (!isLockTimeout(error)) throw error
      held.set(clinicId, performance.now() + heldFor)
      throw isHeld(error)
    }
  }

  return {
    watch,
    async take(clinicId: string, write: Write): Promise<boolean> {
      const turn = inHand.get(clinicId) ?? { writing: 0, waiting: [] }
      inHand.set(clinicId, turn)
      if (turn.writing < mostAtOnce) turn.writing += 1
      else if (turn.waiting.length >= mostWaiting) throw isHeld()
      // Whoever is done hands the turn over.
      else await new Promise<void>((resolve) => turn.waiting.push(resolve))
      try {
        return await watch(clinicId, write)
      } finally {
        const next = turn.waiting.shift()
        if (next !== undefined) next()
        else {
          turn.writing -= 1
          if (turn.writing === 0) inHand.delete(clinicId)
        }
      }
    },
  }
}

function isHeld(cause?: unknown): ProblemError {
  return new ProblemError('SERVICE_UNAVAILABLE', 'the record of acts cannot be written now: try again', {
    headers: { 'retry-after': '2' },
    cause,
  })
}

/**
 * Puts the event on record with what the transaction has changed; false if it has changed nothing. Throws the problem if
 * whoever acts was let in and is no longer in force.
 */
export async function appendEvent(tx: Transaction, clinicId: string, event: AuditEvent): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ seq: bigint | null }[]>`
    SELECT CASE WHEN pg_current_xact_id_if_assigned() IS NOT NULL
      THEN append_in_force(${toJson(clinicId, event)}::jsonb) END AS seq`
  if (row?.seq === 0n) throw refuseEnded(event)
  return row?.seq != null
}

function toJson(clinicId: string, event: AuditEvent): string {
  return JSON.stringify({ ...event, clinic: clinicId })
}

export interface EventFilter {
  actor?: string | undefined
  /** The patient, and all of their episodes. */
  patient?: string | undefined
  episode?: string | undefined
  operation?: string | undefined
  outcome?: string | undefined
  from?: Instant | undefined
  /** Not at this moment any more. */
  to?: Instant | undefined
}

interface Page {
  order: 'newest' | 'oldest'
  /** Only those behind this one, in that order. */
  behind: number | null
  take: number
}

export async function listEvents(
  tx: Transaction,
  clinicId: string,
  filter: EventFilter,
  { order, behind, take }: Page,
): Promise<RecordedEvent[]> {
  const subjects = await subjectsOf(tx, clinicId, filter)
  const conditions = [
    Prisma.sql`e.clinic_id = ${clinicId}::uuid`,
    behind !== null && (order === 'newest' ? Prisma.sql`e.seq < ${behind}` : Prisma.sql`e.seq > ${behind}`),
    filter.actor !== undefined && Prisma.sql`e.actor_id = ${filter.actor}::uuid`,
    filter.operation !== undefined && Prisma.sql`e.operation = ${filter.operation}`,
    filter.outcome !== undefined && filter.outcome !== 'success' && Prisma.sql`e.status IS NOT NULL`,
    filter.outcome !== undefined && filter.outcome !== 'refused' && Prisma.sql`e.outcome = ${filter.outcome}`,
    filter.from !== undefined && Prisma.sql`e.at >= ${toTimestamp(filter.from)}`,
    filter.to !== undefined && Prisma.sql`e.at < ${toTimestamp(filter.to)}`,
    ...subjects.map(
      (ids) => Prisma.sql`e.seq IN (SELECT s.seq FROM audit_subject s
        WHERE s.clinic_id = ${clinicId}::uuid AND s.subject = ANY(${ids}::uuid[]))`,
    ),
  ].filter((condition) => condition !== false)
  const rows = await tx.$queryRaw<Row[]>`
    SELECT e.seq, e.at, e.actor_id AS "actorId", e.actor_kind AS "actorKind", e.credential_id AS "credentialId",
      e.operation, e.method, e.route, e.outcome, e.status, e.attempts, e.request_id AS "requestId", e.address,
      e.user_agent AS "userAgent", e.target, e.patients, e.episodes, e.previous_hash AS "previousHash", e.hash
    FROM audit_event e WHERE ${Prisma.join(conditions, ' AND ')}
    ORDER BY e.seq ${order === 'newest' ? Prisma.sql`DESC` : Prisma.sql`ASC`} LIMIT ${take}`
  return rows.map(toEvent)
}

/** Of each filter by subject, the ids that an event may be about. */
async function subjectsOf(tx: Transaction, clinicId: string, { patient, episode }: EventFilter): Promise<string[][]> {
  const wanted: string[][] = []
  if (episode !== undefined) wanted.push([episode])
  if (patient !== undefined) {
    const episodes = await tx.episode.findMany({ where: { clinicId, patientId: patient }, select: { id: true } })
    wanted.push([patient, ...episodes.map(({ id }) => id)])
  }
  return wanted
}

export async function readEvent(tx: Transaction, clinicId: string, seq: number): Promise<RecordedEvent | null> {
  const row = await tx.auditEvent.findUnique({ where: { clinicId_seq: { clinicId, seq } } })
  return row === null ? null : toEvent(row)
}

/** The number of the clinic's last event; 0 before the first. */
export async function readLastSeq(tx: Transaction, clinicId: string): Promise<number> {
  const head = await tx.auditHead.findUnique({ where: { clinicId }, select: { seq: true } })
  return Number(head?.seq ?? 0)
}

type Row = Omit<AuditEventRow, 'clinicId'>

function toEvent(row: Row): RecordedEvent {
  return {
    seq: Number(row.seq),
    at: fromTimestamp(row.at),
    actor: row.actorId,
    actorKind: row.actorKind as AuditEvent['actorKind'],
    credential: row.credentialId,
    operation: row.operation,
    method: row.method,
    route: row.route,
    outcome: row.outcome,
    status: row.status,
    attempts: row.attempts,
    requestId: row.requestId,
    address: row.address,
    userAgent: row.userAgent,
    target: row.target,
    patients: row.patients,
    episodes: row.episodes,
    previousHash: Buffer.from(row.previousHash).toString('hex'),
    hash: Buffer.from(row.hash).toString('hex'),
  }
}

/** The ends of the chain as they are stored: of its head, and of its rows. */
export interface StoredEnd {
  head: Anchor | null
  lastRow: string | null
}

/** Runs `read` on one connection that sees this clinic's rows, and sees them as they are at each query. */
export async function inChain<Result>(
  { pool }: Pick<Database, 'pool'>,
  clinicId: string,
  read: (reader: ChainReader) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN READ ONLY')
    // A long chain takes long.
    await client.query('SET LOCAL statement_timeout = 0')
    await client.query(`SELECT set_config('app.clinic_id', $1, true)`, [clinicId])
    return await read(readerOn(client, clinicId))
  } finally {
    await client.query('ROLLBACK').catch(() => {})
    client.release()
  }
}

/** Reads the clinic's chain on a connection that may see it. */
export function readerOn(client: Pick<pg.ClientBase, 'query'>, clinicId: string): ChainReader {
  return {
    end: async () => {
      const { rows } = await client.query<{ seq: string | null; hash: string; at: string; last: string | null }>(
        `SELECT h.seq, encode(h.hash, 'hex') AS hash, ${inUtc('h.at')} AS at,
           (SELECT max(e.seq) FROM audit_event e WHERE e.clinic_id = $1) AS last
         FROM (SELECT) nothing LEFT JOIN audit_head h ON h.clinic_id = $1`,
        [clinicId],
      )
      const [row] = rows
      const isThere = row !== undefined && row.seq !== null
      return {
        head: isThere ? { clinicId, seq: BigInt(row.seq ?? 0), hash: row.hash, at: row.at } : null,
        lastRow: row?.last ?? null,
      }
    },
    page: async (behind, until, most) => {
      const { rows } = await client.query<ChainRow>(
        `SELECT e.seq, encode(e.previous_hash, 'hex') AS "previousHash", encode(e.hash, 'hex') AS hash,
           ARRAY[e.clinic_id::text, e.seq::text, trim_scale(extract(epoch FROM e.at) * 1000)::text, e.actor_id::text, e.actor_kind,
             e.credential_id::text, e.operation, e.method, e.route, e.outcome, e.status::text, e.attempts::text,
             e.request_id, e.address, e.user_agent] AS items,
           ARRAY[to_json(e.target), to_json(e.patients), to_json(e.episodes)] AS lists
         FROM audit_event e WHERE e.clinic_id = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4`,
        [clinicId, behind, until, most],
      )
      return rows
    },
    findMislisted: async () => {
      const { rows } = await client.query<Mislisted>(
        `SELECT seq, subject, named.is_named IS NOT NULL AS "isNamed"
         FROM (SELECT DISTINCT e.seq, s.subject, true AS is_named FROM audit_event e, unnest(e.patients || e.episodes) s(subject)
               WHERE e.clinic_id = $1) named
           FULL JOIN (SELECT seq, subject, true AS is_listed FROM audit_subject WHERE clinic_id = $1) listed
             USING (seq, subject)
         WHERE named.is_named IS NULL OR listed.is_listed IS NULL ORDER BY seq, subject LIMIT 1`,
        [clinicId],
      )
      return rows[0] ?? null
    },
  }
}

export interface ChainReader {
  end: () => Promise<StoredEnd>
  /** Rows by their number, behind one and up to another. */
  page: (behind: bigint, until: bigint, most: number) => Promise<ChainRow[]>
  /** The first row that is found by others than it names; null if there is none. */
  findMislisted: () => Promise<Mislisted | null>
}

function inUtc(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

/** Waits until all that has been answered for is on the disk, so that no crash takes it back. */
export async function settle({ pool }: Pick<Database, 'pool'>): Promise<void> {
  const { rows } = await pool.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn')
  for (;;) {
    const { rows: flushed } = await pool.query<{ done: boolean }>('SELECT pg_current_wal_flush_lsn() >= $1 AS done', [
      rows[0]?.lsn,
    ])
    if (flushed[0]?.done === true) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
