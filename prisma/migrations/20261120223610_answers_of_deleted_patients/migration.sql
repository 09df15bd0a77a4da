-- Of which patient an answer tells, so that it goes when they are deleted. No POST writes more than one.
ALTER TABLE "idempotency_key" ADD COLUMN "patient_id" UUID, ADD COLUMN "is_gone" BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX "idempotency_key_clinic_id_patient_id_idx" ON "idempotency_key"("clinic_id", "patient_id")
  WHERE "patient_id" IS NOT NULL;
ALTER TABLE idempotency_key ADD CHECK (NOT is_gone OR (octet_length(body) = 0 AND headers = '{}'));

-- What is kept already. Row-level security is forced on the owner too, who must see all clinics here.
ALTER TABLE idempotency_key NO FORCE ROW LEVEL SECURITY;
ALTER TABLE patient NO FORCE ROW LEVEL SECURITY;
UPDATE idempotency_key SET patient_id = substring(headers ->> 'location' FROM '^/v1/patients/([0-9a-f-]{36})$')::uuid;
UPDATE idempotency_key k SET body = '', headers = '{}', is_gone = true
  WHERE patient_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM patient p WHERE p.clinic_id = k.clinic_id AND p.id = k.patient_id);
ALTER TABLE idempotency_key FORCE ROW LEVEL SECURITY;
ALTER TABLE patient FORCE ROW LEVEL SECURITY;

-- note_audited has noted whom the transaction writes.
CREATE FUNCTION note_patient_of_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.patient_id := NULLIF(split_part(current_setting('app.audited_patients', true), ' ', 1), '')::uuid;
  RETURN NEW;
END $$;
CREATE TRIGGER of_patient BEFORE INSERT ON idempotency_key FOR EACH ROW EXECUTE FUNCTION note_patient_of_answer();

-- The key stays used, and what was answered to it is gone. It runs as the owner, because the service changes nothing here.
CREATE FUNCTION forget_answers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE idempotency_key SET body = '', headers = '{}', is_gone = true
    WHERE clinic_id = OLD.clinic_id AND patient_id = OLD.id;
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION forget_answers() FROM PUBLIC;
CREATE TRIGGER forget_answers AFTER DELETE ON patient FOR EACH ROW EXECUTE FUNCTION forget_answers();

DROP FUNCTION claim_idempotency_key(uuid, uuid, bytea);
-- Holds the key until the transaction ends, and says what was answered to it, if anything was. Whoever else holds it is
-- waited for; after a second that is a lock timeout (55P03).
CREATE FUNCTION claim_idempotency_key(clinic uuid, actor uuid, hash bytea)
RETURNS TABLE (fingerprint bytea, status integer, headers jsonb, body bytea, is_sealed boolean, is_gone boolean)
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('idempotency_key ' || clinic || actor || encode(hash, 'hex'), 0));
  RETURN QUERY SELECT k.fingerprint, k.status, k.headers, k.body, k.is_sealed, k.is_gone FROM idempotency_key k
    WHERE k.clinic_id = clinic AND k.actor_id = actor AND k.key_hash = hash;
END $$;
