-- Where a location delivers by slots, when that is not all that it reaches: corners of a polygon in WGS-84, as JSON.
CREATE TABLE slot_area (
    location_id text NOT NULL REFERENCES location,
    area        text NOT NULL,
    corners     text NOT NULL,
    PRIMARY KEY (location_id, area)
);

-- When a location delivers, and how many orders: on its own clock, so that its zone decides which moment that is.
-- `starts`, `ends` and `cut_off` are minutes from midnight of the day; a cut-off on a day before is below zero.
CREATE TABLE slot (
    slot_id       text PRIMARY KEY,
    location_id   text NOT NULL REFERENCES location,
    area          text,
    day           date NOT NULL,
    starts        integer NOT NULL CHECK (starts BETWEEN 0 AND 1439),
    ends          integer NOT NULL CHECK (ends BETWEEN 1 AND 2880),
    cut_off       integer NOT NULL,
    capacity      integer NOT NULL CHECK (capacity >= 0),
    held          integer NOT NULL DEFAULT 0 CHECK (held >= 0),
    booked        integer NOT NULL DEFAULT 0 CHECK (booked >= 0),
    withdrawn_for text,
    CHECK (starts < ends AND cut_off <= starts),
    CHECK (held + booked <= capacity),
    FOREIGN KEY (location_id, area) REFERENCES slot_area (location_id, area)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX slot_of_day ON slot (location_id, day, starts, (coalesce(area, '')));

-- A place in a slot: held by a member for a while, then booked with an order or released, each once.
CREATE TABLE slot_hold (
    hold_id      text PRIMARY KEY,
    slot_id      text NOT NULL REFERENCES slot,
    member_id    text NOT NULL,
    state        text NOT NULL CHECK (state IN ('held', 'booked', 'released')),
    expires_at   timestamptz NOT NULL,
    order_id     text,
    released_for text,
    held_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (state <> 'booked' OR order_id IS NOT NULL)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX slot_hold_of_order ON slot_hold (order_id) WHERE state = 'booked';
CREATE INDEX slot_hold_of_slot ON slot_hold (slot_id) WHERE state <> 'released';
CREATE INDEX slot_hold_of_member ON slot_hold (member_id) WHERE state = 'held';

-- When an order in a slot is delivered; all others are as soon as they can be.
ALTER TABLE customer_order
    ADD window_starts_at timestamptz,
    ADD window_ends_at   timestamptz;
