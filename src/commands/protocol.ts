import { runCaseload } from './protocol/caseload.ts'
import { UsageError } from './protocol/files.ts'
import { runCommand } from './protocol/run.ts'

try {
  const [name, ...args] = process.argv.slice(2)
  if (name === 'caseload') {
    const { env, stdout: out, stderr: err } = process
    process.exitCode = await runCaseload(args, { env, out, err })
  } else {
    // A reader like `head` closes the pipe when it has seen enough. A caseload that is not written whole says so instead.
    process.stdout.on('error', () => process.exit(0))
    const { text, complaint = '', code } = runCommand(process.argv.slice(2))
    process.stderr.write(complaint)
    process.stdout.write(text)
    process.exitCode = code
  }
} catch (error) {
  const isUsage =
    error instanceof UsageError ||
    (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  if (!isUsage) throw error
  process.stderr.write(`rehab-protocol: ${error.message}\n\`rehab-protocol --help\` says how it is used.\n`)
  process.exitCode = 2
}
