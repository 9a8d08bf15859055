-- What the ranking stands on: each listing's marks (a term and its impact in one number), made by the service, and how
-- many listings have each mark. Listings from before have none (`indexed_as` 0): the service indexes them by itself.
ALTER TABLE listing
    ADD COLUMN category text,
    ADD COLUMN marks bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN name bigint NOT NULL DEFAULT 0,
    ADD COLUMN title_key text NOT NULL DEFAULT '',
    ADD COLUMN indexed_as smallint NOT NULL DEFAULT 0;

CREATE INDEX listing_by_marks ON listing USING gin (marks) WITH (fastupdate = off) WHERE visible;
CREATE INDEX listing_by_name ON listing (name) WHERE visible;
CREATE INDEX listing_by_title ON listing (title_key text_pattern_ops) WHERE visible;
CREATE INDEX listing_outdated ON listing (indexed_as, program_id);

CREATE TABLE mark (
    mark     bigint PRIMARY KEY,
    listings bigint NOT NULL
) WITH (fillfactor = 70);

-- `words` and its index stay for replicas of the version before, which search by them; the next release drops both.
