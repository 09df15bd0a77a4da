/** Whether `derive` says of a witness what its finding says, and of an opportunity that it is one. */
import type {
  Derivation,
  Exercise,
  Finding,
  LimitInForce,
  Opportunity,
  ProtocolDocument,
  Reason,
  Witness,
} from '../../src/rules/types.ts'
import type { Derive } from './agreement.ts'
import { askAbout, type Case, dateOn, judge, meets, valuesToTry } from './check-cases.ts'

function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`there is no ${what}`)
  return value
}

function toCase({ daysSinceSurgery, milestones, facts }: Witness): Case {
  return {
    day: daysSinceSurgery,
    elapsed: new Map(milestones.map(({ code, day }) => [code, daysSinceSurgery - day])),
    observed: new Map(facts.map(({ code, value, day }) => [code, { value, age: daysSinceSurgery - day }])),
  }
}

const notGranted: ReadonlySet<Reason['kind']> = new Set([
  'no-phase',
  'phase-not-reached',
  'phase-passed',
  'condition-not-met',
  'not-prescribed',
])

function coveredBy(document: ProtocolDocument, code: string): Exercise[] {
  const { exercise, group } = must(
    document.prescriptions.find((rule) => rule.code === code),
    `prescription ${code}`,
  )
  return document.exercises.filter(
    (own) => own.code === exercise || (group !== undefined && (own.groups ?? []).includes(group)),
  )
}

/** Everything that the answer says about one exercise. */
function saidOf(answer: Derivation, code: string) {
  const permitted = answer.permitted.find(({ exercise }) => exercise.code === code)
  const withheld = answer.withheld.find(({ exercise }) => exercise.code === code)
  return { permitted, reasons: withheld?.reasons ?? [], cautions: permitted?.cautions ?? [] }
}

function isIn(day: number, { days }: Finding): boolean {
  return days.some(({ from, before }) => (from === null || from <= day) && (before === null || day < before))
}

/** The strictest limit on the quantity of that rule that is listed. */
function strictestOf(limits: readonly LimitInForce[], { quantity, unit }: { quantity: string; unit?: string }) {
  const alike = limits.filter((limit) => limit.quantity === quantity && limit.unit === (unit ?? null))
  return {
    max: Math.min(...alike.map(({ max }) => max ?? Number.POSITIVE_INFINITY)),
    min: Math.max(...alike.map(({ min }) => min ?? Number.NEGATIVE_INFINITY)),
  }
}

/** What every finding with these codes must show. */
export const mustHaveWitness: ReadonlySet<Finding['code']> = new Set([
  'empty-phase',
  'gap',
  'grant-never-effective',
  'granted-but-contraindicated',
  'rule-never-applies',
  'shadowed-rule',
  'limit-relaxes-backwards',
])

