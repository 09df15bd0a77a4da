import { randomUUID } from 'node:crypto'
import { openDatabase } from '../../src/db/client.ts'
import { type Anchor, verifyChain } from '../../src/features/audit/chain.ts'
import { inChain, readerOn } from '../../src/features/audit/repository.ts'
import { insertClinic } from '../../src/features/clinics/repository.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { tamperings, toPattern, toSql } from '../features/audit-chain.ts'
import { connectAsOwner } from '../support/owner.ts'
import { startTestServer } from '../support/test-server.ts'
import type { Figures } from './figures.ts'

const batch = 500

/** Builds a chain of `count` rows, and does to a copy of it each thing that must be found. */
export async function audit({ count = 100_000 }: { count?: number } = {}): Promise<Figures> {
  const server = await startTestServer()
  const db = openDatabase(server.url)
  const owner = await connectAsOwner(db)
  try {
    const clinicId = randomUUID()
    const now = toInstantText(Temporal.Now.instant())
    await db.asClinic(clinicId, (tx) =>
      insertClinic(tx, { clinicId, name: 'Audited', timeZone: 'UTC', createdAt: now }),
    )

    const building = performance.now()
    await owner.query(`SELECT set_config('app.clinic_id', $1, false)`, [clinicId])
    for (let from = 1; from <= count; from += batch) {
      await owner.query(
        `SELECT count(append_audit(jsonb_build_object('clinic', $1::text, 'at', now(), 'actor', gen_random_uuid(),
           'actorKind', 'api-key', 'operation', 'getEpisode', 'method', 'GET', 'route', '/v1/episodes/:id',
           'outcome', 'success', 'attempts', 1, 'requestId', i::text, 'address', '127.0.0.1', 'userAgent', 'safety',
           'target', '[]'::jsonb, 'patients', '[]'::jsonb, 'episodes', jsonb_build_array(gen_random_uuid()))))
         FROM generate_series($2::integer, $3::integer) i`,
        [clinicId, from, Math.min(from + batch - 1, count)],
      )
    }
    say(`${count} rows built in ${seconds(building)}`)

    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().heapUsed)
    }, 20)
    const walking = performance.now()
    const { rows, fault } = await inChain(db, clinicId, (chain) => verifyChain(chain))
    clearInterval(watch)
    const walked = `${rows} rows verified in ${seconds(walking)} with at most ${Math.round(most / 1e6)} MB in use`
    say(`${walked}: ${fault ?? 'as they were written'}`)
    let passed = rows === count && fault === null

    const chain = readerOn(owner, clinicId)
    const { head } = await chain.end()
    let found = 0
    for (const tampering of tamperings) {
      const row = Math.floor(count / 2 + Math.random() * (count / 3))
      await owner.query('BEGIN')
      await owner.query('SET LOCAL session_replication_role = replica')
      await owner.query(toSql(tampering, clinicId, row))
      const verifying = performance.now()
      const verdict = await verifyChain(chain, [head as Anchor])
      await owner.query('ROLLBACK')
      const isFound = toPattern(tampering, row).test(verdict.fault ?? '')
      if (isFound) found += 1
      else passed = false
      const what = isFound ? 'found' : 'NOT FOUND'
      say(`1 row ${tampering.name}: ${what} in ${seconds(verifying)}: ${verdict.fault ?? 'nothing'}`)
    }
    const figures = `${walked}; ${found} of ${tamperings.length} kinds of tampering found, each with 1 row`
    return { title: 'audit', figures, passed }
  } finally {
    await owner.end()
    await db.close()
    await server.stop()
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

if (import.meta.main) {
  const { figures, passed } = await audit({ count: Number(process.argv[2] ?? 100_000) })
  say(`${passed ? 'passed' : 'FAILED'}: ${figures}`)
  process.exitCode = passed ? 0 : 1
}
