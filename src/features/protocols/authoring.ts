import { noteMade, type Transaction } from '../../db/client.ts'
import { holdCodes } from '../../db/codes.ts'
import { mostLocations, ProblemError, type ProblemLocation } from '../../http/problems.ts'
import {
  type Catalogue,
  type DocumentFlaw,
  type Exercise,
  findFlaws,
  type Instant,
  isAbout,
  namedIn,
  type ProtocolDocument,
} from '../../rules/index.ts'
import { readAttributeCodes } from '../attributes/repository.ts'
import { readClinic } from '../clinics/repository.ts'
import { createExercise, readAllExercises } from '../exercises/repository.ts'
import { exerciseBody } from '../exercises/schemas.ts'
import { readProcedureCodes } from '../procedures/repository.ts'
import { insertEvent, type ProtocolEvent, readLastRevision } from '../protocol-events/repository.ts'
import { hashDocument } from './canonical.ts'
import { boundChanges, changesBetween, fieldsThatDiffer } from './changes.ts'
import { addedFlaws, toLocations } from './describe-flaws.ts'
import { nameKeys, speakInstant, speakKey } from './keys.ts'
import {
  insertDraft,
  insertProtocol,
  nextNumber,
  type PartKind,
  publishDraft,
  readDeletedRevision,
  readNewestLibraryHash,
  readProtocol,
  replaceDraft,
  type StoredVersion,
  setProtocolTitle,
} from './repository.ts'

/** Who writes, when, and where new ids come from. */
export interface Authorship {
  clinicId: string
  actorId: string
  now: Instant
  nextId: () => string
}

/** Keeps what the document names from being deleted until the transaction ends, so that it is stored with sound references. */
async function holdNames(tx: Transaction, clinicId: string, document: ProtocolDocument): Promise<void> {
  const targets = document.contraindications.flatMap((rule) => [...rule.target, ...(rule.except ?? [])])
  const procedures = document.facts.flatMap(({ operation }) =>
    typeof operation === 'object' ? operation.procedure : [],
  )
  const cases = document.cases ?? []
  const named = [...document.prescriptions, ...targets].flatMap((rule) => rule.exercise ?? [])
  const exercises = [...named, ...cases.flatMap(namedIn)]
  const attributes = [...document.exercises, ...targets].flatMap((item) => Object.keys(item.attributes ?? {}))
  const operated = cases.flatMap((testCase) => testCase.procedures ?? [])
  await holdCodes(tx, 'procedure', clinicId, [...document.procedures, ...procedures, ...operated])
  await holdCodes(tx, 'exercise', clinicId, exercises)
  await holdCodes(tx, 'attribute', clinicId, attributes)
}

