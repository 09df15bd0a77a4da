import { hash, randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { allow, type Scope } from './access.ts'
import type { TokenVerifier, VouchedPerson } from './access-tokens.ts'
import type { Claim } from './audit.ts'
import { ProblemError } from './problems.ts'

export const actorKinds = ['api-key', 'person', 'client'] as const

/** Who acts, whatever they prove it with: an API key, a person whom an identity provider knows, a client. */
export interface Actor {
  clinicId: string
  /** What records and histories name. Keys that follow one another by rotation have the same. */
  id: string
  kind: (typeof actorKinds)[number]
  name: string
  role: string
  scopes: ReadonlySet<Scope>
  /** The API key or the access token itself; null: a token that the service has not issued. */
  credentialId: string | null
  /** The clinic's IANA time zone, which says what "today" is. */
  timeZone: string
}

/** What is stored of an API key or an access token, as far as it decides about a request. */
export interface FoundCredential {
  credentialId: string
  actorId: string
  kind: Actor['kind']
  name: string
  role: string
  /** Null: all that the role has. */
  scopes: readonly string[] | null
  expiresAt: Temporal.Instant | null
  /** It is revoked, or so is its client, or the clinic is suspended or has shut its owner out. */
  revoked: boolean
  timeZone: string
}

/** How the service finds out who asks. */
export interface Identities {
  findCredential: (clinicId: string, hash: Buffer, now: Temporal.Instant) => Promise<FoundCredential | null>
  /** Null: the clinic is not there, or suspended, or has shut them out. */
  findPerson: (person: VouchedPerson, now: Temporal.Instant) => Promise<{ id: string; timeZone: string } | null>
  verifyToken: TokenVerifier
  /** Whether whoever was let in would be let in still. */
  isInForce: (actor: Actor, now: Temporal.Instant) => Promise<boolean>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set in the private scope only. */
    actor: Actor
    /** Throws the problem if the actor is let in no more; for what lasts, as each write asks by itself. */
    requireInForce: () => Promise<void>
  }
}

/** Milliseconds; a body that takes longer to come is one that a revocation may have passed. */
const slowBody = 1000

/**
 * A new key: the clinic's id and 32 random bytes. The clinic is in the key, so that it is known before the lookup and
 * row-level security holds for the lookup too.
 */
export function makeApiKey(clinicId: string, random: Uint8Array = randomBytes(32)): string {
  return makeSecret('rp', clinicId, random)
}

/** A new access token for a client, built as a key is. */
export function makeAccessToken(clinicId: string, random: Uint8Array = randomBytes(32)): string {
  return makeSecret('rt', clinicId, random)
}

function makeSecret(prefix: string, clinicId: string, random: Uint8Array): string {
  if (random.length !== 32) throw new Error('a secret takes 32 random bytes')
  return `${prefix}_${toBase64(clinicId)}_${Buffer.from(random).toString('base64url')}`
}

/** What a client calls itself by: its clinic and itself, neither of them secret. */
export function clientIdOf(clinicId: string, id: string): string {
  return `rc_${toBase64(clinicId)}_${toBase64(id)}`
}

/** The clinic and the id in a client's name for itself; null when it is no such name. */
export function readClientId(text: string): { clinicId: string; id: string } | null {
  const [, clinic, id] = /^rc_([A-Za-z0-9_-]{22})_([A-Za-z0-9_-]{22})$/.exec(text) ?? []
  if (clinic === undefined || id === undefined) return null
  const found = { clinicId: toUuid(Buffer.from(clinic, 'base64url')), id: toUuid(Buffer.from(id, 'base64url')) }
  return clientIdOf(found.clinicId, found.id) === text ? found : null
}

function toBase64(uuid: string): string {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex')
  if (bytes.length !== 16) throw new Error('an id is a UUID')
  return bytes.toString('base64url')
}

/** The start of a key, by which a person can tell it from others; too little of it to be a secret. */
export function prefixOf(key: string): string {
  return key.slice(0, madeKey.test(key) ? 32 : Math.min(8, Math.floor(key.length / 4)))
}

// Both parts may contain `_` and `-` themselves, so lengths and not separators tell them apart.
const madeKey = /^r[pt]_([A-Za-z0-9_-]{22})_[A-Za-z0-9_-]{43}$/

/** The clinic of a key: named in the key or, for a text that the operator chose, a UUIDv8 from its SHA-256. */
export function clinicIdOfKey(key: string): string {
  const embedded = madeKey.exec(key)?.[1]
  if (embedded !== undefined) return toUuid(Buffer.from(embedded, 'base64url'))
  const bytes = hashKey(key).subarray(0, 16)
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  return toUuid(bytes)
}

/**
 * Whether nobody can try out what the key is, as anybody could who has its clinic's id: long, of many characters, and mixed
 * as chance does it, small letters, capitals and digits, and not in words and numbers.
 */
export function isHardToGuess(key: string): boolean {
  const runs = key.match(/[a-z]+|[A-Z]+|\d+/g) ?? []
  return key.length >= 32 && new Set(key).size >= 12 && runs.length >= key.length * 0.3
}

function toUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** What is stored instead of the key. A plain hash is enough, because a key is not a password: nobody can guess it. */
export function hashKey(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

/** What can follow `Bearer `: wider than RFC 6750, because an operator may choose the first key freely. */
const bearerToken = /^[\x21-\x7e]{1,300}$/
/** An access token of an identity provider; one without a signature is known by its shape too, to be refused by name. */
const jsonWebToken = /^eyJ[\w-]{1,4000}\.[\w-]{1,8000}\.[\w-]{0,2000}$/

/** Makes every route of this scope, and only of this scope, need a valid API key or access token. */
export function requireAuthentication(app: FastifyInstance, identities: Identities, now: () => Temporal.Instant): void {
  app.decorateRequest('actor')
  app.decorateRequest('requireInForce', async function (this: FastifyRequest): Promise<void> {
    if (!(await identities.isInForce(this.actor, now()))) throw refuseEnded({ actorKind: this.actor.kind })
  })
  app.addHook('onRequest', async (request) => {
    request.actor = await authenticate(request, identities, now())
  })
  app.addHook('preValidation', async (request, reply) => {
    if (reply.elapsedTime > slowBody) await request.requireInForce()
  })
}

function authenticate(request: FastifyRequest, identities: Identities, now: Temporal.Instant): Promise<Actor> {
  const token = readBearerToken(request.headers.authorization)
  const claim = (made: Claim): void => {
    if (request.audit) request.audit.claim = made
  }
  return jsonWebToken.test(token)
    ? recognisePerson(token, identities, now, claim)
    : recogniseSecret(token, identities, now, claim)
}

type MakeClaim = (claim: Claim) => void

async function recogniseSecret(
  secret: string,
  identities: Identities,
  now: Temporal.Instant,
  claim: MakeClaim,
): Promise<Actor> {
  const clinicId = clinicIdOfKey(secret)
  const found = await identities.findCredential(clinicId, hashKey(secret), now)
  const valid =
    found !== null && !found.revoked && (found.expiresAt === null || Temporal.Instant.compare(now, found.expiresAt) < 0)
  // One answer for an unknown, a revoked and an expired key, so that nobody learns which keys exist; the clinic does.
  if (!valid) {
    const whose = found !== null && { actor: { id: found.actorId, kind: found.kind }, credentialId: found.credentialId }
    claim({ clinicId, ...whose })
    throw secret.startsWith('rt_')
      ? refuseToken('is unknown, revoked or expired: get another')
      : refuse('INVALID_API_KEY', 'the API key is unknown, revoked or expired')
  }
  const { actorId: id, kind, name, role, credentialId, timeZone } = found
  return { clinicId, id, kind, name, role, scopes: allow([role], found.scopes), credentialId, timeZone }
}

async function recognisePerson(
  token: string,
  identities: Identities,
  now: Temporal.Instant,
  claim: MakeClaim,
): Promise<Actor> {
  const person = await identities.verifyToken(token, now, (clinicId) => claim({ clinicId }))
  const found = await identities.findPerson(person, now)
  if (found === null) {
    claim({ clinicId: person.clinicId })
    throw refuseToken(
      'names no clinic of this service for which its issuer may speak, or one that lets its owner in no more',
    )
  }
  const { clinicId, name, roles, scopes } = person
  return {
    clinicId,
    id: found.id,
    kind: 'person',
    name,
    role: roles.join(', '),
    scopes: allow(roles, scopes),
    credentialId: null,
    timeZone: found.timeZone,
  }
}

function readBearerToken(header: string | undefined): string {
  if (header === undefined || header.trim() === '') {
    throw challenge(
      'AUTHENTICATION_REQUIRED',
      'send the clinic’s API key or an access token in the header `Authorization: Bearer <key>`',
    )
  }
  const [scheme = '', token = '', ...rest] = header.trim().split(/ +/)
  if (scheme.toLowerCase() !== 'bearer') {
    throw challenge(
      'AUTHENTICATION_REQUIRED',
      'the `Authorization` header must have the scheme `Bearer` followed by the API key or the access token, and has another scheme',
    )
  }
  if (rest.length > 0 || !(bearerToken.test(token) || jsonWebToken.test(token))) {
    const detail =
      'the `Authorization` header must be `Bearer` followed by one API key or access token, without quotes or line breaks'
    throw refuse('INVALID_API_KEY', detail)
  }
  return token
}

function refuse(code: 'INVALID_API_KEY' | 'INVALID_ACCESS_TOKEN', detail: string): ProblemError {
  return challenge(code, detail, 'invalid_token')
}

/** Refuses an access token; `fault` completes "the access token …". */
export function refuseToken(fault: string): ProblemError {
  return refuse('INVALID_ACCESS_TOKEN', `the access token ${fault}`)
}

/** Refuses whoever was let in, and was shut out before they were done. */
export function refuseEnded({ actorKind }: { actorKind: string }): ProblemError {
  return actorKind === 'api-key'
    ? refuse('INVALID_API_KEY', 'the API key was revoked, or has expired, before the request was done')
    : refuseToken('was revoked, or whoever it is for was shut out, before the request was done')
}

function challenge(
  code: 'AUTHENTICATION_REQUIRED' | 'INVALID_API_KEY' | 'INVALID_ACCESS_TOKEN',
  detail: string,
  error?: string,
): ProblemError {
  const value = `Bearer realm="rehab-protocols"${error === undefined ? '' : `, error="${error}"`}`
  return new ProblemError(code, detail, { headers: { 'www-authenticate': value } })
}
