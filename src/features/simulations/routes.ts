import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Context } from '../../http/context.ts'
import { errors } from '../../http/problems.ts'
import { computeInTurn } from '../../http/turns.ts'
import { type Derivation, derive, timeline as deriveTimeline } from '../../rules/index.ts'
import { implausible } from '../episodes/plausibility.ts'
import { toAnswer } from '../permitted-exercises/answer.ts'
import { simulation } from '../permitted-exercises/schemas.ts'
import { toTimeline } from '../timelines/answer.ts'
import { simulatedTimeline } from '../timelines/schemas.ts'
import { readSimulation } from './question.ts'
import { simulationBody } from './schemas.ts'

/** No protocol that somebody follows comes near; each becomes a sentence with its rationale. */
const mostReasons = 20_000

const refusals = ['UNKNOWN_REFERENCE', 'NOT_PLAUSIBLE', 'DOCUMENT_INVALID', 'VERSION_NOT_PUBLISHED'] as const

/** The same answers for a hypothetical patient. */
export async function registerSimulations(app: FastifyInstance, { db }: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.post(
    '/simulations',
    {
      schema: {
        operationId: 'simulate',
        summary: 'Derive for a hypothetical patient; nothing is stored',
        description:
          'For trying a protocol out, stored or not: a document, a draft or a published version. A document must be well formed and name nothing that does not exist. The answer’s `basis.knownAt` is the beginning of the date asked about.',
        tags: ['simulations'],
        body: simulationBody,
        response: { 200: simulation, ...errors(...refusals) },
      },
    },
    async (request) => {
      const question = await readSimulation(db, request.actor.clinicId, request.body)
      const derivation = await computeInTurn(request, () => derive(question))
      if (derivation === null) throw new Error('a simulation begins with its surgery')
      requireReadable(derivation)
      return toAnswer(derivation)
    },
  )

  routes.post(
    '/simulations/timeline',
    {
      schema: {
        operationId: 'simulateTimeline',
        summary: 'Derive the timeline of a hypothetical patient; nothing is stored',
        description:
          'Takes the same body as a simulation and answers as an episode’s timeline does: every date on which something changes, and what the rest waits for.',
        tags: ['simulations'],
        body: simulationBody,
        response: { 200: simulatedTimeline, ...errors(...refusals) },
      },
    },
    async (request) => {
      const question = await readSimulation(db, request.actor.clinicId, request.body)
      const timeline = await computeInTurn(request, () => deriveTimeline(question))
      if (timeline === null) throw new Error('a simulation begins with its surgery')
      return toTimeline(timeline, question.versions)
    },
  )
}

/** A document that is small can still give each of many exercises each of many reasons. */
function requireReadable({ permitted, withheld }: Derivation): void {
  const reasons =
    permitted.reduce((sum, { cautions, grantedBy }) => sum + cautions.length + grantedBy.length, 0) +
    withheld.reduce((sum, one) => sum + one.reasons.length, 0)
  if (reasons <= mostReasons) return
  throw implausible(
    '/protocols',
    `gives ${reasons} reasons for its exercises, more than the ${mostReasons} that an answer can have: give it fewer rules that are for all exercises, or fewer exercises`,
  )
}
