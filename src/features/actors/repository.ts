import type { Database, Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Actor as ActorRow } from '../../db/generated/client.ts'
import type { VouchedPerson } from '../../http/access-tokens.ts'
import type { Actor } from '../../http/auth.ts'
import type { Instant } from '../../rules/index.ts'

/** Whoever has acted in the clinic, or may. */
export interface KnownActor {
  id: string
  kind: Actor['kind']
  name: string
  /** Of a person: who vouches for them, and as whom. */
  issuer: string | null
  subject: string | null
  createdAt: Instant
  /** Null: it is not shut out. */
  blockedAt: Instant | null
}

function toActor(row: ActorRow): KnownActor {
  return {
    id: row.id,
    kind: row.kind as Actor['kind'],
    name: row.name,
    issuer: row.issuer,
    subject: row.subject,
    createdAt: fromTimestamp(row.createdAt),
    blockedAt: row.blockedAt === null ? null : fromTimestamp(row.blockedAt),
  }
}

/** An API key or a client; people come by themselves. */
export async function insertActor(
  tx: Transaction,
  actor: { clinicId: string; id: string; kind: 'api-key' | 'client'; name: string; createdAt: Instant },
): Promise<void> {
  await tx.actor.create({ data: { ...actor, createdAt: toTimestamp(actor.createdAt) } })
}

export async function renameActor(tx: Transaction, clinicId: string, id: string, name: string): Promise<void> {
  await tx.actor.update({ where: { clinicId_id: { clinicId, id } }, data: { name } })
}

/** Shuts it out from this moment on; null lets it in again. */
export async function blockActor(tx: Transaction, clinicId: string, id: string, at: Instant | null): Promise<void> {
  const blockedAt = at === null ? null : toTimestamp(at)
  await tx.actor.update({ where: { clinicId_id: { clinicId, id } }, data: { blockedAt } })
}

/**
 * The actor that a person is in the clinic, made when they first come. Null: the clinic is not there, or suspended, or
 * has shut them out.
 */
export async function findPerson(
  db: Database,
  person: VouchedPerson,
  { freshId, now }: { freshId: string; now: Temporal.Instant },
): Promise<{ id: string; timeZone: string } | null> {
  const { rows } = await db.pool.query<{ actor_id: string; time_zone: string }>({
    text: `select actor_id, time_zone
      from identify_person($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::timestamptz)`,
    values: [person.clinicId, freshId, person.issuer, person.subject, person.name, now.toString()],
  })
  const row = rows[0]
  return row === undefined ? null : { id: row.actor_id, timeZone: row.time_zone }
}

/** In the order in which they came, after the id `after`. */
export async function listActors(
  tx: Transaction,
  clinicId: string,
  { after, take, kind }: { after: string | null; take: number; kind: Actor['kind'] | undefined },
): Promise<KnownActor[]> {
  const rows = await tx.actor.findMany({
    where: { clinicId, ...(kind !== undefined && { kind }), ...(after !== null && { id: { gt: after } }) },
    orderBy: { id: 'asc' },
    take,
  })
  return rows.map(toActor)
}

export async function readActor(tx: Transaction, clinicId: string, id: string): Promise<KnownActor | null> {
  const row = await tx.actor.findUnique({ where: { clinicId_id: { clinicId, id } } })
  return row === null ? null : toActor(row)
}

/** As `readActor`, and nobody else changes it until the transaction ends. */
export async function lockActor(tx: Transaction, clinicId: string, id: string): Promise<KnownActor | null> {
  await tx.$queryRaw`SELECT 1 FROM actor WHERE clinic_id = ${clinicId}::uuid AND id = ${id}::uuid FOR UPDATE`
  return readActor(tx, clinicId, id)
}

/** These actors, by their ids. */
export async function readActors(
  tx: Transaction,
  clinicId: string,
  ids: readonly string[],
): Promise<Map<string, KnownActor>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.actor.findMany({ where: { clinicId, id: { in: [...new Set(ids)] } } })
  return new Map(rows.map((row) => [row.id, toActor(row)]))
}
