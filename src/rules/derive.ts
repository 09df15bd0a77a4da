import { daysBetween } from './calendar-date.ts'
import { evaluate, explain, type Moment, type Situation, situate } from './condition.ts'
import { matchRule, prescribes } from './match.ts'
import { endOf, phaseAt, phaseSince } from './phase.ts'
import { covers, type KnownRecord, readRecord } from './record.ts'
import { commonSide, resolveSide } from './side.ts'
import type {
  CalendarDate,
  Caution,
  Contraindication,
  ContraindicationInForce,
  Derivation,
  Dose,
  Exercise,
  ExplainedCondition,
  FlagResponse,
  Grant,
  Instant,
  InstructionInForce,
  Limit,
  LimitInForce,
  OverrideEntry,
  Permitted,
  Phase,
  Prescription,
  ProtocolVersion,
  Reason,
  RecordEntry,
  RuleReference,
  Source,
  Withheld,
} from './types.ts'

/** Version of the meaning of documents and records; an answer names the one that made it. */
export const semanticsVersion = 1

/** What to derive from. All of it is data: no clock and no store stands behind it. */
export interface Question {
  /** The versions that the record's assignments name; others are not looked at. */
  versions: readonly ProtocolVersion[]
  entries: readonly RecordEntry[]
  on: CalendarDate
  knownAt: Instant
  /** Catalogue exercises to judge besides those that the protocols and overrides name. */
  alsoJudge?: readonly Exercise[]
}

/** One assigned version on one date, with what of it is in force. */
interface Assigned extends Situation {
  version: ProtocolVersion
  moment: Required<Moment>
  /** Contraindications whose condition is true or unknown. */
  inForce: readonly InForce[]
}

