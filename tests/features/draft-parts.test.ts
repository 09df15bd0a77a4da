import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { z } from 'zod'
import { hashDocument } from '../../src/features/protocols/canonical.ts'
import { type EditableKind, nameOf, partKinds, partsOf } from '../../src/features/protocols/part-kinds.ts'
import type { version } from '../../src/features/protocols/schemas.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { accepted, everyFeature as everyFeatureOf } from './library-clinic.ts'
import { type Problem, startClinic } from './support.ts'

type Version = z.output<typeof version>
type Json = Record<string, unknown>

const everyFeature = everyFeatureOf(undefined, {
  cases: [{ code: 'on-the-first-day', procedures: ['plif'], on: 0, expect: { phase: 'ward', withheld: ['rowing'] } }],
})
const kinds = Object.keys(partKinds) as EditableKind[]

const clinic = await startClinic()

for (const code of ['plif', 'alif'])
  accepted(await clinic.post('/procedures', { code, name: code, bodyRegion: 'lumbar' }))
for (const code of ['lifting', 'impact', 'lumbar-flexion', 'rotation']) {
  accepted(await clinic.post('/attributes', { code, title: code }))
}

let count = 0
let code = ''

async function create(name: string, change: object = {}): Promise<Version> {
  return accepted(await clinic.post<Version>('/protocols', { ...everyFeature, ...change, code: name }))
}

beforeEach(async () => {
  count += 1
  code = `parts-${count}`
  await create(code)
})

async function readDraft(name = code): Promise<Version> {
  return accepted(await clinic.get<Version>(`/protocols/${name}/draft`))
}

function edit<Body = Json>(method: string, path: string, body: unknown, revision: number) {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  const headers = { 'if-match': `"${revision}"`, ...(body !== undefined && { 'content-type': type }) }
  return clinic.send<Body>(method, `/protocols/${code}/draft${path}`, body, headers)
}

function pointersOf({ body }: { body: Problem }): string[] {
  return body.errors?.map(({ pointer }) => pointer) ?? []
}

