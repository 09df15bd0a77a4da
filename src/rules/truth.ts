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

function tabulate(join: (a: Truths, b: Truths) => Truths): Uint8Array {
  const table = new Uint8Array(64)
  for (let a = 0; a < 8; a += 1) {
    for (let b = 0; b < 8; b += 1) {
      for (const one of singles) {
        for (const other of singles) {
          if ((a & one) !== 0 && (b & other) !== 0) table[a * 8 + b] = (table[a * 8 + b] ?? 0) | join(one, other)
        }
      }
    }
  }
  return table
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
