import { afterAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { openDatabase } from '../../src/db/client.ts'
import { insertApiKey } from '../../src/features/api-keys/repository.ts'
import { insertClinic } from '../../src/features/clinics/repository.ts'
import { registerPatients } from '../../src/features/patients/routes.ts'
import type { Instant } from '../../src/rules/index.ts'
import { createTestDatabase } from '../support/test-database.ts'
import { apiKey, authorization, clinicId, startApp } from './test-app.ts'

const database = await createTestDatabase()
const owner = new pg.Client({ connectionString: database.url })
await owner.connect()
await owner.query(`
  CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    IF NEW.display_name = TG_ARGV[0] THEN PERFORM pg_sleep(0.8); END IF;
    IF NEW.display_name = 'dies' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER at_once BEFORE INSERT ON patient FOR EACH ROW WHEN (NEW.display_name = 'slow')
    EXECUTE FUNCTION linger('slow');
  CREATE CONSTRAINT TRIGGER in_commit AFTER INSERT ON patient DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.display_name IN ('commits slowly', 'dies')) EXECUTE FUNCTION linger('commits slowly')`)
const db = openDatabase(database.url)
const createdAt = '2026-11-20T14:00:00.000Z' as Instant
await db.asClinic(clinicId, async (tx) => {
  await insertClinic(tx, { clinicId, name: 'Test clinic', timeZone: 'UTC', createdAt })
  const id = '01a1f000-0000-7000-8000-00000000000a'
  await insertApiKey(tx, { clinicId, id, name: 'key', key: apiKey, role: 'administrator', createdAt })
})
const app = await startApp([registerPatients], { database: db, timeouts: { handler: 400 } })
afterAll(async () => {
  await app.close()
  await db.close()
  await owner.end()
  await database.close()
})

async function enrol(externalId: string, displayName: string, key?: string) {
  const answer = await fetch(`${app.url}/v1/patients`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) },
    body: JSON.stringify({ externalId, displayName }),
  })
  return { status: answer.status, retry: answer.headers.get('retry-after'), ...((await answer.json()) as object) }
}

async function isThere(externalId: string): Promise<boolean> {
  // What is still going on in the database is over before this.
  await owner.query('BEGIN; LOCK TABLE patient IN SHARE MODE; COMMIT')
  return (await owner.query('SELECT FROM patient WHERE external_id = $1', [externalId])).rowCount === 1
}

test.each([
  ['without a key', undefined],
  ['with a key', 'one'],
])('a change %s that takes too long is a 503, and not done afterwards', async (name, key) => {
  expect(await enrol(name, 'slow', key)).toMatchObject({
    status: 503,
    retry: '2',
    code: 'SERVICE_UNAVAILABLE',
    detail: 'the answer took too long, and nothing was done: try again',
  })
  expect(await isThere(name)).toBe(false)
  expect(await enrol(name, 'quick', key && 'another')).toMatchObject({ status: 201 })
})

test('whoever is told during the commit that it took too long is not told that nothing was done', async () => {
  const answer = await enrol('late', 'commits slowly', 'two')
  expect(answer).toMatchObject({ status: 503, detail: expect.stringMatching(/may have been done: look, or send it/) })
  expect(await isThere('late')).toBe(true)
  expect(await enrol('late', 'commits slowly', 'two')).toMatchObject({ status: 201, externalId: 'late' })
})

test('a connection that dies during the commit leaves open whether it is done', async () => {
  expect(await enrol('dead', 'dies')).toMatchObject({
    status: 503,
    detail: expect.stringMatching(/^the database went away while it stored this, which may have been done: look, or/),
  })
})
