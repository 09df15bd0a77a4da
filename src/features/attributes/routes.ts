import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { noteMade } from '../../db/client.ts'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors } from '../../http/problems.ts'
import { noContent, slug, toInstantText } from '../../http/schemas.ts'
import { refuseInUse, toCodeTaken, toNotFound } from '../references.ts'
import {
  createAttribute,
  deleteAttribute,
  findAttributeUses,
  listAttributes,
  lockAttribute,
  readAttribute,
  updateAttribute,
} from './repository.ts'
import { attribute, attributeBody, attributeChange } from './schemas.ts'

const tags = ['attributes']
const params = z.object({ code: slug })
const cursor = cursorOf(slug)

export async function registerAttributes(app: FastifyInstance, { db, clock, ids }: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/attributes',
    {
      schema: {
        operationId: 'listAttributes',
        summary: 'List the attributes',
        description: 'The vocabulary by which the clinic grades its exercises, in the order of the codes.',
        tags,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(attribute) },
      },
    },
    async (request, reply) => {
      const { limit } = request.query
      const after = cursor.read(request.query.cursor)
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) => listAttributes(tx, clinicId, { after, take: limit + 1 }))
      return toPage(request, reply, rows, limit, ({ code }) => cursor.write(code))
    },
  )

  routes.post(
    '/attributes',
    {
      schema: {
        operationId: 'createAttribute',
        summary: 'Add an attribute',
        description:
          'Exercises can be graded by it from now on. Those that are not graded yet count as unknown, so that a contraindication which names the attribute withholds them.',
        tags,
        body: attributeBody,
        response: { 201: attribute, ...errors('ALREADY_EXISTS') },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { clinicId } = request.actor
      const created = await db.asClinic(clinicId, async (tx) => {
        const row = await createAttribute(tx, { ...body, clinicId, id: ids(), createdAt: toInstantText(clock()) })
        if (row === null) throw toCodeTaken('attribute', body.code)
        noteMade(body.code)
        return row
      })
      return reply.code(201).header('location', `/v1/attributes/${created.code}`).send(created)
    },
  )

  routes.get(
    '/attributes/:code',
    {
      schema: {
        operationId: 'getAttribute',
        summary: 'Read an attribute',
        tags,
        params,
        response: { 200: attribute, ...errors('ATTRIBUTE_NOT_FOUND') },
      },
    },
    async (request) => {
      const { code } = request.params
      const { clinicId } = request.actor
      return db.asClinic(clinicId, async (tx) => {
        const found = await readAttribute(tx, clinicId, code)
        if (found === null) throw await toNotFound(tx, 'attribute', clinicId, code)
        return found
      })
    },
  )

  routes.patch(
    '/attributes/:code',
    {
      schema: {
        operationId: 'updateAttribute',
        summary: 'Change an attribute’s title or description',
        description: 'Its code never changes, because exercises and protocols name it.',
        tags,
        params,
        headers: ifMatchHeader,
        body: attributeChange,
        response: { 200: attribute, ...errors('ATTRIBUTE_NOT_FOUND') },
      },
    },
    async (request) => {
      const { code } = request.params
      const { clinicId } = request.actor
      return db.asClinic(clinicId, async (tx) => {
        const current = await lockAttribute(tx, clinicId, code)
        if (current === null) throw await toNotFound(tx, 'attribute', clinicId, code)
        requireIfMatch(request, current.revision)
        return updateAttribute(tx, clinicId, current, request.body)
      })
    },
  )

  routes.delete(
    '/attributes/:code',
    {
      schema: {
        operationId: 'deleteAttribute',
        summary: 'Delete an attribute that nothing uses',
        description:
          'Refused while an exercise grades it or a contraindication of any protocol version, drafts included, targets it.',
        tags,
        params,
        headers: ifMatchHeader,
        response: { 204: noContent, ...errors('ATTRIBUTE_NOT_FOUND', 'IN_USE') },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      const { clinicId } = request.actor
      await db.asClinic(clinicId, async (tx) => {
        const current = await lockAttribute(tx, clinicId, code)
        if (current === null) throw await toNotFound(tx, 'attribute', clinicId, code)
        requireIfMatch(request, current.revision)
        refuseInUse(`the attribute \`${code}\``, await findAttributeUses(tx, clinicId, code))
        await deleteAttribute(tx, clinicId, current)
      })
      return reply.code(204).send(null)
    },
  )
}
