import {
  addDays,
  type CalendarDate,
  type Caution,
  type ContraindicationInForce,
  type ExplainedCondition,
  type FactTest,
  type FlagResponse,
  type Grant,
  type OpenRedFlag,
  type Reason,
} from '../../rules/index.ts'

// The one place where data becomes words. The same reason reads the same everywhere.

const dateFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })

/** "3 December 2026". */
function speakDate(date: CalendarDate): string {
  return dateFormat.format(Temporal.PlainDate.from(date).toZonedDateTime('UTC').epochMilliseconds)
}

function quote(title: string): string {
  return `“${title}”`
}

function join(items: readonly string[], conjunction: 'and' | 'or'): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} ${conjunction} ${items.at(-1)}`
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function speakRoles(roles: readonly string[]): string {
  return join(
    roles.map((role) => role.replaceAll('-', ' ')),
    'or',
  )
}

/** "day 42 after surgery (3 December 2026)". */
function speakDay(day: number, since: { title: string } | null, date: CalendarDate | null): string {
  return `${nameDay(day, since)}${date === null ? '' : ` (${speakDate(date)})`}`
}

function nameDay(day: number, since: { title: string } | null): string {
  if (day === 0) return `the day of ${since === null ? 'surgery' : quote(since.title)}`
  const anchor = since === null ? 'surgery' : quote(since.title)
  return `day ${Math.abs(day)} ${day < 0 ? 'before' : 'after'} ${anchor}`
}

const comparisons = [
  ['is', (bound) => speakValue(bound)],
  ['in', (bound) => join((bound as unknown[]).map(speakValue), 'or')],
  ['atLeast', (bound) => `at least ${bound}`],
  ['above', (bound) => `above ${bound}`],
  ['atMost', (bound) => `at most ${bound}`],
  ['below', (bound) => `below ${bound}`],
] as const satisfies readonly (readonly [keyof FactTest, (bound: unknown) => string])[]

function speakValue(value: unknown): string {
  return value === true ? 'yes' : value === false ? 'no' : String(value)
}

/** "“Pain now” is at most 3", or "“Pain now” to be at most 3". */
function speakTest(
  condition: Extract<ExplainedCondition, { op: 'fact' }>,
  verb: 'is' | 'to be' | 'not to be' = 'is',
): string {
  const tests = comparisons.flatMap(([key, speak]) =>
    condition.test[key] === undefined ? [] : [speak(condition.test[key])],
  )
  return `${quote(condition.fact.title)} ${verb} ${join(tests, 'and')}`
}

function speakLatest({ latest, stale }: Extract<ExplainedCondition, { op: 'fact' }>): string {
  if (latest === null) return 'nothing is recorded'
  return `${stale ? 'the last observation is too old' : 'last recorded'}: ${speakValue(latest.value)} on ${speakDate(latest.on)}`
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

/** What conditions that must all be true still wait for: "cannot begin before day 7 … and needs “A” and “B” on record". */
function speakWait(conditions: readonly ExplainedCondition[]): string {
  const missing = withoutImplied(conditions.flatMap(partsOf).filter((part) => part.truth !== 'true'))
  const days = missing.flatMap((part) => (isStart(part) ? [speakDay(part.atLeast, part.since, part.from)] : []))
  const needs = speakNeeds(missing.filter((part) => !isStart(part)))
  return join(
    [
      days.length > 0 ? `cannot begin before ${join([...new Set(days)], 'and')}` : '',
      needs === '' ? '' : `needs ${needs}`,
    ].filter((part) => part !== ''),
    'and',
  )
}

/** A test of days that only time has to meet. */
function isStart(
  condition: ExplainedCondition,
): condition is Extract<ExplainedCondition, { op: 'days' }> & { atLeast: number } {
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
  const others = conditions.flatMap((part) => (part.op === 'milestone' ? [] : [speakNeed(part)]))
  const distinct = [...new Set(milestones)]
  const onRecord = distinct.length > 0 ? [`${join(distinct, conjunction)} on record`] : []
  return join([...new Set(others), ...onRecord], conjunction)
}

function partsOf(condition: ExplainedCondition): readonly ExplainedCondition[] {
  return condition.op === 'all' ? condition.of.flatMap(partsOf) : [condition]
}

/** What a condition that is not true still needs, as a noun phrase: "“Pain now” to be at most 3 (…)". */
function speakNeed(condition: ExplainedCondition): string {
  switch (condition.op) {
    case 'all':
      return speakNeeds(condition.of.filter((part) => part.truth !== 'true'))
    case 'any':
      return condition.of.length > 1 ? `either ${speakNeeds(condition.of, 'or')}` : speakNeeds(condition.of)
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

/** What must not be true, or not any more. */
function speakNeedless(condition: ExplainedCondition): string {
  if (condition.op === 'fact') return `${speakTest(condition, 'not to be')} (${speakLatest(condition)})`
  if (condition.op === 'milestone') return `no ${quote(condition.milestone.title)} on record`
  return `an end to what now holds (${speakWhile(condition)})`
}

/** "“Doctor's clearance” (granted by surgeon or doctor)". */
function speakMilestone({ milestone, grantedBy }: Extract<ExplainedCondition, { op: 'milestone' }>): string {
  return `${quote(milestone.title)}${grantedBy.length > 0 ? ` (granted by ${speakRoles(grantedBy)})` : ''}`
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
      return condition.atLeast === null ? '' : `since ${speakDay(condition.atLeast, condition.since, condition.from)}`
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
  return [...others, first].filter((part) => part !== '').join(' ')
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
      return `until there is ${speakNeed(condition)}`
  }
}

/** `until` is the first day on which it no longer holds; a reader wants the last on which it does. */
function speakSpan({ from, until }: { from: CalendarDate; until: CalendarDate | null }): string {
  if (until === null) return `from ${speakDate(from)} on`
  const last = addDays(until, -1)
  return last === from ? `on ${speakDate(from)}` : `from ${speakDate(from)} through ${speakDate(last)}`
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
        : `${quote(reason.title)} has not begun: its first phase, ${quote(reason.first.title)}, ${speakWait([reason.entry])}.`
    case 'contraindication':
      return `It falls under a contraindication: ${speakInForce(reason)}${speakDoubt(reason.certain, reason.ungraded)}.`
    case 'override':
      return endSentence(`A clinician withholds it ${speakSpan(reason)}: ${reason.reason}`)
    case 'sides-disagree':
      return 'There is no side of the body on which everything that prescribes it permits it.'
    case 'phase-not-reached':
      return `It begins with the phase ${quote(reason.phase.title)}, which ${speakWait(reason.entries)}.`
    case 'phase-passed':
      return `It ended with the phase ${quote(reason.phase.title)}, which is over.`
    case 'condition-not-met':
      return reason.certain
        ? `It ${speakWait([reason.when])}.`
        : `It ${speakWait([reason.when])}; what is not known does not permit it.`
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
  const modality = grant.modality === null ? '' : `: ${grant.modality}`
  return endSentence(`Prescribed by ${quote(protocolTitle ?? grant.protocol)} in the present phase${modality}`)
}
