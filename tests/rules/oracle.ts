/**
 * A second reading of the semantics (`src/rules/README.md`): slow, obvious, and without a line of `src/rules`. Where the
 * two disagree one of them misreads it. `look` looks everything of one date up anew, and puts it into words when it is asked
 * for. `oracle-ahead.ts` asks it day after day to know what comes, and keeps what it has been told.
 */
import type {
  CalendarDate,
  Condition,
  Contraindication,
  DayBound,
  Dose,
  Exercise,
  Instant,
  Limit,
  Prescription,
  ProtocolVersion,
  RecordEntry,
  Side,
  Target,
} from '../../src/rules/types.ts'

export interface Asked {
  versions: readonly ProtocolVersion[]
  entries: readonly RecordEntry[]
  on: CalendarDate
  knownAt: Instant
  alsoJudge?: readonly Exercise[]
}

/** Everything in words. Dates are written as `@{…}`, so that they can be left out. */
export interface OracleAnswer {
  status: string
  statusReasons: string[]
  /** Per protocol the code of its phase. */
  phases: Record<string, string | null>
  permitted: Record<
    string,
    {
      dose: string
      side: string
      supervision: string
      provided: string[]
      grants: string[]
      cautions: string[]
    }
  >
  /** Per exercise the reasons. */
  withheld: Record<string, string[]>
  avoid: string[]
  instructions: string[]
  limits: string[]
  goals: string[]
  openRedFlags: string[]
  redFlags: string[]
  /** Per fact that is missing: what is stale of it, and the rules that wait for it. */
  missing: string[]
}

/** What stands in the way of one exercise, for those who ask again and again. */
export interface Verdict {
  permitted: boolean
  granted: boolean
  /** The relative contraindications that withhold it. */
  relative: string[]
  /** Whether anything else withholds it. */
  otherwise: boolean
}

export interface DaysAnswer {
  answer: () => OracleAnswer
  codes: ReadonlySet<string>
  judge: (code: string) => Verdict
  /** Every entry of the exercise that is looked at. */
  descriptionsOf: (code: string) => readonly Exercise[]
  phases: ReadonlyMap<ProtocolVersion, number | null>
  /** Whether the rule's condition is true; `unknown` if it cannot be told. */
  truthOf: (when: Condition | undefined, version: ProtocolVersion) => Known
  /** Whether the fact has been observed, or the operation tells it. */
  knows: (fact: string, version: ProtocolVersion) => boolean
  assigned: readonly ProtocolVersion[]
}

export type Known = true | false | 'unknown'

/** A condition with its truth, in words, and the facts that it waits for. */
interface Examined {
  truth: Known
  /** Only when asked: most of the time only the truth is wanted. */
  said: () => string
  waitsFor: readonly { fact: string; stale: boolean }[]
}

const both = ['left', 'right']
const numbered = new Map<string, number>()

/** Days since the first of January 1970, counted with Temporal. */
export function dayNumber(date: string): number {
  const known = numbered.get(date)
  if (known !== undefined) return known
  const number = Temporal.PlainDate.from('1970-01-01').until(date, { largestUnit: 'day' }).days
  numbered.set(date, number)
  return number
}

const dates = new Map<number, CalendarDate>()

export function dateOf(number: number): CalendarDate {
  const date =
    dates.get(number) ?? (Temporal.PlainDate.from('1970-01-01').add({ days: number }).toString() as CalendarDate)
  dates.set(number, date)
  return date
}

export function and(parts: readonly Known[]): Known {
  return parts.some((part) => part === false) ? false : parts.every((part) => part === true) ? true : 'unknown'
}

export function or(parts: readonly Known[]): Known {
  return parts.some((part) => part === true) ? true : parts.every((part) => part === false) ? false : 'unknown'
}

export function latest<T extends { revision: number }>(items: readonly T[]): T | undefined {
  return items.find((item) => items.every((other) => other.revision <= item.revision))
}

/** Recorded by then, and not voided by then. */
export function knownEntries({ entries, knownAt }: Pick<Asked, 'entries' | 'knownAt'>): RecordEntry[] {
  const recorded = entries.filter((entry) => entry.recordedAt <= knownAt)
  return recorded.filter(({ id }) => !recorded.some((entry) => entry.kind === 'void' && entry.entry === id))
}

