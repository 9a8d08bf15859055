-- Goods on their way from one location to another: set apart when they are ready, gone when they leave, there when they came.
CREATE TABLE transfer (
    transfer_id   text PRIMARY KEY,
    merchant_id   text NOT NULL,
    from_location text NOT NULL REFERENCES location,
    to_location   text NOT NULL REFERENCES location,
    state         text NOT NULL CHECK (state IN ('draft', 'ready', 'in_transit', 'partially_received', 'received', 'lost', 'cancelled')),
    reference     text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    changed_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (from_location <> to_location)
) WITH (fillfactor = 80);
CREATE INDEX transfer_to_location ON transfer (to_location) WHERE state IN ('ready', 'in_transit', 'partially_received');

CREATE TABLE transfer_line (
    transfer_id text NOT NULL REFERENCES transfer,
    sku         text NOT NULL,
    units       integer NOT NULL CHECK (units > 0),
    received    integer NOT NULL DEFAULT 0 CHECK (received >= 0),
    lost        integer NOT NULL DEFAULT 0 CHECK (lost >= 0),
    PRIMARY KEY (transfer_id, sku),
    CHECK (received + lost <= units)
) WITH (fillfactor = 80);

ALTER TABLE movement
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT movement_kind_check,
    ADD CONSTRAINT movement_kind_check CHECK (kind IN (
        'counted', 'received', 'reserved', 'released', 'shipped', 'returned', 'adjusted', 'damaged', 'held_back', 'cleared',
        'set_apart', 'put_back', 'sent', 'arrived'
    )) NOT VALID;
