-- What an answer about each of the episodes is made from: its state, which is another one after every change of its record,
-- and its entries, as in read_records, unless the caller has those of that state already. One place for each episode that
-- the clinic has.
CREATE FUNCTION read_states(clinic uuid, episodes uuid[], kept text[])
RETURNS TABLE (place integer, state text, entries json)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  RETURN QUERY SELECT a.place::integer, s.state, (
      SELECT json_agg(json_build_array(r.id, r.kind, r.revision,
        (extract(epoch FROM r.recorded_at) * 1000)::bigint, r.payload) ORDER BY r.revision)
      FROM record_entry r WHERE r.clinic_id = clinic AND r.episode_id = a.id AND s.state IS DISTINCT FROM a.kept)
    FROM unnest(episodes, kept) WITH ORDINALITY a(id, kept, place), LATERAL (
      SELECT e.revision || ' ' || (extract(epoch FROM e.changed_at) * 1000)::bigint AS state
      FROM episode e WHERE e.clinic_id = clinic AND e.id = a.id) s;
END $$;
