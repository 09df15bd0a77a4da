import { describe, expect, test } from '@jest/globals'
import { speakOpportunity } from '../../src/features/checks/sentences.ts'
import {
  speakAvoid,
  speakHow,
  speakMissingFact,
  speakNeed,
  speakReason,
  speakWayForward,
} from '../../src/features/permitted-exercises/sentences.ts'
import { speakDose, speakQuantity } from '../../src/features/phrases.ts'
import { speakChange, speakWaiting } from '../../src/features/timelines/sentences.ts'
import type {
  CalendarDate,
  Change,
  Dose,
  ExplainedCondition,
  FactTest,
  Named,
  Need,
  Reason,
  Truth,
  WayForward,
} from '../../src/rules/index.ts'

// What people read, sentence by sentence.

function on(date: string): CalendarDate {
  return date as CalendarDate
}

function named(title: string): Named {
  return { code: title.toLowerCase().replaceAll(' ', '-'), title }
}

const rule = { protocol: 'spine', version: 1, rule: 'rule', rationale: null, sources: [] }
const milestone = (title: string, grantedBy: string[] = []) => ({
  kind: 'milestone' as const,
  milestone: named(title),
  grantedBy,
  from: on('2026-11-20'),
  by: on('2026-12-03'),
})
const pain = { ...named('Pain now'), ask: 'How bad is your pain, 0 to 10?', unit: '{score}' }
const painAtMost3 = {
  kind: 'fact' as const,
  fact: pain,
  test: { atMost: 3, withinDays: 7 },
  from: on('2026-11-26'),
  by: on('2026-12-03'),
}

