import { findNearest, listWords } from '../../http/nearest.ts'
import { ProblemError, type ProblemLocation } from '../../http/problems.ts'
import { parseAsBody, toInvalid } from '../../http/validation.ts'
import type { ProtocolDocument } from '../../rules/index.ts'
import { mostBytes } from './document-body.ts'
import { completeDocument, documentBody } from './document-schema.ts'
import { type EditableKind, nameOf, partKinds, partsOf } from './part-kinds.ts'
import { renamePart } from './rename.ts'
import type { PartKind } from './repository.ts'

/** A document that was edited in one place: the same edit made in the whole document gives the same. */
export interface Edited {
  document: ProtocolDocument
  /** The lists of which rows are not what they were. */
  changed: readonly PartKind[]
  /** JSON pointer to what the body of the request became; empty: to the document itself; null: the body is no part of it. */
  at: string | null
  /** Another name that a part got; null: none. */
  renamed: Rename | null
}

export interface Rename {
  kind: EditableKind
  from: string
  to: string
  /** JSON pointers to every other place that named the part. */
  uses: string[]
}

/** Where a new part goes: next to another one, or, with neither, to the end. */
export interface Place {
  before?: string | undefined
  after?: string | undefined
}

/** Adds a part that no other is named as. */
export function addPart(document: ProtocolDocument, kind: EditableKind, part: object, place: Place = {}): Edited {
  const name: unknown = Reflect.get(part, partKinds[kind].key)
  if (typeof name === 'string') requireFree(document, kind, name)
  const index = placeOf(document, kind, place)
  return withParts(document, kind, partsOf(document, kind).toSpliced(index, 0, part), index)
}

function placeOf(document: ProtocolDocument, kind: EditableKind, { before, after }: Place): number {
  const parameter = before === undefined ? 'after' : 'before'
  const neighbour = before ?? after
  if (neighbour === undefined) return partsOf(document, kind).length
  if (before !== undefined && after !== undefined) {
    const detail = 'must be left out where `after` is given: one neighbour is enough'
    throw toInvalid([{ parameter: 'before', detail }])
  }
  const index = namesOf(document, kind).indexOf(neighbour)
  if (index !== -1) return before === undefined ? index + 1 : index
  const detail = describeMissing(document, kind, neighbour)
  throw new ProblemError('UNKNOWN_REFERENCE', detail, { errors: [{ parameter, detail }] })
}

/** Puts another part in the place of one; under another name, everything that names it follows. */
export function replacePart(document: ProtocolDocument, kind: EditableKind, name: string, part: object): Edited {
  const index = requirePart(document, kind, name)
  const { key } = partKinds[kind]
  const replacement = { [key]: name, ...part }
  const to = nameOf(kind, replacement)
  if (to === name) return withParts(document, kind, partsOf(document, kind).with(index, replacement), index)
  requireFree(document, kind, to)
  const { document: renamed, uses } = renamePart(document, kind, name, to)
  const edited = withParts(renamed, kind, partsOf(renamed, kind).with(index, replacement), index)
  const lists = uses.map((pointer) => pointer.split('/')[1] ?? '')
  const others = (Object.keys(partKinds) as EditableKind[]).filter((list) => list !== kind && lists.includes(list))
  return {
    ...edited,
    changed: [...edited.changed, ...others.filter(isInRows)],
    renamed: { kind, from: name, to, uses },
  }
}

/** Takes a part out. Whether something still names it shows when the document is judged. */
export function removePart(document: ProtocolDocument, kind: EditableKind, name: string): Edited {
  const rest = partsOf(document, kind).toSpliced(requirePart(document, kind, name), 1)
  return withParts(document, kind, rest)
}

/** Puts the phases in this order, which must have each of them once. */
export function orderPhases(document: ProtocolDocument, codes: readonly string[]): Edited {
  const known = namesOf(document, 'phases')
  const errors: ProblemLocation[] = codes.flatMap((code, index) => {
    const pointer = `/codes/${index}`
    if (!known.includes(code)) return [{ pointer, detail: describeMissing(document, 'phases', code) }]
    return codes.indexOf(code) === index
      ? []
      : [{ pointer, detail: `\`${code}\` is in the list already: name it once` }]
  })
  const missing = known.filter((code) => !codes.includes(code))
  if (missing.length > 0) {
    const verb = missing.length === 1 ? 'is' : 'are'
    const detail = `must have every phase of the draft: ${listWords(missing, 'and')} ${verb} missing`
    errors.push({ pointer: '/codes', detail })
  }
  if (errors.length > 0) {
    throw new ProblemError('DOCUMENT_INVALID', 'an order must name every phase of the draft once', { errors })
  }
  return withParts(
    document,
    'phases',
    codes.map((code) => document.phases[known.indexOf(code)] as object),
  )
}

