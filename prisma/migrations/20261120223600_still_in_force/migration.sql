-- What a transaction has itself taken out of force: whoever revokes their own key is answered.
CREATE FUNCTION note_withdrawn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.withdrawn', NEW.id::text, true);
  RETURN NULL;
END $$;
CREATE TRIGGER withdrawn AFTER UPDATE OF revoked_at, expires_at ON api_key FOR EACH ROW EXECUTE FUNCTION note_withdrawn();

-- Whether a request that was let in may still go on: the clinic is not suspended, the actor not shut out, the key not
-- revoked or at its end, the client not revoked or changed. An access token that has only come to its end lets what was
-- begun with it go on.
CREATE FUNCTION still_in_force(clinic uuid, actor uuid, credential uuid, moment timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.clinic_id', clinic::text, true);
  RETURN EXISTS (SELECT FROM clinic c WHERE c.clinic_id = clinic AND c.suspended_at IS NULL)
    AND EXISTS (SELECT FROM actor a WHERE a.clinic_id = clinic AND a.id = actor AND a.blocked_at IS NULL)
    AND (credential IS NULL
      OR credential::text = current_setting('app.withdrawn', true)
      OR EXISTS (SELECT FROM api_key k WHERE k.clinic_id = clinic AND k.id = credential AND k.revoked_at IS NULL
        AND COALESCE(k.expires_at, 'infinity') > moment)
      OR EXISTS (SELECT FROM access_token t JOIN client s ON s.clinic_id = t.clinic_id AND s.id = t.client_id
        WHERE t.clinic_id = clinic AND t.id = credential AND s.revoked_at IS NULL));
END $$;

-- As append_audit, and 0 if whoever acts is no longer in force: then the caller rolls back. The question is asked under
-- the lock of the chain's head, which every change of the clinic holds until it is committed, and so every revocation: one
-- that is committed before is seen, and one that is not yet waits, or comes after this.
CREATE FUNCTION append_in_force(event jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  seq bigint := append_audit(event);
BEGIN
  IF event ->> 'actor' IS NULL OR still_in_force((event ->> 'clinic')::uuid, (event ->> 'actor')::uuid,
    (event ->> 'credential')::uuid, (event ->> 'at')::timestamptz) THEN
    RETURN seq;
  END IF;
  RETURN 0;
END $$;

REVOKE EXECUTE ON FUNCTION still_in_force(uuid, uuid, uuid, timestamptz), append_in_force(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION still_in_force(uuid, uuid, uuid, timestamptz), append_in_force(jsonb) TO rehab_service;
