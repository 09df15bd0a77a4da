import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Transaction } from '../../db/client.ts'
import { prefers } from '../../http/accept.ts'
import type { Context } from '../../http/context.ts'
import { toProblemError } from '../../http/error-handler.ts'
import { readKey } from '../../http/idempotency.ts'
import { linesMediaType, longAnswer, sendLines } from '../../http/lines.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError, type ProblemLocation } from '../../http/problems.ts'
import { uuid } from '../../http/schemas.ts'
import { toInvalid } from '../../http/validation.ts'
import { today } from '../episodes/plausibility.ts'
import { knownEpisodes } from '../episodes/repository.ts'
import { toConsequence, toTallies } from '../impacts/answer.ts'
import { speakCount } from '../impacts/sentences.ts'
import { count, emptySummary, orderTallies } from '../impacts/summary.ts'
import { inProtocol } from '../protocols/in-protocol.ts'
import { nameKeys } from '../protocols/keys.ts'
import { listVersionIds, listVersions, type ProtocolSummary, readVersion } from '../protocols/repository.ts'
import { type MoveRequest, type MoveResult, moveEpisodes, type Outcome, outcomes } from './move.ts'
import { listMovedEpisodes, listMoves, type Move, type Selection } from './repository.ts'
import { move, moveBody, moveEpisode, moveLine, moveParams, moveResult, oneMoveParams } from './schemas.ts'
import { speakOutcomes, speakResult } from './sentences.ts'

const cursor = cursorOf(z.tuple([uuid]))
const tags = ['protocols']

