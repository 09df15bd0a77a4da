import { type CompiledPrescription, compareText, matchesOf } from './compile.ts'
import { lessen, strictestDose } from './decide.ts'
import { constant, type Diagram, no, yes } from './diagrams.ts'
import {
  type Change,
  changesBetween,
  extentOf,
  Interned,
  keyOfTarget,
  withCases,
  withReadings,
} from './diff-changes.ts'
import { findOccasions } from './diff-occasions.ts'
import type { DiffSide, DiffSpace, DiffVariable, OperationVariable } from './diff-space.ts'
import { canonical } from './diff-text.ts'
import type { Difference, Direction } from './diff-types.ts'
import { matchRule } from './match.ts'
import { commonSide } from './side.ts'
import { isTrue, isUnknown } from './truth.ts'
import type { Contraindication, Dose, Exercise, Named, PrescribedSide, Side } from './types.ts'

// What two versions say of one exercise.

/** What a version says of one exercise, in all cases. */
interface Said {
  permitted: Diagram
  /** Where it is granted, and nothing stands against it that an override could not lift. */
  prescribed: Diagram
  /** Where it is permitted, as numbers: the rest is of no meaning. */
  dose: Diagram
  /** The sides for which it is granted, as bits. */
  sides: Diagram
  isSupervised: Diagram
  provided: Diagram
  cautions: Diagram
}

interface Words {
  doses: Interned<Dose | null>
  texts: Interned<readonly string[]>
  cautions: Interned<readonly Warning[]>
}

/** A caution, and what of it is about the exercise. */
interface Warning {
  rule: Named
  keys: readonly string[]
}

const sidesInOrder = ['both', 'operative', 'non-operative', 'left', 'right'] as const satisfies PrescribedSide[]

function sayOf(space: DiffSpace, side: DiffSide, code: string, words: Words): Said {
  const { and, or, without } = space
  const { compiled } = side
  const prescriptions = (compiled.prescriptionsOf.get(code) ?? []).flatMap(
    (index) => compiled.prescriptions[index] ?? [],
  )
  const entries = compiled.prescribed.has(code) ? (compiled.exercises.get(code) ?? []) : []
  const matched = matchesOf(compiled, entries).flatMap(({ rule }) => compiled.contraindications[rule] ?? [])
  const grants = prescriptions.map((prescription) => {
    return { prescription, granted: and(side.isInSpan(prescription), side.isTrue(prescription.when)) }
  })
  let prescribed = no
  // An exercise without an entry is not judged at all.
  if (entries.length > 0) for (const { granted } of grants) prescribed = or(prescribed, granted)
  const withhold = (from: Diagram, strength: Contraindication['strength']): Diagram =>
    matched.reduce(
      (left, { rule, when }) => (rule.strength === strength ? without(left, side.isNotFalse(when)) : left),
      from,
    )
  prescribed = withhold(prescribed, 'absolute')
  const permitted = withhold(prescribed, 'relative')
  const none = constant(0)
  const said: Said = {
    permitted,
    prescribed,
    dose: none,
    sides: none,
    isSupervised: no,
    provided: none,
    cautions: none,
  }
  if (permitted === no) return said
  for (const { prescription, granted } of grants) {
    if (prescription.rule.supervision === 'supervised') said.isSupervised = or(said.isSupervised, granted)
  }
  said.sides = sidesOf(space, grants)
  said.provided = providedOf(space, grants, words)
  said.dose = dosesOf(space, side, grants, words)
  said.cautions = cautionsOf(space, side, entries, words)
  return said
}

interface Granting {
  prescription: CompiledPrescription
  /** Where it grants. */
  granted: Diagram
}

function sidesOf({ diagrams }: DiffSpace, grants: readonly Granting[]): Diagram {
  const bitOf = ({ prescription }: Granting): number => 2 ** sidesInOrder.indexOf(prescription.rule.side)
  const bits = new Set(grants.map(bitOf))
  const [only] = bits
  // Whichever grants, it is for this side.
  if (bits.size === 1 && only !== undefined) return constant(only)
  let all = constant(0)
  for (const bit of bits) {
    for (const grant of grants) {
      if (bitOf(grant) !== bit || diagrams.isSpent()) continue
      all = diagrams.joining((sides, isGranted) => (isGranted === 1 ? sides | bit : sides))(all, grant.granted)
    }
  }
  return all
}