/** Null: the witness shows it. Otherwise what is wrong. */
export function confirm(document: ProtocolDocument, finding: Finding, derive: Derive): string | null {
  const { code, name, other, witness } = finding
  const about = name.slice(code.length + 1).split('/')
  if (witness === null) return mustHaveWitness.has(code) ? 'no witness' : null
  const derived = (of: Witness): Derivation => must(derive({ ...askAbout(document, of), ahead: false }), 'answer')
  const answer = derived(witness)
  const phase = answer.protocols[0]?.phase?.code ?? null
  const { truthOf } = judge(document, toCase(witness))
  const [first = '', second = ''] = about
  const isListed = (list: string, rule: string): boolean => {
    const listed = { contraindications: answer.avoid, instructions: answer.instructions }[list]
    return (listed ?? [...answer.limits, ...answer.goals]).some((one) => one.rule === rule)
  }
  const claim = (holds: boolean, text: string): string | null => (holds ? null : text)
  switch (code) {
    case 'unreachable-phase':
      return claim(phase !== first, `the phase is ${phase}`)
    case 'empty-phase':
      if (phase !== first) return `the phase is ${phase}`
      if (answer.permitted.length > 0) return `${answer.permitted.map(({ exercise }) => exercise.code)} are permitted`
      return claim(
        answer.withheld.every(({ reasons }) => reasons.some(({ kind }) => notGranted.has(kind))),
        'something is granted',
      )
    case 'gap':
      if (!isIn(witness.daysSinceSurgery, finding)) return 'its day is not in the gap'
      if (about[0] === 'phases') return claim(phase === null, `the phase is ${phase}`)
      return claim(saidOf(answer, second).permitted === undefined, `${second} is permitted`)
    case 'grant-never-effective':
      return claim(
        coveredBy(document, first).every(({ code: exercise }) => {
          const { permitted } = saidOf(answer, exercise)
          return !permitted?.grantedBy.some((grant) => grant.kind === 'prescription' && grant.rule === first)
        }),
        'it grants',
      )
    case 'granted-but-contraindicated': {
      if (!isIn(witness.daysSinceSurgery, finding)) return 'its day is not in the span'
      const rule = must(
        document.prescriptions.find((one) => one.code === first),
        'prescription',
      )
      const order = document.phases.map((one) => one.code)
      const [from, at, through] = [rule.from, phase ?? '', rule.through ?? rule.from].map((one) => order.indexOf(one))
      if (!(must(from, 'phase') <= must(at, 'phase') && must(at, 'phase') <= must(through, 'phase')))
        return 'other phase'
      if (truthOf(rule.when) !== true) return 'its condition is not true'
      return claim(
        coveredBy(document, first).some((exercise) =>
          saidOf(answer, exercise.code).reasons.some((one) => one.kind === 'contraindication' && one.rule === other),
        ),
        `${other} is not among the reasons`,
      )
    }
    case 'ungraded-attribute': {
      const { reasons, cautions } = saidOf(answer, first)
      // A caution is said only of what is permitted; that it is in force is said in any case.
      const warned = document.contraindications.filter(
        ({ strength, target, except = [] }) =>
          strength === 'caution' &&
          [...target, ...except].some(({ attributes = {} }) => Object.hasOwn(attributes, second)),
      )
      return claim(
        [...reasons, ...cautions].some((one) => 'ungraded' in one && one.ungraded.includes(second)) ||
          warned.some((rule) => isListed('contraindications', rule.code)),
        `nothing names ${second}`,
      )
    }
    case 'rule-never-applies':
    case 'shadowed-rule': {
      const dosage = /^dosage-(\d+)$/.exec(second)
      if (dosage !== null) {
        const steps = must(
          document.prescriptions.find((one) => one.code === first),
          'prescription',
        ).dosage
        const index = Number(dosage[1]) - 1
        const truth = truthOf(steps?.[index]?.when)
        const isTrue = truth === true
        const isLast = !steps?.slice(index + 1).some((step) => truthOf(step.when) === true)
        if (other === 'unknown') return claim(truth === 'unknown' && isLast, 'the step lowers nothing')
        if (code === 'rule-never-applies') return claim(!isTrue, 'the step is chosen')
        return claim(isTrue && !isLast, 'the step is not followed by another that is true')
      }
      if (code === 'rule-never-applies') {
        if (other !== 'target') return claim(!isListed(first, second), 'it is in force')
        const isReason = document.exercises.some((exercise) => {
          const { reasons, cautions } = saidOf(answer, exercise.code)
          return [...reasons, ...cautions].some((one) => 'rule' in one && one.rule === second && 'ungraded' in one)
        })
        return claim(!isReason, 'it matches an exercise')
      }
      const rules = [...document.contraindications, ...document.limits]
      const whenOf = (rule: string) =>
        must(
          rules.find((one) => one.code === rule && 'target' in one === (first === 'contraindications')),
          rule,
        ).when
      if (truthOf(whenOf(second)) === false) return 'it is not in force'
      return claim(
        must(other, 'other rule')
          .split(', ')
          .some((rule) => truthOf(whenOf(rule)) !== false),
        'nothing shadows it',
      )
    }
    case 'limit-relaxes-backwards': {
      const limit = must(
        document.limits.find((one) => one.code === first || one.code === second),
        'limit',
      )
      const before = strictestOf(answer.limits, limit)
      const after = strictestOf(derived(must(finding.counterpart, 'counterpart')).limits, limit)
      return claim(after.max < before.max || after.min > before.min, 'the later limit is not stricter')
    }
    case 'contradictory-bounds': {
      const [low, high] = [second, about[2]].map((rule) => answer.limits.find((limit) => limit.rule === rule))
      return claim((low?.min ?? 0) > (high?.max ?? 0), 'the limits do not contradict each other')
    }
    case 'case-failed': {
      // The case's own answer: what it says of exercises and phases, the witness must say too.
      const { differences } = must(finding.failure, 'failure')
      const wrong = differences.filter((difference) => {
        if (difference.kind === 'phase') return (difference.actual?.code ?? null) !== phase
        if (difference.kind !== 'withheld' && difference.kind !== 'permitted') return false
        const { permitted } = saidOf(answer, difference.exercise.code)
        return (permitted === undefined) !== (difference.kind === 'withheld')
      })
      return claim(wrong.length === 0, `of the witness another answer is given: ${JSON.stringify(wrong)}`)
    }
    default:
      return `${code} has a witness`
  }
}

