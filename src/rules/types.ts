/** A civil date, `YYYY-MM-DD`, without time or zone. Made only by `toCalendarDate` and `addDays`. */
export type CalendarDate = string & { readonly calendarDate: unique symbol }

/** A moment, `YYYY-MM-DDTHH:mm:ss.sssZ`: always UTC and always milliseconds, so that text order is time order. */
export type Instant = string & { readonly instant: unique symbol }

export type FactValue = number | boolean | string

/** 0 none · 1 low · 2 moderate · 3 high. */
export type Grade = 0 | 1 | 2 | 3

export type Side = 'left' | 'right' | 'bilateral'
export type PrescribedSide = 'both' | 'operative' | 'non-operative' | 'left' | 'right'
export type Supervision = 'independent' | 'supervised'
export type Strength = 'absolute' | 'relative' | 'caution'
export type FlagResponse = 'emergency' | 'contact-surgeon'

// ---- The protocol document (its meaning: the README of this folder) ----

/** A number of days; or `[earliest, latest]` where the source gives a range, between which it is not known. */
export type DayBound = number | readonly [number, number]

/** Whole calendar days since `since` (a milestone; left out: the surgery), in `[atLeast, before)`. */
export interface DaysTest {
  since?: string
  atLeast?: DayBound
  before?: DayBound
}

/** What the latest observation of a fact must satisfy; older than `withinDays` days counts as unknown. */
export interface FactTest {
  is?: FactValue
  in?: readonly FactValue[]
  atLeast?: number
  atMost?: number
  above?: number
  below?: number
  withinDays?: number
}

export type Condition =
  | { all: readonly Condition[] }
  | { any: readonly Condition[] }
  | { not: Condition }
  | { days: DaysTest }
  | { milestone: string }
  | ({ fact: string } & FactTest)
  | { phase: { from?: string; through?: string } }

export interface Exercise {
  code: string
  title: string
  kind: 'exercise' | 'activity'
  position?: string
  instructions?: string
  target?: string
  equipment?: readonly string[]
  groups?: readonly string[]
  /** A graded property that is left out is unknown, not none. */
  attributes: Readonly<Record<string, Grade>>
}

export interface Source {
  id: string
  title: string
  locator?: string
  url?: string
}

export interface MilestoneDeclaration {
  code: string
  title: string
  /** Makes it a clearance: only an entry granted by one of these roles counts. */
  grantedBy?: readonly string[]
  /** It may be dated before the surgery. */
  preOperative?: boolean
  sources?: readonly string[]
}

export interface FactDeclaration {
  code: string
  title: string
  type: 'number' | 'boolean' | 'choice' | 'text'
  /** A UCUM code, for a number. */
  unit?: string
  min?: number
  max?: number
  /** What a choice can be. */
  values?: readonly string[]
  /** The question that fills it. */
  ask: string
  /** It stays what it is once it is known (levels fused, graft): another observation corrects it. */
  fixed?: boolean
  /** The episode's operation tells it: how many levels, which side, or whether the procedure is one of the operation's. */
  operation?: 'levels' | 'side' | { procedure: string }
}

export interface Phase {
  code: string
  title: string
  setting?: string
  entry: Condition
  goals?: readonly string[]
  sources?: readonly string[]
}

export interface Amount {
  quantity: string
  value: number
  unit: string
}

export interface Dose {
  sets?: number
  reps?: number
  holdSeconds?: number
  durationMinutes?: number
  timesPerDay?: number
  timesPerWeek?: number
  /** Load, distance, arc of motion and the like, each at most this much. Units are UCUM codes. */
  amounts?: readonly Amount[]
  intensity?: string
  note?: string
}

export interface Prescription {
  code: string
  /** Exactly one of `exercise` and `group`. */
  exercise?: string
  group?: string
  from: string
  through?: string
  when?: Condition
  supervision: Supervision
  side: PrescribedSide
  /** The last entry whose `when` is true is the dose; none: as the clinician instructs. */
  dosage?: readonly (Dose & { when?: Condition })[]
  /** What must be so while it is done, in words: "with the brace on". It is shown, not judged. */
  provided?: string
  /** How firmly the source puts it, for instance "usually acceptable". */
  modality?: string
  rationale?: string
  sources?: readonly string[]
}

