import { z } from 'zod'
import { exerciseBody } from '../../features/exercises/schemas.ts'
import { caseEntry, levels, operatedSide } from '../../features/protocols/document-schema.ts'
import { calendarDate, slug } from '../../http/schemas.ts'
import { type CalendarDate, type CaseEntry, daysBetween } from '../../rules/index.ts'

/** What a clinic has besides its documents, as far as it is not in the built-in library. */
export const catalogueBody = z.strictObject({
  procedures: z.array(slug).max(1000).optional(),
  attributes: z.array(slug).max(1000).optional(),
  exercises: z.array(exerciseBody).max(5000).optional(),
})

const dates = ['on', 'from', 'until', 'revoked', 'resolved']

/** The record of a patient: as a test case writes it, with dates or with days since the surgery. */
export function recordBody(surgery: CalendarDate) {
  const toDay = (value: unknown): unknown => {
    const date = calendarDate.safeParse(value)
    return date.success ? daysBetween(surgery, date.data) : value
  }
  const entry = z.preprocess(
    (line) =>
      typeof line === 'object' && line !== null && !Array.isArray(line)
        ? Object.fromEntries(
            Object.entries(line).map(([name, value]) => [name, dates.includes(name) ? toDay(value) : value]),
          )
        : line,
    caseEntry as z.ZodType<CaseEntry>,
  )
  const record = z.array(entry).max(1000)
  const patient = z.strictObject({
    procedures: z.array(slug).min(1).max(10).optional(),
    levels: levels.optional(),
    side: operatedSide.optional(),
    record: record.optional(),
  })
  return { record, patient }
}
