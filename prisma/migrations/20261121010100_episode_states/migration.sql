-- What an answer about each of the episodes is made from: its state, which is another one after every change of its record,
-- and its entries, as in read_records, unless the caller has those of that state already. One place for each episode that
-- the clinic has; that it was read is put on the clinic's record with the event of that place, as record_audits does it.
CREATE FUNCTION read_states(clinic uuid, episodes uuid[], kept text[], events jsonb)
RETURNS TABLE (place integer, state text, entries json)
LANGUAGE plpgsql AS $$
DECLARE
  found integer[] := '{}';
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true), set_config('synchronous_commit', 'off', true);
  FOR place, state, entries IN SELECT a.place::integer, s.state, (
      SELECT json_agg(json_build_array(r.id, r.kind, r.revision,
        (extract(epoch FROM r.recorded_at) * 1000)::bigint, r.payload) ORDER BY r.revision)
      FROM record_entry r WHERE r.clinic_id = clinic AND r.episode_id = a.id AND s.state IS DISTINCT FROM a.kept)
    FROM unnest(episodes, kept) WITH ORDINALITY a(id, kept, place), LATERAL (
      SELECT e.revision || ' ' || (extract(epoch FROM e.changed_at) * 1000)::bigint AS state
      FROM episode e WHERE e.clinic_id = clinic AND e.id = a.id) s
  LOOP
    found := found || place;
    RETURN NEXT;
  END LOOP;
  IF cardinality(found) = jsonb_array_length(events) THEN
    PERFORM append_audits(events);
  ELSIF cardinality(found) > 0 THEN
    PERFORM append_audits((SELECT jsonb_agg(events -> (f.place - 1) ORDER BY f.place) FROM unnest(found) f(place)));
  END IF;
END $$;
REVOKE EXECUTE ON FUNCTION read_states(uuid, uuid[], text[], jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_states(uuid, uuid[], text[], jsonb) TO rehab_service;
