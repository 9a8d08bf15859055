-- A program is promoted in a placement of the feed with so many of its page views at most. The feed shows it by allowances: spends of the
-- promotion, one at a time, each of some page views for an hour.
CREATE TABLE promotion (
    promotion_id text PRIMARY KEY,
    program_id   text NOT NULL REFERENCES program,
    placement    text NOT NULL CHECK (placement IN ('home', 'square', 'for_you')),
    pv           bigint NOT NULL CHECK (pv BETWEEN 1 AND 1000000),
    began_at     timestamptz NOT NULL DEFAULT now(),
    ends_at      timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE UNIQUE INDEX promotion_open ON promotion (program_id, placement) WHERE ended_at IS NULL;

ALTER TABLE traffic_spend ADD COLUMN promotion_id text;
CREATE UNIQUE INDEX traffic_spend_of_promotion ON traffic_spend (promotion_id) WHERE state = 'reserved' AND promotion_id IS NOT NULL;
CREATE INDEX traffic_spend_by_promotion ON traffic_spend (promotion_id) INCLUDE (used) WHERE promotion_id IS NOT NULL;

-- Who was shown a program in a place that it paid for, by the day of Asia/Shanghai: visits of theirs earn it nothing that day.
CREATE TABLE traffic_shown (
    program_id text NOT NULL,
    day        date NOT NULL,
    visitor    text NOT NULL,
    PRIMARY KEY (program_id, day, visitor)
);
