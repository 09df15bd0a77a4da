import type {
  CalendarDate,
  Caution,
  ContraindicationInForce,
  DayBound,
  ExplainedCondition,
  FlagResponse,
  Grant,
  MissingFact,
  Need,
  OpenRedFlag,
  Permitted,
  PrescribedSide,
  Reason,
  Withheld,
} from '../../rules/index.ts'
import {
  endSentence,
  join,
  quote,
  quoteTitles,
  speakDate,
  speakDay,
  speakDose,
  speakMilestone,
  speakSpan,
  speakTest,
  speakValue,
} from '../phrases.ts'

// The one place where an answer becomes words. The same reason reads the same everywhere.

function speakLatest({ fact, latest, stale }: Extract<ExplainedCondition, { op: 'fact' }>): string {
  if (latest === null) return 'nothing is recorded'
  return `${stale ? 'the last observation is too old' : 'last recorded'}: ${speakValue(latest.value, fact.unit)} on ${speakDate(latest.on)}`
}

function speakPhases({ from, through }: Extract<ExplainedCondition, { op: 'phase' }>): string {
  if (from !== null && through !== null) {
    return from.code === through.code
      ? `the phase ${quote(from.title)}`
      : `the phases from ${quote(from.title)} through ${quote(through.title)}`
  }
  if (from !== null) return `the phase ${quote(from.title)} or a later one`
  return through === null ? 'any phase' : `the phase ${quote(through.title)} or an earlier one`
}

/** The same condition with every "not" at its leaves, and none where days can be counted the other way round. */
function simplify(condition: ExplainedCondition): ExplainedCondition {
  if (condition.op === 'all' || condition.op === 'any') return { ...condition, of: condition.of.map(simplify) }
  return condition.op === 'not' ? negate(condition.of) : condition
}

function negate(condition: ExplainedCondition): ExplainedCondition {
  const truth = condition.truth === 'unknown' ? 'unknown' : condition.truth === 'true' ? 'false' : 'true'
  switch (condition.op) {
    case 'all':
      return { op: 'any', truth, of: condition.of.map(negate) }
    case 'any':
      return { op: 'all', truth, of: condition.of.map(negate) }
    case 'not':
      return simplify(condition.of)
    case 'days': {
      const { op, since, atLeast, before, from, until } = condition
      if (atLeast !== null && before !== null) return { op: 'not', truth, of: condition }
      return { op, truth, since, atLeast: before, before: atLeast, from: until, until: from }
    }
    default:
      return { op: 'not', truth, of: condition }
  }
}

interface Waited {
  /** A clinician may permit it within a range of days. */
  decided: boolean
  on: CalendarDate
}

/**
 * What conditions that must all be true still wait for: "cannot begin before day 7 … and needs “A” and “B” on record".
 */
export function speakWait(conditions: readonly ExplainedCondition[], { decided, on }: Waited): string {
  const parts = conditions.map(simplify).flatMap(partsOf)
  const missing = withoutImplied(parts.filter((part) => part.truth !== 'true'))
  const days = latestStarts(missing).map((part) => speakDay(part.atLeast, part.since, part.from, { decided }))
  const needs = speakNeeds(
    missing.filter((part) => !isStart(part)),
    on,
  )
  return join(
    [
      days.length > 0 ? `cannot begin before ${join([...new Set(days)], 'and')}` : '',
      needs === '' ? '' : `needs ${needs}`,
    ].filter((part) => part !== ''),
    'and',
  )
}

/** Of several beginnings that are counted from the same day the latest: it implies the others. */
function latestStarts(conditions: readonly ExplainedCondition[]): Start[] {
  const latest = new Map<string | null, Start>()
  for (const start of conditions.filter(isStart)) {
    const anchor = start.since?.code ?? null
    const known = latest.get(anchor)
    if (known === undefined || lastOf(start.atLeast) > lastOf(known.atLeast)) latest.set(anchor, start)
  }
  return [...latest.values()]
}

function lastOf(bound: DayBound): number {
  return typeof bound === 'number' ? bound : bound[1]
}

