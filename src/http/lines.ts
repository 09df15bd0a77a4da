import { AsyncLocalStorage } from 'node:async_hooks'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { endWithProblem } from './error-handler.ts'
import { type Problem, ProblemError } from './problems.ts'

export const linesMediaType = 'application/x-ndjson'

/** Milliseconds that an answer about a whole caseload may take. */
export const longAnswer = 3_600_000

/** Whom a line tells of. */
interface Subject {
  readonly patient: string
  readonly episode: string
}

const chunkLength = 131_072

/** Lines that are bytes already, with whom they tell of: for many, which need not be objects first. */
export class WrittenLines {
  readonly subjects: Subject[] = []
  readonly #full: Buffer[] = []
  #chunk = Buffer.allocUnsafeSlow(chunkLength)
  #length = 0

  get chunks(): readonly Buffer[] {
    return [...this.#full, this.#chunk.subarray(0, this.#length)]
  }

  /** Adds a line of JSON. */
  add(json: string, subject: Subject | null): void {
    // A character takes three bytes at most.
    const needed = json.length * 3 + 1
    if (this.#length + needed > this.#chunk.length) {
      this.#full.push(this.#chunk.subarray(0, this.#length))
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(needed, chunkLength))
      this.#length = 0
    }
    this.#length += this.#chunk.write(json, this.#length, 'utf8')
    this.#chunk[this.#length] = 0x0a
    this.#length += 1
    if (subject !== null) this.subjects.push(subject)
  }
}

type Batch = readonly object[] | WrittenLines

interface Lines {
  mediaType?: string
  /** The last line of what ends with an error. */
  toErrorLine?: (problem: Problem) => object
}

/** So many answers as lines may be under way at once, as each that its reader leaves standing takes some megabytes. */
const mostAtOnce = { ofClinic: 8, ofAll: 40 }

/** How many there are, by clinic, of each server. */
const underWay = new WeakMap<object, Map<string, number>>()

/** Counts the answer until its connection or the answer itself is at its end. Throws the problem if there are too many. */
function takePlace({ server, actor }: FastifyRequest, reply: FastifyReply): void {
  const counts = underWay.get(server.server) ?? new Map<string, number>()
  underWay.set(server.server, counts)
  const own = counts.get(actor.clinicId) ?? 0
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0)
  if (own >= mostAtOnce.ofClinic || all >= mostAtOnce.ofAll) {
    const whose = own >= mostAtOnce.ofClinic ? `the clinic has ${own}` : 'the service has too many'
    throw new ProblemError(
      'SERVICE_UNAVAILABLE',
      `${whose} answers as lines under way: read them to their end or hang up, and try again`,
      { headers: { 'retry-after': '10' } },
    )
  }
  counts.set(actor.clinicId, own + 1)
  reply.raw.once('close', () => {
    const left = (counts.get(actor.clinicId) ?? 1) - 1
    if (left > 0) counts.set(actor.clinicId, left)
    else counts.delete(actor.clinicId)
  })
}

/**
 * Sends what comes, batch by batch, as lines of JSON. Nothing is asked for faster than it is read, and nothing more once
 * the reader has gone. Each batch is on record before it goes out, and goes only to whoever is still let in. An error
 * ends it with a line that has the problem: without a last line that says that it is complete, it is not. Whoever asks
 * for the head alone gets no more than that.
 */
export function sendLines(
  request: FastifyRequest,
  reply: FastifyReply,
  batches: AsyncIterable<Batch>,
  { mediaType = linesMediaType, toErrorLine = (problem) => ({ kind: 'error', problem }) }: Lines = {},
): FastifyReply {
  // Nothing as a stream: what is no stream would get a length.
  if (request.method === 'HEAD') return reply.type(mediaType).send(Readable.from([]))
  takePlace(request, reply)
  reply.type(mediaType)
  // The reader asks for more from a context of its own; what is done for the lines is still part of this request's act.
  const inAct = AsyncLocalStorage.snapshot()
  const changes = request.audit?.kept === 'change'
  const putOnRecord = async (batch: Batch): Promise<void> => {
    const subjects = batch instanceof WrittenLines ? batch.subjects : batch
    // What names nobody is on record with what came before it.
    const isDue = subjects.length > 0 || (batch instanceof WrittenLines && request.audit?.isRecorded === false)
    if (isDue) await request.audit?.tell(subjects)
  }
  const write = async function* (): AsyncGenerator<string | Buffer> {
    const iterator = batches[Symbol.asyncIterator]()
    try {
      for (;;) {
        // What a batch changes is changed for whoever is let in when it begins; what it reads goes to whoever still is.
        if (changes) await request.requireInForce()
        const { done, value: batch } = await inAct(() => iterator.next())
        if (done) break
        await Promise.all([putOnRecord(batch), changes ? undefined : request.requireInForce()])
        if (batch instanceof WrittenLines) yield* batch.chunks
        else if (batch.length > 0) yield batch.map((line) => `${JSON.stringify(line)}\n`).join('')
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
