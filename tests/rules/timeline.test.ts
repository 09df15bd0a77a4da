import { describe, expect, test } from '@jest/globals'
import {
  addDays,
  type CalendarDate,
  daysBetween,
  derive,
  type ProtocolDocument,
  type Timeline,
  timeline,
} from '../../src/rules/index.ts'
import { askAbout } from './check-cases.ts'
import { readTimelines } from './timelines.ts'

type Question = Parameters<typeof timeline>[0]

function draw(question: Question): Timeline {
  const drawn = timeline(question)
  if (drawn === null) throw new Error('a surgery is on record')
  return drawn
}

const timelines = readTimelines()

describe('golden timelines', () => {
  test.each(timelines.map((golden) => [golden.name, golden] as const))('%s', (_name, golden) => {
    expect(golden.answer(timeline)).toEqual(golden.expected)
  })

  test.each(timelines.map((golden) => [golden.name, golden] as const))(
    '%s: on every day derive agrees',
    (_, { question }) => {
      const { steps, surgery } = draw(question)
      for (let day = -10; day <= 120; day += 1) {
        const date = addDays(surgery.surgeryDate, day)
        const answer = derive({ ...question, on: date, ahead: false })
        const step = steps.findLast((one) => one.date <= date)
        expect([date, answer?.permitted.map(({ exercise }) => exercise.code)]).toEqual([date, step?.permitted ?? []])
        if (step !== undefined) expect([date, answer?.status]).toEqual([date, step.status])
        expect(step === undefined || daysBetween(surgery.surgeryDate, step.date) === step.daysSinceSurgery).toBe(true)
      }
    },
  )

  test.each(timelines.map((golden) => [golden.name, golden] as const))(
    '%s: what waits is what derive withholds',
    (_, { question }) => {
      const { waiting, never, undecided, on } = draw(question)
      const answer = derive({ ...question, on })
      const waits = (answer?.withheld ?? []).filter(
        ({ wayForward }) => wayForward?.outcome === 'permitted' && wayForward.needs.some(({ kind }) => kind !== 'date'),
      )
      const listed = waiting.flatMap(({ exercises }) => exercises.map(({ code }) => code))
      expect(listed.sort()).toEqual(waits.map(({ exercise }) => exercise.code).sort())
      for (const { needs, earliest, exercises } of waiting) {
        for (const { code } of exercises) {
          const found = waits.find(({ exercise }) => exercise.code === code)?.wayForward
          expect([code, found?.earliest, found?.needs]).toEqual([code, earliest, needs])
        }
      }
      expect([never, undecided]).toEqual([[], []])
    },
  )
})

const example: ProtocolDocument = {
  format: 1,
  code: 'example',
  title: 'Example',
  procedures: ['repair'],
  exercises: ['walking', 'rowing', 'jumping'].map((code) => ({ code, title: code, kind: 'exercise', attributes: {} })),
  sources: [],
  milestones: [{ code: 'visit', title: 'Visit' }],
  facts: [{ code: 'pain', title: 'Pain', type: 'number', min: 0, max: 10, ask: 'Pain?' }],
  phases: [
    { code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } },
    { code: 'late', title: 'Late', entry: { all: [{ days: { atLeast: 14 } }, { milestone: 'visit' }] } },
  ],
  prescriptions: [
    {
      code: 'walking',
      exercise: 'walking',
      from: 'early',
      through: 'late',
      supervision: 'independent',
      side: 'both',
      dosage: [{ reps: 5 }, { when: { days: { atLeast: 8 } }, reps: 10 }],
    },
    { code: 'rowing', exercise: 'rowing', from: 'late', supervision: 'supervised', side: 'both' },
    {
      code: 'jumping',
      exercise: 'jumping',
      from: 'late',
      when: { fact: 'pain', atMost: 3, withinDays: 7 },
      supervision: 'supervised',
      side: 'both',
    },
  ],
  contraindications: [
    { code: 'never-jump', title: 'Jumping', strength: 'absolute', target: [{ exercise: 'jumping' }] },
  ],
  instructions: [],
  limits: [{ code: 'load', quantity: 'load', max: 5, when: { days: { before: 10 } } }],
  redFlags: [],
}