/** One date; null if no surgery was on record. */
export function look(asked: Asked): DaysAnswer | null {
  const today = dayNumber(asked.on)
  const known = knownEntries(asked)
  const surgery = latest(known.filter((entry) => entry.kind === 'surgery'))
  if (surgery === undefined) return null
  const assignedIds = latest(known.filter((entry) => entry.kind === 'assignment'))?.versions ?? []
  const assigned = asked.versions.filter((version) => assignedIds.includes(version.id))
  const isAtHand = (id: string) => asked.versions.some((version) => version.id === id)

  // ---- Dates and conditions ----

  const daysSince = (date: string): number => today - dayNumber(date)
  const covers = (span: { from: string; until: string | null }) =>
    daysSince(span.from) >= 0 && (span.until === null || daysSince(span.until) < 0)

  const rolesOf = (code: string, { document }: ProtocolVersion) =>
    document.milestones.find((milestone) => milestone.code === code)?.grantedBy ?? []

  const reachedOn = (code: string, version: ProtocolVersion): string | undefined => {
    const roles = rolesOf(code, version)
    const reached: string[] = []
    for (const entry of known) {
      if (entry.kind !== 'milestone' || entry.code !== code || daysSince(entry.on) < 0) continue
      if (roles.length > 0 && !roles.some((role) => role === entry.grantedBy)) continue
      const revoked = known.some(
        (other) => other.kind === 'revocation' && other.milestone === entry.id && daysSince(other.on) >= 0,
      )
      if (!revoked) reached.push(entry.on)
    }
    return reached.sort()[0]
  }

  /** The value that counts, and how many days old it is; of the operation, without age. */
  const observe = (code: string, { document }: ProtocolVersion) => {
    const past = known
      .filter((entry) => entry.kind === 'fact')
      .filter((entry) => entry.code === code && daysSince(entry.on) >= 0)
    const age = Math.min(...past.map((entry) => daysSince(entry.on)))
    const observation = latest(past.filter((entry) => daysSince(entry.on) === age))
    if (observation !== undefined) return { value: observation.value, age, on: observation.on }
    const operation = document.facts.find((fact) => fact.code === code)?.operation
    if (operation === undefined) return null
    const ofOperation = (value: string | number | boolean) => ({ value, age: null, on: surgery.surgeryDate })
    if (operation === 'levels') return surgery.levels.length > 0 ? ofOperation(surgery.levels.length) : null
    if (operation === 'side') return surgery.side === null ? null : ofOperation(surgery.side)
    return ofOperation(surgery.procedures.includes(operation.procedure))
  }

  const say = (truth: Known) => String(truth)

  const examine = (condition: Condition, version: ProtocolVersion, phase: number | null): Examined => {
    if ('all' in condition || 'any' in condition) {
      const parts = ('all' in condition ? condition.all : condition.any).map((part) => examine(part, version, phase))
      const truths = parts.map((part) => part.truth)
      const truth = 'all' in condition ? and(truths) : or(truths)
      return {
        truth,
        said: () =>
          `${'all' in condition ? 'all' : 'any'} ${say(truth)} [${parts.map((part) => part.said()).join(', ')}]`,
        waitsFor: truth === 'unknown' ? parts.flatMap((part) => part.waitsFor) : [],
      }
    }
    if ('not' in condition) {
      const inner = examine(condition.not, version, phase)
      const truth = inner.truth === 'unknown' ? 'unknown' : !inner.truth
      return { truth, said: () => `not ${say(truth)} [${inner.said()}]`, waitsFor: inner.waitsFor }
    }
    if ('milestone' in condition) {
      const on = reachedOn(condition.milestone, version)
      const said = () => {
        const roles = rolesOf(condition.milestone, version).join(' ')
        return `milestone ${say(on !== undefined)} ${condition.milestone} by ${roles}@{${on ?? ''}}`
      }
      return {
        truth: on !== undefined,
        said,
        waitsFor: [],
      }
    }
    if ('days' in condition) {
      const { since, atLeast, before } = condition.days
      const anchor = since === undefined ? surgery.surgeryDate : reachedOn(since, version)
      const parts: Known[] = []
      if (atLeast !== undefined) {
        const [early, late] = rangeOf(atLeast)
        if (anchor === undefined || daysSince(anchor) < early) parts.push(false)
        else parts.push(daysSince(anchor) >= late ? true : 'unknown')
      }
      if (before !== undefined) {
        const [early, late] = rangeOf(before)
        if (anchor === undefined) parts.push('unknown')
        else if (daysSince(anchor) < early) parts.push(true)
        else parts.push(daysSince(anchor) >= late ? false : 'unknown')
      }
      const truth = and(parts)
      const end = (bound: DayBound | undefined) =>
        bound === undefined || anchor === undefined ? '' : dateOf(dayNumber(anchor) + rangeOf(bound)[1])
      const said = () => {
        const bounds = `${JSON.stringify(atLeast ?? null)} ${JSON.stringify(before ?? null)}`
        return `days ${say(truth)} since ${since ?? 'surgery'} ${bounds}@{${end(atLeast)} ${end(before)}}`
      }
      return {
        truth,
        said,
        waitsFor: [],
      }
    }
    if ('phase' in condition) {
      const codes = version.document.phases.map((candidate) => candidate.code)
      const { from, through } = condition.phase
      const fromIndex = from === undefined ? 0 : codes.indexOf(from)
      const throughIndex = through === undefined ? codes.length - 1 : codes.indexOf(through)
      const truth: Known =
        phase === null || fromIndex < 0 || throughIndex < 0 ? 'unknown' : fromIndex <= phase && phase <= throughIndex
      return { truth, said: () => `phase ${say(truth)} ${from ?? ''}..${through ?? ''}`, waitsFor: [] }
    }
    const { fact, ...test } = condition
    const seen = observe(fact, version)
    const stale = test.withinDays !== undefined && typeof seen?.age === 'number' && seen.age > test.withinDays
    const truth = seen === null || stale ? 'unknown' : meets(seen.value, test)
    const said = () => {
      const value = seen === null ? '' : `${JSON.stringify(seen.value)}@{${seen.on}}`
      return `fact ${say(truth)} ${fact} ${JSON.stringify(test)} ${value}${stale ? ' stale' : ''}`
    }
    return {
      truth,
      said,
      waitsFor: truth === 'unknown' ? [{ fact, stale }] : [],
    }
  }
  const truthOf = (when: Condition | undefined, version: ProtocolVersion, phase: number | null): Known =>
    when === undefined ? true : examine(when, version, phase).truth

  // ---- Phases: the last of the longest prefix whose entry conditions are all true ----

  const phases = new Map<ProtocolVersion, number | null>()
  for (const version of assigned) {
    const entered = version.document.phases.map((phase) => truthOf(phase.entry, version, null) === true)
    let length = 0
    while (entered[length] === true) length += 1
    phases.set(version, length === 0 ? null : length - 1)
  }
  const phaseIn = (version: ProtocolVersion) => phases.get(version) ?? null
  const sayNoPhase = (version: ProtocolVersion) => {
    const first = version.document.phases[0]
    const entry = first === undefined ? '' : `${first.code} ${examine(first.entry, version, null).said()}`
    return `no-phase ${version.document.code} ${entry}`
  }

  // ---- What withholds everything ----

  const everything: string[] = []
  const closures = known.filter((entry) => entry.kind === 'closure').filter((entry) => daysSince(entry.on) >= 0)
  if (closures.length > 0) everything.push('episode-closed')
  const openRedFlags: string[] = []
  for (const entry of known) {
    if (entry.kind === 'hold' && covers(entry)) everything.push(`hold ${entry.id}@{${entry.from} ${entry.until ?? ''}}`)
    if (entry.kind === 'symptom' && daysSince(entry.on) >= 0) {
      const resolved = known.some(
        (other) => other.kind === 'resolution' && other.symptom === entry.id && daysSince(other.on) >= 0,
      )
      if (!resolved) openRedFlags.push(`red-flag ${entry.redFlag} ${entry.response} ${entry.id}@{${entry.on}}`)
    }
  }
  everything.push(...openRedFlags)
  const onHold = everything.some((reason) => reason.startsWith('hold') || reason.startsWith('red-flag'))
  const noProtocol = assigned.length === 0 || !assignedIds.every(isAtHand)
  if (noProtocol) everything.push('no-protocol')
  if (assigned.every((version) => phaseIn(version) === null)) everything.push(...assigned.map(sayNoPhase))

  // ---- Exercises: what is prescribed anywhere, what an override names, what is asked about ----

  const overrides = known.filter((entry) => entry.kind === 'override').filter((entry) => daysSince(entry.from) >= 0)
  const prescribes = (prescription: Prescription, code: string, { document }: ProtocolVersion): boolean =>
    prescription.exercise === undefined
      ? document.exercises.some((own) => own.code === code && own.groups?.some((group) => group === prescription.group))
      : prescription.exercise === code
  const prescribedBy = (code: string, version: ProtocolVersion) =>
    version.document.prescriptions.filter((prescription) => prescribes(prescription, code, version))

  const codes = new Set<string>()
  for (const version of assigned) {
    for (const { code } of version.document.exercises) if (prescribedBy(code, version).length > 0) codes.add(code)
  }
  for (const override of overrides) codes.add(override.exercise)
  for (const { code } of asked.alsoJudge ?? []) codes.add(code)

  /** Every description of the exercise that the versions and the overrides have; the catalogue's if there is none. */
  const descriptionsOf = (code: string): Exercise[] => {
    const own = assigned.flatMap((version) =>
      version.document.exercises.map((exercise) => ({ exercise, counts: prescribedBy(code, version).length > 0 })),
    )
    const named = overrides.map((override) => override.entry)
    const found = [...own.map(({ exercise }) => exercise), ...named].filter((exercise) => exercise.code === code)
    const decisive = [...own.filter(({ counts }) => counts).map(({ exercise }) => exercise), ...named]
    if (decisive.some((exercise) => exercise.code === code)) return found
    return [...found, ...(asked.alsoJudge ?? []).filter((exercise) => exercise.code === code)]
  }

  // ---- Grants and forbids ----

  interface Standing {
    certain: boolean
    ungraded: string[]
    said: string
  }

  /** Null if the rule does not apply. */
  const applies = (
    rule: Contraindication,
    descriptions: readonly Exercise[],
    version: ProtocolVersion,
  ): Standing | null => {
    const when = rule.when === undefined ? null : examine(rule.when, version, phaseIn(version))
    if (when?.truth === false) return null
    const entries = descriptions.map((exercise) => {
      const targets = rule.target.map((target) => matchTarget(target, exercise))
      const exceptions = (rule.except ?? []).map((target) => matchTarget(target, exercise))
      const targeted = or(targets.map((match) => match.truth))
      const excepted = or(exceptions.map((match) => match.truth))
      // What is not known does not make an exception; but it does not leave the match certain either.
      const doubts = [...targets, ...exceptions].filter((match) => match.truth === 'unknown')
      return { match: and([targeted, excepted === 'unknown' ? 'unknown' : !excepted]), doubts }
    })
    const match = or(entries.map((entry) => entry.match))
    if (match === false) return null
    const doubtful = entries.filter((entry) => entry.match === 'unknown').flatMap((entry) => entry.doubts)
    return {
      certain: match === true && when?.truth !== 'unknown',
      ungraded: match === true ? [] : [...new Set(doubtful.flatMap((doubt) => doubt.ungraded))].sort(),
      said: when?.said() ?? 'always',
    }
  }

  const name = (version: ProtocolVersion, rule: { code: string }) => `${version.document.code}/${rule.code}`
  const sure = (certain: boolean) => (certain ? 'certain' : 'uncertain')

  const weigh = (code: string) => {
    const own = overrides.filter((override) => override.exercise === code && covers(override))
    const permits = own.filter((override) => override.effect === 'permit')
    const forbids = own
      .filter((override) => override.effect === 'withhold')
      .map((override) => `override ${override.id}@{${override.from} ${override.until ?? ''}}`)
    const withholds = forbids.length > 0
    const cautions: string[] = []
    const relative: string[] = []
    let absolute = false
    const descriptions = descriptionsOf(code)
    for (const version of assigned) {
      for (const rule of version.document.contraindications) {
        const standing = applies(rule, descriptions, version)
        if (standing === null) continue
        const lifting = permits.filter(
          (permit) =>
            permit.lifts.some((lifted) => lifted === rule.code) && permit.versions.some((seen) => seen === version.id),
        )
        const said = `${name(version, rule)} ${sure(standing.certain)} [${standing.ungraded}] when ${standing.said}`
        if (rule.strength === 'caution') cautions.push(`caution ${said}`)
        else if (rule.strength === 'relative' && lifting.length > 0) cautions.push(`lifted ${name(version, rule)}`)
        else {
          forbids.push(`contraindication ${rule.strength} ${said}`)
          if (rule.strength === 'relative') relative.push(name(version, rule))
          else absolute = true
        }
      }
    }

    const grants: { version: ProtocolVersion; prescription: Prescription; phase: number }[] = []
    const missing: string[] = []
    for (const version of assigned) {
      const phase = phaseIn(version)
      const { phases: stages } = version.document
      const order = stages.map((candidate) => candidate.code)
      const refused: { reason: string; distance: number }[] = []
      let granted = false
      for (const prescription of prescribedBy(code, version)) {
        const from = order.indexOf(prescription.from)
        const through = order.indexOf(prescription.through ?? prescription.from)
        const rule = name(version, prescription)
        if (phase === null) {
          refused.push({ reason: sayNoPhase(version), distance: 0 })
        } else if (from < 0 || through < 0 || phase < from) {
          const entries = stages
            .slice(phase + 1, from < 0 ? undefined : from + 1)
            .map((stage) => examine(stage.entry, version, null))
            .filter((entry) => entry.truth !== true)
          const waiting = entries.map((entry) => entry.said()).join(', ')
          refused.push({
            reason: `phase-not-reached ${rule} ${prescription.from} [${waiting}]`,
            distance: from - phase,
          })
        } else if (phase > through) {
          refused.push({ reason: `phase-passed ${rule} ${order[through]}`, distance: Number.POSITIVE_INFINITY })
        } else {
          const when = prescription.when === undefined ? null : examine(prescription.when, version, phase)
          if (when === null || when.truth === true) {
            granted = true
            grants.push({ version, prescription, phase })
          } else {
            const certain = sure(when.truth === false)
            refused.push({ reason: `condition-not-met ${rule} ${certain} ${when.said()}`, distance: 0 })
          }
        }
      }
      // Of several prescriptions, any of which would do, the nearest explain why there is no grant.
      if (granted) continue
      for (const { reason, distance } of refused) {
        if (refused.every((other) => distance <= other.distance)) missing.push(reason)
      }
    }
    if (assigned.every((version) => prescribedBy(code, version).length === 0)) missing.push('not-prescribed')

    const side = sideOf(
      assigned
        .map((version) => grants.filter((grant) => grant.version === version).map((grant) => grant.prescription.side))
        .filter((sides) => sides.length > 0),
      surgery.side,
    )
    // No side on which every protocol grants it: there is no grant. Like any that is lacking, a permit makes up for it.
    if (side === null) missing.push('sides-disagree')
    const granting = side === null ? [] : grants

    const granted = permits.length > 0 || missing.length === 0
    const verdict: Verdict = {
      permitted: granted && everything.length === 0 && forbids.length === 0,
      granted,
      relative,
      otherwise: everything.length > 0 || absolute || withholds,
    }
    return { verdict, permits, forbids, cautions, grants: granting, missing, side }
  }

  /** The dose of a prescription that grants: which step is chosen, or none. */
  const stepOf = (prescription: Prescription, version: ProtocolVersion, phase: number): number =>
    (prescription.dosage ?? []).findLastIndex((step) => truthOf(step.when, version, phase) === true)
  const doseOf = (prescription: Prescription, version: ProtocolVersion, phase: number): Dose | null => {
    const chosen = stepOf(prescription, version, phase)
    const step = prescription.dosage?.[chosen]
    if (step === undefined) return null
    const { when: _, ...dose } = step
    // A later step that may be the right one lowers what it says less of.
    const open = (prescription.dosage ?? []).filter(
      (other, index) => index > chosen && truthOf(other.when, version, phase) === 'unknown',
    )
    if (open.length === 0) return dose
    const smallest = mergeDoses([dose, ...open])
    for (const key of ['sets', 'reps', 'holdSeconds', 'durationMinutes', 'timesPerDay', 'timesPerWeek'] as const) {
      if (dose[key] !== undefined) dose[key] = smallest?.[key] ?? Number.NaN
    }
    const amounts = dose.amounts?.map((own) => {
      const found = smallest?.amounts?.find((other) => other.quantity === own.quantity && other.unit === own.unit)
      return { ...own, value: found?.value ?? Number.NaN }
    })
    return amounts === undefined ? dose : { ...dose, amounts }
  }

  // ---- What is not known and matters ----

  const findMissing = (): string[] => {
    if (closures.length > 0 || onHold || noProtocol) return []
    return assigned.filter(speaks).flatMap((version) => {
      const { document } = version
      const phase = phaseIn(version)
      const bearing: { code: string; when: Condition | undefined; phase: number | null }[] = []
      const next = document.phases[phase === null ? 0 : phase + 1]
      if (next !== undefined) bearing.push({ code: next.code, when: next.entry, phase: null })
      bearing.push(...document.contraindications.map(({ code, when }) => ({ code, when, phase })))
      bearing.push(...document.instructions.map(({ code, when }) => ({ code, when, phase })))
      bearing.push(...document.limits.map(({ code, when }) => ({ code, when, phase })))
      for (const prescription of document.prescriptions) {
        const { code, when, dosage = [] } = prescription
        if (phase === null || !isInSpan(prescription, version, phase)) continue
        if (truthOf(when, version, phase) === true) {
          const chosen = stepOf(prescription, version, phase)
          bearing.push(...dosage.slice(chosen + 1).map((step) => ({ code, when: step.when, phase })))
        } else {
          const covered = document.exercises.filter((exercise) => prescribes(prescription, exercise.code, version))
          const needed = covered.some((exercise) =>
            prescribedBy(exercise.code, version).every(
              (other) => !isInSpan(other, version, phase) || truthOf(other.when, version, phase) !== true,
            ),
          )
          if (needed) bearing.push({ code, when, phase })
        }
      }
      const waiting = bearing.flatMap(({ code, when, phase }) =>
        when === undefined ? [] : examine(when, version, phase).waitsFor.map((wait) => ({ code, ...wait })),
      )
      return [...new Set(waiting.map(({ fact }) => fact))].map((fact) => {
        const own = waiting.filter((wait) => wait.fact === fact)
        const seen = own.some((wait) => wait.stale) ? observe(fact, version) : null
        const stale = seen === null ? 'never observed' : `${JSON.stringify(seen.value)}@{${seen.on}}`
        const rules = [...new Set(own.map((wait) => wait.code))].sort()
        return `${document.code} ${fact} ${stale} for ${rules.join(' ')}`
      })
    })
  }
  const isInSpan = (prescription: Prescription, version: ProtocolVersion, phase: number): boolean => {
    const order = version.document.phases.map((candidate) => candidate.code)
    const from = order.indexOf(prescription.from)
    const through = order.indexOf(prescription.through ?? prescription.from)
    return from >= 0 && through >= 0 && from <= phase && phase <= through
  }

  // ---- The whole answer ----

  /** Before the surgery a version without a phase has nothing to say. */
  const speaks = (version: ProtocolVersion) => phaseIn(version) !== null || daysSince(surgery.surgeryDate) >= 0

  const answer = (): OracleAnswer => {
    const permitted: OracleAnswer['permitted'] = {}
    const withheld: OracleAnswer['withheld'] = {}
    for (const code of [...codes].sort()) {
      const { verdict, permits, forbids, cautions, grants, missing, side } = weigh(code)
      if (!verdict.permitted) {
        const reasons = [...everything, ...forbids, ...(verdict.granted ? [] : missing)]
        withheld[code] = [...new Set(reasons)].sort()
        continue
      }
      const dosed = grants.map((grant) => ({
        ...grant,
        dose: doseOf(grant.prescription, grant.version, grant.phase),
      }))
      permitted[code] = {
        dose: sayDose(mergeDoses(dosed.map(({ dose }) => dose).filter((dose) => dose !== null))),
        side: side ?? 'both',
        supervision:
          grants.length > 0 && grants.every(({ prescription }) => prescription.supervision === 'independent')
            ? 'independent'
            : 'supervised',
        provided: [...new Set(grants.flatMap(({ prescription }) => prescription.provided ?? []))].sort(),
        grants: [
          ...dosed.map(({ version, prescription, dose }) => `${name(version, prescription)} ${sayDose(dose)}`),
          ...permits.map((permit) => permit.id),
        ].sort(),
        cautions: cautions.sort(),
      }
    }

    const inForce = <T extends { code: string; when?: Condition }>(rules: (version: ProtocolVersion) => readonly T[]) =>
      assigned.filter(speaks).flatMap((version) =>
        rules(version).flatMap((rule) => {
          const when = rule.when === undefined ? null : examine(rule.when, version, phaseIn(version))
          if (when?.truth === false) return []
          const certain = when?.truth !== 'unknown'
          return [{ rule, certain, rank: name(version, rule), name: `${name(version, rule)} ${sure(certain)}`, when }]
        }),
      )
    const caps = inForce(({ document }) => document.limits.filter((limit) => limit.kind !== 'goal'))
    const goals = inForce(({ document }) => document.limits.filter((limit) => limit.kind === 'goal'))
    const instructions = inForce(({ document }) => document.instructions)
    const nothing = everything.length > 0
    return {
      status: closures.length > 0 ? 'closed' : onHold ? 'on-hold' : nothing ? 'no-phase' : 'active',
      statusReasons: [...new Set(everything)].sort(),
      phases: Object.fromEntries(
        assigned.map((version) => [
          version.document.code,
          version.document.phases[phaseIn(version) ?? -1]?.code ?? null,
        ]),
      ),
      permitted,
      withheld,
      avoid: inForce(({ document }) => document.contraindications)
        .map((active) => `${active.name} when ${active.when?.said() ?? 'always'}`)
        .sort(),
      instructions: (nothing ? [] : instructions).map((active) => active.name).sort(),
      limits: caps
        .map((active) => (caps.some((other) => isStricter(other, active)) ? `${active.name} superseded` : active.name))
        .sort(),
      goals: (nothing ? [] : goals)
        .filter((active) => active.certain)
        .map((active) => active.name)
        .sort(),
      openRedFlags: openRedFlags.sort(),
      redFlags: assigned
        .flatMap(({ document }) => document.redFlags.map((flag) => `${document.code}/${flag.code}`))
        .sort(),
      missing: findMissing().sort(),
    }
  }

  return {
    answer,
    codes,
    judge: (code) => weigh(code).verdict,
    descriptionsOf,
    phases,
    truthOf: (when, version) => truthOf(when, version, phaseIn(version)),
    knows: (fact, version) => observe(fact, version) !== null,
    assigned,
  }
}

