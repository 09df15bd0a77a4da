import { dateOf } from './calendar-date.ts'
import { type Compiled, compareText, type Expression, type When } from './compile.ts'
import { evaluate, isStale, observationOf, truthOf, type View } from './situation.ts'
import { isTrue, isUnknown } from './truth.ts'
import type { MissingFact } from './types.ts'

/** The rules of one version that bear on the answer on a day, each with its condition. */
interface Bearing {
  code: string
  when: When | null
}

/** The facts in the unknown parts of an unknown condition. */
function* waitingTests(expression: Expression, view: View): Generator<number> {
  if (evaluate(expression, view.truths, view) !== isUnknown) return
  if (expression.op === 'test') yield expression.test
  else if (expression.op === 'not') yield* waitingTests(expression.of, view)
  else for (const part of expression.of) yield* waitingTests(part, view)
}

function* rulesThatBear(
  { compiled, phase }: { compiled: Compiled; phase: number | null },
  view: View,
): Generator<Bearing> {
  const next = compiled.phases[phase === null ? 0 : phase + 1]
  if (next !== undefined) yield { code: next.phase.code, when: next.entry }
  for (const list of [compiled.contraindications, compiled.instructions, compiled.caps, compiled.goals]) {
    for (const { rule, when } of list) yield { code: rule.code, when }
  }
  if (phase === null) return
  const granting = new Set<number>()
  compiled.prescriptions.forEach(({ from, through, when }, index) => {
    if (from !== -1 && from <= phase && phase <= through && truthOf(when, view) === isTrue) granting.add(index)
  })
  for (const indexes of compiled.prescriptionsOf.values()) {
    if (indexes.some((index) => granting.has(index))) continue
    for (const index of indexes) {
      const { rule, from, through, when } = compiled.prescriptions[index] ?? { from: -1, through: -1 }
      if (rule !== undefined && from !== -1 && from <= phase && phase <= through)
        yield { code: rule.code, when: when ?? null }
    }
  }
  for (const index of granting) {
    const { rule, steps = [] } = compiled.prescriptions[index] ?? {}
    const chosen = steps.findLastIndex(({ when }) => truthOf(when, view) === isTrue)
    for (const { when } of steps.slice(chosen + 1)) if (rule !== undefined) yield { code: rule.code, when }
  }
}

/** The facts that a rule of the version which bears on the answer waits for, by code. */
export function findMissingFacts(view: View, version: number | null): MissingFact[] {
  const { compiled } = view.situation
  if (compiled.facts.length === 0) return []
  const waiting = new Map<number, { rules: Set<string>; isStale: boolean }>()
  for (const { code, when } of rulesThatBear({ compiled, phase: view.phase }, view)) {
    if (!when?.asksFact) continue
    for (const index of waitingTests(when.expression, view)) {
      const test = compiled.tests[index]
      if (test?.op !== 'fact') continue
      const latest = observationOf(view, test.fact)
      const found = waiting.get(test.fact) ?? { rules: new Set<string>(), isStale: false }
      found.rules.add(code)
      found.isStale ||= latest !== null && isStale(latest, test.written, view.day)
      waiting.set(test.fact, found)
    }
  }
  return [...waiting]
    .map(([index, { rules, isStale }]): MissingFact => {
      const { code, declared } = compiled.facts[index] ?? { code: '', declared: null }
      const latest = observationOf(view, index)
      return {
        protocol: compiled.document.code,
        version,
        code,
        title: declared?.title ?? code,
        ask: declared?.ask ?? code,
        type: declared?.type ?? 'text',
        unit: declared?.unit ?? null,
        min: declared?.min ?? null,
        max: declared?.max ?? null,
        values: declared?.values ?? [],
        stale: isStale && latest !== null ? { value: latest.value, on: dateOf(latest.day) } : null,
        rules: [...rules].sort(compareText),
      }
    })
    .sort((a, b) => compareText(a.code, b.code))
}
