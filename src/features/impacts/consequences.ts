import { createHash } from 'node:crypto'
import type {
  Caution,
  Derivation,
  Dose,
  FlagResponse,
  LimitInForce,
  Named,
  Permitted,
  PrescribedSide,
  Reason,
  Status,
  Strength,
  Supervision,
} from '../../rules/index.ts'
import { speakBounds, speakDose } from '../phrases.ts'

/**
 * What today's answer does not show: what a `hold` or an open red flag withholds, what an `override` decides, and what
 * begins with a `surgery` that lies ahead. `correction`: what comes of it with the surgery as it was before its correction.
 */
export const hiddenBy = ['hold', 'override', 'surgery', 'correction'] as const

export type HiddenBy = (typeof hiddenBy)[number]

/**
 * What another protocol version makes of one patient's answer. Each has a name that says what it comes to, with the value
 * that it comes to: whoever confirms the name confirms nothing else.
 */
export type Consequence = { name: string; hidden?: HiddenBy } & (
  | { kind: 'loss'; exercise: Named; reasons: readonly Reason[] }
  | { kind: 'gain'; exercise: Named; after: Permitted }
  | { kind: 'status'; before: Status; after: Status }
  | { kind: 'phase'; protocol: Named; before: Named | null; after: Named | null }
  | { kind: 'dose'; exercise: Named; change: 'smaller' | 'greater' | 'other'; before: Dose | null; after: Dose | null }
  | { kind: 'side'; exercise: Named; before: PrescribedSide; after: PrescribedSide }
  | { kind: 'supervision'; exercise: Named; before: Supervision; after: Supervision }
  | { kind: 'provided'; exercise: Named; before: readonly string[]; after: readonly string[] }
  | { kind: 'caution'; exercise: Named; change: Presence; title: string }
  /** Its title, instructions, position or equipment. */
  | { kind: 'description'; exercise: Named }
  | {
      kind: 'limit'
      quantity: string
      unit: string | null
      end: 'max' | 'min'
      change: Presence | 'tightened' | 'relaxed'
      before: number | null
      after: number | null
    }
  | { kind: 'instructed-limit'; quantity: string; text: string | null; change: Presence }
  | { kind: 'avoid'; rule: string; strength: Strength; title: string; change: Presence }
  | { kind: 'instruction'; rule: string; about: string; text: string; change: Presence }
  | {
      kind: 'goal'
      quantity: string
      unit: string | null
      max: number | null
      min: number | null
      text: string | null
      change: Presence
    }
  | { kind: 'red-flag'; redFlag: Named; response: FlagResponse; change: Presence | 'other' }
  | { kind: 'question'; fact: Named; ask: string; change: Presence }
)

type Presence = 'added' | 'removed'

export const consequenceKinds = [
  'loss',
  'gain',
  'status',
  'phase',
  'dose',
  'side',
  'supervision',
  'provided',
  'caution',
  'description',
  'limit',
  'instructed-limit',
  'avoid',
  'instruction',
  'goal',
  'red-flag',
  'question',
] as const satisfies readonly Consequence['kind'][]

/**
 * `changed`: something that the patient does, keeps to or is asked is another. `explained-otherwise`: only reasons,
 * sources, the wording of explanations, or until when something holds. `unchanged`: the answer is the same, the
 * version's number aside. What lies ahead of the date (the next change, ways forward) is not looked at.
 */
export interface Effect {
  outcome: 'changed' | 'explained-otherwise' | 'unchanged'
  /** In one order; none unless it is `changed`. */
  consequences: readonly Consequence[]
}

/** Compares two answers about one patient on one date, made from one record. */
export function compareAnswers(before: Derivation, after: Derivation): Effect {
  const consequences = [
    ...compareVerdicts(before, after),
    ...(before.status === after.status
      ? []
      : [{ name: `status:${after.status}`, kind: 'status' as const, before: before.status, after: after.status }]),
    ...comparePhases(before, after),
    ...compareManners(before, after),
    ...compareLimits(before.limits, after.limits),
    ...compareLists(before, after),
  ]
  if (consequences.length > 0) return { outcome: 'changed', consequences }
  return { outcome: isSame(before, after) ? 'unchanged' : 'explained-otherwise', consequences }
}

const hiddenPrefixes: Readonly<Record<HiddenBy, string>> = {
  hold: 'after-hold',
  override: 'without-override',
  surgery: 'at-surgery',
  correction: 'before-correction',
}

