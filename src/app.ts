import { randomUUIDv7 } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { findPerson } from './features/actors/repository.ts'
import { registerActors } from './features/actors/routes.ts'
import { createCredentialFinder, isInForce } from './features/api-keys/repository.ts'
import { registerApiKeys } from './features/api-keys/routes.ts'
import { registerAttributes } from './features/attributes/routes.ts'
import { createAuditStore } from './features/audit/repository.ts'
import { registerAuditEvents } from './features/audit/routes.ts'
import { registerCaseload } from './features/caseload/routes.ts'
import { registerChecks } from './features/checks/routes.ts'
import { registerClients } from './features/clients/routes.ts'
import { registerTokens } from './features/clients/token-routes.ts'
import { builtInLibrary } from './features/clinics/library.ts'
import { registerClinic } from './features/clinics/routes.ts'
import { registerDiffs } from './features/diffs/routes.ts'
import { registerEpisodes } from './features/episodes/routes.ts'
import { registerExercises } from './features/exercises/routes.ts'
import { registerHealth } from './features/health/routes.ts'
import { registerImpacts } from './features/impacts/routes.ts'
import { registerLibrary } from './features/library/routes.ts'
import { registerMoves } from './features/moves/routes.ts'
import { registerPatients } from './features/patients/routes.ts'
import { registerPermittedExercises } from './features/permitted-exercises/routes.ts'
import { registerProcedures } from './features/procedures/routes.ts'
import { registerDocumentSchema } from './features/protocols/json-schema.ts'
import { createPublishedVersions } from './features/protocols/published.ts'
import { registerProtocols } from './features/protocols/routes.ts'
import { registerSimulations } from './features/simulations/routes.ts'
import { registerTimelines } from './features/timelines/routes.ts'
import { requireScopes, type Scope, scopeOf } from './http/access.ts'
import { makeTokenVerifier } from './http/access-tokens.ts'
import { keepRecord, registerAudit } from './http/audit.ts'
import { requireAuthentication } from './http/auth.ts'
import { limitConnections } from './http/connections.ts'
import type { Context, Feature } from './http/context.ts'
import { answerClientError, answerFrameworkError, registerErrorHandling } from './http/error-handler.ts'
import { registerEtags } from './http/etag.ts'
import { registerIdempotency, sweepInBackground } from './http/idempotency.ts'
import { registerJsonBody } from './http/json-body.ts'
import { shedLoad } from './http/load-shedding.ts'
import { describeScope, registerDocs, registerOpenapi } from './http/openapi.ts'
import type { RecordedExamples } from './http/openapi-document.ts'
import { registerProblemRoutes } from './http/problem-routes.ts'
import { limitRequests } from './http/rate-limits.ts'
import { logSerializers, RequestLog } from './http/request-log.ts'
import { setSecurityHeaders } from './http/security-headers.ts'
import { limitTime } from './http/time-limit.ts'
import { refuseUnknownParameters, serializerCompiler, validatorCompiler } from './http/validation.ts'

const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version

const allFeatures: readonly Feature[] = [
  registerClinic,
  registerAuditEvents,
  registerApiKeys,
  registerClients,
  registerActors,
  registerAttributes,
  registerProcedures,
  registerExercises,
  registerProtocols,
  registerChecks,
  registerDiffs,
  registerImpacts,
  registerMoves,
  registerLibrary,
  registerPatients,
  registerEpisodes,
  registerPermittedExercises,
  registerCaseload,
  registerTimelines,
  registerSimulations,
]

/** Milliseconds. */
const timeouts = {
  /** For the request line and the headers. */
  headers: 10_000,
  /** For the whole request, its body too. */
  request: 30_000,
  /** How often the two are looked after. */
  check: 2000,
  /** For a connection on which nothing is sent or read, while it waits for an answer too. */
  idle: 600_000,
  /** Between two requests of a connection. */
  keepAlive: 10_000,
  /** For an answer; a route whose answer is long has its own. */
  handler: 60_000,
}

/** Where the configuration sets none. */
const defaultKeptBytes = 75_000_000

/** Milliseconds between two requests of a proxy's connection: longer than a load balancer keeps it. */
const proxyKeepAlive = 72_000

/** Where the configuration sets none, as in a test: more than anybody sends. */
const noLimits = { perActor: 1_000_000, perAddress: 1_000_000 }

