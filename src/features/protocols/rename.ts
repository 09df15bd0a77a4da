import type { CaseEntry, Condition, ProtocolDocument, TestCase } from '../../rules/index.ts'
import { type EditableKind, nameOf, partKinds, partsOf } from './part-kinds.ts'

export interface Renamed {
  document: ProtocolDocument
  /** JSON pointers to every other place that named the part, in the order of the document. */
  uses: string[]
}

/** What can be named elsewhere in a document: `visit` gives the name that is to stand at that place. */
type Visit = (kind: EditableKind, name: string, pointer: string) => string

/** Gives the part another code (a source: another id) and every place that names it, findings that are accepted too. */
export function renamePart(document: ProtocolDocument, kind: EditableKind, from: string, to: string): Renamed {
  const uses: string[] = []
  const renamed = mapNames(document, (named, name, pointer) => {
    if (named !== kind || name !== from) return name
    uses.push(pointer)
    return to
  })
  const accepted = document.accepted?.map((one, index) => {
    const finding = renameFinding(document, one.finding, kind, from, to)
    if (finding !== one.finding) uses.push(`/accepted/${index}/finding`)
    return { ...one, finding }
  })
  const { key } = partKinds[kind]
  const parts = partsOf(renamed, kind).map((part) => (nameOf(kind, part) === from ? { ...part, [key]: to } : part))
  return { document: { ...renamed, [kind]: parts, ...(accepted && { accepted }) }, uses }
}

/** The document with every name of a part replaced by what `visit` says. */
function mapNames(document: ProtocolDocument, visit: Visit): ProtocolDocument {
  const sourcesOf = (part: { sources?: readonly string[] }, path: string) =>
    part.sources && { sources: part.sources.map((id, index) => visit('sources', id, `${path}/sources/${index}`)) }
  const whenOf = (part: { when?: Condition }, path: string) =>
    part.when && { when: mapCondition(part.when, `${path}/when`, visit) }
  const rule = <Rule extends { when?: Condition; sources?: readonly string[] }>(list: EditableKind) => {
    return (one: Rule, index: number): Rule => {
      const path = `/${list}/${index}`
      return { ...one, ...whenOf(one, path), ...sourcesOf(one, path) }
    }
  }
  const sourced = <Part extends { sources?: readonly string[] }>(list: EditableKind) => {
    return (one: Part, index: number): Part => ({ ...one, ...sourcesOf(one, `/${list}/${index}`) })
  }
  return {
    ...document,
    milestones: document.milestones.map(sourced('milestones')),
    phases: document.phases.map((phase, index) => {
      const path = `/phases/${index}`
      return { ...phase, entry: mapCondition(phase.entry, `${path}/entry`, visit), ...sourcesOf(phase, path) }
    }),
    prescriptions: document.prescriptions.map((own, index) => {
      const path = `/prescriptions/${index}`
      return {
        ...own,
        ...mapSpan(own, path, visit),
        ...whenOf(own, path),
        ...(own.dosage && {
          dosage: own.dosage.map((step, at) => ({ ...step, ...whenOf(step, `${path}/dosage/${at}`) })),
        }),
        ...sourcesOf(own, path),
      }
    }),
    contraindications: document.contraindications.map(rule('contraindications')),
    instructions: document.instructions.map(rule('instructions')),
    limits: document.limits.map(rule('limits')),
    redFlags: document.redFlags.map(sourced('redFlags')),
    ...(document.cases && { cases: document.cases.map((one, index) => mapCase(one, `/cases/${index}`, visit)) }),
  }
}

function mapSpan<Span extends { from?: string; through?: string }>(span: Span, path: string, visit: Visit): Span {
  return {
    ...span,
    ...(span.from !== undefined && { from: visit('phases', span.from, `${path}/from`) }),
    ...(span.through !== undefined && { through: visit('phases', span.through, `${path}/through`) }),
  }
}

