import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { z } from 'zod'
import type { impact } from '../../src/features/impacts/schemas.ts'
import type { moveLine, moveResult, move as moveSchema } from '../../src/features/moves/schemas.ts'
import type { permittedExercises } from '../../src/features/permitted-exercises/schemas.ts'
import { accepted, changeConfirmed, openEpisode, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'
import type { Problem } from './support.ts'
import { wardProtocol } from './ward.ts'

type Impact = z.output<typeof impact>
type Moved = z.output<typeof moveResult>
type Answered = z.output<typeof permittedExercises>

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })
const visit = { code: 'visit', on: '2026-11-12', grantedBy: 'surgeon' }
const reason = 'New evidence on lifting'

async function open(code: string, version: number, surgeryDate = '2026-10-01'): Promise<string> {
  return openEpisode(clinic, { procedures: ['acdf'], surgeryDate, protocols: [{ code, version }] })
}

async function move(code: string, body: object): Promise<Moved> {
  return accepted(await clinic.post<Moved>(`/protocols/${code}/moves`, { reason, ...body }))
}

async function ask(id: string, query = ''): Promise<Answered> {
  return accepted(await clinic.get<Answered>(`/episodes/${id}/permitted-exercises${query}`))
}

async function versionOf(id: string): Promise<number | undefined> {
  const { protocols } = accepted(await clinic.get<{ protocols: { version: number }[] }>(`/episodes/${id}`))
  return protocols[0]?.version
}

function outcomesOf({ items }: Moved): Record<string, string> {
  return Object.fromEntries(items.map(({ episode, outcome }) => [episode, outcome]))
}

/** Two versions of a ward protocol, of which the second has less to lift and a later second phase. */
async function publishTwo(code: string): Promise<void> {
  await publishProtocol(clinic, wardProtocol(code))
  await publishProtocol(clinic, wardProtocol(code, { late: 56, lifting: 5 }))
}

const limit = 'limit-tightened:lifted-load/[lb_av]/max=5'
const limits = [limit, `at-surgery:${limit}`]