/** Exercises that the document brings along, of which the catalogue has others under their codes. */
export function differencesFrom(catalogue: readonly Exercise[], exercises: readonly unknown[]): ProblemLocation[] {
  const known = new Map(catalogue.map((exercise) => [exercise.code, exercise]))
  return exercises.flatMap((item, index) => {
    const { data: exercise } = exerciseBody.safeParse(item)
    const existing = exercise === undefined ? undefined : known.get(exercise.code)
    if (exercise === undefined || existing === undefined) return []
    const fields = fieldsThatDiffer(existing, exercise)
    if (fields.length === 0) return []
    const detail = `differs from the catalogue’s \`${exercise.code}\` in ${fields.map((field) => `\`${field}\``).join(', ')}: leave it out to use the catalogue’s, or change that one first`
    return [{ pointer: `/exercises/${index}`, detail }]
  })
}

/**
 * Adds the exercises that a sound document brings along to the catalogue. Refuses with everything that is wrong at once:
 * one that differs from the catalogue's, and what `requireSound` refuses. What a change of the catalogue has made wrong in
 * the document `before` is no fault of who edits it: it waits for the publication.
 */
async function bringExercises(
  tx: Transaction,
  author: Authorship,
  document: ProtocolDocument,
  { faults = [], before }: { faults?: readonly ProblemLocation[]; before?: ProtocolDocument | undefined } = {},
): Promise<void> {
  const { clinicId } = author
  await holdNames(tx, clinicId, document)
  const catalogue = await readAllExercises(tx, clinicId)
  const differences = differencesFrom(catalogue, document.exercises)
  const found = await findUnsound(tx, clinicId, document, catalogue)
  const isOld = found.length > 0 && before !== undefined
  const flaws = isOld ? addedFlaws(before, await findUnsound(tx, clinicId, before, catalogue), document, found) : found
  if (faults.length + flaws.length > 0) throw toUnsound(flaws, [...faults, ...differences])
  if (differences.length > 0) {
    throw new ProblemError('CONFLICT', 'the document brings exercises that differ from the clinic’s catalogue', {
      errors: differences,
    })
  }
  const known = new Set(catalogue.map(({ code }) => code))
  for (const exercise of document.exercises.filter(({ code }) => !known.has(code))) {
    await createExercise(tx, { clinicId, id: author.nextId(), createdAt: author.now, exercise })
  }
}

/** The exercises that the document's rules grant, withhold or except, as the catalogue has them. */
export function exercisesOf(document: ProtocolDocument, catalogue: readonly Exercise[]): Exercise[] {
  return catalogue.filter((exercise) => isAbout(document, exercise)).sort((a, b) => (a.code < b.code ? -1 : 1))
}

/** The document with its exercises as the catalogue has them now. */
export async function withCatalogue(
  tx: Transaction,
  clinicId: string,
  document: ProtocolDocument,
): Promise<ProtocolDocument> {
  return { ...document, exercises: exercisesOf(document, await readAllExercises(tx, clinicId)) }
}

/** What a document may name of the clinic's. */
export async function readNames(tx: Transaction, clinicId: string, exercises: readonly Exercise[]): Promise<Catalogue> {
  return {
    procedures: await readProcedureCodes(tx, clinicId),
    exercises: new Set(exercises.map((exercise) => exercise.code)),
    groups: new Set(exercises.flatMap((exercise) => exercise.groups ?? [])),
    attributes: await readAttributeCodes(tx, clinicId),
  }
}

/** The version's own entries of the exercises without which a name in it means nothing, where the catalogue has none now. */
export async function exercisesToRestore(
  tx: Transaction,
  clinicId: string,
  version: ProtocolDocument,
): Promise<Exercise[]> {
  const catalogue = await readAllExercises(tx, clinicId)
  const names = await readNames(tx, clinicId, catalogue)
  const missing = findFlaws({ ...version, exercises: [] }, names).flatMap((flaw) =>
    flaw.code === 'unknown-reference' ? `${flaw.kind} ${flaw.name}` : [],
  )
  return version.exercises.filter(
    ({ code, groups = [], attributes }) =>
      !names.exercises.has(code) &&
      Object.keys(attributes).every((attribute) => names.attributes.has(attribute)) &&
      [`exercise ${code}`, ...groups.map((group) => `group ${group}`)].some((name) => missing.includes(name)),
  )
}

async function findUnsound(
  tx: Transaction,
  clinicId: string,
  document: ProtocolDocument,
  catalogue: readonly Exercise[],
): Promise<DocumentFlaw[]> {
  return findFlaws(document, await readNames(tx, clinicId, catalogue))
}

/** The problem of a document that has these flaws, and others besides. */
function toUnsound(flaws: readonly DocumentFlaw[], others: readonly ProblemLocation[] = []): ProblemError {
  const count = flaws.length + others.length
  const places = count === 1 ? 'one place' : `${count} places`
  const first = count > mostLocations ? `, of which the first ${mostLocations} are listed` : ''
  // Each description compares with every known name.
  const described = toLocations(flaws.slice(0, mostLocations))
  return new ProblemError('DOCUMENT_INVALID', `the protocol document has to be corrected in ${places}${first}`, {
    errors: [...others, ...described].slice(0, mostLocations),
  })
}

/** Refuses a document that names what does not exist or uses a name twice; every such place is reported at once. */
export async function requireSound(
  tx: Transaction,
  clinicId: string,
  document: ProtocolDocument,
  catalogue: readonly Exercise[],
): Promise<void> {
  const flaws = await findUnsound(tx, clinicId, document, catalogue)
  if (flaws.length > 0) throw toUnsound(flaws)
}

/** A sound document that is not stored, with the exercises that it brings and, of the catalogue, those its rules are about. */
export async function joinCatalogue(
  tx: Transaction,
  clinicId: string,
  document: ProtocolDocument,
  catalogue: readonly Exercise[],
): Promise<ProtocolDocument> {
  const brought = new Set(document.exercises.map((exercise) => exercise.code))
  const others = catalogue.filter((exercise) => !brought.has(exercise.code))
  await requireSound(tx, clinicId, document, [...document.exercises, ...others])
  return { ...document, exercises: [...document.exercises, ...exercisesOf(document, others)] }
}

/** Stores a new protocol with the document as its draft; nothing is stored if any of it is refused. */
export async function createProtocol(
  tx: Transaction,
  author: Authorship,
  document: ProtocolDocument,
  library: { code: string; hash: string } | null = null,
  /** With its exercises, also those that the catalogue has already and `document` leaves out for that. */
  whole: ProtocolDocument = document,
): Promise<void> {
  const { clinicId, now, nextId } = author
  if ((await readProtocol(tx, clinicId, document.code)) !== null) {
    const detail = `the clinic has a protocol \`${document.code}\` already: replace its draft (PUT /v1/protocols/${document.code}/draft), or choose another code`
    throw new ProblemError('ALREADY_EXISTS', detail, { errors: [{ pointer: '/code', detail }] })
  }
  await bringExercises(tx, author, document)
  const protocolId = nextId()
  await insertProtocol(tx, {
    clinicId,
    id: protocolId,
    code: document.code,
    title: document.title,
    library,
    createdAt: now,
  })
  await insertFirst(tx, author, { id: protocolId, code: document.code }, document, {
    number: null,
    document: whole,
    libraryHash: null,
  })
}

