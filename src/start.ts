import { randomUUIDv7 } from 'node:crypto'
import { Session } from 'node:inspector/promises'
import { flushCompileCache } from 'node:module'
import closeWithGrace from 'close-with-grace'
import pino from 'pino'
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'
import { asOperator } from './db/operator.ts'
import { runAsOperator } from './features/audit/operator.ts'
import { createClinic } from './features/clinics/create-clinic.ts'
import { clinicIdOfKey, isHardToGuess, makeApiKey } from './http/auth.ts'
import { toInstantText } from './http/schemas.ts'
import { openServiceDatabase, type ServiceDatabase } from './open-service-database.ts'
import { StartupError } from './startup-error.ts'

const clock = (): Temporal.Instant => Temporal.Now.instant()

/** Starts the service: configuration, database, first clinic, HTTP; and sees to it that it ends in good order. */
async function start(): Promise<void> {
  const config = readConfig(process.env)
  const startupLog = {
    debug: () => {},
    info: (message: string) => process.stdout.write(`${message}\n`),
    warn: (message: string) => process.stderr.write(`${message}\n`),
  }
  const database = await openServiceDatabase(config, startupLog)
  try {
    const newKey = await ensureFirstClinic(database, config.bootstrapApiKey)
    const app = await buildApp({ config, db: database.db, clock, logTo: openLog() })
    closeWithGrace({ delay: 20_000, logger: app.log }, async ({ err }) => {
      if (err) app.log.error({ err }, 'the service ends because of an error')
      // A connection whose last request is answered while the server closes would be kept alive for a minute.
      const sweep = setInterval(() => app.server.closeIdleConnections(), 50)
      await app.close()
      clearInterval(sweep)
      await database.close()
    })
    database.crashed?.then((reason) => {
      app.log.fatal(`the database server ended by itself and does not start again: ${reason}`)
      process.exitCode = 1
      process.kill(process.pid, 'SIGTERM')
    })
    await app.ready()
    await giveBackMemory()
    const address = await listen(() => app.listen({ port: config.port, host: config.host }), config)
    process.stdout.write(greet(address, newKey, config.bootstrapApiKey !== null))
    // A service that is killed keeps it too.
    flushCompileCache()
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Standard output, written to when some lines have come together or they have waited for a moment, and at the end. */
function openLog(): ReturnType<typeof pino.destination> {
  const log = pino.destination({ dest: 1, sync: true, minLength: 4096, periodicFlush: 100 })
  process.on('exit', () => log.flushSync())
  return log
}

/** The start needs 80 MB more than the service does, which V8 would keep as long as the process runs. */
async function giveBackMemory(): Promise<void> {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.collectGarbage')
  session.disconnect()
}

/** Makes the first clinic if there is none; returns its key if it had to be made up. */
async function ensureFirstClinic({ db, ownerUrl }: ServiceDatabase, givenKey: string | null): Promise<string | null> {
  return asOperator(ownerUrl, async (hasClinic) => {
    if (hasClinic) return null
    // One that is in use goes on; a clinic is never made with it.
    if (givenKey !== null && !isHardToGuess(givenKey)) {
      throw new StartupError(
        'BOOTSTRAP_API_KEY can be guessed: the first clinic needs at least 32 random characters, as `openssl rand -base64 32` makes them',
      )
    }
    const id = givenKey === null ? randomUUIDv7() : clinicIdOfKey(givenKey)
    const apiKey = givenKey ?? makeApiKey(id)
    const clinic = {
      id,
      name: 'First clinic',
      timeZone: Temporal.Now.timeZoneId(),
      apiKey,
      now: toInstantText(clock()),
      nextId: () => randomUUIDv7(),
    }
    await runAsOperator('start', () => createClinic(db, clinic))
    return givenKey === null ? apiKey : null
  })
}

async function listen(open: () => Promise<string>, { port, host }: { port: number; host: string }): Promise<string> {
  try {
    return await open()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const fixes: Record<string, string> = {
      EADDRINUSE: `port ${port} on ${host} is in use: stop what uses it, or set PORT to another`,
      EACCES: `port ${port} on ${host} may not be used by this user: set PORT to one above 1023`,
      EADDRNOTAVAIL: `${host} is not an address of this machine: set HOST to one that is, or to 0.0.0.0`,
      ENOTFOUND: `${host} is not a known host name: set HOST to an address of this machine, or to 0.0.0.0`,
    }
    throw new StartupError((code && fixes[code]) ?? `cannot listen on ${host}, port ${port}: ${String(error)}`)
  }
}

function greet(address: string, newKey: string | null, keyWasGiven: boolean): string {
  const base = address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
  const key = newKey ?? (keyWasGiven ? '"$BOOTSTRAP_API_KEY"' : '<your API key>')
  const lines = [
    '',
    `Rehab protocols is listening on ${base}`,
    `Documentation: ${base}/docs`,
    ...(newKey === null ? [] : [`Administrator's API key, shown this once: ${newKey}`]),
    '',
    'A patient 50 days after an ACDF, and what they may do today:',
    `  npm run --silent example -- ${base} ${key}`,
    '',
  ]
  return `${lines.join('\n')}\n`
}

try {
  await start()
} catch (error) {
  // What the operator can mend is one clear line; anything else is a fault of ours and keeps its stack.
  const text = error instanceof StartupError ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`rehab-protocols cannot start: ${text}\n`)
  process.exit(1)
}
