import type { Derivation, ExplainedCondition, Reason } from '../../src/rules/types.ts'
import { type OracleAnswer, sayDose } from './oracle.ts'

/** What the derivation says of dates, in the words of `oracle-ahead.ts`. */
export interface SaidAhead {
  nextChange: string | null
  ends: Record<string, string | null>
  since: Record<string, string | null>
}

function sure({ certain }: { certain: boolean }): string {
  return certain ? 'certain' : 'uncertain'
}

function name(rule: { protocol: string; rule: string }): string {
  return `${rule.protocol}/${rule.rule}`
}

export function sayCondition(condition: ExplainedCondition | null): string {
  if (condition === null) return 'always'
  const { op, truth } = condition
  switch (op) {
    case 'all':
    case 'any':
      return `${op} ${truth} [${condition.of.map(sayCondition).join(', ')}]`
    case 'not':
      return `not ${truth} [${sayCondition(condition.of)}]`
    case 'days': {
      const { since, atLeast, before, from, until } = condition
      const bounds = `${JSON.stringify(atLeast)} ${JSON.stringify(before)}`
      return `days ${truth} since ${since?.code ?? 'surgery'} ${bounds}@{${from ?? ''} ${until ?? ''}}`
    }
    case 'milestone': {
      const { milestone, grantedBy, on } = condition
      return `milestone ${truth} ${milestone.code} by ${grantedBy.join(' ')}@{${on ?? ''}}`
    }
    case 'fact': {
      const { fact, test, latest, stale } = condition
      const value = latest === null ? '' : `${JSON.stringify(latest.value)}@{${latest.on ?? ''}}`
      return `fact ${truth} ${fact.code} ${JSON.stringify(test)} ${value}${stale ? ' stale' : ''}`
    }
    case 'phase':
      return `phase ${truth} ${condition.from?.code ?? ''}..${condition.through?.code ?? ''}`
  }
}

function sayContraindication(
  rule:
    | Extract<Reason, { kind: 'contraindication' }>
    | ({ protocol: string; rule: string; certain: boolean } & {
        ungraded: readonly string[]
        when: ExplainedCondition | null
      }),
): string {
  return `${name(rule)} ${sure(rule)} [${rule.ungraded}] when ${sayCondition(rule.when)}`
}

function sayReason(reason: Reason): string {
  switch (reason.kind) {
    case 'contraindication':
      return `contraindication ${reason.strength} ${sayContraindication(reason)}`
    case 'condition-not-met':
      return `condition-not-met ${name(reason)} ${sure(reason)} ${sayCondition(reason.when)}`
    case 'phase-not-reached':
      return `phase-not-reached ${name(reason)} ${reason.phase.code} [${reason.entries.map(sayCondition).join(', ')}]`
    case 'phase-passed':
      return `phase-passed ${name(reason)} ${reason.phase.code}`
    case 'no-phase': {
      const entry = reason.first === null ? '' : `${reason.first.code} ${sayCondition(reason.entry)}`
      return `no-phase ${reason.protocol} ${entry}`
    }
    case 'red-flag':
      return `red-flag ${reason.redFlag.code} ${reason.response} ${reason.entry}@{${reason.since}}`
    case 'hold':
    case 'override':
      return `${reason.kind} ${reason.entry}@{${reason.from} ${reason.until ?? ''}}`
    default:
      return reason.kind
  }
}

