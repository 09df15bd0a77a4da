/** Plants each of the faults in a copy of `src/rules` and prints as JSON what notices it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { type GoldenCase, readGolden } from './golden.ts'
import { type Fault, faultOfProperty, faults } from './planted-faults.ts'
import { properties, type Rules } from './properties.ts'

/** What was noticed: by a golden case, and by each of the properties that were asked. */
export type Noticed = Record<string, { golden: boolean; properties: Record<string, boolean> }>

const folder = path.resolve(import.meta.dirname, '../../src/rules')
/** Read once: somebody may be working on them. */
const sources = new Map(
  readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [path.basename(file, '.ts'), readFileSync(path.join(folder, file), 'utf8')]),
)
const compiled = new Map([...sources].map(([name, source]) => [name, compile(source)]))
// The same cases each time: what is noticed once is noticed always.
fc.configureGlobal({ seed: 1 })
const runs = 300

/** Plants the fault in the source of its module; says so if the source has changed too much for that. */
function plant(fault: Fault, source: string): string {
  const [before, after, ...more] = source.split(fault.replace)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`the fault "${fault.name}" must replace text that occurs once in ${fault.in}.ts: ${fault.replace}`)
  }
  return `${before}${fault.by}${after}`
}

/** As it is run. */
function compile(source: string): string {
  return stripTypeScriptTypes(source).replaceAll(/(?<= from '\.\/[a-z-]+)\.ts(?=')/g, '.js')
}

async function importCopy(into: string, fault: Fault | null): Promise<Rules> {
  mkdirSync(into, { recursive: true })
  writeFileSync(path.join(into, 'package.json'), '{ "type": "module" }')
  for (const [name, code] of compiled) {
    const faulty = name === fault?.in ? compile(plant(fault, sources.get(name) ?? '')) : code
    writeFileSync(path.join(into, `${name}.js`), faulty)
  }
  // Not by the folder's door, behind which there is more than is looked at here.
  const [{ derive }, { timeline }] = await Promise.all(
    ['derive.js', 'timeline.js'].map((file) => import(pathToFileURL(path.join(into, file)).href)),
  )
  return { derive, timeline }
}

function passes(golden: GoldenCase, { derive }: Rules): boolean {
  try {
    return isDeepStrictEqual(golden.answer(derive), golden.expected)
  } catch {
    return false
  }
}

/** Whether each property of that name holds. */
function holds(name: string, rules: Rules): boolean {
  try {
    for (const property of properties.filter(({ of }) => of === name)) property.check(rules, runs)
    return true
  } catch {
    return false
  }
}

async function notice(): Promise<Noticed> {
  const copies = mkdtempSync(path.join(tmpdir(), 'planted-faults-'))
  try {
    const sound = await importCopy(path.join(copies, 'without'), null)
    const passing = readGolden().cases.filter((golden) => passes(golden, sound))
    const noticed: Noticed = {}
    for (const [index, fault] of faults.entries()) {
      const faulty = await importCopy(path.join(copies, `${index}`), fault)
      const asked = new Set([
        ...(fault.noticedBy === undefined ? [] : [fault.noticedBy]),
        ...Object.keys(faultOfProperty).filter((property) => faultOfProperty[property] === fault.name),
      ])
      noticed[fault.name] = {
        golden: passing.some((golden) => !passes(golden, faulty)),
        properties: Object.fromEntries([...asked].map((property) => [property, !holds(property, faulty)])),
      }
    }
    return noticed
  } finally {
    rmSync(copies, { recursive: true })
  }
}

process.stdout.write(JSON.stringify(await notice()))
