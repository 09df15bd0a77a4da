import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type {
  CaseDifference,
  Catalogue,
  Check,
  DaySpan,
  Exercise,
  Finding,
  Opportunity,
  ProtocolDocument,
  Witness,
} from '../../src/rules/index.ts'

/** How a file of checks is written; `checks/README.md` explains it to its reader. */
interface CheckFile {
  about: string
  base?: WrittenDocument
  catalogue?: Partial<Record<keyof Catalogue, string[]>>
  cases: WrittenCase[]
}

type WrittenRules = Record<string, unknown>[]

interface WrittenDocument
  extends Partial<Pick<ProtocolDocument, 'procedures' | 'sources' | 'milestones' | 'facts' | 'accepted' | 'cases'>> {
  exercises?: Record<string, Partial<Exercise> | null>
  phases?: WrittenRules
  prescriptions?: WrittenRules
  contraindications?: WrittenRules
  instructions?: WrittenRules
  limits?: WrittenRules
  redFlags?: WrittenRules
}

interface WrittenCase extends Expectation {
  title: string
  document?: WrittenDocument
  /** So many cases are looked at. */
  most?: number
  /** The same document but for these parts. */
  neighbours?: ({ but: string; document: WrittenDocument } & Expectation)[]
}

interface Expectation {
  findings?: Record<string, unknown>[]
  opportunities?: Record<string, string[]>
}

export interface GoldenCheck {
  name: string
  document: ProtocolDocument
  expected: Expectation
  /** What the checker says, as far as it is expected. */
  answer: (check: CheckDocument) => Expectation
}

/** The function under test. */
export type CheckDocument = (document: ProtocolDocument, catalogue?: Catalogue, most?: number) => Check

const folder = path.join(import.meta.dirname, 'checks')

function titled<T extends Record<string, unknown>>(rules: readonly T[] | undefined): T[] {
  return (rules ?? []).map((rule) => ({ title: rule.code, ...rule }))
}

/** Every rule cites the one source that there is, unless it says otherwise. */
function sourced<T extends Record<string, unknown>>(rules: readonly T[] | undefined): T[] {
  return (rules ?? []).map((rule) => ({ sources: ['book'], ...rule }))
}

function completeDocument(written: WrittenDocument): ProtocolDocument {
  const { exercises = {}, phases, prescriptions, contraindications, instructions, limits, redFlags, ...rest } = written
  return {
    format: 1,
    code: 'example',
    title: 'example',
    procedures: ['repair'],
    sources: [{ id: 'book', title: 'book' }],
    ...rest,
    milestones: titled(rest.milestones as unknown as WrittenRules),
    facts: titled(rest.facts as unknown as WrittenRules).map((fact) => ({ ask: `${fact.code}?`, ...fact })),
    exercises: Object.entries(exercises).map(([code, own]) => ({
      code,
      title: code,
      kind: 'exercise' as const,
      attributes: {},
      ...own,
    })),
    phases: titled(phases ?? [{ code: 'recovery', entry: { days: { atLeast: 0 } } }]),
    prescriptions: sourced(prescriptions).map((rule) => ({
      code: rule.exercise ?? rule.group,
      from: 'recovery',
      supervision: 'supervised',
      side: 'both',
      ...rule,
    })),
    contraindications: sourced(titled(contraindications)).map((rule) => ({ strength: 'absolute', ...rule })),
    instructions: sourced(instructions).map((rule) => ({ about: 'posture', text: rule.code, ...rule })),
    limits: sourced(limits),
    redFlags: sourced(titled(redFlags ?? [{ code: 'fever', response: 'contact-surgeon' }])),
  } as unknown as ProtocolDocument
}

// ---- What the checker says, in words ----

function sayWitness({ daysSinceSurgery, milestones, facts }: Witness): string {
  const records = [
    ...milestones.map(({ code, day }) => `${code} on day ${day}`),
    ...facts.map(({ code, value, day }) => `${code} ${value} on day ${day}`),
  ]
  return [`day ${daysSinceSurgery}`, ...records].join(', ')
}

function saySpan({ from, before }: DaySpan): string {
  if (from === null) return before === null ? 'always' : `up to day ${before - 1}`
  if (before === null) return `from day ${from}`
  return before === from + 1 ? `day ${from}` : `day ${from} to ${before - 1}`
}

