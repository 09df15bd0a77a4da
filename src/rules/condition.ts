import { addDays, daysBetween } from './calendar-date.ts'
import type { KnownRecord } from './record.ts'
import type {
  CalendarDate,
  Condition,
  DaysTest,
  ExplainedCondition,
  FactEntry,
  FactTest,
  FactValue,
  Named,
  ProtocolDocument,
  Truth,
} from './types.ts'

/** One version read against one record: everything that a condition can ask about. */
export interface Situation {
  document: ProtocolDocument
  record: KnownRecord
  /** What was found out once about a date, because many rules ask it again. */
  found: { milestones: Map<string, CalendarDate | null>; phases: Map<CalendarDate, number | null> }
}

export function situate(document: ProtocolDocument, record: KnownRecord): Situation {
  return { document, record, found: { milestones: new Map(), phases: new Map() } }
}

/** A date, and the index of the phase that is current on it (null: none; left out: phases may not be asked about). */
export interface Moment {
  on: CalendarDate
  phase?: number | null
}

const not = { true: 'false', false: 'true', unknown: 'unknown' } as const

/** Kleene's conjunction: one false decides, otherwise one unknown leaves it open. */
export function allOf(truths: readonly Truth[]): Truth {
  return truths.includes('false') ? 'false' : truths.includes('unknown') ? 'unknown' : 'true'
}

function anyOf(truths: readonly Truth[]): Truth {
  return not[allOf(truths.map((truth) => not[truth]))]
}

function truthOf(holds: boolean): Truth {
  return holds ? 'true' : 'false'
}

/** The date on which the milestone was first reached, of the entries that count on `on`; null if it is not reached. */
export function milestoneDate(situation: Situation, code: string, on: CalendarDate): CalendarDate | null {
  const key = `${on} ${code}`
  const known = situation.found.milestones.get(key)
  if (known !== undefined) return known
  const found = findMilestone(situation, code, on)
  situation.found.milestones.set(key, found)
  return found
}

function findMilestone(situation: Situation, code: string, on: CalendarDate): CalendarDate | null {
  const roles = situation.document.milestones.find((milestone) => milestone.code === code)?.grantedBy ?? []
  let first: CalendarDate | null = null
  for (const { entry, revokedOn } of situation.record.milestones) {
    const granted = roles.length === 0 || (entry.grantedBy !== null && roles.includes(entry.grantedBy))
    const standing = entry.on <= on && (revokedOn === null || on < revokedOn)
    if (entry.code === code && granted && standing && (first === null || entry.on < first)) first = entry.on
  }
  return first
}

function latestFact(record: KnownRecord, code: string, on: CalendarDate): FactEntry | null {
  return record.facts.findLast((entry) => entry.code === code && entry.on <= on) ?? null
}

function named(items: readonly Named[], code: string): Named {
  return { code, title: items.find((item) => item.code === code)?.title ?? code }
}

function testFact(value: FactValue, test: FactTest): Truth {
  const equals = (wanted: FactValue): Truth => (typeof wanted === typeof value ? truthOf(wanted === value) : 'unknown')
  const compare = (bound: number | undefined, holds: (value: number, bound: number) => boolean): Truth =>
    bound === undefined ? 'true' : typeof value === 'number' ? truthOf(holds(value, bound)) : 'unknown'
  return allOf([
    test.is === undefined ? 'true' : equals(test.is),
    test.in === undefined ? 'true' : anyOf(test.in.map(equals)),
    compare(test.atLeast, (v, bound) => v >= bound),
    compare(test.atMost, (v, bound) => v <= bound),
    compare(test.above, (v, bound) => v > bound),
    compare(test.below, (v, bound) => v < bound),
  ])
}

