import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import pg from 'pg'
import request from 'supertest'
import { z } from 'zod'
import { type Database, openDatabase, type Transaction } from '../../src/db/client.ts'
import { toDatabaseProblem } from '../../src/http/database-errors.ts'
import { logSerializers } from '../../src/http/request-log.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'
import { authorization, clinicId, startApp, type TestApp } from './test-app.ts'

const createdAt = new Date('2026-11-20T14:30:00Z')
let made = 0
const ids = () => {
  made += 1
  return `01a1f000-0000-7000-8000-${made.toString(16).padStart(12, '0')}`
}

const attribute = (code: string, more: object = {}) => ({
  clinicId,
  id: ids(),
  code,
  title: code,
  revision: 1,
  createdAt,
  ...more,
})

/** Each provokes what a real race, fault or careless route would. */
const provocations: Record<string, (db: Database) => Promise<unknown>> = {
  duplicate: (db) =>
    inClinic(db, async (tx) => {
      await tx.attribute.create({ data: attribute('impact') })
      await tx.attribute.create({ data: attribute('impact') })
    }),
  'duplicate-sql': (db) =>
    inClinic(db, async (tx) => {
      await tx.attribute.create({ data: attribute('impact') })
      await tx.$executeRaw`insert into attribute (clinic_id, id, code, title, revision, created_at)
      select clinic_id, gen_random_uuid(), code, title, revision, created_at from attribute`
    }),
  'no-parent': (db) =>
    inClinic(db, (tx) =>
      tx.procedure.create({
        data: {
          clinicId,
          id: ids(),
          code: 'x',
          name: 'X',
          bodyRegion: 'spine',
          indications: [],
          revision: 1,
          createdAt,
          defaultProtocolCode: 'none',
        },
      }),
    ),
  'still-used': (db) =>
    inClinic(db, async (tx) => {
      await tx.protocol.create({ data: { clinicId, id: ids(), code: 'p', title: 'P', createdAt } })
      await tx.procedure.create({
        data: {
          clinicId,
          id: ids(),
          code: 'x',
          name: 'X',
          bodyRegion: 'spine',
          indications: [],
          revision: 1,
          createdAt,
          defaultProtocolCode: 'p',
        },
      })
      await tx.$executeRaw`delete from protocol`
    }),
  gone: (db) =>
    inClinic(db, (tx) =>
      tx.attribute.update({ where: { clinicId_id: { clinicId, id: ids() } }, data: { title: 'x' } }),
    ),
  nul: (db) => inClinic(db, (tx) => tx.attribute.create({ data: attribute('nul', { title: 'a\0b' }) })),
  'nul-json': (db) => inClinic(db, (tx) => tx.$queryRaw`select ${JSON.stringify({ a: 'a\0b' })}::jsonb`),
  'nul-pool': (db) => db.pool.query('select $1::text', ['a\0b']),
  overflow: (db) =>
    inClinic(db, (tx) => tx.attribute.create({ data: attribute('overflow', { revision: 3_000_000_000 }) })),
  'not-a-uuid': (db) => db.pool.query('select $1::uuid', ['x']),
  deadlock: (db) => db.pool.query("do $$ begin raise exception using errcode = '40P01'; end $$"),
  'deadlock-prisma': (db) =>
    inClinic(db, (tx) => tx.$executeRawUnsafe("do $$ begin raise exception using errcode = '40P01'; end $$")),
  'too-slow': (db) => db.pool.query("set local statement_timeout = '20ms'; select pg_sleep(5)"),
  'transaction-too-slow': (db) =>
    db.prisma.$transaction((tx) => tx.$queryRaw`select pg_sleep(0.3)::text`, { timeout: 50 }),
  'no-connection-in-time': async (db) => {
    const held = await Promise.all([db.pool.connect(), db.pool.connect()])
    try {
      await db.prisma.$transaction(async (tx) => tx.clinic.findMany(), { maxWait: 50 })
    } finally {
      for (const client of held) client.release()
    }
  },
  killed: (db) => whileKilled(db.pool.query('select pg_sleep(5)')),
  'killed-prisma': (db) => whileKilled(inClinic(db, (tx) => tx.$queryRaw`select pg_sleep(5)::text`)),
  'foreign-clinic': (db) => inClinic(db, (tx) => tx.attribute.create({ data: attribute('x', { clinicId: ids() }) })),
  'bad-sql': (db) => db.pool.query('select nothing from nowhere'),
}

/** Ends every connection that is at work, as an administrator or a restart does. */
async function whileKilled(work: Promise<unknown>): Promise<unknown> {
  const administrator = new pg.Client({ connectionString: files.url })
  await administrator.connect()
  const kill = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'`
  const [outcome] = await Promise.allSettled([work, killUntilDone()])
  await administrator.end()
  if (outcome.status === 'rejected') throw outcome.reason
  return outcome.value

  async function killUntilDone(): Promise<void> {
    while ((await administrator.query(kill)).rowCount === 0) await setTimeout(20)
  }
}

