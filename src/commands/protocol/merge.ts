import { writeFileSync } from 'node:fs'
import { speakConflict } from '../../features/library/sentences.ts'
import { toFormatted } from '../../features/protocols/canonical.ts'
import { addedFlaws, toLocations } from '../../features/protocols/describe-flaws.ts'
import { hasComments, toYaml } from '../../features/protocols/document-body.ts'
import { completeDocument, documentBody } from '../../features/protocols/document-schema.ts'
import { mergeDocuments } from '../../features/protocols/merge.ts'
import { validateBody } from '../../http/validation.ts'
import { type DocumentFlaw, findFlaws, type ProtocolDocument } from '../../rules/index.ts'
import { type Fault, placesIn, readSource, readText, sayFields, Unusable, UsageError } from './files.ts'
import type { Output } from './run.ts'
import { sayFaults } from './say.ts'

/** Merges what theirs has changed since the base into ours; nothing is written while there are conflicts. */
export function mergeFiles(files: readonly string[], isWritten: boolean): Output {
  const [baseFile, file, theirsFile] = files
  if (baseFile === undefined || file === undefined || theirsFile === undefined) {
    throw new UsageError('`merge` takes three files: BASE, OURS and THEIRS')
  }
  if (isWritten && file === '-') throw new UsageError('--write needs a file')
  const text = readText(file)
  const read = [readNamed(baseFile), readNamed(file, text), readNamed(theirsFile)] as const
  const unclear = read.flatMap(({ faults }) => faults)
  if (unclear.length > 0) throw new Unusable(unclear)
  const [base, ours, theirs] = read.map((one) => one.document) as [ProtocolDocument, ProtocolDocument, ProtocolDocument]
  const { document, conflicts } = mergeDocuments({ base, ours, theirs })
  const told = conflicts.map((conflict) => ({
    ...conflict,
    text: speakConflict(conflict, { ours: 'ours', theirs: 'theirs' }),
  }))
  if (conflicts.length > 0) {
    const lines = told.map(({ path, text: said }) => `${path}: ${said}\n`)
    const count = conflicts.length === 1 ? 'one conflict' : `${conflicts.length} conflicts`
    return {
      text: '',
      complaint: `${lines.join('')}${file}: ${count}, not merged\n`,
      json: { conflicts: told },
      code: 1,
    }
  }
  const faults = judge(document, ours, theirs).map(
    ({ pointer, detail }): Fault => ({ file: `${file}, merged`, line: null, column: null, pointer, text: detail }),
  )
  if (faults.length > 0) {
    const complaint = `${sayFaults(sayFields(faults))}${file}: what comes of it is no sound protocol, not merged\n`
    return { text: '', complaint, json: { conflicts: told, faults }, code: 1 }
  }
  const json = { conflicts: told, document }
  const merged = file.endsWith('.json') ? `${JSON.stringify(document, null, 2)}\n` : toYaml(document)
  if (!isWritten) return { text: merged, json, code: 0 }
  if (!file.endsWith('.json') && hasComments(text)) {
    return { text: '', complaint: `${file}: has comments, which merging would lose: not written\n`, json, code: 1 }
  }
  writeFileSync(file, merged)
  return { text: `${file}: merged\n`, json, code: 0 }
}

/** The document in a file, and what makes it unclear which of its parts is which. */
function readNamed(file: string, text = readText(file)): { document: ProtocolDocument; faults: Fault[] } {
  const source = readSource(file, text)
  const { value, faults } = validateBody(documentBody, source.value)
  if (faults !== null) throw new Unusable(sayFields(placesIn(source, faults)))
  const document = completeDocument(value)
  const twice = toLocations(findFlawsOfNames(document).filter(({ code }) => code === 'duplicate-code'))
  const unnamed = value.prescriptions.flatMap(({ code, exercise, group }, index) => {
    const what = exercise ?? group ?? ''
    if (code !== undefined || document.prescriptions[index]?.code === what) return []
    const detail = `needs a \`code\`: another prescription is called \`${what}\`, and a merge knows them by their codes. Give each its own, the same in all three files`
    return [{ pointer: `/prescriptions/${index}`, detail }]
  })
  return { document: toFormatted(document), faults: sayFields(placesIn(source, [...twice, ...unnamed])) }
}

/** What is wrong with the merged document that is wrong in neither of the two. */
function judge(document: ProtocolDocument, ours: ProtocolDocument, theirs: ProtocolDocument) {
  const { faults } = validateBody(documentBody, document)
  const added = [ours, theirs].reduce(
    (flaws, side) => addedFlaws(side, findFlawsOfNames(side), document, flaws),
    findFlawsOfNames(document),
  )
  return [...(faults ?? []), ...toLocations(added)]
}

/** Flaws in the document's own names; what it names of the clinic's is not known here. */
function findFlawsOfNames(document: ProtocolDocument): DocumentFlaw[] {
  const none = new Set<string>()
  const names = { procedures: none, exercises: none, groups: none, attributes: none }
  return findFlaws(document, names).filter((flaw) => !('kind' in flaw && ofTheClinic.includes(flaw.kind)))
}

const ofTheClinic: readonly string[] = ['procedure', 'exercise', 'group', 'attribute']
