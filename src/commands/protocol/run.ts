import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { checkDocument, toDifference } from '../../features/checks/answer.ts'
import { type Compared, toDiff } from '../../features/diffs/answer.ts'
import { type Reviewed, readPage, toPage } from '../../features/diffs/page.ts'
import { toAnswer } from '../../features/permitted-exercises/answer.ts'
import { hashDocument, toFormatted } from '../../features/protocols/canonical.ts'
import { toLocations } from '../../features/protocols/describe-flaws.ts'
import { hasComments, toYaml } from '../../features/protocols/document-body.ts'
import { completeDocument, documentBody } from '../../features/protocols/document-schema.ts'
import { toTimeline } from '../../features/timelines/answer.ts'
import { calendarDate } from '../../http/schemas.ts'
import type { Place } from '../../http/source-places.ts'
import {
  addDays,
  type CalendarDate,
  derive,
  diff,
  findFlaws,
  type ProtocolDocument,
  type Question,
  recordOfCase,
  runCases,
  type TestCase,
  timeline,
} from '../../rules/index.ts'
import {
  type Catalogue,
  type DocumentFile,
  type Fault,
  placesIn,
  readCatalogue,
  readProtocolFile,
  readShaped,
  readSource,
  readText,
  Unusable,
  UsageError,
} from './files.ts'
import { type CommandName, commands, helpOf, overview } from './help.ts'
import { mergeFiles } from './merge.ts'
import { sayAnswer, sayCases, sayChange, sayCheck, sayDiff, sayFaults, sayTable, sayTimeline } from './say.ts'
import { recordBody } from './schemas.ts'

/** 0: all is well; 1: something was found or failed; 2: wrong use, or a file that cannot be read. */
export type ExitCode = 0 | 1 | 2

export interface Output {
  /** For people. */
  text: string
  /** For people, of files that cannot be read at all. */
  complaint?: string
  /** For software. */
  json: unknown
  code: ExitCode
}

const options = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  catalogue: { type: 'string', multiple: true },
  strict: { type: 'boolean' },
  surgery: { type: 'string' },
  on: { type: 'string' },
  record: { type: 'string' },
  exercise: { type: 'string', multiple: true },
  write: { type: 'boolean' },
  check: { type: 'boolean' },
  markdown: { type: 'boolean' },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>['values']
type Run = (files: readonly string[], values: Values) => Output

/** Every file is looked at, also after one that cannot be used; of those the faults are told. */
function each(files: readonly string[], one: (file: string) => Output): Output {
  const outputs = files.map((file): Output => {
    try {
      return one(file)
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      const isUnread = error.faults.every(({ line }) => line === null)
      const said = sayFaults(error.faults)
      const json = { file, faults: error.faults }
      return isUnread ? { text: '', complaint: said, json, code: 2 } : { text: said, json, code: 1 }
    }
  })
  return {
    text: outputs.map(({ text }) => text).join(''),
    complaint: outputs.map(({ complaint = '' }) => complaint).join(''),
    json: outputs.map(({ json }) => json),
    code: outputs.reduce<ExitCode>((worst, { code }) => (code > worst ? code : worst), 0),
  }
}

function withCatalogue(
  { catalogue = [] }: Values,
  files: readonly string[],
  one: (read: DocumentFile, catalogue: Catalogue) => Output,
): Output {
  const known = readCatalogue(catalogue)
  return each(files, (file) => one(readProtocolFile(file, known), known))
}

const check: Run = (files, values) =>
  withCatalogue(values, files, (read) => {
    const answer = checkDocument(read.document, null, read.locate)
    const isWarned = answer.findings.some(({ accepted }) => accepted === null)
    const code = !answer.publishable || (values.strict === true && isWarned) ? 1 : 0
    return { text: sayCheck(read.file, answer), json: { file: read.file, ...answer }, code }
  })

const test: Run = (files, values) =>
  withCatalogue(values, files, (read) => {
    const results = runCases(read.document)
    const places = read.locate(results.map((_, index) => `/cases/${index}`))
    const cases = results.map((result, index) => ({
      code: result.case.code,
      title: result.case.title ?? null,
      passed: result.differences.length === 0,
      line: null,
      column: null,
      ...places.get(`/cases/${index}`),
      differences: result.differences.map((difference) => toDifference(difference, result)),
    }))
    const code = cases.every(({ passed }) => passed) ? 0 : 1
    return { text: sayCases(read.file, cases), json: { file: read.file, cases }, code }
  })

const table: Run = (files, values) =>
  withCatalogue(values, files, (read) => {
    const { opportunities } = checkDocument(read.document, null)
    const wanted = values.exercise ?? opportunities.map(({ exercise }) => exercise)
    const unknown = wanted.find((code) => !opportunities.some(({ exercise }) => exercise === code))
    if (unknown !== undefined) throw new UsageError(`${read.file} prescribes no exercise \`${unknown}\``)
    const rows = opportunities.filter(({ exercise }) => wanted.includes(exercise))
    return { text: sayTable(read.document.title, rows), json: { file: read.file, opportunities: rows }, code: 0 }
  })

