import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { noteMade } from '../../db/client.ts'
import { mergePatchOf } from '../../http/bodies.ts'
import type { Context } from '../../http/context.ts'
import { etagOf, ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { acceptJsonAs } from '../../http/json-body.ts'
import { mergePatch, mergePatchType } from '../../http/merge-patch.ts'
import { errors, type ProblemCode, ProblemError } from '../../http/problems.ts'
import { noContent, slug } from '../../http/schemas.ts'
import { toInvalid } from '../../http/validation.ts'
import type { ProtocolDocument } from '../../rules/index.ts'
import { changeDraft } from './authoring.ts'
import { documentBody } from './document-schema.ts'
import {
  addPart,
  type Edited,
  headOf,
  orderPhases,
  type Place,
  placeInBody,
  removePart,
  replaceHead,
  replacePart,
  requirePart,
} from './draft-edits.ts'
import { speakConsequences } from './draft-sentences.ts'
import { answerWritten, type DraftScope, inDraft } from './in-protocol.ts'
import { type EditableKind, nameOf, partKinds, partsOf } from './part-kinds.ts'
import { readVersion, type StoredVersion } from './repository.ts'
import { codeParams, partParams, type renaming, version } from './schemas.ts'

const drafts = { tags: ['drafts'] }

const sameInDocument =
  'The same edit in the whole document gives the same draft: everything else stays as and where it is.'

/** Edits the draft one part at a time; each edit is the same edit in the document. */
export async function registerDraftParts(app: FastifyInstance, context: Context): Promise<void> {
  const kinds = Object.keys(partKinds) as EditableKind[]
  for (const kind of kinds) registerParts(app, context, kind)
  registerOrder(app, context)
  // A scope of its own, because only these routes take a merge patch, and nothing else.
  await app.register(async (scope) => {
    acceptJsonAs(scope, mergePatchType)
    registerHeadPatch(scope, context)
    for (const kind of kinds) registerPartPatch(scope, context, kind)
  })
}

interface Stored {
  edited: Edited
  /** As it is stored now. */
  draft: StoredVersion
  renamed: z.output<typeof renaming> | null
}

/** Makes one edit of the draft that the caller has seen. */
function editDraft(
  request: FastifyRequest,
  context: Context,
  code: string,
  edit: (document: ProtocolDocument) => Edited,
): Promise<Stored> {
  return inDraft(request, context, code, async (scope) => {
    const { tx, author, protocol } = scope
    const read = (which: number | 'draft') => readVersion(tx, author.clinicId, protocol.id, which)
    const edited = await makeEdit(request, scope, edit)
    const { renamed } = edited
    // As it is stored: a list that was sent empty is one that was left out.
    const stored = await read('draft')
    if (stored === null) throw new Error(`the draft of ${protocol.code} was changed and cannot be read`)
    if (renamed === null) return { edited, draft: stored, renamed }
    const { kind, from, to, uses } = renamed
    const published = protocol.latestVersion === null ? null : await read(protocol.latestVersion)
    const isPublished =
      published !== null && partsOf(published.document, kind).some((part) => nameOf(kind, part) === from)
    return { edited, draft: stored, renamed: { from, to, uses, consequences: speakConsequences(renamed, isPublished) } }
  })
}

async function makeEdit(
  request: FastifyRequest,
  { tx, author, protocol, draft }: DraftScope,
  edit: (document: ProtocolDocument) => Edited,
): Promise<Edited> {
  requireIfMatch(request, draft.revision)
  const edited = edit(draft.document)
  const { document, changed, at } = edited
  await changeDraft(tx, author, protocol, draft, document, { changed }).catch((error: unknown) => {
    throw placeInBody(error, at)
  })
  return edited
}

function addressOf(code: string, kind: EditableKind, name: string): string {
  return `/v1/protocols/${code}/draft/${partKinds[kind].path}/${name}`
}

function partNamed(document: ProtocolDocument, kind: EditableKind, name: string): object {
  return partsOf(document, kind)[requirePart(document, kind, name)] as object
}

function registerParts(app: FastifyInstance, context: Context, kind: EditableKind): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const { path, one, noun, about, removing, key, body, stored, replaced } = partKinds[kind]
  const collection = `/protocols/:code/draft/${path}`
  const isOrdered = kind === 'phases'
  const place = {
    before: slug.optional().describe(`The ${noun} before which it goes.`),
    after: slug.optional().describe(`The ${noun} after which it goes. With neither it goes to the end.`),
  }

  routes.get(
    collection,
    {
      schema: {
        operationId: `listDraft${one}s`,
        summary: `List the draft’s ${noun}s, in their order`,
        description: about,
        ...drafts,
        params: codeParams,
        response: { 200: z.object({ items: z.array(stored) }), ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND') },
      },
    },
    (request, reply) =>
      inDraft(request, context, request.params.code, async ({ draft }) => {
        reply.header('etag', etagOf(draft.revision))
        return { items: partsOf(draft.document, kind) as Record<string, unknown>[] }
      }),
  )

  routes.post(
    collection,
    {
      schema: {
        operationId: `addDraft${one}`,
        summary: `Add a ${noun} to the draft`,
        description: `It goes to the end of the list${isOrdered ? ', or next to the one that the query names' : ''}. ${sameInDocument}`,
        ...drafts,
        params: codeParams,
        ...(isOrdered && { querystring: z.strictObject(place) }),
        headers: ifMatchHeader,
        body,
        response: {
          201: stored,
          ...refusals('ALREADY_EXISTS', ...(isOrdered ? (['UNKNOWN_REFERENCE'] as const) : [])),
        },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      const { edited, draft } = await editDraft(request, context, code, (document) => {
        noteMade(nameOf(kind, request.body))
        return addPart(document, kind, request.body, isOrdered ? (request.query as Place) : {})
      })
      const added = partsOf(draft.document, kind)[Number(edited.at?.split('/').at(-1))] as object
      reply.code(201).header('etag', etagOf(draft.revision))
      reply.header('location', addressOf(code, kind, nameOf(kind, added)))
      return added as Record<string, unknown>
    },
  )

  routes.get(
    `${collection}/:part`,
    {
      schema: {
        operationId: `getDraft${one}`,
        summary: `Read one ${noun} of the draft`,
        description: `Its \`ETag\` is the draft’s: an edit of any other part changes it, too.`,
        ...drafts,
        params: partParams,
        response: { 200: stored, ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND', 'PART_NOT_FOUND') },
      },
    },
    (request, reply) =>
      inDraft(request, context, request.params.code, async ({ draft }) => {
        reply.header('etag', etagOf(draft.revision))
        return partNamed(draft.document, kind, request.params.part) as Record<string, unknown>
      }),
  )

  routes.put(
    `${collection}/:part`,
    {
      schema: {
        operationId: `replaceDraft${one}`,
        summary: `Replace one ${noun} of the draft`,
        description: `${sameInDocument} ${describeRenaming(key)}`,
        ...drafts,
        params: partParams,
        headers: ifMatchHeader,
        body,
        response: { 200: replaced, ...refusals('PART_NOT_FOUND', 'ALREADY_EXISTS') },
      },
    },
    async (request, reply) => {
      const { code, part } = request.params
      const edit = (document: ProtocolDocument) => replacePart(document, kind, part, request.body)
      return answerReplaced(reply, kind, code, part, await editDraft(request, context, code, edit))
    },
  )

  routes.delete(
    `${collection}/:part`,
    {
      schema: {
        operationId: `removeDraft${one}`,
        summary: `Remove one ${noun} from the draft`,
        description: removing,
        ...drafts,
        params: partParams,
        headers: ifMatchHeader,
        response: {
          204: noContent,
          ...refusals('PART_NOT_FOUND'),
        },
      },
    },
    async (request, reply) => {
      const { code, part } = request.params
      const { draft } = await editDraft(request, context, code, (document) => removePart(document, kind, part))
      return reply.code(204).header('etag', etagOf(draft.revision)).send(null)
    },
  )
}

function registerPartPatch(app: FastifyInstance, context: Context, kind: EditableKind): void {
  const { path, one, noun, key, body, replaced, patching } = partKinds[kind]

  app.withTypeProvider<ZodTypeProvider>().patch(
    `/protocols/:code/draft/${path}/:part`,
    {
      schema: {
        operationId: `changeDraft${one}`,
        summary: `Change some fields of one ${noun} of the draft`,
        description: `The result is judged as if it replaced the ${noun}.${patching === undefined ? '' : ` ${patching}`} ${describeRenaming(key)}`,
        ...drafts,
        params: partParams,
        headers: ifMatchHeader,
        consumes: [mergePatchType],
        body: mergePatchOf(body.shape),
        response: { 200: replaced, ...refusals('PART_NOT_FOUND', 'ALREADY_EXISTS') },
      },
    },
    async (request, reply) => {
      const { code, part } = request.params
      const edit = (document: ProtocolDocument) =>
        asPatched(noun, () => {
          const patched = mergePatch(partNamed(document, kind, part), request.body) as object
          return replacePart(document, kind, part, patched)
        })
      return answerReplaced(reply, kind, code, part, await editDraft(request, context, code, edit))
    },
  )
}

function registerHeadPatch(app: FastifyInstance, context: Context): void {
  const { title, description, procedures, accepted } = documentBody.shape

  app.withTypeProvider<ZodTypeProvider>().patch(
    '/protocols/:code/draft',
    {
      schema: {
        operationId: 'changeDraft',
        summary: 'Change what the draft says of itself',
        description:
          'Its title and description, the procedures that it is for, and the findings that the author accepts. The lists are replaced as a whole.',
        ...drafts,
        params: codeParams,
        headers: ifMatchHeader,
        consumes: [mergePatchType],
        body: mergePatchOf({ title, description, procedures, accepted }),
        response: {
          200: version,
          ...refusals(),
        },
      },
    },
    (request) =>
      inDraft(request, context, request.params.code, async (scope) => {
        await makeEdit(request, scope, (document) =>
          asPatched('draft', () => replaceHead(document, mergePatch(headOf(document), request.body) as object)),
        )
        return answerWritten(scope.tx, scope.author.clinicId, scope.protocol)
      }),
  )
}

function registerOrder(app: FastifyInstance, context: Context): void {
  app.withTypeProvider<ZodTypeProvider>().put(
    '/protocols/:code/draft/phases/order',
    {
      schema: {
        operationId: 'orderDraftPhases',
        summary: 'Put the draft’s phases in another order',
        description:
          'A patient goes through the phases in this order, and prescriptions count `from` and `through` in it. Every phase must be named once. (A phase whose own code is `order` is changed with a PATCH.)',
        ...drafts,
        params: codeParams,
        headers: ifMatchHeader,
        body: z.strictObject({ codes: z.array(slug).max(50).describe('The code of every phase, first to last.') }),
        response: {
          200: z.object({ items: z.array(partKinds.phases.stored) }),
          ...refusals(),
        },
      },
    },
    async (request, reply) => {
      const edit = (document: ProtocolDocument) => orderPhases(document, request.body.codes)
      const { draft } = await editDraft(request, context, request.params.code, edit)
      reply.header('etag', etagOf(draft.revision))
      return { items: draft.document.phases as never }
    },
  )
}

function describeRenaming(key: 'code' | 'id'): string {
  return `With another \`${key}\` it is renamed, together with every place in the draft that names it: \`renamed\` lists them. A ${key} that is taken is refused.`
}

/** What every edit of a draft can be refused with, and more. */
function refusals(...more: ProblemCode[]) {
  return errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND', 'DOCUMENT_INVALID', 'CONFLICT', 'IN_REVIEW', ...more)
}

function answerReplaced(
  reply: FastifyReply,
  kind: EditableKind,
  code: string,
  part: string,
  { draft, renamed }: Stored,
): Record<string, unknown> {
  reply.header('etag', etagOf(draft.revision))
  if (renamed !== null) reply.header('content-location', addressOf(code, kind, renamed.to))
  const stored = partNamed(draft.document, kind, renamed?.to ?? part)
  return { ...stored, ...(renamed !== null && { renamed }) }
}

/** What is wrong after a merge is not wrong in the patch itself, and the caller has to know. */
function asPatched<Result>(noun: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'VALIDATION_FAILED') throw error
    const errors = error.errors.map((place) =>
      place.detail.startsWith('must be `null`')
        ? {
            ...place,
            detail: `${place.detail}; in a merge patch \`null\` leaves it out: to set it, replace the ${noun} (PUT)`,
          }
        : place,
    )
    const { message } = toInvalid(errors)
    throw new ProblemError(error.code, `as the patch would leave the ${noun}, ${message}`, { errors })
  }
}
