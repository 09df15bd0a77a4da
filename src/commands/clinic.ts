import { randomUUIDv7 } from 'node:crypto'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { readConfig } from '../config.ts'
import { requireCluster } from '../db/embedded-postgres.ts'
import { listClinics } from '../db/operator.ts'
import { findRunningPostgres } from '../db/running-postgres.ts'
import { issueKey, type KeyMaker, revokeKey } from '../features/api-keys/issue.ts'
import { type ApiKey, listApiKeys } from '../features/api-keys/repository.ts'
import { keyName } from '../features/api-keys/schemas.ts'
import { runAsOperator } from '../features/audit/operator.ts'
import { createClinic } from '../features/clinics/create-clinic.ts'
import { clinicName, timeZone as timeZoneSchema } from '../features/clinics/schemas.ts'
import { setSuspended } from '../features/clinics/suspend-clinic.ts'
import { roleNames } from '../http/access.ts'
import { makeApiKey } from '../http/auth.ts'
import { ProblemError } from '../http/problems.ts'
import { toInstantText, uuid } from '../http/schemas.ts'
import { openServiceDatabase, type ServiceDatabase } from '../open-service-database.ts'
import { StartupError } from '../startup-error.ts'

const usage = `usage: npm run clinic -- create "Name" [--time-zone America/New_York]
       npm run clinic -- list
       npm run clinic -- keys <clinic id>
       npm run clinic -- add-key <clinic id> "Name" [--role ${roleNames[0]}] [--days 90]
       npm run clinic -- revoke-key <clinic id> <key id>
       npm run clinic -- suspend <clinic id>
       npm run clinic -- resume <clinic id>

create makes a clinic, adopts the built-in library into it, and prints its administrator's API key, this once.
add-key makes a further key, for instance when the last administrator's is lost. The roles are ${roleNames.join(', ')}.
suspend lets nobody of the clinic in until resume; everything is kept.
What changes a clinic is on its record; list and keys only ask, and tell of no patient.
It works on the same database as the service, which may be running: the same environment applies.`

const options = {
  'time-zone': { type: 'string' },
  role: { type: 'string' },
  days: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

type Command = (database: ServiceDatabase) => Promise<string>

/** The operator's command. */
async function run(): Promise<void> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options })
  if (values.help === true) {
    process.stdout.write(`${usage}\n`)
    return
  }
  const command = readCommand(positionals, values)

  const config = readConfig(process.env)
  const running = config.databaseUrl === null ? await findRunningPostgres(config.dataDir) : null
  if (config.databaseUrl === null && positionals[0] !== 'create') await requireCluster(config.dataDir)
  const log = { debug: () => {}, info: () => {}, warn: (message: string) => process.stderr.write(`${message}\n`) }
  const database = await openServiceDatabase(config, log, running)
  try {
    const said = await runAsOperator(`clinic ${positionals[0]}`, () => command(database))
    process.stdout.write(`${said}\n`)
  } finally {
    await database.close()
  }
}

/** What is asked for, once everything about it that can be is checked. */
function readCommand([command, first, second, ...rest]: string[], values: Values): Command {
  const given = [first, second].filter((value) => value !== undefined).length
  const needs = (count: number, ...allowed: (keyof Values)[]): void => {
    const others = Object.keys(values).filter((name) => !allowed.includes(name as keyof Values))
    if (given !== count || rest.length > 0 || others.length > 0) throw new StartupError(usage)
  }
  switch (command) {
    case 'create': {
      needs(1, 'time-zone')
      const timeZone = values['time-zone'] ?? Temporal.Now.timeZoneId()
      const name = read('the name', clinicName, first)
      return create(name, read('--time-zone', timeZoneSchema, timeZone))
    }
    case 'list':
      needs(0)
      return list
    case 'keys':
      needs(1)
      return keys(read('the clinic id', uuid, first))
    case 'add-key': {
      needs(2, 'role', 'days')
      const role = read('--role', z.enum(roleNames), values.role ?? 'administrator')
      const days = read(
        '--days',
        z
          .string()
          .regex(/^[1-9]\d{0,3}$/, 'must be a number of days')
          .optional(),
        values.days,
      )
      return addKey(read('the clinic id', uuid, first), read('the name', keyName, second), role, days)
    }
    case 'revoke-key':
      needs(2)
      return revoke(read('the clinic id', uuid, first), read('the key id', uuid, second))
    case 'suspend':
    case 'resume':
      needs(1)
      return suspend(read('the clinic id', uuid, first), command === 'suspend')
    default:
      throw new StartupError(usage)
  }
}

