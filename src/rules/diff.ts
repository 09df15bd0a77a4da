import {
  type Compiled,
  type CompiledPrescription,
  type CompiledRule,
  compareText,
  compile,
  matchesOf,
} from './compile.ts'
import { lessen, strictestDose } from './decide.ts'
import { constant, type Diagram, no, yes } from './diagrams.ts'
import { cellsOfDays, type Found, findOccasions, onDay, toSpans } from './diff-occasions.ts'
import { type DiffSide, type DiffSpace, layOutBoth } from './diff-space.ts'
import { canonical, diffText } from './diff-text.ts'
import type {
  Diff,
  Difference,
  DifferenceKind,
  Direction,
  PhaseMove,
  PhaseSays,
  Reading,
  Undecided,
} from './diff-types.ts'
import { matchRule } from './match.ts'
import { commonSide } from './side.ts'
import { isTrue, isUnknown } from './truth.ts'
import type {
  Contraindication,
  DaySpan,
  Dose,
  Exercise,
  FactDeclaration,
  Limit,
  Named,
  PrescribedSide,
  ProtocolDocument,
  Side,
  Target,
} from './types.ts'

/** So much is looked at for one question of two versions; what that is not enough for is told by name. */
const mostOfDiff = 20_000_000

/** So many differences are told. */
const mostDifferences = 1_000

/** Values that diagrams know by their numbers; the same content is the same number. */
class Interned<T> {
  readonly values: T[] = []
  readonly #numbers = new Map<string, number>()

  number(value: T): number {
    const key = canonical(value)
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.values.push(value)
    this.#numbers.set(key, this.values.length - 1)
    return this.values.length - 1
  }

  at(number: number): T {
    return this.values[number] as T
  }
}

interface Work {
  space: DiffSpace
  /** Phases are entered alike, and the record is read alike: what is written alike then means the same. */
  isReadAlike: boolean
  differences: Difference[]
  undecided: Undecided[]
}

/** A pair of values that the versions have in the same cases, and where. */
interface Change {
  before: number
  after: number
  region: Diagram
}

/** Where two functions have different values, by the values that they have. */
function changesBetween({ diagrams, possible }: DiffSpace, before: Diagram, after: Diagram): Change[] {
  if (before === after) return []
  const pairs = new Interned<[number, number]>()
  pairs.number([0, 0])
  const paired = diagrams.joining((a, b) => (a === b ? 0 : pairs.number([a, b])))(before, after)
  const real = diagrams.joining((pair, can) => (can === 1 ? pair : 0))(paired, possible(diagrams.variablesIn(paired)))
  if (diagrams.isSpent()) return []
  return [...diagrams.valuesIn(real)]
    .filter((value) => value !== 0)
    .sort((a, b) => a - b)
    .map((value) => {
      const [was, is] = pairs.at(value)
      return { before: was, after: is, region: diagrams.map(real, (own) => (own === value ? 1 : 0)) }
    })
}

/** What of a document decides how a condition reads the record. */
function readingOf({ phases, milestones, facts }: ProtocolDocument): string {
  const sorted = (items: readonly unknown[]): string[] => items.map(canonical).sort()
  return canonical([
    phases.map(({ code, entry }) => [code, entry]),
    sorted(
      milestones.map(({ code, grantedBy = [], preOperative = false }) => [code, [...grantedBy].sort(), preOperative]),
    ),
    sorted(facts.map(({ code, type, min, max, values, operation }) => ({ code, type, min, max, values, operation }))),
  ])
}

/** What was found out once: a document does not change. */
const known = new WeakMap<object, string>()

/** What a rule says, whatever it is called and wherever it is from. */
function meaningOf(rule: object): string {
  const found = known.get(rule)
  if (found !== undefined) return found
  const meant = Object.entries(rule).filter(([key]) => !isText.has(key))
  const meaning = canonical(Object.fromEntries(meant))
  known.set(rule, meaning)
  return meaning
}

const isText: ReadonlySet<string> = new Set(['code', 'title', 'rationale', 'modality', 'sources'])

function meantBy(rules: readonly object[]): string[] {
  return rules.map(meaningOf).sort()
}

