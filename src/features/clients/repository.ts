import { noteMade, type Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Client as ClientRow, Prisma } from '../../db/generated/client.ts'
import type { Role, Scope } from '../../http/access.ts'
import { clientIdOf } from '../../http/auth.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { Instant } from '../../rules/index.ts'
import { insertActor } from '../actors/repository.ts'
import type { KeySet } from './schemas.ts'

export interface Client {
  id: string
  clientId: string
  name: string
  role: Exclude<Role, 'administrator'>
  /** Null: all that the role has. */
  scopes: Scope[] | null
  jwks: KeySet
  revision: number
  createdAt: Instant
  createdBy: string
  revokedAt: Instant | null
  revokedBy: string | null
  lastUsedAt: Instant | null
}

function toClient(row: ClientRow): Client {
  const moment = (date: Date | null): Instant | null => (date === null ? null : fromTimestamp(date))
  return {
    id: row.id,
    clientId: clientIdOf(row.clinicId, row.id),
    name: row.name,
    role: row.role as Client['role'],
    scopes: row.scopes.length === 0 ? null : (row.scopes as Scope[]),
    jwks: row.jwks as unknown as KeySet,
    revision: row.revision,
    createdAt: fromTimestamp(row.createdAt),
    createdBy: row.createdBy,
    revokedAt: moment(row.revokedAt),
    revokedBy: row.revokedBy,
    lastUsedAt: moment(row.lastUsedAt),
  }
}

/** The client, and the actor that it is. */
export async function insertClient(
  tx: Transaction,
  client: Pick<Client, 'id' | 'name' | 'role' | 'scopes' | 'jwks' | 'createdAt' | 'createdBy'> & { clinicId: string },
): Promise<Client> {
  const { clinicId, id, name, createdAt } = client
  noteMade(id)
  await insertActor(tx, { clinicId, id, kind: 'client', name, createdAt })
  const row = await tx.client.create({
    data: {
      ...client,
      scopes: client.scopes ?? [],
      jwks: client.jwks as unknown as Prisma.InputJsonObject,
      revision: 1,
      createdAt: toTimestamp(createdAt),
    },
  })
  return toClient(row)
}

/** Newest first, from before the id `before`. */
export async function listClients(
  tx: Transaction,
  clinicId: string,
  { before, take }: { before: string | null; take: number },
): Promise<Client[]> {
  const rows = await tx.client.findMany({
    where: { clinicId, ...(before !== null && { id: { lt: before } }) },
    orderBy: { id: 'desc' },
    take,
  })
  return rows.map(toClient)
}

export async function readClient(tx: Transaction, clinicId: string, id: string): Promise<Client | null> {
  const row = await tx.client.findUnique({ where: { clinicId_id: { clinicId, id } } })
  return row === null ? null : toClient(row)
}

/** The client, which nobody else can change until the transaction ends. */
export async function lockClient(tx: Transaction, clinicId: string, id: string): Promise<Client | null> {
  await tx.$queryRaw`SELECT FROM client WHERE clinic_id = ${clinicId}::uuid AND id = ${id}::uuid FOR UPDATE`
  return readClient(tx, clinicId, id)
}

export async function updateClient(
  tx: Transaction,
  clinicId: string,
  { id, revision }: Pick<Client, 'id' | 'revision'>,
  change: Pick<Client, 'name' | 'role' | 'scopes' | 'jwks'>,
): Promise<Client> {
  const row = await tx.client.update({
    where: { clinicId_id: { clinicId, id }, revision },
    data: {
      ...change,
      scopes: change.scopes ?? [],
      jwks: change.jwks as unknown as Prisma.InputJsonObject,
      revision: { increment: 1 },
    },
  })
  return toClient(row)
}

export async function revokeClient(
  tx: Transaction,
  clinicId: string,
  id: string,
  { at, by }: { at: Instant; by: string },
): Promise<Client> {
  const row = await tx.client.update({
    where: { clinicId_id: { clinicId, id } },
    data: { revokedAt: toTimestamp(at), revokedBy: by, revision: { increment: 1 } },
  })
  await deleteTokens(tx, clinicId, id)
  return toClient(row)
}

/** Every access token of the client, so that it needs a new one. */
export async function deleteTokens(tx: Transaction, clinicId: string, clientId: string): Promise<void> {
  await tx.accessToken.deleteMany({ where: { clinicId, clientId } })
}

/** Whether the clinic lets anybody in, and has not shut the client out. */
export async function isLetIn(tx: Transaction, clinicId: string, id: string): Promise<boolean> {
  const row = await tx.actor.findUnique({
    where: { clinicId_id: { clinicId, id }, blockedAt: null, clinic: { suspendedAt: null } },
    select: { id: true },
  })
  return row !== null
}

/** False if the assertion was taken before, on whichever replica. Those that have expired are forgotten. */
export async function takeAssertion(
  tx: Transaction,
  clinicId: string,
  clientId: string,
  { jtiHash, expiresAt, now }: { jtiHash: Buffer; expiresAt: Instant; now: Instant },
): Promise<boolean> {
  await tx.clientAssertion.deleteMany({ where: { clinicId, clientId, expiresAt: { lt: toTimestamp(now) } } })
  const { count } = await tx.clientAssertion.createMany({
    data: { clinicId, clientId, jtiHash: new Uint8Array(jtiHash), expiresAt: toTimestamp(expiresAt) },
    skipDuplicates: true,
  })
  return count === 1
}

/** Longer than an answer may take: what was begun with a token goes on while that is there. */
const keptAfterEnd = { hours: 2 }

/** Keeps the token's hash, and forgets those of the client that have expired long ago. */
export async function insertToken(
  tx: Transaction,
  token: {
    clinicId: string
    id: string
    clientId: string
    tokenHash: Buffer
    scopes: readonly Scope[]
    createdAt: Instant
    expiresAt: Instant
  },
): Promise<void> {
  const { clinicId, clientId } = token
  noteMade(token.id)
  const createdAt = toTimestamp(token.createdAt)
  const ended = toTimestamp(toInstantText(Temporal.Instant.from(token.createdAt).subtract(keptAfterEnd)))
  await tx.accessToken.deleteMany({ where: { clinicId, clientId, expiresAt: { lt: ended } } })
  await tx.accessToken.create({
    data: {
      ...token,
      tokenHash: new Uint8Array(token.tokenHash),
      scopes: [...token.scopes],
      createdAt,
      expiresAt: toTimestamp(token.expiresAt),
    },
  })
  await tx.client.update({
    where: { clinicId_id: { clinicId, id: clientId } },
    data: { lastUsedAt: createdAt },
  })
}
