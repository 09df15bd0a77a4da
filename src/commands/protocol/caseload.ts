import { randomBytes } from 'node:crypto'
import { createWriteStream, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { UsageError } from './files.ts'
import { helpOf } from './help.ts'
import type { ExitCode } from './run.ts'

const options = {
  server: { type: 'string' },
  protocol: { type: 'string' },
  phase: { type: 'string' },
  status: { type: 'string' },
  'changed-since': { type: 'string' },
  on: { type: 'string' },
  output: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Option and parameter of the request. */
const parameters = [
  ['protocol', 'protocol'],
  ['phase', 'phase'],
  ['status', 'status'],
  ['changed-since', 'changedSince'],
  ['on', 'on'],
] as const

/** What the command works with; a test has its own. */
export interface Terminal {
  env: Readonly<Record<string, string | undefined>>
  out: Writable
  err: { write: (text: string) => unknown; isTTY?: boolean }
  /** Milliseconds before the first attempt to go on; each further one waits twice as long. */
  patience?: number
}

/** So often in a row it tries to go on without getting anywhere. */
const mostAttempts = 6
const longestWait = 30_000

/** A run that goes on writes to its file far sooner than after so many milliseconds. */
const longestSilence = 6 * 3_600_000

/** Milliseconds between two counts: in place, and as lines. */
const inPlace = 250
const asLines = 5000

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Why the answer will not come, in words. */
class GivenUp extends Error {}

/** What may come if one asks again; `after` milliseconds, if the service says when. */
class Interrupted extends Error {
  readonly after: number

  constructor(message: string, after = 0) {
    super(message)
    this.after = after
  }
}

/** Writes the clinic's caseload line by line, and goes on by itself where the connection breaks. */
export async function runCaseload(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  if (values.help === true) {
    terminal.out.write(`${helpOf('caseload')}\n`)
    return 0
  }
  if (positionals.length > 0) throw new UsageError(`\`caseload\` takes no file: ${positionals[0]}`)
  const { env, err } = terminal
  const key = env.REHAB_API_KEY
  if (key === undefined || key === '') {
    throw new UsageError('the environment has no REHAB_API_KEY: the clinic’s key, which is never an argument')
  }
  // A header cannot hold others, and what refuses it would show it.
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new UsageError('REHAB_API_KEY is no key: it has spaces, line breaks or letters that no key has')
  }
  if (values.server === undefined) throw new UsageError('--server is required: an address like https://rehab.example')
  const address = toAddress(values.server)
  for (const [option, parameter] of parameters) {
    const value = values[option]
    if (value !== undefined) address.searchParams.set(parameter, value)
  }
  const output = openOutput(values.output, terminal.out)
  const count = startCount(err)
  try {
    const summary = await readAll({ address, key, patience: terminal.patience ?? 500 }, output, count, err)
    await output.finish()
    count.end()
    err.write(sayEnd(summary, count))
    if (values.output !== undefined) removeLeft(values.output, err)
    return 0
  } catch (error) {
    count.end()
    await output.abandon()
    if (!(error instanceof GivenUp)) throw error
    err.write(`rehab-protocol: the caseload is not complete: ${asSentence(error.message)}\n`)
    return 1
  }
}

function asSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`
}

function toAddress(server: string): URL {
  const base = URL.parse(server)
  if (base === null || !/^https?:$/.test(base.protocol)) {
    throw new UsageError(`--server ${server} is no address: it is like https://rehab.example`)
  }
  if (base.username !== '' || base.password !== '') {
    throw new UsageError(`--server takes no user and no password: the key is in the environment, REHAB_API_KEY`)
  }
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return new URL('v1/permitted-exercises', base)
}

interface Output {
  write: (bytes: Buffer) => Promise<void>
  finish: () => Promise<void>
  abandon: () => Promise<void>
}

/**
 * A file has its name only once it is whole; it is for this user's eyes only, and of no other run that writes to it too.
 * Before that no run can go on with it, so that it does not outlive its own.
 */
