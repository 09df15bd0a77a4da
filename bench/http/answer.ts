import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { median } from '../measure.ts'
import type { Options, Part } from '../options.ts'
import { seededRandom, shuffle } from '../random.ts'
import { show, toTable } from '../table.ts'
import { ask, type Compared, compareAnswers, countOnRecord, pathOf } from './compare.ts'
import { copyProtocols, type Published, readPublished, storeEpisodes, wantEpisodes } from './fill.ts'
import type { Load } from './generator.ts'
import { type Measured, putLoad } from './load.ts'
import { type Listening, residentMegabytes, startListening } from './processes.ts'
import { describeProfile, microseconds, profiled, type Window } from './profile.ts'
import { type BenchClinic, openServer, type Server, type World } from './world.ts'

export const targets = { perSecond: 0.6, p99: 2, timesOrdinary: 4, residentUnderLoad: 350 }

const connections = 16

export interface Scene {
  server: Server
  world: World
  clinic: BenchClinic
  stranger: BenchClinic
  published: readonly Published[]
  episodes: readonly string[]
}

/** PostgreSQL with a clinic of 20 protocols and its episodes, and another clinic. */
export async function setScene(count: number): Promise<Scene> {
  const server = await openServer()
  try {
    const world = await server.openWorld()
    const clinic = await world.makeClinic('Bench')
    const stranger = await world.makeClinic('Another')
    const published = await copyProtocols(world, clinic, await readPublished(world, clinic), 20)
    const episodes = await storeEpisodes(world, clinic, wantEpisodes(count, published, 1), 2)
    await world.owner.query(
      'CREATE TABLE bench_floor AS SELECT id, patient_id, surgery_date, status, revision FROM episode',
    )
    await world.owner.query('ALTER TABLE bench_floor ADD PRIMARY KEY (id)')
    await world.owner.query('VACUUM ANALYZE')
    return { server, world, clinic, stranger, published, episodes }
  } catch (error) {
    await server.close()
    throw error
  }
}

const start = (name: string, file: string, world: World, env: Record<string, string>): Promise<Listening> =>
  startListening({
    name,
    args: [fileURLToPath(new URL(file, import.meta.url))],
    env: { POOL: String(world.db.pool.options.max), ...env },
    folder: world.folder,
    readyPath: '/ready',
  })

type Line = 'floor' | 'first' | 'again' | 'unchanged' | 'unasked' | 'ordinary'

const names: Record<Line, string> = {
  floor: 'floor: one row by its key, through pg',
  first: 'the service, each answer for the first time',
  again: 'the service, the same answers again',
  unchanged: 'the service, If-None-Match: 304',
  unasked: 'the service, if it asked the database nothing',
  ordinary: 'the ordinary way',
}

export interface AnswerRow {
  line: Line
  name: string
  rounds: Measured[]
  /** Medians, and of the rates the least and the most. */
  perSecond: number
  least: number
  most: number
  p50: number
  p99: number
  /** Medians of the rounds' ratios. */
  toFloor: number
  p99ToFloor: number
  timesOrdinary: number
  /** Microseconds of processor time for one answer, of all three together and of each; null where /proc is not. */
  processor: { whole: number; generator: number; contender: number; postgres: number } | null
}

export interface AnswerData {
  episodes: number
  protocols: number
  connections: number
  meanBytes: number
  compared: Compared
  /** MB. */
  mostResident: number
  rows: AnswerRow[]
}

