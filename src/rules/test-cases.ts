import { addDays } from './calendar-date.ts'
import { derive } from './derive.ts'
import type {
  CalendarDate,
  CaseDifference,
  CaseEntry,
  CaseExpectation,
  CaseResult,
  Derivation,
  Dose,
  Instant,
  LimitInForce,
  Named,
  OverrideEntry,
  ProtocolDocument,
  ProtocolVersion,
  RecordEntry,
  TestCase,
} from './types.ts'

/** Day 0 of every test case. Only days count, so that any date would do. */
const surgeryDate = '2026-01-01' as CalendarDate

/** When all of it was recorded; one moment, because a test case does not ask what was known when. */
const recordedAt = '2026-01-01T00:00:00.000Z' as Instant

type Unrecorded<Entry> = Entry extends RecordEntry ? Omit<Entry, 'id' | 'revision' | 'recordedAt'> : never

/**
 * The record of an episode as a test case writes it: the surgery, the assignment of all these versions, and then its lines
 * in their order. A milestone without a role is granted by the first that may; an override was made with all of the
 * versions in view. An exercise or a red flag that no version has is left out.
 */
export function recordOfCase(
  situation: Pick<TestCase, 'procedures' | 'levels' | 'side' | 'record'>,
  versions: readonly ProtocolVersion[],
  surgery: CalendarDate,
): RecordEntry[] {
  const { procedures, levels = [], side = null, record = [] } = situation
  const documents = versions.map((version) => version.document)
  const ids = versions.map((version) => version.id)
  const done = procedures ?? [...new Set(documents.flatMap((document) => document.procedures))]
  const entries: RecordEntry[] = []
  const add = (entry: Unrecorded<RecordEntry>): string => {
    const id = `entry-${entries.length + 1}`
    entries.push({ id, revision: entries.length + 1, recordedAt, ...entry } as RecordEntry)
    return id
  }
  const dated = (day: number): CalendarDate => addDays(surgery, day)
  const spanOf = ({ from, until }: { from: number; until?: number }) => ({
    from: dated(from),
    until: until === undefined ? null : dated(until),
  })
  const override = (code: string, effect: OverrideEntry['effect'], line: Extract<CaseEntry, { from: number }>) => {
    const entry = documents.flatMap((document) => document.exercises).find((exercise) => exercise.code === code)
    if (entry === undefined) return
    const lifts = 'lifts' in line ? (line.lifts ?? []) : []
    add({ kind: 'override', exercise: code, entry, effect, ...spanOf(line), reason: 'Test case', lifts, versions: ids })
  }

  add({ kind: 'surgery', surgeryDate: surgery, procedures: done, levels, side })
  add({ kind: 'assignment', versions: ids })
  for (const line of record) {
    if ('milestone' in line) {
      const declared = documents.flatMap((document) => document.milestones).find(({ code }) => code === line.milestone)
      const grantedBy = line.by ?? declared?.grantedBy?.[0] ?? null
      const milestone = add({ kind: 'milestone', code: line.milestone, on: dated(line.on), grantedBy })
      if (line.revoked !== undefined) {
        add({ kind: 'revocation', milestone, on: dated(line.revoked), reason: 'Test case' })
      }
    } else if ('fact' in line) add({ kind: 'fact', code: line.fact, value: line.is, on: dated(line.on) })
    else if ('symptom' in line) {
      const flag = documents.flatMap((document) => document.redFlags).find(({ code }) => code === line.symptom)
      if (flag === undefined) continue
      const { code: redFlag, title, response } = flag
      const symptom = add({ kind: 'symptom', redFlag, title, response, on: dated(line.on) })
      if (line.resolved !== undefined) add({ kind: 'resolution', symptom, on: dated(line.resolved) })
    } else if ('permit' in line) override(line.permit, 'permit', line)
    else if ('withhold' in line) override(line.withhold, 'withhold', line)
    else add({ kind: 'hold', ...spanOf(line), reason: line.hold })
  }
  return entries
}

/** What comes of each of the document's test cases, in their order. What it has no entry of is not permitted. */
export function runCases(document: ProtocolDocument): CaseResult[] {
  const versions = [{ id: document.code, version: null, document }]
  return (document.cases ?? []).map((testCase, index) => {
    const on = addDays(surgeryDate, testCase.on)
    const answer = derive({
      versions,
      entries: recordOfCase(testCase, versions, surgeryDate),
      on,
      knownAt: recordedAt,
      alsoJudge: document.exercises,
      ahead: false,
    })
    const differences = answer === null ? [] : compare(answer, testCase.expect, document, `/cases/${index}/expect`)
    return { case: testCase, surgeryDate, on, differences }
  })
}

