import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { ProblemError } from '../../http/problems.ts'
import { readClinic, updateClinic } from './repository.ts'
import { clinic, clinicChange } from './schemas.ts'

/** The caller's own clinic. Clinics are made by the operator's command, not here. */
export async function registerClinic(app: FastifyInstance, { db }: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/clinic',
    {
      schema: {
        operationId: 'getClinic',
        summary: 'Read the clinic that the API key belongs to',
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
          'The time zone decides which date "today" is, from the next request on. With `approval: "second-person"` a draft is published only once a key that has neither edited nor submitted it has approved it; what is published already stays.',
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
        return readClinic(tx, current.id)
      }),
  )
}
