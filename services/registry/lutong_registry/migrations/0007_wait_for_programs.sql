-- Posts whose author chose a program that cannot be opened yet: they lead to it once it can, within the days that the
-- service waits. The journey is that of the post.
CREATE TABLE waiting_post (
    post_id        text PRIMARY KEY,
    program_id     text NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    since          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX waiting_post_by_program ON waiting_post (program_id, since);
CREATE INDEX waiting_post_by_age ON waiting_post (since);
