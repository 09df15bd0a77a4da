import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { ProblemError } from '../../http/problems.ts'
import { instantInput, toInstantText, uuid } from '../../http/schemas.ts'
import { insertClinicEvent, listClinicEvents } from '../clinic-events/repository.ts'
import { nameKeys } from '../protocols/keys.ts'
import { readClinic, updateClinic } from './repository.ts'
import { clinic, clinicChange, clinicEvent } from './schemas.ts'

const historyCursor = cursorOf(z.strictObject({ recordedAt: instantInput, id: uuid }))

/** The caller's own clinic. Clinics are made by the operator's command, not here. */
export async function registerClinic(app: FastifyInstance, { db, clock, ids }: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/clinic',
    {
      schema: {
        operationId: 'getClinic',
        summary: 'Read the clinic that the caller belongs to',
        tags: ['clinic'],
        response: { 200: clinic },
      },
    },
    (request) => db.asClinic(request.actor.clinicId, (tx) => readClinic(tx, request.actor.clinicId)),
  )

  routes.patch(
    '/clinic',
    {
      schema: {
        operationId: 'updateClinic',
        summary: 'Change the clinic’s name, time zone or rule of approval',
        description:
          'The time zone decides which date "today" is, from the next request on. With `approval: "second-person"` a draft is published only once somebody who has neither edited nor submitted it has approved it; what is published already stays. The change is kept in the clinic’s history.',
        tags: ['clinic'],
        headers: ifMatchHeader,
        body: clinicChange,
        response: { 200: clinic },
      },
    },
    (request) =>
      db.asClinic(request.actor.clinicId, async (tx) => {
        const current = await readClinic(tx, request.actor.clinicId)
        requireIfMatch(request, current.revision)
        if (!(await updateClinic(tx, current, request.body))) {
          throw new ProblemError(
            'PRECONDITION_FAILED',
            'the clinic was changed by somebody else just now: read it again',
          )
        }
        const changed = await readClinic(tx, current.id)
        const changes = (['name', 'timeZone', 'approval'] as const)
          .filter((field) => current[field] !== changed[field])
          .map((field) => ({ field, before: current[field], after: changed[field] }))
        await insertClinicEvent(tx, {
          clinicId: current.id,
          id: ids(),
          kind: 'settings-changed',
          payload: { changes },
          recordedAt: toInstantText(clock()),
          recordedBy: request.actor.id,
        })
        return changed
      }),
  )

  routes.get(
    '/clinic/history',
    {
      schema: {
        operationId: 'listClinicHistory',
        summary: 'List what was done to the clinic’s settings, keys and clients, and whom it shut out, newest first',
        tags: ['clinic'],
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(clinicEvent) },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const before = historyCursor.read(cursor)
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, async (tx) => {
        const events = await listClinicEvents(tx, clinicId, { before, take: limit + 1 })
        const nameOf = await nameKeys(
          tx,
          clinicId,
          events.map(({ recordedBy }) => recordedBy),
        )
        return events.map((event) => ({ ...event, by: event.recordedBy === null ? null : nameOf(event.recordedBy) }))
      })
      const page = toPage(request, reply, rows, limit, ({ recordedAt, id }) => historyCursor.write({ recordedAt, id }))
      const items = page.items.map(({ kind, recordedAt, by, payload }) => ({ kind, at: recordedAt, by, ...payload }))
      return { ...page, items }
    },
  )
}
