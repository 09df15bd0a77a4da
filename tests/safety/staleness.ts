// Two replicas of the service on one database; records are changed by one and asked about at both, at random:
// `node tests/safety/staleness.ts [steps] [seed]`. No answer may be from before what was acknowledged when it was asked for.
import { startService } from '../service/running-service.ts'
import { startTestServer } from '../support/test-server.ts'
import type { Figures } from './figures.ts'

type Json = Record<string, unknown>

/** Sends a request to one replica, below `/v1`. */
export type Replica = (
  method: string,
  path: string,
  body?: object,
  headers?: Readonly<Record<string, string>>,
) => Promise<{ status: number; etag: string; body: Json }>

interface Interleaved {
  /** Changes that were acknowledged. */
  changes: Readonly<Record<string, number>>
  /** Answers that were looked at: 200, and 304. */
  answers: number
  unchanged: number
  /** Answers that the service had no time for: nobody was told anything. */
  busy: number
  /** What was wrong with those that ignored something. */
  stale: string[]
}

/** What a lane knows of its episode after a revision. */
interface Known {
  revision: number
  /** Ids of the holds and of the red flags that stand. */
  holds: readonly string[]
  flags: readonly string[]
  /** Ids of the milestones that count. */
  discharges: readonly string[]
  version: number
}

/**
 * Runs so many steps, `lanes` at a time: each changes an episode through one replica, chosen at random, and asks about it at
 * both, before the change is acknowledged and after it.
 */
