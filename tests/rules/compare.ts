/**
 * Compares `derive` with the oracle on random cases: `npm run test:oracle -- [cases] [seed]`, or RULES_RANDOM_CASES and
 * RULES_SEED. A case is one date of one random situation.
 */
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import fc from 'fast-check'
import { derive } from '../../src/rules/index.ts'
import { type Difference, findDifference } from './agreement.ts'
import { expectedKinds } from './coverage.ts'
import { shrink } from './shrink.ts'
import { coverageOf, type Situation, situations, smallSituations } from './situations.ts'

const batch = 100
/** Every so many situations one is small, and the ways forward are searched by trying. */
const smallEvery = 5
const triesEach = 3000

type Report =
  | { kind: 'batch'; counts: [string, number][] }
  | { kind: 'difference'; seed: number; difference: Difference; situation: Situation }

interface Share {
  first: number
  step: number
}

/** Batches number `first`, `first + step` and so on, until the thread is ended. */
function work({ first, step }: Share): void {
  for (let seed = first; ; seed += step) {
    const counts = new Map<string, number>()
    const note = (kind: string): void => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1)
    }
    const drawn = fc.oneof(
      {
        weight: smallEvery - 1,
        arbitrary: situations(22, 10).map((situation) => ({ situation, tries: 0 })),
      },
      { weight: 1, arbitrary: smallSituations(2).map((situation) => ({ situation, tries: triesEach })) },
    )
    const property = fc.property(drawn, ({ situation, tries }) => {
      for (const kind of new Set(coverageOf(situation))) note(kind)
      return findDifference(situation, derive, { tries, note }) === null
    })
    const { failed, counterexample } = fc.check(property, { seed, numRuns: batch, endOnFailure: true })
    if (failed) {
      const [{ situation, tries }] = counterexample ?? [{ situation: null, tries: 0 }]
      if (situation !== null) reportDifference(seed, situation, tries)
      return
    }
    send({ kind: 'batch', counts: [...counts] })
  }
}

function reportDifference(seed: number, situation: Situation, tries: number): void {
  const compare = (candidate: Situation) => findDifference(candidate, derive, { tries, note: () => {} })
  let first: Difference | null
  try {
    first = compare(situation)
  } catch (error) {
    first = { what: 'an exception', day: situation.days[0] ?? 0, derived: `${error}`, consulted: null }
  }
  if (first === null) return
  const { what, day } = first
  const smallest = shrink(
    { ...situation, days: [day] },
    (candidate) => compare(candidate)?.what === what,
    Date.now() + 60_000,
  )
  const difference = what === 'an exception' ? first : (compare(smallest) ?? first)
  send({ kind: 'difference', seed, difference, situation: smallest })
}

function send(report: Report): void {
  parentPort?.postMessage(report)
}

async function main(): Promise<void> {
  const [cases = process.env.RULES_RANDOM_CASES, chosen = process.env.RULES_SEED] = process.argv.slice(2)
  const wanted = Number(cases ?? 1_000_000)
  const seed = Number(chosen ?? Date.now() % 2_000_000_000)
  if (!Number.isSafeInteger(wanted) || wanted < 1 || !Number.isSafeInteger(seed)) {
    process.stderr.write('usage: npm run test:oracle -- [cases] [seed]\n')
    process.exitCode = 2
    return
  }
  process.stdout.write(`seed ${seed}\n`)
  const started = Date.now()
  const reached = new Map<string, number>()
  const count = (kind: string): number => reached.get(kind) ?? 0
  const step = Math.max(2, Math.min(2, availableParallelism()))
  let nextLine = 0

  const difference = await new Promise<Extract<Report, { kind: 'difference' }> | null>((resolve, reject) => {
    const workers = Array.from({ length: step }, (_, index) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { first: seed + index, step } satisfies Share })
      worker.on('error', reject)
      worker.on('message', (report: Report) => {
        if (report.kind === 'difference') {
          end(report)
          return
        }
        for (const [kind, times] of report.counts) reached.set(kind, count(kind) + times)
        if (Date.now() >= nextLine) {
          nextLine = Date.now() + 10_000
          const seconds = Math.round((Date.now() - started) / 1000)
          process.stderr.write(`${count('case')} of ${wanted} cases, ${seconds} s\n`)
        }
        if (count('case') >= wanted) end(null)
      })
      return worker
    })
    function end(found: Extract<Report, { kind: 'difference' }> | null): void {
      resolve(found)
      for (const worker of workers) worker.terminate()
    }
  })

  for (const [kind, times] of [...reached].sort(([a], [b]) => (a < b ? -1 : 1))) {
    process.stdout.write(`${String(times).padStart(9)} ${kind}\n`)
  }
  if (difference !== null) {
    process.stdout.write(`${JSON.stringify(difference, null, 1)}\n`)
    process.stdout.write(
      `${count('case')} cases, then a difference in batch ${difference.seed}: ${difference.difference.what}\n`,
    )
    process.exitCode = 1
    return
  }
  const lacking = expectedKinds.filter((kind) => count(kind) === 0)
  // A short run need not meet everything.
  if (lacking.length > 0 && wanted >= 20_000) {
    process.stdout.write(`never reached: ${lacking.join(', ')}\n`)
    process.exitCode = 1
  }
  process.stdout.write(`${count('case')} cases, 0 differences\n`)
}

if (isMainThread) await main()
else work(workerData)
