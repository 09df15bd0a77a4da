import { randomUUIDv7 } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { buildApp } from '../src/app.ts'
import { openDatabase } from '../src/db/client.ts'
import { startEmbeddedPostgres } from '../src/db/embedded-postgres.ts'
import { migrate } from '../src/db/migrations.ts'
import { ensureServiceLogin } from '../src/db/service-login.ts'
import { createClinic } from '../src/features/clinics/create-clinic.ts'
import { makeApiKey } from '../src/http/auth.ts'
import { toInstantText } from '../src/http/schemas.ts'
import { show, toTable } from './table.ts'

const counts = [10_000, 100_000]
const quiet = { debug() {}, info() {}, warn() {} }

/**
 * Open episodes that follow `acdf-standard`, each with 2 to 9 entries: surgeries over the last half year, most with the
 * discharge on record, half with the visit, some on hold. By SQL, past the service, so that it takes seconds.
 */
const fill = `
  WITH made AS (
    SELECT gs, gen_random_uuid() AS id, gen_random_uuid() AS patient,
      (now() - interval '1 day' * (gs % 180))::date AS surgery, now() - interval '200 days' AS at
    FROM generate_series($2::int, $3::int) gs
  ), patients AS (
    INSERT INTO patient (clinic_id, id, external_id, revision, created_at)
    SELECT $1, patient, 'bench-' || gs, 1, at FROM made
  ), episodes AS (
    INSERT INTO episode (clinic_id, id, patient_id, surgery_date, procedures, levels, status, revision, changed_at, created_at)
    SELECT $1, id, patient, surgery, '{acdf}', '{}', 'open', 2 + 3 + gs % 5, at + interval '1 minute', at FROM made
  ), following AS (
    INSERT INTO episode_protocol (clinic_id, episode_id, version_id) SELECT $1, id, $4 FROM made
  )
  INSERT INTO record_entry (clinic_id, id, episode_id, revision, kind, payload, recorded_at, recorded_by)
  SELECT $1, gen_random_uuid(), made.id, n, e.kind, e.payload, made.at + n * interval '1 second', made.id
  FROM made CROSS JOIN LATERAL generate_series(1, 5 + gs % 5) n CROSS JOIN LATERAL (SELECT
    CASE n WHEN 1 THEN 'surgery' WHEN 2 THEN 'assignment' WHEN 3 THEN 'milestone' WHEN 4 THEN 'milestone' ELSE 'fact' END AS kind,
    CASE n
      WHEN 1 THEN jsonb_build_object('surgeryDate', surgery, 'procedures', '["acdf"]'::jsonb, 'levels', '[]'::jsonb, 'side', NULL)
      WHEN 2 THEN jsonb_build_object('versions', jsonb_build_array($4::text))
      WHEN 3 THEN jsonb_build_object('code', 'hospital-discharge', 'on', surgery + 2, 'grantedBy', NULL, 'note', NULL)
      WHEN 4 THEN jsonb_build_object('code', CASE gs % 2 WHEN 0 THEN 'six-week-visit' ELSE 'therapist-programme' END,
        'on', surgery + 43, 'grantedBy', 'physical-therapist', 'note', NULL)
      ELSE jsonb_build_object('code', 'pain', 'value', n % 10, 'on', surgery + n, 'note', NULL) END AS payload) e
  ORDER BY made.id, n`

interface Step {
  episodes: number
  changed: number
  lines: number
  seconds: number
  /** Most that was resident at once, of the process that serves and reads, garbage included, in MB. */
  peak: number
  /** Most that was in use after a collection on the way, in MB. */
  live: number
}

/** The impact of a draft on so many open episodes, over HTTP as lines, on an embedded PostgreSQL. */
export async function measureImpact(): Promise<{ text: string; data: unknown }> {
  const folder = await mkdtemp(join(tmpdir(), 'rehab-bench-'))
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: quiet })
  await migrate({ url: server.url, log: quiet })
  const db = openDatabase(await ensureServiceLogin(server.url))
  const app = await buildApp({ config: { logLevel: 'silent' }, db, clock: () => Temporal.Now.instant() })
  const owner = new pg.Client({ connectionString: server.url })
  await owner.connect()
  try {
    const clinicId = randomUUIDv7()
    const apiKey = makeApiKey(clinicId)
    const now = toInstantText(Temporal.Now.instant())
    await createClinic(db, { id: clinicId, name: 'Bench', timeZone: 'UTC', apiKey, now, nextId: randomUUIDv7 })
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    const headers = { authorization: `Bearer ${apiKey}` }
    const call = async (method: string, path: string, body?: object, more: Record<string, string> = {}) => {
      const response = await fetch(`${address}/v1${path}`, {
        method,
        headers: { ...headers, ...(body && { 'content-type': 'application/json' }), ...more },
        ...(body && { body: JSON.stringify(body) }),
      })
      if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
      return response.json() as Promise<Record<string, unknown>>
    }
    const { id: version } = await call('GET', '/protocols/acdf-standard/versions/1')
    await call('POST', '/protocols/acdf-standard/draft', { from: 1 })
    await call(
      'PATCH',
      '/protocols/acdf-standard/draft/phases/home-programme',
      { entry: { all: [{ days: { atLeast: 56 } }, { milestone: 'six-week-visit' }] } },
      { 'if-match': '*', 'content-type': 'application/merge-patch+json' },
    )

    const steps: Step[] = []
    let filled = 0
    for (const count of counts) {
      await owner.query(fill, [clinicId, filled + 1, count, version])
      await owner.query('ANALYZE')
      filled = count
      steps.push(await measureOnce(`${address}/v1/protocols/acdf-standard/draft/impact`, headers))
    }
    const text = [
      'The impact of a draft, as lines over HTTP:',
      toTable(
        ['open episodes', 'changed', 'seconds', 'a second', 'in use MB', 'peak MB'],
        steps.map(({ episodes, changed, seconds, live, peak }) => [
          show(episodes),
          show(changed),
          show(seconds),
          show(episodes / seconds),
          show(live),
          show(peak),
        ]),
      ),
    ].join('\n')
    return { text, data: { steps } }
  } finally {
    await owner.end()
    await app.close()
    await db.close()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const mega = 1024 * 1024

async function measureOnce(address: string, headers: Record<string, string>): Promise<Step> {
  let peak = 0
  let live = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 20)
  const collect = setInterval(() => {
    globalThis.gc?.()
    live = Math.max(live, process.memoryUsage().heapUsed)
  }, 1000)
  const begun = performance.now()
  let lines = 0
  let last = ''
  await new Promise<void>((resolve, reject) => {
    get(address, { headers: { ...headers, accept: 'application/x-ndjson' } }, (response) => {
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        lines += chunk.split('\n').length - 1
        last = (last + chunk).slice(-200_000)
      })
      response.on('end', resolve)
      response.on('error', reject)
    }).on('error', reject)
  })
  const seconds = (performance.now() - begun) / 1000
  clearInterval(watch)
  clearInterval(collect)
  const summary = JSON.parse(last.trimEnd().split('\n').at(-1) ?? '')
  if (summary.kind !== 'summary') throw new Error(`the answer ended with ${JSON.stringify(summary)}`)
  return { episodes: summary.episodes, changed: summary.changed, lines, seconds, peak: peak / mega, live: live / mega }
}
