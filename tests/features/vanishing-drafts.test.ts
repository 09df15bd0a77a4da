import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import { openDatabase } from '../../src/db/client.ts'
import { readLibrary } from '../../src/features/clinics/library.ts'
import { standBetween } from '../support/between-statements.ts'
import { accepted } from './library-clinic.ts'
import { type Answer, type Problem, startClinic, startReplica } from './support.ts'

// A request reads a draft with several statements, and between any two of them another one may delete or change it.

const clinic = await startClinic()
const db = openDatabase(clinic.databaseUrl)
afterAll(() => db.close())
const between = standBetween(db.pool)
const slow = (await startReplica(db, () => Temporal.Now.instant())).withKey(clinic.clinicId, clinic.key)

accepted(await clinic.post('/procedures', { code: 'plif', name: 'PLIF', bodyRegion: 'lumbar' }))
accepted(await clinic.post('/exercises', { code: 'walking', title: 'Walking', kind: 'exercise', attributes: {} }))

let count = 0

function nextCode(): string {
  count += 1
  return `vanishing-${count}`
}

function documentOf(code: string, named: { procedure: string; exercise: string }) {
  const walks = { code: 'walks', exercise: named.exercise, from: 'ward', supervision: 'independent', side: 'both' }
  const never = { code: 'never', title: 'Never', strength: 'absolute', target: [{ exercise: named.exercise }] }
  return {
    format: 1,
    code,
    title: 'One that goes',
    procedures: [named.procedure],
    phases: [{ code: 'ward', title: 'On the ward', entry: { days: { atLeast: 0 } } }],
    prescriptions: [walks],
    contraindications: [never],
    redFlags: [{ code: 'weakness', title: 'Weakness', response: 'emergency' }],
  }
}

async function createProtocol(named: { procedure: string; exercise: string }): Promise<string> {
  const code = nextCode()
  accepted(await clinic.post('/protocols', documentOf(code, named)))
  return code
}

const common = { procedure: 'plif', exercise: 'walking' }
const patch = { 'if-match': '"1"', 'content-type': 'application/merge-patch+json' }
const gone = [404, 412]

interface Row {
  what: string
  /** Sends the request. */
  ask: (code: string) => Promise<Answer<Problem>>
  /** What the protocol names. */
  names?: () => Promise<{ procedure: string; exercise: string }>
  statuses: number[]
}

async function makeOwn(): Promise<{ procedure: string; exercise: string }> {
  const own = `own-${count + 1}`
  accepted(await clinic.post('/procedures', { code: own, name: own, bodyRegion: 'lumbar' }))
  accepted(await clinic.post('/exercises', { code: own, title: own, kind: 'exercise', attributes: {} }))
  return { procedure: own, exercise: own }
}

const nameOwn = (code: string): string => code.replace('vanishing', 'own')

const rows: Row[] = [
  { what: 'the draft is read', ask: (code) => slow.get(`/protocols/${code}/draft`), statuses: [200, ...gone] },
  {
    what: 'a part of the draft is changed',
    ask: (code) => slow.send('PATCH', `/protocols/${code}/draft/red-flags/weakness`, { text: 'Call the ward.' }, patch),
    statuses: [200, ...gone],
  },
  {
    what: 'a part is added to the draft',
    ask: (code) =>
      slow.send(
        'POST',
        `/protocols/${code}/draft/cases`,
        { code: 'day-10', on: 10, expect: { phase: 'ward' } },
        {
          'if-match': '*',
          'idempotency-key': code,
        },
      ),
    statuses: [201, ...gone],
  },
  {
    what: 'an exercise is deleted that the draft names',
    names: makeOwn,
    ask: (code) => slow.send('DELETE', `/exercises/${nameOwn(code)}`, undefined, { 'if-match': '*' }),
    statuses: [204, 409],
  },
  {
    what: 'a procedure is deleted that the draft names',
    names: makeOwn,
    ask: (code) => slow.send('DELETE', `/procedures/${nameOwn(code)}`, undefined, { 'if-match': '*' }),
    statuses: [204, 409],
  },
]

const head = { 'if-match': '*', 'content-type': 'application/merge-patch+json' }
const started = 'started-again'
const [adopted] = readLibrary().protocols.map(({ document }) => document.code)

interface Write {
  operation: string
  /** Makes what the request needs; tells the protocol’s code. */
  prepare: () => Promise<string>
  ask: (code: string) => Promise<Answer<Problem>>
  /** What is deleted, of the protocol. */
  deleted: '' | '/draft'
  statuses: number[]
}

