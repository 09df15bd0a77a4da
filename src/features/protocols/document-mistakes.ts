import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Context } from '../../http/context.ts'
import type { ProblemLocation } from '../../http/problems.ts'
import { InvalidPart, toInvalid, toValidationProblem } from '../../http/validation.ts'
import { readAllExercises } from '../exercises/repository.ts'
import { differencesFrom, readNames } from './authoring.ts'
import { acceptYaml } from './document-body.ts'
import { documentBody, findUnknown } from './document-schema.ts'

/**
 * Lets the routes of this scope take documents, as JSON and as YAML. Whoever sends one that is not well formed is told
 * also of what it names and the clinic does not have.
 */
export function acceptDocuments(app: FastifyInstance, context: Context): void {
  acceptYaml(app)
  app.setErrorHandler(async (error, request) => {
    if (!(error instanceof InvalidPart) || request.routeOptions.schema?.body !== documentBody) throw error
    const { errors } = toValidationProblem(error, contextOf(error), request)
    throw toInvalid([...errors, ...(await findInCatalogue(request, context))])
  })
}

function contextOf(error: InvalidPart & { validationContext?: unknown }): string | undefined {
  return typeof error.validationContext === 'string' ? error.validationContext : undefined
}

async function findInCatalogue({ actor, body }: FastifyRequest, { db }: Context): Promise<ProblemLocation[]> {
  // It is another part of the request that is wrong.
  if (documentBody.safeParse(body).success) return []
  const { clinicId } = actor
  return db.asClinic(clinicId, async (tx) => {
    const catalogue = await readAllExercises(tx, clinicId)
    const names = await readNames(tx, clinicId, catalogue)
    const brought = typeof body === 'object' && body !== null && 'exercises' in body ? body.exercises : []
    return [...findUnknown(body, () => names), ...differencesFrom(catalogue, Array.isArray(brought) ? brought : [])]
  })
}
