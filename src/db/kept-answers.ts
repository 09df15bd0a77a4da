import type pg from 'pg'
import type { Transaction } from './client.ts'
import type { Prisma } from './generated/client.ts'

/** Whose key it is. Keys of two actors or of two clinics have nothing to do with each other. */
export interface KeyHolder {
  clinicId: string
  actorId: string
  /** SHA-256 of the key. */
  keyHash: Uint8Array<ArrayBuffer>
}

/** The first answer to a request, as it was sent. */
export interface KeptAnswer {
  /** SHA-256 of what makes a request this one. */
  fingerprint: Uint8Array<ArrayBuffer>
  status: number
  headers: Readonly<Record<string, string>>
  body: Uint8Array<ArrayBuffer>
  /** The body is encrypted. */
  isSealed: boolean
}

/** The patient of an answer that is gone was deleted, and its headers and body with them. */
export interface FoundAnswer extends KeptAnswer {
  isGone: boolean
}

/**
 * Holds the key until the transaction ends. Returns what was answered to it before; null: nothing yet. Somebody else who
 * holds it is waited for, but not for longer than a second: then it is the error of a lock that timed out.
 */
export async function claimKey(
  tx: Transaction,
  { clinicId, actorId, keyHash }: KeyHolder,
): Promise<FoundAnswer | null> {
  const rows = await tx.$queryRaw<(Omit<KeptAnswer, 'isSealed'> & { is_sealed: boolean; is_gone: boolean })[]>`
    SELECT * FROM claim_idempotency_key(${clinicId}::uuid, ${actorId}::uuid, ${keyHash})`
  const [row] = rows
  if (row === undefined) return null
  const { is_sealed: isSealed, is_gone: isGone, ...answer } = row
  return { ...answer, isSealed, isGone }
}

/** Keeps the answer, together with what the transaction has written. The caller has claimed the key. */
export async function keepAnswer(
  tx: Transaction,
  { clinicId, actorId, keyHash }: KeyHolder,
  { headers, ...answer }: KeptAnswer,
): Promise<void> {
  await tx.idempotencyKey.createMany({
    data: [{ clinicId, actorId, keyHash, ...answer, headers: headers as Prisma.InputJsonObject }],
  })
}

/** Removes up to `most` answers, of all clinics, that were kept for as long as was promised. Returns how many it were. */
export async function sweepAnswers(pool: pg.Pool, most: number): Promise<number> {
  const { rows } = await pool.query<{ swept: number }>('SELECT sweep_idempotency_keys($1) AS swept', [most])
  return rows[0]?.swept ?? 0
}
