import type { ProtocolVersion } from '../../rules/index.ts'
import type { VersionContent } from '../protocols/repository.ts'

/** More versions than this are not kept: one that is needed again is read again. */
const mostKept = 100

/** The versions that episodes follow, each read and compiled once while it is kept. */
export type VersionShelf = ReturnType<typeof createVersionShelf>

type ReadVersions = (ids: readonly string[]) => Promise<readonly VersionContent[]>

export function createVersionShelf() {
  const shelf = new Map<string, ProtocolVersion>()
  let parts = new Map<string, unknown>()

  function put({ document, ...version }: ProtocolVersion): ProtocolVersion {
    const shared = { ...version, document: share(document, parts) as ProtocolVersion['document'] }
    shelf.set(version.id, shared)
    return shared
  }

  return {
    put,
    /** The versions with these ids; those that are not there yet are read in one go. */
    async take(ids: Iterable<string>, read: ReadVersions): Promise<ReadonlyMap<string, ProtocolVersion>> {
      const wanted = new Set(ids)
      if (new Set([...shelf.keys(), ...wanted]).size > mostKept) {
        for (const id of [...shelf.keys()]) if (!wanted.has(id)) shelf.delete(id)
        parts = new Map()
      }
      const missing = [...wanted].filter((id) => !shelf.has(id))
      if (missing.length > 0) {
        for (const { id, number, document } of await read(missing)) put({ id, version: number, document })
      }
      return shelf
    },
  }
}

/**
 * The same data, with what is alike in several documents as one object: versions of a protocol differ in little, and what
 * is one object need not be compared.
 */
function share(value: unknown, parts: Map<string, unknown>): unknown {
  const key = JSON.stringify(value)
  const known = parts.get(key)
  if (known !== undefined) return known
  const shared = Array.isArray(value)
    ? value.map((item) => share(item, parts))
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, share(item, parts)]))
      : value
  parts.set(key, shared)
  return shared
}