function mapCondition(condition: Condition, path: string, visit: Visit): Condition {
  const inner = (list: 'all' | 'any', parts: readonly Condition[]) =>
    parts.map((part, index) => mapCondition(part, `${path}/${list}/${index}`, visit))
  if ('all' in condition) return { all: inner('all', condition.all) }
  if ('any' in condition) return { any: inner('any', condition.any) }
  if ('not' in condition) return { not: mapCondition(condition.not, `${path}/not`, visit) }
  if ('milestone' in condition) {
    return { milestone: visit('milestones', condition.milestone, `${path}/milestone`) }
  }
  if ('phase' in condition) return { phase: mapSpan(condition.phase, `${path}/phase`, visit) }
  if ('fact' in condition) return { ...condition, fact: visit('facts', condition.fact, `${path}/fact`) }
  const { since } = condition.days
  if (since === undefined) return condition
  return { days: { ...condition.days, since: visit('milestones', since, `${path}/days/since`) } }
}

function mapCase(testCase: TestCase, path: string, visit: Visit): TestCase {
  const { record, expect } = testCase
  const { phase } = expect
  return {
    ...testCase,
    ...(record && { record: record.map((entry, index) => mapEntry(entry, `${path}/record/${index}`, visit)) }),
    ...(typeof phase === 'string' && {
      expect: { ...expect, phase: visit('phases', phase, `${path}/expect/phase`) },
    }),
  }
}

function mapEntry(entry: CaseEntry, path: string, visit: Visit): CaseEntry {
  if ('milestone' in entry) return { ...entry, milestone: visit('milestones', entry.milestone, `${path}/milestone`) }
  if ('fact' in entry) return { ...entry, fact: visit('facts', entry.fact, `${path}/fact`) }
  if ('symptom' in entry) return { ...entry, symptom: visit('redFlags', entry.symptom, `${path}/symptom`) }
  if (!('lifts' in entry) || entry.lifts === undefined) return entry
  const lifts = entry.lifts.map((code, index) => visit('contraindications', code, `${path}/lifts/${index}`))
  return { ...entry, lifts }
}

/** The name that a finding of the check has once the part has its other code: `no-source:limits/lifting`. */
function renameFinding(
  document: ProtocolDocument,
  finding: string,
  kind: EditableKind,
  from: string,
  to: string,
): string {
  const colon = finding.indexOf(':')
  if (colon === -1) return finding
  const [code, about] = [finding.slice(0, colon), finding.slice(colon + 1)]
  if (about.startsWith('accepted/')) {
    return `${code}:accepted/${renameFinding(document, about.slice('accepted/'.length), kind, from, to)}`
  }
  const segments = about.split('/')
  const named = kindsNamedBy(document, code, segments)
  return `${code}:${segments.map((name, index) => (named[index] === kind && name === from ? to : name)).join('/')}`
}

/** Which kind of part each segment of a finding's name is a code of. */
function kindsNamedBy(
  document: ProtocolDocument,
  code: string,
  [first = '', second = '']: readonly string[],
): readonly (EditableKind | null)[] {
  switch (code) {
    case 'granted-but-contraindicated':
      return ['prescriptions', 'contraindications']
    case 'grant-never-effective':
      return ['prescriptions']
    case 'unreachable-phase':
    case 'empty-phase':
      return ['phases']
    case 'ungraded-attribute':
      return []
    case 'rule-never-applies':
    case 'shadowed-rule':
      // Otherwise it is a step of a dosage: `walking/dosage-2`, even of a prescription that is called as a list is.
      return ruleLists.includes(first) && !isStep(document, first, second) ? inList(first) : ['prescriptions']
    default:
      return inList(first)
  }
}

function isStep(document: ProtocolDocument, first: string, second: string): boolean {
  const hasNamed = (kind: EditableKind, name: string) =>
    partsOf(document, kind).some((one) => nameOf(kind, one) === name)
  return /^dosage-\d+$/.test(second) && hasNamed('prescriptions', first) && !hasNamed(first as EditableKind, second)
}

const ruleLists: readonly string[] = ['contraindications', 'instructions', 'limits'] satisfies EditableKind[]

/** `limits/lifting`, or two of them: `limits/lifting/carrying`. */
function inList(list: string): readonly (EditableKind | null)[] {
  return Object.hasOwn(partKinds, list) ? [null, list as EditableKind, list as EditableKind] : []
}
