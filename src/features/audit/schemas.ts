import { z } from 'zod'
import { auditedKinds } from '../../http/audit.ts'
import { pageQuery } from '../../http/pagination.ts'
import { instant, instantInput, uuid } from '../../http/schemas.ts'

const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256, in hexadecimal digits.')

export const auditEvent = z
  .object({
    seq: z.int().min(1).describe('Its place in the clinic’s chain; without gaps.'),
    at: instant,
    actor: z
      .object({
        id: uuid.nullable().describe('Null: the operator, or nobody who is known.'),
        kind: z.enum(auditedKinds),
        name: z.string().nullable().describe('As it is today.'),
        credential: uuid.nullable().describe('The API key or the access token.'),
      })
      .describe('Who.'),
    operation: z
      .string()
      .describe(
        'The `operationId`, the operator’s command, or `identifyPerson`: a person came for the first time or with another name. Empty where a row stands for many refused attempts.',
      ),
    method: z.string(),
    route: z.string().describe('The pattern of the address.'),
    outcome: z.string().describe('`success`, or the code of the problem.'),
    status: z.int().min(400).max(599).nullable().describe('Of the problem; null: success.'),
    attempts: z
      .int()
      .min(1)
      .describe(
        'More than one: further attempts without a valid credential within a minute, or beyond a rate limit, that are not on record one by one.',
      ),
    requestId: z.string().nullable(),
    address: z.string().nullable().describe('From where: the remote address, or the operator’s machine.'),
    userAgent: z.string().nullable(),
    target: z
      .record(z.string(), z.string())
      .describe(
        'The ids and codes in the path. `made`: of what was made; `renamed`: of whom; `replayed`: `true` where nothing was done again and the first answer was told again.',
      ),
    patients: z.array(uuid).describe('Whom it is about: read, or changed.'),
    episodes: z.array(uuid).describe('Which episodes it is about: read, or changed.'),
    previousHash: hash,
    hash,
  })
  .meta({ id: 'AuditEvent', description: 'One act, chained to the one before by its hash.' })

export const auditFilter = {
  actor: uuid.optional().describe('Only what this actor did.'),
  patient: uuid.optional().describe('Only what is about this patient or one of their episodes.'),
  episode: uuid.optional().describe('Only what is about this episode.'),
  operation: z.string().max(100).optional().describe('Only this operation, by its `operationId`.'),
  outcome: z
    .string()
    .regex(/^([A-Z_]{1,60}|success|refused)$/, {
      error: 'must be `success`, `refused`, or the code of a problem like `INSUFFICIENT_SCOPE`',
    })
    .optional()
    .describe('Only `success`, only what was `refused`, or only one problem by its code.'),
  from: instantInput.optional().describe('Only from this moment on.'),
  to: instantInput.optional().describe('Only before this moment.'),
}

export const auditQuery = z.strictObject({ ...pageQuery, ...auditFilter })

export const auditParams = z.object({
  seq: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, { error: 'must be the number of an event, like `17`' })
    .describe('The number of the event.'),
})

/** A line of the export: FHIR R4, of which only the frame is described here. */
export const fhirLine = z
  .looseObject({ resourceType: z.enum(['AuditEvent', 'OperationOutcome']) })
  .describe('One FHIR R4 resource per line: `AuditEvent`s, oldest first, and at last an `OperationOutcome`.')
