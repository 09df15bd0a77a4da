import { randomUUID } from 'node:crypto'
import net from 'node:net'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sweepAnswers } from '../../src/db/kept-answers.ts'
import { startClinicWithLibrary } from './library-clinic.ts'
import { type Answer, type Client, type Problem, startReplica } from './support.ts'

const clinic = await startClinicWithLibrary()
const replica = await startReplica(clinic.db, () => Temporal.Now.instant())
const other = await clinic.addLibraryClinic()
const colleague = await clinic.addClient(clinic.clinicId)

const surgery = { procedures: ['acdf'], surgeryDate: '2026-10-01' }

/** Sends it with the key. */
function keyed<Body = Record<string, string>>(
  path: string,
  body: unknown,
  key: string,
  { by = clinic as Client, headers = {} }: { by?: Client; headers?: Record<string, string> } = {},
): Promise<Answer<Body>> {
  return by.send<Body>('POST', path, body, { 'idempotency-key': key, ...headers })
}

const replayed = ({ headers }: Answer<unknown>): boolean => headers.get('idempotency-replayed') === 'true'

let patients = 0

async function newPatient(by: Client = clinic): Promise<string> {
  patients += 1
  return (await by.post<{ id: string }>('/patients', { externalId: `keyed-${patients}` })).body.id
}

async function countEpisodes(patient: string, by: Client = clinic): Promise<number> {
  return (await by.get<{ items: unknown[] }>(`/patients/${patient}/episodes`)).body.items.length
}

/** What is kept, for all that one actor has sent. */
async function keptRows(): Promise<{ body: string; is_sealed: boolean }[]> {
  return clinic.db.asClinic(clinic.clinicId, async (tx) => {
    const rows = await tx.idempotencyKey.findMany({ where: { clinicId: clinic.clinicId } })
    return rows.map(({ body, isSealed }) => ({ body: Buffer.from(body).toString('latin1'), is_sealed: isSealed }))
  })
}

