import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { etagOf, ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { noContent, slug } from '../../http/schemas.ts'
import { requireChecked } from '../checks/answer.ts'
import { changeDraft, createProtocol, publish, requirePublishable, startDraft } from './authoring.ts'
import { acceptYaml, toYaml } from './document-body.ts'
import { completeDocument, documentBody, protocolDocument } from './document-schema.ts'
import { registerDraftParts } from './draft-parts.ts'
import { authorOf, inDraft, inProtocol, requireVersion } from './in-protocol.ts'
import { deleteDraft, deleteProtocol, listProtocols, listVersions, readVersion, retireVersion } from './repository.ts'
import {
  codeParams,
  documentTypes,
  protocol,
  publishBody,
  publishedVersion,
  startBody,
  version,
  versionParams,
  versionSummary,
} from './schemas.ts'

const protocolsCursor = cursorOf(z.tuple([slug]))
const versionsCursor = cursorOf(z.tuple([z.int().min(1)]))

/** Protocols, their versions, and the draft of each. */
export async function registerProtocols(app: FastifyInstance, context: Context): Promise<void> {
  // A scope of its own, because only these routes take YAML.
  await app.register(async (scope) => {
    acceptYaml(scope)
    registerRoutes(scope, context)
    registerDraftParts(scope, context)
  })
}

function registerRoutes(app: FastifyInstance, context: Context): void {
  const { db } = context
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/protocols',
    {
      schema: {
        operationId: 'listProtocols',
        summary: 'List the clinic’s protocols, by code',
        tags: ['protocols'],
        querystring: z.strictObject({
          ...pageQuery,
          procedure: slug.optional().describe('Only those that have a version for this procedure.'),
        }),
        response: { 200: pageOf(protocol) },
      },
    },
    async (request, reply) => {
      const { limit, cursor, procedure } = request.query
      const after = protocolsCursor.read(cursor)?.[0] ?? null
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) =>
        listProtocols(tx, clinicId, { after, take: limit + 1, procedure }),
      )
      return toPage(request, reply, rows, limit, (row) => protocolsCursor.write([row.code]))
    },
  )

  routes.post(
    '/protocols',
    {
      schema: {
        operationId: 'createProtocol',
        summary: 'Create a protocol from a document, as a draft',
        description:
          'Takes the document as JSON, or as YAML with `Content-Type: application/yaml`. Exercises that it brings along join the catalogue. If anything in it is refused, nothing is stored.',
        tags: ['protocols'],
        consumes: documentTypes,
        body: documentBody,
        response: { 201: version, ...errors('ALREADY_EXISTS', 'CONFLICT', 'DOCUMENT_INVALID') },
      },
    },
    async (request, reply) => {
      const author = authorOf(request, context)
      const document = completeDocument(request.body)
      await db.asClinic(author.clinicId, (tx) => createProtocol(tx, author, document))
      reply.code(201).header('location', `/v1/protocols/${document.code}/draft`)
      return inDraft(request, context, document.code, async ({ draft }) => draft)
    },
  )

  routes.get(
    '/protocols/:code',
    {
      schema: {
        operationId: 'getProtocol',
        summary: 'Read a protocol',
        tags: ['protocols'],
        params: codeParams,
        response: { 200: protocol, ...errors('PROTOCOL_NOT_FOUND') },
      },
    },
    (request) => inProtocol(request, context, request.params.code, async (scope) => scope.protocol),
  )

  routes.delete(
    '/protocols/:code',
    {
      schema: {
        operationId: 'deleteProtocol',
        summary: 'Delete a protocol of which nothing was ever published',
        tags: ['protocols'],
        params: codeParams,
        response: { 204: noContent, ...errors('PROTOCOL_NOT_FOUND', 'IN_USE') },
      },
    },
    async (request, reply) => {
      await inProtocol(
        request,
        context,
        request.params.code,
        async ({ tx, author, protocol: { id, code, latestVersion } }) => {
          if (latestVersion !== null) {
            throw new ProblemError(
              'IN_USE',
              `\`${code}\` has published versions, which stay readable: retire them instead`,
            )
          }
          await deleteProtocol(tx, author.clinicId, id)
        },
      )
      return reply.code(204).send(null)
    },
  )

  routes.get(
    '/protocols/:code/versions',
    {
      schema: {
        operationId: 'listVersions',
        summary: 'List a protocol’s published and retired versions, newest first',
        tags: ['protocols'],
        params: codeParams,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(versionSummary), ...errors('PROTOCOL_NOT_FOUND') },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const below = versionsCursor.read(cursor)?.[0] ?? null
      const rows = await inProtocol(request, context, request.params.code, ({ tx, author, protocol: { id } }) =>
        listVersions(tx, author.clinicId, id, { below, take: limit + 1 }),
      )
      return toPage(request, reply, rows, limit, (row) => versionsCursor.write([row.number ?? 1]))
    },
  )

  routes.get(
    '/protocols/:code/versions/:number',
    {
      schema: {
        operationId: 'getVersion',
        summary: 'Read one version with its rules',
        tags: ['protocols'],
        params: versionParams,
        response: { 200: version, ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND') },
      },
    },
    (request) =>
      inProtocol(request, context, request.params.code, ({ tx, author, protocol: owner }) =>
        requireVersion(tx, author.clinicId, owner, request.params.number),
      ),
  )

  routes.get(
    '/protocols/:code/versions/:number/document',
    {
      schema: {
        operationId: 'exportVersion',
        summary: 'Export one version as a document',
        description: 'JSON, or YAML with `format=yaml`. The document can be kept in git and imported again.',
        tags: ['protocols'],
        params: versionParams,
        querystring: z.strictObject({ format: z.enum(['json', 'yaml']).default('json') }),
        response: {
          200: {
            description: 'The document.',
            content: { 'application/json': { schema: protocolDocument }, 'application/yaml': { schema: z.string() } },
          },
          ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND'),
        },
      },
    },
    async (request, reply) => {
      const { document, revision } = await inProtocol(
        request,
        context,
        request.params.code,
        ({ tx, author, protocol: owner }) => requireVersion(tx, author.clinicId, owner, request.params.number),
      )
      const { format } = request.query
      const name = `${document.code}-${request.params.number}.${format}`
      reply.header('content-disposition', `inline; filename="${name}"`).header('etag', etagOf(revision))
      if (format === 'json') return document
      return reply.type('application/yaml; charset=utf-8').send(toYaml(document))
    },
  )

  routes.post(
    '/protocols/:code/versions/:number/retire',
    {
      schema: {
        operationId: 'retireVersion',
        summary: 'Retire a version: it is not assigned any more',
        description: 'Episodes that follow it keep it, and their answers stay what they are.',
        tags: ['protocols'],
        params: versionParams,
        headers: ifMatchHeader,
        response: {
          200: versionSummary,
          ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND', 'VERSION_NOT_PUBLISHED'),
        },
      },
    },
    (request) =>
      inProtocol(request, context, request.params.code, async ({ tx, author, protocol: owner }) => {
        const { number } = request.params
        const current = await requireVersion(tx, author.clinicId, owner, number)
        requireIfMatch(request, current.revision)
        const key = { clinicId: author.clinicId, versionId: current.id }
        if (current.status !== 'published' || !(await retireVersion(tx, key, current.revision, author.now))) {
          throw new ProblemError('VERSION_NOT_PUBLISHED', `version ${number} of \`${owner.code}\` is retired already`)
        }
        return requireVersion(tx, author.clinicId, owner, number)
      }),
  )

  routes.get(
    '/protocols/:code/draft',
    {
      schema: {
        operationId: 'getDraft',
        summary: 'Read the draft',
        tags: ['drafts'],
        params: codeParams,
        response: { 200: version, ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND') },
      },
    },
    (request) => inDraft(request, context, request.params.code, async ({ draft }) => draft),
  )

  routes.post(
    '/protocols/:code/draft',
    {
      schema: {
        operationId: 'startDraft',
        summary: 'Start a draft from a published version',
        tags: ['drafts'],
        params: codeParams,
        body: startBody,
        response: {
          201: version,
          ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND', 'ALREADY_EXISTS', 'DOCUMENT_INVALID', 'CONFLICT'),
        },
      },
    },
    async (request, reply) => {
      await inProtocol(request, context, request.params.code, async ({ tx, author, protocol: owner }) => {
        if (owner.hasDraft) {
          throw new ProblemError('ALREADY_EXISTS', `\`${owner.code}\` has a draft already: edit, publish or delete it`)
        }
        const source = await requireVersion(tx, author.clinicId, owner, request.body.from ?? owner.latestVersion ?? 1)
        // The catalogue has moved on since: the draft takes its exercises from there.
        await startDraft(tx, author, owner, { ...source.document, exercises: [] })
      })
      reply.code(201).header('location', `/v1/protocols/${request.params.code}/draft`)
      return inDraft(request, context, request.params.code, async ({ draft }) => draft)
    },
  )

  routes.put(
    '/protocols/:code/draft',
    {
      schema: {
        operationId: 'replaceDraft',
        summary: 'Replace the draft by a document',
        description:
          'Takes JSON, or YAML with `Content-Type: application/yaml`. Without a draft it makes one, and then `If-Match` is not needed.',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        consumes: documentTypes,
        body: documentBody,
        response: { 200: version, ...errors('PROTOCOL_NOT_FOUND', 'CONFLICT', 'DOCUMENT_INVALID') },
      },
    },
    async (request) => {
      const document = completeDocument(request.body)
      await inProtocol(request, context, request.params.code, async ({ tx, author, protocol: owner }) => {
        const draft = await readVersion(tx, author.clinicId, owner.id, 'draft')
        if (draft === null) return startDraft(tx, author, owner, document)
        requireIfMatch(request, draft.revision)
        return changeDraft(tx, author, owner, draft, document)
      })
      return inDraft(request, context, request.params.code, async ({ draft }) => draft)
    },
  )

  routes.delete(
    '/protocols/:code/draft',
    {
      schema: {
        operationId: 'deleteDraft',
        summary: 'Discard the draft',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        response: { 204: noContent, ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND') },
      },
    },
    async (request, reply) => {
      await inDraft(request, context, request.params.code, async ({ tx, author, draft }) => {
        requireIfMatch(request, draft.revision)
        const deleted = await deleteDraft(tx, { clinicId: author.clinicId, versionId: draft.id }, draft.revision)
        if (!deleted) throw new ProblemError('PRECONDITION_FAILED', 'the draft was changed by somebody else just now')
      })
      return reply.code(204).send(null)
    },
  )

  routes.post(
    '/protocols/:code/draft/publish',
    {
      schema: {
        operationId: 'publishDraft',
        summary: 'Publish the draft as the next version',
        description:
          'The draft is checked first: errors refuse it, and warnings that are not accepted come with the answer. From then on the version never changes, and neither do the exercises in it. Episodes keep the version that they have.',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        body: publishBody,
        response: {
          201: publishedVersion,
          ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND', 'DOCUMENT_INVALID', 'CHECK_FAILED', 'CONFLICT'),
        },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      const checked = await inDraft(request, context, code, async ({ tx, author, draft }) => {
        requireIfMatch(request, draft.revision)
        await requirePublishable(tx, author.clinicId, draft.document)
        return draft.document
      })
      // Outside of a transaction: it can take long enough to be in the way of others.
      const warnings = requireChecked(checked)
      const published = await inDraft(request, context, code, async ({ tx, author, protocol: owner, draft }) => {
        requireIfMatch(request, draft.revision)
        if (!isDeepStrictEqual(draft.document, checked)) {
          throw new ProblemError('CONFLICT', 'an exercise was changed while the draft was checked: publish again')
        }
        const number = await publish(tx, author, owner, draft, request.body.changeNote ?? null)
        return requireVersion(tx, author.clinicId, owner, number)
      })
      reply.code(201).header('location', `/v1/protocols/${request.params.code}/versions/${published.number}`)
      return { ...published, warnings }
    },
  )
}
