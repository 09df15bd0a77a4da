/** Pairs of small documents that differ in few things, and what differs in them, in short. */
import type {
  Condition,
  DayBound,
  DaysTest,
  Difference,
  FactTest,
  PhaseMove,
  ProtocolDocument,
} from '../../src/rules/index.ts'

export const walking = { code: 'walking', title: 'Walking', kind: 'exercise', attributes: { impact: 1 } } as const
export const golf = { code: 'golf', title: 'Golf', kind: 'activity', attributes: { impact: 2 } } as const
export const sit = { code: 'sit', about: 'posture', text: 'Sit up.' }
export const walk = {
  code: 'walks',
  exercise: 'walking',
  from: 'first',
  through: 'second',
  supervision: 'supervised',
  side: 'both',
} as const
export const twisting = {
  code: 'twisting',
  title: 'Twisting',
  strength: 'absolute',
  target: [{ exercise: 'golf' }],
} as const
export const lifting = { code: 'lifting', quantity: 'load', max: 10, unit: 'kg' }

const first = { code: 'first', title: 'First', entry: { days: { atLeast: 0 } } } as const
const second = { code: 'second', title: 'Second', entry: { milestone: 'visit' } } as const

export const base: ProtocolDocument = {
  format: 1,
  code: 'example',
  title: 'Example',
  procedures: ['repair'],
  exercises: [walking, golf],
  sources: [],
  milestones: [
    { code: 'visit', title: 'Visit' },
    { code: 'clearance', title: 'Clearance', grantedBy: ['surgeon'] },
  ],
  facts: [{ code: 'pain', title: 'Pain', type: 'number', min: 0, max: 10, ask: 'How bad?' }],
  phases: [first, second],
  prescriptions: [walk],
  contraindications: [twisting],
  instructions: [sit],
  limits: [lifting],
  redFlags: [{ code: 'fever', title: 'Fever', response: 'contact-surgeon' }],
}

export const walksWhen = (when: Condition) => ({ prescriptions: [{ ...walk, when }] })
export const fromDay = (atLeast: DayBound) => walksWhen({ days: { atLeast } })

// ---- In short ----

function words(value: unknown): string {
  if (value === null) return 'none'
  if (Array.isArray(value)) return `[${value.map(words).join()}]`
  if (typeof value !== 'object') return String(value)
  const named = value as Record<string, unknown>
  if (typeof named.code === 'string') return named.code
  return `(${Object.entries(named)
    .map(([key, part]) => `${key} ${words(part)}`)
    .join()})`
}

function span({ from, before }: { from: number | null; before: number | null }): string {
  return `${from ?? ''}–${before === null ? '' : before - 1}`
}

function times(name: string, { least, most }: { least: number; most: number | null }): string {
  return least === 0 && most === null ? name : `${name} ${least}–${most ?? ''} ago`
}

/** What differs | on which days | what it takes, by occasion | a case: its day and its record. */
export function inShort({ direction, days, occasions, isComplete, witness, ...about }: Difference | PhaseMove): string {
  const flags = Object.entries(about).flatMap(([key, value]) =>
    typeof value === 'boolean' ? (value ? [key] : []) : [words(value)],
  )
  const what = `${direction}: ${flags.join(' ')}`
  if (witness === null) return what
  const each = occasions.map(({ days, milestones, facts, without, reading }) =>
    [
      span(days),
      ...milestones.map((one) => times(one.milestone.code, one) + one.grantedBy.map((role) => ` by ${role}`).join('')),
      ...facts.map((one) => times(`${one.fact.code} ${words(one.test)}`, one)),
      ...[...without.milestones, ...without.facts].map(({ code }) => `without ${code}`),
      ...(reading === null ? [] : [reading]),
    ].join(', '),
  )
  const record = [
    `day ${witness.daysSinceSurgery}`,
    ...(witness.side === null ? [] : [witness.side]),
    ...witness.milestones.map(({ code, day, grantedBy }) => `${code} on ${day} by ${grantedBy ?? 'nobody'}`),
    ...witness.facts.map(({ code, value, day }) => `${code} ${value} on ${day}`),
  ]
  return [what, days.map(span).join(), each.join('; ') + (isComplete ? '' : '; and more'), record.join(', ')].join(
    ' | ',
  )
}

// ---- The pairs ----

type Part = Partial<ProtocolDocument>
type Changed = Readonly<Record<string, unknown>>

const days = (test: DaysTest): Condition => ({ days: test })
const pain = (test: FactTest): Condition => ({ fact: 'pain', ...test })
const told = { type: 'boolean', operation: { procedure: 'revision' } }
const choice = { type: 'choice', values: ['dry', 'moist', 'wet'] }

/** Items of a list, each like the first but for what is changed. */
function list(like: Changed, changed: readonly Changed[]): never {
  return changed.map((each, index) => ({ ...like, code: `${like.code}-${index}`, ...each })) as never
}

const nothing: Part = { prescriptions: [] }
const prescriptions = (...changed: Changed[]): Part => ({ prescriptions: list(walk, changed) })
const dosed = (...dosage: Changed[]): Part => prescriptions({ dosage })
const rules = (...changed: Changed[]): Part => ({
  contraindications: list({ ...twisting, code: 'rule', target: [{ exercise: 'walking' }] }, changed),
})
const relative = rules({ strength: 'relative' })
const limits = (...changed: Changed[]): Part => ({
  limits: list({ code: 'limit', quantity: 'load', unit: 'kg' }, changed),
})
const instructions = (...changed: Changed[]): Part => ({ instructions: list(sit, changed) })
const phases = (...changed: Changed[]): Part => ({
  phases: changed.map((each, index) => ({ ...base.phases[index], ...each })) as never,
})
const milestones = (...changed: Changed[]): Part => ({
  milestones: changed.map((each) => ({ title: 'Milestone', ...each })) as never,
})
const clearedBy = (...grantedBy: string[]): Part =>
  milestones({ code: 'visit' }, { code: 'clearance', ...(grantedBy.length === 0 ? {} : { grantedBy }) })
const fact = (declared: Changed): Part => ({
  facts: [{ code: 'pain', title: 'Pain', ask: 'How?', ...declared }] as never,
})
/** The first phase has been since ever. */
const ever = phases({ entry: { not: { days: { before: 0, atLeast: 0 } } } }, {})
const manyMilestones = (count: number): Part => ({
  ...milestones(...Array.from({ length: count }, (_, index) => ({ code: `m${index}` }))),
  ...phases({}),
  ...prescriptions({
    through: 'first',
    when: { any: Array.from({ length: count }, (_, index) => ({ milestone: `m${index}` })) },
  }),
})

