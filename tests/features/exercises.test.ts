import { beforeAll, describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import { readAllExercises, readExercise } from '../../src/features/exercises/repository.ts'
import type { exercise } from '../../src/features/exercises/schemas.ts'
import { type Problem, startClinic, storeDraft, storeEpisode } from './support.ts'

type Exercise = z.output<typeof exercise>

const clinic = await startClinic()

beforeAll(async () => {
  for (const code of ['lifting', 'impact', 'lumbar-flexion']) await clinic.post('/attributes', { code, title: code })
})

const walking = {
  code: 'walking',
  title: 'Walking',
  kind: 'exercise',
  position: 'standing',
  instructions: 'Walk on level ground.\nStop when it hurts.',
  target: 'endurance',
  equipment: ['shoes'],
  groups: ['low-impact-cardio'],
  attributes: { lifting: 0, impact: 1 },
}

function add(code: string, more: object = {}) {
  return clinic.post<Exercise>('/exercises', { code, title: `The ${code}`, kind: 'exercise', attributes: {}, ...more })
}

describe('an exercise', () => {
  test('is added, read, changed and deleted', async () => {
    const added = await clinic.post<Exercise>('/exercises', walking)
    expect(added.status).toBe(201)
    expect(added.location).toBe('/v1/exercises/walking')
    expect(added.etag).toBe('"1"')
    expect(added.body).toEqual({ ...walking, id: expect.any(String), revision: 1, createdAt: expect.any(String) })
    // Not the order in which they were sent or JSONB keeps them.
    expect(Object.keys(added.body.attributes)).toEqual(['impact', 'lifting'])
    expect((await clinic.get('/exercises/walking')).text).toBe(added.text)

    const change = { title: 'Brisk walking', target: null, attributes: { 'lumbar-flexion': 1 } }
    const changed = await clinic.patch<Exercise>('/exercises/walking', change, '"1"')
    expect(changed.status).toBe(200)
    expect(changed.etag).toBe('"2"')
    // Attributes are replaced as a whole: impact is unknown from now on.
    expect(changed.body).toEqual({ ...added.body, ...change, revision: 2 })

    expect((await clinic.delete('/exercises/walking', '"2"')).status).toBe(204)
    expect((await clinic.get('/exercises/walking')).status).toBe(404)
  })

  test('answers null or an empty list for what was left out, and for what null cleared', async () => {
    const nothing = { position: null, instructions: null, target: null, equipment: [], groups: [] }
    expect((await add('bare')).body).toMatchObject({ ...nothing, attributes: {} })
    await add('full', { ...walking, code: 'full' })
    const cleared = { position: null, instructions: null, target: null, equipment: null, groups: null }
    const { body } = await clinic.patch('/exercises/full', cleared, '"1"')
    expect(body).toMatchObject({ ...nothing, attributes: { impact: 1, lifting: 0 } })
  })

  test('reaches the rules without what is absent and with its attributes in order', async () => {
    await add('for-the-rules', { attributes: { lifting: 3, 'lumbar-flexion': 0, impact: 2 }, groups: ['b', 'a'] })
    const read = await clinic.db.asClinic(clinic.clinicId, (tx) => readExercise(tx, clinic.clinicId, 'for-the-rules'))
    expect(JSON.stringify(read)).toBe(
      '{"code":"for-the-rules","title":"The for-the-rules","kind":"exercise","groups":["b","a"],"attributes":{"impact":2,"lifting":3,"lumbar-flexion":0}}',
    )
    const all = await clinic.db.asClinic(clinic.clinicId, (tx) => readAllExercises(tx, clinic.clinicId))
    expect(all).toContainEqual(read)
    const none = await clinic.db.asClinic(clinic.clinicId, (tx) => readExercise(tx, clinic.clinicId, 'nothing'))
    expect(none).toBeNull()
  })

  test('has a code of its own: a second one is refused', async () => {
    await add('twice')
    const { status, body } = await clinic.post<Problem>('/exercises', { ...walking, code: 'twice' })
    expect(status).toBe(409)
    expect(body.detail).toBe('`code` is taken: the clinic has the exercise `twice` already')
  })

  test('that does not exist is a 404 with those that resemble it', async () => {
    await add('stationary-bike')
    const { status, body } = await clinic.get('/exercises/stationery-bike')
    expect(status).toBe(404)
    expect(body).toMatchObject({ code: 'EXERCISE_NOT_FOUND', nearest: ['stationary-bike'] })
  })
})

describe('what an exercise must not be', () => {
  const cases: [string, object, string, string | RegExp][] = [
    ['without attributes', { attributes: undefined }, '/attributes', 'is required'],
    ['of no kind that there is', { kind: 'activty' }, '/kind', /`exercise` or `activity`: did you mean `activity`\?/],
    ['an unknown field', { instuctions: 'Walk.' }, '/instuctions', 'is not a field here: did you mean `instructions`?'],
    [
      'a grade of 4',
      { attributes: { impact: 4 } },
      '/attributes/impact',
      'must be 0 (none), 1 (low), 2 (moderate) or 3 (high)',
    ],
    ['a grade of 1.5', { attributes: { impact: 1.5 } }, '/attributes/impact', /must be 0 \(none\)/],
    ['a grade that is a text', { attributes: { impact: '1' } }, '/attributes/impact', /must be 0 \(none\)/],
    ['a grade of null', { attributes: { impact: null } }, '/attributes/impact', /must be 0 \(none\)/],
    ['an attribute that is no code', { attributes: { Impact: 1 } }, '/attributes/Impact', /lower-case words/],
    ['attributes that are a list', { attributes: ['impact'] }, '/attributes', /must be an object/],
    [
      'instructions that are too long',
      { instructions: 'x'.repeat(5001) },
      '/instructions',
      'must have at most 5000 characters',
    ],
    ['a group twice', { groups: ['aquatic', 'aquatic'] }, '/groups', 'must not have an item twice'],
    ['a group that is no code', { groups: ['Low impact'] }, '/groups/0', /lower-case words/],
    ['a NUL', { instructions: 'a\0b' }, '/instructions', /NUL/],
    ['half a surrogate pair', { equipment: ['\ud800'] }, '/equipment/0', /half a surrogate pair/],
  ]
  test.each(cases)('%s', async (_name, change, pointer, detail) => {
    const { status, body } = await clinic.post<Problem>('/exercises', { ...walking, code: 'strange', ...change })
    expect(status).toBe(400)
    const place = body.errors?.find((error) => error.pointer === pointer)
    expect(place?.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail))
    expect((await clinic.get('/exercises/strange')).status).toBe(404)
  })

  test('graded by attributes that do not exist; each is named with those that resemble it', async () => {
    const attributes = { impct: 1, lifting: 2, 'lumber-flexion': 3, xyz: 1 }
    const refused = await add('strange', { attributes })
    expect(refused.status).toBe(422)
    expect(refused.body).toMatchObject({
      code: 'UNKNOWN_REFERENCE',
      detail: 'there is no attribute `impct`: did you mean `impact`? (and 2 more: see `errors`)',
      errors: [
        { in: 'body', pointer: '/attributes/impct', detail: 'there is no attribute `impct`: did you mean `impact`?' },
        { pointer: '/attributes/lumber-flexion', detail: expect.stringContaining('did you mean `lumbar-flexion`?') },
        { pointer: '/attributes/xyz', detail: 'there is no attribute `xyz`: `GET /v1/attributes` lists what there is' },
      ],
      nearest: ['impact', 'lumbar-flexion'],
    })
    expect((await clinic.get('/exercises/strange')).status).toBe(404)

    await add('regraded', { attributes: { impact: 1 } })
    const regraded = await clinic.patch('/exercises/regraded', { attributes: { impct: 1 } }, '"1"')
    expect(regraded.status).toBe(422)
    expect((await clinic.get('/exercises/regraded')).body).toMatchObject({ attributes: { impact: 1 }, revision: 1 })
  })
})

