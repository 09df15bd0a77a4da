// Kills the service and its PostgreSQL at random moments while clients write, starts again as a supervisor would, and
// looks whether everything that was acknowledged is there and nothing is there by half.
//   node tests/safety/crashes.ts [rounds=50] [seed]
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import pg from 'pg'
import { findRunningPostgres } from '../../src/db/running-postgres.ts'
import { hashDocument } from '../../src/features/protocols/canonical.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { wardProtocol } from '../features/ward.ts'
import { startArgs } from '../service/running-service.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Without the time in which another process had the processor: how busy the machine is says nothing of the service. */
const readyWithinMilliseconds = 5000

// biome-ignore lint/suspicious/noExplicitAny: answers are compared, and read where their shape is known
type Json = any

interface Answer {
  /** 0: the connection broke, so that nobody knows what came of the request. */
  status: number
  etag: string
  body: Json
}

type Send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
type Random = (below: number) => number

/** Something acknowledged: says what is missing of it, or null. */
type Fact = () => Promise<string | null>

export interface CrashesOptions {
  /** Kills of PostgreSQL, and as many of the service. */
  rounds: number
  seed: number
  clients?: number
  say?: (line: string) => void
}

export async function crashes({ rounds, seed, clients = 12, say = () => {} }: CrashesOptions) {
  const random = randomFrom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'rehab-crashes-'))
  await chmod(folder, 0o755)
  const dataDir = join(folder, 'data')
  const port = await freePort()
  const faults: string[] = []
  const statuses = new Map<number, number>()
  const service = supervise({ dataDir, port })
  try {
    const key = await service.firstKey()
    const send = clientOf(`http://127.0.0.1:${port}/v1`, key, (status) =>
      statuses.set(status, (statuses.get(status) ?? 0) + 1),
    )
    const workers = Array.from({ length: clients }, (_, index) =>
      createWorker(index, send, randomFrom(seed + index + 1)),
    )
    for (const worker of workers) await worker.begin()

    const kinds = [...Array(rounds).fill('postgres'), ...Array(rounds).fill('service')] as ('postgres' | 'service')[]
    shuffle(kinds, random)
    const times = { postgres: [] as Ready[], service: [] as Ready[] }
    let checked = 0
    for (const [index, kind] of kinds.entries()) {
      let running = true
      const inHand = workers.map(async (worker) => {
        while (running) await worker.step()
      })
      await delay(200 + random(1200))
      for (const line of service.takeUnexpected()) faults.push(`round ${index + 1}: ${line}`)
      const allowed = kind === 'service' ? [0, 503] : [503]
      for (const worker of workers) worker.expectTrouble(allowed)
      const before = await waitOf(service.pid())
      const what = kind === 'service' ? service.kill() : await killPostgres(dataDir, random)
      const began = performance.now()
      const ready = await service.untilReady()
      const took = Math.round(ready.at - began)
      const ownTime = Math.round(took - Math.max(0, ready.waited - (kind === 'service' ? 0 : before)))
      times[kind].push({ took, ownTime })
      if (ownTime > readyWithinMilliseconds) {
        faults.push(`round ${index + 1}: ready ${ownTime} ms (${took} ms on this machine) after the kill of ${what}`)
      }
      await delay(random(300))
      running = false
      await Promise.all(inHand)
      const found = [
        ...workers.flatMap((worker) => worker.takeFaults()),
        ...(await Promise.all(workers.map((worker) => worker.check('new')))).flat(),
        ...(await findHalfWritten(dataDir)),
        ...(await findTwice(dataDir, workers)),
      ]
      faults.push(...found.map((fault) => `round ${index + 1}, ${what}: ${fault}`))
      const facts = workers.reduce((sum, worker) => sum + worker.facts(), 0)
      say(
        `${index + 1}/${kinds.length} ${what}: ready after ${took} ms (${ownTime} ms), ${facts - checked} writes acknowledged, ` +
          `${found.length} faults, load ${loadavg()[0]?.toFixed(1)}`,
      )
      checked = facts
      if ((index + 1) % 20 === 0)
        faults.push(...(await verifyAudit(dataDir)).map((fault) => `round ${index + 1}: ${fault}`))
    }
    const atTheEnd = [
      ...(await Promise.all(workers.map((worker) => worker.check('all')))).flat(),
      ...(await verifyAudit(dataDir)),
    ]
    faults.push(...atTheEnd.map((fault) => `at the end: ${fault}`))
    await service.end()
    const facts = workers.reduce((sum, worker) => sum + worker.facts(), 0)
    const lost = faults.filter((fault) => fault.includes('is lost')).length
    const half = faults.filter((fault) => fault.includes('half written')).length
    const twice = faults.filter((fault) => fault.includes('twice')).length
    return {
      title: `${rounds} × kill -9 of PostgreSQL and ${rounds} × of the service, under load`,
      figures:
        `${facts} acknowledged writes, ${lost} lost, ${half} half-written, ${twice} done twice by a retry, ` +
        `audit chain ${faults.some((fault) => fault.includes('audit chain')) ? 'broken' : 'whole'}; ` +
        `ready again after PostgreSQL ${describeTimes(times.postgres)}, after the service ${describeTimes(times.service)}; ` +
        `answers ${[...statuses]
          .sort(([a], [b]) => a - b)
          .map(([status, count]) => `${count} × ${status || 'broken connection'}`)
          .join(', ')}; ` +
        `load of the machine ${loadavg()[0]?.toFixed(1)}; seed ${seed}; ${faults.length} faults`,
      passed: faults.length === 0,
      faults,
    }
  } finally {
    await service.end()
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
}

