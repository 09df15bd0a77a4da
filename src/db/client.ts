import { AsyncLocalStorage } from 'node:async_hooks'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { StartupError } from '../startup-error.ts'
import { describeDatabase, explainConnectionProblem } from './connection-problem.ts'
import { type AskTogether, createGather, type Gather } from './gather.ts'
import { type Prisma, PrismaClient } from './generated/client.ts'
import { WatchedPool } from './pool.ts'

export type Transaction = Prisma.TransactionClient

/** The role that the migrations make: it owns no table and is subject to row-level security. */
export const serviceRole = 'rehab_service'

/** What one request does, as far as its transactions must know of it. It goes with the calls that the request makes. */
export interface Act {
  /** The act only asks: its transactions can write nothing. */
  readOnly?: boolean
  /** Runs in every transaction of the act, after its work; what it throws rolls the work back. */
  beforeCommit?: (tx: Transaction, clinicId: string) => Promise<void>
  /** Called when nothing is left to do but to commit; what it throws rolls the work back. */
  beginCommit?: () => void
  /** Told the id or the code of what the act makes. */
  onMade?: (name: string) => void
  /** The one transaction that all of the act's work for the clinic is done in, while that is open. */
  whole?: { clinicId: string; tx: Transaction }
}

const acts = new AsyncLocalStorage<Act>()

/** Runs `work`, and whatever it sets going, as this act. */
export function runAs<Result>(act: Act, work: () => Result): Result {
  return acts.run(act, work)
}

/** Runs `work` as the act that goes on, or as one of its own, with this too. */
export function alsoInAct<Result>(more: Partial<Act>, work: () => Result): Result {
  return acts.run({ ...acts.getStore(), ...more }, work)
}

const uncertain = new WeakSet<object>()

/** Whether what failed with this error may be stored nevertheless, if the server has not said that it is not. */
export function failedInCommit(error: unknown): boolean {
  return typeof error === 'object' && error !== null && uncertain.has(error)
}

/**
 * Tells the act that is going on what it makes, before the transaction ends: its record names that. Of several things
 * the first counts, with which the others go.
 */
export function noteMade(name: string): void {
  acts.getStore()?.onMade?.(name)
}

export type Database = ReturnType<typeof openDatabase>

export interface DatabaseOptions {
  maxConnections?: number
  /** Left out: yes. A pooler that gives each transaction another connection may not carry them. */
  preparedStatements?: boolean
  /** After so many milliseconds without a word a connection counts as lost on which something short was asked. */
  longestSilence?: number
  /** Told when a connection that nobody is using breaks; the pool replaces it. */
  onIdleError?: (error: Error) => void
}

/** So many milliseconds a transaction takes at most. */
const longest = 10_000

/** So many milliseconds longer than a transaction may take, the database waits for the next word in it. */
const idleBeyond = 5000

/** Connects on first use. Every connection acts as the service's role, whoever it logs in as. */
export function openDatabase(
  url: string,
  {
    maxConnections = 10,
    preparedStatements = true,
    longestSilence = 15_000,
    onIdleError = () => {},
  }: DatabaseOptions = {},
) {
  const settings = {
    connectionString: actAsService(url),
    application_name: 'rehab-protocols',
    connectionTimeoutMillis: 10_000,
    types: { getTypeParser },
  }
  const pool = new WatchedPool({ ...settings, max: maxConnections })
  const probes = new pg.Pool({ ...settings, max: 1 })
  // Without a handler the end of an idle connection would be the end of the process.
  for (const one of [pool, probes]) {
    one.on('error', onIdleError)
    // Nor must the end of one be that somebody has just got, and has not used yet: the next statement tells of it.
    one.on('connect', (client) => client.on('error', () => {}))
  }
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool),
    log: [],
    errorFormat: 'minimal',
    transactionOptions: { maxWait: 10_000, timeout: longest },
  })

  const open = async <T>(clinicId: string, work: (tx: Transaction) => Promise<T>, timeout = longest): Promise<T> => {
    const act = acts.getStore()
    const readOnly = act?.readOnly === true
    let isCommitting = false
    try {
      return await prisma.$transaction(
        async (tx) => {
          const idle = `${timeout + idleBeyond}ms`
          if (readOnly) {
            await tx.$queryRaw`
              SELECT set_config('app.clinic_id', ${clinicId}, true), set_config('transaction_read_only', 'on', true),
                set_config('idle_in_transaction_session_timeout', ${idle}, true)`
          } else {
            await tx.$queryRaw`SELECT set_config('app.clinic_id', ${clinicId}, true),
              set_config('idle_in_transaction_session_timeout', ${idle}, true)`
          }
          const result = await work(tx)
          await act?.beforeCommit?.(tx, clinicId)
          act?.beginCommit?.()
          isCommitting = !readOnly
          return result
        },
        { timeout },
      )
    } catch (error) {
      if (isCommitting && typeof error === 'object' && error !== null) uncertain.add(error)
      throw error
    }
  }

  const gathers: Pick<Gather<never, unknown>, 'longestWait' | 'unanswered'>[] = []

  return {
    pool: pool as pg.Pool,
    /** How many wait for a connection, or for the answer to what they have asked together. */
    waiting: () => gathers.reduce((sum, { unanswered }) => sum + unanswered(), pool.waitingCount),
    /** Milliseconds that the first has waited of those who wait for a connection, or for the question before theirs. */
    longestWait: () => Math.max(pool.longestWait(), ...gathers.map(({ longestWait }) => longestWait())),
    /**
     * Runs a statement that is sent again and again, in a transaction of its own; the name says which it is. Each
     * connection prepares it once. Others may wait for its answer, so that a connection that is dead without having ended
     * is given up.
     */
    async ask<Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]): Promise<Row[]> {
      const question = { ...(preparedStatements && { name }), text, values, query_timeout: longestSilence }
      const { rows } = await pool.query<Row>(question)
      return rows
    },
    /** As `createGather`. */
    gather<Item, Answer>(ask: AskTogether<Item, Answer>): Gather<Item, Answer> {
      const gather = createGather(ask)
      gathers.push(gather)
      return gather
    },
    /** One connection for whoever asks whether the database answers, also while all others are taken. */
    probes,
    prisma,
    /**
     * Runs `work` in one transaction that sees and writes this clinic's rows and no others: as a step of the whole act's,
     * if it has one. What fails leaves nothing behind either way, also if the act goes on.
     */
    asClinic<T>(clinicId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
      const whole = acts.getStore()?.whole
      return whole?.clinicId === clinicId ? asStep(whole.tx, work) : open(clinicId, work)
    },
    /**
     * Runs `work` so that all that it does for the clinic, in however many steps, one after the other, is done in one
     * transaction, which may take so many milliseconds.
     */
    asWhole<T>(clinicId: string, work: (tx: Transaction) => Promise<T>, timeout = longest): Promise<T> {
      const whole = (tx: Transaction) => acts.run({ ...acts.getStore(), whole: { clinicId, tx } }, () => work(tx))
      return open(clinicId, whole, timeout)
    },
    async close(): Promise<void> {
      await prisma.$disconnect()
      await Promise.all([pool.end(), probes.end()])
    },
  }
}

