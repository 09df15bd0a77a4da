-- Codes of the exercises that the document had when it was last sent as a whole: those that the catalogue adds to its
-- groups are others. Of versions that are older than this it is not known.
ALTER TABLE "protocol_version" ADD COLUMN "brought" JSONB,
  ADD CHECK (jsonb_typeof(brought) = 'array');
