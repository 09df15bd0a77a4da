import { randomUUIDv7 } from 'node:crypto'
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import { type Authorship, publish, withCatalogue } from '../../src/features/protocols/authoring.ts'
import { hashDocument } from '../../src/features/protocols/canonical.ts'
import { readProtocol, readVersion } from '../../src/features/protocols/repository.ts'
import type * as schemas from '../../src/features/protocols/schemas.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { accepted, addDays, openEpisode } from './library-clinic.ts'
import { type Answer, type Client, type Page, type Problem, startClinic, storeDraft } from './support.ts'

type Version = z.output<typeof schemas.version>
type HistoryEvent = z.output<typeof schemas.historyEvent>
type Protocol = z.output<typeof schemas.protocol>

const clinic = await startClinic()
const author = clinic
const reviewer = await clinic.addClient(clinic.clinicId, 'clinician')
const therapist = await clinic.addClient(clinic.clinicId, 'clinician', 'therapist')
const foreigner = await clinic.addClinic()

accepted(await clinic.post('/procedures', { code: 'plif', name: 'PLIF', bodyRegion: 'lumbar' }))
accepted(await clinic.post('/attributes', { code: 'impact', title: 'Impact' }))
const exercise = { kind: 'exercise', groups: ['outdoors'], attributes: { impact: 1 } }
accepted(await clinic.post('/exercises', { ...exercise, code: 'walking', title: 'Walking' }))
accepted(await clinic.post('/exercises', { ...exercise, code: 'climbing-stairs', title: 'Climbing stairs' }))

const sources = ['policy']

function protocolOf(code: string, change: object = {}): object {
  return {
    format: 1,
    code,
    title: 'Walking after fusion',
    procedures: ['plif'],
    sources: [{ id: 'policy', title: 'Clinic policy' }],
    phases: [
      { code: 'ward', title: 'On the ward', entry: { days: { atLeast: 0 } }, sources },
      { code: 'home', title: 'At home', entry: { days: { atLeast: 5 } }, sources },
    ],
    prescriptions: [{ code: 'walks', group: 'outdoors', from: 'home', supervision: 'independent', sources }],
    limits: [
      { code: 'lifting', quantity: 'lifted-load', max: 10, unit: '[lb_av]', sources },
      { code: 'sitting', quantity: 'sitting-time', max: 30, unit: 'min', sources },
    ],
    accepted: [{ finding: 'empty-phase:ward', reason: 'The physical therapist walks with them.' }],
    ...change,
  }
}

let count = 0
let code = ''

beforeEach(async () => {
  count += 1
  code = `protocol-${count}`
  accepted(await author.post('/protocols', protocolOf(code)))
})

/** Something that is done to the draft, by whoever has seen it as it is. */
async function act<Body = Version>(client: Client, what: string, body: object = {}): Promise<Answer<Body>> {
  const { etag } = await client.get(`/protocols/${code}/draft`)
  return client.send<Body>('POST', `/protocols/${code}/draft/${what}`, body, { 'if-match': etag })
}

function refused(client: Client, what: string, body: object = {}): Promise<Answer<Problem>> {
  return act<Problem>(client, what, body)
}

async function readDraft(): Promise<Version> {
  return accepted(await author.get<Version>(`/protocols/${code}/draft`))
}

async function putDraft(client: Client, change: object): Promise<Version> {
  return accepted(await client.put<Version>(`/protocols/${code}/draft`, protocolOf(code, change), '*'))
}

async function wantSecondPerson(approval: 'none' | 'second-person'): Promise<void> {
  accepted(await clinic.patch('/clinic', { approval }, '*'))
}

async function changeExercise(change: object): Promise<void> {
  accepted(await clinic.patch('/exercises/walking', change, '*'))
}

async function readHistory(query = ''): Promise<HistoryEvent[]> {
  return (await author.pages<HistoryEvent>(`/protocols/${code}/history${query}`)).flat()
}

const named = (name: string) => expect.objectContaining({ name })

