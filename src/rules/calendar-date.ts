import type { CalendarDate } from './types.ts'

const msPerDay = 86_400_000

/** Days since 1970-01-01. UTC arithmetic on a civil date has no zone and no daylight saving in it. */
function dayNumber(date: CalendarDate): number {
  return Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)) - 1, Number(date.slice(8, 10))) / msPerDay
}

/** The date if `text` is `YYYY-MM-DD` and exists in the Gregorian calendar, years 1000 to 9999; otherwise null. */
export function toCalendarDate(text: string): CalendarDate | null {
  if (!/^[1-9]\d{3}-\d\d-\d\d$/.test(text)) return null
  const ms = Date.parse(`${text}T00:00:00.000Z`)
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text ? null : (text as CalendarDate)
}

/** The date `days` whole calendar days later, earlier when negative; held within the years 1000 to 9999. */
export function addDays(date: CalendarDate, days: number): CalendarDate {
  const ms = (dayNumber(date) + days) * msPerDay
  const held = Math.min(Math.max(ms, Date.UTC(1000, 0, 1)), Date.UTC(9999, 11, 31))
  return new Date(held).toISOString().slice(0, 10) as CalendarDate
}

/** Whole calendar days from `from` to `to`: 0 on the same date, negative when `to` is earlier. */
export function daysBetween(from: CalendarDate, to: CalendarDate): number {
  return dayNumber(to) - dayNumber(from)
}
