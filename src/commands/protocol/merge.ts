import { writeFileSync } from 'node:fs'
import { speakConflict } from '../../features/library/sentences.ts'
import { toFormatted } from '../../features/protocols/canonical.ts'
import { hasComments, toYaml } from '../../features/protocols/document-body.ts'
import { completeDocument, documentBody } from '../../features/protocols/document-schema.ts'
import { mergeDocuments } from '../../features/protocols/merge.ts'
import type { ProtocolDocument } from '../../rules/index.ts'
import { readShaped, readText, UsageError } from './files.ts'
import type { Output } from './run.ts'

/** Merges what theirs has changed since the base into ours; nothing is written while there are conflicts. */
export function mergeFiles(files: readonly string[], isWritten: boolean): Output {
  const [baseFile, file, theirsFile] = files
  if (baseFile === undefined || file === undefined || theirsFile === undefined) {
    throw new UsageError('`merge` takes three files: BASE, OURS and THEIRS')
  }
  if (isWritten && file === '-') throw new UsageError('--write needs a file')
  const text = readText(file)
  const read = (name: string, content = readText(name)): ProtocolDocument =>
    toFormatted(completeDocument(readShaped(documentBody, name, content)))
  const ours = read(file, text)
  const { document, conflicts } = mergeDocuments({ base: read(baseFile), ours, theirs: read(theirsFile) })
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
  const json = { conflicts: told, document }
  const merged = file.endsWith('.json') ? `${JSON.stringify(document, null, 2)}\n` : toYaml(document)
  if (!isWritten) return { text: merged, json, code: 0 }
  if (!file.endsWith('.json') && hasComments(text)) {
    return { text: '', complaint: `${file}: has comments, which merging would lose: not written\n`, json, code: 1 }
  }
  writeFileSync(file, merged)
  return { text: `${file}: merged\n`, json, code: 0 }
}
