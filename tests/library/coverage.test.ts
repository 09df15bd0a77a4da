import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { findFlaws } from '../../src/rules/index.ts'
import { attributes, type Coverage, coverage, documentOf, documents, type Placed, procedures } from './library.ts'

const factsFile = path.resolve(import.meta.dirname, '../../../shared/clinical/article-facts.json')

function numbered(prefix: string, last: number, digits: number): string[] {
  return Array.from({ length: last }, (_, index) => `${prefix}-${String(index + 1).padStart(digits, '0')}`)
}

/** The facts of the articles, by id. The list of facts lies beside the repository, so a clone alone checks these ids. */
const ids = {
  procedures: ['P-ACDF', 'P-ALIF', 'P-LLIF', 'P-PLIF', 'P-FUSION', 'P-MD', 'P-ACD'],
  settings: ['SET-HOSP', 'SET-PT-F', 'SET-HOME-F', 'SET-HOME6-F', 'SET-PT-M', 'SET-OWN-M'],
  timeWindows: numbered('TW', 12, 1),
  exercises: numbered('EX', 29, 2),
  restrictions: numbered('R', 13, 2),
  clearances: numbered('C', 9, 2),
  redFlags: numbered('RF', 5, 1),
  riskFactors: numbered('RK', 6, 1),
  guidance: numbered('G', 9, 1),
  silences: [
    'reps/sets/hold/frequency',
    'lifting weight limits',
    'sitting tolerance',
    'brace/collar',
    'driving/return to work',
    'number of levels',
    'revision surgery',
    'smoking/osteoporosis/diabetes',
    'wound or immersion rules',
    'pain thresholds',
    'objective progression criteria',
    'microdiscectomy red flags',
    'microdiscectomy contraindicated lifting/twisting',
    'end of any fusion restriction other than "at least four to six weeks"',
    'laterality of symptoms',
    'paediatric/age',
  ],
  tensions: numbered('TEN', 32, 2),
} satisfies Record<Exclude<keyof Coverage, 'documents'>, string[]>

const kinds = Object.keys(ids) as (keyof typeof ids)[]

const partsOf = new Map<string, ReadonlySet<string>>([
  ['procedures', new Set(procedures.map((procedure) => procedure.code))],
  ...documents.map(
    (document) =>
      [
        document.code,
        new Set(
          [
            document.exercises,
            document.milestones,
            document.phases,
            document.prescriptions,
            document.contraindications,
            document.instructions,
            document.limits,
            document.redFlags,
          ].flatMap((list) => list.map((part) => part.code)),
        ),
      ] as const,
  ),
])

function isBroken(reference: string): boolean {
  const [name = '', code = '', ...rest] = reference.split('#')
  const targets = Object.hasOwn(coverage.documents, name) ? (coverage.documents[name] ?? []) : [name]
  return rest.length > 0 || targets.length === 0 || !targets.every((target) => partsOf.get(target)?.has(code))
}

/** The parts that judge or speak, each of which must say what it rests on. */
function rulesOf(document: (typeof documents)[number]) {
  const { phases, milestones, prescriptions, contraindications, instructions, limits, redFlags } = document
  return [phases, milestones, prescriptions, contraindications, instructions, limits, redFlags].flat()
}

describe('coverage of the articles', () => {
  test.each(kinds)('every id of %s is covered, and no other', (kind) => {
    expect(Object.keys(coverage[kind]).sort()).toEqual([...ids[kind]].sort())
  })

  const whenThere = existsSync(factsFile) ? test : test.skip
  whenThere('the ids are those of the list of facts', () => {
    const facts = JSON.parse(readFileSync(factsFile, 'utf8')) as Record<string, ({ id: string } | string)[]>
    const keys = { timeWindows: 'time_windows', redFlags: 'red_flags', riskFactors: 'risk_factors' } as const
    for (const kind of kinds) {
      const listed = facts[Object.hasOwn(keys, kind) ? keys[kind as keyof typeof keys] : kind] ?? []
      expect([...ids[kind]].sort()).toEqual(listed.map((fact) => (typeof fact === 'string' ? fact : fact.id)).sort())
    }
  })

  test('every fact is somewhere, or says why not', () => {
    const undecided = kinds
      .filter((kind) => kind !== 'tensions')
      .flatMap((kind) => Object.entries<Placed>(coverage[kind]))
      .filter(([, fact]) => {
        const extra = Object.keys(fact).some((key) => !['in', 'why-not', 'note'].includes(key))
        const placed = fact.in !== undefined && fact.in.length > 0
        return extra || placed === (typeof fact['why-not'] === 'string')
      })
    expect(undecided).toEqual([])
  })

  test('every tension has a decision, a reason and a place', () => {
    const undecided = Object.entries(coverage.tensions).filter(
      ([, tension]) =>
        Object.keys(tension).sort().join() !== 'decision,in,reason' ||
        typeof tension.decision !== 'string' ||
        typeof tension.reason !== 'string' ||
        tension.in.length === 0,
    )
    expect(undecided).toEqual([])
  })

  test('every reference resolves', () => {
    const references = kinds.flatMap((kind) => Object.values<Placed>(coverage[kind]).flatMap((fact) => fact.in ?? []))
    expect(references.filter(isBroken)).toEqual([])
  })

  test('every exercise and every rule that judges comes from a fact or a tension', () => {
    const named = new Set(
      kinds
        .flatMap((kind) => Object.values<Placed>(coverage[kind]).flatMap((fact) => fact.in ?? []))
        .flatMap((reference) => {
          const [name = '', code = ''] = reference.split('#')
          return (coverage.documents[name] ?? [name]).map((document) => `${document}#${code}`)
        }),
    )
    const unnamed = documents.flatMap((document) =>
      [
        document.exercises,
        document.milestones,
        document.phases,
        document.prescriptions,
        document.contraindications,
        document.instructions,
        document.limits,
        document.redFlags,
      ]
        .flatMap((list) => list.map((part) => `${document.code}#${part.code}`))
        .filter((reference) => !named.has(reference)),
    )
    expect(unnamed).toEqual([])
  })
})

