import {
  type CaseSpace,
  findCase,
  type Inquiry,
  isSpent,
  layOut,
  type Outcome,
  toSpans,
  toWitness,
  untilSpent,
} from './case-space.ts'
import { asForbid, asGrant, canGrant, contraindicationsOf, truthsOf } from './cases.ts'
import {
  type Compiled,
  type CompiledPrescription,
  type CompiledRule,
  compareText,
  compile,
  matchesOf,
} from './compile.ts'
import { leavesOf } from './condition.ts'
import { findRelaxingLimits } from './limits-over-time.ts'
import { isAbout, matchRule } from './match.ts'
import { findOpportunity, inquireAfter, isNone, prescriptionsFor } from './opportunities.ts'
import { type Catalogue, type DocumentFlaw, findFlaws } from './references.ts'
import { truthOfValue } from './situation.ts'
import { runCases } from './test-cases.ts'
import { both, isFalse, isTrue, opposite, type Truths } from './truth.ts'
import type {
  AcceptedFinding,
  CaseResult,
  Check,
  Condition,
  Contraindication,
  Finding,
  FindingCode,
  Limit,
  ProtocolDocument,
  Target,
  Witness,
} from './types.ts'

/** So many tests of one document are looked at; if that is not enough to decide everything, it is a finding of its own. */
const mostTestsOfCheck = 20_000_000

/** So many warnings are told. */
const mostWarnings = 1000

/** What is found, without what every finding has. */
type Draft = Pick<Finding, 'code' | 'path' | 'subject'> &
  Partial<Pick<Finding, 'days' | 'witness' | 'counterpart' | 'other' | 'failure'>> & {
    /** What makes its name one of its own. */
    about: string
  }

const errors: ReadonlySet<FindingCode> = new Set([
  'unknown-reference',
  'duplicate-code',
  'phase-in-entry',
  'unreachable-phase',
  'grant-never-effective',
  'contradictory-bounds',
  'check-incomplete',
  'case-failed',
])

interface Findings {
  all: readonly Draft[]
  push: (...drafts: readonly Draft[]) => void
  /** There are more warnings than are told. */
  isCut: () => boolean
}

/** Collects findings: every error, and as many warnings as somebody could read. */
function collect(): Findings {
  const all: Draft[] = []
  let warnings = 0
  return {
    all,
    push: (...drafts) => {
      for (const draft of drafts) {
        if (!errors.has(draft.code)) warnings += 1
        if (errors.has(draft.code) || warnings <= mostWarnings) all.push(draft)
      }
    },
    isCut: () => warnings > mostWarnings,
  }
}

interface Checked {
  document: ProtocolDocument
  compiled: Compiled
  space: CaseSpace
  findings: Findings
}

const anyTruth: Truths = isTrue | isFalse

/** JSON pointer to a rule, by its place in the document as it is written. */
function pathOf(
  document: ProtocolDocument,
  list: 'phases' | 'prescriptions' | 'contraindications' | 'instructions' | 'limits',
  code: string,
): string {
  return `/${list}/${document[list].findIndex((rule) => rule.code === code)}`
}

/** A case with the fewest records in which it is so; on a day of that cell, if one is given. */
function witnessOn(space: CaseSpace, inquiry: Inquiry, cell: number | null): Witness | null {
  const found = findCase(space, inquiry, cell, true)
  return found === null ? null : toWitness(space, found)
}

/** Of the first of the inquiries that has one. */
function witnessOf(space: CaseSpace, ...inquiries: readonly Inquiry[]): Witness | null {
  for (const inquiry of inquiries) {
    const witness = witnessOn(space, inquiry, null)
    if (witness !== null) return witness
  }
  return null
}

const anyCase: Inquiry = { asks: () => isTrue }

/** Whether exactly that phase can be the current one. */
function inPhase(index: number): (outcome: Outcome) => Truths {
  return ({ possible }) => {
    if (!possible[index + 1]) return isFalse
    return possible.filter(Boolean).length === 1 ? isTrue : anyTruth
  }
}

/** Whether some phase is the current one. */
function hasPhase({ possible: [none, ...phases] }: Outcome): Truths {
  return phases.some(Boolean) ? (none ? anyTruth : isTrue) : isFalse
}

function nameOf({ rule }: CompiledPrescription): string {
  return rule.exercise ?? rule.group ?? rule.code
}

