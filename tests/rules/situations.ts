import fc from 'fast-check'
import type {
  CalendarDate,
  Condition,
  Contraindication,
  DayBound,
  Dose,
  Exercise,
  FactDeclaration,
  Grade,
  Instant,
  Limit,
  Phase,
  Prescription,
  ProtocolDocument,
  ProtocolVersion,
  RecordEntry,
  Target,
} from '../../src/rules/types.ts'
import { type Asked, dateOf, dayNumber } from './oracle.ts'

/** Versions and a record, the days to ask about, and what is known when. */
export interface Situation {
  surgeryDate: CalendarDate
  versions: readonly ProtocolVersion[]
  entries: readonly RecordEntry[]
  alsoJudge: readonly Exercise[]
  /** Counted from `surgeryDate`, whatever the record says of the surgery later. */
  days: readonly number[]
  knownAt: Instant
}

/** How much of everything there is to draw from. */
interface Scale {
  thresholds: readonly number[]
  entryDays: readonly number[]
  recordedDays: readonly number[]
  askedDays: readonly number[]
  withinDays: readonly number[]
  milestones: readonly string[]
  facts: readonly FactCode[]
  prescriptions: number
  contraindications: number
  sketches: number
  /** How deep conditions are nested at most. */
  depth: number
}

// Few names and few days, so that what is recorded often meets what is asked, a day before, on the day, a day after.
const large: Scale = {
  thresholds: [-3, 0, 1, 7, 14, 28],
  entryDays: [7, 14],
  recordedDays: [-3, -1, 0, 1, 2, 6, 7, 8, 13, 14, 20, 21, 28],
  askedDays: [-4, -3, -1, 0, 1, 2, 5, 6, 7, 8, 9, 13, 14, 15, 20, 21, 22, 27, 28, 29, 35, 42],
  withinDays: [0, 1, 7],
  milestones: ['discharge', 'visit', 'clearance'],
  facts: ['pain', 'smoker', 'approach', 'graft', 'levels', 'operated-side', 'revision'],
  prescriptions: 4,
  contraindications: 3,
  sketches: 9,
  depth: 3,
}

/** Small enough to try whatever could be recorded. */
const small: Scale = {
  thresholds: [0, 1, 3],
  entryDays: [1, 3],
  recordedDays: [-1, 0, 1, 2, 3, 4],
  askedDays: [-1, 0, 1, 2, 3],
  withinDays: [0, 1],
  milestones: ['visit', 'clearance'],
  facts: ['pain', 'smoker', 'graft', 'levels'],
  prescriptions: 2,
  contraindications: 2,
  sketches: 5,
  depth: 2,
}

const opened = Temporal.Instant.from('2026-01-01T08:00:00Z')

/**
 * Days of surgery. The six weeks after them hold a change of the clocks in New York (8 March and 1 November 2026) and in
 * Auckland (5 April and 27 September 2026), a turn of the year, and the end of February in a leap year and in another.
 */
const surgeryDates = [
  '2026-03-02',
  '2026-03-27',
  '2026-09-20',
  '2026-10-25',
  '2026-12-20',
  '2027-02-22',
  '2028-02-15',
  '2028-02-28',
  '2028-02-29',
] as CalendarDate[]

const codes = ['walk', 'bend', 'lift', 'swim'] as const
const groups = ['gentle', 'water'] as const
const attributes = ['impact', 'twisting'] as const
const phaseCodes = ['first', 'second', 'third'] as const
const ruleCodes = ['a', 'b', 'c', 'd'] as const
const sides = ['both', 'operative', 'non-operative', 'left', 'right'] as const

export function dateOn({ surgeryDate }: Pick<Situation, 'surgeryDate'>, day: number): CalendarDate {
  return dateOf(dayNumber(surgeryDate) + day)
}

export function momentOf(revision: number): Instant {
  return opened.add({ minutes: revision }).toString({ smallestUnit: 'millisecond' }) as Instant
}

const exerciseCode = fc.constantFrom(...codes)

function oftenLeftOut<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined, freq: 2 })
}

