-- Versions with all their parts, as the rows that they are stored in: one column for each of the lists, the rows of which
-- come in the order of the document. In one round trip, where each list by itself would take one, and of one moment.
CREATE FUNCTION read_versions(clinic uuid, versions uuid[])
RETURNS TABLE (
  version json, protocol json, exercises json, sources json, milestones json, facts json, phases json,
  prescriptions json, contraindications json, instructions json, limits json, red_flags json)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  RETURN QUERY SELECT to_json(v), json_build_object('code', p.code, 'library_hash', p.library_hash),
      (SELECT json_agg(r ORDER BY r.code) FROM version_exercise r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM source r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM milestone r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM fact r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM phase r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM prescription r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM contraindication r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM instruction r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM protocol_limit r WHERE r.clinic_id = clinic AND r.version_id = v.id),
      (SELECT json_agg(r ORDER BY r.position) FROM red_flag r WHERE r.clinic_id = clinic AND r.version_id = v.id)
    FROM protocol_version v JOIN protocol p ON p.clinic_id = clinic AND p.id = v.protocol_id
    WHERE v.clinic_id = clinic AND v.id = ANY(versions);
END $$;
REVOKE EXECUTE ON FUNCTION read_versions(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_versions(uuid, uuid[]) TO rehab_service;

-- The latest moment that any record of the clinic has, in milliseconds; null: it has none.
CREATE FUNCTION read_last_change(clinic uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  RETURN (SELECT (extract(epoch FROM e.changed_at) * 1000)::bigint FROM episode e WHERE e.clinic_id = clinic
    ORDER BY e.changed_at DESC LIMIT 1);
END $$;
REVOKE EXECUTE ON FUNCTION read_last_change(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_last_change(uuid) TO rehab_service;
