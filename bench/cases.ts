import { readLibrary } from '../src/features/clinics/library.ts'
import {
  addDays,
  type CalendarDate,
  type FactDeclaration,
  type FactValue,
  type Instant,
  type ProtocolVersion,
  type RecordEntry,
} from '../src/rules/index.ts'
import { everyKindOfRule } from './every-kind-of-rule.ts'
import { pick, seededRandom } from './random.ts'
import { takeSnapshot, type Variables } from './snapshot.ts'

export interface Case {
  version: ProtocolVersion
  entries: readonly RecordEntry[]
  on: CalendarDate
  knownAt: Instant
  /** What the peers are handed instead of the record, worked out beforehand. */
  variables: Variables
}

export const surgeryDate = '2026-03-02' as CalendarDate
export const knownAt = '2027-12-31T00:00:00.000Z' as Instant

/** Both sides of the days on which the protocols change their mind, and days far from them. */
const askedDays = [-1, 0, 1, 6, 7, 13, 14, 20, 27, 28, 41, 42, 43, 55, 56, 83, 84, 120, 180, 364]
const recordedDays = [0, 1, 3, 6, 7, 10, 14, 21, 28, 35, 41, 42, 43, 50, 60, 84, 90, 120]

export function momentOf(revision: number): Instant {
  return new Date(Date.UTC(2026, 2, 2, 8) + revision * 60_000).toISOString() as Instant
}

/** The surgery and the assignment of the version: what every record begins with. */
export function openRecord(version: ProtocolVersion): RecordEntry[] {
  const { procedures } = version.document
  return [
    {
      kind: 'surgery',
      id: 'surgery',
      revision: 1,
      recordedAt: momentOf(1),
      surgeryDate,
      procedures,
      levels: ['L4-L5'],
      side: 'left',
    },
    { kind: 'assignment', id: 'assignment', revision: 2, recordedAt: momentOf(2), versions: [version.id] },
  ]
}

export function randomValue(fact: FactDeclaration, random: () => number): FactValue {
  if (fact.type === 'boolean') return random() < 0.5
  if (fact.type === 'number') {
    const least = fact.min ?? 0
    return least + Math.floor(random() * ((fact.max ?? least + 10) - least + 1))
  }
  return pick(fact.values ?? ['some text'], random)
}

/** Milestones on and off, in time and late, granted by the right role and by another, revoked, void; facts likewise. */
function randomRecord(version: ProtocolVersion, random: () => number): RecordEntry[] {
  const entries = openRecord(version)
  const head = () => {
    const revision = entries.length + 1
    return { id: `entry-${revision}`, revision, recordedAt: momentOf(revision) }
  }
  // Rather early than late, so that later phases are reached as well.
  const date = () =>
    addDays(
      surgeryDate,
      pick(recordedDays, () => random() ** 2),
    )
  const likelihood = pick([0.2, 0.7, 1, 1], random)
  for (const milestone of version.document.milestones) {
    while (random() < likelihood * 0.95) {
      const own = head()
      const role = random() < 0.95 ? (milestone.grantedBy?.[0] ?? null) : 'patient'
      entries.push({ kind: 'milestone', ...own, code: milestone.code, on: date(), grantedBy: role })
      if (random() < 0.1) entries.push({ kind: 'revocation', ...head(), milestone: own.id, on: date(), reason: '' })
      if (random() < 0.1) entries.push({ kind: 'void', ...head(), entry: own.id, reason: '' })
      if (random() < 0.7) break
    }
  }
  for (const fact of version.document.facts) {
    while (random() < 0.8) {
      const own = head()
      entries.push({ kind: 'fact', ...own, code: fact.code, value: randomValue(fact, random), on: date() })
      if (random() < 0.1) entries.push({ kind: 'void', ...head(), entry: own.id, reason: '' })
    }
  }
  return entries
}

export const versions: readonly ProtocolVersion[] = [
  ...readLibrary().protocols.map(({ document }) => document),
  everyKindOfRule,
].map((document) => ({ id: document.code, version: 1, document }))

/** `recordsPerVersion` records of each version, each asked about on every one of `days`. */
export function makeCases(recordsPerVersion: number, days: readonly number[] = askedDays): Case[] {
  const random = seededRandom(20_261_120)
  return versions.flatMap((version) =>
    Array.from({ length: recordsPerVersion }, () => randomRecord(version, random)).flatMap((entries) =>
      days.map((day) => {
        const on = addDays(surgeryDate, day)
        return { version, entries, on, knownAt, variables: takeSnapshot(version.document, entries, on) }
      }),
    ),
  )
}