describe('a part of any kind', () => {
  test('is listed, added, read, changed, replaced and removed', async () => {
    let revision = 1
    for (const kind of kinds) {
      const { path, key } = partKinds[kind]
      const before = await readDraft()
      const list = accepted(await clinic.get<{ items: Json[] }>(`/protocols/${code}/draft/${path}`)).items
      expect(list).toEqual(before.document[kind])
      const model = { ...list[0], [key]: 'added', sources: undefined, locator: undefined }

      const added = await edit('POST', `/${path}`, model, revision)
      expect([kind, added.status, added.location]).toEqual([kind, 201, `/v1/protocols/${code}/draft/${path}/added`])
      const read = await clinic.get<Json>(`/protocols/${code}/draft/${path}/added`)
      expect(read.body).toEqual(added.body)

      const own: Partial<Record<EditableKind, object>> = {
        sources: { locator: 'page 8' },
        facts: { ask: 'Which?' },
        cases: { title: 'On the first day' },
      }
      const cited = own[kind] ?? { sources: ['ward'] }
      const changed = await edit('PATCH', `/${path}/added`, cited, revision + 1)
      expect([kind, changed.status, changed.body]).toEqual([kind, 200, { ...added.body, ...cited }])
      const replaced = await edit('PUT', `/${path}/added`, model, revision + 2)
      expect([kind, replaced.status, replaced.body]).toEqual([kind, 200, added.body])
      const removed = await edit('DELETE', `/${path}/added`, undefined, revision + 3)
      expect([kind, removed.status, removed.etag]).toEqual([kind, 204, `"${revision + 4}"`])
      revision += 4
      expect((await readDraft()).document).toEqual(before.document)
    }
  }, 60_000)

  test('that is not there is missed by its kind, with those that resemble it', async () => {
    const missing = { status: 404, code: 'PART_NOT_FOUND', nearest: ['hospital-discharge'] }
    const path = '/milestones/hospital-discharg'
    expect((await clinic.get(`/protocols/${code}/draft${path}`)).body).toMatchObject(missing)
    expect((await edit('PATCH', path, { title: 'x' }, 1)).body).toMatchObject(missing)
    expect((await edit('DELETE', path, undefined, 1)).body).toMatchObject(missing)
    expect((await edit('PUT', '/milestones/no', { code: 'no', title: 'x' }, 1)).body).toMatchObject({ nearest: [] })
  })

  test('is as it is stored in the answer, whatever was sent', async () => {
    const sent = { code: 'seen', title: ' Seen ', preOperative: false, grantedBy: ['surgeon'], sources: [] }
    const { body } = await edit('POST', '/milestones', sent, 1)
    expect(body).toEqual({ code: 'seen', title: 'Seen', grantedBy: ['surgeon'] })
  })

  test('cannot make the draft a document that could not be sent', async () => {
    const limits = Array.from({ length: 200 }, (_, index) => ({ code: `l-${index}`, quantity: 'q', max: 1 }))
    accepted(await edit('PUT', '', { ...everyFeature, code, limits, accepted: [] }, 1))
    const one = await edit<Problem>('POST', '/limits', { code: 'one-more', quantity: 'q', max: 1 }, 2)
    expect([one.status, pointersOf(one)]).toEqual([400, ['/limits']])
    expect(one.body.detail).toBe('`limits` must have at most 200 items')
  })

  test('that is named cannot be removed: every place that names it is told', async () => {
    const source = await edit<Problem>('DELETE', '/sources/ward', undefined, 1)
    expect([source.status, pointersOf(source)]).toEqual([
      422,
      [
        '/phases/0/sources/0',
        '/prescriptions/0/sources/1',
        '/contraindications/0/sources/0',
        '/instructions/0/sources/0',
      ],
    ])
    expect(pointersOf(await edit<Problem>('DELETE', '/facts/pain', undefined, 1))).toEqual([
      '/prescriptions/2/when',
      '/contraindications/0/when',
    ])
    expect((await readDraft()).revision).toBe(1)
  })

  test('of one editor is not lost to another, whichever route they take', async () => {
    const answers = await Promise.all([
      edit('PATCH', '', { title: 'Another title' }, 1),
      edit('PATCH', '/limits/lifted', { max: 5 }, 1),
      edit('PATCH', '/milestones/hospital-discharge', { code: 'went-home' }, 1),
      edit('PUT', '/phases/order', { codes: ['ward', 'home', 'training'] }, 1),
      edit('POST', '/facts', { code: 'sleep', title: 'Sleep', type: 'boolean', ask: 'Do you sleep well?' }, 1),
    ])
    const lost = answers.filter(({ status }) => status === 412)
    expect([answers.filter(({ status }) => status === 200 || status === 201).length, lost.length]).toEqual([1, 4])
    expect((await readDraft()).revision).toBe(2)
    const late = await edit('PATCH', '/limits/lifted', { max: 6 }, 1)
    expect([late.status, late.etag, late.body]).toEqual([412, '"2"', expect.objectContaining({ currentRevision: 2 })])
    expect(late.body.since).toMatchObject({ revision: 1, complete: true, changes: expect.any(Array) })
    const without = await clinic.send('PATCH', `/protocols/${code}/draft/limits/lifted`, '{"max":6}', {
      'content-type': 'application/merge-patch+json',
    })
    expect(without.status).toBe(428)
  })
})

test('nothing of a draft is edited while it is in review, whichever way', async () => {
  accepted(await edit('POST', '/submit', { changeNote: 'Ready' }, 1))
  const answers = [
    await edit<Problem>('PATCH', '', { title: 'x' }, 2),
    await edit<Problem>('PATCH', '/limits/lifted', { max: 1 }, 2),
    await edit<Problem>('PUT', '/phases/order', { codes: ['ward', 'home', 'training'] }, 2),
    await edit<Problem>('DELETE', '/red-flags/fever', undefined, 2),
  ]
  expect(answers.map(({ status, body }) => [status, body.code])).toEqual(answers.map(() => [409, 'IN_REVIEW']))
})

