import { findFlaws, isNamed, type ProtocolDocument, type ReferenceKind } from '../../rules/index.ts'
import { toCanonicalJson, toFormatted } from './canonical.ts'
import { mergeOrder } from './merge-order.ts'

// The three-way merge of documents. What one side has changed is taken; what both have changed, each in its own way, is a
// conflict that somebody decides. Parts are known by their codes: a part that got another code was removed and added, and
// where the other side has not left it as it was, that is a conflict, too.

/** Why the merge does not decide it. */
export type ConflictReason =
  | 'both-changed'
  | 'both-added'
  /** Changed on one side and removed on the other. */
  | 'changed-and-removed'
  /** Phases were moved or put in on both sides, so that it is not clear which comes first. */
  | 'order'
  /** Removed on one side, and what the other side has still names it. */
  | 'still-named'
  /** Got another code on one side, and was removed or changed on the other: with both it would be there twice, or again. */
  | 'renamed'
  /** A fact got another unit or type on one side, and the other has come to compare it with something else. */
  | 'reads-otherwise'
  /** Both differ, and what they started from is not known. */
  | 'base-unknown'
  /** Changed in the library, and in the clinic's catalogue all its protocols share it. */
  | 'shared-exercise'

export interface MergeConflict {
  /** `/limits/lifting/text`: list, code and member; members that only say something together have one name. */
  path: string
  reason: ConflictReason
  /** What each has there; null: nothing. */
  base: unknown
  ours: unknown
  theirs: unknown
  /** The members that are decided together; null: it is a single one, or a whole part. */
  members: readonly string[] | null
  /** Of `still-named`: JSON pointers into the merged document. */
  uses: readonly string[]
  /** Of a part that one side has under another code, and otherwise as it was. */
  renamed: Renamed | null
}

interface Renamed {
  /** The former one or, of the former one, that which it has now. */
  code: string
  /** What the other side has done with it; null: it is told by the conflict itself. */
  elsewhere: 'removed' | 'changed' | 'renamed' | null
}

/** What somebody has decided: one of the three, or another value (null: nothing is to be there). */
export type Resolution = { path: string } & ({ take: 'base' | 'ours' | 'theirs' } | { value: unknown })

export interface Misfit {
  /** Of the resolution. */
  index: number
  fault: 'no-conflict' | 'twice' | 'base-unknown' | 'not-these-members'
}

export interface Merge {
  /** With what ours has wherever nothing is decided yet. */
  document: ProtocolDocument
  /** In the order of the document but for its exercises, which come last; those that are decided too. */
  conflicts: readonly MergeConflict[]
  /** Paths of those that nobody has decided yet. */
  open: ReadonlySet<string>
  /** Resolutions that decide nothing. */
  misfits: readonly Misfit[]
}

export interface MergeQuestion {
  /** What both started from; null: not known, and then whatever differs is a conflict. */
  base: ProtocolDocument | null
  ours: ProtocolDocument
  theirs: ProtocolDocument
  resolutions?: readonly Resolution[]
  /** The exercises of ours are a catalogue that is shared: what theirs changes in one is not taken without a word. */
  sharedExercises?: boolean
}

type Members = Readonly<Record<string, unknown>>

/** What the parts of a list are named by. */
const lists = {
  sources: 'id',
  milestones: 'code',
  facts: 'code',
  phases: 'code',
  prescriptions: 'code',
  contraindications: 'code',
  instructions: 'code',
  limits: 'code',
  redFlags: 'code',
  accepted: 'finding',
  cases: 'code',
  exercises: 'code',
} as const satisfies Partial<Record<keyof ProtocolDocument, string>>

type ListName = keyof typeof lists

/**
 * Members that only say something together: half of one side's and half of the other's would be neither's. A limit of
 * 10 lb that becomes 5 lb here and 4 kg there is not one of 5 kg.
 */
const together: Partial<Record<ListName, Readonly<Record<string, readonly string[]>>>> = {
  facts: { answers: ['type', 'unit', 'min', 'max', 'values', 'operation', 'fixed'] },
  prescriptions: { grants: ['exercise', 'group'], span: ['from', 'through'] },
  contraindications: { matches: ['target', 'except'] },
  limits: { number: ['kind', 'quantity', 'max', 'min', 'value', 'unit'] },
  cases: { situation: ['procedures', 'levels', 'side', 'record', 'on', 'expect'] },
}

