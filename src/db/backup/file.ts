import { randomBytes } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Writable } from 'node:stream'
import { StartupError } from '../../startup-error.ts'
import { syncFolder } from '../data-folder.ts'

/** Under its name only once it is whole and on disk; for this user's eyes only. Throws StartupError. */
export async function writeWhole<Result>(path: string, write: (out: Writable) => Promise<Result>): Promise<Result> {
  const staging = `${path}.${randomBytes(4).toString('hex')}.partial`
  try {
    const file = await open(staging, 'wx', 0o600)
    try {
      const result = await write(file.createWriteStream({ flush: true }))
      await giveName(staging, path)
      await syncFolder(dirname(path))
      return result
    } finally {
      await file.close()
    }
  } catch (error) {
    throw explain(error, path)
  } finally {
    await rm(staging, { force: true })
  }
}

/** Not by a rename alone, which would replace a file that somebody has made meanwhile. */
async function giveName(staging: string, path: string): Promise<void> {
  try {
    await link(staging, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    // A file system without hard links: the name is taken first, and what takes it is ours to replace.
    await (await open(path, 'wx', 0o600)).close()
    try {
      await rename(staging, path)
    } catch (cause) {
      await rm(path, { force: true })
      throw cause
    }
  }
}

export function alreadyThere(path: string): StartupError {
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
