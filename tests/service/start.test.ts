import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import pg from 'pg'
import { openDatabase } from '../../src/db/client.ts'
import { findRunningPostgres } from '../../src/db/running-postgres.ts'
import { findCredential } from '../../src/features/api-keys/repository.ts'
import { insertClinic } from '../../src/features/clinics/repository.ts'
import { hashKey } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { createEmptyDatabase, createTestDatabase } from '../support/test-database.ts'
import { createTestFolder } from '../support/test-folder.ts'
import { runCommand, startArgs, startService } from './running-service.ts'

jest.setTimeout(60_000)

const acdf = { procedures: ['acdf'], surgeryDate: '2026-01-15' }

describe('the service in its own data folder', () => {
  test('starts, is found again, survives kill -9, and has room for a second clinic', async () => {
    const folder = await createTestFolder()
    const env = { DATA_DIR: join(folder, 'data') }

    const first = await startService(env)
    const key = first.key ?? ''
    expect(key).toMatch(/^rp_/)
    expect(first.output()).toContain(`Documentation: ${first.address}/docs`)
    const pasted = /npm run --silent (\w+) -- (\S+) (\S+)/.exec(first.output())
    expect(pasted?.slice(1)).toEqual(['example', first.address, key])

    const example = await runCommand(['src/commands/example.ts', first.address, key])
    const answer = JSON.parse(example.output)
    expect(answer).toMatchObject({ daysSinceSurgery: 50, status: 'active' })
    expect(answer.permitted.map((item: { exercise: string }) => item.exercise)).toContain('walking')

    const patient = await first.send(key, 'POST', '/v1/patients', { externalId: 'kept' })
    expect(await first.end('SIGINT')).toMatchObject({ code: 0 })

    const second = await startService(env)
    expect(second.key).toBeNull()
    expect(second.output()).toContain('<your API key>')
    expect((await second.send(key, 'GET', `/v1/patients/${patient.body.id}`)).status).toBe(200)

    // Written and acknowledged while the process is about to be killed.
    const episode = await second.send(key, 'POST', `/v1/patients/${patient.body.id}/episodes`, acdf)
    const writes = Array.from({ length: 20 }, (_, index) =>
      second.send(key, 'POST', '/v1/patients', { externalId: `written-${index}` }).catch(() => null),
    )
    const firstWrite = await Promise.any(
      writes.map(async (write) => (await write) ?? Promise.reject(new Error('refused'))),
    )
    await second.end('SIGKILL')
    const acknowledged = (await Promise.all(writes)).filter((write) => write?.status === 201)
    expect(acknowledged.length).toBeGreaterThan(0)
    expect(firstWrite.status).toBe(201)

    // The operator's command works without the service, on what the killed one left behind, and beside it.
    const alone = await runCommand(['src/commands/clinic.ts', 'create', 'Made while stopped'], env)
    expect(alone).toMatchObject({ code: 0 })

    const third = await startService(env)
    for (const write of acknowledged) {
      expect(await third.send(key, 'GET', `/v1/patients/${write?.body.id}`)).toMatchObject({ status: 200 })
    }
    expect((await third.send(key, 'GET', `/v1/episodes/${episode.body.id}`)).body).toEqual(episode.body)

    const beside = await runCommand(
      ['src/commands/clinic.ts', 'create', 'Second clinic', '--time-zone', 'Pacific/Auckland'],
      env,
    )
    expect(beside).toMatchObject({ code: 0 })
    for (const { output } of [alone, beside]) {
      const otherKey = /API key, shown this once: (\S+)/.exec(output)?.[1] ?? ''
      expect((await third.send(otherKey, 'GET', '/v1/patients')).body.items).toEqual([])
      expect((await third.send(otherKey, 'GET', `/v1/patients/${patient.body.id}`)).status).toBe(404)
      expect((await third.send(otherKey, 'GET', `/v1/episodes/${episode.body.id}/permitted-exercises`)).status).toBe(
        404,
      )
      expect((await third.send(otherKey, 'GET', '/v1/protocols')).body.items).toHaveLength(5)
    }
    expect((await third.send(/rp_\S+/.exec(beside.output)?.[0] ?? '', 'GET', '/v1/clinic')).body).toMatchObject({
      name: 'Second clinic',
      timeZone: 'Pacific/Auckland',
    })

    const rival = await runCommand(startArgs, { ...env, PORT: '0' })
    expect(rival.code).toBe(1)
    expect(rival.output).toMatch(/^rehab-protocols cannot start: .*\n$/)
    expect(await third.end('SIGTERM')).toMatchObject({ code: 0 })
  })

  const onLinux = process.platform === 'linux' ? test : test.skip
  onLinux('starts again at less cost than it began with, and rests on little memory', async () => {
    const env = { DATA_DIR: join(await createTestFolder(), 'data') }
    await (await startService(env)).end('SIGTERM')
    const costs = { kept: [] as number[], anew: [] as number[] }
    for (const [name, more] of [
      ['kept', {}],
      ['anew', { NODE_DISABLE_COMPILE_CACHE: '1' }],
      ['kept', {}],
      ['anew', { NODE_DISABLE_COMPILE_CACHE: '1' }],
      ['kept', {}],
    ] as const) {
      const again = await startService({ ...env, ...more })
      expect((await fetch(`${again.address}/readyz`)).status).toBe(200)
      const { milliseconds, megabytes } = costOf(again.pid)
      costs[name].push(milliseconds)
      expect(megabytes).toBeLessThan(200)
      await again.end('SIGTERM')
    }
    expect(Math.min(...costs.kept)).toBeLessThan(Math.min(...costs.anew) * 0.92)
  })

  test('finishes the request in hand before it ends', async () => {
    const dataDir = join(await createTestFolder(), 'data')
    const service = await startService({ DATA_DIR: dataDir })
    const superuser = new pg.Client({ connectionString: (await findRunningPostgres(dataDir)) ?? '' })
    await superuser.connect()
    try {
      // The requests have arrived and wait in the database when the signal comes.
      await superuser.query('BEGIN')
      await superuser.query('LOCK TABLE patient IN ACCESS EXCLUSIVE MODE')
      const requests = ['one', 'two', 'three'].map((externalId) =>
        service.send(service.key ?? '', 'POST', '/v1/patients', { externalId }),
      )
      for (let waiting = 0; waiting < requests.length; ) {
        const { rows } = await superuser.query('SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted')
        waiting = rows[0].count
      }
      const ending = service.end('SIGTERM')
      await new Promise((resolve) => setTimeout(resolve, 200))
      await superuser.query('COMMIT')
      await superuser.end()
      expect((await Promise.all(requests)).map((answer) => answer.status)).toEqual([201, 201, 201])
      expect((await ending).code).toBe(0)
    } finally {
      await superuser.end()
    }
  })
})

