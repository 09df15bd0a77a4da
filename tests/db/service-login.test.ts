import { expect, test } from '@jest/globals'
import pg from 'pg'
import { openDatabase } from '../../src/db/client.ts'
import { ensureServiceLogin } from '../../src/db/service-login.ts'
import { createTestDatabase } from '../support/test-database.ts'

test('the service’s login cannot leave the service’s role for more', async () => {
  const database = await createTestDatabase()
  const clinicId = '01a1f000-0000-7000-8000-00000000c11c'
  const address = await ensureServiceLogin(database.url)
  expect(await ensureServiceLogin(database.url)).toBe(address)
  const db = openDatabase(address)
  const owner = new pg.Client({ connectionString: database.url })
  await owner.connect()
  try {
    await db.asClinic(clinicId, (tx) =>
      tx.clinic.create({ data: { clinicId, name: 'A', timeZone: 'UTC', revision: 1, createdAt: new Date() } }),
    )
    expect((await owner.query('SELECT count(*)::int AS count FROM clinic')).rows).toEqual([{ count: 1 }])
    const client = await db.pool.connect()
    try {
      for (const attempt of ['RESET ROLE', 'SET ROLE NONE', 'RESET SESSION AUTHORIZATION']) {
        await client.query(attempt)
        const { rows } = await client.query('SELECT count(*)::int AS count FROM clinic')
        expect({ attempt, rows }).toEqual({ attempt, rows: [{ count: 0 }] })
      }
      const { rows } = await client.query('SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = session_user')
      expect(rows).toEqual([{ rolsuper: false, rolbypassrls: false }])
      await expect(client.query('SET ROLE postgres')).rejects.toThrow(/permission denied/)
      await expect(client.query('ALTER TABLE clinic NO FORCE ROW LEVEL SECURITY')).rejects.toThrow(/must be owner/)
    } finally {
      client.release()
    }
  } finally {
    await owner.end()
    await db.close()
    await database.close()
  }
})
