import { describe, expect, test } from '@jest/globals'
import { startClinicWithLibrary } from './library-clinic.ts'
import type { Client } from './support.ts'

// Shortly after midnight in New York on 8 March 2026, the night in which the clocks go forward there.
const clinic = await startClinicWithLibrary({ timeZone: 'America/New_York', now: '2026-03-08T05:30:00Z' })

interface Reason {
  kind: string
  rule: string | null
  text: string
  certain: boolean
}

interface Answer {
  on: string
  daysSinceSurgery: number
  status: string
  statusReasons: Reason[]
  protocols: { code: string; version: number; phase: { code: string; since: string } | null }[]
  permitted: { exercise: string; cautions: { kind: string; text: string }[]; grantedBy: { kind: string }[] }[]
  withheld: { exercise: string; reasons: Reason[]; wayForward: unknown }[]
  avoid: unknown[]
  redFlags: { code: string; open: boolean; response: string; text: string }[]
  basis: { revision: number; knownAt: string }
}

let patients = 0

async function openEpisode(body: object, client: Client = clinic): Promise<string> {
  patients += 1
  const patient = await client.post<{ id: string }>('/patients', { externalId: `patient-${patients}` })
  const episode = await client.post<{ id: string }>(`/patients/${patient.body.id}/episodes`, body)
  expect(episode.status).toBe(201)
  return episode.body.id
}

async function record(episode: string, kind: string, body: object): Promise<string> {
  const answer = await clinic.post<{ id: string }>(`/episodes/${episode}/${kind}`, body)
  expect({ kind, status: answer.status, text: answer.status === 201 ? '' : answer.text }).toEqual({
    kind,
    status: 201,
    text: '',
  })
  return answer.body.id
}

const ask = async (episode: string, query = '', client: Client = clinic): Promise<Answer> => {
  const answer = await client.get<Answer>(`/episodes/${episode}/permitted-exercises${query}`)
  expect(answer.status).toBe(200)
  return answer.body
}

const codes = (list: { exercise: string }[]): string[] => list.map((item) => item.exercise)

describe('which date it is', () => {
  test('is today in the clinic’s time zone, on both sides of a midnight', async () => {
    const far = await clinic.addLibraryClinic('Pacific/Kiritimati')
    const west = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-03-01' })
    const east = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-03-01' }, far)
    const days: [string, string, string][] = [
      ['2026-03-08T04:59:59.999Z', '2026-03-07', '2026-03-08'],
      ['2026-03-08T05:00:00Z', '2026-03-08', '2026-03-08'],
      // The clocks have gone forward: the next midnight in New York comes an hour earlier.
      ['2026-03-09T03:59:59.999Z', '2026-03-08', '2026-03-09'],
      ['2026-03-09T04:00:00Z', '2026-03-09', '2026-03-09'],
      ['2026-03-09T10:00:00Z', '2026-03-09', '2026-03-10'],
    ]
    for (const [now, inNewYork, inKiritimati] of days) {
      clinic.setNow(now)
      expect((await ask(west)).on).toBe(inNewYork)
      expect((await ask(east, '', far)).on).toBe(inKiritimati)
    }
    clinic.setNow('2026-03-08T05:30:00Z')
  })

  test('counts whole calendar days across a change of the clocks and a leap day', async () => {
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2024-02-28' })
    expect((await ask(episode, '?on=2024-02-29')).daysSinceSurgery).toBe(1)
    expect((await ask(episode, '?on=2024-03-01')).daysSinceSurgery).toBe(2)
    expect((await ask(episode, '?on=2024-05-28')).daysSinceSurgery).toBe(90)
    expect((await ask(episode, '?on=2024-02-27')).daysSinceSurgery).toBe(-1)
  })

  test('refuses what is no date, and a parameter that it does not know', async () => {
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-03-01' })
    for (const query of ['on=2026-02-30', 'on=', 'on=tomorrow', 'knownAt=2026-03-01', 'knownat=2026-03-01T00:00:00Z']) {
      const answer = await clinic.get(`/episodes/${episode}/permitted-exercises?${query}`)
      expect({ query, status: answer.status, code: answer.body.code }).toEqual({
        query,
        status: 400,
        code: 'VALIDATION_FAILED',
      })
    }
  })
})

