import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { logsVariable } from './support/logged-secrets.ts'
import { searchLogs } from './support/search-logs.ts'

// A date that goes through a local midnight is wrong either west or east of Greenwich. In Auckland the clocks change in the
// other half of the year, and Kiritimati is fourteen hours ahead, a day before everybody else.
interface Run {
  zone: string
  only: readonly string[]
  without?: readonly string[]
  randomCases: string
}

const named = (folder: string, names: readonly string[]): string[] => names.map((name) => `tests/${folder}/${name}`)

/** What `npm test` has no time for; `--zones` has it too. */
const long = [
  ...named('rules', ['check-bounds', 'compare', 'diff-bounds', 'diff-confirmed', 'planted-faults']),
  'tests/published',
  ...named('db', ['embedded-postgres', 'backup', 'plans', 'migrations']),
  ...named('service', ['start', 'lean', 'backup', 'caseload-command', 'protocol-command', 'replicas']),
  ...named('http', ['docs-page', 'openapi.test', 'failing-database', 'limits', 'rate-limits', 'time-limit']),
  ...named('features', ['safe-writes', 'draft-parts', 'moves', 'concurrent-updates', 'caseload-stream', 'staleness']),
  ...named('features', ['bounds', 'merge', 'pool', 'vanishing-drafts']),
  'tests/walkthrough',
]

/** The suite west of Greenwich: `--zones` has what has to do with dates east of it. */
const usual: readonly Run[] = [{ zone: 'America/New_York', only: [], without: long, randomCases: '20000' }]

/** Everything that has to do with dates, in both zones: `--zones`. */
const dated = [
  ...named('rules', ['calendar-date', 'golden', 'oracle', 'properties', 'timeline']),
  'tests/library',
  'tests/db/dates',
  ...named('features', ['acceptance', 'ahead', 'episodes', 'golden', 'permitted-exercises', 'record', 'simulations']),
]
const eastern: readonly Run[] = [
  { zone: 'Pacific/Auckland', only: [...dated, ...long], randomCases: '1000' },
  { zone: 'Pacific/Kiritimati', only: [...dated, 'tests/published'], randomCases: '1000' },
]

const jest = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))

interface Outcome {
  passed: number
  failed: number
  skipped: number
  ok: boolean
}

function runJest(zone: string, randomCases: string, args: readonly string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'rehab-results-'))
  const report = join(folder, 'report.json')
  const logs = mkdtempSync(join(tmpdir(), 'rehab-logs-'))
  try {
    const { status } = spawnSync(
      process.execPath,
      [jest, '--maxWorkers=100%', '--json', `--outputFile=${report}`, ...args],
      {
        cwd: root,
        stdio: ['ignore', 'ignore', 'inherit'],
        env: {
          ...process.env,
          [logsVariable]: logs,
          TZ: zone,
          RULES_RANDOM_CASES: process.env.RULES_RANDOM_CASES ?? randomCases,
          NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
        },
      },
    )
    const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = JSON.parse(
      readFileSync(report, 'utf8'),
    )
    const kept = isKept(logs)
    return {
      passed: numPassedTests,
      // A file that cannot be loaded has no test to count, and is a failure all the same; so is a log that tells too much.
      failed: numFailedTests + numRuntimeErrorTestSuites + (kept ? 0 : 1),
      skipped: numPendingTests,
      ok: kept && status === 0,
    }
  } finally {
    rmSync(logs, { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
  }
}

/** No secret and nothing of a patient that a test has sent is in a log. */
function isKept(logs: string): boolean {
  const { lines, secrets, found } = searchLogs(logs)
  process.stderr.write(
    `\n${lines} lines of logs searched for ${secrets} secrets and patients’ values: ${found.length} found\n`,
  )
  for (const { value, line } of found.slice(0, 20))
    process.stderr.write(`  ${JSON.stringify(value)} in ${line.slice(0, 500)}\n`)
  return found.length === 0 && (wanted.length > 0 || lines > 0)
}

const args = process.argv.slice(2)
const wanted = args.filter((arg) => arg !== '--zones')
const runs = args.includes('--zones') ? eastern : usual
const started = Date.now()
const outcomes = runs.map(({ zone, only, without = [], randomCases }) => {
  process.stderr.write(`\nTime zone ${zone}\n`)
  const parts = [...only, ...without.map((path) => `--testPathIgnorePatterns=${path}`)]
  return runJest(zone, randomCases, wanted.length > 0 ? [...wanted, '--passWithNoTests'] : parts)
})
const total = (key: 'passed' | 'failed' | 'skipped'): number => outcomes.reduce((sum, outcome) => sum + outcome[key], 0)
const skipped = total('skipped') > 0 ? `, ${total('skipped')} skipped` : ''
const ok = outcomes.every((outcome) => outcome.ok) && total('passed') > 0

process.stdout.write(`\n${Math.round((Date.now() - started) / 1000)} s\n`)
process.stdout.write(`${total('passed')} passed, ${total('failed')} failed${skipped}\n`)
process.exitCode = ok ? 0 : 1
