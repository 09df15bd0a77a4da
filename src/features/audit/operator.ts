import { hostname } from 'node:os'
import { runAs } from '../../db/client.ts'
import type { AuditEvent } from '../../http/audit.ts'
import { toInstantText } from '../../http/schemas.ts'
import { appendEvent } from './repository.ts'

/** Runs `work` so that whatever it changes of a clinic is on the clinic's record as the operator's. */
export function runAsOperator<Result>(command: string, work: () => Promise<Result>): Promise<Result> {
  const beforeCommit = async (tx: Parameters<typeof appendEvent>[0], clinicId: string): Promise<void> => {
    await appendEvent(tx, clinicId, describeCommand(command))
  }
  return runAs({ beforeCommit }, work)
}

/** What the operator has done with a command, as it is put on record. */
export function describeCommand(command: string, target: string[] = []): AuditEvent {
  return {
    at: toInstantText(Temporal.Now.instant()),
    actor: null,
    actorKind: 'operator',
    credential: null,
    operation: command,
    method: 'COMMAND',
    route: command,
    outcome: 'success',
    status: null,
    attempts: 1,
    requestId: null,
    address: hostname(),
    userAgent: null,
    target,
    patients: [],
    episodes: [],
  }
}
