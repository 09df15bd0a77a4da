import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import request from 'supertest'
import { z } from 'zod'
import { ProblemError, problemDefinitions, problemSchema, slugOf } from '../../src/http/problems.ts'
import { calendarDate, slug, uuid } from '../../src/http/schemas.ts'
import { authorization, startApp, type TestApp } from './test-app.ts'

const thing = z.object({ id: uuid, code: slug }).meta({ id: 'Thing', description: 'A thing.' })

function registerThings(app: FastifyInstance): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const about = { tags: ['patients'], summary: 'For the test' }
  const response = { 200: thing }
  routes.post(
    '/things',
    {
      schema: {
        ...about,
        operationId: 'createThing',
        body: z.strictObject({ surgeryDate: calendarDate, note: z.string() }),
        response,
      },
    },
    async () => ({ id: '01a1f000-0000-7000-8000-000000000001', code: 'a' }),
  )
  routes.get(
    '/things/:code',
    {
      schema: {
        ...about,
        operationId: 'getThing',
        params: z.object({ code: slug }),
        querystring: z.strictObject({ on: calendarDate.optional() }),
        response,
      },
    },
    async (request) => {
      throw new ProblemError('PROCEDURE_NOT_FOUND', `there is no thing \`${request.params.code}\``, {
        nearest: ['acdf'],
        errors: [{ parameter: 'code', in: 'path', detail: 'is not known' }],
      })
    },
  )
  routes.get('/misfit', { schema: { ...about, operationId: 'getMisfit', response } }, async () => {
    return { id: 'secret-of-a-patient', code: 'a' }
  })
  routes.get('/bug', { schema: { ...about, operationId: 'getBug', response } }, async () => {
    throw new TypeError('John Smith is not a function')
  })
  routes.get('/generous', { schema: { ...about, operationId: 'getGenerous', response } }, async () => {
    const row = { id: '01a1f000-0000-7000-8000-000000000001', code: 'a', clinicId: 'internal' }
    return row
  })
}

let app: TestApp
let production: TestApp

beforeAll(async () => {
  app = await startApp([registerThings])
  production = await startApp([registerThings], { explainInternalErrors: false })
})
afterAll(async () => {
  await app.close()
  await production.close()
})

function post(body: string | Buffer, headers: Record<string, string> = {}) {
  const call = request(app.url)
    .post('/v1/things')
    .set({ authorization, 'content-type': 'application/json', ...headers })
  return call.send(typeof body === 'string' ? body : body.toString('latin1'))
}

