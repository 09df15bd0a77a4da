import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { protocol, publishedVersion, version, versionSummary } from '../../src/features/protocols/schemas.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import {
  accepted,
  addDays,
  everyFeature,
  everyFeatureYaml,
  openEpisode,
  startClinicWithLibrary,
} from './library-clinic.ts'
import { type Answer, type Client, type Page, type Problem, storeDraft } from './support.ts'

type Protocol = z.output<typeof protocol>
type PublishedVersion = z.output<typeof publishedVersion>
type Version = z.output<typeof version>
type VersionSummary = z.output<typeof versionSummary>

const clinic = await startClinicWithLibrary()
const other = await clinic.addLibraryClinic()

function yaml(client: Client, method: 'POST' | 'PUT', path: string, text: string, headers = {}) {
  return client.send<Version>(method, path, text, { 'content-type': 'application/yaml', ...headers })
}

function withoutExercises({ exercises: _, ...rules }: ProtocolDocument): Omit<ProtocolDocument, 'exercises'> {
  return rules
}

async function create(document: ProtocolDocument, client: Client = clinic): Promise<Version> {
  return accepted(await client.post<Version>('/protocols', document))
}

async function publish(code: string, client: Client = clinic, changeNote?: string): Promise<PublishedVersion> {
  const { etag } = await client.get(`/protocols/${code}/draft`)
  const body = changeNote === undefined ? {} : { changeNote }
  return accepted(
    await client.send<PublishedVersion>('POST', `/protocols/${code}/draft/publish`, body, { 'if-match': etag }),
  )
}

function textOf(
  code: string,
  number: number,
  format: 'json' | 'yaml',
  client: Client = clinic,
): Promise<Answer<never>> {
  return client.get(`/protocols/${code}/versions/${number}/document?format=${format}`)
}

/** Canonical JSON and its hash, as anybody could compute them. */
function hashOf(document: object): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((key) => [key, sorted(Reflect.get(value, key))]),
    )
  }
  return createHash('sha256')
    .update(JSON.stringify(sorted(document)))
    .digest('hex')
}

describe('a document', () => {
  test('becomes a draft that has everything the author wrote', async () => {
    const document = everyFeature('from-json')
    const answer = await clinic.post<Version>('/protocols', document)
    expect(answer.status).toBe(201)
    expect(answer.location).toBe('/v1/protocols/from-json/draft')
    expect(answer.etag).toBe('"1"')
    expect(answer.body).toMatchObject({ number: null, status: 'draft', contentHash: null, publishedAt: null })
    const [walks, rest, rowing] = document.prescriptions
    const { exercises, ...rules } = answer.body.document
    expect(rules).toEqual({
      ...withoutExercises(document),
      prescriptions: [
        { ...walks, side: 'both' },
        { ...rest, code: 'rest', supervision: 'supervised', side: 'both' },
        rowing,
      ],
    })
    // Those that it brings, and others of the catalogue that its contraindications are about.
    expect(exercises).toEqual(expect.arrayContaining([...document.exercises]))
    expect(exercises.map((exercise) => exercise.code)).toContain('collision-sport')
    expect((await clinic.get('/protocols/from-json/draft')).body).toEqual(answer.body)
    expect((await clinic.get<Protocol>('/protocols/from-json')).body).toMatchObject({
      code: 'from-json',
      library: null,
      latestVersion: null,
      hasDraft: true,
    })
  })

  test('says the same in YAML', async () => {
    const answer = await yaml(clinic, 'POST', '/protocols', everyFeatureYaml)
    expect(answer.status).toBe(201)
    const fromJson = await create(everyFeature('every-feature-json'))
    expect(answer.body.document).toEqual({ ...fromJson.document, code: 'every-feature' })
  })

  test('brings exercises along: they join the catalogue, once', async () => {
    await create(everyFeature('brings-exercises'))
    expect((await clinic.get('/exercises/rowing')).body).toMatchObject({ title: 'Rowing', groups: ['outdoors'] })
  })

  test('is stored whole or not at all', async () => {
    const document = {
      ...everyFeature('half-stored'),
      exercises: [{ code: 'handstand', title: 'Handstand', kind: 'exercise', attributes: {} }],
      prescriptions: [{ exercise: 'handstands', from: 'ward' }],
    }
    const { status, body } = await clinic.post<Problem>('/protocols', document)
    expect(status).toBe(422)
    expect(body.errors).toContainEqual({
      in: 'body',
      line: 1,
      column: expect.any(Number),
      pointer: '/prescriptions/0/exercise',
      detail:
        'names the exercise `handstands`, which does not exist: did you mean `handstand`? Otherwise bring it along in `exercises`, or create it under `/v1/exercises`',
    })
    expect((await clinic.get('/exercises/handstand')).status).toBe(404)
    expect((await clinic.get('/protocols/half-stored')).status).toBe(404)
  })

  test('may not call something else by the name of an exercise that the clinic has', async () => {
    const [first, ...rest] = everyFeature('renamed').exercises
    const document = {
      ...everyFeature('renamed'),
      exercises: [{ ...first, title: 'Lying down', equipment: [] }, ...rest],
    }
    const { status, body } = await clinic.post<Problem>('/protocols', document)
    expect(status).toBe(409)
    expect(body).toMatchObject({
      code: 'CONFLICT',
      errors: [
        {
          pointer: '/exercises/0',
          detail:
            'differs from the catalogue’s `sofa-sitting` in `title`, `equipment`: leave it out to use the catalogue’s, or change that one first',
        },
      ],
    })
    expect((await clinic.get('/protocols/renamed')).status).toBe(404)
  })

  test('has a code of its own, even when twenty bring it at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => clinic.post('/protocols', everyFeature('crowded'))),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)])
    const { body } = await clinic.post<Problem>('/protocols', everyFeature('crowded'))
    expect(body).toMatchObject({ code: 'ALREADY_EXISTS', errors: [{ pointer: '/code' }] })
  })
})

