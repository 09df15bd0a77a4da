import { noteMade, type Transaction } from '../../db/client.ts'
import { type Role, rolesWith, type Scope, scopesOfRole } from '../../http/access.ts'
import { type Actor, makeApiKey } from '../../http/auth.ts'
import { listWords } from '../../http/nearest.ts'
import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { Instant } from '../../rules/index.ts'
import { type ClinicEvent, insertClinicEvent } from '../clinic-events/repository.ts'
import { type ApiKey, insertApiKey, lockApiKey, readApiKey, replaceApiKey, revokeApiKey } from './repository.ts'

/** Who makes, rotates or revokes a key; without an actor it is the operator. */
export interface KeyMaker {
  clinicId: string
  actor: Actor | null
  now: Instant
  nextId: () => string
}

export interface Grant {
  role: Role
  scopes?: readonly Scope[] | null | undefined
}

/** Refuses scopes that the role does not have, and more than whoever gives them has. */
export function requireGrantable(actor: Actor | null, { role, scopes = null }: Grant): void {
  const ofRole: readonly Scope[] = scopesOfRole[role]
  const foreign = (scopes ?? []).filter((scope) => !ofRole.includes(scope))
  if (foreign.length > 0) {
    const errors = foreign.map((scope) => ({
      pointer: `/scopes/${scopes?.indexOf(scope)}`,
      detail: `is not a scope of the role \`${role}\`: ${listWords(rolesWith(scope))} ${rolesWith(scope).length === 1 ? 'has' : 'have'} \`${scope}\``,
    }))
    throw new ProblemError(
      'NOT_PLAUSIBLE',
      errors.map(({ pointer, detail }) => `\`${pointer}\` ${detail}`).join('; '),
      {
        errors,
      },
    )
  }
  if (actor === null) return
  const beyond = (scopes ?? ofRole).filter((scope) => !actor.scopes.has(scope))
  if (beyond.length === 0) return
  throw new ProblemError(
    'INSUFFICIENT_SCOPE',
    `nobody can give more than they have, and this needs ${listWords(beyond, 'and')} as well: name fewer \`scopes\`, or use a key or an account that has them`,
    { requiredScope: beyond[0], missingScopes: beyond },
  )
}

/** Makes a key, and returns it with its secret, which nobody can read again. */
export async function issueKey(
  tx: Transaction,
  maker: KeyMaker,
  { name, role, scopes = null, expiresAt = null }: Grant & { name: string; expiresAt?: Instant | null | undefined },
): Promise<ApiKey & { key: string }> {
  requireGrantable(maker.actor, { role, scopes })
  requireFuture(maker, '/expiresAt', expiresAt)
  const id = maker.nextId()
  const made = await store(tx, maker, { id, name, role, scopes, expiresAt })
  await record(tx, maker, 'key-created', made)
  return made
}

const longestOverlap = { hours: 90 * 24 }

/** Makes the key's successor, which is the same actor, and lets the old one go on until the stated moment. */
export async function rotateKey(
  tx: Transaction,
  maker: KeyMaker,
  id: string,
  { oldKeyUntil, expiresAt: given }: { oldKeyUntil?: Instant | undefined; expiresAt?: Instant | undefined },
): Promise<ApiKey & { key: string }> {
  const old = await requireKey(tx, maker.clinicId, id)
  requireInForce(old, maker.now)
  if (old.replacedBy !== null) {
    throw new ProblemError(
      'NOT_IN_FORCE',
      `the key “${old.name}” was rotated already: rotate its successor ${old.replacedBy}`,
    )
  }
  // The successor's secret is as good as the key's own.
  requireGrantable(maker.actor, old)
  const expiresAt = given ?? nextLife(old, maker.now)
  requireFuture(maker, '/expiresAt', expiresAt)
  const latest = later(maker.now, longestOverlap)
  const until = oldKeyUntil ?? later(maker.now, { hours: 24 })
  if (until < maker.now || until > latest) {
    const detail = `must lie between now and ${latest}: the overlap is there to change over`
    throw new ProblemError('NOT_PLAUSIBLE', `\`oldKeyUntil\` ${detail}`, {
      errors: [{ pointer: '/oldKeyUntil', detail }],
    })
  }
  const { name, role, scopes, actor: actorId } = old
  const made = await store(tx, maker, { id: maker.nextId(), actorId, name, role, scopes, expiresAt })
  const ends = old.expiresAt !== null && old.expiresAt < until ? old.expiresAt : until
  await replaceApiKey(tx, maker.clinicId, id, { replacedBy: made.id, expiresAt: ends })
  await record(tx, maker, 'key-rotated', old, {
    changes: [
      { field: 'replacedBy', before: null, after: made.id },
      { field: 'expiresAt', before: old.expiresAt, after: ends },
    ],
  })
  return made
}

