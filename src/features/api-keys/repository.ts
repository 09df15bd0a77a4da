import type { Database, Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { ApiKey as ApiKeyRow } from '../../db/generated/client.ts'
import type { Role, Scope } from '../../http/access.ts'
import { type Actor, type FoundCredential, hashKey, prefixOf } from '../../http/auth.ts'
import type { Instant } from '../../rules/index.ts'
import { insertActor } from '../actors/repository.ts'

interface FoundRow {
  credential_id: string
  actor_id: string
  kind: FoundCredential['kind']
  name: string
  role: string
  scopes: string[] | null
  expires_at: number | null
  revoked: boolean
  time_zone: string
}

/** The API key or access token with this hash in this clinic, in force or not. */
export async function findCredential(
  db: Pick<Database, 'ask'>,
  { clinicId, hash, now }: { clinicId: string; hash: Buffer; now: Temporal.Instant },
): Promise<FoundCredential | null> {
  const [row] = await db.ask<FoundRow>(
    'authenticate',
    `select credential_id, actor_id, kind, name, role, scopes, revoked, time_zone,
      (extract(epoch from expires_at) * 1000)::float8 as expires_at
      from authenticate($1::uuid, $2::bytea, $3::timestamptz)`,
    [clinicId, hash, now.toString()],
  )
  if (row === undefined) return null
  return {
    credentialId: row.credential_id,
    actorId: row.actor_id,
    kind: row.kind,
    name: row.name,
    role: row.role,
    scopes: row.scopes,
    expiresAt: row.expires_at === null ? null : Temporal.Instant.fromEpochMilliseconds(Math.floor(row.expires_at)),
    revoked: row.revoked,
    timeZone: row.time_zone,
  }
}

/**
 * `findCredential` with one round trip to the database for all who come with one credential at the same time. Every
 * request begins with it: so a revocation works at once, on every replica.
 */
export function createCredentialFinder(db: Pick<Database, 'ask' | 'gather'>) {
  type Asking = Parameters<typeof findCredential>[1]
  const find = db.gather<Asking, FoundCredential | null>(async (_credential, asking) => {
    const found = await findCredential(db, asking[0])
    return asking.map(() => found)
  })
  return (clinicId: string, hash: Buffer, now: Temporal.Instant) =>
    find(`${clinicId} ${hash.toString('base64url')}`, { clinicId, hash, now })
}

/** Whether whoever was let in would be let in still. */
export async function isInForce(
  db: Database,
  { clinicId, id, credentialId }: Pick<Actor, 'clinicId' | 'id' | 'credentialId'>,
  now: Temporal.Instant,
): Promise<boolean> {
  const { rows } = await db.pool.query<{ in_force: boolean }>({
    text: 'select still_in_force($1::uuid, $2::uuid, $3::uuid, $4::timestamptz) as in_force',
    values: [clinicId, id, credentialId, now.toString()],
  })
  return rows[0]?.in_force === true
}

/** A key as it is shown: nobody can read the key itself again. */
export interface ApiKey {
  id: string
  /** Whom records name; the same after a rotation. */
  actor: string
  name: string
  prefix: string
  role: Role
  /** Null: all that the role has. */
  scopes: Scope[] | null
  createdAt: Instant
  /** Null: the operator. */
  createdBy: string | null
  expiresAt: Instant | null
  replacedBy: string | null
  revokedAt: Instant | null
  revokedBy: string | null
  lastUsedAt: Instant | null
}

function toApiKey(row: ApiKeyRow): ApiKey {
  const moment = (date: Date | null): Instant | null => (date === null ? null : fromTimestamp(date))
  return {
    id: row.id,
    actor: row.actorId,
    name: row.name,
    prefix: row.prefix,
    role: row.role as Role,
    scopes: row.scopes.length === 0 ? null : (row.scopes as Scope[]),
    createdAt: fromTimestamp(row.createdAt),
    createdBy: row.createdBy,
    expiresAt: moment(row.expiresAt),
    replacedBy: row.replacedBy,
    revokedAt: moment(row.revokedAt),
    revokedBy: row.revokedBy,
    lastUsedAt: moment(row.lastUsedAt),
  }
}

export interface NewApiKey {
  clinicId: string
  id: string
  /** Left out: it is an actor of its own. */
  actorId?: string
  name: string
  /** The whole key; only its hash and its start are stored. */
  key: string
  role: string
  /** Left out or null: all that the role has. */
  scopes?: readonly Scope[] | null
  createdAt: Instant
  createdBy?: string | null
  expiresAt?: Instant | null
}

export async function insertApiKey(tx: Transaction, key: NewApiKey): Promise<void> {
  const { clinicId, id, name, createdAt, actorId = id } = key
  if (actorId === id) await insertActor(tx, { clinicId, id, kind: 'api-key', name, createdAt })
  await tx.apiKey.create({
    data: {
      clinicId,
      id,
      actorId,
      name,
      prefix: prefixOf(key.key),
      keyHash: new Uint8Array(hashKey(key.key)),
      role: key.role,
      scopes: [...(key.scopes ?? [])],
      createdAt: toTimestamp(createdAt),
      createdBy: key.createdBy ?? null,
      expiresAt: key.expiresAt == null ? null : toTimestamp(key.expiresAt),
    },
  })
}

/** Newest first, from before the id `before`. */
export async function listApiKeys(
  tx: Transaction,
  clinicId: string,
  { before, take }: { before: string | null; take: number },
): Promise<ApiKey[]> {
  const rows = await tx.apiKey.findMany({
    where: { clinicId, ...(before !== null && { id: { lt: before } }) },
    orderBy: { id: 'desc' },
    take,
  })
  return rows.map(toApiKey)
}

export async function readApiKey(tx: Transaction, clinicId: string, id: string): Promise<ApiKey | null> {
  const row = await tx.apiKey.findUnique({ where: { clinicId_id: { clinicId, id } } })
  return row === null ? null : toApiKey(row)
}

/** The key, which nobody else can rotate or revoke until the transaction ends. */
export async function lockApiKey(tx: Transaction, clinicId: string, id: string): Promise<ApiKey | null> {
  await tx.$queryRaw`SELECT FROM api_key WHERE clinic_id = ${clinicId}::uuid AND id = ${id}::uuid FOR UPDATE`
  return readApiKey(tx, clinicId, id)
}

/** Lets a key go on until a moment, beside the one that follows it. */
export async function replaceApiKey(
  tx: Transaction,
  clinicId: string,
  id: string,
  { replacedBy, expiresAt }: { replacedBy: string; expiresAt: Instant },
): Promise<void> {
  await tx.apiKey.update({
    where: { clinicId_id: { clinicId, id } },
    data: { replacedBy, expiresAt: toTimestamp(expiresAt) },
  })
}

export async function revokeApiKey(
  tx: Transaction,
  clinicId: string,
  id: string,
  { at, by }: { at: Instant; by: string | null },
): Promise<void> {
  await tx.apiKey.update({
    where: { clinicId_id: { clinicId, id } },
    data: { revokedAt: toTimestamp(at), revokedBy: by },
  })
}