describe('the service on another server', () => {
  test('uses DATABASE_URL and the key that it is given, and prints no key', async () => {
    const database = await createEmptyDatabase()
    try {
      const key = 'Zt4f0v/7Qm1sXkq2+LhR9cWbE8uYpNaT5dGJ6iKoVx0='
      const env = { DATABASE_URL: database.url, BOOTSTRAP_API_KEY: key }
      const guessable = { ...env, BOOTSTRAP_API_KEY: 'a-key-that-the-operator-chose-himself' }
      expect(await runCommand(startArgs, guessable)).toMatchObject({
        code: 1,
        output: expect.stringContaining('openssl rand -base64 32'),
      })
      // Two replicas that start at once make one clinic.
      const [one, other] = await Promise.all([startService(env), startService(env)])
      expect(one.output() + other.output()).not.toContain(key)
      for (const replica of [one, other]) {
        expect((await replica.send(key, 'GET', '/v1/protocols')).body.items).toHaveLength(5)
        expect((await replica.send('another-key-of-nobody', 'GET', '/v1/protocols')).status).toBe(401)
      }
      const { body } = await one.send(key, 'POST', '/v1/patients', { externalId: 'shared' })
      expect((await other.send(key, 'GET', `/v1/patients/${body.id}`)).status).toBe(200)
      await Promise.all([one.end('SIGTERM'), other.end('SIGTERM')])
    } finally {
      await database.close()
    }
  })
})

