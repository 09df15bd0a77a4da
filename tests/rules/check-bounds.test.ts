import { describe, expect, test } from '@jest/globals'
import { documentBody } from '../../src/features/protocols/document-schema.ts'
import {
  type Condition,
  check,
  derive,
  type Finding,
  findFlaws,
  type ProtocolDocument,
  type Timeline,
  timeline,
} from '../../src/rules/index.ts'
import { documents, empty, exercises, forbid, list, milestone, milestones, prescribe } from './check-bounds.ts'
import { askAbout } from './check-cases.ts'
import { confirm, confirmOpportunity } from './check-witness.ts'

const mostSeconds = 30
const mostBytes = 1024 * 1024

/** Of the processor, not of the clock: others may be at work. */
function secondsOf(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000_000
}

const catalogue = {
  procedures: new Set(['repair']),
  exercises: new Set<string>(),
  groups: new Set<string>(),
  attributes: new Set(['impact', ...list(8_000, (index) => `a-${Math.floor(index / 40)}-${index % 40}`)]),
}

describe.each(Object.entries(documents))('%s', (_name, document) => {
  const asked = askAbout(document, {
    daysSinceSurgery: 30,
    milestones: document.milestones.map(({ code }, index) => ({ code, day: index % 30 })).slice(0, 100),
    facts: document.facts.map(({ code }, index) => ({ code, value: index % 10, day: index % 30 })).slice(0, 100),
  })

  test('is a document that can be sent and read', () => {
    expect(JSON.stringify(document).length).toBeLessThan(mostBytes)
    expect(documentBody.safeParse(document).error?.issues ?? []).toEqual([])
    expect(findFlaws(document, catalogue)).toEqual([])
  })

  test(`is checked in less than ${mostSeconds} seconds, with no more than 1,000 warnings`, () => {
    let findings: readonly Finding[] = []
    expect(
      secondsOf(() => {
        findings = check(document).findings
      }),
    ).toBeLessThan(mostSeconds)
    const others = findings.filter(({ code }) => code !== 'check-incomplete')
    expect(others.filter(({ severity }) => severity === 'warning').length).toBeLessThanOrEqual(1_000)
    const some = others.filter((_, index) => index % 100 === 0)
    expect(some.map((finding) => confirm(document, finding, derive)).filter((wrong) => wrong !== null)).toEqual([])
  })

  test(`has an answer and a timeline in less than ${mostSeconds} seconds, and the timeline has what is so now`, () => {
    let drawn: Timeline | null = null
    expect(
      secondsOf(() => {
        drawn = timeline(asked)
      }),
    ).toBeLessThan(mostSeconds)
    const now = derive({ ...asked, ahead: false })?.permitted.map(({ exercise }) => exercise.code)
    const { steps } = drawn as unknown as Timeline
    expect(steps.findLast(({ past }) => past)?.permitted ?? []).toEqual(now)
  })
})

describe('too many tests', () => {
  const days = (length: number): ProtocolDocument => ({
    ...empty,
    exercises: exercises.slice(0, 1),
    // The entry of the phase is one.
    prescriptions: list(length - 1, (index) => prescribe(index, { days: { atLeast: index % 7 } })),
  })

  test('of a document are 3,001', () => {
    expect(findFlaws(days(3_000), catalogue)).toEqual([])
    expect(findFlaws(days(3_001), catalogue)).toEqual([{ code: 'too-many-tests', path: '', tests: 3_001, most: 3_000 }])
  })

  test('are an error that is named, and nothing else is decided', () => {
    const { findings, opportunities, looks } = check(days(3_001), catalogue)
    expect(findings).toMatchObject([{ name: 'check-incomplete:tests', severity: 'error', path: '', other: '3000' }])
    expect([opportunities, looks]).toEqual([[], 0])
  })
})