// ---- Phases ----

function checkReach({ document, compiled, space, findings }: Checked): void {
  compiled.phases.forEach(({ phase }, index) => {
    const reached = findCase(space, { asks: inPhase(index) }, null)
    if (reached !== null) return
    // The furthest that a patient gets, as the case that shows it.
    const others = compiled.phases.map((_, other) => ({ asks: inPhase(other) }))
    const witness = witnessOf(space, ...others.toSpliced(index, 1).reverse())
    const path = pathOf(document, 'phases', phase.code)
    findings.push({ code: 'unreachable-phase', about: phase.code, path, subject: phase.title, witness })
  })
}

function checkPhases({ document, compiled, space, findings }: Checked): void {
  compiled.phases.forEach(({ phase }, index) => {
    const witness = witnessOf(space, { asks: inPhase(index) })
    if (witness === null) return
    const grants = compiled.prescriptions.filter(({ from, through }) => from <= index && index <= through)
    const isGranting = grants.some((prescription) => {
      const asks = (outcome: Outcome): Truths =>
        both(inPhase(index)(outcome), canGrant(prescription, outcome.truths, outcome.possible))
      return findCase(space, { whens: [prescription.when], asks }, null) !== null
    })
    if (isGranting) return
    const path = pathOf(document, 'phases', phase.code)
    findings.push({ code: 'empty-phase', about: phase.code, path, subject: phase.title, witness })
  })
  const anywhere: Inquiry = { asks: hasPhase }
  const without = [...space.days.entries()].flatMap(([cell, { from }]) =>
    from >= 0 && findCase(space, anywhere, cell) === null ? cell : [],
  )
  const [first] = without
  if (first === undefined || compiled.phases.length === 0) return
  const witness = witnessOn(space, anyCase, first)
  const days = toSpans(space, without)
  findings.push({ code: 'gap', about: 'phases', path: '/phases', subject: 'phases', days, witness })
}

// ---- Prescriptions ----

function checkEffect({ document, compiled, space, findings }: Checked): void {
  for (const prescription of compiled.prescriptions) {
    const { rule, covered } = prescription
    const isEffective = covered.some((code) => {
      const entries = compiled.exercises.get(code)
      if (entries === undefined) return false
      return findCase(space, inquireAfter(compiled, entries, [prescription], isRelative), null) !== null
    })
    if (isEffective) continue
    const path = pathOf(document, 'prescriptions', rule.code)
    const witness = witnessOf(space, grantOf(prescription), anyCase)
    findings.push({ code: 'grant-never-effective', about: rule.code, path, subject: nameOf(prescription), witness })
  }
}

/** Cases in which the prescription grants. */
function grantOf(prescription: CompiledPrescription): Inquiry {
  return { whens: [prescription.when], asks: ({ truths, possible }) => canGrant(prescription, truths, possible) }
}

function isRelative({ strength }: Contraindication): boolean {
  return strength === 'relative'
}

function checkPrescriptions(checked: Checked): void {
  const { document, compiled, findings } = checked
  const ineffective = new Set(
    findings.all.filter(({ code }) => code === 'grant-never-effective').map(({ about }) => about),
  )
  for (const prescription of compiled.prescriptions) {
    const { code } = prescription.rule
    const path = pathOf(document, 'prescriptions', code)
    if (!ineffective.has(code)) checkContradiction(checked, prescription, path)
    checkSteps(checked, prescription, path)
  }
}

/**
 * Contraindications that withhold on some days, whoever the patient is, what the prescription grants. One that depends on
 * the patient (an observation, a clearance that can be given by then) is no contradiction.
 */
