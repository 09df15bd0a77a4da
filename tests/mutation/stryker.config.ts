import type { PartialStrykerOptions } from '@stryker-mutator/api/core'

const results = 'coverage/mutation'

const options: PartialStrykerOptions = {
  mutate: ['src/rules/**/*.ts'],
  plugins: ['./tests/mutation/test-runner.ts', './tests/mutation/survivors-reporter.ts'],
  testRunner: 'in-process',
  coverageAnalysis: 'perTest',
  concurrency: Number(process.env.MUTATION_WORKERS ?? 2),
  // The code of earlier loads stays in memory.
  maxTestRunnerReuse: 100,
  // The run without a mutant, which sets the measure, is some three times as slow as one with a mutant.
  timeoutMS: 8_000,
  timeoutFactor: 1,
  thresholds: { high: 95, low: 90, break: 90 },
  // Only what the tests read: neither type checks nor package.json have a part in the run.
  ignorePatterns: ['/*', '!/prisma', '!/src', '!/tests'],
  disableTypeChecks: false,
  tempDirName: `${results}/sandboxes`,
  reporters: ['clear-text', 'progress-append-only', 'html', 'json', 'survivors'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, reportMutants: false },
  htmlReporter: { fileName: `${results}/report.html` },
  jsonReporter: { fileName: `${results}/report.json` },
}

export default options
