-- Services without goods that are paid for: their merchant does them by `done_by`, with a reference of its own, or they end for a reason.
CREATE TABLE provision (
    order_id       text PRIMARY KEY,
    merchant_id    text NOT NULL,
    member_id      text NOT NULL,
    post_id        text NOT NULL,
    program_id     text NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
    currency       text NOT NULL,
    touch          text,
    state          text NOT NULL CHECK (state IN ('waiting', 'done', 'failed', 'lapsed', 'cancelled')),
    done_by        timestamptz NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    reference      text,
    reason         text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'done') = (reference IS NOT NULL)),
    CHECK ((state IN ('failed', 'lapsed', 'cancelled')) = (reason IS NOT NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX provision_by_reference ON provision (merchant_id, reference) WHERE reference IS NOT NULL;
CREATE INDEX provision_waiting ON provision (merchant_id, order_id) WHERE state = 'waiting';
