import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { completeDocument, documentBody } from '../../src/features/protocols/document-schema.ts'
import { derive } from '../../src/rules/index.ts'
import type {
  CalendarDate,
  Derivation,
  Dose,
  GoalInForce,
  Instant,
  LimitInForce,
  ProtocolDocument,
  Reason,
  RecordEntry,
  Side,
} from '../../src/rules/types.ts'

/** What a line of a record says; README.md explains it to its reader. */
interface WrittenEntry {
  milestone?: string
  by?: string | null
  revoked?: number
  fact?: string
  is?: number | boolean | string
  symptom?: string
  resolved?: number
  permit?: string
  withhold?: string
  lifts?: string[]
  hold?: string
  on?: number
  from?: number
  until?: number
}

interface Situation {
  surgery?: string
  procedures?: string[]
  levels?: string[]
  side?: Side
  also?: string[]
}

interface WrittenCase extends Situation {
  title: string
  record?: (string | WrittenEntry)[]
  days: Record<string, Record<string, unknown>>
}

interface CaseFile extends Situation {
  entry: string
  anchors?: Record<string, string>
  boundaries: Boundary[]
  never?: string[]
  records?: Record<string, (string | WrittenEntry)[]>
  sets?: Record<string, string[]>
  cases: WrittenCase[]
}

/** A day on which the entry changes something, counted since the surgery or since a milestone or fact of the document. */
export interface Boundary {
  day: number
  since?: string
  what: string
}

export interface PublishedCase {
  name: string
  record: readonly WrittenEntry[]
  /** By day since the surgery. */
  expected: ReadonlyMap<number, Record<string, unknown>>
  /** The parts of the answer that are expected on that day. */
  answer: (day: number) => Record<string, unknown>
}

export interface PublishedProtocol {
  id: string
  /** Fails if the schema refuses the document. */
  document: () => ProtocolDocument
  entry: string
  anchors: Readonly<Record<string, string>>
  boundaries: readonly Boundary[]
  /** Exercises that a prescription covers and the entry never permits. */
  never: readonly string[]
  cases: readonly PublishedCase[]
}

const folder = import.meta.dirname
const firstSurgery = '2026-03-02'
const opened = Temporal.Instant.from('2025-01-01T08:00:00Z')
const knownAt = '2040-01-01T00:00:00.000Z' as Instant

const parts = {
  lists: ['permitted', 'supervised', 'avoid', 'relative', 'instructions', 'missing', 'openRedFlags'],
  perRule: ['limits', 'goals'],
  perExercise: ['withheld', 'dose', 'provided', 'cautions'],
  plain: ['status', 'phase'],
} as const

/** Whether the part of an answer is one of a kind. */
function isOf(kind: readonly string[], part: string): boolean {
  return kind.includes(part)
}

function readYaml(file: string): unknown {
  return parse(readFileSync(path.join(folder, file), 'utf8'))
}

/** What the schema has against the document in `<id>.yaml`, with the path of each fault. */
export function faultsOf(id: string): string[] {
  const { error } = documentBody.safeParse(readYaml(`${id}.yaml`))
  return (error?.issues ?? []).map((issue) => `${issue.path.join('/')}: ${issue.message}`)
}

const documents = new Map<string, ProtocolDocument>()

/** The document as the importer reads it. */
function documentOf(id: string): ProtocolDocument {
  const known = documents.get(id)
  if (known !== undefined) return known
  const document = completeDocument(documentBody.parse(readYaml(`${id}.yaml`)))
  documents.set(id, document)
  return document
}

// ---- The record ----

