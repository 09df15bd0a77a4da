import { createReadStream } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readConfig } from '../config.ts'
import { type Restored, restoreBackup } from '../db/backup/restore.ts'
import { verifyRestoredChains } from '../features/audit/restored.ts'
import { openOwnerDatabase } from '../open-owner-database.ts'
import { StartupError } from '../startup-error.ts'
import { putOnRecord } from './on-record.ts'
import { runOperation } from './operation.ts'

const usage = `usage: npm run restore -- <file>
       age -d -i <key> <file> | npm run --silent restore -- -

Puts a backup into an empty database, checks that every row is there as it was, and migrates it to this version. A
backup that is cut off or was altered, and a database that is not empty, are refused, and nothing is changed. That it
was done is on each clinic's record. Keys, clients and people are as they were then: whoever was locked out since gets in.
It works on the same database as the service: the same environment applies.`

await runOperation(usage, async (file) => {
  const config = readConfig(process.env)
  const path = file === '-' ? null : resolve(file)
  if (path !== null) {
    await access(path, constants.R_OK).catch(() => {
      throw new StartupError(`there is no file ${path} that this user may read`)
    })
  }
  const log = { debug: () => {}, info: () => {}, warn: (message: string) => process.stderr.write(`${message}\n`) }
  const database = await openOwnerDatabase(config, log)
  try {
    const restored = await restoreBackup({
      url: database.url,
      open: () => (path === null ? process.stdin : createReadStream(path)),
      isReadableTwice: path !== null,
      verify: verifyRestoredChains,
      record: (client, { at }) => putOnRecord(client, 'restore', [`backup=${at}`]),
    })
    if (restored.complaints.length > 0) process.exitCode = 1
    return describe(restored)
  } finally {
    await database.close()
  }
})

function describe({ header, manifest, migrated, complaints }: Restored): string {
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0)
  return [
    `${rows} rows of ${manifest.tables.length} tables, as of ${header.at}, are restored as they were`,
    'whoever was locked out since then gets in again: revoke those keys and block those people and clients again',
    ...(manifest.auditHeads !== null && complaints.length === 0 ? ['the record of acts is whole'] : []),
    ...complaints,
    ...migrated.map((name) => `migrated the database: ${name}`),
  ].join('\n')
}
