import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { hashDocument, toCanonicalJson } from '../../src/features/protocols/canonical.ts'
import { completeDocument, documentBody } from '../../src/features/protocols/document-schema.ts'
import {
  addPart,
  type Edited,
  headOf,
  orderPhases,
  removePart,
  replaceHead,
  replacePart,
} from '../../src/features/protocols/draft-edits.ts'
import { type EditableKind, nameOf, partKinds, partsOf } from '../../src/features/protocols/part-kinds.ts'
import { renamePart } from '../../src/features/protocols/rename.ts'
import { mergePatch } from '../../src/http/merge-patch.ts'
import { check, type ProtocolDocument } from '../../src/rules/index.ts'
import { documents } from '../library/library.ts'
import { situations, smallSituations } from '../rules/situations.ts'
import { everyFeature } from './library-clinic.ts'

type Json = Record<string, unknown>

const kinds = Object.keys(partKinds) as EditableKind[]

/** As it is stored: complete, without exercises of its own. */
function store(document: object): ProtocolDocument {
  return completeDocument(documentBody.parse({ ...document, exercises: [] }))
}

const cases = [
  {
    code: 'out-of-hospital',
    record: [
      { milestone: 'hospital-discharge', on: 3 },
      { fact: 'pain', is: 2, on: 4 },
      { symptom: 'fever', on: 5, resolved: 6 },
      { permit: 'rowing', from: 7, lifts: ['twisting', 'outdoors-too-early'] },
      { hold: 'He asked for it', from: 8, until: 9 },
    ],
    on: 10,
    expect: { phase: 'home', permitted: ['garden-walking'] },
  },
  { code: 'in-hospital', on: 0, expect: { phase: null, withheld: ['rowing'] } },
]

const written = [...documents, everyFeature(undefined, { cases }), everyFeature(undefined, { cases })].map(store)
/** Those of the drawn documents that an author could send; they have no words, which one must have. */
const drawn = situations(1)
  .map(({ versions }) =>
    JSON.parse(JSON.stringify(versions[0]?.document), (_member, value) => (value === '' ? 'Words' : value)),
  )
  .filter((document) => documentBody.safeParse({ ...document, exercises: [] }).success)
  .map(store)
const anyDocument = fc.oneof(fc.constantFrom(...written), drawn)

/** One edit, told by numbers so that it fits any document. */
const anEdit = fc.record({
  what: fc.constantFrom('add', 'remove', 'replace', 'patch', 'rename', 'order', 'head'),
  kind: fc.constantFrom(...kinds),
  nth: fc.nat(20),
  other: fc.nat(20),
  title: fc.constantFrom('One', 'Two'),
})

type Edit = typeof anEdit extends fc.Arbitrary<infer One> ? One : never

/** What an author who edits the text of the document does, written without the code that is tested. */
type ByHand = (document: ProtocolDocument) => Json

/** The same edit twice: of a part, and by hand; null where the document has nothing of the kind. */
function bothWays(
  document: ProtocolDocument,
  { what, kind, nth, other, title }: Edit,
  fresh: string,
): [Edited | null, ByHand] | null {
  const parts = partsOf(document, kind) as readonly Json[]
  const { key } = partKinds[kind]
  const index = nth % Math.max(parts.length, 1)
  const part = parts[index]
  const model = parts[other % Math.max(parts.length, 1)]
  if (part === undefined || model === undefined) return null
  const name = String(part[key])
  const list = (change: (copy: Json[]) => unknown): ByHand => {
    return (whole) => {
      const copy = structuredClone(partsOf(whole, kind)) as Json[]
      change(copy)
      return { ...whole, [kind]: copy }
    }
  }
  switch (what) {
    case 'add':
      return [
        addPart(document, kind, { ...model, [key]: fresh }, kind === 'phases' ? { before: name } : {}),
        list((copy) => copy.splice(kind === 'phases' ? index : copy.length, 0, { ...model, [key]: fresh })),
      ]
    case 'remove':
      return [removePart(document, kind, name), list((copy) => copy.splice(index, 1))]
    case 'replace':
      return [
        replacePart(document, kind, name, { ...model, [key]: name }),
        list((copy) => copy.splice(index, 1, { ...model, [key]: name })),
      ]
    case 'patch':
      return [
        replacePart(document, kind, name, mergePatch(part, { title, sources: null, url: null }) as object),
        list((copy) => {
          const { sources, url, ...rest } = copy[index] ?? {}
          copy[index] = { ...rest, title }
        }),
      ]
    case 'rename':
      return [
        replacePart(document, kind, name, { ...part, [key]: fresh }),
        (whole) => renameByHand(whole, kind, name, fresh),
      ]
    case 'order': {
      const codes = document.phases.map(({ code }) => code)
      const turned = [...codes.slice(nth % codes.length), ...codes.slice(0, nth % codes.length)]
      return [
        orderPhases(document, turned),
        (whole) => ({ ...whole, phases: turned.map((code) => whole.phases.find((phase) => phase.code === code)) }),
      ]
    }
    case 'head':
      return [
        replaceHead(document, mergePatch(headOf(document), { title, description: null }) as object),
        ({ description, ...whole }) => ({ ...whole, title }),
      ]
  }
}

