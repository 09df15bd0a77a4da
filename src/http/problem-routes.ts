import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { findNearest, listWords } from './nearest.ts'
import { errors, type ProblemCode, ProblemError, problemDefinitions, slugOf } from './problems.ts'

const problemKind = z
  .object({
    type: z.string().meta({ format: 'uri-reference' }),
    code: z.string(),
    status: z.int(),
    title: z.string(),
    advice: z.string().describe('What the caller can do about it.'),
  })
  .meta({ id: 'ProblemKind', description: 'What a kind of problem means.' })

type ProblemKind = z.output<typeof problemKind>

const kinds = new Map<string, ProblemKind>(
  Object.entries(problemDefinitions).map(([code, { status, title, advice }]) => {
    const slug = slugOf(code as ProblemCode)
    return [slug, { type: `/problems/${slug}`, code, status, title, advice }]
  }),
)

/** Public: the `type` of every problem document can be opened. */
export function registerProblemRoutes(app: FastifyInstance): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/problems',
    {
      schema: {
        operationId: 'listProblems',
        summary: 'List the kinds of problem',
        tags: ['service'],
        response: { 200: z.object({ items: z.array(problemKind) }) },
      },
    },
    async () => ({ items: [...kinds.values()] }),
  )

  routes.get(
    '/problems/:code',
    {
      schema: {
        operationId: 'getProblem',
        summary: 'Explain a kind of problem',
        description: 'Every problem document names this address as its `type`.',
        tags: ['service'],
        params: z.object({
          code: z.string().max(80).describe('As in the `type` of a problem, like `protocol-not-found`.'),
        }),
        response: { 200: problemKind, ...errors('PROBLEM_NOT_FOUND') },
      },
    },
    async (request) => {
      const { code } = request.params
      const kind = kinds.get(code.toLowerCase().replaceAll('_', '-'))
      if (kind !== undefined) return kind
      const nearest = findNearest(code, kinds.keys())
      const hint = nearest.length > 0 ? `did you mean ${listWords(nearest)}?` : 'see `/problems`'
      throw new ProblemError('PROBLEM_NOT_FOUND', `there is no such problem: ${hint}`, { nearest })
    },
  )
}
