import type { Transaction } from '../../db/client.ts'
import { listWords } from '../../http/nearest.ts'
import { ProblemError, type ProblemLocation } from '../../http/problems.ts'
import type { Exercise, ProtocolDocument } from '../../rules/index.ts'
import { readClinic } from '../clinics/repository.ts'
import { type Authorship, lostRace, recordEvent, requireEditable } from './authoring.ts'
import { hashDocument, hashWithCatalogue } from './canonical.ts'
import { exercisesThatDiffer } from './changes.ts'
import { speakExercises } from './draft-sentences.ts'
import { nameKeys, speakInstant, speakKey } from './keys.ts'
import {
  approveDraft,
  deleteDraft,
  type ProtocolSummary,
  readFollowers,
  readProtocol,
  retireVersion,
  returnDraft,
  type StoredVersion,
  submitDraft,
  withdrawDraft,
} from './repository.ts'

/** A draft, and what its author or reviewer wants to do with it. */
interface DraftAct {
  tx: Transaction
  author: Authorship
  protocol: ProtocolSummary
  /** With its exercises as the catalogue has them now. */
  draft: StoredVersion
  submittedExercises: readonly Exercise[]
}

function keyOf({ author, draft }: DraftAct): { clinicId: string; versionId: string } {
  return { clinicId: author.clinicId, versionId: draft.id }
}

async function record(
  { tx, author, protocol, draft }: DraftAct,
  kind: 'submitted' | 'withdrawn' | 'returned' | 'approved' | 'discarded',
  note: string | null,
  payload: { lostApproval?: true } = {},
): Promise<void> {
  await recordEvent(tx, author, protocol, { versionId: draft.id, kind, revision: draft.revision + 1, note, payload })
}

/** Puts the draft, as it was checked, before a reviewer. */
export async function submit(act: DraftAct, changeNote: string): Promise<void> {
  const { tx, author, protocol, draft } = act
  await requireEditable(tx, author.clinicId, protocol, draft)
  if (draft.status === 'approved') {
    throw new ProblemError(
      'CONFLICT',
      `the draft of \`${protocol.code}\` is approved already: publish it (POST /v1/protocols/${protocol.code}/draft/publish)`,
    )
  }
  const submitted = await submitDraft(tx, keyOf(act), {
    revision: draft.revision,
    document: draft.document,
    submittedHash: hashDocument(draft.document),
    changeNote,
    submittedAt: author.now,
    submittedBy: author.actorId,
  })
  if (!submitted) throw lostRace()
  await record(act, 'submitted', changeNote)
}

/** Takes the draft back, to be edited. */
export async function withdraw(act: DraftAct, note: string | null): Promise<void> {
  requireSubmitted(act)
  if (!(await withdrawDraft(act.tx, keyOf(act), act.draft))) throw lostRace()
  await record(act, 'withdrawn', note, act.draft.status === 'approved' ? { lostApproval: true } : {})
}

/** Gives the draft back to its authors, with what the reviewer wants changed. */
export async function giveBack(act: DraftAct, note: string): Promise<void> {
  requireSubmitted(act)
  const { author } = act
  const review = { reviewedAt: author.now, reviewedBy: author.actorId, reviewNote: note }
  if (!(await returnDraft(act.tx, keyOf(act), act.draft, review))) throw lostRace()
  await record(act, 'returned', note, act.draft.status === 'approved' ? { lostApproval: true } : {})
}

/** Approves exactly what was submitted. */
export async function approve(act: DraftAct, note: string | null): Promise<void> {
  requireSubmitted(act)
  const { tx, author, protocol, draft } = act
  if (draft.status === 'approved') {
    const by = draft.review === null ? '' : ` by ${await speak(act, draft.review.by)}`
    throw new ProblemError('CONFLICT', `the draft of \`${protocol.code}\` is approved already${by}`)
  }
  const { approval } = await readClinic(tx, author.clinicId)
  if (approval === 'second-person') await requireIndependent(act, author.actorId)
  requireSubmittedContent(act)
  const review = { reviewedAt: author.now, reviewedBy: author.actorId, reviewNote: note }
  if (!(await approveDraft(tx, keyOf(act), draft.revision, review))) throw lostRace()
  await record(act, 'approved', note)
}

