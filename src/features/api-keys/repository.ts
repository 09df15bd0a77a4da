import type { Database, Transaction } from '../../db/client.ts'
import { toTimestamp } from '../../db/dates.ts'
import { type FoundApiKey, hashKey, prefixOf } from '../../http/auth.ts'
import type { Instant } from '../../rules/index.ts'

interface FoundRow {
  id: string
  name: string
  role: string
  expires_at: number | null
  revoked_at: number | null
  time_zone: string
}

/** The key with this hash in this clinic, in force or not. One round trip, because every request begins with it. */
export async function findApiKey(db: Database, clinicId: string, hash: Buffer): Promise<FoundApiKey | null> {
  const { rows } = await db.pool.query<FoundRow>({
    text: `select id, name, role, time_zone,
      (extract(epoch from expires_at) * 1000)::float8 as expires_at,
      (extract(epoch from revoked_at) * 1000)::float8 as revoked_at
      from authenticate($1::uuid, $2::bytea)`,
    values: [clinicId, hash],
  })
  const row = rows[0]
  if (row === undefined) return null
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    expiresAt: toMoment(row.expires_at),
    revokedAt: toMoment(row.revoked_at),
    timeZone: row.time_zone,
  }
}

function toMoment(milliseconds: number | null): Temporal.Instant | null {
  return milliseconds === null ? null : Temporal.Instant.fromEpochMilliseconds(Math.floor(milliseconds))
}

/** The names of these keys, by their ids. */
export async function readKeyNames(
  tx: Transaction,
  clinicId: string,
  ids: readonly string[],
): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.apiKey.findMany({
    where: { clinicId, id: { in: [...new Set(ids)] } },
    select: { id: true, name: true },
  })
  return new Map(rows.map(({ id, name }) => [id, name]))
}

export interface NewApiKey {
  clinicId: string
  id: string
  name: string
  /** The whole key; only its hash and its start are stored. */
  key: string
  role: string
  createdAt: Instant
  expiresAt?: Instant | null
}

export async function insertApiKey(tx: Transaction, key: NewApiKey): Promise<void> {
  await tx.apiKey.create({
    data: {
      clinicId: key.clinicId,
      id: key.id,
      name: key.name,
      prefix: prefixOf(key.key),
      keyHash: new Uint8Array(hashKey(key.key)),
      role: key.role,
      createdAt: toTimestamp(key.createdAt),
      expiresAt: key.expiresAt == null ? null : toTimestamp(key.expiresAt),
    },
  })
}
