import { afterAll, expect, test } from '@jest/globals'
import { openDatabase } from '../../src/db/client.ts'
import { interleave, type Replica } from '../safety/staleness.ts'
import { startClinicWithLibrary } from './library-clinic.ts'
import { type Client, startReplica } from './support.ts'

const clinic = await startClinicWithLibrary({ timeZone: 'UTC' })
const db = openDatabase(clinic.databaseUrl)
const other = await startReplica(db, () => Temporal.Now.instant())
afterAll(() => db.close())

const toReplica =
  (client: Client): Replica =>
  (method, path, body, headers) =>
    client.send(method, path, body, headers)

test('an answer never ignores what was acknowledged, on whichever replica', async () => {
  const replicas = [toReplica(clinic), toReplica(other.withKey(clinic.clinicId, clinic.key))] as const
  const { changes, answers, unchanged, stale } = await interleave(replicas, { steps: 150, lanes: 6, seed: 20_261_121 })
  expect(stale).toEqual([])
  expect(Object.keys(changes).length).toBeGreaterThan(7)
  expect(answers).toBeGreaterThan(200)
  expect(unchanged).toBeGreaterThan(20)
}, 60_000)
