import type pg from 'pg'
import type { BackupManifest } from '../../db/backup/format.ts'
import { verifyChain } from './chain.ts'
import { readerOn } from './repository.ts'

/** Walks the chain of every clinic that a restore has put in, on the restore's own connection, and says what is wrong. */
export async function verifyRestoredChains(
  client: Pick<pg.ClientBase, 'query'>,
  { auditHeads }: BackupManifest,
): Promise<string[]> {
  if (auditHeads === null) return []
  const { rows } = await client.query<{ id: string }>('SELECT clinic_id AS id FROM clinic ORDER BY clinic_id')
  const complaints: string[] = []
  for (const { id } of rows) {
    const { fault } = await verifyChain(readerOn(client, id))
    if (fault !== null) complaints.push(`WRONG in the record of acts of the clinic ${id}, in the backup too: ${fault}`)
  }
  return complaints
}
