import { STATUS_CODES } from 'node:http'
import { problemMediaType } from './problems.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

interface Parameter {
  in: string
  name: string
  required?: boolean
  schema?: unknown
  description?: string
  example?: unknown
}

interface Media {
  schema?: unknown
  example?: unknown
}

interface ApiResponse {
  $ref?: string
  description?: string
  headers?: Record<string, unknown>
  content?: Record<string, Media>
}

interface Operation {
  operationId: string
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, ApiResponse>
}

export interface OpenapiDocument {
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, Record<string, unknown>>
    responses?: Record<string, ApiResponse>
    headers?: Record<string, unknown>
  }
}

/** Real requests and answers, by operationId; made by `openapi/generate.ts`. */
export type RecordedExamples = Record<
  string,
  {
    request?: {
      params?: Record<string, unknown>
      query?: Record<string, unknown>
      headers?: Record<string, unknown>
      body?: unknown
    }
    responses: Record<string, unknown>
    /** Which of the headers that matter each success has. */
    headers?: Record<string, (typeof recordedHeaders)[number][]>
  }
>

/** Headers that a caller needs, and a success may have. */
export const recordedHeaders = ['ETag', 'Link', 'Location'] as const

type HeaderName = keyof typeof headers

const headers = {
  ETag: {
    description:
      'What the answer is called, for `If-None-Match`; of a resource with a `revision` that is its revision, for `If-Match` too.',
    schema: { type: 'string' },
  },
  Link: { description: 'The first and the next page (RFC 8288).', schema: { type: 'string' } },
  Location: { description: 'The address of what was created.', schema: { type: 'string', format: 'uri-reference' } },
  'Idempotency-Replayed': {
    description: '`true`: the first answer to this `Idempotency-Key`, again.',
    schema: { type: 'string', const: 'true' },
  },
  'RateLimit-Limit': { description: 'Requests that may come in a minute.', schema: { type: 'integer' } },
  'RateLimit-Remaining': { description: 'How many of them are left.', schema: { type: 'integer' } },
  'RateLimit-Reset': { description: 'Seconds until the next minute begins.', schema: { type: 'integer' } },
  'Retry-After': { description: 'Seconds after which to try again.', schema: { type: 'integer' } },
  'WWW-Authenticate': { description: 'How to authenticate (RFC 6750).', schema: { type: 'string' } },
}

/** Makes of what the libraries generate a document that a reader and a code generator like. */
export function finishDocument(generated: OpenapiDocument, examples: RecordedExamples): OpenapiDocument {
  const document = structuredClone(generated)
  for (const operation of operationsOf(document)) {
    const recorded = examples[operation.operationId]
    describeParameters(operation)
    describeResponses(operation, recorded, document)
    addExamples(operation, recorded)
  }
  for (const { get } of Object.values(document.paths)) if (get !== undefined) describeNotModified(get)
  shareProblemResponses(document)
  unifyRequestAndResponseSchemas(document)
  pruneSchemas(document)
  const text = JSON.stringify(document)
  document.components.headers = Object.fromEntries(
    Object.entries(headers).filter(([name]) => text.includes(`"#/components/headers/${name}"`)),
  )
  const { paths, components, ...about } = document
  return { ...about, paths, components }
}

function operationsOf(document: OpenapiDocument): Operation[] {
  return Object.values(document.paths).flatMap((item) => Object.values(item))
}

/** Validation leaves `If-Match` optional so that its absence can be a 428; for a caller it is required. */
function describeParameters(operation: Operation): void {
  for (const parameter of operation.parameters ?? []) {
    if (parameter.in !== 'header') continue
    if (parameter.name === 'if-match') Object.assign(parameter, { name: 'If-Match', required: true })
    if (parameter.name === 'idempotency-key') parameter.name = 'Idempotency-Key'
  }
}

function takesKey({ parameters = [] }: Operation): boolean {
  return parameters.some(({ name }) => name === 'Idempotency-Key')
}

function describeResponses(
  operation: Operation,
  recorded: RecordedExamples[string] | undefined,
  document: OpenapiDocument,
): void {
  for (const [status, response] of Object.entries(operation.responses)) {
    const schema = resolve(Object.values(response.content ?? {})[0]?.schema, document)
    if (response.description === 'Default Response') {
      response.description =
        typeof schema?.description === 'string' ? schema.description : (STATUS_CODES[status] ?? status)
    }
    const ofKey = takesKey(operation) ? (headersOfKey[status.charAt(0)] ?? headersOfKey[status] ?? []) : []
    const names = [...(headersByStatus[status] ?? []), ...(recorded?.headers?.[status] ?? []), ...ofKey]
    if (names.length > 0) {
      response.headers = Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
    }
  }
}

/** Headers that every answer with this status has. */
const headersByStatus: Record<string, HeaderName[]> = {
  401: ['WWW-Authenticate'],
  429: ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset', 'Retry-After'],
  503: ['Retry-After'],
}

/** Headers of answers to requests that may have an `Idempotency-Key`. */
const headersOfKey: Record<string, HeaderName[]> = { 2: ['Idempotency-Replayed'], 409: ['Retry-After'] }

