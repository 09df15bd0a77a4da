import { expect, test } from '@jest/globals'
import {
  addDays,
  type CalendarDate,
  derive,
  type Exercise,
  type Instant,
  type RecordEntry,
  toCalendarDate,
} from '../../src/rules/index.ts'
import { documentOf } from './library.ts'

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('the test names something that does not exist')
  return value
}

const surgeryDate: CalendarDate = must(toCalendarDate('2026-09-14'))
const knownAt: Instant = '2030-01-01T00:00:00.000Z' as Instant

/** What was recorded, each on a day after surgery: a milestone with the role that granted it, and so on. */
interface Course {
  milestones?: readonly (readonly [code: string, day: number, grantedBy?: string])[]
  symptoms?: readonly [redFlag: string, day: number][]
  permits?: readonly [exercise: string, day: number, ...lifts: string[]][]
  withholds?: readonly [exercise: string, day: number][]
}

function exerciseOf(protocol: string, code: string): Exercise {
  return must(documentOf(protocol).exercises.find((exercise) => exercise.code === code))
}

function record(protocol: string, course: Course): RecordEntry[] {
  const document = documentOf(protocol)
  let revision = 0
  const recorded = () => {
    revision += 1
    return { id: `entry-${revision}`, revision, recordedAt: '2029-01-01T00:00:00.000Z' as Instant }
  }
  const override = (exercise: string, day: number, effect: 'permit' | 'withhold', lifts: readonly string[]) => ({
    ...recorded(),
    kind: 'override' as const,
    exercise,
    entry: exerciseOf(protocol, exercise),
    effect,
    from: addDays(surgeryDate, day),
    until: null,
    reason: 'the care team says so',
    lifts,
    versions: [protocol],
  })
  return [
    { ...recorded(), kind: 'surgery', surgeryDate, procedures: document.procedures, levels: [], side: null },
    { ...recorded(), kind: 'assignment', versions: [protocol] },
    ...(course.milestones ?? []).map(([code, day, grantedBy]) => {
      must(document.milestones.find((milestone) => milestone.code === code))
      const on = addDays(surgeryDate, day)
      return { ...recorded(), kind: 'milestone' as const, code, on, grantedBy: grantedBy ?? null }
    }),
    ...(course.symptoms ?? []).map(([redFlag, day]) => {
      const { title, response } = must(document.redFlags.find((flag) => flag.code === redFlag))
      return { ...recorded(), kind: 'symptom' as const, redFlag, title, response, on: addDays(surgeryDate, day) }
    }),
    ...(course.permits ?? []).map(([exercise, day, ...lifts]) => override(exercise, day, 'permit', lifts)),
    ...(course.withholds ?? []).map(([exercise, day]) => override(exercise, day, 'withhold', [])),
  ]
}

function answer(protocol: string, day: number, course: Course) {
  const document = documentOf(protocol)
  return must(
    derive({
      versions: [{ id: protocol, version: 1, document }],
      entries: record(protocol, course),
      on: addDays(surgeryDate, day),
      knownAt,
      alsoJudge: document.exercises,
    }),
  )
}

/** One line a clinician can read: the verdict, then what it rests on. */
function verdict(protocol: string, day: number, exercise: string, course: Course): string {
  const { permitted, withheld } = answer(protocol, day, course)
  const granted = permitted.find((entry) => entry.exercise.code === exercise)
  if (granted) {
    const cautions = granted.cautions.map((caution) =>
      caution.kind === 'lifted' ? `lifted ${caution.rule}` : `caution ${caution.rule}`,
    )
    return [`permitted, ${granted.supervision}`, ...cautions].join('; ')
  }
  const refused = must(withheld.find((entry) => entry.exercise.code === exercise))
  const reasons = refused.reasons.map((reason) => {
    if (reason.kind === 'contraindication') return `${reason.strength} ${reason.rule}`
    if (reason.kind === 'red-flag') return `${reason.response} ${reason.redFlag.code}`
    if (reason.kind === 'phase-not-reached') return `not yet ${reason.phase.code}`
    if (reason.kind === 'condition-not-met') return `condition of ${reason.rule}`
    return reason.kind
  })
  return `withheld: ${[...new Set(reasons)].join(', ')}`
}

