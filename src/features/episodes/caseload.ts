import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Context } from '../../http/context.ts'
import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { Instant } from '../../rules/index.ts'
import {
  entriesOf,
  readCaseloadPage,
  readLastChange,
  readWriters,
  type StoredEntry,
  type UnreadRecord,
} from './repository.ts'

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
  // An entry may have got its moment from a clock that is a little ahead of this one. Those that come while this waits are
  // left out: others that are still being written may have an earlier moment.
  const last = await readLastChange(db, clinicId)
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
export interface EpisodeThen {
  id: string
  patientId: string
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
  const { versions, knownAt } = caseload
  for await (const page of readPages(pool, caseload)) {
    const open = page
      .flatMap((record) => asOf(record, knownAt) ?? [])
      .filter(({ isOpen, following }) => isOpen && (versions === null || following.some((id) => versions.includes(id))))
    if (open.length > 0) yield open
  }
}

/** Where to begin, and what of the caseload. */
export interface Part {
  /** Only behind the episode with this id. */
  after?: string | null
  /** Only episodes that have changed after this, open or not, whatever they followed. */
  since?: Instant | null
  /** Ids of those, in order, if it is known which they are. */
  among?: readonly string[] | null
  /** How many episodes a page has. */
  most?: number
}

/** What may belong to a caseload, by id, page by page. What each was at the moment its record tells: see `asOf`. */
export async function* readPages(
  pool: pg.Pool,
  { clinicId, versions, knownAt }: Caseload,
  { after = null, since = null, among = null, most = pageSize }: Part = {},
): AsyncGenerator<UnreadRecord[]> {
  const left = among?.filter((id) => after === null || id > after) ?? null
  const read = (behind: string, from: number): Promise<UnreadRecord[]> => {
    const ids = left?.slice(from, from + most) ?? null
    const page = readCaseloadPage(pool, clinicId, { versions, among: ids, since, knownAt, after: behind, most })
    // It may fail while nobody waits for it yet.
    page.catch(() => {})
    return page
  }
  let from = 0
  for (let coming: Promise<UnreadRecord[]> | null = read(after ?? firstId, from); coming !== null; ) {
    const page: UnreadRecord[] = await coming
    from += most
    const last = page.at(-1)
    const isLast = left === null ? last === undefined || page.length < most : from >= left.length
    coming = isLast ? null : read(last?.id ?? firstId, from)
    if (page.length > 0) yield page
  }
}

/** The episode as it was known at a moment that is settled; null: it was not there yet. */
export function asOf(record: UnreadRecord, knownAt: Instant): EpisodeThen | null {
  const entries = entriesOf(record, knownAt)
  if (entries.length === 0) return null
  let following: readonly string[] = []
  let isOpen = true
  for (const entry of entries) {
    if (entry.kind === 'assignment') following = entry.versions
    else if (entry.kind === 'closure' && !isVoid(entry.id, entries)) isOpen = false
  }
  return { id: record.id, patientId: record.patientId, entries, isOpen, following }
}

function isVoid(id: string, entries: readonly StoredEntry[]): boolean {
  return entries.some((entry) => entry.kind === 'void' && entry.entry === id)
}
