import { type DayNumber, dateOf } from './calendar-date.ts'
import { endOf, phaseSince } from './change.ts'
import {
  type Bearing,
  type Compiled,
  type CompiledPrescription,
  compareText,
  compareUrgency,
  compile,
  type Match,
  matchesOf,
  type StatedRule,
  type Subject,
} from './compile.ts'
import { findMissingFacts } from './missing-facts.ts'
import { covers, type KnownRecord, readRecord } from './record.ts'
import { commonSide, resolveSide } from './side.ts'
import { explain, phaseOf, type Situation, situate, truthOf, type View, viewOn } from './situation.ts'
import type { InForce, PrescriptionGrant } from './statements.ts'
import { isFalse, isTrue, isUnknown, type Truths } from './truth.ts'
import type {
  Amount,
  CalendarDate,
  Caution,
  Contraindication,
  ContraindicationInForce,
  Derivation,
  Dose,
  Exercise,
  ExplainedCondition,
  GoalInForce,
  Grant,
  Instant,
  InstructionInForce,
  LimitInForce,
  OverrideEntry,
  Permitted,
  PrescribedSide,
  ProtocolVersion,
  Reason,
  RecordEntry,
  Verdicts,
  Withheld,
} from './types.ts'

/** Version of the meaning of documents and records; an answer names the one that made it. */
export const semanticsVersion = 3

/** What to derive from, whatever the date. All of it is data: no clock and no store stands behind it. */
export interface Evidence {
  /** The versions that the record's assignments name; others are not looked at. Documents must not change afterwards. */
  versions: readonly ProtocolVersion[]
  entries: readonly RecordEntry[]
  knownAt: Instant
  /** Catalogue exercises to judge besides those that the protocols and overrides name. */
  alsoJudge?: readonly Exercise[]
}

/** One assigned version read against the record. */
export interface Assigned extends Situation {
  version: ProtocolVersion
}

/** The record and the versions that are assigned to it, ready to be asked about any day. */
export interface Case {
  record: KnownRecord
  /** By code. */
  assigned: readonly Assigned[]
  /** A version is assigned that is not at hand; it may forbid anything. */
  isLacking: boolean
  alsoJudge: readonly Exercise[]
  knownAt: Instant
  /** False: reasons do not tell what their conditions rest on. */
  isExplained: boolean
}

/** One assigned version on one day. */
interface Owner {
  assigned: Assigned
  isExplained: boolean
  compiled: Compiled
  view: View
  /** Of each contraindication, by index, what it says while it is in force. */
  inForce: readonly (InForce | undefined)[]
  noPhase: Reason | null
  /** What was found out about prescriptions, by index. */
  verdicts: (PrescriptionVerdict | undefined)[]
  /** What is still waited for, up to the entry of each phase, by its index. */
  waiting: Map<number, readonly ExplainedCondition[]>
}

/** What a prescription comes to on a day: what it grants, or why it does not. */
type PrescriptionVerdict = PrescriptionGrant | Reason

/** Null: the surgery was not on record. */
export function openCase({ versions, entries, knownAt, alsoJudge = [] }: Evidence, isExplained = true): Case | null {
  const record = readRecord(entries, knownAt)
  if (record === null) return null
  const ids = record.assignment?.versions ?? []
  const assigned = versions
    .filter((version) => ids.includes(version.id))
    .sort((a, b) => compareText(a.document.code, b.document.code) || compareText(a.id, b.id))
    .map((version) => ({ ...situate(compile(version.document, version.version), record), version }))
  const isLacking = record.assignment === null || ids.some((id) => !versions.some((version) => version.id === id))
  return { record, assigned, isLacking, alsoJudge, knownAt, isExplained }
}

function dateOrNull(day: DayNumber | null): CalendarDate | null {
  return day === null ? null : dateOf(day)
}

function own(assigned: Assigned, day: DayNumber, isExplained: boolean): Owner {
  const { compiled } = assigned
  const view = viewOn(assigned, day)
  return {
    assigned,
    isExplained,
    compiled,
    view,
    inForce: compiled.contraindications.map((rule) => putInForce(rule, view, isExplained)),
    noPhase: phaseOf(view) === null ? sayNoPhase(assigned, view, isExplained) : null,
    verdicts: [],
    waiting: new Map(),
  }
}

