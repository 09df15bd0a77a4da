import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import type { ProtocolDocument } from '../../rules/index.ts'
import { attributeBody } from '../attributes/schemas.ts'
import { procedureBody } from '../procedures/schemas.ts'
import { hashDocument } from '../protocols/canonical.ts'
import { completeDocument, documentBody } from '../protocols/document-schema.ts'

/** Where the library is that comes with this release. */
export const builtInLibrary = new URL('../../../prisma/library/', import.meta.url)

/** Files of the library that are not protocols. */
const others = ['attributes.yaml', 'procedures.yaml', 'coverage.yaml']

export interface LibraryProtocol {
  document: ProtocolDocument
  /** SHA-256 of the document in canonical form. */
  hash: string
}

export interface Library {
  attributes: z.output<typeof attributeBody>[]
  procedures: z.output<typeof procedureBody>[]
  /** In the order of their codes. */
  protocols: LibraryProtocol[]
}

const read = new Map<string, Library>()

/** The library in that folder: its vocabulary, its procedures, and its protocols. Its files are read once. */
export function readLibrary(folder = builtInLibrary): Library {
  const known = read.get(folder.href)
  if (known !== undefined) return known
  const readYamlFile = (name: string): unknown => parse(readFileSync(new URL(name, folder), 'utf8'))
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !others.includes(name))
  const protocols = names.map((name) => {
    const document = completeDocument(documentBody.parse(readYamlFile(name)))
    return { document, hash: hashDocument(document) }
  })
  const library = {
    attributes: z.array(attributeBody).parse(readYamlFile('attributes.yaml')),
    procedures: z.array(procedureBody).parse(readYamlFile('procedures.yaml')),
    protocols: protocols.sort((a, b) => (a.document.code < b.document.code ? -1 : 1)),
  }
  read.set(folder.href, library)
  return library
}
