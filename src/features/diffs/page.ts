import type { Diff, Difference, Named, PhaseSays, ProtocolDocument, TextChange } from '../../rules/index.ts'
import { speakDiff, speakDifference, speakMove, speakUndecided, speakWords } from './sentences.ts'

// The page of prose for a reviewer: what gets stricter, what gets laxer, the rest, and why.

/** More lines than this of one heading are counted and not told: a reviewer reads the page in a minute. */
const mostLines = 25

/** Words of a document as they are, whatever they mean in Markdown. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_{}[\]<>#|~&]/g, '\\$&')
}

/** One of the versions that the page is about. */
export interface Reviewed {
  /** "version 3", "the draft". */
  name: string
  document: ProtocolDocument
}

/** What a difference is about, if others can be alike; and all that has to be alike. */
function readAlike(difference: Difference): { about: Named | null; key: string } {
  switch (difference.kind) {
    case 'exercise':
    case 'prescribed': {
      const { exercise, witness: _witness, ...alike } = difference
      return { about: exercise, key: JSON.stringify(alike) }
    }
    case 'asks': {
      const { kind, what, named, change } = difference
      return { about: named, key: JSON.stringify([kind, what, change]) }
    }
    default:
      return { about: null, key: JSON.stringify(difference) }
  }
}

function tell(differences: readonly Difference[]): string[] {
  return [...Map.groupBy(differences, (difference) => readAlike(difference).key).values()].map((alike) => {
    const [first] = alike
    return first === undefined
      ? ''
      : speakDifference(
          first,
          alike.flatMap((one) => readAlike(one).about ?? []),
        )
  })
}

/** Without who grants what, where that is the same in both: a reviewer knows. */
function withoutRoles<T extends Pick<Difference, 'occasions'>>(
  differences: readonly T[],
  [from, to]: readonly [Reviewed, Reviewed],
): T[] {
  const rolesIn = ({ document }: Reviewed, code: string): string =>
    JSON.stringify(document.milestones.find((one) => one.code === code)?.grantedBy ?? [])
  const isSame = (code: string): boolean => rolesIn(from, code) === rolesIn(to, code)
  return differences.map((difference) => ({
    ...difference,
    occasions: difference.occasions.map((occasion) => ({
      ...occasion,
      milestones: occasion.milestones.map((one) => (isSame(one.milestone.code) ? { ...one, grantedBy: [] } : one)),
    })),
  }))
}

/**
 * What an answer says of the phase differs where another is the current one, and that is told as the reason; but not where
 * one and the same phase says something else.
 */
function isExplained(difference: Difference, { phases }: Diff, [from, to]: readonly [Reviewed, Reviewed]): boolean {
  if (difference.kind !== 'phase' || phases.length === 0) return false
  const say = ({ setting, goals }: PhaseSays): string => JSON.stringify([setting, goals.toSorted()])
  const saysIn = ({ document }: Reviewed, says: PhaseSays | null): string[] =>
    document.phases.flatMap(({ code, setting = null, goals = [] }) =>
      says !== null && say({ setting, goals }) === say(says) ? [code] : [],
    )
  const before = new Set(saysIn(from, difference.before))
  return !saysIn(to, difference.after).some((code) => before.has(code))
}

/** The page for a reviewer, before it is written in one way or another. */
export interface Page {
  title: string
  /** What came of it as a whole. */
  text: string
  sections: { heading: string; lines: string[] }[]
}

/** What of a change of text a reader can go to. */
export type TellChange = (change: TextChange) => string

/** What the page says, heading by heading; of a heading with nothing to tell, nothing. */
export function readPage(
  from: Reviewed,
  to: Reviewed,
  found: Diff,
  tellChange: TellChange = ({ change, name }) => `${name}: ${change}`,
): Page {
  const { phases, undecided, text, isTextCut } = found
  const unexplained = found.differences.filter((difference) => !isExplained(difference, found, [from, to]))
  const differences = withoutRoles(unexplained.length === 0 ? found.differences : unexplained, [from, to])
  const those = (direction: Difference['direction']): string[] =>
    tell(differences.filter((difference) => difference.direction === direction))
  const [stricter, laxer, other] = [those('stricter'), those('laxer'), those('other')]
  const counts = { stricter: stricter.length, laxer: laxer.length, other: other.length }
  const changes = text.map(tellChange)
  const sections = [
    { heading: 'Not decided', lines: undecided.map(speakUndecided) },
    { heading: 'Stricter', lines: stricter },
    { heading: 'Laxer', lines: laxer },
    { heading: 'Otherwise', lines: other },
    { heading: 'What patients read', lines: speakWords(text, [from.document, to.document]) },
    { heading: 'Why: phases', lines: withoutRoles(phases, [from, to]).map(speakMove) },
    { heading: 'Where the document was changed', lines: isTextCut ? [...changes, 'There are more.'] : changes },
  ]
  return {
    title: `${to.document.title}: from ${from.name} to ${to.name}`,
    text: `${speakDiff(found, counts)}\nDays are counted from the surgery, which is day 0.`,
    sections: sections.flatMap(({ heading, lines }) => {
      if (lines.length === 0) return []
      const more = lines.length - mostLines
      const rest = more > 0 ? [`… and ${more} more, which the answer as JSON has.`] : []
      return [{ heading, lines: [...lines.slice(0, mostLines), ...rest] }]
    }),
  }
}

/** The page as Markdown. */
export function toPage(from: Reviewed, to: Reviewed, found: Diff): string {
  const { title, text, sections } = readPage(from, to, found)
  const written = sections.flatMap(({ heading, lines }) => [
    `## ${heading}`,
    '',
    ...lines.map((line) => `- ${plain(line)}`),
    '',
  ])
  return [`# ${plain(title)}`, '', ...text.split('\n').map(plain), '', ...written].join('\n')
}
