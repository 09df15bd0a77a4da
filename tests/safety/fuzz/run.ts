import { makeChance } from './chance.ts'
import { type Document, readDocument } from './document.ts'
import { type Fault, findOperation, isShed, type Judged, judge, type Rules } from './judge.ts'
import { type Model, makeModel } from './model.ts'
import { makeRequests, type Plan } from './requests.ts'
import type { FuzzClinic } from './service.ts'
import { attack, spoilSlightly, toSent } from './spoil.ts'
import { asCurl, openWire, type Reply, type Sent } from './wire.ts'

export interface FuzzTarget {
  address: string
  makeClinic: () => Promise<FuzzClinic>
  /** What the service's memory is, after its garbage was collected. */
  memory?: () => Promise<Memory>
}

export interface Memory {
  rss: number
  heapUsed: number
  external: number
}

export interface FuzzOptions {
  count: number
  /** What is left to chance follows from it; of several, each makes its share of the requests. */
  seeds: readonly [number, ...number[]]
  /** Ends it early. */
  stopped?: () => boolean
  /** How many requests are under way at once. */
  connections?: number
  /** No answer may take longer, in milliseconds. */
  slowest?: number
  /** After how many requests another clinic is taken, so that none grows without bound. */
  perClinic?: number
  /** How often memory is measured. */
  measures?: number
  /** Which operations are asked for; left out: all. */
  only?: (id: string) => boolean
  onProgress?: (line: string) => void
}

export interface Finding extends Fault {
  times: number
  /** The seed of the request. */
  seed: number
  /** The request that shows it, as small as it could be made. */
  curl: string
}

export interface FuzzResult {
  sent: number
  seconds: number
  findings: Finding[]
  /** How often each status was answered, by operation. */
  coverage: Map<string, Map<number, number>>
  /** Requests by how they were made, and what became of them. */
  byKind: Map<string, Map<string, number>>
  /** Milliseconds in all, by operation. */
  time: Map<string, number>
  slowest: { milliseconds: number; operation: string; curl: string }[]
  memory: (Memory & { after: number })[]
  /** Bodies that the document allows and the service calls invalid. */
  stricter: Map<string, { times: number; example: string }>
  document: Document
}

