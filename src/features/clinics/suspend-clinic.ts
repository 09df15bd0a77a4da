import type { Transaction } from '../../db/client.ts'
import type { KeyMaker } from '../api-keys/issue.ts'
import { insertClinicEvent } from '../clinic-events/repository.ts'
import { suspendClinic } from './repository.ts'

/** Lets nobody of the clinic in from this moment on, or everybody again; nothing if that is so already. */
export async function setSuspended(
  tx: Transaction,
  { clinicId, actor, now, nextId }: KeyMaker,
  isSuspended: boolean,
): Promise<void> {
  if (!(await suspendClinic(tx, clinicId, isSuspended ? now : null))) return
  await insertClinicEvent(tx, {
    clinicId,
    id: nextId(),
    kind: isSuspended ? 'suspended' : 'resumed',
    payload: {},
    recordedAt: now,
    recordedBy: actor?.id ?? null,
  })
}
