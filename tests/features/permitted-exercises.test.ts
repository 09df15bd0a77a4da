import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { permittedExercises, verdict } from '../../src/features/permitted-exercises/schemas.ts'
import {
  accepted,
  addDays,
  changeConfirmed,
  everyFeature,
  openEpisode,
  publishProtocol,
  startClinicWithLibrary,
} from './library-clinic.ts'
import { type Client, type Problem, startReplica } from './support.ts'

type PermittedExercises = z.output<typeof permittedExercises>
type Verdict = z.output<typeof verdict>

const clinic = await startClinicWithLibrary({ now: '2026-10-01T12:00:00Z' })
/** An instance that reads records, and fails with the versions, which an answer needs too. */
const withoutVersions = await startReplica(
  {
    ...clinic.db,
    ask: (name, text, values) =>
      name === 'read-versions'
        ? Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNRESET' }))
        : clinic.db.ask(name, text, values),
  },
  () => Temporal.Instant.from('2026-11-20T12:00:00Z'),
)

const plif = { procedures: ['plif'], surgeryDate: '2026-10-01', protocols: [{ code: 'every-feature' }] }

function ask(episode: string, query = '', client: Client = clinic) {
  return client.get<PermittedExercises>(`/episodes/${episode}/permitted-exercises${query}`)
}

async function record(episode: string, path: string, body: object): Promise<{ id: string; recordedAt: string }> {
  return accepted(await clinic.post<{ id: string; recordedAt: string }>(`/episodes/${episode}/${path}`, body))
}

beforeAll(() => publishProtocol(clinic, everyFeature()))

