import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from '@jest/globals'

// Writes down what a client asks and what it is answered, as a page that a person reads.

const mostOfLine = 100

/** JSON that fits into a line stays in it. */
export function toShortJson(value: unknown, indent = ''): string {
  const line = inOneLine(value)
  if (indent.length + line.length <= mostOfLine || typeof value !== 'object' || value === null) return line
  const deeper = `${indent}  `
  const isList = Array.isArray(value)
  const parts = isList
    ? value.map((part: unknown) => `${deeper}${toShortJson(part, deeper)}`)
    : Object.entries(value).map(([key, part]) => `${deeper}${JSON.stringify(key)}: ${toShortJson(part, deeper)}`)
  return `${isList ? '[' : '{'}\n${parts.join(',\n')}\n${indent}${isList ? ']' : '}'}`
}

function inOneLine(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${value.map(inOneLine).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const parts = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${inOneLine(part)}`)
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`
}

/** Only these members, in this order. */
export function only<Value extends object>(value: Value, ...members: (keyof Value & string)[]): Partial<Value> {
  return Object.fromEntries(members.map((member) => [member, value[member]])) as Partial<Value>
}

/** The first of a list, and how many more there are. */
export function first(list: readonly unknown[], count: number): unknown[] {
  const more = list.length - count
  return more > 0 ? [...list.slice(0, count), `… and ${more} more`] : [...list]
}

export function block(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n`
}

/** Markdown inside of a page. */
export function quoted(text: string): string {
  return `${text
    .trimEnd()
    .split('\n')
    .map((line) => `> ${line.replace(/^#+ (.*)/, '**$1**')}`.trimEnd())
    .join('\n')}\n`
}

/** Names what another run would name otherwise: ids that are made up, in the order in which they are met. */
export function withStableIds(text: string, known: ReadonlyMap<string, string>): string {
  const names = new Map(known)
  return text.replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
    const name = names.get(id) ?? `id-${names.size - known.size + 1}`
    names.set(id, name)
    return name
  })
}

/** Compares with the page that is kept, or writes it when the run is asked to. */
export function expectPage(file: string, text: string): void {
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text)
  expect(existsSync(file) ? readFileSync(file, 'utf8') : `no file ${file}: run with UPDATE_GOLDEN=1`).toBe(text)
}
