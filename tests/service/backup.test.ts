import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, jest, test } from '@jest/globals'
import pg from 'pg'
import { checkBackup } from '../../src/db/backup/restore.ts'
import { createEmptyDatabase } from '../support/test-database.ts'
import { createTestFolder } from '../support/test-folder.ts'
import { runCommand, startService } from './running-service.ts'

jest.setTimeout(120_000)

const root = fileURLToPath(new URL('../..', import.meta.url))

const withoutLinks = `data:text/javascript,${encodeURIComponent(`
  import fs from 'node:fs/promises'
  import { syncBuiltinESMExports } from 'node:module'
  fs.link = async () => { throw Object.assign(new Error('no links'), { code: 'EPERM' }) }
  syncBuiltinESMExports()`)}`

test('a running service is backed up, and another goes on from it with the same keys', async () => {
  const folder = await createTestFolder()
  const file = join(folder, 'clinic.backup')
  // However busy the machine is.
  const patience = { MAX_EVENT_LOOP_DELAY: '60000' }
  const from = { DATA_DIR: join(folder, 'data'), ...patience }
  const first = await startService(from)
  const key = first.key ?? ''
  const patient = await first.send(key, 'POST', '/v1/patients', { externalId: 'kept' })
  expect(await runCommand(['src/commands/backup.ts', file], from)).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^\d+ rows of \d+ tables, as of \S+, are in /),
  })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await readdir(folder)).sort()).toEqual(['clinic.backup', 'data'])
  await first.end('SIGINT')

  // Without the service, too, and through a pipe; and never in place of another.
  const wrong = { DATA_DIR: join(folder, 'wrong') }
  for (const args of [
    ['src/commands/backup.ts', join(folder, 'none')],
    ['src/commands/clinic.ts', 'list'],
  ]) {
    expect(await runCommand(args, wrong)).toMatchObject({
      code: 1,
      output: expect.stringContaining(`there is no database in the data folder ${wrong.DATA_DIR}: set DATA_DIR`),
    })
  }
  expect((await readdir(folder)).sort()).toEqual(['clinic.backup', 'data'])
  const piped = join(folder, 'piped.backup')
  const pipe = `"${process.execPath}" src/commands/backup.ts - > "${piped}"`
  const { NODE_OPTIONS: _, ...inherited } = process.env
  execFileSync('/bin/sh', ['-c', pipe], { cwd: root, env: { ...inherited, ...from }, stdio: 'ignore' })
  await checkBackup(createReadStream(piped))
  expect(await runCommand(['src/commands/backup.ts', file], from)).toMatchObject({
    code: 1,
    output: expect.stringContaining('is there already'),
  })
  expect(await runCommand(['src/commands/restore.ts', file], from)).toMatchObject({
    code: 1,
    output: expect.stringContaining('restore into an empty database (another DATA_DIR'),
  })

  const to = { DATA_DIR: join(folder, 'restored'), ...patience }
  expect(await runCommand(['src/commands/restore.ts', file], to)).toMatchObject({ code: 0 })
  const second = await startService(to)
  expect(second.key).toBeNull()
  expect(await second.send(key, 'GET', '/v1/audit-events?limit=2')).toMatchObject({
    status: 200,
    body: {
      items: [
        { operation: 'restore', actor: { kind: 'operator' }, target: { backup: expect.stringMatching(/^2.*Z$/) } },
        { operation: 'backup', actor: { kind: 'operator' } },
      ],
    },
  })
  expect((await second.send(key, 'GET', `/v1/patients/${patient.body.id}`)).body).toEqual(patient.body)
  await second.end('SIGINT')

  // Killed when half of it has been read: no row is there, and it can be done again.
  const database = await createEmptyDatabase()
  const watcher = new pg.Client({ connectionString: database.url })
  await watcher.connect()
  try {
    const env = { DATABASE_URL: database.url }
    const child = spawn(process.execPath, ['src/commands/restore.ts', '-'], {
      cwd: root,
      env: { ...inherited, ...env },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const { size } = await stat(file)
    createReadStream(file, { end: size >> 1 }).pipe(child.stdin, { end: false })
    for (const end = Date.now() + 30_000; Date.now() < end; await delay(20)) {
      const { rows } = await watcher.query(
        "SELECT FROM pg_stat_activity WHERE query LIKE 'COPY public%' AND datname = current_database()",
      )
      if (rows.length > 0) break
    }
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await watcher.query('SELECT FROM clinic')).rows).toEqual([])
    expect(await runCommand(['src/commands/restore.ts', file], env)).toMatchObject({ code: 0 })
    expect((await watcher.query('SELECT external_id FROM patient')).rows).toEqual([{ external_id: 'kept' }])

    // Of a database that takes no row, onto a disk that knows no hard links.
    await watcher.query(`ALTER DATABASE ${watcher.database} SET default_transaction_read_only = on`)
    const other = join(folder, 'other.backup')
    const { code, output } = await runCommand(['--import', withoutLinks, 'src/commands/backup.ts', other], env)
    expect({ code, output }).toEqual({
      code: 0,
      output: expect.stringMatching(/is not on the clinics' record: .*read-only/),
    })
    expect((await stat(other)).mode & 0o777).toBe(0o600)
    await checkBackup(createReadStream(other))
    expect((await readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([])
  } finally {
    await watcher.end()
    await database.close()
  }
})

test('a command that is wrong says how it is written', async () => {
  const missing = join(await createTestFolder(), 'missing')
  for (const [args, words] of [
    [['backup.ts'], 'usage: npm run backup -- <file>'],
    [['backup.ts', '--file'], 'usage: npm run backup -- <file>'],
    [['backup.ts', join(missing, 'file')], 'there is no folder'],
    [['restore.ts', 'one', 'two'], 'usage: npm run restore -- <file>'],
    [['restore.ts', missing], 'there is no file'],
  ] as const) {
    const env = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/rehab' }
    const { code, output } = await runCommand([`src/commands/${args[0]}`, ...args.slice(1)], env)
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(words) })
    expect(output).not.toMatch(/\n\s+at /)
  }
})