/** How long after an event that may be any time ago. */
const longAgo = 50

/** Null: whoever does what the row says is permitted the exercise on each day of it that is looked at. */
export function confirmOpportunity(
  document: ProtocolDocument,
  { exercise, when }: Opportunity,
  derive: Derive,
): string | null {
  const own = must(
    document.exercises.find(({ code }) => code === exercise.code),
    exercise.code,
  )
  const isPreOperative = (milestone: string): boolean =>
    document.milestones.find(({ code }) => code === milestone)?.preOperative ?? false
  for (const [row, { days, milestones, facts, lifts }] of when.entries()) {
    const last = days.before === null ? Math.max(days.from ?? 0, 0) + longAgo : days.before - 1
    const first = days.from ?? Math.min(last, -5)
    const values = facts.map(({ fact, test }) => {
      const declared = document.facts.find(({ code }) => code === fact.code)
      return valuesToTry(declared, [test]).filter((value) => meets(test, value) === true)
    })
    // Each of them as lately and as long ago as it may be, by the bits of a number.
    const places = 2 ** Math.min(milestones.length + facts.length, 4)
    if (milestones.some(({ milestone, least }) => least > first && !isPreOperative(milestone.code))) {
      return `row ${row}: nobody can have reached it so long before day ${first}`
    }
    for (const day of new Set([first, last])) {
      for (let place = 0; place < places; place += 1) {
        const isLately = (index: number): boolean => ((place >> (index % 4)) & 1) === 0
        const witness = {
          daysSinceSurgery: day,
          milestones: milestones.map(({ milestone: { code }, least, most }, index) => {
            const longest = isPreOperative(code) ? least + longAgo : Math.max(day, least)
            return { code, day: day - (isLately(index) ? least : Math.min(most ?? longest, longest)) }
          }),
          facts: facts.map(({ fact: { code }, least, most }, index) => {
            const value = must(values[index]?.[place % (values[index]?.length ?? 1)], `value of ${code}`)
            const ago = isLately(milestones.length + index) ? least : (most ?? least + longAgo)
            return { code, value, day: day - ago }
          }),
        }
        const override = {
          kind: 'override',
          exercise: own.code,
          entry: own,
          effect: 'permit',
          from: dateOn(day),
          until: null,
          reason: '',
          lifts: lifts.map(({ code }) => code),
          versions: ['v'],
        }
        const without = must(derive({ ...askAbout(document, witness), ahead: false }), 'answer')
        const granted = !saidOf(without, own.code).reasons.some(({ kind }) => notGranted.has(kind))
        const answer =
          lifts.length === 0
            ? without
            : must(derive({ ...askAbout(document, witness, [override]), ahead: false }), 'answer')
        if (!granted || saidOf(answer, own.code).permitted === undefined) {
          return `row ${row} on day ${day} with ${JSON.stringify(witness)}: ${JSON.stringify(saidOf(answer, own.code).reasons)}`
        }
        if (lifts.length > 0 && saidOf(without, own.code).permitted !== undefined)
          return `row ${row}: needs no override`
      }
    }
  }
  return null
}