describe('where a second person must approve', () => {
  beforeEach(() => wantSecondPerson('second-person'))

  test('a draft goes through review to a version that says who did what', async () => {
    expect((await refused(author, 'publish')).body).toMatchObject({ status: 409, code: 'NOT_APPROVED' })
    expect((await refused(author, 'submit')).body).toMatchObject({
      status: 400,
      errors: [{ pointer: '/changeNote', detail: 'is required' }],
    })
    expect((await author.post(`/protocols/${code}/draft/submit`, { changeNote: 'First' })).status).toBe(428)
    const submitted = accepted(await act(author, 'submit', { changeNote: 'First' }))
    expect(submitted).toMatchObject({ status: 'in-review', revision: 2, changeNote: 'First', review: null })
    expect(submitted.submitted?.by).toEqual(named('administrator'))
    expect((await author.get<Protocol>(`/protocols/${code}`)).body).toMatchObject({ draftStatus: 'in-review' })
    accepted(await author.post('/protocols', protocolOf('not-submitted')))
    const waiting = await reviewer.get<Page<Protocol>>('/protocols?draft=in-review')
    expect(waiting.body.items.map((protocol) => protocol.code)).toEqual([code])

    expect((await refused(author, 'approve')).body).toMatchObject({ code: 'SECOND_PERSON_REQUIRED' })
    expect((await refused(author, 'publish')).body).toMatchObject({ code: 'NOT_APPROVED' })
    expect((await refused(reviewer, 'return')).body).toMatchObject({ status: 400, errors: [{ pointer: '/note' }] })
    const returned = accepted(await act(reviewer, 'return', { note: 'Less sitting, please.' }))
    expect(returned).toMatchObject({
      status: 'draft',
      review: { decision: 'returned', by: named('clinician'), note: 'Less sitting, please.' },
    })

    await putDraft(therapist, { title: 'Walking and sitting after fusion' })
    accepted(await act(author, 'submit', { changeNote: 'Second\nAs the reviewer wished' }))
    const edited = await refused(therapist, 'approve')
    expect(edited.body).toMatchObject({ status: 409, code: 'SECOND_PERSON_REQUIRED' })
    expect(edited.body.detail).toContain(`“therapist” has edited this draft of \`${code}\``)
    const approved = accepted(await act(reviewer, 'approve', { note: 'Agreed' }))
    expect(approved).toMatchObject({ status: 'approved', review: { decision: 'approved', note: 'Agreed' } })
    expect((await refused(reviewer, 'approve')).body).toMatchObject({ status: 409, code: 'CONFLICT' })
    expect((await refused(author, 'publish', { changeNote: 'Something else' })).body).toMatchObject({
      status: 422,
      errors: [{ pointer: '/changeNote' }],
    })

    const published = await act(author, 'publish')
    expect(published.status).toBe(201)
    const version = accepted(await author.get<Version>(`/protocols/${code}/versions/1`))
    expect(version).toMatchObject({
      status: 'published',
      changeNote: 'Second\nAs the reviewer wished',
      accepted: [{ finding: 'empty-phase:ward', reason: 'The physical therapist walks with them.' }],
      authors: [named('administrator'), named('therapist')],
      submitted: { by: named('administrator'), hash: version.contentHash },
      review: { decision: 'approved', by: named('clinician'), note: 'Agreed' },
      publishedBy: named('administrator'),
    })
    expect(version.contentHash).toBe(hashDocument(version.document))
    const { document: _, joinedByGroup, ...summary } = version
    expect(joinedByGroup.map(({ exercise }) => exercise)).toEqual(['climbing-stairs', 'walking'])
    expect((await author.get<Page<object>>(`/protocols/${code}/versions`)).body.items).toEqual([summary])
    expect((await readHistory()).map(({ kind, by }) => [kind, by.name]).reverse()).toEqual([
      ['started', 'administrator'],
      ['submitted', 'administrator'],
      ['returned', 'clinician'],
      ['edited', 'therapist'],
      ['submitted', 'administrator'],
      ['approved', 'clinician'],
      ['published', 'administrator'],
    ])
  })

  test('nothing can be changed while it is in review, and the answer says how to go on', async () => {
    accepted(await act(author, 'submit', { changeNote: 'First' }))
    const before = await readDraft()
    const draft = `/protocols/${code}/draft`
    const limit = { code: 'standing', quantity: 'standing-time', max: 30, unit: 'min', sources }
    const headers = { 'if-match': '*' }
    for (const answer of [
      await author.put<Problem>(draft, protocolOf(code), '*'),
      await author.delete<Problem>(draft, '*'),
      await author.send<Problem>('POST', `${draft}/limits`, limit, headers),
      await author.delete<Problem>(`${draft}/limits/sitting`, '*'),
      await refused(reviewer, 'submit', { changeNote: 'Again' }),
    ]) {
      expect(answer.body).toMatchObject({ status: 409, code: 'IN_REVIEW', submitted: { by: named('administrator') } })
      expect(answer.body.detail).toContain('“administrator” submitted the draft')
      expect(answer.body.detail).toContain(`POST /v1${draft}/withdraw`)
    }
    expect((await author.delete<Problem>(`/protocols/${code}`, '*')).body).toMatchObject({
      status: 409,
      code: 'IN_REVIEW',
    })
    expect(await readDraft()).toEqual(before)

    expect(accepted(await act(author, 'withdraw'))).toMatchObject({
      status: 'draft',
      submitted: null,
      changeNote: null,
    })
    expect((await refused(author, 'withdraw')).body).toMatchObject({ status: 409, code: 'NOT_IN_REVIEW' })
    expect((await refused(reviewer, 'approve')).body).toMatchObject({ status: 409, code: 'NOT_IN_REVIEW' })
    expect((await author.delete(draft, '*')).status).toBe(204)
  })

  test('any edit loses the approval, the smallest too', async () => {
    accepted(await act(author, 'submit', { changeNote: 'First' }))
    accepted(await act(reviewer, 'approve'))
    const { revision } = await readDraft()
    const lifting = { code: 'lifting', quantity: 'lifted-load', max: 11, unit: '[lb_av]', sources }
    accepted(await author.put(`/protocols/${code}/draft/limits/lifting`, lifting, `"${revision}"`))
    expect(await readDraft()).toMatchObject({ status: 'draft', submitted: null, review: null })
    expect((await refused(author, 'publish')).body).toMatchObject({ status: 409, code: 'NOT_APPROVED' })
    const [edit] = await readHistory()
    expect(edit).toMatchObject({
      kind: 'edited',
      lostApproval: true,
      changes: [{ kind: 'limits', code: 'lifting', change: 'changed', before: { max: 10 }, after: { max: 11 } }],
    })
  })

  test('an approval is of the exercises too: which of them changed since is said', async () => {
    accepted(await act(author, 'submit', { changeNote: 'First' }))
    await changeExercise({ title: 'Strolling', attributes: { impact: 2 } })
    const exercisesChanged = [{ exercise: 'walking', change: 'changed', fields: ['title', 'attributes'] }]
    const stale = { status: 409, code: 'CONTENT_CHANGED', exercisesChanged }
    expect((await refused(reviewer, 'approve')).body).toMatchObject(stale)
    await changeExercise({ title: 'Walking', attributes: { impact: 1 } })
    accepted(await act(reviewer, 'approve'))

    await changeExercise({ groups: [] })
    const { body } = await refused(author, 'publish')
    expect(body).toMatchObject({
      ...stale,
      exercisesChanged: [{ exercise: 'walking', change: 'removed', fields: [] }],
    })
    expect(body.detail).toContain('`walking` (removed)')
    accepted(await act(author, 'withdraw'))
    accepted(await act(author, 'submit', { changeNote: 'Without walking' }))
    accepted(await act(reviewer, 'approve'))
    const version = accepted(await act(author, 'publish'))
    expect(version.document.exercises.map((own) => own.code)).toEqual(['climbing-stairs'])
    await changeExercise({ groups: ['outdoors'] })
  })

  test('an approval of one’s own, from before the rule, does not count', async () => {
    await wantSecondPerson('none')
    accepted(await act(author, 'submit', { changeNote: 'First' }))
    accepted(await act(author, 'approve'))
    await wantSecondPerson('second-person')
    expect((await refused(therapist, 'publish')).body).toMatchObject({ status: 409, code: 'SECOND_PERSON_REQUIRED' })
    await wantSecondPerson('none')
    expect((await act(author, 'publish')).status).toBe(201)
    expect((await readHistory('?kind=published'))[0]).toMatchObject({ approval: 'none' })
  })

  test('one who approves and one who edits at once: never an approval of what nobody has seen', async () => {
    accepted(await act(author, 'submit', { changeNote: 'First' }))
    const { etag } = await author.get(`/protocols/${code}/draft`)
    const headers = { 'if-match': etag }
    const send = (client: Client, what: string, body: object) =>
      client.send<Version>('POST', `/protocols/${code}/draft/${what}`, body, headers)
    const answers = await Promise.all([
      send(reviewer, 'approve', {}),
      send(author, 'withdraw', {}),
      send(therapist, 'return', { note: 'No' }),
      send(reviewer, 'approve', {}),
      author.put<Version>(`/protocols/${code}/draft`, protocolOf(code, { title: 'Other' }), etag),
    ])
    const won = answers.filter(({ status }) => status === 200)
    expect(won).toHaveLength(1)
    expect((await readDraft()).revision).toBe(3)
    expect((await readDraft()).status).toBe(won[0]?.body.status)
    expect(answers.every(({ status }) => [200, 409, 412].includes(status))).toBe(true)
  })
})

