import type { DayNumber } from './calendar-date.ts'
import type { Test, When } from './compile.ts'
import { isGranted, phaseOf, type Situation, truthOf, type View, viewOn } from './situation.ts'
import { isFalse } from './truth.ts'

type Bounds = Pick<Extract<Test, { op: 'days' }>, 'atLeast' | 'before'>

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

/** `bounds` null: the milestone itself is tested, not how long ago it was reached. */
function addMilestone(
  days: DayNumber[],
  after: DayNumber,
  index: number,
  bounds: Bounds | null,
  { compiled, record }: Situation,
): void {
  const milestone = compiled.milestones[index]
  if (milestone === undefined) return
  for (const { entry, from, until } of record.milestones.get(milestone.named.code) ?? []) {
    if (!isGranted(milestone.roles, entry.grantedBy)) continue
    addLater(days, after, from)
    if (until !== null) addLater(days, after, until)
    if (bounds !== null) addBounds(days, after, from, bounds)
    // One that nobody revokes hides all of a later date.
    if (until === null) break
  }
}

/** Adds the days after `after` on which the test can change, from the record as it is known, later entries too. */
function addChanges(days: DayNumber[], after: DayNumber, test: Test, situation: Situation): void {
  const { compiled, record } = situation
  switch (test.op) {
    case 'days':
      if (test.milestone === null) addBounds(days, after, record.surgeryDay, test)
      else addMilestone(days, after, test.milestone, test, situation)
      break
    case 'milestone':
      addMilestone(days, after, test.milestone, null, situation)
      break
    case 'fact':
      for (const { day } of record.facts.get(compiled.facts[test.fact]?.code ?? '') ?? []) {
        addLater(days, after, day)
        if (test.written.withinDays !== undefined) addLater(days, after, day + test.written.withinDays + 1)
      }
  }
}

function inOrder(days: DayNumber[]): DayNumber[] {
  return days.sort((a, b) => a - b)
}

/** The days after `after` on which one of the tests can change, in order. */
function listChanges(tests: Iterable<number>, situation: Situation, after: DayNumber): DayNumber[] {
  const days: DayNumber[] = []
  for (const index of tests) {
    const test = situation.compiled.tests[index]
    if (test !== undefined) addChanges(days, after, test, situation)
  }
  return inOrder(days)
}

/** The days on which the test can change, in order; found once for a situation. */
function changesOf(situation: Situation, index: number): readonly DayNumber[] {
  const known = situation.changes[index]
  if (known !== undefined) return known
  const days = listChanges([index], situation, Number.NEGATIVE_INFINITY)
  situation.changes[index] = days
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
  situation.phaseChanges ??= listChanges(situation.compiled.testsOfPhases, situation, Number.NEGATIVE_INFINITY)
  return situation.phaseChanges
}

/** First day of the unbroken run of days, ending with `day`, in which the same phase has been the current one. */
export function phaseSince(situation: Situation, day: DayNumber): DayNumber {
  const { record } = situation
  const current = phaseOf(viewOn(situation, day))
  const days = changesOfPhases(situation)
  let since = day
  for (const earlier of days.toReversed()) {
    if (earlier > day) continue
    if (phaseOf(viewOn(situation, earlier)) !== current) return since
    since = earlier
  }
  // Before the first change there is but one phase; if it is this one, it counts from the surgery, or from the day itself.
  const first = Math.min(record.surgeryDay, since)
  return phaseOf(viewOn(situation, first)) === current ? first : since
}

/** First day after the view's on which the condition is false if nothing more is recorded; null: time alone does not end it. */
export function endOf(when: When | null, view: View): DayNumber | null {
  if (when === null) return null
  const known = view.ends[when.index]
  if (known !== undefined) return known
  const { situation, day } = view
  let end: DayNumber | null = null
  for (const later of listChanges(when.decisive, situation, day)) {
    if (truthOf(when, viewOn(situation, later)) !== isFalse) continue
    end = later
    break
  }
  view.ends[when.index] = end
  return end
}
