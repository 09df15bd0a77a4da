import { type CompiledRule, compareText } from './compile.ts'
import { constant, type Diagram, no } from './diagrams.ts'
import { changesBetween, extentOf, Interned, keyOfTarget, withCases, withReadings } from './diff-changes.ts'
import { findOccasions } from './diff-occasions.ts'
import type { DiffSide, DiffSpace } from './diff-space.ts'
import { canonical } from './diff-text.ts'
import type { Difference, PhaseMove, PhaseSays } from './diff-types.ts'
import { matchRule } from './match.ts'
import type { Contraindication, Exercise, Limit, Named, ProtocolDocument, Target } from './types.ts'

// What answers list besides exercises: limits, contraindications, instructions, goals, and the current phase.

// ---- Limits ----

function isNumber({ rule: { max, min } }: CompiledRule<Limit>): boolean {
  return max !== undefined || min !== undefined
}

export function findLimits(space: DiffSpace, quantity: string, unit: string | null): Difference[] {
  const { diagrams } = space
  const ofSide = ({ compiled }: DiffSide) =>
    compiled.caps.filter(({ rule }) => rule.quantity === quantity && (rule.unit ?? null) === unit)
  const differences: Difference[] = []
  for (const end of ['max', 'min'] as const) {
    const all = [space.before, space.after].flatMap((side) => ofSide(side).flatMap(({ rule }) => rule[end] ?? []))
    // The stricter, the smaller the number; 0: none.
    const levels = [...new Set(all)].sort((a, b) => (end === 'max' ? a - b : b - a))
    const strictest = (side: DiffSide): Diagram => {
      let level = constant(0)
      for (const { rule, when } of ofSide(side)) {
        const value = rule[end]
        if (value === undefined || diagrams.isSpent()) continue
        const own = levels.indexOf(value) + 1
        const stricter = (known: number): number => (known === 0 ? own : Math.min(known, own))
        level = diagrams.joining((known, is) => (is === 1 ? stricter(known) : known))(level, side.isNotFalse(when))
      }
      return diagrams.joining((known, is) => (is === 1 ? known : 0))(level, side.isHeard)
    }
    for (const { before, after, region } of changesBetween(space, strictest(space.before), strictest(space.after))) {
      const change = before === 0 ? 'added' : after === 0 ? 'removed' : after < before ? 'tightened' : 'relaxed'
      const [was = null, is = null] = [levels[before - 1], levels[after - 1]]
      const kind = { kind: 'limit', quantity, unit, end, change, before: was, after: is } as const
      const direction = change === 'added' || change === 'tightened' ? 'stricter' : 'laxer'
      differences.push(...withCases(kind, direction, findOccasions(space, region)))
    }
  }
  const instructed = (side: DiffSide) =>
    ofSide(side)
      .filter((limit) => !isNumber(limit))
      .map(({ rule, when }) => {
        return { key: canonical(rule.text ?? null), rule: rule.text ?? null, region: listed(space, side, when) }
      })
  for (const { rule: text, change, region } of compareLists(space, instructed)) {
    const kind = { kind: 'instructed-limit', quantity, unit, text, change } as const
    differences.push(...withCases(kind, change === 'added' ? 'stricter' : 'laxer', findOccasions(space, region)))
  }
  return differences
}

/** Where an answer lists a rule that applies while it is not known not to. */
function listed({ and }: DiffSpace, side: DiffSide, when: CompiledRule<unknown>['when']): Diagram {
  return and(side.isNotFalse(when), side.isHeard)
}

// ---- Lists ----

/** Something that answers list, by what it says. */
interface Listed<T> {
  key: string
  rule: T
  region: Diagram
}

/** What one version lists, and the cases in which the other does not; there may be none. */
function compareLists<T>(
  space: DiffSpace,
  listOf: (side: DiffSide) => Listed<T>[],
): { rule: T; change: 'added' | 'removed'; region: Diagram; isOnly: boolean }[] {
  const { or, without } = space
  const gather = (side: DiffSide): ReadonlyMap<string, Listed<T>> => {
    const all = new Map<string, Listed<T>>()
    for (const own of listOf(side)) {
      const known = all.get(own.key)
      all.set(own.key, known === undefined ? own : { ...known, region: or(known.region, own.region) })
    }
    return all
  }
  const [before, after] = [gather(space.before), gather(space.after)]
  const found: ReturnType<typeof compareLists<T>> = []
  const seek = (
    own: ReadonlyMap<string, Listed<T>>,
    other: ReadonlyMap<string, Listed<T>>,
    change: 'added' | 'removed',
  ) => {
    for (const [key, { rule, region }] of own) {
      if (space.diagrams.isSpent()) return
      const counterpart = other.get(key)
      found.push({
        rule,
        change,
        region: without(region, counterpart?.region ?? no),
        isOnly: counterpart === undefined,
      })
    }
  }
  seek(before, after, 'removed')
  seek(after, before, 'added')
  return found
}

