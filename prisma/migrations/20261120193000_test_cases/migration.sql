-- Test cases that an author keeps with the protocol. A version without any is what it was.
ALTER TABLE "protocol_version" ADD COLUMN "cases" JSONB,
  ADD CHECK (jsonb_typeof(cases) = 'array');
