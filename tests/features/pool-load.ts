import { request as send } from 'node:http'
import type pg from 'pg'
import type { Database } from '../../src/db/client.ts'

interface Asker {
  clinicId: string
  key: string
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
    const headers = { authorization: `Bearer ${key}`, ...(content && { 'content-type': 'application/json' }) }
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
  clinics: readonly (Asker & { patient: string })[],
  { requests, atOnce, random }: { requests: number; atOnce: number; random: () => number },
): Promise<LoadFigures> {
  const watched = watchPool(service.db)
  const figures = { requests, answered: 0, aborted: 0, statuses: {} as Record<number, number>, foreign: 0 }
  let sent = 0
  const worker = async (): Promise<void> => {
    while (sent < requests) {
      sent += 1
      const clinic = clinics[Math.floor(random() * clinics.length)] as Asker & { patient: string }
      const mark = markOf(clinic.clinicId)
      const kinds = [
        { method: 'GET', path: '/patients?limit=200' },
        { method: 'GET', path: `/patients/${clinic.patient}` },
        // Another clinic's, which is not there.
        { method: 'GET', path: `/patients/${clinics.find(({ clinicId }) => clinicId !== clinic.clinicId)?.patient}` },
        { method: 'POST', path: '/patients', body: { externalId: `${mark}-${sent}`, displayName: mark } },
        // Breaks a constraint in the middle of its transaction.
        { method: 'POST', path: '/patients', body: { externalId: `${mark}-0` } },
        { method: 'PATCH', path: `/patients/${clinic.patient}`, body: { displayName: 'slow' } },
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
