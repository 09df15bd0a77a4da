import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import { actorKinds } from '../../http/auth.ts'
import type { Context } from '../../http/context.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { instant, text, uuid } from '../../http/schemas.ts'
import { keyMakerOf } from '../api-keys/key-maker.ts'
import { insertClinicEvent } from '../clinic-events/repository.ts'
import { blockActor, type KnownActor, listActors, lockActor, readActor } from './repository.ts'

const tags = ['identity']
const cursor = cursorOf(uuid)

const actor = z
  .object({
    id: uuid.describe('As records and histories name it.'),
    kind: z.enum(actorKinds),
    name: z.string(),
    issuer: z.string().nullable().describe('Of a person: the identity provider that vouches for them.'),
    subject: z.string().nullable().describe('Of a person: what the identity provider calls them.'),
    createdAt: instant.describe('When they were first seen.'),
    blockedAt: instant.nullable().describe('Since when they are shut out; null: they are not.'),
  })
  .meta({ id: 'Actor', description: 'Whoever acts in the clinic: an API key, a person or a client.' })

const params = z.object({ id: uuid })
const blockBody = z.strictObject({ reason: text(500).optional().describe('Why, for the clinic’s history.') })

export async function registerActors(app: FastifyInstance, context: Context): Promise<void> {
  const { db } = context
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/actors',
    {
      schema: {
        operationId: 'listActors',
        summary: 'List who has acted in the clinic, or may',
        description: 'In the order in which they came. Whoever cannot act any more stays, because records name them.',
        tags,
        querystring: z.strictObject({ ...pageQuery, kind: z.enum(actorKinds).optional().describe('Only these.') }),
        response: { 200: pageOf(actor) },
      },
    },
    async (request, reply) => {
      const { limit, cursor: from, kind } = request.query
      const after = cursor.read(from)
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) => listActors(tx, clinicId, { after, take: limit + 1, kind }))
      return toPage(request, reply, rows, limit, ({ id }) => cursor.write(id))
    },
  )

  routes.get(
    '/actors/:id',
    {
      schema: {
        operationId: 'getActor',
        summary: 'Read who it is that a record or a history names',
        tags,
        params,
        response: { 200: actor, ...errors('ACTOR_NOT_FOUND') },
      },
    },
    async (request) => {
      const { id } = request.params
      const { clinicId } = request.actor
      return (await db.asClinic(clinicId, (tx) => readActor(tx, clinicId, id))) ?? refuseUnknown(id)
    },
  )

  routes.post(
    '/actors/:id/block',
    {
      schema: {
        operationId: 'blockActor',
        summary: 'Shut out a person, a key or a client, at once',
        description:
          'From this answer on every request of theirs is refused, on every replica, whatever token or key they have; what they did stays on record. A person who has left is shut out here until their identity provider knows it too. Can be taken back, other than a revocation; one who is shut out already stays as they are.',
        tags,
        params,
        body: blockBody,
        response: { 200: actor, ...errors('ACTOR_NOT_FOUND', 'NOT_PLAUSIBLE') },
      },
    },
    (request) => {
      const maker = keyMakerOf(request, context)
      return db.asClinic(maker.clinicId, (tx) => setBlocked(tx, maker, request.params.id, true, request.body.reason))
    },
  )

  routes.post(
    '/actors/:id/unblock',
    {
      schema: {
        operationId: 'unblockActor',
        summary: 'Let somebody in again who was shut out',
        description: 'With keys and tokens that are still in force. One who is not shut out stays as they are.',
        tags,
        params,
        body: blockBody,
        response: { 200: actor, ...errors('ACTOR_NOT_FOUND') },
      },
    },
    (request) => {
      const maker = keyMakerOf(request, context)
      return db.asClinic(maker.clinicId, (tx) => setBlocked(tx, maker, request.params.id, false, request.body.reason))
    },
  )
}

async function setBlocked(
  tx: Transaction,
  { clinicId, actor: by, now, nextId }: ReturnType<typeof keyMakerOf>,
  id: string,
  isBlocked: boolean,
  reason: string | undefined,
): Promise<KnownActor> {
  const found = (await lockActor(tx, clinicId, id)) ?? refuseUnknown(id)
  if (isBlocked && id === by.id) {
    const detail = 'names yourself: another administrator can shut you out'
    throw new ProblemError('NOT_PLAUSIBLE', `\`id\` ${detail}`, { errors: [{ in: 'path', parameter: 'id', detail }] })
  }
  if ((found.blockedAt !== null) === isBlocked) return found
  await blockActor(tx, clinicId, id, isBlocked ? now : null)
  await insertClinicEvent(tx, {
    clinicId,
    id: nextId(),
    kind: isBlocked ? 'actor-blocked' : 'actor-unblocked',
    payload: { actor: { id, kind: found.kind, name: found.name }, ...(reason !== undefined && { reason }) },
    recordedAt: now,
    recordedBy: by.id,
  })
  return (await readActor(tx, clinicId, id)) ?? refuseUnknown(id)
}

function refuseUnknown(id: string): never {
  throw new ProblemError('ACTOR_NOT_FOUND', `there is no actor ${id}: \`GET /v1/actors\` lists them`)
}