/** What it withholds: everything named in one target must match; a grade means "at least". */
export interface Target {
  exercise?: string
  group?: string
  kind?: 'exercise' | 'activity'
  attributes?: Readonly<Record<string, Grade>>
}

export interface Contraindication {
  code: string
  title: string
  /** `absolute` and `relative` withhold (a `permit` override may lift a relative one); `caution` only warns. */
  strength: Strength
  /** Any of these. */
  target: readonly Target[]
  /** But none of these. */
  except?: readonly Target[]
  when?: Condition
  rationale?: string
  sources?: readonly string[]
}

export interface Instruction {
  code: string
  about: string
  text: string
  when?: Condition
  sources?: readonly string[]
}

export interface Limit {
  code: string
  /** A `cap` restricts (left out: that); a `goal` is a number to work towards and restricts nothing. */
  kind?: 'cap' | 'goal'
  quantity: string
  max?: number
  min?: number
  /** `null`: as the clinician instructs, which is not "unlimited". Instead of `max` and `min`. */
  value?: null
  /** A UCUM code. */
  unit?: string
  text?: string
  when?: Condition
  sources?: readonly string[]
}

export interface RedFlag {
  code: string
  title: string
  response: FlagResponse
  text?: string
  sources?: readonly string[]
}

/** A warning of `check` that the author has seen and lets stand. */
export interface AcceptedFinding {
  /** The finding's name. */
  finding: string
  reason: string
}

/** One line of a test case's record. Days are counted from the surgery, which is day 0. */
export type CaseEntry =
  | {
      milestone: string
      on: number
      /** The role that granted it; left out: the first that may. */
      by?: string
      /** The day on which it was revoked. */
      revoked?: number
    }
  | { fact: string; is: FactValue; on: number }
  | { symptom: string; on: number; resolved?: number }
  | { permit: string; from: number; until?: number; lifts?: readonly string[] }
  | { withhold: string; from: number; until?: number }
  /** The reason of the hold. */
  | { hold: string; from: number; until?: number }

/** What an answer must say. Only what is named is compared. */
export interface CaseExpectation {
  status?: Status
  /** Code of the current phase; null: none. */
  phase?: string | null
  /** Codes of exercises. */
  permitted?: readonly string[]
  withheld?: readonly string[]
  /** By exercise; null: as the clinician instructs. */
  dose?: Readonly<Record<string, Dose | null>>
  /** The strictest numbers in force on a quantity; null: no limit gives one. */
  limits?: readonly {
    quantity: string
    unit?: string
    max?: number | null
    min?: number | null
    asInstructed?: boolean
  }[]
}

/** A patient whom the author has thought of, and what the protocol must answer. */
export interface TestCase {
  code: string
  title?: string
  /** Left out: those of the document. */
  procedures?: readonly string[]
  levels?: readonly string[]
  side?: Side
  record?: readonly CaseEntry[]
  /** The day asked about. */
  on: number
  expect: CaseExpectation
}

export interface ProtocolDocument {
  format: 1
  code: string
  title: string
  description?: string
  procedures: readonly string[]
  /** Catalogue entries: those the document brings along or, in a published version, all that its rules are about. */
  exercises: readonly Exercise[]
  sources: readonly Source[]
  milestones: readonly MilestoneDeclaration[]
  facts: readonly FactDeclaration[]
  phases: readonly Phase[]
  prescriptions: readonly Prescription[]
  contraindications: readonly Contraindication[]
  instructions: readonly Instruction[]
  limits: readonly Limit[]
  redFlags: readonly RedFlag[]
  accepted?: readonly AcceptedFinding[]
  /** What the author wants to stay true of it; derivation does not read them. */
  cases?: readonly TestCase[]
}

/** A version to derive from. `version` is null for a document that is not stored (a simulation's). */
export interface ProtocolVersion {
  /** Names it in an `assignment`. */
  id: string
  version: number | null
  document: ProtocolDocument
}

// ---- The record of an episode ----

interface Recorded {
  id: string
  /** The episode's revision that this entry made; 1 is the first. */
  revision: number
  recordedAt: Instant
}

