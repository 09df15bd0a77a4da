import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { speakConflict } from '../../src/features/library/sentences.ts'
import { toCanonicalJson, toFormatted } from '../../src/features/protocols/canonical.ts'
import { completeDocument, documentBody } from '../../src/features/protocols/document-schema.ts'
import { type Merge, type MergeQuestion, mergeDocuments, type Resolution } from '../../src/features/protocols/merge.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { everyFeature } from './library-clinic.ts'

type Part = Record<string, unknown>

/** A document with its members open to be written. */
type Loose = Record<string, unknown> & Record<(typeof lists)[number], Part[]>

const lists = [
  ...['exercises', 'sources', 'milestones', 'facts', 'phases', 'prescriptions', 'contraindications'],
  ...['instructions', 'limits', 'redFlags', 'accepted', 'cases'],
] as (keyof ProtocolDocument)[]

const base = toFormatted(completeDocument(documentBody.parse(everyFeature())))

function loosen(document: ProtocolDocument): Loose {
  return structuredClone(document) as unknown as Loose
}

function change(edit: (document: Loose) => void, document = base): ProtocolDocument {
  const copy = loosen(document)
  edit(copy)
  return toFormatted(copy as unknown as ProtocolDocument)
}

function nameOf(part: Part): string {
  return String(part.code ?? part.id ?? part.finding)
}

function partOf(document: Loose, list: keyof ProtocolDocument, name: string): Part {
  const part = document[list]?.find((one) => nameOf(one) === name)
  if (part === undefined) throw new Error(`there is no ${name} in ${list}`)
  return part
}

/** The same document whatever the order of its lists is: only that of phases has a meaning. */
function unordered(document: ProtocolDocument): unknown {
  return JSON.parse(
    JSON.stringify(loosen(document), (name, value) => {
      if (!Array.isArray(value) || name === 'phases') return value
      if (value.every((one) => typeof one === 'string')) return value.toSorted()
      const isParts = lists.includes(name as keyof ProtocolDocument) && value.every((one) => typeof one === 'object')
      return isParts ? value.toSorted((a: Part, b: Part) => (nameOf(a) < nameOf(b) ? -1 : 1)) : value
    }),
  )
}

// ---- Random edits ----

/** What a member can become; undefined: it is left out. */
const variants: Readonly<Record<string, readonly unknown[]>> = {
  title: ['One', 'Two', 'Three'],
  text: ['One', 'Two'],
  rationale: ['One', 'Two', undefined],
  ask: ['One?', 'Two?'],
  sources: [['ward'], ['handbook'], ['ward', 'handbook'], undefined],
  goals: [['Sit'], ['Sit', 'Walk'], ['Run', 'Stand'], undefined],
  when: [{ days: { before: 7 } }, { milestone: 'hospital-discharge' }, { fact: 'pain', above: 3 }, undefined],
  entry: [{ days: { atLeast: 3 } }, { milestone: 'training-clearance' }],
  max: [4, 5, 6],
  unit: ['kg', '[lb_av]'],
  strength: ['absolute', 'relative', 'caution'],
  supervision: ['independent', 'supervised'],
  through: ['home', 'training'],
  dosage: [[{ reps: 3 }], [{ reps: 4 }, { reps: 5, when: { days: { atLeast: 9 } } }], undefined],
  grantedBy: [['surgeon'], ['surgeon', 'nurse'], undefined],
  response: ['emergency', 'contact-surgeon'],
  reason: ['One', 'Two'],
  on: [3, 4],
  equipment: [['boat'], ['sofa', 'rope'], undefined],
  groups: [['rest'], ['rest', 'outdoors'], undefined],
  attributes: [{ impact: 3 }, { impact: 1, rotation: 2 }, { lifting: 1 }],
}

interface Edit {
  list: number
  part: number
  what: 'remove' | 'add' | 'move' | 'head' | 'member' | 'again'
  member: number
  value: number
}

const edit: fc.Arbitrary<Edit> = fc.record({
  list: fc.nat(lists.length - 1),
  part: fc.nat(6),
  what: fc.constantFrom('remove', 'add', 'move', 'head', 'member', 'member', 'member', 'again'),
  member: fc.nat(20),
  value: fc.nat(5),
})

