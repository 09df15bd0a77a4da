import { describe, expect, test } from '@jest/globals'
import { ConfigError, readConfig } from '../../src/config.ts'

const defaults = {
  port: 3000,
  host: '127.0.0.1',
  dataDir: './data',
  databaseUrl: null,
  migrationDatabaseUrl: null,
  bootstrapApiKey: null,
  logLevel: 'info',
}

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
      LOG_LEVEL: 'silent',
    }
    expect(readConfig(env)).toEqual({
      port: 8080,
      host: env.HOST,
      dataDir: env.DATA_DIR,
      databaseUrl: env.DATABASE_URL,
      migrationDatabaseUrl: env.MIGRATION_DATABASE_URL,
      bootstrapApiKey: env.BOOTSTRAP_API_KEY,
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
      LOG_LEVEL: 'secret-6',
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

  test.each([
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
    ['LOG_LEVEL', 'trace', true],
    ['LOG_LEVEL', 'INFO', false],
  ])('%s=%s: %s', (key, value, good) => {
    expect(complain({ [key]: value })).toHaveLength(good ? 0 : 1)
  })
})
