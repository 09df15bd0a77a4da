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

const dayLength = 86_400_000
const padded = Array.from({ length: 1000 }, (_, number) => String(number))
const two = padded.slice(0, 60).map((text) => text.padStart(2, '0'))
const three = padded.map((text) => text.padStart(3, '0'))

/** The days that came last, by their number, with the `T` behind them. */
const days = new Map<number, string>()
const mostDays = 10_000

/**
 * The moment that is so many milliseconds after 1970: as `fromTimestamp`, and several times as fast where there are many.
 */
export function instantOf(milliseconds: number): Instant {
  const day = Math.floor(milliseconds / dayLength)
  let date = days.get(day)
  if (date === undefined) {
    date = formatUtc(new Date(milliseconds)).slice(0, 11)
    if (days.size >= mostDays) days.clear()
    days.set(day, date)
  }
  const rest = milliseconds - day * dayLength
  const seconds = Math.floor(rest / 1000)
  const minutes = Math.floor(seconds / 60)
  return `${date}${two[Math.floor(minutes / 60)]}:${two[minutes % 60]}:${two[seconds % 60]}.${three[rest % 1000]}Z` as Instant
}

/** Years beyond four digits are written ±YYYYYY, which would break the order of text. */
function formatUtc(date: Date): string {
  const text = date.toISOString()
  if (text.length !== 24) throw new RangeError(`the year of ${text} has more than four digits`)
  return text
}
