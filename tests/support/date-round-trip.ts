// Prints what the database makes of a date, in the time zone of TZ: run as a process of its own, because a running one
// does not change its zone.
import { openDatabase } from '../../src/db/client.ts'
import { fromDate, fromTimestamp, toDate, toTimestamp } from '../../src/db/dates.ts'
import type { CalendarDate, Instant } from '../../src/rules/types.ts'

const [, , url = '', ...dates] = process.argv
const instant = '2026-03-08T02:30:00.007Z' as Instant
const db = openDatabase(url)
const clinicId = crypto.randomUUID()
const patientId = crypto.randomUUID()
const moments = { createdAt: toTimestamp(instant), changedAt: toTimestamp(instant) }
const { createdAt } = moments

const rows = await db.asClinic(clinicId, async (tx) => {
  await tx.clinic.create({ data: { clinicId, name: 'Dates', timeZone: 'UTC', revision: 1, createdAt } })
  await tx.patient.create({ data: { clinicId, id: patientId, externalId: 'mrn-1', revision: 1, createdAt } })
  const written = []
  for (const date of dates) {
    const surgeryDate = toDate(date as CalendarDate)
    const id = crypto.randomUUID()
    const episode = { clinicId, id, patientId, surgeryDate, status: 'open', revision: 0, ...moments }
    await tx.episode.create({ data: episode })
    const read = await tx.episode.findUniqueOrThrow({ where: { clinicId_id: { clinicId, id } } })
    const [stored] = await tx.$queryRaw<{ date: string; instant: string }[]>`
      SELECT surgery_date::text AS date, (created_at AT TIME ZONE 'UTC')::text AS instant FROM episode
      WHERE id = ${id}::uuid`
    written.push({ read: fromDate(read.surgeryDate), instant: fromTimestamp(read.createdAt), stored })
  }
  return written
})
const plain = await db.pool.query("SELECT '2026-03-08'::date AS date")
await db.close()
process.stdout.write(
  JSON.stringify({ zone: new Date(2026, 0, 1).getTimezoneOffset(), rows, plain: plain.rows[0].date }),
)
