import { type CaseSpace, canHappen, daysOfCell, findCase, type Inquiry, isSo, type Outcome } from './case-space.ts'
import { asForbid, canBeFree, canGrant, type Layout, testForCells, truthsOf, type ValueCell, widen } from './cases.ts'
import { type Compiled, matchesOf } from './compile.ts'
import { describeFact } from './situation.ts'
import { both, either, isFalse, type Truths } from './truth.ts'
import type { Contraindication, Exercise, Named, Opportunity } from './types.ts'

type Occasion = Opportunity['when'][number]

/** What can permit an exercise of the version, or keep it from being permitted. */
export function inquireAfter(
  compiled: Compiled,
  entries: readonly Exercise[],
  isSetAside: (rule: Contraindication) => boolean,
): Inquiry {
  const prescriptions = (compiled.prescriptionsOf.get(entries[0]?.code ?? '') ?? []).flatMap(
    (index) => compiled.prescriptions[index] ?? [],
  )
  const matches = matchesOf(compiled, entries)
  const matched = matches.flatMap(({ rule }) => compiled.contraindications[rule] ?? [])
  return {
    whens: [...prescriptions, ...matched].map(({ when }) => when),
    asks: ({ truths, possible }) => {
      let granted: Truths = isFalse
      for (const prescription of prescriptions) granted = either(granted, canGrant(prescription, truths, possible))
      return granted === isFalse ? isFalse : both(granted, canBeFree(compiled, truths, matches, isSetAside))
    },
  }
}

/** When the version permits an exercise, if ever, and the least that it takes; overrides only where nothing else will do. */
export function findOpportunity(space: CaseSpace, entries: readonly [Exercise, ...Exercise[]]): Opportunity {
  const isRelative = (rule: Contraindication): boolean => rule.strength === 'relative'
  const when: Occasion[] = []
  for (let cell = 0; cell < (space.counts[0] ?? 0); cell += 1) {
    const occasion = findOccasion(space, entries, cell, () => false) ?? findOccasion(space, entries, cell, isRelative)
    if (occasion === null) continue
    const last = when.at(-1)
    const { days, ...needs } = occasion
    const { days: before, ...needsBefore } = last ?? { days: null }
    if (before !== null && before.before === days.from && JSON.stringify(needs) === JSON.stringify(needsBefore)) {
      when.splice(-1, 1, { ...occasion, days: { from: before.from, before: days.before } })
    } else when.push(occasion)
  }
  const { code, title } = entries[0]
  return { exercise: { code, title }, when, decided: space.budget.left > 0 }
}

function findOccasion(
  space: CaseSpace,
  entries: readonly Exercise[],
  cell: number,
  isSetAside: (rule: Contraindication) => boolean,
): Occasion | null {
  const { compiled, variables } = space
  const inquiry = inquireAfter(compiled, entries, isSetAside)
  const choices = findCase(space, inquiry, cell, true)
  if (choices === null) return null
  const layouts = variables.map((variable, index): Layout => {
    if (variable.kind !== 'fact') return { width: space.counts[index] ?? 1, isOrdered: true }
    return { width: variable.values.length, isOrdered: variable.values.some(({ value }) => typeof value === 'number') }
  })
  // The day is no matter of choice: what is widened is what is recorded.
  const plan = widen(choices.with(0, 0), layouts, space.counts, (others) => {
    const inCase = others.with(0, cell)
    // What cannot be by that day is no exception to what will do.
    return isSo(space, inquiry, inCase) || !canHappen(space, inCase)
  })
  const milestones: Occasion['milestones'][number][] = []
  const facts: Occasion['facts'][number][] = []
  let earliest = daysOfCell(space, cell).from
  plan.forEach((options, index) => {
    const variable = variables[index]
    if (options[0] === 0 || variable === undefined || variable.kind === 'day') return
    const spans = options.flatMap((option) =>
      variable.kind === 'milestone' ? (variable.cells[option - 1] ?? []) : (variable.options[option - 1]?.age ?? []),
    )
    const least = Math.min(...spans.map(({ from }) => from))
    const until = Math.max(...spans.map(({ until }) => until))
    const most = until === Number.POSITIVE_INFINITY ? null : until - 1
    if (variable.kind === 'milestone') {
      const { named, roles } = compiled.milestones[variable.index] ?? { named: { code: '', title: '' }, roles: [] }
      milestones.push({ milestone: named, grantedBy: roles, least, most })
      if (!variable.isPreOperative) earliest = Math.max(earliest, least)
    } else {
      const values = new Set<ValueCell>(options.flatMap((option) => variable.options[option - 1]?.value ?? []))
      const chosen = variable.values.filter((value) => values.has(value))
      const test = testForCells(chosen, variable.values)
      facts.push({ fact: describeFact(compiled.facts[variable.index]), test, least, most })
    }
  })
  const { until } = daysOfCell(space, cell)
  return {
    days: {
      from: earliest === Number.NEGATIVE_INFINITY ? null : earliest,
      before: until === Number.POSITIVE_INFINITY ? null : until,
    },
    milestones,
    facts,
    lifts: liftsIn(space, entries, choices, isSetAside),
  }
}

/** The relative contraindications that may stand in the case and that an override has to lift. */
function liftsIn(
  space: CaseSpace,
  entries: readonly Exercise[],
  choices: readonly number[],
  isSetAside: (rule: Contraindication) => boolean,
): Named[] {
  return matchesOf(space.compiled, entries).flatMap((match) => {
    const active = space.compiled.contraindications[match.rule]
    if (active === undefined || !isSetAside(active.rule)) return []
    const stands = { whens: [active.when], asks: ({ truths }: Outcome) => asForbid(truthsOf(active.when, truths)) }
    return isSo(space, stands, choices) ? [{ code: active.rule.code, title: active.rule.title }] : []
  })
}
