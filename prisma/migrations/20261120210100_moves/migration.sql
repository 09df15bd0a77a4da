-- Episodes moved to another version: who, when, why, and what was confirmed.
CREATE TABLE "protocol_move" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "protocol_id" UUID NOT NULL,
    "to_version_id" UUID,
    "undoes" UUID,
    "selection" JSONB NOT NULL,
    "confirmed" TEXT[],
    "reason" TEXT NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_by" UUID NOT NULL,

    CONSTRAINT "protocol_move_pkey" PRIMARY KEY ("clinic_id","id")
);
CREATE INDEX "protocol_move_clinic_id_protocol_id_id_idx" ON "protocol_move"("clinic_id", "protocol_id", "id");

-- What each of its episodes followed before, and since.
CREATE TABLE "moved_episode" (
    "clinic_id" UUID NOT NULL,
    "move_id" UUID NOT NULL,
    "episode_id" UUID NOT NULL,
    "from_version_id" UUID NOT NULL,
    "to_version_id" UUID NOT NULL,

    CONSTRAINT "moved_episode_pkey" PRIMARY KEY ("clinic_id","move_id","episode_id")
);

ALTER TABLE "protocol_move" ADD CONSTRAINT "protocol_move_clinic_id_protocol_id_fkey"
  FOREIGN KEY ("clinic_id", "protocol_id") REFERENCES "protocol"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "protocol_move" ADD CONSTRAINT "protocol_move_clinic_id_to_version_id_fkey"
  FOREIGN KEY ("clinic_id", "to_version_id") REFERENCES "protocol_version"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "protocol_move" ADD CONSTRAINT "protocol_move_clinic_id_undoes_fkey"
  FOREIGN KEY ("clinic_id", "undoes") REFERENCES "protocol_move"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "moved_episode" ADD CONSTRAINT "moved_episode_clinic_id_move_id_fkey"
  FOREIGN KEY ("clinic_id", "move_id") REFERENCES "protocol_move"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "moved_episode" ADD CONSTRAINT "moved_episode_clinic_id_episode_id_fkey"
  FOREIGN KEY ("clinic_id", "episode_id") REFERENCES "episode"("clinic_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE protocol_move ADD CHECK ((to_version_id IS NULL) = (undoes IS NOT NULL)),
  ADD CHECK (jsonb_typeof(selection) = 'object');
ALTER TABLE moved_episode ADD CHECK (from_version_id <> to_version_id);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['protocol_move', 'moved_episode'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format(
      'CREATE POLICY clinic_isolation ON %I USING (clinic_id = NULLIF(current_setting(''app.clinic_id'', true), '''')::uuid) '
      'WITH CHECK (clinic_id = NULLIF(current_setting(''app.clinic_id'', true), '''')::uuid)', t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO rehab_service', t);
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I '
      'FOR EACH ROW EXECUTE FUNCTION refuse_change()', t);
    EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %I '
      'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', t);
  END LOOP;
END $$;
