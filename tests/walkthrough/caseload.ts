import type { Database } from '../../src/db/client.ts'
import { addDays } from '../features/library-clinic.ts'

/** The day on which all of it is told. */
export const today = '2026-11-20'

interface Happened {
  day: number
  code: string
  grantedBy?: string
}

/** What has happened by today to a patient who was operated so many days ago. No two courses of ten are alike. */
function courseOf(index: number, days: number): Happened[] {
  const visit =
    index % 10 === 3 ? [] : [{ day: index % 10 === 7 ? 38 : 43, code: 'six-week-visit', grantedBy: 'surgeon' }]
  const cleared =
    index % 10 < 6
      ? [
          { day: 88, code: 'training-clearance-doctor', grantedBy: 'surgeon' },
          { day: 90, code: 'training-clearance-therapist', grantedBy: 'physical-therapist' },
        ]
      : []
  return [{ day: 2, code: 'hospital-discharge' }, ...visit, ...cleared].filter(({ day }) => day <= days)
}

function uuid(kind: number, index: number): string {
  return `01a1f000-0000-7${kind}00-8000-${index.toString(16).padStart(12, '0')}`
}

export function patientId(index: number): string {
  return uuid(1, index)
}

export function episodeId(index: number): string {
  return uuid(2, index)
}

/**
 * Patients after an ACDF, operated over the last half year, who follow that version: as their records would be, without
 * asking for each.
 */
export async function storeCaseload(
  { db, clinicId }: { db: Database; clinicId: string },
  { count, versionId, recordedBy }: { count: number; versionId: string; recordedBy: string },
): Promise<void> {
  const indices = Array.from({ length: count }, (_, index) => index + 1)
  const courses = indices.map((index) => {
    const days = (index * 37) % 181
    const surgeryDate = addDays(today, -days)
    const at = (day: number, hour: number) => `${addDays(surgeryDate, day)}T${hour}:00:00Z`
    const surgery = { surgeryDate, procedures: ['acdf'], levels: [], side: null }
    const entries = [
      { kind: 'surgery', payload: surgery, recordedAt: at(-7, 14) },
      { kind: 'assignment', payload: { versions: [versionId] }, recordedAt: at(-7, 15) },
      ...courseOf(index, days - 1).map(({ day, code, grantedBy = null }) => ({
        kind: 'milestone',
        payload: { code, on: addDays(surgeryDate, day), grantedBy },
        recordedAt: at(day, 16),
      })),
    ]
    return { index, surgery, entries, opened: at(-7, 13) }
  })
  const patients = courses.map(({ index, opened }) => ({ id: patientId(index), external: `mrn-${index}`, opened }))
  const episodes = courses.map(({ index, opened, surgery, entries }) => {
    const changed = entries.at(-1)?.recordedAt ?? opened
    return { id: episodeId(index), patient: patientId(index), opened, changed, entries: entries.length, ...surgery }
  })
  const records = courses.flatMap(({ index, entries }) =>
    entries.map((entry, position) => {
      return { ...entry, id: uuid(3, index * 100 + position), episode: episodeId(index), revision: position + 1 }
    }),
  )
  await db.asClinic(clinicId, async (tx) => {
    await tx.$executeRaw`
      INSERT INTO patient (clinic_id, id, external_id, revision, created_at)
      SELECT ${clinicId}::uuid, id, external, 1, opened
      FROM jsonb_to_recordset(${JSON.stringify(patients)}::jsonb) AS row (id uuid, external text, opened timestamptz)`
    await tx.$executeRaw`
      INSERT INTO episode (clinic_id, id, patient_id, surgery_date, procedures, levels, status, revision, changed_at, created_at)
      SELECT ${clinicId}::uuid, id, patient, "surgeryDate", ARRAY['acdf'], '{}', 'open', entries, changed, opened
      FROM jsonb_to_recordset(${JSON.stringify(episodes)}::jsonb)
        AS row (id uuid, patient uuid, "surgeryDate" date, entries int, changed timestamptz, opened timestamptz)`
    await tx.$executeRaw`
      INSERT INTO episode_protocol (clinic_id, episode_id, version_id)
      SELECT clinic_id, id, ${versionId}::uuid FROM episode WHERE clinic_id = ${clinicId}::uuid`
    await tx.$executeRaw`
      INSERT INTO record_entry (clinic_id, id, episode_id, revision, kind, payload, recorded_at, recorded_by)
      SELECT ${clinicId}::uuid, id, episode, revision, kind, payload, "recordedAt", ${recordedBy}::uuid
      FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb)
        AS row (id uuid, episode uuid, revision int, kind text, payload jsonb, "recordedAt" timestamptz)`
  })
}
