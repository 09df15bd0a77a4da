import { speakCount, speakMisfit } from '../impacts/sentences.ts'
import { join } from '../phrases.ts'
import type { MoveResult, Outcome } from './move.ts'

// What came of a move, in words for whoever made it. Of a dry run it is said what would come of it.

/** One sentence about one episode. */
export function speakResult({ outcome, from, to, effect, missing, misfit }: MoveResult, dryRun: boolean): string {
  const versions = `from version ${from} to version ${to}`
  switch (outcome) {
    case 'moved': {
      const what =
        effect.consequences.length === 0 ? 'with nothing lost or gained as of today' : 'with what was confirmed'
      return dryRun ? `It would be moved ${versions}, ${what}.` : `It was moved ${versions}, ${what}.`
    }
    case 'already-there':
      return `It follows version ${to} already.`
    case 'not-confirmed':
      return `It ${dryRun ? 'would not be' : 'was not'} moved ${versions}: ${speakCount(missing.length, 'consequence')} of it ${missing.length === 1 ? 'is' : 'are'} not confirmed.`
    case 'does-not-fit':
      return misfit === null
        ? `It cannot follow version ${to}.`
        : `It cannot follow version ${to}: ${speakMisfit(misfit)}`
    case 'not-following':
      return 'It follows no version of this protocol.'
    case 'moved-on':
      return `It has been given version ${from} since, which stays.`
    case 'closed':
      return 'It is closed: its protocol stays what it was.'
  }
}

const phrases: Readonly<Record<Exclude<Outcome, 'moved'>, readonly [one: string, many: string]>> = {
  'already-there': ['follows the version already', 'follow the version already'],
  'not-confirmed': [
    'stays where it is, because what it loses or gains is not confirmed',
    'stay where they are, because what they lose or gain is not confirmed',
  ],
  'does-not-fit': ['cannot follow the version', 'cannot follow the version'],
  'not-following': ['follows no version of the protocol', 'follow no version of the protocol'],
  'moved-on': ['has been given another version since', 'have been given another version since'],
  closed: ['is closed', 'are closed'],
}

/** One sentence about all of them. */
export function speakOutcomes(episodes: number, outcomes: Readonly<Record<Outcome, number>>, dryRun: boolean): string {
  if (episodes === 0) return 'There is no episode to move.'
  const { moved, ...others } = outcomes
  const rest = Object.entries(others).flatMap(([outcome, number]) => {
    const [one, many] = phrases[outcome as keyof typeof phrases]
    return number === 0 ? [] : [{ number, what: number === 1 ? one : many }]
  })
  if (episodes === 1) {
    const was = `The episode ${dryRun ? 'would' : 'was'}`
    const [only] = rest
    if (only === undefined) return `${was} ${dryRun ? 'be moved' : 'moved'}.`
    return `${was} not ${dryRun ? 'be moved' : 'moved'}: it ${only.what}.`
  }
  const told = rest.map(({ number, what }) => `${number} ${what}`)
  const all = `Of ${speakCount(episodes, 'episode')}`
  if (moved === 0) return `${all} none ${dryRun ? 'would be' : 'was'} moved: ${join(told, 'and')}.`
  const first = `${moved} ${dryRun ? 'would be' : moved === 1 ? 'was' : 'were'} moved`
  return `${all} ${join([first, ...told], 'and')}.`
}