export async function interleave(
  replicas: readonly [Replica, Replica],
  { steps, lanes, seed }: { steps: number; lanes: number; seed: number },
): Promise<Interleaved> {
  let state = (seed % 2_147_483_646) + 1
  const random = (): number => {
    // Park and Miller's generator: the same choices for the same seed.
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item
  const done = async (answer: ReturnType<Replica>): Promise<Json> => {
    const { status, body } = await answer
    if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`)
    return body
  }
  const changes: Record<string, number> = {}
  const stale: string[] = []
  const bytes = new Map<string, string>()
  let [answers, unchanged, busy, left] = [0, 0, 0, steps]
  let newest = 1
  const today = new Date().toISOString().slice(0, 10)
  const before = new Date(Date.now() - 3 * 86_400_000).toISOString().slice(0, 10)

  async function look(episode: string, history: Known[], tags: Map<string, number>): Promise<void> {
    const acknowledged = history.at(-1) as Known
    const [tag] = [...tags].slice(-1 - Math.floor(random() * 2))
    const asksAgain = tag !== undefined && random() < 0.5
    const path = `/episodes/${episode}/permitted-exercises?on=${today}`
    const { status, etag, body } = await pick(replicas)(
      'GET',
      path,
      undefined,
      asksAgain ? { 'if-none-match': tag[0] } : {},
    )
    const fault = (text: string) => stale.push(`${episode} after ${JSON.stringify(acknowledged)}: ${text}`)
    if (status === 304) {
      unchanged += 1
      if ((tags.get(etag) ?? 0) < acknowledged.revision) fault(`304 for revision ${tags.get(etag)}`)
      return
    }
    if (status === 503) {
      busy += 1
      return
    }
    answers += 1
    if (status !== 200) {
      fault(`${status} ${JSON.stringify(body)}`)
      return
    }
    const { basis, permitted, protocols } = body as {
      basis: { revision: number }
      permitted: unknown[]
      protocols: { version: number }[]
    }
    tags.set(etag, basis.revision)
    if (basis.revision < acknowledged.revision) fault(`revision ${basis.revision}`)
    const known = history.find(({ revision }) => revision === basis.revision)
    if (known !== undefined) {
      const isStopped = known.holds.length > 0 || known.flags.length > 0
      if (isStopped && permitted.length > 0) fault(`permits ${permitted.length} at revision ${basis.revision}`)
      if (!isStopped && known.discharges.length > 0 && permitted.length === 0) fault('permits nothing any more')
      if (protocols[0]?.version !== known.version) fault(`follows ${protocols[0]?.version}`)
    }
    const text = JSON.stringify(body)
    const key = `${episode} ${etag}`
    if ((bytes.get(key) ?? text) !== text) fault(`two answers are called ${etag}`)
    bytes.set(key, text)
  }

  async function change(
    episode: string,
    now: Known,
  ): Promise<{ what: string; next: Omit<Known, 'revision'>; by: Promise<Json> }> {
    const send = (path: string, body: object) => done(pick(replicas)('POST', `/episodes/${episode}/${path}`, body))
    const { holds, flags, discharges } = now
    const choices = [
      ...['hold', 'flag', 'discharge', 'override'],
      ...holds.flatMap(() => ['end of a hold', 'end of a hold']),
      ...flags.flatMap(() => ['resolution', 'voided flag', 'resolution']),
      ...(discharges.length > 0 ? ['revocation', 'voided milestone'] : []),
      ...(now.version < newest ? ['version'] : []),
    ]
    const what = pick(choices)
    const [hold, flag, discharge] = [holds[0] ?? '', flags[0] ?? '', discharges[0] ?? '']
    switch (what) {
      case 'hold':
        return { what, next: now, by: send('holds', { from: before, reason: 'waits for the scan' }) }
      case 'flag':
        return { what, next: now, by: send('symptoms', { redFlag: 'pain-tingling-numbness', on: today }) }
      case 'discharge':
        return { what, next: now, by: send('milestones', { code: 'hospital-discharge', on: before }) }
      case 'override':
        return {
          what,
          next: now,
          by: send('overrides', {
            exercise: 'walking',
            effect: 'withhold',
            from: before,
            until: today,
            reason: 'tired',
          }),
        }
      case 'end of a hold':
        return {
          what,
          next: { ...now, holds: holds.slice(1) },
          by: send(`holds/${hold}/void`, { reason: 'scan is fine' }),
        }
      case 'resolution':
        return {
          what,
          next: { ...now, flags: flags.slice(1) },
          by: send(`symptoms/${flag}/resolve`, { on: today, note: 'seen' }),
        }
      case 'voided flag':
        return {
          what,
          next: { ...now, flags: flags.slice(1) },
          by: send(`symptoms/${flag}/void`, { reason: 'mistyped' }),
        }
      case 'revocation':
        return {
          what,
          next: { ...now, discharges: discharges.slice(1) },
          by: send(`milestones/${discharge}/revoke`, { on: today, reason: 'back in hospital' }),
        }
      case 'voided milestone':
        return {
          what,
          next: { ...now, discharges: discharges.slice(1) },
          by: send(`milestones/${discharge}/void`, { reason: 'mistyped' }),
        }
      default: {
        const version = newest
        return { what, next: { ...now, version }, by: follow(episode, version) }
      }
    }
  }

  /** Has the episode follow another version, confirming whatever it makes of the answer. */
  async function follow(episode: string, version: number): Promise<Json> {
    const body = { protocols: [{ code: 'acdf-standard', version }] }
    const send = (more: object) =>
      pick(replicas)('PATCH', `/episodes/${episode}`, { ...body, ...more }, { 'if-match': '*' })
    const refused = await send({})
    return refused.status === 409 && Array.isArray(refused.body.confirm)
      ? done(send({ confirm: refused.body.confirm }))
      : done(Promise.resolve(refused))
  }

  async function publish(): Promise<void> {
    const path = '/protocols/acdf-standard/draft'
    await done(pick(replicas)('POST', path, { from: newest }))
    await done(pick(replicas)('POST', `${path}/publish`, { changeNote: 'the same again' }, { 'if-match': '*' }))
    newest += 1
  }

  async function run(lane: number): Promise<void> {
    const patient = await done(pick(replicas)('POST', '/patients', { externalId: `lane-${seed}-${lane}` }))
    const opened = await done(
      pick(replicas)('POST', `/patients/${patient.id}/episodes`, { procedures: ['acdf'], surgeryDate: before }),
    )
    const episode = String(opened.id)
    const nothing = { holds: [], flags: [], discharges: [], version: 1 }
    const history: Known[] = [{ revision: Number(opened.revision), ...nothing }]
    const tags = new Map<string, number>()
    for (let own = 0; left > 0; own += 1) {
      left -= 1
      if (lane === 0 && own % 60 === 5) await publish()
      const racing = [look(episode, history, tags)]
      const { what, next, by } = await change(episode, history.at(-1) as Known)
      racing.push(look(episode, history, tags))
      const made = await by
      const id = String(made.id)
      history.push({
        ...next,
        holds: what === 'hold' ? [...next.holds, id] : next.holds,
        flags: what === 'flag' ? [...next.flags, id] : next.flags,
        discharges: what === 'discharge' ? [...next.discharges, id] : next.discharges,
        revision: Number(made.revision),
      })
      changes[what] = (changes[what] ?? 0) + 1
      await Promise.all([...racing, look(episode, history, tags), look(episode, history, tags)])
    }
  }

  const ended = await Promise.allSettled(Array.from({ length: lanes }, (_, lane) => run(lane)))
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason
  return { changes, answers, unchanged, busy, stale }
}

async function staleness({ steps = 10_000, seed = 1 } = {}): Promise<Figures> {
  const server = await startTestServer()
  const env = { DATABASE_URL: server.url, LOG_LEVEL: 'error', MAX_EVENT_LOOP_DELAY: '60000' }
  const first = await startService(env)
  const second = await startService(env)
  try {
    const key = first.key ?? ''
    const toReplica =
      (address: string): Replica =>
      async (method, path, body, headers = {}) => {
        const response = await fetch(`${address}/v1${path}`, {
          method,
          headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }), ...headers },
          ...(body && { body: JSON.stringify(body) }),
        })
        const text = await response.text()
        return {
          status: response.status,
          etag: response.headers.get('etag') ?? '',
          body: text === '' ? {} : JSON.parse(text),
        }
      }
    const replicas = [toReplica(first.address), toReplica(second.address)] as const
    const { changes, answers, unchanged, busy, stale } = await interleave(replicas, { steps, lanes: 12, seed })
    for (const fault of stale.slice(0, 10)) process.stdout.write(`${fault}\n`)
    const made = Object.entries(changes).map(([what, count]) => `${count} × ${what}`)
    const total = Object.values(changes).reduce((sum, count) => sum + count, 0)
    return {
      title: 'Two replicas',
      figures: `${total} changes (${made.join(', ')}), ${answers} answers and ${unchanged} × 304 from both meanwhile and after them, ${busy} sent away as too busy, ${stale.length} stale (seed ${seed})`,
      passed: stale.length === 0 && busy < steps / 100 && total >= steps && unchanged > steps / 20,
    }
  } finally {
    await Promise.all([first.end('SIGTERM'), second.end('SIGTERM')])
    await server.stop()
  }
}

if (import.meta.main) {
  const [steps = 10_000, seed = 1] = process.argv.slice(2).map(Number)
  const { title, figures, passed } = await staleness({ steps, seed })
  process.stdout.write(`${title}: ${figures}\n`)
  process.exitCode = passed ? 0 : 1
}
