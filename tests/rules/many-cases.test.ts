import { describe, expect, test } from '@jest/globals'
import { untilSpent } from '../../src/rules/case-space.ts'
import {
  cellsOfFact,
  combinations,
  type Layout,
  search,
  testForCells,
  type ValueCell,
  widen,
} from '../../src/rules/cases.ts'
import { isFalse, isTrue, type Truths } from '../../src/rules/truth.ts'
import type { FactDeclaration, FactTest } from '../../src/rules/types.ts'

const { MAX_VALUE: largest, EPSILON } = Number

function declare(type: FactDeclaration['type'], more: Partial<FactDeclaration> = {}): FactDeclaration {
  return { code: 'fact', title: 'Fact', type, ask: '?', ...more }
}

const number = declare('number')
const upToTen = declare('number', { min: 0, max: 10 })

/** A value, and what is like it: between round brackets up to the bounds, between square ones with them. */
function sayCell({ value, low, high }: ValueCell): string {
  if (low === null && high === null) return String(value)
  const from = low === null ? '(' : `${low.included ? '[' : '('}${low.bound}`
  const to = high === null ? ')' : `${high.bound}${high.included ? ']' : ')'}`
  return `${value} of ${from}, ${to}`
}

describe('the cells of a fact', () => {
  test.each<[string, FactDeclaration[], FactTest[], string[]]>([
    ['a number that nothing tests', [number], [], ['0']],
    [
      'a number on, between and beyond what is tested',
      [number],
      [{ atLeast: 4 }, { below: 7 }, { is: 4 }],
      ['3 of (, 4)', '4 of [4, 4]', '5 of (4, 7)', '7 of [7, 7]', '8 of (7, )'],
    ],
    [
      'a fraction, where no whole number lies between',
      [number],
      [{ above: 2 }, { in: [2.5] }],
      ['1 of (, 2)', '2 of [2, 2]', '2.25 of (2, 2.5)', '2.5 of [2.5, 2.5]', '3 of (2.5, )'],
    ],
    ['below a fraction', [number], [{ atMost: -2.5 }], ['-3 of (, -2.5)', '-2.5 of [-2.5, -2.5]', '-2 of (-2.5, )']],
    [
      'large numbers',
      [number],
      [{ atLeast: 1e300 }, { atMost: 3e300 }],
      [
        '5e+299 of (, 1e+300)',
        '1e+300 of [1e+300, 1e+300]',
        '2e+300 of (1e+300, 3e+300)',
        '3e+300 of [3e+300, 3e+300]',
        '6e+300 of (3e+300, )',
      ],
    ],
    [
      'large negative numbers',
      [number],
      [{ atLeast: -1e300 }],
      ['-2e+300 of (, -1e+300)', '-1e+300 of [-1e+300, -1e+300]', '-5e+299 of (-1e+300, )'],
    ],
    [
      'numbers of which the sum is too large',
      [number],
      [{ above: 1e308 }, { below: 1.5e308 }],
      [
        '5e+307 of (, 1e+308)',
        '1e+308 of [1e+308, 1e+308]',
        '1.25e+308 of (1e+308, 1.5e+308)',
        '1.5e+308 of [1.5e+308, 1.5e+308]',
      ],
    ],
    [
      'nothing beyond the largest number',
      [number],
      [{ atLeast: largest }],
      [`${largest / 2} of (, ${largest})`, `${largest} of [${largest}, ${largest}]`],
    ],
    [
      'nothing beyond the least number',
      [number],
      [{ atLeast: -largest }],
      [`${-largest} of [${-largest}, ${-largest}]`, `${-largest / 2} of (${-largest}, )`],
    ],
    [
      'nothing between neighbours',
      [number],
      [{ above: 1 }, { atLeast: 1 + EPSILON }],
      ['0 of (, 1)', '1 of [1, 1]', `${1 + EPSILON} of [${1 + EPSILON}, ${1 + EPSILON}]`, `2 of (${1 + EPSILON}, )`],
    ],
    ['the ends of what can be observed', [upToTen], [{ above: 4 }], ['0 of (, 4)', '4 of [4, 4]', '10 of (4, )']],
    [
      'nothing beyond the ends',
      [upToTen],
      [{ above: 0 }, { below: 10 }],
      ['0 of [0, 0]', '1 of (0, 10)', '10 of [10, 10]'],
    ],
    ['tests beyond the ends', [upToTen], [{ above: -1 }, { below: 12 }], ['0 of (-1, 12)']],
    ['a test far below', [upToTen], [{ above: -9 }, { above: -1 }], ['0 of (-1, )']],
    ['a test far above', [upToTen], [{ below: 19 }, { below: 12 }], ['0 of (, 12)']],
    ['one number', [declare('number', { min: 3, max: 3 })], [], ['3']],
    ['one number that is tested', [declare('number', { min: 3, max: 3 })], [{ is: 3 }], ['3 of [3, 3]']],
    [
      'what every declaration allows',
      [upToTen, declare('number', { min: 2 }), declare('number', { max: 8 })],
      [{ above: 4 }],
      ['2 of (, 4)', '4 of [4, 4]', '8 of (4, )'],
    ],
    ['yes and no', [declare('boolean')], [{ is: true }], ['true', 'false']],
    [
      'the values of every declaration, each once',
      [declare('choice', { values: ['c', 'a'] }), declare('choice', { values: ['b', 'a'] })],
      [{ is: 'a' }],
      ['a', 'b', 'c'],
    ],
    ['a choice without values', [declare('choice')], [], []],
    [
      'the texts that are named and another one',
      [declare('text')],
      [{ in: ['b', 'a'] }, { is: 'b' }],
      ['a', 'b', 'b…'],
    ],
    ['a text that nothing tests', [declare('text')], [], ['…']],
    [
      'what is declared, whatever the tests name',
      [declare('boolean')],
      [{ is: 'a' }, { atLeast: 1 }],
      ['true', 'false'],
    ],
    ['texts, without what is none', [declare('text')], [{ is: 3 }, { is: 'a' }], ['a', 'a…']],
    ['undeclared, a number', [], [{ atLeast: 3 }], ['2 of (, 3)', '3 of [3, 3]', '4 of (3, )']],
    ['undeclared, yes and no', [], [{ is: true }], ['true', 'false']],
    ['undeclared, a text', [], [{ in: ['a'] }], ['a', 'a…']],
    [
      'undeclared, of several sorts',
      [],
      [{ in: ['a', false, 1] }],
      ['0 of (, 1)', '1 of [1, 1]', '2 of (1, )', 'true', 'false', 'a', 'a…'],
    ],
    ['undeclared, with its age alone', [], [{ withinDays: 3 }], []],
  ])('%s', (_what, declarations, tests, expected) => {
    expect(cellsOfFact(declarations, tests).map(sayCell)).toEqual(expected)
  })
})

