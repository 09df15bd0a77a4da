import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, jwtVerify } from 'jose'
import { hashKey, readClientId } from '../../http/auth.ts'
import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { Instant } from '../../rules/index.ts'
import type { Client } from './repository.ts'
import { assertionAlgorithms } from './schemas.ts'

/** SMART Backend Services: an assertion lives for five minutes at most. */
const longestLife = 300
const clockSkew = 30

/** The client that the assertion says it is from: to be believed once the signature is checked. */
export function claimedClient(assertion: string): { clinicId: string; id: string } {
  const named = readClientId(claimedSubject(assertion))
  if (named === null) throw refuseClient('is not from a client that is registered here')
  return named
}

function claimedSubject(assertion: string): string {
  try {
    return decodeJwt(assertion).sub ?? ''
  } catch {
    throw refuseClient('cannot be read: it must be one signed JWT')
  }
}

/** Checks that the client has signed the assertion, for this service and for now. Returns what makes it good only once. */
export async function verifyAssertion(
  assertion: string,
  { clientId, jwks }: Client,
  { audience, now }: { audience: string; now: Temporal.Instant },
): Promise<{ jtiHash: Buffer; expiresAt: Instant }> {
  const { payload } = await jwtVerify(assertion, createLocalJWKSet(jwks as JSONWebKeySet), {
    issuer: clientId,
    subject: clientId,
    audience,
    algorithms: [...assertionAlgorithms],
    clockTolerance: clockSkew,
    currentDate: new Date(now.epochMilliseconds),
    requiredClaims: ['exp', 'jti'],
  }).catch((error: unknown) => {
    throw refuseClient(faultOf(error, audience))
  })
  const { exp = 0, jti = '' } = payload
  if (jti.length < 1 || jti.length > 255) throw refuseClient('needs a `jti` of 1 to 255 characters')
  if (exp > now.epochMilliseconds / 1000 + longestLife + clockSkew) {
    throw refuseClient(`lives too long: \`exp\` must lie within ${longestLife} seconds`)
  }
  const expiresAt = Temporal.Instant.fromEpochMilliseconds(Math.ceil(exp + clockSkew) * 1000)
  return { jtiHash: hashKey(jti), expiresAt: toInstantText(expiresAt) }
}

function faultOf(error: unknown, audience: string): string {
  if (error instanceof errors.JWTExpired) return 'has expired: sign a new one for each request'
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'aud':
        return `is for another audience: \`aud\` must be ${audience}`
      case 'nbf':
        return 'is not valid yet: check the clocks'
      case 'iss':
      case 'sub':
        return 'is not the client’s own: `iss` and `sub` must both be the `clientId`'
      default:
        return `needs the claim \`${error.claim}\``
    }
  }
  return 'is not signed with one of the client’s registered keys, named by its `kid`, and RS384, PS384 or ES384'
}

/** RFC 6749's answer beside ours; `fault` completes "the assertion …". */
export function refuseClient(fault: string): ProblemError {
  return new ProblemError('INVALID_CLIENT', `the assertion ${fault}`, {
    error: 'invalid_client',
    error_description: `the assertion ${fault}`,
    headers: { 'www-authenticate': 'Bearer realm="rehab-protocols"' },
  })
}
