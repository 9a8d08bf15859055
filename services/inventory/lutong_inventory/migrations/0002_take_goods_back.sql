-- What of an order was taken back: amounts of what the member paid, and the goods, when they came back.
ALTER TABLE customer_order
    ADD refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND amount_minor);

CREATE TABLE refund (
    refund_id    text PRIMARY KEY,
    order_id     text NOT NULL REFERENCES customer_order,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    restocked    boolean NOT NULL,
    refunded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refund_by_order ON refund (order_id);

CREATE TABLE refund_line (
    refund_id text NOT NULL REFERENCES refund,
    sku       text NOT NULL,
    units     integer NOT NULL CHECK (units > 0),
    PRIMARY KEY (refund_id, sku)
);

ALTER TABLE movement
    DROP CONSTRAINT movement_kind_check,
    ADD CONSTRAINT movement_kind_check CHECK (kind IN ('counted', 'received', 'reserved', 'released', 'shipped', 'returned'));
