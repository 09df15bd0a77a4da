import type { DayNumber } from './calendar-date.ts'
import type { Bound, Test, When } from './compile.ts'
import { isGranted, phaseOf, type Situation, truthOf, type View, viewOn } from './situation.ts'
import { isFalse } from './truth.ts'

function addLater(days: DayNumber[], after: DayNumber, day: DayNumber): void {
  if (day > after) days.push(day)
}

function addBounds(days: DayNumber[], after: DayNumber, anchor: DayNumber, { atLeast, before }: Bounds): void {
  for (const bound of [atLeast, before]) {
    if (bound === null) continue
    addLater(days, after, anchor + bound.possible)
    if (bound.sure !== bound.possible) addLater(days, after, anchor + bound.sure)
  }
}

interface Bounds {
  atLeast: Bound | null
  before: Bound | null
}

/** Adds the days after `after` on which the test can change, from the record as it is known, later entries too. */
function addChanges(days: DayNumber[], after: DayNumber, test: Test, { compiled, record }: Situation): void {
  if (test.op === 'days' && test.milestone === null) addBounds(days, after, record.surgeryDay, test)
  else if (test.op === 'milestone' || test.op === 'days') {
    const milestone = compiled.milestones[test.milestone ?? -1]
    for (const { entry, from, until } of record.milestones.get(milestone?.named.code ?? '') ?? []) {
      if (!isGranted(milestone?.roles ?? [], entry.grantedBy)) continue
      addLater(days, after, from)
      if (until !== null) addLater(days, after, until)
      if (test.op === 'days') addBounds(days, after, from, test)
      // One that nobody revokes hides all of a later date.
      if (until === null) break
    }
  } else if (test.op === 'fact') {
    for (const { day } of record.facts.get(compiled.facts[test.fact]?.code ?? '') ?? []) {
      addLater(days, after, day)
      if (test.written.withinDays !== undefined) addLater(days, after, day + test.written.withinDays + 1)
    }
  }
}

function inOrder(days: DayNumber[]): DayNumber[] {
  if (days.length < 2) return days
  days.sort((a, b) => a - b)
  return days.filter((day, index) => day !== days[index - 1])
}

/** The days on which the test can change, in order; found once for a situation. */
function changesOf(situation: Situation, index: number): readonly DayNumber[] {
  const known = situation.changes[index]
  if (known !== undefined) return known
  const days = inOrder(listChanges([index], situation, Number.NEGATIVE_INFINITY))
  situation.changes[index] = days
  return days
}

function listChanges(tests: Iterable<number>, situation: Situation, after: DayNumber): DayNumber[] {
  const days: DayNumber[] = []
  for (const index of tests) {
    const test = situation.compiled.tests[index]
    if (test !== undefined) addChanges(days, after, test, situation)
  }
  return days
}

/** The days on which one of the tests can change, in order. */
export function changesOfTests(situation: Situation, tests: Iterable<number>): readonly DayNumber[] {
  const days: DayNumber[] = []
  for (const test of tests) for (const day of changesOf(situation, test)) days.push(day)
  return inOrder(days)
}

/** The days on which the current phase can change, in order; found once for a situation. */
function changesOfPhases(situation: Situation): readonly DayNumber[] {
  situation.phaseChanges ??= inOrder(listChanges(situation.compiled.testsOfPhases, situation, Number.NEGATIVE_INFINITY))
  return situation.phaseChanges
}

/** First day of the unbroken run of days, ending with `day`, in which the same phase has been the current one. */
export function phaseSince(situation: Situation, day: DayNumber): DayNumber {
  const { record } = situation
  const current = phaseOf(viewOn(situation, day))
  const days = changesOfPhases(situation)
  let since = day
  for (let index = days.length - 1; index >= 0; index -= 1) {
    const earlier = days[index] ?? day
    if (earlier > day) continue
    if (phaseOf(viewOn(situation, earlier)) !== current) return since
    since = earlier
  }
  // Before the first change there is but one phase; if it is this one, it counts from the surgery, or from the day itself.
  const { surgeryDay } = record
  return surgeryDay < since && phaseOf(viewOn(situation, surgeryDay)) === current ? surgeryDay : since
}

/** First day after the view's on which the condition is false if nothing more is recorded; null: time alone does not end it. */
export function endOf(when: When | null, view: View): DayNumber | null {
  if (when === null) return null
  const known = view.ends[when.index]
  if (known !== undefined) return known
  const { situation, day } = view
  let end: DayNumber | null = null
  for (const later of inOrder(listChanges(when.decisive, situation, day))) {
    if (truthOf(when, viewOn(situation, later)) !== isFalse) continue
    end = later
    break
  }
  view.ends[when.index] = end
  return end
}
