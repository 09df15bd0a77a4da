import type pg from 'pg'

/** Rows that every table has in the end, of all clinics: so many that no plan reads all of them by choice. */
const mostly = 6000
/** Of them, as many clinics as a table can have without being large. */
const leastClinics = 60
/** Patients of one clinic, each with an episode. */
const patients = 3000

/** Every table of clinics, by name. */
export async function clinicTables(owner: pg.Client): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'clinic_id'
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}

/**
 * Gives the rows of this clinic to many others, each its own copy, and takes them from the clinic itself. The connection
 * is the superuser's, whom neither row-level security nor a trigger stops.
 */
export async function spreadOverClinics(owner: pg.Client, clinicId: string): Promise<void> {
  await owner.query('SET session_replication_role = replica')
  for (const table of await clinicTables(owner)) {
    const { rows } = await owner.query<{ column: string }>(
      `SELECT attname AS column FROM pg_attribute
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'clinic_id'`,
      [table],
    )
    const columns = rows.map(({ column }) => `"${column}"`).join(', ')
    const { rows: counted } = await owner.query(`SELECT count(*)::int AS count FROM ${table} WHERE clinic_id = $1`, [
      clinicId,
    ])
    const own: number = counted[0].count
    if (own === 0) continue
    await owner.query(
      `INSERT INTO ${table} (clinic_id, ${columns})
       SELECT ('02000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ${columns}
       FROM ${table} CROSS JOIN generate_series(1, $2::int) n WHERE clinic_id = $1`,
      [clinicId, Math.max(leastClinics, Math.ceil(mostly / own))],
    )
    await owner.query(`DELETE FROM ${table} WHERE clinic_id = $1`, [clinicId])
  }
}

const clinics = `(SELECT $1::uuid AS clinic UNION ALL
    SELECT ('03000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid FROM generate_series(1, 9) n) c`
const each = `generate_series(1, ${patients}) n`
const some = (count: number): string => `generate_series(1, ${count}) n`
const at = `'2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second'`

/** An id that anybody can work out: of the kind, and of the number. */
function id(kind: string, of = 'n'): string {
  return `overlay(overlay(md5(clinic || '${kind}' || ${of}) PLACING '7' FROM 13) PLACING '8' FROM 17)::uuid`
}

/** A record of acts, before the clinic itself is there, whose first acts go on from it. */
export async function growAudit(owner: pg.Client, clinicId: string): Promise<void> {
  await owner.query('SET session_replication_role = replica')
  for (const statement of [
    `INSERT INTO audit_event (clinic_id, seq, at, actor_id, actor_kind, operation, method, route, outcome, attempts, target, patients, episodes,
       previous_hash, hash)
     SELECT clinic, n, ${at}, ${id('actor', '1 + n % 1000')}, 'person', 'getPatient', 'GET', '/v1/patients/:id', 'success', 1, '{}',
       ARRAY[${id('patient')}], '{}'::uuid[], sha256('a'), sha256('b') FROM ${clinics}, ${each}`,
    `INSERT INTO audit_subject (clinic_id, subject, seq) SELECT clinic, ${id('patient')}, n FROM ${clinics}, ${each}`,
  ]) {
    await owner.query(statement, [clinicId])
  }
  await owner.query(
    `INSERT INTO audit_head (clinic_id, seq, hash, at) VALUES ($1, ${patients}, sha256('b'), '2026-01-02T00:00:00Z')`,
    [clinicId],
  )
}

