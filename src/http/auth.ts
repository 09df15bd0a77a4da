import { createHash, randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError } from './problems.ts'

/** Who asks: the clinic and the key. */
export interface Actor {
  clinicId: string
  keyId: string
  keyName: string
  role: string
  /** The clinic's IANA time zone, which says what "today" is. */
  timeZone: string
}

/** What is stored of a key, as far as it decides about a request. */
export interface FoundApiKey {
  id: string
  name: string
  role: string
  expiresAt: Temporal.Instant | null
  revokedAt: Temporal.Instant | null
  timeZone: string
}

export type FindApiKey = (clinicId: string, hash: Buffer) => Promise<FoundApiKey | null>

declare module 'fastify' {
  interface FastifyRequest {
    /** Set in the private scope only. */
    actor: Actor
  }
}

/**
 * A new key: the clinic's id and 32 random bytes. The clinic is in the key, so that it is known before the lookup and
 * row-level security holds for the lookup too.
 */
export function makeApiKey(clinicId: string, random: Uint8Array = randomBytes(32)): string {
  const id = Buffer.from(clinicId.replaceAll('-', ''), 'hex')
  if (id.length !== 16) throw new Error('a clinic id is a UUID')
  if (random.length !== 32) throw new Error('an API key takes 32 random bytes')
  return `rp_${id.toString('base64url')}_${Buffer.from(random).toString('base64url')}`
}

/** The start of a key, by which a person can tell it from others; too little of it to be a secret. */
export function prefixOf(key: string): string {
  return key.slice(0, madeKey.test(key) ? 32 : Math.min(8, Math.floor(key.length / 4)))
}

// Both parts may contain `_` and `-` themselves, so lengths and not separators tell them apart.
const madeKey = /^rp_([A-Za-z0-9_-]{22})_[A-Za-z0-9_-]{43}$/

/** The clinic of a key: named in the key or, for a text that the operator chose, a UUIDv8 from its SHA-256. */
export function clinicIdOfKey(key: string): string {
  const embedded = madeKey.exec(key)?.[1]
  if (embedded !== undefined) return toUuid(Buffer.from(embedded, 'base64url'))
  const bytes = hashKey(key).subarray(0, 16)
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  return toUuid(bytes)
}

function toUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** What is stored instead of the key. A plain hash is enough, because a key is not a password: nobody can guess it. */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest()
}

/** What can follow `Bearer `: wider than RFC 6750, because an operator may choose the first key freely. */
const bearerToken = /^[\x21-\x7e]{1,300}$/

/** Makes every route of this scope, and only of this scope, need a valid API key. */
export function requireApiKey(app: FastifyInstance, find: FindApiKey, now: () => Temporal.Instant): void {
  app.decorateRequest('actor')
  app.addHook('onRequest', async (request) => {
    request.actor = await authenticate(request, find, now)
  })
}

async function authenticate(request: FastifyRequest, find: FindApiKey, now: () => Temporal.Instant): Promise<Actor> {
  const key = readBearerToken(request.headers.authorization)
  const clinicId = clinicIdOfKey(key)
  const found = await find(clinicId, hashKey(key))
  const valid =
    found !== null &&
    found.revokedAt === null &&
    (found.expiresAt === null || Temporal.Instant.compare(now(), found.expiresAt) < 0)
  // One answer for an unknown, a revoked and an expired key, so that nobody learns which keys exist.
  if (!valid) throw refuse('INVALID_API_KEY', 'the API key is unknown, revoked or expired', 'invalid_token')
  return { clinicId, keyId: found.id, keyName: found.name, role: found.role, timeZone: found.timeZone }
}

function readBearerToken(header: string | undefined): string {
  if (header === undefined || header.trim() === '') {
    throw refuse('AUTHENTICATION_REQUIRED', 'send the clinic’s API key in the header `Authorization: Bearer <key>`')
  }
  const [scheme = '', token = '', ...rest] = header.trim().split(/ +/)
  if (scheme.toLowerCase() !== 'bearer') {
    throw refuse(
      'AUTHENTICATION_REQUIRED',
      'the `Authorization` header must have the scheme `Bearer` followed by the API key, and has another scheme',
    )
  }
  if (rest.length > 0 || !bearerToken.test(token)) {
    const detail = 'the `Authorization` header must be `Bearer` followed by one API key, without quotes or line breaks'
    throw refuse('INVALID_API_KEY', detail, 'invalid_token')
  }
  return token
}

function refuse(code: 'AUTHENTICATION_REQUIRED' | 'INVALID_API_KEY', detail: string, error?: string): ProblemError {
  const challenge = `Bearer realm="rehab-protocols"${error === undefined ? '' : `, error="${error}"`}`
  return new ProblemError(code, detail, { headers: { 'www-authenticate': challenge } })
}
