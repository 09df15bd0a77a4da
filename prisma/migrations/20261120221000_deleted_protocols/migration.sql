-- The last revision of a protocol that was deleted: revisions of another one under its code go on from there, so that an
-- entity tag never comes again.
CREATE TABLE "deleted_protocol" (
    "clinic_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "last_revision" INTEGER NOT NULL,

    CONSTRAINT "deleted_protocol_pkey" PRIMARY KEY ("clinic_id","code")
);

ALTER TABLE deleted_protocol ENABLE ROW LEVEL SECURITY;
ALTER TABLE deleted_protocol FORCE ROW LEVEL SECURITY;
CREATE POLICY clinic_isolation ON deleted_protocol
  USING (clinic_id = NULLIF(current_setting('app.clinic_id', true), '')::uuid)
  WITH CHECK (clinic_id = NULLIF(current_setting('app.clinic_id', true), '')::uuid);
GRANT SELECT, INSERT ON deleted_protocol TO rehab_service;
GRANT UPDATE (last_revision) ON deleted_protocol TO rehab_service;
