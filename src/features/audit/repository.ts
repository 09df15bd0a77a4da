import type pg from 'pg'
import type { Database, Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import { type AuditEvent as AuditEventRow, Prisma } from '../../db/generated/client.ts'
import { type AuditEvent, type AuditStore, toJson } from '../../http/audit.ts'
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

/** For so many milliseconds after somebody else has held a head for too long nobody waits for it. */
const heldFor = 1000

/**
 * How the service writes: through functions of the database, because it may not write to the tables itself. What is to be
 * put on a clinic's record at the same time goes there together, so that it waits for the chain's head once.
 */
export function createAuditStore(db: Database): AuditStore {
  /** Until when nobody waits for the head, by clinic. */
  const held = new Map<string, number>()

  async function watch<Written>(clinicId: string, write: () => Promise<Written>): Promise<Written> {
    if ((held.get(clinicId) ?? 0) > performance.now()) throw isHeld()
    try {
      const written = await write()
      held.delete(clinicId)
      return written
    } catch (error) {
      if (!isLockTimeout(error)) throw error
      held.set(clinicId, performance.now() + heldFor)
      throw isHeld(error)
    }
  }

  const recordTogether = (lazily: boolean) =>
    db.gather<AuditEvent, boolean>((clinicId, events) =>
      watch(clinicId, async () => {
        const [row] = await db.ask<{ seq: string | null }>(
          'record-audits',
          'select record_audits($1::uuid, $2, $3::jsonb) as seq',
          [clinicId, lazily, toJson(clinicId, events)],
        )
        return events.map(() => row?.seq != null)
      }),
    )
  const [soon, lazily] = [recordTogether(false), recordTogether(true)]

  return {
    append: (tx, clinicId, event) => watch(clinicId, () => appendEvent(tx, clinicId, event)),
    record: (clinicId, event, options) => (options.lazily ? lazily : soon)(clinicId, event),
    along: watch,
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
      THEN append_in_force(${JSON.stringify({ ...event, clinic: clinicId })}::jsonb) END AS seq`
  if (row?.seq === 0n) throw refuseEnded(event)
  return row?.seq != null
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