describe('what was known then', () => {
  /** A course in which everything that can happen to an answer happens, a day apart. */
  const course: [what: string, happen: (episode: string, entries: Map<string, string>) => Promise<{ id?: string }>][] =
    [
      ['brace', (id) => record(id, 'milestones', { code: 'brace-fitted', on: '2026-09-20' })],
      ['discharge', (id) => record(id, 'milestones', { code: 'hospital-discharge', on: '2026-10-03' })],
      ['pain', (id) => record(id, 'facts', { code: 'pain', value: 2, on: '2026-10-02' })],
      ['symptom', (id) => record(id, 'symptoms', { redFlag: 'fever', on: '2026-10-03' })],
      [
        'resolution',
        (id, known) => record(id, `symptoms/${known.get('symptom')}/resolve`, { on: '2026-10-04', note: 'gone' }),
      ],
      [
        'revocation',
        (id, known) => record(id, `milestones/${known.get('discharge')}/revoke`, { on: '2026-10-05', reason: 'back' }),
      ],
      ['revocation undone', (id, known) => record(id, `record/${known.get('revocation')}/void`, { reason: 'not he' })],
      [
        'permit',
        (id) => record(id, 'overrides', { exercise: 'walking', effect: 'permit', from: '2026-10-02', reason: 'fit' }),
      ],
      ['hold', (id) => record(id, 'holds', { from: '2026-10-02', until: '2026-10-04', reason: 'check' })],
      ['hold undone', (id, known) => record(id, `holds/${known.get('hold')}/void`, { reason: 'mistyped' })],
      [
        'another protocol',
        async (id) =>
          accepted(await changeConfirmed<{ id?: string }>(clinic, id, { protocols: [{ code: 'plif-standard' }] })),
      ],
      [
        'an earlier surgery',
        async (id) =>
          accepted(await clinic.patch(`/episodes/${id}`, { surgeryDate: '2026-09-21', side: 'right' }, '*')),
      ],
      [
        'both protocols',
        async (id) => {
          const both = {
            procedures: ['plif', 'alif'],
            protocols: [{ code: 'plif-standard' }, { code: 'every-feature' }],
          }
          return accepted(await changeConfirmed<{ id?: string }>(clinic, id, both))
        },
      ],
      ['no protocol', async (id) => accepted(await changeConfirmed<{ id?: string }>(clinic, id, { protocols: [] }))],
      ['closure', (id) => record(id, 'close', { on: '2026-10-10', reason: 'moved' })],
      ['closure undone', (id, known) => record(id, `record/${known.get('closure')}/void`, { reason: 'returned' })],
    ]

  test('is answered byte for byte as it was answered then, whatever has been recorded since', async () => {
    clinic.setNow('2026-10-01T12:00:00Z')
    const id = await openEpisode(clinic, plif)
    const dates = ['2026-09-25', '2026-10-01', '2026-10-03', '2026-10-06', '2026-11-20', '2027-12-01']
    const then: { what: string; knownAt: string; answers: string[] }[] = []
    const known = new Map<string, string>()
    const note = async (what: string) => {
      const answers = await Promise.all(dates.map((on) => ask(id, `?on=${on}`)))
      const knownAt = new Set(answers.map(({ body }) => body.basis.knownAt))
      expect([...knownAt]).toHaveLength(1)
      then.push({ what, knownAt: [...knownAt][0] ?? '', answers: answers.map(({ text }) => text) })
    }

    await note('opened')
    for (const [index, [what, happen]] of course.entries()) {
      clinic.setNow(`2026-10-${10 + index}T12:00:00Z`)
      const made = await happen(id, known)
      known.set(what, made.id ?? '')
      await note(what)
    }
    expect(new Set(then.map(({ answers }) => answers.join())).size).toBe(then.length)
    for (const { what, knownAt, answers } of then) {
      const again = await Promise.all(dates.map((on) => ask(id, `?on=${on}&knownAt=${encodeURIComponent(knownAt)}`)))
      expect([what, again.map(({ text }) => text)]).toEqual([what, answers])
    }

    // A moment between two entries knows what was known at the earlier one.
    const [, second, third] = then
    const between = Temporal.Instant.from(third?.knownAt ?? '').subtract({ milliseconds: 1 })
    const answer = accepted(await ask(id, `?on=2026-10-06&knownAt=${between}`))
    const earlier: PermittedExercises = JSON.parse(second?.answers[3] ?? '')
    expect(answer).toEqual({ ...earlier, basis: { ...earlier.basis, knownAt: answer.basis.knownAt } })
    // More than two hundred questions.
  }, 30_000)

  test('is asked for in any time zone, and not for before the episode or for later than now', async () => {
    clinic.setNow('2026-11-20T12:00:00Z')
    const id = await openEpisode(clinic, plif)
    const { knownAt } = accepted(await ask(id)).basis
    const inTokyo = Temporal.Instant.from(knownAt).toString({ timeZone: 'Asia/Tokyo', fractionalSecondDigits: 3 })
    expect((await ask(id, `?knownAt=${encodeURIComponent(inTokyo)}`)).text).toBe((await ask(id)).text)
    expect((await ask(id, '?knownAt=2026-11-20T12:00:00.999999999Z')).status).toBe(422)

    const early = await clinic.get<Problem>(`/episodes/${id}/permitted-exercises?knownAt=2026-11-20T11:59:59Z`)
    expect(early.body).toMatchObject({
      status: 422,
      code: 'NOT_PLAUSIBLE',
      errors: [
        { in: 'query', pointer: 'knownAt', detail: expect.stringContaining('lies before the episode was opened') },
      ],
    })
    const late = await clinic.get<Problem>(`/episodes/${id}/permitted-exercises?knownAt=2026-11-20T12:00:01Z`)
    expect(late.body).toMatchObject({ status: 422, detail: expect.stringContaining('must not be later than now') })
    for (const wrong of ['2026-11-20', '2026-11-20T12:00:00', 'now', '2026-11-20T25:00:00Z', '']) {
      expect([wrong, (await ask(id, `?knownAt=${wrong}`)).status]).toEqual([wrong, 400])
    }
  })

  test('is the same answer twice, whenever it is asked for', async () => {
    clinic.setNow('2026-11-20T12:00:00Z')
    const id = await openEpisode(clinic, plif)
    const first = await ask(id, '?on=2026-12-01')
    clinic.setNow('2027-11-20T12:00:00Z')
    expect((await ask(id, '?on=2026-12-01')).text).toBe(first.text)
    expect(first.headers.get('cache-control')).toBe('private, no-cache, max-age=61200')
  })
})

