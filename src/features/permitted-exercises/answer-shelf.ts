import { LRUCache } from 'lru-cache'

/** What an answer was made from, and what it is called. */
interface Made {
  /** Of the episode's record, as `createStateReader` tells it. */
  state: string
  etag: string
}

export interface KeptAnswer extends Made {
  /** Its bytes. */
  body: () => Buffer
}

/** Some bytes, each a character, as they take the least memory. */
interface Part {
  bytes: string
  /** In so many places of answers. */
  uses: number
}

interface Shelved extends Made {
  parts: readonly Part[]
}

/** About what a part, its place in an answer, and an answer take beside their bytes. */
const overhead = { part: 100, place: 8, answer: 500 }

/**
 * Keeps the last answers that were made, in at most so many bytes. What is alike in several answers, most of what they say
 * about an exercise, is there once.
 */
export class AnswerShelf {
  readonly #most: number
  readonly #parts = new Map<string, Part>()
  readonly #answers = new LRUCache<string, Shelved>({
    // A greatest number of answers would take its memory at once.
    maxSize: Number.MAX_SAFE_INTEGER,
    sizeCalculation: () => 1,
    dispose: (answer) => this.#release(answer),
  })
  #size = 0

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  /** Bytes in use, about. */
  get size(): number {
    return this.#size
  }

  get(key: string): KeptAnswer | null {
    const found = this.#answers.get(key)
    if (found === undefined) return null
    const { parts, state, etag } = found
    return { state, etag, body: () => Buffer.from(parts.map(({ bytes }) => bytes).join(''), 'latin1') }
  }

  /** Keeps the JSON of an answer; returns its bytes. */
  put(key: string, { state, etag, json }: Made & { json: string }): Buffer {
    const body = Buffer.from(json)
    const parts = cutAtItems(body).map((bytes) => this.#share(bytes))
    this.#answers.set(key, { state, etag, parts })
    this.#size += sizeOf(parts)
    while (this.#size > this.#most && this.#answers.size > 0) this.#answers.pop()
    return body
  }

  #share(bytes: string): Part {
    let part = this.#parts.get(bytes)
    if (part === undefined) {
      part = { bytes, uses: 0 }
      this.#parts.set(bytes, part)
      this.#size += bytes.length + overhead.part
    }
    part.uses += 1
    return part
  }

  #release({ parts }: Shelved): void {
    this.#size -= sizeOf(parts)
    for (const part of parts) {
      part.uses -= 1
      if (part.uses > 0) continue
      this.#parts.delete(part.bytes)
      this.#size -= part.bytes.length + overhead.part
    }
  }
}

function sizeOf(parts: readonly Part[]): number {
  return overhead.answer + parts.length * overhead.place
}

const [quote = 0, backslash, openBrace, openBracket, closeBrace, closeBracket] = Buffer.from('"\\{[}]')

/** Cuts the JSON of an object before whatever begins two levels down: the items of its lists. */
export function cutAtItems(json: Buffer): string[] {
  const cuts = [0]
  let depth = 0
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]
    if (byte === quote) at = endOfText(json, at)
    else if (byte === openBrace || byte === openBracket) {
      if (depth === 2) cuts.push(at)
      depth += 1
    } else if (byte === closeBrace || byte === closeBracket) depth -= 1
  }
  return cuts.map((from, index) => json.toString('latin1', from, cuts[index + 1]))
}

/** Where the text that begins at `start` has its second quotation mark. */
function endOfText(json: Buffer, start: number): number {
  for (let end = json.indexOf(quote, start + 1); end >= 0; end = json.indexOf(quote, end + 1)) {
    let before = end
    while (json[before - 1] === backslash) before -= 1
    if ((end - before) % 2 === 0) return end
  }
  return json.length
}
