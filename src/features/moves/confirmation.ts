import { ProblemError } from '../../http/problems.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { SurgeryEntry } from '../../rules/index.ts'
import { momentAfter, type RecordScope } from '../episodes/record.ts'
import { readRecords, type StoredEntry } from '../episodes/repository.ts'
import { toConsequence } from '../impacts/answer.ts'
import { addHidden, type Consequence, type Effect } from '../impacts/consequences.ts'
import { weigh } from '../impacts/weigh.ts'
import { readVersionsById, type VersionContent } from '../protocols/repository.ts'

type Surgery = Pick<SurgeryEntry, 'surgeryDate' | 'procedures' | 'levels' | 'side'>

/** Names of the consequences that nobody has confirmed, each once. */
export function unconfirmed(consequences: readonly Consequence[], confirmed: ReadonlySet<string>): string[] {
  return [...new Set(consequences.map(({ name }) => name))].filter((name) => !confirmed.has(name))
}

/**
 * Refuses other versions for an episode, whose lock is held, as long as what they make of today’s answer is not confirmed.
 * A correction of the surgery alone needs no confirmation; versions that come with one are weighed with and without it.
 */
export async function requireConfirmed(
  { tx, recorder, episode }: RecordScope,
  surgery: Surgery,
  versions: readonly VersionContent[],
  confirm: readonly string[],
): Promise<void> {
  const [record] = await readRecords(tx, recorder.clinicId, [episode.id])
  const current = await readVersionsById(
    tx,
    recorder.clinicId,
    episode.protocols.map(({ versionId }) => versionId),
  )
  const knownAt = momentAfter(episode.changedAt, toInstantText(recorder.clock()))
  const corrected: StoredEntry = {
    kind: 'surgery',
    id: 'surgery',
    revision: episode.revision + 1,
    recordedAt: knownAt,
    recordedBy: recorder.actor.id,
    ...surgery,
  }
  const toVersion = ({ id, number, document }: VersionContent) => ({ id, version: number, document })
  const entries = record?.entries ?? []
  const weighWith = (known: readonly StoredEntry[]): Effect =>
    weigh({
      entries: known,
      before: current.map(toVersion),
      after: versions.map(toVersion),
      on: recorder.today,
      knownAt,
    })
  const effect = weighWith([...entries, corrected])
  const { consequences } = isCorrected(surgery, episode) ? addHidden(effect, 'correction', weighWith(entries)) : effect
  const missing = unconfirmed(consequences, new Set(confirm))
  if (missing.length === 0) return
  const detail = `must name what the patient would lose, gain or do otherwise, and lacks ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}`
  throw new ProblemError(
    'CONFIRMATION_REQUIRED',
    `\`confirm\` ${detail}: look at \`consequences\`, and if they are meant send \`confirm\` as it is here`,
    {
      errors: [{ pointer: '/confirm', detail }],
      consequences: consequences.map((consequence) => toConsequence(consequence, recorder.today)),
      confirm: [...new Set(consequences.map(({ name }) => name))],
    },
  )
}

function isCorrected(one: Surgery, other: Surgery): boolean {
  const told = ({ surgeryDate, procedures, levels, side }: Surgery) =>
    JSON.stringify([surgeryDate, procedures, levels, side])
  return told(one) !== told(other)
}
