import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { instantInput, uuid } from '../../http/schemas.ts'
import type { ProtocolDocument } from '../../rules/index.ts'
import { requireChecked } from '../checks/answer.ts'
import { eventKinds, listEvents } from '../protocol-events/repository.ts'
import { lostRace, publish, requireEditable, requirePublishable } from './authoring.ts'
import { placeInBody } from './draft-edits.ts'
import { inDraft, inProtocol, requireVersion } from './in-protocol.ts'
import { answerVersion } from './joined.ts'
import { nameKeys } from './keys.ts'
import { approve, giveBack, requireApproved, requireUnchanged, retire, submit, withdraw } from './lifecycle.ts'
import { readVersion } from './repository.ts'
import {
  codeParams,
  historyEvent,
  noteBody,
  publishBody,
  publishedVersion,
  retireBody,
  retiredVersion,
  returnBody,
  submitBody,
  submittedVersion,
  version,
  versionParams,
} from './schemas.ts'

const historyCursor = cursorOf(
  z.strictObject({ recordedAt: instantInput, revision: z.int().min(1).max(2_147_483_647), id: uuid }),
)

const ofDraft = ['PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND'] as const

/** From a draft by way of its review to a published version, and to a retired one. */
export function registerLifecycle(app: FastifyInstance, context: Context): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  /** Does one thing to the draft that the caller has seen, and answers what it is then. */
  function actOnDraft(
    request: FastifyRequest<{ Params: { code: string } }>,
    act: (scope: Parameters<Parameters<typeof inDraft>[3]>[0]) => Promise<void>,
  ) {
    return inDraft(request, context, request.params.code, async (scope) => {
      requireIfMatch(request, scope.draft.revision)
      await act(scope)
      const { tx, author, protocol, draft } = scope
      const changed = await readVersion(tx, author.clinicId, protocol.id, 'draft')
      if (changed === null) throw lostRace()
      return answerVersion(tx, author.clinicId, { ...changed, document: draft.document })
    })
  }

  routes.post(
    '/protocols/:code/draft/submit',
    {
      schema: {
        operationId: 'submitDraft',
        summary: 'Submit the draft for review',
        description:
          'The draft is checked: errors refuse it, and warnings that are not accepted come with the answer. What is reviewed is exactly what was submitted; until it is approved, returned or taken back it cannot be edited.',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        body: submitBody,
        response: {
          200: submittedVersion,
          ...errors(...ofDraft, 'IN_REVIEW', 'DOCUMENT_INVALID', 'CHECK_FAILED', 'CONFLICT'),
        },
      },
    },
    async (request) => {
      const { document, warnings } = await checkFirst(request, context, async ({ tx, author, protocol, draft }) =>
        requireEditable(tx, author.clinicId, protocol, draft),
      )
      const submitted = await actOnDraft(request, (scope) => {
        requireUnchanged(scope.draft.document, document)
        return submit(scope, request.body.changeNote)
      })
      return { ...submitted, warnings }
    },
  )

  routes.post(
    '/protocols/:code/draft/withdraw',
    {
      schema: {
        operationId: 'withdrawDraft',
        summary: 'Take the draft back from review',
        description: 'It can be edited again. An approval that it had does not count any more.',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        body: noteBody,
        response: { 200: version, ...errors(...ofDraft, 'NOT_IN_REVIEW') },
      },
    },
    (request) => actOnDraft(request, (scope) => withdraw(scope, request.body.note ?? null)),
  )

  routes.post(
    '/protocols/:code/draft/approve',
    {
      schema: {
        operationId: 'approveDraft',
        summary: 'Approve what was submitted',
        description:
          'The approval is of exactly what was submitted: any edit loses it, and so does a change of an exercise in the catalogue that the protocol is about. Where the clinic wants a second person (`approval` of `/v1/clinic`), whoever approves must have neither edited nor submitted this draft.',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        body: noteBody,
        response: {
          200: version,
          ...errors(...ofDraft, 'NOT_IN_REVIEW', 'SECOND_PERSON_REQUIRED', 'CONTENT_CHANGED', 'CONFLICT'),
        },
      },
    },
    (request) => actOnDraft(request, (scope) => approve(scope, request.body.note ?? null)),
  )

  routes.post(
    '/protocols/:code/draft/return',
    {
      schema: {
        operationId: 'returnDraft',
        summary: 'Return what was submitted to its authors',
        description: 'With what has to be changed. The draft can be edited again, and submitted again.',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        body: returnBody,
        response: { 200: version, ...errors(...ofDraft, 'NOT_IN_REVIEW') },
      },
    },
    (request) => actOnDraft(request, (scope) => giveBack(scope, request.body.note)),
  )

  routes.post(
    '/protocols/:code/draft/publish',
    {
      schema: {
        operationId: 'publishDraft',
        summary: 'Publish the draft as the next version',
        description:
          'The draft is checked first: errors refuse it, and warnings that are not accepted come with the answer. What is published is exactly what was checked and, if it was submitted, approved. From then on the version never changes, and neither do the exercises in it. Episodes keep the version that they have.',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        body: publishBody,
        response: {
          201: publishedVersion,
          ...errors(
            ...ofDraft,
            'NOT_APPROVED',
            'SECOND_PERSON_REQUIRED',
            'CONTENT_CHANGED',
            'NOT_PLAUSIBLE',
            'DOCUMENT_INVALID',
            'CHECK_FAILED',
            'CONFLICT',
            // The clinic has changed its rule of approval meanwhile.
            'IN_USE',
          ),
        },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      const { document, warnings } = await checkFirst(request, context, requireApproved)
      const published = await inDraft(request, context, code, async (scope) => {
        const { tx, author, protocol: owner, draft } = scope
        requireIfMatch(request, draft.revision)
        requireUnchanged(draft.document, document)
        await requireApproved(scope)
        const changeNote = chooseNote(draft, request.body.changeNote)
        const number = await publish(tx, author, owner, draft, changeNote)
        return answerVersion(tx, author.clinicId, await requireVersion(tx, author.clinicId, owner, number))
      })
      reply.code(201).header('location', `/v1/protocols/${code}/versions/${published.number}`)
      return { ...published, warnings }
    },
  )

  routes.post(
    '/protocols/:code/versions/:number/retire',
    {
      schema: {
        operationId: 'retireVersion',
        summary: 'Retire a version: it is not assigned any more',
        description:
          'Episodes that follow it keep it, and their answers stay what they are; while there are any that are open, the body says so. New episodes get the newest version that is not retired, even an older one: `newEpisodes` says which. A version that is retired stays retired: to bring it back, start a draft from it and publish that, with today’s catalogue and the clinic’s review.',
        tags: ['protocols'],
        params: versionParams,
        headers: ifMatchHeader,
        body: retireBody,
        response: {
          200: retiredVersion,
          ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND', 'VERSION_NOT_PUBLISHED', 'RETIREMENT_UNDECIDED'),
        },
      },
    },
    (request) =>
      inProtocol(request, context, request.params.code, async ({ tx, author, protocol: owner }) => {
        const { number } = request.params
        const current = await requireVersion(tx, author.clinicId, owner, number)
        requireIfMatch(request, current.revision)
        const left = await retire(tx, author, owner, current, request.body)
        const retired = await requireVersion(tx, author.clinicId, owner, number)
        return { ...(await answerVersion(tx, author.clinicId, retired)), ...left }
      }),
  )

  routes.get(
    '/protocols/:code/history',
    {
      schema: {
        operationId: 'listProtocolHistory',
        summary: 'List what was done to a protocol, newest first',
        description:
          'Who started, edited, submitted, took back, returned, approved, published, discarded and retired what, when and why. It goes back to the time from which that is recorded.',
        tags: ['protocols'],
        params: codeParams,
        querystring: z.strictObject({
          ...pageQuery,
          kind: z.enum(eventKinds).optional().describe('Only what is of this kind.'),
        }),
        response: { 200: pageOf(historyEvent), ...errors('PROTOCOL_NOT_FOUND') },
      },
    },
    async (request, reply) => {
      const { limit, cursor, kind } = request.query
      const before = historyCursor.read(cursor)
      const rows = await inProtocol(request, context, request.params.code, async ({ tx, author, protocol: { id } }) => {
        const events = await listEvents(tx, author.clinicId, id, { before, take: limit + 1, kind })
        const keyOf = await nameKeys(
          tx,
          author.clinicId,
          events.map(({ recordedBy }) => recordedBy),
        )
        return events.map((event) => ({ ...event, by: keyOf(event.recordedBy) }))
      })
      const page = toPage(request, reply, rows, limit, ({ recordedAt, revision, id }) =>
        historyCursor.write({ recordedAt, revision, id }),
      )
      const items = page.items.map(({ version: number, kind: what, revision, recordedAt, by, note, payload }) => {
        const { from, ...rest } = payload
        const about = from === undefined ? rest : { startedFrom: from }
        return { version: number, kind: what, revision, at: recordedAt, by, note, ...about }
      })
      return { ...page, items }
    },
  )
}

