import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { permittedExercises } from '../../src/features/permitted-exercises/schemas.ts'
import type { timeline } from '../../src/features/timelines/schemas.ts'
import { startClinicWithLibrary } from './library-clinic.ts'

// The whole answer for two patients, on the days that matter, and their timeline on two of them. `UPDATE_GOLDEN=1 npx jest tests/features/golden` writes
// the files again; a clinician reviews the difference in `golden/<patient>.md`.

type PermittedExercises = z.output<typeof permittedExercises>
type Timeline = z.output<typeof timeline>

interface Patient {
  title: string
  surgery: { procedures: string[]; levels: string[]; side?: string; surgeryDate: string }
  /** The day on which the episode is opened. */
  opened: number
  /** What is recorded on which day after surgery. */
  record: readonly { day: number; code: string; grantedBy?: string; note: string }[]
}

const patients: Record<string, Patient> = {
  acdf: {
    title: 'A patient with an ACDF',
    surgery: { procedures: ['acdf'], levels: ['C5-C6'], surgeryDate: '2026-09-14' },
    opened: -12,
    record: [
      { day: 2, code: 'hospital-discharge', note: 'left the hospital' },
      {
        day: 10,
        code: 'therapist-programme',
        grantedBy: 'physical-therapist',
        note: 'physical therapy begun, band work and neck programme taught',
      },
      { day: 43, code: 'six-week-visit', grantedBy: 'surgeon', note: 'six-week visit, home programme advised' },
      { day: 85, code: 'training-clearance-doctor', grantedBy: 'surgeon', note: 'surgeon clears ordinary training' },
      {
        day: 88,
        code: 'training-clearance-therapist',
        grantedBy: 'physical-therapist',
        note: 'physical therapist agrees to ordinary training',
      },
    ],
  },
  'lumbar-microdiscectomy': {
    title: 'A patient with a lumbar microdiscectomy',
    surgery: { procedures: ['lumbar-microdiscectomy'], levels: ['L4-L5'], side: 'left', surgeryDate: '2026-09-14' },
    opened: -12,
    record: [
      { day: 10, code: 'stretching-advised', grantedBy: 'physical-therapist', note: 'gentle stretching advised' },
      { day: 21, code: 'immersion-clearance', grantedBy: 'surgeon', note: 'wound healed, cleared for water' },
      { day: 43, code: 'strengthening-clearance', grantedBy: 'doctor', note: 'doctor clears strengthening' },
      { day: 60, code: 'sciatica-stretch-recommended', grantedBy: 'doctor', note: 'sciatica stretch recommended' },
      { day: 120, code: 'recovery-complete', grantedBy: 'surgeon', note: 'surgeon says that recovery is complete' },
    ],
  },
}

const days = [-5, 0, 3, 14, 27, 28, 41, 42, 45, 90, 400]
/** On the day of surgery everything is still to come; later most of it has. */
const timelineDays = [0, 90]

const folder = path.resolve(import.meta.dirname, 'golden')
const clinic = await startClinicWithLibrary({ now: '2026-09-02T14:00:00Z' })

function dateOf({ surgery }: Patient, day: number): string {
  return Temporal.PlainDate.from(surgery.surgeryDate).add({ days: day }).toString()
}

interface Course {
  answers: Map<number, string>
  timelines: Map<number, string>
}

function toGolden(answer: object): string {
  return `${JSON.stringify({ ...answer, episode: 'the-episode' }, null, 2)}\n`
}

