import { describe, expect, test } from '@jest/globals'
import type { Attribute } from '../../src/features/attributes/schemas.ts'
import { type Page, type Problem, startClinic, storeDraft } from './support.ts'

const clinic = await startClinic()

function add(code: string, more: object = {}) {
  return clinic.post<Attribute>('/attributes', { code, title: `The ${code}`, ...more })
}

describe('an attribute', () => {
  test('is added, read, changed and deleted', async () => {
    const added = await add('lifting', { description: ' Weight in the hands.\r\nAlso overhead. ' })
    expect(added.status).toBe(201)
    expect(added.location).toBe('/v1/attributes/lifting')
    expect(added.etag).toBe('"1"')
    expect(added.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      code: 'lifting',
      title: 'The lifting',
      description: 'Weight in the hands.\nAlso overhead.',
      revision: 1,
      createdAt: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/),
    })

    const read = await clinic.get('/attributes/lifting')
    expect(read.status).toBe(200)
    expect(read.etag).toBe('"1"')
    expect(read.body).toEqual(added.body)

    const changed = await clinic.patch('/attributes/lifting', { title: 'Lifting', description: null }, '"1"')
    expect(changed.status).toBe(200)
    expect(changed.etag).toBe('"2"')
    expect(changed.body).toEqual({ ...added.body, title: 'Lifting', description: null, revision: 2 })

    const deleted = await clinic.delete('/attributes/lifting', '"2"')
    expect(deleted.status).toBe(204)
    expect(deleted.text).toBe('')
    expect((await clinic.get('/attributes/lifting')).status).toBe(404)
  })

  test('keeps what a change leaves out', async () => {
    await add('kept', { description: 'Stays.' })
    const { body } = await clinic.patch('/attributes/kept', { title: 'Kept' }, '"1"')
    expect(body).toMatchObject({ title: 'Kept', description: 'Stays.' })
  })

  test('has a code of its own: a second one is refused', async () => {
    await add('twice')
    const { status, body } = await clinic.post<Problem>('/attributes', { code: 'twice', title: 'Again' })
    expect(status).toBe(409)
    expect(body).toMatchObject({
      code: 'ALREADY_EXISTS',
      detail: '`code` is taken: the clinic has the attribute `twice` already',
      errors: [{ in: 'body', pointer: '/code' }],
    })
    expect((await clinic.get('/attributes/twice')).body.title).toBe('The twice')
  })

  test('is added once when twenty add it at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => add('rush')))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)])
  })

  test('that does not exist is a 404 with those that resemble it', async () => {
    await add('rotation')
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { title: 'New' } : undefined
      const answer = await clinic.send<Problem>(method, '/attributes/rotatoin', body, { 'if-match': '"1"' })
      expect(answer.status).toBe(404)
      expect(answer.body).toMatchObject({
        code: 'ATTRIBUTE_NOT_FOUND',
        detail: 'there is no attribute `rotatoin`: did you mean `rotation`?',
        nearest: ['rotation'],
      })
    }
    const { body } = await clinic.get('/attributes/xyz-0-q')
    expect(body.detail).toBe('there is no attribute `xyz-0-q`: `GET /v1/attributes` lists what there is')
  })
})

describe('what an attribute must not be', () => {
  const title = 'Strain'
  const cases: [string, unknown, string, string | RegExp][] = [
    ['without a title', { code: 'strain' }, '/title', 'is required'],
    ['without a code', { title }, '/code', 'is required'],
    ['an unknown field', { code: 'strain', titel: title }, '/titel', 'is not a field here: did you mean `title`?'],
    ['a title that is a number', { code: 'strain', title: 7 }, '/title', 'must be a text and is a number'],
    ['a title of blanks', { code: 'strain', title: '   ' }, '/title', 'must not be empty'],
    [
      'a title that is too long',
      { code: 'strain', title: 'x'.repeat(201) },
      '/title',
      'must have at most 200 characters',
    ],
    ['a title of two lines', { code: 'strain', title: 'a\nb' }, '/title', /must be one line/],
    ['a NUL', { code: 'strain', title: 'a\0b' }, '/title', /NUL/],
    ['half a surrogate pair', { code: 'strain', title: 'a\ud800b' }, '/title', /half a surrogate pair/],
    ['a code with capitals', { code: 'Strain', title }, '/code', /lower-case words joined by hyphens/],
    [
      'a description of null',
      { code: 'strain', title, description: null },
      '/description',
      /must be a text and is `null`/,
    ],
    ['a list', [], '', 'must be an object and is a list'],
  ]
  test.each(cases)('%s', async (_name, sent, pointer, detail) => {
    const { status, body } = await clinic.post<Problem>('/attributes', sent)
    expect(status).toBe(400)
    expect(body.code).toBe('VALIDATION_FAILED')
    const place = body.errors?.find((error) => error.pointer === pointer)
    expect(place?.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail))
    expect((await clinic.get('/attributes/strain')).status).toBe(404)
  })

  test('text that is not JSON', async () => {
    const { status, body } = await clinic.send<Problem>('POST', '/attributes', '{"code": "strain",}')
    expect(status).toBe(400)
    expect(body.code).toBe('MALFORMED_JSON')
  })
})

