import fc from 'fast-check'

export type Chance = ReturnType<typeof makeChance>

// Told apart by the number alone: fast-check compares what it is given part by part.
const evenly = (most: number): fc.Arbitrary<number> => fc.noBias(fc.nat({ max: most }))

/** Everything that is left to chance in one request, from its seed: the same again for the same seed. */
export function makeChance(seed: number) {
  const [draw] = fc.sample(fc.gen(), { seed, numRuns: 1 })
  if (draw === undefined) throw new Error('fast-check draws nothing')
  const upTo = (most: number): number => (most <= 0 ? 0 : draw(fc.integer, { min: 0, max: most }))

  return {
    /** A whole number; those at the ends come often. */
    between: (least: number, most: number): number => least + upTo(most - least),
    evenly: (most: number): number => draw(evenly, Math.max(most - 1, 0)),
    /** True that often in a hundred. */
    percent: (often: number): boolean => draw(evenly, 99) < often,
    pick<Item>(items: readonly [Item, ...Item[]] | readonly Item[]): Item {
      return items[draw(evenly, items.length - 1)] as Item
    },
    draw: <Value>(arbitrary: fc.Arbitrary<Value>): Value => draw(() => arbitrary),
  }
}
