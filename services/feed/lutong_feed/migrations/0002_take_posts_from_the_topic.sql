-- What the registry found for posts that the feed does not have yet. A post of another publisher is on the topic for
-- both services at once, and the registry may be the faster one.
CREATE TABLE early_resolution (
    post_id      text PRIMARY KEY,
    program_id   text,
    merchant_id  text,
    reason       text,
    causation_id text NOT NULL,
    arrived_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((program_id IS NULL) = (reason IS NOT NULL))
);
CREATE INDEX early_resolution_by_arrival ON early_resolution (arrived_at);
