import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/** An answer as it was sent, and what it was made from. */
export interface KeptAnswer {
  /** Of the episode, as `readState` tells it. */
  state: string
  etag: string
  parts: readonly Buffer[]
}

interface Part {
  key: string
  bytes: Buffer
  /** In so many answers. */
  uses: number
}

interface Shelved extends Omit<KeptAnswer, 'parts'> {
  parts: readonly Part[]
}

/** About what a part and an answer take beside their bytes. */
const partOverhead = 250
const answerOverhead = 1000

/**
 * Keeps the last answers that were made, in at most so many bytes. What is alike in several answers, most of what they say
 * about an exercise, is there once.
 */
export class AnswerShelf {
  readonly #most: number
  readonly #parts = new Map<string, Part>()
  readonly #answers = new LRUCache<string, Shelved>({
    maxSize: Number.MAX_SAFE_INTEGER,
    sizeCalculation: () => 1,
    dispose: (answer) => this.#release(answer),
  })
  #bytes = 0

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  /** Bytes in use, about. */
  get size(): number {
    return this.#bytes + this.#answers.size * answerOverhead
  }

  get(key: string): KeptAnswer | null {
    const found = this.#answers.get(key)
    return found === undefined ? null : { ...found, parts: found.parts.map(({ bytes }) => bytes) }
  }

  /** Keeps the JSON of an answer; returns it as bytes. */
  put(key: string, { state, etag, json }: { state: string; etag: string; json: string }): Buffer {
    const body = Buffer.from(json)
    const parts = cutAtItems(body).map((bytes) => this.#share(bytes))
    this.#answers.set(key, { state, etag, parts })
    while (this.size > this.#most && this.#answers.size > 0) this.#answers.pop()
    return body
  }

  #share(bytes: Buffer): Part {
    const key = hash('sha256', bytes, 'base64url')
    let part = this.#parts.get(key)
    if (part === undefined) {
      // A copy, as a piece of the whole would keep the whole.
      part = { key, bytes: Buffer.from(bytes), uses: 0 }
      this.#parts.set(key, part)
      this.#bytes += bytes.length + partOverhead
    }
    part.uses += 1
    return part
  }

  #release({ parts }: Shelved): void {
    for (const part of parts) {
      part.uses -= 1
      if (part.uses > 0) continue
      this.#parts.delete(part.key)
      this.#bytes -= part.bytes.length + partOverhead
    }
  }
}

const [quote, backslash, openBrace, openBracket, closeBrace, closeBracket] = Buffer.from('"\\{[}]')

/** Cuts the JSON of an object before each item of the lists that it has. */
export function cutAtItems(json: Buffer): Buffer[] {
  const cuts = [0]
  let depth = 0
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]
    if (byte === quote) {
      do {
        at = json.indexOf(quote as number, at + 1)
        if (at < 0) return [json]
      } while (isEscaped(json, at))
    } else if (byte === openBrace || byte === openBracket) {
      if (depth === 2) cuts.push(at)
      depth += 1
    } else if (byte === closeBrace || byte === closeBracket) depth -= 1
  }
  return cuts.map((from, index) => json.subarray(from, cuts[index + 1]))
}

function isEscaped(json: Buffer, at: number): boolean {
  let before = at
  while (json[before - 1] === backslash) before -= 1
  return (at - before) % 2 === 1
}
