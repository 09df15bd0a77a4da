import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import { holdCodes } from '../../db/codes.ts'
import { requireScope } from '../../http/access.ts'
import type { Context } from '../../http/context.ts'
import { findNearest, listWords } from '../../http/nearest.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, type ProblemCode, ProblemError } from '../../http/problems.ts'
import type { CalendarDate } from '../../rules/index.ts'
import { readAllExercises, readExercise } from '../exercises/repository.ts'
import {
  implausible,
  requireFact,
  requireLifts,
  requireMilestone,
  requirePast,
  requireRedFlag,
  requireSpan,
} from './plausibility.ts'
import {
  append,
  inEpisode,
  type RecordScope,
  readDocuments,
  requireEpisode,
  requireOpen,
  requireStanding,
  type VoidableKind,
  voidableKinds,
  voidEntry as voidStandingEntry,
} from './record.ts'
import { listEntries, type NewEntry, type RecordedEntry, readEntry, withVoids } from './repository.ts'
import * as schemas from './schemas.ts'

const cursor = cursorOf(z.tuple([z.int().min(1)]))
const tags = ['record']

/** The kinds of entry that have an address of their own: what each takes, and what becomes of it. */
const collections = {
  milestones: {
    kind: 'milestone',
    one: 'Milestone',
    many: 'Milestones',
    noun: 'a milestone or a clearance',
    body: schemas.milestoneBody,
    refuses: ['UNKNOWN_REFERENCE', 'NOT_PLAUSIBLE'],
    read: async (scope: RecordScope, body: z.output<typeof schemas.milestoneBody>): Promise<NewEntry> => {
      requirePast(body.on, scope.recorder.today)
      if (requireMilestone(body, await readDocuments(scope), scope.episode.surgeryDate)) {
        requireScope(scope.recorder.actor, 'clearances:write', `to record the clearance \`${body.code}\``)
      }
      const { code, on, grantedBy = null, note = null } = body
      return { kind: 'milestone', code, on, grantedBy, note }
    },
  },
  facts: {
    kind: 'fact',
    one: 'Fact',
    many: 'Facts',
    noun: 'an observation',
    body: schemas.factBody,
    refuses: ['UNKNOWN_REFERENCE', 'NOT_PLAUSIBLE'],
    read: async (scope: RecordScope, body: z.output<typeof schemas.factBody>): Promise<NewEntry> => {
      requirePast(body.on, scope.recorder.today)
      requireFact(body, await readDocuments(scope))
      const { code, value, on, note = null } = body
      return { kind: 'fact', code, value, on, note }
    },
  },
  symptoms: {
    kind: 'symptom',
    one: 'Symptom',
    many: 'Symptoms',
    noun: 'a red-flag symptom: from its date on nothing is permitted until it is resolved',
    body: schemas.symptomBody,
    refuses: ['UNKNOWN_REFERENCE', 'NOT_PLAUSIBLE'],
    read: async (scope: RecordScope, body: z.output<typeof schemas.symptomBody>): Promise<NewEntry> => {
      requirePast(body.on, scope.recorder.today)
      const { title, response } = requireRedFlag(body.redFlag, await readDocuments(scope))
      const { redFlag, on, note = null } = body
      return { kind: 'symptom', redFlag, title, response, on, note }
    },
  },
  overrides: {
    kind: 'override',
    one: 'Override',
    many: 'Overrides',
    noun: 'an exception for this patient: permit or withhold one exercise',
    body: schemas.overrideBody,
    refuses: ['UNKNOWN_REFERENCE', 'NOT_PLAUSIBLE'],
    read: async (scope: RecordScope, body: z.output<typeof schemas.overrideBody>): Promise<NewEntry> => {
      requireSpan(body.from, body.until)
      const documents = await readDocuments(scope)
      requireLifts(body, documents)
      const { exercise, effect, from, until = null, reason, lifts = [] } = body
      const entry = await requireExercise(scope.tx, scope.recorder.clinicId, exercise)
      const versions = scope.episode.protocols.map((protocol) => protocol.versionId)
      return { kind: 'override', exercise, entry, effect, from, until, reason, lifts, versions }
    },
  },
  holds: {
    kind: 'hold',
    one: 'Hold',
    many: 'Holds',
    noun: 'a hold: while it lasts nothing is permitted',
    body: schemas.holdBody,
    refuses: ['NOT_PLAUSIBLE'],
    read: async (_scope: RecordScope, body: z.output<typeof schemas.holdBody>): Promise<NewEntry> => {
      requireSpan(body.from, body.until)
      const { from, until = null, reason } = body
      return { kind: 'hold', from, until, reason }
    },
  },
} as const

