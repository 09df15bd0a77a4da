import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  addDays,
  type Derivation,
  daysBetween,
  derive,
  type FactEntry,
  type Grant,
  type LimitInForce,
  type ProtocolDocument,
  type ProtocolVersion,
  type RecordEntry,
  type Truth,
} from '../../src/rules/index.ts'
import type { Asked } from './oracle.ts'
import {
  aContraindication,
  anExercise,
  ask,
  dateOn,
  momentOf,
  number,
  type Situation,
  situations,
  sketches,
} from './situations.ts'

const numRuns = Math.ceil(Number(process.env.RULES_RANDOM_CASES ?? 20_000) / 60)
const few = situations(3)

// A whole situation shrinks for minutes: the seed and the path of a failure are enough to look at it.
fc.configureGlobal({ endOnFailure: true })

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('there is an answer in every generated situation')
  return value
}

function answer(asked: Asked): Derivation {
  return must(derive(asked))
}

/** Runs `check` on each of the days of many situations. */
function always(check: (situation: Situation, day: number, answer: Derivation) => void): void {
  fc.assert(
    fc.property(few, (situation) => {
      for (const day of situation.days) {
        const derived = derive(ask(situation, day))
        // No surgery on record at `knownAt`, because it is void.
        if (derived !== null) check(situation, day, derived)
      }
    }),
    { numRuns },
  )
}

function permittedCodes(derivation: Derivation | null): string[] {
  return (derivation?.permitted ?? []).map((entry) => entry.exercise.code)
}

function bytes(asked: Asked): string {
  return JSON.stringify(derive(asked))
}

/** The entries that count: recorded by then and not void. */
function standing({ entries, knownAt }: Situation): RecordEntry[] {
  const recorded = entries.filter((entry) => entry.recordedAt <= knownAt)
  const voided = recorded.flatMap((entry) => (entry.kind === 'void' ? [entry.entry] : []))
  return recorded.filter((entry) => !voided.includes(entry.id))
}

describe('P1: nothing is permitted without a grant or under a standing forbid', () => {
  test('every permitted exercise names its grants, and those are in force', () => {
    always((situation, day, { permitted, status, protocols }) => {
      if (status !== 'active') expect(permitted).toEqual([])
      for (const { exercise, grantedBy } of permitted) {
        expect(grantedBy.length).toBeGreaterThan(0)
        for (const grant of grantedBy) {
          if (grant.kind === 'override') {
            const entry = must(standing(situation).find(({ id }) => id === grant.entry))
            expect(entry).toMatchObject({ kind: 'override', effect: 'permit', exercise: exercise.code })
            expect(grant.from <= dateOn(day) && (grant.until === null || dateOn(day) < grant.until)).toBe(true)
          } else {
            const { document } = must(situation.versions.find((version) => version.document.code === grant.protocol))
            const rule = must(document.prescriptions.find(({ code }) => code === grant.rule))
            const order = document.phases.map(({ code }) => code)
            const current = must(protocols.find(({ code }) => code === grant.protocol)?.phase).code
            expect(order.indexOf(current)).toBeGreaterThanOrEqual(order.indexOf(rule.from))
            expect(order.indexOf(current)).toBeLessThanOrEqual(order.indexOf(rule.through ?? rule.from))
          }
        }
      }
    })
  })

  test('no permitted exercise is the target of an absolute contraindication in force or of a withholding', () => {
    always((situation, day, { permitted, avoid }) => {
      for (const { exercise } of permitted) {
        for (const { protocol, rule, strength } of avoid) {
          const { document } = must(situation.versions.find((version) => version.document.code === protocol))
          const { target } = must(document.contraindications.find(({ code }) => code === rule))
          if (strength === 'absolute') expect(target.map((one) => one.exercise)).not.toContain(exercise.code)
        }
        const withheld = standing(situation).filter(
          (entry) =>
            entry.kind === 'override' &&
            entry.effect === 'withhold' &&
            entry.exercise === exercise.code &&
            entry.from <= dateOn(day) &&
            (entry.until === null || dateOn(day) < entry.until),
        )
        expect(withheld).toEqual([])
      }
    })
  })
})

