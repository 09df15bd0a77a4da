import type { Diff, Difference, Named } from '../../rules/index.ts'
import type { Compared } from './answer.ts'
import { speakDiff, speakDifference, speakMove, speakUndecided } from './sentences.ts'

// The page of prose for a reviewer: what gets stricter, what gets laxer, the rest, and why.

/** More lines than this of one heading are counted and not told: a reviewer reads the page in a minute. */
const mostLines = 40

/** Words of a document as they are, whatever they mean in Markdown. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_{}[\]<>#|~&]/g, '\\$&')
}

function nameOf({ number }: Compared): string {
  return number === null ? 'the draft' : `version ${number}`
}

/** What is alike of exercises that are gained or lost in the same way. */
function keyOf(difference: Difference): string {
  if (difference.kind !== 'exercise' && difference.kind !== 'prescribed') return JSON.stringify(difference)
  const { exercise: _exercise, witness: _witness, ...alike } = difference
  return JSON.stringify(alike)
}

function tell(differences: readonly Difference[]): string[] {
  return [...Map.groupBy(differences, keyOf).values()].map((alike) => {
    const [first] = alike
    const exercises = alike.flatMap((one): Named[] =>
      one.kind === 'exercise' || one.kind === 'prescribed' ? [one.exercise] : [],
    )
    return first === undefined ? '' : speakDifference(first, exercises)
  })
}

function section(heading: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return []
  const more = lines.length - mostLines
  return [
    `## ${heading}`,
    '',
    ...lines.slice(0, mostLines).map((line) => `- ${plain(line)}`),
    ...(more > 0 ? [`- … and ${more} more, which the answer as JSON has.`] : []),
    '',
  ]
}

/** The page as Markdown. */
export function toPage(from: Compared, to: Compared, found: Diff): string {
  const { differences, phases, undecided, text, isTextCut } = found
  const those = (direction: Difference['direction']): string[] =>
    tell(differences.filter((difference) => difference.direction === direction))
  const names = text.map(({ change, name }) => `${name}: ${change}`)
  const changes = isTextCut ? [...names, 'There are more.'] : names
  return [
    `# ${plain(to.title)}: from ${nameOf(from)} to ${nameOf(to)}`,
    '',
    plain(speakDiff(found)),
    'Days are counted from the surgery, which is day 0.',
    '',
    ...section('Not decided', undecided.map(speakUndecided)),
    ...section('Stricter', those('stricter')),
    ...section('Laxer', those('laxer')),
    ...section('Otherwise', those('other')),
    ...section('Why: phases', phases.map(speakMove)),
    ...section(differences.length === 0 ? 'Text' : 'Where the document was changed', changes),
  ].join('\n')
}