interface Ready {
  /** Milliseconds by the clock. */
  took: number
  /** The same without waiting for a processor that other processes had. */
  ownTime: number
}

function describeTimes(times: readonly Ready[]): string {
  const sorted = (key: keyof Ready): number[] => times.map((time) => time[key]).toSorted((a, b) => a - b)
  const say = (list: number[]): string => `${list[list.length >> 1]} ms (median), ${list.at(-1)} ms (most)`
  if (times.length === 0) return 'none'
  return `${say(sorted('took'))}, without waiting for a processor ${say(sorted('ownTime'))}`
}

/** Milliseconds that a process's first thread was ready to run and waited for a processor; 0 where nobody says. */
async function waitOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '')
  return Number(text.split(' ')[1] ?? 0) / 1e6
}

async function postmasterOf(dataDir: string): Promise<number> {
  const text = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').catch(() => '')
  return Number(text.split('\n')[0])
}

// ---- The service and whoever watches over it ----

/** Starts the service, again whenever it ends, as a supervisor does: systemd, Docker, or an operator. */
function supervise({ dataDir, port }: { dataDir: string; port: number }) {
  let child: ChildProcess
  let output = ''
  let isOver = false
  let isMeant = false
  const unexpected: string[] = []
  const { NODE_OPTIONS: _, ...inherited } = process.env

  const start = (): void => {
    const env = { ...inherited, DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'warn' }
    child = spawn(process.execPath, startArgs, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const read = (chunk: Buffer): void => {
      output = `${output}${chunk}`.slice(-20_000)
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('exit', (code, signal) => {
      if (isOver) return
      if (!isMeant) unexpected.push(`the service ended by itself (${code ?? signal}): ${output.slice(-500)}`)
      isMeant = false
      start()
    })
  }
  start()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isOver = true
      child.kill('SIGKILL')
      process.exit(1)
    })
  }

  return {
    async firstKey(): Promise<string> {
      for (const end = Date.now() + 60_000; Date.now() < end; await delay(50)) {
        const key = /API key, shown this once: (\S+)/.exec(output)?.[1]
        if (key !== undefined && output.includes('is listening on')) return key
      }
      throw new Error(`the service does not start: ${output}`)
    },
    kill(): string {
      isMeant = true
      child.kill('SIGKILL')
      return 'the service'
    },
    pid: () => child.pid ?? 0,
    /** When it answers 200, and how long the process that does has waited for a processor in its life. */
    async untilReady(): Promise<{ at: number; waited: number }> {
      // What was killed may still answer for a moment: several times in a row, a little apart.
      let good = 0
      let first = { at: 0, waited: 0 }
      for (const end = Date.now() + 60_000; Date.now() < end; await delay(40)) {
        const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(4000) }).catch(
          () => null,
        )
        await response?.arrayBuffer().catch(() => null)
        if (response?.status !== 200) {
          good = 0
          continue
        }
        good += 1
        if (good === 1) first = { at: performance.now(), waited: await waitOf(child.pid ?? 0) }
        if (good === 4) return first
      }
      throw new Error(`the service is not ready within a minute: ${output}`)
    },
    takeUnexpected: () => unexpected.splice(0),
    async end(): Promise<void> {
      if (isOver) return
      isOver = true
      const ended = once(child, 'exit')
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        await ended
      }
    },
  }
}

