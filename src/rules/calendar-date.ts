import type { CalendarDate } from './types.ts'

/** Days since 1970-01-01: what the rules count with. A civil date has no zone and no daylight saving in it. */
export type DayNumber = number

const daysPerEra = 146_097

/** The number of the date's day in the proleptic Gregorian calendar; eras of 400 years begin on 1 March. */
export function dayNumber(date: CalendarDate): DayNumber {
  const digit = (index: number): number => date.charCodeAt(index) - 48
  const month = digit(5) * 10 + digit(6)
  const day = digit(8) * 10 + digit(9)
  const year = digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3) - (month <= 2 ? 1 : 0)
  const era = Math.floor(year / 400)
  const yearOfEra = year - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  return (
    era * daysPerEra + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  )
}

/** Days from 1 March to 1 January. */
const firstDayOfJanuary = 306

/** Month and day of each day of a year that begins on 1 March, as a date has them. */
const monthsAndDays = Array.from({ length: 366 }, (_, dayOfYear) => {
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return `-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
})

const firstDay = dayNumber('1000-01-01' as CalendarDate)
const lastDay = dayNumber('9999-12-31' as CalendarDate)

/** The date of the day with that number, held within the years 1000 to 9999. */
export function dateOf(number: DayNumber): CalendarDate {
  const shifted = Math.min(Math.max(number, firstDay), lastDay) + 719_468
  const era = Math.floor(shifted / daysPerEra)
  const dayOfEra = shifted - era * daysPerEra
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const year = yearOfEra + era * 400 + (dayOfYear < firstDayOfJanuary ? 0 : 1)
  return `${year}${monthsAndDays[dayOfYear]}` as CalendarDate
}

/** The date if `text` is `YYYY-MM-DD` and exists in the Gregorian calendar, years 1000 to 9999; otherwise null. */
export function toCalendarDate(text: string): CalendarDate | null {
  const date = text as CalendarDate
  // What is no date has the number of another one, or none.
  return dateOf(dayNumber(date)) === text ? date : null
}

/** The date `days` whole calendar days later, earlier when negative; held within the years 1000 to 9999. */
export function addDays(date: CalendarDate, days: number): CalendarDate {
  return dateOf(dayNumber(date) + days)
}

/** Whole calendar days from `from` to `to`: 0 on the same date, negative when `to` is earlier. */
export function daysBetween(from: CalendarDate, to: CalendarDate): number {
  return dayNumber(to) - dayNumber(from)
}
