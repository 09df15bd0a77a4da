-- How many requests came this minute, by a hash of who sent them: what the replicas tell one another. It holds nothing of a
-- clinic, and a crash may empty it.
CREATE UNLOGGED TABLE "request_count" (
    "key" BYTEA NOT NULL,
    "period" INTEGER NOT NULL,
    "requests" INTEGER NOT NULL,

    CONSTRAINT "request_count_pkey" PRIMARY KEY ("key")
);
ALTER TABLE request_count ADD CHECK (octet_length(key) = 32), ADD CHECK (requests >= 0);
GRANT SELECT, INSERT, UPDATE, DELETE ON request_count TO rehab_service;
