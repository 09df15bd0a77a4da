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
    ...(actor && { clinicId: actor.clinicId, actorId: actor.id, credentialId: actor.credentialId }),
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

/**
 * Without an error's other members, and of a database error without its words: both repeat whole rows, and rows are
 * patients'. Its code and the place in our code say what went wrong.
 */
function describeError(error: Error): LoggedError {
  const { code } = error as { code?: unknown }
  // What a driver gives as a cause need not be an error, and has no name then.
  const type = typeof error.name === 'string' ? error.name : 'cause'
  const fromDatabase = type === 'cause' || type.startsWith('PrismaClient') || /^[0-9A-Z]{5}$/.test(String(code))
  const stack = typeof error.stack === 'string' ? error.stack : ''
  return {
    type,
    message: fromDatabase ? describeDatabaseError(error) : error.message,
    stack: fromDatabase ? stack.slice(Math.max(stack.search(/^\s+at /m), 0)) : stack,
    ...(typeof code === 'string' && { code }),
    ...(isErrorLike(error.cause) && { cause: describeError(error.cause) }),
  }
}

/** Prisma names the argument that it cannot use in its last line, and repeats the data above it. */
function describeDatabaseError(error: Error): string {
  const last = error.message.trimEnd().split('\n').at(-1) ?? ''
  return error.name === 'PrismaClientValidationError' ? last : 'a database error; its words may be a patient’s'
}

function isErrorLike(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
}

export const logSerializers = {
  req: (request: FastifyRequest) => describeRequest(request),
  res: (reply: { statusCode: number }) => ({ statusCode: reply.statusCode }),
  err: describeError,
}