function putInForce(
  { when, stated }: StatedRule<Contraindication, InForce>,
  view: View,
  isExplained: boolean,
): InForce | undefined {
  if (when === null) return stated
  const truth = truthOf(when, view)
  if (truth === isFalse) return undefined
  const certain = truth === isTrue
  const until = dateOrNull(endOf(when, view))
  if (!isExplained && certain && until === null) return stated
  const explained = isExplained ? explain(when, view) : null
  // What is spread comes first here and below: only so it is copied at once.
  return {
    rule: stated.rule,
    listed: { ...stated.listed, certain, when: explained, until },
    given: { ...stated.given, certain, when: explained, until },
  }
}

function sayNoPhase({ compiled, version }: Assigned, view: View, isExplained: boolean): Reason {
  const first = compiled.phases[0]
  return {
    kind: 'no-phase',
    protocol: compiled.document.code,
    version: version.version,
    title: compiled.document.title,
    first: first?.named ?? null,
    entry: first === undefined || !isExplained ? null : explain(first.entry, view),
  }
}

/** What withholds everything: closure, open red flags, holds, and no protocol or phase to derive from. */
function reasonsForEverything({ record, isLacking }: Case, owners: readonly Owner[], day: DayNumber): Reason[] {
  const reasons: Reason[] = []
  const closure = record.closures.find((entry) => covers(entry, day))?.entry
  if (closure) reasons.push({ kind: 'episode-closed', on: closure.on, reason: closure.reason })
  const open = record.symptoms.filter((symptom) => covers(symptom, day)).map(({ entry }) => entry)
  open.sort((a, b) => compareUrgency(a, b) || compareText(a.redFlag, b.redFlag) || compareText(a.id, b.id))
  for (const { id, redFlag, title, response, on } of open) {
    reasons.push({ kind: 'red-flag', redFlag: { code: redFlag, title }, response, since: on, entry: id })
  }
  for (const hold of record.holds) {
    if (!covers(hold, day)) continue
    const { id, from, until, reason } = hold.entry
    reasons.push({ kind: 'hold', from, until, reason, entry: id })
  }
  if (isLacking || owners.length === 0) reasons.push({ kind: 'no-protocol' })
  if (owners.every(({ noPhase }) => noPhase !== null)) {
    for (const { noPhase } of owners) if (noPhase !== null) reasons.push(noPhase)
  }
  return reasons
}

function verdictOn(index: number, owner: Owner): PrescriptionVerdict | null {
  const known = owner.verdicts[index]
  if (known !== undefined) return known
  const prescription = owner.compiled.prescriptions[index]
  if (prescription === undefined) return null
  const verdict = whyNotGranted(prescription, owner) ?? grantOf(prescription, owner.view)
  owner.verdicts[index] = verdict
  return verdict
}

/** Why the prescription does not grant on the day; null when it does. */
function whyNotGranted(prescription: CompiledPrescription, owner: Owner): Reason | null {
  const { notReached, passed, notMet, notKnown, from, through, when } = prescription
  const { compiled, view, noPhase, isExplained } = owner
  const current = phaseOf(view)
  if (noPhase !== null || current === null) return noPhase
  if (compiled.phases[from] === undefined || through === -1 || current < from) {
    return isExplained ? { ...notReached, entries: waitingUpTo(from, owner) } : notReached
  }
  if (current > through) return passed
  const truth = truthOf(when, view)
  if (when === null || truth === isTrue) return null
  const refusal = truth === isFalse ? notMet : notKnown
  return isExplained ? { ...refusal, when: explain(when, view) } : refusal
}

/** Entries of the phases behind the current one, up to that phase (−1: all of them), that are not true. */
function waitingUpTo(index: number, { compiled, view, waiting }: Owner): readonly ExplainedCondition[] {
  const known = waiting.get(index)
  if (known !== undefined) return known
  const next = (phaseOf(view) ?? -1) + 1
  const entries = compiled.phases
    .slice(next, index === -1 ? undefined : index + 1)
    .map(({ entry }) => explain(entry, view))
    .filter((entry) => entry.truth !== 'true')
  waiting.set(index, entries)
  return entries
}

