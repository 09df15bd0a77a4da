import type { CaseSpace } from './case-space.ts'
import { fillPhases, possiblePhases, truthsOf, type ValueCell } from './cases.ts'
import type { Compiled, CompiledRule } from './compile.ts'
import { truthOfDays, truthOfValue } from './situation.ts'
import { isFalse, isUnknown, ofBoolean } from './truth.ts'
import type { Limit, ProtocolDocument, Witness } from './types.ts'

/** One course of events: on which day each milestone is reached (null: never), and what each fact stays at. */
interface Course {
  reached: readonly (number | null)[]
  facts: readonly (ValueCell | null)[]
}

/** A limit that becomes stricter by time alone. */
interface Relaxing {
  code: 'limit-relaxes-backwards'
  about: string
  path: string
  subject: string
  other: string
  witness: Witness
  counterpart: Witness
}

function* choicesOf<T>(options: readonly (readonly T[])[]): Generator<T[]> {
  const [first, ...rest] = options
  if (first === undefined) {
    yield []
    return
  }
  for (const others of choicesOf(rest)) for (const option of first) yield [option, ...others]
}

function boundsOf(compiled: Compiled, tests: ReadonlySet<number>, milestone: number | null): number[] {
  return [...tests].flatMap((index) => {
    const test = compiled.tests[index]
    if (test?.op !== 'days' || test.milestone !== milestone) return []
    return [test.atLeast, test.before].flatMap((bound) => (bound === null ? [] : [bound.possible, bound.sure]))
  })
}

function truthsOn(compiled: Compiled, tests: ReadonlySet<number>, course: Course, day: number): Uint8Array {
  const truths = new Uint8Array(compiled.tests.length)
  const elapsedSince = (milestone: number): number | null => {
    const reached = course.reached[milestone] ?? null
    return reached === null || reached > day ? null : day - reached
  }
  for (const index of tests) {
    const test = compiled.tests[index]
    if (test?.op === 'days')
      truths[index] = truthOfDays(test, test.milestone === null ? day : elapsedSince(test.milestone))
    else if (test?.op === 'milestone') truths[index] = ofBoolean(elapsedSince(test.milestone) !== null)
    else if (test?.op === 'fact') {
      const value = course.facts[test.fact] ?? null
      truths[index] = value === null ? isUnknown : truthOfValue(test.written, value.value)
    } else truths[index] = isUnknown
  }
  fillPhases(compiled, truths, possiblePhases(compiled, truths), tests)
  return truths
}

/** How much each of the limits leaves, the strictest of those that apply first; greater is less strict. */
function strictest(
  limits: readonly CompiledRule<Limit>[],
  end: 'max' | 'min',
  truths: Uint8Array,
): CompiledRule<Limit> | null {
  const leaves = ({ rule }: CompiledRule<Limit>): number => (end === 'max' ? (rule.max ?? 0) : -(rule.min ?? 0))
  let found: CompiledRule<Limit> | null = null
  for (const limit of limits) {
    if (limit.rule[end] === undefined || truthsOf(limit.when, truths) === isFalse) continue
    if (found === null || leaves(limit) < leaves(found)) found = limit
  }
  return found
}

function toWitness(compiled: Compiled, { reached, facts }: Course, day: number): Witness {
  return {
    daysSinceSurgery: day,
    milestones: reached.flatMap((on, index) => {
      const code = compiled.milestones[index]?.named.code
      return on === null || on > day || code === undefined ? [] : [{ code, day: on }]
    }),
    facts: facts.flatMap((cell, index) => {
      const code = compiled.facts[index]?.code
      return cell === null || code === undefined ? [] : [{ code, value: cell.value, day }]
    }),
  }
}

/** Limits on one quantity and unit of which a later one is stricter, although nothing but time has passed. */
export function findRelaxingLimits({
  document,
  compiled,
  space,
}: {
  document: ProtocolDocument
  compiled: Compiled
  space: CaseSpace
}): Relaxing[] {
  const found = new Map<string, Relaxing>()
  const alike = Map.groupBy(compiled.caps, ({ rule }) => JSON.stringify([rule.quantity, rule.unit]))
  for (const limits of alike.values()) {
    if (limits.length < 2) continue
    const tests = new Set(limits.flatMap(({ when }) => when?.tests ?? []))
    if (limits.some(({ when }) => when?.asksPhase)) {
      for (const test of compiled.testsOfPhases) tests.add(test)
    }
    const cuts = [...new Set([0, ...boundsOf(compiled, tests, null)])].filter((day) => day >= 0)
    for (const course of coursesOf(space, tests, cuts)) {
      const days = new Set(cuts)
      course.reached.forEach((on, milestone) => {
        if (on === null) return
        for (const bound of [0, ...boundsOf(compiled, tests, milestone)]) if (on + bound >= 0) days.add(on + bound)
      })
      const ordered = [...days].sort((a, b) => a - b)
      ordered.forEach((day, index) => {
        const before = ordered[index - 1]
        // A limit that comes with a milestone comes with an event.
        if (before === undefined || course.reached.some((on) => on !== null && before < on && on <= day)) return
        if (space.budget.left <= 0) return
        space.budget.left -= 2 * tests.size + 1
        const [earlier, later] = [before, day].map((on) => truthsOn(compiled, tests, course, on))
        for (const end of ['max', 'min'] as const) {
          const was = earlier === undefined ? null : strictest(limits, end, earlier)
          const is = later === undefined ? null : strictest(limits, end, later)
          const wasAt = was?.rule[end]
          const isAt = is?.rule[end]
          if (was === null || is === null || wasAt === undefined || isAt === undefined) continue
          if (end === 'max' ? isAt >= wasAt : isAt <= wasAt) continue
          const about = `limits/${is.rule.code}/${was.rule.code}`
          if (found.has(about)) continue
          found.set(about, {
            code: 'limit-relaxes-backwards',
            about,
            path: `/limits/${document.limits.findIndex(({ code }) => code === is.rule.code)}`,
            subject: is.rule.code,
            other: was.rule.code,
            witness: toWitness(compiled, course, before),
            counterpart: toWitness(compiled, course, day),
          })
        }
      })
    }
  }
  return [...found.values()]
}

/** Every course of events that the tests can tell apart. */
function* coursesOf(
  { compiled, variables, budget }: CaseSpace,
  tests: ReadonlySet<number>,
  cuts: readonly number[],
): Generator<Course> {
  const asked = { milestones: new Set<number>(), facts: new Set<number>() }
  for (const index of tests) {
    const test = compiled.tests[index]
    if (test?.op === 'milestone' || (test?.op === 'days' && test.milestone !== null))
      asked.milestones.add(test.milestone ?? -1)
    else if (test?.op === 'fact') asked.facts.add(test.fact)
  }
  const reached = compiled.milestones.map((_, index): (number | null)[] =>
    asked.milestones.has(index) ? [null, ...cuts] : [null],
  )
  const facts = compiled.facts.map((_, index): (ValueCell | null)[] => {
    const variable = variables.find((candidate) => candidate.kind === 'fact' && candidate.index === index)
    return variable?.kind === 'fact' && asked.facts.has(index) ? [null, ...variable.values] : [null]
  })
  for (const days of choicesOf(reached)) {
    for (const values of choicesOf(facts)) {
      if (budget.left <= 0) return
      yield { reached: days, facts: values }
    }
  }
}