function ask(surgeryDate: string, on: number, entries: readonly Record<string, unknown>[] = []): Question {
  const asked = askAbout(example, { daysSinceSurgery: 0, milestones: [], facts: [] }, entries)
  const date = surgeryDate as CalendarDate
  return {
    ...asked,
    alsoJudge: [],
    on: addDays(date, on),
    entries: asked.entries.map((entry) => (entry.kind === 'surgery' ? { ...entry, surgeryDate: date } : entry)),
  }
}

/** Days since the surgery with what changes. */
function stepsOf({ steps }: Timeline): [CalendarDate, number, string[]][] {
  return steps.map(({ date, daysSinceSurgery, changes }) => [
    date,
    daysSinceSurgery,
    changes.map((change) => {
      if ('exercise' in change) return `${change.kind} ${change.exercise.code}`
      if ('list' in change) return `${change.kind} ${change.list}/${change.rule}`
      return change.kind === 'status' ? change.to : (change.to?.code ?? 'none')
    }),
  ])
}

const atFirst = ['active', 'early', 'permitted walking', 'begins avoid/never-jump', 'begins limits/load']

describe('the steps of a timeline', () => {
  test.each([
    ['2028-02-20', '2028-02-28', '2028-03-01'],
    ['2027-02-20', '2027-02-28', '2027-03-02'],
    ['2028-02-22', '2028-03-01', '2028-03-03'],
    ['2100-02-20', '2100-02-28', '2100-03-02'],
  ])('after a surgery on %s the eighth day is %s and the tenth %s', (surgery, eighth, tenth) => {
    expect(stepsOf(draw(ask(surgery, 5)))).toEqual([
      [surgery, 0, atFirst],
      [eighth, 8, ['changed walking']],
      [tenth, 10, ['ends limits/load']],
    ])
  })

  test('count what is dated later, as something that comes if nothing else is recorded', () => {
    const visit = { kind: 'milestone', code: 'visit', on: '2026-03-22', grantedBy: null }
    const hold = { kind: 'hold', from: '2026-03-25', until: '2026-03-27', reason: 'Fever' }
    const drawn = draw(ask('2026-03-02', 9, [visit, hold]))
    expect(stepsOf(drawn).slice(2)).toEqual([
      ['2026-03-12', 10, ['ends limits/load']],
      ['2026-03-22', 20, ['late', 'permitted rowing']],
      ['2026-03-25', 23, ['on-hold', 'withheld rowing', 'withheld walking']],
      ['2026-03-27', 25, ['active', 'permitted rowing', 'permitted walking']],
    ])
    expect(drawn.steps.map(({ past }) => past)).toEqual([true, true, false, false, false, false])
  })

  test('are past up to the day that is asked about, and the day itself is', () => {
    for (const [on, past] of [
      [7, [true, false, false]],
      [8, [true, true, false]],
      [10, [true, true, true]],
    ] as const) {
      expect(draw(ask('2026-03-02', on)).steps.map((step) => step.past)).toEqual(past)
    }
  })

  test('begin with what comes before the surgery, and have the surgery in any case', () => {
    const closed = { kind: 'closure', on: '2026-02-20', reason: 'Moved away' }
    expect(stepsOf(draw(ask('2026-03-02', 9, [closed])))).toEqual([
      ['2026-02-20', -10, ['closed']],
      ['2026-03-02', 0, ['early', 'begins avoid/never-jump', 'begins limits/load']],
      ['2026-03-12', 10, ['ends limits/load']],
    ])
  })

  test('end with the end of an observation that gets too old', () => {
    const entries = [
      { kind: 'milestone', code: 'visit', on: '2026-03-16', grantedBy: null },
      { kind: 'fact', code: 'pain', value: 2, on: '2026-03-16' },
    ]
    const asked = ask('2026-03-02', 15, entries)
    const lenient: ProtocolDocument = { ...example, contraindications: [] }
    const versions = asked.versions.map((version) => ({ ...version, document: lenient }))
    expect(stepsOf(draw({ ...asked, versions })).slice(3)).toEqual([
      ['2026-03-16', 14, ['late', 'permitted jumping', 'permitted rowing']],
      ['2026-03-24', 22, ['withheld jumping']],
    ])
  })
})