describe('where nobody has to approve', () => {
  beforeEach(() => wantSecondPerson('none'))

  test('a draft is published as it is, or after a review that somebody asked for', async () => {
    expect(accepted(await act(author, 'publish', { changeNote: 'At once' }))).toMatchObject({
      number: 1,
      changeNote: 'At once',
      submitted: null,
      review: null,
    })
    expect((await readHistory()).map(({ kind, version }) => [kind, version])).toEqual([
      ['published', 1],
      ['started', 1],
    ])
    accepted(await author.post(`/protocols/${code}/draft`, {}))
    accepted(await act(author, 'submit', { changeNote: 'Please look' }))
    expect((await refused(author, 'publish')).body).toMatchObject({ status: 409, code: 'NOT_APPROVED' })
    accepted(await act(author, 'return', { note: 'Later' }))
    expect(accepted(await act(author, 'publish'))).toMatchObject({ number: 2, changeNote: null, review: null })
  })

  test('what the check refuses cannot be submitted either, with every finding', async () => {
    const never = { days: { before: 3 } }
    await putDraft(author, {
      prescriptions: [
        { code: 'walks', exercise: 'walking', from: 'home', when: never, supervision: 'independent', sources },
        { code: 'stairs', exercise: 'climbing-stairs', from: 'home', when: never, supervision: 'independent', sources },
      ],
    })
    for (const what of ['submit', 'publish']) {
      const { body } = await refused(author, what, { changeNote: 'First' })
      expect(body).toMatchObject({ status: 422, code: 'CHECK_FAILED' })
      const pointers = body.errors?.map(({ pointer }) => pointer)
      expect(pointers).toEqual(expect.arrayContaining(['/prescriptions/0', '/prescriptions/1']))
    }
    expect(await readDraft()).toMatchObject({ status: 'draft', submitted: null })
  })

  test('what is published is what was checked, whatever happens to the catalogue meanwhile', async () => {
    const asAuthor: Authorship = {
      clinicId: clinic.clinicId,
      actorId: randomUUIDv7(),
      now: toInstantText(Temporal.Now.instant()),
      nextId: () => randomUUIDv7(),
    }
    const version = await clinic.db.asClinic(clinic.clinicId, async (tx) => {
      const protocol = await readProtocol(tx, clinic.clinicId, code)
      const draft = protocol && (await readVersion(tx, clinic.clinicId, protocol.id, 'draft'))
      if (!protocol || !draft) throw new Error('it was created')
      const document = await withCatalogue(tx, clinic.clinicId, draft.document)
      await changeExercise({ title: 'Running' })
      await publish(tx, asAuthor, protocol, { ...draft, document }, null)
      return readVersion(tx, clinic.clinicId, protocol.id, 1)
    })
    const walking = version?.document.exercises.find((own) => own.code === 'walking')
    expect(walking?.title).toBe('Walking')
    expect(version?.contentHash).toBe(version && hashDocument(version.document))
    await changeExercise({ title: 'Walking' })
  })
})