/** Any one prescription would do, so that only those count that are closest to granting. */
function nearest(refusals: readonly Reason[], { compiled }: Owner): readonly Reason[] {
  if (refusals.length < 2) return refusals
  const distance = (refusal: Reason): number => {
    if (refusal.kind === 'phase-passed') return compiled.phases.length
    if (refusal.kind !== 'phase-not-reached') return -1
    return compiled.phases.findIndex(({ phase }) => phase.code === refusal.phase.code)
  }
  const least = Math.min(...refusals.map(distance))
  return refusals.filter((refusal) => distance(refusal) === least)
}

/**
 * What a prescription grants, with the dose of its last step that is true. While it is unknown whether a later step takes
 * its place, no number of it is greater than that step's.
 */
function grantOf({ steps, stated }: CompiledPrescription, view: View): PrescriptionGrant {
  let chosen = stated
  let later: Dose[] = []
  for (const { when, dose, stated } of steps) {
    const truth = truthOf(when, view)
    if (truth === isTrue) {
      chosen = stated
      later = []
    } else if (truth === isUnknown) later.push(dose)
  }
  if (chosen.dose === null || later.length === 0) return chosen
  return { ...chosen, dose: later.reduce(lessen, chosen.dose) }
}

/** The dose with each of its numbers no greater than the other's. */
export function lessen(dose: Dose, other: Dose): Dose {
  const lessened = { ...dose }
  for (const key of doseNumbers) {
    const value = dose[key]
    if (value !== undefined) lessened[key] = Math.min(value, other[key] ?? value)
  }
  if (dose.amounts !== undefined) {
    lessened.amounts = dose.amounts.map((amount) =>
      [amount, ...(other.amounts ?? [])].filter(isAlike(amount)).reduce(lesser),
    )
  }
  return lessened
}

function isAlike({ quantity, unit }: Amount): (other: Amount) => boolean {
  return (other) => other.quantity === quantity && other.unit === unit
}

function lesser(a: Amount, b: Amount): Amount {
  return b.value < a.value ? b : a
}

const doseNumbers = ['sets', 'reps', 'holdSeconds', 'durationMinutes', 'timesPerDay', 'timesPerWeek'] as const
const doseTexts = ['intensity', 'note'] as const

/** Of several doses the smaller number of each kind, the smaller amount of each quantity, and every instruction. */
export function strictestDose(grants: readonly Pick<PrescriptionGrant, 'dose'>[]): Dose | null {
  if (grants.length === 1) return grants[0]?.dose ?? null
  const given = grants.map(({ dose }) => dose).filter((dose) => dose !== null)
  if (given.length < 2) return given[0] ?? null
  const dose: Dose = {}
  for (const key of doseNumbers) {
    const values = given.flatMap((candidate) => candidate[key] ?? [])
    if (values.length > 0) dose[key] = Math.min(...values)
  }
  const amounts = given.flatMap((candidate) => candidate.amounts ?? [])
  if (amounts.length > 0) {
    const kinds = [...Map.groupBy(amounts, ({ quantity, unit }) => JSON.stringify([quantity, unit]))]
    dose.amounts = kinds.sort(([a], [b]) => compareText(a, b)).map(([, same]) => same.reduce(lesser))
  }
  for (const key of doseTexts) {
    const texts = [...new Set(given.flatMap((candidate) => candidate[key] ?? []))].sort()
    if (texts.length > 0) dose[key] = texts.join('; ')
  }
  return dose
}

const reasonOrder: readonly Reason['kind'][] = [
  'episode-closed',
  'red-flag',
  'hold',
  'no-protocol',
  'no-phase',
  'contraindication',
  'override',
  'sides-disagree',
  'phase-not-reached',
  'phase-passed',
  'condition-not-met',
  'not-prescribed',
]

/** Those that come from entries of the record are in order already. */
function orderReasons(a: Reason, b: Reason): number {
  return (
    reasonOrder.indexOf(a.kind) - reasonOrder.indexOf(b.kind) ||
    compareText('protocol' in a ? a.protocol : '', 'protocol' in b ? b.protocol : '') ||
    compareText('rule' in a ? a.rule : '', 'rule' in b ? b.rule : '')
  )
}

export function lifts(override: OverrideEntry, rule: Contraindication, { version }: Assigned): boolean {
  return override.lifts.includes(rule.code) && override.versions.includes(version.id)
}

const noOverrides: readonly OverrideEntry[] = []
const noIndexes: readonly number[] = []
const noTexts: readonly string[] = []

