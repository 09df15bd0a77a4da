import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'

// As far as a machine without a container engine can check them.

const root = resolve(import.meta.dirname, '..')
const read = (name: string): string => readFileSync(resolve(root, name), 'utf8')
const instructions = read('Dockerfile')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))

describe('the Dockerfile', () => {
  test('copies only what exists and what .dockerignore lets through', () => {
    const letThrough = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    const copied = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1))
    expect(copied.length).toBeGreaterThan(4)
    for (const path of copied) {
      expect(existsSync(resolve(root, path))).toBe(true)
      expect(letThrough).toContain(path)
    }
    // Whatever else comes in, a data folder and the history do not.
    expect(read('.dockerignore').split('\n')[0]).toBe('*')
  })

  test('runs as a user without rights, with a health check, on the Node that the project pins', () => {
    const manifest = JSON.parse(read('package.json'))
    const major = manifest.devDependencies.node.split('.')[0]
    const images = instructions.filter((line) => line.startsWith('FROM '))
    expect(images.map((line) => line.split(' ')[1])).toEqual(images.map(() => `node:${major}-slim`))
    expect(instructions.filter((line) => line.startsWith('USER '))).toEqual(['USER node'])
    expect(instructions.some((line) => line.startsWith('HEALTHCHECK ') && line.includes('/readyz'))).toBe(true)
    expect(instructions.at(-1)).toBe(`CMD ${JSON.stringify(manifest.scripts.start.split(' ')).replaceAll(',', ', ')}`)
    // The last stage has no build step that would need rights or the network.
    const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')))
    expect(last.filter((line) => line.startsWith('RUN '))).toEqual([])
  })

  test('ships every package that the service imports', () => {
    const manifest = JSON.parse(read('package.json'))
    expect(instructions).toContain('RUN rm -rf node_modules && npm ci --omit=dev --ignore-scripts')
    expect(Object.keys(manifest.dependencies)).toEqual(
      expect.arrayContaining(['fastify', '@prisma/client', 'pg', 'zod']),
    )
  })
})

describe('docker-compose.yml', () => {
  const { services, volumes } = parse(read('docker-compose.yml'))

  test('waits for a healthy PostgreSQL 18 whose data outlives its container', () => {
    expect(services.database.image).toBe('postgres:18')
    expect(services.database.healthcheck.test).toBeDefined()
    expect(services.database.volumes).toEqual(['database:/var/lib/postgresql'])
    expect(Object.keys(volumes)).toEqual(['database'])
    expect(services.service.depends_on.database.condition).toBe('service_healthy')
    expect(services.database.ports).toBeUndefined()
  })

  test('runs the service without rights, and has no secret of its own', () => {
    expect(services.service).toMatchObject({ user: 'node', read_only: true, cap_drop: ['ALL'] })
    expect(services.service.environment.BOOTSTRAP_API_KEY).toMatch(/^\$\{BOOTSTRAP_API_KEY:\?/)
    expect(services.database.environment.POSTGRES_PASSWORD).toMatch(/^\$\{POSTGRES_PASSWORD:\?/)
    const settings = Object.keys(services.service.environment)
    const known = [...read('src/config.ts').matchAll(/^ {2}([A-Z][A-Z_]+): z/gm)].map(([, name]) => name)
    expect(settings.filter((name) => !known.includes(name))).toEqual([])
    expect(services.service.ports).toHaveLength(1)
    expect(services.service.ports[0]).toMatch(/^127\.0\.0\.1:.*:3000$/)
  })
})
