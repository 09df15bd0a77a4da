import { randomUUIDv7 } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { type EpisodeThen, fixMoment, readCaseload } from '../../src/features/episodes/caseload.ts'
import { moveEpisodes } from '../../src/features/moves/move.ts'
import type { Instant } from '../../src/rules/index.ts'
import { accepted, openEpisode, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'
import { storeEpisodes } from './many-episodes.ts'
import type { Client } from './support.ts'
import { wardProtocol } from './ward.ts'

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })
const { clinicId, db } = clinic
const clock = () => Temporal.Instant.from('2026-11-20T15:00:00Z')

await publishProtocol(clinic, wardProtocol('ward'))
await publishProtocol(clinic, wardProtocol('ward', { lifting: 5 }))
const idOf = async (version: number): Promise<string> =>
  accepted(await clinic.get<{ id: string }>(`/protocols/ward/versions/${version}`)).id
const [first, second] = [await idOf(1), await idOf(2)]
const ids = await storeEpisodes(clinic, {
  count: 601,
  version: first,
  surgeryDate: '2026-10-01',
  at: '2026-10-02T10:00:00Z',
})
const limit = 'limit-tightened:lifted-load/[lb_av]/max=5'
const reason = 'Less to lift'

test('a caseload is read page by page as it was at one moment, whatever happens meanwhile', async () => {
  const knownAt = await fixMoment({ db, clock }, clinicId)
  clinic.setNow('2026-11-20T15:00:01Z')
  const pages: EpisodeThen[][] = []
  for await (const page of readCaseload(db.pool, { clinicId, versions: [first], knownAt })) {
    if (pages.length === 0) {
      // Pages that are still to come: one is moved, one closed, and a new one opened.
      const select = { episodes: [ids[599]] }
      const body = { to: 2, select, reason, confirm: [limit] }
      expect(accepted(await clinic.post('/protocols/ward/moves', body))).toMatchObject({ outcomes: { moved: 1 } })
      accepted(await clinic.post(`/episodes/${ids[600]}/close`, { on: '2026-11-20', reason: 'Moved away' }))
      await openEpisode(clinic, {
        procedures: ['acdf'],
        surgeryDate: '2026-10-01',
        protocols: [{ code: 'ward', version: 1 }],
      })
    }
    pages.push(page)
  }
  expect(pages.flat().map(({ id }) => id)).toEqual(ids)
  expect(pages.length).toBeGreaterThan(2)
  expect(pages.flat().every(({ following }) => following.length === 1 && following[0] === first)).toBe(true)
  // As it is now, the moved and the closed one are not in it, and the new one is.
  const now = await fixMoment({ db, clock }, clinicId)
  const later: EpisodeThen[] = []
  for await (const page of readCaseload(db.pool, { clinicId, versions: [first], knownAt: now })) later.push(...page)
  expect(later).toHaveLength(600)
})

test('an episode is in the caseload again once its closure is voided, and not for another void', async () => {
  const other = await clinic.addLibraryClinic()
  await publishProtocol(other, wardProtocol('ward'))
  const { id: version } = accepted(await other.get<{ id: string }>('/protocols/ward/versions/1'))
  const openIds = async (): Promise<string[]> => {
    const knownAt = await fixMoment({ db, clock }, other.clinicId)
    const pages: EpisodeThen[] = []
    for await (const page of readCaseload(db.pool, { clinicId: other.clinicId, versions: [version], knownAt })) {
      pages.push(...page)
    }
    return pages.map(({ id }) => id).sort()
  }
  const open = () =>
    openEpisode(other, { procedures: ['acdf'], surgeryDate: '2026-10-01', protocols: [{ code: 'ward' }] })
  const close = async (episode: string): Promise<string> =>
    accepted(await other.post<{ id: string }>(`/episodes/${episode}/close`, { on: '2026-11-20', reason: 'Away' })).id
  const [reopened, closed] = [await open(), await open()]
  const held = { from: '2026-11-20', reason: 'A cold' }
  const { id: hold } = accepted(await other.post<{ id: string }>(`/episodes/${closed}/holds`, held))
  const closure = await close(reopened)
  accepted(await other.post(`/episodes/${closed}/record/${hold}/void`, { reason: 'No cold' }))
  await close(closed)
  expect(await openIds()).toEqual([])
  accepted(await other.post(`/episodes/${reopened}/record/${closure}/void`, { reason: 'By mistake' }))
  expect(await openIds()).toEqual([reopened])
})

