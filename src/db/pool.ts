import pg from 'pg'

type Callback = (error: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void

/** Knows how long it lets those wait who want a connection. */
export class WatchedPool extends pg.Pool {
  /** In the order in which they came, which is that in which they are served. */
  readonly #waiting: { since: number }[] = []

  /** Milliseconds that the first in the queue has waited. */
  longestWait(): number {
    const [first] = this.#waiting
    return first === undefined ? 0 : performance.now() - first.since
  }

  // What asks the pool itself comes by here too.
  override connect(): Promise<pg.PoolClient>
  override connect(callback: Callback): void
  override connect(callback?: Callback): Promise<pg.PoolClient> | undefined {
    const waiter = { since: performance.now() }
    this.#waiting.push(waiter)
    const leave = (): void => void this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
    if (callback === undefined) return super.connect().finally(leave)
    super.connect((...outcome) => {
      leave()
      callback(...outcome)
    })
    return undefined
  }
}