describe('the way forward in one sentence', () => {
  const moment = { on: on('2026-11-20'), protocols: 1 }
  const reasons: Reason[] = [{ ...rule, kind: 'phase-not-reached', phase: named('Later'), entries: [] }]
  const speak = (needs: Need[], earliest = '2026-12-03'): string =>
    speakWayForward({ reasons, wayForward: { outcome: 'permitted', earliest: on(earliest), needs } }, moment)
  const date: Need = { kind: 'date', date: on('2026-12-03') }

  test.each<[string, Need[], string]>([
    ['time alone', [date], 'It can be permitted on 3 December 2026 at the earliest, by time alone.'],
    [
      'a clearance',
      [date, milestone('Six-week visit', ['surgeon', 'physical-therapist'])],
      'It can be permitted on 3 December 2026 at the earliest, once “Six-week visit” (granted by surgeon or physical therapist) is on record.',
    ],
    [
      'two milestones',
      [milestone('X-ray'), milestone('Six-week visit')],
      'It can be permitted on 3 December 2026 at the earliest, once “X-ray” and “Six-week visit” are on record.',
    ],
    [
      'a milestone that has to come in time',
      [{ ...milestone('Drain removed'), by: on('2026-11-26') }, milestone('X-ray')],
      'It can be permitted on 3 December 2026 at the earliest, once “Drain removed” is on record by 26 November 2026 and “X-ray” is on record.',
    ],
    [
      'a milestone on one day',
      [{ ...milestone('X-ray'), from: on('2026-11-26'), by: on('2026-11-26') }],
      'It can be permitted on 3 December 2026 at the earliest, once “X-ray” is on record with the date 26 November 2026.',
    ],
    [
      'a measurement that counts for a week',
      [painAtMost3],
      'It can be permitted on 3 December 2026 at the earliest, once “Pain now” is at most 3 (observed on or after 26 November 2026).',
    ],
    [
      'a measurement of that day',
      [{ ...painAtMost3, from: on('2026-12-03') }],
      'It can be permitted on 3 December 2026 at the earliest, once “Pain now” is at most 3 (observed that day).',
    ],
    [
      'any observation',
      [{ ...painAtMost3, test: {}, from: on('2026-11-20') }],
      'It can be permitted on 3 December 2026 at the earliest, once “Pain now” is known.',
    ],
    [
      'a red flag and a hold',
      [
        { kind: 'resolution', redFlag: named('Fever'), entry: 'e1' },
        { kind: 'end', of: 'hold', reason: 'Flu; wait a week.', entry: 'e2' },
      ],
      'It can be permitted on 3 December 2026 at the earliest, once a clinician has resolved “Fever” and the hold is ended (“Flu; wait a week.”).',
    ],
    [
      'an override that withholds',
      [{ kind: 'end', of: 'override', reason: 'Dizzy', entry: 'e2' }],
      'It can be permitted on 3 December 2026 at the earliest, once the clinician who withholds it has ended that (“Dizzy”).',
    ],
    [
      'an exception',
      [{ kind: 'override', lifts: [{ ...named('Bending forward'), protocol: 'spine' }] }],
      'It can be permitted on 3 December 2026 at the earliest, once a clinician permits it for this patient in spite of “Bending forward”.',
    ],
  ])('%s', (_what, needs, sentence) => {
    expect(speak(needs)).toBe(sentence)
  })

  const never: WayForward = { outcome: 'never', earliest: null, needs: [] }
  const contraindication: Reason = {
    ...rule,
    kind: 'contraindication',
    title: 'Contact sport',
    strength: 'absolute',
    certain: true,
    ungraded: [],
    when: null,
    until: null,
  }

  test.each<[string, Reason[], number, string]>([
    [
      'a contraindication for good',
      [contraindication],
      1,
      'This version of the protocol does not permit it, whatever is recorded.',
    ],
    [
      'a relative one, without a grant',
      [{ ...contraindication, strength: 'relative' }],
      2,
      'These versions of the protocols do not permit it, whatever is recorded; only an exception that a clinician makes for the patient could.',
    ],
    [
      'a phase that is over',
      [{ ...rule, kind: 'phase-passed', phase: named('In hospital') }],
      1,
      'This version of the protocol does not permit it any more, whatever is recorded; only an exception that a clinician makes for the patient could.',
    ],
    [
      'what no protocol prescribes',
      [{ kind: 'not-prescribed' }],
      1,
      'No record makes an assigned protocol permit what it does not prescribe; only an exception that a clinician makes for the patient could.',
    ],
    [
      'what no protocol prescribes, on hold',
      [{ kind: 'hold', from: on('2026-11-01'), until: null, reason: 'Flu', entry: 'e1' }, { kind: 'not-prescribed' }],
      1,
      'No record makes an assigned protocol permit what it does not prescribe; only an exception that a clinician makes for the patient could, and not while all exercise is withheld.',
    ],
    ['no protocol', [{ kind: 'no-protocol' }], 0, 'Nothing can be permitted as long as no protocol is assigned.'],
    [
      'a protocol without phases',
      [{ kind: 'no-phase', protocol: 'spine', version: 1, title: 'Spine', first: null, entry: null }],
      1,
      'Nothing can be permitted: “Spine” has no phases.',
    ],
    [
      'an episode that is closed, whatever else is so',
      [contraindication, { kind: 'episode-closed', on: on('2026-11-01'), reason: 'Moved' }, { kind: 'not-prescribed' }],
      1,
      'The episode is closed: nothing is permitted from it any more.',
    ],
  ])('never: %s', (_what, because, protocols, sentence) => {
    expect(speakWayForward({ reasons: because, wayForward: never }, { ...moment, protocols })).toBe(sentence)
  })

  test('does not know', () => {
    const wayForward: WayForward = { outcome: 'undecided', earliest: null, needs: [] }
    expect(speakWayForward({ reasons, wayForward }, moment)).toBe(
      'There are too many possibilities to say when it can be permitted: ask the clinician.',
    )
  })
})