/** Leaves out what is undefined, as a stored document does. */
function tidy<T extends object>(value: T): T {
  const tidied: Partial<T> = {}
  for (const key in value) if (value[key] !== undefined) tidied[key] = value[key]
  return tidied as T
}

// ---- Facts ----

type FactCode = 'pain' | 'smoker' | 'approach' | 'graft' | 'levels' | 'operated-side' | 'revision'

const factDeclarations: Readonly<Record<FactCode, FactDeclaration>> = {
  pain: { code: 'pain', title: 'pain', type: 'number', min: 0, max: 10, ask: '?' },
  smoker: { code: 'smoker', title: 'smoker', type: 'boolean', ask: '?' },
  approach: {
    code: 'approach',
    title: 'approach',
    type: 'choice',
    values: ['anterior', 'lateral', 'posterior'],
    ask: '?',
  },
  graft: { code: 'graft', title: 'graft', type: 'choice', values: ['own', 'donor'], ask: '?', fixed: true },
  levels: { code: 'levels', title: 'levels', type: 'number', min: 1, ask: '?', operation: 'levels' },
  'operated-side': {
    code: 'operated-side',
    title: 'operated side',
    type: 'choice',
    values: ['left', 'right', 'bilateral'],
    ask: '?',
    operation: 'side',
  },
  revision: { code: 'revision', title: 'revision', type: 'boolean', ask: '?', operation: { procedure: 'revision' } },
}

/** What may be observed of each; `bad` is what a version that declares the fact otherwise has left behind. */
const observable: Readonly<Record<FactCode, readonly (string | number | boolean)[]>> = {
  pain: [2, 3, 4, 5, 6, 'bad'],
  smoker: [true, false],
  approach: ['anterior', 'posterior'],
  graft: ['own', 'donor'],
  levels: [1, 3],
  'operated-side': ['left', 'bilateral'],
  revision: [true, false],
}

/** The values that a declared fact can have, on both sides of what conditions compare it with. */
export const factValues: Readonly<Record<string, readonly (string | number | boolean)[]>> = {
  ...observable,
  pain: [2, 3, 4, 5, 6],
  approach: ['anterior', 'lateral', 'posterior'],
  levels: [1, 2, 3],
  'operated-side': ['left', 'right', 'bilateral'],
}

/** How often the generator has used what it can use: `range`, `except`, and so on. */
export function coverageOf({ versions, entries }: Situation): string[] {
  const found: string[] = []
  const visit = (condition: Condition, depth: number): void => {
    if ('all' in condition || 'any' in condition) {
      found.push('all' in condition ? 'condition all' : 'condition any')
      for (const part of 'all' in condition ? condition.all : condition.any) visit(part, depth + 1)
    } else if ('not' in condition) {
      found.push('condition not')
      visit(condition.not, depth + 1)
    } else if ('days' in condition) {
      const { since, atLeast, before } = condition.days
      found.push(since === undefined ? 'days since the surgery' : 'days since a milestone')
      if (typeof atLeast === 'object') found.push('days at least a range')
      if (typeof before === 'object') found.push('days before a range')
      if (atLeast !== undefined && before !== undefined) found.push('days from and before')
    } else if ('fact' in condition) {
      const { fact, ...test } = condition
      const { operation, fixed, type } = factDeclarations[fact as FactCode]
      found.push(`fact ${type}`)
      if (fixed) found.push('fact fixed')
      if (operation !== undefined) {
        found.push(`fact of the operation: ${typeof operation === 'string' ? operation : 'procedure'}`)
      }
      for (const key of Object.keys(test)) found.push(`fact ${key}`)
    } else found.push('milestone' in condition ? 'condition milestone' : 'condition phase')
    if (depth === 3) found.push('condition three deep')
  }
  for (const { document } of versions) {
    for (const { entry } of document.phases) {
      visit(entry, 0)
      if ('fact' in entry) found.push('phase with a criterion')
    }
    for (const rule of [...document.contraindications, ...document.instructions, ...document.limits]) {
      if (rule.when !== undefined) visit(rule.when, 0)
    }
    for (const rule of document.contraindications) {
      if (rule.except !== undefined) found.push('contraindication with exceptions')
    }
    for (const rule of document.limits) found.push(rule.kind === 'goal' ? 'goal' : 'cap')
    for (const rule of document.prescriptions) {
      found.push(rule.group === undefined ? 'prescription of an exercise' : 'prescription of a group')
      if (rule.provided !== undefined) found.push('prescription with a proviso')
      if (rule.when !== undefined) visit(rule.when, 0)
      for (const step of rule.dosage ?? []) {
        if (step.when !== undefined) visit(step.when, 0)
        if (step.amounts !== undefined) found.push('dose with amounts')
      }
    }
  }
  for (const entry of entries) {
    found.push(`entry ${entry.kind}`)
    if (entry.kind === 'surgery' && entry.levels.length > 0) found.push('surgery with levels')
    if (entry.kind === 'surgery' && entry.procedures.length > 1) found.push('surgery of two procedures')
  }
  return found
}