/** The overrides of the exercise that hold on the day. */
export function overridesOn({ overrides }: KnownRecord, exercise: string, day: DayNumber): readonly OverrideEntry[] {
  if (overrides.length === 0) return noOverrides
  return overrides
    .filter((override) => override.entry.exercise === exercise && covers(override, day))
    .map(({ entry }) => entry)
}

/** Adds what the contraindications that match an exercise say against it, and what they caution. */
function forbid(
  owner: Owner,
  matches: readonly Match[],
  permits: readonly OverrideEntry[],
  forbids: Reason[],
  cautions: Caution[],
): void {
  for (const { rule: index, ungraded } of matches) {
    const active = owner.inForce[index]
    if (active === undefined) continue
    const { rule, listed } = active
    const lifting =
      rule.strength === 'relative' ? permits.find((entry) => lifts(entry, rule, owner.assigned)) : undefined
    if (lifting !== undefined) {
      const { protocol, version, rationale, sources, title } = listed
      const reference = { protocol, version, rule: listed.rule, rationale, sources }
      cautions.push({ kind: 'lifted', title, reason: lifting.reason, entry: lifting.id, ...reference })
      continue
    }
    const given = ungraded.length === 0 ? active.given : { ...active.given, ungraded, certain: false }
    if (given.kind === 'caution') cautions.push(given)
    else forbids.push(given)
  }
}

/** Adds what the version's prescriptions of an exercise grant, or if none does why not. */
function grant(owner: Owner, indexes: readonly number[], grants: PrescriptionGrant[], missing: Reason[]): void {
  const before = grants.length
  const refusals: Reason[] = []
  for (const index of indexes) {
    const verdict = verdictOn(index, owner)
    if (verdict?.kind === 'prescription') grants.push(verdict)
    else if (verdict !== null) refusals.push(verdict)
  }
  if (grants.length === before) missing.push(...nearest(refusals, owner))
}

function sideOf(grants: readonly PrescriptionGrant[], { surgery }: KnownRecord): PrescribedSide | null {
  for (const grant of grants) if (grant.side !== 'both') return commonSide(grants, surgery.side)
  return 'both'
}

/** Judges one exercise: the entry to show, and what bears on it, by owner. */
function judge(
  exercise: Exercise,
  bearings: readonly Bearing[],
  owners: readonly Owner[],
  record: KnownRecord,
  day: DayNumber,
  forEverything: readonly Reason[],
): Permitted | Withheld {
  const overrides = overridesOn(record, exercise.code, day)
  const permits = overrides.length === 0 ? overrides : overrides.filter((entry) => entry.effect === 'permit')

  const reasons = forEverything.slice()
  const cautions: Caution[] = []
  const grants: PrescriptionGrant[] = []
  const missing: Reason[] = []
  let prescribed = false
  for (let place = 0; place < owners.length; place += 1) {
    const owner = owners[place]
    const bearing = bearings[place]
    if (owner === undefined || bearing === undefined) continue
    forbid(owner, bearing.matches, permits, reasons, cautions)
    // A grant rests on the version's own entries alone: neither a later catalogue nor an override adds to a group of it.
    if (bearing.prescriptions.length === 0) continue
    prescribed = true
    grant(owner, bearing.prescriptions, grants, missing)
  }
  for (const { id, from, until, reason, effect } of overrides) {
    if (effect === 'withhold') reasons.push({ kind: 'override', from, until, reason, entry: id })
  }
  if (!prescribed) missing.push({ kind: 'not-prescribed' })

  const side = sideOf(grants, record)
  if (side === null) {
    missing.push({ kind: 'sides-disagree', protocols: [...new Set(grants.map((grant) => grant.protocol))] })
    // Nothing of them is left beside a permit either: neither a dose nor that it may be done alone.
    grants.length = 0
  }

  const granted = permits.length > 0 || missing.length === 0
  if (granted && reasons.length === 0) {
    return describePermitted(exercise, grants, permits, side ?? 'both', cautions, record)
  }
  // What forbids is in order already, and only one thing can be missing besides it.
  const isInOrder = granted || (missing.length === 1 && missing[0]?.kind !== 'no-phase')
  if (!granted) for (const reason of missing) if (!reasons.includes(reason)) reasons.push(reason)
  return { exercise, reasons: isInOrder ? reasons : reasons.sort(orderReasons), wayForward: null }
}

