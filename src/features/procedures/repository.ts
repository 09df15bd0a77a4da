import type { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import { lockCode, readCodes } from '../../db/codes.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Procedure as ProcedureRow } from '../../db/generated/client.ts'
import type { Instant } from '../../rules/index.ts'
import { mostUses, type Use } from '../references.ts'
import type { Procedure, procedureBody, procedureChange } from './schemas.ts'

function toProcedure(row: ProcedureRow): Procedure {
  return {
    id: row.id,
    code: row.code,
    name: row.name,
    bodyRegion: row.bodyRegion,
    approach: row.approach,
    indications: row.indications,
    snomed: row.snomed,
    cpt: row.cpt,
    defaultProtocol: row.defaultProtocolCode,
    revision: row.revision,
    createdAt: fromTimestamp(row.createdAt),
  }
}

/** Procedures in the order of their codes, after `after`. */
export async function listProcedures(
  tx: Transaction,
  clinicId: string,
  page: { after: string | null; take: number },
): Promise<Procedure[]> {
  const rows = await tx.procedure.findMany({
    where: { clinicId, ...(page.after !== null && { code: { gt: page.after } }) },
    orderBy: { code: 'asc' },
    take: page.take,
  })
  return rows.map(toProcedure)
}

export function readProcedureCodes(tx: Transaction, clinicId: string): Promise<Set<string>> {
  return readCodes(tx, 'procedure', clinicId)
}

export async function readProcedure(tx: Transaction, clinicId: string, code: string): Promise<Procedure | null> {
  const row = await tx.procedure.findUnique({ where: { clinicId_code: { clinicId, code } } })
  return row === null ? null : toProcedure(row)
}

/** The procedure, which nobody else can change, delete or begin to use until the transaction ends. */
export async function lockProcedure(tx: Transaction, clinicId: string, code: string): Promise<Procedure | null> {
  await lockCode(tx, 'procedure', clinicId, code)
  return readProcedure(tx, clinicId, code)
}

/** Null when the clinic has one with this code. */
export async function createProcedure(
  tx: Transaction,
  procedure: z.output<typeof procedureBody> & { clinicId: string; id: string; createdAt: Instant },
): Promise<Procedure | null> {
  const [row] = await tx.procedure.createManyAndReturn({
    data: {
      clinicId: procedure.clinicId,
      id: procedure.id,
      code: procedure.code,
      name: procedure.name,
      bodyRegion: procedure.bodyRegion,
      approach: procedure.approach ?? null,
      indications: procedure.indications ?? [],
      snomed: procedure.snomed ?? null,
      cpt: procedure.cpt ?? null,
      defaultProtocolCode: procedure.defaultProtocol ?? null,
      revision: 1,
      createdAt: toTimestamp(procedure.createdAt),
    },
    skipDuplicates: true,
  })
  return row === undefined ? null : toProcedure(row)
}

/** What is left out stays. Fails if the procedure is no longer at the revision that was decided from. */
export async function updateProcedure(
  tx: Transaction,
  clinicId: string,
  { code, revision }: Pick<Procedure, 'code' | 'revision'>,
  { indications, defaultProtocol, ...change }: z.output<typeof procedureChange>,
): Promise<Procedure> {
  const row = await tx.procedure.update({
    where: { clinicId_code: { clinicId, code }, revision },
    data: {
      ...change,
      ...(indications !== undefined && { indications: indications ?? [] }),
      ...(defaultProtocol !== undefined && { defaultProtocolCode: defaultProtocol }),
      revision: { increment: 1 },
    },
  })
  return toProcedure(row)
}

/** Fails if the procedure is no longer at the revision that was decided from. */
export async function deleteProcedure(
  tx: Transaction,
  clinicId: string,
  { code, revision }: Pick<Procedure, 'code' | 'revision'>,
): Promise<void> {
  await tx.procedure.delete({ where: { clinicId_code: { clinicId, code }, revision } })
}

/** The protocol versions, drafts included, and the episodes that name it; facts of a version that ask for it, too. */
export async function findProcedureUses(tx: Transaction, clinicId: string, code: string): Promise<Use[]> {
  // In one statement, as the draft may be deleted between two.
  const versions = await tx.$queryRaw<{ protocol: string; version: number | null }[]>`
    SELECT p.code AS protocol, v.number AS version
    FROM protocol_version v
    JOIN protocol p ON p.clinic_id = v.clinic_id AND p.id = v.protocol_id
    WHERE v.clinic_id = ${clinicId}::uuid
      AND (v.procedures @> ARRAY[${code}::text] OR EXISTS (SELECT FROM fact f
        WHERE f.clinic_id = ${clinicId}::uuid AND f.version_id = v.id AND f.operation->>'procedure' = ${code}))
    ORDER BY v.id LIMIT ${mostUses}`
  const episodes = await tx.episode.findMany({
    where: { clinicId, procedures: { has: code } },
    select: { id: true },
    orderBy: { id: 'asc' },
    take: mostUses,
  })
  return [
    ...versions.map((version) => ({ kind: 'protocol' as const, ...version })),
    ...episodes.map(({ id }) => ({ kind: 'episode' as const, episode: id })),
  ]
}
