-- The role that the service acts as. It owns nothing and bypasses nothing; whoever migrates may become it.
-- Roles belong to the whole server, so another database's migration may have made it already, even this instant.
DO $$
BEGIN
  CREATE ROLE rehab_service NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

DO $$
BEGIN
  IF NOT pg_has_role(current_user, 'rehab_service', 'SET') THEN
    GRANT rehab_service TO CURRENT_USER;
  END IF;
EXCEPTION WHEN unique_violation THEN NULL;
END $$;

GRANT USAGE ON SCHEMA public TO rehab_service;

-- What a row may say.
ALTER TABLE api_key ADD CHECK (role IN ('administrator', 'clinician', 'therapist', 'reader', 'integration')),
  ADD CHECK (octet_length(key_hash) = 32);
ALTER TABLE exercise ADD CHECK (kind IN ('exercise', 'activity')), ADD CHECK (jsonb_typeof(attributes) = 'object');
ALTER TABLE version_exercise ADD CHECK (kind IN ('exercise', 'activity')), ADD CHECK (jsonb_typeof(attributes) = 'object');
ALTER TABLE protocol_version ADD CHECK (status IN ('draft', 'published', 'retired')),
  ADD CHECK ((status = 'draft') = (number IS NULL)),
  ADD CHECK ((status = 'draft') = (published_at IS NULL)),
  ADD CHECK ((status = 'draft') = (content_hash IS NULL)),
  ADD CHECK ((status = 'retired') = (retired_at IS NOT NULL));
CREATE UNIQUE INDEX protocol_version_one_draft ON protocol_version (clinic_id, protocol_id) WHERE status = 'draft';
ALTER TABLE fact ADD CHECK (type IN ('number', 'boolean', 'choice', 'text'));
ALTER TABLE prescription ADD CHECK ((exercise_code IS NULL) <> (group_code IS NULL)),
  ADD CHECK (supervision IN ('independent', 'supervised')),
  ADD CHECK (side IN ('both', 'operative', 'non-operative', 'left', 'right'));
ALTER TABLE contraindication ADD CHECK (strength IN ('absolute', 'relative', 'caution'));
ALTER TABLE protocol_limit ADD CHECK (as_instructed = (max IS NULL AND min IS NULL));
ALTER TABLE red_flag ADD CHECK (response IN ('emergency', 'contact-surgeon'));
ALTER TABLE episode ADD CHECK (status IN ('open', 'closed')), ADD CHECK (side IN ('left', 'right', 'bilateral')),
  ADD CHECK (revision >= 0);
ALTER TABLE record_entry ADD CHECK (kind IN ('surgery', 'assignment', 'milestone', 'revocation', 'fact', 'symptom',
    'resolution', 'override', 'hold', 'closure', 'void')),
  ADD CHECK (revision >= 1), ADD CHECK (jsonb_typeof(payload) = 'object');

-- One clinic's rows for one transaction: without the setting, no row. NULLIF, because after a transaction that
-- set it the setting is '' and not NULL.
DO $$
DECLARE
  t text;
