import { z } from 'zod'
import { roleNames } from '../../http/access.ts'
import { changeOf } from '../../http/bodies.ts'
import { instant, line, uuid } from '../../http/schemas.ts'
import { scopesAnswer, scopesBody } from '../api-keys/schemas.ts'

/** What a client may sign its assertions with: those of SMART Backend Services, and one more for RSA. */
export const assertionAlgorithms = ['RS384', 'PS384', 'ES384'] as const

const base64url = (least: number, most: number) =>
  z
    .string()
    .min(least)
    .max(most)
    .regex(/^[A-Za-z0-9_-]+$/, { error: 'must be base64url, without padding' })

const about = {
  kid: line(200).describe('Names the key; an assertion names it in its header.'),
  alg: z.enum(assertionAlgorithms).optional(),
  use: z.literal('sig').optional(),
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']

/** Loose, because key sets have members that do not matter here; those of a private key are refused by name. */
const publicKey = z
  .discriminatedUnion('kty', [
    z.looseObject({
      kty: z.literal('RSA'),
      ...about,
      n: base64url(342, 1400).describe('The modulus: 2048 bits at least.'),
      e: base64url(2, 20),
    }),
    z.looseObject({
      kty: z.literal('EC'),
      ...about,
      crv: z.literal('P-384'),
      x: base64url(64, 64),
      y: base64url(64, 64),
    }),
  ])
  .refine((key) => !privateMembers.some((member) => Object.hasOwn(key, member)), {
    error:
      'must be the public part alone: this is a private key, which is not secret any more. Make a new pair, and send its public part',
  })
  .meta({ description: 'A public key (RFC 7517), never a private one.' })

const jwks = z
  .strictObject({ keys: z.array(publicKey).min(1).max(10) })
  .refine(({ keys }) => new Set(keys.map(({ kid }) => kid)).size === keys.length, {
    error: 'must not have two keys with the same `kid`',
    path: ['keys'],
  })
  .describe('The public keys with which the client signs; during a change of keys the old and the new.')

export type KeySet = z.output<typeof jwks>

const role = z.enum(roleNames.filter((name) => name !== 'administrator'))

export const client = z
  .object({
    id: uuid,
    clientId: z.string().describe('What the client calls itself in its assertions: their `iss` and `sub`.'),
    name: z.string(),
    role,
    scopes: scopesAnswer,
    jwks: z.object({
      keys: z.array(
        z.object({
          kty: z.string(),
          kid: z.string(),
          alg: z.string().optional(),
          use: z.string().optional(),
          crv: z.string().optional(),
          n: z.string().optional(),
          e: z.string().optional(),
          x: z.string().optional(),
          y: z.string().optional(),
        }),
      ),
    }),
    revision: z.int().min(1),
    createdAt: instant,
    createdBy: uuid.describe('An actor.'),
    revokedAt: instant.nullable(),
    revokedBy: uuid.nullable().describe('An actor; null: nobody.'),
    lastUsedAt: instant.nullable().describe('When it got its last access token; null: never.'),
  })
  .meta({ id: 'Client', description: 'Software that proves who it is by signing (SMART Backend Services).' })

const name = line(200).describe('What the software is: it stands in histories.')

export const clientBody = z.strictObject({
  name,
  role: role.default('integration').describe('What it is for; never `administrator`.'),
  scopes: scopesBody.optional(),
  jwks,
})

export const clientChange = changeOf({ name, role, scopes: scopesBody.nullable(), jwks })

/** Loose and optional: RFC 6749 lets a client send more, and has answers of its own for what is missing. */
export const tokenRequest = z
  .looseObject({
    grant_type: z.string().optional().describe('`client_credentials`'),
    client_assertion_type: z.string().optional().describe('`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`'),
    client_assertion: z
      .string()
      .optional()
      .describe(
        'A JWT signed with a registered key (`RS384`, `PS384` or `ES384`, and its `kid`): `iss` and `sub` are the `clientId`, `aud` is the address of this request, `exp` lies within five minutes, and `jti` is new each time.',
      ),
    scope: z
      .string()
      .optional()
      .describe('Scopes separated by spaces, fewer than the client has. Left out: all that it has.'),
  })
  .meta({ required: ['grant_type', 'client_assertion_type', 'client_assertion'] })

export const issuedToken = z
  .object({
    access_token: z.string().describe('To be sent as `Authorization: Bearer <token>`.'),
    token_type: z.literal('bearer'),
    expires_in: z.int().min(1).describe('Seconds.'),
    scope: z.string().describe('The scopes that it has, separated by spaces.'),
  })
  .meta({ id: 'IssuedToken', description: 'An access token of a client.' })

export const smartConfiguration = z
  .object({
    token_endpoint: z.url(),
    grant_types_supported: z.array(z.string()),
    token_endpoint_auth_methods_supported: z.array(z.string()),
    token_endpoint_auth_signing_alg_values_supported: z.array(z.string()),
    scopes_supported: z.array(z.string()),
    capabilities: z.array(z.string()),
  })
  .meta({ id: 'SmartConfiguration', description: 'How a client gets an access token (SMART App Launch 2).' })