describe('an answer that the caller has already', () => {
  const again = (episode: string, etag: string, query = '', method = 'GET') =>
    clinic.send(method, `/episodes/${episode}/permitted-exercises${query}`, undefined, { 'if-none-match': etag })

  test('is not sent again until the record, the day or the question is another', async () => {
    clinic.setNow('2026-11-20T12:00:00Z')
    const id = await openEpisode(clinic, plif)
    const first = await ask(id)
    expect(first.etag).toMatch(/^"[\w-]{27}"$/)
    const same = await again(id, `W/"x", ${first.etag}`)
    expect([same.status, same.text, same.etag]).toEqual([304, '', first.etag])
    expect(same.headers.get('cache-control')).toBe(first.headers.get('cache-control'))
    expect([same.headers.get('vary'), first.headers.get('vary')]).toEqual(['Authorization', 'Authorization'])
    expect((await again(id, '"another"')).text).toBe(first.text)
    expect((await again(id, first.etag, '?on=2026-11-20')).status).toBe(304)
    const tomorrow = await again(id, first.etag, '?on=2026-11-21')
    expect([tomorrow.status, tomorrow.body]).toMatchObject([200, { on: '2026-11-21' }])
    expect((await again(id, tomorrow.etag, '?on=2026-11-21')).status).toBe(304)

    const hold = await record(id, 'holds', { from: '2026-11-20', reason: 'check' })
    const held = await again(id, first.etag)
    expect([held.status, held.body]).toMatchObject([200, { status: 'on-hold', permitted: [] }])
    const before = await again(id, held.etag, `?knownAt=${first.body.basis.knownAt}`)
    expect([before.status, before.text]).toEqual([200, first.text])
    expect((await again(id, before.etag, `?knownAt=${first.body.basis.knownAt}`)).status).toBe(304)

    clinic.setNow('2026-11-20T12:00:00.001Z')
    await record(id, `holds/${hold.id}/void`, { reason: 'mistyped' })
    expect((await again(id, held.etag)).body).toMatchObject({ status: 'active' })
    clinic.setNow('2026-11-21T12:00:00Z')
    expect((await again(id, first.etag)).status).toBe(200)
  })

  test('belongs to one episode, to the key’s clinic, and to no shared cache', async () => {
    clinic.setNow('2026-11-20T12:00:00Z')
    const [one, two] = [await openEpisode(clinic, plif), await openEpisode(clinic, plif)]
    const { etag } = await ask(one)
    expect((await again(two, etag)).status).toBe(200)
    const stranger = await clinic.addLibraryClinic()
    const path = `/episodes/${one}/permitted-exercises`
    expect((await stranger.send('GET', path, undefined, { 'if-none-match': etag })).status).toBe(404)
    const head = await again(one, etag, '', 'HEAD')
    expect([head.status, head.etag, head.headers.get('content-length')]).toEqual([304, etag, null])
  })

  test('is one that there was: what failed has no tag by which it could be current', async () => {
    clinic.setNow('2026-11-20T12:00:00Z')
    const id = await openEpisode(clinic, plif)
    const failed = await ask(id, '', withoutVersions.withKey(clinic.clinicId, clinic.key))
    expect(failed.status).toBe(503)
    expect([failed.headers.get('etag'), failed.headers.get('cache-control')]).toEqual([null, 'no-store'])
  })

  test('may be kept until the clinic’s midnight, and is asked for before each use', async () => {
    const kept = async (now: string) => {
      clinic.setNow(now)
      return (await ask(id)).headers.get('cache-control')
    }
    const id = await openEpisode(clinic, plif)
    expect(await kept('2026-11-21T04:59:50Z')).toBe('private, no-cache, max-age=10')
    expect(await kept('2026-11-21T04:59:59.999Z')).toBe('private, no-cache, max-age=0')
    expect(await kept('2026-11-21T05:00:00Z')).toBe('private, no-cache, max-age=86400')
    // The day on which the clocks go forward has 23 hours.
    expect(await kept('2027-03-14T05:00:00Z')).toBe('private, no-cache, max-age=82800')
  })

  test('is a reading that is on record like any other', async () => {
    const id = await openEpisode(clinic, plif)
    const { etag } = await ask(id)
    await again(id, etag)
    await ask(id, '?knownAt=2000-01-01T00:00:00Z')
    const { items } = accepted(
      await clinic.get<{ items: { operation: string; outcome: string }[] }>(`/audit-events?episode=${id}`),
    )
    const reads = items.filter(({ operation }) => operation === 'getPermittedExercises')
    expect(reads.map(({ outcome }) => outcome)).toEqual(['NOT_PLAUSIBLE', 'success', 'success'])
  })
})

