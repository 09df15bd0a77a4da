/** `npm run test:pgbouncer`: two processes of the service behind PgBouncer in transaction mode. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.ts'
import { migrate } from '../../src/db/migrations.ts'
import { checkHolds, checkKeys, checkRetries, checkVersions, clientOf, liveThroughDay } from '../service/replicas.ts'
import { runCommand, startArgs, startService } from '../service/running-service.ts'
import { findVersion, startPooler } from './pooler.ts'

const patients = Number(process.argv[2] ?? 200)
/** Fewer than either process opens, so that transactions of both processes and both clinics share each. */
const poolSize = 4
const atOnce = 16

const quiet = { debug() {}, info() {}, warn() {} }
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const stateOfSession = `SELECT pg_backend_pid() AS pid, current_user AS who, COALESCE(current_setting('app.clinic_id', true), '') AS clinic,
  current_setting('transaction_read_only') AS writes, current_setting('synchronous_commit') AS commits, current_setting('timezone') AS timezone,
  concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'),
    current_setting('idle_in_transaction_session_timeout')) AS limits,
  (SELECT count(*)::int FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory') AS locks,
  (SELECT count(*)::int FROM pg_prepared_statements WHERE name <> '') AS prepared,
  (SELECT count(*)::int FROM episode) AS visible`

const version = findVersion()
if (version === null) {
  process.stderr.write(
    'there is no pgbouncer on the PATH: install it (Debian: apt-get install pgbouncer, Fedora: dnf install pgbouncer, macOS: brew install pgbouncer)\n',
  )
  process.exit(2)
}
say(`PgBouncer ${version}, ${poolSize} connections to PostgreSQL, 2 processes of the service`)