function completeRecord(
  lines: readonly WrittenEntry[],
  dateOf: (day: number) => CalendarDate,
  document: ProtocolDocument,
  versions: readonly string[],
  first: readonly Record<string, unknown>[],
): RecordEntry[] {
  const entries: RecordEntry[] = []
  const add = (entry: Record<string, unknown>): string => {
    const revision = entries.length + 1
    const recordedAt = opened.add({ minutes: revision }).toString({ smallestUnit: 'millisecond' })
    const id = `entry-${revision}`
    entries.push({ id, revision, recordedAt, ...entry } as RecordEntry)
    return id
  }
  for (const entry of first) add(entry)
  for (const line of lines) {
    const dated = (day: number | undefined): CalendarDate => {
      if (day === undefined) throw new Error(`a line of a record has no day: ${JSON.stringify(line)}`)
      return dateOf(day)
    }
    const until = line.until === undefined ? null : dateOf(line.until)
    if (line.milestone !== undefined) {
      const declared = document.milestones.find(({ code }) => code === line.milestone)
      const grantedBy = line.by === undefined ? (declared?.grantedBy?.[0] ?? null) : line.by
      const milestone = add({ kind: 'milestone', code: line.milestone, on: dated(line.on), grantedBy })
      if (line.revoked !== undefined) {
        add({ kind: 'revocation', milestone, on: dated(line.revoked), reason: 'No longer so' })
      }
    } else if (line.fact !== undefined) {
      if (line.is === undefined) throw new Error(`a fact has no value: ${JSON.stringify(line)}`)
      add({ kind: 'fact', code: line.fact, value: line.is, on: dated(line.on) })
    } else if (line.symptom !== undefined) {
      const flag = document.redFlags.find(({ code }) => code === line.symptom)
      if (flag === undefined) throw new Error(`${document.code} has no red flag \`${line.symptom}\``)
      const { code: redFlag, title, response } = flag
      const symptom = add({ kind: 'symptom', redFlag, title, response, on: dated(line.on) })
      if (line.resolved !== undefined) add({ kind: 'resolution', symptom, on: dated(line.resolved) })
    } else if (line.hold !== undefined) {
      add({ kind: 'hold', reason: line.hold, from: dated(line.from), until })
    } else {
      const exercise = line.permit ?? line.withhold
      const entry = document.exercises.find(({ code }) => code === exercise)
      if (entry === undefined) throw new Error(`not a line of a record of ${document.code}: ${JSON.stringify(line)}`)
      add({
        kind: 'override',
        exercise,
        entry,
        effect: line.permit === undefined ? 'withhold' : 'permit',
        from: dated(line.from),
        until,
        reason: 'A clinician decided so',
        lifts: line.lifts ?? [],
        versions,
      })
    }
  }
  return entries
}

// ---- The answer in words ----

function mark(code: string, certain: boolean): string {
  return certain ? code : `${code}?`
}

function sayReason(reason: Reason): string {
  switch (reason.kind) {
    case 'contraindication':
      return mark(reason.rule, reason.certain)
    case 'condition-not-met':
      return mark(reason.kind, reason.certain)
    default:
      return reason.kind
  }
}

function sayBounds(limit: LimitInForce | GoalInForce): string {
  const unit = limit.unit === null ? '' : ` ${limit.unit.replaceAll(/[[\]{}]/g, '')}`
  const bounds = [
    ...(limit.min === null ? [] : [`at least ${limit.min}${unit}`]),
    ...(limit.max === null ? [] : [`${limit.max}${unit}`]),
  ]
  return mark(bounds.length === 0 ? 'as instructed' : bounds.join(', '), limit.certain)
}

function sayAnswer(answer: Derivation, main: string): Record<string, unknown> {
  const phase = answer.protocols.find(({ code }) => code === main)?.phase
  return {
    status: answer.status,
    phase: phase?.code ?? 'none',
    permitted: answer.permitted.map(({ exercise }) => exercise.code),
    supervised: answer.permitted
      .filter(({ supervision }) => supervision === 'supervised')
      .map(({ exercise }) => exercise.code),
    withheld: Object.fromEntries(
      answer.withheld.map(({ exercise, reasons }) => [exercise.code, reasons.map(sayReason).sort()]),
    ),
    dose: Object.fromEntries(
      answer.permitted.map(({ exercise, dose }): [string, Dose | null] => [exercise.code, dose]),
    ),
    provided: Object.fromEntries(
      answer.permitted.map(({ exercise, provided }) => [exercise.code, provided.join('; ')]),
    ),
    cautions: Object.fromEntries(
      answer.permitted.map(({ exercise, cautions }) => [
        exercise.code,
        cautions
          .map((caution) => (caution.kind === 'lifted' ? caution.rule : mark(caution.rule, caution.certain)))
          .sort(),
      ]),
    ),
    avoid: answer.avoid.map(({ rule, certain }) => mark(rule, certain)),
    relative: answer.avoid.filter(({ strength }) => strength === 'relative').map(({ rule }) => rule),
    instructions: answer.instructions.map(({ rule, certain }) => mark(rule, certain)),
    limits: Object.fromEntries(
      answer.limits.filter(({ supersededBy }) => supersededBy === null).map((limit) => [limit.rule, sayBounds(limit)]),
    ),
    goals: Object.fromEntries(answer.goals.map((goal) => [goal.rule, sayBounds(goal)])),
    missing: answer.missingFacts.map(({ code }) => code),
    openRedFlags: answer.openRedFlags.map(({ code }) => code),
  }
}

