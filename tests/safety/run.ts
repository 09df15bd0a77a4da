/** `npm run test:safety`: every figure that SECURITY.md rests on. With names of parts, only those. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')

interface Part {
  name: string
  title: string
  /** What Node runs. */
  args: readonly string[]
}

const suites = (folder: string, names: readonly string[]): string[] =>
  names.map((name) => `tests/${folder}/${name}.test`)

const own = (name: string, ...args: string[]): readonly string[] => [`tests/safety/${name}.ts`, ...args]

const parts: readonly Part[] = [
  {
    name: 'routes',
    title: 'every route × role × clinic, keys, tokens and clients',
    args: ['tests/run.ts', ...suites('features', ['isolation', 'access-tokens', 'api-keys', 'clients'])],
  },
  {
    name: 'limits',
    title: '200 changes at once, a full pool, limits of rate, size and time, load that is shed',
    args: [
      'tests/run.ts',
      ...suites('features', ['concurrent-updates', 'safe-writes', 'pool']),
      ...suites('http', ['rate-limits', 'limits']),
    ],
  },
  {
    name: 'backups',
    title: 'backups, and restores of what is whole, cut off or altered',
    args: ['tests/run.ts', ...suites('db', ['backup']), ...suites('service', ['backup'])],
  },
  { name: 'isolation', title: 'no filter of the application, a full pool, cancelled requests', args: own('isolation') },
  { name: 'staleness', title: '10,000 changes and questions at two replicas', args: own('staleness') },
  { name: 'audit', title: 'one row of 100,000 altered, removed or inserted', args: own('audit') },
  { name: 'retries', title: 'lost answers and retries', args: own('retries') },
  { name: 'fuzz', title: '100,000 requests from the OpenAPI document', args: own('fuzz') },
  { name: 'crashes', title: '50 times kill -9 of PostgreSQL, 50 times of the service', args: own('crashes') },
  { name: 'faults', title: 'planted faults, each of which turns a test red', args: own('plant-faults') },
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !parts.some((part) => part.name === name))
if (unknown.length > 0) {
  process.stderr.write(`no part is called ${unknown.join(', ')}: ${parts.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}

const results = parts
  .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
  .map(({ name, title, args }) => {
    process.stdout.write(`\n# ${name}: ${title}\n`)
    const started = performance.now()
    const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
    const seconds = Math.round((performance.now() - started) / 1000)
    return { name, ok: status === 0, seconds }
  })

process.stdout.write('\n')
for (const { name, ok, seconds } of results) {
  process.stdout.write(`${ok ? 'passed' : 'FAILED'}  ${name.padEnd(10)} ${String(seconds).padStart(6)} s\n`)
}
const failed = results.filter(({ ok }) => !ok).length
process.stdout.write(`${results.length - failed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
