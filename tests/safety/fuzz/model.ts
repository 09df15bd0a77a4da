import type { Document, Operation } from './document.ts'
import type { Reply } from './wire.ts'

type Loose = Record<string, unknown>

/** How many things of one kind are remembered; beyond that the new ones take the place of old ones. */
const mostKnown = 150

export interface ProtocolWords {
  milestones: { code: string; grantedBy?: string[] }[]
  facts: { code: string; type: string; min?: number; max?: number; values?: string[] }[]
  redFlags: { code: string }[]
  contraindications: { code: string }[]
  phases: { code: string }[]
}

/** The lists of a document, as addresses and as the document call them. */
export const partLists = [
  ['sources', 'sources'],
  ['milestones', 'milestones'],
  ['facts', 'facts'],
  ['phases', 'phases'],
  ['prescriptions', 'prescriptions'],
  ['contraindications', 'contraindications'],
  ['limits', 'limits'],
  ['instructions', 'instructions'],
  ['red-flags', 'redFlags'],
  ['cases', 'cases'],
] as const

export type Model = ReturnType<typeof makeModel>

/** What a clinic is known to have, learnt from the answers of the service. */
export function makeModel({ templates }: Pick<Document, 'templates'>) {
  const shapes = templates.map((path) => ({ path, segments: path.split('/').slice(1) }))
  const byLength = Map.groupBy(shapes, ({ segments }) => segments.length)
  const known = new Map<string, string[]>()
  const etags = new Map<string, string>()
  const cursors: string[] = []
  const moments: string[] = []
  const confirms = new Map<string, string[]>()
  const conflicts = new Map<string, string[]>()
  const documents = new Map<string, Loose>()
  const episodes = new Map<string, { protocols: string[]; surgeryDate: string }>()
  const clientIds: string[] = []
  /** The actors that make the requests: nothing revokes them. */
  const kept = new Set<string>()

  function templateOf(address: string): string | null {
    const segments = address.split('/').slice(1)
    const found = byLength
      .get(segments.length)
      ?.filter((shape) => shape.segments.every((one, index) => one.startsWith('{') || one === segments[index]))
      .sort((a, b) => a.path.split('{').length - b.path.split('{').length)[0]
    return found?.path ?? null
  }

  function remember(address: string): void {
    const template = templateOf(address)
    if (template === null || !template.includes('{')) return
    const list = known.get(template) ?? []
    if (list.includes(address)) return
    if (list.length >= mostKnown) list.shift()
    list.push(address)
    known.set(template, list)
  }

  function forget(address: string): void {
    for (const [template, list] of known) {
      if (list.some((one) => one === address || one.startsWith(`${address}/`))) {
        known.set(
          template,
          list.filter((one) => one !== address && !one.startsWith(`${address}/`)),
        )
      }
    }
  }

  /** Under which address the `ETag` of this one is needed. */
  function taggedAs(address: string): string {
    return /^(\/v1\/protocols\/[^/]+\/draft)(\/|$)/.exec(address)?.[1] ?? address
  }

  function learn(operation: Operation, address: string, reply: Reply, sent: unknown): void {
    const body = (typeof reply.body === 'object' && reply.body !== null ? reply.body : {}) as Loose
    const { location, etag } = reply.headers
    if (reply.status === 404 && operation.method === 'GET') forget(address)
    if (Array.isArray(body.confirm)) keepLast(confirms, address, body.confirm as string[])
    if (Array.isArray(body.conflicts)) {
      keepLast(
        conflicts,
        address,
        (body.conflicts as Loose[]).map((one) => String(one.path)),
      )
    }
    if (reply.status >= 300) return
    if (operation.method === 'DELETE') forget(address)
    else if (operation.method === 'GET' && address !== operation.path) remember(address)
    if (location !== undefined) remember(location)
    if (etag !== undefined) {
      const created = location !== undefined && !location.includes('/draft/') ? location : address
      keepLast(etags, taggedAs(created), etag, 2000)
    }
    if (Array.isArray(body.items)) {
      for (const item of body.items as Loose[]) learnItem(address, item)
      if (typeof body.next === 'string') {
        if (cursors.length > 60) cursors.shift()
        cursors.push(body.next)
      }
    }
    learnItem('', body)
    if (operation.id === 'createProtocol' && typeof sent === 'object' && sent !== null) {
      remember(`/v1/protocols/${(sent as Loose).code}/draft`)
      keepDocument(sent as Loose)
    }
    if (operation.id === 'exportVersion') keepDocument(body)
    if (operation.id === 'getDraft' && typeof body.document === 'object') keepDocument(body.document as Loose)
    const { basis } = body as { basis?: { knownAt?: string } }
    if (basis?.knownAt !== undefined) {
      if (moments.length > 30) moments.shift()
      moments.push(basis.knownAt)
    }
  }

  function learnItem(list: string, item: Loose): void {
    if (list !== '') {
      const key = [item.code, item.id, item.seq, item.number, item.version, item.name].find(
        (one) => typeof one === 'string' || typeof one === 'number',
      )
      if (key !== undefined) remember(`${list}/${key}`)
      if (typeof item.type === 'string' && item.type.startsWith('/problems/')) remember(item.type)
    }
    if (typeof item.clientId === 'string' && !clientIds.includes(item.clientId)) clientIds.push(item.clientId)
    if (typeof item.surgeryDate === 'string' && Array.isArray(item.protocols) && typeof item.patientId === 'string') {
      const protocols = (item.protocols as { code: string }[]).map(({ code }) => code)
      keepLast(episodes, String(item.id), { protocols, surgeryDate: item.surgeryDate }, 500)
      remember(`/v1/episodes/${item.id}`)
      remember(`/v1/patients/${item.patientId}`)
    }
  }

  function keepDocument(document: Loose): void {
    if (typeof document.code !== 'string' || !Array.isArray(document.phases)) return
    keepLast(documents, document.code, document)
    const draft = `/v1/protocols/${document.code}/draft`
    if (!(known.get('/v1/protocols/{code}/draft') ?? []).includes(draft)) return
    for (const [kind, list] of partLists) {
      for (const part of (document[list] ?? []) as Loose[]) remember(`${draft}/${kind}/${part.code ?? part.id}`)
    }
  }

  return {
    learn,
    remember,
    forget,
    kept,
    known: (template: string): readonly string[] => known.get(template) ?? [],
    codes: (template: string): string[] => (known.get(template) ?? []).map((one) => one.split('/').at(-1) ?? ''),
    etagOf: (address: string): string | undefined => {
      const tag = etags.get(taggedAs(address))
      if (tag !== undefined) return tag
      return etags.get(address.replace(/\/(revoke|retire|close)$/, ''))
    },
    cursors: cursors as readonly string[],
    moments: moments as readonly string[],
    clientIds: clientIds as readonly string[],
    confirmsOf: (address: string) => confirms.get(address) ?? [],
    conflictsOf: (address: string) => conflicts.get(address) ?? [],
    documents: documents as ReadonlyMap<string, Loose>,
    episodes: episodes as ReadonlyMap<string, { protocols: string[]; surgeryDate: string }>,
    /** What the protocols of an episode declare. */
    wordsOf(protocols: readonly string[]): ProtocolWords[] {
      return protocols.flatMap((code) => (documents.get(code) as unknown as ProtocolWords | undefined) ?? [])
    },
    templateOf,
  }
}

function keepLast<Value>(map: Map<string, Value>, key: string, value: Value, most = 200): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) {
    const [oldest] = map.keys()
    if (oldest !== undefined) map.delete(oldest)
  }
}
