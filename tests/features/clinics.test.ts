import { randomUUIDv7 } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import { createClinic } from '../../src/features/clinics/create-clinic.ts'
import { readLibrary } from '../../src/features/clinics/library.ts'
import type { clinic as clinicSchema } from '../../src/features/clinics/schemas.ts'
import type { version } from '../../src/features/protocols/schemas.ts'
import { makeApiKey } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { accepted, startClinicWithLibrary } from './library-clinic.ts'
import type { Page, Problem } from './support.ts'

type Clinic = z.output<typeof clinicSchema>
type Version = z.output<typeof version>

const clinic = await startClinicWithLibrary({ now: '2026-11-20T12:00:00Z' })
const other = await clinic.addLibraryClinic()

describe('the caller’s clinic', () => {
  test('is read, and changed by who has seen it', async () => {
    const { body, etag } = await clinic.get<Clinic>('/clinic')
    expect(body).toEqual({
      id: clinic.clinicId,
      name: 'Library clinic',
      timeZone: 'America/New_York',
      approval: 'none',
      revision: 1,
      createdAt: '2026-11-20T12:00:00.000Z',
    })
    expect(etag).toBe('"1"')
    expect((await clinic.patch('/clinic', { name: 'New' })).status).toBe(428)
    expect((await clinic.patch('/clinic', { name: 'New' }, '"2"')).status).toBe(412)
    const changed = await clinic.patch<Clinic>('/clinic', { name: ' New name ', timeZone: 'Europe/Berlin' }, '"1"')
    expect(changed.body).toEqual({ ...body, name: 'New name', timeZone: 'Europe/Berlin', revision: 2 })
    expect(changed.etag).toBe('"2"')
    expect((await clinic.get<Clinic>('/clinic')).body).toEqual(changed.body)
  })

  test('is changed once by ten at once', async () => {
    const { etag } = await clinic.get('/clinic')
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => clinic.patch('/clinic', { name: `Name ${index}` }, etag)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)])
  })

  const refused: [what: string, body: object, pointer: string, says: string][] = [
    ['nothing', {}, '', 'must change something: give `name`, `timeZone` or `approval`'],
    ['an unknown field', { timezone: 'UTC' }, '/timezone', 'did you mean `timeZone`?'],
    ['a time zone that is none', { timeZone: 'Europe/Berlinn' }, '/timeZone', 'must be an IANA time zone'],
    ['SQL', { timeZone: 'Europe/Berlin; DROP TABLE clinic' }, '/timeZone', 'must be an IANA time zone'],
    ['a number', { timeZone: 5 }, '/timeZone', 'must be a text'],
    ['an offset', { timeZone: '+02:00' }, '/timeZone', 'must be an IANA time zone'],
    ['an empty name', { name: ' ' }, '/name', 'must not be empty'],
    ['a name of two lines', { name: 'a\nb' }, '/name', 'must be one line'],
    ['a NUL byte', { name: 'a\0b' }, '/name', 'contains a NUL character'],
    ['its id', { id: randomUUIDv7() }, '/id', 'is not a field here'],
  ]

  test.each(refused)('is not changed by %s', async (_what, body, pointer, says) => {
    const answer = await clinic.patch<Problem>('/clinic', body, '*')
    expect(answer.status).toBe(400)
    expect(answer.body.errors?.find((error) => error.pointer === pointer)?.detail).toContain(says)
  })
})

