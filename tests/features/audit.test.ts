import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import { runAs } from '../../src/db/client.ts'
import { type Anchor, hashRow, verifyChain } from '../../src/features/audit/chain.ts'
import { inChain, readerOn } from '../../src/features/audit/repository.ts'
import { keptOf, onlyAsked } from '../../src/http/audit.ts'
import { createTally } from '../../src/http/refused-attempts.ts'
import { connectAsOwner } from '../support/owner.ts'
import { tamperings, toPattern, toSql } from './audit-chain.ts'
import { accepted, startClinicWithLibrary } from './library-clinic.ts'
import type { Page } from './support.ts'

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })
const reader = await clinic.addClient(clinic.clinicId, 'reader', 'Screen')
let owner: pg.Client

interface Event {
  seq: number
  actor: { id: string | null; kind: string; name: string | null; credential: string | null }
  operation: string
  outcome: string
  status: number | null
  attempts: number
  requestId: string
  address: string
  userAgent: string
  target: Record<string, string>
  patients: string[]
  episodes: string[]
  hash: string
  previousHash: string
}

/** Events that fit, newest first. */
async function events(query = ''): Promise<Event[]> {
  return accepted(await clinic.get<Page<Event>>(`/audit-events?limit=200${query}`)).items
}

let patient = ''
let episode = ''

beforeAll(async () => {
  owner = await connectAsOwner(clinic.db)
  patient = accepted(await clinic.post<{ id: string }>('/patients', { externalId: 'mrn-jane-roe' })).id
  const body = { procedures: ['acdf'], surgeryDate: '2026-10-01' }
  episode = accepted(await clinic.post<{ id: string }>(`/patients/${patient}/episodes`, body)).id
})

afterAll(() => owner.end())

/** Takes the right to write to the record away while `work` runs. */
async function withoutRecord(work: () => Promise<void>): Promise<void> {
  await owner.query('REVOKE EXECUTE ON FUNCTION append_audit(jsonb), append_audits(jsonb) FROM rehab_service')
  try {
    await work()
  } finally {
    await owner.query('GRANT EXECUTE ON FUNCTION append_audit(jsonb), append_audits(jsonb) TO rehab_service')
  }
}

