import { describe, expect, test } from '@jest/globals'
import { constant, type Diagram, Diagrams, isConstant, no, valueIn, yes } from '../../src/rules/diagrams.ts'

/** So many options each variable has. */
const counts = [3, 2, 3]
/** Every choice of an option of each variable. */
const choices = counts.reduce<number[][]>(
  (all, count) => all.flatMap((chosen) => Array.from({ length: count }, (_, option) => [...chosen, option])),
  [[]],
)

const enough = 100_000

/** The function that has these values, by choice. */
function build(diagrams: Diagrams, valueFor: (choice: readonly number[]) => number): Diagram {
  const from = (chosen: readonly number[]): Diagram => {
    const count = counts[chosen.length]
    if (count === undefined) return constant(valueFor(chosen))
    const options = Array.from({ length: count }, (_, option) => from([...chosen, option]))
    return diagrams.choose(chosen.length, options)
  }
  return from([])
}

function valueAt(diagrams: Diagrams, diagram: Diagram, choice: readonly number[]): number {
  const next = (node: Diagram): Diagram =>
    isConstant(node) ? node : (diagrams.optionsOf(node)[choice[diagrams.variableOf(node)] ?? -1] ?? no)
  return valueIn(counts.reduce(next, diagram))
}

/** Functions of yes and no, as bits by choice: some that depend on everything, some on little. */
const functions: ((choice: readonly number[]) => number)[] = [
  ...[0x2_a5_3c, 0x1_0f_81, 0x3_7b_de, 0x0_00_10].map((bits) => (choice: readonly number[]) => {
    return (bits >> choices.findIndex((other) => other.join() === choice.join())) & 1
  }),
  ([a]) => Number(a === 1),
  ([, b]) => Number(b === 0),
  ([a, , c]) => Number(a === c),
  ([, b, c]) => Number(b === 1 && c !== 2),
  () => 0,
  () => 1,
]

describe('functions of three choices', () => {
  test.each(functions.map((one, index) => [index, one] as const))('function %d', (_index, one) => {
    const diagrams = new Diagrams(enough)
    const own = build(diagrams, one)
    expect(choices.map((choice) => valueAt(diagrams, own, choice))).toEqual(choices.map(one))
    // What is the same is one and the same.
    expect(build(diagrams, one)).toBe(own)
    const dependsOn = counts.flatMap((count, variable) => {
      const isOther = (choice: number[], option: number): boolean =>
        one(choice) !== one(choice.map((chosen, index) => (index === variable ? option : chosen)))
      return choices.some((choice) => Array.from({ length: count }).some((_, option) => isOther(choice, option)))
        ? [variable]
        : []
    })
    expect([...diagrams.variablesIn(own)].sort()).toEqual(dependsOn)
    expect(diagrams.valuesIn(own)).toEqual(new Set(choices.map(one)))
    expect(diagrams.map(own, (value) => 1 - value)).toBe(build(diagrams, (choice) => 1 - one(choice)))
    for (const other of functions) {
      const weigh = (a: number, b: number): number => 2 * a + b
      expect(diagrams.joining(weigh)(own, build(diagrams, other))).toBe(
        build(diagrams, (choice) => weigh(one(choice), other(choice))),
      )
    }
    const counted = choices.flatMap((choice) =>
      one(choice) === 1 ? [choice.filter((option) => option > 0).length] : [],
    )
    const least = diagrams.leastIn(own)
    expect(least?.count).toBe(counted.length === 0 ? undefined : Math.min(...counted))
    if (least !== null) {
      const found = counts.map((_, variable) => least.options.get(variable) ?? 0)
      expect([one(found), found.filter((option) => option > 0).length]).toEqual([1, least.count])
    }
    const boxes: [number, number[]][][] = [
      [],
      [[0, [1]]],
      [
        [0, [0, 2]],
        [2, [1]],
      ],
      [
        [1, [1]],
        [2, [0, 1]],
      ],
      [[2, [0, 2]]],
    ]
    for (const box of boxes) {
      const inside = choices.filter((choice) =>
        box.every(([variable, options]) => options.includes(choice[variable] ?? -1)),
      )
      expect(diagrams.isYesIn(own, new Map(box))).toBe(inside.every((choice) => one(choice) === 1))
    }
    expect(diagrams.left).toBeGreaterThan(0)
  })
})