type Start = Extract<ExplainedCondition, { op: 'days' }> & { atLeast: DayBound }

/** A test of days that only time has to meet. */
function isStart(condition: ExplainedCondition): condition is Start {
  return condition.op === 'days' && condition.atLeast !== null && condition.before === null
}

/** An "either … or" says nothing more where one of its parts is needed anyway. */
function withoutImplied(conditions: readonly ExplainedCondition[]): ExplainedCondition[] {
  const needed = new Set(conditions.map((condition) => JSON.stringify(condition)))
  return conditions.filter(
    (condition) => condition.op !== 'any' || !condition.of.some((part) => needed.has(JSON.stringify(part))),
  )
}

/** What must come true, milestones together: "“A” and “B” on record". */
function speakNeeds(
  conditions: readonly ExplainedCondition[],
  on: CalendarDate,
  conjunction: 'and' | 'or' = 'and',
): string {
  const milestones = conditions.flatMap((part) => (part.op === 'milestone' ? [speakMilestone(part)] : []))
  const others = conditions.flatMap((part) => (part.op === 'milestone' ? [] : [speakLack(part, on)]))
  const distinct = [...new Set(milestones)]
  const onRecord = distinct.length > 0 ? [`${join(distinct, conjunction)} on record`] : []
  return join([...new Set(others), ...onRecord], conjunction)
}

function partsOf(condition: ExplainedCondition): readonly ExplainedCondition[] {
  return condition.op === 'all' ? condition.of.flatMap(partsOf) : [condition]
}

/** What a condition that is not true still needs, as a noun phrase: "“Pain now” to be at most 3 (…)". */
function speakLack(condition: ExplainedCondition, on: CalendarDate): string {
  switch (condition.op) {
    case 'all':
      return speakNeeds(
        condition.of.filter((part) => part.truth !== 'true'),
        on,
      )
    case 'any':
      return speakAlternatives(condition.of, on)
    case 'not':
      return speakNeedless(condition.of)
    case 'days': {
      const { since, atLeast, before, from, until } = condition
      const start = atLeast === null ? '' : `from ${speakDay(atLeast, since, from)} on`
      const end = before === null ? '' : `before ${speakDay(before, since, until)}`
      const days = join(
        [start, end].filter((part) => part !== ''),
        'and',
      )
      return until !== null && until <= on ? `one of the days, now over, ${days}` : `a date ${days}`
    }
    case 'milestone':
      return `${speakMilestone(condition)} on record`
    case 'fact':
      return `${speakTest(condition, 'to be')} (${speakLatest(condition)})`
    case 'phase':
      return speakPhases(condition)
  }
}

/** "either “A” or “B” on record"; of alternatives that ask for several things each: "one of these: …; …". */
function speakAlternatives(conditions: readonly ExplainedCondition[], on: CalendarDate): string {
  if (conditions.length < 2) return speakNeeds(conditions, on)
  const isComposite = conditions.some((condition) => partsOf(condition).length > 1)
  if (!isComposite) return `either ${speakNeeds(conditions, on, 'or')}`
  return `one of these: ${[...new Set(conditions.map((condition) => speakNeeds([condition], on)))].join('; ')}`
}

/** What must not be true, or not any more; the condition is simplified, so that it has no parts. */
function speakNeedless(condition: ExplainedCondition): string {
  switch (condition.op) {
    case 'fact':
      return `${speakTest(condition, 'not to be')} (${speakLatest(condition)})`
    case 'milestone':
      return `no ${quote(condition.milestone.title)} on record`
    case 'phase':
      return speakOtherPhases(condition)
    case 'days': {
      const { since, atLeast, before, from, until } = condition
      const start = atLeast === null || until !== null ? '' : `before ${speakDay(atLeast, since, from)}`
      const end = before === null ? '' : `from ${speakDay(before, since, until)} on`
      return `a date ${join(
        [start, end].filter((part) => part !== ''),
        'or',
      )}`
    }
    case 'all':
    case 'any':
    case 'not':
      throw new Error('a condition with parts has not been simplified')
  }
}

