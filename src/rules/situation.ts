import { type DayNumber, dateOf } from './calendar-date.ts'
import type { Bound, Compiled, Expression, Test, When } from './compile.ts'
import { covers, type KnownRecord } from './record.ts'
import { both, either, isFalse, isTrue, isUnknown, nameTruth, ofBoolean, opposite, type Truths } from './truth.ts'
import type { CalendarDate, ExplainedCondition, FactTest, FactValue } from './types.ts'

/** One version read against one record. */
export interface Situation {
  compiled: Compiled
  record: KnownRecord
  /** One for each day that was looked at. */
  views: Map<DayNumber, View>
  /** Of each test the days on which it can change, as far as somebody asked. */
  changes: (readonly DayNumber[] | undefined)[]
  /** The days on which the current phase can change, if somebody asked. */
  phaseChanges: readonly DayNumber[] | undefined
}

/** The situation on one day; what was found out once is kept, because many rules ask it again. */
export interface View {
  situation: Situation
  day: DayNumber
  /** Index of the current phase; null: none; undefined: not asked so far. */
  phase: number | null | undefined
  /** Of each test its truth on the day; 0: not asked so far. */
  truths: Uint8Array
  /** Of each condition its truth, what it says, and its end; 0 or undefined: not asked so far. */
  truthsOfWhens: Uint8Array
  explained: (ExplainedCondition | undefined)[]
  ends: (DayNumber | null | undefined)[]
  /** Of each milestone the day on which it was reached; null: it is not reached; undefined: not asked so far. */
  reached: (DayNumber | null | undefined)[]
}

export interface Observation {
  value: FactValue
  day: DayNumber
  /** What the operation tells never gets too old. */
  lasts: boolean
}

export function situate(compiled: Compiled, record: KnownRecord): Situation {
  return { compiled, record, views: new Map(), changes: [], phaseChanges: undefined }
}

/** The situation on a day. */
export function viewOn(situation: Situation, day: DayNumber): View {
  const known = situation.views.get(day)
  if (known !== undefined) return known
  const { tests, whens } = situation.compiled
  const view: View = {
    situation,
    day,
    phase: undefined,
    truths: new Uint8Array(tests.length),
    truthsOfWhens: new Uint8Array(whens),
    explained: [],
    ends: [],
    reached: [],
  }
  situation.views.set(day, view)
  return view
}

/** The phase that is current on the day: the last of the longest prefix of phases that are entered. */
export function phaseOf(view: View): number | null {
  if (view.phase !== undefined) return view.phase
  const { phases } = view.situation.compiled
  let reached = 0
  while (reached < phases.length && isEntered(view, reached)) reached += 1
  view.phase = reached === 0 ? null : reached - 1
  return view.phase
}

function isEntered(view: View, index: number): boolean {
  const phase = view.situation.compiled.phases[index]
  return phase !== undefined && truthOf(phase.entry, view) === isTrue
}

/** The truth of a rule's condition; a rule without one always applies. */
export function truthOf(when: When | null, view: View): Truths {
  if (when === null) return isTrue
  const known = view.truthsOfWhens[when.index] ?? 0
  if (known !== 0) return known
  const truth = evaluate(when.expression, view.truths, view)
  view.truthsOfWhens[when.index] = truth
  return truth
}

/** The truth of an expression from the truths of its tests; those that are 0 are asked of the view. */
export function evaluate(expression: Expression, truths: Uint8Array, view: View | null): Truths {
  if (expression.op === 'test') {
    const known = truths[expression.test] ?? 0
    return known !== 0 || view === null ? known : truthOfTest(view, expression.test)
  }
  if (expression.op === 'not') return opposite(evaluate(expression.of, truths, view))
  const decided = expression.op === 'all' ? isFalse : isTrue
  let truth = opposite(decided)
  for (const part of expression.of) {
    const own = evaluate(part, truths, view)
    truth = expression.op === 'all' ? both(truth, own) : either(truth, own)
    if (truth === decided) break
  }
  return truth
}