export interface SurgeryEntry extends Recorded {
  kind: 'surgery'
  surgeryDate: CalendarDate
  procedures: readonly string[]
  levels: readonly string[]
  side: Side | null
}
export interface AssignmentEntry extends Recorded {
  kind: 'assignment'
  /** Ids of protocol versions. */
  versions: readonly string[]
}
export interface MilestoneEntry extends Recorded {
  kind: 'milestone'
  code: string
  on: CalendarDate
  grantedBy: string | null
}
export interface RevocationEntry extends Recorded {
  kind: 'revocation'
  /** Id of the milestone entry. */
  milestone: string
  on: CalendarDate
  reason: string
}
export interface FactEntry extends Recorded {
  kind: 'fact'
  code: string
  value: FactValue
  on: CalendarDate
}
export interface SymptomEntry extends Recorded {
  kind: 'symptom'
  redFlag: string
  /** As the protocol had them when the symptom was recorded. */
  title: string
  response: FlagResponse
  on: CalendarDate
}
export interface ResolutionEntry extends Recorded {
  kind: 'resolution'
  /** Id of the symptom entry. */
  symptom: string
  on: CalendarDate
}
export interface OverrideEntry extends Recorded {
  kind: 'override'
  exercise: string
  /** The catalogue's entry when the override was recorded. */
  entry: Exercise
  effect: 'permit' | 'withhold'
  from: CalendarDate
  /** First day on which it no longer holds; null: until voided. */
  until: CalendarDate | null
  reason: string
  /** Codes of relative contraindications. */
  lifts: readonly string[]
  /**
   * Ids of the versions that the clinician had before them: a rule of another version may have the same code and
   * another meaning, so that nothing of it is lifted.
   */
  versions: readonly string[]
}
export interface HoldEntry extends Recorded {
  kind: 'hold'
  from: CalendarDate
  until: CalendarDate | null
  reason: string
}
export interface ClosureEntry extends Recorded {
  kind: 'closure'
  on: CalendarDate
  reason: string
}
export interface VoidEntry extends Recorded {
  kind: 'void'
  /** Id of the entry that is void from now on. */
  entry: string
  reason: string
}

export type RecordEntry =
  | SurgeryEntry
  | AssignmentEntry
  | MilestoneEntry
  | RevocationEntry
  | FactEntry
  | SymptomEntry
  | ResolutionEntry
  | OverrideEntry
  | HoldEntry
  | ClosureEntry
  | VoidEntry

// ---- The derivation ----

export type Truth = 'true' | 'false' | 'unknown'

export interface Named {
  code: string
  title: string
}

/** A condition with the truth of each part on the date asked about, and the dates and titles that a reader needs. */
export type ExplainedCondition =
  | { op: 'all' | 'any'; truth: Truth; of: readonly ExplainedCondition[] }
  | { op: 'not'; truth: Truth; of: ExplainedCondition }
  | {
      op: 'days'
      truth: Truth
      /** null: the surgery. */
      since: Named | null
      atLeast: DayBound | null
      before: DayBound | null
      /** First and first-no-longer dates, the latest of a range; null when open, or while the milestone is not reached. */
      from: CalendarDate | null
      until: CalendarDate | null
    }
  | { op: 'milestone'; truth: Truth; milestone: Named; grantedBy: readonly string[]; on: CalendarDate | null }
  | {
      op: 'fact'
      truth: Truth
      fact: Named & { ask: string; unit: string | null }
      test: FactTest
      latest: { value: FactValue; on: CalendarDate } | null
      stale: boolean
    }
  | { op: 'phase'; truth: Truth; from: Named | null; through: Named | null }

/** Which rule of which version, with what it rests on. */
export interface RuleReference {
  protocol: string
  version: number | null
  rule: string
  rationale: string | null
  sources: readonly Source[]
}

export type Reason =
  | { kind: 'episode-closed'; on: CalendarDate; reason: string }
  | { kind: 'red-flag'; redFlag: Named; response: FlagResponse; since: CalendarDate; entry: string }
  | { kind: 'hold'; from: CalendarDate; until: CalendarDate | null; reason: string; entry: string }
  | { kind: 'no-protocol' }
  | {
      kind: 'no-phase'
      protocol: string
      version: number | null
      /** The protocol's. */
      title: string
      /** The first phase and what its entry still waits for. */
      first: Named | null
      entry: ExplainedCondition | null
    }
  | ({
      kind: 'contraindication'
      title: string
      strength: 'absolute' | 'relative'
      /** False: it applies because something is not known. */
      certain: boolean
      /** Attributes that the rule tests and the exercise leaves ungraded. */
      ungraded: readonly string[]
      when: ExplainedCondition | null
      until: CalendarDate | null
    } & RuleReference)
  | { kind: 'override'; from: CalendarDate; until: CalendarDate | null; reason: string; entry: string }
  | ({ kind: 'phase-not-reached'; phase: Named; entries: readonly ExplainedCondition[] } & RuleReference)
  | ({ kind: 'phase-passed'; phase: Named } & RuleReference)
  | ({ kind: 'condition-not-met'; certain: boolean; when: ExplainedCondition } & RuleReference)
  | { kind: 'sides-disagree'; protocols: readonly string[] }
  | { kind: 'not-prescribed' }

