-- Whoever acts: an API key, a person of an identity provider, or a client. Records and histories name its id. Keys that
-- follow one another by rotation are one actor, so that nobody approves their own work with the next key.
CREATE TABLE "actor" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "issuer" TEXT,
    "subject" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "actor_pkey" PRIMARY KEY ("clinic_id","id")
);
CREATE UNIQUE INDEX "actor_clinic_id_issuer_subject_key" ON "actor"("clinic_id", "issuer", "subject");
ALTER TABLE "actor" ADD CONSTRAINT "actor_clinic_id_fkey"
  FOREIGN KEY ("clinic_id") REFERENCES "clinic"("clinic_id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE actor ADD CHECK (kind IN ('api-key', 'person', 'client')),
  ADD CHECK ((kind = 'person') = (issuer IS NOT NULL)),
  ADD CHECK ((issuer IS NULL) = (subject IS NULL));

-- A clinic that is suspended keeps everything, and nobody gets in.
ALTER TABLE "clinic" ADD COLUMN "suspended_at" TIMESTAMPTZ(3);

ALTER TABLE "api_key" ADD COLUMN "actor_id" UUID,
  ADD COLUMN "scopes" TEXT[] NOT NULL DEFAULT '{}',
  ADD COLUMN "created_by" UUID,
  ADD COLUMN "replaced_by" UUID,
  ADD COLUMN "revoked_by" UUID,
  ADD COLUMN "last_used_at" TIMESTAMPTZ(3);

-- Every key that there is becomes an actor of its own, under the id that records name already, and stays what every key
-- was until now: an administrator. Row-level security is forced on the owner too, who must see all clinics here.
ALTER TABLE api_key NO FORCE ROW LEVEL SECURITY;
INSERT INTO actor (clinic_id, id, kind, name, created_at) SELECT clinic_id, id, 'api-key', name, created_at FROM api_key;
UPDATE api_key SET actor_id = id, role = 'administrator';
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
ALTER TABLE "api_key" ALTER COLUMN "actor_id" SET NOT NULL;
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_clinic_id_actor_id_fkey"
  FOREIGN KEY ("clinic_id", "actor_id") REFERENCES "actor"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_clinic_id_replaced_by_fkey"
  FOREIGN KEY ("clinic_id", "replaced_by") REFERENCES "api_key"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Software that signs its own assertions (SMART Backend Services), with the public keys that it is known by.
CREATE TABLE "client" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "scopes" TEXT[] NOT NULL,
    "jwks" JSONB NOT NULL,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "created_by" UUID NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "revoked_by" UUID,
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "client_pkey" PRIMARY KEY ("clinic_id","id")
);
ALTER TABLE "client" ADD CONSTRAINT "client_clinic_id_id_fkey"
  FOREIGN KEY ("clinic_id", "id") REFERENCES "actor"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE client ADD CHECK (role IN ('clinician', 'therapist', 'reader', 'integration')),
  ADD CHECK (jsonb_typeof(jwks -> 'keys') = 'array'), ADD CHECK (revision >= 1);

-- What the service has issued to a client, for minutes.
CREATE TABLE "access_token" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "client_id" UUID NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "scopes" TEXT[] NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "access_token_pkey" PRIMARY KEY ("clinic_id","id")
);
CREATE UNIQUE INDEX "access_token_clinic_id_token_hash_key" ON "access_token"("clinic_id", "token_hash");
CREATE INDEX "access_token_clinic_id_client_id_expires_at_idx" ON "access_token"("clinic_id", "client_id", "expires_at");
ALTER TABLE "access_token" ADD CONSTRAINT "access_token_clinic_id_client_id_fkey"
  FOREIGN KEY ("clinic_id", "client_id") REFERENCES "client"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The assertions that were taken: each is good once, on whichever replica it arrives.
CREATE TABLE "client_assertion" (
    "clinic_id" UUID NOT NULL,
    "client_id" UUID NOT NULL,
    "jti_hash" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "client_assertion_pkey" PRIMARY KEY ("clinic_id","client_id","jti_hash")
);
ALTER TABLE "client_assertion" ADD CONSTRAINT "client_assertion_clinic_id_client_id_fkey"
  FOREIGN KEY ("clinic_id", "client_id") REFERENCES "client"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What was done to the clinic itself: its settings, its keys, its clients. Without an actor it was the operator.
