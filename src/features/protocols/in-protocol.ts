import type { FastifyRequest } from 'fastify'
import type { Transaction } from '../../db/client.ts'
import type { Context } from '../../http/context.ts'
import { findNearest, listWords } from '../../http/nearest.ts'
import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { Exercise } from '../../rules/index.ts'
import { readLastRevision } from '../protocol-events/repository.ts'
import { type Authorship, withCatalogue } from './authoring.ts'
import { answerVersion } from './joined.ts'
import { listProtocols, type ProtocolSummary, readProtocol, readVersion, type StoredVersion } from './repository.ts'
import { tellSince } from './since.ts'

type Work<Scope, Result> = (scope: Scope) => Promise<Result>

interface ClinicScope {
  tx: Transaction
  author: Authorship
}

interface ProtocolScope extends ClinicScope {
  protocol: ProtocolSummary
}

export interface DraftScope extends ProtocolScope {
  /** With its exercises as the catalogue has them now. */
  draft: StoredVersion
  /** As they were submitted; none before. */
  submittedExercises: readonly Exercise[]
}

/** Who makes this request, as an author. */
export function authorOf(request: FastifyRequest, { clock, ids }: Context): Authorship {
  return {
    clinicId: request.actor.clinicId,
    actorId: request.actor.id,
    now: toInstantText(clock()),
    nextId: ids,
  }
}

/** Works on the protocol with that code, in one transaction of the clinic. */
export function inProtocol<Result>(
  request: FastifyRequest,
  context: Context,
  code: string,
  work: Work<ProtocolScope, Result>,
): Promise<Result> {
  const author = authorOf(request, context)
  return context.db.asClinic(author.clinicId, async (tx) => {
    const protocol = await requireProtocol(tx, author.clinicId, code)
    return work({ tx, author, protocol })
  })
}

/** Works on the draft of the protocol with that code. Who has not seen its last revision is told what was done since. */
export function inDraft<Result>(
  request: FastifyRequest,
  context: Context,
  code: string,
  work: Work<DraftScope, Result>,
): Promise<Result> {
  return inProtocol(request, context, code, async (scope) => {
    const { clinicId } = scope.author
    const stored = await readVersion(scope.tx, clinicId, scope.protocol.id, 'draft')
    if (stored === null) {
      throw new ProblemError(
        'DRAFT_NOT_FOUND',
        `the protocol \`${scope.protocol.code}\` has no draft: start one (POST /v1/protocols/${scope.protocol.code}/draft)`,
      )
    }
    const draft = { ...stored, document: await withCatalogue(scope.tx, clinicId, stored.document) }
    return tellSince(request, { tx: scope.tx, clinicId, protocolId: scope.protocol.id }, () =>
      work({ ...scope, draft, submittedExercises: stored.document.exercises }),
    )
  })
}

/** The draft as this transaction has just written it: in another one somebody may have deleted or published it. */
export async function answerWritten(tx: Transaction, clinicId: string, protocol: { id: string; code: string }) {
  const written = await readVersion(tx, clinicId, protocol.id, 'draft')
  if (written === null) throw new Error(`the draft of ${protocol.code} was written and cannot be read`)
  return answerVersion(tx, clinicId, { ...written, document: await withCatalogue(tx, clinicId, written.document) })
}

/** The protocol with that code, or a problem that names the nearest ones. */
export async function requireProtocol(tx: Transaction, clinicId: string, code: string): Promise<ProtocolSummary> {
  const protocol = await readProtocol(tx, clinicId, code)
  if (protocol !== null) return protocol
  const known = await listProtocols(tx, clinicId, { after: null, take: 1000 })
  const nearest = findNearest(
    code,
    known.map((candidate) => candidate.code),
  )
  const hint = nearest.length > 0 ? `: did you mean ${listWords(nearest)}?` : ''
  throw new ProblemError('PROTOCOL_NOT_FOUND', `there is no protocol \`${code}\`${hint}`, { nearest })
}

/** The version with that number, or a problem that names the newest. */
export async function requireVersion(
  tx: Transaction,
  clinicId: string,
  owner: ProtocolSummary,
  number: number,
): Promise<StoredVersion> {
  const found = await readVersion(tx, clinicId, owner.id, number)
  if (found !== null) return found
  const newest = owner.latestVersion === null ? 'nothing is published yet' : `the newest is ${owner.latestVersion}`
  throw new ProblemError('VERSION_NOT_FOUND', `\`${owner.code}\` has no version ${number}: ${newest}`)
}

/** Whoever has seen a draft does not mean to start one: what they edited was published or discarded meanwhile. */
export async function requireNoneSeen(
  request: FastifyRequest,
  { tx, clinicId, protocolId }: { tx: Transaction; clinicId: string; protocolId: string },
  code: string,
): Promise<void> {
  if (request.headers['if-match'] === undefined) return
  throw new ProblemError(
    'PRECONDITION_FAILED',
    `\`${code}\` has no draft any more: leave \`If-Match\` out to start one`,
    { currentRevision: await readLastRevision(tx, clinicId, protocolId) },
  )
}