describe('a key', () => {
  test('makes of the same request one episode, and one answer', async () => {
    const patient = await newPatient()
    const path = `/patients/${patient}/episodes`
    const first = await keyed(path, surgery, 'one')
    // Its meaning counts and not its bytes; and a quoted key is the same.
    const turned = '{ "surgeryDate": "2026-10-01",\n "procedures": ["acdf"] }'
    const again = await keyed(path, turned, '"one"')
    expect([first.status, again.status, again.text, again.location, again.etag]).toEqual([
      201,
      201,
      first.text,
      first.location,
      first.etag,
    ])
    expect([replayed(first), replayed(again)]).toEqual([false, true])
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
    expect(await countEpisodes(patient)).toBe(1)
  })

  test.each([
    ['another body', '', { surgeryDate: '2026-10-02' }],
    ['another patient', 'another', {}],
  ])('with %s is a 422 that says so', async (_what, where, change) => {
    const [patient, second] = [await newPatient(), await newPatient()]
    const key = randomUUID()
    await keyed(`/patients/${patient}/episodes`, surgery, key)
    const target = where === '' ? patient : second
    const answer = await keyed<Problem>(`/patients/${target}/episodes`, { ...surgery, ...change }, key)
    expect(answer).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } })
    expect(answer.body.errors).toEqual([expect.objectContaining({ in: 'header', pointer: 'Idempotency-Key' })])
    expect([await countEpisodes(patient), await countEpisodes(second)]).toEqual([1, 0])
  })

  test('with another `If-Match` or query is another request, and with an outdated one still the first answer', async () => {
    const document = { format: 1, code: 'keyed-parts', title: 'Keyed', procedures: ['acdf'] }
    await clinic.post('/protocols', document)
    const path = '/protocols/keyed-parts/draft/phases'
    const phase = { code: 'first', title: 'First', entry: { days: { atLeast: 0 } } }
    const first = await keyed(path, phase, 'phase', { headers: { 'if-match': '"1"' } })
    const again = await keyed(path, phase, 'phase', { headers: { 'if-match': '"1"' } })
    expect([first.status, again.status, again.etag, replayed(again)]).toEqual([201, 201, '"2"', true])
    for (const [to, tag] of [
      [path, '"2"'],
      [`${path}?before=first`, '"1"'],
    ] as const) {
      expect((await keyed(to, phase, 'phase', { headers: { 'if-match': tag } })).status).toBe(422)
    }
  })

  test('of a request that was refused can be used for the corrected one', async () => {
    const patient = await newPatient()
    const path = `/patients/${patient}/episodes`
    expect((await keyed(path, { ...surgery, procedures: ['acdff'] }, 'mended')).status).toBe(422)
    expect((await keyed(path, { ...surgery, surgeryDate: 'soon' }, 'mended')).status).toBe(400)
    const mended = await keyed(path, surgery, 'mended')
    expect([mended.status, replayed(mended)]).toEqual([201, false])
  })

  test.each(['', ' ', 'with space', 'a, b', '"open', 'x'.repeat(256), `"${'x'.repeat(256)}"`, 'ümlaut', '"a";p=1'])(
    'that is none (%j) is a 400 that says what one is',
    async (key) => {
      const answer = await keyed<Problem>('/patients', { externalId: 'never' }, Buffer.from(key).toString('latin1'))
      // An empty header is one that was left out for Node’s fetch; the service says so too.
      expect(answer.status).toBe(400)
      expect(answer.body.errors?.[0]).toMatchObject({ in: 'header', pointer: 'idempotency-key' })
    },
  )

  test('is its actor’s own: another one, and another clinic, use the same for themselves', async () => {
    const patient = await newPatient()
    const path = `/patients/${patient}/episodes`
    const answers = [
      await keyed(path, surgery, 'shared'),
      await keyed(path, surgery, 'shared', { by: colleague }),
      await keyed(`/patients/${await newPatient(other)}/episodes`, surgery, 'shared', { by: other }),
    ]
    expect(answers.map((answer) => [answer.status, replayed(answer)])).toEqual(Array(3).fill([201, false]))
    expect(await countEpisodes(patient)).toBe(2)
  })

  test('is that of the rotated API key as well', async () => {
    const made = await clinic.post<{ id: string; key: string }>('/api-keys', { name: 'Rotated', role: 'therapist' })
    const rotated = await clinic.post<{ key: string }>(`/api-keys/${made.body.id}/rotate`, {})
    const body = { externalId: 'of-the-rotated' }
    const first = await keyed('/patients', body, 'rotated', { by: clinic.withKey(made.body.key) })
    const again = await keyed('/patients', body, 'rotated', { by: clinic.withKey(rotated.body.key) })
    expect([again.status, again.text, replayed(again)]).toEqual([201, first.text, true])
  })

  test('helps nobody who may not do it any more', async () => {
    const made = await clinic.post<{ id: string; key: string }>('/api-keys', { name: 'Short', role: 'therapist' })
    const short = clinic.withKey(made.body.key)
    expect((await keyed('/patients', { externalId: 'short' }, 'short', { by: short })).status).toBe(201)
    await clinic.post(`/api-keys/${made.body.id}/revoke`, {})
    expect((await keyed('/patients', { externalId: 'short' }, 'short', { by: short })).status).toBe(401)
  })

  test('means nothing to what writes nothing', async () => {
    const simulation = { protocols: [{ code: 'acdf-standard' }], surgeryDate: '2026-10-01', on: '2026-10-05' }
    const answers = [
      await keyed('/simulations', simulation, 'simulated'),
      await keyed('/simulations', { ...simulation, on: '2026-10-06' }, 'simulated'),
    ]
    expect(answers.map((answer) => [answer.status, replayed(answer)])).toEqual(Array(2).fill([200, false]))
  })
})

