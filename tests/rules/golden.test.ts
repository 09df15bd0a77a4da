import { describe, expect, test } from '@jest/globals'
import { derive, findFlaws } from '../../src/rules/index.ts'
import { readGolden } from './golden.ts'

const { cases, protocols } = readGolden()

describe('golden cases', () => {
  test.each(cases.map((golden) => [golden.name, golden] as const))('%s', (_name, golden) => {
    expect(golden.answer(derive)).toEqual(golden.expected)
  })

  test.each(protocols.map((protocol) => [protocol.file, protocol] as const))(
    'the protocol in %s is well formed',
    (_file, { document, exercises, flawed }) => {
      const attributes = [...exercises, ...document.exercises].flatMap((exercise) => Object.keys(exercise.attributes))
      const flaws = findFlaws(document, {
        procedures: new Set(document.procedures),
        exercises: new Set(exercises.map((exercise) => exercise.code)),
        groups: new Set(exercises.flatMap((exercise) => exercise.groups ?? [])),
        attributes: new Set(attributes),
      })
      expect(flaws.length > 0).toBe(flawed)
    },
  )
})