/** Title, description, procedures and accepted findings, in the place of those that the document has. */
export function replaceHead(document: ProtocolDocument, head: object): Edited {
  const { title, description, procedures, accepted, ...rest } = document
  return { document: judged({ ...rest, ...head }, document), changed: [], at: '', renamed: null }
}

/** What `replaceHead` replaces. */
export function headOf({ title, description, procedures, accepted }: ProtocolDocument): object {
  return { title, procedures, ...(description !== undefined && { description }), ...(accepted && { accepted }) }
}

/** The others are stored with the version itself. */
function isInRows(kind: EditableKind): kind is PartKind {
  return kind !== 'cases'
}

/** The place of a part in its list, or the problem that there is none. */
export function requirePart(document: ProtocolDocument, kind: EditableKind, name: string): number {
  const index = namesOf(document, kind).indexOf(name)
  if (index !== -1) return index
  throw new ProblemError('PART_NOT_FOUND', describeMissing(document, kind, name), {
    nearest: findNearest(name, namesOf(document, kind)),
  })
}

function namesOf(document: ProtocolDocument, kind: EditableKind): string[] {
  return partsOf(document, kind).map((part) => nameOf(kind, part))
}

function describeMissing(document: ProtocolDocument, kind: EditableKind, name: string): string {
  const nearest = findNearest(name, namesOf(document, kind))
  const hint = nearest.length > 0 ? `: did you mean ${listWords(nearest)}?` : ''
  return `the draft has no ${partKinds[kind].noun} \`${name}\`${hint}`
}

function requireFree(document: ProtocolDocument, kind: EditableKind, name: string): void {
  if (!namesOf(document, kind).includes(name)) return
  const { key, noun } = partKinds[kind]
  const detail = `the draft has a ${noun} \`${name}\` already: replace it, or choose another ${key}`
  throw new ProblemError('ALREADY_EXISTS', detail, { errors: [{ pointer: `/${key}`, detail }] })
}

function withParts(document: ProtocolDocument, kind: EditableKind, parts: readonly object[], index?: number): Edited {
  const at = index === undefined ? null : `/${kind}/${index}`
  try {
    return {
      document: judged({ ...document, [kind]: parts }, document),
      changed: [kind].filter(isInRows),
      at,
      renamed: null,
    }
  } catch (error) {
    throw placeInBody(error, at)
  }
}

/** The edited document, judged and completed as it would be if it had been sent as a whole. */
function judged(edited: object, before: ProtocolDocument): ProtocolDocument {
  // The exercises of a draft are the catalogue's, which the edit has not sent.
  const document = completeDocument(parseAsBody(documentBody, { ...edited, exercises: [] }))
  requireSendable(document, before)
  return { ...document, exercises: before.exercises }
}

/** Refuses an edit that makes the document longer than one that can be sent as a whole. */
export function requireSendable(document: ProtocolDocument, before: ProtocolDocument): void {
  const bytes = bytesOf(document)
  if (bytes <= mostBytes || bytes <= bytesOf(before)) return
  const detail = `would make the document ${bytes} bytes long, more than the ${mostBytes} that a document may have as JSON: shorten it, or split the protocol`
  throw new ProblemError('DOCUMENT_INVALID', `the edit ${detail}`, { errors: [{ pointer: '', detail }] })
}

function bytesOf(document: ProtocolDocument): number {
  return Buffer.byteLength(JSON.stringify({ ...document, exercises: [] }))
}

/** The body is what is at `at` in the document: a problem there is at a place of the body, and another in the draft. */
export function placeInBody(error: unknown, at: string | null): unknown {
  if (!(error instanceof ProblemError)) return error
  const errors = error.errors.map((place): ProblemLocation => {
    if (!('pointer' in place)) return place
    return isInBody(place.pointer, at)
      ? { ...place, pointer: place.pointer.slice(at?.length) }
      : { ...place, in: 'draft' }
  })
  if (error.code === 'VALIDATION_FAILED') return toInvalid(errors)
  return new ProblemError(error.code, error.message, { ...error.extensions, headers: error.headers, errors })
}

function isInBody(pointer: string, at: string | null): boolean {
  if (at === '') return /^(\/(title|description|procedures|accepted)(\/|$)|$)/.test(pointer)
  return at !== null && `${pointer}/`.startsWith(`${at}/`)
}
