import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { pendingMigrations } from '../../db/migrations.ts'
import type { Context } from '../../http/context.ts'
import { errors, ProblemError } from '../../http/problems.ts'

/** A database that takes longer would not answer a clinic in time either. */
const patienceMilliseconds = 3000

const health = z.object({ status: z.literal('ok') }).meta({ id: 'Health', description: 'It works.' })

/** Public: an orchestrator asks these without a key, every few seconds, so that they stay out of the log. */
export function registerHealth(app: FastifyInstance, { db }: Pick<Context, 'db'>): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  /** Whoever asks meanwhile is told the same: nobody can keep the database busy with this. */
  let looking: Promise<string[]> | null = null
  const look = (): Promise<string[]> => {
    looking ??= pendingMigrations(db.probes).finally(() => {
      looking = null
    })
    return looking
  }

  routes.get(
    '/livez',
    {
      logLevel: 'warn',
      config: { isProbe: true },
      schema: {
        operationId: 'getLiveness',
        summary: 'Is the process running?',
        description: 'Says nothing about the database: restart the process if this does not answer.',
        tags: ['service'],
        response: { 200: health },
      },
    },
    async () => ({ status: 'ok' }) as const,
  )

  routes.get(
    '/readyz',
    {
      logLevel: 'warn',
      config: { isProbe: true },
      schema: {
        operationId: 'getReadiness',
        summary: 'Can it answer requests?',
        description: 'Answers 200 while the database answers and has every migration of this version.',
        tags: ['service'],
        response: { 200: health, ...errors('NOT_READY') },
      },
    },
    async () => {
      const pending = await withinPatience(look())
      if (pending.length > 0) {
        throw notReady(
          `the database lacks ${pending.length} migrations of this version: start the service with them, or wait for it`,
        )
      }
      return { status: 'ok' } as const
    },
  )
}

async function withinPatience<T>(work: Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('the database did not answer in time')), patienceMilliseconds)
  try {
    return await Promise.race([work, timeout])
  } catch (cause) {
    throw notReady('the database does not answer', cause)
  } finally {
    clearTimeout(timer)
  }
}

function notReady(detail: string, cause?: unknown): ProblemError {
  return new ProblemError('NOT_READY', detail, { headers: { 'retry-after': '2' }, cause })
}
