import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors } from '../../http/problems.ts'
import { uuid } from '../../http/schemas.ts'
import { issueKey, refuseUnknownKey, revokeKey, rotateKey } from './issue.ts'
import { keyMakerOf } from './key-maker.ts'
import { listApiKeys, readApiKey } from './repository.ts'
import { apiKey, apiKeyBody, newApiKey, revocationBody, rotationBody } from './schemas.ts'

const tags = ['identity']
const params = z.object({ id: uuid })
const cursor = cursorOf(uuid)

export async function registerApiKeys(app: FastifyInstance, context: Context): Promise<void> {
  const { db } = context
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/api-keys',
    {
      schema: {
        operationId: 'listApiKeys',
        summary: 'List the clinic’s API keys, newest first',
        description: 'Those that are revoked or expired too: histories name them.',
        tags,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(apiKey) },
      },
    },
    async (request, reply) => {
      const { limit, cursor: from } = request.query
      const before = cursor.read(from)
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) => listApiKeys(tx, clinicId, { before, take: limit + 1 }))
      return toPage(request, reply, rows, limit, ({ id }) => cursor.write(id))
    },
  )

  routes.post(
    '/api-keys',
    {
      schema: {
        operationId: 'createApiKey',
        summary: 'Make an API key',
        description:
          'For a piece of software, or for somebody whom no identity provider vouches for. One key for each: what it does is recorded under its name. The answer shows the key this once; a retry with its `Idempotency-Key` shows it again to the credential that asked for it, and to no other. Nobody can give more scopes than they have.',
        tags,
        body: apiKeyBody,
        response: { 201: newApiKey, ...errors('NOT_PLAUSIBLE', 'ANSWER_SEALED') },
      },
    },
    async (request, reply) => {
      const maker = keyMakerOf(request, context)
      const made = await db.asClinic(maker.clinicId, (tx) => issueKey(tx, maker, request.body))
      return reply.code(201).header('location', `/v1/api-keys/${made.id}`).send(made)
    },
  )

  routes.get(
    '/api-keys/:id',
    {
      schema: {
        operationId: 'getApiKey',
        summary: 'Read an API key, without its secret',
        tags,
        params,
        response: { 200: apiKey, ...errors('API_KEY_NOT_FOUND') },
      },
    },
    async (request) => {
      const { id } = request.params
      const { clinicId } = request.actor
      return (await db.asClinic(clinicId, (tx) => readApiKey(tx, clinicId, id))) ?? refuseUnknownKey(id)
    },
  )

  routes.post(
    '/api-keys/:id/rotate',
    {
      schema: {
        operationId: 'rotateApiKey',
        summary: 'Make the key’s successor, and let the old one go on for a while',
        description:
          'The new key has the same name, role and scopes, and records name both as one. The old one is refused from `oldKeyUntil` on, so that there is time to change over.',
        tags,
        params,
        body: rotationBody,
        response: {
          201: newApiKey,
          ...errors('API_KEY_NOT_FOUND', 'NOT_IN_FORCE', 'NOT_PLAUSIBLE', 'ANSWER_SEALED'),
        },
      },
    },
    async (request, reply) => {
      const maker = keyMakerOf(request, context)
      const made = await db.asClinic(maker.clinicId, (tx) => rotateKey(tx, maker, request.params.id, request.body))
      return reply.code(201).header('location', `/v1/api-keys/${made.id}`).send(made)
    },
  )

  routes.post(
    '/api-keys/:id/revoke',
    {
      schema: {
        operationId: 'revokeApiKey',
        summary: 'Revoke an API key, at once and for good',
        description:
          'From this answer on every request with it is refused, on every replica. One that is revoked already stays as it is. A clinic that revokes its last key gets another from the operator.',
        tags,
        params,
        body: revocationBody,
        response: { 200: apiKey, ...errors('API_KEY_NOT_FOUND') },
      },
    },
    (request) => {
      const maker = keyMakerOf(request, context)
      return db.asClinic(maker.clinicId, (tx) => revokeKey(tx, maker, request.params.id, request.body.reason))
    },
  )
}
