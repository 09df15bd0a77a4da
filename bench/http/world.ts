import { randomBytes, randomUUIDv7 } from 'node:crypto'
import { readFileSync } from 'node:fs'
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

/** PostgreSQL in a folder that is removed at the end. */
export interface Server {
  folder: string
  /** The server's process. */
  postgres: { pid: number }
  /** A database of that name with the service's tables. */
  openWorld(name?: string): Promise<World>
  /** Closes the databases too. */
  close(): Promise<void>
}

/** What contenders work on: a database with clinics in it. */
export interface World extends Pick<Server, 'folder' | 'postgres'> {
  /** The service's own connection, of this process. */
  db: Database
  /** The addresses of the service's login and of the tables' owner. */
  serviceUrl: string
  ownerUrl: string
  owner: pg.Client
  makeClinic(name: string): Promise<BenchClinic>
  /** The service, or what is in `file` with the settings of the service. */
  startService(more?: {
    nodeOptions?: readonly string[]
    env?: Readonly<Record<string, string>>
    file?: string
  }): Promise<Listening>
}

const quiet = { debug() {}, info() {}, warn() {} }

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What follows `node` in the service's `npm start`. */
export const serviceArgs: readonly string[] = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  .scripts.start.split(' ')
  .slice(1)
  .map((word: string) => (word.startsWith('--') ? word : join(root, word)))

/** The service's settings: as in production, but for the limits, which a load from one key and one address would meet. */
export const serviceSettings = {
  RATE_LIMIT_PER_ACTOR: '1000000',
  RATE_LIMIT_PER_ADDRESS: '1000000',
  MAX_EVENT_LOOP_DELAY: '30000',
  LOG_LEVEL: 'info',
}

export async function openServer(): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'rehab-bench-'))
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: quiet })
  const opened: { close(): Promise<void> }[] = []
  return {
    folder,
    postgres,
    async openWorld(name) {
      const ownerUrl = name === undefined ? postgres.url : await createDatabase(postgres.url, name)
      await migrate({ url: ownerUrl, log: quiet })
      const serviceUrl = await ensureServiceLogin(ownerUrl)
      const db = openDatabase(serviceUrl)
      const owner = new pg.Client({ connectionString: ownerUrl })
      await owner.connect()
      opened.push({
        async close() {
          await owner.end()
          await db.close()
        },
      })
      return makeWorld({ folder, postgres }, { db, serviceUrl, ownerUrl, owner })
    },
    async close() {
      for (const one of opened) await one.close()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function createDatabase(superuserUrl: string, name: string): Promise<string> {
  const superuser = new pg.Client({ connectionString: superuserUrl })
  await superuser.connect()
  await superuser.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
  await superuser.end()
  const url = new URL(superuserUrl)
  url.pathname = `/${name}`
  return url.href
}

function makeWorld(
  { folder, postgres }: Pick<Server, 'folder' | 'postgres'>,
  { db, serviceUrl, ownerUrl, owner }: Pick<World, 'db' | 'serviceUrl' | 'ownerUrl' | 'owner'>,
): World {
  const timeZone = forenoon()
  return {
    folder,
    postgres,
    db,
    serviceUrl,
    ownerUrl,
    owner,
    async makeClinic(name) {
      const clinicId = randomUUIDv7()
      const apiKey = makeApiKey(clinicId, randomBytes(32))
      const now = toInstantText(Temporal.Now.instant())
      await createClinic(db, { id: clinicId, name, timeZone, apiKey, now, nextId: randomUUIDv7 })
      return { clinicId, apiKey, timeZone, today: Temporal.Now.plainDateISO(timeZone).toString() }
    },
    startService: ({ nodeOptions = [], env = {}, file } = {}) =>
      startListening({
        name: 'the service',
        args: [...nodeOptions, ...serviceArgs.slice(0, -1), file ?? serviceArgs.at(-1) ?? ''],
        env: { ...serviceSettings, DATABASE_URL: serviceUrl, MIGRATION_DATABASE_URL: ownerUrl, ...env },
        folder,
        readyPath: '/readyz',
      }),
  }
}

/** A time zone in which it is forenoon, so that no midnight falls into the run. */
function forenoon(): string {
  const hours = (9 - Temporal.Now.zonedDateTimeISO('UTC').hour + 36) % 24
  const ahead = hours > 12 ? hours - 24 : hours
  // The names of these zones have the sign that one does not expect.
  return ahead === 0 ? 'Etc/GMT' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`
}
