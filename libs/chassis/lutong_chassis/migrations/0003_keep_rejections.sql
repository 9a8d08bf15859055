-- What was published over HTTP and rejected: who sent it, why, and where. What it said is not kept: it may hold anything.
CREATE TABLE rejected (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rejected_at timestamptz NOT NULL DEFAULT now(),
    subject     text NOT NULL,
    event_id    text,
    type        text,
    code        text NOT NULL,
    pointer     text,
    detail      text NOT NULL
);
CREATE INDEX rejected_by_subject ON rejected (subject, id);
