import type { Derivation } from '../src/rules/index.ts'
import type { Line, Plan } from './lines.ts'

/** An answer by its codes alone, in order: what contenders must agree on. */
export interface Answer {
  phase: string | null
  /** The prescriptions that grant each permitted exercise. */
  permitted: Record<string, readonly string[]>
  cautions: Record<string, readonly string[]>
  /** Every reason, kind and rule, of each withheld exercise. */
  withheld: Record<string, readonly string[]>
  avoid: readonly string[]
  instructions: readonly string[]
  limits: readonly string[]
}

function sorted(texts: Iterable<string>): string[] {
  return [...texts].sort()
}

function byCode(lists: readonly (readonly [string, readonly string[]])[]): Record<string, readonly string[]> {
  return Object.fromEntries(
    lists.map(([code, list]) => [code, sorted(list)] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

export function answerOfDerivation(derivation: Derivation): Answer {
  const { protocols, permitted, withheld, avoid, instructions, limits } = derivation
  return {
    phase: protocols[0]?.phase?.code ?? null,
    permitted: byCode(
      permitted.map(({ exercise, grantedBy }) => [
        exercise.code,
        grantedBy.map((grant) => (grant.kind === 'prescription' ? grant.rule : grant.entry)),
      ]),
    ),
    cautions: byCode(
      permitted
        .filter(({ cautions }) => cautions.length > 0)
        .map(({ exercise, cautions }) => [exercise.code, cautions.map((caution) => caution.rule)]),
    ),
    withheld: byCode(
      withheld.map(({ exercise, reasons }) => [
        exercise.code,
        reasons.map((reason) => ('rule' in reason ? `${reason.kind}:${reason.rule}` : reason.kind)),
      ]),
    ),
    avoid: sorted(avoid.map(({ rule }) => rule)),
    instructions: sorted(instructions.map(({ rule }) => rule)),
    limits: sorted(limits.map(({ rule }) => rule)),
  }
}

/** A line that holds, and the exercises of which an engine says so. */
export interface Statement {
  line: Line
  about: readonly string[]
}

/** Puts what an engine found to hold under the exercises that it is about. */
export function answerOfStatements(plan: Plan, days: number, phase: number, statements: readonly Statement[]): Answer {
  const grants = new Map<string, string[]>()
  const cautions = new Map<string, string[]>()
  const reasons = new Map<string, string[]>()
  const avoid = new Set<string>()
  const instructions: string[] = []
  const limits: string[] = []
  const add = (to: Map<string, string[]>, exercises: readonly string[], text: string) => {
    for (const exercise of exercises) {
      const list = to.get(exercise)
      if (list === undefined) to.set(exercise, [text])
      else list.push(text)
    }
  }
  for (const { line, about } of statements) {
    if (line.kind === 'instruction') instructions.push(line.rule)
    else if (line.kind === 'limit') limits.push(line.rule)
    else if (line.kind === 'grant') add(grants, about, line.rule)
    else if (line.kind === 'caution') add(cautions, about, line.rule)
    else add(reasons, about, line.kind === 'no-phase' ? line.kind : `${line.kind}:${line.rule}`)
    if (line.kind === 'caution' || line.kind === 'contraindication') avoid.add(line.rule)
  }
  const judged = plan.judged.map(({ code }) => code)
  const permitted = judged.filter((code) => grants.has(code) && !reasons.has(code))
  // Before the surgery a version without a phase lists nothing.
  const speaks = phase >= 0 || days >= 0
  return {
    phase: plan.document.phases[phase]?.code ?? null,
    permitted: byCode(permitted.map((code) => [code, grants.get(code) ?? []])),
    cautions: byCode(permitted.filter((code) => cautions.has(code)).map((code) => [code, cautions.get(code) ?? []])),
    withheld: byCode(judged.filter((code) => !permitted.includes(code)).map((code) => [code, reasons.get(code) ?? []])),
    avoid: speaks ? sorted(avoid) : [],
    instructions: speaks ? sorted(instructions) : [],
    limits: speaks ? sorted(limits) : [],
  }
}
