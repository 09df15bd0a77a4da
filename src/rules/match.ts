import type { Contraindication, Exercise, ProtocolDocument, Target, TestCase } from './types.ts'

function isInGroup({ groups }: Exercise, group: string | undefined): boolean {
  return groups?.some((own) => own === group) ?? false
}

/** How a target matches an exercise: null when it does not, otherwise the attributes that it leaves ungraded. */
function matchTarget(target: Target, exercise: Exercise): string[] | null {
  const named =
    (target.exercise === undefined || target.exercise === exercise.code) &&
    (target.group === undefined || isInGroup(exercise, target.group)) &&
    (target.kind === undefined || target.kind === exercise.kind)
  if (!named) return null
  const ungraded: string[] = []
  for (const [attribute, grade] of Object.entries(target.attributes ?? {})) {
    const own = Object.hasOwn(exercise.attributes, attribute) ? exercise.attributes[attribute] : undefined
    if (own === undefined) ungraded.push(attribute)
    else if (own < grade) return null
  }
  return ungraded
}

/**
 * How one entry matches: null when no target does or it is certainly an exception, otherwise the attributes that leave it
 * open, in the target or in an exception.
 */
function matchEntry(rule: Contraindication, exercise: Exercise): string[][] | null {
  const exceptions = (rule.except ?? [])
    .map((target) => matchTarget(target, exercise))
    .filter((match) => match !== null)
  if (exceptions.some((ungraded) => ungraded.length === 0)) return null
  const matches = rule.target.map((target) => matchTarget(target, exercise)).filter((match) => match !== null)
  return matches.map((ungraded) => [...ungraded, ...exceptions.flat()])
}

/** Matches if any target matches any of the catalogue entries known under the exercise's code that is not excepted. */
export function matchRule(rule: Contraindication, entries: readonly Exercise[]): { ungraded: string[] } | null {
  const matches = entries.flatMap((exercise) => matchEntry(rule, exercise) ?? [])
  if (matches.length === 0) return null
  // A match on known grades alone is certain, whatever other targets leave open.
  const certain = matches.some((match) => match.length === 0)
  return { ungraded: certain ? [] : [...new Set(matches.flat())].sort() }
}

/**
 * Whether the document names the exercise, by its code or a group of it, in a rule or a test case. Its entry is part of
 * what the document says.
 */
export function isNamed(document: ProtocolDocument, exercise: Exercise): boolean {
  const isMeant = ({ exercise: code, group }: Target): boolean => code === exercise.code || isInGroup(exercise, group)
  return (
    document.prescriptions.some(isMeant) ||
    document.contraindications.some((rule) => rule.target.some(isMeant) || rule.except?.some(isMeant)) ||
    (document.cases ?? []).some((testCase) => namedIn(testCase).includes(exercise.code))
  )
}

/** Codes of the exercises that a test case records or asks about. */
export function namedIn({ record = [], expect }: TestCase): string[] {
  const { permitted = [], withheld = [], dose = {} } = expect
  const overridden = record.flatMap((entry) =>
    'permit' in entry ? entry.permit : 'withhold' in entry ? entry.withhold : [],
  )
  return [...overridden, ...permitted, ...withheld, ...Object.keys(dose)]
}

/**
 * Whether the document names the exercise, or a rule of it withholds what is like it: then a version keeps its entry, as it
 * is when the version is published.
 */
export function isAbout(document: ProtocolDocument, exercise: Exercise): boolean {
  return isNamed(document, exercise) || document.contraindications.some((rule) => matchRule(rule, [exercise]) !== null)
}
