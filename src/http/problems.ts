import { z } from 'zod'
import type { Locate, Place } from './source-places.ts'

interface ProblemDefinition {
  readonly status: number
  readonly title: string
  /** What the caller can do about it; shown by `/problems/{name}` and in the OpenAPI document. */
  readonly advice: string
}

/** Every error of the service, named once. */
export const problemDefinitions = {
  // The request itself
  VALIDATION_FAILED: {
    status: 400,
    title: 'The request is not valid',
    advice: 'Correct each place that `errors` names.',
  },
  MALFORMED_JSON: {
    status: 400,
    title: 'The body is not JSON',
    advice: 'Send one JSON value; `detail` says where reading stopped.',
  },
  MALFORMED_DOCUMENT: {
    status: 400,
    title: 'The document cannot be read',
    advice: 'Send the protocol as one JSON or YAML document; `detail` says where reading stopped.',
  },
  MALFORMED_FORM: {
    status: 400,
    title: 'The body is not a form',
    advice: 'Send the fields as `application/x-www-form-urlencoded` in UTF-8, each once.',
  },
  MALFORMED_URL: {
    status: 400,
    title: 'The address is not valid',
    advice: 'Percent-encode the path and the query as UTF-8.',
  },
  MALFORMED_REQUEST: {
    status: 400,
    title: 'The request is not valid HTTP',
    advice: 'Check the client or the proxy in front of it: the message breaks the HTTP protocol.',
  },
  AUTHENTICATION_REQUIRED: {
    status: 401,
    title: 'An API key or an access token is required',
    advice: 'Send the clinic’s API key or an access token: `Authorization: Bearer <key>`.',
  },
  INVALID_API_KEY: {
    status: 401,
    title: 'The API key is not valid',
    advice: 'Check that the key is complete and in force, or ask the clinic’s administrator for another.',
  },
  INVALID_ACCESS_TOKEN: {
    status: 401,
    title: 'The access token is not valid',
    advice: 'Get another from the clinic’s identity provider; if that does not help, `detail` says what is wrong.',
  },
  INVALID_CLIENT: {
    status: 401,
    title: 'The client has not proved who it is',
    advice: 'Sign a new assertion with a registered key, as `detail` says.',
  },
  INVALID_TOKEN_REQUEST: {
    status: 400,
    title: 'The request for an access token is not valid',
    advice: 'Correct what `detail` names.',
  },
  INSUFFICIENT_SCOPE: {
    status: 403,
    title: 'This needs a scope that the caller does not have',
    advice: 'Use a key or an account with the scope in `requiredScope`, or ask an administrator of the clinic.',
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    title: 'No such address',
    advice: 'Compare method and path with the OpenAPI document at `/openapi.json`.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'The address does not take this method',
    advice: 'Use one of the methods in the `Allow` header.',
  },
  NOT_ACCEPTABLE: {
    status: 406,
    title: 'The answer has no such media type',
    advice: 'Name the media type that `detail` names in `Accept`, or leave `Accept` out.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    title: 'The request did not arrive in time',
    advice: 'Send the whole request without pause, and try again.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    advice: 'Send at most the number of bytes that `detail` names.',
  },
  URL_TOO_LONG: {
    status: 414,
    title: 'The address is too long',
    advice: 'Shorten the path’s parameters: no code or id is that long.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The body’s media type is not supported',
    advice: 'Set `Content-Type` to one of the types that `detail` names.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'Too many requests came in this minute',
    advice: 'Wait for the seconds in `Retry-After`, and go by `RateLimit-Remaining` from then on.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'The request’s headers are too large',
    advice: 'Send fewer or shorter headers.',
  },

  // Concurrency
  PRECONDITION_REQUIRED: {
    status: 428,
    title: 'A change needs `If-Match`',
    advice: 'Read the resource and send its `ETag` in `If-Match`.',
  },
  PRECONDITION_FAILED: {
    status: 412,
    title: 'The resource has changed since it was read',
    advice:
      'Read it again, decide again, and send the new `ETag` in `If-Match`. For a draft, `since` says what was changed meanwhile, by whom and when.',
  },

  // Retries
  REQUEST_IN_PROGRESS: {
    status: 409,
    title: 'A request with this key is being answered',
    advice: 'Send the same again after the seconds in `Retry-After`: it gets the answer of the first.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The idempotency key was used for another request',
    advice: 'Use a new key for each new request. A retry has the same address, `If-Match` and body as the first.',
  },
  ANSWER_SEALED: {
    status: 409,
    title: 'The answer has a secret that only its first reader can see again',
    advice:
      'Repeat the request with the credential that it was first sent with; or revoke what it made (`made`) and make another.',
  },
  ANSWER_GONE: {
    status: 410,
    title: 'The answer was about a patient who was deleted',
    advice: 'It was done once, and is not done again. For another request use a new `Idempotency-Key`.',
  },
  TOO_MANY_FOR_KEY: {
    status: 422,
    title: 'The request is too large for an idempotency key',
    advice: 'Do it in parts, each with a key of its own, or without a key.',
  },

  // Resources that a path names
  PROCEDURE_NOT_FOUND: { status: 404, title: 'No such procedure', advice: 'List `/v1/procedures` and check the code.' },
  ATTRIBUTE_NOT_FOUND: { status: 404, title: 'No such attribute', advice: 'List `/v1/attributes` and check the code.' },
  EXERCISE_NOT_FOUND: { status: 404, title: 'No such exercise', advice: 'List `/v1/exercises` and check the code.' },
  PROTOCOL_NOT_FOUND: { status: 404, title: 'No such protocol', advice: 'List `/v1/protocols` and check the code.' },
  VERSION_NOT_FOUND: {
    status: 404,
    title: 'The protocol has no such version',
    advice: 'List the protocol’s versions and check the number.',
  },
  DRAFT_NOT_FOUND: { status: 404, title: 'The protocol has no draft', advice: 'Start a draft first.' },
  LIBRARY_PROTOCOL_NOT_FOUND: {
    status: 404,
    title: 'The library has no such protocol',
    advice: 'List `/v1/library` and check the code. What the clinic wrote itself follows nothing.',
  },
  LIBRARY_BASE_UNKNOWN: {
    status: 404,
    title: 'It is not known what was adopted',
    advice: 'Compare with `library`, or merge: then everything in which the two differ is to be decided once.',
  },
  PART_NOT_FOUND: {
    status: 404,
    title: 'The draft has no such part',
    advice: 'List the parts of this kind and check the code; `nearest` has those that resemble it.',
  },
  API_KEY_NOT_FOUND: { status: 404, title: 'No such API key', advice: 'List `/v1/api-keys` and check the id.' },
  CLIENT_NOT_FOUND: { status: 404, title: 'No such client', advice: 'List `/v1/clients` and check the id.' },
  ACTOR_NOT_FOUND: { status: 404, title: 'No such actor', advice: 'List `/v1/actors` and check the id.' },
  AUDIT_EVENT_NOT_FOUND: {
    status: 404,
    title: 'No such audit event',
    advice: 'List `/v1/audit-events` and check the number.',
  },
  MOVE_NOT_FOUND: { status: 404, title: 'No such move', advice: 'List the protocol’s moves and check the id.' },
  PATIENT_NOT_FOUND: { status: 404, title: 'No such patient', advice: 'List `/v1/patients` and check the id.' },
  EPISODE_NOT_FOUND: { status: 404, title: 'No such episode', advice: 'List the patient’s episodes and check the id.' },
  ENTRY_NOT_FOUND: {
    status: 404,
    title: 'The episode’s record has no such entry',
    advice: 'List the entries of this kind and check the id.',
  },
  PROBLEM_NOT_FOUND: { status: 404, title: 'No such problem', advice: 'List `/problems` and check the name.' },
  RESOURCE_NOT_FOUND: {
    status: 404,
    title: 'The resource no longer exists',
    advice: 'It was deleted meanwhile: list its collection again.',
  },

  // Meaning
  UNKNOWN_REFERENCE: {
    status: 422,
    title: 'The body names something that does not exist',
    advice: 'Correct the code that `errors` names; `nearest` lists the known ones that resemble it.',
  },
  NOT_PLAUSIBLE: {
    status: 422,
    title: 'The body says something that cannot be',
    advice: 'Correct the value that `errors` names.',
  },
  DOCUMENT_INVALID: {
    status: 422,
    title: 'The protocol document is not valid',
    advice: 'Correct each place that `errors` names.',
  },
  CHECK_FAILED: {
    status: 422,
    title: 'The check has found errors in the draft',
    advice: 'Correct each place that `errors` names; `findings` has a case for each that shows it.',
  },
  NO_DEFAULT_PROTOCOL: {
    status: 422,
    title: 'The clinic has no protocol for this procedure',
    advice: 'Publish one, or name `protocols` in the request.',
  },

  // State
  ALREADY_EXISTS: {
    status: 409,
    title: 'It exists already',
    advice: 'Choose another code or id, or change the one that exists.',
  },
  IN_USE: { status: 409, title: 'It is still in use', advice: 'Remove what uses it first.' },
  CONFLICT: {
    status: 409,
    title: 'The change conflicts with what is stored',
    advice: 'Read the resources that the request names again, and decide again.',
  },
  IN_REVIEW: {
    status: 409,
    title: 'The draft is in review',
    advice: 'Approve or return it, or take it back (`withdraw`) to go on editing.',
  },
  NOT_IN_REVIEW: { status: 409, title: 'The draft is not in review', advice: 'Submit it first.' },
  NOT_APPROVED: {
    status: 409,
    title: 'The draft is not approved',
    advice: 'Submit it, and have it approved by somebody who has neither edited nor submitted it.',
  },
  SECOND_PERSON_REQUIRED: {
    status: 409,
    title: 'Somebody else must approve it',
    advice: 'Have it approved by somebody who has neither edited nor submitted it.',
  },
  CONTENT_CHANGED: {
    status: 409,
    title: 'It is not what was submitted any more',
    advice: 'Look at the exercises in `exercisesChanged`, take the draft back (`withdraw`), and submit it again.',
  },
  MERGE_CONFLICT: {
    status: 409,
    title: 'The library and the clinic have changed the same',
    advice: 'Decide each of `conflicts` that `isOpen`: send `resolutions` with its `path` and what to take.',
  },
  RETIREMENT_UNDECIDED: {
    status: 409,
    title: 'Something still relies on the version',
    advice: 'Decide what `errors` asks, and say it in the body.',
  },
  NOT_IN_FORCE: {
    status: 409,
    title: 'It is not in force any more',
    advice: 'It is revoked, expired or replaced already: read it again, or make another.',
  },
  VERSION_NOT_PUBLISHED: { status: 409, title: 'The version is not published', advice: 'Assign a published version.' },
  CONFIRMATION_REQUIRED: {
    status: 409,
    title: 'The patient would lose or gain something',
    advice:
      'Look at `consequences`, and if they are meant send the same request with `confirm` as it is in the problem.',
  },
  EPISODE_CLOSED: {
    status: 409,
    title: 'The episode is closed',
    advice: 'Void its closure first, or open another episode.',
  },
  ENTRY_ALREADY_VOID: { status: 409, title: 'The entry is void already', advice: 'Nothing is left to do.' },

  // The service
  INTERNAL_ERROR: {
    status: 500,
    title: 'The service failed',
    advice: 'Try again; if it fails again, report the `requestId` to the operator.',
  },
  SERVICE_UNAVAILABLE: {
    status: 503,
    title: 'The service cannot answer now',
    advice: 'Try again after the seconds in `Retry-After`.',
  },
  NOT_READY: { status: 503, title: 'The service is not ready', advice: 'Wait until `/readyz` answers 200.' },
} as const satisfies Record<string, ProblemDefinition>

