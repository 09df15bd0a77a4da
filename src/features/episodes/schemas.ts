import { z } from 'zod'
import { changeOf, listOf } from '../../http/bodies.ts'
import { calendarDate, instant, line, slug, text, uuid } from '../../http/schemas.ts'
import type { RecordedEntry } from './repository.ts'

const surgeryDate = calendarDate.describe('The day of the surgery, or the day it is planned for.')
const procedures = listOf(slug, 10).min(1).describe('Codes of the clinic’s procedures.')
const levels = listOf(line(20), 30).describe('Spinal levels, for instance `C5-C6`.')
const side = z.enum(['left', 'right', 'bilateral'])

export const protocolReference = z.strictObject({
  code: slug,
  version: z.int().min(1).max(999_999_999).optional().describe('Left out: the newest published one.'),
})

const protocols = z
  .array(protocolReference)
  .max(10)
  .describe('What the patient follows; an empty list: nothing yet, so that nothing is permitted.')

export const episodeBody = z.strictObject({
  procedures,
  surgeryDate,
  levels: levels.optional(),
  side: side.optional(),
  protocols: protocols.optional().describe('Left out: the clinic’s default for each procedure.'),
})

/** Names of consequences. */
export const confirm = listOf(line(500), 10_000).describe(
  'Names of the consequences that are meant to happen, as the refusal or the dry run gave them.',
)

export const episodeChange = changeOf({
  procedures,
  surgeryDate,
  levels,
  side: side.nullable(),
  protocols,
})
  .safeExtend({ confirm: confirm.optional() })
  .refine((change) => change.confirm === undefined || change.protocols !== undefined, {
    path: ['confirm'],
    error: 'confirms a change of `protocols`, which is left out: give both',
    when: ({ issues }) => issues.length === 0,
  })

export const episode = z
  .object({
    id: uuid,
    patientId: uuid,
    status: z.enum(['open', 'closed']),
    surgeryDate: calendarDate,
    procedures: z.array(z.string()),
    levels: z.array(z.string()),
    side: side.nullable(),
    protocols: z.array(z.object({ code: z.string(), version: z.int().min(1), title: z.string() })),
    revision: z.int().min(1).describe('Raised by everything that can change the episode’s answers.'),
    createdAt: instant,
    changedAt: instant,
  })
  .meta({ id: 'Episode', description: 'One patient’s recovery from one surgery.' })

export const episodeParams = z.object({ id: uuid })
export const entryParams = z.object({ id: uuid, entry: uuid })

const note = text(2000).optional()
const reason = text(1000)
const on = calendarDate.describe('The day it happened, in the clinic’s time zone; not later than today.')
const from = calendarDate.describe('First day on which it holds.')
const until = calendarDate.optional().describe('First day on which it no longer holds; left out: until it is voided.')

export const milestoneBody = z.strictObject({
  code: slug.describe('As the episode’s protocols declare it.'),
  on,
  grantedBy: slug.optional().describe('The role of who granted it; a clearance needs one that its protocol names.'),
  note,
})
export const revocationBody = z.strictObject({ on, reason })

export const factValue = z.union([z.number(), z.boolean(), line(200)], {
  error: 'must be a number, `true`, `false` or a text',
})
export const factBody = z.strictObject({ code: slug, value: factValue, on, note })

export const symptomBody = z.strictObject({
  redFlag: slug.describe('As the episode’s protocols declare it.'),
  on,
  note,
})
export const resolutionBody = z.strictObject({ on, note: text(2000) })

export const overrideBody = z.strictObject({
  exercise: slug,
  effect: z.enum(['permit', 'withhold']),
  from,
  until,
  reason,
  lifts: listOf(slug, 50)
    .optional()
    .describe('Codes of the relative contraindications that a `permit` lifts for this exercise.'),
})
export const holdBody = z.strictObject({ from, until, reason })
export const closureBody = z.strictObject({ on, reason })
export const voidBody = z.strictObject({ reason })