function explainDays(test: DaysTest, situation: Situation, on: CalendarDate): ExplainedCondition {
  const anchor =
    test.since === undefined ? situation.record.surgery.surgeryDate : milestoneDate(situation, test.since, on)
  const days = anchor === null ? null : daysBetween(anchor, on)
  return {
    op: 'days',
    truth: allOf([
      // Since a milestone that is not reached, a grant waits and a contraindication that it ends stays.
      test.atLeast === undefined ? 'true' : truthOf(days !== null && days >= test.atLeast),
      test.before === undefined ? 'true' : days === null ? 'unknown' : truthOf(days < test.before),
    ]),
    since: test.since === undefined ? null : named(situation.document.milestones, test.since),
    atLeast: test.atLeast ?? null,
    before: test.before ?? null,
    from: anchor === null || test.atLeast === undefined ? null : addDays(anchor, test.atLeast),
    until: anchor === null || test.before === undefined ? null : addDays(anchor, test.before),
  }
}

function explainFact(code: string, test: FactTest, situation: Situation, on: CalendarDate): ExplainedCondition {
  const declared = situation.document.facts.find((fact) => fact.code === code)
  const latest = latestFact(situation.record, code, on)
  const stale = latest !== null && test.withinDays !== undefined && daysBetween(latest.on, on) > test.withinDays
  return {
    op: 'fact',
    truth: latest === null || stale ? 'unknown' : testFact(latest.value, test),
    fact: { code, title: declared?.title ?? code, ask: declared?.ask ?? code, unit: declared?.unit ?? null },
    test,
    latest: latest === null ? null : { value: latest.value, on: latest.on },
    stale,
  }
}

function explainPhase(
  span: { from?: string; through?: string },
  situation: Situation,
  phase: number | null | undefined,
): ExplainedCondition {
  const { phases } = situation.document
  const indexOf = (code: string): number => phases.findIndex((candidate) => candidate.code === code)
  const from = span.from === undefined ? 0 : indexOf(span.from)
  const through = span.through === undefined ? phases.length - 1 : indexOf(span.through)
  const known = phase !== null && phase !== undefined && from !== -1 && through !== -1
  return {
    op: 'phase',
    truth: known ? truthOf(from <= phase && phase <= through) : 'unknown',
    from: span.from === undefined ? null : named(phases, span.from),
    through: span.through === undefined ? null : named(phases, span.through),
  }
}

/** The truth of `condition` at `moment`, with the truth of each of its parts and what each rests on. */
export function explain(condition: Condition, situation: Situation, moment: Moment): ExplainedCondition {
  if ('all' in condition) {
    const of = condition.all.map((part) => explain(part, situation, moment))
    return { op: 'all', truth: allOf(of.map((part) => part.truth)), of }
  }
  if ('any' in condition) {
    const of = condition.any.map((part) => explain(part, situation, moment))
    return { op: 'any', truth: anyOf(of.map((part) => part.truth)), of }
  }
  if ('not' in condition) {
    const of = explain(condition.not, situation, moment)
    return { op: 'not', truth: not[of.truth], of }
  }
  if ('days' in condition) return explainDays(condition.days, situation, moment.on)
  if ('milestone' in condition) {
    const on = milestoneDate(situation, condition.milestone, moment.on)
    const declared = situation.document.milestones.find((milestone) => milestone.code === condition.milestone)
    return {
      op: 'milestone',
      truth: truthOf(on !== null),
      milestone: named(situation.document.milestones, condition.milestone),
      grantedBy: declared?.grantedBy ?? [],
      on,
    }
  }
  if ('fact' in condition) {
    const { fact, ...test } = condition
    return explainFact(fact, test, situation, moment.on)
  }
  return explainPhase(condition.phase, situation, moment.phase)
}

/** The truth of a rule's condition; a rule without one always applies. */
export function evaluate(condition: Condition | undefined, situation: Situation, moment: Moment): Truth {
  return condition === undefined ? 'true' : explain(condition, situation, moment).truth
}

/** Every leaf of a condition. */
export function* leavesOf(
  condition: Condition,
): Generator<Exclude<Condition, { all: unknown } | { any: unknown } | { not: unknown }>> {
  if ('all' in condition) for (const part of condition.all) yield* leavesOf(part)
  else if ('any' in condition) for (const part of condition.any) yield* leavesOf(part)
  else if ('not' in condition) yield* leavesOf(condition.not)
  else yield condition
}
