import type { ExerciseChange } from './changes.ts'
import type { Rename } from './draft-edits.ts'

interface Consequence {
  code: 'records-keep-the-old-code'
  text: string
}

/** What a renaming means for patients, if what is renamed is already recorded of some. */
export function speakConsequences({ kind, from, to }: Rename, isPublished: boolean): Consequence[] {
  if (!isPublished || (kind !== 'milestones' && kind !== 'facts')) return []
  const text =
    kind === 'milestones'
      ? `What was recorded as \`${from}\` does not count as \`${to}\`: for a patient who is moved to this version, the milestone is not reached until it is recorded under its new code.`
      : `What was observed as \`${from}\` does not count as \`${to}\`: for a patient who is moved to this version, it is asked again.`
  return [{ code: 'records-keep-the-old-code', text }]
}

const mostSpoken = 10

/** Exercises of the catalogue and what was changed in them, in a sentence. */
export function speakExercises(changes: readonly ExerciseChange[]): string {
  if (changes.length === 0) return 'what it rests on'
  const told = changes
    .slice(0, mostSpoken)
    .map(({ exercise, change, fields }) => `\`${exercise}\` (${change === 'changed' ? fields.join(', ') : change})`)
  const rest = changes.length - told.length
  return [...told, ...(rest > 0 ? [`${rest} more`] : [])].join(', ')
}
