import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { show, toTable } from '../table.ts'

/** What V8 writes with --cpu-prof. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[]
  /** Microseconds on the clock of `process.hrtime`. */
  startTime: number
  samples: number[]
  timeDeltas: number[]
}

/** A part of the run that is looked at by itself, in microseconds of `process.hrtime`. */
export interface Window {
  name: string
  from: number
  until: number
  answers: number
}

export const microseconds = (): number => Number(process.hrtime.bigint() / 1000n)

/** How a process is started so that it writes a profile when it ends, and what reads that. */
export function profiled(parent: string): { nodeOptions: string[]; read: () => CpuProfile } {
  const folder = mkdtempSync(join(parent, 'profile-'))
  return {
    nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500'],
    read: () => {
      const [file] = readdirSync(folder)
      if (file === undefined) throw new Error('no profile was written')
      return JSON.parse(readFileSync(join(folder, file), 'utf8'))
    },
  }
}

/** Where a function belongs, by where its file is; in this order. */
const parts: readonly [part: string, pattern: RegExp][] = [
  ['derive (src/rules)', /\/src\/rules\//],
  ['sentences and the form of the answer', /\/src\/features\/(permitted-exercises\/(answer|sentences)|phrases)\.ts$/],
  [
    'JSON and its check (zod, fast-json-stringify)',
    /node_modules\/(zod|fast-json-stringify|fastify-type-provider-zod)\/|\/src\/http\/validation\.ts$/,
  ],
  ['Prisma', /node_modules\/@prisma\/|\/src\/db\/generated\//],
  ['pg', /node_modules\/pg[\w-]*\//],
  ['hooks (src/http, audit, keys)', /\/src\/(http|features\/(audit|api-keys))\/|node_modules\/@fastify\//],
  ['log', /node_modules\/(pino|sonic-boom|thread-stream)[\w-]*\//],
  ['Fastify', /node_modules\//],
  ['route (the rest of src)', /\/src\//],
]

/** What is built in has no file: it belongs to whoever calls it, but for these. */
const builtIn: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'outside JavaScript (program)',
  stringify: 'JSON and its check (zod, fast-json-stringify)',
  parse: 'JSON and its check (zod, fast-json-stringify)',
}

const packageOf = (url: string): string => {
  const installed = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]
  if (installed !== undefined) return installed
  if (url.startsWith('node:')) return 'node'
  return /\/(src\/(?:features\/)?[^/]+)\//.exec(url)?.[1] ?? (url === '' ? 'built in' : 'src')
}

/** Tables of self time: by part, by package and by function, each as a share of the time in which the process did something. */
export function describeProfile(profile: CpuProfile, windows: readonly Window[]): { text: string; data: unknown } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const partOf = (id: number): string => {
    let isNode = false
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { functionName, url } = nodes.get(at)?.callFrame ?? { functionName: '', url: '' }
      if (url.startsWith('node:')) isNode = true
      const known = url === '' ? builtIn[functionName] : parts.find(([, pattern]) => pattern.test(url))?.[0]
      if (known === undefined) continue
      if (!isNode || url === '') return known
      // What Node does when the driver writes to the database is the driver's doing.
      return known === 'pg' || known === 'Prisma' ? 'Node, for pg' : 'Node, for HTTP and the rest'
    }
    return isNode ? 'Node, for HTTP and the rest' : 'other'
  }
  const described = windows.map((window) => {
    const times = {
      part: new Map<string, number>(),
      package: new Map<string, number>(),
      function: new Map<string, number>(),
    }
    const add = (to: Map<string, number>, key: string, time: number) => to.set(key, (to.get(key) ?? 0) + time)
    let at = profile.startTime
    let busy = 0
    for (const [index, id] of profile.samples.entries()) {
      const time = profile.timeDeltas[index] ?? 0
      at += time
      const { functionName, url, lineNumber } = nodes.get(id)?.callFrame ?? { functionName: '', url: '', lineNumber: 0 }
      if (at < window.from || at > window.until || functionName === '(idle)') continue
      busy += time
      add(times.part, partOf(id), time)
      add(times.package, packageOf(url), time)
      const where =
        url === '' ? '' : ` ${url.replace(/^.*(?=node_modules\/|\/src\/)/, '').replace(/^\//, '')}:${lineNumber + 1}`
      add(times.function, `${functionName || '(anonymous)'}${where}`, time)
    }
    const table = (of: keyof typeof times, most: number): string =>
      toTable(
        [`self time by ${of}`, '%', 'µs an answer'],
        [...times[of]]
          .sort(([, a], [, b]) => b - a)
          .slice(0, most)
          .map(([name, time]) => [name.slice(0, 100), show((100 * time) / busy), show(time / window.answers)]),
      )
    return {
      text: [
        `Profile of the service, ${window.name}: ${show(window.answers)} answers, ${show(busy / window.answers)} µs of JavaScript and garbage collection each.`,
        table('part', 20),
        '',
        table('package', 15),
        '',
        table('function', 30),
      ].join('\n'),
      data: { name: window.name, answers: window.answers, busy, parts: Object.fromEntries(times.part) },
    }
  })
  return { text: described.map(({ text }) => text).join('\n\n'), data: described.map(({ data }) => data) }
}
