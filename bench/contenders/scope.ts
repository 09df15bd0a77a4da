import type { Statement } from '../answer.ts'
import { isAlways, type Plan, type Test } from '../lines.ts'

/**
 * How much is left to the engine.
 * `reasons`: targets are matched beforehand; one run decides every grant, every reason and every line of the lists.
 * `exercises`: a run for each exercise, targets included, as the rules are written.
 * `conditions`: only the conditions of the rules, each distinct one once; phases and exercises are looked up in tables.
 */
export type Scope = 'reasons' | 'exercises' | 'conditions'

/** What a peer gives: the current phase, −1 for none, and the numbers of the rules that hold. */
export interface Given {
  phase: number
  held: readonly number[]
  /** Of each exercise, where each has its own run. */
  heldOf?: readonly (readonly number[])[]
}

/** Tests that lines share are asked once. */
export function distinctTests({ lines }: Plan): Test[] {
  const tests = lines.map(({ test }) => test).filter((test) => !isAlways(test))
  return [...new Map(tests.map((test) => [JSON.stringify(test), test])).values()]
}

/** Numbers of the lines that are asked once for the whole answer, whichever exercise is meant. */
export function listedLines({ lines }: Plan): number[] {
  const kinds = ['instruction', 'limit', 'contraindication', 'caution']
  return lines.flatMap(({ kind }, index) => (kinds.includes(kind) ? [index] : []))
}

/** Numbers of the lines that are about exercises. */
export function linesAboutExercises({ lines }: Plan): number[] {
  return lines.flatMap(({ kind }, index) => (kind === 'instruction' || kind === 'limit' ? [] : [index]))
}

export function statementsOf(plan: Plan, scope: Scope, { phase, held, heldOf = [] }: Given): Statement[] {
  const lines = held.flatMap((index) => plan.lines[index] ?? [])
  if (scope === 'reasons') return lines.map((line) => ({ line, about: line.about }))
  if (scope === 'exercises') {
    return [
      ...lines.map((line) => ({ line, about: [] })),
      ...plan.judged.flatMap(({ code }, index) =>
        (heldOf[index] ?? []).flatMap((number) => plan.lines[number] ?? []).map((line) => ({ line, about: [code] })),
      ),
    ]
  }
  const tests = distinctTests(plan)
  const holding = new Set(held.map((index) => JSON.stringify(tests[index])))
  return plan.lines
    .filter(({ phases }) => phases === null || phases.includes(phase))
    .filter(({ test }) => isAlways(test) || holding.has(JSON.stringify(test)))
    .map((line) => ({ line, about: line.about }))
}
