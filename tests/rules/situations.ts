import fc from 'fast-check'
import type {
  CalendarDate,
  Condition,
  Contraindication,
  Dose,
  Exercise,
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
import type { Asked } from './oracle.ts'

/** Versions and a record, the days to ask about, and what is known when. */
export interface Situation {
  versions: readonly ProtocolVersion[]
  entries: readonly RecordEntry[]
  alsoJudge: readonly Exercise[]
  days: readonly number[]
  knownAt: Instant
}

// Few names and few days, so that what is recorded often meets what is asked, a day before, on the day, a day after.
const surgeryDate = Temporal.PlainDate.from('2026-03-02')
const opened = Temporal.Instant.from('2026-03-02T08:00:00Z')
const thresholds = [-3, 0, 1, 7, 14, 28]
const recordedDays = [-3, -1, 0, 1, 2, 6, 7, 8, 13, 14, 20, 21, 28]
const askedDays = [-4, -3, -1, 0, 1, 2, 5, 6, 7, 8, 9, 13, 14, 15, 20, 21, 22, 27, 28, 29, 35, 42]
const codes = ['walk', 'bend', 'lift', 'swim'] as const
const groups = ['gentle', 'water'] as const
const attributes = ['impact', 'twisting'] as const
const phaseCodes = ['first', 'second', 'third'] as const
const milestoneCodes = ['discharge', 'visit', 'clearance'] as const
const ruleCodes = ['a', 'b', 'c', 'd'] as const
const sides = ['both', 'operative', 'non-operative', 'left', 'right'] as const

export function dateOn(day: number): CalendarDate {
  return surgeryDate.add({ days: day }).toString() as CalendarDate
}

export function momentOf(revision: number): Instant {
  return opened.add({ minutes: revision }).toString({ smallestUnit: 'millisecond' }) as Instant
}

const threshold = fc.constantFrom(...thresholds)
const day = fc.constantFrom(...recordedDays)
const milestone = fc.constantFrom(...milestoneCodes)
const exerciseCode = fc.constantFrom(...codes)

function oftenLeftOut<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined, freq: 2 })
}

/** Leaves out what is undefined, as a stored document does. */
function tidy<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T
}

// ---- Conditions ----

const daysLeaf: fc.Arbitrary<Condition> = fc
  .record({
    since: fc.option(milestone, { nil: undefined, freq: 2 }),
    shape: fc.nat(2),
    low: threshold,
    high: threshold,
  })
  .map(({ since, shape, low, high }) => {
    const atLeast = Math.min(low, high)
    const before = low === high ? low + 1 : Math.max(low, high)
    return {
      days: tidy({ since, atLeast: shape === 1 ? undefined : atLeast, before: shape === 0 ? undefined : before }),
    }
  })

const withinDays = fc.option(fc.constantFrom(0, 1, 7), { nil: undefined, freq: 2 })
const pain = fc.constantFrom(2, 3, 4, 5)
const factLeaf: fc.Arbitrary<Condition> = fc.oneof(
  fc
    .record({ test: fc.constantFrom('atLeast', 'atMost', 'above', 'below', 'is'), bound: pain, withinDays })
    .map(({ test, bound, withinDays }) => tidy({ fact: 'pain', [test]: bound, withinDays })),
  fc
    .record({ low: pain, high: pain, withinDays })
    .map(({ low, high, withinDays }) => tidy({ fact: 'pain', atLeast: low, below: high, withinDays })),
  fc.record({ is: fc.boolean(), withinDays }).map((test) => tidy({ fact: 'smoker', ...test })),
  fc
    .subarray(['anterior', 'lateral', 'posterior'], { minLength: 1 })
    .map((values) => ({ fact: 'approach', in: values })),
)
const milestoneLeaf: fc.Arbitrary<Condition> = milestone.map((code) => ({ milestone: code }))
const phaseLeaf: fc.Arbitrary<Condition> = fc
  .record({ from: oftenLeftOut(fc.constantFrom(0, 1)), length: oftenLeftOut(fc.nat(2)) })
  .map(({ from, length }) => ({
    phase: tidy({
      from: from === undefined ? undefined : phaseCodes[from],
      through: length === undefined ? undefined : phaseCodes[Math.min((from ?? 0) + length, 2)],
    }),
  }))

function combine(part: fc.Arbitrary<Condition>): fc.Arbitrary<Condition> {
  return fc.oneof(
    { weight: 5, arbitrary: part },
    { weight: 1, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((all) => ({ all })) },
    { weight: 1, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((any) => ({ any })) },
    { weight: 1, arbitrary: part.map((not) => ({ not })) },
  )
}

const entryCondition = combine(combine(fc.oneof(daysLeaf, milestoneLeaf, factLeaf)))
const condition = combine(combine(fc.oneof(daysLeaf, milestoneLeaf, factLeaf, phaseLeaf)))
const when = fc.option(condition, { nil: undefined, freq: 3 })

// ---- Documents ----

