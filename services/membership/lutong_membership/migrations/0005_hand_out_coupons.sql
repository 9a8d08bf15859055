-- Coupons of one kind. The counters are bounds that no crowd breaks: they move under the row's lock.
CREATE TABLE coupon_stock (
    stock_id         text PRIMARY KEY,
    merchant_id      text NOT NULL,
    currency         text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_off_minor bigint NOT NULL CHECK (amount_off_minor > 0),
    minimum_minor    bigint NOT NULL CHECK (minimum_minor >= 0),
    total            integer NOT NULL CHECK (total > 0),
    daily_total      integer NOT NULL CHECK (daily_total > 0),
    member_total     integer NOT NULL CHECK (member_total > 0),
    valid_days       integer NOT NULL CHECK (valid_days > 0),
    zone             text NOT NULL,
    paused           boolean NOT NULL DEFAULT false,
    issued           integer NOT NULL DEFAULT 0 CHECK (issued BETWEEN 0 AND total),
    issued_today     integer NOT NULL DEFAULT 0 CHECK (issued_today BETWEEN 0 AND daily_total),
    today            date
) WITH (fillfactor = 70);

-- One coupon of one member: the nth of its stock, and never beyond what a member may have.
CREATE TABLE coupon (
    coupon_id        text PRIMARY KEY,
    stock_id         text NOT NULL REFERENCES coupon_stock,
    member_id        text NOT NULL,
    merchant_id      text NOT NULL,
    currency         text NOT NULL,
    amount_off_minor bigint NOT NULL,
    minimum_minor    bigint NOT NULL,
    expires_at       timestamptz NOT NULL,
    ordinal          integer NOT NULL,
    member_total     integer NOT NULL,
    state            text NOT NULL CHECK (state IN ('issued', 'reserved', 'redeemed', 'returned', 'expired', 'voided')),
    agreement_id     text,
    order_id         text,
    issued_at        timestamptz NOT NULL DEFAULT now(),
    changed_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stock_id, member_id, ordinal),
    CHECK (ordinal BETWEEN 1 AND member_total),
    CHECK ((state IN ('reserved', 'redeemed')) = (order_id IS NOT NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX coupon_by_order ON coupon (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX coupon_by_member ON coupon (member_id, issued_at);
