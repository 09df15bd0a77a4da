import { StartupError } from '../startup-error.ts'

/** Runs an operator's command that is about one file, and says what it did on the standard error, or why it did not. */
export async function runOperation(usage: string, work: (file: string) => Promise<string>): Promise<void> {
  const [file, ...rest] = process.argv.slice(2)
  if (file === '--help' || file === '-h') {
    process.stdout.write(`${usage}\n`)
    return
  }
  try {
    if (file === undefined || rest.length > 0 || (file.startsWith('-') && file !== '-')) throw new StartupError(usage)
    process.stderr.write(`${await work(file)}\n`)
  } catch (error) {
    const text =
      error instanceof StartupError || !(error instanceof Error) ? String((error as Error).message) : error.stack
    process.stderr.write(`${text}\n`)
    process.exitCode = 1
  }
}
