import { expect, test } from '@jest/globals'
import { accepted, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'
import { storeEpisodes } from './many-episodes.ts'
import { wardProtocol } from './ward.ts'

// An answer as lines takes long: the service asks again, for each batch, whether its caller is still let in.

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })
const { pool } = clinic.db
const accept = 'application/x-ndjson'
await publishProtocol(clinic, wardProtocol('ward'))
await publishProtocol(clinic, wardProtocol('ward', { lifting: 5 }))
const version = accepted(await clinic.get<{ id: string }>('/protocols/ward/versions/1')).id
const ids = await storeEpisodes(clinic, { count: 20, version, surgeryDate: '2026-10-01', at: '2026-10-02T10:00:00Z' })

/** Does something before the first statement that has the words, for as long as the work lasts. */
async function before<Result>(words: string, act: () => Promise<void>, work: () => Promise<Result>): Promise<Result> {
  const query = pool.query.bind(pool)
  let isDone = false
  pool.query = (async (...given: Parameters<typeof query>) => {
    const [asked] = given as unknown as [string | { text: string }]
    if (!isDone && (typeof asked === 'string' ? asked : asked.text).includes(words)) {
      isDone = true
      await act()
    }
    return query(...given)
  }) as typeof query
  try {
    return await work()
  } finally {
    pool.query = query
  }
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('what is read while a key is revoked goes to nobody', async () => {
  const { id, key } = accepted(
    await clinic.post<{ id: string; key: string }>('/api-keys', { name: 'Ended', role: 'administrator' }),
  )
  const revoke = async () => void accepted(await clinic.post(`/api-keys/${id}/revoke`, {}))
  const software = clinic.withKey(key)
  const read = () => software.send('GET', '/permitted-exercises', undefined, { accept })
  const { text } = await before('read_caseload_page', revoke, read)
  expect(linesOf(text)).toMatchObject([{ kind: 'error', problem: { status: 401, code: 'INVALID_API_KEY' } }])
})

test('nothing is moved as long as it cannot be known whether the key still holds', async () => {
  const fail = () => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNRESET' }))
  const body = { to: 2, select: { episodes: ids }, reason: 'Less to lift' }
  const dry = { ...body, dryRun: true }
  const { confirm } = accepted(await clinic.post<{ confirm: string[] }>('/protocols/ward/moves', dry))
  const move = () => clinic.send('POST', '/protocols/ward/moves', { ...body, confirm }, { accept })
  const { text } = await before('still_in_force(', fail, move)
  expect(linesOf(text)).toMatchObject([{ kind: 'error', problem: { status: 503, code: 'SERVICE_UNAVAILABLE' } }])
  expect(accepted(await clinic.get<{ items: unknown[] }>('/protocols/ward/moves')).items).toEqual([])
  expect(linesOf((await move()).text)).toHaveLength(ids.length + 1)
})
