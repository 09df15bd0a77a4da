import { createHash } from 'node:crypto'
import type { ProtocolDocument } from '../../rules/index.ts'

/** JSON with the members of every object in code point order and without white space: equal content, equal bytes. */
export function toCanonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : part,
  )
}

/** SHA-256 of the canonical document, in hexadecimal. */
export function hashDocument(document: ProtocolDocument): string {
  return createHash('sha256').update(toCanonicalJson(document)).digest('hex')
}
