import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { importJWK } from 'jose'
import { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError, type ProblemLocation } from '../../http/problems.ts'
import { uuid } from '../../http/schemas.ts'
import { renameActor } from '../actors/repository.ts'
import { type KeyMaker, requireGrantable } from '../api-keys/issue.ts'
import { keyMakerOf } from '../api-keys/key-maker.ts'
import { revocationBody } from '../api-keys/schemas.ts'
import { type ClinicEvent, insertClinicEvent } from '../clinic-events/repository.ts'
import {
  type Client,
  deleteTokens,
  insertClient,
  listClients,
  lockClient,
  readClient,
  revokeClient,
  updateClient,
} from './repository.ts'
import { assertionAlgorithms, client, clientBody, clientChange, type KeySet } from './schemas.ts'

const tags = ['identity']
const params = z.object({ id: uuid })
const cursor = cursorOf(uuid)

/** The clients of the clinic: software that signs its own assertions. */
export async function registerClients(app: FastifyInstance, context: Context): Promise<void> {
  const { db } = context
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/clients',
    {
      schema: {
        operationId: 'listClients',
        summary: 'List the clinic’s clients, newest first',
        tags,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(client) },
      },
    },
    async (request, reply) => {
      const { limit, cursor: from } = request.query
      const before = cursor.read(from)
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) => listClients(tx, clinicId, { before, take: limit + 1 }))
      return toPage(request, reply, rows, limit, ({ id }) => cursor.write(id))
    },
  )

  routes.post(
    '/clients',
    {
      schema: {
        operationId: 'registerClient',
        summary: 'Register a client by its public keys',
        description:
          'For software that signs, as SMART Backend Services does: no secret is shared. With the `clientId` in the answer it gets access tokens at `POST /oauth/token`.',
        tags,
        body: clientBody,
        response: { 201: client, ...errors('NOT_PLAUSIBLE') },
      },
    },
    async (request, reply) => {
      const maker = keyMakerOf(request, context)
      const { name, role, scopes = null, jwks } = request.body
      requireGrantable(maker.actor, { role, scopes })
      const keys = await readKeys(jwks)
      const made = await db.asClinic(maker.clinicId, async (tx) => {
        const { clinicId, now: createdAt } = maker
        const createdBy = maker.actor.id
        const row = { clinicId, id: maker.nextId(), name, role, scopes, jwks: keys, createdAt, createdBy }
        const stored = await insertClient(tx, row)
        await record(tx, maker, 'client-registered', stored)
        return stored
      })
      return reply.code(201).header('location', `/v1/clients/${made.id}`).send(made)
    },
  )

  routes.get(
    '/clients/:id',
    {
      schema: {
        operationId: 'getClient',
        summary: 'Read a client',
        tags,
        params,
        response: { 200: client, ...errors('CLIENT_NOT_FOUND') },
      },
    },
    async (request) => {
      const { id } = request.params
      const { clinicId } = request.actor
      return (await db.asClinic(clinicId, (tx) => readClient(tx, clinicId, id))) ?? refuseUnknown(id)
    },
  )

  routes.patch(
    '/clients/:id',
    {
      schema: {
        operationId: 'updateClient',
        summary: 'Change a client’s name, role, scopes or keys',
        description:
          'The access tokens that it has end with this; it gets another with its next assertion. `scopes: null` gives it all that the role has.',
        tags,
        params,
        headers: ifMatchHeader,
        body: clientChange,
        response: { 200: client, ...errors('CLIENT_NOT_FOUND', 'NOT_IN_FORCE', 'NOT_PLAUSIBLE') },
      },
    },
    async (request) => {
      const maker = keyMakerOf(request, context)
      const { clinicId } = maker
      const { id } = request.params
      const { jwks, ...given } = request.body
      const keys = jwks === undefined ? undefined : await readKeys(jwks)
      return db.asClinic(clinicId, async (tx) => {
        const current = (await lockClient(tx, clinicId, id)) ?? refuseUnknown(id)
        requireIfMatch(request, current.revision)
        if (current.revokedAt !== null) {
          throw new ProblemError('NOT_IN_FORCE', `the client “${current.name}” is revoked: register another`)
        }
        const next = {
          name: given.name ?? current.name,
          role: given.role ?? current.role,
          scopes: given.scopes === undefined ? current.scopes : given.scopes,
          jwks: keys ?? current.jwks,
        }
        requireGrantable(maker.actor, next)
        const changed = await updateClient(tx, clinicId, current, next)
        if (next.name !== current.name) await renameActor(tx, clinicId, id, next.name)
        await deleteTokens(tx, clinicId, id)
        await record(tx, maker, 'client-changed', changed, { changes: changesBetween(current, next) })
        return changed
      })
    },
  )

  routes.post(
    '/clients/:id/revoke',
    {
      schema: {
        operationId: 'revokeClient',
        summary: 'Revoke a client, at once and for good',
        description:
          'Its access tokens end with this answer, on every replica. One that is revoked already stays as it is.',
        tags,
        params,
        body: revocationBody,
        response: { 200: client, ...errors('CLIENT_NOT_FOUND') },
      },
    },
    (request) => {
      const maker = keyMakerOf(request, context)
      const { clinicId, now: at } = maker
      const { id } = request.params
      const { reason } = request.body
      return db.asClinic(clinicId, async (tx) => {
        const current = (await lockClient(tx, clinicId, id)) ?? refuseUnknown(id)
        if (current.revokedAt !== null) return current
        const revoked = await revokeClient(tx, clinicId, id, { at, by: maker.actor.id })
        await record(tx, maker, 'client-revoked', revoked, reason === undefined ? {} : { reason })
        return revoked
      })
    },
  )
}