function arbitraries(scale: Scale) {
  const threshold = fc.constantFrom(...scale.thresholds)
  const day = fc.constantFrom(...scale.recordedDays)
  const milestone = fc.constantFrom(...scale.milestones)

  // ---- Conditions ----

  const daysLeaf: fc.Arbitrary<Condition> = fc
    .record({
      since: fc.option(milestone, { nil: undefined, freq: 2 }),
      shape: fc.nat(2),
      range: fc.nat(5),
      bounds: fc.tuple(threshold, threshold, threshold),
    })
    .map(({ since, shape, range, bounds }) => {
      const [low, middle, high] = [...new Set(bounds)].sort((a, b) => a - b)
      const first = low ?? 0
      const second = middle ?? first + 1
      const third = high ?? second + 1
      const atLeast: DayBound = range === 0 && shape !== 2 ? [first, second] : first
      const before: DayBound = range === 1 ? [second, third] : second
      // A range may not begin behind the end of the other.
      const from = shape === 1 ? undefined : shape === 2 && range === 0 && third > second ? first : atLeast
      return { days: tidy({ since, atLeast: from, before: shape === 0 ? undefined : before }) }
    })

  const withinDays = fc.option(fc.constantFrom(...scale.withinDays), { nil: undefined, freq: 2 })
  const pain = fc.constantFrom(2, 3, 4, 5)
  const tests: Readonly<Record<FactCode, fc.Arbitrary<Condition>>> = {
    pain: fc.oneof(
      fc
        .record({ test: fc.constantFrom('atLeast', 'atMost', 'above', 'below', 'is'), bound: pain, withinDays })
        .map(({ test, bound, withinDays }) => tidy({ fact: 'pain', [test]: bound, withinDays })),
      fc
        .record({ low: pain, high: pain, withinDays })
        .map(({ low, high, withinDays }) => tidy({ fact: 'pain', atLeast: low, below: high, withinDays })),
    ),
    smoker: fc.record({ is: fc.boolean(), withinDays }).map((test) => tidy({ fact: 'smoker', ...test })),
    approach: fc
      .subarray(['anterior', 'lateral', 'posterior'], { minLength: 1 })
      .map((values) => ({ fact: 'approach', in: values })),
    graft: fc.constantFrom('own', 'donor').map((is) => ({ fact: 'graft', is })),
    levels: fc
      .record({ test: fc.constantFrom('atLeast', 'atMost', 'is'), bound: fc.constantFrom(1, 2, 3) })
      .map(({ test, bound }) => ({ fact: 'levels', [test]: bound })),
    'operated-side': fc
      .subarray(['left', 'right', 'bilateral'], { minLength: 1, maxLength: 2 })
      .map((values) => ({ fact: 'operated-side', in: values })),
    // What the operation tells never gets too old.
    revision: fc.record({ is: fc.boolean(), withinDays }).map((test) => tidy({ fact: 'revision', ...test })),
  }
  const factLeaf = fc.oneof(...scale.facts.map((code) => tests[code]))
  const milestoneLeaf: fc.Arbitrary<Condition> = milestone.map((code) => ({ milestone: code }))
  const phaseLeaf: fc.Arbitrary<Condition> = fc
    .record({ from: oftenLeftOut(fc.constantFrom(0, 1)), length: oftenLeftOut(fc.nat(2)) })
    .map(({ from, length }) => ({
      phase: tidy({
        from: from === undefined ? undefined : phaseCodes[from],
        through: length === undefined ? undefined : phaseCodes[Math.min((from ?? 0) + length, 2)],
      }),
    }))

  const combine = (part: fc.Arbitrary<Condition>): fc.Arbitrary<Condition> =>
    fc.oneof(
      { weight: 6, arbitrary: part },
      { weight: 1, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((all) => ({ all })) },
      { weight: 1, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((any) => ({ any })) },
      { weight: 1, arbitrary: part.map((not) => ({ not })) },
    )
  const nested = (leaf: fc.Arbitrary<Condition>): fc.Arbitrary<Condition> =>
    Array.from({ length: scale.depth }).reduce<fc.Arbitrary<Condition>>((part) => combine(part), leaf)

  const entryCondition = nested(fc.oneof(daysLeaf, milestoneLeaf, factLeaf))
  const when = fc.option(nested(fc.oneof(daysLeaf, milestoneLeaf, factLeaf, phaseLeaf)), { nil: undefined, freq: 3 })

  // ---- Documents ----

  const grade = fc.constantFrom<Grade>(0, 1, 2, 3)
  const grading = fc
    .record({
      impact: fc.option(grade, { nil: undefined, freq: 4 }),
      twisting: fc.option(grade, { nil: undefined, freq: 4 }),
    })
    .map((grades) => tidy(grades) as Readonly<Record<string, Grade>>)

  const anExercise = (code: string): fc.Arbitrary<Exercise> =>
    fc.record({
      code: fc.constant(code),
      title: fc.constant(code),
      kind: fc.constantFrom('exercise', 'exercise', 'activity'),
      groups: fc.subarray([...groups]),
      attributes: grading,
    })

  const target: fc.Arbitrary<Target> = fc.oneof(
    exerciseCode.map((exercise) => ({ exercise })),
    fc.constantFrom(...groups).map((group) => ({ group })),
    fc.constant<Target>({ kind: 'activity' }),
    fc
      .record({ attribute: fc.constantFrom(...attributes), least: fc.constantFrom<Grade>(1, 2, 3) })
      .map(({ attribute, least }) => ({ attributes: { [attribute]: least } })),
    fc
      .record({ impact: fc.constantFrom<Grade>(1, 2), twisting: fc.constantFrom<Grade>(1, 2) })
      .map((both) => ({ attributes: both })),
    fc.record({ group: fc.constantFrom(...groups), kind: fc.constant('exercise' as const) }),
  )

  const aContraindication = (code: string): fc.Arbitrary<Contraindication> =>
    fc
      .record({
        code: fc.constant(code),
        title: fc.constant(code),
        strength: fc.constantFrom('absolute', 'relative', 'caution'),
        target: fc.array(target, { minLength: 1, maxLength: 2 }),
        except: fc.option(fc.array(target, { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 3 }),
        when,
      })
      .map(tidy)

  const amount = fc.record({
    quantity: fc.constantFrom('load', 'distance'),
    value: fc.constantFrom(1, 2, 5),
    unit: fc.constantFrom('kg', 'm'),
  })
  const dose: fc.Arbitrary<Dose> = fc
    .record({
      reps: oftenLeftOut(fc.constantFrom(5, 10)),
      timesPerDay: oftenLeftOut(fc.constantFrom(1, 3)),
      amounts: fc.option(
        fc.uniqueArray(amount, {
          selector: ({ quantity, unit }) => `${quantity} ${unit}`,
          minLength: 1,
          maxLength: 2,
        }),
        { nil: undefined, freq: 3 },
      ),
      note: oftenLeftOut(fc.constantFrom('slowly', 'gently')),
    })
    .map(tidy)

  const prescription = fc.record({
    what: fc.oneof(
      { weight: 4, arbitrary: exerciseCode.map((exercise) => ({ exercise })) },
      { weight: 1, arbitrary: fc.constantFrom(...groups).map((group) => ({ group })) },
    ),
    from: fc.nat(2),
    length: oftenLeftOut(fc.nat(2)),
    when,
    supervision: fc.constantFrom('independent' as const, 'supervised' as const),
    side: fc.oneof({ weight: 2, arbitrary: fc.constant('both' as const) }, fc.constantFrom(...sides)),
    provided: fc.option(fc.constantFrom('with the brace on', 'with a stick'), { nil: undefined, freq: 3 }),
    dosage: oftenLeftOut(
      fc.array(
        fc.record({ when, dose }).map(({ when, dose }) => tidy({ when, ...dose })),
        { minLength: 1, maxLength: 3 },
      ),
    ),
  })

  const limit = fc.record({
    kind: fc.constantFrom(undefined, undefined, 'cap' as const, 'goal' as const),
    quantity: fc.constantFrom('load', 'flexion'),
    unit: fc.option(fc.constant('kg'), { nil: undefined, freq: 3 }),
    bounds: fc.oneof(
      fc.constantFrom(0, 10, 20).map((max) => ({ max })),
      fc.constantFrom(0, 10, 20).map((min) => ({ min })),
      fc.constantFrom({ min: 5, max: 20 }, { min: 10, max: 30 }, { min: 5, max: 40 }),
      fc.constant({ value: null }),
    ),
    when,
  })

  const firstEntry: fc.Arbitrary<Condition> = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(-3, 0, 0, 0, 1).map((atLeast) => ({ days: { atLeast } })) },
    { weight: 1, arbitrary: entryCondition },
  )

  const laterEntry = fc.oneof(
    milestoneLeaf,
    fc.constantFrom(...scale.entryDays).map((atLeast) => ({ days: { atLeast } })),
    entryCondition,
  )

  /** Every rule of a list by a code of its own. */
  function coded<T extends object>(rules: readonly T[]): (T & { code: string })[] {
    return rules.map((rule, index) => tidy({ code: ruleCodes[index] ?? `r${index}`, ...rule }))
  }

  const aDocument = (code: string, catalogue: readonly Exercise[]): fc.Arbitrary<ProtocolDocument> =>
    fc
      .record({
        entries: fc.tuple(firstEntry, laterEntry, laterEntry),
        prescriptions: fc.array(prescription, { minLength: 1, maxLength: scale.prescriptions }),
        contraindications: fc.array(aContraindication(''), { maxLength: scale.contraindications }),
        instruction: when,
        limits: fc.array(limit, { maxLength: 3 }),
        roles: fc.constantFrom([['surgeon']], [['surgeon', 'doctor']], [['doctor', 'nurse']], []),
        // A version's own entry of an exercise can differ from the catalogue's of today.
        own: fc.option(exerciseCode.chain(anExercise), { nil: undefined, freq: 2 }),
        bringsAll: fc.boolean(),
      })
      .map(({ entries, prescriptions, contraindications, instruction, limits, roles, own, bringsAll }) => {
        const complete: Prescription[] = coded(
          prescriptions.map(({ what, from, length, ...rest }) => ({
            ...what,
            from: phaseCodes[from] ?? '',
            through: length === undefined ? undefined : phaseCodes[Math.min(from + length, 2)],
            ...rest,
          })),
        ).map(tidy) as Prescription[]
        const known = catalogue.map((exercise) => (exercise.code === own?.code ? own : exercise))
        return {
          format: 1,
          code,
          title: code,
          procedures: ['repair'],
          exercises: known.filter(
            (exercise) =>
              bringsAll ||
              complete.some(
                (rule) => rule.exercise === exercise.code || exercise.groups?.some((group) => group === rule.group),
              ),
          ),
          sources: [],
          milestones: scale.milestones.map((name) =>
            tidy({ code: name, title: name, grantedBy: name === 'clearance' ? roles[0] : undefined }),
          ),
          facts: scale.facts.map((name) => factDeclarations[name]),
          phases: entries.map((entry, index): Phase => ({ code: phaseCodes[index] ?? '', title: `${index}`, entry })),
          prescriptions: complete,
          contraindications: contraindications.map((rule, index) => ({ ...rule, code: ruleCodes[index] ?? '' })),
          instructions: [tidy({ code: 'i', about: 'posture', text: 'sit up', when: instruction })],
          limits: coded(limits.map(({ bounds, ...rest }) => ({ ...rest, ...bounds }))) as Limit[],
          redFlags: [{ code: 'fever', title: 'fever', response: 'contact-surgeon' }],
        }
      })

  // ---- Records ----

  /** Half open and not empty. */
  const span = fc
    .record({ from: day, until: fc.option(day, { nil: null, freq: 2 }) })
    .map(({ from, until }) => ({ from, until: until === null || until > from ? until : from + 1 }))
  const procedures = fc.constantFrom(['repair'], ['repair'], ['repair', 'revision'])
  const levels = fc.constantFrom([], ['L4-L5'], ['L4-L5', 'L5-S1'])

  function sketch(catalogue: readonly Exercise[]): fc.Arbitrary<Sketch> {
    const named = exerciseCode.chain((code) => {
      const listed = catalogue.find((exercise) => exercise.code === code)
      // The catalogue's entry of the day on which the override was recorded.
      return listed === undefined
        ? anExercise(code)
        : fc.oneof({ weight: 4, arbitrary: fc.constant(listed) }, anExercise(code))
    })
    const observation = fc.oneof(
      ...scale.facts.map((code) => fc.record({ code: fc.constant(code), value: fc.constantFrom(...observable[code]) })),
    )
    const weight = (weight: number, arbitrary: fc.Arbitrary<Sketch>) => ({ weight, arbitrary })
    return fc.oneof(
      weight(
        15,
        fc.record({
          kind: fc.constant('milestone'),
          code: milestone,
          on: day,
          grantedBy: fc.constantFrom('surgeon', 'doctor', 'patient', null),
        }),
      ),
      weight(
        12,
        fc
          .record({ observation, on: day })
          .map(({ observation, on }) => ({ kind: 'fact' as const, ...observation, on })),
      ),
      weight(
        12,
        fc
          .record({
            entry: named,
            effect: fc.constantFrom('permit', 'permit', 'withhold'),
            span,
            lifts: fc.subarray([...ruleCodes]),
            versions: fc.constantFrom(['p', 'q'], ['p', 'q'], ['p'], []),
          })
          .map(({ span, ...override }) => ({
            kind: 'override' as const,
            exercise: override.entry.code,
            reason: '',
            ...span,
            ...override,
          })),
      ),
      weight(3, fc.record({ kind: fc.constant('revocation'), nth: fc.nat(3), on: day })),
      weight(
        2,
        fc.record({
          kind: fc.constant('symptom'),
          redFlag: fc.constant('fever'),
          title: fc.constant('fever'),
          response: fc.constant('contact-surgeon'),
          on: day,
        }),
      ),
      weight(3, fc.record({ kind: fc.constant('resolution'), nth: fc.nat(2), on: day })),
      weight(
        2,
        span.map((dates) => ({ kind: 'hold' as const, reason: '', ...dates })),
      ),
      weight(4, fc.record({ kind: fc.constant('void'), nth: fc.nat(9) })),
      weight(
        1,
        fc.record({
          kind: fc.constant('surgery'),
          surgeryDate: fc.constantFrom(1, ...scale.entryDays),
          procedures,
          levels,
          side: fc.constantFrom('left', null),
        }),
      ),
      weight(
        1,
        fc.record({
          kind: fc.constant('assignment'),
          versions: fc.constantFrom(['p'], ['q'], ['p', 'q'], ['p', 'q'], []),
        }),
      ),
      weight(
        1,
        fc.record({
          kind: fc.constant('closure'),
          on: fc.constantFrom(...scale.recordedDays.slice(-2)),
          reason: fc.constant(''),
        }),
      ),
    ) as fc.Arbitrary<Sketch>
  }

  const operated = fc.constantFrom('left', 'right', 'bilateral', null, null)
  const catalogues = fc.tuple(...codes.map(anExercise))

  /** Situations with so many days to ask about. */
  const situations = (most: number, least = 1): fc.Arbitrary<Situation> =>
    catalogues
      .chain((catalogue) =>
        fc.record({
          surgeryDate: fc.constantFrom(...surgeryDates),
          documents: fc.tuple(aDocument('p', catalogue), aDocument('q', catalogue)),
          assigned: fc.oneof(
            { weight: 20, arbitrary: fc.constant(['p']) },
            { weight: 20, arbitrary: fc.constant(['p', 'q']) },
            { weight: 1, arbitrary: fc.constantFrom([], ['p', 'p-of-old']) },
          ),
          surgery: fc.record({ procedures, levels, side: operated }),
          sketches: fc.array(sketch(catalogue), { maxLength: scale.sketches }),
          alsoJudge: fc.subarray(catalogue),
          knownUpTo: oftenLeftOut(fc.nat(9)),
          days: fc.subarray([...scale.askedDays], { minLength: least, maxLength: most }),
        }),
      )
      .map(({ surgeryDate, documents, assigned, surgery, sketches, alsoJudge, knownUpTo, days }) => {
        const first: Sketch[] = [
          { kind: 'surgery', surgeryDate: 0, ...surgery },
          { kind: 'assignment', versions: assigned },
        ]
        const entries = number([...first, ...sketches], surgeryDate)
        return {
          surgeryDate,
          versions: documents.map((document) => ({ id: document.code, version: 1, document })),
          entries,
          alsoJudge,
          days,
          knownAt: momentOf(knownUpTo === undefined ? entries.length : Math.min(knownUpTo + 1, entries.length)),
        }
      })

  const sketches: fc.Arbitrary<readonly Sketch[]> = catalogues.chain((catalogue) =>
    fc.array(sketch(catalogue), { minLength: 1, maxLength: 5 }),
  )

  return { anExercise, aContraindication, sketches, situations }
}