describe('a need by itself', () => {
  test.each<[Need, string]>([
    [{ kind: 'date', date: on('2026-12-03') }, 'Time has to pass until 3 December 2026 at least.'],
    [
      milestone('Six-week visit', ['surgeon']),
      '“Six-week visit” (granted by surgeon) has to be on record by 3 December 2026.',
    ],
    [{ ...milestone('X-ray'), from: on('2026-12-03') }, '“X-ray” has to be on record with the date 3 December 2026.'],
    [painAtMost3, '“Pain now” has to be at most 3, observed from 26 November 2026 through 3 December 2026.'],
    [{ kind: 'resolution', redFlag: named('Fever'), entry: 'e1' }, 'A clinician has to resolve “Fever”.'],
    [{ kind: 'end', of: 'hold', reason: 'Flu.', entry: 'e1' }, 'Whoever set the hold has to end it (“Flu.”).'],
    [
      { kind: 'end', of: 'override', reason: 'Dizzy', entry: 'e1' },
      'The clinician who withholds it has to end that (“Dizzy”).',
    ],
    [
      { kind: 'override', lifts: [named('Bending'), named('Lifting')].map((of) => ({ ...of, protocol: 'spine' })) },
      'A clinician has to permit it for this patient in spite of “Bending” and “Lifting”.',
    ],
  ])('%j', (need, sentence) => {
    expect(speakNeed(need, on('2026-11-20'))).toBe(sentence)
  })
})

describe('what a rule waits for', () => {
  const days = (atLeast: number, from: string): ExplainedCondition => ({
    op: 'days',
    truth: 'false',
    since: null,
    atLeast,
    before: null,
    from: on(from),
    until: null,
  })
  const reached = (title: string): ExplainedCondition => ({
    op: 'milestone',
    truth: 'false',
    milestone: named(title),
    grantedBy: [],
    on: null,
  })
  const asked = (title: string, is: string): ExplainedCondition => ({
    op: 'fact',
    truth: 'unknown',
    fact: { ...named(title), ask: '?', unit: null },
    test: { is },
    latest: null,
    stale: false,
  })
  const all = (...of: ExplainedCondition[]): ExplainedCondition => ({ op: 'all', truth: 'false', of })
  const any = (...of: ExplainedCondition[]): ExplainedCondition => ({ op: 'any', truth: 'false', of })
  const speak = (...entries: ExplainedCondition[]): string =>
    speakReason({ ...rule, kind: 'phase-not-reached', phase: named('Sport'), entries }, on('2026-10-10'))

  test('of several days is the latest', () => {
    expect(speak(days(14, '2026-10-15'), days(98, '2027-01-07'), days(42, '2026-11-12'))).toBe(
      'It begins with the phase “Sport”, which cannot begin before day 98 after surgery (7 January 2027).',
    )
  })

  test('may be one thing or another', () => {
    expect(speak(any(reached('X-ray'), reached('Scan')))).toBe(
      'It begins with the phase “Sport”, which needs either “X-ray” or “Scan” on record.',
    )
    expect(
      speak(any(days(84, '2026-12-24'), all(days(42, '2026-11-12'), reached('Scan')), asked('Graft', 'own-tendon'))),
    ).toBe(
      'It begins with the phase “Sport”, which needs one of these: a date from day 84 after surgery (24 December 2026) on; a date from day 42 after surgery (12 November 2026) on and “Scan” on record; “Graft” to be own tendon (nothing is recorded).',
    )
  })

  test('ends with the first of several that must hold together', () => {
    const when: ExplainedCondition = {
      op: 'all',
      truth: 'unknown',
      of: [
        { ...asked('Nerve block', 'yes') },
        {
          op: 'days',
          truth: 'true',
          since: null,
          atLeast: null,
          before: 2,
          from: null,
          until: on('2026-10-03'),
        },
      ],
    }
    const avoid = { ...rule, title: 'Walking', strength: 'absolute' as const, certain: false, when, until: null }
    expect(speakAvoid(avoid)).toBe(
      'Avoid: “Walking”, while it is not known whether “Nerve block” is yes (nothing is recorded), and at most until day 2 after surgery (3 October 2026); what is not known counts against it.',
    )
  })
})