describe('the bound of warnings', () => {
  /** Nothing of it has a source, and none of its sources is cited. */
  const unsourced = (sources: number): ProtocolDocument => ({
    ...empty,
    exercises: exercises.slice(0, 1),
    prescriptions: list(500, (index) => prescribe(index, { days: { atLeast: 0 } })),
    instructions: list(200, (index) => ({ code: `i-${index}`, about: 'posture', text: 'Sit up' })),
    redFlags: list(200, (index) => ({ code: `r-${index}`, title: 'Fever', response: 'emergency' })),
    sources: list(sources, (index) => ({ id: `s-${index}`, title: 'Book' })),
  })

  test('is 1,000: all of them are told', () => {
    const { findings } = check(unsourced(100))
    expect(findings).toHaveLength(1_000)
    expect(findings.some(({ code }) => code === 'check-incomplete')).toBe(false)
  })

  test('is not passed, and it is said that there are more', () => {
    const { findings } = check(unsourced(101))
    expect(findings).toHaveLength(1_001)
    expect(findings[0]).toMatchObject({ name: 'check-incomplete:cases', severity: 'error', other: null })
  })

  test('is for warnings: errors are told all', () => {
    const written = unsourced(101)
    const document = {
      ...written,
      prescriptions: written.prescriptions.map((rule) => ({
        ...rule,
        when: { all: [{ days: { atLeast: 1 } }, { days: { before: 1 } }] },
      })),
    }
    const { findings } = check(document)
    expect(findings.filter(({ code }) => code === 'grant-never-effective')).toHaveLength(500)
    expect(findings.filter(({ severity }) => severity === 'warning')).toHaveLength(1_000)
  })
})

describe('the bound of cases', () => {
  const many: ProtocolDocument = {
    ...empty,
    exercises: exercises.slice(0, 1),
    milestones: milestones.slice(0, 3),
    phases: [
      { code: 'recovery', title: 'Recovery', entry: { milestone: milestone(0) } },
      { code: 'training', title: 'Training', entry: { days: { since: milestone(1), atLeast: 7 } } },
    ],
    prescriptions: list(3, (index) => ({
      ...prescribe(index, {
        all: list(3, (at) => ({ days: { since: milestone(at), atLeast: index, before: index + 30 } })),
      }),
      through: 'training',
    })),
    contraindications: list(2, (index) =>
      forbid(index, { any: list(3, (at) => ({ days: { since: milestone(at), before: [at + index, at + 20] } })) }),
    ),
    limits: list(2, (index) => ({
      code: `l-${index}`,
      quantity: 'load',
      max: 5 - index,
      when: { days: { since: milestone(index), atLeast: index * 7 } },
    })),
  }
  const all = check(many, undefined, Number.POSITIVE_INFINITY)
  const flawed: ProtocolDocument = {
    ...many,
    phases: [
      ...many.phases,
      {
        code: 'nowhere',
        title: 'Nowhere',
        entry: { all: [{ milestone: milestone(2) }, { not: { milestone: milestone(2) } }] },
      },
    ],
    prescriptions: many.prescriptions.map((rule, index) =>
      index === 2 ? { ...rule, from: 'nowhere', through: 'nowhere' } : rule,
    ),
  }

  test.each([1, 10, 100, 1_000])('of %d is hardly passed, and it is said that the check is incomplete', (most) => {
    const { findings, looks, opportunities } = check(many, undefined, most)
    expect(looks).toBe(most)
    expect(findings.filter(({ code }) => code === 'check-incomplete')).toMatchObject([
      { severity: 'error', name: expect.stringMatching(/^check-incomplete:(errors|cases)$/), other: String(most) },
    ])
    expect(opportunities.map(({ decided }) => decided)).toEqual([false])
  })

  test('leaves the errors for the last: where only warnings are undecided all errors are found', () => {
    const errorsOf = (findings: readonly Finding[]): string[] =>
      findings.flatMap(({ code, name, severity }) => (severity === 'error' && code !== 'check-incomplete' ? name : []))
    let decided = 0
    for (let most = 1; most < 200_000; most = Math.ceil(most * 1.3)) {
      const { findings } = check(flawed, undefined, most)
      if (findings.some(({ name }) => name === 'check-incomplete:errors')) continue
      expect([most, errorsOf(findings)]).toEqual([most, errorsOf(check(flawed).findings)])
      decided += findings.some(({ name }) => name === 'check-incomplete:cases') ? 1 : 0
    }
    expect(errorsOf(check(flawed).findings)).toEqual(['grant-never-effective:p-2', 'unreachable-phase:nowhere'])
    expect(decided).toBeGreaterThan(0)
  })

  test('is there: without one all is decided', () => {
    expect(all.findings.filter(({ code }) => code === 'check-incomplete')).toEqual([])
    expect(all.opportunities.map(({ decided }) => decided)).toEqual([true])
  })

  test('whichever it is, what is found is found without a bound too', () => {
    const names = all.findings.map(({ name }) => name)
    for (let most = 1; most < 200_000; most = Math.ceil(most * 1.2)) {
      const found = check(many, undefined, most).findings.filter(({ code }) => code !== 'check-incomplete')
      const wrong = found.filter((finding) => !names.includes(finding.name) || confirm(many, finding, derive) !== null)
      expect([most, wrong.map(({ name }) => name)]).toEqual([most, []])
    }
  })
})