function openOutput(file: string | undefined, out: Writable): Output {
  const part = file === undefined ? null : `${file}.${randomBytes(4).toString('hex')}.part`
  const stream = part === null ? out : createWriteStream(part, { flags: 'wx', mode: 0o600 })
  let isOpen = false
  let failed: Error | null = null
  stream.on('open', () => {
    isOpen = true
  })
  stream.on('error', (error: Error) => {
    failed = error
  })
  const cannotWrite = (error: Error): GivenUp =>
    new GivenUp(`${file ?? 'standard output'} cannot be written: ${error.message}`)
  const remove = (): void => {
    if (part !== null && isOpen) rmSync(part, { force: true })
  }
  const ignoreEnds = part === null ? () => {} : beforeEnd(remove)
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (failed !== null) reject(cannotWrite(failed))
        else stream.write(bytes, (error) => (error ? reject(cannotWrite(error)) : resolve()))
      }),
    finish: async () => {
      if (part !== null && failed === null) await new Promise<void>((resolve) => stream.end(() => resolve()))
      if (failed !== null) throw cannotWrite(failed)
      if (file === undefined || part === null) return
      try {
        renameSync(part, file)
      } catch (error) {
        throw cannotWrite(error as Error)
      }
      ignoreEnds()
    },
    async abandon() {
      if (part === null) return
      if (!stream.closed) await new Promise((resolve) => stream.on('close', resolve).destroy())
      remove()
      ignoreEnds()
    },
  }
}

/** Does the work if the process ends or is ended before the function that this returns was called. */
function beforeEnd(work: () => void): () => void {
  const onSignal = (signal: NodeJS.Signals): void => {
    work()
    ignore()
    process.kill(process.pid, signal)
  }
  const ignore = (): void => {
    process.off('exit', work)
    for (const signal of signals) process.off(signal, onSignal)
  }
  process.on('exit', work)
  for (const signal of signals) process.on(signal, onSignal)
  return ignore
}

/** Removes what runs for this file have left that could not do so themselves, and none that may still be going on. */
function removeLeft(file: string, err: Terminal['err']): void {
  const [folder, name] = [dirname(file), basename(file)]
  try {
    for (const other of readdirSync(folder)) {
      if (!other.startsWith(`${name}.`) || !/^\.[0-9a-f]{8}\.part$/.test(other.slice(name.length))) continue
      const left = join(folder, other)
      const stats = statSync(left, { throwIfNoEntry: false })
      if (stats !== undefined && stats.mtimeMs < Date.now() - longestSilence) rmSync(left, { force: true })
    }
  } catch (error) {
    err.write(`What earlier runs may have left beside ${file} cannot be removed: ${(error as Error).message}\n`)
  }
}

interface Count {
  /** Episodes that the lines so far tell of. */
  told: number
  readonly seconds: number
  end: () => void
}

/** Counts on standard error: on a terminal in place, otherwise a line now and then. */
function startCount(err: Terminal['err']): Count {
  const begun = performance.now()
  const isTerminal = err.isTTY === true
  let shown = 0
  const count = {
    told: 0,
    get seconds() {
      return (performance.now() - begun) / 1000
    },
    end: () => {
      clearInterval(timer)
      if (isTerminal && shown > 0) err.write(`\r${' '.repeat(shown)}\r`)
    },
  }
  const timer = setInterval(
    () => {
      const text = `${speak(count.told)} episodes, ${speak(count.told / count.seconds)} a second`
      err.write(isTerminal ? `\r${text.padEnd(shown)}` : `${text}\n`)
      shown = text.length
    },
    isTerminal ? inPlace : asLines,
  )
  return count
}

function speak(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}

interface Summary {
  kind: 'summary'
  before: number
  episodes: number
  closed: number
  other: number
  on: string
  nextChangedSince: string
  dateChanged: boolean
}

function sayEnd({ on, nextChangedSince, dateChanged }: Summary, { told, seconds }: Count): string {
  const warning = dateChanged
    ? 'The date is another one since then: run it once without --changed-since, as answers change with the date by themselves.\n'
    : ''
  return `${speak(told)} episodes as of ${on}, in ${seconds.toFixed(1)} s, ${speak(told / seconds)} a second. Next time: --changed-since ${nextChangedSince}\n${warning}`
}

interface Question {
  address: URL
  key: string
  patience: number
}

