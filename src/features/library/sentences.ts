import { listWords } from '../../http/nearest.ts'
import { keysOf } from '../../http/source-places.ts'
import { toCanonicalJson } from '../protocols/canonical.ts'
import type { ExerciseChange } from '../protocols/changes.ts'
import { speakExercises } from '../protocols/draft-sentences.ts'
import type { MergeConflict } from '../protocols/merge.ts'
import { type EditableKind, partKinds } from '../protocols/part-kinds.ts'

const mostCharacters = 160

/** What is at a place, as a clinician can read it: words as they are, numbers and rules as the document writes them. */
function quoteValue(value: unknown): string {
  if (value === null) return 'nothing'
  const text = typeof value === 'string' ? `“${value}”` : JSON.stringify(value)
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters)}…`
}

function nounOf(list: string): string {
  if (list === 'exercises') return 'exercise'
  if (list === 'accepted') return 'accepted finding'
  return partKinds[list as EditableKind].noun
}

/** Those of the members that are decided together in which the three are not the same. */
function differingIn({ base, ours, theirs, members }: MergeConflict): string[] {
  const sides = (base === null ? [ours, theirs] : [base, ours, theirs]) as object[]
  const isSame = (name: string): boolean =>
    new Set(sides.map((side) => toCanonicalJson(Reflect.get(side, name) ?? null))).size === 1
  return (members ?? []).filter((name) => !isSame(name))
}

/** "`text` of the limit `lifting`". */
function speakPlace(conflict: MergeConflict): string {
  const { path, members } = conflict
  const [list = '', name, ...member] = keysOf(path)
  if (name === undefined) return `the protocol’s \`${list}\``
  const part = `the ${nounOf(list)} \`${name}\``
  if (member.length === 0) return part
  return `${members === null ? `\`${member.join('/')}\`` : listWords(differingIn(conflict), 'and')} of ${part}`
}

/** What a side has there; of members that are decided together only those that differ. */
function speakSide(conflict: MergeConflict, side: unknown): string {
  const names = differingIn(conflict)
  if (side === null || names.length === 0) return quoteValue(side)
  const values = names.map((name) => Reflect.get(side as object, name) ?? null)
  return names.length === 1 ? quoteValue(values[0]) : values.map(quoteValue).join(', ')
}

/** What the two sides are called. */
interface Sides {
  ours: string
  theirs: string
}

/** What each side has done there, and so what there is to decide. */
export function speakConflict(conflict: MergeConflict, sides?: Sides): string {
  const text = describe(conflict, sides ?? { ours: 'the clinic', theirs: 'the library' })
  const { path, reason, renamed } = conflict
  const isNamedInstead = sides === undefined && renamed !== null && reason !== 'renamed'
  const [list, name] = keysOf(path)
  const hint = isNamedInstead
    ? ` With \`{ "path": "/${list}/${name}", "value": "${renamed.code}" }\` whatever names \`${name}\` names \`${renamed.code}\` instead.`
    : ''
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${hint}`
}

function describe(conflict: MergeConflict, { ours: us, theirs: them }: Sides): string {
  const { reason, base, ours, theirs, uses, members, renamed } = conflict
  const place = speakPlace(conflict)
  const [was, own, other] = [base, ours, theirs].map((side) => speakSide(conflict, side))
  const isPart = members === null && keysOf(conflict.path).length === 2
  switch (reason) {
    case 'both-changed':
      return base === null
        ? `${us} has added ${place} as ${own}, and ${them} as ${other}.`
        : `${us} has changed ${place} from ${was} to ${own}, and ${them} to ${other}.`
    case 'both-added':
      return `${us} and ${them} have each added ${place}, and the two are not the same.`
    case 'changed-and-removed':
      if (isPart && renamed !== null) {
        const [who, others] = ours === null ? [us, them] : [them, us]
        return `${who} has given ${place} the code \`${renamed.code}\`, and ${others} has changed it.`
      }
      if (isPart) {
        return ours === null
          ? `${us} has removed ${place}, which ${them} has changed since.`
          : `${them} has removed ${place}, which ${us} has changed.`
      }
      return ours === null
        ? `${us} has removed ${place}, which ${them} has changed from ${was} to ${other}.`
        : `${them} has removed ${place}, which ${us} has changed from ${was} to ${own}.`
    case 'order':
      return `${us} and ${them} have each moved or added phases, so that their order is not clear: by ${us} it is ${listWords(ours as string[], 'and')}; by ${them} ${listWords(theirs as string[], 'and')}. A phase is reached only if all before it are.`
    case 'renamed': {
      const [who, others] = theirs === null ? [us, them] : [them, us]
      const former = `the ${nounOf(keysOf(conflict.path)[0] ?? '')} \`${renamed?.code}\``
      const elsewhere = renamed?.elsewhere === 'renamed' ? 'given it another one' : `${renamed?.elsewhere} it`
      return `${who} has given ${former} the code \`${keysOf(conflict.path)[1]}\`, and ${others} has ${elsewhere}: see whether it is to be there.`
    }
    case 'reads-otherwise': {
      const isOurs = toCanonicalJson(base) !== toCanonicalJson(ours)
      const [who, others, now] = isOurs ? [us, them, own] : [them, us, other]
      return `${who} has changed ${place} from ${was} to ${now}, and ${others} has changed what is compared with it: see that the numbers of both say the same.`
    }
    case 'still-named':
      if (renamed !== null) {
        const [who, others] = ours === null ? [us, them] : [them, us]
        return `${who} has given ${place} the code \`${renamed.code}\`, and what ${others} has still names \`${keysOf(conflict.path)[1]}\`, at ${listWords(uses, 'and')} of the merged document.`
      }
      return `${ours === null ? us : them} has removed ${place}, which is still named by what the other has, at ${listWords(uses, 'and')} of the merged document.`
    case 'base-unknown':
      if (isPart && (ours === null || theirs === null)) {
        return `only ${ours === null ? them : us} has ${place}, and it is not known what both started from: whether one side added it or the other removed it.`
      }
      return `${us} has ${place} as ${own}, and ${them} as ${other}; it is not known what both started from.`
    case 'shared-exercise':
      return `${them} has changed ${place} from ${was} to ${other}. The clinic’s catalogue has ${own}, for all its protocols: to take the library’s changes the catalogue.`
  }
}

