import type { FastifyInstance, FastifyRequest } from 'fastify'
import { runAs, type Transaction } from '../db/client.ts'
import type { Instant } from '../rules/index.ts'
import type { Scope } from './access.ts'
import { type Actor, actorKinds } from './auth.ts'
import { clientAddress } from './client-address.ts'
import { createTally, type Tally } from './refused-attempts.ts'
import { toInstantText } from './schemas.ts'

/** Who can have acted: the operator is no actor of the clinic, and whoever was refused may be nobody that is known. */
export const auditedKinds = [...actorKinds, 'operator', 'unknown'] as const

/** One act, as it is put on record: ids and codes, never names, queries or bodies. */
export interface AuditEvent {
  at: Instant
  actor: string | null
  actorKind: (typeof auditedKinds)[number]
  credential: string | null
  /** The operationId. */
  operation: string
  method: string
  /** The pattern of the address. */
  route: string
  /** `success`, or the code of the problem. */
  outcome: string
  /** Of the problem; null: success. */
  status: number | null
  /** How many attempts the row stands for. */
  attempts: number
  requestId: string | null
  /** The remote address, as the service sees it. */
  address: string | null
  userAgent: string | null
  /** The ids and codes in the path, and of what was made: `name=value`. */
  target: string[]
  patients: string[]
  episodes: string[]
}

export interface AuditStore {
  /** As the last statement of a transaction; false if that has changed nothing. */
  append: (tx: Transaction, clinicId: string, event: AuditEvent) => Promise<boolean>
  /**
   * In a transaction of its own; false if there is no such clinic. `lazily` does not wait for the disk.
   */
  record: (clinicId: string, event: AuditEvent, options: { lazily: boolean }) => Promise<boolean>
  /** Does what puts events on the clinic's record by itself. */
  along: <Done>(clinicId: string, work: () => Promise<Done>) => Promise<Done>
}

/** The events of a clinic, as the functions of the database take them. */
export function toJson(clinicId: string, events: readonly AuditEvent[]): string {
  return JSON.stringify(events.map((event) => ({ ...event, clinic: clinicId })))
}

/**
 * What is put on record of a route, beside what is refused: that it was called, or that it told something of patients or
 * of what was done, or nothing.
 */
type Kept = 'change' | 'read' | 'nothing'

/** Whether what is read with the scope is of patients, or of what was done. */
const readIsKept: Readonly<Record<Scope, boolean>> = {
  'clinic:read': false,
  'clinic:write': false,
  'keys:manage': false,
  'audit:read': true,
  'catalogue:read': false,
  'catalogue:write': false,
  'protocols:read': false,
  'protocols:write': false,
  'protocols:approve': false,
  'protocols:publish': false,
  'protocols:assign': true,
  'patients:read': true,
  'patients:write': true,
  'episodes:read': true,
  'episodes:write': true,
  'record:write': true,
  'clearances:write': true,
  'overrides:write': true,
}

/** What is sent with POST because it is long, and changes nothing. */
export const onlyAsked: readonly string[] = ['simulate', 'simulateTimeline', 'checkDocument', 'checkDraft']

/** What changes something and answers with more patients than it has changed. */
const tellsMore: readonly string[] = ['moveEpisodes']

/** What is put on record of an operation: of everything that is not a plain question, and of questions by their scope. */
export function keptOf(operationId: string, method: string | string[], scope: Scope | undefined): Kept {
  const asks = [method].flat().every((one) => one === 'GET' || one === 'HEAD') || onlyAsked.includes(operationId)
  if (!asks) return 'change'
  return scope === undefined || readIsKept[scope] ? 'read' : 'nothing'
}

declare module 'fastify' {
  interface FastifyContextConfig {
    kept?: Kept
  }
  interface FastifyRequest {
    audit: Trail | null
  }
}

/** Whom a credential that was refused belongs to, or says that it does. */
export interface Claim {
  clinicId: string
  actor?: { id: string; kind: Actor['kind'] }
  credentialId?: string | null
}

interface Refusal {
  code: string
  status: number
  /** What the problem tells beside that. */
  extensions?: Readonly<Record<string, unknown>>
}

