import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import { openDatabase } from '../../src/db/client.ts'
import { standBetween } from '../support/between-statements.ts'
import { accepted } from './library-clinic.ts'
import { type Answer, type Problem, startClinic, startReplica } from './support.ts'

// A request reads a draft with several statements, and between any two of them another one may delete it.

const clinic = await startClinic()
const db = openDatabase(clinic.databaseUrl)
afterAll(() => db.close())
const between = standBetween(db.pool)
const slow = (await startReplica(db, () => Temporal.Now.instant())).withKey(clinic.clinicId, clinic.key)

accepted(await clinic.post('/procedures', { code: 'plif', name: 'PLIF', bodyRegion: 'lumbar' }))
accepted(await clinic.post('/exercises', { code: 'walking', title: 'Walking', kind: 'exercise', attributes: {} }))

let count = 0

async function createProtocol(named: { procedure: string; exercise: string }): Promise<string> {
  count += 1
  const code = `vanishing-${count}`
  const walks = { code: 'walks', exercise: named.exercise, from: 'ward', supervision: 'independent', side: 'both' }
  const never = { code: 'never', title: 'Never', strength: 'absolute', target: [{ exercise: named.exercise }] }
  accepted(
    await clinic.post('/protocols', {
      format: 1,
      code,
      title: 'One that goes',
      procedures: [named.procedure],
      phases: [{ code: 'ward', title: 'On the ward', entry: { days: { atLeast: 0 } } }],
      prescriptions: [walks],
      contraindications: [never],
      redFlags: [{ code: 'weakness', title: 'Weakness', response: 'emergency' }],
    }),
  )
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