/** Lives through the patient's course day by day: records what happens at ten in the morning and asks at noon. */
async function follow(patient: Patient): Promise<Course> {
  const setDay = (day: number, time: string) => clinic.setNow(`${dateOf(patient, day)}T${time}:00Z`)
  const must = <Body>(answer: { status: number; text: string; body: Body }): Body => {
    if (answer.status > 201) throw new Error(answer.text)
    return answer.body
  }

  setDay(patient.opened, '14:00')
  const externalId = `golden-${patient.surgery.procedures[0]}`
  const { id } = must(await clinic.post<{ id: string }>('/patients', { externalId }))
  const episode = must(await clinic.post<{ id: string }>(`/patients/${id}/episodes`, patient.surgery)).id

  const answers = new Map<number, string>()
  const timelines = new Map<number, string>()
  for (const day of [...new Set([...days, ...patient.record.map((entry) => entry.day)])].sort((a, b) => a - b)) {
    setDay(day, '14:00')
    for (const { code, grantedBy } of patient.record.filter((entry) => entry.day === day)) {
      const milestone = { code, on: dateOf(patient, day), ...(grantedBy && { grantedBy }) }
      must(await clinic.post(`/episodes/${episode}/milestones`, milestone))
    }
    if (!days.includes(day)) continue
    setDay(day, '16:00')
    const answer = must(await clinic.get<PermittedExercises>(`/episodes/${episode}/permitted-exercises`))
    answers.set(day, toGolden(answer))
    if (!timelineDays.includes(day)) continue
    timelines.set(day, toGolden(must(await clinic.get<Timeline>(`/episodes/${episode}/timeline`))))
  }
  return { answers, timelines }
}

function speakDay(day: number): string {
  return day < 0 ? `${-day} days before surgery` : `day ${day}`
}

function list(items: readonly string[]): string {
  return items.length === 0 ? '- none\n' : items.map((item) => `- ${item}\n`).join('')
}

function speakRule({ rule, sources }: { rule: string | null; sources: readonly { id: string }[] }): string {
  const cited = sources.length > 0 ? ` [${sources.map(({ id }) => id).join(', ')}]` : ''
  return rule === null ? '' : ` (\`${rule}\`${cited})`
}

function speakUntil(until: string | null): string {
  return until === null ? '' : ` Ends ${until}.`
}

function describePermitted({ permitted }: PermittedExercises): string {
  return list(
    permitted.map((item) => {
      const because = item.grantedBy.map((grant) => `  - ${grant.text}${speakRule(grant)}`)
      const cautions = item.cautions.map((caution) => `  - caution: ${caution.text}${speakRule(caution)}`)
      const doing = [item.position, item.instructions].filter((part) => part !== null).join('. ')
      return [`**${item.title}**: ${item.text}${doing && ` _${doing}_`}`, ...because, ...cautions].join('\n')
    }),
  )
}

function describeWithheld({ withheld }: PermittedExercises): string {
  return list(
    withheld.map(({ title, reasons, wayForward }) =>
      [
        `**${title}**: ${wayForward.text}`,
        ...reasons.map((reason) => `  - ${reason.text}${speakRule(reason)}`),
        ...wayForward.needs.map((need) => `  - ⇒ ${need.text}`),
      ].join('\n'),
    ),
  )
}

function describeLimit(limit: PermittedExercises['limits' | 'goals'][number]): string {
  const bounds = [limit.min === null ? '' : `at least ${limit.min}`, limit.max === null ? '' : `at most ${limit.max}`]
  const asInstructed = limit.min === null && limit.max === null
  const number = asInstructed ? 'as the clinician instructs' : `${bounds.join(' ')} ${limit.unit ?? ''}`
  return `${limit.quantity}: ${number}. ${limit.text ?? ''}${speakUntil(limit.until)}${speakRule(limit)}`
}

function describeHead(patient: Patient, day: number, answer: PermittedExercises): string {
  const protocols = answer.protocols.map(({ title, version, phase }) =>
    phase === null
      ? `${title}, version ${version}: no phase`
      : `${title}, version ${version}: **${phase.title}** since ${phase.since}; goals: ${phase.goals.join('; ')}`,
  )
  return [
    `## ${speakDay(day)}, ${dateOf(patient, day)}\n`,
    `Status \`${answer.status}\`, revision ${answer.basis.revision}, known at ${answer.basis.knownAt}.`,
    `If nothing more is recorded, the answer changes on ${answer.nextChange ?? 'no later day'}.\n`,
    list([...protocols, ...answer.statusReasons.map((reason) => reason.text)]),
  ].join('\n')
}

function describeParts(answer: PermittedExercises): [title: string, text: string][] {
  return [
    ['Permitted', describePermitted(answer)],
    ['Withheld', describeWithheld(answer)],
    ['Avoid', list(answer.avoid.map((rule) => `${rule.text}${speakUntil(rule.until)}${speakRule(rule)}`))],
    ['Instructions', list(answer.instructions.map((rule) => `${rule.about}: ${rule.text}${speakRule(rule)}`))],
    ['Limits', list(answer.limits.map(describeLimit))],
    ['Goals', list(answer.goals.map(describeLimit))],
    ['What to ask', list(answer.missingFacts.map(({ text, rules }) => `${text} (for ${rules.join(', ')})`))],
    ['Red flags', list(answer.redFlags.map((flag) => `**${flag.title}** (${flag.response}): ${flag.text}`))],
  ]
}

