import type { FastifyInstance } from 'fastify'
import type { Database } from '../db/client.ts'
import type { ProtocolVersion } from '../rules/index.ts'
import type { AuditStore } from './audit.ts'

/** Reads published versions by their ids, in the order of the ids; those that the clinic does not have are left out. */
export type PublishedVersions = (clinicId: string, ids: readonly string[]) => Promise<ProtocolVersion[]>

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
