import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { addDays, type CalendarDate, daysBetween, toCalendarDate } from '../../src/rules/index.ts'

function date(text: string): CalendarDate {
  const read = toCalendarDate(text)
  if (read === null) throw new Error(`the test names ${text}, which is no date`)
  return read
}

const firstDate = Temporal.PlainDate.from('1000-01-01')
const lastDate = Temporal.PlainDate.from('9999-12-31')
const span = firstDate.until(lastDate, { largestUnit: 'day' }).days

/** Any date of the years 1000 to 9999, more often one near the end of a month or of February. */
const dates = fc.oneof(
  fc.integer({ min: 0, max: span }).map((days) => firstDate.add({ days })),
  fc
    .record({
      year: fc.integer({ min: 1000, max: 9999 }),
      month: fc.constantFrom(1, 2, 3, 12),
      day: fc.integer({ min: 27, max: 31 }),
    })
    .map((parts) => Temporal.PlainDate.from(parts, { overflow: 'constrain' })),
)

describe('toCalendarDate', () => {
  test.each(['2026-03-02', '2024-02-29', '2000-02-29', '1000-01-01', '9999-12-31', '2026-12-31'])(
    '%s is a date',
    (text) => {
      expect(toCalendarDate(text)).toBe(text)
    },
  )

  test.each([
    ['29 February of a year that is no leap year', '2026-02-29'],
    ['29 February of 1900, which was none', '1900-02-29'],
    ['30 February', '2024-02-30'],
    ['31 April', '2026-04-31'],
    ['a 13th month', '2026-13-01'],
    ['a month 0', '2026-00-10'],
    ['a day 0', '2026-01-00'],
    ['a day 32', '2026-01-32'],
    ['a year below 1000', '0999-12-31'],
    ['a year above 9999', '10000-01-01'],
    ['a signed year', '+02026-01-01'],
    ['one digit', '2026-1-1'],
    ['a time', '2026-01-01T00:00:00Z'],
    ['a space', '2026-01-01 '],
    ['a line break', '2026-01-01\n'],
    ['other digits', '２０２６-01-01'],
    ['nothing', ''],
  ])('%s is none', (_what, text) => {
    expect(toCalendarDate(text)).toBeNull()
  })

  test('agrees with Temporal on which dates exist', () => {
    const parts = fc.record({
      year: fc.integer({ min: 1000, max: 9999 }),
      month: fc.integer({ min: 0, max: 14 }),
      day: fc.integer({ min: 0, max: 33 }),
    })
    fc.assert(
      fc.property(parts, ({ year, month, day }) => {
        const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
        let exists = true
        try {
          Temporal.PlainDate.from(text)
        } catch {
          exists = false
        }
        expect(toCalendarDate(text)).toBe(exists ? text : null)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('days', () => {
  test.each([
    ['the same date', '2026-03-02', '2026-03-02', 0],
    ['the next', '2026-03-02', '2026-03-03', 1],
    ['the day before', '2026-03-02', '2026-03-01', -1],
    ['over a leap day', '2024-02-28', '2024-03-01', 2],
    ['over no leap day', '2026-02-28', '2026-03-01', 1],
    ['over a leap day of a century', '2000-02-28', '2000-03-01', 2],
    ['over no leap day of a century', '1900-02-28', '1900-03-01', 1],
    ['over the turn of the year', '2026-12-31', '2027-01-01', 1],
    ['where clocks go forward in New York', '2026-03-07', '2026-03-09', 2],
    ['where clocks go back in New York', '2026-10-31', '2026-11-02', 2],
    ['where clocks go back in Auckland', '2026-04-04', '2026-04-06', 2],
    ['where Apia left out a day', '2011-12-29', '2011-12-31', 2],
    ['ninety days over a change of clocks', '2026-01-14', '2026-04-14', 90],
    ['all there are', '1000-01-01', '9999-12-31', span],
  ])('%s: from %s to %s are %d', (_what, from, to, days) => {
    expect(daysBetween(date(from), date(to))).toBe(days)
    expect(daysBetween(date(to), date(from))).toBe(0 - days)
    expect(addDays(date(from), days)).toBe(to)
    expect(addDays(date(to), -days)).toBe(from)
  })

  test('are counted as Temporal counts them', () => {
    fc.assert(
      fc.property(dates, dates, (from, to) => {
        const { days } = from.until(to, { largestUnit: 'day' })
        expect(daysBetween(date(from.toString()), date(to.toString()))).toBe(days)
        expect(addDays(date(from.toString()), days)).toBe(to.toString())
      }),
      { numRuns: 2000 },
    )
  })

  test('order dates as text orders them', () => {
    fc.assert(
      fc.property(dates, dates, (a, b) => {
        const order = daysBetween(date(a.toString()), date(b.toString()))
        expect(Math.sign(order)).toBe(a.toString() < b.toString() ? 1 : a.toString() > b.toString() ? -1 : 0)
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['9999-12-31', 1, '9999-12-31'],
    ['2026-03-02', 1e9, '9999-12-31'],
    ['2026-03-02', 1e300, '9999-12-31'],
    ['1000-01-01', -1, '1000-01-01'],
    ['2026-03-02', -1e9, '1000-01-01'],
  ])('beyond the years that are held: %s and %d days', (from, days, to) => {
    expect(addDays(date(from), days)).toBe(to)
  })
})

test('the time zone of the machine makes no difference', () => {
  const module = pathToFileURL(path.resolve(import.meta.dirname, '../../src/rules/index.ts')).href
  const script = `
    import { addDays, daysBetween, toCalendarDate } from ${JSON.stringify(module)}
    const days = Array.from({ length: 800 }, (_, day) => addDays('2026-01-01', day))
    const same = days.every((date, day) => toCalendarDate(date) === date && daysBetween('2026-01-01', date) === day)
    console.log(same, new Date(2026, 6, 1).getTimezoneOffset(), days.join())`
  const answers = ['America/New_York', 'Pacific/Auckland', 'Pacific/Apia', 'Africa/Casablanca'].map((zone) => {
    const env = { ...process.env, TZ: zone, NODE_OPTIONS: '' }
    const [same, offset, days] = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      env,
      encoding: 'utf8',
    }).split(' ')
    expect(same).toBe('true')
    return { offset, days }
  })
  // The zones were really different.
  expect(new Set(answers.map(({ offset }) => offset)).size).toBeGreaterThan(2)
  expect(new Set(answers.map(({ days }) => days)).size).toBe(1)
})
