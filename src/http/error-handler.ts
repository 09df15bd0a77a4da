import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { toDatabaseProblem } from './database-errors.ts'
import { findNearest, listWords } from './nearest.ts'
import {
  type Problem,
  type ProblemCode,
  ProblemError,
  problemDefinitions,
  problemMediaType,
  toProblem,
} from './problems.ts'
import { sourceOf } from './source-places.ts'
import { InvalidPart, maskPlace, toValidationProblem } from './validation.ts'

interface ErrorHandling {
  /** Puts the cause of a 500 into the answer: for tests only. */
  explainInternalErrors: boolean
}

/** A code or an id is shorter. */
const longestParameter = 200

/** What the addresses were that the router could not have read. */
const malformed = new WeakMap<IncomingMessage, string>()

/** Answers every error with a problem document, logs each once, and knows every route for the hint of a 404. */
export function registerErrorHandling(app: FastifyInstance, { explainInternalErrors }: ErrorHandling): void {
  const routes = collectRoutes(app)
  // The router would answer it without any hook: it would be counted nowhere.
  app.server.prependListener('request', (request: IncomingMessage) => {
    if (request.url === undefined || isDecodable(request.url)) return
    malformed.set(request, request.url)
    request.url = request.url.replaceAll('%', '%25')
  })
  app.setErrorHandler((error, request, reply) =>
    sendProblem(toProblemError(error, request, explainInternalErrors), request, reply),
  )
  // Before anything is read of a body that nobody wants.
  app.addHook('onRequest', async (request) => {
    if (countHosts(request) > 1 || (countHosts(request) === 0 && request.raw.httpVersion === '1.1')) {
      throw new ProblemError('MALFORMED_REQUEST', 'the request must have the header `Host`, and have it once')
    }
    if (malformed.has(request.raw)) {
      throw new ProblemError(
        'MALFORMED_URL',
        'the path has a `%` that is not followed by the two digits of a UTF-8 byte',
      )
    }
    const parameters = request.is404 ? [] : Object.values((request.params ?? {}) as Record<string, string>)
    if (parameters.some((parameter) => parameter.length > longestParameter)) {
      throw new ProblemError('URL_TOO_LONG', 'a code or id in the path is too long to be one')
    }
    if (request.is404) throw toRouteProblem(request, routes)
  })
  // For a route that finds nothing itself, like that of the static files.
  app.setNotFoundHandler((request, reply) => sendProblem(toRouteProblem(request, routes), request, reply))
}

/** For errors that arise before a route is found. */
export function answerFrameworkError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(toProblemError(error, request), request, reply)
}

/** What ends an answer that has begun: an error that can no longer change its status. */
export function endWithProblem(error: unknown, request: FastifyRequest): Problem {
  const problem = toProblemError(error, request)
  logProblem(problem, request)
  return toProblem(problem, { instance: instanceOf(request), requestId: request.id })
}

function sendProblem(error: ProblemError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  logProblem(error, request)
  if (request.audit) request.audit.problem = error
  const problem = toProblem(error, { instance: instanceOf(request), requestId: request.id, locate: sourceOf(request) })
  // A text, so that no serializer of the route looks at it: an error must not fail on its way out.
  return reply
    .code(error.status)
    .headers({ 'cache-control': 'no-store', 'x-request-id': request.id, ...error.headers })
    .type(problemMediaType)
    .send(JSON.stringify(problem))
}

/** 4xx is the caller's matter; its detail may repeat what the caller wrote, so that only places we name and codes are logged. */
function logProblem(error: ProblemError, request: FastifyRequest): void {
  if (error.status === 503 && error.cause === undefined) {
    // It may succeed later, and there are many of them at such times: without a stack.
    request.log.warn({ code: error.code }, 'request refused for now')
    return
  }
  if (error.status >= 500) {
    request.log.error({ err: error.cause ?? error, code: error.code }, 'request failed')
    return
  }
  const places = error.errors.map((place) => maskPlace(place, request.routeOptions.schema ?? {}))
  request.log.info({ code: error.code, ...(places.length > 0 && { places }) }, 'request refused')
}

/** RFC 9112: a server must refuse a request that does not say which host it is for, or that says it twice. */
function countHosts({ raw }: FastifyRequest): number {
  return raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === 'host').length
}

function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url.split(/[?#]/, 1)[0] ?? '')
    return true
  } catch {
    return false
  }
}

function pathOf(request: FastifyRequest): string {
  const url = malformed.get(request.raw) ?? request.raw.url
  return url?.split('?', 1)[0] ?? '/'
}

/** The path as a reference (RFC 3986): a client may send characters that stand in none. */
function instanceOf(request: FastifyRequest): string {
  return pathOf(request).replaceAll(/%(?![0-9A-Fa-f]{2})|[^\w.~:/?#@!$&'()*+,;=%-]/g, (one) =>
    encodeURIComponent(one.toWellFormed()),
  )
}

/** What an error is answered with. `explain` puts the cause of a 500 into it. */
export function toProblemError(error: unknown, request: FastifyRequest, explain = false): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof InvalidPart) return toValidationProblem(error, contextOf(error), request)
  return toFrameworkProblem(error, request) ?? toDatabaseProblem(error) ?? toInternalProblem(error, explain)
}

/** Fastify notes on a validation error which part of the request it is about. */
function contextOf(error: object): string | undefined {
  return 'validationContext' in error && typeof error.validationContext === 'string'
    ? error.validationContext
    : undefined
}

function toInternalProblem(error: unknown, explain: boolean): ProblemError {
  return new ProblemError(
    'INTERNAL_ERROR',
    'the service failed to answer this request; nothing is known to be wrong with it',
    {
      cause: error,
      ...(explain && { cause: error, explanation: String(error) }),
    },
  )
}

