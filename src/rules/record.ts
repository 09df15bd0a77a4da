import type {
  AssignmentEntry,
  CalendarDate,
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

/** What was on record at one moment: recorded by then, not voided by then, dated on or before the date asked about. */
export interface KnownRecord {
  revision: number
  surgery: SurgeryEntry
  assignment: AssignmentEntry | null
  closure: ClosureEntry | null
  /** With the first date on which each no longer counts, if it was revoked. */
  milestones: readonly { entry: MilestoneEntry; revokedOn: CalendarDate | null }[]
  /** Latest last. */
  facts: readonly FactEntry[]
  openSymptoms: readonly SymptomEntry[]
  overrides: readonly OverrideEntry[]
  holds: readonly HoldEntry[]
}

/** True while `on` lies in the half-open span; `until` null has no end. */
export function covers(span: { from: CalendarDate; until: CalendarDate | null }, on: CalendarDate): boolean {
  return span.from <= on && (span.until === null || on < span.until)
}

/**
 * Reads the record as it was known at `knownAt` about `on`; null if the surgery was not on record then.
 * The order of `entries` does not matter: their revisions give the order of recording.
 */
export function readRecord(entries: readonly RecordEntry[], on: CalendarDate, knownAt: Instant): KnownRecord | null {
  const recorded = entries.filter((entry) => entry.recordedAt <= knownAt).sort((a, b) => a.revision - b.revision)
  const voided = new Set(recorded.flatMap((entry) => (entry.kind === 'void' ? [entry.entry] : [])))
  const standing = recorded.filter((entry) => !voided.has(entry.id))

  let surgery: SurgeryEntry | null = null
  let assignment: AssignmentEntry | null = null
  let closure: ClosureEntry | null = null
  const milestones: MilestoneEntry[] = []
  const facts: FactEntry[] = []
  const symptoms: SymptomEntry[] = []
  const overrides: OverrideEntry[] = []
  const holds: HoldEntry[] = []
  const revokedOn = new Map<string, CalendarDate>()
  const resolved = new Set<string>()

  for (const entry of standing) {
    if (entry.kind === 'surgery') surgery = entry
    else if (entry.kind === 'assignment') assignment = entry
    else if (entry.kind === 'milestone' && entry.on <= on) milestones.push(entry)
    else if (entry.kind === 'fact' && entry.on <= on) facts.push(entry)
    else if (entry.kind === 'symptom' && entry.on <= on) symptoms.push(entry)
    else if (entry.kind === 'override' && entry.from <= on) overrides.push(entry)
    else if (entry.kind === 'hold' && entry.from <= on) holds.push(entry)
    else if (entry.kind === 'closure' && entry.on <= on) closure ??= entry
    else if (entry.kind === 'resolution' && entry.on <= on) resolved.add(entry.symptom)
    else if (entry.kind === 'revocation' && entry.on <= on) {
      const earlier = revokedOn.get(entry.milestone)
      if (earlier === undefined || entry.on < earlier) revokedOn.set(entry.milestone, entry.on)
    }
  }
  if (surgery === null) return null

  return {
    revision: recorded.at(-1)?.revision ?? 0,
    surgery,
    assignment,
    closure,
    milestones: milestones.map((entry) => ({ entry, revokedOn: revokedOn.get(entry.id) ?? null })),
    facts: facts.sort((a, b) => (a.on < b.on ? -1 : a.on > b.on ? 1 : a.revision - b.revision)),
    openSymptoms: symptoms.filter((entry) => !resolved.has(entry.id)),
    overrides,
    holds,
  }
}
