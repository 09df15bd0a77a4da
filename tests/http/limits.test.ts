import { Agent, get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterAll, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import request from 'supertest'
import { z } from 'zod'
import { TooManyWaiting } from '../../src/db/gather.ts'
import { linesMediaType, sendLines } from '../../src/http/lines.ts'
import { authorization, db, startApp } from './test-app.ts'

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

const done = z.object({ done: z.boolean() })
const about = { tags: ['patients'], summary: 'For the test', response: { 200: done } }

const lines = { told: 0 }

async function* countedLines(): AsyncGenerator<object[]> {
  for (; lines.told < 3; lines.told += 1) yield [{ line: lines.told }]
}

const endless = { told: 0, isOver: false }

async function* endlessLines(): AsyncGenerator<object[]> {
  try {
    for (;;) {
      endless.told += 1
      yield [{ line: 'a'.repeat(1_000_000) }]
    }
  } finally {
    endless.isOver = true
  }
}

function registerWork(app: FastifyInstance): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  routes.get('/busy', { schema: { ...about, operationId: 'getBusy' } }, async () => {
    for (const end = Date.now() + 150; Date.now() < end; );
    return { done: true }
  })
  routes.get('/slow', { schema: { ...about, operationId: 'getSlow' } }, async () => {
    await pause(5000)
    return { done: true }
  })
  routes.get('/lines', { schema: { ...about, operationId: 'getLines', response: {} } }, (request, reply) => {
    sendLines(request, reply, countedLines())
  })
  routes.get(
    '/endless',
    { config: { answerWithin: 600 }, schema: { ...about, operationId: 'getEndless', response: {} } },
    (request, reply) => {
      sendLines(request, reply, endlessLines())
    },
  )
  routes.post(
    '/echo',
    { schema: { ...about, operationId: 'echo', body: z.strictObject({ note: z.string().max(10) }) } },
    async () => ({ done: true }),
  )
}

const app = await startApp([registerWork], {
  timeouts: { headers: 300, request: 600, check: 50, handler: 400, idle: 900 },
  config: { maxConnections: 20 },
})
const shedding = await startApp([registerWork], { config: { maxEventLoopDelay: 50, maxConnectionsPerAddress: 12 } })
const behindProxy = await startApp([registerWork], {
  config: { trustedProxies: ['10.0.0.0/8', '127.0.0.1'], maxConnectionsPerAddress: 12 },
})
afterAll(async () => {
  await app.close()
  await shedding.close()
  await behindProxy.close()
})

/** All that comes on a connection on which these texts are sent, one after each pause, until it is closed. */
function converse(texts: readonly string[], milliseconds: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(app.port, '127.0.0.1')
    let said = ''
    let next = 0
    const timer = setInterval(() => {
      if (next < texts.length && socket.writable) socket.write(texts[next] ?? '')
      next += 1
    }, milliseconds)
    socket.on('data', (chunk) => {
      said += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(timer)
      resolve(said)
    })
  })
}

describe('time', () => {
  test.each([
    [
      'a header now and then',
      ['GET /livez HTTP/1.1\r\nHost: a\r\n', ...Array.from({ length: 99 }, (_, n) => `X-${n}: a\r\n`)],
    ],
    [
      'a body letter by letter',
      [
        `POST /v1/echo HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`,
        ...Array.from({ length: 99 }, () => ' '),
      ],
    ],
  ])('is up for %s', async (_name, texts) => {
    const started = Date.now()
    const said = await converse(texts, 50)
    expect(said).toContain('REQUEST_TIMEOUT')
    expect(Date.now() - started).toBeLessThan(4000)
  })

  test('is up for a connection that says nothing', async () => {
    expect(await converse([], 50)).toMatch(/^$|REQUEST_TIMEOUT/)
  })

  test('is up for an answer', async () => {
    const { status, body, headers } = await request(app.url).get('/v1/slow').set({ authorization })
    expect([status, body.code, headers['retry-after']]).toEqual([503, 'SERVICE_UNAVAILABLE', '2'])
  })
})

