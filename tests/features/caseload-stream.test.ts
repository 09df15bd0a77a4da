import { connect } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { z } from 'zod'
import { buildApp } from '../../src/app.ts'
import { caseloadLine, type caseloadSummary, type episodeLine } from '../../src/features/caseload/schemas.ts'
import { readLibrary } from '../../src/features/clinics/library.ts'
import { asOf, fixMoment, readPages } from '../../src/features/episodes/caseload.ts'
import { listChanged } from '../../src/features/episodes/repository.ts'
import type { permittedExercises } from '../../src/features/permitted-exercises/schemas.ts'
import type { Instant, ProtocolDocument } from '../../src/rules/index.ts'
import {
  accepted,
  addDays,
  changeConfirmed,
  everyFeature,
  openEpisode,
  publishProtocol,
  startClinicWithLibrary,
} from './library-clinic.ts'
import { storeEpisodes } from './many-episodes.ts'
import type { Client } from './support.ts'
import { wardProtocol } from './ward.ts'

type Line = z.output<typeof caseloadLine>
type EpisodeLine = z.output<typeof episodeLine>
type Summary = z.output<typeof caseloadSummary>
type Single = z.output<typeof permittedExercises>

const today = '2026-11-20'
const service = await startClinicWithLibrary({ now: `${today}T15:00:00Z` })
const { db, addLibraryClinic, setNow } = service
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

let seconds = 0
/** A moment later. */
function goOn(by = 1): void {
  seconds += by
  setNow(Temporal.Instant.from(`${today}T15:00:00Z`).add({ seconds }).toString())
}

function parse(text: string): Line[] {
  expect(text.endsWith('\n')).toBe(true)
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const value = JSON.parse(line)
      const read = caseloadLine.parse(value)
      expect(read).toEqual(value)
      return read
    })
}

async function read(client: Client, query: Record<string, string> = {}): Promise<Line[]> {
  const { status, text, headers } = await client.get(`/permitted-exercises?${new URLSearchParams(query)}`)
  if (status !== 200) throw new Error(text)
  expect(headers.get('content-type')).toBe('application/x-ndjson')
  return parse(text)
}

function summaryOf(lines: readonly Line[]): Summary {
  const last = lines.at(-1)
  if (last?.kind !== 'summary') throw new Error(`it ended with ${JSON.stringify(last)}`)
  return last as Summary
}

function episodesIn(lines: readonly Line[]): EpisodeLine[] {
  return lines.filter((line): line is EpisodeLine => line.kind === 'episode')
}

/** The line that the single answer comes to. */
function lineOf(single: Single, patient: string): EpisodeLine {
  type Reason = Single['statusReasons'][number]
  const toReason = ({ kind, protocol, rule, until }: Reason) => ({ kind, protocol, rule, until })
  return {
    kind: 'episode',
    episode: single.episode,
    patient,
    revision: single.basis.revision,
    on: single.on,
    daysSinceSurgery: single.daysSinceSurgery,
    status: single.status,
    statusReasons: single.statusReasons.map(toReason),
    protocols: single.protocols.map(({ code, version, phase }) => ({ code, version, phase: phase?.code ?? null })),
    permitted: single.permitted.map(({ exercise, text, cautions }) => ({
      exercise,
      text,
      cautions: cautions.map(({ kind, protocol, rule, until }) => ({
        kind,
        protocol: protocol ?? '',
        rule: rule ?? '',
        until,
      })),
    })),
    withheld: single.withheld.map(({ exercise, reasons }) => ({ exercise, reasons: reasons.map(toReason) })),
    limits: single.limits
      .filter(({ supersededBy }) => supersededBy === null)
      .map(({ protocol, rule, quantity, max, min, unit, asInstructed, until }) => ({
        protocol: protocol ?? '',
        rule: rule ?? '',
        quantity,
        max,
        min,
        unit,
        asInstructed,
        until,
      })),
    missingFacts: single.missingFacts.map(({ protocol, fact }) => ({ protocol, fact })),
  }
}