/** Throws the draft away. */
export async function discard(act: DraftAct): Promise<void> {
  const { tx, author, protocol, draft } = act
  await requireEditable(tx, author.clinicId, protocol, draft)
  if (!(await deleteDraft(tx, keyOf(act), draft.revision))) throw lostRace()
  await record(act, 'discarded', null, draft.status === 'approved' ? { lostApproval: true } : {})
}

function requireSubmitted({ protocol, draft }: DraftAct): void {
  if (draft.status !== 'draft') return
  throw new ProblemError(
    'NOT_IN_REVIEW',
    `the draft of \`${protocol.code}\` is not in review: submit it (POST /v1/protocols/${protocol.code}/draft/submit)`,
  )
}

/** Refuses to publish what is in review, and what nobody else has approved where the clinic wants that. */
export async function requireApproved(act: DraftAct): Promise<void> {
  const { tx, author, protocol, draft } = act
  const address = `/v1/protocols/${protocol.code}/draft`
  const { approval } = await readClinic(tx, author.clinicId)
  if (draft.status === 'in-review' && draft.submitted !== null) {
    const { by, at } = draft.submitted
    throw new ProblemError(
      'NOT_APPROVED',
      `${await speak(act, by)} submitted the draft of \`${protocol.code}\` on ${speakInstant(at)}, and nobody has approved it yet: approve it (POST ${address}/approve), or take it back (POST ${address}/withdraw)`,
    )
  }
  if (draft.status === 'approved') {
    if (approval === 'second-person') await requireIndependent(act, draft.review?.by ?? '')
    requireSubmittedContent(act)
    return
  }
  if (approval === 'none') return
  throw new ProblemError(
    'NOT_APPROVED',
    `the clinic publishes only what a second person has approved: submit the draft (POST ${address}/submit), and have it approved by somebody who has neither edited nor submitted it`,
  )
}

/** Refuses a reviewer who has had a hand in it. */
async function requireIndependent(act: DraftAct, reviewer: string): Promise<void> {
  const { protocol, draft } = act
  const address = `/v1/protocols/${protocol.code}/draft`
  if (draft.authors.length === 0) {
    throw new ProblemError(
      'SECOND_PERSON_REQUIRED',
      `it is not known who wrote this draft of \`${protocol.code}\`, and so nobody can be said to be a second person: take it back (POST ${address}/withdraw), edit it, and submit it again`,
    )
  }
  const hand = draft.authors.includes(reviewer) ? 'edited' : draft.submitted?.by === reviewer ? 'submitted' : null
  if (hand === null) return
  throw new ProblemError(
    'SECOND_PERSON_REQUIRED',
    `${await speak(act, reviewer)} has ${hand} this draft of \`${protocol.code}\`: the clinic wants the approval of a second person, who has neither edited nor submitted it`,
  )
}

/** An approval is of exact content: an exercise that the catalogue has changed since makes it another protocol. */
function requireSubmittedContent({ protocol, draft, submittedExercises }: DraftAct): void {
  if (draft.submitted === null) return
  const exercisesChanged = exercisesThatDiffer(submittedExercises, draft.document.exercises)
  if (hashDocument(draft.document) === draft.submitted.hash && exercisesChanged.length === 0) return
  throw new ProblemError(
    'CONTENT_CHANGED',
    `since the draft of \`${protocol.code}\` was submitted, the catalogue has changed: ${speakExercises(exercisesChanged)}: take it back (POST /v1/protocols/${protocol.code}/draft/withdraw), look at it again, and submit it again`,
    { exercisesChanged },
  )
}

