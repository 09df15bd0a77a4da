import { randomBytes, randomUUIDv7 } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.ts'
import { migrate } from '../../src/db/migrations.ts'
import { ensureServiceLogin } from '../../src/db/service-login.ts'
import { createClinic } from '../../src/features/clinics/create-clinic.ts'
import { makeApiKey } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { type Listening, startListening } from './processes.ts'

export interface BenchClinic {
  clinicId: string
  apiKey: string
  timeZone: string
  /** Today there. */
  today: string
}

/** What every contender works on: PostgreSQL with clinics in it, in a folder that is removed at the end. */
export interface World {
  folder: string
  /** The server's process. */
  postgres: { pid: number }
  /** The service's own connection, of this process. */
  db: Database
  /** The addresses of the service's login and of the tables' owner. */
  serviceUrl: string
  ownerUrl: string
  owner: pg.Client
  makeClinic(name: string): Promise<BenchClinic>
  startService(more?: { nodeOptions?: readonly string[]; env?: Readonly<Record<string, string>> }): Promise<Listening>
  close(): Promise<void>
}

const quiet = { debug() {}, info() {}, warn() {} }

export const server = fileURLToPath(new URL('../../src/server.ts', import.meta.url))

/** The service's settings: as in production, but for the limits, which a load from one key and one address would meet. */
export const serviceSettings = {
  RATE_LIMIT_PER_ACTOR: '1000000',
  RATE_LIMIT_PER_ADDRESS: '1000000',
  MAX_EVENT_LOOP_DELAY: '30000',
  LOG_LEVEL: 'info',
}

export async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'rehab-bench-'))
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: quiet })
  await migrate({ url: postgres.url, log: quiet })
  const serviceUrl = await ensureServiceLogin(postgres.url)
  const db = openDatabase(serviceUrl)
  const owner = new pg.Client({ connectionString: postgres.url })
  await owner.connect()
  const timeZone = forenoon()
  return {
    folder,
    postgres,
    db,
    serviceUrl,
    ownerUrl: postgres.url,
    owner,
    async makeClinic(name) {
      const clinicId = randomUUIDv7()
      const apiKey = makeApiKey(clinicId, randomBytes(32))
      const now = toInstantText(Temporal.Now.instant())
      await createClinic(db, { id: clinicId, name, timeZone, apiKey, now, nextId: randomUUIDv7 })
      return { clinicId, apiKey, timeZone, today: Temporal.Now.plainDateISO(timeZone).toString() }
    },
    startService: ({ nodeOptions = [], env = {} } = {}) =>
      startListening({
        name: 'the service',
        args: [...nodeOptions, server],
        env: { ...serviceSettings, DATABASE_URL: serviceUrl, MIGRATION_DATABASE_URL: postgres.url, ...env },
        folder,
        readyPath: '/readyz',
      }),
    async close() {
      await owner.end()
      await db.close()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A time zone in which it is forenoon, so that no midnight falls into the run. */
function forenoon(): string {
  const hours = (9 - Temporal.Now.zonedDateTimeISO('UTC').hour + 36) % 24
  const ahead = hours > 12 ? hours - 24 : hours
  // The names of these zones have the sign that one does not expect.
  return ahead === 0 ? 'Etc/GMT' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`
}
