import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { actorKinds } from '../../http/auth.ts'
import type { Context } from '../../http/context.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { instant, uuid } from '../../http/schemas.ts'
import { listActors, readActor } from './repository.ts'

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
  })
  .meta({ id: 'Actor', description: 'Whoever acts in the clinic: an API key, a person or a client.' })

export async function registerActors(app: FastifyInstance, { db }: Context): Promise<void> {
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
        params: z.object({ id: uuid }),
        response: { 200: actor, ...errors('ACTOR_NOT_FOUND') },
      },
    },
    async (request) => {
      const { id } = request.params
      const { clinicId } = request.actor
      const found = await db.asClinic(clinicId, (tx) => readActor(tx, clinicId, id))
      if (found !== null) return found
      throw new ProblemError('ACTOR_NOT_FOUND', `there is no actor ${id}: \`GET /v1/actors\` lists them`)
    },
  )
}
