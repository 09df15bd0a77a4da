import type pg from 'pg'
import { type Database, noteMade, type Transaction } from '../../db/client.ts'
import { fromDate, fromTimestamp, instantOf, toDate, toTimestamp } from '../../db/dates.ts'
import type { Prisma } from '../../db/generated/client.ts'
import { type AuditEvent, toJson } from '../../http/audit.ts'
import type { Context } from '../../http/context.ts'
import type { CalendarDate, Instant, RecordEntry, Side } from '../../rules/index.ts'

export interface Episode {
  id: string
  patientId: string
  status: 'open' | 'closed'
  surgeryDate: CalendarDate
  procedures: string[]
  levels: string[]
  side: Side | null
  /** What it follows now. */
  protocols: { versionId: string; code: string; version: number; title: string }[]
  revision: number
  createdAt: Instant
  changedAt: Instant
}

/** An entry as it was stored, with what the rules do not read: who recorded it, and notes. */
export type StoredEntry = RecordEntry & { recordedBy: string; note?: string | null; reason?: string; move?: string }

/** An entry with the later entry that voids it. */
export type RecordedEntry = StoredEntry & { voided: { by: string; reason: string; recordedAt: Instant } | null }

/** An entry before it has an id, a revision and a time. */
export type NewEntry = RecordEntry extends infer Entry
  ? Entry extends RecordEntry
    ? Omit<Entry, 'id' | 'revision' | 'recordedAt'> & { note?: string | null; move?: string }
    : never
  : never

type EpisodeRow = Prisma.EpisodeGetPayload<object>

interface FollowedRow {
  episodeId: string
  versionId: string
  code: string
  version: number
  title: string
}

/** The rows with what they follow: in one statement, as a version without its protocol would be none. */
async function withProtocols(tx: Transaction, clinicId: string, rows: readonly EpisodeRow[]): Promise<Episode[]> {
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const followed = await tx.$queryRaw<FollowedRow[]>`
    SELECT f.episode_id AS "episodeId", v.id AS "versionId", p.code, v.number AS version, v.title
    FROM episode_protocol f
    JOIN protocol_version v ON v.clinic_id = f.clinic_id AND v.id = f.version_id
    JOIN protocol p ON p.clinic_id = v.clinic_id AND p.id = v.protocol_id
    WHERE f.clinic_id = ${clinicId}::uuid AND f.episode_id = ANY(${ids}::uuid[])`
  const byEpisode = Map.groupBy(followed, ({ episodeId }) => episodeId)
  return rows.map((row) => toEpisode(row, byEpisode.get(row.id) ?? []))
}

function toEpisode(row: EpisodeRow, followed: readonly FollowedRow[]): Episode {
  return {
    id: row.id,
    patientId: row.patientId,
    status: row.status as Episode['status'],
    surgeryDate: fromDate(row.surgeryDate),
    procedures: row.procedures,
    levels: row.levels,
    side: row.side as Side | null,
    protocols: followed
      .map(({ versionId, code, version, title }) => ({ versionId, code, version, title }))
      .sort((a, b) => (a.code < b.code ? -1 : 1)),
    revision: row.revision,
    createdAt: fromTimestamp(row.createdAt),
    changedAt: fromTimestamp(row.changedAt),
  }
}

/** Episodes in the order in which they were opened, after `after`. */
export async function listEpisodes(
  tx: Transaction,
  clinicId: string,
  page: {
    after: string | null
    take: number
    patientId?: string | undefined
    status?: 'open' | 'closed' | undefined
    procedure?: string | undefined
  },
): Promise<Episode[]> {
  const rows = await tx.episode.findMany({
    where: {
      clinicId,
      ...(page.after !== null && { id: { gt: page.after } }),
      ...(page.patientId !== undefined && { patientId: page.patientId }),
      ...(page.status !== undefined && { status: page.status }),
      ...(page.procedure !== undefined && { procedures: { has: page.procedure } }),
    },
    orderBy: { id: 'asc' },
    take: page.take,
  })
  return withProtocols(tx, clinicId, rows)
}

