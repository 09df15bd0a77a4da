import type { Database, Transaction } from '../../db/client.ts'
import type { Instant } from '../../rules/index.ts'
import { insertApiKey } from '../api-keys/repository.ts'
import { createAttribute } from '../attributes/repository.ts'
import { adopt } from '../library/adopt.ts'
import { createProcedure, readProcedure, updateProcedure } from '../procedures/repository.ts'
import { type Authorship, publish, withCatalogue } from '../protocols/authoring.ts'
import { readProtocol, readVersion } from '../protocols/repository.ts'
import { type Library, readLibrary } from './library.ts'
import { insertClinic } from './repository.ts'

export interface NewClinic {
  id: string
  name: string
  /** IANA. */
  timeZone: string
  /** Its first key, an administrator's. */
  apiKey: string
  now: Instant
  nextId: () => string
  /** The folder of the library that it adopts; left out: the one that comes with this release. */
  library?: URL
}

/** Makes a clinic with an administrator's key and the built-in library adopted and published; all of it or nothing. */
export async function createClinic(db: Database, clinic: NewClinic): Promise<void> {
  const library = readLibrary(clinic.library)
  const { id: clinicId, now, nextId } = clinic
  const work = async (tx: Transaction): Promise<void> => {
    await insertClinic(tx, { clinicId, name: clinic.name, timeZone: clinic.timeZone, createdAt: now })
    const actorId = nextId()
    await insertApiKey(tx, {
      clinicId,
      id: actorId,
      name: 'First key',
      key: clinic.apiKey,
      role: 'administrator',
      createdAt: now,
    })
    await adoptLibrary(tx, { clinicId, actorId, now, nextId }, library)
  }
  // It is nobody's yet, so that it is in nobody's way; on a slow machine the library takes longer than a request may.
  await db.asWhole(clinicId, work, 120_000)
}

/** Copies the library into the clinic, with its provenance, and makes each protocol the default of its procedures. */
async function adoptLibrary(tx: Transaction, author: Authorship, library: Library): Promise<void> {
  const { clinicId, now: createdAt, nextId } = author
  for (const attribute of library.attributes) {
    await createAttribute(tx, { ...attribute, clinicId, id: nextId(), createdAt })
  }
  for (const procedure of library.procedures) {
    await createProcedure(tx, { ...procedure, clinicId, id: nextId(), createdAt })
  }
  for (const entry of library.protocols) {
    const { document } = entry
    await adopt(tx, author, entry)
    const protocol = await readProtocol(tx, clinicId, document.code)
    const draft = protocol === null ? null : await readVersion(tx, clinicId, protocol.id, 'draft')
    if (protocol === null || draft === null) throw new Error(`the draft of ${document.code} was just created`)
    const adopted = { ...draft, document: await withCatalogue(tx, clinicId, draft.document) }
    await publish(tx, author, protocol, adopted, 'Adopted from the built-in library')
    for (const code of document.procedures) {
      const procedure = await readProcedure(tx, clinicId, code)
      if (procedure !== null) await updateProcedure(tx, clinicId, procedure, { defaultProtocol: document.code })
    }
  }
}
