import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Context } from '../../http/context.ts'
import { errors } from '../../http/problems.ts'
import { sourceOf } from '../../http/source-places.ts'
import { computeInTurn } from '../../http/turns.ts'
import { readAllExercises } from '../exercises/repository.ts'
import { joinCatalogue } from '../protocols/authoring.ts'
import { acceptDocuments } from '../protocols/document-mistakes.ts'
import { completeDocument, documentBody } from '../protocols/document-schema.ts'
import { inDraft, inProtocol, requireVersion } from '../protocols/in-protocol.ts'
import { codeParams, documentTypes, versionParams } from '../protocols/schemas.ts'
import { checkDocument } from './answer.ts'
import { check } from './schemas.ts'

const description =
  'Tries every case that the protocol can tell apart: days, milestones, values of facts. Each finding comes with a case that shows it. Errors block publishing; a warning is corrected, or accepted by its name and with a reason in `accepted` of the document. `opportunities` says of each exercise when it is permitted and what that takes.'

/** The check of a protocol before patients follow it. */
export async function registerChecks(app: FastifyInstance, context: Context): Promise<void> {
  // A scope of its own, because only these routes take YAML.
  await app.register(async (scope) => {
    acceptDocuments(scope, context)
    registerRoutes(scope, context)
  })
}

function registerRoutes(app: FastifyInstance, context: Context): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.post(
    '/protocols/:code/draft/check',
    {
      schema: {
        operationId: 'checkDraft',
        summary: 'Check the draft',
        description,
        tags: ['drafts'],
        params: codeParams,
        response: { 200: check, ...errors('PROTOCOL_NOT_FOUND', 'DRAFT_NOT_FOUND') },
      },
    },
    async (request) => {
      const { document } = await inDraft(request, context, request.params.code, async ({ draft }) => draft)
      return computeInTurn(request, () => checkDocument(document, null))
    },
  )

  routes.get(
    '/protocols/:code/versions/:number/check',
    {
      schema: {
        operationId: 'checkVersion',
        summary: 'Check a published version',
        description,
        tags: ['protocols'],
        params: versionParams,
        response: { 200: check, ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND') },
      },
    },
    async (request) => {
      const { code, number } = request.params
      const { document } = await inProtocol(request, context, code, ({ tx, author, protocol }) =>
        requireVersion(tx, author.clinicId, protocol, number),
      )
      return computeInTurn(request, () => checkDocument(document, number))
    },
  )

  routes.post(
    '/checks',
    {
      schema: {
        operationId: 'checkDocument',
        summary: 'Check a document; nothing is stored',
        description: `${description} Takes the document as JSON, or as YAML with \`Content-Type: application/yaml\`. It must be well formed and name nothing that does not exist. Each finding has its line and column.`,
        tags: ['protocols'],
        consumes: documentTypes,
        body: documentBody,
        response: { 200: check, ...errors('DOCUMENT_INVALID') },
      },
    },
    async (request) => {
      const { clinicId } = request.actor
      const document = await context.db.asClinic(clinicId, async (tx) =>
        joinCatalogue(tx, clinicId, completeDocument(request.body), await readAllExercises(tx, clinicId)),
      )
      return computeInTurn(request, () => checkDocument(document, null, sourceOf(request)))
    },
  )
}
