import { describe, expect, test } from '@jest/globals'
import { check, derive } from '../../src/rules/index.ts'
import { checkProperties } from './check-properties.ts'
import { confirm, confirmOpportunity } from './check-witness.ts'
import { readChecks } from './checks.ts'

const checks = readChecks()
const runs = Math.ceil(Number(process.env.RULES_RANDOM_CASES ?? 20_000) / 100)

describe('golden checks', () => {
  test.each(checks.map((golden) => [golden.name, golden] as const))('%s', (_name, golden) => {
    expect(golden.answer(check)).toEqual(golden.expected)
  })

  test('derive confirms every witness and every opportunity of these documents', () => {
    const wrong = checks.flatMap(({ name, document }) => {
      const { findings, opportunities } = check(document)
      return [
        ...findings.map((finding) => [name, finding.name, confirm(document, finding, derive)]),
        ...opportunities.map((found) => [name, found.exercise.code, confirmOpportunity(document, found, derive)]),
      ].filter(([, , said]) => said !== null)
    })
    expect(wrong).toEqual([])
  })

  test('as many looks as it took are enough another time, and one less is not', () => {
    for (const { document } of checks.filter(({ document: { limits } }) => limits.length > 1).slice(0, 12)) {
      const { looks } = check(document)
      const isComplete = (most: number): boolean =>
        check(document, undefined, most).findings.every(({ code }) => code !== 'check-incomplete')
      // It ends with the last look that it may take.
      expect([looks, isComplete(looks + 1), isComplete(looks)]).toEqual([expect.any(Number), true, false])
    }
  })

  test('every finding is expected by some', () => {
    const found = checks.flatMap(({ expected }) =>
      (expected.findings ?? []).map(({ error, warning }) => String(error ?? warning).split(':')[0]),
    )
    expect([...new Set(found)].sort()).toEqual([
      'case-failed',
      'check-incomplete',
      'contradictory-bounds',
      'duplicate-code',
      'empty-phase',
      'gap',
      'grant-never-effective',
      'granted-but-contraindicated',
      'limit-relaxes-backwards',
      'no-source',
      'phase-in-entry',
      'rule-never-applies',
      'shadowed-rule',
      'ungraded-attribute',
      'unknown-reference',
      'unreachable-phase',
      'unused-declaration',
    ])
  })
})

/** What the random documents must have shown, each at least so often in a hundred documents. */
const reached: Record<string, readonly string[]> = {
  'derive says of every witness what its finding says': [
    'empty-phase',
    'gap',
    'grant-never-effective',
    'granted-but-contraindicated',
    'limit-relaxes-backwards',
    'rule-never-applies',
    'shadowed-rule',
    'ungraded-attribute',
    'unreachable-phase',
  ],
  'whoever does what an opportunity takes is permitted the exercise on its first and last day': [
    'opportunity',
    'opportunity after two milestones',
    'opportunity after an observation',
    'opportunity with an override',
  ],
  'the findings, and their days, are those that trying every case finds': [
    'empty-phase',
    'gap',
    'grant-never-effective',
    'granted-but-contraindicated',
    'rule-never-applies',
    'unreachable-phase',
  ],
  'the days of the opportunities are those on which some case permits the exercise, and nothing less would do': [
    'never',
    'only with an override',
    'opportunity',
  ],
  'whatever the record, the answer is one that the check has foreseen': ['case', 'permitted'],
  'limits that become stricter by time alone are those that following every course of events finds': [
    'limit-relaxes-backwards',
  ],
  'without the shadowed rules as much is withheld and limited': ['shadowed contraindications', 'shadowed limits'],
}

describe('of random documents', () => {
  test.each(checkProperties.map(({ name, check: property }) => [name, property] as const))('%s', (name, property) => {
    const counts = new Map<string, number>()
    property({ check, derive }, runs, (what) => counts.set(what, (counts.get(what) ?? 0) + 1))
    // A short run need not meet everything.
    if (runs < 200) return
    expect((reached[name] ?? []).filter((what) => !counts.has(what))).toEqual([])
  })
})
