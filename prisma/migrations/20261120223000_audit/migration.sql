-- Every act of a clinic, each row chained to the one before by its hash. Nobody adds but append_audit, and nobody changes.
CREATE TABLE "audit_event" (
    "clinic_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor_id" UUID,
    "actor_kind" TEXT NOT NULL,
    "credential_id" UUID,
    "operation" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "route" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "status" INTEGER,
    "attempts" INTEGER NOT NULL,
    "request_id" TEXT,
    "address" TEXT,
    "user_agent" TEXT,
    "target" TEXT[] NOT NULL,
    "patients" UUID[] NOT NULL,
    "episodes" UUID[] NOT NULL,
    "previous_hash" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_event_pkey" PRIMARY KEY ("clinic_id","seq")
);
CREATE INDEX "audit_event_clinic_id_actor_id_seq_idx" ON "audit_event"("clinic_id", "actor_id", "seq");
CREATE INDEX "audit_event_clinic_id_at_idx" ON "audit_event"("clinic_id", "at");

-- Whether each item is `name=value`, as the target of an act is told.
CREATE FUNCTION audit_target_fits(list text[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  item text;
BEGIN
  FOREACH item IN ARRAY list LOOP
    IF (item ~ '^[A-Za-z]+=[^[:cntrl:]]{0,80}$') IS NOT TRUE THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END $$;

-- Whoever reads the record relies on these, so that no row can make it unreadable.
ALTER TABLE audit_event
  ADD CONSTRAINT audit_event_at_check CHECK (at >= '2000-01-01 00:00:00Z' AND at < '10000-01-01 00:00:00Z'),
  ADD CHECK (actor_kind IN ('api-key', 'person', 'client', 'operator', 'unknown')),
  ADD CHECK ((outcome = 'success') = (status IS NULL)),
  ADD CHECK (status BETWEEN 400 AND 599),
  ADD CHECK (attempts >= 1),
  ADD CHECK (length(operation) <= 100), ADD CHECK (length(method) <= 20), ADD CHECK (length(route) <= 300),
  ADD CHECK (length(outcome) <= 100), ADD CHECK (length(request_id) <= 100), ADD CHECK (length(address) <= 255),
  ADD CHECK (length(user_agent) <= 200),
  ADD CONSTRAINT audit_event_target_check
    CHECK (COALESCE(array_ndims(target), 1) = 1 AND cardinality(target) <= 20 AND audit_target_fits(target)),
  ADD CHECK (COALESCE(array_ndims(patients), 1) = 1 AND cardinality(patients) <= 2000
    AND array_position(patients, NULL) IS NULL),
  ADD CHECK (COALESCE(array_ndims(episodes), 1) = 1 AND cardinality(episodes) <= 2000
    AND array_position(episodes, NULL) IS NULL),
  ADD CHECK (octet_length(previous_hash) = 32), ADD CHECK (octet_length(hash) = 32);

-- Whom an event is about, to find the events of one patient: a table and not an array's index, which row-level security
-- does not use.
CREATE TABLE "audit_subject" (
    "clinic_id" UUID NOT NULL,
    "subject" UUID NOT NULL,
    "seq" BIGINT NOT NULL,

    CONSTRAINT "audit_subject_pkey" PRIMARY KEY ("clinic_id","subject","seq")
);

-- The end of each clinic's chain.
CREATE TABLE "audit_head" (
    "clinic_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "audit_head_pkey" PRIMARY KEY ("clinic_id")
) WITH (fillfactor = 50);
ALTER TABLE "audit_head" ADD CONSTRAINT "audit_head_clinic_id_fkey"
  FOREIGN KEY ("clinic_id") REFERENCES "clinic"("clinic_id") ON DELETE RESTRICT ON UPDATE CASCADE;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['audit_event', 'audit_subject', 'audit_head']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format(
      'CREATE POLICY clinic_isolation ON %I USING (clinic_id = NULLIF(current_setting(''app.clinic_id'', true), '''')::uuid) '
      'WITH CHECK (clinic_id = NULLIF(current_setting(''app.clinic_id'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT ON %I TO rehab_service', t);
  END LOOP;
END $$;

-- The owner of the tables is refused too.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit_event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_subject FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit_subject
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE FUNCTION protect_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.clinic_id = OLD.clinic_id AND NEW.seq = OLD.seq + 1 THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit_head goes on by one row at a time' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER one_at_a_time BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION protect_audit_head();
CREATE TRIGGER append_only BEFORE DELETE ON audit_head FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit_head
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Each value with its length before it, so that no two rows have one text; src/features/audit/chain.ts does the same. The
-- moment is told in milliseconds since 1970, which tell every moment from every other.
CREATE FUNCTION audit_items(list text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  item text;
  written text := '';
BEGIN
  FOREACH item IN ARRAY list LOOP
    written := written || COALESCE(octet_length(convert_to(item, 'UTF8')) || ':' || item || ',', '~');
  END LOOP;
  RETURN written;
END $$;

CREATE FUNCTION audit_text(e audit_event) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN 'audit-1,' || audit_items(ARRAY[e.clinic_id::text, e.seq::text,
    trim_scale(extract(epoch FROM e.at) * 1000)::text, e.actor_id::text, e.actor_kind,
    e.credential_id::text, e.operation, e.method, e.route, e.outcome, e.status::text, e.attempts::text, e.request_id,
    e.address, e.user_agent,
    audit_items(e.target), audit_items(e.patients::text[]), audit_items(e.episodes::text[])]);
END $$;

-- Notes for append_audit which patients and episodes the transaction touches, so that no caller has to tell; a thousand
-- of each at most.
CREATE FUNCTION note_audited() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  setting text := 'app.audited_' || TG_ARGV[0];
  noted text := COALESCE(current_setting(setting, true), '');
BEGIN
  IF length(noted) < 37000 THEN
    PERFORM set_config(setting, noted || COALESCE(
      (SELECT string_agg(t.id || ' ', '') FROM (SELECT id FROM touched LIMIT 1000 - length(noted) / 37) t), ''), true);
  END IF;
  RETURN NULL;
END $$;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['patient', 'episode']
  LOOP
    EXECUTE format('CREATE TRIGGER audited_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS touched '
      'FOR EACH STATEMENT EXECUTE FUNCTION note_audited(%L)', t, t || 's');
    EXECUTE format('CREATE TRIGGER audited_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS touched '
      'FOR EACH STATEMENT EXECUTE FUNCTION note_audited(%L)', t, t || 's');
    EXECUTE format('CREATE TRIGGER audited_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS touched '
      'FOR EACH STATEMENT EXECUTE FUNCTION note_audited(%L)', t, t || 's');
  END LOOP;
END $$;

CREATE FUNCTION audit_ids(given jsonb, noted text) RETURNS uuid[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF COALESCE(noted, '') = '' AND jsonb_array_length(given) <= 1 THEN
    RETURN CASE WHEN given = '[]' THEN '{}' ELSE ARRAY[(given ->> 0)::uuid] END;
  END IF;
  RETURN (SELECT COALESCE(array_agg(DISTINCT i.id::uuid ORDER BY i.id::uuid), '{}') FROM (
    SELECT jsonb_array_elements_text(given) UNION ALL SELECT unnest(string_to_array(NULLIF(trim(noted), ''), ' '))) i(id));
END $$;

-- Adds one row to the chain of the clinic that is set, whose head it holds until the transaction ends: call it last. It
-- runs as the owner of the tables, because nobody else may add. Whoever else holds the head is waited for; after two seconds
-- that is a lock timeout (55P03).
CREATE FUNCTION append_audit(event jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  clinic uuid := NULLIF(current_setting('app.clinic_id', true), '')::uuid;
  head record;
  e audit_event;
BEGIN
  IF clinic IS NULL OR clinic IS DISTINCT FROM (event ->> 'clinic')::uuid THEN
    RAISE EXCEPTION 'an audit event is written by the clinic that it is of' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT h.seq, h.hash INTO head FROM audit_head h WHERE h.clinic_id = clinic FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO audit_head (clinic_id, seq, hash, at)
      VALUES (clinic, 0, decode(repeat('00', 32), 'hex'), (event ->> 'at')::timestamptz) ON CONFLICT DO NOTHING;
    SELECT h.seq, h.hash INTO head FROM audit_head h WHERE h.clinic_id = clinic FOR UPDATE;
  END IF;
  e.clinic_id := clinic;
  e.seq := head.seq + 1;
  e.at := (event ->> 'at')::timestamptz(3);
  e.actor_id := (event ->> 'actor')::uuid;
  e.actor_kind := event ->> 'actorKind';
  e.credential_id := (event ->> 'credential')::uuid;
  e.operation := event ->> 'operation';
  e.method := event ->> 'method';
  e.route := event ->> 'route';
  e.outcome := event ->> 'outcome';
  e.status := (event ->> 'status')::integer;
  e.attempts := (event ->> 'attempts')::integer;
  e.request_id := event ->> 'requestId';
  e.address := event ->> 'address';
  e.user_agent := event ->> 'userAgent';
  e.target := ARRAY(SELECT jsonb_array_elements_text(event -> 'target'));
  e.patients := audit_ids(event -> 'patients', current_setting('app.audited_patients', true));
  e.episodes := audit_ids(event -> 'episodes', current_setting('app.audited_episodes', true));
  e.previous_hash := head.hash;
  e.hash := sha256(head.hash || convert_to(audit_text(e), 'UTF8'));
  INSERT INTO audit_event VALUES (e.*);
  INSERT INTO audit_subject (clinic_id, subject, seq)
    SELECT clinic, s.id, e.seq FROM (SELECT unnest(e.patients) UNION SELECT unnest(e.episodes)) s(id);
  UPDATE audit_head h SET seq = e.seq, hash = e.hash, at = e.at WHERE h.clinic_id = clinic;
  RETURN e.seq;
END $$;

-- The same in a transaction of its own, in one round trip; null for a clinic that is not there. `lazily` does not wait for
-- the disk: a crash of the database's machine may lose the row, and never one that a later change has waited for.
CREATE FUNCTION record_audit(clinic uuid, lazily boolean, event jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  IF lazily THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;
  PERFORM FROM clinic c WHERE c.clinic_id = clinic;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN append_audit(event);
END $$;

REVOKE EXECUTE ON FUNCTION append_audit(jsonb), record_audit(uuid, boolean, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_audit(jsonb), record_audit(uuid, boolean, jsonb) TO rehab_service;
