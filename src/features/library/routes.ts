import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Context } from '../../http/context.ts'
import { ifMatchHeader, requireIfMatch } from '../../http/etag.ts'
import { cursorOf, pageOf, pageQuery, toPage } from '../../http/pagination.ts'
import { errors, ProblemError } from '../../http/problems.ts'
import { slug } from '../../http/schemas.ts'
import { readLibrary } from '../clinics/library.ts'
import { toDiff } from '../diffs/answer.ts'
import { readAllExercises } from '../exercises/repository.ts'
import { requireEditable } from '../protocols/authoring.ts'
import { hashDocument, toCanonical } from '../protocols/canonical.ts'
import { boundChanges, changesBetween, exercisesThatDiffer } from '../protocols/changes.ts'
import { toYaml } from '../protocols/document-body.ts'
import { protocolDocument } from '../protocols/document-schema.ts'
import {
  answerWritten,
  authorOf,
  inProtocol,
  requireNoneSeen,
  requireProtocol,
  requireVersion,
} from '../protocols/in-protocol.ts'
import type { Resolution } from '../protocols/merge.ts'
import { readProtocol, readVersion, type StoredVersion } from '../protocols/repository.ts'
import { codeParams } from '../protocols/schemas.ts'
import { tellSince } from '../protocols/since.ts'
import { adopt, bringVocabulary } from './adopt.ts'
import { requireInLibrary } from './following.ts'
import {
  type LibraryMerge,
  mergeWithLibrary,
  requireDecided,
  requireFitting,
  storeMerge,
  toConflicts,
} from './merge-library.ts'
import { type Following, readFollowing } from './repository.ts'
import { adoptedVersion, libraryParams, libraryProtocol, mergeAnswer, mergeBody } from './schemas.ts'
import { speakMerge } from './sentences.ts'

const libraryCursor = cursorOf(z.tuple([slug]))

const mostCharacters = 64 * 1024

/** The built-in protocols: what a clinic has of them, adopting one, and taking what is new in it. */
export async function registerLibrary(app: FastifyInstance, context: Context): Promise<void> {
  registerReading(app, context)
  registerAdopting(app, context)
  registerMerging(app, context)
}

function registerReading(app: FastifyInstance, { db, library: folder }: Context): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.get(
    '/library',
    {
      schema: {
        operationId: 'listLibrary',
        summary: 'List the built-in protocols, by code, and what the clinic has of each',
        description:
          'Where `isNewest` is false, the library has something that the clinic’s protocol has not taken: compare it (`…/versions/{number}/diff/library`), and merge it (`…/draft/merge-library`). Nothing is taken by itself.',
        tags: ['library'],
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(libraryProtocol) },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const after = libraryCursor.read(cursor)?.[0] ?? ''
      const { clinicId } = request.actor
      const entries = readLibrary(folder).protocols.filter(({ document }) => document.code > after)
      const codes = entries.slice(0, limit).map(({ document }) => document.code)
      const following = await db.asClinic(clinicId, (tx) => readFollowing(tx, clinicId, codes))
      const page = toPage(request, reply, entries.slice(0, limit + 1), limit, ({ document }) =>
        libraryCursor.write([document.code]),
      )
      const items = page.items.map(({ document, hash }) => {
        const { code, title, description = null, procedures } = document
        const protocol = toFollowing(following.get(code), hash)
        return { code, title, description, procedures: [...procedures], hash, protocol }
      })
      return { ...page, items }
    },
  )

  routes.get(
    '/library/:code',
    {
      schema: {
        operationId: 'getLibraryProtocol',
        summary: 'Read the document of a built-in protocol',
        description:
          'As JSON, or as YAML with `format=yaml`, in canonical form. Its `ETag` is the hash of its content.',
        tags: ['library'],
        params: libraryParams,
        querystring: z.strictObject({ format: z.enum(['json', 'yaml']).default('json') }),
        response: {
          200: {
            description: 'The document.',
            content: { 'application/json': { schema: protocolDocument }, 'application/yaml': { schema: z.string() } },
          },
          ...errors('LIBRARY_PROTOCOL_NOT_FOUND'),
        },
      },
    },
    async (request, reply) => {
      const { document, hash } = requireInLibrary(readLibrary(folder), request.params.code)
      reply.header('etag', `"${hash}"`)
      if (request.query.format === 'json') return toCanonical(document)
      return reply.type('application/yaml; charset=utf-8').send(toYaml(toCanonical(document)))
    },
  )
}

