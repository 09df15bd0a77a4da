import { describe, expect, test } from '@jest/globals'
import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { check, finding } from '../../src/features/checks/schemas.ts'
import type { simulation } from '../../src/features/permitted-exercises/schemas.ts'
import type { publishedVersion, version } from '../../src/features/protocols/schemas.ts'
import { computeInTurn } from '../../src/http/turns.ts'
import { accepted, addDays, startClinicWithLibrary } from './library-clinic.ts'
import type { Problem } from './support.ts'

type Check = z.output<typeof check>
type Finding = z.output<typeof finding>
type Simulation = z.output<typeof simulation>
type Version = z.output<typeof version>
type PublishedVersion = z.output<typeof publishedVersion>

const clinic = await startClinicWithLibrary()

const sources = ['ward']
const from0 = { days: { atLeast: 0 } }
const walks = { code: 'walks', exercise: 'ward-walk', from: 'all', supervision: 'independent', sources }

const exercises = [
  { code: 'ward-walk', title: 'Walking on the ward', kind: 'exercise', attributes: { impact: 1, lifting: 0 } },
  { code: 'ward-hop', title: 'Hopping on the ward', kind: 'exercise', attributes: { impact: 3 } },
]

/** A protocol in which the check finds nothing. */
const sound = {
  format: 1,
  code: 'sound',
  title: 'Sound',
  procedures: ['acdf'],
  exercises: exercises.slice(0, 1),
  sources: [{ id: 'ward', title: 'The ward’s own experience' }],
  phases: [{ code: 'all', title: 'All along', entry: from0 }],
  prescriptions: [walks],
}
const impact = { title: 'Impact', strength: 'absolute', target: [{ exercise: 'ward-walk' }], sources }
const load = { quantity: 'load', unit: 'kg', sources }

async function checkDocument(document: object): Promise<Check> {
  return accepted(await clinic.post<Check>('/checks', document))
}

async function findIn(members: object, name: string): Promise<Finding> {
  const { findings } = await checkDocument({ ...sound, ...members })
  const found = findings.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`found only ${findings.map((candidate) => candidate.name).join(', ')}`)
  return found
}

