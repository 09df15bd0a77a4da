import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Search {
  lines: number
  secrets: number
  /** Each value that was found, with the first line that has it. */
  found: { value: string; line: string }[]
}

/** Bytes by which a place in a log is recognised as one where a value may begin. */
const start = 4

/** Searches all logs of a folder for all secrets and patients' values of it, in one pass. */
export function searchLogs(folder: string): Search {
  const files = readdirSync(folder).map((name) => join(folder, name))
  const read = (ending: string): Buffer[] =>
    files.filter((file) => file.endsWith(ending)).map((file) => readFileSync(file))
  const values = new Set(
    read('.secrets').flatMap((file) =>
      String(file)
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as string),
    ),
  )
  const bySight = new Map<number, { value: string; bytes: Buffer }[]>()
  for (const value of values) {
    // As it is, and as a string in JSON has it.
    for (const text of new Set([value, JSON.stringify(value).slice(1, -1)])) {
      const bytes = Buffer.from(text)
      if (bytes.length < start || plainWord.test(text)) continue
      const sight = bytes.readUInt32LE(0)
      const known = bySight.get(sight)
      if (known === undefined) bySight.set(sight, [{ value, bytes }])
      else known.push({ value, bytes })
    }
  }
  const maybe = new Uint8Array(1 << 16)
  const slot = (sight: number): number => Math.imul(sight, 0x9e3779b1) >>> 16
  for (const sight of bySight.keys()) maybe[slot(sight)] = 1

  const found = new Map<string, string>()
  let lines = 0
  for (const log of read('.log')) {
    lines += log.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0)
    for (let at = 0; at + start <= log.length; at += 1) {
      const sight =
        (log[at] as number) |
        ((log[at + 1] as number) << 8) |
        ((log[at + 2] as number) << 16) |
        ((log[at + 3] as number) << 24)
      if (maybe[slot(sight)] === 0) continue
      for (const { value, bytes } of bySight.get(sight >>> 0) ?? []) {
        if (!found.has(value) && isWordAt(log, at, bytes)) found.set(value, lineAt(log, at))
      }
    }
  }
  return { lines, secrets: values.size, found: [...found].map(([value, line]) => ({ value, line })) }
}

/** Not inside of another word: `Ann` is not in `Annual`. */
function isWordAt(log: Buffer, at: number, bytes: Buffer): boolean {
  const end = at + bytes.length
  if (log.compare(bytes, 0, bytes.length, at, Math.min(end, log.length)) !== 0) return false
  return !(isWord(log[at - 1]) && isWord(bytes[0])) && !(isWord(log[end]) && isWord(bytes.at(-1)))
}

function isWord(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z0-9]/.test(String.fromCharCode(byte))
}

function lineAt(log: Buffer, at: number): string {
  const end = log.indexOf(10, at)
  return log.toString('utf8', log.lastIndexOf(10, at) + 1, end < 0 ? log.length : end)
}

/** One plain word, like `again`: a line may have it by itself. */
const plainWord = /^[a-z]{1,16}$/