const hash: Run = (files, values) =>
  withCatalogue(values, files, ({ file, document }) => {
    const contentHash = hashDocument(document)
    return { text: `${contentHash}  ${file}\n`, json: { file, code: document.code, contentHash }, code: 0 }
  })

const format: Run = (files, { write = false, check: checkOnly = false, json = false }) => {
  if (write && checkOnly) throw new UsageError('either --write or --check, not both')
  return each(files, (file) => {
    const text = readText(file)
    const shaped = readShaped(documentBody, file, text)
    const document = toFormatted(completeDocument(shaped))
    const formatted = file.endsWith('.json') || json ? `${JSON.stringify(document, null, 2)}\n` : toYaml(document)
    const isFormatted = formatted === text
    const output = { json: document as unknown, code: 0 as ExitCode }
    if (checkOnly) {
      const state = { file, formatted: isFormatted }
      return { text: isFormatted ? '' : `${file}: is not formatted\n`, json: state, code: isFormatted ? 0 : 1 }
    }
    if (!write) return { ...output, text: formatted }
    if (isFormatted) return { ...output, text: '' }
    if (file === '-') throw new UsageError('--write needs a file')
    if (!file.endsWith('.json') && hasComments(text)) {
      return { ...output, text: `${file}: has comments, which formatting would lose: not written\n`, code: 1 }
    }
    writeFileSync(file, formatted)
    return { ...output, text: `${file}: formatted\n` }
  })
}

const compareFiles: Run = (files, values) => {
  const catalogue = readCatalogue(values.catalogue ?? [])
  const faults: Fault[] = []
  const [before, after] = files.map((file) => {
    try {
      return readProtocolFile(file, catalogue)
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      faults.push(...error.faults)
      return null
    }
  })
  if (before == null || after == null) throw new Unusable(faults)
  const [from, to] = [before, after].map(({ file, document }) => ({ name: nameOf(file), document })) as [
    Reviewed,
    Reviewed,
  ]
  const found = diff(from.document, to.document)
  const places = [before, after].map(({ locate }, end) =>
    locate(found.text.flatMap((change) => (end === 0 ? change.before : change.after)?.path ?? [])),
  )
  const placeOf = (end: 0 | 1, path: string): Place | undefined => places[end]?.get(path)
  const { from: _from, to: _to, ...answer } = toDiff(to.document.code, asCompared(from), asCompared(to), found)
  const endOf = ({ name, document }: Reviewed) => ({
    file: name,
    title: document.title,
    contentHash: hashDocument(document),
  })
  const textChanges = answer.textChanges.map((change) => ({
    ...change,
    before: change.before && { ...change.before, ...placeOf(0, change.before.path) },
    after: change.after && { ...change.after, ...placeOf(1, change.after.path) },
  }))
  const text =
    values.markdown === true
      ? toPage(from, to, found)
      : sayDiff(
          readPage(from, to, found, (change) => {
            const [file, place] =
              change.after === null
                ? [from.name, placeOf(0, change.before?.path ?? '')]
                : [to.name, placeOf(1, change.after.path)]
            return sayChange(file, place, change)
          }),
        )
  return { text, json: { from: endOf(from), to: endOf(to), ...answer, textChanges }, code: answer.isSame ? 0 : 1 }
}

function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file
}

/** Files have no numbers and no states. */
function asCompared({ document }: Reviewed): Compared {
  return { number: null, status: 'draft', title: document.title, revision: 1, document }
}

function readDate(name: string, value: string | undefined, surgery?: CalendarDate): CalendarDate {
  if (value === undefined) throw new UsageError(`--${name} is required: a date like 2026-10-01`)
  if (surgery !== undefined && /^-?\d{1,5}$/.test(value)) return addDays(surgery, Number(value))
  const { data, error } = calendarDate.safeParse(value)
  if (data === undefined) throw new UsageError(`--${name} ${error?.issues[0]?.message}`)
  return data
}

function readQuestion(files: readonly string[], values: Values): Question {
  const surgery = readDate('surgery', values.surgery)
  const on = readDate('on', values.on, surgery)
  const catalogue = readCatalogue(values.catalogue ?? [])
  const versions = files.map((file) => ({
    id: file,
    version: null,
    document: readProtocolFile(file, catalogue).document,
  }))
  const documents = versions.map(({ document }) => document)
  const codes = documents.map(({ code }) => code)
  const twice = codes.find((code, index) => codes.indexOf(code) !== index)
  if (twice !== undefined) throw new UsageError(`two files have the code \`${twice}\`: each protocol at most once`)
  const entries = recordOfCase(readRecord(values.record, surgery, documents), versions, surgery)
  const knownAt = entries.reduce(
    (latest, { recordedAt }) => (recordedAt > latest ? recordedAt : latest),
    entries[0]?.recordedAt ?? ('' as never),
  )
  return { versions, entries, on, knownAt }
}

