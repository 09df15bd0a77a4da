import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// The whole suite west of Greenwich, and what has to do with dates twice more east of it: a date that goes through a
// local midnight is wrong in one of them. In Auckland the clocks change in the other half of the year, and Kiritimati is
// fourteen hours ahead, a day before everybody else.
const dated = [
  ...['calendar-date', 'golden', 'oracle', 'timeline'].map((name) => `tests/rules/${name}`),
  'tests/db/dates',
  ...['acceptance', 'golden'].map((name) => `tests/features/${name}`),
]
const runs: readonly { zone: string; only: readonly string[]; randomCases: string }[] = [
  { zone: 'America/New_York', only: [], randomCases: '20000' },
  { zone: 'Pacific/Auckland', only: dated, randomCases: '1000' },
  { zone: 'Pacific/Kiritimati', only: dated, randomCases: '1000' },
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
  try {
    const { status } = spawnSync(
      process.execPath,
      [jest, '--maxWorkers=100%', '--json', `--outputFile=${report}`, ...args],
      {
        cwd: root,
        stdio: ['ignore', 'ignore', 'inherit'],
        env: {
          ...process.env,
          TZ: zone,
          RULES_RANDOM_CASES: process.env.RULES_RANDOM_CASES ?? randomCases,
          NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
        },
      },
    )
    const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = JSON.parse(
      readFileSync(report, 'utf8'),
    )
    return {
      passed: numPassedTests,
      // A file that cannot be loaded has no test to count, and is a failure all the same.
      failed: numFailedTests + numRuntimeErrorTestSuites,
      skipped: numPendingTests,
      ok: status === 0,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const wanted = process.argv.slice(2)
const started = Date.now()
const outcomes = runs.map(({ zone, only, randomCases }) => {
  process.stderr.write(`\nTime zone ${zone}\n`)
  return runJest(zone, randomCases, wanted.length > 0 ? [...wanted, '--passWithNoTests'] : only)
})
const total = (key: 'passed' | 'failed' | 'skipped'): number => outcomes.reduce((sum, outcome) => sum + outcome[key], 0)
const skipped = total('skipped') > 0 ? `, ${total('skipped')} skipped` : ''
const ok = outcomes.every((outcome) => outcome.ok) && total('passed') > 0

process.stdout.write(`\n${Math.round((Date.now() - started) / 1000)} s\n`)
process.stdout.write(`${total('passed')} passed, ${total('failed')} failed${skipped}\n`)
process.exitCode = ok ? 0 : 1
