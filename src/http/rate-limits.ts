import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { clientAddress } from './client-address.ts'
import { ProblemError } from './problems.ts'
import { periodMilliseconds, SharedCounts } from './shared-counts.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked by an orchestrator every few seconds: neither counted nor refused. */
    isProbe?: boolean
  }
}

export interface RateLimits {
  /** Requests a minute of one actor, with whichever of its keys or tokens. */
  perActor: number
  /** Requests a minute from one IPv4 address or one IPv6 network of 64 bits, known or not. */
  perAddress: number
  /** Milliseconds between two times that a process tells the others what it has counted; left out: 1000. */
  tellEvery?: number
}

type Limiter = ReturnType<FastifyInstance['createRateLimit']>

/**
 * Bounds what comes from one address, before anything else is done with it: so guesses of keys are bounded too. Returns
 * what bounds a scope's actors; it comes after authentication.
 */
export async function limitRequests(
  app: FastifyInstance,
  pool: ConstructorParameters<typeof SharedCounts>[0],
  limits: RateLimits,
): Promise<(scope: FastifyInstance) => void> {
  const warn = (err: unknown): void =>
    app.log.warn({ err }, 'the counts of requests cannot be shared: this process limits by itself')
  class Store extends SharedCounts {
    constructor() {
      super(pool, warn, limits.tellEvery)
      app.addHook('onClose', () => this.close())
    }
  }
  await app.register(rateLimit, { global: false, store: Store, timeWindow: periodMilliseconds })
  const byAddress = app.createRateLimit({
    max: limits.perAddress,
    keyGenerator: (request) => `address ${normalizeIP(clientAddress(request))}`,
  })
  const byActor = app.createRateLimit({
    max: limits.perActor,
    keyGenerator: ({ actor }) => `actor ${actor.clinicId} ${actor.id}`,
  })

  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config?.isProbe) return
    await hold(byAddress, request, reply, 'from this address')
  })
  return (scope) => {
    scope.addHook('onRequest', (request, reply) => hold(byActor, request, reply, 'of this actor'))
  }
}

/** Says how much is left, of the limit of which the least is, and refuses what is too much. */
async function hold(limiter: Limiter, request: FastifyRequest, reply: FastifyReply, whose: string): Promise<void> {
  const state = await limiter(request)
  if (state.isAllowed) return
  const { max, remaining, ttlInSeconds, isExceeded } = state
  const known = reply.getHeader('ratelimit-remaining')
  if (known === undefined || remaining <= Number(known)) {
    reply.headers({ 'ratelimit-limit': max, 'ratelimit-remaining': remaining, 'ratelimit-reset': ttlInSeconds })
  }
  if (!isExceeded) return
  throw new ProblemError(
    'TOO_MANY_REQUESTS',
    `more than ${max} requests ${whose} came in this minute: try again in ${ttlInSeconds} s`,
    { headers: { 'retry-after': String(ttlInSeconds) } },
  )
}
