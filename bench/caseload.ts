import { type ChildProcess, fork } from 'node:child_process'
import { randomUUIDv7 } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { openDatabase } from '../src/db/client.ts'
import { startEmbeddedPostgres } from '../src/db/embedded-postgres.ts'
import { migrate } from '../src/db/migrations.ts'
import { ensureServiceLogin } from '../src/db/service-login.ts'
import { createClinic } from '../src/features/clinics/create-clinic.ts'
import { readLibrary } from '../src/features/clinics/library.ts'
import { makeApiKey } from '../src/http/auth.ts'
import { toInstantText } from '../src/http/schemas.ts'
import type { Reading } from './caseload-reader.ts'
import { serviceArgs } from './http/world.ts'
import type { Options, Part } from './options.ts'
import { show, toTable } from './table.ts'

const counts = [10_000, 100_000, 300_000]
const quiet = { debug() {}, info() {}, warn() {} }
const mega = 1024 * 1024

/**
 * Open episodes that follow one protocol of the library each, with 5 to 9 entries: surgeries over the last half year,
 * milestones and observations. By SQL, past the service, so that it takes seconds.
 */
const fill = `
  WITH made AS (
    SELECT gs, uuidv7() AS id, uuidv7() AS patient, $4::jsonb -> (gs % jsonb_array_length($4::jsonb)) AS protocol,
      (now() - interval '1 day' * (gs % 180))::date AS surgery, now() - interval '200 days' AS at
    FROM generate_series($2::int, $3::int) gs
  ), patients AS (
    INSERT INTO patient (clinic_id, id, external_id, revision, created_at)
    SELECT $1, patient, 'bench-' || gs, 1, at FROM made
  ), episodes AS (
    INSERT INTO episode (clinic_id, id, patient_id, surgery_date, procedures, levels, status, revision, changed_at, created_at)
    SELECT $1, id, patient, surgery, ARRAY[protocol ->> 'procedure'], '{}', 'open', 5 + gs % 5, at + interval '1 minute', at
    FROM made
  ), following AS (
    INSERT INTO episode_protocol (clinic_id, episode_id, version_id) SELECT $1, id, (protocol ->> 'version')::uuid FROM made
  )
  INSERT INTO record_entry (clinic_id, id, episode_id, revision, kind, payload, recorded_at, recorded_by)
  SELECT $1, uuidv7(), made.id, n, e.kind, e.payload, made.at + n * interval '1 second', made.id
  FROM made CROSS JOIN LATERAL generate_series(1, 5 + gs % 5) n
  CROSS JOIN LATERAL (SELECT protocol -> 'milestones' -> ((n - 3) % jsonb_array_length(protocol -> 'milestones')) AS milestone,
    protocol -> 'facts' -> (n % jsonb_array_length(protocol -> 'facts')) AS fact) d
  CROSS JOIN LATERAL (SELECT
    CASE n WHEN 1 THEN 'surgery' WHEN 2 THEN 'assignment' WHEN 3 THEN 'milestone' WHEN 4 THEN 'milestone' ELSE 'fact' END AS kind,
    CASE n
      WHEN 1 THEN jsonb_build_object('surgeryDate', surgery, 'procedures', jsonb_build_array(protocol ->> 'procedure'),
        'levels', '[]'::jsonb, 'side', NULL)
      WHEN 2 THEN jsonb_build_object('versions', jsonb_build_array(protocol ->> 'version'))
      WHEN 3 THEN milestone || jsonb_build_object('on', surgery + 2, 'note', NULL)
      WHEN 4 THEN milestone || jsonb_build_object('on', surgery + 43, 'note', NULL)
      ELSE fact || jsonb_build_object('on', surgery + n * (1 + gs % 9), 'note', NULL) END AS payload) e
  ORDER BY made.id, n`

interface Told {
  rss: number
  heapUsed: number
  processor: number
  busy: number
}

interface Step {
  episodes: number
  megabytes: number
  seconds: number
  /** Microseconds of the service's processor time for an episode. */
  processor: number
  /** Most that the service's process had at once, in MB. */
  peak: number
  /** Most that was in use after a collection on the way, in MB. */
  live: number
}