/** An entry with days for dates, that names an earlier one by its place among those that it can name. */
type Sketch =
  | (Record<string, unknown> & { kind: Exclude<RecordEntry['kind'], 'revocation' | 'resolution' | 'void'> })
  | { kind: 'revocation' | 'resolution'; nth: number; on: number }
  | { kind: 'void'; nth: number }

/** Numbers the entries in their order and resolves whom they name; one that can name nobody is left out. */
export function number(
  sketches: readonly Sketch[],
  surgeryDate: CalendarDate,
  earlier: readonly RecordEntry[] = [],
): RecordEntry[] {
  const entries: RecordEntry[] = [...earlier]
  const dated = (drawn: object): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(drawn).map(([key, value]) => {
        const isDay = ['on', 'from', 'until', 'surgeryDate'].includes(key) && typeof value === 'number'
        return [key, isDay ? dateOn({ surgeryDate }, value) : value]
      }),
    )
  for (const drawn of sketches) {
    const revision = entries.length + 1
    const recorded = { id: `e${String(revision).padStart(3, '0')}`, revision, recordedAt: momentOf(revision) }
    const { nth, ...said } = dated(drawn)
    if (drawn.kind === 'revocation' || drawn.kind === 'resolution' || drawn.kind === 'void') {
      const sought = { revocation: 'milestone', resolution: 'symptom', void: null }[drawn.kind]
      const candidates = entries.filter((entry) => (sought === null ? entry.kind !== 'void' : entry.kind === sought))
      const named = candidates[Number(nth) % Math.max(candidates.length, 1)]
      if (named === undefined) continue
      const what = { revocation: 'milestone', resolution: 'symptom', void: 'entry' }[drawn.kind]
      entries.push({ ...recorded, reason: '', ...said, [what]: named.id } as unknown as RecordEntry)
    } else entries.push({ ...recorded, ...said } as unknown as RecordEntry)
  }
  return entries
}

export const { anExercise, aContraindication, sketches, situations } = arbitraries(large)
export const { situations: smallSituations } = arbitraries(small)

export function ask({ versions, entries, alsoJudge, knownAt, ...situation }: Situation, day: number): Asked {
  return { versions, entries, alsoJudge, knownAt, on: dateOn(situation, day) }
}