export function truthOfTest(view: View, index: number): Truths {
  const known = view.truths[index] ?? 0
  if (known !== 0) return known
  const test = view.situation.compiled.tests[index]
  const truth = test === undefined ? isUnknown : findTruth(view, test)
  view.truths[index] = truth
  return truth
}

function findTruth(view: View, test: Test): Truths {
  switch (test.op) {
    case 'days': {
      const anchor = anchorOf(view, test.milestone)
      return truthOfDays(test, anchor === null ? null : view.day - anchor)
    }
    case 'milestone':
      return ofBoolean(reachedOn(view, test.milestone) !== null)
    case 'fact': {
      const observation = observationOf(view, test.fact)
      if (observation === null || isStale(observation, test.written, view.day)) return isUnknown
      return truthOfValue(test.written, observation.value)
    }
    case 'phase':
      // The entry of a phase cannot ask for the phase that it decides.
      return test.fromIndex < 0 ? isUnknown : truthOfPhase(test, phaseOf(view))
  }
}

/** `elapsed` null: the milestone is not reached. Then a grant waits, and a contraindication that it ends stays. */
export function truthOfDays(
  { atLeast, before }: { atLeast: Bound | null; before: Bound | null },
  elapsed: number | null,
): Truths {
  const begun = atLeast === null ? isTrue : elapsed === null ? isFalse : passed(atLeast, elapsed)
  const lasting = before === null ? isTrue : elapsed === null ? isUnknown : opposite(passed(before, elapsed))
  return both(begun, lasting)
}

function passed(bound: Bound, elapsed: number): Truths {
  return elapsed < bound.possible ? isFalse : elapsed < bound.sure ? isUnknown : isTrue
}

export function truthOfPhase(
  { fromIndex, throughIndex }: { fromIndex: number; throughIndex: number },
  phase: number | null,
): Truths {
  if (phase === null || fromIndex < 0 || throughIndex < 0) return isUnknown
  return ofBoolean(fromIndex <= phase && phase <= throughIndex)
}

/** A test of another sort of value than the one observed is unknown. */
export function truthOfValue(test: FactTest, value: FactValue): Truths {
  const equals = (wanted: FactValue): Truths =>
    typeof wanted === typeof value ? ofBoolean(wanted === value) : isUnknown
  let truth = test.is === undefined ? isTrue : equals(test.is)
  if (test.in !== undefined) {
    let any: Truths = isFalse
    for (const wanted of test.in) any = either(any, equals(wanted))
    truth = both(truth, any)
  }
  const { atLeast, atMost, above, below } = test
  if (typeof value !== 'number') {
    return [atLeast, atMost, above, below].some((bound) => bound !== undefined) ? both(truth, isUnknown) : truth
  }
  if (atLeast !== undefined) truth = both(truth, ofBoolean(value >= atLeast))
  if (atMost !== undefined) truth = both(truth, ofBoolean(value <= atMost))
  if (above !== undefined) truth = both(truth, ofBoolean(value > above))
  if (below !== undefined) truth = both(truth, ofBoolean(value < below))
  return truth
}

/** The day from which a test counts; null: its milestone is not reached. */
function anchorOf(view: View, milestone: number | null): DayNumber | null {
  return milestone === null ? view.situation.record.surgeryDay : reachedOn(view, milestone)
}

/** The day on which the milestone was first reached, of the entries that count on the day; null if it is not reached. */
export function reachedOn(view: View, index: number): DayNumber | null {
  const known = view.reached[index]
  if (known !== undefined) return known
  const { compiled, record } = view.situation
  const milestone = compiled.milestones[index]
  let found: DayNumber | null = null
  for (const entry of record.milestones.get(milestone?.named.code ?? '') ?? []) {
    if (entry.from > view.day) break
    if (isGranted(milestone?.roles ?? [], entry.entry.grantedBy) && covers(entry, view.day)) {
      found = entry.from
      break
    }
  }
  view.reached[index] = found
  return found
}

/** A clearance counts only if one of its roles granted it. */
export function isGranted(roles: readonly string[], grantedBy: string | null): boolean {
  return roles.length === 0 || (grantedBy !== null && roles.includes(grantedBy))
}