test('what the catalogue has made wrong keeps nobody from editing, and from starting again, but from publishing', async () => {
  const only = { code: 'only', title: 'Only one', kind: 'exercise', attributes: {}, groups: ['lonely'] }
  accepted(await clinic.post('/exercises', only))
  const rule = (name: string) => ({ code: name, group: 'lonely', from: 'home' })
  accepted(await edit('POST', '/prescriptions', rule('first'), 1))
  accepted(await edit('POST', '/prescriptions', rule('second'), 2))
  accepted(await edit('POST', '/publish', {}, 3))
  accepted(await clinic.post(`/protocols/${code}/draft`, {}))
  accepted(await clinic.delete('/exercises/only', '"1"'))

  accepted(await edit('PATCH', '', { description: 'Another' }, 5))
  accepted(await edit('PATCH', '/prescriptions/second', { rationale: 'It is kind.' }, 6))
  accepted(await edit('PATCH', '/prescriptions/second', { code: 'other' }, 7))
  const third = await edit<Problem>('POST', '/prescriptions', rule('third'), 8)
  expect([third.status, third.body.errors]).toMatchObject([422, [{ in: 'body', pointer: '/group' }]])
  const refused = await edit<Problem>('POST', '/publish', {}, 8)
  expect([refused.status, refused.body.errors]).toMatchObject([
    422,
    [3, 4].map((index) => ({ in: 'draft', pointer: `/prescriptions/${index}/group` })),
  ])
  accepted(await edit('DELETE', '/prescriptions/first', undefined, 8))
  const unsound = await edit<Problem>('DELETE', '/phases/home', undefined, 9)
  expect([unsound.status, unsound.body.errors?.[0]]).toMatchObject([
    422,
    { in: 'draft', pointer: '/prescriptions/1/from' },
  ])

  accepted(await edit('DELETE', '', undefined, 9))
  const again = accepted(await clinic.post<Version>(`/protocols/${code}/draft`, { from: 1 }))
  expect(accepted(await clinic.get('/exercises/only'))).toMatchObject(only)
  accepted(await edit('POST', '/publish', {}, again.revision))
  accepted(await clinic.patch('/exercises/only', { groups: [] }, '"1"'))
  accepted(await clinic.post(`/protocols/${code}/draft`, { from: 1 }))
})