/** What is known of one request while it lasts. */
interface Trail {
  kept: Kept
  /** Set by whoever refuses a credential, and by what knows its caller without one. */
  claim: Claim | null
  /** The problem that it is answered with. */
  problem: Refusal | null
  answer: unknown
  /** The id or the code of what it has made. */
  made: string | null
  /** It is told again what was answered before, and does nothing. */
  isReplayed: boolean
  /** It is on record that it succeeded. */
  isRecorded: boolean
  /** What is to be put on record of a reading, by whoever does that with the reading itself. */
  describe: (subjects: Subjects) => AuditEvent
  /** What is in a line or a batch of lines goes on record before it goes out. */
  tell: (lines: readonly object[]) => Promise<void>
  /** So does what breaks an answer off that has begun. */
  fail: (problem: { code: string; status: number }) => Promise<void>
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const code = /^[a-z0-9]+(-[a-z0-9]+)*$/
const number = /^\d{1,15}$/
const namesById: readonly string[] = ['id', 'entry', 'move', 'seq']

/** So many patients and episodes are named in one row. */
const mostSubjects = 500

interface Subjects {
  patients: string[]
  episodes: string[]
}

/** Puts on record what the routes of this scope do, once `keepRecord` has marked them. */
export function registerAudit(app: FastifyInstance, store: AuditStore, clock: () => Temporal.Instant): void {
  const countRefused = (mostCallers: number): Tally => {
    const tally = createTally({
      record: (clinicId, event) => store.record(clinicId, event, { lazily: false }),
      now: clock,
      onError: (error, attempts) => app.log.error({ err: error, attempts }, 'refused attempts are not on record'),
      mostCallers,
    })
    app.addHook('onClose', () => tally.close())
    return tally
  }
  // Not in one: no stranger takes the place of somebody who is known.
  const strangers = countRefused(10)
  const known = countRefused(100)
  app.decorateRequest('audit', null)

  const describe = (request: FastifyRequest, subjects: Subjects, problem: Trail['problem'] = null): AuditEvent => {
    const { actor } = request as { actor?: Actor }
    const claim = request.audit?.claim ?? null
    return {
      at: toInstantText(clock()),
      actor: actor?.id ?? claim?.actor?.id ?? null,
      actorKind: actor?.kind ?? claim?.actor?.kind ?? 'unknown',
      credential: (actor === undefined ? claim?.credentialId : actor.credentialId) ?? null,
      operation: request.routeOptions.schema?.operationId ?? '',
      method: request.method,
      route: request.routeOptions.url ?? '',
      outcome: problem?.code ?? 'success',
      status: problem?.status ?? null,
      attempts: 1,
      requestId: request.id,
      address: clientAddress(request),
      userAgent: request.headers['user-agent']?.slice(0, 200).toWellFormed().replaceAll('\0', '') ?? null,
      target: [...targetOf(request.params, problem), ...(problem === null ? madeBy(request.audit) : [])],
      ...subjects,
    }
  }

  /** A read or an act that has changed nothing: as many rows as it takes to name everybody. */
  const succeed = async (request: FastifyRequest, trail: Trail, answer: unknown): Promise<void> => {
    const { actor } = request as { actor?: Actor }
    const clinicId = actor?.clinicId ?? trail.claim?.clinicId
    if (clinicId === undefined) return
    for (const subjects of inParts(subjectsOf(request, answer))) {
      const written = await store.record(clinicId, describe(request, subjects), { lazily: trail.kept === 'read' })
      if (!written) throw new Error(`the clinic ${clinicId} has no audit`)
    }
    trail.isRecorded = true
  }

  /** Never in the way of the answer: what cannot be written is in the log. */
  const refuse = async (request: FastifyRequest, trail: Trail, problem: Refusal): Promise<void> => {
    const { actor } = request as { actor?: Actor }
    const [subjects] = inParts(subjectsOf(request, toldBy(problem)))
    const event = describe(request, subjects, problem)
    try {
      if (actor !== undefined && problem.status !== 429) await store.record(actor.clinicId, event, { lazily: false })
      else if (actor !== undefined) await known.add(actor.clinicId, event)
      else if (trail.claim !== null) await strangers.add(trail.claim.clinicId, event)
    } catch (error) {
      request.log.error({ err: error, audit: { ...event, userAgent: null } }, 'a refused request is not on record')
    }
  }

  app.addHook('onRequest', async (request) => {
    const { kept } = request.routeOptions.config
    if (kept === undefined) return
    const trail: Trail = {
      kept,
      claim: null,
      problem: null,
      answer: null,
      made: null,
      isReplayed: false,
      isRecorded: false,
      describe: (subjects) => describe(request, subjects),
      tell: async (lines) => {
        if (trail.kept === 'nothing') return
        await succeed(request, trail, { items: lines })
      },
      fail: ({ code, status }) => refuse(request, trail, { code, status }),
    }
    request.audit = trail
  })

  // Not earlier: the body arrives in another asynchronous context.
  app.addHook('preValidation', (request, _reply, done) => {
    const trail = request.audit
    if (trail === null) return done()
    if (trail.kept !== 'change') return runAs({ readOnly: true }, done)
    const beforeCommit = async (tx: Transaction, clinicId: string): Promise<void> => {
      if (await store.append(tx, clinicId, describe(request, subjectsOf(request, null)))) trail.isRecorded = true
    }
    const onMade = (name: string): void => {
      trail.made ??= name
    }
    runAs({ beforeCommit, onMade }, done)
  })

  app.addHook('preSerialization', async (request, _reply, payload) => {
    if (request.audit !== null) request.audit.answer = payload
    return payload
  })

  app.addHook('onSend', async (request, _reply, payload) => {
    const trail = request.audit
    if (trail === null) return payload
    if (trail.problem !== null) {
      await refuse(request, trail, trail.problem)
      return payload
    }
    const operation = request.routeOptions.schema?.operationId ?? ''
    const isDue =
      (trail.kept === 'read' && !trail.isRecorded) ||
      (trail.kept === 'change' && (!trail.isRecorded || tellsMore.includes(operation)))
    // Lines are put on record one batch after the other, as they are told.
    if (isDue && !isStream(payload)) await succeed(request, trail, trail.answer ?? readJson(payload))
    return payload
  })
}

/** Marks the routes of this scope with what is put on record of them. */
export function keepRecord(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { scope } = route.config ?? {}
    route.config = { ...route.config, kept: keptOf(route.schema?.operationId ?? '', route.method, scope) }
  })
}

