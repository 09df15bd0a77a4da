// A service in miniature, for tests that kill it: runs the database of argv[2] until a signal.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.ts'
import { StartupError } from '../../src/startup-error.ts'

const [, , dataDir = '', userId] = process.argv
// Only now, for the modules above may be where that user cannot read.
if (userId !== undefined) process.setuid?.(Number(userId))

// The test is gone: its run was interrupted.
process.stdin.resume().once('end', () => process.exit(1))

try {
  const server = await startEmbeddedPostgres({ dataDir, log: { debug() {}, info() {}, warn: report } })
  // Before the line on which the test may send it.
  const interrupted = new Promise((resolve) => process.once('SIGINT', resolve))
  report(JSON.stringify({ url: server.url, pid: server.pid }))
  await interrupted
  // A request that was in hand when Ctrl-C came to every process of the group.
  await delay(300)
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query('SELECT 1')
  await client.end()
  report('answered')
  await server.stop()
  report('stopped')
} catch (error) {
  report(error instanceof StartupError ? `refused: ${error.message}` : String(error))
  process.exitCode = 1
}
process.stdin.destroy()

function report(line: string): void {
  process.stdout.write(`${line}\n`)
}
