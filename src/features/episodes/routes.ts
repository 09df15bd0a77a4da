import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { requireScope } from '../../http/access.ts'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { slug, uuid } from '../../http/schemas.ts'
import { requireConfirmed } from '../moves/confirmation.ts'
import { readPatient } from '../patients/repository.ts'
import type { VersionContent } from '../protocols/repository.ts'
import { chooseVersions, requireFit, requireProcedures } from './assignment.ts'
import { registerEntries } from './entries.ts'
import { implausible, requirePlausibleSurgery } from './plausibility.ts'
import { append, inEpisode, type RecordScope, readFollowed, recorderOf, requireEpisode, requireOpen } from './record.ts'
import { insertEpisode, listEntries, listEpisodes, type NewEntry, readVoids } from './repository.ts'
import { episode, episodeBody, episodeChange, episodeParams } from './schemas.ts'

const cursor = cursorOf(z.tuple([uuid]))
const tags = ['episodes']

/** Episodes and their records. */
export async function registerEpisodes(app: FastifyInstance, context: Context): Promise<void> {
  const { db } = context
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/patients/:id/episodes',
    {
      schema: {
        operationId: 'listPatientEpisodes',
        summary: 'List a patient’s episodes, oldest first',
        tags,
        params: z.object({ id: uuid }),
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(episode), ...errors('PATIENT_NOT_FOUND') },
      },
    },
    async (request, reply) => {
      const { clinicId } = request.actor
      const { limit } = request.query
      const after = cursor.read(request.query.cursor)?.[0] ?? null
      const rows = await db.asClinic(clinicId, async (tx) => {
        if ((await readPatient(tx, clinicId, request.params.id)) === null) throw patientNotFound(request.params.id)
        return listEpisodes(tx, clinicId, { after, take: limit + 1, patientId: request.params.id })
      })
      return toPage(request, reply, rows, limit, (row) => cursor.write([row.id]))
    },
  )

  routes.post(
    '/patients/:id/episodes',
    {
      schema: {
        operationId: 'openEpisode',
        summary: 'Open an episode: a surgery and the protocols that the patient follows after it',
        description:
          '`protocols` left out: the clinic’s default for each procedure. To choose others takes the scope `protocols:assign`.',
        tags,
        params: z.object({ id: uuid }),
        body: episodeBody,
        response: {
          201: episode,
          ...errors(
            'PATIENT_NOT_FOUND',
            'UNKNOWN_REFERENCE',
            'NOT_PLAUSIBLE',
            'NO_DEFAULT_PROTOCOL',
            'VERSION_NOT_PUBLISHED',
            'CONFLICT',
          ),
        },
      },
    },
    async (request, reply) => {
      const recorder = recorderOf(request, context)
      const { clinicId } = recorder
      const { procedures, surgeryDate, levels = [], side = null, protocols } = request.body
      if (protocols !== undefined) requireScope(request.actor, 'protocols:assign', toChoose)
      requirePlausibleSurgery(surgeryDate, recorder.today)
      const opened = await db.asClinic(clinicId, async (tx) => {
        const patientId = request.params.id
        if ((await readPatient(tx, clinicId, patientId)) === null) throw patientNotFound(patientId)
        await requireProcedures(tx, clinicId, procedures)
        const versions = await chooseVersions(tx, clinicId, procedures, protocols)
        const id = recorder.nextId()
        const surgery = { surgeryDate, procedures, levels, side }
        await insertEpisode(tx, { clinicId, id, patientId, ...surgery, createdAt: recorder.now })
        await append(
          { tx, recorder, episode: await requireEpisode(tx, clinicId, id) },
          { kind: 'surgery', ...surgery },
          { kind: 'assignment', versions: versions.map((version) => version.id) },
        )
        return requireEpisode(tx, clinicId, id)
      })
      return reply.code(201).header('location', `/v1/episodes/${opened.id}`).send(opened)
    },
  )

  routes.get(
    '/episodes',
    {
      schema: {
        operationId: 'listEpisodes',
        summary: 'List the clinic’s episodes, oldest first',
        tags,
        querystring: z.strictObject({
          ...pageQuery,
          status: z.enum(['open', 'closed']).optional(),
          procedure: slug.optional(),
        }),
        response: { 200: pageOf(episode) },
      },
    },
    async (request, reply) => {
      const { clinicId } = request.actor
      const { limit, status, procedure } = request.query
      const after = cursor.read(request.query.cursor)?.[0] ?? null
      const rows = await db.asClinic(clinicId, (tx) =>
        listEpisodes(tx, clinicId, { after, take: limit + 1, status, procedure }),
      )
      return toPage(request, reply, rows, limit, (row) => cursor.write([row.id]))
    },
  )

  routes.get(
    '/episodes/:id',
    {
      schema: {
        operationId: 'getEpisode',
        summary: 'Read an episode',
        tags,
        params: episodeParams,
        response: { 200: episode, ...errors('EPISODE_NOT_FOUND') },
      },
    },
    (request) => {
      const { clinicId } = request.actor
      return db.asClinic(clinicId, (tx) => requireEpisode(tx, clinicId, request.params.id))
    },
  )

  routes.patch(
    '/episodes/:id',
    {
      schema: {
        operationId: 'updateEpisode',
        summary: 'Correct the surgery, or change the protocols',
        description:
          'What changes is recorded: an answer as known before stays what it was. `protocols` left out: they stay as they are; to change them takes the scope `protocols:assign`. A change of protocols that makes another answer of today’s has to be confirmed: the refusal names each consequence, and `confirm` takes the names, which have the values in them. What a hold, an open red flag, an override or a surgery ahead hides today has to be confirmed as well, and with a corrected surgery what comes of it without the correction. Later days are not compared: ask `/v1/protocols/{code}/versions/{n}/impact` with a later `on`. To move many, see `/v1/protocols/{code}/moves`.',
        tags,
        params: episodeParams,
        headers: ifMatchHeader,
        body: episodeChange,
        response: {
          200: episode,
          ...errors(
            'EPISODE_NOT_FOUND',
            'EPISODE_CLOSED',
            'UNKNOWN_REFERENCE',
            'NOT_PLAUSIBLE',
            'NO_DEFAULT_PROTOCOL',
            'VERSION_NOT_PUBLISHED',
            'CONFIRMATION_REQUIRED',
          ),
        },
      },
    },
    (request) =>
      inEpisode(request, context, request.params.id, async (scope) => {
        const { tx, recorder, episode: current } = scope
        const { protocols, confirm = [], ...change } = request.body
        if (protocols !== undefined) requireScope(recorder.actor, 'protocols:assign', toChoose)
        requireIfMatch(request, current.revision)
        requireOpen(current)
        const surgery = {
          surgeryDate: change.surgeryDate ?? current.surgeryDate,
          procedures: change.procedures ?? current.procedures,
          levels: change.levels ?? current.levels,
          side: change.side === undefined ? current.side : change.side,
        }
        requirePlausibleSurgery(surgery.surgeryDate, recorder.today)
        await requireProcedures(tx, recorder.clinicId, surgery.procedures)
        const place = change.surgeryDate === undefined ? '/protocols' : '/surgeryDate'

        const entries: NewEntry[] = []
        if (Object.keys(change).length > 0) entries.push({ kind: 'surgery', ...surgery })
        if (protocols !== undefined) {
          const followed = current.protocols.map((protocol) => protocol.versionId)
          const versions = await chooseVersions(tx, recorder.clinicId, surgery.procedures, protocols, followed)
          await requireNothingBefore(scope, surgery, versions, place)
          await requireConfirmed(scope, surgery, versions, confirm)
          entries.push({ kind: 'assignment', versions: versions.map((version) => version.id) })
        } else {
          const versions = await readFollowed(scope)
          if (change.surgeryDate !== undefined) await requireNothingBefore(scope, surgery, versions, place)
          if (change.procedures !== undefined) requireFit(versions, surgery.procedures, 'is left out and stays at')
        }
        const [first, ...rest] = entries
        if (first !== undefined) await append(scope, first, ...rest)
        return requireEpisode(tx, recorder.clinicId, current.id)
      }),
  )

  await registerEntries(app, context)
}