const step = fc.record({
  kind: fc.constantFrom('milestones', 'facts', 'facts', 'symptoms', 'overrides', 'holds'),
  pick: fc.nat(1000),
  day: fc.integer({ min: 0, max: 120 }),
  other: fc.nat(1000),
})
type Step = z.output<z.ZodType<{ kind: string; pick: number; day: number; other: number }>>

/** What a step records, of what the protocol declares. */
function bodyOf({ kind, pick, day, other }: Step, document: ProtocolDocument, surgeryDate: string): object | null {
  const of = <Item>(items: readonly Item[]): Item | undefined => items[pick % items.length]
  const on = [addDays(surgeryDate, day), today].sort()[0]
  switch (kind) {
    case 'milestones': {
      const milestone = of(document.milestones)
      return milestone === undefined
        ? null
        : { code: milestone.code, on, ...(milestone.grantedBy && { grantedBy: milestone.grantedBy[0] }) }
    }
    case 'facts': {
      const fact = of(document.facts)
      if (fact === undefined) return null
      const values = {
        number: (fact.min ?? 0) + (other % 4),
        boolean: other % 2 === 0,
        choice: fact.values?.[0],
        text: 'a',
      }
      return { code: fact.code, value: values[fact.type], on }
    }
    case 'symptoms':
      return other % 3 > 0 ? null : { redFlag: of(document.redFlags)?.code, on }
    case 'overrides': {
      const effect = other % 2 === 0 ? 'permit' : 'withhold'
      const lifts = document.contraindications.filter(({ strength }) => strength === 'relative').map(({ code }) => code)
      const exercise = of(document.exercises)?.code
      return { exercise, effect, from: on, reason: 'Tried', ...(effect === 'permit' && { lifts: lifts.slice(0, 2) }) }
    }
    default:
      return other % 4 > 0 ? null : { from: on, until: addDays(on ?? today, 1 + (other % 60)), reason: 'A cold' }
  }
}

describe('the verdicts', () => {
  test('are those of the single answer, for every protocol of the library and whatever is on record', async () => {
    const library = readLibrary().protocols.map(({ document }) => document)
    await publishProtocol(service, everyFeature())
    await publishProtocol(service, wardProtocol('ward'))
    const plans = [
      ...library.map((document) => ({ document, protocols: [document.code] })),
      { document: everyFeature(), protocols: ['every-feature'] },
      { document: everyFeature(), protocols: ['every-feature', 'plif-standard'] },
    ]
    let recorded = 0
    const patients = new Map<string, string>()
    for (const [seed, { document, protocols }] of plans.entries()) {
      for (const steps of fc.sample(fc.array(step, { minLength: 1, maxLength: 9 }), { numRuns: 7, seed })) {
        const surgeryDate = addDays(today, -(steps[0]?.day ?? 0) - 3)
        const id = await openEpisode(service, {
          procedures: [document.procedures[0]],
          surgeryDate,
          side: 'left',
          protocols: protocols.map((code) => ({ code })),
        })
        for (const one of steps) {
          goOn()
          const body = bodyOf(one, document, surgeryDate)
          if (body === null) continue
          const { status } = await service.post(`/episodes/${id}/${one.kind}`, body)
          if (status === 201) recorded += 1
        }
        patients.set(id, accepted(await service.get<{ patientId: string }>(`/episodes/${id}`)).patientId)
      }
    }
    expect(recorded).toBeGreaterThan(100)
    const seen = { permitted: 0, cautions: 0, limits: 0, missing: 0, until: 0, statuses: new Set<string>() }
    for (const on of [today, addDays(today, -40), addDays(today, 30)]) {
      const lines = await read(service, { on })
      const { knownAt } = summaryOf(lines)
      const episodes = episodesIn(lines)
      expect(episodes.map(({ episode }) => episode)).toEqual([...patients.keys()].sort())
      for (const line of episodes) {
        const path = `/episodes/${line.episode}/permitted-exercises?on=${on}&knownAt=${knownAt}`
        expect(line).toEqual(lineOf(accepted(await service.get<Single>(path)), patients.get(line.episode) ?? ''))
        seen.permitted += line.permitted.length
        seen.cautions += line.permitted.flatMap(({ cautions }) => cautions).length
        seen.limits += line.limits.length
        seen.missing += line.missingFacts.length
        seen.until += line.withheld.flatMap(({ reasons }) => reasons).filter(({ until }) => until !== null).length
        seen.statuses.add(line.status)
      }
    }
    expect(Object.values({ ...seen, statuses: seen.statuses.size }).every((number) => number > 1)).toBe(true)
  }, 60_000)
})