describe('what begins and ends', () => {
  function changesIn(document: Partial<ProtocolDocument>, entries: readonly Record<string, unknown>[] = []) {
    const asked = ask('2026-03-02', 5, entries)
    const versions = asked.versions.map((version) => ({ ...version, document: { ...example, ...document } }))
    return draw({ ...asked, versions }).steps.map(({ daysSinceSurgery, changes }) => [daysSinceSurgery, changes])
  }

  const nothing = { contraindications: [], prescriptions: [], limits: [] }
  const early = [
    { kind: 'status', to: 'active' },
    { kind: 'phase', protocol: 'example', to: { code: 'early', title: 'Early' } },
  ]

  test('is named with what it says: contraindications, instructions, limits that nothing supersedes, and goals', () => {
    const rule = { protocol: 'example', limit: null }
    const load = { list: 'limits', protocol: 'example', title: 'load' }
    const lighter = { ...load, rule: 'lighter', limit: { quantity: 'load', max: 5, min: null, unit: 'kg' } }
    const heavier = { ...load, rule: 'heavier', limit: { quantity: 'load', max: 9, min: null, unit: 'kg' } }
    const walking = { quantity: 'steps', max: null, min: 1000, unit: null }
    const steps = { list: 'goals', protocol: 'example', rule: 'steps', title: 'Walk more', limit: walking }
    expect(
      changesIn({
        ...nothing,
        contraindications: [
          {
            code: 'no-jump',
            title: 'Jumping',
            strength: 'absolute',
            target: [{ exercise: 'jumping' }],
            when: { days: { before: 3 } },
          },
        ],
        instructions: [{ code: 'rail', about: 'stairs', text: 'Hold the rail', when: { days: { atLeast: 3 } } }],
        limits: [
          { code: 'lighter', quantity: 'load', max: 5, unit: 'kg', when: { days: { before: 10 } } },
          { code: 'heavier', quantity: 'load', max: 9, unit: 'kg' },
          {
            code: 'steps',
            kind: 'goal',
            quantity: 'steps',
            text: 'Walk more',
            min: 1000,
            when: { days: { atLeast: 3 } },
          },
        ],
      }),
    ).toEqual([
      [
        0,
        [
          ...early,
          { kind: 'begins', list: 'avoid', rule: 'no-jump', title: 'Jumping', ...rule },
          { kind: 'begins', ...lighter },
        ],
      ],
      [
        3,
        [
          { kind: 'begins', list: 'instructions', rule: 'rail', title: 'Hold the rail', ...rule },
          { kind: 'begins', ...steps },
          { kind: 'ends', list: 'avoid', rule: 'no-jump', title: 'Jumping', ...rule },
        ],
      ],
      [
        10,
        [
          { kind: 'begins', ...heavier },
          { kind: 'ends', ...lighter },
        ],
      ],
    ])
  })

  test('is nothing on the day of the surgery if the phase has begun before, and may be the phase', () => {
    const visit = { kind: 'milestone', code: 'visit', on: '2026-03-10', grantedBy: null }
    const phases = [{ code: 'early', title: 'Early', entry: { not: { milestone: 'visit' } } }]
    expect(changesIn({ ...nothing, phases }, [visit])).toEqual([
      [0, []],
      [
        8,
        [
          { kind: 'status', to: 'no-phase' },
          { kind: 'phase', protocol: 'example', to: null },
        ],
      ],
    ])
  })
})

