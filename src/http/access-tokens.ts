import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose'
import { isRole, type Role } from './access.ts'
import { refuseToken } from './auth.ts'
import { ProblemError } from './problems.ts'

/** An identity provider whose access tokens are taken, and what it may say. */
export interface TokenIssuer {
  /** As in the claim `iss`, to the byte. */
  issuer: string
  audience: string
  jwksUrl: string
  /** Asymmetric ones only: with a shared secret everybody who can check a token could make one. */
  algorithms: readonly string[]
  /** How far its clock and ours may differ. */
  clockSkewSeconds: number
  /** Before an unknown key makes us ask for the keys again. */
  keyCooldownSeconds: number
  /** The clinics that it may speak for; null: every one. */
  clinics: readonly string[] | null
  /** Null: it speaks for the one clinic above. */
  clinicClaim: string | null
  /** The way to the role in the claims. */
  roleClaim: readonly string[]
  /** What its roles are called here; null: the same. */
  roles: Readonly<Record<string, Role>> | null
  /** The claim whose scopes narrow the role's; null: none does. */
  scopeClaim: string | null
  /** What every access token of it has and no ID token. */
  requiredClaims: readonly string[]
  /** As it says in the header of every access token (RFC 9068); null: it may not. */
  tokenType: 'at+jwt' | null
}

/** Somebody whom an issuer vouches for. */
export interface VouchedPerson {
  clinicId: string
  issuer: string
  subject: string
  name: string
  roles: readonly Role[]
  /** Null: all that the roles have. */
  scopes: readonly string[] | null
}

/**
 * Throws the problem for what is wrong with the token, without repeating anything of it. Before that it tells `onClinic` in
 * which clinic the attempt was made, if that is known: by a claim that the issuer has signed, or because it speaks for one.
 */
export type TokenVerifier = (
  token: string,
  now: Temporal.Instant,
  onClinic: (clinicId: string) => void,
) => Promise<VouchedPerson>

/** Takes the tokens of these issuers and of no others. Their keys are fetched when first needed, and kept. */
export function makeTokenVerifier(issuers: readonly TokenIssuer[]): TokenVerifier {
  const known = new Map(
    issuers.map((issuer) => [
      issuer.issuer,
      {
        issuer,
        keys: createRemoteJWKSet(new URL(issuer.jwksUrl), {
          timeoutDuration: 5000,
          cooldownDuration: issuer.keyCooldownSeconds * 1000,
          cacheMaxAge: 600_000,
        }),
      },
    ]),
  )
  return async (token, now, onClinic) => {
    const named = known.get(claimedIssuer(token))
    if (named === undefined) throw refuseToken('is from an issuer that this service does not trust')
    const { issuer, keys } = named
    const tellClinic = (signed: JWTPayload | null): void => {
      const clinicId = clinicOf(signed, issuer)
      if (clinicId !== null) onClinic(clinicId)
    }
    tellClinic(null)
    const payload = await verify(token, issuer, keys, now, tellClinic)
    return readPerson(payload, issuer)
  }
}

/** Says only which issuer's keys decide; nothing else is read before the signature is checked. */
function claimedIssuer(token: string): string {
  try {
    return decodeJwt(token).iss ?? ''
  } catch {
    throw refuseToken('cannot be read: send it whole, as the identity provider has issued it')
  }
}

async function verify(
  token: string,
  { issuer, audience, algorithms, clockSkewSeconds, requiredClaims, tokenType }: TokenIssuer,
  keys: ReturnType<typeof createRemoteJWKSet>,
  now: Temporal.Instant,
  onSigned: (payload: JWTPayload) => void,
): Promise<JWTPayload> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms: [...algorithms],
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(now.epochMilliseconds),
      requiredClaims: ['exp', 'sub', ...requiredClaims],
    })
    onSigned(payload)
    if (!isForAccess(protectedHeader.typ, payload, tokenType)) {
      throw refuseToken('is not one for access: send the access token')
    }
    return payload
  } catch (error) {
    // Only of a token that is signed are the claims looked at.
    if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) onSigned(error.payload)
    throw error instanceof ProblemError ? error : toTokenProblem(error)
  }
}

/** What an identity provider says only in tokens that are about a sign-in or a sign-out. */
const claimsOfOtherTokens = ['nonce', 'at_hash', 'c_hash', 'events']

/**
 * Whether the token was issued for requests to an API. Providers that do not follow RFC 9068 call every token a JWT, so
 * that an ID token is known by its claims; Keycloak says the purpose in a claim `typ`. Of a provider whose ID tokens
 * have none of them the operator says what its access tokens have.
 */
