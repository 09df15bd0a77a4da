import { randomUUIDv7 } from 'node:crypto'
import { afterAll } from '@jest/globals'
import { type AppOptions, buildApp } from '../../src/app.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { insertApiKey } from '../../src/features/api-keys/repository.ts'
import { insertClinic } from '../../src/features/clinics/repository.ts'
import { makeApiKey } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { createTestDatabase } from '../support/test-database.ts'

export interface Answer<Body> {
  status: number
  headers: Headers
  /** Empty when there is none. */
  etag: string
  location: string
  text: string
  /** Null when the answer has no body. */
  body: Body
}

type Json = Record<string, unknown>

/** What the tests read of a problem document. */
export interface Problem extends Json {
  code: string
  detail: string
  errors?: { in: string; pointer: string; detail: string }[]
}

export interface Page<Item> {
  items: Item[]
  next: string | null
}

/** One clinic's software: real requests with its API key. */
export type Client = ReturnType<typeof makeClient>

function makeClient(address: string, clinicId: string, key: string) {
  /** A text or bytes are sent as they are, everything else as JSON; `/v1` goes before the path. */
  async function send<Body = Json>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<Body>> {
    const raw = typeof body === 'string' || body instanceof Uint8Array
    const response = await fetch(`${address}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      etag: response.headers.get('etag') ?? '',
      location: response.headers.get('location') ?? '',
      text,
      body: isJson && text !== '' ? JSON.parse(text) : null,
    }
  }

  function matching(etag: string | undefined): Record<string, string> {
    return etag === undefined ? {} : { 'if-match': etag }
  }

  return {
    clinicId,
    key,
    send,
    get: <Body = Json>(path: string) => send<Body>('GET', path),
    post: <Body = Json>(path: string, body: unknown) => send<Body>('POST', path, body),
    put: <Body = Json>(path: string, body: unknown, etag?: string) => send<Body>('PUT', path, body, matching(etag)),
    patch: <Body = Json>(path: string, body: unknown, etag?: string) => send<Body>('PATCH', path, body, matching(etag)),
    delete: <Body = Json>(path: string, etag?: string) => send<Body>('DELETE', path, undefined, matching(etag)),

    /** Follows the `Link` headers from `path` to the last page. */
    async pages<Item = Json>(path: string): Promise<Item[][]> {
      const pages: Item[][] = []
      for (let next: string | undefined = path; next !== undefined; ) {
        const answer: Answer<Page<Item>> = await send<Page<Item>>('GET', next)
        if (answer.status !== 200) throw new Error(`GET ${next} answered ${answer.status}: ${answer.text}`)
        pages.push(answer.body.items)
        next = /<\/v1([^>]*)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]
      }
      return pages
    },
  }
}

export interface ClinicOptions {
  /** What the service is configured with, beside its database. */
  config?: Partial<AppOptions['config']>
  /** The clinic's time zone. */
  timeZone?: string
  /** What the service takes for now; left out: the real time, until `setNow`. */
  now?: string
  /** The folder of the service's library; left out: the built-in one. */
  library?: URL
}

/**
 * The service on a database of its own and a port of its own, with one clinic and an administrator's key. Call it once,
 * at the top of a test file; it closes by itself after the file.
 */
export async function startClinic({ timeZone = 'America/New_York', now, library, config }: ClinicOptions = {}) {
  let moment = now === undefined ? null : Temporal.Instant.from(now)
  const clock = (): Temporal.Instant => moment ?? Temporal.Now.instant()
  const log: string[] = []

  const database = await createTestDatabase()
  const db = openDatabase(database.url)
  const routes: { method: string; url: string }[] = []
  const app = await buildApp({
    config: { logLevel: 'info', ...config },
    onRoute: ({ method, url }) => routes.push(...[method].flat().map((one) => ({ method: one, url }))),
    db,
    clock,
    logTo: { write: (line) => log.push(line) },
    ...(library && { library }),
    explainInternalErrors: true,
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  afterAll(async () => {
    await app.close()
    await db.close()
    await database.close()
  })

  /** Software of the clinic that has a key of this role. */
  async function addClient(clinicId: string, role = 'administrator', name = role): Promise<Client> {
    const key = makeApiKey(clinicId)
    const createdAt = toInstantText(clock())
    await db.asClinic(clinicId, (tx) => insertApiKey(tx, { clinicId, id: randomUUIDv7(), name, key, role, createdAt }))
    return makeClient(address, clinicId, key)
  }

  /** Another clinic of the same service. */
  async function addClinic(): Promise<Client> {
    const clinicId = randomUUIDv7()
    const createdAt = toInstantText(clock())
    await db.asClinic(clinicId, (tx) => insertClinic(tx, { clinicId, name: 'Test clinic', timeZone, createdAt }))
    return addClient(clinicId)
  }

  const first = await addClinic()
  const { clinicId } = first

  return {
    ...first,
    db,
    /** The superuser's address of its database. */
    databaseUrl: database.url,
    app,
    address,
    /** The service's log, line by line. */
    log,
    /** Every route that the server has registered, hidden ones too. */
    routes,
    addClient,
    addClinic,
    /** The same software with another key or token. */
    withKey: (key: string): Client => makeClient(address, clinicId, key),
    setNow: (text: string): void => {
      moment = Temporal.Instant.from(text)
    },
  }
}

/** A second instance of the service on the same database. */
export async function startReplica(db: Database, clock: () => Temporal.Instant, config: ClinicOptions['config'] = {}) {
  const app = await buildApp({ config: { logLevel: 'silent', ...config }, db, clock })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  afterAll(() => app.close())
  return {
    address,
    app,
    /** The clinic's software, which asks this instance. */
    withKey: (clinicId: string, key: string): Client => makeClient(address, clinicId, key),
    statusOf: async (key: string): Promise<number> =>
      (await fetch(`${address}/v1/clinic`, { headers: { authorization: `Bearer ${key}` } })).status,
  }
}

interface DraftParts {
  code: string
  procedures?: string[]
  prescribes?: string
  targets?: object[]
}

/** A protocol with a draft that has at most one prescription and one contraindication, past every check. */
export async function storeDraft(
  { db, clinicId }: { db: Database; clinicId: string },
  { code, procedures = [], prescribes, targets }: DraftParts,
): Promise<void> {
  const createdAt = new Date()
  const versionId = randomUUIDv7()
  await db.asClinic(clinicId, async (tx) => {
    const protocol = await tx.protocol.create({ data: { clinicId, id: randomUUIDv7(), code, title: code, createdAt } })
    await tx.protocolVersion.create({
      data: {
        clinicId,
        id: versionId,
        protocolId: protocol.id,
        status: 'draft',
        title: code,
        procedures,
        revision: 1,
        createdAt,
      },
    })
    const rule = { clinicId, versionId, position: 0, sources: [] }
    if (prescribes !== undefined) {
      const grant = { code: 'the-prescription', exerciseCode: prescribes, fromPhase: 'early' }
      await tx.prescription.create({ data: { ...rule, ...grant, supervision: 'supervised', side: 'both' } })
    }
    if (targets !== undefined) {
      const forbid = { code: 'the-contraindication', title: 'Not this', strength: 'absolute', target: targets }
      await tx.contraindication.create({ data: { ...rule, ...forbid } })
    }
  })
}

interface EpisodeParts {
  patientId: string
  procedures?: string[]
  /** An override of this exercise. */
  overrides?: string
}

/** An episode, past every check; returns its id and that of its override. */
export async function storeEpisode(
  { db, clinicId }: { db: Database; clinicId: string },
  { patientId, procedures = [], overrides }: EpisodeParts,
): Promise<{ episode: string; entry: string }> {
  const createdAt = new Date()
  const [episode, entry] = [randomUUIDv7(), randomUUIDv7()]
  await db.asClinic(clinicId, async (tx) => {
    await tx.episode.create({
      data: {
        clinicId,
        id: episode,
        patientId,
        surgeryDate: new Date('2026-10-01T00:00:00Z'),
        procedures,
        levels: [],
        status: 'open',
        revision: 1,
        changedAt: createdAt,
        createdAt,
      },
    })
    if (overrides === undefined) return
    const payload = {
      exercise: overrides,
      effect: 'withhold',
      from: '2026-10-01',
      until: null,
      reason: 'pain',
      lifts: [],
    }
    const recorded = { revision: 1, recordedAt: createdAt, recordedBy: randomUUIDv7() }
    await tx.recordEntry.create({
      data: { clinicId, id: entry, episodeId: episode, kind: 'override', payload, ...recorded },
    })
  })
  return { episode, entry }
}
