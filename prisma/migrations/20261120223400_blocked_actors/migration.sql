-- Whoever is shut out of the clinic for now: a person before their token ends, a key or a client that is under suspicion.
ALTER TABLE "actor" ADD COLUMN "blocked_at" TIMESTAMPTZ(3);
GRANT UPDATE (blocked_at) ON actor TO rehab_service;

ALTER TABLE clinic_event DROP CONSTRAINT clinic_event_kind_check;
ALTER TABLE clinic_event ADD CONSTRAINT clinic_event_kind_check CHECK (kind IN ('settings-changed', 'suspended',
  'resumed', 'key-created', 'key-rotated', 'key-revoked', 'client-registered', 'client-changed', 'client-revoked',
  'actor-blocked', 'actor-unblocked'));

-- Whose key or access token this is, in force or not. The last use is noted to the minute, so that a request is no write.
CREATE OR REPLACE FUNCTION authenticate(clinic uuid, hash bytea, moment timestamptz)
RETURNS TABLE (credential_id uuid, actor_id uuid, kind text, name text, role text, scopes text[],
  expires_at timestamptz, revoked boolean, time_zone text)
LANGUAGE plpgsql AS $$
DECLARE
  used_key uuid;
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  SELECT k.id INTO used_key FROM api_key k
    WHERE k.clinic_id = clinic AND k.key_hash = hash AND k.revoked_at IS NULL
      AND COALESCE(k.expires_at, 'infinity') > moment
      AND COALESCE(k.last_used_at, '-infinity') < moment - interval '1 minute'
    FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    UPDATE api_key k SET last_used_at = moment WHERE k.clinic_id = clinic AND k.id = used_key;
  END IF;
  RETURN QUERY
    SELECT k.id, a.id, a.kind, a.name, k.role, NULLIF(k.scopes, '{}'), k.expires_at,
      k.revoked_at IS NOT NULL OR c.suspended_at IS NOT NULL OR a.blocked_at IS NOT NULL, c.time_zone
    FROM api_key k
      JOIN actor a ON a.clinic_id = k.clinic_id AND a.id = k.actor_id
      JOIN clinic c ON c.clinic_id = k.clinic_id
    WHERE k.clinic_id = clinic AND k.key_hash = hash
    UNION ALL
    SELECT t.id, a.id, a.kind, a.name, s.role, t.scopes, t.expires_at,
      s.revoked_at IS NOT NULL OR c.suspended_at IS NOT NULL OR a.blocked_at IS NOT NULL, c.time_zone
    FROM access_token t
      JOIN client s ON s.clinic_id = t.clinic_id AND s.id = t.client_id
      JOIN actor a ON a.clinic_id = t.clinic_id AND a.id = t.client_id
      JOIN clinic c ON c.clinic_id = t.clinic_id
    WHERE t.clinic_id = clinic AND t.token_hash = hash;
END $$;

-- The actor of a person whom an identity provider vouches for, made when they first come; no row for a clinic that is
-- not there or suspended, and for whom it has shut out. That they first come, or come with another name, is on record.
CREATE OR REPLACE FUNCTION identify_person(clinic uuid, fresh_id uuid, person_issuer text, person_subject text, person_name text,
  moment timestamptz)
RETURNS TABLE (actor_id uuid, time_zone text)
LANGUAGE plpgsql AS $$
DECLARE
  zone text;
  person record;
  done text;
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  SELECT c.time_zone INTO zone FROM clinic c WHERE c.clinic_id = clinic AND c.suspended_at IS NULL;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT a.id, a.name, a.blocked_at INTO person FROM actor a
    WHERE a.clinic_id = clinic AND a.issuer = person_issuer AND a.subject = person_subject;
  IF person.blocked_at IS NOT NULL THEN
    RETURN;
  END IF;
  IF person.id IS NULL OR person.name <> person_name THEN
    done := CASE WHEN person.id IS NULL THEN 'made' ELSE 'renamed' END;
    INSERT INTO actor AS a (clinic_id, id, kind, name, issuer, subject, created_at)
      VALUES (clinic, fresh_id, 'person', person_name, person_issuer, person_subject, moment)
      ON CONFLICT (clinic_id, issuer, subject) DO UPDATE SET name = EXCLUDED.name
      RETURNING a.id INTO person.id;
    -- Of two requests that come first at the same time one makes the actor.
    IF done = 'renamed' OR person.id = fresh_id THEN
      PERFORM append_audit(jsonb_build_object('clinic', clinic, 'at', moment, 'actor', person.id, 'actorKind', 'person',
        'operation', 'identifyPerson', 'method', '', 'route', '', 'outcome', 'success', 'attempts', 1,
        'target', jsonb_build_array(done || '=' || person.id), 'patients', '[]'::jsonb, 'episodes', '[]'::jsonb));
    END IF;
  END IF;
  RETURN QUERY SELECT person.id, zone;
END $$;
