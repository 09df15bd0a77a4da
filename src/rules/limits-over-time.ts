import type { CaseSpace } from './case-space.ts'
import { fillPhases, possiblePhases, truthsOf, type ValueCell } from './cases.ts'
import type { Compiled, CompiledRule } from './compile.ts'
import { truthOfDays, truthOfValue } from './situation.ts'
import { isFalse, isUnknown, ofBoolean } from './truth.ts'
import type { Limit, ProtocolDocument, Witness } from './types.ts'

/** A day, for each milestone how long ago it was reached (null: it is not), and for each fact a value (null: none). */
interface Moment {
  day: number
  elapsed: readonly (number | null)[]
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

/** Where a test of days changes from one day to the next, and the day after. */
function boundsOf(compiled: Compiled, tests: ReadonlySet<number>, milestone: number | null): number[] {
  return [...tests].flatMap((index) => {
    const test = compiled.tests[index]
    if (test?.op !== 'days' || test.milestone !== milestone) return []
    const bounds = [test.atLeast, test.before].flatMap((bound) => (bound === null ? [] : [bound.possible, bound.sure]))
    return bounds.flatMap((bound) => [bound, bound + 1])
  })
}

function truthsAt(compiled: Compiled, tests: ReadonlySet<number>, { day, elapsed, facts }: Moment): Uint8Array {
  const truths = new Uint8Array(compiled.tests.length)
  for (const index of tests) {
    const test = compiled.tests[index]
    if (test?.op === 'days') {
      truths[index] = truthOfDays(test, test.milestone === null ? day : (elapsed[test.milestone] ?? null))
    } else if (test?.op === 'milestone') truths[index] = ofBoolean((elapsed[test.milestone] ?? null) !== null)
    else if (test?.op === 'fact') {
      const value = facts[test.fact] ?? null
      truths[index] = value === null ? isUnknown : truthOfValue(test.written, value.value)
    } else truths[index] = isUnknown
  }
  fillPhases(compiled, truths, possiblePhases(compiled, truths), tests)
  return truths
}

function dayBefore({ day, elapsed, facts }: Moment): Moment {
  return { day: day - 1, elapsed: elapsed.map((days) => (days === null ? null : days - 1)), facts }
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

function toWitness(compiled: Compiled, { day, elapsed, facts }: Moment): Witness {
  return {
    daysSinceSurgery: day,
    milestones: elapsed.flatMap((days, index) => {
      const code = compiled.milestones[index]?.named.code
      return days === null || code === undefined ? [] : [{ code, day: day - days }]
    }),
    facts: facts.flatMap((cell, index) => {
      const code = compiled.facts[index]?.code
      return cell === null || code === undefined ? [] : [{ code, value: cell.value, day }]
    }),
  }
}

/**
 * Limits on one quantity and unit of which a later one is stricter, although nothing but time has passed: on no day of the
 * two a milestone is reached, and what is observed stays as it is.
 */
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
    if (limits.some(({ when }) => when?.asksPhase)) for (const test of compiled.testsOfPhases) tests.add(test)
    for (const moment of momentsOf(space, tests)) {
      const before = dayBefore(moment)
      const [earlier, later] = [before, moment].map((one) => truthsAt(compiled, tests, one))
      if (earlier === undefined || later === undefined) continue
      for (const end of ['max', 'min'] as const) {
        const was = strictest(limits, end, earlier)
        const is = strictest(limits, end, later)
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
          witness: toWitness(compiled, before),
          counterpart: toWitness(compiled, moment),
        })
      }
    }
  }
  return [...found.values()]
}

/** Every moment that the tests can tell from others, together with the day before it; from the day after the surgery on. */
function* momentsOf({ compiled, variables, budget }: CaseSpace, tests: ReadonlySet<number>): Generator<Moment> {
  const asked = { milestones: new Set<number>(), facts: new Set<number>() }
  for (const index of tests) {
    const test = compiled.tests[index]
    if (test?.op === 'milestone' || (test?.op === 'days' && test.milestone !== null)) {
      asked.milestones.add(test.milestone ?? -1)
    } else if (test?.op === 'fact') asked.facts.add(test.fact)
  }
  const inOrder = (bounds: Iterable<number>): number[] => [...new Set(bounds)].sort((a, b) => a - b)
  const isPreOperative = (index: number): boolean =>
    variables.some((variable) => variable.kind === 'milestone' && variable.index === index && variable.isPreOperative)
  const elapsed = compiled.milestones.map((_, index): (number | null)[] => {
    if (!asked.milestones.has(index)) return [null]
    return [null, ...inOrder([1, ...boundsOf(compiled, tests, index)]).filter((bound) => bound >= 1)]
  })
  const ownDays = [1, ...boundsOf(compiled, tests, null), ...elapsed.flat().map((days) => days ?? 1)]
  const days = inOrder(ownDays).filter((day) => day >= 1)
  const facts = compiled.facts.map((_, index): (ValueCell | null)[] => {
    const variable = variables.find((candidate) => candidate.kind === 'fact' && candidate.index === index)
    return variable?.kind === 'fact' && asked.facts.has(index) ? [null, ...variable.values] : [null]
  })
  for (const since of choicesOf(elapsed)) {
    for (const values of choicesOf(facts)) {
      for (const day of days) {
        if (budget.left <= 0) return
        budget.left -= 2 * tests.size + 1
        // It cannot have been reached before the surgery.
        const canBe = since.every((days, index) => days === null || days <= day || isPreOperative(index))
        if (canBe) yield { day, elapsed: since, facts: values }
      }
    }
  }
}