describe('an export', () => {
  const library = [
    'acdf-standard',
    'alif-standard',
    'llif-standard',
    'plif-standard',
    'lumbar-microdiscectomy-standard',
  ]

  beforeAll(async () => {
    const attributes = { impact: 3, lifting: 3, rotation: 3, 'lumbar-flexion': 3 }
    const more = { code: 'only-there', title: 'Known only there', kind: 'activity', attributes }
    accepted(await other.post('/exercises', more))
  })

  test.each([...library, 'exported'])('of %s can be imported again, in both formats', async (code) => {
    if (code === 'exported') await create(everyFeature(code)).then(() => publish(code))
    const original = accepted(await clinic.get<Version>(`/protocols/${code}/versions/1`))

    const json = await textOf(code, 1, 'json')
    expect(json.headers.get('content-type')).toMatch(/^application\/json/)
    expect(json.headers.get('content-disposition')).toBe(`inline; filename="${code}-1.json"`)
    const asYaml = await textOf(code, 1, 'yaml')
    expect(asYaml.headers.get('content-type')).toBe('application/yaml; charset=utf-8')
    expect(asYaml.headers.get('content-disposition')).toBe(`inline; filename="${code}-1.yaml"`)
    const exported = JSON.parse(json.text)
    expect(withoutExercises(exported)).toEqual(withoutExercises(original.document))
    expect(original.document.exercises).toEqual(expect.arrayContaining(exported.exercises))
    expect(original.contentHash).toBe(hashOf(exported))

    // Here, as JSON; and, as YAML, in a clinic whose catalogue has more that the contraindications are about.
    for (const [client, send] of [
      [clinic, (path: string, headers: object) => clinic.send('PUT', path, exported, { ...headers })],
      [other, (path: string, headers: object) => yaml(other, 'PUT', path, asYaml.text, headers)],
    ] as const) {
      const isNew = (await client.get(`/protocols/${code}`)).status === 404
      if (isNew) await create({ ...exported, title: 'Something else', limits: [] }, client)
      accepted(await send(`/protocols/${code}/draft`, isNew ? { 'if-match': '*' } : {}))
      const again = await publish(code, client)
      expect(again.contentHash).toBe(original.contentHash)
      expect((await textOf(code, again.number ?? 0, 'json', client)).text).toBe(json.text)
      expect((await textOf(code, again.number ?? 0, 'yaml', client)).text).toBe(asYaml.text)
    }
  })

  test('has a hash that anybody can compute, equal for equal content', async () => {
    await create(everyFeature('hashed'))
    const first = await publish('hashed')
    const exported = await textOf('hashed', 1, 'json')
    expect(first.contentHash).toBe(hashOf(JSON.parse(exported.text)))

    accepted(await clinic.post('/protocols/hashed/draft', {}))
    expect((await publish('hashed')).contentHash).toBe(first.contentHash)

    const reordered = Object.fromEntries(Object.entries(everyFeature('hashed')).reverse())
    accepted(await clinic.put('/protocols/hashed/draft', reordered))
    expect((await publish('hashed')).contentHash).toBe(first.contentHash)

    accepted(await clinic.put('/protocols/hashed/draft', { ...everyFeature('hashed'), title: 'Another title' }))
    expect((await publish('hashed')).contentHash).not.toBe(first.contentHash)
  })

  test('of the library is the same in every clinic', async () => {
    for (const code of library) {
      const here = accepted(await clinic.get<Version>(`/protocols/${code}/versions/1`))
      const there = accepted(await other.get<Version>(`/protocols/${code}/versions/1`))
      expect(there.document).toEqual(here.document)
      expect(there.contentHash).toBe(here.contentHash)
      expect((await other.get<Protocol>(`/protocols/${code}`)).body.library).toEqual(
        (await clinic.get<Protocol>(`/protocols/${code}`)).body.library,
      )
    }
  })

  test('of an unknown format or version says so', async () => {
    expect((await clinic.get('/protocols/acdf-standard/versions/1/document?format=xml')).status).toBe(400)
    const { status, body } = await clinic.get<Problem>('/protocols/acdf-standard/versions/7/document')
    expect(status).toBe(404)
    expect(body).toMatchObject({
      code: 'VERSION_NOT_FOUND',
      detail: '`acdf-standard` has no version 7: the newest is 2',
    })
    expect((await clinic.get('/protocols/acdf-standard/versions/0')).status).toBe(400)
    expect((await clinic.get('/protocols/acdf-standard/versions/1.0')).status).toBe(400)
    expect((await clinic.get('/protocols/acdf-standard/versions/999999999')).status).toBe(404)
  })
})

