import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { prefers } from '../../http/accept.ts'
import type { Context } from '../../http/context.ts'
import { errors } from '../../http/problems.ts'
import { inDraft, inProtocol, requireVersion } from '../protocols/in-protocol.ts'
import { type Compared, compare, toDiff } from './answer.ts'
import { type Reviewed, toPage } from './page.ts'
import { diff, diffParams, diffQuery } from './schemas.ts'

/** What changes from one version of a protocol to another. */
export async function registerDiffs(app: FastifyInstance, context: Context): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/protocols/:code/versions/:number/diff/:other',
    {
      schema: {
        operationId: 'diffVersions',
        summary: 'Say what changes from one version to another',
        description:
          'Not lines but meaning, decided over every case that either version can tell apart: which exercises are permitted earlier, later, newly or no longer, with which dose; which limits tighten or relax; which contraindications, instructions and red flags apply. Each difference has its days, the least that it takes, and a case that shows it. What is only written otherwise is in `textChanges`. With `Accept: text/markdown` or `format=markdown` it is a page that a reviewer reads in a minute.',
        tags: ['protocols'],
        params: diffParams,
        querystring: diffQuery,
        response: {
          200: {
            description: 'What differs.',
            content: { 'application/json': { schema: diff }, 'text/markdown': { schema: z.string() } },
          },
          ...errors('PROTOCOL_NOT_FOUND', 'VERSION_NOT_FOUND', 'DRAFT_NOT_FOUND'),
        },
      },
    },
    async (request, reply) => {
      const { code, number, other } = request.params
      const read = (which: string): Promise<Compared> => readVersion(request, context, code, which)
      const [from, to] = [await read(number), await read(other)]
      const found = compare(from, to)
      reply.header('vary', 'Accept')
      const format = request.query.format ?? (prefers(request.headers.accept, 'text/markdown') ? 'markdown' : 'json')
      if (format === 'json') return toDiff(code, from, to, found)
      return reply.type('text/markdown; charset=utf-8').send(toPage(toReviewed(from), toReviewed(to), found))
    },
  )
}

function toReviewed({ number, document }: Compared): Reviewed {
  return { name: number === null ? 'the draft' : `version ${number}`, document }
}

function readVersion(request: FastifyRequest, context: Context, code: string, which: string): Promise<Compared> {
  if (which === 'draft') return inDraft(request, context, code, async ({ draft }) => draft)
  return inProtocol(request, context, code, ({ tx, author, protocol }) =>
    requireVersion(tx, author.clinicId, protocol, Number(which)),
  )
}