/** The whole caseload over HTTP: service, PostgreSQL and a reader that counts lines, each a process of its own. */
export async function measureCaseload({ isShort, toMillion }: Options): Promise<Part> {
  const folder = await mkdtemp(join(tmpdir(), 'rehab-bench-'))
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: quiet })
  await migrate({ url: server.url, log: quiet })
  const url = await ensureServiceLogin(server.url)
  const db = openDatabase(url)
  const owner = new pg.Client({ connectionString: server.url })
  await owner.connect()
  const service = fork(new URL('caseload-service.ts', import.meta.url), {
    execArgv: ['--expose-gc', ...serviceArgs.slice(0, -1)],
    env: { ...process.env, DATABASE_URL: url, NODE_ENV: 'production' },
  })
  try {
    const [{ address }] = (await once(service, 'message')) as [{ address: string }]
    const clinicId = randomUUIDv7()
    const apiKey = makeApiKey(clinicId)
    const now = toInstantText(Temporal.Now.instant())
    await createClinic(db, { id: clinicId, name: 'Bench', timeZone: 'UTC', apiKey, now, nextId: randomUUIDv7 })
    await db.close()
    const protocols = await describeProtocols(owner, clinicId)
    const asked = { address: `${address}/v1/permitted-exercises`, headers: { authorization: `Bearer ${apiKey}` } }

    const steps: Step[] = []
    let filled = 0
    let slow: SlowReader | null = null
    for (const count of isShort ? counts.slice(0, 1) : [...counts, ...(toMillion ? [1_000_000] : [])]) {
      await owner.query(fill, [clinicId, filled + 1, count, JSON.stringify(protocols)])
      await owner.query('VACUUM ANALYZE')
      filled = count
      if (steps.length === 0) await readOnce(asked, service)
      const times = [await readOnce(asked, service)]
      while (times.length < (count > 100_000 ? 1 : 3)) times.push(await readOnce(asked, service))
      const [median] = times.sort((a, b) => a.seconds - b.seconds).slice(Math.floor(times.length / 2))
      if (median === undefined || median.episodes !== count)
        throw new Error(`${median?.episodes} of ${count} were told of`)
      steps.push({ ...median, live: await readLive(asked, service) })
      if (count >= 100_000) slow ??= await readSlowly(asked, service)
    }
    const text = [
      `The whole caseload, as lines over HTTP (service, PostgreSQL and the reader share the processors; load ${loadavg()[0]?.toFixed(1)}):`,
      toTable(
        ['open episodes', 'MB', 'seconds', 'a second', 'µs of the service', 'in use MB', 'peak MB'],
        steps.map(({ episodes, megabytes, seconds, processor, live, peak }) =>
          [episodes, megabytes, seconds, episodes / seconds, processor, live, peak].map(show),
        ),
      ),
      ...(slow === null
        ? []
        : [
            `A reader of ${show(slow.megabytes)} MB in ${show(slow.seconds)} s: at most ${show(slow.peak)} MB, ${slow.busy} of ${slow.looks} times with a connection in use.`,
          ]),
    ].join('\n')
    return { text, data: { steps, slow } }
  } finally {
    const ended = once(service, 'exit')
    service.send('end')
    await ended
    await owner.end()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** What the episodes of each protocol of the library have on record. */
async function describeProtocols(owner: pg.Client, clinicId: string) {
  const { rows } = await owner.query<{ code: string; id: string }>(
    `SELECT p.code, v.id FROM protocol_version v JOIN protocol p ON p.clinic_id = v.clinic_id AND p.id = v.protocol_id
     WHERE v.clinic_id = $1 AND v.number = 1`,
    [clinicId],
  )
  return readLibrary().protocols.map(({ document }) => {
    const milestones = document.milestones.map(({ code, grantedBy }) => ({ code, grantedBy: grantedBy?.[0] ?? null }))
    const facts = document.facts.map(({ code, type, values }) => ({
      code,
      value: { number: 2, boolean: true, choice: values?.[0] ?? '', text: 'noted' }[type],
    }))
    return {
      version: rows.find(({ code }) => code === document.code)?.id,
      procedure: document.procedures[0],
      milestones: milestones.length > 0 ? milestones : [{ code: 'visit', grantedBy: null }],
      facts: facts.length > 0 ? facts : [{ code: 'pain', value: 2 }],
    }
  })
}

interface Asked {
  address: string
  headers: Record<string, string>
}

function open({ address, headers }: Asked): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get(address, { headers }, resolve).on('error', reject))
}

async function ask(service: ChildProcess, question: 'tell' | 'collect'): Promise<Told> {
  service.send(question)
  const [told] = await once(service, 'message')
  return told as Told
}

async function readOnce(asked: Asked, service: ChildProcess): Promise<Omit<Step, 'live'>> {
  const before = await ask(service, 'tell')
  let peak = 0
  const watch = setInterval(async () => {
    peak = Math.max(peak, (await ask(service, 'tell')).rss)
  }, 100)
  const { lines, bytes, episodes, seconds } = await read(asked)
  clearInterval(watch)
  const { processor } = await ask(service, 'tell')
  if (lines < episodes) throw new Error(`${lines} lines for ${episodes} episodes`)
  return {
    episodes,
    megabytes: bytes / 1e6,
    seconds,
    processor: ((processor - before.processor) * 1e6) / episodes,
    peak: peak / mega,
  }
}

/** Has the caseload read by a process that does nothing else. */
async function read(asked: Asked): Promise<Reading> {
  const reader = fork(new URL('caseload-reader.ts', import.meta.url), { execArgv: [] })
  const answered = once(reader, 'message')
  reader.send(asked)
  const [{ reading, error }] = (await answered) as [{ reading?: Reading; error?: string }]
  if (reading === undefined) throw new Error(error)
  return reading
}

async function readLive(asked: Asked, service: ChildProcess): Promise<number> {
  let live = 0
  const watch = setInterval(async () => {
    live = Math.max(live, (await ask(service, 'collect')).heapUsed)
  }, 500)
  await read(asked)
  clearInterval(watch)
  return live / mega
}

interface SlowReader {
  megabytes: number
  seconds: number
  peak: number
  busy: number
  looks: number
}

/** Takes a little and waits, for ten seconds. */
async function readSlowly(asked: Asked, service: ChildProcess): Promise<SlowReader> {
  const response = await open(asked)
  const begun = performance.now()
  const slow = { megabytes: 0, seconds: 0, peak: 0, busy: 0, looks: 0 }
  response.on('readable', () => {})
  while (performance.now() - begun < 10_000) {
    const chunk = response.read() as Buffer | null
    slow.megabytes += (chunk?.length ?? 0) / 1e6
    await delay(20)
    const { rss, busy } = await ask(service, 'tell')
    slow.peak = Math.max(slow.peak, rss / mega)
    slow.busy += busy > 0 ? 1 : 0
    slow.looks += 1
  }
  slow.seconds = (performance.now() - begun) / 1000
  response.destroy()
  return slow
}
