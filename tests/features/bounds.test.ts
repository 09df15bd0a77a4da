import { describe, expect, test } from '@jest/globals'
import { startClinicWithLibrary } from './library-clinic.ts'
import type { Problem } from './support.ts'

const clinic = await startClinicWithLibrary()

const document = {
  format: 1,
  code: 'bounds',
  title: 'Bounds',
  procedures: ['acdf'],
  phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: -36_500 } } }],
  prescriptions: [{ exercise: 'walking', from: 'all' }],
  limits: [{ code: 'far', quantity: 'load', max: 5, when: { days: { before: 36_500 } } }],
}

describe('dates at the ends of the calendar', () => {
  test.each([
    ['1900-01-01', '1900-01-01'],
    ['1920-06-30', '1900-01-01'],
    ['2150-01-01', '2150-01-01'],
    ['2200-12-31', '2200-12-31'],
  ])('surgery on %s, asked about %s', async (surgeryDate, on) => {
    const answer = await clinic.post('/simulations', { protocols: [document], surgeryDate, on })
    expect({ status: answer.status, text: answer.status === 200 ? '' : answer.text }).toEqual({ status: 200, text: '' })
  })
})

test.each([
  ['/protocols/acdf-standard/draft', { from: 2_147_483_648 }, '/from'],
  [
    '/simulations',
    {
      protocols: [{ code: 'acdf-standard', version: 2_147_483_648 }],
      surgeryDate: '2026-10-01',
      on: '2026-10-02',
    },
    '/protocols/0/version',
  ],
])('a version that no protocol gets to is refused at its place: %s', async (address, body, pointer) => {
  const answer = await clinic.post<Problem>(address, body)
  expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED', errors: [{ pointer }] } })
})

describe('a document that is small', () => {
  test('is refused if each of its many exercises would have each of many reasons', async () => {
    const list = <Item>(length: number, of: (index: number) => Item): Item[] => Array.from({ length }, (_, i) => of(i))
    const wide = (exercises: number) => ({
      ...document,
      exercises: list(exercises, (index) => ({
        code: `e${index}`,
        title: 'E',
        kind: 'exercise',
        groups: ['all-of-them'],
        attributes: {},
      })),
      facts: [{ code: 'pain', title: 'Pain', type: 'number', min: 0, max: 10, ask: 'How much?' }],
      prescriptions: list(100, (index) => ({
        code: `p${index}`,
        group: 'all-of-them',
        from: 'all',
        when: { fact: 'pain', atMost: 3 },
      })),
    })
    const ask = (exercises: number) =>
      clinic.post<Problem>('/simulations', {
        protocols: [wide(exercises)],
        surgeryDate: '2026-10-01',
        on: '2026-10-02',
      })
    expect((await ask(201)).body).toMatchObject({
      status: 422,
      detail: expect.stringMatching(/^`protocols` gives 20100 reasons for its exercises, more than the 20000 /),
    })
    expect((await ask(200)).status).toBe(200)
  })
})

describe('a body that is wrong in very many places', () => {
  test('is answered with the first hundred, and the number of the others', async () => {
    const body = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`field-${index}`, 1]))
    const { status, body: problem, text } = await clinic.post<Problem>('/patients', body)
    expect(status).toBe(400)
    expect(problem.errors?.length).toBeLessThanOrEqual(100)
    expect(text.length).toBeLessThan(100_000)

    const phases = Array.from({ length: 50 }, (_, index) => ({
      code: `p${index}`,
      title: 'P',
      entry: { all: Array.from({ length: 40 }, (_, milestone) => ({ milestone: `m${index}-${milestone}` })) },
    }))
    const unknown = await clinic.post<Problem>('/protocols', { ...document, phases })
    expect(unknown.status).toBe(422)
    expect(unknown.body.errors).toHaveLength(100)
    expect(unknown.body.detail).toContain('the first 100')
  })
})

