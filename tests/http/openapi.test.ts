import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { FastifyInstance, FastifySchema } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import request from 'supertest'
import { parse } from 'yaml'
import { z } from 'zod'
import { compare, type Generated, generate } from '../../openapi/generate.ts'
import { buildApp } from '../../src/app.ts'
import { openDatabase } from '../../src/db/client.ts'
import { rolesWith, scopeOfOperation } from '../../src/http/access.ts'
import type { Feature } from '../../src/http/context.ts'
import { ifMatchHeader } from '../../src/http/etag.ts'
import { pageOf, pageQuery } from '../../src/http/pagination.ts'
import { errors } from '../../src/http/problems.ts'
import { noContent, slug, uuid } from '../../src/http/schemas.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'
import { db, startApp } from './test-app.ts'

/** What the tests look at, loosely: it is other people's format. */
// biome-ignore lint/suspicious/noExplicitAny: a document has no type here
type Loose = any

describe('the document of the service', () => {
  let database: TestDatabase
  let generated: Generated
  let document: Loose
  beforeAll(async () => {
    database = await createTestDatabase()
    generated = await generate(database.url)
    document = JSON.parse(generated['openapi.json'])
    // The whole walk through the service.
  }, 60_000)
  afterAll(() => database.close())

  test('is the committed one, with examples that the service gives today', async () => {
    expect(await compare(generated)).toEqual([])
  })

  test('is linted without errors', async () => {
    const lint = promisify(execFile)(
      process.execPath,
      [
        'node_modules/@redocly/cli/bin/cli.js',
        'lint',
        'openapi/openapi.yaml',
        '--config',
        'openapi/redocly.yaml',
        '--format',
        'stylish',
      ],
      { env: { ...process.env, NODE_OPTIONS: '', REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
    )
    await expect(lint).resolves.toMatchObject({ stderr: expect.stringContaining('Your API description is valid') })
  }, 30_000)

  test('is what the service serves, as JSON and as YAML', async () => {
    const db = openDatabase(database.url)
    const app = await buildApp({ config: { logLevel: 'silent' }, db, clock: () => Temporal.Now.instant() })
    await app.ready()
    const json = await app.inject('/openapi.json')
    const yaml = await app.inject('/openapi.yaml')
    expect(json.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(yaml.headers['content-type']).toBe('application/yaml; charset=utf-8')
    const committed = await readFile(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')
    expect(json.body).toBe(committed)
    expect(parse(yaml.body)).toEqual(JSON.parse(committed))
    await app.close()
    await db.close()
  })

  test('has for every operation a real success, and no example of what is not documented', () => {
    const examples = JSON.parse(generated['examples.json'])
    const lacking: string[] = []
    for (const { operation } of operationsOf(document)) {
      const success = Object.keys(operation.responses).filter((status) => status.startsWith('2'))
      const recorded = Object.keys(examples[operation.operationId]?.responses ?? {})
      if (!success.some((status) => recorded.includes(status))) lacking.push(operation.operationId)
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(recorded))
    }
    expect(lacking).toEqual([])
  })

  test('has examples that are valid by its own schemas', () => {
    const validate = makeValidator(document)
    let validated = 0
    for (const { operation, pointer } of operationsOf(document)) {
      for (const { media, at } of mediaOf(operation, pointer)) {
        if (media.example === undefined) continue
        expect([at, validate(`${at}/schema`, media.example)]).toEqual([at, []])
        validated += 1
      }
      for (const [index, parameter] of (operation.parameters ?? []).entries()) {
        if (parameter.example === undefined) continue
        const at = `${pointer}/parameters/${index}`
        expect([at, validate(`${at}/schema`, parameter.example)]).toEqual([at, []])
        validated += 1
      }
    }
    expect(validated).toBeGreaterThan(3)
  })

  test('documents the headers that the answers have', () => {
    const headersOf = (operationId: string) => {
      const found = operationsOf(document).find(({ operation }) => operation.operationId === operationId)
      return Object.entries<Loose>(found?.operation.responses ?? {}).flatMap(([status, response]) =>
        Object.keys(response.headers ?? {}).map((name) => `${status} ${name}`),
      )
    }
    expect(headersOf('listPatients')).toEqual(['200 Link'])
    expect(headersOf('createPatient')).toEqual([
      '201 ETag',
      '201 Location',
      '201 Idempotency-Replayed',
      '409 Retry-After',
    ])
    expect(headersOf('getEpisode')).toEqual(['200 ETag', '304 ETag'])
    expect(headersOf('removeDraftPhase')).toEqual(['204 ETag'])
    expect(headersOf('getMilestone')).toEqual([])
    for (const { operation } of operationsOf(document)) {
      if ('201' in operation.responses) expect(headersOf(operation.operationId)).toContain('201 Location')
    }
  })

  test('names for everything under /v1, and for nothing else, the scope that it needs and the roles that have it', () => {
    for (const { path, operation } of operationsOf(document)) {
      const isPrivate = path.startsWith('/v1/')
      const scope = scopeOfOperation[operation.operationId]
      expect([path, operation.security ?? document.security]).toEqual([
        path,
        isPrivate ? [{ apiKey: [scope] }, { person: [scope] }, { client: [scope] }] : [],
      ])
      expect('403' in operation.responses).toBe(isPrivate)
      if (scope === undefined) continue
      expect(operation.description).toContain(`Scope: \`${scope}\` (${rolesWith(scope).join(', ')}).`)
      expect('401' in operation.responses).toBe(true)
    }
  })

  test('has a scope for no operation that is not there', () => {
    const operations = operationsOf(document).map(({ operation }) => operation.operationId)
    expect(Object.keys(scopeOfOperation).filter((name) => !operations.includes(name))).toEqual([])
  })

  test('describes every tag that it uses, and uses no component twice or never', () => {
    const used = new Set(operationsOf(document).flatMap(({ operation }) => operation.tags))
    const described = document.tags.map(({ name }: { name: string }) => name)
    expect(described).toEqual(expect.arrayContaining([...used]))
    const text = generated['openapi.json']
    for (const [kind, components] of Object.entries<object>(document.components)) {
      if (kind === 'securitySchemes') continue
      for (const name of Object.keys(components)) expect(text).toContain(`"#/components/${kind}/${name}"`)
    }
  })
})

interface OperationAt {
  path: string
  operation: Loose
  pointer: string
}

function operationsOf(document: Loose): OperationAt[] {
  return Object.entries<Loose>(document.paths).flatMap(([path, item]) =>
    Object.entries<Loose>(item).map(([method, operation]) => ({
      path,
      operation,
      pointer: `#/paths/${path.replaceAll('/', '~1')}/${method}`,
    })),
  )
}

function* mediaOf(operation: Loose, pointer: string): Generator<{ media: Loose; at: string }> {
  for (const [type, media] of Object.entries<Loose>(operation.requestBody?.content ?? {})) {
    yield { media, at: `${pointer}/requestBody/content/${type.replaceAll('/', '~1')}` }
  }
  for (const [status, response] of Object.entries<Loose>(operation.responses)) {
    for (const [type, media] of Object.entries<Loose>(response.content ?? {})) {
      yield { media, at: `${pointer}/responses/${status}/content/${type.replaceAll('/', '~1')}` }
    }
  }
}

/** Validates a value by the schema at a pointer of the document, and returns what is wrong. */
function makeValidator(document: Loose): (pointer: string, value: unknown) => string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  ajv.addSchema(document, 'openapi')
  return (pointer, value) => {
    const validate = ajv.compile({ $ref: `openapi${encodeURI(pointer).replaceAll('%23', '#')}` })
    if (validate(value)) return []
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
  }
}

const thing = z.object({ id: uuid, code: slug, revision: z.int() }).meta({ id: 'Thing', description: 'A thing.' })
const thingBody = z.strictObject({ code: slug, shared: z.strictObject({ a: z.int() }).meta({ id: 'Shared' }) })

function registerThings(app: FastifyInstance): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const about = { tags: ['service'], summary: 'For the test' }
  const params = z.object({ id: uuid })
  routes.get(
    '/things',
    {
      schema: {
        ...about,
        operationId: 'listThings',
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(thing) },
      },
    },
    async () => ({ items: [], next: null }),
  )
  routes.post(
    '/things',
    {
      schema: {
        ...about,
        operationId: 'createThing',
        body: thingBody,
        response: { 201: thing, ...errors('ALREADY_EXISTS', 'IN_USE') },
      },
    },
    async () => ({ id: '', code: '', revision: 1 }),
  )
  routes.delete(
    '/things/:id',
    {
      schema: {
        ...about,
        operationId: 'deleteThing',
        params,
        headers: ifMatchHeader,
        response: { 204: noContent, ...errors('PATIENT_NOT_FOUND') },
      },
    },
    async () => null,
  )
}