const grade = fc.constantFrom<Grade>(0, 1, 2, 3)
const grading = fc
  .record({
    impact: fc.option(grade, { nil: undefined, freq: 4 }),
    twisting: fc.option(grade, { nil: undefined, freq: 4 }),
  })
  .map((grades) => tidy(grades) as Readonly<Record<string, Grade>>)

export const anExercise = (code: string): fc.Arbitrary<Exercise> =>
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

export const aContraindication = (code: string): fc.Arbitrary<Contraindication> =>
  fc
    .record({
      code: fc.constant(code),
      title: fc.constant(code),
      strength: fc.constantFrom('absolute', 'relative', 'caution'),
      target: fc.array(target, { minLength: 1, maxLength: 2 }),
      when,
    })
    .map(tidy)

const dose: fc.Arbitrary<Dose> = fc
  .record({
    reps: oftenLeftOut(fc.constantFrom(5, 10)),
    timesPerDay: oftenLeftOut(fc.constantFrom(1, 3)),
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
  dosage: oftenLeftOut(
    fc.array(
      fc.record({ when, dose }).map(({ when, dose }) => tidy({ when, ...dose })),
      { minLength: 1, maxLength: 3 },
    ),
  ),
})

const limit = fc.record({
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
  fc.constantFrom(7, 14).map((atLeast) => ({ days: { atLeast } })),
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
      prescriptions: fc.array(prescription, { minLength: 1, maxLength: 4 }),
      contraindications: fc.array(aContraindication(''), { maxLength: 3 }),
      instruction: when,
      limits: fc.array(limit, { maxLength: 3 }),
      roles: fc.constantFrom([['surgeon']], [['surgeon', 'doctor']], []),
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
        milestones: milestoneCodes.map((name) =>
          tidy({ code: name, title: name, grantedBy: name === 'clearance' ? roles[0] : undefined }),
        ),
        facts: [
          { code: 'pain', title: 'pain', type: 'number', ask: '?' },
          { code: 'smoker', title: 'smoker', type: 'boolean', ask: '?' },
          {
            code: 'approach',
            title: 'approach',
            type: 'choice',
            values: ['anterior', 'lateral', 'posterior'],
            ask: '?',
          },
        ],
        phases: entries.map((entry, index): Phase => ({ code: phaseCodes[index] ?? '', title: `${index}`, entry })),
        prescriptions: complete,
        contraindications: contraindications.map((rule, index) => ({ ...rule, code: ruleCodes[index] ?? '' })),
        instructions: [tidy({ code: 'i', about: 'posture', text: 'sit up', when: instruction })],
        limits: coded(limits.map(({ bounds, ...rest }) => ({ ...rest, ...bounds }))) as Limit[],
        redFlags: [{ code: 'fever', title: 'fever', response: 'contact-surgeon' }],
      }
    })

// ---- Records ----

/** An entry that names an earlier one by its place among those that it can name. */
type Sketch =
  | (Record<string, unknown> & { kind: Exclude<RecordEntry['kind'], 'revocation' | 'resolution' | 'void'> })
  | { kind: 'revocation' | 'resolution'; nth: number; on: CalendarDate }
  | { kind: 'void'; nth: number }

const date = day.map(dateOn)
const until = fc.option(date, { nil: null, freq: 2 })

function sketch(catalogue: readonly Exercise[]): fc.Arbitrary<Sketch> {
  const named = exerciseCode.chain((code) => {
    const listed = catalogue.find((exercise) => exercise.code === code)
    // The catalogue's entry of the day on which the override was recorded.
    return listed === undefined
      ? anExercise(code)
      : fc.oneof({ weight: 4, arbitrary: fc.constant(listed) }, anExercise(code))
  })
  const observation = fc.oneof(
    fc.record({ code: fc.constant('pain'), value: fc.constantFrom<string | number>(2, 3, 4, 5, 6, 'bad') }),
    fc.record({ code: fc.constant('smoker'), value: fc.boolean() }),
    fc.record({ code: fc.constant('approach'), value: fc.constantFrom('anterior', 'posterior') }),
  )
  const weigh = (weight: number, arbitrary: fc.Arbitrary<Sketch>) => ({ weight, arbitrary })
  return fc.oneof(
    weigh(
      15,
      fc.record({
        kind: fc.constant('milestone'),
        code: milestone,
        on: date,
        grantedBy: fc.constantFrom('surgeon', 'doctor', 'patient', null),
      }),
    ),
    weigh(
      12,
      fc
        .record({ observation, on: date })
        .map(({ observation, on }) => ({ kind: 'fact' as const, ...observation, on })),
    ),
    weigh(
      12,
      fc
        .record({
          entry: named,
          effect: fc.constantFrom('permit', 'permit', 'withhold'),
          from: date,
          until,
          lifts: fc.subarray([...ruleCodes]),
          versions: fc.constantFrom(['p', 'q'], ['p', 'q'], ['p'], []),
        })
        .map((override) => ({ kind: 'override' as const, exercise: override.entry.code, reason: '', ...override })),
    ),
    weigh(3, fc.record({ kind: fc.constant('revocation'), nth: fc.nat(3), on: date })),
    weigh(
      2,
      fc.record({
        kind: fc.constant('symptom'),
        redFlag: fc.constant('fever'),
        title: fc.constant('fever'),
        response: fc.constant('contact-surgeon'),
        on: date,
      }),
    ),
    weigh(3, fc.record({ kind: fc.constant('resolution'), nth: fc.nat(2), on: date })),
    weigh(2, fc.record({ kind: fc.constant('hold'), from: date, until, reason: fc.constant('') })),
    weigh(4, fc.record({ kind: fc.constant('void'), nth: fc.nat(9) })),
    weigh(
      1,
      fc.record({
        kind: fc.constant('surgery'),
        surgeryDate: fc.constantFrom(1, 7).map(dateOn),
        procedures: fc.constant([]),
        levels: fc.constant([]),
        side: fc.constantFrom('left', null),
      }),
    ),
    weigh(
      1,
      fc.record({
        kind: fc.constant('assignment'),
        versions: fc.constantFrom(['p'], ['q'], ['p', 'q'], ['p', 'q'], []),
      }),
    ),
    weigh(
      1,
      fc.record({ kind: fc.constant('closure'), on: fc.constantFrom(21, 28).map(dateOn), reason: fc.constant('') }),
    ),
  ) as fc.Arbitrary<Sketch>
}

