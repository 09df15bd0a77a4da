import { z } from 'zod'
import { roleNames, scopeNames } from '../../http/access.ts'
import { listOf } from '../../http/bodies.ts'
import { instant, instantInput, line, text, uuid } from '../../http/schemas.ts'

const role = z.enum(roleNames).describe('What it is for; see the table of roles at the top.')

/** Fewer scopes than a role has. */
export const scopesBody = listOf(z.enum(scopeNames), scopeNames.length)
  .refine((scopes) => scopes.length > 0, { error: 'must have one at least; leave it out for all that the role has' })
  .meta({ minItems: 1, uniqueItems: true })
  .describe('Of the role’s scopes, those that it gets. Left out: all of them.')

export const scopesAnswer = z.array(z.enum(scopeNames)).nullable().describe('Null: all that the role has.')

const fields = {
  id: uuid,
  actor: uuid.describe('What records and histories name; a key that replaces another has the same.'),
  name: z.string(),
  prefix: z.string().describe('How the key begins, to tell it from others. The key itself is not kept.'),
  role,
  scopes: scopesAnswer,
  createdAt: instant,
  createdBy: uuid.nullable().describe('An actor; null: the operator.'),
  expiresAt: instant.nullable().describe('From then on it is refused; null: never by itself.'),
  replacedBy: uuid.nullable().describe('The key that it was rotated to.'),
  revokedAt: instant.nullable(),
  revokedBy: uuid.nullable().describe('An actor; null: nobody, or the operator.'),
  lastUsedAt: instant.nullable().describe('To the minute; null: never.'),
}

export const apiKey = z.object(fields).meta({ id: 'ApiKey', description: 'A key of the clinic, without its secret.' })

export const newApiKey = z
  .object({ ...fields, key: z.string().describe('The whole key. It is shown this once: keep it safe.') })
  .meta({ id: 'NewApiKey', description: 'A key that was made just now, with its secret.' })

export const keyName = line(200).describe('Who or what uses it: it stands in histories.')

export const apiKeyBody = z.strictObject({
  name: keyName,
  role,
  scopes: scopesBody.optional(),
  expiresAt: instantInput.optional().describe('Left out: it does not expire by itself.'),
})

export const rotationBody = z.strictObject({
  oldKeyUntil: instantInput
    .optional()
    .describe('Until when the old key goes on beside the new one, within 90 days. Left out: for 24 hours.'),
  expiresAt: instantInput
    .optional()
    .describe(
      'When the new key expires. Left out: after as long a life as the old one was given; one without an end has none.',
    ),
})

export const revocationBody = z.strictObject({
  reason: text(500).optional().describe('Why, for the clinic’s history.'),
})
