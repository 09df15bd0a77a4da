import type { FastifyInstance } from 'fastify'
import { Document, isCollection, isNode, isScalar, isSeq, Lexer, LineCounter, parseDocument, visit } from 'yaml'
import { readUtf8 } from '../../http/json-body.ts'
import { ProblemError } from '../../http/problems.ts'
import type { ProtocolDocument } from '../../rules/index.ts'

const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml']

/** More levels than any protocol has; as for JSON. */
const deepest = 100

const mostAliases = 100

const mostCharacters = 1024 * 1024

/** Lets the routes of this scope take their body as YAML 1.2 too. */
export function acceptYaml(app: FastifyInstance): void {
  app.addContentTypeParser(yamlTypes, { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
    readYaml(readUtf8(body, 'MALFORMED_DOCUMENT')),
  )
}

/** The value of a YAML text, as JSON would have it. Throws MALFORMED_DOCUMENT that says where it is wrong. */
export function readYaml(source: string): unknown {
  refuseBombs(source)
  const lines = new LineCounter()
  try {
    const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
    const [error] = document.errors
    if (error !== undefined) {
      throw isOverflow(error) ? tooDeep() : malformed(error.message, lines.linePos(error.pos[0]))
    }
    requireDistinctKeys(document, lines)
    const value: unknown = document.toJS({ maxAliasCount: mostAliases })
    if (isDeeperThan(value, deepest)) throw tooDeep()
    // Aliases multiply what they stand for: written out, it must not be more than a body may be.
    if (JSON.stringify(value).length > mostCharacters)
      throw malformed('its aliases stand for more than 1 MiB: shorten it')
    return value
  } catch (error) {
    if (error instanceof ProblemError) throw error
    // The library reports alias bombs and runaway nesting by throwing.
    throw isOverflow(error) ? tooDeep() : malformed(error instanceof Error ? error.message : String(error))
  }
}

/** Refuses what the library would spend many seconds on: brackets in brackets, and aliases without end. */
function refuseBombs(source: string): void {
  let depth = 0
  let aliases = 0
  let inScalar = false
  for (const token of new Lexer().lex(source)) {
    if (!inScalar) {
      if (token === '[' || token === '{') depth += 1
      if (token === ']' || token === '}') depth -= 1
      if (token.startsWith('*')) aliases += 1
      if (depth > deepest) throw tooDeep()
      if (aliases > mostAliases) throw malformed(`more than ${mostAliases} aliases: write the parts out`)
    }
    // The lexer announces the text of a scalar, which may look like anything.
    inScalar = token === '\u001f'
  }
}

/** Every key a text, and each once in its map. The library's own check compares every key with every other. */
function requireDistinctKeys(document: Document, lines: LineCounter): void {
  visit(document, {
    Map(_key, map) {
      const names = new Set<string>()
      for (const { key } of map.items) {
        const position = isNode(key) && key.range ? lines.linePos(key.range[0]) : undefined
        if (!isScalar(key)) throw malformed('a key must be a plain text', position)
        const name = String(key.value)
        if (names.has(name)) throw malformed(`the key \`${name}\` is given twice`, position)
        names.add(name)
      }
    },
  })
}

function isOverflow(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof Error && /call stack/.test(error.message))
}

function tooDeep(): ProblemError {
  return malformed(`nested more than ${deepest} levels deep`)
}

function malformed(message: string, position?: { line: number; col: number }): ProblemError {
  const where = position ? `line ${position.line}, column ${position.col}: ` : ''
  return new ProblemError(
    'MALFORMED_DOCUMENT',
    `the body is not a valid YAML document: ${where}${message}`,
    position ? { line: position.line, column: position.col } : {},
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