/** Everything in one version that decides what it says of an exercise. */
function rulesAbout(code: string, { compiled }: DiffSide): unknown {
  const entries = compiled.exercises.get(code) ?? []
  const contraindications = matchesOf(compiled, entries).flatMap(
    ({ rule }) => compiled.contraindications[rule]?.rule ?? [],
  )
  return [
    meantBy((compiled.prescriptionsOf.get(code) ?? []).flatMap((index) => compiled.prescriptions[index]?.rule ?? [])),
    meantBy(contraindications),
    entries.map(({ kind, groups = [], attributes }) => [kind, groups, attributes]),
  ]
}

/** Decides something; what is found counts only if it was decided as a whole. What is written alike need not be decided. */
function decide(work: Work, what: Undecided, written: (side: DiffSide) => unknown, find: () => Difference[]): void {
  const { before, after } = work.space
  if (work.isReadAlike && canonical(written(before)) === canonical(written(after))) return
  let found: Difference[] = []
  if (
    work.space.diagrams.isEnoughFor(() => {
      found = find()
    })
  ) {
    work.differences.push(...found)
  } else work.undecided.push(what)
}

function withCases(kind: DifferenceKind, direction: Direction, found: Found | null): Difference[] {
  return found === null ? [] : [{ ...kind, direction, ...found }]
}

function withoutCases(kind: DifferenceKind, direction: Direction): Difference {
  return { ...kind, direction, days: [], occasions: [], isComplete: true, witness: null }
}

// ---- Exercises ----

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