async function requireExercise(tx: Transaction, clinicId: string, code: string) {
  // Nobody deletes it until the override that names it is stored.
  await holdCodes(tx, 'exercise', clinicId, [code])
  const exercise = await readExercise(tx, clinicId, code)
  if (exercise !== null) return exercise
  const catalogue = await readAllExercises(tx, clinicId)
  const nearest = findNearest(
    code,
    catalogue.map((candidate) => candidate.code),
  )
  const detail = `names the exercise \`${code}\`, which the catalogue does not have${nearest.length > 0 ? `: did you mean ${listWords(nearest)}?` : ''}`
  throw new ProblemError('UNKNOWN_REFERENCE', `\`exercise\` ${detail}`, {
    errors: [{ pointer: '/exercise', detail }],
    nearest,
  })
}

/** The record of an episode: appended to, voided, and read. */
export async function registerEntries(app: FastifyInstance, context: Context): Promise<void> {
  for (const name of Object.keys(collections) as (keyof typeof collections)[]) {
    registerCollection(app, context, name, collections[name] as unknown as Collection)
  }
  registerFollowUps(app, context)
  registerRecord(app, context)
}

interface Collection {
  kind: VoidableKind
  one: string
  many: string
  noun: string
  body: z.ZodType
  refuses: ProblemCode[]
  read: (scope: RecordScope, body: unknown) => Promise<NewEntry>
}

function registerCollection(app: FastifyInstance, context: Context, name: string, collection: Collection): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const { kind, one, many, noun, body, refuses, read } = collection
  const entry = schemas.entrySchemas[kind]
  const address = `/episodes/:id/${name}`

  routes.get(
    address,
    {
      schema: {
        operationId: `list${many}`,
        summary: `List the episode’s ${name}, in the order in which they were recorded`,
        tags,
        params: schemas.episodeParams,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(entry), ...errors('EPISODE_NOT_FOUND') },
      },
    },
    (request, reply) => listPage(context, request, reply, kind),
  )

  routes.post(
    address,
    {
      schema: {
        operationId: `record${one}`,
        summary: `Record ${noun}`,
        tags,
        params: schemas.episodeParams,
        body,
        response: { 201: entry, ...errors('EPISODE_NOT_FOUND', 'EPISODE_CLOSED', ...refuses) },
      },
    },
    async (request, reply) => {
      const recorded = await inEpisode(request, context, request.params.id, async (scope) => {
        requireOpen(scope.episode)
        return append(scope, await read(scope, request.body))
      })
      return reply
        .code(201)
        .header('location', `/v1/episodes/${request.params.id}/${name}/${recorded.id}`)
        .send(recorded)
    },
  )

  routes.get(
    `${address}/:entry`,
    {
      schema: {
        operationId: `get${one}`,
        summary: `Read one of the episode’s ${name}`,
        tags,
        params: schemas.entryParams,
        response: { 200: entry, ...errors('EPISODE_NOT_FOUND', 'ENTRY_NOT_FOUND') },
      },
    },
    (request) => readOne(context, request, kind),
  )

  routes.post(
    `${address}/:entry/void`,
    {
      schema: {
        operationId: `void${one}`,
        summary: `Void one of the episode’s ${name}: from now on it counts as never recorded`,
        description: 'The entry stays on record, and answers as known before stay what they were.',
        tags,
        params: schemas.entryParams,
        body: schemas.voidBody,
        response: {
          201: schemas.entrySchemas.void,
          ...errors('EPISODE_NOT_FOUND', 'ENTRY_NOT_FOUND', 'ENTRY_ALREADY_VOID'),
        },
      },
    },
    async (request, reply) => {
      const { id, entry: target } = request.params
      const voiding = await inEpisode(request, context, id, (scope) =>
        voidStandingEntry(scope, [kind], target, request.body.reason),
      )
      return sendRecorded(reply, id, voiding)
    },
  )
}

