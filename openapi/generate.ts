import { readFile, writeFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../src/app.ts'
import { openDatabase } from '../src/db/client.ts'
import { toDocumentSchema } from '../src/features/protocols/json-schema.ts'
import type { Context } from '../src/http/context.ts'
import { toJson, toYaml } from '../src/http/openapi.ts'
import { type OpenapiDocument, type RecordedExamples, recordedHeaders } from '../src/http/openapi-document.ts'
import { type Answer, exampleLibrary, type Memory, prepare, type Step, steps } from './scenario.ts'

export interface Generated {
  'examples.json': string
  'openapi.json': string
  'openapi.yaml': string
  'protocol-document.schema.json': string
}

/** Walks the scenario on a migrated, empty database and makes the document with its answers. Same code, same bytes. */
export async function generate(databaseUrl: string): Promise<Generated> {
  const db = openDatabase(databaseUrl)
  try {
    const context = exampleContext(db)
    const config = { logLevel: 'silent' } as const
    const recording = await buildApp({ ...context, config, examples: {}, explainInternalErrors: true })
    const examples = await record(recording, await prepare(context))
    await recording.close()
    const described = await buildApp({ ...context, config, examples })
    await described.ready()
    const generated = {
      'examples.json': `${JSON.stringify(examples, null, 2)}\n`,
      'openapi.json': toJson(described),
      'openapi.yaml': toYaml(described),
      'protocol-document.schema.json': `${JSON.stringify(toDocumentSchema(), null, 2)}\n`,
    }
    await described.close()
    return generated
  } finally {
    await db.close()
  }
}

/** A service whose clock and ids are the same in every run. */
export function exampleContext(db: Context['db']): Pick<Context, 'db' | 'clock' | 'ids' | 'library'> {
  return { db, clock: makeClock(), ids: makeIds(), library: exampleLibrary }
}

/** A second passes with every look at the clock, so that the record's entries keep their order. */
function makeClock(): () => Temporal.Instant {
  let now = Temporal.Instant.from('2026-11-20T14:30:00Z')
  return () => {
    now = now.add({ seconds: 1 })
    return now
  }
}

function makeIds(): () => string {
  let made = 0
  return () => {
    made += 1
    return `01a1f000-0000-7000-8000-${made.toString(16).padStart(12, '0')}`
  }
}

/** Sends every request of the scenario, and keeps the answers. */
export async function record(app: FastifyInstance, apiKey: string): Promise<RecordedExamples> {
  await app.ready()
  const operations = indexOperations(app)
  const examples: RecordedExamples = {}
  let memory: Memory = {}
  for (const [index, step] of steps.entries()) {
    const operation = operations.get(step.operationId)
    if (operation === undefined) throw new Error(`the scenario names "${step.operationId}", which is no operation`)
    const request = typeof step.request === 'function' ? step.request(memory) : (step.request ?? {})
    const answer = await send(app, operation, request, step.anonymous ? null : apiKey)
    if (answer.status !== step.expect) {
      const said = JSON.stringify(answer.body, null, 2)
      throw new Error(`step ${index + 1}, ${step.operationId}: expected ${step.expect}, got ${answer.status}\n${said}`)
    }
    memory = { ...memory, ...definedOnly(step.remember?.(answer) ?? {}) }
    if (!step.unrecorded) keep(examples, step, request, { ...answer, body: withoutSecrets(answer.body) })
  }
  return Object.fromEntries(Object.entries(examples).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const formType = 'application/x-www-form-urlencoded'

interface OperationAddress {
  method: string
  path: string
  /** What its body is sent as. */
  type: string
}

function indexOperations(app: FastifyInstance): Map<string, OperationAddress> {
  const { paths } = app.swagger() as unknown as OpenapiDocument
  return new Map(
    Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { operationId, requestBody }]) => {
        const [type = 'application/json'] = Object.keys(requestBody?.content ?? {})
        return [operationId, { method, path, type }] as const
      }),
    ),
  )
}

