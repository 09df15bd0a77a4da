import type pg from 'pg'

/** Told how to send another statement on the same connection, before the one that comes. */
type Act = (query: (text: string) => unknown) => Promise<unknown>

/** Lets a test do something between two statements of a request to an instance that nobody else asks anything. */
export function standBetween(pool: pg.Pool) {
  let seen = 0
  let act: Act | null = null
  let at: number | 'each' = 0

  // Of each new connection: the service asks for its statements on these.
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...given: unknown[]) => unknown
    client.query = ((...given: unknown[]) => {
      const due = act !== null && (at === 'each' || seen === at)
      seen += 1
      if (!due || act === null) return query(...given)
      const acted = act(query).then(() => query(...given))
      return given.some((one) => typeof one === 'function') ? undefined : acted
    }) as typeof client.query
  })

  return {
    /** How many statements the last work has sent. */
    seen: () => seen,
    /** Does the work, and `between` before the statement with this number, from 0, if there is one, or before each. */
    async before<Result>(number: number | 'each', between: Act, work: () => Promise<Result>): Promise<Result> {
      seen = 0
      at = number
      act = between
      try {
        return await work()
      } finally {
        act = null
      }
    },
  }
}
