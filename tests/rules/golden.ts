import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type {
  CalendarDate,
  Caution,
  Contraindication,
  Derivation,
  Exercise,
  GoalInForce,
  Grant,
  Instant,
  LimitInForce,
  MissingFact,
  Need,
  Permitted,
  ProtocolDocument,
  Reason,
  RecordEntry,
  Side,
  WayForward,
} from '../../src/rules/types.ts'
import type { Derive } from './agreement.ts'

/** How a file of cases is written; `cases/README.md` explains it to its reader. */
interface CaseFile {
  about: string
  exercises: Record<string, Partial<Exercise>>
  protocols: Record<string, WrittenProtocol>
  cases: WrittenCase[]
}

interface WrittenProtocol extends Partial<Omit<ProtocolDocument, 'exercises' | 'prescriptions' | 'contraindications'>> {
  /** Entries that this version has instead of the catalogue's. */
  exercises?: Record<string, Partial<Exercise>>
  prescriptions?: Partial<ProtocolDocument['prescriptions'][number]>[]
  contraindications?: Partial<Contraindication>[]
  /** The protocol has a flaw on purpose, which publishing would refuse. */
  flawed?: true
}

interface WrittenCase {
  title: string
  surgery?: string
  side?: Side
  levels?: string[]
  procedures?: string[]
  protocols?: string[]
  record?: WrittenEntry[]
  alsoJudge?: Record<string, Partial<Exercise>>
  expect: Expectation[]
}

type Day = number | string
type WrittenEntry = Record<string, unknown> & { as?: string }

interface Expectation {
  day: Day | Day[]
  /** What was known just before the entry of that name was recorded, or just when it was. */
  knownBefore?: string
  knownAt?: string
  status?: string
  permitted?: Record<string, string>
  withheld?: Record<string, string[]>
  [part: string]: unknown
}

export interface GoldenCase {
  name: string
  file: string
  expected: Record<string, unknown>
  answer: (derive: Derive) => Record<string, unknown>
  /** What `answer` asks. */
  question: Parameters<Derive>[0]
}

const folder = path.join(import.meta.dirname, 'cases')
const firstSurgery = '2026-03-02'
const opened = Temporal.Instant.from('2026-03-01T08:00:00Z')

function dateOf(day: Day, surgery: string): CalendarDate {
  const date = Temporal.PlainDate.from(typeof day === 'string' ? day : surgery)
  return date.add({ days: typeof day === 'string' ? 0 : day }).toString() as CalendarDate
}

function dayOf(date: string, surgery: string): number {
  return Temporal.PlainDate.from(surgery).until(date, { largestUnit: 'days' }).days
}

function momentOf(revision: number): Instant {
  const moment = opened.add({ minutes: revision })
  return moment.toString({ smallestUnit: 'millisecond' }) as Instant
}

function completeExercise(code: string, written: Partial<Exercise>): Exercise {
  return { code, title: code, kind: 'exercise', attributes: {}, ...written }
}

/** Fills in what a case need not say, and brings along the exercises that it prescribes, as publishing does. */
function completeProtocol(
  code: string,
  written: WrittenProtocol,
  catalogue: Record<string, Partial<Exercise>>,
): ProtocolDocument {
  const { flawed: _, exercises: own = {}, ...rest } = written
  const prescriptions = (written.prescriptions ?? []).map((prescription) => ({
    code: prescription.exercise ?? prescription.group ?? '',
    from: '',
    supervision: 'supervised' as const,
    side: 'both' as const,
    ...prescription,
  }))
  const exercises = Object.entries({ ...catalogue, ...own })
    .map(([name, exercise]) => completeExercise(name, exercise))
    .filter(
      (exercise) =>
        Object.hasOwn(own, exercise.code) ||
        prescriptions.some(
          (prescription) =>
            prescription.exercise === exercise.code ||
            (prescription.group !== undefined && exercise.groups?.includes(prescription.group)),
        ),
    )
  const titled = <T extends { code: string }>(items: readonly T[] | undefined) =>
    (items ?? []).map((item) => ({ title: item.code, ...item }))
  return {
    format: 1,
    title: code,
    procedures: ['knee-repair'],
    sources: [],
    instructions: [],
    limits: [],
    ...rest,
    code: written.code ?? code,
    exercises,
    milestones: titled(written.milestones),
    facts: (written.facts ?? []).map((fact) => ({ ...fact, title: fact.title ?? fact.code, ask: `${fact.code}?` })),
    phases: titled(written.phases),
    prescriptions,
    contraindications: (written.contraindications ?? []).map((rule) => ({
      code: '',
      title: rule.code ?? '',
      strength: 'absolute' as const,
      target: [],
      ...rule,
    })),
    redFlags: titled(written.redFlags),
  }
}

