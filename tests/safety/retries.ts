// Clients that lose answers at random moments and send the same request with the same key until they have one, while the
// service is killed and started again: every key must have made one episode and one entry, and got one answer.
import { request as open } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { startService } from '../service/running-service.ts'
import { startTestServer } from '../support/test-server.ts'

export interface RetriesOptions {
  rounds?: number
  seed?: number
  /** The service is killed (SIGKILL) again and again meanwhile. */
  kills?: boolean
  clients?: number
}

interface Sent {
  status: number
  text: string
  isReplayed: boolean
}

export async function retries({ rounds = 300, seed = Date.now(), kills = true, clients = 8 }: RetriesOptions = {}) {
  const random = makeRandom(seed)
  const server = await startTestServer()
  const env = { DATABASE_URL: server.url, LOG_LEVEL: 'silent' }
  let service = await startService(env)
  const key = service.key ?? ''
  const counts = { sent: 0, lost: 0, replayed: 0, busy: 0, unreachable: 0, killed: 0 }
  let isOver = false

  /** One request, of which the client may hang up after some milliseconds; null: it knows nothing of the answer. */
  function send(method: string, path: string, body: object | null, idempotencyKey: string, hangUpAfter: number | null) {
    counts.sent += 1
    return new Promise<Sent | null>((resolve) => {
      const text = body === null ? '' : JSON.stringify(body)
      const outgoing = open(`${service.address}/v1${path}`, {
        method,
        agent: false,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== null && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...(idempotencyKey !== '' && { 'idempotency-key': idempotencyKey }),
        },
      })
      const end = (answer: Sent | null): void => {
        clearTimeout(timer)
        resolve(answer)
      }
      let hungUp = false
      const timer = setTimeout(() => {
        hungUp = true
        outgoing.destroy()
      }, hangUpAfter ?? 30_000)
      outgoing.on('error', () => {
        counts[hungUp ? 'lost' : 'unreachable'] += 1
        end(null)
      })
      outgoing.on('response', (incoming) => {
        let said = ''
        incoming.on('data', (chunk) => {
          said += chunk
        })
        incoming.on('error', () => end(null))
        incoming.on('end', () => {
          const isReplayed = incoming.headers['idempotency-replayed'] === 'true'
          end({ status: incoming.statusCode ?? 0, text: said, isReplayed })
        })
      })
      outgoing.end(text)
    })
  }

  /** Sends it, losing what comes again and again, until it is answered; then twice more. Returns all answers that came. */
  async function insist(path: string, body: object, idempotencyKey: string): Promise<string[]> {
    const answers: string[] = []
    for (let tries = 0; answers.length < 2; tries += 1) {
      const isLost = tries < 3 && random() < 0.7
      const answer = await send('POST', path, body, idempotencyKey, isLost ? Math.floor(random() * 40) : null)
      if (answer?.status === 201) {
        answers.push(answer.text)
        if (answer.isReplayed) counts.replayed += 1
      } else if (answer === null || [409, 429, 503].includes(answer.status)) {
        if (answer !== null) counts.busy += 1
        await delay(20 + random() * 100)
      } else throw new Error(`${path}: ${answer.status} ${answer.text}`)
      if (tries > 2000) throw new Error(`${path} is never answered: ${JSON.stringify(counts)}`)
    }
    return answers
  }

  async function read(path: string): Promise<{ items: { id: string }[] }> {
    const answer = await send('GET', path, null, '', null)
    return JSON.parse(answer?.text ?? '{"items": []}')
  }

  const wrong: string[] = []
  const episodes: { patient: string; episode: string }[] = []
  let next = 0

  async function client(): Promise<void> {
    for (let round = next; round < rounds; round = next) {
      next += 1
      const name = `${seed}-${round}`
      const made = await insist('/patients', { externalId: name }, `patient-${name}`)
      const patient: string = JSON.parse(made[0] ?? '{}').id
      const surgery = { procedures: ['acdf'], surgeryDate: '2026-10-01' }
      const opened = await insist(`/patients/${patient}/episodes`, surgery, `episode-${name}`)
      const episode: string = JSON.parse(opened[0] ?? '{}').id
      const hold = { from: '2026-10-06', reason: 'Fever' }
      const held = await insist(`/episodes/${episode}/holds`, hold, `hold-${name}`)
      for (const answers of [made, opened, held]) {
        if (new Set(answers).size !== 1) wrong.push(`round ${round}: ${new Set(answers).size} answers to one key`)
      }
      episodes.push({ patient, episode })
    }
  }

  async function kill(): Promise<void> {
    while (!isOver) {
      await delay(1000 + random() * 3000)
      if (isOver) return
      await service.end('SIGKILL')
      counts.killed += 1
      service = await startService(env)
    }
  }

  const started = performance.now()
  try {
    const killing = kills ? kill() : Promise.resolve()
    const all = Promise.all(Array.from({ length: clients }, client)).finally(() => {
      isOver = true
    })
    await Promise.all([all, killing])
    for (const { patient, episode } of episodes) {
      const { items } = await read(`/patients/${patient}/episodes`)
      if (items.length !== 1 || items[0]?.id !== episode) wrong.push(`${patient} has ${items.length} episodes`)
      const holds = await read(`/episodes/${episode}/holds`)
      if (holds.items.length !== 1) wrong.push(`${episode} has ${holds.items.length} holds`)
    }
  } finally {
    await service.end('SIGTERM')
    await server.stop()
  }
  const seconds = Math.round((performance.now() - started) / 1000)
  const { sent, lost, replayed, busy, unreachable, killed } = counts
  const figures = [
    `${3 * episodes.length} keys, ${sent} requests (seed ${seed}), ${lost} answers lost, ${replayed} repeated,`,
    `${busy} told to try again, ${unreachable} not reached, the service killed ${killed} times, ${seconds} s:`,
    `${episodes.length} episodes with one entry each, ${wrong.length} wrong`,
    ...wrong.slice(0, 10),
  ]
  const passed = wrong.length === 0 && episodes.length === rounds
  return { title: 'A lost answer and a retry', figures: figures.join('\n'), passed }
}

/** Mulberry32: the same numbers for the same seed. */
function makeRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

if (import.meta.main) {
  const given = process.argv.slice(2)
  const [rounds = 300, seed = Date.now()] = given.filter((arg) => arg !== '--no-kills').map(Number)
  const { title, figures, passed } = await retries({ rounds, seed, kills: !given.includes('--no-kills') })
  process.stdout.write(`${title}: ${passed ? 'passed' : 'FAILED'}\n${figures}\n`)
  process.exitCode = passed ? 0 : 1
}
