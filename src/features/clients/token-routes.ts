import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { allow, type Scope, scopeNames } from '../../http/access.ts'
import { hashKey, makeAccessToken } from '../../http/auth.ts'
import type { Context } from '../../http/context.ts'
import { acceptForms } from '../../http/form-body.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import { claimedClient, refuseClient, verifyAssertion } from './assertion.ts'
import { insertToken, isLetIn, lockClient, readClient, takeAssertion } from './repository.ts'
import { assertionAlgorithms, issuedToken, smartConfiguration, tokenRequest } from './schemas.ts'

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const tokenPath = '/oauth/token'
/** SMART Backend Services recommends no more. */
const tokenLife = 300

/** An assertion and four short fields. */
const mostFormBytes = 32 * 1024

/** Where clients get their access tokens: public, because the assertion is what they prove themselves with. */
export async function registerTokens(
  app: FastifyInstance,
  { db, clock, ids }: Context,
  publicUrl: string,
): Promise<void> {
  const audience = `${publicUrl}${tokenPath}`

  app.withTypeProvider<ZodTypeProvider>().get(
    '/.well-known/smart-configuration',
    {
      schema: {
        operationId: 'getSmartConfiguration',
        summary: 'Read how a client gets an access token',
        tags: ['identity'],
        response: { 200: smartConfiguration },
      },
    },
    async () => ({
      token_endpoint: audience,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: [...assertionAlgorithms],
      scopes_supported: scopeNames,
      capabilities: ['client-confidential-asymmetric'],
    }),
  )

  await app.register(async (forms) => {
    acceptForms(forms)
    forms.withTypeProvider<ZodTypeProvider>().post(
      tokenPath,
      {
        config: { kept: 'change' },
        bodyLimit: mostFormBytes,
        schema: {
          operationId: 'issueToken',
          summary: 'Get an access token for a client, by a signed assertion',
          description:
            'As SMART Backend Services describes it (RFC 6749, RFC 7523). Each assertion is good once; the token lives for five minutes. An error has RFC 6749’s `error` beside the members of a problem.',
          tags: ['identity'],
          consumes: ['application/x-www-form-urlencoded'],
          body: tokenRequest,
          response: { 200: issuedToken, ...errors('INVALID_TOKEN_REQUEST', 'INVALID_CLIENT', 'SERVICE_UNAVAILABLE') },
        },
      },
      async (request, reply) => {
        const { grant_type, client_assertion_type, client_assertion, scope } = request.body
        requireParameter('grant_type', grant_type, 'client_credentials', 'unsupported_grant_type')
        requireParameter('client_assertion_type', client_assertion_type, assertionType)
        if (client_assertion === undefined || client_assertion === '') {
          throw refuseRequest('client_assertion', 'is required: a JWT that the client has signed')
        }
        const now = clock()
        const { clinicId, id } = claimedClient(client_assertion)
        if (request.audit) request.audit.claim = { clinicId }
        const issued = await db
          .asClinic(clinicId, async (tx) => {
            const client = await readClient(tx, clinicId, id)
            // One answer for a client that is not there, one that is revoked or shut out, and one of a
            // suspended clinic.
            if (client === null || client.revokedAt !== null || !(await isLetIn(tx, clinicId, id)))
              throw unknownClient()
            const taken = await verifyAssertion(client_assertion, client, { audience, now })
            if (request.audit) request.audit.claim = { clinicId, actor: { id, kind: 'client' } }
            // Whoever changes the client ends its tokens: none may be made meanwhile of what it was before.
            const current = await lockClient(tx, clinicId, id)
            if (current?.revision !== client.revision)
              throw refuseClient('was checked while the client was changed: try again')
            const createdAt = toInstantText(now)
            if (!(await takeAssertion(tx, clinicId, id, { ...taken, now: createdAt }))) {
              throw refuseClient('was used before: sign a new one, with a new `jti`, for each request')
            }
            const scopes = chooseScopes(scope, allow([client.role], client.scopes))
            const token = makeAccessToken(clinicId)
            const expiresAt = toInstantText(now.add({ seconds: tokenLife }))
            const row = { clinicId, id: ids(), clientId: id, tokenHash: hashKey(token), scopes, createdAt, expiresAt }
            await insertToken(tx, row)
            return { access_token: token, scope: scopes.join(' ') }
          })
          .catch(refuseShutOut)
        reply.header('cache-control', 'no-store')
        return { ...issued, token_type: 'bearer' as const, expires_in: tokenLife }
      },
    )
  })
}

function unknownClient(): ProblemError {
  return refuseClient('is not from a client that is registered here')
}

/** Whoever is shut out before the token is stored is refused as whoever was so already. */
function refuseShutOut(error: unknown): never {
  throw error instanceof ProblemError && error.code === 'INVALID_ACCESS_TOKEN' ? unknownClient() : error
}

/** Of what is asked for, what the client may have; RFC 6749 lets the answer be less than that. */
function chooseScopes(asked: string | undefined, allowed: ReadonlySet<Scope>): Scope[] {
  const wanted = asked === undefined || asked.trim() === '' ? null : new Set(asked.trim().split(/ +/))
  const chosen = scopeNames.filter((scope) => allowed.has(scope) && (wanted === null || wanted.has(scope)))
  if (chosen.length > 0) return chosen
  throw refuseRequest(
    'scope',
    `names nothing that this client may have: it has ${[...allowed].join(' ')}`,
    'invalid_scope',
  )
}

function requireParameter(name: string, value: string | undefined, expected: string, error?: string): void {
  if (value === expected) return
  throw refuseRequest(name, `must be \`${expected}\``, value === undefined ? undefined : error)
}

function refuseRequest(parameter: string, fault: string, error = 'invalid_request'): ProblemError {
  const detail = `\`${parameter}\` ${fault}`
  return new ProblemError('INVALID_TOKEN_REQUEST', detail, {
    errors: [{ pointer: `/${parameter}`, detail: fault }],
    error,
    error_description: detail,
  })
}