describe('every error is a problem document', () => {
  test.each<[string, () => request.Test, number, string]>([
    ['no such address', () => request(app.url).get('/nowhere'), 404, 'ROUTE_NOT_FOUND'],
    ['another method', () => request(app.url).put('/v1/things').set({ authorization }), 405, 'METHOD_NOT_ALLOWED'],
    [
      'a path that is not percent-encoded',
      () => request(app.url).get('/v1/things/%zz').set({ authorization }),
      400,
      'MALFORMED_URL',
    ],
    [
      'a path that is not UTF-8',
      () => request(app.url).get('/v1/things/%ff').set({ authorization }),
      400,
      'MALFORMED_URL',
    ],
    [
      'a code of 201 characters',
      () =>
        request(app.url)
          .get(`/v1/things/${'a'.repeat(201)}`)
          .set({ authorization }),
      414,
      'URL_TOO_LONG',
    ],
    ['no key', () => request(app.url).get('/v1/things/a'), 401, 'AUTHENTICATION_REQUIRED'],
    [
      'no key and a body that is not JSON',
      () => request(app.url).post('/v1/things').set('content-type', 'application/json').send('{'),
      401,
      'AUTHENTICATION_REQUIRED',
    ],
    [
      'no such address and a body that is not JSON',
      () => request(app.url).post('/v1/thongs').set('content-type', 'application/json').send('{'),
      404,
      'ROUTE_NOT_FOUND',
    ],
    ['text', () => post('hello', { 'content-type': 'text/plain' }), 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a compressed body', () => post('{}', { 'content-encoding': 'gzip' }), 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a body that is not JSON', () => post('surgeryDate=2026-10-01'), 400, 'MALFORMED_JSON'],
    ['no body', () => post(''), 400, 'VALIDATION_FAILED'],
    ['a body of 2 MB', () => post(JSON.stringify({ note: 'x'.repeat(2_000_000) })), 413, 'BODY_TOO_LARGE'],
    [
      'a problem of the domain',
      () => request(app.url).get('/v1/things/acfd').set({ authorization }),
      404,
      'PROCEDURE_NOT_FOUND',
    ],
    [
      'an answer that does not fit',
      () => request(app.url).get('/v1/misfit').set({ authorization }),
      500,
      'INTERNAL_ERROR',
    ],
    ['a bug', () => request(app.url).get('/v1/bug').set({ authorization }), 500, 'INTERNAL_ERROR'],
  ])('%s', async (_name, call, status, code) => {
    const response = await call()
    expect(response.status).toBe(status)
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    const problem = problemSchema.parse(response.body)
    expect(problem).toMatchObject({ status, code, type: `/problems/${code.toLowerCase().replaceAll('_', '-')}` })
    expect(problem.requestId).toBe(response.headers['x-request-id'])
    const path = decodeURI(response.request.url.replace(app.url, '').replaceAll('%', '%25'))
    // A reference (RFC 3986), also where the path is none.
    expect(problem.instance).toBe(path.replace('%zz', '%25zz'))
  })

  test('the domain says more: places and members of its own', async () => {
    const { body } = await request(app.url).get('/v1/things/acfd?on=2026-10-01').set({ authorization })
    expect(body).toMatchObject({
      title: 'No such procedure',
      detail: 'there is no thing `acfd`',
      instance: '/v1/things/acfd',
      nearest: ['acdf'],
      errors: [{ in: 'path', pointer: 'code', detail: 'is not known' }],
    })
  })

  test('a body that is not HTTP', async () => {
    expect(await sayRaw(app.port, 'HELLO\r\n\r\n')).toMatchObject({ status: 400, code: 'MALFORMED_REQUEST' })
  })

  test('headers of 20 KB', async () => {
    const answer = await sayRaw(app.port, `GET /livez HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)
    expect(answer).toMatchObject({ status: 431, code: 'HEADERS_TOO_LARGE' })
  })

  test('headers of 20 KB, for the head alone: no body, which would be taken for the next answer', async () => {
    const [head, body] = await sayBytes(app.port, `HEAD /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
    expect(head).toMatch(/^HTTP\/1\.1 431 /)
    expect(body).toBe('')
  })

  test.each([
    ['no host', ''],
    ['two hosts', 'Host: a\r\nHost: b\r\n'],
  ])('%s', async (_name, hosts) => {
    const answer = await sayRaw(app.port, `GET /livez HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`)
    expect(answer).toMatchObject({ status: 400, code: 'MALFORMED_REQUEST' })
  })

  test('no host is needed in HTTP/1.0, and what is expected beyond an answer is ignored', async () => {
    const [old] = await sayBytes(app.port, 'GET /livez HTTP/1.0\r\n\r\n')
    expect(old).toMatch(/^HTTP\/1\.1 200 /)
    const [expecting] = await sayBytes(
      app.port,
      'GET /livez HTTP/1.1\r\nHost: a\r\nExpect: more\r\nConnection: close\r\n\r\n',
    )
    expect(expecting).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a parameter where there are none', async () => {
    const { status, body } = await request(app.url).get('/v1/generous?on=2026-10-01').set({ authorization })
    expect(status).toBe(400)
    expect(body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ in: 'query', pointer: 'on' }] })
  })
})

async function sayBytes(port: number, text: string): Promise<[head: string, body: string]> {
  const socket = connect(port, '127.0.0.1')
  socket.end(text)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  return [head, body]
}

async function sayRaw(port: number, text: string): Promise<unknown> {
  const [head, body] = await sayBytes(port, text)
  expect(head.toLowerCase()).toContain('\r\nx-request-id: ')
  expect(head).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect(head.toLowerCase()).toMatch(/\r\ncontent-type: application\/problem\+json/)
  return problemSchema.parse(JSON.parse(body))
}