function checkContradiction(
  { compiled, space, findings }: Checked,
  prescription: CompiledPrescription,
  path: string,
): void {
  const { rule, covered } = prescription
  const entries = covered.flatMap((code) => compiled.exercises.get(code) ?? [])
  const grants = grantOf(prescription)
  for (const active of contraindicationsOf(compiled, matchesOf(compiled, entries))) {
    if (findings.isCut()) return
    if (active.rule.strength === 'caution') continue
    const whens = [prescription.when, active.when]
    const forbidden = ({ truths }: Outcome): Truths => asForbid(truthsOf(active.when, truths))
    // A rule that applies only because nobody has asked yet is no contradiction.
    const clash: Inquiry = {
      whens,
      isObserved: true,
      asks: (outcome) => both(grants.asks(outcome), forbidden(outcome)),
    }
    const peace: Inquiry = { whens, asks: (outcome) => both(grants.asks(outcome), opposite(forbidden(outcome))) }
    const days: number[] = []
    let witness: Witness | null = null
    for (const cell of space.days.keys()) {
      const shown = witnessOn(space, clash, cell)
      if (shown === null || findCase(space, peace, cell) !== null) continue
      witness ??= shown
      days.push(cell)
    }
    if (witness === null) continue
    findings.push({
      code: 'granted-but-contraindicated',
      about: `${rule.code}/${active.rule.code}`,
      path,
      subject: nameOf(prescription),
      other: active.rule.code,
      days: toSpans(space, days),
      witness,
    })
  }
}

/** Steps of a dosage that no case chooses, or that make no difference to the dose. */
function checkSteps({ space, findings }: Checked, prescription: CompiledPrescription, path: string): void {
  const { rule, steps, when } = prescription
  steps.forEach((step, index) => {
    const whens = [when, ...steps.map((other) => other.when)]
    const isTaken = ({ truths, possible }: Outcome): Truths =>
      both(canGrant(prescription, truths, possible), asGrant(truthsOf(step.when, truths)))
    const taken = witnessOf(space, { whens, asks: isTaken })
    const about = `${rule.code}/dosage-${index + 1}`
    const draft = { about, path: `${path}/dosage/${index}`, subject: nameOf(prescription) }
    // While it is unknown whether the step is taken, it lowers the dose of the one that is.
    const matters = ({ truths, possible }: Outcome): Truths => {
      let isLast = both(canGrant(prescription, truths, possible), asForbid(truthsOf(step.when, truths)))
      for (const later of steps.slice(index + 1)) {
        isLast = both(isLast, opposite(asGrant(truthsOf(later.when, truths))))
      }
      return isLast
    }
    if (taken === null) {
      const lowering = witnessOf(space, { whens, asks: matters })
      const witness = lowering ?? witnessOf(space, grantOf(prescription))
      const other = lowering === null ? null : 'unknown'
      // A prescription that never grants has a finding of its own.
      if (witness !== null) findings.push({ code: 'rule-never-applies', ...draft, other, witness })
      return
    }
    if (findCase(space, { whens, asks: matters }, null) === null) {
      findings.push({ code: 'shadowed-rule', ...draft, witness: taken })
    }
  })
}

/** Whether an answer can list a rule that is in force: instructions and goals need a phase, others that or the surgery. */
function isHeard(outcome: Outcome, needsPhase: boolean): Truths {
  return !needsPhase && outcome.days.from >= 0 ? isTrue : hasPhase(outcome)
}

// ---- Contraindications, instructions and limits ----

const rank = { caution: 0, relative: 1, absolute: 2 } as const

function checkRules(checked: Checked): void {
  const { document, compiled, space, findings } = checked
  const lists = [
    { list: 'contraindications', rules: compiled.contraindications, isGoal: false },
    { list: 'instructions', rules: compiled.instructions, isGoal: false },
    { list: 'limits', rules: compiled.caps, isGoal: false },
    { list: 'limits', rules: compiled.goals, isGoal: true },
  ] as const
  for (const { list, rules, isGoal } of lists) {
    for (const { rule, when } of rules) {
      const path = pathOf(document, list, rule.code)
      const subject = 'title' in rule ? rule.title : rule.code
      const about = `${list}/${rule.code}`
      const applies: Inquiry = {
        whens: [when],
        asks: (outcome) => {
          const { truths } = outcome
          const isInForce = isGoal ? asGrant(truthsOf(when, truths)) : asForbid(truthsOf(when, truths))
          return both(isInForce, isHeard(outcome, isGoal || list === 'instructions'))
        },
      }
      const witness = witnessOf(space, applies)
      const draft = { code: 'rule-never-applies', about, path, subject } as const
      if (witness === null) findings.push({ ...draft, witness: witnessOf(space, anyCase) })
      else if ('target' in rule && !document.exercises.some((own) => matchRule(rule, [own]) !== null)) {
        findings.push({ ...draft, other: 'target', witness })
      }
    }
  }
  checkShadowedContraindications(checked)
  checkShadowedLimits(checked)
}