/** The draft and the warnings of its check, once nothing else stands in the way. */
async function checkFirst(
  request: FastifyRequest<{ Params: { code: string } }>,
  context: Context,
  require: (scope: Parameters<Parameters<typeof inDraft>[3]>[0]) => Promise<void>,
): Promise<{ document: ProtocolDocument; warnings: ReturnType<typeof requireChecked> }> {
  const document = await inDraft(request, context, request.params.code, async (scope) => {
    requireIfMatch(request, scope.draft.revision)
    await require(scope)
    await requirePublishable(scope.tx, scope.author.clinicId, scope.draft.document).catch((error: unknown) => {
      throw placeInBody(error, null)
    })
    return scope.draft.document
  })
  // Outside of a transaction: it can take long enough to be in the way of others.
  return { document, warnings: requireChecked(document) }
}

/** The reason that was approved stays; without an approval it is given now. */
function chooseNote(
  { status, changeNote }: { status: string; changeNote: string | null },
  given: string | undefined,
): string | null {
  if (status !== 'approved') return given ?? null
  if (given === undefined || given === changeNote) return changeNote
  const detail = 'differs from what was submitted and approved: leave it out, and that one stands'
  throw new ProblemError('NOT_PLAUSIBLE', `\`changeNote\` ${detail}`, { errors: [{ pointer: '/changeNote', detail }] })
}