/** The answer without dates, as text that can be compared. */
export function undated(answer: OracleAnswer): string {
  return JSON.stringify(answer).replaceAll(/@\{[^}]*\}/g, '')
}

export function rangeOf(bound: DayBound): readonly [number, number] {
  return typeof bound === 'number' ? [bound, bound] : bound
}

type FactCondition = Extract<Condition, { fact: string }>

function meets(value: unknown, test: Omit<FactCondition, 'fact'>): Known {
  const equals = (wanted: unknown): Known => (typeof wanted === typeof value ? wanted === value : 'unknown')
  const compare = (bound: number | undefined, holds: (number: number, bound: number) => boolean): Known =>
    bound === undefined ? true : typeof value === 'number' ? holds(value, bound) : 'unknown'
  return and([
    test.is === undefined ? true : equals(test.is),
    test.in === undefined ? true : or(test.in.map(equals)),
    compare(test.atLeast, (number, bound) => number >= bound),
    compare(test.atMost, (number, bound) => number <= bound),
    compare(test.above, (number, bound) => number > bound),
    compare(test.below, (number, bound) => number < bound),
  ])
}

function matchTarget(target: Target, exercise: Exercise): { truth: Known; ungraded: string[] } {
  const parts: Known[] = []
  const ungraded: string[] = []
  if (target.exercise !== undefined) parts.push(target.exercise === exercise.code)
  if (target.kind !== undefined) parts.push(target.kind === exercise.kind)
  if (target.group !== undefined) parts.push((exercise.groups ?? []).some((group) => group === target.group))
  for (const [attribute, least] of Object.entries(target.attributes ?? {})) {
    const grade = exercise.attributes[attribute]
    parts.push(grade === undefined ? 'unknown' : grade >= least)
    if (grade === undefined) ungraded.push(attribute)
  }
  return { truth: and(parts), ungraded }
}

