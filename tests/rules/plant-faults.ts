/** Plants each of the faults in a copy of `src/rules` and prints how many golden cases notice it, as JSON. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { type Derive, type GoldenCase, readGolden } from './golden.ts'
import { type Fault, faults } from './planted-faults.ts'

const rules = path.resolve(import.meta.dirname, '../../src/rules')

/** Plants the fault in the source of its module; says so if the source has changed too much for that. */
function plant(fault: Fault, source: string): string {
  const [before, after, ...more] = source.split(fault.replace)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`the fault "${fault.name}" must replace text that occurs once in ${fault.in}.ts: ${fault.replace}`)
  }
  return `${before}${fault.by}${after}`
}

async function importCopy(folder: string, fault: Fault | null): Promise<Derive> {
  cpSync(rules, folder, { recursive: true })
  if (fault !== null) {
    const file = path.join(folder, `${fault.in}.ts`)
    writeFileSync(file, plant(fault, readFileSync(file, 'utf8')))
  }
  const copy: { derive: Derive } = await import(pathToFileURL(path.join(folder, 'index.ts')).href)
  return copy.derive
}

function passes(golden: GoldenCase, derive: Derive): boolean {
  try {
    return isDeepStrictEqual(golden.answer(derive), golden.expected)
  } catch {
    return false
  }
}

/** How many golden cases that pass without the fault fail with it. */
async function countNoticed(): Promise<Record<string, number>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'planted-faults-'))
  try {
    const derive = await importCopy(path.join(folder, 'without'), null)
    const passing = readGolden().cases.filter((golden) => passes(golden, derive))
    const noticed: Record<string, number> = {}
    for (const [index, fault] of faults.entries()) {
      const faulty = await importCopy(path.join(folder, `${index}`), fault)
      noticed[fault.name] = passing.filter((golden) => !passes(golden, faulty)).length
    }
    return noticed
  } finally {
    rmSync(folder, { recursive: true })
  }
}

process.stdout.write(JSON.stringify(await countNoticed()))