describe('a condition with a "not"', () => {
  const visit = (truth: Truth): ExplainedCondition => ({
    op: 'milestone',
    truth,
    milestone: named('Six-week visit'),
    grantedBy: [],
    on: null,
  })
  const days = (
    truth: Truth,
    [atLeast, from]: [number, string] | [null, null],
    [before, until]: [number, string] | [null, null],
  ): ExplainedCondition => ({
    op: 'days',
    truth,
    since: null,
    atLeast,
    before,
    from: from === null ? null : on(from),
    until: until === null ? null : on(until),
  })
  const fiveDaysAfterVisit: ExplainedCondition = {
    op: 'days',
    truth: 'unknown',
    since: named('Six-week visit'),
    atLeast: null,
    before: 5,
    from: null,
    until: null,
  }
  const lowPain = (truth: Truth): ExplainedCondition => ({
    op: 'fact',
    truth,
    fact: pain,
    test: { atMost: 3 },
    latest: null,
    stale: false,
  })
  const phases = (from: string | null, through: string | null): ExplainedCondition => ({
    op: 'phase',
    truth: 'false',
    from: from === null ? null : named(from),
    through: through === null ? null : named(through),
  })
  const not = (of: ExplainedCondition): ExplainedCondition => {
    return { op: 'not', truth: of.truth === 'unknown' ? 'unknown' : of.truth === 'true' ? 'false' : 'true', of }
  }
  const all = (truth: Truth, ...of: ExplainedCondition[]): ExplainedCondition => ({ op: 'all', truth, of })
  const any = (truth: Truth, ...of: ExplainedCondition[]): ExplainedCondition => ({ op: 'any', truth, of })
  const none: [null, null] = [null, null]

  test.each<[what: string, when: ExplainedCondition, span: string]>([
    [
      'a milestone, and days that are ahead',
      any('true', not(visit('false')), days('false', [30, '2026-10-31'], [60, '2026-11-30'])),
      'at least until “Six-week visit” is on record',
    ],
    [
      'a milestone, and days that are over',
      any('true', not(visit('false')), days('false', none, [5, '2026-10-06'])),
      'until “Six-week visit” is on record',
    ],
    [
      'a fact, and days that are ahead',
      any('true', not(lowPain('false')), days('false', [30, '2026-10-31'], none)),
      'at least until “Pain now” is at most 3 (nothing is recorded)',
    ],
    [
      'a milestone, and days that are ahead, while a fact is so',
      all('true', lowPain('true'), any('true', not(visit('false')), days('false', [30, '2026-10-31'], none))),
      'while “Pain now” is at most 3 (nothing is recorded), and at most until “Six-week visit” is on record, and perhaps again later',
    ],
    ['phases', not(phases('A', 'B')), 'outside the phases from “A” through “B”'],
    ['one phase', not(phases('A', 'A')), 'outside the phase “A”'],
    ['a phase and those before it', not(phases(null, 'B')), 'outside the phases through “B”'],
    ['a phase and those after it', not(phases('B', null)), 'until the phase “B” or a later one is reached'],
    [
      'the days before one',
      not(days('false', none, [10, '2026-10-11'])),
      'since day 10 after surgery (11 October 2026)',
    ],
    [
      'the days between two',
      not(days('false', [30, '2026-10-31'], [60, '2026-11-30'])),
      'except from day 30 after surgery (31 October 2026) until day 60 after surgery (30 November 2026)',
    ],
    [
      'the days before one that is not known',
      not(fiveDaysAfterVisit),
      'as long as “Six-week visit” is not on record, and then from day 5 after “Six-week visit” on',
    ],
    [
      'several things together',
      not(all('false', visit('false'), lowPain('unknown'))),
      'until “Pain now” is at most 3 (nothing is recorded) and “Six-week visit” is on record',
    ],
    [
      'several things together, of which one can end again',
      not(all('false', visit('false'), lowPain('true'))),
      'at least until “Six-week visit” is on record',
    ],
    [
      'one of several things',
      not(any('false', visit('false'), days('false', [30, '2026-10-31'], none))),
      'until “Six-week visit” is on record or until day 30 after surgery (31 October 2026), whichever comes first',
    ],
  ])('says how long %s keep a contraindication', (_what, when, span) => {
    const avoid = { ...rule, title: 'Lifting', strength: 'absolute' as const, certain: true, when, until: null }
    expect(speakAvoid(avoid)).toBe(`Avoid: “Lifting”, ${span}.`)
  })

  test.each<[what: string, when: ExplainedCondition, wait: string]>([
    [
      'days that are over',
      days('false', none, [10, '2026-10-11']),
      'needs one of the days, now over, before day 10 after surgery (11 October 2026)',
    ],
    [
      'days between two that are over, and a milestone',
      all('false', days('false', [3, '2026-10-04'], [10, '2026-10-11']), visit('false')),
      'needs one of the days, now over, from day 3 after surgery (4 October 2026) on and before day 10 after surgery (11 October 2026) and “Six-week visit” on record',
    ],
    [
      'days between two that are ahead',
      days('false', [30, '2026-10-31'], [60, '2026-11-30']),
      'needs a date from day 30 after surgery (31 October 2026) on and before day 60 after surgery (30 November 2026)',
    ],
    [
      'an end to days of which it is not known whether they have begun',
      not(fiveDaysAfterVisit),
      'cannot begin before day 5 after “Six-week visit”',
    ],
    [
      'an end to days between two',
      not(days('true', [3, '2026-10-04'], [20, '2026-10-21'])),
      'needs a date from day 20 after surgery (21 October 2026) on',
    ],
    [
      'an end to phases',
      not({ ...phases('A', 'B'), truth: 'true' }),
      'needs a phase other than those from “A” through “B”',
    ],
    [
      'an end to one of several things',
      not(all('true', lowPain('true'), visit('true'))),
      'needs either “Pain now” not to be at most 3 (nothing is recorded) or no “Six-week visit” on record',
    ],
  ])('says that a grant waits for %s', (_what, when, wait) => {
    expect(speakReason({ ...rule, kind: 'condition-not-met', certain: true, when }, on('2026-10-16'))).toBe(
      `It ${wait}.`,
    )
  })
})