describe('a timeline of too many days', () => {
  const restlessFor = (length: number): ProtocolDocument => {
    const days = Array.from({ length }, (_, index) => index - 500)
    return {
      ...example,
      // What is permitted is another thing each day.
      prescriptions: ['walking', 'rowing'].map((exercise, parity) => ({
        code: exercise,
        exercise,
        from: 'early',
        when: {
          any: days
            .filter((day) => (day + 500) % 2 === parity)
            .map((day) => ({ days: { atLeast: day, before: day + 1 } })),
        },
        supervision: 'supervised',
        side: 'both',
      })),
      phases: [{ code: 'early', title: 'Early', entry: { days: { atLeast: -500 } } }],
      contraindications: [],
    }
  }
  const restless = restlessFor(2_000)

  test.each([-490, 1_490])('on day %d has the days around it, and says that there are more', (on) => {
    const asked = ask('2026-03-02', on)
    const question = { ...asked, versions: asked.versions.map((version) => ({ ...version, document: restless })) }
    const { steps, isComplete } = draw(question)
    expect(isComplete).toBe(false)
    const [first, last] = [steps[0], steps.at(-1)]
    if (first === undefined || last === undefined) throw new Error('there are steps')
    expect([first.date <= question.on, question.on <= last.date]).toEqual([true, true])
    expect(steps.length).toBe(daysBetween(first.date, last.date) + 1)
    for (const { date, permitted } of steps.filter((_, index) => index % 9 === 0)) {
      const answer = derive({ ...question, on: date, ahead: false })
      expect([date, permitted]).toEqual([date, answer?.permitted.map(({ exercise }) => exercise.code)])
    }
  })

  /** So many tests that a few days more than twenty are too many. */
  function slowFor(length: number, on: number): Question {
    const tests = Array.from({ length: 12_000 }, () => ({ milestone: 'visit' }))
    const slow = { ...restlessFor(length), limits: [{ code: 'load', quantity: 'load', max: 5, when: { any: tests } }] }
    const asked = ask('2026-03-02', on)
    return { ...asked, versions: asked.versions.map((version) => ({ ...version, document: slow })) }
  }

  test('has the last ones after all of them', () => {
    const { steps, isComplete } = draw(slowFor(60, 5))
    expect([steps.at(-1)?.daysSinceSurgery, isComplete]).toEqual([0, false])
  })

  test('is complete if there are not too many', () => {
    const { steps, isComplete } = draw(slowFor(20, -10))
    expect([steps.length, isComplete]).toEqual([22, true])
    expect(draw(ask('2026-03-02', 9)).isComplete).toBe(true)
    for (const { question } of timelines) expect(draw(question).isComplete).toBe(true)
  })
})

describe('what a timeline waits for', () => {
  test('the next phase with its entry, what needs more than time, and what is never permitted', () => {
    const drawn = draw(ask('2026-03-02', 9))
    expect(drawn.nextPhases).toMatchObject([
      { protocol: 'example', phase: { code: 'late' }, entry: { op: 'all', truth: 'false', of: [{ op: 'days' }, {}] } },
    ])
    expect(drawn.waiting).toEqual([
      {
        earliest: '2026-03-16',
        exercises: [{ code: 'rowing', title: 'rowing' }],
        needs: [
          expect.objectContaining({ kind: 'milestone', milestone: { code: 'visit', title: 'Visit' } }),
          { kind: 'date', date: '2026-03-16' },
        ],
      },
    ])
    expect(drawn.never).toEqual([{ code: 'jumping', title: 'jumping' }])
    expect(drawn.undecided).toEqual([])
  })

  test('in the last phase there is no next one, and before the surgery the first is', () => {
    const visit = { kind: 'milestone', code: 'visit', on: '2026-03-10', grantedBy: null }
    expect(draw(ask('2026-03-02', 14, [visit])).nextPhases).toEqual([])
    expect(draw(ask('2026-03-02', -1)).nextPhases).toMatchObject([{ phase: { code: 'early' } }])
  })

  test('what time alone brings does not wait', () => {
    const visit = { kind: 'milestone', code: 'visit', on: '2026-03-10', grantedBy: null }
    expect(draw(ask('2026-03-02', 9, [visit])).waiting).toEqual([])
  })

  test('with the same needs together, the soonest first', () => {
    const calm: ProtocolDocument = { ...example, contraindications: [] }
    const asked = ask('2026-03-02', 9)
    const versions = asked.versions.map((version) => ({ ...version, document: calm }))
    const hold = { kind: 'hold', from: '2026-03-03', until: null, reason: 'Fever' }
    const held = ask('2026-03-02', 9, [hold])
    expect(
      draw({ ...held, versions }).waiting.map(({ exercises, earliest }) => [
        earliest,
        exercises.map(({ code }) => code),
      ]),
    ).toEqual([
      ['2026-03-11', ['walking']],
      ['2026-03-16', ['rowing']],
      ['2026-03-16', ['jumping']],
    ])
  })

  test('without a surgery on record there is none', () => {
    const asked = ask('2026-03-02', 9)
    expect(timeline({ ...asked, entries: asked.entries.filter(({ kind }) => kind !== 'surgery') })).toBeNull()
  })
})