/** Errors of Fastify and its plugins: by their code and, for the rest of the 4xx, by their status. */
function toFrameworkProblem(error: unknown, request: FastifyRequest): ProblemError | null {
  // Not by class: Fastify's errors are made without one, and in a test they come from another realm.
  if (typeof error !== 'object' || error === null) return null
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown }
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return toMediaTypeProblem(request)
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const most = request.routeOptions.bodyLimit
      return new ProblemError('BODY_TOO_LARGE', `the body must have at most ${most} bytes`, { maxBytes: most })
    }
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new ProblemError('MALFORMED_REQUEST', 'the body has not as many bytes as `Content-Length` says')
  }
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return null
  return new ProblemError(codesByStatus[statusCode] ?? 'MALFORMED_REQUEST', 'the request cannot be processed', {
    cause: error,
  })
}

const codesByStatus: Record<number, ProblemCode> = {
  404: 'ROUTE_NOT_FOUND',
  408: 'REQUEST_TIMEOUT',
  413: 'BODY_TOO_LARGE',
  414: 'URL_TOO_LONG',
  415: 'UNSUPPORTED_MEDIA_TYPE',
}

function toMediaTypeProblem(request: FastifyRequest): ProblemError {
  const consumes = request.routeOptions.schema?.consumes ?? ['application/json']
  const given = request.headers['content-type']
  const fault = given === undefined ? 'the body has no `Content-Type`' : 'the body’s `Content-Type` is another'
  return new ProblemError('UNSUPPORTED_MEDIA_TYPE', `${fault}: this address takes ${listWords(consumes)}`, {
    accepted: consumes,
    // RFC 5789: a PATCH that is refused for its media type says which ones are understood.
    ...(request.method === 'PATCH' && { headers: { 'accept-patch': consumes.join(', ') } }),
  })
}

interface KnownRoute {
  method: string
  /** As the OpenAPI document writes it: `/v1/patients/{id}`. */
  template: string
  segments: readonly string[]
}

function collectRoutes(app: FastifyInstance): KnownRoute[] {
  const routes: KnownRoute[] = []
  app.addHook('onRoute', ({ method, url, schema }) => {
    if (schema?.hide === true) return
    const template = url.replaceAll(/:([A-Za-z0-9]+)/g, '{$1}')
    for (const one of [method].flat()) routes.push({ method: one, template, segments: template.split('/').slice(1) })
  })
  return routes
}

function toRouteProblem(request: FastifyRequest, routes: readonly KnownRoute[]): ProblemError {
  const { method } = request
  const path = pathOf(request)
  const segments = path.split('/').slice(1)
  const here = routes.filter((route) => matches(route, segments))
  if (here.length > 0) {
    const allowed = [...new Set(here.map((route) => route.method))].sort()
    return new ProblemError('METHOD_NOT_ALLOWED', `${method} is not possible here: use ${listWords(allowed)}`, {
      headers: { allow: allowed.join(', ') },
      allowed,
    })
  }
  const hint = findNearestRoute(method, segments, routes)
  const suggestion = hint === null ? 'see `/openapi.json` for what there is' : `did you mean \`${hint}\`?`
  return new ProblemError(
    'ROUTE_NOT_FOUND',
    `there is no ${method} ${path}: ${suggestion}`,
    hint === null ? {} : { nearest: [hint] },
  )
}

function matches(route: KnownRoute, segments: readonly string[]): boolean {
  return (
    route.segments.length === segments.length &&
    route.segments.every((segment, index) =>
      isParameter(segment) ? segments[index] !== '' : segment === segments[index],
    )
  )
}

function isParameter(segment: string): boolean {
  return segment.startsWith('{')
}

/** The route whose fixed segments resemble the path most, with whatever stands where its parameters are. */
function findNearestRoute(method: string, segments: readonly string[], routes: readonly KnownRoute[]): string | null {
  const wanted = segments.filter((segment, index) => segment !== '' || index < segments.length - 1)
  const filled = new Map<string, string>()
  for (const route of routes) {
    if (route.method === 'HEAD' || route.segments.length !== wanted.length) continue
    const path = route.segments.map((segment, index) => (isParameter(segment) ? wanted[index] : segment)).join('/')
    const known = filled.get(path)
    if (known === undefined || route.method === method) filled.set(path, `${route.method} ${route.template}`)
  }
  const [nearest] = findNearest(wanted.join('/'), filled.keys(), 1)
  return nearest === undefined ? null : (filled.get(nearest) ?? null)
}

/** Answers what is not HTTP at all, on the bare connection. */
export function answerClientError(
  error: Error & { code?: string; rawPacket?: unknown },
  socket: Socket,
  requestId: string,
  log: FastifyBaseLogger,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const problem = toClientProblem(error.code)
  log.info({ code: problem.code, reason: error.code, reqId: requestId }, 'connection refused')
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const body = JSON.stringify(toProblem(problem, { instance: '/', requestId }))
  const { status } = problemDefinitions[problem.code]
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `Content-Type: ${problemMediaType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      'Cache-Control: no-store',
      'Connection: close',
      '',
      // A client that asks for the head alone would take a body for the next answer.
      Buffer.isBuffer(error.rawPacket) && error.rawPacket.subarray(0, 5).toString('latin1') === 'HEAD ' ? '' : body,
    ].join('\r\n'),
  )
}

function toClientProblem(code: string | undefined): ProblemError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new ProblemError('HEADERS_TOO_LARGE', 'the address and the headers together must have at most 16 KiB')
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new ProblemError('REQUEST_TIMEOUT', 'the request did not arrive completely in time')
  }
  return new ProblemError('MALFORMED_REQUEST', 'the message is not valid HTTP')
}
