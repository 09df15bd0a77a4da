import { addDays, derive } from '../src/rules/index.ts'
import { makeCases, surgeryDate } from './cases.ts'
import { show, toTable } from './table.ts'

const warmUp = 1000
const counts = [1000, 10_000, 100_000]

/** Heap in use after so many answers, each to another question, none of them kept. */
export function measureMemory(): { text: string; data: unknown } {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error('start with --expose-gc')
  const cases = makeCases(4)
  const used = () => {
    collect()
    collect()
    return process.memoryUsage().heapUsed
  }
  const ask = (number: number) => {
    const asked = cases[number % cases.length]
    if (asked === undefined) return
    // Another record and another date every time: what is remembered by them would show.
    const on = addDays(surgeryDate, number % 3650)
    const entries = structuredClone(asked.entries)
    derive({ versions: [asked.version], entries, on, knownAt: asked.knownAt, ahead: false })
  }
  for (let number = 0; number < warmUp; number += 1) ask(number)
  const before = used()
  let answered = 0
  const steps = counts.map((count) => {
    for (; answered < count; answered += 1) ask(answered)
    return { count, bytes: used() }
  })
  const text = toTable(
    ['answers', 'kB in use', 'more than before'],
    [
      ['none (warm)', show(before / 1024), ''],
      ...steps.map(({ count, bytes }) => [show(count), show(bytes / 1024), show((bytes - before) / 1024)]),
    ],
  )
  return { text, data: { before, steps } }
}
