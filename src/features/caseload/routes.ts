import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Database, Transaction } from '../../db/client.ts'
import { takes } from '../../http/accept.ts'
import type { Context } from '../../http/context.ts'
import { linesMediaType, longAnswer, sendLines } from '../../http/lines.ts'
import { findNearest, listWords } from '../../http/nearest.ts'
import { refuseParameter } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import { fixMoment } from '../episodes/caseload.ts'
import { today } from '../episodes/plausibility.ts'
import { requireProtocol } from '../protocols/in-protocol.ts'
import { listPhaseCodes, listVersionIds } from '../protocols/repository.ts'
import { type Filter, readCursor, requireReached } from './cursor.ts'
import { caseloadLine, caseloadQuery } from './schemas.ts'
import { oneAhead, tellCaseload } from './tell.ts'

const description =
  'A line for each open episode, all as of one date and one moment: what is recorded while the answer is read is not in it, and whoever is closed meanwhile still is. The verdicts are those of the single answer at the same `on` and `knownAt`; its sentences, sources and ways forward are left out. After each batch comes a line of kind `cursor`; if the connection breaks, ask again with the last one and the same parameters, and leave out what came behind it. The last line is the summary: without it the answer is not complete. To keep a copy up to date, ask once for everything, and from then on with `changedSince`, which is `nextChangedSince` of the last summary. Lines of kind `closed` and `other` tell what to take out of the copy. What changes by itself, with the date, is not a change of the record: ask for everything once a day. The reader sets the pace; one who stops is cut off.'

/** How far the clocks of several servers may differ, and a little more. */
const overlap = { seconds: 60 }

/** What all patients of the clinic may do, in one answer. */
export async function registerCaseload(app: FastifyInstance, context: Context): Promise<void> {
  const { db, clock } = context

  app.withTypeProvider<ZodTypeProvider>().get(
    '/permitted-exercises',
    {
      config: { answerWithin: longAnswer },
      schema: {
        operationId: 'getCaseload',
        summary: 'Which exercises may each patient of the clinic do, and why are the others withheld?',
        description,
        tags: ['permitted-exercises'],
        querystring: caseloadQuery,
        response: {
          200: { description: 'The lines.', content: { [linesMediaType]: { schema: caseloadLine } } },
          ...errors('PROTOCOL_NOT_FOUND', 'NOT_PLAUSIBLE', 'NOT_ACCEPTABLE'),
        },
      },
    },
    async (request, reply) => {
      if (!takes(request.headers.accept, linesMediaType)) {
        throw new ProblemError('NOT_ACCEPTABLE', `the answer comes as lines: send \`Accept: ${linesMediaType}\``)
      }
      const { clinicId, timeZone } = request.actor
      const { query } = request
      const { protocol, phase, status, changedSince } = query
      const filter: Filter = { protocol, phase, status, changedSince }
      const now = clock()
      const from = readCursor({ clinicId, now }, query)
      if (changedSince !== undefined && changedSince > toInstantText(now)) {
        const detail = `lies in the future: it must not be later than now, ${toInstantText(now)}`
        throw new ProblemError('NOT_PLAUSIBLE', `\`changedSince\` ${detail}`, {
          errors: [{ parameter: 'changedSince', detail }],
        })
      }
      const on = from?.on ?? query.on ?? today(now, timeZone)
      if (from !== null) await requireReached(from, now, () => fixMoment(context, clinicId))
      const knownAt = from?.knownAt ?? (await fixMoment(context, clinicId))
      const next = from?.next ?? toInstantText(now.subtract(overlap))
      // After the moment is fixed: an episode may follow a version by then that was published just before it.
      const versions = await readVersionIds(db, clinicId, filter)
      return sendLines(
        request,
        reply,
        oneAhead(tellCaseload(context, { clinicId, timeZone, filter, versions, on, knownAt, next, from })),
      )
    },
  )
}

/** Ids of the versions of the protocol that is asked for, if one is; refuses names that there are not. */
async function readVersionIds(
  db: Database,
  clinicId: string,
  { protocol, phase }: Filter,
): Promise<readonly string[] | null> {
  if (protocol !== undefined) return db.asClinic(clinicId, (tx) => findVersions(tx, clinicId, protocol, phase))
  if (phase === undefined) return null
  throw refuseParameter('phase', 'needs `protocol`: several protocols can have a phase of that name')
}

/** Ids of the protocol's versions; refuses a phase that none of them has. */
async function findVersions(
  tx: Transaction,
  clinicId: string,
  protocol: string,
  phase: string | undefined,
): Promise<readonly string[]> {
  const { id } = await requireProtocol(tx, clinicId, protocol)
  const versions = [...(await listVersionIds(tx, clinicId, id)).keys()]
  if (phase === undefined) return versions
  const phases = await listPhaseCodes(tx, clinicId, versions)
  if (phases.includes(phase)) return versions
  const nearest = findNearest(phase, phases)
  const hint =
    nearest.length > 0
      ? `did you mean ${listWords(nearest)}?`
      : `its phases are ${phases.map((code) => `\`${code}\``).join(', ')}`
  throw refuseParameter('phase', `is no phase of any version of \`${protocol}\`: ${hint}`)
}
