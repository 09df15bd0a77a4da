-- A chain may go on by several rows in one step; back it never goes.
CREATE OR REPLACE FUNCTION protect_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.clinic_id = OLD.clinic_id AND NEW.seq > OLD.seq THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit_head only goes on' USING ERRCODE = 'restrict_violation';
END $$;
ALTER TRIGGER one_at_a_time ON audit_head RENAME TO only_goes_on;

-- As append_audit, for several acts that have changed nothing: one row for each, in their order. The text of a row is
-- what audit_text makes of it, put together for all of them at once.
CREATE FUNCTION append_audits(events jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  clinic uuid := NULLIF(current_setting('app.clinic_id', true), '')::uuid;
  head record;
  last record;
BEGIN
  IF clinic IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(events) e WHERE clinic IS DISTINCT FROM (e ->> 'clinic')::uuid) THEN
    RAISE EXCEPTION 'an audit event is written by the clinic that it is of' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT h.seq, h.hash INTO head FROM audit_head h WHERE h.clinic_id = clinic FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO audit_head (clinic_id, seq, hash, at)
      VALUES (clinic, 0, decode(repeat('00', 32), 'hex'), (events -> 0 ->> 'at')::timestamptz) ON CONFLICT DO NOTHING;
    SELECT h.seq, h.hash INTO head FROM audit_head h WHERE h.clinic_id = clinic FOR UPDATE;
  END IF;
  WITH RECURSIVE given AS MATERIALIZED (
    SELECT e.* FROM ROWS FROM (jsonb_to_recordset(events) AS (at timestamptz(3), actor uuid, "actorKind" text,
      credential uuid, operation text, method text, route text, outcome text, status integer, attempts integer,
      "requestId" text, address text, "userAgent" text, target text[], patients uuid[], episodes uuid[])) WITH ORDINALITY e
  ), text AS MATERIALIZED (
    SELECT g.ordinality AS n, convert_to('audit-1,' || (
      SELECT string_agg(COALESCE(octet_length(convert_to(i.item, 'UTF8')) || ':' || i.item || ',', '~'), '' ORDER BY i.place)
      FROM unnest(ARRAY[clinic::text, (head.seq + g.ordinality)::text,
        trim_scale(extract(epoch FROM g.at) * 1000)::text, g.actor::text, g."actorKind", g.credential::text, g.operation,
        g.method, g.route, g.outcome, g.status::text, g.attempts::text, g."requestId", g.address, g."userAgent",
        audit_items(g.target), audit_items(g.patients::text[]), audit_items(g.episodes::text[])])
        WITH ORDINALITY i(item, place)), 'UTF8') AS bytes
    FROM given g
  ), chain AS (
    SELECT t.n, head.hash AS previous_hash, sha256(head.hash || t.bytes) AS hash FROM text t WHERE t.n = 1
    UNION ALL
    SELECT t.n, c.hash, sha256(c.hash || t.bytes) FROM chain c JOIN text t ON t.n = c.n + 1
  ), written AS (
    INSERT INTO audit_event (clinic_id, seq, at, actor_id, actor_kind, credential_id, operation, method, route, outcome,
        status, attempts, request_id, address, user_agent, target, patients, episodes, previous_hash, hash)
      SELECT clinic, head.seq + g.ordinality, g.at, g.actor, g."actorKind", g.credential, g.operation, g.method, g.route,
        g.outcome, g.status, g.attempts, g."requestId", g.address, g."userAgent", g.target, g.patients, g.episodes,
        c.previous_hash, c.hash
      FROM given g JOIN chain c ON c.n = g.ordinality
      RETURNING seq, hash, at
  ), found_by AS (
    INSERT INTO audit_subject (clinic_id, subject, seq)
      SELECT clinic, s.id, head.seq + g.ordinality
      FROM given g CROSS JOIN LATERAL (SELECT unnest(g.patients) UNION SELECT unnest(g.episodes)) s(id)
  )
  SELECT w.seq, w.hash, w.at INTO last FROM written w ORDER BY w.seq DESC LIMIT 1;
  UPDATE audit_head h SET seq = last.seq, hash = last.hash, at = last.at WHERE h.clinic_id = clinic;
  RETURN last.seq;
END $$;

-- The same in a transaction of its own, in one round trip, as record_audit is for one.
CREATE FUNCTION record_audits(clinic uuid, lazily boolean, events jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  IF lazily THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;
  PERFORM FROM clinic c WHERE c.clinic_id = clinic;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN append_audits(events);
END $$;

REVOKE EXECUTE ON FUNCTION append_audits(jsonb), record_audits(uuid, boolean, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_audits(jsonb), record_audits(uuid, boolean, jsonb) TO rehab_service;
