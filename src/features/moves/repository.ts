import { noteMade, type Transaction } from '../../db/client.ts'
import { fromTimestamp, toTimestamp } from '../../db/dates.ts'
import type { Instant } from '../../rules/index.ts'

/** Which episodes a move was asked for. */
export type Selection =
  | { episodes: readonly string[] }
  | { from: number }
  | { all: true }
  /** Those of another move that follow what it gave them. */
  | { undo: string }

export interface Move {
  id: string
  /** Id and number of the version; null: each episode goes back to its own. */
  to: { id: string; number: number } | null
  undoes: string | null
  selection: Selection
  confirmed: string[]
  reason: string
  recordedAt: Instant
  /** The API key. */
  recordedBy: string
}

/** An episode of a move: ids of what it followed before, and since. */
export interface MovedEpisode {
  episodeId: string
  fromVersionId: string
  toVersionId: string
}

export async function insertMove(
  tx: Transaction,
  { clinicId, protocolId, to, selection, recordedAt, ...move }: Move & { clinicId: string; protocolId: string },
): Promise<void> {
  noteMade(move.id)
  await tx.protocolMove.create({
    data: {
      ...move,
      clinicId,
      protocolId,
      toVersionId: to?.id ?? null,
      selection: structuredClone(selection) as object,
      recordedAt: toTimestamp(recordedAt),
    },
  })
}

export async function insertMovedEpisodes(
  tx: Transaction,
  clinicId: string,
  moveId: string,
  episodes: readonly MovedEpisode[],
): Promise<void> {
  await tx.movedEpisode.createMany({ data: episodes.map((episode) => ({ clinicId, moveId, ...episode })) })
}

const withVersion = { version: { select: { id: true, number: true } }, _count: { select: { episodes: true } } } as const

/** A protocol's moves, newest first, from before `before`, each with the number of its episodes. */
export async function listMoves(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
  page: { before: string | null; take: number; id?: string },
): Promise<(Move & { episodes: number })[]> {
  const rows = await tx.protocolMove.findMany({
    where: {
      clinicId,
      protocolId,
      ...(page.id !== undefined && { id: page.id }),
      ...(page.before !== null && { id: { lt: page.before } }),
    },
    include: withVersion,
    orderBy: { id: 'desc' },
    take: page.take,
  })
  return rows.map((row) => ({
    id: row.id,
    to: row.version === null ? null : { id: row.version.id, number: row.version.number ?? 0 },
    undoes: row.undoes,
    selection: row.selection as unknown as Selection,
    confirmed: row.confirmed,
    reason: row.reason,
    recordedAt: fromTimestamp(row.recordedAt),
    recordedBy: row.recordedBy,
    episodes: row._count.episodes,
  }))
}

/** The episodes of a move by id, behind `after`. */
export async function listMovedEpisodes(
  tx: Transaction,
  clinicId: string,
  moveId: string,
  page: { after: string | null; take: number },
): Promise<MovedEpisode[]> {
  return tx.movedEpisode.findMany({
    where: { clinicId, moveId, ...(page.after !== null && { episodeId: { gt: page.after } }) },
    select: { episodeId: true, fromVersionId: true, toVersionId: true },
    orderBy: { episodeId: 'asc' },
    take: page.take,
  })
}