describe('a range of days', () => {
  const range: ExplainedCondition = {
    op: 'days',
    truth: 'false',
    since: null,
    atLeast: [28, 42],
    before: null,
    from: on('2026-11-12'),
    until: null,
  }

  test('makes a grant wait for its later end, and says who decides before', () => {
    expect(speakReason({ ...rule, kind: 'condition-not-met', certain: true, when: range }, on('2026-10-10'))).toBe(
      'It cannot begin before day 42 after surgery (12 November 2026; the protocol says day 28 to 42, and in between a clinician decides).',
    )
  })

  test('says nothing of a decision where nobody can make one', () => {
    const first = named('In hospital')
    expect(
      speakReason(
        { kind: 'no-phase', protocol: 'spine', version: 1, title: 'Spine', first, entry: range },
        on('2026-10-10'),
      ),
    ).toBe(
      '“Spine” has not begun: its first phase, “In hospital”, cannot begin before day 42 after surgery (12 November 2026; the protocol says day 28 to 42).',
    )
  })

  test('keeps a contraindication until its later end', () => {
    const when: ExplainedCondition = { ...range, atLeast: null, before: [28, 42], from: null, until: on('2026-11-12') }
    const avoid = { ...rule, title: 'Jumping', strength: 'absolute' as const, certain: false, when, until: when.until }
    expect(speakAvoid(avoid)).toBe(
      'Avoid: “Jumping”, at least until day 42 after surgery (12 November 2026; the protocol says day 28 to 42); what is not known counts against it.',
    )
  })

  test('begins a contraindication at its earlier end', () => {
    const avoid = { ...rule, title: 'Brace', strength: 'caution' as const, certain: false, when: range, until: null }
    expect(speakAvoid(avoid)).toBe(
      'Take care: “Brace”, since day 28 after surgery (29 October 2026; the protocol says day 28 to 42); what is not known counts against it.',
    )
  })

  test('may lie before the surgery, or on both sides of it', () => {
    const before: ExplainedCondition = { ...range, atLeast: [-14, -7], from: on('2026-09-24') }
    expect(
      speakReason({ ...rule, kind: 'condition-not-met', certain: true, when: before }, on('2026-10-10')),
    ).toContain('day 7 before surgery (24 September 2026; the protocol says day −14 to −7, and')
  })
})

