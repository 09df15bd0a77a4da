import { addDays, type CalendarDate, type DayBound, type Dose, type FactTest, type FactValue } from '../rules/index.ts'

// The phrases of which sentences are made, the same in every sentence: dates and days, names, tests, doses.

const dateFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })

/** "3 December 2026". */
export function speakDate(date: CalendarDate): string {
  return dateFormat.format(Temporal.PlainDate.from(date).toZonedDateTime('UTC').epochMilliseconds)
}

/** `until` is the first day on which it no longer holds; a reader wants the last on which it does. */
export function speakSpan({ from, until }: { from: CalendarDate; until: CalendarDate | null }): string {
  if (until === null) return `from ${speakDate(from)} on`
  const last = addDays(until, -1)
  return last === from ? `on ${speakDate(from)}` : `from ${speakDate(from)} through ${speakDate(last)}`
}

export function quote(title: string): string {
  return `“${title}”`
}

/** "“Bending” and “Lifting”". */
export function quoteTitles(rules: readonly { title: string }[]): string {
  return join(
    rules.map(({ title }) => quote(title)),
    'and',
  )
}

export function join(items: readonly string[], conjunction: 'and' | 'or'): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} ${conjunction} ${items.at(-1)}`
}

export function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** A code as words: "surgeon or physical therapist". */
export function speakRoles(roles: readonly string[]): string {
  return join(roles.map(speakCode), 'or')
}

export function speakCode(code: string): string {
  return code.replaceAll('-', ' ')
}

/** "“Doctor's clearance” (granted by surgeon or doctor)". */
export function speakMilestone({
  milestone,
  grantedBy,
}: {
  milestone: { title: string }
  grantedBy: readonly string[]
}): string {
  return `${quote(milestone.title)}${grantedBy.length > 0 ? ` (granted by ${speakRoles(grantedBy)})` : ''}`
}

/** "day 42 after surgery". */
export function nameDay(day: number, since: { title: string } | null): string {
  if (day === 0) return `the day of ${since === null ? 'surgery' : quote(since.title)}`
  const anchor = since === null ? 'surgery' : quote(since.title)
  return `day ${Math.abs(day)} ${day < 0 ? 'before' : 'after'} ${anchor}`
}

/** Which end of a range counts, and whether a clinician may decide between the two. */
interface RangeReading {
  end?: 'earliest' | 'latest'
  decided?: boolean
}

/**
 * "day 42 after surgery (3 December 2026)"; of a range the end that counts, with the range beside it. `date` is that of
 * the day or of the latest of the range.
 */
export function speakDay(
  bound: DayBound,
  since: { title: string } | null,
  date: CalendarDate | null,
  { end = 'latest', decided = false }: RangeReading = {},
): string {
  if (typeof bound === 'number') return `${nameDay(bound, since)}${date === null ? '' : ` (${speakDate(date)})`}`
  const [earliest, latest] = bound
  const day = end === 'latest' ? latest : earliest
  const shown = date === null ? [] : [speakDate(addDays(date, day - latest))]
  const range = `the protocol says day ${speakSigned(earliest)} to ${speakSigned(latest)}`
  return `${nameDay(day, since)} (${[...shown, decided ? `${range}, and in between a clinician decides` : range].join('; ')})`
}

function speakSigned(day: number): string {
  return day < 0 ? `−${-day}` : String(day)
}

/** UCUM codes that people have other words for: one, and many. */
const units: Readonly<Record<string, readonly [string, string]>> = {
  '1': ['', ''],
  '{score}': ['', ''],
  deg: ['°', '°'],
  '%': [' %', ' %'],
  '[lb_av]': [' lb', ' lb'],
  '[in_i]': [' inch', ' inches'],
  '[ft_i]': [' foot', ' feet'],
  '[mi_i]': [' mile', ' miles'],
  s: [' second', ' seconds'],
  min: [' minute', ' minutes'],
  h: [' hour', ' hours'],
  d: [' day', ' days'],
  wk: [' week', ' weeks'],
  mo: [' month', ' months'],
  a: [' year', ' years'],
  '/min': [' per minute', ' per minute'],
}

/** "90°", "10 lb", "5 kg". */
export function speakQuantity(value: number, unit: string | null): string {
  const [one, many] = unit === null ? ['', ''] : (units[unit] ?? [` ${unit}`, ` ${unit}`])
  return `${value < 0 ? `−${-value}` : value}${value === 1 ? one : many}`
}

/** "lb", "minutes"; a unit without a word of its own goes by its code. */
export function nameUnit(unit: string): string {
  return units[unit]?.[1].trim() || unit
}

/** "at least 30° and at most 90°"; without a number it is the clinician's to say. */
export function speakBounds({
  min,
  max,
  unit,
}: {
  min: number | null
  max: number | null
  unit: string | null
}): string {
  const bounds = [
    ...(min === null ? [] : [`at least ${speakQuantity(min, unit)}`]),
    ...(max === null ? [] : [`at most ${speakQuantity(max, unit)}`]),
  ]
  return bounds.length === 0 ? 'as the clinician instructs' : join(bounds, 'and')
}

export function speakValue(value: FactValue, unit: string | null = null): string {
  if (typeof value === 'number') return speakQuantity(value, unit)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return /^[a-z0-9]+(-[a-z0-9]+)+$/.test(value) ? speakCode(value) : value
}

interface TestedFact {
  fact: { title: string; unit: string | null }
  test: FactTest
}

/** "“Pain now” is at most 3", or "“Pain now” to be at most 3". */
export function speakTest({ fact, test }: TestedFact, verb: 'is' | 'to be' | 'not to be' | 'has to be' = 'is'): string {
  const { is, in: oneOf, atLeast, above, atMost, below } = test
  const bounds = [
    ['at least', atLeast],
    ['above', above],
    ['at most', atMost],
    ['below', below],
  ] as const
  const tests = [
    ...(is === undefined ? [] : [speakValue(is, fact.unit)]),
    ...(oneOf === undefined
      ? []
      : [
          join(
            oneOf.map((value) => speakValue(value, fact.unit)),
            'or',
          ),
        ]),
    ...bounds.flatMap(([words, bound]) => (bound === undefined ? [] : [`${words} ${speakQuantity(bound, fact.unit)}`])),
  ]
  // Without a test any observation will do.
  return `${quote(fact.title)} ${verb} ${tests.length === 0 ? 'known' : join(tests, 'and')}`
}

/** "3 sets of 10 repetitions, twice a day"; what is not said is the clinician's to say. Its note is apart. */
export function speakDose(dose: Dose | null): string {
  if (dose === null) return 'as the clinician instructs'
  const { sets, reps, holdSeconds, durationMinutes, timesPerDay, timesPerWeek, amounts = [], intensity } = dose
  const repetitions = reps === undefined ? '' : `${reps} ${reps === 1 ? 'repetition' : 'repetitions'}`
  const inSets = sets === undefined ? '' : `${sets} ${sets === 1 ? 'set' : 'sets'}`
  const parts = [
    [inSets, repetitions].filter((part) => part !== '').join(' of '),
    holdSeconds === undefined ? '' : `held for ${speakQuantity(holdSeconds, 's')} each time`,
    durationMinutes === undefined ? '' : `for ${speakQuantity(durationMinutes, 'min')}`,
    timesPerDay === undefined ? '' : `${speakTimes(timesPerDay)} a day`,
    timesPerWeek === undefined ? '' : `${speakTimes(timesPerWeek)} a week`,
    ...amounts.map(({ quantity, value, unit }) => `${speakCode(quantity)} at most ${speakQuantity(value, unit)}`),
    intensity === undefined ? '' : `intensity ${quote(intensity)}`,
  ].filter((part) => part !== '')
  return parts.length === 0 ? 'as the clinician instructs' : parts.join(', ')
}

function speakTimes(times: number): string {
  return times === 1 ? 'once' : times === 2 ? 'twice' : `${times} times`
}