describe('a document', () => {
  test('without a fault is told so, with what it permits when', async () => {
    expect(await checkDocument(sound)).toEqual({
      protocol: 'sound',
      title: 'Sound',
      version: null,
      publishable: true,
      text: 'The check has found nothing.',
      findings: [],
      opportunities: [
        {
          exercise: 'ward-walk',
          title: 'Walking on the ward',
          text: '“Walking on the ward” can be permitted from day 0 on.',
          decided: true,
          when: [{ days: { from: 0, before: null }, milestones: [], facts: [], lifts: [], text: 'from day 0 on' }],
        },
      ],
      looks: expect.any(Number),
    })
  })

  test('is refused while ten others of the same actor wait for their turn', async () => {
    const greedy = await clinic.addClient(clinic.clinicId, 'administrator', 'greedy')
    const { items } = (await clinic.get<{ items: { id: string; name: string }[] }>('/actors?limit=200')).body
    const id = items.find(({ name }) => name === 'greedy')?.id
    const sent = { actor: { clinicId: clinic.clinicId, id }, raw: { socket: {} } } as unknown as FastifyRequest
    let isOver = false
    const again = (): void => {
      if (!isOver) void computeInTurn(sent, again)
    }
    await Promise.all(Array.from({ length: 10 }, () => computeInTurn(sent, again)))
    const refused = await greedy.post<Problem>('/checks', sound)
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      429,
      'TOO_MANY_REQUESTS',
      '5',
    ])
    expect((await clinic.post('/checks', sound)).status).toBe(200)
    isOver = true
  })

  test('is not stored, and neither are the exercises that it brings', async () => {
    await checkDocument(sound)
    expect((await clinic.get('/protocols/sound')).status).toBe(404)
    expect((await clinic.get('/exercises/ward-walk')).status).toBe(404)
  })

  test('can be YAML, and must name what exists', async () => {
    const yaml =
      'format: 1\ncode: sound\ntitle: Sound\nprocedures: [acdf]\nphases: [{ code: all, title: All, entry: { milestone: visit } }]\n'
    const answer = await clinic.send<Problem>('POST', '/checks', yaml, { 'content-type': 'application/yaml' })
    expect(answer.body).toMatchObject({
      status: 422,
      code: 'DOCUMENT_INVALID',
      errors: [{ pointer: '/phases/0/entry', detail: expect.stringContaining('names the milestone `visit`') }],
    })
    const declared = `${yaml}milestones: [{ code: visit, title: Visit }]\n`
    const checked = await clinic.send<Check>('POST', '/checks', declared, { 'content-type': 'application/yaml' })
    expect(checked.body).toMatchObject({ publishable: true, findings: [{ name: 'empty-phase:all' }] })
    expect((await clinic.post('/checks', { ...sound, phase: [] })).status).toBe(400)
  })

  const milestones = [{ code: 'visit', title: 'Visit', sources }]
  const gate = {
    code: 'gate',
    title: 'Gate',
    entry: { all: [{ milestone: 'visit' }, { not: { milestone: 'visit' } }] },
  }

  test.each<[string, object, Partial<Finding> & { name: string }]>([
    [
      'a phase that nobody reaches',
      { milestones, phases: [...sound.phases, gate] },
      {
        name: 'unreachable-phase:gate',
        severity: 'error',
        path: '/phases/1',
        text: 'The phase `gate` is never reached, whatever is recorded: correct its entry or that of a phase before it, or remove it.',
      },
    ],
    [
      'a prescription that never grants',
      { prescriptions: [{ ...walks, when: { days: { before: 0 } } }] },
      {
        name: 'grant-never-effective:walks',
        severity: 'error',
        path: '/prescriptions/0',
        text: 'The prescription `walks` never permits anything, whatever is recorded: correct its phases or its condition, or the contraindication that stands against it.',
      },
    ],
    [
      'limits that no number keeps',
      {
        limits: [
          { ...load, code: 'most', max: 5 },
          { ...load, code: 'least', min: 10 },
        ],
      },
      {
        name: 'contradictory-bounds:limits/least/most',
        severity: 'error',
        path: '/limits/1',
        text: 'No number keeps both the limit `least` and the limit `most`, which can apply at the same time: correct one of them.',
      },
    ],
    [
      'a test that no number can meet',
      {
        facts: [{ code: 'pain', title: 'Pain', type: 'number', min: 0, max: 10, ask: 'Pain?' }],
        prescriptions: [walks, { ...walks, code: 'more', when: { fact: 'pain', above: 10 } }],
      },
      {
        name: 'contradictory-bounds:prescriptions/1/when/pain',
        severity: 'error',
        path: '/prescriptions/1/when',
        text: 'No value of “Pain” can meet the test: correct its numbers, or the range of the fact.',
      },
    ],
    [
      'a prescription that is forbidden part of the time',
      { contraindications: [{ ...impact, code: 'early', when: { days: { atLeast: 14, before: 28 } } }] },
      {
        name: 'granted-but-contraindicated:walks/early',
        severity: 'warning',
        path: '/prescriptions/0',
        days: [{ from: 14, before: 28 }],
        text: 'The contraindication `early` can forbid what the prescription `walks` grants (from day 14 through day 27): let the one end earlier or the other begin later, or accept it where a clinician is meant to decide.',
      },
    ],
    [
      'an exercise that is not permitted for some days',
      { contraindications: [{ ...impact, code: 'early', when: { days: { atLeast: 14, before: 28 } } }] },
      {
        name: 'gap:exercises/ward-walk',
        severity: 'warning',
        path: '/exercises/0',
        days: [{ from: 14, before: 28 }],
        text: '“Walking on the ward” can be permitted at first and later, but not from day 14 through day 27: prescribe it for these days, or accept the gap.',
      },
    ],
    [
      'days without a phase',
      { phases: [{ ...sound.phases[0], entry: { days: { atLeast: 0, before: 90 } } }] },
      {
        name: 'gap:phases',
        severity: 'warning',
        path: '/phases',
        days: [{ from: 90, before: null }],
        text: 'No phase can be reached from day 90 on, so that nothing is permitted: let a phase cover these days, or accept it.',
      },
    ],
    [
      'an attribute without a grade',
      { contraindications: [{ ...impact, code: 'twisting', target: [{ attributes: { rotation: 2 } }] }] },
      {
        name: 'ungraded-attribute:ward-walk/rotation',
        severity: 'warning',
        path: '/exercises/0/attributes',
        text: '“Walking on the ward” is not graded for `rotation`, so that every contraindication about that applies to it: grade it in the catalogue.',
      },
    ],
    [
      'a phase in which nothing is granted',
      { phases: [...sound.phases, { code: 'later', title: 'Later', entry: { days: { atLeast: 90 } } }] },
      {
        name: 'empty-phase:later',
        severity: 'warning',
        path: '/phases/1',
        text: 'No prescription grants anything in the phase `later`: prescribe something in it, or accept that nothing is permitted then.',
      },
    ],
    [
      'a rule that never applies',
      { milestones, instructions: [{ code: 'rest', about: 'rest', text: 'Rest.', sources, when: gate.entry }] },
      {
        name: 'rule-never-applies:instructions/rest',
        severity: 'warning',
        path: '/instructions/0',
        text: 'The instruction `rest` never applies, whatever is recorded: correct its condition, or remove it.',
      },
    ],
    [
      'a rule about nothing',
      { contraindications: [{ ...impact, code: 'none', target: [{ exercise: 'ward-walk', kind: 'activity' }] }] },
      {
        name: 'rule-never-applies:contraindications/none',
        severity: 'warning',
        path: '/contraindications/0',
        text: 'The contraindication `none` is about no exercise of the catalogue: correct its target, or accept it for what the catalogue will have.',
      },
    ],
    [
      'a step of a dose that is never chosen',
      { prescriptions: [{ ...walks, dosage: [{ reps: 5 }, { when: { days: { before: 0 } }, reps: 3 }] }] },
      {
        name: 'rule-never-applies:walks/dosage-2',
        severity: 'warning',
        path: '/prescriptions/0/dosage/1',
        text: 'Step 2 of the dosage of the prescription `walks` is never the dose, whatever is recorded: correct its condition, or remove it.',
      },
    ],
    [
      'a step of a dose that only lowers another',
      {
        prescriptions: [
          { ...walks, dosage: [{ reps: 5 }, { when: { days: { atLeast: [28, 42], before: 35 } }, reps: 3 }] },
        ],
      },
      {
        name: 'rule-never-applies:walks/dosage-2',
        severity: 'warning',
        path: '/prescriptions/0/dosage/1',
        text: 'Step 2 of the dosage of the prescription `walks` is never the dose, and can only lower that of a step before it while it is not known which of them is meant: correct its condition, or accept it where it is meant to.',
      },
    ],
    [
      'a step of a dose that another always replaces',
      { prescriptions: [{ ...walks, dosage: [{ reps: 5 }, { reps: 3 }] }] },
      {
        name: 'shadowed-rule:walks/dosage-1',
        severity: 'warning',
        path: '/prescriptions/0/dosage/0',
        text: 'Step 1 of the dosage of the prescription `walks` is never the dose, because a later step always takes its place: correct the conditions, or remove it.',
      },
    ],
    [
      'a rule that makes no difference',
      {
        exercises,
        contraindications: [
          { ...impact, code: 'hops', target: [{ exercise: 'ward-hop' }] },
          { ...impact, code: 'early-hops', target: [{ exercise: 'ward-hop' }], when: { days: { before: 7 } } },
        ],
      },
      {
        name: 'shadowed-rule:contraindications/early-hops',
        severity: 'warning',
        path: '/contraindications/1',
        text: 'The contraindication `early-hops` makes no difference, because others that are as strict apply whenever it does: correct its condition, remove it, or accept it as a reminder.',
      },
    ],
    [
      'a limit that becomes stricter',
      {
        limits: [
          { ...load, code: 'first', max: 10, when: { days: { before: 14 } } },
          { ...load, code: 'then', max: 5, when: { days: { atLeast: 14 } } },
        ],
      },
      {
        name: 'limit-relaxes-backwards:limits/then/first',
        severity: 'warning',
        path: '/limits/1',
        text: 'The limit `then` is stricter than the limit `first` before it, although only time has passed: exchange the numbers or the days, or accept it where the source says so.',
      },
    ],
    [
      'a rule without a source',
      { redFlags: [{ code: 'fever', title: 'Fever', response: 'contact-surgeon' }] },
      {
        name: 'no-source:redFlags/fever',
        severity: 'warning',
        path: '/redFlags/0',
        text: 'The red flag `fever` names no source: cite where it comes from in its `sources`, or accept that it has none.',
      },
    ],
    [
      'a source that nothing cites',
      { sources: [...sound.sources, { id: 'book', title: 'A book' }] },
      {
        name: 'unused-declaration:sources/book',
        severity: 'warning',
        path: '/sources/1',
        text: 'No rule asks for the source `book`: use it, or remove it.',
      },
    ],
    [
      'an acceptance of what is not found',
      { accepted: [{ finding: 'gap:phases', reason: 'Meant so.' }] },
      {
        name: 'unused-declaration:accepted/gap:phases',
        severity: 'warning',
        path: '/accepted/0',
        text: 'The check finds nothing that is called `gap:phases`: leave its acceptance out, or correct the name.',
      },
    ],
  ])('with %s', async (_what, members, expected) => {
    const found = await findIn(members, expected.name)
    expect(found).toMatchObject({ accepted: null, ...expected })
    expect(found.code).toBe(expected.name.split(':')[0])
  })

  test('says of each exercise when it is permitted, if ever, and what that takes', async () => {
    const document = {
      ...sound,
      exercises,
      milestones: [
        { code: 'visit', title: 'Visit', grantedBy: ['surgeon', 'doctor'], sources },
        { code: 'drain-out', title: 'Drain removed', sources },
      ],
      facts: [{ code: 'pain', title: 'Pain', type: 'number', min: 0, max: 10, ask: 'How bad is it?' }],
      prescriptions: [
        {
          ...walks,
          when: {
            all: [
              { days: { atLeast: 14 } },
              { milestone: 'visit' },
              { days: { since: 'drain-out', atLeast: 7 } },
              { fact: 'pain', atMost: 3 },
            ],
          },
        },
        { ...walks, code: 'hops', exercise: 'ward-hop' },
      ],
      contraindications: [
        {
          ...impact,
          code: 'impact',
          strength: 'relative',
          target: [{ attributes: { impact: 2 } }],
          when: { days: { before: 28 } },
        },
        { ...impact, code: 'never', target: [{ exercise: 'ward-hop' }], when: { days: { atLeast: 28 } } },
      ],
    }
    const { opportunities, publishable } = await checkDocument(document)
    expect(publishable).toBe(true)
    expect(opportunities.map(({ text }) => text)).toEqual([
      '“Hopping on the ward” can be permitted from day 0 through day 27, once a clinician permits it for the patient in spite of “Impact”.',
      '“Walking on the ward” can be permitted from day 14 on, once “Visit” (granted by surgeon or doctor) is on record, “Drain removed” is on record for at least 7 days and “Pain” is at most 3.',
    ])
    expect(opportunities[1]?.when).toMatchObject([
      {
        days: { from: 14, before: null },
        milestones: [
          { milestone: 'visit', title: 'Visit', grantedBy: ['surgeon', 'doctor'], leastDays: 0, mostDays: null },
          { milestone: 'drain-out', grantedBy: [], leastDays: 7, mostDays: null },
        ],
        facts: [
          {
            fact: 'pain',
            title: 'Pain',
            ask: 'How bad is it?',
            unit: null,
            test: { atMost: 3 },
            leastDays: 0,
            mostDays: null,
          },
        ],
        lifts: [],
      },
    ])
    expect(opportunities[0]?.when).toMatchObject([{ lifts: [{ code: 'impact', title: 'Impact' }] }])
  })

  test('gives a case that a simulation confirms', async () => {
    const document = {
      ...sound,
      milestones: [{ code: 'visit', title: 'Visit', sources }],
      prescriptions: [{ ...walks, when: { milestone: 'visit' } }],
      contraindications: [{ ...impact, code: 'early', when: { days: { atLeast: 14, before: 28 } } }],
    }
    const { findings } = await checkDocument(document)
    const { witness } = findings.find(({ code }) => code === 'granted-but-contraindicated') as Finding
    if (witness === null) throw new Error('there is no witness')
    expect(witness.milestones).toHaveLength(1)
    const dayOf = (day: number) => addDays('2026-10-01', day)
    const simulated = await clinic.post<Simulation>('/simulations', {
      protocols: [document],
      surgeryDate: '2026-10-01',
      on: dayOf(witness.daysSinceSurgery),
      milestones: witness.milestones.map(({ code, day }) => ({ code, on: dayOf(day) })),
      facts: witness.facts.map(({ code, value, day }) => ({ code, value, on: dayOf(day) })),
    })
    expect(accepted(simulated).withheld).toMatchObject([
      { exercise: 'ward-walk', reasons: [{ kind: 'contraindication', rule: 'early' }] },
    ])
  })
})