/** Refuses to publish or submit another thing than was checked. */
export function requireUnchanged(document: ProtocolDocument, checked: ProtocolDocument): void {
  if (hashWithCatalogue(document) === hashWithCatalogue(checked)) return
  const exercisesChanged = exercisesThatDiffer(checked.exercises, document.exercises)
  const what = exercisesChanged.length === 0 ? 'the draft' : `the catalogue’s ${speakExercises(exercisesChanged)}`
  throw new ProblemError('CONFLICT', `somebody changed ${what} while the draft was checked: send the request again`, {
    exercisesChanged,
  })
}

async function speak({ tx, author }: DraftAct, id: string): Promise<string> {
  const nameOf = await nameKeys(tx, author.clinicId, [id])
  return speakKey(nameOf(id))
}

/** What is to become of what relies on a version that is retired. */
export interface Retirement {
  episodes?: 'keep' | undefined
  defaults?: 'keep' | undefined
  note?: string | undefined
}

/** Retires a version, once it is said what becomes of the episodes and the defaults that rely on it. */
export async function retire(
  tx: Transaction,
  author: Authorship,
  protocol: ProtocolSummary,
  version: StoredVersion,
  { episodes, defaults, note }: Retirement,
): Promise<{ openEpisodes: number; defaultOf: string[]; newEpisodes: NewEpisodes }> {
  const name = `version ${version.number} of \`${protocol.code}\``
  const retiredAlready = new ProblemError('VERSION_NOT_PUBLISHED', `${name} is retired already`)
  if (version.status !== 'published') throw retiredAlready
  const key = { clinicId: author.clinicId, versionId: version.id }
  const followers = await readFollowers(tx, key, protocol)
  const { openEpisodes } = followers
  // A default is without a version only if this is the last that is not retired.
  const defaultOf = followers.otherPublished === 0 ? followers.defaultOf : []
  const errors: ProblemLocation[] = []
  if (openEpisodes > 0 && episodes === undefined) {
    const count = openEpisodes === 1 ? 'one open episode follows' : `${openEpisodes} open episodes follow`
    errors.push({
      pointer: '/episodes',
      detail: `${count} ${name}: give them another version first (POST /v1/protocols/${protocol.code}/moves, or PATCH /v1/episodes/{id} for one alone), or send \`"episodes": "keep"\`, and they go on following it and their answers stay what they are`,
    })
  }
  if (defaultOf.length > 0 && defaults === undefined) {
    errors.push({
      pointer: '/defaults',
      detail: `${name} is the last that is not retired, and its protocol is the default of ${listWords(defaultOf, 'and')}: publish another version or name another default first (PATCH /v1/procedures/{code}), or send \`"defaults": "keep"\`, and new episodes for ${listWords(defaultOf, 'and')} are refused until then unless they name a protocol`,
    })
  }
  if (errors.length > 0) {
    throw new ProblemError('RETIREMENT_UNDECIDED', errors.map(({ detail }) => detail).join('; '), {
      errors,
      openEpisodes,
      defaultOf,
    })
  }
  const retirementNote = note ?? null
  const retirement = { retiredAt: author.now, retiredBy: author.actorId, retirementNote }
  if (!(await retireVersion(tx, key, version.revision, retirement))) throw retiredAlready
  await recordEvent(tx, author, protocol, {
    versionId: version.id,
    kind: 'retired',
    revision: version.revision + 1,
    note: retirementNote,
    payload: { openEpisodes },
  })
  return { openEpisodes, defaultOf, newEpisodes: await readNewEpisodes(tx, author.clinicId, protocol) }
}

/** The version that new episodes get, in which nobody has a say when another is retired. */
interface NewEpisodes {
  version: number | null
  text: string
}

async function readNewEpisodes(
  tx: Transaction,
  clinicId: string,
  { code, currentVersion: before }: ProtocolSummary,
): Promise<NewEpisodes> {
  const version = (await readProtocol(tx, clinicId, code))?.currentVersion ?? null
  if (version === null) {
    return { version, text: `New episodes cannot be given \`${code}\`, until another version is published.` }
  }
  const text =
    version === before
      ? `New episodes with \`${code}\` get version ${version}, as before.`
      : `New episodes with \`${code}\` now get version ${version}, which is older. If patients should not follow that one, retire it, too, or publish another version.`
  return { version, text }
}
