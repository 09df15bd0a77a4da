import type { Transaction } from '../../db/client.ts'
import { findNearest, listWords } from '../../http/nearest.ts'
import { ProblemError } from '../../http/problems.ts'
import type { Exercise, Named, ProtocolDocument } from '../../rules/index.ts'
import { readProcedure } from '../procedures/repository.ts'
import { exercisesOf } from '../protocols/authoring.ts'
import {
  holdVersions,
  listProtocols,
  type ProtocolSummary,
  readLatestPublished,
  readProtocol,
  readVersion,
  type StoredVersion,
} from '../protocols/repository.ts'
import { requireCodes } from '../references.ts'
import { implausible } from './plausibility.ts'

/** Refuses procedures that the clinic does not have, with the known ones nearest to each. */
export async function requireProcedures(tx: Transaction, clinicId: string, codes: readonly string[]): Promise<void> {
  await requireCodes(
    tx,
    'procedure',
    clinicId,
    codes.map((code, index) => ({ code, pointer: `/procedures/${index}` })),
  )
}

/**
 * The versions that an episode with these procedures gets: those named or, with none named, the clinic's defaults.
 * `followed` are ids of versions that it follows already, and so keeps even if they are retired.
 */
export async function chooseVersions(
  tx: Transaction,
  clinicId: string,
  procedures: readonly string[],
  named: readonly { code: string; version?: number | undefined }[] | undefined,
  followed: readonly string[] = [],
): Promise<StoredVersion[]> {
  const versions = named === undefined ? await readDefaults(tx, clinicId, procedures) : []
  for (const [index, reference] of (named ?? []).entries()) {
    versions.push(await readNamedVersion(tx, clinicId, reference, `/protocols/${index}`, followed))
  }
  requireFit(versions, procedures)
  const retired = await holdVersions(
    tx,
    clinicId,
    versions.map(({ id }) => id).filter((id) => !followed.includes(id)),
  )
  if (retired.size > 0) {
    throw new ProblemError('VERSION_NOT_PUBLISHED', 'a protocol version was retired just now: send the request again')
  }
  return versions
}

async function readDefaults(
  tx: Transaction,
  clinicId: string,
  procedures: readonly string[],
): Promise<StoredVersion[]> {
  const versions = new Map<string, StoredVersion>()
  for (const [index, code] of procedures.entries()) {
    const procedure = await readProcedure(tx, clinicId, code)
    const protocol =
      procedure?.defaultProtocol == null ? null : await readProtocol(tx, clinicId, procedure.defaultProtocol)
    const version = protocol === null ? null : await readLatestPublished(tx, clinicId, protocol.id)
    if (version === null) {
      const detail =
        protocol === null
          ? `\`${code}\` has no default protocol: set one (PATCH /v1/procedures/${code}), or name \`protocols\``
          : `\`${protocol.code}\`, the default protocol of \`${code}\`, has no published version: publish one, or name \`protocols\``
      throw new ProblemError('NO_DEFAULT_PROTOCOL', detail, { errors: [{ pointer: `/procedures/${index}`, detail }] })
    }
    versions.set(version.id, version)
  }
  return [...versions.values()]
}

/** A published version by its protocol's code and number; without a number the newest. One of `followed` may be retired. */
export async function readNamedVersion(
  tx: Transaction,
  clinicId: string,
  { code, version: number }: { code: string; version?: number | undefined },
  pointer: string,
  followed: readonly string[] = [],
): Promise<StoredVersion> {
  const protocol = await readNamedProtocol(tx, clinicId, code, pointer)
  const version =
    number === undefined
      ? await readLatestPublished(tx, clinicId, protocol.id)
      : await readVersion(tx, clinicId, protocol.id, number)
  if (version === null) {
    const newest = protocol.latestVersion === null ? 'nothing is published' : `the newest is ${protocol.latestVersion}`
    const which = number === undefined ? 'published version' : `version ${number}`
    throw unknownReference(pointer, `\`${code}\` has no ${which}: ${newest}`)
  }
  if (version.status !== 'published' && !followed.includes(version.id)) {
    const detail = `version ${version.number} of \`${code}\` is retired: assign another`
    throw new ProblemError('VERSION_NOT_PUBLISHED', detail, { errors: [{ pointer, detail }] })
  }
  return version
}

