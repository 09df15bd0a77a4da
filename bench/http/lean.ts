import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cp, lstat, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median } from '../measure.ts'
import type { Options, Part } from '../options.ts'
import { show, toTable } from '../table.ts'
import { pathOf } from './compare.ts'
import { freePort, processorSeconds, residentMegabytes, spawnQuietly, stop } from './processes.ts'
import { serviceArgs, serviceSettings } from './world.ts'

export const leanTargets = { startSeconds: 1.5, residentIdle: 200 }

const root = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)

interface Start {
  /** Seconds from the start of the process to the first byte of an answer. */
  firstByte: number
  /** Seconds of processor time of the service's process until then. */
  processor: number | null
  /** Megabytes after that answer, and ten seconds later. */
  resident: number | null
  residentLater: number | null
}

export interface LeanData {
  starts: Start[]
  firstByte: number
  /** MB. */
  resident: number
  dependencies: { direct: number; total: number }
  installed: Installed
}

export async function measureLean({ isShort }: Options): Promise<Part> {
  const starts = await measureStarts(isShort ? 3 : 7)
  const dependencies = await countDependencies()
  const installed = await measureInstall()
  const figure = (of: keyof Start): number => median(starts.map((start) => start[of] ?? Number.NaN))
  const range = (of: keyof Start): string[] => {
    const values = starts.map((start) => start[of] ?? Number.NaN)
    return [show(Math.min(...values)), show(Math.max(...values))]
  }
  const judge = (value: number, target: number): string => `≤ ${target} ${value <= target ? 'met' : 'missed'}`
  const resident = Math.max(figure('resident'), figure('residentLater'))
  const text = [
    'The service with its embedded database, as `npm start` runs it, on a data folder that exists:',
    toTable(
      ['lean', 'median', 'least', 'most', 'target'],
      [
        [
          'start to the first byte of an answer, s',
          show(figure('firstByte')),
          ...range('firstByte'),
          judge(figure('firstByte'), leanTargets.startSeconds),
        ],
        ['  of it processor time of the service, s', show(figure('processor')), ...range('processor')],
        [
          'resident after that answer, MB',
          show(figure('resident')),
          ...range('resident'),
          judge(figure('resident'), leanTargets.residentIdle),
        ],
        [
          'resident ten seconds later, MB',
          show(figure('residentLater')),
          ...range('residentLater'),
          judge(figure('residentLater'), leanTargets.residentIdle),
        ],
      ],
    ),
    'Resident is the Node process without PostgreSQL; what it has at most under load is in the part `answer`.',
    `Production dependencies: ${dependencies.direct} direct, ${dependencies.total} in total.`,
    'megabytes' in installed
      ? `\`npm ci --omit=dev\` installs ${show(installed.megabytes)} MB; the largest: ${installed.largest.map(({ name, megabytes }) => `${name} ${show(megabytes)}`).join(', ')}.`
      : `What \`npm ci --omit=dev\` installs was not measured: ${installed.reason}`,
  ].join('\n')
  return { text, data: { starts, firstByte: figure('firstByte'), resident, dependencies, installed } }
}

