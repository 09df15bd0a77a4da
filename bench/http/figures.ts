import { median } from '../measure.ts'
import type { Bar, Panel } from '../picture.ts'
import { show } from '../table.ts'
import { type AnswerData, targets } from './answer.ts'
import { type LeanData, leanTargets } from './lean.ts'
import { flat, type ScaleData, type Step } from './scale.ts'

/** What was measured, as far as it was. */
export interface Measurements {
  answer?: AnswerData
  scale?: ScaleData
  lean?: LeanData
}

/** The ratios of all parts with their targets. */
export function panelsOf({ answer, scale, lean }: Measurements): Panel[] {
  const panels: Panel[] = []
  if (answer !== undefined) {
    const bars = (of: 'toFloor' | 'p99ToFloor' | 'timesOrdinary', isMet: (value: number) => boolean): Bar[] =>
      answer.rows.map(({ line, name, [of]: value }) => {
        return { label: name, value, isMet: line === 'first' || line === 'again' ? isMet(value) : null }
      })
    panels.push(
      {
        title: 'Requests a second, × floor',
        target: targets.perSecond,
        kind: 'least',
        bars: bars('toFloor', (value) => value >= targets.perSecond),
      },
      {
        title: '99 of 100 are answered within, × floor',
        target: targets.p99,
        kind: 'most',
        bars: bars('p99ToFloor', (value) => value <= targets.p99),
      },
      {
        title: 'Requests a second, × the ordinary way',
        target: targets.timesOrdinary,
        kind: 'least',
        bars: bars('timesOrdinary', (value) => value >= targets.timesOrdinary),
      },
    )
  }
  if (scale !== undefined) {
    const bars = (what: string, steps: readonly Step[]): Bar[] => {
      const [smallest, ...others] = steps
      return others.flatMap((step) =>
        (['first', 'again'] as const).map((which) => {
          const value = median(
            step[which].rounds.map((time, round) => time / (smallest?.[which].rounds[round] ?? Number.NaN)),
          )
          return {
            label: `${show(step.size)} ${what}, ${which === 'first' ? 'for the first time' : 'again'}`,
            value,
            isMet: value <= flat,
          }
        }),
      )
    }
    panels.push({
      title: `Time for an answer, × that with ${show(scale.episodes[0]?.size ?? 0)} episodes or ${show(scale.protocols[0]?.size ?? 0)} protocols`,
      target: flat,
      kind: 'most',
      bars: [...bars('episodes', scale.episodes), ...bars('protocols', scale.protocols)],
    })
  }
  const { startSeconds, residentIdle } = leanTargets
  const shares: [label: string, value: number | undefined, target: number][] = [
    [`first byte after a warm start, of ${startSeconds} s`, lean?.firstByte, startSeconds],
    [`resident idle, of ${residentIdle} MB`, lean?.resident, residentIdle],
    [`resident under load, of ${targets.residentUnderLoad} MB`, answer?.mostResident, targets.residentUnderLoad],
  ]
  panels.push({
    title: 'Start and memory, share of what is allowed',
    target: 1,
    kind: 'most',
    bars: shares.flatMap(([label, value, target]) =>
      value === undefined ? [] : [{ label, value: value / target, isMet: value <= target }],
    ),
  })
  return panels
}
