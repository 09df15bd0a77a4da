-- No key ever changes, and a database that is distributed by clinic_id takes no key that would (Citus refuses ON UPDATE
-- CASCADE with the distribution column in it). What the new constraints ask of the rows the old ones have asked already.
DO $$
DECLARE
  fk record;
BEGIN
  FOR fk IN
    SELECT conname, conrelid::regclass AS own, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND confupdtype = 'c'
    ORDER BY conrelid::regclass::text, conname
  LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', fk.own, fk.conname);
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', fk.own, fk.conname,
      replace(fk.definition, 'ON UPDATE CASCADE', 'ON UPDATE RESTRICT'));
  END LOOP;
END $$;

-- Who has an override of an exercise is asked before the exercise is deleted.
CREATE INDEX "record_entry_override_idx" ON "record_entry"("clinic_id", "id") WHERE "kind" = 'override';
-- What was refused, the newest first. What was done is the most of the record, and every act would have to pay for an index.
CREATE INDEX "audit_event_refused_idx" ON "audit_event"("clinic_id", "seq") WHERE "status" IS NOT NULL;