/** Whether everything that matches `target` matches `other` too, whatever the exercise. */
function isWithin(target: Target, other: Target): boolean {
  const named = (['exercise', 'group', 'kind'] as const).every(
    (key) => other[key] === undefined || other[key] === target[key],
  )
  // What is left ungraded matches both, one graded at least as high as one tests matches the other.
  const tested = Object.entries(other.attributes ?? {})
  return named && tested.every(([attribute, grade]) => (target.attributes?.[attribute] ?? 0) >= grade)
}

function covers(rule: Contraindication, target: Target): boolean {
  return (rule.except ?? []).length === 0 && rule.target.some((other) => isWithin(target, other))
}

/** Rules that make no difference, because others that say as much stand whenever they do. */
function checkShadowedContraindications({ document, compiled, space, findings }: Checked): void {
  const shadowed = new Set<CompiledRule<Contraindication>>()
  for (const contraindication of compiled.contraindications) {
    const { rule, when } = contraindication
    const witness = witnessOf(space, standing(when))
    if (witness === null) continue
    const covering = new Set<string>()
    const isNeeded = rule.target.some((target) => {
      space.budget.left -= compiled.contraindications.reduce((sum, other) => sum + other.rule.target.length, 0)
      const others = compiled.contraindications.filter(
        (other) =>
          other !== contraindication &&
          !shadowed.has(other) &&
          rank[other.rule.strength] >= rank[rule.strength] &&
          covers(other.rule, target),
      )
      if (others.length === 0) return true
      for (const other of others) {
        if (findCase(space, standing(when, other.when), null) !== null) covering.add(other.rule.code)
      }
      return !isCoveredBy(space, contraindication, others)
    })
    if (isNeeded) continue
    shadowed.add(contraindication)
    const path = pathOf(document, 'contraindications', rule.code)
    const other = [...covering].sort().join(', ')
    findings.push({
      code: 'shadowed-rule',
      about: `contraindications/${rule.code}`,
      path,
      subject: rule.title,
      other,
      witness,
    })
  }
}

/** Cases in which all of these rules are in force, and an answer can list them. */
function standing(...whens: readonly CompiledRule<unknown>['when'][]): Inquiry {
  const asks = (outcome: Outcome): Truths =>
    whens.reduce((all: Truths, when) => both(all, asForbid(truthsOf(when, outcome.truths))), isHeard(outcome, false))
  return { whens, asks }
}

/** Whether one of the others applies in every case in which the rule does. */
function isCoveredBy(
  space: CaseSpace,
  { when }: CompiledRule<unknown>,
  others: readonly CompiledRule<unknown>[],
): boolean {
  const asks = (outcome: Outcome): Truths => {
    const { truths } = outcome
    let alone = both(isHeard(outcome, false), asForbid(truthsOf(when, truths)))
    for (const other of others) alone = both(alone, opposite(asForbid(truthsOf(other.when, truths))))
    return alone
  }
  return findCase(space, { whens: [when, ...others.map((other) => other.when)], asks }, null) === null
}

function isAsStrict(other: Limit, limit: Limit): boolean {
  const max = limit.max === undefined || (other.max ?? Number.POSITIVE_INFINITY) <= limit.max
  const min = limit.min === undefined || (other.min ?? Number.NEGATIVE_INFINITY) >= limit.min
  return max && min
}

function isNumber({ max, min }: Limit): boolean {
  return max !== undefined || min !== undefined
}

function checkShadowedLimits({ document, compiled, space, findings }: Checked): void {
  const shadowed = new Set<CompiledRule<Limit>>()
  for (const limit of compiled.caps.filter(({ rule }) => isNumber(rule))) {
    const { rule, when } = limit
    const alike = compiled.caps.filter((other) => other !== limit && isNumber(other.rule) && isAlike(other.rule, rule))
    const path = pathOf(document, 'limits', rule.code)
    const stricter = alike.filter((other) => isAsStrict(other.rule, rule) && !shadowed.has(other))
    const witness = witnessOf(space, standing(when))
    if (stricter.length === 0 || witness === null || !isCoveredBy(space, limit, stricter)) continue
    shadowed.add(limit)
    const other = stricter.map((one) => one.rule.code).join(', ')
    findings.push({ code: 'shadowed-rule', about: `limits/${rule.code}`, path, subject: rule.code, other, witness })
  }
}