/** "a phase other than “A”". */
function speakOtherPhases({ from, through }: Extract<ExplainedCondition, { op: 'phase' }>): string {
  if (from !== null && through !== null) {
    return from.code === through.code
      ? `a phase other than ${quote(from.title)}`
      : `a phase other than those from ${quote(from.title)} through ${quote(through.title)}`
  }
  if (from !== null) return `a phase before ${quote(from.title)}`
  return through === null ? 'no phase' : `a phase after ${quote(through.title)}`
}

/** What ends a condition that holds now: days, entries of the record, or both; null if that is not all that can end it. */
interface End {
  days: readonly string[]
  milestones: readonly string[]
  facts: readonly string[]
  /** False: something that is not so now can make it go on, or hold again. */
  isFinal: boolean
}

function endOf(condition: ExplainedCondition): End | null {
  const nothing: End = { days: [], milestones: [], facts: [], isFinal: true }
  // Its beginning is past: only its end matters.
  if (condition.op === 'days' && condition.before !== null) {
    return { ...nothing, days: [speakDay(condition.before, condition.since, condition.until)] }
  }
  if (condition.op === 'not' && condition.of.op === 'milestone') {
    return { ...nothing, milestones: [speakMilestone(condition.of)] }
  }
  if (condition.op === 'not' && condition.of.op === 'fact') {
    return { ...nothing, facts: [`${speakTest(condition.of)} (${speakLatest(condition.of)})`] }
  }
  if (condition.op !== 'any') return null
  // It holds as long as one of its parts does: until the last of them has ended.
  const ends = condition.of.filter((part) => part.truth !== 'false').map(endOf)
  if (ends.some((end) => end === null)) return null
  return {
    days: ends.flatMap((end) => end?.days ?? []),
    milestones: ends.flatMap((end) => end?.milestones ?? []),
    facts: ends.flatMap((end) => end?.facts ?? []),
    isFinal: ends.every((end) => end?.isFinal) && !canFollow(condition.of),
  }
}

/** Whether a part that is not so now can come true: not what only the past could have met. */
function canFollow(parts: readonly ExplainedCondition[]): boolean {
  return parts.some((part) => part.truth === 'false' && !isOver(part))
}

/** Whether a condition that is false stays so. */
function isOver(condition: ExplainedCondition): boolean {
  if (condition.op === 'all') return condition.of.some((part) => part.truth === 'false' && isOver(part))
  if (condition.op === 'any') return condition.of.every((part) => part.truth === 'false' && isOver(part))
  if (condition.op === 'days') return condition.atLeast === null
  return condition.op === 'not' && condition.of.op === 'milestone'
}

function speakEnd({ days, milestones, facts }: End, until = 'until'): string {
  const onRecord =
    milestones.length > 0 ? [`${join(milestones, 'and')} ${milestones.length > 1 ? 'are' : 'is'} on record`] : []
  const clauses = [...facts, ...onRecord]
  const recorded = clauses.length > 0 ? `${until} ${join(clauses, 'and')}` : null
  if (days.length === 0) return recorded ?? ''
  const day = `until ${join(days, 'and')}`
  return recorded === null ? day : `at least ${day}, and then ${recorded}`
}

/**
 * While a condition that is true or unknown holds: "at least until day 28 after surgery (29 October 2026)". At least,
 * because what one rule no longer forbids on that day another one may. `isFinal`: nothing else can make it go on.
 */