function providedOf({ diagrams }: DiffSpace, grants: readonly Granting[], { texts }: Words): Diagram {
  let all = constant(texts.number([]))
  for (const { prescription, granted } of grants) {
    const { provided } = prescription.rule
    if (provided === undefined || diagrams.isSpent()) continue
    const add = (number: number): number => texts.number([...new Set([...texts.at(number), provided])].sort())
    all = diagrams.joining((own, isGranted) => (isGranted === 1 ? add(own) : own))(all, granted)
  }
  return all
}

function dosesOf(space: DiffSpace, side: DiffSide, grants: readonly Granting[], words: Words): Diagram {
  const { diagrams } = space
  if (grants.every(({ prescription }) => prescription.steps.length === 0)) return constant(words.doses.number(null))
  const given = new Interned<readonly (Dose | null)[]>()
  let all = constant(given.number([]))
  for (const { prescription, granted } of grants) {
    if (diagrams.isSpent()) return all
    const dose = doseOf(space, side, prescription, words)
    const granting = diagrams.joining((isGranted, number) => (isGranted === 1 ? number + 1 : 0))(granted, dose)
    const add = (number: number, own: number): number =>
      given.number(inOrder([...given.at(number), words.doses.at(own)]))
    all = diagrams.joining((known, own) => (own === 0 ? known : add(known, own - 1)))(all, granting)
  }
  return diagrams.map(all, (number) => words.doses.number(strictestDose(given.at(number).map((dose) => ({ dose })))))
}

function inOrder(doses: readonly (Dose | null)[]): (Dose | null)[] {
  return [...new Map(doses.map((dose) => [canonical(dose), dose]))]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, dose]) => dose)
}

/** Of a prescription that grants the dose, by its number: that of its last step that is true, lessened by later ones. */
function doseOf({ diagrams }: DiffSpace, side: DiffSide, { steps }: CompiledPrescription, { doses }: Words): Diagram {
  const chosen = new Interned<{ dose: Dose | null; later: readonly Dose[] }>()
  let all = constant(chosen.number({ dose: null, later: [] }))
  for (const { when, dose } of steps) {
    const choose = (number: number, truth: number): number => {
      if (truth === isTrue) return chosen.number({ dose, later: [] })
      const { dose: before, later } = chosen.at(number)
      return truth === isUnknown ? chosen.number({ dose: before, later: [...later, dose] }) : number
    }
    all = diagrams.joining(choose)(all, side.truth(when))
  }
  return diagrams.map(all, (number) => {
    const { dose, later } = chosen.at(number)
    return doses.number(tidy(dose === null ? null : later.reduce(lessen, dose)))
  })
}

/** The amounts of a dose have no order. */
function tidy(dose: Dose | null): Dose | null {
  if (dose?.amounts === undefined) return dose
  return { ...dose, amounts: [...dose.amounts].sort((a, b) => compareText(canonical(a), canonical(b))) }
}

function cautionsOf({ diagrams }: DiffSpace, side: DiffSide, entries: readonly Exercise[], words: Words): Diagram {
  const { cautions } = words
  let all = constant(cautions.number([]))
  for (const { rule, when } of side.compiled.contraindications) {
    if (rule.strength !== 'caution' || diagrams.isSpent()) continue
    const own = rule.target.filter((target) => matchRule({ ...rule, target: [target] }, entries) !== null)
    if (own.length === 0) continue
    const warning = {
      rule: { code: rule.code, title: rule.title },
      keys: own.map((target) => keyOfTarget(rule, target)),
    }
    const add = (number: number): number => cautions.number([...cautions.at(number), warning])
    all = diagrams.joining((number, stands) => (stands === 1 ? add(number) : number))(all, side.isNotFalse(when))
  }
  return all
}

/** Those that are about nothing that one of the others is about. */
function newAmong(warnings: readonly Warning[], others: readonly Warning[]): Named[] {
  const known = new Set(others.flatMap(({ keys }) => keys))
  return warnings.filter(({ keys }) => !keys.some((key) => known.has(key))).map(({ rule }) => rule)
}

