import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { prefers } from '../../http/accept.ts'
import type { Context } from '../../http/context.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { computeInTurn } from '../../http/turns.ts'
import { readLibrary } from '../clinics/library.ts'
import { inOneCatalogue, readBase, requireFollowed } from '../library/following.ts'
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
          'Not lines but meaning, decided over every case that either version can tell apart: which exercises are permitted earlier, later, newly or no longer, with which dose; which limits tighten or relax; which contraindications, instructions and red flags apply. Each difference has its days, the least that it takes, and a case that shows it. What is only written otherwise is in `textChanges`. `library` and `adopted` compare with the built-in protocol that the clinic’s follows: `…/versions/draft/diff/library` says what taking all of it would change, `…/versions/adopted/diff/draft` what the clinic has changed, and `…/versions/adopted/diff/library` what is new in the library. With `Accept: text/markdown` or `format=markdown` it is a page that a reviewer reads in a minute.',
        tags: ['protocols'],
        params: diffParams,
        querystring: diffQuery,
        response: {
          200: {
            description: 'What differs.',
            content: { 'application/json': { schema: diff }, 'text/markdown': { schema: z.string() } },
          },
          ...errors(
            'PROTOCOL_NOT_FOUND',
            'VERSION_NOT_FOUND',
            'DRAFT_NOT_FOUND',
            'LIBRARY_PROTOCOL_NOT_FOUND',
            'LIBRARY_BASE_UNKNOWN',
          ),
        },
      },
    },
    async (request, reply) => {
      const { code, number, other } = request.params
      const [from, to] = await readBoth(request, context, code, [number, other])
      const found = await computeInTurn(request, () => compare(from, to))
      reply.header('vary', 'Accept')
      const format = request.query.format ?? (prefers(request.headers.accept, 'text/markdown') ? 'markdown' : 'json')
      if (format === 'json') return toDiff(code, from, to, found)
      return reply.type('text/markdown; charset=utf-8').send(toPage(toReviewed(from), toReviewed(to), found))
    },
  )
}

function toReviewed({ number, status, document }: Compared): Reviewed {
  return { name: number === null ? (names[status] ?? 'the draft') : `version ${number}`, document }
}

const names: Readonly<Record<string, string>> = {
  library: 'what the library has now',
  adopted: 'what was taken from the library',
}

async function readBoth(
  request: FastifyRequest,
  context: Context,
  code: string,
  asked: readonly [string, string],
): Promise<[Compared, Compared]> {
  const isOfLibrary = (which: string): boolean => which === 'library' || which === 'adopted'
  const version = asked.find((which) => !isOfLibrary(which)) ?? null
  const read = (which: string): Promise<Compared> =>
    isOfLibrary(which)
      ? readOfLibrary(request, context, code, which, version)
      : readVersion(request, context, code, which)
  const [from, to] = [await read(asked[0]), await read(asked[1])]
  if (!asked.some(isOfLibrary)) return [from, to]
  const [before, after] = inOneCatalogue(from.document, to.document)
  return [
    { ...from, document: before },
    { ...to, document: after },
  ]
}

/** The library's document as it is, or as it was when that version was merged with it: without one, the draft or the newest. */
async function readOfLibrary(
  request: FastifyRequest,
  context: Context,
  code: string,
  which: string,
  version: string | null,
): Promise<Compared> {
  const library = readLibrary(context.library)
  const protocol = await inProtocol(request, context, code, async (scope) => scope.protocol)
  const toCompared = (document: Compared['document']): Compared => {
    return { number: null, status: which, title: document.title, revision: null, document }
  }
  if (which === 'library') return toCompared(requireFollowed(library, protocol).document)
  const newest = protocol.currentVersion ?? protocol.latestVersion
  const instead = protocol.hasDraft || newest === null ? 'draft' : `${newest}`
  const { libraryHash } = await readVersion(request, context, code, version ?? instead)
  const base = await inProtocol(request, context, code, ({ tx, author }) =>
    readBase(tx, author.clinicId, protocol, libraryHash, library),
  )
  if (base !== null) return toCompared(base)
  throw new ProblemError(
    'LIBRARY_BASE_UNKNOWN',
    libraryHash === null
      ? `\`${code}\` was not adopted from the library: there is nothing that it started from there`
      : `what \`${code}\` was adopted from is not known any more: only its hash is`,
  )
}

function readVersion(
  request: FastifyRequest,
  context: Context,
  code: string,
  which: string,
): Promise<Compared & { libraryHash: string | null }> {
  if (which === 'draft') return inDraft(request, context, code, async ({ draft }) => draft)
  return inProtocol(request, context, code, ({ tx, author, protocol }) =>
    requireVersion(tx, author.clinicId, protocol, Number(which)),
  )
}
