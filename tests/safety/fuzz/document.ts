import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

export type Schema = { [key: string]: unknown }

export interface Parameter {
  in: 'path' | 'query' | 'header'
  name: string
  required: boolean
  schema: Schema
  example?: unknown
}

/** One operation of the served document. */
export interface Operation {
  id: string
  method: string
  /** As the document writes it: `/v1/patients/{id}`. */
  path: string
  parameters: readonly Parameter[]
  /** By media type. */
  bodies: ReadonlyMap<string, { schema: Schema; example: unknown }>
  /** The statuses that it can answer with. */
  statuses: readonly number[]
}

interface ApiMedia {
  schema: Schema
  example?: unknown
}

interface ApiResponse {
  $ref?: string
  headers?: Record<string, unknown>
  content?: Record<string, ApiMedia>
}

interface ApiOperation {
  operationId: string
  parameters?: Parameter[]
  requestBody?: { content: Record<string, ApiMedia> }
  responses: Record<string, ApiResponse>
}

interface ApiDocument {
  paths: Record<string, Record<string, ApiOperation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, ApiResponse> }
}

export type Document = ReturnType<typeof readDocument>

/** What the served OpenAPI document says, ready to be asked. */
export function readDocument(served: unknown) {
  const document = served as ApiDocument
  const strict = structuredClone(document)
  for (const response of responsesOf(strict)) {
    for (const media of Object.values(response.content ?? {})) media.schema = closed(media.schema)
  }
  // Only answers must not have more than the document says: what a request may have, its own schemas say.
  const answers = { ...strict.components.schemas }
  for (const [name, schema] of Object.entries(answers)) answers[name] = closed(schema)
  strict.components.schemas = answers

  const asked = makeAjv().addSchema(document, 'openapi')
  const answered = makeAjv().addSchema(strict, 'openapi')
  const compiled = new Map<string, ValidateFunction>()

  function validator(ajv: Ajv2020, side: string, pointer: string[]): ValidateFunction {
    const address = pointer
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/')
    const key = `${side} ${address}`
    const known = compiled.get(key)
    if (known !== undefined) return known
    const made = ajv.compile({ $ref: `openapi#/${address}` })
    compiled.set(key, made)
    return made
  }

  function responseOf(operation: Operation, status: number): { pointer: string[]; response: ApiResponse } | null {
    const method = operation.method.toLowerCase()
    const response = document.paths[operation.path]?.[method]?.responses[status]
    if (response === undefined) return null
    const name = response.$ref?.split('/').at(-1)
    const shared = name === undefined ? undefined : document.components.responses[name]
    return name === undefined || shared === undefined
      ? { pointer: ['paths', operation.path, method, 'responses', String(status)], response }
      : { pointer: ['components', 'responses', name], response: shared }
  }

  const operations: Operation[] = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      bodies: new Map(
        Object.entries(operation.requestBody?.content ?? {}).map(([type, { schema, example }]) => [
          type,
          { schema, example },
        ]),
      ),
      statuses: Object.keys(operation.responses).map(Number),
    })),
  )

  return {
    operations,
    byId: new Map(operations.map((operation) => [operation.id, operation])),
    templates: [...new Set(operations.map(({ path }) => path))],
    /** The schema that a reference means. */
    resolve(schema: Schema): Schema {
      if (typeof schema.$ref !== 'string') return schema
      return document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}
    },
    /** Null: the document does not have this status for the operation. */
    answerOf(operation: Operation, status: number) {
      const found = responseOf(operation, status)
      if (found === null) return null
      return {
        headers: Object.keys(found.response.headers ?? {}),
        types: Object.keys(found.response.content ?? {}),
        validate: (type: string) => validator(answered, 'answer', [...found.pointer, 'content', type, 'schema']),
      }
    },
    /** What the document says of a body that is sent. */
    bodyValidator(operation: Operation, type: string): ValidateFunction {
      const pointer = [
        'paths',
        operation.path,
        operation.method.toLowerCase(),
        'requestBody',
        'content',
        type,
        'schema',
      ]
      return validator(asked, 'body', pointer)
    },
    queryValidator(operation: Operation, name: string): ValidateFunction {
      const index = operation.parameters.findIndex((one) => one.in === 'query' && one.name === name)
      const pointer = ['paths', operation.path, operation.method.toLowerCase(), 'parameters', String(index), 'schema']
      return validator(asked, 'query', pointer)
    },
  }
}

function makeAjv(): Ajv2020 {
  const ajv = new Ajv2020({
    strict: false,
    allErrors: false,
    validateSchema: false,
    inlineRefs: false,
    code: { optimize: false },
  })
  formats.default(ajv)
  return ajv
}

function responsesOf(document: ApiDocument): ApiResponse[] {
  const own = Object.values(document.paths).flatMap((item) =>
    Object.values(item).flatMap(({ responses }) => Object.values(responses)),
  )
  return [...own, ...Object.values(document.components.responses)]
}

/** The same, with every object closed that does not say what else it may have. */
function closed(schema: Schema, inAllOf = false): Schema {
  const made: Schema = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties') made[key] = mapValues(value as Schema, (inner) => closed(inner as Schema))
    else if (key === 'allOf') made[key] = (value as Schema[]).map((inner) => closed(inner, true))
    else if (key === 'anyOf' || key === 'oneOf') made[key] = (value as Schema[]).map((inner) => closed(inner, inAllOf))
    else if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object')) {
      made[key] = closed(value as Schema)
    } else made[key] = value
  }
  const open = 'properties' in made && !('additionalProperties' in made) && !inAllOf
  return open ? { ...made, additionalProperties: false } : made
}

function mapValues(object: Schema, change: (value: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
}
