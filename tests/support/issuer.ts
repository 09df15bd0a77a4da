import { createServer } from 'node:http'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

interface SigningKey {
  kid: string
  alg: string
  privateKey: CryptoKey
  publicJwk: JWK
}

export async function makeSigningKey(kid: string, alg = 'RS256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** An identity provider on a port of its own, for tests: it vouches for whatever it is told to. */
export async function startIssuer() {
  const keys = [await makeSigningKey('first')]
  let fetches = 0
  const server = createServer((_request, response) => {
    fetches += 1
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const issuer = `http://127.0.0.1:${port}`

  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    /** How often its keys were asked for. */
    fetches: () => fetches,
    /** The key that signs now. */
    key: (): SigningKey => keys.at(-1) as SigningKey,
    /** A token with these claims, signed with its key or another. */
    sign: (
      { key = keys.at(-1) as SigningKey, ...claims }: JWTPayload & { key?: SigningKey },
      { typ }: { typ?: string } = { typ: 'at+jwt' },
    ): Promise<string> =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: key.alg, kid: key.kid, ...(typ !== undefined && { typ }) })
        .sign(key.privateKey),
    /** Publishes a key beside the one that signs. */
    publish: (key: SigningKey): void => {
      keys.unshift(key)
    },
    /** From now on another key signs; the old one stays published unless it is withdrawn. */
    async rotate({ withdraw = false } = {}): Promise<void> {
      if (withdraw) keys.length = 0
      keys.push(await makeSigningKey(`key-${Math.random()}`, 'ES256'))
    },
    close: (): Promise<void> =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
