-- What happened to a shelf, why, by whom, by which paper, and when: which may be before it was told.
ALTER TABLE movement
    ADD unavailable_delta integer NOT NULL DEFAULT 0,
    ADD reason            text,
    ADD actor             text,
    ADD reference         text,
    ADD occurred_at       timestamptz,
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT movement_kind_check,
    ADD CONSTRAINT movement_kind_check CHECK (kind IN (
        'counted', 'received', 'reserved', 'released', 'shipped', 'returned', 'adjusted', 'damaged', 'held_back', 'cleared'
    )) NOT VALID;
CREATE INDEX movement_in_time ON movement (location_id, sku, (coalesce(occurred_at, moved_at)));

-- `unavailable` is there and must not be sold: it broke, or its quality is in doubt. `depleted` is what was said last.
ALTER TABLE shelf
    ADD unavailable integer NOT NULL DEFAULT 0,
    ADD depleted    boolean NOT NULL DEFAULT false,
    ADD counted_at  timestamptz,
    ADD CONSTRAINT shelf_unavailable_check CHECK (unavailable >= 0) NOT VALID;
UPDATE shelf SET depleted = true WHERE on_hand - reserved - safety_stock <= 0;

ALTER TABLE reservation ADD reserved_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX reservation_by_shelf ON reservation (location_id, sku) WHERE state = 'open';
