import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Context } from '../../http/context.ts'
import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { Instant } from '../../rules/index.ts'
import { type EpisodeRecord, readCaseloadPage, readLastChange, readWriters } from './repository.ts'

/** So many records are in memory at a time, and so many more on their way. */
const pageSize = 250

const firstId = '00000000-0000-0000-0000-000000000000'

/** What writes a record ends sooner: it has ten seconds, and waits for no lock for longer than five. */
const mostMilliseconds = 15_000

/**
 * A moment as of which every record of the clinic can be read: not before now, and whatever has it or an earlier one can
 * be seen. Waits until nobody writes any more who may have looked at the clock before.
 */
export async function fixMoment({ db, clock }: Pick<Context, 'db' | 'clock'>, clinicId: string): Promise<Instant> {
  const now = toInstantText(clock())
  const latest = performance.now() + mostMilliseconds
  for (let left = await readWriters(db.pool); left.length > 0; ) {
    if (performance.now() > latest) {
      throw new ProblemError('SERVICE_UNAVAILABLE', 'a record is being written for so long that it cannot be read', {
        headers: { 'retry-after': '5' },
      })
    }
    await delay(10)
    const still = new Set(await readWriters(db.pool))
    left = left.filter((writer) => still.has(writer))
  }
  // An entry may have got its moment from a clock that is a little ahead of this one.
  const last = await db.asClinic(clinicId, (tx) => readLastChange(tx, clinicId))
  return last !== null && last > now ? last : now
}

export interface Caseload {
  clinicId: string
  /** Ids of the versions, one of which an episode must follow. */
  versions: readonly string[]
  /** As it was then: settled, and not later than now. */
  knownAt: Instant
}

/** One open episode, as it was known at the moment. */
export interface OpenEpisode extends EpisodeRecord {
  /** Ids of the versions that it followed. */
  following: readonly string[]
}

/**
 * Every episode that was open at one moment and followed one of the versions then, by id, page by page. Each page is one
 * round trip and one transaction; while a reader takes its time, no connection is held and one page waits.
 */
export async function* readCaseload(pool: pg.Pool, caseload: Caseload): AsyncGenerator<OpenEpisode[]> {
  const { clinicId, versions, knownAt } = caseload
  const read = (after: string): Promise<EpisodeRecord[]> => {
    const page = readCaseloadPage(pool, clinicId, { versions, knownAt, after, most: pageSize })
    // It may fail while nobody waits for it yet.
    page.catch(() => {})
    return page
  }
  for (let coming: Promise<EpisodeRecord[]> | null = read(firstId); coming !== null; ) {
    const page: EpisodeRecord[] = await coming
    const last = page.at(-1)
    coming = last === undefined || page.length < pageSize ? null : read(last.id)
    const open = page.flatMap((record) => toOpen(record, caseload) ?? [])
    if (open.length > 0) yield open
  }
}

function toOpen(record: EpisodeRecord, { versions, knownAt }: Caseload): OpenEpisode | null {
  const known = record.entries.filter((entry) => entry.recordedAt <= knownAt)
  const voided = new Set(known.flatMap((entry) => (entry.kind === 'void' ? [entry.entry] : [])))
  if (known.some((entry) => entry.kind === 'closure' && !voided.has(entry.id))) return null
  const assignment = known.findLast((entry) => entry.kind === 'assignment')
  const following = assignment?.kind === 'assignment' ? assignment.versions : []
  return following.some((id) => versions.includes(id)) ? { ...record, following } : null
}