const writes: Write[] = [
  {
    operation: 'changeDraft',
    prepare: () => createProtocol(common),
    ask: (code) => slow.send('PATCH', `/protocols/${code}/draft`, { title: 'Another' }, head),
    deleted: '/draft',
    statuses: [200, 404, 412],
  },
  {
    operation: 'replaceDraft',
    prepare: () => createProtocol(common),
    ask: (code) => slow.put(`/protocols/${code}/draft`, { ...documentOf(code, common), title: 'Another' }, '*'),
    deleted: '/draft',
    statuses: [200, 412],
  },
  {
    operation: 'startDraft',
    async prepare() {
      if ((await clinic.get(`/protocols/${started}`)).status === 404) {
        accepted(await clinic.post('/protocols', { ...documentOf(started, common), contraindications: [] }))
        accepted(await clinic.send('POST', `/protocols/${started}/draft/publish`, {}, { 'if-match': '*' }))
      }
      return started
    },
    ask: (code) => slow.post(`/protocols/${code}/draft`, {}),
    deleted: '/draft',
    statuses: [201],
  },
  {
    operation: 'createProtocol',
    prepare: async () => nextCode(),
    ask: (code) => slow.post('/protocols', documentOf(code, common)),
    deleted: '',
    statuses: [201],
  },
  {
    operation: 'adoptLibraryProtocol',
    prepare: async () => adopted ?? '',
    ask: (code) => slow.post(`/library/${code}/adopt`, {}),
    deleted: '',
    statuses: [201],
  },
]

test.each(writes)(
  '$operation answers what it has done, also where somebody deletes that meanwhile',
  async ({ operation, prepare, ask, deleted, statuses }) => {
    const countDone = async (): Promise<number> =>
      (await clinic.pages(`/audit-events?operation=${operation}&outcome=success`)).flat().length
    const seen = new Set<number>()
    const clean = (code: string) => clinic.delete(`/protocols/${code}${deleted}`, '*')
    // The first request is left alone, and tells how many statements it takes.
    for (let number = -1, most = 0; number <= most; number += 1) {
      const code = await prepare()
      const before = await countDone()
      let deletion: Promise<unknown> = Promise.resolve()
      const remove = async (): Promise<void> => {
        let isOver = false
        deletion = clean(code).finally(() => {
          isOver = true
        })
        // It waits for the request, and the request must not wait for it.
        while (!isOver && !(await isSomebodyWaiting())) await delay(2)
      }
      const { status, text } = await between.before(number, remove, () => ask(code))
      most = Math.max(most, between.seen())
      await deletion
      seen.add(status)
      const done = (await countDone()) - before
      if (done !== (status < 300 ? 1 : 0))
        throw new Error(`before statement ${number}, done ${done}: ${status} ${text}`)
      await clean(code)
    }
    expect([...seen].sort()).toEqual(statuses)
  },
  60_000,
)

async function isSomebodyWaiting(): Promise<boolean> {
  const { rowCount } = await clinic.db.pool.query(`SELECT 1 FROM pg_locks w JOIN pg_locks d USING (pid)
    WHERE NOT w.granted AND d.database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
  return rowCount !== 0
}

test.each(rows)(
  '$what while its protocol is deleted: done, or refused with what happened',
  async (row) => {
    const { ask, names, statuses } = row
    const seen = new Set<number>()
    // Once the request has the draft locked, whoever deletes it waits for the request.
    for (let number = 0, isOpen = true; isOpen; number += 1) {
      const code = await createProtocol((await names?.()) ?? common)
      let deletion: Promise<unknown> = Promise.resolve()
      let isDeleted = false
      const vanish = async (): Promise<void> => {
        deletion = clinic.delete(`/protocols/${code}`, '*').then(() => {
          isDeleted = true
        })
        await Promise.race([deletion, delay(3000)])
        isOpen = isDeleted
      }
      isOpen = false
      const { status, text } = await between.before(number, vanish, () => ask(code))
      await deletion
      seen.add(status)
      if (!statuses.includes(status)) throw new Error(`before statement ${number}: ${status} ${text}`)
    }
    expect(seen.size).toBeGreaterThan(1)
  },
  60_000,
)

test.each(['', '/phases', '/phases/ward', '/check'])(
  'a draft that is changed before each statement is read as it was at one moment: draft%s',
  async (path) => {
    const code = await createProtocol(common)
    let changes = 0
    const change = async (): Promise<void> => {
      changes += 1
      const title = `Ward ${changes}`
      accepted(
        await clinic.send('PATCH', `/protocols/${code}/draft/phases/ward`, { title }, { ...patch, 'if-match': '*' }),
      )
    }
    const address = `/protocols/${code}/draft${path}`
    const { status, text, etag } = await between.before('each', change, () =>
      path === '/check' ? slow.post(address, {}) : slow.get(address),
    )
    if (status !== 200) throw new Error(`${status} ${text}`)
    expect(changes).toBeGreaterThan(5)
    // Each change has made the next revision, from the first.
    const [, seen] = /Ward (\d+)/.exec(text) ?? []
    if (path !== '/check') expect(etag).toBe(`"${1 + Number(seen)}"`)
  },
  60_000,
)