describe('a move', () => {
  test('is tried, confirmed, made, listed and undone, and past answers stay what they were', async () => {
    await publishTwo('ward')
    const visited = await open('ward', 1)
    accepted(await clinic.post(`/episodes/${visited}/milestones`, visit))
    const waiting = await open('ward', 1)
    const planned = await open('ward', 1, '2026-12-01')
    const there = await open('ward', 2)
    const closed = await open('ward', 1)
    accepted(await clinic.post(`/episodes/${closed}/close`, { on: '2026-11-15', reason: 'Moved away' }))
    const elsewhere = await openEpisode(clinic, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
    const then = await clinic.get<Answered>(`/episodes/${visited}/permitted-exercises`)

    const tried = await move('ward', { to: 2, select: { all: true }, dryRun: true })
    expect(tried).toMatchObject({
      dryRun: true,
      move: null,
      to: 2,
      episodes: 3,
      outcomes: { moved: 0, 'not-confirmed': 3 },
      confirm: ['loss:ward-hop', 'phase:ward/early', ...limits],
      text: 'Of 3 episodes none would be moved: 3 stay where they are, because what they lose or gain is not confirmed.',
    })
    expect(await versionOf(planned)).toBe(1)
    expect((await clinic.pages('/protocols/ward/moves')).flat()).toEqual([])

    // Nobody has confirmed the loss yet.
    clinic.setNow('2026-11-20T16:00:00Z')
    const first = await move('ward', { to: 2, select: { from: 1 }, confirm: limits })
    expect(outcomesOf(first)).toEqual({ [visited]: 'not-confirmed', [waiting]: 'moved', [planned]: 'moved' })
    expect(first.items.find(({ episode }) => episode === visited)).toMatchObject({
      missing: ['loss:ward-hop', 'phase:ward/early'],
      text: 'It was not moved from version 1 to version 2: 2 consequences of it are not confirmed.',
    })
    expect(await Promise.all([visited, waiting, planned].map(versionOf))).toEqual([1, 2, 2])

    const named = [visited, waiting, there, closed, elsewhere]
    clinic.setNow('2026-11-20T17:00:00Z')
    const second = await move('ward', { to: 2, select: { episodes: named }, confirm: tried.confirm, limit: 10 })
    // Who is there already is only counted.
    expect(outcomesOf(second)).toEqual({ [visited]: 'moved', [closed]: 'closed', [elsewhere]: 'not-following' })
    expect(second.outcomes).toMatchObject({ 'already-there': 2, moved: 1, closed: 1, 'not-following': 1 })
    expect(await move('ward', { to: 2, select: { all: true } })).toMatchObject({ move: null, episodes: 0 })

    const record = (await clinic.pages<{ kind: string }>(`/episodes/${visited}/record`)).flat()
    expect(record.at(-1)).toMatchObject({
      kind: 'assignment',
      reason,
      move: second.move,
      versions: [expect.any(String)],
    })
    const past = await clinic.get(
      `/episodes/${visited}/permitted-exercises?on=${then.body.on}&knownAt=${then.body.basis.knownAt}`,
    )
    expect(past.text).toBe(then.text)
    expect((await ask(visited)).protocols[0]).toMatchObject({ version: 2, phase: { code: 'early' } })

    const moves = (await clinic.pages<z.output<typeof moveSchema>>('/protocols/ward/moves?limit=1')).flat()
    expect(moves.map(({ id, episodes, to }) => [id, episodes, to])).toEqual([
      [second.move, 1, 2],
      [first.move, 2, 2],
    ])
    expect(moves[1]).toMatchObject({ select: { from: 1 }, reason, confirmed: limits, by: { name: 'administrator' } })
    expect((await clinic.get(`/protocols/ward/moves/${first.move}`)).body).toEqual(moves[1])
    expect((await clinic.pages(`/protocols/ward/moves/${first.move}/episodes?limit=1`)).flat()).toEqual([
      { episode: waiting, from: 1, to: 2 },
      { episode: planned, from: 1, to: 2 },
    ])

    // Somebody has decided otherwise for one of them, and version 1 is retired: the other goes back all the same.
    await publishProtocol(clinic, wardProtocol('ward', { lifting: 8 }))
    accepted(await changeConfirmed(clinic, planned, { protocols: [{ code: 'ward', version: 3 }] }))
    const retire = { episodes: 'keep' }
    accepted(await clinic.send('POST', '/protocols/ward/versions/1/retire', retire, { 'if-match': '*' }))
    const undo = { select: { undo: first.move } }
    const would = await move('ward', { ...undo, dryRun: true })
    expect(would.confirm).toEqual(['limit-relaxed:lifted-load/[lb_av]/max=10'])
    const undone = await move('ward', { ...undo, confirm: would.confirm })
    expect(undone).toMatchObject({ to: null, toRetired: [1], outcomes: { moved: 1, 'moved-on': 1 } })
    expect(outcomesOf(undone)).toEqual({ [waiting]: 'moved', [planned]: 'moved-on' })
    expect(await Promise.all([waiting, planned].map(versionOf))).toEqual([1, 3])
    expect((await clinic.get(`/protocols/ward/moves/${undone.move}`)).body).toMatchObject({
      undoes: first.move,
      to: null,
    })
  }, 60_000)

  test('is streamed as lines, the summary last', async () => {
    await publishTwo('lined')
    const ids = [await open('lined', 1), await open('lined', 1, '2026-12-01')]
    const answer = await clinic.send(
      'POST',
      '/protocols/lined/moves',
      { to: 2, select: { all: true }, reason, confirm: limits },
      { accept: 'application/x-ndjson' },
    )
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line): z.output<typeof moveLine> => JSON.parse(line))
    expect(lines).toMatchObject([
      ...ids.map((episode) => ({ kind: 'episode', episode, outcome: 'moved' })),
      { kind: 'summary', episodes: 2, outcomes: { moved: 2 }, move: expect.any(String) },
    ])
  })

  test('keeps what else the episode follows, and refuses what does not fit', async () => {
    await publishProtocol(clinic, wardProtocol('fitting', { procedures: ['acdf', 'plif'] }))
    await publishProtocol(clinic, wardProtocol('fitting', { procedures: ['acdf', 'plif'], title: 'Renamed' }))
    await publishProtocol(clinic, wardProtocol('fitting', { procedures: ['acdf'] }))
    const combined = { procedures: ['acdf', 'plif'], surgeryDate: '2026-10-01' }
    const id = await openEpisode(clinic, {
      ...combined,
      protocols: [{ code: 'fitting', version: 1 }, { code: 'acdf-standard' }],
    })
    const select = { episodes: [id] }
    const misfit = await move('fitting', { to: 3, select })
    expect(misfit.items).toMatchObject([
      {
        outcome: 'does-not-fit',
        text: 'It cannot follow version 3: none of its protocols would be for “plif”, so that nothing would be withheld because of that surgery. Give it another protocol for that first.',
      },
    ])
    // The impact says so before.
    const told = accepted(await clinic.get<Impact>('/protocols/fitting/versions/3/impact'))
    expect(told).toMatchObject({ episodes: 1, changed: 0, unchanged: 0, cannotFollow: 1, isCut: false })
    expect(told.text).toBe(
      'Of 1 open episode that follows another version none would change. 1 cannot follow it, because of its surgery: it stays where it is. Later days were not compared.',
    )
    expect(told.items).toMatchObject([
      { episode: id, cannotFollow: expect.stringContaining('none of its protocols would be for “plif”') },
    ])
    const only = accepted(await clinic.get<Impact>('/protocols/fitting/versions/2/impact'))
    expect(only.items.map(({ cannotFollow }) => cannotFollow)).toEqual(only.items.map(() => null))
    const dry = await move('fitting', { to: 2, select, dryRun: true })
    expect((await move('fitting', { to: 2, select, confirm: dry.confirm })).outcomes.moved).toBe(1)
    expect((await clinic.get(`/episodes/${id}`)).body).toMatchObject({
      protocols: [
        { code: 'acdf-standard', version: 1 },
        { code: 'fitting', version: 2, title: 'Renamed' },
      ],
    })
  })

  test('is refused with every mistake in it', async () => {
    await publishTwo('refusing')
    const unknown = '01a1f000-0000-7000-8000-000000000001'
    accepted(
      await clinic.send('POST', '/protocols/refusing/versions/1/retire', { episodes: 'keep' }, { 'if-match': '*' }),
    )
    const refusals: [object, number, string, string[]][] = [
      [{ select: { all: true } }, 400, 'VALIDATION_FAILED', ['/to']],
      [{ to: 2, select: { undo: unknown } }, 400, 'VALIDATION_FAILED', ['/to']],
      [{ to: 2, select: { from: 2 } }, 400, 'VALIDATION_FAILED', ['/select/from']],
      [{ to: 'draft', select: {} }, 400, 'VALIDATION_FAILED', ['/to', '/select']],
      [{ to: 7, select: { all: true } }, 422, 'UNKNOWN_REFERENCE', ['/to']],
      [{ to: 2, select: { episodes: [unknown] } }, 422, 'UNKNOWN_REFERENCE', ['/select/episodes/0']],
      [{ select: { undo: unknown } }, 422, 'UNKNOWN_REFERENCE', ['/select/undo']],
      [{ to: 1, select: { all: true } }, 409, 'VERSION_NOT_PUBLISHED', ['/to']],
    ]
    for (const [body, status, code, pointers] of refusals) {
      const answer = await clinic.post<Problem>('/protocols/refusing/moves', { reason, ...body })
      const found = {
        status: answer.status,
        code: answer.body.code,
        pointers: answer.body.errors?.map((e) => e.pointer),
      }
      expect({ body, ...found }).toEqual({ body, status, code, pointers })
    }
    expect((await clinic.get(`/protocols/refusing/moves/${unknown}`)).status).toBe(404)
    const foreign = await clinic.addLibraryClinic()
    expect((await foreign.post('/protocols/refusing/moves', { to: 2, select: { all: true }, reason })).status).toBe(404)
    const own = { to: 1, select: { episodes: [await open('refusing', 2)] }, reason }
    expect((await foreign.post('/protocols/acdf-standard/moves', own)).status).toBe(422)
  })

  test('of one episode alone is confirmed likewise', async () => {
    await publishTwo('single')
    const id = await open('single', 1)
    const change = { protocols: [{ code: 'single', version: 2 }] }
    const refused = await clinic.patch<Problem>(`/episodes/${id}`, change, '*')
    expect(refused.body).toMatchObject({
      status: 409,
      code: 'CONFIRMATION_REQUIRED',
      errors: [{ pointer: '/confirm' }],
      confirm: [limit],
      consequences: [{ name: limit, text: 'The limit on lifted load becomes at most 5 lb, instead of at most 10 lb.' }],
    })
    expect(await versionOf(id)).toBe(1)
    // To correct the surgery takes no confirmation, and neither does what changes nothing.
    accepted(await clinic.patch(`/episodes/${id}`, { side: 'left' }, '*'))
    accepted(await clinic.patch(`/episodes/${id}`, { protocols: [{ code: 'single', version: 1 }] }, '*'))
    accepted(await clinic.patch(`/episodes/${id}`, { ...change, confirm: [limit] }, '*'))
    expect(await versionOf(id)).toBe(2)
  })

  test('says what was confirmed in vain, and nothing is confirmed alone', async () => {
    await publishTwo('vain')
    const id = await open('vain', 1)
    const body = { to: 2, select: { all: true } }
    const { confirm, unused } = await move('vain', { ...body, dryRun: true })
    expect(unused).toEqual([])
    const told = await move('vain', { ...body, confirm: ['loss:vain-hopp', ...confirm, 'gain:vain-walk'] })
    expect(told).toMatchObject({ outcomes: { moved: 1 }, unused: ['loss:vain-hopp', 'gain:vain-walk'] })

    for (const more of [{}, { side: 'left' }]) {
      const alone = await clinic.patch<Problem>(`/episodes/${id}`, { ...more, confirm }, '*')
      expect(alone.body).toMatchObject({ status: 400, code: 'VALIDATION_FAILED', errors: [{ pointer: '/confirm' }] })
    }
  })

  test('of one or of nobody is told in a sentence that can be said', async () => {
    await publishTwo('told')
    const one = await open('told', 1)
    const closed = await open('told', 1)
    accepted(await clinic.post(`/episodes/${closed}/close`, { on: '2026-11-15', reason: 'Moved away' }))
    const { confirm } = await move('told', { to: 2, select: { all: true }, dryRun: true })
    const say = async (episodes: string[], more: object): Promise<string> =>
      (await move('told', { to: 2, select: { episodes }, ...more })).text
    expect([
      await say([closed], {}),
      await say([one], { dryRun: true, confirm }),
      await say([one, closed], { dryRun: true }),
      await say([one], { confirm }),
      await say([one, closed], { confirm }),
    ]).toEqual([
      'The episode was not moved: it is closed.',
      'The episode would be moved.',
      'Of 2 episodes none would be moved: 1 stays where it is, because what it loses or gains is not confirmed and 1 is closed.',
      'The episode was moved.',
      'Of 2 episodes none was moved: 1 follows the version already and 1 is closed.',
    ])
  })

  test('has confirmed what a hold, a red flag, an override or a surgery ahead hides today', async () => {
    const fever = { code: 'fever', title: 'Fever', response: 'contact-surgeon' as const, sources: ['ward'] }
    await publishProtocol(clinic, { ...wardProtocol('hiding'), redFlags: [fever] })
    await publishProtocol(clinic, { ...wardProtocol('hiding', { skips: true }), redFlags: [fever] })
    const [held, ill, planned, permitted, withheld] = await Promise.all([
      open('hiding', 1),
      open('hiding', 1),
      open('hiding', 1, '2026-12-01'),
      open('hiding', 2),
      open('hiding', 1),
    ])
    const hold = accepted(
      await clinic.post<{ id: string }>(`/episodes/${held}/holds`, { from: '2026-11-01', reason: 'Fever' }),
    )
    accepted(await clinic.post(`/episodes/${ill}/symptoms`, { redFlag: 'fever', on: '2026-11-19' }))
    const override = { exercise: 'hiding-skip', from: '2026-11-19', until: '2026-11-21', reason: 'Wish' }
    accepted(await clinic.post(`/episodes/${permitted}/overrides`, { ...override, effect: 'permit' }))
    accepted(await clinic.post(`/episodes/${withheld}/overrides`, { ...override, effect: 'withhold' }))

    const told = accepted(await clinic.get<Impact>('/protocols/hiding/versions/2/impact'))
    expect(told).toMatchObject({
      changed: 4,
      later: 4,
      kinds: { gain: 0 },
      text: 'Of 4 open episodes that follow another version 4 would change. For 4 there is more that does not show on the date: it comes once a hold, a red flag or an override is over, or with the surgery. Later days were not compared.',
    })
    const dry = await move('hiding', { to: 2, select: { from: 1 }, dryRun: true })
    const missing = Object.fromEntries(dry.items.map((item) => [item.episode, item.missing]))
    expect(missing).toMatchObject({
      [held]: [expect.stringMatching(/^after-hold:gain:hiding-skip/)],
      [ill]: [expect.stringMatching(/^after-hold:gain:hiding-skip/)],
      [planned]: [expect.stringMatching(/^at-surgery:gain:hiding-skip/)],
      [withheld]: [expect.stringMatching(/^without-override:gain:hiding-skip/)],
    })
    expect(dry.consequences.map(({ hidden, text }) => [hidden, text])).toEqual(
      expect.arrayContaining([
        ['hold', expect.stringContaining('Once the hold or the red flag is over: “Skip” becomes')],
      ]),
    )
    expect((await move('hiding', { to: 2, select: { from: 1 } })).outcomes.moved).toBe(0)
    for (const [id, version, name] of [
      [held, 2, 'after-hold:gain:hiding-skip'],
      [permitted, 1, 'without-override:loss:hiding-skip'],
    ] as const) {
      const change = { protocols: [{ code: 'hiding', version }] }
      const refused = await clinic.patch<Problem & { confirm: string[] }>(`/episodes/${id}`, change, '*')
      expect(refused.body).toMatchObject({
        code: 'CONFIRMATION_REQUIRED',
        confirm: expect.arrayContaining([expect.stringContaining(name)]),
      })
    }
    expect((await move('hiding', { to: 2, select: { from: 1 }, confirm: dry.confirm })).outcomes.moved).toBe(4)
    accepted(await clinic.post(`/episodes/${held}/record/${hold.id}/void`, { reason: 'Over' }))
    expect((await ask(held)).permitted.map(({ exercise }) => exercise)).toContain('hiding-skip')
  })

  test('is weighed with the surgery as it was, where a correction of it is sent along', async () => {
    await publishProtocol(clinic, wardProtocol('correcting'))
    await publishProtocol(clinic, wardProtocol('correcting', { late: 56 }))
    const id = await open('correcting', 1)
    accepted(await clinic.post(`/episodes/${id}/milestones`, visit))
    const change = { surgeryDate: '2026-11-10', protocols: [{ code: 'correcting', version: 2 }] }
    const refused = await clinic.patch<Problem & { confirm: string[]; consequences: { text: string }[] }>(
      `/episodes/${id}`,
      change,
      '*',
    )
    expect(refused.body).toMatchObject({
      code: 'CONFIRMATION_REQUIRED',
      confirm: ['before-correction:loss:correcting-hop', 'before-correction:phase:correcting/early'],
    })
    expect(refused.body.consequences[0]?.text).toMatch(
      /^With the surgery as it was before the correction: “Hop” is no longer permitted/,
    )
    accepted(await clinic.patch(`/episodes/${id}`, { ...change, confirm: refused.body.confirm }, '*'))
  })

  test('has confirmed other words and another end of a limit and of what is to be avoided', async () => {
    const said = (text: string, before: number) => ({
      ...wardProtocol('said'),
      limits: [{ code: 'lift', quantity: 'lifted-load', max: 10, unit: 'kg', text, when: { days: { before } } }],
      contraindications: [
        {
          code: 'hopping',
          title: 'Hopping',
          strength: 'absolute' as const,
          target: [{ exercise: 'said-hop' }],
          when: { days: { before } },
        },
      ],
    })
    await publishProtocol(clinic, said('With both hands.', 60))
    await publishProtocol(clinic, said('One hand is fine.', 300))
    const id = await open('said', 1)
    const change = { protocols: [{ code: 'said', version: 2 }] }
    const refused = await clinic.patch<Problem & { confirm: string[]; consequences: { text: string }[] }>(
      `/episodes/${id}`,
      change,
      '*',
    )
    expect(refused.body.confirm).toEqual([
      'limit-text:lifted-load/kg=One hand is fine.',
      'limit-until:lifted-load/kg/max=day 300',
      'avoid-until:said/hopping=day 300',
    ])
    expect(refused.body.consequences.map(({ text }) => text)).toEqual([
      'The words beside the limit on lifted load become “One hand is fine.”, instead of “With both hands.”.',
      'The limit on lifted load ends on 28 July 2027 (day 300 after surgery), instead of on 30 November 2026 (day 60 after surgery).',
      'What is to be avoided by “Hopping” ends on 28 July 2027 (day 300 after surgery), instead of on 30 November 2026 (day 60 after surgery).',
    ])
  })

  test('says that what is on record would be read in another unit', async () => {
    const measured = (unit: string) => {
      const load = { code: 'load', title: 'Load', type: 'number' as const, unit, ask: 'How much?' }
      const ward = wardProtocol('measured')
      const when = { fact: 'load', atLeast: 20 }
      return { ...ward, facts: [load], prescriptions: ward.prescriptions.map((one) => ({ ...one, when })) }
    }
    await publishProtocol(clinic, measured('[lb_av]'))
    await publishProtocol(clinic, measured('kg'))
    const [recorded] = [await open('measured', 1), await open('measured', 1)]
    accepted(await clinic.post(`/episodes/${recorded}/facts`, { code: 'load', value: 25, on: '2026-11-19' }))
    const dry = await move('measured', { to: 2, select: { all: true }, dryRun: true })
    expect(dry).toMatchObject({
      outcomes: { moved: 1, 'not-confirmed': 1 },
      confirm: ['reads-otherwise:measured/load=number/kg'],
      consequences: [
        {
          about: { code: 'load' },
          text: 'What is on record of “Load” was meant in lb and would be read in kg: it has to be recorded anew.',
        },
      ],
    })
    expect(dry.items.find(({ outcome }) => outcome === 'not-confirmed')?.episode).toBe(recorded)
  })

  test('does no more than what was shown when it was confirmed', async () => {
    const pain = { code: 'pain', title: 'Pain', type: 'number' as const, ask: 'How bad is it?' }
    const dosed = (...dosage: object[]) => {
      const ward = wardProtocol('dosed')
      const [walks, ...rest] = ward.prescriptions
      return { ...ward, facts: [pain], prescriptions: [{ ...walks, dosage }, ...rest] } as typeof ward
    }
    await publishProtocol(clinic, dosed({ reps: 10 }))
    await publishProtocol(clinic, dosed({ reps: 11 }, { when: { fact: 'pain', atMost: 2 }, reps: 500 }))
    await publishProtocol(clinic, dosed({ reps: 1000 }))
    const select = { episodes: [await open('dosed', 1)] }
    const fact = { code: 'pain', on: '2026-11-20' }
    accepted(await clinic.post(`/episodes/${select.episodes[0]}/facts`, { ...fact, value: 5 }))
    const { confirm, consequences } = await move('dosed', { to: 2, select, dryRun: true })
    expect(confirm).toEqual(['dose-greater:dosed-walk=11 repetitions'])
    expect(consequences.map(({ text }) => text)).toEqual(['The dose of “Walk” becomes greater: 11 repetitions.'])
    const other = await move('dosed', { to: 3, select, confirm })
    expect(other.items[0]?.missing).toEqual(['dose-greater:dosed-walk=1000 repetitions'])
    accepted(await clinic.post(`/episodes/${select.episodes[0]}/facts`, { ...fact, value: 1 }))
    const later = await move('dosed', { to: 2, select, confirm })
    expect(later.items[0]?.missing).toEqual(['dose-greater:dosed-walk=500 repetitions'])
  })

  test('and a change of the record at once lose nothing', async () => {
    await publishTwo('racing')
    const id = await open('racing', 1)
    const body = { to: 2, select: { all: true }, confirm: [limit] }
    const [a, b, hold] = await Promise.all([
      move('racing', body),
      move('racing', body),
      clinic.post(`/episodes/${id}/holds`, { from: '2026-12-24', until: '2026-12-27', reason: 'Holidays' }),
    ])
    expect(hold.status).toBe(201)
    expect([a, b].map(({ outcomes }) => outcomes.moved).sort()).toEqual([0, 1])
    expect(await versionOf(id)).toBe(2)
    const record = (await clinic.pages<{ kind: string; revision: number }>(`/episodes/${id}/record`)).flat()
    expect(record.map(({ revision }) => revision)).toEqual([1, 2, 3, 4])
    expect(record.filter(({ kind }) => kind === 'assignment')).toHaveLength(2)
  })
})