describe('P2: what withholds never permits more', () => {
  /** `forbid` gives the situation with one thing more that withholds. */
  function neverAdds<T>(more: fc.Arbitrary<T>, forbid: (situation: Situation, more: T) => Situation): void {
    fc.assert(
      fc.property(few, more, (situation, addition) => {
        const stricter = forbid(situation, addition)
        for (const day of situation.days) {
          const before = permittedCodes(derive(ask(situation, day)))
          const after = permittedCodes(derive(ask(stricter, day)))
          expect(before).toEqual(expect.arrayContaining(after))
        }
      }),
      { numRuns },
    )
  }

  /** Recorded last, and known. */
  function record(situation: Situation, entry: Record<string, unknown>): Situation {
    const revision = situation.entries.length + 1
    const recorded = { id: 'more', revision, recordedAt: situation.knownAt }
    return { ...situation, entries: [...situation.entries, { ...recorded, ...entry } as unknown as RecordEntry] }
  }

  const span = fc
    .record({ from: fc.integer({ min: -5, max: 30 }), days: fc.option(fc.integer({ min: 1, max: 40 })) })
    .map(({ from, days }) => ({ from: dateOn(from), until: days === null ? null : dateOn(from + days) }))

  test('a contraindication', () => {
    neverAdds(fc.tuple(fc.nat(1), aContraindication('z')), (situation, [which, rule]) => ({
      ...situation,
      versions: situation.versions.map((version, index) =>
        index === which
          ? {
              ...version,
              document: { ...version.document, contraindications: [...version.document.contraindications, rule] },
            }
          : version,
      ),
    }))
  })

  test('a hold', () => {
    neverAdds(span, (situation, hold) => record(situation, { kind: 'hold', reason: '', ...hold }))
  })

  test('a red flag', () => {
    neverAdds(fc.integer({ min: -5, max: 30 }), (situation, day) =>
      record(situation, { kind: 'symptom', redFlag: 'fever', title: 'fever', response: 'emergency', on: dateOn(day) }),
    )
  })

  test('a withholding, also after it is over, and whatever the catalogue says of its exercise now', () => {
    const more = fc.tuple(fc.constantFrom('walk', 'lift', 'dive').chain(anExercise), span)
    neverAdds(more, (situation, [entry, dates]) => {
      const what = { exercise: entry.code, entry, effect: 'withhold', reason: '', lifts: [], versions: [] }
      return record(situation, { kind: 'override', ...what, ...dates })
    })
  })
})

describe('P3: unknown never permits', () => {
  test('no phase and no grant rests on an unknown: whatever becomes known of it, they stay', () => {
    alwaysInformed((situation, before, informed) => {
      for (const { code, phase } of before.protocols) {
        const { document } = must(situation.versions.find((version) => version.document.code === code))
        const indexOf = (found: typeof phase) => document.phases.findIndex((one) => one.code === found?.code)
        const now = informed.protocols.find((protocol) => protocol.code === code)
        expect(indexOf(now?.phase ?? null)).toBeGreaterThanOrEqual(indexOf(phase))
      }
      if (!samePhases(before, informed)) return
      const nameOf = (grant: Grant): string => (grant.kind === 'override' ? grant.entry : grant.rule)
      for (const { exercise, grantedBy } of before.permitted) {
        const now = informed.permitted.find((entry) => entry.exercise.code === exercise.code)
        expect(now?.grantedBy.map(nameOf)).toEqual(expect.arrayContaining(grantedBy.map(nameOf)))
      }
    })
  })

  test('in the same phase, what some value of an unknown fact would forbid or limit is forbidden or limited', () => {
    alwaysInformed((_situation, before, informed) => {
      if (!samePhases(before, informed)) return
      expect(permittedCodes(informed)).toEqual(expect.arrayContaining(permittedCodes(before)))
      const nameOf = (limit: LimitInForce): string => `${limit.protocol}/${limit.rule}`
      expect(before.limits.map(nameOf)).toEqual(expect.arrayContaining(informed.limits.map(nameOf)))
    })
  })

  const values: Record<string, readonly FactEntry['value'][]> = {
    pain: [2, 3, 4, 5, 6],
    smoker: [true, false],
    approach: ['anterior', 'lateral', 'posterior'],
  }

  /** Runs `check` with the answer, and with the answer once a fact that nobody has observed so far is observed. */
  function alwaysInformed(check: (situation: Situation, before: Derivation, informed: Derivation) => void): void {
    always((situation, day, before) => {
      const observed = new Set(standing(situation).map((entry) => (entry.kind === 'fact' ? entry.code : '')))
      for (const [code, possible] of Object.entries(values)) {
        if (observed.has(code)) continue
        for (const value of possible) {
          const entries = [...situation.entries, observation(situation, code, value, day)]
          check(situation, before, answer(ask({ ...situation, entries }, day)))
        }
      }
    })
  }

  function observation(situation: Situation, code: string, value: FactEntry['value'], day: number): RecordEntry {
    const revision = situation.entries.length + 1
    const recorded = { id: 'observation', revision, recordedAt: situation.knownAt }
    return { ...recorded, kind: 'fact', code, value, on: dateOn(day) }
  }

  function samePhases(a: Derivation, b: Derivation): boolean {
    return a.protocols.every(
      ({ code, phase }) => b.protocols.find((other) => other.code === code)?.phase?.code === phase?.code,
    )
  }
})

