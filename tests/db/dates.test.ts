import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { fromDate, fromTimestamp, instantOf, toDate, toTimestamp } from '../../src/db/dates.ts'
import type { CalendarDate, Instant } from '../../src/rules/types.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'

// Each zone is a process of its own.
jest.setTimeout(30_000)

const script = fileURLToPath(new URL('../support/date-round-trip.ts', import.meta.url))
// Days on which a clock changes in one zone or the other, a leap day, and both ends of what the service accepts.
const dates = ['1900-01-01', '2024-02-29', '2026-03-08', '2026-04-05', '2026-11-01', '2026-12-31', '9999-12-31']

describe('dates', () => {
  test('a date is midnight UTC', () => {
    expect(toDate('2026-03-08' as CalendarDate).toISOString()).toBe('2026-03-08T00:00:00.000Z')
    expect(fromDate(new Date('2026-03-08T00:00:00.000Z'))).toBe('2026-03-08')
  })

  test('a moment keeps its milliseconds', () => {
    const instant = '2026-03-08T23:59:59.999Z' as Instant
    expect(fromTimestamp(toTimestamp(instant))).toBe(instant)
    expect(fromTimestamp(new Date(0))).toBe('1970-01-01T00:00:00.000Z')
  })

  test('a year that would break the order of text is refused', () => {
    expect(() => fromDate(new Date('+010000-01-01T00:00:00.000Z'))).toThrow(RangeError)
    expect(() => fromTimestamp(new Date('-000001-01-01T00:00:00.000Z'))).toThrow(RangeError)
  })
})

describe('a date that goes through the database', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(() => database.close())

  test.each([
    ['America/New_York', 300],
    ['Pacific/Auckland', -780],
    ['UTC', 0],
  ])('is the same under TZ=%s', async (TZ, zone) => {
    const { stdout } = await promisify(execFile)(process.execPath, [script, database.url, ...dates], {
      env: { ...process.env, TZ },
    })
    expect(JSON.parse(stdout)).toEqual({
      zone,
      rows: dates.map((date) => ({
        read: date,
        instant: '2026-03-08T02:30:00.007Z',
        stored: { date, instant: '2026-03-08 02:30:00.007' },
      })),
      plain: '2026-03-08',
    })
  })
})

test('a moment from its milliseconds is the one that the date gives, on every day and at every time of it', () => {
  const day = 86_400_000
  const times = [0, 1, 999, 1000, 59_999, 60_000, 3_599_999, 3_600_000, 43_200_123, day - 1]
  for (let number = -25_000; number < 84_000; number += 7) {
    const milliseconds = number * day + (times[Math.abs(number) % times.length] ?? 0)
    expect(instantOf(milliseconds)).toBe(fromTimestamp(new Date(milliseconds)))
  }
  expect(() => instantOf(Date.parse('+010000-01-01T00:00:00.000Z'))).toThrow(RangeError)
})
