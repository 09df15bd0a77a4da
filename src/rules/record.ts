import { type DayNumber, dayNumber } from './calendar-date.ts'
import { compareText } from './compile.ts'
import type {
  AssignmentEntry,
  ClosureEntry,
  FactEntry,
  HoldEntry,
  Instant,
  MilestoneEntry,
  OverrideEntry,
  RecordEntry,
  SurgeryEntry,
  SymptomEntry,
} from './types.ts'

/** An entry that counts from `from` on and, unless `until` is null, up to the day before `until`. */
export interface Lasting<Entry> {
  entry: Entry
  from: DayNumber
  until: DayNumber | null
}

/** What was on record at one moment: recorded by then and not voided by then, whatever its date. */
export interface KnownRecord {
  revision: number
  surgery: SurgeryEntry
  surgeryDay: DayNumber
  assignment: AssignmentEntry | null
  /** In the order of recording. */
  closures: readonly Lasting<ClosureEntry>[]
  /** By code; of each the earliest date first. A revocation ends one. */
  milestones: ReadonlyMap<string, readonly Lasting<MilestoneEntry>[]>
  /** By code; of each the latest date last, and of one date the one recorded last. */
  facts: ReadonlyMap<string, readonly { entry: FactEntry; day: DayNumber }[]>
  /** Until they are resolved. */
  symptoms: readonly Lasting<SymptomEntry>[]
  /** By date, then by id. */
  overrides: readonly Lasting<OverrideEntry>[]
  holds: readonly Lasting<HoldEntry>[]
}

/** True while `day` lies in the half-open span; `until` null has no end. */
export function covers(span: { from: DayNumber; until: DayNumber | null }, day: DayNumber): boolean {
  return span.from <= day && (span.until === null || day < span.until)
}

/** The entries in the order in which they were recorded, up to that moment. */
function inOrder(entries: readonly RecordEntry[], knownAt: Instant): readonly RecordEntry[] {
  // As a rule they are known, and come in order already.
  let last = Number.NEGATIVE_INFINITY
  for (const { revision, recordedAt } of entries) {
    if (revision < last || recordedAt > knownAt) {
      return entries.filter((entry) => entry.recordedAt <= knownAt).sort((a, b) => a.revision - b.revision)
    }
    last = revision
  }
  return entries
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

function earlier(known: DayNumber | undefined, day: DayNumber): DayNumber {
  return Math.min(known ?? day, day)
}

/** What later entries end: ids of what is void, and the day on which a milestone is revoked or a symptom resolved. */
interface Ends {
  voided: ReadonlySet<string>
  revokedOn: ReadonlyMap<string, DayNumber>
  resolvedOn: ReadonlyMap<string, DayNumber>
}

const noEnds: Ends = { voided: new Set(), revokedOn: new Map(), resolvedOn: new Map() }

function findEnds(recorded: readonly RecordEntry[]): Ends {
  if (!recorded.some(({ kind }) => kind === 'void' || kind === 'revocation' || kind === 'resolution')) return noEnds
  const voided = new Set<string>()
  const revokedOn = new Map<string, DayNumber>()
  const resolvedOn = new Map<string, DayNumber>()
  for (const entry of recorded) if (entry.kind === 'void') voided.add(entry.entry)
  for (const entry of recorded) {
    if (entry.kind === 'revocation' && !voided.has(entry.id)) {
      revokedOn.set(entry.milestone, earlier(revokedOn.get(entry.milestone), dayNumber(entry.on)))
    } else if (entry.kind === 'resolution' && !voided.has(entry.id)) {
      resolvedOn.set(entry.symptom, earlier(resolvedOn.get(entry.symptom), dayNumber(entry.on)))
    }
  }
  return { voided, revokedOn, resolvedOn }
}

function byDate<Entry extends { id: string }>(a: Lasting<Entry>, b: Lasting<Entry>): number {
  return a.from - b.from || compareText(a.entry.id, b.entry.id)
}

/**
 * Reads the record as it was known at `knownAt`; null if the surgery was not on record then. The order of `entries` does
 * not matter: their revisions give the order of recording.
 */
export function readRecord(entries: readonly RecordEntry[], knownAt: Instant): KnownRecord | null {
  const recorded = inOrder(entries, knownAt)
  const { voided, revokedOn, resolvedOn } = findEnds(recorded)
  let surgery: SurgeryEntry | null = null
  let assignment: AssignmentEntry | null = null
  const closures: Lasting<ClosureEntry>[] = []
  const milestones = new Map<string, Lasting<MilestoneEntry>[]>()
  const facts = new Map<string, { entry: FactEntry; day: DayNumber }[]>()
  const symptoms: Lasting<SymptomEntry>[] = []
  const overrides: Lasting<OverrideEntry>[] = []
  const holds: Lasting<HoldEntry>[] = []
  const spanOf = (entry: OverrideEntry | HoldEntry) => ({
    from: dayNumber(entry.from),
    until: entry.until === null ? null : dayNumber(entry.until),
  })

  for (const entry of recorded) {
    if (voided.has(entry.id)) continue
    switch (entry.kind) {
      case 'surgery':
        surgery = entry
        break
      case 'assignment':
        assignment = entry
        break
      case 'closure':
        closures.push({ entry, from: dayNumber(entry.on), until: null })
        break
      case 'milestone':
        append(milestones, entry.code, { entry, from: dayNumber(entry.on), until: revokedOn.get(entry.id) ?? null })
        break
      case 'fact':
        append(facts, entry.code, { entry, day: dayNumber(entry.on) })
        break
      case 'symptom':
        symptoms.push({ entry, from: dayNumber(entry.on), until: resolvedOn.get(entry.id) ?? null })
        break
      case 'override':
        overrides.push({ entry, ...spanOf(entry) })
        break
      case 'hold':
        holds.push({ entry, ...spanOf(entry) })
        break
    }
  }
  if (surgery === null) return null

  for (const list of milestones.values()) list.sort((a, b) => a.from - b.from)
  for (const list of facts.values()) list.sort((a, b) => a.day - b.day)
  return {
    revision: recorded.at(-1)?.revision ?? 0,
    surgery,
    surgeryDay: dayNumber(surgery.surgeryDate),
    assignment,
    closures,
    milestones,
    facts,
    symptoms,
    overrides: overrides.sort(byDate),
    holds: holds.sort(byDate),
  }
}
