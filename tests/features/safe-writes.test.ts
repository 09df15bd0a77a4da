import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Answer, exampleLibrary, type Memory, prepare, type StepRequest, steps } from '../../openapi/scenario.ts'
import type { OpenapiDocument } from '../../src/http/openapi-document.ts'
import { connectAsOwner } from '../support/owner.ts'
import { startClinic } from './support.ts'

// The walk through every operation that makes the examples, taken once more by a client whose answers get lost: it sends
// each POST twice with one key, and every change first without `If-Match` and with an outdated one.

const service = await startClinic({ library: exampleLibrary })
const owner = await connectAsOwner(service.db)
afterAll(() => owner.end())
const { paths } = (await (await fetch(`${service.address}/openapi.json`)).json()) as OpenapiDocument

const operations = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
)
const named = new Map(operations.map((operation) => [operation.operationId, operation]))
const has = ({ parameters = [] }: { parameters?: { name: string }[] }, header: string): boolean =>
  parameters.some(({ name }) => name === header)

/** The POSTs that write nothing. */
const computing = ['checkDocument', 'checkDraft', 'simulate', 'simulateTimeline']

/** What changes without `If-Match`, and why nobody’s work can be lost by it. */
const withoutIfMatch: Readonly<Record<string, string>> = {
  createApiKey: 'makes something new',
  registerClient: 'makes something new',
  createAttribute: 'makes something new; a code that is taken is refused',
  createProcedure: 'makes something new; a code that is taken is refused',
  createExercise: 'makes something new; a code that is taken is refused',
  createProtocol: 'makes something new; a code that is taken is refused',
  createPatient: 'makes something new; an external id that is taken is refused',
  openEpisode: 'makes something new',
  startDraft: 'makes something new; where there is a draft it is refused',
  adoptLibraryProtocol: 'makes something new; a protocol that is there is refused',
  rotateApiKey: 'makes a successor, once: a key that has one is refused',
  revokeApiKey: 'goes one way: whatever the key was changed to, it is to be refused from now on',
  revokeClient: 'goes one way: whatever the client was changed to, it is to be refused from now on',
  blockActor: 'shuts out at once, whatever was done before: it must not wait for somebody to read first',
  unblockActor: 'lets in again and changes nothing else; whoever is not shut out stays as they are',
  moveEpisodes: 'the consequences are worked out anew under the lock of each episode, and `confirm` must cover them',
  recordMilestone: 'appends to the record, in which nothing is overwritten',
  recordFact: 'appends to the record, in which nothing is overwritten',
  recordSymptom: 'appends to the record, in which nothing is overwritten',
  recordHold: 'appends to the record, in which nothing is overwritten',
  recordOverride: 'appends to the record, in which nothing is overwritten',
  voidRecordEntry: 'names the entry, which never changes; one that is void is refused',
  voidMilestone: 'names the entry, which never changes; one that is void is refused',
  voidFact: 'names the entry, which never changes; one that is void is refused',
  voidSymptom: 'names the entry, which never changes; one that is void is refused',
  voidHold: 'names the entry, which never changes; one that is void is refused',
  voidOverride: 'names the entry, which never changes; one that is void is refused',
  revokeMilestone: 'names the entry, which never changes, and appends to the record',
  resolveSymptom: 'names the entry, which never changes, and appends to the record',
  closeEpisode: 'appends to the record; an episode that is closed is refused',
}

interface Sent extends Answer {
  text: string
}

async function send(key: string | null, operationId: string, request: StepRequest): Promise<Sent> {
  const { method = 'GET', path = '', requestBody } = named.get(operationId) ?? {}
  const { params = {}, query = {}, headers = {}, body } = request
  const [type = 'application/json'] = Object.keys(requestBody?.content ?? {})
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))
  const isForm = type === 'application/x-www-form-urlencoded'
  const encode = (): string =>
    typeof body === 'string'
      ? body
      : isForm
        ? new URLSearchParams(body as Record<string, string>).toString()
        : JSON.stringify(body)
  const response = await fetch(`${service.address}${address}?${search}`, {
    method,
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': type }),
      ...headers,
    },
    ...(body !== undefined && { body: encode() }),
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: text === '' ? null : isJson ? JSON.parse(text) : text,
    text,
  }
}

/** What an answer says, without what is of the one request alone. */
function essence({ status, headers, text }: Sent) {
  const { date, connection, 'keep-alive': _, 'x-request-id': id, 'idempotency-replayed': replayed, ...rest } = headers
  const kept = Object.entries(rest).filter(([name]) => !name.startsWith('ratelimit') && !name.startsWith('x-ratelimit'))
  return { status, headers: Object.fromEntries(kept), text }
}

const repeated = new Set<string>()
/** What was made, each of it told twice. */
const made: { operationId: string; first: Sent; again: Sent }[] = []
const guarded = new Set<string>()
const wrong: unknown[] = []

