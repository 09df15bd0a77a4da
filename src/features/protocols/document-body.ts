import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml'
import { readUtf8 } from '../../http/json-body.ts'
import { ProblemError } from '../../http/problems.ts'
import { keysOf, type Locate, type Place, rememberSource } from '../../http/source-places.ts'
import type { ProtocolDocument } from '../../rules/index.ts'

const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml']

/** More levels than any protocol has; as for JSON. */
const deepest = 100

const mostAliases = 100

/** The library takes its time for each word and each bracket; a protocol of a clinic has some 10,000. */
const mostTokens = 300_000

/** So long is a whole document at most: no body is longer. */
export const mostBytes = 1024 * 1024

/** Lets the routes of this scope take their body as YAML 1.2 too. */
export function acceptYaml(app: FastifyInstance): void {
  app.addContentTypeParser(yamlTypes, { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    const { value, locate } = parseYaml(readUtf8(body, 'MALFORMED_DOCUMENT'))
    rememberSource(request, locate)
    return value
  })
}

/** The value of a YAML text, as JSON would have it. Throws MALFORMED_DOCUMENT that says where it is wrong. */
export function readYaml(source: string): unknown {
  return parseYaml(source).value
}

/** As `readYaml`; with where in the text each part of the value is. */
export function parseYaml(source: string): { value: unknown; locate: Locate } {
  refuseBombs(source)
  const lines = new LineCounter()
  try {
    const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
    const stray =
      document.errors.find(({ code }) => code === 'MULTIPLE_DOCS') ??
      document.warnings.find(({ code }) => code === 'TAG_RESOLVE_FAILED')
    if (stray !== undefined) {
      const message =
        stray.code === 'MULTIPLE_DOCS'
          ? 'here another document begins: send one at a time'
          : 'a tag like `!name` has no meaning here: leave it out'
      throw malformed([{ message, place: placeAt(lines, stray.pos[0]) }])
    }
    const overflow = document.errors.find(isOverflow)
    if (overflow !== undefined) throw tooDeep()
    if (document.errors.length > 0) {
      throw malformed(document.errors.map(({ message, pos: [at] }) => ({ message, place: placeAt(lines, at) })))
    }
    requireDistinctKeys(document, lines)
    const value: unknown = document.toJS({ maxAliasCount: mostAliases })
    if (isDeeperThan(value, deepest)) throw tooDeep()
    // Aliases multiply what they stand for: written out, it must not be more than a body may be.
    if (JSON.stringify(value).length > mostBytes)
      throw malformed([{ message: 'its aliases stand for more than 1 MiB: shorten it' }])
    return { value, locate: (pointers) => locateInYaml(document, lines, pointers) }
  } catch (error) {
    if (error instanceof ProblemError) throw error
    // The library reports alias bombs and runaway nesting by throwing.
    throw isOverflow(error)
      ? tooDeep()
      : malformed([{ message: error instanceof Error ? error.message : String(error) }])
  }
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

/** A field is where its name is; what is not there is where the part is that would have it. */
function locateInYaml(document: Document, lines: LineCounter, pointers: readonly string[]): ReadonlyMap<string, Place> {
  return new Map(
    pointers.map((pointer) => {
      let node: unknown = document.contents
      let at = startOf(node) ?? 0
      for (const key of keysOf(pointer)) {
        const inside: unknown = isAlias(node) ? node.resolve(document) : node
        const pair = isMap(inside)
          ? inside.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
          : null
        node = pair?.value ?? (isSeq(inside) ? inside.items[Number(key)] : undefined)
        at = startOf(pair?.key) ?? startOf(node) ?? at
      }
      return [pointer, placeAt(lines, at)]
    }),
  )
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

/** Refuses what the library would spend many seconds on: brackets in brackets, aliases and crumbs without end. */
function refuseBombs(source: string): void {
  let depth = 0
  let aliases = 0
  let tokens = 0
  let inScalar = false
  for (const token of new Lexer().lex(source)) {
    tokens += 1
    if (tokens > mostTokens) {
      throw malformed([{ message: `more than ${mostTokens} words and signs: shorten it, or send it as JSON` }])
    }
    if (!inScalar) {
      if (token === '[' || token === '{') depth += 1
      if (token === ']' || token === '}') depth -= 1
      if (token.startsWith('*')) aliases += 1
      if (depth > deepest) throw tooDeep()
      if (aliases > mostAliases) {
        throw malformed([{ message: `more than ${mostAliases} aliases: write the parts out` }])
      }
    }
    // The lexer announces the text of a scalar, which may look like anything.
    inScalar = token === '\u001f'
  }
}

/** Whether a YAML text has comments. */
export function hasComments(source: string): boolean {
  let inScalar = false
  for (const token of new Lexer().lex(source)) {
    if (!inScalar && token.startsWith('#')) return true
    inScalar = token === '\u001f'
  }
  return false
}

/** Every key a text, and each once in its map. The library's own check compares every key with every other. */
function requireDistinctKeys(document: Document, lines: LineCounter): void {
  const faults: Fault[] = []
  visit(document, {
    Map(_key, map) {
      const names = new Set<string>()
      for (const { key } of map.items) {
        const place = placeAt(lines, startOf(key) ?? startOf(map) ?? 0)
        const name = isScalar(key) ? String(key.value) : null
        if (name === null) faults.push({ message: 'a key must be a plain text', place })
        else if (names.has(name)) faults.push({ message: `the key \`${name}\` is given twice`, place })
        else names.add(name)
      }
    },
  })
  if (faults.length > 0) throw malformed(faults)
}

function isOverflow(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof Error && /call stack/.test(error.message))
}

function tooDeep(): ProblemError {
  return malformed([{ message: `nested more than ${deepest} levels deep` }])
}

interface Fault {
  message: string
  place?: Place
}

/** The first is in the detail; all that have a place are in `errors`. */
function malformed(faults: readonly Fault[]): ProblemError {
  const [first] = faults
  const where = first?.place === undefined ? '' : `line ${first.place.line}, column ${first.place.column}: `
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more: see \`errors\`)` : ''
  return new ProblemError(
    'MALFORMED_DOCUMENT',
    `the body is not a valid YAML document: ${where}${first?.message}${more}`,
    {
      ...first?.place,
      errors: faults.flatMap(({ message, place }) =>
        place === undefined ? [] : [{ pointer: '', detail: message, ...place }],
      ),
    },
  )
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((part) => isDeeperThan(part, levels - 1))
}

/** So long is what is written in one line, like `{ days: { atLeast: 0 } }`, with what it is indented by. */
const mostOfLine = 84

/** A document in canonical form as YAML: the same content as its JSON, without the lists that are empty. */
export function toYaml(document: ProtocolDocument): string {
  const members = Object.entries(document).filter(([, value]) => !Array.isArray(value) || value.length > 0)
  const yaml = new Document(Object.fromEntries(members), { aliasDuplicateObjects: false })
  visit(yaml, {
    Collection(_key, node, path) {
      // The document, its lists and their items have a line for each member.
      const depth = path.filter(isCollection).length
      const isPlainList = isSeq(node) && node.items.every(isScalar)
      if (depth < 3 && !isPlainList) return
      const text = JSON.stringify(node)
      // The library breaks texts of several lines, which inside of braces would be read as something else.
      node.flow = text.length <= mostOfLine - 2 * depth && !text.includes('\\n')
    },
  })
  return yaml.toString({ lineWidth: 100 })
}
