import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import { ProblemError } from './problems.ts'
import { isGivenUp } from './time-limit.ts'

// What is computed at length is computed by the one thread that answers everybody.

/** So much of one actor may wait, and so much of all. */
const mostOfActor = 10
const mostOfAll = 100

/** Milliseconds: what takes longer is followed by a pause of half as long as it took, in which others are answered. */
const short = 20
const longestPause = 500

interface Job {
  request: FastifyRequest
  run: () => void
  refuse: (error: Error) => void
}

/** By actor, whose turn is first. */
const waiting = new Map<string, Job[]>()
let isComputing = false

/** Computes when it is this actor's turn: each has one at a time, and one after the other. */
export function computeInTurn<Result>(request: FastifyRequest, compute: () => Result): Promise<Result> {
  const { clinicId, id } = request.actor
  const actor = `${clinicId} ${id}`
  const own = waiting.get(actor) ?? []
  if (own.length >= mostOfActor) throw tooMuch(`${mostOfActor} requests of this actor`, 'TOO_MANY_REQUESTS')
  const all = [...waiting.values()].reduce((sum, { length }) => sum + length, 0)
  if (all >= mostOfAll) throw tooMuch(`${mostOfAll} requests`, 'SERVICE_UNAVAILABLE')
  return new Promise((resolve, reject) => {
    // A throw in here is a rejection.
    const run = (): void => {
      try {
        resolve(compute())
      } catch (error) {
        reject(error)
      }
    }
    waiting.set(actor, [...own, { request, run, refuse: reject }])
    if (!isComputing) void computeAll()
  })
}

async function computeAll(): Promise<void> {
  isComputing = true
  for (let [next] = waiting; next !== undefined; [next] = waiting) {
    const [actor, [job, ...rest]] = next
    // To the end of those who wait.
    waiting.delete(actor)
    if (rest.length > 0) waiting.set(actor, rest)
    const begun = performance.now()
    if (job !== undefined && isGivenUp(job.request)) job.refuse(tooMuch('others', 'SERVICE_UNAVAILABLE'))
    else job?.run()
    const took = performance.now() - begun
    await delay(took > short ? Math.min(took / 2, longestPause) : 0)
  }
  isComputing = false
}

function tooMuch(who: string, code: 'TOO_MANY_REQUESTS' | 'SERVICE_UNAVAILABLE'): ProblemError {
  return new ProblemError(code, `${who} wait already for something that takes long to compute: try again`, {
    headers: { 'retry-after': '5' },
  })
}
