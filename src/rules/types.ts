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

/** Whole calendar days since `since` (a milestone; left out: the surgery), in `[atLeast, before)`. */
export interface DaysTest {
  since?: string
  atLeast?: number
  before?: number
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
}

export interface Phase {
  code: string
  title: string
  setting?: string
  entry: Condition
  goals?: readonly string[]
  sources?: readonly string[]
}

export interface Dose {
  sets?: number
  reps?: number
  holdSeconds?: number
  durationMinutes?: number
  timesPerDay?: number
  timesPerWeek?: number
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
      atLeast: number | null
      before: number | null
      /** First and first-no-longer dates; null when open, or while the milestone is not reached. */
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
    } & RuleReference)
  | { kind: 'override'; entry: string; from: CalendarDate; until: CalendarDate | null; reason: string }

export interface Permitted {
  exercise: Exercise
  /** The dose in force; null: as the clinician instructs. */
  dose: Dose | null
  side: PrescribedSide
  supervision: Supervision
  grantedBy: readonly Grant[]
  cautions: readonly Caution[]
}

/** Not derived yet: its place in the answer is kept. */
export interface WayForward {
  /** The earliest date on which the exercise can be permitted; null: this version never permits it. */
  earliest: CalendarDate | null
  needs: readonly ({ milestone: string } | { fact: string } | { date: CalendarDate } | { override: string })[]
}

export interface Withheld {
  exercise: Exercise
  reasons: readonly Reason[]
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

/** A fact that is unknown on the date and could change the answer. */
export interface MissingFact {
  code: string
  title: string
  ask: string
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
  openRedFlags: readonly OpenRedFlag[]
  redFlags: readonly RedFlagWatched[]
  /** Not derived yet: always empty. */
  missingFacts: readonly MissingFact[]
  /** Not derived yet: always null. */
  nextChange: CalendarDate | null
  basis: { revision: number; knownAt: Instant; semantics: number }
}
