import { leavesOf } from './condition.ts'
import type {
  CaseEntry,
  Condition,
  DayBound,
  FactDeclaration,
  FactValue,
  ProtocolDocument,
  Strength,
  TestCase,
} from './types.ts'

/** What a document may name besides its own parts: the clinic's procedures, catalogue and vocabulary. */
export interface Catalogue {
  procedures: ReadonlySet<string>
  exercises: ReadonlySet<string>
  groups: ReadonlySet<string>
  attributes: ReadonlySet<string>
}

export type ReferenceKind =
  | 'procedure'
  | 'exercise'
  | 'group'
  | 'attribute'
  | 'phase'
  | 'milestone'
  | 'fact'
  | 'source'
  | 'contraindication'
  | 'red flag'
  | 'quantity'

/** A flaw that makes a document ambiguous or unreadable. `path` is a JSON pointer into the document. */
export type DocumentFlaw =
  | { code: 'unknown-reference'; path: string; kind: ReferenceKind; name: string; known: readonly string[] }
  | { code: 'duplicate-code'; path: string; name: string }
  | { code: 'phase-in-entry'; path: string }
  | { code: 'phases-reversed'; path: string; from: string; through: string }
  | { code: 'empty-span'; path: string; atLeast: number; before: number }
  | { code: 'test-does-not-fit'; path: string; fact: string; type: string; test: string }
  | { code: 'value-does-not-fit'; path: string; fact: string; type: string }
  | { code: 'role-may-not-grant'; path: string; milestone: string; role: string; roles: readonly string[] }
  | { code: 'before-the-surgery'; path: string; milestone: string }
  | { code: 'after-the-day'; path: string; on: number; day: number }
  | { code: 'cannot-be-lifted'; path: string; contraindication: string; strength: Strength }
  | { code: 'unit-of-no-limit'; path: string; quantity: string; unit: string; units: readonly string[] }
  | { code: 'procedures-not-said'; path: string; fact: string; procedure: string }
  | { code: 'too-many-tests'; path: string; tests: number; most: number }

/** Tests of conditions in one document: ten times what a long published protocol has, and few enough to be quick. */
const mostTests = 3000

const listsWithCodes = [
  'exercises',
  'milestones',
  'facts',
  'phases',
  'prescriptions',
  'contraindications',
  'instructions',
  'limits',
  'redFlags',
] as const

/**
 * Every reference that does not resolve and every name that is used twice, each with its path; none for a document
 * that can be derived from. Whether it is a good protocol is another question.
 */