describe('a change of an exercise', () => {
  test('needs the revision that was read, changes something, and never the code', async () => {
    await add('guarded')
    expect((await clinic.patch('/exercises/guarded', { title: 'New' })).status).toBe(428)
    expect((await clinic.patch('/exercises/guarded', { title: 'New' }, '"9"')).status).toBe(412)
    expect((await clinic.patch('/exercises/guarded', { code: 'new' }, '"1"')).status).toBe(400)
    const empty = await clinic.patch<Problem>('/exercises/guarded', {}, '"1"')
    expect(empty.status).toBe(400)
    expect(empty.body.detail).toMatch(/^the body must change something: give `title`/)
    expect((await clinic.patch('/exercises/guarded', { kind: null }, '"1"')).status).toBe(400)
  })

  test('of twenty at the same time with one ETag exactly one wins', async () => {
    await add('contested')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => clinic.patch('/exercises/contested', { title: `Writer ${n}` }, '"1"')),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)])
    expect((await clinic.get('/exercises/contested')).body.revision).toBe(2)
  })
})

describe('an exercise in use', () => {
  test('is kept while a version prescribes or targets it, and the answer says where', async () => {
    await add('swimming')
    await add('swimming-crawl')
    await storeDraft(clinic, {
      code: 'in-the-water',
      prescribes: 'swimming',
      targets: [{ kind: 'activity' }, { exercise: 'swimming', attributes: { impact: 1 } }],
    })
    const { status, body } = await clinic.delete('/exercises/swimming', '"1"')
    expect(status).toBe(409)
    expect(body).toMatchObject({
      code: 'IN_USE',
      detail:
        'the exercise `swimming` is in use by the prescription `the-prescription` of the draft of the protocol `in-the-water`, the contraindication `the-contraindication` of the draft of the protocol `in-the-water`',
      uses: [
        { kind: 'prescription', protocol: 'in-the-water', version: null, code: 'the-prescription' },
        { kind: 'contraindication', protocol: 'in-the-water', version: null, code: 'the-contraindication' },
      ],
    })
    expect((await clinic.delete('/exercises/swimming-crawl', '"1"')).status).toBe(204)
  })

  test('is kept while an override names it, and the answer says which', async () => {
    await add('golf', { kind: 'activity' })
    const { body: patient } = await clinic.post<{ id: string }>('/patients', { externalId: 'mrn-1' })
    const { episode, entry } = await storeEpisode(clinic, { patientId: patient.id, overrides: 'golf' })
    const { status, body } = await clinic.delete('/exercises/golf', '"1"')
    expect(status).toBe(409)
    expect(body.uses).toEqual([{ kind: 'override', episode, entry }])
  })
})