export async function readEpisode(tx: Transaction, clinicId: string, id: string): Promise<Episode | null> {
  const row = await tx.episode.findUnique({ where: { clinicId_id: { clinicId, id } } })
  const [episode = null] = await withProtocols(tx, clinicId, row === null ? [] : [row])
  return episode
}

/** Holds the episode until the transaction ends, so that its entries follow one another. */
export async function lockEpisode(tx: Transaction, clinicId: string, id: string): Promise<Episode | null> {
  await tx.$queryRaw`SELECT 1 FROM episode WHERE clinic_id = ${clinicId}::uuid AND id = ${id}::uuid FOR UPDATE`
  return readEpisode(tx, clinicId, id)
}

/** Inserts the row of an episode whose record begins with the entries that the caller appends next. */
export async function insertEpisode(
  tx: Transaction,
  episode: {
    clinicId: string
    id: string
    patientId: string
    surgeryDate: CalendarDate
    procedures: readonly string[]
    levels: readonly string[]
    side: Side | null
    createdAt: Instant
  },
): Promise<void> {
  noteMade(episode.id)
  await tx.episode.create({
    data: {
      ...episode,
      surgeryDate: toDate(episode.surgeryDate),
      procedures: [...episode.procedures],
      levels: [...episode.levels],
      createdAt: toTimestamp(episode.createdAt),
      changedAt: toTimestamp(episode.createdAt),
      status: 'open',
      revision: 0,
    },
  })
}

/** Writes what the record now says into the episode's row. The caller holds its lock. */
export async function updateEpisode(
  tx: Transaction,
  clinicId: string,
  id: string,
  change: {
    revision: number
    changedAt: Instant
    status?: Episode['status']
    surgery?: {
      surgeryDate: CalendarDate
      procedures: readonly string[]
      levels: readonly string[]
      side: Side | null
    }
    versions?: readonly string[]
  },
): Promise<void> {
  const { revision, changedAt, status, surgery, versions } = change
  await tx.episode.update({
    where: { clinicId_id: { clinicId, id } },
    data: {
      revision,
      changedAt: toTimestamp(changedAt),
      ...(status !== undefined && { status }),
      ...(surgery !== undefined && {
        surgeryDate: toDate(surgery.surgeryDate),
        procedures: [...surgery.procedures],
        levels: [...surgery.levels],
        side: surgery.side,
      }),
    },
  })
  if (versions !== undefined) {
    await tx.episodeProtocol.deleteMany({ where: { clinicId, episodeId: id } })
    await tx.episodeProtocol.createMany({
      data: versions.map((versionId) => ({ clinicId, episodeId: id, versionId })),
    })
  }
}

export async function insertEntries(
  tx: Transaction,
  owner: { clinicId: string; episodeId: string; recordedBy: string },
  entries: readonly (NewEntry & { id: string; revision: number; recordedAt: Instant })[],
): Promise<void> {
  await tx.recordEntry.createMany({
    data: entries.map(({ id, kind, revision, recordedAt, ...payload }) => ({
      ...owner,
      id,
      kind,
      revision,
      recordedAt: toTimestamp(recordedAt),
      payload: payload as Prisma.InputJsonObject,
    })),
  })
}

type EntryRow = Prisma.RecordEntryGetPayload<object>

function toEntry(row: EntryRow): StoredEntry {
  return {
    ...(row.payload as object),
    id: row.id,
    kind: row.kind,
    revision: row.revision,
    recordedAt: fromTimestamp(row.recordedAt),
    recordedBy: row.recordedBy,
  } as StoredEntry
}