describe('what was known', () => {
  test('is answered again byte for byte after everything that can happen later', async () => {
    clinic.setNow('2026-03-08T15:00:00Z')
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-01-10' })
    await record(episode, 'milestones', { code: 'hospital-discharge', on: '2026-01-12' })
    const visit = await record(episode, 'milestones', {
      code: 'six-week-visit',
      on: '2026-02-22',
      grantedBy: 'surgeon',
    })

    const url = `/episodes/${episode}/permitted-exercises`
    const past: { query: string; text: string }[] = []
    const keep = async (): Promise<void> => {
      const { basis } = await ask(episode)
      for (const query of [`?knownAt=${basis.knownAt}`, `?on=2026-02-21&knownAt=${basis.knownAt}`]) {
        past.push({ query, text: (await clinic.get(url + query)).text })
      }
      // Without a moment the answer is the one that was known last.
      expect((await clinic.get(url)).text).toBe(past.at(-2)?.text)
    }
    await keep()
    expect(codes((await ask(episode)).permitted)).toContain('wall-calf-stretch')

    const doctor = await record(episode, 'milestones', {
      code: 'training-clearance-doctor',
      on: '2026-03-01',
      grantedBy: 'doctor',
    })
    await record(episode, 'milestones', {
      code: 'training-clearance-therapist',
      on: '2026-03-02',
      grantedBy: 'physical-therapist',
    })
    await keep()
    expect(codes((await ask(episode)).permitted)).toContain('weightlifting')

    await record(episode, `milestones/${doctor}/revoke`, { on: '2026-03-05', reason: 'New weakness' })
    await keep()
    expect(codes((await ask(episode)).permitted)).not.toContain('weightlifting')
    expect(codes((await ask(episode, '?on=2026-03-04')).permitted)).toContain('weightlifting')

    const symptom = await record(episode, 'symptoms', { redFlag: 'muscle-weakness', on: '2026-03-06' })
    await keep()
    expect((await ask(episode)).permitted).toEqual([])
    await record(episode, `symptoms/${symptom}/resolve`, { on: '2026-03-07', note: 'Seen by the surgeon' })
    await keep()
    expect((await ask(episode)).permitted).not.toEqual([])
    expect((await ask(episode, '?on=2026-03-06')).permitted).toEqual([])

    await record(episode, `milestones/${visit}/void`, { reason: 'Another patient’s' })
    await keep()
    expect(codes((await ask(episode)).permitted)).not.toContain('wall-calf-stretch')

    const current = await clinic.get<{ revision: number }>(`/episodes/${episode}`)
    const corrected = await clinic.patch(`/episodes/${episode}`, { surgeryDate: '2026-01-11' }, current.etag)
    expect(corrected.status).toBe(200)
    await keep()
    const unassigned = await clinic.patch(`/episodes/${episode}`, { protocols: [] }, corrected.etag)
    expect(unassigned.status).toBe(200)
    await keep()
    expect(await ask(episode)).toMatchObject({ permitted: [], withheld: [], statusReasons: [{ kind: 'no-protocol' }] })

    expect(past).toHaveLength(16)
    for (const { query, text } of past) expect((await clinic.get(url + query)).text).toBe(text)
  })

  test('cannot be before the episode was opened, nor in the future', async () => {
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-03-01' })
    for (const knownAt of ['2020-01-01T00:00:00Z', '2030-01-01T00:00:00Z']) {
      const answer = await clinic.get(`/episodes/${episode}/permitted-exercises?knownAt=${knownAt}`)
      expect(answer).toMatchObject({ status: 422, body: { code: 'NOT_PLAUSIBLE', errors: [{ pointer: 'knownAt' }] } })
    }
  })
})

