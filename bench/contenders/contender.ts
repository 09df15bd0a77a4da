import type { ProtocolVersion } from '../../src/rules/index.ts'
import type { Answer } from '../answer.ts'
import type { Case } from '../cases.ts'

/** A way to answer. What can be done once for a version is done in `prepare`, which is not timed. */
export interface Contender {
  name: string
  prepare(version: ProtocolVersion): Prepared
}

export interface Prepared {
  /** The timed part: whatever this way of answering gives. */
  ask(asked: Case): unknown
  /** What it gave, in the form in which answers are compared. Not timed. */
  read(given: unknown, asked: Case): Answer
}
