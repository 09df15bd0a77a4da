import { addDays } from './calendar-date.ts'
import { evaluate, leavesOf, type Situation } from './condition.ts'
import type { CalendarDate, Condition } from './types.ts'

/** Index of the last phase of the longest prefix whose entry conditions are all true; null if the first is not. */
export function phaseAt(situation: Situation, on: CalendarDate): number | null {
  const blocked = situation.document.phases.findIndex((phase) => evaluate(phase.entry, situation, { on }) !== 'true')
  const reached = (blocked === -1 ? situation.document.phases.length : blocked) - 1
  return reached < 0 ? null : reached
}

/** The dates on which the truth of one of `conditions` can change, given the record; ascending. */
function datesOfChange(conditions: readonly Condition[], situation: Situation): CalendarDate[] {
  const { surgery, milestones, facts } = situation.record
  const dates = new Set<CalendarDate>([surgery.surgeryDate])
  for (const { entry, revokedOn } of milestones) {
    dates.add(entry.on)
    if (revokedOn !== null) dates.add(revokedOn)
  }
  for (const leaf of conditions.flatMap((condition) => [...leavesOf(condition)])) {
    if ('days' in leaf) {
      const { since, atLeast, before } = leaf.days
      const anchors =
        since === undefined
          ? [surgery.surgeryDate]
          : milestones.filter(({ entry }) => entry.code === since).map(({ entry }) => entry.on)
      for (const anchor of anchors) {
        if (atLeast !== undefined) dates.add(addDays(anchor, atLeast))
        if (before !== undefined) dates.add(addDays(anchor, before))
      }
    } else if ('fact' in leaf) {
      for (const entry of facts.filter((candidate) => candidate.code === leaf.fact)) {
        dates.add(entry.on)
        if (leaf.withinDays !== undefined) dates.add(addDays(entry.on, leaf.withinDays + 1))
      }
    }
  }
  return [...dates].sort()
}

function phaseEntries(situation: Situation): Condition[] {
  return situation.document.phases.map((phase) => phase.entry)
}

/** First date of the unbroken run of days, ending with `on`, in which phase `current` has been the current one. */
export function phaseSince(situation: Situation, current: number, on: CalendarDate): CalendarDate {
  const earlier = datesOfChange(phaseEntries(situation), situation).filter((date) => date <= on)
  let since = on
  for (const date of earlier.reverse()) {
    if (phaseAt(situation, date) !== current) break
    since = date
  }
  return since
}

/** First date after `on` on which the condition is false if nothing more is recorded; null: time alone does not end it. */
export function endOf(condition: Condition | undefined, situation: Situation, on: CalendarDate): CalendarDate | null {
  if (condition === undefined) return null
  const conditions = [condition, ...phaseEntries(situation)]
  const later = datesOfChange(conditions, situation).filter((date) => date > on)
  return (
    later.find((date) => {
      const moment = { on: date, phase: phaseAt(situation, date) }
      return evaluate(condition, situation, moment) === 'false'
    }) ?? null
  )
}
