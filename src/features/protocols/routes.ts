import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { etagOf, ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { listWords } from '../../http/nearest.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { noContent, slug } from '../../http/schemas.ts'
import { readLastRevision } from '../protocol-events/repository.ts'
import { changeDraft, createProtocol, exercisesToRestore, lostRace, startDraft } from './authoring.ts'
import { toCanonical } from './canonical.ts'
import { exercisesThatDiffer } from './changes.ts'
import { toYaml } from './document-body.ts'
import { acceptDocuments } from './document-mistakes.ts'
import { completeDocument, documentBody, protocolDocument } from './document-schema.ts'
import { registerDraftParts } from './draft-parts.ts'
import {
  answerWritten,
  authorOf,
  inDraft,
  inProtocol,
  requireNoneSeen,
  requireProtocol,
  requireVersion,
} from './in-protocol.ts'
import { answerVersion } from './joined.ts'
import { withKeyNames } from './keys.ts'
import { discard } from './lifecycle.ts'
import { registerLifecycle } from './lifecycle-routes.ts'
import { deleteDraft, deleteProtocol, listDefaultsOf, listProtocols, listVersions, readVersion } from './repository.ts'
import {
  codeParams,
  documentTypes,
  draftStatus,
  protocol,
  startBody,
  startedVersion,
  version,
  versionParams,
  versionSummary,
} from './schemas.ts'
import { tellSince } from './since.ts'

const protocolsCursor = cursorOf(z.tuple([slug]))
const versionsCursor = cursorOf(z.tuple([z.int().min(1)]))

/** Protocols, their versions, and the draft of each. */
export async function registerProtocols(app: FastifyInstance, context: Context): Promise<void> {
  // A scope of its own, because only these routes take YAML.
  await app.register(async (scope) => {
    acceptDocuments(scope, context)
    registerRoutes(scope, context)
    registerLifecycle(scope, context)
  })
  await registerDraftParts(app, context)
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
          draft: draftStatus
            .optional()
            .describe('Only those with a draft in this state: `in-review` waits for somebody.'),
        }),
        response: { 200: pageOf(protocol) },
      },
    },
    async (request, reply) => {
      const { limit, cursor, procedure, draft } = request.query
      const after = protocolsCursor.read(cursor)?.[0] ?? null
      const { clinicId } = request.actor
      const rows = await db.asClinic(clinicId, (tx) =>
        listProtocols(tx, clinicId, { after, take: limit + 1, procedure, draft }),
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
          'Takes the document as JSON, or as YAML with `Content-Type: application/yaml`. Exercises that it brings along join the catalogue; those that the catalogue has in its groups join the protocol, and `joinedByGroup` lists them. If anything in it is refused, nothing is stored.',
        tags: ['protocols'],
        consumes: documentTypes,
        body: documentBody,
        response: { 201: version, ...errors('ALREADY_EXISTS', 'CONFLICT', 'DOCUMENT_INVALID') },
      },
    },
    async (request, reply) => {
      const author = authorOf(request, context)
      const document = completeDocument(request.body)
      const { clinicId } = author
      const created = await db.asClinic(clinicId, async (tx) => {
        await createProtocol(tx, author, document)
        return answerWritten(tx, clinicId, await requireProtocol(tx, clinicId, document.code))
      })
      reply.code(201).header('location', `/v1/protocols/${document.code}/draft`)
      return created
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
        description:
          'With its draft: `If-Match` is that of the draft, so that nobody’s edits are lost unseen. The history goes with it; another protocol can take the code.',
        tags: ['protocols'],
        params: codeParams,
        headers: ifMatchHeader,
        response: { 204: noContent, ...errors('PROTOCOL_NOT_FOUND', 'IN_USE', 'IN_REVIEW') },
      },
    },
    async (request, reply) => {
      await inProtocol(request, context, request.params.code, async ({ tx, author, protocol: owner }) => {
        const { clinicId } = author
        const { id, code, latestVersion, draftStatus: state } = owner
        if (latestVersion !== null) {
          throw new ProblemError(
            'IN_USE',
            `\`${code}\` has published versions, which stay readable: retire them instead`,
          )
        }
        const draft = await readVersion(tx, clinicId, id, 'draft')
        const lastRevision = draft?.revision ?? (await readLastRevision(tx, clinicId, id))
        await tellSince(request, { tx, clinicId, protocolId: id }, async () => requireIfMatch(request, lastRevision))
        if (state === 'in-review') {
          throw new ProblemError(
            'IN_REVIEW',
            `the draft of \`${code}\` is in review: take it back first (POST /v1/protocols/${code}/draft/withdraw)`,
          )
        }
        const defaultOf = await listDefaultsOf(tx, clinicId, code)
        if (defaultOf.length > 0) {
          throw new ProblemError(
            'IN_USE',
            `\`${code}\` is the default protocol of ${listWords(defaultOf, 'and')}: name another default first, or none (PATCH /v1/procedures/{code} with \`defaultProtocol\`)`,
            { defaultOf },
          )
        }
        if (draft !== null && !(await deleteDraft(tx, { clinicId, versionId: draft.id }, draft.revision))) {
          throw lostRace()
        }
        if (!(await deleteProtocol(tx, clinicId, owner, lastRevision))) {
          throw new ProblemError('PROTOCOL_NOT_FOUND', `there is no protocol \`${code}\` any more: it was just deleted`)
        }
      })
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
      const rows = await inProtocol(request, context, request.params.code, async ({ tx, author, protocol: { id } }) =>
        withKeyNames(tx, author.clinicId, await listVersions(tx, author.clinicId, id, { below, take: limit + 1 })),
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
      inProtocol(request, context, request.params.code, async ({ tx, author, protocol: owner }) =>
        answerVersion(tx, author.clinicId, await requireVersion(tx, author.clinicId, owner, request.params.number)),
      ),
  )

  routes.get(
    '/protocols/:code/versions/:number/document',
    {
      schema: {
        operationId: 'exportVersion',
        summary: 'Export one version as a document',
        description:
          'JSON, or YAML with `format=yaml`. The document can be kept in git and imported again, here or in another clinic: published, it has the same `contentHash`, unless the catalogue there has more exercises in the groups that it names (`joinedByGroup` lists them). It is in canonical form: of the exercises it has those that it names, by their code or a group; the version itself also keeps those of this clinic’s catalogue that its contraindications find by their attributes.',
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
      const stored = await inProtocol(request, context, request.params.code, ({ tx, author, protocol: owner }) =>
        requireVersion(tx, author.clinicId, owner, request.params.number),
      )
      const document = toCanonical(stored.document)
      const { format } = request.query
      const name = `${document.code}-${request.params.number}.${format}`
      reply.header('content-disposition', `inline; filename="${name}"`).header('etag', etagOf(stored.revision))
      if (format === 'json') return document
      return reply.type('application/yaml; charset=utf-8').send(toYaml(document))
    },
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
    (request) =>
      inDraft(request, context, request.params.code, ({ tx, author, draft }) =>
        answerVersion(tx, author.clinicId, draft),
      ),
  )

  routes.post(
    '/protocols/:code/draft',
    {
      schema: {
        operationId: 'startDraft',
        summary: 'Start a draft from a version, published or retired',
        description:
          'With everything that the version has, accepted warnings included, and with the exercises of today’s catalogue: the answer says in which of them it differs. An exercise that was deleted since comes back to the catalogue if otherwise a name in the version would mean nothing.',
        tags: ['drafts'],
        params: codeParams,
        body: startBody,
        response: {
          201: startedVersion,
          ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND', 'ALREADY_EXISTS', 'DOCUMENT_INVALID', 'CONFLICT'),
        },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      const started = await inProtocol(request, context, code, async ({ tx, author, protocol: owner }) => {
        if (owner.hasDraft) {
          throw new ProblemError('ALREADY_EXISTS', `\`${owner.code}\` has a draft already: edit, publish or delete it`)
        }
        const number = request.body.from ?? owner.latestVersion ?? 1
        const source = await requireVersion(tx, author.clinicId, owner, number)
        // The catalogue has moved on since: the draft takes its exercises from there.
        const exercises = await exercisesToRestore(tx, author.clinicId, source.document)
        await startDraft(tx, author, owner, { ...source.document, exercises }, source)
        const draft = await answerWritten(tx, author.clinicId, owner)
        return {
          ...draft,
          exercisesChanged: exercisesThatDiffer(source.document.exercises, draft.document.exercises),
        }
      })
      reply.code(201).header('location', `/v1/protocols/${code}/draft`)
      return started
    },
  )

  routes.put(
    '/protocols/:code/draft',
    {
      schema: {
        operationId: 'replaceDraft',
        summary: 'Replace the draft by a document',
        description:
          'Takes JSON, or YAML with `Content-Type: application/yaml`. Without a draft it makes one, and then `If-Match` must be left out. A draft that was approved has to be submitted again. Whoever has not seen the last revision is told what was changed since, by whom and when (412, `since`).',
        tags: ['drafts'],
        params: codeParams,
        headers: ifMatchHeader,
        consumes: documentTypes,
        body: documentBody,
        response: {
          200: version,
          ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND', 'CONFLICT', 'DOCUMENT_INVALID', 'IN_REVIEW'),
        },
      },
    },
    async (request) => {
      const document = completeDocument(request.body)
      return inProtocol(request, context, request.params.code, async ({ tx, author, protocol: owner }) => {
        const place = { tx, clinicId: author.clinicId, protocolId: owner.id }
        await tellSince(request, place, async () => {
          const draft = await readVersion(tx, author.clinicId, owner.id, 'draft')
          if (draft !== null) {
            requireIfMatch(request, draft.revision)
            return changeDraft(tx, author, owner, draft, document)
          }
          await requireNoneSeen(request, place, owner.code)
          return startDraft(tx, author, owner, document)
        })
        return answerWritten(tx, author.clinicId, owner)
      })
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
        response: { 204: noContent, ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND', 'IN_REVIEW') },
      },
    },
    async (request, reply) => {
      await inDraft(request, context, request.params.code, async (scope) => {
        requireIfMatch(request, scope.draft.revision)
        await discard(scope)
      })
      return reply.code(204).send(null)
    },
  )
}
