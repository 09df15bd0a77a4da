// Functions of many choices at once, as decision diagrams: what depends on the same choices in the same way is one and the
// same node, so that two rules mean the same exactly if they come to the same node, however they are written.

/** A function of choices. Negative: a constant, whatever is chosen. */
export type Diagram = number

/** The function that has this value everywhere; a whole number from 0 on. */
export function constant(value: number): Diagram {
  return -1 - value
}

export function isConstant(diagram: Diagram): boolean {
  return diagram < 0
}

/** Of a constant its value. */
export function valueIn(diagram: Diagram): number {
  return -1 - diagram
}

export const no = constant(0)
export const yes = constant(1)

/** What a node takes besides its options. */
const costOfNode = 8

export class Diagrams {
  /** How much may still be looked at. */
  left: number
  readonly #variables: number[] = []
  readonly #options: Int32Array[] = []
  readonly #known = new Map<number, Diagram[]>()

  constructor(most: number) {
    this.left = most
  }

  isSpent(): boolean {
    return this.left <= 0
  }

  /** Does the work with at most half of what is left; false: that was not enough, and what was found is of no meaning. */
  isEnoughFor(work: () => void): boolean {
    const reserve = Math.max(Math.floor(this.left / 2), 0)
    this.left -= reserve
    work()
    const isDone = this.left > 0
    this.left = Math.max(this.left, 0) + reserve
    return isDone
  }

  /** What the work finds, once for each key; what the bound cut off has no meaning, and is not kept. */
  once<Key>(known: Map<Key, Diagram>, key: Key, work: () => Diagram): Diagram {
    const found = known.get(key) ?? work()
    if (!this.isSpent()) known.set(key, found)
    return found
  }

  /** Of a function that is no constant: the first variable that it depends on, and what is left with each option of it. */
  variableOf(diagram: Diagram): number {
    return this.#variables[diagram] ?? Number.POSITIVE_INFINITY
  }

  optionsOf(diagram: Diagram): Int32Array {
    return this.#options[diagram] ?? new Int32Array()
  }

  /** The function that is one of these, by the option of the variable. The variables in them are later ones. */
  choose(variable: number, options: ArrayLike<Diagram>): Diagram {
    const first = options[0] ?? no
    let isSame = true
    let hash = variable
    for (let index = 0; index < options.length; index += 1) {
      const option = options[index] ?? no
      if (option !== first) isSame = false
      hash = Math.imul(hash ^ option, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    if (isSame) return first
    const alike = this.#known.get(hash) ?? []
    for (const node of alike) {
      if (this.#variables[node] === variable && isEqual(this.optionsOf(node), options)) return node
    }
    this.left -= options.length + costOfNode
    const node = this.#variables.length
    this.#variables.push(variable)
    this.#options.push(Int32Array.from(options))
    alike.push(node)
    this.#known.set(hash, alike)
    return node
  }

  /** Joins two functions value by value; what it was once asked is known. Of no meaning once the bound is spent. */
  joining(join: (a: number, b: number) => number): (a: Diagram, b: Diagram) => Diagram {
    const known = new Map<number, Diagram>()
    const visit = (a: Diagram, b: Diagram): Diagram => {
      if (isConstant(a) && isConstant(b)) return constant(join(valueIn(a), valueIn(b)))
      const key = (a + halfKey) * (2 * halfKey) + b + halfKey
      const found = known.get(key)
      if (found !== undefined) return found
      const [variableA, variableB] = [this.variableOf(a), this.variableOf(b)]
      const variable = Math.min(variableA, variableB)
      const ofA = variableA === variable ? this.optionsOf(a) : null
      const ofB = variableB === variable ? this.optionsOf(b) : null
      const count = (ofA ?? ofB)?.length ?? 0
      this.left -= count + 1
      if (this.left <= 0) return no
      const options = new Int32Array(count)
      for (let index = 0; index < count; index += 1) options[index] = visit(ofA?.[index] ?? a, ofB?.[index] ?? b)
      const joined = this.choose(variable, options)
      if (this.left > 0) known.set(key, joined)
      return joined
    }
    return visit
  }

  /** Maps a function value by value. */
  map(diagram: Diagram, to: (value: number) => number): Diagram {
    return this.joining((value) => to(value))(diagram, no)
  }

  /** The variables that a function depends on. */
  variablesIn(diagram: Diagram): Set<number> {
    const variables = new Set<number>()
    for (const node of this.#nodesIn(diagram)) if (!isConstant(node)) variables.add(this.variableOf(node))
    return variables
  }

  /** The values that a function has somewhere. */
  valuesIn(diagram: Diagram): Set<number> {
    const values = new Set<number>()
    for (const node of this.#nodesIn(diagram)) if (isConstant(node)) values.add(valueIn(node))
    return values
  }

  #nodesIn(diagram: Diagram): Set<Diagram> {
    const seen = new Set([diagram])
    // A set that grows while it is walked is walked to its new end.
    for (const node of seen) {
      const options = this.optionsOf(node)
      this.left -= options.length
      for (const option of options) seen.add(option)
    }
    return seen
  }

  /**
   * Whether a function of yes and no is yes for all choices of the box; a variable that it leaves out may be anything.
   */
  isYesIn(diagram: Diagram, box: ReadonlyMap<number, readonly number[]>): boolean {
    const known = new Map<Diagram, boolean>()
    const visit = (node: Diagram): boolean => {
      if (isConstant(node)) return node === yes
      const found = known.get(node)
      if (found !== undefined) return found
      const options = this.optionsOf(node)
      const chosen = box.get(this.variableOf(node))
      this.left -= costOfNode + 2 * (chosen?.length ?? options.length)
      if (this.left <= 0) return false
      const is = (option: Diagram): boolean => visit(option)
      const among = chosen === undefined ? [...options] : chosen.map((option) => options[option] ?? no)
      const whether = among.every(is)
      known.set(node, whether)
      return whether
    }
    return visit(diagram)
  }

  /** The choices of fewest options but the plain one, 0, with which a function of yes and no is yes; null: it never is. */
  leastIn(diagram: Diagram): { options: Map<number, number>; count: number } | null {
    interface Step {
      count: number
      option: number
      next: Diagram
    }
    const known = new Map<Diagram, Step>()
    const never = Number.POSITIVE_INFINITY
    const visit = (node: Diagram): number => {
      if (isConstant(node)) return node === yes ? 0 : never
      const found = known.get(node)
      if (found !== undefined) return found.count
      const options = this.optionsOf(node)
      this.left -= options.length
      let best: Step = { count: never, option: 0, next: no }
      options.forEach((next, option) => {
        const count = visit(next) + (option === 0 ? 0 : 1)
        if (count < best.count) best = { count, option, next }
      })
      known.set(node, best)
      return best.count
    }
    if (visit(diagram) === never) return null
    const options = new Map<number, number>()
    let node = diagram
    while (!isConstant(node)) {
      const step = known.get(node)
      if (step === undefined) break
      options.set(this.variableOf(node), step.option)
      node = step.next
    }
    return { options, count: known.get(diagram)?.count ?? 0 }
  }
}

const halfKey = 2 ** 25

function isEqual(a: Int32Array, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false
  return true
}
