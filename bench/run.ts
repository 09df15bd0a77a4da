import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { semanticsVersion } from '../src/rules/index.ts'
import { measureCaseload } from './caseload.ts'
import { measureGrowth } from './growth.ts'
import { measureAnswer } from './http/answer.ts'
import { type Measurements, panelsOf } from './http/figures.ts'
import { measureLean } from './http/lean.ts'
import { measureScale } from './http/scale.ts'
import { measureImpact } from './impact.ts'
import { measureMemory } from './memory.ts'
import type { Options, Part } from './options.ts'
import { measurePeers } from './peers.ts'
import { drawPanels } from './picture.ts'

const parts: Record<string, (options: Options) => Part | Promise<Part>> = {
  peers: measurePeers,
  growth: measureGrowth,
  memory: measureMemory,
  impact: measureImpact,
  caseload: measureCaseload,
  answer: measureAnswer,
  scale: measureScale,
  lean: measureLean,
}
const flags = ['--short', '--million', '--profile']
const given = process.argv.slice(2)
const asked = given.filter((name) => !flags.includes(name))
const options: Options = {
  isShort: given.includes('--short'),
  toMillion: given.includes('--million'),
  withProfile: given.includes('--profile'),
}
const unknown = asked.filter((name) => !Object.hasOwn(parts, name))
if (unknown.length > 0) {
  process.stderr.write(
    `no such part: ${unknown.join(', ')}; there are ${[...Object.keys(parts), ...flags].join(', ')}\n`,
  )
  process.exit(2)
}

const folder = new URL('data/', import.meta.url)
const file = new URL('results.json', folder)
mkdirSync(folder, { recursive: true })

// What was measured before of the other parts stays.
const results: Record<string, unknown> = {
  ...(existsSync(file) && JSON.parse(readFileSync(file, 'utf8'))),
  node: process.version,
  processors: availableParallelism(),
  semantics: semanticsVersion,
}
for (const [name, measure] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  process.stderr.write(`measuring ${name} …\n`)
  const { text, data } = await measure(options)
  process.stdout.write(`${text}\n\n`)
  writeFileSync(new URL(`${name}${options.withProfile ? '-profile' : ''}.txt`, folder), `${text}\n`)
  if (options.withProfile) continue
  results[name] = { date: new Date().toISOString(), ...options, ...(data as object) }
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
}

const panels = panelsOf(results as Measurements)
const title = `Seen on ${availableParallelism()} processors, the load generator on the same ones; Node ${process.version}`
writeFileSync(new URL('figures.svg', folder), drawPanels(title, panels))
