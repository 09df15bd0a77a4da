import { afterAll, expect, test } from '@jest/globals'
import { openDatabase, type Transaction } from '../../src/db/client.ts'
import { readEpisode } from '../../src/features/episodes/repository.ts'
import { findExerciseUses } from '../../src/features/exercises/repository.ts'
import { findProcedureUses } from '../../src/features/procedures/repository.ts'
import { readProtocol, readVersion } from '../../src/features/protocols/repository.ts'
import { toDatabaseProblem } from '../../src/http/database-errors.ts'
import { standBetween } from '../support/between-statements.ts'
import { accepted, openEpisode, publishProtocol } from './library-clinic.ts'
import { startClinic } from './support.ts'

// Prisma ends a transaction that takes too long, also in the middle of a read that takes several statements: the rest of
// them find nothing, as they are asked for no clinic.

const clinic = await startClinic()
const { clinicId } = clinic
const db = openDatabase(clinic.databaseUrl)
afterAll(() => db.close())
const between = standBetween(db.pool)

accepted(await clinic.post('/procedures', { code: 'plif', name: 'PLIF', bodyRegion: 'lumbar' }))
accepted(await clinic.post('/exercises', { code: 'walking', title: 'Walking', kind: 'exercise', attributes: {} }))
const walks = { code: 'walks', exercise: 'walking', from: 'ward', supervision: 'independent', side: 'both' }
const document = {
  format: 1,
  code: 'slow',
  title: 'One that is read slowly',
  procedures: ['plif'],
  phases: [{ code: 'ward', title: 'On the ward', entry: { days: { atLeast: 0 } } }],
  prescriptions: [walks],
}
await publishProtocol(clinic, document as never)
accepted(await clinic.send('POST', '/protocols/slow/draft', {}))
const episode = await openEpisode(clinic, {
  procedures: ['plif'],
  surgeryDate: '2026-11-01',
  protocols: [{ code: 'slow' }],
})
const { id = '' } = (await db.asClinic(clinicId, (tx) => readProtocol(tx, clinicId, 'slow'))) ?? {}

const reads: Record<string, (tx: Transaction) => Promise<unknown>> = {
  'an episode': (tx) => readEpisode(tx, clinicId, episode),
  'a draft': (tx) => readVersion(tx, clinicId, id, 'draft'),
  'what names an exercise': (tx) => findExerciseUses(tx, clinicId, 'walking'),
  'what names a procedure': (tx) => findProcedureUses(tx, clinicId, 'plif'),
}

test.each(Object.keys(reads))(
  'a transaction that expires while it reads %s took too long',
  async (what) => {
    const read = (timeout?: number) => db.asWhole(clinicId, (tx) => reads[what]?.(tx) ?? Promise.resolve(null), timeout)
    await between.before(-1, async () => {}, read)
    const statements = between.seen()
    expect(statements).toBeGreaterThan(3)
    // BEGIN and what says which clinic it is come first, and a COMMIT that is sent is waited for.
    for (let number = 2; number < statements - 1; number += 1) {
      const sleep = async (query: (text: string) => unknown): Promise<void> => {
        void query('SELECT pg_sleep(0.4)')
      }
      const failed = await between.before(number, sleep, () => read(250)).catch((error: unknown) => error)
      const problem = toDatabaseProblem(failed)?.code ?? String(failed)
      expect({ number, problem }).toEqual({ number, problem: 'SERVICE_UNAVAILABLE' })
    }
  },
  60_000,
)
