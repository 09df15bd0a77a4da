import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { alsoInAct } from '../db/client.ts'
import { ProblemError } from './problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Milliseconds that an answer of this route may take; left out: as long as those of the others. */
    answerWithin?: number
  }
  interface FastifyRequest {
    /** Of its answer; null until its headers have been read. */
    timeLimit: Time | null
  }
}

interface Time {
  timer: NodeJS.Timeout
  isOver: boolean
  /** Transactions that were to be committed before the time was over. */
  commits: number
}

/** Whether nobody waits for the answer any more. */
export function isGivenUp(request: FastifyRequest): boolean {
  return request.timeLimit?.isOver === true || request.raw.socket.destroyed
}

/**
 * Answers 503 to what takes longer than so many milliseconds, and from then on lets its act commit nothing: what was not
 * done when the caller is told so is not done afterwards. Fastify's own limit ends when the body has been read.
 */
export function limitTime(app: FastifyInstance, usual: number): void {
  app.decorateRequest('timeLimit', null)
  app.addHook('onRequest', async (request, reply) => {
    const milliseconds = request.routeOptions.config?.answerWithin ?? usual
    const time = { timer: setTimeout(() => end(request, reply, time), milliseconds), isOver: false, commits: 0 }
    request.timeLimit = time
    reply.raw.once('close', () => clearTimeout(time.timer))
  })
  // After the body has arrived, and after the act has begun.
  app.addHook('preHandler', (request, _reply, done) => {
    const { timeLimit: time } = request
    const beginCommit = (): void => {
      if (time?.isOver) throw tookTooLong(request, time)
      if (time) time.commits += 1
    }
    alsoInAct({ beginCommit }, done)
  })
}

function end(request: FastifyRequest, reply: FastifyReply, time: Time): void {
  if (reply.sent) return
  time.isOver = true
  const problem = tookTooLong(request, time)
  if (reply.raw.headersSent) {
    reply.raw.destroy(problem)
    return
  }
  reply.send(problem)
  // What comes of the handler later has nobody to go to.
  Object.defineProperty(reply, 'send', { value: () => reply })
}

function tookTooLong({ method }: FastifyRequest, { commits }: Time): ProblemError {
  const asks = method === 'GET' || method === 'HEAD'
  const detail = asks
    ? 'the answer took too long: try again'
    : commits === 0
      ? 'the answer took too long, and nothing was done: try again'
      : 'the answer took too long, and what was asked for may have been done: look, or send it again with the same `Idempotency-Key` if it has one'
  return new ProblemError('SERVICE_UNAVAILABLE', detail, { headers: { 'retry-after': '2' } })
}
