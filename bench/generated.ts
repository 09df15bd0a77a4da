import type {
  Contraindication,
  Exercise,
  Limit,
  Prescription,
  ProtocolDocument,
  ProtocolVersion,
  RecordEntry,
} from '../src/rules/index.ts'
import { addDays } from '../src/rules/index.ts'
import { momentOf, openRecord, randomValue, surgeryDate } from './cases.ts'
import { pick, seededRandom } from './random.ts'

const milestones = [
  { code: 'discharge', title: 'Discharge' },
  { code: 'visit', title: 'Visit', grantedBy: ['surgeon'] },
]
const facts = [
  { code: 'pain', title: 'Pain', type: 'number', unit: '{score}', min: 0, max: 10, ask: 'How bad is the pain?' },
  { code: 'smoker', title: 'Smoker', type: 'boolean', ask: 'Do you smoke?' },
] as const

/** A document of so many rules: of every ten four grants, four contraindications and two limits, on their own exercises. */
export function documentOfRules(count: number): ProtocolDocument {
  const exercises: Exercise[] = []
  const prescriptions: Prescription[] = []
  const contraindications: Contraindication[] = []
  const limits: Limit[] = []
  for (let index = 0; index < count; index += 1) {
    const kind = index % 10
    const code = `rule-${index}`
    if (kind < 4) {
      const exercise = `exercise-${exercises.length}`
      exercises.push({ code: exercise, title: exercise, kind: 'exercise', attributes: { impact: 1, lifting: 2 } })
      const when = kind === 0 ? { fact: 'pain', atMost: 6, withinDays: 14 } : { days: { atLeast: index % 60 } }
      const from = kind === 3 ? 'second' : 'first'
      prescriptions.push({ code, exercise, from, through: 'third', when, supervision: 'supervised', side: 'both' })
    } else if (kind < 8) {
      const target = [{ exercise: `exercise-${exercises.length + kind - 8}`, attributes: { lifting: 2 } as const }]
      const when = { any: [{ days: { before: index % 90 } }, { not: { milestone: 'visit' } }] }
      contraindications.push({ code, title: code, strength: kind === 4 ? 'absolute' : 'relative', target, when })
    } else {
      limits.push({
        code,
        quantity: `quantity-${index}`,
        max: 5,
        unit: 'kg',
        when: { days: { before: 28 + (index % 60) } },
      })
    }
  }
  return {
    format: 1,
    code: `rules-${count}`,
    title: `${count} rules`,
    procedures: ['plif'],
    sources: [],
    milestones,
    facts,
    phases: [
      { code: 'first', title: 'First', entry: { days: { atLeast: 0 } } },
      { code: 'second', title: 'Second', entry: { milestone: 'discharge' } },
      { code: 'third', title: 'Third', entry: { all: [{ days: { atLeast: 42 } }, { milestone: 'visit' }] } },
    ],
    prescriptions,
    contraindications,
    instructions: [],
    limits,
    redFlags: [],
    exercises,
  }
}

/** So many entries besides the first two: of every ten six observations, two milestones and two overrides. */
export function recordOfEntries(version: ProtocolVersion, count: number): RecordEntry[] {
  const random = seededRandom(count)
  const { document } = version
  const entries = openRecord(version)
  for (let index = 0; index < count; index += 1) {
    const revision = entries.length + 1
    const head = { id: `entry-${revision}`, revision, recordedAt: momentOf(revision) }
    const on = addDays(surgeryDate, Math.floor((index / count) * 120))
    const kind = index % 10
    if (kind < 6) {
      const fact = pick(document.facts, random)
      entries.push({ kind: 'fact', ...head, code: fact.code, value: randomValue(fact, random), on })
    } else if (kind < 8) {
      const milestone = pick(document.milestones, random)
      entries.push({
        kind: 'milestone',
        ...head,
        code: milestone.code,
        on,
        grantedBy: milestone.grantedBy?.[0] ?? null,
      })
    } else {
      const exercise = pick(document.exercises, random)
      entries.push({
        kind: 'override',
        ...head,
        exercise: exercise.code,
        entry: exercise,
        effect: kind === 8 ? 'permit' : 'withhold',
        from: on,
        until: addDays(on, 7),
        reason: 'for the measurement',
        lifts: [],
        versions: [version.id],
      })
    }
  }
  return entries
}
