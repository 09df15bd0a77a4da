import { expect, test } from '@jest/globals'
import { type Condition, derive, type ProtocolDocument, timeline } from '../../src/rules/index.ts'
import { askAbout } from './check-cases.ts'

const milestones = Array.from({ length: 11 }, (_, index) => ({ code: `m${index}`, title: `M${index}` }))

/** Whether an odd number of them is reached: as long as one of them is open, it can be either. */
function isOdd(codes: readonly string[]): Condition {
  const [first, ...others] = codes
  if (first === undefined) return { any: [] }
  if (others.length === 0) return { milestone: first }
  const one = isOdd(codes.slice(0, codes.length / 2))
  const other = isOdd(codes.slice(codes.length / 2))
  return { any: [{ all: [one, { not: other }] }, { all: [{ not: one }, other] }] }
}

const odd = isOdd(milestones.map(({ code }) => code))
/** Never true, which only shows when all of them have been tried. */
const hard: Condition = { all: [odd, { not: odd }] }

/** Exercises that are hard to decide, and others that are easy, whose names come last. */
function ask(hardOnes: number, easyOnes = 1) {
  const name = (what: string, count: number) => Array.from({ length: count }, (_, index) => `${what}-${index}`)
  const codes = [...name('hard', hardOnes), ...name('walk', easyOnes)]
  const document: ProtocolDocument = {
    format: 1,
    code: 'knee',
    title: 'Knee',
    procedures: ['repair'],
    exercises: codes.map((code) => ({ code, title: code, kind: 'exercise', attributes: {} })),
    sources: [],
    milestones,
    facts: [],
    phases: [{ code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } }],
    prescriptions: codes.map((code) => ({
      code,
      exercise: code,
      from: 'early',
      when: code.startsWith('walk') ? { milestone: 'm0' } : hard,
      supervision: 'supervised',
      side: 'both',
    })),
    contraindications: [],
    instructions: [],
    limits: [],
    redFlags: [],
  }
  return askAbout(document, { daysSinceSurgery: 9, milestones: [], facts: [] })
}

function outcomes(question: ReturnType<typeof ask>) {
  const withheld = derive(question)?.withheld ?? []
  return withheld.map(({ exercise, wayForward }) => [exercise.code, wayForward?.outcome])
}

test('a search that takes too long is given up, and the others are not', () => {
  const question = ask(2)
  expect(outcomes(question)).toEqual([
    ['hard-0', 'undecided'],
    ['hard-1', 'undecided'],
    ['walk-0', 'permitted'],
  ])
  const drawn = timeline(question)
  expect(drawn?.undecided).toEqual(['hard-0', 'hard-1'].map((code) => ({ code, title: code })))
  expect(drawn?.never).toEqual([])
  expect(drawn?.waiting).toMatchObject([{ exercises: [{ code: 'walk-0' }] }])
})

test('without a way forward there is neither a date nor a need', () => {
  const question = ask(1)
  const [hardOne] = derive(question)?.withheld ?? []
  expect(hardOne?.wayForward).toEqual({ outcome: 'undecided', earliest: null, needs: [] })
  const closed = {
    kind: 'closure',
    id: 'closed',
    revision: 9,
    recordedAt: question.knownAt,
    on: question.on,
    reason: '',
  }
  const entries = [...question.entries, closed as (typeof question.entries)[number]]
  const [closedOne] = derive({ ...question, entries })?.withheld ?? []
  expect(closedOne?.wayForward).toEqual({ outcome: 'never', earliest: null, needs: [] })
})

test('ten that take too long leave nothing for the others', () => {
  expect(outcomes(ask(9)).at(-1)).toEqual(['walk-0', 'permitted'])
  expect(outcomes(ask(10)).at(-1)).toEqual(['walk-0', 'undecided'])
})

test('those that take little leave enough', () => {
  expect(new Set(outcomes(ask(1, 20)).map(([, outcome]) => outcome))).toEqual(new Set(['undecided', 'permitted']))
  expect(outcomes(ask(1, 20)).at(-1)?.[1]).toBe('permitted')
})