/** What the clinic has of the document with that hash. */
function toFollowing(following: Following | undefined, hash: string): z.output<typeof libraryProtocol>['protocol'] {
  if (following === undefined) return null
  const { version, draft } = following
  return {
    ...following,
    version: version && {
      number: version.number,
      libraryHash: version.libraryHash,
      isNewest: version.libraryHash === hash,
      isOwn: version.contentHash !== version.libraryHash,
    },
    draft: draft && { ...draft, isNewest: draft.libraryHash === hash },
  }
}

function registerAdopting(app: FastifyInstance, context: Context): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.post(
    '/library/:code/adopt',
    {
      schema: {
        operationId: 'adoptLibraryProtocol',
        summary: 'Adopt a built-in protocol, as a draft',
        description:
          'For a clinic that does not have it. The draft is checked, reviewed and published as any other; it becomes nobody’s default by itself. Exercises, attributes and procedures that the clinic does not have come along; an exercise that it has stays as it is, and `exercisesChanged` says how it differs.',
        tags: ['library'],
        params: libraryParams,
        response: {
          201: adoptedVersion,
          ...errors('LIBRARY_PROTOCOL_NOT_FOUND', 'ALREADY_EXISTS', 'CONFLICT', 'DOCUMENT_INVALID'),
        },
      },
    },
    async (request, reply) => {
      const library = readLibrary(context.library)
      const entry = requireInLibrary(library, request.params.code)
      const { code } = entry.document
      const author = authorOf(request, context)
      const { clinicId } = author
      const adopted = await context.db.asClinic(clinicId, async (tx) => {
        if ((await readProtocol(tx, clinicId, code)) !== null) {
          throw new ProblemError(
            'ALREADY_EXISTS',
            `the clinic has a protocol \`${code}\` already: take what is new in the library into it (POST /v1/protocols/${code}/draft/merge-library)`,
          )
        }
        await bringVocabulary(tx, author, library, entry.document)
        const known = new Map((await readAllExercises(tx, clinicId)).map((exercise) => [exercise.code, exercise]))
        const { exercises } = entry.document
        await adopt(tx, author, entry, {
          ...entry.document,
          exercises: exercises.filter((exercise) => !known.has(exercise.code)),
        })
        const exercisesChanged = exercisesThatDiffer(
          exercises,
          exercises.map((exercise) => known.get(exercise.code) ?? exercise),
        )
        const draft = await answerWritten(tx, clinicId, await requireProtocol(tx, clinicId, code))
        return { ...draft, exercisesChanged }
      })
      reply.code(201).header('location', `/v1/protocols/${code}/draft`)
      return adopted
    },
  )
}

/** Thrown to take back what a transaction has done, when only its outcome was asked for. */
class Undone<Result> extends Error {
  readonly result: Result

  constructor(result: Result) {
    super('only the outcome was asked for')
    this.result = result
  }
}

interface Outcome {
  found: LibraryMerge
  stored: StoredVersion | null
}

