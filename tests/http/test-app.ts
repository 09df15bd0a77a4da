import { type AppOptions, buildApp } from '../../src/app.ts'
import { createGather } from '../../src/db/gather.ts'
import { scopeOf } from '../../src/http/access.ts'
import { hashKey, makeApiKey } from '../../src/http/auth.ts'
import type { Context, Feature } from '../../src/http/context.ts'
import { recorder } from '../support/logged-secrets.ts'

export const clinicId = '01a1f000-0000-7000-8000-00000000c11c'
export const apiKey = makeApiKey(clinicId, new Uint8Array(32).fill(1))
export const authorization = `Bearer ${apiKey}`

const key = {
  credential_id: 'key',
  actor_id: 'actor',
  kind: 'api-key',
  name: 'test',
  role: 'administrator',
  scopes: null,
  time_zone: 'UTC',
  expires_at: null,
  revoked: false,
}

/** Knows one key and nothing else: for what does not need a database. */
export const db = {
  waiting: () => 0,
  longestWait: () => 0,
  gather: createGather,
  ask: async (name: string, _text: string, values: [string, Buffer]) => {
    if (name === 'record-audits') return [{ seq: '1' }]
    const [clinic, hash] = values
    return clinic === clinicId && hash.equals(hashKey(apiKey)) ? [key] : []
  },
  pool: {
    query: async (query: string | { text: string }) =>
      typeof query !== 'string' && query.text.includes('still_in_force')
        ? { rows: [{ in_force: true }] }
        : { rows: [] },
  },
} as unknown as Context['db']

export interface TestApp {
  /** Where it listens. */
  url: string
  port: number
  /** Every line of the log, parsed. */
  log: Record<string, unknown>[]
  close: () => Promise<unknown>
}

/** The real app on a real port, with routes of the test's own under `/v1`. */
export async function startApp(
  features: readonly Feature[] = [],
  {
    explainInternalErrors = true,
    database = db,
    config,
    timeouts,
  }: Pick<AppOptions, 'explainInternalErrors' | 'timeouts'> & {
    database?: Context['db']
    config?: Partial<AppOptions['config']>
  } = {},
): Promise<TestApp> {
  const log: Record<string, unknown>[] = []
  const app = await buildApp({
    config: { logLevel: 'info', ...config },
    ...(timeouts && { timeouts }),
    db: database,
    clock: () => Temporal.Instant.from('2026-11-20T14:30:00Z'),
    features,
    // The routes of a test need a scope like all others, and no test is about which.
    scopeOf: (operationId) => scopeOf(operationId) ?? 'clinic:read',
    logTo: {
      write: (line) => {
        log.push(JSON.parse(line))
        recorder.line(line)
      },
    },
    explainInternalErrors,
    examples: {},
  })
  recorder.watch(app.server)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}`, port, log, close: () => app.close().finally(recorder.flush) }
}
