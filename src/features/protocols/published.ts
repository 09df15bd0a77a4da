import { LRUCache } from 'lru-cache'
import type { Database } from '../../db/client.ts'
import type { PublishedVersions } from '../../http/context.ts'
import type { ProtocolVersion } from '../../rules/index.ts'
import { askVersions } from './repository.ts'

/**
 * Published versions never change, so each is read and compiled once, and kept while it is among the last that were asked
 * for, as far as their documents have so many characters together.
 */
export function createPublishedVersions(db: Pick<Database, 'ask'>, mostCharacters = 20_000_000): PublishedVersions {
  const kept = new LRUCache<string, ProtocolVersion>({
    maxSize: mostCharacters,
    sizeCalculation: ({ document }) => JSON.stringify(document).length,
  })

  return async (clinicId, ids) => {
    const found = new Map<string, ProtocolVersion>()
    for (const id of ids) {
      const version = kept.get(`${clinicId} ${id}`)
      if (version !== undefined) found.set(id, version)
    }
    const missing = ids.filter((id) => !found.has(id))
    if (missing.length > 0) {
      for (const { id, number, status, document } of await askVersions(db, clinicId, missing)) {
        const key = `${clinicId} ${id}`
        // Whoever read it first: what is compiled belongs to one object.
        const version = kept.get(key) ?? { id, version: number, document }
        if (status === 'published' || status === 'retired') kept.set(key, version)
        found.set(id, version)
      }
    }
    return ids.flatMap((id) => found.get(id) ?? [])
  }
}
