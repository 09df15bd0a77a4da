import type {
  CalendarDate,
  CaseDifference,
  CaseResult,
  DaySpan,
  Finding,
  Opportunity,
  ProtocolDocument,
} from '../../rules/index.ts'
import { speakReason } from '../permitted-exercises/sentences.ts'
import {
  endSentence,
  join,
  quote,
  quoteTitles,
  speakCode,
  speakDate,
  speakDose,
  speakMilestone,
  speakQuantity,
  speakTest,
} from '../phrases.ts'

// What the check has found, in words for the author of a protocol: what is so, and what to do about it.

const nouns: Readonly<Record<string, string>> = {
  exercises: 'exercise',
  sources: 'source',
  milestones: 'milestone',
  facts: 'fact',
  phases: 'phase',
  prescriptions: 'prescription',
  contraindications: 'contraindication',
  instructions: 'instruction',
  limits: 'limit',
  redFlags: 'red flag',
  cases: 'test case',
}

/** "The phase `early`", "Step 2 of the dosage of the prescription `walks`": what the finding's path leads to. */
function nameSubject({ path, subject }: Finding, document: ProtocolDocument): string {
  const [, list = '', index, part, step] = path.split('/')
  const item: unknown = Reflect.get(document, list)?.[Number(index)]
  const noun = nouns[list]
  if (noun === undefined || typeof item !== 'object' || item === null) return quote(subject)
  const name = `the ${noun} \`${Reflect.get(item, list === 'sources' ? 'id' : 'code')}\``
  return part === 'dosage' && step !== undefined ? `step ${Number(step) + 1} of the dosage of ${name}` : name
}

/** "day 14 through day 20", "day 42 on"; the surgery is day 0. */
function speakDays({ from, before }: DaySpan): string {
  if (from === null) return before === null ? 'every day' : `every day before day ${before}`
  if (before === null) return `day ${from} on`
  return before - from === 1 ? `day ${from}` : `day ${from} through day ${before - 1}`
}

/** "from day 14 through day 20", "on day 7", "from day 42 on". */
function speakSince(span: DaySpan): string {
  const { from, before } = span
  const isOneDay = from !== null && before !== null && before - from === 1
  return `${isOneDay || from === null ? 'on' : 'from'} ${speakDays(span)}`
}

function speakSpans(days: readonly DaySpan[]): string {
  return join(days.map(speakSince), 'and')
}

/** One sentence that says what is found in the document and what its author can do. */
export function speakFinding(finding: Finding, document: ProtocolDocument): string {
  const { code, subject, other, days, path } = finding
  const it = nameSubject(finding, document)
  const isStep = path.includes('/dosage/')
  switch (code) {
    case 'unknown-reference':
      return `${quote(subject)} is named and does not exist: correct the name, or declare it.`
    case 'duplicate-code':
      return `${quote(subject)} is the name of two: give one of them another.`
    case 'phase-in-entry':
      return 'The entry of a phase asks about phases: use `days`, `milestone` or `fact`.'
    case 'unreachable-phase':
      return `${begin(it)} is never reached, whatever is recorded: correct its entry or that of a phase before it, or remove it.`
    case 'empty-phase':
      return `No prescription grants anything in ${it}: prescribe something in it, or accept that nothing is permitted then.`
    case 'grant-never-effective':
      return `${begin(it)} never permits anything, whatever is recorded: correct its phases or its condition, or the contraindication that stands against it.`
    case 'granted-but-contraindicated':
      return `The contraindication \`${other}\` can forbid what ${it} grants (${speakSpans(days)}): let the one end earlier or the other begin later, or accept it where a clinician is meant to decide.`
    case 'rule-never-applies':
      if (other === 'target') {
        return `${begin(it)} is about no exercise of the catalogue: correct its target, or accept it for what the catalogue will have.`
      }
      if (other === 'unknown') {
        return `${begin(it)} is never the dose, and can only lower that of a step before it while it is not known which of them is meant: correct its condition, or accept it where it is meant to.`
      }
      return isStep
        ? `${begin(it)} is never the dose, whatever is recorded: correct its condition, or remove it.`
        : `${begin(it)} never applies, whatever is recorded: correct its condition, or remove it.`
    case 'shadowed-rule':
      return isStep
        ? `${begin(it)} is never the dose, because a later step always takes its place: correct the conditions, or remove it.`
        : `${begin(it)} makes no difference, because others that are as strict apply whenever it does: correct its condition, remove it, or accept it as a reminder.`
    case 'limit-relaxes-backwards':
      return `${begin(it)} is stricter than the limit \`${other}\` before it, although only time has passed: exchange the numbers or the days, or accept it where the source says so.`
    case 'gap':
      return path === '/phases'
        ? `No phase can be reached ${speakSpans(days)}, so that nothing is permitted: let a phase cover these days, or accept it.`
        : `${quote(subject)} can be permitted at first and later, but not ${speakSpans(days)}: prescribe it for these days, or accept the gap.`
    case 'ungraded-attribute':
      return `${quote(subject)} is not graded for \`${other}\`, so that every contraindication about that applies to it: grade it in the catalogue.`
    case 'no-source':
      return `${begin(it)} names no source: cite where it comes from in its \`sources\`, or accept that it has none.`
    case 'unused-declaration':
      return path.startsWith('/accepted/')
        ? `The check finds nothing that is called \`${subject}\`: leave its acceptance out, or correct the name.`
        : `No rule asks for ${it}: use it, or remove it.`
    case 'contradictory-bounds':
      return path.startsWith('/limits/') && !path.endsWith('/when')
        ? `No number keeps both ${it} and the limit \`${other}\`, which can apply at the same time: correct one of them.`
        : `No value of ${quote(subject)} can meet the test: correct its numbers, or the range of the fact.`
    case 'check-incomplete':
      return `Deciding everything would take more than the ${other} looks at conditions that a check may take, so that something wrong may stay unseen: make conditions simpler, or accept it.`
    case 'case-failed':
      return finding.failure === null ? `${begin(it)} fails.` : `${begin(it)} fails ${speakFailure(finding.failure)}`
  }
}

