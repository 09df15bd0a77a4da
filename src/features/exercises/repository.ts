import type { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import { lockCode } from '../../db/codes.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Exercise as ExerciseRow } from '../../db/generated/client.ts'
import type { Exercise, Grade, Instant } from '../../rules/index.ts'
import { mostUses, type Use } from '../references.ts'
import type { exerciseChange } from './schemas.ts'

/** An exercise with what the catalogue knows of it beside its meaning. */
export interface CatalogueExercise {
  id: string
  exercise: Exercise
  revision: number
  createdAt: Instant
}

function toCatalogueExercise(row: ExerciseRow): CatalogueExercise {
  return { id: row.id, exercise: toExercise(row), revision: row.revision, createdAt: fromTimestamp(row.createdAt) }
}

function toExercise(row: ExerciseRow): Exercise {
  return {
    code: row.code,
    title: row.title,
    kind: row.kind as Exercise['kind'],
    ...(row.position !== null && { position: row.position }),
    ...(row.instructions !== null && { instructions: row.instructions }),
    ...(row.target !== null && { target: row.target }),
    ...(row.equipment.length > 0 && { equipment: row.equipment }),
    ...(row.groups.length > 0 && { groups: row.groups }),
    attributes: sortGrades(row.attributes as Record<string, Grade>),
  }
}

/** JSONB has an order of its own; answers and the hashes of documents need one that does not depend on it. */
function sortGrades(grades: Readonly<Record<string, Grade>>): Record<string, Grade> {
  return Object.fromEntries(Object.entries(grades).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export interface ExerciseFilter {
  kind?: Exercise['kind'] | undefined
  group?: string | undefined
  attribute?: string | undefined
}

/** Exercises in the order of their codes, after `after`; only those that match every filter given. */
export async function listExercises(
  tx: Transaction,
  clinicId: string,
  { kind, group, attribute }: ExerciseFilter,
  page: { after: string | null; take: number },
): Promise<CatalogueExercise[]> {
  const rows = await tx.exercise.findMany({
    where: {
      clinicId,
      ...(kind !== undefined && { kind }),
      ...(group !== undefined && { groups: { has: group } }),
      // Grades are never below 0, so this asks whether there is one.
      ...(attribute !== undefined && { attributes: { path: [attribute], gte: 0 } }),
      ...(page.after !== null && { code: { gt: page.after } }),
    },
    orderBy: { code: 'asc' },
    take: page.take,
  })
  return rows.map(toCatalogueExercise)
}

export async function readCatalogueExercise(
  tx: Transaction,
  clinicId: string,
  code: string,
): Promise<CatalogueExercise | null> {
  const row = await tx.exercise.findUnique({ where: { clinicId_code: { clinicId, code } } })
  return row === null ? null : toCatalogueExercise(row)
}

/** The exercise, which nobody else can change, delete or begin to use until the transaction ends. */
export async function lockExercise(tx: Transaction, clinicId: string, code: string): Promise<CatalogueExercise | null> {
  await lockCode(tx, 'exercise', clinicId, code)
  return readCatalogueExercise(tx, clinicId, code)
}

export async function readExercise(tx: Transaction, clinicId: string, code: string): Promise<Exercise | null> {
  const stored = await readCatalogueExercise(tx, clinicId, code)
  return stored === null ? null : stored.exercise
}

/** The whole catalogue, in the order of the codes. */
export async function readAllExercises(tx: Transaction, clinicId: string): Promise<Exercise[]> {
  const rows = await tx.exercise.findMany({ where: { clinicId }, orderBy: { code: 'asc' } })
  return rows.map(toExercise)
}

/** Null when the clinic has one with this code. The attributes that it is graded by must exist. */
export async function createExercise(
  tx: Transaction,
  { clinicId, id, createdAt, exercise }: { clinicId: string; id: string; createdAt: Instant; exercise: Exercise },
): Promise<CatalogueExercise | null> {
  const [row] = await tx.exercise.createManyAndReturn({
    data: {
      clinicId,
      id,
      code: exercise.code,
      title: exercise.title,
      kind: exercise.kind,
      position: exercise.position ?? null,
      instructions: exercise.instructions ?? null,
      target: exercise.target ?? null,
      equipment: [...(exercise.equipment ?? [])],
      groups: [...(exercise.groups ?? [])],
      attributes: exercise.attributes,
      revision: 1,
      createdAt: toTimestamp(createdAt),
    },
    skipDuplicates: true,
  })
  return row === undefined ? null : toCatalogueExercise(row)
}

/** What is left out stays. Fails if the exercise is no longer at the revision that was decided from. */
export async function updateExercise(
  tx: Transaction,
  clinicId: string,
  { exercise: { code }, revision }: CatalogueExercise,
  { equipment, groups, ...change }: z.output<typeof exerciseChange>,
): Promise<CatalogueExercise> {
  const row = await tx.exercise.update({
    where: { clinicId_code: { clinicId, code }, revision },
    data: {
      ...change,
      ...(equipment !== undefined && { equipment: equipment ?? [] }),
      ...(groups !== undefined && { groups: groups ?? [] }),
      revision: { increment: 1 },
    },
  })
  return toCatalogueExercise(row)
}

/** Fails if the exercise is no longer at the revision that was decided from. */
export async function deleteExercise(
  tx: Transaction,
  clinicId: string,
  { exercise: { code }, revision }: CatalogueExercise,
): Promise<void> {
  await tx.exercise.delete({ where: { clinicId_code: { clinicId, code }, revision } })
}

type RuleUse = Extract<Use, { kind: 'prescription' | 'contraindication' }>

/** The rules of any version, drafts included, that name it, and the overrides, voided ones included. */
export async function findExerciseUses(tx: Transaction, clinicId: string, code: string): Promise<Use[]> {
  const named = JSON.stringify([{ exercise: code }])
  // In one statement, as an edit may take the rule or the draft away between two.
  const rules = await tx.$queryRaw<RuleUse[]>`
    WITH rule AS (
      (SELECT 'prescription' AS kind, version_id, code FROM prescription
        WHERE clinic_id = ${clinicId}::uuid AND exercise_code = ${code} ORDER BY version_id, code LIMIT ${mostUses})
      UNION ALL
      (SELECT 'contraindication', version_id, code FROM contraindication
        WHERE clinic_id = ${clinicId}::uuid AND (target @> ${named}::jsonb OR except_target @> ${named}::jsonb)
        ORDER BY version_id, code LIMIT ${mostUses})
    )
    SELECT r.kind, p.code AS protocol, v.number AS version, r.code
    FROM rule r
    JOIN protocol_version v ON v.clinic_id = ${clinicId}::uuid AND v.id = r.version_id
    JOIN protocol p ON p.clinic_id = v.clinic_id AND p.id = v.protocol_id
    ORDER BY r.kind DESC, r.version_id, r.code`
  const overrides = await tx.recordEntry.findMany({
    where: { clinicId, kind: 'override', payload: { path: ['exercise'], equals: code } },
    select: { id: true, episodeId: true },
    orderBy: { id: 'asc' },
    take: mostUses,
  })
  return [
    ...rules,
    ...overrides.map(({ id, episodeId }) => ({ kind: 'override' as const, episode: episodeId, entry: id })),
  ]
}
