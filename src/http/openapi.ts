import { existsSync, readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { stringify } from 'yaml'
import { z } from 'zod'
import { roleNames, rolesWith, type Scope, scopeNames, scopes } from './access.ts'
import { needsIfMatch } from './etag.ts'
import { takesKey } from './idempotency.ts'
import { finishDocument, type OpenapiDocument, type RecordedExamples } from './openapi-document.ts'
import { describeProblems, type ProblemCode, problemMediaType, problemsOf } from './problems.ts'

const tags = [
  { name: 'permitted-exercises', description: 'What a patient may do on a day, and why the rest is withheld.' },
  { name: 'simulations', description: 'The same answer for a hypothetical patient; nothing is stored.' },
  { name: 'patients', description: 'The people who recover. The clinic’s own number for them is `externalId`.' },
  {
    name: 'episodes',
    description: 'One patient’s recovery from one surgery, and the protocol versions assigned to it.',
  },
  {
    name: 'record',
    description:
      'What has happened since: milestones, facts, symptoms, overrides and holds. Entries are voided, never edited.',
  },
  { name: 'audit', description: 'Who did what in the clinic, when and from where; for its administrator.' },
  { name: 'protocols', description: 'Series of versions. A draft changes; a published version never does.' },
  {
    name: 'drafts',
    description: 'The one draft that a protocol can have: edited as a whole or in parts, then published.',
  },
  {
    name: 'library',
    description: 'The built-in protocols: adopting one, seeing how the clinic’s differs, and taking what is new in it.',
  },
  { name: 'procedures', description: 'The operations that the clinic’s protocols are for.' },
  { name: 'exercises', description: 'The catalogue of movements and activities, graded by attributes.' },
  { name: 'attributes', description: 'The properties by which exercises are graded and contraindications find them.' },
  { name: 'clinic', description: 'The clinic that the caller belongs to.' },
  {
    name: 'identity',
    description: 'Who may act in the clinic: API keys, clients, and the people whom an identity provider knows.',
  },
  { name: 'service', description: 'Health, and what the kinds of problem mean.' },
]

const description = [
  'A clinic’s software asks, for one patient on one day: **which exercises are permitted, at what dose, under which limits, and why are the others withheld?** The answer comes from the procedure and the surgery date, the protocol version that a clinician assigned, and what has been recorded since.',
  'The service informs a clinician’s decision; it does not replace it. **What is not known never permits**: an exercise is permitted only if a protocol grants it and nothing, known or unknown, stands against it.',
  [
    'Every request under `/v1` needs an API key or an access token: `Authorization: Bearer <key>`. It belongs to one clinic and sees nothing of another. What it may do is said by its role, below; each operation names the scope that it needs (403 without).',
    'Every error is a problem document (RFC 9457) with a stable `code`; `errors` names each place in the request.',
    'Every answer has an `X-Request-Id`, which the caller may give.',
    'Request bodies and queries are strict: a field that is not known is an error. White space round a text is taken off. Answers may gain fields.',
    'Dates are calendar dates in the clinic’s time zone; the surgery day is day 0. Moments are in UTC.',
    'Lists are paged: follow `next`, or the `Link` header (RFC 8288).',
    'Requests are counted by the minute, for each actor and for each address: `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` say where the caller is, and beyond the limit the answer is a 429 with `Retry-After`.',
    'A resource with a `revision` has it as its `ETag`; a change needs it in `If-Match` (428 without, 412 if it is outdated).',
    'A POST that writes takes an `Idempotency-Key`. If the answer is lost, send the same request with the same key: it is done once, and the first answer comes again, to the byte, with `Idempotency-Replayed: true`. Key and write are one transaction. Only a success is kept, for 48 hours: a request that was refused can be corrected and sent with the same key. The answer about a patient goes when they are deleted, and a retry is a 410 then. With another address, query, `If-Match` or body it is a 422; while the first is being answered, after some seconds, a 409 with `Retry-After`. Keys of different actors have nothing to do with each other; API keys that follow one another by rotation are one actor. Simulations, checks and all other methods ignore the header.',
  ]
    .map((point) => `- ${point}`)
    .join('\n'),
  describeRoles(),
].join('\n\n')

/** Who may do what, as a table. */
function describeRoles(): string {
  const rows = scopeNames.map((scope) => {
    const marks = roleNames.map((role) => (rolesWith(scope).includes(role) ? 'yes' : ''))
    return `| \`${scope}\` | ${scopes[scope]} | ${marks.join(' | ')} |`
  })
  return [
    `| scope | allows to | ${roleNames.join(' | ')} |`,
    `|---|---|${roleNames.map(() => '---|').join('')}`,
    ...rows,
  ].join('\n')
}

const openapiFolder = new URL('../../openapi/', import.meta.url)

interface OpenapiOptions {
  version: string
  /** Recorded answers; left out: those in `openapi/examples.json`. */
  examples?: RecordedExamples
}

/** Describes every route that is registered afterwards. A route without operationId, summary or tag stops the boot. */
export async function registerOpenapi(
  app: FastifyInstance,
  { version, examples = readExamples() }: OpenapiOptions,
): Promise<void> {
  const operationIds = new Set<string>()
  app.addHook('onRoute', ({ method, url, schema }) => {
    if (schema?.hide === true || method === 'HEAD') return
    const operationId = assertDescribed(`${method} ${url}`, schema)
    if (operationIds.has(operationId)) throw new Error(`two routes have the operationId "${operationId}"`)
    operationIds.add(operationId)
  })

  const zodToJsonConfig: Parameters<typeof createJsonSchemaTransform>[0]['zodToJsonConfig'] = {
    target: 'draft-2020-12',
    override: ({ zodSchema, jsonSchema }) => {
      // An answer may gain fields: only what is strict by its own declaration forbids others.
      const { def } = zodSchema._zod
      if (def.type === 'object' && !('catchall' in def && def.catchall)) delete jsonSchema.additionalProperties
      // zod leaves out the default of what it transforms; a number read from digits is documented as a number.
      if (def.type === 'default' && 'defaultValue' in def && jsonSchema.type === 'integer') {
        jsonSchema.default = def.defaultValue as number
      }
      // Every JSON number that is exact: no bound that anybody meant.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      delete jsonSchema.forEditors
    },
  }
  const transformSchema = createJsonSchemaTransform({ skipList: [], zodToJsonConfig })
  const transformDocument = createJsonSchemaTransformObject({ zodToJsonConfig })

  await app.register(swagger, {
    convertConstToEnum: false,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Rehab protocols',
        version,
        description,
        license: { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' },
      },
      servers: [{ url: '/', description: 'This service' }],
      tags,
      components: {
        securitySchemes: {
          apiKey: { type: 'http', scheme: 'bearer', description: 'An API key of the clinic: `rp_…`' },
          person: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'An access token of an identity provider (OpenID Connect) that the operator has configured.',
          },
          client: {
            type: 'oauth2',
            description: 'A registered client, which signs an assertion (SMART Backend Services).',
            flows: { clientCredentials: { tokenUrl: '/oauth/token', scopes } },
          },
        },
      },
      security: [{ apiKey: [] }, { person: [] }, { client: [] }],
    },
    transform: (input) => {
      const { schema, url } = transformSchema(input)
      return { schema: nameProblems(schema, input.schema?.response), url }
    },
    transformObject: (input) => finishDocument(transformDocument(input) as OpenapiDocument, examples) as never,
  })
}