describe('a document that is larger than it looks', () => {
  test('is refused when its aliases stand for more than a body may hold', async () => {
    const goals = `[${Array.from({ length: 2000 }, (_, index) => `goal-${index}`).join(', ')}]`
    const copies = Array.from({ length: 90 }, (_, index) => `x${index}: *goals`).join('\n')
    const yaml = `goals: &goals ${goals}\n${copies}\n`
    const answer = await clinic.send<Problem>('POST', '/protocols', yaml, { 'content-type': 'application/yaml' })
    expect(answer).toMatchObject({ status: 400, body: { code: 'MALFORMED_DOCUMENT' } })
    expect(answer.body.detail).toContain('aliases')
  })

  test('is refused where it has a number that nobody measures, at its place', async () => {
    const answer = await clinic.post<Problem>('/protocols', {
      ...document,
      limits: [{ code: 'huge', quantity: 'load', max: Number.MAX_VALUE }],
    })
    expect(answer.status).toBe(400)
    expect(answer.body.errors).toMatchObject([{ pointer: '/limits/0/max' }])
  })

  test.each(['prescriptions', 'contraindications', 'limits', 'instructions'])(
    'is refused with 10,000 %s',
    async (list) => {
      const rules = Array.from({ length: 10_000 }, (_, index) => ({
        code: `r${index}`,
        exercise: 'walking',
        from: 'all',
      }))
      const answer = await clinic.post<Problem>('/protocols', { ...document, [list]: rules })
      expect(answer.status).toBe(400)
      expect(answer.body.errors).toMatchObject([
        { pointer: `/${list}`, detail: expect.stringMatching(/^must have at most \d{3} items$/) },
      ])
    },
  )

  test('is refused when one rule has more tests than anyone can follow', async () => {
    const tests = Array.from({ length: 30 }, (_, day) => ({ days: { atLeast: day } }))
    const when = { any: [{ all: tests }, { all: tests }] }
    const answer = await clinic.post<Problem>('/protocols', {
      ...document,
      limits: [{ code: 'long', quantity: 'load', max: 5, when }],
    })
    expect(answer.status).toBe(400)
    expect(answer.body.errors).toMatchObject([
      { pointer: '/limits/0/when', detail: expect.stringContaining('50 tests') },
    ])
  })
})

describe('a draft', () => {
  test('does not grow, edit by edit, longer than a document that can be sent', async () => {
    const instruction = (code: string, length: number) => ({ code, about: 'posture', text: '€'.repeat(length) })
    const instructions = Array.from({ length: 173 }, (_, index) => instruction(`sit-${index}`, 2000))
    const address = '/protocols/long/draft'
    expect((await clinic.post('/protocols', { ...document, code: 'long', instructions })).status).toBe(201)
    const edit = (method: string, path: string, body: object) =>
      clinic.send<Problem>(method, `${address}${path}`, JSON.stringify(body), {
        'if-match': '*',
        ...(method === 'PATCH' && { 'content-type': 'application/merge-patch+json' }),
      })
    const refused = await edit('POST', '/instructions', instruction('more', 2000))
    expect([refused.status, refused.body.code]).toEqual([422, 'DOCUMENT_INVALID'])
    expect(refused.body.errors).toMatchObject([
      { pointer: '', detail: expect.stringContaining('more than the 1048576') },
    ])
    expect((await edit('PATCH', '', { description: '€'.repeat(5000) })).body.code).toBe('DOCUMENT_INVALID')
    expect((await edit('PATCH', '/instructions/sit-0', { text: 'Sit.' })).status).toBe(200)
    expect((await edit('POST', '/instructions', instruction('more', 2000))).status).toBe(201)
  })
})

test('a question about a past moment waits for an entry that is being written', async () => {
  const patient = await clinic.post<{ id: string }>('/patients', { externalId: 'waits' })
  const today = Temporal.Now.plainDateISO('America/New_York')
  const episode = await clinic.post<{ id: string }>(`/patients/${patient.body.id}/episodes`, {
    procedures: ['acdf'],
    surgeryDate: today.subtract({ days: 10 }).toString(),
  })
  const address = `/episodes/${episode.body.id}`
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  // A writer that has the episode and has not finished.
  const writer = clinic.db.asClinic(clinic.clinicId, async (tx) => {
    await tx.$queryRaw`SELECT FROM episode WHERE clinic_id = ${clinic.clinicId}::uuid AND id = ${episode.body.id}::uuid FOR UPDATE`
    await held
  })
  await new Promise((resolve) => setTimeout(resolve, 100))
  let answered = false
  const question = clinic.get(`${address}/permitted-exercises?knownAt=${Temporal.Now.instant()}`).then((answer) => {
    answered = true
    return answer
  })
  // Without a moment nobody waits: the answer is the one of the last entry.
  expect((await clinic.get(`${address}/permitted-exercises`)).status).toBe(200)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(answered).toBe(false)
  release()
  await writer
  expect((await question).status).toBe(200)
})

test('a red flag that is open is listed once, and then no instruction invites to exercise', async () => {
  const answer = await clinic.post<{
    instructions: unknown[]
    redFlags: { code: string; open: boolean; text: string }[]
  }>('/simulations', {
    protocols: [{ code: 'acdf-standard' }],
    surgeryDate: '2026-10-01',
    on: '2026-10-10',
    milestones: [{ code: 'hospital-discharge', on: '2026-10-03' }],
    symptoms: [{ redFlag: 'bladder-or-bowel-loss', on: '2026-10-10' }],
  })
  const own = answer.body.redFlags.filter((flag) => flag.code === 'bladder-or-bowel-loss')
  expect(own).toMatchObject([{ open: true, text: expect.stringContaining('say that you have had spine surgery') }])
  expect(answer.body.instructions).toEqual([])
})
