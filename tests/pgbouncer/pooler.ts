import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

/** Of `pgbouncer --version`; null if there is none. */
export function findVersion(): string | null {
  const { stdout } = spawnSync('pgbouncer', ['--version'], { encoding: 'utf8', env: withSbin() })
  return /^PgBouncer (\S+)/m.exec(stdout ?? '')?.[1] ?? null
}

export interface Pooler {
  /** The database's address, by way of the pooler. */
  url: string
  stop: () => Promise<void>
}

/**
 * PgBouncer in transaction mode on loopback, before the database of `url`, with so many connections to it. It carries no
 * prepared statements, also in a version that could.
 */
export async function startPooler(
  folder: string,
  url: string,
  { size, version }: { size: number; version: string },
): Promise<Pooler> {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const behind = new URL(url)
  const port = await findFreePort()
  const users = join(folder, 'users.txt')
  const settings = join(folder, 'pgbouncer.ini')
  const [user, password] = [behind.username, behind.password].map(decodeURIComponent)
  await writeFile(users, `"${user}" "${password}"\n`)
  await writeFile(
    settings,
    `[databases]
rehab = host=127.0.0.1 port=${behind.port} dbname=${behind.pathname.slice(1)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${size}
max_client_conn = 200
ignore_startup_parameters = options
${major > 1 || minor >= 21 ? 'max_prepared_statements = 0\n' : ''}`,
  )
  // It does not run as root.
  for (const file of [users, settings]) await chmod(file, 0o644)
  const args = process.getuid?.() === 0 ? ['--user=nobody', settings] : [settings]
  const child = spawn('pgbouncer', args, { env: withSbin(), stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr?.on('data', (chunk) => {
    log = `${log}${chunk}`.slice(-10_000)
  })
  behind.port = String(port)
  behind.pathname = '/rehab'
  await untilItAnswers(child, behind.href, () => log)
  return {
    url: behind.href,
    async stop() {
      if (child.exitCode !== null) return
      const ended = once(child, 'close')
      child.kill('SIGQUIT')
      await ended
    },
  }
}

async function untilItAnswers(child: ChildProcess, url: string, log: () => string): Promise<void> {
  for (const end = Date.now() + 10_000; ; await delay(50)) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('SELECT 1')
      return
    } catch (error) {
      if (child.exitCode !== null || Date.now() > end)
        throw new Error(`PgBouncer does not answer: ${log()}`, { cause: error })
    } finally {
      await client.end().catch(() => {})
    }
  }
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}

/** Debian has it where only root's path leads. */
function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }
}
