import { describe, expect, test } from '@jest/globals'
import { createPublishedVersions } from '../../src/features/protocols/published.ts'
import {
  askVersions,
  listProtocols,
  listVersionIds,
  listVersions,
  readProtocol,
  readVersion,
  readVersionsById,
  toDocument,
} from '../../src/features/protocols/repository.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { everyFeature, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })
const { db, clinicId } = clinic

const every = everyFeature()
const oddValues = {
  ...every,
  code: 'odd-values',
  description: 'Quotes " and \\, a line\nbreak, \t and ünïcödé 🦵 {"a": [1, null]}',
  limits: [
    { code: 'least', quantity: 'load', max: 0.30000000000000004, unit: 'kg' },
    { code: 'small', quantity: 'range', min: 1e-7, max: 12_345_678.9 },
    { code: 'zero', quantity: 'steps', max: 0 },
    { code: 'as-told', quantity: 'time', value: null },
  ],
}
const nextToNothing = {
  ...{ format: 1, code: 'next-to-nothing', title: 'Next to nothing', procedures: ['acdf'] },
  phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: 0 } } }],
} as unknown as ProtocolDocument
for (const document of [every, oddValues as ProtocolDocument, nextToNothing, { ...every, title: 'The second' }]) {
  await publishProtocol(clinic, document)
}

/** Every version that there is, its document read table by table, and its summary as in the list. */
const stored = await db.asClinic(clinicId, async (tx) => {
  const versions = []
  for (const { id: protocolId, code } of await listProtocols(tx, clinicId, { after: null, take: 100 })) {
    for (const summary of await listVersions(tx, clinicId, protocolId, { below: null, take: 100 })) {
      const { id } = summary
      const row = await tx.protocolVersion.findUniqueOrThrow({
        where: { clinicId_id: { clinicId, id } },
        include: { protocol: true },
      })
      const where = { clinicId, versionId: id }
      const inOrder = { where, orderBy: { position: 'asc' } } as const
      const document = toDocument(row, {
        exercises: await tx.versionExercise.findMany({ where, orderBy: { code: 'asc' } }),
        sources: await tx.source.findMany(inOrder),
        milestones: await tx.milestone.findMany(inOrder),
        facts: await tx.fact.findMany(inOrder),
        phases: await tx.phase.findMany(inOrder),
        prescriptions: await tx.prescription.findMany(inOrder),
        contraindications: await tx.contraindication.findMany(inOrder),
        instructions: await tx.instruction.findMany(inOrder),
        limits: await tx.limit.findMany(inOrder),
        redFlags: await tx.redFlag.findMany(inOrder),
      })
      versions.push({ code, protocolId, brought: row.brought, ...summary, document })
    }
  }
  return versions
})
const ids = stored.map(({ id }) => id)

/** The order of members too: answers are made of them. */
function sorted(
  versions: readonly { id: string; number: number | null; status: string; document: object }[],
): string[] {
  return versions.map(({ id, number, status, document }) => JSON.stringify({ id, number, status, document })).sort()
}

describe('versions that are read in one round trip', () => {
  test('have every kind of part, and are of every protocol of the library', () => {
    expect(stored.length).toBe(9)
    const { document } = stored.find(({ code, number }) => code === 'every-feature' && number === 2) ?? {}
    for (const [member, list] of Object.entries(document ?? {})) {
      if (Array.isArray(list)) expect({ member, parts: list.length }).not.toEqual({ member, parts: 0 })
    }
    expect(Object.keys(document ?? {}).sort()).toEqual(Object.keys(every).sort())
  })

  test('are what the tables say, one by one: every member, in its order', async () => {
    expect(sorted(await askVersions(db, clinicId, ids))).toEqual(sorted(stored))
    expect(sorted(await db.asClinic(clinicId, (tx) => readVersionsById(tx, clinicId, ids)))).toEqual(sorted(stored))
    for (const version of stored) {
      const { code, protocolId, ...whole } = version
      const read = await db.asClinic(clinicId, (tx) => readVersion(tx, clinicId, protocolId, version.number ?? 'draft'))
      expect({ code, ...read }).toStrictEqual({ code, ...whole })
      expect(JSON.stringify(read?.document)).toBe(JSON.stringify(version.document))
      expect(await askVersions(db, clinicId, [version.id])).toStrictEqual([
        { id: version.id, number: version.number, status: version.status, document: version.document },
      ])
    }
  })

  test('are all there, also if they are more than come at once', async () => {
    for (let version = 2; version <= 16; version += 1) {
      await publishProtocol(clinic, { ...nextToNothing, title: `Version ${version}` })
    }
    const later = await db.asClinic(clinicId, async (tx) => {
      const { id = '' } = (await readProtocol(tx, clinicId, 'next-to-nothing')) ?? {}
      return listVersionIds(tx, clinicId, id)
    })
    const all = [...new Set([...ids, ...later.keys()])]
    expect(all.length).toBeGreaterThan(20)
    const versions = await createPublishedVersions(db)(clinicId, all)
    expect(versions.map(({ id }) => id)).toEqual(all)
  })

  test('are not another clinic’s, and none are there without an id', async () => {
    const other = await clinic.addLibraryClinic()
    expect(await askVersions(db, other.clinicId, ids)).toEqual([])
    expect(await askVersions(db, clinicId, [other.clinicId])).toEqual([])
    expect(await askVersions(db, clinicId, [])).toEqual([])
  })
})