/** Ends a key at once and for good; one that is revoked already stays as it is. */
export async function revokeKey(
  tx: Transaction,
  maker: KeyMaker,
  id: string,
  reason: string | undefined,
): Promise<ApiKey> {
  const key = await requireKey(tx, maker.clinicId, id)
  if (key.revokedAt !== null) return key
  await revokeApiKey(tx, maker.clinicId, id, { at: maker.now, by: maker.actor?.id ?? null })
  await record(tx, maker, 'key-revoked', key, reason === undefined ? {} : { reason })
  return requireKey(tx, maker.clinicId, id)
}

async function requireKey(tx: Transaction, clinicId: string, id: string): Promise<ApiKey> {
  return (await lockApiKey(tx, clinicId, id)) ?? refuseUnknownKey(id)
}

export function refuseUnknownKey(id: string): never {
  throw new ProblemError('API_KEY_NOT_FOUND', `there is no API key ${id}: \`GET /v1/api-keys\` lists them`)
}

function requireInForce(key: ApiKey, now: Instant): void {
  const fault =
    key.revokedAt !== null ? 'is revoked' : key.expiresAt !== null && key.expiresAt <= now ? 'has expired' : null
  if (fault === null) return
  throw new ProblemError('NOT_IN_FORCE', `the key “${key.name}” ${fault}: make another (POST /v1/api-keys)`)
}

function requireFuture({ now }: KeyMaker, pointer: string, moment: Instant | null): void {
  if (moment === null || moment > now) return
  const detail = `must lie in the future: it is ${now} now`
  throw new ProblemError('NOT_PLAUSIBLE', `\`${pointer.slice(1)}\` ${detail}`, { errors: [{ pointer, detail }] })
}

/** As long as the old key was given. */
function nextLife({ createdAt, expiresAt }: ApiKey, now: Instant): Instant | null {
  if (expiresAt === null) return null
  const life = Temporal.Instant.from(createdAt).until(expiresAt)
  return toInstantText(Temporal.Instant.from(now).add(life))
}

function later(now: Instant, span: { hours: number }): Instant {
  return toInstantText(Temporal.Instant.from(now).add(span))
}

async function store(
  tx: Transaction,
  { clinicId, actor, now }: KeyMaker,
  key: Required<Grant> & { id: string; actorId?: string; name: string; expiresAt: Instant | null },
): Promise<ApiKey & { key: string }> {
  const secret = makeApiKey(clinicId)
  await insertApiKey(tx, {
    ...key,
    scopes: key.scopes ?? null,
    clinicId,
    key: secret,
    createdAt: now,
    createdBy: actor?.id ?? null,
  })
  noteMade(key.id)
  const stored = await readApiKey(tx, clinicId, key.id)
  if (stored === null) throw new Error('the key was just stored')
  return { ...stored, key: secret }
}

async function record(
  tx: Transaction,
  { clinicId, actor, now, nextId }: KeyMaker,
  kind: ClinicEvent['kind'],
  { id, name, role, scopes }: ApiKey,
  payload: Pick<ClinicEvent['payload'], 'changes' | 'reason'> = {},
): Promise<void> {
  const about = { id, name, role, scopes }
  await insertClinicEvent(tx, {
    clinicId,
    id: nextId(),
    kind,
    payload: { about, ...payload },
    recordedAt: now,
    recordedBy: actor?.id ?? null,
  })
}