// ---- The cases ----

function expand<T>(written: readonly (string | T)[], named: Readonly<Record<string, readonly (string | T)[]>>): T[] {
  return written.flatMap((item) => {
    if (typeof item !== 'string') return [item]
    const found = Object.hasOwn(named, item) ? named[item] : undefined
    if (found === undefined) throw new Error(`nothing is called \`${item}\``)
    return expand(found, named)
  })
}

function expandCodes(codes: readonly string[], sets: Readonly<Record<string, readonly string[]>>): string[] {
  return codes.flatMap((code) => (Object.hasOwn(sets, code) ? expandCodes(sets[code] ?? [], sets) : [code]))
}

/** Lists in one order, sets spelled out, reasons sorted: as `sayAnswer` puts them. */
function readExpected(stated: Record<string, unknown>, sets: Record<string, string[]>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(stated).map(([part, value]) => {
      if (isOf(parts.lists, part)) return [part, expandCodes(value as string[], sets).sort()]
      if (part === 'withheld' || part === 'cautions') {
        const each = Object.entries(value as Record<string, string[]>)
        return [part, Object.fromEntries(each.map(([exercise, rules]) => [exercise, [...rules].sort()]))]
      }
      if (![parts.perRule, parts.perExercise, parts.plain].some((group) => isOf(group, part))) {
        throw new Error(`an answer has no \`${part}\``)
      }
      return [part, value]
    }),
  )
}

/** The parts that are expected and, of those about single exercises, the exercises that are. */
function selectParts(said: Record<string, unknown>, expected: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(expected).map(([part, value]) => {
      if (isOf(parts.lists, part)) return [part, [...(said[part] as string[])].sort()]
      if (!isOf(parts.perExercise, part)) return [part, said[part]]
      const each = said[part] as Record<string, unknown>
      const wanted = Object.keys(value as object).filter((exercise) => Object.hasOwn(each, exercise))
      return [part, Object.fromEntries(wanted.map((exercise) => [exercise, each[exercise]]))]
    }),
  )
}

function readDays(written: WrittenCase, sets: Record<string, string[]>): Map<number, Record<string, unknown>> {
  const expected = new Map<number, Record<string, unknown>>()
  for (const [days, stated] of Object.entries(written.days)) {
    for (const day of days.split(' ')) {
      if (!/^-?\d+$/.test(day)) throw new Error(`${written.title}: not a day: \`${day}\``)
      if (expected.has(Number(day))) throw new Error(`${written.title}: day ${day} is stated twice`)
      expected.set(Number(day), readExpected(stated, sets))
    }
  }
  return expected
}

function readCase(id: string, file: CaseFile, written: WrittenCase): PublishedCase {
  const { surgery = firstSurgery, procedures, levels = [], side = null, also = [] } = { ...file, ...written }
  const dateOf = (day: number): CalendarDate =>
    Temporal.PlainDate.from(surgery).add({ days: day }).toString() as CalendarDate
  const record = expand(written.record ?? [], file.records ?? {})
  const expected = readDays(written, file.sets ?? {})
  return {
    name: `${file.entry}: ${written.title}`,
    record,
    expected,
    answer: (day) => {
      const document = documentOf(id)
      const names = [id, ...also]
      const first = [
        {
          kind: 'surgery',
          surgeryDate: surgery,
          procedures: procedures ?? document.procedures.slice(0, 1),
          levels,
          side,
        },
        { kind: 'assignment', versions: names },
      ]
      const answer = derive({
        versions: names.map((name) => ({ id: name, version: 1, document: documentOf(name) })),
        entries: completeRecord(record, dateOf, document, names, first),
        on: dateOf(day),
        knownAt,
        alsoJudge: document.exercises,
      })
      if (answer === null) throw new Error(`${id}: no surgery is on record`)
      return selectParts(sayAnswer(answer, document.code), expected.get(day) ?? {})
    },
  }
}

