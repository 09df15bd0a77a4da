import { findNearest, listWords } from '../../http/nearest.ts'
import { ProblemError, type ProblemLocation } from '../../http/problems.ts'
import {
  addDays,
  type CalendarDate,
  type FactDeclaration,
  type FactValue,
  type ProtocolDocument,
} from '../../rules/index.ts'
import { dayOf } from './day.ts'

/** A surgery can be planned this far ahead, and a patient can have lived this long with one. */
const mostDaysAhead = 366
const mostYearsBack = 120

/** A date, as the clinic's calendar has it now. */
export function today(now: Temporal.Instant, timeZone: string): CalendarDate {
  return dayOf(now, timeZone).date
}

export function implausible(pointer: string, detail: string): ProblemError {
  return new ProblemError('NOT_PLAUSIBLE', `\`${pointer.slice(1).replaceAll('/', '.')}\` ${detail}`, {
    errors: [{ pointer, detail }],
  })
}

/** Refuses a surgery in the far future or before anyone who is alive could have had it. */
export function requirePlausibleSurgery(surgeryDate: CalendarDate, now: CalendarDate): void {
  const latest = addDays(now, mostDaysAhead)
  const earliest = Temporal.PlainDate.from(now).subtract({ years: mostYearsBack }).toString()
  if (surgeryDate > latest) {
    throw implausible('/surgeryDate', `lies more than a year ahead: it must not be later than ${latest}`)
  }
  if (surgeryDate < earliest) {
    throw implausible('/surgeryDate', `lies before the patient could live: it must not be earlier than ${earliest}`)
  }
}

/** Refuses what is said to have happened after today. */
export function requirePast(on: CalendarDate, now: CalendarDate): void {
  if (on > now)
    throw implausible('/on', `lies in the future: what is recorded has happened, so at the latest on ${now}`)
}

/** Refuses a span that ends before it begins, or on the day it begins. */
export function requireSpan(from: CalendarDate, until: CalendarDate | undefined): void {
  if (until !== undefined && until <= from) {
    throw implausible('/until', `is the first day on which it no longer holds, so it must be later than ${from}`)
  }
}

function unknownName(kind: string, pointer: string, name: string, known: readonly string[]): ProblemError {
  const nearest = findNearest(name, known)
  const hint =
    nearest.length > 0
      ? `did you mean ${listWords(nearest)}?`
      : known.length > 0
        ? `they declare ${listWords([...known].sort(), 'and')}`
        : 'they declare none'
  const detail = `names the ${kind} \`${name}\`, which the episode’s protocols do not declare: ${hint}`
  return new ProblemError('UNKNOWN_REFERENCE', `\`${pointer.slice(1)}\` ${detail}`, {
    errors: [{ pointer, detail }],
    nearest,
  })
}

/**
 * Refuses a milestone that no protocol declares, that lies before the surgery, or that its role may not grant. Returns
 * whether it is a clearance, which only named roles may grant.
 */
export function requireMilestone(
  milestone: { code: string; on: CalendarDate; grantedBy?: string | undefined },
  documents: readonly ProtocolDocument[],
  surgeryDate: CalendarDate,
): boolean {
  const declared = documents.flatMap((document) => document.milestones)
  const own = declared.filter((candidate) => candidate.code === milestone.code)
  if (own.length === 0) {
    throw unknownName('milestone', '/code', milestone.code, [...new Set(declared.map(({ code }) => code))])
  }
  if (milestone.on < surgeryDate && !own.every((candidate) => candidate.preOperative)) {
    throw implausible('/on', `lies before the surgery on ${surgeryDate}, which “${own[0]?.title}” cannot`)
  }
  const roles = [...new Set(own.flatMap((candidate) => candidate.grantedBy ?? []))].sort()
  if (own.some((candidate) => candidate.grantedBy === undefined) || roles.length === 0) return false
  if (milestone.grantedBy === undefined || !roles.includes(milestone.grantedBy)) {
    const given = milestone.grantedBy === undefined ? 'is required' : `must not be \`${milestone.grantedBy}\``
    throw implausible('/grantedBy', `${given}: “${own[0]?.title}” may be granted by ${listWords(roles)} only`)
  }
  return true
}

/** Refuses a fact that no protocol declares or a value that it cannot have. */
export function requireFact(fact: { code: string; value: FactValue }, documents: readonly ProtocolDocument[]): void {
  const declared = documents.flatMap((document) => document.facts)
  const own = declared.filter((candidate) => candidate.code === fact.code)
  if (own.length === 0) throw unknownName('fact', '/code', fact.code, [...new Set(declared.map(({ code }) => code))])
  for (const declaration of own) {
    const fault = faultOf(fact.value, declaration)
    if (fault !== null) throw implausible('/value', fault)
  }
}

function faultOf(value: FactValue, { title, type, unit, min, max, values }: FactDeclaration): string | null {
  const of = `of “${title}”`
  if (type === 'boolean') return typeof value === 'boolean' ? null : `${of} must be \`true\` or \`false\``
  if (type === 'number') {
    if (typeof value !== 'number') return `${of} must be a number${unit === undefined ? '' : ` in ${unit}`}`
    if (min !== undefined && value < min) return `${of} must be at least ${min}`
    return max !== undefined && value > max ? `${of} must be at most ${max}` : null
  }
  if (typeof value !== 'string') return `${of} must be a text`
  if (type === 'choice' && !values?.includes(value)) return `${of} must be one of ${listWords(values ?? [])}`
  return null
}

/** The declaration of a red flag, or a problem that names the known ones. */
export function requireRedFlag(code: string, documents: readonly ProtocolDocument[]) {
  const declared = documents.flatMap((document) => document.redFlags)
  const own = declared.filter((candidate) => candidate.code === code)
  // Of two protocols that declare it, the one that calls it an emergency is right.
  const found = own.find((candidate) => candidate.response === 'emergency') ?? own[0]
  if (found === undefined) {
    throw unknownName('red flag', '/redFlag', code, [...new Set(declared.map((flag) => flag.code))])
  }
  return found
}

/** Refuses `lifts` that name no relative contraindication of the episode's protocols, or that come with `withhold`. */
export function requireLifts(
  override: { effect: 'permit' | 'withhold'; lifts?: readonly string[] | undefined },
  documents: readonly ProtocolDocument[],
): void {
  const lifts = override.lifts ?? []
  if (lifts.length === 0) return
  if (override.effect === 'withhold') throw implausible('/lifts', 'goes with `permit` only: leave it out')
  const rules = documents.flatMap((document) => document.contraindications)
  const errors = lifts.flatMap((code, index): ProblemLocation[] => {
    const own = rules.filter((rule) => rule.code === code)
    if (own.some((rule) => rule.strength === 'relative')) return []
    const relative = rules.filter((rule) => rule.strength === 'relative').map((rule) => rule.code)
    const detail = own.some((rule) => rule.strength === 'absolute')
      ? `names \`${code}\`, which is absolute: no override lifts it`
      : `names \`${code}\`, which is no relative contraindication of the episode’s protocols: ${relative.length > 0 ? `they are ${listWords(relative.sort(), 'and')}` : 'they have none'}`
    return [{ pointer: `/lifts/${index}`, detail }]
  })
  if (errors.length > 0) {
    throw new ProblemError('NOT_PLAUSIBLE', 'the override cannot lift what it names', { errors })
  }
}