describe('the test for cells', () => {
  const cells = cellsOfFact([number], [{ atLeast: 4 }, { below: 7 }])
  const bounded = cellsOfFact([upToTen], [{ above: 0 }, { above: 4 }])
  const choice = cellsOfFact([declare('choice', { values: ['a', 'b', 'c'] })], [])

  test.each<[readonly ValueCell[], readonly number[], FactTest]>([
    [cells, [0, 1, 2, 3, 4], {}],
    [cells, [0], { below: 4 }],
    [cells, [0, 1], { atMost: 4 }],
    [cells, [1], { is: 4 }],
    [cells, [1, 2], { atLeast: 4, below: 7 }],
    [cells, [1, 2, 3], { atLeast: 4, atMost: 7 }],
    [cells, [2], { above: 4, below: 7 }],
    [cells, [3, 4], { atLeast: 7 }],
    [cells, [4], { above: 7 }],
    // Every number that can be observed needs no bound.
    [bounded, [0, 1, 2, 3], {}],
    [bounded, [0, 1], { atLeast: 0, below: 4 }],
    [choice, [1], { is: 'b' }],
    [choice, [0, 2], { in: ['a', 'c'] }],
    [choice, [0, 1, 2], {}],
  ])('case %#', (all, taken, expected) => {
    expect(
      testForCells(
        taken.flatMap((index) => all[index] ?? []),
        all,
      ),
    ).toEqual(expected)
  })
})

