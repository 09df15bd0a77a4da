import { stringify } from 'yaml'
import { signExample } from '../../../openapi/example-client.ts'
import type { Chance } from './chance.ts'
import type { Document, Operation, Schema } from './document.ts'
import { type Model, partLists } from './model.ts'

type Loose = Record<string, unknown>

/** A request in parts, so that one of them can be spoilt. */
export interface Plan {
  operation: Operation
  /** The path, percent-encoded where it must be. */
  address: string
  query: [string, string][]
  headers: Record<string, string | string[]>
  /** What is sent as JSON, YAML or a form, by the content type. */
  body?: unknown
}

const today = (): Temporal.PlainDate => Temporal.Now.plainDateISO('America/New_York')

/** Makes requests that the service should grant, as far as it is known what is there. */
export function makeRequests(document: Document, fresh: (start: string) => string) {
  const { byId } = document

  function plan(operation: Operation, model: Model, chance: Chance): Plan {
    const address = addressOf(operation, model, chance)
    const headers: Plan['headers'] = {}
    const query: [string, string][] = []
    for (const parameter of operation.parameters) {
      if (parameter.in === 'query' && chance.percent(parameter.required ? 100 : 25)) {
        const value = queryValue(parameter.name, parameter.schema, model, chance)
        if (value !== null) query.push([parameter.name, value])
      }
    }
    if (operation.parameters.some(({ in: place }) => place === 'header')) {
      const tag = model.etagOf(address)
      headers['if-match'] = tag === undefined || chance.percent(40) ? '*' : tag
    }
    if (operation.method === 'GET') {
      if (chance.percent(4)) headers['if-none-match'] = model.etagOf(address) ?? '*'
      const lines = operation.parameters.some(({ name }) => name === 'format')
      if (lines && chance.percent(15)) headers.accept = chance.pick(['application/x-ndjson', 'text/markdown', '*/*'])
    }
    if (operation.id === 'moveEpisodes' && chance.percent(20)) headers.accept = 'application/x-ndjson'
    if (operation.bodies.size === 0) return { operation, address, query, headers }
    const types = [...operation.bodies.keys()]
    const type = chance.percent(80) ? (types[0] ?? '') : chance.pick(types)
    headers['content-type'] = type
    return { operation, address, query, headers, body: bodyOf(operation, address, model, chance) }
  }

  function addressOf(operation: Operation, model: Model, chance: Chance): string {
    const { path } = operation
    if (!path.includes('{')) return path
    const segments = path.split('/')
    for (let length = segments.length; length > 1; length -= 1) {
      const template = segments.slice(0, length).join('/')
      if (!template.includes('{')) break
      const candidates = cheaply(wanted(operation, model, model.known(template)), chance)
      if (candidates.length === 0) continue
      const rest = segments.slice(length).map((one) => (one.startsWith('{') ? parameterValue(one, model, chance) : one))
      return [chance.pick(candidates), ...rest].join('/')
    }
    return segments.map((one) => (one.startsWith('{') ? parameterValue(one, model, chance) : one)).join('/')
  }

  /** Mostly what is small: a large protocol is the same, and takes the service ten times as long. */
  function cheaply(candidates: readonly string[], chance: Chance): readonly string[] {
    if (!candidates[0]?.startsWith('/v1/protocols') || chance.percent(8)) return candidates
    const small = candidates.filter((address) => address.includes('/z-protocol'))
    return small.length > 0 ? small : candidates
  }

  /** What the built-in protocols are is left as it is, for the other requests to have something to be about. */
  function wanted(operation: Operation, model: Model, candidates: readonly string[]): readonly string[] {
    if (operation.method === 'DELETE' || operation.id === 'retireVersion') {
      const own = candidates.filter((address) => address.includes('/z-') || address.startsWith('/v1/patients'))
      if (own.length > 0) return own
    }
    if (operation.method !== 'GET' && /^\/v1\/(api-keys|clients|actors)/.test(operation.path)) {
      return candidates.filter((address) => !model.kept.has(address.split('/')[3] ?? ''))
    }
    const drafts = /^\/v1\/protocols\/\{code\}\/draft(?!\/\{)/.test(operation.path) && operation.id !== 'startDraft'
    if (drafts && operation.path !== '/v1/protocols/{code}/draft') {
      const having = model.known('/v1/protocols/{code}/draft').map((address) => address.replace(/\/draft$/, ''))
      const found = candidates.filter((address) =>
        having.some((one) => address === one || address.startsWith(`${one}/draft`)),
      )
      if (found.length > 0) return found
    }
    return candidates
  }

  function parameterValue(name: string, model: Model, chance: Chance): string {
    switch (name) {
      case '{exercise}':
        return chance.pick(['walking', ...model.codes('/v1/exercises/{code}')])
      case '{number}':
        return '1'
      case '{other}':
        return chance.pick(['draft', 'library', 'adopted', '1', '2'])
      case '{code}':
        return chance.pick(['acdf-standard', 'acdf', 'walking', 'lifting'])
      case '{part}':
        return 'early'
      default:
        return '01a1f000-0000-7000-8000-00000000dead'
    }
  }

  function queryValue(name: string, schema: Schema, model: Model, chance: Chance): string | null {
    switch (name) {
      case 'limit':
        return String(chance.pick([1, 2, 3, 50, 200]))
      case 'cursor':
        return model.cursors.length === 0 ? null : chance.pick(model.cursors)
      case 'on':
        return dateNear(chance)
      case 'knownAt':
        return model.moments.length === 0 ? '2026-11-20T09:30:00+01:00' : chance.pick(model.moments)
      case 'procedure':
        return chance.pick(['acdf', ...model.codes('/v1/procedures/{code}')])
      case 'externalId':
        return `mrn-${chance.between(1, 40)}`
      case 'from':
        return String(chance.between(1, 3))
      case 'before':
      case 'after':
        return chance.pick(['early', 'collar', 'home', 'inpatient'])
    }
    return String(generate(schema, name, model, chance, 3))
  }

  function dateNear(chance: Chance, least = -90, most = 400): string {
    return today()
      .add({ days: chance.between(least, most) })
      .toString()
  }

  function past(chance: Chance, since: string): string {
    const days = Temporal.PlainDate.from(since).until(today(), { largestUnit: 'days' }).days
    return today()
      .subtract({ days: chance.between(0, Math.max(days, 0)) })
      .toString()
  }

  function exampleOf(operation: Operation): unknown {
    return structuredClone([...operation.bodies.values()][0]?.example)
  }

  function protocolDocument(model: Model, chance: Chance, code: string): Loose {
    const bases = [byId.get('createProtocol')].flatMap((one) => (one === undefined ? [] : [exampleOf(one) as Loose]))
    const large = chance.percent(8) || bases.length === 0
    if (!large && chance.percent(70)) return smallProtocol(code)
    const base = structuredClone(chance.pick(large ? [...model.documents.values()] : bases))
    // The procedures of the examples are there once somebody has made them.
    const procedures = model.codes('/v1/procedures/{code}')
    const known = (base.procedures as string[]).filter((one) => procedures.includes(one))
    return { ...base, code, procedures: known.length > 0 ? known : ['acdf'] }
  }

  function bodyOf(operation: Operation, address: string, model: Model, chance: Chance): unknown {
    const { id } = operation
    const special = specialBody(id, address, model, chance)
    if (special !== undefined && chance.percent(92)) return special
    const [media] = operation.bodies.values()
    const example = exampleOf(operation)
    if (media === undefined) return undefined
    if (example !== undefined && chance.percent(70)) return freshened(operation, address, example, model, chance)
    return generate(media.schema, '', model, chance, 0)
  }

  /** The example, with a code or a name that nobody has yet. */
  function freshened(operation: Operation, address: string, example: unknown, model: Model, chance: Chance): unknown {
    if (typeof example !== 'object' || example === null) return example
    const body = example as Loose
    const { id } = operation
    const stored = partAt(address, model)
    if (/^replaceDraft./.test(id) && stored !== undefined)
      return chance.percent(50) ? stored : { ...stored, title: text(chance, 80) }
    if (/^replaceDraft./.test(id))
      return {
        ...(exampleOf(byId.get(id.replace('replace', 'add')) as Operation) as Loose),
        ...body,
        ...nameOf(body, address.split('/').at(-1) ?? ''),
      }
    if (id.startsWith('changeDraft')) {
      const { code: _code, id: _id, ...rest } = body
      return Object.keys(rest).length > 0 ? rest : body
    }
    if (operation.method === 'POST' && ('code' in body || 'id' in body) && !/^record/.test(id)) {
      return { ...body, ...nameOf(body, fresh(chance.pick(['z-walk', 'z-part', 'z-thing']))) }
    }
    return body
  }

  /** The part of a draft that an address names, as far as it is known. */
  function partAt(address: string, model: Model): Loose | undefined {
    const [, code = '', kind = '', name = ''] =
      /^\/v1\/protocols\/([^/]+)\/draft\/([^/]+)\/([^/]+)$/.exec(address) ?? []
    const list = partLists.find(([one]) => one === kind)?.[1] ?? ''
    const parts = (model.documents.get(code)?.[list] ?? []) as Loose[]
    return structuredClone(parts.find((part) => (part.code ?? part.id) === name))
  }

  /** A small protocol that has at least one part of every kind. */
  function smallProtocol(code: string): Loose {
    const made = exampleOf(byId.get('createProtocol') as Operation) as Loose
    for (const operation of document.operations) {
      const kind = /\/draft\/([a-z-]+)$/.exec(operation.path)?.[1]
      const list = partLists.find(([one]) => one === kind)?.[1]
      if (operation.method === 'POST' && list !== undefined)
        made[list] = [...((made[list] ?? []) as Loose[]), exampleOf(operation)]
    }
    return { ...made, code, cases: [] }
  }

  function nameOf(body: Loose, name: string): Loose {
    return 'id' in body && !('code' in body) ? { id: name } : { code: name }
  }

  function specialBody(id: string, address: string, model: Model, chance: Chance): unknown {
    const episodeId = /^\/v1\/episodes\/([^/]+)/.exec(address)?.[1] ?? ''
    const episode = model.episodes.get(episodeId)
    const surgery = episode?.surgeryDate ?? '2026-10-01'
    const words = model.wordsOf(episode?.protocols ?? ['acdf-standard'])
    const note = chance.percent(30) ? { note: text(chance, 200) } : {}
    const protocol = /^\/v1\/protocols\/([^/]+)/.exec(address)?.[1] ?? ''
    switch (id) {
      case 'createPatient':
        return { externalId: fresh('mrn'), ...(chance.percent(30) && { displayName: text(chance, 60) }) }
      case 'updatePatient':
        return chance.percent(80)
          ? { displayName: chance.percent(20) ? null : text(chance, 100) }
          : { externalId: fresh('mrn') }
      case 'openEpisode': {
        const [small] = [...model.documents.keys()].filter((code) => code.startsWith('z-'))
        if (small !== undefined && chance.percent(30)) {
          return {
            procedures: ['cervical-laminoplasty'],
            surgeryDate: dateNear(chance, -250, 0),
            protocols: [{ code: small }],
          }
        }
        const procedures = [chance.pick(['acdf', 'alif', 'llif'])]
        const chosen = chance.percent(15)
          ? { protocols: [{ code: chance.pick([...model.documents.keys(), 'plif-standard']) }] }
          : {}
        const side = chance.percent(30) ? { side: chance.pick(['left', 'right', 'bilateral']) } : {}
        const levels = chance.percent(40) ? { levels: chance.pick([['C5-C6'], ['L4-L5', 'L5-S1'], []]) } : {}
        return { procedures, surgeryDate: dateNear(chance, -250, 20), ...side, ...levels, ...chosen }
      }
      case 'updateEpisode': {
        const confirmed = model.confirmsOf(address)
        const change = chance.pick<Loose>([
          { surgeryDate: dateNear(chance, -250, 20) },
          { side: chance.pick(['left', 'right', 'bilateral', null]) },
          { levels: chance.pick([['C5-C6'], ['L4-L5'], []]) },
          { protocols: [{ code: chance.pick([...model.documents.keys(), 'plif-standard']) }] },
          { procedures: [chance.pick(['acdf', 'alif', 'plif'])] },
        ])
        return confirmed.length > 0 ? { ...change, confirm: confirmed } : change
      }
      case 'recordMilestone': {
        const all = words.flatMap(({ milestones = [] }) => milestones)
        if (all.length === 0) return undefined
        const { code, grantedBy } = chance.pick(all)
        return { code, on: past(chance, surgery), ...(grantedBy && { grantedBy: chance.pick(grantedBy) }), ...note }
      }
      case 'recordFact': {
        const all = words.flatMap(({ facts = [] }) => facts)
        if (all.length === 0) return undefined
        const fact = chance.pick(all)
        const value = factValue(fact, chance)
        return { code: fact.code, value, on: past(chance, surgery) }
      }
      case 'recordSymptom': {
        const all = words.flatMap(({ redFlags = [] }) => redFlags)
        return all.length === 0 ? undefined : { redFlag: chance.pick(all).code, on: past(chance, surgery), ...note }
      }
      case 'recordOverride': {
        const codes = words.flatMap(({ contraindications = [] }) => contraindications.map(({ code }) => code))
        const exercise = chance.pick(['walking', ...model.codes('/v1/exercises/{code}')])
        const effect = chance.pick(['permit', 'withhold'])
        const lifts =
          effect === 'permit' && codes.length > 0 && chance.percent(40) ? { lifts: [chance.pick(codes)] } : {}
        const from = past(chance, surgery)
        const until = chance.percent(40)
          ? {
              until: Temporal.PlainDate.from(from)
                .add({ days: chance.between(1, 90) })
                .toString(),
            }
          : {}
        return { exercise, effect, from, ...until, reason: text(chance, 300), ...lifts }
      }
      case 'recordHold':
        return { from: past(chance, surgery), reason: text(chance, 300) }
      case 'closeEpisode':
      case 'revokeMilestone':
        return { on: today().toString(), reason: text(chance, 100) }
      case 'resolveSymptom':
        return { on: today().toString(), note: text(chance, 100) }
      case 'simulate':
      case 'simulateTimeline':
        return simulation(model, chance)
      case 'createProtocol':
      case 'checkDocument':
        return protocolDocument(model, chance, fresh('z-protocol'))
      case 'replaceDraft':
        return { ...protocolDocument(model, chance, protocol), title: text(chance, 100) }
      case 'startDraft':
      case 'rotateApiKey':
      case 'publishDraft':
        return chance.percent(50) ? {} : undefined
      case 'retireVersion':
        return { episodes: 'keep', defaults: 'keep' }
      case 'orderDraftPhases': {
        const codes = (model.documents.get(protocol)?.phases as { code: string }[] | undefined)?.map(({ code }) => code)
        return codes === undefined ? undefined : { codes: chance.percent(50) ? codes : codes.toReversed() }
      }
      case 'moveEpisodes': {
        const confirm = model.confirmsOf(address)
        const undo = model.codes('/v1/protocols/{code}/moves/{move}')
        const ids = [...model.episodes.keys()]
        const select = chance.pick<Loose>([
          { all: true },
          { from: chance.between(1, 2) },
          ...(ids.length > 0 ? [{ episodes: [...new Set([chance.pick(ids), chance.pick(ids)])] }] : []),
          ...(undo.length > 0 ? [{ undo: chance.pick(undo) }] : []),
        ])
        const to = 'undo' in select ? {} : { to: chance.between(1, 3) }
        const dryRun = chance.percent(50) ? { dryRun: chance.percent(70) } : {}
        return { ...to, select, reason: text(chance, 200), ...dryRun, ...(confirm.length > 0 && { confirm }) }
      }
      case 'mergeLibrary': {
        const resolutions = model
          .conflictsOf(address)
          .map((path) => ({ path, take: chance.pick(['ours', 'theirs', 'base']) }))
        return { ...(chance.percent(40) && { dryRun: true }), ...(chance.percent(30) && { again: true }), resolutions }
      }
      case 'updateClinic':
        return chance.pick<Loose>([
          { name: text(chance, 100) },
          { timeZone: chance.pick(['America/New_York', 'Pacific/Auckland', 'UTC', 'Asia/Kolkata']) },
          { approval: chance.percent(85) ? 'none' : 'second-person' },
        ])
      case 'createApiKey':
        return {
          name: text(chance, 60),
          role: chance.pick(['administrator', 'clinician', 'therapist', 'integration', 'reader']),
        }
      case 'issueToken': {
        if (model.clientIds.length === 0) return undefined
        const clientId = chance.pick(model.clientIds)
        const exp = Math.floor(Date.now() / 1000) + 200
        const claims = { iss: clientId, sub: clientId, aud: tokenAddress, exp, jti: fresh('jti') }
        return {
          grant_type: 'client_credentials',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: signExample(claims),
        }
      }
    }
    return undefined
  }

  function simulation(model: Model, chance: Chance): Loose {
    const code = chance.pick(['acdf-standard', 'plif-standard', ...model.documents.keys()])
    const inline = chance.percent(30) && model.documents.size > 0
    const whole = model.documents.get(code)
    const surgeryDate = dateNear(chance, -250, 0)
    const [words] = model.wordsOf([code])
    const on = (): string =>
      Temporal.PlainDate.from(surgeryDate)
        .add({ days: chance.between(0, 120) })
        .toString()
    const milestones = (words?.milestones ?? [])
      .filter(() => chance.percent(40))
      .map(({ code: name, grantedBy }) => ({
        code: name,
        on: on(),
        ...(grantedBy && { grantedBy: chance.pick(grantedBy) }),
      }))
    const facts = (words?.facts ?? [])
      .filter(() => chance.percent(40))
      .map((fact) => ({ code: fact.code, value: factValue(fact, chance), on: on() }))
    return {
      protocols: [inline && whole !== undefined ? whole : { code }],
      surgeryDate,
      on: Temporal.PlainDate.from(surgeryDate)
        .add({ days: chance.between(0, 400) })
        .toString(),
      ...(milestones.length > 0 && { milestones }),
      ...(facts.length > 0 && { facts }),
      ...(chance.percent(15) && { holds: [{ from: on() }] }),
    }
  }

  function factValue(fact: { type: string; min?: number; max?: number; values?: string[] }, chance: Chance): unknown {
    if (fact.type === 'boolean') return chance.percent(50)
    if (fact.type === 'choice') return chance.pick(fact.values ?? ['none'])
    return chance.between(Math.ceil(fact.min ?? 0), Math.floor(fact.max ?? 10))
  }

  /** A value that the schema allows, in words that the clinic knows where the name says so. */
  function generate(given: Schema, name: string, model: Model, chance: Chance, depth: number): unknown {
    const schema = document.resolve(given)
    if (schema.const !== undefined) return schema.const
    if (Array.isArray(schema.enum)) return chance.pick(schema.enum)
    const choices = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
    if (choices !== undefined && schema.properties === undefined) {
      const usable = depth > 4 ? choices.filter((one) => !JSON.stringify(one).includes('/Condition"')) : choices
      return generate(chance.pick(usable.length > 0 ? usable : choices), name, model, chance, depth + 1)
    }
    switch ([schema.type].flat()[0]) {
      case 'object':
        return generateObject(schema, model, chance, depth)
      case 'array': {
        if (Array.isArray(schema.prefixItems)) {
          return schema.prefixItems.map((one) => generate(one as Schema, name, model, chance, depth + 1))
        }
        const least = Number(schema.minItems ?? 0)
        const most = Math.min(Number(schema.maxItems ?? 4), depth > 3 ? 1 : 4)
        const items = Array.from({ length: chance.between(least, Math.max(least, most)) }, () =>
          generate((schema.items ?? {}) as Schema, name, model, chance, depth + 1),
        )
        return schema.uniqueItems === true ? [...new Set(items)] : items
      }
      case 'integer':
        return chance.between(Number(schema.minimum ?? -5), Math.min(Number(schema.maximum ?? 50), 1e9))
      case 'number':
        return chance.percent(50)
          ? chance.between(Math.ceil(Number(schema.minimum ?? -5)), Math.floor(Number(schema.maximum ?? 50)))
          : 0.5
      case 'boolean':
        return chance.percent(50)
      case 'null':
        return null
      case 'string':
        return generateText(schema, name, model, chance)
    }
    return chance.pick([null, 1, 'text', {}, []])
  }

  function generateObject(schema: Schema, model: Model, chance: Chance, depth: number): Loose {
    const required = (schema.required ?? []) as string[]
    const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>)
    const optional = depth === 0 ? 50 : Math.max(30 - depth * 8, 5)
    const fields = properties
      .filter(([name, inner]) => required.includes(name) || (!('not' in inner) && chance.percent(optional)))
      .map(([name, inner]) => [name, generate(inner, name, model, chance, depth + 1)])
    const made = Object.fromEntries(fields)
    if (Object.keys(made).length < Number(schema.minProperties ?? 0) && properties[0] !== undefined) {
      const [name, inner] = chance.pick(properties)
      made[name] = generate(inner, name, model, chance, depth + 1)
    }
    if (typeof schema.additionalProperties === 'object' && properties.length === 0 && chance.percent(60)) {
      const key = chance.pick(['lifting', 'impact', 'rotation', 'z-new'])
      made[key] = generate(schema.additionalProperties as Schema, key, model, chance, depth + 1)
    }
    return made
  }

  function generateText(schema: Schema, name: string, model: Model, chance: Chance): string {
    const pattern = String(schema.pattern ?? '')
    if (schema.format === 'uuid') return crypto.randomUUID()
    if (schema.format === 'date') return dateNear(chance)
    if (schema.format === 'date-time')
      return today()
        .add({ days: chance.between(1, 60) })
        .toString()
        .concat('T12:00:00Z')
    if (schema.format === 'uri' || pattern.endsWith('://')) return 'https://example.org/a?b=c#d'
    if (pattern.startsWith('^[a-z0-9]+(-')) return wordFor(name, model, chance)
    if (pattern.startsWith('^[1-9]\\d{5')) return '1234567890'
    if (pattern.startsWith('^\\d{4}[0-9A-Z]')) return '2255A'
    if (name === 'timeZone') return 'Europe/Berlin'
    if (pattern.startsWith('^[1-9]')) return String(chance.between(1, 3))
    return text(chance, Number(schema.maxLength ?? 300), Number(schema.minLength ?? 0))
  }

  function wordFor(name: string, model: Model, chance: Chance): string {
    const [words] = [...model.documents.values()].slice(-1) as unknown as Partial<import('./model.ts').ProtocolWords>[]
    const codes = (list: readonly { code: string }[] | undefined): string[] => (list ?? []).map(({ code }) => code)
    const known: Record<string, string[]> = {
      exercise: model.codes('/v1/exercises/{code}'),
      exercises: model.codes('/v1/exercises/{code}'),
      procedures: model.codes('/v1/procedures/{code}'),
      milestone: codes(words?.milestones),
      since: codes(words?.milestones),
      fact: codes(words?.facts),
      redFlag: codes(words?.redFlags),
      lifts: codes(words?.contraindications),
      from: codes(words?.phases),
      through: codes(words?.phases),
      phase: codes(words?.phases),
      defaultProtocol: [...model.documents.keys()],
    }
    const list = known[name] ?? []
    return list.length > 0 && chance.percent(85) ? chance.pick(list) : fresh('z-word')
  }

  return { plan, exampleOf, smallProtocol }
}