function speakWhile(condition: ExplainedCondition, isFinal = true): string {
  const until = isFinal ? 'until' : 'at least until'
  const end = isTestedNot(condition) ? null : endOf(condition)
  if (end !== null) {
    const isOnlyDays = end.milestones.length === 0 && end.facts.length === 0
    return isOnlyDays ? `at least ${speakEnd(end)}` : speakEnd(end, end.isFinal ? until : 'at least until')
  }
  switch (condition.op) {
    case 'all':
      return speakAllOf(condition.of, isFinal)
    case 'any': {
      const isAll = isFinal && !canFollow(condition.of)
      const parts = condition.of.filter((part) => part.truth !== 'false')
      const holding = parts.map((part) => speakWhile(part, isAll))
      return holding.length > 1 ? `as long as one of these holds: ${holding.join('; ')}` : holding.join('')
    }
    case 'not':
      return speakUntil(condition.of, until)
    case 'days': {
      const { since, atLeast, from } = condition
      if (atLeast === null) return ''
      return from === null && since !== null
        ? `as long as ${quote(since.title)} is not on record, and then from ${speakDay(atLeast, since, null, { end: 'earliest' })} on`
        : `since ${speakDay(atLeast, since, from, { end: 'earliest' })}`
    }
    case 'milestone':
      return `since ${quote(condition.milestone.title)}${condition.on === null ? '' : ` (${speakDate(condition.on)})`}`
    case 'fact':
      return condition.truth === 'unknown'
        ? `while it is not known whether ${speakTest(condition)} (${speakLatest(condition)})`
        : `while ${speakTest(condition)} (${speakLatest(condition)})`
    case 'phase':
      return `in ${speakPhases(condition)}`
  }
}

/** A test of a fact that must not be met: what ends it can change again, so that by itself it is said in full. */
function isTestedNot(condition: ExplainedCondition): boolean {
  return condition.op === 'not' && condition.of.op === 'fact'
}

/** All of them hold, so that the first to end ends it; a beginning that is past is no news beside them. */
function speakAllOf(parts: readonly ExplainedCondition[], isFinal: boolean): string {
  const lasting = parts.filter((part) => !(isStart(part) && part.truth === 'true'))
  if (lasting.length === 0) return parts.map((part) => speakWhile(part)).join(' ')
  const [only, ...more] = lasting
  if (only !== undefined && more.length === 0) return speakWhile(only, isFinal)
  const ends = lasting.flatMap((part) => (isTestedNot(part) ? [] : (endOf(part) ?? [])))
  const others = lasting.filter((part) => isTestedNot(part) || endOf(part) === null).map((part) => speakWhile(part))
  const spoken = ends.map((end) => speakEnd(end))
  const first = ends.length > 1 ? `${join(spoken, 'or')}, whichever comes first` : spoken.join('')
  const span = [others.join(', '), first].filter((part) => part !== '').join(', and at most ')
  return isFinal && ends.every((end) => end.isFinal) ? span : `${span}, and perhaps again later`
}

/** Until a condition that is not true, and has no parts, becomes true: "until “Pain now” is at most 3". */
function speakUntil(condition: ExplainedCondition, until: string): string {
  switch (condition.op) {
    case 'milestone':
      return `${until} ${speakMilestone(condition)} is on record`
    case 'fact':
      return condition.truth === 'unknown'
        ? `while it is not known whether ${speakTest(condition)} (${speakLatest(condition)})`
        : `${until} ${speakTest(condition)} (${speakLatest(condition)})`
    case 'phase':
      return speakOutside(condition, until)
    case 'days': {
      const { since, atLeast, before, from, until: end } = condition
      const start = atLeast === null ? '' : ` from ${speakDay(atLeast, since, from)}`
      return `except${start}${before === null ? ' on' : ` until ${speakDay(before, since, end)}`}`
    }
    case 'all':
    case 'any':
    case 'not':
      throw new Error('a condition with parts has not been simplified')
  }
}

/** Outside of phases, be they ahead or over; what has no last phase can only be ahead. */
function speakOutside(condition: Extract<ExplainedCondition, { op: 'phase' }>, until: string): string {
  const { from, through } = condition
  if (through === null) return from === null ? 'in no phase' : `${until} ${speakPhases(condition)} is reached`
  return from === null ? `outside the phases through ${quote(through.title)}` : `outside ${speakPhases(condition)}`
}

interface InForce {
  title: string
  strength: 'absolute' | 'relative' | 'caution'
  certain: boolean
  when: ExplainedCondition | null
}

/** "“Heavy lifting”, until … is on record, unless a clinician lifts this for the patient". */
function speakInForce({ title, strength, when }: InForce): string {
  const span = when === null ? 'throughout this protocol' : speakWhile(simplify(when))
  return `${quote(title)}, ${span}${strength === 'relative' ? ', unless a clinician lifts this for the patient' : ''}`
}