const discharged = ['hospital-discharge', 4] as const
const visited = ['six-week-visit', 42, 'surgeon'] as const
const taught = ['therapist-programme', 10, 'physical-therapist'] as const
const doctorAgrees = ['training-clearance-doctor', 90, 'surgeon'] as const
const therapistAgrees = ['training-clearance-therapist', 91, 'physical-therapist'] as const
const trains = [visited, doctorAgrees, therapistAgrees]
const strengthens = ['strengthening-clearance', 42, 'doctor'] as const
const swims = ['immersion-clearance', 14, 'doctor'] as const

type Case = [title: string, protocol: string, day: number, exercise: string, course: Course, expected: string]

/** The acceptance cases that came with the articles. */
const acceptance: Case[] = [
  ['AC-01', 'acdf-standard', 3, 'ankle-flex', {}, 'permitted, supervised'],
  ['AC-02', 'plif-standard', 10, 'walking', {}, 'permitted, supervised'],
  [
    'AC-04',
    'acdf-standard',
    14,
    'band-shoulder-shrug',
    { milestones: [taught] },
    'permitted, supervised; caution light-arm-strengthening-conflict',
  ],
  [
    'AC-05',
    'acdf-standard',
    27,
    'upper-extremity-strength-training',
    {},
    'withheld: absolute arm-strength-training-first-four-weeks, relative arm-strength-training-until-cleared, relative arms-behind-head-until-cleared, not-prescribed',
  ],
  [
    'AC-07',
    'acdf-standard',
    41,
    'upper-extremity-strength-training',
    {},
    'withheld: relative arm-strength-training-until-cleared, relative arms-behind-head-until-cleared, not-prescribed',
  ],
  [
    'AC-08',
    'acdf-standard',
    42,
    'weightlifting',
    { milestones: [visited] },
    'withheld: relative arm-strength-training-until-cleared, relative arms-behind-head-until-cleared, absolute heavy-lifting-until-cleared, relative moderate-lifting-until-cleared, not yet return-to-training',
  ],
  ['AC-09', 'alif-standard', 41, 'wall-calf-stretch', {}, 'withheld: not yet home-programme'],
  ['AC-11', 'alif-standard', 45, 'wall-calf-stretch', { milestones: [visited] }, 'permitted, independent'],
  [
    'AC-13',
    'llif-standard',
    60,
    'half-kneeling-hip-flexor-stretch',
    { milestones: [visited] },
    'permitted, independent; caution single-strain',
  ],
  ['AC-15', 'lumbar-microdiscectomy-standard', 1, 'walking', {}, 'permitted, independent'],
  [
    'AC-16',
    'lumbar-microdiscectomy-standard',
    20,
    'leg-raise',
    {},
    'withheld: relative strengthening-before-six-weeks, not yet strengthening',
  ],
  ['AC-17', 'lumbar-microdiscectomy-standard', 42, 'leg-raise', {}, 'withheld: not yet strengthening'],
  [
    'AC-21',
    'acdf-standard',
    70,
    'walking',
    { milestones: [discharged, visited], symptoms: [['bladder-or-bowel-loss', 70]] },
    'withheld: emergency bladder-or-bowel-loss',
  ],
  [
    'AC-23',
    'acdf-standard',
    30,
    'stationary-bike',
    { milestones: [discharged], withholds: [['stationary-bike', 20]] },
    'withheld: override',
  ],
]

const acdf = 'acdf-standard'
const plif = 'plif-standard'
const microdiscectomy = 'lumbar-microdiscectomy-standard'
const bend = 'seated-forward-bend'
const training = { milestones: trains }
const strong = { milestones: [strengthens] }
const notYet = 'withheld: not yet home-programme'