describe('an act', () => {
  test('that changes a patient’s record says who, what, when, from where and with which outcome', async () => {
    const hold = { from: '2026-11-20', reason: 'Fever of Jane Roe' }
    const answer = await clinic.post(`/episodes/${episode}/holds`, hold)
    const [event] = await events('&operation=recordHold')
    expect(event).toMatchObject({
      at: '2026-11-20T15:00:00.000Z',
      actor: { kind: 'api-key', name: 'administrator', id: expect.any(String), credential: expect.any(String) },
      method: 'POST',
      route: '/v1/episodes/:id/holds',
      outcome: 'success',
      status: null,
      requestId: answer.headers.get('x-request-id'),
      address: '127.0.0.1',
      target: { id: episode },
      patients: [],
      episodes: [episode],
    })
  })

  test('is in one transaction with its row: without the row it is not done', async () => {
    await withoutRecord(async () => {
      expect((await clinic.post('/patients', { externalId: 'unrecorded' })).status).toBe(500)
    })
    const { rows } = await owner.query(`SELECT FROM patient WHERE external_id = 'unrecorded'`)
    expect(rows).toEqual([])
  })

  test('that reads a patient’s data is on record before it is answered: without the row there is no answer', async () => {
    await withoutRecord(async () => {
      for (const path of [`/patients/${patient}`, '/patients', `/episodes/${episode}/permitted-exercises`]) {
        const { status, text } = await reader.get(path)
        expect({ path, status, leaks: /mrn-|permitted"/.test(text) }).toEqual({ path, status: 500, leaks: false })
      }
      expect((await reader.get('/exercises')).status).toBe(200)
    })
  })

  test('that reads a list names whom the page shows, and so is found by patient', async () => {
    await reader.get('/patients')
    expect((await reader.get('/episodes')).status).toBe(200)
    expect((await events('&operation=listPatients'))[0]).toMatchObject({
      actor: { name: 'Screen' },
      patients: [patient],
    })
    const ofPatient = (await events(`&patient=${patient}`)).map(({ operation }) => operation)
    for (const operation of ['createPatient', 'openEpisode', 'listPatients', 'listEpisodes', 'recordHold']) {
      expect(ofPatient).toContain(operation)
    }
    expect((await events('&episode=01a1f000-0000-7000-8000-00000000dead')).length).toBe(0)
  })

  test('that is refused is on record with its problem, and with no more of the path than ids', async () => {
    await reader.post('/patients', { externalId: 'x' })
    await reader.get(`/episodes/${episode}/permitted-exercises/jane-roe`)
    await clinic.post('/patients', { externalId: 'mrn-jane-roe' })
    await clinic.patch(`/patients/${patient}`, { displayName: 'Jane' })
    const refused = (await events('&outcome=refused')).map(({ operation, outcome, status }) => [
      operation,
      outcome,
      status,
    ])
    expect(refused.slice(0, 4)).toEqual([
      ['updatePatient', 'PRECONDITION_REQUIRED', 428],
      ['createPatient', 'ALREADY_EXISTS', 409],
      ['getExerciseVerdict', 'EXERCISE_NOT_FOUND', 404],
      ['createPatient', 'INSUFFICIENT_SCOPE', 403],
    ])
    const [verdict] = await events('&operation=getExerciseVerdict')
    expect(verdict?.target).toEqual({ id: episode })
  })

  test('of many episodes names each, in the row of its own transaction', async () => {
    const moved = { to: 1, select: { episodes: [episode] }, reason: 'Newer', dryRun: true }
    const before = (await events('&operation=moveEpisodes')).length
    const { status } = await clinic.send('POST', '/protocols/acdf-standard/moves', moved, {
      accept: 'application/x-ndjson',
    })
    expect(status).toBe(200)
    const rows = await events('&operation=moveEpisodes')
    expect(rows.length).toBeGreaterThan(before)
    expect(rows.flatMap(({ episodes }) => episodes)).toContain(episode)
  })

  test('leaves no secret, no name and nothing of a body in any row', async () => {
    const { rows } = await owner.query('SELECT e::text AS text FROM audit_event e')
    expect(rows.length).toBeGreaterThan(15)
    const said = rows.map(({ text }) => text).join('\n')
    for (const secret of [clinic.key, reader.key, 'mrn-jane-roe', 'jane-roe', 'Jane', 'Fever', 'rp_']) {
      expect(said).not.toContain(secret)
    }
  })
})

describe('a question', () => {
  test('can change nothing, whatever its route does', async () => {
    const change = () => clinic.db.asClinic(clinic.clinicId, (tx) => tx.clinic.updateMany({ data: { name: 'x' } }))
    await expect(runAs({ readOnly: true }, change)).rejects.toThrow(/read-only/)
    expect(onlyAsked.map((operation) => keptOf(operation, 'POST', 'protocols:read'))).toEqual(
      onlyAsked.map(() => 'nothing'),
    )
    expect(keptOf('anythingNew', 'POST', 'protocols:read')).toBe('change')
    expect(keptOf('anythingNew', ['GET', 'POST'], 'catalogue:read')).toBe('change')
  })
})

describe('attempts without a valid credential', () => {
  test('are on record where the key names a clinic, and a revoked key by whose it was', async () => {
    const made = accepted(await clinic.post<{ id: string; key: string }>('/api-keys', { name: 'Old', role: 'reader' }))
    await clinic.post(`/api-keys/${made.id}/revoke`, {})
    expect((await clinic.withKey(made.key).get('/patients')).status).toBe(401)
    const [event] = await events('&outcome=INVALID_API_KEY')
    expect(event).toMatchObject({ operation: 'listPatients', status: 401, actor: { name: 'Old', credential: made.id } })
  })

  test('cannot fill a clinic’s record: one row, and one more for the rest of the minute', async () => {
    const written: { attempts: number; address: string | null }[] = []
    let now = Temporal.Instant.from('2026-11-20T15:00:10Z')
    const tally = createTally({
      record: async (clinicId, { attempts, address }) => {
        if (clinicId === 'nobody') return false
        written.push({ attempts, address })
        return true
      },
      now: () => now,
      onError: (error) => {
        throw error
      },
    })
    const [example] = await events('&outcome=INVALID_API_KEY')
    const attempt = (clinicId: string, address: string) => tally.add(clinicId, { ...example, address } as never)
    for (let index = 0; index < 1000; index += 1) await attempt('one', '10.0.0.1')
    expect(written).toEqual([{ attempts: 1, address: '10.0.0.1' }])
    for (let index = 0; index < 1000; index += 1) await attempt('one', `10.0.1.${index}`)
    expect(written).toHaveLength(10)
    await attempt('nobody', '10.0.0.1')
    now = now.add({ seconds: 60 })
    await attempt('one', '10.0.0.1')
    expect(written.slice(10)).toEqual([
      { attempts: 999, address: '10.0.0.1' },
      { attempts: 991, address: null },
      { attempts: 1, address: '10.0.0.1' },
    ])
    await tally.close()
    expect(written).toHaveLength(13)
  })
})

describe('the record', () => {
  test('is added to by one function only, and changed by nobody', async () => {
    const attempt = async (run: () => Promise<unknown>): Promise<string> =>
      run().then(
        () => 'done',
        (error: Error) => error.message,
      )
    for (const table of ['audit_event', 'audit_subject', 'audit_head']) {
      const changes = [`UPDATE ${table} SET seq = seq`, `DELETE FROM ${table}`, `TRUNCATE ${table}`]
      for (const change of [...changes, `INSERT INTO ${table} SELECT * FROM ${table}`]) {
        const asService = await attempt(() => clinic.db.asClinic(clinic.clinicId, (tx) => tx.$executeRawUnsafe(change)))
        expect({ change, asService }).toEqual({ change, asService: expect.stringContaining('permission denied') })
      }
      for (const change of changes) {
        const refusal = /append-only|only goes on/
        expect(await attempt(() => owner.query(change))).toMatch(refusal)
      }
    }
    for (const foreign of [
      `SELECT append_audit('{"clinic": "${patient}"}')`,
      `SELECT append_audits('[{"clinic": "${patient}"}, {"clinic": "${clinic.clinicId}"}]')`,
    ]) {
      expect(await attempt(() => clinic.db.asClinic(clinic.clinicId, (tx) => tx.$queryRawUnsafe(foreign)))).toContain(
        'written by the clinic that it is of',
      )
    }
  })

  test('has a row for each of those who read at the same time, in one chain', async () => {
    const ids = Array.from({ length: 60 }, (_, index) => `at-once-${index}`)
    await Promise.all(
      ids.map((id) => clinic.send('GET', `/patients/${patient}`, undefined, { 'x-request-id': id, 'user-agent': id })),
    )
    const { rows } = await owner.query<{ request_id: string; user_agent: string; patients: string[] }>(
      `SELECT request_id, user_agent, patients::text[] FROM audit_event
       WHERE clinic_id = $1 AND request_id LIKE 'at-once-%' ORDER BY seq`,
      [clinic.clinicId],
    )
    expect(new Set(rows.map((row) => row.request_id))).toEqual(new Set(ids))
    expect(rows.every((row) => row.user_agent === row.request_id && row.patients.join() === patient)).toBe(true)
    expect(rows).toHaveLength(ids.length)
    expect((await inChain(clinic.db, clinic.clinicId, (chain) => verifyChain(chain))).fault).toBeNull()
  })

  test('is one chain that can be computed again', async () => {
    const verdict = await inChain(clinic.db, clinic.clinicId, (chain) => verifyChain(chain))
    expect(verdict).toEqual({ rows: expect.any(Number), fault: null })
    expect(verdict.rows).toBeGreaterThan(15)
    const row = { previousHash: '00'.repeat(32), items: ['a', null, ''], lists: [['é', 'b']] }
    expect(hashRow(row)).not.toBe(hashRow({ ...row, items: ['a', '', null] }))
    expect(hashRow(row)).not.toBe(hashRow({ ...row, lists: [['é2:', 'b']] }))
  })

  test.each(tamperings.map((tampering) => [tampering.name, tampering] as const))(
    'is found out when a row is %s',
    async (_name, tampering) => {
      const row = 7
      const chain = readerOn(owner, clinic.clinicId)
      const { head } = await chain.end()
      await owner.query('BEGIN')
      try {
        // Whoever owns the server gets past the triggers.
        await owner.query('SET LOCAL session_replication_role = replica')
        await owner.query(toSql(tampering, clinic.clinicId, row))
        const { fault } = await verifyChain(chain, [head as Anchor])
        expect(fault).toMatch(toPattern(tampering, row))
      } finally {
        await owner.query('ROLLBACK')
      }
    },
  )
})

describe('an administrator', () => {
  test('pages, filters and reads, and that is on record too', async () => {
    const pages = await clinic.pages<Event>('/audit-events?limit=7&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z')
    const listed = pages.flat().map(({ seq }) => seq)
    // Later pages begin behind what the first has added.
    expect(listed).toEqual([...listed].sort((a, b) => b - a))
    expect(listed.at(-1)).toBe(1)
    expect(new Set(listed).size).toBe(listed[0])
    const newest = (await events())[0]
    expect(newest).toMatchObject({ operation: 'listAuditEvents', actor: { name: 'administrator' } })
    const one = await clinic.get<Event>(`/audit-events/${newest?.seq}`)
    expect(one.body).toEqual(newest)
    expect((await events('&operation=getAuditEvent'))[0]?.target).toEqual({ seq: String(newest?.seq) })
    expect((await clinic.get('/audit-events/999999')).status).toBe(404)
    expect((await events(`&actor=${newest?.actor.id}&outcome=success`)).length).toBeGreaterThan(5)
    expect((await events('&to=2026-11-20T15:00:00Z')).length).toBe(0)
  })

  test('exports FHIR AuditEvents with the chain in them, oldest first', async () => {
    const accept = { accept: 'application/fhir+ndjson' }
    const answer = await clinic.send('GET', '/audit-events', undefined, accept)
    expect(answer.headers.get('content-type')).toBe('application/fhir+ndjson')
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const last = lines.pop()
    expect(last).toMatchObject({
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'information', diagnostics: `complete: ${lines.length} audit events` }],
    })
    expect(lines.map(({ id }) => Number(id))).toEqual(lines.map((_, index) => index + 1))
    const chain = lines.map(({ extension: [{ extension }] }) =>
      Object.fromEntries(extension.map((part: { url: string; valueString: string }) => [part.url, part.valueString])),
    )
    for (const [index, { previousHash }] of chain.entries()) {
      expect(previousHash).toBe(index === 0 ? '00'.repeat(32) : chain[index - 1]?.hash)
    }
    const opened = lines.find(({ subtype }) => subtype?.[0]?.code === 'openEpisode')
    expect(opened).toMatchObject({
      resourceType: 'AuditEvent',
      type: { code: 'rest' },
      action: 'C',
      recorded: '2026-11-20T15:00:00.000Z',
      outcome: '0',
      agent: [{ requestor: true, network: { address: '127.0.0.1' } }],
      entity: [
        { what: { reference: `Patient/${patient}` } },
        { what: { reference: `EpisodeOfCare/${episode}` } },
        { detail: expect.any(Array) },
      ],
    })
    expect((await reader.send('GET', '/audit-events', undefined, accept)).status).toBe(403)
  })
})