function speakDoubt(certain: boolean, ungraded: readonly string[]): string {
  if (ungraded.length > 0) {
    const attributes = ungraded.map((attribute) => attribute.replaceAll('-', ' '))
    return `; the catalogue does not grade the exercise for ${join(attributes, 'and')}, so the rule applies to it`
  }
  return certain ? '' : '; what is not known counts against it'
}

/** What to do about a red flag, now. */
export function speakResponse(response: FlagResponse): string {
  return response === 'emergency'
    ? 'This is an emergency: call the emergency services or go to an emergency department now.'
    : 'Contact the surgeon’s team at once, and stop exercising until they have answered.'
}

/** What is open and what to do now; `advice` is the protocol's own. */
export function speakOpenRedFlag(flag: OpenRedFlag, advice: string | null): string {
  const report = `${quote(flag.title)} was reported on ${speakDate(flag.since)} and is not resolved.`
  return [report, speakResponse(flag.response), ...(advice === null ? [] : [advice])].join(' ')
}

/** One sentence that says why an exercise, or everything, is withheld. */
export function speakReason(reason: Reason, on: CalendarDate): string {
  switch (reason.kind) {
    case 'episode-closed':
      return endSentence(`The episode was closed on ${speakDate(reason.on)}: ${reason.reason}`)
    case 'red-flag':
      return reason.response === 'emergency'
        ? `${quote(reason.redFlag.title)} was reported on ${speakDate(reason.since)}: this is an emergency, so call the emergency services now; nothing is permitted until a clinician has resolved it.`
        : `${quote(reason.redFlag.title)} was reported on ${speakDate(reason.since)}: contact the surgeon’s team at once; nothing is permitted until they have answered and a clinician has resolved it.`
    case 'hold':
      return endSentence(`All exercise is on hold ${speakSpan(reason)}: ${reason.reason}`)
    case 'no-protocol':
      return 'No protocol is assigned, so nothing is permitted.'
    case 'no-phase':
      return reason.first === null || reason.entry === null
        ? `${quote(reason.title)} has no phases, so nothing is permitted.`
        : `${quote(reason.title)} has not begun: its first phase, ${quote(reason.first.title)}, ${speakWait([reason.entry], { decided: false, on })}.`
    case 'contraindication':
      return `It falls under a contraindication: ${speakInForce(reason)}${speakDoubt(reason.certain, reason.ungraded)}.`
    case 'override':
      return endSentence(`A clinician withholds it ${speakSpan(reason)}: ${reason.reason}`)
    case 'sides-disagree':
      return 'There is no side of the body on which everything that prescribes it permits it.'
    case 'phase-not-reached':
      return `It begins with the phase ${quote(reason.phase.title)}, which ${speakWait(reason.entries, { decided: true, on })}.`
    case 'phase-passed':
      return `It ended with the phase ${quote(reason.phase.title)}, which is over.`
    case 'condition-not-met':
      return reason.certain
        ? `It ${speakWait([reason.when], { decided: true, on })}.`
        : `It ${speakWait([reason.when], { decided: true, on })}; what is not known does not permit it.`
    case 'not-prescribed':
      return 'No assigned protocol prescribes it.'
  }
}

/** One sentence that a permitted exercise carries along. */
export function speakCaution(caution: Caution): string {
  return caution.kind === 'lifted'
    ? endSentence(`${quote(caution.title)} would contraindicate it; a clinician has lifted that: ${caution.reason}`)
    : `Take care: ${speakInForce({ ...caution, strength: 'caution' })}${speakDoubt(caution.certain, caution.ungraded)}.`
}

/** What to avoid, or to take care with, and how long. */
export function speakAvoid(rule: ContraindicationInForce): string {
  const verb = rule.strength === 'caution' ? 'Take care' : 'Avoid'
  return `${verb}: ${speakInForce(rule)}${speakDoubt(rule.certain, [])}.`
}

