import { isIP } from 'node:net'
import { z } from 'zod'
import { roleNames } from './http/access.ts'
import type { TokenIssuer } from './http/access-tokens.ts'
import type { RateLimits } from './http/rate-limits.ts'
import { StartupError } from './startup-error.ts'

/** Names every setting that is wrong, one line each, with what to write instead; never a value, which may be secret. */
export class ConfigError extends StartupError {
  override name = 'ConfigError'
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*\.?$/i

/** Asymmetric ones: with a shared secret everybody who can check a token could make one. */
const tokenAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

const claim = z.string().min(1).max(200)

/** An identity provider, as the operator writes it. */
const tokenIssuer = z
  .strictObject({
    issuer: z.string().refine(isSafeUrl),
    audience: z.string().min(1).max(500),
    jwksUrl: z.string().refine(isSafeUrl),
    algorithms: z.array(z.enum(tokenAlgorithms)).min(1).default(['RS256', 'PS256', 'ES256', 'EdDSA']),
    clockSkewSeconds: z.int().min(0).max(300).default(30),
    keyCooldownSeconds: z.int().min(0).max(3600).default(30),
    clinics: z.union([z.literal('any'), z.array(z.uuid().toLowerCase()).min(1)]),
    clinicClaim: claim.optional(),
    roleClaim: z.union([claim, z.array(claim).min(1).max(5)]).default('role'),
    roles: z.record(claim, z.enum(roleNames)).optional(),
    scopeClaim: claim.optional(),
    requiredClaims: z.array(claim).max(10).default([]),
    tokenType: z.literal('at+jwt').optional(),
  })
  .refine(({ clinics, clinicClaim }) => clinicClaim !== undefined || (clinics !== 'any' && clinics.length === 1), {
    path: ['clinicClaim'],
  })
  .transform(
    (given): TokenIssuer => ({
      ...given,
      clinics: given.clinics === 'any' ? null : given.clinics,
      clinicClaim: given.clinicClaim ?? null,
      roleClaim: [given.roleClaim].flat(),
      roles: given.roles ?? null,
      scopeClaim: given.scopeClaim ?? null,
      tokenType: given.tokenType ?? null,
    }),
  )

/** Enough for a load test. */
const mostRequests = 1_000_000

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
  PREPARED_STATEMENTS: z
    .enum(['on', 'off'])
    .default('on')
    .describe('on, or off for a pooler that gives each transaction another connection and does not carry them'),
  BOOTSTRAP_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{16,200}$/)
    .optional()
    .describe('16 to 200 visible ASCII characters without spaces; for a new clinic made by `openssl rand -base64 32`'),
  PUBLIC_URL: z
    .string()
    .refine((text) => isSafeUrl(text) && URL.parse(text)?.pathname === '/' && URL.parse(text)?.search === '')
    .transform((text) => text.replace(/\/$/, ''))
    .optional()
    .describe(
      'the address by which clients reach the service, without a path: https://rehab.clinic.example (http only on this machine)',
    ),
  OIDC_ISSUERS: z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' })
        return z.NEVER
      }
    })
    .pipe(
      z
        .array(tokenIssuer)
        .max(20)
        .refine((issuers) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length),
    )
    .optional()
    .describe(
      'a JSON list of identity providers, each with `issuer`, `audience`, `jwksUrl` (https, or http on this machine), ' +
        '`clinics` (a list of clinic ids, or "any") and, unless that is one clinic, `clinicClaim`; and if need be ' +
        '`algorithms` (asymmetric ones), `clockSkewSeconds`, `keyCooldownSeconds`, `roleClaim`, `roles`, `scopeClaim`, ' +
        '`requiredClaims` and `tokenType` ("at+jwt")',
    ),
  TRUSTED_PROXIES: z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(z.string().refine(isNetwork)).max(100))
    .optional()
    .describe(
      'the addresses or networks of the proxies in front of the service, with commas between them, for instance 10.0.0.0/8',
    ),
  RATE_LIMIT_PER_ACTOR: wholeNumber(1, mostRequests, 6000).describe(
    `the requests that one actor may send in a minute, from 1 to ${mostRequests}`,
  ),
  RATE_LIMIT_PER_ADDRESS: wholeNumber(1, mostRequests, 12_000).describe(
    `the requests that may come from one address in a minute, from 1 to ${mostRequests}`,
  ),
  MAX_CONNECTIONS: wholeNumber(1, 100_000, 2000).describe('the connections that may be open at once, from 1 to 100000'),
  MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 100_000, 500).describe(
    'the connections that may be open at once from one address that is no trusted proxy, from 1 to 100000',
  ),
  MAX_EVENT_LOOP_DELAY: wholeNumber(50, 60_000, 1000).describe(
    'the milliseconds, from 50 to 60000, that work may wait for the processor before requests are refused',
  ),
  KEPT_ANSWERS_MB: wholeNumber(0, 100_000, 75).describe(
    'the megabytes of memory, from 0 to 100000, in which answers are kept until a record changes',
  ),
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
  preparedStatements: boolean
  bootstrapApiKey: string | null
  /** Where clients reach the service, without a slash at the end. */
  publicUrl: string
  /** Whose access tokens are taken. */
  tokenIssuers: readonly TokenIssuer[]
  /** Addresses and networks whose word about where a request comes from is taken. */
  trustedProxies: readonly string[]
  rateLimits: RateLimits
  maxConnections: number
  /** Of one IPv4 address or one IPv6 network of 64 bits. */
  maxConnectionsPerAddress: number
  /** Milliseconds. */
  maxEventLoopDelay: number
  /** Of answers, in memory. */
  mostKeptBytes: number
  logLevel: (typeof logLevels)[number]
}

