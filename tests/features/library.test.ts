import { randomUUIDv7 } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import type { z } from 'zod'
import { createClinic } from '../../src/features/clinics/create-clinic.ts'
import { readLibrary } from '../../src/features/clinics/library.ts'
import type { diff as diffSchema } from '../../src/features/diffs/schemas.ts'
import type * as schemas from '../../src/features/library/schemas.ts'
import { createProtocol } from '../../src/features/protocols/authoring.ts'
import type { historyEvent, version } from '../../src/features/protocols/schemas.ts'
import { makeApiKey } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { createTestFolder } from '../support/test-folder.ts'
import { accepted } from './library-clinic.ts'
import { type Answer, type Client, type Page, type Problem, startClinic } from './support.ts'

type LibraryProtocol = z.output<typeof schemas.libraryProtocol>
type Merge = z.output<typeof schemas.mergeAnswer>
type Diff = z.output<typeof diffSchema>
type Version = z.output<typeof version>
type HistoryEvent = z.output<typeof historyEvent>
type Document = Version['document']

// ---- The library of an earlier release, and of this one ----

const sources = ['guide']
const attributes = [{ code: 'impact', title: 'Impact' }]
const procedures = [{ code: 'knee', name: 'Knee replacement', bodyRegion: 'knee' }]

const knee = {
  format: 1,
  code: 'knee-standard',
  title: 'Knee, standard recovery',
  procedures: ['knee'],
  exercises: [
    { code: 'walking', title: 'Walking', kind: 'exercise', attributes: { impact: 1 } },
    { code: 'cycling', title: 'Cycling', kind: 'exercise', attributes: { impact: 0 } },
  ],
  sources: [{ id: 'guide', title: 'A guide' }],
  milestones: [{ code: 'discharge', title: 'Left the hospital' }],
  phases: [
    { code: 'ward', title: 'On the ward', entry: { days: { atLeast: 0 } }, sources },
    { code: 'home', title: 'At home', entry: { milestone: 'discharge' }, sources },
  ],
  prescriptions: [
    { code: 'walking', exercise: 'walking', from: 'ward', through: 'home', dosage: [{ durationMinutes: 10 }], sources },
    { code: 'cycling', exercise: 'cycling', from: 'home', when: { days: { atLeast: 28 } }, sources },
  ],
  contraindications: [
    { code: 'jumping', title: 'Jumping', strength: 'absolute', target: [{ attributes: { impact: 3 } }], sources },
  ],
  limits: [
    { code: 'lifting', quantity: 'lifted-load', max: 10, unit: '[lb_av]', sources },
    { code: 'sitting', quantity: 'sitting-time', max: 30, unit: 'min', sources },
  ],
  redFlags: [{ code: 'fever', title: 'Fever', response: 'contact-surgeon', sources }],
}

/** The release after: cycling earlier, less lifting, a new exercise with a new attribute, a flag more. */
const newerKnee = {
  ...knee,
  exercises: [
    { code: 'walking', title: 'Walking', kind: 'exercise', attributes: { impact: 2 } },
    knee.exercises[1],
    { code: 'swimming', title: 'Swimming', kind: 'exercise', attributes: { impact: 0, immersion: 3 } },
  ],
  prescriptions: [
    knee.prescriptions[0],
    { ...knee.prescriptions[1], when: { days: { atLeast: 21 } } },
    { code: 'swimming', exercise: 'swimming', from: 'home', when: { days: { atLeast: 42 } }, sources },
  ],
  limits: [{ ...knee.limits[0], max: 8 }, knee.limits[1]],
  redFlags: [...knee.redFlags, { code: 'swollen-calf', title: 'Swollen calf', response: 'emergency', sources }],
}

const hip = {
  ...knee,
  code: 'hip-standard',
  title: 'Hip, standard recovery',
  procedures: ['hip'],
  exercises: [
    { code: 'walking', title: 'Walking', kind: 'exercise', attributes: { impact: 2 } },
    { code: 'stairs', title: 'Stairs', kind: 'activity', groups: ['steps'], attributes: { impact: 1, immersion: 0 } },
  ],
  prescriptions: [
    { code: 'walking', exercise: 'walking', from: 'ward', through: 'home', sources },
    { code: 'stairs', group: 'steps', from: 'home', sources },
  ],
}

