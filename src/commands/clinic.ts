import { randomUUIDv7 } from 'node:crypto'
import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { findRunningPostgres } from '../db/running-postgres.ts'
import { createClinic } from '../features/clinics/create-clinic.ts'
import { clinicName, timeZone as timeZoneSchema } from '../features/clinics/schemas.ts'
import { makeApiKey } from '../http/auth.ts'
import { toInstantText } from '../http/schemas.ts'
import { openServiceDatabase } from '../open-service-database.ts'
import { StartupError } from '../startup-error.ts'

const usage = `usage: npm run clinic -- create "Name" [--time-zone America/New_York]

Makes a clinic, adopts the built-in library into it, and prints its administrator's API key, this once.
It works on the same database as the service, which may be running: the same environment applies.`

/** The operator's command: makes a clinic. */
async function run(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'time-zone': { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help === true) {
    process.stdout.write(`${usage}\n`)
    return
  }
  const [command, name, ...rest] = positionals
  if (command !== 'create' || name === undefined || rest.length > 0) throw new StartupError(usage)
  const timeZone = values['time-zone'] ?? Temporal.Now.timeZoneId()
  for (const [what, schema, value] of [
    ['the name', clinicName, name],
    ['--time-zone', timeZoneSchema, timeZone],
  ] as const) {
    const message = schema.safeParse(value).error?.issues[0]?.message
    if (message !== undefined) throw new StartupError(`${what} ${message}`)
  }

  const config = readConfig(process.env)
  const running = config.databaseUrl === null ? await findRunningPostgres(config.dataDir) : null
  const log = { debug: () => {}, info: () => {}, warn: (message: string) => process.stderr.write(`${message}\n`) }
  const database = await openServiceDatabase(config, log, running)
  try {
    const id = randomUUIDv7()
    const apiKey = makeApiKey(id)
    await createClinic(database.db, {
      id,
      name: clinicName.parse(name),
      timeZone,
      apiKey,
      now: toInstantText(Temporal.Now.instant()),
      nextId: () => randomUUIDv7(),
    })
    process.stdout.write(`Clinic "${name}" (${id}, ${timeZone})\nAdministrator's API key, shown this once: ${apiKey}\n`)
  } finally {
    await database.close()
  }
}

try {
  await run()
} catch (error) {
  const known =
    error instanceof StartupError ||
    (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  process.stderr.write(`${known || !(error instanceof Error) ? (error as Error).message : error.stack}\n`)
  process.exitCode = 1
}