describe('what the service’s role gives to append_audit', () => {
  const event = {
    ...{ at: '2026-11-20T15:00:00Z', actorKind: 'unknown', operation: 'x', method: 'GET', route: '/x', attempts: 1 },
    ...{ outcome: 'success', status: null, target: [], patients: [], episodes: [] },
  }
  const append = (change: object, how = 'append_audit($1::jsonb)'): Promise<unknown> => {
    const given = JSON.stringify({ ...event, clinic: clinic.clinicId, ...change })
    return clinic.db.asClinic(clinic.clinicId, async (tx) => {
      await tx.$queryRawUnsafe(`SELECT ${how}::text`, given)
      throw new Error('taken')
    })
  }
  const withOthers = 'append_audits(jsonb_build_array($1::jsonb))'

  const unreadable = [
    { at: 'infinity' },
    { at: '2026-11-20T15:00:00Z BC' },
    { target: [null] },
    { target: [['id=1']] },
    { target: ['jane roe'] },
    { target: ['id=1\n2'] },
    { target: [`id=${'1'.repeat(81)}`] },
    { target: Array.from({ length: 21 }, () => 'id=1') },
    { patients: [null] },
    { episodes: [null] },
    { actorKind: 'somebody' },
    { attempts: 0 },
    { outcome: 'X', status: 200 },
    { outcome: 'X', status: null },
    { outcome: 'success', status: 404 },
    { outcome: 'X'.repeat(101), status: 404 },
    { operation: 'x'.repeat(101) },
    { method: 'X'.repeat(21) },
    { requestId: 'x'.repeat(101) },
    { route: 'x'.repeat(301) },
    { address: 'x'.repeat(256) },
    { userAgent: 'x'.repeat(201) },
  ]
  test.each(unreadable.map((change) => [JSON.stringify(change).slice(0, 50), change] as const))(
    'is refused if the record could not be read any more: %s',
    async (_text, change) => {
      await expect(append(change)).rejects.toThrow(/violates check constraint/)
      await expect(append(change, withOthers)).rejects.toThrow(/violates check constraint/)
    },
  )

  test('is taken as it is sent', async () => {
    const target = ['id=01a1f000-0000-7000-8000-00000000c11c', 'made=acdf-standard', 'replayed=true']
    await expect(append({ target, userAgent: 'é'.repeat(200) })).rejects.toThrow('taken')
    await expect(append({ target, userAgent: 'é'.repeat(200) }, withOthers)).rejects.toThrow('taken')
  })
})