/** The decisions on the tensions, on both sides of the days and milestones that they turn on. */
const decided: Case[] = [
  ['nothing before the surgery', acdf, -1, 'walking', {}, 'withheld: no-phase'],
  ['no walk on the day itself', acdf, 0, 'walking', {}, 'withheld: condition of walking-in-hospital'],
  ['a walk with the staff from day 1', acdf, 1, 'walking', {}, 'permitted, supervised'],
  ['a walk alone after discharge', acdf, 5, 'walking', { milestones: [discharged] }, 'permitted, independent'],
  ['no bike in hospital', plif, 3, 'stationary-bike', {}, 'withheld: not yet early'],
  ['a bike after discharge', plif, 5, 'stationary-bike', { milestones: [discharged] }, 'permitted, independent'],
  ['the visit shows the discharge', plif, 42, 'stationary-bike', { milestones: [visited] }, 'permitted, independent'],
  ['hospital exercises go on', acdf, 30, 'heel-raise', { milestones: [discharged] }, 'permitted, independent'],
  ['and on, when discharge is not recorded', acdf, 30, 'heel-raise', {}, 'permitted, supervised'],

  ['arms behind the head, lumbar', plif, 3, 'gluteal-squeeze-arms-behind-head', {}, 'permitted, supervised'],
  [
    'arms behind the head, neck',
    acdf,
    3,
    'gluteal-squeeze-arms-behind-head',
    {},
    'withheld: relative arms-behind-head-until-cleared',
  ],
  [
    'arms behind the head, neck, lifted',
    acdf,
    3,
    'gluteal-squeeze-arms-behind-head',
    { permits: [['gluteal-squeeze-arms-behind-head', 2, 'arms-behind-head-until-cleared']] },
    'permitted, supervised; lifted arms-behind-head-until-cleared',
  ],
  [
    'arms down, not taught',
    acdf,
    30,
    'gluteal-squeeze-arms-down',
    {},
    'withheld: condition of gluteal-squeeze-arms-down-taught',
  ],
  ['arms down, taught', acdf, 30, 'gluteal-squeeze-arms-down', { milestones: [taught] }, 'permitted, supervised'],

  ['bands, not taught', acdf, 30, 'band-shoulder-shrug', {}, 'withheld: condition of band-shoulder-shrug-taught'],
  [
    'bands, taught by nobody entitled to',
    acdf,
    30,
    'band-shoulder-shrug',
    { milestones: [['therapist-programme', 10, 'patient']] },
    'withheld: condition of band-shoulder-shrug-taught',
  ],
  [
    'bands in the first week',
    acdf,
    6,
    'band-scapular-retraction',
    { milestones: [['therapist-programme', 3, 'physical-therapist']] },
    'withheld: condition of band-scapular-retraction-taught',
  ],
  [
    'bands from day 7',
    acdf,
    7,
    'band-scapular-retraction',
    { milestones: [['therapist-programme', 3, 'physical-therapist']] },
    'permitted, supervised; caution light-arm-strengthening-conflict',
  ],
  [
    'harder neck exercises, taught',
    acdf,
    14,
    'neck-strengthening-progression',
    { milestones: [taught] },
    'permitted, supervised; caution single-strain',
  ],
  [
    'arm strength, day 28',
    acdf,
    28,
    'upper-extremity-strength-training',
    {},
    'withheld: relative arm-strength-training-until-cleared, relative arms-behind-head-until-cleared, not-prescribed',
  ],
  [
    'arm strength, day 41, allowed by a clinician',
    acdf,
    41,
    'upper-extremity-strength-training',
    {
      permits: [
        [
          'upper-extremity-strength-training',
          40,
          'arm-strength-training-until-cleared',
          'arms-behind-head-until-cleared',
        ],
      ],
    },
    'permitted, supervised; lifted arm-strength-training-until-cleared; lifted arms-behind-head-until-cleared; caution light-arm-strengthening-conflict; caution single-strain',
  ],
  [
    'arm strength, day 27, not even then',
    acdf,
    27,
    'upper-extremity-strength-training',
    {
      permits: [
        [
          'upper-extremity-strength-training',
          20,
          'arm-strength-training-first-four-weeks',
          'arms-behind-head-until-cleared',
        ],
      ],
    },
    'withheld: absolute arm-strength-training-first-four-weeks, relative arm-strength-training-until-cleared',
  ],

  ['day 41 with the visit', plif, 41, 'wall-calf-stretch', { milestones: [['six-week-visit', 35, 'surgeon']] }, notYet],
  ['day 42 without the visit', plif, 42, 'wall-calf-stretch', {}, notYet],
  [
    'day 42 with an early visit',
    plif,
    42,
    'wall-calf-stretch',
    { milestones: [['six-week-visit', 35, 'surgeon']] },
    'permitted, independent',
  ],
  [
    'earlier, because a therapist prescribed it',
    plif,
    30,
    'wall-calf-stretch',
    { permits: [['wall-calf-stretch', 30]] },
    'permitted, supervised',
  ],
  [
    'a knee to the chest',
    plif,
    50,
    'crossed-leg-hip-stretch',
    { milestones: [visited] },
    'permitted, independent; caution knee-to-chest-rounds-the-back',
  ],
  ['the forward bend', plif, 60, bend, { milestones: [visited] }, 'withheld: relative bending-at-the-waist'],
  ['the forward bend, years later', plif, 800, bend, training, 'withheld: relative bending-at-the-waist'],
  [
    'the forward bend, named by a clinician',
    plif,
    60,
    bend,
    { milestones: [visited], permits: [[bend, 50, 'bending-at-the-waist']] },
    'permitted, independent; lifted bending-at-the-waist',
  ],

  [
    'weights with both clearances',
    acdf,
    91,
    'weightlifting',
    training,
    'permitted, independent; caution single-strain',
  ],
  ['weights, lumbar', plif, 91, 'weightlifting', training, 'permitted, independent; caution single-strain'],
  [
    'conditioning with both clearances',
    acdf,
    91,
    'cardiovascular-conditioning',
    training,
    'permitted, independent; caution single-strain',
  ],
  [
    'conditioning, lumbar',
    plif,
    91,
    'cardiovascular-conditioning',
    training,
    'permitted, independent; caution single-strain',
  ],
  [
    'conditioning without the therapist',
    acdf,
    90,
    'cardiovascular-conditioning',
    training,
    'withheld: relative arm-strength-training-until-cleared, relative significant-impact-until-cleared, not yet return-to-training',
  ],
  [
    'clearances that come too early',
    plif,
    41,
    'weightlifting',
    {
      milestones: [
        ['six-week-visit', 35, 'surgeon'],
        ['training-clearance-doctor', 35, 'surgeon'],
        ['training-clearance-therapist', 35, 'physical-therapist'],
      ],
    },
    'withheld: absolute heavy-lifting-until-cleared, relative moderate-lifting-until-cleared, not yet return-to-training',
  ],
  [
    'impact, day 27',
    plif,
    27,
    'high-impact-exercise',
    {},
    'withheld: absolute significant-impact-first-four-weeks, relative significant-impact-until-cleared, not-prescribed',
  ],
  [
    'impact, day 28',
    plif,
    28,
    'high-impact-exercise',
    {},
    'withheld: relative significant-impact-until-cleared, not-prescribed',
  ],
  [
    'arm strength, lumbar: a caution only, but nothing prescribes it',
    plif,
    27,
    'upper-extremity-strength-training',
    {},
    'withheld: not-prescribed',
  ],
  [
    'heavy lifting after the clearances',
    plif,
    91,
    'heavy-lifting',
    training,
    'withheld: relative bending-at-the-waist, not-prescribed',
  ],
  [
    'a collision sport, cleared for training only',
    acdf,
    400,
    'collision-sport',
    training,
    'withheld: relative bending-at-the-waist, relative collision-and-contact-sports, absolute combined-strain, not-prescribed',
  ],
  [
    'a collision sport, after the surgeon agreed to a return to play',
    acdf,
    400,
    'collision-sport',
    { milestones: [...trains, ['return-to-play-clearance', 300, 'surgeon']] },
    'withheld: relative bending-at-the-waist, relative combined-strain-after-return-to-play, not-prescribed',
  ],

  [
    'microdiscectomy: no walk on day 0',
    microdiscectomy,
    0,
    'walking',
    {},
    'withheld: condition of walking-from-day-one',
  ],
  [
    'leg raises, cleared too early',
    microdiscectomy,
    41,
    'leg-raise',
    { milestones: [['strengthening-clearance', 30, 'doctor']] },
    'withheld: relative strengthening-before-six-weeks, not yet strengthening',
  ],
  ['leg raises from day 42', microdiscectomy, 42, 'leg-raise', strong, 'permitted, supervised'],
  [
    'leg raises, therapist alone',
    microdiscectomy,
    50,
    'leg-raise',
    { milestones: [['strengthening-clearance', 42, 'physical-therapist']] },
    'withheld: not yet strengthening',
  ],
  [
    'leg raises alone after recovery',
    microdiscectomy,
    120,
    'leg-raise',
    { milestones: [strengthens, ['recovery-complete', 100, 'doctor']] },
    'permitted, independent',
  ],
  [
    'hamstrings, advised',
    microdiscectomy,
    10,
    'lying-hamstring-stretch',
    { milestones: [['stretching-advised', 9, 'physical-therapist']] },
    'permitted, supervised',
  ],
  [
    'hamstrings, strengthening but not advised',
    microdiscectomy,
    50,
    'lying-hamstring-stretch',
    strong,
    'withheld: condition of lying-hamstring-stretch-under-supervision',
  ],
  [
    'sciatica stretch, recommended by a therapist',
    microdiscectomy,
    50,
    'sciatica-stretch',
    { milestones: [['sciatica-stretch-recommended', 40, 'physical-therapist']] },
    'withheld: condition of sciatica-stretch-under-supervision',
  ],
  [
    'sciatica stretch, recommended by the doctor',
    microdiscectomy,
    20,
    'sciatica-stretch',
    { milestones: [['sciatica-stretch-recommended', 15, 'doctor']] },
    'permitted, supervised',
  ],
  [
    'on the elbows, day 41',
    microdiscectomy,
    41,
    'prone-extension-on-elbows',
    {},
    'withheld: relative strengthening-before-six-weeks, not yet strengthening',
  ],
  [
    'on the elbows, day 20, with a clinician',
    microdiscectomy,
    20,
    'prone-extension-on-elbows',
    { permits: [['prone-extension-on-elbows', 20, 'strengthening-before-six-weeks']] },
    'permitted, supervised; lifted strengthening-before-six-weeks',
  ],
  ['on the elbows, day 42', microdiscectomy, 42, 'prone-extension-on-elbows', strong, 'permitted, supervised'],
  ['yoga', microdiscectomy, 42, 'yoga', strong, 'permitted, supervised; caution yoga-pose-by-pose'],
  [
    'yoga after recovery',
    microdiscectomy,
    120,
    'yoga',
    { milestones: [strengthens, ['recovery-complete', 100, 'doctor']] },
    'permitted, independent',
  ],
  [
    'yoga in water, wound not cleared',
    microdiscectomy,
    50,
    'water-yoga',
    strong,
    'withheld: relative water-before-clearance, condition of water-yoga-under-supervision',
  ],
  [
    'yoga in water, cleared',
    microdiscectomy,
    50,
    'water-yoga',
    { milestones: [strengthens, swims] },
    'permitted, supervised; caution yoga-pose-by-pose',
  ],
  [
    'walking in water, not cleared',
    microdiscectomy,
    20,
    'water-walking',
    {},
    'withheld: relative water-before-clearance, condition of water-walking-under-supervision',
  ],
  ['walking in water, cleared', microdiscectomy, 20, 'water-walking', { milestones: [swims] }, 'permitted, supervised'],
  [
    'swimming, cleared for water, before six weeks',
    microdiscectomy,
    20,
    'swimming',
    { milestones: [swims] },
    'withheld: relative strengthening-before-six-weeks, not yet strengthening',
  ],
  [
    'swimming, cleared for both',
    microdiscectomy,
    42,
    'swimming',
    { milestones: [strengthens, swims] },
    'permitted, supervised',
  ],
]

test.each(acceptance)('%s: %s, day %d, %s', (_title, protocol, day, exercise, course, expected) => {
  expect(verdict(protocol, day, exercise, course)).toBe(expected)
})

test.each(decided)('%s: %s, day %d, %s', (_title, protocol, day, exercise, course, expected) => {
  expect(verdict(protocol, day, exercise, course)).toBe(expected)
})

test.each([acdf, 'alif-standard', 'llif-standard', plif, microdiscectomy])(
  '%s: an open red flag stops everything',
  (protocol) => {
    for (const flag of documentOf(protocol).redFlags) {
      const { permitted, status } = answer(protocol, 70, { milestones: [], symptoms: [[flag.code, 70]] })
      expect(permitted).toEqual([])
      expect(status).toBe('on-hold')
    }
  },
)

test('the lifted load has no number, on any day', () => {
  for (const day of [0, 41, 91, 800]) {
    expect(answer(acdf, day, training).limits).toMatchObject([
      { quantity: 'lifted-load', asInstructed: true, max: null },
    ])
  }
})
