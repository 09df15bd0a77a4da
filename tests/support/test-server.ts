import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.ts'
import { migrate } from '../../src/db/migrations.ts'

const quiet = { debug() {}, info() {}, warn() {} }

// Waits for the end of a pipe that the run holds, then for the servers in the folder to write no more in it.
const cleaner = 'read -r _; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; rm -rf "$0" && exit; done'

/** One PostgreSQL for the whole run, in a folder that goes with the run, even with one that is killed. */
export async function startTestServer(): Promise<{ url: string; folder: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'rehab-tests-'))
  await chmod(folder, 0o755)
  const guard = spawn('/bin/sh', ['-c', cleaner, folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    // Would go through the databases of tests that are over.
    autovacuum: 'off',
    max_connections: '300',
  }
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'server'), log: quiet, settings })
  await migrate({ url: server.url, log: quiet })
  return {
    url: server.url,
    folder,
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
      guard.kill('SIGKILL')
    },
  }
}