function describePermitted(
  exercise: Exercise,
  grants: readonly PrescriptionGrant[],
  permits: readonly OverrideEntry[],
  side: PrescribedSide,
  cautions: readonly Caution[],
  { surgery }: KnownRecord,
): Permitted {
  const [only] = grants
  if (only?.side === 'both' && grants.length === 1 && permits.length === 0) {
    const { dose, side, supervision, provided } = only
    return {
      exercise,
      dose,
      side,
      supervision,
      provided: provided === null ? noTexts : [provided],
      grantedBy: grants,
      cautions,
    }
  }
  const isAlone = grants.length > 0 && grants.every((grant) => grant.supervision === 'independent')
  const resolved = grants.map((grant): Grant => ({ ...grant, side: resolveSide(grant.side, surgery.side) }))
  const fromOverrides = permits.map(
    ({ id, from, until, reason }): Grant => ({ kind: 'override', entry: id, from, until, reason }),
  )
  return {
    exercise,
    dose: strictestDose(grants),
    side,
    // An exercise that only an override grants: nothing says that it may be done alone.
    supervision: isAlone ? 'independent' : 'supervised',
    provided: [...new Set(grants.flatMap((grant) => grant.provided ?? []))].sort(),
    grantedBy: [...resolved, ...fromOverrides],
    cautions,
  }
}

/**
 * Catalogue entries by exercise code, of every exercise to judge: those that the versions prescribe, that overrides
 * name and that the question brings. Whatever any version or override knows of an exercise counts against it; of the
 * question only what nothing else knows, so that the answer about one exercise is the one in the whole answer.
 */
export function entriesOf(asked: Case, day: DayNumber): ReadonlyMap<string, readonly [Exercise, ...Exercise[]]> {
  const { record, assigned, alsoJudge } = asked
  const [only] = assigned
  if (only !== undefined && isAlone(asked)) return only.compiled.prescribed
  const known = new Map<string, [Exercise, ...Exercise[]]>()
  const add = (exercise: Exercise): void => {
    const entries = known.get(exercise.code)
    if (entries === undefined) known.set(exercise.code, [exercise])
    else entries.push(exercise)
  }
  for (const { compiled } of assigned) for (const entries of compiled.prescribed.values()) entries.forEach(add)
  for (const { from, entry } of record.overrides) if (from <= day) add(entry.entry)
  const named = new Set(known.keys())
  for (const exercise of alsoJudge) if (!named.has(exercise.code)) add(exercise)
  // What a version knows of an exercise that it does not prescribe itself.
  for (const { compiled } of assigned) {
    for (const [code, entries] of known) {
      if (!compiled.prescribed.has(code)) entries.push(...(compiled.exercises.get(code) ?? []))
    }
  }
  return new Map([...known].sort(([a], [b]) => compareText(a, b)))
}

/** Every exercise to judge, with what bears on it in each version. */
function subjectsOn(asked: Case, day: DayNumber): Compiled['subjects'] {
  const [only] = asked.assigned
  if (only !== undefined && isAlone(asked)) return only.compiled.subjects
  return [...entriesOf(asked, day)].map(([code, entries]) => ({
    exercise: entries[0],
    bearings: asked.assigned.map(({ compiled }) => ({
      matches: matchesOf(compiled, entries),
      prescriptions: compiled.prescriptionsOf.get(code) ?? noIndexes,
    })),
    isSettled: false,
  }))
}

/** There is one version, and nothing else that names an exercise. */
function isAlone({ record, assigned, alsoJudge }: Case): boolean {
  return assigned.length === 1 && record.overrides.length === 0 && alsoJudge.length === 0
}

/** A version with no phase before the surgery has nothing to say to the patient yet. */
export function speaks({ view, assigned }: { view: View; assigned: Situation }): boolean {
  return phaseOf(view) !== null || assigned.record.surgeryDay <= view.day
}

function listAvoid(owners: readonly Owner[]): ContraindicationInForce[] {
  const list: ContraindicationInForce[] = []
  for (const { inForce } of owners) for (const active of inForce) if (active !== undefined) list.push(active.listed)
  return list
}

