import type { Transaction } from '../../db/client.ts'
import { listWords } from '../../http/nearest.ts'
import type { Exercise, ProtocolDocument } from '../../rules/index.ts'
import { withKeyNamesOf } from './keys.ts'
import type { StoredVersion } from './repository.ts'

/** An exercise of the catalogue that comes under a group which the document names, and that the document did not have. */
interface Joined {
  code: 'joined-by-group'
  exercise: string
  title: string
  groups: string[]
  /** Prescriptions that permit it for that. */
  prescriptions: string[]
  text: string
}

/** What the catalogue adds to the groups of a document, in which these exercises were. Null: it is not known which. */
export function joinedByGroup(document: ProtocolDocument, brought: readonly string[] | null): Joined[] {
  if (brought === null) return []
  const had = new Set(brought)
  const targets = document.contraindications.flatMap((rule) => [...rule.target, ...(rule.except ?? [])])
  const named = new Set([...document.prescriptions, ...targets].flatMap(({ group }) => group ?? []))
  return document.exercises.flatMap((exercise): Joined[] => {
    const groups = (exercise.groups ?? []).filter((group) => named.has(group))
    if (groups.length === 0 || had.has(exercise.code)) return []
    const prescriptions = document.prescriptions
      .filter(({ group }) => group !== undefined && groups.includes(group))
      .map(({ code }) => code)
    const { code, title } = exercise
    const text = speakJoined(exercise, groups, prescriptions)
    return [{ code: 'joined-by-group', exercise: code, title, groups, prescriptions, text }]
  })
}

function speakJoined({ title }: Exercise, groups: readonly string[], prescriptions: readonly string[]): string {
  const where = `The document did not have “${title}”. The catalogue has it in ${listWords(groups, 'and')}, which the protocol names`
  if (prescriptions.length === 0) return `${where}: its contraindications apply to it as to the others there.`
  const verb = prescriptions.length === 1 ? 'permits' : 'permit'
  return `${where}: ${listWords(prescriptions, 'and')} ${verb} it, too. See whether that is right for it; otherwise take it out of the group, or name exercises instead of the group.`
}

/** One version, as it is answered with its rules. */
export async function answerVersion(tx: Transaction, clinicId: string, version: StoredVersion) {
  const joined = joinedByGroup(version.document, version.brought)
  return { ...(await withKeyNamesOf(tx, clinicId, version)), joinedByGroup: joined }
}
