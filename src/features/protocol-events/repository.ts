import type { Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { ProtocolEvent as EventRow, Prisma } from '../../db/generated/client.ts'
import type { Instant } from '../../rules/index.ts'
import type { Clinic } from '../clinics/repository.ts'
import type { Change } from '../protocols/changes.ts'

/** What an event says beside who, when and why. */
export interface EventPayload {
  /** started: the version that the draft was started from. */
  from?: number
  /** merged: from which content of the library to which, by their hashes. */
  merged?: { from: string | null; library: string }
  /** edited, merged */
  changes?: Change[]
  moreChanges?: number
  /** edited, merged, withdrawn: an approval was lost. */
  lostApproval?: true
  /** published: the clinic's rule at that time. */
  approval?: Clinic['approval']
  /** retired: how many open episodes went on following it. */
  openEpisodes?: number
}

export const eventKinds = [
  'started',
  'edited',
  'merged',
  'submitted',
  'withdrawn',
  'returned',
  'approved',
  'published',
  'retired',
  'discarded',
] as const

/** Something that happened to a protocol. */
export interface ProtocolEvent {
  id: string
  versionId: string
  kind: (typeof eventKinds)[number]
  revision: number
  note: string | null
  payload: EventPayload
  recordedAt: Instant
  recordedBy: string
}

function toEvent(row: EventRow): ProtocolEvent {
  const payload = row.payload as EventPayload
  return {
    id: row.id,
    versionId: row.versionId,
    kind: row.kind as ProtocolEvent['kind'],
    revision: row.revision,
    note: row.note,
    payload: { ...payload, ...(payload.changes && { changes: payload.changes.map(inOrder) }) },
    recordedAt: fromTimestamp(row.recordedAt),
    recordedBy: row.recordedBy,
  }
}

/** JSONB has an order of its own; a change is read from left to right. */
function inOrder({ kind, code, change, ...values }: Change): Change {
  return { kind, code, change, ...values }
}

export async function insertEvent(
  tx: Transaction,
  event: ProtocolEvent & { clinicId: string; protocolId: string },
): Promise<void> {
  await tx.protocolEvent.create({ data: { ...event, payload: event.payload as Prisma.InputJsonObject } })
}

/** Where a page of the history ends. */
export type EventPlace = Pick<ProtocolEvent, 'recordedAt' | 'revision' | 'id'>

/** A protocol's events, newest first, from before `before`. */
export async function listEvents(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
  page: { before: EventPlace | null; take: number; kind: ProtocolEvent['kind'] | undefined },
): Promise<(ProtocolEvent & { version: number | null })[]> {
  const rows = await tx.protocolEvent.findMany({
    where: {
      clinicId,
      protocolId,
      ...(page.kind !== undefined && { kind: page.kind }),
      ...(page.before !== null && { OR: earlierThan(page.before) }),
    },
    orderBy: [{ recordedAt: 'desc' }, { revision: 'desc' }, { id: 'desc' }],
    take: page.take,
  })
  const versions = await tx.protocolVersion.findMany({
    where: { clinicId, id: { in: [...new Set(rows.map(({ versionId }) => versionId))] } },
    select: { id: true, number: true },
  })
  const numbers = new Map(versions.map(({ id, number }) => [id, number]))
  return rows.map((row) => ({ ...toEvent(row), version: numbers.get(row.versionId) ?? null }))
}

function earlierThan({ recordedAt: at, revision, id }: EventPlace): Prisma.ProtocolEventWhereInput[] {
  const recordedAt = toTimestamp(at)
  return [
    { recordedAt: { lt: recordedAt } },
    { recordedAt, revision: { lt: revision } },
    { recordedAt, revision, id: { lt: id } },
  ]
}

/** What happened to the protocol's drafts after a revision, oldest first: the last `most` of it. */
export async function readDraftEvents(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
  { after, most }: { after: number; most: number },
): Promise<ProtocolEvent[]> {
  const rows = await tx.protocolEvent.findMany({
    // A version that is retired goes on counting from its publication, beside the drafts.
    where: { clinicId, protocolId, revision: { gt: after }, kind: { not: 'retired' } },
    // The revisions of one draft after another, whatever the clocks say.
    orderBy: { revision: 'desc' },
    take: most,
  })
  return rows.map(toEvent).reverse()
}

/** From which content of the library that one was merged last, by their hashes; undefined: it was not merged. */
export async function readMergedFrom(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
  library: string,
): Promise<string | null | undefined> {
  const row = await tx.protocolEvent.findFirst({
    where: { clinicId, protocolId, kind: 'merged', payload: { path: ['merged', 'library'], equals: library } },
    orderBy: { revision: 'desc' },
  })
  return row === null ? undefined : toEvent(row).payload.merged?.from
}

/** The highest revision that any version of the protocol has had. */
export async function readLastRevision(tx: Transaction, clinicId: string, protocolId: string): Promise<number> {
  const where = { clinicId, protocolId }
  const events = await tx.protocolEvent.aggregate({ where, _max: { revision: true } })
  const versions = await tx.protocolVersion.aggregate({ where, _max: { revision: true } })
  return Math.max(events._max.revision ?? 0, versions._max.revision ?? 0)
}
