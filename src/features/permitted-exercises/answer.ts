import type { z } from 'zod'
import type {
  CalendarDate,
  Caution,
  Derivation,
  Dose,
  Exercise,
  FactTest,
  GoalInForce,
  Grant,
  MissingFact,
  Need,
  Permitted,
  Reason,
  RuleReference,
  Source,
  Withheld,
} from '../../rules/index.ts'
import type * as schemas from './schemas.ts'
import {
  speakAvoid,
  speakCaution,
  speakGrant,
  speakHow,
  speakMissingFact,
  speakNeed,
  speakOpenRedFlag,
  speakReason,
  speakResponse,
  speakWayForward,
} from './sentences.ts'

type Answer = z.output<typeof schemas.simulation>
type Reference = Pick<Answer['avoid'][number], 'protocol' | 'version' | 'rule' | 'rationale' | 'sources'>

export const notice =
  'Informs a clinician’s decision and does not replace it. What the care team tells the patient comes before everything here.'

function toSources(sources: readonly Source[]): Answer['avoid'][number]['sources'] {
  return sources.map(({ id, title, locator, url }) => ({ id, title, locator: locator ?? null, url: url ?? null }))
}

function toReference({ protocol, version, rule, rationale, sources }: RuleReference): Reference {
  return { protocol, version, rule, rationale, sources: toSources(sources) }
}

const noRule: Reference = { protocol: null, version: null, rule: null, rationale: null, sources: [] }

function toReason(reason: Reason, on: CalendarDate): z.output<typeof schemas.reason> {
  const reference = 'rule' in reason ? toReference(reason) : noRule
  return {
    kind: reason.kind,
    text: speakReason(reason, on),
    title: titleOf(reason),
    strength: reason.kind === 'contraindication' ? reason.strength : null,
    certain: 'certain' in reason ? reason.certain : true,
    until: 'until' in reason ? reason.until : null,
    entry: reason.kind === 'red-flag' || reason.kind === 'hold' || reason.kind === 'override' ? reason.entry : null,
    ...reference,
    ...(reason.kind === 'no-phase' && { protocol: reason.protocol, version: reason.version }),
  }
}

function titleOf(reason: Reason): string | null {
  if (reason.kind === 'red-flag') return reason.redFlag.title
  if (reason.kind === 'phase-not-reached' || reason.kind === 'phase-passed') return reason.phase.title
  return 'title' in reason ? reason.title : null
}

function toCaution(caution: Caution): z.output<typeof schemas.caution> {
  return {
    kind: caution.kind,
    text: speakCaution(caution),
    title: caution.title,
    certain: caution.kind === 'lifted' || caution.certain,
    until: caution.kind === 'caution' ? caution.until : null,
    entry: caution.kind === 'lifted' ? caution.entry : null,
    ...toReference(caution),
  }
}

function toGrant(grant: Grant, protocols: Derivation['protocols']): z.output<typeof schemas.grant> {
  const protocol = grant.kind === 'prescription' ? protocols.find(({ code }) => code === grant.protocol) : undefined
  return {
    kind: grant.kind,
    text: speakGrant(grant, protocol?.title ?? null),
    dosage: grant.kind === 'prescription' ? toDosage(grant.dose) : null,
    side: grant.kind === 'prescription' ? grant.side : null,
    supervision: grant.kind === 'prescription' ? grant.supervision : null,
    modality: grant.kind === 'prescription' ? grant.modality : null,
    provided: grant.kind === 'prescription' ? grant.provided : null,
    entry: grant.kind === 'override' ? grant.entry : null,
    ...(grant.kind === 'prescription' ? toReference(grant) : noRule),
  }
}

export function toDosage(dose: Dose | null): z.output<typeof schemas.permitted>['dosage'] {
  if (dose === null) return null
  const { amounts, ...rest } = dose
  return { ...rest, ...(amounts !== undefined && { amounts: [...amounts] }) }
}

function describeExercise(exercise: Exercise) {
  return {
    exercise: exercise.code,
    title: exercise.title,
    kind: exercise.kind,
    instructions: exercise.instructions ?? null,
    position: exercise.position ?? null,
    equipment: [...(exercise.equipment ?? [])],
  }
}

function toPermitted(permitted: Permitted, protocols: Derivation['protocols']): Answer['permitted'][number] {
  return {
    ...describeExercise(permitted.exercise),
    dosage: toDosage(permitted.dose),
    side: permitted.side,
    supervision: permitted.supervision,
    provided: [...permitted.provided],
    text: speakHow(permitted),
    grantedBy: permitted.grantedBy.map((grant) => toGrant(grant, protocols)),
    cautions: permitted.cautions.map(toCaution),
  }
}

function toWithheld(
  { exercise, reasons, wayForward }: Withheld,
  { on, protocols }: Derivation,
): Answer['withheld'][number] {
  if (wayForward === null) throw new Error('an answer looks ahead')
  return {
    ...describeExercise(exercise),
    reasons: reasons.map((reason) => toReason(reason, on)),
    wayForward: {
      outcome: wayForward.outcome,
      earliest: wayForward.earliest,
      needs: wayForward.needs.map((need) => toNeed(need, on)),
      text: speakWayForward({ reasons, wayForward }, { on, protocols: protocols.length }),
    },
  }
}

export function toTest({ in: oneOf, ...bounds }: FactTest): z.output<typeof schemas.factTest> {
  return { ...bounds, ...(oneOf !== undefined && { in: [...oneOf] }) }
}