describe('a merge patch', () => {
  test('changes what it names, removes what it names `null`, and leaves the rest', async () => {
    const before = everyFeature.contraindications[1]
    const patched = await edit('PATCH', '/contraindications/twisting', { title: 'Turning', except: null }, 1)
    const { except, ...rest } = before ?? {}
    expect(patched.body).toEqual({ ...rest, title: 'Turning' })
    const merged = await edit('PATCH', '/limits/lifted', { when: { days: { atLeast: 14 } } }, 2)
    expect(merged.body.when).toEqual({ days: { atLeast: 14, before: 56 } })
    const exchanged = await edit(
      'PATCH',
      '/limits/lifted',
      { when: { days: null, milestone: 'training-clearance' }, kind: null },
      3,
    )
    expect(exchanged.body.when).toEqual({ milestone: 'training-clearance' })
    expect(exchanged.body).not.toHaveProperty('kind')
    const instructed = await edit('PATCH', '/limits/driving', { value: null, max: 60, unit: 'min' }, 4)
    expect(instructed.body).toEqual({ ...everyFeature.limits[4], value: undefined, max: 60, unit: 'min' })
  })

  test('is judged with what it leaves: every mistake at once, in words for the one who sent it', async () => {
    const wrong = await edit<Problem>('PATCH', '/facts/pain', { title: null, max: -1, ask: null }, 1)
    expect([wrong.status, wrong.body.code, pointersOf(wrong)]).toEqual([400, 'VALIDATION_FAILED', ['/title', '/ask']])
    expect(wrong.body.detail).toBe('as the patch would leave the fact, `title` is required (and 1 more: see `errors`)')
    const below = await edit<Problem>('PATCH', '/facts/pain', { max: -1 }, 1)
    expect(pointersOf(below)).toEqual(['/max'])
    const unset = await edit<Problem>('PATCH', '/limits/lifted', { max: null }, 1)
    expect(pointersOf(unset)).toEqual(['/value'])
    expect(unset.body.detail).toMatch(/in a merge patch `null` leaves it out: to set it, replace the limit \(PUT\)$/)
    const typed = await edit<Problem>('PATCH', '/limits/lifted', { maximum: 3, max: 'x', when: 5 }, 1)
    expect(typed.body.errors).toEqual([
      { in: 'body', pointer: '/max', detail: 'must be a number and is a text' },
      { in: 'body', pointer: '/when', detail: 'must be an object and is a number' },
      { in: 'body', pointer: '/maximum', detail: 'is not a field here: did you mean `max`?' },
    ])
    const unknown = await edit<Problem>('PATCH', '/limits/lifted', { when: { days: { since: 'never' } } }, 1)
    expect([unknown.status, pointersOf(unknown)]).toEqual([422, ['/when']])
    expect((await edit('PATCH', '/limits/lifted', {}, 1)).status).toBe(400)
    expect((await edit('PATCH', '/limits/lifted', [], 1)).status).toBe(400)
    expect((await readDraft()).revision).toBe(1)
  })

  test('has a media type of its own', async () => {
    const headers = { 'if-match': '"1"' }
    for (const type of ['application/json', 'application/yaml', 'application/json-patch+json']) {
      const answer = await clinic.send('PATCH', `/protocols/${code}/draft/limits/lifted`, '{"max":1}', {
        ...headers,
        'content-type': type,
      })
      expect([type, answer.status]).toEqual([type, 415])
      expect(answer.headers.get('accept-patch')).toBe('application/merge-patch+json')
      expect(answer.body.detail).toContain('`application/merge-patch+json`')
    }
    expect((await edit('PATCH', '/limits/lifted', '{"max": 1, "max": 2}', 1)).body).toMatchObject({
      code: 'MALFORMED_JSON',
    })
  })

  test('of the draft itself changes its title, description, procedures and what is accepted', async () => {
    const patch = { title: 'Shorter', description: null, procedures: ['plif'], accepted: null }
    const patched = await edit<Version>('PATCH', '', patch, 1)
    const { description, accepted: _, ...rest } = everyFeature
    const before = await readDraft()
    expect(patched.body).toMatchObject({ revision: 2, title: 'Shorter', procedures: ['plif'] })
    expect(patched.body).toEqual(before)
    expect(patched.etag).toBe('"2"')
    expect(hashDocument({ ...before.document, exercises: [] })).toBe(
      hashDocument({
        ...accepted(await edit<Version>('PUT', '', { ...rest, code, title: 'Shorter', procedures: ['plif'] }, 2))
          .document,
        exercises: [],
      }),
    )
    const unknown = await edit<Problem>('PATCH', '', { procedures: ['plif', 'alfi'] }, 3)
    expect([unknown.status, pointersOf(unknown)]).toEqual([422, ['/procedures/1']])
    const twice = { accepted: [1, 2].map(() => ({ finding: 'gap:phases', reason: 'x' })) }
    expect(pointersOf(await edit<Problem>('PATCH', '', twice, 3))).toEqual(['/accepted'])
    expect(pointersOf(await edit<Problem>('PATCH', '', { title: null, phases: [] }, 3))).toEqual(['/phases'])
    expect((await edit<Problem>('PATCH', '', { title: null }, 3)).body.detail).toBe(
      'as the patch would leave the draft, `title` is required',
    )
  })
})

describe('the order of the phases', () => {
  const order = async () => (await readDraft()).document.phases.map((phase) => phase.code)

  test('is that of the list that is sent', async () => {
    accepted(await edit('PATCH', '/prescriptions/walks', { through: null }, 1))
    const moved = await edit<{ items: Json[] }>('PUT', '/phases/order', { codes: ['home', 'ward', 'training'] }, 2)
    expect([moved.status, moved.etag]).toEqual([200, '"3"'])
    expect(moved.body.items.map((phase) => phase.code)).toEqual(['home', 'ward', 'training'])
    expect(await order()).toEqual(['home', 'ward', 'training'])
  })

  test('names every phase once: what is missing, unknown or there twice is told at once', async () => {
    const wrong = await edit<Problem>('PUT', '/phases/order', { codes: ['ward', 'ward', 'trainin'] }, 1)
    expect(wrong.status).toBe(422)
    expect(wrong.body.errors).toEqual([
      { in: 'body', pointer: '/codes/1', detail: '`ward` is in the list already: name it once' },
      { in: 'body', pointer: '/codes/2', detail: 'the draft has no phase `trainin`: did you mean `training`?' },
      {
        in: 'body',
        pointer: '/codes',
        detail: 'must have every phase of the draft: `home` and `training` are missing',
      },
    ])
    const reversed = await edit<Problem>('PUT', '/phases/order', { codes: ['training', 'home', 'ward'] }, 1)
    expect([reversed.status, pointersOf(reversed)]).toEqual([422, ['/prescriptions/0', '/prescriptions/1']])
    expect(await order()).toEqual(['ward', 'home', 'training'])
  })

  test('takes a new phase where its author wants it', async () => {
    const phase = (name: string) => ({ code: name, title: name, entry: { days: { atLeast: 7 } } })
    accepted(await edit('POST', '/phases?before=ward', phase('arrival'), 1))
    accepted(await edit('POST', '/phases?after=home', phase('garden'), 2))
    accepted(await edit('POST', '/phases', phase('sport'), 3))
    expect(await order()).toEqual(['arrival', 'ward', 'home', 'garden', 'training', 'sport'])
    const unknown = await edit<Problem>('POST', '/phases?before=hom', phase('x'), 4)
    expect(unknown.body).toMatchObject({
      status: 422,
      code: 'UNKNOWN_REFERENCE',
      errors: [{ in: 'query', pointer: 'before' }],
    })
    expect(unknown.body.detail).toBe('the draft has no phase `hom`: did you mean `home`?')
    expect((await edit('POST', '/phases?before=home&after=ward', phase('x'), 4)).status).toBe(400)
  })
})

