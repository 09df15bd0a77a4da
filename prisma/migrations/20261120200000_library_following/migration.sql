-- Which content of the library a version was merged with last. Null: that which its protocol was adopted from, as in all
-- versions that are older than this.
ALTER TABLE "protocol_version" ADD COLUMN "library_hash" TEXT,
  ADD CHECK (library_hash ~ '^[0-9a-f]{64}$');

-- The documents of the library that the clinic adopted or merged: the library's own files change with the next release.
CREATE TABLE "library_document" (
    "clinic_id" UUID NOT NULL,
    "hash" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "document" JSONB NOT NULL,
    "kept_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "library_document_pkey" PRIMARY KEY ("clinic_id","hash")
);
ALTER TABLE library_document ADD CHECK (hash ~ '^[0-9a-f]{64}$'),
  ADD CHECK (jsonb_typeof(document) = 'object');

ALTER TABLE library_document ENABLE ROW LEVEL SECURITY;
ALTER TABLE library_document FORCE ROW LEVEL SECURITY;
CREATE POLICY clinic_isolation ON library_document
  USING (clinic_id = NULLIF(current_setting('app.clinic_id', true), '')::uuid)
  WITH CHECK (clinic_id = NULLIF(current_setting('app.clinic_id', true), '')::uuid);
GRANT SELECT, INSERT ON library_document TO rehab_service;

CREATE FUNCTION refuse_change_of_library() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'library_document is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON library_document
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_library();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON library_document
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_library();

-- A newer library version that is merged into a draft is a step of the protocol's history.
ALTER TABLE protocol_event DROP CONSTRAINT protocol_event_kind_check,
  ADD CHECK (kind IN ('started', 'edited', 'merged', 'submitted', 'withdrawn', 'returned', 'approved', 'published',
    'retired', 'discarded'));