describe('a dose', () => {
  test.each<[Dose | null, string]>([
    [null, 'as the clinician instructs'],
    [{}, 'as the clinician instructs'],
    [{ sets: 1, reps: 1, timesPerDay: 1 }, '1 set of 1 repetition, once a day'],
    [
      { sets: 3, reps: 10, holdSeconds: 5, timesPerDay: 2, timesPerWeek: 5 },
      '3 sets of 10 repetitions, held for 5 seconds each time, twice a day, 5 times a week',
    ],
    [
      { durationMinutes: 20.5, intensity: 'easy', amounts: [{ quantity: 'knee-flexion', value: 60, unit: 'deg' }] },
      'for 20.5 minutes, knee flexion at most 60°, intensity “easy”',
    ],
  ])('%j', (dose, words) => {
    expect(speakDose(dose)).toBe(words)
  })

  test('is said with the side, the supervision and the provisos', () => {
    const how = { dose: { reps: 10 }, side: 'operative' as const, supervision: 'independent' as const }
    expect(speakHow({ ...how, provided: ['with the brace on', 'seated'] })).toBe(
      'On your own, 10 repetitions, on the operated side; provided: “with the brace on” and “seated”.',
    )
    expect(speakHow({ ...how, dose: { note: 'Slowly,\nplease.' }, provided: [] })).toBe(
      'On your own, as the clinician instructs, on the operated side; note: “Slowly, please.”.',
    )
    expect(speakHow({ dose: null, side: 'both', supervision: 'supervised', provided: [] })).toBe(
      'Under supervision, as the clinician instructs.',
    )
  })
})

test.each<[number, string | null, string]>([
  [90, 'deg', '90°'],
  [-5, 'deg', '−5°'],
  [1, 'min', '1 minute'],
  [10, '[lb_av]', '10 lb'],
  [5, 'kg', '5 kg'],
  [3, '{score}', '3'],
  [3, null, '3'],
])('%d in %s is said as %s', (value, unit, words) => {
  expect(speakQuantity(value, unit)).toBe(words)
})

test('a missing fact is asked for, and again when what is known is too old', () => {
  const missing = {
    ...pain,
    protocol: 'spine',
    version: 1,
    type: 'number' as const,
    min: 0,
    max: 10,
    values: [],
    stale: null,
    rules: ['rowing'],
  }
  expect(speakMissingFact(missing)).toBe('Ask “How bad is your pain, 0 to 10?”: nothing is recorded about “Pain now”.')
  expect(speakMissingFact({ ...missing, stale: { value: 4, on: on('2026-11-01') } })).toBe(
    'Ask again “How bad is your pain, 0 to 10?”: what is recorded about “Pain now”, 4 on 1 November 2026, is too old to count.',
  )
})

