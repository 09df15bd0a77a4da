import { randomUUIDv7 } from 'node:crypto'
import { createClinic } from '../../src/features/clinics/create-clinic.ts'
import { makeApiKey } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { type Client, type ClinicOptions, startClinic } from './support.ts'

/** As `startClinic`; the clinic has adopted the built-in library, as the operator's command makes it. */
export async function startClinicWithLibrary(options: ClinicOptions = {}) {
  const service = await startClinic(options)
  const { db, app, addClient } = service

  /** Another clinic that has adopted the library. */
  async function addLibraryClinic(timeZone = options.timeZone ?? 'America/New_York'): Promise<Client> {
    const id = randomUUIDv7()
    const now = toInstantText(Temporal.Instant.from(options.now ?? Temporal.Now.instant()))
    await createClinic(db, { id, name: 'Library clinic', timeZone, apiKey: makeApiKey(id), now, nextId: randomUUIDv7 })
    return addClient(id)
  }

  return { ...service, ...(await addLibraryClinic()), db, app, addLibraryClinic }
}
