import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { startClinicWithLibrary } from './library-clinic.ts'
import type { Problem } from './support.ts'

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })

interface Answer {
  permitted: { exercise: string; dosage: object | null; side: string }[]
  withheld: { exercise: string; reasons: { kind: string; rule: string | null }[] }[]
  protocols: { code: string; version: number | null; phase: { code: string } | null }[]
  basis: { revision: number; knownAt: string }
}

const simulate = (body: object) => clinic.post<Answer>('/simulations', body)
const refuse = (body: object) => clinic.post<Problem>('/simulations', body)
const codes = (list: { exercise: string }[]): string[] => list.map((item) => item.exercise)

const document = {
  format: 1,
  code: 'trial',
  title: 'A trial',
  procedures: ['acdf'],
  exercises: [{ code: 'stair-climbing', title: 'Stairs', kind: 'exercise', attributes: { impact: 1 } }],
  facts: [{ code: 'pain', title: 'Pain now', type: 'number', min: 0, max: 10, ask: 'How bad is it, 0 to 10?' }],
  phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: 0 } } }],
  prescriptions: [
    {
      exercise: 'stair-climbing',
      from: 'all',
      when: { fact: 'pain', atMost: 3, withinDays: 2 },
      side: 'operative',
      dosage: [{ durationMinutes: 5 }, { when: { days: { atLeast: 14 } }, durationMinutes: 10, timesPerDay: 2 }],
    },
    { exercise: 'walking', from: 'all' },
  ],
}

describe('a simulation', () => {
  test('of a stored protocol gives the answer that an episode with that record gets', async () => {
    const milestones = [
      { code: 'hospital-discharge', on: '2026-10-03' },
      { code: 'six-week-visit', on: '2026-11-13', grantedBy: 'surgeon' },
    ]
    const body = { protocols: [{ code: 'acdf-standard' }], surgeryDate: '2026-10-01', on: '2026-11-20', milestones }
    const simulated = await simulate(body)
    expect(simulated.status).toBe(200)

    const patient = await clinic.post<{ id: string }>('/patients', { externalId: 'compared' })
    const episode = await clinic.post<{ id: string }>(`/patients/${patient.body.id}/episodes`, {
      procedures: ['acdf'],
      surgeryDate: '2026-10-01',
    })
    for (const milestone of milestones) await clinic.post(`/episodes/${episode.body.id}/milestones`, milestone)
    const real = await clinic.get<Answer & { episode: string }>(`/episodes/${episode.body.id}/permitted-exercises`)
    const { episode: _, basis, ...answer } = real.body
    expect(simulated.body).toEqual({ ...answer, basis: expect.anything() })
    expect(basis.revision).toBe(4)
  })

  test('of a document needs nothing stored, and stores nothing', async () => {
    const before = await Promise.all(
      ['/protocols', '/exercises?limit=200', '/patients', '/episodes'].map((path) => clinic.get(path)),
    )
    const body = {
      protocols: [document],
      surgeryDate: '2026-11-01',
      on: '2026-11-15',
      side: 'left',
      facts: [{ code: 'pain', value: 3, on: '2026-11-13' }],
    }
    const { status, body: answer, text } = await simulate(body)
    expect(status).toBe(200)
    expect(answer.permitted).toMatchObject([
      { exercise: 'stair-climbing', dosage: { durationMinutes: 10, timesPerDay: 2 }, side: 'left' },
      { exercise: 'walking', dosage: null },
    ])
    expect(answer.protocols).toMatchObject([{ code: 'trial', version: null, phase: { code: 'all' } }])
    expect((await simulate(body)).text).toBe(text)
    const after = await Promise.all(
      ['/protocols', '/exercises?limit=200', '/patients', '/episodes'].map((path) => clinic.get(path)),
    )
    expect(after.map((list) => list.text)).toEqual(before.map((list) => list.text))
  })

  test('withholds what rests on something unknown, and on an observation that is too old', async () => {
    const at = async (on: string, facts: object[]) =>
      (await simulate({ protocols: [document], surgeryDate: '2026-11-01', on, facts })).body
    const observed = [{ code: 'pain', value: 3, on: '2026-11-13' }]
    expect(codes((await at('2026-11-15', [])).permitted)).toEqual(['walking'])
    expect(codes((await at('2026-11-15', observed)).permitted)).toEqual(['stair-climbing', 'walking'])
    const stale = await at('2026-11-16', observed)
    expect(codes(stale.permitted)).toEqual(['walking'])
    expect(stale.withheld).toMatchObject([
      { exercise: 'stair-climbing', reasons: [{ kind: 'condition-not-met', rule: 'stair-climbing', certain: false }] },
    ])
  })

  test('takes symptoms, overrides and holds, each within its dates', async () => {
    const at = async (on: string) =>
      (
        await simulate({
          protocols: [document],
          surgeryDate: '2026-10-01',
          on,
          symptoms: [],
          overrides: [{ exercise: 'walking', effect: 'withhold', from: '2026-10-05', until: '2026-10-06' }],
          holds: [{ from: '2026-10-08', until: '2026-10-09' }],
        })
      ).body
    expect(codes((await at('2026-10-04')).permitted)).toEqual(['walking'])
    expect(codes((await at('2026-10-05')).permitted)).toEqual([])
    expect(codes((await at('2026-10-06')).permitted)).toEqual(['walking'])
    expect(codes((await at('2026-10-08')).permitted)).toEqual([])
    expect(codes((await at('2026-10-09')).permitted)).toEqual(['walking'])
    const flagged = await simulate({
      protocols: [{ code: 'acdf-standard' }],
      surgeryDate: '2026-10-01',
      on: '2026-10-10',
      symptoms: [{ redFlag: 'bladder-or-bowel-loss', on: '2026-10-10' }],
    })
    expect(flagged.body.permitted).toEqual([])
    const resolved = await simulate({
      protocols: [{ code: 'acdf-standard' }],
      surgeryDate: '2026-10-01',
      on: '2026-10-10',
      symptoms: [{ redFlag: 'bladder-or-bowel-loss', on: '2026-10-08', resolvedOn: '2026-10-10' }],
    })
    expect(resolved.body.permitted).not.toEqual([])
  })

  test('takes every document of the library as it is', async () => {
    for (const name of ['acdf', 'alif', 'llif', 'plif', 'lumbar-microdiscectomy']) {
      const file = resolve(import.meta.dirname, `../../prisma/library/${name}.yaml`)
      const answer = await simulate({
        protocols: [parse(readFileSync(file, 'utf8'))],
        surgeryDate: '2026-10-01',
        on: '2026-10-08',
      })
      expect(answer.status).toBe(200)
      expect(codes(answer.body.permitted)).toContain('walking')
    }
  })

  test('withholds in a combination what one of the two protocols withholds', async () => {
    const body = { surgeryDate: '2026-10-01', on: '2026-10-10' }
    const strict = {
      ...document,
      code: 'strict',
      prescriptions: [{ exercise: 'walking', from: 'late' }],
      phases: [...document.phases, { code: 'late', title: 'Late', entry: { days: { atLeast: 28 } } }],
    }
    expect(codes((await simulate({ ...body, protocols: [document] })).body.permitted)).toEqual(['walking'])
    expect(codes((await simulate({ ...body, protocols: [document, strict] })).body.permitted)).toEqual([])
    expect(
      codes((await simulate({ ...body, protocols: [document, strict], on: '2026-10-29' })).body.permitted),
    ).toEqual(['walking'])
  })
})

