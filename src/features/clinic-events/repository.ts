import type { Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Prisma } from '../../db/generated/client.ts'
import type { Actor } from '../../http/auth.ts'
import type { Instant } from '../../rules/index.ts'

export const clinicEventKinds = [
  'settings-changed',
  'suspended',
  'resumed',
  'key-created',
  'key-rotated',
  'key-revoked',
  'client-registered',
  'client-changed',
  'client-revoked',
  'actor-blocked',
  'actor-unblocked',
] as const

/** Something that was done to the clinic itself. */
export interface ClinicEvent {
  id: string
  kind: (typeof clinicEventKinds)[number]
  payload: {
    /** The key or client that it is about. */
    about?: { id: string; name: string; role: string; scopes: string[] | null }
    /** What was changed, from what to what. */
    changes?: { field: string; before: unknown; after: unknown }[]
    /** Who was shut out or let in again. */
    actor?: { id: string; kind: Actor['kind']; name: string }
    reason?: string
  }
  recordedAt: Instant
  /** Null: the operator. */
  recordedBy: string | null
}

export async function insertClinicEvent(tx: Transaction, event: ClinicEvent & { clinicId: string }): Promise<void> {
  await tx.clinicEvent.create({
    data: { ...event, payload: event.payload as Prisma.InputJsonObject, recordedAt: toTimestamp(event.recordedAt) },
  })
}

/** Newest first, from before `before`. */
export async function listClinicEvents(
  tx: Transaction,
  clinicId: string,
  { before, take }: { before: Pick<ClinicEvent, 'recordedAt' | 'id'> | null; take: number },
): Promise<ClinicEvent[]> {
  const recordedAt = before === null ? null : toTimestamp(before.recordedAt)
  const rows = await tx.clinicEvent.findMany({
    where: {
      clinicId,
      ...(before !== null &&
        recordedAt !== null && {
          OR: [{ recordedAt: { lt: recordedAt } }, { recordedAt, id: { lt: before.id } }],
        }),
    },
    orderBy: [{ recordedAt: 'desc' }, { id: 'desc' }],
    take,
  })
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind as ClinicEvent['kind'],
    payload: row.payload as ClinicEvent['payload'],
    recordedAt: fromTimestamp(row.recordedAt),
    recordedBy: row.recordedBy,
  }))
}
