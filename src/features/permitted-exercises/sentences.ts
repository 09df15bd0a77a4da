import type {
  CalendarDate,
  Caution,
  ContraindicationInForce,
  ExplainedCondition,
  FactTest,
  FlagResponse,
  Grant,
  OpenRedFlag,
  Reason,
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
  const anchor = since === null ? (day < 0 ? 'before surgery' : 'after surgery') : `after ${quote(since.title)}`
  return `day ${since === null ? Math.abs(day) : day} ${anchor}${date === null ? '' : ` (${speakDate(date)})`}`
}

const comparisons = [
  ['is', (bound) => `is ${speakValue(bound)}`],
  ['in', (bound) => `is ${join((bound as unknown[]).map(speakValue), 'or')}`],
  ['atLeast', (bound) => `is at least ${bound}`],
  ['above', (bound) => `is above ${bound}`],
  ['atMost', (bound) => `is at most ${bound}`],
  ['below', (bound) => `is below ${bound}`],
] as const satisfies readonly (readonly [keyof FactTest, (bound: unknown) => string])[]

function speakValue(value: unknown): string {
  return value === true ? 'yes' : value === false ? 'no' : String(value)
}

function speakTest(condition: Extract<ExplainedCondition, { op: 'fact' }>): string {
  const tests = comparisons.flatMap(([key, speak]) =>
    condition.test[key] === undefined ? [] : [speak(condition.test[key])],
  )
  return `${quote(condition.fact.title)} ${join(tests, 'and')}`
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

/** What conditions that must all be true still need; milestones together: "“A” and “B” on record". */
function speakNeeds(conditions: readonly ExplainedCondition[]): string {
  const missing = conditions.flatMap(partsOf).filter((part) => part.truth !== 'true')
  const milestones = missing.flatMap((part) => (part.op === 'milestone' ? [speakMilestone(part)] : []))
  const others = missing.flatMap((part) => (part.op === 'milestone' ? [] : [speakNeed(part)]))
  const distinct = [...new Set(milestones)]
  return join([...others, ...(distinct.length > 0 ? [`${join(distinct, 'and')} on record`] : [])], 'and')
}

function partsOf(condition: ExplainedCondition): readonly ExplainedCondition[] {
  return condition.op === 'all' ? condition.of.flatMap(partsOf) : [condition]
}

/** What a condition that is not true still needs, as a noun phrase: "day 42 after surgery (3 December 2026)". */
function speakNeed(condition: ExplainedCondition): string {
  switch (condition.op) {
    case 'all':
      return join(condition.of.filter((part) => part.truth !== 'true').map(speakNeed), 'and')
    case 'any':
      return `either ${join(condition.of.map(speakNeed), 'or')}`
    case 'not':
      return `an end to what now holds (${speakWhile(condition.of)})`
    case 'days': {
      const { since, atLeast, before, from, until } = condition
      const start = atLeast === null ? null : speakDay(atLeast, since, from)
      const end = before === null ? null : `a date before ${speakDay(before, since, until)}`
      return join(
        [start, end].filter((part) => part !== null),
        'and',
      )
    }
    case 'milestone':
      return `${speakMilestone(condition)} on record`
    case 'fact':
      return `that ${speakTest(condition)} (${speakLatest(condition)})`
    case 'phase':
      return speakPhases(condition)
  }
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
  if (condition.op === 'days' && condition.atLeast === null && condition.before !== null) {
    return { days: [speakDay(condition.before, condition.since, condition.until)], milestones: [] }
  }
  if (condition.op === 'not' && condition.of.op === 'milestone') {
    return { days: [], milestones: [speakMilestone(condition.of)] }
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

/** While a condition that is true or unknown holds: "until day 28 after surgery (29 October 2026)". */
function speakWhile(condition: ExplainedCondition): string {
  const end = endOf(condition)
  if (end !== null) return speakEnd(end)
  switch (condition.op) {
    case 'all':
      return speakAllOf(condition.of)
    case 'any': {
      const holding = condition.of.filter((part) => part.truth !== 'false').map(speakWhile)
      return holding.length > 1 ? `as long as one of these holds: ${holding.join('; ')}` : holding.join('')
    }
    case 'not':
      return speakUntil(condition.of)
    case 'days': {
      const { since, atLeast, before, from, until } = condition
      const start = atLeast === null ? null : `from ${speakDay(atLeast, since, from)}`
      const stop = before === null ? null : `until ${speakDay(before, since, until)}`
      return [start, stop].filter((part) => part !== null).join(' ')
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

/** All of them hold, so that the first to end ends it. */
function speakAllOf(parts: readonly ExplainedCondition[]): string {
  const ending = parts.map(endOf).filter((end) => end !== null)
  const others = parts.filter((part) => endOf(part) === null).map(speakWhile)
  const ends = ending.map(speakEnd)
  const first = ends.length > 1 ? `${join(ends, 'or')}, whichever comes first` : ends.join('')
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
    default:
      return `until there is ${speakNeed(condition)}`
  }
}

function speakSpan({ from, until }: { from: CalendarDate; until: CalendarDate | null }): string {
  return until === null ? `since ${speakDate(from)}` : `from ${speakDate(from)} until ${speakDate(until)}`
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
    return `; the catalogue does not grade the exercise for ${join(attributes, 'and')}, so it counts as meant`
  }
  return certain ? '' : '; what is not known counts against it'
}

/** What to do about a red flag, now. */
export function speakResponse(response: FlagResponse): string {
  return response === 'emergency'
    ? 'This is an emergency: call the emergency services or go to an emergency department now.'
    : 'Contact the surgeon’s team at once, and stop exercising until they have answered.'
}

export function speakOpenRedFlag(flag: OpenRedFlag): string {
  return `${quote(flag.title)} was reported on ${speakDate(flag.since)} and is not resolved. ${speakResponse(flag.response)}`
}

/** One sentence that says why an exercise, or everything, is withheld. */
export function speakReason(reason: Reason): string {
  switch (reason.kind) {
    case 'episode-closed':
      return endSentence(`The episode was closed on ${speakDate(reason.on)}: ${reason.reason}`)
    case 'red-flag':
      return reason.response === 'emergency'
        ? `${quote(reason.redFlag.title)} was reported on ${speakDate(reason.since)}: this is an emergency, and nothing is permitted until a clinician has resolved it.`
        : `${quote(reason.redFlag.title)} was reported on ${speakDate(reason.since)}: nothing is permitted until the surgeon’s team has been asked and a clinician has resolved it.`
    case 'hold':
      return endSentence(`All exercise is on hold ${speakSpan(reason)}: ${reason.reason}`)
    case 'no-protocol':
      return 'No protocol is assigned, so nothing is permitted.'
    case 'no-phase':
      return reason.first === null || reason.entry === null
        ? `${quote(reason.title)} has no phases, so nothing is permitted.`
        : `${quote(reason.title)} has not begun: its first phase, ${quote(reason.first.title)}, needs ${speakNeeds([reason.entry])}.`
    case 'contraindication':
      return `It falls under a contraindication: ${speakInForce(reason)}${speakDoubt(reason.certain, reason.ungraded)}.`
    case 'override':
      return endSentence(`A clinician withholds it ${speakSpan(reason)}: ${reason.reason}`)
    case 'sides-disagree':
      return 'The protocols that prescribe it name different sides, so that it is permitted on neither.'
    case 'phase-not-reached':
      return `It begins with the phase ${quote(reason.phase.title)}, which still needs ${speakNeeds(reason.entries)}.`
    case 'phase-passed':
      return `It ended with the phase ${quote(reason.phase.title)}, which is over.`
    case 'condition-not-met':
      return reason.certain
        ? `It needs ${speakNeeds([reason.when])}.`
        : `It needs ${speakNeeds([reason.when])}; what is not known does not permit it.`
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
  const modality = grant.modality === null ? '' : ` (in its source: ${grant.modality})`
  return `Prescribed by ${quote(protocolTitle ?? grant.protocol)} in the present phase${modality}.`
}
