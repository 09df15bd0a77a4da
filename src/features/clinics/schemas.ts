import { z } from 'zod'
import { actorKinds } from '../../http/auth.ts'
import { changeOf } from '../../http/bodies.ts'
import { instant, line, uuid } from '../../http/schemas.ts'
import { clinicEventKinds } from '../clinic-events/repository.ts'
import { actorName } from '../protocols/schemas.ts'

/** A time zone that this machine's calendar knows. */
export const timeZone = line(100)
  .refine(isTimeZone, { error: 'must be an IANA time zone, like `America/New_York`' })
  .describe('An IANA time zone: it says what "today" is for the clinic.')

function isTimeZone(name: string): boolean {
  // An offset is no place: it does not know when the clocks change.
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name)
    return true
  } catch {
    return false
  }
}

export const clinicName = line(200)

const approval = z
  .enum(['none', 'second-person'])
  .describe(
    'Who must approve a protocol before it is published: `second-person` is somebody who has neither edited nor submitted it. The built-in protocols that a new clinic adopts are published without.',
  )

export const clinic = z
  .object({
    id: uuid,
    name: z.string(),
    timeZone: z.string(),
    approval,
    revision: z.int().min(1),
    createdAt: instant,
  })
  .meta({ id: 'Clinic', description: 'The clinic that the caller belongs to.' })

export const clinicChange = changeOf({ name: clinicName, timeZone, approval })

export const clinicEvent = z
  .object({
    kind: z.enum(clinicEventKinds),
    at: instant,
    by: actorName.nullable().describe('Null: the operator.'),
    about: z
      .object({ id: uuid, name: z.string(), role: z.string(), scopes: z.array(z.string()).nullable() })
      .optional()
      .describe('The key or the client that it is about.'),
    changes: z
      .array(z.object({ field: z.string(), before: z.unknown(), after: z.unknown() }))
      .optional()
      .describe('What was changed, from what to what.'),
    actor: z
      .object({ id: uuid, kind: z.enum(actorKinds), name: z.string() })
      .optional()
      .describe('Who was shut out or let in again.'),
    reason: z.string().optional(),
  })
  .meta({
    id: 'ClinicEvent',
    description: 'Something that was done to the clinic’s settings, keys or clients, or about whom it lets in.',
  })