/** Entries in the order in which they were recorded, after revision `after`. */
export async function listEntries(
  tx: Transaction,
  clinicId: string,
  episodeId: string,
  page: { kind?: RecordEntry['kind']; after?: number | null; take?: number } = {},
): Promise<StoredEntry[]> {
  const rows = await tx.recordEntry.findMany({
    where: {
      clinicId,
      episodeId,
      ...(page.kind !== undefined && { kind: page.kind }),
      ...(page.after !== undefined && page.after !== null && { revision: { gt: page.after } }),
    },
    orderBy: { revision: 'asc' },
    ...(page.take !== undefined && { take: page.take }),
  })
  return rows.map(toEntry)
}

export async function readEntry(
  tx: Transaction,
  clinicId: string,
  episodeId: string,
  id: string,
): Promise<StoredEntry | null> {
  const row = await tx.recordEntry.findUnique({ where: { clinicId_id: { clinicId, id } } })
  return row === null || row.episodeId !== episodeId ? null : toEntry(row)
}

/** The entries that void others, by the id of what they void. */
export async function readVoids(
  tx: Transaction,
  clinicId: string,
  episodeId: string,
): Promise<Map<string, Extract<StoredEntry, { kind: 'void' }>>> {
  const voids = await listEntries(tx, clinicId, episodeId, { kind: 'void' })
  return new Map(voids.flatMap((entry) => (entry.kind === 'void' ? [[entry.entry, entry]] : [])))
}

/** The entries, each with the one that voids it. */
export async function withVoids(
  tx: Transaction,
  clinicId: string,
  episodeId: string,
  entries: readonly StoredEntry[],
): Promise<RecordedEntry[]> {
  const voids = await readVoids(tx, clinicId, episodeId)
  return entries.map((entry) => {
    const voiding = voids.get(entry.id)
    return {
      ...entry,
      voided: voiding ? { by: voiding.id, reason: voiding.reason, recordedAt: voiding.recordedAt } : null,
    }
  })
}

/**
 * The whole record of an episode in one round trip, under row-level security; null if the clinic has no such episode.
 * `settled` waits for entries that are being written: a question about a past moment must see all that have it.
 */
export async function readRecord(
  pool: pg.Pool,
  clinicId: string,
  episodeId: string,
  { settled }: { settled: boolean },
): Promise<StoredEntry[] | null> {
  const { rows } = await pool.query<{ entries: StoredEntry[] | null }>(
    'SELECT entries FROM read_record($1::uuid, $2::uuid, $3)',
    [clinicId, episodeId, settled],
  )
  return rows[0] === undefined ? null : (rows[0].entries ?? [])
}

/** An episode's whole record. */
export interface EpisodeRecord {
  id: string
  patientId: string
  /** Now. */
  status: Episode['status']
  entries: readonly StoredEntry[]
}

/** The procedures of the surgery, as the record has it last. */
export function proceduresOf({ entries }: Pick<EpisodeRecord, 'entries'>): readonly string[] {
  const surgery = entries.findLast((entry) => entry.kind === 'surgery')
  return surgery?.kind === 'surgery' ? surgery.procedures : []
}

type EntryTuple = [id: string, kind: string, revision: number, milliseconds: number, payload: object]

/** The payload becomes the entry, as it is nobody else's. */
function fromTuple([id, kind, revision, milliseconds, payload]: EntryTuple): StoredEntry {
  const entry = payload as Record<string, unknown>
  entry.id = id
  entry.kind = kind
  entry.revision = revision
  entry.recordedAt = instantOf(milliseconds)
  return payload as StoredEntry
}

interface EpisodeRecordRow {
  episode_id: string
  patient_id: string
  status: string
  entries: EntryTuple[] | null
}

function toEpisodeRecord(row: EpisodeRecordRow): EpisodeRecord {
  const entries = (row.entries ?? []).map(fromTuple)
  return { id: row.episode_id, patientId: row.patient_id, status: row.status as Episode['status'], entries }
}

/** What an episode's record is now. */
export interface EpisodeState {
  /** Another one after every change. */
  state: string
  /** Null: the caller has those of this state. */
  entries: StoredEntry[] | null
}

interface StateWanted {
  id: string
  /** The state whose entries the caller has. */
  kept: string | null
  /** What is put on record if the clinic has the episode. */
  event: AuditEvent
}