/** The members that are decided together under that name; null: it is a single one. */
export function membersOf(list: string, name: string): readonly string[] | null {
  const groups = Object.hasOwn(together, list) ? together[list as ListName] : undefined
  return groups !== undefined && Object.hasOwn(groups, name) ? (groups[name] ?? null) : null
}

/** Lists of names in which the order says nothing: what one side adds or removes is added or removed. */
const sets: readonly string[] = ['procedures', 'sources', 'goals', 'groups', 'equipment']

const namedKinds: Partial<Record<ReferenceKind, ListName>> = {
  phase: 'phases',
  milestone: 'milestones',
  fact: 'facts',
  source: 'sources',
  contraindication: 'contraindications',
  'red flag': 'redFlags',
}

/** Merges what theirs has changed since the base into ours. */
export function mergeDocuments({
  base,
  ours,
  theirs,
  resolutions = [],
  sharedExercises = false,
}: MergeQuestion): Merge {
  const documents = {
    base: base === null ? null : asMembers(toFormatted(base)),
    ours: asMembers(toFormatted(ours)),
    theirs: asMembers(toFormatted(theirs)),
  }
  const stillNamed = new Map<string, readonly string[]>()
  // What a side names without having it is that side's own mistake.
  const alreadyMissing = new Set([ours, theirs].flatMap((document) => [...findMissing(document).keys()]))
  for (;;) {
    const work = new Work(documents, resolutions, sharedExercises, stillNamed)
    const document = work.mergeAll()
    const found = [...findMissing(document)].filter(([path]) => work.hasRemoved(path) && !alreadyMissing.has(path))
    const added = found.filter(([path]) => !stillNamed.has(path))
    if (added.length === 0) return work.result(document)
    for (const [path, uses] of added) stillNamed.set(path, uses)
  }
}

interface Sides<T> {
  base: T
  ours: T
  theirs: T
}

const nothing = undefined

/** Of the parts of a list, by side, what those that only have another code were called. */
type Renames = Record<'ours' | 'theirs', ReadonlyMap<string, string>>

const noRenames: Renames = { ours: new Map(), theirs: new Map() }

class Work {
  readonly #conflicts: MergeConflict[] = []
  readonly #decided = new Set<string>()
  readonly #misfits: Misfit[] = []
  readonly #removed = new Set<string>()
  readonly #documents: { base: Members | null; ours: Members; theirs: Members }
  readonly #resolutions: readonly Resolution[]
  readonly #isShared: boolean
  readonly #stillNamed: ReadonlyMap<string, readonly string[]>

  constructor(
    documents: { base: Members | null; ours: Members; theirs: Members },
    resolutions: readonly Resolution[],
    isShared: boolean,
    stillNamed: ReadonlyMap<string, readonly string[]>,
  ) {
    this.#documents = documents
    this.#resolutions = resolutions
    this.#isShared = isShared
    this.#stillNamed = stillNamed
  }

