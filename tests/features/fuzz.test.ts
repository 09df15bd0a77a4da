import { createServer, request as httpRequest } from 'node:http'
import { afterAll, describe, expect, test } from '@jest/globals'
import { makeChance } from '../safety/fuzz/chance.ts'
import { readDocument } from '../safety/fuzz/document.ts'
import { findOperation, type Judged, judge } from '../safety/fuzz/judge.ts'
import { makeModel } from '../safety/fuzz/model.ts'
import { findGaps, findUnseen, judgeMemory } from '../safety/fuzz/report.ts'
import { makeRequests } from '../safety/fuzz/requests.ts'
import { runFuzz } from '../safety/fuzz/run.ts'
import { startService } from '../safety/fuzz/service.ts'
import type { Reply } from '../safety/fuzz/wire.ts'
import { createTestDatabase } from '../support/test-database.ts'

const database = await createTestDatabase()
const service = await startService(database.url)
afterAll(async () => {
  await service.close()
  await database.close()
})

test('3,000 requests: no answer of 5xx, and none that the document does not know', async () => {
  const seeds = [20_261_120, Date.now() % 1_000_000_000] as const
  const result = await runFuzz(service, { count: 3000, seeds, slowest: 20_000 })
  const told = result.findings.map(({ key, detail, curl }) => `seeds ${seeds}: ${key}\n${detail}\n${curl}`)
  expect(told).toEqual([])
  expect(result.sent).toBe(3000)
  // Chance leaves out a few.
  const gaps = findGaps(result.document, result.coverage)
  expect({ few: gaps.length < 20, gaps }).toMatchObject({ few: true })
}, 300_000)

type Tampered = Pick<Reply, 'status' | 'headers' | 'text'>

/** Faults that a service could have, each in one operation. */
const planted: Record<string, { check: string; tamper: (answer: Tampered) => Tampered }> = {
  '/v1/actors': { check: 'server-error', tamper: (answer) => ({ ...answer, status: 500 }) },
  '/v1/attributes': { check: 'status', tamper: (answer) => ({ ...answer, status: 202 }) },
  '/livez': { check: 'body', tamper: (answer) => ({ ...answer, text: answer.text.replace('{', '{"version":1,') }) },
  '/readyz': { check: 'request-id', tamper: (answer) => without(answer, 'x-request-id') },
  '/problems': { check: 'content-type', tamper: (answer) => withHeader(answer, 'content-type', 'text/html') },
  '/v1/clinic': { check: 'headers', tamper: (answer) => without(answer, 'etag') },
  '/v1/exercises': {
    check: 'foreign',
    tamper: (answer) => ({ ...answer, text: answer.text.replace('"Walking"', '"frgn-title"') }),
  },
  '/v1/patients': {
    check: 'problem',
    tamper: (answer) => ({ ...answer, text: answer.text.replace(/"errors":\[.*\]/, '"errors":[]') }),
  },
  '/v1/episodes': {
    check: 'leak',
    tamper: (answer) => ({
      ...answer,
      text: answer.text.replace('"detail":"', '"detail":"at /app/src/db/client.ts:57:22 '),
    }),
  },
}

function without(answer: Tampered, name: string): Tampered {
  return withHeader(answer, name, undefined)
}

function withHeader(answer: Tampered, name: string, value: string | undefined): Tampered {
  return { ...answer, headers: { ...answer.headers, [name]: value } }
}

/** Stands before the service and spoils its answers. */
async function startTamperer() {
  const { hostname, port } = new URL(service.address)
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming
    const forwarded = httpRequest({ hostname, port, method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const answer = { status: response.statusCode ?? 0, headers: response.headers as Reply['headers'], text }
        const fault = planted[path?.split('?')[0] ?? '']
        const spoilt = fault === undefined || method !== 'GET' ? answer : fault.tamper(answer)
        const kept = Object.entries(spoilt.headers).filter(
          ([name, value]) => value !== undefined && name !== 'content-length',
        )
        const body = method === 'HEAD' || spoilt.status === 304 ? '' : spoilt.text
        outgoing.writeHead(spoilt.status, Object.fromEntries(kept) as Record<string, string>).end(body)
      })
    })
    forwarded.on('error', () => outgoing.destroy())
    incoming.pipe(forwarded)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: own } = server.address() as { port: number }
  return { address: `http://127.0.0.1:${own}`, close: () => server.close() }
}

test('none of its requests takes away the access of whoever makes them', async () => {
  const document = readDocument(await (await fetch(`${service.address}/openapi.json`)).json())
  const requests = makeRequests(document, (start) => `${start}-1`)
  const [own, other] = ['01a1f000-0000-7000-8000-000000000001', '01a1f000-0000-7000-8000-000000000002']
  const model = makeModel(document)
  model.kept.add(own)
  for (const list of ['api-keys', 'clients', 'actors']) {
    for (const id of [own, other]) model.remember(`/v1/${list}/${id}`)
  }
  const taking = ['rotateApiKey', 'revokeApiKey', 'updateClient', 'revokeClient', 'blockActor'].map((id) => {
    const operation = document.byId.get(id)
    if (operation === undefined) throw new Error(`there is no operation ${id}`)
    return operation
  })
  const asked = Array.from({ length: 20 }, (_, seed) =>
    taking.map((operation) => requests.plan(operation, model, makeChance(seed)).address.split('/')[3]),
  )
  expect(new Set(asked.flat())).toEqual(new Set([other]))
})

