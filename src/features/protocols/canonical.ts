import { createHash } from 'node:crypto'
import { isNamed, type ProtocolDocument } from '../../rules/index.ts'

// The canonical form: what two documents must share to be the same version, in whichever clinic. README.md says what it is.

/** The members of a document, in the order in which an author reads them. */
const documentOrder = [
  ...['format', 'code', 'title', 'description', 'procedures', 'exercises', 'sources', 'milestones', 'facts', 'phases'],
  ...['prescriptions', 'contraindications', 'instructions', 'limits', 'redFlags', 'accepted', 'cases'],
] as const satisfies readonly (keyof ProtocolDocument)[]

/** The members of all its parts: one order, because no two parts need different ones. */
export const partOrder: readonly string[] = [
  ...[
    'id',
    'code',
    'title',
    'locator',
    'url',
    'finding',
    'reason',
    'kind',
    'position',
    'instructions',
    'type',
    'about',
  ],
  ...['quantity', 'response', 'strength', 'target', 'except', 'equipment', 'exercise', 'group', 'groups', 'attributes'],
  ...[
    'grantedBy',
    'preOperative',
    'max',
    'min',
    'value',
    'unit',
    'asInstructed',
    'values',
    'ask',
    'fixed',
    'operation',
  ],
  ...['procedure', 'setting', 'entry', 'goals', 'status', 'phase', 'permitted', 'withheld', 'dose', 'limits'],
  ...['procedures', 'levels', 'side', 'record'],
  ...['all', 'any', 'not', 'days', 'milestone', 'fact', 'symptom', 'permit', 'withhold', 'hold'],
  ...['since', 'is', 'in', 'atLeast', 'atMost', 'above', 'below', 'before', 'withinDays'],
  ...['from', 'through', 'until', 'on', 'by', 'revoked', 'resolved', 'lifts', 'expect', 'text', 'when', 'supervision'],
  ...['sets', 'reps', 'holdSeconds', 'durationMinutes', 'timesPerDay', 'timesPerWeek', 'amounts', 'intensity', 'note'],
  ...['dosage', 'provided', 'modality', 'rationale', 'sources'],
]

/** Members that say nothing when they are false. */
const flags: readonly string[] = ['preOperative', 'fixed']

/**
 * The document without what makes no difference to what it says: of its exercises those that it names, by their codes;
 * no list that is empty, but for those of the document itself; no flag that is not set; members in one order.
 */
export function toCanonical(document: ProtocolDocument): ProtocolDocument {
  const exercises = document.exercises.filter((exercise) => isNamed(document, exercise))
  return toFormatted({ ...document, exercises })
}

/** The same, with all exercises that the document brings along: as its author keeps it. */
export function toFormatted(document: ProtocolDocument): ProtocolDocument {
  const exercises = document.exercises.toSorted((a, b) => compareText(a.code, b.code))
  const whole: Record<string, unknown> = { ...document, exercises }
  const members = documentOrder.flatMap((name): [string, unknown][] => {
    const value = whole[name]
    const isOptional = name === 'accepted' || name === 'cases'
    return value === undefined || (isOptional && isEmptyList(value)) ? [] : [[name, arrange(value)]]
  })
  return Object.fromEntries(members) as unknown as ProtocolDocument
}

function arrange(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(arrange)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, part]) => part !== undefined && !isEmptyList(part) && !(part === false && flags.includes(name)))
      .sort(([a], [b]) => rankOf(a) - rankOf(b) || compareText(a, b))
      .map(([name, part]) => [name, arrange(part)]),
  )
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** Codes, which are names of members too (`attributes`, `dose`), come after them, by their letters. */
function rankOf(name: string): number {
  const rank = partOrder.indexOf(name)
  return rank === -1 ? partOrder.length : rank
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** JSON with the members of every object in code point order and without white space: equal content, equal bytes. */
export function toCanonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => compareText(a, b)))
      : part,
  )
}

function hash(document: ProtocolDocument): string {
  return createHash('sha256').update(toCanonicalJson(document)).digest('hex')
}

/** SHA-256 of the canonical form as canonical JSON, in hexadecimal. */
export function hashDocument(document: ProtocolDocument): string {
  return hash(toCanonical(document))
}

/** The same of all that a version would keep, with the exercises that its contraindications find in this catalogue. */
export function hashWithCatalogue(document: ProtocolDocument): string {
  return hash(toFormatted(document))
}