function isAlike(one: Limit, other: Limit): boolean {
  return one.quantity === other.quantity && one.unit === other.unit
}

function checkClashes(checked: Checked): void {
  const { caps } = checked.compiled
  for (const one of caps) {
    for (const other of caps) if (isAlike(one.rule, other.rule)) checkContradictoryLimits(checked, one, other)
  }
}

/** Two limits that may apply at once and that no number meets. */
function checkContradictoryLimits(
  { document, space, findings }: Checked,
  one: CompiledRule<Limit>,
  other: CompiledRule<Limit>,
): void {
  if (one.rule.min === undefined || other.rule.max === undefined || one.rule.min <= other.rule.max) return
  // What applies only because nobody has asked yet is no contradiction.
  const witness = witnessOf(space, { ...standing(one.when, other.when), isObserved: true })
  if (witness === null) return
  findings.push({
    code: 'contradictory-bounds',
    about: `limits/${one.rule.code}/${other.rule.code}`,
    path: pathOf(document, 'limits', one.rule.code),
    subject: one.rule.code,
    other: other.rule.code,
    witness,
  })
}

// ---- What needs no cases ----

/** Every condition of the document, with its path. */
function* conditionsOf(document: ProtocolDocument): Generator<{ condition: Condition; path: string }> {
  for (const [index, { entry }] of document.phases.entries()) yield { condition: entry, path: `/phases/${index}/entry` }
  for (const list of ['prescriptions', 'contraindications', 'instructions', 'limits'] as const) {
    for (const [index, { when }] of document[list].entries()) {
      if (when !== undefined) yield { condition: when, path: `/${list}/${index}/when` }
    }
  }
  for (const [index, { dosage = [] }] of document.prescriptions.entries()) {
    for (const [step, { when }] of dosage.entries()) {
      if (when !== undefined) yield { condition: when, path: `/prescriptions/${index}/dosage/${step}/when` }
    }
  }
}

function checkDeclarations({ document, findings }: Checked): void {
  const used = { milestones: new Set<string>(), facts: new Set<string>(), sources: new Set<string>() }
  for (const { condition, path } of conditionsOf(document)) {
    for (const leaf of leavesOf(condition)) {
      if ('milestone' in leaf) used.milestones.add(leaf.milestone)
      else if ('days' in leaf && leaf.days.since !== undefined) used.milestones.add(leaf.days.since)
      else if ('fact' in leaf) {
        used.facts.add(leaf.fact)
        const declared = document.facts.find(({ code }) => code === leaf.fact)
        if (declared?.type === 'number' && !canBeMet(leaf, declared.min, declared.max)) {
          findings.push({
            code: 'contradictory-bounds',
            about: `${path.slice(1)}/${leaf.fact}`,
            path,
            subject: declared.title,
            other: leaf.fact,
          })
        }
      }
    }
  }
  const sourced = [...document.milestones, ...document.phases, ...document.prescriptions, ...document.contraindications]
  for (const { sources = [] } of [...sourced, ...document.instructions, ...document.limits, ...document.redFlags]) {
    for (const source of sources) used.sources.add(source)
  }
  const unused = (
    list: 'milestones' | 'facts' | 'sources' | 'exercises',
    code: string,
    title: string,
    index: number,
  ): void => {
    findings.push({ code: 'unused-declaration', about: `${list}/${code}`, path: `/${list}/${index}`, subject: title })
  }
  document.milestones.forEach(({ code, title }, index) => {
    if (!used.milestones.has(code)) unused('milestones', code, title, index)
  })
  document.facts.forEach(({ code, title }, index) => {
    if (!used.facts.has(code)) unused('facts', code, title, index)
  })
  document.sources.forEach(({ id, title }, index) => {
    if (!used.sources.has(id)) unused('sources', id, title, index)
  })
  document.exercises.forEach((exercise, index) => {
    if (!isAbout(document, exercise)) unused('exercises', exercise.code, exercise.title, index)
  })
  for (const list of ['prescriptions', 'contraindications', 'instructions', 'limits', 'redFlags'] as const) {
    document[list].forEach(({ code, sources = [] }, index) => {
      if (sources.length === 0)
        findings.push({ code: 'no-source', about: `${list}/${code}`, path: `/${list}/${index}`, subject: code })
    })
  }
}