class RolledBack extends Error {}

/** Leaves nothing behind, so that every provocation finds the same database. */
async function inClinic(db: Database, work: (tx: Transaction) => Promise<unknown>): Promise<void> {
  await db.asClinic(clinicId, async (tx) => {
    await tx.clinic.create({ data: { clinicId, name: 'A clinic', timeZone: 'UTC', revision: 1, createdAt } })
    await work(tx)
    throw new RolledBack('the provocation did not work')
  })
}

let files: TestDatabase
let database: Database
let app: TestApp

beforeAll(async () => {
  files = await createTestDatabase()
  database = openDatabase(files.url, { maxConnections: 2 })
  app = await startApp([registerProvocations], { explainInternalErrors: false })
})
afterAll(async () => {
  await app.close()
  await database.close()
  await files.close()
})

function registerProvocations(app: FastifyInstance): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/provoke/:what',
    {
      schema: {
        operationId: 'provoke',
        summary: 'For the test',
        tags: ['service'],
        params: z.object({ what: z.string() }),
        response: { 200: z.object({}) },
      },
    },
    async (request) => {
      await provocations[request.params.what]?.(database)
      return {}
    },
  )
}

async function provoke(what: string) {
  const { status, headers, body, text } = await request(app.url).post(`/v1/provoke/${what}`).set({ authorization })
  return { status, code: body.code, retryAfter: headers['retry-after'], detail: body.detail, text }
}

describe('a database error is answered as', () => {
  test.each<[string, number, string, string | RegExp]>([
    ['duplicate', 409, 'ALREADY_EXISTS', 'there is already one with the same code'],
    ['duplicate-sql', 409, 'ALREADY_EXISTS', 'there is already one with the same code'],
    ['no-parent', 409, 'CONFLICT', 'the request refers to something that does not exist any more'],
    ['still-used', 409, 'IN_USE', /^something else still refers to it/],
    ['gone', 404, 'RESOURCE_NOT_FOUND', /deleted or changed by another request/],
    ['nul', 400, 'VALIDATION_FAILED', /cannot be stored/],
    ['nul-json', 400, 'VALIDATION_FAILED', /cannot be stored/],
    ['nul-pool', 400, 'VALIDATION_FAILED', /cannot be stored/],
    ['overflow', 400, 'VALIDATION_FAILED', /cannot be stored/],
    ['not-a-uuid', 400, 'VALIDATION_FAILED', /cannot be stored/],
  ])('%s: %d %s', async (what, status, code, detail) => {
    expect(await provoke(what)).toMatchObject({ status, code, detail: expect.stringMatching(detail) })
  })

  test.each([
    'deadlock',
    'deadlock-prisma',
    'too-slow',
    'transaction-too-slow',
    'no-connection-in-time',
    'killed',
    'killed-prisma',
  ])('%s: 503, to be tried again', async (what) => {
    expect(await provoke(what)).toMatchObject({
      status: 503,
      code: 'SERVICE_UNAVAILABLE',
      retryAfter: expect.stringMatching(/^[12]$/),
    })
  })

  test.each(['foreign-clinic', 'bad-sql'])('%s: 500, because it is our fault', async (what) => {
    const answer = await provoke(what)
    expect(answer).toMatchObject({ status: 500, code: 'INTERNAL_ERROR' })
    expect(answer.text).not.toMatch(/nowhere|row-level|attribute|prisma/i)
  })

  test('no server: 503', async () => {
    const nowhere = openDatabase('postgresql://nobody@127.0.0.1:1/nowhere')
    for (const work of [() => nowhere.pool.query('select 1'), () => nowhere.asClinic(clinicId, async () => 1)]) {
      const error = await work().catch((error: unknown) => error)
      expect(toDatabaseProblem(error)).toMatchObject({ code: 'SERVICE_UNAVAILABLE', headers: { 'retry-after': '2' } })
    }
    await nowhere.close()
  })

  test('what is not an error of the database: nothing', () => {
    for (const error of [new TypeError('x'), new RolledBack('x'), 'text', null, undefined, { code: '23505' }]) {
      expect(toDatabaseProblem(error)).toBeNull()
    }
  })
})

test('a raw query whose connection was lost is the database’s absence, though Prisma says only that it failed', () => {
  for (const kind of ['ConnectionClosed', 'DatabaseNotReachable', 'SocketTimeout']) {
    const meta = { driverAdapterError: { name: 'DriverAdapterError', cause: { kind } } }
    const error = Object.assign(new Error('Raw query failed. Code: `N/A`.'), { code: 'P2010', meta })
    expect(toDatabaseProblem(error)).toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
  }
})

test('a cause without a name is logged without its words', () => {
  const error = new Error('failed', { cause: { kind: 'ConnectionClosed', message: 'Frau Muster' } })
  const logged = logSerializers.err(error)
  expect(logged).toMatchObject({ type: 'Error', message: 'failed', cause: { type: 'cause' } })
  expect(JSON.stringify(logged)).not.toContain('Muster')
})