/** Day by day; a part that has not changed since an earlier day says only that. */
function describeDays(patient: Patient, answers: ReadonlyMap<number, string>): string[] {
  const written = new Map<string, { day: number; text: string }>()
  return [...answers].flatMap(([day, json]) => {
    const answer: PermittedExercises = JSON.parse(json)
    const parts = describeParts(answer).map(([title, text]) => {
      const earlier = written.get(title)
      if (earlier?.text === text) return `### ${title}\n\nAs on ${speakDay(earlier.day)}.\n`
      written.set(title, { day, text })
      return `### ${title}\n\n${text}`
    })
    return [describeHead(patient, day, answer), ...parts]
  })
}

/** The course as it looked on that day. */
function describeTimeline(patient: Patient, [day, json]: readonly [number, string]): string {
  const { steps, nextPhases, waiting, never, undecided }: Timeline = JSON.parse(json)
  const dated = steps.map((step) => {
    const when = `**${speakDay(step.daysSinceSurgery)}, ${step.date}** (${step.past ? 'has been' : 'if nothing is recorded'})`
    return [when, ...step.changes.map(({ text }) => `  - ${text}`)].join('\n')
  })
  return [
    `## The timeline on ${speakDay(day)}, ${dateOf(patient, day)}\n`,
    list(dated),
    `What the next phases wait for:\n\n${list(nextPhases.map(({ text }) => text))}`,
    `What does not come by time alone:\n\n${list([...waiting, ...never, ...undecided].map(({ text }) => text))}`,
  ].join('\n')
}

function describePatient(patient: Patient, { answers, timelines }: Course): string {
  const { procedures, levels, side = 'no side', surgeryDate } = patient.surgery
  const first: PermittedExercises = JSON.parse(answers.get(days[0] ?? 0) ?? '')
  const record = patient.record.map(({ day, code, grantedBy, note }) => {
    const by = grantedBy === undefined ? '' : `, granted by ${grantedBy}`
    return `${speakDay(day)}: ${note} (\`${code}\`${by})`
  })
  return [
    `# ${patient.title}\n`,
    `Written by \`tests/features/golden.test.ts\` from the answers in \`${procedures[0]}/\`.`,
    `Surgery on ${surgeryDate}: ${procedures.join(', ')}, ${levels.join(', ')}, ${side}.`,
    `Every answer carries the notice: ${first.basis.notice}\n`,
    `What happened:\n\n${list(record)}`,
    ...describeDays(patient, answers),
    ...[...timelines].map((timeline) => describeTimeline(patient, timeline)),
  ].join('\n')
}

/** Compares byte for byte, or writes the file when the run is asked to. */
function expectGolden(file: string, text: string): void {
  const target = path.join(folder, file)
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(path.dirname(target), { recursive: true })
    writeFileSync(target, text)
  }
  expect(existsSync(target) ? readFileSync(target, 'utf8') : `no file ${file}: run with UPDATE_GOLDEN=1`).toBe(text)
}

function fileOf(name: string, day: number): string {
  return `${name}/day-${day < 0 ? 'minus-' : ''}${String(Math.abs(day)).padStart(3, '0')}.json`
}

const courses = new Map<string, Course>()
for (const [name, patient] of Object.entries(patients)) courses.set(name, await follow(patient))

describe.each(Object.entries(patients))('%s', (name, patient) => {
  const course = courses.get(name) ?? { answers: new Map(), timelines: new Map() }

  test.each(days)('day %d is answered as the golden file says', (day) => {
    expectGolden(fileOf(name, day), course.answers.get(day) ?? '')
  })

  test.each(timelineDays)('the timeline on day %d is as the golden file says', (day) => {
    expectGolden(fileOf(name, day).replace('/day-', '/timeline-'), course.timelines.get(day) ?? '')
  })

  test('reads for a clinician as the golden page says', () => {
    expectGolden(`${name}.md`, describePatient(patient, course))
  })
})
