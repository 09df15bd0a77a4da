import { StartupError } from '../startup-error.ts'

/** `host:port/database`, for messages: never the user's password. */
export function describeDatabase(url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url)
  return `${searchParams.get('host') ?? hostname}:${port || searchParams.get('port') || '5432'}${decodeURIComponent(pathname)}`
}

/** What the operator can do about a database that the service cannot use. */
export function explainConnectionProblem(url: string, error: unknown): StartupError {
  return new StartupError(describe(url, error), { cause: error })
}

const remedy = 'correct DATABASE_URL (or MIGRATION_DATABASE_URL, if that is set)'

function describe(url: string, error: unknown): string {
  const where = describeDatabase(url)
  const user = decodeURIComponent(new URL(url).username)
  const code = codeOf(error)
  switch (code) {
    case '28P01':
    case '28000':
      return `the database ${where} does not let the user "${user}" in: ${remedy}`
    case '3D000':
      return `the database ${where} does not exist: create it, or ${remedy}`
    case '42501':
      return `the user "${user}" lacks a right in the database ${where} (${firstLine(error)}): grant it, or ${remedy}`
    case '53300':
      return `the database server of ${where} has no connection left: raise its max_connections or stop another client`
    case '57P03':
      return `the database server of ${where} is starting or stopping: try again when it accepts connections`
  }
  if (firstLine(error).includes('unsupported startup parameter')) {
    return `the pooler at ${where} refuses the options of a connection: let it ignore them (ignore_startup_parameters = options), and give the login in DATABASE_URL the settings that README.md lists`
  }
  if (isNetworkProblem(code, error)) {
    return `no database server answers at ${where} (${code ?? 'no answer in time'}): start it, or ${remedy}`
  }
  return `the database ${where} cannot be used (${firstLine(error)}): ${remedy}`
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

function isNetworkProblem(code: string | undefined, error: unknown): boolean {
  // Node's own faults (ERR_…), TLS among them, are not for want of an answer.
  return /^E(?!RR_)[A-Z_]+$/.test(code ?? '') || /timeout|terminated/i.test(firstLine(error))
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
