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

/**
 * What conditions that must all be true still wait for: "cannot begin before day 7 … and needs “A” and “B” on record".
 * `decided`: a clinician may permit it within a range of days.
 */
export function speakWait(conditions: readonly ExplainedCondition[], { decided }: { decided: boolean }): string {
  const missing = withoutImplied(conditions.flatMap(partsOf).filter((part) => part.truth !== 'true'))
  const days = latestStarts(missing).map((part) => speakDay(part.atLeast, part.since, part.from, { decided }))
  const needs = speakNeeds(missing.filter((part) => !isStart(part)))
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
function speakNeeds(conditions: readonly ExplainedCondition[], conjunction: 'and' | 'or' = 'and'): string {
  const milestones = conditions.flatMap((part) => (part.op === 'milestone' ? [speakMilestone(part)] : []))
  const others = conditions.flatMap((part) => (part.op === 'milestone' ? [] : [speakLack(part)]))
  const distinct = [...new Set(milestones)]
  const onRecord = distinct.length > 0 ? [`${join(distinct, conjunction)} on record`] : []
  return join([...new Set(others), ...onRecord], conjunction)
}

function partsOf(condition: ExplainedCondition): readonly ExplainedCondition[] {
  return condition.op === 'all' ? condition.of.flatMap(partsOf) : [condition]
}

/** What a condition that is not true still needs, as a noun phrase: "“Pain now” to be at most 3 (…)". */
function speakLack(condition: ExplainedCondition): string {
  switch (condition.op) {
    case 'all':
      return speakNeeds(condition.of.filter((part) => part.truth !== 'true'))
    case 'any':
      return speakAlternatives(condition.of)
    case 'not':
      return speakNeedless(condition.of)
    case 'days': {
      const { since, atLeast, before, from, until } = condition
      const start = atLeast === null ? '' : ` from ${speakDay(atLeast, since, from)} on`
      const end = before === null ? '' : ` before ${speakDay(before, since, until)}`
      return `a date${join(
        [start, end].filter((part) => part !== ''),
        'and',
      )}`
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
function speakAlternatives(conditions: readonly ExplainedCondition[]): string {
  if (conditions.length < 2) return speakNeeds(conditions)
  const isComposite = conditions.some((condition) => partsOf(condition).length > 1)
  if (!isComposite) return `either ${speakNeeds(conditions, 'or')}`
  return `one of these: ${[...new Set(conditions.map((condition) => speakNeeds([condition])))].join('; ')}`
}

/** What must not be true, or not any more. */
function speakNeedless(condition: ExplainedCondition): string {
  if (condition.op === 'fact') return `${speakTest(condition, 'not to be')} (${speakLatest(condition)})`
  if (condition.op === 'milestone') return `no ${quote(condition.milestone.title)} on record`
  return `an end to what now holds (${speakWhile(condition)})`
}

/** What ends a condition that holds now: a day, entries of the record, or both; null if that is not all that can end it. */
interface End {
  days: readonly string[]
  milestones: readonly string[]
}

function endOf(condition: ExplainedCondition): End | null {
  // Its beginning is past: only its end matters.
  if (condition.op === 'days' && condition.before !== null) {
    return { days: [speakDay(condition.before, condition.since, condition.until)], milestones: [] }
  }
  if (condition.op === 'not' && condition.of.op === 'milestone') {
    return { days: [], milestones: [speakMilestone(condition.of)] }
  }
  if (condition.op === 'not' && isStart(condition.of)) {
    return { days: [speakDay(condition.of.atLeast, condition.of.since, condition.of.from)], milestones: [] }
  }
  if (condition.op !== 'any') return null
  // It holds as long as one of its parts does: until the last of them has ended.
  const ends = condition.of.filter((part) => part.truth !== 'false').map(endOf)
  if (ends.some((end) => end === null)) return null
  return {
    days: ends.flatMap((end) => end?.days ?? []),
    milestones: ends.flatMap((end) => end?.milestones ?? []),
  }
}

function speakEnd({ days, milestones }: End): string {
  const onRecord =
    milestones.length > 0 ? `until ${join(milestones, 'and')} ${milestones.length > 1 ? 'are' : 'is'} on record` : null
  if (days.length === 0) return onRecord ?? ''
  const day = `until ${join(days, 'and')}`
  return onRecord === null ? day : `at least ${day}, and then ${onRecord}`
}

/**
 * While a condition that is true or unknown holds: "at least until day 28 after surgery (29 October 2026)". At least,
 * because what one rule no longer forbids on that day another one may.
 */
function speakWhile(condition: ExplainedCondition): string {
  const end = endOf(condition)
  if (end !== null) return end.milestones.length === 0 ? `at least ${speakEnd(end)}` : speakEnd(end)
  switch (condition.op) {
    case 'all':
      return speakAllOf(condition.of)
    case 'any': {
      const holding = condition.of.filter((part) => part.truth !== 'false').map(speakWhile)
      return holding.length > 1 ? `as long as one of these holds: ${holding.join('; ')}` : holding.join('')
    }
    case 'not':
      return speakUntil(condition.of)
    case 'days':
      return condition.atLeast === null
        ? ''
        : `since ${speakDay(condition.atLeast, condition.since, condition.from, { end: 'earliest' })}`
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

/** All of them hold, so that the first to end ends it; a beginning that is past is no news beside them. */
function speakAllOf(parts: readonly ExplainedCondition[]): string {
  const lasting = parts.filter((part) => !(isStart(part) && part.truth === 'true'))
  if (lasting.length === 0) return parts.map(speakWhile).join(' ')
  const [only, ...more] = lasting
  if (only !== undefined && more.length === 0) return speakWhile(only)
  const ends = lasting.map(endOf).filter((end) => end !== null)
  const others = lasting.filter((part) => endOf(part) === null).map(speakWhile)
  const first =
    ends.length > 1 ? `${join(ends.map(speakEnd), 'or')}, whichever comes first` : ends.map(speakEnd).join('')
  return [others.join(', '), first].filter((part) => part !== '').join(', and at most ')
}

/** Until a condition that is not true becomes true: "until “Pain now” is at most 3". */
function speakUntil(condition: ExplainedCondition): string {
  switch (condition.op) {
    case 'milestone':
      return `until ${speakMilestone(condition)} is on record`
    case 'fact':
      return condition.truth === 'unknown'
        ? `while it is not known whether ${speakTest(condition)} (${speakLatest(condition)})`
        : `until ${speakTest(condition)} (${speakLatest(condition)})`
    case 'phase':
      return `until ${speakPhases(condition)} is reached`
    default:
      return `until there is ${speakLack(condition)}`
  }
}

interface InForce {
  title: string
  strength: 'absolute' | 'relative' | 'caution'
  certain: boolean
  when: ExplainedCondition | null
}

/** "“Heavy lifting”, until … is on record, unless a clinician lifts this for the patient". */
function speakInForce({ title, strength, when }: InForce): string {
  const span = when === null ? 'throughout this protocol' : speakWhile(when)
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
export function speakReason(reason: Reason): string {
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
        : `${quote(reason.title)} has not begun: its first phase, ${quote(reason.first.title)}, ${speakWait([reason.entry], { decided: false })}.`
    case 'contraindication':
      return `It falls under a contraindication: ${speakInForce(reason)}${speakDoubt(reason.certain, reason.ungraded)}.`
    case 'override':
      return endSentence(`A clinician withholds it ${speakSpan(reason)}: ${reason.reason}`)
    case 'sides-disagree':
      return 'There is no side of the body on which everything that prescribes it permits it.'
    case 'phase-not-reached':
      return `It begins with the phase ${quote(reason.phase.title)}, which ${speakWait(reason.entries, { decided: true })}.`
    case 'phase-passed':
      return `It ended with the phase ${quote(reason.phase.title)}, which is over.`
    case 'condition-not-met':
      return reason.certain
        ? `It ${speakWait([reason.when], { decided: true })}.`
        : `It ${speakWait([reason.when], { decided: true })}; what is not known does not permit it.`
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
  // An override can still permit it, unless an absolute contraindication stands.
  const isAbsolute = reasons.some((reason) => reason.kind === 'contraindication' && reason.strength === 'absolute')
  const exception = isAbsolute ? '' : '; only an exception that a clinician makes for the patient could'
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
