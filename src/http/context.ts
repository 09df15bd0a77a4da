import type { FastifyInstance } from 'fastify'
import type { Database } from '../db/client.ts'
import type { PublishedVersions } from '../features/protocols/published.ts'
import type { AuditStore } from './audit.ts'

/** What a feature works with. */
export interface Context {
  db: Database
  /** Now. */
  clock: () => Temporal.Instant
  /** A new UUIDv7. */
  ids: () => string
  /** The folder of the built-in protocols. */
  library: URL
  published: PublishedVersions
  audit: AuditStore
  /** So many bytes of answers may be kept in memory. */
  mostKeptBytes: number
  /** Of the service. */
  release: string
}

/** Adds its routes to a scope. */
export type Feature = (app: FastifyInstance, context: Context) => void | Promise<void>