/** A need on the wire: what it names by its code, beside its title. */
export function toNeed(need: Need, on: CalendarDate): z.output<typeof schemas.need> {
  const text = speakNeed(need, on)
  switch (need.kind) {
    case 'date':
    case 'end':
      return { ...need, text }
    case 'milestone': {
      const { kind, milestone, grantedBy, from, by } = need
      return { kind, milestone: milestone.code, title: milestone.title, grantedBy: [...grantedBy], from, by, text }
    }
    case 'fact': {
      const { kind, fact, test, from, by } = need
      return {
        kind,
        fact: fact.code,
        title: fact.title,
        ask: fact.ask,
        unit: fact.unit,
        test: toTest(test),
        from,
        by,
        text,
      }
    }
    case 'resolution':
      return { kind: need.kind, redFlag: need.redFlag.code, title: need.redFlag.title, entry: need.entry, text }
    case 'override':
      return {
        kind: need.kind,
        lifts: need.lifts.map(({ protocol, code, title }) => ({ protocol, code, title })),
        text,
      }
  }
}

function toMissingFact(missing: MissingFact): Answer['missingFacts'][number] {
  const { protocol, version, code, title, ask, type, unit, min, max, values, stale, rules } = missing
  return {
    fact: code,
    title,
    ask,
    type,
    unit,
    min,
    max,
    values: [...values],
    stale,
    rules: [...rules],
    protocol,
    version,
    text: speakMissingFact(missing),
  }
}

/** What a limit and a goal have in common. */
function toMeasure({
  quantity,
  max,
  min,
  unit,
  text,
  certain,
  until,
}: GoalInForce): Omit<Answer['goals'][number], keyof Reference> {
  return { quantity, max, min, unit, text, certain, until }
}

/** What an answer says about the patient as a whole. */
function describeEpisode(derivation: Derivation) {
  const { on, daysSinceSurgery, status, statusReasons, surgery, protocols } = derivation
  return {
    on,
    daysSinceSurgery,
    status,
    statusReasons: statusReasons.map((reason) => toReason(reason, on)),
    surgery: { ...surgery, procedures: [...surgery.procedures], levels: [...surgery.levels] },
    protocols: protocols.map((protocol) => ({
      ...protocol,
      phase: protocol.phase === null ? null : { ...protocol.phase, goals: [...protocol.phase.goals] },
    })),
  }
}

/** The answer on the wire: the derivation with its sentences. Equal derivations give equal bytes. */
export function toAnswer(derivation: Derivation): Answer {
  return {
    ...describeEpisode(derivation),
    permitted: derivation.permitted.map((permitted) => toPermitted(permitted, derivation.protocols)),
    withheld: derivation.withheld.map((withheld) => toWithheld(withheld, derivation)),
    avoid: derivation.avoid.map((rule) => ({
      title: rule.title,
      strength: rule.strength,
      certain: rule.certain,
      until: rule.until,
      text: speakAvoid(rule),
      ...toReference(rule),
    })),
    instructions: derivation.instructions.map((rule) => ({
      about: rule.about,
      text: rule.text,
      certain: rule.certain,
      until: rule.until,
      ...toReference(rule),
    })),
    limits: derivation.limits.map((limit) => ({
      ...toMeasure(limit),
      asInstructed: limit.asInstructed,
      supersededBy: limit.supersededBy,
      ...toReference(limit),
    })),
    goals: derivation.goals.map((goal) => ({ ...toMeasure(goal), ...toReference(goal) })),
    redFlags: toRedFlags(derivation),
    missingFacts: derivation.missingFacts.map(toMissingFact),
    nextChange: derivation.nextChange,
    basis: { ...derivation.basis, notice },
  }
}

/** Each red flag once: open ones first, with what their protocol tells the patient to do. */
function toRedFlags({ openRedFlags, redFlags }: Derivation): Answer['redFlags'] {
  const open = openRedFlags.map((flag) => {
    const declared = redFlags.find((candidate) => candidate.code === flag.code)
    return {
      code: flag.code,
      title: flag.title,
      response: flag.response,
      open: true,
      since: flag.since,
      text: speakOpenRedFlag(flag, declared?.text ?? null),
      entry: flag.entry,
      protocol: declared?.protocol ?? null,
      version: declared?.version ?? null,
      sources: toSources(declared?.sources ?? []),
    }
  })
  const watched = redFlags.filter((flag) => !openRedFlags.some(({ code }) => code === flag.code))
  return [
    ...open,
    ...watched.map((flag) => ({
      code: flag.code,
      title: flag.title,
      response: flag.response,
      open: false,
      since: null,
      text: flag.text ?? speakResponse(flag.response),
      entry: null,
      protocol: flag.protocol,
      version: flag.version,
      sources: toSources(flag.sources),
    })),
  ]
}

/** The same verdict on one exercise alone; null if the derivation did not judge it. */
export function toVerdict(
  derivation: Derivation,
  exercise: string,
): Omit<z.output<typeof schemas.verdict>, 'episode'> | null {
  const permitted = derivation.permitted.find((item) => item.exercise.code === exercise)
  const withheld = derivation.withheld.find((item) => item.exercise.code === exercise)
  if (permitted === undefined && withheld === undefined) return null
  return {
    ...describeEpisode(derivation),
    verdict: permitted === undefined ? 'withheld' : 'permitted',
    permitted: permitted === undefined ? null : toPermitted(permitted, derivation.protocols),
    withheld: withheld === undefined ? null : toWithheld(withheld, derivation),
    basis: { ...derivation.basis, notice },
  }
}
