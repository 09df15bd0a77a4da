/** Mistakes that somebody could make in `src/rules`, as replacements in its source. */

type Module = 'calendar-date' | 'condition' | 'derive' | 'match' | 'phase' | 'record' | 'side'

export interface Fault {
  name: string
  in: Module
  /** Text that occurs once in the module. */
  replace: string
  by: string
}

export const faults: readonly Fault[] = [
  // Days
  { name: 'a rule begins a day late', in: 'condition', replace: 'days >= test.atLeast', by: 'days > test.atLeast' },
  { name: 'a rule ends a day late', in: 'condition', replace: 'days < test.before', by: 'days <= test.before' },
  {
    name: 'a ban that a milestone ends has ended before the milestone',
    in: 'condition',
    replace: "days === null ? 'unknown'",
    by: "days === null ? 'false'",
  },
  {
    name: 'a grant since a milestone does not wait for it',
    in: 'condition',
    replace: 'days !== null && days >=',
    by: 'days === null || days >=',
  },
  {
    name: 'days are counted one short',
    in: 'calendar-date',
    replace: 'dayNumber(to) - dayNumber(from)',
    by: 'dayNumber(to) - dayNumber(from) - 1',
  },

  // Facts
  {
    name: 'an observation is stale on its last day',
    in: 'condition',
    replace: '> test.withinDays',
    by: '>= test.withinDays',
  },
  {
    name: 'an observation never gets stale',
    in: 'condition',
    replace: 'latest === null || stale ?',
    by: 'latest === null ?',
  },
  {
    name: 'an unknown fact satisfies its test',
    in: 'condition',
    replace: "stale ? 'unknown' : testFact",
    by: "stale ? 'true' : testFact",
  },
  {
    name: 'an unknown fact fails its test',
    in: 'condition',
    replace: "stale ? 'unknown' : testFact",
    by: "stale ? 'false' : testFact",
  },
  { name: 'at least means above', in: 'condition', replace: 'v >= bound', by: 'v > bound' },
  { name: 'at most means below', in: 'condition', replace: 'v <= bound', by: 'v < bound' },
  { name: 'above means at least', in: 'condition', replace: '(v, bound) => v > bound', by: '(v, bound) => v >= bound' },
  { name: 'below means at most', in: 'condition', replace: '(v, bound) => v < bound', by: '(v, bound) => v <= bound' },
  {
    name: 'the first observation counts',
    in: 'condition',
    replace: 'record.facts.findLast(',
    by: 'record.facts.find(',
  },
  {
    name: 'the observation that was recorded last counts, whatever its date',
    in: 'record',
    replace: 'a.on < b.on ? -1 : a.on > b.on ? 1 : a.revision - b.revision',
    by: 'a.revision - b.revision',
  },
  {
    name: 'of one day the observation that was recorded first counts',
    in: 'record',
    replace: 'a.on > b.on ? 1 : a.revision - b.revision',
    by: 'a.on > b.on ? 1 : b.revision - a.revision',
  },
  {
    name: 'a value of the wrong sort fails the test',
    in: 'condition',
    replace: "truthOf(wanted === value) : 'unknown'",
    by: "truthOf(wanted === value) : 'false'",
  },

  // Logic
  {
    name: 'true and unknown is true',
    in: 'condition',
    replace: "truths.includes('unknown') ? 'unknown' : 'true'",
    by: "'true'",
  },
  {
    name: 'unknown wins over false',
    in: 'condition',
    replace: "truths.includes('false') ? 'false' : truths.includes('unknown') ? 'unknown' : 'true'",
    by: "truths.includes('unknown') ? 'unknown' : truths.includes('false') ? 'false' : 'true'",
  },
  {
    name: 'not unknown is true',
    in: 'condition',
    replace: "unknown: 'unknown' } as const",
    by: "unknown: 'true' } as const",
  },

  // Milestones
  { name: 'anybody may grant a clearance', in: 'condition', replace: 'roles.length === 0 ||', by: 'true ||' },
  {
    name: 'a clearance needs nobody in particular',
    in: 'condition',
    replace: '(entry.grantedBy !== null &&',
    by: '(entry.grantedBy === null ||',
  },
  {
    name: 'a revoked clearance counts one day more',
    in: 'condition',
    replace: 'on < revokedOn',
    by: 'on <= revokedOn',
  },
  { name: 'a revocation is ignored', in: 'condition', replace: 'revokedOn === null ||', by: 'true ||' },
  {
    name: 'of two revocations the later counts',
    in: 'record',
    replace: 'entry.on < earlier',
    by: 'entry.on > earlier',
  },
  {
    name: 'the latest milestone of a name counts',
    in: 'condition',
    replace: 'entry.on < first',
    by: 'entry.on > first',
  },

  // Phases
  {
    name: 'a closed gate does not hold up the phases behind it',
    in: 'phase',
    replace: "findIndex((phase) => evaluate(phase.entry, situation, { on }) !== 'true')",
    by: "findLastIndex((phase) => evaluate(phase.entry, situation, { on }) === 'true') + 1",
  },
  {
    name: 'an unknown criterion opens the gate',
    in: 'phase',
    replace: "{ on }) !== 'true'",
    by: "{ on }) === 'false'",
  },
  {
    name: 'a prescription lasts for ever',
    in: 'derive',
    replace: 'if (current > through)',
    by: 'if (current > through + 9)',
  },
  {
    name: 'a prescription begins with the first phase',
    in: 'derive',
    replace: 'last === undefined || current < from',
    by: 'last === undefined',
  },
  {
    name: 'a condition about phases leaves out the last',
    in: 'condition',
    replace: 'phase <= through',
    by: 'phase < through',
  },
  {
    name: 'the lists are silent on the day of the surgery',
    in: 'derive',
    replace: 'surgeryDate <= assigned.moment.on',
    by: 'surgeryDate < assigned.moment.on',
  },
  {
    name: 'one protocol without a phase withholds everything',
    in: 'derive',
    replace: 'assigned.every(({ moment })',
    by: 'assigned.some(({ moment })',
  },

  // Grants and forbids
  {
    name: 'a contraindication applies only if its condition is certain',
    in: 'derive',
    replace: "if (when?.truth === 'false') return []",
    by: "if (when !== null && when.truth !== 'true') return []",
  },
  {
    name: 'a prescription grants if its condition is unknown',
    in: 'derive',
    replace: "if (when.truth !== 'true')",
    by: "if (when.truth === 'false')",
  },
  {
    name: 'an ungraded attribute does not match',
    in: 'match',
    replace: 'if (own === undefined) ungraded.push(attribute)',
    by: 'if (own === undefined) return null',
  },
  { name: 'a grade means more than', in: 'match', replace: 'own < grade', by: 'own <= grade' },
  {
    name: 'an absolute contraindication can be lifted',
    in: 'derive',
    replace: "strength === 'relative' ? permits.find((entry) => lifts(entry, active.rule, owner)) : undefined",
    by: 'permits.find((entry) => lifts(entry, active.rule, owner))',
  },
  {
    name: 'a lift holds for a rule of the same code that nobody had seen',
    in: 'derive',
    replace: ' && override.versions.includes(owner.version.id)',
    by: '',
  },
  {
    name: 'a group grants what joined it after the publication',
    in: 'derive',
    replace: 'prescribes(prescription, exercise.code, owner.document),\n    )',
    by: 'prescribes(prescription, exercise.code, { ...owner.document, exercises: entries }),\n    )',
  },
  {
    name: 'any permit lifts any relative contraindication',
    in: 'derive',
    replace: 'override.lifts.includes(rule.code) && override.versions.includes(owner.version.id)',
    by: 'override.exercise !== rule.code',
  },
  {
    name: 'a relative contraindication only warns',
    in: 'derive',
    replace: "if (strength === 'caution') cautions",
    by: "if (strength !== 'absolute') cautions",
  },
  {
    name: 'an override lasts for ever',
    in: 'derive',
    replace: 'entry.exercise === exercise.code && covers(entry, on)',
    by: 'entry.exercise === exercise.code',
  },
  {
    name: 'who permits wins over who withholds',
    in: 'derive',
    replace: "overrides.filter((entry) => entry.effect === 'withhold')",
    by: "overrides.filter((entry) => entry.effect === 'withhold' && permits.length === 0)",
  },
  {
    name: 'of two protocols one grant is enough',
    in: 'derive',
    replace: 'if (!granted) missing.push',
    by: 'if (!granted && grants.length === 0) missing.push',
  },
  { name: 'a hold lasts one day more', in: 'record', replace: 'on < span.until', by: 'on <= span.until' },
  { name: 'a hold begins one day late', in: 'record', replace: 'span.from <= on', by: 'span.from < on' },
  {
    name: 'a red flag is resolved before its resolution',
    in: 'record',
    replace: "entry.kind === 'resolution' && entry.on <= on",
    by: "entry.kind === 'resolution'",
  },
  {
    name: 'a closed episode goes on',
    in: 'derive',
    replace: 'if (record.closure) reasons.push',
    by: 'if (record.closure && false) reasons.push',
  },
  {
    name: 'a hold does not withhold',
    in: 'derive',
    replace: 'const standing = [...forEverything, ...forbids]',
    by: "const standing = [...forEverything.filter((reason) => reason.kind !== 'hold'), ...forbids]",
  },

  // The record
  { name: 'a void entry counts', in: 'record', replace: '!voided.has(entry.id)', by: 'true' },
  {
    name: 'an entry is void before it was voided',
    in: 'record',
    replace: 'new Set(recorded.flatMap',
    by: 'new Set(entries.flatMap',
  },
  {
    name: 'what is recorded at a moment is not known at it',
    in: 'record',
    replace: 'entry.recordedAt <= knownAt',
    by: 'entry.recordedAt < knownAt',
  },
  { name: 'a corrected surgery date is ignored', in: 'record', replace: 'surgery = entry', by: 'surgery ??= entry' },
  { name: 'a new assignment is ignored', in: 'record', replace: 'assignment = entry', by: 'assignment ??= entry' },
  {
    name: 'an override that is to come is shown',
    in: 'record',
    replace: "entry.kind === 'override' && entry.from <= on",
    by: "entry.kind === 'override'",
  },

  // Doses, sides, limits
  {
    name: 'the first step is the dose',
    in: 'derive',
    replace: 'prescription.dosage?.findLast(',
    by: 'prescription.dosage?.find(',
  },
  {
    name: 'a step is taken if its condition is unknown',
    in: 'derive',
    replace: "assigned.moment) === 'true')",
    by: "assigned.moment) !== 'false')",
  },
  {
    name: 'of several doses the larger counts',
    in: 'derive',
    replace: 'Math.min(...values)',
    by: 'Math.max(...values)',
  },
  {
    name: 'alone if any prescription says so',
    in: 'derive',
    replace: "grants.every((grant) => grant.supervision === 'independent')",
    by: "grants.some((grant) => grant.supervision === 'independent')",
  },
  {
    name: 'the operated side is the other one',
    in: 'side',
    replace: "operated === 'bilateral' || operated === one",
    by: "operated === 'bilateral' || operated !== one",
  },
  {
    name: 'of several limits the laxer counts',
    in: 'derive',
    replace: 'other.max <= limit.max',
    by: 'other.max >= limit.max',
  },
  {
    name: 'of several limits the smaller minimum counts',
    in: 'derive',
    replace: 'other.min >= limit.min',
    by: 'other.min <= limit.min',
  },
  { name: 'limits in different units are compared', in: 'derive', replace: 'other.unit !== limit.unit', by: 'false' },
]