/** What it is about, the two documents as changes of the base, and what is told: differences, then phases. */
export const pairs: readonly [name: string, before: Part, after: Part, told: readonly string[]][] = [
  // occasions
  [
    'an older observation will do',
    walksWhen(pain({ atMost: 3, withinDays: 7 })),
    walksWhen(pain({ atMost: 3 })),
    ['laxer: exercise walking gained | 0– | 0–, pain (atMost 3) 8– ago, more | day 0, pain 0 on -8'],
  ],
  [
    'an older observation will do up to another age',
    walksWhen(pain({ atMost: 3, withinDays: 7 })),
    walksWhen(pain({ atMost: 3, withinDays: 14 })),
    ['laxer: exercise walking gained | 0– | 0–, pain (atMost 3) 8–14 ago, more | day 0, pain 0 on -8'],
  ],
  [
    'more pain will do',
    walksWhen(pain({ atMost: 3 })),
    walksWhen(pain({ atMost: 5 })),
    ['laxer: exercise walking gained | 0– | 0–, pain (above 3,atMost 5), more | day 0, pain 4 on 0'],
  ],
  [
    'pain in a span',
    nothing,
    walksWhen(pain({ above: 3, below: 5, withinDays: 2 })),
    [
      'laxer: exercise walking gained | 0– | 0–, pain (above 3,below 5) 0–2 ago, newly | day 0, pain 4 on 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'a choice',
    { ...fact(choice), ...walksWhen(pain({ is: 'dry' })) },
    { ...fact(choice), ...walksWhen(pain({ in: ['dry', 'moist'] })) },
    ['laxer: exercise walking gained | 0– | 0–, pain (is moist), more | day 0, pain moist on 0'],
  ],
  [
    'choices of any',
    { ...fact(choice), ...nothing },
    { ...fact(choice), ...walksWhen(pain({ in: ['dry', 'wet'] })) },
    [
      'laxer: exercise walking gained | 0– | 0–, pain (in [dry,wet]), newly | day 0, pain dry on 0',
      'other: asks fact pain How? added',
    ],
  ],
  [
    'a yes',
    { ...fact({ type: 'boolean' }), ...nothing },
    { ...fact({ type: 'boolean' }), ...walksWhen(pain({ is: true, withinDays: 3 })) },
    [
      'laxer: exercise walking gained | 0– | 0–, pain (is true) 0–3 ago, newly | day 0, pain true on 0',
      'other: asks fact pain How? added',
    ],
  ],
  [
    'a procedure is told',
    { ...fact(told), ...nothing },
    { ...fact(told), ...walksWhen(pain({ is: false })) },
    [
      'laxer: exercise walking gained | 0– | 0–, pain (is false), newly | day 0, pain false on 0',
      'other: asks fact pain How? added',
    ],
  ],
  [
    'a procedure was done',
    { ...fact(told), ...nothing },
    { ...fact(told), ...walksWhen(pain({ is: true })) },
    [
      'laxer: exercise walking gained | 0– | 0–, pain (is true), newly | day 0, pain true on 0',
      'other: asks fact pain How? added',
    ],
  ],
  [
    'a procedure is told, lately',
    { ...fact(told), ...nothing },
    { ...fact(told), ...walksWhen(pain({ is: false, withinDays: 9 })) },
    [
      'laxer: exercise walking gained | 0– | 0–, pain (is false) 0–9 ago, newly | day 0, pain false on 0',
      'other: asks fact pain How? added',
    ],
  ],
  [
    'a procedure is told to one only',
    { ...fact(told), ...walksWhen(pain({ is: false })) },
    { ...fact({ type: 'boolean' }), ...walksWhen(pain({ is: false })) },
    [
      'stricter: exercise walking lost | 0– | 0–, without pain, fewer | day 0',
      'other: told pain procedure revision none',
    ],
  ],
  [
    'some days after a milestone',
    nothing,
    walksWhen(days({ since: 'visit', atLeast: 7, before: 21 })),
    ['laxer: exercise walking gained | 7– | 7–, visit 7–20 ago, newly | day 7, visit on 0 by nobody'],
  ],
  [
    'some days after a milestone and the surgery',
    walksWhen(days({ since: 'visit', atLeast: 7 })),
    walksWhen({ all: [days({ atLeast: 30 }), days({ since: 'visit', atLeast: 5 })] }),
    [
      'stricter: exercise walking lost | 7–29 | 7–29, visit 7– ago, later | day 7, visit on 0 by nobody',
      'laxer: exercise walking gained | 30– | 30–, visit 5–6 ago, more | day 30, visit on 25 by nobody',
    ],
  ],
  [
    'two milestones',
    nothing,
    walksWhen({ all: [{ milestone: 'visit' }, { milestone: 'clearance' }] }),
    [
      'laxer: exercise walking gained | 0– | 0–, clearance by surgeon, visit, newly | day 0, clearance on 0 by surgeon, visit on 0 by nobody',
      'other: asks milestone clearance none added',
    ],
  ],
  [
    'a clearance that anybody may give now',
    walksWhen({ milestone: 'clearance' }),
    { ...walksWhen({ milestone: 'clearance' }), ...clearedBy() },
    ['laxer: exercise walking gained | 0– | 0–, clearance, more | day 0, clearance on 0 by nobody'],
  ],
  [
    'a clearance that not anybody may give any more',
    { ...walksWhen({ milestone: 'clearance' }), ...clearedBy() },
    walksWhen({ milestone: 'clearance' }),
    ['stricter: exercise walking lost | 0– | 0–, clearance, fewer | day 0, clearance on 0 by nobody'],
  ],
  [
    'one more role',
    walksWhen({ milestone: 'clearance' }),
    { ...walksWhen({ milestone: 'clearance' }), ...clearedBy('nurse', 'surgeon') },
    ['laxer: exercise walking gained | 0– | 0–, clearance by nurse, more | day 0, clearance on 0 by nurse'],
  ],
  [
    'one role less',
    { ...walksWhen({ milestone: 'clearance' }), ...clearedBy('nurse', 'surgeon') },
    walksWhen({ milestone: 'clearance' }),
    ['stricter: exercise walking lost | 0– | 0–, clearance by nurse, fewer | day 0, clearance on 0 by nurse'],
  ],
  [
    'roles in part',
    { ...walksWhen({ milestone: 'clearance' }), ...clearedBy('nurse', 'surgeon') },
    { ...walksWhen({ milestone: 'clearance' }), ...clearedBy('surgeon', 'doctor') },
    [
      'stricter: exercise walking lost | 0– | 0–, clearance by nurse, fewer | day 0, clearance on 0 by nurse',
      'laxer: exercise walking gained | 0– | 0–, clearance by doctor, more | day 0, clearance on 0 by doctor',
    ],
  ],
  [
    'other roles and days',
    { ...walksWhen(days({ since: 'clearance', atLeast: 7 })) },
    { ...walksWhen(days({ since: 'clearance', before: 14 })), ...clearedBy('nurse') },
    [
      'stricter: exercise walking lost | 7– | 7–, clearance 7– ago by surgeon, fewer; 14–, clearance 14– ago by nurse, clearance 7–13 ago by surgeon, fewer; 14–, clearance 14– ago by surgeon, clearance 14– ago by nurse, fewer | day 7, clearance on 0 by surgeon',
      'laxer: exercise walking gained | 0– | 0–, clearance 0–13 ago by nurse, earlier; 0–, clearance 0–6 ago by surgeon, clearance 0–6 ago by nurse, earlier; 7–, clearance 7–13 ago by nurse, clearance 0–6 ago by surgeon, more | day 0, clearance on 0 by nurse',
    ],
  ],
  [
    'roles in part and days',
    { ...walksWhen(days({ since: 'clearance', atLeast: 7 })), ...clearedBy('nurse', 'surgeon') },
    { ...walksWhen(days({ since: 'clearance', atLeast: 3 })) },
    [
      'stricter: exercise walking lost | 7– | 7–, clearance 7– ago by nurse, fewer; 7–, clearance 7– ago by nurse, clearance 0–2 ago by surgeon, fewer | day 7, clearance on 0 by nurse',
      'laxer: exercise walking gained | 3– | 3–, clearance 3–6 ago by surgeon, earlier | day 3, clearance on 0 by surgeon',
    ],
  ],
  [
    'before the surgery',
    { ...ever, ...nothing },
    { ...ever, ...walksWhen(days({ before: 0 })) },
    ['laxer: exercise walking gained | –-1 | –-1, newly | day -1'],
  ],
  [
    'before and after the surgery',
    { ...ever, ...nothing },
    { ...ever, ...walksWhen(days({ before: 5 })) },
    ['laxer: exercise walking gained | –4 | –4, newly | day 0'],
  ],
  [
    'until a week before',
    { ...ever, ...nothing },
    { ...ever, ...walksWhen(days({ before: -7 })) },
    ['laxer: exercise walking gained | –-8 | –-8, newly | day -8'],
  ],
  [
    'a visit before the surgery',
    { ...ever, ...milestones({ code: 'visit', preOperative: true }), ...nothing },
    { ...ever, ...milestones({ code: 'visit', preOperative: true }), ...walksWhen({ milestone: 'visit' }) },
    ['laxer: exercise walking gained | – | –, visit, newly | day 0, visit on 0 by nobody'],
  ],
  [
    'a visit after the surgery',
    { ...ever, ...walksWhen({ milestone: 'visit' }) },
    { ...ever, ...nothing },
    ['stricter: exercise walking lost | 0– | 0–, visit, no-longer | day 0, visit on 0 by nobody'],
  ],
  [
    'days since a visit before the surgery',
    { ...ever, ...milestones({ code: 'visit', preOperative: true }), ...nothing },
    { ...ever, ...milestones({ code: 'visit' }), ...walksWhen(days({ since: 'visit', atLeast: 10 })) },
    ['laxer: exercise walking gained | – | –, visit 10– ago, newly | day 10, visit on 0 by nobody'],
  ],
  [
    'earlier, from before the surgery on',
    { ...ever, ...fromDay(5) },
    { ...ever, ...walksWhen({ not: days({ atLeast: 40, before: 50 }) }) },
    [
      'stricter: exercise walking lost | 40–49 | 40–49, fewer | day 40',
      'laxer: exercise walking gained | –4 | –4, earlier | day 0',
    ],
  ],
  [
    'longer, without an end',
    { ...walksWhen(days({ before: 50 })) },
    {},
    ['laxer: exercise walking gained | 50– | 50–, longer | day 50'],
  ],
  [
    'more, within',
    walksWhen(days({ before: 10 })),
    walksWhen({ any: [days({ before: 2 }), days({ atLeast: 20, before: 30 })] }),
    [
      'stricter: exercise walking lost | 2–9 | 2–9, fewer | day 2',
      'laxer: exercise walking gained | 20–29 | 20–29, longer | day 20',
    ],
  ],
  [
    'within a hole',
    walksWhen({ any: [days({ before: 2 }), days({ atLeast: 20 })] }),
    walksWhen({ any: [days({ before: 2 }), days({ atLeast: 10 })] }),
    ['laxer: exercise walking gained | 10–19 | 10–19, more | day 10'],
  ],
  [
    'more than eight occasions',
    nothing,
    manyMilestones(9),
    [
      'laxer: exercise walking gained | 0– | 0–, m8, newly; 0–, m7, newly; 0–, m6, newly; 0–, m5, newly; 0–, m4, newly; 0–, m3, newly; 0–, m2, newly; 0–, m1, newly; and more | day 0, m8 on 0 by nobody',
      'other: asks milestone visit none removed',
      'other: asks milestone m0 none added',
      'other: asks milestone m1 none added',
      'other: asks milestone m2 none added',
      'other: asks milestone m3 none added',
      'other: asks milestone m4 none added',
      'other: asks milestone m5 none added',
      'other: asks milestone m6 none added',
      'other: asks milestone m7 none added',
      'other: asks milestone m8 none added',
      'other: move first gained | 0– | 0–, visit, more | day 0, visit on 0 by nobody',
      'other: move second lost isOnly | 0– | 0–, visit, no-longer | day 0, visit on 0 by nobody',
    ],
  ],
  [
    'just eight occasions',
    nothing,
    manyMilestones(8),
    [
      'laxer: exercise walking gained | 0– | 0–, m7, newly; 0–, m6, newly; 0–, m5, newly; 0–, m4, newly; 0–, m3, newly; 0–, m2, newly; 0–, m1, newly; 0–, m0, newly | day 0, m7 on 0 by nobody',
      'other: asks milestone visit none removed',
      'other: asks milestone m0 none added',
      'other: asks milestone m1 none added',
      'other: asks milestone m2 none added',
      'other: asks milestone m3 none added',
      'other: asks milestone m4 none added',
      'other: asks milestone m5 none added',
      'other: asks milestone m6 none added',
      'other: asks milestone m7 none added',
      'other: move first gained | 0– | 0–, visit, more | day 0, visit on 0 by nobody',
      'other: move second lost isOnly | 0– | 0–, visit, no-longer | day 0, visit on 0 by nobody',
    ],
  ],
  ['a range of days', fromDay([28, 42]), fromDay(42), []],
  [
    'a range of days of a contraindication',
    {},
    rules({ when: days({ before: [28, 42] }) }),
    [
      'stricter: exercise walking lost | 0–41 | 0–41, later | day 0',
      'stricter: contraindication rule-0 absolute added isOnly [(exercise walking)] [] [walking] | 0–41 | 0–41 | day 0',
      'laxer: contraindication twisting absolute removed isOnly [(exercise golf)] [] [golf] | 0– | 0– | day 0',
    ],
  ],
  // exercises
  [
    'what an override lifts',
    { ...relative, ...fromDay(14) },
    { ...relative, ...fromDay(28) },
    ['stricter: prescribed walking lost | 14–27 | 14–27, later | day 14'],
  ],
  [
    'what an override lifts, newly',
    { ...relative, ...nothing },
    { ...relative, ...walksWhen(days({ before: 14 })) },
    ['laxer: prescribed walking gained | 0–13 | 0–13, newly | day 0'],
  ],
  [
    'what an override lifts, no longer',
    relative,
    rules({ strength: 'absolute' }),
    [
      'stricter: prescribed walking lost | 0– | 0–, no-longer | day 0',
      'stricter: contraindication rule-0 absolute added isOnly [(exercise walking)] [] [walking] | 0– | 0– | day 0',
      'laxer: contraindication rule-0 relative removed isOnly [(exercise walking)] [] [walking] | 0– | 0– | day 0',
    ],
  ],
  [
    'withheld until some day',
    rules({ when: days({ before: 7 }) }),
    rules({ when: days({ before: 9 }) }),
    [
      'stricter: exercise walking lost | 7–8 | 7–8, later | day 7',
      'stricter: contraindication rule-0 absolute added [(exercise walking)] [] [walking] | 7–8 | 7–8 | day 7',
    ],
  ],
  [
    'withheld with what is not known',
    {},
    rules({ when: pain({ above: 5 }) }),
    [
      'stricter: exercise walking lost | 0– | 0–, without pain, fewer; 0–, pain (above 5), fewer | day 0',
      'stricter: contraindication rule-0 absolute added isOnly [(exercise walking)] [] [walking] | 0– | 0–, without pain; 0–, pain (above 5) | day 0',
      'laxer: contraindication twisting absolute removed isOnly [(exercise golf)] [] [golf] | 0– | 0– | day 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'supervised by one of two',
    prescriptions({ supervision: 'independent' }),
    prescriptions({ supervision: 'independent' }, { supervision: 'supervised', when: days({ atLeast: 5, before: 9 }) }),
    ['stricter: supervision walking independent supervised | 5–8 | 5–8 | day 5'],
  ],
  [
    'provided by two',
    prescriptions({ provided: 'b' }),
    prescriptions({ provided: 'b' }, { provided: 'a', when: days({ before: 9 }) }),
    ['stricter: provided walking [b] [a,b] | 0–8 | 0–8 | day 0'],
  ],
  [
    'provided no longer',
    prescriptions({ provided: 'b' }),
    prescriptions({ provided: 'a' }),
    ['other: provided walking [b] [a] | 0– | 0– | day 0'],
  ],
  [
    'provided less',
    prescriptions({ provided: 'b' }),
    prescriptions({}),
    ['laxer: provided walking [b] [] | 0– | 0– | day 0'],
  ],
  [
    'dose of two',
    prescriptions({ dosage: [{ reps: 10, sets: 3 }] }),
    prescriptions(
      { dosage: [{ reps: 10, sets: 3 }] },
      { dosage: [{ reps: 5, note: 'slow' }], when: days({ before: 9 }) },
    ),
    ['other: dose walking (reps 10,sets 3) (sets 3,reps 5,note slow) | 0–8 | 0–8 | day 0'],
  ],
  [
    'dose less',
    dosed({ reps: 10 }),
    dosed({ reps: 10 }, { reps: 5, when: days({ atLeast: 9 }) }),
    ['stricter: dose walking (reps 10) (reps 5) | 9– | 9– | day 9'],
  ],
  [
    'dose more',
    dosed({ sets: 2, amounts: [{ quantity: 'load', value: 5, unit: 'kg' }] }),
    dosed({ sets: 3, amounts: [{ quantity: 'load', value: 8, unit: 'kg' }] }),
    [
      'laxer: dose walking (sets 2,amounts [(quantity load,value 5,unit kg)]) (sets 3,amounts [(quantity load,value 8,unit kg)]) | 0– | 0– | day 0',
    ],
  ],
  [
    'dose with other amounts',
    dosed({ amounts: [{ quantity: 'load', value: 5, unit: 'kg' }] }),
    dosed({ amounts: [{ quantity: 'load', value: 5, unit: 'g' }] }),
    [
      'other: dose walking (amounts [(quantity load,value 5,unit kg)]) (amounts [(quantity load,value 5,unit g)]) | 0– | 0– | day 0',
    ],
  ],
  [
    'dose with amounts in another order',
    dosed({
      amounts: [
        { quantity: 'load', value: 5, unit: 'kg' },
        { quantity: 'arc', value: 90, unit: 'deg' },
      ],
    }),
    dosed({
      amounts: [
        { quantity: 'arc', value: 90, unit: 'deg' },
        { quantity: 'load', value: 5, unit: 'kg' },
      ],
    }),
    [],
  ],
  [
    'dose with another note',
    dosed({ reps: 5, note: 'a' }),
    dosed({ reps: 5, note: 'b' }),
    ['other: dose walking (reps 5,note a) (reps 5,note b) | 0– | 0– | day 0'],
  ],
  [
    'dose with another intensity',
    dosed({ reps: 5, intensity: 'a' }),
    dosed({ reps: 4, intensity: 'b' }),
    ['other: dose walking (reps 5,intensity a) (reps 4,intensity b) | 0– | 0– | day 0'],
  ],
  [
    'dose instead of instruction',
    prescriptions({}),
    dosed({ reps: 5 }),
    ['other: dose walking none (reps 5) | 0– | 0– | day 0'],
  ],
  ['dose no longer', dosed({ reps: 5 }), prescriptions({}), ['other: dose walking (reps 5) none | 0– | 0– | day 0']],
  [
    'dose with one number more',
    dosed({ reps: 5 }),
    dosed({ reps: 5, sets: 2 }),
    ['other: dose walking (reps 5) (reps 5,sets 2) | 0– | 0– | day 0'],
  ],
  [
    'dose with another number',
    dosed({ reps: 5 }),
    dosed({ sets: 5 }),
    ['other: dose walking (reps 5) (sets 5) | 0– | 0– | day 0'],
  ],
  [
    'dose while it is unknown',
    dosed({ reps: 10 }),
    dosed({ reps: 10 }, { reps: 5, when: pain({ above: 5 }) }),
    [
      'stricter: dose walking (reps 10) (reps 5) | 0– | 0–, without pain; 0–, pain (above 5) | day 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'dose of three steps while it is unknown',
    dosed({ reps: 10 }),
    dosed(
      { reps: 10 },
      { reps: 5, when: pain({ above: 5 }) },
      { reps: 7, when: days({ atLeast: 9 }) },
      { reps: 2, when: pain({ above: 8 }) },
    ),
    [
      'stricter: dose walking (reps 10) (reps 2) | 0– | 0–, without pain; 0–, pain (above 8) | day 0',
      'stricter: dose walking (reps 10) (reps 5) | 0–8 | 0–8, pain (above 5,atMost 8) | day 0, pain 6 on 0',
      'stricter: dose walking (reps 10) (reps 7) | 9– | 9–, pain (atMost 8) | day 9, pain 0 on 9',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'doses by day',
    dosed({ reps: 10 }),
    dosed({ reps: 12, when: days({ atLeast: 3 }) }, { reps: 14, when: days({ atLeast: 6 }) }),
    [
      'laxer: dose walking (reps 10) (reps 12) | 3–5 | 3–5 | day 3',
      'laxer: dose walking (reps 10) (reps 14) | 6– | 6– | day 6',
      'other: dose walking (reps 10) none | 0–2 | 0–2 | day 0',
    ],
  ],
  [
    'caution',
    rules({ strength: 'caution', when: days({ before: 5 }) }),
    rules({ strength: 'caution', when: days({ before: 9 }) }),
    [
      'stricter: cautions walking [rule-0] [] | 5–8 | 5–8 | day 5',
      'stricter: contraindication rule-0 caution added [(exercise walking)] [] [walking] | 5–8 | 5–8 | day 5',
    ],
  ],
  [
    'caution removed',
    rules({ strength: 'caution' }),
    rules(),
    [
      'laxer: cautions walking [] [rule-0] | 0– | 0– | day 0',
      'laxer: contraindication rule-0 caution removed isOnly [(exercise walking)] [] [walking] | 0– | 0– | day 0',
    ],
  ],
  [
    'caution about the same in part',
    rules({ strength: 'caution' }),
    rules({ strength: 'caution', target: [{ exercise: 'walking' }, { kind: 'exercise' }] }),
    ['stricter: contraindication rule-0 caution added isOnly isPart [(kind exercise)] [] [walking] | 0– | 0– | day 0'],
  ],
  [
    'caution about something else',
    rules({ strength: 'caution' }),
    rules({ strength: 'caution', target: [{ kind: 'exercise' }] }),
    [
      'stricter: contraindication rule-0 caution added isOnly [(kind exercise)] [] [walking] | 0– | 0– | day 0',
      'laxer: contraindication rule-0 caution removed isOnly [(exercise walking)] [] [walking] | 0– | 0– | day 0',
      'other: cautions walking [rule-0] [rule-0] | 0– | 0– | day 0',
    ],
  ],
  [
    'two cautions',
    rules({ strength: 'caution', when: days({ before: 5 }) }, { strength: 'caution', target: [{ kind: 'exercise' }] }),
    rules({ strength: 'caution', target: [{ kind: 'exercise' }] }),
    [
      'laxer: cautions walking [] [rule-0] | 0–4 | 0–4 | day 0',
      'laxer: contraindication rule-0 caution removed isOnly [(exercise walking)] [] [walking] | 0–4 | 0–4 | day 0',
    ],
  ],
  [
    'caution with exceptions in another order',
    rules({ strength: 'caution', except: [{ kind: 'activity' }, { exercise: 'golf' }] }),
    rules({ strength: 'caution', except: [{ exercise: 'golf' }, { kind: 'activity' }] }),
    [],
  ],
  [
    'caution about another exercise',
    rules(),
    rules({ strength: 'caution', target: [{ exercise: 'golf' }, { exercise: 'walking' }] }),
    [
      'stricter: cautions walking [rule-0] [] | 0– | 0– | day 0',
      'stricter: contraindication rule-0 caution added isOnly [(exercise golf),(exercise walking)] [] [golf,walking] | 0– | 0– | day 0',
    ],
  ],
  [
    'caution told once',
    rules(
      { strength: 'caution', when: days({ before: 20 }) },
      { strength: 'caution', target: [{ kind: 'exercise' }], when: days({ atLeast: 10, before: 30 }) },
    ),
    rules({ strength: 'caution', target: [{ kind: 'exercise' }], when: days({ atLeast: 10, before: 30 }) }),
    [
      'laxer: cautions walking [] [rule-0] | 0–19 | 0–19 | day 0',
      'laxer: contraindication rule-0 caution removed isOnly [(exercise walking)] [] [walking] | 0–19 | 0–19 | day 0',
    ],
  ],
  [
    'sides left to both',
    prescriptions({ side: 'left' }),
    prescriptions({ side: 'both' }),
    ['laxer: side walking none left both | 0– | 0– | day 0'],
  ],
  [
    'sides operative to non-operative',
    prescriptions({ side: 'operative' }),
    prescriptions({ side: 'non-operative' }),
    ['other: side walking none operative non-operative | 0– | 0– | day 0'],
  ],
  [
    'sides operative to both',
    prescriptions({ side: 'operative' }),
    prescriptions({ side: 'both' }),
    ['laxer: side walking none operative both | 0– | 0– | day 0'],
  ],
  ['sides left and right', prescriptions({ side: 'left' }, { side: 'right' }), prescriptions({ side: 'both' }), []],
  [
    'sides left and right in part',
    prescriptions({ side: 'left' }, { side: 'right', when: days({ atLeast: 5 }) }),
    prescriptions({ side: 'left' }, { side: 'right', when: days({ atLeast: 9 }) }),
    ['stricter: side walking none both left | 5–8 | 5–8 | day 5'],
  ],
  [
    'an exercise without an entry',
    { exercises: [golf] },
    {},
    ['laxer: exercise walking gained | 0– | 0–, newly | day 0'],
  ],
  [
    'a group',
    {
      ...rules(),
      exercises: [{ ...walking, groups: ['g'] }, golf],
      ...prescriptions({ exercise: undefined, group: 'g' }),
    },
    {
      ...rules(),
      exercises: [
        { ...walking, groups: ['g'] },
        { ...golf, groups: ['g'] },
      ],
      ...prescriptions({ exercise: undefined, group: 'g' }),
    },
    ['laxer: exercise golf gained | 0– | 0–, newly | day 0'],
  ],
  [
    'phases of a prescription',
    prescriptions({ through: 'first' }),
    prescriptions({ from: 'second' }),
    [
      'stricter: exercise walking lost | 0– | 0–, without visit, fewer | day 0',
      'laxer: exercise walking gained | 0– | 0–, visit, more | day 0, visit on 0 by nobody',
    ],
  ],
  [
    'a phase that does not exist',
    prescriptions({}),
    prescriptions({ from: 'none' }),
    ['stricter: exercise walking lost | 0– | 0–, no-longer | day 0'],
  ],
  [
    'a phase test',
    walksWhen({ phase: { from: 'second' } }),
    walksWhen({ phase: { through: 'first' } }),
    [
      'stricter: exercise walking lost | 0– | 0–, visit, fewer | day 0, visit on 0 by nobody',
      'laxer: exercise walking gained | 0– | 0–, without visit, more | day 0',
    ],
  ],
  // lists
  ['limit relaxed', limits({ max: 5 }), limits({ max: 8 }), ['laxer: limit load kg max relaxed 5 8 | 0– | 0– | day 0']],
  [
    'limit min',
    limits({ min: 5 }),
    limits({ min: 8 }, { min: 9, when: days({ before: 4 }) }),
    [
      'stricter: limit load kg min tightened 5 9 | 0–3 | 0–3 | day 0',
      'stricter: limit load kg min tightened 5 8 | 4– | 4– | day 4',
    ],
  ],
  ['limit min removed', limits({ min: 5 }), limits(), ['laxer: limit load kg min removed 5 none | 0– | 0– | day 0']],
  [
    'limit of both ends',
    limits({ min: 5, max: 9 }),
    limits({ min: 4, max: 8 }, { max: 7, min: 5, when: days({ before: 3 }) }),
    [
      'stricter: limit load kg max tightened 9 7 | 0–2 | 0–2 | day 0',
      'stricter: limit load kg max tightened 9 8 | 3– | 3– | day 3',
      'laxer: limit load kg min relaxed 5 4 | 3– | 3– | day 3',
    ],
  ],
  [
    'limit with another unit',
    limits({ max: 5 }),
    limits({ max: 5, unit: 'g' }),
    [
      'stricter: limit load g max added none 5 | 0– | 0– | day 0',
      'laxer: limit load kg max removed 5 none | 0– | 0– | day 0',
    ],
  ],
  [
    'limit without a unit',
    limits({ max: 5 }),
    limits({ max: 5, unit: undefined }),
    [
      'stricter: limit load none max added none 5 | 0– | 0– | day 0',
      'laxer: limit load kg max removed 5 none | 0– | 0– | day 0',
    ],
  ],
  [
    'limit of another quantity',
    limits({ max: 5 }),
    limits({ max: 5, quantity: 'arc' }),
    [
      'stricter: limit arc kg max added none 5 | 0– | 0– | day 0',
      'laxer: limit load kg max removed 5 none | 0– | 0– | day 0',
    ],
  ],
  [
    'limit in text and number',
    limits({ max: 5, text: 'a' }, { value: null, text: 'b' }),
    limits({ max: 5, text: 'c' }, { value: null, text: 'd' }),
    [
      'stricter: instructed-limit load kg d added | 0– | 0– | day 0',
      'laxer: instructed-limit load kg b removed | 0– | 0– | day 0',
    ],
  ],
  [
    'limit as instructed without words',
    limits(),
    limits({ value: null }),
    ['stricter: instructed-limit load kg none added | 0– | 0– | day 0'],
  ],
  [
    'limit added while unknown',
    limits({ max: 9 }),
    limits({ max: 9 }, { max: 5, when: pain({ above: 5 }) }),
    [
      'stricter: limit load kg max tightened 9 5 | 0– | 0–, without pain; 0–, pain (above 5) | day 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  ['limit before the surgery', { limits: [] }, {}, ['stricter: limit load kg max added none 10 | 0– | 0– | day 0']],
  [
    'goals',
    limits(),
    limits({ kind: 'goal', min: 5 }, { kind: 'goal', max: 5, unit: undefined, text: 'a' }),
    [
      'other: goal load kg 5 none none added | 0– | 0– | day 0',
      'other: goal load none none 5 a added | 0– | 0– | day 0',
    ],
  ],
  [
    'goals changed',
    limits({ kind: 'goal', min: 5 }),
    limits({ kind: 'goal', min: 6, when: pain({ atMost: 4 }) }),
    [
      'other: goal load kg 5 none none removed | 0– | 0– | day 0',
      'other: goal load kg 6 none none added | 0– | 0–, pain (atMost 4) | day 0, pain 0 on 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'instructions twice',
    instructions({}),
    instructions({ when: days({ before: 5 }) }, { when: days({ atLeast: 9 }) }),
    ['other: instruction sit-0 posture Sit up. removed | 5–8 | 5–8 | day 5'],
  ],
  [
    'instructions about',
    instructions({}),
    instructions({ about: 'sleep' }),
    [
      'other: instruction sit-0 posture Sit up. removed isOnly | 0– | 0– | day 0',
      'other: instruction sit-0 sleep Sit up. added isOnly | 0– | 0– | day 0',
    ],
  ],
  [
    'instructions while unknown',
    instructions(),
    instructions({ when: pain({ above: 5 }) }),
    [
      'other: instruction sit-0 posture Sit up. added isOnly | 0– | 0–, without pain; 0–, pain (above 5) | day 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'contraindications with targets',
    rules({ target: [{ exercise: 'golf' }, { kind: 'activity' }] }),
    rules(),
    [
      'laxer: contraindication rule-0 absolute removed isOnly [(exercise golf),(kind activity)] [] [golf] | 0– | 0– | day 0',
    ],
  ],
  [
    'contraindications with a target less',
    rules({ target: [{ exercise: 'golf' }, { kind: 'activity' }, { attributes: { impact: 2 } }] }),
    rules({ target: [{ exercise: 'golf' }] }),
    [
      'laxer: contraindication rule-0 absolute removed isOnly isPart [(kind activity),(attributes (impact 2))] [] [golf] | 0– | 0– | day 0',
    ],
  ],
  [
    'contraindications with a target for longer',
    rules({ target: [{ exercise: 'golf' }, { kind: 'activity' }], when: days({ before: 5 }) }),
    rules(
      { target: [{ exercise: 'golf' }], when: days({ before: 9 }) },
      { target: [{ kind: 'activity' }], when: days({ before: 5 }) },
    ),
    ['stricter: contraindication rule-0 absolute added [(exercise golf)] [] [golf] | 5–8 | 5–8 | day 5'],
  ],
  [
    'contraindications with exceptions',
    rules({ target: [{ kind: 'activity' }] }),
    rules({ target: [{ kind: 'activity' }], except: [{ exercise: 'golf' }] }),
    [
      'stricter: contraindication rule-0 absolute added isOnly [(kind activity)] [(exercise golf)] [] | 0– | 0– | day 0',
      'laxer: contraindication rule-0 absolute removed isOnly [(kind activity)] [] [golf] | 0– | 0– | day 0',
    ],
  ],
  [
    'contraindication of several',
    rules(),
    rules({ target: [{ attributes: { impact: 1 } }], strength: 'caution' }),
    [
      'stricter: cautions walking [rule-0] [] | 0– | 0– | day 0',
      'stricter: contraindication rule-0 caution added isOnly [(attributes (impact 1))] [] [golf,walking] | 0– | 0– | day 0',
    ],
  ],
  [
    'contraindications by two rules',
    rules({ target: [{ exercise: 'golf' }] }, { target: [{ exercise: 'golf' }], when: days({ before: 9 }) }),
    rules({ target: [{ exercise: 'golf' }], when: days({ before: 9 }) }),
    ['laxer: contraindication rule-0 absolute removed [(exercise golf)] [] [golf] | 9– | 9– | day 9'],
  ],
  [
    'setting of a phase',
    phases({}, {}),
    phases({ setting: 'home' }, { goals: ['b', 'a'] }),
    [
      'other: phase (setting none,goals []) (setting home,goals []) | 0– | 0–, without visit | day 0',
      'other: phase (setting none,goals []) (setting none,goals [a,b]) | 0– | 0–, visit | day 0, visit on 0 by nobody',
    ],
  ],
  ['goals of a phase in another order', phases({ goals: ['a', 'b'] }, {}), phases({ goals: ['b', 'a'] }, {}), []],
  [
    'a phase less',
    phases({ setting: 'home' }, { setting: 'gym' }),
    { ...phases({ setting: 'home' }), ...prescriptions({ through: 'first' }) },
    [
      'other: phase (setting gym,goals []) (setting home,goals []) | 0– | 0–, visit | day 0, visit on 0 by nobody',
      'other: asks milestone visit none removed',
      'other: move first gained | 0– | 0–, visit, more | day 0, visit on 0 by nobody',
      'other: move second lost isOnly | 0– | 0–, visit, no-longer | day 0, visit on 0 by nobody',
    ],
  ],
  [
    'no phase before',
    { ...phases({ setting: 'home' }), ...prescriptions({ through: 'first' }) },
    { ...phases({ setting: 'home', entry: days({ atLeast: 4 }) }), ...prescriptions({ through: 'first' }) },
    [
      'stricter: exercise walking lost | 0–3 | 0–3, later | day 0',
      'other: phase (setting home,goals []) none | 0–3 | 0–3 | day 0',
      'other: instruction sit posture Sit up. removed | 0–3 | 0–3 | day 0',
      'other: move first lost | 0–3 | 0–3, later | day 0',
    ],
  ],
  [
    'a phase that is put in',
    phases({}, {}),
    { phases: [first, { code: 'between', title: 'Between', entry: days({ atLeast: 5 }), setting: 'gym' }, second] },
    [
      'other: phase (setting none,goals []) (setting gym,goals []) | 5– | 5–, without visit | day 5',
      'other: move between gained isOnly | 5– | 5–, without visit, newly | day 5',
      'other: move first lost | 5– | 5–, without visit, shorter | day 5',
      'other: move first gained | 0–4 | 0–4, visit, more | day 0, visit on 0 by nobody',
      'other: move second lost | 0–4 | 0–4, visit, later | day 0, visit on 0 by nobody',
    ],
  ],
  // declared
  [
    'flags',
    { redFlags: [...base.redFlags, { code: 'leak', title: 'Leak', response: 'emergency' }] },
    {
      redFlags: [
        { code: 'clot', title: 'Clot', response: 'emergency' },
        { code: 'leak', title: 'Leak', response: 'contact-surgeon' },
      ],
    },
    [
      'stricter: red-flag clot added none emergency',
      'laxer: red-flag fever removed contact-surgeon none',
      'laxer: red-flag leak response emergency contact-surgeon',
    ],
  ],
  [
    'asks for a milestone',
    {},
    walksWhen({ any: [{ milestone: 'clearance' }, { not: { milestone: 'clearance' } }] }),
    ['other: asks milestone clearance none added'],
  ],
  [
    'asks no longer',
    walksWhen({ any: [pain({ atLeast: 0 }), { not: days({ atLeast: -1, before: -1 }) }] }),
    {},
    ['other: asks fact pain How bad? removed'],
  ],
  [
    'told by another',
    { ...fact(told), ...walksWhen(pain({ is: true })) },
    { ...fact({ type: 'boolean', operation: { procedure: 'other' } }), ...walksWhen(pain({ is: true })) },
    ['other: told pain procedure revision procedure other'],
  ],
  [
    'told no longer',
    { ...fact({ type: 'number', operation: 'levels' }), ...walksWhen(pain({ above: 1 })) },
    { ...fact({ type: 'number' }), ...walksWhen(pain({ above: 1 })) },
    ['other: told pain levels none'],
  ],
  [
    'match added',
    {
      contraindications: [
        { ...twisting, target: [{ attributes: { impact: 2 } }, { attributes: { impact: 2, load: 1 } }] },
      ],
    },
    {
      contraindications: [
        { ...twisting, target: [{ attributes: { impact: 2 } }, { attributes: { impact: 2, load: 1 } }] },
      ],
      exercises: [{ ...walking, attributes: { impact: 3 } }, golf],
    },
    ['stricter: exercise walking lost | 0– | 0–, no-longer | day 0', 'stricter: match twisting absolute walking added'],
  ],
  [
    'match the same',
    { contraindications: [{ ...twisting, target: [{ attributes: { impact: 2 } }] }] },
    {
      contraindications: [{ ...twisting, target: [{ attributes: { impact: 2 } }] }],
      exercises: [walking, { ...golf, attributes: { impact: 3 }, title: 'Golfing' }],
    },
    [],
  ],
  [
    'match of the new only',
    {},
    {
      exercises: [...base.exercises, { ...walking, code: 'hiking' }],
      contraindications: [twisting, { ...twisting, code: 'new', target: [{ attributes: { impact: 1 } }] }],
    },
    [
      'stricter: exercise walking lost | 0– | 0–, no-longer | day 0',
      'stricter: contraindication new absolute added isOnly [(attributes (impact 1))] [] [golf,hiking,walking] | 0– | 0– | day 0',
    ],
  ],
  [
    'prescribed for longer',
    { ...relative, ...walksWhen(days({ before: 9 })) },
    { ...relative, ...walksWhen(days({ before: 12 })) },
    ['laxer: prescribed walking gained | 9–11 | 9–11, longer | day 9'],
  ],
  [
    'permitted in part where it was prescribed',
    relative,
    rules({ strength: 'relative', when: days({ before: 9 }) }),
    [
      'laxer: exercise walking gained | 9– | 9–, newly | day 9',
      'laxer: contraindication rule-0 relative removed [(exercise walking)] [] [walking] | 9– | 9– | day 9',
    ],
  ],
  [
    'a rule whose strength depends on the day',
    rules({ strength: 'relative' }, { strength: 'absolute', when: days({ before: 9 }) }),
    rules({ strength: 'relative' }, { strength: 'absolute', when: days({ before: 5 }) }),
    [
      'laxer: prescribed walking gained | 5–8 | 5–8, earlier | day 5',
      'laxer: contraindication rule-1 absolute removed [(exercise walking)] [] [walking] | 5–8 | 5–8 | day 5',
    ],
  ],
  [
    'an exception of an exercise',
    rules({ target: [{ kind: 'exercise' }] }),
    rules({ target: [{ kind: 'exercise' }], except: [{ exercise: 'walking' }] }),
    [
      'stricter: contraindication rule-0 absolute added isOnly [(kind exercise)] [(exercise walking)] [] | 0– | 0– | day 0',
      'laxer: exercise walking gained | 0– | 0–, newly | day 0',
      'laxer: contraindication rule-0 absolute removed isOnly [(kind exercise)] [] [walking] | 0– | 0– | day 0',
    ],
  ],
  [
    'two occasions one after the other',
    nothing,
    walksWhen({ any: [days({ atLeast: 3, before: 5 }), { all: [days({ atLeast: 9 }), { milestone: 'visit' }] }] }),
    ['laxer: exercise walking gained | 3–4,9– | 3–4, newly; 9–, visit, newly | day 3'],
  ],
  [
    'without a milestone and an observation',
    {},
    walksWhen({ any: [{ milestone: 'visit' }, pain({ atMost: 3 })] }),
    [
      'stricter: exercise walking lost | 0– | 0–, without visit, without pain, fewer; 0–, pain (above 3), without visit, fewer | day 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'an observation and a milestone',
    nothing,
    walksWhen({ all: [{ milestone: 'visit' }, pain({ atLeast: 3, atMost: 6, withinDays: 4 })] }),
    [
      'laxer: exercise walking gained | 0– | 0–, visit, pain (atLeast 3,atMost 6) 0–4 ago, newly | day 0, visit on 0 by nobody, pain 3 on 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'two ages of an observation',
    nothing,
    walksWhen({ any: [pain({ atMost: 3, withinDays: 10 }), pain({ atMost: 6, withinDays: 5 })] }),
    [
      'laxer: exercise walking gained | 0– | 0–, pain (atMost 6) 0–5 ago, newly; 0–, pain (atMost 3) 0–10 ago, newly | day 0, pain 0 on 0',
      'other: asks fact pain How bad? added',
    ],
  ],
  [
    'values that only one version takes',
    { ...fact({ type: 'number', min: 0, max: 3 }), ...walksWhen(pain({ atLeast: 2 })) },
    { ...fact({ type: 'number', min: 0, max: 9 }), ...walksWhen(pain({ atLeast: 4 })) },
    ['stricter: exercise walking lost | 0– | 0–, pain (atLeast 2,below 4), fewer | day 0, pain 2 on 0'],
  ],
  [
    'a choice that only one version has',
    { ...fact(choice), ...walksWhen(pain({ is: 'dry' })) },
    { ...fact({ ...choice, values: ['dry', 'torn'] }), ...walksWhen(pain({ in: ['dry', 'torn'] })) },
    ['laxer: exercise walking gained | 0– | 0–, pain (is torn), more | day 0, pain torn on 0'],
  ],
  [
    'a text',
    { ...fact({ type: 'text' }), ...walksWhen(pain({ is: 'dry' })) },
    { ...fact({ type: 'text' }), ...walksWhen(pain({ in: ['dry', 'wet'] })) },
    ['laxer: exercise walking gained | 0– | 0–, pain (is wet), more | day 0, pain wet on 0'],
  ],
  [
    'both a fact and a day',
    walksWhen(pain({ atMost: 3 })),
    walksWhen({ any: [pain({ atMost: 3 }), days({ atLeast: 30 })] }),
    ['laxer: exercise walking gained | 30– | 30–, without pain, more; 30–, pain (above 3), more | day 30'],
  ],
  [
    'days before the surgery and after',
    { ...ever, ...walksWhen({ not: days({ atLeast: -5, before: 5 }) }) },
    { ...ever, ...walksWhen({ not: days({ atLeast: -9, before: 5 }) }) },
    ['stricter: exercise walking lost | -9–-6 | -9–-6, fewer | day -9'],
  ],
  [
    'a visit before the surgery, long ago',
    { ...ever, ...milestones({ code: 'visit', preOperative: true }), ...nothing },
    {
      ...ever,
      ...milestones({ code: 'visit', preOperative: true }),
      ...walksWhen({ all: [days({ before: 0 }), days({ since: 'visit', atLeast: 20 })] }),
    },
    ['laxer: exercise walking gained | –-1 | –-1, visit 20– ago, newly | day -1, visit on -21 by nobody'],
  ],
  [
    'a visit in time',
    { ...walksWhen({ milestone: 'visit' }) },
    walksWhen({ all: [{ milestone: 'visit' }, { not: days({ since: 'visit', atLeast: 30 }) }] }),
    ['stricter: exercise walking lost | 30– | 30–, visit 30– ago, fewer | day 30, visit on 0 by nobody'],
  ],
  [
    'a step whose condition never holds',
    dosed({ reps: 5 }),
    dosed({ reps: 5 }, { reps: 4, when: days({ before: 0 }) }),
    [],
  ],
  [
    'a smaller dose of two that grant',
    prescriptions({ dosage: [{ reps: 9, amounts: [{ quantity: 'load', value: 5, unit: 'kg' }] }] }),
    prescriptions(
      { dosage: [{ reps: 9, amounts: [{ quantity: 'load', value: 5, unit: 'kg' }] }] },
      { dosage: [{ reps: 9, amounts: [{ quantity: 'load', value: 3, unit: 'kg' }] }] },
    ),
    [
      'stricter: dose walking (reps 9,amounts [(quantity load,value 5,unit kg)]) (reps 9,amounts [(quantity load,value 3,unit kg)]) | 0– | 0– | day 0',
    ],
  ],
  [
    'a dose and an instruction of two',
    prescriptions({ dosage: [{ reps: 9 }] }),
    prescriptions({ dosage: [{ reps: 9 }] }, {}),
    [],
  ],
  [
    'each number of a dose less',
    dosed({ sets: 2, reps: 2, holdSeconds: 2, durationMinutes: 2, timesPerDay: 2, timesPerWeek: 2 }),
    dosed({ sets: 1, reps: 1, holdSeconds: 1, durationMinutes: 1, timesPerDay: 1, timesPerWeek: 1 }),
    [
      'stricter: dose walking (sets 2,reps 2,holdSeconds 2,durationMinutes 2,timesPerDay 2,timesPerWeek 2) (sets 1,reps 1,holdSeconds 1,durationMinutes 1,timesPerDay 1,timesPerWeek 1) | 0– | 0– | day 0',
    ],
  ],
  [
    'holdSeconds less and durationMinutes more',
    dosed({ holdSeconds: 2, durationMinutes: 2 }),
    dosed({ holdSeconds: 1, durationMinutes: 3 }),
    ['other: dose walking (holdSeconds 2,durationMinutes 2) (holdSeconds 1,durationMinutes 3) | 0– | 0– | day 0'],
  ],
  [
    'timesPerWeek less and timesPerDay more',
    dosed({ timesPerWeek: 2, timesPerDay: 2 }),
    dosed({ timesPerWeek: 1, timesPerDay: 3 }),
    ['other: dose walking (timesPerWeek 2,timesPerDay 2) (timesPerWeek 1,timesPerDay 3) | 0– | 0– | day 0'],
  ],
  [
    'sides of a bilateral operation',
    prescriptions({ side: 'left' }),
    prescriptions({ side: 'non-operative' }),
    ['other: side walking none left non-operative | 0– | 0– | day 0'],
  ],
  [
    'a limit that is only in force in a phase',
    { ...phases({ entry: days({ atLeast: 0 }) }, {}), ...limits({ max: 5, when: { phase: { from: 'second' } } }) },
    limits({ max: 5 }),
    ['stricter: limit load kg max added none 5 | 0– | 0–, without visit | day 0'],
  ],
  [
    'a limit before the surgery where a phase is',
    { ...ever, limits: [] },
    ever,
    ['stricter: limit load kg max added none 10 | – | – | day 0'],
  ],
  [
    'an instruction before the surgery where a phase is',
    { ...ever, instructions: [] },
    ever,
    ['other: instruction sit posture Sit up. added isOnly | – | – | day 0'],
  ],
  [
    'a contraindication where no phase is',
    { ...phases({ entry: days({ atLeast: 4 }) }, {}), contraindications: [] },
    phases({ entry: days({ atLeast: 4 }) }, {}),
    ['stricter: contraindication twisting absolute added isOnly [(exercise golf)] [] [golf] | 0– | 0– | day 0'],
  ],
  [
    'a goal by its condition',
    limits({ kind: 'goal', min: 5, when: days({ before: 5 }) }, { max: 9 }),
    limits({ kind: 'goal', min: 5, when: days({ before: 8 }) }, { max: 9 }),
    ['other: goal load kg 5 none none added | 5–7 | 5–7 | day 5'],
  ],
  [
    'the words of a limit without a number, for longer',
    limits({ value: null, text: 'a', when: days({ before: 4 }) }),
    limits({ value: null, text: 'a', when: days({ before: 6 }) }),
    ['stricter: instructed-limit load kg a added | 4–5 | 4–5 | day 4'],
  ],
  [
    'a rule that is renamed and lasts longer',
    rules({ when: days({ before: 4 }) }),
    rules({ code: 'other', title: 'Other', when: days({ before: 6 }) }),
    [
      'stricter: exercise walking lost | 4–5 | 4–5, later | day 4',
      'stricter: contraindication other absolute added [(exercise walking)] [] [walking] | 4–5 | 4–5 | day 4',
    ],
  ],
  [
    'a phase with another entry',
    {},
    phases({}, { entry: { any: [{ milestone: 'visit' }, days({ atLeast: 60 })] } }),
    [],
  ],
  [
    'phases in another order',
    { ...phases({}, { entry: days({ atLeast: 9 }), setting: 'gym' }) },
    {
      phases: [
        { ...second, entry: days({ atLeast: 0 }), setting: 'gym' },
        { ...first, entry: days({ atLeast: 9 }) },
      ],
    },
    [
      'stricter: exercise walking lost | 0– | 0–, no-longer | day 0',
      'other: phase (setting none,goals []) (setting gym,goals []) | 0–8 | 0–8 | day 0',
      'other: phase (setting gym,goals []) (setting none,goals []) | 9– | 9– | day 9',
      'other: move first lost | 0–8 | 0–8, later | day 0',
      'other: move first gained | 9– | 9–, longer | day 9',
      'other: move second lost | 9– | 9–, shorter | day 9',
      'other: move second gained | 0–8 | 0–8, earlier | day 0',
    ],
  ],
  [
    'a match lost by two targets',
    { ...rules({ target: [{ attributes: { impact: 1 } }, { kind: 'exercise', attributes: { impact: 1 } }] }) },
    {
      ...rules({ target: [{ attributes: { impact: 1 } }, { kind: 'exercise', attributes: { impact: 1 } }] }),
      exercises: [{ ...walking, attributes: { impact: 0 } }, golf],
    },
    ['laxer: exercise walking gained | 0– | 0–, newly | day 0', 'laxer: match rule-0 absolute walking removed'],
  ],
  [
    'what the operation tells of a fact that is new',
    {},
    { ...fact(told), ...walksWhen(pain({ is: false })) },
    [
      'stricter: exercise walking lost | 0– | 0–, pain (is true), fewer | day 0, pain true on 0',
      'other: asks fact pain How? added',
    ],
  ],
  [
    'everything that can be stricter',
    {
      ...prescriptions(
        { side: 'both', supervision: 'independent', dosage: [{ reps: 5 }] },
        { exercise: 'golf' },
        { exercise: 'hiking' },
      ),
      exercises: [walking, golf, { ...golf, code: 'hiking' }, { ...golf, code: 'rowing' }],
      ...rules({ target: [{ exercise: 'hiking' }], strength: 'relative' }, { target: [{ attributes: { impact: 3 } }] }),
      limits: [],
      redFlags: [],
    },
    {
      ...prescriptions({ side: 'left', supervision: 'supervised', provided: 'a', dosage: [{ reps: 4 }] }),
      exercises: [walking, golf, { ...golf, code: 'hiking' }, { ...golf, code: 'rowing', attributes: { impact: 3 } }],
      ...rules(
        { target: [{ exercise: 'hiking' }], strength: 'relative' },
        { target: [{ attributes: { impact: 3 } }] },
        { strength: 'caution' },
      ),
      ...limits({ max: 5 }, { value: null }),
      redFlags: base.redFlags,
    },
    [
      'stricter: exercise golf lost | 0– | 0–, no-longer | day 0',
      'stricter: prescribed hiking lost | 0– | 0–, no-longer | day 0',
      'stricter: side walking none both left | 0– | 0– | day 0',
      'stricter: dose walking (reps 5) (reps 4) | 0– | 0– | day 0',
      'stricter: supervision walking independent supervised | 0– | 0– | day 0',
      'stricter: provided walking [] [a] | 0– | 0– | day 0',
      'stricter: cautions walking [rule-2] [] | 0– | 0– | day 0',
      'stricter: limit load kg max added none 5 | 0– | 0– | day 0',
      'stricter: instructed-limit load kg none added | 0– | 0– | day 0',
      'stricter: contraindication rule-2 caution added isOnly [(exercise walking)] [] [walking] | 0– | 0– | day 0',
      'stricter: match rule-1 absolute rowing added',
      'stricter: red-flag fever added none contact-surgeon',
    ],
  ],
  [
    'everything that can be otherwise',
    {
      ...prescriptions({
        side: 'left',
        provided: 'b',
        dosage: [{ reps: 5 }],
        when: { any: [{ milestone: 'visit' }, pain({ is: true }), days({ before: 9 })] },
      }),
      ...rules({ strength: 'caution' }),
      ...fact(told),
      ...phases({ setting: 'home' }, {}),
      ...limits({ kind: 'goal', min: 5 }),
    },
    {
      ...prescriptions({
        side: 'right',
        provided: 'a',
        dosage: [{ sets: 5 }],
        when: { any: [{ milestone: 'visit' }, { milestone: 'clearance' }, pain({ is: true }), days({ before: 9 })] },
      }),
      ...rules({ strength: 'caution', target: [{ kind: 'exercise' }] }),
      ...fact({ type: 'boolean' }),
      ...phases({ setting: 'gym' }, {}),
      ...limits({ kind: 'goal', min: 6 }),
      ...instructions({ text: 'Sit.' }),
      procedures: ['other'],
    },
    [
      'stricter: contraindication rule-0 caution added isOnly [(kind exercise)] [] [walking] | 0– | 0– | day 0',
      'laxer: exercise walking gained | 9– | 9–, clearance by surgeon, without visit, without pain, more; 9–, clearance by surgeon, pain (is false), without visit, more | day 9, clearance on 9 by surgeon',
      'laxer: contraindication rule-0 caution removed isOnly [(exercise walking)] [] [walking] | 0– | 0– | day 0',
      'other: side walking none left right | 0– | 0–8; 9–, pain (is true); 9–, visit | day 0',
      'other: dose walking (reps 5) (sets 5) | 0– | 0–8; 9–, pain (is true); 9–, visit | day 0',
      'other: provided walking [b] [a] | 0– | 0–8; 9–, pain (is true); 9–, visit | day 0',
      'other: cautions walking [rule-0] [rule-0] | 0– | 0–8; 9–, pain (is true); 9–, visit | day 0',
      'other: goal load kg 5 none none removed | 0– | 0– | day 0',
      'other: goal load kg 6 none none added | 0– | 0– | day 0',
      'other: phase (setting home,goals []) (setting gym,goals []) | 0– | 0–, without visit | day 0',
      'other: instruction sit posture Sit up. removed isOnly | 0– | 0– | day 0',
      'other: instruction sit-0 posture Sit. added isOnly | 0– | 0– | day 0',
      'other: asks milestone clearance none added',
      'other: told pain procedure revision none',
      'other: procedure repair removed',
      'other: procedure other added',
    ],
  ],
]