describe('what is done with a key', () => {
  test('is not done if its answer cannot be kept, and the key is free', async () => {
    const patient = await newPatient()
    const path = `/patients/${patient}/episodes`
    const owner = await clinic.db.pool.connect()
    try {
      await owner.query('SET ROLE NONE')
      await owner.query('ALTER TABLE idempotency_key ADD CONSTRAINT nothing CHECK (false) NOT VALID')
      const failed = await keyed(path, surgery, 'not-kept')
      expect([failed.status, failed.location, failed.etag]).toEqual([500, '', ''])
      expect(await countEpisodes(patient)).toBe(0)
    } finally {
      await owner.query('ALTER TABLE idempotency_key DROP CONSTRAINT nothing')
      owner.release(true)
    }
    const answer = await keyed(path, surgery, 'not-kept')
    expect([answer.status, replayed(answer)]).toEqual([201, false])
  })

  test('and what is told again, is each on record as an act, with the patient', async () => {
    const body = { externalId: 'on-record' }
    const first = await keyed('/patients', body, 'on-record')
    const again = await keyed('/patients', body, 'on-record')
    const { items } = (
      await clinic.get<{ items: { requestId: string; outcome: string; patients: string[] }[] }>(
        '/audit-events?limit=50',
      )
    ).body
    const ids = [first, again].map(({ headers }) => headers.get('x-request-id'))
    const kept = ids.map((id) => items.filter(({ requestId }) => requestId === id).map(({ outcome }) => outcome))
    expect(kept).toEqual([['success'], ['success']])
    expect(items.find(({ requestId }) => requestId === ids[1])?.patients).toEqual([first.body.id])
  })

  test('is kept in rows that the service can neither change nor remove', async () => {
    const { rows } = await clinic.db.pool.query(
      `SELECT has_table_privilege('idempotency_key', 'UPDATE') OR has_table_privilege('idempotency_key', 'DELETE')
         OR has_table_privilege('idempotency_key', 'TRUNCATE') AS allowed`,
    )
    expect(rows).toEqual([{ allowed: false }])
  })

  test('of a move is one transaction, not in lines', async () => {
    const lines = await keyed<Problem>(
      '/protocols/acdf-standard/moves',
      { to: 1, select: { all: true }, reason: 'r' },
      'lines',
      { headers: { accept: 'application/x-ndjson' } },
    )
    expect(lines).toMatchObject({ status: 400, body: { errors: [{ in: 'header', pointer: 'Idempotency-Key' }] } })
  })
})

describe('an answer with a secret', () => {
  test('comes again to the credential that asked for it, to no other, and is nowhere in the clear', async () => {
    const maker = await clinic.post<{ id: string; key: string }>('/api-keys', { name: 'Maker', role: 'administrator' })
    const successor = await clinic.post<{ key: string }>(`/api-keys/${maker.body.id}/rotate`, {})
    const old = clinic.withKey(maker.body.key)
    const body = { name: 'Secret', role: 'reader' }
    const first = await keyed<{ key: string }>('/api-keys', body, 'secret', { by: old })
    const again = await keyed('/api-keys', body, 'secret', { by: old })
    expect([first.status, again.status, again.text, replayed(again)]).toEqual([201, 201, first.text, true])
    const elsewhere = await keyed<Problem>('/api-keys', body, 'secret', { by: clinic.withKey(successor.body.key) })
    expect(elsewhere).toMatchObject({ status: 409, body: { code: 'ANSWER_SEALED', made: first.location } })
    expect(elsewhere.text).not.toContain(first.body.key)
    const rows = await keptRows()
    expect(rows.filter(({ is_sealed }) => is_sealed).length).toBeGreaterThan(0)
    expect(rows.filter((row) => /rp_[\w-]{60}/.test(row.body))).toEqual([])
  })
})

describe('an answer about a patient', () => {
  const body = { externalId: 'mrn-4711', displayName: 'Ada Example' }

  test('is kept sealed, and goes with the patient', async () => {
    const first = await keyed<{ id: string }>('/patients', body, 'deleted')
    expect((await keyed('/patients', body, 'deleted')).text).toBe(first.text)
    expect((await keptRows()).filter((row) => /mrn-4711|Ada/.test(row.body))).toEqual([])
    const kept = (await keptRows()).length
    expect((await clinic.delete(`/patients/${first.body.id}`, first.etag)).status).toBe(204)
    const again = await keyed<Problem>('/patients', body, 'deleted')
    expect(again).toMatchObject({ status: 410, location: '', body: { code: 'ANSWER_GONE' } })
    expect(again.text).not.toMatch(/mrn-4711|Ada/)
    // The key stays used, for this request and for others.
    expect((await keyed('/patients', { externalId: 'another' }, 'deleted')).status).toBe(422)
    expect((await keptRows()).filter((row) => row.body === '')).toHaveLength(1)
    expect(await keptRows()).toHaveLength(kept)
    expect((await keyed('/patients', body, 'anew')).status).toBe(201)
  })
})