/** Adds what shows once something is out of the way, and does not show already. */
export function addHidden(shown: Effect, hidden: HiddenBy, then: Effect): Effect {
  const known = new Set(shown.consequences.map(bareName))
  const consequences = then.consequences
    .filter((one) => !known.has(bareName(one)))
    .map((one) => (one.hidden === undefined ? { ...one, hidden, name: `${hiddenPrefixes[hidden]}:${one.name}` } : one))
  if (consequences.length > 0) return { outcome: 'changed', consequences: [...shown.consequences, ...consequences] }
  const isReworded = shown.outcome === 'unchanged' && then.outcome !== 'unchanged'
  return isReworded ? { ...shown, outcome: 'explained-otherwise' } : shown
}

function bareName({ name, hidden }: Consequence): string {
  return hidden === undefined ? name : name.slice(hiddenPrefixes[hidden].length + 1)
}

/** The version's number, which is another one whatever it says, and what was looked at. */
const aside: ReadonlySet<string> = new Set(['version', 'basis'])

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSame(item, b[index]))
  }
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>]
  // Both are plain data; a loop over the names makes no list of them, of which there would be millions.
  for (const key in one) {
    if (!aside.has(key) && one[key] !== other[key] && !isSame(one[key], other[key])) return false
  }
  for (const key in other) if (!(key in one)) return false
  return true
}

/** A value as it is written in a name; what is too long for one, or not one line, is told apart by a hash. */
function speakInName(...parts: readonly (string | null | undefined)[]): string {
  const told = parts.filter((part): part is string => part != null && part !== '')
  const text = told.join('; ')
  const line = text.replaceAll(/[\s\p{C}]+/gu, ' ').trim()
  if (line === text && line.length <= 80) return line
  const hash = createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, 12)
  return `${[...line].slice(0, 60).join('').trim()}… #${hash}`
}

function doseValue(dose: Dose | null): string {
  return speakInName(speakDose(dose), dose?.note)
}

function nameOf({ code, title }: Named): Named {
  return { code, title }
}

function permittedBy({ permitted }: Derivation): Map<string, Permitted> {
  return new Map(permitted.map((one) => [one.exercise.code, one]))
}

/** What is permitted in one answer only. */
function compareVerdicts(before: Derivation, after: Derivation): Consequence[] {
  const [earlier, later] = [permittedBy(before), permittedBy(after)]
  const losses = before.permitted.flatMap(({ exercise }): Consequence[] => {
    if (later.has(exercise.code)) return []
    const withheld = after.withheld.find((one) => one.exercise.code === exercise.code)
    // One that nothing names any more is not judged, and not permitted.
    const reasons = withheld?.reasons ?? [{ kind: 'not-prescribed' as const }]
    return [{ name: `loss:${exercise.code}`, kind: 'loss', exercise: nameOf(exercise), reasons }]
  })
  const gains = after.permitted.flatMap((one): Consequence[] => {
    const { exercise } = one
    if (earlier.has(exercise.code)) return []
    const { dose, side, supervision, provided, cautions } = one
    const how = [supervision, side === 'both' ? null : side, speakDose(dose), dose?.note, ...provided]
    const value = speakInName(...how, ...cautions.map(({ title }) => title))
    return [{ name: `gain:${exercise.code}=${value}`, kind: 'gain', exercise: nameOf(exercise), after: one }]
  })
  return [...losses, ...gains]
}

function comparePhases(before: Derivation, after: Derivation): Consequence[] {
  const codes = new Set([...before.protocols, ...after.protocols].map(({ code }) => code))
  return [...codes].flatMap((code): Consequence[] => {
    const [earlier, later] = [before, after].map(({ protocols }) => protocols.find((one) => one.code === code))
    const [from, to] = [earlier?.phase ?? null, later?.phase ?? null]
    if (isSame(shownOf(from), shownOf(to))) return []
    const protocol = { code, title: later?.title ?? earlier?.title ?? code }
    return [
      {
        name: `phase:${code}/${to?.code ?? 'none'}${to !== null && from?.code === to.code ? `=${phaseValue(to)}` : ''}`,
        kind: 'phase',
        protocol,
        before: from === null ? null : nameOf(from),
        after: to === null ? null : nameOf(to),
      },
    ]
  })
}

type CurrentPhase = Derivation['protocols'][number]['phase']

function phaseValue({ title, setting, goals }: NonNullable<CurrentPhase>): string {
  return speakInName(title, setting, ...goals)
}

/** Since when is told by the date. */
function shownOf(phase: CurrentPhase): unknown {
  if (phase === null) return null
  const { since: _, ...shown } = phase
  return shown
}

