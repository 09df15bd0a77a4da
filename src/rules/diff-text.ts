import { compareText } from './compile.ts'
import type { TextChange } from './diff-types.ts'
import { isNamed } from './match.ts'
import type { Exercise, ProtocolDocument } from './types.ts'

/** So many are told. */
const mostChanges = 2_000

type Json = unknown
type Members = Readonly<Record<string, Json>>

function isMembers(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The same value, whatever the order of its members. */
export function canonical(value: Json): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isMembers(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => compareText(a, b))) : part,
  )
}

/** What the items of a list are known by; null: by their places. */
function keyOf(items: readonly Json[]): string | null {
  const keys = ['code', 'id', 'finding', 'title'].filter((key) => {
    const names = items.map((item) => (isMembers(item) ? item[key] : undefined))
    return names.every((name) => typeof name === 'string') && new Set(names).size === names.length
  })
  return keys[0] ?? null
}

function memberOf(members: Members, key: string): Json {
  return Object.hasOwn(members, key) ? members[key] : undefined
}

function escapeName(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

interface Place {
  name: string
  before: string
  after: string
}

/**
 * Every member of the document that is another one, by JSON pointer. Items of a list are the same if they have the same
 * code; a condition, and a list whose items have no codes, is one value. An exercise that only one of them has, and that
 * one does not name, is the catalogue's doing and not told.
 */
export function diffText(before: ProtocolDocument, after: ProtocolDocument): { text: TextChange[]; isCut: boolean } {
  const text: TextChange[] = []
  let count = 0
  const push = (change: TextChange): void => {
    count += 1
    if (count <= mostChanges) text.push(change)
  }
  const found = exercisesFoundOnly(before, after)
  const compare = (was: Json, is: Json, place: Place): void => {
    if (canonical(was) === canonical(is)) return
    const ends = { before: { path: place.before, value: was ?? null }, after: { path: place.after, value: is ?? null } }
    if (was === undefined) push({ change: 'added', name: place.name, before: null, after: ends.after })
    else if (is === undefined) push({ change: 'removed', name: place.name, before: ends.before, after: null })
    else if (isMembers(was) && isMembers(is) && !isWhole(place.name)) compareMembers(was, is, place)
    else if (Array.isArray(was) && Array.isArray(is)) compareLists(was, is, place)
    else push({ change: 'changed', name: place.name, ...ends })
  }
  const compareMembers = (was: Members, is: Members, place: Place): void => {
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      compare(memberOf(was, key), memberOf(is, key), {
        name: place.name === '' ? key : `${place.name}/${escapeName(key)}`,
        before: `${place.before}/${escapeName(key)}`,
        after: `${place.after}/${escapeName(key)}`,
      })
    }
  }
  const compareLists = (was: readonly Json[], is: readonly Json[], place: Place): void => {
    const [ofWas, ofIs] = [keyOf(was), keyOf(is)]
    // An empty list has items of any kind.
    const named = was.length === 0 ? ofIs : is.length === 0 || ofWas === ofIs ? ofWas : null
    if (named === null) {
      const [ofBefore, ofAfter] = [
        { path: place.before, value: was },
        { path: place.after, value: is },
      ]
      push({ change: 'changed', name: place.name, before: ofBefore, after: ofAfter })
      return
    }
    const nameOf = (item: Json): string => String(isMembers(item) ? item[named] : '')
    const places = (items: readonly Json[]) => new Map(items.map((item, index) => [nameOf(item), index]))
    const [wasAt, isAt] = [places(was), places(is)]
    for (const name of new Set([...wasAt.keys(), ...isAt.keys()])) {
      const [from, to] = [wasAt.get(name), isAt.get(name)]
      if (place.name === 'exercises' && found.has(name)) continue
      compare(from === undefined ? undefined : was[from], to === undefined ? undefined : is[to], {
        name: `${place.name}/${escapeName(name)}`,
        before: `${place.before}/${from ?? ''}`,
        after: `${place.after}/${to ?? ''}`,
      })
    }
    const order = (names: Iterable<string>, among: ReadonlyMap<string, number>): string[] =>
      [...names].filter((name) => among.has(name))
    const [wasOrder, isOrder] = [order(wasAt.keys(), isAt), order(isAt.keys(), wasAt)]
    if (wasOrder.some((name, index) => name !== isOrder[index])) {
      push({
        change: 'reordered',
        name: place.name,
        before: { path: place.before, value: [...wasAt.keys()] },
        after: { path: place.after, value: [...isAt.keys()] },
      })
    }
  }
  compareMembers(before as unknown as Members, after as unknown as Members, { name: '', before: '', after: '' })
  return { text, isCut: count > mostChanges }
}

/** Exercises of one of the two that no rule there names: an attribute has found them in the catalogue. */
function exercisesFoundOnly(before: ProtocolDocument, after: ProtocolDocument): ReadonlySet<string> {
  const ofOne = (document: ProtocolDocument, other: ProtocolDocument): Exercise[] => {
    const shared = new Set(other.exercises.map(({ code }) => code))
    return document.exercises.filter((exercise) => !shared.has(exercise.code) && !isNamed(document, exercise))
  }
  return new Set([...ofOne(before, after), ...ofOne(after, before)].map(({ code }) => code))
}

/** A condition is read as a whole. */
function isWhole(name: string): boolean {
  return /\/(when|entry)$/.test(name)
}