const heads: readonly [string, readonly unknown[]][] = [
  ['title', ['One', 'Two']],
  ['description', ['One', 'Two', undefined]],
  ['procedures', [['plif'], ['alif', 'acdf'], ['plif', 'alif', 'llif']]],
]

function apply(document: Loose, { list, part, what, member, value }: Edit, amongLists = lists): void {
  const name = amongLists[list % amongLists.length] ?? 'limits'
  const parts = document[name] ?? []
  const at = parts.length === 0 ? 0 : part % parts.length
  const own = parts[at]
  if (what === 'head') {
    const [head, values] = heads[member % heads.length] ?? ['title', ['One']]
    document[head] = values[value % values.length]
    return
  }
  if (own === undefined) return
  if (what === 'remove') parts.splice(at, 1)
  else if (what === 'move') parts.splice(value % parts.length, 0, ...parts.splice(at, 1))
  else if (what === 'add') {
    const key = 'id' in own ? 'id' : 'finding' in own ? 'finding' : 'code'
    parts.splice(value % (parts.length + 1), 0, { ...structuredClone(own), [key]: `new-${member % 3}-${value}` })
  } else {
    const members = Object.keys(variants).filter((one) => one in own || one === 'sources')
    const chosen = members[member % members.length] ?? 'title'
    const values = variants[chosen] ?? []
    own[chosen] = values[value % values.length]
  }
}

/** No two parts of a list have one name. */
function distinct(document: Loose): void {
  for (const list of lists) {
    document[list] = [...new Map((document[list] ?? []).map((part) => [nameOf(part), part])).values()]
  }
}

function edited(edits: readonly Edit[], amongLists = lists, document = base): ProtocolDocument {
  return change((copy) => {
    for (const one of edits) apply(copy, one, amongLists)
    distinct(copy)
  }, document)
}

const someEdits = fc.array(edit, { minLength: 1, maxLength: 8 })
const versions = someEdits.map((edits) => edited(edits))

/** One document, and two that were made from it. */
const threeSides = fc
  .record({
    base: fc.oneof(fc.constant(base), versions),
    ours: someEdits,
    theirs: someEdits,
  })
  .map(({ base: before, ours, theirs }) => ({
    base: before,
    ours: edited(ours, lists, before),
    theirs: edited(theirs, lists, before),
  }))

const runs = { numRuns: 60 }

function plain({ document, conflicts, misfits }: Merge): object {
  return { document, conflicts, misfits }
}

/** Decides every conflict, also those that come up once others are decided. */
function decideAll(question: MergeQuestion, decide: (path: string) => Resolution) {
  let resolutions: Resolution[] = []
  for (let round = 0; round < 4; round += 1) {
    const merge = mergeDocuments({ ...question, resolutions })
    if (merge.open.size === 0) return { ...merge, resolutions }
    const paths = new Set(merge.conflicts.map(({ path }) => path))
    resolutions = [...resolutions.filter(({ path }) => paths.has(path)), ...[...merge.open].map(decide)]
  }
  throw new Error('it does not come to an end')
}

/** As `toEqual`, which is slow where nothing differs. */
function expectSame(actual: unknown, expected: unknown): void {
  if (toCanonicalJson(actual) !== toCanonicalJson(expected)) expect(actual).toEqual(expected)
}

/** Members that are no single value: lists of names, grades, and what only says something together. */
const composed = [
  ...['sources', 'goals', 'groups', 'equipment', 'attributes', 'max', 'unit', 'on', 'through', 'from'],
  ...['min', 'kind', 'quantity', 'value', 'target', 'except', 'record', 'expect', 'procedures', 'exercise', 'group'],
]