/** Lets this clinic, and others beside, have as much as a large one has of whatever grows. */
export async function growClinics(owner: pg.Client, clinicId: string): Promise<void> {
  await owner.query('SET session_replication_role = replica')
  const statements = [
    `INSERT INTO patient (clinic_id, id, external_id, revision, created_at)
     SELECT clinic, ${id('patient')}, 'many-' || n, 1, ${at} FROM ${clinics}, ${each}`,
    `INSERT INTO protocol (clinic_id, id, code, title, created_at)
     SELECT clinic, ${id('protocol')}, 'many-' || n, 'Many', ${at} FROM ${clinics}, ${some(500)}`,
    `INSERT INTO protocol_version (clinic_id, id, protocol_id, number, status, title, content_hash, revision, created_at, published_at, authors)
     SELECT clinic, ${id('version')}, ${id('protocol')}, 1, 'published', 'Many', 'none', 1, ${at}, ${at}, '{}' FROM ${clinics}, ${some(500)}`,
    `INSERT INTO protocol_event (clinic_id, id, protocol_id, version_id, kind, revision, payload, recorded_at, recorded_by)
     SELECT clinic, ${id('event')}, ${id('protocol')}, ${id('version')}, 'started', 1, '{}', ${at}, ${id('actor')} FROM ${clinics}, ${some(500)}`,
    `INSERT INTO exercise (clinic_id, id, code, title, kind, equipment, groups, attributes, revision, created_at)
     SELECT clinic, ${id('exercise')}, 'many-' || n, 'Many', 'exercise', '{}', '{}', '{}', 1, ${at} FROM ${clinics}, ${some(1000)}`,
    `INSERT INTO episode (clinic_id, id, patient_id, surgery_date, procedures, levels, status, revision, changed_at, created_at)
     SELECT clinic, ${id('episode')}, ${id('patient')}, '2026-01-01', '{acdf}', '{}', CASE n % 3 WHEN 0 THEN 'closed' ELSE 'open' END, 2,
       ${at}, ${at} FROM ${clinics}, ${each}`,
    `INSERT INTO episode_protocol (clinic_id, episode_id, version_id)
     SELECT clinic, ${id('episode')}, ${id('version', '1 + n % 500')} FROM ${clinics}, ${each}`,
    `INSERT INTO record_entry (clinic_id, id, episode_id, revision, kind, payload, recorded_at, recorded_by)
     SELECT clinic, ${id('entry', 'n || kind')}, ${id('episode')}, revision, kind, payload, ${at}, ${id('actor', '1')} FROM ${clinics}, ${each},
       (VALUES (1, 'surgery', '{"surgeryDate":"2026-01-01","procedures":["acdf"],"levels":[],"side":null}'::jsonb),
         (2, 'assignment', '{"versions":[]}')) e (revision, kind, payload)`,
    `INSERT INTO actor (clinic_id, id, kind, name, issuer, subject, created_at)
     SELECT clinic, ${id('actor')}, 'person', 'Many', 'https://id.example', 'many-' || n, ${at} FROM ${clinics}, ${some(1000)}`,
    `INSERT INTO api_key (clinic_id, id, actor_id, name, prefix, key_hash, role, created_at)
     SELECT clinic, ${id('key')}, ${id('actor')}, 'Many', 'rp_', sha256(convert_to('key' || n, 'UTF8')), 'reader', ${at} FROM ${clinics}, ${some(1000)}`,
    `INSERT INTO access_token (clinic_id, id, client_id, token_hash, scopes, created_at, expires_at)
     SELECT clinic, ${id('token')}, ${id('client', '1 + n % 20')}, sha256(convert_to('token' || n, 'UTF8')), '{}', ${at}, ${at} FROM ${clinics}, ${some(1000)}`,
    `INSERT INTO clinic_event (clinic_id, id, kind, payload, recorded_at)
     SELECT clinic, ${id('clinic-event')}, 'key-created', '{}', ${at} FROM ${clinics}, ${some(1000)}`,
    `INSERT INTO idempotency_key (clinic_id, actor_id, key_hash, fingerprint, status, headers, body, is_sealed, patient_id)
     SELECT clinic, ${id('actor', '1')}, sha256(convert_to('key' || n, 'UTF8')), sha256('a'), 201, '{}', '', true, ${id('patient')}
     FROM ${clinics}, ${each}`,
  ]
  for (const statement of statements) await owner.query(statement, [clinicId])
  await owner.query('ANALYZE')
  const { rows } = await owner.query<{ name: string; rows: number }>(
    'SELECT relname AS name, reltuples::int AS rows FROM pg_class WHERE relname = ANY($1) AND reltuples < $2 * 0.9',
    [await clinicTables(owner), mostly],
  )
  if (rows.length > 0) throw new Error(`too few rows for an honest plan: ${JSON.stringify(rows)}`)
}
