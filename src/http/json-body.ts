import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError } from './problems.ts'
import { locateInJson, rememberSource } from './source-places.ts'

/** Deeper than any protocol; shallow enough for every reader that recurses. */
const deepest = 100

/** Makes JSON the only media type that the app reads; a scope may add others for itself. */
export function registerJsonBody(app: FastifyInstance): void {
  acceptJsonAs(app, 'application/json')
}

/** Makes `mediaType`, which is JSON, the only media type that this scope reads. */
export function acceptJsonAs(app: FastifyInstance, mediaType: string): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(mediaType, { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      throw new ProblemError('UNSUPPORTED_MEDIA_TYPE', 'the body must not be compressed: leave `Content-Encoding` out')
    }
    const text = readUtf8(body)
    const value = readJson(text)
    rememberSource(request, locateInJson(text))
    return value
  })
}

/** The text of a body. Throws the problem when it is not UTF-8. */
export function readUtf8(
  body: Uint8Array,
  problem: 'MALFORMED_JSON' | 'MALFORMED_DOCUMENT' | 'MALFORMED_FORM' = 'MALFORMED_JSON',
): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new ProblemError(problem, 'the body is not UTF-8 text')
  }
}

/** The value of a JSON text; undefined for an empty one. Throws MALFORMED_JSON that says where it is wrong. */
export function readJson(text: string): unknown {
  if (text.trim() === '') return undefined
  const fault = findFault(text)
  if (fault === null) return JSON.parse(text)
  const before = text.slice(0, fault.at).split('\n')
  const column = (before.at(-1) ?? '').length + 1
  throw new ProblemError(
    'MALFORMED_JSON',
    `the body is not valid JSON: line ${before.length}, column ${column}: ${fault.message}`,
    {
      line: before.length,
      column,
    },
  )
}

interface Fault {
  at: number
  message: string
}

/**
 * Reads strictly and keeps nothing. `JSON.parse` alone does not say where it stopped, and of two fields with one name it
 * silently keeps the last: a condition that an author wrote twice would lose half its meaning.
 */
function findFault(text: string): Fault | null {
  let at = 0
  let fault: Fault | null = null

  function fail(message: string, where = at): false {
    fault ??= { at: where, message }
    return false
  }

  function skipSpace(): void {
    while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1
  }

  function expected(what: string): false {
    return fail(at >= text.length ? `the text ends where ${what} is expected` : `${what} is expected`)
  }

  function readValue(depth: number): boolean {
    skipSpace()
    const first = text[at]
    if (first === '{' || first === '[') {
      if (depth >= deepest) return fail(`nested more than ${deepest} levels deep`)
      at += 1
      return first === '{' ? readFields(depth + 1) : readItems(depth + 1)
    }
    if (first === '"') return readString()
    return readScalar()
  }

  function readScalar(): boolean {
    const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
    scalar.lastIndex = at
    if (!scalar.test(text)) return expected('a value')
    at = scalar.lastIndex
    return true
  }

  function readString(): boolean {
    const start = at
    at += 1
    for (; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (code === 0x22) {
        at += 1
        return true
      }
      if (code < 0x20) return fail('a control character in a string must be written as an escape, like \\n')
      if (code === 0x5c) {
        const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
        escaped.lastIndex = at
        if (!escaped.test(text)) return fail('this escape does not exist')
        at = escaped.lastIndex - 1
      }
    }
    return fail('this string is not closed', start)
  }

  function readItems(depth: number): boolean {
    skipSpace()
    if (text[at] === ']') {
      at += 1
      return true
    }
    while (readValue(depth)) {
      skipSpace()
      if (text[at] === ']') {
        at += 1
        return true
      }
      if (text[at] !== ',') return expected('`,` or `]`')
      at += 1
    }
    return false
  }

  function readFields(depth: number): boolean {
    const names = new Set<string>()
    skipSpace()
    if (text[at] === '}') {
      at += 1
      return true
    }
    for (;;) {
      skipSpace()
      const start = at
      if (text[at] !== '"') return expected('a field name in double quotes')
      if (!readString()) return false
      const name: string = JSON.parse(text.slice(start, at))
      if (names.has(name)) return fail('this field is given twice', start)
      if (name === '__proto__') return fail('no field has this name', start)
      names.add(name)
      skipSpace()
      if (text[at] !== ':') return expected('`:`')
      at += 1
      if (!readValue(depth)) return false
      skipSpace()
      if (text[at] === '}') {
        at += 1
        return true
      }
      if (text[at] !== ',') return expected('`,` or `}`')
      at += 1
    }
  }

  if (readValue(0)) {
    skipSpace()
    if (at < text.length) fail('nothing may follow the value')
  }
  return fault
}
