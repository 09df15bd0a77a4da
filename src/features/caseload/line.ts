import { TextLine } from '../../http/lines.ts'
import type {
  CalendarDate,
  Caution,
  Derivation,
  Exercise,
  Grant,
  LimitInForce,
  Permitted,
  Reason,
} from '../../rules/index.ts'
import { speakHow } from '../permitted-exercises/sentences.ts'

interface About {
  id: string
  patientId: string
}

/** Writes the line of an episode from its answer, without an object in between: that would take twice as long. */
export type LineWriter = ReturnType<typeof createLineWriter>

export function createLineWriter() {
  const quoted = new Map<string, string>()
  /** How an exercise is done that one prescription grants as it is stated. */
  const stated = new WeakMap<Exercise, WeakMap<Grant, string>>()

  /** A code as JSON. There are as many as the documents of one clinic have. */
  const quote = (text: string): string => {
    const known = quoted.get(text)
    if (known !== undefined) return known
    const json = JSON.stringify(text)
    quoted.set(text, json)
    return json
  }
  const orNull = (text: string | null): string => (text === null ? 'null' : quote(text))
  const dateOrNull = (date: CalendarDate | null): string => (date === null ? 'null' : `"${date}"`)

  function list<Item>(items: readonly Item[], write: (item: Item) => string): string {
    let text = '['
    for (let index = 0; index < items.length; index += 1) {
      if (index > 0) text += ','
      text += write(items[index] as Item)
    }
    return `${text}]`
  }

  function writeReason(reason: Reason): string {
    const protocol = 'protocol' in reason ? quote(reason.protocol) : 'null'
    const rule = 'rule' in reason ? quote(reason.rule) : 'null'
    const until = 'until' in reason ? dateOrNull(reason.until) : 'null'
    return `{"kind":"${reason.kind}","protocol":${protocol},"rule":${rule},"until":${until}}`
  }

  function writeCaution(caution: Caution): string {
    const until = caution.kind === 'caution' ? dateOrNull(caution.until) : 'null'
    return `{"kind":"${caution.kind}","protocol":${quote(caution.protocol)},"rule":${quote(caution.rule)},"until":${until}}`
  }

  const describe = (permitted: Permitted): string =>
    `{"exercise":${quote(permitted.exercise.code)},"text":${JSON.stringify(speakHow(permitted))},"cautions":`

  function describeOnce(permitted: Permitted): string {
    const [grant] = permitted.grantedBy
    if (grant === undefined || !isStated(permitted, grant)) return describe(permitted)
    const byGrant = stated.get(permitted.exercise) ?? new WeakMap<Grant, string>()
    const known = byGrant.get(grant) ?? describe(permitted)
    byGrant.set(grant, known)
    stated.set(permitted.exercise, byGrant)
    return known
  }

  const writePermitted = (permitted: Permitted): string =>
    `${describeOnce(permitted)}${list(permitted.cautions, writeCaution)}}`

  function writeLimit({ protocol, rule, quantity, max, min, unit, asInstructed, until }: LimitInForce): string {
    return `{"protocol":${quote(protocol)},"rule":${quote(rule)},"quantity":${quote(quantity)},"max":${max},"min":${min},"unit":${orNull(unit)},"asInstructed":${asInstructed},"until":${dateOrNull(until)}}`
  }

  return ({ id, patientId }: About, answer: Derivation): TextLine => {
    const { on, daysSinceSurgery, status, statusReasons, protocols, permitted, withheld, limits, missingFacts } = answer
    const inForce = limits.filter(({ supersededBy }) => supersededBy === null)
    const text =
      `{"kind":"episode","episode":"${id}","patient":"${patientId}","revision":${answer.basis.revision},"on":"${on}",` +
      `"daysSinceSurgery":${daysSinceSurgery},"status":"${status}","statusReasons":${list(statusReasons, writeReason)},` +
      `"protocols":${list(protocols, ({ code, version, phase }) => `{"code":${quote(code)},"version":${version},"phase":${orNull(phase?.code ?? null)}}`)},` +
      `"permitted":${list(permitted, writePermitted)},` +
      `"withheld":${list(withheld, ({ exercise, reasons }) => `{"exercise":${quote(exercise.code)},"reasons":${list(reasons, writeReason)}}`)},` +
      `"limits":${list(inForce, writeLimit)},` +
      `"missingFacts":${list(missingFacts, ({ protocol, code }) => `{"protocol":${quote(protocol)},"fact":${quote(code)}}`)}}`
    return new TextLine(text, patientId, id)
  }
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