describe('publishing', () => {
  const warned = {
    ...sound,
    code: 'warned',
    contraindications: [{ ...impact, code: 'early', when: { days: { atLeast: 14, before: 28 } } }],
  }
  const names = ['gap:exercises/ward-walk', 'granted-but-contraindicated:walks/early']

  function publish<Body>(code: string) {
    return clinic.send<Body>('POST', `/protocols/${code}/draft/publish`, {}, { 'if-match': '*' })
  }

  test('is refused by errors, each with its place, its sentence and its case; the draft stays', async () => {
    const broken = {
      ...sound,
      code: 'broken',
      prescriptions: [walks, { ...walks, code: 'never', when: { days: { before: 0 } } }],
      limits: [
        { ...load, code: 'most', max: 5 },
        { ...load, code: 'least', min: 10 },
      ],
    }
    accepted(await clinic.post('/protocols', broken))
    const answer = await publish<Problem & { findings: Finding[] }>('broken')
    expect(answer.body).toMatchObject({
      status: 422,
      code: 'CHECK_FAILED',
      detail: 'the check of the draft has found 2 errors',
      errors: [
        {
          in: 'body',
          pointer: '/limits/1',
          detail:
            'No number keeps both the limit `least` and the limit `most`, which can apply at the same time: correct one of them.',
        },
        { in: 'body', pointer: '/prescriptions/1', detail: expect.stringContaining('`never` never permits anything') },
      ],
      findings: [
        { code: 'contradictory-bounds', severity: 'error', witness: { daysSinceSurgery: expect.any(Number) } },
        { code: 'grant-never-effective', severity: 'error' },
      ],
    })
    expect((await clinic.get('/protocols/broken')).body).toMatchObject({ latestVersion: null, hasDraft: true })

    const draft = accepted(await clinic.send<Check>('POST', '/protocols/broken/draft/check', undefined))
    expect(draft).toMatchObject({
      publishable: false,
      text: 'The check has found 2 errors that have to be corrected before it is published.',
      findings: answer.body.findings,
    })

    accepted(await clinic.put('/protocols/broken/draft', { ...broken, prescriptions: [walks], limits: [] }, '*'))
    expect(await publish<PublishedVersion>('broken')).toMatchObject({ status: 201, body: { number: 1, warnings: [] } })
  })

  test('tells of warnings, until the author accepts them by name', async () => {
    accepted(await clinic.post('/protocols', warned))
    const draft = accepted(await clinic.send<Check>('POST', '/protocols/warned/draft/check', undefined))
    expect(draft.text).toBe('The check has found 2 warnings to correct or to accept with a reason.')
    const first = accepted(await publish<PublishedVersion>('warned'))
    expect(first.warnings.map(({ name }) => name)).toEqual(names)
    expect(first.warnings).toEqual(draft.findings)

    const reason = 'Two weeks of rest are meant.'
    const reasons = names.map((name) => ({ finding: name, reason }))
    accepted(await clinic.put('/protocols/warned/draft', { ...warned, accepted: reasons }))
    const second = accepted(await publish<PublishedVersion>('warned'))
    expect(second.warnings).toEqual([])
    expect(second.document.accepted).toEqual(reasons)

    const checked = accepted(await clinic.get<Check>('/protocols/warned/versions/2/check'))
    expect(checked).toMatchObject({
      version: 2,
      publishable: true,
      text: 'The check has found 2 warnings that are accepted.',
      findings: names.map((name) => ({ name, severity: 'warning', accepted: reason })),
    })
    const earlier = accepted(await clinic.get<Check>('/protocols/warned/versions/1/check'))
    expect(earlier.findings.map((found) => found.accepted)).toEqual([null, null])
  })

  test('does not let an error be accepted', async () => {
    const name = 'grant-never-effective:walks'
    const broken = {
      ...sound,
      code: 'insisting',
      prescriptions: [{ ...walks, when: { days: { before: 0 } } }],
      accepted: [{ finding: name, reason: 'I insist.' }],
    }
    accepted(await clinic.post('/protocols', broken))
    const answer = await publish<Problem & { findings: Finding[] }>('insisting')
    expect(answer).toMatchObject({ status: 422, body: { findings: [{ name, accepted: null }] } })
  })

  test('checks the exercises as they are when it is published', async () => {
    accepted(
      await clinic.post('/protocols', {
        ...sound,
        code: 'graded',
        contraindications: [{ ...impact, code: 'lifting', target: [{ attributes: { lifting: 1 } }] }],
      }),
    )
    accepted(await clinic.patch('/exercises/ward-walk', { attributes: { impact: 1, lifting: 2 } }, '*'))
    const refused = await publish<Problem>('graded')
    expect(refused.body).toMatchObject({ code: 'CHECK_FAILED', errors: [{ pointer: '/prescriptions/0' }] })
    accepted(await clinic.patch('/exercises/ward-walk', { attributes: { impact: 1, lifting: 0 } }, '*'))
    expect((await publish('graded')).status).toBe(201)
    accepted(await clinic.patch('/exercises/ward-walk', { attributes: { impact: 1, lifting: 2 } }, '*'))
    // The version has the exercise as it was.
    const checked = accepted(await clinic.get<Check>('/protocols/graded/versions/1/check'))
    expect(checked.publishable).toBe(true)
    accepted(await clinic.patch('/exercises/ward-walk', { attributes: { impact: 1, lifting: 0 } }, '*'))
  })

  test('publishes nothing but what was checked, even if an exercise changes meanwhile', async () => {
    accepted(await clinic.post('/protocols', { ...sound, code: 'raced' }))
    const { db } = clinic
    const { asClinic } = db
    let transactions = 0
    db.asClinic = (async (clinicId, work) => {
      transactions += 1
      // The first reads the draft, the check follows, the second publishes.
      if (transactions === 2) {
        await asClinic(clinicId, (tx) =>
          tx.exercise.updateMany({ where: { clinicId, code: 'ward-walk' }, data: { title: 'Another title' } }),
        )
      }
      return asClinic(clinicId, work)
    }) as typeof asClinic
    const answer = await publish<Problem>('raced').finally(() => {
      db.asClinic = asClinic
    })
    expect(answer.body).toMatchObject({ status: 409, code: 'CONFLICT' })
    expect((await clinic.get('/protocols/raced')).body).toMatchObject({ latestVersion: null, hasDraft: true })
    expect((await publish<Version>('raced')).body).toMatchObject({
      document: { exercises: [{ title: 'Another title' }] },
    })
  })
})