/** Sends `count` requests and judges every answer. */
export async function runFuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const {
    count,
    seeds,
    stopped = () => false,
    connections = 8,
    slowest = 5_000,
    perClinic = 5_000,
    measures = 0,
  } = options
  const { only = () => true, onProgress = () => {} } = options
  const document = readDocument(await (await fetch(`${target.address}/openapi.json`)).json())
  let made = 0
  const fresh = (start: string): string => {
    made += 1
    return `${start}-${made}`
  }
  const asked = document.operations.filter(({ id }) => only(id))
  const requests = makeRequests(document, fresh)
  const wire = openWire(target.address, connections)
  const outside = await makeOutside(target)
  const rules: Rules = { document, slowest, foreign: outside.marks }

  const result: FuzzResult = {
    sent: 0,
    seconds: 0,
    findings: [],
    coverage: new Map(document.operations.map(({ id }) => [id, new Map()])),
    byKind: new Map(),
    time: new Map(),
    slowest: [],
    memory: [],
    stricter: new Map(),
    document,
  }
  const found = new Map<string, Finding>()
  const started = performance.now()

  let clinic = await target.makeClinic()
  let model = await startModel(clinic)
  let queue: { id: string; address: string }[] = []
  const succeeded = new Map<string, number>()

  async function startModel(own: FuzzClinic): Promise<Model> {
    const begun = makeModel(document)
    for (const id of own.keyIds) begun.kept.add(id)
    // What a clinic begins with.
    const lists = [
      'clinic',
      'attributes?limit=200',
      'procedures?limit=200',
      'exercises?limit=200',
      'protocols',
      'library',
    ]
    const protocols = ['acdf-standard', 'alif-standard', 'llif-standard']
    const exports = protocols.flatMap((code) => [
      `protocols/${code}/versions/1/document`,
      `protocols/${code}/versions/1`,
    ])
    const send = async (method: string, path: string, body?: unknown): Promise<Reply> => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const sent: Sent = {
        method,
        target: `/v1/${path}`,
        headers: {
          authorization: `Bearer ${own.keys.administrator}`,
          'if-match': '*',
          ...(text !== undefined && {
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(text)),
          }),
        },
        ...(text !== undefined && { body: text }),
      }
      const operation = findOperation(document, sent)
      const reply = await wire.send(sent)
      if (operation === null || reply === null || reply.status >= 300) {
        throw new Error(`a clinic cannot begin with ${method} ${path}: ${reply?.text}`)
      }
      begun.learn(operation, sent.target.split('?')[0] ?? '', reply, body)
      return reply
    }
    if (options.only !== undefined) return begun
    for (const path of [...lists, ...exports]) await send('GET', path)
    for (const id of ['createProcedure', 'createExercise']) {
      const operation = document.byId.get(id)
      if (operation !== undefined)
        await send('POST', operation.path.slice('/v1/'.length), requests.exampleOf(operation))
    }
    for (let times = 0; times < 6; times += 1) {
      const code = fresh('z-protocol')
      await send('POST', 'protocols', requests.smallProtocol(code))
      if (times > 0) continue
      await send('POST', `protocols/${code}/draft/publish`, {})
      await send('POST', `protocols/${code}/draft`, {})
      await send('GET', `protocols/${code}/draft`)
    }
    const [small = ''] = begun.documents.has('acdf-standard')
      ? [...begun.documents.keys()].filter((code) => code.startsWith('z-'))
      : []
    for (let times = 0; times < 5; times += 1) {
      const patient = await send('POST', 'patients', { externalId: fresh('mrn') })
      const { location = '' } = patient.headers
      const ours = {
        procedures: ['cervical-laminoplasty'],
        surgeryDate: '2026-10-01',
        protocols: [{ code: small, version: 1 }],
      }
      const builtIn = { procedures: ['acdf'], surgeryDate: '2026-10-01' }
      const episode = await send('POST', `${location.slice('/v1/'.length)}/episodes`, times === 0 ? ours : builtIn)
      const at = (episode.headers.location ?? '').slice('/v1/'.length)
      if (times === 0) {
        await send('POST', `${at}/facts`, { code: 'pain', value: 3, on: '2026-10-04' })
        continue
      }
      await send('POST', `${at}/milestones`, { code: 'hospital-discharge', on: '2026-10-03' })
      await send('POST', `${at}/symptoms`, { redFlag: 'muscle-weakness', on: '2026-10-04' })
      await send('POST', `${at}/holds`, { from: '2026-10-06', reason: 'Fever' })
      await send('POST', `${at}/overrides`, {
        exercise: 'walking',
        effect: 'withhold',
        from: '2026-10-05',
        reason: 'Dizzy',
      })
    }
    await send('POST', `protocols/${small}/draft/publish`, {})
    const move = { to: 2, select: { all: true }, reason: 'A newer version' }
    await send('POST', `protocols/${small}/moves`, move)
    await send('GET', `protocols/${small}/moves`)
    await send('POST', `protocols/${small}/draft`, {})
    const client = document.byId.get('registerClient')
    if (client !== undefined) await send('POST', 'clients', requests.exampleOf(client))
    return begun
  }

  /** The operations that have succeeded least come oftener. */
  function chooseOperation(chance: ReturnType<typeof makeChance>): { id: string; address?: string } {
    const next = queue.length > 0 && chance.percent(40) ? queue.shift() : undefined
    if (next !== undefined) return next
    const some = Array.from({ length: chance.percent(60) ? 4 : 1 }, () => chance.pick(asked))
    // The parts of a draft are ten times the same.
    if (/\/draft\/[a-z-]+(\/\{part\})?$/.test(some[0]?.path ?? '') && chance.percent(70))
      some.splice(0, 4, chance.pick(asked))
    some.sort((a, b) => (succeeded.get(a.id) ?? 0) - (succeeded.get(b.id) ?? 0))
    return { id: some[0]?.id ?? '' }
  }

  async function one(index: number): Promise<void> {
    const ownSeed = ((seeds[index % seeds.length] ?? seeds[0]) + index * 7919) | 0
    const chance = makeChance(ownSeed)
    const [ownModel, ownClinic] = [model, clinic]
    const { id, address } = chooseOperation(chance)
    const operation = document.byId.get(id)
    if (operation === undefined) throw new Error(`there is no operation ${id}`)
    const plan: Plan = requests.plan(operation, ownModel, chance)
    if (address !== undefined) plan.address = address
    const caller = callerOf(chance.evenly(100), ownClinic)
    if (caller.authorization !== null) plan.headers.authorization = caller.authorization
    const dice = address !== undefined ? 0 : chance.evenly(100)
    const kind = dice < 40 ? 'valid' : dice < 75 ? 'nearly' : 'hostile'
    let sent =
      kind === 'valid' ? toSent(plan) : kind === 'nearly' ? spoilSlightly(plan, ownModel, chance) : attack(plan, chance)
    if (chance.percent(2)) sent = nameTheOther(sent, chance)
    const reached = sent.raw === undefined ? findOperation(document, sent) : operation
    const reply = await sendAnyway(sent)
    result.sent += 1
    if (reply !== null)
      result.time.set(
        reached?.id ?? 'elsewhere',
        (result.time.get(reached?.id ?? 'elsewhere') ?? 0) + reply.milliseconds,
      )
    if (reply === null) {
      count_(result.byKind, kind, 'closed')
      return
    }
    count_(result.byKind, kind, isShed(reply) ? 'shed' : `${String(reply.status)[0]}xx`)
    if (sent.raw === undefined) note(reached?.id ?? 'elsewhere', reply.status)
    keepSlow(reply, reached?.id ?? 'elsewhere', sent)
    const judged: Judged = {
      sent,
      operation: sent.raw === undefined ? reached : null,
      reply,
      outsider: caller.outsider,
    }
    const faults = judge(judged, rules)
    for (const fault of faults) await report(fault, judged, ownSeed)
    if (sent.raw === undefined && reached !== null && caller.outsider === null) {
      const at = sent.target.split('?')[0] ?? ''
      ownModel.learn(reached, at, reply, kind === 'valid' ? plan.body : null)
      if (kind === 'valid' && caller.authorization === `Bearer ${ownClinic.keys.administrator}`) {
        noteStricter(reached.id, sent, reply)
        if (reply.status < 300) succeeded.set(reached.id, (succeeded.get(reached.id) ?? 0) + 1)
        if (model === ownModel) queue.push(...next(reached.id, at, reply, chance))
      }
      if (kind === 'valid' && reached.id === 'getPermittedExercises' && reply.status === 200 && chance.percent(15)) {
        await askAgain(sent, reply, ownSeed)
      }
    }
  }

  function callerOf(dice: number, own: FuzzClinic): { authorization: string | null; outsider: Judged['outsider'] } {
    if (dice < 80) return { authorization: `Bearer ${own.keys.administrator}`, outsider: null }
    if (dice < 86) return { authorization: `Bearer ${own.second}`, outsider: null }
    if (dice < 93) {
      const roles = ['clinician', 'therapist', 'integration', 'reader'] as const
      return { authorization: `Bearer ${own.keys[roles[dice % 4] ?? 'reader']}`, outsider: null }
    }
    if (dice < 96) return { authorization: `Bearer ${outside.clinic.keys.administrator}`, outsider: 'other-clinic' }
    if (dice < 98) return { authorization: null, outsider: 'stranger' }
    return { authorization: strangers[dice % strangers.length] ?? '', outsider: 'stranger' }
  }

  /** Names something of the other clinic where the request names something of its own. */
  function nameTheOther(sent: Sent, chance: ReturnType<typeof makeChance>): Sent {
    const theirs = chance.pick(outside.ids)
    const target = sent.target.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|z-[a-z]+-\d+|acdf-standard/, theirs)
    // Not a code that is being made: then it would be the clinic's own.
    const body = sent.body?.toString().replace(/[0-9a-f]{8}-[0-9a-f-]{27}|"acdf"/, (one) => {
      const isCode = theirs.startsWith('frgn')
      return one.startsWith('"') === isCode ? (isCode ? `"${theirs}"` : theirs) : one
    })
    return {
      ...sent,
      target,
      ...(body !== undefined && {
        body,
        headers: { ...sent.headers, 'content-length': String(Buffer.byteLength(body)) },
      }),
    }
  }

  async function sendAnyway(sent: Sent): Promise<Reply | null> {
    try {
      return await wire.send(sent)
    } catch (error) {
      const { code } = error as { code?: string }
      // What the client refuses to send, or what the service hangs up on while it is being sent.
      if (code === 'ERR_UNESCAPED_CHARACTERS' || code === 'ERR_INVALID_CHAR') return null
      if (sent.body !== undefined && sent.body.length > 60_000 && (code === 'EPIPE' || code === 'ECONNRESET'))
        return null
      await report(
        { check: 'server-error', key: `no answer ${code}`, detail: `there was no answer: ${error}` },
        { sent, operation: null, reply: null as unknown as Reply, outsider: null },
        0,
      )
      return null
    }
  }

  /** What was answered once is answered again, byte for byte, for the same moment. */
  async function askAgain(sent: Sent, reply: Reply, ownSeed: number): Promise<void> {
    const { on, basis } = reply.body as { on: string; basis: { knownAt: string } }
    const again = { ...sent, target: `${sent.target.split('?')[0]}?on=${on}&knownAt=${basis.knownAt}` }
    const second = await wire.send(again)
    if (second?.status === 404) return
    if (second?.text !== reply.text) {
      const fault: Fault = {
        check: 'sense',
        key: 'sense repeated',
        detail: `asked again it answers otherwise: ${second?.text.slice(0, 500)}`,
      }
      await report(fault, { sent: again, operation: null, reply, outsider: null }, ownSeed)
    }
  }

  function note(id: string, status: number): void {
    count_(result.coverage, id, status)
  }

  function keepSlow(reply: Reply, operation: string, sent: Sent): void {
    const last = result.slowest.at(-1)
    if (result.slowest.length >= 12 && last !== undefined && last.milliseconds > reply.milliseconds) return
    result.slowest.push({
      milliseconds: Math.round(reply.milliseconds),
      operation,
      curl: asCurl(target.address, sent).slice(0, 300),
    })
    result.slowest.sort((a, b) => b.milliseconds - a.milliseconds)
    result.slowest.length = Math.min(result.slowest.length, 12)
  }

  function noteStricter(id: string, sent: Sent, reply: Reply): void {
    const { code, errors } = (reply.body ?? {}) as {
      code?: string
      errors?: { in: string; pointer: string; detail: string }[]
    }
    if (code !== 'VALIDATION_FAILED' || typeof sent.body !== 'string') return
    const operation = document.byId.get(id)
    const type = String(sent.headers['content-type'])
    if (operation === undefined || !/[/+]json$/.test(type) || errors?.[0]?.in !== 'body') return
    if (!document.bodyValidator(operation, type)(JSON.parse(sent.body))) return
    const key = `${id} ${errors[0].detail.replaceAll(/\d+|`[^`]*`/g, '…')}`
    const known = result.stricter.get(key)
    if (known === undefined) result.stricter.set(key, { times: 1, example: `${errors[0].pointer} ${errors[0].detail}` })
    else known.times += 1
  }

  async function report(fault: Fault, judged: Judged, ownSeed: number): Promise<void> {
    const known = found.get(fault.key)
    if (known !== undefined) {
      known.times += 1
      return
    }
    const finding: Finding = { ...fault, times: 1, seed: ownSeed, curl: '' }
    found.set(fault.key, finding)
    const smaller = judged.reply === null ? judged.sent : await shrink(fault, judged)
    finding.curl = asCurl(target.address, smaller)
    onProgress(`${fault.key}\n  ${fault.detail.slice(0, 1200)}\n  ${finding.curl.slice(0, 2500)}`)
  }

  /** The smallest request, of those tried, that the same is wrong with. */
  async function shrink(fault: Fault, judged: Judged): Promise<Sent> {
    let smallest = judged.sent
    if (judged.sent.raw !== undefined) return smallest
    let tries = 60
    const isSame = async (sent: Sent): Promise<boolean> => {
      tries -= 1
      const reply = await wire.send(sent).catch(() => null)
      if (reply === null) return false
      const again = { ...judged, sent, reply, operation: findOperation(document, sent) }
      return judge(again, rules).some(({ key }) => key === fault.key)
    }
    for (let changed = true; changed && tries > 0; ) {
      changed = false
      for (const candidate of smallerThan(smallest)) {
        if (tries <= 0) break
        if (!(await isSame(candidate))) continue
        smallest = candidate
        changed = true
        break
      }
    }
    return smallest
  }

  const stops = new Set<number>()
  for (let step = 1; step < Math.ceil(count / perClinic); step += 1) stops.add(step * perClinic)
  const measured = new Set(Array.from({ length: measures }, (_, index) => Math.floor(((index + 1) * count) / measures)))
  const pauses = [...new Set([...stops, ...measured, count])].filter((at) => at <= count).sort((a, b) => a - b)
  let begun = 0
  for (const pause of pauses) {
    let index = begun
    const work = async (): Promise<void> => {
      for (;;) {
        index += 1
        if (index > pause || stopped()) return
        await one(index)
        if (index % 1000 === 0) onProgress(`${index} sent, ${Math.round((performance.now() - started) / 1000)} s`)
      }
    }
    await Promise.all(Array.from({ length: connections }, work))
    begun = pause
    if (target.memory !== undefined && (measured.has(pause) || stopped())) {
      result.memory.push({ after: result.sent, ...(await target.memory()) })
    }
    if (stopped()) break
    if (stops.has(pause)) {
      clinic = await target.makeClinic()
      model = await startModel(clinic)
      queue = []
    }
  }
  wire.close()
  result.findings = [...found.values()]
  result.seconds = (performance.now() - started) / 1000
  return result

  /** What a clinic's software does next. */
  function next(
    id: string,
    at: string,
    reply: Reply,
    chance: ReturnType<typeof makeChance>,
  ): { id: string; address: string }[] {
    const body = (reply.body ?? {}) as { confirm?: unknown[]; conflicts?: unknown[] }
    const location = reply.headers.location ?? ''
    if (reply.status === 409 && (body.confirm !== undefined || body.conflicts !== undefined))
      return [{ id, address: at }]
    if (reply.status >= 300 || queue.length > 60) return []
    const draft = /^\/v1\/protocols\/[^/]+/.exec(at)?.[0]
    switch (id) {
      case 'createProtocol': {
        const of = `${location.replace(/\/draft$/, '')}`
        const steps = [{ id: 'getDraft', address: `${of}/draft` }]
        if (chance.percent(60)) steps.push({ id: 'submitDraft', address: `${of}/draft/submit` })
        if (chance.percent(30)) steps.push({ id: 'publishDraft', address: `${of}/draft/publish` })
        return steps
      }
      case 'submitDraft':
        return [
          chance.pick([
            { id: 'approveDraft', address: `${draft}/draft/approve` },
            { id: 'returnDraft', address: `${draft}/draft/return` },
            { id: 'withdrawDraft', address: `${draft}/draft/withdraw` },
          ]),
          { id: 'publishDraft', address: `${draft}/draft/publish` },
        ]
      case 'publishDraft':
        return chance.percent(60) ? [{ id: 'startDraft', address: `${draft}/draft` }] : []
      case 'createPatient':
        return chance.percent(75)
          ? [{ id: 'openEpisode', address: `${location}/episodes` }]
          : [{ id: 'deletePatient', address: location }]
      case 'openEpisode':
        return [
          { id: 'recordMilestone', address: `${location}/milestones` },
          { id: 'recordFact', address: `${location}/facts` },
          { id: 'getPermittedExercises', address: `${location}/permitted-exercises` },
        ]
      case 'recordSymptom':
        return chance.percent(50)
          ? [{ id: 'resolveSymptom', address: `${location}/resolve` }]
          : [{ id: 'voidSymptom', address: `${location}/void` }]
      case 'recordMilestone':
        return chance.percent(20) ? [{ id: 'revokeMilestone', address: `${location}/revoke` }] : []
      case 'closeEpisode':
        return [{ id: 'voidRecordEntry', address: `${location.replace(/\/(closures?|close)\//, '/record/')}/void` }]
      case 'registerClient':
        return [{ id: 'issueToken', address: '/oauth/token' }]
      case 'adoptLibraryProtocol':
        return [{ id: 'publishDraft', address: `/v1/protocols/${at.split('/')[3]}/draft/publish` }]
    }
    return []
  }
}