export async function measureAnswer(options: Options): Promise<Part> {
  if (options.withProfile) return profileAnswer(options)
  const { isShort } = options
  const rounds = isShort ? 2 : 5
  const seconds = isShort ? 2 : 6
  const scene = await setScene(isShort ? 2000 : 10_000)
  const { server, world, clinic, stranger, published, episodes } = scene
  const running: Listening[] = []
  const keep = async (starting: Promise<Listening>): Promise<Listening> => {
    const contender = await starting
    running.push(contender)
    return contender
  }
  try {
    const ordinary = await keep(start(names.ordinary, 'ordinary.ts', world, { DATABASE_URL: world.serviceUrl }))
    let service = await keep(world.startService())
    const compared = await compareAnswers(
      world,
      clinic,
      stranger,
      published,
      shuffle([...episodes], seededRandom(3)).slice(0, isShort ? 100 : 300),
      { service, ordinary },
    )
    const { meanBytes, etags } = await askAll(service, clinic, episodes)
    const unasked = await keep(world.startService({ file: fileURLToPath(new URL('unasked.ts', import.meta.url)) }))
    const { etags: ofUnasked } = await askAll(unasked, clinic, episodes)
    if (!isDeepStrictEqual(ofUnasked, etags)) throw new Error('the service gives other answers if it is not to ask')
    const floor = await keep(
      start('floor', 'floor.ts', world, { DATABASE_URL: world.ownerUrl, BODY_BYTES: String(meanBytes) }),
    )

    const authorization = `Bearer ${clinic.apiKey}`
    const requests = episodes.map((episode) => ({ path: pathOf(episode) }))
    let seed = 10
    const put = (contender: Listening, load: Partial<Load>): Promise<Measured> => {
      seed += 1
      const usual = { requests, headers: { authorization }, connections, seconds, expected: 200, seed }
      return putLoad(contender, world.postgres, { ...usual, ...load })
    }
    const yesterday = Temporal.PlainDate.from(clinic.today).subtract({ days: 1 }).toString()
    const ofYesterday = requests.map(({ path }) => ({ path: `${path}?on=${yesterday}` }))
    const unchanged = episodes.map((episode) => {
      return { path: pathOf(episode), headers: { 'if-none-match': etags.get(episode) ?? '' } }
    })

    const measured = new Map<Line, Measured[]>()
    const note = (line: Line, result: Measured): void => {
      measured.set(line, [...(measured.get(line) ?? []), result])
    }
    let mostResident = 0
    let asked = 0
    const before = await countOnRecord(world, clinic)
    // Round −1 warms up and is not counted.
    for (let round = -1; round < rounds; round += 1) {
      const ofFloor = await put(floor, {})
      // A new process, so that it has made no answer of today; what it has made of yesterday has warmed it up.
      running.splice(running.indexOf(service), 1)
      await service.stop()
      service = await keep(world.startService())
      const warming = await put(service, { requests: ofYesterday, seconds: isShort ? 2 : 4 })
      const first = await put(service, { seconds: 'once' })
      const again = await put(service, {})
      const not = etags.size === 0 ? null : await put(service, { requests: unchanged, expected: 304 })
      const withoutAsking = await put(unasked, {})
      mostResident = Math.max(mostResident, residentMegabytes(service.pid)?.most ?? Number.NaN)
      const ofOrdinary = await put(ordinary, {})
      asked += warming.answers + first.answers + again.answers
      if (round < 0) continue
      note('floor', ofFloor)
      note('first', first)
      note('again', again)
      if (not !== null) note('unchanged', not)
      note('unasked', withoutAsking)
      note('ordinary', ofOrdinary)
    }
    await service.stop()
    const onRecord = (await countOnRecord(world, clinic)) - before
    if (onRecord < asked) throw new Error(`of ${asked} answers, ${onRecord} are on the clinic’s record`)

    const rows = toRows(measured)
    return {
      text: describe(rows, {
        compared,
        episodes: episodes.length,
        protocols: published.length,
        meanBytes,
        mostResident,
      }),
      data: {
        episodes: episodes.length,
        protocols: published.length,
        connections,
        meanBytes,
        compared,
        mostResident,
        rows,
      },
    }
  } finally {
    await Promise.all(running.map((contender) => contender.stop()))
    await server.close()
  }
}

/** What the service's processor time goes into, for answers that it makes and for those that it has made before. */
async function profileAnswer({ isShort }: Options): Promise<Part> {
  const { server, world, clinic, episodes } = await setScene(isShort ? 1000 : 10_000)
  const { nodeOptions, read } = profiled(world.folder)
  try {
    const service = await world.startService({ nodeOptions })
    const load = (more: Partial<Load>): Promise<Measured> =>
      putLoad(service, world.postgres, {
        requests: episodes.map((episode) => ({ path: pathOf(episode) })),
        headers: { authorization: `Bearer ${clinic.apiKey}` },
        connections,
        seconds: isShort ? 4 : 10,
        expected: 200,
        seed: 7,
        ...more,
      })
    const windows: Window[] = []
    const watch = async (name: string, more: Partial<Load>): Promise<void> => {
      const from = microseconds()
      const { answers } = await load(more)
      windows.push({ name, from, until: microseconds(), answers })
    }
    try {
      const yesterday = Temporal.PlainDate.from(clinic.today).subtract({ days: 1 }).toString()
      await load({ requests: episodes.map((episode) => ({ path: `${pathOf(episode)}?on=${yesterday}` })) })
      await watch('each answer for the first time', { seconds: 'once' })
      await watch('the same answers again', {})
    } finally {
      await service.stop()
    }
    return describeProfile(read(), windows)
  } finally {
    await server.close()
  }
}

/** Each answer once, a few at a time: the mean size of a body, and the ETags if there are any. */
async function askAll(
  service: Listening,
  { apiKey }: BenchClinic,
  episodes: readonly string[],
): Promise<{ meanBytes: number; etags: Map<string, string> }> {
  const etags = new Map<string, string>()
  let bytes = 0
  for (let from = 0; from < episodes.length; from += 8) {
    await Promise.all(
      episodes.slice(from, from + 8).map(async (episode) => {
        const response = await ask(service, pathOf(episode), apiKey)
        bytes += (await response.arrayBuffer()).byteLength
        const etag = response.headers.get('etag')
        if (etag !== null) etags.set(episode, etag)
      }),
    )
  }
  return { meanBytes: Math.round(bytes / episodes.length), etags }
}

