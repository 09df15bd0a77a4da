import { isIP } from 'node:net'
import { z } from 'zod'
import { StartupError } from './startup-error.ts'

/** Names every setting that is wrong, one line each, with what to write instead; never a value, which may be secret. */
export class ConfigError extends StartupError {
  override name = 'ConfigError'
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*\.?$/i

/** The environment. Each description completes "KEY must be …". */
const environment = z.object({
  PORT: z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .pipe(z.int().min(0).max(65_535))
    .default(3000)
    .describe('a port number from 0 to 65535, for instance 3000 (0 takes any free port)'),
  HOST: z
    .string()
    .refine((host) => isIP(host) !== 0 || (hostName.test(host) && !/^[\d.]+$/.test(host)))
    .default('127.0.0.1')
    .describe('an address of this machine to listen on, for instance 127.0.0.1, or 0.0.0.0 for every network'),
  DATA_DIR: z.string().min(1).default('./data').describe('a folder, for instance ./data'),
  DATABASE_URL: z
    .string()
    .refine(isPostgresUrl)
    .optional()
    .describe(
      'the address of a PostgreSQL database, postgresql://user:password@host:5432/database, ' +
        'with special characters percent-encoded',
    ),
  MIGRATION_DATABASE_URL: z
    .string()
    .refine(isPostgresUrl)
    .optional()
    .describe(
      'the address of the same database with the user who owns its tables, ' +
        'postgresql://owner:password@host:5432/database, with special characters percent-encoded',
    ),
  BOOTSTRAP_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{16,200}$/)
    .optional()
    .describe('16 to 200 visible ASCII characters without spaces'),
  LOG_LEVEL: z
    .enum(logLevels)
    .default('info')
    .describe(`one of ${logLevels.join(', ')}`),
})

type Key = keyof typeof environment.shape

export interface Config {
  port: number
  host: string
  dataDir: string
  /** null: the embedded server in `dataDir`. */
  databaseUrl: string | null
  /** The owner's address of the same database; null: `databaseUrl` is the owner's too. */
  migrationDatabaseUrl: string | null
  bootstrapApiKey: string | null
  logLevel: (typeof logLevels)[number]
}

/** Reads the settings; an empty one counts as absent. Throws ConfigError. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const result = environment.safeParse(given)
  const bad = new Set(result.error?.issues.map((issue) => issue.path[0] as Key))
  const complaints = [...bad].map((key) => `${key} must be ${environment.shape[key].description}`)
  if (given.MIGRATION_DATABASE_URL !== undefined && given.DATABASE_URL === undefined) {
    complaints.push(
      'DATABASE_URL must be set when MIGRATION_DATABASE_URL is set; or set neither, for the embedded server',
    )
  }
  if (!result.success || complaints.length > 0) {
    throw new ConfigError(['the environment cannot be used:', ...complaints].join('\n  '))
  }
  const { data } = result
  return {
    port: data.PORT,
    host: data.HOST,
    dataDir: data.DATA_DIR,
    databaseUrl: data.DATABASE_URL ?? null,
    migrationDatabaseUrl: data.MIGRATION_DATABASE_URL ?? null,
    bootstrapApiKey: data.BOOTSTRAP_API_KEY ?? null,
    logLevel: data.LOG_LEVEL,
  }
}

/** Host, database name and readable escapes, so that the driver cannot fall back to another database or throw late. */
function isPostgresUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) return false
  try {
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part)
  } catch {
    return false
  }
  return (url.hostname !== '' || url.searchParams.has('host')) && url.pathname.length > 1
}
