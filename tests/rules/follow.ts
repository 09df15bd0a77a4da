import type {
  CalendarDate,
  Exercise,
  FactTest,
  FactValue,
  Need,
  RecordEntry,
  WayForward,
} from '../../src/rules/types.ts'
import { dateOf, dayNumber, look } from './oracle.ts'
import { valuesFor } from './oracle-ahead.ts'
import type { Situation } from './situations.ts'

/** Where in the span of a need its date is taken: 0 is its first, 1 its last. */
export type Place = number

/** The situation with everything recorded that the way forward says. */
export function follow(situation: Situation, exercise: Exercise, way: WayForward, place: Place, nth = 0): Situation {
  const { entries, knownAt, versions } = situation
  const { earliest } = way
  if (earliest === null) return situation
  const dateIn = ({ from, by }: { from: CalendarDate; by: CalendarDate }): CalendarDate =>
    dateOf(dayNumber(from) + Math.floor((dayNumber(by) - dayNumber(from)) * place))
  const recorded = { revision: entries.length + 1, recordedAt: knownAt }
  const ends = way.needs
    .filter((need) => need.kind === 'end')
    .map((need) => ({ ...recorded, id: `end of ${need.entry}`, kind: 'void' as const, entry: need.entry, reason: '' }))
  // What the catalogue says of the exercise: an entry that is looked at anyway, so that an override brings no other.
  const after = look({ ...situation, entries: [...entries, ...ends], on: earliest })
  const entry = after?.descriptionsOf(exercise.code)[0] ?? exercise

  const record = (need: Need): object[] => {
    switch (need.kind) {
      case 'date':
      case 'end':
        return []
      case 'milestone':
        return [
          { kind: 'milestone', code: need.milestone.code, on: dateIn(need), grantedBy: need.grantedBy[0] ?? null },
        ]
      case 'fact': {
        const values = valuesThatMeet(need.test, need.fact.code, situation)
        return [{ kind: 'fact', code: need.fact.code, on: dateIn(need), value: values[nth % values.length] }]
      }
      case 'resolution':
        return [{ kind: 'resolution', symptom: need.entry, on: earliest }]
      case 'override': {
        const lifts = need.lifts.map((lifted) => lifted.code)
        const override = { exercise: exercise.code, entry, effect: 'permit', from: earliest, until: null }
        return [{ kind: 'override', ...override, reason: '', lifts, versions: versions.map(({ id }) => id) }]
      }
    }
  }
  const more = way.needs.flatMap(record).map((said, index) => ({ ...recorded, id: `followed ${index}`, ...said }))
  return { ...situation, entries: [...entries, ...ends, ...(more as unknown as RecordEntry[])] }
}

/** Values that meet the test, on its bounds and between them, that the declarations allow. */
export function valuesThatMeet(test: FactTest, code: string, { versions }: Situation): FactValue[] {
  const declarations = versions.flatMap(({ document }) => document.facts.filter((fact) => fact.code === code))
  const { is, in: list, atLeast, atMost, above, below } = test
  const compare = (bound: number | undefined, value: FactValue, holds: (value: number, bound: number) => boolean) =>
    bound === undefined || (typeof value === 'number' && holds(value, bound))
  const values = valuesFor([{ fact: code, ...test }], declarations).filter(
    (value) =>
      (is === undefined || value === is) &&
      (list === undefined || list.includes(value)) &&
      compare(atLeast, value, (number, bound) => number >= bound) &&
      compare(atMost, value, (number, bound) => number <= bound) &&
      compare(above, value, (number, bound) => number > bound) &&
      compare(below, value, (number, bound) => number < bound),
  )
  if (values.length === 0) throw new Error(`no value of ${code} meets ${JSON.stringify(test)}`)
  return values
}