  get #isBaseKnown(): boolean {
    return this.#documents.base !== null
  }

  mergeAll(): ProtocolDocument {
    const { base, ours, theirs } = this.#documents
    const merged: Record<string, unknown> = {}
    for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      if (Object.hasOwn(lists, name)) continue
      const sides = { base: base?.[name], ours: ours[name], theirs: theirs[name] }
      merged[name] = this.#mergeValue(`/${name}`, name, sides)
    }
    // The exercises last: which of them are needed depends on the rest.
    for (const list of Object.keys(lists) as ListName[]) merged[list] = this.#mergeList(list, merged)
    return toFormatted(present(merged) as unknown as ProtocolDocument)
  }

  /** Whether one side has removed that part and nobody has changed it. */
  hasRemoved(path: string): boolean {
    return this.#removed.has(path)
  }

  result(document: ProtocolDocument): Merge {
    const paths = new Set(this.#conflicts.map(({ path }) => path))
    const seen = new Set<string>()
    this.#resolutions.forEach(({ path }, index) => {
      if (!paths.has(path)) this.#misfits.push({ index, fault: 'no-conflict' })
      else if (seen.has(path)) this.#misfits.push({ index, fault: 'twice' })
      seen.add(path)
    })
    return {
      document,
      conflicts: this.#conflicts,
      open: new Set([...paths].filter((path) => !this.#decided.has(path))),
      misfits: this.#misfits.toSorted((a, b) => a.index - b.index),
    }
  }

  #mergeList(list: ListName, rest: Readonly<Record<string, unknown>>): unknown[] {
    const { base, ours, theirs } = this.#documents
    const parts = {
      base: base === null ? null : partsIn(base, list),
      ours: partsIn(ours, list),
      theirs: partsIn(theirs, list),
    }
    const renames =
      parts.base === null
        ? noRenames
        : { ours: renamesIn(list, parts.base, parts.ours), theirs: renamesIn(list, parts.base, parts.theirs) }
    const names = new Set([...parts.ours.keys(), ...parts.theirs.keys(), ...(parts.base?.keys() ?? [])])
    const merged = new Map<string, unknown>()
    for (const name of names) {
      const sides = { base: parts.base?.get(name), ours: parts.ours.get(name), theirs: parts.theirs.get(name) }
      const part =
        list === 'exercises' && this.#isShared
          ? this.#mergeShared(name, sides, rest)
          : this.#mergePart(list, name, sides, parts, renames)
      if (part !== nothing) merged.set(name, part)
    }
    const order = this.#order(
      list,
      { base: parts.base?.keys(), ours: parts.ours.keys(), theirs: parts.theirs.keys() },
      [...merged.keys()],
    )
    return order.map((name) => merged.get(name))
  }

  #order(
    list: ListName,
    names: { base: Iterable<string> | undefined; ours: Iterable<string>; theirs: Iterable<string> },
    kept: readonly string[],
  ): readonly string[] {
    const base = names.base === undefined ? null : [...names.base]
    const { ours, theirs, clear } = mergeOrder(base, [...names.ours], [...names.theirs], new Set(kept))
    if (clear !== null) return clear
    if (list !== 'phases') return ours
    const before = base?.filter((name) => kept.includes(name))
    const chosen = this.#conflict('/phases', 'order', { base: before, ours, theirs })
    // A list of other names is not one of this merge; the one that is left is judged with the document.
    const isOrder = Array.isArray(chosen) && chosen.toSorted().join(' ') === kept.toSorted().join(' ')
    if (isOrder) return chosen
    this.#misfit('/phases', 'not-these-members')
    return ours
  }

  #mergePart(list: ListName, name: string, sides: Sides<Members | undefined>, parts: Parts, renames: Renames): unknown {
    const { base, ours, theirs } = sides
    const path = pathOf(list, name)
    if (isSame(ours, theirs)) return ours
    if (ours !== nothing && theirs !== nothing) {
      if (base === nothing && this.#isBaseKnown) return this.#conflictOfPart(list, name, 'both-added', sides)
      return this.#mergeMembers(list, path, { base: base ?? {}, ours, theirs })
    }
    if (!this.#isBaseKnown) return this.#conflictOfPart(list, name, 'base-unknown', sides)
    if (base === nothing) {
      const renamed = renamedFrom(name, ours === nothing ? 'theirs' : 'ours', parts, renames)
      return renamed === null ? (ours ?? theirs) : this.#conflictOfPart(list, name, 'renamed', sides, renamed)
    }
    const code = [...renames[ours === nothing ? 'ours' : 'theirs']].find(([, former]) => former === name)?.[0]
    const renamed = code === undefined ? null : { code, elsewhere: null }
    if (!isSame(base, ours ?? theirs)) return this.#conflictOfPart(list, name, 'changed-and-removed', sides, renamed)
    this.#removed.add(path)
    return this.#stillNamed.has(path) ? this.#conflictOfPart(list, name, 'still-named', sides, renamed) : nothing
  }

  /** An exercise of the clinic's catalogue: it stays as it is, unless somebody decides to change it. */
  #mergeShared(name: string, sides: Sides<Members | undefined>, rest: Readonly<Record<string, unknown>>): unknown {
    const { base, ours, theirs } = sides
    if (theirs === nothing || isSame(ours, theirs)) return ours
    if (ours === nothing) {
      const document = { exercises: [], ...rest } as unknown as ProtocolDocument
      const isNeeded = base === nothing || isNamed(document, theirs as never)
      return isNeeded ? theirs : nothing
    }
    if (base === nothing && this.#isBaseKnown) return this.#conflictOfPart('exercises', name, 'both-added', sides)
    return this.#mergeMembers('exercises', pathOf('exercises', name), { base: base ?? {}, ours, theirs })
  }

  #mergeMembers(list: ListName, path: string, { base, ours, theirs }: Sides<Members>): Members {
    const groups = together[list] ?? {}
    const grouped = new Set(Object.values(groups).flat())
    const merged: Record<string, unknown> = {}
    for (const [group, members] of Object.entries(groups)) {
      const [before, own, other] = [base, ours, theirs].map((part) => pick(part, members))
      const sides = { base: before, ours: own, theirs: other }
      const chosen =
        list === 'facts' && this.#readsOtherwise(String(ours.code), { base, ours, theirs })
          ? this.#conflict(`${path}/${group}`, 'reads-otherwise', sides, { members })
          : this.#mergeValue(`${path}/${group}`, group, sides, members)
      Object.assign(merged, chosen)
    }
    for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      if (grouped.has(name)) continue
      const sides = { base: base[name], ours: ours[name], theirs: theirs[name] }
      merged[name] =
        name === 'attributes'
          ? this.#mergeGrades(`${path}/${name}`, sides as Sides<Members | undefined>)
          : this.#mergeValue(`${path}/${name}`, name, sides)
    }
    return present(merged)
  }

  /** Whether one side has changed what the numbers of a fact say, and the other what they are compared with. */
  #readsOtherwise(fact: string, { base, ours, theirs }: Sides<Members>): boolean {
    const documents = this.#documents
    if (documents.base === null) return false
    const before = new Set(testsOf(documents.base, fact))
    const isChanged = (side: Members): boolean => !isSame(pick(base, meaning), pick(side, meaning))
    const asksOtherwise = (side: Members): boolean => testsOf(side, fact).some((test) => !before.has(test))
    if (isChanged(ours) === isChanged(theirs)) return false
    return asksOtherwise(isChanged(ours) ? documents.theirs : documents.ours)
  }

  #mergeGrades(path: string, { base = {}, ours = {}, theirs = {} }: Partial<Sides<Members | undefined>>): Members {
    const names = new Set([...Object.keys(ours), ...Object.keys(theirs)])
    const graded = [...names].map((name) => {
      const sides = { base: base[name], ours: ours[name], theirs: theirs[name] }
      return [name, this.#mergeValue(`${path}/${name}`, name, sides)] as const
    })
    return present(Object.fromEntries(graded))
  }

  #mergeValue(path: string, name: string, sides: Sides<unknown>, members: readonly string[] | null = null): unknown {
    const { base, ours, theirs } = sides
    if (isSame(ours, theirs)) return ours
    if (!this.#isBaseKnown) return this.#conflict(path, 'base-unknown', sides, { members })
    if (isSame(base, theirs)) return ours
    const isShared = this.#isShared && path.startsWith('/exercises/')
    if (isSame(base, ours)) return isShared ? this.#conflict(path, 'shared-exercise', sides, { members }) : theirs
    if (!isShared && sets.includes(name) && [base, ours, theirs].every(isListOrNothing))
      return mergeSets(sides as Sides<string[]>)
    const isRemoved = ours === nothing || theirs === nothing
    return this.#conflict(path, isRemoved ? 'changed-and-removed' : 'both-changed', sides, { members })
  }

  #conflictOfPart(
    list: ListName,
    name: string,
    reason: ConflictReason,
    sides: Sides<Members | undefined>,
    renamed: Renamed | null = null,
  ): unknown {
    const path = pathOf(list, name)
    const chosen = this.#conflict(path, reason, sides, { renamed })
    // It is the part of this name, whatever is put in its place.
    return isMembers(chosen) ? { ...chosen, [lists[list]]: name } : chosen
  }

  /** Notes the conflict; returns what was decided or, until then, what ours has. */
  #conflict(
    path: string,
    reason: ConflictReason,
    { base, ours, theirs }: Sides<unknown>,
    { members = null, renamed = null }: Partial<Pick<MergeConflict, 'members' | 'renamed'>> = {},
  ): unknown {
    const uses = this.#stillNamed.get(path) ?? []
    this.#conflicts.push({
      path,
      reason,
      base: base ?? null,
      ours: ours ?? null,
      theirs: theirs ?? null,
      members,
      uses,
      renamed,
    })
    // What is still named stays until somebody decides that it goes.
    const undecided = reason === 'still-named' ? base : ours
    const resolution = this.#resolutions.find((one) => one.path === path)
    if (resolution === undefined) return undecided
    this.#decided.add(path)
    if ('take' in resolution) {
      if (resolution.take !== 'base') return resolution.take === 'ours' ? ours : theirs
      if (this.#isBaseKnown) return base
      this.#misfit(path, 'base-unknown')
      return undecided
    }
    const value = resolution.value ?? nothing
    if (members === null) return value
    if (isMembers(value) && Object.keys(value).every((name) => members.includes(name))) return value
    this.#misfit(path, 'not-these-members')
    return undecided
  }

  #misfit(path: string, fault: Misfit['fault']): void {
    const index = this.#resolutions.findIndex((one) => one.path === path)
    if (index !== -1) this.#misfits.push({ index, fault })
  }
}

