import { expect, test } from '@jest/globals'
import { startClinicWithLibrary } from './library-clinic.ts'
import { startReplica } from './support.ts'

const clinic = await startClinicWithLibrary()
const replica = await startReplica(clinic.db, () => Temporal.Now.instant())

async function create(path: string, body: object): Promise<string> {
  const answer = await clinic.post<{ id: string }>(path, body)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body.id
}

const patient = await create('/patients', { externalId: 'contended' })
const episode = await create(`/patients/${patient}/episodes`, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
await create('/exercises', { code: 'contended', title: 'Contended', kind: 'exercise', attributes: {} })
await create('/protocols', { format: 1, code: 'contended', title: 'Contended', procedures: ['acdf'] })

const merge = 'application/merge-patch+json'

/** Each change is another one, so that none of them says nothing. */
const rows = [
  { what: 'a patient', path: `/patients/${patient}`, change: (n: number) => ({ displayName: `Name ${n}` }) },
  { what: 'the clinic', path: '/clinic', change: (n: number) => ({ name: `Clinic ${n}` }) },
  { what: 'an exercise', path: '/exercises/contended', change: (n: number) => ({ title: `Title ${n}` }) },
  {
    what: 'an episode',
    path: `/episodes/${episode}`,
    change: (n: number) => ({ levels: [`C${(n % 5) + 3}-C${(n % 5) + 4}`] }),
  },
  {
    what: 'a draft',
    path: '/protocols/contended/draft',
    change: (n: number) => ({ title: `Title ${n}` }),
    type: merge,
  },
]

const writers = 200

test.each(rows)('of 200 changes of $what at once, at two instances, as many count as are acknowledged', async (row) => {
  const { path, change, type = 'application/json' } = row
  const revision = async () => (await clinic.get<{ revision: number }>(path)).body.revision
  const before = await revision()
  const statuses = await Promise.all(
    Array.from({ length: writers }, async (_, index) => {
      const send = async (tag: number) => {
        const address = index % 2 === 0 ? clinic.address : replica.address
        const answer = await fetch(`${address}/v1${path}`, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${clinic.key}`, 'content-type': type, 'if-match': `"${tag}"` },
          body: JSON.stringify(change(index)),
        })
        return { status: answer.status, body: (await answer.json()) as { currentRevision: number } }
      }
      const first = await send(before)
      // Every fourth writer looks once more, as a client would.
      if (first.status !== 412 || index % 4 !== 0) return [first.status]
      return [first.status, (await send(first.body.currentRevision)).status]
    }),
  )
  const all = statuses.flat()
  const acknowledged = all.filter((status) => status === 200).length
  expect(all.filter((status) => status !== 200 && status !== 412)).toEqual([])
  expect(acknowledged).toBeGreaterThan(1)
  expect((await revision()) - before).toBe(acknowledged)
})
