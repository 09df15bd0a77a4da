import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { z } from 'zod'
import { StartupError } from '../../startup-error.ts'

// A backup is a gzipped tar, so that every file in it can be read without this program:
//   backup.json                     what it is a backup of, so that a restore can refuse it at once
//   tables/<table>/<number>.copy    a table's rows as PostgreSQL's COPY writes them, in parts of at most a megabyte
//   manifest.json                   what must have been read by then: rows and SHA-256 of each table
//   manifest.sha256                 SHA-256 of manifest.json: without it the backup is not whole

export const backupFormat = 1
export const partBytes = 1 << 20

export const entryNames = {
  header: 'backup.json',
  manifest: 'manifest.json',
  seal: 'manifest.sha256',
  part: (table: string, number: number) => `tables/${table}/${String(number).padStart(6, '0')}.copy`,
} as const

/** JSON that this program writes is far smaller; more is not read. */
const mostJsonBytes = 64 << 20

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().min(0)

const headerSchema = z.object({
  format: z.literal(backupFormat),
  /** The service's version. */
  service: z.string(),
  postgres: z.string(),
  at: z.string(),
  /** In the order in which they were applied; Prisma's checksum of each. */
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })).min(1),
  tables: z.array(z.object({ name: z.string().min(1), columns: z.array(z.string().min(1)).min(1) })).min(1),
})

const manifestSchema = z.object({
  header: sha256,
  tables: z.array(z.object({ name: z.string(), rows: count, bytes: count, sha256 })),
  sequences: z.array(z.object({ name: z.string(), value: z.string().regex(/^-?\d+$/), isCalled: z.boolean() })),
  /** The end of each clinic's chain, to compare with heads that were kept elsewhere; null before there was one. */
  auditHeads: z.array(z.record(z.string(), z.unknown())).nullable(),
})

export type BackupHeader = z.infer<typeof headerSchema>
export type BackupManifest = z.infer<typeof manifestSchema>
export type TableDigest = BackupManifest['tables'][number]

/** Counts and hashes a table's rows as they go by. Each row is a line; a line's end in a value is written otherwise. */
export function digestTable(name: string) {
  const hash = createHash('sha256')
  let rows = 0
  let bytes = 0
  return {
    add(chunk: Uint8Array): void {
      hash.update(chunk)
      bytes += chunk.length
      for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) rows++
    },
    end: (): TableDigest => ({ name, rows, bytes, sha256: hash.digest('hex') }),
  }
}

export function hashText(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}

/** What is done with a backup while it is read. `rows` is not held in memory and must be read to its end. */
export interface BackupReader {
  header(header: BackupHeader): Promise<void>
  table(table: BackupHeader['tables'][number], rows: AsyncIterable<Uint8Array>): Promise<void>
}

export const damaged = (why: string): StartupError =>
  new StartupError(`the backup is cut off or was altered (${why}), and nothing was restored: use another backup`)

/**
 * Reads a backup from its beginning to its end and returns its manifest, once everything that was read is what the
 * manifest says. What `reader` does must be undone when this throws. Throws StartupError.
 */
export async function readBackup(source: Readable, reader: BackupReader): Promise<BackupManifest> {
  let fault: unknown
  const entries = openEntries(source, (error) => {
    fault ??= error
  })
  try {
    return await readEntries(entries, reader)
  } catch (error) {
    // What is wrong with the file ends the reading of what came of it, which then says only that it was ended.
    const cause = [error, fault].find(isDamage)
    throw cause === undefined ? error : damaged(describe(cause))
  } finally {
    await entries.return()
  }
}

interface Entry {
  name: string
  data: AsyncIterable<Uint8Array>
}

async function* openEntries(source: Readable, onFault: (error: Error) => void): AsyncGenerator<Entry, void, void> {
  const tar = extract()
  const gunzip = createGunzip()
  const feeding = pipeline(source, gunzip, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      if (!tar.write(chunk)) await new Promise<void>((resolve) => tar.once('drain', resolve))
    }
    tar.end(undefined)
  })
  feeding.catch((error: Error) => {
    onFault(error)
    tar.destroy(error)
  })
  try {
    for await (const entry of tar) yield { name: entry.header.name, data: entry as AsyncIterable<Uint8Array> }
    await feeding
  } finally {
    source.destroy()
    gunzip.destroy()
    tar.destroy()
  }
}

async function readEntries(entries: AsyncGenerator<Entry, void, void>, reader: BackupReader) {
  const next = async (): Promise<Entry> => {
    const { value, done } = await entries.next()
    if (done === true) throw damaged('it ends too early')
    return value
  }
  const headerText = await readText(await next(), entryNames.header)
  const header = parseHeader(headerText)
  await reader.header(header)

  const digests: TableDigest[] = []
  let entry = await next()
  for (const table of header.tables) {
    const digest = digestTable(table.name)
    const rows = async function* (): AsyncGenerator<Uint8Array> {
      for (let number = 1; entry.name === entryNames.part(table.name, number); number++) {
        for await (const chunk of entry.data) {
          digest.add(chunk)
          yield chunk
        }
        entry = await next()
      }
    }
    await reader.table(table, rows())
    digests.push(digest.end())
  }
  const manifestText = await readText(entry, entryNames.manifest)
  const seal = await readText(await next(), entryNames.seal)
  if (seal !== `${hashText(manifestText)}  ${entryNames.manifest}\n`) throw damaged('its manifest has another checksum')
  const manifest = parse(manifestSchema, manifestText, entryNames.manifest)
  if (manifest.header !== hashText(headerText)) throw damaged(`${entryNames.header} has another checksum`)
  for (const [index, found] of digests.entries()) {
    const told = manifest.tables[index]
    if (told?.name === found.name && told.rows === found.rows && told.sha256 === found.sha256) continue
    throw damaged(`the rows of the table ${found.name} have another checksum`)
  }
  if (manifest.tables.length !== digests.length) throw damaged('its manifest names other tables')
  if ((await entries.next()).done !== true) throw damaged('something follows its end')
  return manifest
}

async function readText({ name, data }: Entry, expected: string): Promise<string> {
  if (name !== expected) throw damaged(`${expected} is not where it must be`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of data) {
    bytes += chunk.length
    if (bytes > mostJsonBytes) throw damaged(`${expected} is too long`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseHeader(text: string): BackupHeader {
  const format = parse(z.object({ format: z.int(), service: z.string() }), text, entryNames.header)
  if (format.format !== backupFormat) {
    throw new StartupError(
      `the backup has the format ${format.format}, which version ${format.service} of the service writes, and this ` +
        `version reads the format ${backupFormat}: restore it with that version`,
    )
  }
  return parse(headerSchema, text, entryNames.header)
}

function parse<Value>(schema: z.ZodType<Value>, text: string, name: string): Value {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    throw damaged(`${name} is not what this service writes`)
  }
}

/** A fault of gzip's or tar's, or what their streams say when the file ends before them; what the database refuses is not. */
function isDamage(error: unknown): boolean {
  if (error instanceof StartupError || !Error.isError(error)) return false
  const { code } = error as { code?: unknown }
  return (typeof code === 'string' && code.startsWith('Z_')) || isTarFault.test(error.message)
}

const isTarFault = /tar header|^Unexpected end of data|^Stream was destroyed/i

function describe(error: unknown): string {
  const { message } = error as Error
  return /^stream was destroyed/i.test(message) ? 'it ends too early' : message.toLowerCase()
}