async function writeLibrary(files: Readonly<Record<string, unknown>>): Promise<URL> {
  const folder = await createTestFolder()
  for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, `${name}.yaml`), stringify(value))
  return pathToFileURL(`${folder}/`)
}

const earlier = await writeLibrary({ attributes, procedures, knee })
const today = await writeLibrary({
  attributes: [...attributes, { code: 'immersion', title: 'Immersion' }],
  procedures: [...procedures, { code: 'hip', name: 'Hip replacement', bodyRegion: 'hip' }],
  knee: newerKnee,
  hip,
})
const hashOf = (folder: URL, code = 'knee-standard') =>
  readLibrary(folder).protocols.find(({ document }) => document.code === code)?.hash
const [adoptedHash, newestHash] = [hashOf(earlier), hashOf(today)]

const service = await startClinic({ library: today })

/** A clinic that was made by the earlier release. */
async function addEarlierClinic(library = earlier): Promise<Client> {
  const id = randomUUIDv7()
  const now = toInstantText(Temporal.Now.instant())
  const clinic = { id, name: 'Clinic', timeZone: 'UTC', apiKey: makeApiKey(id), now, nextId: randomUUIDv7, library }
  await createClinic(service.db, clinic)
  return service.addClient(id)
}

const address = '/protocols/knee-standard'

async function readLibraryOf(client: Client): Promise<LibraryProtocol[]> {
  return accepted(await client.get<Page<LibraryProtocol>>('/library')).items
}

async function mergeInto<Body = Merge>(client: Client, body: object, etag?: string): Promise<Answer<Body>> {
  return client.send<Body>(
    'POST',
    `${address}/draft/merge-library`,
    body,
    etag === undefined ? {} : { 'if-match': etag },
  )
}

async function readDiff(client: Client, from: string, to: string): Promise<Diff> {
  return accepted(await client.get<Diff>(`${address}/versions/${from}/diff/${to}`))
}

/** The clinic's draft, with a change of its document. */
async function editDraft(client: Client, edit: (document: Document) => object): Promise<Version> {
  const draft = await client.get<Version>(`${address}/draft`)
  if (draft.status === 404) accepted(await client.post(`${address}/draft`, {}))
  const { document } = accepted(await client.get<Version>(`${address}/draft`))
  return accepted(await client.put<Version>(`${address}/draft`, { ...document, exercises: [], ...edit(document) }, '*'))
}

function withLimit(document: Document, code: string, change: object): { limits: object[] } {
  return { limits: document.limits.map((limit) => (limit.code === code ? { ...limit, ...change } : limit)) }
}

const walkingRegraded = { path: '/exercises/walking/attributes/impact', take: 'ours' } as const

