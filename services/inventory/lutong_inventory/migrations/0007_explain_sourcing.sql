-- What was decided on an order, hop by hop: an order that a location declines is sourced again, and never goes back.
CREATE TABLE sourcing_decision (
    order_id    text NOT NULL REFERENCES customer_order,
    hop         integer NOT NULL,
    rules       integer NOT NULL,
    location_id text,
    reason      text,
    considered  text NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, hop)
);

-- How many orders a location was given on one of its own days.
CREATE TABLE location_day (
    location_id text NOT NULL REFERENCES location,
    day         date NOT NULL,
    orders      integer NOT NULL CHECK (orders >= 0),
    PRIMARY KEY (location_id, day)
) WITH (fillfactor = 70);

-- Where an order goes and what it needs are wanted again when it is sourced again.
ALTER TABLE customer_order
    ADD latitude  double precision,
    ADD longitude double precision;