/**
 * Reads the state of an episode, and its record unless the caller has that, and puts the reading on record; null if the
 * clinic has no such episode. One round trip, under row-level security, for all who ask at the same time; what was stored
 * before they asked is in it.
 */
export function createStateReader({
  db,
  audit,
}: Pick<Context, 'db' | 'audit'>): (clinicId: string, wanted: StateWanted) => Promise<EpisodeState | null> {
  return db.gather<StateWanted, EpisodeState | null>((clinicId, wanted) =>
    audit.along(clinicId, async () => {
      const rows = await db.ask<{ place: number; state: string; entries: EpisodeRecordRow['entries'] }>(
        'read-states',
        'SELECT place, state, entries FROM read_states($1::uuid, $2::uuid[], $3::text[], $4::jsonb)',
        [
          clinicId,
          wanted.map(({ id }) => id),
          wanted.map(({ kept }) => kept),
          toJson(
            clinicId,
            wanted.map(({ event }) => event),
          ),
        ],
      )
      const states: (EpisodeState | null)[] = wanted.map(() => null)
      for (const { place, state, entries } of rows) {
        states[place - 1] = { state, entries: entries === null ? null : entries.map(fromTuple) }
      }
      return states
    }),
  )
}

/** Which episodes a page of a caseload is of. */
export interface CaseloadPage {
  /** Ids of the versions, one of which an episode must follow; null: it may follow anything, or nothing. */
  versions: readonly string[] | null
  /** Exactly those with these ids, open or not. */
  among?: readonly string[] | null
  /** Only those that have changed after it, open or not, whatever they follow. */
  since?: Instant | null
  knownAt: Instant
  after: string
  most: number
}

/** An episode with its record as it came: a text that takes little room until somebody reads it. */
export interface UnreadRecord {
  id: string
  patientId: string
  entries: string
}

/** Each entry of the record that was known at the moment, a new object every time. */
export function entriesOf({ entries }: UnreadRecord, knownAt: Instant): StoredEntry[] {
  const known: StoredEntry[] = []
  for (const tuple of JSON.parse(entries) as EntryTuple[]) {
    const entry = fromTuple(tuple)
    if (entry.recordedAt <= knownAt) known.push(entry)
  }
  return known
}

/**
 * One page of the episodes that may have been open and have followed one of the versions at `knownAt`, by id, with their
 * whole records, in one round trip.
 */
export async function readCaseloadPage(
  pool: pg.Pool,
  clinicId: string,
  { versions, among = null, since = null, knownAt, after, most }: CaseloadPage,
): Promise<UnreadRecord[]> {
  const { rows } = await pool.query<UnreadRecord>(
    `SELECT episode_id AS id, patient_id AS "patientId", entries FROM read_caseload_page(
       $1::uuid, $2::uuid[], $3::uuid[], $4::timestamptz, $5::timestamptz, $6::uuid, $7)`,
    [clinicId, versions, among, since, knownAt, after, most],
  )
  return rows
}

/** Ids of the episodes that have changed after `since`, in order; null: they are more than `most`. */
export async function listChanged(
  tx: Transaction,
  clinicId: string,
  { since, most }: { since: Instant; most: number },
): Promise<string[] | null> {
  const rows = await tx.episode.findMany({
    where: { clinicId, changedAt: { gt: toTimestamp(since) } },
    select: { id: true },
    orderBy: { changedAt: 'asc' },
    take: most + 1,
  })
  return rows.length > most ? null : rows.map(({ id }) => id).sort()
}

/** Who is changing an episode or its record at this instant, in whatever clinic: names of transactions. */
export async function readWriters(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ writer: string }>(
    `SELECT DISTINCT virtualtransaction AS writer FROM pg_locks
     WHERE locktype = 'relation' AND relation = 'episode'::regclass AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND mode IN ('RowShareLock', 'RowExclusiveLock')`,
  )
  return rows.map(({ writer }) => writer)
}