export function findFlaws(document: ProtocolDocument, catalogue: Catalogue): DocumentFlaw[] {
  const flaws: DocumentFlaw[] = []
  const own = {
    procedure: catalogue.procedures,
    attribute: catalogue.attributes,
    exercise: new Set([...catalogue.exercises, ...document.exercises.map((exercise) => exercise.code)]),
    group: new Set([...catalogue.groups, ...document.exercises.flatMap((exercise) => exercise.groups ?? [])]),
    phase: new Set(document.phases.map((phase) => phase.code)),
    milestone: new Set(document.milestones.map((milestone) => milestone.code)),
    fact: new Set(document.facts.map((fact) => fact.code)),
    source: new Set(document.sources.map((source) => source.id)),
    contraindication: new Set(document.contraindications.map((rule) => rule.code)),
    'red flag': new Set(document.redFlags.map((flag) => flag.code)),
    quantity: new Set(document.limits.map((limit) => limit.quantity)),
  } satisfies Record<ReferenceKind, ReadonlySet<string>>

  const known = Object.fromEntries(
    Object.entries(own).map(([kind, names]) => [kind, [...names].sort()]),
  ) as unknown as Record<ReferenceKind, readonly string[]>

  const refer = (kind: ReferenceKind, name: string | undefined, path: string): void => {
    if (name === undefined || own[kind].has(name)) return
    flaws.push({ code: 'unknown-reference', path, kind, name, known: known[kind] })
  }
  const referAll = (kind: ReferenceKind, names: readonly string[] | undefined, path: string): void => {
    names?.forEach((name, index) => {
      refer(kind, name, `${path}/${index}`)
    })
  }
  const spanOfPhases = (from: string | undefined, through: string | undefined, path: string): void => {
    refer('phase', from, `${path}/from`)
    refer('phase', through, `${path}/through`)
    if (from === undefined || through === undefined) return
    const order = document.phases.map((phase) => phase.code)
    const last = order.indexOf(through)
    if (last !== -1 && last < order.indexOf(from)) flaws.push({ code: 'phases-reversed', path, from, through })
  }
  let tests = 0
  const readCondition = (condition: Condition | undefined, path: string, isEntry = false): void => {
    for (const leaf of condition === undefined ? [] : leavesOf(condition)) {
      tests += 1
      if ('days' in leaf) {
        const { since, atLeast, before } = leaf.days
        refer('milestone', since, path)
        const from = firstOf(atLeast) ?? Number.NEGATIVE_INFINITY
        const until = lastOf(before) ?? Number.POSITIVE_INFINITY
        if (until <= from) flaws.push({ code: 'empty-span', path, atLeast: from, before: until })
      } else if ('milestone' in leaf) refer('milestone', leaf.milestone, path)
      else if ('phase' in leaf) {
        if (isEntry) flaws.push({ code: 'phase-in-entry', path })
        spanOfPhases(leaf.phase.from, leaf.phase.through, path)
      } else {
        refer('fact', leaf.fact, path)
        flaws.push(...misfits(leaf, document, path))
      }
    }
  }

  const readMilestone = (entry: Extract<CaseEntry, { milestone: string }>, line: string): void => {
    refer('milestone', entry.milestone, `${line}/milestone`)
    const declared = document.milestones.find(({ code }) => code === entry.milestone)
    if (declared === undefined) return
    const { code: milestone, grantedBy: roles = [], preOperative = false } = declared
    if (entry.by !== undefined && roles.length > 0 && !roles.includes(entry.by)) {
      flaws.push({ code: 'role-may-not-grant', path: `${line}/by`, milestone, role: entry.by, roles })
    }
    if (entry.on < 0 && !preOperative) flaws.push({ code: 'before-the-surgery', path: `${line}/on`, milestone })
  }

  const readLifts = (lifts: readonly string[] | undefined, path: string): void => {
    referAll('contraindication', lifts, path)
    lifts?.forEach((contraindication, index) => {
      const strength = document.contraindications.find(({ code }) => code === contraindication)?.strength
      if (strength === undefined || strength === 'relative') return
      flaws.push({ code: 'cannot-be-lifted', path: `${path}/${index}`, contraindication, strength })
    })
  }

  const readCase = ({ record = [], procedures, on, expect }: TestCase, path: string): void => {
    referAll('procedure', procedures, `${path}/procedures`)
    const asking = document.facts.find(({ operation }) => typeof operation === 'object')
    if (procedures === undefined && document.procedures.length > 1 && typeof asking?.operation === 'object') {
      flaws.push({ code: 'procedures-not-said', path, fact: asking.code, procedure: asking.operation.procedure })
    }
    record.forEach((entry, index) => {
      const line = `${path}/record/${index}`
      const since = 'on' in entry ? { key: 'on', day: entry.on } : { key: 'from', day: entry.from }
      if (since.day > on) flaws.push({ code: 'after-the-day', path: `${line}/${since.key}`, on: since.day, day: on })
      if ('milestone' in entry) readMilestone(entry, line)
      else if ('symptom' in entry) refer('red flag', entry.symptom, `${line}/symptom`)
      else if ('permit' in entry) {
        refer('exercise', entry.permit, `${line}/permit`)
        readLifts(entry.lifts, `${line}/lifts`)
      } else if ('withhold' in entry) refer('exercise', entry.withhold, `${line}/withhold`)
      else if ('fact' in entry) {
        refer('fact', entry.fact, `${line}/fact`)
        const declared = document.facts.find((fact) => fact.code === entry.fact)
        if (declared !== undefined && !canBe(declared, entry.is)) {
          flaws.push({ code: 'value-does-not-fit', path: `${line}/is`, fact: entry.fact, type: declared.type })
        }
      }
    })
    referAll('exercise', expect.permitted, `${path}/expect/permitted`)
    referAll('exercise', expect.withheld, `${path}/expect/withheld`)
    for (const code of Object.keys(expect.dose ?? {})) refer('exercise', code, `${path}/expect/dose/${code}`)
    expect.limits?.forEach(({ quantity, unit }, index) => {
      const limit = `${path}/expect/limits/${index}`
      refer('quantity', quantity, `${limit}/quantity`)
      const about = document.limits.filter((one) => one.quantity === quantity)
      const units = [...new Set(about.flatMap((one) => one.unit ?? []))].sort()
      if (unit === undefined || about.length === 0 || units.includes(unit)) return
      flaws.push({ code: 'unit-of-no-limit', path: `${limit}/unit`, quantity, unit, units })
    })
    if (expect.phase !== null) refer('phase', expect.phase, `${path}/expect/phase`)
  }

  for (const list of listsWithCodes)
    noteDuplicates(
      document[list].map((item) => item.code),
      `/${list}`,
      flaws,
    )
  noteDuplicates(
    document.sources.map((source) => source.id),
    '/sources',
    flaws,
  )

  referAll('procedure', document.procedures, '/procedures')
  document.exercises.forEach((exercise, index) => {
    for (const attribute of Object.keys(exercise.attributes)) {
      refer('attribute', attribute, `/exercises/${index}/attributes/${attribute}`)
    }
  })
  for (const list of ['milestones', 'redFlags'] as const) {
    document[list].forEach((item, index) => {
      referAll('source', item.sources, `/${list}/${index}/sources`)
    })
  }
  document.phases.forEach((phase, index) => {
    readCondition(phase.entry, `/phases/${index}/entry`, true)
    referAll('source', phase.sources, `/phases/${index}/sources`)
  })
  document.prescriptions.forEach((prescription, index) => {
    const path = `/prescriptions/${index}`
    refer('exercise', prescription.exercise, `${path}/exercise`)
    refer('group', prescription.group, `${path}/group`)
    spanOfPhases(prescription.from, prescription.through, path)
    prescription.dosage?.forEach((step, stepIndex) => {
      readCondition(step.when, `${path}/dosage/${stepIndex}/when`)
    })
  })
  document.contraindications.forEach((rule, index) => {
    for (const list of ['target', 'except'] as const) {
      rule[list]?.forEach((target, targetIndex) => {
        const path = `/contraindications/${index}/${list}/${targetIndex}`
        refer('exercise', target.exercise, `${path}/exercise`)
        refer('group', target.group, `${path}/group`)
        for (const attribute of Object.keys(target.attributes ?? {})) {
          refer('attribute', attribute, `${path}/attributes/${attribute}`)
        }
      })
    }
  })
  document.facts.forEach(({ operation }, index) => {
    if (typeof operation === 'object') refer('procedure', operation.procedure, `/facts/${index}/operation/procedure`)
  })
  for (const list of ['prescriptions', 'contraindications', 'instructions', 'limits'] as const) {
    document[list].forEach((rule, index) => {
      readCondition(rule.when, `/${list}/${index}/when`)
      referAll('source', rule.sources, `/${list}/${index}/sources`)
    })
  }
  const cases = document.cases ?? []
  noteDuplicates(
    cases.map((testCase) => testCase.code),
    '/cases',
    flaws,
  )
  cases.forEach((testCase, index) => {
    readCase(testCase, `/cases/${index}`)
  })
  if (tests > mostTests) flaws.push({ code: 'too-many-tests', path: '', tests, most: mostTests })
  return flaws
}

