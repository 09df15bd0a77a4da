import { addDays } from './calendar-date.ts'
import { evaluate, leavesOf, milestoneDate, type Situation } from './condition.ts'
import type { CalendarDate, Condition } from './types.ts'

/** Index of the last phase of the longest prefix whose entry conditions are all true; null if the first is not. */
export function phaseAt(situation: Situation, on: CalendarDate): number | null {
  const known = situation.found.phases.get(on)
  if (known !== undefined) return known
  const { phases } = situation.document
  const blocked = phases.findIndex((phase) => evaluate(phase.entry, situation, { on }) !== 'true')
  const reached = (blocked === -1 ? phases.length : blocked) - 1
  const found = reached < 0 ? null : reached
  situation.found.phases.set(on, found)
  return found
}

/** The tests of a condition that time can change: of days, and of facts that grow old. */
function* timedLeaves(conditions: readonly Condition[]) {
  for (const condition of conditions) {
    for (const leaf of leavesOf(condition)) if ('days' in leaf || 'fact' in leaf) yield leaf
  }
}

/** Every date up to `on` on which the truth of one of `conditions` can have changed, latest first. */
function pastChanges(conditions: readonly Condition[], situation: Situation, on: CalendarDate): CalendarDate[] {
  const { surgery, milestones, facts } = situation.record
  const dates = new Set<CalendarDate>([surgery.surgeryDate])
  for (const { entry, revokedOn } of milestones) {
    dates.add(entry.on)
    if (revokedOn !== null) dates.add(revokedOn)
  }
  for (const leaf of timedLeaves(conditions)) {
    if ('days' in leaf) {
      const { since } = leaf.days
      const anchors =
        since === undefined
          ? [surgery.surgeryDate]
          : milestones.filter(({ entry }) => entry.code === since).map(({ entry }) => entry.on)
      for (const anchor of anchors) addBounds(dates, anchor, leaf.days)
    } else {
      for (const entry of facts) {
        if (entry.code !== leaf.fact) continue
        dates.add(entry.on)
        if (leaf.withinDays !== undefined) dates.add(addDays(entry.on, leaf.withinDays + 1))
      }
    }
  }
  return [...dates]
    .filter((date) => date <= on)
    .sort()
    .reverse()
}

/** Every date after `on` on which time alone can change the truth of one of `conditions`, soonest first. */
function comingChanges(conditions: readonly Condition[], situation: Situation, on: CalendarDate): CalendarDate[] {
  const { surgery, facts } = situation.record
  const dates = new Set<CalendarDate>()
  for (const leaf of timedLeaves(conditions)) {
    if ('days' in leaf) {
      // After `on` nothing more is recorded: what counts now goes on counting.
      const { since } = leaf.days
      const anchor = since === undefined ? surgery.surgeryDate : milestoneDate(situation, since, on)
      if (anchor !== null) addBounds(dates, anchor, leaf.days)
    } else if (leaf.withinDays !== undefined) {
      const latest = facts.findLast((entry) => entry.code === leaf.fact)
      if (latest !== undefined) dates.add(addDays(latest.on, leaf.withinDays + 1))
    }
  }
  return [...dates].filter((date) => date > on).sort()
}

function addBounds(
  dates: Set<CalendarDate>,
  anchor: CalendarDate,
  { atLeast, before }: { atLeast?: number; before?: number },
): void {
  if (atLeast !== undefined) dates.add(addDays(anchor, atLeast))
  if (before !== undefined) dates.add(addDays(anchor, before))
}

function phaseEntries(situation: Situation): Condition[] {
  return situation.document.phases.map((phase) => phase.entry)
}

/** First date of the unbroken run of days, ending with `on`, in which phase `current` has been the current one. */
export function phaseSince(situation: Situation, current: number, on: CalendarDate): CalendarDate {
  let since = on
  for (const date of pastChanges(phaseEntries(situation), situation, on)) {
    if (phaseAt(situation, date) !== current) break
    since = date
  }
  return since
}

/** First date after `on` on which the condition is false if nothing more is recorded; null: time alone does not end it. */
export function endOf(condition: Condition | undefined, situation: Situation, on: CalendarDate): CalendarDate | null {
  if (condition === undefined) return null
  const asksForPhase = [...leavesOf(condition)].some((leaf) => 'phase' in leaf)
  const conditions = asksForPhase ? [condition, ...phaseEntries(situation)] : [condition]
  const ended = comingChanges(conditions, situation, on).find((date) => {
    const moment = asksForPhase ? { on: date, phase: phaseAt(situation, date) } : { on: date }
    return evaluate(condition, situation, moment) === 'false'
  })
  return ended ?? null
}
