import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { openDatabase } from '../../src/db/client.ts'
import { startClinic, startReplica } from '../features/support.ts'

const clinic = await startClinic()
const examples = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../openapi/examples.json'), 'utf8'))

/** Never in an answer: our code's places, and the words of the database, of its driver and of Prisma. */
const innards =
  /\bat .+:\d+:\d+|node_modules|\/src\/|\.ts\b|prisma|postgres|\bpg\b|\bSELECT\b|\bINSERT\b|\bWHERE\b|clinic_id|relation "|column "|ECONN|permission denied|read-only|57P0|25006|42P01|42703|secret-password/i

interface Operation {
  method: string
  path: string
  body: unknown
  type: string
}

const document = (await (await fetch(`${clinic.address}/openapi.json`)).json()) as {
  paths: Record<string, Record<string, { operationId: string; requestBody?: { content: object } }>>
}
const operations = Object.entries(document.paths)
  .filter(([path]) => path.startsWith('/v1/'))
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, { operationId, requestBody }]): Operation => ({
        method: method.toUpperCase(),
        path: path
          .slice('/v1'.length)
          .replaceAll(/\{(?:number)\}/g, '1')
          .replaceAll(/\{\w+\}/g, '01a1f000-0000-7000-8000-00000000dead'),
        body: examples[operationId]?.request?.body,
        type: Object.keys(requestBody?.content ?? {})[0] ?? 'application/json',
      }),
    ),
  )

/** Another instance of the service whose database is at this address. */
async function startOn(url: string) {
  const db = openDatabase(url)
  afterAll(() => db.close())
  return startReplica(db, () => Temporal.Now.instant())
}

const withOption = (option: string): string => {
  const url = new URL(clinic.databaseUrl)
  url.searchParams.set('options', option)
  return url.href
}
const gone = await startOn('postgresql://service:secret-password@127.0.0.1:1/rehab')
const readOnly = await startOn(withOption('-c default_transaction_read_only=on'))
const elsewhere = await startOn(clinic.databaseUrl.replace(/[^/]*$/, 'nowhere'))
const broken = await startOn(clinic.databaseUrl)

/** How often each status and code was answered to these operations. */
async function askAll(
  client: ReturnType<typeof broken.withKey>,
  some: readonly Operation[] = operations,
): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  const waiting = [...some]
  const take = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { method, path, body, type } = next
      const {
        status,
        text,
        headers,
        body: problem,
      } = await client.send(method, path, body, { 'if-match': '*', 'content-type': type })
      const said = status >= 400 ? innards.exec(text)?.[0] : undefined
      expect({ method, path, said }).toEqual({ method, path, said: undefined })
      if (status === 503) expect(headers.get('retry-after')).toMatch(/^\d+$/)
      if (status >= 400) expect(headers.get('content-type')).toMatch(/^application\/problem\+json/)
      const kind = status < 400 ? 'good' : `${status} ${problem.code}`
      seen[kind] = (seen[kind] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 6 }, take))
  return seen
}

test.each([
  ['is gone', gone],
  ['is read-only', readOnly],
  ['is not on the server', elsewhere],
])('a database that %s is a 503 with nothing of its words', async (_name, { withKey }) => {
  // All begin with the same question, whose key it is.
  const some = operations.filter((_operation, index) => index % 8 === 0)
  const seen = await askAll(withKey(clinic.clinicId, clinic.key), some)
  expect(seen).toEqual({ '503 SERVICE_UNAVAILABLE': some.length })
})

test('connections that are ended while they are used are a 503, and the next request is answered', async () => {
  const owner = new pg.Client({ connectionString: clinic.databaseUrl })
  await owner.connect()
  const client = broken.withKey(clinic.clinicId, clinic.key)
  let working = true
  const killing = (async () => {
    while (working) {
      await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'rehab-protocols' AND state <> 'idle'`)
    }
  })()
  const seen = await askAll(client)
  working = false
  await killing
  await owner.end()
  expect(seen['503 SERVICE_UNAVAILABLE'] ?? 0).toBeGreaterThan(10)
  expect(Object.keys(seen).filter((kind) => kind.startsWith('500'))).toEqual([])
  expect((await client.get('/clinic')).status).toBe(200)
})

test('a fault of the schema is a 500 that says nothing of it', async () => {
  const owner = new pg.Client({ connectionString: clinic.databaseUrl })
  await owner.connect()
  await owner.query(
    'ALTER TABLE patient RENAME COLUMN display_name TO other_name; REVOKE SELECT ON protocol FROM rehab_service',
  )
  await owner.end()
  const seen = await askAll(broken.withKey(clinic.clinicId, clinic.key))
  expect(seen['500 INTERNAL_ERROR']).toBeGreaterThan(20)
})