describe('today', () => {
  const moments: [zone: string, now: string, today: string][] = [
    ['Pacific/Kiritimati', '2026-11-20T09:59:59.999Z', '2026-11-20'],
    ['Pacific/Kiritimati', '2026-11-20T10:00:00Z', '2026-11-21'],
    ['America/New_York', '2026-11-20T04:59:59.999Z', '2026-11-19'],
    ['America/New_York', '2026-11-20T05:00:00Z', '2026-11-20'],
    ['America/New_York', '2026-11-20T10:00:00Z', '2026-11-20'],
    // The clocks go back on 1 November and forward on 14 March.
    ['America/New_York', '2026-11-01T03:59:59Z', '2026-10-31'],
    ['America/New_York', '2026-11-01T04:00:00Z', '2026-11-01'],
    ['America/New_York', '2026-11-02T04:59:59Z', '2026-11-01'],
    ['America/New_York', '2026-11-02T05:00:00Z', '2026-11-02'],
    ['America/New_York', '2027-03-14T04:59:59Z', '2027-03-13'],
    ['America/New_York', '2027-03-15T03:59:59Z', '2027-03-14'],
    ['America/New_York', '2027-03-15T04:00:00Z', '2027-03-15'],
    // Midnight does not exist on this day.
    ['America/Santiago', '2026-09-06T03:59:59Z', '2026-09-05'],
    ['America/Santiago', '2026-09-06T04:00:00Z', '2026-09-06'],
    ['Asia/Kolkata', '2026-11-20T18:29:59Z', '2026-11-20'],
    ['Asia/Kolkata', '2026-11-20T18:30:00Z', '2026-11-21'],
  ]
  const clients = new Map<string, { client: Client; episode: string }>()

  beforeAll(async () => {
    clinic.setNow('2026-09-01T12:00:00Z')
    for (const zone of new Set(moments.map(([zone]) => zone))) {
      const client = await clinic.addClinic()
      accepted(await client.patch('/clinic', { timeZone: zone }, '*'))
      accepted(await client.post('/procedures', { code: 'any', name: 'Any', bodyRegion: 'lumbar' }))
      const surgery = { procedures: ['any'], surgeryDate: '2026-09-01', protocols: [] }
      clients.set(zone, { client, episode: await openEpisode(client, surgery) })
    }
  })

  test.each(moments)('in %s at %s is %s', async (zone, now, today) => {
    clinic.setNow(now)
    const { client, episode } = clients.get(zone) ?? { client: clinic, episode: '' }
    const { body } = await ask(episode, '', client)
    const days = Temporal.PlainDate.from('2026-09-01').until(today).total('days')
    expect({ on: body.on, days: body.daysSinceSurgery }).toEqual({ on: today, days })
    // And nothing has happened tomorrow, in the clinic's calendar.
    const close = (on: string) =>
      client.post<{ id: string }>(`/episodes/${episode}/close`, { on, reason: 'discharged after the last visit' })
    expect((await close(addDays(today, 1))).status).toBe(422)
    const closure = accepted(await close(today))
    accepted(await client.post(`/episodes/${episode}/record/${closure.id}/void`, { reason: 'not yet' }))
  })

  test('is counted in whole calendar days across a change of the clocks and a leap day', async () => {
    clinic.setNow('2026-11-20T12:00:00Z')
    const episode = await openEpisode(clinic, { procedures: ['acdf'], surgeryDate: '2024-02-28' })
    const days = async (on: string) => (await ask(episode, `?on=${on}`)).body.daysSinceSurgery
    expect([await days('2024-02-27'), await days('2024-02-28'), await days('2024-02-29')]).toEqual([-1, 0, 1])
    expect([await days('2024-03-01'), await days('2024-05-28'), await days('2025-02-28')]).toEqual([2, 90, 366])
  })

  test('is another day at one moment for two clinics', async () => {
    clinic.setNow('2026-11-20T10:00:00Z')
    const on = async (zone: string) => {
      const { client, episode } = clients.get(zone) ?? { client: clinic, episode: '' }
      return (await ask(episode, '', client)).body.on
    }
    expect([await on('Pacific/Kiritimati'), await on('America/New_York')]).toEqual(['2026-11-21', '2026-11-20'])
  })

  test('follows the clinic when it changes its time zone', async () => {
    clinic.setNow('2026-11-20T10:30:00Z')
    const { client, episode } = clients.get('America/Santiago') ?? { client: clinic, episode: '' }
    expect((await ask(episode, '', client)).body.on).toBe('2026-11-20')
    accepted(await client.patch('/clinic', { timeZone: 'Pacific/Kiritimati' }, '*'))
    expect((await ask(episode, '', client)).body.on).toBe('2026-11-21')
    accepted(await client.patch('/clinic', { timeZone: 'America/Santiago' }, '*'))
  })
})