/** One line of a record, as it is written in a case, as the entry that the service would store. */
function completeEntry(
  written: WrittenEntry,
  revision: number,
  surgery: string,
  ids: ReadonlyMap<string, string>,
  catalogue: Record<string, Partial<Exercise>>,
  versions: readonly string[],
): RecordEntry {
  const recorded = { id: `entry-${revision}`, revision, recordedAt: momentOf(revision) }
  const { as: _, ...said } = written
  const [kind] = Object.keys(said)
  const take = <T>(key: string, otherwise: T): T => {
    const value = said[key]
    delete said[key]
    return value === undefined ? otherwise : (value as T)
  }
  const named = (label: string): string => {
    const id = ids.get(label)
    if (id === undefined) throw new Error(`no entry is called \`${label}\``)
    return id
  }
  const date = (key: string): CalendarDate => dateOf(take<Day>(key, 0), surgery)
  const end = (): CalendarDate | null => {
    const until = take<Day | null>('until', null)
    return until === null ? null : dateOf(until, surgery)
  }
  const entry = ((): RecordEntry => {
    switch (kind) {
      case 'surgery':
        return {
          ...recorded,
          kind,
          surgeryDate: date('surgery'),
          procedures: take<string[]>('procedures', ['knee-repair']),
          levels: take<string[]>('levels', []),
          side: take<Side | null>('side', null),
        }
      case 'protocols':
        return { ...recorded, kind: 'assignment', versions: take<string[]>('protocols', []) }
      case 'milestone':
        return {
          ...recorded,
          kind,
          code: take('milestone', ''),
          on: date('on'),
          grantedBy: take<string | null>('by', null),
        }
      case 'revoked':
        return {
          ...recorded,
          kind: 'revocation',
          milestone: named(take('revoked', '')),
          on: date('on'),
          reason: 'test',
        }
      case 'fact':
        return {
          ...recorded,
          kind,
          code: take('fact', ''),
          value: take<number | boolean | string>('value', 0),
          on: date('on'),
        }
      case 'symptom': {
        const redFlag = take('symptom', '')
        const response = take<'emergency' | 'contact-surgeon'>('response', 'emergency')
        return { ...recorded, kind, redFlag, title: redFlag, response, on: date('on') }
      }
      case 'resolved':
        return { ...recorded, kind: 'resolution', symptom: named(take('resolved', '')), on: date('on') }
      case 'permit':
      case 'withhold': {
        const exercise = take(kind, '')
        const own = take<Partial<Exercise> | undefined>('entry', undefined)
        return {
          ...recorded,
          kind: 'override',
          exercise,
          entry: completeExercise(exercise, own ?? catalogue[exercise] ?? {}),
          effect: kind,
          from: date('from'),
          until: end(),
          reason: 'a clinician says so',
          lifts: take<string[]>('lifts', []),
          versions: take<readonly string[]>('seen', versions),
        }
      }
      case 'hold':
        return { ...recorded, kind, reason: take('hold', ''), from: date('from'), until: end() }
      case 'closed':
        return { ...recorded, kind: 'closure', reason: take('closed', ''), on: date('on') }
      case 'voided':
        return { ...recorded, kind: 'void', entry: named(take('voided', '')), reason: 'a mistake' }
      default:
        throw new Error(`a record has no \`${kind}\``)
    }
  })()
  const leftOver = Object.keys(said)
  if (leftOver.length > 0) throw new Error(`\`${kind}\` does not take \`${leftOver.join('`, `')}\``)
  return entry
}

// ---- The answer in words, one line a finding ----

