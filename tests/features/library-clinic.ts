import { randomUUIDv7 } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { createClinic } from '../../src/features/clinics/create-clinic.ts'
import { makeApiKey } from '../../src/http/auth.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { type Answer, type Client, type ClinicOptions, startClinic } from './support.ts'

/** As `startClinic`; the clinic has adopted the built-in library, as the operator's command makes it. */
export async function startClinicWithLibrary(options: ClinicOptions = {}) {
  const service = await startClinic(options)
  const { db, addClient } = service

  /** Another clinic that has adopted the library: the service's, or that of an earlier release. */
  async function addLibraryClinic(
    timeZone = options.timeZone ?? 'America/New_York',
    library = options.library,
  ): Promise<Client> {
    const id = randomUUIDv7()
    const now = toInstantText(Temporal.Instant.from(options.now ?? Temporal.Now.instant()))
    const clinic = { id, name: 'Library clinic', timeZone, apiKey: makeApiKey(id), now, nextId: randomUUIDv7 }
    await createClinic(db, { ...clinic, ...(library && { library }) })
    return addClient(id)
  }

  return { ...service, ...(await addLibraryClinic()), addLibraryClinic }
}

/** The body of an answer that succeeded; otherwise the test ends with what the service said. */
export function accepted<Body>({ status, text, body }: Answer<Body>): Body {
  if (status >= 300) throw new Error(`${status}: ${text}`)
  return body
}

/** A protocol for PLIF and ALIF with everything that a document can say. */
export const everyFeatureYaml = readFileSync(path.resolve(import.meta.dirname, 'golden/every-feature.yaml'), 'utf8')

export function everyFeature(code = 'every-feature', change: object = {}): ProtocolDocument {
  return { ...parse(everyFeatureYaml), code, ...change }
}

/** The protocol's next version, of this document. */
export async function publishProtocol(client: Client, document: ProtocolDocument): Promise<void> {
  const address = `/protocols/${document.code}`
  const exists = (await client.get(address)).status === 200
  accepted(await (exists ? client.put(`${address}/draft`, document) : client.post('/protocols', document)))
  accepted(await client.send('POST', `${address}/draft/publish`, {}, { 'if-match': '*' }))
}

let patients = 0

/** The id of an episode of a new patient. */
export async function openEpisode(client: Client, episode: object): Promise<string> {
  patients += 1
  const patient = accepted(await client.post<{ id: string }>('/patients', { externalId: `mrn-${patients}` }))
  return accepted(await client.post<{ id: string }>(`/patients/${patient.id}/episodes`, episode)).id
}

/** The date `days` after another one. */
export function addDays(date: string, days: number): string {
  return Temporal.PlainDate.from(date).add({ days }).toString()
}

/** The episode after a change that confirms whatever it makes of today's answer. */
export async function changeConfirmed<Body>(
  client: Client,
  id: string,
  change: object,
  etag = '*',
): Promise<Answer<Body>> {
  const refused = await client.patch<Body & { confirm?: string[] }>(`/episodes/${id}`, change, etag)
  if (refused.status !== 409 || refused.body.confirm === undefined) return refused
  return client.patch<Body>(`/episodes/${id}`, { ...change, confirm: refused.body.confirm }, etag)
}
