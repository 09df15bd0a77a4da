-- What documents can say in addition. A row without any of it means what it meant.
ALTER TABLE "fact" ADD COLUMN "fixed" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "operation" JSONB,
  ADD CHECK (operation IS NULL OR operation IN ('"levels"', '"side"')
    OR COALESCE(jsonb_typeof(operation -> 'procedure') = 'string', false));
ALTER TABLE "protocol_limit" ADD COLUMN "kind" TEXT,
  ADD CHECK (kind IN ('cap', 'goal')),
  ADD CHECK (kind IS DISTINCT FROM 'goal' OR NOT as_instructed);
ALTER TABLE "contraindication" ADD COLUMN "except_target" JSONB,
  ADD CHECK (jsonb_typeof(except_target) = 'array');
ALTER TABLE "prescription" ADD COLUMN "provided" TEXT;
ALTER TABLE "protocol_version" ADD COLUMN "accepted" JSONB,
  ADD CHECK (jsonb_typeof(accepted) = 'array');