function sayReason(reason: Reason, several: boolean): string {
  const rule = 'rule' in reason ? (several ? `${reason.protocol}/${reason.rule}` : reason.rule) : ''
  switch (reason.kind) {
    case 'episode-closed':
      return 'closed'
    case 'red-flag':
      return `red flag ${reason.redFlag.code} (${reason.response})`
    case 'hold':
      return `hold (${reason.reason})`
    case 'no-protocol':
      return 'no protocol'
    case 'no-phase':
      return several ? `no phase of ${reason.protocol}` : 'no phase'
    case 'contraindication':
      return `${reason.strength} ${rule}${sayDoubt(reason)}`
    case 'override':
      return 'withheld by a clinician'
    case 'phase-not-reached':
      return `${reason.phase.code} not reached (${rule})`
    case 'phase-passed':
      return `${reason.phase.code} passed (${rule})`
    case 'condition-not-met':
      return `${reason.certain ? 'condition not met' : 'condition unknown'} (${rule})`
    case 'sides-disagree':
      return 'sides disagree'
    case 'not-prescribed':
      return 'not prescribed'
  }
}

function sayDoubt({ certain, ungraded }: { certain: boolean; ungraded: readonly string[] }): string {
  if (ungraded.length > 0) return ` (${ungraded.join(' and ')} ungraded)`
  return certain ? '' : ' (unknown)'
}

function sayCaution(caution: Caution, several: boolean): string {
  const rule = several ? `${caution.protocol}/${caution.rule}` : caution.rule
  return caution.kind === 'lifted' ? `lifted ${rule}` : `caution ${rule}${sayDoubt(caution)}`
}

function sayGrant(grant: Grant, several: boolean): string {
  if (grant.kind === 'override') return 'a clinician'
  return several ? `${grant.protocol}/${grant.rule}` : grant.rule
}

function sayPermitted(permitted: Permitted, several: boolean): string {
  const { dose, side, supervision, provided, grantedBy, cautions, exercise } = permitted
  const units = {
    sets: 'sets',
    reps: 'reps',
    holdSeconds: 's hold',
    durationMinutes: 'min',
    timesPerDay: 'a day',
    timesPerWeek: 'a week',
    intensity: 'intensity',
    note: 'note',
  } as const
  const { amounts: measured = [], ...counted } = dose ?? {}
  const amounts = [
    ...Object.entries(counted).map(([key, value]) =>
      key in units ? `${value} ${units[key as keyof typeof units]}` : `${key} ${JSON.stringify(value)}`,
    ),
    ...measured.map(({ quantity, value, unit }) => `${quantity} ${value} ${unit}`),
  ]
  const grants = grantedBy.map((grant) => sayGrant(grant, several))
  return [
    supervision === 'independent' ? 'alone' : 'supervised',
    ...(amounts.length > 0 ? [amounts.join(' ')] : []),
    ...(side === 'both' ? [] : [side]),
    ...provided.map((proviso) => `provided ${proviso}`),
    ...(grants.length === 1 && grants[0] === exercise.code ? [] : [`by ${grants.join(' and ')}`]),
    ...cautions.map((caution) => sayCaution(caution, several)),
  ].join('; ')
}

function sayEnd(until: CalendarDate | null, surgery: string): string {
  return until === null ? 'end not known' : `until day ${dayOf(until, surgery)}`
}

function sayBounds({ max, min, unit }: LimitInForce | GoalInForce): string {
  const bounds = [...(max === null ? [] : [`at most ${max}`]), ...(min === null ? [] : [`at least ${min}`])]
  return `${bounds.join(' and ')}${unit === null ? '' : ` ${unit}`}`
}

function sayLimit(limit: LimitInForce, surgery: string): string {
  return [
    limit.asInstructed ? 'as instructed' : sayBounds(limit),
    sayEnd(limit.until, surgery),
    ...(limit.certain ? [] : ['unknown']),
    ...(limit.supersededBy === null ? [] : [`superseded by ${limit.supersededBy.rule}`]),
  ].join('; ')
}

function sayMissing({ stale, rules }: MissingFact, surgery: string): string {
  const last = stale === null ? '' : `; too old: ${stale.value} of day ${dayOf(stale.on, surgery)}`
  return `for ${rules.join(' and ')}${last}`
}