describe('a three-way merge', () => {
  test('takes what only one side has changed, as it is', () => {
    fc.assert(
      fc.property(versions, (other) => {
        const none = { conflicts: [], misfits: [] }
        expectSame(plain(mergeDocuments({ base, ours: base, theirs: other })), { document: other, ...none })
        expectSame(plain(mergeDocuments({ base, ours: other, theirs: base })), { document: other, ...none })
        expectSame(plain(mergeDocuments({ base, ours: other, theirs: other })), { document: other, ...none })
        expectSame(plain(mergeDocuments({ base: null, ours: other, theirs: other })), { document: other, ...none })
      }),
      runs,
    )
  })

  test('is the same from both sides', () => {
    let decided = 0
    fc.assert(
      fc.property(threeSides, ({ base: before, ours, theirs }) => {
        const one = mergeDocuments({ base: before, ours, theirs })
        const other = mergeDocuments({ base: before, ours: theirs, theirs: ours })
        const swapped = other.conflicts.map((conflict) => ({
          ...conflict,
          ours: conflict.theirs,
          theirs: conflict.ours,
        }))
        const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1)
        // Where the merged document names what was removed depends on the order of its lists.
        // As long as it is open whether a phase stays, so is whether the order of the phases is one to decide.
        const isOpen = one.conflicts.some(({ path }) => path.startsWith('/phases/'))
        const compared = (conflicts: typeof swapped) =>
          conflicts
            .filter(({ reason }) => !isOpen || reason !== 'order')
            .map(({ uses, ...conflict }) => ({ ...conflict, uses: uses.length }))
            .sort(byPath)
        expectSame(compared(swapped), compared([...one.conflicts]))
        if (one.conflicts.length > 0) return
        decided += 1
        expectSame(unordered(other.document), unordered(one.document))
      }),
      runs,
    )
    expect(decided).toBeGreaterThan(0)
  })

  test('applies edits of different parts one as well as the other', () => {
    const named: (keyof ProtocolDocument)[] = ['limits', 'instructions', 'cases', 'phases']
    const others: (keyof ProtocolDocument)[] = ['prescriptions', 'redFlags', 'accepted', 'facts']
    // What is removed is not named by what is edited.
    const kept = (edits: readonly Edit[], among: typeof named) =>
      edits.filter(({ what, list }) => {
        const name = among[list % among.length]
        return what !== 'head' && (what !== 'remove' || !['phases', 'facts', 'redFlags'].includes(String(name)))
      })
    fc.assert(
      fc.property(someEdits, someEdits, (first, second) => {
        const [a, b] = [kept(first, named), kept(second, others)]
        const merged = mergeDocuments({ base, ours: edited(a, named), theirs: edited(b, others) })
        expectSame(merged.conflicts, [])
        expectSame(merged.document, edited(b, others, edited(a, named)))
        expectSame(merged.document, edited(a, named, edited(b, others)))
      }),
      runs,
    )
  })

  test('loses nothing in silence: each part and each member is what one side made of it, or is told of', () => {
    fc.assert(
      fc.property(threeSides, ({ base: before, ours, theirs }) => {
        const { document, conflicts } = mergeDocuments({ base: before, ours, theirs })
        const told = (list: string, name: string, member?: string): boolean =>
          conflicts.some(({ path }) =>
            [`/${list}/${name.replaceAll('/', '~1')}`, `/${list}/${name.replaceAll('/', '~1')}/${member}`].includes(
              path,
            ),
          )
        for (const list of lists) {
          const [was, own, other, is] = [before, ours, theirs, document].map(
            (one) => new Map((loosen(one)[list] ?? []).map((part) => [nameOf(part), part])),
          ) as [Map<string, Part>, Map<string, Part>, Map<string, Part>, Map<string, Part>]
          for (const name of new Set([...own.keys(), ...other.keys()])) {
            if (told(list, name)) continue
            const isRemoved = was.has(name) && !(own.has(name) && other.has(name))
            expectSame([list, name, is.has(name)], [list, name, !isRemoved])
            const isChanged =
              toCanonicalJson(was.get(name) ?? null) !== toCanonicalJson(own.get(name) ?? other.get(name) ?? null)
            // What one side has changed does not go because the other has removed it.
            if (isRemoved) expectSame([list, name, isChanged], [list, name, false])
            const [a, b, c, merged] = [was.get(name), own.get(name), other.get(name), is.get(name) ?? {}]
            if (a === undefined || b === undefined || c === undefined) continue
            for (const member of new Set([...Object.keys(b), ...Object.keys(c)])) {
              if (composed.includes(member) || told(list, name, member)) continue
              const isOwn = toCanonicalJson(a[member] ?? null) !== toCanonicalJson(b[member] ?? null)
              expectSame([list, name, member, merged[member]], [list, name, member, (isOwn ? b : c)[member]])
            }
          }
        }
      }),
      runs,
    )
  })

  test('comes to an end however the conflicts are decided, and without a base to either side', () => {
    fc.assert(
      fc.property(threeSides, fc.constantFrom('ours', 'theirs', 'base'), ({ base: before, ours, theirs }, take) => {
        expectSame(decideAll({ base: before, ours, theirs }, (path) => ({ path, take })).misfits, [])
        if (take === 'base') return
        const { document, misfits } = decideAll({ base: null, ours, theirs }, (path) => ({ path, take }))
        expectSame(misfits, [])
        expectSame(unordered(document), unordered(take === 'ours' ? ours : theirs))
      }),
      runs,
    )
  })
})