/** Time of the processor and not of the clock, for other tests run beside; and the memory that is resident. */
function costOf(pid: number): { milliseconds: number; megabytes: number } {
  const [, state = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const [user = 0, system = 0] = state.split(' ').slice(11, 13).map(Number)
  const kilobytes = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  // Linux counts in hundredths of a second.
  return { milliseconds: (user + system) * 10, megabytes: kilobytes / 1024 }
}

/** The chain is whole; its head is kept, a row is altered and the rest written anew: then it is not. */
async function expectVerified(url: string, clinicId: string): Promise<void> {
  const file = join(await createTestFolder(), 'heads.txt')
  const audit = (...args: string[]) => runCommand(['src/commands/audit.ts', ...args], { DATABASE_URL: url })
  expect(await audit('heads', '--out', file)).toEqual({ code: 0, output: '' })
  expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${clinicId} 4 [0-9a-f]{64} \\S+Z\n$`))
  const whole = { code: 0, output: `${clinicId}  4 rows, as they were written, and as the heads that were kept\n` }
  expect(await audit('verify', '--heads', file)).toEqual(whole)
  expect(await audit('heads', '--out', file)).toEqual({ code: 2, output: expect.stringContaining('is there already') })
  const others = join(dirname(file), 'others.txt')
  writeFileSync(others, '\n')
  expect(await audit('verify', '--heads', others)).toEqual({ code: 2, output: expect.stringContaining('has no heads') })
  writeFileSync(others, readFileSync(file, 'utf8').replace(clinicId, randomUUID()))
  const { output } = await audit('verify', '--heads', others)
  expect(output).toContain(`${clinicId}  4 rows, as they were written; no head of it was kept\n`)
  const owner = new pg.Client({ connectionString: url })
  await owner.connect()
  try {
    await owner.query('SET session_replication_role = replica')
    await owner.query(`UPDATE audit_event SET actor_kind = 'unknown' WHERE seq = 4`)
    expect(await audit('verify', clinicId)).toEqual({
      code: 1,
      output: `${clinicId}  WRONG: row 4 is not as it was written\n`,
    })
    await owner.query(
      `UPDATE audit_event e SET hash = sha256(previous_hash || convert_to(audit_text(e), 'UTF8')) WHERE seq = 4`,
    )
    await owner.query('UPDATE audit_head h SET hash = e.hash FROM audit_event e WHERE e.seq = 4')
    expect(await audit('verify', '--heads', file)).toMatchObject({
      code: 1,
      output: expect.stringContaining('written anew'),
    })
    // Of each clinic whose record cannot be read it is said.
    await owner.query(
      `INSERT INTO clinic (clinic_id, name, time_zone, revision, created_at) VALUES (gen_random_uuid(), 'Next', 'UTC', 1, now());
       ALTER TABLE audit_event RENAME COLUMN hash TO hashed`,
    )
    const unread = await audit('verify')
    expect(unread).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^\S+ {2}WRONG: it cannot be read: .*\n\S+ {2}WRONG/),
    })
    // It looks at what is there, and migrates nothing.
    await owner.query(`DELETE FROM _prisma_migrations WHERE migration_name LIKE '%_blocked_actors'`)
    const pending = { code: 2, output: expect.stringMatching(/lacks the migration \d+_blocked_actors.*start/) }
    expect(await audit('verify')).toEqual(pending)
    expect(await audit('heads')).toEqual(pending)
    const { rows } = await owner.query(`SELECT FROM _prisma_migrations WHERE migration_name LIKE '%_blocked_actors'`)
    expect(rows).toEqual([])
  } finally {
    await owner.end()
  }
  expect(await audit('verify', 'x')).toMatchObject({ code: 2 })
}

describe('the operator’s command', () => {
  test('makes and revokes keys, and suspends a clinic', async () => {
    const database = await createTestDatabase()
    const db = openDatabase(database.url)
    try {
      const clinicId = '01a1f000-0000-7000-8000-00000000c11c'
      const createdAt = toInstantText(Temporal.Now.instant())
      await db.asClinic(clinicId, (tx) => insertClinic(tx, { clinicId, name: 'Hillside', timeZone: 'UTC', createdAt }))
      const operate = async (...args: string[]): Promise<string> => {
        const { code, output } = await runCommand(['src/commands/clinic.ts', ...args], { DATABASE_URL: database.url })
        expect({ args, code, output }).toMatchObject({ code: 0 })
        return output
      }
      const added = await operate('add-key', clinicId, 'Screen in the hall', '--role', 'reader', '--days', '90')
      const key = /shown this once: (\S+)/.exec(added)?.[1] ?? ''
      const find = () => findCredential(db, { clinicId, hash: hashKey(key), now: Temporal.Now.instant() })
      expect(await find()).toMatchObject({ name: 'Screen in the hall', role: 'reader', revoked: false })
      expect(await operate('suspend', clinicId)).toContain('Clinic "Hillside" is suspended')
      expect(await find()).toMatchObject({ revoked: true })
      expect(await operate('list')).toContain(`${clinicId}  Hillside  (suspended)`)
      await operate('resume', clinicId)
      expect(await find()).toMatchObject({ revoked: false })
      const [listed = ''] = (await operate('keys', clinicId)).split('\n')
      expect(listed).toMatch(/Screen in the hall {2}reader {2}expires \S+ {2}last used /)
      expect(listed).not.toContain(key)
      expect(await operate('revoke-key', clinicId, listed.split(' ')[0] ?? '')).toContain('revoked')
      expect(await find()).toMatchObject({ revoked: true })

      const done = await db.asClinic(clinicId, (tx) => tx.auditEvent.findMany({ orderBy: { seq: 'asc' } }))
      expect(done.map(({ operation, actorKind }) => `${actorKind}: ${operation}`)).toEqual(
        ['add-key', 'suspend', 'resume', 'revoke-key'].map((command) => `operator: clinic ${command}`),
      )
      await expectVerified(database.url, clinicId)
    } finally {
      await db.close()
      await database.close()
    }
  }, 60_000)
})

describe('what the operator can mend is one clear line and exit code 1', () => {
  async function expectRefusal(env: Record<string, string>, ...words: string[]): Promise<void> {
    const { code, output } = await runCommand(startArgs, { PORT: '0', LOG_LEVEL: 'silent', ...env })
    expect(output).toMatch(/^rehab-protocols cannot start: /m)
    for (const word of words) expect(output).toContain(word)
    expect(output).not.toMatch(/\n\s+at /)
    expect(code).toBe(1)
  }

  test('every bad key of the environment at once', async () => {
    await expectRefusal(
      { PORT: 'http', LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://x' },
      'PORT',
      'LOG_LEVEL',
      'DATABASE_URL',
    )
  })

  test('a port in use', async () => {
    const rival = createServer()
    await new Promise<void>((resolve) => rival.listen(0, '127.0.0.1', resolve))
    const address = rival.address()
    const port = typeof address === 'object' && address !== null ? String(address.port) : ''
    const database = await createEmptyDatabase()
    try {
      await expectRefusal({ PORT: port, DATABASE_URL: database.url }, port, 'in use', 'PORT')
    } finally {
      rival.close()
      await database.close()
    }
  })

  test('an unreachable database', async () => {
    await expectRefusal({ DATABASE_URL: 'postgresql://user:secret@127.0.0.1:9/rehab' }, '127.0.0.1:9')
  })

  test('a data folder of another version', async () => {
    const folder = await createTestFolder()
    mkdirSync(join(folder, 'postgres'), { recursive: true })
    writeFileSync(join(folder, 'postgres', 'PG_VERSION'), '12\n')
    await expectRefusal({ DATA_DIR: folder }, 'PostgreSQL 12', 'DATA_DIR')
  })

  test('a data folder that is a file', async () => {
    const file = join(await createTestFolder(), 'file')
    writeFileSync(file, '')
    await expectRefusal({ DATA_DIR: file }, file)
  })

  test('a data folder that cannot be made', async () => {
    await expectRefusal({ DATA_DIR: '/proc/rehab/data' }, '/proc/rehab', 'DATA_DIR')
  })

  test('a clinic command that is wrong', async () => {
    for (const args of [
      [],
      ['create'],
      ['remove', 'x'],
      ['create', 'x', '--time-zone', 'Mars/Base'],
      ['create', 'x', '--nope'],
      ['create', 'x', '--role', 'reader'],
      ['add-key', 'x', 'Name'],
      ['add-key', '01a1f000-0000-7000-8000-00000000c11c', 'Name', '--role', 'owner'],
      ['suspend'],
    ]) {
      expect(await runCommand(['src/commands/clinic.ts', ...args])).toMatchObject({ code: 1 })
    }
  })
})
