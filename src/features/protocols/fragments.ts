import { type DocumentFlaw, findFlaws, type ProtocolDocument } from '../../rules/index.ts'

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

/**
 * The flaws of a document that is not well formed, so that its author is told of everything at once: names that it uses
 * twice or does not declare, and conditions that cannot be meant, in all that is well formed. What only the catalogue can
 * tell is left for when the whole is.
 */
export function findFlawsOfFragments(body: unknown, mistakes: readonly Mistake[]): DocumentFlaw[] {
  if (typeof body !== 'object' || body === null) return []
  // Nothing is known of the items of a list that is wrong as a whole: what names them is not to blame.
  if (mistakes.some(({ path }) => path.length === 1 && lists.includes(String(path[0])))) return []
  // A member that there should not be does no harm to the others.
  const harmful = mistakes.filter(({ code }) => code !== 'unrecognized_keys')
  const membersOf = (list: string, index: number): unknown[] =>
    harmful.flatMap(({ path: [first, second, member] }) =>
      first === list && second === index && member !== undefined ? [member] : [],
    )
  const itemsOf = (list: string): unknown[] => {
    const value: unknown = Reflect.get(body, list)
    if (!Array.isArray(value)) return []
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
  const empty = new Set<string>()
  const flaws = findFlaws(document, { procedures: empty, exercises: empty, groups: empty, attributes: empty })
  return flaws.filter((flaw) =>
    flaw.code === 'unknown-reference' ? !outside.includes(flaw.kind) : !('fact' in flaw && unclear.includes(flaw.fact)),
  )
}