/** What the rules say whose condition has one of the truths, with what is certain today and the end of it. */
function listStated<Stated extends { certain: boolean; until: CalendarDate | null }>(
  owners: readonly Owner[],
  rulesOf: (compiled: Compiled) => readonly StatedRule<unknown, Stated>[],
  among: Truths,
): Stated[] {
  const list: Stated[] = []
  for (const { compiled, view } of owners) {
    for (const { when, stated } of rulesOf(compiled)) {
      if (when === null) {
        list.push(stated)
        continue
      }
      const truth = truthOf(when, view)
      if ((truth & among) !== 0) {
        list.push({ ...stated, certain: truth === isTrue, until: dateOrNull(endOf(when, view)) })
      }
    }
  }
  return list
}

function listInstructions(owners: readonly Owner[]): InstructionInForce[] {
  return listStated(owners, ({ instructions }) => instructions, isTrue | isUnknown)
}

/** Of one quantity they are in order already: by protocol, then by rule. */
function orderLimits(a: LimitInForce | GoalInForce, b: LimitInForce | GoalInForce): number {
  return compareText(a.quantity, b.quantity)
}

/** Of several limits on one quantity and unit the strictest is in force. */
function listLimits(owners: readonly Owner[]): LimitInForce[] {
  const limits = listStated(owners, ({ caps }) => caps, isTrue | isUnknown).sort(orderLimits)
  if (limits.every((limit, index) => limit.quantity !== limits[index - 1]?.quantity)) return limits
  const alike = Map.groupBy(limits, ({ quantity, unit }) => JSON.stringify([quantity, unit]))
  return limits.map((limit) => {
    const others = alike.get(JSON.stringify([limit.quantity, limit.unit])) ?? []
    const inForce = others.filter((one) => !others.some((other) => isStricter(other, one, others)))
    const stricter = inForce.find((other) => isStricter(other, limit, others))
    return stricter === undefined
      ? limit
      : { ...limit, supersededBy: { protocol: stricter.protocol, rule: stricter.rule } }
  })
}

/** Whether `other` makes `limit` needless: at least as strict in each of its bounds, and first if they are equal. */
function isStricter(other: LimitInForce, limit: LimitInForce, all: readonly LimitInForce[]): boolean {
  if (other === limit || limit.asInstructed || other.asInstructed) return false
  const max = limit.max === null || (other.max !== null && other.max <= limit.max)
  const min = limit.min === null || (other.min !== null && other.min >= limit.min)
  const equal = other.max === limit.max && other.min === limit.min
  return max && min && (!equal || all.indexOf(other) < all.indexOf(limit))
}

/** A goal needs a condition that is true: nothing may sound like an invitation to do more than is known to be right. */
function listGoals(owners: readonly Owner[]): GoalInForce[] {
  return listStated(owners, ({ goals }) => goals, isTrue).sort(orderLimits)
}

function statusOf(forEverything: readonly Reason[]): Derivation['status'] {
  const says = (kind: Reason['kind']): boolean => forEverything.some((reason) => reason.kind === kind)
  if (says('episode-closed')) return 'closed'
  if (says('red-flag') || says('hold')) return 'on-hold'
  return forEverything.length > 0 ? 'no-phase' : 'active'
}

function listOpenRedFlags({ symptoms }: KnownRecord, day: DayNumber): Derivation['openRedFlags'] {
  return symptoms
    .filter((symptom) => covers(symptom, day))
    .map(({ entry: { id, redFlag, title, response, on } }) => ({
      entry: id,
      code: redFlag,
      title,
      response,
      since: on,
    }))
    .sort((a, b) => compareUrgency(a, b) || compareText(a.code, b.code) || compareText(a.entry, b.entry))
}

function listRedFlags(owners: readonly Owner[]): Derivation['redFlags'] {
  const [only] = owners
  if (only !== undefined && owners.length === 1) return only.compiled.redFlags
  const flags = owners.flatMap(({ compiled }) => compiled.redFlags)
  return flags.sort(
    (a, b) => compareUrgency(a, b) || compareText(a.protocol, b.protocol) || compareText(a.code, b.code),
  )
}

type Told =
  | 'on'
  | 'daysSinceSurgery'
  | 'status'
  | 'statusReasons'
  | 'permitted'
  | 'withheld'
  | 'limits'
  | 'missingFacts'

/** What an answer tells, at length or in short. */
interface Judged {
  owners: readonly Owner[]
  speaking: readonly Owner[]
  told: Pick<Derivation, Told | 'basis'>
}