describe('two editors of one draft', () => {
  beforeEach(() => wantSecondPerson('none'))

  test('the later one is told what the other has changed, by whom and when', async () => {
    const { etag } = await author.get(`/protocols/${code}/draft`)
    const first = await putDraft(therapist, {
      title: 'Walking',
      limits: [
        { code: 'lifting', quantity: 'lifted-load', max: 5, unit: '[lb_av]', sources },
        { code: 'passing', quantity: 'sitting-time', max: 1, unit: 'min', sources },
      ],
    })
    const draft = `/protocols/${code}/draft`
    accepted(await therapist.delete(`${draft}/limits/passing`, `"${first.revision}"`))
    const phases = [
      { code: 'ward', title: 'On the ward', entry: { days: { atLeast: 0 } }, sources },
      { code: 'home', title: 'Back at home', entry: { days: { atLeast: 5 } }, sources },
    ]
    await putDraft(reviewer, {
      title: 'Walking',
      phases,
      limits: [{ code: 'lifting', quantity: 'lifted-load', max: 6, unit: '[lb_av]', sources }],
    })

    const sent = [
      await author.put<Problem>(draft, protocolOf(code), etag),
      await author.delete<Problem>(`${draft}/limits/lifting`, etag),
      await author.send<Problem>('POST', `${draft}/submit`, { changeNote: 'Mine' }, { 'if-match': etag }),
    ]
    for (const { status, body } of sent) {
      expect(status).toBe(412)
      expect(body).toMatchObject({ code: 'PRECONDITION_FAILED', currentRevision: 4, since: { revision: 1 } })
      const { changes, events, complete } = body.since as { changes: object[]; events: object[]; complete: boolean }
      expect(complete).toBe(true)
      const at = expect.stringMatching(/^\d{4}-/)
      const [byTherapist, byReviewer] = [named('therapist'), named('clinician')]
      expect(changes).toHaveLength(4)
      expect(changes).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            kind: 'title',
            before: 'Walking after fusion',
            after: 'Walking',
            authors: [byTherapist],
          }),
          expect.objectContaining({ kind: 'limits', code: 'sitting', change: 'removed', authors: [byTherapist] }),
          {
            kind: 'limits',
            code: 'lifting',
            change: 'changed',
            before: expect.objectContaining({ max: 10 }),
            after: expect.objectContaining({ max: 6 }),
            authors: [byTherapist, byReviewer],
            at,
          },
          expect.objectContaining({ kind: 'phases', code: 'home', change: 'changed', authors: [byReviewer], at }),
        ]),
      )
      expect(events).toMatchObject([
        { kind: 'edited', revision: 2, by: byTherapist, at },
        { kind: 'edited', revision: 3, by: byTherapist, at },
        { kind: 'edited', revision: 4, by: byReviewer, at },
      ])
      expect(body.detail).toContain('since then “therapist” and “clinician” changed it')
      expect(body.detail).toContain('`limits/sitting` removed')
    }
    expect((await readDraft()).revision).toBe(4)
  })

  test('one whose draft was published, or thrown away and begun anew, does not overwrite the next', async () => {
    const { etag } = await author.get(`/protocols/${code}/draft`)
    accepted(await act(reviewer, 'publish'))
    const put = () => author.put<Problem>(`/protocols/${code}/draft`, protocolOf(code, { title: 'Stale' }), etag)
    const gone = await put()
    expect(gone).toMatchObject({ status: 412, body: { since: { events: [{ kind: 'published' }] } } })
    expect(gone.body.detail).toContain('leave `If-Match` out to start one')
    accepted(await reviewer.post(`/protocols/${code}/draft`, {}))
    const next = await put()
    expect(next).toMatchObject({
      status: 412,
      body: { since: { changes: [], events: [{ kind: 'published' }, { kind: 'started' }] } },
    })
    accepted(await reviewer.delete(`/protocols/${code}/draft`, '*'))
    accepted(await reviewer.put(`/protocols/${code}/draft`, protocolOf(code, { title: 'Begun anew' })))
    expect((await put()).status).toBe(412)
    expect((await readDraft()).title).toBe('Begun anew')
  })

  test('of an edit that says the same in other words nothing is told', async () => {
    const { etag } = await author.get(`/protocols/${code}/draft`)
    const reordered = Object.fromEntries(Object.entries(protocolOf(code, { instructions: [], facts: [] })).reverse())
    const phases = Reflect.get(reordered, 'phases') as object[]
    accepted(
      await reviewer.put(
        `/protocols/${code}/draft`,
        { ...reordered, phases: phases.map((phase) => ({ goals: [], ...phase })) },
        etag,
      ),
    )
    const { body } = await author.put<Problem>(`/protocols/${code}/draft`, protocolOf(code), etag)
    expect(body).toMatchObject({ status: 412, since: { changes: [], events: [{ kind: 'edited' }] } })
    expect(body.detail).toContain('which has left it as it was')
  })

  test('of a very large edit the parts are named, without what they say', async () => {
    const { etag } = await author.get(`/protocols/${code}/draft`)
    const instructions = Array.from({ length: 150 }, (_, index) => ({
      code: `instruction-${index}`,
      about: 'posture',
      text: 'x'.repeat(1000),
      sources,
    }))
    await putDraft(reviewer, { instructions })
    const { body } = await author.put<Problem>(`/protocols/${code}/draft`, protocolOf(code), etag)
    const { changes, complete } = body.since as { changes: object[]; complete: boolean }
    expect(changes).toHaveLength(100)
    expect(changes[0]).toEqual({
      kind: 'instructions',
      code: 'instruction-0',
      change: 'added',
      authors: [named('clinician')],
      at: expect.any(String),
    })
    expect(complete).toBe(false)
    expect((await readHistory('?kind=edited'))[0]).toMatchObject({ moreChanges: 50 })
  })
})

