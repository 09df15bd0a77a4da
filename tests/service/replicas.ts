import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

// What must hold of any two processes of the service on one database: tests/service/replicas.test.ts has them side by side,
// tests/pgbouncer/run.ts behind a pooler.

interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  body: any
}

type Send = (method: string, path: string, body?: object, headers?: Record<string, string>) => Promise<Answer>

/** Software that asks the process at this address. */
export function clientOf(address: string, key: string): Send {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`${address}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: text === '' ? null : JSON.parse(text) }
  }
}

function done({ status, text, ...answer }: Answer): Answer {
  assert.ok(status < 300, `${status}: ${text}`)
  return { status, text, ...answer }
}

/** Each of the two, before the other and after it. */
type Pair = readonly [string, string]

/** A key is good on the other process as soon as one has answered for it, and no longer once it is revoked there. */
export async function checkKeys([one, other]: Pair, key: string): Promise<void> {
  const made = done(await clientOf(one, key)('POST', '/api-keys', { name: 'Of both', role: 'reader' })).body
  const reader = clientOf(other, made.key)
  assert.equal((await reader('GET', '/clinic')).status, 200)
  done(await clientOf(one, key)('POST', `/api-keys/${made.id}/revoke`, {}))
  assert.equal((await reader('GET', '/clinic')).status, 401)
  assert.equal((await clientOf(one, made.key)('GET', '/clinic')).status, 401)
}

/** What one process has done, the other does not do again: it tells the same answer. */
export async function checkRetries([one, other]: Pair, key: string): Promise<void> {
  const externalId = randomUUID()
  const retry = { 'idempotency-key': randomUUID() }
  const ask = (address: string) => clientOf(address, key)('POST', '/patients', { externalId }, retry)
  const first = done(await ask(one))
  const second = done(await ask(other))
  assert.equal(second.text, first.text)
  assert.equal(first.headers.get('idempotency-replayed'), null)
  assert.equal(second.headers.get('idempotency-replayed'), 'true')
  const found = done(await clientOf(other, key)('GET', `/patients?externalId=${externalId}`)).body
  assert.equal(found.items.length, 1)

  // At the same time: one does it, and the other tells its answer or asks to be asked again.
  const race = { 'idempotency-key': randomUUID() }
  const raced = { externalId: randomUUID() }
  const both = await Promise.all(
    [one, other].map((address) => clientOf(address, key)('POST', '/patients', raced, race)),
  )
  const statuses = both.map(({ status }) => status).sort()
  assert.ok(statuses[0] === 201 && [201, 409].includes(statuses[1] ?? 0), String(statuses))
  if (statuses[1] === 201) assert.equal(both[0]?.text, both[1]?.text)
}

/** An episode after an ACDF whose patient has left the hospital. */
export async function openEpisode(address: string, key: string): Promise<string> {
  const send = clientOf(address, key)
  const patient = done(await send('POST', '/patients', { externalId: randomUUID() })).body
  const surgery = { procedures: ['acdf'], surgeryDate: addDays(-50) }
  const episode = done(await send('POST', `/patients/${patient.id}/episodes`, surgery)).body
  done(await send('POST', `/episodes/${episode.id}/milestones`, { code: 'hospital-discharge', on: addDays(-48) }))
  return episode.id
}

/** A hold that one process has answered for is in the other's next answer; so is its end. */
export async function checkHolds([one, other]: Pair, key: string, rounds: number): Promise<void> {
  const episode = await openEpisode(one, key)
  const address = `/episodes/${episode}/permitted-exercises`
  for (let round = 0; round < rounds; round += 1) {
    const [writes, reads] = round % 2 === 0 ? [one, other] : [other, one]
    assert.equal(done(await clientOf(reads, key)('GET', address)).body.status, 'active')
    const hold = done(
      await clientOf(writes, key)('POST', `/episodes/${episode}/holds`, { from: addDays(0), reason: 'Fever' }),
    ).body
    const held = done(await clientOf(reads, key)('GET', address)).body
    assert.equal(held.status, 'on-hold')
    assert.deepEqual(held.permitted, [])
    const ended = await clientOf(writes, key)('POST', `/episodes/${episode}/holds/${hold.id}/void`, { reason: 'Over' })
    done(ended)
  }
}

/** A version that one process has published is the one that the other opens an episode with. */
export async function checkVersions([one, other]: Pair, key: string): Promise<void> {
  const send = clientOf(one, key)
  const code = 'acdf-standard'
  done(await send('POST', `/protocols/${code}/draft`, {}))
  const note = { changeNote: 'Again' }
  const published = done(await send('POST', `/protocols/${code}/draft/publish`, note, { 'if-match': '*' })).body
  const episode = await openEpisode(other, key)
  const answer = done(await clientOf(other, key)('GET', `/episodes/${episode}/permitted-exercises`)).body
  assert.equal(answer.protocols[0].version, published.number)
}

export interface Day {
  /** Episodes of the clinic, each with the answer about it. */
  answers: Map<string, string>
}

/** Of a clinic, on both processes by turns, some at a time: patients, episodes, questions. Nothing of another clinic is seen. */
export async function liveThroughDay(addresses: Pair, key: string, patients: number, atOnce: number): Promise<Day> {
  const answers = new Map<string, string>()
  const own = new Set<string>()
  let left = patients
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const at = left
      const [one = '', other = ''] = at % 2 === 0 ? addresses : [addresses[1], addresses[0]]
      const episode = await openEpisode(one, key)
      own.add(episode)
      const asked = done(await clientOf(other, key)('GET', `/episodes/${episode}/permitted-exercises`))
      assert.equal(asked.body.episode, episode)
      assert.ok(asked.body.permitted.some(({ exercise }: { exercise: string }) => exercise === 'walking'))
      answers.set(episode, asked.body.basis.knownAt)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const seen: string[] = []
  for (let path: string | null = '/episodes?limit=200'; path !== null; ) {
    const page: Answer = done(await clientOf(addresses[0], key)('GET', path))
    seen.push(...page.body.items.map(({ id }: { id: string }) => id))
    path = page.body.next === null ? null : `/episodes?limit=200&cursor=${encodeURIComponent(page.body.next)}`
  }
  for (const episode of own) assert.ok(seen.includes(episode), `the episode ${episode} is lost`)
  return { answers }
}

export function addDays(days: number): string {
  return Temporal.Now.plainDateISO('UTC').add({ days }).toString()
}
