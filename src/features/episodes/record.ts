import type { FastifyRequest } from 'fastify'
import { noteMade, type Transaction } from '../../db/client.ts'
import { requireScope, type Scope } from '../../http/access.ts'
import type { Actor } from '../../http/auth.ts'
import type { Context } from '../../http/context.ts'
import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { CalendarDate, Instant, ProtocolDocument } from '../../rules/index.ts'
import { readVersionsById, type VersionContent } from '../protocols/repository.ts'
import { today } from './plausibility.ts'
import {
  type Episode,
  insertEntries,
  lockEpisode,
  type NewEntry,
  type RecordedEntry,
  readEntry,
  readEpisode,
  readVoids,
  type StoredEntry,
  updateEpisode,
} from './repository.ts'

/** Who records, when, and what "today" is for the clinic. */
export interface Recorder {
  clinicId: string
  actor: Actor
  /** When the request came in. */
  now: Instant
  today: CalendarDate
  clock: () => Temporal.Instant
  nextId: () => string
}

export function recorderOf(request: FastifyRequest, { clock, ids }: Context): Recorder {
  const { actor } = request
  const { clinicId, timeZone } = actor
  const now = clock()
  return { clinicId, actor, now: toInstantText(now), today: today(now, timeZone), clock, nextId: ids }
}

export interface RecordScope {
  tx: Transaction
  recorder: Recorder
  /** Locked until the transaction ends. */
  episode: Episode
}

function episodeNotFound(id: string): ProblemError {
  return new ProblemError('EPISODE_NOT_FOUND', `there is no episode ${id}`)
}

/** Reads the episode with that id; a foreign clinic's is not there. */
export async function requireEpisode(tx: Transaction, clinicId: string, id: string): Promise<Episode> {
  const episode = await readEpisode(tx, clinicId, id)
  if (episode === null) throw episodeNotFound(id)
  return episode
}

/** Works on an episode that nobody else changes meanwhile, in one transaction of the clinic. */
export function inEpisode<Result>(
  request: FastifyRequest,
  context: Context,
  id: string,
  work: (scope: RecordScope) => Promise<Result>,
): Promise<Result> {
  const recorder = recorderOf(request, context)
  return context.db.asClinic(recorder.clinicId, async (tx) => {
    const episode = await lockEpisode(tx, recorder.clinicId, id)
    if (episode === null) throw episodeNotFound(id)
    return work({ tx, recorder, episode })
  })
}

/** The documents of the versions that the episode follows now. */
export async function readDocuments(scope: RecordScope): Promise<ProtocolDocument[]> {
  return (await readFollowed(scope)).map(({ document }) => document)
}

/** The versions that the episode follows. */
export function readFollowed({ tx, recorder, episode }: RecordScope): Promise<VersionContent[]> {
  return readVersionsById(
    tx,
    recorder.clinicId,
    episode.protocols.map(({ versionId }) => versionId),
  )
}

export function requireOpen(episode: Episode): void {
  if (episode.status === 'open') return
  throw new ProblemError('EPISODE_CLOSED', 'nothing can be recorded in a closed episode: void its closure first')
}

/**
 * Appends to the record and brings the episode's row up to date. Every entry gets its own revision and a moment later
 * than the one before, so that an answer "as known at" any moment can be given again. Returns the first.
 */