/** A contraindication with some of its targets. */
interface Forbidding {
  rule: Contraindication
  targets: readonly Target[]
  document: ProtocolDocument
}

export function findContraindications(space: DiffSpace): Difference[] {
  const changes = compareLists(space, (side): Listed<Forbidding>[] =>
    side.compiled.contraindications.flatMap(({ rule, when }) => {
      const region = listed(space, side, when)
      return rule.target.map((target) => {
        return { key: keyOfTarget(rule, target), rule: { rule, targets: [target], document: side.document }, region }
      })
    }),
  )
  // Targets of one rule that are listed in the same cases are told together.
  const together = Map.groupBy(changes, ({ rule, change, region, isOnly }) =>
    canonical([change, rule.rule.code, region, isOnly]),
  )
  return [...together.values()].flatMap((alike): Difference[] => {
    const [first] = alike
    if (first === undefined) return []
    const { change, region, isOnly } = first
    const { rule, document } = first.rule
    const { code, title, strength } = rule
    const target = alike.flatMap(({ rule: { targets } }) => targets)
    const matched = document.exercises.filter((exercise) => matchRule({ ...rule, target }, [exercise]) !== null)
    const kind = {
      kind: 'contraindication',
      rule: { code, title },
      strength,
      change,
      isOnly,
      isPart: target.length < rule.target.length,
      targets: target,
      except: rule.except ?? [],
      exercises: namedIn(matched),
    } as const
    return withCases(kind, change === 'added' ? 'stricter' : 'laxer', findOccasions(space, region))
  })
}

function namedIn(exercises: readonly Exercise[]): Named[] {
  return exercises.map(({ code, title }) => ({ code, title })).sort((a, b) => compareText(a.code, b.code))
}

export function findInstructions(space: DiffSpace): Difference[] {
  return compareLists(space, ({ compiled, isNotFalse, isInPhase }) =>
    compiled.instructions.map(({ rule, when }) => {
      const { code, about, text } = rule
      return {
        key: canonical([about, text]),
        rule: { rule: code, about, text },
        region: space.and(isNotFalse(when), isInPhase),
      }
    }),
  ).flatMap(({ rule, change, isOnly, region }) =>
    withCases({ kind: 'instruction', ...rule, change, isOnly }, 'other', findOccasions(space, region)),
  )
}

export function findGoals(space: DiffSpace): Difference[] {
  return compareLists(space, ({ compiled, isTrue, isInPhase }) =>
    compiled.goals.map(({ rule, when }) => {
      const { quantity, unit = null, min = null, max = null, text = null } = rule
      const said = { quantity, unit, min, max, text }
      return { key: canonical(said), rule: said, region: space.and(isTrue(when), isInPhase) }
    }),
  ).flatMap(({ rule, change, region }) =>
    withCases({ kind: 'goal', ...rule, change }, 'other', findOccasions(space, region)),
  )
}

export function findPhases(space: DiffSpace): Difference[] {
  const said = new Interned<PhaseSays | null>()
  said.number(null)
  const sayIn = ({ phase, compiled }: DiffSide): Diagram =>
    space.diagrams.map(phase, (index) => {
      const current = compiled.phases[index - 1]?.phase
      return current === undefined
        ? 0
        : said.number({ setting: current.setting ?? null, goals: [...(current.goals ?? [])].sort() })
    })
  return changesBetween(space, sayIn(space.before), sayIn(space.after)).flatMap(({ before, after, region }) => {
    const kind = { kind: 'phase', before: said.at(before), after: said.at(after) } as const
    return withCases(kind, 'other', findOccasions(space, region))
  })
}

/** Phases that are current in other cases, by code. */
export function findMoves(space: DiffSpace, phase: Named): PhaseMove[] {
  const { diagrams, without } = space
  const indexIn = ({ compiled }: DiffSide): number =>
    compiled.phases.findIndex(({ named }) => named.code === phase.code) + 1
  const whileIn = (side: DiffSide): Diagram => {
    const index = indexIn(side)
    return index === 0 ? no : diagrams.map(side.phase, (current) => (current === index ? 1 : 0))
  }
  const [before, after] = [whileIn(space.before), whileIn(space.after)]
  return (['lost', 'gained'] as const).flatMap((change): PhaseMove[] => {
    const [own, other, otherSide] = change === 'lost' ? [before, after, space.after] : [after, before, space.before]
    const found = withReadings(findOccasions(space, without(own, other)), change, extentOf(space, other))
    if (found === null) return []
    return [{ kind: 'move', phase, change, isOnly: indexIn(otherSide) === 0, direction: 'other', ...found }]
  })
}