describe('lists', () => {
  test('go through all protocols by code, page by page', async () => {
    const small = await clinic.addClinic()
    const store = (code: string, procedures: string[]) =>
      storeDraft({ db: clinic.db, clinicId: small.clinicId }, { code, procedures })
    for (const code of ['plif-standard', 'zz', 'm-1', 'm-10', 'a']) await store(code, ['plif'])
    for (const code of ['acdf-standard', 'm-2']) await store(code, ['acdf'])
    const codesOf = async (query: string) =>
      (await small.pages<Protocol>(`/protocols?${query}`)).map((page) => page.map(({ code }) => code))
    expect(await codesOf('limit=3')).toEqual([['a', 'acdf-standard', 'm-1'], ['m-10', 'm-2', 'plif-standard'], ['zz']])
    expect(await codesOf('limit=2&procedure=plif')).toEqual([['a', 'm-1'], ['m-10', 'plif-standard'], ['zz']])
    expect((await small.get('/protocols?cursor=abc')).status).toBe(400)
  })

  test('go through a protocol’s versions, newest first, without the draft', async () => {
    await create(everyFeature('versioned'))
    for (const note of ['one', 'two', 'three', 'four', 'five']) {
      await publish('versioned', clinic, note)
      accepted(await clinic.post('/protocols/versioned/draft', {}))
    }
    const pages = await clinic.pages<VersionSummary>('/protocols/versioned/versions?limit=2')
    expect(pages.map((page) => page.map(({ number, changeNote }) => [number, changeNote]))).toEqual([
      [
        [5, 'five'],
        [4, 'four'],
      ],
      [
        [3, 'three'],
        [2, 'two'],
      ],
      [[1, 'one']],
    ])
  })

  test('say what is near when a code is not there', async () => {
    const { status, body } = await clinic.get<Problem>('/protocols/acdf-standart')
    expect(status).toBe(404)
    expect(body).toMatchObject({
      code: 'PROTOCOL_NOT_FOUND',
      nearest: ['acdf-standard', 'alif-standard', 'llif-standard'],
    })
  })
})