/** What happens to an entry later: a clearance is revoked, a symptom is resolved; and the episode itself is closed. */
function registerFollowUps(app: FastifyInstance, context: Context): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.post(
    '/episodes/:id/milestones/:entry/revoke',
    {
      schema: {
        operationId: 'revokeMilestone',
        summary: 'Revoke a milestone or a clearance from a date on',
        tags,
        params: schemas.entryParams,
        body: schemas.revocationBody,
        response: {
          201: schemas.entrySchemas.revocation,
          ...errors('EPISODE_NOT_FOUND', 'ENTRY_NOT_FOUND', 'ENTRY_ALREADY_VOID', 'EPISODE_CLOSED', 'NOT_PLAUSIBLE'),
        },
      },
    },
    async (request, reply) => {
      const { id, entry: target } = request.params
      const { on, reason } = request.body
      const recorded = await inOpenEpisode(request, context, id, on, async (scope) => {
        const milestone = await requireStanding(scope, ['milestone'], target)
        if (on < milestone.on) throw implausible('/on', `lies before the milestone itself, which is of ${milestone.on}`)
        return append(scope, { kind: 'revocation', milestone: target, on, reason })
      })
      return sendRecorded(reply, id, recorded)
    },
  )

  routes.post(
    '/episodes/:id/symptoms/:entry/resolve',
    {
      schema: {
        operationId: 'resolveSymptom',
        summary: 'Resolve a red-flag symptom: from that date on it withholds nothing',
        tags,
        params: schemas.entryParams,
        body: schemas.resolutionBody,
        response: {
          201: schemas.entrySchemas.resolution,
          ...errors('EPISODE_NOT_FOUND', 'ENTRY_NOT_FOUND', 'ENTRY_ALREADY_VOID', 'EPISODE_CLOSED', 'NOT_PLAUSIBLE'),
        },
      },
    },
    async (request, reply) => {
      const { id, entry: target } = request.params
      const { on, note } = request.body
      const recorded = await inOpenEpisode(request, context, id, on, async (scope) => {
        const symptom = await requireStanding(scope, ['symptom'], target)
        if (on < symptom.on) throw implausible('/on', `lies before the symptom itself, which is of ${symptom.on}`)
        return append(scope, { kind: 'resolution', symptom: target, on, note })
      })
      return sendRecorded(reply, id, recorded)
    },
  )

  routes.post(
    '/episodes/:id/close',
    {
      schema: {
        operationId: 'closeEpisode',
        summary: 'Close an episode: from that date on nothing is permitted from it',
        description: 'Voiding the closure opens it again.',
        tags: ['episodes'],
        params: schemas.episodeParams,
        body: schemas.closureBody,
        response: {
          201: schemas.entrySchemas.closure,
          ...errors('EPISODE_NOT_FOUND', 'EPISODE_CLOSED', 'NOT_PLAUSIBLE'),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { on, reason } = request.body
      const recorded = await inOpenEpisode(request, context, id, on, async (scope) => {
        return append(scope, { kind: 'closure', on, reason })
      })
      return sendRecorded(reply, id, recorded)
    },
  )
}

function sendRecorded(reply: FastifyReply, episodeId: string, entry: RecordedEntry): FastifyReply {
  return reply.code(201).header('location', `/v1/episodes/${episodeId}/record/${entry.id}`).send(entry)
}

/** Works on an open episode on behalf of something that has happened by today. */
function inOpenEpisode(
  request: FastifyRequest,
  context: Context,
  id: string,
  on: CalendarDate,
  work: (scope: RecordScope) => Promise<RecordedEntry>,
): Promise<RecordedEntry> {
  return inEpisode(request, context, id, async (scope) => {
    requireOpen(scope.episode)
    requirePast(on, scope.recorder.today)
    return work(scope)
  })
}

/** The whole record, whatever the kinds of its entries. */
function registerRecord(app: FastifyInstance, context: Context): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/episodes/:id/record',
    {
      schema: {
        operationId: 'listRecord',
        summary: 'List everything on record, in the order in which it was recorded',
        tags,
        params: schemas.episodeParams,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(schemas.entrySchemas.any), ...errors('EPISODE_NOT_FOUND') },
      },
    },
    (request, reply) => listPage(context, request, reply),
  )

  routes.get(
    '/episodes/:id/record/:entry',
    {
      schema: {
        operationId: 'getRecordEntry',
        summary: 'Read one entry of the record',
        tags,
        params: schemas.entryParams,
        response: { 200: schemas.entrySchemas.any, ...errors('EPISODE_NOT_FOUND', 'ENTRY_NOT_FOUND') },
      },
    },
    (request) => readOne(context, request),
  )

  routes.post(
    '/episodes/:id/record/:entry/void',
    {
      schema: {
        operationId: 'voidRecordEntry',
        summary: 'Void an entry of any kind: a resolution, a revocation or a closure too',
        description:
          'The entry stays on record, and answers as known before stay what they were. The surgery and the protocols are corrected by changing the episode.',
        tags,
        params: schemas.entryParams,
        body: schemas.voidBody,
        response: {
          201: schemas.entrySchemas.void,
          ...errors('EPISODE_NOT_FOUND', 'ENTRY_NOT_FOUND', 'ENTRY_ALREADY_VOID'),
        },
      },
    },
    async (request, reply) => {
      const { id, entry: target } = request.params
      const voiding = await inEpisode(request, context, id, (scope) =>
        voidStandingEntry(scope, voidableKinds, target, request.body.reason),
      )
      return sendRecorded(reply, id, voiding)
    },
  )
}

