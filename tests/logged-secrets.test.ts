import { createServer } from 'node:http'
import { expect, test } from '@jest/globals'
import { makeRecorder } from './support/logged-secrets.ts'
import { searchLogs } from './support/search-logs.ts'
import { createTestFolder } from './support/test-folder.ts'

const key = 'rp_AaGh8ADzcACAAAAAAADBHA_thirty-two-random-bytes-of-a-key-0123456789'
const patient = { externalId: 'mrn-4711', displayName: 'Jane Roe', notes: 'not a field', 'Jane R., 1970': 1 }
const hold = { from: '2026-10-06', reason: 'said “no more”\nand "left"', exercise: 'heel-raise' }

/** Sends what a clinic sends to a server that logs these lines; what the search of the logs finds. */
async function findIn(lines: readonly string[]): Promise<string[]> {
  const folder = await createTestFolder()
  const recorder = makeRecorder(folder)
  const server = createServer((request, response) => {
    request
      .resume()
      .on('end', () =>
        response.end('{"key":"rt_AaGh8ADzcACAAAAAAADBHA_the-token-that-is-in-the-answer-is-recorded-0"}'),
      )
  })
  recorder.watch(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const send = (path: string, init: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init).then((r) => r.text())
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  await send('/v1/patients', { method: 'POST', headers, body: JSON.stringify(patient) })
  await send('/v1/episodes/1/holds?on=2026-10-09', { method: 'POST', headers, body: JSON.stringify(hold) })
  await send('/oauth/token', { method: 'POST', body: new URLSearchParams({ client_assertion: 'eyJhbGciOi.J9.x' }) })
  recorder.passwordOf('postgresql://service:pass%40word-1@db/rehab')
  await new Promise((resolve) => server.close(resolve))
  for (const line of lines) recorder.line(line)
  recorder.flush()
  const search = searchLogs(folder)
  expect(search.lines).toBe(lines.length)
  return search.found.map(({ value }) => value).sort()
}

test('what tests have sent is found in a log, whichever secret or value of a patient it is', async () => {
  const planted = [
    JSON.stringify({ level: 30, headers: { authorization: `Bearer ${key}` } }),
    JSON.stringify({ token: 'rt_AaGh8ADzcACAAAAAAADBHA_the-token-that-is-in-the-answer-is-recorded-0' }),
    JSON.stringify({ err: { message: `failed for ${patient.displayName}` } }),
    '/v1/patients?externalId=mrn-4711',
    JSON.stringify({ body: hold }),
    JSON.stringify({ query: 'on=2026-10-09' }),
    'cannot connect to postgresql://service:pass@word-1@db/rehab',
    'client_assertion=eyJhbGciOi.J9.x',
    JSON.stringify({ places: ['/Jane R., 1970'] }),
  ]
  const every = await findIn(planted)
  expect(every).toHaveLength(10)
  for (const line of planted) expect(await findIn([line])).not.toEqual([])
})

test('what is in every log is not taken for a leak', async () => {
  expect(
    await findIn([
      JSON.stringify({ method: 'POST', route: '/v1/patients/:id', places: ['/displayName'], msg: 'request refused' }),
      JSON.stringify({ externalId: 'mrn-47110', name: 'Jane Roebuck', exercise: 'heel-raise' }),
    ]),
  ).toEqual([])
})