describe('a person whom an identity provider vouches for', () => {
  test('is on record when they first come and when they have another name, and not by it', async () => {
    const id = '01a1f000-0000-7000-8000-0000000000f1'
    const come = (name: string) =>
      clinic.db.pool.query('SELECT * FROM identify_person($1, $2, $3, $4, $5, $6)', [
        ...[clinic.clinicId, id, 'https://id.example', 'subject-1', name, '2026-11-20T15:00:00Z'],
      ])
    for (const name of ['Ann Lee', 'Ann Lee', 'Ann Moe', 'Ann Moe']) expect((await come(name)).rowCount).toBe(1)
    const seen = await events('&operation=identifyPerson')
    expect(seen.map(({ target, actor }) => [target, actor.id, actor.kind])).toEqual([
      [{ renamed: id }, id, 'person'],
      [{ made: id }, id, 'person'],
    ])
  })
})

describe('a chain whose end somebody holds', () => {
  test('keeps nobody else waiting, and its own for not longer than they would wait', async () => {
    const other = await clinic.addLibraryClinic()
    const theirs = accepted(await other.post<{ id: string }>('/patients', { externalId: 'other' })).id
    await owner.query('BEGIN')
    await owner.query('SELECT FROM audit_head WHERE clinic_id = $1 FOR UPDATE', [clinic.clinicId])
    try {
      const start = performance.now()
      const reads = Array.from({ length: 12 }, () => reader.get(`/patients/${patient}`))
      const refused = Array.from({ length: 3 }, () => reader.post('/patients', { externalId: 'x' }))
      const change = clinic.post('/patients', { externalId: 'held' })
      const elsewhere = (await other.get(`/patients/${theirs}`)).status
      expect([elsewhere, performance.now() - start < 1500]).toEqual([200, true])
      for (const { status, headers } of await Promise.all([...reads, change])) {
        expect([status, headers.get('retry-after')]).toEqual([503, expect.any(String)])
      }
      expect((await Promise.all(refused)).map(({ status }) => status)).toEqual([403, 403, 403])
      expect(performance.now() - start).toBeLessThan(5000)
    } finally {
      await owner.query('ROLLBACK')
    }
    const again = async (): Promise<number> => (await reader.get(`/patients/${patient}`)).status
    while ((await again()) !== 200);
  })

  test('is let go by the database when the service that holds it stands still', async () => {
    const ask = `SELECT current_setting('idle_in_transaction_session_timeout') AS idle,
      current_setting('tcp_user_timeout') AS gone`
    const { rows } = await clinic.db.pool.query(ask)
    expect(rows).toEqual([{ idle: '15s', gone: '30000' }])
    const inLong = await clinic.db.asWhole(clinic.clinicId, (tx) => tx.$queryRawUnsafe(ask), 60_000)
    expect(inLong).toEqual([{ idle: '65s', gone: '30000' }])
  })
})
