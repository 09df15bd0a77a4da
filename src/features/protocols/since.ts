import type { FastifyRequest } from 'fastify'
import type { Transaction } from '../../db/client.ts'
import { readRevisions } from '../../http/etag.ts'
import { ProblemError } from '../../http/problems.ts'
import { type ProtocolEvent, readDraftEvents } from '../protocol-events/repository.ts'
import { boundChanges, type Change, netChanges } from './changes.ts'
import { nameKeys, speakInstant, speakKey } from './keys.ts'

/** More events than this are not looked at: whoever is so far behind reads the draft as a new one. */
const mostEvents = 100

const mostCharacters = 64 * 1024

/** Does the work; if the caller's `If-Match` is out of date, the problem says what has been done to the draft since. */
export async function tellSince<Result>(
  request: FastifyRequest,
  { tx, clinicId, protocolId }: { tx: Transaction; clinicId: string; protocolId: string },
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'PRECONDITION_FAILED') throw error
    const current = Number(error.extensions.currentRevision ?? Number.POSITIVE_INFINITY)
    const seen = readRevisions(request).filter((revision) => revision < current)
    if (seen.length === 0) throw error
    const since = await readSince(tx, clinicId, protocolId, Math.max(...seen))
    throw new ProblemError('PRECONDITION_FAILED', speakSince(error.message, since), {
      ...error.extensions,
      headers: error.headers,
      since,
    })
  }
}

/** What was done to the protocol's drafts after a revision. */
async function readSince(tx: Transaction, clinicId: string, protocolId: string, revision: number) {
  const found = await readDraftEvents(tx, clinicId, protocolId, { after: revision, most: mostEvents + 1 })
  const events = found.slice(-mostEvents)
  const keyOf = await nameKeys(
    tx,
    clinicId,
    events.map(({ recordedBy }) => recordedBy),
  )
  const edits = events.flatMap(({ payload, recordedAt, recordedBy }) =>
    (payload.changes ?? []).map((change) => ({ ...change, authors: [recordedBy], at: recordedAt })),
  )
  const cut = events.reduce((sum, { payload }) => sum + (payload.moreChanges ?? 0), 0)
  const net = boundChanges(netChanges(edits), mostCharacters)
  return {
    revision,
    /** False: more has happened than is told here. */
    complete: found.length <= mostEvents && cut + net.moreChanges === 0,
    changes: net.changes.map((change) => ({ ...change, authors: change.authors.map(keyOf) })),
    events: events.map(({ kind, revision: made, recordedAt, recordedBy, note }) => ({
      kind,
      revision: made,
      at: recordedAt,
      by: keyOf(recordedBy),
      note,
    })),
  }
}

type Since = Awaited<ReturnType<typeof readSince>>

const mostSpoken = 5

function speakSince(detail: string, { changes, events }: Since): string {
  const others = events.filter(({ kind }) => kind !== 'edited')
  const who = [...new Set(events.map(({ by }) => speakKey(by)))]
  const what = [...changes.map(speakChange), ...others.map(({ kind }) => verbs[kind])]
  const last = events.at(-1)
  if (last === undefined) return detail
  const rest = what.length > mostSpoken ? [`${what.length - mostSpoken} more`] : []
  const told = [...what.slice(0, mostSpoken), ...rest]
  const said = told.length === 0 ? 'which has left it as it was' : told.join('; ')
  return `${detail}; since then ${who.join(' and ')} changed it, last at ${speakInstant(last.at)}: ${said}`
}

const verbs: Record<ProtocolEvent['kind'], string> = {
  started: 'a draft was started',
  edited: 'the draft was edited',
  merged: 'what is new in the library was merged into it',
  submitted: 'it was submitted',
  withdrawn: 'it was taken back',
  returned: 'it was returned',
  approved: 'it was approved',
  published: 'it was published',
  retired: 'it was retired',
  discarded: 'the draft was discarded',
}

function speakChange({ kind, code, change }: Change): string {
  return `\`${code === null ? kind : `${kind}/${code}`}\` ${change}`
}
