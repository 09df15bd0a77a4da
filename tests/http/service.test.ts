import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import request from 'supertest'
import { z } from 'zod'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { slug, uuid } from '../../src/http/schemas.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/test-database.ts'
import { authorization, startApp, type TestApp } from './test-app.ts'

describe('health', () => {
  let migrated: TestDatabase
  let empty: TestDatabase
  let database: Database
  beforeAll(async () => {
    migrated = await createTestDatabase()
    empty = await createEmptyDatabase()
    database = openDatabase(migrated.url)
  })
  afterAll(async () => {
    await database.close()
    await migrated.close()
    await empty.close()
  })

  test('is good while the database answers', async () => {
    const app = await startApp([], { database })
    for (const path of ['/livez', '/readyz']) {
      const { status, body } = await request(app.url).get(path)
      expect([status, body]).toEqual([200, { status: 'ok' }])
    }
    expect(app.log.filter(({ reqId }) => reqId !== undefined)).toEqual([])
    await app.close()
  })

  test.each([
    ['has no tables', () => empty.url],
    ['is not there', () => 'postgresql://nobody@127.0.0.1:1/nowhere'],
  ])('is alive and not ready while the database %s', async (_name, url) => {
    const unusable = openDatabase(url())
    const app = await startApp([], { database: unusable })
    expect((await request(app.url).get('/livez')).status).toBe(200)
    const { status, body, headers } = await request(app.url).get('/readyz')
    expect(status).toBe(503)
    expect(headers['retry-after']).toBe('2')
    expect(body).toMatchObject({ code: 'NOT_READY', detail: expect.stringMatching(/^the database /) })
    expect(app.log.filter(({ level, reqId }) => level === 30 && reqId !== undefined)).toEqual([])
    expect(app.log.filter(({ code }) => code === 'NOT_READY')).toHaveLength(1)
    await app.close()
    await unusable.close()
  })
})

function registerPatients(app: FastifyInstance): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  routes.post(
    '/patients/:id/notes/:code',
    {
      schema: {
        operationId: 'addNote',
        summary: 'For the test',
        tags: ['patients'],
        params: z.object({ id: uuid, code: slug }),
        querystring: z.strictObject({ name: z.string().optional() }),
        body: z.strictObject({ note: z.string().max(30), marks: z.record(slug, z.literal(1)).optional() }),
        response: { 200: z.object({ note: z.string() }) },
      },
    },
    async ({ body }) => {
      if (body.note === 'fail')
        throw Object.assign(new Error('insert failed'), { detail: 'Key (name)=(Jane Roe) exists' })
      if (body.note === 'misfit') {
        const message = 'Invalid `create()` invocation:\n{ name: "Jane Roe" }\n\nArgument `revision` is missing.'
        throw Object.assign(new Error(message), { name: 'PrismaClientValidationError' })
      }
      if (body.note === 'server') throw Object.assign(new Error('invalid value: "Jane Roe"'), { code: 'XX000' })
      return body
    },
  )
}

describe('the log', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp([registerPatients])
  })
  afterAll(() => app.close())

  const id = '01a1f000-0000-7000-8000-000000000001'
  const send = (body: object, path = `/v1/patients/${id}/notes/jane-roe?name=Jane+Roe`) =>
    request(app.url).post(path).set({ authorization, 'x-request-id': 'from.the-caller_1' }).send(body)

  test('has one line for a request, with the route, the ids and who asked', async () => {
    app.log.length = 0
    await send({ note: 'Jane Roe feels well' })
    expect(app.log).toHaveLength(1)
    expect(app.log[0]).toMatchObject({
      level: 30,
      reqId: 'from.the-caller_1',
      method: 'POST',
      route: '/v1/patients/:id/notes/:code',
      ids: { id },
      actorId: 'actor',
      credentialId: 'key',
      statusCode: 200,
      milliseconds: expect.any(Number),
      msg: 'request completed',
    })
  })

  test('has the code and the places of a refusal', async () => {
    app.log.length = 0
    await send({ note: 'Jane Roe '.repeat(10), janeRoe: 1 })
    expect(app.log.map(({ level, code, places }) => ({ level, code, places }))).toEqual([
      { level: 30, code: 'VALIDATION_FAILED', places: ['/note', '/*'] },
      { level: 30, code: undefined, places: undefined },
    ])
  })

  test('has no name of a field or a parameter that is the caller’s own word', async () => {
    app.log.length = 0
    await send({ note: 1, marks: { 'Jane Doe 1970': 'x' }, 'Jane Roe 1970': [{ cough: 1 }], 'a/b~c': 1 })
    await send({ note: 'Jane Doe' }, `/v1/patients/${id}/notes/jane-roe?rp_secret=1`)
    expect(app.log.flatMap(({ places }) => places ?? [])).toEqual(['/note', '/marks/*', '/*', '/*', '*'])
    expect(JSON.stringify(app.log)).not.toMatch(/Jane|1970|a~1b|rp_secret/)
  })

  test('has no patient in it, whatever happens', async () => {
    app.log.length = 0
    await send({ note: 'Jane Roe feels well' })
    await send({ note: 'fail' })
    await send({ note: 'misfit' })
    await send({ note: 'server' })
    await send({ note: 'Jane Roe '.repeat(10) })
    await send({}, '/v1/patients/Jane Roe')
    await send({}, '/v1/patients/jane-roe/notes/Jane%20Roe?name=Jane')
    await request(app.url).get('/v1/Jane%zzRoe')
    await request(app.url)
      .post('/v1/patients')
      .set({ authorization, 'content-type': 'application/json' })
      .send('{"Jane Roe')
    expect(app.log.length).toBeGreaterThan(14)
    expect(JSON.stringify(app.log)).toContain('Argument `revision` is missing.')
    expect(JSON.stringify(app.log)).not.toMatch(/Jane|Roe|jane|Bearer|rp_/)
  })

  test('keeps a request id that is sane and makes one otherwise', async () => {
    for (const sane of ['a', 'A-z_0.9', 'x'.repeat(64)]) {
      const { headers } = await request(app.url).get('/livez').set('x-request-id', sane)
      expect(headers['x-request-id']).toBe(sane)
    }
    for (const odd of ['', 'x'.repeat(65), 'a b', 'a\tb', '{"a":1}', 'é']) {
      const { headers } = await request(app.url).get('/livez').set('x-request-id', Buffer.from(odd).toString('latin1'))
      expect(headers['x-request-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    }
  })
})

describe('an answer', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp()
  })
  afterAll(() => app.close())

  test('gives a browser no rights', async () => {
    const { headers } = await request(app.url).get('/problems')
    expect(headers['content-security-policy']).toBe(
      "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
    )
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    })
    expect(headers).not.toHaveProperty('access-control-allow-origin')
    expect(headers).not.toHaveProperty('x-powered-by')
  })
})
