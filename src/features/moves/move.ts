import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Transaction } from '../../db/client.ts'
import type { Context } from '../../http/context.ts'
import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { CalendarDate, Instant, ProtocolVersion } from '../../rules/index.ts'
import { findMisfit, type Misfit } from '../episodes/assignment.ts'
import { today } from '../episodes/plausibility.ts'
import { momentAfter } from '../episodes/record.ts'
import {
  type EpisodeRecord,
  listFollowers,
  lockEpisodes,
  proceduresOf,
  type Reassignment,
  readRecords,
  reassign,
} from '../episodes/repository.ts'
import type { Effect } from '../impacts/consequences.ts'
import { createVersionShelf } from '../impacts/shelf.ts'
import { weigh } from '../impacts/weigh.ts'
import { holdVersions, listVersionIds, readVersionsById } from '../protocols/repository.ts'
import { unconfirmed } from './confirmation.ts'
import { insertMove, insertMovedEpisodes, listMovedEpisodes, type Selection } from './repository.ts'

/** Small enough that the locks of one are not in anybody's way. */
const batchSize = 100

const firstId = '00000000-0000-0000-0000-000000000000'

/** What came of one episode of the selection. */
export const outcomes = [
  'moved',
  'already-there',
  'not-confirmed',
  'does-not-fit',
  'not-following',
  'moved-on',
  'closed',
] as const

export type Outcome = (typeof outcomes)[number]

export interface MoveResult {
  episode: EpisodeRecord
  outcome: Outcome
  /** Numbers of the version that it followed and of the one that it was to follow; null: of this protocol none. */
  from: number | null
  to: number | null
  effect: Effect
  /** Names of consequences that were not confirmed. */
  missing: readonly string[]
  /** Why it does not fit. */
  misfit: Misfit | null
}

export interface MoveRequest {
  clinicId: string
  actorId: string
  timeZone: string
  protocol: { id: string; code: string }
  /** Id and number; null: each goes back to what it followed before the move that is undone. */
  to: { id: string; number: number } | null
  selection: Selection
  reason: string
  confirm: readonly string[]
  /** Nothing is written. */
  dryRun: boolean
  /** Names the move. */
  id: string
}

/** An episode, and the id of the version that it is to follow; of an undoing also the one that it must follow. */
interface Target {
  to: string
  expected: string | null
}

const nothing: Effect = { outcome: 'unchanged', consequences: [] }

/**
 * Moves the selected episodes, batch by batch, each in one short transaction: under the locks of its episodes the
 * consequences are worked out anew, and whoever’s are all confirmed is moved. What is moved stays moved if a later batch
 * fails, and the same request does the rest.
 */
export async function* moveEpisodes(
  { db, clock, ids }: Pick<Context, 'db' | 'clock' | 'ids'>,
  request: MoveRequest,
): AsyncGenerator<{ on: CalendarDate; results: MoveResult[] }> {
  const { clinicId, protocol, dryRun } = request
  const shelf = createVersionShelf()
  const numbers = await db.asClinic(clinicId, (tx) => listVersionIds(tx, clinicId, protocol.id))
  const confirmed = new Set(request.confirm)
  let isRecorded = false

  for await (const targets of selectEpisodes({ db }, request, numbers)) {
    const { on, results } = await db.asClinic(clinicId, async (tx) => {
      const episodes = [...targets.keys()]
      if (!dryRun) {
        await lockEpisodes(tx, clinicId, episodes)
        await requireStillPublished(tx, request)
      }
      // Read under the episodes' locks: an answer that did not wait for them cannot have asked about a later moment.
      const now = clock()
      const on = today(now, request.timeZone)
      const records = await readRecords(tx, clinicId, episodes)
      const wanted = records.flatMap((record) => [...followingOf(record), targets.get(record.id)?.to ?? ''])
      const versions = await shelf.take(wanted.filter(Boolean), (missing) => readVersionsById(tx, clinicId, missing))
      const judged = records.map((record) => {
        const target = targets.get(record.id)
        if (target === undefined) throw new Error('a record that nobody asked for')
        return judge(record, target, { numbers, versions, confirmed, on, now: toInstantText(now) })
      })
      const moved = judged.flatMap(({ result, change }) => (result.outcome === 'moved' && change ? [change] : []))
      if (!dryRun && moved.length > 0) {
        const { to, selection, reason, actorId } = request
        if (!isRecorded) {
          const undoes = 'undo' in selection ? selection.undo : null
          await insertMove(tx, {
            clinicId,
            protocolId: protocol.id,
            id: request.id,
            to,
            undoes,
            selection,
            confirmed: [...confirmed],
            reason,
            recordedAt: toInstantText(now),
            recordedBy: actorId,
          })
        }
        const items = moved.map((change) => ({ ...change, entry: ids() }))
        await reassign(tx, clinicId, { move: request.id, reason, recordedBy: actorId }, items)
        await insertMovedEpisodes(
          tx,
          clinicId,
          request.id,
          moved.map(({ episodeId, from, to: toVersionId }) => ({ episodeId, fromVersionId: from, toVersionId })),
        )
      }
      return { on, results: judged.map(({ result }) => result) }
    })
    if (!dryRun && results.some(({ outcome }) => outcome === 'moved')) isRecorded = true
    yield { on, results }
    await nextTurn()
  }
}