/** The record in the file; every name in it must be one that a protocol declares. */
function readRecord(file: string | undefined, surgery: CalendarDate, documents: readonly ProtocolDocument[]) {
  if (file === undefined) return {}
  const { record, patient } = recordBody(surgery)
  const text = readText(file)
  const source = readSource(file, text)
  const isList = Array.isArray(source.value)
  const read = isList ? { record: readShaped(record, file, text) } : readShaped(patient, file, text)
  const faults = documents.map((document) => faultsOfRecord(read, document))
  const inAll = (faults[0] ?? []).filter((fault) =>
    faults.every((others) => others.some(({ pointer }) => pointer === fault.pointer)),
  )
  const placed = inAll.map(({ pointer, detail }) => ({
    pointer: isList ? pointer.replace(/^\/record/, '') : pointer,
    detail,
  }))
  if (placed.length > 0) throw new Unusable(placesIn(source, placed))
  return read
}

/** A record is read as a test case's is: names that the document does not have, values that a fact cannot have. */
function faultsOfRecord(
  situation: Partial<TestCase>,
  document: ProtocolDocument,
): { pointer: string; detail: string }[] {
  // What comes after the day that is asked about is seen on a later one.
  const on = Number.POSITIVE_INFINITY
  const testCase = { code: 'record', on, expect: {}, procedures: document.procedures, ...situation }
  const names = new Set([...document.procedures, ...(situation.procedures ?? [])])
  const none = new Set<string>()
  const flaws = findFlaws(
    { ...document, cases: [testCase] },
    { procedures: names, exercises: none, groups: none, attributes: none },
  )
  const own = flaws.filter(({ path }) => path.startsWith('/cases/0/'))
  return toLocations(own).map(({ pointer, detail }) => ({ pointer: pointer.slice('/cases/0'.length), detail }))
}

const deriveAnswer: Run = (files, values) => {
  const derivation = derive(readQuestion(files, values))
  if (derivation === null) throw new Error('a record begins with its surgery')
  const answer = toAnswer(derivation)
  return { text: sayAnswer(answer), json: answer, code: 0 }
}

const deriveTimeline: Run = (files, values) => {
  const question = readQuestion(files, values)
  const derived = timeline(question)
  if (derived === null) throw new Error('a record begins with its surgery')
  const answer = toTimeline(derived, question.versions)
  return { text: sayTimeline(answer), json: answer, code: 0 }
}

const runs: Record<
  Exclude<CommandName, 'caseload'>,
  { run: Run; options: readonly string[]; least?: number; most?: number }
> = {
  check: { run: check, options: ['catalogue', 'strict'] },
  test: { run: test, options: ['catalogue'] },
  derive: { run: deriveAnswer, options: ['catalogue', 'surgery', 'on', 'record'] },
  timeline: { run: deriveTimeline, options: ['catalogue', 'surgery', 'on', 'record'] },
  table: { run: table, options: ['catalogue', 'exercise'], most: 1 },
  diff: { run: compareFiles, options: ['catalogue', 'markdown'], least: 2, most: 2 },
  hash: { run: hash, options: ['catalogue'] },
  format: { run: format, options: ['write', 'check'] },
  merge: { run: (files, { write = false }) => mergeFiles(files, write), options: ['write'], least: 3, most: 3 },
}

const counts: Readonly<Record<number, string>> = { 1: 'one file', 2: 'two files', 3: 'three files' }

/** Of files without which there is no answer, what is wrong with them. */
function orFaults(work: () => Output): Output {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Unusable)) throw error
    return { text: '', complaint: sayFaults(error.faults), json: { faults: error.faults }, code: 2 }
  }
}

function isCommand(name: string | undefined): name is CommandName {
  return name !== undefined && Object.hasOwn(commands, name)
}

/** Runs the command that the arguments name. */
export function runCommand(args: readonly string[]): Output {
  const { positionals, values } = parseArgs({ args: [...args], options, allowPositionals: true })
  const [name, ...files] = positionals
  if (name === undefined || (name === 'help' && files.length === 0)) {
    const isAsked = values.help === true || name === 'help'
    return isAsked ? { text: overview, json: null, code: 0 } : { text: '', complaint: overview, json: null, code: 2 }
  }
  const asks = name === 'help' ? files[0] : name
  if (!isCommand(asks))
    throw new UsageError(`there is no command \`${asks}\`: there are ${Object.keys(commands).join(', ')}`)
  if (values.help === true || name === 'help') return { text: `${helpOf(asks)}\n`, json: null, code: 0 }
  if (asks === 'caseload') throw new UsageError('`caseload` is the first argument, before its options')
  const command = runs[asks]
  const foreign = Object.keys(values).find((option) => option !== 'json' && !command.options.includes(option))
  if (foreign !== undefined) throw new UsageError(`\`${asks}\` has no option --${foreign}`)
  if (files.length === 0) throw new UsageError(`\`${asks}\` needs a file: ${commands[asks].usage}`)
  const { least = 1, most = files.length } = command
  if (files.length < least || files.length > most) {
    throw new UsageError(`\`${asks}\` takes ${counts[most]}: ${commands[asks].usage}`)
  }
  if (files.filter((file) => file === '-').length > 1) throw new UsageError('only one file can be the standard input')
  const output = orFaults(() => command.run(files, values))
  return values.json === true
    ? { code: output.code, json: output.json, text: `${JSON.stringify(output.json, null, 2)}\n` }
    : output
}
