import { access, constants, mkdir, open, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StartupError } from '../startup-error.ts'

/** Makes the folder if need be and returns its real path, which its lock and its server are known by. */
export async function prepareFolder(dataDir: string): Promise<string> {
  try {
    await makeFolder(resolve(dataDir))
    const folder = await realpath(dataDir)
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    return folder
  } catch (error) {
    throw explainFileProblem(error, dataDir)
  }
}

/** Step by step, because Node's own way never returns where the system refuses every folder, as in /proc. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error
    await makeFolder(dirname(folder))
    await mkdir(folder).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause
      throw new StartupError(`the data folder ${folder} cannot be made there: set DATA_DIR to another place`, { cause })
    })
  }
}

/** What the operator can do about a fault of the file system; any other error is returned as it is. */
export function explainFileProblem(error: unknown, folder: string): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new StartupError(
        `this user may not write in the data folder ${folder}: grant it, or set DATA_DIR to a folder that it may write in`,
        { cause: error },
      )
    case 'EEXIST':
    case 'ENOTDIR':
      return new StartupError(`the data folder ${folder} is a file or lies below one: set DATA_DIR to a folder`, {
        cause: error,
      })
    case 'ENOSPC':
    case 'EDQUOT':
      return new StartupError(
        `the disk of the data folder ${folder} is full: make room, or set DATA_DIR to another disk`,
        {
          cause: error,
        },
      )
    default:
      return error
  }
}

/**
 * One service for one folder; returns what gives it free. Node cannot lock a file, but the SQLite in it can: the lock is
 * the kernel's, so it ends with the process however that ends, and it holds between containers that share the folder,
 * whose process ids mean nothing to each other. Nothing is stored in the file.
 */
export function lockFolder(folder: string): () => void {
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(join(folder, 'service.lock'))
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    lock?.close()
    const { errcode, message } = error as { errcode?: number; message?: string }
    const busy = errcode === 5
    throw new StartupError(
      busy
        ? `another rehab-protocols service runs on the data folder ${folder}: stop it, or set DATA_DIR to another folder`
        : `the file service.lock in the data folder ${folder} cannot be locked (${message}): let this user write it, ` +
            'or set DATA_DIR to a folder on a local disk',
      { cause: error },
    )
  }
  const held = lock
  return () => {
    if (held.isOpen) held.close()
  }
}

/** A file for this user's eyes only, on disk when this resolves. */
export async function writeSecret(path: string, secret: string): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    // The mode above is not for a file that was there already.
    await file.chmod(0o600)
    await file.writeFile(`${secret}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes a rename in the folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