/** Every document of the folder that has cases. */
export function readPublished(): PublishedProtocol[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cases.yaml'))
    .sort()
    .map((name) => {
      const id = name.replace('.cases.yaml', '')
      const file = readYaml(name) as CaseFile
      return {
        id,
        document: () => documentOf(id),
        entry: file.entry,
        anchors: file.anchors ?? {},
        boundaries: file.boundaries,
        never: file.never ?? [],
        cases: file.cases.map((written) => readCase(id, file, written)),
      }
    })
}

/** Ids of the documents in the folder, with cases or without. */
export function listDocuments(): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .filter((name) => Object.hasOwn(readYaml(name) as object, 'format'))
    .map((name) => name.replace('.yaml', ''))
    .sort()
}

/** Whether two days expect something else of one part; of single exercises only if both days state them. */
function differ(part: string, before: unknown, itself: unknown): boolean {
  if (!isOf(parts.perExercise, part)) return !isDeepStrictEqual(before, itself)
  const [one, other] = [before as Record<string, unknown>, itself as Record<string, unknown>]
  return Object.keys(one).some((key) => Object.hasOwn(other, key) && !isDeepStrictEqual(one[key], other[key]))
}

/** A case that states the day before the boundary and the day itself, and expects something else of them. */
export function isAskedAbout({ day, since }: Boundary, cases: readonly PublishedCase[]): boolean {
  return cases.some(({ record, expected }) => {
    const events = record.flatMap((line) => ([line.milestone, line.fact].includes(since) ? [line.on ?? 0] : []))
    return (since === undefined ? [0] : events).some((origin) => {
      const before = expected.get(origin + day - 1) ?? {}
      const itself = expected.get(origin + day) ?? {}
      return Object.keys(before).some((part) => Object.hasOwn(itself, part) && differ(part, before[part], itself[part]))
    })
  })
}

// ---- The list of published protocols ----

interface Window {
  start_day?: number | null
  end_day?: number | null
  start_day_approx?: number | null
  end_day_approx?: number | null
  end_alt_weeks?: number
  anchor: string
}

export interface ListedEntry {
  id: string
  url: string
  procedures: string[]
}

const listFile = path.resolve(folder, '../../../shared/clinical/published-protocols.json')

/** The entries, or null where the list is not at hand. */
export function readList(): ListedEntry[] | null {
  if (!existsSync(listFile)) return null
  return (JSON.parse(readFileSync(listFile, 'utf8')) as { protocols: ListedEntry[] }).protocols
}

/**
 * The boundaries of an entry, as `day` or `day since code`: starts and ends of every window, ends of ranges, and limits that
 * are days. A window that has no days begins or ends with its event.
 */
export function boundariesOf(entry: ListedEntry, anchors: Readonly<Record<string, string>>): string[] {
  const found = new Set<string>()
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const part = value as { window?: Window; end_alt_weeks?: number; unit?: string; value?: unknown; metric?: string }
    if (part.window !== undefined) {
      const window = part.window
      const since =
        window.anchor === 'surgery' ? '' : ` since ${anchors[window.anchor] ?? `(no code for ${window.anchor})`}`
      const days = [window.start_day, window.end_day, window.start_day_approx, window.end_day_approx].filter(
        (day) => typeof day === 'number',
      )
      const ranges = [window.end_alt_weeks, part.end_alt_weeks].flatMap((weeks) =>
        weeks === undefined ? [] : [weeks * 7],
      )
      for (const day of days.length === 0 ? [0] : [...days, ...ranges]) found.add(`${day}${since}`)
    }
    if (part.metric !== undefined && part.unit === 'day' && typeof part.value === 'number') found.add(`${part.value}`)
    for (const inner of Object.values(value)) look(inner)
  }
  look(entry)
  return [...found].sort()
}
