import { randomUUIDv7 } from 'node:crypto'
import { request as send } from 'node:http'
import pg from 'pg'
import { buildApp } from '../../src/app.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { insertApiKey } from '../../src/features/api-keys/repository.ts'
import { insertClinic } from '../../src/features/clinics/repository.ts'
import { createPatient } from '../../src/features/patients/repository.ts'
import { makeApiKey } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'

interface Asker {
  clinicId: string
  key: string
  /** A patient of the clinic's. */
  patient: string
}

export interface LoadFigures {
  requests: number
  answered: number
  aborted: number
  /** Answers by their status. */
  statuses: Record<number, number>
  /** Answers that have what is another clinic's. */
  foreign: number
  released: number
  /** Connections that came back with a clinic, or in the middle of a transaction. */
  dirty: number
}

/** What every row of a clinic's has in it, and no other clinic's. */
export function markOf(clinicId: string): string {
  return `mark-${clinicId.slice(-12)}`
}

/** What the database answers with an error, and what it takes too long for. */
const breaks = 'breaks'
const isSlow = 'is slow'

/** The service with few connections, clinics with a key and a patient each, and a database that fails now and then. */
export async function prepareLoad(
  databaseUrl: string,
  { clinics, maxConnections }: { clinics: number; maxConnections: number },
) {
  const owner = new pg.Client({ connectionString: databaseUrl })
  await owner.connect()
  await owner.query(`
    CREATE FUNCTION fail_now_and_then() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.display_name = '${breaks}' THEN RAISE EXCEPTION 'broken'; END IF;
      IF NEW.display_name = '${isSlow}' THEN PERFORM pg_sleep(5); END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER fail_now_and_then BEFORE UPDATE ON patient FOR EACH ROW EXECUTE FUNCTION fail_now_and_then()`)
  await owner.end()
  const url = new URL(databaseUrl)
  url.searchParams.set('options', '-c statement_timeout=150ms')
  const db = openDatabase(url.href, { maxConnections })
  const app = await buildApp({ config: { logLevel: 'silent' }, db, clock: () => Temporal.Now.instant() })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const createdAt = toInstantText(Temporal.Now.instant())
  const askers: Asker[] = []
  for (let made = 0; made < clinics; made += 1) {
    const [clinicId, id, patient] = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7()]
    const key = makeApiKey(clinicId)
    await db.asClinic(clinicId, async (tx) => {
      await insertClinic(tx, { clinicId, name: 'Test clinic', timeZone: 'UTC', createdAt })
      await insertApiKey(tx, { clinicId, id, name: 'key', key, role: 'administrator', createdAt })
      const mark = markOf(clinicId)
      await createPatient(tx, { clinicId, id: patient, externalId: `${mark}-0`, displayName: mark, createdAt })
    })
    askers.push({ clinicId, key, patient })
  }
  return {
    service: { address, db },
    clinics: askers,
    close: async (): Promise<void> => {
      await app.close()
      await db.close()
    },
  }
}

/**
 * Looks at every connection that comes back to the pool: it must have no clinic and no transaction. Returns what it saw.
 */
export function watchPool({ pool }: Pick<Database, 'pool'>): {
  released: number
  dirty: number
  settle(): Promise<void>
} {
  const looks = new Set<Promise<void>>()
  const seen = {
    released: 0,
    dirty: 0,
    settle: async () => {
      while (looks.size > 0) await Promise.all(looks)
    },
  }
  pool.on('release', (error: Error | undefined, client: pg.PoolClient) => {
    seen.released += 1
    if (error) return
    // Before whatever the next user of the connection sends, for a connection does one after the other.
    const look = client
      .query<{ clinic: string | null; started: boolean }>(
        `SELECT current_setting('app.clinic_id', true) AS clinic, now() <> statement_timestamp() AS started`,
      )
      .then(({ rows: [row] }) => {
        if ((row?.clinic ?? '') !== '' || row?.started) seen.dirty += 1
      })
      .catch(() => {})
      .finally(() => looks.delete(look))
    looks.add(look)
  })
  return seen
}

/** Sends one request and, if `abortAfter` (milliseconds) is given, goes away before or while it is answered. */
function ask(
  address: string,
  { key }: Asker,
  { method, path, body, abortAfter }: { method: string; path: string; body?: object; abortAfter?: number },
): Promise<{ status: number; text: string } | null> {
  return new Promise((resolve) => {
    const content = body === undefined ? undefined : JSON.stringify(body)
    const headers = {
      authorization: `Bearer ${key}`,
      'if-match': '*',
      ...(content && { 'content-type': 'application/json' }),
    }
    const request = send(`${address}/v1${path}`, { method, headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', () => resolve(null))
    })
    request.on('error', () => resolve(null))
    request.end(content)
    if (abortAfter !== undefined) setTimeout(() => request.destroy(), abortAfter)
  })
}

/**
 * Two clinics and more ask at the same time over few connections: reading, writing, breaking off at any moment, with what
 * fails in the middle of a transaction and what takes longer than a statement may. `random` gives numbers from 0 to 1.
 */
export async function loadPool(
  service: { address: string; db: Database },
  clinics: readonly Asker[],
  { requests, atOnce, random }: { requests: number; atOnce: number; random: () => number },
): Promise<LoadFigures> {
  const watched = watchPool(service.db)
  const figures = { requests, answered: 0, aborted: 0, statuses: {} as Record<number, number>, foreign: 0 }
  let sent = 0
  const worker = async (): Promise<void> => {
    while (sent < requests) {
      sent += 1
      const clinic = clinics[Math.floor(random() * clinics.length)] as Asker
      const mark = markOf(clinic.clinicId)
      const kinds = [
        { method: 'GET', path: '/patients?limit=200' },
        { method: 'GET', path: `/patients/${clinic.patient}` },
        // Another clinic's, which is not there.
        { method: 'GET', path: `/patients/${clinics.find(({ clinicId }) => clinicId !== clinic.clinicId)?.patient}` },
        { method: 'POST', path: '/patients', body: { externalId: `${mark}-${sent}`, displayName: mark } },
        { method: 'POST', path: '/patients', body: { externalId: `${mark}-0` } },
        { method: 'PATCH', path: `/patients/${clinic.patient}`, body: { displayName: breaks } },
        { method: 'PATCH', path: `/patients/${clinic.patient}`, body: { displayName: isSlow } },
      ]
      const kind = kinds[Math.floor(random() * kinds.length)] as (typeof kinds)[number]
      const abort = random() < 0.3 ? { abortAfter: random() * 30 } : {}
      const answer = await ask(service.address, clinic, { ...kind, ...abort })
      if (answer === null) {
        figures.aborted += 1
        continue
      }
      figures.answered += 1
      figures.statuses[answer.status] = (figures.statuses[answer.status] ?? 0) + 1
      const others = clinics.filter(({ clinicId }) => clinicId !== clinic.clinicId)
      if (others.some(({ clinicId }) => answer.text.includes(markOf(clinicId)))) figures.foreign += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  await watched.settle()
  return { ...figures, released: watched.released, dirty: watched.dirty }
}
