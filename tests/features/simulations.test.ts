import { beforeAll, describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import { readLibrary } from '../../src/features/clinics/library.ts'
import type { permittedExercises, simulation } from '../../src/features/permitted-exercises/schemas.ts'
import { accepted, everyFeature, openEpisode, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'
import type { Answer, Problem } from './support.ts'

type Simulation = z.output<typeof simulation>
type PermittedExercises = z.output<typeof permittedExercises>

const clinic = await startClinicWithLibrary({ now: '2027-06-01T12:00:00Z' })

function simulate<Body = Problem>(body: unknown): Promise<Answer<Body>> {
  return clinic.post<Body>('/simulations', body)
}

const stored = {
  protocols: [{ code: 'every-feature' }],
  surgeryDate: '2026-10-01',
  on: '2026-11-20',
  procedures: ['alif', 'plif'],
}

beforeAll(() => publishProtocol(clinic, everyFeature()))

/** How many rows each table has, whatever the clinic. */
async function countRows(): Promise<unknown> {
  return clinic.db.asClinic(clinic.clinicId, async (tx) => ({
    episodes: await tx.episode.count(),
    entries: await tx.recordEntry.count(),
    protocols: await tx.protocol.count(),
    versions: await tx.protocolVersion.count(),
    exercises: await tx.exercise.count(),
    patients: await tx.patient.count(),
  }))
}

describe('a simulation', () => {
  test('answers as for a patient with that record, and stores nothing', async () => {
    const course = {
      milestones: [
        { code: 'brace-fitted', on: '2026-09-20' },
        { code: 'hospital-discharge', on: '2026-10-05' },
        { code: 'training-clearance', on: '2026-11-12', grantedBy: 'surgeon' },
      ],
      facts: [
        { code: 'smoker', value: false, on: '2026-10-01' },
        { code: 'pain', value: 9, on: '2026-11-18' },
        { code: 'pain', value: 2, on: '2026-11-18' },
      ],
      overrides: [{ exercise: 'rowing', effect: 'permit', from: '2026-11-15', reason: 'fit', lifts: ['twisting'] }],
      holds: [{ from: '2026-11-25', until: '2026-11-27', reason: 'check' }],
    }
    const episode = await openEpisode(clinic, {
      procedures: ['plif'],
      surgeryDate: '2026-10-01',
      side: 'left',
      protocols: [{ code: 'every-feature' }],
    })
    for (const [path, bodies] of Object.entries(course)) {
      for (const body of bodies) accepted(await clinic.post(`/episodes/${episode}/${path}`, body))
    }
    const before = await countRows()
    for (const on of ['2026-09-25', '2026-10-01', '2026-10-12', '2026-11-20', '2026-11-26', '2027-01-01']) {
      const real = accepted(await clinic.get<PermittedExercises>(`/episodes/${episode}/permitted-exercises?on=${on}`))
      const hypothetical = { ...stored, procedures: ['plif'], side: 'left', on, ...course }
      const answer = accepted(await simulate<Simulation>(hypothetical))
      expect(Object.hasOwn(answer, 'episode')).toBe(false)
      expect(answer.basis.knownAt).toBe(`${on}T00:00:00.000Z`)
      const comparable = ({ basis: _, ...rest }: Simulation) =>
        JSON.parse(JSON.stringify(rest).replaceAll(/"entry":"[^"]*"/g, '"entry":"an entry"'))
      const { episode: __, ...shared } = real
      expect(comparable(answer)).toEqual(comparable(shared))
    }
    expect(await countRows()).toEqual(before)
  })

  test('takes a document that is not stored, with exercises that the catalogue has otherwise or not at all', async () => {
    const document = everyFeature('never-stored', {
      exercises: [
        ...everyFeature().exercises.map((own) => (own.code === 'rowing' ? { ...own, title: 'Rowing at sea' } : own)),
        { code: 'gliding', title: 'Gliding', kind: 'activity', attributes: {} },
      ],
      prescriptions: [
        ...everyFeature().prescriptions,
        { exercise: 'gliding', from: 'ward' },
        { exercise: 'walking', from: 'ward', through: 'home' },
      ],
    })
    const before = await countRows()
    const body = { ...stored, protocols: [document], milestones: [{ code: 'brace-fitted', on: '2026-09-01' }] }
    const answer = accepted(await simulate<Simulation>(body))
    expect(answer.protocols).toMatchObject([{ code: 'never-stored', version: null, phase: { code: 'ward' } }])
    expect(answer.permitted.map(({ exercise }) => exercise)).toEqual(['garden-walking', 'walking'])
    const titles = answer.withheld.map(({ title }) => title)
    expect(titles).toContain('Gliding')
    expect(titles).toContain('Rowing at sea')
    expect(await countRows()).toEqual(before)
    expect(accepted(await simulate<Simulation>(body))).toEqual(answer)
  })

  test('takes a draft by its code, as a document of it would be taken', async () => {
    const document = everyFeature('simulated-draft', { title: 'Not published' })
    accepted(await clinic.post('/protocols', document))
    const named = { ...stored, protocols: [{ code: 'simulated-draft', version: 'draft' }] }
    const sent = { ...stored, protocols: [document] }
    const answer = accepted(await simulate<Simulation>(named))
    expect(answer).toEqual(accepted(await simulate<Simulation>(sent)))
    expect(answer.protocols).toMatchObject([{ code: 'simulated-draft', version: null }])
    const timeline = (body: object) => clinic.post('/simulations/timeline', body)
    expect(accepted(await timeline(named))).toEqual(accepted(await timeline(sent)))
    const none = await simulate({ ...stored, protocols: [{ code: 'every-feature', version: 'draft' }] })
    expect(none.body).toMatchObject({ status: 422, code: 'UNKNOWN_REFERENCE', errors: [{ pointer: '/protocols/0' }] })
    expect(none.body.detail).toContain('POST /v1/protocols/every-feature/draft')
  })

  test('puts several protocols together, stored and not', async () => {
    const protocols = [everyFeature('one-more'), { code: 'plif-standard' }, { code: 'alif-standard', version: 1 }]
    const answer = accepted(await simulate<Simulation>({ ...stored, protocols }))
    expect(answer.protocols.map(({ code, version }) => [code, version])).toEqual([
      ['alif-standard', 1],
      ['one-more', null],
      ['plif-standard', 1],
    ])
    expect(answer.surgery.procedures).toEqual(['alif', 'plif'])
    const twice = await simulate({ ...stored, protocols: [{ code: 'plif-standard' }, everyFeature('plif-standard')] })
    expect(twice.body).toMatchObject({ status: 422, code: 'NOT_PLAUSIBLE', errors: [{ pointer: '/protocols/1' }] })
  })

  test('takes every document of the library as it is', async () => {
    for (const { document } of readLibrary().protocols) {
      const answer = await simulate<Simulation>({ protocols: [document], surgeryDate: '2026-10-01', on: '2026-10-08' })
      expect(answer.status).toBe(200)
      expect(answer.body.permitted.map(({ exercise }) => exercise)).toContain('walking')
    }
  })

  test('withholds in a combination what one of the protocols withholds', async () => {
    const simple = {
      format: 1,
      code: 'simple',
      title: 'Simple',
      procedures: ['plif'],
      phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: 0 } } }],
      prescriptions: [{ exercise: 'walking', from: 'all' }],
    }
    const late = { code: 'late', title: 'Late', entry: { days: { atLeast: 28 } } }
    const strict = {
      ...simple,
      code: 'strict',
      phases: [...simple.phases, late],
      prescriptions: [{ exercise: 'walking', from: 'late' }],
    }
    const permitted = async (protocols: object[], on: string) =>
      accepted(await simulate<Simulation>({ ...stored, protocols, on })).permitted.map(({ exercise }) => exercise)
    expect(await permitted([simple], '2026-10-10')).toEqual(['walking'])
    expect(await permitted([simple, strict], '2026-10-28')).toEqual([])
    expect(await permitted([simple, strict], '2026-10-29')).toEqual(['walking'])
  })

  test('shows an emergency and its end', async () => {
    const symptoms = [{ redFlag: 'numb-saddle', on: '2026-11-18', resolvedOn: '2026-11-21' }]
    expect((await simulate<Simulation>({ ...stored, symptoms })).body).toMatchObject({
      status: 'on-hold',
      permitted: [],
      redFlags: [
        { code: 'numb-saddle', open: true, response: 'emergency' },
        { code: 'fever', open: false },
      ],
    })
    expect((await simulate<Simulation>({ ...stored, on: '2026-11-21', symptoms })).body).toMatchObject({
      status: 'active',
    })
  })

  test('must say which procedures were done where a fact asks for one of several', async () => {
    const asking = (procedures: string[]) => everyFeature('asking', { procedures })
    const { procedures: _, ...unsaid } = stored
    const body = { ...unsaid, protocols: [asking(['alif', 'plif'])] }
    const refused = await simulate(body)
    expect(refused.body).toMatchObject({ status: 422, code: 'NOT_PLAUSIBLE', errors: [{ pointer: '/procedures' }] })
    expect(refused.body.errors?.[0]?.detail).toContain('say which procedures were done: a fact asks for `alif`')
    expect((await clinic.post('/simulations/timeline', body)).status).toBe(422)
    expect((await simulate({ ...body, procedures: ['alif'] })).status).toBe(200)
    expect((await simulate({ ...body, protocols: [asking(['plif'])] })).status).toBe(200)
    const other = { code: 'alif-standard' }
    expect((await simulate({ ...body, protocols: [asking(['plif']), other] })).status).toBe(422)
  })

  test('may be of any surgery date that the calendar has', async () => {
    expect((await simulate<Simulation>({ ...stored, surgeryDate: '2199-12-31' })).body).toMatchObject({
      status: 'no-phase',
    })
    expect((await simulate<Simulation>({ ...stored, surgeryDate: '1900-01-01' })).body).toMatchObject({
      status: 'active',
    })
  })
})

