-- What waits for the relay is a queue of its own, so that the outbox is only ever appended to: marking a row as
-- published wrote it a second time, with all its index entries.

-- The outbox rows that are not published yet. A row leaves when Kafka has acknowledged its event.
CREATE TABLE pending (
    shard      smallint NOT NULL,
    id         bigint NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (shard, id)
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_threshold = -1
);

INSERT INTO pending (shard, id, written_at)
SELECT shard, id, written_at FROM outbox WHERE published_at IS NULL;

DROP INDEX outbox_pending;
ALTER TABLE outbox DROP COLUMN published_at;