test('a reader who takes little now and then is cut off when the time of the answer is over', async () => {
  const socket = connect(app.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  socket.write(`GET /v1/endless HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\n\r\n`)
  const timer = setInterval(() => socket.read(), 50)
  for (let waited = 0; waited < 100 && !endless.isOver; waited += 1) await pause(50)
  clearInterval(timer)
  socket.destroy()
  expect(endless.isOver).toBe(true)
  // Not faster than it was read.
  expect(endless.told).toBeLessThan(40)
})

test('no more connections than are allowed are kept', async () => {
  expect(await countClosed(app.port, 40)).toBeGreaterThanOrEqual(20)
})

/** How many of so many connections of this address are closed at once. */
async function countClosed(port: number, count: number): Promise<number> {
  let closed = 0
  const sockets = Array.from({ length: count }, () =>
    connect(port, '127.0.0.1')
      .on('error', () => {})
      .on('close', () => {
        closed += 1
      }),
  )
  await pause(200)
  const atOnce = closed
  for (const socket of sockets) socket.destroy()
  return atOnce
}

test('one address has only its part of the connections, and a trusted proxy as many as it needs', async () => {
  expect(await countClosed(shedding.port, 20)).toBe(8)
  expect(await countClosed(behindProxy.port, 20)).toBe(0)
  await pause(50)
  expect(await countClosed(shedding.port, 12)).toBe(0)
})

test('whoever is refused or only probes keeps no connection, unless it is a proxy’s', async () => {
  const kept = async ({ port }: typeof app, path: string, more: object = {}): Promise<[number, string]> => {
    const agent = new Agent({ keepAlive: true })
    const answer = await new Promise<IncomingMessage>((resolve) => {
      get({ port, path, agent, headers: { ...more } }, resolve)
    })
    answer.resume()
    agent.destroy()
    return [answer.statusCode ?? 0, String(answer.headers['keep-alive'] ?? answer.headers.connection)]
  }
  expect(await kept(shedding, '/livez')).toEqual([200, 'close'])
  expect(await kept(shedding, '/v1/lines')).toEqual([401, 'close'])
  expect(await kept(shedding, '/problems', { authorization })).toEqual([200, 'timeout=10'])
  expect(await kept(behindProxy, '/livez')).toEqual([200, 'timeout=72'])
  expect(await kept(behindProxy, '/v1/lines')).toEqual([401, 'timeout=72'])
})

test('while others have waited for long for the database requests get a 503 at once', async () => {
  const waited = { longest: 0 }
  const database = { ...db, longestWait: () => waited.longest }
  const behind = await startApp([registerWork], { database })
  const ask = () => request(behind.url).post('/v1/echo').set({ authorization }).send({ note: 'a' })
  expect((await ask()).status).toBe(200)
  waited.longest = 2001
  const { status, body, headers } = await ask()
  expect([status, body.code, headers['retry-after']]).toEqual([503, 'SERVICE_UNAVAILABLE', '2'])
  await behind.close()
  // Nobody is to be woken, and no stack is written for each of many.
  const lines = behind.log.filter(({ reqId }) => reqId === body.requestId)
  expect(lines.map(({ level, code, err }) => ({ level, code, err }))).toEqual([
    { level: 40, code: 'SERVICE_UNAVAILABLE', err: undefined },
    { level: 30, code: undefined, err: undefined },
  ])
})

test('where too many wait already to ask the same of the database, whoever comes gets a 503 at once', async () => {
  const refusing = () => Promise.reject(new TooManyWaiting())
  const gather = () => Object.assign(refusing, { longestWait: () => 0, unanswered: () => 0, size: () => 0 })
  const full = await startApp([registerWork], { database: { ...db, gather } as typeof db })
  const { status, body, headers } = await request(full.url).get('/v1/lines').set({ authorization })
  expect([status, body.code, headers['retry-after']]).toEqual([503, 'SERVICE_UNAVAILABLE', '2'])
  await full.close()
  expect(full.log.filter(({ level }) => Number(level) > 40)).toEqual([])
})

test('while the processor is taken requests get a 503 at once, and probes an answer', async () => {
  const seen: request.Response[] = []
  for (let tries = 0; tries < 40 && !seen.some(({ status }) => status === 503); tries += 1) {
    seen.push(...(await Promise.all([0, 1].map(() => request(shedding.url).get('/v1/busy').set({ authorization })))))
  }
  const refused = seen.find(({ status }) => status === 503)
  expect(refused?.body).toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
  expect(refused?.headers['retry-after']).toBe('2')
  expect((await request(shedding.url).get('/livez')).status).toBe(200)
  await pause(1200)
  expect((await request(shedding.url).post('/v1/echo').set({ authorization }).send({ note: 'a' })).status).toBe(200)
})

test('whoever asks for the head of lines makes nobody work for them', async () => {
  const head = await request(app.url).head('/v1/lines').set({ authorization })
  expect([head.status, head.headers['content-type'], head.headers['content-length']]).toEqual([
    200,
    linesMediaType,
    undefined,
  ])
  expect(lines.told).toBe(0)
  expect((await request(app.url).get('/v1/lines').set({ authorization })).text.split('\n')).toHaveLength(4)
})

describe('size', () => {
  test.each<[string, string, number, string]>([
    [
      'an address of 20 KB',
      `GET /problems?a=${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    [
      'headers of 20 KB',
      `GET /problems HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    [
      'a form of 40 KB',
      `POST /oauth/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 40000\r\n\r\n${'a'.repeat(40_000)}`,
      413,
      'BODY_TOO_LARGE',
    ],
  ])('%s is too much', async (_name, text, status, code) => {
    const said = await converse([text], 10)
    expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(said).toContain(`"code":"${code}"`)
  })
})

describe('a page of another site', () => {
  test.each(['/v1/echo', '/oauth/token', '/problems'])('is let in nowhere: %s', async (path) => {
    const preflight = await request(app.url)
      .options(path)
      .set({ origin: 'https://evil.example', 'access-control-request-method': 'POST' })
    expect([preflight.status, preflight.body.code]).toEqual([405, 'METHOD_NOT_ALLOWED'])
    const asked = await request(app.url).get(path).set({ origin: 'https://evil.example', authorization })
    for (const { headers } of [preflight, asked]) {
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
  })
})
