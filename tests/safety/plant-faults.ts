/** Plants each of the faults in a copy of the project, and runs the test that must notice it: `node tests/safety/plant-faults.ts`. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Figures } from './figures.ts'
import { type Fault, faults } from './planted-faults.ts'

const root = path.resolve(import.meta.dirname, '../..')
const needed = ['src', 'tests', 'prisma', 'openapi', 'bin', 'package.json', 'tsconfig.json']

/** The source with the fault; says so if the source has changed too much for that. */
export function plant(fault: Fault, source: string): string {
  const [before, after, ...more] = source.split(fault.replace)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`the fault "${fault.name}" must replace text that occurs once in ${fault.in}: ${fault.replace}`)
  }
  return `${before}${fault.by}${after}`
}

interface Outcome {
  passed: number
  failed: number
}

/** A file that cannot be loaded has failed: a service that does not start with the fault is one that notices it. */
function runTest(folder: string, { file, title }: Fault['noticedBy']): Outcome {
  const report = path.join(folder, 'report.json')
  rmSync(report, { force: true })
  const pattern = title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  spawnSync(
    process.execPath,
    [
      path.join(root, 'node_modules/jest/bin/jest.js'),
      file,
      ...(title === '' ? [] : ['-t', pattern]),
      '-w',
      '1',
      '--json',
      `--outputFile=${report}`,
    ],
    {
      cwd: folder,
      stdio: 'ignore',
      timeout: 240_000,
      env: {
        ...process.env,
        TZ: 'America/New_York',
        NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
      },
    },
  )
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(report, 'utf8'))
  return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites }
}

/** Where nothing is planted, each of the tests must pass: one that cannot pass would notice everything. */
export function plantFaults(chosen: readonly Fault[] = faults): Figures {
  const folder = mkdtempSync(path.join(tmpdir(), 'rehab-faults-'))
  const unnoticed: string[] = []
  try {
    for (const name of needed) cpSync(path.join(root, name), path.join(folder, name), { recursive: true })
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
    for (const fault of chosen) {
      const sound = runTest(folder, fault.noticedBy)
      const source = path.join(folder, fault.in)
      const before = readFileSync(source, 'utf8')
      writeFileSync(source, plant(fault, before))
      const faulty = runTest(folder, fault.noticedBy)
      writeFileSync(source, before)
      const isNoticed = sound.failed === 0 && sound.passed > 0 && faulty.failed > 0
      if (!isNoticed) unnoticed.push(fault.name)
      const without =
        sound.failed === 0 && sound.passed > 0 ? '' : ` (without it: ${sound.passed} passed, ${sound.failed} failed)`
      process.stderr.write(`${isNoticed ? 'red' : 'NOT NOTICED'}: ${fault.name}${without}\n`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    title: 'planted faults',
    figures: `${chosen.length - unnoticed.length} of ${chosen.length} turn their test red${unnoticed.length > 0 ? `; not noticed: ${unnoticed.join(', ')}` : ''}`,
    passed: unnoticed.length === 0,
  }
}

if (import.meta.main) {
  const [part = ''] = process.argv.slice(2)
  const { figures, passed } = plantFaults(faults.filter(({ name }) => name.includes(part)))
  process.stdout.write(`${figures}\n`)
  process.exitCode = passed ? 0 : 1
}