describe('the question', () => {
  let id = ''
  beforeAll(async () => {
    clinic.setNow('2026-11-20T12:00:00Z')
    id = await openEpisode(clinic, plif)
  })

  const wrong: [query: string, parameter: string, says: string][] = [
    ['?on=2026-02-30', 'on', 'February 2026 has 28 days'],
    ['?on=1850-01-01', 'on', 'must lie in the years 1900 to 2200'],
    ['?on=', 'on', 'must be a date'],
    ['?on=today', 'on', 'must be a date'],
    ['?on=2026-10-01&on=2026-10-02', 'on', 'is given more than once'],
    ['?knownat=2026-11-20T12:00:00Z', 'knownat', 'did you mean `knownAt`?'],
    ['?date=2026-10-01', 'date', 'is not a parameter here'],
  ]

  test.each(wrong)('%s is refused', async (query, parameter, says) => {
    const { status, body } = await clinic.get<Problem>(`/episodes/${id}/permitted-exercises${query}`)
    expect(status).toBe(400)
    expect(body.errors).toEqual([{ in: 'query', pointer: parameter, detail: expect.stringContaining(says) }])
  })

  test('may be asked about any day, long before and long after', async () => {
    expect((await ask(id, '?on=1900-01-01')).body).toMatchObject({ status: 'no-phase', permitted: [] })
    expect((await ask(id, '?on=2200-12-31')).body).toMatchObject({ status: 'active', daysSinceSurgery: 63_643 })
  })

  test('about an episode that is not there', async () => {
    expect((await ask(randomUUID())).body).toMatchObject({ status: 404, code: 'EPISODE_NOT_FOUND' })
    expect((await ask('17')).body).toMatchObject({ status: 400 })
    expect((await clinic.get(`/episodes/${randomUUID()}/permitted-exercises/walking`)).body).toMatchObject({
      status: 404,
      code: 'EPISODE_NOT_FOUND',
    })
  })

  test('about one exercise gives the verdict of the whole answer', async () => {
    await record(id, 'milestones', { code: 'hospital-discharge', on: '2026-10-05' })
    const whole = accepted(await ask(id, '?on=2026-11-19'))
    expect(whole.permitted.length).toBeGreaterThan(0)
    expect(whole.withheld.length).toBeGreaterThan(0)
    for (const item of [...whole.permitted, ...whole.withheld]) {
      const one = await clinic.get<Verdict>(`/episodes/${id}/permitted-exercises/${item.exercise}?on=2026-11-19`)
      const permitted = whole.permitted.find(({ exercise }) => exercise === item.exercise) ?? null
      const withheld = whole.withheld.find(({ exercise }) => exercise === item.exercise) ?? null
      expect(one.body).toMatchObject({ verdict: permitted === null ? 'withheld' : 'permitted', basis: whole.basis })
      expect({ permitted: one.body.permitted, withheld: one.body.withheld }).toEqual({ permitted, withheld })
    }
  })

  test('about any exercise of the catalogue is answered: not prescribed, and what forbids it besides', async () => {
    const { body } = await clinic.get<Verdict>(`/episodes/${id}/permitted-exercises/collision-sport?on=2026-11-19`)
    expect(body).toMatchObject({ verdict: 'withheld', permitted: null })
    expect(body.withheld?.reasons.map(({ kind, rule }) => [kind, rule])).toEqual([
      ['contraindication', 'twisting'],
      ['not-prescribed', null],
    ])
  })

  test('about an exercise that nobody knows names the nearest', async () => {
    const { status, body } = await clinic.get<Problem>(`/episodes/${id}/permitted-exercises/walkin`)
    expect(status).toBe(404)
    expect(body).toMatchObject({
      code: 'EXERCISE_NOT_FOUND',
      detail: expect.stringContaining('did you mean `walking`'),
    })
  })

  test('of who has no key, a wrong one, or another clinic’s', async () => {
    const address = `${clinic.address}/v1/episodes/${id}/permitted-exercises`
    const ask = async (authorization?: string) => {
      const response = await fetch(address, { headers: authorization === undefined ? {} : { authorization } })
      return response.json()
    }
    expect(await ask()).toMatchObject({ status: 401, code: 'AUTHENTICATION_REQUIRED' })
    expect(await ask('Bearer rp_nonsense')).toMatchObject({ status: 401, code: 'INVALID_API_KEY' })
    expect(await ask(`Basic ${clinic.key}`)).toMatchObject({ status: 401 })
    const other = await clinic.addClinic()
    expect(await ask(`Bearer ${other.key}`)).toMatchObject({ status: 404, code: 'EPISODE_NOT_FOUND' })
  })
})
