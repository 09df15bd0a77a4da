import type { Truth } from './types.ts'

/**
 * A set of truths as bits. A condition of which everything is known has one of the three; one that is asked about many
 * cases at once may have several: what it can be.
 */
export type Truths = number

export const isFalse: Truths = 1
export const isTrue: Truths = 2
export const isUnknown: Truths = 4

const singles: readonly Truths[] = [isFalse, isTrue, isUnknown]

/** The table of two sets: what the truths of the one and those of the other can come to. */
function tabulate(join: (a: Truths, b: Truths) => Truths): Uint8Array {
  const truthsIn = (set: Truths): Truths[] => singles.filter((single) => (set & single) !== 0)
  return Uint8Array.from({ length: 64 }, (_, index) => {
    const others = truthsIn(index % 8)
    const joined = truthsIn(Math.floor(index / 8)).flatMap((one) => others.map((other) => join(one, other)))
    return joined.reduce((all, truth) => all | truth, 0)
  })
}

// Kleene: one false decides a conjunction, otherwise one unknown leaves it open.
const conjunctions = tabulate((a, b) =>
  a === isFalse || b === isFalse ? isFalse : a === isUnknown || b === isUnknown ? isUnknown : isTrue,
)

export function both(a: Truths, b: Truths): Truths {
  return conjunctions[a * 8 + b] ?? 0
}

/** True and false change places; unknown stays. */
export function opposite(a: Truths): Truths {
  return ((a & isFalse) << 1) | ((a & isTrue) >> 1) | (a & isUnknown)
}

export function either(a: Truths, b: Truths): Truths {
  return opposite(both(opposite(a), opposite(b)))
}

export function ofBoolean(holds: boolean): Truths {
  return holds ? isTrue : isFalse
}

/** The word for one truth. */
export function nameTruth(truth: Truths): Truth {
  return truth === isTrue ? 'true' : truth === isFalse ? 'false' : 'unknown'
}