/** What a contraindication says against what, whatever it is called. */
function keyOfTarget({ strength, except = [] }: Contraindication, target: Target): string {
  return canonical([strength, target, except.map(canonical).sort()])
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

const noDays: DaySpan = { from: null, before: null }

/** The first day and the last on which it is so in some case; null: it never is. */
function extentOf(space: DiffSpace, region: Diagram): DaySpan | null {
  const { diagrams, and, possible } = space
  const real = and(region, possible(diagrams.variablesIn(region)))
  const cells = cellsOfDays(space)
  const spans = toSpans(
    cells,
    cells.flatMap((_, cell) => (onDay(space, real, cell) === no ? [] : [cell])),
  )
  const [first] = spans
  return first === undefined ? null : { from: first.from, before: (spans.at(-1) ?? noDays).before }
}

function readGained({ from, before }: DaySpan, other: DaySpan | null): Reading {
  if (other === null) return 'newly'
  if (other.from !== null && (from === null || from < other.from)) return 'earlier'
  return other.before !== null && (before === null || before > other.before) ? 'longer' : 'more'
}

const readLost: Readonly<Record<string, Reading>> = {
  newly: 'no-longer',
  earlier: 'later',
  longer: 'shorter',
  more: 'fewer',
}

function withReadings(found: Found | null, change: 'gained' | 'lost', other: DaySpan | null): Found | null {
  if (found === null) return null
  const occasions = found.occasions.map((occasion) => {
    const reading = readGained(occasion.days, other)
    return { ...occasion, reading: change === 'gained' ? reading : (readLost[reading] ?? null) }
  })
  return { ...found, occasions }
}

function findExercise(space: DiffSpace, exercise: Named): Difference[] {
  const { diagrams, and, or, without } = space
  const words: Words = { doses: new Interned(), texts: new Interned(), cautions: new Interned() }
  words.doses.number(null)
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
  const among = diagrams.joining((value, is) => (is === 1 ? value + 1 : 0))
  const compare = (aspect: Exclude<keyof Said, 'permitted' | 'prescribed'>): Change[] =>
    changesBetween(space, among(before[aspect], isBoth), among(after[aspect], isBoth)).map((change) => {
      return { ...change, before: change.before - 1, after: change.after - 1 }
    })
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

/** What side is meant can depend on what was operated on. */
function findSides(space: DiffSpace, exercise: Named, { before, after, region }: Change): Difference[] {
  const sideOf = (bits: number, operated: Side | null): PrescribedSide | null => {
    const sides = sidesInOrder.filter((_, index) => (bits & (2 ** index)) !== 0)
    if (sides.every((side) => side === 'both')) return 'both'
    return commonSide(
      sides.map((side) => ({ protocol: '', version: null, side })),
      operated,
    )
  }
  const operated = ([null, 'left', 'right', 'bilateral'] as const).find(
    (side) => sideOf(before, side) !== sideOf(after, side),
  )
  if (operated === undefined) return []
  const [was, is] = [sideOf(before, operated), sideOf(after, operated)]
  const direction = is === null || was === 'both' ? 'stricter' : was === null || is === 'both' ? 'laxer' : 'other'
  const { diagrams, variables, and } = space
  let cases = region
  // Where the operation tells the side it is known; that is as if it had been observed.
  variables.forEach((variable, index) => {
    if (operated === null || variable.kind !== 'fact' || !variable.isSide) return
    const observed = diagrams.choose(index, [no, ...variable.options.map(() => yes)])
    cases = and(cases, observed)
  })
  const kind = { kind: 'side', exercise, operated, before: was, after: is } as const
  return withCases(kind, direction, findOccasions(space, cases, operated))
}

// ---- Limits ----

function isNumber({ rule: { max, min } }: CompiledRule<Limit>): boolean {
  return max !== undefined || min !== undefined
}

function findLimits(space: DiffSpace, quantity: string, unit: string | null): Difference[] {
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

/** What one version lists in some case and the other does not. */
function compareLists<T>(
  space: DiffSpace,
  listOf: (side: DiffSide) => Listed<T>[],
): { rule: T; change: 'added' | 'removed'; region: Diagram; isOnly: boolean }[] {
  const { or, without } = space
  const [before, after] = [space.before, space.after].map((side) => {
    const all = new Map<string, Listed<T>>()
    for (const own of listOf(side)) {
      const known = all.get(own.key)
      all.set(own.key, known === undefined ? own : { ...known, region: or(known.region, own.region) })
    }
    return all
  })
  const found: ReturnType<typeof compareLists<T>> = []
  const seek = (
    own: ReadonlyMap<string, Listed<T>>,
    other: ReadonlyMap<string, Listed<T>>,
    change: 'added' | 'removed',
  ) => {
    for (const [key, { rule, region }] of own) {
      if (space.diagrams.isSpent()) return
      const counterpart = other.get(key)
      const alone = without(region, counterpart?.region ?? no)
      if (alone !== no) found.push({ rule, change, region: alone, isOnly: counterpart === undefined })
    }
  }
  seek(before ?? new Map(), after ?? new Map(), 'removed')
  seek(after ?? new Map(), before ?? new Map(), 'added')
  return found
}

/** A contraindication with some of its targets. */
interface Forbidding {
  rule: Contraindication
  targets: readonly Target[]
  document: ProtocolDocument
}

function findContraindications(space: DiffSpace): Difference[] {
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

function findInstructions(space: DiffSpace): Difference[] {
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

function findGoals(space: DiffSpace): Difference[] {
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

function findPhases(space: DiffSpace): Difference[] {
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

// ---- What needs no cases ----

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

function tells({ operation }: FactDeclaration): string | null {
  if (operation === undefined) return null
  return typeof operation === 'string' ? operation : `procedure ${operation.procedure}`
}

function findOthers({ before, after }: DiffSpace): Difference[] {
  const differences: Difference[] = []
  const flags = [before, after].map(({ document }) => toMap(document.redFlags))
  const [flagsBefore = new Map(), flagsAfter = new Map()] = flags
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
  const declaredBefore = new Map(before.compiled.facts.map(({ code, declared }) => [code, declared]))
  for (const { code, declared } of after.compiled.facts) {
    const was = declaredBefore.get(code)
    if (was === undefined || was === null || declared === null || tells(was) === tells(declared)) continue
    const fact = { code, title: declared.title }
    differences.push(withoutCases({ kind: 'told', fact, before: tells(was), after: tells(declared) }, 'other'))
  }
  const procedures = [before, after].map(({ document }) => toMap(document.procedures.map((code) => ({ code }))))
  for (const { change, item } of changesOf(procedures[0] ?? new Map(), procedures[1] ?? new Map())) {
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

// ---- The whole ----

/** Phases that are current in other cases, by code. */
function findMoves(space: DiffSpace, phase: Named): PhaseMove[] {
  const { diagrams, without } = space
  const indexIn = ({ compiled }: DiffSide): number =>
    compiled.phases.findIndex(({ named }) => named.code === phase.code) + 1
  const [before, after] = [space.before, space.after].map((side): Diagram => {
    const index = indexIn(side)
    return index === 0 ? no : diagrams.map(side.phase, (current) => (current === index ? 1 : 0))
  }) as [Diagram, Diagram]
  return (['lost', 'gained'] as const).flatMap((change): PhaseMove[] => {
    const [own, other, otherSide] = change === 'lost' ? [before, after, space.after] : [after, before, space.before]
    const found = withReadings(findOccasions(space, without(own, other)), change, extentOf(space, other))
    if (found === null) return []
    return [{ kind: 'move', phase, change, isOnly: indexIn(otherSide) === 0, direction: 'other', ...found }]
  })
}

const directions: readonly Direction[] = ['stricter', 'laxer', 'other']
const kinds: readonly DifferenceKind['kind'][] = [
  'exercise',
  'prescribed',
  'side',
  'dose',
  'supervision',
  'provided',
  'cautions',
  'limit',
  'instructed-limit',
  'contraindication',
  'match',
  'red-flag',
  'goal',
  'phase',
  'instruction',
  'asks',
  'told',
  'procedure',
]

function namesOf(items: readonly Named[], others: readonly Named[]): Named[] {
  const all = new Map([...others, ...items].map(({ code, title }) => [code, { code, title }]))
  return [...all.values()].sort((a, b) => compareText(a.code, b.code))
}

function exercisesOf({ compiled }: DiffSide): Named[] {
  return [...compiled.prescribed.values()].map(([entry]) => entry)
}

/**
 * What changes from one version to another: of meaning, decided over all cases of both, each with the days, the least that
 * it takes and a case that shows it; and of text. What the bound was not enough to decide is named in `undecided`.
 */
export function diff(before: ProtocolDocument, after: ProtocolDocument, most = mostOfDiff): Diff {
  const space = layOutBoth(compile(before, null), compile(after, null), most)
  const isReadAlike = readingOf(before) === readingOf(after)
  const work: Work = { space, isReadAlike, differences: [], undecided: [] }
  for (const { code, title } of namesOf(exercisesOf(space.after), exercisesOf(space.before))) {
    decide(
      work,
      { kind: 'exercise', of: { code, title } },
      (side) => rulesAbout(code, side),
      () => findExercise(space, { code, title }),
    )
  }
  const limits = new Map(
    [space.before, space.after].flatMap(({ compiled }) =>
      compiled.caps.map(
        ({ rule: { quantity, unit = null } }) => [canonical([quantity, unit]), { quantity, unit }] as const,
      ),
    ),
  )
  for (const { quantity, unit } of limits.values()) {
    const isAbout = (rule: Limit): boolean => rule.quantity === quantity && (rule.unit ?? null) === unit
    decide(
      work,
      { kind: 'limit', quantity, unit },
      ({ document }) => meantBy(document.limits.filter(isAbout)),
      () => findLimits(space, quantity, unit),
    )
  }
  decide(
    work,
    { kind: 'contraindications' },
    ({ document }) => meantBy(document.contraindications),
    () => findContraindications(space),
  )
  decide(
    work,
    { kind: 'instructions' },
    ({ document }) => meantBy(document.instructions),
    () => findInstructions(space),
  )
  decide(
    work,
    { kind: 'goals' },
    ({ document }) => meantBy(document.limits.filter(({ kind }) => kind === 'goal')),
    () => findGoals(space),
  )
  decide(
    work,
    { kind: 'phases' },
    ({ document }) => document.phases.map(({ setting = null, goals = [] }) => [setting, goals]),
    () => findPhases(space),
  )
  work.differences.push(...findOthers(space))
  const phases: PhaseMove[] = []
  if (work.differences.length > 0 && !isReadAlike) {
    for (const phase of namesOf(after.phases, before.phases)) {
      let found: PhaseMove[] = []
      const isDone = work.space.diagrams.isEnoughFor(() => {
        found = findMoves(space, phase)
      })
      if (isDone) phases.push(...found)
      else work.undecided.push({ kind: 'phase', of: phase })
    }
  }
  const { text, isCut } = diffText(before, after)
  const { differences, undecided } = work
  if (differences.length > mostDifferences) undecided.push({ kind: 'differences' })
  return {
    differences: differences.sort(compareDifferences).slice(0, mostDifferences),
    phases,
    undecided,
    text,
    isTextCut: isCut,
    looks: most - Math.max(space.diagrams.left, 0),
  }
}

/** In one order of kinds, and in that in which they were found: by code. */
function compareDifferences(a: Difference, b: Difference): number {
  return (
    directions.indexOf(a.direction) - directions.indexOf(b.direction) || kinds.indexOf(a.kind) - kinds.indexOf(b.kind)
  )
}