function sayNeed(need: Need, surgery: string, several: boolean): string {
  const dates = ({ from, by }: { from: CalendarDate; by: CalendarDate }): string =>
    from === by ? `day ${dayOf(from, surgery)}` : `day ${dayOf(from, surgery)} to ${dayOf(by, surgery)}`
  switch (need.kind) {
    case 'date':
      return `wait for day ${dayOf(need.date, surgery)}`
    case 'milestone': {
      const by = need.grantedBy.length > 0 ? ` by ${need.grantedBy.join(' or ')}` : ''
      return `${need.milestone.code}${by}, ${dates(need)}`
    }
    case 'fact': {
      const test = Object.entries(need.test).map(([key, value]) => `${key} ${[value].flat().join(' or ')}`)
      return `${[need.fact.code, ...test].join(' ')}, ${dates(need)}`
    }
    case 'resolution':
      return `${need.redFlag.code} resolved`
    case 'end':
      return `end of ${need.of} (${need.reason})`
    case 'override': {
      const lifts = need.lifts.map((rule) => (several ? `${rule.protocol}/${rule.code}` : rule.code))
      return `a clinician lifts ${lifts.join(' and ')}`
    }
  }
}

function sayWay(way: WayForward | null, surgery: string, several: boolean): string {
  if (way === null) return 'not asked for'
  if (way.outcome !== 'permitted') return way.outcome
  const needs = way.needs.map((need) => sayNeed(need, surgery, several))
  return `day ${dayOf(way.earliest, surgery)}: ${needs.join('; ')}`
}

function sayAnswer(answer: Derivation | null): Record<string, unknown> {
  if (answer === null) return { status: 'no surgery on record', permitted: {}, withheld: {} }
  const several = answer.protocols.length > 1
  const { surgeryDate } = answer.surgery
  const perProtocol = <T>(value: (protocol: Derivation['protocols'][number]) => T): T | Record<string, T> | string => {
    const [only] = answer.protocols
    if (only === undefined) return 'none'
    return several ? record(answer.protocols.map((protocol) => [protocol.code, value(protocol)])) : value(only)
  }
  const inForce = (rule: { protocol: string; rule: string }): string =>
    several ? `${rule.protocol}/${rule.rule}` : rule.rule
  return {
    status: answer.status,
    daysSinceSurgery: answer.daysSinceSurgery,
    phase: perProtocol((protocol) => protocol.phase?.code ?? 'none'),
    since: perProtocol((protocol) => (protocol.phase === null ? 'none' : dayOf(protocol.phase.since, surgeryDate))),
    permitted: record(answer.permitted.map((entry) => [entry.exercise.code, sayPermitted(entry, several)])),
    withheld: record(
      answer.withheld.map((entry) => [entry.exercise.code, entry.reasons.map((reason) => sayReason(reason, several))]),
    ),
    avoid: record(
      answer.avoid.map((rule) => [
        inForce(rule),
        [rule.strength, sayEnd(rule.until, surgeryDate), ...(rule.certain ? [] : ['unknown'])].join('; '),
      ]),
    ),
    instructions: record(
      answer.instructions.map((rule) => [
        inForce(rule),
        [sayEnd(rule.until, surgeryDate), ...(rule.certain ? [] : ['unknown'])].join('; '),
      ]),
    ),
    limits: record(answer.limits.map((limit) => [inForce(limit), sayLimit(limit, surgeryDate)])),
    goals: record(
      answer.goals.map((goal) => [inForce(goal), `${sayBounds(goal)}; ${sayEnd(goal.until, surgeryDate)}`]),
    ),
    missing: record(
      answer.missingFacts.map((fact) => [
        several ? `${fact.protocol}/${fact.code}` : fact.code,
        sayMissing(fact, surgeryDate),
      ]),
    ),
    wayForward: record(
      answer.withheld.map((entry) => [entry.exercise.code, sayWay(entry.wayForward, surgeryDate, several)]),
    ),
    nextChange: answer.nextChange === null ? 'none' : dayOf(answer.nextChange, surgeryDate),
    openRedFlags: answer.openRedFlags.map((flag) => flag.code),
    watchFor: answer.redFlags.map((flag) => flag.code),
    statusReasons: answer.statusReasons.map((reason) => sayReason(reason, several)),
    revision: answer.basis.revision,
  }
}

