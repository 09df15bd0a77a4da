import { z } from 'zod'
import type { CalendarDate, Instant } from '../rules/index.ts'

/** Names things in addresses and documents: lower-case words joined by hyphens. */
export const slug = z
  .string()
  .max(80)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, { error: 'must be lower-case words joined by hyphens, like `six-week-visit`' })
  .meta({ description: 'Lower-case words joined by hyphens.' })

export const uuid = z.uuid({ error: 'must be a UUID' }).toLowerCase().meta({ pattern: undefined })

// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
const printable = /^[^\u0000-\u0008\u000b-\u001f\u007f]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
const printableLine = /^[^\u0000-\u001f\u007f]*$/

/** Prose of `least` to `most` characters after trimming; may have line breaks and tabs. */
export function text(most: number, least = 1): z.ZodString {
  return z
    .string()
    .overwrite((value) => value.replaceAll('\r\n', '\n').trim())
    .min(least)
    .max(most)
    .regex(printable, { error: 'must not contain control characters other than line breaks and tabs' })
    .refine((value) => value.isWellFormed(), {
      error: 'must be well-formed Unicode: it contains half a surrogate pair',
    })
}

/** One line of `least` to `most` characters after trimming. */
export function line(most: number, least = 1): z.ZodString {
  return z
    .string()
    .trim()
    .min(least)
    .max(most)
    .regex(printableLine, { error: 'must be one line without control characters' })
    .refine((value) => value.isWellFormed(), {
      error: 'must be well-formed Unicode: it contains half a surrogate pair',
    })
}

const firstYear = 1900
const lastYear = 2200

/** A date that exists, `YYYY-MM-DD`, in the years 1900 to 2200. */
export const calendarDate = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, { error: 'must be a date like `2026-10-01`, without time', abort: true })
  .superRefine((value, context) => {
    const fault = findDateFault(value)
    if (fault !== null) context.addIssue({ code: 'custom', message: fault, input: value })
  })
  .meta({
    format: 'date',
    description: `A calendar date that exists, in the years ${firstYear} to ${lastYear}.`,
  }) as unknown as z.ZodType<CalendarDate, string>

const months = 'January February March April May June July August September October November December'.split(' ')

function findDateFault(value: string): string | null {
  const [year = 0, month = 0, day = 0] = value.split('-').map(Number)
  const monthName = months[month - 1]
  if (monthName === undefined) return `is not a date: there is no month ${value.slice(5, 7)}`
  const { daysInMonth } = Temporal.PlainYearMonth.from({ year, month })
  if (day < 1 || day > daysInMonth) return `is not a date: ${monthName} ${value.slice(0, 4)} has ${daysInMonth} days`
  if (year < firstYear || year > lastYear) return `must lie in the years ${firstYear} to ${lastYear}`
  return null
}

/** A moment in an answer: UTC with milliseconds, so that text order is time order. */
export const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
  .meta({ format: 'date-time', description: 'A moment in UTC, with milliseconds.' }) as unknown as z.ZodType<
  Instant,
  string
>

/** A moment in a request: RFC 3339 with its zone; becomes UTC with milliseconds. */
export const instantInput = z
  .string()
  .refine((value) => rfc3339.test(value) && isMoment(value), {
    error: 'must be a moment with its zone, like `2026-11-20T09:30:00Z` or `2026-11-20T10:30:00+01:00`',
    abort: true,
  })
  .overwrite((value) => toInstantText(Temporal.Instant.from(value)))
  .meta({ format: 'date-time', description: 'A moment with its zone (RFC 3339).' }) as unknown as z.ZodType<
  Instant,
  string
>

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/

function isMoment(value: string): boolean {
  try {
    Temporal.Instant.from(value)
    return true
  } catch {
    return false
  }
}

/** UTC with exactly three decimals of a second, cut and not rounded: never later than the moment itself. */
export function toInstantText(moment: Temporal.Instant): Instant {
  return moment.toString({ smallestUnit: 'millisecond', roundingMode: 'floor' }) as Instant
}

/** A whole number in a query: digits only, so that an empty value is an error and not 0. */
export function intQuery(least: number, most: number): z.ZodType<number, string> {
  const range = `must be a whole number from ${least} to ${most}`
  return z
    .string()
    .refine((value) => /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most, {
      error: range,
      abort: true,
    })
    .transform(Number)
    .meta({ type: 'integer', minimum: least, maximum: most })
}

/** The body of an answer 204. */
export const noContent = z.null().describe('Done; there is nothing to say.')