/** The derivation in the oracle's words. */
export function sayInShort(derivation: Derivation): OracleAnswer {
  return {
    status: derivation.status,
    statusReasons: derivation.statusReasons.map(sayReason).sort(),
    phases: Object.fromEntries(derivation.protocols.map(({ code, phase }) => [code, phase?.code ?? null])),
    permitted: Object.fromEntries(
      derivation.permitted.map(({ exercise, dose, side, supervision, provided, grantedBy, cautions }) => [
        exercise.code,
        {
          dose: sayDose(dose),
          side,
          supervision,
          provided: [...provided].sort(),
          grants: grantedBy
            .map((grant) => (grant.kind === 'override' ? grant.entry : `${name(grant)} ${sayDose(grant.dose)}`))
            .sort(),
          cautions: cautions
            .map((caution) =>
              caution.kind === 'lifted' ? `lifted ${name(caution)}` : `caution ${sayContraindication(caution)}`,
            )
            .sort(),
        },
      ]),
    ),
    withheld: Object.fromEntries(
      derivation.withheld.map(({ exercise, reasons }) => [exercise.code, reasons.map(sayReason).sort()]),
    ),
    avoid: derivation.avoid.map((rule) => `${name(rule)} ${sure(rule)} when ${sayCondition(rule.when)}`).sort(),
    instructions: derivation.instructions.map((rule) => `${name(rule)} ${sure(rule)}`).sort(),
    limits: derivation.limits
      .map((limit) => `${name(limit)} ${sure(limit)}${limit.supersededBy === null ? '' : ' superseded'}`)
      .sort(),
    goals: derivation.goals.map((goal) => `${name(goal)} ${sure(goal)}`).sort(),
    openRedFlags: derivation.openRedFlags
      .map(({ code, response, entry, since }) => `red-flag ${code} ${response} ${entry}@{${since}}`)
      .sort(),
    redFlags: derivation.redFlags.map(({ protocol, code }) => `${protocol}/${code}`).sort(),
    missing: derivation.missingFacts
      .map(({ protocol, code, stale, rules }) => {
        const seen = stale === null ? 'never observed' : `${JSON.stringify(stale.value)}@{${stale.on}}`
        return `${protocol} ${code} ${seen} for ${[...rules].sort().join(' ')}`
      })
      .sort(),
  }
}

export function sayAhead({
  nextChange,
  protocols,
  avoid,
  instructions,
  limits,
  goals,
  withheld,
  permitted,
}: Derivation): SaidAhead {
  const lists = { avoid, instructions, limits: [...limits, ...goals] }
  const contraindications = [
    ...withheld.flatMap(({ reasons }) => reasons.filter((reason) => reason.kind === 'contraindication')),
    ...permitted.flatMap(({ cautions }) => cautions.filter((caution) => caution.kind === 'caution')),
  ]
  return {
    nextChange,
    ends: Object.fromEntries([
      ...contraindications.map((rule) => [`avoid ${name(rule)}`, rule.until] as const),
      ...Object.entries(lists).flatMap(([list, rules]) =>
        rules.map((rule) => [`${list} ${name(rule)}`, rule.until] as const),
      ),
    ]),
    since: Object.fromEntries(protocols.map(({ code, phase }) => [code, phase?.since ?? null])),
  }
}

/** The kinds of things that the answer has, for the count of what the random cases have reached. */
export function kindsOf(derivation: Derivation): string[] {
  const { status, permitted, withheld, limits, goals, missingFacts, nextChange } = derivation
  return [
    `status ${status}`,
    ...permitted.flatMap(({ side, cautions, grantedBy, provided, dose }) => [
      `permitted on ${side}`,
      ...cautions.map((caution) => caution.kind),
      ...grantedBy.map((grant) => `granted by ${grant.kind}`),
      ...(provided.length > 0 ? ['permitted with a proviso'] : []),
      ...(dose?.amounts !== undefined ? ['permitted with amounts'] : []),
    ]),
    ...withheld.flatMap(({ reasons, wayForward }) => [
      ...reasons.map((reason) => ('certain' in reason ? `${reason.kind} ${sure(reason)}` : reason.kind)),
      ...(wayForward === null ? [] : [`way forward ${wayForward.outcome}`]),
      ...(wayForward?.needs ?? []).map((need) => `need ${need.kind}`),
    ]),
    ...limits.map((limit) => (limit.supersededBy === null ? 'limit in force' : 'limit superseded')),
    ...goals.map(() => 'goal in force'),
    ...missingFacts.map((fact) => (fact.stale === null ? 'missing fact' : 'missing fact, stale')),
    nextChange === null ? 'no next change' : 'next change',
  ]
}
