import type { Document, Operation } from './document.ts'
import type { Reply, Sent } from './wire.ts'

type Loose = Record<string, unknown>

/** What is wrong with an answer; `key` is the same for the same fault. */
export interface Fault {
  check: (typeof checks)[number]
  key: string
  detail: string
}

export const checks = [
  'server-error',
  'status',
  'content-type',
  'body',
  'headers',
  'problem',
  'leak',
  'request-id',
  'slow',
  'foreign',
  'let-in',
  'accepted',
  'sense',
] as const

export interface Judged {
  sent: Sent
  /** The operation that the request reaches; null: none. */
  operation: Operation | null
  reply: Reply
  /** The caller belongs to another clinic, or to none; null: to the clinic. */
  outsider: 'other-clinic' | 'stranger' | null
}

export interface Rules {
  document: Document
  /** No answer may take longer, in milliseconds. */
  slowest: number
  /** What only the other clinic has. */
  foreign: RegExp | null
}

/** A trial run stores nothing, so that there is no new tag. */
const sometimes = new Set(['mergeLibrary 200 ETag'])

/** Problems of the connection: they come before it is known which operation is meant. */
const beforeRouting = ['MALFORMED_REQUEST', 'HEADERS_TOO_LARGE', 'REQUEST_TIMEOUT', 'MALFORMED_URL']

/** What a problem must not say. What somebody has typed may come again: the fuzz itself has typed `file:///etc/passwd`. */
const leaks = [
  /\n\s+at [^\n]+:\d+/,
  /node_modules|\/src\/|[\w-]+\.ts:\d+|file:\/\/(?!\/etc\/passwd)/,
  /prisma|\bP20\d\d\b/i,
  /violates |duplicate key|syntax error at|relation "|column "|invalid input syntax|out of range for type/,
  /\bSELECT\s+\S+\s+FROM\b|\bINSERT INTO\b|\bUPDATE\s+\S+\s+SET\b|\bpg_\w+/,
  /\b(?:Type|Reference|Range|Syntax)Error\b|Cannot read propert|is not a function|\[object Object\]|\bundefined\b|\bNaN\b/,
]

/** A refusal for want of time, which says so and when to come again. */
export function isShed({ status, headers, text, body }: Reply): boolean {
  // Of a HEAD there is no more than its headers.
  const says = text === '' || (body as Loose | undefined)?.code === 'SERVICE_UNAVAILABLE'
  return status === 503 && headers['retry-after'] !== undefined && says
}