export type Caution =
  | ({
      kind: 'caution'
      title: string
      certain: boolean
      ungraded: readonly string[]
      when: ExplainedCondition | null
      until: CalendarDate | null
    } & RuleReference)
  | ({ kind: 'lifted'; title: string; reason: string; entry: string } & RuleReference)

export type Grant =
  | ({
      kind: 'prescription'
      dose: Dose | null
      side: PrescribedSide
      supervision: Supervision
      modality: string | null
      provided: string | null
    } & RuleReference)
  | { kind: 'override'; entry: string; from: CalendarDate; until: CalendarDate | null; reason: string }

export interface Permitted {
  exercise: Exercise
  /** The dose in force; null: as the clinician instructs. */
  dose: Dose | null
  side: PrescribedSide
  supervision: Supervision
  /** What must be so while it is done. */
  provided: readonly string[]
  grantedBy: readonly Grant[]
  cautions: readonly Caution[]
}

/** One thing that must happen before a withheld exercise is permitted. Dates are those on which it may happen. */
export type Need =
  | { kind: 'date'; date: CalendarDate }
  | { kind: 'milestone'; milestone: Named; grantedBy: readonly string[]; from: CalendarDate; by: CalendarDate }
  | {
      kind: 'fact'
      fact: Named & { ask: string; unit: string | null }
      /** What the observation must be. */
      test: FactTest
      from: CalendarDate
      by: CalendarDate
    }
  /** The red flag is resolved. */
  | { kind: 'resolution'; redFlag: Named; entry: string }
  /** A hold, or an override that withholds, is ended by whoever set it. */
  | { kind: 'end'; of: 'hold' | 'override'; reason: string; entry: string }
  /** A `permit` override that lifts these relative contraindications. */
  | { kind: 'override'; lifts: readonly (Named & { protocol: string })[] }

/**
 * `permitted`: with these needs met it is permitted on `earliest`, and on no date before it. `never`: whatever milestones
 * and observations are recorded, the versions assigned do not permit it. `undecided`: too many cases to tell.
 */
export type WayForward =
  | { outcome: 'permitted'; earliest: CalendarDate; needs: readonly Need[] }
  | { outcome: 'never'; earliest: null; needs: readonly [] }
  | { outcome: 'undecided'; earliest: null; needs: readonly [] }

export interface Withheld {
  exercise: Exercise
  reasons: readonly Reason[]
  /** Null only where the question asked for the date alone. */
  wayForward: WayForward | null
}

export interface ContraindicationInForce extends RuleReference {
  title: string
  strength: Strength
  certain: boolean
  when: ExplainedCondition | null
  /** First date on which it no longer applies if nothing is recorded; null: time alone does not end it. */
  until: CalendarDate | null
}

export interface InstructionInForce extends RuleReference {
  about: string
  text: string
  certain: boolean
  until: CalendarDate | null
}

export interface LimitInForce extends RuleReference {
  quantity: string
  max: number | null
  min: number | null
  unit: string | null
  text: string | null
  asInstructed: boolean
  certain: boolean
  until: CalendarDate | null
  /** The rule of the stricter limit on the same quantity and unit that is in force instead. */
  supersededBy: { protocol: string; rule: string } | null
}

/** A number to work towards. It restricts nothing. */
export type GoalInForce = Omit<LimitInForce, 'supersededBy' | 'asInstructed'>

export interface RedFlagWatched {
  protocol: string
  version: number | null
  code: string
  title: string
  response: FlagResponse
  text: string | null
  sources: readonly Source[]
}

