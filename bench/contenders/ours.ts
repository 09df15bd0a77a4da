import { type Derivation, derive } from '../../src/rules/index.ts'
import { answerOfDerivation } from '../answer.ts'
import type { Contender } from './contender.ts'

/** `derive` on the record itself. `ahead` adds the ways forward and the date of the next change. */
export function ours(name: string, { ahead }: { ahead: boolean }): Contender {
  return {
    name,
    prepare(version) {
      const versions = [version]
      return {
        ask: ({ entries, on, knownAt }) => derive({ versions, entries, on, knownAt, ahead }),
        read: (given) => answerOfDerivation(given as Derivation),
      }
    },
  }
}