function findCautions(space: DiffSpace, exercise: Named, changes: readonly Change[], words: Words): Difference[] {
  const told = new Map<string, { added: Named[]; removed: Named[]; region: Diagram }>()
  for (const { before, after, region } of changes) {
    const [was, is] = [words.cautions.at(before), words.cautions.at(after)]
    const [added, removed] = [newAmong(is, was), newAmong(was, is)]
    if (added.length + removed.length === 0) continue
    const key = canonical([added, removed])
    told.set(key, { added, removed, region: space.or(told.get(key)?.region ?? no, region) })
  }
  return [...told.values()].flatMap(({ added, removed, region }) => {
    const direction = removed.length === 0 ? 'stricter' : added.length === 0 ? 'laxer' : 'other'
    return withCases({ kind: 'cautions', exercise, added, removed }, direction, findOccasions(space, region))
  })
}

/** Where one version permits the exercise and the other does not; and where both do, but otherwise. */
export function findExercise(space: DiffSpace, exercise: Named): Difference[] {
  const { diagrams, and, or, without } = space
  const words: Words = { doses: new Interned(), texts: new Interned(), cautions: new Interned() }
  const before = sayOf(space, space.before, exercise.code, words)
  const after = sayOf(space, space.after, exercise.code, words)
  const differences: Difference[] = []
  for (const { before: was, region } of changesBetween(space, before.permitted, after.permitted)) {
    const change = was === 1 ? 'lost' : 'gained'
    const other = extentOf(space, change === 'lost' ? after.permitted : before.permitted)
    const found = withReadings(findOccasions(space, region), change, other)
    differences.push(
      ...withCases({ kind: 'exercise', exercise, change }, change === 'lost' ? 'stricter' : 'laxer', found),
    )
  }
  // Where neither permits it, an override may still lift what stands against it.
  const isNeither = without(yes, or(before.permitted, after.permitted))
  const [wasPrescribed, isPrescribed] = [and(before.prescribed, isNeither), and(after.prescribed, isNeither)]
  for (const { before: was, region } of changesBetween(space, wasPrescribed, isPrescribed)) {
    const change = was === 1 ? 'lost' : 'gained'
    const other = extentOf(space, change === 'lost' ? after.prescribed : before.prescribed)
    const found = withReadings(findOccasions(space, region), change, other)
    differences.push(
      ...withCases({ kind: 'prescribed', exercise, change }, change === 'lost' ? 'stricter' : 'laxer', found),
    )
  }
  const isBoth = and(before.permitted, after.permitted)
  const isForSide = and(and(isBoth, someSide(space, before)), someSide(space, after))
  const among = diagrams.joining((value, is) => (is === 1 ? value + 1 : 0))
  const compare = (aspect: Exclude<keyof Said, 'permitted' | 'prescribed'>): Change[] => {
    // What is done for no side is not done otherwise.
    const where = aspect === 'sides' ? isBoth : isForSide
    return changesBetween(space, among(before[aspect], where), among(after[aspect], where)).map((change) => {
      return { ...change, before: change.before - 1, after: change.after - 1 }
    })
  }
  for (const change of compare('dose')) {
    const [was, is] = [words.doses.at(change.before), words.doses.at(change.after)]
    const kind = { kind: 'dose', exercise, before: was, after: is } as const
    differences.push(...withCases(kind, compareDoses(was, is), findOccasions(space, change.region)))
  }
  for (const change of compare('sides')) differences.push(...findSides(space, exercise, change))
  for (const { before: was, region } of compare('isSupervised')) {
    const [one, other] = ['supervised', 'independent'] as const
    const kind = {
      kind: 'supervision',
      exercise,
      before: was === 1 ? one : other,
      after: was === 1 ? other : one,
    } as const
    differences.push(...withCases(kind, was === 1 ? 'laxer' : 'stricter', findOccasions(space, region)))
  }
  for (const change of compare('provided')) {
    const [was, is] = [words.texts.at(change.before), words.texts.at(change.after)]
    const kind = { kind: 'provided', exercise, before: was, after: is } as const
    differences.push(...withCases(kind, compareSets(was, is), findOccasions(space, change.region)))
  }
  differences.push(...findCautions(space, exercise, compare('cautions'), words))
  return differences
}

