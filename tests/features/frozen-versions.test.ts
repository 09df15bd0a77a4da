import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { version } from '../../src/features/protocols/schemas.ts'
import { changeConfirmed, startClinicWithLibrary } from './library-clinic.ts'

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })

type Version = z.output<typeof version>

interface Listed {
  permitted: { exercise: string }[]
  withheld: { exercise: string; reasons: { kind: string; rule: string | null }[] }[]
}

async function publish(code: string, parts: object): Promise<void> {
  const document = {
    format: 1,
    code,
    title: code,
    procedures: ['acdf'],
    phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: 0 } } }],
    ...parts,
  }
  const created = await clinic.post('/protocols', document)
  expect({ code, status: created.status, text: created.status === 201 ? '' : created.text }).toEqual({
    code,
    status: 201,
    text: '',
  })
  expect((await clinic.send('POST', `/protocols/${code}/draft/publish`, {}, { 'if-match': '*' })).status).toBe(201)
}

async function follow(...protocols: string[]): Promise<string> {
  const patient = await clinic.post<{ id: string }>('/patients', { externalId: `on-${protocols.join('-')}` })
  const episode = await clinic.post<{ id: string }>(`/patients/${patient.body.id}/episodes`, {
    procedures: ['acdf'],
    surgeryDate: '2026-10-01',
    protocols: protocols.map((code) => ({ code })),
  })
  expect(episode.status).toBe(201)
  return episode.body.id
}

const list = async (episode: string): Promise<Listed> =>
  (await clinic.get<Listed>(`/episodes/${episode}/permitted-exercises`)).body
const verdict = async (episode: string, exercise: string) =>
  (await clinic.get<{ verdict: string }>(`/episodes/${episode}/permitted-exercises/${exercise}`)).body.verdict
const permitted = async (episode: string) => (await list(episode)).permitted.map((item) => item.exercise)

async function addExercise(code: string, more: object): Promise<void> {
  expect(
    (await clinic.post('/exercises', { code, title: code, kind: 'exercise', attributes: {}, ...more })).status,
  ).toBe(201)
}

async function changeExercise(code: string, change: object): Promise<void> {
  expect((await clinic.send('PATCH', `/exercises/${code}`, change, { 'if-match': '*' })).status).toBe(200)
}

async function override(episode: string, body: object): Promise<void> {
  const answer = await clinic.post(`/episodes/${episode}/overrides`, { from: '2026-10-02', reason: 'A test', ...body })
  expect(answer.status).toBe(201)
}

describe('an import', () => {
  test('says what the catalogue adds to its groups, until somebody sends it with that', async () => {
    const other = await clinic.addClinic()
    const pool = { title: 'Walking in water', kind: 'exercise', attributes: {}, groups: ['pool'] }
    const document = {
      format: 1,
      code: 'in-water',
      title: 'In water',
      procedures: ['swim'],
      exercises: [{ code: 'aqua-walk', ...pool }],
      phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: 0 } } }],
      prescriptions: [{ code: 'by-group', group: 'pool', from: 'all' }],
    }
    const act = (method: string, path: string, body: unknown) =>
      other.send<Version>(method, `/protocols${path}`, body, { 'if-match': '*' })
    await other.post('/procedures', { code: 'swim', name: 'Swim', bodyRegion: 'lumbar' })
    await other.post('/exercises', { code: 'aqua-jump', ...pool, title: 'Jump in water' })
    const jump = {
      code: 'joined-by-group',
      exercise: 'aqua-jump',
      title: 'Jump in water',
      groups: ['pool'],
      prescriptions: ['by-group'],
      text: 'The document did not have “Jump in water”. The catalogue has it in `pool`, which the protocol names: `by-group` permits it, too. See whether that is right for it; otherwise take it out of the group, or name exercises instead of the group.',
    }
    const created = await act('POST', '', document)
    expect(created.body.joinedByGroup).toEqual([jump])
    expect((await act('PUT', '/in-water/draft', document)).body.joinedByGroup).toEqual([jump])
    const published = await act('POST', '/in-water/draft/publish', {})
    expect(published.body.joinedByGroup).toEqual([jump])

    await other.post('/exercises', { code: 'aqua-run', ...pool, title: 'Run in water' })
    const again = await act('POST', '/in-water/draft', {})
    expect(again.body.joinedByGroup.map(({ exercise }) => exercise)).toEqual(['aqua-run'])
    const seen = await act('PUT', '/in-water/draft', again.body.document)
    expect(seen).toMatchObject({ status: 200, body: { joinedByGroup: [] } })
  })
})