describe('many episodes', () => {
  const count = 2203
  let clinic: Client
  let ids: string[] = []
  let version = ''

  /** Runs `before` when the page with that number is about to be read, from 0 on. */
  async function whileReading<Result>(
    number: number,
    before: () => Promise<void>,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const query = db.pool.query.bind(db.pool)
    let pages = 0
    db.pool.query = (async (...given: Parameters<typeof query>) => {
      if (String(given[0]).includes('read_caseload_page') && pages++ === number) await before()
      return query(...given)
    }) as typeof query
    try {
      return await work()
    } finally {
      db.pool.query = query
    }
  }

  test('are told as of one moment, whatever is recorded meanwhile', async () => {
    clinic = await addLibraryClinic()
    await publishProtocol(clinic, wardProtocol('ward'))
    version = accepted(await clinic.get<{ id: string }>('/protocols/ward/versions/1')).id
    const at = '2026-10-02T10:00:00Z'
    ids = await storeEpisodes({ db, clinicId: clinic.clinicId }, { count, version, surgeryDate: '2026-10-01', at })
    goOn()
    const before = await read(clinic)
    expect(summaryOf(before)).toMatchObject({
      episodes: count,
      before: 0,
      statuses: { active: count, 'no-phase': 0, 'on-hold': 0 },
      protocols: [{ protocol: 'ward', phase: 'early', episodes: count }],
    })
    expect(episodesIn(before).map(({ episode }) => episode)).toEqual(ids)
    goOn()
    const meanwhile = async (): Promise<void> => {
      goOn()
      accepted(await clinic.post(`/episodes/${ids[2100]}/close`, { on: today, reason: 'Moved away' }))
      accepted(await clinic.post(`/episodes/${ids[2101]}/holds`, { from: today, reason: 'A cold' }))
      await openEpisode(clinic, { procedures: ['acdf'], surgeryDate: '2026-10-01', protocols: [{ code: 'ward' }] })
      accepted(await changeConfirmed(clinic, ids[2102] ?? '', { protocols: [{ code: 'acdf-standard' }] }))
    }
    const during = await whileReading(3, meanwhile, () => read(clinic))
    expect(episodesIn(during)).toEqual(episodesIn(before))
    const after = await read(clinic)
    expect(summaryOf(after)).toMatchObject({ episodes: count, statuses: { 'on-hold': 1 } })
    expect(episodesIn(after).filter((line) => !ids.includes(line.episode))).toHaveLength(1)
  }, 30_000)

  test('are told of a version that is published meanwhile, if it was followed at the moment', async () => {
    const other = await addLibraryClinic()
    await publishProtocol(other, wardProtocol('ward'))
    const follow = () =>
      openEpisode(other, { procedures: ['acdf'], surgeryDate: '2026-10-01', protocols: [{ code: 'ward' }] })
    const first = await follow()
    goOn()
    const { asClinic } = db
    let second = ''
    db.asClinic = (async (...given: Parameters<typeof asClinic>) => {
      const read = await asClinic(...given)
      db.asClinic = asClinic
      goOn()
      await publishProtocol(other, wardProtocol('ward', { lifting: 5 }))
      second = await follow()
      return read
    }) as typeof asClinic
    try {
      const lines = await read(other, { protocol: 'ward' })
      const { createdAt } = accepted(await other.get<{ createdAt: string }>(`/episodes/${second}`))
      const isKnown = createdAt <= summaryOf(lines).knownAt
      expect(episodesIn(lines).map(({ episode }) => episode)).toEqual(isKnown ? [first, second] : [first])
    } finally {
      db.asClinic = asClinic
    }
  })

  test('go on behind a cursor as of the same moment', async () => {
    const lines = await read(clinic, { protocol: 'ward' })
    const at = lines.findIndex(({ kind }) => kind === 'cursor')
    const { cursor = '' } = lines[at] as { cursor?: string }
    goOn()
    accepted(await clinic.post(`/episodes/${ids[1900]}/holds`, { from: today, reason: 'A cold' }))
    const rest = await read(clinic, { protocol: 'ward', cursor })
    const same = ({ kind }: Line) => kind !== 'summary'
    expect(rest.filter(same)).toEqual(lines.slice(at + 1).filter(same))
    const [whole, part] = [summaryOf(lines), summaryOf(rest)]
    expect(part).toMatchObject({ before: 500, episodes: whole.episodes - 500, knownAt: whole.knownAt, on: whole.on })

    const refused = async (client: Client, query: Record<string, string>): Promise<string> => {
      const { status, text } = await client.get(`/permitted-exercises?${new URLSearchParams(query)}`)
      const { errors } = JSON.parse(text)
      expect([status, errors?.[0]?.pointer]).toEqual([400, 'cursor'])
      return errors[0].detail
    }
    const others: Record<string, string>[] = [
      {},
      { protocol: 'ward', status: 'active' },
      { protocol: 'ward', on: '2026-11-21' },
    ]
    for (const other of others) expect(await refused(clinic, { ...other, cursor })).toContain('another question')
    // Of another clinic, which has a protocol of that name as well.
    expect(await refused(service, { protocol: 'ward', cursor })).toContain('another question')
    expect(await refused(clinic, { protocol: 'ward', cursor: 'bm90IG9uZQ' })).toContain('not one that')
    const forged = { ...JSON.parse(Buffer.from(cursor, 'base64url').toString()), knownAt: '2027-01-01T00:00:00.000Z' }
    const ahead = Buffer.from(JSON.stringify(forged)).toString('base64url')
    expect(await refused(clinic, { protocol: 'ward', cursor: ahead })).toContain('still to come')
    setNow('2026-11-21T18:00:00Z')
    expect(await refused(clinic, { protocol: 'ward', cursor })).toContain('24 hours old')
    goOn()
  })

  test('that were told are on record, at most 500 in a row', async () => {
    const client = await db.pool.connect()
    const rows = await client
      .query('BEGIN')
      .then(() => client.query(`SELECT set_config('app.clinic_id', $1, true)`, [clinic.clinicId]))
      .then(() =>
        client.query<{ patients: string[]; episodes: string[] }>(
          `SELECT patients, episodes FROM audit_event WHERE operation = 'getCaseload' AND outcome = 'success' ORDER BY seq LIMIT 5`,
        ),
      )
      .finally(() => client.query('ROLLBACK').then(() => client.release()))
    expect(rows.rows.map(({ episodes }) => episodes.length)).toEqual([500, 500, 500, 500, 203])
    expect(rows.rows.flatMap(({ episodes }) => episodes).sort()).toEqual(ids)
    expect(rows.rows.flatMap(({ patients }) => patients).sort()).toEqual(ids)
  })

  test('end with an error line if something fails, and with no summary', async () => {
    const fail = () => Promise.reject(new Error('connection lost'))
    const text = await whileReading(2, fail, async () => (await clinic.get('/permitted-exercises')).text)
    const lines = parse(text)
    expect(lines.at(-1)).toMatchObject({ kind: 'error', problem: { status: 500, code: 'INTERNAL_ERROR' } })
    expect(episodesIn(lines)).toHaveLength(1000)
    expect(lines.at(-2)).toMatchObject({ kind: 'cursor', lines: 1000 })
  })

  test('that have changed are found one by one, or among all where they are too many', async () => {
    const { clinicId } = clinic
    const knownAt = await fixMoment({ db, clock: () => Temporal.Instant.from('2026-11-20T18:00:00Z') }, clinicId)
    const since = '2026-11-01T00:00:00.000Z' as Instant
    const list = (most: number) => db.asClinic(clinicId, (tx) => listChanged(tx, clinicId, { since, most }))
    const among = await list(10)
    expect(among).toHaveLength(5)
    expect(await list(4)).toBeNull()
    const found = async (part: object): Promise<(string | undefined)[]> => {
      const ids: (string | undefined)[] = []
      for await (const page of readPages(db.pool, { clinicId, versions: null, knownAt }, { since, most: 2, ...part })) {
        ids.push(...page.map((record) => asOf(record, knownAt)?.id))
      }
      return ids
    }
    expect(await found({ among })).toEqual(among)
    expect(await found({})).toEqual(among)
    expect(await found({ among, after: among?.[1] })).toEqual(among?.slice(2))
    expect(await found({ after: among?.[1] })).toEqual(among?.slice(2))
    expect(await found({ among: [] })).toEqual([])
  })

  test('go to so many readers of a clinic at once, and to others all the same', async () => {
    // What nobody reads has to be more than the system keeps on its way.
    await storeEpisodes(
      { db, clinicId: clinic.clinicId },
      { count: 6000, version, surgeryDate: '2026-10-01', at: '2026-10-02T10:00:00Z' },
    )
    const ask = (key: string, signal?: AbortSignal) =>
      fetch(`${service.address}/v1/permitted-exercises`, {
        headers: { authorization: `Bearer ${key}` },
        ...(signal && { signal }),
      })
    const gone = new AbortController()
    const standing = await Promise.all(Array.from({ length: 8 }, () => ask(clinic.key, gone.signal)))
    expect(standing.map(({ status }) => status)).toEqual(Array(8).fill(200))
    const refused = await ask(clinic.key)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10'])
    expect(await refused.json()).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      detail: expect.stringContaining('8 answers'),
    })
    const other = await service.addClinic()
    const theirs = await ask(other.key)
    expect([theirs.status, (await theirs.text()).includes('"summary"')]).toEqual([200, true])
    gone.abort()
    for (let looks = 0; (await ask(clinic.key, AbortSignal.timeout(5000))).status !== 200; looks += 1) {
      expect(looks).toBeLessThan(50)
      await pause(100)
    }
  }, 30_000)

  test('wait for a reader who stops, without a connection, and not for ever', async () => {
    const app = await buildApp({
      config: { logLevel: 'silent' },
      db,
      clock: () => Temporal.Instant.from('2026-11-20T18:00:00Z'),
      timeouts: { idle: 2000 },
    })
    const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
    // What nobody reads has to be more than the system keeps on its way.
    const many = await storeEpisodes(
      { db, clinicId: clinic.clinicId },
      { count: 20_000, version, surgeryDate: '2026-10-01', at: '2026-10-02T10:00:00Z' },
    )
    let pages = 0
    const query = db.pool.query.bind(db.pool)
    db.pool.query = (async (...given: Parameters<typeof query>) => {
      if (String(given[0]).includes('read_caseload_page')) pages += 1
      return query(...given)
    }) as typeof query
    try {
      const socket = connect(Number(port), '127.0.0.1')
      let isClosed = false
      socket.on('close', () => {
        isClosed = true
      })
      socket.on('error', () => {})
      socket.pause()
      socket.write(
        `GET /v1/permitted-exercises HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${clinic.key}\r\nConnection: close\r\n\r\n`,
      )
      let stood = -1
      for (let looks = 0; stood !== pages || pages === 0; looks += 1) {
        expect(looks).toBeLessThan(20)
        stood = pages
        await pause(500)
      }
      expect(pages * 500).toBeLessThan(many.length)
      const { totalCount, idleCount, waitingCount } = db.pool
      expect({ busy: totalCount - idleCount, waitingCount }).toEqual({ busy: 0, waitingCount: 0 })
      expect(app.server.listening).toBe(true)
      const open = (): Promise<number> =>
        new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)))
      expect(await open()).toBe(1)
      for (let waited = 0; waited < 100 && (await open()) > 0; waited += 1) await pause(100)
      expect(await open()).toBe(0)
      socket.resume()
      for (let waited = 0; waited < 60 && !isClosed; waited += 1) await pause(50)
      expect(isClosed).toBe(true)
      // Nobody goes on for a reader who is gone.
      const told = pages
      await pause(200)
      expect(pages).toBe(told)
    } finally {
      db.pool.query = query
      await app.close()
    }
  }, 30_000)
})