async function listPage(
  { db }: Context,
  request: FastifyRequest & { params: { id: string }; query: { limit: number; cursor?: string | undefined } },
  reply: FastifyReply,
  kind?: VoidableKind,
): Promise<{ items: RecordedEntry[]; next: string | null }> {
  const { clinicId } = request.actor
  const { id } = request.params
  const { limit } = request.query
  const after = cursor.read(request.query.cursor)?.[0] ?? null
  const rows = await db.asClinic(clinicId, async (tx) => {
    await requireEpisode(tx, clinicId, id)
    const entries = await listEntries(tx, clinicId, id, { ...(kind && { kind }), after, take: limit + 1 })
    return withVoids(tx, clinicId, id, entries)
  })
  return toPage(request, reply, rows, limit, (row) => cursor.write([row.revision]))
}

function readOne(
  { db }: Context,
  request: FastifyRequest & { params: { id: string; entry: string } },
  kind?: VoidableKind,
): Promise<RecordedEntry> {
  const { clinicId } = request.actor
  const { id, entry: entryId } = request.params
  return db.asClinic(clinicId, async (tx) => {
    await requireEpisode(tx, clinicId, id)
    const found = await readEntry(tx, clinicId, id, entryId)
    const [entry] = found === null ? [] : await withVoids(tx, clinicId, id, [found])
    if (entry === undefined || (kind !== undefined && entry.kind !== kind)) {
      throw new ProblemError('ENTRY_NOT_FOUND', `the episode’s record has no ${kind ?? 'entry'} ${entryId}`)
    }
    return entry
  })
}