/** Numbers the entries in their order and resolves whom they name; one that can name nobody is left out. */
export function number(sketches: readonly Sketch[], earlier: readonly RecordEntry[] = []): RecordEntry[] {
  const entries: RecordEntry[] = [...earlier]
  for (const drawn of sketches) {
    const revision = entries.length + 1
    const recorded = { id: `e${String(revision).padStart(3, '0')}`, revision, recordedAt: momentOf(revision) }
    if (drawn.kind === 'revocation' || drawn.kind === 'resolution' || drawn.kind === 'void') {
      const { nth } = drawn as { nth: number }
      const sought = { revocation: 'milestone', resolution: 'symptom', void: null }[drawn.kind]
      const candidates = entries.filter((entry) => (sought === null ? entry.kind !== 'void' : entry.kind === sought))
      const named = candidates[nth % Math.max(candidates.length, 1)]
      if (named === undefined) continue
      const { on } = drawn as { on: CalendarDate }
      if (drawn.kind === 'void') entries.push({ ...recorded, kind: 'void', entry: named.id, reason: '' })
      else if (drawn.kind === 'revocation')
        entries.push({ ...recorded, kind: 'revocation', milestone: named.id, on, reason: '' })
      else entries.push({ ...recorded, kind: 'resolution', symptom: named.id, on })
    } else entries.push({ ...recorded, ...drawn } as unknown as RecordEntry)
  }
  return entries
}

const operated = fc.constantFrom('left', 'right', 'bilateral', null, null)

/** Situations with `dates` days to ask about. */
export function situations(dates: number): fc.Arbitrary<Situation> {
  return fc
    .tuple(...codes.map(anExercise))
    .chain((catalogue) =>
      fc.record({
        documents: fc.tuple(aDocument('p', catalogue), aDocument('q', catalogue)),
        assigned: fc.oneof(
          { weight: 20, arbitrary: fc.constant(['p']) },
          { weight: 20, arbitrary: fc.constant(['p', 'q']) },
          { weight: 1, arbitrary: fc.constantFrom([], ['p', 'p-of-old']) },
        ),
        side: operated,
        sketches: fc.array(sketch(catalogue), { maxLength: 9 }),
        alsoJudge: fc.subarray(catalogue),
        knownUpTo: oftenLeftOut(fc.nat(9)),
        days: fc.subarray(askedDays, { minLength: 1, maxLength: Math.min(dates, askedDays.length) }),
      }),
    )
    .map(({ documents, assigned, side, sketches, alsoJudge, knownUpTo, days }) => {
      const first = [
        { kind: 'surgery' as const, surgeryDate: dateOn(0), procedures: ['repair'], levels: [], side },
        { kind: 'assignment' as const, versions: assigned },
      ]
      const entries = number([...first, ...sketches])
      return {
        versions: documents.map((document) => ({ id: document.code, version: 1, document })),
        entries,
        alsoJudge,
        days,
        knownAt: momentOf(knownUpTo === undefined ? entries.length : Math.min(knownUpTo + 1, entries.length)),
      }
    })
}

export const sketches: fc.Arbitrary<readonly Sketch[]> = fc
  .tuple(...codes.map(anExercise))
  .chain((catalogue) => fc.array(sketch(catalogue), { minLength: 1, maxLength: 5 }))

export function ask({ versions, entries, alsoJudge, knownAt }: Situation, day: number): Asked {
  return { versions, entries, alsoJudge, knownAt, on: dateOn(day) }
}