function read<Value>(what: string, schema: z.ZodType<Value, unknown>, value: unknown): Value {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new StartupError(`${what} ${result.error.issues[0]?.message}`)
}

function create(name: string, timeZone: string): Command {
  return async ({ db }) => {
    const id = randomUUIDv7()
    const apiKey = makeApiKey(id)
    await createClinic(db, {
      id,
      name,
      timeZone,
      apiKey,
      now: toInstantText(Temporal.Now.instant()),
      nextId: () => randomUUIDv7(),
    })
    return `Clinic "${name}" (${id}, ${timeZone})\nAdministrator's API key, shown this once: ${apiKey}`
  }
}

async function list({ ownerUrl }: ServiceDatabase): Promise<string> {
  const clinics = await listClinics(ownerUrl)
  return clinics.map(({ id, name, suspended }) => `${id}  ${name}${suspended ? '  (suspended)' : ''}`).join('\n')
}

function keys(clinicId: string): Command {
  return async (database) => {
    await requireClinic(database, clinicId)
    const lines: string[] = []
    for (let before: string | null = null; ; ) {
      const page = await database.db.asClinic(clinicId, (tx) => listApiKeys(tx, clinicId, { before, take: 200 }))
      lines.push(...page.map(describeKey))
      before = page.at(-1)?.id ?? null
      if (page.length < 200) return lines.join('\n')
    }
  }
}

function describeKey({ id, name, role, expiresAt, revokedAt, lastUsedAt }: ApiKey): string {
  const end = revokedAt !== null ? `revoked ${revokedAt}` : expiresAt !== null ? `expires ${expiresAt}` : 'in force'
  return `${id}  ${name}  ${role}  ${end}  ${lastUsedAt === null ? 'never used' : `last used ${lastUsedAt}`}`
}

function addKey(clinicId: string, name: string, role: (typeof roleNames)[number], days: string | undefined): Command {
  return async (database) => {
    await requireClinic(database, clinicId)
    const maker = operator(clinicId)
    const end = days === undefined ? null : Temporal.Instant.from(maker.now).add({ hours: 24 * Number(days) })
    const expiresAt = end === null ? null : toInstantText(end)
    const made = await database.db.asClinic(clinicId, (tx) => issueKey(tx, maker, { name, role, expiresAt }))
    return `Key "${name}" (${made.id}, ${role})\nAPI key, shown this once: ${made.key}`
  }
}

function revoke(clinicId: string, id: string): Command {
  return async (database) => {
    await requireClinic(database, clinicId)
    const key = await database.db.asClinic(clinicId, (tx) => revokeKey(tx, operator(clinicId), id, undefined))
    return describeKey(key)
  }
}

function suspend(clinicId: string, isSuspended: boolean): Command {
  return async (database) => {
    const { name } = await requireClinic(database, clinicId)
    await database.db.asClinic(clinicId, (tx) => setSuspended(tx, operator(clinicId), isSuspended))
    return `Clinic "${name}" is ${isSuspended ? 'suspended: nobody gets in' : 'open again'}`
  }
}

async function requireClinic({ ownerUrl }: ServiceDatabase, id: string): Promise<{ name: string }> {
  const clinic = (await listClinics(ownerUrl)).find((candidate) => candidate.id === id)
  if (clinic !== undefined) return clinic
  throw new StartupError(`there is no clinic ${id}: npm run clinic -- list`)
}

/** Not an actor of the clinic: its history says "the operator". */
function operator(clinicId: string): KeyMaker {
  return {
    clinicId,
    actor: null,
    now: toInstantText(Temporal.Now.instant()),
    nextId: () => randomUUIDv7(),
  }
}

try {
  await run()
} catch (error) {
  const known =
    error instanceof StartupError ||
    error instanceof ProblemError ||
    (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  process.stderr.write(`${known || !(error instanceof Error) ? (error as Error).message : error.stack}\n`)
  process.exitCode = 1
}