/** Where the service says that assertions are for. */
export const publicUrl = 'http://127.0.0.1:3000'
const tokenAddress = `${publicUrl}/oauth/token`

const words =
  "walk back to the ward, slowly; “rest” — Übung №5 💪 日本語 <b>&amp;</b> \\n %00 {{x}} $1 ' OR 1=1 --".split(' ')

/** A line of at most `most` characters, often as long as it may be. */
function text(chance: Chance, most: number, least = 1): string {
  if (chance.percent(8)) return 'x'.repeat(Math.min(most, 5000))
  const made = Array.from({ length: chance.between(1, 8) }, () => chance.pick(words)).join(' ')
  return (
    [...made]
      .slice(0, Math.max(Math.floor(Math.min(most, 300) / 2), 1))
      .join('')
      .trim()
      .padEnd(least, 'x') || 'x'
  )
}

/** The plan as it goes over the wire. */
export function encode(plan: Plan): string | Buffer | undefined {
  const { body, headers } = plan
  if (body === undefined) return undefined
  if (typeof body === 'string' || Buffer.isBuffer(body)) return body
  const type = String(headers['content-type'] ?? '')
  if (type.includes('yaml')) return stringify(body)
  if (type.includes('form-urlencoded')) return new URLSearchParams(body as Record<string, string>).toString()
  return JSON.stringify(body)
}

export function targetOf({ address, query }: Pick<Plan, 'address' | 'query'>): string {
  if (query.length === 0) return address
  return `${address}?${query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}`
}