describe('the list of exercises', () => {
  test('goes through every page in the order of the codes, and keeps to its filters', async () => {
    const other = await clinic.addClinic()
    for (const code of ['lifting', 'impact']) await other.post('/attributes', { code, title: code })
    const catalogue = [
      { code: 'bridge', kind: 'exercise', groups: ['core'], attributes: { lifting: 0 } },
      { code: 'crunch', kind: 'exercise', groups: ['core'], attributes: { lifting: 1, impact: 0 } },
      { code: 'driving', kind: 'activity', attributes: {} },
      { code: 'golf', kind: 'activity', attributes: { impact: 2 } },
      { code: 'plank', kind: 'exercise', groups: ['core', 'prone'], attributes: {} },
    ]
    for (const entry of catalogue.toReversed()) await other.post('/exercises', { ...entry, title: entry.code })
    async function codes(query: string): Promise<string[][]> {
      const pages = await other.pages<Exercise>(`/exercises?limit=2${query}`)
      return pages.map((page) => page.map(({ code }) => code))
    }
    expect(await codes('')).toEqual([['bridge', 'crunch'], ['driving', 'golf'], ['plank']])
    expect(await codes('&kind=activity')).toEqual([['driving', 'golf']])
    expect(await codes('&group=core')).toEqual([['bridge', 'crunch'], ['plank']])
    expect(await codes('&attribute=lifting')).toEqual([['bridge', 'crunch']])
    expect(await codes('&attribute=impact')).toEqual([['crunch', 'golf']])
    expect(await codes('&kind=exercise&group=core&attribute=impact')).toEqual([['crunch']])
    expect(await codes('&group=nothing')).toEqual([[]])
  })

  test('refuses a filter that it does not know', async () => {
    const { status, body } = await clinic.get<Problem>('/exercises?kind=sport&grup=core')
    expect(status).toBe(400)
    expect(body.errors?.map(({ pointer }) => pointer).sort()).toEqual(['grup', 'kind'])
  })
})

test('another clinic sees and changes nothing of it, and cannot name its attributes', async () => {
  await add('private')
  const other = await clinic.addClinic()
  expect((await other.get('/exercises')).body).toEqual({ items: [], next: null })
  expect((await other.get('/exercises/private')).status).toBe(404)
  expect((await other.patch('/exercises/private', { title: 'Mine' }, '"1"')).status).toBe(404)
  expect((await other.delete('/exercises/private', '"1"')).status).toBe(404)
  const { status, body } = await other.post('/exercises', walking)
  expect(status).toBe(422)
  expect(body.nearest).toEqual([])
})
