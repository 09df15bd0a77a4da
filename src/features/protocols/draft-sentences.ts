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
