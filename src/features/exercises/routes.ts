import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { noteMade } from '../../db/client.ts'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors } from '../../http/problems.ts'
import { noContent, slug, toInstantText } from '../../http/schemas.ts'
import { refuseInUse, requireCodes, toCodeTaken, toNotFound } from '../references.ts'
import {
  type CatalogueExercise,
  createExercise,
  deleteExercise,
  findExerciseUses,
  listExercises,
  lockExercise,
  readCatalogueExercise,
  updateExercise,
} from './repository.ts'
import { exercise, exerciseBody, exerciseChange, kind } from './schemas.ts'

const tags = ['exercises']
const params = z.object({ code: slug })
const cursor = cursorOf(slug)

export async function registerExercises(app: FastifyInstance, { db, clock, ids }: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/exercises',
    {
      schema: {
        operationId: 'listExercises',
        summary: 'List the exercises of the catalogue',
        description: 'In the order of the codes. An exercise has to match every filter that is given.',
        tags,
        querystring: z.strictObject({
          ...pageQuery,
          kind: kind.optional().describe('Only exercises, or only activities.'),
          group: slug.optional().describe('Only those in this group.'),
          attribute: slug
            .optional()
            .describe(
              'Only those graded by this attribute, with 0 too; one that leaves it ungraded is not among them.',
            ),
        }),
        response: { 200: pageOf(exercise) },
      },
    },
    async (request, reply) => {
      const { limit, cursor: from, ...filter } = request.query
      const after = cursor.read(from)
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) => listExercises(tx, clinicId, filter, { after, take: limit + 1 }))
      return toPage(request, reply, rows.map(toAnswer), limit, ({ code }) => cursor.write(code))
    },
  )

  routes.post(
    '/exercises',
    {
      schema: {
        operationId: 'createExercise',
        summary: 'Add an exercise to the catalogue',
        description:
          'Grade every attribute that you can. One that is left ungraded is unknown, not none: whatever names it withholds the exercise.',
        tags,
        body: exerciseBody,
        response: { 201: exercise, ...errors('ALREADY_EXISTS', 'UNKNOWN_REFERENCE') },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { clinicId } = request.actor
      const created = await db.asClinic(clinicId, async (tx) => {
        await requireCodes(tx, 'attribute', clinicId, placesOf(body.attributes))
        const row = await createExercise(tx, { clinicId, id: ids(), createdAt: toInstantText(clock()), exercise: body })
        if (row === null) throw toCodeTaken('exercise', body.code)
        noteMade(body.code)
        return row
      })
      return reply.code(201).header('location', `/v1/exercises/${body.code}`).send(toAnswer(created))
    },
  )

  routes.get(
    '/exercises/:code',
    {
      schema: {
        operationId: 'getExercise',
        summary: 'Read an exercise of the catalogue',
        tags,
        params,
        response: { 200: exercise, ...errors('EXERCISE_NOT_FOUND') },
      },
    },
    async (request) => {
      const { code } = request.params
      const { clinicId } = request.actor
      return db.asClinic(clinicId, async (tx) => {
        const found = await readCatalogueExercise(tx, clinicId, code)
        if (found === null) throw await toNotFound(tx, 'exercise', clinicId, code)
        return toAnswer(found)
      })
    },
  )

  routes.patch(
    '/exercises/:code',
    {
      schema: {
        operationId: 'updateExercise',
        summary: 'Change an exercise of the catalogue',
        description:
          '`attributes` are replaced as a whole; null clears an optional field. The code never changes, because protocols and overrides name it. Published versions keep the exercise as it was when they were published.',
        tags,
        params,
        headers: ifMatchHeader,
        body: exerciseChange,
        response: { 200: exercise, ...errors('EXERCISE_NOT_FOUND', 'UNKNOWN_REFERENCE') },
      },
    },
    async (request) => {
      const { body } = request
      const { code } = request.params
      const { clinicId } = request.actor
      return db.asClinic(clinicId, async (tx) => {
        const current = await lockExercise(tx, clinicId, code)
        if (current === null) throw await toNotFound(tx, 'exercise', clinicId, code)
        requireIfMatch(request, current.revision)
        await requireCodes(tx, 'attribute', clinicId, placesOf(body.attributes ?? {}))
        return toAnswer(await updateExercise(tx, clinicId, current, body))
      })
    },
  )

  routes.delete(
    '/exercises/:code',
    {
      schema: {
        operationId: 'deleteExercise',
        summary: 'Delete an exercise that nothing uses',
        description:
          'Refused while a prescription or a contraindication of any protocol version, drafts included, names it by its code, or an override does, voided ones included.',
        tags,
        params,
        headers: ifMatchHeader,
        response: { 204: noContent, ...errors('EXERCISE_NOT_FOUND', 'IN_USE') },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      const { clinicId } = request.actor
      await db.asClinic(clinicId, async (tx) => {
        const current = await lockExercise(tx, clinicId, code)
        if (current === null) throw await toNotFound(tx, 'exercise', clinicId, code)
        requireIfMatch(request, current.revision)
        refuseInUse(`the exercise \`${code}\``, await findExerciseUses(tx, clinicId, code))
        await deleteExercise(tx, clinicId, current)
      })
      return reply.code(204).send(null)
    },
  )
}

function toAnswer({ id, exercise: entry, revision, createdAt }: CatalogueExercise): z.output<typeof exercise> {
  return {
    id,
    code: entry.code,
    title: entry.title,
    kind: entry.kind,
    position: entry.position ?? null,
    instructions: entry.instructions ?? null,
    target: entry.target ?? null,
    equipment: [...(entry.equipment ?? [])],
    groups: [...(entry.groups ?? [])],
    attributes: entry.attributes,
    revision,
    createdAt,
  }
}

function placesOf(attributes: object): { code: string; pointer: string }[] {
  return Object.keys(attributes).map((code) => ({ code, pointer: `/attributes/${code}` }))
}
