-- What has changed last, and since when.
CREATE INDEX "episode_clinic_id_changed_at_idx" ON "episode"("clinic_id", "changed_at");

-- The records of many episodes in one round trip, each entry as [id, kind, revision, milliseconds, payload]: to put the
-- entries together here would take three times as long.
CREATE FUNCTION read_records(clinic uuid, episodes uuid[])
RETURNS TABLE (episode_id uuid, patient_id uuid, status text, entries json)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  RETURN QUERY SELECT e.id, e.patient_id, e.status, r.entries
    FROM episode e LEFT JOIN (
      SELECT r.episode_id, json_agg(json_build_array(r.id, r.kind, r.revision,
        (extract(epoch FROM r.recorded_at) * 1000)::bigint, r.payload) ORDER BY r.revision) AS entries
      FROM record_entry r WHERE r.clinic_id = clinic AND r.episode_id = ANY(episodes) GROUP BY r.episode_id
    ) r ON r.episode_id = e.id
    WHERE e.clinic_id = clinic AND e.id = ANY(episodes) ORDER BY e.id;
END $$;

-- One page of the episodes behind `after`, by id, that may have been open and have followed one of the versions at
-- `moment`: those that do now, and those that have changed since, of which only their record tells.
CREATE FUNCTION read_caseload(clinic uuid, versions uuid[], moment timestamptz, after uuid, most integer)
RETURNS TABLE (episode_id uuid, patient_id uuid, status text, entries json)
LANGUAGE plpgsql AS $$
DECLARE
  found uuid[];
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  SELECT array_agg(page.id) INTO found FROM (
    SELECT e.id FROM episode e
    WHERE e.clinic_id = clinic AND e.id > after AND e.created_at <= moment AND (e.changed_at > moment OR (
      e.status = 'open' AND EXISTS (
        SELECT FROM episode_protocol p
        WHERE p.clinic_id = clinic AND p.episode_id = e.id AND p.version_id = ANY(versions))))
    ORDER BY e.id LIMIT most) page;
  RETURN QUERY SELECT * FROM read_records(clinic, found);
END $$;