/** The server itself four times in five, else one of its sessions, upon which it ends all of them and recovers. */
async function killPostgres(dataDir: string, random: Random): Promise<string> {
  const pid = await postmasterOf(dataDir)
  if (random(5) === 0) {
    const sessions = await findSessions(pid)
    const session = sessions[random(sessions.length)]
    if (session !== undefined) {
      process.kill(session, 'SIGKILL')
      return 'a session of PostgreSQL'
    }
  }
  process.kill(pid, 'SIGKILL')
  return 'PostgreSQL'
}

async function findSessions(postmaster: number): Promise<number[]> {
  if (process.platform !== 'linux') return []
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const [command, status] = await Promise.all(
      ['cmdline', 'status'].map((file) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '')),
    )
    const isChild = status?.includes(`PPid:\t${postmaster}\n`) === true
    if (isChild && command?.includes('rehab_login')) found.push(Number(name))
  }
  return found
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

// ---- Clients that write ----

function clientOf(base: string, key: string, count: (status: number) => void): Send {
  return async (method, path, body, headers = {}) => {
    try {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      })
      const text = await response.text()
      count(response.status)
      return { status: response.status, etag: response.headers.get('etag') ?? '', body: text && JSON.parse(text) }
    } catch {
      count(0)
      return { status: 0, etag: '', body: null }
    }
  }
}

