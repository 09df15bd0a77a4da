import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { documentBody } from './document-schema.ts'

type JsonSchema = Record<string, unknown>

/** JSON Schema of the protocol document, for editors: what a document may say, with a description of every member. */
export function toDocumentSchema(): JsonSchema {
  const { $defs: { ProtocolDocument, ...$defs } = {} } = z.toJSONSchema(documentBody, {
    target: 'draft-2020-12',
    io: 'input',
    override: ({ jsonSchema }) => {
      // Every JSON number that is exact: no bound that anybody meant.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      const { forEditors } = jsonSchema
      delete jsonSchema.forEditors
      if (typeof forEditors === 'object') Object.assign(jsonSchema, forEditors)
    },
  })
  if (typeof ProtocolDocument !== 'object') throw new Error('the document’s schema has a name')
  const { id: _, ...schema } = ProtocolDocument as JsonSchema
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:rehab-protocols:protocol-document:1',
    title: 'Protocol document',
    ...schema,
    $defs,
  }
}

/** Public, so that an editor can load it: it holds nothing of any clinic. */
export function registerDocumentSchema(app: FastifyInstance): void {
  let text: string | undefined
  app.get('/protocol-document.schema.json', { schema: { hide: true } }, (_request, reply) => {
    text ??= JSON.stringify(toDocumentSchema())
    return reply.type('application/schema+json; charset=utf-8').send(text)
  })
}
