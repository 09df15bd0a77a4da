import { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import { findNearest, listWords } from '../../http/nearest.ts'
import { ProblemError, type ProblemLocation } from '../../http/problems.ts'
import { slug } from '../../http/schemas.ts'
import { keysOf } from '../../http/source-places.ts'
import { parseAsBody, toInvalid, validateBody } from '../../http/validation.ts'
import type { Exercise, ProtocolDocument } from '../../rules/index.ts'
import type { Library, LibraryProtocol } from '../clinics/library.ts'
import { lockExercise, readAllExercises, updateExercise } from '../exercises/repository.ts'
import { readMergedFrom } from '../protocol-events/repository.ts'
import { type Authorship, changeDraft, exercisesOf, lostRace, startDraft } from '../protocols/authoring.ts'
import { type ExerciseChange, exercisesThatDiffer } from '../protocols/changes.ts'
import { completeDocument, documentBody } from '../protocols/document-schema.ts'
import { requireSendable } from '../protocols/draft-edits.ts'
import { type Merge, type MergeConflict, membersOf, mergeDocuments, type Resolution } from '../protocols/merge.ts'
import { type ProtocolSummary, readVersion, type StoredVersion } from '../protocols/repository.ts'
import { bringVocabulary } from './adopt.ts'
import { readBase, requireFollowed } from './following.ts'
import { keepLibraryDocument } from './repository.ts'
import type * as schemas from './schemas.ts'
import { speakConflict } from './sentences.ts'

export interface LibraryMerge {
  entry: LibraryProtocol
  base: { hash: string | null; isKnown: boolean }
  /** What the library has now was merged or adopted, and is not to be merged once more: there is nothing to do. */
  isUpToDate: boolean
  /** Whether what the library has now was merged before. */
  wasMerged: boolean
  /** What the library's document is merged into: the draft or, without one, the version that it is started from. */
  source: StoredVersion
  merge: Merge
  /** A version as it was published; a draft with the exercises of today's catalogue. */
  before: ProtocolDocument
  /** With those of the catalogue as the merge leaves it. */
  after: ProtocolDocument
  /** What the merge changes in the catalogue. */
  exercisesChanged: ExerciseChange[]
  /** What was changed in the catalogue since the version that a draft is started from, and so comes into the draft. */
  exercisesChangedSince: ExerciseChange[]
}

/** Merges what the library has now into the draft or version, once more with `again`, and stores nothing. */
export async function mergeWithLibrary(
  tx: Transaction,
  clinicId: string,
  library: Library,
  protocol: ProtocolSummary,
  source: StoredVersion,
  { resolutions, again }: { resolutions: readonly Resolution[]; again: boolean },
): Promise<LibraryMerge> {
  const entry = requireFollowed(library, protocol)
  const mergedFrom = await readMergedFrom(tx, clinicId, protocol.id, entry.hash)
  const wasMerged = mergedFrom !== undefined
  const isNewest = source.libraryHash === entry.hash
  // What was merged can have been taken back since: then both start from where they did.
  const baseHash = isNewest && again && wasMerged ? mergedFrom : source.libraryHash
  const found = await readBase(tx, clinicId, protocol, baseHash, library)
  const catalogue = await readAllExercises(tx, clinicId)
  // Only what the library has changed since can be merged: nothing, if it is what was merged last.
  const isUpToDate = baseHash === entry.hash
  const base = isUpToDate ? entry.document : found
  const brought = new Set([...(base?.exercises ?? []), ...entry.document.exercises].map(({ code }) => code))
  const ours = { ...source.document, exercises: catalogue.filter(({ code }) => brought.has(code)) }
  requireShaped(resolutions, [ours, entry.document, ...(base === null ? [] : [base])])
  const merge = mergeDocuments({ base, ours, theirs: entry.document, resolutions, sharedExercises: true })
  const merged = new Map(merge.document.exercises.map((exercise) => [exercise.code, exercise]))
  const after = [...catalogue.filter(({ code }) => !merged.has(code)), ...merged.values()]
  const current = exercisesOf(source.document, catalogue)
  const isPublished = source.number !== null
  return {
    entry,
    base: { hash: baseHash, isKnown: base !== null },
    isUpToDate,
    wasMerged,
    source,
    merge,
    before: isPublished ? source.document : { ...source.document, exercises: current },
    after: { ...merge.document, exercises: exercisesOf(merge.document, after) },
    exercisesChanged: exercisesThatDiffer(ours.exercises, merge.document.exercises),
    exercisesChangedSince: isPublished && !isUpToDate ? exercisesThatDiffer(source.document.exercises, current) : [],
  }
}

/** Stores the merge in the draft, which it starts if there is none, with what it changes in the catalogue. */
export async function storeMerge(
  tx: Transaction,
  author: Authorship,
  library: Library,
  protocol: ProtocolSummary,
  { entry, source, merge, base }: LibraryMerge,
): Promise<StoredVersion> {
  const { clinicId } = author
  const document = judge(merge.document)
  requireSendable(document, source.document)
  await keepLibraryDocument(tx, { clinicId, keptAt: author.now, entry })
  await bringVocabulary(tx, author, library, {
    ...document,
    exercises: [...document.exercises, ...entry.document.exercises],
  })
  await changeCatalogue(tx, clinicId, document.exercises)
  const read = () => readVersion(tx, clinicId, protocol.id, 'draft')
  if (source.number !== null) {
    await startDraft(tx, author, protocol, { ...source.document, exercises: [] }, source)
  }
  // The draft as it was when it was merged: whoever has changed it since must not be overwritten.
  const draft = source.number === null ? source : await read()
  if (draft === null) throw lostRace()
  const merged = { from: base.hash, library: entry.hash }
  await changeDraft(tx, author, protocol, draft, document, { merged })
  const stored = await read()
  if (stored === null) throw lostRace()
  return stored
}

/** The merged document as it is judged if it is sent as a whole. */
function judge(document: ProtocolDocument): ProtocolDocument {
  try {
    return completeDocument(parseAsBody(documentBody, document))
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    throw new ProblemError('DOCUMENT_INVALID', `as the merge would leave the draft, ${error.message}`, {
      errors: error.errors,
    })
  }
}

/** Changes those exercises of the catalogue that were decided to be otherwise. */
async function changeCatalogue(tx: Transaction, clinicId: string, exercises: readonly Exercise[]): Promise<void> {
  const known = new Map((await readAllExercises(tx, clinicId)).map((exercise) => [exercise.code, exercise]))
  const changed = exercises.filter((exercise) => {
    const current = known.get(exercise.code)
    return current !== undefined && exercisesThatDiffer([current], [exercise]).length > 0
  })
  // In one order, so that two merges do not wait for each other.
  for (const exercise of changed.sort((a, b) => (a.code < b.code ? -1 : 1))) {
    const current = await lockExercise(tx, clinicId, exercise.code)
    if (current === null) continue
    const { code: _, position, instructions, target, equipment, groups, ...rest } = exercise
    await updateExercise(tx, clinicId, current, {
      ...rest,
      position: position ?? null,
      instructions: instructions ?? null,
      target: target ?? null,
      equipment: equipment === undefined ? null : [...equipment],
      groups: groups === undefined ? null : [...groups],
    })
  }
}

/** Refuses values that cannot be what they are to be in the place of, all at once. */
function requireShaped(resolutions: readonly Resolution[], sides: readonly ProtocolDocument[]): void {
  const errors = resolutions.flatMap((resolution, index): ProblemLocation[] => {
    if (!('value' in resolution) || resolution.value === null) return []
    const { value, path } = resolution
    const [list = '', name, member, ...inner] = keysOf(path)
    const place = `/resolutions/${index}/value`
    if (!Object.hasOwn(documentBody.shape, list)) return []
    const schema: z.ZodType = documentBody.shape[list as keyof typeof documentBody.shape]
    if (name === undefined) {
      const { faults } = validateBody(list === 'phases' ? z.array(slug).max(50) : schema, value)
      return (faults ?? []).map(({ pointer, detail }) => ({ pointer: `${place}${pointer}`, detail }))
    }
    const part = sides
      .flatMap((side) => partsNamed(side, list))
      .find((one) => [one.code, one.id, one.finding].includes(name))
    if (part === undefined) return []
    const key = 'code' in part ? 'code' : 'id' in part ? 'id' : 'finding'
    const group = member === undefined ? null : membersOf(list, member)
    const isWhole = member === undefined || group !== null
    if (isWhole && (typeof value !== 'object' || Array.isArray(value))) {
      return [{ pointer: place, detail: 'must be an object' }]
    }
    const rest = Object.fromEntries(Object.entries(part).filter(([one]) => !(group ?? []).includes(one)))
    const inside = inner.length === 0 ? value : { ...(part[member ?? ''] as object), [inner.join('/')]: value }
    const candidate =
      member === undefined
        ? { ...value, [key]: name }
        : group === null
          ? { ...part, [member]: inside }
          : { ...rest, ...value }
    const at = isWhole ? '' : `/${[member, ...inner].join('/')}`
    return (validateBody(schema, [candidate]).faults ?? []).map(({ pointer, detail }) => {
      const own = pointer.replace(/^\/0/, '')
      return { pointer: own.startsWith(at) ? `${place}${own.slice(at.length)}` : place, detail }
    })
  })
  if (errors.length > 0) throw toInvalid(errors)
}

function partsNamed(document: ProtocolDocument, list: string): Record<string, unknown>[] {
  const parts: unknown = Reflect.get(document, list)
  return Array.isArray(parts) ? parts.filter((part) => typeof part === 'object') : []
}

/** Refuses resolutions that decide nothing, all at once. */
export function requireFitting(
  { merge: { misfits, conflicts } }: LibraryMerge,
  resolutions: readonly Resolution[],
): void {
  if (misfits.length === 0) return
  const paths = conflicts.map(({ path }) => path)
  const errors = misfits.map(({ index, fault }): ProblemLocation => {
    const path = resolutions[index]?.path ?? ''
    const nearest = findNearest(path, paths)
    const hint = nearest.length > 0 ? `: did you mean ${listWords(nearest)}?` : ''
    const faults = {
      'no-conflict': ['path', `names no conflict of this merge${hint}`],
      twice: ['path', 'is decided already: decide each conflict once'],
      'base-unknown': ['take', 'must be `ours` or `theirs`: it is not known what both started from'],
      'not-these-members': ['value', `must ${speakShape(conflicts.find((one) => one.path === path))}`],
    } as const
    const [member, detail] = faults[fault]
    return { pointer: `/resolutions/${index}/${member}`, detail }
  })
  const isUnknown = misfits.some(({ fault }) => fault === 'no-conflict')
  const what = errors.length === 1 ? 'one resolution does' : `${errors.length} resolutions do`
  throw new ProblemError(
    isUnknown ? 'UNKNOWN_REFERENCE' : 'NOT_PLAUSIBLE',
    `${what} not fit the conflicts of this merge`,
    {
      errors,
      conflicts: toConflicts({ conflicts, open: new Set(paths) }),
    },
  )
}

/** What a value must be in the place of that conflict's. */
function speakShape(conflict: MergeConflict | undefined): string {
  if (conflict?.members) return `be an object with some of ${listWords(conflict.members, 'and')}`
  const phases = Array.isArray(conflict?.ours) ? conflict.ours.map(String) : []
  return `name each of ${listWords(phases, 'and')} once`
}

/** Refuses to store what is not decided: every conflict is listed. */
export function requireDecided({ merge }: LibraryMerge): void {
  const open = merge.conflicts.filter(({ path }) => merge.open.has(path))
  if (open.length === 0) return
  const detail = `${open.length === 1 ? 'one conflict is' : `${open.length} conflicts are`} not decided: send \`resolutions\` for ${open.length === 1 ? 'it' : 'them'}`
  throw new ProblemError('MERGE_CONFLICT', detail, {
    errors: open.map((conflict) => ({
      pointer: '/resolutions',
      detail: `must decide \`${conflict.path}\`: ${speakConflict(conflict)}`,
    })),
    conflicts: toConflicts(merge),
  })
}

/** Conflicts on the wire. */
export function toConflicts({
  conflicts,
  open,
}: Pick<Merge, 'conflicts' | 'open'>): z.output<typeof schemas.mergeConflicts> {
  return conflicts.map((conflict: MergeConflict) => {
    const { path, reason, base, ours, theirs, members } = conflict
    return {
      path,
      reason,
      base,
      ours,
      theirs,
      members: members === null ? null : [...members],
      isOpen: open.has(path),
      text: speakConflict(conflict),
    }
  })
}
