import { type Case, makeCases } from './cases.ts'
import type { Contender } from './contenders/contender.ts'
import { jsonRulesEngine } from './contenders/json-rules-engine.ts'
import { ours } from './contenders/ours.ts'
import { everyKindOfRule } from './every-kind-of-rule.ts'
import { compareAnswers, type Entrant, median, timeInRounds } from './measure.ts'
import { show, toTable } from './table.ts'

const rounds = 11
const leastMilliseconds = 60
const timedDays = [3, 27, 42, 84, 180]

/** How many times faster than each engine `derive` is meant to be. */
const targets = { 'json-rules-engine': 100, 'zen-engine': 25 }

/** Its native part is not there for every machine; without it the rest is still measured. */
async function loadZen(): Promise<typeof import('./contenders/zen-engine.ts') | null> {
  try {
    return await import('./contenders/zen-engine.ts')
  } catch (problem) {
    process.stderr.write(`zen-engine is left out, it does not load on this machine: ${String(problem)}\n`)
    return null
  }
}

function isOfLibrary({ version }: Case): boolean {
  return version.id !== everyKindOfRule.code
}

/** How much slower, round by round, so that what disturbs a round disturbs both. */
function ratioOf(times: readonly number[], own: readonly number[]): number {
  return median(times.map((time, round) => time / (own[round] ?? Number.NaN)))
}

export async function measurePeers(): Promise<{ text: string; data: unknown }> {
  const zen = await loadZen()
  const own = ours('derive', { ahead: false })
  const quick: Contender[] = [
    jsonRulesEngine('json-rules-engine, targets matched beforehand', 'reasons'),
    ...(zen
      ? [
          zen.zenEngine('zen-engine, targets matched beforehand, one expression', 'reasons', 'graph'),
          zen.zenEngine('zen-engine, targets matched beforehand, decision table', 'reasons', 'table'),
        ]
      : []),
    jsonRulesEngine('json-rules-engine, conditions only', 'conditions'),
    ...(zen
      ? [
          zen.zenEngine('zen-engine, conditions only, compiled', 'conditions', 'graph'),
          zen.zenEngine('zen-engine, conditions only, synchronous', 'conditions', 'expression'),
        ]
      : []),
  ]
  const slow: Contender[] = [
    jsonRulesEngine('json-rules-engine, rules as written', 'exercises'),
    ...(zen ? [zen.zenEngine('zen-engine, rules as written', 'exercises', 'graph')] : []),
  ]

  const compared = await compareAnswers(
    [own, ours('derive, with the ways forward', { ahead: true }), ...quick],
    makeCases(6),
  )
  const comparedSlow = await compareAnswers([own, ...slow], makeCases(1))

  const entrants: Entrant[] = [
    { contender: own },
    { contender: ours('derive, with the ways forward', { ahead: true }) },
    ...[...slow, ...quick].map((contender) => ({ contender })),
    ...(zen
      ? [{ contender: zen.zenEngine('zen-engine, one expression, 20 at a time', 'reasons', 'graph'), inFlight: 20 }]
      : []),
  ]
  const cases = makeCases(1, timedDays).filter(isOfLibrary)
  const timings = await timeInRounds(entrants, cases, { rounds, leastMilliseconds })
  const [reference] = timings
  if (reference === undefined) throw new Error('nothing was timed')

  const rows = timings.map((timing) => {
    const ratio = ratioOf(timing.rounds, reference.rounds)
    const processorRatio = ratioOf(timing.processor, reference.processor)
    const engine = (['json-rules-engine', 'zen-engine'] as const).find((name) => timing.name.startsWith(name))
    return { ...timing, ratio, processorRatio, target: engine === undefined ? null : targets[engine] }
  })
  const table = toTable(
    ['way of answering', 'µs an answer', 'least', 'most', '× derive', 'by processor time', 'target'],
    rows.map(({ name, median, least, most, ratio, processorRatio, target }) => [
      name,
      show(median),
      show(least),
      show(most),
      show(ratio),
      show(processorRatio),
      target === null ? '' : `${target} ${ratio >= target ? 'met' : 'missed'}`,
    ]),
  )
  const text = [
    `Answers alike: ${compared} cases (${comparedSlow} of them for rules as written).`,
    `Timed: ${cases.length} cases, ${rounds} rounds in turn; median, least and most of the rounds.`,
    table,
  ].join('\n')
  return { text, data: { compared, comparedSlow, cases: cases.length, rounds, timings: rows } }
}
