import type { Transaction } from '../../db/client.ts'
import { lockCode, readCodes } from '../../db/codes.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Attribute as AttributeRow } from '../../db/generated/client.ts'
import type { Instant } from '../../rules/index.ts'
import { mostUses, type Use } from '../references.ts'
import type { Attribute } from './schemas.ts'

function toAttribute(row: AttributeRow): Attribute {
  return {
    id: row.id,
    code: row.code,
    title: row.title,
    description: row.description,
    revision: row.revision,
    createdAt: fromTimestamp(row.createdAt),
  }
}

/** Attributes in the order of their codes, after `after`. */
export async function listAttributes(
  tx: Transaction,
  clinicId: string,
  page: { after: string | null; take: number },
): Promise<Attribute[]> {
  const rows = await tx.attribute.findMany({
    where: { clinicId, ...(page.after !== null && { code: { gt: page.after } }) },
    orderBy: { code: 'asc' },
    take: page.take,
  })
  return rows.map(toAttribute)
}

export function readAttributeCodes(tx: Transaction, clinicId: string): Promise<Set<string>> {
  return readCodes(tx, 'attribute', clinicId)
}

export async function readAttribute(tx: Transaction, clinicId: string, code: string): Promise<Attribute | null> {
  const row = await tx.attribute.findUnique({ where: { clinicId_code: { clinicId, code } } })
  return row === null ? null : toAttribute(row)
}

/** The attribute, which nobody else can change, delete or begin to use until the transaction ends. */
export async function lockAttribute(tx: Transaction, clinicId: string, code: string): Promise<Attribute | null> {
  await lockCode(tx, 'attribute', clinicId, code)
  return readAttribute(tx, clinicId, code)
}

/** Null when the clinic has one with this code. */
export async function createAttribute(
  tx: Transaction,
  attribute: {
    clinicId: string
    id: string
    code: string
    title: string
    description?: string | undefined
    createdAt: Instant
  },
): Promise<Attribute | null> {
  const [row] = await tx.attribute.createManyAndReturn({
    data: {
      clinicId: attribute.clinicId,
      id: attribute.id,
      code: attribute.code,
      title: attribute.title,
      description: attribute.description ?? null,
      revision: 1,
      createdAt: toTimestamp(attribute.createdAt),
    },
    skipDuplicates: true,
  })
  return row === undefined ? null : toAttribute(row)
}

/** What is left out stays. Fails if the attribute is no longer at the revision that was decided from. */
export async function updateAttribute(
  tx: Transaction,
  clinicId: string,
  { code, revision }: Pick<Attribute, 'code' | 'revision'>,
  change: { title?: string | undefined; description?: string | null | undefined },
): Promise<Attribute> {
  const row = await tx.attribute.update({
    where: { clinicId_code: { clinicId, code }, revision },
    data: { ...change, revision: { increment: 1 } },
  })
  return toAttribute(row)
}

/** Fails if the attribute is no longer at the revision that was decided from. */
export async function deleteAttribute(
  tx: Transaction,
  clinicId: string,
  { code, revision }: Pick<Attribute, 'code' | 'revision'>,
): Promise<void> {
  await tx.attribute.delete({ where: { clinicId_code: { clinicId, code }, revision } })
}

/** The exercises that grade it, and the contraindications of any version, drafts included, that target it. */
export async function findAttributeUses(tx: Transaction, clinicId: string, code: string): Promise<Use[]> {
  const exercises = await tx.$queryRaw<{ code: string }[]>`
    SELECT code FROM exercise WHERE clinic_id = ${clinicId}::uuid AND attributes ? ${code}
    ORDER BY code LIMIT ${mostUses}`
  const contraindications = await tx.$queryRaw<{ protocol: string; version: number | null; code: string }[]>`
    SELECT p.code AS protocol, v.number AS version, c.code
    FROM contraindication c
    JOIN protocol_version v ON v.clinic_id = c.clinic_id AND v.id = c.version_id
    JOIN protocol p ON p.clinic_id = v.clinic_id AND p.id = v.protocol_id
    WHERE c.clinic_id = ${clinicId}::uuid
      AND EXISTS (SELECT FROM jsonb_array_elements(c.target || COALESCE(c.except_target, '[]')) AS part
        WHERE part.value->'attributes' ? ${code})
    ORDER BY p.code, v.number DESC, c.code LIMIT ${mostUses}`
  return [
    ...exercises.map((exercise) => ({ kind: 'exercise' as const, ...exercise })),
    ...contraindications.map((contraindication) => ({ kind: 'contraindication' as const, ...contraindication })),
  ]
}