describe('the search', () => {
  const isOneOf =
    (...wanted: readonly (readonly number[])[]) =>
    (choices: readonly number[]): Truths => {
      const fitting = wanted.filter((one) => one.every((choice, index) => [-1, choice].includes(choices[index] ?? -1)))
      if (fitting.length === 0) return isFalse
      return choices.includes(-1) ? isTrue | isFalse : isTrue
    }

  test('finds the choices, and none where there are none', () => {
    expect(search([2, 2, 3], 3, isOneOf([1, 0, 2]), { left: 100 })).toEqual([1, 0, 2])
    expect(search([2, 2, 3], 3, isOneOf([1, 0, 3]), { left: 100 })).toBeNull()
  })

  test('takes no more than so many that are not plain', () => {
    expect(search([2, 2, 3], 1, isOneOf([1, 0, 2]), { left: 100 })).toBeNull()
    expect(search([2, 2, 3], 1, isOneOf([1, 0, 2], [0, 0, 2]), { left: 100 })).toEqual([0, 0, 2])
    expect(search([2, 2, 3], 0, isOneOf([0, 1, 0]), { left: 100 })).toBeNull()
  })

  test('takes them of the first variables rather than of the last', () => {
    expect(search([2, 2, 2], 1, isOneOf([0, 0, 1], [1, 0, 0]), { left: 100 })).toEqual([1, 0, 0])
  })

  test('ends when the budget is spent', () => {
    const budget = { left: 3 }
    const goal = (): Truths => {
      budget.left -= 1
      return isTrue | isFalse
    }
    expect(search([9, 9, 9], 3, goal, budget)).toBeNull()
    expect(budget.left).toBe(0)
  })
})

describe('widening', () => {
  const ordered: Layout = { width: 1, isOrdered: true }

  test('takes the neighbours that will do', () => {
    const willDo = ([choice = 0]: readonly number[]): boolean => choice >= 2 && choice !== 5
    expect(widen([3], [ordered], [8], willDo)).toEqual([[2, 3, 4]])
    expect(widen([6], [ordered], [8], willDo)).toEqual([[6, 7]])
    expect(widen([1], [ordered], [12], () => true)).toEqual([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]])
    expect(widen([11], [ordered], [12], () => true)).toEqual([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]])
  })

  test('leaves what is plain as it is', () => {
    expect(widen([0], [ordered], [8], () => true)).toEqual([[0]])
  })

  // Options 1 to 8: two rows of four.
  const table = (isOrdered: boolean, found: number, wrong: readonly number[]) =>
    widen([found], [{ width: 4, isOrdered }], [9], ([choice = 0]) => !wrong.includes(choice))

  test('keeps in one piece what has an order', () => {
    expect(table(true, 1, [3])).toEqual([[1, 2, 5, 6]])
    expect(table(true, 4, [2])).toEqual([[3, 4, 7, 8]])
    expect(table(true, 8, [2])).toEqual([[5, 6, 7, 8]])
  })

  test('takes all of what has none', () => {
    expect(table(false, 1, [3])).toEqual([[1, 2, 4, 5, 6, 8]])
    expect(table(false, 7, [8])).toEqual([[1, 2, 3, 5, 6, 7]])
  })

  test('takes a row only as a whole', () => {
    expect(table(true, 2, [7])).toEqual([[1, 2, 3, 4]])
    expect(table(true, 6, [4])).toEqual([[5, 6, 7, 8]])
  })

  test('asks of several whether all of them together will do', () => {
    const isFew = ([one = 0, other = 0]: readonly number[]): boolean => one + other <= 5
    expect(widen([1, 1], [ordered, ordered], [9, 9], isFew)).toEqual([[1, 2, 3, 4], [1]])
    expect([...combinations([[1, 2], [3]])]).toEqual([
      [1, 3],
      [2, 3],
    ])
  })
})

test('what cannot be decided any more ends quietly, and a mistake does not', () => {
  expect(() =>
    untilSpent(() => {
      throw new Error('a mistake')
    }),
  ).toThrow('a mistake')
})
