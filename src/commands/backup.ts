import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import type pg from 'pg'
import { readConfig } from '../config.ts'
import { alreadyThere, writeWhole } from '../db/backup/file.ts'
import { type Backup, writeBackup } from '../db/backup/write.ts'
import { requireCluster } from '../db/embedded-postgres.ts'
import { openOwnerDatabase } from '../open-owner-database.ts'
import { StartupError } from '../startup-error.ts'
import { tryToPutOnRecord } from './on-record.ts'
import { runOperation } from './operation.ts'

const usage = `usage: npm run backup -- <file>
       npm run --silent backup -- - | age -r <recipient> > <file>

Writes everything that is stored, of one moment, into a new file; the service may be running. That it was done is on
each clinic's record. - writes to the standard output, for instance to encrypt it on its way.
It works on the same database as the service: the same environment applies.`

await runOperation(usage, async (file) => {
  const config = readConfig(process.env)
  const path = file === '-' ? null : resolve(file)
  if (path !== null && existsSync(path)) throw alreadyThere(path)
  if (path === null && process.stdout.isTTY) throw new StartupError(`a backup is nothing to look at\n\n${usage}`)
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  const log = { debug: () => {}, info: () => {}, warn: (message: string) => process.stderr.write(`${message}\n`) }
  if (config.databaseUrl === null && config.migrationDatabaseUrl === null) await requireCluster(config.dataDir)
  const database = await openOwnerDatabase(config, log)
  try {
    let notOnRecord: string | null = null
    const record = async (client: pg.Client): Promise<void> => {
      notOnRecord = await tryToPutOnRecord(client, 'backup')
    }
    const write = (out: Writable): Promise<Backup> => writeBackup(database.url, version, out, record)
    const backup = path === null ? await write(process.stdout) : await writeWhole(path, write)
    return describe(backup, path ?? 'the standard output', notOnRecord)
  } finally {
    await database.close()
  }
})

function describe({ header, manifest }: Backup, where: string, notOnRecord: string | null): string {
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0)
  return [
    `${rows} rows of ${manifest.tables.length} tables, as of ${header.at}, are in ${where}`,
    ...(notOnRecord === null ? [] : [`that it was made is not on the clinics' record: ${notOnRecord}`]),
    ...(manifest.auditHeads ?? []).map((head) => `audit head: ${JSON.stringify(head)}`),
  ].join('\n')
}