/** One client with a protocol, patients and episodes of its own, which does one thing after the other. */
function createWorker(index: number, sendOnce: Send, random: Random) {
  const code = `crash-${index}`
  const faults: string[] = []
  const facts: { fact: Fact; isNew: boolean }[] = []
  const episodes: { id: string; version: number; surgeryDate: string }[] = []
  const patients: string[] = []
  let allowed: readonly number[] = [503]
  let numbers = 0
  let entries = 0
  let published = 0
  /** What the draft says if what was sent last was done, and if not. */
  let draft: { known: number; maybe: number | null } | null = null

  const learn = (fact: Fact): void => {
    facts.push({ fact, isNew: true })
  }

  /** Until it is known what came of the request: with a key, so that a second time does nothing twice. */
  async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const key = `${code}-${++numbers}`
    for (let attempt = 1; ; attempt++) {
      const all = method === 'POST' ? { 'idempotency-key': key, ...headers } : headers
      const answer = await sendOnce(method, path, body, all)
      if (answer.status === 0 || answer.status >= 500) {
        if (!allowed.includes(answer.status)) {
          faults.push(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`)
        }
        if (answer.status === 503 && answer.body?.code !== 'SERVICE_UNAVAILABLE') {
          faults.push(`${method} ${path} was answered 503 without a problem: ${JSON.stringify(answer.body)}`)
        }
        await delay(200)
        continue
      }
      // Not answered yet, or asked too often: what was sent first may still be under way.
      if (answer.status === 429 || answer.body?.code === 'REQUEST_IN_PROGRESS') {
        await delay(200)
        continue
      }
      return { ...answer, isFirst: attempt === 1 }
    }
  }

  async function createPatient(): Promise<void> {
    const externalId = `${code}-patient-${++numbers}`
    const answer = await send('POST', '/patients', { externalId, displayName: `Ä ${externalId}` })
    // The first time was done and its answer was lost.
    if (answer.status === 409 && !answer.isFirst) return
    if (answer.status !== 201) return fault('creating a patient', answer)
    patients.push(answer.body.id)
    learn(() => same(`patient ${answer.body.id}`, `/patients/${answer.body.id}`, answer.body))
  }

  async function openEpisode(): Promise<void> {
    const patient = patients[random(patients.length)]
    if (patient === undefined) return createPatient()
    const surgeryDate = `2026-0${1 + random(9)}-1${random(10)}`
    const body = { procedures: ['acdf'], surgeryDate, levels: [], protocols: [{ code, version: published }] }
    const answer = await send('POST', `/patients/${patient}/episodes`, body)
    if (answer.status !== 201) return fault('opening an episode', answer)
    const { id } = answer.body
    episodes.push({ id, version: published, surgeryDate })
    learn(async () => {
      const now = await get(`/episodes/${id}`)
      const { protocols: _, revision, changedAt: __, ...asked } = answer.body
      const { protocols: ___, revision: later, changedAt: ____, ...found } = now.body ?? {}
      if (now.status !== 200 || !isDeepStrictEqual(found, asked) || later < revision) return lost('episode', id, now)
      return null
    })
  }

  async function record(): Promise<void> {
    const episode = episodes[random(episodes.length)]
    if (episode === undefined) return openEpisode()
    const [kind, body] = (
      [
        ['milestones', { code: 'visit', on: '2026-11-10', grantedBy: 'surgeon', note: `seen\n${random(1e6)}` }],
        ['holds', { from: '2026-11-01', until: '2026-11-02', reason: `pain ${random(1e6)}` }],
        [
          'overrides',
          { exercise: `${code}-walk`, effect: 'withhold', from: '2026-11-01', until: '2026-11-02', reason: 'dizzy' },
        ],
      ] as const
    )[random(3)] as [string, object]
    const answer = await send('POST', `/episodes/${episode.id}/${kind}`, body)
    if (answer.status !== 201) return fault(`recording in ${kind}`, answer)
    entries += 1
    learn(() => same(`entry ${answer.body.id}`, `/episodes/${episode.id}/record/${answer.body.id}`, answer.body))
  }

  async function edit(): Promise<void> {
    const minutes = 1 + random(500)
    const current = await send('GET', `/protocols/${code}/draft`)
    const headers: Record<string, string> = current.status === 200 ? { 'if-match': current.etag } : {}
    if (draft !== null) draft.maybe = minutes
    const answer = await send('PUT', `/protocols/${code}/draft`, wardProtocol(code, { minutes }), headers)
    // The first time was done and its answer was lost.
    if (!answer.isFirst && [409, 412, 428].includes(answer.status)) {
      draft = { known: draft?.known ?? minutes, maybe: minutes }
      return
    }
    if (answer.status !== 200 && answer.status !== 201) return fault('editing the draft', answer)
    draft = { known: minutes, maybe: null }
  }

  async function publish(): Promise<void> {
    if (draft === null) return edit()
    const { known, maybe } = draft
    const answer = await send('POST', `/protocols/${code}/draft/publish`, {}, { 'if-match': '*' })
    if (!answer.isFirst && answer.status === 404) {
      draft = null
      const versions = await get(`/protocols/${code}`)
      published = versions.body.latestVersion ?? published
      return
    }
    if (answer.status !== 201) return fault('publishing', answer)
    draft = null
    const { number, contentHash, document } = answer.body
    published = number
    const said = minutesOf(document)
    if (said !== known && said !== maybe) faults.push(`edit of ${code} to ${known} minutes is lost: published ${said}`)
    learn(async () => {
      const now = await get(`/protocols/${code}/versions/${number}`)
      if (now.status !== 200 || now.body.contentHash !== contentHash) return lost('version', `${code} ${number}`, now)
      const exported = await get(`/protocols/${code}/versions/${number}/document`)
      if (hashDocument(exported.body as ProtocolDocument) === contentHash) return null
      return `version ${code} ${number} is half written: its content has another hash`
    })
  }

  async function move(): Promise<void> {
    const chosen = episodes.filter(() => random(3) === 0).slice(0, 8)
    if (chosen.length === 0 || published < 2) return record()
    const body = { to: published, select: { episodes: chosen.map(({ id }) => id) }, reason: 'new evidence', limit: 100 }
    const shown = await send('POST', `/protocols/${code}/moves`, { ...body, dryRun: true })
    if (shown.status !== 200) return fault('trying a move', shown)
    const answer = await send('POST', `/protocols/${code}/moves`, { ...body, confirm: shown.body.confirm })
    if (answer.status !== 200) return fault('moving', answer)
    const { move: id, items, to } = answer.body as { move: string | null; items: Json[]; to: number }
    const moved = items.filter(({ outcome }) => outcome === 'moved')
    if (id === null) return
    for (const { episode } of moved) {
      const known = episodes.find((one) => one.id === episode)
      if (known !== undefined) known.version = to
    }
    learn(async () => {
      const now = await get(`/protocols/${code}/moves/${id}/episodes?limit=200`)
      const there = new Set((now.body?.items ?? []).map((item: Json) => item.episode))
      return now.status === 200 && moved.every(({ episode }) => there.has(episode)) ? null : lost('move', id, now)
    })
  }

  async function get(path: string): Promise<Answer> {
    return send('GET', path)
  }

  async function same(what: string, path: string, expected: Json): Promise<string | null> {
    const now = await get(path)
    return now.status === 200 && isDeepStrictEqual(now.body, expected) ? null : lost(what, '', now)
  }

  function lost(what: string, id: string, now: Answer): string {
    return `${what} ${id} is lost: ${now.status} ${JSON.stringify(now.body).slice(0, 300)}`
  }

  function fault(what: string, { status, body }: Answer): void {
    faults.push(`${what} was answered ${status}: ${JSON.stringify(body).slice(0, 300)}`)
  }

  return {
    async begin(): Promise<void> {
      const created = await send('POST', '/protocols', wardProtocol(code))
      if (created.status !== 201) throw new Error(`no protocol: ${JSON.stringify(created.body)}`)
      draft = { known: 10, maybe: null }
      await publish()
      await createPatient()
    },
    async step(): Promise<void> {
      const dice = random(100)
      if (dice < 15) return createPatient()
      if (dice < 40) return openEpisode()
      if (dice < 75) return record()
      if (dice < 88) return edit()
      if (dice < 93) return publish()
      return move()
    },
    expectTrouble(statuses: readonly number[]): void {
      allowed = statuses
    },
    async check(which: 'new' | 'all'): Promise<string[]> {
      const found: string[] = []
      for (const one of facts) {
        if (which === 'new' && !one.isNew) continue
        const complaint = await one.fact()
        if (complaint !== null) found.push(complaint)
        one.isNew = false
      }
      if (draft === null) return [...found, ...faults.splice(0)]
      const now = await get(`/protocols/${code}/draft`)
      const said = minutesOf(now.body?.document ?? now.body)
      if (now.status !== 200 || (said !== draft.known && said !== draft.maybe)) {
        found.push(`edit of the draft ${code} to ${draft.known} minutes is lost: ${now.status} ${said}`)
      } else {
        draft = { known: said, maybe: null }
      }
      return [...found, ...faults.splice(0)]
    },
    takeFaults: () => faults.splice(0),
    facts: () => facts.length,
    /** Each once, however often it was sent. */
    made: () => ({ episode: episodes.length, record_entry: entries }),
  }
}

function minutesOf(document: Json): number {
  return document?.prescriptions?.find((one: Json) => one.code === 'walks')?.dosage?.[0]?.durationMinutes
}

// ---- What is whole ----

/** Each question names the rows that a transaction which was done by half would leave behind. */
const wholes: Record<string, string> = {
  'episode without the entries that opened it': `SELECT e.id FROM episode e WHERE ARRAY['surgery', 'assignment'] IS DISTINCT FROM
       (SELECT array_agg(r.kind ORDER BY r.revision) FROM record_entry r
        WHERE r.clinic_id = e.clinic_id AND r.episode_id = e.id AND r.revision <= 2)`,
  'episode whose record has a gap or another end than it says': `SELECT e.id FROM episode e WHERE (e.revision::bigint, e.revision::bigint) IS DISTINCT FROM
       (SELECT (count(*), max(r.revision)::bigint) FROM record_entry r
        WHERE r.clinic_id = e.clinic_id AND r.episode_id = e.id)`,
  'episode that follows something else than its record says': `SELECT e.id FROM episode e WHERE
       (SELECT array_agg(p.version_id::text ORDER BY p.version_id::text) FROM episode_protocol p
        WHERE p.clinic_id = e.clinic_id AND p.episode_id = e.id) IS DISTINCT FROM
       (SELECT (SELECT array_agg(v ORDER BY v) FROM jsonb_array_elements_text(r.payload->'versions') v)
        FROM record_entry r WHERE r.clinic_id = e.clinic_id AND r.episode_id = e.id AND r.kind = 'assignment'
        ORDER BY r.revision DESC LIMIT 1)`,
  'move without episodes': `SELECT m.id FROM protocol_move m WHERE NOT EXISTS
       (SELECT FROM moved_episode x WHERE x.clinic_id = m.clinic_id AND x.move_id = m.id)`,
  'moved episode without its entry': `SELECT x.episode_id AS id FROM moved_episode x WHERE 1 <>
       (SELECT count(*) FROM record_entry r WHERE r.clinic_id = x.clinic_id AND r.episode_id = x.episode_id
        AND r.kind = 'assignment' AND r.payload->>'move' = x.move_id::text)`,
  'entry of a move without its moved episode': `SELECT r.id FROM record_entry r WHERE r.payload ? 'move' AND r.payload->>'move' IS NOT NULL AND NOT EXISTS
       (SELECT FROM moved_episode x WHERE x.clinic_id = r.clinic_id AND x.episode_id = r.episode_id
        AND x.move_id::text = r.payload->>'move')`,
  'version published without its catalogue, its parts or its event': `SELECT v.id FROM protocol_version v WHERE v.status <> 'draft' AND (
       EXISTS (SELECT FROM prescription p WHERE p.clinic_id = v.clinic_id AND p.version_id = v.id
         AND p.exercise_code IS NOT NULL AND NOT EXISTS (SELECT FROM version_exercise x
           WHERE x.clinic_id = v.clinic_id AND x.version_id = v.id AND x.code = p.exercise_code))
       OR NOT EXISTS (SELECT FROM phase p WHERE p.clinic_id = v.clinic_id AND p.version_id = v.id)
       OR 1 <> (SELECT count(*) FROM protocol_event e WHERE e.clinic_id = v.clinic_id AND e.version_id = v.id
         AND e.kind IN ('published', 'adopted')))`,
  'draft whose revision is not that of its last event': `SELECT v.id FROM protocol_version v WHERE v.status = 'draft' AND v.revision IS DISTINCT FROM
       (SELECT max(e.revision) FROM protocol_event e WHERE e.clinic_id = v.clinic_id AND e.version_id = v.id)`,
  'protocol without a version': `SELECT p.id FROM protocol p WHERE NOT EXISTS
       (SELECT FROM protocol_version v WHERE v.clinic_id = p.clinic_id AND v.protocol_id = p.id)`,
}

async function findHalfWritten(dataDir: string): Promise<string[]> {
  const found: string[] = []
  for (const [what, question] of Object.entries(wholes)) {
    const rows = await ask<{ id: string }>(dataDir, question)
    found.push(...rows.map(({ id }) => `half written: ${what}: ${id}`))
  }
  return found
}

async function ask<Row extends object>(dataDir: string, question: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: (await findRunningPostgres(dataDir)) ?? '' })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(question)).rows
  } finally {
    await client.end()
  }
}

type Made = ReturnType<ReturnType<typeof createWorker>['made']>

/** A lost answer and a retry with the same key make one thing. */
async function findTwice(dataDir: string, workers: readonly { made: () => Made }[]): Promise<string[]> {
  const [found] = await ask<Record<keyof Made, number>>(
    dataDir,
    `SELECT (SELECT count(*)::int FROM episode) AS episode,
       (SELECT count(*)::int FROM record_entry WHERE kind IN ('milestone', 'hold', 'override')) AS record_entry`,
  )
  return (['episode', 'record_entry'] as const).flatMap((table) => {
    const made = workers.reduce((sum, worker) => sum + worker.made()[table], 0)
    if (found?.[table] === made) return []
    return [`something was done twice: ${found?.[table]} rows in ${table}, and ${made} were acknowledged`]
  })
}

/** Every clinic's chain, with the operator's command. */
async function verifyAudit(dataDir: string): Promise<string[]> {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const child = spawn(process.execPath, ['src/commands/audit.ts', 'verify'], {
    cwd: root,
    env: { ...inherited, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const [code] = await once(child, 'close')
  return code === 0 ? [] : [`the audit chain is broken: ${output}`]
}

// ---- Chance ----

/** Numbers from 0 to below the argument, the same for the same seed (mulberry32). */
function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

function shuffle(items: unknown[], random: Random): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = random(last + 1)
    ;[items[last], items[other]] = [items[other], items[last]]
  }
}

if (import.meta.main) {
  const [rounds = '50', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  const result = await crashes({ rounds: Number(rounds), seed: Number(seed), say })
  for (const fault of result.faults) say(`  ${fault}`)
  say(`${result.passed ? 'passed' : 'FAILED'}: ${result.title}: ${result.figures}`)
  process.exitCode = result.passed ? 0 : 1
}
