// The order of the parts of a list after a merge. Only of phases it has a meaning.

export interface MergedOrder {
  /** The order of ours, with what only theirs has put behind what it comes after there; and the other way round. */
  ours: string[]
  theirs: string[]
  /** The one to take if it is clear; null: it would be a guess. */
  clear: string[] | null
}

/** The order of the parts that are kept. Without a base it is not known who has moved what. */
export function mergeOrder(
  base: readonly string[] | null,
  ours: readonly string[],
  theirs: readonly string[],
  kept: ReadonlySet<string>,
): MergedOrder {
  const [own, other] = [ours, theirs].map((names) => names.filter((name) => kept.has(name))) as [string[], string[]]
  const before = (base ?? []).filter((name) => kept.has(name))
  const candidates = {
    ours: insert(insert(own, other), before),
    theirs: insert(insert(other, own), before),
  }
  const common = (names: readonly string[]): string =>
    names
      .filter((name) => own.includes(name) && other.includes(name) && (base === null || base.includes(name)))
      .join(' ')
  const isSame = candidates.ours.join(' ') === candidates.theirs.join(' ')
  if (common(own) === common(other)) return { ...candidates, clear: isSame ? candidates.ours : null }
  // Who has moved something decides, unless the other side has put something in between.
  const adds = (names: readonly string[], others: readonly string[]): boolean =>
    names.some((name) => !others.includes(name))
  if (base !== null && common(base) === common(other) && !adds(other, own)) {
    return { ...candidates, clear: candidates.ours }
  }
  if (base !== null && common(base) === common(own) && !adds(own, other)) {
    return { ...candidates, clear: candidates.theirs }
  }
  return { ...candidates, clear: null }
}

/** Puts each name that is missing behind the one that it comes after in the other list. */
export function insert(names: readonly string[], others: readonly string[]): string[] {
  const result = [...names]
  others.forEach((name, index) => {
    if (result.includes(name)) return
    const before = others.slice(0, index).findLast((one) => result.includes(one))
    result.splice(before === undefined ? 0 : result.indexOf(before) + 1, 0, name)
  })
  return result
}
