-- A chain may go on by several rows in one step; back it never goes.
CREATE OR REPLACE FUNCTION protect_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.clinic_id = OLD.clinic_id AND NEW.seq > OLD.seq THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit_head only goes on' USING ERRCODE = 'restrict_violation';
END $$;
ALTER TRIGGER one_at_a_time ON audit_head RENAME TO only_goes_on;

-- As append_audit, for several acts that have changed nothing: one row for each, in their order.
CREATE FUNCTION append_audits(events jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  clinic uuid := NULLIF(current_setting('app.clinic_id', true), '')::uuid;
  head record;
  e record;
  r audit_event;
  rows audit_event[];
BEGIN
  SELECT h.seq, h.hash INTO head FROM audit_head h WHERE h.clinic_id = clinic FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO audit_head (clinic_id, seq, hash, at)
      VALUES (clinic, 0, decode(repeat('00', 32), 'hex'), (events -> 0 ->> 'at')::timestamptz) ON CONFLICT DO NOTHING;
    SELECT h.seq, h.hash INTO head FROM audit_head h WHERE h.clinic_id = clinic FOR UPDATE;
  END IF;
  r.seq := head.seq;
  r.hash := head.hash;
  FOR e IN SELECT g.* FROM jsonb_to_recordset(events) AS g(clinic uuid, at timestamptz(3), actor uuid, "actorKind" text,
      credential uuid, operation text, method text, route text, outcome text, status integer, attempts integer,
      "requestId" text, address text, "userAgent" text, target text[], patients uuid[], episodes uuid[])
  LOOP
    IF clinic IS DISTINCT FROM e.clinic THEN
      RAISE EXCEPTION 'an audit event is written by the clinic that it is of' USING ERRCODE = 'insufficient_privilege';
    END IF;
    r := ROW(clinic, r.seq + 1, e.at, e.actor, e."actorKind", e.credential, e.operation, e.method, e.route, e.outcome,
      e.status, e.attempts, e."requestId", e.address, e."userAgent", e.target, e.patients, e.episodes, r.hash, NULL);
    r.hash := sha256(r.previous_hash || convert_to(audit_text(r), 'UTF8'));
    rows := rows || r;
  END LOOP;
  INSERT INTO audit_event SELECT * FROM unnest(rows);
  INSERT INTO audit_subject (clinic_id, subject, seq)
    SELECT DISTINCT clinic, s.id, u.seq FROM unnest(rows) u, unnest(u.patients || u.episodes) s(id);
  UPDATE audit_head h SET seq = r.seq, hash = r.hash, at = r.at WHERE h.clinic_id = clinic;
  RETURN r.seq;
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