/** Reads the settings; an empty one counts as absent. Throws ConfigError. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const result = environment.safeParse(given)
  const bad = new Set(result.error?.issues.map((issue) => issue.path[0] as Key))
  const complaints = [...bad].map((key) => {
    const places = result.error?.issues.filter(({ path }) => path[0] === key && path.length > 1) ?? []
    const where = [...new Set(places.map(({ path }) => `/${path.slice(1).join('/')}`))]
    return `${key} must be ${environment.shape[key].description}${where.length > 0 ? `; look at ${where.join(', ')}` : ''}`
  })
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
    preparedStatements: data.PREPARED_STATEMENTS === 'on',
    bootstrapApiKey: data.BOOTSTRAP_API_KEY ?? null,
    publicUrl: data.PUBLIC_URL ?? localUrl(data.HOST, data.PORT),
    tokenIssuers: data.OIDC_ISSUERS ?? [],
    trustedProxies: data.TRUSTED_PROXIES ?? [],
    rateLimits: { perActor: data.RATE_LIMIT_PER_ACTOR, perAddress: data.RATE_LIMIT_PER_ADDRESS },
    maxConnections: data.MAX_CONNECTIONS,
    maxConnectionsPerAddress: data.MAX_CONNECTIONS_PER_ADDRESS,
    maxEventLoopDelay: data.MAX_EVENT_LOOP_DELAY,
    mostKeptBytes: data.KEPT_ANSWERS_MB * 1_000_000,
    logLevel: data.LOG_LEVEL,
  }
}

function wholeNumber(least: number, most: number, usual: number) {
  return z
    .string()
    .regex(/^\d{1,7}$/)
    .transform(Number)
    .pipe(z.int().min(least).max(most))
    .default(usual)
}

/** An address, or a network in CIDR notation, but never every address. */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128))
  )
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

/** How this machine reaches the service, whichever address it listens on. */
function localUrl(host: string, port: number): string {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${isIP(local) === 6 ? `[${local}]` : local}:${port}`
}

/** Encrypted or on this machine: whoever can change what comes from there could let themselves in. */
function isSafeUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false
  const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)
}
