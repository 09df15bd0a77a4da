import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { listClinics } from '../db/operator.ts'
import { findRunningPostgres } from '../db/running-postgres.ts'
import { type Anchor, readAnchor, type Verdict, verifyChain, writeAnchor } from '../features/audit/chain.ts'
import { inChain, settle } from '../features/audit/repository.ts'
import { uuid } from '../http/schemas.ts'
import { openServiceDatabase, type ServiceDatabase } from '../open-service-database.ts'
import { StartupError } from '../startup-error.ts'

const usage = `usage: npm run audit -- verify [clinic id] [--heads file]
       npm run audit -- heads [--out file]

verify walks the chain of every clinic, or of one, and names the first row that is altered, removed or put in. With --heads
it also tells a chain that was written anew or cut since the file was made. It ends with 1 if anything is wrong, and with 2 if it cannot be told.
heads prints the end of each clinic's chain: keep it where whoever can change the database cannot.
It works on the same database as the service, which may be running: the same environment applies.`

const options = {
  heads: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

type Command = (database: ServiceDatabase) => Promise<boolean>

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
  const log = { debug: () => {}, info: () => {}, warn: (message: string) => process.stderr.write(`${message}\n`) }
  const database = await openServiceDatabase(config, log, running)
  try {
    if (!(await command(database))) process.exitCode = 1
  } finally {
    await database.close()
  }
}

function readCommand(
  [command, clinic, ...rest]: string[],
  { heads: file, out }: { heads?: string | undefined; out?: string | undefined },
): Command {
  if (command === 'verify' && rest.length === 0 && out === undefined) {
    if (clinic !== undefined && !uuid.safeParse(clinic).success) throw new StartupError('the clinic id must be a UUID')
    const anchors = file === undefined ? [] : readAnchors(file)
    return (database) => verify(database, clinic?.toLowerCase() ?? null, anchors)
  }
  if (command === 'heads' && clinic === undefined && file === undefined) return (database) => heads(database, out)
  throw new StartupError(usage)
}

function readAnchors(file: string): Anchor[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new StartupError(`cannot read ${file}: ${(error as Error).message}`)
  }
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line, index) => {
      const anchor = readAnchor(line)
      if (anchor === null) throw new StartupError(`${file}: line ${index + 1} is none that \`heads\` has written`)
      return anchor
    })
}

async function verify({ db, ownerUrl }: ServiceDatabase, only: string | null, anchors: Anchor[]): Promise<boolean> {
  const there = (await listClinics(ownerUrl)).map(({ id }) => id)
  if (only !== null && !there.includes(only)) {
    throw new StartupError(`there is no clinic ${only}: npm run clinic -- list`)
  }
  // A clinic whose head was kept and that is not there any more has lost its chain.
  const known = new Set([...there, ...anchors.map(({ clinicId }) => clinicId)])
  let isWhole = true
  for (const clinicId of only === null ? known : [only]) {
    const kept = anchors.filter((anchor) => anchor.clinicId === clinicId)
    const { rows, fault }: Verdict = await inChain(db, clinicId, (reader) => verifyChain(reader, kept))
    if (fault !== null) isWhole = false
    const beside = kept.length > 0 ? ', and as the heads that were kept' : ''
    process.stdout.write(
      `${clinicId}  ${fault === null ? `${rows} rows, as they were written${beside}` : `WRONG: ${fault}`}\n`,
    )
  }
  return isWhole
}

async function heads({ db, ownerUrl }: ServiceDatabase, file: string | undefined): Promise<boolean> {
  const lines: string[] = []
  for (const { id } of await listClinics(ownerUrl)) {
    const { head } = await inChain(db, id, (reader) => reader.end())
    if (head !== null) lines.push(`${writeAnchor(head)}\n`)
  }
  // What is read of patients is not waited for on its way to the disk: a head that is kept must not be lost there.
  await settle(db)
  if (file === undefined) process.stdout.write(lines.join(''))
  else writeFileSync(file, lines.join(''))
  return true
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
