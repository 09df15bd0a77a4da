import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'

/** How the tests' processes learn of the run's folder, which goes with the run. */
export const folderVariable = 'REHAB_TEST_FOLDER'

/** A folder for a test, which need not delete it. Every user may enter the folders above it. */
export async function createTestFolder(): Promise<string> {
  const run = process.env[folderVariable]
  if (run === undefined) throw new Error('no folder for the run: is globalSetup in the jest configuration?')
  return mkdtemp(join(run, 'test-'))
}
