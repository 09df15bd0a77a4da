import { createHash } from 'node:crypto'
import { z } from 'zod'
import { cursorOf, refuseParameter } from '../../http/pagination.ts'
import { calendarDate, instantInput, toInstantText, uuid } from '../../http/schemas.ts'
import type { CalendarDate, Instant } from '../../rules/index.ts'

/** What is asked for, beside the date and the place to go on from. */
export interface Filter {
  protocol?: string | undefined
  phase?: string | undefined
  status?: string | undefined
  changedSince?: Instant | undefined
}

/** Where an answer was broken off. */
export interface Position {
  knownAt: Instant
  /** `changedSince` of the next answer. */
  next: Instant
  on: CalendarDate
  /** The last episode that was told of, or passed over. */
  after: string
  /** How many were told of. */
  told: number
}

const begin = 'begin again without it'
const position = cursorOf(
  z.strictObject({
    knownAt: instantInput,
    next: instantInput,
    on: calendarDate,
    after: uuid,
    told: z.int().min(0),
    of: z.string(),
  }),
  `is not one that this caseload gave out: send that of the last line of kind \`cursor\` as it is, or ${begin}`,
)

/** An answer that goes on after more hours than this would be taken for today's. */
const mostHours = 24

/** How far the clock of another server may be ahead. */
const mostSecondsAhead = 60

export function writeCursor(clinicId: string, filter: Filter, where: Position): string {
  const { knownAt, next, on, after, told } = where
  return position.write({ knownAt, next, on, after, told, of: nameOf(clinicId, filter) })
}

/** Null: from the beginning. A cursor of another clinic or of other filters is a problem, and so is one that is too old. */
export function readCursor(
  { clinicId, now }: { clinicId: string; now: Temporal.Instant },
  { cursor, on, ...filter }: Filter & { cursor?: string | undefined; on?: CalendarDate | undefined },
): Position | null {
  const read = position.read(cursor)
  if (read === null) return null
  if (read.of !== nameOf(clinicId, filter) || (on !== undefined && on !== read.on)) {
    throw refuseParameter(
      'cursor',
      `belongs to another question: repeat \`protocol\`, \`phase\`, \`status\`, \`changedSince\` and \`on\` as they were, or ${begin}`,
    )
  }
  if (read.knownAt < toInstantText(now.subtract({ hours: mostHours }))) {
    throw refuseParameter(
      'cursor',
      `is more than ${mostHours} hours old, and what was permitted then may not be now: ${begin}`,
    )
  }
  const { of: _, ...rest } = read
  return rest
}

/**
 * Refuses a moment that is still to come. That of the last entry on record, which may have come from a clock that is far
 * ahead, is none.
 */
export async function requireReached(
  { knownAt }: Position,
  now: Temporal.Instant,
  fixLast: () => Promise<Instant>,
): Promise<void> {
  if (knownAt <= toInstantText(now.add({ seconds: mostSecondsAhead })) || knownAt <= (await fixLast())) return
  throw refuseParameter('cursor', `is of a moment that is still to come: ${begin}`)
}

/** The clinic and its question in few letters. */
function nameOf(clinicId: string, { protocol, phase, status, changedSince }: Filter): string {
  const asked = [clinicId, protocol, phase, status, changedSince].map((part) => part ?? null)
  return createHash('sha256').update(JSON.stringify(asked)).digest('base64url').slice(0, 16)
}
