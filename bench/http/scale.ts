import { Agent, get } from 'node:http'
import { median } from '../measure.ts'
import type { Options, Part } from '../options.ts'
import { pick, seededRandom } from '../random.ts'
import { show, toTable } from '../table.ts'
import { pathOf } from './compare.ts'
import { copyProtocols, multiplyEpisodes, readPublished, storeEpisodes, type Wanted, wantEpisodes } from './fill.ts'
import { type Listening, processorSeconds, processorSecondsOfTree } from './processes.ts'
import { type BenchClinic, openServer, type Server, type World } from './world.ts'

/** Flat is: at most so many times what the smallest takes. */
export const flat = 1.2

/** Linear is: an exponent of at most so much, from the last but one size to the last. */
const linear = 1.1

const protocols = 20

/** One size of what grows, with the service that answers about it. */
interface Subject {
  size: number
  clinic: BenchClinic
  service: Listening
  /** The episodes that are asked about, those of each round apart, and those that only warm up. */
  probes: readonly (readonly string[])[]
  warming: readonly string[]
}

export interface Step {
  size: number
  first: Times
  again: Times
}

/** Of one answer: milliseconds, of each round the median; and of processor time, service and database, in the whole. */
interface Times {
  median: number
  rounds: number[]
  processor: number | null
}

export interface ScaleData {
  episodes: Step[]
  protocols: Step[]
  entries: Step[]
}

export async function measureScale({ isShort, toMillion }: Options): Promise<Part> {
  const shape = { rounds: isShort ? 3 : 6, probes: isShort ? 20 : 60, repetitions: 4 }
  const counts = isShort ? [1000, 10_000] : [1000, 10_000, 100_000, ...(toMillion ? [1_000_000] : [])]
  const episodes = await inServer(async (server) => {
    const subjects: Subject[] = []
    for (const size of counts)
      subjects.push(await withEpisodes(await server.openWorld(`episodes_${size}`), size, shape))
    return measureTogether(server, subjects, shape)
  })
  const protocolCounts = isShort ? [10, 100] : [10, 100, 1000]
  const inClinic = await inServer(async (server) => {
    const subjects: Subject[] = []
    for (const size of protocolCounts) {
      subjects.push(await withProtocols(await server.openWorld(`protocols_${size}`), size, shape))
    }
    return measureTogether(server, subjects, shape)
  })
  const entries = await inServer(async (server) =>
    measureTogether(server, await withEntries(await server.openWorld(), [1, 10, 100, 1000], shape), shape),
  )
  return {
    text: [
      'One answer of the service, asked for over HTTP by one client: for the first time, and again.',
      describeSteps('episodes', episodes, isFlat),
      `Target: at most ${flat} × the smallest.`,
      '',
      describeSteps('protocols', inClinic, isFlat),
      `Target: at most ${flat} × the smallest.`,
      '',
      describeSteps('entries', entries, null),
      `Exponent of the growth from the last but one size to the last: ${judgeExponent(entries, 'first')} for the first time, ` +
        `${judgeExponent(entries, 'again')} again (target at most ${linear}; 1 is linear).`,
    ].join('\n'),
    data: { episodes, protocols: inClinic, entries },
  }
}

interface Shape {
  rounds: number
  /** So many different episodes in each round. */
  probes: number
  /** So often each is asked about again. */
  repetitions: number
}

async function inServer<T>(work: (server: Server) => Promise<T>): Promise<T> {
  const server = await openServer()
  try {
    return await work(server)
  } finally {
    await server.close()
  }
}

/** A clinic with so many episodes that have two to nine entries. */
async function withEpisodes(world: World, size: number, shape: Shape): Promise<Subject> {
  const clinic = await world.makeClinic('Bench')
  const published = await copyProtocols(world, clinic, await readPublished(world, clinic), protocols)
  const wanted = wantEpisodes(1000, published, 1, 8).map((one) => ({ ...one, entries: one.entries + 1 }))
  await storeEpisodes(world, clinic, wanted, 2)
  await multiplyEpisodes(world, clinic, size / 1000)
  return startSubject(world, clinic, size, 600, shape)
}

/** A clinic with so many protocols, each followed by some of its episodes. */
async function withProtocols(world: World, size: number, shape: Shape): Promise<Subject> {
  const clinic = await world.makeClinic('Bench')
  const library = await readPublished(world, clinic)
  const published = await copyProtocols(world, clinic, library, size)
  const random = seededRandom(size)
  const wanted = Array.from({ length: 3000 }, (_, index): Wanted => {
    const version = published[index] ?? pick(published, random)
    return { entries: 2 + Math.floor(random() * 8), versions: [version] }
  })
  await storeEpisodes(world, clinic, wanted, 2)
  return startSubject(world, clinic, size, 2500, shape)
}

async function startSubject(
  world: World,
  clinic: BenchClinic,
  size: number,
  warm: number,
  shape: Shape,
): Promise<Subject> {
  await world.owner.query('VACUUM ANALYZE')
  const asked = shape.rounds * shape.probes
  // Never the same to warm up and to measure.
  const { rows } = await world.owner.query<{ id: string; isWarming: boolean }>(
    `SELECT id, n <= $1 AS "isWarming" FROM (
       SELECT id, row_number() OVER (ORDER BY md5(id::text)) AS n FROM episode) e
     WHERE n <= $1 + $2`,
    [warm, asked],
  )
  const ids = rows.filter(({ isWarming }) => !isWarming).map(({ id }) => id)
  const probes = Array.from({ length: shape.rounds }, (_, round) =>
    ids.slice(round * shape.probes, (round + 1) * shape.probes),
  )
  const warming = rows.filter(({ isWarming }) => isWarming).map(({ id }) => id)
  return { size, clinic, service: await world.startService(), probes, warming }
}

