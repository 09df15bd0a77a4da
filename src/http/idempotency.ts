import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Database, noteMade } from '../db/client.ts'
import {
  claimKey,
  type FoundAnswer,
  type KeptAnswer,
  type KeyHolder,
  keepAnswer,
  sweepAnswers,
} from '../db/kept-answers.ts'
import { onlyAsked } from './audit.ts'
import { isLockTimeout } from './database-errors.ts'
import { tagRevision } from './etag.ts'
import { ProblemError } from './problems.ts'

// After the IETF's draft "The Idempotency-Key HTTP Header Field": a request that is sent again with its key gets the first
// answer again. The key, what the request wrote and its answer are committed together, or none of them is.

/** Whose answers show a secret that is stored nowhere: only the credential that asked for it can read them again. */
const showsSecret: ReadonlySet<string> = new Set(['createApiKey', 'rotateApiKey'])

/** Operations that may compute for longer than other transactions last, in milliseconds; they hold no patient's record. */
const longest: Readonly<Record<string, number>> = { submitDraft: 60_000, publishDraft: 60_000, mergeLibrary: 60_000 }

/** A quoted text, as the draft has it, or the same without quotes. */
const written = /^(?:[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255}")$/

/** The member of `schema.headers` of every route that takes a key. */
const keyHeader = z
  .string()
  .max(512, { error: 'must have at most 255 characters' })
  .regex(written, {
    error:
      'must be one key of 1 to 255 printable ASCII characters, like `8e03978e-40d5-43e8-bc93-6894a57f9324`; one with spaces, commas or quotes goes in double quotes',
  })
  .optional()
  .describe(
    'A key of your own making, new for each new request, like a UUID; in double quotes or without. A retry with the same key does nothing again and gets the first answer again. An answer is kept for 48 hours.',
  )

/** Whether requests of this schema may have a key. */
export function takesKey(headers: unknown): boolean {
  return headers instanceof z.ZodObject && headers.shape['idempotency-key'] === keyHeader
}

/** So long a repetition waits for the first request to be answered. */
const mostMilliseconds = 3000

/** Makes every POST of the scope that writes something take an `Idempotency-Key`. */
export function registerIdempotency(app: FastifyInstance, db: Database): void {
  // Those of this process wait here, and not on connections, which whoever they wait for may need.
  const inHand = new Map<string, Promise<unknown>>()

  app.addHook('onRoute', (route) => {
    const operationId = route.schema?.operationId ?? ''
    // A key means nothing to what changes nothing.
    if (![route.method].flat().includes('POST') || onlyAsked.includes(operationId)) return
    const { headers = z.looseObject({}) } = route.schema ?? {}
    if (!(headers instanceof z.ZodObject))
      throw new Error(`${operationId} describes its headers in no way that is known`)
    route.schema = { ...route.schema, headers: headers.extend({ 'idempotency-key': keyHeader }) }
    const { handler } = route
    route.handler = function (request, reply) {
      const key = readKey(request)
      const handle = async () => handler.call(this, request, reply)
      return key === null ? handle() : answerOnce({ db, inHand, operationId }, request, reply, key, handle)
    }
  })
}

/** The key of a request to a route that takes one; without the quotes that it may be in. */
export function readKey(request: FastifyRequest): string | null {
  const header = request.headers['idempotency-key']
  if (typeof header !== 'string') return null
  return header.startsWith('"') ? header.slice(1, -1).replaceAll(/\\(["\\])/g, '$1') : header
}

interface Keyed {
  db: Database
  inHand: Map<string, Promise<unknown>>
  operationId: string
}

type Handle = () => Promise<unknown>

/** Answers a request with a key: by doing it, or as it was answered before. */
async function answerOnce(
  { db, inHand, operationId }: Keyed,
  request: FastifyRequest,
  reply: FastifyReply,
  key: string,
  handle: Handle,
): Promise<FastifyReply> {
  const { clinicId, id: actorId } = request.actor
  const holder: KeyHolder = { clinicId, actorId, keyHash: hash(key) }
  const fingerprint = fingerprintOf(request)
  const before = reply.getHeaders()
  const once = (): Promise<Uint8Array> =>
    db.asWhole(
      clinicId,
      async (tx) => {
        const kept = await claimKey(tx, holder).catch((error: unknown) => {
          throw isLockTimeout(error) ? stillInHand() : error
        })
        const secret = showsSecret.has(operationId) ? secretOf(request, key) : `${clinicId} ${actorId} ${key}`
        if (kept !== null) return repeat(kept, { reply, secret, fingerprint })
        const answer = await hold(reply, handle)
        const { body } = answer
        await keepAnswer(tx, holder, { ...answer, fingerprint, isSealed: true, body: seal(body, secret) })
        return body
      },
      longest[operationId],
    )
  try {
    const body = await takeTurn(inHand, JSON.stringify([clinicId, actorId, key]), once)
    const text = Buffer.from(body)
    // The record of acts names whom an answer tells of, also one that is told again.
    if (request.audit !== null && text.length > 0) request.audit.answer = JSON.parse(text.toString('utf8'))
    return reply.send(text.length === 0 ? null : text)
  } catch (error) {
    // What was not done is not where it says.
    for (const name of Object.keys(reply.getHeaders())) if (!(name in before)) reply.removeHeader(name)
    throw error
  }
}

/** Works while nobody else in this process does under this name. */
async function takeTurn<Result>(
  inHand: Map<string, Promise<unknown>>,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const latest = performance.now() + mostMilliseconds
  for (let other = inHand.get(name); other !== undefined; other = inHand.get(name)) {
    const left = latest - performance.now()
    if (left <= 0) throw stillInHand()
    const waiting = new AbortController()
    await Promise.race([other, delay(left, null, { signal: waiting.signal }).catch(() => {})])
    waiting.abort()
  }
  const result = work()
  inHand.set(
    name,
    result.then(
      () => inHand.delete(name),
      () => inHand.delete(name),
    ),
  )
  return result
}

function stillInHand(): ProblemError {
  return new ProblemError(
    'REQUEST_IN_PROGRESS',
    'a request with this `Idempotency-Key` is being answered: send the same again after the seconds in `Retry-After`, and it gets that answer',
    { headers: { 'retry-after': '1' } },
  )
}

interface Repetition {
  reply: FastifyReply
  /** What the answer was sealed with, if this is who may read it. */
  secret: string
  fingerprint: Uint8Array
}

/** Puts the first answer into the reply, all but the body, and returns that. */
function repeat(kept: FoundAnswer, { reply, secret, fingerprint }: Repetition): Uint8Array {
  const { status, headers, isSealed } = kept
  if (!Buffer.from(fingerprint).equals(kept.fingerprint)) {
    throw new ProblemError(
      'IDEMPOTENCY_KEY_REUSED',
      'this `Idempotency-Key` was used for a request with another method, address, `If-Match` or body: a retry is the same in all of them, and another request needs a new key',
      { errors: [{ parameter: 'Idempotency-Key', in: 'header', detail: 'was used for another request' }] },
    )
  }
  if (kept.isGone) {
    throw new ProblemError(
      'ANSWER_GONE',
      'the request was done before, and the patient of whom its answer told was deleted since: nothing was done again. To add the patient anew, send it with a new `Idempotency-Key`',
    )
  }
  const body = isSealed ? unseal(kept.body, secret) : kept.body
  if (body === null) {
    const made = headers.location ?? 'what it made'
    throw new ProblemError(
      'ANSWER_SEALED',
      `the request was done before, and its answer has a secret that only the credential that asked for it can see again: send it with that one, or revoke ${made} and make another`,
      { ...(headers.location !== undefined && { made }) },
    )
  }
  reply.code(status).headers(headers).header('idempotency-replayed', 'true')
  const { audit } = reply.request
  if (audit !== null) audit.isReplayed = true
  // A draft goes by the code of its protocol.
  const made = headers.location
    ?.replace(/\/draft$/, '')
    .split('/')
    .at(-1)
  if (made !== undefined) noteMade(made)
  return body
}

/** Runs the handler, and keeps what it sends from being sent before it is committed. */
async function hold(reply: FastifyReply, handle: Handle): Promise<Pick<KeptAnswer, 'status' | 'headers' | 'body'>> {
  const before = reply.getHeaders()
  let payload: unknown
  let isOver = false
  const letGo = (): void => {
    Reflect.deleteProperty(reply, 'then')
    Reflect.deleteProperty(reply, 'send')
  }
  // On the reply itself and not around it, because its methods return it. Whoever awaits it would wait until it is sent.
  Reflect.set(reply, 'then', undefined)
  Reflect.set(reply, 'send', (given: unknown) => {
    if (!Error.isError(given)) payload = given
    else {
      // Not the handler's: Fastify ends a request that takes too long.
      isOver = true
      letGo()
      reply.send(given)
    }
    return reply
  })
  try {
    const returned = await handle()
    if (isOver)
      throw new ProblemError('SERVICE_UNAVAILABLE', 'the answer took too long, and nothing was done: try again')
    if (returned !== reply) payload = returned
    tagRevision(reply, payload)
    const body = toBytes(reply, payload)
    const headers = Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
      value === undefined || value === before[name] ? [] : [[name, String(value)]],
    )
    return { status: reply.statusCode, headers: Object.fromEntries(headers), body }
  } finally {
    letGo()
  }
}

function toBytes(reply: FastifyReply, payload: unknown): Uint8Array<ArrayBuffer> {
  if (payload === null) return new Uint8Array()
  if (typeof payload !== 'object' || payload instanceof Uint8Array || 'pipe' in payload) {
    throw new Error('only an answer in JSON can be kept')
  }
  reply.type('application/json; charset=utf-8')
  // `reply.serialize` does not know what an answer of several media types is sent as.
  const status = String(reply.statusCode)
  const serialize = reply.getSerializationFunction(status, 'application/json')
  return new Uint8Array(
    Buffer.from(String(serialize === undefined ? reply.serialize(payload) : serialize({ ...payload }))),
  )
}

/** What makes a request the same: not its bytes, but what they say. No answer to a POST depends on `Accept`. */
function fingerprintOf({
  method,
  routeOptions,
  params,
  query,
  headers,
  body,
}: FastifyRequest): Uint8Array<ArrayBuffer> {
  return hash(canonical([method, routeOptions.url, params, query, headers['if-match'] ?? null, body ?? null]))
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

function hash(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(text, 'utf8').digest())
}

/** What the caller knows and the service does not keep: the credential itself, and the key. */
function secretOf(request: FastifyRequest, key: string): string {
  return `${request.headers.authorization?.split(/ +/)[1]} ${key}`
}

const algorithm = 'aes-256-gcm'

/** Encrypts, so that whoever reads the table does not read this. */
function seal(body: Uint8Array, secret: string): Uint8Array<ArrayBuffer> {
  const [salt, iv] = [randomBytes(16), randomBytes(12)]
  const cipher = createCipheriv(algorithm, sealingKey(secret, salt), iv)
  const sealed = [cipher.update(body), cipher.final()]
  return new Uint8Array(Buffer.concat([salt, iv, cipher.getAuthTag(), ...sealed]))
}

/** Null: it was sealed with another secret. */
function unseal(sealed: Uint8Array, secret: string): Uint8Array | null {
  const bytes = Buffer.from(sealed)
  const decipher = createDecipheriv(algorithm, sealingKey(secret, bytes.subarray(0, 16)), bytes.subarray(16, 28))
  decipher.setAuthTag(bytes.subarray(28, 44))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(44)), decipher.final()])
  } catch {
    return null
  }
}

function sealingKey(secret: string, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, 'the answer to an idempotent request', 32))
}

/** So many rows at a time, so that a sweep is in nobody's way. */
const batchSize = 500

const sweepEvery = 10 * 60_000

/** Removes, while the service runs, the answers that need not be kept any longer. Every replica does, and none has to. */
export function sweepInBackground(app: FastifyInstance, db: Pick<Database, 'pool'>): void {
  const ended = new AbortController()
  const sweep = async (): Promise<void> => {
    // Not all at the same moment, and not while the service starts.
    for (let pause = sweepEvery * Math.random(); ; pause = sweepEvery) {
      await delay(pause, null, { signal: ended.signal, ref: false })
      try {
        for (let swept = batchSize; swept === batchSize; ) swept = await sweepAnswers(db.pool, batchSize)
      } catch (error) {
        app.log.warn({ err: error }, 'answers that are no longer needed could not be removed; it is tried again')
      }
    }
  }
  let sweeping: Promise<void> | undefined
  app.addHook('onListen', async () => {
    sweeping = sweep().catch(() => {})
  })
  app.addHook('onClose', async () => {
    ended.abort()
    await sweeping
  })
}
