-- The first answer to a request that had an `Idempotency-Key`, written in the transaction of what the request did. Of the
-- key itself there is the hash, because clients put what they like into it. A row never changes.
CREATE TABLE "idempotency_key" (
    "clinic_id" UUID NOT NULL,
    "actor_id" UUID NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "fingerprint" BYTEA NOT NULL,
    "status" INTEGER NOT NULL,
    "headers" JSONB NOT NULL,
    "body" BYTEA NOT NULL,
    "is_sealed" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("clinic_id","actor_id","key_hash")
);
CREATE INDEX "idempotency_key_created_at_idx" ON "idempotency_key"("created_at");
ALTER TABLE "idempotency_key" ADD CONSTRAINT "idempotency_key_clinic_id_actor_id_fkey"
  FOREIGN KEY ("clinic_id", "actor_id") REFERENCES "actor"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE idempotency_key ADD CHECK (octet_length(key_hash) = 32), ADD CHECK (octet_length(fingerprint) = 32),
  ADD CHECK (status BETWEEN 200 AND 299), ADD CHECK (jsonb_typeof(headers) = 'object');

ALTER TABLE idempotency_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_key FORCE ROW LEVEL SECURITY;
CREATE POLICY clinic_isolation ON idempotency_key
  USING (clinic_id = NULLIF(current_setting('app.clinic_id', true), '')::uuid)
  WITH CHECK (clinic_id = NULLIF(current_setting('app.clinic_id', true), '')::uuid);
-- Whoever owns the table sees of other clinics only what is to be swept.
CREATE POLICY expired ON idempotency_key TO CURRENT_USER
  USING (created_at < now() - interval '48 hours') WITH CHECK (false);
GRANT SELECT, INSERT ON idempotency_key TO rehab_service;

-- Holds the key until the transaction ends, and says what was answered to it, if anything was. Whoever else holds it is
-- waited for; after a second that is a lock timeout (55P03).
CREATE FUNCTION claim_idempotency_key(clinic uuid, actor uuid, hash bytea)
RETURNS TABLE (fingerprint bytea, status integer, headers jsonb, body bytea, is_sealed boolean)
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('idempotency_key ' || clinic || actor || encode(hash, 'hex'), 0));
  RETURN QUERY SELECT k.fingerprint, k.status, k.headers, k.body, k.is_sealed FROM idempotency_key k
    WHERE k.clinic_id = clinic AND k.actor_id = actor AND k.key_hash = hash;
END $$;

-- Removes some of what is older than 48 hours, of all clinics, and says how much that was. Replicas that sweep at the same
-- time pass over each other's rows. The service itself can delete nothing here.
CREATE FUNCTION sweep_idempotency_keys(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  swept integer;
BEGIN
  DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_key WHERE created_at < now() - interval '48 hours'
    ORDER BY created_at LIMIT most FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS swept = ROW_COUNT;
  RETURN swept;
END $$;
REVOKE ALL ON FUNCTION sweep_idempotency_keys(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_idempotency_keys(integer) TO rehab_service;
