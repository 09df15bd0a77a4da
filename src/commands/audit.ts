import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { readConfig } from '../config.ts'
import { describeDatabase, explainConnectionProblem } from '../db/connection-problem.ts'
import { pendingMigrations } from '../db/migrations.ts'
import { listClinics } from '../db/operator.ts'
import { type Anchor, readAnchor, type Verdict, verifyChain, writeAnchor } from '../features/audit/chain.ts'
import { inChain, settle } from '../features/audit/repository.ts'
import { toDatabaseProblem } from '../http/database-errors.ts'
import { uuid } from '../http/schemas.ts'
import { openOwnerDatabase } from '../open-owner-database.ts'
import { StartupError } from '../startup-error.ts'

const usage = `usage: npm run audit -- verify [clinic id] [--heads file]
       npm run audit -- heads [--out file]

verify walks the chain of every clinic, or of one, and names the first row that is altered, removed or put in. With --heads
it also tells a chain that was written anew or cut since the file was made. It ends with 1 if anything is wrong, and with 2 if it cannot be told.
heads prints the end of each clinic's chain, or writes it into a new file: keep it where whoever can change the database
cannot. Verify with the last heads before you take new ones.
It works on the same database as the service, which may be running, and changes nothing there: the same environment applies.`

const options = {
  heads: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

interface Chains {
  pool: pg.Pool
  /** The address with which the owner of the tables connects. */
  url: string
}

type Command = (chains: Chains) => Promise<boolean>

/** The operator's command. */
async function run(): Promise<void> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options })
  if (values.help === true) {
    process.stdout.write(`${usage}\n`)
    return
  }
  const command = readCommand(positionals, values)

  const config = readConfig(process.env)
  const log = { debug: () => {}, info: () => {}, warn: (message: string) => process.stderr.write(`${message}\n`) }
  const { url, close } = await openOwnerDatabase(config, log)
  const pool = new pg.Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 10_000 })
  pool.on('error', () => {})
  try {
    await refuseOtherSchema(pool, url)
    if (!(await command({ pool, url }))) process.exitCode = 1
  } finally {
    await pool.end()
    await close()
  }
}

/** What is to be judged is not changed before: nothing is migrated. */
async function refuseOtherSchema(pool: pg.Pool, url: string): Promise<void> {
  const pending = await pendingMigrations(pool).catch((error: unknown) => {
    throw explainConnectionProblem(url, error)
  })
  if (pending.length > 0) {
    throw new StartupError(
      `the database ${describeDatabase(url)} lacks the ${pending.length === 1 ? 'migration' : 'migrations'} ` +
        `${pending.join(', ')}: verify it with the version that made it, or start this version first, which migrates it`,
    )
  }
}

function readCommand(
  [command, clinic, ...rest]: string[],
  { heads: file, out }: { heads?: string | undefined; out?: string | undefined },
): Command {
  if (command === 'verify' && rest.length === 0 && out === undefined) {
    if (clinic !== undefined && !uuid.safeParse(clinic).success) throw new StartupError('the clinic id must be a UUID')
    const anchors = file === undefined ? [] : readAnchors(file)
    return (chains) => verify(chains, clinic?.toLowerCase() ?? null, anchors)
  }
  if (command === 'heads' && clinic === undefined && file === undefined) {
    if (out !== undefined && existsSync(out)) throw alreadyThere(out)
    return (chains) => heads(chains, out)
  }
  throw new StartupError(usage)
}

function readAnchors(file: string): Anchor[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new StartupError(`cannot read ${file}: ${(error as Error).message}`)
  }
  const anchors = text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line, index) => {
      const anchor = readAnchor(line)
      if (anchor === null) throw new StartupError(`${file}: line ${index + 1} is none that \`heads\` has written`)
      return anchor
    })
  if (anchors.length === 0) throw new StartupError(`${file} has no heads to compare with`)
  return anchors
}

async function verify({ pool, url }: Chains, only: string | null, anchors: Anchor[]): Promise<boolean> {
  const there = (await listClinics(url)).map(({ id }) => id)
  if (only !== null && !there.includes(only)) {
    throw new StartupError(`there is no clinic ${only}: npm run clinic -- list`)
  }
  // A clinic whose head was kept and that is not there any more has lost its chain.
  const known = new Set([...there, ...anchors.map(({ clinicId }) => clinicId)])
  let isWhole = true
  for (const clinicId of only === null ? known : [only]) {
    const kept = anchors.filter((anchor) => anchor.clinicId === clinicId)
    const { rows, fault }: Verdict = await inChain({ pool }, clinicId, (reader) => verifyChain(reader, kept)).catch(
      explainUnreadable,
    )
    if (fault !== null) isWhole = false
    const ofHeads = kept.length > 0 ? ', and as the heads that were kept' : '; no head of it was kept'
    const beside = anchors.length > 0 ? ofHeads : ''
    process.stdout.write(
      `${clinicId}  ${fault === null ? `${rows} rows, as they were written${beside}` : `WRONG: ${fault}`}\n`,
    )
  }
  return isWhole
}

/** What cannot be read is wrong, unless it is only the database that does not answer. */
function explainUnreadable(error: unknown): Verdict {
  if (!(error instanceof Error) || toDatabaseProblem(error)?.status === 503) throw error
  return { rows: 0, fault: `it cannot be read: ${error.message}` }
}

async function heads({ pool, url }: Chains, file: string | undefined): Promise<boolean> {
  const lines: string[] = []
  for (const { id } of await listClinics(url)) {
    const { head } = await inChain({ pool }, id, (reader) => reader.end())
    if (head !== null) lines.push(`${writeAnchor(head)}\n`)
  }
  // What is read of patients is not waited for on its way to the disk: a head that is kept must not be lost there.
  await settle({ pool })
  if (file === undefined) process.stdout.write(lines.join(''))
  else writeAnchors(file, lines.join(''))
  return true
}

/** Under its name only once it is whole and on disk, and in the place of nothing: older heads are not to be lost. */
function writeAnchors(file: string, text: string): void {
  const staging = `${file}.${process.pid}.partial`
  try {
    writeFileSync(staging, text, { flag: 'wx', flush: true })
    if (existsSync(file)) throw alreadyThere(file)
    renameSync(staging, file)
  } finally {
    rmSync(staging, { force: true })
  }
}

function alreadyThere(file: string): StartupError {
  return new StartupError(`${file} is there already, and heads replaces nothing: name another file, and keep both`)
}

try {
  await run()
} catch (error) {
  const known =
    error instanceof StartupError ||
    (error instanceof Error && 'code' in error && /^(ERR_PARSE_ARGS|E[A-Z]+$)/.test(String(error.code)))
  process.stderr.write(`${known || !(error instanceof Error) ? (error as Error).message : error.stack}\n`)
  process.exitCode = 2
}
