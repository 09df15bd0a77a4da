import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import { prefers } from '../../http/accept.ts'
import type { Context } from '../../http/context.ts'
import { sendLines } from '../../http/lines.ts'
import { cursorOf, pageOf, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { nameKeys } from '../protocols/keys.ts'
import { fhirLinesMediaType, toAuditEvent, toErrorLine, toLastLine } from './fhir.ts'
import { type EventFilter, listEvents, type RecordedEvent, readEvent, readLastSeq } from './repository.ts'
import { auditEvent, auditParams, auditQuery, fhirLine } from './schemas.ts'

const cursor = cursorOf(z.tuple([z.int().min(1)]))
const tags = ['audit']

/** So many events are exported at a time. */
const batchSize = 500

/** What was done in the clinic, for its administrator. Nothing is written here. */
export async function registerAuditEvents(app: FastifyInstance, { db }: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/audit-events',
    {
      schema: {
        operationId: 'listAuditEvents',
        summary: 'List who did what, newest first, or export it',
        description:
          'Every change, every refused request and every read of a patient’s data; reading this list too. Each event has the hash of the one before, so that none can be altered, removed or put in unseen. With `Accept: application/fhir+ndjson` all that fit the filter come as FHIR R4 AuditEvents, oldest first, one per line, and `limit` and `cursor` are not asked for; the last line is an OperationOutcome that says that it is complete.',
        tags,
        querystring: auditQuery,
        response: {
          200: {
            description: 'One page of the list, or all of it as lines.',
            content: {
              'application/json': { schema: pageOf(auditEvent) },
              [fhirLinesMediaType]: { schema: fhirLine },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { limit, cursor: from, ...filter } = request.query
      const { clinicId } = request.actor
      reply.header('vary', 'Accept')
      if (prefers(request.headers.accept, fhirLinesMediaType)) {
        return sendLines(request, reply, exported(clinicId, filter), { mediaType: fhirLinesMediaType, toErrorLine })
      }
      const behind = cursor.read(from)?.[0] ?? null
      const rows = await db.asClinic(clinicId, async (tx) => {
        const events = await listEvents(tx, clinicId, filter, { order: 'newest', behind, take: limit + 1 })
        return withNames(tx, clinicId, events)
      })
      return toPage(request, reply, rows, limit, ({ seq }) => cursor.write([seq]))
    },
  )

  /** What fits the filter and is there now, oldest first. */
  async function* exported(clinicId: string, filter: EventFilter): AsyncGenerator<object[]> {
    const until = await db.asClinic(clinicId, (tx) => readLastSeq(tx, clinicId))
    let count = 0
    for (let behind = 0; ; ) {
      const page = { order: 'oldest', behind, take: batchSize } as const
      const events = await db.asClinic(clinicId, (tx) => listEvents(tx, clinicId, filter, page))
      const old = events.filter(({ seq }) => seq <= until)
      count += old.length
      yield old.map((event) => toAuditEvent(event, clinicId))
      if (old.length < batchSize) break
      behind = old.at(-1)?.seq ?? behind
    }
    yield [toLastLine(count)]
  }

  routes.get(
    '/audit-events/:seq',
    {
      schema: {
        operationId: 'getAuditEvent',
        summary: 'Read one event',
        description: 'It never changes, but for the actor’s name.',
        tags,
        params: auditParams,
        response: { 200: auditEvent, ...errors('AUDIT_EVENT_NOT_FOUND') },
      },
    },
    (request) => {
      const { clinicId } = request.actor
      const seq = Number(request.params.seq)
      return db.asClinic(clinicId, async (tx) => {
        const found = await readEvent(tx, clinicId, seq)
        const [event] = await withNames(tx, clinicId, found === null ? [] : [found])
        if (event !== undefined) return event
        throw new ProblemError('AUDIT_EVENT_NOT_FOUND', `there is no audit event ${seq}`)
      })
    },
  )
}

async function withNames(tx: Transaction, clinicId: string, events: readonly RecordedEvent[]) {
  const nameOf = await nameKeys(
    tx,
    clinicId,
    events.map(({ actor }) => actor),
  )
  return events.map(({ actor, actorKind, credential, target, ...event }) => ({
    ...event,
    actor: { id: actor, kind: actorKind, name: actor === null ? null : nameOf(actor).name, credential },
    target: Object.fromEntries(target.map((named) => named.split('=', 2) as [string, string])),
  }))
}