describe('a published version', () => {
  test('does not change when the catalogue does, and neither do answers that rest on it', async () => {
    const client = other
    await create(everyFeature('frozen'), client)
    const { warnings: _, ...before } = await publish('frozen', client)
    const surgeryDate = addDays(Temporal.Now.plainDateISO().toString(), -60)
    const protocols = [{ code: 'frozen' }]
    const episode = await openEpisode(client, { procedures: ['plif'], surgeryDate, protocols })
    const ask = () => client.get(`/episodes/${episode}/permitted-exercises?on=${addDays(surgeryDate, 50)}`)
    const answer = await ask()

    for (const code of ['garden-walking', 'sofa-sitting', 'rowing']) {
      const { etag } = await client.get(`/exercises/${code}`)
      const groups = code === 'rowing' ? ['outdoors'] : []
      const change = { title: `No longer ${code}`, groups, attributes: { impact: 3, rotation: 3 } }
      accepted(await client.patch(`/exercises/${code}`, change, etag))
    }
    accepted(
      await client.post('/exercises', {
        code: 'bench',
        title: 'Bench',
        kind: 'exercise',
        groups: ['rest'],
        attributes: {},
      }),
    )
    expect(accepted(await client.get<Version>('/protocols/frozen/versions/1'))).toEqual(before)
    expect((await ask()).text).toBe(answer.text)

    // A new draft takes the catalogue as it is now, and so the document that brings the old entries is refused.
    const exported = JSON.parse((await textOf('frozen', 1, 'json', client)).text)
    const { status, body } = await client.post<Problem>('/protocols', { ...exported, code: 'frozen-again' })
    expect(status).toBe(409)
    const refused = body.errors?.map(({ detail }) => /catalogue’s `([^`]*)`/.exec(detail)?.[1])
    expect(refused).toEqual(['garden-walking', 'rowing', 'sofa-sitting'])
    const draft = accepted(await client.post<Version>('/protocols/frozen/draft', {}))
    const titles = new Map(draft.document.exercises.map(({ code, title }) => [code, title]))
    expect(titles.get('bench')).toBe('Bench')
    expect(titles.get('rowing')).toBe('No longer rowing')
  })

  test('is given the next number, with a note, by the key that publishes it', async () => {
    await create(everyFeature('numbered'))
    const first = await publish('numbered', clinic, 'the first\nof many')
    expect(first).toMatchObject({ number: 1, status: 'published', changeNote: 'the first\nof many', retiredAt: null })
    expect((await clinic.get('/protocols/numbered/draft')).body).toMatchObject({ code: 'DRAFT_NOT_FOUND' })
    const again = await clinic.send<Problem>('POST', '/protocols/numbered/draft/publish', {}, { 'if-match': '"1"' })
    expect(again.body).toMatchObject({ status: 404, code: 'DRAFT_NOT_FOUND' })
    const draft = accepted(
      await clinic.put<Version>('/protocols/numbered/draft', { ...everyFeature('numbered'), title: 'New' }),
    )
    expect(draft).toMatchObject({ number: null, status: 'draft', title: 'New', revision: 3 })
    expect((await clinic.get<Protocol>('/protocols/numbered')).body.title).toBe(everyFeature('numbered').title)
    expect(await publish('numbered')).toMatchObject({ number: 2, title: 'New', changeNote: null })
    expect((await clinic.get<Protocol>('/protocols/numbered')).body).toMatchObject({ title: 'New', latestVersion: 2 })
  })

  test('needs a phase', async () => {
    const bare = { format: 1, code: 'bare', title: 'Bare', procedures: ['plif'] }
    await create(bare as unknown as ProtocolDocument)
    const { status, body } = await clinic.send<Problem>(
      'POST',
      '/protocols/bare/draft/publish',
      {},
      { 'if-match': '"1"' },
    )
    expect(status).toBe(422)
    expect(body).toMatchObject({ code: 'DOCUMENT_INVALID', errors: [{ pointer: '/phases' }] })
  })

  test('is retired once, with its ETag, and stays readable', async () => {
    await create(everyFeature('retiring'))
    const { revision } = await publish('retiring')
    const retire = (etag?: string) =>
      clinic.send<Version>('POST', '/protocols/retiring/versions/1/retire', {}, etag ? { 'if-match': etag } : {})
    expect((await retire()).status).toBe(428)
    expect((await retire('"99"')).status).toBe(412)
    const retired = await retire(`"${revision}"`)
    expect(retired.body).toMatchObject({ number: 1, status: 'retired', retiredAt: expect.any(String) })
    expect(retired.etag).toBe(`"${revision + 1}"`)
    expect((await retire(retired.etag)).body).toMatchObject({ status: 409, code: 'VERSION_NOT_PUBLISHED' })
    expect((await textOf('retiring', 1, 'yaml')).status).toBe(200)
    expect(accepted(await clinic.post<Version>('/protocols/retiring/draft', { from: 1 })).document.title).toBe(
      everyFeature('retiring').title,
    )
  })

  test('keeps its protocol from being deleted; without one, the protocol goes with its draft', async () => {
    await create(everyFeature('deletable'))
    expect((await clinic.delete('/protocols/deletable', '*')).status).toBe(204)
    expect((await clinic.get('/protocols/deletable')).status).toBe(404)
    expect((await clinic.delete('/protocols/deletable')).status).toBe(404)

    await create(everyFeature('deletable'))
    accepted(await clinic.delete('/protocols/deletable/draft', '*'))
    const attempts = Array.from({ length: 6 }, () => clinic.delete<Problem>('/protocols/deletable', '*'))
    const deletions = await Promise.all(attempts)
    const outcomes = deletions.map(({ status, body }) => (status === 404 ? body.code : status))
    expect(outcomes.sort()).toEqual([204, ...Array(5).fill('PROTOCOL_NOT_FOUND')])
    await create(everyFeature('deletable'))
    await publish('deletable')
    const { status, body } = await clinic.delete<Problem>('/protocols/deletable')
    expect(status).toBe(409)
    expect(body).toMatchObject({
      code: 'IN_USE',
      detail: '`deletable` has published versions, which stay readable: retire them instead',
    })
    expect((await clinic.get('/protocols/deletable/versions/1')).status).toBe(200)
  })

  test('is published once when ten publish the draft at the same time', async () => {
    await create(everyFeature('raced'))
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        clinic.send('POST', '/protocols/raced/draft/publish', {}, { 'if-match': '"1"' }),
      ),
    )
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses.filter((status) => status === 201)).toHaveLength(1)
    expect(statuses.every((status) => [201, 404, 412].includes(status))).toBe(true)
    expect((await clinic.get<Page<VersionSummary>>('/protocols/raced/versions')).body.items).toHaveLength(1)
  })
})

describe('a mistake', () => {
  const wrong = (change: object): object => everyFeature('wrong', change)

  test('is reported with all others at once, each at its place', async () => {
    const { exercises, phases } = everyFeature('wrong')
    const document = wrong({
      procedures: ['plif', 'plfi'],
      exercises: [
        ...exercises,
        { code: 'hop', title: 'Hop', kind: 'exercise', attributes: { impct: 1 } },
        exercises[0],
      ],
      phases: [
        ...phases,
        { code: 'later', title: 'Later', entry: { all: [{ phase: { from: 'home' } }] }, sources: ['wrad'] },
      ],
      prescriptions: [
        { exercise: 'garden-walkin', from: 'wrad', through: 'training' },
        { group: 'outdoor', from: 'training', through: 'ward', when: { fact: 'pian', atLeast: 1 } },
        {
          exercise: 'rowing',
          from: 'ward',
          dosage: [{ reps: 1 }, { when: { milestone: 'hospital-discharg' }, reps: 2 }],
        },
      ],
      contraindications: [
        {
          code: 'twice',
          title: 'Once',
          strength: 'absolute',
          target: [{ exercise: 'rowin' }, { attributes: { rotaton: 2 } }],
          when: { days: { since: 'brace', atLeast: 7, before: 7 } },
        },
        { code: 'twice', title: 'Twice', strength: 'caution', target: [{ group: 'resst' }], sources: ['hand-book'] },
      ],
      instructions: [{ code: 'i', about: 'i', text: 'i', when: { fact: 'smoker', above: 1 } }],
      limits: [{ code: 'l', quantity: 'l', max: 1, when: { fact: 'approach', is: 'posterior' } }],
      redFlags: [],
    })
    const { status, body } = await clinic.post<Problem>('/protocols', document)
    expect(status).toBe(422)
    expect(body.code).toBe('DOCUMENT_INVALID')
    expect(body.detail).toBe(`the protocol document has to be corrected in ${body.errors?.length} places`)
    const found = Object.fromEntries((body.errors ?? []).map(({ pointer, detail }) => [pointer, detail.split(':')[0]]))
    expect(found).toEqual({
      '/exercises/4': 'has the name `sofa-sitting`, which an earlier one has already',
      '/contraindications/1': 'has the name `twice`, which an earlier one has already',
      '/procedures/1': 'names the procedure `plfi`, which does not exist',
      '/exercises/3/attributes/impct': 'names the attribute `impct`, which does not exist',
      '/phases/3/entry': 'asks about the phase in a phase’s own entry',
      '/phases/3/sources/0': 'names the source `wrad`, which does not exist',
      '/prescriptions/0/exercise': 'names the exercise `garden-walkin`, which does not exist',
      '/prescriptions/0/from': 'names the phase `wrad`, which does not exist',
      '/prescriptions/1/group': 'names the group `outdoor`, which does not exist',
      '/prescriptions/1': 'goes from `training` through `ward`, which comes earlier',
      '/prescriptions/1/when': 'names the fact `pian`, which does not exist',
      '/prescriptions/2/dosage/1/when': 'names the milestone `hospital-discharg`, which does not exist',
      '/contraindications/0/target/0/exercise': 'names the exercise `rowin`, which does not exist',
      '/contraindications/0/target/1/attributes/rotaton': 'names the attribute `rotaton`, which does not exist',
      '/contraindications/0/when': 'can never be true',
      '/contraindications/1/target/0/group': 'names the group `resst`, which does not exist',
      '/contraindications/1/sources/0': 'names the source `hand-book`, which does not exist',
      '/instructions/0/when': 'compares `smoker` with `above`, which no value of its type, boolean, can meet',
      '/limits/0/when': 'compares `approach` with `is`, which no value of its type, choice, can meet',
    })
    const hints = (body.errors ?? []).map(({ detail }) => /did you mean ([^?]*)\?/.exec(detail)?.[1])
    for (const name of [
      'plif',
      'impact',
      'ward',
      'garden-walking',
      'outdoors',
      'pain',
      'hospital-discharge',
      'rotation',
    ]) {
      expect(hints.some((hint) => hint?.includes(`\`${name}\``))).toBe(true)
    }
    expect((await clinic.get('/protocols/wrong')).status).toBe(404)
    expect((await clinic.get('/exercises/hop')).status).toBe(404)
  })

  const malformed: [what: string, change: object, pointer: string, says: string][] = [
    ['an unknown field', { phasez: [] }, '/phasez', 'did you mean `phases` or `cases`?'],
    ['another format', { format: 2 }, '/format', 'must be 1'],
    ['no procedure', { procedures: [] }, '/procedures', 'must not be empty'],
    ['a code in capitals', { code: 'Wrong' }, '/code', 'lower-case words'],
    [
      'an unknown form of condition',
      { instructions: [{ code: 'i', about: 'i', text: 'i', when: { day: 3 } }] },
      '/instructions/0/when/day',
      'did you mean `days`',
    ],
    [
      'a condition of two forms',
      { instructions: [{ code: 'i', about: 'i', text: 'i', when: { milestone: 'm', days: { atLeast: 1 } } }] },
      '/instructions/0/when',
      '',
    ],
    [
      'a condition without content',
      { instructions: [{ code: 'i', about: 'i', text: 'i', when: {} }] },
      '/instructions/0/when',
      'forms',
    ],
    [
      'a condition that is a text',
      { instructions: [{ code: 'i', about: 'i', text: 'i', when: 'day 3' }] },
      '/instructions/0/when',
      'must be an object',
    ],
    [
      'days without a bound',
      { instructions: [{ code: 'i', about: 'i', text: 'i', when: { days: {} } }] },
      '/instructions/0/when/days',
      '`atLeast`, `before` or both',
    ],
    [
      'days with a fraction',
      { instructions: [{ code: 'i', about: 'i', text: 'i', when: { days: { atLeast: 1.5 } } }] },
      '/instructions/0/when/days/atLeast',
      'whole number',
    ],
    [
      'a fact without a test',
      { instructions: [{ code: 'i', about: 'i', text: 'i', when: { fact: 'pain', withinDays: 3 } }] },
      '/instructions/0/when',
      'must compare the fact',
    ],
    [
      'an empty `all`',
      { instructions: [{ code: 'i', about: 'i', text: 'i', when: { all: [] } }] },
      '/instructions/0/when/all',
      'must not be empty',
    ],
    [
      'a mistake deep inside',
      {
        instructions: [
          { code: 'i', about: 'i', text: 'i', when: { all: [{ not: { any: [{ days: { atleast: 3 } }] } }] } },
        ],
      },
      '/instructions/0/when/all/0/not/any/0/days',
      'did you mean `atLeast`?',
    ],
    [
      'exercise and group',
      { prescriptions: [{ exercise: 'rowing', group: 'rest', from: 'ward' }] },
      '/prescriptions/0/exercise',
      'either an `exercise` or a `group`',
    ],
    [
      'neither of them',
      { prescriptions: [{ from: 'ward' }] },
      '/prescriptions/0/exercise',
      'either an `exercise` or a `group`',
    ],
    [
      'an empty target',
      { contraindications: [{ code: 'c', title: 'c', strength: 'absolute', target: [{ attributes: {} }] }] },
      '/contraindications/0/target/0',
      'must name',
    ],
    [
      'a grade of 0 in a target',
      { contraindications: [{ code: 'c', title: 'c', strength: 'absolute', target: [{ attributes: { impact: 0 } }] }] },
      '/contraindications/0/target/0/attributes/impact',
      'must be one of `1`, `2` or `3`',
    ],
    [
      'a grade of 4',
      { exercises: [{ code: 'e', title: 'e', kind: 'exercise', attributes: { impact: 4 } }] },
      '/exercises/0/attributes/impact',
      '',
    ],
    ['a limit without a number', { limits: [{ code: 'l', quantity: 'l' }] }, '/limits/0/value', 'must be `null`'],
    [
      'a limit with both',
      { limits: [{ code: 'l', quantity: 'l', max: 1, value: null }] },
      '/limits/0/value',
      'left out otherwise',
    ],
    [
      'a limit upside down',
      { limits: [{ code: 'l', quantity: 'l', max: 1, min: 2 }] },
      '/limits/0/max',
      'must not be below `min`',
    ],
    [
      'a choice without choices',
      { facts: [{ code: 'f', title: 'f', type: 'choice', ask: '?' }] },
      '/facts/0/values',
      'only a choice',
    ],
    [
      'a milestone called surgery',
      { milestones: [{ code: 'surgery', title: 'Surgery' }] },
      '/milestones/0/code',
      'leave `since` out',
    ],
    [
      'a source that is no web address',
      { sources: [{ id: 's', title: 's', url: 'javascript:alert(1)' }] },
      '/sources/0/url',
      'http or https',
    ],
    [
      'a web address with a second `#`',
      { sources: [{ id: 's', title: 's', url: 'https://example.org/a#b#c' }] },
      '/sources/0/url',
      'percent-encoded',
    ],
    [
      'a web address with a space',
      { sources: [{ id: 's', title: 's', url: 'https://example.org/a b' }] },
      '/sources/0/url',
      'percent-encoded',
    ],
    [
      'two conditions in one',
      { phases: [{ code: 'ward', title: 'Ward', entry: { days: { atLeast: 42 }, milestone: 'home' } }] },
      '/phases/0/entry',
      'is `days` and `milestone`: write `all: […]` or `any: […]` round them',
    ],
    ['a NUL byte', { title: 'a\0b' }, '/title', 'NUL'],
    ['an empty title', { title: '  ' }, '/title', 'must not be empty'],
  ]

  test.each(malformed)('%s is a 400 that names the place', async (_what, change, pointer, says) => {
    const { status, body } = await clinic.post<Problem>('/protocols', wrong(change))
    expect(status).toBe(400)
    const places = (body.errors ?? []).filter((error) => error.pointer.startsWith(pointer))
    expect(places.map(({ detail }) => detail).join('; ')).toContain(says)
    // Besides, the rules name what the list had that was replaced.
    const others = (body.errors ?? []).filter((error) => !error.pointer.startsWith(pointer))
    expect(others.filter(({ detail }) => !detail.startsWith('names the '))).toEqual([])
  })

  test('in YAML is found by line and column', async () => {
    const broken: [text: string, line: number, column: number][] = [
      ['format: 1\ncode: [a\ntitle: b\n', 3, 1],
      ['format: 1\ncode: a\ncode: b\n', 3, 1],
      ['format: 1\n\tcode: a\n', 2, 1],
      ['format: 1\nphases:\n  - { title: a, "title": b }\n', 3, 17],
      ['format: 1\n? [a, b]\n: 1\n', 2, 3],
      ['format: 1\n---\nformat: 1\n', 2, 1],
    ]
    for (const [text, line, column] of broken) {
      const { status, body } = await yaml(clinic, 'POST', '/protocols', text)
      expect(body).toMatchObject({ status: 400, code: 'MALFORMED_DOCUMENT', line, column })
      expect(String(Reflect.get(body, 'detail'))).toContain(`line ${line}, column ${column}: `)
      expect(status).toBe(400)
    }
  })

  test('in YAML that is more than JSON is refused, and quickly', async () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0
        ? 'a0: &a0 [x, x, x, x, x, x, x, x, x]'
        : `a${level}: &a${level} [${Array(9)
            .fill(`*a${level - 1}`)
            .join(', ')}]`,
    )
    const hostile = [
      levels.join('\n'),
      '['.repeat(500_000),
      '{a: '.repeat(200_000),
      Array.from({ length: 20_000 }, (_, index) => `a${index}: 1`).join('\n'),
      Array.from({ length: 5000 }, (_, index) => `a${index}: &a${index} x\nb${index}: *a${index}`).join('\n'),
      `code: *nobody\n`,
      `${'['.repeat(150)}${']'.repeat(150)}`,
      `${'- '.repeat(3000)}x`,
      `a: &a [*a]`,
      `? [a, b]\n: 1\n`,
      `format: .nan\ncode: .inf\n`,
      '',
      '# nothing\n',
      'null',
      'just text',
      `title: "a\\0b"`,
      `"__proto__": { polluted: true }\nformat: 1\n`,
      '<<: { format: 1 }\n',
      `a: ${'x'.repeat(900_000)}\n`,
      `a: [${'x,'.repeat(400_000)}]`,
      '&a '.repeat(300_000),
      'format: 1\n---\nformat: 1\n',
      'format: !!js/function "1"\n',
    ]
    for (const text of hostile) {
      const started = Date.now()
      const { status, body } = await yaml(clinic, 'POST', '/protocols', text)
      expect([status, text.slice(0, 40)]).toEqual([400, text.slice(0, 40)])
      expect(['MALFORMED_DOCUMENT', 'VALIDATION_FAILED']).toContain(Reflect.get(body, 'code'))
      expect(Date.now() - started).toBeLessThan(5000)
    }
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
    expect((await clinic.get('/protocols')).status).toBe(200)
  }, 30_000)

  test('in the envelope: not JSON, too large, of another type, not UTF-8', async () => {
    const post = (body: string | Uint8Array, headers = {}) => clinic.send<Problem>('POST', '/protocols', body, headers)
    expect((await post('{"format": 1,')).body).toMatchObject({ status: 400, code: 'MALFORMED_JSON' })
    expect((await post('{"format": 1, "format": 1}')).body).toMatchObject({ status: 400, code: 'MALFORMED_JSON' })
    expect((await post('['.repeat(5000))).body).toMatchObject({ status: 400, code: 'MALFORMED_JSON' })
    expect((await post(' '.repeat(2 * 1024 * 1024))).body).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' })
    const large = { 'content-type': 'application/yaml' }
    expect((await post('#'.repeat(2 * 1024 * 1024), large)).body).toMatchObject({ status: 413 })
    expect((await post('format: 1', { 'content-type': 'text/plain' })).body).toMatchObject({ status: 415 })
    const latin = new Uint8Array([0x74, 0x3a, 0x20, 0xe9])
    expect((await post(latin, large)).body).toMatchObject({ status: 400, code: 'MALFORMED_DOCUMENT' })
  })
})