/** A read of what has an `ETag` can be told that the caller has it already. */
function describeNotModified(operation: Operation): void {
  if (operation.responses['200']?.headers?.ETag === undefined) return
  operation.responses['304'] = {
    description: 'Not changed: it is what `If-None-Match` names. There is no body.',
    headers: { ETag: { $ref: '#/components/headers/ETag' } },
  }
  operation.parameters = [
    ...(operation.parameters ?? []),
    {
      in: 'header',
      name: 'If-None-Match',
      required: false,
      schema: { type: 'string' },
      description: 'The `ETag` of what the caller has already: 304 if it is still the same.',
    },
  ]
}

const schemaReference = '#/components/schemas/'

function resolve(schema: unknown, document: OpenapiDocument): Record<string, unknown> | null {
  if (typeof schema !== 'object' || schema === null) return null
  if ('$ref' in schema && typeof schema.$ref === 'string') {
    return resolve(document.components.schemas[schema.$ref.slice(schemaReference.length)], document)
  }
  return schema as Record<string, unknown>
}

function addExamples(operation: Operation, recorded: RecordedExamples[string] | undefined): void {
  if (recorded === undefined) return
  const { request = {}, responses } = recorded
  const given: Record<string, Record<string, unknown> | undefined> = {
    path: request.params,
    query: request.query,
    header: request.headers,
  }
  for (const parameter of operation.parameters ?? []) {
    const value = given[parameter.in]?.[parameter.name]
    if (value !== undefined) parameter.example = value
  }
  if (request.body !== undefined && operation.requestBody !== undefined) {
    for (const media of Object.values(operation.requestBody.content)) media.example = request.body
  }
  for (const [status, body] of Object.entries(responses)) {
    const media = Object.values(operation.responses[status]?.content ?? {})[0]
    if (media !== undefined) media.example = body
  }
}

/** An error answer that several operations share is written once. */
function shareProblemResponses(document: OpenapiDocument): void {
  const shared: Record<string, ApiResponse> = {}
  for (const operation of operationsOf(document)) {
    for (const [status, response] of Object.entries(operation.responses)) {
      const media = response.content?.[problemMediaType]
      if (media === undefined || media.example !== undefined) continue
      const name = nameOf(media.schema)
      shared[name] = response
      operation.responses[status] = { $ref: `#/components/responses/${name}` }
    }
  }
  document.components.responses = sorted(shared)
}

/** `PatientNotFound`; several codes are joined with `Or`. */
function nameOf(schema: unknown): string {
  const { allOf } = schema as { allOf: [unknown, { properties: { code: { enum: string[] } } }] }
  return allOf[1].properties.code.enum.map(toPascalCase).join('Or')
}

function toPascalCase(code: string): string {
  return code.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/**
 * The generator writes each named schema twice, `X` for answers and `XInput` for requests. Where both mean the same,
 * or only one is used, one is enough.
 */
function unifyRequestAndResponseSchemas(document: OpenapiDocument): void {
  const { schemas } = document.components
  const used = referencedFrom({ ...document, components: { responses: document.components.responses } }, schemas)
  const unified = new Set(
    Object.keys(schemas).filter((name) => name.endsWith('Input') && used.has(name) && baseOf(name) in schemas),
  )
  // A pair is the same only if the pairs that it refers to are: remove what differs until nothing more does.
  for (let before = -1; before !== unified.size; ) {
    before = unified.size
    for (const name of unified) {
      const base = baseOf(name)
      const same = JSON.stringify(renamed(schemas[name] ?? {}, unified)) === JSON.stringify(schemas[base] ?? {})
      if (!same && used.has(base)) unified.delete(name)
    }
  }
  for (const name of unified) {
    if (!used.has(baseOf(name))) schemas[baseOf(name)] = schemas[name] ?? {}
    delete schemas[name]
  }
  document.paths = renamed(document.paths as unknown as Json, unified) as unknown as OpenapiDocument['paths']
  document.components.schemas = renamed(schemas as unknown as Json, unified) as OpenapiDocument['components']['schemas']
}

function baseOf(name: string): string {
  return name.slice(0, -'Input'.length)
}

/** The same with every reference to one of `names` going to its base. */
function renamed<T>(value: T, names: ReadonlySet<string>): T {
  return JSON.parse(JSON.stringify(value), (key, inner) => {
    if (key !== '$ref' || typeof inner !== 'string' || !inner.startsWith(schemaReference)) return inner
    const name = inner.slice(schemaReference.length)
    return names.has(name) ? `${schemaReference}${baseOf(name)}` : inner
  })
}

function pruneSchemas(document: OpenapiDocument): void {
  const { schemas, ...others } = document.components
  const used = referencedFrom({ paths: document.paths, components: others }, schemas)
  document.components.schemas = sorted(Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name))))
}

/** Names of the schemas that `root` refers to, directly or through others. */
function referencedFrom(root: unknown, schemas: Record<string, unknown>): Set<string> {
  const found = new Set<string>()
  const waiting: unknown[] = [root]
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null) continue
    for (const [key, inner] of Object.entries(value)) {
      if (key === '$ref' && typeof inner === 'string' && inner.startsWith(schemaReference)) {
        const name = inner.slice(schemaReference.length)
        if (!found.has(name)) waiting.push(schemas[name])
        found.add(name)
      } else if (key !== 'example') waiting.push(inner)
    }
  }
  return found
}

function sorted<T>(entries: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)))
}