describe('where it is wrong', () => {
  test('an address that resembles one', async () => {
    const { body } = await request(app.url).get('/v1/thing/acdf').set({ authorization })
    expect(body.detail).toBe('there is no GET /v1/thing/acdf: did you mean `GET /v1/things/{code}`?')
  })

  test('an address that is too long to be a mistyped one is compared with none', async () => {
    const { status, body } = await request(app.url)
      .get(`/v1/thing/${'a'.repeat(15_000)}`)
      .set({ authorization })
    expect([status, body.nearest]).toEqual([404, undefined])
    expect(body.detail).toMatch(/: see `\/openapi.json` for what there is$/)
  })

  test('a trailing slash', async () => {
    const { body } = await request(app.url).get('/livez/')
    expect(body.nearest).toEqual(['GET /livez'])
  })

  test('another method names those that are possible', async () => {
    const response = await request(app.url).delete('/v1/things/a').set({ authorization })
    expect(response.headers.allow).toBe('GET, HEAD')
    expect(response.body.detail).toBe('DELETE is not possible here: use `GET` or `HEAD`')
  })

  test('a body that is too large says how large it may be', async () => {
    const { body } = await post(JSON.stringify({ note: 'x'.repeat(2_000_000) }))
    expect(body).toMatchObject({ maxBytes: 1_048_576, detail: 'the body must have at most 1048576 bytes' })
  })

  test.each([
    ['{"a": 1,}', 'line 1, column 9: a field name in double quotes is expected'],
    ["{'a': 1}", 'line 1, column 2: a field name in double quotes is expected'],
    ['{"a": 1', 'line 1, column 8: the text ends where `,` or `}` is expected'],
    ['{\n  "a": 01\n}', 'line 2, column 9: `,` or `}` is expected'],
    ['{"a": "x\ny"}', 'line 1, column 9: a control character in a string must be written as an escape, like \\n'],
    ['{"a": "\\x"}', 'line 1, column 8: this escape does not exist'],
    ['{"a": "x}', 'line 1, column 7: this string is not closed'],
    ['{"a": [1 2]}', 'line 1, column 10: `,` or `]` is expected'],
    ['{} {}', 'line 1, column 4: nothing may follow the value'],
    ['{"effect": "withhold", "effect": "permit"}', 'line 1, column 24: this field is given twice'],
    ['{"a": 1, "\\u0061": 2}', 'line 1, column 10: this field is given twice'],
    ['{"__proto__": {}}', 'line 1, column 2: no field has this name'],
    ['NaN', 'line 1, column 1: a value is expected'],
    ['['.repeat(100_000), 'line 1, column 101: nested more than 100 levels deep'],
  ])('%.40s', async (text, place) => {
    const { body, status } = await post(text)
    expect(status).toBe(400)
    expect(body).toMatchObject({ code: 'MALFORMED_JSON', detail: `the body is not valid JSON: ${place}` })
  })

  test('what is valid JSON is read as JSON.parse reads it', async () => {
    const text = ' \n{"surgeryDate":"2026-10-01", "note":"\\u00e9 \\ud83d\\ude00 é \\"\\\\ \\/"}\t'
    expect((await post(text)).status).toBe(200)
    expect((await post(`\ufeff${text}`)).status).toBe(200)
  })

  test('a body that is not UTF-8', async () => {
    const response = await fetch(`${app.url}/v1/things`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: Buffer.from([0x7b, 0xff, 0x7d]),
    })
    expect(await response.json()).toMatchObject({ code: 'MALFORMED_JSON', detail: 'the body is not UTF-8 text' })
  })

  test('another media type is told which one is taken', async () => {
    const { body } = await post('a', { 'content-type': 'application/xml' })
    expect(body.detail).toBe('the body’s `Content-Type` is another: this address takes `application/json`')
  })
})

describe('faults of ours', () => {
  test('tell a caller nothing of the inside', async () => {
    for (const path of ['/v1/misfit', '/v1/bug']) {
      const { body, status } = await request(production.url).get(path).set({ authorization })
      expect(status).toBe(500)
      expect(Object.keys(body).sort()).toEqual(['code', 'detail', 'instance', 'requestId', 'status', 'title', 'type'])
      expect(JSON.stringify(body)).not.toMatch(/John|secret|function|schema/)
    }
  })

  test('are logged once, with their cause', async () => {
    const { body } = await request(production.url).get('/v1/bug').set({ authorization })
    const lines = production.log.filter((line) => line.reqId === body.requestId && Number(line.level) >= 50)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({ err: { type: 'TypeError', message: 'John Smith is not a function' } })
  })

  test('show themselves in tests', async () => {
    const { body } = await request(app.url).get('/v1/misfit').set({ authorization })
    expect(body.explanation).toBe(
      'InvalidResponse: the answer of GET /v1/misfit does not fit its schema: /id must be a UUID',
    )
  })

  test('what an answer’s schema does not name does not leave the service', async () => {
    const { body } = await request(app.url).get('/v1/generous').set({ authorization })
    expect(body).toEqual({ id: '01a1f000-0000-7000-8000-000000000001', code: 'a' })
  })
})

describe('the kinds of problem', () => {
  test('are listed', async () => {
    const { body } = await request(app.url).get('/problems')
    expect(body.items.map(({ code }: { code: string }) => code)).toEqual(Object.keys(problemDefinitions))
  })

  test('each explains itself at the address that is its type', async () => {
    for (const [code, { status, title, advice }] of Object.entries(problemDefinitions)) {
      const type = `/problems/${slugOf(code as keyof typeof problemDefinitions)}`
      const response = await request(app.url).get(type)
      expect(response.body).toEqual({ type, code, status, title, advice })
    }
  })

  test('a mistyped one names those nearest to it', async () => {
    const { body } = await request(app.url).get('/problems/patient-notfound')
    expect(body.nearest[0]).toBe('patient-not-found')
  })
})
