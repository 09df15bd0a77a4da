import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { etagOf, ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { errors, ProblemError, type ProblemLocation } from '../../http/problems.ts'
import { noContent } from '../../http/schemas.ts'
import type { ProtocolDocument } from '../../rules/index.ts'
import { changeDraft } from './authoring.ts'
import {
  completeDocument,
  contraindicationBody,
  type documentBody,
  limitBody,
  phaseBody,
  prescriptionBody,
  storedParts,
} from './document-schema.ts'
import { inDraft } from './in-protocol.ts'
import { codeParams, partParams } from './schemas.ts'

const editable = {
  phases: { one: 'Phase', many: 'Phases', body: phaseBody },
  prescriptions: { one: 'Prescription', many: 'Prescriptions', body: prescriptionBody },
  contraindications: { one: 'Contraindication', many: 'Contraindications', body: contraindicationBody },
  limits: { one: 'Limit', many: 'Limits', body: limitBody },
} as const

type Editable = keyof typeof editable

/** Edits the draft one phase, prescription, contraindication or limit at a time; each is the same edit in the document. */
export function registerDraftParts(app: FastifyInstance, context: Context): void {
  for (const kind of Object.keys(editable) as Editable[]) registerParts(app, context, kind)
}

function registerParts(app: FastifyInstance, context: Context, kind: Editable): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const { one, many, body } = editable[kind]
  const noun = one.toLowerCase()
  const stored: z.ZodType = storedParts[kind]
  const collection = `/protocols/:code/draft/${kind}`
  const about = { tags: ['drafts'] }

  routes.get(
    collection,
    {
      schema: {
        operationId: `listDraft${many}`,
        summary: `List the draft’s ${kind}, in their order`,
        ...about,
        params: codeParams,
        response: { 200: z.object({ items: z.array(stored) }), ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND') },
      },
    },
    (request, reply) =>
      inDraft(request, context, request.params.code, async ({ draft }) => {
        reply.header('etag', etagOf(draft.revision))
        return { items: [...draft.document[kind]] }
      }),
  )

  routes.post(
    collection,
    {
      schema: {
        operationId: `addDraft${one}`,
        summary: `Add a ${noun} to the end of the draft’s ${kind}`,
        ...about,
        params: codeParams,
        headers: ifMatchHeader,
        body: body as z.ZodType<object>,
        response: {
          201: stored,
          ...errors(
            'PROTOCOL_NOT_FOUND',
            'DRAFT_NOT_FOUND',
            'ALREADY_EXISTS',
            'DOCUMENT_INVALID',
            'CONFLICT',
            'IN_REVIEW',
          ),
        },
      },
    },
    async (request, reply) => {
      const { part, revision } = await inDraft(
        request,
        context,
        request.params.code,
        async ({ tx, author, protocol, draft }) => {
          requireIfMatch(request, draft.revision)
          const changed = withParts(draft.document, kind, [...draft.document[kind], request.body])
          const added = changed[kind].at(-1)
          if (added === undefined || draft.document[kind].some(({ code }) => code === added.code)) {
            const detail = `the draft has a ${noun} \`${added?.code}\` already: replace it, or choose another code`
            throw new ProblemError('ALREADY_EXISTS', detail, { errors: [{ pointer: '/code', detail }] })
          }
          const change = changeDraft(tx, author, protocol, draft, changed, [kind])
          await namedFromPart(change, `/${kind}/${draft.document[kind].length}`)
          return { part: added, revision: draft.revision + 1 }
        },
      )
      reply.code(201).header('etag', etagOf(revision))
      reply.header('location', `/v1/protocols/${request.params.code}/draft/${kind}/${part.code}`)
      return part
    },
  )

  routes.get(
    `${collection}/:part`,
    {
      schema: {
        operationId: `getDraft${one}`,
        summary: `Read one ${noun} of the draft`,
        ...about,
        params: partParams,
        response: { 200: stored, ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND', 'PART_NOT_FOUND') },
      },
    },
    (request, reply) =>
      inDraft(request, context, request.params.code, async ({ draft }) => {
        reply.header('etag', etagOf(draft.revision))
        return draft.document[kind][indexOf(draft.document, kind, request.params.part)]
      }),
  )

  routes.put(
    `${collection}/:part`,
    {
      schema: {
        operationId: `replaceDraft${one}`,
        summary: `Replace one ${noun} of the draft`,
        ...about,
        params: partParams,
        headers: ifMatchHeader,
        body: body as z.ZodType<object>,
        response: {
          200: stored,
          ...errors(
            'PROTOCOL_NOT_FOUND',
            'DRAFT_NOT_FOUND',
            'PART_NOT_FOUND',
            'DOCUMENT_INVALID',
            'CONFLICT',
            'IN_REVIEW',
          ),
        },
      },
    },
    async (request, reply) => {
      const { part, revision } = await inDraft(
        request,
        context,
        request.params.code,
        async ({ tx, author, protocol, draft }) => {
          const index = indexOf(draft.document, kind, request.params.part)
          requireIfMatch(request, draft.revision)
          const replacement = { code: request.params.part, ...request.body }
          if (replacement.code !== request.params.part) {
            const detail = `must be \`${request.params.part}\`, as in the address: remove this ${noun} and add another to rename it`
            throw new ProblemError('DOCUMENT_INVALID', `\`code\` ${detail}`, { errors: [{ pointer: '/code', detail }] })
          }
          const changed = withParts(draft.document, kind, draft.document[kind].with(index, replacement as never))
          await namedFromPart(changeDraft(tx, author, protocol, draft, changed, [kind]), `/${kind}/${index}`)
          return { part: changed[kind][index], revision: draft.revision + 1 }
        },
      )
      reply.header('etag', etagOf(revision))
      return part
    },
  )

  routes.delete(
    `${collection}/:part`,
    {
      schema: {
        operationId: `removeDraft${one}`,
        summary: `Remove one ${noun} from the draft`,
        ...about,
        params: partParams,
        headers: ifMatchHeader,
        response: {
          204: noContent,
          ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND', 'PART_NOT_FOUND', 'DOCUMENT_INVALID', 'IN_REVIEW'),
        },
      },
    },
    async (request, reply) => {
      const revision = await inDraft(request, context, request.params.code, async ({ tx, author, protocol, draft }) => {
        const index = indexOf(draft.document, kind, request.params.part)
        requireIfMatch(request, draft.revision)
        const changed = withParts(draft.document, kind, draft.document[kind].toSpliced(index, 1))
        await changeDraft(tx, author, protocol, draft, changed, [kind])
        return draft.revision + 1
      })
      return reply.code(204).header('etag', etagOf(revision)).send(null)
    },
  )
}

/** The body is one part of the document: a problem in it is at a place of the body. */
async function namedFromPart(change: Promise<void>, pointer: string): Promise<void> {
  try {
    await change
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    const places = error.errors.map(
      (place): ProblemLocation =>
        'pointer' in place && `${place.pointer}/`.startsWith(`${pointer}/`)
          ? { ...place, pointer: place.pointer.slice(pointer.length) }
          : place,
    )
    throw new ProblemError(error.code, error.message, { ...error.extensions, headers: error.headers, errors: places })
  }
}

/** The same document with other parts of one kind, completed as the whole document would be. */
function withParts(document: ProtocolDocument, kind: Editable, parts: readonly object[]): ProtocolDocument {
  return completeDocument({ ...document, [kind]: parts } as z.output<typeof documentBody>)
}

function indexOf(document: ProtocolDocument, kind: Editable, code: string): number {
  const index = document[kind].findIndex((part) => part.code === code)
  if (index !== -1) return index
  throw new ProblemError('PART_NOT_FOUND', `the draft has no ${editable[kind].one.toLowerCase()} \`${code}\``)
}