describe('P4: the order of rules, exercises and entries does not matter', () => {
  test('the same bytes', () => {
    fc.assert(
      fc.property(few, fc.integer(), (situation, seed) => {
        const shuffled = {
          ...situation,
          versions: shuffle(situation.versions, seed).map((version) => shuffleVersion(version, seed)),
          entries: shuffle(situation.entries, seed),
          alsoJudge: shuffle(situation.alsoJudge, seed),
        }
        for (const day of situation.days) expect(bytes(ask(shuffled, day))).toBe(bytes(ask(situation, day)))
      }),
      { numRuns },
    )
  })

  function shuffleVersion(version: ProtocolVersion, seed: number): ProtocolVersion {
    const { document } = version
    const shuffled: ProtocolDocument = {
      ...document,
      exercises: shuffle(document.exercises, seed),
      milestones: shuffle(document.milestones, seed),
      facts: shuffle(document.facts, seed),
      prescriptions: shuffle(document.prescriptions, seed),
      contraindications: shuffle(document.contraindications, seed).map((rule) => ({
        ...rule,
        target: shuffle(rule.target, seed),
      })),
      instructions: shuffle(document.instructions, seed),
      limits: shuffle(document.limits, seed),
      redFlags: shuffle(document.redFlags, seed),
    }
    return { ...version, document: shuffled }
  }

  /** A permutation that the seed decides. */
  function shuffle<T>(items: readonly T[], seed: number): T[] {
    const rest = [...items]
    const shuffled: T[] = []
    let state = Math.abs(seed) % 2_147_483_647
    while (rest.length > 0) {
      state = (state * 48_271 + 11) % 2_147_483_647
      shuffled.push(...rest.splice(state % rest.length, 1))
    }
    return shuffled
  }
})

describe('P7: an answer can be given again', () => {
  test('the same question gives the same bytes and changes nothing of what it reads', () => {
    always((situation, day) => {
      const asked = ask(situation, day)
      const before = JSON.stringify(asked)
      const first = bytes(asked)
      expect(bytes(asked)).toBe(first)
      expect(bytes(JSON.parse(before))).toBe(first)
      expect(JSON.stringify(asked)).toBe(before)
    })
  })

  test('what is recorded later never changes an answer at an earlier moment', () => {
    fc.assert(
      fc.property(few, sketches, (situation, later) => {
        const more = { ...situation, entries: number(later, situation.entries) }
        const last = momentOf(situation.entries.length)
        for (const day of situation.days) {
          expect(bytes(ask(more, day))).toBe(bytes(ask(situation, day)))
          expect(bytes({ ...ask(more, day), knownAt: last })).toBe(bytes({ ...ask(situation, day), knownAt: last }))
        }
      }),
      { numRuns },
    )
  })
})

describe('every well-formed question has an answer', () => {
  test('on any date', () => {
    fc.assert(
      fc.property(few, fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 5 }), (situation, days) => {
        for (const day of days) expect(() => derive(ask(situation, day))).not.toThrow()
      }),
      { numRuns },
    )
  })

  test('it judges what is prescribed, overridden or asked about, each once, and says why', () => {
    always((situation, day, { permitted, withheld, protocols }) => {
      const expected = new Set(situation.alsoJudge.map((exercise) => exercise.code))
      for (const entry of standing(situation)) {
        if (entry.kind === 'override' && entry.from <= dateOn(day)) expected.add(entry.exercise)
      }
      for (const { document } of situation.versions) {
        if (!protocols.some((protocol) => protocol.code === document.code)) continue
        for (const { code, groups } of document.exercises) {
          const prescribed = document.prescriptions.some(
            (rule) => rule.exercise === code || (rule.group !== undefined && groups?.includes(rule.group)),
          )
          if (prescribed) expected.add(code)
        }
      }
      const judged = [...permitted, ...withheld].map((entry) => entry.exercise.code)
      expect(judged.toSorted()).toEqual([...expected].sort())
      for (const { reasons } of withheld) expect(reasons.length).toBeGreaterThan(0)
    })
  })
})