export interface OpenRedFlag {
  entry: string
  code: string
  title: string
  response: FlagResponse
  since: CalendarDate
}

/** A fact that is unknown on the date, and that a rule which bears on this answer waits for. */
export interface MissingFact {
  protocol: string
  version: number | null
  code: string
  title: string
  ask: string
  type: FactDeclaration['type']
  unit: string | null
  min: number | null
  max: number | null
  values: readonly string[]
  /** The last observation, too old to count; null: there is none. */
  stale: { value: FactValue; on: CalendarDate } | null
  /** Codes of the phases, prescriptions, contraindications, limits and instructions that wait for it. */
  rules: readonly string[]
}

export interface ProtocolState {
  code: string
  title: string
  version: number | null
  phase: (Named & { setting: string | null; goals: readonly string[]; since: CalendarDate }) | null
}

export type Status = 'active' | 'no-phase' | 'on-hold' | 'closed'

export interface Derivation {
  on: CalendarDate
  /** Whole calendar days; the surgery day is 0, the day before it −1. */
  daysSinceSurgery: number
  surgery: { surgeryDate: CalendarDate; procedures: readonly string[]; levels: readonly string[]; side: Side | null }
  status: Status
  /** What withholds everything, if anything does. */
  statusReasons: readonly Reason[]
  protocols: readonly ProtocolState[]
  permitted: readonly Permitted[]
  withheld: readonly Withheld[]
  avoid: readonly ContraindicationInForce[]
  instructions: readonly InstructionInForce[]
  limits: readonly LimitInForce[]
  goals: readonly GoalInForce[]
  openRedFlags: readonly OpenRedFlag[]
  redFlags: readonly RedFlagWatched[]
  missingFacts: readonly MissingFact[]
  /**
   * The first later date on which this answer, its dates and the ways forward aside, changes if nothing more is recorded;
   * null: it never does, or the question asked for the date alone.
   */
  nextChange: CalendarDate | null
  basis: { revision: number; knownAt: Instant; semantics: number }
}

/** A reason or a caution without what its condition rests on. */
type InShort<Said> = Said extends unknown ? Omit<Said, 'when' | 'entries' | 'entry'> : never

/** What an answer about a date comes to: each verdict with the rules that it rests on, as in a `Derivation`. */
export interface Verdicts
  extends Pick<Derivation, 'on' | 'daysSinceSurgery' | 'status' | 'limits' | 'missingFacts' | 'basis'> {
  statusReasons: readonly InShort<Reason>[]
  protocols: readonly (Pick<ProtocolState, 'code' | 'version'> & { phase: Named | null })[]
  permitted: readonly (Omit<Permitted, 'cautions'> & { cautions: readonly InShort<Caution>[] })[]
  withheld: readonly { exercise: Exercise; reasons: readonly InShort<Reason>[] }[]
}

// ---- The timeline ----

/** One thing that is different from the day before. */
export type Change =
  | { kind: 'status'; to: Status }
  | { kind: 'phase'; protocol: string; to: Named | null }
  | { kind: 'permitted' | 'withheld'; exercise: Named }
  /** Of an exercise that stays permitted: dose, side, supervision or proviso are others now. */
  | {
      kind: 'changed'
      exercise: Named
      dose: Dose | null
      side: PrescribedSide
      supervision: Supervision
      provided: readonly string[]
    }
  | {
      kind: 'begins' | 'ends'
      list: 'avoid' | 'instructions' | 'limits' | 'goals'
      protocol: string
      rule: string
      /** What it says: a title, an instruction, or the text or quantity of a limit. */
      title: string
      limit: Pick<LimitInForce, 'quantity' | 'max' | 'min' | 'unit'> | null
    }

export interface TimelineStep {
  date: CalendarDate
  daysSinceSurgery: number
  status: Status
  /** False: after `on`, so that it comes only if nothing else is recorded. */
  past: boolean
  permitted: readonly string[]
  changes: readonly Change[]
}

/** What does not come by time alone. */
export interface Waiting {
  needs: readonly Need[]
  /** The earliest date, for all of these exercises. */
  earliest: CalendarDate
  exercises: readonly Named[]
}