/** Moving patients from one version of a protocol to another, and back. */
export async function registerMoves(app: FastifyInstance, context: Context): Promise<void> {
  const { clock, ids } = context
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.post(
    '/protocols/:code/moves',
    {
      config: { answerWithin: longAnswer },
      schema: {
        operationId: 'moveEpisodes',
        summary: 'Move patients to another version, or back; a dry run first',
        description:
          'One, a selection or all. An episode of which today’s answer changes is moved only if `confirm` names each consequence; with `dryRun` the answer is the one that the move would give, and its `confirm` is what would cover all of them. What a hold, an open red flag, an override or a surgery ahead hides today is told and confirmed as well (`hidden`); later days are not compared. Consequences are worked out anew when each episode is moved: what is not covered then is not moved and is listed. Each move is an entry of the episode’s record, so that a past answer stays what it was, and `{ "undo": id }` is another move. It is done in batches: if it is broken off, what is moved is moved, the problem names the `move`, and the same request does the rest. For many take lines (`Accept: application/x-ndjson`); a reader who goes away ends it. With an `Idempotency-Key` it is done in one transaction, all of it or nothing: of at most 1,000 episodes, and not in lines.',
        tags,
        params: moveParams,
        body: moveBody,
        response: {
          200: {
            description: 'What came of it, or would come of it.',
            content: { 'application/json': { schema: moveResult }, [linesMediaType]: { schema: moveLine } },
          },
          ...errors('PROTOCOL_NOT_FOUND', 'UNKNOWN_REFERENCE', 'VERSION_NOT_PUBLISHED', 'TOO_MANY_FOR_KEY'),
        },
      },
    },
    async (request, reply) => {
      const { clinicId, id: actorId, timeZone } = request.actor
      const { to: number, select, reason, dryRun = false, confirm = [], limit = 100 } = request.body
      const isKeyed = readKey(request) !== null
      requireTarget(number, select)
      const asLines = prefers(request.headers.accept, linesMediaType)
      if (isKeyed && asLines) throw refuseLines()
      const asked = await inProtocol(request, context, request.params.code, async ({ tx, protocol }) => {
        const to = number === undefined ? null : await requirePublished(tx, clinicId, protocol, number)
        const retired = await requireKnown(tx, clinicId, protocol, select)
        return { protocol, to, retired }
      })
      const { protocol, to } = asked
      const wanted: MoveRequest = {
        clinicId,
        actorId,
        timeZone,
        protocol,
        to,
        selection: select,
        reason,
        confirm,
        dryRun,
        id: ids(),
      }
      const report = createReport(wanted, asked.retired, today(clock(), timeZone))
      reply.header('vary', 'Accept')
      if (asLines) {
        return sendLines(request, reply, toLines(moveNamed(request, context, wanted), wanted, report))
      }
      const items: ReturnType<typeof toItem>[] = []
      let listed = 0
      for await (const { on, results } of moveNamed(request, context, wanted)) {
        if (isKeyed) requireFew(report.seen() + results.length)
        for (const result of results) {
          report.add(result)
          if (result.outcome === 'already-there') continue
          listed += 1
          if (items.length < limit) items.push(toItem(result, on, dryRun))
        }
      }
      return { ...report.end(), items, isCut: listed > items.length }
    },
  )

  routes.get(
    '/protocols/:code/moves',
    {
      schema: {
        operationId: 'listMoves',
        summary: 'List the moves between a protocol’s versions, newest first',
        description: 'Who moved how many episodes, when, why, and what was confirmed. A dry run is no move.',
        tags,
        params: moveParams,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(move), ...errors('PROTOCOL_NOT_FOUND') },
      },
    },
    async (request, reply) => {
      const { limit } = request.query
      const before = cursor.read(request.query.cursor)?.[0] ?? null
      const rows = await inProtocol(request, context, request.params.code, ({ tx, author, protocol }) =>
        describeMoves(tx, author.clinicId, protocol, { before, take: limit + 1 }),
      )
      return toPage(request, reply, rows, limit, ({ id }) => cursor.write([id]))
    },
  )

  /** The move that the address names. */
  function inMove<Result>(
    request: FastifyRequest<{ Params: { code: string; move: string } }>,
    work: (tx: Transaction, protocol: ProtocolSummary, found: z.output<typeof move>) => Promise<Result>,
  ): Promise<Result> {
    return inProtocol(request, context, request.params.code, async ({ tx, author, protocol }) => {
      const id = request.params.move
      const [found] = await describeMoves(tx, author.clinicId, protocol, { before: null, take: 1, id })
      if (found === undefined) throw new ProblemError('MOVE_NOT_FOUND', `\`${protocol.code}\` has no move ${id}`)
      return work(tx, protocol, found)
    })
  }

  routes.get(
    '/protocols/:code/moves/:move',
    {
      schema: {
        operationId: 'getMove',
        summary: 'Read a move: who, when, why, and how many',
        description: 'It never changes; what undoes it is another move, which names it in `undoes`.',
        tags,
        params: oneMoveParams,
        response: { 200: move, ...errors('PROTOCOL_NOT_FOUND', 'MOVE_NOT_FOUND') },
      },
    },
    (request) => inMove(request, async (_tx, _protocol, found) => found),
  )

  routes.get(
    '/protocols/:code/moves/:move/episodes',
    {
      schema: {
        operationId: 'listMovedEpisodes',
        summary: 'List the episodes of a move, with the versions before and since',
        description: 'Those that were moved, by id; what an episode follows today may be another version again.',
        tags,
        params: oneMoveParams,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(moveEpisode), ...errors('PROTOCOL_NOT_FOUND', 'MOVE_NOT_FOUND') },
      },
    },
    async (request, reply) => {
      const { limit } = request.query
      const { clinicId } = request.actor
      const after = cursor.read(request.query.cursor)?.[0] ?? null
      const rows = await inMove(request, async (tx, protocol, { id }) => {
        const numbers = await listVersionIds(tx, clinicId, protocol.id)
        const found = await listMovedEpisodes(tx, clinicId, id, { after, take: limit + 1 })
        return found.map(({ episodeId, fromVersionId, toVersionId }) => ({
          episode: episodeId,
          from: numbers.get(fromVersionId) ?? 0,
          to: numbers.get(toVersionId) ?? 0,
        }))
      })
      return toPage(request, reply, rows, limit, ({ episode }) => cursor.write([episode]))
    },
  )
}

