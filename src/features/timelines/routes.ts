import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { errors } from '../../http/problems.ts'
import { uuid } from '../../http/schemas.ts'
import { timeline as deriveTimeline } from '../../rules/index.ts'
import { moment, readQuestion } from '../permitted-exercises/question.ts'
import { toTimeline } from './answer.ts'
import { timeline } from './schemas.ts'

/** How an episode's answer changes from the surgery onwards. */
export async function registerTimelines(app: FastifyInstance, context: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/episodes/:id/timeline',
    {
      schema: {
        operationId: 'getTimeline',
        summary: 'When does what change, from the surgery onwards, and what does the rest wait for?',
        description:
          'Every date up to the one asked about on which the answer changed, and every later one on which it will if nothing more is recorded; then what waits for a milestone, an observation or a clinician. The same question about the same record gives the same bytes.',
        tags: ['permitted-exercises'],
        params: z.object({ id: uuid }),
        querystring: z.strictObject(moment),
        response: { 200: timeline, ...errors('EPISODE_NOT_FOUND', 'NOT_PLAUSIBLE') },
      },
    },
    async (request) => {
      const { id } = request.params
      const question = await readQuestion(context, request.actor, id, request.query)
      const derived = deriveTimeline(question)
      if (derived === null) throw new Error('an episode’s record begins with its surgery')
      return { episode: id, ...toTimeline(derived, question.versions) }
    },
  )
}
