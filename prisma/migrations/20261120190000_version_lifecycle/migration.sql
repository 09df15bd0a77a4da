-- Whether somebody else must approve what is published.
ALTER TABLE "clinic" ADD COLUMN "approval" TEXT NOT NULL DEFAULT 'none',
  ADD CHECK (approval IN ('none', 'second-person'));

-- Who wrote a version, who reviewed it, and what became of it. Of versions that are older than this it is not known.
ALTER TABLE "protocol_version" ADD COLUMN "authors" UUID[] NOT NULL DEFAULT '{}',
  ADD COLUMN "started_from" INTEGER,
  ADD COLUMN "submitted_at" TIMESTAMPTZ(3),
  ADD COLUMN "submitted_by" UUID,
  ADD COLUMN "submitted_hash" TEXT,
  ADD COLUMN "decision" TEXT,
  ADD COLUMN "reviewed_at" TIMESTAMPTZ(3),
  ADD COLUMN "reviewed_by" UUID,
  ADD COLUMN "review_note" TEXT,
  ADD COLUMN "retired_by" UUID,
  ADD COLUMN "retirement_note" TEXT;

-- A version that is not published is a draft, in review or approved.
DROP INDEX protocol_version_one_draft;
ALTER TABLE protocol_version DROP CONSTRAINT protocol_version_status_check,
  DROP CONSTRAINT protocol_version_check,
  DROP CONSTRAINT protocol_version_check1,
  DROP CONSTRAINT protocol_version_check2,
  ADD CHECK (status IN ('draft', 'in-review', 'approved', 'published', 'retired')),
  ADD CHECK ((status IN ('published', 'retired')) = (number IS NOT NULL)),
  ADD CHECK ((status IN ('published', 'retired')) = (published_at IS NOT NULL)),
  ADD CHECK ((status IN ('published', 'retired')) = (content_hash IS NOT NULL)),
  ADD CHECK ((submitted_at IS NULL) = (submitted_by IS NULL)),
  ADD CHECK ((submitted_at IS NULL) = (submitted_hash IS NULL)),
  ADD CHECK (status NOT IN ('in-review', 'approved') OR (submitted_at IS NOT NULL AND change_note IS NOT NULL)),
  ADD CHECK (decision IN ('approved', 'returned')),
  ADD CHECK ((decision IS NULL) = (reviewed_at IS NULL)),
  ADD CHECK ((decision IS NULL) = (reviewed_by IS NULL)),
  ADD CHECK (decision IS NULL OR submitted_at IS NOT NULL),
  ADD CHECK (decision <> 'returned' OR (status = 'draft' AND review_note IS NOT NULL)),
  ADD CHECK (decision <> 'approved' OR status IN ('approved', 'published', 'retired')),
  ADD CHECK (status <> 'approved' OR decision IS NOT NULL),
  -- What is published is to the byte what was approved.
  ADD CHECK (decision IS NULL OR content_hash IS NULL OR content_hash = submitted_hash);
CREATE UNIQUE INDEX protocol_version_one_draft ON protocol_version (clinic_id, protocol_id) WHERE number IS NULL;

-- Nothing is published, submitted or approved from the start.
CREATE FUNCTION require_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status <> 'draft' THEN
    RAISE EXCEPTION 'a protocol version begins as a draft' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER begins_as_draft BEFORE INSERT ON protocol_version FOR EACH ROW EXECUTE FUNCTION require_draft();