/** A contraindication in force, and what it says whichever exercise it meets. */
interface InForce {
  rule: Contraindication
  statement: { title: string; certain: boolean; when: ExplainedCondition | null; until: CalendarDate | null }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function by<T>(...keys: ((item: T) => string)[]): (a: T, b: T) => number {
  return (a, b) => keys.reduce((order, key) => order || compareText(key(a), key(b)), 0)
}

function sourcesOf(version: ProtocolVersion, ids: readonly string[] | undefined): Source[] {
  return version.document.sources.filter((source) => ids?.includes(source.id)).sort(by((source) => source.id))
}

function refer(
  version: ProtocolVersion,
  rule: { code: string; rationale?: string; sources?: readonly string[] },
): RuleReference {
  return {
    protocol: version.document.code,
    version: version.version,
    rule: rule.code,
    rationale: rule.rationale ?? null,
    sources: sourcesOf(version, rule.sources),
  }
}

function assign(version: ProtocolVersion, record: KnownRecord, on: CalendarDate): Assigned {
  const situation = situate(version.document, record)
  const moment = { on, phase: phaseAt(situation, on) }
  const inForce = version.document.contraindications.flatMap((rule): InForce[] => {
    const when = rule.when === undefined ? null : explain(rule.when, situation, moment)
    if (when?.truth === 'false') return []
    const certain = when === null || when.truth === 'true'
    return [{ rule, statement: { title: rule.title, certain, when, until: endOf(rule.when, situation, on) } }]
  })
  return { ...situation, version, moment, inForce }
}

/** What withholds everything: closure, open red flags, holds, and no protocol or phase to derive from. */
function reasonsForEverything(record: KnownRecord, assigned: readonly Assigned[], on: CalendarDate): Reason[] {
  const reasons: Reason[] = []
  if (record.closure) reasons.push({ kind: 'episode-closed', on: record.closure.on, reason: record.closure.reason })
  for (const symptom of [...record.openSymptoms].sort(
    by(
      (entry) => urgency(entry.response),
      (entry) => entry.redFlag,
      (entry) => entry.id,
    ),
  )) {
    reasons.push({
      kind: 'red-flag',
      redFlag: { code: symptom.redFlag, title: symptom.title },
      response: symptom.response,
      since: symptom.on,
      entry: symptom.id,
    })
  }
  for (const hold of record.holds
    .filter((entry) => covers(entry, on))
    .sort(
      by(
        (entry) => entry.from,
        (entry) => entry.id,
      ),
    )) {
    reasons.push({ kind: 'hold', from: hold.from, until: hold.until, reason: hold.reason, entry: hold.id })
  }
  // A version that is assigned but not at hand may forbid anything.
  const atHand = new Set(assigned.map(({ version }) => version.id))
  const lacking = record.assignment?.versions.some((id) => !atHand.has(id)) ?? true
  if (lacking || assigned.length === 0) reasons.push({ kind: 'no-protocol' })
  if (assigned.length > 0 && assigned.every(({ moment }) => moment.phase === null)) {
    reasons.push(...assigned.map(noPhase))
  }
  return reasons
}

function noPhase(assigned: Assigned): Reason {
  const first = assigned.document.phases[0]
  return {
    kind: 'no-phase',
    protocol: assigned.document.code,
    version: assigned.version.version,
    title: assigned.document.title,
    first: first ? { code: first.code, title: first.title } : null,
    entry: first ? explain(first.entry, assigned, { on: assigned.moment.on }) : null,
  }
}

function named(phase: Phase): { code: string; title: string } {
  return { code: phase.code, title: phase.title }
}

/** Why the prescription does not grant today; null when it does. */
function whyNotGranted(prescription: Prescription, assigned: Assigned): Reason | null {
  const { phases } = assigned.document
  const current = assigned.moment.phase
  if (current === null) return noPhase(assigned)
  const from = phases.findIndex((phase) => phase.code === prescription.from)
  const through = phases.findIndex((phase) => phase.code === (prescription.through ?? prescription.from))
  const first = phases[from]
  const last = phases[through]
  const reference = refer(assigned.version, prescription)
  if (first === undefined || last === undefined || current < from) {
    const waiting = phases.slice(current + 1, from === -1 ? undefined : from + 1)
    return {
      kind: 'phase-not-reached',
      phase: first ? named(first) : { code: prescription.from, title: prescription.from },
      entries: waiting
        .map((phase) => explain(phase.entry, assigned, { on: assigned.moment.on }))
        .filter((entry) => entry.truth !== 'true'),
      ...reference,
    }
  }
  if (current > through) return { kind: 'phase-passed', phase: named(last), ...reference }
  if (prescription.when !== undefined) {
    const when = explain(prescription.when, assigned, assigned.moment)
    if (when.truth !== 'true') {
      return { kind: 'condition-not-met', certain: when.truth === 'false', when, ...reference }
    }
  }
  return null
}

/** Any one prescription would do, so that only those count that are closest to granting. */
function nearest(refusals: readonly Reason[], { document }: Assigned): Reason[] {
  const distance = (refusal: Reason): number => {
    if (refusal.kind === 'phase-passed') return document.phases.length
    if (refusal.kind !== 'phase-not-reached') return -1
    return document.phases.findIndex((phase) => phase.code === refusal.phase.code)
  }
  const least = Math.min(...refusals.map(distance))
  return refusals.filter((refusal) => distance(refusal) === least)
}

function doseOf(prescription: Prescription, assigned: Assigned): Dose | null {
  const entry = prescription.dosage?.findLast((step) => evaluate(step.when, assigned, assigned.moment) === 'true')
  if (entry === undefined) return null
  const { when: _, ...dose } = entry
  return dose
}

type PrescriptionGrant = Extract<Grant, { kind: 'prescription' }>

const doseNumbers = ['sets', 'reps', 'holdSeconds', 'durationMinutes', 'timesPerDay', 'timesPerWeek'] as const
const doseTexts = ['intensity', 'note'] as const

/** Of several doses the smaller number of each kind, and every instruction. */
function strictestDose(doses: readonly (Dose | null)[]): Dose | null {
  const given = doses.filter((dose) => dose !== null)
  if (given.length === 0) return null
  const dose: Dose = {}
  for (const key of doseNumbers) {
    const values = given.flatMap((candidate) => candidate[key] ?? [])
    if (values.length > 0) dose[key] = Math.min(...values)
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
const orderReasons = by<Reason>(
  (reason) => String(reasonOrder.indexOf(reason.kind)).padStart(2, '0'),
  (reason) => ('protocol' in reason ? reason.protocol : ''),
  (reason) => ('rule' in reason ? reason.rule : ''),
)

function lifts(override: OverrideEntry, rule: Contraindication, owner: Assigned): boolean {
  return override.lifts.includes(rule.code) && override.versions.includes(owner.version.id)
}

/** Judges one exercise; `entries` are all catalogue entries known under its code, the one to show first. */
function judge(
  entries: readonly [Exercise, ...Exercise[]],
  assigned: readonly Assigned[],
  record: KnownRecord,
  on: CalendarDate,
  forEverything: readonly Reason[],
): { permitted: Permitted } | { withheld: Withheld } {
  const exercise = entries[0]
  const overrides = record.overrides
    .filter((entry) => entry.exercise === exercise.code && covers(entry, on))
    .sort(
      by(
        (entry) => entry.from,
        (entry) => entry.id,
      ),
    )
  const permits = overrides.filter((entry) => entry.effect === 'permit')

  const forbids: Reason[] = []
  const cautions: Caution[] = []
  for (const owner of assigned) {
    for (const active of owner.inForce) {
      const match = matchRule(active.rule, entries)
      if (match === null) continue
      const { strength } = active.rule
      const reference = refer(owner.version, active.rule)
      const lifting = strength === 'relative' ? permits.find((entry) => lifts(entry, active.rule, owner)) : undefined
      if (lifting) {
        cautions.push({
          kind: 'lifted',
          title: active.rule.title,
          reason: lifting.reason,
          entry: lifting.id,
          ...reference,
        })
        continue
      }
      const certain = active.statement.certain && match.ungraded.length === 0
      const what = { ...active.statement, ...match, certain, ...reference }
      if (strength === 'caution') cautions.push({ kind: 'caution', ...what })
      else forbids.push({ kind: 'contraindication', strength, ...what })
    }
  }
  for (const { id, from, until, reason } of overrides.filter((entry) => entry.effect === 'withhold')) {
    forbids.push({ kind: 'override', from, until, reason, entry: id })
  }

  const grants: PrescriptionGrant[] = []
  const missing: Reason[] = []
  let prescribed = false
  for (const owner of assigned) {
    // A grant rests on the version's own entries alone: neither a later catalogue nor an override adds to a group of it.
    const prescriptions = owner.document.prescriptions.filter((prescription) =>
      prescribes(prescription, exercise.code, owner.document),
    )
    const refusals: Reason[] = []
    let granted = false
    for (const prescription of prescriptions) {
      const refusal = whyNotGranted(prescription, owner)
      if (refusal !== null) {
        refusals.push(refusal)
        continue
      }
      granted = true
      grants.push({
        kind: 'prescription',
        dose: doseOf(prescription, owner),
        side: prescription.side,
        supervision: prescription.supervision,
        modality: prescription.modality ?? null,
        ...refer(owner.version, prescription),
      })
    }
    prescribed ||= prescriptions.length > 0
    if (!granted) missing.push(...nearest(refusals, owner))
  }
  if (!prescribed) missing.push({ kind: 'not-prescribed' })

  grants.sort(
    by(
      (grant) => grant.protocol,
      (grant) => grant.rule,
    ),
  )
  const side = grants.length === 0 ? 'both' : commonSide(grants, record.surgery.side)
  if (side === null) {
    missing.push({ kind: 'sides-disagree', protocols: [...new Set(grants.map((grant) => grant.protocol))] })
  }

  const granted = permits.length > 0 || missing.length === 0
  const standing = [...forEverything, ...forbids]
  if (granted && standing.length === 0) {
    const fromOverrides: Grant[] = permits.map(({ id, from, until, reason }) => ({
      kind: 'override',
      entry: id,
      from,
      until,
      reason,
    }))
    return {
      permitted: {
        exercise,
        dose: strictestDose(grants.map((grant) => grant.dose)),
        side: side ?? 'both',
        // An exercise that only an override grants: nothing says that it may be done alone.
        supervision:
          grants.length > 0 && grants.every((grant) => grant.supervision === 'independent')
            ? 'independent'
            : 'supervised',
        grantedBy: [
          ...grants.map((grant) => ({ ...grant, side: resolveSide(grant.side, record.surgery.side) })),
          ...fromOverrides,
        ],
        cautions: cautions.sort(
          by(
            (caution) => caution.protocol,
            (caution) => caution.rule,
          ),
        ),
      },
    }
  }
  const reasons = [...standing, ...(granted ? [] : missing)]
  return { withheld: { exercise, reasons: distinct(reasons).sort(orderReasons), wayForward: null } }
}

/** One reason may come from several prescriptions or from the whole episode; it is said once. */
function distinct(reasons: readonly Reason[]): Reason[] {
  return [...new Map(reasons.map((reason) => [JSON.stringify(reason), reason])).values()]
}

/**
 * Catalogue entries by exercise code, of every exercise to judge: those that the versions prescribe, that overrides
 * name and that the question brings. Whatever any version or override knows of an exercise counts against it; of the
 * question only what nothing else knows, so that the answer about one exercise is the one in the whole answer.
 */
function exercisesToJudge(
  assigned: readonly Assigned[],
  record: KnownRecord,
  alsoJudge: readonly Exercise[],
): Map<string, [Exercise, ...Exercise[]]> {
  const overrides = [...record.overrides].sort(
    by(
      (entry) => entry.from,
      (entry) => entry.id,
    ),
  )
  const prescribed = assigned.flatMap(({ document }) =>
    document.exercises.filter(({ code }) => document.prescriptions.some((rule) => prescribes(rule, code, document))),
  )
  const overridden = overrides.map((override) => override.entry)
  const named = new Set([...prescribed, ...overridden].map((exercise) => exercise.code))
  const asked = alsoJudge.filter((exercise) => !named.has(exercise.code))
  const others = assigned.flatMap(({ document }) => document.exercises)

  const known = new Map<string, [Exercise, ...Exercise[]]>()
  for (const exercise of [...prescribed, ...overridden, ...asked]) {
    const entries = known.get(exercise.code)
    if (entries) entries.push(exercise)
    else known.set(exercise.code, [exercise])
  }
  for (const exercise of others) known.get(exercise.code)?.push(exercise)
  return known
}

/** A version with no phase before the surgery has nothing to say to the patient yet. */
function speaks(assigned: Assigned): boolean {
  return assigned.moment.phase !== null || assigned.record.surgery.surgeryDate <= assigned.moment.on
}

function listContraindications(assigned: readonly Assigned[]): ContraindicationInForce[] {
  return assigned
    .filter(speaks)
    .flatMap((owner) =>
      owner.inForce.map((active) => ({
        strength: active.rule.strength,
        ...active.statement,
        ...refer(owner.version, active.rule),
      })),
    )
    .sort(
      by(
        (rule) => rule.protocol,
        (rule) => rule.rule,
      ),
    )
}

function listInstructions(assigned: readonly Assigned[]): InstructionInForce[] {
  return assigned
    .filter(speaks)
    .flatMap((owner) =>
      owner.document.instructions.flatMap((rule) => {
        const truth = evaluate(rule.when, owner, owner.moment)
        if (truth === 'false') return []
        return {
          about: rule.about,
          text: rule.text,
          certain: truth === 'true',
          until: endOf(rule.when, owner, owner.moment.on),
          ...refer(owner.version, rule),
        }
      }),
    )
    .sort(
      by(
        (rule) => rule.protocol,
        (rule) => rule.rule,
      ),
    )
}

/** The limits whose condition is true or unknown; of several on one quantity and unit the strictest is in force. */
function listLimits(assigned: readonly Assigned[]): LimitInForce[] {
  const limits = assigned
    .filter(speaks)
    .flatMap((owner) => owner.document.limits.map((rule) => ({ owner, rule })))
    .flatMap(({ owner, rule }) => {
      const truth = evaluate(rule.when, owner, owner.moment)
      if (truth === 'false') return []
      const limit: LimitInForce = {
        quantity: rule.quantity,
        max: rule.max ?? null,
        min: rule.min ?? null,
        unit: rule.unit ?? null,
        text: rule.text ?? null,
        asInstructed: isAsInstructed(rule),
        certain: truth === 'true',
        until: endOf(rule.when, owner, owner.moment.on),
        supersededBy: null,
        ...refer(owner.version, rule),
      }
      return limit
    })
    .sort(
      by(
        (limit) => limit.quantity,
        (limit) => limit.protocol,
        (limit) => limit.rule,
      ),
    )
  const inForce = limits.filter((limit) => !limits.some((other) => isStricter(other, limit, limits)))
  return limits.map((limit) => {
    const stricter = inForce.find((other) => isStricter(other, limit, limits))
    return { ...limit, supersededBy: stricter ? { protocol: stricter.protocol, rule: stricter.rule } : null }
  })
}

function isAsInstructed(rule: Limit): boolean {
  return rule.max === undefined && rule.min === undefined
}

/** Whether `other` makes `limit` needless: at least as strict in each of its bounds, and first if they are equal. */
function isStricter(other: LimitInForce, limit: LimitInForce, all: readonly LimitInForce[]): boolean {
  if (other === limit || limit.asInstructed || other.asInstructed) return false
  if (other.quantity !== limit.quantity || other.unit !== limit.unit) return false
  const max = limit.max === null || (other.max !== null && other.max <= limit.max)
  const min = limit.min === null || (other.min !== null && other.min >= limit.min)
  const equal = other.max === limit.max && other.min === limit.min
  return max && min && (!equal || all.indexOf(other) < all.indexOf(limit))
}

/** Emergencies come first. */
function urgency(response: FlagResponse): string {
  return response === 'emergency' ? '0' : '1'
}

function statusOf(record: KnownRecord, forEverything: readonly Reason[]): Derivation['status'] {
  if (record.closure) return 'closed'
  if (forEverything.some(({ kind }) => kind === 'red-flag' || kind === 'hold')) return 'on-hold'
  return forEverything.length > 0 ? 'no-phase' : 'active'
}

/**
 * Derives what a patient may do on a date, as it was known at a moment, with the reason for every exercise.
 * Total and pure: the same question gives the same bytes. What is not known never permits.
 * Null only when the surgery itself was not on record at `knownAt`.
 */
export function derive({ versions, entries, on, knownAt, alsoJudge = [] }: Question): Derivation | null {
  const record = readRecord(entries, on, knownAt)
  if (record === null) return null
  const assigned = versions
    .filter((version) => record.assignment?.versions.includes(version.id))
    .sort(
      by(
        (version) => version.document.code,
        (version) => version.id,
      ),
    )
    .map((version) => assign(version, record, on))
  const forEverything = reasonsForEverything(record, assigned, on)

  const permitted: Permitted[] = []
  const withheld: Withheld[] = []
  for (const [, known] of [...exercisesToJudge(assigned, record, alsoJudge)].sort(by(([code]) => code))) {
    const verdict = judge(known, assigned, record, on, forEverything)
    if ('permitted' in verdict) permitted.push(verdict.permitted)
    else withheld.push(verdict.withheld)
  }

  const { surgeryDate, procedures, levels, side } = record.surgery
  return {
    on,
    daysSinceSurgery: daysBetween(surgeryDate, on),
    surgery: { surgeryDate, procedures, levels, side },
    status: statusOf(record, forEverything),
    statusReasons: distinct(forEverything),
    protocols: assigned.map((owner) => {
      const phase = owner.moment.phase === null ? undefined : owner.document.phases[owner.moment.phase]
      return {
        code: owner.document.code,
        title: owner.document.title,
        version: owner.version.version,
        phase: phase
          ? {
              ...named(phase),
              setting: phase.setting ?? null,
              goals: phase.goals ?? [],
              since: phaseSince(owner, owner.document.phases.indexOf(phase), on),
            }
          : null,
      }
    }),
    permitted,
    withheld,
    avoid: listContraindications(assigned),
    // While nothing is permitted, nothing may sound like an invitation to exercise.
    instructions: forEverything.length > 0 ? [] : listInstructions(assigned),
    limits: listLimits(assigned),
    openRedFlags: record.openSymptoms
      .map((entry) => ({
        entry: entry.id,
        code: entry.redFlag,
        title: entry.title,
        response: entry.response,
        since: entry.on,
      }))
      .sort(
        by(
          (flag) => urgency(flag.response),
          (flag) => flag.code,
          (flag) => flag.entry,
        ),
      ),
    redFlags: assigned
      .flatMap(({ version, document }) =>
        document.redFlags.map((flag) => ({
          protocol: document.code,
          version: version.version,
          code: flag.code,
          title: flag.title,
          response: flag.response,
          text: flag.text ?? null,
          sources: sourcesOf(version, flag.sources),
        })),
      )
      .sort(
        by(
          (flag) => urgency(flag.response),
          (flag) => flag.protocol,
          (flag) => flag.code,
        ),
      ),
    missingFacts: [],
    nextChange: null,
    basis: { revision: record.revision, knownAt, semantics: semanticsVersion },
  }
}
