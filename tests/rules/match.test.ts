import { expect, test } from '@jest/globals'
import { type Exercise, isAbout, type ProtocolDocument } from '../../src/rules/index.ts'
import { isNamed } from '../../src/rules/match.ts'

const document: ProtocolDocument = {
  format: 1,
  code: 'knee',
  title: 'Knee',
  procedures: [],
  exercises: [],
  sources: [],
  milestones: [],
  facts: [],
  phases: [],
  prescriptions: [
    { code: 'walk', exercise: 'walk', from: 'early', supervision: 'supervised', side: 'both' },
    { code: 'water', group: 'water', from: 'early', supervision: 'supervised', side: 'both' },
  ],
  contraindications: [
    { code: 'no-running', title: 'x', strength: 'absolute', target: [{ exercise: 'run' }, { exercise: 'sprint' }] },
    // Whether its condition ever holds makes no difference.
    { code: 'no-sport', title: 'x', strength: 'caution', target: [{ group: 'sport' }], when: { any: [] } },
    {
      code: 'no-balls',
      title: 'x',
      strength: 'absolute',
      target: [{ group: 'balls' }],
      except: [{ exercise: 'bowls' }, { group: 'table-games' }],
    },
    { code: 'no-jumping', title: 'x', strength: 'relative', target: [{ kind: 'activity', attributes: { impact: 2 } }] },
  ],
  instructions: [],
  limits: [],
  redFlags: [],
  cases: [
    {
      code: 'case',
      on: 0,
      record: [
        { permit: 'lifted', from: 0 },
        { withhold: 'stopped', from: 0 },
        { hold: 'held', from: 0 },
      ],
      expect: { permitted: ['allowed'], withheld: ['refused'], dose: { dosed: null } },
    },
  ],
}

test.each<[string, Partial<Exercise> & { code: string }, boolean]>([
  ['prescribed by name', { code: 'walk' }, true],
  ['prescribed by its group', { code: 'float', groups: ['gentle', 'water'] }, true],
  ['forbidden by name', { code: 'run' }, true],
  ['warned of by its group', { code: 'tennis', groups: ['sport'] }, true],
  ['forbidden by its grade', { code: 'hop', kind: 'activity', attributes: { impact: 2 } }, true],
  ['excepted by name', { code: 'bowls', groups: ['balls'] }, true],
  ['excepted by its group', { code: 'billiards', groups: ['balls', 'table-games'] }, true],
  ['forbidden because it is ungraded', { code: 'dance', kind: 'activity' }, true],
  ['graded below what is forbidden', { code: 'golf', kind: 'activity', attributes: { impact: 1 } }, false],
  ['of another kind than what is forbidden', { code: 'jump', attributes: { impact: 3 } }, false],
  ['permitted by an override of a test case', { code: 'lifted' }, true],
  ['withheld by an override of a test case', { code: 'stopped' }, true],
  ['the reason of a hold of a test case', { code: 'held' }, false],
  ['expected to be permitted by a test case', { code: 'allowed' }, true],
  ['expected to be withheld by a test case', { code: 'refused' }, true],
  ['expected to have a dose by a test case', { code: 'dosed' }, true],
  ['not named at all', { code: 'bend', groups: ['gentle'] }, false],
])('a document is about an exercise that it names in a rule: %s', (_what, exercise, about) => {
  expect(isAbout(document, { title: exercise.code, kind: 'exercise', attributes: {}, ...exercise })).toBe(about)
})

test.each<[string, Partial<Exercise> & { code: string }, boolean]>([
  ['by its code, in one of the targets', { code: 'sprint' }, true],
  ['by its group', { code: 'tennis', groups: ['sport'] }, true],
  ['by its code, in one of the exceptions', { code: 'bowls' }, true],
  ['by its group, in one of the exceptions', { code: 'billiards', groups: ['table-games'] }, true],
  ['not, but it is graded as what is forbidden', { code: 'hop', kind: 'activity', attributes: { impact: 2 } }, false],
])('a document names an exercise: %s', (_how, exercise, named) => {
  expect(isNamed(document, { title: exercise.code, kind: 'exercise', attributes: {}, ...exercise })).toBe(named)
})
