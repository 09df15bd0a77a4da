import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { check, findFlaws } from '../../src/rules/index.ts'
import { boundariesOf, faultsOf, isAskedAbout, listDocuments, readList, readPublished } from './published.ts'

const published = readPublished()
const named = published.map((protocol) => [protocol.entry, protocol] as const)
const list = readList()
const whenListed = list === null ? test.skip : test

function codesIn(file: string): string[] {
  const things = parse(readFileSync(path.join(import.meta.dirname, file), 'utf8')) as { code: string }[]
  return things.map(({ code }) => code)
}

const procedures = codesIn('procedures.yaml')
const attributes = codesIn('attributes.yaml')
const vocabulary = [...codesIn('../../prisma/library/attributes.yaml'), ...attributes]
const catalogue = {
  procedures: new Set(procedures),
  exercises: new Set<string>(),
  groups: new Set<string>(),
  attributes: new Set(vocabulary),
}

describe('the documents', () => {
  test('each has cases', () => {
    expect(published.map(({ id }) => id)).toEqual(listDocuments())
  })

  test.each(named)('%s passes the schema', (_entry, { id }) => {
    expect(faultsOf(id)).toEqual([])
  })

  test.each(named)('%s has no flaws', (_entry, { id, document: read }) => {
    const document = read()
    expect(document.code).toBe(id)
    expect(findFlaws(document, catalogue)).toEqual([])
  })

  test.each(named)('the check of %s finds nothing but warnings that its author lets stand', (_entry, { document }) => {
    const open = check(document(), catalogue).findings.filter(({ accepted }) => accepted === null)
    expect(open.map(({ severity, name }) => `${severity} ${name}`)).toEqual([])
  })

  test.each(named)('every rule of %s cites a source, and every source is cited', (_entry, { document }) => {
    const { sources, phases, milestones, prescriptions, ...others } = document()
    const { contraindications, instructions, limits, redFlags } = others
    const rules = [phases, milestones, prescriptions, contraindications, instructions, limits, redFlags].flat()
    expect(rules.filter((rule) => !rule.sources?.length).map((rule) => rule.code)).toEqual([])
    const cited = new Set(rules.flatMap((rule) => rule.sources ?? []))
    expect(sources.filter((source) => !cited.has(source.id))).toEqual([])
  })

  test.each(named)('every exercise of %s grades what its rules test', (_entry, { document: read }) => {
    const document = read()
    const tested = document.contraindications.flatMap((rule) =>
      [...rule.target, ...(rule.except ?? [])].flatMap((target) => Object.keys(target.attributes ?? {})),
    )
    const ungraded = document.exercises.flatMap((exercise) =>
      [...new Set(tested)]
        .filter((attribute) => !Object.hasOwn(exercise.attributes, attribute))
        .map((attribute) => `${exercise.code}: ${attribute}`),
    )
    expect(ungraded).toEqual([])
  })

  test('every attribute and procedure of this folder is there once, and is used', () => {
    for (const codes of [vocabulary, procedures]) expect(codes).toEqual([...new Set(codes)])
    const all = published.map(({ document }) => document())
    const graded = all.flatMap(({ exercises }) => exercises.flatMap((exercise) => Object.keys(exercise.attributes)))
    expect(attributes.filter((code) => !graded.includes(code))).toEqual([])
    const operations = all
      .flatMap(({ facts }) => facts.map(({ operation }) => operation))
      .flatMap((operation) => (typeof operation === 'object' ? [operation.procedure] : []))
    const named = [...all.flatMap((document) => document.procedures), ...operations]
    expect(procedures.filter((code) => !named.includes(code))).toEqual([])
  })
})

const questions = published.flatMap(({ cases }) =>
  cases.flatMap(({ name, expected, answer }) =>
    [...expected].map(([day, stated]) => [`${name}, day ${day}`, day, stated, answer] as const),
  ),
)