/** How an exercise that both answers permit is done. */
function compareManners(before: Derivation, after: Derivation): Consequence[] {
  const earlier = permittedBy(before)
  return after.permitted.flatMap((to): Consequence[] => {
    const from = earlier.get(to.exercise.code)
    if (from === undefined || from === to) return []
    const exercise = nameOf(to.exercise)
    const { code } = exercise
    const found: Consequence[] = []
    if (!isSame(from.dose, to.dose)) {
      const change = directionOf(from.dose, to.dose)
      const name = `dose-${change}:${code}=${doseValue(to.dose)}`
      found.push({ name, kind: 'dose', exercise, change, before: from.dose, after: to.dose })
    }
    if (from.side !== to.side) {
      found.push({ name: `side:${code}/${to.side}`, kind: 'side', exercise, before: from.side, after: to.side })
    }
    if (from.supervision !== to.supervision) {
      const name = `supervision:${code}/${to.supervision}`
      found.push({ name, kind: 'supervision', exercise, before: from.supervision, after: to.supervision })
    }
    if (!isSame(from.provided, to.provided)) {
      const name = `provided:${code}=${speakInName(...to.provided) || 'none'}`
      found.push({ name, kind: 'provided', exercise, before: from.provided, after: to.provided })
    }
    for (const { item, change } of compareBy(from.cautions, to.cautions, describeCaution)) {
      const name = `caution-${change}:${code}/${item.protocol}/${item.rule}=${speakInName(item.title)}`
      found.push({ name, kind: 'caution', exercise, change, title: item.title })
    }
    if (!isSame(describe(from), describe(to))) {
      const { title, instructions, position, equipment } = describe(to)
      const name = `description:${code}=${speakInName(title, instructions, position, ...equipment)}`
      found.push({ name, kind: 'description', exercise })
    }
    return found
  })
}

function describeCaution({ kind, title }: Caution): string {
  return `${kind} ${title}`
}

/** What the patient is told of the exercise itself. */
function describe({ exercise }: Permitted) {
  const { title, instructions = null, position = null, equipment = [] } = exercise
  return { title, instructions, position, equipment }
}

const doseNumbers = ['sets', 'reps', 'holdSeconds', 'durationMinutes', 'timesPerDay', 'timesPerWeek'] as const

/** Smaller or greater where nothing but numbers differs, all in one direction. */
function directionOf(before: Dose | null, after: Dose | null): 'smaller' | 'greater' | 'other' {
  if (before === null || after === null) return 'other'
  const [from, to] = [numbersOf(before), numbersOf(after)]
  if (from.words !== to.words || from.numbers.size !== to.numbers.size) return 'other'
  const differences: number[] = []
  for (const [key, value] of from.numbers) {
    const other = to.numbers.get(key)
    if (other === undefined) return 'other'
    differences.push(Math.sign(other - value))
  }
  if (differences.every((sign) => sign <= 0)) return 'smaller'
  return differences.every((sign) => sign >= 0) ? 'greater' : 'other'
}

function numbersOf(dose: Dose): { numbers: Map<string, number>; words: string } {
  const numbers = new Map<string, number>()
  for (const key of doseNumbers) if (dose[key] !== undefined) numbers.set(key, dose[key])
  for (const { quantity, unit, value } of dose.amounts ?? []) numbers.set(JSON.stringify([quantity, unit]), value)
  return { numbers, words: JSON.stringify([dose.intensity ?? null, dose.note ?? null]) }
}

interface Bounds {
  quantity: string
  unit: string | null
  max: number | null
  min: number | null
}

/** The strictest numbers in force, by quantity and unit. */
function boundsOf(limits: readonly LimitInForce[]): Map<string, Bounds> {
  const bounds = new Map<string, Bounds>()
  for (const { quantity, unit, max, min, asInstructed } of limits) {
    if (asInstructed) continue
    const key = unit === null ? quantity : `${quantity}/${unit}`
    const known = bounds.get(key) ?? { quantity, unit, max: null, min: null }
    bounds.set(key, {
      ...known,
      max: max === null ? known.max : Math.min(max, known.max ?? max),
      min: min === null ? known.min : Math.max(min, known.min ?? min),
    })
  }
  return bounds
}

function compareLimits(before: readonly LimitInForce[], after: readonly LimitInForce[]): Consequence[] {
  const [earlier, later] = [boundsOf(before), boundsOf(after)]
  const keys = [...new Set([...earlier.keys(), ...later.keys()])].sort()
  const numeric = keys.flatMap((key) =>
    (['max', 'min'] as const).flatMap((end): Consequence[] => {
      const [one, other] = [earlier.get(key), later.get(key)]
      const [from, to] = [one?.[end] ?? null, other?.[end] ?? null]
      if (from === to) return []
      const tighter = end === 'max' ? (to ?? 0) < (from ?? 0) : (to ?? 0) > (from ?? 0)
      const change = from === null ? 'added' : to === null ? 'removed' : tighter ? 'tightened' : 'relaxed'
      const { quantity, unit } = one ?? other ?? { quantity: key, unit: null }
      const name = `limit-${change}:${key}/${end}${to === null ? '' : `=${to}`}`
      return [{ name, kind: 'limit', quantity, unit, end, change, before: from, after: to }]
    }),
  )
  const instructed = (limits: readonly LimitInForce[]): LimitInForce[] => limits.filter((limit) => limit.asInstructed)
  const inWords = compareBy(instructed(before), instructed(after), ({ quantity, text }) => `${quantity} ${text}`).map(
    ({ item: { quantity, text, protocol, rule }, change }): Consequence => {
      return {
        name: `instructed-limit-${change}:${protocol}/${rule}=${speakInName(quantity, text)}`,
        kind: 'instructed-limit',
        quantity,
        text,
        change,
      }
    },
  )
  return [...numeric, ...inWords]
}

