import {
  type Catalogue,
  type DocumentFlaw,
  findFlaws,
  type ProtocolDocument,
  type ReferenceKind,
} from '../../rules/index.ts'

/** Stands for members that a part must have and has not, or not well formed: it names nothing. */
const blank = { attributes: {}, target: [], entry: { all: [] }, expect: {} }

const lists = [
  ...['exercises', 'sources', 'milestones', 'facts', 'phases', 'prescriptions', 'contraindications', 'instructions'],
  ...['limits', 'redFlags', 'cases'],
]

/** Only the catalogue knows of these. */
const outside = ['procedure', 'exercise', 'group', 'attribute']

interface Mistake {
  code: string
  path: readonly PropertyKey[]
}

/** The parts of a document that is not well formed, each without what is wrong in it. */
interface Fragments {
  document: ProtocolDocument
  /** Facts of which it cannot be said what fits them. */
  unclear: readonly string[]
}

/** Whether the mistake is in a list as a whole, in one of its items as a whole, or in that member of an item. */
function isIn({ path: [first, second, third], code }: Mistake, list: string, member: string): boolean {
  if (first !== list || code === 'unrecognized_keys') return false
  return second === undefined || third === undefined || third === member
}

/** Whether the list is none or too long: then nobody has looked at its items. */
function isWrongAsWhole(mistakes: readonly Mistake[], list: string): boolean {
  return mistakes.some(({ path }) => path.length === 1 && path[0] === list)
}

function toFragments(body: object, mistakes: readonly Mistake[]): Fragments {
  // A member that there should not be does no harm to the others.
  const harmful = mistakes.filter(({ code }) => code !== 'unrecognized_keys')
  const membersOf = (list: string, index: number): unknown[] =>
    harmful.flatMap(({ path: [first, second, member] }) =>
      first === list && second === index && member !== undefined ? [member] : [],
    )
  const itemsOf = (list: string): unknown[] => {
    const value: unknown = Reflect.get(body, list)
    if (!Array.isArray(value) || isWrongAsWhole(mistakes, list)) return []
    return value.map((item: unknown, index) => {
      const left = new Set(membersOf(list, index))
      const members = typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.entries(item) : []
      const unnamed = `(${list}, item ${index + 1})`
      // What it is called is what others mean, right or wrong.
      const isName = ([name, value]: [string, unknown]): boolean =>
        /^(code|id)$/.test(name) && typeof value === 'string'
      const kept = members.filter((member) => !left.has(member[0]) || isName(member))
      return { ...blank, code: unnamed, id: unnamed, ...Object.fromEntries(kept) }
    })
  }
  const document = {
    procedures: [],
    ...Object.fromEntries(lists.map((list) => [list, itemsOf(list)])),
  } as unknown as ProtocolDocument
  const unclear = document.facts.filter((_, index) => membersOf('facts', index).length > 0).map(({ code }) => code)
  return { document, unclear }
}

const nothing: Catalogue = { procedures: new Set(), exercises: new Set(), groups: new Set(), attributes: new Set() }

/**
 * The flaws of a document that is not well formed, so that its author is told of everything at once: names that it uses
 * twice or does not declare, and conditions that cannot be meant, in all that is well formed. What only the catalogue can
 * tell is `findUnknownOfFragments`.
 */
export function findFlawsOfFragments(body: unknown, mistakes: readonly Mistake[]): DocumentFlaw[] {
  if (typeof body !== 'object' || body === null) return []
  // Nothing is known of the items of such a list: what names them is not to blame.
  if (lists.some((list) => isWrongAsWhole(mistakes, list))) return []
  const { document, unclear } = toFragments(body, mistakes)
  return findFlaws(document, nothing).filter((flaw) =>
    flaw.code === 'unknown-reference' ? !outside.includes(flaw.kind) : !('fact' in flaw && unclear.includes(flaw.fact)),
  )
}

/** What such a document names of the clinic's and the clinic does not have, in all of it that is well formed. */
export function findUnknownOfFragments(
  body: unknown,
  mistakes: readonly Mistake[],
  catalogueOf: (document: ProtocolDocument) => Catalogue,
): DocumentFlaw[] {
  if (typeof body !== 'object' || body === null) return []
  const { document } = toFragments(body, mistakes)
  const listed: unknown = Reflect.get(body, 'procedures')
  const isMistaken = (index: number): boolean =>
    mistakes.some(({ path: [first, second] }) => first === 'procedures' && (second === undefined || second === index))
  // A place that is left empty names nothing.
  const procedures = Array.isArray(listed) ? listed.map((code, index) => (isMistaken(index) ? undefined : code)) : []
  const whole = { ...document, procedures } as ProtocolDocument
  const catalogue = catalogueOf({ ...document, procedures: procedures.filter((code) => code !== undefined) })
  // An exercise that the document brings along, but not well formed, may be the one that is meant.
  const isOpen: Partial<Record<ReferenceKind, boolean>> = {
    exercise: mistakes.some((mistake) => isIn(mistake, 'exercises', 'code')),
    group: mistakes.some((mistake) => isIn(mistake, 'exercises', 'groups')),
  }
  return findFlaws(whole, catalogue).filter(
    (flaw) => flaw.code === 'unknown-reference' && outside.includes(flaw.kind) && isOpen[flaw.kind] !== true,
  )
}