describe('numbers at their bounds', () => {
  const century = 36_500
  const about = (entry: Condition, when: Condition): ProtocolDocument => ({
    ...empty,
    exercises: exercises.slice(0, 1),
    milestones: milestones.slice(0, 1),
    facts: [
      { code: 'load', title: 'Load', type: 'number', ask: 'How much?' },
      { code: 'small', title: 'Small', type: 'number', min: -5e-324, max: 5e-324, ask: 'How much?' },
    ],
    phases: [{ code: 'recovery', title: 'Recovery', entry }],
    prescriptions: [prescribe(0, when)],
  })
  const since = milestone(0)

  test.each<[string, Condition, Condition]>([
    ['36,500 days before and after the surgery', { days: { atLeast: -century } }, { days: { atLeast: century } }],
    [
      'a range of 73,000 days',
      { days: { atLeast: [-century, century] } },
      { days: { since, before: [-century, century] } },
    ],
    [
      '36,500 days since a milestone',
      { days: { since, atLeast: century } },
      { not: { days: { since, before: century } } },
    ],
    ['1e308', { fact: 'load', above: -1e308 }, { fact: 'load', above: 1e308, below: 1.7e308 }],
    ['the largest number', { fact: 'load', atLeast: Number.MAX_VALUE }, { fact: 'load', atMost: Number.MAX_VALUE }],
    ['the smallest number', { fact: 'small', above: 0 }, { fact: 'small', atLeast: 5e-324, withinDays: century }],
    ['numbers next to each other', { fact: 'load', above: 1 }, { not: { fact: 'load', atLeast: 1 + Number.EPSILON } }],
    ['more than a number can tell', { fact: 'load', atLeast: 2 ** 53 }, { fact: 'load', below: 2 ** 53 + 2 }],
  ])('%s: derive confirms what the check says', (_name, entry, when) => {
    const document = about(entry, when)
    const { findings, opportunities } = check(document)
    expect(findings.map((finding) => confirm(document, finding, derive)).filter((wrong) => wrong !== null)).toEqual([])
    expect(findings.filter(({ code }) => code === 'check-incomplete')).toEqual([])
    for (const found of opportunities) {
      if (found.when.every(({ days }) => Math.abs(days.from ?? 0) < century * 3)) {
        expect(confirmOpportunity(document, found, derive)).toBeNull()
      }
    }
    const asked = askAbout(document, { daysSinceSurgery: 0, milestones: [], facts: [] })
    expect(derive(asked)).not.toBeNull()
    expect(timeline(asked)).not.toBeNull()
  })
})

