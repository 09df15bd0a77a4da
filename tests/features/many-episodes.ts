import type { Database } from '../../src/db/client.ts'
import type { Client } from './support.ts'

/**
 * So many open episodes after an ACDF on that date, past the service because one by one takes too long. Their ids are in
 * the order of their making.
 */
export async function storeEpisodes(
  { db, clinicId }: { db: Database } & Pick<Client, 'clinicId'>,
  { count, version, surgeryDate, at }: { count: number; version: string; surgeryDate: string; at: string },
): Promise<string[]> {
  const client = await db.pool.connect()
  try {
    await client.query('BEGIN')
    await client.query(`SELECT set_config('app.clinic_id', $1, true)`, [clinicId])
    const { rows } = await client.query<{ id: string }>(
      'SELECT uuidv7() AS id FROM generate_series(1, $1::int) ORDER BY 1',
      [count],
    )
    const ids = rows.map(({ id }) => id)
    const values = [clinicId, ids, at]
    await client.query(
      `INSERT INTO patient (clinic_id, id, external_id, revision, created_at)
       SELECT $1, id, 'many-' || id, 1, $3 FROM unnest($2::uuid[]) id`,
      values,
    )
    await client.query(
      `INSERT INTO episode (clinic_id, id, patient_id, surgery_date, procedures, levels, status, revision, changed_at, created_at)
       SELECT $1, id, id, $4, '{acdf}', '{}', 'open', 2, $3::timestamptz + interval '2 ms', $3 FROM unnest($2::uuid[]) id`,
      [...values, surgeryDate],
    )
    await client.query(
      `INSERT INTO episode_protocol (clinic_id, episode_id, version_id) SELECT $1, id, $3 FROM unnest($2::uuid[]) id`,
      [clinicId, ids, version],
    )
    await client.query(
      `INSERT INTO record_entry (clinic_id, id, episode_id, revision, kind, payload, recorded_at, recorded_by)
       SELECT $1, uuidv7(), id, revision, kind, payload, $3::timestamptz + revision * interval '1 ms', id
       FROM unnest($2::uuid[]) id CROSS JOIN (VALUES
         (1, 'surgery', jsonb_build_object('surgeryDate', $4::text, 'procedures', '["acdf"]'::jsonb, 'levels', '[]'::jsonb, 'side', NULL)),
         (2, 'assignment', jsonb_build_object('versions', jsonb_build_array($5::text)))) e (revision, kind, payload)
       ORDER BY id, revision`,
      [...values, surgeryDate, version],
    )
    await client.query('COMMIT')
    return ids
  } finally {
    client.release()
  }
}
