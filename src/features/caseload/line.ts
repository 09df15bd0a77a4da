import type { CalendarDate, Exercise, Grant, Verdicts } from '../../rules/index.ts'
import { speakHow } from '../permitted-exercises/sentences.ts'

type Permitted = Verdicts['permitted'][number]
type Withheld = Verdicts['withheld'][number]
type Caution = Permitted['cautions'][number]
type Reason = Verdicts['statusReasons'][number]

/**
 * Writes the line of an episode from its answer: out of pieces that most lines share, without an object in between, which
 * takes a third of the time. There are as many pieces as the clinic's documents have rules.
 */
export function createLineWriter() {
  const quoted = new Map<string, string>()
  /** What comes before the date of a reason or a caution, by its kind, protocol and rule. */
  const begun = new Map<string, Map<string, Map<string, string>>>()
  /** How an exercise is done that one prescription grants as it is stated. */
  const stated = new WeakMap<Exercise, WeakMap<Grant, string>>()
  /** What rules say of an exercise in many answers. */
  const shared = new WeakMap<object, string>()
  let pieces: string[] = []

  /** A code as JSON. */
  const quote = (code: string): string => remember(quoted, code, () => JSON.stringify(code))
  const quoteOrNull = (code: string | null): string => (code === null ? 'null' : quote(code))
  const dateOrNull = (date: CalendarDate | null): string => (date === null ? 'null' : `"${date}"`)

  function list<Item>(items: readonly Item[], write: (item: Item) => void): void {
    for (let index = 0; index < items.length; index += 1) {
      if (index > 0) pieces.push(',')
      write(items[index] as Item)
    }
  }

  function writeRule(kind: string, protocol: string, rule: string, until: CalendarDate | null): void {
    const ofKind = remember(begun, kind, () => new Map<string, Map<string, string>>())
    const ofProtocol = remember(ofKind, protocol, () => new Map<string, string>())
    const piece = remember(ofProtocol, rule, () => {
      const codes = [protocol, rule].map((code) => quoteOrNull(code === '' ? null : code))
      return `{"kind":"${kind}","protocol":${codes[0]},"rule":${codes[1]},"until":`
    })
    pieces.push(piece, until === null ? 'null}' : `"${until}"}`)
  }

  const writeReason = (reason: Reason): void =>
    writeRule(
      reason.kind,
      'protocol' in reason ? reason.protocol : '',
      'rule' in reason ? reason.rule : '',
      'until' in reason ? reason.until : null,
    )

  const writeCaution = (caution: Caution): void =>
    writeRule(caution.kind, caution.protocol, caution.rule, caution.kind === 'caution' ? caution.until : null)

  const describe = (permitted: Permitted): string =>
    `{"exercise":${quote(permitted.exercise.code)},"text":${JSON.stringify(speakHow(permitted))},"cautions":[`

  function describeOnce(permitted: Permitted): string {
    const [grant] = permitted.grantedBy
    if (grant === undefined || !isStated(permitted, grant)) return describe(permitted)
    let byGrant = stated.get(permitted.exercise)
    if (byGrant === undefined) {
      byGrant = new WeakMap()
      stated.set(permitted.exercise, byGrant)
    }
    let known = byGrant.get(grant)
    if (known === undefined) {
      known = describe(permitted)
      byGrant.set(grant, known)
    }
    return known
  }

  /** Writes a verdict, or repeats what was written of it: if it is frozen, it comes again. */
  function repeat<Verdict extends object>(verdict: Verdict, write: (verdict: Verdict) => void): void {
    const known = shared.get(verdict)
    if (known !== undefined) {
      pieces.push(known)
      return
    }
    const from = pieces.length
    write(verdict)
    if (Object.isFrozen(verdict)) shared.set(verdict, pieces.slice(from).join(''))
  }

  function writePermitted(permitted: Permitted): void {
    pieces.push(describeOnce(permitted))
    list(permitted.cautions, writeCaution)
    pieces.push(']}')
  }

  function writeWithheld({ exercise, reasons }: Withheld): void {
    pieces.push('{"exercise":', quote(exercise.code), ',"reasons":[')
    list(reasons, writeReason)
    pieces.push(']}')
  }

  return ({ episode, patient }: { episode: string; patient: string }, answer: Verdicts): string => {
    const { on, daysSinceSurgery, status, basis } = answer
    pieces = [
      `{"kind":"episode","episode":"${episode}","patient":"${patient}","revision":${basis.revision},"on":"${on}","daysSinceSurgery":${daysSinceSurgery},"status":"${status}","statusReasons":[`,
    ]
    list(answer.statusReasons, writeReason)
    pieces.push('],"protocols":[')
    list(answer.protocols, ({ code, version, phase }) => {
      pieces.push(`{"code":${quote(code)},"version":${version},"phase":${quoteOrNull(phase?.code ?? null)}}`)
    })
    pieces.push('],"permitted":[')
    list(answer.permitted, (permitted) => repeat(permitted, writePermitted))
    pieces.push('],"withheld":[')
    list(answer.withheld, (withheld) => repeat(withheld, writeWithheld))
    pieces.push('],"limits":[')
    list(
      answer.limits.filter(({ supersededBy }) => supersededBy === null),
      ({ protocol, rule, quantity, max, min, unit, asInstructed, until }) => {
        pieces.push(
          `{"protocol":${quote(protocol)},"rule":${quote(rule)},"quantity":${quote(quantity)},"max":${max},"min":${min},"unit":${quoteOrNull(unit)},"asInstructed":${asInstructed},"until":${dateOrNull(until)}}`,
        )
      },
    )
    pieces.push('],"missingFacts":[')
    list(answer.missingFacts, ({ protocol, code }) => {
      pieces.push(`{"protocol":${quote(protocol)},"fact":${quote(code)}}`)
    })
    pieces.push(']}')
    return pieces.join('')
  }
}

function remember<Key, Value>(known: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = known.get(key)
  if (found !== undefined) return found
  const made = make()
  known.set(key, made)
  return made
}

/** Whether all that is said of how the exercise is done is what this one grant says. */
function isStated({ grantedBy, dose, side, supervision, provided }: Permitted, grant: Grant): boolean {
  return (
    grantedBy.length === 1 &&
    grant.kind === 'prescription' &&
    dose === grant.dose &&
    side === grant.side &&
    supervision === grant.supervision &&
    (provided.length === 0 ? grant.provided === null : provided.length === 1 && provided[0] === grant.provided)
  )
}
