/** Documents that the schema takes and that one request can hold, each at some of its bounds. */
import type { Condition, ProtocolDocument } from '../../src/rules/types.ts'

export function list<T>(length: number, item: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => item(index))
}

export const empty: ProtocolDocument = {
  format: 1,
  code: 'bounds',
  title: 'Bounds',
  procedures: ['repair'],
  exercises: [],
  sources: [],
  milestones: [],
  facts: [],
  phases: [{ code: 'recovery', title: 'Recovery', entry: { days: { atLeast: 0 } } }],
  prescriptions: [],
  contraindications: [],
  instructions: [],
  limits: [],
  redFlags: [],
}

export const milestone = (index: number): string => `m-${index % 200}`
const fact = (index: number): string => `f-${index % 200}`
export const milestones = list(200, (index) => ({ code: milestone(index), title: 'Milestone' }))
const facts = list(200, (index) => ({ code: fact(index), title: 'Fact', type: 'number' as const, ask: 'How much?' }))
export const exercises = list(300, (index) => ({
  code: `e-${index}`,
  title: 'Exercise',
  kind: 'exercise' as const,
  groups: ['all'],
  attributes: { impact: 3 } as const,
}))

export function prescribe(index: number, when: Condition): ProtocolDocument['prescriptions'][number] {
  return { code: `p-${index}`, group: 'all', from: 'recovery', supervision: 'supervised', side: 'both', when }
}

export function forbid(index: number, when: Condition): ProtocolDocument['contraindications'][number] {
  const strength = index % 2 === 0 ? 'absolute' : 'relative'
  return { code: `c-${index}`, title: 'Impact', strength, target: [{ attributes: { impact: 1 } }], when }
}

/** One test in as many parts as JSON may be nested. */
function nest(condition: Condition, depth: number): Condition {
  let whole = condition
  for (let level = 0; level < depth; level += 1) whole = level % 2 === 0 ? { not: whole } : { all: [whole] }
  return whole
}

function mixed(index: number, length: number): Condition[] {
  return list(length, (at) =>
    at % 2 === 0
      ? { days: { since: milestone(index * 7 + at), atLeast: index + at } }
      : { fact: fact(index * 5 + at), atLeast: at, withinDays: index },
  )
}

export const documents: Record<string, ProtocolDocument> = {
  '300 exercises × 500 prescriptions × 200 contraindications, with a day each': {
    ...empty,
    exercises,
    prescriptions: list(500, (index) => prescribe(index, { days: { atLeast: index } })),
    contraindications: list(200, (index) => forbid(index, { days: { before: index * 3 } })),
  },
  '500 prescriptions and 200 contraindications of 300 exercises, about 200 milestones and 200 facts, in 4 tests each': {
    ...empty,
    exercises,
    milestones,
    facts,
    prescriptions: list(500, (index) => prescribe(index, { all: mixed(index, 4) })),
    contraindications: list(200, (index) => forbid(index, { any: mixed(index + 3, 4) })),
  },
  '2,950 days, 50 for each of 59 prescriptions': {
    ...empty,
    exercises: exercises.slice(0, 1),
    prescriptions: list(59, (index) =>
      prescribe(index, { any: list(50, (at) => ({ days: { atLeast: index * 50 + at - 500 } })) }),
    ),
  },
  '58 conditions of 50 tests each, of the same 50 milestones': {
    ...empty,
    exercises: exercises.slice(0, 20),
    milestones: milestones.slice(0, 50),
    prescriptions: list(58, (index) =>
      prescribe(index, { all: list(50, (at) => ({ days: { since: milestone(at % 50), atLeast: index + at } })) }),
    ),
  },
  'entries of 50 phases nested 90 deep, of 50 tests in all 50 milestones; and 200 limits on one quantity': {
    ...empty,
    exercises: exercises.slice(0, 10),
    milestones: milestones.slice(0, 50),
    phases: list(50, (index) => ({
      code: index === 0 ? 'recovery' : `phase-${index}`,
      title: 'Phase',
      entry: nest({ any: list(50, (at) => ({ days: { since: milestone(at % 50), atLeast: index + at } })) }, 40),
    })),
    prescriptions: [prescribe(0, nest({ milestone: milestone(1) }, 44))],
    limits: list(200, (index) => ({
      code: `l-${index}`,
      quantity: 'load',
      max: index,
      when: { days: { since: milestone(index % 20), atLeast: index, before: index + 10 } },
    })),
  },
  '200 contraindications with 40 targets each, of 8,000 attributes': {
    ...empty,
    exercises: exercises.slice(0, 50),
    prescriptions: [prescribe(0, { days: { atLeast: 0 } })],
    contraindications: list(200, (index) => ({
      ...forbid(index, { days: { before: index } }),
      target: list(40, (at) => ({ attributes: { impact: 1 as const, [`a-${index}-${at}`]: 1 as const } })),
    })),
  },
}