describe('what is a conflict', () => {
  /** The conflicts of two edits of the same document. */
  function conflictsOf(ours: (document: Loose) => void, theirs: (document: Loose) => void, more: object = {}) {
    const question = { base, ours: change(ours), theirs: change(theirs), ...more }
    const { conflicts, document } = mergeDocuments(question)
    return {
      document,
      paths: conflicts.map(({ path }) => path),
      texts: conflicts.map((conflict) => speakConflict(conflict)),
      conflicts,
    }
  }

  const limit = base.limits.find(({ max }) => max !== undefined)?.code ?? ''
  const set = (list: keyof ProtocolDocument, name: string, members: Part) => (document: Loose) => {
    Object.assign(partOf(document, list, name), members)
  }
  const remove = (list: keyof ProtocolDocument, name: string) => (document: Loose) => {
    document[list] = document[list].filter((part) => nameOf(part) !== name)
  }

  test('a number and its unit are one: 5 lb here and 4 kg there are not 5 kg', () => {
    const { max, unit } = base.limits.find(({ code }) => code === limit) ?? {}
    const found = conflictsOf(set('limits', limit, { max: 5 }), set('limits', limit, { max, unit: 'kg', text: 'New' }))
    expect(found.paths).toEqual([`/limits/${limit}/number`])
    expect(found.conflicts[0]).toMatchObject({ ours: { max: 5, unit }, theirs: { max, unit: 'kg' } })
    expect(found.document.limits.find(({ code }) => code === limit)).toMatchObject({ max: 5, unit, text: 'New' })
    expect(found.texts[0]).toBe(
      `The clinic has changed \`max\` and \`unit\` of the limit \`${limit}\` from ${max}, “${unit}” to 5, “${unit}”, and the library to ${max}, “kg”.`,
    )
  })

  test('what is removed on one side and changed on the other', () => {
    const found = conflictsOf(remove('limits', limit), set('limits', limit, { text: 'New' }))
    expect(found.texts).toEqual([`The clinic has removed the limit \`${limit}\`, which the library has changed since.`])
    const other = conflictsOf(set('prescriptions', 'walks', { rationale: 'New' }), (document) => {
      delete partOf(document, 'prescriptions', 'walks').rationale
    })
    expect(other.texts).toEqual([
      'The library has removed `rationale` of the prescription `walks`, which the clinic has changed from “Movement is good.” to “New”.',
    ])
  })

  test('what both have added under one code, each in its own way', () => {
    const add = (max: number) => (document: Loose) => {
      document.limits.push({ code: 'new', quantity: 'load', max })
    }
    expect(conflictsOf(add(1), add(1)).paths).toEqual([])
    const found = conflictsOf(add(1), add(2))
    expect([found.paths, found.texts]).toEqual([
      ['/limits/new'],
      ['The clinic and the library have each added the limit `new`, and the two are not the same.'],
    ])
  })

  test('phases that both put in at one place; where the places differ it is clear', () => {
    const put = (code: string, at: number) => (document: Loose) => {
      document.phases?.splice(at, 0, { code, title: code, entry: { days: { atLeast: 50 } } })
    }
    const found = conflictsOf(put('sport', 3), put('work', 3))
    expect(found.texts).toEqual([
      'The clinic and the library have each moved or added phases, so that their order is not clear: by the clinic it is `ward`, `home`, `training`, `work` and `sport`; by the library `ward`, `home`, `training`, `sport` and `work`. A phase is reached only if all before it are.',
    ])
    const clear = conflictsOf(put('sport', 3), put('day-ward', 1))
    expect(clear.paths).toEqual([])
    expect(clear.document.phases.map(({ code }) => code)).toEqual(['ward', 'day-ward', 'home', 'training', 'sport'])
    const decide = (value: unknown) =>
      mergeDocuments({
        base,
        ours: change(put('sport', 3)),
        theirs: change(put('work', 3)),
        resolutions: [{ path: '/phases', value }],
      })
    const order = ['ward', 'home', 'work', 'training', 'sport']
    expect(decide(order).document.phases.map(({ code }) => code)).toEqual(order)
    for (const wrong of [order.slice(1), [...order, 'ward'], 'ward', null]) {
      expect(decide(wrong).misfits).toEqual([{ index: 0, fault: 'not-these-members' }])
    }
  })

  test('what one side has removed and the other has come to name', () => {
    const found = conflictsOf(remove('limits', limit), (document) => {
      document.limits.push({ code: 'new', quantity: 'load', max: 1, when: { milestone: 'unused' } })
      document.milestones.push({ code: 'unused', title: 'Unused' })
    })
    expect(found.paths).toEqual([])
    const withUnused = change((document) => document.milestones.push({ code: 'unused', title: 'Unused' }))
    const question = {
      base: withUnused,
      ours: change((document) => set('limits', limit, { when: { milestone: 'unused' } })(document), withUnused),
      theirs: base,
    }
    const { conflicts, document, open } = mergeDocuments(question)
    expect(conflicts.map((conflict) => speakConflict(conflict))).toEqual([
      `The library has removed the milestone \`unused\`, which is still named by what the other has, at \`/limits/${base.limits.findIndex(({ code }) => code === limit)}/when\` of the merged document.`,
    ])
    expect([...open]).toEqual(['/milestones/unused'])
    expect(document).toEqual(question.ours)
    const taken = mergeDocuments({ ...question, resolutions: [{ path: '/milestones/unused', take: 'theirs' }] })
    expect([taken.open.size, taken.document.milestones.some(({ code }) => code === 'unused')]).toEqual([0, false])
  })

  test('what got another code on one side, and is gone or other on the other', () => {
    const rename = (to: string) => set('prescriptions', 'walks', { code: to })
    const found = conflictsOf(remove('prescriptions', 'walks'), rename('strolls'))
    expect([found.paths, found.document.prescriptions.some(({ code }) => code === 'strolls')]).toEqual([
      ['/prescriptions/strolls'],
      false,
    ])
    expect(found.texts).toEqual([
      'The library has given the prescription `walks` the code `strolls`, and the clinic has removed it: see whether it is to be there.',
    ])
    expect(conflictsOf(rename('strolls'), rename('wanders')).texts).toEqual([
      'The clinic has given the prescription `walks` the code `strolls`, and the library has given it another one: see whether it is to be there.',
      'The library has given the prescription `walks` the code `wanders`, and the clinic has given it another one: see whether it is to be there.',
    ])
    expect(conflictsOf(rename('strolls'), set('prescriptions', 'walks', { rationale: 'New' })).texts).toEqual([
      'The clinic has given the prescription `walks` the code `strolls`, and the library has changed it: see whether it is to be there.',
      'The clinic has given the prescription `walks` the code `strolls`, and the library has changed it. With `{ "path": "/prescriptions/walks", "value": "strolls" }` whatever names `walks` names `strolls` instead.',
    ])
    const clear = conflictsOf(() => {}, rename('strolls'))
    expect([clear.paths, clear.document.prescriptions[0]?.code]).toEqual([[], 'strolls'])
  })

  test('another unit of a fact here, another number to compare it with there', () => {
    const inPercent = set('facts', 'pain', { unit: '%' })
    const compare = (document: Loose) => {
      document.limits.push({ code: 'new', quantity: 'load', max: 1, when: { fact: 'pain', above: 3.5 } })
    }
    const found = conflictsOf(compare, inPercent)
    expect([found.paths, found.texts]).toEqual([
      ['/facts/pain/answers'],
      [
        'The library has changed `unit` of the fact `pain` from “{score}” to “%”, and the clinic has changed what is compared with it: see that the numbers of both say the same.',
      ],
    ])
    expect(conflictsOf(inPercent, compare).paths).toEqual(['/facts/pain/answers'])
    expect(conflictsOf(inPercent, set('facts', 'pain', { ask: 'Now?' })).paths).toEqual([])
    const both = (document: Loose) => {
      compare(document)
      inPercent(document)
    }
    expect(conflictsOf(() => {}, both).paths).toEqual([])
  })

  test('an exercise that the library changes, where a catalogue is shared; a new one comes along', () => {
    const regraded = (document: Loose) => {
      partOf(document, 'exercises', 'garden-walking').attributes = {
        lifting: 0,
        impact: 3,
        'lumbar-flexion': 0,
        rotation: 1,
      }
      document.exercises.push({ code: 'swimming', title: 'Swimming', kind: 'exercise', attributes: {} })
    }
    const found = conflictsOf(() => {}, regraded, { sharedExercises: true })
    expect(found.texts).toEqual([
      'The library has changed `attributes/impact` of the exercise `garden-walking` from 1 to 3. The clinic’s catalogue has 1, for all its protocols: to take the library’s changes the catalogue.',
    ])
    expect(found.document.exercises.map(({ code }) => code)).toEqual([
      'garden-walking',
      'rowing',
      'sofa-sitting',
      'swimming',
    ])
    expect(conflictsOf(() => {}, regraded).paths).toEqual([])
    // The catalogue has not lost what another protocol may need.
    const gone = conflictsOf(() => {}, remove('exercises', 'rowing'), { sharedExercises: true })
    expect([gone.paths, gone.document.exercises.length]).toEqual([[], 3])
  })

  test('without a base whatever differs is one, and says so', () => {
    const found = conflictsOf(set('limits', limit, { text: 'New' }), remove('phases', 'training'), { base: null })
    expect(found.conflicts.every(({ reason }) => reason === 'base-unknown')).toBe(true)
    expect(found.paths).toEqual(['/phases/training', `/limits/${limit}/text`])
    expect(found.texts[0]).toBe(
      'Only the clinic has the phase `training`, and it is not known what both started from: whether one side added it or the other removed it.',
    )
  })

  test('resolutions that decide nothing are told of', () => {
    const ours = change(set('limits', limit, { max: 5 }))
    const theirs = change(set('limits', limit, { max: 4 }))
    const path = `/limits/${limit}/number`
    const misfitsOf = (question: Partial<MergeQuestion>) => mergeDocuments({ base, ours, theirs, ...question }).misfits
    expect(
      misfitsOf({
        resolutions: [
          { path: '/limits', take: 'ours' },
          { path, take: 'ours' },
          { path, take: 'theirs' },
        ],
      }),
    ).toEqual([
      { index: 0, fault: 'no-conflict' },
      { index: 2, fault: 'twice' },
    ])
    expect(misfitsOf({ resolutions: [{ path, value: { max: 3, title: 'Heavy' } }] })).toEqual([
      { index: 0, fault: 'not-these-members' },
    ])
    expect(misfitsOf({ base: null, resolutions: [{ path, take: 'base' }] })).toEqual([
      { index: 0, fault: 'base-unknown' },
    ])
    const value = { quantity: 'load', max: 3, unit: 'kg' }
    const { document } = mergeDocuments({ base, ours, theirs, resolutions: [{ path, value }] })
    expect(document.limits.find(({ code }) => code === limit)).toMatchObject(value)
  })
})