const folder = await mkdtemp(join(tmpdir(), 'rehab-pgbouncer-'))
await chmod(folder, 0o755)
const server = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: quiet })
const closing: (() => Promise<unknown>)[] = []
const owner = new pg.Client({ connectionString: server.url })
try {
  await migrate({ url: server.url, log: quiet })
  await owner.connect()
  const login = new URL(server.url)
  login.username = 'rehab_pooled'
  login.password = randomBytes(18).toString('base64url')
  const [make = '', ...settings] = await readLoginOfReadme()
  await owner.query(make.replace("'…'", pg.escapeLiteral(login.password)))
  const pooler = await startPooler(folder, login.href, { size: poolSize, version })
  closing.unshift(pooler.stop)

  await step('a login without the settings is refused, and so is the owner behind the pooler', async () => {
    const start = (env: Record<string, string>) =>
      runCommand(startArgs, { PORT: '0', DATABASE_URL: pooler.url, ...env })
    const unbound = await start({ MIGRATION_DATABASE_URL: server.url })
    assert.match(unbound.output, /ALTER ROLE "rehab_pooled" SET role = 'rehab_service'/)
    assert.equal(unbound.code, 1)
    await owner.query(settings[0] ?? '')
    await closeServerConnections()
    const halfBound = await start({ MIGRATION_DATABASE_URL: server.url })
    assert.match(halfBound.output, /ALTER ROLE "rehab_pooled" SET timezone = 'UTC'/)
    assert.equal(halfBound.code, 1)
    for (const statement of settings.slice(1)) await owner.query(statement)
    await closeServerConnections()
    const behind = await start({})
    assert.match(behind.output, /behind a pooler/)
    assert.equal(behind.code, 1)
  })

  await step('named statements are refused unless the pooler carries them', async () => {
    const { code, output } = await runCommand(startArgs, {
      PORT: '0',
      DATABASE_URL: pooler.url,
      MIGRATION_DATABASE_URL: server.url,
    })
    assert.match(output, /set PREPARED_STATEMENTS=off/)
    assert.equal(code, 1)
    // With the statement that was tried.
    await closeServerConnections()
  })

  const key = randomBytes(32).toString('base64')
  const env = {
    DATABASE_URL: pooler.url,
    MIGRATION_DATABASE_URL: server.url,
    BOOTSTRAP_API_KEY: key,
    PREPARED_STATEMENTS: 'off',
  }
  const one = await startService(env)
  closing.unshift(() => one.end('SIGTERM'))
  const other = await startService(env)
  closing.unshift(() => other.end('SIGTERM'))
  const pair = [one.address, other.address] as const
  const created = await runCommand(['src/commands/clinic.ts', 'create', 'Second clinic'], env)
  const secondKey = /shown this once: (\S+)/.exec(created.output)?.[1] ?? ''

  await step('keys, revocations, retries, holds and versions of one process are the other’s', async () => {
    await checkKeys(pair, key)
    await checkRetries(pair, key)
    await checkHolds(pair, key, 10)
    await checkVersions(pair, key)
  })

  await step(`a day of two clinics, ${patients} patients each, ${2 * atOnce} requests at once`, async () => {
    const days = await Promise.all([
      liveThroughDay(pair, key, patients, atOnce),
      liveThroughDay([pair[1], pair[0]], secondKey, patients, atOnce),
    ])
    const clients = [clientOf(one.address, key), clientOf(other.address, secondKey)]
    for (const [at, { answers }] of days.entries()) {
      assert.equal(answers.size, patients)
      const stranger = clients[1 - at]
      for (const episode of answers.keys()) {
        assert.equal((await stranger?.('GET', `/episodes/${episode}/permitted-exercises`))?.status, 404)
      }
    }
    // What was answered is what a process says that connects to the server itself.
    const direct = await startService({ DATABASE_URL: server.url })
    try {
      for (const [at, { answers }] of days.entries()) {
        for (const [episode, knownAt] of [...answers].slice(0, 50)) {
          const question = `/episodes/${episode}/permitted-exercises?knownAt=${knownAt}`
          const here = await clients[at]?.('GET', question)
          const there = await clientOf(direct.address, at === 0 ? key : secondKey)('GET', question)
          assert.equal(here?.status, 200)
          assert.equal(here?.text, there.text)
        }
      }
    } finally {
      await direct.end('SIGTERM')
    }
  })

  await step('nothing sticks to a connection of the server', async () => {
    const { rows } = await owner.query<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE usename = $1', [
      'rehab_pooled',
    ])
    const backends = new Set(rows.map(({ pid }) => pid))
    assert.ok(backends.size > 1 && backends.size <= poolSize, `${backends.size} connections`)
    const seen = new Set<number>()
    const clients = Array.from({ length: poolSize }, () => new pg.Client({ connectionString: pooler.url }))
    for (const client of clients) {
      client.on('error', () => {})
      await client.connect()
    }
    // All at once, so that each is on a connection of its own.
    for (let round = 0; round < 20; round += 1) {
      const states = await Promise.all(clients.map((client) => client.query(`${stateOfSession}, pg_sleep(0.02)`)))
      for (const {
        rows: [state],
      } of states) {
        const { pid, pg_sleep: _, ...rest } = state
        seen.add(pid)
        assert.deepEqual(rest, {
          who: 'rehab_service',
          clinic: '',
          writes: 'off',
          commits: 'on',
          timezone: 'UTC',
          limits: '30s 5s 15s',
          locks: 0,
          prepared: 0,
          visible: 0,
        })
      }
    }
    for (const client of clients) await client.end()
    assert.ok(
      [...backends].every((pid) => seen.has(pid)),
      'not every connection was looked at',
    )
    say(`  ${seen.size} connections of the server looked at`)
  })

  await step('whoever leaves the service’s role on a connection reaches nothing', async () => {
    const client = new pg.Client({ connectionString: pooler.url })
    client.on('error', () => {})
    await client.connect()
    await client.query('BEGIN')
    await client.query('SET LOCAL ROLE NONE')
    await assert.rejects(client.query('SELECT FROM episode'), /permission denied/)
    await client.query('ROLLBACK')
    await client.end()
  })

  await step('the chain of acts is whole, and a backup goes past the pooler', async () => {
    const verified = await runCommand(['src/commands/audit.ts', 'verify'], env)
    assert.equal(verified.code, 0, verified.output)
    say(verified.output.trimEnd().replaceAll(/^/gm, '  '))
    const backup = await runCommand(['src/commands/backup.ts', join(folder, 'clinic.backup')], env)
    assert.equal(backup.code, 0, backup.output)
    const { MIGRATION_DATABASE_URL: _, ...without } = env
    const behind = await runCommand(['src/commands/backup.ts', join(folder, 'other.backup')], without)
    assert.match(behind.output, /behind a pooler/)
  })
  say('passed')
} catch (error) {
  process.exitCode = 1
  process.stderr.write(`FAILED: ${error instanceof Error ? error.stack : String(error)}\n`)
} finally {
  for (const close of closing) await close()
  await owner.end()
  await server.stop()
  await rm(folder, { recursive: true, force: true })
}

async function step(title: string, work: () => Promise<void>): Promise<void> {
  const started = performance.now()
  await work()
  say(`ok  ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
}

/** What README.md tells the operator to run, statement by statement. */
async function readLoginOfReadme(): Promise<string[]> {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const [, block = ''] = /^```sql\n(CREATE ROLE rehab_pooled[\s\S]*?)^```$/m.exec(readme) ?? []
  return block.trim().split(/;\s*/).filter(Boolean)
}

/** As `RECONNECT` in PgBouncer's console does: a setting of a login counts from its next connection. */
async function closeServerConnections(): Promise<void> {
  await owner.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rehab_pooled'")
}
