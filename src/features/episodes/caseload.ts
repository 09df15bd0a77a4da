import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Context } from '../../http/context.ts'
import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { Instant } from '../../rules/index.ts'
import { type EpisodeRecord, readCaseloadPage, readLastChange, readWriters, type StoredEntry } from './repository.ts'

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
  /** Ids of the versions, one of which an episode must follow; null: whatever it follows. */
  versions: readonly string[] | null
  /** As it was then: settled, and not later than now. */
  knownAt: Instant
}

/** An episode as it was known at one moment. */
export interface EpisodeThen extends EpisodeRecord {
  /** What was known by then, at least the surgery. */
  entries: readonly StoredEntry[]
  isOpen: boolean
  /** Ids of the versions that it followed. */
  following: readonly string[]
}

/**
 * Every episode that was open at one moment and followed one of the versions then, by id, page by page. Each page is one
 * round trip and one transaction; while a reader takes its time, no connection is held and one page waits.
 */
export async function* readCaseload(pool: pg.Pool, caseload: Caseload): AsyncGenerator<EpisodeThen[]> {
  const { versions } = caseload
  for await (const { episodes } of readEpisodesThen(pool, caseload)) {
    const open = episodes.filter(
      ({ isOpen, following }) => isOpen && (versions === null || following.some((id) => versions.includes(id))),
    )
    if (open.length > 0) yield open
  }
}

/** Where to begin, and what of the caseload. */
export interface Part {
  /** Only behind the episode with this id. */
  after?: string | null
  /** Only episodes of which something was recorded after this, open or not, whatever they followed. */
  since?: Instant | null
  /** Ids of those, in order, if it is known which they are. */
  among?: readonly string[] | null
  /** How many episodes a page has. */
  most?: number
}

/** A page of a caseload, and the last episode that was looked at for it. */
export interface PageThen {
  episodes: EpisodeThen[]
  last: string
}

/**
 * What may belong to a caseload, by id, page by page: episodes that were open at the moment and some that were not, or
 * that followed something else.
 */
export async function* readEpisodesThen(
  pool: pg.Pool,
  { clinicId, versions, knownAt }: Caseload,
  { after = null, since = null, among = null, most = pageSize }: Part = {},
): AsyncGenerator<PageThen> {
  let left = among?.filter((id) => after === null || id > after) ?? null
  const read = (behind: string): Promise<{ records: EpisodeRecord[]; last: string | null }> | null => {
    const ids = left?.slice(0, most) ?? null
    if (ids?.length === 0) return null
    left = left?.slice(most) ?? null
    const page = readCaseloadPage(pool, clinicId, { versions, among: ids, since, knownAt, after: behind, most })
    const found = page.then((records) => {
      const isLast = ids === null ? records.length < most : left?.length === 0
      return { records, last: isLast ? null : (records.at(-1)?.id ?? ids?.at(-1) ?? null) }
    })
    // It may fail while nobody waits for it yet.
    found.catch(() => {})
    return found
  }
  for (let coming = read(after ?? firstId); coming !== null; ) {
    const { records, last } = await coming
    coming = last === null ? null : read(last)
    const end = records.at(-1)
    if (end === undefined) continue
    const episodes = records.flatMap((record) => asOf(record, knownAt) ?? [])
    const changed = since === null ? episodes : episodes.filter(({ entries }) => hasChanged(entries, since))
    yield { episodes: changed, last: end.id }
  }
}

function hasChanged(entries: readonly StoredEntry[], since: Instant): boolean {
  return entries.some(({ recordedAt }) => recordedAt > since)
}

/** Null: it was not there yet. */
function asOf(record: EpisodeRecord, knownAt: Instant): EpisodeThen | null {
  const isKnown = ({ recordedAt }: StoredEntry): boolean => recordedAt <= knownAt
  const entries = record.entries.every(isKnown) ? record.entries : record.entries.filter(isKnown)
  if (entries.length === 0) return null
  const assignment = entries.findLast((entry) => entry.kind === 'assignment')
  const following = assignment?.kind === 'assignment' ? assignment.versions : []
  return { ...record, entries, isOpen: !isClosed(entries), following }
}

function isClosed(entries: readonly StoredEntry[]): boolean {
  const closures = entries.filter(({ kind }) => kind === 'closure')
  return closures.some(({ id }) => !entries.some((entry) => entry.kind === 'void' && entry.entry === id))
}
