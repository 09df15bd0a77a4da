import type { FastifyInstance } from 'fastify'
import { LineCounter, parseDocument, stringify } from 'yaml'
import { readUtf8 } from '../../http/json-body.ts'
import { ProblemError } from '../../http/problems.ts'
import type { ProtocolDocument } from '../../rules/index.ts'

const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml']

/** More levels than any protocol has; as for JSON. */
const deepest = 100

/** Lets the routes of this scope take their body as YAML 1.2 too. */
export function acceptYaml(app: FastifyInstance): void {
  app.addContentTypeParser(yamlTypes, { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
    readYaml(readUtf8(body, 'MALFORMED_DOCUMENT')),
  )
}

/** The value of a YAML text, as JSON would have it. Throws MALFORMED_DOCUMENT that says where it is wrong. */
export function readYaml(source: string): unknown {
  const lines = new LineCounter()
  try {
    const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, maxAliasCount: 100 } as object)
    const [error] = document.errors
    if (error !== undefined) throw malformed(error.message, lines.linePos(error.pos[0]))
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    if (isDeeperThan(value, deepest)) throw malformed(`nested more than ${deepest} levels deep`)
    return value
  } catch (error) {
    if (error instanceof ProblemError) throw error
    // The library reports alias bombs and runaway nesting by throwing.
    throw malformed(
      error instanceof RangeError ? 'nested too deeply' : error instanceof Error ? error.message : String(error),
    )
  }
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

/** The document as YAML: the same content as its JSON, without the lists that are empty. */
export function toYaml(document: ProtocolDocument): string {
  const members = Object.entries(document).filter(([, value]) => !Array.isArray(value) || value.length > 0)
  return stringify(Object.fromEntries(members), { lineWidth: 100, aliasDuplicateObjects: false })
}