/**
 * Revisions go on from one draft to the next, and from a protocol that was deleted to another under its code, so that an
 * ETag of an earlier one is never that of a later one.
 */
async function insertFirst(
  tx: Transaction,
  author: Authorship,
  protocol: { id: string; code: string },
  document: ProtocolDocument,
  { number: startedFrom, document: { exercises }, libraryHash }: DraftSource,
): Promise<void> {
  const id = author.nextId()
  noteMade(protocol.code)
  const last = await readLastRevision(tx, author.clinicId, protocol.id)
  const revision = Math.max(last, await readDeletedRevision(tx, author.clinicId, protocol.code)) + 1
  const isFirst = await insertDraft(tx, {
    clinicId: author.clinicId,
    id,
    protocolId: protocol.id,
    document,
    revision,
    startedFrom,
    libraryHash,
    brought: exercises.map(({ code }) => code),
    author: author.actorId,
    createdAt: author.now,
  })
  if (!isFirst) {
    throw new ProblemError(
      'ALREADY_EXISTS',
      `somebody has started a draft of \`${protocol.code}\` just now: read it (GET /v1/protocols/${protocol.code}/draft), and send its \`ETag\` in \`If-Match\` if it is still to be changed`,
    )
  }
  const payload = startedFrom === null ? {} : { from: startedFrom }
  await recordEvent(tx, author, protocol, { versionId: id, kind: 'started', revision, payload })
}

/** Adds to the protocol's history what the author has done. */
export async function recordEvent(
  tx: Transaction,
  author: Authorship,
  protocol: { id: string },
  event: Pick<ProtocolEvent, 'versionId' | 'kind' | 'revision'> & Partial<Pick<ProtocolEvent, 'note' | 'payload'>>,
): Promise<void> {
  await insertEvent(tx, {
    note: null,
    payload: {},
    ...event,
    clinicId: author.clinicId,
    id: author.nextId(),
    protocolId: protocol.id,
    recordedAt: author.now,
    recordedBy: author.actorId,
  })
}

/** What a draft is started from: a version, or with null a document that was sent. */
type DraftSource = Pick<StoredVersion, 'number' | 'document' | 'libraryHash'>

/**
 * Starts a draft of an existing protocol, with what the version that it is started from has of the library. A document
 * that comes from elsewhere is taken for one that goes on from the newest version.
 */
export async function startDraft(
  tx: Transaction,
  author: Authorship,
  protocol: { id: string; code: string },
  document: ProtocolDocument,
  version: DraftSource | null = null,
): Promise<void> {
  const before = version === null ? undefined : { ...version.document, exercises: document.exercises }
  await checkDraft(tx, author, protocol, document, before)
  const sent = async (): Promise<DraftSource> => {
    return { number: null, document, libraryHash: await readNewestLibraryHash(tx, author.clinicId, protocol.id) }
  }
  await insertFirst(tx, author, protocol, document, version ?? (await sent()))
}

/** An edit that takes more is kept without its values: a history has very many edits. */
const mostCharacters = 16 * 1024

/**
 * Replaces the draft at the revision that the author has seen. One that was approved has to be submitted again. `merged`:
 * the document is what came of merging the library's content of that hash.
 */