-- A version goes from draft to in review to approved to published to retired. While it is in review, and once it is
-- approved, it says what was submitted; going back to draft ends that. From its publication onwards it is unchanged.
CREATE OR REPLACE FUNCTION protect_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  rule text;
  free text[];
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.status NOT IN ('draft', 'approved') THEN
      RAISE EXCEPTION 'protocol version % is % and cannot be deleted', OLD.id, OLD.status
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
  END IF;
  IF (OLD.clinic_id, OLD.id, OLD.protocol_id) IS DISTINCT FROM (NEW.clinic_id, NEW.id, NEW.protocol_id) THEN
    RAISE EXCEPTION 'protocol version % cannot change its identity', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF NOT OLD.authors <@ NEW.authors THEN
    RAISE EXCEPTION 'protocol version % cannot lose an author', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;

  IF (OLD.status, NEW.status) IN (('draft', 'draft'), ('draft', 'in-review'), ('in-review', 'draft'),
    ('approved', 'draft'), ('draft', 'published'))
  THEN
    free := NULL;
  ELSIF (OLD.status, NEW.status) IN (('in-review', 'in-review'), ('approved', 'approved')) THEN
    free := '{revision}';
  ELSIF (OLD.status, NEW.status) IN (('in-review', 'approved')) THEN
    free := '{status,revision,decision,reviewed_at,reviewed_by,review_note}';
  ELSIF (OLD.status, NEW.status) IN (('approved', 'published')) THEN
    free := '{status,revision,number,content_hash,published_at,published_by}';
  ELSIF (OLD.status, NEW.status) IN (('published', 'retired')) THEN
    free := '{status,revision,retired_at,retired_by,retirement_note}';
  ELSE
    RAISE EXCEPTION 'protocol version % is % and cannot become %', OLD.id, OLD.status, NEW.status
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF free IS NOT NULL AND (to_jsonb(OLD) - free) <> (to_jsonb(NEW) - free) THEN
    RAISE EXCEPTION 'protocol version % is % and cannot be changed', OLD.id, OLD.status
      USING ERRCODE = 'restrict_violation';
  END IF;

  IF NEW.status = 'published' AND OLD.status <> 'published' THEN
    SELECT c.approval INTO rule FROM clinic c WHERE c.clinic_id = NEW.clinic_id;
    IF rule = 'second-person' AND (OLD.status <> 'approved' OR cardinality(NEW.authors) = 0
      OR NEW.reviewed_by = ANY(NEW.authors) OR NEW.reviewed_by = NEW.submitted_by)
    THEN
      RAISE EXCEPTION 'protocol version % has not been approved by a second person', OLD.id
        USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;

-- What happened to a protocol, in order: who wrote, submitted, returned, approved, published and retired what, and when.
CREATE TABLE "protocol_event" (
    "clinic_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "protocol_id" UUID NOT NULL,
    "version_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "note" TEXT,
    "payload" JSONB NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_by" UUID NOT NULL,

    CONSTRAINT "protocol_event_pkey" PRIMARY KEY ("clinic_id","id")
);
CREATE UNIQUE INDEX "protocol_event_clinic_id_version_id_revision_key"
  ON "protocol_event"("clinic_id", "version_id", "revision");
CREATE INDEX "protocol_event_clinic_id_protocol_id_recorded_at_idx"
  ON "protocol_event"("clinic_id", "protocol_id", "recorded_at");
ALTER TABLE "protocol_event" ADD CONSTRAINT "protocol_event_clinic_id_protocol_id_fkey"
  FOREIGN KEY ("clinic_id", "protocol_id") REFERENCES "protocol"("clinic_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE protocol_event ADD CHECK (kind IN ('started', 'edited', 'submitted', 'withdrawn', 'returned', 'approved',
    'published', 'retired', 'discarded')),
  ADD CHECK (jsonb_typeof(payload) = 'object');

ALTER TABLE protocol_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE protocol_event FORCE ROW LEVEL SECURITY;
CREATE POLICY clinic_isolation ON protocol_event
  USING (clinic_id = NULLIF(current_setting('app.clinic_id', true), '')::uuid)
  WITH CHECK (clinic_id = NULLIF(current_setting('app.clinic_id', true), '')::uuid);
GRANT SELECT, INSERT ON protocol_event TO rehab_service;

-- Append-only; it ends with its protocol, which can be deleted as long as nothing was published.
CREATE FUNCTION protect_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE'
    AND NOT EXISTS (SELECT FROM protocol p WHERE p.clinic_id = OLD.clinic_id AND p.id = OLD.protocol_id)
  THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'protocol_event is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON protocol_event FOR EACH ROW EXECUTE FUNCTION protect_event();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON protocol_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