describe('a document is made of the routes alone', () => {
  let document: Loose
  beforeAll(async () => {
    const app = await startApp([registerThings])
    document = (await request(app.url).get('/openapi.json')).body
    await app.close()
  })

  test('each has every error that it can answer with', () => {
    const { '/v1/things': things, '/v1/things/{id}': one } = document.paths
    expect(Object.keys(things.get.responses)).toEqual(['200', '400', '401', '403', '429', '500', '503'])
    const ofPost = ['201', '400', '401', '403', '409', '413', '415', '422', '429', '500', '503']
    expect(Object.keys(things.post.responses)).toEqual(ofPost)
    expect(Object.keys(one.delete.responses)).toEqual([
      '204',
      '400',
      '401',
      '403',
      '404',
      '412',
      '413',
      '414',
      '415',
      '428',
      '429',
      '500',
      '503',
    ])
    const name = 'AlreadyExistsOrInUseOrRequestInProgress'
    expect(things.post.responses['409']).toEqual({ $ref: `#/components/responses/${name}` })
    expect(document.components.responses[name]).toEqual({
      description:
        '`ALREADY_EXISTS`: It exists already. `IN_USE`: It is still in use. `REQUEST_IN_PROGRESS`: A request with this key is being answered.',
      headers: { 'Retry-After': { $ref: '#/components/headers/Retry-After' } },
      content: {
        'application/problem+json': {
          schema: {
            allOf: [
              { $ref: '#/components/schemas/Problem' },
              {
                type: 'object',
                properties: { code: { type: 'string', enum: ['ALREADY_EXISTS', 'IN_USE', 'REQUEST_IN_PROGRESS'] } },
              },
            ],
          },
        },
      },
    })
  })

  test('each has the headers of its answers', () => {
    const { '/v1/things': things, '/v1/things/{id}': one } = document.paths
    expect(things.get.responses['401']).toEqual({
      $ref: '#/components/responses/AuthenticationRequiredOrInvalidAccessTokenOrInvalidApiKey',
    })
    expect(document.components.responses.AuthenticationRequiredOrInvalidAccessTokenOrInvalidApiKey.headers).toEqual({
      'WWW-Authenticate': { $ref: '#/components/headers/WWW-Authenticate' },
    })
    expect(one.delete.responses['204']).toEqual({ description: 'Done; there is nothing to say.' })
    expect(one.delete.parameters).toContainEqual(
      expect.objectContaining({ name: 'If-Match', in: 'header', required: true }),
    )
  })

  test('a query is described as what it becomes', () => {
    const [limit] = document.paths['/v1/things'].get.parameters
    expect(limit).toMatchObject({
      name: 'limit',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    })
  })

  test('a body is strict, an answer may gain fields, and one name is one schema', () => {
    const { schema } = document.paths['/v1/things'].post.requestBody.content['application/json']
    expect(schema.additionalProperties).toBe(false)
    expect(schema.properties.shared).toEqual({ $ref: '#/components/schemas/Shared' })
    expect(document.components.schemas.Thing).not.toHaveProperty('additionalProperties')
    expect(Object.keys(document.components.schemas)).toEqual([
      'Health',
      'IssuedToken',
      'Problem',
      'ProblemKind',
      'Shared',
      'SmartConfiguration',
      'Thing',
    ])
  })
})