/** Whether a number that can be observed meets the test. */
function canBeMet(
  test: Extract<Condition, { fact: string }>,
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
): boolean {
  const {
    is,
    in: oneOf,
    atLeast = min,
    atMost = max,
    above = Number.NEGATIVE_INFINITY,
    below = Number.POSITIVE_INFINITY,
  } = test
  const named = [...(is === undefined ? [] : [is]), ...(oneOf ?? [])]
  if (named.length > 0) {
    return named.some(
      (value) => typeof value === 'number' && min <= value && value <= max && truthOfValue(test, value) === isTrue,
    )
  }
  const low = Math.max(atLeast, min)
  const high = Math.min(atMost, max)
  return low <= high && above < below && above < high && low < below
}

/** Attributes that a contraindication tests and an exercise that is prescribed leaves ungraded. */
function checkGrades({ document, compiled, space, findings }: Checked): void {
  document.exercises.forEach((exercise, index) => {
    if (!compiled.prescriptionsOf.has(exercise.code)) return
    const tested = new Map<string, CompiledRule<Contraindication>[]>()
    for (const match of matchesOf(compiled, [exercise])) {
      const rules = contraindicationsOf(compiled, [match])
      for (const attribute of match.ungraded) tested.set(attribute, [...(tested.get(attribute) ?? []), ...rules])
    }
    for (const [attribute, rules] of tested) {
      if (findings.isCut()) return
      const witness = witnessOf(space, ...rules.map(({ when }) => standing(when)))
      // Rules that never stand have findings of their own.
      if (witness === null) continue
      findings.push({
        code: 'ungraded-attribute',
        about: `${exercise.code}/${attribute}`,
        path: `/exercises/${index}/attributes`,
        subject: exercise.title,
        other: attribute,
        witness,
      })
    }
  })
}

// ---- Gaps ----

/** Exercises that can be permitted before and after some days, but not on them. */
function checkGaps({ compiled, space, findings, document }: Checked): void {
  for (const [code, entries] of compiled.prescribed) {
    const inquiry = inquireAfter(compiled, entries, prescriptionsFor(compiled, entries), isNone)
    const can = space.days.map((_, cell) => findCase(space, inquiry, cell) !== null)
    const between = [...can.keys()].slice(can.indexOf(true), can.lastIndexOf(true))
    const without = between.filter((cell) => !can[cell])
    const [first] = without
    if (first === undefined) continue
    findings.push({
      code: 'gap',
      about: `exercises/${code}`,
      path: `/exercises/${document.exercises.findIndex((exercise) => exercise.code === code)}`,
      subject: entries[0].title,
      days: toSpans(space, without),
      witness: witnessOn(space, anyCase, first),
    })
  }
}

// ---- Test cases ----

function checkTestCases({ document, findings }: Checked): void {
  runCases(document).forEach((failure, index) => {
    if (failure.differences.length === 0) return
    const { code, title = code } = failure.case
    const path = `/cases/${index}`
    findings.push({ code: 'case-failed', about: code, path, subject: title, witness: toCaseWitness(failure), failure })
  })
}

/** The case as a witness, where its record has nothing that a witness cannot say. */
function toCaseWitness({ case: { on, record = [] } }: CaseResult): Witness | null {
  const milestones = record.flatMap((entry) =>
    'milestone' in entry && entry.by === undefined && entry.revoked === undefined
      ? [{ code: entry.milestone, day: entry.on }]
      : [],
  )
  const facts = record.flatMap((entry) =>
    'fact' in entry ? [{ code: entry.fact, value: entry.is, day: entry.on }] : [],
  )
  return milestones.length + facts.length === record.length ? { daysSinceSurgery: on, milestones, facts } : null
}

// ---- The whole ----

const codeOfFlaw: Record<DocumentFlaw['code'], FindingCode> = {
  'unknown-reference': 'unknown-reference',
  'duplicate-code': 'duplicate-code',
  'phase-in-entry': 'phase-in-entry',
  'phases-reversed': 'contradictory-bounds',
  'empty-span': 'contradictory-bounds',
  'test-does-not-fit': 'contradictory-bounds',
  'value-does-not-fit': 'contradictory-bounds',
  'role-may-not-grant': 'unknown-reference',
  'before-the-surgery': 'contradictory-bounds',
  'after-the-day': 'contradictory-bounds',
  'cannot-be-lifted': 'unknown-reference',
  'unit-of-no-limit': 'unknown-reference',
  'procedures-not-said': 'unknown-reference',
  'too-many-tests': 'check-incomplete',
}

