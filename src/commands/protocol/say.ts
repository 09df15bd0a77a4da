import type { z } from 'zod'
import type * as checks from '../../features/checks/schemas.ts'
import type { Page } from '../../features/diffs/page.ts'
import type * as answers from '../../features/permitted-exercises/schemas.ts'
import { speakBounds, speakCode, speakDate } from '../../features/phrases.ts'
import type * as timelines from '../../features/timelines/schemas.ts'
import type { Place } from '../../http/source-places.ts'
import type { TextChange } from '../../rules/index.ts'
import type { Fault } from './files.ts'

// What the commands print for people. Sentences are those of the service.

type Check = z.output<typeof checks.check>
type Answer = z.output<typeof answers.simulation>
type Timeline = z.output<typeof timelines.simulatedTimeline>

interface Placed {
  line: number | null
  column: number | null
}

/** "acdf.yaml:34:7", which terminals and editors open. */
function at(file: string, { line, column }: Placed): string {
  return [file, line, column].filter((part) => part !== null).join(':')
}

export function sayFaults(faults: readonly Fault[]): string {
  return faults.map((fault) => `${at(fault.file, fault)}: error: ${fault.text}\n`).join('')
}

export function sayCheck(file: string, { text, findings }: Pick<Check, 'text' | 'findings'>): string {
  const lines = findings.map((finding) => {
    const kind = finding.accepted === null ? finding.severity : 'accepted'
    const why = finding.accepted === null ? '' : ` (accepted: ${finding.accepted})`
    return `${at(file, finding)}: ${kind}: ${finding.text}${why} [${finding.name}]\n`
  })
  return `${lines.join('')}${file}: ${text}\n`
}

interface RunCase extends Placed {
  code: string
  title: string | null
  passed: boolean
  differences: readonly z.output<typeof checks.difference>[]
}

export function sayCases(file: string, cases: readonly RunCase[]): string {
  if (cases.length === 0) return `${file}: it keeps no test cases\n`
  const lines = cases.map((one) => {
    const name = `${at(file, one)}: ${one.passed ? 'ok' : 'FAILED'}: ${one.code}${one.title === null ? '' : ` (${one.title})`}\n`
    return `${name}${one.differences.map(({ text }) => `    ${text}\n`).join('')}`
  })
  const failed = cases.filter(({ passed }) => !passed).length
  const count = `${cases.length} test case${cases.length === 1 ? '' : 's'}`
  return `${lines.join('')}${file}: ${failed === 0 ? `${count}, all as expected` : `${failed} of ${count} failed`}\n`
}

export function sayTable(title: string, opportunities: Check['opportunities']): string {
  const rows = opportunities.map(({ exercise, title, text, decided, when }) => {
    const ways = when.map((way) => `    ${way.text}\n`).join('')
    return `${title} (${exercise})\n${when.length === 0 || !decided ? `    ${text}\n` : ''}${ways}`
  })
  return `${title}: when each exercise can be permitted\n\n${rows.join('')}`
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${title}\n${lines.map((line) => `  ${line}\n`).join('')}`
}

/** "acdf.yaml:34:7: limits/lifting/max: changed". */
export function sayChange(file: string, place: Place | undefined, { name, change }: TextChange): string {
  return `${at(file, place ?? { line: null, column: null })}: ${name}: ${change}`
}

export function sayDiff({ title, text, sections }: Page): string {
  return `${title}\n${text}\n${sections.map(({ heading, lines }) => section(heading, lines)).join('')}`
}

export function sayAnswer(answer: Answer): string {
  const phases = answer.protocols.map(({ title, phase }) => `${title}: ${phase?.title ?? 'no phase'}`)
  const limits = answer.limits
    .filter(({ supersededBy }) => supersededBy === null)
    .map((limit) => `${speakCode(limit.quantity)}: ${speakBounds(limit)}`)
  return [
    `${speakDate(answer.on)}, day ${answer.daysSinceSurgery} after the surgery of ${speakDate(answer.surgery.surgeryDate)} (${answer.status})\n`,
    ...phases.map((phase) => `${phase}\n`),
    section(
      'Red flags that are open',
      answer.redFlags.filter(({ open }) => open).map(({ text }) => text),
    ),
    section(
      'Permitted',
      answer.permitted.map(({ exercise, title, text, cautions }) =>
        [`${title} (${exercise}): ${text}`, ...cautions.map((caution) => caution.text)].join(' '),
      ),
    ),
    section(
      'Withheld',
      answer.withheld.map(({ exercise, title, reasons, wayForward }) =>
        [`${title} (${exercise}):`, ...reasons.map(({ text }) => text), wayForward?.text ?? ''].join(' ').trim(),
      ),
    ),
    section(
      'Avoid',
      answer.avoid.map(({ text }) => text),
    ),
    section('Limits', limits),
    section(
      'Instructions',
      answer.instructions.map(({ text }) => text),
    ),
    section(
      'Questions',
      answer.missingFacts.map(({ text }) => text),
    ),
    `\n${answer.nextChange === null ? 'Nothing changes by itself.' : `The answer changes by itself on ${speakDate(answer.nextChange)}.`}\n`,
  ].join('')
}

export function sayTimeline({ steps, nextPhases, waiting, never }: Timeline): string {
  return [
    ...steps.map(
      (step) =>
        `${speakDate(step.date)}, day ${step.daysSinceSurgery}${step.past ? '' : ' (to come)'}\n${step.changes.map(({ text }) => `  ${text}\n`).join('')}`,
    ),
    section(
      'The next phases',
      nextPhases.map(({ text }) => text),
    ),
    section(
      'What waits',
      waiting.map(({ text }) => text),
    ),
    section(
      'What no record permits',
      never.map(({ text }) => text),
    ),
  ].join('')
}
