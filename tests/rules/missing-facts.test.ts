import { expect, test } from '@jest/globals'
import { derive, type ProtocolDocument } from '../../src/rules/index.ts'
import { askAbout, dateOn } from './check-cases.ts'

const pain = {
  code: 'pain',
  title: 'Pain',
  type: 'number',
  unit: 'NRS',
  min: 0,
  max: 10,
  ask: 'How bad is it?',
} as const
const bone = { code: 'bone', title: 'Bone', type: 'choice', values: ['weak', 'normal'], ask: 'Which bone?' } as const

type When = ProtocolDocument['limits'][number]['when']

function missing(
  facts: ProtocolDocument['facts'],
  when: When,
  record = {},
  prescriptions: ProtocolDocument['prescriptions'] = [],
) {
  const document: ProtocolDocument = {
    format: 1,
    code: 'knee',
    title: 'Knee',
    procedures: ['repair'],
    exercises: [],
    sources: [],
    milestones: [],
    facts,
    phases: [{ code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } }],
    prescriptions,
    contraindications: [],
    instructions: [],
    limits: [{ code: 'load', quantity: 'load', max: 5, ...(when && { when }) }],
    redFlags: [],
  }
  const known = { daysSinceSurgery: 9, milestones: [], facts: [], ...record }
  return derive(askAbout(document, known))?.missingFacts
}

const askedBy = { protocol: 'knee', version: 1, rules: ['load'], stale: null }

test('a missing fact says how it is asked for', () => {
  expect(
    missing([pain, bone], {
      any: [
        { fact: 'pain', atLeast: 4 },
        { fact: 'bone', is: 'weak' },
      ],
    }),
  ).toEqual([
    {
      ...askedBy,
      code: 'bone',
      title: 'Bone',
      ask: 'Which bone?',
      type: 'choice',
      unit: null,
      min: null,
      max: null,
      values: ['weak', 'normal'],
    },
    {
      ...askedBy,
      code: 'pain',
      title: 'Pain',
      ask: 'How bad is it?',
      type: 'number',
      unit: 'NRS',
      min: 0,
      max: 10,
      values: [],
    },
  ])
})

test('one that is not declared is asked for by its code, as a text', () => {
  const undeclared = { title: 'mood', ask: 'mood', type: 'text', unit: null, min: null, max: null, values: [] }
  expect(missing([], { fact: 'mood', is: 'low' })).toEqual([{ ...askedBy, code: 'mood', ...undeclared }])
})

test('an observation is too old only for the rules that say how old it may be', () => {
  const facts = [{ code: 'pain', value: 5, day: 2 }]
  const fresh = { fact: 'pain', atLeast: 4, withinDays: 7 }
  expect(missing([pain], fresh, { facts })).toEqual([])
  expect(missing([pain], { ...fresh, withinDays: 6 }, { facts })).toMatchObject([
    { stale: { value: 5, on: dateOn(2) } },
  ])
  // Of another sort than the test compares: there is one, but it says nothing.
  expect(missing([pain], { fact: 'pain', is: 'strong' }, { facts })).toMatchObject([{ code: 'pain', stale: null }])
  // One of the two tests can do with it.
  const both = {
    all: [
      { fact: 'pain', atLeast: 4 },
      { ...fresh, withinDays: 6 },
    ],
  }
  expect(missing([pain], both, { facts })).toMatchObject([{ stale: { value: 5, on: dateOn(2) } }])
})

test('a prescription for a phase that there is not asks for nothing', () => {
  const how = { supervision: 'supervised', side: 'both', when: { fact: 'pain', atMost: 3 } } as const
  const from = (phase: string) => [{ code: 'walk', exercise: 'walk', from: phase, through: 'early', ...how }]
  expect(missing([pain], undefined, {}, from('early'))).toMatchObject([{ code: 'pain', rules: ['walk'] }])
  expect(missing([pain], undefined, {}, from('nowhere'))).toEqual([])
})

test('the rules that wait are named in alphabetical order', () => {
  const how = { supervision: 'supervised', side: 'both', when: { fact: 'pain', atMost: 3 } } as const
  const prescriptions = [{ code: 'bend', exercise: 'bend', from: 'early', ...how }]
  expect(missing([pain], { fact: 'pain', atLeast: 4 }, {}, prescriptions)).toMatchObject([{ rules: ['bend', 'load'] }])
})