function isForAccess(type: string | undefined, payload: JWTPayload, required: TokenIssuer['tokenType']): boolean {
  const isAccessType = (required === null ? /^(application\/)?(at\+)?jwt$/i : /^(application\/)?at\+jwt$/i).test(
    type ?? 'jwt',
  )
  const purpose = payload.typ ?? 'Bearer'
  return isAccessType && purpose === 'Bearer' && !claimsOfOtherTokens.some((claim) => Object.hasOwn(payload, claim))
}

function toTokenProblem(error: unknown): ProblemError {
  if (error instanceof errors.JWTExpired) return refuseToken('has expired: get another')
  if (error instanceof errors.JWTClaimValidationFailed) return refuseToken(faultOfClaim(error))
  if (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWTInvalid
  ) {
    return refuseToken('is not signed by its issuer, with a key and an algorithm that this service accepts')
  }
  // What is left is about the issuer's keys, which could not be had: the token may be good.
  return new ProblemError('SERVICE_UNAVAILABLE', 'the keys of the identity provider cannot be read now: try again', {
    headers: { 'retry-after': '5' },
    cause: error,
  })
}

function faultOfClaim({ claim, reason }: errors.JWTClaimValidationFailed): string {
  switch (claim) {
    case 'nbf':
      return 'is not valid yet: check the clocks of the identity provider and of this service'
    case 'aud':
      return 'is for another audience: ask the identity provider for one that is for this service'
    case 'exp':
      return 'does not say when it expires, and that is required'
    case 'sub':
      return 'does not say whom it is about (`sub`), and that is required'
    default:
      return reason === 'missing'
        ? `does not have the claim \`${claim}\`, and that is required`
        : `has a claim \`${claim}\` that cannot be accepted`
  }
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function readPerson(payload: JWTPayload, issuer: TokenIssuer): VouchedPerson {
  const subject = payload.sub ?? ''
  if (subject === '' || subject.length > 255 || subject.includes('\0') || !subject.isWellFormed()) {
    throw refuseToken('does not say whom it is about (`sub`) in 1 to 255 characters')
  }
  return {
    clinicId: readClinic(payload, issuer),
    issuer: issuer.issuer,
    subject,
    name: readName(payload) ?? subject,
    roles: readRoles(payload, issuer),
    scopes: readScopes(payload, issuer),
  }
}

/** One answer for a clinic that is not there and for one that is not the issuer's to speak for. */
function readClinic(payload: JWTPayload, issuer: TokenIssuer): string {
  const clinic = claimedClinic(payload, issuer)
  if (clinic !== null) return clinic
  throw refuseToken('names no clinic of this service for which its issuer may speak')
}

function claimedClinic(payload: JWTPayload, { clinics, clinicClaim }: TokenIssuer): string | null {
  const claimed = clinicClaim === null ? clinics?.[0] : payload[clinicClaim]
  const clinic = typeof claimed === 'string' ? claimed.toLowerCase() : ''
  return uuid.test(clinic) && (clinics === null || clinics.includes(clinic)) ? clinic : null
}

/** In whose clinic an attempt with a token of the issuer is made, of which only what is signed is believed. */
function clinicOf(signed: JWTPayload | null, issuer: TokenIssuer): string | null {
  const only = issuer.clinics?.length === 1 ? (issuer.clinics[0] ?? null) : null
  return (signed === null ? null : claimedClinic(signed, issuer)) ?? only
}

function readRoles(payload: JWTPayload, { roleClaim, roles }: TokenIssuer): Role[] {
  const claimed = roleClaim.reduce<unknown>(memberOf, payload)
  const names = (Array.isArray(claimed) ? claimed : [claimed]).filter((name) => typeof name === 'string')
  const known = names.flatMap((name): Role[] => {
    const role = roles === null ? name : Object.hasOwn(roles, name) ? roles[name] : undefined
    return role !== undefined && isRole(role) ? [role] : []
  })
  if (known.length > 0) return [...new Set(known)]
  throw refuseToken('names no role of this service: ask the clinic’s administrator for one')
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}

function readScopes(payload: JWTPayload, { scopeClaim }: TokenIssuer): string[] | null {
  if (scopeClaim === null) return null
  const claimed = payload[scopeClaim]
  if (Array.isArray(claimed)) return claimed.filter((scope) => typeof scope === 'string')
  return typeof claimed === 'string' ? claimed.split(' ') : []
}

/** For people to read in a history: one line, of at most 200 characters. */
function readName(payload: JWTPayload): string | null {
  for (const claim of ['name', 'preferred_username', 'email']) {
    const given = payload[claim]
    if (typeof given !== 'string' || !given.isWellFormed()) continue
    const name = given
      .replaceAll(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, 200)
      .toWellFormed()
    if (name !== '') return name
  }
  return null
}