beforeAll(async () => {
  let given = 0
  const ids = (): string => {
    given += 1
    return `01a1f000-0000-7000-8000-${given.toString(16).padStart(12, '0')}`
  }
  const clock = () => Temporal.Now.instant()
  const key = await prepare({ db: service.db, clock, ids })
  let memory: Memory = {}
  for (const [index, step] of steps.entries()) {
    const { operationId } = step
    const operation = named.get(operationId)
    if (operation === undefined) throw new Error(operationId)
    // What neither writes nor is remembered says nothing here.
    if (step.remember === undefined && (operation.method === 'GET' || step.expect >= 300)) continue
    const request = typeof step.request === 'function' ? step.request(memory) : (step.request ?? {})
    const caller = step.anonymous ? null : key
    const tag = request.headers?.['If-Match']
    if (tag !== undefined && step.expect < 300) {
      const without = await send(caller, operationId, { ...request, headers: withoutTag(request.headers) })
      const headers = { ...request.headers, 'If-Match': '"999999999"' }
      const outdated = await send(caller, operationId, { ...request, headers })
      const current = tag === '*' ? `"${without.body?.currentRevision}"` : tag
      const says = ({ status, body }: Sent) => [status, `"${body?.currentRevision}"`]
      const expected = JSON.stringify([[428, current], [412, current], current])
      const actual = JSON.stringify([says(without), says(outdated), outdated.headers.etag])
      if (actual === expected) guarded.add(operationId)
      else wrong.push({ operationId, expected, actual })
    }
    const isKeyed = has(operation, 'Idempotency-Key') && step.expect < 300
    const withKey = isKeyed
      ? { ...request, headers: { ...request.headers, 'Idempotency-Key': `step-${index}` } }
      : request
    const answer = await send(caller, operationId, withKey)
    if (answer.status !== step.expect) throw new Error(`step ${index + 1}, ${operationId}: ${answer.text}`)
    if (isKeyed) {
      const again = await send(caller, operationId, withKey)
      const isSame = JSON.stringify(essence(again)) === JSON.stringify(essence(answer))
      const isTold =
        again.headers['idempotency-replayed'] === 'true' && answer.headers['idempotency-replayed'] === undefined
      if (isSame && isTold) repeated.add(operationId)
      else wrong.push({ operationId, first: essence(answer), again: essence(again) })
      if (answer.status === 201) made.push({ operationId, first: answer, again })
    }
    memory = { ...memory, ...(step.remember?.(answer) as Memory | undefined) }
  }
}, 60_000)

function withoutTag(headers: Record<string, string> = {}): Record<string, string> {
  const { 'If-Match': _, ...rest } = headers
  return rest
}

const ofMethod = (...methods: string[]) =>
  operations.filter(({ method, path }) => methods.includes(method) && path.startsWith('/v1/'))
const idsOf = (some: readonly { operationId: string }[]): string[] => some.map(({ operationId }) => operationId).sort()

test('every route of the server is one of the document’s', () => {
  const registered = service.routes
    .filter(({ method, url }) => url.startsWith('/v1/') && method !== 'HEAD')
    .map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
  const documented = operations
    .filter(({ path }) => path.startsWith('/v1/'))
    .map(({ method, path }) => `${method} ${path}`)
  expect(registered.sort()).toEqual(documented.sort())
})

describe('`Idempotency-Key`', () => {
  test('is taken by every POST that writes, and by nothing else', () => {
    const taking = idsOf(operations.filter((operation) => has(operation, 'Idempotency-Key')))
    expect(taking).toEqual(idsOf(ofMethod('POST').filter(({ operationId }) => !computing.includes(operationId))))
    expect(taking.length).toBeGreaterThan(40)
  })

  test('of each of them, a second time, gets the first answer: status, headers and bytes', () => {
    expect(wrong).toEqual([])
    expect([...repeated].sort()).toEqual(idsOf(operations.filter((operation) => has(operation, 'Idempotency-Key'))))
  })

  test('and the errors of it are in the document', () => {
    for (const operation of operations.filter((one) => has(one, 'Idempotency-Key'))) {
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '409', '422']))
    }
  })
})

describe('`If-Match`', () => {
  test('is needed by every change, or it is said why not', () => {
    const changing = ofMethod('PUT', 'PATCH', 'DELETE', 'POST').filter(
      ({ operationId }) => !computing.includes(operationId),
    )
    const without = changing.filter((operation) => !has(operation, 'If-Match'))
    expect(idsOf(without)).toEqual(Object.keys(withoutIfMatch).sort())
    expect(without.filter(({ method }) => method !== 'POST')).toEqual([])
  })

  test('left out is a 428, and outdated a 412, each with the current version, wherever it is needed', () => {
    expect(wrong).toEqual([])
    expect([...guarded].sort()).toEqual(idsOf(operations.filter((operation) => has(operation, 'If-Match'))))
    expect(guarded.size).toBeGreaterThan(45)
  })
})

describe('the record of acts', () => {
  /** The targets of all rows, by request. */
  async function readRecord() {
    const { rows } = await owner.query<{ id: string; outcome: string; target: string[] }>(
      'SELECT request_id AS id, outcome, target FROM audit_event WHERE request_id IS NOT NULL ORDER BY seq',
    )
    return Map.groupBy(rows, ({ id }) => id)
  }

  test('names what each request has made, as its `Location` does, and whether it was told again', async () => {
    const makers = operations.filter(({ path, responses }) => path.startsWith('/v1/') && '201' in responses)
    expect([...new Set(made.map(({ operationId }) => operationId))].sort()).toEqual(idsOf(makers))
    expect(makers.length).toBeGreaterThan(30)
    const rows = await readRecord()
    for (const { operationId, first, again } of made) {
      const named = `made=${first.headers.location
        ?.replace(/\/draft$/, '')
        .split('/')
        .at(-1)}`
      const told = [first, again].map(({ headers }) =>
        rows
          .get(headers['x-request-id'] ?? '')
          ?.map(({ target }) => target.filter((item) => /^(made|replayed)=/.test(item))),
      )
      expect({ operationId, told }).toEqual({ operationId, told: [[[named]], [[named, 'replayed=true']]] })
    }
  })

  test('says of no request that it was done and that it was refused', async () => {
    const rows = await readRecord()
    const both = [...rows.values()].filter((of) => new Set(of.map(({ outcome }) => outcome)).size > 1)
    expect(both).toEqual([])
    expect(rows.size).toBeGreaterThan(200)
  })
})
