import type { FastifyInstance } from 'fastify'
import type { Database } from '../db/client.ts'

/** What a feature works with. */
export interface Context {
  db: Database
  /** Now. */
  clock: () => Temporal.Instant
  /** A new UUIDv7. */
  ids: () => string
  /** The folder of the built-in protocols. */
  library: URL
}

/** Adds its routes to a scope. */
export type Feature = (app: FastifyInstance, context: Context) => void | Promise<void>