CREATE TABLE "clinic_event" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_by" UUID,

    CONSTRAINT "clinic_event_pkey" PRIMARY KEY ("clinic_id","id")
);
CREATE INDEX "clinic_event_clinic_id_recorded_at_id_idx" ON "clinic_event"("clinic_id", "recorded_at", "id");
ALTER TABLE "clinic_event" ADD CONSTRAINT "clinic_event_clinic_id_fkey"
  FOREIGN KEY ("clinic_id") REFERENCES "clinic"("clinic_id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE clinic_event ADD CHECK (kind IN ('settings-changed', 'suspended', 'resumed', 'key-created', 'key-rotated',
    'key-revoked', 'client-registered', 'client-changed', 'client-revoked')),
  ADD CHECK (jsonb_typeof(payload) = 'object');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clinic_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON clinic_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['actor', 'client', 'access_token', 'client_assertion', 'clinic_event']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format(
      'CREATE POLICY clinic_isolation ON %I USING (clinic_id = NULLIF(current_setting(''app.clinic_id'', true), '''')::uuid) '
      'WITH CHECK (clinic_id = NULLIF(current_setting(''app.clinic_id'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO rehab_service', t);
  END LOOP;
END $$;
GRANT UPDATE (name) ON actor TO rehab_service;
GRANT UPDATE (name, role, scopes, jwks, revision, revoked_at, revoked_by, last_used_at) ON client TO rehab_service;
GRANT DELETE ON access_token, client_assertion TO rehab_service;
REVOKE UPDATE ON api_key FROM rehab_service;
GRANT UPDATE (expires_at, replaced_by, revoked_at, revoked_by, last_used_at) ON api_key TO rehab_service;

-- What was revoked stays revoked, and a key never lives longer than it was made for.
CREATE FUNCTION protect_credential() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
    RAISE EXCEPTION '% % is revoked for good', TG_TABLE_NAME, OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF TG_TABLE_NAME = 'api_key' THEN
    IF COALESCE(NEW.expires_at, 'infinity') > COALESCE(OLD.expires_at, 'infinity') THEN
      RAISE EXCEPTION 'api_key % cannot be made to live longer', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.replaced_by IS NOT NULL AND NEW.replaced_by IS DISTINCT FROM OLD.replaced_by THEN
      RAISE EXCEPTION 'api_key % has a successor already', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER revoked_for_good BEFORE UPDATE ON api_key FOR EACH ROW EXECUTE FUNCTION protect_credential();
CREATE TRIGGER revoked_for_good BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION protect_credential();

-- A replica of an older version knows no roles: it must not answer for a key that may only read.
DROP FUNCTION authenticate(uuid, bytea);

-- Whose key or access token this is, in force or not. The last use is noted to the minute, so that a request is no write.
CREATE FUNCTION authenticate(clinic uuid, hash bytea, moment timestamptz)
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
      k.revoked_at IS NOT NULL OR c.suspended_at IS NOT NULL, c.time_zone
    FROM api_key k
      JOIN actor a ON a.clinic_id = k.clinic_id AND a.id = k.actor_id
      JOIN clinic c ON c.clinic_id = k.clinic_id
    WHERE k.clinic_id = clinic AND k.key_hash = hash
    UNION ALL
    SELECT t.id, a.id, a.kind, a.name, s.role, t.scopes, t.expires_at,
      s.revoked_at IS NOT NULL OR c.suspended_at IS NOT NULL, c.time_zone
    FROM access_token t
      JOIN client s ON s.clinic_id = t.clinic_id AND s.id = t.client_id
      JOIN actor a ON a.clinic_id = t.clinic_id AND a.id = t.client_id
      JOIN clinic c ON c.clinic_id = t.clinic_id
    WHERE t.clinic_id = clinic AND t.token_hash = hash;
END $$;

-- The actor of a person whom an identity provider vouches for, made when they first come; no row for a clinic that is
-- not there or suspended.
CREATE FUNCTION identify_person(clinic uuid, fresh_id uuid, person_issuer text, person_subject text, person_name text,
  moment timestamptz)
RETURNS TABLE (actor_id uuid, time_zone text)
LANGUAGE plpgsql AS $$
DECLARE
  zone text;
  person record;
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  SELECT c.time_zone INTO zone FROM clinic c WHERE c.clinic_id = clinic AND c.suspended_at IS NULL;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT a.id, a.name INTO person FROM actor a
    WHERE a.clinic_id = clinic AND a.issuer = person_issuer AND a.subject = person_subject;
  IF NOT FOUND OR person.name <> person_name THEN
    INSERT INTO actor AS a (clinic_id, id, kind, name, issuer, subject, created_at)
      VALUES (clinic, fresh_id, 'person', person_name, person_issuer, person_subject, moment)
      ON CONFLICT (clinic_id, issuer, subject) DO UPDATE SET name = EXCLUDED.name
      RETURNING a.id INTO person.id;
  END IF;
  RETURN QUERY SELECT person.id, zone;
END $$;