/** Which members name a part of the kind, wherever they stand. */
const namingMembers: Partial<Record<EditableKind, readonly string[]>> = {
  phases: ['from', 'through', 'phase'],
  milestones: ['milestone', 'since'],
  facts: ['fact'],
  redFlags: ['symptom'],
}

function renameByHand(document: ProtocolDocument, kind: EditableKind, from: string, to: string): Json {
  const { accepted, sources, ...rest } = document
  const members = namingMembers[kind] ?? []
  const renamed = JSON.parse(JSON.stringify(rest), (member, value) => {
    if (members.includes(member) && value === from) return to
    if (kind === 'contraindications' && member === 'lifts')
      return value.map((code: string) => (code === from ? to : code))
    if (kind === 'sources' && member === 'sources') return value.map((id: string) => (id === from ? to : id))
    return value
  })
  const whole: Json = { ...renamed, sources, ...(accepted && { accepted }) }
  const { key } = partKinds[kind]
  return {
    ...whole,
    [kind]: (whole[kind] as Json[]).map((part) => (part[key] === from ? { ...part, [key]: to } : part)),
  }
}

describe('an edit of a part', () => {
  test('is the same edit in the document, and so are many, one after another', () => {
    const met = new Map<string, number>()
    fc.assert(
      fc.property(anyDocument, fc.array(anEdit, { minLength: 1, maxLength: 8 }), (start, edits) => {
        // What is accepted names findings, whose renaming is tested below.
        const { accepted, ...first } = start
        let document: ProtocolDocument = first
        for (const [index, edit] of edits.entries()) {
          let ways: ReturnType<typeof bothWays>
          try {
            ways = bothWays(document, edit, `fresh-${index}`)
          } catch {
            met.set('refused', (met.get('refused') ?? 0) + 1)
            continue
          }
          if (ways === null) continue
          const [edited, byHand] = ways
          const whole = completeDocument(documentBody.parse(byHand(document)))
          expect(toCanonicalJson(edited?.document)).toBe(toCanonicalJson(whole))
          expect(edited && hashDocument(edited.document)).toBe(hashDocument(whole))
          const touched = kinds.filter(
            (kind) => kind !== 'cases' && toCanonicalJson(document[kind]) !== toCanonicalJson(whole[kind]),
          )
          expect(edited?.changed).toEqual(expect.arrayContaining(touched))
          document = whole
          met.set(edit.what, (met.get(edit.what) ?? 0) + 1)
        }
      }),
      { numRuns: 100 },
    )
    for (const what of ['add', 'remove', 'replace', 'patch', 'rename', 'order', 'head']) {
      expect([what, (met.get(what) ?? 0) > 20]).toEqual([what, true])
    }
  })
})