function compare(
  answer: Derivation,
  expect: CaseExpectation,
  document: ProtocolDocument,
  path: string,
): CaseDifference[] {
  return [
    ...compareState(answer, expect, document, path),
    ...(expect.permitted ?? []).flatMap((code, index) => requirePermitted(answer, code, `${path}/permitted/${index}`)),
    ...(expect.withheld ?? []).flatMap((code, index) => requireWithheld(answer, code, `${path}/withheld/${index}`)),
    ...Object.entries(expect.dose ?? {}).flatMap(([code, dose]) =>
      compareDose(answer, code, dose, `${path}/dose/${code}`),
    ),
    ...(expect.limits ?? []).flatMap((limit, index) => compareLimit(answer, limit, `${path}/limits/${index}`)),
  ]
}

function nameOf({ code, title }: Named): Named {
  return { code, title }
}

function compareState(
  { status, protocols }: Derivation,
  expect: CaseExpectation,
  document: ProtocolDocument,
  path: string,
): CaseDifference[] {
  const differences: CaseDifference[] = []
  if (expect.status !== undefined && expect.status !== status) {
    differences.push({ kind: 'status', path: `${path}/status`, expected: expect.status, actual: status })
  }
  const current = protocols[0]?.phase ?? null
  if (expect.phase !== undefined && expect.phase !== (current?.code ?? null)) {
    const wanted = document.phases.find(({ code }) => code === expect.phase)
    differences.push({
      kind: 'phase',
      path: `${path}/phase`,
      expected: wanted === undefined ? null : nameOf(wanted),
      actual: current === null ? null : nameOf(current),
    })
  }
  return differences
}

function requirePermitted({ permitted, withheld }: Derivation, code: string, path: string): CaseDifference[] {
  if (permitted.some(({ exercise }) => exercise.code === code)) return []
  const judged = withheld.find(({ exercise }) => exercise.code === code)
  const exercise = judged === undefined ? { code, title: code } : nameOf(judged.exercise)
  return [{ kind: 'withheld', path, exercise, reasons: judged?.reasons ?? [{ kind: 'not-prescribed' }] }]
}

function requireWithheld({ permitted }: Derivation, code: string, path: string): CaseDifference[] {
  return permitted
    .filter(({ exercise }) => exercise.code === code)
    .map(({ exercise, grantedBy }) => ({ kind: 'permitted', path, exercise: nameOf(exercise), grants: grantedBy }))
}

/** Of a dose only the members that are named; null: none is given. */
function compareDose(answer: Derivation, code: string, expected: Dose | null, path: string): CaseDifference[] {
  const granted = answer.permitted.find(({ exercise }) => exercise.code === code)
  if (granted === undefined) return requirePermitted(answer, code, path)
  const { exercise, dose: actual } = granted
  const isSame =
    expected === null || actual === null
      ? expected === actual
      : Object.entries(expected).every(([part, value]) => isEqual(value, Reflect.get(actual, part)))
  return isSame ? [] : [{ kind: 'dose', path, exercise: nameOf(exercise), expected, actual }]
}

/** Amounts are a set: their order says nothing. */
function isEqual(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b
  const named = (amounts: NonNullable<Dose['amounts']>) =>
    amounts
      .map(({ quantity, value, unit }) => JSON.stringify([quantity, value, unit]))
      .sort()
      .join()
  return named(a) === named(b)
}

/** The strictest number of all limits in force on the quantity. */
function compareLimit(
  answer: Derivation,
  expected: NonNullable<CaseExpectation['limits']>[number],
  path: string,
): CaseDifference[] {
  const { quantity, unit } = expected
  const inForce = answer.limits.filter(
    (limit) =>
      limit.supersededBy === null &&
      limit.quantity === quantity &&
      (unit === undefined || limit.asInstructed || limit.unit === unit),
  )
  const numbersOf = (part: 'max' | 'min'): number[] => inForce.flatMap((limit: LimitInForce) => limit[part] ?? [])
  const [maxima, minima] = [numbersOf('max'), numbersOf('min')]
  const actual = {
    max: maxima.length === 0 ? null : Math.min(...maxima),
    min: minima.length === 0 ? null : Math.max(...minima),
    asInstructed: inForce.some((limit) => limit.asInstructed),
  }
  const rules = inForce.map((limit) => limit.rule)
  const units = [...new Set(inForce.flatMap((limit) => limit.unit ?? []))]
  return (['max', 'min', 'asInstructed'] as const)
    .filter((part) => expected[part] !== undefined && expected[part] !== actual[part])
    .map((part) => ({
      kind: 'limit',
      path,
      quantity,
      unit: unit ?? (units.length === 1 ? (units[0] ?? null) : null),
      part,
      expected: expected[part] ?? null,
      actual: actual[part],
      rules,
    }))
}