describe('what is asked for', () => {
  let clinic: Client
  const open = (late = false): Promise<string> =>
    openEpisode(clinic, {
      procedures: ['acdf'],
      surgeryDate: late ? '2026-09-01' : '2026-11-10',
      protocols: [{ code: 'ward' }],
    })
  const visit = (id: string) =>
    clinic.post(`/episodes/${id}/milestones`, { code: 'visit', on: '2026-11-01', grantedBy: 'surgeon' })
  const hold = (id: string) => clinic.post<{ id: string }>(`/episodes/${id}/holds`, { from: today, reason: 'A cold' })
  const close = (id: string) => clinic.post<{ id: string }>(`/episodes/${id}/close`, { on: today, reason: 'Done' })

  test('is filtered by protocol, phase and status', async () => {
    clinic = await addLibraryClinic()
    await publishProtocol(clinic, wardProtocol('ward'))
    const [early, late, held] = [await open(), await open(true), await open()]
    const other = await openEpisode(clinic, { procedures: ['acdf'], surgeryDate: '2026-11-10' })
    const planned = await openEpisode(clinic, {
      procedures: ['acdf'],
      surgeryDate: '2026-11-30',
      protocols: [{ code: 'ward' }],
    })
    accepted(await visit(late))
    accepted(await hold(held))
    accepted(await close(await open()))
    goOn()
    const asked = async (query: Record<string, string>): Promise<string[]> =>
      episodesIn(await read(clinic, query)).map(({ episode }) => episode)
    expect(await asked({})).toEqual([early, late, held, other, planned])
    expect(await asked({ protocol: 'ward' })).toEqual([early, late, held, planned])
    expect(await asked({ protocol: 'ward', phase: 'late' })).toEqual([late])
    expect(await asked({ protocol: 'ward', phase: 'late', on: '2026-10-01' })).toEqual([])
    expect(await asked({ status: 'on-hold' })).toEqual([held])
    expect(await asked({ status: 'no-phase' })).toEqual([planned])
    expect(await asked({ protocol: 'acdf-standard', status: 'active' })).toEqual([other])
    expect(summaryOf(await read(clinic)).protocols).toEqual([
      { protocol: 'acdf-standard', phase: expect.any(String), episodes: 1 },
      { protocol: 'ward', phase: 'early', episodes: 2 },
      { protocol: 'ward', phase: 'late', episodes: 1 },
      { protocol: 'ward', phase: null, episodes: 1 },
    ])
  })

  test.each<[Record<string, string>, number, string, string]>([
    [{ protocol: 'wart' }, 404, 'PROTOCOL_NOT_FOUND', 'did you mean `ward`'],
    [{ protocol: 'ward', phase: 'lat' }, 400, 'VALIDATION_FAILED', 'did you mean `late`?'],
    [{ protocol: 'ward', phase: 'x-99' }, 400, 'VALIDATION_FAILED', 'its phases are `early`, `late`'],
    [{ phase: 'late' }, 400, 'VALIDATION_FAILED', '`phase` needs `protocol`'],
    [{ status: 'closed' }, 400, 'VALIDATION_FAILED', '`status`'],
    [{ changedSince: '2026-12-24T00:00:00Z' }, 422, 'NOT_PLAUSIBLE', '`changedSince` lies in the future'],
    [{ on: '2026-02-30' }, 400, 'VALIDATION_FAILED', 'February'],
    [{ limit: '3' }, 400, 'VALIDATION_FAILED', '`limit`'],
  ])('%j is refused', async (query, status, code, detail) => {
    const answer = await clinic.get(`/permitted-exercises?${new URLSearchParams(query)}`)
    const problem = JSON.parse(answer.text)
    expect([answer.status, problem.code]).toEqual([status, code])
    expect(problem.detail).toContain(detail)
  })

  test.each([
    ['*/*', 200],
    ['application/x-ndjson', 200],
    ['text/html, application/*;q=0.5', 200],
    ['application/json', 406],
    ['application/x-ndjson;q=0, application/fhir+json', 406],
  ])('Accept: %s is answered with %d', async (accept, status) => {
    const answer = await clinic.send('GET', '/permitted-exercises', undefined, { accept })
    expect(answer.status).toBe(status)
    if (status === 406) expect(JSON.parse(answer.text).code).toBe('NOT_ACCEPTABLE')
    const head = await clinic.send('HEAD', '/permitted-exercises', undefined, { accept })
    expect([head.status, head.text]).toEqual([status, ''])
  })

  test.each<[string, Record<string, string>]>([
    ['all', {}],
    ['those in a phase', { protocol: 'ward', phase: 'late' }],
    ['those that are active', { status: 'active' }],
  ])('kept up to date with what has changed is the same as asked anew: %s', async (_name, filter) => {
    const copy = new Map<string, EpisodeLine>()
    const full = async () => new Map(episodesIn(await read(clinic, filter)).map((line) => [line.episode, line]))
    let since: string | null = null
    const kinds = new Set<string>()
    const late = await open(true)
    const writes: (() => Promise<unknown>)[] = [
      async () => accepted(await visit(late)),
      async () => accepted(await hold(await open(true))),
      async () => {
        const id = await open(true)
        accepted(await visit(id))
        accepted(await clinic.post(`/episodes/${id}/record/${accepted(await hold(id)).id}/void`, { reason: 'No' }))
      },
      async () => accepted(await hold(late)),
      async () => {
        const { id } = accepted(await close(late))
        goOn(90)
        await sync()
        expect(copy.has(late)).toBe(false)
        accepted(await clinic.post(`/episodes/${late}/record/${id}/void`, { reason: 'By mistake' }))
        goOn()
        await sync()
        // It is on hold.
        expect(copy.has(late)).toBe(filter.status === undefined)
      },
      async () => accepted(await close(late)),
    ]
    async function sync(): Promise<void> {
      const lines: Line[] = await read(clinic, { ...filter, ...(since !== null && { changedSince: since }) })
      for (const line of lines) {
        kinds.add(line.kind)
        if (line.kind === 'episode') copy.set((line as EpisodeLine).episode, line as EpisodeLine)
        if (line.kind === 'closed' || line.kind === 'other') copy.delete((line as { episode: string }).episode)
      }
      since = summaryOf(lines).nextChangedSince
      expect(summaryOf(lines).dateChanged).toBe(false)
    }
    for (const write of writes) {
      await sync()
      goOn(90)
      await write()
      goOn()
      await sync()
      expect(copy).toEqual(await full())
    }
    expect(kinds.has('closed')).toBe(true)
    expect(kinds.has('other')).toBe(Object.keys(filter).length > 0)
    // Nothing has changed, and little is told.
    goOn(90)
    await sync()
    const quiet = await read(clinic, { ...filter, changedSince: since ?? '' })
    expect(quiet.map(({ kind }) => kind)).toEqual(['summary'])
    expect(summaryOf(await read(clinic, { changedSince: '2026-11-19T00:00:00Z' })).dateChanged).toBe(true)
  })

  test('goes on, and misses nothing, behind an entry from a clock that was ahead', async () => {
    const other = await addLibraryClinic()
    const episode = await openEpisode(other, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
    goOn(600)
    accepted(await other.post(`/episodes/${episode}/milestones`, { code: 'hospital-discharge', on: '2026-10-03' }))
    goOn(-500)
    const lines = await read(other)
    const { knownAt, nextChangedSince } = summaryOf(lines)
    const { cursor = '' } = lines.find(({ kind }) => kind === 'cursor') as { cursor?: string }
    expect(summaryOf(await read(other, { cursor }))).toMatchObject({ before: 1, knownAt, nextChangedSince })
    goOn()
    const second = await openEpisode(other, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
    const changed = await read(other, { changedSince: nextChangedSince })
    expect(episodesIn(changed).map((line) => line.episode)).toContain(second)
    goOn(600)
  })
})