/** With a key all of it is done in one transaction, which must not be in the way of others for long. */
const mostWithKey = 1000

function requireFew(episodes: number): void {
  if (episodes <= mostWithKey) return
  throw new ProblemError(
    'TOO_MANY_FOR_KEY',
    `with an \`Idempotency-Key\` at most ${mostWithKey} episodes are moved, all of them or none, and these are more: nothing was moved. Select fewer, or leave the key out: then they are moved in batches, and if it is broken off the same request does the rest`,
  )
}

function refuseLines(): ProblemError {
  const detail =
    'cannot be given when the answer is asked for in lines, which are not kept: leave it out, or ask for JSON'
  return new ProblemError('VALIDATION_FAILED', `\`Idempotency-Key\` ${detail}`, {
    errors: [{ parameter: 'Idempotency-Key', in: 'header', detail }],
  })
}

/** A move has a target, and what undoes one has none of its own. */
function requireTarget(to: number | undefined, select: Selection): void {
  const faults: ProblemLocation[] = []
  if ('undo' in select && to !== undefined) {
    faults.push({ pointer: '/to', detail: 'must be left out of what undoes a move: each episode goes back to its own' })
  }
  if (!('undo' in select) && to === undefined) {
    faults.push({ pointer: '/to', detail: 'is required: the number of the published version to follow' })
  }
  if ('from' in select && select.from === to) {
    faults.push({ pointer: '/select/from', detail: 'must be another version than `to`' })
  }
  if (faults.length > 0) throw toInvalid(faults)
}

function refuse(faults: readonly { pointer: string; detail: string }[]): ProblemError {
  const [first] = faults
  return new ProblemError('UNKNOWN_REFERENCE', `\`${first?.pointer.slice(1).replaceAll('/', '.')}\` ${first?.detail}`, {
    errors: faults,
  })
}

async function requirePublished(tx: Transaction, clinicId: string, protocol: ProtocolSummary, number: number) {
  const version = await readVersion(tx, clinicId, protocol.id, number)
  if (version === null) {
    const newest =
      protocol.latestVersion === null ? 'nothing is published yet' : `the newest is ${protocol.latestVersion}`
    const detail = `names version ${number}, which \`${protocol.code}\` does not have: ${newest}; a draft is published first`
    throw refuse([{ pointer: '/to', detail }])
  }
  if (version.status !== 'published') {
    const detail = `names version ${number} of \`${protocol.code}\`, which is retired: choose another`
    throw new ProblemError('VERSION_NOT_PUBLISHED', `\`to\` ${detail}`, { errors: [{ pointer: '/to', detail }] })
  }
  return { id: version.id, number }
}

/** Refuses what the selection names and the clinic does not have. Returns the retired versions that are gone back to. */
async function requireKnown(
  tx: Transaction,
  clinicId: string,
  protocol: ProtocolSummary,
  select: Selection,
): Promise<ReadonlySet<number>> {
  if ('episodes' in select) {
    const known = await knownEpisodes(tx, clinicId, select.episodes)
    const faults = select.episodes.flatMap((id, index) =>
      known.has(id) ? [] : [{ pointer: `/select/episodes/${index}`, detail: `names ${id}: there is no such episode` }],
    )
    if (faults.length > 0) throw refuse(faults)
  } else if ('from' in select) {
    if ((await readVersion(tx, clinicId, protocol.id, select.from)) === null) {
      throw refuse([{ pointer: '/select/from', detail: `names a version that \`${protocol.code}\` does not have` }])
    }
  } else if ('undo' in select) {
    const [found] = await listMoves(tx, clinicId, protocol.id, { before: null, take: 1, id: select.undo })
    if (found === undefined) {
      throw refuse([{ pointer: '/select/undo', detail: `names a move that \`${protocol.code}\` does not have` }])
    }
    const versions = await listVersions(tx, clinicId, protocol.id, { below: null, take: 10_000 })
    return new Set(versions.flatMap(({ status, number }) => (status === 'retired' && number !== null ? [number] : [])))
  }
  return new Set()
}