const strangers = [
  'Bearer ',
  'Bearer x',
  'Basic YTpi',
  'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.',
  'Bearer rp_AAAAAAAAAAAAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'Bearer rt_AAAAAAAAAAAAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  `Bearer ${'a'.repeat(5000)}`,
  'bearer  two words',
]

function count_<Key>(map: Map<string, Map<Key, number>>, name: string, key: Key): void {
  const inner = map.get(name) ?? new Map<Key, number>()
  inner.set(key, (inner.get(key) ?? 0) + 1)
  map.set(name, inner)
}

/** The other clinic: nothing of it may ever be seen. */
async function makeOutside(target: FuzzTarget): Promise<{ clinic: FuzzClinic; marks: RegExp; ids: string[] }> {
  const clinic = await target.makeClinic()
  const send = async (path: string, body: object): Promise<string> => {
    const response = await fetch(`${target.address}/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${clinic.keys.administrator}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (response.status !== 201) throw new Error(`${path}: ${await response.text()}`)
    return ((await response.json()) as { id?: string }).id ?? ''
  }
  await send('/attributes', { code: 'frgn-attribute', title: 'frgn-title' })
  await send('/exercises', { code: 'frgn-exercise', title: 'frgn-title', kind: 'exercise', attributes: {} })
  await send('/procedures', { code: 'frgn-procedure', name: 'frgn-title', bodyRegion: 'lumbar' })
  await send('/protocols', {
    format: 1,
    code: 'frgn-protocol',
    title: 'frgn-title',
    procedures: ['frgn-procedure'],
    phases: [{ code: 'frgn-phase', title: 'frgn', entry: { days: { atLeast: 0 } } }],
  })
  const patient = await send('/patients', { externalId: 'frgn-patient', displayName: 'frgn-title' })
  const episode = await send(`/patients/${patient}/episodes`, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
  const hold = await send(`/episodes/${episode}/holds`, { from: '2026-10-02', reason: 'frgn-title' })
  const ids = [
    patient,
    episode,
    hold,
    ...clinic.keyIds.slice(0, 2),
    'frgn-protocol',
    'frgn-exercise',
    'frgn-procedure',
    'frgn-attribute',
  ]
  const marks = new RegExp(`frgn-[a-z]+|${[clinic.id, patient, episode, hold, ...clinic.keyIds].join('|')}`)
  return { clinic, marks, ids }
}

function* smallerThan(sent: Sent): Generator<Sent> {
  const [path = '', query] = sent.target.split('?')
  if (query !== undefined) {
    const pairs = query.split('&')
    for (const index of pairs.keys()) {
      const rest = pairs.filter((_, other) => other !== index).join('&')
      yield { ...sent, target: rest === '' ? path : `${path}?${rest}` }
    }
  }
  for (const name of Object.keys(sent.headers)) {
    if (['authorization', 'content-type', 'content-length'].includes(name)) continue
    const { [name]: _left, ...headers } = sent.headers
    yield { ...sent, headers }
  }
  if (typeof sent.body !== 'string' || !String(sent.headers['content-type']).includes('json')) return
  let body: unknown
  try {
    body = JSON.parse(sent.body)
  } catch {
    return
  }
  for (const smaller of smallerValues(body, 2)) {
    const text = JSON.stringify(smaller)
    yield { ...sent, body: text, headers: { ...sent.headers, 'content-length': String(Buffer.byteLength(text)) } }
  }
}

function* smallerValues(value: unknown, depth: number): Generator<unknown> {
  if (typeof value !== 'object' || value === null || depth < 0) return
  if (Array.isArray(value)) {
    for (const index of value.keys()) yield value.toSpliced(index, 1)
    for (const [index, inner] of value.entries()) {
      for (const smaller of smallerValues(inner, depth - 1)) yield value.with(index, smaller)
    }
    return
  }
  const entries = Object.entries(value)
  for (const [name] of entries) yield Object.fromEntries(entries.filter(([other]) => other !== name))
  for (const [name, inner] of entries) {
    for (const smaller of smallerValues(inner, depth - 1)) yield { ...value, [name]: smaller }
  }
}