function assertDescribed(route: string, schema: FastifySchema | undefined): string {
  const missing = (['operationId', 'summary', 'tags'] as const).filter((key) => !schema?.[key]?.length)
  if (schema?.operationId === undefined || missing.length > 0) {
    throw new Error(`the route ${route} must have a schema with ${missing.join(', ')}, or hide: true`)
  }
  const unknown = schema.tags?.find((tag) => !tags.some(({ name }) => name === tag))
  if (unknown !== undefined)
    throw new Error(`the route ${route} has the tag "${unknown}", which openapi.ts does not list`)
  return schema.operationId
}

/** Says which codes a problem answer can have, beside the shape that all problems share. */
function nameProblems(schema: FastifySchema, declared: unknown): FastifySchema {
  const described = schema.response
  if (typeof described !== 'object' || described === null || typeof declared !== 'object' || declared === null)
    return schema
  const response = Object.entries(described).map(([status, content]) => {
    const codes = problemsOf({ [status]: Reflect.get(declared, status) })
    if (codes.length === 0) return [status, content]
    const shared = content.content[problemMediaType].schema
    const named = { allOf: [shared, { type: 'object', properties: { code: { type: 'string', enum: codes } } }] }
    return [status, { ...content, content: { [problemMediaType]: { schema: named } } }]
  })
  return { ...schema, response: Object.fromEntries(response) }
}