async function measureStarts(count: number): Promise<Start[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rehab-bench-'))
  const apiKey = randomBytes(32).toString('base64')
  const errors = join(folder, 'service.err')
  const dataDir = join(folder, 'data')
  const settings = { ...serviceSettings, DATA_DIR: dataDir, BOOTSTRAP_API_KEY: apiKey }
  const starts: Start[] = []
  try {
    let episode: string | null = null
    for (let start = 0; start < count; start += 1) {
      const port = await freePort()
      const address = `http://127.0.0.1:${port}`
      const begun = performance.now()
      const child = spawnQuietly(serviceArgs, { ...settings, PORT: String(port) }, errors)
      const pid = child.pid ?? 0
      try {
        // The first start makes the database, and an episode to ask about.
        if (episode === null) {
          await firstByte(`${address}/readyz`, apiKey, () => child.exitCode !== null)
          episode = await openEpisode(address, apiKey)
          start -= 1
          continue
        }
        await firstByte(`${address}${pathOf(episode)}`, apiKey, () => child.exitCode !== null)
        const seconds = (performance.now() - begun) / 1000
        const processor = processorSeconds(pid)
        const resident = residentMegabytes(pid)?.now ?? null
        await delay(10_000)
        const residentLater = residentMegabytes(pid)?.now ?? null
        starts.push({ firstByte: seconds, processor, resident, residentLater })
      } finally {
        await stop(child)
      }
    }
    return starts
  } catch (error) {
    throw new Error(`${String(error)}\n${await readFile(errors, 'utf8')}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Asks until there is an answer, and resolves with its first byte. */
async function firstByte(url: string, apiKey: string, isOver: () => boolean): Promise<void> {
  for (;;) {
    if (isOver()) throw new Error('the service has ended')
    const status = await new Promise<number | null>((resolve) => {
      get(url, { headers: { authorization: `Bearer ${apiKey}` }, agent: false }, (response) => {
        response.once('data', () => {
          resolve(response.statusCode ?? null)
          response.resume()
        })
      }).on('error', () => resolve(null))
    })
    if (status === 200) return
    if (status !== null && status !== 503) throw new Error(`${url} is answered with ${status}`)
    await delay(3)
  }
}

async function openEpisode(address: string, apiKey: string): Promise<string> {
  const post = async (path: string, body: object): Promise<string> => {
    const response = await fetch(`${address}/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
    return ((await response.json()) as { id: string }).id
  }
  const surgeryDate = Temporal.Now.plainDateISO('UTC').subtract({ days: 50 }).toString()
  const patient = await post('/patients', { externalId: 'bench' })
  const episode = await post(`/patients/${patient}/episodes`, { procedures: ['acdf'], surgeryDate })
  await post(`/episodes/${episode}/milestones`, { code: 'hospital-discharge', on: surgeryDate })
  return episode
}

interface Lock {
  packages: Record<string, { dev?: boolean; os?: string[]; cpu?: string[]; dependencies?: Record<string, string> }>
}

/** From the lock file: the direct ones, and all that this machine gets. */
async function countDependencies(): Promise<{ direct: number; total: number }> {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as Lock
  const here = ({ os, cpu }: Lock['packages'][string]): boolean =>
    (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true)
  const all = Object.entries(packages).filter(([path, one]) => path !== '' && one.dev !== true && here(one))
  return { direct: Object.keys(packages['']?.dependencies ?? {}).length, total: all.length }
}

type Installed =
  | { megabytes: number; packages: number; largest: { name: string; megabytes: number }[] }
  | { reason: string }

/** Installs into a folder of its own, as for production. */
async function measureInstall(): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), 'rehab-bench-'))
  try {
    for (const name of ['package.json', 'package-lock.json', 'prisma']) {
      await cp(join(root, name), join(folder, name), { recursive: true })
    }
    await run('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], { cwd: folder, timeout: 300_000 })
    const modules = join(folder, 'node_modules')
    const sizes = await Promise.all(
      (await packagesIn(modules)).map(async (name) => ({
        name,
        megabytes: (await bytesIn(join(modules, name))) / 1024 ** 2,
      })),
    )
    sizes.sort((a, b) => b.megabytes - a.megabytes)
    const megabytes = sizes.reduce((sum, one) => sum + one.megabytes, 0)
    return { megabytes, packages: sizes.length, largest: sizes.slice(0, 6) }
  } catch (error) {
    return { reason: String(error).split('\n', 3).join(' ') }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function packagesIn(modules: string): Promise<string[]> {
  const names = (await readdir(modules)).filter((name) => !name.startsWith('.'))
  const found = names.map(async (name) =>
    name.startsWith('@') ? (await readdir(join(modules, name))).map((part) => `${name}/${part}`) : [name],
  )
  return (await Promise.all(found)).flat()
}

/** Of the files' content. */
async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}