describe('many at the same time', () => {
  test('200 with one key, at two instances, make one episode', async () => {
    const patient = await newPatient()
    const path = `/patients/${patient}/episodes`
    const send = (address: string) =>
      fetch(`${address}/v1${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${clinic.key}`,
          'content-type': 'application/json',
          'idempotency-key': 'two hundred'.replace(' ', '-'),
        },
        body: JSON.stringify(surgery),
      }).then(async (answer) => ({ status: answer.status, text: await answer.text() }))
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => send(index % 2 === 0 ? clinic.address : replica.address)),
    )
    const done = answers.filter(({ status }) => status === 201)
    expect(new Set(done.map(({ text }) => text)).size).toBe(1)
    expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([])
    expect(await countEpisodes(patient)).toBe(1)
  })

  test('one that another holds for too long is a 409 that says when to try again', async () => {
    const patient = await newPatient()
    const client = await clinic.db.pool.connect()
    try {
      await client.query('BEGIN')
      await client.query(`SELECT set_config('app.clinic_id', $1, true)`, [clinic.clinicId])
      // An insert of an episode waits for its patient, and with it whoever has claimed the key.
      await client.query('SELECT FROM patient WHERE id = $1 FOR UPDATE', [patient])
      const first = keyed(`/patients/${patient}/episodes`, surgery, 'held')
      for (let waiting = 0; waiting === 0; ) {
        const { rows } = await client.query<{ count: number }>(
          `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND granted`,
        )
        waiting = rows[0]?.count ?? 0
      }
      const elsewhere = await fetch(`${replica.address}/v1/patients/${patient}/episodes`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${clinic.key}`,
          'content-type': 'application/json',
          'idempotency-key': 'held',
        },
        body: JSON.stringify(surgery),
      })
      expect([elsewhere.status, elsewhere.headers.get('retry-after')]).toEqual([409, '1'])
      expect(((await elsewhere.json()) as Problem).code).toBe('REQUEST_IN_PROGRESS')
      await client.query('COMMIT')
      expect((await first).status).toBe(201)
    } finally {
      client.release()
    }
    expect(await countEpisodes(patient)).toBe(1)
  })
})

describe('a lost answer', () => {
  /** Sends it and hangs up: as soon as it is sent, or when the answer begins. */
  function sendAndHangUp(path: string, key: string, when: 'sent' | 'answered'): Promise<void> {
    const body = JSON.stringify(surgery)
    const { hostname, port } = new URL(clinic.address)
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: hostname, port: Number(port) }, () => {
        const head = [
          `POST /v1${path} HTTP/1.1`,
          'host: clinic',
          `authorization: Bearer ${clinic.key}`,
          'content-type: application/json',
          `content-length: ${body.length}`,
          `idempotency-key: ${key}`,
        ]
        socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, () => {
          if (when === 'sent') socket.destroy()
        })
      })
      socket.once('data', () => socket.destroy())
      socket.once('close', () => resolve())
      socket.once('error', reject)
    })
  }

  test.each(['sent', 'answered'] as const)('(%s) and a retry make one episode', async (when) => {
    const patients = await Promise.all(Array.from({ length: 8 }, () => newPatient()))
    await Promise.all(
      patients.map(async (patient, index) => {
        const key = `lost-${when}-${index}`
        await sendAndHangUp(`/patients/${patient}/episodes`, key, when)
        const retried = await keyed(`/patients/${patient}/episodes`, surgery, key)
        expect(retried.status).toBe(201)
        if (when === 'answered') expect(replayed(retried)).toBe(true)
        expect(await countEpisodes(patient)).toBe(1)
      }),
    )
  })
})

describe('the sweep', () => {
  test('removes what is older than 48 hours, of every clinic, in batches, and nothing else', async () => {
    const row = (by: Client, key: string, hours: number) => ({
      clinicId: by.clinicId,
      keyHash: new Uint8Array(Buffer.from(key.padEnd(32))),
      fingerprint: new Uint8Array(32),
      status: 201,
      headers: {},
      body: new Uint8Array(),
      isSealed: false,
      createdAt: new Date(Date.now() - hours * 3_600_000),
    })
    for (const by of [clinic, other]) {
      await clinic.db.asClinic(by.clinicId, async (tx) => {
        const actor = await tx.actor.findFirst({ where: { clinicId: by.clinicId } })
        const rows = [row(by, 'a', 47.9), row(by, 'b', 48.1), row(by, 'c', 1000)]
        await tx.idempotencyKey.createMany({ data: rows.map((one) => ({ ...one, actorId: actor?.id ?? '' })) })
      })
    }
    const swept = []
    for (let last = -1; last !== 0; ) {
      last = await sweepAnswers(clinic.db.pool, 3)
      swept.push(last)
    }
    expect(swept).toEqual([3, 1, 0])
    const left = await clinic.db.asClinic(other.clinicId, (tx) => tx.idempotencyKey.count())
    expect(left).toBeGreaterThanOrEqual(1)
  })
})

describe('as a simple model says', () => {
  interface Sent {
    actor: number
    key: number
    body: number
  }

  test('whatever is sent by whom, with which key, in which order', async () => {
    const actors = [clinic as Client, colleague]
    let run = 0
    const requests = fc.array(
      fc.record({
        actor: fc.nat({ max: 1 }),
        key: fc.nat({ max: 2 }),
        /** The last one is refused. */
        body: fc.nat({ max: 2 }),
      }),
      { minLength: 1, maxLength: 8 },
    )
    await fc.assert(
      fc.asyncProperty(requests, async (sent: Sent[]) => {
        run += 1
        const kept = new Map<string, { body: number; text: string }>()
        const patient = await newPatient()
        for (const { actor, key, body } of sent) {
          const content =
            body === 2 ? { ...surgery, procedures: ['unknown'] } : { ...surgery, side: ['left', 'right'][body] }
          const by = actors[actor]
          const answer = await keyed(`/patients/${patient}/episodes`, content, `run-${run}-${key}`, by && { by })
          const name = `${actor} ${key}`
          const before = kept.get(name)
          if (before === undefined) {
            expect([answer.status, replayed(answer)]).toEqual([body === 2 ? 422 : 201, false])
            if (body !== 2) kept.set(name, { body, text: answer.text })
          } else if (before.body === body) {
            expect([answer.status, replayed(answer), answer.text]).toEqual([201, true, before.text])
          } else {
            expect([answer.status, answer.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
          }
        }
        expect(await countEpisodes(patient)).toBe(kept.size)
      }),
      { numRuns: Number(process.env.IDEMPOTENCY_RUNS ?? 15) },
    )
  })

  test('and of many at the same time, in whatever order they are answered, one wins each key', async () => {
    let run = 0
    const requests = fc.array(fc.record({ key: fc.nat({ max: 2 }), body: fc.nat({ max: 1 }) }), {
      minLength: 2,
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(requests, async (sent) => {
        run += 1
        const patient = await newPatient()
        const answers = await Promise.all(
          sent.map(async ({ key, body }) => {
            const content = { ...surgery, side: ['left', 'right'][body] }
            return { key, body, answer: await keyed(`/patients/${patient}/episodes`, content, `many-${run}-${key}`) }
          }),
        )
        const keys = Map.groupBy(answers, ({ key }) => key)
        for (const sameKey of keys.values()) {
          const done = sameKey.filter(({ answer }) => answer.status === 201)
          expect(new Set(done.map(({ body, answer }) => `${body} ${answer.text}`)).size).toBe(1)
          expect(done.filter(({ answer }) => !replayed(answer))).toHaveLength(1)
          const refused = sameKey.filter(({ answer }) => answer.status !== 201)
          expect(refused.filter(({ answer, body }) => answer.status !== 422 || body === done[0]?.body)).toEqual([])
        }
        expect(await countEpisodes(patient)).toBe(keys.size)
      }),
      { numRuns: Number(process.env.IDEMPOTENCY_RUNS ?? 10) },
    )
  })
})