async function describeMoves(
  tx: Transaction,
  clinicId: string,
  protocol: ProtocolSummary,
  page: Parameters<typeof listMoves>[3],
): Promise<z.output<typeof move>[]> {
  const rows = await listMoves(tx, clinicId, protocol.id, page)
  const keyOf = await nameKeys(
    tx,
    clinicId,
    rows.map(({ recordedBy }) => recordedBy),
  )
  return rows.map(({ id, to, undoes, selection, reason, confirmed, episodes, recordedAt, recordedBy }) => ({
    id,
    to: to?.number ?? null,
    undoes,
    select: { ...selection } satisfies Move['selection'],
    reason,
    confirmed,
    episodes,
    at: recordedAt,
    by: keyOf(recordedBy),
  }))
}

function toItem(result: MoveResult, on: Parameters<typeof toConsequence>[1], dryRun: boolean) {
  const { episode, outcome, from, to, effect, missing } = result
  return {
    episode: episode.id,
    patient: episode.patientId,
    outcome,
    from,
    to,
    consequences: effect.consequences.map((consequence) => toConsequence(consequence, on)),
    missing: [...missing],
    text: speakResult(result, dryRun),
  }
}

/** Counts what comes of the episodes, one after the other. */
function createReport(
  { protocol, dryRun, to, id, confirm }: MoveRequest,
  retired: ReadonlySet<number>,
  on: ReturnType<typeof today>,
) {
  const summary = emptySummary()
  const counts = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>
  const again = new Set<number>()
  return {
    seen: (): number => summary.episodes,
    add(result: MoveResult): void {
      count(summary, result.effect)
      counts[result.outcome] += 1
      if (result.outcome === 'moved' && result.to !== null && retired.has(result.to)) again.add(result.to)
    },
    end() {
      return {
        protocol: protocol.code,
        dryRun,
        move: dryRun || counts.moved === 0 ? null : id,
        to: to?.number ?? null,
        toRetired: [...again].sort((a, b) => a - b),
        on,
        text: speakOutcomes(summary.episodes, counts, dryRun),
        episodes: summary.episodes,
        outcomes: counts,
        consequences: toTallies(summary),
        unused: confirm.filter((name) => !summary.tallies.has(name)),
        confirm: orderTallies(summary).map(({ consequence }) => consequence.name),
      }
    },
  }
}

/** As `moveEpisodes`. What breaks it off names the move, if an episode was moved before and stays so: with a key none does. */
async function* moveNamed(
  request: FastifyRequest,
  context: Context,
  wanted: MoveRequest,
): ReturnType<typeof moveEpisodes> {
  let moved = 0
  try {
    for await (const batch of moveEpisodes(context, wanted)) {
      if (!wanted.dryRun && readKey(request) === null)
        moved += batch.results.filter(({ outcome }) => outcome === 'moved').length
      yield batch
    }
  } catch (error) {
    if (moved === 0) throw error
    const { code, message, errors: places, headers, cause, extensions } = toProblemError(error, request)
    const made = `${speakCount(moved, 'episode')} ${moved === 1 ? 'was' : 'were'} moved before: see /v1/protocols/${wanted.protocol.code}/moves/${wanted.id}`
    const more = { ...extensions, move: wanted.id }
    throw new ProblemError(code, `${message}; ${made}`, { errors: places, headers, cause, ...more })
  }
}

async function* toLines(
  batches: ReturnType<typeof moveEpisodes>,
  { dryRun }: MoveRequest,
  report: ReturnType<typeof createReport>,
): AsyncGenerator<object[]> {
  for await (const { on, results } of batches) {
    for (const result of results) report.add(result)
    yield results.map((result) => ({ kind: 'episode', ...toItem(result, on, dryRun) }))
  }
  yield [{ kind: 'summary', ...report.end() }]
}
