/** Mistakes that somebody could make in `src/rules`, as replacements in its source. */

type Module =
  | 'calendar-date'
  | 'cases'
  | 'change'
  | 'compile'
  | 'decide'
  | 'derive'
  | 'match'
  | 'missing-facts'
  | 'next-change'
  | 'record'
  | 'side'
  | 'situation'
  | 'statements'
  | 'timeline'
  | 'truth'
  | 'way-forward'

export interface Fault {
  name: string
  in: Module
  /** Text that occurs once in the module. */
  replace: string
  by: string
  /** The property that notices it, where no golden case does. */
  noticedBy?: string
}

export const faults: readonly Fault[] = [
  // Days
  {
    name: 'a rule begins a day late',
    in: 'situation',
    replace: 'elapsed < bound.sure ? isUnknown : isTrue',
    by: 'elapsed <= bound.sure ? isUnknown : isTrue',
  },
  {
    name: 'a range is true from its earlier end on',
    in: 'situation',
    replace: 'elapsed < bound.possible ? isFalse : elapsed < bound.sure ? isUnknown : isTrue',
    by: 'elapsed < bound.possible ? isFalse : isTrue',
  },
  {
    name: 'a range is false up to its later end',
    in: 'situation',
    replace: 'elapsed < bound.possible ? isFalse : elapsed < bound.sure ? isUnknown : isTrue',
    by: 'elapsed < bound.sure ? isFalse : isTrue',
  },
  {
    name: 'a range is unknown a day longer',
    in: 'situation',
    replace: 'elapsed < bound.possible ? isFalse',
    by: 'elapsed <= bound.possible ? isFalse',
  },
  {
    name: 'the ends of a range change places',
    in: 'compile',
    replace: '{ possible: bound[0], sure: bound[1] }',
    by: '{ possible: bound[1], sure: bound[0] }',
  },
  {
    name: 'a ban that a milestone ends has ended before the milestone',
    in: 'situation',
    replace: 'elapsed === null ? isUnknown : opposite',
    by: 'elapsed === null ? isFalse : opposite',
  },
  {
    name: 'a grant since a milestone does not wait for it',
    in: 'situation',
    replace: 'elapsed === null ? isFalse : passed',
    by: 'elapsed === null ? isTrue : passed',
  },
  {
    name: 'days are counted one short',
    in: 'decide',
    replace: 'daysSinceSurgery: day - record.surgeryDay',
    by: 'daysSinceSurgery: day - record.surgeryDay - 1',
  },
  {
    name: 'a leap year has no 29 February',
    in: 'calendar-date',
    replace: 'era * daysPerEra + yearOfEra * 365 + Math.floor(yearOfEra / 4)',
    by: 'era * daysPerEra + yearOfEra * 365 + Math.floor(yearOfEra / 400)',
  },

  // Facts
  {
    name: 'an observation is stale on its last day',
    in: 'situation',
    replace: 'day - observed > test.withinDays',
    by: 'day - observed >= test.withinDays',
  },
  {
    name: 'an observation never gets stale',
    in: 'situation',
    replace: 'return !lasts && test.withinDays !== undefined',
    by: 'return false && test.withinDays !== undefined',
  },
  {
    name: 'an unknown fact satisfies its test',
    in: 'situation',
    replace: 'isStale(observation, test.written, view.day)) return isUnknown',
    by: 'isStale(observation, test.written, view.day)) return isTrue',
  },
  {
    name: 'an unknown fact fails its test',
    in: 'situation',
    replace: 'isStale(observation, test.written, view.day)) return isUnknown',
    by: 'isStale(observation, test.written, view.day)) return isFalse',
  },
  { name: 'at least means above', in: 'situation', replace: 'value >= atLeast', by: 'value > atLeast' },
  { name: 'at most means below', in: 'situation', replace: 'value <= atMost', by: 'value < atMost' },
  { name: 'above means at least', in: 'situation', replace: 'value > above', by: 'value >= above' },
  { name: 'below means at most', in: 'situation', replace: 'value < below', by: 'value <= below' },
  {
    name: 'the first observation counts',
    in: 'situation',
    replace: 'const latest = observed[low - 1]',
    by: 'const latest = low === 0 ? undefined : observed[0]',
  },
  {
    name: 'the observation that was recorded last counts, whatever its date',
    in: 'record',
    replace: 'for (const list of facts.values()) list.sort((a, b) => a.day - b.day)',
    by: '',
  },
  {
    name: 'of one day the observation that was recorded first counts',
    in: 'record',
    replace: 'list.sort((a, b) => a.day - b.day)',
    by: 'list.sort((a, b) => a.day - b.day || b.entry.revision - a.entry.revision)',
  },
  {
    name: 'a value of the wrong sort fails the test',
    in: 'situation',
    replace: 'ofBoolean(wanted === value) : isUnknown',
    by: 'ofBoolean(wanted === value) : isFalse',
  },
  {
    name: 'a value of the wrong sort passes the test',
    in: 'situation',
    replace: 'both(truth, isUnknown) : truth',
    by: 'truth : truth',
  },
  {
    name: 'the operation is asked before the observations',
    in: 'situation',
    replace: 'if (latest !== undefined) return {',
    by: 'if (latest !== undefined && fact?.declared?.operation === undefined) return {',
  },
  {
    name: 'no recorded level means no level',
    in: 'situation',
    replace: 'surgery.levels.length === 0 ? null : surgery.levels.length',
    by: 'surgery.levels.length',
  },
  {
    name: 'what the operation tells gets too old',
    in: 'situation',
    replace: 'day: record.surgeryDay, lasts: true',
    by: 'day: record.surgeryDay, lasts: false',
  },
  {
    name: 'a procedure that is not one of the operation’s is not known',
    in: 'situation',
    replace: 'return surgery.procedures.includes(what.procedure)',
    by: 'return surgery.procedures.includes(what.procedure) || null',
  },

  // Logic
  {
    name: 'true and unknown is true',
    in: 'truth',
    replace: 'a === isUnknown || b === isUnknown ? isUnknown : isTrue',
    by: 'a === isUnknown && b === isUnknown ? isUnknown : isTrue',
  },
  {
    name: 'unknown wins over false',
    in: 'truth',
    replace: 'a === isFalse || b === isFalse ? isFalse : a === isUnknown || b === isUnknown ? isUnknown : isTrue',
    by: 'a === isUnknown || b === isUnknown ? isUnknown : a === isFalse || b === isFalse ? isFalse : isTrue',
  },
  {
    name: 'not unknown is true',
    in: 'truth',
    replace: '| (a & isUnknown)',
    by: '| ((a & isUnknown) >> 1)',
  },
  {
    name: 'any of several means all of them',
    in: 'situation',
    replace: "expression.op === 'all' ? both(truth, own) : either(truth, own)",
    by: 'both(truth, own)',
  },

  // Milestones
  {
    name: 'anybody may grant a clearance',
    in: 'situation',
    replace: 'roles.length === 0 || (grantedBy',
    by: 'roles.length >= 0 || (grantedBy',
  },
  {
    name: 'a clearance needs nobody in particular',
    in: 'situation',
    replace: '(grantedBy !== null && roles.includes(grantedBy))',
    by: '(grantedBy === null || roles.includes(grantedBy))',
  },
  {
    name: 'a revocation is ignored',
    in: 'record',
    replace: 'until: revokedOn.get(entry.id) ?? null',
    by: 'until: null',
  },
  {
    name: 'of two revocations the later counts',
    in: 'record',
    replace: 'Math.min(known ?? day, day)',
    by: 'Math.max(known ?? day, day)',
  },
  {
    name: 'the milestone that was recorded first counts',
    in: 'record',
    replace: 'for (const list of milestones.values()) list.sort((a, b) => a.from - b.from)',
    by: '',
  },

  // Phases
  {
    name: 'a closed gate does not hold up the phases behind it',
    in: 'situation',
    replace: 'while (reached < phases.length && isEntered(view, reached)) reached += 1',
    by: 'phases.forEach((_, index) => { if (isEntered(view, index)) reached = index + 1 })',
  },
  {
    name: 'an unknown criterion opens the gate',
    in: 'situation',
    replace: 'truthOf(phase.entry, view) === isTrue',
    by: 'truthOf(phase.entry, view) !== isFalse',
  },
  {
    name: 'a prescription lasts for ever',
    in: 'decide',
    replace: 'if (current > through)',
    by: 'if (current > through + 9)',
  },
  {
    name: 'a prescription begins with the first phase',
    in: 'decide',
    replace: 'through === -1 || current < from',
    by: 'through === -1',
  },
  {
    name: 'a condition about phases leaves out the last',
    in: 'situation',
    replace: 'phase <= throughIndex',
    by: 'phase < throughIndex',
  },
  {
    name: 'the lists are silent on the day of the surgery',
    in: 'decide',
    replace: 'assigned.record.surgeryDay <= view.day',
    by: 'assigned.record.surgeryDay < view.day',
  },
  {
    name: 'one protocol without a phase withholds everything',
    in: 'decide',
    replace: 'owners.every(({ noPhase }) => noPhase !== null)',
    by: 'owners.some(({ noPhase }) => noPhase !== null)',
  },
  {
    name: 'a phase is the current one since the surgery',
    in: 'change',
    replace: 'if (phaseOf(viewOn(situation, earlier)) !== current) return since',
    by: '',
  },

  // Grants and forbids
  {
    name: 'a contraindication applies only if its condition is certain',
    in: 'decide',
    replace: 'if (truth === isFalse) return undefined',
    by: 'if (truth !== isTrue) return undefined',
  },
  {
    name: 'a prescription grants if its condition is unknown',
    in: 'decide',
    replace: 'if (when === null || truth === isTrue) return null',
    by: 'if (when === null || truth !== isFalse) return null',
  },
  {
    name: 'what is not known is given as certain',
    in: 'decide',
    replace: 'truth === isFalse ? notMet : notKnown',
    by: 'notMet',
  },
  {
    name: 'an ungraded attribute does not match',
    in: 'match',
    replace: 'if (own === undefined) ungraded.push(attribute)',
    by: 'if (own === undefined) return null',
  },
  { name: 'a grade means more than', in: 'match', replace: 'own < grade', by: 'own <= grade' },
  {
    name: 'what is ungraded makes an exception',
    in: 'match',
    replace: 'if (exceptions.some((ungraded) => ungraded.length === 0)) return null',
    by: 'if (exceptions.length > 0) return null',
  },
  {
    name: 'there are no exceptions',
    in: 'match',
    replace: 'if (exceptions.some((ungraded) => ungraded.length === 0)) return null',
    by: '',
  },
  {
    name: 'an exception that is left open makes no match uncertain',
    in: 'match',
    replace: '[...ungraded, ...exceptions.flat()]',
    by: 'ungraded',
  },
  {
    name: 'only the first entry of an exercise is looked at',
    in: 'compile',
    replace: 'if (entries.length === 1 && first !== undefined)',
    by: 'if (first !== undefined)',
  },
  {
    name: 'an absolute contraindication can be lifted',
    in: 'decide',
    replace: "rule.strength === 'relative' ? permits.find",
    by: "rule.strength !== 'caution' ? permits.find",
  },
  {
    name: 'a lift holds for a rule of the same code that nobody had seen',
    in: 'decide',
    replace: ' && override.versions.includes(version.id)',
    by: ' || version.id.length < 0',
  },
  {
    name: 'any permit lifts any relative contraindication',
    in: 'decide',
    replace: 'override.lifts.includes(rule.code)',
    by: "rule.code !== ''",
  },
  {
    name: 'a relative contraindication only warns',
    in: 'statements',
    replace: "strength === 'caution' ? { ...what, kind: 'caution' }",
    by: "strength !== 'absolute' ? { ...what, kind: 'caution' }",
  },
  {
    name: 'a group grants whatever the version has an entry of',
    in: 'compile',
    replace: "inGroup.get(group ?? '') ?? []",
    by: '[...inGroup.values(), document.exercises].at(-1) ?? []',
  },
  {
    name: 'an override lasts for ever',
    in: 'decide',
    replace: 'override.entry.exercise === exercise && covers(override, day)',
    by: 'override.entry.exercise === exercise && override.from <= day',
  },
  {
    name: 'who permits wins over who withholds',
    in: 'decide',
    replace: "if (effect === 'withhold') reasons.push",
    by: "if (effect === 'withhold' && permits.length === 0) reasons.push",
  },
  {
    name: 'nobody can withhold',
    in: 'decide',
    replace: "if (effect === 'withhold') reasons.push",
    by: 'if (effect === undefined) reasons.push',
  },
  {
    name: 'of two protocols one grant is enough',
    in: 'decide',
    replace: 'if (grants.length === before) missing.push',
    by: 'if (grants.length === 0) missing.push',
  },
  {
    name: 'a hold lasts one day more',
    in: 'record',
    replace: 'day < span.until',
    by: 'day <= span.until',
  },
  { name: 'a hold begins one day late', in: 'record', replace: 'span.from <= day', by: 'span.from < day' },
  {
    name: 'a red flag is never resolved',
    in: 'record',
    replace: 'until: resolvedOn.get(entry.id) ?? null',
    by: 'until: null',
  },
  {
    name: 'a closed episode goes on',
    in: 'decide',
    replace: 'if (closure) reasons.push',
    by: 'if (closure && day < 0) reasons.push',
  },
  {
    name: 'a hold does not withhold',
    in: 'decide',
    replace: 'if (granted && reasons.length === 0)',
    by: "if (granted && reasons.every(({ kind }) => kind === 'hold'))",
  },
  {
    name: 'a hold takes the place of a red flag',
    in: 'decide',
    replace: 'if (!covers(hold, day)) continue',
    by: 'if (!covers(hold, day) || reasons.length > 0) {\n      reasons.length = 0\n      continue\n    }',
  },

  // The record
  { name: 'a void entry counts', in: 'record', replace: 'if (voided.has(entry.id)) continue', by: '' },
  {
    name: 'an entry is void before it was voided',
    in: 'record',
    replace: "for (const entry of recorded) if (entry.kind === 'void')",
    by: "for (const entry of entries) if (entry.kind === 'void')",
  },
  {
    name: 'what is recorded at a moment is not known at it',
    in: 'record',
    replace: 'entry.recordedAt <= knownAt',
    by: 'entry.recordedAt < knownAt',
  },
  {
    name: 'what is recorded later is known at once',
    in: 'record',
    replace: 'entries.filter((entry) => entry.recordedAt <= knownAt)',
    by: '[...entries]',
  },
  {
    name: 'entries count in the order in which they are given',
    in: 'record',
    replace: '.sort((a, b) => a.revision - b.revision)',
    by: '',
    noticedBy: 'P4',
  },
  {
    name: 'a corrected surgery entry is ignored',
    in: 'record',
    replace: 'surgery = entry\n',
    by: 'surgery ??= entry\n',
  },
  {
    name: 'a new assignment is ignored',
    in: 'record',
    replace: 'assignment = entry\n',
    by: 'assignment ??= entry\n',
  },
  {
    name: 'an override that is to come is shown',
    in: 'decide',
    replace: 'if (from <= day) add(entry.entry)',
    by: 'add(entry.entry)',
  },

  // Doses, sides, limits, goals
  {
    name: 'a permit gives the dose of prescriptions that no side is left of',
    in: 'decide',
    replace: 'grants.length = 0',
    by: '',
  },
  {
    name: 'the first step is the dose',
    in: 'decide',
    replace: 'chosen = stated\n      later',
    by: 'if (chosen.dose === null) chosen = stated\n      later',
  },
  {
    name: 'a step is taken if its condition is unknown',
    in: 'decide',
    replace: 'const truth = truthOf(when, view)\n    if (truth === isTrue) {\n      chosen',
    by: 'const truth = truthOf(when, view)\n    if (truth !== isFalse) {\n      chosen',
  },
  {
    name: 'a step that may be the right one leaves the greater dose',
    in: 'decide',
    replace: 'else if (truth === isUnknown) later.push(dose)',
    by: '',
  },
  {
    name: 'a step that may be the right one adds to the dose',
    in: 'decide',
    replace: 'later.reduce(lessen, chosen.dose)',
    by: 'later.reduce((all, dose) => ({ ...dose, ...lessen(all, dose) }), chosen.dose)',
  },
  {
    name: 'of several doses the larger counts',
    in: 'decide',
    replace: 'Math.min(...values)',
    by: 'Math.max(...values)',
  },
  {
    name: 'of several amounts the larger counts',
    in: 'decide',
    replace: 'b.value < a.value ? b : a',
    by: 'b.value > a.value ? b : a',
  },
  {
    name: 'amounts in different units are compared',
    in: 'decide',
    replace: 'Map.groupBy(amounts, ({ quantity, unit }) => JSON.stringify([quantity, unit]))',
    by: 'Map.groupBy(amounts, ({ quantity }) => JSON.stringify([quantity]))',
  },
  {
    name: 'a proviso gets lost',
    in: 'decide',
    replace: 'grants.flatMap((grant) => grant.provided ?? [])',
    by: 'grants.flatMap(() => [])',
  },
  {
    name: 'alone if any prescription says so',
    in: 'decide',
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
    in: 'decide',
    replace: 'other.max <= limit.max',
    by: 'other.max >= limit.max',
  },
  {
    name: 'of several limits the smaller minimum counts',
    in: 'decide',
    replace: 'other.min >= limit.min',
    by: 'other.min <= limit.min',
  },
  {
    name: 'limits in different units are compared',
    in: 'decide',
    replace: 'Map.groupBy(limits, ({ quantity, unit }) => JSON.stringify([quantity, unit]))',
    by: 'Map.groupBy(limits, ({ quantity }) => JSON.stringify([quantity, limits.find((one) => one.quantity === quantity)?.unit]))',
  },
  {
    name: 'a goal restricts like a cap',
    in: 'compile',
    replace: "kind === 'goal'",
    by: "kind === 'neither' as string",
  },
  {
    name: 'a goal is one though its condition is unknown',
    in: 'decide',
    replace: '({ goals }) => goals, isTrue)',
    by: '({ goals }) => goals, isTrue | isUnknown)',
  },
  {
    name: 'goals are shown while everything is withheld',
    in: 'decide',
    replace: 'goals: listGoals(inviting)',
    by: 'goals: listGoals(speaking)',
  },

  // What comes
  {
    name: 'a rule that may last ends',
    in: 'change',
    replace: 'truthOf(when, viewOn(situation, later)) !== isFalse',
    by: 'truthOf(when, viewOn(situation, later)) === isTrue',
  },
  {
    name: 'nobody sees that an observation will be too old',
    in: 'change',
    replace: 'if (test.written.withinDays !== undefined) addLater(days, after, day + test.written.withinDays + 1)',
    by: '',
  },
  {
    name: 'nobody sees the earlier end of a range coming',
    in: 'change',
    replace: 'addLater(days, after, anchor + bound.possible)',
    by: 'addLater(days, after, anchor + bound.sure)',
  },
  {
    name: 'nobody sees a revocation coming',
    in: 'change',
    replace: 'if (until !== null) addLater(days, after, until)',
    by: '',
  },
  {
    name: 'nobody sees a hold coming',
    in: 'next-change',
    replace: '...record.overrides, ...record.holds]',
    by: '...record.overrides]',
  },
  {
    name: 'a change of what is only looked at is overlooked',
    in: 'next-change',
    replace: 'a.every((item, index) => isAlike(item, b[index]))',
    by: 'a.length === b.length',
  },
  {
    name: 'the passing of days is a change',
    in: 'next-change',
    replace: ", 'daysSinceSurgery'",
    by: '',
  },
  {
    name: 'the next change is one that has been',
    in: 'next-change',
    replace: 'if (later <= day) continue',
    by: 'if (later < day - 1 || later === day) continue',
  },

  // Missing facts
  {
    name: 'every later phase is asked about',
    in: 'missing-facts',
    replace: 'const next = compiled.phases[phase === null ? 0 : phase + 1]',
    by: 'const next = compiled.phases.at(-1)',
  },
  {
    name: 'what is known is asked again',
    in: 'missing-facts',
    replace: 'if (evaluate(expression, view.truths, view) !== isUnknown) return',
    by: '',
  },
  {
    name: 'a prescription is asked about though another grants',
    in: 'missing-facts',
    replace: '!compiled.prescriptionsOf.get(code)?.some(isGranting)',
    by: 'code.length > 0',
  },
  {
    name: 'steps before the chosen one are asked about',
    in: 'missing-facts',
    replace: 'steps.slice(chosen + 1)',
    by: 'steps',
  },
  {
    name: 'an observation that is too old is no longer shown',
    in: 'missing-facts',
    replace: 'if (latest !== null && isStale(latest, test.written, view.day)) found.stale = latest',
    by: '',
  },
  {
    name: 'facts are asked for during a hold',
    in: 'decide',
    replace: "new Set(['episode-closed', 'red-flag', 'hold', 'no-protocol'])",
    by: "new Set(['episode-closed', 'red-flag', 'no-protocol'])",
  },

  // The way forward
  {
    name: 'a fixed fact can be observed otherwise',
    in: 'way-forward',
    replace: '(declared?.fixed || declared?.operation !== undefined)',
    by: 'declared?.operation !== undefined',
  },
  {
    name: 'what the operation tells can be observed otherwise',
    in: 'way-forward',
    replace: '(declared?.fixed || declared?.operation !== undefined)',
    by: 'declared?.fixed',
  },
  {
    name: 'any role may bring the exercise forward',
    in: 'way-forward',
    replace: 'first.filter((role) => restricted.every((list) => list.includes(role)))',
    by: 'first',
  },
  {
    name: 'a hold with an end of its own is ended before',
    in: 'way-forward',
    replace: 'if (hold.until !== null) return null',
    by: '',
  },
  {
    name: 'a withholding with an end of its own is ended before',
    in: 'way-forward',
    replace: 'if (until !== null) return null',
    by: '',
  },
  {
    name: 'an open red flag needs no resolution',
    in: 'way-forward',
    replace: "needs.push({ kind: 'resolution', redFlag: { code: redFlag, title }, entry: id })",
    by: '',
  },
  {
    name: 'a hold needs no end',
    in: 'way-forward',
    replace: "needs.push({ kind: 'end', of: 'hold', reason: hold.entry.reason, entry: hold.entry.id })",
    by: '',
  },
  {
    name: 'a closed episode has a way forward',
    in: 'way-forward',
    replace: 'if (record.closures.some((closure) => covers(closure, day))) return null',
    by: '',
  },
  {
    name: 'a milestone is named before the surgery',
    in: 'way-forward',
    replace: 'return isPreOperative ? from : Math.max(from, asked.record.surgeryDay)',
    by: 'return from',
  },
  {
    name: 'the way forward begins a day late',
    in: 'way-forward',
    replace: 'const days = new Set<DayNumber>([from, record.surgeryDay])',
    by: 'const days = new Set<DayNumber>([from + 1, record.surgeryDay])',
  },
  {
    name: 'a wait since a milestone that is still to be reached is not thought of',
    in: 'way-forward',
    replace: 'days.add(earliest + bound.possible).add(earliest + bound.sure)',
    by: '',
  },
  {
    name: 'what is needed may happen later than it may',
    in: 'way-forward',
    replace: 'dateOf(day - Math.min(...options.map(({ least }) => least)))',
    by: 'dateOf(day)',
  },
  {
    name: 'an observation may be older than it may',
    in: 'way-forward',
    replace: 'return spansBetween(new Set([0, ...cuts]), ',
    by: 'return spansBetween(new Set(cuts.length < 0 ? cuts : [0]), ',
  },
  {
    name: 'an observation may be one that a later one takes the place of',
    in: 'way-forward',
    replace: 'day - Math.max(from, last))',
    by: 'day - from)',
  },
  {
    name: 'more is asked than is needed',
    in: 'way-forward',
    replace: 'for (let acts = 0; acts < most; acts += 1) {',
    by: 'for (let acts = most; acts < most; acts += 1) {',
  },
  {
    name: 'relative contraindications are lifted that end by themselves',
    in: 'way-forward',
    replace: 'for (const isLifted of [false, true]) {',
    by: 'for (const isLifted of [true]) {',
  },
  {
    name: 'absolute contraindications are lifted',
    in: 'way-forward',
    replace: "rule.strength === 'relative' && (sought.isLifted",
    by: '(sought.isLifted',
  },
  {
    name: 'the other protocols’ grants are forgotten on the way',
    in: 'way-forward',
    replace: 'verdict = both(verdict, granted)',
    by: 'verdict = granted',
  },
  {
    name: 'contraindications are forgotten on the way',
    in: 'way-forward',
    replace: 'if (verdict === isFalse) return isFalse\n\n',
    by: 'verdict = isTrue\n\n',
  },
  {
    name: 'an unknown contraindication does not stand in the way',
    in: 'cases',
    replace: '((truths & (isTrue | isUnknown)) === 0 ? 0 : isTrue)',
    by: '((truths & isTrue) === 0 ? isFalse : isTrue)',
  },
  {
    name: 'an unknown criterion is met on the way',
    in: 'cases',
    replace: 'possible.push(entered !== isTrue)',
    by: 'possible.push((entered & isFalse) !== 0)',
  },
  {
    name: 'the values between two bounds are forgotten',
    in: 'cases',
    replace: 'addOpen(low, cut)\n',
    by: '\n',
  },
  {
    name: 'the date is not among the needs',
    in: 'way-forward',
    replace: 'if (day > ahead.from) needs.push',
    by: 'if (day < ahead.from) needs.push',
  },

  // The timeline
  {
    name: 'the timeline leaves out the ends of rules',
    in: 'timeline',
    replace: 'if (!after.rules.has(key)) changes.push',
    by: 'if (key === undefined) changes.push',
    noticedBy: 'timeline',
  },
  {
    name: 'the timeline leaves out other doses',
    in: 'timeline',
    replace: '!isAlike(mannerOf(earlier), mannerOf(permitted))',
    by: 'earlier.exercise.code !== code',
    noticedBy: 'timeline',
  },
  {
    name: 'today is not past',
    in: 'timeline',
    replace: 'past: day <= on',
    by: 'past: day < on',
    noticedBy: 'timeline',
  },
]

/** Of each property a fault that makes it fail. */
export const faultOfProperty: Readonly<Record<string, string>> = {
  P1: 'nobody can withhold',
  P2: 'a hold takes the place of a red flag',
  P3: 'a contraindication applies only if its condition is certain',
  P4: 'entries count in the order in which they are given',
  P5: 'the next change is one that has been',
  P6: 'an unknown criterion is met on the way',
  P7: 'what is recorded later is known at once',
  P8: 'a leap year has no 29 February',
  answers: 'an override that is to come is shown',
  dates: 'a rule that may last ends',
  limits: 'of several limits the laxer counts',
  reasons: 'what is not known is given as certain',
  timeline: 'today is not past',
}