describe('a change on the timeline', () => {
  const background = {
    protocols: new Map([['spine', 'Spine, standard recovery']]),
    strengths: new Map([['spine/lifting', 'relative' as const]]),
    another: false,
  }
  const exercise = named('Walking')

  test.each<[change: Change, sentence: string]>([
    [{ kind: 'permitted', exercise }, '“Walking” is now permitted.'],
    [{ kind: 'withheld', exercise }, '“Walking” is now withheld.'],
    [
      { kind: 'phase', protocol: 'spine', to: named('At home') },
      '“Spine, standard recovery” is now in the phase “At home”.',
    ],
    [{ kind: 'phase', protocol: 'spine', to: null }, '“Spine, standard recovery” now has no current phase.'],
    [
      { kind: 'status', to: 'no-phase' },
      'Nothing is permitted now: no protocol is assigned, or one that is assigned has no phase that is reached.',
    ],
    [{ kind: 'status', to: 'on-hold' }, 'Nothing is permitted now: there is a hold, or a red flag is open.'],
    [
      { kind: 'begins', list: 'avoid', protocol: 'spine', rule: 'lifting', title: 'Heavy lifting', limit: null },
      'The relative contraindication “Heavy lifting” now applies.',
    ],
    [
      {
        kind: 'ends',
        list: 'goals',
        protocol: 'spine',
        rule: 'flexion',
        title: 'knee-flexion',
        limit: { quantity: 'knee-flexion', min: 30, max: 90, unit: 'deg' },
      },
      'The goal for knee flexion (at least 30° and at most 90°) no longer applies.',
    ],
    [
      {
        kind: 'begins',
        list: 'limits',
        protocol: 'spine',
        rule: 'driving',
        title: 'Ask first.',
        limit: { quantity: 'driving-time', min: null, max: null, unit: null },
      },
      'The limit on driving time (as the clinician instructs) now applies.',
    ],
  ])('%j', (change, sentence) => {
    expect(speakChange(change, background)).toBe(sentence)
  })

  test('says so when a rule of the same title goes on applying', () => {
    const change = { list: 'avoid', protocol: 'spine', rule: 'lifting', title: 'Heavy lifting', limit: null } as const
    expect(speakChange({ ...change, kind: 'begins' }, { ...background, another: true })).toBe(
      'The relative contraindication “Heavy lifting” now applies, besides another of this title.',
    )
    expect(speakChange({ ...change, kind: 'ends' }, { ...background, another: true })).toBe(
      'The relative contraindication “Heavy lifting” no longer applies; another of this title still does.',
    )
  })

  test('says how an exercise is done from then on', () => {
    const change = { kind: 'changed' as const, exercise, dose: { durationMinutes: 20 }, side: 'both' as const }
    expect(speakChange({ ...change, supervision: 'independent', provided: [] }, background)).toBe(
      '“Walking” is now done differently: on your own, for 20 minutes.',
    )
  })

  test('names what waits for the same thing together, and counts what would be too many', () => {
    const waiting = { earliest: on('2026-12-03'), needs: [milestone('X-ray')] }
    const speak = (count: number): string =>
      speakWaiting({ ...waiting, exercises: 'ABCDEFGHI'.slice(0, count).split('').map(named) }, on('2026-11-20'))
    expect(speak(2)).toBe('“A” and “B” can be permitted on 3 December 2026 at the earliest, once “X-ray” is on record.')
    expect(speak(7)).toContain('“F” and “G” can')
    expect(speak(8)).toContain('“F” and 2 others can')
  })
})

test.each<[what: string, test: FactTest, least: number, most: number | null, sentence: string]>([
  ['of any age', { atMost: 3 }, 0, null, '“Pain now” is at most 3'],
  ['of one day', { atMost: 3 }, 8, 8, '“Pain now” is at most 3, observed exactly 8 days before'],
  ['of the last days', { atMost: 3 }, 0, 2, '“Pain now” is at most 3, observed at most 2 days before'],
  ['of that day', { atMost: 3 }, 0, 0, '“Pain now” is at most 3, observed that day'],
  [
    'of earlier days',
    { atMost: 3 },
    1,
    7,
    '“Pain now” is at most 3, observed at least 1 day and at most 7 days before',
  ],
  ['of any value', {}, 0, null, '“Pain now” is on record, whatever it is'],
])('an opportunity with an observation %s', (_what, tested, least, most, sentence) => {
  const facts = [{ fact: pain, test: tested, least, most }]
  const when = [{ days: { from: 7, before: null }, milestones: [], facts, lifts: [] }]
  expect(speakOpportunity({ exercise: named('Rowing'), when, decided: true })).toBe(
    `“Rowing” can be permitted from day 7 on, once ${sentence}.`,
  )
})