function sayDifference({ path: at, ...difference }: CaseDifference): string {
  const place = at.replace(/^.*\/expect\//, '')
  switch (difference.kind) {
    case 'withheld':
      return `${place}: ${difference.exercise.code} is withheld (${difference.reasons.map(({ kind }) => kind).join(', ')})`
    case 'permitted': {
      const by = difference.grants.map((grant) => (grant.kind === 'override' ? 'override' : grant.rule))
      return `${place}: ${difference.exercise.code} is permitted (${by.join(', ')})`
    }
    case 'limit': {
      const { part, actual, rules } = difference
      return `${place}: ${part} is ${actual} (${rules.join(', ') || 'no limit'})`
    }
    case 'phase':
      return `${place}: is ${difference.actual?.code ?? 'none'}`
    case 'dose':
      return `${place}: is ${JSON.stringify(difference.actual)}`
    case 'status':
      return `${place}: is ${difference.actual}`
  }
}

function sayFinding(finding: Finding) {
  const { severity, name, path: at, subject, other, days, witness, counterpart, accepted, failure } = finding
  return {
    [severity]: name,
    at,
    subject,
    ...(other === null ? {} : { other }),
    ...(days.length === 0 ? {} : { days: days.map(saySpan).join(', ') }),
    ...(witness === null ? {} : { witness: sayWitness(witness) }),
    ...(counterpart === null ? {} : { counterpart: sayWitness(counterpart) }),
    ...(accepted === null ? {} : { accepted }),
    ...(failure === null ? {} : { differences: failure.differences.map(sayDifference) }),
  }
}

function sayTime({ least, most }: { least: number; most: number | null }): string {
  return most === null ? `${least} days ago or more` : `${least} to ${most} days ago`
}

function sayOccasion({ days, milestones, facts, lifts }: Opportunity['when'][number]): string {
  return [
    saySpan(days),
    ...milestones.map(({ milestone, grantedBy, least, most }) => {
      const by = grantedBy.length === 0 ? '' : ` by ${grantedBy.join(' or ')}`
      return `${milestone.code}${by} ${sayTime({ least, most })}`
    }),
    ...facts.map(({ fact, test, least, most }) => {
      const tests = Object.entries(test).map(([key, value]) => `${key} ${[value].flat().join(' or ')}`)
      const isAnyTime = least === 0 && most === null
      return [fact.code, ...tests, ...(isAnyTime ? [] : [sayTime({ least, most })])].join(' ')
    }),
    ...lifts.map(({ code }) => `${code} lifted`),
  ].join('; ')
}

// ---- The cases ----

function readCase(file: CheckFile) {
  const catalogue = (
    file.catalogue === undefined
      ? undefined
      : {
          procedures: new Set(file.catalogue.procedures),
          exercises: new Set(file.catalogue.exercises),
          groups: new Set(file.catalogue.groups),
          attributes: new Set(file.catalogue.attributes),
        }
  ) satisfies Catalogue | undefined
  return ({ title, document, most, neighbours = [], findings, opportunities }: WrittenCase): GoldenCheck[] => {
    const own = { ...file.base, ...document }
    const all = [
      { name: title, document: own, findings, opportunities },
      ...neighbours.map(({ but, document: parts, ...expected }) => ({
        name: `${title}, but ${but}`,
        document: { ...own, ...parts },
        ...expected,
      })),
    ]
    return all.map((written) => {
      const complete = completeDocument(written.document)
      const isAbout = written.opportunities !== undefined
      return {
        name: `${file.about}: ${written.name}`,
        document: complete,
        expected: isAbout ? { opportunities: written.opportunities } : { findings: written.findings ?? [] },
        answer: (check) => {
          const checked = check(complete, catalogue, most)
          if (!isAbout) return { findings: checked.findings.map(sayFinding) }
          const said = checked.opportunities.map(({ exercise, when, decided }): [string, string[]] => [
            exercise.code,
            [...when.map(sayOccasion), ...(decided ? [] : ['undecided'])],
          ])
          return { opportunities: Object.fromEntries(said) }
        },
      }
    })
  }
}

/** Every check of the folder, each document with the neighbours that differ from it in one thing. */
export function readChecks(): GoldenCheck[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => {
      const file = parse(readFileSync(path.join(folder, name), 'utf8')) as CheckFile
      return file.cases.flatMap(readCase(file))
    })
}
