import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { prepare } from '../../openapi/scenario.ts'
import { buildApp } from '../../src/app.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { builtInLibrary } from '../../src/features/clinics/library.ts'
import type { Context } from '../../src/http/context.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document has no type here
type Loose = any

/** What clients send by mistake or on purpose. */
const oddTexts = [
  ...['', ' ', 'A B', '\0', '\ud800', '💥', '../..', '__proto__', 'constructor', 'x'.repeat(3000)],
  ...['2026-02-30', '2026-10-01', '9999-12-31', '2026-11-20T09:00:00Z', 'acdf', 'lifting', '1', '-1', '0x10'],
]
const oddValues = [null, true, 0, -1, 1.5, 2_147_483_648, 1e308, [], {}, [null], { all: [] }, { not: { days: {} } }]
const oddText = fc.oneof(fc.constantFrom(...oddTexts), fc.string({ unit: 'binary', maxLength: 20 }))
const oddValue = fc.oneof(oddText, fc.constantFrom<unknown>(...oddValues), fc.jsonValue({ maxDepth: 3 }))

/** The value with a few things in it wrong. */
function nearly(value: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(value)) return mostly(fc.tuple(...value.map(nearly)))
  if (typeof value !== 'object' || value === null) return mostly(fc.constant(value))
  const fields = fc.record(Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, nearly(inner)])))
  const without = fc.constantFrom('', '', '', ...Object.keys(value))
  const added = fc.option(fc.tuple(oddText, oddValue), { freq: 8 })
  return mostly(
    fc.tuple(fields, without, added).map(([given, left, more]) => {
      const kept = Object.entries(given).filter(([name]) => name !== left)
      return Object.fromEntries(more === null ? kept : [...kept, more])
    }),
  )
}

function mostly(usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: oddValue })
}

let files: TestDatabase
let database: Database
let app: FastifyInstance
let apiKey: string
let document: Loose
let patient: string
let episode: string

beforeAll(async () => {
  files = await createTestDatabase()
  database = openDatabase(files.url)
  let made = 0
  let now = Temporal.Instant.from('2026-11-20T14:30:00Z')
  const context: Context = {
    db: database,
    clock: () => {
      now = now.add({ milliseconds: 1 })
      return now
    },
    ids: () => {
      made += 1
      return `01a1f000-0000-7000-8000-${made.toString(16).padStart(12, '0')}`
    },
    library: builtInLibrary,
  }
  apiKey = await prepare(context)
  app = await buildApp({ ...context, config: { logLevel: 'silent' }, explainInternalErrors: true })
  await app.ready()
  document = app.swagger()
  const create = async (url: string, payload: object) => {
    const response = await app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${apiKey}` }, payload })
    return response.json().id as string
  }
  patient = await create('/v1/patients', { externalId: 'mrn-1' })
  episode = await create(`/v1/patients/${patient}/episodes`, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
}, 30_000)

afterAll(async () => {
  await app.close()
  await database.close()
  await files.close()
})

/** Requests like the recorded one, with parts of them wrong. */
function requestsLike(path: string, method: string, operation: Loose): fc.Arbitrary<Loose> {
  const parameters: Loose[] = operation.parameters ?? []
  const pick = (place: string) => parameters.filter((parameter) => parameter.in === place)
  const url: fc.Arbitrary<Loose> = fc.record(
    Object.fromEntries(pick('path').map(({ name, example }) => [name, inPath(path, name, example)])),
  )
  const query = fc.record(
    Object.fromEntries(
      pick('query').map(({ name, example }) => [
        name,
        fc.option(fc.oneof(oddText, fc.constant(String(example ?? 1))), { nil: undefined }),
      ]),
    ),
  )
  const ifMatch = fc.oneof({ weight: 6, arbitrary: fc.constant('*') }, fc.constantFrom('"1"', '"2"', 'x', ''))
  const content: Loose = operation.requestBody?.content ?? {}
  const type = 'application/json' in content ? 'application/json' : Object.keys(content)[0]
  const media = type === undefined ? undefined : content[type]
  const body = media === undefined ? fc.constant(undefined) : nearly(media.example)
  return fc.tuple(url, query, ifMatch, body).map(([segments, search, header, payload]) => ({
    method: method.toUpperCase(),
    url: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(segments[name]).toWellFormed())),
    query: Object.fromEntries(
      Object.entries(search).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value).toWellFormed()]],
      ),
    ),
    headers: {
      authorization: `Bearer ${apiKey}`,
      'if-match': header,
      ...(type !== undefined && { 'content-type': type }),
    },
    ...(media && { payload: JSON.stringify(payload) }),
  }))
}

function inPath(path: string, name: string, example: unknown): fc.Arbitrary<unknown> {
  const own = name === 'id' ? (path.startsWith('/v1/patients') ? patient : episode) : example
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(own) },
    oddText.filter((text) => text !== '' && text.length < 200),
  )
}

test('whatever is sent, the answer is one that the document knows, and never a 500', async () => {
  for (const [path, item] of Object.entries<Loose>(document.paths)) {
    for (const [method, operation] of Object.entries<Loose>(item)) {
      const property = fc.asyncProperty(requestsLike(path, method, operation), async (request) => {
        const response = await app.inject(request)
        const documented = documentedCodes(operation.responses[response.statusCode])
        const { code, explanation } = response.statusCode >= 400 ? response.json() : {}
        expect({ status: response.statusCode, explanation }).not.toMatchObject({ status: 500 })
        if (response.statusCode >= 400) expect(documented).toContain(code)
        else expect(Object.keys(operation.responses)).toContain(String(response.statusCode))
      })
      // The parts of a draft share one registration.
      await fc.assert(property, { numRuns: path.includes('/draft/') ? 8 : 20, seed: 20_261_120 })
    }
  }
}, 120_000)

function documentedCodes(response: Loose): string[] {
  const found = response?.$ref ? document.components.responses[response.$ref.split('/').at(-1)] : response
  return found?.content?.['application/problem+json']?.schema.allOf[1].properties.code.enum ?? []
}
