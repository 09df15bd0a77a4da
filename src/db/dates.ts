import type { CalendarDate, Instant } from '../rules/index.ts'

// JavaScript's Date stops here. Prisma carries a SQL `date` as midnight UTC, so only the UTC parts may be read: the
// local ones are the day before, west of Greenwich.

/** Midnight UTC of the date, as Prisma wants a `@db.Date`. */
export function toDate(date: CalendarDate): Date {
  return new Date(`${date}T00:00:00.000Z`)
}

/** The date of a `@db.Date`. Throws RangeError outside the years 0000 to 9999. */
export function fromDate(date: Date): CalendarDate {
  return formatUtc(date).slice(0, 10) as CalendarDate
}

/** The moment, as Prisma wants a `@db.Timestamptz(3)`. */
export function toTimestamp(instant: Instant): Date {
  return new Date(instant)
}

/** The moment of a `@db.Timestamptz(3)`. Throws RangeError outside the years 0000 to 9999. */
export function fromTimestamp(date: Date): Instant {
  return formatUtc(date) as Instant
}

/** Years beyond four digits are written ±YYYYYY, which would break the order of text. */
function formatUtc(date: Date): string {
  const text = date.toISOString()
  if (text.length !== 24) throw new RangeError(`the year of ${text} has more than four digits`)
  return text
}
