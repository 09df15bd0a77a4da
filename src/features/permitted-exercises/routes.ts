import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { calendarDate, instantInput, slug, toInstantText, uuid } from '../../http/schemas.ts'
import {
  type CalendarDate,
  type Derivation,
  derive,
  type Exercise,
  type Instant,
  type ProtocolVersion,
} from '../../rules/index.ts'
import { today } from '../episodes/plausibility.ts'
import { readRecord, type StoredEntry } from '../episodes/repository.ts'
import { readExercise } from '../exercises/repository.ts'
import { readVersionsById } from '../protocols/repository.ts'
import { toNotFound } from '../references.ts'
import { toAnswer, toVerdict } from './answer.ts'
import { permittedExercises, verdict } from './schemas.ts'

const moment = {
  on: calendarDate.optional().describe('The date asked about; left out: today in the clinic’s time zone.'),
  knownAt: instantInput
    .optional()
    .describe('Answer from what was recorded by then; left out: from everything recorded so far.'),
}

interface Asked {
  on?: CalendarDate | undefined
  knownAt?: Instant | undefined
}

/** The question that the service exists for. */
export async function registerPermittedExercises(app: FastifyInstance, context: Context): Promise<void> {
  const { db } = context
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/episodes/:id/permitted-exercises',
    {
      schema: {
        operationId: 'getPermittedExercises',
        summary:
          'Which exercises may this patient do, at what dose, under which limits, and why are the others withheld?',
        description: 'What is not known never permits. The same question about the same record gives the same bytes.',
        tags: ['permitted-exercises'],
        params: z.object({ id: uuid }),
        querystring: z.strictObject(moment),
        response: { 200: permittedExercises, ...errors('EPISODE_NOT_FOUND', 'NOT_PLAUSIBLE') },
      },
    },
    async (request) => {
      const { id } = request.params
      const derivation = await answer(request, context, id, request.query)
      return { episode: id, ...toAnswer(derivation) }
    },
  )

  routes.get(
    '/episodes/:id/permitted-exercises/:exercise',
    {
      schema: {
        operationId: 'getExerciseVerdict',
        summary: 'May this patient do this exercise?',
        description: 'Takes any exercise of the catalogue. One that no assigned protocol prescribes is withheld.',
        tags: ['permitted-exercises'],
        params: z.object({ id: uuid, exercise: slug }),
        querystring: z.strictObject(moment),
        response: { 200: verdict, ...errors('EPISODE_NOT_FOUND', 'EXERCISE_NOT_FOUND', 'NOT_PLAUSIBLE') },
      },
    },
    async (request) => {
      const { id, exercise } = request.params
      const { clinicId } = request.actor
      const listed = await db.asClinic(clinicId, (tx) => readExercise(tx, clinicId, exercise))
      const derivation = await answer(request, context, id, request.query, listed === null ? [] : [listed])
      const found = toVerdict(derivation, exercise)
      if (found === null) {
        throw await db.asClinic(clinicId, (tx) => toNotFound(tx, 'exercise', clinicId, exercise))
      }
      return { episode: id, ...found }
    },
  )
}

/** Derives from the episode's record; `alsoJudge` are exercises to judge besides those that its protocols name. */
async function answer(
  request: FastifyRequest,
  { db, clock }: Context,
  episodeId: string,
  asked: Asked,
  alsoJudge: readonly Exercise[] = [],
): Promise<Derivation> {
  const { clinicId, timeZone } = request.actor
  const now = clock()
  const entries = await readRecord(db.pool, clinicId, episodeId, { settled: asked.knownAt !== undefined })
  const latest = entries?.at(-1)
  if (entries === null || latest === undefined) {
    throw new ProblemError('EPISODE_NOT_FOUND', `there is no episode ${episodeId}`)
  }
  const knownAt = asked.knownAt ?? latest.recordedAt
  requireKnowable(knownAt, entries, asked.knownAt === undefined ? null : toInstantText(now))
  const versions = await readAssigned(db, clinicId, entries, knownAt)
  const derivation = derive({ versions, entries, on: asked.on ?? today(now, timeZone), knownAt, alsoJudge })
  if (derivation === null) throw new Error('an episode’s record begins with its surgery')
  return derivation
}

/** Nothing was known before the first entry, and nobody knows yet what will be recorded. */
function requireKnowable(knownAt: Instant, entries: readonly StoredEntry[], now: Instant | null): void {
  const first = entries[0]?.recordedAt
  const latest = entries.at(-1)?.recordedAt
  const refuse = (detail: string): ProblemError =>
    new ProblemError('NOT_PLAUSIBLE', `\`knownAt\` ${detail}`, { errors: [{ parameter: 'knownAt', detail }] })
  if (first !== undefined && knownAt < first) {
    throw refuse(`lies before the episode was opened, at ${first}: nothing was known of it then`)
  }
  // An entry may have got its moment from a clock that is a little ahead of this one.
  if (now !== null && knownAt > now && (latest === undefined || knownAt > latest)) {
    throw refuse(`lies in the future: it must not be later than now, ${now}`)
  }
}

async function readAssigned(
  db: Context['db'],
  clinicId: string,
  entries: readonly StoredEntry[],
  knownAt: Instant,
): Promise<ProtocolVersion[]> {
  const assignment = entries.findLast((entry) => entry.kind === 'assignment' && entry.recordedAt <= knownAt)
  if (assignment?.kind !== 'assignment' || assignment.versions.length === 0) return []
  const stored = await db.asClinic(clinicId, (tx) => readVersionsById(tx, clinicId, assignment.versions))
  return stored.map(({ id, number, document }) => ({ id, version: number, document }))
}
