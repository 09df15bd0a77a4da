import type { Misfit } from '../episodes/assignment.ts'
import { type Consequence, consequenceKinds, type Effect } from './consequences.ts'

/** How many episodes a consequence has, with one of them to say it by. */
export interface Tally {
  consequence: Consequence
  episodes: number
}

/** What a change does to many episodes. It grows with the rules of the versions and not with the episodes. */
export interface Summary {
  episodes: number
  /** Those that it does not fit: nothing else is counted of them. */
  cannotFollow: number
  outcomes: Record<Effect['outcome'], number>
  /** Episodes that have a consequence which does not show on the date. */
  later: number
  /** Episodes with at least one consequence of the kind that shows on the date. */
  kinds: Record<Consequence['kind'], number>
  /** By name. */
  tallies: Map<string, Tally>
}

export function emptySummary(): Summary {
  return {
    episodes: 0,
    cannotFollow: 0,
    outcomes: { changed: 0, 'explained-otherwise': 0, unchanged: 0 },
    later: 0,
    kinds: Object.fromEntries(consequenceKinds.map((kind) => [kind, 0])) as Summary['kinds'],
    tallies: new Map(),
  }
}

export function count(
  summary: Summary,
  { outcome, consequences, misfit = null }: Effect & { misfit?: Misfit | null },
): void {
  summary.episodes += 1
  if (misfit !== null) {
    summary.cannotFollow += 1
    return
  }
  summary.outcomes[outcome] += 1
  const shown = consequences.filter(({ hidden }) => hidden === undefined)
  if (shown.length < consequences.length) summary.later += 1
  for (const kind of new Set(shown.map((one) => one.kind))) summary.kinds[kind] += 1
  for (const [name, consequence] of new Map(consequences.map((one) => [one.name, one]))) {
    const tally = summary.tallies.get(name)
    if (tally === undefined) summary.tallies.set(name, { consequence, episodes: 1 })
    else tally.episodes += 1
  }
}

/** In the order of the kinds, what takes something away first; what shows on the date before the rest; then the most frequent. */
export function orderTallies({ tallies }: Summary): Tally[] {
  const rank = ({ consequence }: Tally): number =>
    2 * consequenceKinds.indexOf(consequence.kind) + (consequence.hidden === undefined ? 0 : 1)
  return [...tallies.values()].sort(
    (a, b) => rank(a) - rank(b) || b.episodes - a.episodes || (a.consequence.name < b.consequence.name ? -1 : 1),
  )
}
