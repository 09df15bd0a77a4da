import type { Transaction } from '../../db/client.ts'
import { findNearest, listWords } from '../../http/nearest.ts'
import { ProblemError } from '../../http/problems.ts'
import { isAbout, type ProtocolDocument } from '../../rules/index.ts'
import type { Library, LibraryProtocol } from '../clinics/library.ts'
import { toFormatted } from '../protocols/canonical.ts'
import { type ProtocolSummary, readVersionOfContent } from '../protocols/repository.ts'
import { readLibraryDocument } from './repository.ts'

/** The library's protocol of that code, or a problem that names the nearest ones. */
export function requireInLibrary(library: Library, code: string): LibraryProtocol {
  const found = library.protocols.find(({ document }) => document.code === code)
  if (found !== undefined) return found
  const nearest = findNearest(
    code,
    library.protocols.map(({ document }) => document.code),
  )
  const hint = nearest.length > 0 ? `: did you mean ${listWords(nearest)}?` : ''
  throw new ProblemError('LIBRARY_PROTOCOL_NOT_FOUND', `the library has no protocol \`${code}\`${hint}`, { nearest })
}

/** What the protocol follows: that which it was adopted from or, of one that was imported, that of its own code. */
export function requireFollowed(library: Library, protocol: ProtocolSummary): LibraryProtocol {
  return requireInLibrary(library, protocol.library?.code ?? protocol.code)
}

/** The library's document of that hash, as the clinic got it; null: it is not known any more. */
export async function readBase(
  tx: Transaction,
  clinicId: string,
  protocol: ProtocolSummary,
  hash: string | null,
  library: Library,
): Promise<ProtocolDocument | null> {
  if (hash === null) return null
  const kept = await readLibraryDocument(tx, clinicId, hash)
  if (kept !== null) return kept
  // Adopted before copies were kept: the library is still what it was, or a version is what was adopted.
  const same = library.protocols.find((entry) => entry.hash === hash)
  if (same !== undefined) return same.document
  const version = await readVersionOfContent(tx, clinicId, protocol.id, hash)
  return version?.document ?? null
}

/**
 * Two documents as they are compared: each with all the exercises of both that its rules are about, and where both have
 * one with its own.
 */
export function inOneCatalogue(a: ProtocolDocument, b: ProtocolDocument): [ProtocolDocument, ProtocolDocument] {
  const join = (own: ProtocolDocument, other: ProtocolDocument): ProtocolDocument => {
    const codes = new Set(own.exercises.map(({ code }) => code))
    const exercises = [...own.exercises, ...other.exercises.filter(({ code }) => !codes.has(code))]
    return toFormatted({ ...own, exercises: exercises.filter((exercise) => isAbout(own, exercise)) })
  }
  return [join(a, b), join(b, a)]
}