describe('a renaming', () => {
  test('renames every use, and says which', async () => {
    const renamed = await edit('PATCH', '/phases/home', { code: 'at-home' }, 1)
    expect(renamed.status).toBe(200)
    expect(renamed.headers.get('content-location')).toBe(`/v1/protocols/${code}/draft/phases/at-home`)
    expect(renamed.body).toEqual({
      ...everyFeature.phases[1],
      code: 'at-home',
      renamed: {
        from: 'home',
        to: 'at-home',
        uses: ['/prescriptions/1/from', '/instructions/1/when/phase/from'],
        consequences: [],
      },
    })
    const source = { id: 'own', title: 'Our own', url: 'https://example.org/' }
    const put = await edit('PUT', '/sources/handbook', source, 2)
    expect(put.body).toMatchObject({ ...source, renamed: { uses: expect.arrayContaining(['/redFlags/1/sources/0']) } })
    const { document } = await readDraft()
    expect(document.prescriptions[1]?.from).toBe('at-home')
    expect(document.prescriptions[0]?.sources).toEqual(['own', 'ward'])
    expect(JSON.stringify({ ...document, exercises: [], description: '' })).not.toMatch(/"(home|handbook)"/)
    expect((await clinic.get(`/protocols/${code}/draft/phases/home`)).status).toBe(404)
  })

  test('of a prescription that is called as a list is keeps what is accepted of its steps', async () => {
    const steps = [{ timesPerDay: 1 }, { when: { days: { before: -5 } }, timesPerDay: 2 }]
    const prescription = { code: 'limits', exercise: 'garden-walking', from: 'home', dosage: steps }
    accepted(await edit('POST', '/prescriptions', prescription, 1))
    const name = async () => {
      const { findings } = accepted(
        await clinic.post<{ findings: { name: string }[] }>(`/protocols/${code}/draft/check`, {}),
      )
      return findings.map((finding) => finding.name).filter((finding) => finding.includes('/dosage-2'))
    }
    const [finding = ''] = await name()
    expect(finding).toBe('rule-never-applies:limits/dosage-2')
    accepted(await edit('PATCH', '', { accepted: [{ finding, reason: 'Never mind' }] }, 2))
    const renamed = accepted(await edit('PATCH', '/prescriptions/limits', { code: 'strolling' }, 3))
    expect(renamed).toMatchObject({ renamed: { uses: ['/accepted/0/finding'] } })
    expect((await readDraft()).document.accepted).toMatchObject([{ finding: (await name())[0] }])
  })

  test('to a name that is taken is refused', async () => {
    for (const [path, body] of [
      ['/phases/home', { code: 'ward' }],
      ['/sources/handbook', { id: 'ward' }],
    ] as const) {
      const taken = await edit<Problem>('PATCH', path, body, 1)
      const pointer = `/${Object.keys(body)[0]}`
      expect([taken.status, taken.body.code, pointersOf(taken)]).toEqual([409, 'ALREADY_EXISTS', [pointer]])
    }
    expect((await edit('PATCH', '/milestones/brace-fitted', { code: 'surgery' }, 1)).status).toBe(400)
    expect((await readDraft()).revision).toBe(1)
  })

  test('of what patients’ records name says that they keep the old code', async () => {
    accepted(await edit('POST', '/publish', {}, 1))
    const { revision } = accepted(await clinic.post<Version>(`/protocols/${code}/draft`, {}))
    const milestone = await edit('PATCH', '/milestones/training-clearance', { code: 'cleared' }, revision)
    expect(milestone.body.renamed).toMatchObject({
      consequences: [
        { code: 'records-keep-the-old-code', text: expect.stringMatching(/`training-clearance`.*`cleared`/) },
      ],
    })
    const fact = await edit('PATCH', '/facts/pain', { code: 'pain-now' }, revision + 1)
    expect(fact.body.renamed).toMatchObject({ consequences: [{ code: 'records-keep-the-old-code' }] })
    const again = await edit('PATCH', '/milestones/cleared', { code: 'cleared-for-training' }, revision + 2)
    expect(again.body.renamed).toMatchObject({ from: 'cleared', consequences: [] })
    const limit = await edit('PATCH', '/limits/flexion', { code: 'bending' }, revision + 3)
    expect(limit.body.renamed).toMatchObject({ uses: [], consequences: [] })
  })
})