/** The draft of the protocol with that code, with its exercises as the catalogue has them. */
export async function readNamedDraft(
  tx: Transaction,
  clinicId: string,
  code: string,
  pointer: string,
  catalogue: readonly Exercise[],
): Promise<ProtocolDocument> {
  const protocol = await readNamedProtocol(tx, clinicId, code, pointer)
  const draft = await readVersion(tx, clinicId, protocol.id, 'draft')
  if (draft !== null) return { ...draft.document, exercises: exercisesOf(draft.document, catalogue) }
  throw unknownReference(pointer, `\`${code}\` has no draft: start one (POST /v1/protocols/${code}/draft)`)
}

async function readNamedProtocol(
  tx: Transaction,
  clinicId: string,
  code: string,
  pointer: string,
): Promise<ProtocolSummary> {
  const protocol = await readProtocol(tx, clinicId, code)
  if (protocol !== null) return protocol
  const known = await listProtocols(tx, clinicId, { after: null, take: 1000 })
  const nearest = findNearest(
    code,
    known.map((candidate) => candidate.code),
  )
  const hint = nearest.length > 0 ? `: did you mean ${listWords(nearest)}?` : ''
  throw unknownReference(pointer, `there is no protocol \`${code}\`${hint}`)
}

function unknownReference(pointer: string, detail: string): ProblemError {
  return new ProblemError('UNKNOWN_REFERENCE', detail, { errors: [{ pointer, detail }] })
}

/** Why an episode cannot follow versions together. */
export type Misfit =
  | { kind: 'twice'; protocol: Named }
  /** It is for other `procedures` than those of the surgery. */
  | { kind: 'other-procedures'; protocol: Named; procedures: readonly string[]; surgery: readonly string[] }
  /** No protocol is for these. */
  | { kind: 'uncovered'; procedures: readonly string[] }

/** Every protocol must be for one of the procedures, and every procedure must have one, unless nothing is assigned. */
export function findMisfit(
  versions: readonly Pick<StoredVersion, 'document'>[],
  surgery: readonly string[],
): Misfit | null {
  for (const [index, { document }] of versions.entries()) {
    const { code, title, procedures } = document
    const protocol = { code, title }
    if (versions.findIndex((other) => other.document.code === code) !== index) return { kind: 'twice', protocol }
    if (!procedures.some((procedure) => surgery.includes(procedure))) {
      return { kind: 'other-procedures', protocol, procedures, surgery }
    }
  }
  const covered = new Set(versions.flatMap((version) => version.document.procedures))
  const uncovered = surgery.filter((procedure) => !covered.has(procedure))
  return versions.length > 0 && uncovered.length > 0 ? { kind: 'uncovered', procedures: uncovered } : null
}

/** Refuses versions that an episode with these procedures cannot follow together. */
export function requireFit(
  versions: readonly Pick<StoredVersion, 'document'>[],
  procedures: readonly string[],
  says: 'names' | 'is left out and stays at' = 'names',
): void {
  const misfit = findMisfit(versions, procedures)
  switch (misfit?.kind) {
    case 'twice':
      throw implausible('/protocols', `names \`${misfit.protocol.code}\` twice: one version of a protocol at a time`)
    case 'other-procedures':
      throw implausible(
        '/protocols',
        `${says} \`${misfit.protocol.code}\`, which is for ${listWords(misfit.procedures)} and not for ${listWords(procedures)}`,
      )
    case 'uncovered':
      throw implausible(
        '/protocols',
        `leaves ${listWords(misfit.procedures, 'and')} without a protocol, so that nothing would be withheld because of it: add one`,
      )
  }
}
