-- How events enter, leave and wait. The same in every service's database.

-- Every event that was taken in, once. The primary key is what makes effects happen once.
CREATE TABLE inbox (
    source         text NOT NULL,
    id             text NOT NULL,
    type           text NOT NULL,
    topic          text NOT NULL,
    partition      integer NOT NULL,
    "offset"       bigint NOT NULL,
    key            text NOT NULL,
    sequence       bigint,
    correlation_id text NOT NULL,
    causation_id   text,
    occurred_at    timestamptz NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id)
);
CREATE INDEX inbox_by_journey ON inbox (correlation_id);
CREATE INDEX inbox_by_age ON inbox USING brin (received_at);

-- The version of every stream (topic, key). Taking a version locks the stream until commit: ids that
-- are drawn afterwards are, per key, in the order of commits, and versions have no gaps.
CREATE TABLE stream (
    topic   text NOT NULL,
    key     text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (topic, key)
) WITH (fillfactor = 80);

-- What was said and must reach its topic. Kept for a while after publication, dropped by the day.
CREATE SEQUENCE outbox_id AS bigint CACHE 1;
CREATE TABLE outbox (
    id             bigint NOT NULL DEFAULT nextval('outbox_id'),
    written_at     timestamptz NOT NULL DEFAULT now(),
    shard          smallint NOT NULL,
    event_id       uuid NOT NULL,
    topic          text NOT NULL,
    key            text NOT NULL,
    type           text NOT NULL,
    sequence       bigint NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    traceparent    text,
    payload        text NOT NULL,
    published_at   timestamptz,
    PRIMARY KEY (written_at, id)
) PARTITION BY RANGE (written_at);
CREATE INDEX outbox_pending ON outbox (shard, id) WHERE published_at IS NULL;
CREATE INDEX outbox_by_journey ON outbox (correlation_id);
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT WITH (fillfactor = 70);

-- An event to oneself that is not due yet. It becomes an outbox row when it is: only then does it
-- take its place among the events of its key.
CREATE TABLE deadline (
    event_id       uuid PRIMARY KEY,
    due_at         timestamptz NOT NULL,
    topic          text NOT NULL,
    key            text NOT NULL,
    type           text NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    traceparent    text,
    payload        text NOT NULL,
    written_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deadline_by_due ON deadline (due_at);

-- Records that could not be handled ('parked'), and those of the same key that wait behind ('waiting').
CREATE TABLE parked (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state          text NOT NULL CHECK (state IN ('parked', 'waiting', 'redriven', 'discarded')),
    topic          text NOT NULL,
    partition      integer NOT NULL,
    "offset"       bigint NOT NULL,
    recorded_at    timestamptz NOT NULL,
    key            bytea,
    value          bytea,
    headers        bytea NOT NULL,
    event_id       text,
    type           text,
    correlation_id text,
    reason         text NOT NULL,
    error          text NOT NULL,
    attempts       integer NOT NULL DEFAULT 1,
    parked_at      timestamptz NOT NULL DEFAULT now(),
    resolved_at    timestamptz,
    UNIQUE (topic, partition, "offset", recorded_at)
);
CREATE INDEX parked_open ON parked (topic, key) WHERE state IN ('parked', 'waiting');

-- What operators did, written in the transaction that did it.
CREATE TABLE audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    actor   text NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL,
    reason  text NOT NULL
);

-- Answers that were given to commands with an Idempotency-Key.
CREATE TABLE idempotency (
    scope       text NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    status      smallint NOT NULL,
    media_type  text NOT NULL,
    body        bytea NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
