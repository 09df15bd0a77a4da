import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type {
  CalendarDate,
  Change,
  Dose,
  Instant,
  Need,
  ProtocolDocument,
  RecordEntry,
  Timeline,
} from '../../src/rules/index.ts'
import { documents } from '../library/library.ts'
import type { Derive } from './agreement.ts'

/** How a timeline is written; `timelines/README.md` explains it to its reader. */
interface WrittenTimeline {
  title: string
  protocol: string
  surgery: string
  on: number
  record: Record<string, unknown>[]
  steps: Record<number, string[]>
  nextPhases: string[]
  waiting: Record<string, string[]>
  never: string[]
}

export interface GoldenTimeline {
  name: string
  expected: Omit<WrittenTimeline, 'title' | 'protocol' | 'surgery' | 'on' | 'record'>
  question: Parameters<Derive>[0]
  answer: (timeline: (question: Parameters<Derive>[0]) => Timeline | null) => GoldenTimeline['expected'] | null
}

const folder = path.join(import.meta.dirname, 'timelines')
const knownAt = '2040-01-01T00:00:00.000Z' as Instant

function completeRecord(written: WrittenTimeline, document: ProtocolDocument): RecordEntry[] {
  const dateOf = (day: number): CalendarDate =>
    Temporal.PlainDate.from(written.surgery).add({ days: day }).toString() as CalendarDate
  const lines = written.record.map((line) => {
    const entry = { ...line }
    for (const key of ['on', 'from', 'until']) if (typeof entry[key] === 'number') entry[key] = dateOf(entry[key])
    return entry
  })
  const first = {
    kind: 'surgery',
    surgeryDate: written.surgery,
    procedures: document.procedures,
    levels: [],
    side: null,
  }
  const entries = [first, { kind: 'assignment', versions: [document.code] }, ...lines]
  return entries.map((entry, index) => {
    const recordedAt = '2026-01-01T08:00:00.000Z'
    return { id: `entry-${index + 1}`, revision: index + 1, recordedAt, grantedBy: null, until: null, ...entry }
  }) as unknown as RecordEntry[]
}

// ---- The timeline in words ----

function sayDose(dose: Dose | null): string {
  return dose === null
    ? 'as instructed'
    : Object.entries(dose)
        .map(([key, value]) => `${key} ${value}`)
        .join(', ')
}

function sayChange(change: Change): string {
  switch (change.kind) {
    case 'status':
      return `status ${change.to}`
    case 'phase':
      return `phase ${change.to?.code ?? 'none'}`
    case 'permitted':
      return `permits ${change.exercise.code}`
    case 'withheld':
      return `withholds ${change.exercise.code}`
    case 'changed':
      return [
        `changes ${change.exercise.code} to ${change.supervision}`,
        change.side,
        sayDose(change.dose),
        ...change.provided,
      ].join('; ')
    case 'begins':
    case 'ends':
      return `${change.kind} ${change.list}/${change.rule}`
  }
}

function sayNeed(need: Need): string {
  switch (need.kind) {
    case 'date':
      return `wait until ${need.date}`
    case 'milestone':
      return `${need.milestone.code} by ${need.grantedBy.length === 0 ? 'anyone' : need.grantedBy.join(' or ')}`
    case 'fact':
      return `${need.fact.code} ${JSON.stringify(need.test)}`
    case 'resolution':
      return `${need.redFlag.code} resolved`
    case 'end':
      return `end of the ${need.of}`
    case 'override':
      return `a clinician lifts ${need.lifts.map(({ code }) => code).join(' and ')}`
  }
}

function sayTimeline({ steps, nextPhases, waiting, never, on }: Timeline): GoldenTimeline['expected'] {
  return {
    steps: Object.fromEntries(
      steps.map(({ daysSinceSurgery, changes, past, date }) => {
        if (past !== date <= on) throw new Error(`${date} is ${past ? '' : 'not '}past`)
        return [daysSinceSurgery, changes.map(sayChange)]
      }),
    ),
    nextPhases: nextPhases.map(({ phase, entry }) => `${phase.code} is ${entry.truth}`),
    waiting: Object.fromEntries(
      waiting.map(({ needs, earliest, exercises }) => [
        `${earliest}: ${needs.map(sayNeed).join(', ')}`,
        exercises.map(({ code }) => code),
      ]),
    ),
    never: never.map(({ code }) => code),
  }
}

/** Every timeline of the folder. */
export function readTimelines(): GoldenTimeline[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => {
      const { title, ...written } = parse(readFileSync(path.join(folder, name), 'utf8')) as WrittenTimeline
      const document = documents.find(({ code }) => code === written.protocol)
      if (document === undefined) throw new Error(`${name}: the library has no \`${written.protocol}\``)
      const on = Temporal.PlainDate.from(written.surgery).add({ days: written.on }).toString() as CalendarDate
      const { steps, nextPhases, waiting, never } = written
      const question = {
        versions: [{ id: document.code, version: 1, document }],
        entries: completeRecord({ title, ...written }, document),
        on,
        knownAt,
      }
      return {
        name: title,
        expected: { steps, nextPhases, waiting, never },
        question,
        answer: (timeline) => {
          const drawn = timeline(question)
          return drawn === null ? null : sayTimeline(drawn)
        },
      }
    })
}
