import type { FastifyInstance, FastifyRequest } from 'fastify'
import { readUtf8 } from './json-body.ts'
import { ProblemError } from './problems.ts'

/** Makes a form the only media type that this scope reads: texts by their names, each once. */
export function acceptForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => {
      const fields = new URLSearchParams(readUtf8(body, 'MALFORMED_FORM'))
      const names = [...fields.keys()]
      const twice = names.find((name, index) => names.indexOf(name) !== index)
      if (twice !== undefined || names.length > 50) {
        throw new ProblemError('MALFORMED_FORM', 'the form must have each of its fields once, and at most 50 of them')
      }
      return Object.fromEntries(fields)
    },
  )
}
