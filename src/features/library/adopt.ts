import type { Transaction } from '../../db/client.ts'
import type { ProtocolDocument } from '../../rules/index.ts'
import { createAttribute } from '../attributes/repository.ts'
import type { Library, LibraryProtocol } from '../clinics/library.ts'
import { createProcedure } from '../procedures/repository.ts'
import { type Authorship, createProtocol } from '../protocols/authoring.ts'
import { keepLibraryDocument } from './repository.ts'

/** Copies a protocol of the library into the clinic, as a draft, with its provenance. */
export async function adopt(
  tx: Transaction,
  author: Authorship,
  entry: LibraryProtocol,
  document = entry.document,
): Promise<void> {
  await keepLibraryDocument(tx, { clinicId: author.clinicId, keptAt: author.now, entry })
  await createProtocol(tx, author, document, { code: document.code, hash: entry.hash }, entry.document)
}

/** Adds what the document names of the library's vocabulary and the clinic does not have yet. */
export async function bringVocabulary(
  tx: Transaction,
  { clinicId, now: createdAt, nextId }: Authorship,
  library: Library,
  document: ProtocolDocument,
): Promise<void> {
  const targets = document.contraindications.flatMap((rule) => [...rule.target, ...(rule.except ?? [])])
  const graded = new Set([...document.exercises, ...targets].flatMap((one) => Object.keys(one.attributes ?? {})))
  const asked = document.facts.flatMap(({ operation }) => (typeof operation === 'object' ? operation.procedure : []))
  const operated = (document.cases ?? []).flatMap((testCase) => testCase.procedures ?? [])
  const procedures = new Set([...document.procedures, ...asked, ...operated])
  for (const attribute of library.attributes.filter(({ code }) => graded.has(code))) {
    await createAttribute(tx, { ...attribute, clinicId, id: nextId(), createdAt })
  }
  for (const procedure of library.procedures.filter(({ code }) => procedures.has(code))) {
    await createProcedure(tx, { ...procedure, clinicId, id: nextId(), createdAt })
  }
}