function toRows(measured: ReadonlyMap<Line, readonly Measured[]>): AnswerRow[] {
  const ratios = (line: Line, to: Line, of: 'perSecond' | 'p99'): number => {
    const others = measured.get(to) ?? []
    return median((measured.get(line) ?? []).map((result, round) => result[of] / (others[round]?.[of] ?? Number.NaN)))
  }
  return [...measured].map(([line, rounds]) => {
    const rates = rounds.map(({ perSecond }) => perSecond)
    return {
      line,
      name: names[line],
      rounds: [...rounds],
      perSecond: median(rates),
      least: Math.min(...rates),
      most: Math.max(...rates),
      p50: median(rounds.map(({ p50 }) => p50)),
      p99: median(rounds.map(({ p99 }) => p99)),
      toFloor: ratios(line, 'floor', 'perSecond'),
      p99ToFloor: ratios(line, 'floor', 'p99'),
      timesOrdinary: ratios(line, 'ordinary', 'perSecond'),
      processor: processorOf(rounds),
    }
  })
}

function processorOf(rounds: readonly Measured[]): AnswerRow['processor'] {
  const of = (who: 'generator' | 'contender' | 'postgres'): number =>
    median(rounds.map(({ took, perSecond }) => ((took?.[who] ?? Number.NaN) / perSecond) * 1e6))
  const each = { generator: of('generator'), contender: of('contender'), postgres: of('postgres') }
  const whole = each.generator + each.contender + each.postgres
  return Number.isNaN(whole) ? null : { whole, ...each }
}

const judge = (value: number, isMet: boolean): string => `${show(value)} ${isMet ? 'met' : 'missed'}`

function describe(
  rows: readonly AnswerRow[],
  about: { compared: Compared; episodes: number; protocols: number; meanBytes: number; mostResident: number },
): string {
  const { compared, mostResident } = about
  const isJudged = (line: Line): boolean => line === 'first' || line === 'again'
  const counted = (counts: Record<string, number>): string =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  return [
    `GET /v1/episodes/{id}/permitted-exercises: ${show(about.episodes)} episodes, ${about.protocols} protocols, ` +
      `${connections} connections, answers of ${show(about.meanBytes)} bytes on average.`,
    `Compared before the timing: ${compared.episodes} answers of the service, of the ordinary way and of \`derive\` are equal ` +
      `(${compared.sameBytes} of them byte for byte), each is on the clinic’s record, another clinic’s key gets 404.`,
    `Their statuses: ${counted(compared.statuses)}. Their phases: ${counted(compared.phases)}.`,
    '',
    toTable(
      ['who answers', 'a second', 'least', 'most', 'p50 ms', 'p99 ms', '× floor', 'p99 × floor', '× ordinary'],
      rows.map((row) => [
        row.name,
        show(row.perSecond),
        show(row.least),
        show(row.most),
        show(row.p50),
        show(row.p99),
        isJudged(row.line) ? judge(row.toFloor, row.toFloor >= targets.perSecond) : show(row.toFloor),
        isJudged(row.line) ? judge(row.p99ToFloor, row.p99ToFloor <= targets.p99) : show(row.p99ToFloor),
        isJudged(row.line)
          ? judge(row.timesOrdinary, row.timesOrdinary >= targets.timesOrdinary)
          : show(row.timesOrdinary),
      ]),
    ),
    `Targets: requests a second ≥ ${targets.perSecond} × floor, p99 ≤ ${targets.p99} × floor, requests a second ≥ ${targets.timesOrdinary} × the ordinary way.`,
    '',
    'Everything runs on the same processors, the load generator too. Microseconds of processor time for one answer, how many times',
    'the floor’s they are in all, and how many processors were in use on average:',
    toTable(
      ['processor time', 'in all', '× floor', 'generator', 'contender', 'PostgreSQL', 'processors'],
      rows.map(({ name, rounds, processor }) => [
        name,
        ...(processor === null
          ? []
          : [
              show(processor.whole),
              show(processor.whole / (rows.find(({ line }) => line === 'floor')?.processor?.whole ?? Number.NaN)),
              show(processor.generator),
              show(processor.contender),
              show(processor.postgres),
            ]),
        show(median(rounds.map(({ took }) => (took?.generator ?? 0) + (took?.contender ?? 0) + (took?.postgres ?? 0)))),
      ]),
    ),
    `Most that the service’s process had resident under this load: ${judge(mostResident, mostResident <= targets.residentUnderLoad)} MB ` +
      `(target ≤ ${targets.residentUnderLoad}).`,
  ].join('\n')
}