/** An answer that was kept for its `Idempotency-Key` is sent as the bytes that it was. */
function readJson(payload: unknown): unknown {
  return Buffer.isBuffer(payload) ? JSON.parse(payload.toString('utf8')) : null
}

function isStream(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload
}

/** Refusals of what was found: its code is one of the clinic's, and no name that somebody has typed. */
const refusedWhenFound: readonly number[] = [409, 412, 422, 428]

/** What the path names: ids, numbers and codes, and nothing that is none. */
function targetOf(params: unknown, problem: Trail['problem']): string[] {
  const isFound = problem === null || refusedWhenFound.includes(problem.status)
  return Object.entries((params ?? {}) as Record<string, unknown>).flatMap(([name, value]) => {
    if (typeof value !== 'string' || value.length > 80) return []
    const isNamed = uuid.test(value) || number.test(value) || (isFound && !namesById.includes(name) && code.test(value))
    return isNamed ? [`${name}=${value.toLowerCase()}`] : []
  })
}

function madeBy(trail: Trail | null): string[] {
  const made = trail?.made ?? null
  return [
    ...(made === null || made.length > 80 ? [] : [`made=${made}`]),
    ...(trail?.isReplayed ? ['replayed=true'] : []),
  ]
}

/** What a refusal tells of, in the shape of an answer: what there is already, or what uses something. */
function toldBy({ extensions = {} }: Refusal): { items: unknown[] } {
  const { existing, ...others } = extensions
  // Of the others it is not known of what the `id` is.
  const uses = Object.values(others)
    .flat()
    .map((one) => (typeof one === 'object' ? { ...one, id: null } : null))
  return { items: [existing, ...uses] }
}

/** The patients and episodes that the path names, and those in the answer. */
function subjectsOf(request: FastifyRequest, answer: unknown): Subjects {
  const url = request.routeOptions.url ?? ''
  const patients = new Set<string>()
  const episodes = new Set<string>()
  const add = (to: Set<string>, value: unknown): void => {
    if (typeof value === 'string' && uuid.test(value)) to.add(value.toLowerCase())
  }
  const { id } = (request.params ?? {}) as { id?: unknown }
  if (url.startsWith('/v1/patients/:id')) add(patients, id)
  if (url.startsWith('/v1/episodes/:id')) add(episodes, id)
  const arePatients = /^\/v1\/patients(\/:id)?$/.test(url)
  const areEpisodes = /^\/v1\/(patients\/:id\/episodes|episodes|episodes\/:id)$/.test(url)
  for (const one of recordsIn(answer)) {
    if (arePatients) add(patients, one.id)
    if (areEpisodes) add(episodes, one.id)
    add(patients, one.patient)
    add(patients, one.patientId)
    add(episodes, one.episode)
    add(episodes, one.episodeId)
    const { select } = one as { select?: { episodes?: unknown } }
    if (Array.isArray(select?.episodes)) for (const value of select.episodes) add(episodes, value)
  }
  return { patients: [...patients], episodes: [...episodes] }
}

/** The answer itself and, if it is a list, what it lists. */
function recordsIn(answer: unknown): Record<string, unknown>[] {
  if (typeof answer !== 'object' || answer === null) return []
  const { items } = answer as { items?: unknown }
  const listed = Array.isArray(items) ? items.filter((item) => typeof item === 'object' && item !== null) : []
  return [answer as Record<string, unknown>, ...listed]
}

function inParts({ patients, episodes }: Subjects): [Subjects, ...Subjects[]] {
  const partFrom = (from: number): Subjects => ({
    patients: patients.slice(from, from + mostSubjects),
    episodes: episodes.slice(from, from + mostSubjects),
  })
  const parts: [Subjects, ...Subjects[]] = [partFrom(0)]
  for (let from = mostSubjects; from < Math.max(patients.length, episodes.length); from += mostSubjects) {
    parts.push(partFrom(from))
  }
  return parts
}
