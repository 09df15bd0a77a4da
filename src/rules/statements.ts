import type { CompiledRule } from './compile.ts'
import type {
  Caution,
  Contraindication,
  ContraindicationInForce,
  Dose,
  GoalInForce,
  Grant,
  Instruction,
  InstructionInForce,
  Limit,
  LimitInForce,
  Named,
  Prescription,
  Reason,
  RuleReference,
} from './types.ts'

/**
 * What the rules of a version say in an answer, while they certainly apply and have no end: made once for each version.
 * Answers share it; where a condition, a doubt or an end of a day comes in, they have a copy with that in it.
 */

/** What a contraindication says while it is in force. */
export interface InForce {
  rule: Contraindication
  listed: ContraindicationInForce
  /** The reason or caution that it gives for an exercise that it matches with certainty. */
  given: Extract<Reason, { kind: 'contraindication' }> | Extract<Caution, { kind: 'caution' }>
}

export type PrescriptionGrant = Extract<Grant, { kind: 'prescription' }>

const certainAndEndless = { certain: true, when: null, until: null } as const
const noAttributes: readonly string[] = []

export function stateContraindication({ rule, reference }: CompiledRule<Contraindication>): InForce {
  const { title, strength } = rule
  const what = { ...reference, title, ungraded: noAttributes, ...certainAndEndless }
  return {
    rule,
    listed: { ...reference, title, strength, ...certainAndEndless },
    given: strength === 'caution' ? { ...what, kind: 'caution' } : { ...what, kind: 'contraindication', strength },
  }
}

export function stateInstruction({ rule, reference }: CompiledRule<Instruction>): InstructionInForce {
  return { ...reference, about: rule.about, text: rule.text, certain: true, until: null }
}

function describeLimit({ quantity, max, min, unit, text }: Limit) {
  return { quantity, max: max ?? null, min: min ?? null, unit: unit ?? null, text: text ?? null }
}

export function stateCap({ rule, reference }: CompiledRule<Limit>): LimitInForce {
  const asInstructed = rule.max === undefined && rule.min === undefined
  return { ...reference, ...describeLimit(rule), asInstructed, certain: true, until: null, supersededBy: null }
}

export function stateGoal({ rule, reference }: CompiledRule<Limit>): GoalInForce {
  return { ...reference, ...describeLimit(rule), certain: true, until: null }
}

export function stateGrant({ rule, reference }: CompiledRule<Prescription>, dose: Dose | null): PrescriptionGrant {
  const { side, supervision, modality = null, provided = null } = rule
  return { ...reference, kind: 'prescription', dose, side, supervision, modality, provided }
}

/** A reason why a prescription does not grant; in short it does not tell what is waited for. */
export type RefusalOf<Kind extends Reason['kind']> = Extract<Reason, { kind: Kind }>

/** Why a prescription does not grant yet before its first phase. */
export function stateNotReached(reference: RuleReference, phase: Named): RefusalOf<'phase-not-reached'> {
  return { ...reference, kind: 'phase-not-reached', phase, entries: [] }
}

/** Why a prescription does not grant while its condition is not true. */
export function stateNotMet(reference: RuleReference, truth: 'false' | 'unknown'): RefusalOf<'condition-not-met'> {
  const when = { op: 'all', truth, of: [] } as const
  return { ...reference, kind: 'condition-not-met', certain: truth === 'false', when }
}

/** Why a prescription no longer grants behind its last phase. */
export function statePassed(reference: RuleReference, phase: Named): Reason {
  return { ...reference, kind: 'phase-passed', phase }
}
