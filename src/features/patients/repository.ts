import type { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Patient as PatientRow } from '../../db/generated/client.ts'
import type { Instant } from '../../rules/index.ts'
import { mostUses, type Use } from '../references.ts'
import type { Patient, patientBody, patientChange } from './schemas.ts'

function toPatient(row: PatientRow): Patient {
  return {
    id: row.id,
    externalId: row.externalId,
    displayName: row.displayName,
    revision: row.revision,
    createdAt: fromTimestamp(row.createdAt),
  }
}

/** Patients in the order of their creation, after the id `after`. */
export async function listPatients(
  tx: Transaction,
  clinicId: string,
  filter: { externalId?: string | undefined },
  page: { after: string | null; take: number },
): Promise<Patient[]> {
  const rows = await tx.patient.findMany({
    where: {
      clinicId,
      ...(filter.externalId !== undefined && { externalId: filter.externalId }),
      ...(page.after !== null && { id: { gt: page.after } }),
    },
    orderBy: { id: 'asc' },
    take: page.take,
  })
  return rows.map(toPatient)
}

export async function readPatient(tx: Transaction, clinicId: string, id: string): Promise<Patient | null> {
  const row = await tx.patient.findUnique({ where: { clinicId_id: { clinicId, id } } })
  return row === null ? null : toPatient(row)
}

export async function findPatient(tx: Transaction, clinicId: string, externalId: string): Promise<Patient | null> {
  const row = await tx.patient.findUnique({ where: { clinicId_externalId: { clinicId, externalId } } })
  return row === null ? null : toPatient(row)
}

/** The patient, whom nobody else can change, delete or give an episode until the transaction ends. */
export async function lockPatient(tx: Transaction, clinicId: string, id: string): Promise<Patient | null> {
  await tx.$queryRaw`SELECT FROM patient WHERE clinic_id = ${clinicId}::uuid AND id = ${id}::uuid FOR UPDATE`
  return readPatient(tx, clinicId, id)
}

/** Null when the clinic has one with this external id. */
export async function createPatient(
  tx: Transaction,
  patient: z.output<typeof patientBody> & { clinicId: string; id: string; createdAt: Instant },
): Promise<Patient | null> {
  const [row] = await tx.patient.createManyAndReturn({
    data: {
      clinicId: patient.clinicId,
      id: patient.id,
      externalId: patient.externalId,
      displayName: patient.displayName ?? null,
      revision: 1,
      createdAt: toTimestamp(patient.createdAt),
    },
    skipDuplicates: true,
  })
  return row === undefined ? null : toPatient(row)
}

/** What is left out stays. Fails if the patient is no longer at the revision that was decided from. */
export async function updatePatient(
  tx: Transaction,
  clinicId: string,
  { id, revision }: Pick<Patient, 'id' | 'revision'>,
  change: z.output<typeof patientChange>,
): Promise<Patient> {
  const row = await tx.patient.update({
    where: { clinicId_id: { clinicId, id }, revision },
    data: { ...change, revision: { increment: 1 } },
  })
  return toPatient(row)
}

/** Fails if the patient is no longer at the revision that was decided from. */
export async function deletePatient(
  tx: Transaction,
  clinicId: string,
  { id, revision }: Pick<Patient, 'id' | 'revision'>,
): Promise<void> {
  await tx.patient.delete({ where: { clinicId_id: { clinicId, id }, revision } })
}

export async function findPatientUses(tx: Transaction, clinicId: string, id: string): Promise<Use[]> {
  const episodes = await tx.episode.findMany({
    where: { clinicId, patientId: id },
    select: { id: true },
    orderBy: { id: 'asc' },
    take: mostUses,
  })
  return episodes.map((episode) => ({ kind: 'episode', episode: episode.id }))
}
