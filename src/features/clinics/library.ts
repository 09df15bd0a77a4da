import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import type { ProtocolDocument } from '../../rules/index.ts'
import { attributeBody } from '../attributes/schemas.ts'
import { procedureBody } from '../procedures/schemas.ts'
import { hashDocument } from '../protocols/canonical.ts'
import { completeDocument, documentBody } from '../protocols/document-schema.ts'

const folder = new URL('../../../prisma/library/', import.meta.url)

/** Files of the library that are not protocols. */
const others = ['attributes.yaml', 'procedures.yaml', 'coverage.yaml']

export interface Library {
  attributes: z.output<typeof attributeBody>[]
  procedures: z.output<typeof procedureBody>[]
  protocols: { document: ProtocolDocument; hash: string }[]
}

function readYamlFile(name: string): unknown {
  return parse(readFileSync(new URL(name, folder), 'utf8'))
}

/** The built-in library: its vocabulary, its procedures, and its protocols with the SHA-256 of each. */
export function readLibrary(): Library {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !others.includes(name))
  return {
    attributes: z.array(attributeBody).parse(readYamlFile('attributes.yaml')),
    procedures: z.array(procedureBody).parse(readYamlFile('procedures.yaml')),
    protocols: names.sort().map((name) => {
      const document = completeDocument(documentBody.parse(readYamlFile(name)))
      return { document, hash: hashDocument(document) }
    }),
  }
}
