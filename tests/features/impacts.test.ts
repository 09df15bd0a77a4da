import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { impact, impactLine } from '../../src/features/impacts/schemas.ts'
import { accepted, openEpisode, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'
import type { Problem } from './support.ts'
import { wardProtocol } from './ward.ts'

type Impact = z.output<typeof impact>
type Line = z.output<typeof impactLine>

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })

await publishProtocol(clinic, wardProtocol('ward'))
// Stricter for all: less to lift, and the second phase two weeks later.
await publishProtocol(clinic, wardProtocol('ward', { late: 56, lifting: 5 }))
const draft = wardProtocol('ward', { late: 56, lifting: 5, minutes: 20, hops: false, skips: true })
accepted(await clinic.put('/protocols/ward/draft', draft))

const follow = (surgeryDate: string, version: number, more: object[] = []) =>
  openEpisode(clinic, { procedures: ['acdf'], surgeryDate, protocols: [{ code: 'ward', version }, ...more] })

/** 50 days after surgery: in the second phase of version 1 once the visit is on record, and not in that of version 2. */
const visited = await follow('2026-10-01', 1)
const waiting = await follow('2026-10-01', 1)
const onSecond = await follow('2026-10-01', 2)
const planned = await follow('2026-12-01', 1)
const held = await follow('2026-10-01', 1)
const closed = await follow('2026-10-01', 1)
const both = await follow('2026-10-01', 1, [{ code: 'acdf-standard' }])
const elsewhere = await openEpisode(clinic, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
const visit = { code: 'visit', on: '2026-11-12', grantedBy: 'surgeon' }
for (const id of [visited, held]) accepted(await clinic.post(`/episodes/${id}/milestones`, visit))
accepted(await clinic.post(`/episodes/${held}/holds`, { from: '2026-11-01', reason: 'Fever' }))
accepted(await clinic.post(`/episodes/${closed}/close`, { on: '2026-11-15', reason: 'Moved away' }))

async function askImpact(path: string): Promise<Impact> {
  return accepted(await clinic.get<Impact>(`/protocols/ward/${path}`))
}

function namesOf({ items }: Impact): Record<string, string[]> {
  return Object.fromEntries(items.map(({ episode, consequences }) => [episode, consequences.map(({ name }) => name)]))
}

describe('the impact of a version', () => {
  test('names each episode that changes, and what it gains and loses', async () => {
    const found = await askImpact('versions/2/impact')
    expect(found).toMatchObject({
      protocol: 'ward',
      to: { version: 2, status: 'published' },
      on: '2026-11-20',
      episodes: 5,
      changed: 5,
      later: 2,
      explainedOtherwise: 0,
      unchanged: 0,
      isCut: false,
      text: 'Of 5 open episodes that follow another version 5 would change: 1 would lose an exercise and 4 would have another limit. For 2 there is more that does not show on the date: it comes once a hold, a red flag or an override is over, or with the surgery.',
    })
    const limit = 'limit-tightened:lifted-load/[lb_av]/max=5'
    expect(namesOf(found)).toEqual({
      [visited]: ['loss:ward-hop', 'phase:ward/early', limit],
      [waiting]: [limit],
      [planned]: [`at-surgery:${limit}`],
      // While everything is on hold, no exercise is lost; the phase and the limit are others all the same.
      [held]: ['phase:ward/early', limit, 'after-hold:loss:ward-hop'],
      [both]: [limit],
    })
    expect(found.items.map(({ follows }) => follows)).toEqual([1, 1, 1, 1, 1])
    const texts = found.items.find(({ episode }) => episode === visited)?.consequences.map(({ text }) => text)
    expect(texts).toEqual([
      '“Hop” is no longer permitted. It begins with the phase “Later”, which cannot begin before day 56 after surgery (26 November 2026).',
      'The phase of “On the ward” becomes “Early”, instead of “Later”.',
      'The limit on lifted load becomes at most 5 lb, instead of at most 10 lb.',
    ])
    expect(found.consequences.map(({ name, episodes }) => [name, episodes])).toEqual([
      ['loss:ward-hop', 1],
      ['after-hold:loss:ward-hop', 1],
      ['phase:ward/early', 2],
      [limit, 4],
      [`at-surgery:${limit}`, 1],
    ])
  })

  test('is of the draft, of one version’s episodes, and of another date as well', async () => {
    const found = await askImpact('draft/impact?from=2')
    expect(found.to).toMatchObject({ version: null, status: 'draft' })
    expect(namesOf(found)).toEqual({
      [onSecond]: ['gain:ward-skip=independent; as the clinician instructs', 'dose-greater:ward-walk=for 20 minutes'],
    })
    expect(found.items[0]?.consequences.map(({ text }) => text)).toEqual([
      '“Skip” becomes permitted. On your own, as the clinician instructs.',
      'The dose of “Walk” becomes for 20 minutes, instead of for 10 minutes.',
    ])
    const all = await askImpact('draft/impact?on=2026-12-10')
    expect(all).toMatchObject({ episodes: 6, changed: 6, kinds: { gain: 4, loss: 1 } })
    expect(namesOf(all)[planned]).toContain('gain:ward-skip=independent; as the clinician instructs')
    expect(namesOf(all)[elsewhere]).toBeUndefined()
  })

  test('is the same as lines, the summary last, and cut at the limit otherwise', async () => {
    const whole = await askImpact('versions/2/impact')
    const { items, isCut: _, ...summary } = whole
    const lines = await clinic.send('GET', '/protocols/ward/versions/2/impact', undefined, {
      accept: 'application/x-ndjson',
    })
    expect(lines.headers.get('content-type')).toBe('application/x-ndjson')
    const read = lines.text
      .trimEnd()
      .split('\n')
      .map((line): Line => JSON.parse(line))
    const moment = { knownAt: expect.any(String) }
    expect(read).toEqual([
      ...items.map((item) => ({ kind: 'episode', ...item })),
      { kind: 'summary', ...summary, ...moment },
    ])
    const cut = await askImpact('versions/2/impact?limit=1')
    expect(cut).toEqual({ ...whole, items: items.slice(0, 1), isCut: true, ...moment })
  })

  test('writes nothing', async () => {
    const before = await clinic.get(`/episodes/${visited}`)
    const record = await clinic.get(`/episodes/${visited}/record`)
    await askImpact('draft/impact')
    expect((await clinic.get(`/episodes/${visited}`)).text).toBe(before.text)
    expect((await clinic.get(`/episodes/${visited}/record`)).text).toBe(record.text)
  })

  test('is refused for what is not there', async () => {
    const refusals = [
      ['/protocols/wards/draft/impact', 404, 'PROTOCOL_NOT_FOUND'],
      ['/protocols/acdf-standard/draft/impact', 404, 'DRAFT_NOT_FOUND'],
      ['/protocols/ward/versions/7/impact', 404, 'VERSION_NOT_FOUND'],
      ['/protocols/ward/draft/impact?from=7', 404, 'VERSION_NOT_FOUND'],
      ['/protocols/ward/draft/impact?on=tomorrow&from=x', 400, 'VALIDATION_FAILED'],
    ] as const
    for (const [path, status, code] of refusals) {
      const answer = await clinic.get<Problem>(path)
      expect({ path, status: answer.status, code: answer.body.code }).toEqual({ path, status, code })
    }
    const foreign = await clinic.addLibraryClinic()
    expect((await foreign.get('/protocols/ward/draft/impact')).status).toBe(404)
  })
})