export async function append(
  { tx, recorder, episode }: RecordScope,
  first: NewEntry,
  ...rest: readonly NewEntry[]
): Promise<RecordedEntry> {
  // Read under the episode's lock: an answer that did not wait for it cannot have asked about a later moment.
  const now = toInstantText(recorder.clock())
  let revision = episode.revision
  let recordedAt = episode.changedAt
  const numbered = [first, ...rest].map((entry) => {
    revision += 1
    recordedAt = momentAfter(recordedAt, now)
    return { ...entry, id: recorder.nextId(), revision, recordedAt }
  })
  for (const { id } of numbered) noteMade(id)
  await insertEntries(
    tx,
    { clinicId: recorder.clinicId, episodeId: episode.id, recordedBy: recorder.actor.id },
    numbered,
  )
  const surgery = numbered.findLast((entry) => entry.kind === 'surgery')
  const assignment = numbered.findLast((entry) => entry.kind === 'assignment')
  await updateEpisode(tx, recorder.clinicId, episode.id, {
    revision,
    changedAt: recordedAt,
    ...(surgery?.kind === 'surgery' && { surgery }),
    ...(assignment?.kind === 'assignment' && { versions: assignment.versions }),
    ...(numbered.some((entry) => entry.kind === 'closure') && { status: 'closed' as const }),
  })
  return { ...numbered[0], recordedBy: recorder.actor.id, voided: null } as RecordedEntry
}

/** The moment that the next entry of a record gets. */
export function momentAfter(last: Instant, now: Instant): Instant {
  return laterOf(now, nextMillisecond(last))
}

function laterOf(a: Instant, b: Instant): Instant {
  return a > b ? a : b
}

function nextMillisecond(moment: Instant): Instant {
  return toInstantText(Temporal.Instant.from(moment).add({ milliseconds: 1 }))
}

/** Every kind of entry that can be voided; the surgery and the assignment are corrected by changing the episode. */
export const voidableKinds = [
  'milestone',
  'revocation',
  'fact',
  'symptom',
  'resolution',
  'override',
  'hold',
  'closure',
] as const

export type VoidableKind = (typeof voidableKinds)[number]

/** An entry of this episode, of this kind, that is not void. */
export async function requireStanding<Kind extends VoidableKind>(
  scope: RecordScope,
  kinds: readonly Kind[],
  id: string,
): Promise<Extract<StoredEntry, { kind: Kind }>> {
  const { tx, recorder, episode } = scope
  const entry = await readEntry(tx, recorder.clinicId, episode.id, id)
  if (entry === null || !isOneOf(entry, kinds)) {
    const what = kinds.length === 1 ? `no ${kinds[0]}` : 'no entry that can be voided with the id'
    throw new ProblemError('ENTRY_NOT_FOUND', `the episode’s record has ${what} ${id}`)
  }
  const voids = await readVoids(tx, recorder.clinicId, episode.id)
  const voided = voids.get(id)
  if (voided !== undefined) {
    throw new ProblemError('ENTRY_ALREADY_VOID', `the entry was voided at ${voided.recordedAt}: ${voided.reason}`)
  }
  return entry
}

function isOneOf<Kind extends StoredEntry['kind']>(
  entry: StoredEntry,
  kinds: readonly Kind[],
): entry is Extract<StoredEntry, { kind: Kind }> {
  return kinds.some((kind) => kind === entry.kind)
}

/** What it takes beside `record:write`, where voiding decides as much as recording did. */
const scopeToVoid: Partial<Record<StoredEntry['kind'], Scope>> = {
  override: 'overrides:write',
  // With it void, the clearance counts again.
  revocation: 'clearances:write',
  closure: 'episodes:write',
}

/** Voids an entry. One of a closed episode can be voided too: a mistake stays a mistake. */
export async function voidEntry(
  scope: RecordScope,
  kinds: readonly VoidableKind[],
  id: string,
  reason: string,
): Promise<RecordedEntry> {
  const entry = await requireStanding(scope, kinds, id)
  const needed = scopeToVoid[entry.kind]
  if (needed !== undefined) requireScope(scope.recorder.actor, needed, `to void this ${entry.kind}`)
  const voiding = await append(scope, { kind: 'void', entry: id, reason })
  // Nothing is recorded in a closed episode, so that it has one closure at most.
  if (entry.kind === 'closure') {
    const { revision, recordedAt } = voiding
    await updateEpisode(scope.tx, scope.recorder.clinicId, scope.episode.id, {
      revision,
      changedAt: recordedAt,
      status: 'open',
    })
  }
  return voiding
}