describe('the documents', () => {
  test.each(documents)('$code is sound: every name resolves, none is used twice', (document) => {
    const catalogue = {
      procedures: new Set(procedures.map((procedure) => procedure.code)),
      exercises: new Set<string>(),
      groups: new Set<string>(),
      attributes: new Set(attributes.map((attribute) => attribute.code)),
    }
    expect(findFlaws(document, catalogue)).toEqual([])
    const rules = [
      document.prescriptions,
      document.contraindications,
      document.instructions,
      document.limits,
      document.redFlags,
    ].flatMap((list) => list.map((rule) => rule.code))
    expect(rules.filter((code, index) => rules.indexOf(code) !== index)).toEqual([])
  })

  test.each(documents)('every rule of $code cites a source that it declares, and every source is cited', (document) => {
    const declared = document.sources.map((source) => source.id)
    const uncited = rulesOf(document).filter(
      (rule) => !rule.sources?.length || !rule.sources.every((source) => declared.includes(source)),
    )
    expect(uncited.map((rule) => rule.code)).toEqual([])
    const cited = rulesOf(document).flatMap((rule) => rule.sources ?? [])
    expect(declared.filter((source) => !cited.includes(source))).toEqual([])
  })

  test.each(documents)(
    'every prescription of $code is named, says supervision and side, and gives no dose',
    (document) => {
      for (const prescription of document.prescriptions) {
        expect(prescription).toMatchObject({ code: expect.any(String), side: 'both' })
        expect(['independent', 'supervised']).toContain(prescription.supervision)
        expect(prescription.dosage).toBeUndefined()
      }
    },
  )

  test.each(documents)('$code informs a decision and names its article', (document) => {
    expect(document.description).toContain("informs a clinician's decision and does not replace it")
    expect(document.sources.some((source) => document.description?.includes(source.title))).toBe(true)
  })

  test('an exercise that several documents bring is the same in all of them', () => {
    const byCode = Map.groupBy(
      documents.flatMap((document) => document.exercises),
      (exercise) => exercise.code,
    )
    for (const [first, ...others] of byCode.values()) {
      for (const other of others) expect(other).toEqual(first)
    }
    expect(byCode.get('walking')).toHaveLength(documents.length)
  })

  test('the documents for lumbar fusion differ in code, title, description and procedure alone', () => {
    const [alif, llif, plif] = ['alif-standard', 'llif-standard', 'plif-standard'].map((code) => {
      const {
        code: _code,
        title: _title,
        description: _description,
        procedures: _procedures,
        ...rest
      } = documentOf(code)
      return rest
    })
    expect(llif).toEqual(alif)
    expect(plif).toEqual(alif)
  })

  test('loss of control over bladder or bowels is an emergency in all of them', () => {
    for (const document of documents) {
      expect(document.redFlags).toContainEqual(
        expect.objectContaining({ code: 'bladder-or-bowel-loss', response: 'emergency', text: expect.any(String) }),
      )
    }
  })

  test('each is for one procedure of the library, and each procedure has one', () => {
    expect(documents.flatMap((document) => document.procedures)).toEqual(procedures.map((procedure) => procedure.code))
  })
})

describe('the attributes', () => {
  const vocabulary = attributes.map((attribute) => attribute.code)
  const exercises = documents.flatMap((document) => document.exercises)
  const tested = documents.flatMap((document) =>
    document.contraindications.flatMap((rule) => rule.target.flatMap((target) => Object.keys(target.attributes ?? {}))),
  )

  test('every attribute that is used is in the vocabulary, and every one in it is used', () => {
    const used = new Set([...tested, ...exercises.flatMap((exercise) => Object.keys(exercise.attributes))])
    expect([...used].sort()).toEqual([...vocabulary].sort())
  })

  test('each says what its grades mean', () => {
    for (const attribute of attributes) expect(attribute.description).toMatch(/1: .+ 2: .+ 3: /)
  })

  test('every exercise grades every attribute that a rule of any document tests', () => {
    const ungraded = exercises.flatMap((exercise) =>
      [...new Set(tested)]
        .filter((attribute) => !Object.hasOwn(exercise.attributes, attribute))
        .map((attribute) => `${exercise.code}: ${attribute}`),
    )
    expect(ungraded).toEqual([])
  })

  test('every grade is 0, 1, 2 or 3', () => {
    for (const exercise of exercises) {
      for (const grade of Object.values(exercise.attributes)) expect([0, 1, 2, 3]).toContain(grade)
    }
  })
})
