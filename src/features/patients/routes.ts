import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { noteMade } from '../../db/client.ts'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { noContent, toInstantText, uuid } from '../../http/schemas.ts'
import { refuseInUse } from '../references.ts'
import {
  createPatient,
  deletePatient,
  findPatient,
  findPatientUses,
  listPatients,
  lockPatient,
  readPatient,
  updatePatient,
} from './repository.ts'
import { externalId, type Patient, patient, patientBody, patientChange } from './schemas.ts'

const tags = ['patients']
const params = z.object({ id: uuid })
const cursor = cursorOf(uuid)

export async function registerPatients(app: FastifyInstance, { db, clock, ids }: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/patients',
    {
      schema: {
        operationId: 'listPatients',
        summary: 'List the patients, or find one by the external id',
        description: 'In the order of their creation.',
        tags,
        querystring: z.strictObject({
          ...pageQuery,
          externalId: externalId.optional().describe('Only the patient with exactly this external id.'),
        }),
        response: { 200: pageOf(patient) },
      },
    },
    async (request, reply) => {
      const { limit, cursor: from, ...filter } = request.query
      const after = cursor.read(from)
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) => listPatients(tx, clinicId, filter, { after, take: limit + 1 }))
      return toPage(request, reply, rows, limit, ({ id }) => cursor.write(id))
    },
  )

  routes.post(
    '/patients',
    {
      schema: {
        operationId: 'createPatient',
        summary: 'Add a patient',
        description: 'An external id that the clinic has already is refused, with the `id` of the patient who has it.',
        tags,
        body: patientBody,
        response: { 201: patient, ...errors('ALREADY_EXISTS', 'ANSWER_GONE') },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { clinicId } = request.actor
      const created = await db.asClinic(clinicId, async (tx) => {
        const row = await createPatient(tx, { ...body, clinicId, id: ids(), createdAt: toInstantText(clock()) })
        if (row === null) throw toExternalIdTaken(body.externalId, await findPatient(tx, clinicId, body.externalId))
        noteMade(row.id)
        return row
      })
      return reply.code(201).header('location', `/v1/patients/${created.id}`).send(created)
    },
  )

  routes.get(
    '/patients/:id',
    {
      schema: {
        operationId: 'getPatient',
        summary: 'Read a patient',
        tags,
        params,
        response: { 200: patient, ...errors('PATIENT_NOT_FOUND') },
      },
    },
    async (request) => {
      const { id } = request.params
      const { clinicId } = request.actor
      return (await db.asClinic(clinicId, (tx) => readPatient(tx, clinicId, id))) ?? refuseUnknown(id)
    },
  )

  routes.patch(
    '/patients/:id',
    {
      schema: {
        operationId: 'updatePatient',
        summary: 'Change a patient’s external id or display name',
        description: 'Null clears the display name.',
        tags,
        params,
        headers: ifMatchHeader,
        body: patientChange,
        response: { 200: patient, ...errors('PATIENT_NOT_FOUND', 'ALREADY_EXISTS') },
      },
    },
    async (request) => {
      const { body } = request
      const { id } = request.params
      const { clinicId } = request.actor
      return db.asClinic(clinicId, async (tx) => {
        const current = (await lockPatient(tx, clinicId, id)) ?? refuseUnknown(id)
        requireIfMatch(request, current.revision)
        if (body.externalId !== undefined && body.externalId !== current.externalId) {
          const other = await findPatient(tx, clinicId, body.externalId)
          if (other !== null) throw toExternalIdTaken(body.externalId, other)
        }
        return updatePatient(tx, clinicId, current, body)
      })
    },
  )

  routes.delete(
    '/patients/:id',
    {
      schema: {
        operationId: 'deletePatient',
        summary: 'Delete a patient who has no episode',
        description: 'A patient with an episode stays, because the record is never deleted.',
        tags,
        params,
        headers: ifMatchHeader,
        response: { 204: noContent, ...errors('PATIENT_NOT_FOUND', 'IN_USE') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { clinicId } = request.actor
      await db.asClinic(clinicId, async (tx) => {
        const current = (await lockPatient(tx, clinicId, id)) ?? refuseUnknown(id)
        requireIfMatch(request, current.revision)
        refuseInUse('the patient', await findPatientUses(tx, clinicId, id))
        await deletePatient(tx, clinicId, current)
      })
      return reply.code(204).send(null)
    },
  )
}

function refuseUnknown(id: string): never {
  throw new ProblemError('PATIENT_NOT_FOUND', `there is no patient ${id}: \`GET /v1/patients\` lists them`)
}

/** Tells which patient it is, so that software that sends a patient twice finds the first. */
function toExternalIdTaken(externalId: string, existing: Patient | null): ProblemError {
  const whose = existing === null ? 'another patient' : `the patient ${existing.id}`
  const detail = `is taken: \`${externalId}\` is ${whose}`
  return new ProblemError('ALREADY_EXISTS', `\`externalId\` ${detail}`, {
    errors: [{ pointer: '/externalId', detail }],
    ...(existing !== null && { existing: { id: existing.id } }),
  })
}