describe('a change of an attribute', () => {
  test('needs the revision that was read', async () => {
    await add('guarded')
    const without = await clinic.patch<Problem>('/attributes/guarded', { title: 'New' })
    expect(without.status).toBe(428)
    expect(without.body.code).toBe('PRECONDITION_REQUIRED')
    const outdated = await clinic.patch('/attributes/guarded', { title: 'New' }, '"7"')
    expect(outdated.status).toBe(412)
    expect(outdated.body).toMatchObject({ code: 'PRECONDITION_FAILED', currentRevision: 1 })
    expect((await clinic.delete('/attributes/guarded')).status).toBe(428)
    expect((await clinic.delete('/attributes/guarded', '"7"')).status).toBe(412)
    expect((await clinic.get('/attributes/guarded')).body).toMatchObject({ title: 'The guarded', revision: 1 })
  })

  test('must change something, and never the code', async () => {
    await add('fixed')
    const empty = await clinic.patch<Problem>('/attributes/fixed', {}, '"1"')
    expect(empty.status).toBe(400)
    expect(empty.body.detail).toBe('the body must change something: give `title` or `description`')
    const renamed = await clinic.patch<Problem>('/attributes/fixed', { code: 'other' }, '"1"')
    expect(renamed.status).toBe(400)
    expect(renamed.body.errors).toEqual([
      { in: 'body', pointer: '/code', detail: expect.stringContaining('is not a field here') },
    ])
    const untitled = await clinic.patch<Problem>('/attributes/fixed', { title: null }, '"1"')
    expect(untitled.status).toBe(400)
  })

  test('of twenty at the same time with one ETag exactly one wins', async () => {
    await add('contested')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        clinic.patch<Attribute>('/attributes/contested', { title: `Writer ${n}` }, '"1"'),
      ),
    )
    const [winner, ...others] = answers.filter(({ status }) => status === 200)
    expect(others).toEqual([])
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(19)
    expect((await clinic.get('/attributes/contested')).body).toEqual(winner?.body)
  })

  test('with `*` never loses one of many', async () => {
    await add('counted')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => clinic.patch('/attributes/counted', { title: `Writer ${n}` }, '*')),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect((await clinic.get('/attributes/counted')).body.revision).toBe(21)
  })

  test('and a deletion at the same time: only one of the two happens', async () => {
    for (let round = 0; round < 10; round += 1) {
      const code = `either-${round}`
      await add(code)
      const [changed, deleted] = await Promise.all([
        clinic.patch(`/attributes/${code}`, { title: 'New' }, '"1"'),
        clinic.delete(`/attributes/${code}`, '"1"'),
      ])
      expect([
        [200, 412],
        [404, 204],
      ]).toContainEqual([changed.status, deleted.status])
    }
  })
})

