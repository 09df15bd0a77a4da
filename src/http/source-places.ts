import type { FastifyRequest } from 'fastify'

/** Where something stands in a text; both begin with 1. */
export interface Place {
  line: number
  column: number
}

/** Finds what JSON pointers lead to, or the nearest that is there and holds it. */
export type Locate = (pointers: readonly string[]) => ReadonlyMap<string, Place>

const sources = new WeakMap<FastifyRequest, Locate>()

/** Keeps how the places of a document can be found in its text, for the problem that the request may end with. */
export function rememberSource(request: FastifyRequest, locate: Locate): void {
  // Of these bodies alone the pointers of a problem are pointers into what was sent.
  if (request.routeOptions.schema?.consumes?.includes('application/yaml')) sources.set(request, locate)
}

/** How to find places in the request's body; null where nobody would look for them. */
export function sourceOf(request: FastifyRequest): Locate | null {
  return sources.get(request) ?? null
}

/** The keys of a JSON pointer (RFC 6901). */
export function keysOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

interface Wanted {
  at: number | null
  parts: Map<string, Wanted>
}

/** Finds places in a text that is valid JSON, in one pass: a field is where its name is. */
export function locateInJson(text: string): Locate {
  return (pointers) => {
    const root: Wanted = { at: null, parts: new Map() }
    for (const pointer of pointers) {
      let wanted = root
      for (const key of keysOf(pointer)) {
        const part = wanted.parts.get(key) ?? { at: null, parts: new Map() }
        wanted.parts.set(key, part)
        wanted = part
      }
    }
    find(text, root)
    const placeOf = makeLineCounter(text)
    return new Map(pointers.map((pointer) => [pointer, placeOf(nearestOffset(root, pointer))]))
  }
}

function nearestOffset(root: Wanted, pointer: string): number {
  let wanted: Wanted | undefined = root
  let at = root.at ?? 0
  for (const key of keysOf(pointer)) {
    wanted = wanted?.parts.get(key)
    at = wanted?.at ?? at
  }
  return at
}

const token = /[\s,:]*(?:("[^"\\]*(?:\\.[^"\\]*)*")|([[{])|([\]}])|[^\s,:"[\]{}]+)/y

/** Notes where everything that is wanted begins. */
function find(text: string, root: Wanted): void {
  const open: { wanted: Wanted | null; index: number | null; key: string; keyAt: number | null }[] = []
  token.lastIndex = 0
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [whole, string, opening, closing] = match
    const at = token.lastIndex - (string ?? opening ?? closing ?? whole.trimStart().replace(/^[,:\s]+/, '')).length
    if (closing !== undefined) {
      open.pop()
      continue
    }
    const inside = open.at(-1)
    if (inside !== undefined && inside.index === null && inside.keyAt === null) {
      // The name of a field: its value follows.
      if (inside.wanted !== null) inside.key = JSON.parse(string ?? '""')
      inside.keyAt = at
      continue
    }
    const wanted =
      inside === undefined
        ? root
        : (inside.wanted?.parts.get(inside.index === null ? inside.key : `${inside.index}`) ?? null)
    if (wanted !== null) wanted.at = inside?.keyAt ?? at
    if (inside !== undefined && inside.index !== null) inside.index += 1
    if (inside !== undefined) inside.keyAt = null
    if (opening !== undefined) open.push({ wanted, index: opening === '[' ? 0 : null, key: '', keyAt: null })
  }
}

function makeLineCounter(text: string): (offset: number) => Place {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    const line = starts.findLastIndex((start) => start <= offset)
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 }
  }
}