export interface Timeline {
  on: CalendarDate
  surgery: Derivation['surgery']
  /** Every date on which an answer changes, from the surgery, or what comes before it, onwards. */
  steps: readonly TimelineStep[]
  /** False: dates far from `on` are not listed, because there are too many. */
  isComplete: boolean
  /** What the next phase of each protocol waits for on `on`. */
  nextPhases: readonly { protocol: string; phase: Named; entry: ExplainedCondition }[]
  waiting: readonly Waiting[]
  /** Withheld on `on`, and not permitted on any later date, whatever is recorded. */
  never: readonly Named[]
  /** Too many cases to tell. */
  undecided: readonly Named[]
  basis: Derivation['basis']
}

// ---- The checker ----

export type FindingCode =
  | 'unknown-reference'
  | 'duplicate-code'
  | 'phase-in-entry'
  | 'unreachable-phase'
  | 'grant-never-effective'
  | 'granted-but-contraindicated'
  | 'ungraded-attribute'
  | 'empty-phase'
  | 'rule-never-applies'
  | 'shadowed-rule'
  | 'limit-relaxes-backwards'
  | 'gap'
  | 'no-source'
  | 'unused-declaration'
  | 'contradictory-bounds'
  | 'check-incomplete'
  | 'case-failed'

/** Where an answer is not what a test case expects. `path` is a JSON pointer into the document. */
export type CaseDifference = { path: string } & (
  | { kind: 'status'; expected: Status; actual: Status }
  | { kind: 'phase'; expected: Named | null; actual: Named | null }
  /** Expected to be permitted, or to have a dose. */
  | { kind: 'withheld'; exercise: Named; reasons: readonly Reason[] }
  | { kind: 'permitted'; exercise: Named; grants: readonly Grant[] }
  | { kind: 'dose'; exercise: Named; expected: Dose | null; actual: Dose | null }
  | {
      kind: 'limit'
      quantity: string
      unit: string | null
      part: 'max' | 'min' | 'asInstructed'
      expected: number | boolean | null
      actual: number | boolean | null
      /** Codes of the limits in force on that quantity and unit. */
      rules: readonly string[]
    }
)

/** What came of one test case. */
export interface CaseResult {
  case: TestCase
  /** Of the surgery that the case was run with: days are what a case counts, but reasons have dates. */
  surgeryDate: CalendarDate
  on: CalendarDate
  /** Empty: the answer is what the case expects. */
  differences: readonly CaseDifference[]
}

/** One case of a version: a day and what is recorded by then. `derive` says of it what the finding says. */
export interface Witness {
  daysSinceSurgery: number
  /** Days since the surgery on which they were reached. */
  milestones: readonly { code: string; day: number }[]
  facts: readonly { code: string; value: FactValue; day: number }[]
}

/** `[from, before)` in days since the surgery; null: open. */
export interface DaySpan {
  from: number | null
  before: number | null
}

export interface Finding {
  code: FindingCode
  severity: 'error' | 'warning'
  /** Names it, the same in every check of the document: `granted-but-contraindicated:yoga/no-rotation`. */
  name: string
  /** JSON pointer to what it is about. */
  path: string
  /** Titles or codes of what it is about, for the sentence. */
  subject: string
  other: string | null
  /** The days on which it is so, where that has days. */
  days: readonly DaySpan[]
  /** A case that shows it; null where nothing can (a source is missing). */
  witness: Witness | null
  /** A second case, where the finding is about two. */
  counterpart: Witness | null
  /** Why the author lets it stand; null: nobody has. */
  accepted: string | null
  /** Of a test case that failed: with the answer that was given. */
  failure: CaseResult | null
}

/** When an exercise is permitted, if ever, and what that takes. */
export interface Opportunity {
  exercise: Named
  /** In order; empty: no case permits it. */
  when: readonly {
    days: DaySpan
    /** The least that must be on record, dated between `least` and `most` days before (null: ever): milestones and facts. */
    milestones: readonly { milestone: Named; grantedBy: readonly string[]; least: number; most: number | null }[]
    facts: readonly {
      fact: Named & { ask: string; unit: string | null }
      test: FactTest
      least: number
      most: number | null
    }[]
    /** Relative contraindications that an override must lift. */
    lifts: readonly Named[]
  }[]
  /** False: too many cases to decide it. */
  decided: boolean
}

export interface Check {
  findings: readonly Finding[]
  opportunities: readonly Opportunity[]
  /** How many tests of conditions were looked at, in all cases together. */
  looks: number
}