test('functions that fall together in the table of nodes are still two', () => {
  const diagrams = new Diagrams(enough)
  // As `choose` goes on from option to option.
  const [factor, inverse] = [0x9e3779b1, 0xe8b2f51]
  const mix = (hash: number): number => {
    const mixed = Math.imul(hash, factor)
    return mixed ^ (mixed >>> 15)
  }
  const [a, b, c, d] = [1, 2, 3, 4].map(constant) as [Diagram, Diagram, Diagram, Diagram]
  const pairs = [
    [a, b],
    [c, mix(a) ^ b ^ mix(c)],
  ]
  const longer = [a, b, d]
  const shorter = [c, mix(mix(a) ^ b) ^ d ^ mix(c)]
  const begun = mix(mix(a) ^ c)
  const unmixed = Math.imul(begun ^ (begun >>> 15) ^ (begun >>> 30), inverse)
  const all = [...pairs, longer, shorter, [...longer, d], [d, ...longer], [a, c], [a, c, begun ^ unmixed]]
  const nodes = all.map((options) => diagrams.choose(0, options))
  expect(nodes.map((node) => [...diagrams.optionsOf(node)])).toEqual(all)
  expect(all.map((options) => diagrams.choose(0, options))).toEqual(nodes)
  // The variable is where the hash begins.
  const other = diagrams.choose(7, [a ^ 7, b])
  expect([diagrams.variableOf(other), diagrams.choose(0, [a, b])]).toEqual([7, nodes[0]])
})

describe('the bound', () => {
  test('of a question is half of what is left; what it leaves is there for the next', () => {
    const diagrams = new Diagrams(100)
    let during = 0
    const isDone = diagrams.isEnoughFor(() => {
      during = diagrams.left
      diagrams.choose(0, [no, yes])
    })
    expect([isDone, during, diagrams.left, diagrams.isSpent()]).toEqual([true, 50, 90, false])
  })

  test('of a question that takes more is spent, and the next has the other half', () => {
    const diagrams = new Diagrams(31)
    const work = (times: number) => () => {
      for (let variable = 0; variable < times; variable += 1) diagrams.choose(variable, [no, yes])
    }
    expect(diagrams.isEnoughFor(work(2))).toBe(false)
    expect([diagrams.left, diagrams.isSpent()]).toEqual([15, false])
    diagrams.left = 0
    expect([diagrams.isSpent(), diagrams.isEnoughFor(() => {}), diagrams.left]).toEqual([true, false, 0])
  })

  test('counts every option that is looked at, and ends what goes on for long', () => {
    const diagrams = new Diagrams(enough)
    const own = build(diagrams, ([a, , c]) => Number(a === c))
    const costOf = (work: () => unknown): number => {
      const before = diagrams.left
      work()
      return before - diagrams.left
    }
    // Three nodes below one, with three options each.
    expect(costOf(() => diagrams.choose(1, [no, yes]))).toBe(10)
    expect(costOf(() => diagrams.choose(1, [no, yes]))).toBe(0)
    expect(costOf(() => diagrams.variablesIn(own))).toBe(12)
    expect(costOf(() => diagrams.leastIn(own))).toBe(12)
    expect(costOf(() => diagrams.isYesIn(own, new Map()))).toBe(2 * 8 + 2 * 6)
    expect(costOf(() => diagrams.isYesIn(own, new Map([[0, [1]]])))).toBe(2 * 8 + 2 * 4)
    expect(costOf(() => diagrams.joining((a) => a)(own, no))).toBe(4 * 4)
    const box = new Map([0, 2].map((variable) => [variable, [1]]))
    const within = (most: number, work: () => unknown): unknown => {
      diagrams.left = most
      return work()
    }
    expect([20, 21].map((most) => within(most, () => diagrams.isYesIn(own, box)))).toEqual([false, true])
    const copy = (): Diagram => diagrams.joining((a) => a)(own, no)
    expect([4, 17].map((most) => [within(most, copy), diagrams.left])).toEqual([
      [no, 0],
      [own, 1],
    ])
  })

  test('does not make what was found without it known', () => {
    for (const one of functions) {
      for (let most = 1; most < 20; most += 1) {
        const diagrams = new Diagrams(enough)
        const own = build(diagrams, one)
        const copy = diagrams.joining((a) => a)
        diagrams.left = most
        copy(own, no)
        diagrams.left = enough
        expect(copy(own, no)).toBe(own)
      }
    }
  })

  test('is spent once for what is the same', () => {
    const diagrams = new Diagrams(enough)
    let [even, odd]: Diagram[] = [no, yes] as const
    // Whether the sum of all options is odd: two nodes for each variable.
    for (let variable = 19; variable >= 0; variable -= 1) {
      ;[even, odd] = [diagrams.choose(variable, [even, odd]), diagrams.choose(variable, [odd, even])]
    }
    const nodes = 1 + 19 * 2
    const costOf = (work: () => unknown): number => {
      const before = diagrams.left
      work()
      return before - diagrams.left
    }
    expect(diagrams.left).toBe(enough - 20 * 2 * (2 + 8))
    expect(costOf(() => diagrams.map(even, (value) => value))).toBe(nodes * 3)
    expect(costOf(() => diagrams.leastIn(even))).toBe(nodes * 2)
    // All of it is looked at only if all of it is a yes.
    const either = diagrams.joining((a, b) => a | b)(even, diagrams.choose(20, [yes, no]))
    expect(costOf(() => diagrams.isYesIn(either, new Map([[20, [0]]])))).toBe(nodes * 12 + 10)
  })
})
