/** What can be done to a chain of rows by whoever owns the tables and gets past their triggers. */
export interface Tampering {
  name: string
  /** About the row `$row` of the clinic `$clinic`. */
  sql: string
  finds: RegExp
}

const shifted = (by: number): string => `
  UPDATE audit_event SET seq = -seq WHERE clinic_id = $clinic AND seq > $row;
  UPDATE audit_event SET seq = -seq + ${by} WHERE clinic_id = $clinic AND seq < 0;`

/** The row as if it had been written so: with a hash of its own. */
const rehash = (row: string): string =>
  `UPDATE audit_event e SET hash = sha256(e.previous_hash || convert_to(audit_text(e), 'UTF8'))
   WHERE clinic_id = $clinic AND seq = ${row};`

export const tamperings: readonly Tampering[] = [
  {
    name: 'altered',
    sql: `UPDATE audit_event SET actor_id = gen_random_uuid() WHERE clinic_id = $clinic AND seq = $row`,
    finds: /^row \$row is not as it was written$/,
  },
  {
    name: 'altered, with a hash that fits',
    sql: `UPDATE audit_event SET outcome = 'success', status = NULL, address = '10.0.0.1' WHERE clinic_id = $clinic AND seq = $row;
      ${rehash('$row')}`,
    finds: /^row \$next does not follow row \$row/,
  },
  {
    name: 'removed',
    sql: 'DELETE FROM audit_event WHERE clinic_id = $clinic AND seq = $row',
    finds: /^row \$row was removed: row \$next is there/,
  },
  {
    name: 'removed, and the rows behind it moved up',
    sql: `DELETE FROM audit_event WHERE clinic_id = $clinic AND seq = $row; ${shifted(-1)}
      UPDATE audit_head SET seq = seq - 1 WHERE clinic_id = $clinic`,
    finds: /^row \$row is gone/,
  },
  {
    name: 'inserted',
    sql: `${shifted(1)}
      INSERT INTO audit_event SELECT (jsonb_populate_record(e, jsonb_build_object('seq', e.seq + 1,
        'previous_hash', e.hash))).* FROM audit_event e WHERE clinic_id = $clinic AND seq = $row;
      ${rehash('$row + 1')}
      UPDATE audit_head SET seq = seq + 1 WHERE clinic_id = $clinic`,
    finds: /^row \$next was put in/,
  },
  {
    name: 'inserted before the first',
    sql: `INSERT INTO audit_event SELECT (jsonb_populate_record(e, '{"seq": 0}')).* FROM audit_event e
      WHERE clinic_id = $clinic AND seq = $row`,
    finds: /^row 0 was put in/,
  },
  {
    name: 'inserted behind the head',
    sql: `INSERT INTO audit_event SELECT (jsonb_populate_record(e, jsonb_build_object('seq', h.seq + 1))).*
      FROM audit_event e JOIN audit_head h USING (clinic_id) WHERE clinic_id = $clinic AND e.seq = $row`,
    finds: /was put in behind the head/,
  },
  {
    name: 'put in another order',
    sql: `UPDATE audit_event SET seq = -1 WHERE clinic_id = $clinic AND seq = $row;
      UPDATE audit_event SET seq = $row WHERE clinic_id = $clinic AND seq = $next;
      UPDATE audit_event SET seq = $next WHERE clinic_id = $clinic AND seq = -1`,
    finds: /^row \$row is gone/,
  },
  {
    name: 'cut off',
    sql: 'DELETE FROM audit_event WHERE clinic_id = $clinic AND seq > $row',
    finds: /^rows? \$next .*removed from the end: the head is row/,
  },
  {
    name: 'cut off with the head',
    sql: `DELETE FROM audit_event WHERE clinic_id = $clinic AND seq > $row;
      UPDATE audit_head h SET seq = e.seq, hash = e.hash FROM audit_event e
      WHERE h.clinic_id = $clinic AND e.clinic_id = $clinic AND e.seq = $row`,
    finds: /^rows? \$next .*removed from the end: the head kept at/,
  },
  {
    name: 'left without its head',
    sql: 'DELETE FROM audit_head WHERE clinic_id = $clinic',
    finds: /^the head is gone/,
  },
  {
    name: 'dated back before Christ',
    sql: `ALTER TABLE audit_event DROP CONSTRAINT audit_event_fits;
      UPDATE audit_event SET at = (to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') || '+00 BC')::timestamptz
      WHERE clinic_id = $clinic AND seq = $row`,
    finds: /^row \$row is not as it was written$/,
  },
  {
    name: 'altered so that it cannot be read as it should',
    sql: `ALTER TABLE audit_event DROP CONSTRAINT audit_event_fits;
      UPDATE audit_event SET target = ARRAY[['id=1', 'id=2']] WHERE clinic_id = $clinic AND seq = $row`,
    finds: /^row \$row is not as it was written$/,
  },
  {
    name: 'hidden from the list by patient',
    sql: `DELETE FROM audit_subject WHERE clinic_id = $clinic AND ctid = ANY(ARRAY(
      SELECT ctid FROM audit_subject WHERE clinic_id = $clinic LIMIT 1))`,
    finds: /^row \d+ names [0-9a-f-]{36}, and is not found by it/,
  },
  {
    name: 'listed under somebody else',
    sql: `UPDATE audit_subject SET subject = gen_random_uuid() WHERE clinic_id = $clinic AND ctid = ANY(ARRAY(
      SELECT ctid FROM audit_subject WHERE clinic_id = $clinic LIMIT 1))`,
    finds: /^row \d+ (names [0-9a-f-]{36}, and is not found by it|is found by [0-9a-f-]{36}, which it does not name)/,
  },
  {
    name: 'listed under one more',
    sql: `INSERT INTO audit_subject (clinic_id, subject, seq) VALUES ($clinic, gen_random_uuid(), $row)`,
    finds: /^row \$row is found by [0-9a-f-]{36}, which it does not name/,
  },
  {
    name: 'written anew from there on, head and all',
    sql: `UPDATE audit_event SET actor_id = gen_random_uuid() WHERE clinic_id = $clinic AND seq = $row;
      DO $do$ DECLARE e audit_event; last bytea; BEGIN
        SELECT hash INTO last FROM audit_event WHERE clinic_id = $clinic AND seq = $row - 1;
        FOR e IN SELECT * FROM audit_event WHERE clinic_id = $clinic AND seq >= $row ORDER BY seq LOOP
          e.previous_hash := last;
          last := sha256(last || convert_to(audit_text(e), 'UTF8'));
          UPDATE audit_event SET previous_hash = e.previous_hash, hash = last WHERE clinic_id = $clinic AND seq = e.seq;
        END LOOP;
        UPDATE audit_head SET hash = last WHERE clinic_id = $clinic;
      END $do$`,
    finds: /whose hash was kept at .*: the chain was written anew/,
  },
]

export function toSql({ sql }: Tampering, clinicId: string, row: number): string {
  return sql
    .replaceAll('$clinic', `'${clinicId}'`)
    .replaceAll('$row', String(row))
    .replaceAll('$next', String(row + 1))
}

export function toPattern({ finds }: Tampering, row: number): RegExp {
  const text = finds.source.replaceAll('\\$row', String(row)).replaceAll('\\$next', String(row + 1))
  return new RegExp(text)
}