describe('what there is', () => {
  test.each(['acdf', 'alif', 'llif', 'plif', 'lumbar-microdiscectomy'])(
    'the built-in protocol for %s has no errors, and accepts each warning with a reason',
    async (procedure) => {
      const checked = accepted(await clinic.get<Check>(`/protocols/${procedure}-standard/versions/1/check`))
      expect(checked.publishable).toBe(true)
      // What is accepted of the document alone need not be found where the catalogue has more exercises.
      const found = checked.findings.filter(({ path }) => !path.startsWith('/accepted/'))
      expect(found.filter((one) => one.accepted === null)).toEqual([])
      expect(checked.opportunities.every(({ decided, when }) => decided && when.length > 0)).toBe(true)
    },
  )

  test('and nothing else is checked', async () => {
    expect((await clinic.get('/protocols/acdf-standard/versions/7/check')).body).toMatchObject({
      code: 'VERSION_NOT_FOUND',
    })
    expect((await clinic.send('POST', '/protocols/acdf-standard/draft/check', undefined)).body).toMatchObject({
      code: 'DRAFT_NOT_FOUND',
    })
    expect((await clinic.get('/protocols/acfd/versions/1/check')).body).toMatchObject({ code: 'PROTOCOL_NOT_FOUND' })
  })
})
