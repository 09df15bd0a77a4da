import { describe, expect, test } from '@jest/globals'
import { derive, findFlaws } from '../../src/rules/index.ts'
import { readGolden } from './golden.ts'

const { cases, protocols } = readGolden()

describe('golden cases', () => {
  test.each(cases.map((golden) => [golden.name, golden] as const))('%s', (_name, golden) => {
    expect(golden.answer(derive)).toEqual(golden.expected)
  })

  test('the order in which the entries are given makes no difference', () => {
    for (const { question } of cases) {
      const turned = derive({ ...question, entries: question.entries.toReversed() })
      expect(JSON.stringify(turned)).toBe(JSON.stringify(derive(question)))
    }
  })

  test('at every earlier moment the answer is, byte for byte, the one that was given then', () => {
    let compared = 0
    for (const { question } of cases) {
      for (const { recordedAt } of question.entries) {
        const known = question.entries.filter((entry) => entry.recordedAt <= recordedAt)
        const then = derive({ ...question, entries: known, knownAt: recordedAt })
        expect(JSON.stringify(derive({ ...question, knownAt: recordedAt }))).toBe(JSON.stringify(then))
        if (then !== null) compared += 1
      }
    }
    expect(compared).toBeGreaterThan(cases.length)
  })

  test.each(protocols.map((protocol) => [protocol.file, protocol] as const))(
    'the protocol in %s is well formed',
    (_file, { document, exercises, flawed }) => {
      const attributes = [...exercises, ...document.exercises].flatMap((exercise) => Object.keys(exercise.attributes))
      const flaws = findFlaws(document, {
        procedures: new Set([
          ...document.procedures,
          ...document.facts.flatMap(({ operation }) => (typeof operation === 'object' ? [operation.procedure] : [])),
        ]),
        exercises: new Set(exercises.map((exercise) => exercise.code)),
        groups: new Set(exercises.flatMap((exercise) => exercise.groups ?? [])),
        attributes: new Set(attributes),
      })
      expect(flaws.length > 0).toBe(flawed)
    },
  )
})