function judgeAll(asked: Case, day: DayNumber): Judged {
  const { record, knownAt, isExplained } = asked
  const owners = asked.assigned.map((assigned) => own(assigned, day, isExplained))
  const forEverything = reasonsForEverything(asked, owners, day)
  const permitted: Permitted[] = []
  const withheld: Withheld[] = []
  const verdicts = verdictsOfPhase(asked, owners, forEverything)
  const subjects = subjectsOn(asked, day)
  for (let index = 0; index < subjects.length; index += 1) {
    const { exercise, bearings, isSettled } = subjects[index] as Subject
    const known = isSettled && verdicts !== null && isFreeFrom(owners, bearings) ? verdicts : null
    const verdict = known?.[index] ?? judge(exercise, bearings, owners, record, day, forEverything)
    if (known !== null) known[index] ??= Object.freeze(verdict)
    if ('reasons' in verdict) withheld.push(verdict)
    else permitted.push(verdict)
  }
  const speaking = owners.filter(speaks)
  const told = {
    on: dateOf(day),
    daysSinceSurgery: day - record.surgeryDay,
    status: statusOf(forEverything),
    statusReasons: forEverything,
    permitted,
    withheld,
    limits: listLimits(speaking),
    missingFacts: forEverything.some(({ kind }) => silencing.has(kind))
      ? []
      : speaking.flatMap(({ view, assigned }) => findMissingFacts(view, assigned.version.version)),
    basis: { revision: record.revision, knownAt, semantics: semanticsVersion },
  }
  return { owners, speaking, told }
}

/**
 * Of one version alone the verdicts so far about what is settled in its phase: the same for every record, as long as no
 * contraindication is in force against the exercise and reasons do not tell what the record has.
 */
function verdictsOfPhase(
  asked: Case,
  [only]: readonly Owner[],
  forEverything: readonly Reason[],
): (Permitted | Withheld | undefined)[] | null {
  if (only === undefined || asked.isExplained || forEverything.length > 0) return null
  const phase = phaseOf(only.view) ?? -1
  const { settled } = only.compiled
  settled[phase] ??= []
  return settled[phase]
}

function isFreeFrom(owners: readonly Owner[], bearings: readonly Bearing[]): boolean {
  return bearings.every(({ matches }, place) => matches.every(({ rule }) => owners[place]?.inForce[rule] === undefined))
}

/** The answer about one day, without what lies ahead of it. */
export function decide(asked: Case, day: DayNumber): Derivation {
  const { record } = asked
  const { owners, speaking, told } = judgeAll(asked, day)
  const { on, daysSinceSurgery, status, statusReasons, permitted, withheld, limits, missingFacts, basis } = told
  const inviting = statusReasons.length > 0 ? [] : speaking
  const { surgeryDate, procedures, levels, side } = record.surgery
  return {
    on,
    daysSinceSurgery,
    surgery: { surgeryDate, procedures, levels, side },
    status,
    statusReasons,
    protocols: owners.map(describeProtocol),
    permitted,
    withheld,
    avoid: listAvoid(speaking),
    // While nothing is permitted, nothing may sound like an invitation to exercise.
    instructions: listInstructions(inviting),
    limits,
    goals: listGoals(inviting),
    openRedFlags: listOpenRedFlags(record, day),
    redFlags: listRedFlags(owners),
    missingFacts,
    nextChange: null,
    basis,
  }
}

/** The same in short, of a case that was opened without explanations. */
export function decideInShort(asked: Case, day: DayNumber): Verdicts {
  const { owners, told } = judgeAll(asked, day)
  const protocols = owners.map(({ compiled, assigned, view }) => ({
    code: compiled.document.code,
    version: assigned.version.version,
    phase: compiled.phases[phaseOf(view) ?? -1]?.named ?? null,
  }))
  return { ...told, protocols }
}

/** While these withhold everything, nothing is asked for: no observation would permit anything. */
const silencing: ReadonlySet<Reason['kind']> = new Set(['episode-closed', 'red-flag', 'hold', 'no-protocol'])

function describeProtocol({ compiled, assigned, view }: Owner): Derivation['protocols'][number] {
  const phase = compiled.phases[phaseOf(view) ?? -1]
  return {
    code: compiled.document.code,
    title: compiled.document.title,
    version: assigned.version.version,
    phase:
      phase === undefined
        ? null
        : {
            ...phase.named,
            setting: phase.phase.setting ?? null,
            goals: phase.phase.goals ?? [],
            since: dateOf(phaseSince(assigned, view.day)),
          },
  }
}
