import type { Transaction } from './client.ts'
import { Prisma } from './generated/client.ts'

/** Tables whose rows others name by their code, from inside JSON and arrays, where no foreign key can watch over it. */
export type CodedTable = 'attribute' | 'procedure' | 'exercise' | 'protocol'

/** Every code of the clinic. */
export async function readCodes(tx: Transaction, table: CodedTable, clinicId: string): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ code: string }[]>`
    SELECT code FROM ${Prisma.raw(table)} WHERE clinic_id = ${clinicId}::uuid ORDER BY code`
  return codesOf(rows)
}

/** Those of the codes that exist. Until the transaction ends nobody can delete them, so that it can store their names. */
export async function holdCodes(
  tx: Transaction,
  table: CodedTable,
  clinicId: string,
  codes: readonly string[],
): Promise<Set<string>> {
  if (codes.length === 0) return new Set()
  const rows = await tx.$queryRaw<{ code: string }[]>`
    SELECT code FROM ${Prisma.raw(table)} WHERE clinic_id = ${clinicId}::uuid AND code = ANY(${codes}::text[])
    ORDER BY code FOR KEY SHARE`
  return codesOf(rows)
}

/**
 * Waits until no other transaction holds or changes the row, and keeps it until this one ends: what is read of it and
 * of its uses afterwards stays true.
 */
export async function lockCode(tx: Transaction, table: CodedTable, clinicId: string, code: string): Promise<void> {
  await tx.$queryRaw`
    SELECT FROM ${Prisma.raw(table)} WHERE clinic_id = ${clinicId}::uuid AND code = ${code} FOR UPDATE`
}

function codesOf(rows: readonly { code: string }[]): Set<string> {
  return new Set(rows.map(({ code }) => code))
}