describe('what the entries say', () => {
  test.each(questions)('%s', (_name, day, stated, answer) => {
    expect(answer(day)).toEqual(stated)
  })

  test.each(named)('%s: every boundary is asked about on both sides', (_entry, { boundaries, cases }) => {
    expect(boundaries.filter((boundary) => !isAskedAbout(boundary, cases))).toEqual([])
  })

  test.each(named)('%s: every rule is expected by some case', (_entry, { document: read, never, cases }) => {
    const document = read()
    const expectations = cases.flatMap((one) => [...one.expected.values()])
    const codesOf = (part: string): Set<string> =>
      new Set(
        expectations
          .flatMap((stated) => {
            const value = stated[part] ?? []
            if (typeof value === 'string') return [value]
            return Array.isArray(value) ? (value as string[]) : Object.keys(value)
          })
          .map((code) => code.replace('?', '')),
      )
    const missingFrom = (part: string, rules: readonly { code: string }[]): string[] => {
      const expected = codesOf(part)
      return rules.filter(({ code }) => !expected.has(code)).map(({ code }) => `${part}: ${code}`)
    }
    const isGoal = (limit: { kind?: 'cap' | 'goal' }): boolean => limit.kind === 'goal'
    const prescribed = document.exercises.filter((exercise) =>
      document.prescriptions.some(
        (prescription) =>
          prescription.exercise === exercise.code ||
          (prescription.group !== undefined && exercise.groups?.includes(prescription.group)),
      ),
    )
    const neverPermitted = ({ code }: { code: string }): boolean => never.includes(code)
    expect([
      ...missingFrom('phase', document.phases),
      ...missingFrom('withheld', prescribed.filter(neverPermitted)),
      ...missingFrom(
        'permitted',
        prescribed.filter((exercise) => !neverPermitted(exercise)),
      ),
      ...missingFrom('avoid', document.contraindications),
      ...missingFrom(
        'limits',
        document.limits.filter((limit) => !isGoal(limit)),
      ),
      ...missingFrom('goals', document.limits.filter(isGoal)),
      ...missingFrom('instructions', document.instructions),
    ]).toEqual([])
  })

  test.each(named)(
    '%s: every milestone and fact is on record in one case and missing in another',
    (_entry, protocol) => {
      const { document: read, cases } = protocol
      const document = read()
      const observed = document.facts.filter(({ operation }) => operation === undefined)
      const codes = [...document.milestones, ...observed].map(({ code }) => code)
      const oneSided = codes.filter((code) => {
        const recorded = cases.filter(({ record }) => record.some((line) => [line.milestone, line.fact].includes(code)))
        return recorded.length === 0 || recorded.length === cases.length
      })
      expect(oneSided).toEqual([])
    },
  )
})

describe('the list of published protocols', () => {
  whenListed('every entry has a document', () => {
    expect(published.map(({ entry }) => entry).sort()).toEqual((list ?? []).map(({ id }) => id).sort())
    for (const { id, entry } of published) expect(id).toBe(entry.toLowerCase())
  })

  whenListed.each(named)(
    '%s is about the procedures of its entry and cites its addresses',
    (name, { document: read }) => {
      const document = read()
      const entry = (list ?? []).find(({ id }) => id === name)
      const procedures = (entry?.procedures ?? []).map((code) => code.toLowerCase().replaceAll('_', '-'))
      expect([...document.procedures].sort()).toEqual(procedures.sort())
      const cited = document.sources.map((source) => source.url)
      expect((entry?.url ?? '').split(' ; ').filter((url) => !cited.includes(url))).toEqual([])
    },
  )

  whenListed.each(named)('%s: the boundaries are all that the entry has', (name, { boundaries, anchors }) => {
    const entry = (list ?? []).find(({ id }) => id === name)
    const known = boundaries.map(({ day, since }) => (since === undefined ? `${day}` : `${day} since ${since}`))
    const listed = entry === undefined ? [`no entry ${name}`] : boundariesOf(entry, anchors)
    expect(listed.filter((boundary) => !known.includes(boundary))).toEqual([])
  })
})
