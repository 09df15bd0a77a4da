import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { need, permittedExercises, simulation } from '../../src/features/permitted-exercises/schemas.ts'
import type { simulatedTimeline, timeline } from '../../src/features/timelines/schemas.ts'
import { accepted, addDays, openEpisode, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'
import type { Problem } from './support.ts'

// What lies ahead of a patient: when each withheld exercise can be permitted and what it takes, what to ask, when the
// answer changes, and the whole course as a timeline.

type PermittedExercises = z.output<typeof permittedExercises>
type Simulation = z.output<typeof simulation>
type Timeline = z.output<typeof timeline>
type Need = z.output<typeof need>

const clinic = await startClinicWithLibrary({ now: '2026-10-20T12:00:00Z' })

const surgeryDate = '2026-10-01'
const always = { days: { atLeast: 0 } }
const knee = {
  format: 1,
  code: 'knee',
  title: 'Knee protocol',
  procedures: ['acdf'],
  exercises: [
    ...['heel-slides', 'quad-sets', 'squats', 'bike', 'stairs', 'jumps', 'lunges', 'kneeling'].map((code) => ({
      code,
      title: code.replace('-', ' '),
      kind: 'exercise',
      attributes: { impact: code === 'jumps' ? 3 : 0, rotation: code === 'lunges' ? 2 : 0 },
    })),
  ],
  sources: [],
  milestones: [
    { code: 'drain-out', title: 'Drain removed' },
    { code: 'six-week-visit', title: 'Six-week follow-up', grantedBy: ['surgeon', 'clinician'] },
  ],
  facts: [
    { code: 'pain', title: 'Pain now', type: 'number', unit: '{score}', min: 0, max: 10, ask: 'How bad is your pain?' },
    { code: 'flexion', title: 'Knee flexion', type: 'number', unit: 'deg', min: 0, max: 160, ask: 'How far?' },
    { code: 'graft', title: 'Graft', type: 'choice', values: ['own', 'donor'], ask: 'Which graft?', fixed: true },
    { code: 'levels', title: 'Levels', type: 'number', min: 0, max: 30, ask: 'How many?', operation: 'levels' },
  ],
  phases: [
    { code: 'early', title: 'Early', entry: always },
    { code: 'late', title: 'Late', entry: { all: [{ days: { atLeast: 42 } }, { milestone: 'six-week-visit' }] } },
  ],
  prescriptions: [
    {
      exercise: 'heel-slides',
      from: 'early',
      through: 'late',
      supervision: 'independent',
      provided: 'with the brace off',
      dosage: [
        { reps: 10, amounts: [{ quantity: 'knee-flexion', value: 60, unit: 'deg' }] },
        { when: { days: { atLeast: 28 } }, reps: 20, amounts: [{ quantity: 'knee-flexion', value: 90, unit: 'deg' }] },
      ],
    },
    { exercise: 'quad-sets', from: 'early', through: 'late', when: { days: { atLeast: [28, 42] } } },
    { exercise: 'squats', from: 'late' },
    {
      exercise: 'bike',
      from: 'early',
      through: 'late',
      when: {
        all: [
          { fact: 'flexion', atLeast: 100 },
          { fact: 'pain', atMost: 3, withinDays: 3 },
        ],
      },
    },
    { exercise: 'stairs', from: 'early', through: 'late', when: { days: { since: 'drain-out', atLeast: 14 } } },
    { exercise: 'jumps', from: 'early', through: 'late' },
    { exercise: 'lunges', from: 'early', through: 'late' },
    { exercise: 'kneeling', from: 'early', through: 'late', when: { fact: 'levels', atLeast: 2 } },
  ],
  contraindications: [
    {
      code: 'impact',
      title: 'Impact',
      strength: 'absolute',
      target: [{ attributes: { impact: 2 } }],
      when: { not: { fact: 'graft', is: 'donor' } },
    },
    { code: 'twisting', title: 'Twisting', strength: 'relative', target: [{ attributes: { rotation: 2 } }] },
  ],
  instructions: [{ code: 'ice', about: 'ice', text: 'Cool the knee.', when: { days: { before: 28 } } }],
  limits: [
    { code: 'weight', quantity: 'body-weight', max: 50, unit: '%', when: { days: { before: 28 } } },
    { code: 'bend', kind: 'goal', quantity: 'knee-flexion', min: 90, unit: 'deg', when: { days: { before: 42 } } },
  ],
  redFlags: [{ code: 'fever', title: 'Fever', response: 'contact-surgeon' }],
}
await publishProtocol(clinic, knee as never)

async function simulate(members: object = {}): Promise<Simulation> {
  const body = { protocols: [{ code: 'knee' }], surgeryDate, on: '2026-10-20', ...members }
  return accepted(await clinic.post<Simulation>('/simulations', body))
}

function withheldIn(answer: Simulation, exercise: string): Simulation['withheld'][number] {
  const found = answer.withheld.find((item) => item.exercise === exercise)
  if (found === undefined) throw new Error(`${exercise} is not withheld`)
  return found
}

describe('the way forward', () => {
  test.each<[string, string, string]>([
    ['quad-sets', '2026-11-12', 'It can be permitted on 12 November 2026 at the earliest, by time alone.'],
    [
      'squats',
      '2026-11-12',
      'It can be permitted on 12 November 2026 at the earliest, once “Six-week follow-up” (granted by surgeon or clinician) is on record.',
    ],
    [
      'bike',
      '2026-10-20',
      'It can be permitted on 20 October 2026 at the earliest, once “Knee flexion” is at least 100° and “Pain now” is at most 3.',
    ],
    [
      'stairs',
      '2026-11-03',
      'It can be permitted on 3 November 2026 at the earliest, once “Drain removed” is on record by 20 October 2026.',
    ],
    ['jumps', '2026-10-20', 'It can be permitted on 20 October 2026 at the earliest, once “Graft” is donor.'],
    [
      'lunges',
      '2026-10-20',
      'It can be permitted on 20 October 2026 at the earliest, once a clinician permits it for this patient in spite of “Twisting”.',
    ],
    ['kneeling', '2026-10-20', 'It can be permitted on 20 October 2026 at the earliest, once “Levels” is at least 2.'],
  ])('of %s', async (exercise, earliest, text) => {
    const { wayForward } = withheldIn(await simulate(), exercise)
    expect(wayForward).toMatchObject({ outcome: 'permitted', earliest, text })
  })

  test('does not hope that what is fixed will be something else', async () => {
    const { wayForward } = withheldIn(
      await simulate({ facts: [{ code: 'graft', value: 'own', on: surgeryDate }] }),
      'jumps',
    )
    expect(wayForward).toEqual({
      outcome: 'never',
      earliest: null,
      needs: [],
      text: 'This version of the protocol does not permit it, whatever is recorded.',
    })
  })

  test('of an exercise under a red flag and a hold ends both', async () => {
    const members = {
      symptoms: [{ redFlag: 'fever', on: '2026-10-19' }],
      holds: [{ from: '2026-10-18', reason: 'Flu' }],
    }
    const { wayForward } = withheldIn(await simulate(members), 'heel-slides')
    expect(wayForward.text).toBe(
      'It can be permitted on 20 October 2026 at the earliest, once a clinician has resolved “Fever” and the hold is ended (“Flu”).',
    )
    expect(wayForward.needs).toMatchObject([
      { kind: 'resolution', redFlag: 'fever', title: 'Fever' },
      { kind: 'end', of: 'hold', reason: 'Flu' },
    ])
  })

  test('of a closed episode leads nowhere', async () => {
    const id = await openEpisode(clinic, { procedures: ['acdf'], surgeryDate, protocols: [{ code: 'knee' }] })
    accepted(await clinic.post(`/episodes/${id}/close`, { on: '2026-10-20', reason: 'Moved away' }))
    const answer = accepted(await clinic.get<PermittedExercises>(`/episodes/${id}/permitted-exercises`))
    for (const { wayForward } of answer.withheld) {
      expect(wayForward).toEqual({
        outcome: 'never',
        earliest: null,
        needs: [],
        text: 'The episode is closed: nothing is permitted from it any more.',
      })
    }
    const verdict = await clinic.get(`/episodes/${id}/permitted-exercises/weightlifting`)
    expect(verdict.body).toMatchObject({ withheld: { wayForward: { outcome: 'never' } } })
  })

  test('names codes for software beside titles for people', async () => {
    const answer = await simulate()
    expect(withheldIn(answer, 'squats').wayForward.needs).toEqual([
      {
        kind: 'milestone',
        milestone: 'six-week-visit',
        title: 'Six-week follow-up',
        grantedBy: ['surgeon', 'clinician'],
        from: '2026-10-20',
        by: '2026-11-12',
        text: '“Six-week follow-up” (granted by surgeon or clinician) has to be on record by 12 November 2026.',
      },
      { kind: 'date', date: '2026-11-12', text: 'Time has to pass until 12 November 2026 at least.' },
    ])
    expect(withheldIn(answer, 'bike').wayForward.needs).toMatchObject([
      { kind: 'fact', fact: 'flexion', title: 'Knee flexion', ask: 'How far?', unit: 'deg', test: { atLeast: 100 } },
      { kind: 'fact', fact: 'pain', test: { atMost: 3 }, from: '2026-10-20', by: '2026-10-20' },
    ])
    expect(withheldIn(answer, 'lunges').wayForward.needs).toMatchObject([
      { kind: 'override', lifts: [{ protocol: 'knee', code: 'twisting', title: 'Twisting' }] },
    ])
  })

  /** The record that meets the needs, on the last day on which each may happen. */
  function meet(exercise: string, earliest: string, needs: readonly Need[]) {
    const meeting = ({ is, in: oneOf, atLeast, atMost, above, below }: Extract<Need, { kind: 'fact' }>['test']) =>
      is ?? oneOf?.[0] ?? atLeast ?? atMost ?? (above === undefined ? (below ?? 0) - 1 : above + 1)
    return {
      milestones: needs.flatMap((need) =>
        need.kind === 'milestone'
          ? [{ code: need.milestone, on: need.by, ...(need.grantedBy[0] && { grantedBy: need.grantedBy[0] }) }]
          : [],
      ),
      facts: needs.flatMap((need) =>
        need.kind === 'fact' ? [{ code: need.fact, on: need.by, value: meeting(need.test) }] : [],
      ),
      overrides: needs.flatMap((need) =>
        need.kind === 'override'
          ? [{ exercise, effect: 'permit', from: earliest, lifts: need.lifts.map(({ code }) => code) }]
          : [],
      ),
    }
  }

  test.each([
    'knee',
    'acdf-standard',
    'alif-standard',
    'llif-standard',
    'plif-standard',
    'lumbar-microdiscectomy-standard',
  ])('of %s is true: who follows it is permitted it on that date, and not on the day before', async (code) => {
    const asked = { protocols: [{ code }], surgeryDate, on: '2026-10-02' }
    const { withheld } = await simulate(asked)
    expect(withheld.length).toBeGreaterThan(0)
    for (const { exercise, wayForward } of withheld) {
      const { earliest, needs } = wayForward
      if (earliest === null) continue
      const met = meet(exercise, earliest, needs)
      const then = await simulate({ ...asked, ...met, on: earliest })
      expect([exercise, then.permitted.map((item) => item.exercise)]).toEqual([
        exercise,
        expect.arrayContaining([exercise]),
      ])
      if (earliest === asked.on) continue
      const before = await simulate({ ...asked, ...met, on: addDays(earliest, -1) })
      expect(before.permitted.map((item) => item.exercise)).not.toContain(exercise)
    }
  })
})

describe('what to ask', () => {
  test('is what a rule waits for, with the question and what may be answered', async () => {
    const facts = [
      { code: 'pain', value: 2, on: '2026-10-10' },
      { code: 'graft', value: 'own', on: surgeryDate },
    ]
    const { missingFacts } = await simulate({ facts })
    expect(missingFacts).toEqual([
      {
        fact: 'flexion',
        title: 'Knee flexion',
        ask: 'How far?',
        type: 'number',
        unit: 'deg',
        min: 0,
        max: 160,
        values: [],
        stale: null,
        rules: ['bike'],
        protocol: 'knee',
        version: 1,
        text: 'Ask “How far?”: nothing is recorded about “Knee flexion”.',
      },
      {
        fact: 'levels',
        title: 'Levels',
        ask: 'How many?',
        type: 'number',
        unit: null,
        min: 0,
        max: 30,
        values: [],
        stale: null,
        rules: ['kneeling'],
        protocol: 'knee',
        version: 1,
        text: 'Ask “How many?”: nothing is recorded about “Levels”.',
      },
      {
        fact: 'pain',
        title: 'Pain now',
        ask: 'How bad is your pain?',
        type: 'number',
        unit: '{score}',
        min: 0,
        max: 10,
        values: [],
        stale: { value: 2, on: '2026-10-10' },
        rules: ['bike'],
        protocol: 'knee',
        version: 1,
        text: 'Ask again “How bad is your pain?”: what is recorded about “Pain now”, 2 on 10 October 2026, is too old to count.',
      },
    ])
  })

  test('does not ask for what the operation tells', async () => {
    const { missingFacts, permitted } = await simulate({ levels: ['C4-C5', 'C5-C6'] })
    expect(missingFacts.map(({ fact }) => fact)).toEqual(['flexion', 'graft', 'pain'])
    expect(permitted.map(({ exercise }) => exercise)).toContain('kneeling')
  })

  test('asks nothing during a hold', async () => {
    expect((await simulate({ holds: [{ from: '2026-10-20' }] })).missingFacts).toEqual([])
  })
})

describe('the day itself', () => {
  test('says how an exercise is done: dose, amounts and proviso', async () => {
    const { permitted } = await simulate()
    expect(permitted.find(({ exercise }) => exercise === 'heel-slides')).toMatchObject({
      dosage: { reps: 10, amounts: [{ quantity: 'knee-flexion', value: 60, unit: 'deg' }] },
      provided: ['with the brace off'],
      text: 'On your own, 10 repetitions, knee flexion at most 60°; provided: “with the brace off”.',
      grantedBy: [
        {
          provided: 'with the brace off',
          text: 'Prescribed by “Knee protocol” in the present phase (provided: “with the brace off”).',
        },
      ],
    })
  })

  test('lists goals apart from limits', async () => {
    const { goals, limits } = await simulate()
    expect(limits.map(({ rule }) => rule)).toEqual(['weight'])
    expect(goals).toMatchObject([
      { rule: 'bend', quantity: 'knee-flexion', min: 90, max: null, unit: 'deg', certain: true, until: '2026-11-12' },
    ])
    expect((await simulate({ on: '2026-11-12' })).goals).toEqual([])
  })

  test('says when it changes by itself, and then never again', async () => {
    expect((await simulate()).nextChange).toBe('2026-10-29')
    expect((await simulate({ on: '2026-10-28' })).nextChange).toBe('2026-10-29')
    expect((await simulate({ on: '2026-10-29' })).nextChange).toBe('2026-11-12')
    expect((await simulate({ on: '2026-11-12' })).nextChange).toBe(null)
  })
})

describe('the timeline', () => {
  async function open(): Promise<string> {
    clinic.setNow('2026-10-20T12:00:00Z')
    return openEpisode(clinic, { procedures: ['acdf'], surgeryDate, protocols: [{ code: 'knee' }] })
  }
  async function ask(id: string, query = ''): Promise<Timeline> {
    return accepted(await clinic.get<Timeline>(`/episodes/${id}/timeline${query}`))
  }

  test('goes from the surgery through what has happened to what will by time alone', async () => {
    const id = await open()
    const { steps, protocols } = await ask(id)
    expect(protocols).toEqual([{ code: 'knee', title: 'Knee protocol', version: 1 }])
    expect(steps.map(({ date, daysSinceSurgery, status, past }) => [date, daysSinceSurgery, status, past])).toEqual([
      ['2026-10-01', 0, 'active', true],
      ['2026-10-29', 28, 'active', false],
      ['2026-11-12', 42, 'active', false],
    ])
    expect(steps.map(({ changes }) => changes.map(({ text }) => text))).toEqual([
      [
        'What the protocols permit may now be done.',
        '“Knee protocol” is now in the phase “Early”.',
        '“heel slides” is now permitted.',
        'The absolute contraindication “Impact” now applies.',
        'The relative contraindication “Twisting” now applies.',
        'The instruction “Cool the knee.” now applies.',
        'The limit on body weight (at most 50 %) now applies.',
        'The goal for knee flexion (at least 90°) now applies.',
      ],
      [
        '“heel slides” is now done differently: on your own, 20 repetitions, knee flexion at most 90°; provided: “with the brace off”.',
        'The instruction “Cool the knee.” no longer applies.',
        'The limit on body weight (at most 50 %) no longer applies.',
      ],
      ['“quad sets” is now permitted.', 'The goal for knee flexion (at least 90°) no longer applies.'],
    ])
  })

  test('says what does not come by time alone', async () => {
    const id = await open()
    accepted(await clinic.post(`/episodes/${id}/facts`, { code: 'graft', value: 'own', on: surgeryDate }))
    const { nextPhases, waiting, never, undecided } = await ask(id)
    expect(nextPhases).toEqual([
      {
        protocol: 'knee',
        phase: { code: 'late', title: 'Late' },
        text: 'The next phase of “Knee protocol”, “Late”, cannot begin before day 42 after surgery (12 November 2026) and needs “Six-week follow-up” (granted by surgeon or clinician) on record.',
      },
    ])
    expect(waiting.map(({ text }) => text).sort()).toEqual([
      '“bike” can be permitted on 20 October 2026 at the earliest, once “Knee flexion” is at least 100° and “Pain now” is at most 3.',
      '“kneeling” can be permitted on 20 October 2026 at the earliest, once “Levels” is at least 2.',
      '“lunges” can be permitted on 20 October 2026 at the earliest, once a clinician permits it for this patient in spite of “Twisting”.',
      '“squats” can be permitted on 12 November 2026 at the earliest, once “Six-week follow-up” (granted by surgeon or clinician) is on record.',
      '“stairs” can be permitted on 3 November 2026 at the earliest, once “Drain removed” is on record by 20 October 2026.',
    ])
    expect(waiting.find(({ exercises }) => exercises[0]?.exercise === 'stairs')).toMatchObject({
      earliest: '2026-11-03',
      exercises: [{ exercise: 'stairs', title: 'stairs' }],
      needs: [
        { kind: 'milestone', milestone: 'drain-out', from: '2026-10-20', by: '2026-10-20' },
        { kind: 'date', date: '2026-11-03' },
      ],
    })
    expect(never).toEqual([
      {
        exercise: 'jumps',
        title: 'jumps',
        text: '“jumps” is not permitted on this or any later date, whatever is recorded.',
      },
    ])
    expect(undecided).toEqual([])
  })

  test('permits on each date what the answer of that date permits', async () => {
    const id = await open()
    accepted(
      await clinic.post(`/episodes/${id}/holds`, { from: '2026-10-25', until: '2026-10-27', reason: 'A journey' }),
    )
    const { steps } = await ask(id)
    expect(steps.map(({ date }) => date)).toEqual(
      expect.arrayContaining(['2026-10-25', '2026-10-27', '2026-10-29', '2026-11-12']),
    )
    for (const { date, status, permitted } of steps) {
      const answer = await clinic.get<PermittedExercises>(`/episodes/${id}/permitted-exercises?on=${date}`)
      expect({
        date,
        status: answer.body.status,
        permitted: answer.body.permitted.map((item) => item.exercise),
      }).toEqual({ date, status, permitted })
    }
  })

  test('is the same for a past moment, whatever has been recorded since', async () => {
    const id = await open()
    const before = await clinic.get<Timeline>(`/episodes/${id}/timeline?on=2026-11-20`)
    const { knownAt } = before.body.basis
    clinic.setNow('2026-11-15T12:00:00Z')
    accepted(
      await clinic.post(`/episodes/${id}/milestones`, {
        code: 'six-week-visit',
        on: '2026-11-12',
        grantedBy: 'surgeon',
      }),
    )
    const after = await clinic.get<Timeline>(`/episodes/${id}/timeline?on=2026-11-20`)
    expect(after.body.steps).not.toEqual(before.body.steps)
    expect(after.body.steps.at(-1)).toMatchObject({ date: '2026-11-12', permitted: expect.arrayContaining(['squats']) })
    const again = await clinic.get(`/episodes/${id}/timeline?on=2026-11-20&knownAt=${encodeURIComponent(knownAt)}`)
    expect(again.text).toBe(before.text)

    const early = await clinic.get<Problem>(`/episodes/${id}/timeline?knownAt=2026-10-20T11:59:59Z`)
    expect(early.body).toMatchObject({ status: 422, errors: [{ in: 'query', pointer: 'knownAt' }] })
    expect((await clinic.get(`/episodes/${id}/timeline?knownat=2026-10-20T11:59:59Z`)).status).toBe(400)
    expect((await clinic.get('/episodes/01a1f000-0000-7000-8000-00000000dead/timeline')).body).toMatchObject({
      code: 'EPISODE_NOT_FOUND',
    })
  })

  test('of a simulation is that of an episode with the same record', async () => {
    const { episode: _, basis, ...own } = await ask(await open())
    const body = { protocols: [{ code: 'knee' }], surgeryDate, on: '2026-10-20', procedures: ['acdf'] }
    const answer = await clinic.post<z.output<typeof simulatedTimeline>>('/simulations/timeline', body)
    const { basis: simulated, ...timeline } = accepted(answer)
    expect(timeline).toEqual(own)
    expect(simulated).toMatchObject({ semantics: basis.semantics, knownAt: '2026-10-20T00:00:00.000Z' })
  })

  test('of a simulation takes a document, and refuses what a simulation refuses', async () => {
    const body = { protocols: [knee], surgeryDate, on: '2026-10-20' }
    const answer = await clinic.post<Timeline>('/simulations/timeline', body)
    expect(answer.body.protocols).toEqual([{ code: 'knee', title: 'Knee protocol', version: null }])
    const wrong = await clinic.post<Problem>('/simulations/timeline', {
      ...body,
      facts: [{ code: 'pain', value: 11, on: '2026-10-20' }],
    })
    expect(wrong).toMatchObject({ status: 422, body: { errors: [{ pointer: '/facts/0/value' }] } })
  })
})