/** The operation that a method and a target reach. */
export function findOperation(
  { operations }: Document,
  { method, target }: Pick<Sent, 'method' | 'target'>,
): Operation | null {
  const segments = (target.split(/[?#]/, 1)[0] ?? '').split('/')
  const wanted = method === 'HEAD' ? 'GET' : method
  let best: Operation | null = null
  for (const operation of operations) {
    if (operation.method !== wanted) continue
    const own = operation.path.split('/')
    if (own.length !== segments.length) continue
    if (!own.every((one, index) => (one.startsWith('{') ? segments[index] !== '' : one === segments[index]))) continue
    if (best === null || operation.path.split('{').length < best.path.split('{').length) best = operation
  }
  return best
}

/** Everything that is wrong with one answer. */
export function judge(judged: Judged, rules: Rules): Fault[] {
  const { sent, operation, reply, outsider } = judged
  const faults: Fault[] = []
  const name = operation?.id ?? `${sent.method} elsewhere`
  const say = (check: Fault['check'], what: string, detail: string): void => {
    faults.push({ check, key: `${check} ${name} ${reply.status} ${what}`, detail })
  }
  const { status, headers, text } = reply
  const type = (headers['content-type'] ?? '').split(';')[0] ?? ''
  const problem = (typeof reply.body === 'object' && reply.body !== null ? reply.body : {}) as Loose
  const code = String(problem.code ?? '')
  const empty = sent.method === 'HEAD' || status === 204 || status === 304

  if (status >= 500 && !isShed(reply)) say('server-error', code, text.slice(0, 1500))
  if (headers['x-request-id'] === undefined) say('request-id', '', 'there is no X-Request-Id')
  const given = sent.headers['x-request-id']
  if (
    typeof given === 'string' &&
    /^[A-Za-z0-9._-]{1,64}$/.test(given) &&
    headers['x-request-id'] !== given &&
    sent.raw === undefined
  ) {
    say('request-id', 'other', `the caller’s ${given} is answered with ${headers['x-request-id']}`)
  }
  if (reply.milliseconds > rules.slowest) say('slow', '', `it took ${Math.round(reply.milliseconds)} ms`)

  if (status >= 400 && !(empty && text === '')) judgeProblem()
  if (operation !== null && !beforeRouting.includes(code)) judgeDocumented(operation)
  if (empty && text !== '') say('body', 'not empty', text.slice(0, 200))

  // The record of acts names what was asked for in vain: ids that the clinic itself has sent.
  const isRecordOfActs = operation?.id === 'listAuditEvents' || operation?.id === 'getAuditEvent'
  if (rules.foreign !== null && outsider === null && !isRecordOfActs) {
    const found = rules.foreign.exec(text)?.[0]
    if (found !== undefined && !said().includes(found))
      say('foreign', '', `the answer has ${found}, which is another clinic’s`)
  }
  // What every clinic has a copy of is no secret, and the other clinic may read its own.
  const path = sent.target.split('?')[0] ?? ''
  const others = outsider === 'other-clinic' && rules.foreign !== null ? path.split(rules.foreign).join('') : path
  const isOurs = /[0-9a-f]{8}-[0-9a-f-]{27}|\/z-[a-z]+-\d+/.test(others)
  if (outsider !== null && status < 300 && operation?.path.startsWith('/v1/') === true && isOurs) {
    say('let-in', '', 'an outsider was let in')
  }
  return faults

  function said(): string {
    const body = sent.raw ?? sent.body ?? ''
    const target = sent.target.replaceAll('%20', ' ')
    return `${target} ${safely(decodeURIComponent, target)} ${JSON.stringify(sent.headers)} ${body.toString()}`
  }

  function judgeProblem(): void {
    if (type !== 'application/problem+json') {
      say('problem', 'type', `an error has the type ${type}: ${text.slice(0, 300)}`)
      return
    }
    if (problem.status !== status) say('problem', 'status', `status ${status} and in the body ${problem.status}`)
    if (problem.requestId !== headers['x-request-id']) say('problem', 'requestId', 'body and header differ')
    for (const member of ['type', 'title', 'detail', 'instance', 'code']) {
      if (typeof problem[member] !== 'string' || problem[member] === '') say('problem', member, text.slice(0, 300))
    }
    const errors = problem.errors as { detail?: string; pointer?: string; in?: string }[] | undefined
    if (code === 'VALIDATION_FAILED' && (errors === undefined || errors.length === 0)) {
      say('problem', 'no place', `it names no place: ${text.slice(0, 300)}`)
    }
    for (const error of errors ?? []) {
      if (!error.detail || typeof error.pointer !== 'string' || !error.in)
        say('problem', 'place', JSON.stringify(error))
    }
    const words = said()
    // What others have written stands in what was changed meanwhile.
    const own = JSON.stringify({ ...problem, since: undefined })
    for (const leak of leaks) {
      const found = leak.exec(own)?.[0]
      if (found !== undefined && !words.includes(found))
        say('leak', found.slice(0, 30), `the problem says ${found}: ${text.slice(0, 600)}`)
    }
  }

  function judgeDocumented(reached: Operation): void {
    const answer = rules.document.answerOf(reached, status)
    if (answer === null) {
      say('status', code, `${status} is not documented: ${text.slice(0, 400)}`)
      return
    }
    for (const header of answer.headers) {
      // Only answers about an `Idempotency-Key` have these.
      if (header === 'Idempotency-Replayed' || (header === 'Retry-After' && status === 409)) continue
      // The last page of a list has none.
      if (header === 'Link' || sometimes.has(`${reached.id} ${status} ${header}`)) continue
      if (headers[header.toLowerCase()] === undefined) say('headers', header, `${header} is missing`)
    }
    if (empty) return
    if (answer.types.length === 0) {
      if (text !== '') say('body', 'none documented', text.slice(0, 200))
      return
    }
    if (!answer.types.includes(type)) {
      say('content-type', type, `${type} is not documented, but ${answer.types.join(', ')}`)
      return
    }
    const validate = answer.validate(type)
    const values = type.includes('ndjson')
      ? text
          .trimEnd()
          .split('\n')
          .map((line) => safely(JSON.parse, line))
      : /[/+]json$/.test(type)
        ? [reply.body]
        : []
    for (const value of values) {
      if (validate(value)) continue
      const [first] = validate.errors ?? []
      const where = `${first?.instancePath.replaceAll(/\/\d+/g, '/*')} ${first?.message} ${JSON.stringify(first?.params).slice(0, 100)}`
      say(
        'body',
        where,
        `the answer is not as documented: ${first?.instancePath} ${where}: ${JSON.stringify(value)?.slice(0, 1500)}`,
      )
      break
    }
    if (status < 300) {
      judgeAccepted(reached)
      judgeSense(reached)
    }
  }

  /** What was accepted must be what the document allows. */
  function judgeAccepted(reached: Operation): void {
    if (sent.raw !== undefined) return
    const sentType =
      String(sent.headers['content-type'] ?? '')
        .split(';')[0]
        ?.trim()
        .toLowerCase() ?? ''
    if (sent.body !== undefined && /[/+]json$/.test(sentType) && reached.bodies.has(sentType)) {
      const validate = rules.document.bodyValidator(reached, sentType)
      const body = safely(parseTrimmed, sent.body.toString().replace(/^\ufeff/, ''))
      if (!validate(body)) {
        const [first] = validate.errors ?? []
        const where = `${first?.instancePath.replaceAll(/\/\d+/g, '/*')} ${first?.message}`
        say(
          'accepted',
          where,
          `the document forbids the body that was accepted: ${where} ${JSON.stringify(first?.params)}`,
        )
      }
    }
    // Nobody sends a fragment: what follows a `#` is the query's too.
    const query = new URLSearchParams(sent.target.split('?').slice(1).join('?'))
    for (const [key, value] of query) {
      const parameter = reached.parameters.find((one) => one.in === 'query' && one.name === key)
      if (parameter === undefined) {
        if (!reached.path.startsWith('/v1/')) continue
        say('accepted', 'query', `the document knows no parameter ${key}`)
        continue
      }
      const typed = parameter.schema.type === 'integer' ? Number(value) : value.trim()
      const validate = rules.document.queryValidator(reached, key)
      if (!validate(typed))
        say('accepted', `query ${key}`, `the document forbids ${key}=${value}: ${validate.errors?.[0]?.message}`)
    }
  }

  /** What no answer of this service may say, whatever was asked. */
  function judgeSense(reached: Operation): void {
    if (reached.id !== 'getPermittedExercises' && reached.id !== 'simulate') return
    const answer = reply.body as { status: string; permitted: { exercise: string }[]; withheld: { exercise: string }[] }
    const withheld = new Set(answer.withheld.map(({ exercise }) => exercise))
    const both = answer.permitted.filter(({ exercise }) => withheld.has(exercise))
    if (both.length > 0) say('sense', 'both', `permitted and withheld: ${both[0]?.exercise}`)
    if (answer.status !== 'active' && answer.permitted.length > 0)
      say('sense', 'status', `permitted while ${answer.status}`)
  }
}

/** White space round a text is taken off before it is judged. */
function parseTrimmed(text: string): unknown {
  return JSON.parse(text, (_key, value) => (typeof value === 'string' ? value.trim() : value))
}

function safely<In, Out>(work: (value: In) => Out, value: In): Out | undefined {
  try {
    return work(value)
  } catch {
    return undefined
  }
}
