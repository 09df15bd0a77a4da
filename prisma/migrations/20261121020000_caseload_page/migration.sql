-- One page of the clinic's episodes behind `after`, by id, with their whole records: those that may have been open at
-- `moment` and have followed one of the versions then (null: whatever they followed), which are those that are and do so now
-- and those that have changed since, of which only their record tells. With `among` it is those of these ids, open or not;
-- with `since` only those that have changed after it, open or not. A record is a text, JSON with each entry as [id, kind,
-- revision, milliseconds, payload]: to let the database build it as JSON would take six times as long. read_caseload, which did, is left to a service of the release before.
CREATE FUNCTION read_caseload_page(
  clinic uuid, versions uuid[], among uuid[], since timestamptz, moment timestamptz, after uuid, most integer)
RETURNS TABLE (episode_id uuid, patient_id uuid, entries text)
LANGUAGE plpgsql AS $$
DECLARE
  found uuid[] := among;
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  IF among IS NOT NULL THEN
    NULL;
  ELSIF since IS NOT NULL THEN
    SELECT array_agg(page.id) INTO found FROM (
      SELECT e.id FROM episode e WHERE e.clinic_id = clinic AND e.id > after AND e.changed_at > since
      ORDER BY e.id LIMIT most) page;
  ELSIF versions IS NULL THEN
    SELECT array_agg(page.id) INTO found FROM (
      SELECT e.id FROM episode e
      WHERE e.clinic_id = clinic AND e.id > after AND e.created_at <= moment
        AND (e.status = 'open' OR e.changed_at > moment)
      ORDER BY e.id LIMIT most) page;
  ELSE
    SELECT array_agg(page.id) INTO found FROM (
      SELECT e.id FROM episode e
      WHERE e.clinic_id = clinic AND e.id > after AND e.created_at <= moment AND (e.changed_at > moment OR (
        e.status = 'open' AND EXISTS (
          SELECT FROM episode_protocol p
          WHERE p.clinic_id = clinic AND p.episode_id = e.id AND p.version_id = ANY(versions))))
      ORDER BY e.id LIMIT most) page;
  END IF;
  RETURN QUERY SELECT e.id, e.patient_id, (
      SELECT '[' || COALESCE(string_agg(
        '["' || r.id || '","' || r.kind || '",' || r.revision || ','
          || (extract(epoch FROM r.recorded_at) * 1000)::bigint || ',' || r.payload || ']',
        ',' ORDER BY r.revision), '') || ']'
      FROM record_entry r WHERE r.clinic_id = clinic AND r.episode_id = e.id)
    FROM episode e WHERE e.clinic_id = clinic AND e.id = ANY(found) ORDER BY e.id;
END $$;
REVOKE EXECUTE ON FUNCTION read_caseload_page(uuid, uuid[], uuid[], timestamptz, timestamptz, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_caseload_page(uuid, uuid[], uuid[], timestamptz, timestamptz, uuid, integer)
  TO rehab_service;