async function send(
  app: FastifyInstance,
  { method, path, type }: OperationAddress,
  { params = {}, query = {}, headers = {}, body }: Exclude<Step['request'], ((memory: Memory) => unknown) | undefined>,
  apiKey: string | null,
): Promise<Answer> {
  const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
  const response = await app.inject({
    method: method.toUpperCase() as 'GET',
    url,
    query: Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)])),
    headers: {
      'x-request-id': 'example',
      ...(apiKey !== null && { authorization: `Bearer ${apiKey}` }),
      ...(body !== undefined && { 'content-type': type }),
      ...headers,
    },
    ...(body !== undefined && { payload: encode(body, type) }),
  })
  return {
    status: response.statusCode,
    headers: response.headers as Answer['headers'],
    body: decode(response.body, String(response.headers['content-type'])),
  }
}

/** Of lines the first: the schema is that of a line. */
function decode(text: string, type: string): unknown {
  if (text === '') return null
  return /json/.test(type) ? JSON.parse(type.includes('ndjson') ? (text.split('\n')[0] ?? '') : text) : text
}

function encode(body: unknown, type: string): string {
  if (typeof body === 'string') return body
  return type === formType ? new URLSearchParams(body as Record<string, string>).toString() : JSON.stringify(body)
}

/** A step that remembers what an answer lacks would send `undefined` later. */
function definedOnly(values: Record<string, string | undefined>): Record<string, string> {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) throw new Error(`the scenario remembers "${name}", which the answer does not have`)
  }
  return values as Record<string, string>
}

/** Keys and tokens are made at random; the same ones in every document are of no use to anybody. */
function withoutSecrets(body: unknown): unknown {
  const text = JSON.stringify(body)
    .replaceAll(/\b(r[pt]_[\w-]{22}_)[\w-]{43}(?=")/g, `$1${'A'.repeat(43)}`)
    .replaceAll(/\b(rp_[\w-]{22}_)[\w-]{6}(?=")/g, `$1${'A'.repeat(6)}`)
  return JSON.parse(text)
}

function keep(examples: RecordedExamples, step: Step, request: object, answer: Answer): void {
  const example = examples[step.operationId] ?? { responses: {} }
  examples[step.operationId] = example
  const status = String(answer.status)
  if (status in example.responses) return
  example.responses[status] = answer.body
  if (answer.status >= 300) return
  if (Object.keys(request).length > 0) example.request = request
  const headers = recordedHeaders.filter((name) => answer.headers[name.toLowerCase()] !== undefined)
  if (headers.length > 0) example.headers = { [status]: headers }
}

const folder = new URL('./', import.meta.url)

/** Where what is in the folder differs from what the code makes, in words; empty when it does not. */
export async function compare(generated: Generated): Promise<string[]> {
  const differences = await Promise.all(
    Object.entries(generated).map(async ([name, text]) => {
      const committed = await readFile(new URL(name, folder), 'utf8').catch(() => null)
      if (committed === text) return []
      if (committed === null) return [`openapi/${name} is missing`]
      const places = name.endsWith('.json') ? diff(JSON.parse(committed), JSON.parse(text)) : []
      const shown = places.slice(0, 20).map((place) => `  ${place}`)
      const more = places.length > 20 ? [`  and ${places.length - 20} more`] : []
      return [`openapi/${name} is not what the code makes now`, ...shown, ...more]
    }),
  )
  return differences.flat()
}

function diff(before: unknown, after: unknown, path = ''): string[] {
  if (isContainer(before) && isContainer(after) && Array.isArray(before) === Array.isArray(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...keys].flatMap((key) => diff(Reflect.get(before, key), Reflect.get(after, key), `${path}/${key}`))
  }
  return before === after ? [] : [`${path}: ${show(before)} → ${show(after)}`]
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}

async function run(check: boolean): Promise<void> {
  const { startTestServer } = await import('../tests/support/test-server.ts')
  const server = await startTestServer()
  try {
    const generated = await generate(server.url)
    if (!check) {
      for (const [name, text] of Object.entries(generated)) await writeFile(new URL(name, folder), text)
      return
    }
    const differences = await compare(generated)
    if (differences.length === 0) return
    process.stderr.write(`${differences.join('\n')}\nrun \`npm run openapi\` and commit the result\n`)
    process.exitCode = 1
  } finally {
    await server.stop()
  }
}

if (import.meta.main) await run(process.argv.includes('--check'))