describe('an attribute in use', () => {
  test('is kept while an exercise grades it, and the answer says which', async () => {
    await add('impact')
    await clinic.post('/exercises', { code: 'jogging', title: 'Jogging', kind: 'activity', attributes: { impact: 0 } })
    const refused = await clinic.delete('/attributes/impact', '"1"')
    expect(refused.status).toBe(409)
    expect(refused.body).toMatchObject({
      code: 'IN_USE',
      detail: 'the attribute `impact` is in use by the exercise `jogging`',
      uses: [{ kind: 'exercise', code: 'jogging' }],
    })
    await clinic.patch('/exercises/jogging', { attributes: {} }, '"1"')
    expect((await clinic.delete('/attributes/impact', '"1"')).status).toBe(204)
  })

  test('is kept while a contraindication targets it, and the answer says which', async () => {
    await add('immersion')
    await add('immersion-cold')
    const targets = [{ kind: 'activity' }, { group: 'aquatic', attributes: { immersion: 1 } }]
    await storeDraft(clinic, { code: 'wound-care', targets })
    const refused = await clinic.delete('/attributes/immersion', '"1"')
    expect(refused.status).toBe(409)
    expect(refused.body).toMatchObject({
      detail:
        'the attribute `immersion` is in use by the contraindication `the-contraindication` of the draft of the protocol `wound-care`',
      uses: [{ kind: 'contraindication', protocol: 'wound-care', version: null, code: 'the-contraindication' }],
    })
    expect((await clinic.delete('/attributes/immersion-cold', '"1"')).status).toBe(204)
  })

  test('is never deleted while an exercise is about to grade it', async () => {
    const outcomes = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      await add('fleeting')
      const grading = { code: `grading-${round}`, title: 'Grading', kind: 'exercise', attributes: { fleeting: 2 } }
      const [deleted, graded] = await Promise.all([
        clinic.delete('/attributes/fleeting', '*'),
        clinic.post('/exercises', grading),
      ])
      outcomes.add(`${deleted.status} ${graded.status}`)
      await clinic.delete(`/exercises/grading-${round}`, '*')
      await clinic.delete('/attributes/fleeting', '*')
    }
    for (const outcome of outcomes) expect(['409 201', '204 422']).toContain(outcome)
  })
})

describe('the list of attributes', () => {
  test('goes through every page in the order of the codes', async () => {
    const other = await clinic.addClinic()
    const codes = ['a-b', 'a1', 'ab', 'b', 'b-2', 'c', 'd']
    for (const code of codes.toReversed()) await other.post('/attributes', { code, title: code })
    const pages = await other.pages<Attribute>('/attributes?limit=3')
    expect(pages.map((page) => page.map(({ code }) => code))).toEqual([['a-b', 'a1', 'ab'], ['b', 'b-2', 'c'], ['d']])

    const first = await other.get<Page<Attribute>>('/attributes?limit=3')
    expect(first.headers.get('link')).toBe(
      `</v1/attributes?limit=3>; rel="first", </v1/attributes?limit=3&cursor=${first.body.next}>; rel="next"`,
    )
    const whole = await other.get<Page<Attribute>>('/attributes?limit=7')
    expect(whole.body.next).toBeNull()
    expect(whole.body.items).toHaveLength(7)
  })

  test('refuses a cursor that it has not given out, and an unknown parameter', async () => {
    for (const cursor of ['x', Buffer.from('{}').toString('base64url'), Buffer.from('"A B"').toString('base64url')]) {
      const { status, body } = await clinic.get<Problem>(`/attributes?cursor=${cursor}`)
      expect(status).toBe(400)
      expect(body.errors?.[0]).toMatchObject({ in: 'query', pointer: 'cursor' })
    }
    const { body } = await clinic.get<Problem>('/attributes?limitt=3')
    expect(body.errors?.[0]?.detail).toBe('is not a parameter here: did you mean `limit`?')
    expect((await clinic.get('/attributes?limit=0')).status).toBe(400)
  })
})

test('another clinic sees and changes nothing of it', async () => {
  await add('private')
  const other = await clinic.addClinic()
  expect((await other.get('/attributes')).body).toEqual({ items: [], next: null })
  expect((await other.get<Problem>('/attributes/private')).body).toMatchObject({
    code: 'ATTRIBUTE_NOT_FOUND',
    nearest: [],
  })
  expect((await other.patch('/attributes/private', { title: 'Mine' }, '"1"')).status).toBe(404)
  expect((await other.delete('/attributes/private', '"1"')).status).toBe(404)
  expect((await other.post('/attributes', { code: 'private', title: 'Mine' })).status).toBe(201)
  expect((await clinic.get('/attributes/private')).body.title).toBe('The private')
})