/** "on day 41, with the surgery on 1 January 2026: …". */
function speakFailure({ case: { on: day }, surgeryDate, on, differences }: CaseResult): string {
  const spoken = differences.map((difference) => speakDifference(difference, on)).join(' ')
  return `on day ${day} (${speakDate(on)}, for a surgery on ${speakDate(surgeryDate)}). ${spoken} Correct the rule, or the case if it expects the wrong thing.`
}

/** One sentence that says where an answer is not what a test case expects, and why it is what it is. */
export function speakDifference(difference: CaseDifference, on: CalendarDate): string {
  const { expected, actual } = speakSides(difference)
  switch (difference.kind) {
    case 'withheld': {
      const reasons = difference.reasons.map((reason) => speakReason(reason, on)).join(' ')
      return `${quote(difference.exercise.title)} should be permitted and is withheld: ${reasons}`
    }
    case 'permitted': {
      const rules = difference.grants.map((grant) =>
        grant.kind === 'override' ? 'the case’s own override' : `the prescription \`${grant.rule}\``,
      )
      return `${quote(difference.exercise.title)} should be withheld and is permitted, by ${join(rules, 'and')}.`
    }
    case 'dose':
      return endSentence(
        `The dose of ${quote(difference.exercise.title)} should be ${quote(expected)} and is ${quote(actual)}`,
      )
    case 'limit': {
      const { rules } = difference
      const names = rules.map((rule) => `\`${rule}\``)
      const inForce = rules.length === 0 ? 'no limit on it is in force' : `in force: ${join(names, 'and')}`
      return `The limit on ${speakCode(difference.quantity)} should be ${expected} and is ${actual} (${inForce}).`
    }
    case 'phase':
      return `The phase should be ${expected} and is ${actual}.`
    case 'status':
      return `The status should be ${expected} and is ${actual}.`
  }
}

/** What was expected and what is, in words. */
export function speakSides(difference: CaseDifference): { expected: string; actual: string } {
  switch (difference.kind) {
    case 'withheld':
      return { expected: 'permitted', actual: 'withheld' }
    case 'permitted':
      return { expected: 'withheld', actual: 'permitted' }
    case 'dose':
      return { expected: speakWholeDose(difference.expected), actual: speakWholeDose(difference.actual) }
    case 'phase': {
      const name = (phase: { title: string } | null) => (phase === null ? 'none' : quote(phase.title))
      return { expected: name(difference.expected), actual: name(difference.actual) }
    }
    case 'limit':
      return {
        expected: speakLimit(difference, difference.expected),
        actual: speakLimit(difference, difference.actual),
      }
    case 'status':
      return { expected: `\`${difference.expected}\``, actual: `\`${difference.actual}\`` }
  }
}

