import { AsyncLocalStorage } from 'node:async_hooks'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { endWithProblem } from './error-handler.ts'
import type { Problem } from './problems.ts'

export const linesMediaType = 'application/x-ndjson'

/** Milliseconds that an answer about a whole caseload may take. */
export const longAnswer = 3_600_000

/** A line that is text already, with whom it tells of. */
export class TextLine {
  readonly text: string
  readonly patient: string
  readonly episode: string

  constructor(text: string, patient: string, episode: string) {
    this.text = text
    this.patient = patient
    this.episode = episode
  }
}

interface Lines {
  mediaType?: string
  /** The last line of what ends with an error. */
  toErrorLine?: (problem: Problem) => object
}

/**
 * Sends what comes, batch by batch, as lines of JSON. Nothing is asked for faster than it is read, and nothing more once
 * the reader has gone. Each batch is on record before it goes out, and is made only for whoever is still let in. An error
 * ends it with a line that has the problem: without a last line that says that it is complete, it is not. Whoever asks
 * for the head alone gets no more than that.
 */
export function sendLines(
  request: FastifyRequest,
  reply: FastifyReply,
  batches: AsyncIterable<readonly object[]>,
  { mediaType = linesMediaType, toErrorLine = (problem) => ({ kind: 'error', problem }) }: Lines = {},
): FastifyReply {
  reply.type(mediaType)
  // Nothing as a stream: what is no stream would get a length.
  if (request.method === 'HEAD') return reply.send(Readable.from([]))
  // The reader asks for more from a context of its own; what is done for the lines is still part of this request's act.
  const inAct = AsyncLocalStorage.snapshot()
  const write = async function* (): AsyncGenerator<string> {
    const iterator = batches[Symbol.asyncIterator]()
    try {
      for (;;) {
        await request.requireInForce()
        const { done, value: batch } = await inAct(() => iterator.next())
        if (done) break
        if (batch.length === 0) continue
        await request.audit?.tell(batch)
        yield batch.map(toLine).join('')
      }
    } catch (error) {
      const problem = endWithProblem(error, request)
      await request.audit?.fail(problem)
      yield `${JSON.stringify(toErrorLine(problem))}\n`
    } finally {
      await iterator.return?.()
    }
  }
  return reply.send(Readable.from(write(), { objectMode: false }))
}

function toLine(line: object): string {
  return `${line instanceof TextLine ? line.text : JSON.stringify(line)}\n`
}
