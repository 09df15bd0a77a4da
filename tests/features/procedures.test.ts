import { describe, expect, test } from '@jest/globals'
import type { Procedure } from '../../src/features/procedures/schemas.ts'
import { type Problem, startClinic, storeDraft, storeEpisode } from './support.ts'

const clinic = await startClinic()

const acdf = {
  code: 'acdf',
  name: 'Anterior cervical discectomy and fusion',
  bodyRegion: 'cervical',
  approach: 'anterior',
  indications: ['Nerve-root pressure: pain, numbness or tingling in neck and arms'],
  snomed: '387713003',
  cpt: '22551',
}

function add(code: string, more: object = {}) {
  return clinic.post<Procedure>('/procedures', { code, name: `The ${code}`, bodyRegion: 'lumbar', ...more })
}

describe('a procedure', () => {
  test('is added, read, changed and deleted', async () => {
    const added = await clinic.post<Procedure>('/procedures', acdf)
    expect(added.status).toBe(201)
    expect(added.location).toBe('/v1/procedures/acdf')
    expect(added.etag).toBe('"1"')
    expect(added.body).toEqual({
      ...acdf,
      defaultProtocol: null,
      id: expect.any(String),
      revision: 1,
      createdAt: expect.any(String),
    })
    expect((await clinic.get('/procedures/acdf')).body).toEqual(added.body)

    const changed = await clinic.patch<Procedure>('/procedures/acdf', { name: 'ACDF', approach: null }, '"1"')
    expect(changed.status).toBe(200)
    expect(changed.body).toEqual({ ...added.body, name: 'ACDF', approach: null, revision: 2 })

    expect((await clinic.delete('/procedures/acdf', '"2"')).status).toBe(204)
    expect((await clinic.get('/procedures/acdf')).status).toBe(404)
  })

  test('answers null or an empty list for what was left out, and for what null cleared', async () => {
    const { body } = await add('bare')
    const nothing = { approach: null, indications: [], snomed: null, cpt: null, defaultProtocol: null }
    expect(body).toMatchObject(nothing)
    await add('full', { approach: 'anterior', indications: ['Pain'], snomed: '387713003', cpt: '22551' })
    const cleared = { approach: null, indications: null, snomed: null, cpt: null }
    expect((await clinic.patch('/procedures/full', cleared, '"1"')).body).toMatchObject(nothing)
  })

  test('has a code of its own: a second one is refused', async () => {
    await add('twice')
    const { status, body } = await clinic.post<Problem>('/procedures', { ...acdf, code: 'twice' })
    expect(status).toBe(409)
    expect(body.detail).toBe('`code` is taken: the clinic has the procedure `twice` already')
  })

  test('that does not exist is a 404 with those that resemble it', async () => {
    await add('lumbar-microdiscectomy')
    const { status, body } = await clinic.get('/procedures/lumbar-microdisectomy')
    expect(status).toBe(404)
    expect(body).toMatchObject({ code: 'PROCEDURE_NOT_FOUND', nearest: ['lumbar-microdiscectomy'] })
  })
})

describe('what a procedure must not be', () => {
  const cases: [string, object, string, string | RegExp][] = [
    ['without a name', { name: undefined }, '/name', 'is required'],
    ['an unknown field', { bodyregion: 'lumbar' }, '/bodyregion', 'is not a field here: did you mean `bodyRegion`?'],
    ['a name that is too long', { name: 'x'.repeat(201) }, '/name', 'must have at most 200 characters'],
    ['a NUL in a list', { indications: ['Pain', 'a\0b'] }, '/indications/1', /NUL/],
    ['half a surrogate pair in a list', { indications: ['\udc00'] }, '/indications/0', /half a surrogate pair/],
    ['indications that are a text', { indications: 'Pain' }, '/indications', /must be a list/],
    ['an indication twice', { indications: ['Pain', 'Pain'] }, '/indications', 'must not have an item twice'],
    [
      '51 indications',
      { indications: Array.from({ length: 51 }, String) },
      '/indications',
      'must have at most 50 items',
    ],
    ['a SNOMED CT identifier with one digit wrong', { snomed: '387713004' }, '/snomed', /check digit does not fit/],
    ['two digits that changed places', { snomed: '387731003' }, '/snomed', /check digit does not fit/],
    ['a SNOMED CT identifier that is a number', { snomed: 387713003 }, '/snomed', /must be a text/],
    ['a SNOMED CT identifier that is too short', { snomed: '38771' }, '/snomed', /6 to 18 digits/],
    ['a CPT code of four characters', { cpt: '2255' }, '/cpt', /four digits/],
    ['a CPT code in lower case', { cpt: '0202t' }, '/cpt', /four digits/],
  ]
  test.each(cases)('%s', async (_name, change, pointer, detail) => {
    const { status, body } = await clinic.post<Problem>('/procedures', { ...acdf, code: 'strange', ...change })
    expect(status).toBe(400)
    const place = body.errors?.find((error) => error.pointer === pointer)
    expect(place?.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail))
  })

  // Published by SNOMED International: a concept, and concepts of the shortest form.
  test.each(['80146002', '71388002', '387713003', '900000000000207008'])(
    '%s is a SNOMED CT identifier',
    async (snomed) => {
      expect((await add(`with-${snomed}`, { snomed })).body.snomed).toBe(snomed)
    },
  )
})

