import { dateOf, dayNumber } from './calendar-date.ts'
import { compareText } from './compile.ts'
import { type Case, decide, openCase } from './decide.ts'
import { deriveFrom, type Question } from './derive.ts'
import { daysOfChange, isAlike } from './next-change.ts'
import { explain, phaseOf, viewOn } from './situation.ts'
import type { Change, Derivation, Named, Permitted, Timeline, TimelineStep, Waiting } from './types.ts'

type Listed = Omit<Extract<Change, { list: unknown }>, 'kind'>

/** What the timeline follows of an answer: everything in force, by a key that names it. */
interface Followed {
  answer: Derivation
  permitted: ReadonlyMap<string, Permitted>
  rules: ReadonlyMap<string, Listed>
}

function follow(answer: Derivation): Followed {
  const listed: Listed[] = [
    ...answer.avoid.map(({ protocol, rule, title }) => ({
      list: 'avoid' as const,
      protocol,
      rule,
      title,
      limit: null,
    })),
    ...answer.instructions.map(({ protocol, rule, text }) => {
      return { list: 'instructions' as const, protocol, rule, title: text, limit: null }
    }),
    ...answer.limits
      .filter(({ supersededBy }) => supersededBy === null)
      .map((limit) => ({ list: 'limits' as const, ...describeLimit(limit) })),
    ...answer.goals.map((goal) => ({ list: 'goals' as const, ...describeLimit(goal) })),
  ]
  return {
    answer,
    permitted: new Map(answer.permitted.map((permitted) => [permitted.exercise.code, permitted])),
    rules: new Map(listed.map((rule) => [`${rule.list} ${rule.protocol} ${rule.rule}`, rule])),
  }
}

function describeLimit(limit: Derivation['goals'][number]): Omit<Listed, 'list'> {
  const { protocol, rule, text, quantity, max, min, unit } = limit
  return { protocol, rule, title: text ?? quantity, limit: { quantity, max, min, unit } }
}

/** How it is done, the sources aside. */
function mannerOf({ dose, side, supervision, provided }: Permitted) {
  return { dose, side, supervision, provided }
}

/** What is different in `after`, in one order. */
function listChanges(before: Followed, after: Followed): Change[] {
  const changes: Change[] = []
  if (before.answer.status !== after.answer.status) changes.push({ kind: 'status', to: after.answer.status })
  after.answer.protocols.forEach(({ code, phase }, index) => {
    const earlier = before.answer.protocols[index]?.phase ?? null
    if (earlier?.code === phase?.code) return
    changes.push({
      kind: 'phase',
      protocol: code,
      to: phase === null ? null : { code: phase.code, title: phase.title },
    })
  })
  for (const [code, permitted] of after.permitted) {
    const exercise = { code, title: permitted.exercise.title }
    const earlier = before.permitted.get(code)
    if (earlier === undefined) changes.push({ kind: 'permitted', exercise })
    else if (!isAlike(mannerOf(earlier), mannerOf(permitted))) {
      changes.push({ kind: 'changed', exercise, ...mannerOf(permitted) })
    }
  }
  for (const [code, { exercise }] of before.permitted) {
    if (!after.permitted.has(code)) changes.push({ kind: 'withheld', exercise: { code, title: exercise.title } })
  }
  for (const [key, rule] of after.rules) if (!before.rules.has(key)) changes.push({ kind: 'begins', ...rule })
  for (const [key, rule] of before.rules) if (!after.rules.has(key)) changes.push({ kind: 'ends', ...rule })
  return changes
}

/** So many rules, matches and tests are looked at on all days together; of more days only those around the day asked about are listed. */
const mostRules = 300_000

function listSteps(asked: Case, on: number): TimelineStep[] {
  const days = daysToList(asked, on)
  let before = follow(decide(asked, (days[0] ?? on) - 1))
  return days.flatMap((day): TimelineStep[] => {
    const after = follow(decide(asked, day))
    const changes = listChanges(before, after)
    before = after
    if (changes.length === 0 && day !== asked.record.surgeryDay) return []
    return [
      {
        date: dateOf(day),
        daysSinceSurgery: day - asked.record.surgeryDay,
        status: after.answer.status,
        past: day <= on,
        permitted: [...after.permitted.keys()],
        changes,
      },
    ]
  })
}

/** The days of change, or those around `on` if there are too many. */
function daysToList(asked: Case, on: number): readonly number[] {
  const days = daysOfChange(asked)
  const rules = asked.assigned.reduce((sum, { compiled }) => sum + compiled.size, 1)
  const most = Math.max(Math.floor(mostRules / rules), 2)
  if (days.length <= most) return days
  const next = days.findIndex((day) => day > on)
  const first = Math.max((next === -1 ? days.length : next) - Math.floor(most / 2), 0)
  return days.slice(first, first + most)
}

/** What the withheld exercises need besides time, those with the same needs together, the soonest first. */
function groupWaiting({ withheld }: Derivation): Waiting[] {
  const groups = new Map<string, { needs: Waiting['needs']; earliest: Waiting['earliest']; exercises: Named[] }>()
  for (const { exercise, wayForward } of withheld) {
    if (wayForward?.outcome !== 'permitted' || wayForward.needs.every(({ kind }) => kind === 'date')) continue
    const { needs, earliest } = wayForward
    const key = JSON.stringify([earliest, needs])
    const group = groups.get(key) ?? { needs, earliest, exercises: [] }
    group.exercises.push({ code: exercise.code, title: exercise.title })
    groups.set(key, group)
  }
  return (
    [...groups]
      // The key begins with the date.
      .sort(([a], [b]) => compareText(a, b))
      .map(([, group]) => group)
  )
}

/**
 * Every date on which what a patient may do, or what is in force, changes, from the surgery or what comes before it
 * onwards; and what does not come by time alone. Null only when the surgery was not on record at `knownAt`.
 */
export function timeline(question: Omit<Question, 'ahead'>): Timeline | null {
  const asked = openCase(question)
  if (asked === null) return null
  const day = dayNumber(question.on)
  const answer = deriveFrom(asked, day)
  const withOutcome = (outcome: 'never' | 'undecided'): Named[] =>
    answer.withheld
      .filter(({ wayForward }) => wayForward?.outcome === outcome)
      .map(({ exercise: { code, title } }) => ({ code, title }))
  return {
    on: question.on,
    surgery: answer.surgery,
    steps: listSteps(asked, day),
    isComplete: daysToList(asked, day).length === daysOfChange(asked).length,
    nextPhases: asked.assigned.flatMap((assigned) => {
      const view = viewOn(assigned, day)
      const next = assigned.compiled.phases[(phaseOf(view) ?? -1) + 1]
      if (next === undefined) return []
      return [{ protocol: assigned.compiled.document.code, phase: next.named, entry: explain(next.entry, view) }]
    }),
    waiting: groupWaiting(answer),
    never: withOutcome('never'),
    undecided: withOutcome('undecided'),
    basis: answer.basis,
  }
}