function toDraft(flaw: DocumentFlaw): Draft {
  const subject = 'name' in flaw ? flaw.name : 'fact' in flaw ? flaw.fact : flaw.path
  return {
    code: codeOfFlaw[flaw.code],
    about: flaw.path.slice(1) || 'tests',
    path: flaw.path,
    subject,
    other: 'kind' in flaw ? flaw.kind : 'most' in flaw ? String(flaw.most) : null,
  }
}

/** Whether a rule matches any exercise, and with grades, depends on the catalogue that the document is checked with. */
const ofCatalogue = ['rule-never-applies:contraindications/', 'ungraded-attribute:']

/** What is accepted and not found any more. */
function findIdleAcceptance(accepted: readonly AcceptedFinding[], drafts: readonly Draft[]): Draft[] {
  const found = new Set(drafts.map(nameFinding))
  return accepted.flatMap(({ finding }, index): Draft[] => {
    if (found.has(finding) || ofCatalogue.some((start) => finding.startsWith(start))) return []
    return [{ code: 'unused-declaration', about: `accepted/${finding}`, path: `/accepted/${index}`, subject: finding }]
  })
}

function nameFinding({ code, about }: Draft): string {
  return `${code}:${about}`
}

/** Where not everything was decided, what is accepted and not found may be there all the same. */
function complete({ accepted = [] }: ProtocolDocument, drafts: readonly Draft[], isDecided: boolean): Finding[] {
  const reasons = new Map(accepted.map(({ finding, reason }) => [finding, reason]))
  const idle = isDecided ? findIdleAcceptance(accepted, drafts) : []
  const all = [...drafts, ...idle].map(({ about, ...draft }): Finding => {
    const name = nameFinding({ about, ...draft })
    const reason = reasons.get(name) ?? null
    // A check that decided all that is an error and no more may be let stand; other errors may not.
    const isError = errors.has(draft.code) && !(name === 'check-incomplete:cases' && reason !== null)
    return {
      severity: isError ? 'error' : 'warning',
      name,
      other: null,
      days: [],
      witness: null,
      counterpart: null,
      failure: null,
      ...draft,
      accepted: isError ? null : reason,
    }
  })
  return (['error', 'warning'] as const).flatMap((wanted) =>
    all.filter(({ severity }) => severity === wanted).sort((a, b) => compareText(a.name, b.name)),
  )
}

/**
 * Everything that is wrong or doubtful about a document, decided over all its cases, each with a case that shows it;
 * and when, if ever, each of its exercises is permitted. With a catalogue its references are checked first: where one
 * does not resolve, nothing else is decided. The document brings along the catalogue's entries that its rules are about.
 */
export function check(document: ProtocolDocument, catalogue?: Catalogue, most = mostTestsOfCheck): Check {
  const flaws = catalogue === undefined ? [] : findFlaws(document, catalogue)
  if (flaws.length > 0) return { findings: complete(document, flaws.map(toDraft), false), opportunities: [], looks: 0 }

  const compiled = compile(document, null)
  const space = layOut(compiled, most)
  const checked: Checked = { document, compiled, space, findings: collect() }
  // What blocks publishing comes first, so that it is decided before anything else can use up the bound.
  checkTestCases(checked)
  untilSpent(() => {
    checkReach(checked)
    checkEffect(checked)
    checkClashes(checked)
  })
  const isSafe = !isSpent(space)
  checkDeclarations(checked)
  untilSpent(() => {
    checkPhases(checked)
    checkPrescriptions(checked)
    checkRules(checked)
    checkGrades(checked)
    checkGaps(checked)
  })
  checked.findings.push(...findRelaxingLimits(checked))
  const opportunities = [...compiled.prescribed.values()].map((entries) => findOpportunity(space, entries))
  const { all, isCut } = checked.findings
  const isDecided = !isSpent(space) && !isCut()
  const incomplete: Draft = {
    code: 'check-incomplete',
    about: isSafe ? 'cases' : 'errors',
    path: '',
    subject: document.title,
    other: isSpent(space) ? String(most) : null,
  }
  return {
    findings: complete(document, isDecided ? all : [...all, incomplete], isDecided),
    opportunities,
    looks: most - Math.max(space.budget.left, 0),
  }
}
