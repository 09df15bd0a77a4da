import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Database } from '../../db/client.ts'
import { type CalendarDate, type Derivation, derive, type Instant, type ProtocolVersion } from '../../rules/index.ts'
import { findMisfit, type Misfit } from '../episodes/assignment.ts'
import { type EpisodeThen, readCaseload } from '../episodes/caseload.ts'
import { proceduresOf, type StoredEntry } from '../episodes/repository.ts'
import { readVersionsById } from '../protocols/repository.ts'
import { addHidden, compareAnswers, compareReadings, type Effect, type HiddenBy } from './consequences.ts'
import { createVersionShelf } from './shelf.ts'

/** What an episode is asked about twice: with the versions that it follows, and with others. */
export interface Comparison {
  entries: readonly StoredEntry[]
  before: readonly ProtocolVersion[]
  after: readonly ProtocolVersion[]
  on: CalendarDate
  knownAt: Instant
}

/** The answer of a date, as the record stands, with these versions assigned. */
function answerWith(versions: readonly ProtocolVersion[], { entries, on, knownAt }: Comparison): Derivation {
  const known = entries.filter((entry) => entry.recordedAt <= knownAt)
  const last = known.at(-1)
  const assigned: StoredEntry = {
    kind: 'assignment',
    id: 'assigned',
    revision: (last?.revision ?? 0) + 1,
    recordedAt: knownAt,
    recordedBy: '',
    versions: versions.map(({ id }) => id),
  }
  const answer = derive({ versions, entries: [...known, assigned], on, knownAt, ahead: false })
  if (answer === null) throw new Error('an episode’s record begins with its surgery')
  return answer
}

/**
 * What the patient's answer of that date would be another one by, and what would only show once a hold, an open red flag
 * or an override is over, or on the day of a surgery that lies ahead. Nothing is written.
 */
export function weigh(comparison: Comparison): Effect {
  const { before, after, on } = comparison
  const [was, is] = [answerWith(before, comparison), answerWith(after, comparison)]
  const { surgeryDate } = was.surgery
  const steps: { hidden: HiddenBy; on: CalendarDate; without: readonly StoredEntry['kind'][] }[] = []
  if (was.status === 'on-hold' || is.status === 'on-hold') steps.push({ hidden: 'hold', on, without: withholding })
  if (hasOverride(comparison, on)) steps.push({ hidden: 'override', on, without: deciding })
  if (surgeryDate > on) {
    steps.push({ hidden: 'surgery', on: surgeryDate, without: withholding })
    if (hasOverride(comparison, surgeryDate)) steps.push({ hidden: 'override', on: surgeryDate, without: deciding })
  }
  return steps.reduce(
    (effect, { hidden, on: day, without }) => {
      const entries = comparison.entries.filter(({ kind }) => !without.includes(kind))
      const then = { ...comparison, entries, on: day }
      return addHidden(effect, hidden, compareAnswers(answerWith(before, then), answerWith(after, then)))
    },
    withReadings(compareAnswers(was, is), comparison),
  )
}

function withReadings(effect: Effect, { before, after, entries, knownAt }: Comparison): Effect {
  const documentsOf = (versions: readonly ProtocolVersion[]) => versions.map(({ document }) => document)
  const isRecorded = (code: string): boolean => {
    const known = entries.filter((entry) => entry.recordedAt <= knownAt)
    return known.some((entry) => entry.kind === 'fact' && entry.code === code && !isVoided(entry.id, known))
  }
  const readings = compareReadings(documentsOf(before), documentsOf(after), isRecorded)
  return readings.length === 0 ? effect : { outcome: 'changed', consequences: [...effect.consequences, ...readings] }
}

function isVoided(id: string, entries: readonly StoredEntry[]): boolean {
  return entries.some((entry) => entry.kind === 'void' && entry.entry === id)
}

const withholding: readonly StoredEntry['kind'][] = ['hold', 'symptom']
const deciding: readonly StoredEntry['kind'][] = [...withholding, 'override']

function hasOverride({ entries, knownAt }: Comparison, on: CalendarDate): boolean {
  if (!entries.some(({ kind }) => kind === 'override')) return false
  const known = entries.filter((entry) => entry.recordedAt <= knownAt)
  return known.some(
    (entry) =>
      entry.kind === 'override' &&
      entry.from <= on &&
      (entry.until === null || on < entry.until) &&
      !isVoided(entry.id, known),
  )
}

export interface Candidate {
  /** In whose place it is put. */
  instead: ReadonlyMap<string, number>
  version: ProtocolVersion
}

/** An open episode, the version that it follows, and what the candidate would make of its answer. */
export interface Weighed extends Effect {
  episode: EpisodeThen
  /** Number of the version that it follows. */
  follows: number
  /** Why it cannot follow the candidate; its answer is not compared then. */
  misfit: Misfit | null
}

/**
 * Weighs the candidate for every open episode that follows one of the versions in whose place it is put, page by page.
 * The event loop has its turn between them.
 */
export async function* weighCaseload(
  db: Pick<Database, 'asClinic' | 'pool'>,
  clinicId: string,
  { instead, version: given }: Candidate,
  { on, knownAt }: { on: CalendarDate; knownAt: Instant },
): AsyncGenerator<Weighed[]> {
  const shelf = createVersionShelf()
  const version = shelf.put(given)
  for await (const page of readCaseload(db.pool, { clinicId, versions: [...instead.keys()], knownAt })) {
    const versions = await shelf.take(
      page.flatMap(({ following }) => following),
      (ids) => db.asClinic(clinicId, (tx) => readVersionsById(tx, clinicId, ids)),
    )
    yield page.map((episode) => {
      const before = episode.following.flatMap((id) => versions.get(id) ?? [])
      const after = before.map((one) => (instead.has(one.id) ? version : one))
      const follows = episode.following.map((id) => instead.get(id)).find((number) => number !== undefined) ?? 0
      const entries = episode.entries.filter((entry) => entry.recordedAt <= knownAt)
      const misfit = findMisfit(after, proceduresOf({ entries }))
      if (misfit !== null) return { episode, follows, misfit, outcome: 'unchanged', consequences: [] }
      return { episode, follows, misfit, ...weigh({ entries, before, after, on, knownAt }) }
    })
    await nextTurn()
  }
}
