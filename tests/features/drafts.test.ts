import { beforeEach, describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { version } from '../../src/features/protocols/schemas.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { accepted, everyFeature as everyFeatureOf } from './library-clinic.ts'
import { type Problem, startClinic } from './support.ts'

type Version = z.output<typeof version>

const everyFeature = everyFeatureOf()

const clinic = await startClinic()

// As much of a catalogue as the protocol names.
for (const code of ['plif', 'alif'])
  accepted(await clinic.post('/procedures', { code, name: code, bodyRegion: 'lumbar' }))
for (const code of ['lifting', 'impact', 'lumbar-flexion', 'rotation']) {
  accepted(await clinic.post('/attributes', { code, title: code }))
}
accepted(await clinic.post('/exercises', { code: 'walking', title: 'Walking', kind: 'exercise', attributes: {} }))

async function create(code: string): Promise<Version> {
  return accepted(await clinic.post<Version>('/protocols', { ...everyFeature, code }))
}

async function readDraft(code: string): Promise<Version> {
  return accepted(await clinic.get<Version>(`/protocols/${code}/draft`))
}

/** A request with `If-Match` on a part of the draft, or on all of it. */
function edit<Body = Record<string, unknown>>(method: string, path: string, body: unknown, revision: number | string) {
  return clinic.send<Body>(method, `/protocols/${path}`, body, { 'if-match': `"${revision}"` })
}

function countOf(answers: readonly { status: number }[], status: number): number {
  return answers.filter((answer) => answer.status === status).length
}

let count = 0
let code = ''

beforeEach(async () => {
  count += 1
  code = `draft-${count}`
  await create(code)
})

describe('a draft', () => {
  test('is replaced whole, in JSON or YAML, by the writer who has seen it', async () => {
    const document = { ...everyFeature, code, title: 'Second', limits: [] }
    const replaced = await edit<Version>('PUT', `${code}/draft`, document, 1)
    expect(replaced.status).toBe(200)
    expect(replaced.etag).toBe('"2"')
    expect(replaced.body.document).toMatchObject({ title: 'Second', limits: [], phases: everyFeature.phases })

    const text = `format: 1\ncode: ${code}\ntitle: Third\nprocedures: [plif]\n`
    const headers = { 'content-type': 'application/yaml', 'if-match': '"2"' }
    const third = await clinic.send<Version>('PUT', `/protocols/${code}/draft`, text, headers)
    expect(third.body).toMatchObject({ revision: 3, title: 'Third', document: { phases: [], exercises: [] } })
    expect(Object.hasOwn(third.body.document, 'description')).toBe(false)
    expect(await readDraft(code)).toEqual(third.body)
  })

  test('needs `If-Match`: 428 without, 412 with another, 400 with a wrong one', async () => {
    const put = (headers: Record<string, string>) =>
      clinic.send<Problem>('PUT', `/protocols/${code}/draft`, { ...everyFeature, code }, headers)
    expect((await put({})).body).toMatchObject({ status: 428, code: 'PRECONDITION_REQUIRED', currentRevision: 1 })
    expect((await put({ 'if-match': '"7"' })).body).toMatchObject({ status: 412, currentRevision: 1 })
    expect((await put({ 'if-match': 'W/"1"' })).status).toBe(412)
    expect((await put({ 'if-match': '1' })).status).toBe(400)
    expect((await put({ 'if-match': '"7", "1"' })).status).toBe(200)
    expect((await put({ 'if-match': '*' })).status).toBe(200)
    expect((await clinic.send('POST', `/protocols/${code}/draft/publish`, {})).status).toBe(428)
    expect((await clinic.delete(`/protocols/${code}/draft`)).status).toBe(428)
    expect(
      (await clinic.send('POST', `/protocols/${code}/draft/limits`, { code: 'l', quantity: 'l', max: 1 })).status,
    ).toBe(428)
    expect((await readDraft(code)).revision).toBe(3)
  })

  test('goes with its protocol only for who has seen it, and its tag does not come again', async () => {
    const address = `/protocols/${code}`
    expect((await clinic.delete<Problem>(address)).body).toMatchObject({ status: 428, currentRevision: 1 })
    accepted(await edit('PUT', `${code}/draft`, { ...everyFeature, code, title: 'Edited' }, 1))
    expect((await clinic.delete<Problem>(address, '"1"')).body).toMatchObject({
      status: 412,
      since: { changes: [{ kind: 'title' }] },
    })
    expect((await clinic.delete(address, '"2"')).status).toBe(204)

    const anew = await create(code)
    expect(anew.revision).toBe(3)
    const stale = await edit('PUT', `${code}/draft`, { ...everyFeature, code, title: 'Of the other one' }, 1)
    expect(stale.status).toBe(412)
    // Without a draft there is nothing that could be lost unseen but the history.
    accepted(await clinic.delete(`${address}/draft`, '"3"'))
    expect((await clinic.delete(address, '"3"')).status).toBe(412)
    expect((await clinic.delete(address, '"4"')).status).toBe(204)
    expect((await create(code)).revision).toBe(5)
  })

  test('is not sent again to a reader who has it', async () => {
    for (const address of [
      `/protocols/${code}/draft`,
      `/protocols/${code}/draft/phases`,
      `/protocols/${code}/draft/phases/home`,
    ]) {
      const { etag } = await clinic.get(address)
      expect(etag).toBe('"1"')
      expect((await clinic.send('GET', address, undefined, { 'if-none-match': etag })).status).toBe(304)
    }
  })

  test('cannot change its protocol’s code', async () => {
    const { status, body } = await edit<Problem>('PUT', `${code}/draft`, { ...everyFeature, code: 'another' }, 1)
    expect(status).toBe(422)
    expect(body).toMatchObject({ code: 'DOCUMENT_INVALID', errors: [{ pointer: '/code' }] })
  })

  test('of a mistaken document is not stored', async () => {
    const document = { ...everyFeature, code, title: 'Mistaken', phases: everyFeature.phases.slice(1) }
    const { status, body } = await edit<Problem>('PUT', `${code}/draft`, document, 1)
    expect(status).toBe(422)
    expect(body.errors?.map(({ pointer }) => pointer)).toEqual([
      '/prescriptions/0/from',
      '/contraindications/2/when/through',
    ])
    expect(await readDraft(code)).toMatchObject({ revision: 1, title: everyFeature.title })
  })

  test('is discarded, and started again from a version', async () => {
    expect((await edit('DELETE', `${code}/draft`, undefined, 1)).status).toBe(204)
    expect((await clinic.get(`/protocols/${code}/draft`)).body).toMatchObject({ status: 404, code: 'DRAFT_NOT_FOUND' })
    expect((await clinic.post(`/protocols/${code}/draft`, {})).body).toMatchObject({ code: 'VERSION_NOT_FOUND' })

    const made = await clinic.put<Version>(`/protocols/${code}/draft`, { ...everyFeature, code, title: 'First' })
    // Revisions go on, so that the ETag of the draft that is gone is not that of this one.
    expect(made).toMatchObject({ status: 200, etag: '"3"' })
    accepted(await edit('POST', `${code}/draft/publish`, {}, 3))
    const second = accepted(
      await clinic.put<Version>(`/protocols/${code}/draft`, { ...everyFeature, code, title: 'Second' }),
    )
    accepted(await edit('POST', `${code}/draft/publish`, {}, second.revision))

    const started = await clinic.post<Version>(`/protocols/${code}/draft`, { from: 1 })
    expect(started).toMatchObject({ status: 201, location: `/v1/protocols/${code}/draft` })
    expect(started.body).toMatchObject({ title: 'First', number: null, startedFrom: 1, revision: second.revision + 2 })
    expect((await clinic.post(`/protocols/${code}/draft`, {})).body).toMatchObject({
      status: 409,
      code: 'ALREADY_EXISTS',
    })
    accepted(await edit('DELETE', `${code}/draft`, undefined, started.body.revision))
    expect((await clinic.post(`/protocols/${code}/draft`, { from: 3 })).status).toBe(404)
    expect((await clinic.post<Version>(`/protocols/${code}/draft`, {})).body.title).toBe('Second')
  })
})

describe('a part of a draft', () => {
  /** One edit of a part, and the same edit of the document. */
  interface Edit {
    what: string
    method: 'POST' | 'PUT' | 'DELETE'
    address: string
    body?: object
    document: (document: ProtocolDocument) => object
  }

  const phase = { code: 'sport', title: 'Sport', entry: { days: { since: 'training-clearance', atLeast: 90 } } }
  const rule = { title: 'No hurry', strength: 'caution', target: [{ kind: 'exercise' }] } as const
  const edits: Edit[] = [
    {
      what: 'adding a phase',
      method: 'POST',
      address: 'phases',
      body: phase,
      document: ({ phases }) => ({ phases: [...phases, phase] }),
    },
    {
      what: 'adding a prescription without a code',
      method: 'POST',
      address: 'prescriptions',
      body: { exercise: 'rowing', from: 'sport' },
      document: ({ prescriptions }) => ({ prescriptions: [...prescriptions, { exercise: 'rowing', from: 'sport' }] }),
    },
    {
      what: 'adding another one for the same exercise',
      method: 'POST',
      address: 'prescriptions',
      body: { exercise: 'rowing', from: 'training' },
      document: ({ prescriptions }) => ({
        prescriptions: [...prescriptions, { exercise: 'rowing', from: 'training' }],
      }),
    },
    {
      what: 'adding one of the catalogue’s exercises',
      method: 'POST',
      address: 'prescriptions',
      body: { exercise: 'walking', from: 'ward', supervision: 'independent', dosage: [{ reps: 3 }] },
      document: ({ prescriptions }) => ({
        prescriptions: [
          ...prescriptions,
          { exercise: 'walking', from: 'ward', supervision: 'independent', dosage: [{ reps: 3 }] },
        ],
      }),
    },
    {
      what: 'replacing a prescription',
      method: 'PUT',
      address: 'prescriptions/rest',
      body: { group: 'outdoors', from: 'home' },
      document: ({ prescriptions }) => ({
        prescriptions: prescriptions.map((own) =>
          own.code === 'rest' ? { code: 'rest', group: 'outdoors', from: 'home' } : own,
        ),
      }),
    },
    {
      what: 'replacing a phase',
      method: 'PUT',
      address: 'phases/home',
      body: { code: 'home', title: 'Home again', entry: { not: { fact: 'smoker', is: true } }, goals: ['Rest'] },
      document: ({ phases }) => ({
        phases: phases.with(1, {
          code: 'home',
          title: 'Home again',
          entry: { not: { fact: 'smoker', is: true } },
          goals: ['Rest'],
        }),
      }),
    },
    {
      what: 'adding a contraindication',
      method: 'POST',
      address: 'contraindications',
      body: { code: 'no-hurry', ...rule },
      document: ({ contraindications }) => ({
        contraindications: [...contraindications, { code: 'no-hurry', ...rule }],
      }),
    },
    {
      what: 'replacing a contraindication',
      method: 'PUT',
      address: 'contraindications/twisting',
      body: { code: 'twisting', ...rule },
      document: ({ contraindications }) => ({
        contraindications: contraindications.with(1, { code: 'twisting', ...rule }),
      }),
    },
    {
      what: 'removing a contraindication',
      method: 'DELETE',
      address: 'contraindications/no-rowing-in-pain',
      document: ({ contraindications }) => ({ contraindications: contraindications.slice(1) }),
    },
    {
      what: 'adding a limit',
      method: 'POST',
      address: 'limits',
      body: { code: 'sitting', quantity: 'sitting-time', max: 30, unit: 'min' },
      document: ({ limits }) => ({
        limits: [...limits, { code: 'sitting', quantity: 'sitting-time', max: 30, unit: 'min' }],
      }),
    },
    {
      what: 'replacing a limit by the clinician’s word',
      method: 'PUT',
      address: 'limits/lifted',
      body: { code: 'lifted', quantity: 'lifted-load', value: null },
      document: ({ limits }) => ({ limits: limits.with(0, { code: 'lifted', quantity: 'lifted-load', value: null }) }),
    },
    {
      what: 'removing a limit',
      method: 'DELETE',
      address: 'limits/flexion',
      document: ({ limits }) => ({ limits: limits.filter((own) => own.code !== 'flexion') }),
    },
    {
      what: 'removing a prescription',
      method: 'DELETE',
      address: 'prescriptions/walks',
      document: ({ prescriptions }) => ({ prescriptions: prescriptions.slice(1) }),
    },
    {
      what: 'removing a phase that nothing names any more',
      method: 'DELETE',
      address: 'phases/sport',
      document: ({ phases, prescriptions }) => ({
        phases: phases.filter((own) => own.code !== 'sport'),
        prescriptions,
      }),
    },
  ]

  test('is edited as in the document: the same edit gives the same draft', async () => {
    const twin = `${code}-twin`
    await create(twin)
    let revision = 1
    let byPart = await readDraft(code)
    for (const { what, method, address, body, document } of edits) {
      if (address === 'phases/sport') {
        // The prescription that begins with it goes first.
        accepted(await edit('DELETE', `${code}/draft/prescriptions/rowing`, undefined, revision))
        const prescriptions = byPart.document.prescriptions.filter((own) => own.code !== 'rowing')
        accepted(await edit('PUT', `${twin}/draft`, { ...byPart.document, code: twin, prescriptions }, revision))
        revision += 1
        byPart = await readDraft(code)
      }
      const change = document(byPart.document)
      const answer = await edit(method, `${code}/draft/${address}`, body, revision)
      expect([what, answer.status]).toEqual([what, { POST: 201, PUT: 200, DELETE: 204 }[method]])
      accepted(await edit('PUT', `${twin}/draft`, { ...byPart.document, ...change, code: twin }, revision))
      revision += 1
      expect(answer.etag).toBe(`"${revision}"`)

      byPart = await readDraft(code)
      const byDocument = await readDraft(twin)
      expect([what, byPart.document]).toEqual([what, { ...byDocument.document, code }])
      expect(byPart.revision).toBe(revision)
      if (method === 'DELETE') continue
      const place = answer.location === '' ? `/protocols/${code}/draft/${address}` : answer.location.replace('/v1', '')
      expect((await clinic.get(place)).body).toEqual(answer.body)
    }
    const codes = byPart.document.prescriptions.map((own) => own.code)
    expect(codes).toEqual(['rest', 'rowing-without-pain', 'rowing-from-training', 'walking'])
    const published = accepted(await edit<Version>('POST', `${code}/draft/publish`, {}, revision))
    expect(published.document).toEqual(byPart.document)
  }, 60_000)

  test('is listed, read, and missed by its kind and code', async () => {
    const list = await clinic.get<{ items: object[] }>(`/protocols/${code}/draft/phases`)
    expect(list.body.items).toEqual(everyFeature.phases)
    expect((await clinic.get(`/protocols/${code}/draft/limits/lifted`)).body).toEqual(everyFeature.limits[0])
    const missing = { status: 404, code: 'PART_NOT_FOUND' }
    expect((await clinic.get(`/protocols/${code}/draft/limits/twisting`)).body).toMatchObject(missing)
    expect((await edit('PUT', `${code}/draft/limits/no`, { code: 'no', quantity: 'q', max: 1 }, 1)).body).toMatchObject(
      missing,
    )
    expect((await edit('DELETE', `${code}/draft/phases/no`, undefined, 1)).body).toMatchObject(missing)
    expect((await clinic.get('/protocols/no/draft/phases')).body).toMatchObject({ code: 'PROTOCOL_NOT_FOUND' })
  })

  test('has a name of its own', async () => {
    const again = await edit<Problem>('POST', `${code}/draft/limits`, { code: 'lifted', quantity: 'q', max: 1 }, 1)
    expect(again.body).toMatchObject({ status: 409, code: 'ALREADY_EXISTS', errors: [{ pointer: '/code' }] })
    const renamed = await edit<Problem>(
      'PUT',
      `${code}/draft/limits/lifted`,
      { code: 'flexion', quantity: 'q', max: 1 },
      1,
    )
    expect(renamed.body).toMatchObject({ status: 409, code: 'ALREADY_EXISTS', errors: [{ pointer: '/code' }] })
    const unnamed = await edit<Problem>('POST', `${code}/draft/limits`, { quantity: 'q', max: 1 }, 1)
    expect(unnamed.body).toMatchObject({ status: 400, errors: [{ pointer: '/code', detail: 'is required' }] })
    expect((await readDraft(code)).revision).toBe(1)
  })

  test('that is mistaken is refused, with places in the body', async () => {
    const wrong = {
      exercise: 'rowin',
      from: 'ward',
      through: 'trainin',
      when: { milestone: 'discharge' },
      sources: ['x'],
    }
    const added = await edit<Problem>('POST', `${code}/draft/prescriptions`, wrong, 1)
    expect(added.status).toBe(422)
    const pointers = ['/exercise', '/through', '/when', '/sources/0']
    expect(added.body.errors?.map(({ pointer }) => pointer)).toEqual(pointers)
    const replaced = await edit<Problem>('PUT', `${code}/draft/prescriptions/rest`, wrong, 1)
    expect(replaced.body.errors?.map(({ pointer }) => pointer)).toEqual(pointers)
    const unknown = await edit<Problem>('POST', `${code}/draft/prescriptions`, { exercise: 'rowing', form: 'ward' }, 1)
    expect(unknown.body).toMatchObject({ status: 400 })
    expect(unknown.body.errors).toContainEqual({
      in: 'body',
      pointer: '/form',
      detail: 'is not a field here: did you mean `from`?',
    })
  })

  test('that others name cannot be removed', async () => {
    const { status, body } = await edit<Problem>('DELETE', `${code}/draft/phases/training`, undefined, 1)
    expect(status).toBe(422)
    expect(body).toMatchObject({
      code: 'DOCUMENT_INVALID',
      errors: [
        { pointer: '/prescriptions/0/through' },
        { pointer: '/prescriptions/1/through' },
        { pointer: '/prescriptions/2/from' },
      ],
    })
  })
})

describe('two writers at once', () => {
  test('and a reader: what is read is one document, not lists of two', async () => {
    const titlesOf = ({ title, redFlags }: ProtocolDocument) => new Set([title, ...redFlags.map((flag) => flag.title)])
    const same = everyFeature.redFlags.map((flag) => ({ ...flag, title: 'Before' }))
    accepted(await edit('PUT', `${code}/draft`, { ...everyFeature, code, title: 'Before', redFlags: same }, 1))
    const reading = await clinic.db.asClinic(clinic.clinicId, async (tx) => {
      // The reader has read the head, and waits for the limits.
      await tx.$executeRaw`LOCK TABLE protocol_limit IN ACCESS EXCLUSIVE MODE`
      const read = readDraft(code)
      const isWaiting = async () => {
        const waiting = await tx.$queryRaw<object[]>`
          SELECT pid FROM pg_locks WHERE relation = 'protocol_limit'::regclass AND NOT granted`
        return waiting.length > 0
      }
      while (!(await isWaiting()));
      const [{ id = '' } = {}] = await tx.$queryRaw<{ id: string }[]>`
        UPDATE protocol_version SET title = 'After', revision = revision + 1
          WHERE number IS NULL AND protocol_id = (SELECT id FROM protocol WHERE code = ${code}) RETURNING id`
      await tx.$executeRaw`UPDATE red_flag SET title = 'After' WHERE version_id = ${id}::uuid`
      return { read }
    })
    const { revision, document } = await reading.read
    expect([revision, titlesOf(document)]).toEqual([3, new Set(['After'])])
  })

  test('of the whole draft: one wins, and the others are told', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        edit('PUT', `${code}/draft`, { ...everyFeature, code, title: `Writer ${index}` }, 1),
      ),
    )
    expect([countOf(answers, 200), countOf(answers, 412)]).toEqual([1, 7])
    const winner = answers.findIndex(({ status }) => status === 200)
    expect(await readDraft(code)).toMatchObject({ revision: 2, title: `Writer ${winner}` })
  })

  test('of different parts: one wins, for the other has not seen its edit', async () => {
    const limits = Array.from({ length: 4 }, (_, index) =>
      edit('POST', `${code}/draft/limits`, { code: `limit-${index}`, quantity: 'q', max: 1 }, 1),
    )
    const answers = await Promise.all([
      ...limits,
      edit('DELETE', `${code}/draft/contraindications/twisting`, undefined, 1),
    ])
    expect(countOf(answers, 412)).toBe(4)
    expect((await readDraft(code)).revision).toBe(2)
  })

  test('one who edits and one who publishes: never a published version with half an edit', async () => {
    const [published, ...edited] = await Promise.all([
      edit<Version>('POST', `${code}/draft/publish`, {}, 1),
      ...Array.from({ length: 4 }, () => edit('PUT', `${code}/draft`, { ...everyFeature, code, limits: [] }, 1)),
    ])
    const won = [published, ...edited].filter(({ status }) => status < 300)
    // Without a draft, a PUT makes a new one.
    if (published.status === 201) {
      expect(published.body.document.limits).toEqual(everyFeature.limits)
      expect((await clinic.get<Version>(`/protocols/${code}/versions/1`)).body).toEqual(published.body)
    } else {
      // Who looked before the other wrote is told of a conflict.
      expect([409, 412]).toContain(published.status)
      expect(won.length).toBe(1)
    }
    expect(edited.every(({ status }) => [200, 404, 409, 412].includes(status))).toBe(true)
  })

  test('one who edits and one who discards: one wins', async () => {
    const answers = await Promise.all([
      edit('DELETE', `${code}/draft`, undefined, 1),
      edit('POST', `${code}/draft/limits`, { code: 'limit', quantity: 'q', max: 1 }, 1),
    ])
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1)
    expect(answers.every(({ status }) => [201, 204, 404, 412].includes(status))).toBe(true)
  })

  test('who both start a draft: one wins', async () => {
    accepted(await edit('POST', `${code}/draft/publish`, {}, 1))
    const starts = await Promise.all(Array.from({ length: 6 }, () => clinic.post(`/protocols/${code}/draft`, {})))
    expect([countOf(starts, 201), countOf(starts, 409)]).toEqual([1, 5])
  })
})