BEGIN
  FOR t IN
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'clinic_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format(
      'CREATE POLICY clinic_isolation ON %I USING (clinic_id = NULLIF(current_setting(''app.clinic_id'', true), '''')::uuid) '
      'WITH CHECK (clinic_id = NULLIF(current_setting(''app.clinic_id'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO rehab_service', t);
  END LOOP;
END $$;

-- The operator, who owns the tables, may see which clinics there are.
CREATE POLICY operator_lists_clinics ON clinic FOR SELECT TO CURRENT_USER USING (true);

REVOKE UPDATE, DELETE ON record_entry FROM rehab_service;
-- A published document carries its protocol's code: that never changes.
REVOKE UPDATE ON protocol FROM rehab_service;
GRANT UPDATE (title) ON protocol TO rehab_service;
REVOKE DELETE ON clinic, api_key, episode FROM rehab_service;
GRANT SELECT ON _prisma_migrations TO rehab_service;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: void the entry instead of changing it', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON record_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON record_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The record grows at its end only: an entry that was put in earlier would change what was answered since.
CREATE FUNCTION require_next_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  latest record;
BEGIN
  SELECT r.revision, r.recorded_at INTO latest FROM record_entry r
    WHERE r.clinic_id = NEW.clinic_id AND r.episode_id = NEW.episode_id ORDER BY r.revision DESC LIMIT 1;
  IF NEW.revision <> COALESCE(latest.revision, 0) + 1 OR NEW.recorded_at <= latest.recorded_at THEN
    RAISE EXCEPTION 'a record entry must follow revision % of %', latest.revision, latest.recorded_at
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER at_the_end BEFORE INSERT ON record_entry FOR EACH ROW EXECUTE FUNCTION require_next_entry();

-- A version goes from draft to published to retired, and is itself unchanged from its publication onwards.
CREATE FUNCTION protect_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.status <> 'draft' THEN
      RAISE EXCEPTION 'protocol version % is % and cannot be deleted', OLD.id, OLD.status
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
  END IF;
  IF (OLD.clinic_id, OLD.id, OLD.protocol_id) IS DISTINCT FROM (NEW.clinic_id, NEW.id, NEW.protocol_id) THEN
    RAISE EXCEPTION 'protocol version % cannot change its identity', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF OLD.status = 'draft' AND NEW.status IN ('draft', 'published') THEN
    RETURN NEW;
  END IF;
  IF OLD.status = 'published' AND NEW.status = 'retired'
    AND (to_jsonb(OLD) - '{status,retired_at,revision}'::text[]) = (to_jsonb(NEW) - '{status,retired_at,revision}'::text[])
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'protocol version % is % and cannot be changed', OLD.id, OLD.status
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER immutable_once_published BEFORE UPDATE OR DELETE ON protocol_version
  FOR EACH ROW EXECUTE FUNCTION protect_version();

-- The parts of a version change only while it is a draft. The share lock keeps a publication from overtaking
-- an edit that is under way.
CREATE FUNCTION protect_version_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  part record;
  version_status text;
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.clinic_id, OLD.version_id) IS DISTINCT FROM (NEW.clinic_id, NEW.version_id) THEN
    RAISE EXCEPTION '% cannot move to another version', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END IF;
  part := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  SELECT v.status INTO version_status FROM protocol_version v
    WHERE v.clinic_id = part.clinic_id AND v.id = part.version_id FOR SHARE;
  -- A version that is gone takes its parts along.
  IF version_status IS NOT NULL AND version_status <> 'draft' THEN
    RAISE EXCEPTION '% belongs to a % protocol version and cannot be changed', TG_TABLE_NAME, version_status
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN part;
END $$;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['version_exercise', 'source', 'milestone', 'fact', 'phase', 'prescription',
    'contraindication', 'instruction', 'protocol_limit', 'red_flag']
  LOOP
    EXECUTE format('CREATE TRIGGER draft_only BEFORE INSERT OR UPDATE OR DELETE ON %I '
      'FOR EACH ROW EXECUTE FUNCTION protect_version_part()', t);
  END LOOP;
END $$;

-- One round trip under row-level security: each function sets the clinic for its own transaction, then reads.
-- SECURITY INVOKER, so that the caller's policies apply to the read inside.
CREATE FUNCTION authenticate(clinic uuid, hash bytea)
RETURNS TABLE (id uuid, name text, role text, expires_at timestamptz, revoked_at timestamptz, time_zone text)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  RETURN QUERY SELECT k.id, k.name, k.role, k.expires_at, k.revoked_at, c.time_zone
    FROM api_key k JOIN clinic c ON c.clinic_id = k.clinic_id
    WHERE k.clinic_id = clinic AND k.key_hash = hash;
END $$;

-- `settled` waits for whoever is writing to the record: whatever has a moment that is past can then be seen.
CREATE FUNCTION read_record(clinic uuid, episode uuid, settled boolean)
RETURNS TABLE (patient_id uuid, created_at timestamptz, entries jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  IF settled THEN
    PERFORM FROM episode e WHERE e.clinic_id = clinic AND e.id = episode FOR SHARE;
  END IF;
  RETURN QUERY SELECT e.patient_id, e.created_at, (
      SELECT jsonb_agg(r.payload || jsonb_build_object('id', r.id, 'kind', r.kind, 'revision', r.revision,
        'recordedAt', to_char(r.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY r.revision)
      FROM record_entry r WHERE r.clinic_id = clinic AND r.episode_id = e.id)
    FROM episode e WHERE e.clinic_id = clinic AND e.id = episode;
END $$;
