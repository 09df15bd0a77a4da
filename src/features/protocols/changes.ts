import { isDeepStrictEqual } from 'node:util'
import type { Exercise, ProtocolDocument } from '../../rules/index.ts'

/** What an edit did to one part of a document, or to one of the members at its head. */
export interface Change {
  /** The member of the document: `limits`, `title`, … */
  kind: string
  /** Names the part in its list; null for a member that is no list of parts, and for the order of a list. */
  code: string | null
  change: 'added' | 'removed' | 'changed' | 'reordered'
  /** What was there, and what is there now; left out where there is none. */
  before?: unknown
  after?: unknown
}

/** The protocol’s own, which an edit cannot change, and the catalogue’s. */
const notEdited = ['format', 'code', 'exercises']

/** What differs between two documents of one protocol, part by part. */
export function changesBetween(before: ProtocolDocument, after: ProtocolDocument): Change[] {
  const members = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...members]
    .filter((member) => !notEdited.includes(member))
    .flatMap((member) => changesOfMember(member, Reflect.get(before, member), Reflect.get(after, member)))
}

function changesOfMember(kind: string, before: unknown, after: unknown): Change[] {
  const [partsBefore, partsAfter] = [toParts(before), toParts(after)]
  if (partsBefore === null || partsAfter === null) {
    if (isDeepStrictEqual(before, after)) return []
    return [{ kind, code: null, change: 'changed', before: before ?? null, after: after ?? null }]
  }
  const changes: Change[] = []
  for (const [code, part] of partsBefore) {
    const now = partsAfter.get(code)
    if (now === undefined) changes.push({ kind, code, change: 'removed', before: part })
    else if (!isDeepStrictEqual(plain(part), plain(now)))
      changes.push({ kind, code, change: 'changed', before: part, after: now })
  }
  for (const [code, part] of partsAfter) {
    if (!partsBefore.has(code)) changes.push({ kind, code, change: 'added', after: part })
  }
  const [orderBefore, orderAfter] = [keptIn(partsBefore, partsAfter), keptIn(partsAfter, partsBefore)]
  if (!isDeepStrictEqual(orderBefore, orderAfter)) {
    changes.push({ kind, code: null, change: 'reordered', before: orderBefore, after: orderAfter })
  }
  return changes
}

/** The parts of a list by what names each; null if it is no list of parts. A member that is left out is an empty list. */
function toParts(value: unknown): Map<string, unknown> | null {
  if (value === undefined) return new Map()
  if (!Array.isArray(value)) return null
  const named = value.map((part: unknown): [unknown, unknown] => [nameOf(part), part])
  return named.every((entry): entry is [string, unknown] => typeof entry[0] === 'string') ? new Map(named) : null
}

/** A list that is empty and a mark that is false say what it says to leave them out. */
function plain(part: unknown): unknown {
  const says = (value: unknown) =>
    value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)
  return Object.fromEntries(Object.entries(part as object).filter(([, value]) => says(value)))
}

function nameOf(part: unknown): unknown {
  if (typeof part !== 'object' || part === null) return undefined
  return Reflect.get(part, 'code') ?? Reflect.get(part, 'id') ?? Reflect.get(part, 'finding')
}

function keptIn(parts: ReadonlyMap<string, unknown>, others: ReadonlyMap<string, unknown>): string[] {
  return [...parts.keys()].filter((code) => others.has(code))
}

/** What several edits, one after another, come to, by whomever: a part that is as it was has not changed. */
export function netChanges<C extends Change & { authors?: readonly string[] }>(edits: readonly C[]): C[] {
  const byPart = Map.groupBy(edits, ({ kind, code, change }) => `${kind}/${code ?? ''}/${change === 'reordered'}`)
  return [...byPart.values()].flatMap((steps): C[] => {
    const [first, last] = [steps[0], steps.at(-1)]
    if (first === undefined || last === undefined) return []
    const [existed, exists] = [first.change !== 'added', last.change !== 'removed']
    if (!existed && !exists) return []
    const { before: _, after: __, ...about } = last
    const authors = [...new Set(steps.flatMap((step) => step.authors ?? []))]
    const change = !existed ? 'added' : !exists ? 'removed' : last.change === 'added' ? 'changed' : last.change
    const net = {
      ...about,
      change,
      ...(about.authors !== undefined && { authors }),
      ...('before' in first && { before: first.before }),
      ...('after' in last && { after: last.after }),
    } as C
    const isAsItWas = 'before' in net && 'after' in net && isDeepStrictEqual(net.before, net.after)
    return isAsItWas ? [] : [net]
  })
}

/** Changes to be kept or sent: no more than are read, and their values only if they take no more than so many characters. */
export function boundChanges<C extends Change>(
  changes: readonly C[],
  mostCharacters: number,
): { changes: C[]; moreChanges: number } {
  const kept = changes.slice(0, mostChanges)
  const isShort = JSON.stringify(kept).length <= mostCharacters
  return {
    changes: isShort ? kept : kept.map(({ before: _, after: __, ...change }) => change as C),
    moreChanges: changes.length - kept.length,
  }
}

const mostChanges = 100

/** How an exercise of the catalogue differs from what it was. */
export interface ExerciseChange {
  exercise: string
  /** `added` and `removed`: to or from those that the rules are about, by its groups or attributes. */
  change: 'added' | 'removed' | 'changed'
  fields: string[]
}

const exerciseFields = [
  'title',
  'kind',
  'position',
  'instructions',
  'target',
  'equipment',
  'groups',
  'attributes',
] as const

/** The fields in which two exercises differ; a list that is empty is one that is left out. */
export function fieldsThatDiffer(a: Exercise, b: Exercise): (keyof Exercise)[] {
  const given = (value: unknown): unknown => (Array.isArray(value) && value.length === 0 ? undefined : value)
  return exerciseFields.filter((field) => !isDeepStrictEqual(given(a[field]), given(b[field])))
}

/** What became of the exercises that a protocol is about, in the order of their codes. */
export function exercisesThatDiffer(before: readonly Exercise[], after: readonly Exercise[]): ExerciseChange[] {
  const was = new Map(before.map((exercise) => [exercise.code, exercise]))
  const is = new Map(after.map((exercise) => [exercise.code, exercise]))
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((exercise): ExerciseChange[] => {
    const [old, now] = [was.get(exercise), is.get(exercise)]
    if (old === undefined) return [{ exercise, change: 'added', fields: [] }]
    if (now === undefined) return [{ exercise, change: 'removed', fields: [] }]
    const fields = fieldsThatDiffer(old, now)
    return fields.length === 0 ? [] : [{ exercise, change: 'changed', fields }]
  })
}
