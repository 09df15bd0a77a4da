import { compareText, compile, matchesOf } from './compile.ts'
import { findDeclared } from './diff-declarations.ts'
import { findExercise } from './diff-exercises.ts'
import { findContraindications, findGoals, findInstructions, findLimits, findMoves, findPhases } from './diff-lists.ts'
import { type DiffSide, type DiffSpace, layOutBoth } from './diff-space.ts'
import { canonical, diffText } from './diff-text.ts'
import type { Diff, Difference, DifferenceKind, Direction, PhaseMove, Undecided } from './diff-types.ts'
import type { Limit, Named, ProtocolDocument } from './types.ts'

/** So much is looked at for one question of two versions; what that is not enough for is told by name. */
const mostOfDiff = 10_000_000

/** So many differences are told. */
const mostDifferences = 1_000

interface Work {
  space: DiffSpace
  /** Phases are entered alike, and the record is read alike: what is written alike then means the same. */
  isReadAlike: boolean
  differences: Difference[]
  undecided: Undecided[]
}

/** What of a document decides how a condition reads the record. */
function readingOf({ phases, milestones, facts }: ProtocolDocument): string {
  const sorted = (items: readonly unknown[]): string[] => items.map(canonical).sort()
  return canonical([
    phases.map(({ code, entry }) => [code, entry]),
    sorted(
      milestones.map(({ code, grantedBy = [], preOperative = false }) => [code, [...grantedBy].sort(), preOperative]),
    ),
    sorted(facts.map(({ code, operation }) => ({ code, operation }))),
  ])
}

/** What was found out once: a document does not change. */
const known = new WeakMap<object, string>()

/** What a rule says, whatever it is called and wherever it is from. */
function meaningOf(rule: object): string {
  const found = known.get(rule)
  if (found !== undefined) return found
  const meant = Object.entries(rule).filter(([key]) => !isText.has(key))
  const meaning = canonical(Object.fromEntries(meant))
  known.set(rule, meaning)
  return meaning
}

const isText: ReadonlySet<string> = new Set(['code', 'title', 'rationale', 'modality', 'sources'])

function meantBy(rules: readonly object[]): string[] {
  return rules.map(meaningOf).sort()
}

/** Everything in one version that decides what it says of an exercise. */
function rulesAbout(code: string, { compiled }: DiffSide): unknown {
  const entries = compiled.exercises.get(code) ?? []
  const contraindications = matchesOf(compiled, entries).flatMap(
    ({ rule }) => compiled.contraindications[rule]?.rule ?? [],
  )
  return [
    meantBy((compiled.prescriptionsOf.get(code) ?? []).flatMap((index) => compiled.prescriptions[index]?.rule ?? [])),
    meantBy(contraindications),
    entries.map(({ kind, groups = [], attributes }) => [kind, groups, attributes]),
  ]
}

/** Decides something; what is found counts only if it was decided as a whole. What is written alike need not be decided. */
function decide(work: Work, what: Undecided, written: (side: DiffSide) => unknown, find: () => Difference[]): void {
  const { before, after } = work.space
  if (work.isReadAlike && canonical(written(before)) === canonical(written(after))) return
  let found: Difference[] = []
  if (
    work.space.diagrams.isEnoughFor(() => {
      found = find()
    })
  ) {
    work.differences.push(...found)
  } else work.undecided.push(what)
}

const directions: readonly Direction[] = ['stricter', 'laxer', 'other']
const kinds: readonly DifferenceKind['kind'][] = [
  'exercise',
  'prescribed',
  'side',
  'dose',
  'supervision',
  'provided',
  'cautions',
  'limit',
  'instructed-limit',
  'contraindication',
  'match',
  'red-flag',
  'goal',
  'phase',
  'instruction',
  'asks',
  'told',
  'read',
  'procedure',
]

function namesOf(items: readonly Named[], others: readonly Named[]): Named[] {
  const all = new Map([...others, ...items].map(({ code, title }) => [code, { code, title }]))
  return [...all.values()].sort((a, b) => compareText(a.code, b.code))
}

function exercisesOf({ compiled }: DiffSide): Named[] {
  return [...compiled.prescribed.values()].map(([entry]) => entry)
}

/**
 * What changes from one version to another: of meaning, decided over all cases of both, each with the days, the least that
 * it takes and a case that shows it; and of text. What the bound was not enough to decide is named in `undecided`.
 */
export function diff(before: ProtocolDocument, after: ProtocolDocument, most = mostOfDiff): Diff {
  const space = layOutBoth(compile(before, null), compile(after, null), most)
  const isReadAlike = readingOf(before) === readingOf(after)
  const work: Work = { space, isReadAlike, differences: [], undecided: [] }
  for (const { code, title } of namesOf(exercisesOf(space.after), exercisesOf(space.before))) {
    decide(
      work,
      { kind: 'exercise', of: { code, title } },
      (side) => rulesAbout(code, side),
      () => findExercise(space, { code, title }),
    )
  }
  const limits = new Map(
    [space.before, space.after].flatMap(({ compiled }) =>
      compiled.caps.map(
        ({ rule: { quantity, unit = null } }) => [canonical([quantity, unit]), { quantity, unit }] as const,
      ),
    ),
  )
  for (const { quantity, unit } of limits.values()) {
    const isAbout = (rule: Limit): boolean => rule.quantity === quantity && (rule.unit ?? null) === unit
    decide(
      work,
      { kind: 'limit', quantity, unit },
      ({ document }) => meantBy(document.limits.filter(isAbout)),
      () => findLimits(space, quantity, unit),
    )
  }
  decide(
    work,
    { kind: 'contraindications' },
    ({ document }) => meantBy(document.contraindications),
    () => findContraindications(space),
  )
  decide(
    work,
    { kind: 'instructions' },
    ({ document }) => meantBy(document.instructions),
    () => findInstructions(space),
  )
  decide(
    work,
    { kind: 'goals' },
    ({ document }) => meantBy(document.limits.filter(({ kind }) => kind === 'goal')),
    () => findGoals(space),
  )
  decide(
    work,
    { kind: 'phases' },
    ({ document }) => document.phases.map(({ setting = null, goals = [] }) => [setting, goals]),
    () => findPhases(space),
  )
  work.differences.push(...findDeclared(space))
  const phases: PhaseMove[] = []
  if (work.differences.length > 0 && !isReadAlike) {
    for (const phase of namesOf(after.phases, before.phases)) {
      let found: PhaseMove[] = []
      const isDone = work.space.diagrams.isEnoughFor(() => {
        found = findMoves(space, phase)
      })
      if (isDone) phases.push(...found)
      else work.undecided.push({ kind: 'phase', of: phase })
    }
  }
  const { text, isCut } = diffText(before, after)
  const { differences, undecided } = work
  if (differences.length > mostDifferences) undecided.push({ kind: 'differences' })
  return {
    differences: differences.sort(compareDifferences).slice(0, mostDifferences),
    phases,
    undecided,
    text,
    isTextCut: isCut,
    looks: most - Math.max(space.diagrams.left, 0),
  }
}

/** In one order of kinds, and in that in which they were found: by code. */
function compareDifferences(a: Difference, b: Difference): number {
  return (
    directions.indexOf(a.direction) - directions.indexOf(b.direction) || kinds.indexOf(a.kind) - kinds.indexOf(b.kind)
  )
}