/** More that has to be kept is stricter. */
function compareSets(before: readonly string[], after: readonly string[]): Direction {
  if (before.every((one) => after.includes(one))) return 'stricter'
  return after.every((one) => before.includes(one)) ? 'laxer' : 'other'
}

const numbersOfDose = ['sets', 'reps', 'holdSeconds', 'durationMinutes', 'timesPerDay', 'timesPerWeek'] as const

/** Only where nothing but numbers differs, and all of them in one direction. */
function compareDoses(before: Dose | null, after: Dose | null): Direction {
  if (before === null || after === null) return 'other'
  const numbersIn = (dose: Dose): Map<string, number> =>
    new Map([
      ...numbersOfDose.flatMap((key) => (dose[key] === undefined ? [] : [[key, dose[key]] as const])),
      ...(dose.amounts ?? []).map(({ quantity, unit, value }) => [canonical([quantity, unit]), value] as const),
    ])
  const [was, is] = [numbersIn(before), numbersIn(after)]
  if (before.intensity !== after.intensity || before.note !== after.note) return 'other'
  if (was.size !== is.size || ![...was.keys()].every((key) => is.has(key))) return 'other'
  const changes = [...was].map(([key, value]) => (is.get(key) ?? value) - value)
  if (changes.every((change) => change <= 0)) return 'stricter'
  return changes.every((change) => change >= 0) ? 'laxer' : 'other'
}

/** The side that is meant; null: none. */
function sideOf(bits: number, operated: Side | null): PrescribedSide | null {
  const sides = sidesInOrder.filter((_, index) => (bits & (2 ** index)) !== 0)
  return commonSide(
    sides.map((side) => ({ protocol: '', version: null, side })),
    operated,
  )
}

/** Where it is for some side of the operation, as far as the cases say what was operated on. */
function someSide({ diagrams, variables }: DiffSpace, { sides }: Said): Diagram {
  const index = variables.findIndex(isSideOfOperation)
  const variable = variables[index]
  if (!isSideOfOperation(variable)) return yes
  const isFor = diagrams.joining((bits, isBilateral) =>
    isBilateral === 1 && sideOf(bits, 'bilateral') === null ? 0 : 1,
  )
  const isBilateral = diagrams.choose(index, [
    no,
    ...variable.values.map(({ value }) => (value === 'bilateral' ? yes : no)),
  ])
  return isFor(sides, isBilateral)
}

/** What side is meant can depend on what was operated on. */
function findSides(space: DiffSpace, exercise: Named, { before, after, region }: Change): Difference[] {
  const differing = ([null, 'left', 'right', 'bilateral'] as const).filter(
    (side) => sideOf(before, side) !== sideOf(after, side),
  )
  const { diagrams, variables, and } = space
  const isTold = [...diagrams.variablesIn(region)].some((index) => isSideOfOperation(variables[index]))
  // One will do, unless the cases are others for each.
  return (isTold ? differing : differing.slice(0, 1)).flatMap((operated) => {
    const [was, is] = [sideOf(before, operated), sideOf(after, operated)]
    const direction = is === null || was === 'both' ? 'stricter' : was === null || is === 'both' ? 'laxer' : 'other'
    let cases = region
    variables.forEach((variable, index) => {
      if (isSideOfOperation(variable)) {
        const each = variable.values.map(({ value }) => (value === operated ? yes : no))
        cases = and(cases, diagrams.choose(index, [operated === null ? yes : no, ...each]))
      } else if (operated !== null && variable.kind === 'fact' && variable.isSide) {
        // Where the operation tells the side it is known; that is as if it had been observed.
        cases = and(cases, diagrams.choose(index, [no, ...variable.options.map(() => yes)]))
      }
    })
    const kind = { kind: 'side', exercise, operated, before: was, after: is } as const
    return withCases(kind, direction, findOccasions(space, cases, operated))
  })
}

function isSideOfOperation(variable: DiffVariable | undefined): variable is OperationVariable {
  return variable?.kind === 'operation' && variable.told === 'side'
}
