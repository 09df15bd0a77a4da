import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { boundChanges, type Change, changesBetween, netChanges } from '../../src/features/protocols/changes.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'

const parts = fc.uniqueArray(
  fc.record({ code: fc.constantFrom('a', 'b', 'c', 'd'), max: fc.nat(2) }, { noNullPrototype: true }),
  {
    selector: ({ code }) => code,
  },
)
const documents = fc.record(
  {
    title: fc.constantFrom('One', 'Two'),
    procedures: fc.subarray(['plif', 'alif']),
    limits: parts,
    phases: parts,
    description: fc.constant('x'),
  },
  { requiredKeys: ['title', 'procedures', 'limits', 'phases'], noNullPrototype: true },
) as fc.Arbitrary<unknown> as fc.Arbitrary<ProtocolDocument>

function sorted(changes: readonly Change[]): Change[] {
  const key = ({ kind, code, change }: Change) => `${kind}/${code}/${change}`
  return changes.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** The document with a change made in it, as an editor who is told of it would make it. */
function apply(document: ProtocolDocument, { kind, code, change, after }: Change): ProtocolDocument {
  if (code === null && change !== 'reordered') {
    const { [kind as 'title']: _, ...rest } = document
    return (after === null ? rest : { ...document, [kind]: after }) as ProtocolDocument
  }
  const list = Reflect.get(document, kind) as { code: string }[]
  const kept = list.filter((part) => part.code !== code)
  if (change === 'reordered') {
    const order = after as string[]
    const places = list.flatMap((part, index) => (order.includes(part.code) ? [index] : []))
    const moved = [...list]
    order.forEach((name, index) => {
      moved[places[index] ?? 0] = list.find((part) => part.code === name) as { code: string }
    })
    return { ...document, [kind]: moved }
  }
  if (change === 'removed') return { ...document, [kind]: kept }
  if (change === 'added') return { ...document, [kind]: [...list, after] }
  return { ...document, [kind]: list.map((part) => (part.code === code ? after : part)) }
}

/** Equal up to the place of what was added. */
function bySet(document: ProtocolDocument): unknown {
  const order = (list: readonly { code: string }[]) => [...list].sort((a, b) => (a.code < b.code ? -1 : 1))
  return { ...document, limits: order(document.limits), phases: order(document.phases) }
}

describe('the changes between two documents', () => {
  test('are none exactly if they are the same, and make the one into the other', () => {
    fc.assert(
      fc.property(documents, documents, (before, after) => {
        const changes = changesBetween(before, after)
        expect(changes.length === 0).toBe(isDeepStrictEqual(before, after))
        expect(changesBetween(before, before)).toEqual([])
        expect(bySet(changes.reduce(apply, before))).toEqual(bySet(after))
      }),
      { numRuns: 300 },
    )
  })

  test('of several edits come to the change from the first document to the last', () => {
    fc.assert(
      fc.property(fc.array(documents, { minLength: 2, maxLength: 5 }), (steps) => {
        const edits = steps.slice(1).flatMap((after, index) => changesBetween(steps[index] ?? after, after))
        const [first, last] = [steps[0], steps.at(-1)]
        if (first === undefined || last === undefined) return
        const inPlace = ({ change }: Change) => change !== 'reordered'
        expect(sorted(netChanges(edits).filter(inPlace))).toEqual(sorted(changesBetween(first, last).filter(inPlace)))
      }),
      { numRuns: 300 },
    )
  })

  test('are kept without their values where they are long, and at most a hundred of them', () => {
    const long = Array.from({ length: 120 }, (_, index): Change => {
      return { kind: 'limits', code: `l-${index}`, change: 'added', after: 'x'.repeat(1000) }
    })
    const kept = boundChanges(long, 10_000)
    expect([kept.changes.length, kept.moreChanges]).toEqual([100, 20])
    expect(kept.changes[0]).toEqual({ kind: 'limits', code: 'l-0', change: 'added' })
    expect(boundChanges(long.slice(0, 3), 10_000)).toEqual({ changes: long.slice(0, 3), moreChanges: 0 })
    // Without values it is not known whether a part is as it was, so it is told.
    const there: Change = { kind: 'limits', code: 'l', change: 'changed' }
    expect(netChanges([there, there])).toEqual([there])
  })
})