test('any edits of parts give the draft that the same edits of the document give', async () => {
  const anEdit = fc.record({
    what: fc.constantFrom('add', 'patch', 'rename', 'turn'),
    kind: fc.constantFrom(...kinds),
    nth: fc.nat(10),
  })
  const property = fc.asyncProperty(fc.array(anEdit, { minLength: 3, maxLength: 5 }), async (edits) => {
    count += 1
    code = `parts-${count}`
    let draft = await create(code)
    const twin = await create(`${code}-twin`)
    let byHand: ProtocolDocument = twin.document
    for (const [index, { what, kind, nth }] of edits.entries()) {
      const { path, key } = partKinds[kind]
      const parts = partsOf(draft.document, kind)
      const part = parts[nth % parts.length] ?? {}
      const name = nameOf(kind, part)
      const fresh = `fresh-${index}`
      const codes = draft.document.phases.map((phase) => phase.code)
      const answer = await {
        add: () => edit('POST', `/${path}`, { ...part, [key]: fresh }, draft.revision),
        patch: () =>
          edit('PATCH', `/${path}/${name}`, { [key === 'id' ? 'locator' : 'sources']: null }, draft.revision),
        rename: () => edit('PATCH', `/${path}/${name}`, { [key]: fresh }, draft.revision),
        turn: () => edit('PUT', '/phases/order', { codes: codes.toReversed() }, draft.revision),
      }[what]()
      if (answer.status >= 300)
        expect([what, answer.status]).toEqual([
          what,
          what === 'turn' ? 422 : kind === 'facts' || kind === 'cases' ? 400 : 0,
        ])
      draft = await readDraft(code)
      const { uses = [] } = (answer.body?.renamed ?? {}) as { uses?: string[] }
      byHand = byTheText(byHand, { what, kind, name, fresh, uses, isDone: answer.status < 300 })
      const headers = { 'if-match': '*' }
      const whole = await clinic.send<Version>('PUT', `/protocols/${code}-twin/draft`, byHand, headers)
      byHand = accepted(whole).document
      expect(hashDocument({ ...draft.document, code: byHand.code })).toBe(hashDocument(byHand))
    }
  })
  await fc.assert(property, { numRuns: 3 })
}, 60_000)

/** The edit in the text of the document. */
function byTheText(
  document: ProtocolDocument,
  edit: { what: string; kind: EditableKind; name: string; fresh: string; uses: string[]; isDone: boolean },
): ProtocolDocument {
  const { what, kind, name, fresh, uses, isDone } = edit
  const copy = structuredClone(document) as unknown as Record<EditableKind, Json[]>
  if (!isDone) return document
  const { key } = partKinds[kind]
  const part = copy[kind].find((one) => one[key] === name) ?? {}
  if (what === 'add') copy[kind].push({ ...part, [key]: fresh })
  if (what === 'patch') delete part[key === 'id' ? 'locator' : 'sources']
  if (what === 'turn') copy.phases.reverse()
  if (what === 'rename') {
    part[key] = fresh
    for (const pointer of uses) {
      const path = pointer.split('/').slice(1)
      const last = path.pop() ?? ''
      const holder = path.reduce<Json>((value, step) => value[step] as Json, copy as unknown as Json)
      holder[last] = String(holder[last]).replace(name, fresh)
    }
  }
  return copy as unknown as ProtocolDocument
}