describe('what the fuzz must not overlook', () => {
  test('a fault planted in an operation', async () => {
    const tamperer = await startTamperer()
    const wanted = ['listActors', 'listAttributes', 'getLiveness', 'getReadiness', 'listProblems', 'getClinic']
    const only = (id: string): boolean => [...wanted, 'listExercises', 'listPatients', 'listEpisodes'].includes(id)
    const result = await runFuzz(
      { address: tamperer.address, makeClinic: service.makeClinic },
      { count: 250, seeds: [7], only, connections: 4, slowest: 20_000 },
    )
    tamperer.close()
    const found = new Set(result.findings.map(({ check }) => check))
    expect([...found].sort()).toEqual(expect.arrayContaining(Object.values(planted).map(({ check }) => check)))
  }, 60_000)

  test('an answer that is slow, lets an outsider in, accepts what is forbidden, or makes no sense', async () => {
    const document = readDocument(await (await fetch(`${service.address}/openapi.json`)).json())
    const theirs = '01a1f000-0000-7000-8000-000000000002'
    const rules = { document, slowest: 1000, foreign: new RegExp(theirs) }
    const reply = (status: number, body: object): Reply => ({
      status,
      headers: { 'content-type': 'application/json', 'x-request-id': 'one', etag: '"1"', location: '/v1/x' },
      text: JSON.stringify(body),
      body,
      milliseconds: 10,
    })
    const checksOf = (
      method: string,
      target: string,
      answer: Reply,
      body?: object,
      outsider: Judged['outsider'] = null,
    ): string[] => {
      const sent = {
        method,
        target,
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      }
      return judge({ sent, operation: findOperation(document, sent), reply: answer, outsider }, rules).map(
        ({ check }) => check,
      )
    }
    const id = '01a1f000-0000-7000-8000-000000000001'
    const patient = { id, externalId: 'a', displayName: null, revision: 1, createdAt: '2026-11-20T12:00:00.000Z' }
    expect(checksOf('GET', `/v1/patients/${id}`, reply(200, patient))).toEqual([])
    expect(checksOf('GET', `/v1/patients/${id}`, { ...reply(200, patient), milliseconds: 1001 })).toEqual(['slow'])
    expect(checksOf('GET', `/v1/patients/${id}`, reply(200, patient), undefined, 'stranger')).toEqual(['let-in'])
    expect(checksOf('GET', `/v1/patients/${id}`, reply(200, patient), undefined, 'other-clinic')).toEqual(['let-in'])
    const own = reply(200, { ...patient, id: theirs })
    expect(checksOf('GET', `/v1/patients/${theirs}`, own, undefined, 'other-clinic')).toEqual([])
    expect(checksOf('GET', `/v1/patients/${theirs}`, own, undefined, 'stranger')).toEqual(['let-in'])
    const both = `/v1/protocols/z-protocol-1/versions/${theirs}`
    expect(checksOf('GET', both, own, undefined, 'other-clinic')).toContain('let-in')
    expect(checksOf('GET', `/v1/patients/${id}?all=1`, reply(200, patient))).toEqual(['accepted'])
    const none = reply(200, { items: [], next: null })
    expect(checksOf('GET', '/v1/patients?externalId=', none)).toEqual(['accepted'])
    expect(checksOf('GET', '/v1/patients?externalId=#a', none)).toEqual([])
    expect(checksOf('POST', '/v1/patients', reply(201, patient), { externalId: 'a' })).toEqual([])
    expect(checksOf('POST', '/v1/patients', reply(201, patient), { externalId: 'a', age: 7 })).toEqual(['accepted'])
    const answer = { status: 'on-hold', permitted: [{ exercise: 'walking' }], withheld: [{ exercise: 'walking' }] }
    const nonsense = checksOf('GET', `/v1/episodes/${id}/permitted-exercises`, reply(200, answer))
    expect(nonsense.filter((check) => check === 'sense')).toHaveLength(2)
  })

  test('memory that grows, and an operation that never succeeds', async () => {
    const points = Array.from({ length: 9 }, (_, index) => ({ after: index, rss: 1, external: 1, heapUsed: 2 ** 26 }))
    expect(judgeMemory(points).flat).toBe(true)
    const growing = points.map((point, index) => ({ ...point, heapUsed: 2 ** 26 + index * 2 ** 24 }))
    expect(judgeMemory(growing).flat).toBe(false)
    const document = readDocument(await (await fetch(`${service.address}/openapi.json`)).json())
    const all = new Map(
      document.operations.map(({ id, statuses }) => [id, new Map(statuses.map((status) => [status, 1]))]),
    )
    expect([findGaps(document, all), findUnseen(document, all)]).toEqual([[], []])
    all.set('getClinic', new Map([[401, 5]]))
    expect(findGaps(document, all)).toEqual(['getClinic never succeeded'])
    expect(findUnseen(document, all)).toEqual([expect.stringContaining('getClinic never answered')])
  })
})
