import { expect, jest, test } from '@jest/globals'
import { createTestDatabase } from '../support/test-database.ts'
import { startService } from './running-service.ts'

jest.setTimeout(60_000)

test('answers about patients without Prisma’s query compiler, which takes a quarter of the memory', async () => {
  const database = await createTestDatabase()
  const env = { DATABASE_URL: database.url }
  const first = await startService(env)
  const key = first.key ?? ''
  const patient = await first.send(key, 'POST', '/v1/patients', { externalId: 'lean' })
  const path = `/v1/patients/${patient.body.id}`
  const episode = await first.send(key, 'POST', `${path}/episodes`, { procedures: ['acdf'], surgeryDate: '2026-10-01' })
  expect(episode.status).toBe(201)
  await first.end('SIGTERM')

  const tellsPrisma = `--import=${new URL('tell-prisma.ts', import.meta.url)}`
  const second = await startService({ ...env, NODE_OPTIONS: tellsPrisma })
  const answers = `/v1/episodes/${episode.body.id}/permitted-exercises`
  const { body: today } = await second.send(key, 'GET', answers)
  for (const query of ['', '?on=2026-12-01', `?knownAt=${today.basis.knownAt}`]) {
    expect((await second.send(key, 'GET', `${answers}${query}`)).status).toBe(200)
  }
  expect((await second.send(key, 'GET', `/v1/episodes/${episode.body.id}/timeline`)).status).toBe(200)
  const lines = await fetch(`${second.address}/v1/permitted-exercises`, { headers: { authorization: `Bearer ${key}` } })
  expect((await lines.text()).trim().split('\n').at(-1)).toContain('"kind":"summary"')
  expect((await fetch(`${second.address}/readyz`)).status).toBe(200)
  expect(second.output()).not.toContain('query compiler')

  // Whatever else is asked for needs it: so this test would see it.
  expect((await second.send(key, 'GET', path)).status).toBe(200)
  expect(second.output()).toContain('query compiler')
  await second.end('SIGTERM')
  await database.close()
})
