import { isDeepStrictEqual } from 'node:util'
import type { Case } from './cases.ts'
import type { Contender, Prepared } from './contenders/contender.ts'

/** Contenders that are asked alike: one question after the other, or several at a time. */
export interface Entrant {
  contender: Contender
  /** How many questions are under way at once; left out: one. */
  inFlight?: number
}

/** Microseconds for one answer, over the rounds. */
export interface Timing {
  name: string
  median: number
  least: number
  most: number
  /** Of each round. */
  rounds: readonly number[]
  /** Microseconds of processor time for one answer, all threads, of each round. */
  processor: readonly number[]
}

export function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b)
  const middle = ordered.length >> 1
  const upper = ordered[middle] ?? Number.NaN
  return ordered.length % 2 === 1 ? upper : ((ordered[middle - 1] ?? upper) + upper) / 2
}

type Preparations = Map<string, Prepared>

function prepareAll(contender: Contender, cases: readonly Case[]): Preparations {
  const versions = new Map(cases.map(({ version }) => [version.id, version]))
  return new Map([...versions.values()].map((version) => [version.id, contender.prepare(version)]))
}

function preparationFor(preparations: Preparations, { version }: Case): Prepared {
  const prepared = preparations.get(version.id)
  if (prepared === undefined) throw new Error(`nothing was prepared for ${version.id}`)
  return prepared
}

/** Throws at the first case on which two contenders differ; gives the number of cases compared. */
export async function compareAnswers(contenders: readonly Contender[], cases: readonly Case[]): Promise<number> {
  const [first, ...others] = contenders
  if (first === undefined) return 0
  const preparations = new Map(contenders.map((contender) => [contender, prepareAll(contender, cases)]))
  const answer = async (contender: Contender, asked: Case) => {
    const prepared = preparationFor(preparations.get(contender) ?? new Map(), asked)
    return prepared.read(await prepared.ask(asked), asked)
  }
  for (const asked of cases) {
    const expected = await answer(first, asked)
    for (const other of others) {
      const given = await answer(other, asked)
      if (isDeepStrictEqual(given, expected)) continue
      const differing = Object.keys(expected).filter(
        (key) => !isDeepStrictEqual(given[key as keyof typeof given], expected[key as keyof typeof expected]),
      )
      const lines = differing.flatMap((key) => [
        `${first.name}: ${JSON.stringify(expected[key as keyof typeof expected])}`,
        `${other.name}: ${JSON.stringify(given[key as keyof typeof given])}`,
      ])
      const where = `${asked.version.id}, day ${asked.variables.days}`
      throw new Error(`answers differ on ${where} in ${differing.join(', ')}\n${lines.join('\n')}`)
    }
  }
  return cases.length
}

/** Copies of what is asked, so that nothing remembered about a record can help. */
function freshCopies(cases: readonly Case[]): Case[] {
  return cases.map((asked) => ({
    ...asked,
    ...structuredClone({ entries: asked.entries, variables: asked.variables }),
  }))
}

async function askAll(preparations: Preparations, cases: readonly Case[], inFlight: number): Promise<void> {
  if (inFlight > 1) {
    for (let start = 0; start < cases.length; start += inFlight) {
      await Promise.all(
        cases.slice(start, start + inFlight).map((asked) => preparationFor(preparations, asked).ask(asked)),
      )
    }
    return
  }
  for (const asked of cases) {
    const given = preparationFor(preparations, asked).ask(asked)
    if (given instanceof Promise) await given
  }
}

/** Every contender on the same cases in turn, round after round; each for at least `leastMilliseconds` a round. */
export async function timeInRounds(
  entrants: readonly Entrant[],
  cases: readonly Case[],
  { rounds, leastMilliseconds }: { rounds: number; leastMilliseconds: number },
): Promise<Timing[]> {
  const prepared = entrants.map(({ contender, inFlight = 1 }) => {
    return {
      contender,
      inFlight,
      preparations: prepareAll(contender, cases),
      times: [] as number[],
      processor: [] as number[],
    }
  })
  // Round −1 warms up and is not counted.
  for (let round = -1; round < rounds; round += 1) {
    for (const { inFlight, preparations, times, processor } of prepared) {
      let spent = 0
      let spentByProcessor = 0
      let answers = 0
      while (spent < leastMilliseconds) {
        const copies = freshCopies(cases)
        const before = process.cpuUsage()
        const begun = performance.now()
        await askAll(preparations, copies, inFlight)
        spent += performance.now() - begun
        const { user, system } = process.cpuUsage(before)
        spentByProcessor += user + system
        answers += copies.length
      }
      if (round < 0) continue
      times.push((spent / answers) * 1000)
      processor.push(spentByProcessor / answers)
    }
  }
  return prepared.map(({ contender, times, processor }) => ({
    name: contender.name,
    median: median(times),
    least: Math.min(...times),
    most: Math.max(...times),
    rounds: times,
    processor,
  }))
}