/** The number itself, or the first of a range. */
function firstOf(bound: DayBound | undefined): number | undefined {
  return typeof bound === 'object' ? bound[0] : bound
}

function lastOf(bound: DayBound | undefined): number | undefined {
  return typeof bound === 'object' ? bound[1] : bound
}

function noteDuplicates(codes: readonly string[], path: string, flaws: DocumentFlaw[]): void {
  codes.forEach((name, index) => {
    if (codes.indexOf(name) !== index) flaws.push({ code: 'duplicate-code', path: `${path}/${index}`, name })
  })
}

/** Tests that no value of the declared type can meet: `atLeast` on a boolean, a choice that is not offered. */
function misfits(leaf: Extract<Condition, { fact: string }>, document: ProtocolDocument, path: string): DocumentFlaw[] {
  const declared = document.facts.find((fact) => fact.code === leaf.fact)
  if (declared === undefined) return []
  const misfit = (test: string): DocumentFlaw => ({
    code: 'test-does-not-fit',
    path,
    fact: leaf.fact,
    type: declared.type,
    test,
  })
  const flaws: DocumentFlaw[] = []
  for (const test of ['atLeast', 'atMost', 'above', 'below'] as const) {
    if (leaf[test] !== undefined && declared.type !== 'number') flaws.push(misfit(test))
  }
  if (leaf.is !== undefined && !isOfType(declared, leaf.is)) flaws.push(misfit('is'))
  if (leaf.in?.some((value) => !isOfType(declared, value))) flaws.push(misfit('in'))
  return flaws
}

function isOfType({ type, values = [] }: FactDeclaration, value: FactValue): boolean {
  if (typeof value !== (type === 'number' || type === 'boolean' ? type : 'string')) return false
  return type !== 'choice' || values.some((candidate) => candidate === value)
}

/** Whether the fact can be observed with that value. */
function canBe(declared: FactDeclaration, value: FactValue): boolean {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = declared
  return isOfType(declared, value) && (typeof value !== 'number' || (min <= value && value <= max))
}