describe('a version that is retired', () => {
  beforeEach(() => wantSecondPerson('none'))

  const surgeryDate = addDays(Temporal.Now.plainDateISO().toString(), -20)
  const open = () => openEpisode(clinic, { procedures: ['plif'], surgeryDate, protocols: [{ code }] })

  function retire<Body = Problem>(number: number, body: object = {}): Promise<Answer<Body>> {
    return author.send<Body>('POST', `/protocols/${code}/versions/${number}/retire`, body, { 'if-match': '*' })
  }

  test('needs a word about the open episodes that follow it, and about the defaults that it leaves', async () => {
    accepted(await act(author, 'publish'))
    const episode = await open()
    const closed = await open()
    accepted(await clinic.post(`/episodes/${closed}/close`, { on: addDays(surgeryDate, 10), reason: 'Moved away' }))
    accepted(await clinic.patch('/procedures/plif', { defaultProtocol: code }, '*'))

    const { status, body } = await retire(1)
    expect([status, body.code]).toEqual([409, 'RETIREMENT_UNDECIDED'])
    expect(body).toMatchObject({ openEpisodes: 1, defaultOf: ['plif'] })
    expect(body.errors?.map(({ pointer }) => pointer)).toEqual(['/episodes', '/defaults'])
    expect(body.detail).toContain('one open episode follows version 1')
    expect(body.detail).toContain(`(POST /v1/protocols/${code}/moves, or PATCH /v1/episodes/{id} for one alone)`)
    expect((await retire(1, { episodes: 'move' })).status).toBe(400)
    expect((await retire(1, { episodes: 'keep' })).body.errors?.map(({ pointer }) => pointer)).toEqual(['/defaults'])

    const before = (await clinic.get(`/episodes/${episode}/permitted-exercises`)).text
    const kept = { episodes: 'keep', defaults: 'keep', note: 'Sitting was too long.' }
    expect(accepted(await retire<Version>(1, kept))).toMatchObject({
      status: 'retired',
      openEpisodes: 1,
      defaultOf: ['plif'],
      retiredBy: named('administrator'),
      retirementNote: 'Sitting was too long.',
      newEpisodes: { version: null },
    })
    expect((await author.get<Protocol>(`/protocols/${code}`)).body).toMatchObject({
      latestVersion: 1,
      currentVersion: null,
    })
    expect((await clinic.get(`/episodes/${episode}/permitted-exercises`)).text).toBe(before)
    expect((await retire(1)).body).toMatchObject({ status: 409, code: 'VERSION_NOT_PUBLISHED' })
    expect((await readHistory('?kind=retired'))[0]).toMatchObject({ openEpisodes: 1, note: 'Sitting was too long.' })

    const patient = accepted(await clinic.post<{ id: string }>('/patients', { externalId: `of-${code}` }))
    const refusedEpisode = await clinic.post(`/patients/${patient.id}/episodes`, { procedures: ['plif'], surgeryDate })
    expect(refusedEpisode.body).toMatchObject({ status: 422, code: 'NO_DEFAULT_PROTOCOL' })
    accepted(await clinic.patch('/procedures/plif', { defaultProtocol: null }, '*'))
  })

  test('is retired without a word if another is there for the defaults and nobody follows it', async () => {
    accepted(await act(author, 'publish'))
    accepted(await author.post(`/protocols/${code}/draft`, {}))
    accepted(await act(author, 'publish'))
    accepted(await clinic.patch('/procedures/plif', { defaultProtocol: code }, '*'))
    expect(accepted(await retire<Version>(2))).toMatchObject({
      openEpisodes: 0,
      defaultOf: [],
      newEpisodes: {
        version: 1,
        text: `New episodes with \`${code}\` now get version 1, which is older. If patients should not follow that one, retire it, too, or publish another version.`,
      },
    })
    expect((await author.get<Protocol>(`/protocols/${code}`)).body).toMatchObject({
      latestVersion: 2,
      currentVersion: 1,
    })
    accepted(await clinic.patch('/procedures/plif', { defaultProtocol: null }, '*'))
  })

  test('is not retired behind the back of an episode that begins to follow it at the same time', async () => {
    accepted(await act(author, 'publish'))
    const patients = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        clinic.post<{ id: string }>('/patients', { externalId: `${code}-${index}` }),
      ),
    )
    const [retired, ...opened] = await Promise.all([
      retire<Version>(1),
      ...patients.map(({ body: { id } }) =>
        clinic.post(`/patients/${id}/episodes`, {
          procedures: ['plif'],
          surgeryDate,
          protocols: [{ code, version: 1 }],
        }),
      ),
    ])
    const following = opened.filter(({ status }) => status === 201).length
    expect(retired.status).toBe(following > 0 ? 409 : 200)
    expect(opened.every(({ status }) => [201, 409].includes(status))).toBe(true)
  })

  test('is brought back as a draft with all that it had, and the answer says what the catalogue has changed', async () => {
    const version = accepted(await act(author, 'publish'))
    accepted(await retire(1))
    await changeExercise({ title: 'Strolling', target: 'Legs' })
    accepted(await clinic.post('/exercises', { ...exercise, code: `nordic-walking-${count}`, title: 'Nordic walking' }))
    const started = await author.post<z.output<typeof schemas.startedVersion>>(`/protocols/${code}/draft`, { from: 1 })
    expect(started).toMatchObject({ status: 201, location: `/v1/protocols/${code}/draft` })
    expect(started.body).toMatchObject({ status: 'draft', startedFrom: 1, accepted: version.accepted })
    expect(started.body.exercisesChanged).toEqual([
      { exercise: `nordic-walking-${count}`, change: 'added', fields: [] },
      { exercise: 'walking', change: 'changed', fields: ['title', 'target'] },
    ])
    const { exercises: _, ...rules } = started.body.document
    const { exercises: __, ...rulesBefore } = version.document
    expect(rules).toEqual(rulesBefore)
    expect((await readHistory())[0]).toMatchObject({ kind: 'started', startedFrom: 1 })
    accepted(await act(author, 'publish'))
    expect((await author.get<Protocol>(`/protocols/${code}`)).body).toMatchObject({ currentVersion: 2 })
    accepted(await clinic.patch(`/exercises/nordic-walking-${count}`, { groups: [] }, '*'))
    await changeExercise({ title: 'Walking', target: null })
  })
})

