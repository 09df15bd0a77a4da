import type { Transaction } from '../../db/client.ts'
import type { Actor } from '../../http/auth.ts'
import type { Instant } from '../../rules/index.ts'
import { readActors } from '../actors/repository.ts'
import type { VersionSummary } from './repository.ts'

/** Who did something: an API key, a person or a client. */
export interface Key {
  id: string
  /** Null: the clinic does not know them. */
  kind: Actor['kind'] | null
  name: string | null
}

/** Looks the actors up once, and then names each of them. */
export async function nameKeys(
  tx: Transaction,
  clinicId: string,
  ids: readonly (string | null | undefined)[],
): Promise<(id: string) => Key> {
  const given = ids.filter((id) => id != null)
  const known = await readActors(tx, clinicId, given)
  return (id) => ({ id, kind: known.get(id)?.kind ?? null, name: known.get(id)?.name ?? null })
}

/** An actor in a sentence. */
export function speakKey({ id, name }: Key): string {
  return name === null ? `somebody unknown (${id})` : `“${name}”`
}

/** A moment in a sentence, to the minute. */
export function speakInstant(at: Instant): string {
  return `${at.slice(0, 10)} ${at.slice(11, 16)} UTC`
}

/** Versions as they are answered: with the names of those who wrote, submitted, reviewed, published and retired them. */
export async function withKeyNames<V extends VersionSummary>(
  tx: Transaction,
  clinicId: string,
  versions: readonly V[],
) {
  const keyOf = await nameKeys(
    tx,
    clinicId,
    versions.flatMap((version) => [
      ...version.authors,
      version.submitted?.by,
      version.review?.by,
      version.publishedBy,
      version.retiredBy,
    ]),
  )
  const orNull = (id: string | null): Key | null => (id === null ? null : keyOf(id))
  return versions.map((version) => ({
    ...version,
    authors: version.authors.map(keyOf),
    submitted: version.submitted === null ? null : { ...version.submitted, by: keyOf(version.submitted.by) },
    review: version.review === null ? null : { ...version.review, by: keyOf(version.review.by) },
    publishedBy: orNull(version.publishedBy),
    retiredBy: orNull(version.retiredBy),
  }))
}

/** One version, as it is answered. */
export async function withKeyNamesOf<V extends VersionSummary>(tx: Transaction, clinicId: string, version: V) {
  const [named] = await withKeyNames(tx, clinicId, [version])
  if (named === undefined) throw new Error('one version was asked about')
  return named
}