/** The latest observation on or before the day; without any, what the operation tells. */
export function observationOf(view: View, index: number): Observation | null {
  const { compiled, record } = view.situation
  const fact = compiled.facts[index]
  const observed = record.facts.get(fact?.code ?? '') ?? []
  let low = 0
  let high = observed.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((observed[middle]?.day ?? 0) <= view.day) low = middle + 1
    else high = middle
  }
  const latest = observed[low - 1]
  if (latest !== undefined) return { value: latest.entry.value, day: latest.day, lasts: false }
  const value = fact?.declared?.operation === undefined ? null : valueOfOperation(fact.declared.operation, record)
  return value === null ? null : { value, day: record.surgeryDay, lasts: true }
}

function valueOfOperation(what: 'levels' | 'side' | { procedure: string }, { surgery }: KnownRecord): FactValue | null {
  if (what === 'levels') return surgery.levels.length === 0 ? null : surgery.levels.length
  if (what === 'side') return surgery.side
  return surgery.procedures.includes(what.procedure)
}

export function isStale({ day: observed, lasts }: Observation, test: FactTest, day: DayNumber): boolean {
  return !lasts && test.withinDays !== undefined && day - observed > test.withinDays
}

// ---- In words that a reader understands ----

/** A condition with the truth of each of its parts on the day, and what each rests on. */
export function explain(when: When, view: View): ExplainedCondition {
  const explained = view.explained[when.index] ?? explainExpression(when.expression, view)
  view.explained[when.index] = explained
  return explained
}

function explainExpression(expression: Expression, view: View): ExplainedCondition {
  switch (expression.op) {
    case 'all':
    case 'any': {
      const of = expression.of.map((part) => explainExpression(part, view))
      const truth = evaluate(expression, view.truths, view)
      return { op: expression.op, truth: nameTruth(truth), of }
    }
    case 'not': {
      const of = explainExpression(expression.of, view)
      return { op: 'not', truth: nameTruth(evaluate(expression, view.truths, view)), of }
    }
    case 'test':
      return explainTest(expression.test, view)
  }
}

function dateOrNull(day: DayNumber | null): CalendarDate | null {
  return day === null ? null : dateOf(day)
}

function explainTest(index: number, view: View): ExplainedCondition {
  const { compiled } = view.situation
  const test = compiled.tests[index]
  if (test === undefined) throw new RangeError(`there is no test ${index}`)
  const truth = nameTruth(truthOfTest(view, index))
  switch (test.op) {
    case 'days': {
      const anchor = anchorOf(view, test.milestone)
      const dateAfter = (bound: Bound | null) =>
        anchor === null || bound === null ? null : dateOf(anchor + bound.sure)
      return {
        op: 'days',
        truth,
        since: test.since,
        atLeast: test.written.atLeast ?? null,
        before: test.written.before ?? null,
        from: dateAfter(test.atLeast),
        until: dateAfter(test.before),
      }
    }
    case 'milestone': {
      const milestone = compiled.milestones[test.milestone]
      return {
        op: 'milestone',
        truth,
        milestone: milestone?.named ?? { code: '', title: '' },
        grantedBy: milestone?.roles ?? [],
        on: dateOrNull(reachedOn(view, test.milestone)),
      }
    }
    case 'fact': {
      const fact = compiled.facts[test.fact]
      const latest = observationOf(view, test.fact)
      return {
        op: 'fact',
        truth,
        fact: describeFact(fact),
        test: test.written,
        latest: latest === null ? null : { value: latest.value, on: dateOf(latest.day) },
        stale: latest !== null && isStale(latest, test.written, view.day),
      }
    }
    case 'phase':
      return { op: 'phase', truth, from: test.from, through: test.through }
  }
}

/** A fact that is not declared goes by its code. */
export function describeFact(fact: Compiled['facts'][number] | undefined) {
  const code = fact?.code ?? ''
  const declared = fact?.declared
  return { code, title: declared?.title ?? code, ask: declared?.ask ?? code, unit: declared?.unit ?? null }
}