describe('the default protocol of a procedure', () => {
  test('must exist; the answer names those that resemble it', async () => {
    await storeDraft(clinic, { code: 'alif-standard' })
    const refused = await add('alif', { defaultProtocol: 'alif-standart' })
    expect(refused.status).toBe(422)
    expect(refused.body).toMatchObject({
      code: 'UNKNOWN_REFERENCE',
      detail: 'there is no protocol `alif-standart`: did you mean `alif-standard`?',
      errors: [{ in: 'body', pointer: '/defaultProtocol' }],
      nearest: ['alif-standard'],
    })
    expect((await clinic.get('/procedures/alif')).status).toBe(404)
    expect((await add('alif', { defaultProtocol: 'alif-standard' })).body.defaultProtocol).toBe('alif-standard')
  })

  test('can be set, kept and taken away', async () => {
    await storeDraft(clinic, { code: 'llif-standard' })
    await add('llif', { defaultProtocol: null })
    const set = await clinic.patch('/procedures/llif', { defaultProtocol: 'llif-standard' }, '"1"')
    expect(set.body.defaultProtocol).toBe('llif-standard')
    const kept = await clinic.patch('/procedures/llif', { name: 'LLIF' }, '"2"')
    expect(kept.body.defaultProtocol).toBe('llif-standard')
    const unknown = await clinic.patch('/procedures/llif', { defaultProtocol: 'nothing' }, '"3"')
    expect(unknown.status).toBe(422)
    const cleared = await clinic.patch('/procedures/llif', { defaultProtocol: null }, '"3"')
    expect(cleared.body).toMatchObject({ defaultProtocol: null, revision: 4 })
  })
})

describe('a change of a procedure', () => {
  test('needs the revision that was read, changes something, and never the code', async () => {
    await add('guarded')
    expect((await clinic.patch('/procedures/guarded', { name: 'New' })).status).toBe(428)
    expect((await clinic.patch('/procedures/guarded', { name: 'New' }, '"9"')).status).toBe(412)
    expect((await clinic.patch('/procedures/guarded', { code: 'new' }, '"1"')).status).toBe(400)
    const empty = await clinic.patch<Problem>('/procedures/guarded', {}, '"1"')
    expect(empty.status).toBe(400)
    expect(empty.body.detail).toMatch(/^the body must change something: give `name`/)
  })

  test('of twenty at the same time with one ETag exactly one wins', async () => {
    await add('contested')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => clinic.patch('/procedures/contested', { name: `Writer ${n}` }, '"1"')),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)])
    expect((await clinic.get('/procedures/contested')).body.revision).toBe(2)
  })
})

describe('a procedure in use', () => {
  test('is kept while a protocol version names it, and the answer says which', async () => {
    await add('plif')
    await storeDraft(clinic, { code: 'plif-standard', procedures: ['tlif', 'plif'] })
    const { status, body } = await clinic.delete('/procedures/plif', '"1"')
    expect(status).toBe(409)
    expect(body).toMatchObject({
      code: 'IN_USE',
      detail: 'the procedure `plif` is in use by the draft of the protocol `plif-standard`',
      uses: [{ kind: 'protocol', protocol: 'plif-standard', version: null }],
    })
  })

  test('is kept while episodes name it; no more than ten of them are listed', async () => {
    await add('laminectomy')
    const { body: patient } = await clinic.post<{ id: string }>('/patients', { externalId: 'mrn-1' })
    for (let count = 0; count < 12; count += 1) {
      await storeEpisode(clinic, { patientId: patient.id, procedures: ['laminectomy'] })
    }
    const { status, body } = await clinic.delete('/procedures/laminectomy', '"1"')
    expect(status).toBe(409)
    expect(body.uses).toHaveLength(10)
    expect(body.detail).toMatch(/^the procedure `laminectomy` is in use by the episode .* and more: see `uses`$/)
  })
})

test('the list goes through every page in the order of the codes', async () => {
  const other = await clinic.addClinic()
  const codes = ['acdf', 'acdf-2', 'alif', 'llif', 'plif']
  for (const code of codes.toReversed()) await other.post('/procedures', { ...acdf, code })
  const pages = await other.pages<Procedure>('/procedures?limit=2')
  expect(pages.map((page) => page.map(({ code }) => code))).toEqual([['acdf', 'acdf-2'], ['alif', 'llif'], ['plif']])
})

test('another clinic sees and changes nothing of it, and cannot name its protocols', async () => {
  await add('private')
  await storeDraft(clinic, { code: 'private-protocol' })
  const other = await clinic.addClinic()
  expect((await other.get('/procedures')).body).toEqual({ items: [], next: null })
  expect((await other.get('/procedures/private')).status).toBe(404)
  expect((await other.patch('/procedures/private', { name: 'Mine' }, '"1"')).status).toBe(404)
  expect((await other.delete('/procedures/private', '"1"')).status).toBe(404)
  const { status, body } = await other.post('/procedures', { ...acdf, defaultProtocol: 'private-protocol' })
  expect(status).toBe(422)
  expect(body.nearest).toEqual([])
})
