import { isDeepStrictEqual } from 'node:util'
import { today } from '../../src/features/episodes/plausibility.ts'
import { readRecord } from '../../src/features/episodes/repository.ts'
import { toAnswer } from '../../src/features/permitted-exercises/answer.ts'
import { type CalendarDate, derive } from '../../src/rules/index.ts'
import type { Published } from './fill.ts'
import type { Listening } from './processes.ts'
import type { BenchClinic, World } from './world.ts'

export const pathOf = (episode: string): string => `/v1/episodes/${episode}/permitted-exercises`

export function ask(
  { address }: Listening,
  path: string,
  apiKey: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${address}${path}`, { headers: { authorization: `Bearer ${apiKey}`, ...headers } })
}

export interface Compared {
  episodes: number
  /** How many of them have the same bytes from both, and not only the same content. */
  sameBytes: number
  /** How many answers there are of each status. */
  statuses: Record<string, number>
  /** Of the phases of the protocols. */
  phases: Record<string, number>
}

/**
 * Asks the service and the ordinary way about the episodes and derives the answers here as well. Throws at the first that
 * differs, that is not on record, or that another clinic's key gets.
 */
export async function compareAnswers(
  world: World,
  clinic: BenchClinic,
  stranger: BenchClinic,
  published: readonly Published[],
  episodes: readonly string[],
  { service, ordinary }: { service: Listening; ordinary: Listening },
): Promise<Compared> {
  const versions = new Map(published.map(({ id, document }) => [id, { id, version: 1, document }]))
  const found: Compared = { episodes: episodes.length, sameBytes: 0, statuses: {}, phases: {} }
  for (const episode of episodes) {
    const path = pathOf(episode)
    const [given, usual] = await Promise.all(
      [service, ordinary].map(async (contender) => {
        const response = await ask(contender, path, clinic.apiKey)
        const text = await response.text()
        if (response.status !== 200) throw new Error(`${contender.name}: ${response.status} ${text}`)
        return text
      }),
    )
    const entries = (await readRecord(world.db.pool, clinic.clinicId, episode, { settled: false })) ?? []
    const assignment = entries.findLast(({ kind }) => kind === 'assignment')
    const followed = assignment?.kind === 'assignment' ? assignment.versions : []
    const derivation = derive({
      versions: followed.flatMap((id) => versions.get(id) ?? []),
      entries,
      on: today(Temporal.Now.instant(), clinic.timeZone) as CalendarDate,
      knownAt: entries.at(-1)?.recordedAt ?? '',
    } as Parameters<typeof derive>[0])
    if (derivation === null) throw new Error(`nothing can be derived about ${episode}`)
    const expected = JSON.parse(JSON.stringify({ episode, ...toAnswer(derivation) }))
    for (const [name, text] of [
      [service.name, given],
      [ordinary.name, usual],
    ] as const) {
      if (isDeepStrictEqual(JSON.parse(text ?? ''), expected)) continue
      throw new Error(`${name} answers otherwise about ${episode}:\n${text}\nexpected:\n${JSON.stringify(expected)}`)
    }
    if (given === usual) found.sameBytes += 1
    found.statuses[derivation.status] = (found.statuses[derivation.status] ?? 0) + 1
    for (const { phase } of derivation.protocols) {
      found.phases[phase?.code ?? 'none'] = (found.phases[phase?.code ?? 'none'] ?? 0) + 1
    }
    for (const contender of [service, ordinary]) {
      const { status } = await ask(contender, path, stranger.apiKey)
      if (status !== 404) throw new Error(`${contender.name} answers another clinic’s key with ${status}`)
    }
  }
  const { rows } = await world.owner.query<{ episodes: string }>(
    `SELECT count(DISTINCT e) AS episodes FROM audit_event, unnest(episodes) e
     WHERE clinic_id = $1 AND operation = 'getPermittedExercises' AND outcome = 'success' AND e = ANY($2::uuid[])`,
    [clinic.clinicId, episodes],
  )
  if (Number(rows[0]?.episodes) !== episodes.length) {
    throw new Error(`of ${episodes.length} answers, ${rows[0]?.episodes} are on the clinic’s record`)
  }
  return found
}

/** How many answers about episodes are on the clinic's record. */
export async function countOnRecord({ owner }: World, { clinicId }: BenchClinic): Promise<number> {
  const { rows } = await owner.query<{ answers: string }>(
    `SELECT coalesce(sum(attempts), 0) AS answers FROM audit_event
     WHERE clinic_id = $1 AND operation = 'getPermittedExercises' AND outcome = 'success'`,
    [clinicId],
  )
  return Number(rows[0]?.answers)
}