const toChoose = 'to choose protocols other than the clinic’s defaults'

function patientNotFound(id: string): ProblemError {
  return new ProblemError('PATIENT_NOT_FOUND', `there is no patient ${id}`)
}

/** Refuses a surgery date after a milestone on record that cannot come before the surgery in each of these versions. */
async function requireNothingBefore(
  { tx, recorder, episode: current }: RecordScope,
  { surgeryDate }: { surgeryDate: string },
  versions: readonly Pick<VersionContent, 'document'>[],
  place: '/surgeryDate' | '/protocols',
): Promise<void> {
  const milestones = await listEntries(tx, recorder.clinicId, current.id, { kind: 'milestone' })
  const voids = await readVoids(tx, recorder.clinicId, current.id)
  const declared = versions.flatMap(({ document }) => document.milestones)
  for (const entry of milestones) {
    if (entry.kind !== 'milestone' || voids.has(entry.id) || entry.on >= surgeryDate) continue
    // What no protocol of the episode declares any more means nothing to it.
    const own = declared.filter((milestone) => milestone.code === entry.code)
    if (own.every((milestone) => milestone.preOperative)) continue
    const found = `the milestone \`${entry.code}\` of ${entry.on} (entry ${entry.id})`
    throw implausible(
      place,
      place === '/surgeryDate'
        ? `lies after ${found}: void that entry first, or correct the date`
        : `names a protocol in which ${found} cannot lie before the surgery on ${surgeryDate}: void that entry first`,
    )
  }
}