describe('a simulation that cannot be', () => {
  const body = { protocols: [document], surgeryDate: '2026-10-01', on: '2026-10-10' }

  test.each([
    ['an unknown milestone', { milestones: [{ code: 'discharge', on: '2026-10-02' }] }, 422, '/milestones/0/code'],
    ['a fact out of range', { facts: [{ code: 'pain', value: 11, on: '2026-10-02' }] }, 422, '/facts/0/value'],
    ['a fact of another type', { facts: [{ code: 'pain', value: 'bad', on: '2026-10-02' }] }, 422, '/facts/0/value'],
    ['an unknown red flag', { symptoms: [{ redFlag: 'fever', on: '2026-10-02' }] }, 422, '/symptoms/0/redFlag'],
    [
      'an unknown exercise',
      { overrides: [{ exercise: 'flying', effect: 'permit', from: '2026-10-02' }] },
      422,
      '/overrides/0/exercise',
    ],
    [
      'a hold that ends before it begins',
      { holds: [{ from: '2026-10-05', until: '2026-10-05' }] },
      422,
      '/holds/0/until',
    ],
    ['a date that does not exist', { on: '2026-02-30' }, 400, '/on'],
    ['an unknown field', { surgerydate: '2026-10-01' }, 400, '/surgerydate'],
    ['no protocol', { protocols: [] }, 400, '/protocols'],
    ['an unknown protocol', { protocols: [{ code: 'acdf-standart' }] }, 422, '/protocols/0'],
    ['an unknown version', { protocols: [{ code: 'acdf-standard', version: 9 }] }, 422, '/protocols/0'],
    ['a protocol twice', { protocols: [document, document] }, 422, '/protocols/1'],
    [
      'a document with an unknown phase',
      { protocols: [{ ...document, prescriptions: [{ exercise: 'walking', from: 'al' }] }] },
      422,
      '/protocols/0/prescriptions/0/from',
    ],
    [
      'a document with a wrong condition',
      { protocols: [{ ...document, phases: [{ code: 'a', title: 'A', entry: { days: {} } }] }] },
      400,
      '/protocols/0/phases/0/entry/days',
    ],
  ])('names the place of %s', async (_, change, status, pointer) => {
    const answer = await refuse({ ...body, ...change })
    expect({ status: answer.status, pointers: answer.body.errors?.map((error) => error.pointer) }).toMatchObject({
      status,
      pointers: expect.arrayContaining([pointer]),
    })
  })
})