test('the moment waits for who is writing', async () => {
  const client = await db.pool.connect()
  await client.query('BEGIN')
  await client.query(`SELECT set_config('app.clinic_id', $1, true)`, [clinicId])
  await client.query('SELECT 1 FROM episode WHERE id = $1 FOR UPDATE', [ids[0]])
  let fixed: Instant | null = null
  const waiting = fixMoment({ db, clock }, clinicId).then((moment) => {
    fixed = moment
  })
  // Many looks later it still waits.
  for (let looks = 0; looks < 5; looks += 1) await db.pool.query('SELECT pg_sleep(0.02)')
  expect(fixed).toBeNull()
  await client.query('ROLLBACK')
  client.release()
  await waiting
  expect(fixed).not.toBeNull()
})

test('the moment is not that of somebody who has written while it waited', async () => {
  const other = await clinic.addLibraryClinic()
  const open = () => openEpisode(other, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
  const [one, two, three] = [await open(), await open(), await open()]
  /** Somebody who looks at the clock now, and is not done yet. */
  const begin = async (episode: string) => {
    const client = await db.pool.connect()
    await client.query('BEGIN')
    await client.query(`SELECT set_config('app.clinic_id', $1, true)`, [other.clinicId])
    await client.query('SELECT 1 FROM episode WHERE id = $1 FOR UPDATE', [episode])
    return () => client.query('ROLLBACK').then(() => client.release())
  }
  const now = Temporal.Instant.from('2026-11-20T16:00:00Z')
  const endFirst = await begin(one)
  const waiting = fixMoment({ db, clock: () => now }, other.clinicId)
  await db.pool.query('SELECT pg_sleep(0.05)')
  const endSecond = await begin(two)
  clinic.setNow('2026-11-20T16:00:02Z')
  accepted(await other.post(`/episodes/${three}/holds`, { from: '2026-11-20', reason: 'A cold' }))
  clinic.setNow('2026-11-20T15:00:01Z')
  await endFirst()
  const knownAt = await waiting
  await endSecond()
  expect(knownAt).toBe('2026-11-20T16:00:00.000Z')
})

test('a reader who goes away ends it, and an error is the last line', async () => {
  const gone = new AbortController()
  const headers = { authorization: `Bearer ${clinic.key}`, accept: 'application/x-ndjson' }
  const address = `${clinic.address}/v1/protocols/ward/versions/2/impact`
  const response = await fetch(address, { headers, signal: gone.signal })
  await response.body?.getReader().read()
  gone.abort()

  // A version that cannot be read is an error in the middle of the answer.
  const query = db.pool.query.bind(db.pool)
  db.pool.query = ((...given: Parameters<typeof query>) => {
    const isSecond = String(given[0]).includes('read_caseload') && JSON.stringify(given[1]).includes(`"${ids[249]}"`)
    return isSecond ? Promise.reject(new Error('connection lost')) : query(...given)
  }) as typeof query
  try {
    const lines = (await (await fetch(address, { headers })).text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.at(-1)).toMatchObject({ kind: 'error', problem: { status: 500, code: 'INTERNAL_ERROR' } })
    expect(lines.length).toBeGreaterThan(200)
  } finally {
    db.pool.query = query
  }
  expect((await clinic.get('/protocols/ward/versions/2/impact')).status).toBe(200)
})

/** Software with a key that can be revoked. */
async function makeKey(): Promise<{ software: Client; revoke: () => Promise<void> }> {
  const made = accepted(
    await clinic.post<{ id: string; key: string }>('/api-keys', { name: 'Ended', role: 'administrator' }),
  )
  const revoke = async () => void accepted(await clinic.post(`/api-keys/${made.id}/revoke`, {}))
  return { software: clinic.withKey(made.key), revoke }
}

test.each(['application/json', 'application/x-ndjson'])(
  'a caseload (%s) is told no further once the key is revoked',
  async (accept) => {
    const { software, revoke } = await makeKey()
    const query = db.pool.query.bind(db.pool)
    let pages = 0
    db.pool.query = (async (...given: Parameters<typeof query>) => {
      if (String(given[0]).includes('read_caseload') && ++pages === 2) await revoke()
      return query(...given)
    }) as typeof query
    try {
      const { text } = await software.send('GET', '/protocols/ward/versions/2/impact', undefined, { accept })
      const lines = text.trimEnd().split('\n')
      const last = JSON.parse(lines.at(-1) ?? '')
      expect(last.problem ?? last).toMatchObject({ status: 401, code: 'INVALID_API_KEY' })
      expect(lines.length).toBeLessThanOrEqual(501)
    } finally {
      db.pool.query = query
    }
  },
)

test('a move of many goes on where it was broken off', async () => {
  const path = '/protocols/ward/moves'
  const move = { to: 2, select: { all: true } as const, reason, confirm: [limit] }
  const protocol = accepted(await clinic.get<{ id: string; code: string }>('/protocols/ward'))
  const request = {
    ...move,
    clinicId,
    actorId: randomUUIDv7(),
    timeZone: 'UTC',
    protocol,
    to: { id: second, number: 2 },
    selection: move.select,
    dryRun: false,
    id: randomUUIDv7(),
  }
  let batches = 0
  for await (const { results } of moveEpisodes({ db, clock, ids: randomUUIDv7 }, request)) {
    expect(results.every(({ outcome }) => outcome === 'moved')).toBe(true)
    batches += 1
    if (batches === 2) break
  }
  const made = accepted(await clinic.get<{ episodes: number }>(`${path}/${request.id}`)).episodes
  const rest = accepted(await clinic.post<{ outcomes: Record<string, number> }>(path, move))
  expect([made, rest.outcomes.moved]).toEqual([200, 400])
  const followers = await db.asClinic(
    clinicId,
    (tx) => tx.$queryRaw`
      SELECT version_id AS version, count(*)::int AS episodes FROM episode_protocol GROUP BY version_id ORDER BY 2`,
  )
  // The closed one stays, and one was moved in the first test.
  expect(followers).toEqual([
    { version: first, episodes: 1 },
    { version: second, episodes: 601 },
  ])
})

/** Holds an episode's row, as somebody who writes its record does, until it is let go. */
async function hold(id: string): Promise<{ letGo: () => Promise<void>; waitForOthers: () => Promise<void> }> {
  const client = await db.pool.connect()
  await client.query('BEGIN')
  await client.query(`SELECT set_config('app.clinic_id', $1, true)`, [clinicId])
  await client.query('SELECT 1 FROM episode WHERE id = $1 FOR UPDATE', [id])
  return {
    /** Until somebody else waits for a lock in this database. */
    async waitForOthers() {
      const waiting = `SELECT 1 FROM pg_locks w JOIN pg_locks d USING (pid)
        WHERE NOT w.granted AND d.database = (SELECT oid FROM pg_database WHERE datname = current_database())`
      while ((await client.query(waiting)).rowCount === 0) await client.query('SELECT pg_sleep(0.02)')
    },
    async letGo() {
      await client.query('ROLLBACK')
      client.release()
    },
  }
}

test('a move that has to wait for one episode does not change the past of another', async () => {
  clinic.setNow('2026-11-20T16:00:00Z')
  const protocols = [{ code: 'ward', version: 1 }]
  const open = () => openEpisode(clinic, { procedures: ['acdf'], surgeryDate: '2026-10-01', protocols })
  const [busy, other] = [await open(), await open()]
  const body = { to: 2, select: { episodes: [busy, other] }, reason }
  const path = '/protocols/ward/moves'
  const { confirm } = accepted(await clinic.post<{ confirm: string[] }>(path, { ...body, dryRun: true }))

  const held = await hold(busy)
  clinic.setNow('2026-11-20T16:01:00Z')
  const moving = clinic.post(path, { ...body, confirm })
  await held.waitForOthers()
  clinic.setNow('2026-11-20T16:02:00Z')
  const then = `/episodes/${other}/permitted-exercises?on=2026-11-20&knownAt=2026-11-20T16:02:00Z`
  const before = await clinic.get(then)
  clinic.setNow('2026-11-20T16:03:00Z')
  await held.letGo()
  expect(accepted(await moving)).toMatchObject({ outcomes: { moved: 2 } })
  expect((await clinic.get(then)).text).toBe(before.text)
  const record = (await clinic.pages<{ recordedAt: string }>(`/episodes/${other}/record`)).flat()
  expect(record.at(-1)?.recordedAt).toBe('2026-11-20T16:03:00.000Z')
})

test('a move that is broken off names the move that was made until then', async () => {
  const path = '/protocols/ward/moves'
  const ends: [accept: string, read: (text: string) => object][] = [
    ['application/json', (text) => JSON.parse(text)],
    ['application/x-ndjson', (text) => JSON.parse(text.trimEnd().split('\n').at(-1) ?? '').problem],
  ]
  for (const [index, [accept, read]] of ends.entries()) {
    const to = 3 + index
    await publishProtocol(clinic, wardProtocol('ward', { lifting: 20 + index }))
    const body = { to, select: { episodes: ids.slice(0, 150) }, reason }
    const { confirm } = accepted(await clinic.post<{ confirm: string[] }>(path, { ...body, dryRun: true }))
    const held = await hold(ids[149] ?? '')
    const moving = clinic.send('POST', path, { ...body, confirm }, { accept })
    await held.waitForOthers()
    const retire = `/protocols/ward/versions/${to}/retire`
    accepted(await clinic.send('POST', retire, { episodes: 'keep' }, { 'if-match': '*' }))
    await held.letGo()
    const [made] = accepted(await clinic.get<{ items: { id: string; episodes: number }[] }>(path)).items
    const { text } = await moving
    expect(made?.episodes).toBe(100)
    expect(read(text)).toMatchObject({
      status: 409,
      code: 'VERSION_NOT_PUBLISHED',
      move: made?.id,
      detail: `version ${to} of \`ward\` was retired meanwhile: choose another; 100 episodes were moved before: see /v1/protocols/ward/moves/${made?.id}`,
    })
  }
})

test('a move goes no further once the key is revoked', async () => {
  const path = '/protocols/ward/moves'
  await publishProtocol(clinic, wardProtocol('ward', { lifting: 30 }))
  const { latestVersion } = accepted(await clinic.get<{ latestVersion: number }>('/protocols/ward'))
  const body = { to: latestVersion, select: { episodes: ids.slice(0, 150) }, reason }
  const { confirm } = accepted(await clinic.post<{ confirm: string[] }>(path, { ...body, dryRun: true }))
  const { software, revoke } = await makeKey()
  const held = await hold(ids[149] ?? '')
  const moving = software.send('POST', path, { ...body, confirm }, { accept: 'application/x-ndjson' })
  await held.waitForOthers()
  await revoke()
  await held.letGo()
  const { text } = await moving
  const [made] = accepted(await clinic.get<{ items: { id: string; episodes: number }[] }>(path)).items
  expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
    kind: 'error',
    problem: { status: 401, code: 'INVALID_API_KEY', move: made?.id },
  })
  expect(made?.episodes).toBe(100)
})

test('with a key at most 1,000 episodes are moved', async () => {
  const many = { count: 1001, version: second, surgeryDate: '2026-10-01', at: '2026-10-02T10:00:00Z' }
  const episodes = await storeEpisodes(clinic, many)
  const move = (count: number) => {
    const body = { to: 2, select: { episodes: episodes.slice(0, count) }, reason }
    return clinic.send('POST', '/protocols/ward/moves', body, { 'idempotency-key': `of-${count}` })
  }
  expect(await move(1001)).toMatchObject({ status: 422, body: { code: 'TOO_MANY_FOR_KEY' } })
  expect(await move(1000)).toMatchObject({ status: 200, body: { outcomes: { 'already-there': 1000 } } })
})
