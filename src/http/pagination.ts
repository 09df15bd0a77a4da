import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { ProblemError } from './problems.ts'
import { intQuery } from './schemas.ts'

/** Spread into a list's `querystring: z.strictObject({ ...pageQuery, … })`. */
export const pageQuery = {
  limit: intQuery(1, 200).default(50).describe('How many items at most.'),
  cursor: z.string().max(1000).optional().describe('Where to go on: `next` of the page before.'),
}

/** The answer of a list. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z
    .object({
      items: z.array(item),
      next: z.string().nullable().describe('`cursor` of the next page; null on the last one.'),
    })
    .describe('One page of the list.')
}

export interface Cursor<Key> {
  /** The key after which to go on, or null for the first page. A text that `write` has not made is a 400. */
  read: (text: string | undefined) => Key | null
  write: (key: Key) => string
}

const notOurs = 'is not one that this list gave out: send `next` of the page before as it is, or leave it out'

/** A list's cursor: its sort key and id, for instance `z.tuple([z.string(), uuid])`, in an opaque text. */
export function cursorOf<Key extends z.ZodType>(key: Key, refusal = notOurs): Cursor<z.output<Key>> {
  return {
    read: (text) => {
      if (text === undefined) return null
      const parsed = key.safeParse(decode(text))
      if (parsed.success) return parsed.data
      throw refuseParameter('cursor', refusal)
    },
    write: (value) => Buffer.from(JSON.stringify(value)).toString('base64url'),
  }
}

/** The problem of one parameter of the query. */
export function refuseParameter(parameter: string, detail: string): ProblemError {
  return new ProblemError('VALIDATION_FAILED', `\`${parameter}\` ${detail}`, { errors: [{ parameter, detail }] })
}

function decode(text: string): unknown {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'base64url')))
  } catch {
    return undefined
  }
}

/**
 * The page of `rows`, of which the query asked for `limit + 1` so that it is known whether more follow.
 * Sets the `Link` header (RFC 8288) to the first and the next page.
 */
export function toPage<Row>(
  request: FastifyRequest,
  reply: FastifyReply,
  rows: readonly Row[],
  limit: number,
  cursorAfter: (row: Row) => string,
): { items: Row[]; next: string | null } {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const next = rows.length > limit && last !== undefined ? cursorAfter(last) : null
  const links = [`<${addressWith(request, null)}>; rel="first"`]
  if (next !== null) links.push(`<${addressWith(request, next)}>; rel="next"`)
  reply.header('link', links.join(', '))
  return { items, next }
}

function addressWith(request: FastifyRequest, cursor: string | null): string {
  const [path = '/', query = ''] = request.url.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.delete('cursor')
  if (cursor !== null) parameters.set('cursor', cursor)
  return parameters.size === 0 ? path : `${path}?${parameters}`
}