describe('what an answer says of dates is true, if nothing more is recorded', () => {
  /** The situation with nothing that is dated after the day asked about. */
  function withoutLater(situation: Situation, day: number): Situation {
    const dated = (entry: RecordEntry): boolean => {
      if ('on' in entry) return entry.on <= dateOn(day)
      return 'from' in entry ? entry.from <= dateOn(day) : true
    }
    return { ...situation, entries: situation.entries.filter(dated) }
  }

  function inForce(derivation: Derivation): Map<string, string | null> {
    const lists = { avoid: derivation.avoid, instructions: derivation.instructions, limits: derivation.limits }
    return new Map(
      Object.entries(lists).flatMap(([list, rules]) =>
        rules.map((rule) => [`${list} ${rule.protocol}/${rule.rule}`, rule.until] as const),
      ),
    )
  }

  test('a rule is in force on every day before its end and not on its end', () => {
    fc.assert(
      fc.property(few, (situation) => {
        const [day] = situation.days
        if (day === undefined) return
        const now = withoutLater(situation, day)
        const first = derive(ask(now, day))
        if (first === null) return
        // Before the surgery a version without a phase is silent; that is another reason to be in no list.
        const later = Array.from({ length: 45 }, (_, index) => day + index + 1)
          .map((next) => ({ next, lists: answer(ask(now, next)) }))
          .filter(({ lists }) => lists.protocols.every(({ phase }) => phase !== null || lists.daysSinceSurgery >= 0))
        for (const [rule, until] of inForce(first)) {
          for (const { next, lists } of later) {
            // While nothing is permitted there are no instructions; that is another reason to be in no list.
            if (rule.startsWith('instructions ') && lists.status !== 'active') continue
            if (until === null || dateOn(next) < until)
              expect([rule, next, inForce(lists).has(rule)]).toEqual([rule, next, true])
            if (dateOn(next) === until) expect([rule, next, inForce(lists).has(rule)]).toEqual([rule, next, false])
          }
        }
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    )
  })

  test('a phase has been the current one on every day since its first, and not the day before', () => {
    fc.assert(
      fc.property(few, (situation) => {
        const [day] = situation.days
        if (day === undefined) return
        const now = withoutLater(situation, day)
        const derived = derive(ask(now, day))
        if (derived === null) return
        for (const { code, phase } of derived.protocols) {
          if (phase === null) continue
          const phaseOn = (date: string) =>
            answer({ ...ask(now, day), on: date as Asked['on'] }).protocols.find((protocol) => protocol.code === code)
              ?.phase?.code
          const length = daysBetween(phase.since, dateOn(day))
          expect(length).toBeGreaterThanOrEqual(0)
          // Every day of a short span, and some of a long one.
          const step = Math.max(1, Math.floor(length / 30))
          for (let back = 0; back <= length; back += step) {
            expect(phaseOn(addDays(phase.since, back))).toBe(phase.code)
          }
          // A phase that needs nothing to have happened has no first day; the surgery or the day asked about stands in.
          const before = phaseOn(addDays(phase.since, -1))
          if (before === phase.code) expect(phaseOn(addDays(phase.since, -400))).toBe(phase.code)
        }
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    )
  })

  test('a superseded limit names one that is in force and at least as strict', () => {
    always((_situation, _day, { limits }) => {
      for (const { supersededBy, quantity, unit, max, min } of limits) {
        if (supersededBy === null) continue
        const stricter = must(
          limits.find((limit) => limit.protocol === supersededBy.protocol && limit.rule === supersededBy.rule),
        )
        expect(stricter).toMatchObject({ quantity, unit, supersededBy: null, asInstructed: false })
        if (max !== null) expect(must(stricter.max)).toBeLessThanOrEqual(max)
        if (min !== null) expect(must(stricter.min)).toBeGreaterThanOrEqual(min)
      }
    })
  })

  test('a reason that is given as certain is true or false, not unknown', () => {
    const truthOf = (reason: Derivation['withheld'][number]['reasons'][number]): Truth | null =>
      reason.kind === 'contraindication' || reason.kind === 'condition-not-met' ? (reason.when?.truth ?? 'true') : null
    always((_situation, _day, { withheld }) => {
      for (const reason of withheld.flatMap((entry) => entry.reasons)) {
        const truth = truthOf(reason)
        if (truth === null) continue
        if (reason.kind === 'contraindication') {
          expect(truth).not.toBe('false')
          expect(reason.certain).toBe(truth === 'true' && reason.ungraded.length === 0)
        } else if (reason.kind === 'condition-not-met') {
          expect(truth).not.toBe('true')
          expect(reason.certain).toBe(truth === 'false')
        }
      }
    })
  })
})