describe('the history', () => {
  beforeEach(() => wantSecondPerson('none'))

  test('is read page by page, by its kind, and by nobody else', async () => {
    for (const title of ['One', 'Two', 'Three']) await putDraft(author, { title })
    const pages = await author.pages<HistoryEvent>(`/protocols/${code}/history?limit=3`)
    expect(pages.map((page) => page.map(({ revision }) => revision))).toEqual([[4, 3, 2], [1]])
    expect(await readHistory('?kind=started')).toHaveLength(1)
    expect((await author.get(`/protocols/${code}/history?kind=begun`)).status).toBe(400)
    const forged = { recordedAt: '2026-99-99T00:00:00.000Z', revision: 1, id: randomUUIDv7() }
    const cursor = Buffer.from(JSON.stringify(forged)).toString('base64url')
    expect((await author.get(`/protocols/${code}/history?cursor=${cursor}`)).status).toBe(400)
    expect((await foreigner.get(`/protocols/${code}/history`)).status).toBe(404)
    for (const what of ['submit', 'withdraw', 'approve', 'return', 'publish']) {
      const body = { submit: { changeNote: 'x' }, return: { note: 'x' } }[what] ?? {}
      expect((await refused(foreigner, what, body)).status).toBe(404)
    }
    accepted(await act(author, 'submit', { changeNote: 'First' }))
    accepted(await act(author, 'approve'))
    accepted(await author.delete(`/protocols/${code}`, '*'))
    expect((await author.get(`/protocols/${code}/history`)).status).toBe(404)
  })
})