/** Until the transaction ends it cannot be retired. To undo a move, episodes go back to a retired version as well. */
async function requireStillPublished(tx: Transaction, { clinicId, to, protocol }: MoveRequest): Promise<void> {
  if (to === null) return
  const retired = await holdVersions(tx, clinicId, [to.id])
  if (retired.size > 0) {
    throw new ProblemError(
      'VERSION_NOT_PUBLISHED',
      `version ${to.number} of \`${protocol.code}\` was retired meanwhile: choose another`,
    )
  }
}

/** The ids of the selected episodes with where they are to go, batch by batch. */
async function* selectEpisodes(
  { db }: Pick<Context, 'db'>,
  { clinicId, selection, to }: MoveRequest,
  numbers: ReadonlyMap<string, number>,
): AsyncGenerator<Map<string, Target>> {
  if ('undo' in selection) {
    for (let after: string | null = null; ; ) {
      const page = await db.asClinic(clinicId, (tx) =>
        listMovedEpisodes(tx, clinicId, selection.undo, { after, take: batchSize }),
      )
      if (page.length > 0) {
        yield new Map(
          page.map(({ episodeId, fromVersionId, toVersionId }) => [
            episodeId,
            { to: fromVersionId, expected: toVersionId },
          ]),
        )
      }
      after = page.at(-1)?.episodeId ?? null
      if (page.length < batchSize) return
    }
  }
  if (to === null) return
  const toTargets = (ids: readonly string[]) => new Map(ids.map((id) => [id, { to: to.id, expected: null }]))
  if ('episodes' in selection) {
    const ids = [...selection.episodes].sort()
    for (let first = 0; first < ids.length; first += batchSize) yield toTargets(ids.slice(first, first + batchSize))
    return
  }
  const versions = [...numbers]
    .filter(([id, number]) => id !== to.id && (!('from' in selection) || number === selection.from))
    .map(([id]) => id)
  for (let after = firstId; ; ) {
    const page = await db.asClinic(clinicId, (tx) => listFollowers(tx, clinicId, { versions, after, take: batchSize }))
    if (page.length > 0) yield toTargets(page)
    if (page.length < batchSize) return
    after = page.at(-1) ?? firstId
  }
}

function followingOf({ entries }: EpisodeRecord): readonly string[] {
  const assignment = entries.findLast((entry) => entry.kind === 'assignment')
  return assignment?.kind === 'assignment' ? assignment.versions : []
}

interface Judging {
  numbers: ReadonlyMap<string, number>
  versions: ReadonlyMap<string, ProtocolVersion>
  confirmed: ReadonlySet<string>
  on: CalendarDate
  now: Instant
}

/** What comes of one episode, and what is to be written if it is moved. */
function judge(
  episode: EpisodeRecord,
  { to, expected }: Target,
  { numbers, versions, confirmed, on, now }: Judging,
): { result: MoveResult; change: Omit<Reassignment, 'entry'> | null } {
  const following = followingOf(episode)
  const from = following.find((id) => numbers.has(id))
  const end = (outcome: Outcome, more: Partial<MoveResult> = {}): { result: MoveResult; change: null } => ({
    result: {
      episode,
      outcome,
      from: from === undefined ? null : (numbers.get(from) ?? null),
      to: numbers.get(to) ?? null,
      effect: nothing,
      missing: [],
      misfit: null,
      ...more,
    },
    change: null,
  })
  if (episode.status === 'closed') return end('closed')
  if (from === undefined) return end('not-following')
  if (from === to) return end('already-there')
  if (expected !== null && from !== expected) return end('moved-on')

  const chosen = following.map((id) => (id === from ? to : id))
  const toVersions = (ids: readonly string[]): ProtocolVersion[] => ids.flatMap((id) => versions.get(id) ?? [])
  const misfit = findMisfit(toVersions(chosen), proceduresOf(episode))
  if (misfit !== null) return end('does-not-fit', { misfit })

  const last = episode.entries.at(-1)
  const recordedAt = last === undefined ? now : momentAfter(last.recordedAt, now)
  const effect = weigh({
    entries: episode.entries,
    before: toVersions(following),
    after: toVersions(chosen),
    on,
    knownAt: recordedAt,
  })
  const missing = unconfirmed(effect.consequences, confirmed)
  if (missing.length > 0) return end('not-confirmed', { effect, missing })
  const change = {
    episodeId: episode.id,
    revision: (last?.revision ?? 0) + 1,
    recordedAt,
    from,
    to,
    versions: chosen,
  }
  return { ...end('moved', { effect }), change }
}