/** Of several on one quantity and unit the strictest: smallest `max`, largest `min`; of equals the first by name. */
function isStricter(a: { rule: Limit; rank: string }, b: { rule: Limit; rank: string }): boolean {
  if (a.rank === b.rank || a.rule.quantity !== b.rule.quantity || a.rule.unit !== b.rule.unit) return false
  const range = ({ min, max }: Limit) => [min ?? Number.NEGATIVE_INFINITY, max ?? Number.POSITIVE_INFINITY] as const
  const [minA, maxA] = range(a.rule)
  const [minB, maxB] = range(b.rule)
  const says = (low: number, high: number) => Number.isFinite(low) || Number.isFinite(high)
  if (!says(minA, maxA) || !says(minB, maxB)) return false
  if (minA === minB && maxA === maxB) return a.rank < b.rank
  return minA >= minB && maxA <= maxB
}

/**
 * Within a protocol sides add up, between protocols the narrower wins. If the operated side is not known: what holds
 * whichever it is, in words (`operative`) or as a side. Null if no side is left.
 */
function sideOf(perProtocol: readonly (readonly string[])[], operated: Side | null): string | null {
  const meaning = (side: string, world: Side): string[] => {
    const operatedOn = world === 'bilateral' ? both : [world]
    if (side === 'both') return both
    if (side === 'operative') return operatedOn
    if (side === 'non-operative') return both.filter((one) => !operatedOn.includes(one))
    return [side]
  }
  const worlds: Side[] = operated === null ? ['left', 'right', 'bilateral'] : [operated]
  const granted = worlds.map((world) =>
    both.filter((one) => perProtocol.every((sides) => sides.some((side) => meaning(side, world).includes(one)))),
  )
  if (operated === null) {
    for (const side of ['operative', 'non-operative']) {
      if (worlds.every((world, index) => `${meaning(side, world)}` === `${granted[index]}`)) return side
    }
  }
  const certain = both.filter((one) => granted.every((sides) => sides.includes(one)))
  return certain.length === 2 ? 'both' : (certain[0] ?? null)
}

