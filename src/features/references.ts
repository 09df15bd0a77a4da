import type { Transaction } from '../db/client.ts'
import { type CodedTable, holdCodes, readCodes } from '../db/codes.ts'
import { findNearest, listWords } from '../http/nearest.ts'
import { type ProblemCode, ProblemError } from '../http/problems.ts'

const collections = {
  attribute: { path: '/v1/attributes', notFound: 'ATTRIBUTE_NOT_FOUND' },
  procedure: { path: '/v1/procedures', notFound: 'PROCEDURE_NOT_FOUND' },
  exercise: { path: '/v1/exercises', notFound: 'EXERCISE_NOT_FOUND' },
  protocol: { path: '/v1/protocols', notFound: 'PROTOCOL_NOT_FOUND' },
} as const satisfies Record<CodedTable, { path: string; notFound: ProblemCode }>

/** The 404 for a code in a path, with the clinic's codes that resemble it. */
export async function toNotFound(
  tx: Transaction,
  table: CodedTable,
  clinicId: string,
  code: string,
): Promise<ProblemError> {
  const { detail, nearest } = describeUnknown(table, code, await readCodes(tx, table, clinicId))
  return new ProblemError(collections[table].notFound, detail, { nearest })
}

/** The 409 for a code that the clinic has given already. */
export function toCodeTaken(table: CodedTable, code: string): ProblemError {
  const detail = `is taken: the clinic has the ${table} \`${code}\` already`
  return new ProblemError('ALREADY_EXISTS', `\`code\` ${detail}`, { errors: [{ pointer: '/code', detail }] })
}

/**
 * Refuses a body that names codes which the clinic does not have, every one at its place. Those that it has cannot be
 * deleted until the transaction ends.
 */
export async function requireCodes(
  tx: Transaction,
  table: CodedTable,
  clinicId: string,
  named: readonly { code: string; pointer: string }[],
): Promise<void> {
  const found = await holdCodes(
    tx,
    table,
    clinicId,
    named.map(({ code }) => code),
  )
  const unknown = named.filter(({ code }) => !found.has(code))
  if (unknown.length === 0) return
  const known = await readCodes(tx, table, clinicId)
  const places = unknown.map(({ code, pointer }) => ({ pointer, ...describeUnknown(table, code, known) }))
  const more = places.length > 1 ? ` (and ${places.length - 1} more: see \`errors\`)` : ''
  throw new ProblemError('UNKNOWN_REFERENCE', `${places[0]?.detail}${more}`, {
    errors: places.map(({ pointer, detail }) => ({ pointer, detail })),
    nearest: [...new Set(places.flatMap(({ nearest }) => nearest))],
  })
}

function describeUnknown(
  table: CodedTable,
  code: string,
  known: ReadonlySet<string>,
): { detail: string; nearest: string[] } {
  const nearest = findNearest(code, known)
  const hint =
    nearest.length > 0
      ? `did you mean ${listWords(nearest)}?`
      : `\`GET ${collections[table].path}\` lists what there is`
  return { detail: `there is no ${table} \`${code}\`: ${hint}`, nearest }
}

/** What names a thing and so keeps it from being deleted. */
export type Use =
  | { kind: 'exercise'; code: string }
  | { kind: 'protocol'; protocol: string; version: number | null }
  | { kind: 'prescription' | 'contraindication'; protocol: string; version: number | null; code: string }
  | { kind: 'episode'; episode: string }
  | { kind: 'override'; episode: string; entry: string }

/** Of each kind of use at most this many are looked up; enough to act on, and short enough to read. */
export const mostUses = 10

/** Refuses to delete what is in use, and says by what. */
export function refuseInUse(thing: string, uses: readonly Use[]): void {
  const shown = uses.slice(0, 3).map(describeUse)
  if (shown.length === 0) return
  const more = uses.length > shown.length ? ' and more: see `uses`' : ''
  throw new ProblemError('IN_USE', `${thing} is in use by ${shown.join(', ')}${more}`, { uses })
}

function describeUse(use: Use): string {
  switch (use.kind) {
    case 'exercise':
      return `the exercise \`${use.code}\``
    case 'protocol':
      return describeVersion(use)
    case 'prescription':
    case 'contraindication':
      return `the ${use.kind} \`${use.code}\` of ${describeVersion(use)}`
    case 'episode':
      return `the episode ${use.episode}`
    case 'override':
      return `the override ${use.entry} of the episode ${use.episode}`
  }
}

function describeVersion({ protocol, version }: { protocol: string; version: number | null }): string {
  return version === null
    ? `the draft of the protocol \`${protocol}\``
    : `version ${version} of the protocol \`${protocol}\``
}