function registerMerging(app: FastifyInstance, context: Context): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()

  routes.post(
    '/protocols/:code/draft/merge-library',
    {
      schema: {
        operationId: 'mergeLibrary',
        summary: 'Take what is new in the library into the draft',
        description:
          'Merges what the library has changed since the draft was last merged with it, or adopted, into the draft; without a draft it starts one from the newest version that is not retired, and then `If-Match` must be left out. What only one side has changed is taken. What both have changed is a conflict: as long as one is not decided, nothing is stored and all are listed (409). Codes are what parts are known by: a part that got another code was removed and added. What was merged is not merged once more, even if the draft has lost it since, unless `again` asks for it. With `dryRun` nothing is stored, whatever comes of it; look at `diff`, because changes of both sides can meet in one rule without a conflict.',
        tags: ['library'],
        params: codeParams,
        headers: ifMatchHeader,
        body: mergeBody,
        response: {
          200: mergeAnswer,
          ...errors(
            'PROTOCOL_NOT_FOUND',
            'LIBRARY_PROTOCOL_NOT_FOUND',
            'VERSION_NOT_FOUND',
            'MERGE_CONFLICT',
            'UNKNOWN_REFERENCE',
            'NOT_PLAUSIBLE',
            'DOCUMENT_INVALID',
            'ALREADY_EXISTS',
            'CONFLICT',
            'IN_REVIEW',
          ),
        },
      },
    },
    async (request) => {
      const { code } = request.params
      const { dryRun, again } = request.body
      const resolutions = request.body.resolutions as Resolution[]
      const library = readLibrary(context.library)
      const outcome = await inProtocol(request, context, code, async ({ tx, author, protocol }): Promise<Outcome> => {
        const { clinicId } = author
        const place = { tx, clinicId, protocolId: protocol.id }
        return tellSince(request, place, async () => {
          const draft = await readVersion(tx, clinicId, protocol.id, 'draft')
          const source =
            draft ??
            (await requireVersion(tx, clinicId, protocol, protocol.currentVersion ?? protocol.latestVersion ?? 1))
          if (draft === null) await requireNoneSeen(request, place, protocol.code)
          else {
            if (!dryRun || request.headers['if-match'] !== undefined) requireIfMatch(request, draft.revision)
            await requireEditable(tx, clinicId, protocol, draft)
          }
          const found = await mergeWithLibrary(tx, clinicId, library, protocol, source, { resolutions, again })
          requireFitting(found, resolutions)
          if (found.isUpToDate || (dryRun && found.merge.open.size > 0)) return { found, stored: null }
          requireDecided(found)
          const stored = await storeMerge(tx, author, library, protocol, found)
          if (dryRun) throw new Undone<Outcome>({ found, stored: null })
          return { found, stored }
        })
      }).catch((error: unknown): Outcome => {
        if (error instanceof Undone) return error.result
        throw error
      })
      return toAnswer(code, dryRun, outcome)
    },
  )
}

/** Outside of the transaction: to compare what the versions mean can take long enough to be in the way of others. */
function toAnswer(protocol: string, dryRun: boolean, { found, stored }: Outcome): z.output<typeof mergeAnswer> {
  const { entry, base, isUpToDate, wasMerged, source, merge, before, after, exercisesChanged, exercisesChangedSince } =
    found
  const isDecided = merge.open.size === 0
  const { changes, moreChanges } = boundChanges(changesBetween(before, after), mostCharacters)
  const from = { ...source, document: before }
  const to = { number: null, status: 'draft', title: after.title, revision: stored?.revision ?? null, document: after }
  const diff = isDecided && !isUpToDate ? toDiff(protocol, from, to) : null
  return {
    protocol,
    library: { code: entry.document.code, title: entry.document.title, hash: entry.hash },
    base,
    startedFrom: source.number,
    dryRun,
    isUpToDate,
    revision: stored?.revision ?? null,
    text: speakMerge({
      isUpToDate,
      isOther: hashDocument(before) !== entry.hash,
      wasMerged,
      address: `/v1/protocols/${protocol}/versions/${source.number ?? 'draft'}/diff/library`,
      isBaseKnown: base.isKnown,
      isDryRun: dryRun,
      conflicts: merge.conflicts.length,
      open: merge.open.size,
      changes: changes.length + moreChanges + exercisesChanged.length,
      since: exercisesChangedSince,
      meaning: diff?.text ?? null,
    }),
    conflicts: toConflicts(merge),
    changes,
    moreChanges,
    exercisesChanged,
    exercisesChangedSince,
    diff,
    document: isDecided ? toCanonical(after) : null,
  }
}
