-- What authors write and have not published: theirs alone. With `publish_at` it is published then, under the draft's id; when that was
-- refused, `refused_for` has why, and it waits for its author. A draft is gone when it is published.
CREATE TABLE draft (
    author_id   text NOT NULL REFERENCES account,
    draft_id    text NOT NULL,
    text        text NOT NULL,
    program_id  text,
    card        text NOT NULL,
    parent_id   text,
    publish_at  timestamptz,
    refused_for text,
    written_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (author_id, draft_id),
    CHECK (publish_at IS NULL OR refused_for IS NULL)
);
