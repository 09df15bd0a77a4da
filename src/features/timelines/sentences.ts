import type { Change, Named, Status, Strength, Timeline, Waiting } from '../../rules/index.ts'
import { speakHow, speakOnce, speakWait } from '../permitted-exercises/sentences.ts'
import { join, quote, speakBounds, speakCode, speakDate } from '../phrases.ts'

/** What a change is about, as the versions have it. */
export interface Background {
  /** Titles by code. */
  protocols: ReadonlyMap<string, string>
  /** Strengths of contraindications, by protocol and rule. */
  strengths: ReadonlyMap<string, Strength>
  /** A rule of the same list and title goes on applying. */
  another: boolean
}

const statuses: Readonly<Record<Status, string>> = {
  active: 'What the protocols permit may now be done.',
  'no-phase':
    'Nothing is permitted now: no protocol is assigned, or one that is assigned has no phase that is reached.',
  'on-hold': 'Nothing is permitted now: there is a hold, or a red flag is open.',
  closed: 'Nothing is permitted now: the episode is closed.',
}

const strengthNames: Readonly<Record<Strength, string>> = {
  absolute: 'absolute contraindication',
  relative: 'relative contraindication',
  caution: 'caution',
}

/** One sentence that says what is different from the day before. */
export function speakChange(change: Change, background: Background): string {
  switch (change.kind) {
    case 'status':
      return statuses[change.to]
    case 'phase': {
      const protocol = quote(background.protocols.get(change.protocol) ?? change.protocol)
      return change.to === null
        ? `${protocol} now has no current phase.`
        : `${protocol} is now in the phase ${quote(change.to.title)}.`
    }
    case 'permitted':
      return `${quote(change.exercise.title)} is now permitted.`
    case 'withheld':
      return `${quote(change.exercise.title)} is now withheld.`
    case 'changed': {
      const how = speakHow(change)
      const inside = how.charAt(0).toLowerCase() + how.slice(1)
      return `${quote(change.exercise.title)} is now done differently: ${inside}`
    }
    case 'begins':
      return `The ${nameRule(change, background)} now applies${background.another ? ', besides another of this title' : ''}.`
    case 'ends':
      return `The ${nameRule(change, background)} no longer applies${background.another ? '; another of this title still does' : ''}.`
  }
}

/** "absolute contraindication “Heavy lifting”", "limit on lifted load (at most 10 lb)". */
function nameRule(change: Extract<Change, { list: string }>, { strengths }: Background): string {
  const { list, title, limit, protocol, rule } = change
  switch (list) {
    case 'avoid': {
      const strength = strengths.get(`${protocol}/${rule}`)
      return `${strength === undefined ? 'contraindication' : strengthNames[strength]} ${quote(title)}`
    }
    case 'instructions':
      return `instruction ${quote(title)}`
    case 'limits':
      return limit === null ? `limit ${quote(title)}` : `limit on ${speakCode(limit.quantity)} (${speakBounds(limit)})`
    case 'goals':
      return limit === null ? `goal ${quote(title)}` : `goal for ${speakCode(limit.quantity)} (${speakBounds(limit)})`
  }
}

/** One sentence that says what the next phase of a protocol waits for. */
export function speakNextPhase(
  { protocol, phase, entry }: Timeline['nextPhases'][number],
  protocols: ReadonlyMap<string, string>,
  on: Timeline['on'],
): string {
  const wait = speakWait([entry], { decided: false, on })
  return `The next phase of ${quote(protocols.get(protocol) ?? protocol)}, ${quote(phase.title)}, ${wait}.`
}

/** More titles than this are counted and not said. */
const mostTitles = 6

function speakTitles(exercises: readonly Named[]): string {
  const titles = exercises.map(({ title }) => quote(title))
  const more = titles.length - mostTitles
  return join(more > 1 ? [...titles.slice(0, mostTitles), `${more} others`] : titles, 'and')
}

/** One sentence that says what some exercises still need, and when they can be permitted with it. */
export function speakWaiting({ exercises, earliest, needs }: Waiting, on: Timeline['on']): string {
  return `${speakTitles(exercises)} can be permitted on ${speakDate(earliest)} at the earliest, ${speakOnce(needs, { on, earliest })}.`
}

/** One sentence about an exercise of which nobody can say when it is permitted. */
export function speakUndecided({ title }: Named): string {
  return `There are too many possibilities to say when ${quote(title)} can be permitted.`
}

/** One sentence about what no record permits. */
export function speakNeverPermitted({ title }: Named): string {
  return `${quote(title)} is not permitted on this or any later date, whatever is recorded.`
}