describe('the library', () => {
  let clinic: Client
  beforeAll(async () => {
    clinic = await addEarlierClinic()
  })

  test('says what the clinic has of each protocol', async () => {
    const [ofHip, ofKnee] = await readLibraryOf(clinic)
    expect(ofHip).toMatchObject({ code: 'hip-standard', procedures: ['hip'], description: null, protocol: null })
    expect(ofKnee).toMatchObject({
      code: 'knee-standard',
      hash: newestHash,
      protocol: {
        code: 'knee-standard',
        adoptedHash,
        version: { number: 1, libraryHash: adoptedHash, isNewest: false, isOwn: false },
        draft: null,
      },
    })
    const upToDate = await readLibraryOf(await addEarlierClinic(today))
    expect(upToDate[1]?.protocol?.version).toMatchObject({ libraryHash: newestHash, isNewest: true })
    const pages = await clinic.pages<LibraryProtocol>('/library?limit=1')
    expect(pages.map((page) => page.map(({ code }) => code))).toEqual([['hip-standard'], ['knee-standard']])
    expect((await readLibraryOf(await service.addClinic())).map(({ protocol }) => protocol)).toEqual([null, null])
  })

  test('gives its documents, as JSON and YAML', async () => {
    const { body, etag } = await clinic.get<Document>('/library/knee-standard')
    expect(body.limits[0]).toMatchObject({ code: 'lifting', max: 8 })
    expect(etag).toBe(`"${newestHash}"`)
    const yaml = await clinic.get('/library/knee-standard?format=yaml')
    expect(yaml.text).toContain('title: Knee, standard recovery')
    const again = await clinic.send('GET', '/library/knee-standard', undefined, { 'if-none-match': etag })
    expect(again.status).toBe(304)
    const missing = await clinic.get<Problem>('/library/kne-standard')
    expect(missing.body).toMatchObject({
      status: 404,
      code: 'LIBRARY_PROTOCOL_NOT_FOUND',
      nearest: ['knee-standard', 'hip-standard'],
    })
  })

  test('is adopted where the clinic does not have it, with what it needs; nothing of the clinic’s changes', async () => {
    accepted(await clinic.patch('/exercises/walking', { title: 'Strolling' }, '*'))
    const stairs = { code: 'stairs', title: 'Stairs', kind: 'activity', groups: ['steps'], attributes: { impact: 1 } }
    accepted(await clinic.post('/exercises', stairs))
    const adopted = await clinic.post<z.output<typeof schemas.adoptedVersion>>('/library/hip-standard/adopt', undefined)
    expect([adopted.status, adopted.location]).toEqual([201, '/v1/protocols/hip-standard/draft'])
    expect(adopted.body).toMatchObject({ status: 'draft', number: null, libraryHash: hashOf(today, 'hip-standard') })
    expect(adopted.body.exercisesChanged).toEqual([
      { exercise: 'stairs', change: 'changed', fields: ['attributes'] },
      { exercise: 'walking', change: 'changed', fields: ['title', 'attributes'] },
    ])
    expect(adopted.body.document.exercises.map(({ code, title }) => [code, title])).toEqual([
      ['stairs', 'Stairs'],
      ['walking', 'Strolling'],
    ])
    // The library’s document has those of the group, too.
    expect(adopted.body.joinedByGroup).toEqual([])
    expect((await clinic.get('/attributes/immersion')).status).toBe(200)
    expect((await clinic.get('/procedures/hip')).body).toMatchObject({ defaultProtocol: null })
    accepted(await clinic.send('POST', '/protocols/hip-standard/draft/publish', {}, { 'if-match': '*' }))
    expect((await readLibraryOf(clinic))[0]?.protocol?.version).toMatchObject({
      number: 1,
      isNewest: true,
      isOwn: true,
    })

    const again = await clinic.post<Problem>('/library/hip-standard/adopt', undefined)
    expect(again.body).toMatchObject({ status: 409, code: 'ALREADY_EXISTS' })
    expect(again.body.detail).toContain('/v1/protocols/hip-standard/draft/merge-library')
    expect((await clinic.post<Problem>('/library/shoulder/adopt', undefined)).status).toBe(404)
    accepted(await clinic.patch('/exercises/walking', { title: 'Walking' }, '*'))
  })

  test('is adopted once by many at once', async () => {
    const own = await addEarlierClinic()
    const answers = await Promise.all([1, 2, 3, 4].map(() => own.post('/library/hip-standard/adopt', undefined)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
  })
})

describe('how the clinic’s version differs', () => {
  let clinic: Client
  beforeAll(async () => {
    clinic = await addEarlierClinic()
  })

  test('nothing, from what it adopted; and from today’s library only what is new there', async () => {
    expect(await readDiff(clinic, 'adopted', '1')).toMatchObject({ isSame: true, textChanges: [] })
    const newInLibrary = await readDiff(clinic, '1', 'library')
    expect(newInLibrary).toMatchObject({
      from: { version: 1, status: 'published', revision: 2 },
      to: { version: null, status: 'library', revision: null, title: 'Knee, standard recovery' },
      isSame: false,
    })
    expect(newInLibrary.textChanges.map(({ name }) => name).sort()).toEqual([
      'exercises/swimming',
      'exercises/walking/attributes/impact',
      'limits/lifting/max',
      'prescriptions/cycling/when',
      'prescriptions/swimming',
      'redFlags/swollen-calf',
    ])
    const { differences } = await readDiff(clinic, 'adopted', 'library')
    expect(differences).toEqual(newInLibrary.differences)
  })

  test('of a draft too, and on a page for a reviewer', async () => {
    await editDraft(clinic, (document) => withLimit(document, 'sitting', { max: 20 }))
    const own = await readDiff(clinic, 'adopted', 'draft')
    expect(own.textChanges.map(({ name }) => name)).toEqual(['limits/sitting/max'])
    expect(own.from).toMatchObject({ status: 'adopted', version: null, revision: null })
    const page = await clinic.get(`${address}/versions/draft/diff/library?format=markdown`)
    expect(page.text).toMatch(/^# Knee, standard recovery: from the draft to what the library has now\n/)
    expect(page.text).toContain('swollen-calf')
    const fromAdopted = await clinic.get(`${address}/versions/adopted/diff/draft?format=markdown`)
    expect(fromAdopted.text).toMatch(/: from what was taken from the library to the draft\n/)
    accepted(await clinic.delete(`${address}/draft`, '*'))
  })

  test('is not told of what nobody adopted, nor to another clinic', async () => {
    const own = { ...knee, code: 'own', exercises: [] }
    accepted(await clinic.post('/protocols', own))
    const notThere = await clinic.get<Problem>('/protocols/own/versions/draft/diff/library')
    expect(notThere.body).toMatchObject({ status: 404, code: 'LIBRARY_PROTOCOL_NOT_FOUND' })
    const notAdopted = await clinic.get<Problem>('/protocols/own/versions/adopted/diff/draft')
    expect(notAdopted.body).toMatchObject({ status: 404, code: 'LIBRARY_BASE_UNKNOWN' })
    expect((await clinic.get(`${address}/versions/latest/diff/library`)).status).toBe(400)
    const foreigner = await service.addClinic()
    for (const path of ['versions/1/diff/library', 'versions/adopted/diff/library']) {
      expect((await foreigner.get<Problem>(`${address}/${path}`)).body.code).toBe('PROTOCOL_NOT_FOUND')
    }
    expect((await mergeInto<Problem>(foreigner, {})).body.code).toBe('PROTOCOL_NOT_FOUND')
  })
})

describe('taking what is new in the library', () => {
  test('a preview changes nothing; a merge holds what both have changed, and is followed from there', async () => {
    const clinic = await addEarlierClinic()
    await editDraft(clinic, (document) => ({
      ...withLimit(document, 'sitting', { max: 20 }),
      title: 'Knee, our recovery',
    }))
    accepted(await clinic.send('POST', `${address}/draft/publish`, {}, { 'if-match': '*' }))

    const preview = accepted(await mergeInto(clinic, { dryRun: true }))
    expect(preview).toMatchObject({
      startedFrom: 2,
      dryRun: true,
      isUpToDate: false,
      revision: null,
      base: { hash: adoptedHash, isKnown: true },
      library: { code: 'knee-standard', hash: newestHash },
      diff: null,
      document: null,
    })
    expect(preview.conflicts).toEqual([
      {
        ...{ path: walkingRegraded.path, reason: 'shared-exercise', base: 1, ours: 1, theirs: 2, members: null },
        isOpen: true,
        text: 'The library has changed `attributes/impact` of the exercise `walking` from 1 to 2. The clinic’s catalogue has 1, for all its protocols: to take the library’s changes the catalogue.',
      },
    ])
    expect(preview.text).toBe('One conflict must be decided before it can be merged.')
    const refused = await mergeInto<Problem>(clinic, {})
    expect(refused.body).toMatchObject({ status: 409, code: 'MERGE_CONFLICT', conflicts: preview.conflicts })
    expect(refused.body.errors?.map(({ pointer }) => pointer)).toEqual(['/resolutions'])

    const resolutions = [{ path: walkingRegraded.path, take: 'theirs' }]
    const complete = accepted(await mergeInto(clinic, { dryRun: true, resolutions }))
    expect(complete.text).toBe(`The merge would change the draft in 6 places. ${complete.diff?.text}`)
    expect(complete.diff?.text).toMatch(/^There are \d+ stricter differences/)
    for (const path of [`${address}/draft`, '/attributes/immersion', '/exercises/swimming']) {
      expect([path, (await clinic.get(path)).status]).toEqual([path, 404])
    }
    expect((await clinic.get('/exercises/walking')).body).toMatchObject({ attributes: { impact: 1 }, revision: 1 })

    const merged = await mergeInto(clinic, { resolutions })
    const { revision } = accepted(merged)
    expect({ ...merged.body, text: '', diff: null }).toEqual({
      ...complete,
      ...{ dryRun: false, revision, text: '', diff: null },
    })
    expect(merged.etag).toBe(`"${revision}"`)
    expect(merged.body.text).toBe(complete.text.replace('would change', 'has changed'))
    expect(merged.body.exercisesChanged).toEqual([
      { exercise: 'swimming', change: 'added', fields: [] },
      { exercise: 'walking', change: 'changed', fields: ['attributes'] },
    ])
    expect(merged.body.diff?.differences.map(({ text }) => text)).toEqual(
      complete.diff?.differences.map(({ text }) => text),
    )
    expect(merged.body.diff?.differences.map(({ kind, direction }) => `${direction} ${kind}`)).toEqual(
      expect.arrayContaining(['stricter limit', 'laxer exercise', 'stricter red-flag']),
    )
    const draft = await clinic.get<Version>(`${address}/draft`)
    expect(draft.etag).toBe(merged.etag)
    expect(draft.body).toMatchObject({ startedFrom: 2, libraryHash: newestHash, title: 'Knee, our recovery' })
    expect(draft.body.document.limits.map(({ code, max }) => [code, max])).toEqual([
      ['lifting', 8],
      ['sitting', 20],
    ])
    expect((await clinic.get('/exercises/walking')).body).toMatchObject({ attributes: { impact: 2 } })
    const [event, started] = accepted(await clinic.get<Page<HistoryEvent>>(`${address}/history`)).items
    expect(event).toMatchObject({ kind: 'merged', revision, merged: { from: adoptedHash, library: newestHash } })
    expect(event?.changes?.map(({ kind, code }) => `${kind}/${code}`)).toContain('redFlags/swollen-calf')
    expect(started).toMatchObject({ kind: 'started', startedFrom: 2 })
    expect((await readDiff(clinic, 'library', 'draft')).textChanges.map(({ name }) => name).sort()).toEqual([
      'limits/sitting/max',
      'title',
    ])

    // Now there is nothing more to take; an edit and a published version keep what they follow, and so does going back.
    const again = await mergeInto(clinic, {}, draft.etag)
    expect(accepted(again)).toMatchObject({ isUpToDate: true, revision: null, conflicts: [], changes: [] })
    await editDraft(clinic, (document) => withLimit(document, 'sitting', { max: 15 }))
    accepted(await clinic.send('POST', `${address}/draft/publish`, {}, { 'if-match': '*' }))
    expect((await readLibraryOf(clinic))[1]?.protocol).toMatchObject({
      version: { number: 3, libraryHash: newestHash, isNewest: true, isOwn: true },
      draft: null,
    })
    const restored = accepted(await clinic.post<Version>(`${address}/draft`, { from: 1 }))
    expect(restored.libraryHash).toBe(adoptedHash)
    expect((await readLibraryOf(clinic))[1]?.protocol?.draft).toMatchObject({ isNewest: false })
    accepted(await clinic.delete(`${address}/draft`, '*'))
    const fromGit = accepted(await clinic.put<Version>(`${address}/draft`, { ...knee, exercises: [] }))
    expect(fromGit.libraryHash).toBe(newestHash)
  })

  test('what both have changed is decided one by one; what decides nothing is refused', async () => {
    const clinic = await addEarlierClinic()
    await editDraft(clinic, (document) => ({
      ...withLimit(document, 'lifting', { max: 5 }),
      prescriptions: document.prescriptions.filter(({ code }) => code !== 'cycling'),
    }))
    const { etag } = await clinic.get(`${address}/draft`)
    expect((await mergeInto(clinic, {})).status).toBe(428)
    const refused = await mergeInto<Problem>(clinic, {}, etag)
    expect(refused.body).toMatchObject({
      code: 'MERGE_CONFLICT',
      detail: '3 conflicts are not decided: send `resolutions` for them',
      conflicts: [
        {
          path: '/prescriptions/cycling',
          reason: 'changed-and-removed',
          ours: null,
          text: 'The clinic has removed the prescription `cycling`, which the library has changed since.',
        },
        {
          path: '/limits/lifting/number',
          ours: { quantity: 'lifted-load', max: 5, unit: '[lb_av]' },
          theirs: { quantity: 'lifted-load', max: 8, unit: '[lb_av]' },
        },
        { path: walkingRegraded.path },
      ],
    })
    expect((await clinic.get(`${address}/draft`)).etag).toBe(etag)

    const unfit = await mergeInto<Problem>(
      clinic,
      {
        resolutions: [
          { path: '/limits/liftin/number', take: 'ours' },
          { path: '/limits/lifting/number', value: { quantity: 'lifted-load', max: 6, text: 'Careful' } },
          walkingRegraded,
          walkingRegraded,
        ],
      },
      etag,
    )
    expect(unfit.body).toMatchObject({ status: 422, code: 'UNKNOWN_REFERENCE' })
    expect(unfit.body.errors).toEqual([
      expect.objectContaining({
        pointer: '/resolutions/0/path',
        detail: 'names no conflict of this merge: did you mean `/limits/lifting/number`?',
      }),
      expect.objectContaining({ pointer: '/resolutions/1/value' }),
      expect.objectContaining({ pointer: '/resolutions/3/path' }),
    ])
    for (const wrong of [{ path: 'x' }, { path: 'x', take: 'mine' }, { path: 'x', take: 'ours', value: 1 }]) {
      expect((await mergeInto(clinic, { resolutions: [wrong] }, etag)).status).toBe(400)
    }
    const number = { path: '/limits/lifting/number', value: { quantity: 'lifted-load', max: 'six', unit: 'kg' } }
    const others = [walkingRegraded, { path: '/prescriptions/cycling', take: 'ours' }]
    const invalid = await mergeInto<Problem>(clinic, { resolutions: [...others, number] }, etag)
    expect(invalid.body).toMatchObject({ status: 400, errors: [{ pointer: '/resolutions/2/value/max' }] })
    const hostile = [
      { path: '/limits/lifting/number', value: 'six' },
      { path: '/prescriptions/cycling', value: { from: 'home', exercise: 'cycling', when: { all: 5 } } },
      { path: walkingRegraded.path, value: 7 },
      { path: '/__proto__/x', value: {} },
      { path: '/constructor', value: {} },
    ]
    const refusedValues = await mergeInto<Problem>(clinic, { resolutions: hostile }, etag)
    expect([refusedValues.status, refusedValues.body.errors?.map(({ pointer }) => pointer)]).toEqual([
      400,
      ['/resolutions/0/value', '/resolutions/1/value/when/all', '/resolutions/2/value'],
    ])
    const dangling = { path: '/prescriptions/cycling', value: { from: 'gym', exercise: 'cycling' } }
    const unsound = await mergeInto<Problem>(
      clinic,
      { resolutions: [walkingRegraded, dangling, { path: '/limits/lifting/number', take: 'ours' }] },
      etag,
    )
    expect(unsound.body).toMatchObject({
      status: 422,
      code: 'DOCUMENT_INVALID',
      errors: [{ pointer: '/prescriptions/1/from' }],
    })

    number.value.max = 6 as never
    const merged = accepted(await mergeInto(clinic, { resolutions: [...others, number] }, etag))
    expect(merged.conflicts.map(({ isOpen }) => isOpen)).toEqual([false, false, false])
    expect(merged.document?.limits[0]).toMatchObject({ max: 6, unit: 'kg' })
    expect(merged.document?.prescriptions.map(({ code }) => code)).toEqual(['walking', 'swimming'])
    expect((await clinic.get('/exercises/walking')).body).toMatchObject({ attributes: { impact: 1 } })
    const late = await mergeInto<Problem>(clinic, {}, etag)
    expect(late.body).toMatchObject({ status: 412, since: { events: [{ kind: 'merged' }] } })
    expect(late.body.detail).toContain('what is new in the library was merged into it')
  })

  test('two at once: one of them is told', async () => {
    const clinic = await addEarlierClinic()
    const body = { resolutions: [walkingRegraded] }
    const started = await Promise.all([1, 2, 3].map(() => mergeInto(clinic, body)))
    expect(started.map(({ status }) => status).sort()).toEqual([200, expect.any(Number), expect.any(Number)])
    expect(started.filter(({ status }) => status >= 500)).toEqual([])
    const { etag } = await clinic.get(`${address}/draft`)
    accepted(await clinic.delete(`${address}/draft`, etag))
    await editDraft(clinic, () => ({ title: 'Ours' }))
    const seen = (await clinic.get(`${address}/draft`)).etag
    const answers = await Promise.all([1, 2, 3].map(() => mergeInto(clinic, body, seen)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
  })

  test('what was changed in the catalogue since the version is told, too', async () => {
    const clinic = await addEarlierClinic()
    accepted(await clinic.patch('/exercises/cycling', { attributes: { impact: 3 } }, '*'))
    const body = { resolutions: [walkingRegraded] }
    const preview = accepted(await mergeInto(clinic, { ...body, dryRun: true }))
    expect(preview.exercisesChangedSince).toEqual([{ exercise: 'cycling', change: 'changed', fields: ['attributes'] }])
    expect(preview.text).toContain('the catalogue has changed, too: `cycling` (attributes).')
    expect(preview.diff?.textChanges.map(({ name }) => name)).toContain('exercises/cycling/attributes/impact')
    const merged = accepted(await mergeInto(clinic, body))
    expect(merged.diff?.differences).toEqual((await readDiff(clinic, '1', 'draft')).differences)
  })

  test('what was merged and then taken back can be merged again', async () => {
    const clinic = await addEarlierClinic()
    const body = { resolutions: [walkingRegraded] }
    accepted(await mergeInto(clinic, body))
    const nothingNew = accepted(await mergeInto(clinic, {}, '*'))
    expect(nothingNew).toMatchObject({ isUpToDate: true, revision: null })
    expect(nothingNew.text).toBe(
      'What the library has now was merged already, and the clinic’s differs from it: GET /v1/protocols/knee-standard/versions/draft/diff/library says how. To merge it once more, send `again: true`.',
    )
    accepted(await clinic.put(`${address}/draft`, { ...knee, exercises: [] }, '*'))
    expect(accepted(await mergeInto(clinic, {}, '*')).text).toBe(nothingNew.text)
    const again = accepted(await mergeInto(clinic, { ...body, again: true }, '*'))
    expect(again).toMatchObject({ isUpToDate: false, base: { hash: adoptedHash, isKnown: true } })
    expect((await readDiff(clinic, 'draft', 'library')).textChanges.map(({ name }) => name)).toEqual([
      'exercises/walking/attributes/impact',
    ])
    const regraded = { resolutions: [{ ...walkingRegraded, take: 'theirs' }], again: true }
    accepted(await mergeInto(clinic, regraded, '*'))
    expect(accepted(await mergeInto(clinic, {}, '*')).text).toBe(
      'It has all that the library has: there is nothing to merge.',
    )

    const upToDate = await addEarlierClinic(today)
    await editDraft(upToDate, (document) => withLimit(document, 'sitting', { max: 20 }))
    const own = accepted(await mergeInto(upToDate, { again: true }, '*'))
    expect([own.isUpToDate, own.text]).toEqual([
      true,
      expect.stringContaining('is what was adopted, and the clinic’s differs'),
    ])
  })

  test('an approval is lost by it, and what is in review is left alone', async () => {
    const clinic = await addEarlierClinic()
    await editDraft(clinic, () => ({ title: 'Ours' }))
    const act = (what: string, body: object = {}) =>
      clinic.send('POST', `${address}/draft/${what}`, body, { 'if-match': '*' })
    accepted(await act('submit', { changeNote: 'Ours' }))
    const body = { resolutions: [walkingRegraded] }
    expect((await mergeInto<Problem>(clinic, body, '*')).body).toMatchObject({ status: 409, code: 'IN_REVIEW' })
    accepted(await act('approve'))
    accepted(await mergeInto(clinic, body, '*'))
    expect((await clinic.get(`${address}/draft`)).body).toMatchObject({ status: 'draft', review: null })
    const [event] = accepted(await clinic.get<Page<HistoryEvent>>(`${address}/history`)).items
    expect(event).toMatchObject({ kind: 'merged', lostApproval: true })
  })

  test('what nobody knows the start of is merged by deciding everything that differs, once', async () => {
    const clinic = await service.addClinic()
    accepted(await clinic.post('/attributes', { code: 'impact', title: 'Impact' }))
    accepted(await clinic.post('/procedures', procedures[0]))
    accepted(await clinic.post('/protocols', knee))
    const preview = accepted(await mergeInto(clinic, { dryRun: true }))
    expect(preview).toMatchObject({ base: { hash: null, isKnown: false } })
    expect(preview.text).toContain('It is not known what both started from')
    expect(preview.conflicts.map(({ path }) => path)).toEqual([
      '/prescriptions/cycling/when',
      '/prescriptions/swimming',
      '/limits/lifting/number',
      '/redFlags/swollen-calf',
      walkingRegraded.path,
    ])
    const take = (side: string) => ({ resolutions: preview.conflicts.map(({ path }) => ({ path, take: side })) })
    expect((await mergeInto<Problem>(clinic, take('base'), '*')).body).toMatchObject({
      code: 'NOT_PLAUSIBLE',
      errors: preview.conflicts.map((_, index) => ({ pointer: `/resolutions/${index}/take` })),
    })
    accepted(await mergeInto(clinic, take('theirs'), '*'))
    expect(await readDiff(clinic, 'draft', 'library')).toMatchObject({ isSame: true, textChanges: [] })
    expect((await readLibraryOf(clinic))[1]?.protocol).toMatchObject({
      adoptedHash: null,
      version: null,
      draft: { libraryHash: newestHash, isNewest: true },
    })
  })

  test('a clinic that is older than the copies has its first version to start from', async () => {
    const clinic = await addEarlierClinic(await writeLibrary({ attributes, procedures }))
    const { clinicId } = clinic
    const [entry] = readLibrary(earlier).protocols
    if (entry === undefined) throw new Error('the library has a protocol')
    const author = {
      clinicId,
      actorId: randomUUIDv7(),
      now: toInstantText(Temporal.Now.instant()),
      nextId: randomUUIDv7,
    }
    await service.db.asClinic(clinicId, (tx) =>
      createProtocol(tx, author, entry.document, { code: entry.document.code, hash: entry.hash }),
    )
    const lost = await clinic.get<Problem>(`${address}/versions/adopted/diff/draft`)
    expect(lost.body).toMatchObject({ status: 404, code: 'LIBRARY_BASE_UNKNOWN' })
    accepted(await clinic.send('POST', `${address}/draft/publish`, {}, { 'if-match': '*' }))
    const preview = accepted(await mergeInto(clinic, { dryRun: true }))
    expect(preview).toMatchObject({ base: { hash: adoptedHash, isKnown: true } })
    expect(preview.conflicts.map(({ path }) => path)).toEqual([walkingRegraded.path])
  })

  test('the copies of what was adopted cannot be changed', async () => {
    const { clinicId } = await addEarlierClinic()
    const copies = await service.db.asClinic(clinicId, (tx) => tx.libraryDocument.findMany())
    expect(copies.map(({ hash, code }) => [hash, code])).toEqual([[adoptedHash, 'knee-standard']])
    const client = await service.db.pool.connect()
    await client.query(`SELECT set_config('app.clinic_id', '${clinicId}', false)`)
    for (const sql of ['DELETE FROM', 'UPDATE', 'TRUNCATE']) {
      const statement = `${sql} library_document${sql === 'UPDATE' ? ' SET code = code' : ''}`
      const outcome = await client.query(statement).then(
        () => 'done',
        (error: { code: string }) => error.code,
      )
      expect([statement, outcome]).toEqual([statement, '42501'])
    }
    client.release(true)
  })
})
