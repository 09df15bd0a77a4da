import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, open, readFile, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { readConfig } from '../config.ts'
import { type Backup, writeBackup } from '../db/backup/write.ts'
import { syncFolder } from '../db/data-folder.ts'
import { openOwnerDatabase } from '../open-owner-database.ts'
import { StartupError } from '../startup-error.ts'
import { runOperation } from './operation.ts'

const usage = `usage: npm run backup -- <file>
       npm run --silent backup -- - | age -r <recipient> > <file>

Writes everything that is stored, of one moment, into a new file; the service may be running. Nothing in the database
is changed. - writes to the standard output, for instance to encrypt it on its way.
It works on the same database as the service: the same environment applies.`

await runOperation(usage, async (file) => {
  const config = readConfig(process.env)
  const path = file === '-' ? null : resolve(file)
  if (path !== null && existsSync(path)) throw alreadyThere(path)
  if (path === null && process.stdout.isTTY) throw new StartupError(`a backup is nothing to look at\n\n${usage}`)
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  const log = { debug: () => {}, info: () => {}, warn: (message: string) => process.stderr.write(`${message}\n`) }
  const database = await openOwnerDatabase(config, log)
  try {
    const backup =
      path === null
        ? await writeBackup(database.url, version, process.stdout)
        : await writeWhole(path, (out) => writeBackup(database.url, version, out))
    return describe(backup, path ?? 'the standard output')
  } finally {
    await database.close()
  }
})

/** Under its name only once it is whole and on disk; for this user's eyes only. */
async function writeWhole(path: string, write: (out: Writable) => Promise<Backup>): Promise<Backup> {
  const staging = `${path}.${randomBytes(4).toString('hex')}.partial`
  try {
    const file = await open(staging, 'wx', 0o600)
    try {
      const backup = await write(file.createWriteStream({ flush: true }))
      // Not a rename, which would replace a file that somebody has made meanwhile.
      await link(staging, path)
      await syncFolder(dirname(path))
      return backup
    } finally {
      await file.close()
    }
  } catch (error) {
    throw explain(error, path)
  } finally {
    await rm(staging, { force: true })
  }
}

function alreadyThere(path: string): StartupError {
  return new StartupError(`${path} is there already, and a backup replaces nothing: name another file`)
}

function explain(error: unknown, path: string): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EEXIST':
      return alreadyThere(path)
    case 'ENOENT':
    case 'ENOTDIR':
      return new StartupError(`there is no folder ${dirname(path)}: make it, or name another file`)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new StartupError(`this user may not write ${path}: name a file in a folder that it may write in`)
    case 'ENOSPC':
    case 'EDQUOT':
      return new StartupError(`the disk of ${path} is full, and no backup was made: make room, or name another disk`)
    default:
      return error
  }
}

function describe({ header, manifest }: Backup, where: string): string {
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0)
  return [
    `${rows} rows of ${manifest.tables.length} tables, as of ${header.at}, are in ${where}`,
    ...(manifest.auditHeads ?? []).map((head) => `audit head: ${JSON.stringify(head)}`),
  ].join('\n')
}