/** Runs `work` in a transaction that is open already, and takes back what it has done if it fails. */
async function asStep<T>(tx: Transaction, work: (tx: Transaction) => Promise<T>): Promise<T> {
  await tx.$executeRaw`SAVEPOINT step`
  try {
    const result = await work(tx)
    await tx.$executeRaw`RELEASE SAVEPOINT step`
    return result
  } catch (error) {
    // Of a transaction that is over nothing is left to take back, and the error says why.
    await tx.$executeRaw`ROLLBACK TO SAVEPOINT step`.catch(() => {})
    throw error
  }
}

/** Refuses to start on a connection that row-level security does not bind. Throws StartupError. */
export async function assertServiceRole({ pool }: Pick<Database, 'pool'>): Promise<void> {
  const url = String(pool.options.connectionString)
  const where = describeDatabase(url)
  const user = decodeURIComponent(new URL(url).username)
  let row: { role: string; unbound: boolean; owner: boolean | null; timezone: string; unlimited: string[] } | undefined
  try {
    const result = await pool.query(
      `SELECT current_user AS role, rolsuper OR rolbypassrls AS unbound,
         (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('episode')) AS owner,
         current_setting('timezone') AS timezone,
         ARRAY(SELECT name FROM pg_settings WHERE setting = '0' AND name IN
           ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') ORDER BY name) AS unlimited
       FROM pg_roles WHERE rolname = current_user`,
    )
    row = result.rows[0]
  } catch (error) {
    if (!/\brole\b/.test(String(error))) throw explainConnectionProblem(url, error)
    throw new StartupError(
      `the user "${user}" may not act as ${serviceRole} in the database ${where}: migrate the database, then let the ` +
        `owner of its tables run GRANT ${serviceRole} TO "${user}"`,
      { cause: error },
    )
  }
  if (row === undefined || row.role !== serviceRole || row.unbound || row.owner !== false) {
    throw new StartupError(
      `in the database ${where} the service acts as "${row?.role}", whom row-level security would not bind: let ` +
        `${serviceRole} own nothing and bypass nothing, and migrate; behind a pooler, which drops the option "role", give ` +
        `the login that role itself (${bindLogin(user)[0]})`,
    )
  }
  if (row.timezone !== 'UTC' || row.unlimited.length > 0) {
    throw new StartupError(
      `in the database ${where} the settings of the service’s connections are lost, as a pooler loses them: give them to ` +
        `the login itself (${bindLogin(user).slice(1).join('; ')}), and let the pooler open its connections anew`,
    )
  }
}

/**
 * What a service that stands still or is gone holds in the database must not stop the others: a transaction in which
 * nothing comes any more ends by itself, and so does a connection whose other end is not there.
 */
const letGo = [
  `idle_in_transaction_session_timeout=${longest + idleBeyond}ms`,
  'tcp_keepalives_idle=30s',
  'tcp_keepalives_interval=10s',
  'tcp_keepalives_count=3',
  'tcp_user_timeout=30s',
]
  .map((setting) => `-c ${setting}`)
  .join(' ')

/** What must hold on a connection although a pooler drops its options: settings of the login itself, in SQL. */
export function bindLogin(login: string): string[] {
  const settings = [
    ['role', serviceRole],
    ['timezone', 'UTC'],
    ['statement_timeout', '30s'],
    ['lock_timeout', '5s'],
    ['idle_in_transaction_session_timeout', `${(longest + idleBeyond) / 1000}s`],
  ]
  return settings.map(([name, value]) => `ALTER ROLE ${pg.escapeIdentifier(login)} SET ${name} = '${value}'`)
}

/**
 * Defaults first, then what the address says, then what must be. In UTC because Prisma's adapter writes and reads a
 * timestamp with time zone without the zone, so that in another one every moment would be hours off.
 */
function actAsService(url: string): string {
  const address = new URL(url)
  const given = address.searchParams.get('options') ?? ''
  address.searchParams.set(
    'options',
    `-c statement_timeout=30s -c lock_timeout=5s ${letGo} ${given} -c timezone=UTC -c role=${serviceRole}`,
  )
  return address.href
}

/** A SQL date stays text: the driver would make it midnight in the machine's zone. Prisma has its own reading. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === pg.types.builtins.DATE ? (text: string) => text : pg.types.getTypeParser(oid, format)
}