describe('what the impact says', () => {
  /** The answer without what another version's number makes of it, and what lies ahead. */
  function inShort({ permitted, limits, protocols }: Answered) {
    return {
      permitted: new Map(permitted.map(({ exercise, dosage }) => [exercise, JSON.stringify(dosage)])),
      limits: JSON.stringify(limits.map(({ quantity, max }) => [quantity, max])),
      phase: protocols[0]?.phase?.code,
    }
  }

  const ward = fc.record({
    late: fc.constantFrom(28, 42, 56),
    minutes: fc.constantFrom(5, 10, 20),
    lifting: fc.constantFrom(null, 5, 10),
    hops: fc.boolean(),
    skips: fc.boolean(),
  })
  const patient = fc.record({
    surgeryDate: fc.constantFrom('2026-09-20', '2026-10-01', '2026-10-20', '2026-12-01'),
    visited: fc.boolean(),
    held: fc.boolean(),
  })
  const today = '2026-11-20'

  test('is what a move then does', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(ward, ward, fc.array(patient, { minLength: 2, maxLength: 4 }), async (one, other, patients) => {
        run += 1
        const code = `random-${run}`
        await publishProtocol(clinic, wardProtocol(code, one))
        await publishProtocol(clinic, wardProtocol(code, other))
        const ids: string[] = []
        const holds: (string | null)[] = []
        const before: Answered[] = []
        // What a hold withholds and what the surgery begins with is compared as well.
        const askClear = (id: string, surgeryDate: string) =>
          ask(id, `?on=${surgeryDate > today ? surgeryDate : today}`)
        for (const { surgeryDate, visited, held } of patients) {
          const id = await open(code, 1, surgeryDate)
          ids.push(id)
          if (visited && surgeryDate < visit.on) accepted(await clinic.post(`/episodes/${id}/milestones`, visit))
          before.push(await askClear(id, surgeryDate))
          const hold = { from: '2026-11-01', reason: 'Fever' }
          holds.push(held ? accepted(await clinic.post<{ id: string }>(`/episodes/${id}/holds`, hold)).id : null)
        }
        const told = accepted(await clinic.get<Impact>(`/protocols/${code}/versions/2/impact`))
        const dry = await move(code, { to: 2, select: { all: true }, dryRun: true })
        expect(dry.consequences).toEqual(told.consequences)
        const done = await move(code, { to: 2, select: { all: true }, confirm: dry.confirm })
        expect(done.outcomes.moved).toBe(ids.length)
        for (const [index, id] of ids.entries()) {
          const hold = holds[index]
          if (hold != null) accepted(await clinic.post(`/episodes/${id}/record/${hold}/void`, { reason: 'Over' }))
          const after = await askClear(id, patients[index]?.surgeryDate ?? today)
          const [was, is] = [before[index], after].map((answer) => inShort(answer as Answered))
          if (was === undefined || is === undefined) throw new Error('both were asked')
          const names = new Set(
            told.items
              .find(({ episode }) => episode === id)
              ?.consequences.map(({ name }) => name.replace(/^(after-hold|at-surgery):/, '').split(/[/=]/)[0]) ?? [],
          )
          const expected = new Set<string | undefined>()
          for (const [exercise, dose] of is.permitted) {
            const earlier = was.permitted.get(exercise)
            if (earlier === undefined) expected.add(`gain:${exercise}`)
            else if (earlier !== dose) {
              const minutes = (text: string): number => JSON.parse(text).durationMinutes
              expected.add(`dose-${minutes(dose) < minutes(earlier) ? 'smaller' : 'greater'}:${exercise}`)
            }
          }
          for (const exercise of was.permitted.keys()) if (!is.permitted.has(exercise)) expected.add(`loss:${exercise}`)
          if (was.phase !== is.phase) expected.add(`phase:${code}`)
          expect([...names].filter((name) => !/^(limit|status|question)/.test(name ?? '')).sort()).toEqual(
            [...expected].sort(),
          )
          expect([...names].some((name) => name?.startsWith('limit'))).toBe(was.limits !== is.limits)
        }
      }),
      { numRuns: 6, endOnFailure: true },
    )
  }, 60_000)
})