describe('the service does not start', () => {
  const complete = { operationId: 'x', summary: 'X', tags: ['service'], response: { 200: z.object({}) } }
  const start = (...schemas: FastifySchema[]) =>
    startApp([
      (app) => {
        for (const [index, schema] of schemas.entries()) app.get(`/x${index}`, { schema }, async () => ({}))
      },
    ])

  test.each<[string, FastifySchema[], RegExp]>([
    [
      'without an operationId',
      [{ ...complete, operationId: undefined } as never],
      /GET \/v1\/x0 must have a schema with operationId/,
    ],
    ['without a summary', [{ ...complete, summary: '' }], /must have a schema with summary/],
    ['without a tag', [{ ...complete, tags: [] }], /must have a schema with tags/],
    ['with a tag that nobody describes', [{ ...complete, tags: ['misc'] }], /has the tag "misc"/],
    ['with one operationId twice', [complete, complete], /two routes have the operationId "x"/],
    [
      'with an answer that would be transformed',
      [{ ...complete, response: { 200: z.object({ a: z.string().transform(Number) }) } }],
      /GET \/v1\/x0 has a schema that JSON cannot show/,
    ],
    [
      'with an answer that has a Date',
      [{ ...complete, response: { 200: z.object({ a: z.date() }) } }],
      /has a schema that JSON cannot show/,
    ],
  ])('%s', async (_name, schemas, message) => {
    await expect(start(...schemas)).rejects.toThrow(message)
  })

  test('with a route that states no scope, and says where to add it', async () => {
    const feature: Feature = (app) => {
      app.get('/x', { schema: complete }, async () => ({}))
    }
    const options = { config: { logLevel: 'silent' as const }, db, clock: () => Temporal.Now.instant() }
    await expect(buildApp({ ...options, features: [feature] })).rejects.toThrow(
      "the route GET /v1/x states no scope: add `x: '<scope>',` to scopeOfOperation in src/http/access.ts",
    )
  })
})