function speakWholeDose(dose: Extract<CaseDifference, { kind: 'dose' }>['expected']): string {
  const note = dose?.note === undefined ? '' : `; note: ${dose.note.replaceAll(/\s+/g, ' ')}`
  return `${speakDose(dose)}${note}`
}

/** "at most 10 lb", "no number at most", "as the clinician instructs". */
function speakLimit(
  { part, unit }: Extract<CaseDifference, { kind: 'limit' }>,
  value: number | boolean | null,
): string {
  if (part === 'asInstructed') return value === true ? 'as the clinician instructs' : 'not left to the clinician'
  const bound = part === 'max' ? 'at most' : 'at least'
  return typeof value === 'number' ? `${bound} ${speakQuantity(value, unit)}` : `without a number for “${bound}”`
}

function begin(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

type Way = Opportunity['when'][number]

/** "from day 42 on, once “Six-week visit” is on record and “Pain now” is at most 3". */
export function speakWay({ days, milestones, facts, lifts }: Way): string {
  const reached = Map.groupBy(milestones, ({ least, most }) => speakElapsed(least, most))
  const clauses = [
    ...[...reached].map(
      ([elapsed, group]) =>
        `${join(group.map(speakMilestone), 'and')} ${group.length > 1 ? 'are' : 'is'} on record${elapsed}`,
    ),
    ...facts.map(speakObservation),
    ...(lifts.length > 0 ? [`a clinician permits it for the patient in spite of ${quoteTitles(lifts)}`] : []),
  ]
  return `${speakSince(days)}${clauses.length === 0 ? '' : `, once ${join(clauses, 'and')}`}`
}

/** "“Pain now” is at most 3, observed at most 2 days before". */
function speakObservation({ fact, test, least, most }: Way['facts'][number]): string {
  const isAny = Object.keys(test).length === 0
  const tested = isAny ? `${quote(fact.title)} is on record, whatever it is` : speakTest({ fact, test })
  if (most === 0) return `${tested}, observed that day`
  const bounds = speakDaysOf(least, most)
  return bounds === '' ? tested : `${tested}, observed ${bounds} before`
}

/** How long a milestone must have been on record. */
function speakElapsed(least: number, most: number | null): string {
  const bounds = speakDaysOf(least, most)
  return bounds === '' ? '' : ` for ${bounds}`
}

/** "at least 7 days and at most 14 days"; empty if any number will do. */
function speakDaysOf(least: number, most: number | null): string {
  if (least > 0 && least === most) return `exactly ${speakQuantity(least, 'd')}`
  const bounds = [
    ...(least > 0 ? [`at least ${speakQuantity(least, 'd')}`] : []),
    ...(most === null ? [] : [`at most ${speakQuantity(most, 'd')}`]),
  ]
  return join(bounds, 'and')
}

/** One sentence that says when, if ever, an exercise is permitted and what it takes. */
export function speakOpportunity({ exercise, when, decided }: Opportunity): string {
  const title = quote(exercise.title)
  if (!decided) return `There are too many cases to say when ${title} is permitted.`
  const [first, ...others] = when
  if (first === undefined) return `No record makes this protocol permit ${title}.`
  const more =
    others.length === 0 ? '' : `; there ${others.length === 1 ? 'is one more way' : `are ${others.length} more ways`}`
  return `${title} can be permitted ${speakWay(first)}${more}.`
}

/** One sentence that says what came of the check as a whole. */
export function speakCheck(findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const warnings = findings.filter(({ severity, accepted }) => severity === 'warning' && accepted === null).length
  const accepted = findings.length - errors - warnings
  const parts = [
    errors > 0
      ? `${count(errors, 'error')} that ${errors === 1 ? 'has' : 'have'} to be corrected before it is published`
      : '',
    warnings > 0 ? `${count(warnings, 'warning')} to correct or to accept with a reason` : '',
    accepted > 0 ? `${count(accepted, 'warning')} that ${accepted === 1 ? 'is' : 'are'} accepted` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? 'The check has found nothing.' : `The check has found ${join(parts, 'and')}.`
}

function count(number: number, noun: string): string {
  return number === 1 ? `one ${noun}` : `${number} ${noun}s`
}
