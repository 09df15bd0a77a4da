import type { Context } from '../../http/context.ts'
import { ProblemError } from '../../http/problems.ts'
import { calendarDate, instantInput, toInstantText } from '../../http/schemas.ts'
import type { CalendarDate, Instant, Question } from '../../rules/index.ts'
import { today } from '../episodes/plausibility.ts'
import { readRecord, type StoredEntry } from '../episodes/repository.ts'

/** The query of a question about an episode. */
export const moment = {
  on: calendarDate.optional().describe('The date asked about; left out: today in the clinic’s time zone.'),
  knownAt: instantInput
    .optional()
    .describe('Answer from what was recorded by then; left out: from everything recorded so far.'),
}

export interface Asked {
  on?: CalendarDate | undefined
  knownAt?: Instant | undefined
}

/** What the rules are asked about an episode: its record, and the versions that are assigned to it. */
export async function readQuestion(
  { db, clock, published }: Pick<Context, 'db' | 'clock' | 'published'>,
  { clinicId, timeZone }: { clinicId: string; timeZone: string },
  episodeId: string,
  asked: Asked,
): Promise<Question> {
  const now = clock()
  const entries = await readRecord(db.pool, clinicId, episodeId, { settled: asked.knownAt !== undefined })
  const latest = entries?.at(-1)
  if (entries === null || latest === undefined) throw noEpisode(episodeId)
  const knownAt = asked.knownAt ?? latest.recordedAt
  requireKnowable(knownAt, entries, asked.knownAt === undefined ? null : toInstantText(now))
  const versions = await published(clinicId, assignedIn(entries, knownAt))
  return { versions, entries, on: asked.on ?? today(now, timeZone), knownAt }
}

export function noEpisode(id: string): ProblemError {
  return new ProblemError('EPISODE_NOT_FOUND', `there is no episode ${id}`)
}

/** Nothing was known before the first entry, and nobody knows yet what will be recorded. */
function requireKnowable(knownAt: Instant, entries: readonly StoredEntry[], now: Instant | null): void {
  const first = entries[0]?.recordedAt
  const latest = entries.at(-1)?.recordedAt
  const refuse = (detail: string): ProblemError =>
    new ProblemError('NOT_PLAUSIBLE', `\`knownAt\` ${detail}`, { errors: [{ parameter: 'knownAt', detail }] })
  if (first !== undefined && knownAt < first) {
    throw refuse(`lies before the episode was opened, at ${first}: nothing was known of it then`)
  }
  // An entry may have got its moment from a clock that is a little ahead of this one.
  if (now !== null && knownAt > now && (latest === undefined || knownAt > latest)) {
    throw refuse(`lies in the future: it must not be later than now, ${now}`)
  }
}

/** Ids of the versions that the episode followed then. */
export function assignedIn(entries: readonly StoredEntry[], knownAt: Instant): readonly string[] {
  const assignment = entries.findLast((entry) => entry.kind === 'assignment' && entry.recordedAt <= knownAt)
  return assignment?.kind === 'assignment' ? assignment.versions : []
}