/** The parts that a document names and does not have, with where it does. */
function findMissing(document: ProtocolDocument): Map<string, string[]> {
  const none = new Set<string>()
  const flaws = findFlaws(document, { procedures: none, exercises: none, groups: none, attributes: none })
  const found = new Map<string, string[]>()
  for (const flaw of flaws) {
    const list = flaw.code === 'unknown-reference' ? namedKinds[flaw.kind] : undefined
    if (flaw.code !== 'unknown-reference' || list === undefined) continue
    const path = pathOf(list, flaw.name)
    found.set(path, [...(found.get(path) ?? []), flaw.path])
  }
  return found
}

interface Parts {
  base: ReadonlyMap<string, Members> | null
  ours: ReadonlyMap<string, Members>
  theirs: ReadonlyMap<string, Members>
}

/** What the parts that a side has under another code, and otherwise as they were, were called. */
function renamesIn(
  list: ListName,
  base: ReadonlyMap<string, Members>,
  side: ReadonlyMap<string, Members>,
): Map<string, string> {
  const contentOf = (part: Members): string => toCanonicalJson({ ...part, [lists[list]]: null })
  const gone = new Map([...base].filter(([name]) => !side.has(name)).map(([name, part]) => [contentOf(part), name]))
  return new Map(
    [...side].flatMap(([name, part]) => {
      const former = base.has(name) ? undefined : gone.get(contentOf(part))
      return former === undefined ? [] : [[name, former]]
    }),
  )
}