export type ProblemCode = keyof typeof problemDefinitions

/** A place in the request: a JSON pointer into the body, or a parameter by name (of the query unless `in` says otherwise). */
export type ProblemLocation =
  | {
      readonly pointer: string
      /** Left out: the body. */
      readonly in?: 'draft'
      readonly detail: string
      readonly line?: number
      readonly column?: number
    }
  | { readonly parameter: string; readonly in?: 'query' | 'path' | 'header'; readonly detail: string }

interface ProblemExtras {
  errors?: readonly ProblemLocation[]
  headers?: Readonly<Record<string, string>>
  cause?: unknown
  /** Extension members of the problem document. */
  [extension: string]: unknown
  type?: never
  title?: never
  status?: never
  detail?: never
  instance?: never
  code?: never
  requestId?: never
}

/** Thrown by routes and repositories; the error handler makes a problem document of it. */
export class ProblemError extends Error {
  readonly code: ProblemCode
  readonly errors: readonly ProblemLocation[]
  readonly headers: Readonly<Record<string, string>>
  readonly extensions: Readonly<Record<string, unknown>>

  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}) {
    const { errors = [], headers = {}, cause, ...extensions } = extras
    super(detail, cause === undefined ? undefined : { cause })
    this.name = 'ProblemError'
    this.code = code
    this.errors = errors
    this.headers = headers
    this.extensions = extensions
  }

  get status(): number {
    return problemDefinitions[this.code].status
  }
}

