import { type Compiled, compareText, type When } from './compile.ts'
import { keyOfTarget, withoutCases } from './diff-changes.ts'
import { type DiffSide, type DiffSpace, toldBy } from './diff-space.ts'
import { canonical } from './diff-text.ts'
import type { Difference } from './diff-types.ts'
import { matchRule } from './match.ts'
import type { FactDeclaration, Named, ProtocolDocument } from './types.ts'

// What differs whatever the case: red flags, what is asked for, procedures, and what a contraindication is about.

function* changesOf<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): Generator<{ change: 'added' | 'removed'; item: T }> {
  for (const [code, item] of before) if (!after.has(code)) yield { change: 'removed', item }
  for (const [code, item] of after) if (!before.has(code)) yield { change: 'added', item }
}

function toMap<T extends { code: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [item.code, item]))
}

function askedIn(
  { milestones, facts }: Compiled,
  what: 'milestone' | 'fact',
): Map<string, Named & { ask: string | null }> {
  if (what === 'milestone') return toMap(milestones.map(({ named }) => ({ ...named, ask: null })))
  return toMap(
    facts.map(({ code, declared }) => ({ code, title: declared?.title ?? code, ask: declared?.ask ?? null })),
  )
}

/** The facts that both ask for and declare. */
function declaredTwice(before: Compiled, after: Compiled): { was: FactDeclaration; is: FactDeclaration }[] {
  const declarations = new Map(before.facts.map(({ code, declared }) => [code, declared]))
  return after.facts.flatMap(({ code, declared: is }) => {
    const was = declarations.get(code) ?? null
    return was === null || is === null ? [] : [{ was, is }]
  })
}

/** The exercises of which either version says something that the fact decides, by code. */
function dependingOn(fact: string, versions: readonly Compiled[]): Named[] {
  const depending = versions.flatMap(({ tests, facts, phases, subjects, prescriptions, contraindications }) => {
    const asking = new Set(
      tests.flatMap((test, index) => (test.op === 'fact' && facts[test.fact]?.code === fact ? [index] : [])),
    )
    const decides = (rule: { when: When | null } | undefined): boolean =>
      rule?.when?.tests.some((test) => asking.has(test)) === true
    const decidesPhases = phases.some(({ entry }) => decides({ when: entry }))
    return subjects.flatMap(({ exercise: { code, title }, bearings }) => {
      const isDecided = bearings.some(
        (bearing) =>
          bearing.prescriptions.some((index) =>
            [prescriptions[index], ...(prescriptions[index]?.steps ?? [])].some(decides),
          ) || bearing.matches.some(({ rule }) => decides(contraindications[rule])),
      )
      return decidesPhases || isDecided ? [{ code, title }] : []
    })
  })
  return [...toMap(depending).values()].sort((a, b) => compareText(a.code, b.code))
}

export function findDeclared({ before, after }: DiffSpace): Difference[] {
  const differences: Difference[] = []
  const [flagsBefore, flagsAfter] = [toMap(before.document.redFlags), toMap(after.document.redFlags)]
  for (const { change, item } of changesOf(flagsBefore, flagsAfter)) {
    const { code, title, response } = item
    const isAdded = change === 'added'
    const [was, is] = isAdded ? [null, response] : [response, null]
    const kind = { kind: 'red-flag', redFlag: { code, title }, change, before: was, after: is } as const
    differences.push(withoutCases(kind, isAdded ? 'stricter' : 'laxer'))
  }
  for (const { code, title, response } of flagsAfter.values()) {
    const was = flagsBefore.get(code)?.response ?? response
    if (was === response) continue
    const kind = {
      kind: 'red-flag',
      redFlag: { code, title },
      change: 'response',
      before: was,
      after: response,
    } as const
    differences.push(withoutCases(kind, response === 'emergency' ? 'stricter' : 'laxer'))
  }
  for (const what of ['milestone', 'fact'] as const) {
    for (const { change, item } of changesOf(askedIn(before.compiled, what), askedIn(after.compiled, what))) {
      const { ask, ...named } = item
      differences.push(withoutCases({ kind: 'asks', what, named, ask, change }, 'other'))
    }
  }
  for (const { was, is } of declaredTwice(before.compiled, after.compiled)) {
    const fact = { code: is.code, title: is.title }
    if (toldBy(was) !== toldBy(is)) {
      differences.push(withoutCases({ kind: 'told', fact, before: toldBy(was), after: toldBy(is) }, 'other'))
    }
    for (const what of ['type', 'unit'] as const) {
      const [one, other] = [was[what] ?? null, is[what] ?? null]
      if (one === other) continue
      const exercises = dependingOn(fact.code, [before.compiled, after.compiled])
      differences.push(withoutCases({ kind: 'read', fact, what, before: one, after: other, exercises }, 'other'))
    }
  }
  const proceduresOf = ({ document }: DiffSide) => toMap(document.procedures.map((code) => ({ code })))
  for (const { change, item } of changesOf(proceduresOf(before), proceduresOf(after))) {
    differences.push(withoutCases({ kind: 'procedure', procedure: item.code, change }, 'other'))
  }
  return [...differences, ...findMatches(before.document, after.document)]
}

/** Contraindications that are the same, of an exercise that they match in one version only. */
function findMatches(before: ProtocolDocument, after: ProtocolDocument): Difference[] {
  const differences: Difference[] = []
  const rulesOf = (document: ProtocolDocument) =>
    new Map(
      document.contraindications.flatMap((rule) =>
        rule.target.map((target) => [keyOfTarget(rule, target), { ...rule, target: [target] }] as const),
      ),
    )
  const rulesBefore = rulesOf(before)
  const exercisesBefore = Map.groupBy(before.exercises, ({ code }) => code)
  const exercisesAfter = Map.groupBy(after.exercises, ({ code }) => code)
  const told = new Set<string>()
  for (const [key, rule] of rulesOf(after)) {
    if (!rulesBefore.has(key)) continue
    for (const [code, entries] of exercisesAfter) {
      const were = exercisesBefore.get(code)
      if (were === undefined || canonical(were) === canonical(entries)) continue
      const [was, is] = [matchRule(rule, were) !== null, matchRule(rule, entries) !== null]
      const name = canonical([rule.code, code, is])
      if (was === is || told.has(name)) continue
      told.add(name)
      const exercise = { code, title: entries[0]?.title ?? code }
      const { code: own, title, strength } = rule
      const change = is ? 'added' : 'removed'
      const kind = { kind: 'match', rule: { code: own, title }, strength, exercise, change } as const
      differences.push(withoutCases(kind, is ? 'stricter' : 'laxer'))
    }
  }
  return differences
}