/** One sentence that says what permits an exercise. */
export function speakGrant(grant: Grant, protocolTitle: string | null): string {
  if (grant.kind === 'override') {
    return endSentence(`A clinician permits it ${speakSpan(grant)}: ${grant.reason}`)
  }
  const provided = grant.provided === null ? '' : ` (provided: ${quote(grant.provided)})`
  const modality = grant.modality === null ? '' : `: ${grant.modality}`
  return endSentence(
    `Prescribed by ${quote(protocolTitle ?? grant.protocol)} in the present phase${provided}${modality}`,
  )
}

const sides: Readonly<Record<PrescribedSide, string>> = {
  both: '',
  operative: ', on the operated side',
  'non-operative': ', on the side that was not operated on',
  left: ', on the left side',
  right: ', on the right side',
}

/** One sentence that says how a permitted exercise is done: "On your own, for 10 minutes, 3 times a day." */
export function speakHow({
  dose,
  side,
  supervision,
  provided,
}: Pick<Permitted, 'dose' | 'side' | 'supervision' | 'provided'>): string {
  const how = supervision === 'independent' ? 'On your own' : 'Under supervision'
  const provisos = provided.length > 0 ? `; provided: ${join(provided.map(quote), 'and')}` : ''
  const note = dose?.note === undefined ? '' : `; note: ${quote(dose.note.replaceAll(/\s+/g, ' '))}`
  return `${how}, ${speakDose(dose)}${sides[side]}${provisos}${note}.`
}

/** What has to be so for a need to be met, as a clause: "a clinician has resolved “Fever”". Time passes by itself. */
function speakMet(need: Exclude<Need, { kind: 'milestone' }>, ahead: Ahead): string | null {
  switch (need.kind) {
    case 'date':
      return null
    case 'fact':
      return `${speakTest(need)}${speakObserved(need, ahead)}`
    case 'resolution':
      return `a clinician has resolved ${quote(need.redFlag.title)}`
    case 'end':
      return need.of === 'hold'
        ? `the hold is ended (${quote(need.reason)})`
        : `the clinician who withholds it has ended that (${quote(need.reason)})`
    case 'override':
      return `a clinician permits it for this patient in spite of ${quoteTitles(need.lifts)}`
  }
}

/** One sentence that says one thing which still has to happen after `on`, and on which dates it may. */
export function speakNeed(need: Need, on: CalendarDate): string {
  switch (need.kind) {
    case 'date':
      return `Time has to pass until ${speakDate(need.date)} at least.`
    case 'milestone':
      return need.from > on
        ? `${speakMilestone(need)} has to be on record with ${need.from === need.by ? 'the date' : 'a date'} ${speakDates(need)}.`
        : `${speakMilestone(need)} has to be on record by ${speakDate(need.by)}.`
    case 'fact': {
      const when =
        need.from > on ? `${need.from === need.by ? 'on ' : ''}${speakDates(need)}` : `by ${speakDate(need.by)}`
      return `${speakTest(need, 'has to be')}, observed ${when}.`
    }
    case 'resolution':
      return `A clinician has to resolve ${quote(need.redFlag.title)}.`
    case 'end':
      return need.of === 'hold'
        ? `Whoever set the hold has to end it (${quote(need.reason)}).`
        : `The clinician who withholds it has to end that (${quote(need.reason)}).`
    case 'override':
      return `A clinician has to permit it for this patient in spite of ${quoteTitles(need.lifts)}.`
  }
}

interface Dates {
  from: CalendarDate
  by: CalendarDate
}

/** "12 November 2026", or "from 12 November 2026 through 3 December 2026". */
function speakDates({ from, by }: Dates): string {
  return from === by ? speakDate(by) : `from ${speakDate(from)} through ${speakDate(by)}`
}

interface Ahead {
  on: CalendarDate
  earliest: CalendarDate
}

/** The dates that a milestone must have, as far as what is asked and answered does not say so anyway. */
function speakDated(dates: Dates, { on, earliest }: Ahead): string {
  const { from, by } = dates
  if (from === by && from > on) return ` with the date ${speakDate(by)}`
  if (from > on)
    return by < earliest ? ` with a date ${speakDates(dates)}` : ` with a date not before ${speakDate(from)}`
  return by < earliest ? ` by ${speakDate(by)}` : ''
}

