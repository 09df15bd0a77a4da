import { failedInCommit } from '../db/client.ts'
import { TooManyWaiting } from '../db/gather.ts'
import { ProblemError } from './problems.ts'

// Recognised by their shape, because Prisma's and pg's types stop in src/db and the repositories.

interface Trouble {
  /** What the driver's adapter calls it, if the server said nothing. */
  kind: string | null
  /** SQLSTATE, if the server said one. */
  sqlState: string | null
  /** Prisma's or Node's own code. */
  code: string | null
  message: string
  table: string | null
  constraint: string | null
}

/** The problem that a database error means for the caller, or null when it is a fault of ours or none of the database's. */
export function toDatabaseProblem(error: unknown): ProblemError | null {
  if (error instanceof TooManyWaiting) {
    return new ProblemError('SERVICE_UNAVAILABLE', 'the service has too much to do now: try again', {
      headers: { 'retry-after': '2' },
    })
  }
  const trouble = readTrouble(error)
  if (trouble === null) return null
  const kind = kindOf(trouble)
  switch (kind) {
    case 'unavailable':
      return new ProblemError(
        'SERVICE_UNAVAILABLE',
        failedInCommit(error)
          ? 'the database went away while it stored this, which may have been done: look, or send it again with the same `Idempotency-Key` if it has one'
          : 'the database does not answer now: try again',
        { headers: { 'retry-after': '2' }, cause: error },
      )
    case 'busy':
      return new ProblemError('SERVICE_UNAVAILABLE', 'the service has too much to do now: try again', {
        headers: { 'retry-after': '1' },
        cause: error,
      })
    case 'duplicate':
      return new ProblemError('ALREADY_EXISTS', describeDuplicate(trouble), { cause: error })
    case 'in-use':
      return new ProblemError('IN_USE', 'something else still refers to it, or it may not be changed any more', {
        cause: error,
      })
    case 'dangling':
      return new ProblemError('CONFLICT', 'the request refers to something that does not exist any more', {
        cause: error,
      })
    case 'gone':
      return new ProblemError('RESOURCE_NOT_FOUND', 'it was deleted or changed by another request meanwhile', {
        cause: error,
      })
    case 'unstorable':
      return new ProblemError(
        'VALIDATION_FAILED',
        'a value cannot be stored: a text with a character that is not allowed or too long, or a number out of range',
        { cause: error },
      )
    case null:
      return null
  }
}

/** Whether somebody else held for too long what was to be locked. */
export function isLockTimeout(error: unknown): boolean {
  return readTrouble(error)?.sqlState === '55P03'
}

type Kind = 'unavailable' | 'busy' | 'duplicate' | 'in-use' | 'dangling' | 'gone' | 'unstorable'

function kindOf({ kind, sqlState, code, message }: Trouble): Kind | null {
  if (sqlState !== null) {
    // 08 connection, 57P01 to 57P05 shutting down, starting or ended, 25006 a standby or one that was made read-only,
    // 28 and 3D a server that lets the service in no more
    if (/^(08|28|3D)|^57P0[1-5]$|^25006$/.test(sqlState)) return 'unavailable'
    // 40 a lost race that can be run again, 53 out of resources, 55P03 lock timeout, 57014 statement timeout
    if (/^(40|53)/.test(sqlState) || ['55P03', '57014', '25P03', '25P04'].includes(sqlState)) return 'busy'
    if (sqlState === '23505') return 'duplicate'
    if (sqlState === '23001') return 'in-use'
    if (sqlState === '23503') return /^insert or update/.test(message) ? 'dangling' : 'in-use'
    if (['22001', '22003', '22007', '22008', '22021', '22P02', '22P05'].includes(sqlState)) return 'unstorable'
    return null
  }
  // Of a raw query Prisma says no more than that it failed.
  if (kind !== null && lostConnections.includes(kind)) return 'unavailable'
  switch (code) {
    case 'P1001':
    case 'P1002':
    case 'P1008':
    case 'P1017':
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ENOTFOUND':
    case 'EPIPE':
    case 'ETIMEDOUT':
      return 'unavailable'
    case 'P2024':
    case 'P2028':
    case 'P2034':
    case 'P2037':
      return 'busy'
    case 'P2002':
      return 'duplicate'
    case 'P2003':
      return 'dangling'
    case 'P2014':
      return 'in-use'
    case 'P2025':
      return 'gone'
    case 'P2000':
    case 'P2020':
      return 'unstorable'
  }
  // pg has no code for these.
  if (
    /^timeout exceeded when trying to connect|^Connection terminated|^Client has encountered a connection error|^Query read timeout/.test(
      message,
    )
  ) {
    return /due to connection timeout|timeout exceeded/.test(message) ? 'busy' : 'unavailable'
  }
  return null
}

const lostConnections = ['ConnectionClosed', 'DatabaseNotReachable', 'SocketTimeout', 'TransactionAlreadyClosed']

function readTrouble(error: unknown): Trouble | null {
  // Not `instanceof`: in a test, Node's own errors come from another realm.
  if (!Error.isError(error)) return null
  const outer = membersOf(error)
  // Prisma hides the server's words in meta.driverAdapterError.cause; an adapter's error has them in its cause.
  const adapterError = membersOf(membersOf(outer.meta).driverAdapterError)
  const inner = membersOf(adapterError.cause ?? (error.name === 'DriverAdapterError' ? outer.cause : undefined))
  const own = textOf(outer.code)
  const fromServer = textOf(outer.severity) !== null ? own : (textOf(inner.originalCode) ?? textOf(inner.code))
  return {
    kind: textOf(inner.kind),
    sqlState: fromServer !== null && /^[0-9A-Z]{5}$/.test(fromServer) ? fromServer : null,
    code: own,
    message: textOf(inner.originalMessage) ?? textOf(inner.message) ?? error.message,
    table: textOf(outer.table) ?? textOf(inner.table),
    constraint: textOf(outer.constraint) ?? textOf(membersOf(inner.constraint).index),
  }
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** Names the fields from the index `<table>_clinic_id_<fields>_key`, as Prisma calls it. */
function describeDuplicate({ table, constraint }: Trouble): string {
  const prefix = `${table}_clinic_id_`
  if (table === null || constraint === null || !constraint.startsWith(prefix) || !constraint.endsWith('_key')) {
    return 'another one like it exists already'
  }
  const fields = constraint.slice(prefix.length, -'_key'.length).replaceAll('_', ' ')
  return `there is already one with the same ${fields}`
}