/** The latest moment that any record of the clinic has. */
export async function readLastChange(db: Pick<Database, 'ask'>, clinicId: string): Promise<Instant | null> {
  const [row] = await db.ask<{ milliseconds: string | null }>(
    'read-last-change',
    'SELECT read_last_change($1::uuid) AS milliseconds',
    [clinicId],
  )
  return row?.milliseconds == null ? null : instantOf(Number(row.milliseconds))
}

/** The episodes with these ids, by id, with their whole records. The caller holds their locks where that matters. */
export async function readRecords(tx: Transaction, clinicId: string, ids: readonly string[]): Promise<EpisodeRecord[]> {
  const rows = await tx.$queryRaw<EpisodeRecordRow[]>`SELECT * FROM read_records(${clinicId}::uuid, ${ids}::uuid[])`
  return rows.map(toEpisodeRecord)
}

/** Holds the episodes until the transaction ends, in one order, so that two who do so never wait for each other. */
export async function lockEpisodes(tx: Transaction, clinicId: string, ids: readonly string[]): Promise<void> {
  await tx.$queryRaw`
    SELECT 1 FROM episode WHERE clinic_id = ${clinicId}::uuid AND id = ANY(${ids}::uuid[]) ORDER BY id FOR UPDATE`
}

/** Ids of the open episodes that follow one of the versions, by id, behind `after`. */
export async function listFollowers(
  tx: Transaction,
  clinicId: string,
  page: { versions: readonly string[]; after: string; take: number },
): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT e.id FROM episode e
    WHERE e.clinic_id = ${clinicId}::uuid AND e.id > ${page.after}::uuid AND e.status = 'open' AND EXISTS (
      SELECT FROM episode_protocol p
      WHERE p.clinic_id = e.clinic_id AND p.episode_id = e.id AND p.version_id = ANY(${page.versions}::uuid[]))
    ORDER BY e.id LIMIT ${page.take}`
  return rows.map(({ id }) => id)
}

/** An assignment that is put at the end of a record. */
export interface Reassignment {
  episodeId: string
  entry: string
  revision: number
  recordedAt: Instant
  from: string
  to: string
  /** All that the episode follows then. */
  versions: readonly string[]
}

/** Appends an assignment to each record and brings the episodes' rows up to date. The caller holds their locks. */
export async function reassign(
  tx: Transaction,
  clinicId: string,
  { move, reason, recordedBy }: { move: string; reason: string; recordedBy: string },
  items: readonly Reassignment[],
): Promise<void> {
  await tx.recordEntry.createMany({
    data: items.map(({ episodeId, entry, revision, recordedAt, versions }) => ({
      clinicId,
      id: entry,
      episodeId,
      revision,
      kind: 'assignment',
      payload: { versions: [...versions], reason, move },
      recordedAt: toTimestamp(recordedAt),
      recordedBy,
    })),
  })
  const rows = JSON.stringify(items.map(({ versions: _, ...row }) => row))
  await tx.$executeRaw`
    UPDATE episode e SET revision = x.revision, changed_at = x."recordedAt"
    FROM jsonb_to_recordset(${rows}::jsonb) x("episodeId" uuid, revision integer, "recordedAt" timestamptz)
    WHERE e.clinic_id = ${clinicId}::uuid AND e.id = x."episodeId"`
  await tx.$executeRaw`
    UPDATE episode_protocol p SET version_id = x."to"
    FROM jsonb_to_recordset(${rows}::jsonb) x("episodeId" uuid, "from" uuid, "to" uuid)
    WHERE p.clinic_id = ${clinicId}::uuid AND p.episode_id = x."episodeId" AND p.version_id = x."from"`
}

/** Those of the ids that are the clinic's episodes. */
export async function knownEpisodes(tx: Transaction, clinicId: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.episode.findMany({ where: { clinicId, id: { in: [...ids] } }, select: { id: true } })
  return new Set(rows.map(({ id }) => id))
}