/** The smaller number of each kind, the smaller amount of each quantity and unit, and every instruction. */
function mergeDoses(doses: readonly Dose[]): Dose | null {
  if (doses.length === 0) return null
  const merged: Dose = {}
  const least = (values: (number | undefined)[]) => Math.min(...values.filter((value) => value !== undefined))
  for (const key of ['sets', 'reps', 'holdSeconds', 'durationMinutes', 'timesPerDay', 'timesPerWeek'] as const) {
    if (doses.some((dose) => dose[key] !== undefined)) merged[key] = least(doses.map((dose) => dose[key]))
  }
  for (const key of ['intensity', 'note'] as const) {
    const texts = doses.map((dose) => dose[key]).filter((text) => text !== undefined)
    if (texts.length > 0) merged[key] = [...new Set(texts)].sort().join('; ')
  }
  const amounts = doses.flatMap((dose) => dose.amounts ?? [])
  const isAlike = (a: (typeof amounts)[number], b: (typeof amounts)[number]) =>
    a.quantity === b.quantity && a.unit === b.unit
  if (amounts.length > 0) {
    merged.amounts = amounts
      .filter((amount, index) => amounts.findIndex((other) => isAlike(other, amount)) === index)
      .map((amount) => ({
        ...amount,
        value: least(amounts.filter((other) => isAlike(other, amount)).map((other) => other.value)),
      }))
  }
  return merged
}

/** The same words for the same dose, however it is ordered. */
export function sayDose(dose: Dose | null): string {
  if (dose === null) return 'as instructed'
  const parts = Object.entries(dose).flatMap(([key, value]) =>
    key === 'amounts'
      ? (dose.amounts ?? []).map((amount) => `${amount.quantity} ${amount.value} ${amount.unit}`)
      : [`${key} ${value}`],
  )
  return `{${parts.sort().join(', ')}}`
}
