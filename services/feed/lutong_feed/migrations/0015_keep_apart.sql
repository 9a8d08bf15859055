-- Who blocks or mutes whom. A block holds both ways, a mute one way.
CREATE TABLE kept_apart (
    account_id text NOT NULL REFERENCES account,
    other_id   text NOT NULL REFERENCES account,
    kind       text NOT NULL CHECK (kind IN ('block', 'mute')),
    since      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, other_id, kind),
    CHECK (account_id <> other_id)
);
CREATE INDEX kept_apart_by_other ON kept_apart (other_id) WHERE kind = 'block';