export interface MergeCounts {
  isUpToDate: boolean
  /** Whether the clinic's says anything else than the library's. */
  isOther: boolean
  wasMerged: boolean
  /** Where it is told how they differ. */
  address: string
  isBaseKnown: boolean
  isDryRun: boolean
  conflicts: number
  open: number
  changes: number
  /** What was changed in the catalogue since the version that a draft is started from. */
  since: readonly ExerciseChange[]
  /** What it comes to for patients; null: not told. */
  meaning: string | null
}

function speakUpToDate({ isOther, wasMerged, address }: MergeCounts): string {
  if (!isOther) return 'It has all that the library has: there is nothing to merge.'
  const differs = `and the clinic’s differs from it: GET ${address} says how`
  return wasMerged
    ? `What the library has now was merged already, ${differs}. To merge it once more, send \`again: true\`.`
    : `What the library has now is what was adopted, ${differs}. There is nothing new to merge.`
}

/** What came of a merge, in a sentence or two. */
export function speakMerge(counts: MergeCounts): string {
  const { isUpToDate, isBaseKnown, isDryRun, conflicts, open, changes, since, meaning } = counts
  if (isUpToDate) return speakUpToDate(counts)
  const unknown = isBaseKnown
    ? ''
    : ' It is not known what both started from, so that everything in which they differ is to be decided.'
  if (open > 0) {
    const decided = conflicts === open ? '' : ` of ${conflicts}`
    return `${open === 1 ? 'One conflict' : `${open} conflicts`}${decided} must be decided before it can be merged.${unknown}`
  }
  const told =
    changes === 0
      ? 'changes nothing but what it follows'
      : `changes the draft in ${changes === 1 ? 'one place' : `${changes} places`}`
  const drift =
    since.length === 0
      ? ''
      : ` Since the version that the draft is started from the catalogue has changed, too: ${speakExercises(since)}.`
  return `The merge ${isDryRun ? told.replace('changes', 'would change') : told.replace('changes', 'has changed')}.${unknown}${drift}${meaning === null ? '' : ` ${meaning}`}`
}
