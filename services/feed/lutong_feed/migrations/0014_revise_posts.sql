-- How often a post was written, and what it was before: each text that was replaced, and when. What a post was goes with it when it is
-- deleted.
ALTER TABLE post
    ADD COLUMN revision integer NOT NULL DEFAULT 1,
    ADD COLUMN revised_at timestamptz;

CREATE TABLE post_revision (
    post_id     text NOT NULL REFERENCES post,
    revision    integer NOT NULL CHECK (revision >= 1),
    text        text NOT NULL,
    replaced_at timestamptz NOT NULL,
    PRIMARY KEY (post_id, revision)
);
