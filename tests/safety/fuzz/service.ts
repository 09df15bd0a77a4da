import { randomUUIDv7 } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type AppOptions, buildApp } from '../../../src/app.ts'
import { type Database, openDatabase } from '../../../src/db/client.ts'
import { insertApiKey } from '../../../src/features/api-keys/repository.ts'
import { createClinic } from '../../../src/features/clinics/create-clinic.ts'
import { type Role, roleNames } from '../../../src/http/access.ts'
import { makeApiKey } from '../../../src/http/auth.ts'
import { toInstantText } from '../../../src/http/schemas.ts'
import { publicUrl } from './requests.ts'

/** A clinic with the built-in library, and a key for each role. */
export interface FuzzClinic {
  id: string
  keys: Record<Role, string>
  /** A second administrator, who has not written what the first has. */
  second: string
  /** The ids of these keys. */
  keyIds: string[]
}

/** An earlier release of the library: with fewer protocols, and with one that is written otherwise. */
function makeEarlierLibrary(): URL {
  const now = new URL('../../../prisma/library/', import.meta.url)
  const folder = mkdtempSync(join(tmpdir(), 'rehab-library-'))
  for (const name of readdirSync(now)) {
    if (name === 'plif.yaml' || name === 'lumbar-microdiscectomy.yaml') continue
    const text = readFileSync(new URL(name, now), 'utf8')
    writeFileSync(
      join(folder, name),
      name === 'alif.yaml' ? text.replaceAll('A hospital exercise', 'An exercise of the ward') : text,
    )
  }
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return pathToFileURL(`${folder}/`)
}

let earlier: URL | undefined

/** A busy machine can take longer than a transaction may: then once more, from the start. */
async function makeClinic(db: Database, tries = 4): Promise<FuzzClinic> {
  try {
    return await makeClinicOnce(db)
  } catch (error) {
    if (tries <= 1 || (error as { code?: string }).code !== 'P2028') throw error
    return makeClinic(db, tries - 1)
  }
}

async function makeClinicOnce(db: Database): Promise<FuzzClinic> {
  const id = randomUUIDv7()
  const now = toInstantText(Temporal.Now.instant())
  earlier ??= makeEarlierLibrary()
  await createClinic(db, {
    library: earlier,
    id,
    name: 'Fuzz clinic',
    timeZone: 'America/New_York',
    apiKey: makeApiKey(id),
    now,
    nextId: randomUUIDv7,
  })
  const keyIds: string[] = []
  async function addKey(role: Role): Promise<string> {
    const key = makeApiKey(id)
    const keyId = randomUUIDv7()
    keyIds.push(keyId)
    await db.asClinic(id, (tx) => insertApiKey(tx, { clinicId: id, id: keyId, name: role, key, role, createdAt: now }))
    return key
  }
  const keys = {} as Record<Role, string>
  for (const role of roleNames) keys[role] = await addKey(role)
  return { id, keys, second: await addKey('administrator'), keyIds }
}

/** The service on a port of its own. */
export async function startService(url: string, options: Partial<AppOptions> = {}) {
  const db = openDatabase(url)
  const app = await buildApp({
    config: { logLevel: 'silent', publicUrl },
    explainInternalErrors: true,
    db,
    clock: () => Temporal.Now.instant(),
    ...options,
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    address,
    makeClinic: () => makeClinic(db),
    close: async (): Promise<void> => {
      await app.close()
      await db.close()
    },
  }
}
