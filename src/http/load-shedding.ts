import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import { ProblemError } from './problems.ts'

/** Beyond that the process spends its time on finding memory, and then ends. */
const mostHeap = 0.9

/** So many requests may wait for each connection to the database. */
const mostWaiting = 25

/** Milliseconds after which the work of starting is in no measure any more. */
const settling = 1500

/** Milliseconds that the first of them may have waited: whoever comes then would wait for longer. */
const mostPatience = 2000

interface Waited {
  readonly pool: { readonly options: { max?: number } }
  readonly waiting: () => number
  readonly longestWait: () => number
}

/**
 * Answers 503 at once while the service could only answer late: the processor, the memory or the connections to the
 * database are taken. Probes go on being answered. Without `maxDelay` (milliseconds) only the connections are looked at.
 */
export async function shedLoad(
  app: FastifyInstance,
  { pool, waiting, longestWait }: Waited,
  maxDelay: number | null,
): Promise<void> {
  if (maxDelay !== null) {
    let isSettled = false
    app.addHook('onListen', async () => {
      setTimeout(() => {
        isSettled = true
      }, settling).unref()
    })
    await app.register(underPressure, {
      maxEventLoopDelay: maxDelay,
      maxHeapUsedBytes: getHeapStatistics().heap_size_limit * mostHeap,
      sampleInterval: 500,
      pressureHandler: async (request) => {
        if (isSettled && !request.routeOptions.config?.isProbe) throw overloaded()
      },
    })
  }
  app.addHook('onRequest', async (request) => {
    const isFull = waiting() >= mostWaiting * (pool.options?.max ?? 10) || longestWait() > mostPatience
    if (isFull && !request.routeOptions.config?.isProbe) throw overloaded()
  })
}

function overloaded(): ProblemError {
  return new ProblemError('SERVICE_UNAVAILABLE', 'the service has too much to do now: try again', {
    headers: { 'retry-after': '2' },
  })
}