/** Keeps a name like `__proto__` a name. */
function record<T>(entries: (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(entries)
}

const parts = new Set([
  'status',
  'daysSinceSurgery',
  'phase',
  'since',
  'permitted',
  'withheld',
  'avoid',
  'instructions',
  'limits',
  'goals',
  'missing',
  'wayForward',
  'nextChange',
  'openRedFlags',
  'watchFor',
  'statusReasons',
  'revision',
])

function readCase(file: string, content: CaseFile, documents: ReadonlyMap<string, ProtocolDocument>) {
  return (written: WrittenCase): GoldenCase[] => {
    const surgery = written.surgery ?? firstSurgery
    const first: WrittenEntry[] = [
      {
        surgery,
        ...(written.side === undefined ? {} : { side: written.side }),
        ...(written.levels === undefined ? {} : { levels: written.levels }),
        ...(written.procedures === undefined ? {} : { procedures: written.procedures }),
      },
      { protocols: written.protocols ?? [...documents.keys()].slice(0, 1) },
    ]
    const ids = new Map<string, string>()
    const entries = [...first, ...(written.record ?? [])].map((entry, index) => {
      const complete = completeEntry(entry, index + 1, surgery, ids, content.exercises, [...documents.keys()])
      if (entry.as !== undefined) ids.set(entry.as, complete.id)
      return complete
    })
    const recordedAt = (label: string): Temporal.Instant => {
      const entry = entries.find(({ id }) => id === ids.get(label))
      if (entry === undefined) throw new Error(`${file}: no entry is called \`${label}\``)
      return Temporal.Instant.from(entry.recordedAt)
    }
    const alsoJudge = Object.entries(written.alsoJudge ?? {}).map(([code, own]) =>
      completeExercise(code, own ?? content.exercises[code] ?? {}),
    )
    const versions = [...documents].map(([id, document]) => ({ id, version: 1, document }))
    return written.expect.flatMap(({ day, knownBefore, knownAt, ...said }) => {
      const unknown = Object.keys(said).filter((part) => !parts.has(part))
      if (unknown.length > 0) throw new Error(`${file}: an answer has no \`${unknown.join('`, `')}\``)
      const expected: Record<string, unknown> = { status: 'active', permitted: {}, withheld: {}, ...said }
      const known = knownBefore
        ? recordedAt(knownBefore).subtract({ milliseconds: 1 })
        : knownAt
          ? recordedAt(knownAt)
          : opened.add({ hours: 24 * 365 * 10 })
      const moment = known.toString({ smallestUnit: 'millisecond' }) as Instant
      return [day].flat().map((asked) => {
        const question = { versions, entries, on: dateOf(asked, surgery), knownAt: moment, alsoJudge }
        return {
          name: `${content.about}: ${written.title}, ${typeof asked === 'number' ? `day ${asked}` : asked}`,
          file,
          expected,
          question,
          answer: (derive: Derive) => {
            const answer = sayAnswer(derive(question))
            return record(Object.keys(expected).map((part) => [part, answer[part]]))
          },
        }
      })
    })
  }
}

export interface GoldenProtocol {
  file: string
  flawed: boolean
  document: ProtocolDocument
  exercises: readonly Exercise[]
}

/** Every case of the folder, and the protocols that they are about. */
export function readGolden(): { cases: GoldenCase[]; protocols: GoldenProtocol[] } {
  const cases: GoldenCase[] = []
  const protocols: GoldenProtocol[] = []
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    const content = parse(readFileSync(path.join(folder, file), 'utf8')) as CaseFile
    const exercises = Object.entries(content.exercises).map(([code, own]) => completeExercise(code, own ?? {}))
    const documents = new Map<string, ProtocolDocument>()
    for (const [id, written] of Object.entries(content.protocols)) {
      const document = completeProtocol(id, written, content.exercises)
      documents.set(id, document)
      protocols.push({ file: `${file} ${id}`, flawed: written.flawed === true, document, exercises })
    }
    cases.push(...content.cases.flatMap(readCase(file, content, documents)))
  }
  return { cases, protocols }
}
