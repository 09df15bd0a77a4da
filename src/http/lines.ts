import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { endWithProblem } from './error-handler.ts'

export const linesMediaType = 'application/x-ndjson'

/** Milliseconds that an answer about a whole caseload may take. */
export const longAnswer = 3_600_000

/**
 * Sends what comes, batch by batch, as lines of JSON. Nothing is asked for faster than it is read, and nothing more once
 * the reader has gone. An error ends it with a line that has the problem: without a last line that says that it is
 * complete, it is not.
 */
export function sendLines(
  request: FastifyRequest,
  reply: FastifyReply,
  batches: AsyncIterable<readonly object[]>,
): FastifyReply {
  const write = async function* (): AsyncGenerator<string> {
    try {
      for await (const batch of batches) {
        if (batch.length > 0) yield batch.map((line) => `${JSON.stringify(line)}\n`).join('')
      }
    } catch (error) {
      yield `${JSON.stringify({ kind: 'error', problem: endWithProblem(error, request) })}\n`
    }
  }
  return reply.type(linesMediaType).send(Readable.from(write(), { objectMode: false }))
}