describe('a new clinic', () => {
  test('has the library: vocabulary, procedures with their default protocols, exercises, published versions', async () => {
    const library = readLibrary()
    const codesOf = async (path: string) =>
      (await other.pages<{ code: string }>(`${path}?limit=50`)).flat().map(({ code }) => code)
    expect(await codesOf('/attributes')).toEqual(library.attributes.map(({ code }) => code).sort())
    expect(await codesOf('/procedures')).toEqual(library.procedures.map(({ code }) => code).sort())
    const exercises = library.protocols.flatMap(({ document }) => document.exercises.map(({ code }) => code))
    expect(await codesOf('/exercises')).toEqual([...new Set(exercises)].sort())
    const protocols = (await other.get<Page<object>>('/protocols?limit=50')).body.items
    expect(protocols).toMatchObject(
      library.protocols
        .map(({ document, hash }) => ({
          code: document.code,
          title: document.title,
          library: { code: document.code, hash },
          latestVersion: 1,
          hasDraft: false,
        }))
        .sort((a, b) => (a.code < b.code ? -1 : 1)),
    )
    for (const { document } of library.protocols) {
      for (const code of document.procedures) {
        expect((await other.get(`/procedures/${code}`)).body).toMatchObject({ defaultProtocol: document.code })
      }
    }
  })

  test('has its library published without a second person, and says so', async () => {
    const history = (await other.get<Page<object>>('/protocols/acdf-standard/history')).body.items
    expect(history).toMatchObject([
      { kind: 'published', version: 1, approval: 'none', note: 'Adopted from the built-in library' },
      { kind: 'started', version: 1 },
    ])
    const version = accepted(await other.get<Version>('/protocols/acdf-standard/versions/1'))
    const author = [{ id: expect.any(String), name: 'First key' }]
    expect(version).toMatchObject({ authors: author, publishedBy: author[0], submitted: null, review: null })
  })

  test('has of every version what the document in the library says', async () => {
    const library = readLibrary().protocols
    const brought = library.flatMap(({ document }) => document.exercises)
    for (const { document } of library) {
      const version = accepted(await clinic.get<Version>(`/protocols/${document.code}/versions/1`))
      const { exercises, ...kept } = version.document
      const { exercises: own, ...written } = document
      expect(kept).toEqual(JSON.parse(JSON.stringify(written)))
      for (const exercise of exercises) expect(brought).toContainEqual(exercise)
      const prescribed = own.filter(({ code }) => written.prescriptions.some(({ exercise }) => exercise === code))
      for (const exercise of prescribed) expect(exercises).toContainEqual(exercise)
    }
  })

  test('is made whole or not at all', async () => {
    const id = randomUUIDv7()
    let left = 40
    const failing = () => {
      left -= 1
      if (left < 0) throw new Error('the ids have run out')
      return randomUUIDv7()
    }
    const now = toInstantText(Temporal.Instant.from('2026-11-20T12:00:00Z'))
    const apiKey = makeApiKey(id)
    const plan = { id, name: 'Half', timeZone: 'UTC', apiKey, now }
    await expect(createClinic(clinic.db, { ...plan, nextId: failing })).rejects.toThrow('the ids have run out')
    const request = () => fetch(`${clinic.address}/v1/clinic`, { headers: { authorization: `Bearer ${apiKey}` } })
    expect((await request()).status).toBe(401)
    await createClinic(clinic.db, { ...plan, nextId: randomUUIDv7 })
    expect(await (await request()).json()).toMatchObject({ id, name: 'Half' })
    await expect(createClinic(clinic.db, { ...plan, name: 'Again', nextId: randomUUIDv7 })).rejects.toThrow()
    expect(await (await request()).json()).toMatchObject({ name: 'Half' })
  })

  test('edits its library without touching another’s', async () => {
    const before = (await other.get('/exercises/walking')).text
    accepted(await clinic.patch('/exercises/walking', { title: 'Strolling' }, '*'))
    accepted(await clinic.post('/protocols/acdf-standard/draft', {}))
    accepted(await clinic.send('POST', '/protocols/acdf-standard/draft/publish', {}, { 'if-match': '*' }))
    expect((await other.get('/exercises/walking')).text).toBe(before)
    expect((await other.get('/protocols/acdf-standard')).body).toMatchObject({ latestVersion: 1 })
    expect((await clinic.get('/protocols/acdf-standard')).body).toMatchObject({ latestVersion: 2 })
  })
})