describe('a published version', () => {
  test('does not grant what joined its group later, neither alone nor by way of an override', async () => {
    await addExercise('lap-swim', { groups: ['lanes'] })
    await publish('lanes-only', { prescriptions: [{ group: 'lanes', from: 'all' }] })
    const episode = await follow('lanes-only')
    expect(await permitted(episode)).toEqual(['lap-swim'])

    await addExercise('water-polo', { groups: ['lanes'] })
    expect(await verdict(episode, 'water-polo')).toBe('withheld')
    await override(episode, { exercise: 'water-polo', effect: 'withhold', until: '2026-10-05' })
    expect(await permitted(episode)).toEqual(['lap-swim'])
    expect(await verdict(episode, 'water-polo')).toBe('withheld')
  })

  test('still grants what has left its group or changed its grades since', async () => {
    await addExercise('aqua-jog', { groups: ['shallow'], attributes: { impact: 1 } })
    await publish('shallow-only', {
      prescriptions: [{ group: 'shallow', from: 'all' }],
      contraindications: [
        { code: 'hard', title: 'Hard', strength: 'absolute', target: [{ attributes: { impact: 2 } }] },
      ],
    })
    const episode = await follow('shallow-only')
    const before = (await clinic.get(`/episodes/${episode}/permitted-exercises`)).text
    await changeExercise('aqua-jog', { groups: [], attributes: { impact: 3 }, title: 'Jogging in water' })
    expect((await clinic.get(`/episodes/${episode}/permitted-exercises`)).text).toBe(before)
  })

  test('forbids what the catalogue said when it was published, whatever an older override or version knows', async () => {
    await addExercise('golf-swing', {})
    await addExercise('torso-twist', { attributes: { rotation: 0 } })
    await publish('older', { prescriptions: [{ exercise: 'torso-twist', from: 'all' }] })
    const alone = await follow('older')
    await override(alone, { exercise: 'golf-swing', effect: 'permit' })
    expect(await permitted(alone)).toEqual(['golf-swing', 'torso-twist'])

    await changeExercise('golf-swing', { groups: ['spinning'] })
    await changeExercise('torso-twist', { groups: ['spinning'], attributes: { rotation: 3 } })
    await publish('newer', {
      contraindications: [
        { code: 'no-spin', title: 'Spinning', strength: 'absolute', target: [{ group: 'spinning' }] },
      ],
    })
    const { etag } = await clinic.get(`/episodes/${alone}`)
    const both = { protocols: [{ code: 'older' }, { code: 'newer' }] }
    expect((await changeConfirmed(clinic, alone, both, etag)).status).toBe(200)
    expect(await permitted(alone)).toEqual([])
    for (const exercise of ['golf-swing', 'torso-twist']) expect(await verdict(alone, exercise)).toBe('withheld')
  })
})

test('a lift does not pass on to a rule of the same code in another version', async () => {
  const rule = (title: string, exercise: string) => ({
    contraindications: [{ code: 'rule-one', title, strength: 'relative', target: [{ exercise }] }],
  })
  await publish('with-lift', { prescriptions: [{ exercise: 'walking', from: 'all' }], ...rule('Walking', 'walking') })
  const episode = await follow('with-lift')
  await override(episode, { exercise: 'walking', effect: 'permit', lifts: ['rule-one'] })
  expect(await permitted(episode)).toEqual(['walking'])

  expect((await clinic.post('/protocols/with-lift/draft', {})).status).toBe(201)
  expect((await clinic.send('POST', '/protocols/with-lift/draft/publish', {}, { 'if-match': '*' })).status).toBe(201)
  const { etag } = await clinic.get(`/episodes/${episode}`)
  expect((await changeConfirmed(clinic, episode, { protocols: [{ code: 'with-lift' }] }, etag)).status).toBe(200)
  expect(await list(episode)).toMatchObject({
    permitted: [],
    withheld: [{ exercise: 'walking', reasons: [{ kind: 'contraindication', rule: 'rule-one' }] }],
  })
})

test('a simulated document’s own entry counts, also where nothing in it prescribes the exercise', async () => {
  const answer = await clinic.post<Listed>('/simulations', {
    protocols: [
      {
        format: 1,
        code: 'own-grades',
        title: 'Own grades',
        procedures: ['acdf'],
        exercises: [{ code: 'walking', title: 'Walking', kind: 'exercise', attributes: { rotation: 3 } }],
        phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: 0 } } }],
        contraindications: [
          { code: 'no-twist', title: 'Twisting', strength: 'absolute', target: [{ attributes: { rotation: 2 } }] },
        ],
      },
    ],
    surgeryDate: '2026-10-01',
    on: '2026-10-10',
    overrides: [{ exercise: 'walking', effect: 'permit', from: '2026-10-02' }],
  })
  expect(answer.body).toMatchObject({ permitted: [], withheld: [{ exercise: 'walking' }] })
})
