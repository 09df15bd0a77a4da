import { createHash } from 'node:crypto'
import type { ChainReader } from './repository.ts'

/** The end of a clinic's chain at one moment, to be kept where nobody who can change the chain can change it. */
export interface Anchor {
  clinicId: string
  seq: bigint
  hash: string
  at: string
}

/** One row as it is hashed. */
export interface ChainRow {
  seq: string
  previousHash: string
  hash: string
  items: (string | null)[]
  /** Of texts, if nobody has altered them. */
  lists: unknown[]
}

/** A patient or an episode for whom a row and the list to find rows by do not agree. */
export interface Mislisted {
  seq: string
  subject: string | null
  /** The row names it, and the list does not. */
  isNamed: boolean
}

export interface Verdict {
  /** How many rows are as they were written. */
  rows: number
  /** The first thing that is wrong; null: nothing is. */
  fault: string | null
}

const pageSize = 1000
const noHash = '00'.repeat(32)
const lowest = -(2n ** 63n)

/**
 * What the database's append_audit makes of a row, by code that does not share a line with it: each value with its
 * length before it, so that no two rows have one text.
 */
export function hashRow({ previousHash, items, lists }: Pick<ChainRow, 'previousHash' | 'items' | 'lists'>): string {
  const text = [...items.map(toItem), ...lists.map(toItems)].join('')
  return createHash('sha256').update(Buffer.from(previousHash, 'hex')).update(`audit-1,${text}`, 'utf8').digest('hex')
}

function toItem(value: unknown): string {
  if (value === null) return '~'
  // Nothing that append_audit writes.
  if (typeof value !== 'string') return '?'
  return `${Buffer.byteLength(value)}:${value},`
}

function toItems(list: unknown): string {
  return Array.isArray(list) ? toItem(list.map(toItem).join('')) : '?'
}

/**
 * Walks a clinic's chain from its first row to its head, some rows at a time, and tells the first row that is altered,
 * removed or put in; and whether it still has the heads that were kept outside. Rows that come meanwhile do not disturb.
 */
export async function verifyChain(reader: ChainReader, anchors: readonly Anchor[] = []): Promise<Verdict> {
  const { head, lastRow } = await reader.end()
  const kept = new Map<bigint, Anchor[]>()
  for (const anchor of anchors) kept.set(anchor.seq, [...(kept.get(anchor.seq) ?? []), anchor])
  const until = head?.seq ?? 0n
  if (head === null && lastRow !== null) return { rows: 0, fault: 'the head is gone, and the rows are there' }
  let rows = 0
  let last = { seq: 0n, hash: noHash }
  const stop = (fault: string): Verdict => ({ rows, fault })

  for (let behind = lowest; ; ) {
    const page = await reader.page(behind, until, pageSize)
    for (const row of page) {
      const seq = BigInt(row.seq)
      const due = last.seq + 1n
      if (seq < due) return stop(`row ${seq} was put in: the chain begins with row 1`)
      if (seq > due) return stop(`${speakRows(due, seq - 1n)} removed: row ${seq} is there, and its predecessor is not`)
      if (hashRow(row) !== row.hash) return stop(describeMisfit(row, seq))
      if (row.previousHash !== last.hash) {
        return stop(`row ${seq} does not follow row ${last.seq}: one of both was put in or written anew`)
      }
      for (const anchor of kept.get(seq) ?? []) {
        if (anchor.hash !== row.hash) {
          return stop(`row ${seq} is not the one whose hash was kept at ${anchor.at}: the chain was written anew`)
        }
      }
      last = { seq, hash: row.hash }
      rows += 1
    }
    const end = page.at(-1)
    if (end === undefined) break
    behind = BigInt(end.seq)
  }

  if (last.seq < until) return stop(`${speakRows(last.seq + 1n, until)} removed from the end: the head is row ${until}`)
  if (head !== null && until > 0n && last.hash !== head.hash) {
    return stop(`row ${until} is not the one that the head names: it was written anew`)
  }
  if (lastRow !== null && BigInt(lastRow) > until) {
    return stop(`row ${lastRow} was put in behind the head, which is row ${until}`)
  }
  const lost = anchors.find(({ seq }) => seq > until)
  if (lost !== undefined) {
    return stop(
      `${speakRows(until + 1n, lost.seq)} removed from the end: the head kept at ${lost.at} is row ${lost.seq}`,
    )
  }
  const mislisted = await reader.findMislisted()
  if (mislisted !== null) return stop(describeMislisted(mislisted))
  return { rows, fault: null }
}

/** A row that was numbered anew tells what was done before it. */
function describeMisfit(row: ChainRow, seq: bigint): string {
  const wasWrittenAs = (other: bigint): boolean =>
    hashRow({ ...row, items: row.items.map((item, index) => (index === 1 ? String(other) : item)) }) === row.hash
  if (wasWrittenAs(seq - 1n)) return `row ${seq - 1n} was put in: what is row ${seq} was written as row ${seq - 1n}`
  if (wasWrittenAs(seq + 1n)) return `row ${seq} is gone: what is in its place was written as row ${seq + 1n}`
  return `row ${seq} is not as it was written`
}

function describeMislisted({ seq, subject, isNamed }: Mislisted): string {
  return isNamed
    ? `row ${seq} names ${subject}, and is not found by it: the list to find rows by was altered`
    : `row ${seq} is found by ${subject}, which it does not name: the list to find rows by was altered`
}

function speakRows(from: bigint, to: bigint): string {
  return from === to ? `row ${from} was` : `rows ${from} to ${to} were`
}

/** Of a line that `heads` has printed; null if it is none. */
export function readAnchor(line: string): Anchor | null {
  const [, clinicId = '', seq = '', hash = '', at = ''] =
    /^([0-9a-f-]{36}) (\d{1,18}) ([0-9a-f]{64}) (\S{20,30})$/.exec(line) ?? []
  return clinicId === '' ? null : { clinicId, seq: BigInt(seq), hash, at }
}

export function writeAnchor({ clinicId, seq, hash, at }: Anchor): string {
  return `${clinicId} ${seq} ${hash} ${at}`
}
