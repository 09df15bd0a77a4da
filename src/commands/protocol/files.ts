import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { readLibrary } from '../../features/clinics/library.ts'
import { toLocations } from '../../features/protocols/describe-flaws.ts'
import { parseYaml } from '../../features/protocols/document-body.ts'
import { completeDocument, documentBody, findUnknown } from '../../features/protocols/document-schema.ts'
import { readJson } from '../../http/json-body.ts'
import { ProblemError } from '../../http/problems.ts'
import { type Locate, locateInJson, type Place } from '../../http/source-places.ts'
import { validateBody } from '../../http/validation.ts'
import { type Exercise, findFlaws, isAbout, type Catalogue as Names, type ProtocolDocument } from '../../rules/index.ts'
import { catalogueBody } from './schemas.ts'

/** What is wrong in a file, and where. */
export interface Fault {
  file: string
  line: number | null
  column: number | null
  /** A JSON pointer into the document. */
  pointer: string
  text: string
}

/** A file that cannot be read or is not what it should be: the command ends. */
export class Unusable extends Error {
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super('a file cannot be used')
    this.name = 'Unusable'
    this.faults = faults
  }
}

/** A wrong use of the command. */
export class UsageError extends Error {}

/** The text of a file; of the standard input for `-`. */
export function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file === '-' ? 0 : file))
  } catch (error) {
    const reason = error instanceof TypeError ? 'it is not UTF-8 text' : (error as Error).message
    throw new Unusable([{ file, line: null, column: null, pointer: '', text: `cannot be read: ${reason}` }])
  }
}

interface Source {
  file: string
  value: unknown
  locate: Locate
}

/** A JSON file by its name; anything else is read as YAML, of which JSON is a part. */
export function readSource(file: string, text = readText(file)): Source {
  try {
    if (file.endsWith('.json')) return { file, value: readJson(text), locate: locateInJson(text) }
    return { file, ...parseYaml(text) }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    const { line = null, column = null } = error.extensions as Partial<Place>
    const whole = { file, line, column, pointer: '', text: error.message.replace(/^the body is not/, 'it is not') }
    const each = error.errors.flatMap((place) =>
      'pointer' in place
        ? [{ ...whole, line: place.line ?? line, column: place.column ?? column, text: place.detail }]
        : [],
    )
    throw new Unusable(each.length > 0 ? each : [whole])
  }
}

/** Where a pointer into the file leads. */
export function placesIn({ file, locate }: Source, faults: readonly { pointer: string; detail: string }[]): Fault[] {
  const places = locate(faults.map(({ pointer }) => pointer))
  return faults.map(({ pointer, detail }) => {
    const place = places.get(pointer)
    return { file, line: place?.line ?? null, column: place?.column ?? null, pointer, text: detail }
  })
}

/** The value of a file that has this shape. */
export function readShaped<Value>(schema: z.ZodType<Value>, file: string, text = readText(file)): Value {
  const source = readSource(file, text)
  const { value, faults } = validateBody(schema, source.value)
  if (faults !== null) throw new Unusable(sayFields(placesIn(source, faults)))
  return value
}

/** "`title` is required". */
export function sayFields(faults: readonly Fault[]): Fault[] {
  return faults.map((fault) => {
    const name = fault.pointer.slice(1).replaceAll('/', '.')
    return { ...fault, text: `${name === '' ? 'the document' : `\`${name}\``} ${fault.text}` }
  })
}

/** What the clinic has besides the document. */
export interface Catalogue {
  procedures: ReadonlySet<string> | null
  attributes: ReadonlySet<string>
  exercises: readonly Exercise[]
}

/** The catalogue of a clinic that has adopted the built-in library, and what the files add to it. */
export function readCatalogue(files: readonly string[]): Catalogue {
  const library = readLibrary()
  const own = files.map((file) => readShaped(catalogueBody, file))
  const exercises = [
    ...own.flatMap((catalogue) => catalogue.exercises ?? []),
    ...library.protocols.flatMap(({ document }) => document.exercises),
  ]
  const listed = own.flatMap((catalogue) => catalogue.procedures ?? [])
  return {
    // Procedures are the clinic's own words: without its list, those of the document are taken as they are.
    procedures: listed.length === 0 ? null : new Set([...listed, ...library.procedures.map(({ code }) => code)]),
    attributes: new Set([
      ...library.attributes.map(({ code }) => code),
      ...own.flatMap((catalogue) => catalogue.attributes ?? []),
    ]),
    exercises: [...new Map(exercises.toReversed().map((exercise) => [exercise.code, exercise])).values()],
  }
}

export interface DocumentFile extends Source {
  /** As it is written, named and with nothing left to a default. */
  own: ProtocolDocument
  /** With the entries of the catalogue that its rules are about. */
  document: ProtocolDocument
}

/** The protocol in a file. Throws everything that is wrong with its shape or its names. */
export function readProtocolFile(file: string, catalogue: Catalogue): DocumentFile {
  const source = readSource(file)
  const { value, faults } = validateBody(documentBody, source.value)
  const catalogueOf = (document: ProtocolDocument) => toCatalogue(document, catalogue)
  if (faults !== null) {
    throw new Unusable(sayFields(placesIn(source, [...faults, ...findUnknown(source.value, catalogueOf)])))
  }
  const own = completeDocument(value)
  const brought = new Set(own.exercises.map(({ code }) => code))
  const others = catalogue.exercises.filter(({ code }) => !brought.has(code))
  const flaws = findFlaws(own, catalogueOf(own))
  if (flaws.length > 0) throw new Unusable(sayFields(placesIn(source, toLocations(flaws))))
  const joined = others.filter((exercise) => isAbout(own, exercise)).sort((a, b) => (a.code < b.code ? -1 : 1))
  return { ...source, own, document: { ...own, exercises: [...own.exercises, ...joined] } }
}

/** What the document may name: what the clinic has, and what it brings along. */
function toCatalogue(document: ProtocolDocument, { procedures, attributes, exercises }: Catalogue): Names {
  const known = [...document.exercises, ...exercises]
  return {
    procedures: procedures ?? proceduresOf(document),
    exercises: new Set(known.map(({ code }) => code)),
    groups: new Set(known.flatMap(({ groups = [] }) => groups)),
    attributes: new Set([...attributes, ...document.exercises.flatMap((brought) => Object.keys(brought.attributes))]),
  }
}

function proceduresOf({ procedures, facts, cases = [] }: ProtocolDocument): Set<string> {
  const asked = facts.flatMap(({ operation }) => (typeof operation === 'object' ? operation.procedure : []))
  return new Set([...procedures, ...asked, ...cases.flatMap((testCase) => testCase.procedures ?? [])])
}