export interface AppOptions {
  config: Pick<Config, 'logLevel'> &
    Partial<
      Pick<
        Config,
        | 'publicUrl'
        | 'tokenIssuers'
        | 'trustedProxies'
        | 'rateLimits'
        | 'maxConnections'
        | 'maxConnectionsPerAddress'
        | 'maxEventLoopDelay'
        | 'mostKeptBytes'
      >
    >
  db: Context['db']
  clock: Context['clock']
  ids?: Context['ids']
  /** Left out: the one that comes with this release. */
  library?: Context['library']
  /** Left out: all of them. */
  features?: readonly Feature[]
  /** The scope that an operation needs, by its operationId; left out: as the service has it. */
  scopeOf?: (operationId: string) => Scope | undefined
  /** Told of every route that is registered. */
  onRoute?: (route: { method: string | string[]; url: string }) => void
  /** Where the log goes; left out: standard output. */
  logTo?: { write: (line: string) => void }
  /** Milliseconds; left out: those of `timeouts`. */
  timeouts?: Partial<typeof timeouts>
  /** Puts the cause of a 500 into the answer, for tests. */
  explainInternalErrors?: boolean
  /** Recorded answers for the OpenAPI document; left out: those in `openapi/`. */
  examples?: RecordedExamples
}

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { config, db, clock, ids = () => randomUUIDv7(), library = builtInLibrary, features = allFeatures } = options
  const context: Context = {
    db,
    clock,
    ids,
    library,
    published: createPublishedVersions(db),
    audit: createAuditStore(db),
    mostKeptBytes: config.mostKeptBytes ?? defaultKeptBytes,
    release: version,
  }

  const { trustedProxies = [] } = config
  const keepAlive = trustedProxies.length > 0 ? proxyKeepAlive : timeouts.keepAlive
  const patience = { ...timeouts, keepAlive, ...options.timeouts }

  const app: FastifyInstance = Fastify({
    bodyLimit: 1024 * 1024,
    // Without the requirement the error handler says so, in words.
    http: {
      headersTimeout: patience.headers,
      connectionsCheckingInterval: patience.check,
      requireHostHeader: false,
    },
    requestTimeout: patience.request,
    connectionTimeout: patience.idle,
    keepAliveTimeout: patience.keepAlive,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    // A request that was accepted is answered, also while the service closes.
    return503OnClosing: false,
    // Longer than an address can be: what the router refuses passes no hook.
    routerOptions: { maxParamLength: 65_536, caseSensitive: true },
    genReqId: (request: IncomingMessage) => acceptableRequestId(request.headers['x-request-id']) ?? ids(),
    logger: {
      level: config.logLevel,
      serializers: logSerializers,
      ...(options.logTo && { stream: options.logTo }),
    },
    logController: new RequestLog(),
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: (error, socket) => answerClientError(error, socket, ids(), app.log),
  })
  // What a client expects beyond an answer is ignored (RFC 9110), as Node alone would refuse it without a word.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  if (options.onRoute) app.addHook('onRoute', options.onRoute)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  limitTime(app, patience.handler)
  setSecurityHeaders(app)
  const { maxConnections: most, maxConnectionsPerAddress: mostOfAddress } = config
  limitConnections(app, { most, mostOfAddress, trustedProxies })
  await shedLoad(app, db, config.maxEventLoopDelay ?? null)
  const limitActors = await limitRequests(app, db.pool, config.rateLimits ?? noLimits)
  registerJsonBody(app)
  sweepInBackground(app, db)
  registerAudit(app, context.audit, clock)
  registerErrorHandling(app, { explainInternalErrors: options.explainInternalErrors ?? false })
  await registerOpenapi(app, { version, ...(options.examples && { examples: options.examples }) })

  await app.register(async (open) => {
    describeScope(open, 'public')
    registerHealth(open, context)
    registerProblemRoutes(open)
    await registerTokens(open, context, config.publicUrl ?? 'http://127.0.0.1:3000')
    registerDocumentSchema(open)
    await registerDocs(open)
  })

  await app.register(
    async (closed) => {
      requireAuthentication(
        closed,
        {
          findCredential: createCredentialFinder(db),
          findPerson: (person, now) => findPerson(db, person, { freshId: ids(), now }),
          isInForce: (actor, now) => isInForce(db, actor, now),
          verifyToken: makeTokenVerifier(config.tokenIssuers ?? []),
        },
        clock,
      )
      limitActors(closed)
      requireScopes(closed, options.scopeOf ?? scopeOf)
      registerIdempotency(closed, db)
      keepRecord(closed)
      refuseUnknownParameters(closed)
      describeScope(closed, 'private')
      registerEtags(closed)
      closed.addHook('onSend', async (_request, reply) => {
        if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
      })
      for (const feature of features) await feature(closed, context)
    },
    { prefix: '/v1' },
  )

  return app
}

function acceptableRequestId(given: string | string[] | undefined): string | null {
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : null
}