const entryFields = {
  id: uuid,
  revision: z.int().min(1).describe('The episode’s revision that this entry made.'),
  recordedAt: instant,
  recordedBy: uuid.describe('An actor: `GET /v1/actors/{id}` says who.'),
  voided: z
    .object({ by: uuid, reason: z.string(), recordedAt: instant })
    .nullable()
    .describe('The later entry that voids this one.'),
}

const noteOut = z.string().nullable()
const span = { from: calendarDate, until: calendarDate.nullable() }

const milestoneEntry = z
  .object({
    kind: z.literal('milestone'),
    ...entryFields,
    code: z.string(),
    on: calendarDate,
    grantedBy: z.string().nullable(),
    note: noteOut,
  })
  .meta({ id: 'MilestoneEntry' })
const revocationEntry = z
  .object({ kind: z.literal('revocation'), ...entryFields, milestone: uuid, on: calendarDate, reason: z.string() })
  .meta({ id: 'RevocationEntry' })
const factEntry = z
  .object({
    kind: z.literal('fact'),
    ...entryFields,
    code: z.string(),
    value: factValue,
    on: calendarDate,
    note: noteOut,
  })
  .meta({ id: 'FactEntry' })
const symptomEntry = z
  .object({
    kind: z.literal('symptom'),
    ...entryFields,
    redFlag: z.string(),
    title: z.string(),
    response: z.enum(['emergency', 'contact-surgeon']),
    on: calendarDate,
    note: noteOut,
  })
  .meta({ id: 'SymptomEntry' })
const resolutionEntry = z
  .object({ kind: z.literal('resolution'), ...entryFields, symptom: uuid, on: calendarDate, note: noteOut })
  .meta({ id: 'ResolutionEntry' })
const overrideEntry = z
  .object({
    kind: z.literal('override'),
    ...entryFields,
    exercise: z.string(),
    effect: z.enum(['permit', 'withhold']),
    ...span,
    reason: z.string(),
    lifts: z.array(z.string()),
  })
  .meta({ id: 'OverrideEntry' })
const holdEntry = z
  .object({ kind: z.literal('hold'), ...entryFields, ...span, reason: z.string() })
  .meta({ id: 'HoldEntry' })
const closureEntry = z
  .object({ kind: z.literal('closure'), ...entryFields, on: calendarDate, reason: z.string() })
  .meta({ id: 'ClosureEntry' })
const voidEntry = z
  .object({ kind: z.literal('void'), ...entryFields, entry: uuid, reason: z.string() })
  .meta({ id: 'VoidEntry' })
const surgeryEntry = z
  .object({
    kind: z.literal('surgery'),
    ...entryFields,
    surgeryDate: calendarDate,
    procedures: z.array(z.string()),
    levels: z.array(z.string()),
    side: side.nullable(),
  })
  .meta({ id: 'SurgeryEntry' })
const assignmentEntry = z
  .object({
    kind: z.literal('assignment'),
    ...entryFields,
    versions: z.array(uuid),
    reason: z.string().optional().describe('Of a move: why.'),
    move: uuid.optional().describe('The move that it is part of; left out: it was changed for this episode alone.'),
  })
  .meta({ id: 'AssignmentEntry' })

const recordEntry = z
  .discriminatedUnion('kind', [
    surgeryEntry,
    assignmentEntry,
    milestoneEntry,
    revocationEntry,
    factEntry,
    symptomEntry,
    resolutionEntry,
    overrideEntry,
    holdEntry,
    closureEntry,
    voidEntry,
  ])
  .meta({ id: 'RecordEntry', description: 'One entry of an episode’s append-only record.' })

/** The answers of the record's routes, typed as what the repository gives. */
export const entrySchemas = {
  any: recordEntry,
  milestone: milestoneEntry,
  revocation: revocationEntry,
  fact: factEntry,
  symptom: symptomEntry,
  resolution: resolutionEntry,
  override: overrideEntry,
  hold: holdEntry,
  closure: closureEntry,
  void: voidEntry,
} as unknown as Record<'any' | Exclude<RecordedEntry['kind'], 'surgery' | 'assignment'>, z.ZodType<RecordedEntry>>
