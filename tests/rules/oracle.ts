/**
 * A second reading of the design, section 3, points 1 to 6: slow, obvious, and without a line of `src/rules`. Where the
 * two disagree one of them misreads the design. Dates are counted with Temporal; everything is looked up anew each time.
 */
import type {
  CalendarDate,
  Condition,
  Contraindication,
  Dose,
  Exercise,
  Instant,
  Limit,
  Prescription,
  ProtocolVersion,
  RecordEntry,
  Side,
} from '../../src/rules/types.ts'

export interface Asked {
  versions: readonly ProtocolVersion[]
  entries: readonly RecordEntry[]
  on: CalendarDate
  knownAt: Instant
  alsoJudge?: readonly Exercise[]
}

export interface OracleAnswer {
  status: string
  /** Per protocol the code of its phase. */
  phases: Record<string, string | null>
  permitted: Record<
    string,
    { dose: Dose | null; side: string; supervision: string; grants: string[]; cautions: string[] }
  >
  /** Per exercise the reasons, as kind and rule. */
  withheld: Record<string, string[]>
  avoid: string[]
  instructions: string[]
  limits: string[]
}

type Known = true | false | 'unknown'

const both = ['left', 'right']

export function consult(asked: Asked): OracleAnswer | null {
  const { on } = asked

  // What was known: recorded by then, not voided by then.
  const recorded = asked.entries.filter((entry) => entry.recordedAt <= asked.knownAt)
  const isVoid = (id: string) => recorded.some((entry) => entry.kind === 'void' && entry.entry === id)
  const known = recorded.filter((entry) => !isVoid(entry.id))
  const latest = <T extends { revision: number }>(items: readonly T[]): T | undefined =>
    items.find((item) => items.every((other) => other.revision <= item.revision))

  const surgery = latest(known.filter((entry) => entry.kind === 'surgery'))
  if (surgery === undefined) return null
  const assignedIds = latest(known.filter((entry) => entry.kind === 'assignment'))?.versions ?? []
  const assigned = asked.versions.filter((version) => assignedIds.includes(version.id))
  const isAtHand = (id: string) => asked.versions.some((version) => version.id === id)

  // ---- Dates and conditions ----

  const counted = new Map<string, number>()
  const daysSince = (date: string): number => {
    const days = counted.get(date) ?? Temporal.PlainDate.from(date).until(on, { largestUnit: 'day' }).days
    counted.set(date, days)
    return days
  }
  const covers = (span: { from: string; until: string | null }) =>
    daysSince(span.from) >= 0 && (span.until === null || daysSince(span.until) < 0)

  const reachedOn = (code: string, { document }: ProtocolVersion): string | undefined => {
    const roles = document.milestones.find((milestone) => milestone.code === code)?.grantedBy
    const dates: string[] = []
    for (const entry of known) {
      if (entry.kind !== 'milestone' || entry.code !== code || daysSince(entry.on) < 0) continue
      if (roles !== undefined && roles.length > 0 && !roles.some((role) => role === entry.grantedBy)) continue
      const revoked = known.some(
        (other) => other.kind === 'revocation' && other.milestone === entry.id && daysSince(other.on) >= 0,
      )
      if (!revoked) dates.push(entry.on)
    }
    return dates.sort()[0]
  }

  const and = (parts: Known[]): Known =>
    parts.some((part) => part === false) ? false : parts.every((part) => part === true) ? true : 'unknown'
  const or = (parts: Known[]): Known =>
    parts.some((part) => part === true) ? true : parts.every((part) => part === false) ? false : 'unknown'

  const isTrue = (condition: Condition | undefined, version: ProtocolVersion, phase: number | null): Known => {
    if (condition === undefined) return true
    if ('all' in condition) return and(condition.all.map((part) => isTrue(part, version, phase)))
    if ('any' in condition) return or(condition.any.map((part) => isTrue(part, version, phase)))
    if ('not' in condition) {
      const inner = isTrue(condition.not, version, phase)
      return inner === 'unknown' ? 'unknown' : !inner
    }
    if ('milestone' in condition) return reachedOn(condition.milestone, version) !== undefined
    if ('days' in condition) {
      const { since, atLeast, before } = condition.days
      const anchor = since === undefined ? surgery.surgeryDate : reachedOn(since, version)
      const parts: Known[] = []
      if (atLeast !== undefined) parts.push(anchor === undefined ? false : daysSince(anchor) >= atLeast)
      if (before !== undefined) parts.push(anchor === undefined ? 'unknown' : daysSince(anchor) < before)
      return and(parts)
    }
    if ('phase' in condition) {
      if (phase === null) return 'unknown'
      const codes = version.document.phases.map((candidate) => candidate.code)
      const { from, through } = condition.phase
      const fromIndex = from === undefined ? 0 : codes.indexOf(from)
      const throughIndex = through === undefined ? codes.length - 1 : codes.indexOf(through)
      if (fromIndex < 0 || throughIndex < 0) return 'unknown'
      return fromIndex <= phase && phase <= throughIndex
    }
    const seen = known.filter((entry) => entry.kind === 'fact').filter((entry) => entry.code === condition.fact)
    const past = seen.filter((entry) => daysSince(entry.on) >= 0)
    const lastDay = Math.min(...past.map((entry) => daysSince(entry.on)))
    const observation = latest(past.filter((entry) => daysSince(entry.on) === lastDay))
    if (observation === undefined) return 'unknown'
    if (condition.withinDays !== undefined && lastDay > condition.withinDays) return 'unknown'
    const { value } = observation
    const equals = (wanted: unknown): Known => (typeof wanted === typeof value ? wanted === value : 'unknown')
    const parts: Known[] = []
    if (condition.is !== undefined) parts.push(equals(condition.is))
    if (condition.in !== undefined) parts.push(or(condition.in.map(equals)))
    const number = typeof value === 'number' ? value : null
    if (condition.atLeast !== undefined) parts.push(number === null ? 'unknown' : number >= condition.atLeast)
    if (condition.atMost !== undefined) parts.push(number === null ? 'unknown' : number <= condition.atMost)
    if (condition.above !== undefined) parts.push(number === null ? 'unknown' : number > condition.above)
    if (condition.below !== undefined) parts.push(number === null ? 'unknown' : number < condition.below)
    return and(parts)
  }

  // ---- 1. Phases: the last of the longest prefix whose entry conditions are all true ----

  const phaseOf = (version: ProtocolVersion): number | null => {
    const entered = version.document.phases.map((phase) => isTrue(phase.entry, version, null) === true)
    let length = 0
    while (entered[length] === true) length += 1
    return length === 0 ? null : length - 1
  }
  const phases = new Map(assigned.map((version) => [version.id, phaseOf(version)]))
  const phaseIn = (version: ProtocolVersion) => phases.get(version.id) ?? null
  const noPhaseAnywhere = assigned.every((version) => phaseIn(version) === null)

  // ---- What withholds everything ----

  const everything: string[] = []
  const closures = known.filter((entry) => entry.kind === 'closure').filter((entry) => daysSince(entry.on) >= 0)
  if (closures.length > 0) everything.push('episode-closed')
  for (const entry of known) {
    if (entry.kind === 'hold' && covers(entry)) everything.push(`hold ${entry.id}`)
    if (entry.kind === 'symptom' && daysSince(entry.on) >= 0) {
      const resolved = known.some(
        (other) => other.kind === 'resolution' && other.symptom === entry.id && daysSince(other.on) >= 0,
      )
      if (!resolved) everything.push(`red-flag ${entry.redFlag} ${entry.id}`)
    }
  }
  const onHold = everything.some((reason) => reason.startsWith('hold') || reason.startsWith('red-flag'))
  if (assigned.length === 0 || !assignedIds.every(isAtHand)) everything.push('no-protocol')
  if (noPhaseAnywhere) for (const version of assigned) everything.push(`no-phase ${version.document.code}`)

  // ---- Exercises: what is prescribed anywhere, what an override names, what is asked about ----

  const overrides = known
    .filter((entry) => entry.kind === 'override')
    .filter((entry) => Temporal.PlainDate.compare(entry.from, on) <= 0)
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

  // ---- 2. and 3. Grants and forbids ----

  /** `certain` is false if the match or the condition rests on something unknown; null if the rule does not apply. */
  const applies = (rule: Contraindication, code: string, version: ProtocolVersion): { certain: boolean } | null => {
    const truth = isTrue(rule.when, version, phaseIn(version))
    if (truth === false) return null
    const matches: Known[] = []
    for (const exercise of descriptionsOf(code)) {
      for (const target of rule.target) {
        const parts: Known[] = []
        if (target.exercise !== undefined) parts.push(target.exercise === code)
        if (target.kind !== undefined) parts.push(target.kind === exercise.kind)
        if (target.group !== undefined) parts.push((exercise.groups ?? []).some((group) => group === target.group))
        for (const [attribute, least] of Object.entries(target.attributes ?? {})) {
          const graded = Object.entries(exercise.attributes).find(([name]) => name === attribute)
          parts.push(graded === undefined ? 'unknown' : graded[1] >= least)
        }
        matches.push(and(parts))
      }
    }
    const match = or(matches)
    return match === false ? null : { certain: match === true && truth === true }
  }

  const say = (version: ProtocolVersion, rule: { code: string }) => `${version.document.code}/${rule.code}`
  const permitted: OracleAnswer['permitted'] = {}
  const withheld: OracleAnswer['withheld'] = {}

  for (const code of codes) {
    const own = overrides.filter((override) => override.exercise === code && covers(override))
    const permits = own.filter((override) => override.effect === 'permit')
    const forbids = own
      .filter((override) => override.effect === 'withhold')
      .map((override) => `override ${override.id}`)
    const cautions: string[] = []
    for (const version of assigned) {
      for (const rule of version.document.contraindications) {
        const standing = applies(rule, code, version)
        if (standing === null) continue
        const sure = standing.certain ? 'certain' : 'uncertain'
        const lifted = permits.some(
          (permit) =>
            permit.lifts.some((name) => name === rule.code) && permit.versions.some((seen) => seen === version.id),
        )
        if (rule.strength === 'caution') cautions.push(`caution ${say(version, rule)} ${sure}`)
        else if (rule.strength === 'relative' && lifted) cautions.push(`lifted ${say(version, rule)}`)
        else forbids.push(`contraindication ${say(version, rule)} ${rule.strength} ${sure}`)
      }
    }

    const grants: { version: ProtocolVersion; prescription: Prescription; phase: number }[] = []
    const missing: string[] = []
    for (const version of assigned) {
      const phase = phaseIn(version)
      const order = version.document.phases.map((candidate) => candidate.code)
      const refused: { reason: string; distance: number }[] = []
      let granted = false
      for (const prescription of prescribedBy(code, version)) {
        const from = order.indexOf(prescription.from)
        const through = order.indexOf(prescription.through ?? prescription.from)
        const name = say(version, prescription)
        if (phase === null) {
          refused.push({ reason: `no-phase ${version.document.code}`, distance: 0 })
        } else if (from < 0 || through < 0 || phase < from) {
          refused.push({ reason: `phase-not-reached ${name}`, distance: from - phase })
        } else if (phase > through) {
          refused.push({ reason: `phase-passed ${name}`, distance: Number.POSITIVE_INFINITY })
        } else {
          const truth = isTrue(prescription.when, version, phase)
          if (truth === true) {
            granted = true
            grants.push({ version, prescription, phase })
          } else {
            const sure = truth === false ? 'certain' : 'uncertain'
            refused.push({ reason: `condition-not-met ${name} ${sure}`, distance: 0 })
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
    // No side on which every protocol grants it. Like any grant that is lacking, a permit makes up for it.
    if (side === null) missing.push('sides-disagree')

    const granted = permits.length > 0 || missing.length === 0
    const standing = [...everything, ...forbids]
    if (granted && standing.length === 0) {
      const doses = grants.map(({ version, prescription, phase }) => {
        const steps = (prescription.dosage ?? []).filter((step) => isTrue(step.when, version, phase) === true)
        const { when: _, ...dose } = steps[steps.length - 1] ?? { when: undefined, none: true }
        return 'none' in dose ? null : dose
      })
      permitted[code] = {
        dose: mergeDoses(doses.filter((dose) => dose !== null)),
        side: side ?? 'both',
        supervision:
          grants.length > 0 && grants.every(({ prescription }) => prescription.supervision === 'independent')
            ? 'independent'
            : 'supervised',
        grants: [
          ...grants.map(({ version, prescription }) => say(version, prescription)),
          ...permits.map((permit) => permit.id),
        ].sort(),
        cautions: cautions.sort(),
      }
    } else {
      withheld[code] = [...new Set([...standing, ...(granted ? [] : missing)])].sort()
    }
  }

  // ---- 5. Limits and the other lists ----

  const begun = assigned.filter((version) => phaseIn(version) !== null || daysSince(surgery.surgeryDate) >= 0)
  const inForce = <T extends { code: string; when?: Condition }>(version: ProtocolVersion, rules: readonly T[]) =>
    rules.flatMap((rule) => {
      const truth = isTrue(rule.when, version, phaseIn(version))
      return truth === false
        ? []
        : [{ rule, name: `${say(version, rule)} ${truth === true ? 'certain' : 'uncertain'}` }]
    })
  const limits = begun.flatMap((version) => inForce(version, version.document.limits))

  return {
    status: closures.length > 0 ? 'closed' : onHold ? 'on-hold' : everything.length > 0 ? 'no-phase' : 'active',
    phases: Object.fromEntries(
      assigned.map((version) => [version.document.code, version.document.phases[phaseIn(version) ?? -1]?.code ?? null]),
    ),
    permitted,
    withheld,
    avoid: begun
      .flatMap((version) => inForce(version, version.document.contraindications).map(({ name }) => name))
      .sort(),
    instructions: (everything.length > 0 ? [] : begun)
      .flatMap((version) => inForce(version, version.document.instructions).map(({ name }) => name))
      .sort(),
    limits: limits
      .map(({ rule, name }) =>
        limits.some((other) => other.name !== name && isStricter(other, { rule, name })) ? `${name} superseded` : name,
      )
      .sort(),
  }
}

/** Of several on one quantity and unit the strictest: smallest `max`, largest `min`; of equals the first by name. */
function isStricter(a: { rule: Limit; name: string }, b: { rule: Limit; name: string }): boolean {
  if (a.rule.quantity !== b.rule.quantity || a.rule.unit !== b.rule.unit) return false
  const range = ({ min, max }: Limit) => [min ?? Number.NEGATIVE_INFINITY, max ?? Number.POSITIVE_INFINITY] as const
  const [minA, maxA] = range(a.rule)
  const [minB, maxB] = range(b.rule)
  const says = (low: number, high: number) => Number.isFinite(low) || Number.isFinite(high)
  if (!says(minA, maxA) || !says(minB, maxB)) return false
  if (minA === minB && maxA === maxB) return a.name < b.name
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

/** The smaller number of each kind, and every instruction. */
function mergeDoses(doses: readonly Dose[]): Dose | null {
  if (doses.length === 0) return null
  const merged: Record<string, number | string> = {}
  for (const dose of doses) {
    for (const [key, value] of Object.entries(dose)) {
      const before = merged[key]
      if (typeof value === 'number') merged[key] = typeof before === 'number' ? Math.min(before, value) : value
      else
        merged[key] = [...new Set([...(typeof before === 'string' ? before.split('; ') : []), value])].sort().join('; ')
    }
  }
  return merged
}
