import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { ProblemError } from './problems.ts'

/** `schema.headers` of a route that calls `requireIfMatch`; loose, because a missing one is a 428 and not a 400. */
export const ifMatchHeader = z.looseObject({
  'if-match': z.string().max(1000).optional().describe('The `ETag` of the resource as it was last read, or `*`.'),
})

/** Whether requests of this schema need `If-Match`. */
export function needsIfMatch(headers: unknown): boolean {
  return headers instanceof z.ZodObject && headers.shape['if-match'] === ifMatchHeader.shape['if-match']
}

export function etagOf(revision: number): string {
  return `"${revision}"`
}

/** Lets a change through only if the caller has seen `currentRevision`: 428 without `If-Match`, 412 when it names others. */
export function requireIfMatch(request: FastifyRequest, currentRevision: number): void {
  const header = request.headers['if-match']
  if (header === undefined || header.trim() === '') {
    const detail = `is required: read the resource and send its \`ETag\`, now ${etagOf(currentRevision)}`
    throw new ProblemError('PRECONDITION_REQUIRED', `\`If-Match\` ${detail}`, {
      errors: [{ parameter: 'If-Match', in: 'header', detail }],
      currentRevision,
    })
  }
  const tags = readTags(header)
  if (tags === null) {
    const detail = `must be \`*\` or entity tags in double quotes, like ${etagOf(currentRevision)}`
    throw new ProblemError('VALIDATION_FAILED', `\`If-Match\` ${detail}`, {
      errors: [{ parameter: 'If-Match', in: 'header', detail }],
    })
  }
  // RFC 9110: If-Match compares strongly, so that a weak tag never matches.
  if (tags === '*' || tags.includes(etagOf(currentRevision))) return
  throw new ProblemError(
    'PRECONDITION_FAILED',
    `the resource is at revision ${currentRevision} and \`If-Match\` names ${header}: read it again`,
    { currentRevision, headers: { etag: etagOf(currentRevision) } },
  )
}

/** The revisions that `If-Match` names. */
export function readRevisions(request: FastifyRequest): number[] {
  const tags = readTags(request.headers['if-match'] ?? '')
  if (tags === null || tags === '*') return []
  return tags.flatMap((tag) => (/^(?:W\/)?"\d{1,9}"$/.test(tag) ? [Number(tag.replace(/\D/g, ''))] : []))
}

/** Whether the caller of a read already has this revision (weak comparison, RFC 9110). */
export function hasCurrent(request: FastifyRequest, etag: string): boolean {
  const header = request.headers['if-none-match']
  if (header === undefined) return false
  const tags = readTags(header)
  if (tags === null) return false
  return tags === '*' || tags.some((tag) => tag.replace(/^W\//, '') === etag.replace(/^W\//, ''))
}

/** Every entity tag of the header, or null when it is not a list of them. */
function readTags(header: string): '*' | string[] | null {
  if (header.trim() === '*') return '*'
  const list = /^\s*(?:W\/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e]*")*\s*$/
  return list.test(header) ? (header.match(/(?:W\/)?"[\x21\x23-\x7e]*"/g) ?? []) : null
}

/**
 * Gives every successful answer that carries a top-level `revision` the matching `ETag`, and answers a GET or HEAD whose
 * caller already has it with 304.
 */
export function registerEtags(app: FastifyInstance): void {
  app.addHook('preSerialization', async (_request: FastifyRequest, reply: FastifyReply, payload: unknown) => {
    tagRevision(reply, payload)
    return payload
  })
  app.addHook('onSend', async (request: FastifyRequest, reply: FastifyReply, payload: unknown) => {
    const etag = reply.getHeader('etag')
    const asks = request.method === 'GET' || request.method === 'HEAD'
    if (asks && reply.statusCode === 200 && typeof etag === 'string' && hasCurrent(request, etag)) {
      reply.code(304).removeHeader('content-length')
    }
    if (!asks || reply.statusCode !== 304) return payload
    // Of a HEAD Fastify leaves the payload out by itself, and tells the length of what is no stream.
    return request.method === 'HEAD' ? Readable.from([]) : null
  })
}

/** Gives a success its `ETag`, if it has a revision and none yet. */
export function tagRevision(reply: FastifyReply, payload: unknown): void {
  if (reply.statusCode >= 300 || reply.hasHeader('etag')) return
  const revision = revisionOf(payload)
  if (revision !== null) reply.header('etag', etagOf(revision))
}

/** The revision of a resource. An entry of a record names the one that it made, which says nothing about itself. */
function revisionOf(payload: unknown): number | null {
  if (typeof payload !== 'object' || payload === null || !('revision' in payload) || 'recordedAt' in payload)
    return null
  return typeof payload.revision === 'number' && Number.isInteger(payload.revision) ? payload.revision : null
}
