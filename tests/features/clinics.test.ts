import { describe, expect, test } from '@jest/globals'
import { readLibrary } from '../../src/features/clinics/library.ts'
import { startClinicWithLibrary } from './library-clinic.ts'

const clinic = await startClinicWithLibrary({ timeZone: 'America/New_York' })

interface Clinic {
  id: string
  name: string
  timeZone: string
  revision: number
}

describe('the clinic of a key', () => {
  test('is read, and renamed by one of two who try at once', async () => {
    const { body, etag } = await clinic.get<Clinic>('/clinic')
    expect(body).toMatchObject({ id: clinic.clinicId, timeZone: 'America/New_York', revision: 1 })
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => clinic.patch<Clinic>('/clinic', { name: `Name ${index}` }, etag)),
    )
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, ...Array(9).fill(412)])
    expect((await clinic.get<Clinic>('/clinic')).body).toEqual(answers.find((answer) => answer.status === 200)?.body)
    expect((await clinic.patch('/clinic', { name: 'Without a tag' })).status).toBe(428)
  })

  test('refuses what is no time zone', async () => {
    const { etag } = await clinic.get('/clinic')
    for (const timeZone of ['Mars/Base', '+02:00', '', 'Europe/Berlin; DROP TABLE', 5]) {
      const answer = await clinic.patch('/clinic', { timeZone }, etag)
      expect(answer).toMatchObject({
        status: 400,
        body: { errors: expect.arrayContaining([expect.objectContaining({ pointer: '/timeZone' })]) },
      })
    }
    expect((await clinic.patch('/clinic', { timeZone: 'Pacific/Auckland' }, etag)).status).toBe(200)
  })
})

describe('the library in a new clinic', () => {
  const library = readLibrary()

  test('is adopted whole: published, with its provenance, as the default of its procedures', async () => {
    const protocols = await clinic.get<{ items: object[] }>('/protocols')
    expect(protocols.body.items).toEqual(
      library.protocols.map(({ document, hash }) =>
        expect.objectContaining({
          code: document.code,
          title: document.title,
          library: { code: document.code, hash },
          latestVersion: 1,
          hasDraft: false,
        }),
      ),
    )
    const procedures = await clinic.get<{ items: { code: string; defaultProtocol: string }[] }>('/procedures')
    expect(procedures.body.items.map(({ code, defaultProtocol }) => [code, defaultProtocol])).toEqual(
      library.protocols.flatMap(({ document }) => document.procedures.map((code) => [code, document.code])).sort(),
    )
    const attributes = await clinic.get<{ items: { code: string }[] }>('/attributes?limit=200')
    expect(attributes.body.items.map(({ code }) => code)).toEqual(library.attributes.map(({ code }) => code).sort())
  })

  test('says of every version what the document in the library says', async () => {
    for (const { document } of library.protocols) {
      const version = await clinic.get<{ document: Record<string, unknown> }>(`/protocols/${document.code}/versions/1`)
      const { exercises, ...stored } = version.body.document
      const { exercises: brought, ...written } = document
      expect(stored).toEqual(JSON.parse(JSON.stringify(written)))
      for (const exercise of exercises as { code: string }[]) {
        expect(brought).toContainEqual(exercise)
      }
    }
  })

  test('is each clinic’s own: what one changes the other does not see', async () => {
    const other = await clinic.addLibraryClinic()
    const { etag } = await clinic.get('/exercises/walking')
    expect((await clinic.patch('/exercises/walking', { title: 'A stroll' }, etag)).status).toBe(200)
    expect((await other.get('/exercises/walking')).body).toMatchObject({ title: 'Walking' })
  })
})