export const problemMediaType = 'application/problem+json'

/** `PROTOCOL_NOT_FOUND` is `protocol-not-found` in addresses. */
export function slugOf(code: ProblemCode): string {
  return code.toLowerCase().replaceAll('_', '-')
}

export const problemSchema = z
  .looseObject({
    type: z
      .string()
      .meta({ format: 'uri-reference', description: 'Address of the explanation of this kind of problem.' }),
    title: z.string().describe('The kind of problem, in words.'),
    status: z.int().min(400).max(599).describe('The HTTP status.'),
    detail: z.string().describe('What is wrong with this request, and what to do.'),
    instance: z.string().meta({ format: 'uri-reference', description: 'The path of the request.' }),
    code: z
      .string()
      .regex(/^[A-Z]+(_[A-Z]+)*$/)
      .describe('The kind of problem, for software. Kinds may be added.'),
    requestId: z.string().describe('Names the request in the service’s log; also in the `X-Request-Id` header.'),
    errors: z
      .array(
        z.object({
          in: z
            .enum(['body', 'query', 'path', 'header', 'draft'])
            .describe('`draft`: not in the request, but in the draft that it would leave.'),
          pointer: z
            .string()
            .describe('A JSON pointer into the body or the draft (RFC 6901), or the parameter’s name.'),
          detail: z.string().describe('What is wrong there, and how to put it right.'),
          line: z.int().min(1).optional().describe('Of the body, where it is a protocol document.'),
          column: z.int().min(1).optional().describe('In that line; the first is 1.'),
        }),
      )
      .optional()
      .describe('Each place that is wrong.'),
  })
  .meta({ id: 'Problem', description: 'A problem (RFC 9457). A kind of problem may add members.' })

