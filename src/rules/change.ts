import type { DayNumber } from './calendar-date.ts'
import type { Bound, Test, When } from './compile.ts'
import type { Lasting } from './record.ts'
import { isGranted, type Situation, truthOf, type View, viewOn } from './situation.ts'
import { isFalse } from './truth.ts'
import type { MilestoneEntry } from './types.ts'

/** The entries of a milestone that count on some day; one that nobody revokes hides all of a later date. */
function standing({ compiled, record }: Situation, index: number): readonly Lasting<MilestoneEntry>[] {
  const milestone = compiled.milestones[index]
  const entries = record.milestones.get(milestone?.named.code ?? '')
  if (entries === undefined) return []
  const granted = entries.filter(({ entry }) => isGranted(milestone?.roles ?? [], entry.grantedBy))
  const last = granted.findIndex(({ until }) => until === null)
  return last === -1 ? granted : granted.slice(0, last + 1)
}

interface Bounds {
  atLeast: Bound | null
  before: Bound | null
}

function addBounds(days: DayNumber[], anchor: DayNumber, { atLeast, before }: Bounds): void {
  if (atLeast !== null) days.push(anchor + atLeast.possible, anchor + atLeast.sure)
  if (before !== null) days.push(anchor + before.possible, anchor + before.sure)
}

/** The days on which what the test says can change, from the record as it is known, later entries too. */
function listChanges(test: Test, situation: Situation): DayNumber[] {
  const { compiled, record } = situation
  const days: DayNumber[] = []
  if (test.op === 'days' && test.milestone === null) addBounds(days, record.surgeryDay, test)
  else if (test.op === 'milestone' || test.op === 'days') {
    for (const { from, until } of standing(situation, test.milestone ?? -1)) {
      days.push(from)
      if (until !== null) days.push(until)
      if (test.op === 'days') addBounds(days, from, test)
    }
  } else if (test.op === 'fact') {
    for (const { day } of record.facts.get(compiled.facts[test.fact]?.code ?? '') ?? []) {
      days.push(day)
      if (test.written.withinDays !== undefined) days.push(day + test.written.withinDays + 1)
    }
  }
  return inOrder(days)
}

function inOrder(days: DayNumber[]): DayNumber[] {
  if (days.length < 2) return days
  const isOrdered = days.every((day, index) => index === 0 || (days[index - 1] ?? day) < day)
  if (isOrdered) return days
  days.sort((a, b) => a - b)
  return days.filter((day, index) => day !== days[index - 1])
}

/** The days on which the test can change, in order; found once for a situation. */
function changesOf(situation: Situation, index: number): readonly DayNumber[] {
  const known = situation.changes[index]
  if (known !== undefined) return known
  const test = situation.compiled.tests[index]
  const days = test === undefined ? [] : listChanges(test, situation)
  situation.changes[index] = days
  return days
}

/** The days on which one of the tests can change, in order. */
export function changesOfTests(
  situation: Situation,
  tests: Iterable<number>,
  ...others: readonly DayNumber[]
): readonly DayNumber[] {
  const days = [...others]
  for (const test of tests) for (const day of changesOf(situation, test)) days.push(day)
  return inOrder(days)
}

/** First day of the unbroken run of days, ending with `day`, in which the same phase has been the current one. */
export function phaseSince(situation: Situation, day: DayNumber): DayNumber {
  const { compiled, record } = situation
  const current = viewOn(situation, day).phase
  const days = changesOfTests(situation, compiled.testsOfPhases, record.surgeryDay)
  let since = day
  for (let index = days.length - 1; index >= 0; index -= 1) {
    const earlier = days[index] ?? day
    if (earlier > day) continue
    if (viewOn(situation, earlier).phase !== current) break
    since = earlier
  }
  return since
}

/** First day after the view's on which the condition is false if nothing more is recorded; null: time alone does not end it. */
export function endOf(when: When | null, view: View): DayNumber | null {
  if (when === null) return null
  const known = view.ends[when.index]
  if (known !== undefined) return known
  const { situation, day } = view
  let end: DayNumber | null = null
  for (const later of changesOfTests(situation, when.decisive)) {
    if (later <= day || truthOf(when, viewOn(situation, later)) !== isFalse) continue
    end = later
    break
  }
  view.ends[when.index] = end
  return end
}