describe('SQL through the service’s role', () => {
  /** What PostgreSQL says to statements in one transaction of the clinic, which is rolled back. */
  async function attempt(...statements: string[]): Promise<string> {
    const client = await clinic.db.pool.connect()
    try {
      await client.query('BEGIN')
      await client.query(`SELECT set_config('app.clinic_id', $1, true)`, [clinic.clinicId])
      let rows: number | null = 0
      for (const statement of statements) rows = (await client.query(statement)).rowCount
      return `${rows} rows`
    } catch (error) {
      return String(Reflect.get(error as object, 'code'))
    } finally {
      await client.query('ROLLBACK')
      client.release()
    }
  }

  const restricted = '23001'
  const refusedByCheck = '23514'
  const notAllowed = '42501'

  test('cannot publish what no second person has approved, nor change what is reviewed', async () => {
    await wantSecondPerson('second-person')
    const { id } = await readDraft()
    const set = (change: string) => `UPDATE protocol_version SET ${change} WHERE id = '${id}'`
    const published = `status = 'published', number = 1, published_at = now(), content_hash = 'x'`
    expect(await attempt(set(published))).toBe(restricted)
    expect(await attempt(set(`authors = '{}'`))).toBe(restricted)
    expect(await attempt(set(`status = 'approved'`))).toBe(restricted)

    accepted(await act(author, 'submit', { changeNote: 'First' }))
    const { hash } = (await readDraft()).submitted ?? { hash: '' }
    const approvedBy = (who: string) =>
      set(`status = 'approved', decision = 'approved', reviewed_at = now(), reviewed_by = ${who}`)
    const right = `status = 'published', number = 1, published_at = now(), content_hash = '${hash}'`
    expect(await attempt(approvedBy('submitted_by'), set(right))).toBe(restricted)
    expect(await attempt(approvedBy('gen_random_uuid()'), set(published))).toBe(refusedByCheck)
    expect(await attempt(approvedBy('gen_random_uuid()'), set(right))).toBe('1 rows')
    for (const change of [`title = 'x'`, `accepted = '[]'`, `change_note = 'x'`, `submitted_hash = 'x'`, right]) {
      expect([change, await attempt(set(change))]).toEqual([change, restricted])
    }
    for (const table of ['protocol_limit', 'phase', 'prescription', 'version_exercise']) {
      expect(await attempt(`DELETE FROM ${table} WHERE version_id = '${id}'`)).toBe(restricted)
      expect(await attempt(approvedBy('gen_random_uuid()'), `DELETE FROM ${table} WHERE version_id = '${id}'`)).toBe(
        restricted,
      )
    }
    expect(await attempt(`DELETE FROM protocol_version WHERE id = '${id}'`)).toBe(restricted)
    await wantSecondPerson('none')
  })

  test('cannot publish a draft of which nobody knows who wrote it', async () => {
    await storeDraft(clinic, { code: `older-${count}`, procedures: ['plif'] })
    await wantSecondPerson('second-person')
    const own = `WHERE title = 'older-${count}'`
    const review = `submitted_at = now(), submitted_by = gen_random_uuid(), submitted_hash = 'x', change_note = 'x'`
    const steps = [
      `UPDATE protocol_version SET status = 'in-review', ${review} ${own}`,
      `UPDATE protocol_version SET status = 'approved', decision = 'approved', reviewed_at = now(), reviewed_by = gen_random_uuid() ${own}`,
    ]
    expect(await attempt(...steps)).toBe('1 rows')
    const publication = `status = 'published', number = 1, published_at = now(), content_hash = 'x'`
    expect(await attempt(...steps, `UPDATE protocol_version SET ${publication} ${own}`)).toBe(restricted)
    await wantSecondPerson('none')
  })

  test('cannot rewrite the history', async () => {
    expect(await attempt(`UPDATE protocol_event SET note = 'x'`)).toBe(notAllowed)
    expect(await attempt('DELETE FROM protocol_event')).toBe(notAllowed)
    expect(await attempt('TRUNCATE protocol_event')).toBe(notAllowed)
    expect(await attempt('ALTER TABLE protocol_event DISABLE TRIGGER append_only')).toBe(notAllowed)
  })
})
