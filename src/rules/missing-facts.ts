import { dateOf } from './calendar-date.ts'
import { type CompiledPrescription, compareText, type Expression, type When } from './compile.ts'
import { evaluate, isStale, type Observation, observationOf, phaseOf, truthOf, type View } from './situation.ts'
import { isTrue, isUnknown } from './truth.ts'
import type { MissingFact } from './types.ts'

/** The rules of one version that bear on the answer on a day, each with its condition. */
interface Asking {
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

function isInPhase({ from, through }: CompiledPrescription, phase: number): boolean {
  return from !== -1 && from <= phase && phase <= through
}

function* rulesThatBear(view: View): Generator<Asking> {
  const phase = phaseOf(view)
  const { compiled } = view.situation
  const next = compiled.phases[phase === null ? 0 : phase + 1]
  if (next !== undefined) yield { code: next.phase.code, when: next.entry }
  yield* compiled.asking.rules
  if (phase === null) return
  const isGranting = (index: number): boolean => {
    const prescription = compiled.prescriptions[index]
    return prescription !== undefined && isInPhase(prescription, phase) && truthOf(prescription.when, view) === isTrue
  }
  for (const index of compiled.asking.prescriptions) {
    const prescription = compiled.prescriptions[index]
    if (prescription === undefined || !isInPhase(prescription, phase)) continue
    const { rule, when, steps, covered } = prescription
    if (isGranting(index)) {
      const chosen = steps.findLastIndex((step) => truthOf(step.when, view) === isTrue)
      for (const step of steps.slice(chosen + 1)) yield { code: rule.code, when: step.when }
    } else if (covered.some((code) => !compiled.prescriptionsOf.get(code)?.some(isGranting))) {
      yield { code: rule.code, when }
    }
  }
}

/** The facts that a rule of the version which bears on the answer waits for, by code. */
export function findMissingFacts(view: View, version: number | null): MissingFact[] {
  const { compiled } = view.situation
  const waiting = new Map<number, { rules: Set<string>; stale: Observation | null }>()
  for (const { code, when } of rulesThatBear(view)) {
    if (!when?.asksFact) continue
    for (const index of waitingTests(when.expression, view)) {
      const test = compiled.tests[index]
      if (test?.op !== 'fact') continue
      const latest = observationOf(view, test.fact)
      const found = waiting.get(test.fact) ?? { rules: new Set<string>(), stale: null }
      found.rules.add(code)
      if (latest !== null && isStale(latest, test.written, view.day)) found.stale = latest
      waiting.set(test.fact, found)
    }
  }
  const missing = compiled.facts.flatMap(({ code, declared }, index): MissingFact[] => {
    const found = waiting.get(index)
    if (found === undefined) return []
    const what = {
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
    }
    const stale = found.stale === null ? null : { value: found.stale.value, on: dateOf(found.stale.day) }
    return [{ ...what, stale, rules: [...found.rules].sort(compareText) }]
  })
  return missing.sort((a, b) => compareText(a.code, b.code))
}
