import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { prefers } from '../../http/accept.ts'
import type { Context } from '../../http/context.ts'
import { linesMediaType, longAnswer, sendLines } from '../../http/lines.ts'
import { errors } from '../../http/problems.ts'
import type { CalendarDate, Instant } from '../../rules/index.ts'
import { fixMoment } from '../episodes/caseload.ts'
import { today } from '../episodes/plausibility.ts'
import { inDraft, inProtocol, requireVersion } from '../protocols/in-protocol.ts'
import { listVersionIds, type ProtocolSummary, type StoredVersion } from '../protocols/repository.ts'
import { versionParams } from '../protocols/schemas.ts'
import { toSummary, toWeighed } from './answer.ts'
import { draftParams, impact, impactLine, impactQuery } from './schemas.ts'
import { count, emptySummary } from './summary.ts'
import { type Candidate, type Weighed, weighCaseload } from './weigh.ts'

const description =
  'Every open episode that follows another version of the protocol is answered twice for one date, from one record as it was known at one moment: as it is, and with this version in the place of the other; what else the episode follows stays. Nothing is written. `changed` is whoever would do, keep to or be asked something else; the rest of the answer (reasons, sources, wording of explanations) is counted apart, and `unchanged` means the same answer. What a hold, an open red flag, an override or a surgery ahead hides on the date is compared without it and told as `hidden`. Whoever cannot follow the version, because of the surgery, is counted apart and listed with the reason. Until when limits, contraindications and instructions hold is compared; what else lies ahead of the date is not: ask with a later `on`. For a large caseload take lines (`Accept: application/x-ndjson`): each changed episode as it is found, then the summary.'

/** What a draft or a version would change for the patients who follow another one. */
export async function registerImpacts(app: FastifyInstance, context: Context): Promise<void> {
  const { db, clock } = context
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const response = {
    200: {
      description: 'What would change.',
      content: { 'application/json': { schema: impact }, [linesMediaType]: { schema: impactLine } },
    },
    ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND'),
  }

  /** The version, and those in whose place it would be put. */
  interface Asked {
    protocol: ProtocolSummary
    version: StoredVersion
    instead: Candidate['instead']
  }

  async function answer(
    request: FastifyRequest<{ Querystring: z.output<typeof impactQuery> }>,
    reply: FastifyReply,
    { protocol, version, instead }: Asked,
  ) {
    const { clinicId, timeZone } = request.actor
    const { limit, format } = request.query
    const on = request.query.on ?? today(clock(), timeZone)
    const knownAt = await fixMoment(context, clinicId)
    const candidate = {
      instead,
      version: { id: version.id, version: version.number, document: version.document },
    }
    const weighed = weighCaseload(db, clinicId, candidate, { on, knownAt })
    const about = describe(protocol, version, on, knownAt)
    reply.header('vary', 'Accept')
    const asLines = format === undefined ? prefers(request.headers.accept, linesMediaType) : format === 'ndjson'
    if (asLines) return sendLines(request, reply, toLines(weighed, about))
    const summary = emptySummary()
    const items: ReturnType<typeof toWeighed>[] = []
    for await (const page of weighed) {
      // Nobody waits for it any more.
      if (request.raw.socket.destroyed) break
      await request.requireInForce()
      for (const one of page) {
        count(summary, one)
        if (isListed(one) && items.length < limit) items.push(toWeighed(one, on))
      }
    }
    return {
      ...about,
      ...toSummary(summary),
      items,
      isCut: summary.outcomes.changed + summary.cannotFollow > items.length,
    }
  }

  routes.get(
    '/protocols/:code/draft/impact',
    {
      config: { answerWithin: longAnswer },
      schema: {
        operationId: 'getDraftImpact',
        summary: 'Say whom the draft would change, and how, before it is published',
        description,
        tags: ['drafts'],
        params: draftParams,
        querystring: impactQuery,
        response: { ...response, ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND', 'DRAFT_NOT_FOUND') },
      },
    },
    async (request, reply) => {
      const { from } = request.query
      const asked = await inDraft(request, context, request.params.code, async ({ tx, author, protocol, draft }) => {
        if (from !== undefined) await requireVersion(tx, author.clinicId, protocol, from)
        return { protocol, version: draft, instead: await listVersionIds(tx, author.clinicId, protocol.id, from) }
      })
      return answer(request, reply, asked)
    },
  )

  routes.get(
    '/protocols/:code/versions/:number/impact',
    {
      config: { answerWithin: longAnswer },
      schema: {
        operationId: 'getVersionImpact',
        summary: 'Say whom moving to this version would change, and how',
        description,
        tags: ['protocols'],
        params: versionParams,
        querystring: impactQuery,
        response,
      },
    },
    async (request, reply) => {
      const { code, number } = request.params
      const { from } = request.query
      const asked = await inProtocol(request, context, code, async ({ tx, author, protocol }) => {
        const version = await requireVersion(tx, author.clinicId, protocol, number)
        if (from !== undefined) await requireVersion(tx, author.clinicId, protocol, from)
        const instead = await listVersionIds(tx, author.clinicId, protocol.id, from)
        instead.delete(version.id)
        return { protocol, version, instead }
      })
      return answer(request, reply, asked)
    },
  )
}

function describe(protocol: ProtocolSummary, version: StoredVersion, on: CalendarDate, knownAt: Instant) {
  const { number, status, title, revision } = version
  return { protocol: protocol.code, to: { version: number, status, title, revision }, on, knownAt }
}

function isListed({ outcome, misfit }: Weighed): boolean {
  return outcome === 'changed' || misfit !== null
}

/** The listed episodes, page by page, and the summary last. */
async function* toLines(
  pages: AsyncIterable<readonly Weighed[]>,
  about: ReturnType<typeof describe>,
): AsyncGenerator<object[]> {
  const summary = emptySummary()
  for await (const page of pages) {
    for (const one of page) count(summary, one)
    yield page.filter(isListed).map((one) => ({ kind: 'episode', ...toWeighed(one, about.on) }))
  }
  yield [{ kind: 'summary', ...about, ...toSummary(summary) }]
}