/** What a part that only that side has was called, if the other has not left it as it was. */
function renamedFrom(name: string, side: 'ours' | 'theirs', parts: Parts, renames: Renames): Renamed | null {
  const code = renames[side].get(name)
  if (code === undefined) return null
  const other = side === 'ours' ? 'theirs' : 'ours'
  const part = parts[other].get(code)
  if (part !== undefined) return isSame(part, parts.base?.get(code)) ? null : { code, elsewhere: 'changed' }
  return { code, elsewhere: [...renames[other].values()].includes(code) ? 'renamed' : 'removed' }
}

/** Members of a fact without which a number that is compared with it says nothing. */
const meaning = ['type', 'unit']

/** Whatever the document compares with the fact, or says of it in its test cases. */
function testsOf(value: unknown, fact: string): string[] {
  if (typeof value !== 'object' || value === null) return []
  const own = isMembers(value) && value.fact === fact ? [toCanonicalJson(value)] : []
  return [...own, ...Object.values(value).flatMap((inner) => testsOf(inner, fact))]
}

function asMembers(document: ProtocolDocument): Members {
  return document as unknown as Members
}

function partsIn(document: Members, list: ListName): Map<string, Members> {
  const parts = (document[list] ?? []) as readonly Members[]
  const named = new Map(parts.map((part) => [String(part[lists[list]]), part]))
  if (named.size < parts.length)
    throw new Error(`two of \`${list}\` have one name, so that it is not clear which is which`)
  return named
}

function pathOf(list: ListName, name: string): string {
  return `/${list}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function pick(part: Members, names: readonly string[]): Members {
  return Object.fromEntries(names.flatMap((name) => (Object.hasOwn(part, name) ? [[name, part[name]]] : [])))
}

function present(members: Members): Members {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== nothing))
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (a !== nothing && b !== nothing && toCanonicalJson(a) === toCanonicalJson(b))
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOrNothing(value: unknown): boolean {
  return value === nothing || Array.isArray(value)
}

/** In the order of ours, with what theirs has added at the end. */
function mergeSets({ base = [], ours = [], theirs = [] }: Partial<Sides<readonly string[]>>): string[] {
  const stays = ours.filter((name) => theirs.includes(name) || !base.includes(name))
  const added = theirs.filter((name) => !ours.includes(name) && !base.includes(name))
  return [...stays, ...added]
}
