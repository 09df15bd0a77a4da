/** Pairs of small documents that differ in few things, and what differs in them, in short. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type {
  Condition,
  DayBound,
  Difference,
  DiffWitness,
  PhaseMove,
  ProtocolDocument,
} from '../../src/rules/index.ts'

export const walking = { code: 'walking', title: 'Walking', kind: 'exercise', attributes: { impact: 1 } } as const
export const golf = { code: 'golf', title: 'Golf', kind: 'activity', attributes: { impact: 2 } } as const
export const sit = { code: 'sit', about: 'posture', text: 'Sit up.' }
export const walk = {
  code: 'walks',
  exercise: 'walking',
  from: 'first',
  through: 'second',
  supervision: 'supervised',
  side: 'both',
} as const
export const twisting = {
  code: 'twisting',
  title: 'Twisting',
  strength: 'absolute',
  target: [{ exercise: 'golf' }],
} as const
export const lifting = { code: 'lifting', quantity: 'load', max: 10, unit: 'kg' }

const first = { code: 'first', title: 'First', entry: { days: { atLeast: 0 } } } as const
const second = { code: 'second', title: 'Second', entry: { milestone: 'visit' } } as const

export const base: ProtocolDocument = {
  format: 1,
  code: 'example',
  title: 'Example',
  procedures: ['repair'],
  exercises: [walking, golf],
  sources: [],
  milestones: [
    { code: 'visit', title: 'Visit' },
    { code: 'clearance', title: 'Clearance', grantedBy: ['surgeon'] },
  ],
  facts: [{ code: 'pain', title: 'Pain', type: 'number', min: 0, max: 10, ask: 'How bad?' }],
  phases: [first, second],
  prescriptions: [walk],
  contraindications: [twisting],
  instructions: [sit],
  limits: [lifting],
  redFlags: [{ code: 'fever', title: 'Fever', response: 'contact-surgeon' }],
}

export const walksWhen = (when: Condition) => ({ prescriptions: [{ ...walk, when }] })
export const fromDay = (atLeast: DayBound) => walksWhen({ days: { atLeast } })

// ---- In short ----

function words(value: unknown): string {
  if (value === null) return 'none'
  if (Array.isArray(value)) return `[${value.map(words).join()}]`
  if (typeof value !== 'object') return String(value)
  const named = value as Record<string, unknown>
  if (typeof named.code === 'string') return named.code
  return `(${Object.entries(named)
    .map(([key, part]) => `${key} ${words(part)}`)
    .join()})`
}

function span({ from, before }: { from: number | null; before: number | null }): string {
  return `${from ?? ''}–${before === null ? '' : before - 1}`
}

function times(name: string, { least, most }: { least: number; most: number | null }): string {
  return least === 0 && most === null ? name : `${name} ${least}–${most ?? ''} ago`
}

function recordOf({ daysSinceSurgery, side, levels, procedures, milestones, facts }: DiffWitness): string[] {
  return [
    `day ${daysSinceSurgery}`,
    ...(side === null ? [] : [side]),
    ...(levels === null ? [] : [`${levels} levels`]),
    ...procedures,
    ...milestones.map(({ code, day, grantedBy }) => `${code} on ${day} by ${grantedBy ?? 'nobody'}`),
    ...facts.map(({ code, value, day }) => `${code} ${value} on ${day}`),
  ]
}

/** What differs | on which days | what it takes, by occasion | a case: its day and its record. */
export function inShort({ direction, days, occasions, isComplete, witness, ...about }: Difference | PhaseMove): string {
  const flags = Object.entries(about).flatMap(([key, value]) =>
    typeof value === 'boolean' ? (value ? [key] : []) : [words(value)],
  )
  const what = `${direction}: ${flags.join(' ')}`
  if (witness === null && days.length + occasions.length === 0 && isComplete) return what
  const each = occasions.map(({ days, milestones, facts, operation, without, reading }) =>
    [
      span(days),
      ...milestones.map((one) => times(one.milestone.code, one) + one.grantedBy.map((role) => ` by ${role}`).join('')),
      ...facts.map((one) => times(`${one.fact.code} ${words(one.test)}`, one)),
      ...operation.map(({ told, test }) => `operation ${words(told)} ${words(test)}`),
      ...[...without.milestones, ...without.facts].map(({ code }) => `without ${code}`),
      ...(reading === null ? [] : [reading]),
    ].join(', '),
  )
  const record = witness === null ? ['no case'] : recordOf(witness)
  return [what, days.map(span).join(), each.join('; ') + (isComplete ? '' : '; and more'), record.join(', ')].join(
    ' | ',
  )
}

// ---- The pairs ----

type Lists = Record<string, readonly (Record<string, unknown> & { code?: string })[]>

/** What an item is like in everything that it does not say; what it says is null is left out. */
function likeOf(list: string, index: number, code: string | undefined): Record<string, unknown> {
  const own = (base as unknown as Lists)[list] ?? []
  const same = own.find((item) => item.code === code)
  switch (list) {
    case 'exercises':
      return same ?? golf
    case 'phases':
      return same ?? own[index] ?? first
    case 'redFlags':
      return own[0] ?? {}
    case 'prescriptions':
      return walk
    case 'contraindications':
      return { ...twisting, code: 'rule', title: 'Rule', target: [{ exercise: 'walking' }] }
    case 'instructions':
      return sit
    case 'limits':
      return { code: 'limit', quantity: 'load', unit: 'kg' }
    case 'facts':
      return { code: 'pain', title: 'Pain', ask: 'How?' }
    case 'milestones':
      return { title: 'Milestone' }
    default:
      return {}
  }
}

function fillIn(part: Lists): Partial<ProtocolDocument> {
  const lists = Object.entries(part).map(([list, items]) => {
    const filled = items.map((item, index) => {
      if (typeof item !== 'object') return item
      const like = likeOf(list, index, item.code)
      const all = { ...like, code: index === 0 || list === 'phases' ? like.code : `${like.code}-${index}`, ...item }
      return Object.fromEntries(Object.entries(all).filter(([key, value]) => value !== null || !(key in like)))
    })
    return [list, filled]
  })
  return Object.fromEntries(lists)
}

interface Pair<Part> {
  /** What it is about. */
  name: string
  /** The two documents, as changes of the base. */
  before: Part
  after: Part
  /** The differences in short, and then the phases. */
  told: readonly string[]
}

export function readPairs(): Pair<Partial<ProtocolDocument>>[] {
  const written: Pair<Lists>[] = parse(readFileSync(new URL('diffs/pairs.yaml', import.meta.url), 'utf8'))
  return written.map((pair) => ({ ...pair, before: fillIn(pair.before), after: fillIn(pair.after) }))
}
