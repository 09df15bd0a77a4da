import type { CalendarDate } from '../../rules/index.ts'

/** A calendar date and when it is that date, in milliseconds since 1970: from `begins` on, and no more at `ends`. */
export interface Day {
  date: CalendarDate
  begins: number
  ends: number
}

/** The last one that was asked for, by time zone. */
const lastDays = new Map<string, Day>()

/** The date that it is now in a time zone. */
export function dayOf(now: Temporal.Instant, timeZone: string): Day {
  const last = lastDays.get(timeZone)
  if (last !== undefined && last.begins <= now.epochMilliseconds && now.epochMilliseconds < last.ends) return last
  const here = now.toZonedDateTimeISO(timeZone)
  const day = {
    date: here.toPlainDate().toString() as CalendarDate,
    begins: here.startOfDay().epochMilliseconds,
    ends: here.add({ days: 1 }).startOfDay().epochMilliseconds,
  }
  lastDays.set(timeZone, day)
  return day
}
