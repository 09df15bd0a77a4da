import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { hasCurrent } from '../../http/etag.ts'
import { errors } from '../../http/problems.ts'
import { slug, uuid } from '../../http/schemas.ts'
import { type Derivation, derive, type Question } from '../../rules/index.ts'
import { dayOf } from '../episodes/day.ts'
import { readExercise } from '../exercises/repository.ts'
import { toNotFound } from '../references.ts'
import { toVerdict } from './answer.ts'
import { moment, readQuestion } from './question.ts'
import { createAnswerReader } from './read-answer.ts'
import { permittedExercises, verdict } from './schemas.ts'

/** The question that the service exists for. */
export async function registerPermittedExercises(app: FastifyInstance, context: Context): Promise<void> {
  const { db, clock } = context
  const findAnswer = createAnswerReader(context)
  /** A browser may keep it until the clinic's next day, but asks before each use whether it still holds. */
  const untilMidnight = (timeZone: string): string => {
    const now = clock()
    return `private, no-cache, max-age=${Math.max(0, Math.floor((dayOf(now, timeZone).ends - now.epochMilliseconds) / 1000))}`
  }
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/episodes/:id/permitted-exercises',
    {
      schema: {
        operationId: 'getPermittedExercises',
        summary:
          'Which exercises may this patient do, at what dose, under which limits, and why are the others withheld?',
        description:
          'What is not known never permits. The same question about the same record gives the same bytes and the same `ETag`: with that in `If-None-Match` the answer is 304 until the record or the date is another. The caller may keep it until the clinic’s midnight, and asks before each use.',
        tags: ['permitted-exercises'],
        params: z.object({ id: uuid }),
        querystring: z.strictObject(moment),
        response: { 200: permittedExercises, ...errors('EPISODE_NOT_FOUND', 'NOT_PLAUSIBLE') },
      },
    },
    async (request, typed) => {
      // What is sent is made from the schema's answer, and kept as bytes.
      const reply: FastifyReply = typed
      const { id } = request.params
      const { etag, body } = await findAnswer(request, id, request.query)
      const isCurrent = hasCurrent(request, etag)
      const bytes = isCurrent ? null : await body((found) => String(reply.serialize(found)))
      // Not before there is an answer: what fails must not be called by the answer's name.
      reply.headers({ etag, vary: 'Authorization', 'cache-control': untilMidnight(request.actor.timeZone) })
      return bytes === null ? reply.code(304).send() : reply.type('application/json; charset=utf-8').send(bytes)
    },
  )

  routes.get(
    '/episodes/:id/permitted-exercises/:exercise',
    {
      schema: {
        operationId: 'getExerciseVerdict',
        summary: 'May this patient do this exercise?',
        description: 'Takes any exercise of the catalogue. One that no assigned protocol prescribes is withheld.',
        tags: ['permitted-exercises'],
        params: z.object({ id: uuid, exercise: slug }),
        querystring: z.strictObject(moment),
        response: { 200: verdict, ...errors('EPISODE_NOT_FOUND', 'EXERCISE_NOT_FOUND', 'NOT_PLAUSIBLE') },
      },
    },
    async (request) => {
      const { id, exercise } = request.params
      const { clinicId } = request.actor
      const listed = await db.asClinic(clinicId, (tx) => readExercise(tx, clinicId, exercise))
      const question = await readQuestion(context, request.actor, id, request.query)
      const found = toVerdict(answer({ ...question, alsoJudge: listed === null ? [] : [listed] }), exercise)
      if (found === null) {
        throw await db.asClinic(clinicId, (tx) => toNotFound(tx, 'exercise', clinicId, exercise))
      }
      return { episode: id, ...found }
    },
  )
}

function answer(question: Question): Derivation {
  const derivation = derive(question)
  if (derivation === null) throw new Error('an episode’s record begins with its surgery')
  return derivation
}
