import { addDays, derive, type ProtocolVersion, type RecordEntry } from '../src/rules/index.ts'
import { knownAt, momentOf, openRecord, surgeryDate } from './cases.ts'
import { everyKindOfRule } from './every-kind-of-rule.ts'
import { documentOfRules, recordOfEntries } from './generated.ts'
import { show, toTable } from './table.ts'

const rounds = 5
const leastMilliseconds = 60
const askedOn = addDays(surgeryDate, 60)

/** What the generated documents ask about: one milestone and one fact of two each. */
const patientEntries: readonly RecordEntry[] = [
  {
    kind: 'milestone',
    id: 'discharge',
    revision: 3,
    recordedAt: momentOf(3),
    code: 'discharge',
    on: addDays(surgeryDate, 3),
    grantedBy: null,
  },
  {
    kind: 'fact',
    id: 'pain',
    revision: 4,
    recordedAt: momentOf(4),
    code: 'pain',
    value: 4,
    on: addDays(surgeryDate, 55),
  },
]

interface Step {
  count: number
  microseconds: number
  /** The first answer from a document, which compiles it as well. */
  first: number
}

interface Subject {
  count: number
  version: ProtocolVersion
  entries: readonly RecordEntry[]
}

function ask(version: ProtocolVersion, entries: readonly RecordEntry[]): number {
  const begun = performance.now()
  derive({ versions: [version], entries, on: askedOn, knownAt, ahead: false })
  return (performance.now() - begun) * 1000
}

/** The sizes in turn, round after round. */
function timeSizes(subjects: readonly Subject[]): Step[] {
  const rows = subjects.map((subject) => ({ ...subject, firsts: [] as number[], times: [] as number[] }))
  for (let round = -1; round < rounds; round += 1) {
    for (const { version, entries, firsts, times } of rows) {
      const first = ask({ ...version, document: structuredClone(version.document) }, structuredClone(entries))
      ask(version, entries)
      let spent = 0
      let answers = 0
      while (spent < leastMilliseconds * 1000) {
        spent += ask(version, entries)
        answers += 1
      }
      if (round >= 0) {
        firsts.push(first)
        times.push(spent / answers)
      }
    }
  }
  // The least: whatever else the machine does only adds.
  return rows.map(({ count, firsts, times }) => {
    return { count, microseconds: Math.min(...times), first: Math.min(...firsts) }
  })
}

/** Exponent of the growth by least squares on logarithms: 1 is linear. */
function slopeOf(steps: readonly Step[]): number {
  const points = steps.map(({ count, microseconds }) => [Math.log(count), Math.log(microseconds)] as const)
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(([value]) => value)), mean(points.map(([, value]) => value))]
  const covariance = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0)
  return covariance / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0)
}

function report(what: string, one: string, subjects: readonly Subject[]): { text: string; data: unknown } {
  const steps = timeSizes(subjects)
  const slope = slopeOf(steps)
  const lastDecade = slopeOf(steps.slice(-2))
  const text = [
    toTable(
      [what, 'µs an answer', `ns a ${one}`, 'µs the first time'],
      steps.map(({ count, microseconds, first }) => [
        show(count),
        show(microseconds),
        show((microseconds / count) * 1000),
        show(first),
      ]),
    ),
    `Exponent of the growth: ${slope.toFixed(2)}, from the last but one size to the last ${lastDecade.toFixed(2)} (1 is linear).`,
  ].join('\n')
  return { text, data: { steps, slope, lastDecade } }
}

export function measureGrowth(): { text: string; data: unknown } {
  const rules = report(
    'rules',
    'rule',
    [10, 100, 1000, 10_000].map((count) => {
      const version = { id: `rules-${count}`, version: 1, document: documentOfRules(count) }
      return { count, version, entries: [...openRecord(version), ...patientEntries] }
    }),
  )
  const version = { id: everyKindOfRule.code, version: 1, document: everyKindOfRule }
  const entries = report(
    'entries',
    'entry',
    [1, 10, 100, 1000, 10_000].map((count) => ({ count, version, entries: recordOfEntries(version, count) })),
  )
  return { text: `${rules.text}\n\n${entries.text}`, data: { rules: rules.data, entries: entries.data } }
}
