import {
  type CalendarDate,
  daysBetween,
  type FactEntry,
  type FactValue,
  type MilestoneEntry,
  type ProtocolDocument,
  type RecordEntry,
} from '../src/rules/index.ts'

/**
 * What of a record a condition can ask about, as values that any engine can compare: `days` since the surgery; for
 * each milestone that the document declares, by its place, `since0` days since it was reached, −1 while it is not; for
 * each fact `value0` and `age0`, how many days old the latest value is, −1 if there is none.
 */
export type Variables = Record<string, FactValue>

/** Reads a record whose entries are all known; `on` is the date asked about. */
export function takeSnapshot(
  { milestones, facts }: ProtocolDocument,
  entries: readonly RecordEntry[],
  on: CalendarDate,
): Variables {
  const voided = new Set(entries.flatMap((entry) => (entry.kind === 'void' ? [entry.entry] : [])))
  const standing = entries.filter((entry) => !voided.has(entry.id) && (!('on' in entry) || entry.on <= on))
  const revoked = new Set(standing.flatMap((entry) => (entry.kind === 'revocation' ? [entry.milestone] : [])))
  const surgery = standing.find((entry) => entry.kind === 'surgery')
  const reached = standing.filter(
    (entry): entry is MilestoneEntry => entry.kind === 'milestone' && !revoked.has(entry.id),
  )
  const observed = standing.filter((entry): entry is FactEntry => entry.kind === 'fact')
  const variables: Variables = { days: surgery === undefined ? 0 : daysBetween(surgery.surgeryDate, on) }
  milestones.forEach(({ code, grantedBy }, index) => {
    const dates = reached
      .filter((entry) => entry.code === code)
      .filter((entry) => grantedBy === undefined || grantedBy.includes(entry.grantedBy ?? ''))
      .map((entry) => entry.on)
      .sort()
    variables[`since${index}`] = dates[0] === undefined ? -1 : daysBetween(dates[0], on)
  })
  facts.forEach(({ code, type }, index) => {
    const latest = observed
      .filter((entry) => entry.code === code)
      .sort((a, b) => daysBetween(b.on, a.on) || a.revision - b.revision)
      .at(-1)
    variables[`value${index}`] = latest?.value ?? (type === 'number' ? 0 : type === 'boolean' ? false : '')
    variables[`age${index}`] = latest === undefined ? -1 : daysBetween(latest.on, on)
  })
  return variables
}
