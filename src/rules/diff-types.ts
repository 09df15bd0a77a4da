import type {
  DaySpan,
  Dose,
  FactTest,
  FactValue,
  Named,
  PrescribedSide,
  Side,
  Strength,
  Supervision,
  Target,
} from './types.ts'

/** One case of both versions: a day and what is on record by then. `derive` says of each version what the difference says. */
export interface DiffWitness {
  daysSinceSurgery: number
  /** What was operated on; null: it is not on record. */
  side: Side | null
  /** How many levels; null: they are not on record. */
  levels: number | null
  /** Of the procedures by which a fact is told those that were done. */
  procedures: readonly string[]
  milestones: readonly { code: string; day: number; grantedBy: string | null }[]
  facts: readonly { code: string; value: FactValue; day: number }[]
}

/** How days on which an exercise is gained or lost lie to those on which the other version permits it at all. */
export type Reading =
  /** Only one version ever permits it. */
  | 'newly'
  | 'no-longer'
  /** Before the first day, or behind the last, on which the other version does. */
  | 'earlier'
  | 'later'
  | 'longer'
  | 'shorter'
  /** On days on which both do, but in more or in fewer cases. */
  | 'more'
  | 'fewer'

/**
 * Days, and the least that must be on record on them: whoever has that on record, and nothing of `without`, is in a case
 * of the difference on every one of the days, whatever there is of other milestones and facts.
 */
export interface DiffOccasion {
  days: DaySpan
  milestones: readonly { milestone: Named; grantedBy: readonly string[]; least: number; most: number | null }[]
  facts: readonly {
    fact: Named & { ask: string; unit: string | null }
    test: FactTest
    least: number
    most: number | null
  }[]
  /** What the surgery on record must say; null: nothing of it. */
  operation: readonly { told: 'levels' | 'side' | { procedure: string }; test: FactTest | null }[]
  without: { milestones: readonly Named[]; facts: readonly Named[] }
  /** Of exercises and phases that are gained or lost. */
  reading: Reading | null
}

/** Stricter: somebody may do less, or must keep more. */
export type Direction = 'stricter' | 'laxer' | 'other'

export type LimitEnd = 'max' | 'min'

/** What one version says in some case and the other does not. */
export type DifferenceKind =
  | { kind: 'exercise'; exercise: Named; change: 'gained' | 'lost' }
  /** Where neither permits it: it is granted, and only relative contraindications stand against it, which an override lifts. */
  | { kind: 'prescribed'; exercise: Named; change: 'gained' | 'lost' }
  | { kind: 'dose'; exercise: Named; before: Dose | null; after: Dose | null }
  /** Null: for no side, where the other side of a bilateral operation is meant. */
  | {
      kind: 'side'
      exercise: Named
      operated: Side | null
      before: PrescribedSide | null
      after: PrescribedSide | null
    }
  | { kind: 'supervision'; exercise: Named; before: Supervision; after: Supervision }
  | { kind: 'provided'; exercise: Named; before: readonly string[]; after: readonly string[] }
  | { kind: 'cautions'; exercise: Named; added: readonly Named[]; removed: readonly Named[] }
  /** The strictest `max` or `min` in force; null: none is. */
  | {
      kind: 'limit'
      quantity: string
      unit: string | null
      end: LimitEnd
      change: 'tightened' | 'relaxed' | 'added' | 'removed'
      before: number | null
      after: number | null
    }
  /** A limit without a number. */
  | {
      kind: 'instructed-limit'
      quantity: string
      unit: string | null
      text: string | null
      change: 'added' | 'removed'
    }
  | {
      kind: 'goal'
      quantity: string
      unit: string | null
      min: number | null
      max: number | null
      text: string | null
      change: 'added' | 'removed'
    }
  /** `isOnly`: the other version has no such rule at all; `isPart`: of the rule only a part of what it is about. */
  | {
      kind: 'contraindication'
      rule: Named
      strength: Strength
      change: 'added' | 'removed'
      isOnly: boolean
      isPart: boolean
      targets: readonly Target[]
      except: readonly Target[]
      /** What the document has that it is about. */
      exercises: readonly Named[]
    }
  | { kind: 'instruction'; rule: string; about: string; text: string; change: 'added' | 'removed'; isOnly: boolean }
  /** What the answer says of the current phase; null: there is none. */
  | { kind: 'phase'; before: PhaseSays | null; after: PhaseSays | null }
  /** What needs no case. */
  | { kind: 'match'; rule: Named; strength: Strength; exercise: Named; change: 'added' | 'removed' }
  | {
      kind: 'red-flag'
      redFlag: Named
      change: 'added' | 'removed' | 'response'
      before: string | null
      after: string | null
    }
  | { kind: 'asks'; what: 'milestone' | 'fact'; named: Named; ask: string | null; change: 'added' | 'removed' }
  /** What the operation tells of a fact, so that nobody need ask. */
  | { kind: 'told'; fact: Named; before: string | null; after: string | null }
  /** The same record is read as something else: numbers of another unit, or values of another type. */
  | {
      kind: 'read'
      fact: Named
      what: 'unit' | 'type'
      before: string | null
      after: string | null
      /** Of which either version says something that the fact decides. */
      exercises: readonly Named[]
    }
  | { kind: 'procedure'; procedure: string; change: 'added' | 'removed' }

export interface PhaseSays {
  setting: string | null
  goals: readonly string[]
}

export type Difference = DifferenceKind & {
  direction: Direction
  /** All days on which some case differs so; none where it does not depend on cases. */
  days: readonly DaySpan[]
  /** In order of their days. */
  occasions: readonly DiffOccasion[]
  /** False: there are more occasions than these. */
  isComplete: boolean
  /** Null where it does not depend on cases. */
  witness: DiffWitness | null
}

/** When a phase is the current one in one version and not in the other. */
export type PhaseMove = { kind: 'move'; phase: Named; change: 'gained' | 'lost'; isOnly: boolean } & Omit<
  Difference,
  keyof DifferenceKind
>

/** A member of the document that is another one now. Of lists, items with the same code are the same. */
export interface TextChange {
  change: 'added' | 'removed' | 'changed' | 'reordered'
  /** What it is of, by code: `prescriptions/walking/when`. */
  name: string
  /** JSON pointers into the two documents, with what is there; null: nothing. */
  before: { path: string; value: unknown } | null
  after: { path: string; value: unknown } | null
}

/** What was not decided because it would take too much: then it may differ. */
export type Undecided =
  | { kind: 'exercise' | 'phase'; of: Named }
  | { kind: 'limit'; quantity: string; unit: string | null }
  | { kind: 'contraindications' | 'instructions' | 'goals' | 'phases' }
  /** There are more differences than are told. */
  | { kind: 'differences' }

export interface Diff {
  /** Of meaning: none exactly if the versions mean the same, unless something is undecided. Stricter ones come first. */
  differences: readonly Difference[]
  /** Why: the phases that are current in other cases; none if nothing else differs. */
  phases: readonly PhaseMove[]
  undecided: readonly Undecided[]
  text: readonly TextChange[]
  /** There are more textual changes than are told. */
  isTextCut: boolean
  /** How much was looked at. */
  looks: number
}