/** One clinic, some episodes of which have records of each of the sizes. */
async function withEntries(world: World, sizes: readonly number[], shape: Shape): Promise<Subject[]> {
  const clinic = await world.makeClinic('Bench')
  const published = await readPublished(world, clinic)
  const random = seededRandom(5)
  const service = await world.startService()
  const subjects: Subject[] = []
  const few = Math.ceil(shape.probes / 3)
  for (const size of sizes) {
    const count = few * (shape.rounds + 1)
    const wanted = Array.from({ length: count }, (): Wanted => {
      const versions = [pick(published, random)]
      return { entries: size, versions }
    })
    const ids = await storeEpisodes(world, clinic, wanted, size)
    const probes = Array.from({ length: shape.rounds }, (_, round) => ids.slice((round + 1) * few, (round + 2) * few))
    subjects.push({ size, clinic, service, probes, warming: ids.slice(0, few) })
  }
  await world.owner.query('VACUUM ANALYZE')
  return subjects
}

/** The sizes in turn, round after round, so that what else the machine does meets all of them. */
async function measureTogether(server: Server, subjects: readonly Subject[], shape: Shape): Promise<Step[]> {
  const services = new Set(subjects.map(({ service }) => service))
  const agents = new Map(subjects.map((subject) => [subject, new Agent({ keepAlive: true, maxSockets: 1 })]))
  try {
    for (const subject of subjects) {
      const yesterday = Temporal.PlainDate.from(subject.clinic.today).subtract({ days: 1 }).toString()
      for (const id of subject.warming) await time(subject, agents, `${pathOf(id)}?on=${yesterday}`)
      // The way of those that are kept, too.
      const few = subject.warming.slice(0, 5)
      for (let again = 0; again < 100; again += 1) {
        for (const id of few) await time(subject, agents, `${pathOf(id)}?on=${yesterday}`)
      }
    }
    const steps = subjects.map((subject) => ({ subject, first: emptyTimes(), again: emptyTimes() }))
    for (let round = 0; round < shape.rounds; round += 1) {
      for (const { subject, first, again } of steps) {
        const ids = subject.probes[round] ?? []
        await timeAll(server, subject, agents, ids, first)
        const repeated = Array.from({ length: shape.repetitions }, () => ids).flat()
        await timeAll(server, subject, agents, repeated, again)
      }
    }
    return steps.map(({ subject, first, again }) => ({ size: subject.size, first: sum(first), again: sum(again) }))
  } finally {
    for (const agent of agents.values()) agent.destroy()
    await Promise.all([...services].map((service) => service.stop()))
  }
}

interface Timed {
  rounds: number[]
  answers: number
  processor: number
}

const emptyTimes = (): Timed => ({ rounds: [], answers: 0, processor: 0 })

function sum({ rounds, answers, processor }: Timed): Times {
  const milliseconds = (processor / answers) * 1000
  return { median: median(rounds), rounds, processor: Number.isNaN(milliseconds) ? null : milliseconds }
}

async function timeAll(
  { postgres }: Server,
  subject: Subject,
  agents: ReadonlyMap<Subject, Agent>,
  ids: readonly string[],
  into: Timed,
): Promise<void> {
  const used = () => (processorSeconds(subject.service.pid) ?? Number.NaN) + (processorSecondsOfTree(postgres.pid) ?? 0)
  const before = used()
  const times: number[] = []
  for (const id of ids) times.push(await time(subject, agents, pathOf(id)))
  into.processor += used() - before
  into.answers += ids.length
  into.rounds.push(median(times))
}

/** Milliseconds from the request to the last byte of the answer, on a connection that stays open. */
function time({ service, clinic }: Subject, agents: ReadonlyMap<Subject, Agent>, path: string): Promise<number> {
  const agent = [...agents].find(([subject]) => subject.service === service)?.[1]
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    const headers = { authorization: `Bearer ${clinic.apiKey}` }
    get(`${service.address}${path}`, { headers, ...(agent && { agent }) }, (response) => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - begun)
        else reject(new Error(`${path}: ${response.statusCode}`))
      })
    }).on('error', reject)
  })
}

const isFlat = (ratio: number): boolean => ratio <= flat

function describeSteps(what: string, steps: readonly Step[], judge: ((ratio: number) => boolean) | null): string {
  const [smallest] = steps
  if (smallest === undefined) return ''
  const ratioOf = (step: Step, which: 'first' | 'again'): number =>
    median(step[which].rounds.map((value, round) => value / (smallest[which].rounds[round] ?? Number.NaN)))
  const cells = (step: Step, which: 'first' | 'again'): string[] => {
    const ratio = ratioOf(step, which)
    const verdict = judge === null || step === smallest ? '' : judge(ratio) ? ' met' : ' missed'
    const processor = step[which].processor
    const base = smallest[which].processor
    const ofProcessor = processor === null || base === null ? '?' : show(processor / base)
    return [
      show(step[which].median),
      `${show(ratio)}${verdict}`,
      processor === null ? '?' : show(processor),
      ofProcessor,
    ]
  }
  return toTable(
    [what, 'first, ms', '× smallest', 'ms of processor', '×', 'again, ms', '× smallest', 'ms of processor', '×'],
    steps.map((step) => [show(step.size), ...cells(step, 'first'), ...cells(step, 'again')]),
  )
}

function judgeExponent(steps: readonly Step[], which: 'first' | 'again'): string {
  const [before, last] = steps.slice(-2)
  if (before === undefined || last === undefined) return '?'
  const exponent = Math.log(last[which].median / before[which].median) / Math.log(last.size / before.size)
  return `${exponent.toFixed(2)} ${exponent <= linear ? 'met' : 'missed'}`
}