describe('SQL through the service’s role', () => {
  const parts = [
    'version_exercise',
    'source',
    'milestone',
    'fact',
    'phase',
    'prescription',
    'contraindication',
    'instruction',
    'protocol_limit',
    'red_flag',
  ]

  /** What PostgreSQL says to a statement in a transaction of the clinic, which is rolled back. */
  async function attempt(statement: string): Promise<string> {
    const client = await clinic.db.pool.connect()
    try {
      await client.query('BEGIN')
      await client.query(`SELECT set_config('app.clinic_id', $1, true)`, [clinic.clinicId])
      const { rowCount } = await client.query(statement)
      return `${rowCount} rows`
    } catch (error) {
      return String(Reflect.get(error as object, 'code'))
    } finally {
      await client.query('ROLLBACK')
      client.release()
    }
  }

  const restricted = '23001'
  const notAllowed = '42501'

  let published = ''
  let draft = ''
  beforeAll(async () => {
    await create(everyFeature('sql-published'))
    published = (await publish('sql-published')).id
    draft = (await create(everyFeature('sql-draft'))).id
  })

  test.each(parts)('cannot change, add or take away a row of %s', async (table) => {
    const own = `version_id = '${published}'`
    const copy = `(jsonb_populate_record(t, '{"code": "smuggled"}')).* FROM ${table} t WHERE ${own} LIMIT 1`
    expect(await attempt(`UPDATE ${table} SET code = code || 'x' WHERE ${own}`)).toBe(restricted)
    expect(await attempt(`UPDATE ${table} SET version_id = '${draft}' WHERE ${own}`)).toBe(restricted)
    expect(await attempt(`DELETE FROM ${table} WHERE ${own}`)).toBe(restricted)
    expect(await attempt(`INSERT INTO ${table} SELECT ${copy}`)).toBe(restricted)
    expect(await attempt(`TRUNCATE ${table}`)).toBe(notAllowed)
    expect(await attempt(`ALTER TABLE ${table} DISABLE TRIGGER draft_only`)).toBe(notAllowed)
    // A draft's rows are free, but not to join the published version. A draft has no exercises of its own.
    if (table === 'version_exercise') return
    expect(await attempt(`DELETE FROM ${table} WHERE version_id = '${draft}'`)).toMatch(/^[1-9]\d* rows$/)
    expect(await attempt(`UPDATE ${table} SET ${own} WHERE version_id = '${draft}'`)).toBe(restricted)
  })

  test('cannot change or take away a version', async () => {
    const own = `id = '${published}'`
    const set = (change: string) => attempt(`UPDATE protocol_version SET ${change} WHERE ${own}`)
    for (const change of [
      `title = 'x'`,
      `description = 'x'`,
      `procedures = '{acdf}'`,
      `number = 7`,
      `content_hash = 'x'`,
      `change_note = 'x'`,
      `published_at = now()`,
      `published_by = gen_random_uuid()`,
      `created_at = now()`,
      `id = gen_random_uuid()`,
      `protocol_id = (SELECT id FROM protocol WHERE code = 'acdf-standard')`,
      `status = 'draft', number = NULL, published_at = NULL, content_hash = NULL`,
      `status = 'retired', retired_at = now(), title = 'x'`,
    ]) {
      expect([change, await set(change)]).toEqual([change, restricted])
    }
    expect(await attempt(`DELETE FROM protocol_version WHERE ${own}`)).toBe(restricted)
    expect(await attempt(`DELETE FROM protocol WHERE code = 'sql-published'`)).toBe(restricted)
    expect(await attempt(`UPDATE protocol SET id = gen_random_uuid() WHERE code = 'sql-published'`)).toBe(notAllowed)
    // The code is in every published document.
    expect(await attempt(`UPDATE protocol SET code = 'x' WHERE code = 'sql-published'`)).toBe(notAllowed)
    expect(await attempt('TRUNCATE protocol_version CASCADE')).toBe(notAllowed)
    // Not from the start, either: a version begins as a draft.
    expect(await attempt(`INSERT INTO protocol_version SELECT * FROM protocol_version WHERE ${own}`)).toBe(restricted)
    expect(
      await attempt(
        `INSERT INTO protocol_version SELECT (jsonb_populate_record(v, jsonb_build_object('id', gen_random_uuid(), 'number', 7))).* FROM protocol_version v WHERE ${own}`,
      ),
    ).toBe(restricted)
    expect(await set(`status = 'retired', retired_at = now()`)).toBe('1 rows')
    expect(await attempt('SET session_replication_role = replica')).toBe(notAllowed)
  })

  test('cannot change or take away a record entry', async () => {
    const surgeryDate = addDays(Temporal.Now.plainDateISO().toString(), -10)
    const episode = await openEpisode(clinic, { procedures: ['acdf'], surgeryDate })
    const own = `episode_id = '${episode}'`
    expect(await attempt(`UPDATE record_entry SET payload = '{}' WHERE ${own}`)).toBe(notAllowed)
    expect(await attempt(`DELETE FROM record_entry WHERE ${own}`)).toBe(notAllowed)
    expect(await attempt('TRUNCATE record_entry')).toBe(notAllowed)
    expect(await attempt('ALTER TABLE record_entry DISABLE TRIGGER append_only')).toBe(notAllowed)
    expect(await attempt(`INSERT INTO record_entry SELECT * FROM record_entry WHERE ${own}`)).toBe(restricted)
    expect(
      await attempt(
        `INSERT INTO record_entry SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid()))).* FROM record_entry e WHERE ${own}`,
      ),
    ).toBe(restricted)
    // An entry of another time would change what was answered since.
    const backDated = `jsonb_build_object('id', gen_random_uuid(), 'revision', 3, 'recorded_at', e.recorded_at - interval '1 minute')`
    expect(
      await attempt(
        `INSERT INTO record_entry SELECT (jsonb_populate_record(e, ${backDated})).* FROM record_entry e WHERE ${own} AND e.revision = 2`,
      ),
    ).toBe(restricted)
    // Not by way of the rows that it hangs on, either.
    expect(await attempt(`UPDATE episode SET id = gen_random_uuid() WHERE id = '${episode}'`)).toBe(restricted)
    expect(await attempt(`DELETE FROM episode WHERE id = '${episode}'`)).toBe(notAllowed)
  })
})
