import { createHash } from 'node:crypto'
import type { FastifyRateLimitStore } from '@fastify/rate-limit'
import { LRUCache } from 'lru-cache'

/** Every process counts by the same minutes of the clock. */
export const periodMilliseconds = 60_000

/** A key is told of once this part of its limit has come: most never reach it, and cost the database nothing. */
const toldFrom = 1 / 20

/** At most so many keys of one limit are kept; what was not heard of for longest goes first. */
export const mostKeys = 20_000

interface Count {
  period: number
  /** What all processes have counted, as far as they have told. */
  told: number
  /** What this one has counted since it told. */
  own: number
}

interface Pool {
  query: (query: { text: string; values: unknown[] }) => Promise<{ rows: { key: Buffer; requests: number }[] }>
}

type LogProblem = (error: unknown) => void

/**
 * Counts of requests that all replicas share, without a round trip for a request: each process counts by itself and adds
 * what it has to a table of the database every second, all keys in one statement. So each process lets through, above a
 * limit, at most a twentieth of it and what comes in about a second. While the database does not answer, each process
 * holds the limit by itself.
 */
export class SharedCounts implements FastifyRateLimitStore {
  readonly #pool: Pool
  readonly #onProblem: LogProblem
  readonly #tellEvery: number
  readonly #stores: Counts[] = []
  #timer: NodeJS.Timeout | undefined
  #telling: Promise<void> | undefined
  #failed = false
  #cleaned = 0

  constructor(pool: Pool, onProblem: LogProblem, tellEvery = 1000) {
    this.#pool = pool
    this.#onProblem = onProblem
    this.#tellEvery = tellEvery
  }

  /** Counts for one limit; its keys must not be those of another. */
  child(options: object): Counts {
    const counts = new Counts('max' in options ? Number(options.max) : 1)
    this.#stores.push(counts)
    this.#timer ??= setInterval(() => {
      this.#telling ??= this.#tell().finally(() => {
        this.#telling = undefined
      })
    }, this.#tellEvery).unref()
    return counts
  }

  incr(_key: string, callback: (error: Error) => void): void {
    callback(new Error('each limit has counts of its own'))
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#telling
  }

  async #tell(): Promise<void> {
    const period = periodAt(Date.now())
    const waiting = this.#stores.flatMap((store) => store.waiting(period))
    if (waiting.length === 0) return
    const byKey = new Map(waiting.map(({ key, count }) => [hashOf(key).toString('hex'), { count, sent: count.own }]))
    try {
      const { rows } = await this.#pool.query({
        text: `INSERT INTO request_count AS c (key, period, requests)
          SELECT decode(key, 'hex'), $1, requests FROM unnest($2::text[], $3::int[]) AS t (key, requests) ORDER BY key
          ON CONFLICT (key) DO UPDATE SET period = EXCLUDED.period,
            requests = EXCLUDED.requests + CASE c.period WHEN EXCLUDED.period THEN c.requests ELSE 0 END
          WHERE c.period <= EXCLUDED.period
          RETURNING key, requests`,
        values: [period, [...byKey.keys()], [...byKey.values()].map(({ sent }) => sent)],
      })
      for (const { key, requests } of rows) {
        const { count, sent } = byKey.get(key.toString('hex')) ?? {}
        if (count === undefined || sent === undefined || count.period !== period) continue
        count.told = requests
        count.own -= sent
      }
      if (this.#cleaned < period) {
        await this.#pool.query({
          text: `DELETE FROM request_count WHERE key IN
            (SELECT key FROM request_count WHERE period < $1 ORDER BY key FOR UPDATE SKIP LOCKED)`,
          values: [period - 1],
        })
        this.#cleaned = period
      }
      this.#failed = false
    } catch (error) {
      if (!this.#failed) this.#onProblem(error)
      this.#failed = true
    }
  }
}

/** The store of one limit, as @fastify/rate-limit takes it. */
export class Counts implements FastifyRateLimitStore {
  readonly #limit: number
  readonly #byKey = new LRUCache<string, Count>({
    max: mostKeys,
    dispose: (_count, key, why) => {
      if (why === 'evict') this.#waiting.delete(key)
    },
  })
  /** Those that have something to tell. */
  readonly #waiting = new Map<string, Count>()

  constructor(limit: number) {
    this.#limit = limit
  }

  incr(key: string, callback: (error: Error | null, result?: { current: number; ttl: number }) => void): void {
    const now = Date.now()
    const period = periodAt(now)
    let count = this.#byKey.get(key)
    if (count === undefined || count.period !== period) {
      count = { period, told: 0, own: 0 }
      this.#byKey.set(key, count)
    }
    count.own += 1
    const current = count.told + count.own
    if (current >= this.#limit * toldFrom) this.#waiting.set(key, count)
    callback(null, { current, ttl: periodMilliseconds - (now % periodMilliseconds) })
  }

  child(): this {
    return this
  }

  /** What is to be told of this period; it is not waiting any more. */
  waiting(period: number): { key: string; count: Count }[] {
    const waiting = [...this.#waiting].map(([key, count]) => ({ key, count }))
    this.#waiting.clear()
    return waiting.filter(({ count }) => count.period === period)
  }

  get size(): number {
    return this.#byKey.size
  }
}

function periodAt(milliseconds: number): number {
  return Math.floor(milliseconds / periodMilliseconds)
}

/** An address is personal data, and what is stored need not be read. */
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
