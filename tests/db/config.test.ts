import { describe, expect, test } from '@jest/globals'
import { ConfigError, readConfig } from '../../src/config.ts'

const defaults = {
  port: 3000,
  host: '127.0.0.1',
  dataDir: './data',
  databaseUrl: null,
  migrationDatabaseUrl: null,
  bootstrapApiKey: null,
  publicUrl: 'http://127.0.0.1:3000',
  tokenIssuers: [],
  trustedProxies: [],
  rateLimits: { perActor: 6000, perAddress: 12_000 },
  maxConnections: 2000,
  maxConnectionsPerAddress: 500,
  maxEventLoopDelay: 1000,
  preparedStatements: true,
  mostKeptBytes: 75_000_000,
  logLevel: 'info',
}

const provider = { issuer: 'https://id.example', audience: 'rehab', jwksUrl: 'https://id.example/jwks' }
const clinics = ['01a1f000-0000-7000-8000-00000000c11c']

function complain(env: Record<string, string>): string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message.split('\n').slice(1)
  }
}

describe('the configuration', () => {
  test('has a default for everything', () => {
    expect(readConfig({})).toEqual(defaults)
  })

  test('takes an empty setting for an absent one, and leaves the rest of the environment alone', () => {
    const empty = { PORT: '', HOST: '', DATA_DIR: '', DATABASE_URL: '', MIGRATION_DATABASE_URL: '' }
    expect(readConfig({ ...empty, BOOTSTRAP_API_KEY: '', LOG_LEVEL: '', PATH: '/bin', PORTS: 'x' })).toEqual(defaults)
  })

  test('reads every setting', () => {
    const env = {
      PORT: '8080',
      HOST: '::1',
      DATA_DIR: '/var/lib/rehab',
      DATABASE_URL: 'postgres://service@db.clinic.example/rehab',
      MIGRATION_DATABASE_URL: 'postgresql://owner:p%40ss@db.clinic.example:6432/rehab?sslmode=verify-full',
      BOOTSTRAP_API_KEY: 'sixteen-letters!',
      PUBLIC_URL: 'https://rehab.clinic.example/',
      OIDC_ISSUERS: JSON.stringify([{ ...provider, clinics: 'any', clinicClaim: 'clinic', roleClaim: ['a', 'b'] }]),
      TRUSTED_PROXIES: '10.0.0.0/8, 2001:db8::1',
      RATE_LIMIT_PER_ACTOR: '1',
      RATE_LIMIT_PER_ADDRESS: '1000000',
      MAX_CONNECTIONS: '10',
      MAX_CONNECTIONS_PER_ADDRESS: '5',
      MAX_EVENT_LOOP_DELAY: '50',
      PREPARED_STATEMENTS: 'off',
      KEPT_ANSWERS_MB: '0',
      LOG_LEVEL: 'silent',
    }
    expect(readConfig(env)).toEqual({
      port: 8080,
      host: env.HOST,
      dataDir: env.DATA_DIR,
      databaseUrl: env.DATABASE_URL,
      migrationDatabaseUrl: env.MIGRATION_DATABASE_URL,
      bootstrapApiKey: env.BOOTSTRAP_API_KEY,
      publicUrl: 'https://rehab.clinic.example',
      tokenIssuers: [
        {
          ...provider,
          algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
          clockSkewSeconds: 30,
          keyCooldownSeconds: 30,
          clinics: null,
          clinicClaim: 'clinic',
          roleClaim: ['a', 'b'],
          roles: null,
          scopeClaim: null,
          requiredClaims: [],
          tokenType: null,
        },
      ],
      trustedProxies: ['10.0.0.0/8', '2001:db8::1'],
      rateLimits: { perActor: 1, perAddress: 1_000_000 },
      maxConnections: 10,
      maxConnectionsPerAddress: 5,
      maxEventLoopDelay: 50,
      preparedStatements: false,
      mostKeptBytes: 0,
      logLevel: 'silent',
    })
  })

  test('names every bad setting at once, each with what to write, and no value', () => {
    const env = {
      PORT: 'secret-1',
      HOST: 'secret 2',
      DATABASE_URL: 'mysql://secret-3',
      MIGRATION_DATABASE_URL: 'secret-4',
      BOOTSTRAP_API_KEY: 'secret-5',
      PUBLIC_URL: 'secret-6',
      OIDC_ISSUERS: 'secret-7',
      TRUSTED_PROXIES: 'secret-8',
      RATE_LIMIT_PER_ACTOR: 'secret-9',
      RATE_LIMIT_PER_ADDRESS: 'secret-10',
      MAX_CONNECTIONS: 'secret-11',
      MAX_CONNECTIONS_PER_ADDRESS: 'secret-12',
      MAX_EVENT_LOOP_DELAY: 'secret-12',
      LOG_LEVEL: 'secret-13',
    }
    const lines = complain(env)
    expect(lines.map((line) => line.trim().split(' must be ')[0])).toEqual(Object.keys(env))
    expect(lines.join()).not.toContain('secret')
    expect(lines[0]).toBe('  PORT must be a port number from 0 to 65535, for instance 3000 (0 takes any free port)')
  })

  test("refuses an owner's address beside the embedded server, together with what else is wrong", () => {
    const owner = { MIGRATION_DATABASE_URL: 'postgresql://owner@db/rehab' }
    expect(complain(owner)).toEqual([
      expect.stringContaining('DATABASE_URL must be set when MIGRATION_DATABASE_URL is'),
    ])
    expect(complain({ ...owner, PORT: '-1' })).toHaveLength(2)
  })

  test('says where in the list of identity providers to look', () => {
    const issuers = [
      { ...provider, clinics, audience: '' },
      { ...provider, issuer: 'x', clinics, algorithms: ['HS256'] },
    ]
    const [line = ''] = complain({ OIDC_ISSUERS: JSON.stringify(issuers) })
    expect(line).toMatch(/; look at \/0\/audience, \/1\/issuer, \/1\/algorithms\/0$/)
  })

  test.each<[string, object, boolean]>([
    ['of one clinic', { clinics }, true],
    ['of two clinics, without a claim that says which', { clinics: [...clinics, provider.issuer] }, false],
    ['of any clinic, without a claim that says which', { clinics: 'any' }, false],
    ['of any clinic, with a claim', { clinics: 'any', clinicClaim: 'c' }, true],
    ['of no clinic', { clinics: [] }, false],
    ['that does not say of which clinics', {}, false],
    ['over http', { clinics, jwksUrl: 'http://id.example/jwks' }, false],
    ['on this machine over http', { clinics, jwksUrl: 'http://127.0.0.1:8080/jwks' }, true],
    ['without a signature', { clinics, algorithms: ['none'] }, false],
    ['with a shared secret', { clinics, algorithms: ['HS256'] }, false],
    ['with a role that there is not', { clinics, roles: { x: 'owner' } }, false],
    ['with a role that there is', { clinics, roles: { x: 'reader' } }, true],
    ['with what its tokens must have', { clinics, requiredClaims: ['scp'], tokenType: 'at+jwt' }, true],
    ['with tokens of another type', { clinics, tokenType: 'JWT' }, false],
    ['with a setting that there is not', { clinics, audiences: [] }, false],
  ])('an identity provider %s', (_name, change, good) => {
    expect(complain({ OIDC_ISSUERS: JSON.stringify([{ ...provider, ...change }]) })).toHaveLength(good ? 0 : 1)
  })

  test.each([
    ['OIDC_ISSUERS', '[]', true],
    ['OIDC_ISSUERS', '{}', false],
    ['PUBLIC_URL', 'https://rehab.example', true],
    ['PUBLIC_URL', 'https://rehab.example/api', false],
    ['PUBLIC_URL', 'http://rehab.example', false],
    ['PUBLIC_URL', 'http://localhost:3000', true],
    ['PUBLIC_URL', 'rehab.example', false],
    ['PORT', '0', true],
    ['PORT', '65535', true],
    ['PORT', '65536', false],
    ['PORT', '-1', false],
    ['PORT', '3e3', false],
    ['PORT', '0x50', false],
    ['PORT', ' 80', false],
    ['PORT', '80.0', false],
    ['HOST', '0.0.0.0', true],
    ['HOST', 'localhost', true],
    ['HOST', '256.0.0.1', false],
    ['HOST', 'http://localhost', false],
    ['HOST', 'localhost:3000', false],
    ['DATABASE_URL', 'postgresql:///rehab?host=/var/run/postgresql', true],
    ['DATABASE_URL', 'postgresql://db', false],
    ['DATABASE_URL', 'postgresql://db/', false],
    ['DATABASE_URL', 'postgresql:///rehab', false],
    ['DATABASE_URL', 'postgresql://user:100%@db/rehab', false],
    ['DATABASE_URL', 'db.clinic.example/rehab', false],
    ['BOOTSTRAP_API_KEY', 'x'.repeat(15), false],
    ['BOOTSTRAP_API_KEY', 'x'.repeat(16), true],
    ['BOOTSTRAP_API_KEY', 'x'.repeat(200), true],
    ['BOOTSTRAP_API_KEY', 'x'.repeat(201), false],
    ['BOOTSTRAP_API_KEY', 'with a space inside', false],
    ['BOOTSTRAP_API_KEY', 'schlüssel-schlüssel', false],
    ['TRUSTED_PROXIES', '10.1.2.3', true],
    ['TRUSTED_PROXIES', '10.0.0.0/8,fd00::/8', true],
    ['TRUSTED_PROXIES', '0.0.0.0/0', false],
    ['TRUSTED_PROXIES', '10.0.0.0/33', false],
    ['TRUSTED_PROXIES', '10.0.0.0/8/8', false],
    ['TRUSTED_PROXIES', 'true', false],
    ['TRUSTED_PROXIES', '1', false],
    ['TRUSTED_PROXIES', '10.0.0.1,', false],
    ['RATE_LIMIT_PER_ACTOR', '0', false],
    ['RATE_LIMIT_PER_ACTOR', '1e3', false],
    ['RATE_LIMIT_PER_ADDRESS', '1000001', false],
    ['RATE_LIMIT_PER_ADDRESS', '-1', false],
    ['MAX_CONNECTIONS', '0', false],
    ['MAX_CONNECTIONS_PER_ADDRESS', '0', false],
    ['MAX_EVENT_LOOP_DELAY', '49', false],
    ['LOG_LEVEL', 'trace', true],
    ['LOG_LEVEL', 'INFO', false],
  ])('%s=%s: %s', (key, value, good) => {
    expect(complain({ [key]: value })).toHaveLength(good ? 0 : 1)
  })
})