export type Problem = z.output<typeof problemSchema>

/** A body that is wrong in more places is wrong as a whole: the answer must not be larger than what it answers. */
export const mostLocations = 100

interface Refused {
  instance: string
  requestId: string
  /** Finds the places in the text of the body. */
  locate?: Locate | null
}

/** The problem document of an error, for the request that `instance` (its path) and `requestId` name. */
export function toProblem(error: ProblemError, request: Refused): Problem {
  const { status, title } = problemDefinitions[error.code]
  const shown = error.errors.slice(0, mostLocations)
  const unplaced = shown.flatMap((place) => ('pointer' in place && place.line === undefined ? place.pointer : []))
  const places = unplaced.length === 0 ? undefined : request.locate?.(unplaced)
  return {
    type: `/problems/${slugOf(error.code)}`,
    title,
    status,
    detail: error.message,
    instance: request.instance,
    code: error.code,
    requestId: request.requestId,
    ...(error.errors.length > 0 && { errors: shown.map((place) => toLocation(place, places)) }),
    ...(error.errors.length > mostLocations && { moreErrors: error.errors.length - mostLocations }),
    ...error.extensions,
  }
}

function toLocation(
  location: ProblemLocation,
  places: ReadonlyMap<string, Place> | undefined,
): NonNullable<Problem['errors']>[number] {
  return 'pointer' in location
    ? { in: 'body', ...location, ...places?.get(location.pointer) }
    : { in: location.in ?? 'query', pointer: location.parameter, detail: location.detail }
}

interface ProblemResponse {
  description: string
  content: { [problemMediaType]: { schema: typeof problemSchema } }
}

/** Which kinds of problem a documented response stands for. */
const codesOfResponse = new WeakMap<object, readonly ProblemCode[]>()

/**
 * The error answers of a route, by status, for `schema.response`: `{ 200: X, ...errors('PATIENT_NOT_FOUND') }`.
 * What every route can answer is added by itself. The type is empty so that a handler can only return what succeeds.
 */
export function errors(...codes: ProblemCode[]): Record<never, never> {
  return describeProblems(codes)
}

export function describeProblems(codes: readonly ProblemCode[]): Record<number, ProblemResponse> {
  const byStatus = Map.groupBy([...new Set(codes)].sort(), (code) => problemDefinitions[code].status)
  const responses: Record<number, ProblemResponse> = {}
  for (const [status, sameStatus] of byStatus) {
    const response: ProblemResponse = {
      description: sameStatus.map((code) => `\`${code}\`: ${problemDefinitions[code].title}.`).join(' '),
      content: { [problemMediaType]: { schema: problemSchema } },
    }
    codesOfResponse.set(response, sameStatus)
    responses[status] = response
  }
  return responses
}

/** The kinds of problem that `errors(…)` put into a route's responses. */
export function problemsOf(responses: object): ProblemCode[] {
  return Object.values(responses).flatMap((response: unknown) =>
    typeof response === 'object' && response !== null ? (codesOfResponse.get(response) ?? []) : [],
  )
}