describe('names that every object has', () => {
  const standIn = 'stand-in'
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype']

  /** As it is read from JSON, where `__proto__` is a name like any other. */
  function called(name: string): ProtocolDocument {
    const written = JSON.stringify({
      ...empty,
      exercises: [
        { code: name, title: 'Exercise', kind: 'exercise', groups: [name], attributes: { '@': 2 } },
        { code: '~plain', title: 'Plain', kind: 'exercise', attributes: {} },
      ],
      milestones: [{ code: name, title: 'Milestone' }],
      facts: [{ code: name, title: 'Fact', type: 'number', min: 0, max: 10, ask: '?' }],
      phases: [
        { code: 'recovery', title: 'Recovery', entry: { days: { atLeast: 0 } } },
        { code: name, title: 'Phase', entry: { milestone: name } },
      ],
      prescriptions: [
        { code: name, exercise: name, from: 'recovery', through: name, when: { fact: name, below: 5 } },
        { code: '~plain', exercise: '~plain', from: name },
      ].map((rule) => ({ supervision: 'supervised', side: 'both', ...rule })),
      contraindications: [
        {
          code: name,
          title: 'Rule',
          strength: 'relative',
          target: [{ attributes: { '@': 1 } }],
          when: { not: { milestone: name } },
        },
      ],
      limits: [{ code: name, quantity: name, max: 5, when: { days: { since: name, atLeast: 3 } } }],
    })
    return JSON.parse(written.replaceAll('"@"', JSON.stringify(name))) as ProtocolDocument
  }

  test.each(names)('`%s` is a name like any other to the checker', (name) => {
    const said = (document: ProtocolDocument, own: string) => {
      const { findings, opportunities } = check(document)
      return JSON.parse(JSON.stringify({ findings, opportunities }).replaceAll(own, '@'))
    }
    expect(said(called(name), name)).toEqual(said(called(standIn), standIn))
    const document = called(name)
    const { findings, opportunities } = check(document)
    expect(findings.map((finding) => confirm(document, finding, derive)).filter((wrong) => wrong !== null)).toEqual([])
    expect(opportunities.map((found) => confirmOpportunity(document, found, derive))).toEqual([null, null])
    expect(findings.map(({ name: found }) => found)).toContain(`ungraded-attribute:~plain/${name}`)
  })

  test.each(names)('`%s` can be accepted only by whom it is accepted', (name) => {
    expect(check(called(name)).findings.filter(({ accepted }) => accepted !== null)).toEqual([])
    const accepted = [{ finding: `ungraded-attribute:~plain/${name}`, reason: 'Nobody knows.' }]
    const { findings } = check({ ...called(name), accepted })
    expect(findings.flatMap((finding) => (finding.accepted === null ? [] : finding.name))).toEqual([
      accepted[0]?.finding,
    ])
  })
})

describe('documents with flaws', () => {
  const flawed: ProtocolDocument = {
    ...empty,
    phases: [
      { code: 'recovery', title: 'Recovery', entry: { phase: { from: 'recovery' } } },
      { code: 'recovery', title: 'Again', entry: { milestone: 'nobody-knows' } },
    ],
    exercises: [...exercises.slice(0, 1), ...exercises.slice(0, 1)],
    prescriptions: [
      prescribe(0, { fact: 'nobody-knows', atLeast: 1 }),
      { ...prescribe(1, { fact: 'nobody-knows', is: true }), from: 'nowhere', through: 'recovery' },
      { ...prescribe(2, { phase: { from: 'nowhere' } }), group: 'nobody' },
    ],
    contraindications: [forbid(0, { days: { since: 'nobody-knows', atLeast: 9, before: 3 } })],
    limits: [{ code: 'load', quantity: 'load', max: 1, min: 2, when: { fact: 'nobody-knows', in: [] } }],
  }

  test('are checked without a catalogue all the same', () => {
    const { findings } = check(flawed)
    expect(findings.filter(({ code }) => code === 'unreachable-phase').length).toBeGreaterThan(0)
    expect(findings.filter(({ code }) => code === 'grant-never-effective').map(({ name }) => name)).toEqual([
      'grant-never-effective:p-0',
      'grant-never-effective:p-1',
      'grant-never-effective:p-2',
    ])
  })

  test('a document without phases, rules and exercises has nothing to say', () => {
    const { findings, opportunities, looks } = check({ ...empty, phases: [] })
    expect([findings, opportunities]).toEqual([[], []])
    expect(looks).toBeGreaterThanOrEqual(0)
  })

  test('the same document gives the same bytes, and is not changed', () => {
    const before = JSON.stringify(flawed)
    const first = JSON.stringify(check(flawed))
    expect(JSON.stringify(check(structuredClone(flawed)))).toBe(first)
    expect(JSON.stringify(flawed)).toBe(before)
  })
})
