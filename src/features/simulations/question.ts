import type { z } from 'zod'
import type { Database, Transaction } from '../../db/client.ts'
import { listWords } from '../../http/nearest.ts'
import { ProblemError, type ProblemLocation } from '../../http/problems.ts'
import type { Exercise, Instant, ProtocolDocument, ProtocolVersion, Question, RecordEntry } from '../../rules/index.ts'
import { readNamedDraft, readNamedVersion } from '../episodes/assignment.ts'
import {
  implausible,
  requireFact,
  requireLifts,
  requireMilestone,
  requireRedFlag,
  requireSpan,
} from '../episodes/plausibility.ts'
import type { NewEntry } from '../episodes/repository.ts'
import { readAllExercises } from '../exercises/repository.ts'
import { joinCatalogue } from '../protocols/authoring.ts'
import { completeDocument } from '../protocols/document-schema.ts'
import type { simulationBody } from './schemas.ts'

type Body = z.output<typeof simulationBody>

/** What the rules are asked about the patient that the body describes. */
export async function readSimulation(db: Database, clinicId: string, body: Body): Promise<Question> {
  const { versions, catalogue } = await db.asClinic(clinicId, async (tx) => {
    const catalogue = await readAllExercises(tx, clinicId)
    return { catalogue, versions: await readVersions(tx, clinicId, body, catalogue) }
  })
  const knownAt = `${body.on}T00:00:00.000Z` as Instant
  return { versions, entries: toEntries(body, versions, catalogue, knownAt), on: body.on, knownAt }
}

async function readVersions(
  tx: Transaction,
  clinicId: string,
  body: Body,
  catalogue: readonly Exercise[],
): Promise<ProtocolVersion[]> {
  const versions: ProtocolVersion[] = []
  for (const [index, protocol] of body.protocols.entries()) {
    const pointer = `/protocols/${index}`
    const version = await readOne(tx, clinicId, protocol, catalogue, pointer)
    if (versions.some((other) => other.document.code === version.document.code)) {
      throw implausible(pointer, `has the code \`${version.document.code}\`, as an earlier one has: each at most once`)
    }
    versions.push({ id: pointer, version: version.number, document: version.document })
  }
  return versions
}

/** A document, or what a reference names: a published version or, as `draft`, the one that is not published. */
async function readOne(
  tx: Transaction,
  clinicId: string,
  protocol: Body['protocols'][number],
  catalogue: readonly Exercise[],
  pointer: string,
): Promise<{ number: number | null; document: ProtocolDocument }> {
  if (protocol.format !== undefined) {
    return { number: null, document: await readDocument(tx, clinicId, protocol, catalogue, pointer) }
  }
  const { code, version } = protocol
  return version === 'draft'
    ? { number: null, document: await readNamedDraft(tx, clinicId, code, pointer, catalogue) }
    : readNamedVersion(tx, clinicId, { code, version }, pointer)
}

async function readDocument(
  tx: Transaction,
  clinicId: string,
  body: Parameters<typeof completeDocument>[0],
  catalogue: readonly Exercise[],
  pointer: string,
): Promise<ProtocolDocument> {
  try {
    return await joinCatalogue(tx, clinicId, completeDocument(body), catalogue)
  } catch (error) {
    throw error instanceof ProblemError ? below(error, pointer) : error
  }
}

/** The same problem, with its places named from the root of the request. */
function below(problem: ProblemError, pointer: string): ProblemError {
  const errors = problem.errors.map(
    (place): ProblemLocation => ('pointer' in place ? { ...place, pointer: `${pointer}${place.pointer}` } : place),
  )
  return new ProblemError(problem.code, problem.message, { errors })
}

/** The record that the request describes, as if it had been recorded before the date asked about. */
function toEntries(
  body: Body,
  versions: readonly ProtocolVersion[],
  catalogue: readonly Exercise[],
  recordedAt: Instant,
): RecordEntry[] {
  const documents = versions.map((version) => version.document)
  const procedures = body.procedures ?? assumeProcedures(documents)
  const { surgeryDate, levels = [], side = null } = body
  const entries: (NewEntry & { id?: string })[] = [
    { kind: 'surgery', surgeryDate, procedures, levels, side },
    { kind: 'assignment', versions: versions.map((version) => version.id) },
  ]

  body.milestones?.forEach((milestone, index) => {
    at(`/milestones/${index}`, () => requireMilestone(milestone, documents, surgeryDate))
    entries.push({ kind: 'milestone', ...milestone, grantedBy: milestone.grantedBy ?? null })
  })
  body.facts?.forEach((fact, index) => {
    at(`/facts/${index}`, () => requireFact(fact, documents))
    entries.push({ kind: 'fact', ...fact })
  })
  body.symptoms?.forEach(({ redFlag, on, resolvedOn }, index) => {
    const { title, response } = at(`/symptoms/${index}`, () => requireRedFlag(redFlag, documents))
    const id = `symptoms-${index}`
    entries.push({ id, kind: 'symptom', redFlag, title, response, on })
    if (resolvedOn === undefined) return
    if (resolvedOn < on)
      throw implausible(`/symptoms/${index}/resolvedOn`, `lies before the symptom itself, which is of ${on}`)
    entries.push({ kind: 'resolution', symptom: id, on: resolvedOn })
  })
  body.overrides?.forEach(({ exercise, effect, from, until = null, reason = 'Simulated', lifts = [] }, index) => {
    const entry = at(`/overrides/${index}`, () => {
      requireSpan(from, until ?? undefined)
      requireLifts({ effect, lifts }, documents)
      return requireKnown(exercise, [...documents.flatMap((document) => document.exercises), ...catalogue])
    })
    const ids = versions.map((version) => version.id)
    entries.push({
      id: `overrides-${index}`,
      kind: 'override',
      exercise,
      entry,
      effect,
      from,
      until,
      reason,
      lifts,
      versions: ids,
    })
  })
  body.holds?.forEach(({ from, until = null, reason = 'Simulated' }, index) => {
    at(`/holds/${index}`, () => requireSpan(from, until ?? undefined))
    entries.push({ id: `holds-${index}`, kind: 'hold', from, until, reason })
  })

  return entries.map((entry, index) => ({ id: `entry-${index}`, ...entry, revision: index, recordedAt }) as RecordEntry)
}

/** All that the documents are for, unless a fact asks which of several were done. */
function assumeProcedures(documents: readonly ProtocolDocument[]): string[] {
  const procedures = [...new Set(documents.flatMap((document) => document.procedures))].sort()
  const asking = documents.flatMap((document) => document.facts).find(({ operation }) => typeof operation === 'object')
  if (procedures.length > 1 && typeof asking?.operation === 'object') {
    const { procedure } = asking.operation
    const detail = `is required: say which procedures were done: a fact asks for \`${procedure}\` (“${asking.title}”), and the documents are for ${listWords(procedures, 'and')}`
    throw implausible('/procedures', detail)
  }
  return procedures
}

function requireKnown(code: string, known: readonly Exercise[]): Exercise {
  const found = known.find((exercise) => exercise.code === code)
  if (found !== undefined) return found
  const detail = `names the exercise \`${code}\`, which neither the documents nor the catalogue have`
  throw new ProblemError('UNKNOWN_REFERENCE', `\`exercise\` ${detail}`, { errors: [{ pointer: '/exercise', detail }] })
}

/** Runs a check whose problems name places below `pointer`. */
function at<Result>(pointer: string, check: () => Result): Result {
  try {
    return check()
  } catch (error) {
    throw error instanceof ProblemError ? below(error, pointer) : error
  }
}