describe('a renaming', () => {
  const document = everyFeature('renamed', {
    cases,
    accepted: [
      { finding: 'unused-declaration:facts/brace-brand', reason: 'r' },
      { finding: 'granted-but-contraindicated:rowing-without-pain/twisting', reason: 'r' },
      { finding: 'rule-never-applies:walks/dosage-2', reason: 'r' },
      { finding: 'no-source:limits/flexion', reason: 'r' },
      { finding: 'empty-phase:home', reason: 'r' },
      { finding: 'unused-declaration:accepted/no-source:redFlags/fever', reason: 'r' },
    ],
  })
  const rename = (kind: EditableKind, from: string) => renamePart(document, kind, from, 'new-name')

  test.each<[EditableKind, string, string[]]>([
    [
      'sources',
      'handbook',
      ['/milestones/1/sources/0', '/prescriptions/0/sources/0', '/limits/0/sources/0', '/redFlags/1/sources/0'],
    ],
    [
      'sources',
      'ward',
      [
        '/phases/0/sources/0',
        '/prescriptions/0/sources/1',
        '/contraindications/0/sources/0',
        '/instructions/0/sources/0',
      ],
    ],
    [
      'milestones',
      'hospital-discharge',
      ['/phases/1/entry/milestone', '/prescriptions/0/dosage/1/when/days/since', '/cases/0/record/0/milestone'],
    ],
    [
      'milestones',
      'training-clearance',
      [
        '/phases/2/entry/all/1/milestone',
        '/prescriptions/2/when/all/2/any/1/milestone',
        '/contraindications/1/when/any/1/not/milestone',
      ],
    ],
    ['milestones', 'brace-fitted', ['/contraindications/2/when/all/1/days/since']],
    ['facts', 'smoker', ['/prescriptions/2/when/all/1/not/fact']],
    ['facts', 'brace-brand', ['/accepted/0/finding']],
    ['facts', 'graft', ['/instructions/2/when/all/1/any/0/fact']],
    ['phases', 'ward', ['/prescriptions/0/from', '/contraindications/2/when/all/0/phase/through']],
    [
      'phases',
      'home',
      ['/prescriptions/1/from', '/instructions/1/when/phase/from', '/cases/0/expect/phase', '/accepted/4/finding'],
    ],
    ['phases', 'training', ['/prescriptions/0/through', '/prescriptions/1/through', '/prescriptions/2/from']],
    ['prescriptions', 'walks', ['/accepted/2/finding']],
    ['prescriptions', 'rowing-without-pain', ['/accepted/1/finding']],
    ['contraindications', 'twisting', ['/cases/0/record/3/lifts/0', '/accepted/1/finding']],
    ['limits', 'flexion', ['/accepted/3/finding']],
    ['redFlags', 'fever', ['/cases/0/record/2/symptom', '/accepted/5/finding']],
    ['cases', 'in-hospital', []],
    ['instructions', 'rest-well', []],
  ])('of %s/%s changes every place that names it, and no other', (kind, from, uses) => {
    const renamed = rename(kind, from)
    expect(renamed.uses).toEqual(uses)
    for (const pointer of uses) {
      const before = at(document, pointer)
      expect(at(renamed.document, pointer)).toBe(String(before).replace(from, 'new-name'))
    }
    // Back again, nothing is different: nothing else was touched.
    expect(renamePart(renamed.document, kind, 'new-name', from)).toEqual({ document, uses })
  })

  test('of a code that another kind of part has, too, leaves that one alone', () => {
    const twin = { ...document, facts: [{ ...document.facts[0], code: 'ward' }, ...document.facts.slice(1)] }
    const { document: renamed } = renamePart(twin as ProtocolDocument, 'facts', 'ward', 'new-name')
    expect(renamed.phases).toEqual(document.phases)
    expect(renamed.sources).toEqual(document.sources)
    expect(renamed.facts[0]?.code).toBe('new-name')
  })

  test('of a code that resembles a list or a step does not mistake one finding for another', () => {
    const accepted = [
      'rule-never-applies:limits/dosage-1',
      'unused-declaration:facts/dosage-1',
      'ungraded-attribute:limits/dosage-1',
      'gap:exercises/dosage-1',
      'no words of the check',
    ]
    const odd = { ...document, accepted: accepted.map((finding) => ({ finding, reason: 'r' })) }
    expect(renamePart(odd, 'limits', 'dosage-1', 'x').uses).toEqual(['/accepted/0/finding'])
    expect(renamePart(odd, 'facts', 'dosage-1', 'x').uses).toEqual(['/accepted/1/finding'])
    expect(renamePart(odd, 'prescriptions', 'limits', 'x').uses).toEqual([])
    expect(renamePart(odd, 'prescriptions', 'facts', 'x').uses).toEqual([])
  })

  test('keeps what is accepted accepted, and finds nothing new', () => {
    let accepted = 0
    const property = fc.property(smallSituations(1), fc.nat(), fc.nat(), ({ versions }, nth, other) => {
      const plain = { ...(versions[0]?.document as ProtocolDocument), accepted: [] }
      const warnings = check(plain).findings.filter(({ severity }) => severity === 'warning')
      const original = { ...plain, accepted: warnings.map(({ name }) => ({ finding: name, reason: 'r' })) }
      const kind = kinds[nth % kinds.length] ?? 'phases'
      const parts = partsOf(plain, kind)
      const part = parts[other % Math.max(parts.length, 1)]
      if (part === undefined) return
      const renamed = check(renamePart(original, kind, nameOf(kind, part), 'new-name').document).findings
      expect(renamed.filter(({ severity, accepted: reason }) => severity === 'warning' && reason === null)).toEqual([])
      expect(renamed.map(({ code }) => code).sort()).toEqual(
        check(original)
          .findings.map(({ code }) => code)
          .sort(),
      )
      accepted += renamed.some(({ name, accepted: reason }) => reason !== null && name.includes('new-name')) ? 1 : 0
    })
    fc.assert(property, { numRuns: 60 })
    expect(accepted).toBeGreaterThan(10)
  })
})

function at(document: object, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => Reflect.get(value as object, key), document)
}
