import type { Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Clinic as ClinicRow } from '../../db/generated/client.ts'
import type { Instant } from '../../rules/index.ts'

export interface Clinic {
  id: string
  name: string
  timeZone: string
  /** Who must approve what is published. */
  approval: 'none' | 'second-person'
  revision: number
  createdAt: Instant
}

function toClinic(row: ClinicRow): Clinic {
  return {
    id: row.clinicId,
    name: row.name,
    timeZone: row.timeZone,
    approval: row.approval as Clinic['approval'],
    revision: row.revision,
    createdAt: fromTimestamp(row.createdAt),
  }
}

export async function insertClinic(
  tx: Transaction,
  clinic: { clinicId: string; name: string; timeZone: string; createdAt: Instant },
): Promise<void> {
  await tx.clinic.create({ data: { ...clinic, createdAt: toTimestamp(clinic.createdAt), revision: 1 } })
}

export async function readClinic(tx: Transaction, clinicId: string): Promise<Clinic> {
  return toClinic(await tx.clinic.findUniqueOrThrow({ where: { clinicId } }))
}

/** What is left out stays. False if the clinic is no longer at the revision that was decided from. */
export async function updateClinic(
  tx: Transaction,
  { id, revision }: Pick<Clinic, 'id' | 'revision'>,
  change: { name?: string | undefined; timeZone?: string | undefined; approval?: Clinic['approval'] | undefined },
): Promise<boolean> {
  const { count } = await tx.clinic.updateMany({
    where: { clinicId: id, revision },
    data: { ...change, revision: { increment: 1 } },
  })
  return count === 1
}

/** From when on nobody gets in; null lets everybody in again. False if that is so already. */
export async function suspendClinic(tx: Transaction, clinicId: string, since: Instant | null): Promise<boolean> {
  const { count } = await tx.clinic.updateMany({
    where: { clinicId, suspendedAt: since === null ? { not: null } : null },
    data: { suspendedAt: since === null ? null : toTimestamp(since) },
  })
  return count === 1
}