const refused: [what: string, change: object, status: number, pointer: string, says: string][] = [
  ['no protocol', { protocols: [] }, 400, '/protocols', 'must not be empty'],
  [
    'an unknown protocol',
    { protocols: [{ code: 'plif-standart' }] },
    422,
    '/protocols/0',
    'did you mean `plif-standard`',
  ],
  [
    'an unknown version',
    { protocols: [{ code: 'plif-standard', version: 2 }] },
    422,
    '/protocols/0',
    'has no version 2',
  ],
  [
    'a document with a mistake',
    { protocols: [everyFeature('x', { procedures: ['plfi'] })] },
    422,
    '/protocols/0/procedures/0',
    'did you mean `plif`',
  ],
  [
    'a document with an unknown field',
    { protocols: [everyFeature('x', { phasez: [] })] },
    400,
    '/protocols/0/phasez',
    'did you mean `phases`',
  ],
  [
    'a surgery date that does not exist',
    { surgeryDate: '2026-02-30' },
    400,
    '/surgeryDate',
    'February 2026 has 28 days',
  ],
  ['a date that does not exist', { on: '2026-11-31' }, 400, '/on', 'November 2026 has 30 days'],
  [
    'an unknown milestone',
    { milestones: [{ code: 'brace-fited', on: '2026-10-01' }] },
    422,
    '/milestones/0/code',
    'did you mean `brace-fitted`',
  ],
  [
    'a milestone before the surgery',
    { milestones: [{ code: 'hospital-discharge', on: '2026-09-01' }] },
    422,
    '/milestones/0/on',
    'lies before the surgery',
  ],
  [
    'a clearance by nobody',
    { milestones: [{ code: 'training-clearance', on: '2026-11-01' }] },
    422,
    '/milestones/0/grantedBy',
    'is required',
  ],
  [
    'a fact out of range',
    {
      facts: [
        { code: 'pain', value: 1, on: '2026-11-01' },
        { code: 'pain', value: 11, on: '2026-11-01' },
      ],
    },
    422,
    '/facts/1/value',
    'must be at most 10',
  ],
  [
    'an unknown red flag',
    { symptoms: [{ redFlag: 'fevre', on: '2026-11-01' }] },
    422,
    '/symptoms/0/redFlag',
    'did you mean `fever`',
  ],
  [
    'an end before the beginning',
    { symptoms: [{ redFlag: 'fever', on: '2026-11-01', resolvedOn: '2026-10-31' }] },
    422,
    '/symptoms/0/resolvedOn',
    'lies before the symptom',
  ],
  [
    'an override that lifts what is absolute',
    { overrides: [{ exercise: 'rowing', effect: 'permit', from: '2026-11-01', lifts: ['no-rowing-in-pain'] }] },
    422,
    '/overrides/0/lifts/0',
    'no override lifts it',
  ],
  [
    'an override of an unknown exercise',
    { overrides: [{ exercise: 'rowin', effect: 'permit', from: '2026-11-01' }] },
    422,
    '/overrides/0/exercise',
    'neither the documents nor the catalogue',
  ],
  [
    'a hold that ends before it begins',
    { holds: [{ from: '2026-11-01', until: '2026-11-01' }] },
    422,
    '/holds/0/until',
    'must be later than',
  ],
  ['an unknown field', { surgerydate: '2026-10-01' }, 400, '/surgerydate', 'did you mean `surgeryDate`'],
]

describe('a simulation is refused with', () => {
  test.each(refused)('%s', async (_what, change, status, pointer, says) => {
    const answer = await simulate({ ...stored, ...change })
    expect(answer.body.errors?.find((error) => error.pointer === pointer)?.detail).toContain(says)
    expect(answer.status).toBe(status)
  })

  test('a body that is none, or too large', async () => {
    const send = (body: string) => clinic.send('POST', '/simulations', body)
    expect((await send('')).body).toMatchObject({ status: 400, detail: 'the body is required' })
    expect((await send('{')).body).toMatchObject({ status: 400, code: 'MALFORMED_JSON' })
    expect((await send(`"${'x'.repeat(2 * 1024 * 1024)}"`)).body).toMatchObject({ status: 413 })
  })
})