export async function changeDraft(
  tx: Transaction,
  author: Authorship,
  protocol: { id: string; code: string },
  draft: StoredVersion,
  document: ProtocolDocument,
  { changed, merged }: { changed?: readonly PartKind[]; merged?: { from: string | null; library: string } } = {},
): Promise<void> {
  await requireEditable(tx, author.clinicId, protocol, draft)
  await checkDraft(tx, author, protocol, document, changed && draft.document)
  const key = { clinicId: author.clinicId, versionId: draft.id }
  const exercises = document.exercises.map(({ code }) => code)
  // A merge adds exercises of the library to those that the document had.
  const brought = merged === undefined ? exercises : [...new Set([...(draft.brought ?? []), ...exercises])]
  const seen = { author: author.actorId, seen: draft, libraryHash: merged?.library, brought }
  if (!(await replaceDraft(tx, key, seen, document, changed))) throw lostRace()
  await recordEvent(tx, author, protocol, {
    versionId: draft.id,
    kind: merged === undefined ? 'edited' : 'merged',
    revision: draft.revision + 1,
    payload: {
      ...(merged && { merged }),
      ...boundChanges(changesBetween(draft.document, document), mostCharacters),
      ...(draft.status === 'approved' && { lostApproval: true }),
    },
  })
}

/** Refuses to change what somebody is reviewing. */
export async function requireEditable(
  tx: Transaction,
  clinicId: string,
  protocol: { code: string },
  draft: StoredVersion,
): Promise<void> {
  if (draft.status !== 'in-review' || draft.submitted === null) return
  const { by, at } = draft.submitted
  const keyOf = await nameKeys(tx, clinicId, [by])
  throw new ProblemError(
    'IN_REVIEW',
    `${speakKey(keyOf(by))} submitted the draft of \`${protocol.code}\` on ${speakInstant(at)}, and it is in review: take it back to change it (POST /v1/protocols/${protocol.code}/draft/withdraw)`,
    { submitted: { by: keyOf(by), at } },
  )
}

export function lostRace(): ProblemError {
  return new ProblemError('PRECONDITION_FAILED', 'the draft was changed by somebody else just now: read it again')
}

async function checkDraft(
  tx: Transaction,
  author: Authorship,
  protocol: { code: string },
  document: ProtocolDocument,
  before?: ProtocolDocument,
): Promise<void> {
  const detail = `must be \`${protocol.code}\`, the protocol’s code, and not \`${document.code}\``
  const faults = document.code === protocol.code ? [] : [{ pointer: '/code', detail }]
  await bringExercises(tx, author, document, { faults, before })
}

/** Refuses a document that names what does not exist, or that has no phase. */
export async function requirePublishable(
  tx: Transaction,
  clinicId: string,
  document: ProtocolDocument,
  catalogue?: readonly Exercise[],
): Promise<void> {
  await requireSound(tx, clinicId, document, catalogue ?? (await readAllExercises(tx, clinicId)))
  if (document.phases.length > 0) return
  const detail = 'must have at least one phase: without a phase nothing is ever permitted'
  throw new ProblemError('DOCUMENT_INVALID', `\`phases\` ${detail}`, { errors: [{ pointer: '/phases', detail }] })
}

/**
 * Freezes the draft as the protocol's next version, with exactly the exercises that its document has here. From then on
 * it never changes.
 */
export async function publish(
  tx: Transaction,
  author: Authorship,
  protocol: { id: string; code: string },
  draft: StoredVersion,
  changeNote: string | null,
): Promise<number> {
  const { clinicId } = author
  const { document } = draft
  await holdNames(tx, clinicId, document)
  await requirePublishable(tx, clinicId, document, document.exercises)
  const number = await nextNumber(tx, clinicId, protocol.id)
  noteMade(String(number))
  const published = await publishDraft(
    tx,
    { clinicId, versionId: draft.id },
    {
      revision: draft.revision,
      status: draft.status === 'approved' ? 'approved' : 'draft',
      number,
      document,
      contentHash: hashDocument(document),
      changeNote,
      publishedAt: author.now,
      publishedBy: author.actorId,
    },
  )
  if (!published) throw lostRace()
  await setProtocolTitle(tx, clinicId, protocol.id, document.title)
  const { approval } = await readClinic(tx, clinicId)
  await recordEvent(tx, author, protocol, {
    versionId: draft.id,
    kind: 'published',
    revision: draft.revision + 1,
    note: changeNote,
    payload: { approval },
  })
  return number
}
