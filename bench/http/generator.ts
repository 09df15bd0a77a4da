import { once } from 'node:events'
import { createHistogram } from 'node:perf_hooks'
import autocannon from 'autocannon'
import { seededRandom, shuffle } from '../random.ts'

/** What the load generator, a process of its own, is told to do. */
export interface Load {
  address: string
  /** With the headers that only this request has. */
  requests: readonly { path: string; headers?: Readonly<Record<string, string>> }[]
  headers: Readonly<Record<string, string>>
  connections: number
  /** Each request once; or, in random order, for so many seconds. */
  seconds: number | 'once'
  expected: number
  seed: number
}

export interface LoadResult {
  answers: number
  seconds: number
  perSecond: number
  /** Milliseconds. */
  p50: number
  p99: number
  most: number
  /** Of a whole answer with its headers, on average. */
  bytes: number
  /** Processor seconds of the generator meanwhile. */
  processor: number
}

/** Seconds of a timed load that are not counted. */
const settling = 0.5

/** So many random requests of each connection, which then begin again: each of them is built beforehand. */
const mostOfOne = 2500

/**
 * What autocannon gathers of each body as a text. Not done: a text of other letters than ASCII's takes it several times as
 * long, which would count against whoever answers with one.
 */
interface WithBodies {
  pipelinedRequests: { addBody: (data: Buffer) => void }
}

/** With a callback it gives what tells of each answer, and not a promise. */
function start(options: autocannon.Options): autocannon.Instance {
  return autocannon(options, () => {})
}

async function generate(load: Load): Promise<LoadResult> {
  const { connections, expected } = load
  const random = seededRandom(load.seed)
  const all = shuffle([...load.requests], random)
  const lists = Array.from({ length: connections }, (_, index) =>
    load.seconds === 'once'
      ? all.filter((_request, place) => place % connections === index)
      : shuffle([...all], random).slice(0, mostOfOne),
  )
  const microseconds = createHistogram()
  let first: number | null = null
  let last = 0
  let answers = 0
  let bytes = 0
  let unexpected: string | null = null
  let next = 0
  let before = process.cpuUsage()
  const instance = start({
    url: load.address,
    connections,
    headers: { ...load.headers },
    timeout: 30,
    ...(load.seconds === 'once' ? { amount: all.length } : { duration: load.seconds + settling }),
    setupClient: (client) => {
      const { pipelinedRequests } = client as unknown as WithBodies
      pipelinedRequests.addBody = () => {}
      const own = lists[next] ?? []
      next += 1
      client.setRequests(
        own.map(({ path, headers }) => ({ method: 'GET', path, headers: { ...load.headers, ...headers } })),
      )
    },
  })
  instance.on('response', (_client, status, size, milliseconds) => {
    if (Number(status) !== expected) unexpected ??= `an answer has the status ${status}`
    const now = performance.now()
    if (first === null) {
      first = now
      before = process.cpuUsage()
    }
    if (load.seconds !== 'once' && now - first < settling * 1000) {
      before = process.cpuUsage()
      return
    }
    last = now
    answers += 1
    bytes += size
    microseconds.record(Math.max(1, Math.round(milliseconds * 1000)))
  })
  instance.on('reqError', (error) => {
    unexpected ??= String(error)
  })
  await once(instance, 'done')
  const used = process.cpuUsage(before)
  if (unexpected !== null) throw new Error(`${load.address}: ${unexpected}`)
  const seconds = (last - (first ?? 0)) / 1000 - (load.seconds === 'once' ? 0 : settling)
  return {
    answers,
    seconds,
    perSecond: answers / seconds,
    p50: microseconds.percentile(50) / 1000,
    p99: microseconds.percentile(99) / 1000,
    most: microseconds.max / 1000,
    bytes: bytes / answers,
    processor: (used.user + used.system) / 1e6,
  }
}

process.once('message', async (load: Load) => {
  const answer = await generate(load).then(
    (result) => ({ result }),
    (error) => ({ error: String(error) }),
  )
  process.send?.(answer, () => process.disconnect?.())
})