/** Asks, and asks again behind the last cursor, until the summary has come. */
async function readAll(
  { address, key, patience }: Question,
  output: Output,
  count: Count,
  err: Terminal['err'],
): Promise<Summary> {
  let attempts = 0
  for (let cursor: string | null = null; ; ) {
    const known: string | null = cursor
    try {
      if (cursor !== null) address.searchParams.set('cursor', cursor)
      const body = await ask(address, key)
      return await readLines(body, output, (next, told) => {
        cursor = next
        count.told = told
      })
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
      attempts = cursor === known ? attempts + 1 : 1
      if (attempts > mostAttempts) throw new GivenUp(`${error.message}, and ${mostAttempts} attempts to go on failed`)
      const wait = Math.min(Math.max(error.after, patience * 2 ** (attempts - 1)), longestWait)
      err.write(`${err.isTTY === true ? '\r' : ''}${error.message}: going on in ${(wait / 1000).toFixed(1)} s\n`)
      await delay(wait)
    }
  }
}

async function ask(address: URL, key: string): Promise<AsyncIterable<Uint8Array>> {
  const headers = { authorization: `Bearer ${key}`, accept: 'application/x-ndjson' }
  // No other address gets the key.
  const response = await fetch(address, { headers, redirect: 'error' }).catch((error: Error) => {
    throw new Interrupted(`${address.origin} cannot be reached (${reasonOf(error)})`)
  })
  if (response.status === 200 && response.body !== null) return response.body as AsyncIterable<Uint8Array>
  const text = await response.text().catch(() => '')
  const said = `the service answers ${response.status}: ${detailOf(text)}`
  if (response.status !== 429 && response.status < 502) throw new GivenUp(said)
  throw new Interrupted(said, millisecondsOf(response.headers.get('retry-after')))
}

/** How long to wait by `Retry-After`: seconds, or a moment. */
function millisecondsOf(text: string | null): number {
  if (text === null) return 0
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(wait) ? 0 : wait
}

function reasonOf(error: Error): string {
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}

function detailOf(text: string): string {
  try {
    const { detail } = JSON.parse(text)
    if (typeof detail === 'string') return detail
  } catch {
    // It is not the service that has answered.
  }
  return 'nothing that this command understands'
}

const cursorMark = Buffer.from('{"kind":"cursor",')
const newline = 0x0a

/**
 * Writes the lines as far as a cursor vouches for them: what comes behind the last one is read again when the connection
 * breaks. Cursors themselves are not written.
 */
async function readLines(
  body: AsyncIterable<Uint8Array>,
  output: Output,
  onCursor: (cursor: string, told: number) => void,
): Promise<Summary> {
  /** Whole lines that no cursor has vouched for, and the beginning of the next. */
  let held: Buffer[] = []
  let begun: Buffer = Buffer.alloc(0)
  try {
    for await (const bytes of body) {
      const read = Buffer.concat([begun, bytes])
      let lines = read.subarray(0, read.lastIndexOf(newline) + 1)
      begun = read.subarray(lines.length)
      for (let at = findCursor(lines); at !== null; at = findCursor(lines)) {
        const { cursor, lines: told } = JSON.parse(lines.toString('utf8', at.from, at.to))
        await output.write(Buffer.concat([...held, lines.subarray(0, at.from)]))
        held = []
        lines = lines.subarray(at.to + 1)
        onCursor(cursor, told)
      }
      if (lines.length > 0) held.push(lines)
    }
  } catch (error) {
    if (error instanceof GivenUp) throw error
    throw new Interrupted(`the connection broke (${reasonOf(error as Error)})`)
  }
  return readEnd(Buffer.concat([...held, begun]), output)
}

/** The first of these lines that is a cursor. */
function findCursor(lines: Buffer): { from: number; to: number } | null {
  let from = lines.indexOf(cursorMark)
  while (from > 0 && lines[from - 1] !== newline) from = lines.indexOf(cursorMark, from + 1)
  return from === -1 ? null : { from, to: lines.indexOf(newline, from) }
}

/** What comes behind the last cursor: the summary, or why there is none. */
async function readEnd(bytes: Buffer, output: Output): Promise<Summary> {
  const text = bytes.toString('utf8')
  const last = text.endsWith('\n') ? readLine(text.trimEnd().split('\n').at(-1) ?? '') : null
  if (last?.kind === 'summary') {
    await output.write(bytes)
    return last
  }
  if (last?.kind !== 'error') throw new Interrupted('the answer ended without its summary')
  const { status, detail } = last.problem ?? {}
  if (status === 503) throw new Interrupted(`the service broke off: ${detail}`)
  throw new GivenUp(`the service broke off: ${detail ?? 'it does not say why'}`)
}

function readLine(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    throw new GivenUp('what answers is not the service: it sends other lines')
  }
}
