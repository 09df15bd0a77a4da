import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A contender in a process of its own that listens on a port of this machine. */
export interface Listening {
  name: string
  pid: number
  /** `http://127.0.0.1:PORT` */
  address: string
  /** Ends it, and resolves when it has ended. */
  stop(): Promise<void>
}

interface StartOptions {
  name: string
  /** What follows `node`. */
  args: readonly string[]
  env: Readonly<Record<string, string>>
  /** Where its errors go; what else it writes goes nowhere. */
  folder: string
  /** A path that answers 200 once it can be asked. */
  readyPath: string
}

/** Starts a process with `PORT` set to a free one, and resolves when it answers. */
export async function startListening({ name, args, env, folder, readyPath }: StartOptions): Promise<Listening> {
  const port = await freePort()
  const errors = join(folder, `${name.replaceAll(/\W+/g, '-')}-${port}.err`)
  const child = spawnQuietly(args, { ...env, HOST: '127.0.0.1', PORT: String(port) }, errors)
  const address = `http://127.0.0.1:${port}`
  const giveUp = performance.now() + 60_000
  while (!(await isReady(`${address}${readyPath}`))) {
    if (child.exitCode !== null || performance.now() > giveUp) {
      child.kill('SIGKILL')
      throw new Error(`${name} does not start: ${readFileSync(errors, 'utf8')}`)
    }
    await delay(20)
  }
  return { name, pid: child.pid ?? 0, address, stop: () => stop(child) }
}

/** Without this process's own settings: a contender has what it is given, and where to find programs. */
export function spawnQuietly(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  errors: string,
): ChildProcess {
  const file = openSync(errors, 'a')
  try {
    const { PATH = '', HOME = '' } = process.env
    return spawn(process.execPath, [...args], {
      env: { PATH, HOME, NODE_ENV: 'production', ...env },
      stdio: ['ignore', 'ignore', file],
    })
  } finally {
    closeSync(file)
  }
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** Clock ticks a second of Linux, whatever the machine. */
const ticks = 100

/** Seconds of processor time that the process has taken; null where /proc is not. */
export function processorSeconds(pid: number): number | null {
  const fields = statOf(pid)
  return fields === null ? null : (Number(fields[11]) + Number(fields[12])) / ticks
}

/** The same of a process and all of its children, those that have ended too. */
export function processorSecondsOfTree(pid: number): number | null {
  const own = statOf(pid)
  if (own === null) return null
  const ended = (Number(own[13]) + Number(own[14])) / ticks
  return childrenOf(pid).reduce(
    (sum, child) => sum + (processorSeconds(child) ?? 0),
    ended + (processorSeconds(pid) ?? 0),
  )
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => Number(statOf(other)?.[1]) === pid)
}

/** What follows the name in /proc/PID/stat, which begins with the state and the parent. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

/** Resident memory of the process in MB, now and at most since it began; null where /proc is not. */
export function residentMegabytes(pid: number): { now: number; most: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024
    return { now: read('VmRSS'), most: read('VmHWM') }
  } catch {
    return null
  }
}
