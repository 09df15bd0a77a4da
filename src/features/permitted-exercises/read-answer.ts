import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { type CalendarDate, derive, type Instant, type Question, semanticsVersion } from '../../rules/index.ts'
import { dayOf } from '../episodes/day.ts'
import { createStateReader } from '../episodes/repository.ts'
import { toAnswer } from './answer.ts'
import { AnswerShelf } from './answer-shelf.ts'
import { type Asked, assignedIn, noEpisode, readQuestion } from './question.ts'
import type { permittedExercises } from './schemas.ts'

type Answer = z.output<typeof permittedExercises>

export interface Found {
  etag: string
  /** Makes the answer, unless it is kept. */
  body: (serialize: (answer: Answer) => string) => Promise<Buffer | string>
}

/**
 * Answers the question about an episode. Of today's question, and of any other date's, each answer is kept until the
 * episode's record changes: the database is always asked for the state of the record, and only the rest is left out.
 */
export function createAnswerReader(context: Context) {
  const { clock, published, mostKeptBytes, release } = context
  const readState = createStateReader(context)
  const shelf = new AnswerShelf(mostKeptBytes)

  const tagOf = (id: string, { on, knownAt }: Moment, versions: readonly string[], revision: number): string => {
    const parts = [id, on, knownAt, revision, versions, semanticsVersion, release]
    return `"${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 27)}"`
  }

  return async ({ actor, audit }: FastifyRequest, id: string, asked: Asked): Promise<Found> => {
    const { clinicId, timeZone } = actor
    if (audit === null) throw new Error('what is read of a patient is put on record')
    audit.answer = { episode: id }
    if (asked.knownAt !== undefined) {
      const question = await readQuestion(context, actor, id, asked)
      const { entries, versions, on, knownAt } = question
      const revision = entries.findLast(({ recordedAt }) => recordedAt <= knownAt)?.revision ?? 0
      const followed = versions.map((version) => version.id)
      return {
        etag: tagOf(id, { on, knownAt }, followed, revision),
        body: async (serialize) => serialize(answer(id, question)),
      }
    }

    const on = asked.on ?? dayOf(clock(), timeZone).date
    const key = `${clinicId} ${id} ${on}`
    const kept = shelf.get(key)
    const event = audit.describe({ patients: [], episodes: [id] })
    const found = await readState(clinicId, { id, kept: kept?.state ?? null, event })
    if (found === null) throw noEpisode(id)
    audit.isRecorded = true
    const { state, entries } = found
    if (kept !== null && entries === null) return { etag: kept.etag, body: async () => kept.body() }
    const latest = entries?.at(-1)
    if (entries === null || latest === undefined) throw new Error('an episode’s record begins with its surgery')
    const knownAt = latest.recordedAt
    const followed = assignedIn(entries, knownAt)
    const etag = tagOf(id, { on, knownAt }, followed, latest.revision)
    return {
      etag,
      body: async (serialize) => {
        const versions = await published(clinicId, followed)
        const json = serialize(answer(id, { versions, entries, on, knownAt }))
        return shelf.put(key, { state, etag, json })
      },
    }
  }
}

interface Moment {
  on: CalendarDate
  knownAt: Instant
}

function answer(episode: string, question: Question): Answer {
  const derivation = derive(question)
  if (derivation === null) throw new Error('an episode’s record begins with its surgery')
  return { episode, ...toAnswer(derivation) }
}
