import { type FastifyReply, type FastifyRequest, LogController } from 'fastify'

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * One line for each request, with the route's pattern and the ids in the path. Never the address itself, a header, a
 * query or a body: they can name a patient.
 */
export class RequestLog extends LogController {
  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const line = {
      ...describeRequest(request),
      statusCode: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime),
    }
    if (error) reply.log.error({ ...line, err: error }, 'request aborted')
    else reply.log.info(line, 'request completed')
  }
}

function describeRequest(request: FastifyRequest): Record<string, unknown> {
  const { actor } = request as { actor?: FastifyRequest['actor'] }
  return {
    method: request.method,
    route: request.routeOptions.url ?? null,
    ...idsOf(request.params),
    ...(actor && { clinicId: actor.clinicId, keyId: actor.keyId }),
  }
}

function idsOf(params: unknown): Record<string, unknown> {
  if (typeof params !== 'object' || params === null) return {}
  const ids = Object.fromEntries(
    Object.entries(params).filter(([, value]) => typeof value === 'string' && uuid.test(value)),
  )
  return Object.keys(ids).length === 0 ? {} : { ids }
}

type LoggedError = {
  type: string
  message: string
  stack: string
  code?: string
  cause?: LoggedError
}

/** Without an error's other members: a database error repeats whole rows in them. */
function describeError(error: Error): LoggedError {
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    message: error.message,
    stack: error.stack ?? '',
    ...(typeof code === 'string' && { code }),
    ...(isErrorLike(error.cause) && { cause: describeError(error.cause) }),
  }
}

function isErrorLike(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
}

export const logSerializers = {
  req: (request: FastifyRequest) => describeRequest(request),
  res: (reply: { statusCode: number }) => ({ statusCode: reply.statusCode }),
  err: describeError,
}