/** Adds to each route of the scope the problems that it can answer without saying so. */
export function describeScope(app: FastifyInstance, scope: 'public' | 'private'): void {
  app.addHook('onRoute', (route) => {
    const { schema, config } = route
    if (schema === undefined || schema.hide === true) return
    const response = typeof schema.response === 'object' && schema.response !== null ? schema.response : {}
    const successes = Object.entries(response).filter(([, value]) => problemsOf([value]).length === 0)
    const codes = [
      ...problemsOf(response),
      ...impliedProblems(schema, scope, route.method),
      ...(config?.isProbe ? [] : refusals),
    ]
    route.schema = {
      ...schema,
      ...(scope === 'public' && { security: [] }),
      ...(config?.scope !== undefined && describeNeed(schema.description, config.scope)),
      response: { ...Object.fromEntries(successes), ...describeProblems(codes) },
    }
  })
}

/** The scope that the route needs, for software and for people. */
function describeNeed(description: string | undefined, scope: Scope): Pick<FastifySchema, 'description' | 'security'> {
  const need = `Scope: \`${scope}\` (${rolesWith(scope).join(', ')}).`
  return {
    description: description === undefined ? need : `${description}\n\n${need}`,
    security: [{ apiKey: [scope] }, { person: [scope] }, { client: [scope] }],
  }
}

/** What everybody who asks too much, or too much at once, is told. */
const refusals: readonly ProblemCode[] = ['TOO_MANY_REQUESTS', 'SERVICE_UNAVAILABLE']

function impliedProblems(schema: FastifySchema, scope: 'public' | 'private', method: string | string[]): ProblemCode[] {
  const codes: ProblemCode[] = ['INTERNAL_ERROR']
  if (scope === 'private') {
    codes.push('AUTHENTICATION_REQUIRED', 'INVALID_API_KEY', 'INVALID_ACCESS_TOKEN')
    codes.push('INSUFFICIENT_SCOPE')
  }
  if (schema.params !== undefined || schema.querystring !== undefined) codes.push('VALIDATION_FAILED')
  if (schema.params !== undefined) codes.push('MALFORMED_URL', 'URL_TOO_LONG')
  // A body that nobody asked for is read all the same, and refused like any other.
  if (schema.body === undefined && method !== 'GET' && method !== 'HEAD') {
    codes.push('BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'MALFORMED_JSON')
  }
  if (schema.body !== undefined) {
    const isForm = schema.consumes?.includes('application/x-www-form-urlencoded') === true
    codes.push('VALIDATION_FAILED', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE')
    codes.push(isForm ? 'MALFORMED_FORM' : 'MALFORMED_JSON')
    if (schema.consumes?.includes('application/yaml')) codes.push('MALFORMED_DOCUMENT')
  }
  if (needsIfMatch(schema.headers)) codes.push('VALIDATION_FAILED', 'PRECONDITION_REQUIRED', 'PRECONDITION_FAILED')
  if (takesKey(schema.headers)) codes.push('VALIDATION_FAILED', 'IDEMPOTENCY_KEY_REUSED', 'REQUEST_IN_PROGRESS')
  return codes
}

function readExamples(): RecordedExamples {
  const file = new URL('examples.json', openapiFolder)
  return existsSync(file) ? z.record(z.string(), z.any()).parse(JSON.parse(readFileSync(file, 'utf8'))) : {}
}

/** The document as text; made once, because it does not change while the service runs. */
export function toJson(app: FastifyInstance): string {
  return `${JSON.stringify(app.swagger(), null, 2)}\n`
}

export function toYaml(app: FastifyInstance): string {
  return stringify(app.swagger(), { aliasDuplicateObjects: false, lineWidth: 120 })
}

// Assets from the package alone, no script or style that is written into a page, no other site.
const docsPolicy = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
}

/** The document and a page that shows it and sends requests. Public: they hold nothing of any clinic. */
export async function registerDocs(app: FastifyInstance): Promise<void> {
  let json: string | undefined
  let yaml: string | undefined
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    json ??= toJson(app)
    return reply.type('application/json; charset=utf-8').send(json)
  })
  app.get('/openapi.yaml', { schema: { hide: true } }, async (_request, reply) => {
    yaml ??= toYaml(app)
    return reply.type('application/yaml; charset=utf-8').send(yaml)
  })
  // The page’s own copy would be written a second time, which takes the whole service a second.
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.split('?', 1)[0] === '/docs/yaml') return reply.redirect('/openapi.yaml', 308)
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: docsPolicy,
    theme: { title: 'Rehab protocols' },
    uiConfig: {
      // Without the bar on top, which would load any address.
      layout: 'BaseLayout',
      deepLinking: true,
      docExpansion: 'none',
      defaultModelsExpandDepth: 0,
      persistAuthorization: false,
      tryItOutEnabled: true,
    },
  })
}
