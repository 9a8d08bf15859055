-- A post that shows another one below its own words, with a card of its own: no repost, and in no tree of reposts. What is quoted is older, so
-- there are no circles; what was deleted is shown as deleted.
CREATE TABLE quote (
    post_id   text PRIMARY KEY REFERENCES post,
    quoted_id text NOT NULL REFERENCES post,
    CHECK (post_id <> quoted_id)
);
CREATE INDEX quote_by_quoted ON quote (quoted_id);

-- By how many posts it is quoted, counted once per quote when it reaches timelines.
ALTER TABLE counter ADD COLUMN quoted bigint NOT NULL DEFAULT 0;
ALTER TABLE draft ADD COLUMN quote_id text;
