import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { readConfig } from '../src/config.ts'
import { roleNames } from '../src/http/access.ts'
import { startClinicWithLibrary } from './features/library-clinic.ts'

const root = resolve(import.meta.dirname, '..')
const readme = readFileSync(resolve(root, 'README.md'), 'utf8')
const manifest = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'))

interface Block {
  language: string
  text: string
}

const blocks: Block[] = [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
  language,
  text,
}))

const clinic = await startClinicWithLibrary({ now: '2026-11-20T15:00:00Z' })

interface Request {
  method: string
  path: string
  key: string | undefined
  body: unknown
}

function readRequest(text: string): Request {
  const [head = '', body = ''] = text.split('\n\n')
  const [method = '', path = ''] = (head.split('\n')[0] ?? '').split(' ')
  const key = /^Idempotency-Key: (.+)$/m.exec(head)?.[1]
  return { method, path, key, body: body.trim() === '' ? undefined : JSON.parse(body) }
}

describe('the README', () => {
  test('shows a request with its real answer', async () => {
    const index = blocks.findIndex((block) => block.language === 'http')
    const { method, path, body } = readRequest(blocks[index]?.text ?? '')
    const shown = JSON.parse(blocks[index + 1]?.text ?? '')
    const answer = await clinic.send<Record<string, unknown[]>>(method, path.replace(/^\/v1/, ''), body)
    expect(answer.status).toBe(200)

    const { permitted, withheld, ...rest } = shown
    expect(answer.body).toMatchObject(rest)
    expect(permitted).toHaveLength(1)
    expect(withheld).toHaveLength(1)
    for (const [list, exercises] of [
      ['permitted', permitted],
      ['withheld', withheld],
    ] as const) {
      for (const exercise of exercises) {
        const real = answer.body[list]?.find((item) => (item as { exercise: string }).exercise === exercise.exercise)
        expect(real).toMatchObject(exercise)
      }
    }
  })

  test('shows requests that can be sent one after the other', async () => {
    const requests = blocks.filter((block) => block.language === 'http').slice(1)
    expect(requests).toHaveLength(5)
    const ids: Record<string, string> = {}
    for (const { text } of requests) {
      const { method, path, key, body } = readRequest(text)
      const filled = path.replace(/^\/v1/, '').replace(/\{(\w+)\}/g, (_, name) => ids[name] ?? 'missing')
      const send = () =>
        clinic.send<{ id: string; permitted?: unknown[] }>(
          method,
          filled,
          body,
          key === undefined ? {} : { 'idempotency-key': key },
        )
      const answer = await send()
      if (key !== undefined) expect((await send()).text).toBe(answer.text)
      expect({ path, status: answer.status }).toEqual({ path, status: method === 'POST' ? 201 : 200 })
      if (path.endsWith('/patients')) ids.patient = answer.body.id
      if (path.endsWith('/episodes')) ids.episode = answer.body.id
      if (method === 'GET') expect(answer.body.permitted).not.toHaveLength(0)
    }
  })

  test('names only commands that exist, each run by a test or by .ci/run', () => {
    const commands = blocks.filter((block) => block.language === 'sh').flatMap((block) => block.text.trim().split('\n'))
    const whereItRuns: Record<string, () => void> = {
      'npm ci': () => expect(ciRun()).toContain('npm ci'),
      'npm start': () => expectTestOf('src/server.ts', manifest.scripts.start),
      'npm run clinic -- create "Second clinic" --time-zone America/New_York': () =>
        expectTestOf('src/commands/clinic.ts', manifest.scripts.clinic),
      ...Object.fromEntries(
        [
          'npm run clinic -- list',
          'npm run clinic -- add-key <clinic id> "Key of the manager" --role administrator --days 90',
          'npm run clinic -- suspend <clinic id>',
        ].map((command) => [command, () => expectTestOf('src/commands/clinic.ts', manifest.scripts.clinic)]),
      ),
      'npm run backup -- clinic.backup': () => expectTestOf('src/commands/backup.ts', manifest.scripts.backup),
      'npm run restore -- clinic.backup': () => expectTestOf('src/commands/restore.ts', manifest.scripts.restore),
      ...Object.fromEntries(
        ['npm run audit -- heads --out heads.txt', 'npm run audit -- verify --heads heads.txt'].map((command) => [
          command,
          () => expectTestOf('src/commands/audit.ts', manifest.scripts.audit),
        ]),
      ),
      'POSTGRES_PASSWORD=… BOOTSTRAP_API_KEY=… docker compose up --build': () =>
        expect(existsSync(resolve(root, 'tests/containers.test.ts'))).toBe(true),
      'npm test': () => expect(ciRun()).toContain('npm test'),
      'npm run test:zones': () => expect(ciRun()).toContain('npm run test:zones'),
      'npm run typecheck': () => expect(ciRun()).toContain('npm run typecheck'),
      'npm run lint': () => expect(ciRun()).toContain('npm run lint'),
      'npm run test:oracle': () =>
        expectTestOf('tests/rules/compare.ts', manifest.scripts['test:oracle'], 'tests/rules'),
      'npm run test:mutations': () =>
        expect(existsSync(resolve(root, manifest.scripts['test:mutations'].split(' ').at(-1)))).toBe(true),
      'npm run test:safety': () => expectTestOf('tests/safety/run.ts', manifest.scripts['test:safety'], 'tests/safety'),
      'npx rehab-protocol caseload --server http://127.0.0.1:3000 --output caseload.ndjson': () => {
        expectCommandOf('rehab-protocol')
        expect(readFileSync(resolve(root, 'tests/service/caseload-command.test.ts'), 'utf8')).toContain(
          "'bin/rehab-protocol.js', 'caseload', '--server'",
        )
      },
      'npx rehab-protocol check prisma/library/acdf.yaml': () => expectCommandOf('rehab-protocol'),
      'npx rehab-protocol hash prisma/library/acdf.yaml': () => expectCommandOf('rehab-protocol'),
      'npx rehab-protocol diff prisma/library/alif.yaml prisma/library/plif.yaml': () =>
        expectCommandOf('rehab-protocol'),
      'npm run openapi': () => {
        expect(ciRun()).toContain('npm run openapi:check')
        expect(manifest.scripts['openapi:check']).toBe(`${manifest.scripts.openapi} --check`)
      },
    }
    expect(commands.sort()).toEqual(Object.keys(whereItRuns).sort())
    for (const check of Object.values(whereItRuns)) check()
  })

  test('names no script that is not there', () => {
    const scripts = [...readme.matchAll(/`npm run (?:--silent )?([\w:]+)/g)].map(([, name = '']) => name)
    expect(scripts).toContain('test:pgbouncer')
    for (const name of scripts) {
      const [, file = ''] = (manifest.scripts[name] ?? '').split(' ')
      expect({ name, isThere: existsSync(resolve(root, file)) }).toEqual({ name, isThere: true })
    }
  })

  test('shows an identity provider that can be configured', () => {
    const shown = blocks.find(({ language, text }) => language === 'json' && text.includes('issuer'))?.text
    expect(readConfig({ OIDC_ISSUERS: shown }).tokenIssuers).toHaveLength(1)
  })

  test('names every role', () => {
    for (const role of roleNames) expect(readme).toContain(`| \`${role}\` |`)
  })

  test('names every setting, and no other', () => {
    const config = readFileSync(resolve(root, 'src/config.ts'), 'utf8')
    const settings = [...config.matchAll(/^ {2}([A-Z][A-Z_]+): (?:z|wholeNumber)\b/gm)].map(([, name]) => name)
    const named = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name)
    expect(named).toEqual(settings)
  })

  test('links only to pages that exist', () => {
    const linked = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path = '']) => path)
    expect(linked.length).toBeGreaterThan(0)
    expect(linked.filter((path) => !existsSync(resolve(root, path)))).toEqual([])
  })

  test('names only folders that exist', () => {
    const named = [...readme.matchAll(/^(\w+\/[\w./-]*)\s{2,}/gm)].map(([, path = '']) => path)
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((path) => !existsSync(resolve(root, path)))).toEqual([])
  })
})

function ciRun(): string {
  return readFileSync(resolve(root, '.ci/run'), 'utf8')
}

/** The package has that command, and a test runs it on that file. */
function expectCommandOf(name: string): void {
  expect(existsSync(resolve(root, JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')).bin[name]))).toBe(
    true,
  )
  expect(readFileSync(resolve(root, 'tests/service/protocol-command.test.ts'), 'utf8')).toContain('acdf.yaml')
}

/** The script runs that file, perhaps with options of Node, and a test runs that file as a process. */
function expectTestOf(file: string, script: string, tests = 'tests/service'): void {
  const words = script.split(' ')
  expect([words[0], words.at(-1), ...words.slice(1, -1).filter((word) => !word.startsWith('--'))]).toEqual([
    'node',
    file,
  ])
  const folder = resolve(root, tests)
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  const texts = names.map((name) => readFileSync(resolve(folder, name), 'utf8'))
  expect(texts.some((text) => text.includes(`'${file}'`))).toBe(true)
}
