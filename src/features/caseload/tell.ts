import { setImmediate as nextTurn } from 'node:timers/promises'
import type { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { WrittenLines } from '../../http/lines.ts'
import {
  type CalendarDate,
  deriveInShort,
  type Instant,
  type ProtocolVersion,
  type Verdicts,
} from '../../rules/index.ts'
import { asOf, type EpisodeThen, readPages } from '../episodes/caseload.ts'
import { today } from '../episodes/plausibility.ts'
import { listChanged, type UnreadRecord } from '../episodes/repository.ts'
import { type Filter, type Position, writeCursor } from './cursor.ts'
import { createLineWriter } from './line.ts'
import type { caseloadSummary } from './schemas.ts'
import { countIn, emptyTally, toSummary } from './summary.ts'

/** So many episodes are in one batch, which goes on record as one act. */
const pageSize = 500

/** After so many the event loop has its turn. */
const atOnce = 50

/** So many versions are at hand at a time. */
const mostVersions = 1000

/** If more have changed than this, all are looked at in their order. */
const mostChanged = 20_000

export interface Asked {
  clinicId: string
  timeZone: string
  filter: Filter
  /** The versions of the protocol that is asked for; null: of all. */
  versions: readonly string[] | null
  on: CalendarDate
  knownAt: Instant
  /** `changedSince` of the next answer: of the clock, as `knownAt` may be that of an entry which is ahead of it. */
  next: Instant
  /** Where to go on; null: from the beginning. */
  from: Position | null
}

/** The lines of the clinic's episodes as they were at one moment, batch by batch, each with a cursor; the summary last. */
export async function* tellCaseload(
  { db, published }: Pick<Context, 'db' | 'published'>,
  { clinicId, timeZone, filter, versions, on, knownAt, next, from }: Asked,
): AsyncGenerator<WrittenLines> {
  const begun = performance.now()
  const since = filter.changedSince ?? null
  const among =
    since === null ? null : await db.asClinic(clinicId, (tx) => listChanged(tx, clinicId, { since, most: mostChanged }))
  const atHand = new Map<string, ProtocolVersion>()
  const write = createLineWriter()
  const tally = emptyTally()
  let told = from?.told ?? 0

  /** Gets the versions that these episodes follow. */
  async function getVersions(records: readonly UnreadRecord[]): Promise<void> {
    const ids = new Set(records.flatMap((record) => asOf(record, knownAt)?.following ?? []))
    if (atHand.size + ids.size > mostVersions) atHand.clear()
    const missing = [...ids].filter((id) => !atHand.has(id))
    for (const version of await published(clinicId, missing)) atHand.set(version.id, version)
  }

  function writeEpisode(episode: EpisodeThen, lines: WrittenLines): void {
    const { id, patientId, entries, isOpen, following } = episode
    const subject = { episode: id, patient: patientId }
    if (isOpen && (versions === null || following.some((version) => versions.includes(version)))) {
      const followed = following.map((version) => atHand.get(version) ?? missing(version))
      const answer = deriveInShort({ versions: followed, entries, on, knownAt })
      if (answer === null) throw new Error('an episode’s record begins with its surgery')
      if (fits(answer, filter)) {
        countIn(tally, answer)
        lines.add(write(subject, answer), subject)
        return
      }
    }
    if (since === null || !entries.some(({ recordedAt }) => recordedAt > since)) return
    const kind = isOpen ? 'other' : 'closed'
    tally[kind] += 1
    lines.add(JSON.stringify({ kind, ...subject, revision: entries.at(-1)?.revision ?? 0 }), subject)
  }

  async function toLines(page: readonly UnreadRecord[]): Promise<WrittenLines> {
    const lines = new WrittenLines()
    for (const [index, record] of page.entries()) {
      if (index % atOnce === atOnce - 1) await nextTurn()
      const episode = asOf(record, knownAt)
      if (episode === null) continue
      if (episode.following.some((id) => !atHand.has(id))) await getVersions(page.slice(index))
      writeEpisode(episode, lines)
    }
    told += lines.subjects.length
    const after = page.at(-1)?.id ?? ''
    const cursor = writeCursor(clinicId, filter, { knownAt, next, on, after, told })
    lines.add(JSON.stringify({ kind: 'cursor', lines: told, cursor }), null)
    return lines
  }

  const part = { after: from?.after ?? null, since, among, most: pageSize }
  for await (const page of readPages(db.pool, { clinicId, versions, knownAt }, part)) yield await toLines(page)
  const summary: z.output<typeof caseloadSummary> = {
    kind: 'summary',
    on,
    knownAt,
    before: from?.told ?? 0,
    ...toSummary(tally),
    seconds: Math.round(performance.now() - begun) / 1000,
    nextChangedSince: next,
    dateChanged: since !== null && today(Temporal.Instant.from(since), timeZone) !== on,
  }
  const end = new WrittenLines()
  end.add(JSON.stringify(summary), null)
  yield end
}

function fits({ status, protocols }: Verdicts, filter: Filter): boolean {
  if (filter.status !== undefined && status !== filter.status) return false
  if (filter.phase === undefined) return true
  return protocols.some(({ code, phase }) => code === filter.protocol && phase?.code === filter.phase)
}

/** Works on the next batch while one is on its way; on no more than that. */
export async function* oneAhead<Item>(source: AsyncGenerator<Item>): AsyncGenerator<Item> {
  const next = (): Promise<IteratorResult<Item>> => {
    const coming = source.next()
    // It may fail while nobody waits for it yet.
    coming.catch(() => {})
    return coming
  }
  try {
    for (let coming = next(); ; ) {
      const { done, value } = await coming
      if (done === true) return
      coming = next()
      yield value
    }
  } finally {
    await source.return(undefined)
  }
}

/** Without one of its versions an answer would lack what that forbids. */
function missing(version: string): never {
  throw new Error(`the version ${version} is followed, and is not there`)
}
