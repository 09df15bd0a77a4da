/**
 * What differs between the answers of two versions to one question, without a line of `src/rules/diff*`; and whether a
 * difference that was found is one of them.
 */
import type {
  CalendarDate,
  Contraindication,
  Derivation,
  Diff,
  Difference,
  DiffOccasion,
  DiffWitness,
  FactTest,
  FactValue,
  ProtocolDocument,
  RecordEntry,
  Side,
  Target,
} from '../../src/rules/index.ts'
import type { Derive } from './agreement.ts'
import { conditionsIn, dateOn, isMatched, knownAt, leavesIn, surgeryDate, valuesToTry } from './check-cases.ts'

/** The same value, whatever the order of its members. */
export function say(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

type Written = Record<string, unknown> & { kind: string }

/** What the surgery entry says. */
export type Operation = Pick<DiffWitness, 'side' | 'levels' | 'procedures'>

/** A record as entries; the surgery and the assignment come first. */
export function toEntries(written: readonly Written[], { side, levels, procedures }: Operation): RecordEntry[] {
  const operated = Array.from({ length: levels ?? 0 }, (_, level) => `L${level}`)
  const all: Written[] = [
    { kind: 'surgery', surgeryDate, procedures: ['any', ...procedures], levels: operated, side },
    { kind: 'assignment', versions: ['v'] },
    ...written,
  ]
  return all.map((entry, index) => {
    const revision = index + 1
    return { id: `e${revision}`, revision, recordedAt: '2026-01-01T08:00:00.000Z', ...entry }
  }) as unknown as RecordEntry[]
}

export function answerOf(
  derive: Derive,
  document: ProtocolDocument,
  entries: readonly RecordEntry[],
  on: CalendarDate,
): Derivation {
  const answer = derive({
    versions: [{ id: 'v', version: 1, document }],
    entries,
    on,
    knownAt,
    alsoJudge: [],
    ahead: false,
  })
  if (answer === null) throw new Error('there is an answer')
  return answer
}

// ---- What an answer says ----

function keysOf({ strength, target, except = [] }: Contraindication): string[] {
  return target.map((one: Target) => say([strength, one, except.map(say).sort()]))
}

interface Meaning {
  exercises: Map<
    string,
    { dose: string; side: string | null; supervision: string; provided: string; cautions: Cautions }
  >
  /** Withheld for nothing but relative contraindications. */
  prescribed: Set<string>
  limits: Map<string, number>
  lists: Set<string>
  phase: string
}

/** Of each caution by its rule what it is about. */
type Cautions = ReadonlyMap<string, readonly string[]>

function meaningOf(
  { permitted, withheld, limits, avoid, instructions, goals, protocols }: Derivation,
  document: ProtocolDocument,
): Meaning {
  const ruleOf = (code: string): Contraindication => {
    const found = document.contraindications.find((rule) => rule.code === code)
    if (found === undefined) throw new Error(`there is no ${code}`)
    return found
  }
  const meaning: Meaning = {
    exercises: new Map(),
    prescribed: new Set(),
    limits: new Map(),
    lists: new Set(),
    phase: 'none',
  }
  for (const { exercise, dose, side, supervision, provided, cautions } of permitted) {
    const entries = document.exercises.filter(({ code }) => code === exercise.code)
    const about = ({ rule }: { rule: string }): readonly [string, string[]] => {
      const own = ruleOf(rule)
      const matched = own.target.filter((target) =>
        entries.some((entry) => isMatched({ ...own, target: [target] }, entry)),
      )
      return [rule, keysOf({ ...own, target: matched })]
    }
    const amounts = dose?.amounts?.map(say).sort()
    meaning.exercises.set(exercise.code, {
      dose: say(dose === null ? null : { ...dose, amounts }),
      side,
      supervision,
      provided: say(provided),
      cautions: new Map(cautions.flatMap((one) => (one.kind === 'caution' ? [about(one)] : []))),
    })
  }
  for (const { exercise, reasons } of withheld) {
    // For which side it is granted is another question.
    const others = reasons.filter(({ kind }) => kind !== 'sides-disagree')
    const isRelative =
      others.length > 0 &&
      others.every((reason) => reason.kind === 'contraindication' && reason.strength === 'relative')
    if (isRelative) meaning.prescribed.add(exercise.code)
    // It is granted, but for no side of this operation.
    if (reasons.length === 1 && reasons[0]?.kind === 'sides-disagree') {
      meaning.exercises.set(exercise.code, { dose: '', side: null, supervision: '', provided: '', cautions: new Map() })
    }
  }
  for (const { quantity, unit, max, min, text, asInstructed } of limits) {
    const tighten = (end: string, value: number | null, stricter: (a: number, b: number) => number): void => {
      const key = say([quantity, unit, end])
      if (value !== null) meaning.limits.set(key, stricter(meaning.limits.get(key) ?? value, value))
    }
    tighten('max', max, Math.min)
    tighten('min', min, Math.max)
    if (asInstructed) meaning.lists.add(say(['instructed-limit', quantity, unit, text]))
  }
  for (const { rule } of avoid) {
    for (const key of keysOf(ruleOf(rule))) meaning.lists.add(say(['contraindication', key]))
  }
  for (const { about, text } of instructions) meaning.lists.add(say(['instruction', about, text]))
  for (const { quantity, unit, min, max, text } of goals)
    meaning.lists.add(say(['goal', quantity, unit, min, max, text]))
  const phase = protocols[0]?.phase ?? null
  if (phase !== null) meaning.phase = say({ setting: phase.setting, goals: [...phase.goals].sort() })
  return meaning
}

// ---- What differs ----

/** New ones: of no caution of the other version there is any part in them. */
function newOf(cautions: Cautions, others: Cautions): string[] {
  const known = new Set([...others.values()].flat())
  return [...cautions].filter(([, keys]) => !keys.some((key) => known.has(key))).map(([rule]) => rule)
}

/** Every difference by name, as `nameOf` names those that are found. */
export function compareAnswers(
  derive: Derive,
  [before, after]: readonly [ProtocolDocument, ProtocolDocument],
  entries: readonly RecordEntry[],
  on: CalendarDate,
): string[] {
  const [was, is] = [before, after].map((document) => meaningOf(answerOf(derive, document, entries, on), document))
  if (was === undefined || is === undefined) return []
  const names: string[] = []
  for (const code of new Set([...was.exercises.keys(), ...is.exercises.keys()])) {
    const [one, other] = [was.exercises.get(code), is.exercises.get(code)]
    if (one === undefined || other === undefined) {
      names.push(say(['exercise', code, one === undefined ? 'gained' : 'lost']))
      continue
    }
    if (one.side !== other.side) names.push(say(['side', code]))
    if (one.side === null || other.side === null) continue
    for (const aspect of ['dose', 'supervision', 'provided'] as const) {
      if (one[aspect] !== other[aspect]) names.push(say([aspect, code, one[aspect], other[aspect]]))
    }
    const [added, removed] = [newOf(other.cautions, one.cautions), newOf(one.cautions, other.cautions)]
    if (added.length + removed.length > 0) names.push(say(['cautions', code, added.sort(), removed.sort()]))
  }
  for (const code of new Set([...was.prescribed, ...is.prescribed])) {
    if (was.exercises.has(code) || is.exercises.has(code) || (was.prescribed.has(code) && is.prescribed.has(code)))
      continue
    names.push(say(['prescribed', code, was.prescribed.has(code) ? 'lost' : 'gained']))
  }
  for (const key of new Set([...was.limits.keys(), ...is.limits.keys()])) {
    const [one, other] = [was.limits.get(key) ?? null, is.limits.get(key) ?? null]
    if (one !== other) names.push(say(['limit', key, one, other]))
  }
  for (const key of was.lists) if (!is.lists.has(key)) names.push(say(['removed', key]))
  for (const key of is.lists) if (!was.lists.has(key)) names.push(say(['added', key]))
  if (was.phase !== is.phase) names.push(say(['phase', was.phase, is.phase]))
  return names.sort()
}

/** What differs whatever the case, by name; contraindications that match another exercise are left out. */
export function compareDeclared([before, after]: Pair): string[] {
  const asked = (document: ProtocolDocument): { milestones: Set<string>; facts: Set<string> } => {
    const leaves = conditionsIn(document).flatMap(leavesIn)
    const since = leaves.flatMap((leaf) => ('days' in leaf ? (leaf.days.since ?? []) : []))
    const reached = leaves.flatMap((leaf) => ('milestone' in leaf ? [leaf.milestone] : []))
    return {
      milestones: new Set([...since, ...reached]),
      facts: new Set(leaves.flatMap((leaf) => ('fact' in leaf ? [leaf.fact] : []))),
    }
  }
  const sets = (was: ReadonlySet<string>, is: ReadonlySet<string>, kind: string, what: string): string[] => [
    ...[...was.difference(is)].map((code) => say([kind, what, code, 'removed'])),
    ...[...is.difference(was)].map((code) => say([kind, what, code, 'added'])),
  ]
  const [was, is] = [asked(before), asked(after)]
  const read = [...was.facts.intersection(is.facts)].flatMap((code) => {
    const [one, other] = [before, after].map(({ facts }) => facts.find((fact) => fact.code === code))
    if (one === undefined || other === undefined) return []
    return (['type', 'unit', 'operation'] as const).flatMap((what) =>
      say(one[what]) === say(other[what]) ? [] : [say(['declared', code, what])],
    )
  })
  const flags = (document: ProtocolDocument): Map<string, string> =>
    new Map(document.redFlags.map(({ code, response }) => [code, response]))
  const [flagsWere, flagsAre] = [flags(before), flags(after)]
  const answered = [...flagsWere].flatMap(([code, response]) =>
    (flagsAre.get(code) ?? response) === response ? [] : [say(['red-flag', '', code, 'response'])],
  )
  return [
    ...sets(was.milestones, is.milestones, 'asks', 'milestone'),
    ...sets(was.facts, is.facts, 'asks', 'fact'),
    ...sets(new Set(flagsWere.keys()), new Set(flagsAre.keys()), 'red-flag', ''),
    ...sets(new Set(before.procedures), new Set(after.procedures), 'procedure', ''),
    ...answered,
    ...read,
  ].sort()
}

/** The names of a difference that was found; none where no case shows it. */
export function namesOf(found: Difference): string[] {
  switch (found.kind) {
    case 'exercise':
    case 'prescribed':
      return [say([found.kind, found.exercise.code, found.change])]
    case 'side':
      return [say(['side', found.exercise.code])]
    case 'dose': {
      const [was, is] = [found.before, found.after].map((dose) =>
        say(dose === null ? null : { ...dose, amounts: dose.amounts?.map(say).sort() }),
      )
      return [say(['dose', found.exercise.code, was, is])]
    }
    case 'supervision':
      return [say(['supervision', found.exercise.code, found.before, found.after])]
    case 'provided':
      return [say(['provided', found.exercise.code, say(found.before), say(found.after)])]
    case 'cautions': {
      const codes = (rules: readonly { code: string }[]): string[] => rules.map(({ code }) => code).sort()
      return [say(['cautions', found.exercise.code, codes(found.added), codes(found.removed)])]
    }
    case 'limit':
      return [say(['limit', say([found.quantity, found.unit, found.end]), found.before, found.after])]
    case 'instructed-limit':
      return [say([found.change, say([found.kind, found.quantity, found.unit, found.text])])]
    case 'contraindication':
      return found.targets.map((target) => {
        const key = say([found.strength, target, found.except.map(say).sort()])
        return say([found.change, say(['contraindication', key])])
      })
    case 'instruction':
      return [say([found.change, say(['instruction', found.about, found.text])])]
    case 'goal':
      return [say([found.change, say(['goal', found.quantity, found.unit, found.min, found.max, found.text])])]
    case 'phase': {
      const [was, is] = [found.before, found.after].map((phase) => (phase === null ? 'none' : say(phase)))
      return [say(['phase', was, is])]
    }
    case 'asks':
      return [say(['asks', found.what, found.named.code, found.change])]
    case 'red-flag':
      return [say(['red-flag', '', found.redFlag.code, found.change])]
    case 'procedure':
      return [say(['procedure', '', found.procedure, found.change])]
    case 'told':
      return [say(['declared', found.fact.code, 'operation'])]
    case 'read':
      return [say(['declared', found.fact.code, found.what])]
    case 'match':
      return []
  }
}

/** The differences that a diff foretells on a day, by name. */
export function foretold({ differences }: Diff, day: number): Set<string> {
  const isOn = ({ days }: Difference): boolean =>
    days.some(({ from, before }) => (from === null || from <= day) && (before === null || day < before))
  return new Set(differences.filter(isOn).flatMap(namesOf))
}

// ---- Whether what was found is so ----

function toWritten({ milestones, facts }: Pick<DiffWitness, 'milestones' | 'facts'>): Written[] {
  return [
    ...milestones.map(({ code, day, grantedBy }) => ({ kind: 'milestone', code, on: dateOn(day), grantedBy })),
    ...facts.map(({ code, value, day }) => ({ kind: 'fact', code, value, on: dateOn(day) })),
  ]
}

type Pair = readonly [ProtocolDocument, ProtocolDocument]

function isSo(derive: Derive, pair: Pair, found: Difference, entries: readonly RecordEntry[], day: number): boolean {
  const differs = new Set(compareAnswers(derive, pair, entries, dateOn(day)))
  return namesOf(found).every((name) => differs.has(name))
}

/** Null: the witness shows it, and so does whoever has on record what an occasion says. Otherwise what is wrong. */
export function confirmDifference(derive: Derive, pair: Pair, found: Difference): string | null {
  const { witness, days, occasions } = found
  if (witness === null) {
    const declared = compareDeclared(pair)
    return found.kind === 'match' || namesOf(found).every((name) => declared.includes(name)) ? null : 'no witness'
  }
  const shown = toEntries(toWritten(witness), witness)
  if (!isSo(derive, pair, found, shown, witness.daysSinceSurgery)) return `witness ${JSON.stringify(witness)}`
  if (days.length === 0 || occasions.length === 0) return 'no days'
  for (const [row, occasion] of occasions.entries()) {
    for (const [day, record] of recordsOf(pair, occasion)) {
      for (const operation of operationsOf(pair, occasion, witness.side)) {
        if (!isSo(derive, pair, found, toEntries(toWritten(record), operation), day)) {
          return `occasion ${row} on day ${day} with ${JSON.stringify([record, operation])}`
        }
      }
    }
  }
  return null
}

/** What the surgery on record can say where the occasion is. */
function* operationsOf(pair: Pair, { operation, without }: DiffOccasion, side: Side | null): Generator<Operation> {
  const testOf = (what: unknown): FactTest | null | undefined =>
    operation.find(({ told }) => say(told) === say(what))?.test
  // What must not be known must not be told either.
  const isKept = (what: unknown): boolean =>
    pair.some(({ facts }) =>
      facts.some((fact) => say(fact.operation) === say(what) && without.facts.some(({ code }) => code === fact.code)),
    )
  const choose = <T extends FactValue>(what: unknown, values: readonly (T | null)[], kept: T | null): (T | null)[] => {
    const test = testOf(what)
    if (test === undefined) return isKept(what) ? [kept] : [...values]
    return test === null ? [null] : values.filter((value) => value !== null && meets(value, test))
  }
  const named = pair.flatMap(({ facts }) =>
    facts.flatMap(({ operation }) => (typeof operation === 'object' ? [operation.procedure] : [])),
  )
  const sideTest = testOf('side')
  const sides = sideTest === undefined ? [side] : choose('side', [null, 'left', 'right', 'bilateral'], null)
  for (const levels of choose('levels', [null, 1, 2, 3, 4, 5], null)) {
    for (const own of sides) {
      for (const isDone of [false, true]) {
        const procedures = named.filter((procedure) => {
          const test = testOf({ procedure })
          return test === undefined ? isDone && !isKept({ procedure }) : test?.is === true
        })
        yield { levels, side: own as Side | null, procedures }
      }
    }
  }
}

const longAgo = 50

/** Records that have what the occasion says, lately or long ago, with nothing else and with more. */
function* recordsOf(
  [before, after]: Pair,
  { days, milestones, facts, without }: DiffOccasion,
): Generator<[number, Pick<DiffWitness, 'milestones' | 'facts'>]> {
  const declared = [...after.milestones, ...before.milestones]
  const isPreOperative = (code: string): boolean => declared.some((one) => one.code === code && one.preOperative)
  const last = days.before === null ? Math.max(days.from ?? 0, 0) + longAgo : days.before - 1
  const first = days.from ?? Math.min(last, -5)
  const named = (of: readonly { code: string }[]): string[] => of.map(({ code }) => code)
  const bound = new Set([
    ...named(milestones.map(({ milestone }) => milestone)),
    ...named(facts.map(({ fact }) => fact)),
    ...named(without.milestones),
    ...named(without.facts),
  ])
  for (const day of new Set([first, last])) {
    for (let place = 0; place < 6; place += 1) {
      const isLately = (index: number): boolean => ((place >> (index % 3)) & 1) === 0
      const hasMore = place > 2
      const others = hasMore ? declared.filter(({ code }) => !bound.has(code)) : []
      const otherFacts = hasMore
        ? after.facts.filter(({ code, operation }) => !bound.has(code) && operation === undefined)
        : []
      yield [
        day,
        {
          milestones: [
            ...milestones.map(({ milestone: { code }, grantedBy, least, most }, index) => {
              const longest = isPreOperative(code) ? least + longAgo : Math.max(day, least)
              const since = isLately(index) ? least : Math.min(most ?? longest, longest)
              return { code, day: day - since, grantedBy: grantedBy[place % Math.max(grantedBy.length, 1)] ?? null }
            }),
            ...others.flatMap(({ code, grantedBy = [] }) =>
              day < 0 ? [] : [{ code, day: Math.max(day - place, 0), grantedBy: grantedBy[0] ?? null }],
            ),
          ],
          facts: [
            ...facts.map(({ fact: { code }, test, least, most }, index) => {
              const values = valuesThatMeet(
                [after, before].flatMap((document) => document.facts.filter((one) => one.code === code)),
                test,
              )
              const ago = isLately(milestones.length + index) ? least : (most ?? least + longAgo)
              return { code, value: values[place % values.length] ?? true, day: day - ago }
            }),
            ...otherFacts.flatMap((fact) => {
              const values = valuesToTry(fact, [{ is: 3 }])
              return [{ code: fact.code, value: values[place % values.length] ?? true, day: day - place }]
            }),
          ],
        },
      ]
    }
  }
}

function meets(value: FactValue, test: object): boolean {
  return Object.entries(test).every(([key, wanted]) => {
    if (key === 'is') return value === wanted
    if (key === 'in') return (wanted as FactValue[]).includes(value)
    if (typeof value !== 'number') return false
    const number = Number(wanted)
    if (key === 'atLeast') return value >= number
    if (key === 'atMost') return value <= number
    return key === 'above' ? value > number : value < number
  })
}

function valuesThatMeet(declared: readonly ProtocolDocument['facts'][number][], test: object): FactValue[] {
  return declared.flatMap((one) => valuesToTry(one, [test])).filter((value) => meets(value, test))
}
