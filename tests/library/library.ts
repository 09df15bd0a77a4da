import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type { ProtocolDocument } from '../../src/rules/index.ts'

const folder = path.resolve(import.meta.dirname, '../../prisma/library')

export interface Placed {
  in?: string[]
  'why-not'?: string
  note?: string
}

export interface Decided {
  decision: string
  reason: string
  in: string[]
}

export interface Coverage {
  documents: Record<string, string[]>
  procedures: Record<string, Placed>
  settings: Record<string, Placed>
  timeWindows: Record<string, Placed>
  exercises: Record<string, Placed>
  restrictions: Record<string, Placed>
  clearances: Record<string, Placed>
  redFlags: Record<string, Placed>
  riskFactors: Record<string, Placed>
  guidance: Record<string, Placed>
  silences: Record<string, Placed>
  tensions: Record<string, Decided>
}

export interface LibraryProcedure {
  code: string
  name: string
  bodyRegion: string
  approach?: string
  indications?: string[]
}

export interface LibraryAttribute {
  code: string
  title: string
  description: string
}

function readYaml(file: string): unknown {
  return parse(readFileSync(path.join(folder, file), 'utf8'))
}

function readDocument(file: string): ProtocolDocument {
  const written = readYaml(file) as Partial<ProtocolDocument>
  // What a document may leave out.
  return {
    exercises: [],
    sources: [],
    milestones: [],
    facts: [],
    instructions: [],
    limits: [],
    ...written,
  } as ProtocolDocument
}

export const documents: readonly ProtocolDocument[] = [
  'acdf.yaml',
  'alif.yaml',
  'llif.yaml',
  'plif.yaml',
  'lumbar-microdiscectomy.yaml',
].map(readDocument)

export function documentOf(code: string): ProtocolDocument {
  const found = documents.find((document) => document.code === code)
  if (found === undefined) throw new Error(`the library has no document \`${code}\``)
  return found
}

export const procedures = readYaml('procedures.yaml') as LibraryProcedure[]
export const attributes = readYaml('attributes.yaml') as LibraryAttribute[]
export const coverage = readYaml('coverage.yaml') as Coverage