describe('what a clinician decides', () => {
  test('a hold withholds everything while it lasts, and says why', async () => {
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-02-01' })
    await record(episode, 'holds', { from: '2026-03-01', until: '2026-03-04', reason: 'Fever' })
    for (const [on, status] of [
      ['2026-02-28', 'active'],
      ['2026-03-01', 'on-hold'],
      ['2026-03-03', 'on-hold'],
      ['2026-03-04', 'active'],
    ]) {
      const answer = await ask(episode, `?on=${on}`)
      expect(answer.status).toBe(status)
      expect(answer.permitted.length > 0).toBe(status === 'active')
    }
    const held = await ask(episode, '?on=2026-03-02')
    expect(held.statusReasons.map((reason) => reason.text)).toEqual([
      'All exercise is on hold from 1 March 2026 through 3 March 2026: Fever.',
    ])
    for (const { reasons } of held.withheld) expect(reasons.map((reason) => reason.kind)).toContain('hold')
  })

  test('an override permits what is not prescribed and lifts what is relative, within its dates', async () => {
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-02-01' })
    const verdict = (on: string) =>
      clinic.get(`/episodes/${episode}/permitted-exercises/upper-extremity-strength-training?on=${on}`)
    expect((await verdict('2026-03-05')).body).toMatchObject({ verdict: 'withheld', permitted: null })
    await record(episode, 'overrides', {
      exercise: 'upper-extremity-strength-training',
      effect: 'permit',
      from: '2026-03-05',
      until: '2026-03-06',
      reason: 'Light weights, seen by the surgeon',
      lifts: ['arm-strength-training-until-cleared', 'arms-behind-head-until-cleared'],
    })
    expect((await verdict('2026-03-04')).body).toMatchObject({ verdict: 'withheld' })
    const permitted = (await verdict('2026-03-05')).body as { permitted: Answer['permitted'][number] }
    expect(permitted).toMatchObject({
      verdict: 'permitted',
      permitted: { supervision: 'supervised', grantedBy: [{ kind: 'override' }] },
    })
    expect(permitted.permitted.cautions.map((caution) => caution.kind)).toContain('lifted')
    expect((await verdict('2026-03-06')).body).toMatchObject({ verdict: 'withheld' })
    // On day 27 the restriction is absolute: nothing lifts it.
    const early = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-02-06' })
    await record(early, 'overrides', {
      exercise: 'upper-extremity-strength-training',
      effect: 'permit',
      from: '2026-03-01',
      reason: 'Too early',
      lifts: ['arm-strength-training-until-cleared', 'arms-behind-head-until-cleared'],
    })
    const answer = await clinic.get(
      `/episodes/${early}/permitted-exercises/upper-extremity-strength-training?on=2026-03-05`,
    )
    expect(answer.body).toMatchObject({
      daysSinceSurgery: 27,
      verdict: 'withheld',
      withheld: { reasons: [{ kind: 'contraindication', strength: 'absolute' }] },
    })
  })

  test('closing an episode ends it, and voiding the closure opens it again', async () => {
    clinic.setNow('2026-03-08T15:00:00Z')
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-01-01' })
    const closure = await record(episode, 'close', { on: '2026-03-01', reason: 'Moved away' })
    expect(await ask(episode)).toMatchObject({ status: 'closed', permitted: [] })
    expect((await ask(episode, '?on=2026-02-28')).permitted).not.toEqual([])
    expect((await clinic.post(`/episodes/${episode}/holds`, { from: '2026-03-02', reason: 'x' })).status).toBe(409)
    await record(episode, `record/${closure}/void`, { reason: 'Came back' })
    expect(await ask(episode)).toMatchObject({ status: 'active' })
    await record(episode, 'holds', { from: '2026-03-02', until: '2026-03-03', reason: 'Rest' })
  })
})

describe('one exercise', () => {
  test('has the verdict that the whole answer gives it', async () => {
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-02-01' })
    const answer = await ask(episode, '?on=2026-03-01')
    const listed = [
      ...answer.permitted.map((item) => ['permitted', item] as const),
      ...answer.withheld.map((item) => ['withheld', item] as const),
    ]
    expect(listed.length).toBeGreaterThan(15)
    for (const [verdict, item] of listed) {
      const one = await clinic.get(`/episodes/${episode}/permitted-exercises/${item.exercise}?on=2026-03-01`)
      expect(one.body).toMatchObject({ verdict, [verdict]: item, basis: answer.basis })
    }
  })

  test('of the catalogue that nothing prescribes is withheld, with whatever forbids it', async () => {
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-02-01' })
    const { body } = await clinic.get<{ verdict: string; withheld: { reasons: Reason[] } }>(
      `/episodes/${episode}/permitted-exercises/collision-sport`,
    )
    expect(body.verdict).toBe('withheld')
    const kinds = body.withheld.reasons.map((reason) => reason.kind)
    expect(kinds).toContain('not-prescribed')
    expect(kinds).toContain('contraindication')
  })

  test('that the clinic does not have is a 404 with the nearest', async () => {
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-02-01' })
    const answer = await clinic.get(`/episodes/${episode}/permitted-exercises/walkin`)
    expect(answer).toMatchObject({
      status: 404,
      body: { code: 'EXERCISE_NOT_FOUND', nearest: ['walking', 'water-walking'] },
    })
  })

  test('that is not graded for what a rule tests is withheld, and the sentence says so', async () => {
    await clinic.post('/exercises', { code: 'tai-chi', title: 'Tai chi', kind: 'exercise', attributes: { lifting: 0 } })
    const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-02-01' })
    await record(episode, 'overrides', {
      exercise: 'tai-chi',
      effect: 'permit',
      from: '2026-03-01',
      reason: 'Asked for',
    })
    const answer = await ask(episode, '?on=2026-03-05')
    const withheld = answer.withheld.find((item) => item.exercise === 'tai-chi')
    const unknown = withheld?.reasons.filter((reason) => !reason.certain) ?? []
    expect(unknown.length).toBeGreaterThan(0)
    expect(unknown[0]?.text).toContain('the catalogue does not grade the exercise for')
  })
})

test('a red flag that is an emergency says what to do now', async () => {
  const episode = await openEpisode({ procedures: ['acdf'], surgeryDate: '2026-02-01' })
  await record(episode, 'symptoms', { redFlag: 'bladder-or-bowel-loss', on: '2026-03-02' })
  const answer = await ask(episode, '?on=2026-03-05')
  expect(answer).toMatchObject({ status: 'on-hold', permitted: [] })
  expect(answer.redFlags[0]).toMatchObject({ open: true, response: 'emergency' })
  expect(answer.redFlags[0]?.text).toMatch(/emergency.*call/)
})