/** What else is in force, watched for and asked. */
function compareLists(before: Derivation, after: Derivation): Consequence[] {
  return [
    ...compareBy(before.avoid, after.avoid, ({ title, strength }) => `${strength} ${title}`).map(
      ({ item: { title, strength, protocol, rule }, change }): Consequence => {
        const name = `avoid-${change}:${protocol}/${rule}=${speakInName(strength, title)}`
        return { name, kind: 'avoid', rule, strength, title, change }
      },
    ),
    ...compareBy(before.instructions, after.instructions, ({ about, text }) => `${about} ${text}`).map(
      ({ item: { about, text, protocol, rule }, change }): Consequence => {
        const name = `instruction-${change}:${protocol}/${rule}=${speakInName(about, text)}`
        return { name, kind: 'instruction', rule, about, text, change }
      },
    ),
    ...compareBy(
      before.goals,
      after.goals,
      ({ quantity, unit, max, min, text }) => `${quantity} ${unit} ${max} ${min} ${text}`,
    ).map(({ item: { quantity, unit, max, min, text, protocol, rule }, change }): Consequence => {
      const name = `goal-${change}:${protocol}/${rule}=${speakInName(quantity, speakBounds({ min, max, unit }), text)}`
      return { name, kind: 'goal', quantity, unit, max, min, text, change }
    }),
    ...compareFlags(before.redFlags, after.redFlags),
    ...compareBy(
      before.missingFacts,
      after.missingFacts,
      ({ protocol, code, ask }) => `${protocol} ${code} ${ask}`,
    ).map(({ item: { protocol, code, title, ask }, change }): Consequence => {
      return {
        name: `question-${change}:${protocol}/${code}=${speakInName(title, ask)}`,
        kind: 'question',
        fact: { code, title },
        ask,
        change,
      }
    }),
  ]
}

function compareFlags(before: readonly WatchedFlag[], after: readonly WatchedFlag[]): Consequence[] {
  if (isAlikeInOrder(before, after, (a, b) => a.protocol === b.protocol && a.code === b.code && saysSame(a, b)))
    return []
  const [earlier, later] = [before, after].map((flags) => new Map(flags.map((flag) => [flagKey(flag), flag])))
  return [...new Set([...before, ...after].map(flagKey))].flatMap((key): Consequence[] => {
    const [from, to] = [earlier?.get(key), later?.get(key)]
    const flag = to ?? from
    if (flag === undefined || (from !== undefined && to !== undefined && saysSame(from, to))) return []
    const change = from === undefined ? 'added' : to === undefined ? 'removed' : 'other'
    return [
      {
        name: `red-flag-${change}:${key}=${speakInName(flag.response, flag.title, flag.text)}`,
        kind: 'red-flag',
        redFlag: nameOf(flag),
        response: flag.response,
        change,
      },
    ]
  })
}

type WatchedFlag = Derivation['redFlags'][number]

function flagKey({ protocol, code }: WatchedFlag): string {
  return `${protocol}/${code}`
}

function saysSame(a: WatchedFlag, b: WatchedFlag): boolean {
  return a.title === b.title && a.response === b.response && a.text === b.text
}

/** What only one of two lists has. */
function compareBy<Item>(
  before: readonly Item[],
  after: readonly Item[],
  keyOf: (item: Item) => string,
): { item: Item; change: Presence }[] {
  if (isAlikeInOrder(before, after, (a, b) => keyOf(a) === keyOf(b))) return []
  const [earlier, later] = [new Set(before.map(keyOf)), new Set(after.map(keyOf))]
  return [
    ...before.filter((item) => !later.has(keyOf(item))).map((item) => ({ item, change: 'removed' as const })),
    ...after.filter((item) => !earlier.has(keyOf(item))).map((item) => ({ item, change: 'added' as const })),
  ]
}

/** As a rule there is no difference, which is seen soonest by going through both at once. */
function isAlikeInOrder<Item>(a: readonly Item[], b: readonly Item[], isAlike: (one: Item, other: Item) => boolean) {
  if (a.length !== b.length) return false
  for (const [index, item] of a.entries()) {
    const other = b[index]
    if (other === undefined || (item !== other && !isAlike(item, other))) return false
  }
  return true
}
