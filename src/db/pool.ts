import pg from 'pg'

type Callback = (error: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void

/** Knows how long it lets those wait who want a connection. */
export class WatchedPool extends pg.Pool {
  /** In the order in which they came, which is that in which they are served. */
  readonly #waiting = new Set<{ since: number }>()

  /** Milliseconds that the first in the queue has waited. */
  longestWait(): number {
    for (const { since } of this.#waiting) return performance.now() - since
    return 0
  }

  // What asks the pool itself comes by here too.
  override connect(): Promise<pg.PoolClient>
  override connect(callback: Callback): void
  override connect(callback?: Callback): Promise<pg.PoolClient> | undefined {
    const waiter = { since: performance.now() }
    this.#waiting.add(waiter)
    if (callback === undefined) return super.connect().finally(() => this.#waiting.delete(waiter))
    super.connect((...outcome) => {
      this.#waiting.delete(waiter)
      callback(...outcome)
    })
    return undefined
  }
}
