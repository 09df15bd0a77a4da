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
  /** The bytes of its parts. */
  parts: readonly string[]
}

/** About what a part, its place in an answer, and an answer take beside their bytes. */
const overhead = { part: 150, place: 8, answer: 500 }

/**
 * Keeps the last answers that were made, in at most so many bytes. What is alike in several answers is there once: nearly
 * all that they say, beside dates and ids.
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
    return { state, etag, body: () => Buffer.from(parts.join(''), 'latin1') }
  }

  /** Keeps the JSON of an answer; returns its bytes. */
  put(key: string, { state, etag, json }: Made & { json: string }): Buffer {
    const body = Buffer.from(json)
    const parts = cutApart(body.toString('latin1')).map((bytes) => this.#share(bytes))
    this.#answers.set(key, { state, etag, parts })
    this.#size += sizeOf(parts)
    while (this.#size > this.#most && this.#answers.size > 0) this.#answers.pop()
    return body
  }

  #share(bytes: string): string {
    let part = this.#parts.get(bytes)
    if (part === undefined) {
      // As the key of a map it no longer holds on to the text that it was cut out of.
      part = { bytes, uses: 0 }
      this.#parts.set(bytes, part)
      this.#size += bytes.length + overhead.part
    }
    part.uses += 1
    return part.bytes
  }

  #release({ parts }: Shelved): void {
    this.#size -= sizeOf(parts)
    for (const bytes of parts) {
      const part = this.#parts.get(bytes)
      if (part === undefined) continue
      part.uses -= 1
      if (part.uses > 0) continue
      this.#parts.delete(bytes)
      this.#size -= bytes.length + overhead.part
    }
  }
}

function sizeOf(parts: readonly string[]): number {
  return overhead.answer + parts.length * overhead.place
}

/**
 * What differs from one answer to the next: dates, ids and numbers; and where one thing in a list ends and another begins.
 * What looks so within a text does no harm.
 */
const joints = /\},(?=\{)|\b\d[\w-]+/g

/** Cuts a text into the parts that others may have too. */
export function cutApart(text: string): string[] {
  const parts: string[] = []
  let from = 0
  const cut = (at: number): void => {
    if (at > from) parts.push(text.slice(from, at))
    from = at
  }
  for (const { 0: joint, index } of text.matchAll(joints)) {
    if (joint !== '},') cut(index)
    cut(index + joint.length)
  }
  cut(text.length)
  return parts
}
