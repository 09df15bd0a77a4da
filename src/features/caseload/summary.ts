import type { Verdicts } from '../../rules/index.ts'
import { openStatuses } from './schemas.ts'

type OpenStatus = (typeof openStatuses)[number]

/** What the lines so far come to. */
export interface Tally {
  statuses: Record<OpenStatus, number>
  /** By protocol and phase. */
  phases: Map<string, { protocol: string; phase: string | null; episodes: number }>
  closed: number
  other: number
}

export function emptyTally(): Tally {
  return { statuses: { active: 0, 'no-phase': 0, 'on-hold': 0 }, phases: new Map(), closed: 0, other: 0 }
}

export function countIn(tally: Tally, { status, protocols }: Verdicts): void {
  // The date of a closure that is void no longer counts, and one that counts has closed the episode.
  if (status === 'closed') throw new Error('a closed episode is not in a caseload')
  tally.statuses[status] += 1
  for (const { code: protocol, phase } of protocols) {
    const key = JSON.stringify([protocol, phase?.code ?? null])
    const counted = tally.phases.get(key)
    if (counted === undefined) tally.phases.set(key, { protocol, phase: phase?.code ?? null, episodes: 1 })
    else counted.episodes += 1
  }
}

export function toSummary({ statuses, phases, closed, other }: Tally) {
  return {
    episodes: openStatuses.reduce((sum, status) => sum + statuses[status], 0),
    statuses,
    protocols: [...phases].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counted]) => counted),
    closed,
    other,
  }
}