/** The dates on which an observation must be made, as far as what is asked and answered does not say so anyway. */
function speakObserved(dates: Dates, { on, earliest }: Ahead): string {
  const { from, by } = dates
  if (from === by && from > on) return by === earliest ? ' (observed that day)' : ` (observed on ${speakDate(by)})`
  if (from > on) {
    return by < earliest ? ` (observed ${speakDates(dates)})` : ` (observed on or after ${speakDate(from)})`
  }
  return by < earliest ? ` (observed by ${speakDate(by)})` : ''
}

/** "once “A” and “B” are on record and “Pain now” is at most 3": what it takes besides time; empty if nothing. */
export function speakOnce(needs: readonly Need[], ahead: Ahead): string {
  const milestones = Map.groupBy(
    needs.filter((need) => need.kind === 'milestone'),
    (need) => speakDated(need, ahead),
  )
  const onRecord = [...milestones].map(
    ([dated, group]) =>
      `${join(group.map(speakMilestone), 'and')} ${group.length > 1 ? 'are' : 'is'} on record${dated}`,
  )
  const others = needs.flatMap((need) => (need.kind === 'milestone' ? [] : (speakMet(need, ahead) ?? [])))
  const clauses = [...onRecord, ...others]
  return clauses.length === 0 ? '' : `once ${join(clauses, 'and')}`
}

/** One sentence that says when a withheld exercise can be permitted at the earliest and what it takes. */
export function speakWayForward(
  { reasons, wayForward }: Pick<Withheld, 'reasons'> & { wayForward: NonNullable<Withheld['wayForward']> },
  { on, protocols }: { on: CalendarDate; protocols: number },
): string {
  if (wayForward.outcome === 'undecided') {
    return 'There are too many possibilities to say when it can be permitted: ask the clinician.'
  }
  if (wayForward.outcome === 'never') return speakNever(reasons, protocols)
  const { earliest, needs } = wayForward
  const once = speakOnce(needs, { on, earliest })
  const earliestDate = `It can be permitted on ${speakDate(earliest)} at the earliest`
  return once === '' ? `${earliestDate}, by time alone.` : `${earliestDate}, ${once}.`
}

function speakNever(reasons: readonly Reason[], protocols: number): string {
  const closed = reasons.find((reason) => reason.kind === 'episode-closed')
  if (closed !== undefined) return 'The episode is closed: nothing is permitted from it any more.'
  if (reasons.some((reason) => reason.kind === 'no-protocol')) {
    return 'Nothing can be permitted as long as no protocol is assigned.'
  }
  const empty = reasons.find((reason) => reason.kind === 'no-phase' && reason.first === null)
  if (empty?.kind === 'no-phase') return `Nothing can be permitted: ${quote(empty.title)} has no phases.`
  // An override can still permit it, unless an absolute contraindication stands; it lifts nothing that withholds all.
  const isAbsolute = reasons.some((reason) => reason.kind === 'contraindication' && reason.strength === 'absolute')
  const isAll = reasons.some(({ kind }) => kind === 'hold' || kind === 'red-flag' || kind === 'no-phase')
  const exception = isAbsolute
    ? ''
    : `; only an exception that a clinician makes for the patient could${isAll ? ', and not while all exercise is withheld' : ''}`
  if (reasons.some((reason) => reason.kind === 'not-prescribed')) {
    return `No record makes an assigned protocol permit what it does not prescribe${exception}.`
  }
  const version = protocols > 1 ? 'These versions of the protocols do' : 'This version of the protocol does'
  const isOver = reasons.some((reason) => reason.kind === 'phase-passed')
  return `${version} not permit it${isOver ? ' any more' : ''}, whatever is recorded${exception}.`
}

/** One sentence that says what to ask, and why again. */
export function speakMissingFact({ title, ask, unit, stale }: MissingFact): string {
  const question = quote(ask)
  return stale === null
    ? `Ask ${question}: nothing is recorded about ${quote(title)}.`
    : `Ask again ${question}: what is recorded about ${quote(title)}, ${speakValue(stale.value, unit)} on ${speakDate(stale.on)}, is too old to count.`
}