function refuseUnknown(id: string): never {
  throw new ProblemError('CLIENT_NOT_FOUND', `there is no client ${id}: \`GET /v1/clients\` lists them`)
}

/** The members that matter of each key. Refuses one that is no key, all of them at once. */
async function readKeys({ keys }: KeySet): Promise<KeySet> {
  const faults: ProblemLocation[] = []
  for (const [index, key] of keys.entries()) {
    const algorithm = key.alg ?? assertionAlgorithms.find((name) => name.startsWith(key.kty === 'RSA' ? 'RS' : 'ES'))
    try {
      await importJWK(key, algorithm)
    } catch {
      faults.push({ pointer: `/jwks/keys/${index}`, detail: 'is not a public key: its numbers do not fit together' })
    }
  }
  if (faults.length > 0) {
    const places = faults.map((fault) => ('pointer' in fault ? `\`${fault.pointer.slice(1)}\` ${fault.detail}` : ''))
    throw new ProblemError('NOT_PLAUSIBLE', places.join('; '), { errors: faults })
  }
  return {
    keys: keys.map((key) => {
      const { kty, kid, alg, use } = key
      const about = { kid, ...(alg && { alg }), ...(use && { use }) }
      return kty === 'RSA' ? { kty, ...about, n: key.n, e: key.e } : { kty, ...about, crv: key.crv, x: key.x, y: key.y }
    }),
  }
}

type Changeable = Pick<Client, 'name' | 'role' | 'scopes' | 'jwks'>

/** Of keys their names: a history is for people. */
function changesBetween(before: Changeable, after: Changeable): NonNullable<ClinicEvent['payload']['changes']> {
  const shown = ({ jwks, ...rest }: Changeable): object => ({ ...rest, jwks: jwks.keys.map(({ kid }) => kid) })
  return (['name', 'role', 'scopes', 'jwks'] as const)
    .filter((field) => !isDeepStrictEqual(before[field], after[field]))
    .map((field) => ({
      field,
      before: Reflect.get(shown(before), field),
      after: Reflect.get(shown(after), field),
    }))
}

async function record(
  tx: Transaction,
  { clinicId, actor, now, nextId }: KeyMaker,
  kind: ClinicEvent['kind'],
  { id, name, role, scopes }: Client,
  payload: Pick<ClinicEvent['payload'], 'changes' | 'reason'> = {},
): Promise<void> {
  await insertClinicEvent(tx, {
    clinicId,
    id: nextId(),
    kind,
    payload: { about: { id, name, role, scopes }, ...payload },
    recordedAt: now,
    recordedBy: actor?.id ?? null,
  })
}
