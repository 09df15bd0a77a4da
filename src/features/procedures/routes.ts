import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { noteMade, type Transaction } from '../../db/client.ts'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors } from '../../http/problems.ts'
import { noContent, slug, toInstantText } from '../../http/schemas.ts'
import { refuseInUse, requireCodes, toCodeTaken, toNotFound } from '../references.ts'
import {
  createProcedure,
  deleteProcedure,
  findProcedureUses,
  listProcedures,
  lockProcedure,
  readProcedure,
  updateProcedure,
} from './repository.ts'
import { procedure, procedureBody, procedureChange } from './schemas.ts'

const tags = ['procedures']
const params = z.object({ code: slug })
const cursor = cursorOf(slug)

export async function registerProcedures(app: FastifyInstance, { db, clock, ids }: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/procedures',
    {
      schema: {
        operationId: 'listProcedures',
        summary: 'List the procedures',
        description: 'In the order of the codes.',
        tags,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(procedure) },
      },
    },
    async (request, reply) => {
      const { limit } = request.query
      const after = cursor.read(request.query.cursor)
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) => listProcedures(tx, clinicId, { after, take: limit + 1 }))
      return toPage(request, reply, rows, limit, ({ code }) => cursor.write(code))
    },
  )

  routes.post(
    '/procedures',
    {
      schema: {
        operationId: 'createProcedure',
        summary: 'Add a procedure',
        tags,
        body: procedureBody,
        response: { 201: procedure, ...errors('ALREADY_EXISTS', 'UNKNOWN_REFERENCE') },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { clinicId } = request.actor
      const created = await db.asClinic(clinicId, async (tx) => {
        await requireDefaultProtocol(tx, clinicId, body.defaultProtocol)
        const row = await createProcedure(tx, { ...body, clinicId, id: ids(), createdAt: toInstantText(clock()) })
        if (row === null) throw toCodeTaken('procedure', body.code)
        noteMade(body.code)
        return row
      })
      return reply.code(201).header('location', `/v1/procedures/${created.code}`).send(created)
    },
  )

  routes.get(
    '/procedures/:code',
    {
      schema: {
        operationId: 'getProcedure',
        summary: 'Read a procedure',
        tags,
        params,
        response: { 200: procedure, ...errors('PROCEDURE_NOT_FOUND') },
      },
    },
    async (request) => {
      const { code } = request.params
      const { clinicId } = request.actor
      return db.asClinic(clinicId, async (tx) => {
        const found = await readProcedure(tx, clinicId, code)
        if (found === null) throw await toNotFound(tx, 'procedure', clinicId, code)
        return found
      })
    },
  )

  routes.patch(
    '/procedures/:code',
    {
      schema: {
        operationId: 'updateProcedure',
        summary: 'Change a procedure',
        description:
          'Null clears an optional field. The code never changes, because protocols and episodes name it. Another `defaultProtocol` is for the episodes to come; those that exist keep their protocols.',
        tags,
        params,
        headers: ifMatchHeader,
        body: procedureChange,
        response: { 200: procedure, ...errors('PROCEDURE_NOT_FOUND', 'UNKNOWN_REFERENCE') },
      },
    },
    async (request) => {
      const { body } = request
      const { code } = request.params
      const { clinicId } = request.actor
      return db.asClinic(clinicId, async (tx) => {
        const current = await lockProcedure(tx, clinicId, code)
        if (current === null) throw await toNotFound(tx, 'procedure', clinicId, code)
        requireIfMatch(request, current.revision)
        await requireDefaultProtocol(tx, clinicId, body.defaultProtocol)
        return updateProcedure(tx, clinicId, current, body)
      })
    },
  )

  routes.delete(
    '/procedures/:code',
    {
      schema: {
        operationId: 'deleteProcedure',
        summary: 'Delete a procedure that nothing uses',
        description: 'Refused while a protocol version, drafts included, or an episode names it.',
        tags,
        params,
        headers: ifMatchHeader,
        response: { 204: noContent, ...errors('PROCEDURE_NOT_FOUND', 'IN_USE') },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      const { clinicId } = request.actor
      await db.asClinic(clinicId, async (tx) => {
        const current = await lockProcedure(tx, clinicId, code)
        if (current === null) throw await toNotFound(tx, 'procedure', clinicId, code)
        requireIfMatch(request, current.revision)
        refuseInUse(`the procedure \`${code}\``, await findProcedureUses(tx, clinicId, code))
        await deleteProcedure(tx, clinicId, current)
      })
      return reply.code(204).send(null)
    },
  )
}

async function requireDefaultProtocol(
  tx: Transaction,
  clinicId: string,
  code: string | null | undefined,
): Promise<void> {
  if (code == null) return
  await requireCodes(tx, 'protocol', clinicId, [{ code, pointer: '/defaultProtocol' }])
}
